#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reports that are issued: the entries that say so, a correction and the report behind it, and
what an auditor is told who holds one of them.

    issue.py TALLY [--helper TALLYD-TPM]
"""

import csv
import hashlib
import json
import zipfile

from scenario import Suite, arguments, check, event, main, write_events

WEB = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
HOUR = 3600
PERIOD = ("--from", "2026-01-01", "--to", "2026-01-02")


def make(suite):
    history = []
    for host in ("h1", "h2"):
        history += [event(0, host, "host", cores_per_socket=[8, 8], cluster="c1"), event(20 * HOUR, host, "heartbeat")]
    history += [event(10 * HOUR, "h1", "start", vm=WEB, name="web", vcpus=2, os="http://microsoft.com/win/2k22", tenant="acme"),
                event(14 * HOUR, "h1", "stop", vm=WEB, cause="shutdown")]
    history.sort(key=lambda e: e["time"])
    suite.must("record", suite.scratch / "estate", "--from", write_events(suite.scratch / "events.jsonl", history))
    suite.ledgers = [suite.scratch / "estate" / "h1", suite.scratch / "estate" / "h2"]
    suite.pins = suite.scratch / "pins"
    suite.pins.write_text("".join((x / "keys/log.vkey").read_text() for x in suite.ledgers))


def report(suite, name, *options):
    path = suite.scratch / name
    suite.must("report", *suite.ledgers, *PERIOD, "--format", "json", *options, "-o", path)
    return path, json.loads(path.read_text(encoding="utf-8"))


def issues(suite, ledger):
    lines = suite.must("log", ledger, "--kind", "report-issued", "--json").text.splitlines()
    return [json.loads(line) for line in lines]


def exports(suite, name):
    made = []
    for ledger in suite.ledgers:
        made.append(suite.scratch / name / ledger.name)
        suite.must("export", ledger, "--to", made[-1])
    return made


def verify(suite, *paths, code=0):
    """The remarks, and what JSON tells of each report by its file's name."""
    text = suite.must("verify", *paths, "--anchor", suite.pins, code=code).text
    found = json.loads(suite.must("verify", *paths, "--anchor", suite.pins, "--json", code=code).text)
    check(all(f"remark: {r}\n" in text for r in found["remarks"]), text)
    return text, {r["file"].rsplit("/", 1)[-1]: r for r in found["reports"]}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def first_issue(suite):
    silent = exports(suite, "silent")
    path, made = report(suite, "first.json", "--issue", "--by", "ann")
    with suite.case("an issue is an entry of each ledger: id, bytes, period and author"):
        for ledger in suite.ledgers:
            (entry,) = issues(suite, ledger)
            told = entry["operations"]
            check((told["report"], told["file_hash"]) == (made["report"]["id"], digest(path)), f"{told}")
            check((told["period_from"], told["period_to"]) == (made["report"]["from"], made["report"]["to"]), f"{told}")
            check(told["by"] == "ann" and told["source"] == "operator" and "supersedes" not in told, f"{told}")
            line = suite.must("log", ledger, "--kind", "report-issued").text
            check(all(f in line for f in (f"report={made['report']['id']}", f"file_hash={digest(path)}", "by=ann")), line)
    exports(suite, "one")
    with suite.case("verify tells that the report is the one that was issued, where the entries go that far"):
        text, told = verify(suite, *[suite.scratch / "one" / x.name for x in suite.ledgers], path)
        check("first.json: issued: entry " in text and told["first.json"]["issued"] and not told["first.json"]["superseded_by"], text)
        text, told = verify(suite, *silent, path)
        check("issued" not in text and not told, text)
    return path, made


def other_bytes(suite, path):
    with suite.case("the same id in other bytes is not what was issued"):
        altered = suite.scratch / "altered.json"
        tool = json.loads(path.read_text())["report"]["tool"]
        altered.write_text(path.read_text().replace(tool, "tally 0.0.9"))
        text, told = verify(suite, *[suite.scratch / "one" / x.name for x in suite.ledgers], altered)
        check("no entry says that it was issued" in text and "its id was issued with other bytes: entry " in text, text)
        check(told["altered.json"]["issued"] is False, f"{told}")


