#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is held and who must report: from the files to the report, --strict and the verifier.

    held.py TALLY [--helper TALLYD-TPM]
"""

import json
import pathlib

from scenario import Suite, arguments, check, event, main, write_events

DAY = 86400
PERIOD = ("--from", "2026-01-01", "--to", "2026-02-01")
RULES = pathlib.Path(__file__).resolve().parents[2] / "rules"
WINDOWS = {"vcpus": 4, "os": "http://microsoft.com/win/2k22", "edition": "standard"}
STANDARD = ("windows-server-standard/host", "fleet")


def make(suite):
    suite.env["TALLY_RULES"] = str(RULES)
    suite.estate = suite.scratch / "estate"
    history = [event(0, h, "host", cores_per_socket=[8, 8], max_sockets=2, cluster="c1", region="eu") for h in ("h1", "h2")]
    history += [event(DAY, h, "start", vm=f"6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c1{h[1]}", **WINDOWS) for h in ("h1", "h2")]
    history += [event(40 * DAY, h, "heartbeat") for h in ("h1", "h2")]
    suite.must("record", suite.estate, "--from", write_events(suite.scratch / "january.jsonl", history))
    suite.ledgers = [suite.estate / "h1", suite.estate / "h2"]


def write(suite, name, text):
    path = suite.scratch / name
    path.write_text(text, encoding="utf-8")
    return path


def run(suite, *options, code=0, out="-"):
    return suite.must("report", *suite.ledgers, *PERIOD, "--format", "json", *options, "-o", out, code=code)


def position(made, rule, scope):
    return next(p for p in made["positions"] if (p["rule"], p["scope"]) == (rule, scope))


def kinds(made):
    return {f["kind"]: f["text"] for f in made["findings"]}


def surplus(suite):
    with suite.case("a surplus is told for each reading, null where nothing is held"):
        held = write(suite, "held.yaml", "- {product: windows-server-standard, metric: core, quantity: 40, reference: PO-1}\n")
        made = json.loads(run(suite, "--entitlements", held, "--strict").text)
        p = position(made, *STANDARD)
        check((p["measured"], p["entitled"], p["surplus"]["measured"]) == (32, 40, 8), f"{p}")
        check(position(made, "windows-server-datacenter/host", "fleet")["surplus"] == {"low": None, "measured": None, "high": None}, "")
        check([i["name"] for i in made["report"]["inputs"]] == ["held.yaml"], "inputs")
    with suite.case("CSV says the same, to the byte but for the input and the id"):
        table = write(suite, "held.csv", "reference,product,metric,quantity\r\nPO-1,windows-server-standard,16-core-packs,2\r\n")
        p = position(json.loads(run(suite, "--entitlements", table).text), *STANDARD)
        check((p["entitled"], p["surplus"]["measured"]) == (32, 0), f"{p}")


def shown(suite):
    held = suite.scratch / "held.yaml"
    with suite.case("the text says of what, where and in which units, from the fleet inwards"):
        text = suite.must("report", *suite.ledgers, *PERIOD, "--entitlements", held, "-o", "-").text
        lines = text[text.index("Licence positions"):text.index("Findings")].splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith("  windows-server-standard/host of windows-server, in units of core; cheapest"))
        check(lines[at].endswith("cheapest for the fleet: this, 32"), lines[at])
        check(lines[1].split() == ["scope", "low", "measured", "high", "order", "entitled", "surplus", "unresolved"], lines[1])
        rows = [line.split() for line in lines[at + 1:at + 3]]
        check(rows == [["fleet", "32", "32", "32", "32", "40", "8", "0"], ["cluster", "c1", "32", "32", "32", "32", "-", "-", "0"]], f"{rows}")
        check("  warning  short-history " in text and "  info     evidence-class " in text, text)


def shortfall(suite):
    held = write(suite, "few.yaml", "entitlements:\n  - {product: windows-server-standard, metric: core, quantity: 31}\n")
    with suite.case("a shortfall is exit 1 under --strict, and the report is written all the same"):
        path = suite.scratch / "short.json"
        result = run(suite, "--entitlements", held, "--strict", code=1, out=path)
        check("windows-server: 1 core short (windows-server-standard/host: 32 needed, 31 held for it)" in result.error, result.error)
        check(position(json.loads(path.read_text(encoding="utf-8")), *STANDARD)["surplus"]["measured"] == -1, "surplus")
    with suite.case("and exit 0 without it"):
        run(suite, "--entitlements", held)
    with suite.case("an expired licence satisfies nobody"):
        old = write(suite, "old.yaml", "- {product: windows-server-standard, metric: core, quantity: 99, valid_to: 2026-01-02}\n")
        result = run(suite, "--entitlements", old, "--strict", code=1)
        check("entitlement-expired" in kinds(json.loads(result.out)), "no finding")
    with suite.case("Datacenter licences cover Standard guests"):
        other = write(suite, "dc.yaml", "- {product: windows-server-datacenter, metric: core, quantity: 32}\n"
                      "- {product: windows-server-standard, metric: core, quantity: 1}\n")
        run(suite, "--entitlements", other, "--strict")


def roster(suite):
    with suite.case("absent and extra hosts are findings"):
        lines = write(suite, "roster.yaml", "hosts:\n  - {host: h1}\n  - {host: h7, asset: A7, reason: new}\n")
        told = kinds(json.loads(run(suite, "--roster", lines).text))
        check("h7 (asset A7, new) has no ledger here" in told["roster-missing"], f"{told}")
        check("h2 from 2026-01-01T00:00:00Z on" in told["roster-extra"], f"{told}")


def verification(suite):
    exports = []
    for ledger in suite.ledgers:
        exports.append(suite.scratch / f"{ledger.name}.export")
        suite.must("export", ledger, "--to", exports[-1])
    anchors = [a for ledger in suite.ledgers for a in ("--anchor", ledger / "keys/log.vkey")]
    made = suite.scratch / "whole.json"
    files = [suite.scratch / "held.yaml", suite.scratch / "roster.yaml"]
    run(suite, "--entitlements", files[0], "--roster", files[1], out=made)
    with suite.case("a report holds beside what it was made from"):
        suite.must("verify", *exports, made, *files, *anchors)
    with suite.case("without the entitlements it cannot be told"):
        error = suite.must("verify", *exports, made, files[1], *anchors, code=1).text
        check("held.yaml" in error, error)
    with suite.case("nor with others than they were"):
        write(suite, "held.yaml", "- {product: windows-server-standard, metric: core, quantity: 41, reference: PO-1}\n")
        suite.must("verify", *exports, made, *files, *anchors, code=1)


def refusals(suite):
    cases = {
        ("--entitlements", "bad.yaml"): {
            "": ":1:1: no entitlements", "- {product: p, metric: m, quantity: none}\n": ":1:37: 'quantity' must be",
            "- {product: p, metrik: m}\n": ":1:16: unknown key 'metrik'", "- {\n": ":2:1: "},
        ("--entitlements", "bad.csv"): {
            "": ":1:1: ", "product,metric,amount\n": ":1:16: unknown column 'amount'",
            "product,metric,quantity,scope\np,m,1,moon\n": ":2:7: 'scope' must be"},
        ("--roster", "bad.yaml"): {
            "": ":1:1: no hosts", "- {host: a, from: 2026-02-30}\n": ":1:19: 'from' must be a day",
            "- {host: a}\n- {host: a}\n": ":2:3: another line"},
    }
    for (option, name), files in cases.items():
        for text, place in files.items():
            with suite.case(f"refused with its place, exit 2: {option} {text!r}"):
                path = write(suite, name, text)
                suite.refused("report", *suite.ledgers, *PERIOD, option, path, "-o", "-", code=2,
                              names=[f"{path}{place}"])
        with suite.case(f"{option} {name} that is not there: exit 3"):
            suite.refused("report", *suite.ledgers, *PERIOD, option, suite.scratch / f"no-{name}", "-o", "-",
                          code=3)


def body(suite):
    make(suite)
    surplus(suite)
    shown(suite)
    shortfall(suite)
    roster(suite)
    verification(suite)
    refusals(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
