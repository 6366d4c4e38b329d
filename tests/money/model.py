# SPDX-License-Identifier: Apache-2.0
"""Chargeback by the words of docs/FORMAT.md, section 21, in Python's fractions.

Shares nothing with the C code: other calendars (zoneinfo), other numbers
(fractions), and no eye for speed.
"""

import datetime
import zoneinfo
from collections import defaultdict
from fractions import Fraction

SECOND = 10**9
HOUR = 3600 * SECOND
FAMILIES = {"windows-server": ("http://microsoft.com/win/2k",), "rhel": ("http://redhat.com/rhel/",)}
UNITS = {"vcpu-hour": "VCPU", "gib-hour": "GiB", "vm-hour": "VM", ("licence-hour", "vm"): "Licence",
         ("licence-hour", "vcpu"): "Core"}
RUNNING, PAUSED, SUSPENDED, SAVED, CRASHED = range(5)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def text(value):
    """A fraction whose decimals end."""
    scale = 0
    while (value * 10**scale).denominator != 1:
        scale += 1
    digits = str(abs(int(value * 10**scale))).rjust(scale + 1, "0")
    shown = digits[:-scale] + "." + digits[-scale:] if scale else digits
    return "-" + shown if value < 0 else shown


def rounded(value, decimals, how="half-up"):
    scaled = abs(value) * 10**decimals
    whole = scaled.numerator // scaled.denominator
    rest = scaled - whole
    if how == "up":
        up = rest > 0
    elif how == "half-even":
        up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)
    else:
        up = rest >= Fraction(1, 2)
    return Fraction((whole + up) * (-1 if value < 0 else 1), 10**decimals)


