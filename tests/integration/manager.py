#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The manager goes away while guests run and die: stopped, killed, restarted, stopped in time.

What the agent cannot ask it sees itself: a process's end has its instant whether
libvirtd is there or not. Nothing is "stopped" before it is. A guest that stands
still (SIGSTOP) keeps nobody from the heartbeat.

usage: manager.py SOURCE-FOLDER BUILD-FOLDER
"""
import os
import signal
import time

import accounts
import hv

STANDSTILL = 8 if hv.SHORT else 32  # longer than libvirt waits for a monitor


def start(host, witness, name):
    vm = hv.new_uuid()
    host.virsh("create", host.xml(name, vm))
    hv.until(30, f"the witness sees {name}", lambda: "RESUME" in witness.names(vm))
    return vm


def stops(agent, vm):
    return [e for e in agent.events() if e["kind"] == "stopped" and e["identity"].get("vm") == vm]


def kill(witness, vm):
    os.kill(witness.pid(vm), signal.SIGKILL)
    witness.ended(vm)


def recorded(agent, vm, seconds):
    hv.until(seconds, "its end is recorded", lambda: stops(agent, vm))


def away(t, host, witness, agent, how):
    """libvirtd ends; two guests die meanwhile, one comes to no harm, one dies after its return."""
    one, two, stays, later = (start(host, witness, f"{how}-{n}".lower()) for n in ("one", "two", "stays", "later"))
    time.sleep(1.5)
    before = agent.connections()
    host.stop_libvirtd(how)
    time.sleep(0.3)
    kill(witness, one)
    recorded(agent, one, 10)
    t.holds(f"{how}: an end is recorded though there is no manager", True)
    time.sleep(1)
    kill(witness, two)
    time.sleep(1.5)
    t.holds(f"{how}: who lives is not stopped", not stops(agent, stays) and not stops(agent, later))
    host.start_libvirtd()
    hv.until(60, "the agent connects again", lambda: agent.connections() > before)
    time.sleep(1.5)
    kill(witness, later)
    recorded(agent, later, 10)
    host.virsh("destroy", stays)
    witness.ended(stays)
    recorded(agent, stays, 10)
    return [one, two, stays, later]


def libvirtd_stands_still(t, host, witness, agent):
    """It neither answers nor ends: keepalive finds out. A guest dies meanwhile, exactly."""
    one, stays = (start(host, witness, f"still-{n}") for n in ("one", "stays"))
    time.sleep(1.5)
    host.signal_libvirtd("STOP")
    time.sleep(2)
    kill(witness, one)
    died = time.time()
    try:
        recorded(agent, one, 60)
        print(f"   with libvirtd stopped by a signal an end is in the ledger after {time.time() - died:.1f} s")
        time.sleep(3)
        t.holds("libvirtd stands still: who lives is not stopped", not stops(agent, stays))
    finally:
        host.signal_libvirtd("CONT")
    hv.until(60, "libvirtd answers again", lambda: "running" in host.state(stays))
    hv.until(90, "heartbeats go on", lambda: [e for e in agent.events() if e["kind"] == "heartbeat"][-1]["metering"].get("running", 0) >= 1
             and accounts.instant(agent.events()[-1]) > died + 10)
    host.virsh("destroy", stays)
    witness.ended(stays)
    recorded(agent, stays, 10)
    return [one, stays]


def guest_stands_still(t, host, witness, agent):
    """A QEMU that does not answer its manager: heartbeats are on time all the while."""
    still, lives = (start(host, witness, f"qemu-{n}") for n in ("still", "lives"))
    time.sleep(1.5)
    pid = witness.pid(still)
    begun = time.time()
    os.kill(pid, signal.SIGSTOP)
    try:
        asking = hv.subprocess.Popen(["virsh", "-c", host.rw, "domstats", "--balloon", still], stdout=hv.subprocess.DEVNULL,
                                     stderr=hv.subprocess.DEVNULL)  # somebody who waits for it
        time.sleep(STANDSTILL / 2)
        host.virsh("destroy", lives)
        witness.ended(lives)
        recorded(agent, lives, 10)
        time.sleep(STANDSTILL / 2)
        t.holds("a guest that stands still is not stopped", not stops(agent, still))
    finally:
        os.kill(pid, signal.SIGCONT)
        ended = time.time()
    asking.wait(60)
    time.sleep(1)
    host.virsh("destroy", still)
    witness.ended(still)
    recorded(agent, still, 10)
    hv.until(30, "a heartbeat from behind it", lambda: any(accounts.seconds(e["metering"]["to"]) >= ended for e in agent.events() if e["kind"] == "heartbeat"))
    beats = [e for e in agent.events() if e["kind"] == "heartbeat" and begun - 6 <= accounts.instant(e) <= ended + 6]
    spans = [(accounts.seconds(e["metering"]["from"]), accounts.seconds(e["metering"]["to"])) for e in beats]
    counts = sum(e["metering"]["count"] for e in beats)
    bare = accounts.outside((begun, ended), spans)
    print(f"   a QEMU stood still for {ended - begun:.1f} s: {counts} checks in {spans[-1][1] - spans[0][0]:.1f} s, {bare:.2f} s without a heartbeat")
    t.holds("heartbeats go on over all the time that a QEMU stands still", bare < 2.5 and counts >= 0.8 * (spans[-1][1] - spans[0][0]),
            f"{bare} {counts} {spans}")
    t.holds("and no gap lies in it", not any(b < ended and (e or ended) > begun for b, e in accounts.gaps(agent.events())))
    return [still, lives]


def body(t):
    host, witness = t.lab()
    agent = t.agent(host)
    agent.start()
    vms = guest_stands_still(t, host, witness, agent)
    for how in ("TERM", "KILL"):
        vms += away(t, host, witness, agent, how)
    vms += libvirtd_stands_still(t, host, witness, agent)
    time.sleep(1)
    agent.stop()
    report, events = agent.report(), agent.events()
    for vm in vms:
        life = witness.lives(vm)
        t.also("the outside truth saw the whole life", len(life) == 1 and None not in life[0], str(life))
        account = accounts.Account(life[0], report, events, vm, t.within)
        name = next(e["identity"]["name"] for e in events if e["identity"].get("vm") == vm and "name" in e["identity"])
        print(f"   {name}: {life[0][1] - life[0][0]:.3f} s, difference of an end {account.difference() * 1000 if account.found else float('nan'):.1f} ms, {account.kind}")
        t.also(f"{name}: its life is the truth's to 50 ms", account.kind == "exact", account.why)
    t.verified(agent)


hv.Test().main(body)
