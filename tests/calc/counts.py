# SPDX-License-Identifier: Apache-2.0
"""Runs to figures: usage, vms and coverage of a period, in the report's shape.

Each run is cut at every instant where anything about it could change; between
two neighbouring cuts all is constant. What is left is adding up.
"""

import bisect

from instants import format_stamp, seconds_text, six_decimals

STATES = ("running", "paused", "suspended", "saved", "crashed")
CLOCK = ("running", "paused")


class Piece:
    """[begin, end) of one run with everything constant."""

    def __init__(self, run, begin, end, state, vcpus, claims, facts):
        self.run, self.vm, self.host = run, run.vm, run.host
        self.begin, self.end, self.length = begin, end, end - begin
        self.state, self.vcpus = state, vcpus
        self.product, self.edition = claims["product"], claims["edition"]
        self.claims = claims
        self.cluster, self.region = facts

    @property
    def counts(self):
        return self.state in CLOCK


def cut(points, begin, end):
    """The neighbouring pairs of all points inside [begin, end]."""
    inside = sorted({begin, end} | {point for point in points if begin < point < end})
    return list(zip(inside, inside[1:]))


class Facts:
    """Cluster and region of a host by instant."""

    def __init__(self, events):
        self.lines = [event for event in events if event.kind == "host"]

    def at(self, instant):
        known = [event for event in self.lines if event.time <= instant]
        return (known[-1].get("cluster") or "", known[-1].get("region") or "") if known else ("", "")


class Counts:
    def __init__(self, estate, register, begin, end):
        self.estate, self.register = estate, register
        self.begin, self.end = begin, end
        self.facts = {host: Facts(events) for host, events in estate.hosts.items()}
        self.pieces = []
        for run in estate.runs:
            self._cut_run(run)
        for saved in estate.saved:
            until = end if saved.end is None else saved.end
            self._cut(saved.run, saved.begin, until, lambda instant: "saved")

    def _cut_run(self, run):
        def state(instant):
            return "standby" if run.at("role", instant) == "standby" else run.at("state", instant)
        self._cut(run, run.begin, run.end, state)

    def _cut(self, run, begin, end, state):
        begin, end = max(begin, self.begin), min(end, self.end)
        if begin >= end:
            return
        points = [when for when, _, _ in run.steps]
        points += [event.time for event in self.facts[run.host].lines]
        for claim in self.register.of(run):
            points += [claim.begin] if claim.end is None else [claim.begin, claim.end]
        for first, last in cut(points, begin, end):
            self.pieces.append(Piece(run, first, last, state(first), run.at("vcpus", first),
                                     self.register.at(run, first), self.facts[run.host].at(first)))

    # usage

    def usage(self):
        groups = {}
        for piece in self.pieces:
            ids = {"host": piece.host, "cluster": piece.cluster, "region": piece.region, "fleet": "fleet",
                   "tenant": piece.claims["tenant"], "cost_center": piece.claims["cost_center"]}
            for scope, name in ids.items():
                groups.setdefault((piece.product, piece.edition, scope, name), []).append(piece)
        rows = [self._usage_row(key, groups[key]) for key in sorted(groups)]
        return [row for row in rows if any(value != "0" for value in row["states"].values())]

    def _usage_row(self, key, pieces):
        states = {state: sum(piece.length for piece in pieces if piece.state == state) for state in STATES}
        counted = [piece for piece in pieces if piece.counts]
        run = sum(piece.length for piece in counted)
        peak, peak_at, peak_time = peak_of([(piece.begin, piece.end) for piece in counted])
        return {"product": key[0], "edition": key[1], "scope": key[2], "id": key[3],
                "run_seconds": seconds_text(run),
                "vcpu_seconds": seconds_text(sum(piece.length * piece.vcpus for piece in counted)),
                "states": {state: seconds_text(time) for state, time in states.items()},
                "peak": peak, "peak_at": None if peak_at is None else format_stamp(peak_at),
                "peak_seconds": seconds_text(peak_time), "average": six_decimals(run, self.end - self.begin)}

    # vms

    def vms(self):
        spans = {}
        for run in self.estate.runs:
            for span in product_spans([piece for piece in self.pieces if piece.run is run and piece.state != "saved"]):
                spans.setdefault(run.vm, []).append(span)
        rows = []
        for vm, own in spans.items():
            merged = []
            for span in sorted(own, key=lambda s: (s[0].begin, s[0].host, s[0].run.first_event.order)):
                if merged and pair(merged[-1][0]) == pair(span[0]):
                    merged[-1] += span
                else:
                    merged.append(list(span))
            rows += [vm_row(vm, pieces) for pieces in merged]
        rows.sort(key=lambda r: (r["vm"], r["name"], r["tenant"], r["cost_center"], r["product"], r["edition"],
                                 r.pop("sort_first"), r["hosts"]))
        return rows

    # coverage

    def coverage(self):
        return [self._coverage_row(host, self.estate.hosts[host]) for host in sorted(self.estate.hosts)]

    def _coverage_row(self, host, events):
        begin, end = max(events[0].time, self.begin), min(events[-1].time, self.end)
        powered = max(0, end - begin)
        gaps = []
        for event in events:
            if event.kind == "gap":
                first, last = max(event.instant("from"), begin), min(event.instant("to"), end)
                if first < last:
                    gaps.append((first, last, event.get("reason") or ""))
        points = [point for first, last, _ in gaps for point in (first, last)]
        lost = sum(last - first for first, last in cut(points, begin, end)
                   if any(gap[0] <= first < gap[1] for gap in gaps)) if powered else 0
        return {"host": host, "powered_seconds": seconds_text(powered), "metered_seconds": seconds_text(powered - lost),
                "unattested_seconds": seconds_text(lost),
                "gaps": [{"from": format_stamp(first), "to": format_stamp(last), "reason": reason}
                         for first, last, reason in sorted(gaps)],
                "coverage": six_decimals(powered - lost, powered) if powered else None}


