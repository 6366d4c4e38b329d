#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` puts down works where it lies: the programs find each other
# and the manual is there, and a stranger's program builds against libtally-verify with
# pkg-config alone and judges as `tally verify` does.
#
#   install.sh SOURCE-FOLDER BUILD-FOLDER COMPILER [COMPILER-OPTION]...
set -euo pipefail
top=$1
build=$2
shift 2
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tally-install.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
unset TALLY_TPM_HELPER LD_LIBRARY_PATH
passed=0
holds() { # what, command...
	local what=$1
	shift
	if ! "$@" >"$scratch/said" 2>&1; then
		cat "$scratch/said" >&2
		printf 'FAILED: %s\n%d passed, 1 failed\n' "$what" "$passed"
		exit 1
	fi
	passed=$((passed + 1))
	printf 'ok: %s\n' "$what"
}
exits() { # status, command...
	local want=$1 status=0
	shift
	"$@" || status=$?
	[ "$status" = "$want" ] || { echo "exit $status, not $want: $*"; return 1; }
}

holds 'it installs below DESTDIR' env DESTDIR="$scratch/root" meson install -C "$build" --no-rebuild
tally=$(find "$scratch/root" -path '*/bin/tally' -type f)
prefix=${tally%/bin/tally}
for file in bin/tally sbin/tallyd libexec/tallyd-tpm include/tally/verify.h; do
	holds "$file is there" [ -s "$prefix/$file" ]
