#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What if: a small estate, its report, and what the rules ask of it with changes.

    simulate.py TALLY [--helper TALLYD-TPM]
"""

import csv
import hashlib
import io
import json
import pathlib

from scenario import Suite, arguments, check, event, main, write_events

DAY = 86400
PERIOD = ("--from", "2026-01-01", "--to", "2026-02-01")
RULES = pathlib.Path(__file__).resolve().parents[2] / "rules"
WINDOWS = {"os": "http://microsoft.com/win/2k22", "edition": "standard"}
RHEL = {"os": "http://redhat.com/rhel/9.2"}
FACTS = {"cores_per_socket": [8, 8], "max_sockets": 2, "cluster": "c1", "region": "eu"}


def uuid(number):
    return f"6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c{number:02x}"


def make(suite):
    suite.env["TALLY_RULES"] = str(RULES)
    suite.estate = suite.scratch / "estate"
    history = [event(0, h, "host", **FACTS) for h in ("h1", "h2", "h3")]
    machines = [("h1", "web1", 4, WINDOWS), ("h2", "web2", 4, WINDOWS), ("h3", "web3", 4, WINDOWS), ("h3", "lin1", 2, RHEL)]
    history += [event(DAY, h, "start", vm=uuid(i), name=name, vcpus=vcpus, **claims)
                for i, (h, name, vcpus, claims) in enumerate(machines)]
    history += [event(40 * DAY, h, "heartbeat") for h in ("h1", "h2", "h3")]
    suite.must("record", suite.estate, "--from", write_events(suite.scratch / "january.jsonl", history))
    suite.ledgers = [suite.estate / h for h in ("h1", "h2", "h3")]


def simulate(suite, *changes, ledgers=None, code=0):
    result = suite.must("simulate", *(ledgers or suite.ledgers), *PERIOD, "--format", "json", *changes, code=code)
    return json.loads(result.out)


def row(made, rule, scope="fleet", name=None):
    return next(p for p in made["positions"] if (p["rule"], p["scope"]) == (rule, scope) and name in (None, p["id"]))


def measured(p):
    return tuple(0 if p[side] is None else p[side]["measured"] for side in ("old", "new"))


def digest(suite):
    """Of every file of the ledgers but the locks, which a reader has to touch."""
    files = sorted(p for ledger in suite.ledgers for p in ledger.rglob("*") if p.is_file() and not p.name.startswith("lock"))
    return [(str(p), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


def what_if(suite):
    before = digest(suite)
    with suite.case("a host less: its machines go to the rest of the cluster, and the output says which where"):
        made = simulate(suite, "--remove-host", "h3")
        check(measured(row(made, "windows-server-standard/host")) == (48, 32), f"{made['positions']}")
        check([(m["name"], m["from"]) for m in made["changes"][0]["machines"]] == [("lin1", "h3"), ("web3", "h3")], f"{made['changes']}")
        check({m["to"] for m in made["changes"][0]["machines"]} == {"h1", "h2"}, f"{made['changes']}")
        check(made["simulation"]["hosts"] == ["h1", "h2"], "hosts")
    with suite.case("larger hosts, and all Windows on two of them"):
        made = simulate(suite, "--add-host", "w1,cores=2x24,cluster=win", "--add-host", "w2,like=w1",
                        "--move", "*,os=windows-server,to=cluster:win")
        check(measured(row(made, "windows-server-datacenter/host")) == (48, 96), f"{made['positions']}")
        check(row(made, "windows-server-datacenter/host")["new"]["high"] == 96, "reach")
        check(row(made, "windows-server-datacenter/host", "host", "w1")["old"] is None, "a host that was not there")
    with suite.case("twenty more of a machine"):
        made = simulate(suite, "--grow", "lin1,copies=20")
        check(measured(row(made, "rhel/vm-pairs")) == (1, 11), f"{made['positions']}")
        check(row(made, "rhel/vm-pairs")["more"] == {"high": 10, "low": 10, "measured": 10, "order": 10}, "more")
    with suite.case("changes come in their order"):
        made = simulate(suite, "--grow", "web1,vcpus=12", "--grow", "web*,vcpus=8")
        check(measured(row(made, "windows-server/vm")) == (24, 24), "the later one counts")
        made = simulate(suite, "--grow", "web*,vcpus=8", "--grow", "web1,vcpus=12")
        check(measured(row(made, "windows-server/vm")) == (24, 28), "the later one counts")
    with suite.case("no ledger is changed by it"):
        check(digest(suite) == before, "another ledger")


def basis(suite):
    report = json.loads(suite.must("report", *suite.ledgers, *PERIOD, "--format", "json", "-o", "-").out)
    made = simulate(suite, "--add-host", "z,cores=8,cluster=apart")
    with suite.case("it names the report that it rests on, and says that it is computed"):
        s = made["simulation"]
        check(s["id"] == report["report"]["id"] and s["figures"] == "computed, not measured", f"{s}")
        check((s["from"], s["to"], s["class"]) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "self-declared"), f"{s}")
    with suite.case("old is what the report says, and an empty host apart changes none of it"):
        old = [p for p in made["positions"] if p["old"] is not None]
        check(len(old) == len(report["positions"]) and not any(p["differs"] for p in made["positions"]), "rows")
        for p, q in zip(old, report["positions"]):
            check(all(p[k] == q[k] for k in ("rule", "product", "scope", "id", "unit")), f"{p} {q}")
            check(all(p["old"][k] == q[k] for k in ("low", "measured", "high", "order", "entitled", "surplus", "cheapest")), f"{p} {q}")
    with suite.case("keys are sorted, and the same words give the same bytes"):
        out = suite.must("simulate", *suite.ledgers, *PERIOD, "--format", "json", "--remove-host", "h3").out
        check(out == suite.must("simulate", *suite.ledgers, *PERIOD, "--format", "json", "--remove-host", "h3").out, "bytes")
        check(json.dumps(json.loads(out), indent=2, sort_keys=True, ensure_ascii=False) + "\n" == out.decode(), "order")
    with suite.case("nobody takes it for a report: verify does not know it"):
        path = suite.scratch / "what-if.json"
        suite.must("simulate", *suite.ledgers, *PERIOD, "--format", "json", "--remove-host", "h3", "-o", path)
        suite.must("verify", path, code=2)
    with suite.case("exports do as well as ledgers"):
        exports = []
        for ledger in suite.ledgers:
            exports.append(suite.scratch / f"{ledger.name}.export")
            suite.must("export", ledger, "--to", exports[-1])
        check(simulate(suite, "--remove-host", "h3", ledgers=exports) == simulate(suite, "--remove-host", "h3"), "figures")


def formats(suite):
    with suite.case("the text shows what differs, then how many rows are the same"):
        text = suite.must("simulate", *suite.ledgers, *PERIOD, "--grow", "lin1,copies=20").text
        check(text.startswith("What if: computed, not measured\n"), text)
        check("rhel/vm-pairs" in text and "1 -> 11" in text and "windows-server/vm" not in text, text)
        check(" are the same (--all shows them)" in text, text)
        whole = suite.must("simulate", *suite.ledgers, *PERIOD, "--grow", "lin1,copies=20", "--all").text
        check("windows-server/vm" in whole and "--all shows" not in whole, whole)
    with suite.case("the CSV has every row, with numbers as numbers"):
        out = suite.must("simulate", *suite.ledgers, *PERIOD, "--format", "csv", "--grow", "lin1,copies=20").text
        rows = list(csv.DictReader(io.StringIO(out)))
        check(len(rows) == len(simulate(suite, "--grow", "lin1,copies=20")["positions"]), "rows")
        pairs = next(r for r in rows if (r["rule"], r["scope"]) == ("rhel/vm-pairs", "fleet"))
        check((pairs["old_measured"], pairs["computed_measured"], pairs["more_measured"]) == ("1", "11", "10"), f"{pairs}")


def held(suite):
    path = suite.scratch / "held.yaml"
    path.write_text("- {product: windows-server-standard, metric: core, quantity: 48}\n", encoding="utf-8")
    with suite.case("what is held is laid beside it; --strict tells what would be short, after the output"):
        made = simulate(suite, "--entitlements", path, "--strict", "--remove-host", "h3")
        check(row(made, "windows-server-standard/host")["new"]["surplus"]["measured"] == 16, "surplus")
        made = simulate(suite, "--entitlements", path, "--strict", "--grow", "web1,copies=2", code=1)
        check(row(made, "windows-server-standard/host")["new"]["surplus"]["measured"] == -16, "surplus")
        result = suite.must("simulate", *suite.ledgers, *PERIOD, "--entitlements", path, "--strict", "--grow", "web1,copies=2", code=1)
        check("windows-server: 16 core short" in result.error, result.error)


def refusals(suite):
    cases = {
        ("--remove-host", "h9"): "change 1, --remove-host 'h9', character 1: no host is called 'h9' (there are: h1, h2, h3)",
        ("--move", "web9,to=h1"): "change 1, --move 'web9,to=h1', character 1: no machine is called 'web9'",
        ("--move", "web1,to=h9"): "character 9: 'h9' is neither a host nor a cluster",
        ("--move", "web1,to=h1"): "character 9: changes nothing",
        ("--grow", "web*,vcpu=8"): "character 6: unknown key 'vcpu'",
        ("--grow", "web*,vcpus=0"): "character 12: 'vcpus' must be a whole number",
        ("--add-host", "h1,cores=8"): "character 1: there is a host of that name",
        ("--remove-host", "h3", "--remove-host", "h3"): "change 2, --remove-host 'h3', character 1: host 'h3' was removed by change 1",
        ("--grow", "a\x1b[2J,vcpus=8"): "no machine is called 'a\\x1b[2J'",
    }
    for words, message in cases.items():
        with suite.case(f"refused with its place, exit 2: {words!r}"):
            suite.refused("simulate", *suite.ledgers, *PERIOD, *words, code=2, names=[message])
    with suite.case("without a change there is nothing to ask"):
        suite.refused("simulate", *suite.ledgers, *PERIOD, code=2, names=["no change"])
    with suite.case("an empty period, and a ledger that is not there"):
        suite.refused("simulate", *suite.ledgers, "--from", "2026-02", "--to", "2026-02", "--remove-host", "h3", code=2)
        suite.refused("simulate", suite.scratch / "nowhere", *PERIOD, "--remove-host", "h3", code=3)


def body(suite):
    make(suite)
    what_if(suite)
    basis(suite)
    formats(suite)
    held(suite)
    refusals(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
