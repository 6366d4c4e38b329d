#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Chargeback as a stranger uses it: ledgers and a price list to invoices, FOCUS, RUM and the verifier.

    money.py TALLY [--helper TALLYD-TPM]
"""

import csv
import io
import json
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from decimal import Decimal
from pathlib import Path

from scenario import Suite, arguments, check, event, main, write_events

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "focus"))
import check as focus  # noqa: E402

WEB = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
DB = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c12"
LOST = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c13"
DARK = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c14"
HOUR = 3600
DAY = 24 * HOUR
PERIOD = ("--from", "2026-01", "--to", "2026-02")
HEAD = "currency: EUR\nprovider: ACME IT\nbilling_account: {id: acme, name: ACME Holding}\n"
PRICES = HEAD + """skus:
  - {id: vcpu, meter: vcpu-hour, prices: [{from: 2025-01-01, rate: 0.0125}]}
  - {id: memory, meter: gib-hour, prices: [{from: 2025-01-01, rate: 0.004}]}
  - {id: vm, meter: vm-hour, prices: [{from: 2025-01-01, rate: 0.01}]}
  - id: payg
    name: Windows Server
    service: Licences
    meter: licence-hour
    product: windows-server/payg
    per: vcpu
    prices: [{from: 2025-01-01, rate: 0.046}]