done
for pack in "$top"/rules/*.yaml; do
	holds "the rule pack $(basename "$pack") is there" cmp "$pack" "$prefix/share/tallystick/rules/$(basename "$pack")"
done
finds_its_packs() {
	env -u TALLY_RULES "$tally" rules check >"$scratch/packs" &&
		[ "$(grep -c "/share/tallystick/rules/.*: good\$" "$scratch/packs")" = "$(find "$top/rules" -name '*.yaml' | wc -l)" ]
}
holds 'tally finds its rule packs' finds_its_packs
for page in "$top"/docs/man/*.scd; do
	name=$(basename "$page" .scd)
	holds "the manual has $name" [ -s "$prefix/share/man/man${name##*.}/$name" ]
done
for program in tally tallyd; do
	completes() { # shellcheck disable=SC1090
		source "$prefix/share/bash-completion/completions/$program" && complete -p "$program"
	}
	holds "bash completes $program" completes
done
root=$scratch/root
unit=$prefix/lib/systemd/system/tallyd.service
for file in "$unit" "$prefix/lib/sysusers.d/tallystick.conf" "$prefix/lib/tmpfiles.d/tallystick.conf" \
	"$prefix/share/doc/tallystick/examples/tallyd.yaml" "$root/etc/tallystick/tallyd.yaml"; do
	holds "${file#"$root"} is there" [ -s "$file" ]
done
holds 'the unit starts what was installed' grep -qx \
	"ExecStart=${prefix#"$root"}/sbin/tallyd -c /etc/tallystick/tallyd.yaml" "$unit"
holds 'the example is a configuration' exits 0 "$prefix/sbin/tallyd" -n -c "$root/etc/tallystick/tallyd.yaml"
echo 'quorum none' >"$scratch/witnesses" # the policy is read, too, and so are the roots
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=root -keyout "$scratch/key.pem" \
	-out "$scratch/timestamp-roots.pem" 2>/dev/null
sed -E 's/^#(  |    )?([a-z-])/\1\2/'";s,/etc/tallystick/(witnesses|timestamp-roots),$scratch/\\1," "$top/examples/tallyd.yaml" \
	>"$scratch/all.yaml"
holds 'so is the example with each of its comments taken away' exits 0 "$prefix/sbin/tallyd" -n -c "$scratch/all.yaml"
shows_every_key() {
	local key keys=0
	while IFS= read -r key; do
		grep -qE "^ *(- )?${key##*.}:" "$scratch/all.yaml" || { echo "no $key"; return 1; }
		keys=$((keys + 1))
	done < <(sed -n '/^## 13 /,/^## 14 /p' "$top/docs/FORMAT.md" | grep -E '^\| `' | cut -d'|' -f2 | grep -oE '[a-z._]+')
	[ "$keys" -gt 12 ]
}
holds 'the example shows every key' shows_every_key
keeps_a_configuration() {
	echo 'ledger: /mine' >"$root/etc/tallystick/tallyd.yaml"
	DESTDIR="$root" meson install -C "$build" --no-rebuild && grep -qx 'ledger: /mine' "$root/etc/tallystick/tallyd.yaml"
}
holds 'installed again it keeps the configuration' keeps_a_configuration
holds 'where the place cannot be written there is none, and no failure' \
	env DESTDIR=/dev/null "$top/packaging/install-config" "$top/examples/tallyd.yaml" /etc
if command -v systemd-analyze >/dev/null; then
	sed "s,^ExecStart=,&$root," "$unit" >"$scratch/tallyd.service"
	accepts() { exits 0 systemd-analyze verify --man=no "$scratch/tallyd.service" && [ ! -s "$scratch/said" ]; }
	holds 'systemd has nothing to say against the unit' accepts
	holds 'and calls it well shut in' exits 0 systemd-analyze security --offline=true --threshold=20 --no-pager \
		"$scratch/tallyd.service"
else
	echo 'skipped: systemd-analyze is not there, the unit is not verified'
fi
if command -v systemd-sysusers >/dev/null && [ "$(id -u)" = 0 ]; then
	# Into a folder of their own; the files are given by their names.
	mkdir -p "$scratch/host/etc"
	makes_the_user() {
		systemd-sysusers --root="$scratch/host" "$prefix/lib/sysusers.d/tallystick.conf" &&
			grep -q '^tallystick:.*:/var/lib/tallystick:.*nologin$' "$scratch/host/etc/passwd"
	}
	makes_the_home() {
		systemd-tmpfiles --create --root="$scratch/host" "$prefix/lib/tmpfiles.d/tallystick.conf" &&
			[ "$(stat -c '%a %u' "$scratch/host/var/lib/tallystick")" = "700 $(grep '^tallystick:' "$scratch/host/etc/passwd" |
				cut -d: -f3)" ]
	}
	holds 'systemd-sysusers makes the user' makes_the_user
	holds 'systemd-tmpfiles makes its home, and for it alone' makes_the_home
else
	echo 'skipped: no systemd-sysusers, or not root: the user is not made'
fi
holds 'nothing names the build folder' exits 1 grep -rIl -e "$build" -e "$scratch" "$prefix"

cat >"$scratch/events.jsonl" <<'EOF'
{"time":"2026-01-01T00:00:00Z","host":"h1","event":"host","cores_per_socket":[8,8]}
{"time":"2026-01-01T01:00:00Z","host":"h1","event":"start","vm":"6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11","vcpus":2}
{"time":"2026-01-01T02:00:00Z","host":"h1","event":"stop","vm":"6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11","cause":"shutdown"}
EOF
holds 'tally finds its TPM helper' "$tally" record "$scratch/hosts" --from "$scratch/events.jsonl"
holds 'and works' "$tally" export "$scratch/hosts/h1" --to "$scratch/export"
cp "$scratch/hosts/h1/keys/log.vkey" "$scratch/pinned"
holds 'tally verify: it holds' "$tally" verify "$scratch/export" --anchor "$scratch/pinned"
if [ ! -e "${prefix#"$scratch/root"}/libexec/tallyd-tpm" ]; then
	mv "$prefix/libexec/tallyd-tpm" "$scratch/elsewhere"
	holds 'the helper was the installed one' exits 3 "$tally" init "$scratch/ledger"
	mv "$scratch/elsewhere" "$prefix/libexec/tallyd-tpm"
fi
printf 'ledger: %s\n' "$scratch/hosts/h1" >"$scratch/tallyd.yaml"
holds 'tallyd starts' "$prefix/sbin/tallyd" --check -c "$scratch/tallyd.yaml"

pc=$(dirname "$(find "$prefix" -name tally-verify.pc)")
export PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$scratch/root
read -r -a flags <<<"$(pkg-config --cflags --libs tally-verify)"
stranger=$scratch/stranger
holds 'a stranger compiles with pkg-config' "$@" -Wall -Wextra -Wpedantic -Werror \
	-o "$stranger" "$top/tests/integration/stranger.c" "${flags[@]}"
LD_LIBRARY_PATH=$(dirname "$pc")
export LD_LIBRARY_PATH
holds 'the library is the installed one' grep -q "$LD_LIBRARY_PATH/libtally-verify.so.0" <<<"$(ldd "$stranger")"
holds 'the stranger says: it holds' exits 0 "$stranger" "$scratch/export" "$scratch/pinned"
printf '\001' | dd of="$scratch/export/private/payload/000.p/$(ls "$scratch/export/private/payload/000.p")" \
	bs=1 seek=40 conv=notrunc status=none
names_it() { exits 1 "$stranger" "$scratch/export" "$scratch/pinned" | grep 'private/payload'; }
holds 'the stranger sees a changed byte, and where' names_it
holds 'the stranger learns of a path that is not there' exits 3 "$stranger" "$scratch/nothing" "$scratch/pinned"
printf '%d passed, 0 failed\n' "$passed"
