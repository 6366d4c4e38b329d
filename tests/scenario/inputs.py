#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a report was made from: the verifier computes it again from the same files, finds
each by its SHA-256, and says which is missing or another one.

    inputs.py TALLY [--helper TALLYD-TPM]
"""

import hashlib
import json
import pathlib
import shutil

from scenario import Suite, arguments, check, event, main, write_events

DAY = 86400
RULES = pathlib.Path(__file__).resolve().parents[2] / "rules"
PERIOD = ("--from", "2026-01", "--to", "2026-02")
VM = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
FILES = {
    "held.yaml": ("--entitlements", "- {product: windows-server-standard, metric: core, quantity: 40, reference: PO-1}\n"),
    "prices.yaml": ("--prices", "currency: EUR\nprovider: ACME IT\nbilling_account: {id: acme}\n"
                    "skus:\n  - {id: vcpu, meter: vcpu-hour, prices: [{from: 2025-01-01, rate: 0.0125}]}\n"),
    "roster.yaml": ("--roster", "- {host: h1}\n- {host: h7}\n"),
}


def make(suite):
    suite.env["TALLY_RULES"] = str(RULES)
    history = [event(0, "h1", "host", cores_per_socket=[8, 8], cluster="c1"),
               event(DAY, "h1", "start", vm=VM, name="web", vcpus=4, memory_mib=1024, os="http://microsoft.com/win/2k22",
                     edition="standard", cost_center="cc1"),
               event(40 * DAY, "h1", "heartbeat")]
    suite.must("record", suite.scratch / "estate", "--from", write_events(suite.scratch / "january.jsonl", history))
    suite.ledger = suite.scratch / "estate/h1"
    suite.files, suite.options = {}, []
    for name, (option, text) in FILES.items():
        suite.files[name] = suite.scratch / name
        suite.files[name].write_text(text)
        suite.options += [option, suite.files[name]]
    suite.first = suite.scratch / "first.json"
    suite.must("report", suite.ledger, *PERIOD, *suite.options, "--format", "json", "-o", suite.first)
    claims = suite.scratch / "cmdb.csv"
    claims.write_text(f"vm,cost_center,from,to\n{VM},cc9,2026-01-02T00:00:00Z,2026-01-03T00:00:00Z\n")
    suite.must("map", suite.ledger, "--from", claims, "--reason", "late", "--by", "ann")
    suite.second = suite.scratch / "second.json"
    suite.must("report", suite.ledger, *PERIOD, *suite.options, "--compare", suite.first, "--format", "json", "-o", suite.second)
    suite.export = suite.scratch / "h1.export"
    suite.must("export", suite.ledger, "--to", suite.export)
    suite.anchor = ("--anchor", suite.ledger / "keys/log.vkey")


def verify(suite, report, files, code):
    return suite.must("verify", suite.export, report, *files, *suite.anchor, code=code)


def named(suite):
    with suite.case("inputs are the files by base name and SHA-256, in the order of their names"):
        inputs = json.loads(suite.second.read_text())["report"]["inputs"]
        files = sorted([suite.first, *suite.files.values()], key=lambda path: path.name)
        check(inputs == [{"name": f.name, "sha256": hashlib.sha256(f.read_bytes()).hexdigest()} for f in files], f"{inputs}")
    with suite.case("a map is no input: its claims are entries of the ledger"):
        made = json.loads(suite.second.read_text())
        check({x["cost_center"] for x in made["charges"] if x["class"] == "Correction"} == {"cc1", "cc9"}, "no correction")


def whole(suite):
    with suite.case("beside all that it was made from it holds"):
        verify(suite, suite.first, suite.files.values(), 0)
    with suite.case("so does the one that supersedes it, beside that"):
        verify(suite, suite.second, [*suite.files.values(), suite.first], 0)
    with suite.case("each is found by what it holds, whatever it is called now"):
        other = suite.scratch / "other"
        other.mkdir()
        moved = [shutil.copy(path, other / f"{i}.{ending}")
                 for i, (path, ending) in enumerate(zip(suite.files.values(), ("txt", "yml", "csv")))]
        verify(suite, suite.first, moved, 0)
    with suite.case("the order of the paths is nobody's business"):
        suite.must("verify", *reversed(list(suite.files.values())), suite.first, suite.export, *suite.anchor)


def spoilt(suite, report, files):
    about = report.name
    for path in files:
        rest = [f for f in files if f != path]
        with suite.case(f"{about}: without {path.name} it does not hold, and that is named"):
            text = verify(suite, report, rest, 1).text
            hash_ = hashlib.sha256(path.read_bytes()).hexdigest()
            told = f"report {json.loads(path.read_text())['report']['id']}, which it supersedes" if path == suite.first else \
                f"{path.name} (SHA-256 {hash_}), which it was made from"
            check(told + ", is not among the paths" in text, text)
            check(not any(f.name + " (" in text for f in rest), text)
        data = path.read_bytes()
        for what, place in (("first", 0), ("middle", len(data) // 2), ("last", len(data) - 1)):
            folder = suite.scratch / f"{about}.{path.name}.{what}"
            folder.mkdir()
            changed = folder / path.name
            changed.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])
            with suite.case(f"{about}: nor with another {what} byte of {path.name}"):
                result = suite.run("verify", suite.export, report, *rest, changed, *suite.anchor)
                check(result.code == 1, str(result))
                check("is not among the paths" in result.text, result.text)
                if path != suite.first:
                    hash_ = hashlib.sha256(changed.read_bytes()).hexdigest()
                    check(f"{path.name} (SHA-256 " in result.text and f"is another one (SHA-256 {hash_})" in result.text, result.text)


def packs(suite):
    folder = suite.scratch / "rules"
    shutil.copytree(RULES, folder)
    windows = folder / "windows-server.yaml"
    windows.write_text(windows.read_text() + "# a word more\n")
    suite.env["TALLY_RULES"] = str(folder)
    with suite.case("another rule pack than the report's is none of its: it is named with its SHA-256"):
        text = verify(suite, suite.first, suite.files.values(), 1).text
        hash_ = hashlib.sha256((RULES / windows.name).read_bytes()).hexdigest()
        check(f"rule pack windows-server (SHA-256 {hash_}) is neither installed nor among the paths" in text, text)
    with suite.case("the pack among the paths will do"):
        verify(suite, suite.first, [*suite.files.values(), RULES / windows.name], 0)
    suite.env["TALLY_RULES"] = str(RULES)


def strangers(suite):
    for name in ("more.yaml", "more.txt"):
        stranger = suite.scratch / name
        stranger.write_text("- {host: h9}\n")
        with suite.case(f"{name}, from which nothing was made, is wrong use"):
            suite.refused("verify", suite.export, suite.first, *suite.files.values(), stranger, *suite.anchor, code=2, names=[stranger])
    for what, change in (("an input less", lambda inputs: inputs[1:]), ("an input more", lambda inputs: inputs + inputs[:1]),
                         ("no inputs", lambda inputs: [])):
        forged = suite.scratch / "forged.json"
        made = json.loads(suite.first.read_text())
        made["report"]["inputs"] = change(made["report"]["inputs"])
        forged.write_text(json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        with suite.case(f"a report that tells of {what} does not hold"):
            verify(suite, forged, suite.files.values(), 1)


def body(suite):
    make(suite)
    named(suite)
    whole(suite)
    spoilt(suite, suite.first, list(suite.files.values()))
    spoilt(suite, suite.second, [*suite.files.values(), suite.first])
    packs(suite)
    strangers(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
