#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Charges that were worked out by hand: each figure here stands in no code."""

import datetime
import json
import os
import sys
import zoneinfo
from fractions import Fraction
from pathlib import Path

from charges import Tool
from model import text

SECOND = 10**9
VM = "aaaaaaaa-0000-4000-8000-000000000001"
HEAD = "currency: EUR\nprovider: P\nbilling_account: {id: acme}\n"


def at(text, zone="UTC"):
    """Nanoseconds of a local time."""
    local = datetime.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return int(local.timestamp()) * SECOND


def stay(begin, end, vcpus=4, memory=1024, vm=VM, host="h1", state=0, cost_center="-", os="http://microsoft.com/win/2k22",
         software="-", standby=0, uncertain=0, name="web"):
    return "\t".join(map(str, ("stay", host, vm, begin, end, state, vcpus, memory, os, "-", software, "-", cost_center, "-",
                               name, 1, 0, standby, uncertain)))


def sku(text, rate="0.046", head=HEAD):
    return f"{head}skus: [{{id: s, {text}, prices: [{{from: 2025-01-01, rate: {rate}}}]}}]\n"


class Cases:
    def __init__(self, tool):
        self.tool, self.failed, self.count = Tool(tool), 0, 0

    def charges(self, prices, begin, end, stays, zone="UTC", rules=(), old=None):
        """(lines, everything, error)"""
        lines = ["host\th1\to/h1", "host\th2\to/h2", *rules, *stays]
        found, error = self.tool.charges(prices, begin, end, zone, lines, old)
        return (found["charges"] if found else []), found, error

    def check(self, name, got, expected):
        self.count += 1
        if got != expected:
            self.failed += 1
            print(f"FAILED: {name}: {got!r}, not {expected!r}")
        else:
            print(f"ok: {name}")

    def figures(self, name, prices, begin, end, stays, expected, **more):
        """Lines as (quantity, cost, billed)."""
        lines, _, error = self.charges(prices, begin, end, stays, **more)
        self.check(name, error or [(x["quantity"], x["cost"], x["billed"]) for x in lines], expected)

    def refused(self, name, prices, begin, end, stays, expected, **more):
        _, _, error = self.charges(prices, begin, end, stays, **more)
        self.check(name, error, expected)


MARCH, APRIL = at("2026-03-01"), at("2026-04-01")
HOUR = 3600 * SECOND


def plain(c):
    payg = ["rule\twindows-server/payg\tms\t1\t0\t9000000000000000000\thttp://microsoft.com/win/2k\t-\t3"]
    c.figures("4 vCPU for 100 h at 0.046 cost 18.40", sku("meter: licence-hour, product: windows-server/payg, per: vcpu"),
              MARCH, APRIL, [stay(MARCH, MARCH + 100 * HOUR)], [("400", "18.40", "18.40")], rules=payg)
    c.figures("a SKU of a product counts no other", sku("meter: licence-hour, product: rhel, per: vcpu"), MARCH, APRIL,
              [stay(MARCH, MARCH + HOUR)], [])
    c.figures("software in the guest counts by the VM", sku("meter: licence-hour, product: sql-server-standard, per: vm", "2"),
              MARCH, APRIL, [stay(MARCH, MARCH + HOUR, software="a,sql-server-standard")], [("1", "2.00", "2.00")])
    c.figures("memory counts in GiB", sku("meter: gib-hour", "0.004"), MARCH, APRIL,
              [stay(MARCH, MARCH + 10 * HOUR, memory=1536)], [("15", "0.06", "0.06")])
    c.figures("paused time counts; saved, suspended, crashed and unseen time does not, nor does a standby",
              sku("meter: vm-hour", "1"), MARCH, APRIL,
              [stay(MARCH, MARCH + HOUR, state=1), stay(MARCH + HOUR, MARCH + 2 * HOUR, state=2),
               stay(MARCH + 2 * HOUR, MARCH + 3 * HOUR, state=3), stay(MARCH + 3 * HOUR, MARCH + 4 * HOUR, state=4),
               stay(MARCH + 4 * HOUR, MARCH + 5 * HOUR, standby=1), stay(MARCH + 5 * HOUR, MARCH + 6 * HOUR, uncertain=1)],
              [("1", "1.00", "1.00")])
    c.figures("a VM of fewer vCPUs than the minimum counts as the minimum",
              sku("meter: vcpu-hour, minimum_vcpus: 8", "1"), MARCH, APRIL, [stay(MARCH, MARCH + HOUR)], [("8", "8.00", "8.00")])


