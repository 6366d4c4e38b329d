#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the agent at 200 random moments, while guests come and go.

Four agents with a ledger each meter one host, so that each is killed fifty times.
Guests live from nothing to seconds, are paused, and end in every way. Then each
ledger opens and verifies, and each guest's life in it is the outside truth's, or
what is missing lies inside what the ledger states.

usage: kills.py SOURCE-FOLDER BUILD-FOLDER [SEED]
"""
import collections
import os
import random
import signal
import sys
import threading
import time

import accounts
import hv

AGENTS = 4
KILLS = 6 if hv.SHORT else 50  # of each agent
CHURN = 2  # guests at a time
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else time.time_ns() % 1000000
SEEDS = random.Random(SEED)


class Churn(threading.Thread):
    """Guests, one after the other, until it is told to stop."""

    def __init__(self, host, witness, number, stop):
        super().__init__()
        self.host, self.witness, self.number, self.stopping = host, witness, number, stop
        self.random = random.Random(SEEDS.random())
        self.vms, self.why = [], None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.live(f"churn-{self.number}-{len(self.vms)}")
        except Exception as why:  # told by the test's own thread
            self.why = why

    def live(self, name):
        vm = hv.new_uuid()
        way = self.random.choice(["destroy", "destroy", "kill", "off", "pause"])
        self.host.virsh("create", self.host.xml(name, vm, act="o" if way == "off" else "i"))
        self.vms.append(vm)
        if way != "off":
            time.sleep(self.random.choice([0, 0.1, 0.5, 2]) * self.random.random())
        if way == "pause":
            self.host.virsh("suspend", name)
            time.sleep(0.3 * self.random.random())
            self.host.virsh("resume", name)
        if way == "kill":
            os.kill(hv.until(30, "the witness knows the guest's process", lambda: self.witness.names(vm) and self.witness.pid(vm)), signal.SIGKILL)
        elif way in ("destroy", "pause"):
            self.host.virsh("destroy", name)
        self.witness.ended(vm)


class Killer(threading.Thread):
    """Starts an agent and kills it, again and again."""

    def __init__(self, agent, kills):
        super().__init__()
        self.agent, self.kills = agent, kills
        self.random = random.Random(SEEDS.random())
        self.connected, self.why = 0, None

    def run(self):
        try:
            for _ in range(self.kills):
                before = self.agent.connections()
                self.agent.start(wait=0)
                # Some die before they have connected, some before they have opened the ledger.
                time.sleep(self.random.choice([0.05, 0.3, 1, 2.5]) * self.random.random())
                if self.agent.process.poll() is not None:
                    raise hv.Failed(f"tallyd ended by itself: {self.agent.process.returncode}")
                self.agent.kill()
                self.connected += self.agent.connections() > before
        except Exception as why:
            self.why = why


def body(t):
    print(f"   seed {SEED}")
    host, witness = t.lab()
    agents = [t.agent(host, folder=f"h{n}") for n in range(AGENTS)]
    for agent in agents:
        agent.start()
        agent.kill()
    stays = hv.new_uuid()
    host.virsh("create", host.xml("stays", stays))
    stop = threading.Event()
    churn = [Churn(host, witness, n, stop) for n in range(CHURN)]
    killers = [Killer(agent, KILLS) for agent in agents]
    for thread in churn + killers:
        thread.start()
    for thread in killers:
        thread.join()
    stop.set()
    for thread in churn:
        thread.join()
    for thread in churn + killers:
        t.holds(f"{type(thread).__name__.lower()} went to its end", thread.why is None, str(thread.why))
    for agent in agents:
        agent.start()
    time.sleep(2)
    host.virsh("destroy", "stays")
    witness.ended(stays)
    time.sleep(2)
    for agent in agents:
        agent.stop()

    lives = {vm: witness.lives(vm) for vm in [stays] + [vm for c in churn for vm in c.vms]}
    known = {vm: l[0] for vm, l in lives.items() if len(l) == 1 and None not in l[0]}
    t.holds("the outside truth knows each life", len(known) == len(lives), str([(vm, l) for vm, l in lives.items() if vm not in known]))
    total, worst, gap_seconds = collections.Counter(), 0.0, []
    for agent in agents:
        report, events = agent.report(), agent.events()
        table = {vm: accounts.Account(life, report, events, vm, t.within) for vm, life in known.items()}
        counted = accounts.table(table.values())
        total += counted
        worst = max([worst] + [a.difference() for a in table.values() if a.kind == "exact"])
        gap_seconds.append(sum(e - b for b, e in accounts.gaps(events)))
        print(f"   {agent.host.name} {os.path.basename(agent.folder)}: {dict(counted)}, gaps {len(accounts.gaps(events))} of {gap_seconds[-1]:.1f} s")
        t.also(f"each life in {os.path.basename(agent.folder)} is the truth's or lies inside what is stated", counted["wrong"] == 0,
                "; ".join(f"{vm}: {a.why}" for vm, a in table.items() if a.kind == "wrong"))
        for vm, a in table.items():
            if a.kind == "late by the manager":
                print(f"      late: {vm}: {a.why}")
        stayed = table[stays]
        t.also("a guest that outlives all kills is one run over them", stayed.kind != "unseen" and
                [e["kind"] for e in events if e["identity"].get("vm") == stays and e["kind"] in ("started", "stopped")] == ["stopped"],
                str([(e["kind"], e["metering"]) for e in events if e["identity"].get("vm") == stays]))
        t.also("no run is of a guest that never was", {row["vm"] for row in report["vms"]} <= set(known))
        t.verified(agent, f" of {os.path.basename(agent.folder)}")
    print(f"   {AGENTS * KILLS} kills ({sum(k.connected for k in killers)} of a connected agent), {len(known)} lives in {AGENTS} ledgers: {dict(total)}; "
          f"the exact ones differ by at most {worst * 1000:.1f} ms")
    t.also("lives were exact, and lives lay in gaps: the kills hit", total["exact"] > 0 and total["in a gap"] + total["unseen"] > 0, str(total))


hv.Test().main(body)
