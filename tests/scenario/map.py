#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Claims from a CMDB, from the file to the report that they change and to the verifier.

    map.py TALLY [--helper TALLYD-TPM]
"""

import csv
import json
import os

from scenario import Suite, arguments, check, event, main, unprintable, write_events

WEB = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
DB = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c12"
GONE = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c13"
HOUR = 3600
PERIOD = ("--from", "2026-01-01", "--to", "2026-01-02")


def make(suite):
    suite.estate = suite.scratch / "estate"
    suite.ledger = suite.estate / "h1"
    history = [
        event(0, "h1", "host", cores_per_socket=[8, 8], cluster="c1"),
        event(10 * HOUR, "h1", "start", vm=WEB, name="web", vcpus=2, os="http://microsoft.com/win/2k22", edition="standard",
              tenant="acme", cost_center="cc1"),
        event(10 * HOUR, "h1", "start", vm=DB, name="db", vcpus=4, tenant="acme", cost_center="cc1"),
        event(14 * HOUR, "h1", "stop", vm=WEB, cause="shutdown"),
        event(14 * HOUR, "h1", "stop", vm=DB, cause="shutdown"),
    ]
    suite.must("record", suite.estate, "--from", write_events(suite.scratch / "january.jsonl", history))


def write(suite, name, *rows):
    """The first row names the columns."""
    path = suite.scratch / name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def report(suite, name, *options, code=0):
    path = suite.scratch / name
    suite.must("report", suite.ledger, *PERIOD, "--format", "json", *options, "-o", path, code=code)
    return json.loads(path.read_text(encoding="utf-8"))


def seconds(made, scope, name):
    return sum(float(row["run_seconds"]) for row in made["usage"] if (row["scope"], row["id"]) == (scope, name))


def entries(suite):
    return [json.loads(line) for line in suite.must("log", suite.ledger, "--json").text.splitlines()]


def changes(made):
    return {f["text"].split(":")[0]: f["text"] for f in made["findings"] if f["kind"] == "changed"}


def corrections(suite):
    first = report(suite, "first.json")
    before = entries(suite)
    file = write(suite, "cmdb.csv", ["vm", "name", "tenant", "software", "from", "to", "reason", "by"],
                 [WEB, "web", "bolt", "sql-server-standard", "2026-01-01T11:00:00Z", "2026-01-01T13:00:00Z", "moved", "ann"],
                 [DB, "db", "", "oracle-database-enterprise; sql-server-enterprise", "2026-01-01", "", "scan", "bob"])
    with suite.case("a file of claims goes in, and says how many"):
        text = suite.must("map", suite.ledger, "--from", file).text
        check(text == "3 claims of 2 rows mapped\n", text)
    with suite.case("each claim is an entry with its author, reason and span; the earlier ones stay"):
        now = entries(suite)
        check(now[:len(before)] == before, "what was there is not there any more")
        claims = [e for e in now[len(before):] if e["kind"] in ("software", "tags")]
        check([e["operations"]["by"] for e in claims] == ["ann", "ann", "bob"], f"{claims}")
        check([e["operations"]["reason"] for e in claims] == ["moved", "moved", "scan"], f"{claims}")
        check(all(e["operations"]["source"] == "operator" and "from" in e["metering"] for e in claims), f"{claims}")
        check(now[0]["identity"]["host"] == "h1" and any(e.get("identity", {}).get("tenant") == "acme" for e in now), "")
    with suite.case("the report over the past changes by the span, and by nothing else"):
        second = report(suite, "second.json", "--compare", suite.scratch / "first.json")
        check((seconds(first, "tenant", "acme"), seconds(first, "tenant", "bolt")) == (28800, 0), "the first one")
        check((seconds(second, "tenant", "acme"), seconds(second, "tenant", "bolt")) == (21600, 7200), "the second one")
        check(second["coverage"] == first["coverage"], "coverage")
        software = {row["vm"]: row["software"] for row in second["vms"]}
        check(software == {WEB: ["sql-server-standard"], DB: ["oracle-database-enterprise", "sql-server-enterprise"]},
              f"{software}")
    with suite.case("it supersedes the report before, and says what changed"):
        check(second["report"]["supersedes"] == first["report"]["id"], "supersedes")
        check([i["name"] for i in second["report"]["inputs"]] == ["first.json"], "inputs")
        told = changes(second)
        check(set(told) == {"ledgers", "positions", "usage", "vms"}, f"{told}")
        check("new: rule sql-server/vm, product sql-server-standard, scope fleet, id fleet" in told["positions"], "positions")
        check("id acme: " in told["usage"] and "run_seconds 14400 -> 7200" in told["usage"], told["usage"])
        check("new: product http://microsoft.com/win/2k22, edition standard, scope tenant, id bolt" in told["usage"], "new")
        check("software [] -> [sql-server-standard]" in told["vms"], told["vms"])
    with suite.case("the text names it, and what changed"):
        text = suite.must("report", suite.ledger, *PERIOD, "--compare", suite.scratch / "first.json", "-o", "-").text
        check(f"replaces  {first['report']['id']}" in text and "changed" in text, text)
    with suite.case("a report without --compare supersedes nothing"):
        plain = report(suite, "plain.json")
        check(plain["report"]["supersedes"] is None and not changes(plain), "it does")
    return file


def second_corrections(suite, file):
    with suite.case("the same file is refused, and nothing is added"):
        size = len(entries(suite))
        suite.refused("map", suite.ledger, "--from", file, code=2, names=[file, "mapped before"])
        check(len(entries(suite)) == size, "entries were added")
    with suite.case("a second correction wins, and behind its end the first one holds again"):
        again = write(suite, "again.csv", ["vm", "tenant", "from", "to"],
                      [WEB, "corp", "2026-01-01T12:00:00Z", "2026-01-01T12:30:00Z"])
        suite.must("map", suite.ledger, "--from", again, "--reason", "audit", "--by", "carol")
        third = report(suite, "third.json", "--compare", suite.scratch / "second.json")
        check([seconds(third, "tenant", t) for t in ("acme", "bolt", "corp")] == [21600, 5400, 1800], "seconds")
        check("run_seconds 7200 -> 5400" in changes(third)["usage"], changes(third)["usage"])
    with suite.case("rows without a begin hold since ever, which the command says"):
        always = write(suite, "always.csv", ["vm", "cost_center"], [DB, "cc9"])
        text = suite.must("map", suite.ledger, "--from", always, "--reason", "CMDB").text
        check("1 of the claims holds since ever" in text, text)
        check(seconds(report(suite, "fourth.json"), "cost_center", "cc9") == 14400, "seconds")
    with suite.case("--since says from when they hold, in the calendar of --tz"):
        since = write(suite, "since.csv", ["vm", "cost_center"], [DB, "cc8"])
        suite.must("map", suite.ledger, "--from", since, "--reason", "r", "--since", "2026-01-01T13:00:00+01:00",
                   "--tz", "Europe/Berlin")
        made = report(suite, "fifth.json")
        check((seconds(made, "cost_center", "cc9"), seconds(made, "cost_center", "cc8")) == (7200, 7200), "seconds")


def verification(suite):
    export = suite.scratch / "h1.export"
    suite.must("export", suite.ledger, "--to", export)
    pin = suite.ledger / "keys/log.vkey"
    with suite.case("a chain of reports holds beside its export"):
        files = [suite.scratch / f"{name}.json" for name in ("first", "second", "third")]
        suite.must("verify", export, *files, "--anchor", pin)
    with suite.case("a report without the one that it supersedes does not"):
        error = suite.must("verify", export, suite.scratch / "third.json", "--anchor", pin, code=1).text
        check("which it supersedes, is not among the paths" in error, error)
    with suite.case("nor beside a forged one"):
        forged = json.loads((suite.scratch / "second.json").read_text(encoding="utf-8"))
        forged["usage"] = []
        (suite.scratch / "forged.json").write_text(json.dumps(forged), encoding="utf-8")
        suite.must("verify", export, suite.scratch / "third.json", suite.scratch / "forged.json", "--anchor", pin, code=1)


def refusals(suite):
    size = len(entries(suite))
    head = ["vm", "tenant", "reason"]
    cases = {
        "an unknown column": ([["vm", "owner"], [WEB, "x"]], ":1:4: unknown column 'owner'"),
        "a column twice": ([["vm", "tenant", "tenant"], [WEB, "x", "y"]], ":1:11: the column 'tenant' is there twice"),
        "no UUID": ([head, [WEB, "t", "r"], ["web1", "t", "r"]], ":3:1: 'vm' must be a UUID"),
        "a VM that was never seen": ([head, [GONE, "t", "r"]], ":2:1: this ledger never saw the VM"),
        "no reason": ([head, [WEB, "t", ""]], ":2:40: 'reason' is empty"),
        "a span that is reversed": ([head + ["from", "to"], [WEB, "t", "r", "2026-02", "2026-01"]], ":2:50: 'to' is not behind"),
        "nothing claimed": ([head, [WEB, "", "r"]], ":2:1: the row claims nothing"),
        "no row": ([head], ":1:1: no row but the one"),
        "no line": ([], ":1:1: no row that names the columns"),
    }
    for what, (rows, place) in cases.items():
        with suite.case(f"refused with its place, exit 2: {what}"):
            file = write(suite, "bad.csv", *rows)
            suite.refused("map", suite.ledger, "--from", file, code=2, names=[f"{file}{place}"])
    with suite.case("nothing of any of these was stored"):
        check(len(entries(suite)) == size, "entries were added")
    for what, code, command in (
            ("no ledger", 2, ["--from", suite.scratch / "cmdb.csv"]), ("no file", 2, [suite.ledger]),
            ("a ledger that is not there", 3, [suite.scratch / "none", "--from", suite.scratch / "again.csv", "--reason", "r"]),
            ("a file that is not there", 3, [suite.ledger, "--from", suite.scratch / "none.csv"]),
            ("an unknown zone", 2, [suite.ledger, "--from", suite.scratch / "cmdb.csv", "--tz", "Mars/Base"])):
        with suite.case(f"{what}: exit {code}"):
            suite.refused("map", *command, code=code)
    for name, data in (("text", b"hello\n"), ("other", b'{"report":1}\n'), ("torn", b'{"report": {"from": "20'), ("empty", b"")):
        path = suite.scratch / f"old.{name}"
        path.write_bytes(data)
        with suite.case(f"--compare with what is no report ({name}) is exit 2"):
            suite.refused("report", suite.ledger, *PERIOD, "--compare", path, "-o", "-", code=2, names=[path.name])
    with suite.case("--compare with a report of another period is exit 2"):
        suite.refused("report", suite.ledger, "--from", "2026-02", "--to", "2026-03", "--compare",
                      suite.scratch / "first.json", "-o", "-", code=2, names=["first.json: report.from"])
    with suite.case("--compare with a file that is not there is exit 3"):
        suite.refused("report", suite.ledger, *PERIOD, "--compare", suite.scratch / "none", "-o", "-", code=3)


def hostile(suite):
    """What looks like a formula, or moves a terminal, is a name like any other."""
    name = "=cmd|'/c calc'!A1\x1b[2J"
    file = write(suite, "hostile.csv", ["vm", "tenant", "reason"], [WEB, name, "<script>"])
    with suite.case("a hostile name goes in as it is, and comes out made harmless"):
        suite.must("map", suite.ledger, "--from", file)
        check(any(e.get("identity", {}).get("tenant") == name for e in entries(suite)), "it is another one")
        for command in (["log", suite.ledger], ["report", suite.ledger, *PERIOD, "-o", "-"]):
            bad = unprintable(suite.must(*command).out)
            check(not bad, f"{command[0]}: {bad}")
        cells = suite.must("report", suite.ledger, *PERIOD, "--format", "csv", "-o", "-").text
        check("'=cmd" in cells and ",=cmd" not in cells, "a formula")


def after_it(suite):
    """A claim is no event of the host: more history can be recorded behind it, of before it."""
    with suite.case("history of the past is recorded behind claims of today"):
        more = write_events(suite.scratch / "more.jsonl", [
            event(15 * HOUR, "h1", "start", vm=WEB, vcpus=2), event(16 * HOUR, "h1", "stop", vm=WEB, cause="shutdown")])
        suite.must("record", suite.estate, "--from", more)
        check(seconds(report(suite, "more.json"), "fleet", "fleet") == 32400, "seconds")
    with suite.case("a ledger that is held is refused with the holder's pid"):
        import fcntl
        with open(suite.ledger / "lock", "r+", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            file = write(suite, "held.csv", ["vm", "tenant", "reason"], [WEB, "x", "r"])
            suite.refused("map", suite.ledger, "--from", file, code=3, names=[suite.ledger, f"process {os.getpid()}"])


def body(suite):
    make(suite)
    second_corrections(suite, corrections(suite))
    verification(suite)
    refusals(suite)
    hostile(suite)
    after_it(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