def months(c):
    thirds = [stay(APRIL + i * 1200 * SECOND, APRIL + (i + 1) * 1200 * SECOND, name=("web", "db", "app")[i % 3],
                   cost_center=("a", "b")[i % 2]) for i in range(3 * 720)]
    may = at("2026-05-01")
    for period in ("month", "day"):
        lines, _, _ = c.charges(sku("meter: vm-hour", "0.01", HEAD + f"charge_period: {period}\n"), APRIL, may, thirds)
        c.check(f"720 hours in thirds, by {period}: 720, not 720.02", sum(Fraction(x["quantity"]) for x in lines), 720)
        c.check(f"720 hours in thirds, by {period}: 7.20", sum(Fraction(x["billed"]) for x in lines), Fraction("7.2"))
    for zone, month, following, hours in (
            ("Europe/Berlin", "2026-03-01", "2026-04-01", "743"), ("Europe/Berlin", "2026-10-01", "2026-11-01", "745"),
            ("America/New_York", "2026-03-01", "2026-04-01", "743"), ("America/New_York", "2026-11-01", "2026-12-01", "721"),
            ("Australia/Lord_Howe", "2026-04-01", "2026-05-01", "720.5"),
            ("Australia/Lord_Howe", "2026-10-01", "2026-11-01", "743.5"), ("UTC", "2026-03-01", "2026-04-01", "744")):
        begin, end = at(month, zone), at(following, zone)
        lines, _, _ = c.charges(sku("meter: vm-hour"), begin, end, [stay(begin - HOUR, end + HOUR)], zone=zone)
        c.check(f"{zone} {month[:7]} has {hours} hours", [x["quantity"] for x in lines], [hours])
    for day, following, hours in (("2026-03-29", "2026-03-30", "23"), ("2026-10-25", "2026-10-26", "25")):
        begin, end = at(day, "Europe/Berlin"), at(following, "Europe/Berlin")
        lines, _, _ = c.charges(sku("meter: vm-hour", "1", HEAD + "charge_period: day\n"), begin - 24 * HOUR, end + 24 * HOUR,
                                [stay(begin - 48 * HOUR, end + 48 * HOUR)], zone="Europe/Berlin")
        c.check(f"Berlin {day} has {hours} hours", [x["quantity"] for x in lines], ["24", hours, "24"])
    for day, seconds in (("2026-03-29", 7200), ("2026-10-25", 14400)):
        begin, end = at(day + " 01:00", "Europe/Berlin"), at(day + " 04:00", "Europe/Berlin")
        lines, _, _ = c.charges(sku("meter: vm-hour"), begin - HOUR, end + HOUR, [stay(begin, end)], zone="Europe/Berlin")
        c.check(f"01:00 to 04:00 in Berlin on {day} are {seconds} s", [x["consumed_quantity"] for x in lines], [str(seconds)])


