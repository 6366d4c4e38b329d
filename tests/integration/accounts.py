# SPDX-License-Identifier: Apache-2.0
"""A ledger's account of a VM's life against the outside truth.

What was not recorded, or recorded wrongly, has to lie inside what the ledger
itself states: a gap, or the bounds of an end that nobody saw. All in seconds.
"""
import collections
import datetime

MANAGER = 2.1  # seconds that libvirt's own word of an end may be late
UNIX = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def seconds(text):
    """RFC 3339 with nanoseconds to seconds, exact to below a microsecond."""
    whole, _, rest = text.rstrip("Z").partition(".")
    at = datetime.datetime.fromisoformat(whole + "+00:00") - UNIX
    return at.days * 86400 + at.seconds + float("0." + (rest or "0"))


def instant(event):
    return seconds(event["metering"].get("time", event["wall"]))


def gaps(events):
    """The spans that a ledger states as not observed; one that goes on ends with None.
    What was queued while a list was made stands before the gap's end, which then counts at
    its instant (the timeline's rule)."""
    out, begin, latest = [], None, 0.0
    for event in events:
        m = event["metering"]
        if event["operations"].get("source") != "proc":
            latest = max(latest, instant(event))
        if event["kind"] == "gap":
            out.append((seconds(m["from"]), seconds(m["to"])))
        elif event["kind"] == "gap-begin" and begin is None:
            begin = seconds(m["from"]) if "from" in m else instant(event)
        elif event["kind"] == "gap-end" and begin is not None:
            out.append((begin, latest))
            begin = None
    if begin is not None:
        out.append((begin, None))
    return out


def bounds(events, vm):
    """The spans in which an end lies that nobody saw."""
    return [(seconds(e["metering"]["not_before"]), instant(e)) for e in events
            if e["identity"].get("vm") == vm and "not_before" in e["metering"]]


def outside(span, spans):
    """How much of a span lies in none of the others."""
    begin, end = span
    at, left = begin, 0.0
    for b, e in sorted((b, float("inf") if e is None else e) for b, e in spans):
        if b >= end:
            break
        left += max(0.0, b - at)
        at = max(at, e)
    return left + max(0.0, end - at) if end > begin else 0.0


def rows(report, vm):
    return [row for row in report["vms"] if row["vm"] == vm]


def run_seconds(report, vm):
    return sum(float(row["run_seconds"]) for row in rows(report, vm))


def span(report, vm):
    of = rows(report, vm)
    return (min(seconds(row["first"]) for row in of), max(seconds(row["last"]) for row in of)) if of else None


def ended(life, said):
    """The end of a life that is the nearest to what is said of it."""
    return min(max(said, life[1]), getattr(life, "late", life[1]))


class Account:
    """One VM that lived once: what became of it in a ledger."""

    def __init__(self, truth, report, events, vm, within):
        within = within(*truth)
        self.begin, self.end = truth
        self.stated = gaps(events)
        uncertain = bounds(events, vm)
        found = span(report, vm)
        if found is not None:
            self.end = ended(truth, found[1])
            truth = (self.begin, self.end)
        self.found, self.why = found, ""
        if found is None:
            self.missing, self.kind = self.end - self.begin, "unseen"
            self.unexplained = outside(truth, self.stated + uncertain)
        else:
            first, last = found
            hole = max(0.0, last - first - run_seconds(report, vm))
            lost = [(self.begin, first), (last, self.end)]
            false = [(first, self.begin), (self.end, last)]
            self.missing = sum(max(0.0, e - b) for b, e in lost) + hole
            inside = outside((first, last), []) - outside((first, last), self.stated)
            self.unexplained = max([outside(s, self.stated + uncertain) for s in lost + false] + [hole - inside])
            worst = max([abs(e - b) for b, e in lost] + [hole])
            if worst <= within:
                self.kind = "exact"
            elif max([outside(s, self.stated) for s in lost + false]) <= within:
                self.kind = "in a gap"
            else:
                self.kind = "in bounds"
        # What libvirt tells late: that a guest went off, or an end whose process nobody watched.
        if self.unexplained > within and found is not None and 0 <= found[1] - self.end <= MANAGER:
            early = [(self.begin, found[0]), (found[0], self.begin)]
            if max(outside(s, self.stated) for s in early) <= within:
                self.kind, self.unexplained = "late by the manager", 0.0
        if self.unexplained > within:
            self.kind = "wrong"
        if self.kind in ("wrong", "late by the manager"):
            near = [g for g in self.stated if g[0] < self.end + 2 and (g[1] or self.end) > self.begin - 2]
            own = [(round(instant(e), 3), e["kind"], e["metering"].get("cause"), e["operations"]["source"]) for e in events if e["identity"].get("vm") == vm]
            self.why = f"truth {self.begin:.3f} to {self.end:.3f}, ledger {found}, gaps {near}, bounds {uncertain}, records {own}"

    def difference(self):
        first, last = self.found
        return max(abs(first - self.begin), abs(last - self.end))


def table(accounts):
    return collections.Counter(account.kind for account in accounts)


def runs(events, vm):
    """[begin, end) of each run of a VM in a host's ledger; a migration's source is left at
    the switch-over. None for an end that is not recorded."""
    out, begin, switched = [], None, None
    for e in events:
        if e["identity"].get("vm") != vm:
            continue
        m, kind = e["metering"], e["kind"]
        if kind in ("started", "migrated-in", "baseline") and begin is None:
            begin, switched = instant(e), None
        elif kind == "suspended" and m.get("cause") in ("migrated", "postcopy"):
            switched = instant(e)
        elif kind == "resumed":
            switched = None
        elif kind in ("stopped", "migrated-out") and begin is not None:
            left = switched if kind == "migrated-out" and switched else instant(e)
            out.append((begin, seconds(m["not_before"]) if "not_before" in m else left))
            begin = None
    if begin is not None:
        out.append((begin, None))
    return out


def counted(witness, vm):
    """Run time by the outside truth: without the time in which a guest had crashed or slept in memory."""
    total = sum(end - begin for begin, end in witness.lives(vm, crash={vm: "preserve"}))
    dead = None
    for e in witness.events(vm):
        at = float(e["t"])
        if e["event"] in ("GUEST_PANICKED", "SUSPEND") and dead is None:
            dead = at
        elif e["event"] in ("RESUME", "WAKEUP", "SHUTDOWN", "EXIT") and dead is not None:
            total -= at - dead
            dead = None
    return total


def compare(witness, report, events, vm):
    """(truth, ledger, the largest difference of a begin or an end); None where the runs are not the same ones."""
    true, said = witness.lives(vm, crash={vm: "preserve"}), runs(events, vm)
    if len(true) != len(said) or any(None in life for life in true + said):
        return true, said, None
    return true, said, max([abs(t[0] - s[0]) for t, s in zip(true, said)] + [abs(ended(t, s[1]) - s[1]) for t, s in zip(true, said)] + [0.0])
