#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Live migration between two real hosts, each with its agent: it succeeds, goes back, is aborted,
loses the target's QEMU, the source's, the target's libvirtd, is post-copy, is of a paused guest.

What executed where and when is QEMU's own word on both sides. A guest that moved is
one run on two hosts: no overlap, and no hole beyond the downtime that QEMU had.

usage: migrate.py SOURCE-FOLDER BUILD-FOLDER
"""
import os
import signal
import subprocess
import time

import accounts
import hv


class Guest:
    def __init__(self, a, b, witness, name, act="i"):
        self.a, self.b, self.witness, self.name, self.vm = a, b, witness, name, hv.new_uuid()
        a.virsh("create", a.xml(name, self.vm, act))
        hv.until(60, f"{name} runs", lambda: self.saw(a, "RESUME"))
        time.sleep(0.7)

    def saw(self, host, event, **data):
        return [e for e in self.witness.events(self.vm) if e["host"] == host.name and e["event"] == event
                and data.items() <= e["data"].items()]

    def migrate(self, *options, source=None, target=None):
        source, target = source or self.a, target or self.b
        return subprocess.Popen([*source.inside, "virsh", "-q", "migrate", "--live", *options, self.name,
                                 f"qemu+tcp://{target.name}/system", f"tcp://{target.address}"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def migrating(self, *options):
        """One that does not end by itself, under way."""
        job = self.migrate("--bandwidth", "1", *options)
        hv.until(60, f"{self.name}: the migration is under way", lambda: self.saw(self.a, "MIGRATION", status="active"))
        time.sleep(0.5)
        return job

    def ends(self, job, good):
        try:
            text = job.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired as why:
            job.terminate()
            raise hv.Failed(f"{self.name}: virsh migrate does not end") from why
        if (job.returncode == 0) != good:
            raise hv.Failed(f"{self.name}: virsh migrate exits {job.returncode}: {text}")

    def pid(self, host):
        return [e for e in self.witness.events(self.vm) if e["host"] == host.name][-1]["pid"]

    def kill(self, host):
        os.kill(self.pid(host), signal.SIGKILL)
        hv.until(60, f"{self.name}: QEMU on {host.name} ends", lambda: self.saw(host, "EXIT"))

    def destroy(self, host):
        time.sleep(0.7)
        host.virsh("destroy", self.name)
        hv.until(60, f"{self.name}: QEMU on {host.name} ends", lambda: len(self.saw(host, "EXIT")) == len(self.saw(host, "SEEN")))


def succeeds(a, b, witness):
    g = Guest(a, b, witness, "succeeds")
    g.ends(g.migrate(), True)
    g.destroy(b)
    return g, ["hva", "hvb"]


def there_and_back(a, b, witness):
    g = Guest(a, b, witness, "there-and-back")
    g.ends(g.migrate(), True)
    time.sleep(2.5)
    g.ends(g.migrate(source=b, target=a), True)
    g.destroy(a)
    return g, ["hva", "hvb", "hva"]


def busy(a, b, witness):
    g = Guest(a, b, witness, "busy", "d")
    g.ends(g.migrate(), True)
    g.destroy(b)
    return g, ["hva", "hvb"]


def aborted(a, b, witness):
    g = Guest(a, b, witness, "aborted", "d")
    job = g.migrating()
    a.virsh("domjobabort", g.name)
    g.ends(job, False)
    g.destroy(a)
    return g, ["hva"]


def target_killed(a, b, witness):
    g = Guest(a, b, witness, "target-killed", "d")
    job = g.migrating()
    g.kill(b)
    g.ends(job, False)
    g.destroy(a)
    return g, ["hva"]


def source_killed(a, b, witness):
    g = Guest(a, b, witness, "source-killed", "d")
    job = g.migrating()
    g.kill(a)
    g.ends(job, False)
    hv.until(60, "the target's QEMU ends", lambda: g.saw(b, "EXIT"))
    return g, ["hva"]


def daemon_killed(a, b, witness):
    g = Guest(a, b, witness, "daemon-killed", "d")
    job = g.migrating()
    b.stop_libvirtd("KILL")
    a.virsh("migrate-setspeed", g.name, "1000")  # it goes to its end, where nobody takes it up
    g.ends(job, False)
    time.sleep(1)
    b.start_libvirtd()
    hv.until(60, "the target's QEMU ends", lambda: g.saw(b, "EXIT"))
    g.destroy(a)
    return g, ["hva"]


def post_copy(a, b, witness):
    g = Guest(a, b, witness, "post-copy", "d")
    job = g.migrating("--postcopy", "--postcopy-bandwidth", "50")
    a.virsh("migrate-postcopy", g.name)
    g.ends(job, True)
    g.destroy(b)
    return g, ["hva", "hvb"]


def paused(a, b, witness):
    g = Guest(a, b, witness, "paused")
    a.virsh("suspend", g.name)
    g.ends(g.migrate(), True)
    time.sleep(0.5)
    b.virsh("resume", g.name)
    g.destroy(b)
    return g, ["hva", "hvb"]


SCENES = [succeeds, there_and_back, busy, aborted, target_killed, source_killed, daemon_killed, post_copy, paused]


def check(t, g, on, agents, joint):
    true = []
    for r in g.witness.runs(g.vm):
        if true and true[-1].pid == r.pid and r.how == "reboot":
            true[-1].end = r.end  # the source took it up again
        else:
            true.append(r)
    said = sorted((begin, end, agent.host.name) for agent in agents for begin, end in accounts.runs(agent.listed, g.vm))
    kinds = {agent.host.name: [e["kind"] for e in agent.listed if e["identity"].get("vm") == g.vm] for agent in agents}
    hosts = [s[2] for s in said]
    t.also(f"{g.name}: it ran on {', then '.join(on)}", hosts == on, f"{said} {kinds}")
    if g.name == "paused":
        # The truth has no run on the target before its RESUME; a paused guest is there all the same.
        t.also(f"{g.name}: it ends with the truth", said and abs(said[-1][1] - float(true[-1].end)) <= t.within(float(true[-1].end)), f"{said} {true}")
        return
    t.also(f"{g.name}: and so says QEMU", [r.host for r in true] == on, str(true))
    if hosts != on or [r.host for r in true] != on:
        return
    ends = [abs(s - float(r)) for run, life in zip(said, true) for s, r in ((run[0], life.begin), (run[1], life.end))]
    within = t.within(*(float(at) for life in true for at in (life.begin, life.end)))
    t.also(f"{g.name}: each end of its runs is the truth's to 50 ms", max(ends) <= within, f"{said} {true} {kinds}")
    holes = [after[0] - before[1] for before, after in zip(said, said[1:])]
    down = [float(after.begin - before.end) for before, after in zip(true, true[1:])]
    metered, total = accounts.run_seconds(joint, g.vm), sum(float(r.end - r.begin) for r in true)
    print(f"   {g.name}: {total:.3f} s on {'+'.join(on)}, difference {(metered - total) * 1000:+.1f} ms, of an end at most {max(ends) * 1000:.1f} ms"
          + (f"; downtime {[round(d * 1000, 1) for d in down]} ms, in the ledgers {[round(h * 1000, 1) for h in holes]} ms" if down else ""))
    t.also(f"{g.name}: its run time is the truth's to 50 ms", abs(metered - total) <= within, f"{metered} {total}")
    t.also(f"{g.name}: it runs nowhere twice, and the hole is its downtime", all(h >= 0 and abs(h - d) <= within for h, d in zip(holes, down)), f"{holes} {down}")
    rows = accounts.rows(joint, g.vm)
    t.also(f"{g.name}: it is one row of the report", len(rows) == 1 and rows[0]["hosts"] == sorted(set(on)), str(rows))


def body(t):
    a, b, witness = t.lab("hva", "hvb")
    agents = [t.agent(host) for host in (a, b)]
    for agent in agents:
        agent.start()
    played = []
    for scene in SCENES:
        begun = time.monotonic()
        played.append(scene(a, b, witness))
        t.holds(f"{played[-1][0].name}: the scene was played in {time.monotonic() - begun:.0f} s", True)
    time.sleep(4)
    for agent in agents:
        agent.stop()
        agent.listed = agent.events()
    joint = hv.report([agent.ledger for agent in agents], f"{t.folder}/joint.json")
    for g, on in played:
        check(t, g, on, agents, joint)
    failed = {name: sum(e["kind"] == "migration-failed" for e in agent.listed) for name, agent in zip("ab", agents)}
    print(f"   migration-failed records: source {failed['a']}, target {failed['b']}")
    t.also("a target that never executed is told of as a migration that failed", failed["b"] == 4, str(failed))
    own = {g.vm for g, _ in played}
    found = [f for f in joint["findings"] if f["kind"] in ("uuid-conflict", "missed-stop", "left-estate", "entered-estate", "time-travel")]
    t.also("the report finds no conflict, and nobody who came or went alone", not found, str(found))
    t.holds("nothing else ran", {row["vm"] for row in joint["vms"]} == own)
    for agent in agents:
        t.verified(agent, f" of {agent.host.name}")


hv.Test().main(body)
