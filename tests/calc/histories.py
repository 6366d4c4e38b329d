#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random histories: recorded events that are valid, and as nasty as the format allows.

The same options give the same bytes. The profile `full` throws in every event and
every corner; `bench` keeps to what a quiet estate does, so that the report's size
depends on hosts and VMs and not on the number of events.
"""

import argparse
import heapq
import json
import random
import sys

from instants import NS, format_stamp, parse_stamp

SYSTEMS = ("http://microsoft.com/win/2k22", "http://microsoft.com/win/2k19", "http://redhat.com/rhel/9.3",
           "http://suse.com/sles/15.5", "http://ubuntu.com/ubuntu/22.04", "http://debian.org/debian/12")
EDITIONS = ("standard", "datacenter", "", "essentials")
EVIDENCE = ("operator", "hypervisor", "agent", "disk", "vendor")
TENANTS = ("acme", "globex", "initech", "=cmd|' /C calc'!A0", "ten,ant \"q\"", "<script>alert(1)</script>", "\u017elu\u0165")
CENTERS = ("cc1", "cc2", "line\nbreak", "@sum", "\u2028", "cc;3")
SOFTWARE = ("sql-server-standard", "sql-server-enterprise", "oracle-database-enterprise", "ibm-websphere-nd")
NAMES = ("web1", "db", "a\nb", "x,y", "\"q\"", "'q'", "=cmd|' /C calc'!A0", "+1", "-1", "@a", "<script>", "../../etc",
         "\u00e9" * 127 + "x", "\u202egnp", "\U0001f4a9", "\ttab", "back\\slash", "\u007f", " lead")
ODD_HOSTS = ("Z9.example", "_a", "-dash", "h.1", "H1")
WEIGHTS = {
    "full": {"heartbeat": 6, "start": 14, "stop": 9, "suspend": 6, "resume": 5, "reboot": 2, "config": 5, "migrate": 9,
             "baseline": 3, "restart": 2, "twice": 2, "claim": 8, "correct": 7, "role": 3, "travel": 1, "gap": 3,
             "agent": 1, "step": 1, "facts": 2, "boot": 1, "fail": 0.6, "foreign": 2},
    "bench": {"heartbeat": 10, "start": 20, "stop": 18, "suspend": 10, "resume": 10, "reboot": 8, "config": 12,
              "migrate": 10},
}


class Host:
    def __init__(self, name, cluster, region):
        self.name, self.cluster, self.region = name, cluster, region
        self.boot = 1
        self.up = True
        self.first = None
        self.seen = []  # VMs that ran here
        self.running = {}  # Vm -> begin of its run


class Vm:
    def __init__(self, uuid, rng):
        self.uuid = uuid
        self.where = []  # hosts that run it
        self.home = {"os": rng.choice(SYSTEMS), "edition": rng.choice(EDITIONS), "tenant": rng.choice(TENANTS[:3]),
                     "cost_center": rng.choice(CENTERS[:2]), "vcpus": rng.choice((1, 2, 4, 8))}


class History:
    def __init__(self, seed, events, hosts=3, vms=12, days=60, profile="full", begin="2026-01-15T00:00:00Z"):
        self.rng = random.Random(f"{seed}/{events}/{hosts}/{vms}/{days}/{profile}")
        self.full = profile == "full"
        self.wanted = events
        self.now = parse_stamp(begin)
        self.mean = max(1, days * 86400 * NS // max(1, events))
        self.lines = []
        self.later = []  # heap of (instant, number, action)
        self.recent = [self.now]
        clusters = [("c1", "eu"), ("c2", "eu") if self.rng.random() < 0.5 else ("c2", "us")]
        names = [ODD_HOSTS[i] if self.full and self.rng.random() < 0.3 and i < len(ODD_HOSTS) else f"h{i + 1}"
                 for i in range(hosts)]
        self.hosts = [Host(name, *clusters[i * 2 // max(2, hosts)]) for i, name in enumerate(names)]
        self.rng.shuffle(self.hosts)
        self.vms = [Vm(self.new_uuid(), self.rng) for _ in range(vms)]
        weights = WEIGHTS[profile]
        self.actions = [getattr(self, "do_" + name) for name in weights]
        self.weights = list(weights.values())

    # the clockwork

    def make(self):
        """Yields the lines."""
        for host in self.hosts:
            if self.full and self.rng.random() < 0.15:
                self.emit(host, "heartbeat")
            self.emit_facts(host)
        made = 0
        picks = []
        while made < self.wanted:
            if not picks:
                picks = self.rng.choices(self.actions, self.weights, k=256)
            self.tick()
            picks.pop()()
            if self.lines:
                lines = self.lines[:self.wanted - made]
                made += len(lines)
                self.lines = []
                yield from lines

    def tick(self):
        rng = self.rng
        kind = rng.random()
        if kind < 0.12:
            step = 0
        elif kind < 0.2:
            step = rng.choice((1, 999, 500_000_000, 123_456_789))
        elif kind < 0.6:
            step = rng.randrange(2 * self.mean // NS + 1) * NS
        else:
            step = rng.randrange(3 * self.mean)
        goal = self.now + step
        while self.later and self.later[0][0] <= goal:
            self.now = max(self.now, self.later[0][0])
            heapq.heappop(self.later)[2]()
        self.now = max(self.now, goal)

    def after(self, span, action):
        heapq.heappush(self.later, (self.now + span, self.rng.random(), action))

    def emit(self, host, event, vm=None, **keys):
        line = {"time": format_stamp(self.now), "host": host.name, "event": event}
        if vm is not None:
            line["vm"] = vm.uuid.upper() if self.full and self.rng.random() < 0.05 else vm.uuid
        for key, value in keys.items():
            line[key.rstrip("_")] = value
        if host.first is None:
            host.first = self.now
        if self.full and self.rng.random() < 0.2:
            self.recent.append(self.now)
        self.lines.append(json.dumps(line, ensure_ascii=self.full and self.rng.random() < 0.5, separators=(",", ":")))

    def new_uuid(self):
        text = f"{self.rng.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-9{text[17:20]}-{text[20:]}"

    def host_up(self):
        up = [host for host in self.hosts if host.up]
        return self.rng.choice(up) if up else None

    def running(self):
        """(host, VM) of a run, or None."""
        for _ in range(4):
            host = self.rng.choice(self.hosts)
            if host.running:
                return host, self.rng.choice(list(host.running))
        return None

    def begin_run(self, host, vm):
        if vm not in host.running:
            vm.where.append(host)
        host.running[vm] = self.now
        if self.full and vm not in host.seen:
            host.seen.append(vm)

    def end_run(self, host, vm):
        del host.running[vm]
        vm.where.remove(host)

    def end_all(self, host):
        for vm in list(host.running):
            self.end_run(host, vm)

    # what stands in a line

    def emit_facts(self, host):
        facts = {"cores_per_socket": [8, 8], "max_sockets": 2, "threads_per_core": 2, "cluster": host.cluster,
                 "region": host.region, "boot": str(host.boot)}
        if self.full:
            if self.rng.random() < 0.1:
                del facts[self.rng.choice(("cluster", "region", "boot"))]
            if self.rng.random() < 0.3:
                facts |= {"cpu": "Xeon \"E5\"", "model": "R750", "site": "s1", "hypervisor": "qemu",
                          "os": "http://debian.org/debian/12", "partitioning": "none-such"}
        self.emit(host, "host", **facts)

    def start_keys(self, vm):
        rng, keys = self.rng, dict(vm.home)
        if not self.full:
            return keys | {"name": "vm-" + vm.uuid[:8], "memory_mib": 2048, "evidence": "operator"}
        if rng.random() < 0.4:
            keys |= {"os": rng.choice(SYSTEMS), "edition": rng.choice(EDITIONS), "tenant": rng.choice(TENANTS)}
        keys |= {"name": rng.choice(NAMES), "evidence": rng.choice(EVIDENCE), "cost_center": rng.choice(CENTERS),
                 "environment": rng.choice(("production", "test", "dr")), "memory_mib": rng.randrange(256, 65536),
                 "software": rng.sample(SOFTWARE, rng.randrange(3)), "pinned": rng.choice((None, [0, 1])),
                 "cause": rng.choice(("boot", "restore", "snapshot", "migrated", "wakeup", "unknown")),
                 "vcpus": rng.randrange(1, 17)}
        if rng.random() < 0.05:
            keys["os"] = None
        for key in [key for key in keys if key != "vcpus"]:
            if rng.random() < 0.3:
                del keys[key]
        if rng.random() < 0.2:
            keys["paused"] = rng.random() < 0.7
        return keys

    # actions

    def do_heartbeat(self):
        host = self.host_up()
        if host:
            self.emit(host, "heartbeat")

    def do_start(self):
        host = self.host_up()
        for _ in range(4):
            vm = self.rng.choice(self.vms)
            if host and not vm.where:
                self.emit(host, "start", vm, **self.start_keys(vm))
                self.begin_run(host, vm)
                return
        self.do_heartbeat()

    def do_stop(self):
        run = self.running()
        if not run:
            return
        host, vm = run
        keys = {"cause": self.rng.choice(("shutdown", "destroyed") if not self.full else
                                         ("shutdown", "destroyed", "crashed", "migrated", "saved", "saved", "saved",
                                          "failed", "snapshot", "vanished"))}
        if self.full and self.rng.random() < 0.12:
            since = self.rng.choice((0, 1, NS, 30 * NS))
            if since == 0:
                keys["not_before"] = format_stamp(self.now)
            elif host.running[vm] <= self.now - since:
                keys["not_before"] = format_stamp(self.now - since)
        self.emit(host, "stop", vm, **keys)
        self.end_run(host, vm)

    def do_suspend(self):
        run = self.running()
        if run:
            cause = self.rng.choice(("paused", "user", "pmsuspended", None)) if self.full else "paused"
            self.emit(run[0], "suspend", run[1], **({} if cause is None else {"cause": cause}))

    def do_resume(self):
        run = self.running()
        if run:
            self.emit(run[0], "resume", run[1])

    def do_reboot(self):
        run = self.running()
        if run:
            self.emit(run[0], "reboot", run[1], cause=self.rng.choice(("guest", "host")))

    def do_config(self):
        run = self.running()
        if not run:
            return
        keys = {"vcpus": self.rng.choice((1, 2, 4, 8))}
        if self.full:
            keys |= {"memory_mib": 4096, "name": self.rng.choice(NAMES), "pinned": self.rng.choice((None, [2, 3]))}
            for key in list(keys)[1:]:
                if self.rng.random() < 0.5:
                    del keys[key]
            if len(keys) > 1 and self.rng.random() < 0.3:
                del keys["vcpus"]
        self.emit(run[0], "config", run[1], **keys)

    def migrate_in(self, host, vm, peer):
        if not host.up:
            return
        keys = {"vcpus": vm.home["vcpus"]}
        if self.full and self.rng.random() < 0.4:
            keys = self.start_keys(vm)
        if peer is not False:
            keys["peer"] = peer
        self.emit(host, "migrate-in", vm, **keys)
        self.begin_run(host, vm)

    def migrate_out(self, host, vm, peer):
        if vm in host.running:
            keys = {} if peer is False else {"peer": peer}
            self.emit(host, "migrate-out", vm, **keys)
            self.end_run(host, vm)

    def do_migrate(self):
        run, target = self.running(), self.host_up()
        if not run or not target or target is run[0]:
            return
        (source, vm), rng = run, self.rng
        named = (target.name, source.name)
        if not self.full:
            self.migrate_out(source, vm, named[0])
            if vm not in target.running:
                self.migrate_in(target, vm, named[1])
            return
        out_peer = rng.choice((named[0], named[0], None, False, "elsewhere"))
        in_peer = rng.choice((named[1], named[1], None, False, "elsewhere"))
        span = rng.choice((0, 0, 1, NS // 2, 3 * NS, 20 * NS, 60 * NS, 60 * NS + 1, 90 * NS))
        if rng.random() < 0.6:
            self.migrate_out(source, vm, out_peer)
            self.after(span, lambda: self.migrate_in(target, vm, in_peer))
        else:
            self.migrate_in(target, vm, in_peer)
            self.after(span, lambda: self.migrate_out(source, vm, out_peer))

    def do_foreign(self):
        """A VM leaves the estate, or comes from outside it."""
        run, host, vm = self.running(), self.host_up(), self.rng.choice(self.vms)
        if run and self.rng.random() < 0.5:
            self.migrate_out(*run, self.rng.choice((None, "elsewhere")))
        elif host and not vm.where:
            self.migrate_in(host, vm, self.rng.choice((None, "elsewhere", host.name)))

    def do_baseline(self):
        run, host = self.running(), self.host_up()
        if run and self.rng.random() < 0.7:
            self.emit(run[0], "start", run[1], baseline=True, **self.start_keys(run[1]))
        elif host:
            vm = self.rng.choice(self.vms)
            self.emit(host, "start", vm, baseline=True, **self.start_keys(vm))
            if vm not in host.running:
                self.begin_run(host, vm)

    def do_restart(self):
        """A start (or migrate-in) of a VM that runs there: its stop was missed."""
        run = self.running()
        if run and self.rng.random() < 0.8:
            self.emit(run[0], "start", run[1], **self.start_keys(run[1]))
        elif run:
            self.emit(run[0], "migrate-in", run[1], **self.start_keys(run[1]))
        if run:
            self.begin_run(*run)

    def do_twice(self):
        """One UUID on two hosts."""
        run, host = self.running(), self.host_up()
        if run and host and host is not run[0]:
            self.emit(host, "start", run[1], **self.start_keys(run[1]))
            self.begin_run(host, run[1])

    def claim_keys(self):
        rng = self.rng
        event = rng.choice(("os", "software", "tag"))
        if event == "os":
            keys = {"os": rng.choice(SYSTEMS + (None,)), "edition": rng.choice(EDITIONS)}
        elif event == "software":
            keys = {"add": rng.sample(SOFTWARE, rng.randrange(1, 3)), "remove": rng.sample(SOFTWARE, rng.randrange(1, 3))}
        else:
            keys = {"tenant": rng.choice(TENANTS), "cost_center": rng.choice(CENTERS), "environment": "test"}
        dropped = rng.choice(list(keys) + [None])
        if dropped:
            del keys[dropped]
        if rng.random() < 0.7:
            keys["evidence"] = rng.choice(EVIDENCE)
        return event, keys

    def do_claim(self):
        run = self.running()
        if run:
            event, keys = self.claim_keys()
            self.emit(run[0], event, run[1], **keys)

    def do_correct(self):
        host, rng = self.rng.choice(self.hosts), self.rng
        if not host.seen:
            return
        vm = rng.choice(host.seen)
        event, keys = self.claim_keys()
        instants = [rng.choice(self.recent), rng.choice(self.recent), self.now - rng.randrange(20 * self.mean + 1),
                    self.now + rng.randrange(40 * self.mean + 1), self.now]
        begin, end = sorted(rng.sample(instants, 2))
        form = rng.random()
        if form < 0.55 and begin < end:
            keys |= {"from": format_stamp(begin), "to": format_stamp(end)}
        elif form < 0.85 or end <= self.now or vm not in host.running:
            keys["from"] = format_stamp(begin)
        else:
            keys["to"] = format_stamp(end)
        if rng.random() < 0.5:
            keys |= {"reason": "the CMDB was wrong", "by": "=cmd|'audit'"}
        self.emit(host, event, vm, **keys)

    def do_role(self):
        run = self.running()
        if run:
            keys = {"role": self.rng.choice(("standby", "standby", "primary", "none"))}
            if self.rng.random() < 0.5:
                keys["of"] = self.rng.choice(self.vms).uuid
            self.emit(run[0], "role", run[1], **keys)

    def do_travel(self):
        run = self.running()
        if run:
            self.emit(run[0], "time-travel", run[1], cause=self.rng.choice(("revert", "restore", "monitor")))

    def do_gap(self):
        host = self.host_up()
        if host:
            end = self.now - self.rng.choice((0, 0, NS, self.mean))
            begin = end - self.rng.randrange(1, 6 * self.mean)
            self.emit(host, "gap", from_=format_stamp(begin), to=format_stamp(end),
                      **({"reason": self.rng.choice(("agent down", "manager down", "<b>"))}
                         if self.rng.random() < 0.7 else {}))

    def do_agent(self):
        host = self.host_up()
        if host:
            self.emit(host, "agent-stop")
            self.emit(host, "agent-start", version="1.0")

    def do_step(self):
        host = self.host_up()
        if host:
            self.emit(host, "clock-step", seconds=self.rng.choice((5, -3, 120)))

    def do_facts(self):
        host = self.host_up()
        if host:
            if self.rng.random() < 0.5:
                host.cluster = self.rng.choice(("c1", "c2", "c,3"))
            self.emit_facts(host)

    def do_boot(self):
        host = self.rng.choice(self.hosts)
        host.boot += 1
        host.up = True
        keys = {"cores_per_socket": [8, 8], "cluster": host.cluster, "region": host.region, "boot": str(host.boot)}
        self.emit(host, "host", **keys)
        self.end_all(host)

    def do_fail(self):
        host = self.host_up()
        if host and sum(other.up for other in self.hosts) > 1:
            self.emit(host, self.rng.choice(("host-failed", "host-retired")), reason="PSU")
            self.end_all(host)
            host.up = False


def main(arguments):
    parser = argparse.ArgumentParser(description="A random history of recorded events.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--vms", type=int, default=12)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--profile", choices=sorted(WEIGHTS), default="full")
    parser.add_argument("-o", dest="out", default="-", metavar="FILE")
    options = parser.parse_args(arguments)
    history = History(options.seed, options.events, options.hosts, options.vms, options.days, options.profile)
    file = sys.stdout if options.out == "-" else open(options.out, "w", encoding="utf-8")
    with file:
        for line in history.make():
            file.write(line + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