def pair(piece):
    return piece.product, piece.edition


def peak_of(intervals):
    """(largest number at once, its first instant, time spent there) over all elementary intervals."""
    begins, ends = sorted(first for first, _ in intervals), sorted(last for _, last in intervals)
    points = sorted(set(begins) | set(ends))
    peak, peak_at, time = 0, None, 0
    for first, last in zip(points, points[1:]):
        # [b, e) holds `first` when b <= first < e; ends come before starts.
        number = bisect.bisect_right(begins, first) - bisect.bisect_right(ends, first)
        if number > peak:
            peak, peak_at, time = number, first, 0
        if number == peak and peak > 0:
            time += last - first
    return peak, peak_at, time


def product_spans(pieces):
    """One run's pieces, parted where the product changes: the run-time pieces of each span that has any."""
    spans = []
    for piece in sorted(pieces, key=lambda p: p.begin):
        if not spans or pair(spans[-1][-1]) != pair(piece):
            spans.append([])
        spans[-1].append(piece)
    counted = [[piece for piece in span if piece.counts] for span in spans]
    return [span for span in counted if span]


def vm_row(vm, pieces):
    last = max(pieces, key=lambda p: (p.end, p.host))
    run = sum(piece.length for piece in pieces)
    first = min(piece.begin for piece in pieces)
    return {"vm": vm, "name": last.claims["name"], "tenant": last.claims["tenant"],
            "cost_center": last.claims["cost_center"], "product": last.product, "edition": last.edition,
            "software": sorted(set().union(*(piece.claims["software"] for piece in pieces))),
            "evidence": last.claims["evidence"], "run_seconds": seconds_text(run),
            "vcpu_seconds": seconds_text(sum(piece.length * piece.vcpus for piece in pieces)),
            "hosts": sorted({piece.host for piece in pieces}),
            "first": format_stamp(first), "last": format_stamp(max(piece.end for piece in pieces)),
            "sort_first": first}
