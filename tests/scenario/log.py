#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tally log` and `tally status` as an operator uses them, on a ledger that grows: a
recorded history, then a live agent over libvirt's own test driver.

    log.py TALLY TALLYD [--helper TALLYD-TPM]
"""

import hashlib
import json
import os
import queue
import signal
import subprocess
import threading
import time

from scenario import Suite, arguments, check, event, main, write_events

VM = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
OTHER = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c12"


class Follower:
    """`tally log --follow`, and its lines as they come."""

    def __init__(self, suite, *command):
        self.process = subprocess.Popen([suite.tally, "log", *map(os.fspath, command), "--follow"], env=suite.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def next(self, seconds=60):
        return self.lines.get(timeout=seconds)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.process.stderr.close()


def details(line):
    """Behind index, time, kind and VM."""
    return line.split(None, 4)[4] if len(line.split(None, 4)) == 5 else ""


def history():
    return [
        event(0, "h1", "host", cores_per_socket=[8], hypervisor="qemu"),
        event(10, "h1", "start", vm=VM, name="web-1", vcpus=2, os="http://microsoft.com/win/2k22"),
        event(11, "h1", "start", vm=OTHER, name="db-1", vcpus=2),
        event(20, "h1", "suspend", vm=VM, cause="paused"),
        event(21, "h1", "migrate-out", vm=VM, downtime_ms=14, peer="h2"),
        event(30, "h1", "migrate-in", vm=VM, vcpus=2, peer="h2", downtime_ms=15),
        event(40, "h1", "reboot", vm=VM),
        event(50, "h1", "time-travel", vm=VM, cause="revert"),
        event(60, "h1", "gap", from_=event(55, "h1", "x")["time"], to=event(60, "h1", "x")["time"], reason="agent down"),
        event(70, "h1", "clock-step", seconds_=-3600),
        event(80, "h1", "stop", vm=VM, cause="crashed"),
    ]


def recorded(suite):
    top = suite.scratch / "estate"
    suite.must("record", top, "--from", write_events(suite.scratch / "events.jsonl", history()))
    ledger = top / "h1"
    lines = {line.split()[2]: details(line) for line in suite.must("log", ledger).text.splitlines()}
    told = {"migrated-out": "(web-1) downtime=0.014s", "migrated-in": "(web-1) downtime=0.015s",
            "rebooted": "(web-1)", "time-travel": "(web-1) cause=revert", "stopped": "(web-1) cause=crashed",
            "clock-step": "step=-3600s", "gap": "reason=agent down", "session-statement": "tpm=libtpms resets="}
    for kind, text in told.items():
        with suite.case(f"the line of a {kind} says '{text}'"):
            check(kind in lines and text in lines[kind], str(lines.get(kind)))
    with suite.case("--vm lists that machine and no other, and knows its name without its start"):
        mine = suite.must("log", ledger, "--vm", VM).text.splitlines()
        check(len(mine) == 7 and all(VM in line for line in mine), str(mine))
        starts = [int(line.split()[0]) for line in mine if line.split()[2] == "started"]
        later = suite.must("log", ledger, "--vm", VM, "--kind", "stopped").text
        check("(web-1)" in later and len(starts) == 1, later)
        check("(web-1)" not in suite.must("log", ledger, "--from", str(starts[0] + 1), "--kind", "stopped").text,
              "a name from before --from")
    with suite.case("an entry that came in says so to programs"):
        entry = json.loads(suite.must("log", ledger, "--vm", VM, "--kind", "migrated-out", "--json").text)
        check(entry["imported"] and entry["operations"]["peer"] == "h2", str(entry))
    return top


def followed(suite, top):
    with suite.case("--follow with --vm and --kind tells what is appended, and only that"):
        reader = Follower(suite, top / "h1", "--vm", OTHER, "--kind", "stopped")
        try:
            more = [event(90, "h1", "suspend", vm=OTHER), event(91, "h1", "stop", vm=OTHER, cause="shutdown")]
            suite.must("record", top, "--from", write_events(suite.scratch / "more.jsonl", more))
            line = reader.next()
            check(OTHER in line and line.split()[2] == "stopped" and "(db-1) cause=shutdown" in line, line)
            check(reader.lines.empty(), "more than that")
        finally:
            reader.end()


def claims(suite, ledger):
    """Claims into a ledger that an agent holds."""
    found = [json.loads(line) for line in suite.must("log", ledger, "--kind", "baseline", "--json").text.splitlines()]
    vm = found[0]["identity"]["vm"]
    file = suite.scratch / "cmdb.csv"
    file.write_text("vm,tenant,software,from,reason\n" + "".join(
        f"{vm},t{i},sql-server-standard,2026-01-01,{'because ' * 100}\n" for i in range(300)), encoding="utf-8")
    with suite.case("an agent that holds the ledger appends claims, and signs them"):
        text = suite.must("map", ledger, "--from", file).text
        check(text == "600 claims of 300 rows mapped\n", text)
        lines = suite.must("log", ledger, "--kind", "tags", "--json").text.splitlines()
        told = [json.loads(line) for line in lines if "operator" in line]
        check([e["identity"]["tenant"] for e in told] == [f"t{i}" for i in range(300)], f"{len(told)} of them")
        made = json.loads(suite.must("report", ledger, "--from", "2026-01-01", "--to", "2030-01-01", "--format", "json",
                                     "-o", "-").text)
        check({row["tenant"] for row in made["vms"]} == {"t299"}, str(made["vms"]))
    with suite.case("and appends that a report was issued"):
        out = suite.scratch / "issued.json"
        suite.must("report", ledger, "--from", "2026-01-01", "--to", "2030-01-01", "--format", "json", "--issue", "-o", out)
        (told,) = [json.loads(line) for line in suite.must("log", ledger, "--kind", "report-issued", "--json").text.splitlines()]
        check(told["operations"]["file_hash"] == hashlib.sha256(out.read_bytes()).hexdigest(), str(told))
        suite.must("export", ledger, "--to", suite.scratch / "issued.export")
        text = suite.must("verify", suite.scratch / "issued.export", out, code=4).text
        check(f"issued: entry {told['index']} of " in text, text)
    with suite.case("and refuses the same file again"):
        suite.refused("map", ledger, "--from", file, code=2, names=["mapped before"])


def live(suite):
    ledger, config = suite.scratch / "ledger", suite.scratch / "tallyd.yaml"
    suite.must("init", ledger)
    config.write_text(f"ledger: {ledger}\nlibvirt: {{uri: 'test:///default'}}\nprocesses: {{unmanaged: false}}\n"
                      "heartbeat: {interval: 1s, record: 1s}\nclaims: [{name: 't*', tenant: shop, environment: test}]\n")
    with suite.case("status without an agent says that nothing is metered"):
        check("agent        none runs" in suite.must("status", ledger).text, "it does not")
        check(json.loads(suite.must("status", ledger, "--json").text)["agent"] is None, "an agent")
    with open(suite.scratch / "tallyd.log", "wb") as log:
        agent = subprocess.Popen([suite.tallyd, "-c", config], env=suite.env, stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log)
    readers = []
    try:
        with suite.case("a live ledger is followed: the baseline with the claims of the file, then heartbeats"):
            readers = [Follower(suite, ledger, "--kind", kind) for kind in ("baseline", "heartbeat")]
            line = readers[0].next()
            check("name=test" in line and "tenant=shop" in line and "environment=test" in line, line)
            first, second = readers[1].next(), readers[1].next()
            check("running=1" in first and int(first.split()[0]) < int(second.split()[0]), first + second)
        with suite.case("status asks the agent"):
            found = json.loads(suite.must("status", ledger, "--json").text)
            check(found["holder"] == agent.pid and found["agent"]["pid"] == agent.pid, str(found))
            check(found["agent"]["connected"] is True and found["agent"]["running"] == 1, str(found))
            text = suite.must("status", ledger).text
            check(f"agent        process {agent.pid}" in text and "hypervisor   connected; 1 VM ran" in text, text)
        claims(suite, ledger)
        with suite.case("status of an agent that is stuck comes to an end, and names it"):
            agent.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            text = suite.must("status", ledger, timeout=60).text
            check(f"process {agent.pid} holds the ledger, and does not answer" in text, text)
            check(time.monotonic() - began < 50, "it took too long")
            agent.send_signal(signal.SIGCONT)
    finally:
        agent.send_signal(signal.SIGCONT)
        agent.terminate()
        code = agent.wait(120)
        for reader in readers:
            reader.end()
    with suite.case("the agent stopped in order, and its last entry is the stop"):
        check(code == 0, f"exit {code}: {(suite.scratch / 'tallyd.log').read_text()}")
        kinds = [line.split()[2] for line in suite.must("log", ledger).text.splitlines()]
        # Evidence may stand behind it: the anchor of an orderly stop.
        told = [k for k in kinds if k not in ("anchor-intent", "anchor", "session-statement")]
        check("agent-stop" in told[-2:], str(kinds[-5:]))


def body(suite):
    followed(suite, recorded(suite))
    live(suite)


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("tallyd", help="the agent")
    given = parser.parse_args()
    scenario = Suite(given.tally, given.helper)
    scenario.tallyd = os.path.abspath(given.tallyd)
    main(scenario, body)
