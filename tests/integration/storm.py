#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""100,000 lifecycle events, as fast as a real libvirtd hands them out.

libvirtd serves test:///default, whose guests are only in its memory, over its real
wire; virsh suspends and resumes them without a pause. Each event is a record, or
one of the number that a gap states. The same driver takes names that QEMU's
files could not have.

usage: storm.py SOURCE-FOLDER BUILD-FOLDER
"""
import collections
import signal
import subprocess
import time
from xml.sax.saxutils import escape

import accounts
import hv

HAMMERS = 4
PAIRS = (2000 if hv.SHORT else 50000) // HAMMERS
LONG = ["é" * 127 + "x", "x" * 300, "日本" * 42 + "ab", "\u2028\u200b\u202e", "🙂" * 63]  # 255 bytes, and more


def define(host, uri, name, n):
    vm = hv.new_uuid()
    path = f"{host.folder}/test-{n}.xml"
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"<domain type='test'><name>{escape(name)}</name><uuid>{vm}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
                "<os><type arch='i686'>hvm</type></os></domain>")
    host.virsh("create", path, uri=uri)
    return vm


class Hammer:
    """virsh, which reads the commands of a storm from a file and says what came of each."""

    def __init__(self, host, uri, name):
        path = f"{host.folder}/{name}.commands"
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"suspend {name}\nresume {name}\n" * PAIRS)
        with open(path, "rb") as commands, open(f"{path}.out", "wb") as out:
            self.process = subprocess.Popen(["virsh", "-c", uri], stdin=commands, stdout=out, stderr=out)
        self.out = f"{path}.out"

    def done(self):
        """How many it suspended and resumed."""
        self.process.wait(600)
        with open(self.out, encoding="utf-8") as f:
            text = f.read()
        return text.count("' suspended") , text.count("' resumed")


def storm(t, host, uri, agent, disturb):
    """All hammers at once; gives what they did, by guest."""
    names = {define(host, uri, f"storm-{n}", n): f"storm-{n}" for n in range(HAMMERS)}
    begun = time.monotonic()
    hammers = {vm: Hammer(host, uri, name) for vm, name in names.items()}
    try:
        disturb()
        did = {vm: hammer.done() for vm, hammer in hammers.items()}
    finally:
        for hammer in hammers.values():
            hammer.process.kill()
            hammer.process.wait()
    took = time.monotonic() - begun
    events = sum(map(sum, did.values()))
    print(f"   {events} events in {took:.1f} s: {events / took:.0f} a second")
    t.holds("every command of the storm was done", events == HAMMERS * PAIRS * 2, str(did))
    for vm in names:
        host.virsh("destroy", vm, uri=uri)
    hv.until(120, "the ends are recorded", lambda: {e["identity"]["vm"] for e in agent.events() if e["kind"] == "stopped"} >= set(names))
    return did


def count(agent, vms):
    recorded = collections.Counter((e["identity"]["vm"], e["kind"]) for e in agent.events()
                                   if e["kind"] in ("suspended", "resumed") and e["identity"]["vm"] in vms)
    stated = sum(e["metering"].get("count", 0) for e in agent.events() if e["kind"] in ("gap-begin", "gap"))
    return recorded, stated


def body(t):
    host, _ = t.lab()
    uri = host.rw.replace("qemu+unix:///system", "test+unix:///default")
    agent = t.agent(host, uri=host.uri.replace("qemu+unix:///system", "test+unix:///default"), more="queue: {records: 65536}\n")
    agent.start()
    did = storm(t, host, uri, agent, lambda: None)
    recorded, stated = count(agent, did)
    missing = sum(map(sum, did.values())) - sum(recorded.values())
    print(f"   recorded {sum(recorded.values())}, stated as lost {stated}")
    t.holds("every event is recorded, or counted in a gap", missing == stated, f"{missing} are missing, {stated} stated; {recorded}")

    # The agent stands still in the storm: libvirt drops without a word, and the agent cannot know how many.
    def freeze():
        agent.signal(signal.SIGSTOP)
        time.sleep(4)
        agent.signal(signal.SIGCONT)
    did = storm(t, host, uri, agent, freeze)
    recorded, stated = count(agent, did)
    missing = sum(map(sum, did.values())) - sum(recorded.values())
    print(f"   stopped for 4 s in a storm: recorded {sum(recorded.values())}, missing {missing}")
    named = {define(host, uri, name, 10 + n): name for n, name in enumerate(LONG)}
    time.sleep(2)
    for vm in named:
        host.virsh("destroy", vm, uri=uri)
    hv.until(60, "the ends are recorded", lambda: {e["identity"]["vm"] for e in agent.events() if e["kind"] == "stopped"} >= set(named))
    agent.stop()
    events, report = agent.events(), agent.report()
    state = {}
    for e in events:
        if e["kind"] in ("suspended", "resumed") and e["identity"]["vm"] in did:
            state.setdefault(e["identity"]["vm"], []).append(e["kind"])
    t.holds("suspended and resumed take turns, whatever was dropped", all(a != b for kinds in state.values() for a, b in zip(kinds, kinds[1:])))
    t.holds("what was dropped lies in a gap", missing == 0 or accounts.gaps(events), f"{missing} events are missing and no gap says so")
    for vm, name in named.items():
        shown = [row["name"] for row in report["vms"] if row["vm"] == vm]
        whole = len(name.encode()) <= 255
        t.holds(f"a name of {len(name.encode())} bytes is {'whole' if whole else 'cut at a character'}",
                len(shown) == 1 and (shown[0] == name if whole else name.startswith(shown[0]) and len(shown[0].encode()) >= 250), f"{shown!a}")
    t.verified(agent)


hv.Test().main(body)
