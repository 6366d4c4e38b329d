#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Charges of random price lists and estates, line by line, against the second calculation."""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import uuid
from fractions import Fraction
from pathlib import Path

import model
from model import SECOND

DAY = 86400 * SECOND
OSES = ("http://microsoft.com/win/2k22", "http://redhat.com/rhel/9.2", "http://debian.org/debian/12", "")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")


def a_date(rng, first, last):
    return model.datetime.date.fromordinal(rng.randint(first.toordinal(), last.toordinal())).isoformat()


def a_rate(rng):
    return model.text(Fraction(rng.choice((0, 1, 46, 125, rng.randint(0, 10**6))), 10**rng.choice((0, 2, 3, 6, 12))))


def a_price(rng, decimals):
    if rng.random() < 0.6:
        return {"rate": a_rate(rng)}
    ends = sorted(rng.sample(range(1, 3000), rng.randint(0, 3)))
    scale = rng.choice((1, 10)) if decimals else 1
    tiers = [{"up_to": model.text(Fraction(e, scale)), "rate": a_rate(rng)} for e in ends]
    return {"tiers": tiers + [{"rate": a_rate(rng)}]}


def a_sku(rng, number, decimals):
    sku = {"id": f"sku-{number}", "meter": rng.choice(("vcpu-hour", "gib-hour", "vm-hour", "licence-hour"))}
    if sku["meter"] == "licence-hour" or rng.random() < 0.3:
        sku["product"] = rng.choice(("windows-server", "rhel", "http://debian.org/", "windows-server/payg", "sql-server-standard"))
    if sku["meter"] == "licence-hour":
        sku["per"] = rng.choice(("vm", "vcpu"))
    if sku["meter"] == "vcpu-hour" or sku.get("per") == "vcpu":
        if rng.random() < 0.3:
            sku["minimum_vcpus"] = rng.choice((2, 4, 8))
    if rng.random() < 0.3:
        sku["minimum_time"] = rng.choice((60, 600, 86400)) * SECOND
    if rng.random() < 0.4:
        sku["time_step"] = rng.choice((1, 60, 3600, 7)) * SECOND
    if rng.random() < 0.3:
        sku["minimum_charge"] = a_rate(rng)
    if rng.random() < 0.7:
        sku["tier_scope"] = rng.choice(("account", "cost-center", "vm"))
    days = sorted({a_date(rng, model.datetime.date(2026, 1, 2), model.datetime.date(2026, 12, 1))
                   for _ in range(rng.choice((0, 0, 1, 2)))})
    # Now and then a price begins too late.
    starts = [] if days and rng.random() < 0.05 else ["2025-01-01"]
    starts += days
    sku["prices"] = [{"from": start, **a_price(rng, decimals)} for start in starts]
    for price, following in zip(sku["prices"], starts[1:]):
        if rng.random() < 0.5:
            price["to"] = following
    return sku


def a_list(rng):
    out = {"currency": rng.choice(("EUR", "JPY", "KWD")), "provider": "P", "billing_account": {"id": "acme"}}
    if rng.random() < 0.5:
        out["charge_period"] = rng.choice(("day", "month"))
    if rng.random() < 0.5:
        out["quantity_decimals"] = rng.randint(0, 9)
    if rng.random() < 0.7:
        out["rounding"] = {"mode": rng.choice(("half-up", "half-even", "up")), "at": rng.choice(("none", "line", "invoice"))}
    decimals = out.get("quantity_decimals", 9)
    out["skus"] = [a_sku(rng, i, decimals) for i in range(rng.randint(1, 4))]
    return out


def a_run(rng, vm, at, end, hosts):
    """Stays that follow one another, mostly without a gap."""
    names = list(hosts)
    stay = {"vm": vm, "host": rng.choice(names), "state": model.RUNNING, "vcpus": rng.choice((1, 2, 4, 3, 0)),
            "memory": rng.choice((512, 1024, 3333, 65536, 0)), "os": rng.choice(OSES),
            "edition": rng.choice(("", "standard", "datacenter")), "software": (), "tenant": "t1", "cost_center": "cc1",
            "environment": "", "name": "web", "standby": False, "imported": rng.random() < 0.5, "uncertain": False}
    while at < end and rng.random() < 0.93:
        length = rng.choice((rng.randint(1, 3 * DAY), rng.randint(1, 4) * 1200 * SECOND, rng.randint(1, 30) * SECOND, DAY))
        stay = dict(stay, **{"from": at, "to": at + length, "entry": rng.randint(0, 10**6)})
        yield dict(stay)
        at += length
        what = rng.choice(("vcpus", "memory", "cost_center", "host", "host", "state", "name", "os", "tenant", "software",
                           "environment", "imported", "standby", "uncertain"))
        stay["state"], stay["standby"], stay["uncertain"] = model.RUNNING, False, False
        stay[what] = {
            "vcpus": rng.choice((1, 2, 4, 16)), "memory": rng.choice((1024, 2048, 777)), "host": rng.choice(names),
            "cost_center": rng.choice(("cc1", "cc2", "")), "state": rng.randint(0, 4), "name": rng.choice(("web", "db")),
            "os": rng.choice(OSES), "tenant": rng.choice(("t1", "", "t2")), "imported": rng.random() < 0.5,
            "software": rng.choice(((), ("sql-server-standard",), ("a", "sql-server-standard"))),
            "environment": rng.choice(("", "test")), "standby": True, "uncertain": True}[what]
        if what == "host" and rng.random() < 0.5:
            at += rng.choice((1, 60 * SECOND, 60 * SECOND + 1, 250 * 10**6))


