#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Short lives, failed starts, boot loops, hostile names, and an agent without rights.

The agent runs as a user that may nothing, on the read-only socket. What libvirt
shows of the host and of its guests is the same before and after.

usage: lives.py SOURCE-FOLDER BUILD-FOLDER
"""
import csv
import hashlib
import os
import shutil
import threading
import time
from xml.sax.saxutils import escape

import accounts
import hv

NOBODY = 65534
LIVES = 12 if hv.SHORT else 50
# libvirt refuses a slash.
NAMES = ["new\nline", "comma,comma", 'quote"quote', "apostrophe'", "=cmd|' !A0", "<script>alert(1)<&script>", "@SUM(1+1)", "-2+3",
         "tab\there", "back\\slash", "%s%n$(id)`id`;", "\u202eright to left", "{\"a\":1}", "é" * 120 + "ü"]


def programs(t):
    """Where anybody may read and run them: a build folder may lie in a private one."""
    for name in ("cli/tally", "agent/tallyd", "attest/tpm/tallyd-tpm"):
        os.makedirs(os.path.dirname(f"{t.folder}/bin/{name}"), exist_ok=True)
        shutil.copy(f"{hv.BUILD}/{name}", f"{t.folder}/bin/{name}")
    return f"{t.folder}/bin"


def view(host):
    """Everything that libvirt shows and that does not change by itself."""
    out = {}
    for command in ("nodeinfo", "capabilities", "domcapabilities", "sysinfo", "net-list --all", "pool-list --all", "iface-list --all",
                    "nwfilter-list", "secret-list", "nodedev-list", "list --all --title", "nodecpumap", "version"):
        out[command] = host.virsh(*command.split(), check=False)
    for name in host.virsh("list", "--all", "--name").split("\n"):
        if name:
            for command in ("dumpxml --security-info", "dumpxml --inactive", "domstate --reason", "schedinfo", "vcpupin", "emulatorpin"):
                out[name, command] = host.virsh(*command.split(), name, check=False)
    for folder in ("etc", "lib", "run"):
        for path, _, names in os.walk(f"{host.folder}/{folder}"):
            for name in names:
                whole = f"{path}/{name}"
                stat = os.lstat(whole)
                text = b""
                if os.path.isfile(whole) and not os.path.islink(whole):
                    with open(whole, "rb") as f:
                        text = f.read()
                out[whole] = (stat.st_mode, stat.st_uid, stat.st_gid, hashlib.sha256(text).hexdigest())
    return out


def short_lives(host, witness):
    """At once destroyed, or after a moment; two at a time."""
    vms = [hv.new_uuid() for _ in range(LIVES)]

    def live(some):
        for n, vm in some:
            path = host.xml(f"short-{n}", vm)
            host.virsh("create", path)
            time.sleep(0.15 * (n % 2))
            host.virsh("destroy", f"short-{n}")
    numbered = list(enumerate(vms))
    threads = [threading.Thread(target=live, args=(numbered[i::2],)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for vm in vms:
        witness.ended(vm)
    return vms


def failed_starts(host):
    """One that libvirt refuses, and one whose QEMU ends at once."""
    vms = [hv.new_uuid(), hv.new_uuid()]
    missing = host.xml("no-disk", vms[0], disk=f"{host.folder}/no-such-file")
    bad = host.xml("no-start", vms[1])
    with open(bad, encoding="utf-8") as f:
        text = f.read().replace("'-qmp'", "'-no-such-option'")
    with open(bad, "w", encoding="utf-8") as f:
        f.write(text)
    for path in (missing, bad):
        if hv.run("virsh", "-c", host.rw, "create", path, check=False).returncode == 0:
            raise hv.Failed("a guest that cannot start started")
    return vms


def again_and_again(host, witness):
    """A guest that goes off after a second, and a manager that starts it again."""
    vm = hv.new_uuid()
    host.virsh("define", host.xml("again", vm, act="o"))
    for life in range(4):
        host.virsh("start", "again")
        witness.ended(vm, life + 1)
        hv.until(30, "libvirt has seen it", lambda: host.virsh("domstate", "again") == "shut off")
    host.virsh("undefine", "again")
    return vm


def named(host, names):
    vms = {}
    for name in names:
        vm = hv.new_uuid()
        host.virsh("create", host.xml(escape(name), vm))
        vms[vm] = name
    time.sleep(1.5)
    for vm in vms:
        host.virsh("destroy", vm)
    return vms


def check_names(t, agent, report, vms):
    shown = {row["vm"]: row["name"] for row in report["vms"]}
    logged = {e["identity"]["vm"]: e["identity"]["name"] for e in agent.events() if e["kind"] == "started"}
    for vm, name in vms.items():
        t.also(f"the name {name[:30]!a} is recorded and reported", [logged.get(vm), shown.get(vm)] == [name, name],
                f"{logged.get(vm)!a} {shown.get(vm)!a}")
    text = hv.tally("log", agent.ledger).stdout
    t.also("no control character of a name reaches the terminal",
            all(c == "\n" or c >= " " for c in text) and "\u202e" not in text)
    days = [time.strftime("%Y-%m-%d", time.gmtime(time.time() + d)) for d in (-86400, 86400)]
    hv.tally("report", agent.ledger, "--from", days[0], "--to", days[1], "--format", "csv", "-o", f"{agent.folder}/report.csv")
    with open(f"{agent.folder}/report.csv", encoding="utf-8", newline="") as f:
        table = list(csv.reader(f))
    t.also("the CSV has as many cells in each row, and none that a spreadsheet would run",
            len({len(row) for row in table}) == 1 and not any(cell[:1] in tuple("=+-@") for row in table for cell in row if cell))


def body(t):
    host, witness = t.lab()
    os.chmod(f"{host.folder}/run/libvirt-sock", 0o700)
    agent = t.agent(host, user=NOBODY, programs=programs(t))
    loop, stays = hv.new_uuid(), hv.new_uuid()
    for name, vm, act in (("loop", loop, "r"), ("stays", stays, "i")):
        host.virsh("define", host.xml(name, vm, act=act))
    host.virsh("start", "stays")
    before = view(host)
    agent.start()
    with open(f"/proc/{agent.pid}/status", encoding="utf-8") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    t.holds("the agent runs without a right", status["Uid"].split() == [str(NOBODY)] * 4 and int(status["CapEff"], 16) == 0)
    time.sleep(3)
    agent.stop()
    after = view(host)
    t.holds(f"libvirt's view is the same before and after ({len(before)} things)", before == after,
            str([(k, before.get(k), after.get(k)) for k in before.keys() | after.keys() if before.get(k) != after.get(k)][:3]))
    agent.start()
    host.virsh("start", "loop")
    begun = time.time()
    vms = short_lives(host, witness)
    failed = failed_starts(host)
    again = again_and_again(host, witness)
    names = named(host, NAMES)
    time.sleep(max(0, begun + 5 - time.time()))
    for name in ("loop", "stays"):
        host.virsh("destroy", name)
    for vm in (loop, stays):
        witness.ended(vm)
    hv.until(30, "all ends are recorded", lambda: {e["identity"]["vm"] for e in agent.events() if e["kind"] == "stopped"} >= {*vms, *names, loop, stays})
    agent.stop()
    owners = {os.lstat(f"{p}/{n}").st_uid for p, ds, ns in os.walk(agent.ledger) for n in ds + ns}
    t.holds("the ledger is that user's", owners == {NOBODY})

    events, report = agent.events(), agent.report()
    lived = {vm: witness.lives(vm) for vm in vms}
    t.also("the outside truth saw each life from its beginning", all(len(l) == 1 and l[0][0] for l in lived.values()), str(lived))
    table = {vm: accounts.Account(lived[vm][0], report, events, vm, t.within) for vm in vms}
    counted = accounts.table(table.values())
    print(f"   {LIVES} lives of {min(l[0][1] - l[0][0] for l in lived.values()):.3f} to {max(l[0][1] - l[0][0] for l in lived.values()):.3f} s: {dict(counted)}, "
          f"largest difference {max((a.difference() for a in table.values() if a.found), default=0) * 1000:.1f} ms")
    t.also(f"{LIVES} lives of a moment are recorded to 50 ms", counted == {"exact": LIVES},
            "; ".join(f"{vm} {a.kind} {a.why or (a.begin, a.end, a.found)}" for vm, a in table.items() if a.kind != "exact"))
    seen = {e["identity"].get("vm") for e in events if e["kind"] in ("started", "baseline")}
    t.also("what did not start has no run", not seen & set(failed))
    lives = witness.lives(again)
    off = accounts.run_seconds(report, again) - sum(e - b for b, e in lives)
    print(f"   started again {len(lives)} times: difference {off * 1000:.1f} ms over all")
    t.also("a guest that is started again and again has as many runs, to 50 ms each", len(lives) == 4 and abs(off) <= t.within(*(at for life in lives for at in life)) * len(lives)
            and [e["kind"] for e in events if e["identity"].get("vm") == again].count("started") == 4)
    for name, vm in (("in a boot loop", loop), ("that stays", stays)):
        life = witness.lives(vm)[0]
        # What began before the agent is known from its first list on.
        life = (max(life[0], accounts.instant(next(e for e in events if e["kind"] == "host-facts"))), life[1])
        account = accounts.Account(life, report, events, vm, t.within)
        if vm == loop:
            t.also(f"a guest {name} is one run to 50 ms", account.kind == "exact", account.why)
        else:
            # Between the agent's two lives nobody looked; the same process stands on both sides.
            t.also(f"a guest {name} is one run over the agent's restart", account.kind != "wrong", account.why)
    resets = sum(1 for event in witness.names(loop) if event == "RESET")
    reboots = [e["metering"].get("count", 1) for e in events if e["kind"] == "rebooted" and e["identity"].get("vm") == loop]
    print(f"   the boot loop: {resets} resets, recorded as {reboots}")
    t.also("the loop of reboots is recorded, two seconds of it as one", resets >= 4 and resets // 4 <= len(reboots) <= resets, f"{resets} {reboots}")
    check_names(t, agent, report, names)
    t.verified(agent)


hv.Test().main(body)
