#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile names: they come in, are kept to the byte, and nothing of them reaches a
terminal, a spreadsheet or a JSON reader as more than a name.

    names.py TALLY [--helper TALLYD-TPM]
"""

import csv
import io
import json
import os
import pty
import re
import subprocess
import uuid

from scenario import Suite, arguments, check, event, main, unprintable, write_events

NAMES = {
    "a newline": "a\nb", "a carriage return": "a\r\nb", "a tab": "\ta", "a comma": "a,b", "a quote": 'a"b', "an apostrophe": "'a'",
    "a formula": "=cmd|' /C calc'!A0", "a plus": "+1+1", "a minus": "-2+3", "an at": "@SUM(A1)", "a tab and a formula": "\t=1",
    "a carriage return and a formula": "\r=1", "a newline and a formula": "\n=1", "a wide equals": "\uff1d1",
    "a script": "<script>alert(1)</script>", "an entity": "&lt;&amp;&#60;", "a path up": "../../etc/passwd", "dots": "..",
    "a slash": "/", "a backslash": "\\n\\x1b", "255 bytes": "\u00e9" * 127 + "x", "255 bytes in fours": "\U0001f600" * 63 + "abc",
    "an escape": "\x1b[2J\x1b]0;title\x07", "an eight-bit escape": "\u009b31m", "a bell": "\x07", "a backspace": "a\b\b\bb",
    "delete": "a\x7f", "right to left": "abc\u202egpj.exe", "isolates": "\u2066a\u2069", "a zero width space": "a\u200bb",
    "a byte order mark": "\ufeffa", "a line separator": "a\u2028b", "combining": "Z\u0351\u036b\u0343", "a percent": "%s%n%d",
    "a dollar": "$(reboot)`id`${HOME}", "a semicolon": "a;b", "a pipe": "a|b", "only blanks": "   ", "a blank at both ends": " a ",
    "nothing": "", "null": "null", "a number": "007", "a private character": "\ue000", "a non-character": "\ufffe",
    "a replacement character": "\ufffd", "a language tag": "\U000e0041", "a NEL": "a\u0085b", "a soft hyphen": "a\u00adb",
}
PERIOD = ("--from", "2026-01-01", "--to", "2026-02-01")


def make(suite):
    """One VM a name; each name is also a tenant, a cost centre, and more."""
    events = [event(0, "h1", "host", cores_per_socket=[4], cluster=NAMES["a formula"], region=NAMES["an escape"],
                    site=NAMES["a newline"], cpu=NAMES["an escape"], model=NAMES["right to left"])]
    suite.vms = {}
    for i, name in enumerate(NAMES.values()):
        vm = str(uuid.UUID(int=i + 1))
        suite.vms[vm] = name
        software = {"software": [name]} if name else {}
        events.append(event(60 + i, "h1", "start", vm=vm, name=name, vcpus=1, tenant=name, cost_center=name,
                            environment=name, edition=name, os="http://microsoft.com/win/2k22", **software))
    events.append(event(3600, "h1", "gap", from_="2026-01-01T00:30:00Z", to="2026-01-01T00:40:00Z", reason=NAMES["an escape"]))
    events.append(event(3700, "h1", "tag", vm=str(uuid.UUID(int=1)), tenant="t", by=NAMES["an escape"], reason=NAMES["a formula"]))
    events.append(event(3800, "h1", "reboot", vm=str(uuid.UUID(int=2)), cause=NAMES["an escape"]))
    events.append(event(3900, "h1", "migrate-out", vm=str(uuid.UUID(int=3)), peer=NAMES["right to left"]))
    events.append(event(7200, "h1", "heartbeat"))
    path = suite.scratch / "a\x1b[1m\u202e=name.jsonl"
    suite.must("record", suite.scratch / "estate", "--from", write_events(path, events))
    suite.ledger = suite.scratch / "estate/h1"


def on_terminal(suite, *command):
    """What a terminal of 100 columns would be sent."""
    parent, child = pty.openpty()
    env = dict(suite.env, TERM="xterm", COLUMNS="100")
    process = subprocess.Popen([suite.tally, *map(os.fspath, command)], stdin=subprocess.DEVNULL, stdout=child, stderr=child, env=env)
    os.close(child)
    data = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        data += part
    os.close(parent)
    check(process.wait() == 0, f"exit {process.returncode}: {data[-300:]!r}")
    # What a program of good manners sends itself: line ends, colours, erasing the line of progress.
    return re.sub(rb"\r\n|\r(?=\x1b\[K)|\x1b\[K|\x1b\[[0-9;]*m", b"\n", data), data


def terminal_texts(suite):
    for command in (("log", suite.ledger), ("log", suite.ledger, "--vm", str(uuid.UUID(int=23))), ("status", suite.ledger),
                    ("report", suite.ledger, *PERIOD, "-o", "-"), ("report", suite.ledger, *PERIOD, "--format", "text", "-o", "-")):
        with suite.case(f"{' '.join(command[:1])} sends no raw name to a pipe"):
            found = unprintable(suite.must(*command).out)
            check(not found, f"raw: {found}")
        with suite.case(f"{' '.join(command[:1])} sends no raw name to a terminal"):
            shown, raw = on_terminal(suite, *command)
            found = unprintable(shown)
            check(not found and b"\x1b[2J" not in raw and b"\x1b[1m\xe2" not in raw, f"raw: {found}")
    with suite.case("each name is shown by log, in one line, escaped"):
        lines = suite.must("log", suite.ledger, "--kind", "started").text.splitlines()
        check(len(lines) == len(NAMES), f"{len(lines)} lines for {len(NAMES)} starts")
        for vm, name in suite.vms.items():
            check(sum(vm in line for line in lines) == 1, f"{name!r} is not in one line")
        check(any("\\x1b[2J" in line for line in lines), "the escape is not shown")


def json_texts(suite):
    with suite.case("log --json: every name comes back to the byte, one object a line"):
        names = {}
        for line in suite.must("log", suite.ledger, "--json", "--kind", "started").out.split(b"\n")[:-1]:
            names.update(names_of(json.loads(line)))
        check(names == suite.vms, f"{[(k, v, names.get(k)) for k, v in suite.vms.items() if names.get(k) != v]}")
    for command in (("log", suite.ledger, "--json"), ("status", suite.ledger, "--json"),
                    ("report", suite.ledger, *PERIOD, "--format", "json", "-o", "-")):
        with suite.case(f"{command[0]} as JSON holds no raw control character"):
            out = suite.must(*command).out
            out.decode("utf-8", "strict")
            check(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", out), "it does")
    with suite.case("the JSON report parses, and every name, tenant and product in it is what was recorded"):
        report = json.loads(suite.must("report", suite.ledger, *PERIOD, "--format", "json", "-o", "-").out)
        rows = {row["vm"]: row for row in report["vms"]}
        for vm, name in suite.vms.items():
            check(rows[vm]["name"] == name, f"name {rows[vm]['name']!r} for {name!r}")
            check(rows[vm]["cost_center"] == name and rows[vm]["edition"] == name, f"{rows[vm]}")
            check(rows[vm]["software"] == ([name] if name else []), f"{rows[vm]['software']!r} for {name!r}")
        tenants = {row["id"] for row in report["usage"] if row["scope"] == "tenant"}
        check(set(suite.vms.values()) <= tenants | {suite.vms[str(uuid.UUID(int=1))]}, f"{set(suite.vms.values()) - tenants}")
    with suite.case("a hostile report goes through a file, an export and verify"):
        suite.must("export", suite.ledger, "--to", suite.scratch / "export")
        suite.must("report", suite.ledger, *PERIOD, "--format", "json", "-o", suite.scratch / "report.json")
        suite.must("verify", suite.scratch / "report.json", suite.scratch / "export", "--anchor", suite.ledger / "keys/log.vkey")


def names_of(entry):
    """VM to name, wherever in the entry's object they stand."""
    flat = dict(entry)
    for part in entry.values():
        if isinstance(part, dict):
            flat.update(part)
    return {flat["vm"]: flat["name"]} if "vm" in flat and "name" in flat else {flat["vm"]: ""} if "vm" in flat else {}


