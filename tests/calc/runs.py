# SPDX-License-Identifier: Apache-2.0
"""Events to runs: where each VM executed, from when to when, and in which state.

A run is one residence of a VM on one host, [begin, end). Its steps say what was
known from an instant on; a later step at the same instant wins. Claims are the
business of claims.py: here an event only learns which run it speaks of.
"""

from instants import NS, Malformed

JOIN_WITHIN = 60 * NS


class Run:
    def __init__(self, event):
        self.vm = event.vm
        self.host = event.host
        self.first_event = event
        self.begin = event.time
        self.end = None
        self.ended_by = None  # stop, migrate-out, missed-stop, boot, host-failed, host-retired, open
        self.steps = []  # (instant, field, value)
        self.claims = []  # filled by claims.py

    def at(self, field, instant):
        """The value of the last step at or before an instant."""
        return [value for when, name, value in self.steps if name == field and when <= instant][-1]


class Saved:
    """A VM that lies in a file on the host that saved it, [begin, end); end None = to the report's end."""

    def __init__(self, run, event):
        self.run = run
        self.begin = event.time
        self.event = event
        self.end = None


class Estate:
    """Everything the report's hosts recorded, taken apart."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.runs = []
        self.saved = []
        self.joined = []  # (migrate-out event, migrate-in event)
        self.findings = []  # (kind, event)
        for events in hosts.values():
            HostWalk(self, events)
        self.events = sorted((event for events in hosts.values() for event in events), key=lambda e: e.order)
        self._end_saved()
        self._join()

    def _end_saved(self):
        starts = [event for event in self.events if event.kind in ("start", "migrate-in")]
        for saved in self.saved:
            later = [e.time for e in starts if e.vm == saved.run.vm and e.order > saved.event.order]
            saved.end = later[0] if later else None

    def _join(self):
        outs = [event for event in self.events if event.kind == "migrate-out"]
        ins = [event for event in self.events if event.kind == "migrate-in"]
        pairs = [(abs(out.time - into.time), out.order, into.order, out, into)
                 for out in outs for into in ins if may_join(out, into)]
        taken = set()
        for _, out_order, in_order, out, into in sorted(pairs, key=lambda pair: pair[:3]):
            if out_order in taken or in_order in taken:
                continue
            taken |= {out_order, in_order}
            self.joined.append((out, into))
            if out.time > into.time:
                out.run.end = max(out.run.begin, into.time)


def may_join(out, into):
    return (out.vm == into.vm and out.host != into.host and abs(out.time - into.time) <= JOIN_WITHIN
            and out.get("peer") in (None, into.host) and into.get("peer") in (None, out.host))


class HostWalk:
    """One host's events in their order."""

    def __init__(self, estate, events):
        self.estate = estate
        self.running = {}  # UUID -> Run
        self.boot = None
        self.previous = None
        for event in events:
            event.run = None
            getattr(self, "on_" + event.kind.replace("-", "_"), self.on_other)(event)
            self.previous = event
        for run in list(self.running.values()):
            self.finish(run, events[-1].time, "open")

    def finish(self, run, instant, why):
        run.end = instant
        run.ended_by = why
        del self.running[run.vm]

    def run_of(self, event):
        if event.vm not in self.running:
            raise Malformed(f"{event.place}: {event.kind} of a VM that does not run there")
        event.run = self.running[event.vm]
        return event.run

    def found(self, kind, event):
        self.estate.findings.append((kind, event))

    def on_other(self, event):
        if event.kind in ("time-travel", "clock-step"):
            self.found(event.kind, event)

    def on_host(self, event):
        boot = event.get("boot")
        if boot is None:
            return
        if self.boot is not None and boot != self.boot:
            for run in list(self.running.values()):
                self.finish(run, self.previous.time, "boot")
        self.boot = boot

    def on_host_failed(self, event):
        self.found(event.kind, event)
        for run in list(self.running.values()):
            self.finish(run, event.time, event.kind)

    on_host_retired = on_host_failed

    def on_start(self, event):
        old = self.running.get(event.vm)
        if old and event.kind == "start" and event.get("baseline"):
            event.run = old
            old.steps.append((event.time, "vcpus", event.get("vcpus")))
            if event.has("paused"):
                old.steps.append((event.time, "state", "paused" if event.get("paused") else "running"))
            return
        if old:
            self.found("missed-stop", event)
            self.finish(old, self.previous.time, "missed-stop")
        run = event.run = self.running[event.vm] = Run(event)
        run.steps += [(event.time, "vcpus", event.get("vcpus")),
                      (event.time, "state", "paused" if event.get("paused") else "running"),
                      (event.time, "role", "none")]
        self.estate.runs.append(run)

    on_migrate_in = on_start

    def on_stop(self, event):
        run = self.run_of(event)
        end = event.time
        if event.has("not_before"):
            end = event.instant("not_before")
            if not run.begin <= end <= event.time:
                raise Malformed(f"{event.place}: not_before lies outside the run")
            if end < event.time:
                self.found("stop-uncertain", event)
        if event.get("cause") == "saved" and run.at("role", event.time) != "standby":
            self.estate.saved.append(Saved(run, event))
        self.finish(run, end, "stop")

    def on_migrate_out(self, event):
        self.finish(self.run_of(event), event.time, "migrate-out")

    def on_suspend(self, event):
        state = "suspended" if event.get("cause") == "pmsuspended" else "paused"
        self.run_of(event).steps.append((event.time, "state", state))

    def on_resume(self, event):
        self.run_of(event).steps.append((event.time, "state", "running"))

    def on_reboot(self, event):
        self.run_of(event)

    def on_config(self, event):
        run = self.run_of(event)
        if event.has("vcpus"):
            run.steps.append((event.time, "vcpus", event.get("vcpus")))

    def on_role(self, event):
        self.run_of(event).steps.append((event.time, "role", event.get("role", "none")))

    def on_os(self, event):
        if not (event.has("from") or event.has("to")):
            self.run_of(event)

    on_software = on_tag = on_os
