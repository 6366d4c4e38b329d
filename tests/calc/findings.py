# SPDX-License-Identifier: Apache-2.0
"""How often the recorded events must raise a kind of finding, over all they hold.

One for each event that raises it; uuid-conflict: one for each VM of which two
runs share time. The period plays no part.
"""


def count_findings(estate):
    counts = {}
    for kind, _ in estate.findings:
        counts[kind] = counts.get(kind, 0) + 1
    joined = {id(event) for pair in estate.joined for event in pair}
    for event in estate.events:
        if id(event) not in joined and event.kind in ("migrate-out", "migrate-in"):
            kind = "left-estate" if event.kind == "migrate-out" else "entered-estate"
            counts[kind] = counts.get(kind, 0) + 1
    early = [host for host, events in estate.hosts.items() if events[0].kind != "host"]
    for kind, number in (("uuid-conflict", len(conflicts(estate))), ("no-host-facts", len(early))):
        if number:
            counts[kind] = number
    return counts


def conflicts(estate):
    """UUIDs of which two runs share an instant."""
    by_vm = {}
    for run in estate.runs:
        by_vm.setdefault(run.vm, []).append(run)
    return sorted(vm for vm, runs in by_vm.items()
                  if any(a is not b and max(a.begin, b.begin) < min(a.end, b.end) for a in runs for b in runs))
