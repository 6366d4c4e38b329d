#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a FOCUS 1.2 data set by the words of the specification.

    check.py FILE.csv [METADATA.json]

Written from the specification alone, apart from what writes such files. Prints
what is wrong, with row (from 1, without the header) and column; exit code 1
where anything is.
"""

import csv
import datetime
import io
import json
import re
import sys
from decimal import Decimal
from fractions import Fraction

MANDATORY = {  # column -> (type, nullable)
    "BilledCost": ("DECIMAL", False), "BillingAccountId": ("STRING", False), "BillingAccountName": ("STRING", True),
    "BillingCurrency": ("STRING", False), "BillingPeriodEnd": ("DATETIME", False),
    "BillingPeriodStart": ("DATETIME", False), "ChargeCategory": ("STRING", False), "ChargeClass": ("STRING", True),
    "ChargeDescription": ("STRING", True), "ChargePeriodEnd": ("DATETIME", False),
    "ChargePeriodStart": ("DATETIME", False), "ContractedCost": ("DECIMAL", False), "EffectiveCost": ("DECIMAL", False),
    "InvoiceIssuerName": ("STRING", False), "ListCost": ("DECIMAL", False), "PricingQuantity": ("DECIMAL", True),
    "PricingUnit": ("STRING", True), "ProviderName": ("STRING", False), "PublisherName": ("STRING", False),
    "ServiceCategory": ("STRING", False), "ServiceName": ("STRING", False)}
FURTHER = {
    "AvailabilityZone": "STRING", "BillingAccountType": "STRING", "CapacityReservationId": "STRING",
    "CapacityReservationStatus": "STRING", "ChargeFrequency": "STRING", "CommitmentDiscountCategory": "STRING",
    "CommitmentDiscountId": "STRING", "CommitmentDiscountName": "STRING", "CommitmentDiscountQuantity": "DECIMAL",
    "CommitmentDiscountStatus": "STRING", "CommitmentDiscountType": "STRING", "CommitmentDiscountUnit": "STRING",
    "ConsumedQuantity": "DECIMAL", "ConsumedUnit": "STRING", "ContractedUnitPrice": "DECIMAL", "InvoiceId": "STRING",
    "ListUnitPrice": "DECIMAL", "PricingCategory": "STRING", "PricingCurrency": "STRING",
    "PricingCurrencyContractedUnitPrice": "DECIMAL", "PricingCurrencyEffectiveCost": "DECIMAL",
    "PricingCurrencyListUnitPrice": "DECIMAL", "RegionId": "STRING", "RegionName": "STRING", "ResourceId": "STRING",
    "ResourceName": "STRING", "ResourceType": "STRING", "ServiceSubcategory": "STRING", "SkuId": "STRING",
    "SkuMeter": "STRING", "SkuPriceDetails": "JSON", "SkuPriceId": "STRING", "SubAccountId": "STRING",
    "SubAccountName": "STRING", "SubAccountType": "STRING", "Tags": "JSON"}
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}, "ChargeClass": {"Correction"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "ServiceCategory": {
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
        "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration",
        "Mobile", "Networking", "Security", "Storage", "Web", "Other"}}
CURRENCIES = set("""
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP CNY COP CRC
CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK
JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYI UYU UYW UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR
ZMW ZWG""".split())
# Digits behind the point, where there are not two.
MINOR = {0: set("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()),
         3: set("BHD IQD JOD KWD LYD OMR TND".split()), 4: {"CLF", "UYW"}}
# ID column -> columns that are null exactly where it is.
TOGETHER = {"PricingQuantity": ["PricingUnit"], "ConsumedQuantity": ["ConsumedUnit"], "ResourceId": ["ResourceType"],
            "RegionId": ["RegionName"], "SubAccountId": ["SubAccountName", "SubAccountType"]}
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(E-?[0-9]+)?")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TIME = "Years|Months|Days|Hours|Minutes|Seconds"
UNIT = re.compile(rf"(\d+ )?[A-Z][A-Za-z]*(-({TIME}))?(/(\d+ )?(Year|Month|Day|Hour|Minute|Second)s?)?")
PLACEHOLDERS = {"null", "none", "n/a", "na", "nil", "not applicable", "not specified", "nan", "-"}


class Check:
    def __init__(self, rows, header):
        self.problems, self.header, self.rows = [], header, rows

    def say(self, row, column, what):
        self.problems.append(f"row {row}: {column}: {what}" if row else f"{column}: {what}")

    def types(self):
        return {c: MANDATORY[c][0] if c in MANDATORY else FURTHER.get(c, "CUSTOM") for c in self.header}

    # The header

    def check_header(self):
        for column in MANDATORY:
            if column not in self.header:
                self.say(0, column, "is mandatory and not there")
        for column in {c for c in self.header if self.header.count(c) > 1}:
            self.say(0, column, "stands there twice")
        custom = False
        for column in self.header:
            if column in MANDATORY or column in FURTHER:
                if custom:
                    self.say(0, column, "stands behind a custom column")
            elif not column.startswith("x_"):
                self.say(0, column, "is none of FOCUS 1.2 and has no x_")
            else:
                custom = True
                if not re.fullmatch(r"x_[A-Z][A-Za-z0-9]*", column) or len(column) > 50:
                    self.say(0, column, "is not in Pascal case")

    # One cell

    def check_cell(self, number, column, kind, cell):
        if cell == "":
            if column in MANDATORY and not MANDATORY[column][1]:
                self.say(number, column, "is null")
            return
        if cell.strip().lower() in PLACEHOLDERS or not cell.strip(" "):
            self.say(number, column, f"a placeholder instead of null: {cell!r}")
        if kind == "DECIMAL":
            if not NUMBER.fullmatch(cell):
                self.say(number, column, f"is no number: {cell!r}")
        elif kind == "DATETIME":
            self.check_instant(number, column, cell)
        elif kind == "JSON":
            self.check_json(number, column, cell)
        else:
            # What a spreadsheet would run; a negative number of a custom column is none.
            if cell[0] in "=+-@\t\r\n" and not (kind == "CUSTOM" and NUMBER.fullmatch(cell)):
                self.say(number, column, f"a formula: {cell!r}")
            if column in ALLOWED and cell not in ALLOWED[column]:
                self.say(number, column, f"is no allowed value: {cell!r}")
            if column in ("BillingCurrency", "PricingCurrency") and cell not in CURRENCIES:
                self.say(number, column, f"is none of ISO 4217: {cell!r}")
            if column in ("PricingUnit", "ConsumedUnit") and not UNIT.fullmatch(cell):
                self.say(number, column, f"is no unit: {cell!r}")

    def check_instant(self, number, column, cell):
        try:
            if not INSTANT.fullmatch(cell):
                raise ValueError
            datetime.datetime.strptime(cell, "%Y-%m-%dT%H:%M:%SZ")
        except ValueError:
            self.say(number, column, f"is no instant of UTC: {cell!r}")

    def check_json(self, number, column, cell):
        def pairs(items):
            if len({k for k, _ in items}) < len(items):
                self.say(number, column, "a key twice")
            return dict(items)
        try:
            value = json.loads(cell, object_pairs_hook=pairs)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            self.say(number, column, f"is no JSON object: {cell!r}")
        elif any(isinstance(v, (dict, list)) for v in value.values()):
            self.say(number, column, "a value that is an object or an array")

    # One row

    def check_row(self, number, row):
        before = len(self.problems)
        for column, kind in self.types().items():
            self.check_cell(number, column, kind, row[column])
        if len(self.problems) > before:
            return  # what follows needs sound cells
        self.check_periods(number, row)
        self.check_nulls(number, row)
        self.check_costs(number, row)
        self.check_units(number, row)
        self.check_undiscounted(number, row)
        self.check_own(number, row)

    def check_periods(self, number, row):
        for what in ("BillingPeriod", "ChargePeriod"):
            if row[what + "Start"] >= row[what + "End"]:
                self.say(number, what + "End", "does not lie behind the start")
        begin, end = (datetime.datetime.strptime(row["BillingPeriod" + what], "%Y-%m-%dT%H:%M:%SZ") for what in ("Start", "End"))
        # A month of a calendar whose clocks may be moved by an hour, and whose offset has no seconds.
        if begin.second or end.second or not 28 * 24 - 1 <= (end - begin).total_seconds() / 3600 <= 31 * 24 + 1:
            self.say(number, "BillingPeriodEnd", "the billing period is no month with an exclusive end")
        if row["ChargePeriodStart"] < row["BillingPeriodStart"] or row["ChargePeriodEnd"] > row["BillingPeriodEnd"]:
            self.say(number, "ChargePeriodStart", "the charge period leaves the billing period")

    def check_nulls(self, number, row):
        for first, others in TOGETHER.items():
            for other in others:
                if first in row and other in row and (row[first] == "") != (row[other] == ""):
                    self.say(number, other, f"must be null exactly where {first} is")
        for name, id_ in (("ResourceName", "ResourceId"), ("SkuMeter", "SkuId")):
            if row.get(name) and not row.get(id_):
                self.say(number, name, f"must be null where {id_} is")
        category, correction = row["ChargeCategory"], row["ChargeClass"] == "Correction"
        priced = ("PricingQuantity", "ListUnitPrice", "ContractedUnitPrice", "SkuId", "SkuPriceId", "PricingCategory")
        for column in priced:
            if column not in row:
                continue
            if category in ("Usage", "Purchase") and not correction and row[column] == "":
                self.say(number, column, f"is null in a row of {category}")
            if category == "Tax" and row[column] != "":
                self.say(number, column, "is not null in a row of Tax")
        if "ConsumedQuantity" in row:
            if category != "Usage" and row["ConsumedQuantity"] != "":
                self.say(number, "ConsumedQuantity", f"is not null in a row of {category}")
            if category == "Usage" and not correction and row["ConsumedQuantity"] == "" and \
                    row.get("CommitmentDiscountStatus") != "Unused":
                self.say(number, "ConsumedQuantity", "is null in a row of Usage")

    def check_units(self, number, row):
        """What is consumed is what is priced, be it in other units of time."""
        of = [re.sub(rf"-({TIME})$", "", row.get(column, "")) for column in ("PricingUnit", "ConsumedUnit")]
        if all(of) and of[0] != of[1]:
            self.say(number, "ConsumedUnit", f"{of[1]} is not the {of[0]} of PricingUnit")

    def check_undiscounted(self, number, row):
        """Without discounts a cost is what it is, but for rounding to minor units."""
        if row["ChargeCategory"] != "Usage" or row.get("PricingCategory") != "Standard" or row.get("CommitmentDiscountId"):
            return
        billed, listed = Fraction(row["BilledCost"]), Fraction(row["ListCost"])
        unit = Fraction(1, 10 ** next((d for d, names in MINOR.items() if row["BillingCurrency"] in names), 2))
        if row["EffectiveCost"] != row["BilledCost"]:
            self.say(number, "EffectiveCost", "is not BilledCost, though nothing is discounted")
        if billed != listed and (abs(billed - listed) >= unit or billed % unit != 0):
            self.say(number, "BilledCost", f"{row['BilledCost']} is neither {row['ListCost']} nor that in whole minor units")

    def check_own(self, number, row):
        """The columns of a ledger: together or not at all, and in their order."""
        own = [row.get(column) for column in ("x_LedgerRoot", "x_FirstIndex", "x_LastIndex", "x_EvidenceClass")]
        if None in own or not any(own):
            return
        root, first, last, evidence = own
        if not all(own):
            self.say(number, "x_LedgerRoot", "stands there in part")
        elif not re.fullmatch(r"'?[A-Za-z0-9+/]{43}=", root):
            self.say(number, "x_LedgerRoot", f"is no root: {root!r}")
        elif not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
            self.say(number, "x_FirstIndex", f"{first} to {last} are no entries")
        elif evidence not in ("witnessed", "imported", "mixed"):
            self.say(number, "x_EvidenceClass", f"is none: {evidence!r}")

    def check_costs(self, number, row):
        correction = row["ChargeClass"] == "Correction"
        for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
            if row.get(price):
                if Decimal(row[price]) < 0:
                    self.say(number, price, "is negative")
                if row["PricingQuantity"] and not correction:
                    product = Fraction(row[price]) * Fraction(row["PricingQuantity"])
                    if product != Fraction(row[cost]):
                        self.say(number, cost, f"{row[cost]} is not {row[price]} x {row['PricingQuantity']}")
            elif price in row and row["ChargeCategory"] in ("Credit", "Adjustment"):
                if Fraction(row[cost]) != Fraction(row["BilledCost"]):
                    self.say(number, cost, f"without {price} must be the BilledCost")
        if row["ChargeCategory"] in ("Credit", "Adjustment") and \
                Fraction(row["EffectiveCost"]) != Fraction(row["BilledCost"]):
            self.say(number, "EffectiveCost", "must be the BilledCost")

    # All rows together

    def check_one_to_one(self, what, of):
        """Each `what` has one `of`, and no other."""
        seen = {}
        for number, row in enumerate(self.rows, 1):
            if row.get(what) and row[of] != seen.setdefault(row[what], row[of]):
                self.say(number, of, f"{what} {row[what]} has another elsewhere")

    def check_together(self):
        self.check_one_to_one("ServiceName", "ServiceCategory")
        for what, of in (("SkuPriceId", "SkuId"), ("InvoiceId", "BillingAccountId"), ("InvoiceId", "BillingCurrency"),
                         ("InvoiceId", "InvoiceIssuerName"), ("SubAccountId", "SubAccountType"), ("SubAccountId", "SubAccountName"),
                         ("RegionId", "RegionName"), ("SkuId", "SkuMeter")):
            if what in self.header and of in self.header:
                self.check_one_to_one(what, of)


def check_metadata(check, text, data):
    """What describes the data: its columns, its size, its invoices."""
    say = lambda key, what: check.problems.append(f"metadata: {key}: {what}")
    try:
        meta = json.loads(text)
    except ValueError:
        return say("file", "is no JSON")
    if meta.get("FocusVersion") != "1.2":
        say("FocusVersion", f"is {meta.get('FocusVersion')!r}")
    for key in ("SchemaId", "DataGenerator", "CreationDate"):
        if not isinstance(meta.get(key), str) or not meta[key].strip():
            say(key, "is missing")
    if not INSTANT.fullmatch(str(meta.get("CreationDate"))):
        say("CreationDate", "is no instant of UTC")
    columns = meta.get("ColumnDefinition") or []
    if [c.get("ColumnName") for c in columns] != check.header:
        say("ColumnDefinition", "names other columns than the data, or in another order")
        return None
    types = check.types()
    for column in columns:
        name, kind = column["ColumnName"], column.get("DataType")
        cells = [row[name] for row in check.rows if row[name]]
        if types[name] != "CUSTOM" and kind != types[name]:
            say(name, f"DataType is {kind!r}")
        if kind in ("DECIMAL", "INTEGER"):
            scale, precision = column.get("NumberScale", 0), column.get("NumericPrecision", 0)
            for cell in cells:
                if NUMBER.fullmatch(cell) and (len(cell.partition(".")[2]) > scale or
                                               len(re.sub(r"\D", "", cell)) > precision):
                    say(name, f"{cell} is beyond scale {scale} or precision {precision}")
                    break
        if kind == "STRING" and any(len(c.encode()) > column.get("StringMaxLength", 2**31) for c in cells):
            say(name, "a text longer than StringMaxLength")
        if name == "Tags" and not isinstance(column.get("ProviderTagPrefixes"), list):
            say(name, "ProviderTagPrefixes is missing")
    for place in meta.get("data_location", []):
        if place.get("total_rows") != len(check.rows):
            say("data_location", f"total_rows is {place.get('total_rows')}, not {len(check.rows)}")
        if place.get("total_bytes") != len(data):
            say("data_location", f"total_bytes is {place.get('total_bytes')}, not {len(data)}")
    check_invoices(check, meta.get("x_Invoices", []), say)
    return None


def check_invoices(check, invoices, say):
    sums, rows = {}, {}
    for row in check.rows:
        if NUMBER.fullmatch(row["BilledCost"]):
            sums[row["InvoiceId"]] = sums.get(row["InvoiceId"], 0) + Fraction(row["BilledCost"])
            rows[row["InvoiceId"]] = rows.get(row["InvoiceId"], 0) + 1
    stated = {i["InvoiceId"]: i for i in invoices}
    for id_ in sorted(set(sums) ^ set(stated)):
        say("x_Invoices", f"{id_} stands on one side only")
    for id_ in sorted(set(sums) & set(stated)):
        if Fraction(stated[id_]["BilledCost"]) != sums[id_]:
            say("x_Invoices", f"{id_} is {stated[id_]['BilledCost']}, its rows are {float(sums[id_])}")
        if stated[id_].get("rows") != rows[id_]:
            say("x_Invoices", f"{id_} has {rows[id_]} rows, not {stated[id_].get('rows')}")


def check(data, metadata=None):
    """What is wrong with the bytes of a CSV file; nothing: an empty list."""
    try:
        text = data.decode("utf-8")
        table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        return [f"file: {error}"]
    if not table:
        return ["file: is empty"]
    header, rows = table[0], []
    result = Check(rows, header)
    if text.startswith("\ufeff"):
        result.say(0, "file", "begins with a byte order mark")
    if re.search(r"(?<!\r)\n", re.sub(r'"[^"]*"', "", text)) or not text.endswith("\r\n"):
        result.say(0, "file", "a line does not end by RFC 4180")
    result.check_header()
    for number, cells in enumerate(table[1:], 1):
        if len(cells) != len(header):
            result.say(number, "row", f"has {len(cells)} cells, not {len(header)}")
    if result.problems:
        return result.problems
    rows += [dict(zip(header, cells)) for cells in table[1:]]
    for number, row in enumerate(rows, 1):
        result.check_row(number, row)
    result.check_together()
    if metadata is not None:
        check_metadata(result, metadata, data)
    return result.problems


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    metadata = None
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding="utf-8") as file:
            metadata = file.read()
    problems = check(data, metadata)
    for problem in problems:
        print(problem)
    print(f"{len(data)} bytes, {len(problems)} problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
