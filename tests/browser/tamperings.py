# SPDX-License-Identifier: Apache-2.0
"""Ways to tamper with a page: each changes one thing, as somebody would who hopes that
nobody looks, and has a sentence of its own."""

import base64
import copy
import hashlib
import struct

from pages import by_columns, flat

ENTRY, ROW_OF = 138, "h1"


def raw(text):
    return bytearray(base64.b64decode(text, validate=True))


def text(data):
    return base64.b64encode(bytes(data)).decode()


def payloads(data):
    """Where each entry's payload begins."""
    begins, at = [], 0
    while at < len(data):
        begins.append(at)
        mask, at = data[at], at + 1
        for bit in range(3):
            if mask >> bit & 1:
                at += 19 + int.from_bytes(data[at + 16:at + 19], "big")
    return begins


class Copy:
    """The blocks of a page, to be changed."""

    def __init__(self, page):
        self.page = page
        self.report, self.chart, self.evidence = (copy.deepcopy(page.data(name)) for name in ("report-data", "chart-data", "evidence-data"))
        self.lanes = flat(self.chart["lanes"])
        origin = next(row["origin"] for row in self.report["evidence"]["ledgers"] if row["host"] == ROW_OF)
        self.ledger = next(row for row in self.evidence["ledgers"] if row["origin"] == origin)
        self.told = next(row for row in self.report["evidence"]["ledgers"] if row["origin"] == origin)

    def write(self, path):
        page = self.page
        self.chart["lanes"] = by_columns(self.lanes)
        for name, value in (("report-data", self.report), ("chart-data", self.chart), ("evidence-data", self.evidence)):
            page = page.put(name, value, path)
        return page

    def change(self, key, edit):
        """The first bundle's entries or payload, as bytes."""
        data = raw(self.ledger["bundles"][0][key])
        edit(data)
        self.ledger["bundles"][0][key] = text(data)

    def change_signature(self, line, at):
        """One bit of a line of the note: 0 is the log's, 1 the TPM's."""
        body, lines = self.ledger["notes"][0].rsplit("\n\n", 1)
        lines = lines.splitlines()
        head, blob = lines[line].rsplit(" ", 1)
        data = raw(blob)
        data[at] ^= 1
        lines[line] = f"{head} {text(data)}"
        self.ledger["notes"][0] = body + "\n\n" + "\n".join(lines) + "\n"

    def forge_signatures(self):
        """Of each log: 64 bytes of nobody's."""
        for ledger in self.evidence["ledgers"]:
            body, lines = ledger["notes"][0].rsplit("\n\n", 1)
            head, blob = lines.split("\n", 1)[0].rsplit(" ", 1)
            first = f"{head} {text(raw(blob)[:4] + bytes(range(64)))}"
            ledger["notes"][0] = body + "\n\n" + "\n".join([first, *lines.split("\n")[1:]])


def a_figure_of_usage_is_made_smaller(c):
    row = next(r for r in c.report["usage"] if r["scope"] == "fleet")
    row["run_seconds"] = "3600"


def a_machine_is_left_out(c):
    c.report["vms"].pop(0)


def a_gap_is_left_out(c):
    row = next(r for r in c.report["coverage"] if r["gaps"])
    row["gaps"] = []


def a_name_in_an_entry_is_changed(c):
    def edit(data):
        at = data.index(b"\x03web") + 1  # behind its length: a folder's random name may hold it, too
        data[at:at + 3] = b"wob"
    c.change("payload", edit)


def the_time_of_an_entry_is_changed(c):
    def edit(data):
        data[5 * ENTRY + 2 + 23] ^= 1
    c.change("entries", edit)


def the_last_entry_is_cut_off(c):
    def cut(data):
        del data[-ENTRY:]
    c.change("entries", cut)
    payload = raw(c.ledger["bundles"][0]["payload"])
    c.ledger["bundles"][0]["payload"] = text(payload[:payloads(payload)[-1]])


def two_entries_change_places(c):
    def swap(data):
        data[4 * ENTRY:5 * ENTRY], data[5 * ENTRY:6 * ENTRY] = data[5 * ENTRY:6 * ENTRY], data[4 * ENTRY:5 * ENTRY]
    c.change("entries", swap)


def the_logs_signature_is_changed(c):
    c.change_signature(0, -1)


def the_tpms_signature_is_changed(c):
    c.change_signature(1, -1)


def the_quote_is_of_another_text(c):
    """The TPM's word on its session in the place of its word on the checkpoint: field 18 of that entry."""
    payload = bytes(raw(c.ledger["bundles"][0]["payload"]))
    blobs = []
    for at in range(len(payload) - 4):
        if payload[at:at + 2] == b"\x92\x01" and payload[at + 2] & 0x80 and not payload[at + 3] & 0x80:
            length = payload[at + 2] & 0x7f | payload[at + 3] << 7
            blobs.append(payload[at + 4:at + 4 + length])
    other = next(blob for blob in blobs if len(blob) > 200 and blob[0] == 1 and b"\xffTCG" in blob)
    body, lines = c.ledger["notes"][0].rsplit("\n\n", 1)
    lines = lines.splitlines()
    head, blob = lines[1].rsplit(" ", 1)
    lines[1] = f"{head} {text(raw(blob)[:4] + other)}"
    c.ledger["notes"][0] = body + "\n\n" + "\n".join(lines) + "\n"


def the_report_rests_on_another_root(c):
    c.told["root"] = text(hashlib.sha256(b"another").digest())