def csv_texts(suite):
    with suite.case("CSV: as many cells in each row as in the header, and every name whole"):
        out = suite.must("report", suite.ledger, *PERIOD, "--format", "csv", "-o", "-").out
        rows = list(csv.reader(io.StringIO(out.decode("utf-8"), newline=""), strict=True))
        check(all(len(row) == len(rows[0]) for row in rows), f"{[row for row in rows if len(row) != len(rows[0])][:3]}")
        ids = {row[3] for row in rows[1:] if row[2] == "tenant"}
        for name in suite.vms.values():
            check(name in ids or "'" + name in ids or name == suite.vms[str(uuid.UUID(int=1))], f"{name!r} is not there")
    with suite.case("CSV: no cell of text begins as a formula"):
        bad = [cell for row in rows for cell in row if cell[:1] in tuple("=+-@\t\r\n")]
        check(not bad, f"{bad}")


def hosts(suite):
    """Names of hosts become folders: the harmless ones work, the others are refused."""
    for host in ("a" * 200, "-rf", "--help", "con", "h.1", "UPPER", "_", "0"):
        with suite.case(f"the host {host[:20]!r} is a folder and no option"):
            folder = suite.scratch / "hosts"
            suite.must("record", folder, "--from", write_events(suite.scratch / "h.jsonl", [
                event(0, host, "host", cores_per_socket=[1])]))
            check((folder / host / "data.mdb").is_file(), "it is not there")
    with suite.case("one report over all these"):
        rows = json.loads(suite.must("report", *sorted((suite.scratch / "hosts").iterdir()), *PERIOD, "--format", "json",
                                     "-o", "-").text)["coverage"]
        check(len(rows) == 8, f"{len(rows)} hosts")


def body(suite):
    make(suite)
    terminal_texts(suite)
    json_texts(suite)
    csv_texts(suite)
    hosts(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
