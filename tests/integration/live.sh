#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The agent on a real libvirtd with a real guest: the connection is lost while
# the guest runs on, the agent is killed with -9 and comes back, the guest is
# shut down. The guest must be one run, the gaps must be stated, the run time
# must be QEMU's, and the whole must verify.
#
# usage: live.sh SOURCE-FOLDER BUILD-FOLDER
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

# shellcheck source=scripts/lab.sh
. "$top/scripts/lab.sh"
D=$(mktemp -d "${TMPDIR:-/tmp}/tlive.XXXXXX")
agent= # its process id as seen here
job=   # what to wait for
witness=
# shellcheck disable=SC2317  # called by the trap
finish() {
	local status=$?
	trap - EXIT
	set +e
	[ -z "$agent" ] || { kill -KILL "$agent"; wait "$job"; } 2>/dev/null
	[ -z "$witness" ] || { kill "$witness"; wait "$witness"; } 2>/dev/null
	[ "$status" = 0 ] || sed 's/^/log: /' "$D"/tallyd.log* >&2
	lab_down
	rm -rf "$D"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

holds() { # what, command...
	local what=$1
	shift
	"$@" || { printf 'FAILED: %s\n%d passed, 1 failed\n' "$what" "$passed"; exit 1; }
	passed=$((passed + 1))
	printf 'ok: %s\n' "$what"
}
until_true() { # seconds, command...
	local n=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.1
	done
}
tally() { "$build/cli/tally" "$@"; }
# shellcheck disable=SC2317
tally_quietly() { tally "$@" >/dev/null; }
kinds() { tally log "$D/ledger" --json | python3 -c 'import json,sys
print(" ".join(json.loads(l)["kind"] for l in sys.stdin))'; }
start_agent() {
	lab_spawn host-a "$build/agent/tallyd" -c "$D/tallyd.yaml" 2>>"$D/tallyd.log"
	agent=$LAB_PID
	job=$LAB_JOB
}
# shellcheck disable=SC2317  # called by holds, as all below
second_is_refused() {
	! lab_in host-a "$build/agent/tallyd" -c "$D/tallyd.yaml" 2>"$D/second.err" &&
		grep -q "$(awk '/^NSpid:/ { print $NF }' "/proc/$agent/status")" "$D/second.err"
}
connections() { grep -c 'connected:' "$D/tallyd.log"; }
connected_times() { [ "$(connections)" -ge "$1" ]; }

uuid=0b5e55ed-0000-4000-8000-000000000001
mkdir "$D/lab"
lab_up "$D/lab" host-a
lab_define host-a web1 "$uuid"
tally init "$D/ledger" >"$D/pinned"
cat >"$D/tallyd.yaml" <<YAML
ledger: $D/ledger
host: {name: live-host, cluster: lab}
libvirt: {uri: "$(lab_uri_ro host-a)"}
heartbeat: {interval: 1s, record: 5s}
YAML
start_agent
holds 'the agent connects' until_true 60 connected_times 1
holds 'a second agent on the ledger is refused with the pid' second_is_refused
python3 "$top/tests/integration/truth.py" watch "$D/truth" "host-a=$LAB/host-a/run/qmp" &
witness=$!
holds 'the witness is there' until_true 60 test -e "$D/truth"
lab_virsh host-a start web1
holds 'the guest boots' lab_wait_guest host-a web1 300
holds 'tally checkpoint reaches the agent through the control socket' tally_quietly checkpoint "$D/ledger"
holds 'tally status works beside the agent' tally_quietly status "$D/ledger" --json

lab_stop_libvirtd host-a KILL
sleep 3
lab_libvirtd host-a
holds 'after the loss of libvirtd the agent connects again' until_true 60 connected_times 2
sleep 2

kill -KILL "$agent"
wait "$job" 2>/dev/null || true
sleep 2
start_agent
holds 'after a kill -9 the agent comes back' until_true 60 connected_times 3
sleep 2
lab_virsh host-a shutdown web1
lab_wait_off host-a web1 180
sleep 2
kill "$witness"
wait "$witness" || true
witness=
before=$(lab_virsh host-a dumpxml web1 | sha256sum)
kill -TERM "$agent"
wait "$job"
agent=
holds 'a guest'"'"'s definition is as it was' [ "$before" = "$(lab_virsh host-a dumpxml web1 | sha256sum)" ]

recorded=$(kinds)
printf 'recorded: %s\n' "$recorded"
has() { [[ " $recorded " == *" $1 "* ]]; }
for kind in ledger-begin session-statement host-boot agent-start agent-config host-facts started heartbeat gap-begin gap-end baseline stopped agent-stop; do
	holds "a $kind is recorded" has "$kind"
done
count() { grep -o "\b$1\b" <<<"$recorded" | wc -l; }
holds 'the guest started once and stopped once' [ "$(count started) $(count stopped)" = '1 1' ]

from=$(date -u -d '-1 day' +%F)
to=$(date -u -d '+1 day' +%F)
tally report "$D/ledger" --from "$from" --to "$to" --format json -o "$D/report.json"
holds 'the run time is QEMU'"'"'s within 50 ms' python3 "$top/tests/integration/truth.py" compare "$D/truth" "$D/report.json"
holds 'the gap is a finding' grep -q '"kind": "gap"' "$D/report.json"
tally export "$D/ledger" --to "$D/export"
holds 'it holds against the pinned key' tally verify "$D/report.json" "$D/export" --anchor "$D/pinned"
printf '%d passed, 0 failed\n' "$passed"