def changes(c):
    resized = [stay(MARCH, MARCH + 1200 * SECOND, vcpus=2), stay(MARCH + 1200 * SECOND, MARCH + HOUR, vcpus=4)]
    c.figures("a resize inside an hour: 2 x 1/3 + 4 x 2/3", sku("meter: vcpu-hour", "3"), MARCH, APRIL, resized,
              [("3.333333333", "9.999999999", "9.999999999")])
    c.figures("a resize does not begin a second hour", sku("meter: vcpu-hour, time_step: 1h", "3"), MARCH, APRIL, resized,
              [("3.333333333", "9.999999999", "9.999999999")])
    short = [stay(MARCH, MARCH + 1800 * SECOND, vcpus=2), stay(MARCH + 1800 * SECOND, MARCH + 2700 * SECOND, vcpus=4)]
    c.figures("45 minutes are one started hour; its rest has the last size", sku("meter: vcpu-hour, time_step: 1h", "1"),
              MARCH, APRIL, short, [("3", "3.00", "3.00")])
    c.figures("59.5 s count for 60", sku("meter: vm-hour, minimum_time: 60s", "60"), MARCH, APRIL,
              [stay(MARCH, MARCH + 59 * SECOND + SECOND // 2)], [("0.016666667", "1.00000002", "1.00000002")])
    c.figures("a migration within a minute is no second run", sku("meter: vm-hour, time_step: 1h", "1"), MARCH, APRIL,
              [stay(MARCH, MARCH + 1200 * SECOND), stay(MARCH + 1201 * SECOND, MARCH + 2000 * SECOND, host="h2")],
              [("0.333333333", "0.333333333", "0.333333333"), ("0.666666667", "0.666666667", "0.666666667")])
    c.figures("a stop and a start are two runs", sku("meter: vm-hour, time_step: 1h", "1"), MARCH, APRIL,
              [stay(MARCH, MARCH + 600 * SECOND), stay(MARCH + 601 * SECOND, MARCH + 1200 * SECOND)], [("2", "2.00", "2.00")])
    lines, _, _ = c.charges(sku("meter: vm-hour", "1"), MARCH, APRIL,
                            [stay(MARCH, MARCH + 10 * HOUR, cost_center="old"), stay(MARCH + 10 * HOUR, APRIL, cost_center="new")])
    c.check("who owned it then pays for then", [(x["cost_center"], x["quantity"]) for x in lines], [("new", "734"), ("old", "10")])
    prices = HEAD + "skus: [{id: s, meter: vm-hour, prices: [{from: 2026-01-01, rate: 1}, {from: 2026-03-11, rate: 2}]}]\n"
    c.figures("a price holds from its day on", prices, MARCH, APRIL, [stay(MARCH, APRIL)],
              [("240", "240.00", "240.00"), ("504", "1008.00", "1008.00")])
    lines, _, _ = c.charges(sku("meter: vm-hour", "1"), MARCH, at("2026-05-01"), [stay(MARCH, at("2026-05-01"))])
    c.check("each month has its invoice", [(x["invoice"], x["quantity"]) for x in lines],
            [("acme-2026-03", "744"), ("acme-2026-04", "720")])


def money(c):
    three = [stay(MARCH, MARCH + HOUR, vm=VM[:-1] + str(i)) for i in (1, 2, 3)]
    for mode, at_, expected in (
            ("half-up", "none", ["0.125", "0.125", "0.125"]), ("half-up", "line", ["0.13", "0.13", "0.13"]),
            ("half-even", "line", ["0.12", "0.12", "0.12"]), ("up", "line", ["0.13", "0.13", "0.13"]),
            ("half-up", "invoice", ["0.125", "0.125", "0.125", "0.005"]),
            ("half-even", "invoice", ["0.125", "0.125", "0.125", "0.005"])):
        lines, all_, _ = c.charges(sku("meter: vm-hour", "0.125", HEAD + f"rounding: {{mode: {mode}, at: {at_}}}\n"),
                                   MARCH, APRIL, three)
        c.check(f"three times 0.125, {mode} at {at_}", sorted(x["billed"] for x in lines), sorted(expected))
        c.check(f"the invoice is their sum, {mode} at {at_}", [Fraction(v) for v in all_["invoices"].values()],
                [sum(map(Fraction, expected))])
        c.check(f"price x quantity stays exact, {mode} at {at_}", {x["cost"] for x in lines if x["kind"] == "usage"}, {"0.125"})
    tiers = HEAD + ("skus: [{id: s, meter: vm-hour, tier_scope: %s, prices: [{from: 2026-01-01, "
                    "tiers: [{up_to: 100, rate: 0.5}, {up_to: 150, rate: 0.4}, {rate: 0.1}]}]}]\n")
    two = [stay(MARCH, MARCH + 120 * HOUR), stay(MARCH, MARCH + 80 * HOUR, vm=VM[:-1] + "2")]
    c.figures("graduated tiers over the account: the first VM fills them first", tiers % "account", MARCH, APRIL, two,
              [("100", "50.00", "50.00"), ("20", "8.00", "8.00"), ("30", "12.00", "12.00"), ("50", "5.00", "5.00")])
    c.figures("graduated tiers of each VM", tiers % "vm", MARCH, APRIL, two,
              [("100", "50.00", "50.00"), ("20", "8.00", "8.00"), ("80", "40.00", "40.00")])
    c.figures("a tier's end belongs to it", tiers % "vm", MARCH, APRIL, [stay(MARCH, MARCH + 100 * HOUR)],
              [("100", "50.00", "50.00")])
    c.figures("what lacks to the minimum charge is a line", sku("meter: vm-hour, minimum_charge: 5", "0.01"), MARCH, APRIL,
              [stay(MARCH, MARCH + 100 * HOUR)], [("100", "1.00", "1.00"), (None, "4.00", "4.00")])
    c.figures("above the minimum charge there is none", sku("meter: vm-hour, minimum_charge: 0.99", "0.01"), MARCH, APRIL,
              [stay(MARCH, MARCH + 100 * HOUR)], [("100", "1.00", "1.00")])
    yen = "currency: JPY\nprovider: P\nbilling_account: {id: acme}\nrounding: {mode: half-up, at: line}\n"
    c.figures("the yen has no sen", sku("meter: vm-hour", "0.5", yen), MARCH, APRIL, [stay(MARCH, MARCH + HOUR)],
              [("1", "0.5", "1")])


def refusals(c):
    one = [stay(MARCH, MARCH + HOUR)]
    prices = HEAD + "skus: [{id: s, meter: vm-hour, prices: [{from: 2026-03-02, to: 2026-03-03, rate: 1}]}]\n"
    c.refused("use before the first price", prices, MARCH, APRIL, one,
              "prices.yaml:4:8: SKU 's' has no price at 2026-03-01T00:00:00Z, when it is used")
    c.refused("use behind the last price", prices, MARCH, APRIL, [stay(MARCH + 40 * HOUR, MARCH + 50 * HOUR)],
              "prices.yaml:4:8: SKU 's' has no price at 2026-03-03T00:00:00Z, when it is used")
    c.refused("a rule that no pack has", sku("meter: vm-hour, product: windows-server/none"), MARCH, APRIL, one,
              "prices.yaml:4:8: 'product' names rule windows-server/none, which no pack has")
    c.refused("an invoice beyond 64 bits of minor units", sku("meter: vcpu-hour", "1000000000"), MARCH, APRIL,
              [stay(MARCH, APRIL, vcpus=4000000000)], "prices.yaml: an invoice is more than exact money holds")
    c.refused("a quantity beyond 128 bits", sku("meter: gib-hour", "1"), MARCH, APRIL,
              [stay(MARCH, APRIL - 1, memory=2**64 - 1)],
              f"prices.yaml:4:8: what SKU 's' costs for VM {VM} is more than exact numbers hold")
    lines, all_, _ = c.charges(sku("meter: vcpu-hour"), MARCH, APRIL, [stay(MARCH, MARCH + HOUR, vcpus=0)])
    c.check("vCPUs that nobody knows are no line, and told", (lines, all_["unknown"]), ([], ["3600"]))
    lines, all_, _ = c.charges(sku("meter: gib-hour"), MARCH, APRIL, [stay(MARCH, MARCH + HOUR, memory=0)])
    c.check("memory that nobody knows is no line, and told", (lines, all_["unknown"]), ([], ["3600"]))


def corrections(c):
    prices = sku("meter: vm-hour", "0.5")
    first, old, _ = c.charges(prices, MARCH, APRIL, [stay(MARCH, MARCH + 100 * HOUR, cost_center="a")])
    known = [stay(MARCH, MARCH + 60 * HOUR, cost_center="a"), stay(MARCH + 60 * HOUR, MARCH + 100 * HOUR, cost_center="b")]
    lines, both, _ = c.charges(prices, MARCH, APRIL, known, old=old)
    c.check("a late change of owner is corrected beside what was billed",
            [(x["cost_center"], x["quantity"], x["billed"], x["class"], x["invoice"]) for x in lines],
            [("a", "100", "50.00", None, "acme-2026-03"), ("a", "-40", "-20.00", "Correction", "acme-2026-03-R1"),
             ("b", "40", "20.00", "Correction", "acme-2026-03-R1")])
    c.check("what was billed is as it was", lines[0], first[0])
    lines, _, _ = c.charges(prices, MARCH, APRIL, [], old=both)
    c.check("a second correction has its own invoice",
            [(x["cost_center"], x["quantity"], x["invoice"]) for x in lines if x["revision"] == 2],
            [("a", "-60", "acme-2026-03-R2"), ("b", "-40", "acme-2026-03-R2")])
    lines, _, _ = c.charges(sku("meter: vm-hour", "0.25"), MARCH, APRIL, [stay(MARCH, MARCH + 100 * HOUR, cost_center="a")], old=old)
    c.check("another price is another line", [(x["price"], x["quantity"], x["billed"]) for x in lines],
            [("0.25", "100", "25.00"), ("0.5", "100", "50.00"), ("0.5", "-100", "-50.00")])
    c.refused("charges of another account", prices.replace("acme", "other"), MARCH, APRIL, [],
              "charges[0]: 'account' is not that of the price list: such charges cannot be corrected", old=old)
    for key, value, what in (("quantity", "1e3", "is no exact decimal"), ("vm", "x", "is no UUID"), ("kind", "gift", "is none of its words"),
                             ("charge_from", "2026", "is no instant"), ("revision", -1, "is no index"), ("host", None, "is no text"),
                             ("price", "0.1234567890123", "is none of a price list"),
                             ("price", "10000000000000000000000000000", "is none of a price list")):
        c.refused(f"an earlier report with {key} {value}", prices, MARCH, APRIL, [], f"charges[0]: '{key}' {what}",
                  old={"charges": [dict(first[0], **{key: value})]})
    c.refused("an earlier report without charges", prices, MARCH, APRIL, [], "no 'charges' in the earlier report", old={})


def vectors(c):
    """The public case of the licence vectors, where this checkout has them."""
    path = Path(os.environ.get("TALLY_VECTORS", "")) / "licensing.json"
    if not path.is_file():
        print(f"skipped: the public licence cases: {path} is not there")
        return
    cases = [x for x in json.loads(path.read_text(encoding="utf-8"), parse_float=Fraction) if x["rule"] == "WS_PAYG"]
    for case in cases:
        given = case["input"]
        lines, _, _ = c.charges(sku("meter: vcpu-hour", text(given["rate"])), MARCH, APRIL,
                                [stay(MARCH, MARCH + given["hours"] * HOUR, vcpus=given["vcpus"])])
        c.check(f"public case {case['id']}", [Fraction(x["billed"]) for x in lines], [Fraction(case["expect"])])
    c.check("there are public cases", len(cases) > 0, True)


def main():
    c = Cases(sys.argv[1])
    for part in (plain, months, changes, money, refusals, corrections, vectors):
        part(c)
    print(f"{c.count} cases, {c.failed} failed")
    sys.exit(c.failed > 0)


main()
