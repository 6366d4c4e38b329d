#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The FOCUS checker finds each fault that is planted, and finds nothing in what the writer writes.

    test_check.py MONEY-TOOL
"""

import csv
import io
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import check

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "money"))
import charges  # noqa: E402
import model  # noqa: E402

MARCH = 1772323200 * model.SECOND  # 2026-03-01
HOUR = model.HOUR
PRICES = """
currency: EUR
provider: ACME IT
publisher: =ACME
billing_account: {id: acme, name: 'ACME, "Holding"'}
rounding: {mode: half-up, at: invoice}
skus:
  - {id: vcpu, name: Virtual CPU, meter: vcpu-hour, prices: [{from: 2025-01-01, rate: 0.0125}]}
  - {id: mem, meter: gib-hour, prices: [{from: 2025-01-01, tiers: [{up_to: 10, rate: 0.004}, {rate: 0.0033}]}]}
  - {id: vm, meter: vm-hour, minimum_charge: 7, prices: [{from: 2025-01-01, rate: 0.001}]}
"""
STAYS = [
    "host\th1\to/h1", "host\th2\to/h2", f"facts\th1\t{MARCH}\teu",
    f"stay\th1\taaaaaaaa-0000-4000-8000-000000000001\t{MARCH}\t{MARCH + 100 * HOUR + 1200 * model.SECOND}\t0\t4\t1536\t-\t-\t-\t"
    "acme\tcc1\tproduction\t=cmd|'x'!A1\t17\t1\t0\t0",
    f"stay\th2\taaaaaaaa-0000-4000-8000-000000000002\t{MARCH + 1}\t{MARCH + 7 * HOUR}\t1\t2\t1024\t-\t-\t-\t-\t-\t-\t-\t3\t0\t0\t0",
    f"stay\th2\taaaaaaaa-0000-4000-8000-000000000003\t{MARCH}\t{MARCH + HOUR}\t0\t2\t1024\t-\t-\t-\t+t\t-cc\t@e\tdb\t3\t0\t0\t0"]


def write(tool, mode, prices, lines, begin=MARCH, end=MARCH + 744 * HOUR, zone="UTC", old=None):
    with tempfile.TemporaryDirectory(prefix="tally-focus-") as folder:
        path = Path(folder) / "p.yaml"
        path.write_text(prices)
        more = []
        if old is not None:
            more = [Path(folder) / "old.json"]
            more[0].write_text(old)
        done = subprocess.run([tool, mode, path, str(begin), str(end), zone, *more], capture_output=True, check=False,
                              input="".join(line + "\n" for line in lines).encode())
    return done.stdout if done.returncode == 0 else None


class Suite:
    def __init__(self):
        self.failed, self.count = 0, 0

    def expect(self, name, ok, detail=""):
        self.count += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'FAILED'}: {name}" + (f": {detail}" if not ok else ""))


def with_cell(data, row, column, value):
    table = list(csv.reader(io.StringIO(data.decode(), newline="")))
    table[row][table[0].index(column)] = value
    return to_bytes(table)


def to_bytes(table):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(table)
    return out.getvalue().encode()


# (name, column, what is planted, what must be said); in the first row of usage.
CELLS = [
    ("no number", "BilledCost", "12,50", "is no number"), ("a currency sign", "ListCost", "$5", "is no number"),
    ("a plus", "EffectiveCost", "+5", "is no number"), ("a positive exponent with a sign", "ListCost", "5E+2", "is no number"),
    ("a null cost", "BilledCost", "", "is null"), ("a null account", "BillingAccountId", "", "is null"),
    ("a null provider", "ProviderName", "", "is null"), ("a null issuer", "InvoiceIssuerName", "", "is null"),
    ("a null publisher", "PublisherName", "", "is null"), ("a null service", "ServiceName", "", "is null"),
    ("the word null", "ChargeClass", "NULL", "placeholder"), ("a zero for the name", "ResourceName", "n/a", "placeholder"),
    ("blanks", "ChargeDescription", "  ", "placeholder"), ("local time", "ChargePeriodStart", "2026-03-01T00:00:00+01:00", "is no instant"),
    ("a date alone", "BillingPeriodStart", "2026-03-01", "is no instant"),
    ("a fraction of a second", "ChargePeriodEnd", "2026-03-01T00:00:00.5Z", "is no instant"),
    ("a day that is none", "BillingPeriodEnd", "2026-02-30T00:00:00Z", "is no instant"),
    ("another category", "ChargeCategory", "usage", "is no allowed value"), ("another class", "ChargeClass", "Refund", "is no allowed value"),
    ("another pricing category", "PricingCategory", "On-Demand", "is no allowed value"),
    ("another service category", "ServiceCategory", "Computing", "is no allowed value"),
    ("a currency that is none", "BillingCurrency", "EUX", "is none of ISO 4217"), ("a currency in lower case", "BillingCurrency", "eur", "is none of ISO 4217"),
    ("a unit in lower case", "PricingUnit", "vcpu-hours", "is no unit"), ("per", "ConsumedUnit", "Seconds per VM", "is no unit"),
    ("a formula", "ResourceName", "=1+1", "a formula"), ("an at", "x_HostId", "@sum", "a formula"), ("a minus in a text", "SubAccountName", "-a", "a formula"),
    ("tags that are none", "Tags", "tenant=acme", "is no JSON object"), ("nested tags", "Tags", '{"a": {"b": 1}}', "an object or an array"),
    ("a tag twice", "Tags", '{"a": 1, "a": 2}', "a key twice"), ("an array of tags", "Tags", "[1]", "is no JSON object"),
    ("a period backwards", "ChargePeriodEnd", "2026-03-01T00:00:00Z", "does not lie behind"),
    ("a charge outside of its billing period", "ChargePeriodEnd", "2026-04-01T00:00:01Z", "leaves the billing period"),
    ("a quantity without unit", "PricingUnit", "", "exactly where PricingQuantity"), ("usage without quantity", "PricingQuantity", "", "is null in a row of Usage"),
    ("a consumed quantity without unit", "ConsumedUnit", "", "exactly where ConsumedQuantity"), ("usage that consumed nothing", "ConsumedQuantity", "", "is null in a row of Usage"),
    ("a resource without type", "ResourceType", "", "exactly where ResourceId"), ("a name without resource", "ResourceId", "", "must be null where ResourceId"),
    ("a region without name", "RegionName", "", "exactly where RegionId"), ("a cost centre without type", "SubAccountType", "", "exactly where SubAccountId"),
    ("usage without SKU", "SkuId", "", "is null in a row of Usage"), ("usage without SKU price", "SkuPriceId", "", "is null in a row of Usage"),
    ("usage without list price", "ListUnitPrice", "", "is null in a row of Usage"), ("usage without contracted price", "ContractedUnitPrice", "", "is null in a row of Usage"),
    ("usage without pricing category", "PricingCategory", "", "is null in a row of Usage"), ("a negative price", "ListUnitPrice", "-0.0125", "is negative"),
    ("a wrong list cost", "ListCost", "5.02", "is not 0.0125 x"), ("a wrong contracted cost", "ContractedCost", "5.02", "is not 0.0125 x"),
    ("a last digit", "ListCost", "5.0166666666250000001", "is not 0.0125 x"), ("tax with a SKU", "ChargeCategory", "Tax", "is not null in a row of Tax"),
    ("another service category elsewhere", "ServiceCategory", "Storage", "has another elsewhere"), ("another SKU of a price", "SkuId", "other", "has another elsewhere"),
    ("another account of an invoice", "BillingAccountId", "other", "has another elsewhere"), ("another currency of an invoice", "BillingCurrency", "USD", "has another elsewhere"),
    ("an invoice that is not its rows' sum", "BilledCost", "5.03", "metadata: x_Invoices: acme-2026-03 is"),
    ("a row of another invoice", "InvoiceId", "acme-2026-02", "stands on one side only"),
    ("a thousands separator", "BilledCost", "1,000.00", "is no number"), ("no number at all", "EffectiveCost", "NaN", "is no number"),
    ("infinity", "EffectiveCost", "Infinity", "is no number"), ("a blank in a number", "BilledCost", " 5.01", "is no number"),
    ("an instant without its letters", "BillingPeriodStart", "2026-03-01 00:00:00", "is no instant"),
    ("an inclusive end", "BillingPeriodEnd", "2026-03-31T23:59:59Z", "no month with an exclusive end"),
    ("two months of billing", "BillingPeriodEnd", "2026-05-01T00:00:00Z", "no month with an exclusive end"),
    ("other things consumed than priced", "ConsumedUnit", "GiB-Seconds", "is not the VCPU of PricingUnit"),
    ("an effective cost of its own", "EffectiveCost", "1.00", "is not BilledCost, though nothing is discounted"),
    ("a bill beyond its rounding", "BilledCost", "5.03", "nor that in whole minor units"),
    ("a bill rounded to no minor unit", "BilledCost", "5.017", "nor that in whole minor units"),
    ("a root that is none", "x_LedgerRoot", "AAAA", "is no root"), ("entries backwards", "x_FirstIndex", "18", "are no entries"),
    ("an entry that is no number", "x_LastIndex", "last", "are no entries"), ("a class of evidence that is none", "x_EvidenceClass", "sworn", "is none"),
    ("a root without its entries", "x_FirstIndex", "", "stands there in part"),
    ("another name of a cost centre", "SubAccountName", "cc3", "has another elsewhere"),
    ("more decimals than stated", "ConsumedQuantity", "1." + "1" * 20, "is beyond scale"),
]


def planted_cells(suite, data, metadata):
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    first = next(i for i, r in enumerate(rows, 1) if r["ChargeCategory"] == "Usage" and r["SkuId"] == "vcpu" and r["RegionId"])
    for name, column, value, expected in CELLS:
        problems = check.check(with_cell(data, first, column, value), metadata)
        suite.expect(f"found: {name}", any(expected in p for p in problems), f"{problems[:5]}")
    other = next(i for i, r in enumerate(rows, 1) if r["ChargeCategory"] == "Adjustment")
    for column, value, expected in (("EffectiveCost", "0.01", "must be the BilledCost"), ("ListCost", "0", "must be the BilledCost"),
                                    ("ConsumedQuantity", "1", "is not null in a row of Adjustment")):
        problems = check.check(with_cell(data, other, column, value), metadata)
        suite.expect(f"found: {column} of an adjustment", any(expected in p for p in problems), f"{problems[:5]}")


def planted_tables(suite, data, metadata):
    table = list(csv.reader(io.StringIO(data.decode(), newline="")))
    for column in check.MANDATORY:
        i = table[0].index(column)
        problems = check.check(to_bytes([row[:i] + row[i + 1:] for row in table]))
        suite.expect(f"found: no column {column}", f"{column}: is mandatory and not there" in problems, f"{problems[:3]}")
    for name, changed, expected in (
            ("a row that is short", [table[0], table[1][:-1]], "cells, not"),
            ("a column twice", [row + [row[0]] for row in table], "stands there twice"),
            ("a column that is none of FOCUS", [row[:1] + [row[1]] + ["Price" if row is table[0] else "1"] + row[2:] for row in table], "has no x_"),
            ("a custom column in between", [["x_A" if row is table[0] else "1"] + row for row in table], "stands behind a custom column"),
            ("a custom column in lower case", [row + ["x_own_column" if row is table[0] else "1"] for row in table], "not in Pascal case")):
        problems = check.check(to_bytes(changed))
        suite.expect(f"found: {name}", any(expected in p for p in problems), f"{problems[:3]}")
    for name, changed, expected in (("bytes that are no UTF-8", data + b"\xff", "utf-8"), ("a byte order mark", b"\xef\xbb\xbf" + data, "byte order mark"),
                                    ("lines of another system", data.replace(b"\r\n", b"\n"), "RFC 4180"), ("a last line that is cut", data[:-2], "RFC 4180"),
                                    ("a blank line", data + b"\r\n", "0 cells, not"), ("an open quote", data + b'"a', "file:"),
                                    ("nothing", b"", "is empty")):
        problems = check.check(changed)
        suite.expect(f"found: {name}", any(expected in p for p in problems), f"{problems[:3]}")
    meta = json.loads(metadata)
    columns = meta["ColumnDefinition"]
    for name, changed, expected in (
            ("another version", dict(meta, FocusVersion="1.1"), "FocusVersion"), ("no generator", dict(meta, DataGenerator=""), "DataGenerator"),
            ("no schema id", {k: v for k, v in meta.items() if k != "SchemaId"}, "SchemaId"), ("no creation date", dict(meta, CreationDate="today"), "CreationDate"),
            ("another order of columns", dict(meta, ColumnDefinition=columns[::-1]), "ColumnDefinition"),
            ("another type", dict(meta, ColumnDefinition=[dict(columns[0], DataType="STRING")] + columns[1:]), "DataType"),
            ("other rows", dict(meta, data_location=[dict(meta["data_location"][0], total_rows=1)]), "total_rows"),
            ("other bytes", dict(meta, data_location=[dict(meta["data_location"][0], total_bytes=1)]), "total_bytes"),
            ("no tag prefixes", dict(meta, ColumnDefinition=[{k: v for k, v in c.items() if k != "ProviderTagPrefixes"} for c in columns]), "ProviderTagPrefixes"),
            ("another invoice", dict(meta, x_Invoices=[dict(meta["x_Invoices"][0], BilledCost="1.00")]), "x_Invoices")):
        problems = check.check(data, json.dumps(changed))
        suite.expect(f"found in the metadata: {name}", any(expected in p for p in problems), f"{problems[:3]}")


def written(suite, tool):
    data, metadata = write(tool, "focus", PRICES, STAYS), write(tool, "metadata", PRICES, STAYS)
    suite.expect("what the writer writes is sound", check.check(data, metadata) == [], f"{check.check(data, metadata)[:5]}")
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    suite.expect("formulas are defused", {r["ResourceName"] for r in rows} >= {"'=cmd|'x'!A1", "", "db"} and
                 {r["PublisherName"] for r in rows} == {"'=ACME"}, f"{[r['ResourceName'] for r in rows]}")
    suite.expect("a cost centre that looks like a formula is defused", {r["SubAccountId"] for r in rows} == {"cc1", "", "'-cc"})
    suite.expect("the CSV ends its lines by RFC 4180", data.count(b"\r\n") == len(rows) + 1 and data.endswith(b"\r\n"))
    suite.expect("21 columns stand first", list(rows[0])[:21] == sorted(check.MANDATORY))
    suite.expect("an invoice that is rounded is whole", sum(check.Fraction(r["BilledCost"]) for r in rows) * 100 % 1 == 0)
    old = write(tool, "charges", PRICES, STAYS)
    later = [line.replace("\tcc1\t", "\tcc2\t") for line in STAYS]
    both = write(tool, "focus", PRICES, later, old=old.decode())
    corrected = check.check(both, write(tool, "metadata", PRICES, later, old=old.decode()))
    suite.expect("a corrected data set is sound", corrected == [], f"{corrected[:5]}")
    rows = list(csv.DictReader(io.StringIO(both.decode(), newline="")))
    suite.expect("corrections say so", {r["InvoiceId"] for r in rows if r["ChargeClass"] == "Correction"} == {"acme-2026-03-R1"})
    return data, metadata


def random_sets(suite, tool, seeds):
    rows = 0
    for seed in range(seeds):
        rng = random.Random(seed)
        begin = MARCH + rng.randint(0, 10**9) * rng.choice((0, 999999))
        end = begin + rng.randint(1, 60) * 24 * HOUR
        prices, (hosts, stays) = charges.a_list(rng), charges.an_estate(rng, begin, end)
        rules = [{"id": "windows-server/payg", "pack": "ms", "version": "1", "from": 0, "to": 2**63 - 1,
                  "os": ["http://microsoft.com/win/2k"], "editions": [], "clock": 3}]
        args = (charges.yaml_of(prices), list(charges.lines_of(hosts, rules, stays)), begin, end, rng.choice(charges.ZONES))
        data = write(tool, "focus", *args)
        if data is None:
            continue
        problems = check.check(data, write(tool, "metadata", *args))
        rows += data.count(b"\r\n") - 1
        if problems:
            suite.expect(f"a random data set is sound, seed {seed}", False, f"{problems[:5]}")
    suite.expect(f"random data sets are sound: {rows} rows of {seeds} seeds", rows > 10 * seeds)


def main():
    suite, tool = Suite(), sys.argv[1]
    data, metadata = written(suite, tool)
    planted_cells(suite, data, metadata)
    planted_tables(suite, data, metadata)
    random_sets(suite, tool, 40)
    print(f"{suite.count} cases, {suite.failed} failed")
    sys.exit(suite.failed > 0)


main()
