# SPDX-License-Identifier: Apache-2.0
"""How often the recorded events must raise a kind of finding, for a period that holds them all.

{kind: {host: number}}; what concerns several hosts stands under the empty name.
Only kinds that can be derived here in a few plain lines are listed.
"""

from instants import format_stamp, seconds_text


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
    found += [("clone", event.host) for event in clones(estate.events)]
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


def clones(events):
    """Restores of a UUID with neither a save nor a failed begin behind the restore before."""
    used, found = set(), []
    for event in sorted(events, key=lambda event: event.order):
        if event.kind == "start" and event.get("cause") == "restore" and not event.get("baseline"):
            if event.vm in used:
                found.append(event)
            used.add(event.vm)
        elif event.kind == "stop" and event.get("cause") in ("saved", "failed"):
            used.discard(event.vm)
    return found


def growth(counts):
    """What the finding unclassified-growing says of the period's halves, or None."""
    middle = counts.begin + (counts.end - counts.begin) // 2
    times = {}
    for piece in counts.pieces:
        if piece.counts:
            known = piece.product != "unclassified"
            for half, length in enumerate((min(piece.end, middle) - piece.begin, piece.end - max(piece.begin, middle))):
                times[half, known] = times.get((half, known), 0) + max(0, length)
    unknown = [times.get((half, False), 0) for half in (0, 1)]
    whole = [unknown[half] + times.get((half, True), 0) for half in (0, 1)]
    if not whole[0] or unknown[1] <= unknown[0]:
        return None
    shares = [(20000 * part + all_) // (2 * all_) for part, all_ in zip(unknown, whole)]
    if shares[1] < shares[0] + 100:
        return None
    percent = [f"{share // 100}.{share % 100:02} %" for share in shares]
    return (f"{seconds_text(unknown[0])} s ({percent[0]} of the run time) before {format_stamp(middle)}, "
            f"{seconds_text(unknown[1])} s ({percent[1]}) from then on")


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
