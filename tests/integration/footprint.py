#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent costs on a host with 20 real guests, as figures. No test of the
suite: run by hand or by `make bench`, on a machine that does nothing else.

usage: footprint.py SOURCE-FOLDER BUILD-FOLDER [SECONDS]
"""
import json
import os
import signal
import sys
import time

import accounts
import hv

GUESTS = 20
SECONDS = int(sys.argv[3]) if len(sys.argv) > 3 else 60
TICKS = os.sysconf("SC_CLK_TCK")


def processes(agent):
    """The agent and its helper."""
    return [agent.pid] + [int(pid) for pid in hv.children(agent.pid).split()]


def cpu(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            ticks += sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
    return ticks / TICKS


def anonymous(pids):
    """MiB, by process."""
    out = {}
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            status = dict(line.split(":", 1) for line in f)
        out[status["Name"].strip()] = int(status["RssAnon"].split()[0]) / 1024
    return out


def share(agent, during):
    """CPU seconds a second, of one core."""
    pids = processes(agent)
    begun, used = time.monotonic(), cpu(pids)
    during()
    return (cpu(pids) - used) / (time.monotonic() - begun)


def body(t):
    host, witness = t.lab()
    agent = t.agent(host, heartbeat="{interval: 10s, record: 10s}")
    vms = []
    for n in range(GUESTS):
        vms.append(hv.new_uuid())
        host.virsh("create", host.xml(f"guest-{n}", vms[-1]))
    agent.start()
    time.sleep(5)
    idle = share(agent, lambda: time.sleep(SECONDS))

    changes = 0

    def busy():
        nonlocal changes
        end = time.monotonic() + SECONDS / 2
        while time.monotonic() < end:
            host.virsh("suspend" if changes % 2 == 0 else "resume", "guest-1")
            changes += 1
            time.sleep(0.1)
    working = share(agent, busy)
    memory = anonymous(processes(agent))
    status = json.loads(hv.tally("status", agent.ledger, "--json").stdout)

    still = witness.pid(vms[0])
    begun = time.time()
    os.kill(still, signal.SIGSTOP)
    try:
        time.sleep(35)
    finally:
        os.kill(still, signal.SIGCONT)
    time.sleep(11)
    ended = time.time()
    agent.stop()
    beats = [accounts.instant(e) for e in agent.events() if e["kind"] == "heartbeat"]
    during = [b for b in beats if begun - 11 <= b <= ended]
    late = max(b - a for a, b in zip(during, during[1:])) - 10
    total = sum(memory.values())
    print(f"{GUESTS} guests, {SECONDS} s: {idle * 100:.2f} % of a core; with {changes / (SECONDS / 2):.1f} events a second {working * 100:.2f} %")
    print(f"anonymous memory: {total:.1f} MiB ({', '.join(f'{name} {mib:.1f}' for name, mib in memory.items())})")
    p50, p99 = (status["agent"][key] / 1000 for key in ("append_p50_us", "append_p99_us"))
    print(f"event to durable: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"a QEMU stood still for 35 s: {len(during)} heartbeats in {during[-1] - during[0]:.1f} s, the latest by {late * 1000:.1f} ms")
    t.also("under 1 % of a core", idle < 0.01, f"{idle * 100:.2f} %")
    t.also("under 64 MiB of anonymous memory", total < 64, f"{total:.1f} MiB")
    t.also("an event is durable in 10 ms (p99)", p99 < 10, f"{p99:.1f} ms")
    t.also("heartbeats are on time while one QEMU stands still", late < 1, f"{late:.3f} s")


hv.Test().main(body)