"""


def make(suite):
    suite.estate = suite.scratch / "estate"
    suite.ledger = suite.estate / "h1"
    suite.prices = write(suite, "prices.yaml", PRICES)
    suite.rules = TESTS.parent / "rules"
    both = {"cores_per_socket": [8, 8], "cluster": "c1", "region": "eu"}
    history = [
        event(0, "h1", "host", **both), event(0, "h2", "host", **both),
        # 100 hours of 4 vCPUs, over a live migration and a change of owner.
        event(DAY, "h1", "start", vm=WEB, name="web", vcpus=4, memory_mib=2048, os="http://microsoft.com/win/2k22", edition="standard",
              cost_center="cc1"),
        event(DAY + 40 * HOUR, "h1", "migrate-out", vm=WEB, peer="h2"),
        event(DAY + 40 * HOUR, "h2", "migrate-in", vm=WEB, peer="h1", vcpus=4, memory_mib=2048),
        event(DAY + 60 * HOUR, "h2", "tag", vm=WEB, cost_center="cc2"),
        event(DAY + 100 * HOUR, "h2", "stop", vm=WEB, cause="shutdown"),
        # A resize inside an hour.
        event(2 * DAY, "h1", "start", vm=DB, name="=db", vcpus=2, memory_mib=1024, cost_center="cc1"),
        event(2 * DAY + 1200, "h1", "config", vm=DB, vcpus=4, memory_mib=1024),
        event(2 * DAY + 3600, "h1", "stop", vm=DB, cause="shutdown"),
        # A missed stop: it starts again on its host.
        event(3 * DAY, "h1", "start", vm=LOST, name="lost", vcpus=1, memory_mib=1024),
        event(3 * DAY + 2 * HOUR, "h1", "heartbeat"),
        event(3 * DAY + 3 * HOUR, "h1", "start", vm=LOST, name="lost", vcpus=1, memory_mib=1024),
        event(3 * DAY + 4 * HOUR, "h1", "stop", vm=LOST, cause="shutdown"),
        event(30 * DAY, "h1", "start", vm=DARK, name="dark", vcpus=1),
        event(30 * DAY + HOUR, "h1", "stop", vm=DARK, cause="shutdown"),
        event(31 * DAY, "h1", "heartbeat"), event(31 * DAY, "h2", "heartbeat"),
    ]
    history.sort(key=lambda e: e["time"])
    suite.must("record", suite.estate, "--from", write_events(suite.scratch / "january.jsonl", history))
    suite.ledgers = (suite.estate / "h1", suite.estate / "h2")


def write(suite, name, text):
    path = suite.scratch / name
    path.write_text(text, encoding="utf-8")
    return path


def report(suite, name, form="json", *options):
    path = suite.scratch / name
    suite.must("report", *suite.ledgers, *PERIOD, "--rules", suite.rules, "--prices", suite.prices, "--format", form, *options,
               "-o", path)
    return path


def lines_of(made, **where):
    return [x for x in made["charges"] if all(x[k] == v for k, v in where.items())]


def charges(suite):
    suite.first = report(suite, "first.json")
    made = json.loads(suite.first.read_text(encoding="utf-8"))
    total = lambda key, **where: sum(Decimal(x[key]) for x in lines_of(made, **where))
    with suite.case("4 vCPUs of Windows for 100 hours at 0.046 are 18.40, over a migration and a change of owner"):
        check(total("billed", sku="payg") == Decimal("18.40"), f"{lines_of(made, sku='payg')}")
        check({(x["host"], x["cost_center"]): x["quantity"] for x in lines_of(made, sku="payg")} ==
              {("h1", "cc1"): "160", ("h2", "cc1"): "80", ("h2", "cc2"): "160"}, f"{lines_of(made, sku='payg')}")
    with suite.case("a resize inside an hour: 2 x 1/3 + 4 x 2/3 vCPU-hours, one VM-hour"):
        check([x["quantity"] for x in lines_of(made, vm=DB, sku="vcpu")] == ["3.333333333"], "vCPU-hours")
        check([x["quantity"] for x in lines_of(made, vm=DB, sku="vm")] == ["1"], "VM-hours")
    with suite.case("a missed stop is charged to what was witnessed, not longer"):
        check(total("quantity", vm=LOST, sku="vm") == 3, f"{lines_of(made, vm=LOST, sku='vm')}")
    with suite.case("a VM of unknown size is no free one: the report says so"):
        check(not lines_of(made, vm=DARK, sku="memory") and len(lines_of(made, vm=DARK, sku="vm")) == 1, "lines")
        told = [f["text"] for f in made["findings"] if f["kind"] == "charge-unknown"]
        check(len(told) == 1 and "memory, 3600 s" in told[0], f"{told}")
    with suite.case("price x quantity is cost, and the list is an input of the report"):
        check(all(Decimal(x["price"]) * Decimal(x["quantity"]) == Decimal(x["cost"]) for x in made["charges"]), "cost")
        check("prices.yaml" in [i["name"] for i in made["report"]["inputs"]], f"{made['report']['inputs']}")
        check({x["rule_pack"].split("@")[0] for x in lines_of(made, sku="payg")} == {"windows-server"},
              f"{lines_of(made, sku='payg')}")
    with suite.case("the text shows the invoice, which is the sum of its lines"):
        text = suite.must("report", *suite.ledgers, *PERIOD, "--rules", suite.rules, "--prices", suite.prices, "-o", "-").text
        check(f"acme-2026-01  {total('billed'):f} EUR" in text, text[-600:])


def formats(suite):
    with suite.case("the FOCUS data set is sound, with its metadata, by the checker"):
        path = report(suite, "focus.csv", "focus")
        data = path.read_bytes()
        problems = focus.check(data, (suite.scratch / "focus.csv.metadata.json").read_text(encoding="utf-8"))
        check(not problems, f"{problems[:5]}")
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    with suite.case("its lines are those of the JSON report, each with its ledger's root"):
        made = json.loads(suite.first.read_text(encoding="utf-8"))
        check([r["BilledCost"] for r in rows] == [x["billed"] for x in made["charges"]], "billed")
        roots = {x["host"]: x["root"] for x in made["evidence"]["ledgers"]}
        check(all(r["x_LedgerRoot"].lstrip("'") == roots[r["x_HostId"]] for r in rows), "roots")
        check({r["ResourceName"] for r in rows} == {"web", "'=db", "lost", "dark"}, "names")
    with suite.case("the same inputs give the same bytes"):
        check(report(suite, "again.csv", "focus").read_bytes() == data, "FOCUS")
        check(report(suite, "again.json").read_bytes() == suite.first.read_bytes(), "JSON")
    with suite.case("to standard output goes the data set alone"):
        out = suite.must("report", *suite.ledgers, *PERIOD, "--rules", suite.rules, "--prices", suite.prices, "--format",
                         "focus", "-o", "-").out
        check(out == data, out[:200])
    with suite.case("RUM is XML with every VM, product and need in it"):
        root = ElementTree.fromstring(report(suite, "rum.xml", "rum").read_bytes())
        ids = {e.text for e in root.iter() if e.tag.endswith(("InstanceId", "PersistentId"))}
        check({WEB, DB, LOST, DARK, "http://microsoft.com/win/2k22", "windows-server/payg"} <= ids, f"{ids}")


def corrections(suite):
    first = json.loads(suite.first.read_text(encoding="utf-8"))
    file = write(suite, "cmdb.csv", f"vm,cost_center,from,to\n{WEB},cc9,2026-01-02T00:00:00Z,2026-01-02T10:00:00Z\n")
    suite.must("map", suite.ledger, "--from", file, "--reason", "late", "--by", "ann")
    second = report(suite, "second.json", "json", "--compare", suite.first)
    made = json.loads(second.read_text(encoding="utf-8"))
    with suite.case("a late claim corrects the charges beside what was billed"):
        check([x for x in made["charges"] if x["class"] is None] == first["charges"], "the first lines changed")
        new = sorted((x["cost_center"], x["quantity"]) for x in lines_of(made, sku="payg") if x["class"] == "Correction")
        check(new == [("cc1", "-40"), ("cc9", "40")], f"{new}")
        check({x["invoice"] for x in made["charges"]} == {"acme-2026-01", "acme-2026-01-R1"}, "invoices")
    with suite.case("the corrected FOCUS data set is sound"):
        report(suite, "second.csv", "focus", "--compare", suite.first)
        problems = focus.check((suite.scratch / "second.csv").read_bytes(),
                               (suite.scratch / "second.csv.metadata.json").read_text(encoding="utf-8"))
        check(not problems, f"{problems[:5]}")
    with suite.case("charges are not lost for want of a price list"):
        suite.refused("report", *suite.ledgers, *PERIOD, "--compare", suite.first, "-o", "-", code=2,
                      names=["first.json", "without a price list"])
    return second


def verification(suite, second):
    exports = [suite.scratch / f"{ledger.name}.export" for ledger in suite.ledgers]
    for ledger, export in zip(suite.ledgers, exports):
        suite.must("export", ledger, "--to", export)
    packs = sorted(suite.rules.glob("*.yaml"))
    with suite.case("the charges are computed again from the exports, the packs and the list"):
        suite.must("verify", *exports, *packs, suite.prices, suite.first, second, code=4)
    with suite.case("without the list they are not, and it is named"):
        text = suite.must("verify", *exports, *packs, suite.first, code=1).text
        check("prices.yaml" in text, text)
    with suite.case("a cent more is found"):
        forged = write(suite, "forged.json", suite.first.read_text(encoding="utf-8").replace('"billed": "1', '"billed": "2', 1))
        suite.must("verify", *exports, *packs, suite.prices, forged, code=1)
    with suite.case("another list is no input of the report"):
        other = write(suite, "other.yaml", PRICES.replace("0.046", "0.045"))
        suite.refused("verify", *exports, *packs, suite.prices, other, suite.first, code=2, names=["other.yaml"])


def forks(suite):
    """One ledger, copied, that tells two stories: the report of one is not superseded by the other's."""
    one, other = suite.scratch / "one", suite.scratch / "other"
    begun = write_events(suite.scratch / "begun.jsonl", [
        event(0, "f1", "host", cores_per_socket=[8]), event(DAY, "f1", "start", vm=WEB, vcpus=1)])
    suite.must("record", one, "--from", begun)
    shutil.copytree(one, other)
    for estate, hours in ((one, (9,)), (other, (5, 6, 7))):
        more = [event(DAY + h * HOUR, "f1", "heartbeat") for h in hours[:-1]]
        more.append(event(DAY + hours[-1] * HOUR, "f1", "stop", vm=WEB, cause="shutdown"))
        suite.must("record", estate, "--from", write_events(suite.scratch / f"{estate.name}.jsonl", more))
    old = suite.scratch / "fork.json"
    suite.must("report", one / "f1", *PERIOD, "--format", "json", "-o", old)
    with suite.case("a report of another history of a ledger that has grown is not superseded"):
        suite.refused("report", other / "f1", *PERIOD, "--compare", old, "-o", "-", code=2,
                      names=["fork.json", "it rests on another history"])
        export = suite.scratch / "fork.export"
        suite.must("export", other / "f1", "--to", export)
        suite.refused("report", export, *PERIOD, "--compare", old, "-o", "-", code=2,
                      names=["fork.json", "it rests on another history"])


