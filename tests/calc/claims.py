# SPDX-License-Identifier: Apache-2.0
"""What was claimed about a VM, and which claim is in force at an instant.

Every claim carries its place in the report's order. Claims of a run hold from
their instant to the run's end; corrections hold for the UUID in [begin, end).
Of those that cover an instant the one recorded last wins, key by key.
"""

KEYS = ("os", "edition", "software", "tenant", "cost_center", "environment", "name")


class Claim:
    def __init__(self, event, key, value, begin=None, end=None):
        self.order = event.order
        self.key = key
        self.value = value
        self.begin = event.time if begin is None else begin
        self.end = end

    def covers(self, instant):
        return self.begin <= instant and (self.end is None or instant < self.end)


def given(event):
    """The claims that stand in a start or migrate-in."""
    claims = []
    for key in KEYS:
        value = event.get(key)
        if not event.has(key) or value == []:  # a ledger cannot tell an empty set from an absent one
            continue
        if key == "os":
            value = (value, event.get("evidence"))
        if key == "software":
            value = ("replace", value, [])
        claims.append(Claim(event, key, value))
    return claims


def stated(event):
    """The claims of an os, software, tag or config event, with their span where they are corrections."""
    begin, end = event.instant("from"), event.instant("to")
    claims = []
    if event.kind == "os":
        if event.has("os"):
            claims.append(Claim(event, "os", (event.get("os"), event.get("evidence")), begin, end))
        if event.has("os") or event.has("edition"):
            claims.append(Claim(event, "edition", event.get("edition"), begin, end))
    elif event.kind == "software":
        change = ("change", event.get("add", []), event.get("remove", []))
        claims.append(Claim(event, "software", change, begin, end))
    elif event.kind == "tag":
        claims += [Claim(event, key, event.get(key), begin, end)
                   for key in ("tenant", "cost_center", "environment") if event.has(key)]
    elif event.kind == "config" and event.has("name"):
        claims.append(Claim(event, "name", event.get("name")))
    return claims


class Register:
    """Hands each run its claims, keeps the corrections by UUID, and answers for an instant."""

    def __init__(self, estate):
        self.corrections = {}
        last = {}  # UUID -> the run whose claims changed last
        for event in estate.events:
            if event.kind in ("os", "software", "tag") and (event.has("from") or event.has("to")):
                self.corrections.setdefault(event.vm, []).extend(stated(event))
            elif event.kind in ("start", "migrate-in"):
                claims = given(event)
                if event.kind == "migrate-in" and event.vm in last:
                    have = {claim.key for claim in claims}
                    claims = [claim for claim in last[event.vm].claims if claim.key not in have] + claims
                event.run.claims += claims
                last[event.vm] = event.run
            elif event.run is not None:
                claims = stated(event)
                if claims:
                    event.run.claims += claims
                    last[event.vm] = event.run

    def operator(self, events):
        """What an operator wrote beside the hosts' entries: corrections, in the order in which they were written."""
        for event in events:
            self.corrections.setdefault(event.vm, []).extend(stated(event))

    def of(self, run):
        return run.claims + self.corrections.get(run.vm, [])

    def at(self, run, instant):
        """{product, edition, evidence, software, tenant, cost_center, name} of a run at an instant."""
        found = {"os": (None, None), "software": set()}
        for claim in sorted(self.of(run), key=lambda c: c.order):
            if not claim.covers(instant):
                continue
            if claim.key == "software":
                how, add, remove = claim.value
                before = set() if how == "replace" else found["software"]
                found["software"] = (before | set(add)) - set(remove)
            else:
                found[claim.key] = claim.value
        os, evidence = found["os"]
        return {"product": os or "unclassified", "edition": found.get("edition") or "", "evidence": evidence or "none",
                "software": found["software"], "tenant": found.get("tenant") or "",
                "cost_center": found.get("cost_center") or "", "name": found.get("name") or ""}
