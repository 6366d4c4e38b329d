# SPDX-License-Identifier: Apache-2.0
"""How often the recorded events must raise a kind of finding, for a period that holds them all.

{kind: {host: number}}; what concerns several hosts stands under the empty name.
Only kinds that can be derived here in a few plain lines are listed.
"""


def count_findings(estate, counts):
    """`counts`: those of a period that holds every event."""
    found = [(kind, event.host) for kind, event in estate.findings]
    joined = {event.order for pair in estate.joined for event in pair}
    for event in estate.events:
        if event.order not in joined and event.kind in ("migrate-out", "migrate-in"):
            found.append(("left-estate" if event.kind == "migrate-out" else "entered-estate", event.host))
    facts = set()
    for event in sorted(estate.events, key=lambda event: event.order):
        if event.kind == "host":
            facts.add(event.host)
        elif event.host not in facts:
            found.append(("no-host-facts", event.host))
    found += [("host-crash", run.host) for run in estate.runs if run.ended_by == "boot"]
    for row in counts.coverage():
        found += [("gap", row["host"])] * len(row["gaps"])
    # What lies behind the last event of a host whose runs are open is one gap more.
    found += [("gap", host) for host in sorted({run.host for run in estate.runs if run.ended_by == "open"})]
    found += [("uuid-conflict", "")] * conflicts(counts.pieces)
    found += [("os-unknown", "")] * len({row["vm"] for row in counts.vms() if row["product"] == "unclassified"})
    numbers = {}
    for kind, host in found:
        own = numbers.setdefault(kind, {})
        own[host] = own.get(host, 0) + 1
    return numbers


def conflicts(pieces):
    """How many stretches of time there are in which two runs of one UUID count."""
    stretches = 0
    for vm in {piece.vm for piece in pieces}:
        own = [piece for piece in pieces if piece.vm == vm and piece.counts]
        points = sorted({point for piece in own for point in (piece.begin, piece.end)})
        before = False
        for instant in points:
            twice = sum(piece.begin <= instant < piece.end for piece in own) > 1
            stretches += twice and not before
            before = twice
    return stretches
