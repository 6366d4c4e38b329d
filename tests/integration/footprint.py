#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent costs on a host with 20 real guests, as figures. No test of the
suite: run by hand, on a machine that does nothing else.

usage: footprint.py SOURCE-FOLDER BUILD-FOLDER [SECONDS]
"""
import json
import os
import signal
import subprocess
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


class Disk:
    """What the same disk takes meanwhile for 4 KiB of anybody: what the agent adds is the rest."""

    PROBE = ("import os, sys, time\nf = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)\nn = 0\nwhile True:\n begun = time.monotonic()\n"
             " os.pwrite(f, os.urandom(4096), n % 256 * 4096)\n os.fdatasync(f)\n n += 1\n print(time.monotonic() - begun, flush=True)\n time.sleep(0.1)")

    def __init__(self, folder):
        self.path = f"{folder}/probe"
        with open(f"{self.path}.out", "wb") as out:
            self.process = subprocess.Popen([sys.executable, "-c", self.PROBE, self.path], stdin=subprocess.DEVNULL, stdout=out)

    def end(self):
        self.process.kill()
        self.process.wait()
        with open(f"{self.path}.out", encoding="ascii") as f:
            took = [float(line) for line in f.read().rpartition("\n")[0].split("\n") if line]
        # Who came while it stood still would have waited for the rest of it.
        took += [left - n * 0.1 for left in took for n in range(1, int(left / 0.1) + 1)]
        took.sort()
        return [took[(len(took) - 1) * q // 100] * 1000 for q in (50, 99, 100)]


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
    os.sync()  # what starting 20 guests left to be written
    disk = Disk(t.folder)
    t.ends.append(lambda: disk.process.kill())
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

    bare = disk.end()
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
    print(f"event to durable: p50 {p50:.1f} ms, p99 {p99:.1f} ms; the disk alone: p50 {bare[0]:.1f} ms, p99 {bare[1]:.1f} ms, at most {bare[2]:.1f} ms")
    print(f"a QEMU stood still for 35 s: {len(during)} heartbeats in {during[-1] - during[0]:.1f} s, the latest by {late * 1000:.1f} ms")
    t.also("under 1 % of a core", idle < 0.01, f"{idle * 100:.2f} %")
    t.also("under 64 MiB of anonymous memory", total < 64, f"{total:.1f} MiB")
    if bare[1] < 10:
        t.also("an event is durable in 10 ms (p99)", p99 < 10, f"{p99:.1f} ms")
    else:
        print("not shown: an event is durable in 10 ms (p99); this disk alone takes longer")
    t.also("heartbeats are on time while one QEMU stands still", late < 1, f"{late:.3f} s")


hv.Test().main(body)
