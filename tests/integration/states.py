#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a guest on one host can go through: pause, save, restore, revert, reboot, crash, sleep, hot-plug.

Each guest has a scene of its own. Its runs and its run time are the outside
truth's, and its records say what happened. A second agent seals its ledger by a
swtpm, and says the same.

usage: states.py SOURCE-FOLDER BUILD-FOLDER
"""
import base64
import json
import os
import queue
import signal
import subprocess
import threading
import time

import accounts
import hv

SCENES = []


def scene(act="i", **xml):
    """A guest that does `act`, and what is done with it; gives the kinds of its records that are to be."""
    def add(function):
        SCENES.append((function, act, xml))
        return function
    return add


class Guest:
    def __init__(self, host, witness, name, act, xml):
        self.host, self.witness, self.name, self.vm = host, witness, name, hv.new_uuid()
        if xml.get("disk"):
            xml = {**xml, "disk": f"{host.folder}/{name}.qcow2"}
            hv.run("qemu-img", "create", "-q", "-f", "qcow2", xml["disk"], "1M")
        self.file = f"{host.folder}/{name}.saved"
        host.virsh("define", host.xml(name, self.vm, act, **xml))
        self.wants, self.has = None, None

    def virsh(self, command, *args):
        return self.host.virsh(command, self.name, *args)

    def start(self):
        self.virsh("start")
        self.sees("RESUME")

    def sees(self, event, times=1):
        hv.until(60, f"{self.name}: {event} from QEMU", lambda: self.witness.names(self.vm).count(event) >= times)

    def off(self, times=1):
        self.witness.ended(self.vm, times)
        hv.until(60, f"{self.name} is off", lambda: self.host.state(self.name) in ("shut off", "crashed"))

    def destroy(self, times=1):
        self.virsh("destroy")
        self.off(times)


@scene()
def paused(g):
    g.start()
    time.sleep(0.5)
    g.virsh("suspend")
    time.sleep(0.7)
    g.virsh("resume")
    time.sleep(0.3)
    g.virsh("suspend")
    time.sleep(0.3)
    g.destroy()
    return "started suspended resumed suspended stopped"


@scene()
def started_paused(g):
    g.virsh("start", "--paused")
    time.sleep(1)
    g.virsh("resume")
    time.sleep(0.5)
    g.destroy()
    return None  # its first run begins paused: looked at below


@scene()
def saved(g):
    g.start()
    time.sleep(0.5)
    g.virsh("save", g.file)
    g.off()
    time.sleep(1)
    g.host.virsh("restore", g.file)
    g.sees("RESUME", 2)
    time.sleep(0.5)
    g.destroy(2)
    return "started stopped started stopped"


@scene()
def restored_twice(g):
    g.start()
    g.virsh("save", g.file)
    g.off()
    for n in (2, 3):
        g.host.virsh("restore", g.file)
        g.sees("RESUME", n)
        time.sleep(0.5)
        g.destroy(n)
    return "started stopped started stopped started stopped time-travel"


@scene()
def managed(g):
    g.start()
    time.sleep(0.3)
    g.virsh("managedsave")
    g.off()
    time.sleep(0.5)
    g.virsh("start")
    g.sees("RESUME", 2)
    time.sleep(0.3)
    g.destroy(2)
    return "started stopped started stopped"


@scene(disk=True)
def reverted(g):
    g.start()
    g.virsh("snapshot-create-as", "one")
    time.sleep(0.5)
    for _ in range(2):
        g.virsh("snapshot-revert", "one")
        time.sleep(0.7)
    g.destroy(3)
    return "started stopped started stopped started stopped time-travel time-travel"


@scene("r")
def reboots(g):
    g.start()
    g.sees("RESET", 1)
    time.sleep(0.5)
    g.destroy()
    return "started rebooted stopped"


@scene("b")
def rebooted_by_host(g):
    g.start()
    time.sleep(1)
    g.virsh("reboot")
    g.sees("RESUME", 2)
    time.sleep(1)
    g.destroy()
    return "started rebooted stopped"  # libvirt tells of no end here: one run, which was off for a moment


@scene("b")
def shut_down(g):
    g.start()
    time.sleep(1)
    g.virsh("shutdown")
    g.off()
    return "started stopped"


@scene("c", crash="destroy")
def crash_destroy(g):
    g.start()
    g.sees("GUEST_PANICKED")
    g.off()
    return "started crashed stopped"


@scene("c", crash="preserve")
def crash_preserve(g):
    g.start()
    g.sees("GUEST_PANICKED")
    time.sleep(1.5)
    g.destroy()
    return "started crashed stopped"


@scene("c", crash="restart")
def crash_restart(g):
    g.start()
    g.sees("GUEST_PANICKED")
    g.sees("RESUME", 2)
    time.sleep(1)
    g.destroy()
    return "started crashed resumed stopped"


@scene("s")
def asleep(g):
    g.start()
    g.sees("SUSPEND")
    time.sleep(1)
    g.virsh("dompmwakeup")
    g.sees("WAKEUP")
    time.sleep(0.7)
    g.destroy()
    return "started suspended resumed stopped"


@scene()
def quit_by_monitor(g):
    g.start()
    time.sleep(0.5)
    hv.run("virsh", "-c", g.host.rw, "qemu-monitor-command", g.name, "--hmp", "quit", check=False)
    g.off()
    return None  # "started stopped", and time-travel{monitor} where a list came between


@scene()
def killed(g):
    g.start()
    time.sleep(0.5)
    os.kill(g.witness.pid(g.vm), signal.SIGKILL)
    g.off()
    return "started stopped"


@scene()
def renamed(g):
    name, g.name = g.name, "renamed-since"
    g.host.virsh("domrename", name, g.name)
    g.start()
    time.sleep(0.5)
    g.destroy()
    return None  # its "renamed" has no run


@scene(vcpu="<vcpu current='1'>2</vcpu>")
def plugged(g):
    g.start()
    time.sleep(0.5)
    g.virsh("setvcpus", "2", "--live")
    time.sleep(2.5)
    g.destroy()
    return "started config stopped"


def work(guests, todo):
    while True:
        try:
            function, act, xml, host, witness = todo.get_nowait()
        except queue.Empty:
            return
        g = Guest(host, witness, function.__name__.replace("_", "-"), act, xml)
        guests[function.__name__] = g
        try:
            g.wants = function(g)
            g.why = None
        except Exception as why:  # told by the test's own thread
            g.why = why


def hand_started(host):
    """A QEMU that libvirt does not know."""
    return subprocess.Popen([*host.inside, "qemu-system-x86_64", "-machine", "pc", "-m", "16", "-nodefaults", "-display", "none",
                                 "-S", "-uuid", hv.new_uuid(), "-name", "by hand"], stdin=subprocess.DEVNULL)


def check(t, g, report, events):
    own = [e for e in events if e["identity"].get("vm") == g.vm]
    kinds = [e["kind"] for e in own if e["kind"] not in ("defined", "undefined")]
    t.also(f"{g.name}: the scene was played", g.why is None, str(g.why))
    true, said, worst = accounts.compare(g.witness, report, events, g.vm)
    total, metered = accounts.counted(g.witness, g.vm), accounts.run_seconds(report, g.vm)
    print(f"   {g.name}: {len(true)} runs, {total:.3f} s, difference {(metered - total) * 1000:+.1f} ms, "
          f"of an end at most {'?' if worst is None else round(worst * 1000, 1)} ms")
    if g.wants is not None:
        # libvirt pauses a guest to save it, and lets it go on; a crash may be a pause and a reboot as well;
        # it asks a guest that is to be destroyed to end.
        wanted = g.wants.split()
        plain = [k for k in kinds if k in wanted or k not in ("suspended", "resumed", "rebooted", "shutdown-request")]
        t.also(f"{g.name}: recorded is what happened", sorted(plain) == sorted(wanted), f"{kinds}, wanted {g.wants}")
    return true, said, worst, total, metered


def swtpm(t, host):
    """The TPM of a second agent; gives what `tally init` is to know of it."""
    for program in ("swtpm", "qemu-img"):
        if hv.shutil.which(program) is None:
            raise hv.Skipped(f"{program} is not installed")
    state = f"{t.folder}/tpm"
    os.mkdir(state)
    port = 2321  # of the host's own loopback
    process = subprocess.Popen([*host.inside, "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server",
                                f"type=tcp,port={port},bindaddr=127.0.0.1", "--flags", "not-need-init,startup-clear"],
                               stdin=subprocess.DEVNULL)
    t.ends.append(process.kill)
    hv.until(30, "swtpm listens", lambda: f"127.0.0.1:{port}" in host.run("ss", "-Hltn").stdout)
    return ["--tpm", f"swtpm:host=127.0.0.1,port={port}"]


def body(t):
    host, witness = t.lab()
    agent = t.agent(host)
    other = t.agent(host, folder="swtpm", init=swtpm(t, host))
    agent.start()
    other.start()
    qemu = hand_started(host)
    t.ends.append(qemu.kill)
    guests, todo = {}, queue.Queue()
    for function, act, xml in SCENES:
        todo.put((function, act, xml, host, witness))
    threads = [threading.Thread(target=work, args=(guests, todo)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(4)
    agent.stop()
    other.stop()
    report, events = agent.report(), agent.events()
    for function, _, _ in SCENES:
        g = guests[function.__name__]
        true, said, worst, total, metered = check(t, g, report, events)
        if g.name == "started-paused":
            # It executes from its RESUME on; a run that waits for it holds its licence.
            t.also(f"{g.name}: it ends with the truth", len(said) == 1 and abs(said[0][1] - true[0][1]) <= t.within(true[0][1]), f"{said} {true}")
            continue
        if g.name == "rebooted-by-host":
            true, worst = [(true[0][0], true[-1][1])], abs(true[-1][1] - said[-1][1])
        within = t.within(*(at for life in true for at in life))
        t.also(f"{g.name}: each of its runs is the truth's to 50 ms", worst is not None and worst <= within, f"truth {true}, ledger {said}")
        t.also(f"{g.name}: its run time is the truth's to 50 ms a run", abs(metered - total) <= within * len(true), f"{metered} {total}")
    unknown = [e for e in events if e["kind"] == "unmanaged-vm"]
    t.also("a QEMU started by hand is told of once", len(unknown) == 1, str(unknown))
    t.verified(agent)
    t.verified(other, " sealed by swtpm")
    statements = [e["operations"] for e in other.events() if e["kind"] == "session-statement"]
    t.also("its statements name the transport", statements and all(b"swtpm" in base64.b64decode(o["statement"]) for o in statements))
    verdict = json.loads(hv.tally("verify", f"{other.folder}/report.json", f"{other.folder}/export", "--anchor", other.vkey, "--json").stdout)
    t.also("a swtpm is a TPM of software", verdict["class"].startswith("software"), str(verdict))
    again = other.report()
    for g in guests.values():
        t.also(f"{g.name}: both ledgers have the same run time", abs(accounts.run_seconds(again, g.vm) - accounts.run_seconds(report, g.vm)) <= t.within() * 2)


hv.Test().main(body)