def an_estate(rng, begin, end):
    hosts = {f"h{i}": {"origin": f"o/h{i}", "facts": []} for i in range(rng.randint(1, 3))}
    for host in hosts.values():
        times = sorted({rng.randint(begin - DAY, end) for _ in range(rng.randint(0, 2))})
        host["facts"] = [(at, f"region-{i % 2}") for i, at in enumerate(times)]
    stays = []
    for _ in range(rng.randint(1, 5)):
        vm = str(uuid.UUID(int=rng.getrandbits(128)))
        for _ in range(rng.randint(1, 3)):
            stays += a_run(rng, vm, rng.randint(begin - 2 * DAY, end), end, hosts)
    number = {name: i for i, name in enumerate(hosts)}
    for stay in stays:
        stay["host_number"] = number[stay["host"]]
    # Two of one VM that begin at once on one host would be told apart by nothing.
    seen, out = set(), []
    for stay in stays:
        key = (stay["vm"], stay["from"], stay["host"])
        if key not in seen:
            seen.add(key)
            out.append(stay)
    return hosts, out


def lines_of(hosts, rules, stays):
    dash = lambda s: s if s else "-"
    for name, host in hosts.items():
        yield f"host\t{name}\t{host['origin']}"
        for at, region in host["facts"]:
            yield f"facts\t{name}\t{at}\t{region}"
    for r in rules:
        yield (f"rule\t{r['id']}\t{r['pack']}\t{r['version']}\t{r['from']}\t{r['to']}\t{dash(','.join(r['os']))}\t"
               f"{dash(','.join(r['editions']))}\t{r['clock']}")
    for s in stays:
        yield "\t".join(map(str, (
            "stay", s["host"], s["vm"], s["from"], s["to"], s["state"], s["vcpus"], s["memory"], dash(s["os"]),
            dash(s["edition"]), dash(",".join(s["software"])), dash(s["tenant"]), dash(s["cost_center"]),
            dash(s["environment"]), dash(s["name"]), s["entry"], int(s["imported"]), int(s["standby"]), int(s["uncertain"]))))


def yaml_of(prices):
    """JSON is YAML; spans are written as such, and no number is left to a float."""
    def spans(value):
        if isinstance(value, dict):
            return {k: f"{v // SECOND}s" if k in ("minimum_time", "time_step") else spans(v) for k, v in value.items()}
        return [spans(v) for v in value] if isinstance(value, list) else value
    return json.dumps(spans(prices))


class Tool:
    def __init__(self, path):
        self.path = path
        self.folder = tempfile.TemporaryDirectory(prefix="tally-money-")

    def charges(self, prices, begin, end, zone, lines, old=None):
        """(the JSON, or None; the error)"""
        folder = Path(self.folder.name)
        (folder / "prices.yaml").write_text(prices if isinstance(prices, str) else yaml_of(prices))
        more = []
        if old is not None:
            (folder / "old.json").write_text(json.dumps(old))
            more = [folder / "old.json"]
        done = subprocess.run([self.path, "charges", folder / "prices.yaml", str(begin), str(end), zone, *more],
                              input="".join(line + "\n" for line in lines), text=True, capture_output=True, check=False)
        if done.returncode not in (0, 2):
            sys.exit(f"{self.path}: exit {done.returncode}: {done.stderr}")
        return (json.loads(done.stdout) if done.returncode == 0 else None), done.stderr.strip()


def freeze(lines):
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


def same_number(line):
    """Amounts without the zeros that only show a currency's minor units."""
    out = dict(line)
    for key in ("billed", "cost"):
        out[key] = model.text(Fraction(out[key]))
    return out


def check_sums(charges):
    """What must hold of any charges, whoever calculated them."""
    sums = {}
    for line in charges["charges"]:
        sums[line["invoice"]] = sums.get(line["invoice"], 0) + Fraction(line["billed"])
        if line["kind"] == "usage" and Fraction(line["price"]) * Fraction(line["quantity"]) != Fraction(line["cost"]):
            return f"price x quantity is not cost: {line}"
    if {k: model.text(v) for k, v in sums.items()} != charges["invoices"]:
        return f"an invoice is not the sum of its lines: {sums} {charges['invoices']}"
    return None