def corrected(suite, path, made):
    file = suite.scratch / "cmdb.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([["vm", "tenant", "reason"], [WEB, "bolt", "moved"]])
    suite.must("map", suite.ledgers[0], "--from", file, "--by", "bob")
    quiet, plain = report(suite, "quiet.json")
    with suite.case("an issue changes no figure of a later report"):
        check(plain["coverage"] == made["coverage"] and plain["positions"] == made["positions"], "it does")
        check([r["run_seconds"] for r in plain["vms"]] == [r["run_seconds"] for r in made["vms"]], "run time")
    second, again = report(suite, "second.json", "--issue", "--compare", path, "--by", "bob")
    with suite.case("a report behind a correction is issued as the one that supersedes"):
        for ledger in suite.ledgers:
            told = [e["operations"] for e in issues(suite, ledger)]
            check([t["report"] for t in told] == [made["report"]["id"], again["report"]["id"]], f"{told}")
            check(told[1]["supersedes"] == made["report"]["id"] == again["report"]["supersedes"], f"{told}")
            check(f"supersedes={made['report']['id']}" in suite.must("log", ledger, "--kind", "report-issued").text, "log")
    two = exports(suite, "two")
    with suite.case("whoever holds the first one is told by which it was superseded"):
        text, told = verify(suite, *two, path)
        check(f"first.json: superseded by report {again['report']['id']}: entry " in text, text)
        check(told["first.json"] == {**told["first.json"], "issued": True, "superseded_by": again["report"]["id"]}, f"{told}")
    with suite.case("whoever holds the second one is told that it is the one"):
        text, told = verify(suite, *two, second, path)
        check("second.json: issued: entry " in text and "second.json: superseded" not in text, text)
        check(told["second.json"]["superseded_by"] is None and told["second.json"]["id"] == again["report"]["id"], f"{told}")
    with suite.case("whoever holds one that was not issued is told so, and which one was"):
        text, told = verify(suite, *two, quiet)
        check("quiet.json: no entry says that it was issued" in text, text)
        check(f"issued for its period, and not behind it: report {again['report']['id']}" in text, text)
        check(told["quiet.json"]["issued"] is False, f"{told}")
    return second, again


def bundled(suite, path, second, again):
    out = suite.scratch / "issued.zip"
    with suite.case("a bundle holds the entry that issues its report"):
        suite.must("bundle", *suite.ledgers, *PERIOD, "--issue", "--compare", second, "--with", path, "-o", out)
        with zipfile.ZipFile(out) as z:
            inside = z.read("report/report.json")
        newest = issues(suite, suite.ledgers[0])[-1]["operations"]
        check(newest["file_hash"] == hashlib.sha256(inside).hexdigest() and newest["supersedes"] == again["report"]["id"], f"{newest}")
        text, told = verify(suite, out)
        check("report.json: issued: entry " in text and f"superseded by report {newest['report']}: entry " in text, text)
        check(told["report.json"]["issued"] and told["second.json"]["superseded_by"] == newest["report"], f"{told}")
    with suite.case("a licensor is told nothing of what else was issued"):
        suite.must("bundle", suite.ledgers[0], *PERIOD, "--for", "microsoft", "-o", out)
        with zipfile.ZipFile(out) as z:
            everything = b"".join(z.read(n) for n in z.namelist())
        for entry in issues(suite, suite.ledgers[0]):
            for known in ("report", "file_hash"):
                check(bytes.fromhex(entry["operations"][known]) not in everything, "it is there")
        suite.must("verify", out, "--anchor", suite.pins)


def partly(suite):
    with suite.case("an issue that one of the ledgers does not have is told"):
        whole = suite.ledgers
        path, made = report(suite, "third.json")
        suite.must("report", whole[0], *PERIOD, "--issue", "--format", "json", "-o", suite.scratch / "alone.json")
        text, told = verify(suite, *exports(suite, "three"), suite.scratch / "alone.json")
        check("alone.json: issued: entry " in text and "say that it was issued" not in text, text)
        text, told = verify(suite, *[suite.scratch / "three" / x.name for x in whole], path)
        check(told["third.json"]["issued"] is False and "not behind it: report " in text, text)


def refusals(suite):
    out, some = suite.scratch / "none", [*suite.ledgers, *PERIOD]
    count = len(issues(suite, suite.ledgers[0]))
    with suite.case("wrong use issues and writes nothing"):
        suite.refused("report", *some, "--issue", "-o", out, code=2, names=["--issue", "--format json"])
        suite.refused("report", *some, "--format", "json", "--by", "ann", "-o", out, code=2, names=["--by: goes with --issue"])
        suite.refused("report", *some, "--format", "json", "--issue", "--by", "", "-o", out, code=2, names=["--by"])
        suite.refused("report", suite.scratch / "two" / "h1", *PERIOD, "--format", "json", "--issue", "-o", out, code=2,
                      names=["two/h1: no ledger"])
        suite.refused("bundle", *some, "--issue", "--for", "microsoft", "-o", out, code=2, names=["--issue", "--for"])
        suite.refused("bundle", *some, "--by", "ann", "-o", out, code=2, names=["--by: goes with --issue"])
        check(not out.exists() and len(issues(suite, suite.ledgers[0])) == count, "something was done")
    with suite.case("a report that cannot be written is not issued"):
        suite.refused("report", *some, "--format", "json", "--issue", "-o", suite.scratch / "no" / "x", code=3)
        check(len(issues(suite, suite.ledgers[0])) == count, "it was issued")
    with suite.case("a bundle for which a file is missing, or too long, is not issued"):
        suite.refused("bundle", *some, "--issue", "--with", suite.scratch / "not-there", "-o", out, code=3, names=["--with"])
        long = suite.scratch / "long.yaml"
        with open(long, "wb") as f:
            f.truncate((64 << 20) + 1)
        suite.refused("bundle", *some, "--issue", "--with", long, "-o", out, code=2, names=["--with"])
        check(not out.exists() and len(issues(suite, suite.ledgers[0])) == count, "it was issued")


def body(suite):
    make(suite)
    path, made = first_issue(suite)
    other_bytes(suite, path)
    second, again = corrected(suite, path, made)
    bundled(suite, path, second, again)
    partly(suite)
    refusals(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