def refusals(suite):
    sku = "skus: [{id: s, meter: vm-hour, prices: [{from: %s, rate: %s}]}]\n"
    for name, text, names in (
            ("a key that is none", HEAD + "sku: []\n", ["prices-bad.yaml:4:1: unknown key 'sku'"]),
            ("a currency that is none", HEAD.replace("EUR", "EUX") + sku % ("2025-01-01", "1"), ["prices-bad.yaml:1:11"]),
            ("a negative price", HEAD + sku % ("2025-01-01", "-1"), ["prices-bad.yaml:4:66: 'rate' is negative"]),
            ("more decimals than money holds", HEAD + sku % ("2025-01-01", "0.0000000000001"), ["more than 12 decimals"]),
            ("no price at the time of use", HEAD + sku % ("2026-01-20", "1"), ["prices-bad.yaml:4:8", "2026-01-02T00:00:00Z"]),
            ("nothing at all", "", ["prices-bad.yaml:1:1: key 'currency' is missing"]),
            ("no YAML", "a: [", ["prices-bad.yaml:"])):
        with suite.case(f"refused with its place: {name}"):
            suite.refused("report", *suite.ledgers, *PERIOD, "--prices", write(suite, "prices-bad.yaml", text), "-o", "-", code=2,
                          names=names)
    with suite.case("a list that is not there"):
        suite.refused("report", *suite.ledgers, *PERIOD, "--prices", suite.scratch / "none.yaml", "-o", "-", code=3, names=["none.yaml"])
    with suite.case("FOCUS without a list"):
        suite.refused("report", *suite.ledgers, *PERIOD, "--format", "focus", "-o", "-", code=2, names=["--prices"])
    with suite.case("what is read is not written over"):
        before = suite.first.read_bytes()
        link = suite.scratch / "link.json"
        link.symlink_to(suite.first)
        for out, option, path in ((suite.first, "--compare", suite.first), (link, "--compare", suite.first),
                                  (suite.prices, "--prices", suite.prices)):
            suite.refused("report", *suite.ledgers, *PERIOD, "--rules", suite.rules, option, path, "-o", out, code=2,
                          names=["-o", option, "would be lost"])
        check(suite.first.read_bytes() == before and "skus" in suite.prices.read_text(encoding="utf-8"), "written over")
    with suite.case("an empty period"):
        suite.refused("report", *suite.ledgers, "--from", "2026-01", "--to", "2026-01", "--prices", suite.prices, "-o", "-", code=2,
                      names=["period is empty"])


def body(suite):
    make(suite)
    charges(suite)
    formats(suite)
    verification(suite, corrections(suite))
    refusals(suite)
    forks(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
