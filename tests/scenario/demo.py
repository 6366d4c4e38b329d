#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tally demo estate`: the story is in the report, the polls are what a poll would be, the ledgers hold.

    demo.py TALLY [--helper TALLYD-TPM]

The polls are worked out here once more, by going through the events poll by poll.
"""

import bisect
import json
import pathlib
from decimal import Decimal

from scenario import Suite, arguments, check, main

RULES = pathlib.Path(__file__).resolve().parents[2] / "rules"
MINUTE = 60_000
DAY = 86400_000
END = 120 * DAY
MONTHS = {"01": 0, "02": 31, "03": 59, "04": 90, "05": 120}


def milliseconds(text):
    """Since 2026-01-01, of RFC 3339 in UTC."""
    date, clock = text.rstrip("Z").split("T")
    hours, minutes, seconds = clock.split(":")
    day = MONTHS[date[5:7]] + int(date[8:10]) - 1
    return day * DAY + int(hours) * 3600_000 + int(minutes) * MINUTE + int(Decimal(seconds) * 1000)


class Estate:
    """Events in the order of time: (instant, host, machine, on or off, Windows Server or not)."""

    def __init__(self, folder):
        self.changes, self.cores, systems = [], {}, {}
        lines = [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
        for number, e in sorted(enumerate(lines), key=lambda item: (item[1].get("time", ""), item[0])):
            if e.get("event") == "host":
                self.cores[e["host"]] = max(16, sum(max(8, n) for n in e["cores_per_socket"]))
            if "vm" not in e:
                continue
            if e.get("os"):
                systems[e["vm"]] = e["os"]
            windows = systems.get(e["vm"], "").startswith("http://microsoft.com/win/2k")
            what = {"start": True, "migrate-in": True, "os": True, "stop": False, "migrate-out": False}.get(e["event"])
            if what is not None:
                at = milliseconds(e.get("not_before", e["time"]))
                self.changes.append((at, number, e["host"], e["vm"], what, windows))
        self.changes.sort(key=lambda c: (c[0], c[4], c[1]))

    def stays(self):
        """(host, machine) -> list of [begin, end)."""
        on, found = {}, {}
        for at, _, host, vm, what, _ in self.changes:
            if what:
                on.setdefault((host, vm), at)
            elif on[host, vm] < at:
                found.setdefault((host, vm), []).append((on.pop((host, vm)), at))
            else:
                on.pop((host, vm))
        for pair, at in on.items():
            found.setdefault(pair, []).append((at, END))
        return found

    def lists(self, interval):
        """What each poll sees: instant, {(host, machine): Windows Server or not}, and whether that is new."""
        running, next_one = {}, 0
        for at in range(0, END, interval):
            before = next_one
            while next_one < len(self.changes) and self.changes[next_one][0] <= at:
                _, _, host, vm, what, windows = self.changes[next_one]
                if what:
                    running[host, vm] = windows
                else:
                    running.pop((host, vm), None)
                next_one += 1
            yield at, running, next_one > before or at - interval < END - 90 * DAY

    def events_peaks(self):
        """The most machines at once, and of Windows Server on each host in the last 90 days."""
        running, most, peaks, i = {}, 0, {}, 0
        while i < len(self.changes):
            at = self.changes[i][0]
            if at >= END - 90 * DAY:
                self.raise_peaks(peaks, running)
            while i < len(self.changes) and self.changes[i][0] == at:
                _, _, host, vm, what, windows = self.changes[i]
                if what:
                    running[host, vm] = windows
                else:
                    running.pop((host, vm), None)
                i += 1
            most = max(most, len(running))
        self.raise_peaks(peaks, running)
        return most, peaks

    @staticmethod
    def raise_peaks(peaks, running):
        now = {}
        for (host, _), windows in running.items():
            now[host] = now.get(host, 0) + windows
        for host, guests in now.items():
            peaks[host] = max(peaks.get(host, 0), guests)


def common(a, b):
    """How long both lists of intervals hold."""
    total = i = j = 0
    while i < len(a) and j < len(b):
        total += max(0, min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return total


def poll(estate, stays, interval, true_peaks):
    sightings, most, peaks = {}, 0, {}
    for at, running, new in estate.lists(interval):
        most = max(most, len(running))
        for pair in running:
            sightings.setdefault(pair, []).append(at)
        if new and at >= END - 90 * DAY:
            estate.raise_peaks(peaks, running)
    booked = both = unseen = 0
    for pair, spans in stays.items():
        seen = sightings.get(pair, [])
        spans_booked = [(at, min(at + interval, END)) for at in seen]
        booked += sum(end - begin for begin, end in spans_booked)
        both += common(spans_booked, spans)
        unseen += sum(bisect.bisect_left(seen, begin) == bisect.bisect_left(seen, end) for begin, end in spans)
    run = sum(end - begin for spans in stays.values() for begin, end in spans)
    machines, known = {vm for _, vm in stays}, {vm for _, vm in sightings}
    return figures(estate, interval, END // interval, sum(map(len, stays.values())), unseen, machines, len(machines - known),
                   (run, booked, run - both, booked - both), most, peaks, true_peaks)


def figures(estate, interval, polls, stays, unseen, machines, unknown, times, most, peaks, true_peaks):
    def seconds(value):
        text = f"{Decimal(value) / 1000:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    run, booked, missed, over = map(seconds, times)
    return {"interval_seconds": seconds(interval), "polls": polls, "stays": stays, "stays_unseen": unseen,
            "machines": len(machines), "machines_unseen": unknown, "run_seconds": run, "booked_seconds": booked,
            "missed_seconds": missed, "over_seconds": over, "peak": most, "windows_peaks": sum(peaks.values()),
            "hosts_low": sum(peaks.get(host, 0) < peak for host, peak in true_peaks.items()),
            "standard_cores": sum(estate.cores[host] * -(-guests // 2) for host, guests in peaks.items())}


def every_event(estate, stays):
    most, peaks = estate.events_peaks()
    run = sum(end - begin for spans in stays.values() for begin, end in spans)
    return peaks, figures(estate, 1, END, sum(map(len, stays.values())), 0, {vm for _, vm in stays}, 0, (run, run, 0, 0), most,
                          peaks, peaks)


def polls(suite):
    told = json.loads((suite.estate / "polls.json").read_text())
    estate = Estate(suite.estate / "events")
    stays = estate.stays()
    peaks, truth = every_event(estate, stays)
    with suite.case("every event counted once more gives the same figures"):
        check(told[0] == truth, f"{told[0]}\n{truth}")
    for column, minutes in enumerate((5, 30, 60), 1):
        with suite.case(f"{minutes}-minute polls, gone through one by one, give the same figures"):
            again = poll(estate, stays, minutes * MINUTE, peaks)
            check(told[column] == again, f"{told[column]}\n{again}")
    with suite.case("the report counts what the events hold: run time and Windows cores, to the last digit"):
        run = sum(Decimal(u["run_seconds"]) for u in suite.report["usage"] if u["scope"] == "fleet")
        check(run == Decimal(truth["run_seconds"]), f"{run}")
        fleet = position(suite, "fleet", "fleet")
        check(fleet["measured"] == truth["standard_cores"], f"{fleet['measured']}")
        check(fleet["entitled"] == told[3]["standard_cores"] < fleet["measured"], f"{fleet['entitled']}")


def position(suite, scope, name):
    return next(p for p in suite.report["positions"]
                if (p["rule"], p["scope"], p["id"]) == ("windows-server-standard/host", scope, name))


def story(suite):
    def has(kind, *words):
        texts = [f["text"] for f in suite.report["findings"] if f["kind"] == kind]
        check(any(all(word in text for word in words) for text in texts), f"{kind} {words}: {texts}")

    with suite.case("the patch night is the host's peak, twice what stood there else"):
        host = position(suite, "host", "h005")
        check((host["measured"], host["at"][:16]) == (2 * 64, "2026-04-14T22:04"), f"{host}")
        # Two guests to a stack: the seventh takes as many cores as the eighth.
        check(len([b for b in host["because"] if b["vm"]]) == 7, f"{host['because']}")
        check(position(suite, "host", "h006")["measured"] == 64, "its neighbour")
    with suite.case("who left and returned is found both times"):
        has("left-estate", "h021", "2026-02-17T09:12:00Z")
        has("entered-estate", "h021", "2026-02-24T08:40:00Z")
    with suite.case("the clone is found: one saved state twice, one UUID on two hosts"):
        has("clone", "h009", "h010")
        has("uuid-conflict", "h009 and h010", "45540 s")
    with suite.case("the time without a meter is a gap, low coverage, and an uncertain end"):
        has("gap", "h025", "108000 s", "agent down")
        has("coverage-low", "h025", "0.989583")
        has("stop-uncertain", "h025")
    with suite.case("the forged claim is found against the other ones"):
        has("os-conflict", "h013", "agent says http://ubuntu.com", "disk says http://microsoft.com")
    with suite.case("papers that do not match are found"):
        has("roster-missing", "h041")
        has("entitlement-expired", "PO-3")
        has("edition-mismatch", "datacenter")
    with suite.case("nothing else weighs more than a note"):
        told = {"left-estate", "clone", "uuid-conflict", "gap", "coverage-low", "stop-uncertain", "os-conflict", "roster-missing",
                "entitlement-expired", "edition-mismatch", "os-unknown"}
        other = {f["kind"] for f in suite.report["findings"] if f["severity"] != "info"} - told
        check(not other, f"{other}")


def commands(suite):
    text = (suite.estate / "STORY.txt").read_text()
    with suite.case("each command that it names shows entries"):
        named = [line.split()[2:] for line in text.splitlines() if line.strip().startswith("$ tally log ")]
        check(len(named) >= 6, f"{named}")
        for words in named:
            check(suite.must(*words).text.strip(), f"{words}: nothing")
    with suite.case("what it told on the way is what lies in the folder"):
        check(text in suite.told and (suite.estate / "polls.txt").read_text() in suite.told and "it holds" in suite.told, suite.told)
    with suite.case("each format that tally report has is there"):
        formats = [w.strip(" .,") for w in suite.must("report", "--help").text.split("--format=FORMAT")[1].split("\n\n")[0].replace(
            "(the default)", "").replace(" or ", ",").split(",")]
        names = {"text": "report.txt", "focus": "focus.csv", "rum": "report.xml"}
        for name in (w for w in formats if w.isalpha()):
            check((suite.estate / "reports" / names.get(name, f"report.{name}")).stat().st_size > 0, name)
        check(len(formats) >= 5, f"{formats}")


def verify(suite):
    paths = [suite.estate / "reports" / "report.json", *sorted((suite.estate / "exports").iterdir()),
             *sorted(suite.estate.glob("*.yaml"))]
    with suite.case("all of it holds against the keys that were told"):
        suite.must("verify", *paths, "--anchor", suite.estate / "pinned.vkeys")
    with suite.case("and does not with one byte changed"):
        victim = sorted((suite.estate / "exports" / "h021" / "private" / "payload").rglob("*"))[-1]
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        victim.write_bytes(content)
        suite.must("verify", *paths, "--anchor", suite.estate / "pinned.vkeys", code=1)


def refusals(suite):
    with suite.case("a folder with something in it is left alone"):
        suite.refused("demo", "estate", "-o", suite.estate, code=2, names=("not empty",))
    with suite.case("sizes that it has no story for are refused"):
        for size in ("0", "20", "41", "1020", "99999999"):
            suite.refused("demo", "estate", "-o", suite.scratch / "none", "--hosts", size, code=2, names=("--hosts",))
        check(not (suite.scratch / "none").exists(), "nothing is made")
    with suite.case("another demo, a word too many, no folder: each says so"):
        suite.refused("demo", "-o", suite.scratch / "none", code=2, names=("tally demo estate",))
        suite.refused("demo", "other", "-o", suite.scratch / "none", code=2, names=("tally demo estate",))
        suite.refused("demo", "estate", "more", "-o", suite.scratch / "none", code=2, names=("more",))
        suite.refused("demo", "estate", code=2, names=("-o DIR",))
    with suite.case("a step that fails is the error, and the exit code is its own"):
        helper = suite.env.get("TALLY_TPM_HELPER")
        suite.env["TALLY_TPM_HELPER"] = str(suite.scratch / "nothing")
        suite.refused("demo", "estate", "-o", suite.scratch / "broken", "--hosts", "40", code=3, names=("record", "nothing"))
        suite.env.pop("TALLY_TPM_HELPER")
        if helper:
            suite.env["TALLY_TPM_HELPER"] = helper


def body(suite):
    suite.env["TALLY_RULES"] = str(RULES)
    suite.estate = suite.scratch / "estate"
    with suite.case("it comes to its end in a new folder"):
        suite.told = suite.must("demo", "estate", "-o", suite.estate, "--hosts", "40", "--seed", "7", timeout=300).text
    suite.report = json.loads((suite.estate / "reports" / "report.json").read_text())
    polls(suite)
    story(suite)
    commands(suite)
    verify(suite)
    refusals(suite)


if __name__ == "__main__":
    given = arguments(__doc__).parse_args()
    main(Suite(given.tally, given.helper), body)
