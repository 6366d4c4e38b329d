#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make demo` as a newcomer runs it: what it says and how it exits; that it leaves
# nothing running, mounted or linked, also when it is interrupted or killed at any
# moment; and that it works again at once.
#
# usage: demo.sh SOURCE-FOLDER BUILD-FOLDER
set -euo pipefail
top=$1
build=$2
passed=0
skip() {
	printf 'skipped: %s\n0 passed, 0 failed, 1 skipped\n' "$*"
	exit 77
}
[ "$(id -u)" = 0 ] || skip 'needs root, to start a private libvirtd'
for program in libvirtd virtlogd qemu-system-x86_64 busybox unshare cpio; do
	command -v "$program" >/dev/null || skip "$program is not installed"
done
unshare -m -u -n true 2>/dev/null || skip 'no namespaces here'
D=$(mktemp -d "${TMPDIR:-/tmp}/tdemo.XXXXXX")
trap 'rm -rf "$D"' EXIT
holds() {
	local what=$1
	shift
	"$@" || { printf 'FAILED: %s\n' "$what"; cat "$D"/out* >&2; printf '%d passed, 1 failed\n' "$passed"; exit 1; }
	passed=$((passed + 1))
	printf 'ok: %s\n' "$what"
}
# Whatever the demo starts has its scratch folder in its environment, its command
# line or its mounts, in whichever namespace it is.
holders() { env -u TMPDIR grep -ls --text -F -f "$D/pattern" /proc/[0-9]*/{environ,cmdline,mountinfo} || true; }
nothing_runs() {
	local n
	for ((n = 0; n < 300; n++)); do
		[ -n "$(holders)" ] || break
		sleep 0.1
	done
	holders >"$D/outleft"
	[ ! -s "$D/outleft" ] && ! ip -o link show lan >/dev/null 2>&1
}
nothing_left() { nothing_runs && [ -z "$(ls -A "$D/scratch")" ]; }
demo_into() { "$top/scripts/demo" "$build" >"$1" 2>&1; }
mkdir "$D/scratch"
printf '%s/scratch\n' "$D" >"$D/pattern"
export TMPDIR=$D/scratch

tell_all() { # ROUND
	holds "round $1 exits 0" demo_into "$D/out$1"
	holds "round $1: it holds" grep -qx 'it holds' "$D/out$1"
	holds "round $1: the changed copy does not" grep -qx 'it does not hold' "$D/out$1"
	holds "round $1: the file that was changed is named" grep -q 'copy/host-a/private/payload' "$D/out$1"
	holds "round $1: each guest's run time is QEMU's" [ "$(grep -c 'report .* difference [+-]0\.[012]' "$D/out$1")" = 4 ]
	holds "round $1: the guest that moved is one on two hosts" grep -q 'The guest that moved is one' "$D/out$1"
	holds "round $1 leaves nothing" nothing_left
}
# A round takes less or more time than the one before: not in its last third.
interrupt() { # SIGNAL MILLISECONDS
	"$top/scripts/demo" "$build" >"$D/out$1" 2>&1 &
	demo=$!
	sleep "$(($2 / 1000)).$(printf %03d $(($2 % 1000)))"
	kill "-$1" "$demo"
	status=0
	wait "$demo" || status=$?
}

# What the README says beside it.
example() {
	sed 's/@DAY@/2026-03-01/g' "$top/examples/estate.jsonl" >"$D/events.jsonl" &&
		"$build/cli/tally" record "$D/hosts" --from "$D/events.jsonl" >"$D/outexample" 2>&1 &&
		"$build/cli/tally" report "$D"/hosts/* --from 2026-03 --to 2026-04 --tz Europe/Berlin --format text -o - >"$D/outexample" 2>&1
}
holds 'the example history is recorded and reported' example
begin=${EPOCHREALTIME/./}
tell_all 1
took=$(((${EPOCHREALTIME/./} - begin) / 1000))
printf 'a round takes %d ms\n' "$took"
moment=$((RANDOM * took * 6 / 10 / 32768))
interrupt TERM "$moment"
holds "interrupted after $moment ms it says so by its exit code" [ "$status" = 143 ]
holds 'interrupted it leaves nothing' nothing_left
moment=$((RANDOM * took * 6 / 10 / 32768))
interrupt KILL "$moment"
holds "killed with -9 after $moment ms it leaves nothing running" nothing_runs
rm -rf "$D/scratch"
mkdir "$D/scratch"
tell_all 2
printf '%d passed, 0 failed\n' "$passed"