def another_rule_pack_is_named(c):
    c.report["report"]["rule_packs"][0]["sha256"] = "00" * 32


def a_stretch_of_the_timeline_is_shortened(c):
    row = next(row for row in c.lanes if c.chart["hosts"][row[1]] == ROW_OF)
    row[3] -= 60000


def the_timeline_says_that_it_is_not_exact(c):
    a_stretch_of_the_timeline_is_shortened(c)
    c.chart["gap"] = 60000


def a_stretch_reaches_over_a_longer_hole_than_is_told(c):
    own = [row for row in c.lanes if c.chart["hosts"][row[1]] == ROW_OF and row[0] == 0]
    own[0][3] = own[1][3]
    c.lanes.remove(own[1])
    c.chart["gap"] = 60000


def a_curve_is_cut_lower(c):
    points = next(curve for curve in c.chart["curves"] if max(curve["points"][1::2]) > 1)["points"]
    points[1::2] = [min(n, 1) for n in points[1::2]]


def a_curve_is_said_to_be_inexact(c):
    a_curve_is_cut_lower(c)
    next(curve for curve in c.chart["curves"] if max(curve["points"][1::2]) == 1)["exact"] = False


def a_curve_is_missing(c):
    c.chart["curves"].pop()


def rows_of_machines_are_changed_and_said_to_be_left_out(c):
    c.report["vms"][0]["run_seconds"] = "60"
    c.chart["left_out"]["vms"] = 1


def fewer_machines_are_said_to_be_left_out_than_there_are(c):
    c.chart["left_out"]["vms"] = len(c.report["vms"]) - 1
    c.report["vms"] = []


def lines_of_charges_are_said_to_be_left_out(c):
    c.chart["left_out"]["charges"] = len(c.report["charges"])


def sums_stand_beside_the_lines_of_charges(c):
    c.chart["sums"] = [{"billed": "1", "cost_center": "", "currency": "EUR", "invoice": "one", "lines": 1, "tenant": ""}]


def the_report_is_made_younger(c):
    c.report["report"]["issued"] = "2026-01-01T23:30:00Z"


def a_number_rests_on_the_entry_of_another_machine(c):
    row = next(p for p in c.report["positions"] if p["scope"] == "fleet" and sum(1 for b in p["because"] if b["vm"]) > 1)
    named = [b for b in row["because"] if b["vm"]]
    named[0]["vm"] = named[1]["vm"] if named[1]["vm"] != named[0]["vm"] else "b1c2c1de-ffff-4000-8000-00000000ffff"


def the_key_is_of_another_name(c):
    c.ledger["vkey"] = vkey("somebody.else/log", hashlib.sha256(b"key").digest())


def a_group_is_withheld_and_usage_changed(c):
    """Whoever holds the page may withhold a group; what is left cannot come to totals."""
    def cut(data):
        at = next(at for at in payloads(data) if data[at] & 1)
        length = int.from_bytes(data[at + 17:at + 20], "big")
        data[at] &= ~1
        del data[at + 1:at + 20 + length]
    c.change("payload", cut)
    a_figure_of_usage_is_made_smaller(c)


# What is done, and what the page has to say of it.
WAYS = {
    a_figure_of_usage_is_made_smaller: "The report says run_seconds \"3600\"",
    a_machine_is_left_out: "The entries come to a row of machine",
    a_gap_is_left_out: "coverage of h3, or a gap in it, is not what the entries come to",
    a_name_in_an_entry_is_changed: "its identity group is not what the entry committed to",
    the_time_of_an_entry_is_changed: "its entries do not hash to the root that the checkpoint signed",
    the_last_entry_is_cut_off: "entries, and its checkpoint is over",
    two_entries_change_places: "entries are missing, doubled or out of order",
    the_logs_signature_is_changed: "the log's signature of the checkpoint does not verify",
    the_tpms_signature_is_changed: "the TPM's signature does not verify",
    the_quote_is_of_another_text: "the TPM's quote is over something else than this checkpoint",
    the_report_rests_on_another_root: "the report rests on another size or root than the checkpoint says",
    another_rule_pack_is_named: "The report's id is not that of its period, ledgers, packs and files",
    a_stretch_of_the_timeline_is_shortened: "The timeline draws another time than the entries come to: .* on h1",
    the_timeline_says_that_it_is_not_exact: "The timeline begins or ends a stretch where the entries do not: .* on h1",
    a_stretch_reaches_over_a_longer_hole_than_is_told: "The timeline closes a gap that is longer than it says: .* on h1",
    a_curve_is_cut_lower: "The curve of .* is another",
    a_curve_is_said_to_be_inexact: "is not drawn exactly, with no more changes than a page draws",
    a_curve_is_missing: "The page draws no curve of",
    rows_of_machines_are_changed_and_said_to_be_left_out: "The page has rows of machines, and says that they are left out",
    fewer_machines_are_said_to_be_left_out_than_there_are: "The page says that it leaves out",
    lines_of_charges_are_said_to_be_left_out: "The page has lines of charges, and says that they are left out",
    sums_stand_beside_the_lines_of_charges: "The page has lines of charges, and sums that stand for them",
    the_report_is_made_younger: "not of the time of the newest entry",
    a_number_rests_on_the_entry_of_another_machine: "which speaks of another machine",
    the_key_is_of_another_name: "its key is of another name",
}


def vkey(name, key):
    number = hashlib.sha256(name.encode() + b"\n\x01" + key).digest()[:4]
    return f"{name}+{number.hex()}+{text(struct.pack('B', 1) + key)}"