def correct(old, new):
    """What the corrected charges must hold: the old lines, and sort by sort the sums of the new."""
    figures = ("quantity", "consumed_quantity", "cost", "billed")
    total = {}
    for line in new:
        key = json.dumps({k: v for k, v in line.items() if k not in figures + (
            "first_index", "last_index", "evidence", "invoice", "class", "revision")}, sort_keys=True)
        sums = total.setdefault(key, [Fraction(0)] * 4)
        total[key] = [s + Fraction(line[f] or 0) for s, f in zip(sums, figures)]
    return {k: v for k, v in total.items() if any(v)}


def one_seed(tool, seed, seen):
    rng = random.Random(seed)
    zone = rng.choice(ZONES)
    calendar = model.Calendar(zone)
    begin = calendar.start(model.datetime.date(2026, rng.randint(1, 12), 1))
    end = calendar.month(begin)[1]
    if rng.random() < 0.5:
        begin += rng.randint(0, 20 * DAY)
        end = begin + rng.randint(1, 70 * DAY)
    prices, (hosts, stays) = a_list(rng), an_estate(rng, begin, end)
    rules = [{"id": "windows-server/payg", "pack": "ms", "version": "1", "from": 0, "to": begin + DAY,
              "os": ["http://microsoft.com/win/2k"], "editions": [], "clock": 3},
             {"id": "windows-server/payg", "pack": "ms2", "version": "2", "from": begin + DAY, "to": 2**63 - 1,
              "os": ["http://microsoft.com/win/"], "editions": ["standard"], "clock": 7}]
    rng.shuffle(rules)
    ours, error = tool.charges(prices, begin, end, zone, lines_of(hosts, rules, stays))
    mine = model.Model(prices, begin, end, zone, hosts, rules, stays)
    try:
        theirs = [model.shown(line) for line in mine.charges()]
    except model.Refused as refused:
        seen["refused"] += 1
        right = ours is None and f"SKU '{refused}' has no price" in error
        return 0, None if right else f"no price of {refused}, but: {error}"
    if ours is None:
        return 0, f"refused: {error}"
    known = set(theirs[0]) if theirs else set()
    got = freeze(same_number({k: line[k] for k in known}) for line in ours["charges"])
    expected = freeze(theirs)
    if got != expected:
        only = [f"  tally: {x}" for x in got if x not in expected][:4] + [f"  model: {x}" for x in expected if x not in got][:4]
        return 0, "other lines:\n" + "\n".join(only)
    for number, _ in enumerate(prices["skus"]):
        if Fraction(ours["unknown"][number]) != Fraction(mine.unknown[number], SECOND):
            return 0, f"other unknown time: {ours['unknown'][number]}, {mine.unknown[number]} ns"
    # A month later more is known: some stays are owned, sized or timed otherwise.
    later = [dict(s, cost_center=rng.choice(("cc1", "cc9", s["cost_center"])), vcpus=s["vcpus"] or 1) for s in stays
             if rng.random() < 0.9]
    new, _ = tool.charges(prices, begin, end, zone, lines_of(hosts, rules, later))
    if new is None:
        return len(got), check_sums(ours)
    both, error = tool.charges(prices, begin, end, zone, lines_of(hosts, rules, later), ours)
    if both is None:
        return 0, f"a correction is refused: {error}"
    for line in both["charges"]:
        seen[line["kind"]] += 1
        seen["tiers"] += line["price_id"].endswith("/2")
        seen["corrections"] += line["class"] is not None
    kept = [line for line in both["charges"] if line["class"] is None]
    if freeze(kept) != freeze(ours["charges"]):
        return 0, "a correction changed what was billed"
    if correct(None, both["charges"]) != correct(None, new["charges"]):
        return 0, "corrected charges are not those of what is known now"
    again, _ = tool.charges(prices, begin, end, zone, lines_of(hosts, rules, later), both)
    if again != both:
        return 0, "a second correction by the same knowledge changes something"
    return len(got), next(filter(None, map(check_sums, (ours, new, both))), None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--seeds", default="1-40")
    options = parser.parse_args()
    first, last = map(int, options.seeds.split("-"))
    tool, failed, lines, empty = Tool(options.tool), 0, 0, 0
    seen = dict.fromkeys(("usage", "minimum", "rounding", "tiers", "corrections", "refused"), 0)
    for seed in range(first, last + 1):
        count, problem = one_seed(tool, seed, seen)
        lines += count
        empty += count == 0
        if problem:
            failed += 1
            print(f"FAILED: seed {seed}: {problem}"[:2000])
    print(f"{last - first + 1} seeds, {lines} lines equal, {empty} seeds without lines, {failed} failed; seen: {seen}")
    sys.exit(failed > 0 or empty * 4 > last - first + 1 or not all(seen.values()))


if __name__ == "__main__":
    main()
