#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random histories through `tally record`, `tally map` and `tally report`, against the second calculator.

usage, vms and coverage must agree to the last digit, for every period; in what
`tally` says itself the sum over hosts must be the sum over VMs and the fleet; and
over a period that holds everything the findings must count the same.
"""

import argparse
import csv
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

from calc import Ledgers
from events import Event, read_files
from histories import CENTERS, EDITIONS, SOFTWARE, SYSTEMS, TENANTS, History
from instants import NS, find_zone, format_stamp, parse_period

PERIODS = (("2026-01", "2026-04", "UTC"), ("2026-02", "2026-03", "Europe/Berlin"),
           ("2026-03-08", "2026-03-09", "America/New_York"), ("2026-01-01", "2026-02-14", "Australia/Lord_Howe"))
ALL = ("2020-01", "2040-01", "UTC")
COUNTED = ("clock-step", "clone", "entered-estate", "gap", "host-crash", "host-failed", "host-retired", "left-estate", "missed-stop",
           "os-unknown", "stop-uncertain", "time-travel", "uuid-conflict")
STATES = ("running", "paused", "suspended", "saved", "crashed")
IDENTITY = {"usage": ("product", "edition", "scope", "id"), "vms": ("vm", "product", "edition", "first"),
            "coverage": ("host",)}


def check_sums(made):
    """What does not add up: every scope against the fleet, and the VMs against the fleet."""
    sums = {}
    for row in made["usage"]:
        figures = [row["run_seconds"], row["vcpu_seconds"]] + [row["states"][state] for state in STATES]
        own = sums.setdefault((row["product"], row["edition"]), {}).setdefault(row["scope"], [Decimal(0)] * len(figures))
        sums[row["product"], row["edition"]][row["scope"]] = [a + Decimal(b) for a, b in zip(own, figures)]
    vms = {}
    for row in made["vms"]:
        key = row["product"], row["edition"]
        own = vms.get(key, (Decimal(0), Decimal(0)))
        vms[key] = own[0] + Decimal(row["run_seconds"]), own[1] + Decimal(row["vcpu_seconds"])
    wrong = []
    for key, scopes in sums.items():
        for scope in ("host", "cluster", "region", "tenant", "cost_center"):
            if scopes.get(scope) != scopes.get("fleet"):
                wrong.append(f"{key}: the sum over {scope} is not the fleet")
        if list(vms.get(key, (0, 0))) != scopes["fleet"][:2]:
            wrong.append(f"{key}: the sum over the VMs is not the fleet")
    for key in vms.keys() - sums.keys():
        wrong.append(f"{key}: VMs without usage")
    return wrong


def differences(part, ours, theirs):
    """Texts, one for each row that is missing, too many, or differs."""
    def table(rows):
        found = {}
        for row in rows:
            key = tuple(row[name] for name in IDENTITY[part])
            while key in found:
                key += ("again",)
            found[key] = row
        return found
    left, right = table(ours), table(theirs)
    texts = []
    for key in list(left) + [key for key in right if key not in left]:
        if key not in right:
            texts.append(f"{part} {key}: tally has no such row; expected {json.dumps(left[key], ensure_ascii=False)}")
        elif key not in left:
            texts.append(f"{part} {key}: tally has this too: {json.dumps(right[key], ensure_ascii=False)}")
        elif left[key] != right[key]:
            fields = [name for name in sorted(left[key].keys() | right[key].keys())
                      if left[key].get(name) != right[key].get(name)]
            texts.append(f"{part} {key}: " + "; ".join(
                f"{name}: expected {left[key].get(name)!r}, tally says {right[key].get(name)!r}" for name in fields))
    if not texts and ours != theirs:
        texts.append(f"{part}: the same rows in another order")
    return texts


def finding_differences(ours, theirs):
    """A finding's text begins with its number, behind `host NAME: ` where it is one host's."""
    counted = {}
    for row in theirs:
        match = re.match(r"(?:host (\S+): )?(\d+) ", row["text"])
        if match and row["kind"] in COUNTED:
            counted.setdefault(row["kind"], {})[match[1] or ""] = int(match[2])
    return [f"finding {kind}: expected {ours.get(kind)}, tally counts {counted.get(kind)}"
            for kind in COUNTED if ours.get(kind) != counted.get(kind)]


def growth_differences(ours, theirs):
    told = [row["text"] for row in theirs if row["kind"] == "unclassified-growing"]
    if len(told) > 1 or (told[0].split(" in all: ")[-1] if told else None) != ours:
        return [f"finding unclassified-growing: expected {ours!r}, tally says {told!r}"]
    return []


class Failed(Exception):
    pass


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command[1:3])}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def random_period(history, rng):
    """Anywhere, to the nanosecond, often on the instant of an event."""
    first = history.recent[0]
    points = [rng.choice(history.recent) if rng.random() < 0.5 else rng.randrange(first - NS * 86400, history.now)
              for _ in range(2)]
    if points[0] == points[1]:
        points[1] += 1
    return format_stamp(min(points)), format_stamp(max(points)), "UTC"


def random_claims(history, rng):
    """Rows of a CMDB: each says something of a VM from some instant on, often up to another."""
    vms = sorted({vm.uuid.lower() for host in history.hosts for vm in host.seen})
    for _ in range(rng.randrange(1, 12) if vms else 0):
        begin, end = sorted(rng.choice(history.recent) + rng.randrange(-NS * 86400, NS * 86400) for _ in range(2))
        row = {"vm": rng.choice(vms), "from": format_stamp(begin), "to": format_stamp(end) if rng.random() < 0.7 and begin < end else ""}
        for keys in ({"os": rng.choice(SYSTEMS), "edition": rng.choice(EDITIONS)}, {"edition": rng.choice(EDITIONS[:2])},
                     {"software": rng.choice(SOFTWARE), "software_removed": rng.choice(SOFTWARE)},
                     {"tenant": rng.choice(TENANTS)}, {"cost_center": rng.choice(CENTERS), "environment": "test"}):
            if rng.random() < 0.4:
                row |= keys
        if row.get("software") == row.get("software_removed"):
            row.pop("software_removed", None)
        if len(row) > 3 and any(row[key] for key in row.keys() - {"vm", "from", "to"}):
            yield row


COLUMNS = ("vm", "os", "edition", "software", "software_removed", "tenant", "cost_center", "environment", "from", "to")
ENTRIES = (("os", ("os", "edition")), ("software", ("software", "software_removed")), ("tag", ("tenant", "cost_center", "environment")))


def entries_of(rows, host, now):
    """The entries that `tally map` makes of rows, as events."""
    place = 1 << 40  # behind all that was recorded
    for row in rows:
        for kind, keys in ENTRIES:
            said = {key: row[key] for key in keys if row.get(key)}
            if not said:
                continue
            data = {"time": format_stamp(now), "host": host, "event": kind, "vm": row["vm"], "from": row["from"]}
            data |= {"to": row["to"]} if row["to"] else {}
            if kind == "software":
                said = {"add": [said["software"]] if "software" in said else [],
                        "remove": [said["software_removed"]] if "software_removed" in said else []}
            if kind == "os":
                said["evidence"] = "operator"
            event = Event(data | said, "cmdb.csv")
            event.order = (now, host, place)
            place += 1
            yield event


class Comparison:
    def __init__(self, tally, show):
        self.tally, self.show = tally, show
        self.passed = self.failed = 0

    def seed(self, seed, options):
        rng = random.Random(seed)
        history = History(seed, options.events, options.hosts, options.vms)
        lines = list(history.make())
        at = rng.randrange(1, len(lines)) if rng.random() < 0.5 else len(lines)
        periods = [options.period] if options.period else list(PERIODS)
        periods += [random_period(history, rng) for _ in range(options.periods)]
        with tempfile.TemporaryDirectory(prefix="tally-compare-") as folder:
            files = []
            for part in (lines[:at], lines[at:]):
                if part:
                    files.append(os.path.join(folder, f"{len(files)}.jsonl"))
                    with open(files[-1], "w", encoding="utf-8") as file:
                        file.writelines(line + "\n" for line in part)
            claims = [list(random_claims(history, rng)) for _ in range(options.claims)]
            try:
                self.history(seed, files, os.path.join(folder, "ledgers"), periods, claims)
            except Failed as error:
                self.note(f"seed {seed}: {error}")

    def map(self, ledgers, rows, host, rng):
        """Rows into one ledger, which is told of every VM by then."""
        file = os.path.join(ledgers, "..", f"{rng.random()}.csv")
        with open(file, "w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(rows)
        now = time.time_ns()
        run(self.tally, "map", os.path.join(ledgers, host), "--from", file, "--by", "ann", "--reason", "late", "--unknown-ok")
        return entries_of(rows, host, now)

    def history(self, seed, files, ledgers, periods, claims):
        rng = random.Random(seed)
        for file in files:
            run(self.tally, "record", ledgers, "--from", file)
        calculator = Ledgers(read_files(files))
        for rows in claims:
            if rows:
                calculator.register.operator(self.map(ledgers, rows, rng.choice(sorted(os.listdir(ledgers))), rng))
        paths = [os.path.join(ledgers, name) for name in os.listdir(ledgers)]
        for begin, end, zone in periods + [ALL]:
            try:
                theirs = json.loads(run(self.tally, "report", *paths, "--from", begin, "--to", end, "--tz", zone,
                                        "--format", "json", "-o", "-"))
            except Failed as error:
                self.note(f"seed {seed} {begin} {end} {zone}: {error}")
                continue
            place = find_zone(zone)
            ours = calculator.report(parse_period(begin, place), parse_period(end, place))
            wrong = [text for part in IDENTITY for text in differences(part, ours[part], theirs[part])]
            wrong += check_sums(theirs) + growth_differences(ours["growth"], theirs["findings"])
            if (begin, end, zone) == ALL:
                wrong += finding_differences(calculator.findings(), theirs["findings"])
            self.verdict(f"seed {seed} --from {begin} --to {end} --tz {zone}", wrong)

    def verdict(self, what, wrong):
        if not wrong:
            self.passed += 1
            return
        left = len(wrong) - self.show
        shown = wrong[:self.show] + ([f"... and {left} more"] if left > 0 else [])
        self.note(f"{what}:\n  " + "\n  ".join(shown))

    def note(self, text):
        self.failed += 1
        print(text, flush=True)


def main(arguments):
    parser = argparse.ArgumentParser(description="Compares tally's reports with the second calculator.")
    parser.add_argument("tally", help="the program")
    parser.add_argument("--seeds", default="1-8", metavar="N or A-B")
    parser.add_argument("--events", type=int, default=400)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--vms", type=int, default=10)
    parser.add_argument("--periods", type=int, default=4, help="random periods beside the fixed ones")
    parser.add_argument("--claims", type=int, default=2, metavar="N", help="files of an operator's claims that are mapped")
    parser.add_argument("--period", nargs=3, metavar=("FROM", "TO", "ZONE"), help="this one instead of the fixed ones")
    parser.add_argument("--show", type=int, default=12, metavar="N", help="differences shown for each report")
    options = parser.parse_args(arguments)
    first, _, last = options.seeds.partition("-")
    comparison = Comparison(os.path.abspath(options.tally), options.show)
    for seed in range(int(first), int(last or first) + 1):
        comparison.seed(seed, options)
    print(f"{comparison.passed} passed, {comparison.failed} failed")
    return 1 if comparison.failed or not comparison.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
