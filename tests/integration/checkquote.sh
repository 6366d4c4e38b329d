#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tpm2_checkquote of tpm2-tools accepts a quote taken from an export, and refuses
# another nonce, another attestation and another key.
#
#   checkquote.sh MAKE_EVIDENCE HELPER [TALLY]
#
# The export is made from parts by MAKE_EVIDENCE, and, with TALLY, by `tally
# record` and `tally export`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
make_evidence=${1:?the program that makes evidence}
export TALLY_TPM_HELPER=${2:?tallyd-tpm}
tally=${3:-}

if ! command -v tpm2_checkquote >/dev/null; then
	echo 'checkquote: skipped: tpm2_checkquote (Debian: tpm2-tools) is missing'
	exit 77
fi
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tally-checkquote.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export TPM2TOOLS_TCTI=none

# check DIR NONCE: what tpm2-tools thinks of it.
check() {
	tpm2_checkquote -u "$1/ak.pem" -m "$1/quote.msg" -s "$1/quote.sig" -g sha256 -q "$2" >"$scratch/said" 2>&1
}
refuses() {
	local what=$1
	shift
	if check "$@"; then
		echo "checkquote: $what is accepted" >&2
		exit 1
	fi
	echo "checkquote: $what is refused: $(grep -m 1 ERROR "$scratch/said" || tail -n 1 "$scratch/said")"
}

# judge EXPORT: the whole of the above.
judge() {
	local parts nonce other
	parts=$(mktemp -d "$scratch/parts.XXXXXX")
	python3 "$here/extract_quote.py" "$1" "$parts"
	nonce=$(cat "$parts/nonce")
	if ! check "$parts" "$nonce"; then
		cat "$scratch/said" >&2
		echo "checkquote: the quote of $1 is refused" >&2
		exit 1
	fi
	echo "checkquote: accepted, nonce $nonce"
	other=$(printf '%s' "$nonce" | tr '0-9a-f' '1-9a-f0')
	refuses 'another nonce' "$parts" "$other"

	cp -r "$parts" "$parts.changed"
	printf '\001' | dd of="$parts.changed/quote.msg" bs=1 seek=100 conv=notrunc status=none
	refuses 'a changed attestation' "$parts.changed" "$nonce"
	openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out "$parts.changed/ak.pem" 2>/dev/null
	cp "$parts/quote.msg" "$parts.changed/quote.msg"
	refuses 'another key' "$parts.changed" "$nonce"
}

"$make_evidence" "$scratch/made" 20
judge "$scratch/made"

if [ -n "$tally" ]; then
	cat >"$scratch/events.jsonl" <<-'EOF'
		{"time":"2026-01-01T00:00:00Z","host":"h1","event":"host","cores_per_socket":[8,8]}
		{"time":"2026-01-01T01:00:00Z","host":"h1","event":"start","vm":"6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11","vcpus":2}
		{"time":"2026-01-01T02:00:00Z","host":"h1","event":"stop","vm":"6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11","cause":"shutdown"}
	EOF
	"$tally" record "$scratch/ledgers" --from "$scratch/events.jsonl"
	"$tally" export "$scratch/ledgers/h1" --to "$scratch/export"
	judge "$scratch/export"
fi