def instant(ns):
    seconds, rest = divmod(ns, SECOND)
    shown = (EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return shown + (f".{rest:09d}".rstrip("0") if rest else "") + "Z"


class Calendar:
    """For zones whose days all begin at midnight."""

    def __init__(self, name):
        self.zone = zoneinfo.ZoneInfo(name)

    def start(self, date):
        at = datetime.datetime(date.year, date.month, date.day, tzinfo=self.zone)
        return round((at - EPOCH).total_seconds()) * SECOND

    def date(self, ns):
        return (EPOCH + datetime.timedelta(seconds=ns // SECOND)).astimezone(self.zone).date()

    def month(self, ns):
        """(begin, end, name) of the month of an instant."""
        first = self.date(ns).replace(day=1)
        following = (first + datetime.timedelta(days=32)).replace(day=1)
        return self.start(first), self.start(following), first.strftime("%Y-%m")

    def slices(self, begin, end, by_day):
        at, out = begin, []
        while at < end:
            month = self.month(at)
            stop = self.start(self.date(at) + datetime.timedelta(days=1)) if by_day else month[1]
            stop = min(stop, end)
            out.append((at, stop) + month)
            at = stop
        return out


def day(text_):
    return datetime.date.fromisoformat(text_)


def price_at(sku, calendar, at):
    """The number of the price in force, or None."""
    found = None
    for number, price in enumerate(sku["prices"]):
        later = sku["prices"][number + 1:number + 2]
        until = price.get("to") or (later[0]["from"] if later else None)
        if calendar.start(day(price["from"])) <= at and (until is None or at < calendar.start(day(until))):
            found = number
    return found


def product_fits(sku, stay, rules, at):
    """(whether the VM is the product, the clock, the pack)"""
    product = sku.get("product")
    clock = {RUNNING, PAUSED}
    if product is None:
        return True, clock, ""
    if product in FAMILIES:
        return stay["os"].startswith(FAMILIES[product]), clock, ""
    if "://" in product:
        return stay["os"].startswith(product), clock, ""
    if "/" in product:
        for rule in rules:
            if rule["id"] == product and rule["from"] <= at < rule["to"]:
                fits = any(stay["os"].startswith(p) for p in rule["os"])
                fits = fits and (not rule["editions"] or stay["edition"] in rule["editions"])
                return fits, {s for s in range(5) if rule["clock"] >> s & 1}, f"{rule['pack']}@{rule['version']}"
        return False, clock, ""
    return product in stay["software"], clock, ""


def units_of(sku, stay):
    """Units as they are, as they are priced, and their name; 0 units: unknown."""
    unit = UNITS.get(sku["meter"]) or UNITS[(sku["meter"], sku["per"])]
    if unit in ("VCPU", "Core"):
        n = stay["vcpus"]
        return n, (max(n, sku.get("minimum_vcpus", 0)) if n else 0), unit
    if unit == "GiB":
        return Fraction(stay["memory"], 1024), Fraction(stay["memory"], 1024), unit
    return 1, 1, unit


def runs_of(stays):
    """Lists of stays that are one run each, in the order of their begins."""
    runs = []
    for stay in stays:
        fit = [r for r in runs if (r[-1]["state"] == SAVED) == (stay["state"] == SAVED) and
               (stay["from"] == r[-1]["to"] if r[-1]["host"] == stay["host"] else
                0 <= stay["from"] - r[-1]["to"] <= 60 * SECOND)]
        if fit:
            max(fit, key=lambda r: r[-1]["to"]).append(stay)
        else:
            runs.append([stay])
    return runs


class Refused(Exception):
    pass


class Model:
    def __init__(self, prices, begin, end, zone, hosts, rules, stays):
        self.prices, self.begin, self.end = prices, begin, end
        self.calendar = Calendar(zone)
        self.hosts, self.rules = hosts, rules
        self.slices = self.calendar.slices(begin, end, prices.get("charge_period") == "day")
        self.stays = sorted((s for s in stays if s["from"] < end and s["to"] > begin and not s["uncertain"]),
                            key=lambda s: (s["vm"], s["from"], s["host_number"]))
        self.decimals = prices.get("quantity_decimals", 9)
        self.unknown = defaultdict(int)
        self.edges = sorted({at for s in self.slices for at in s[:2]} |
                            {at for r in rules for at in (r["from"], r["to"])} |
                            {f[0] for h in hosts.values() for f in h["facts"]} |
                            {self.calendar.start(day(d)) for k in prices["skus"] for p in k["prices"]
                             for d in (p["from"], p.get("to")) if d})
        self.digits = {"JPY": 0, "EUR": 2, "KWD": 3}[prices["currency"]]

    def slice_of(self, at):
        return next(s for s in self.slices if s[0] <= at < s[1])

    def region(self, host, at):
        facts = [f for f in self.hosts[host]["facts"] if f[0] <= at]
        return max(facts)[1] if facts else ""

    def pieces(self, stay):
        low, high = max(stay["from"], self.begin), min(stay["to"], self.end)
        cuts = [low] + [e for e in self.edges if low < e < high] + [high]
        return zip(cuts, cuts[1:])

    def count_run(self, number, sku, run, parts):
        time, newest, last = 0, None, None
        for stay in run:
            for low, high in self.pieces(stay):
                fits, clock, pack = product_fits(sku, stay, self.rules, low)
                if not fits or stay["state"] not in clock or stay["standby"]:
                    continue
                price = price_at(sku, self.calendar, low)
                if price is None:
                    raise Refused(sku["id"])
                units, priced, _ = units_of(sku, stay)
                if not units:
                    self.unknown[number] += high - low
                    continue
                key = (self.slice_of(low), number, price, stay["vm"], stay["host"], stay["cost_center"], stay["tenant"],
                       stay["environment"], stay["name"], self.region(stay["host"], low), pack)
                part = parts.setdefault(key, {"consumed": 0, "priced": 0, "entries": [], "imported": set(), "until": 0})
                part["consumed"] += units * (high - low)
                part["priced"] += priced * (high - low)
                part["until"] = max(part["until"], high)
                part["entries"].append(stay["entry"])
                part["imported"].add(stay["imported"])
                time += high - low
                newest, last = part, priced
        if time:
            billed = max(time, sku.get("minimum_time", 0))
            step = sku.get("time_step", 1)
            newest["priced"] += last * (-(-billed // step) * step - time)

    def parts(self):
        parts, by_vm = {}, defaultdict(list)
        for stay in self.stays:
            by_vm[stay["vm"]].append(stay)
        for stays in by_vm.values():
            for number, sku in enumerate(self.prices["skus"]):
                for run in runs_of(stays):
                    self.count_run(number, sku, run, parts)
        return parts

    def lines(self):
        groups = defaultdict(list)
        for key, part in self.parts().items():
            sku = self.prices["skus"][key[1]]
            tiers = sku["prices"][key[2]].get("tiers", [])
            scope = sku.get("tier_scope", "account") if len(tiers) > 1 else "vm"
            who = {"vm": key[3], "cost-center": key[5], "account": ""}[scope]
            groups[(key[0][2], key[1], key[2], who)].append((key, part))
        for group in groups.values():
            group.sort(key=lambda kp: (kp[0][0], kp[0][3], *(t.encode() for t in kp[0][4:])))
            total = low = Fraction(0)
            for key, part in group:
                total += part["priced"]
                high = rounded(total / HOUR, self.decimals)
                yield from self.split(key, part, low, high)
                low = high

    def split(self, key, part, low, high):
        """One line for each tier that [low, high) touches."""
        sku = self.prices["skus"][key[1]]
        price = sku["prices"][key[2]]
        tiers = price.get("tiers") or [{"rate": price["rate"]}]
        left, begin = Fraction(part["consumed"]) / SECOND, Fraction(0)
        touched = []
        for number, tier in enumerate(tiers):
            end = Fraction(tier["up_to"]) if "up_to" in tier else None
            if low < high:
                piece = min(high, end if end is not None else high) - max(low, begin)
                inside = piece > 0
            else:
                piece, inside = Fraction(0), begin <= low and (end is None or low < end)
            if inside:
                touched.append((number, tier, piece))
            begin = end
        for number, tier, piece in touched:
            consumed = left if number == touched[-1][0] else min(left, piece * 3600)
            left -= consumed
            price_id = f"{sku['id']}/{number + 1}" if len(tiers) > 1 else sku["id"]
            yield self.line(key, part, sku, price_id, piece, consumed, Fraction(tier["rate"]))

    def money(self, cost):
        rounding = self.prices.get("rounding", {"at": "none"})
        return rounded(cost, self.digits, rounding["mode"]) if rounding["at"] == "line" else cost

    def line(self, key, part, sku, price_id, quantity, consumed, rate):
        slice_, _, _, vm, host, cost_center, tenant, environment, name, region, pack = key
        unit = units_of(sku, {"vcpus": 1, "memory": 1})[2]
        return {
            "kind": "usage", "vm": vm, "sku": sku["id"], "price_id": price_id, "host": host, "cost_center": cost_center,
            "tenant": tenant, "environment": environment, "name": name, "region": region, "rule_pack": pack,
            "origin": self.hosts[host]["origin"], "billing_from": slice_[2], "billing_to": slice_[3],
            "charge_from": slice_[0], "charge_to": slice_[1], "unit": f"{unit}-Hours",
            "consumed_unit": f"{unit}-Seconds", "quantity": quantity, "consumed_quantity": consumed, "price": rate,
            "cost": quantity * rate, "billed": self.money(quantity * rate), "first_index": min(part["entries"]),
            "last_index": max(part["entries"]),
            "evidence": "mixed" if len(part["imported"]) > 1 else "imported" if True in part["imported"] else "witnessed",
            "invoice": f"{self.prices['billing_account']['id']}-{slice_[4]}", "class": None, "revision": 0, "until": part["until"]}

    @staticmethod
    def order(line):
        return (line["billing_from"], line["charge_from"], line["charge_to"], line["vm"], line["sku"], line["price_id"],
                line["price"] or 0, *(line[k].encode() for k in ("host", "cost_center", "tenant", "environment", "name",
                                                                "region", "rule_pack")),
                line["revision"], line["first_index"], line["last_index"], line["quantity"] or 0)

    def minima(self, lines):
        used = defaultdict(list)
        for line in sorted(lines, key=self.order):
            used[(line["billing_from"], line["vm"], line["sku"])].append(line)
        for (_, _, sku), group in used.items():
            least = Fraction(next(k for k in self.prices["skus"] if k["id"] == sku).get("minimum_charge", 0))
            last = max(group, key=lambda line: line["until"])["until"]
            newest = [line for line in group if line["until"] == last][-1]
            lack = least - sum(line["billed"] for line in group)
            if least and lack > 0:
                yield dict(newest, kind="minimum", price_id="", unit="", consumed_unit="", quantity=None,
                           consumed_quantity=None, price=None, cost=lack, billed=self.money(lack))

    def roundings(self, lines):
        rounding = self.prices.get("rounding", {"at": "none"})
        for invoice in sorted({line["invoice"] for line in lines}) if rounding["at"] == "invoice" else ():
            mine = [line for line in lines if line["invoice"] == invoice]
            total = sum(line["billed"] for line in mine)
            rest = rounded(total, self.digits, rounding["mode"]) - total
            if rest:
                blank = {key: "" for key in mine[0]}
                yield dict(blank, kind="rounding", vm=None, cost=rest, billed=rest, invoice=invoice,
                           billing_from=mine[0]["billing_from"], billing_to=mine[0]["billing_to"],
                           charge_from=min(line["charge_from"] for line in mine),
                           charge_to=max(line["charge_to"] for line in mine), quantity=None, consumed_quantity=None,
                           price=None, first_index=None, last_index=None, evidence=None, revision=0, **{"class": None})

    def charges(self):
        lines = list(self.lines())
        lines += list(self.minima(lines))
        lines += list(self.roundings(lines))
        return lines


def shown(line):
    """A line as the report's JSON has it, without what the model does not know."""
    out = {key: value for key, value in line.items() if key != "until"}
    for key in ("billing_from", "billing_to", "charge_from", "charge_to"):
        out[key] = instant(out[key])
    for key in ("quantity", "consumed_quantity", "price", "cost", "billed"):
        out[key] = None if out[key] is None else out[key] if isinstance(out[key], str) else text(out[key])
    return out
