#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make demo` twice, as a newcomer runs it: what it says, how it exits, that it
# leaves nothing running or mounted, also when it is interrupted.
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
# The demo's processes carry its scratch folder in their command line or are
# children of a namespace keeper that does.
nothing_left() { ! pgrep -f "$D/scratch" >/dev/null && ! grep -q "$D/scratch" /proc/mounts && [ -z "$(ls -A "$D/scratch")" ]; }
demo_into() { "$top/scripts/demo" "$build" >"$1" 2>&1; }
mkdir "$D/scratch"
export TMPDIR=$D/scratch

for round in 1 2; do
	holds "round $round exits 0" demo_into "$D/out$round"
	holds "round $round: it holds" grep -qx 'it holds' "$D/out$round"
	holds "round $round: the changed copy does not" grep -qx 'it does not hold' "$D/out$round"
	holds "round $round: the file that was changed is named" grep -q 'copy/h1/private/payload' "$D/out$round"
	holds "round $round: the run time is QEMU's" grep -q 'difference [+-]0\.0' "$D/out$round"
	holds "round $round leaves nothing" nothing_left
done

"$top/scripts/demo" "$build" >"$D/out3" 2>&1 &
demo=$!
for _ in $(seq 1800); do
	kill -0 "$demo" 2>/dev/null || break
	grep -q 'the guest says' "$D/out3" && break
	sleep 0.1
done
kill -TERM "$demo"
status=0
wait "$demo" || status=$?
holds 'an interrupted demo says so by its exit code' [ "$status" = 143 ]
holds 'an interrupted demo leaves nothing' nothing_left
printf '%d passed, 0 failed\n' "$passed"
