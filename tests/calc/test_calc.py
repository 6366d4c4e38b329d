#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The second calculator against cases worked by hand, and against the public licence cases that concern time."""

import contextlib
import datetime
import io
import json
import os
import sys
import tempfile
import unittest

import compare
from calc import Ledgers
from compare import check_sums
from counts import peak_of
from events import read_files
from histories import History
from instants import NS, Malformed, find_zone, format_stamp, parse_period, parse_stamp, seconds_text, six_decimals

V = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
W = "0d9f3c56-33a1-4d0c-8d2b-1a2b3c4d5e6f"
WIN = "http://microsoft.com/win/2k22"
DEB = "http://debian.org/debian/12"


def at(text):
    """`10:00`, `2T10:00:00.5`: an instant of March 2026."""
    day, _, clock = text.rpartition("T")
    clock += ":00" if clock.count(":") == 1 else ""
    return f"2026-03-{int(day or 1):02}T{clock}Z"


def line(when, host, event, vm=None, **keys):
    data = {"time": at(when), "host": host, "event": event}
    if vm:
        data["vm"] = vm
    return data | {key.rstrip("_"): value for key, value in keys.items()}


def facts(host, when="00:00", **keys):
    return line(when, host, "host", cores_per_socket=[8, 8], **keys)


def read(*files):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, lines in enumerate(files):
            paths.append(os.path.join(folder, f"{number}.jsonl"))
            with open(paths[-1], "w", encoding="utf-8") as file:
                file.writelines((text if isinstance(text, str) else json.dumps(text)) + "\n" for text in lines)
        return Ledgers(read_files(paths))


def report(lines, begin="2026-03-01", end="2026-03-02", zone="UTC"):
    zone, ledgers = find_zone(zone), read(lines)
    return ledgers.report(parse_period(begin, zone), parse_period(end, zone)) | {"findings": ledgers.findings()}


def usage(made, scope="fleet", name="fleet", product=WIN, edition=""):
    rows = [row for row in made["usage"] if (row["product"], row["edition"], row["scope"], row["id"]) ==
            (product, edition, scope, name)]
    return rows[0] if rows else None


class Runs(unittest.TestCase):
    def run_of(self, *lines, **keys):
        return usage(report([facts("a"), facts("b"), *lines, line("23:00", "a", "heartbeat"),
                             line("23:00", "b", "heartbeat")], **keys))

    def test_a_run_is_counted_from_start_to_stop(self):
        row = self.run_of(line("10:00", "a", "start", V, vcpus=4, os=WIN), line("12:00", "a", "stop", V, cause="shutdown"))
        self.assertEqual(("7200", "28800", 1, at("10:00"), "7200", "0.083333"), tuple(
            row[key] for key in ("run_seconds", "vcpu_seconds", "peak", "peak_at", "peak_seconds", "average")))

    def test_pauses_count_and_suspensions_stand_apart(self):
        row = self.run_of(line("10:00", "a", "start", V, vcpus=2, os=WIN, paused=True), line("11:00", "a", "resume", V),
                          line("12:00", "a", "suspend", V, cause="pmsuspended"), line("14:00", "a", "suspend", V),
                          line("15:00:00.25", "a", "stop", V, cause="crashed"))
        self.assertEqual({"running": "3600", "paused": "7200.25", "suspended": "7200", "saved": "0", "crashed": "0"},
                         row["states"])
        self.assertEqual(("10800.25", "21600.5", 1, "10800.25"), (row["run_seconds"], row["vcpu_seconds"], row["peak"],
                                                                 row["peak_seconds"]))

    def test_an_open_run_ends_at_the_last_event_of_its_host_or_the_end_of_the_report(self):
        lines = [facts("a"), line("10:00", "a", "start", V, vcpus=1, os=WIN), line("11:00", "a", "heartbeat"),
                 facts("b"), line("20:00", "b", "heartbeat")]
        self.assertEqual("3600", usage(report(lines))["run_seconds"])
        self.assertEqual("1800", usage(report(lines, end="2026-03-01T10:30:00Z"))["run_seconds"])

    def test_a_second_start_ends_the_old_run_at_the_previous_event_of_the_host(self):
        lines = [facts("a"), line("10:00", "a", "start", V, vcpus=1, os=WIN), line("11:00", "a", "heartbeat"),
                 line("12:00", "a", "start", V, vcpus=1, os=WIN), line("13:00", "a", "stop", V, cause="shutdown")]
        made = report(lines)
        self.assertEqual("7200", usage(made)["run_seconds"])
        self.assertEqual({"a": 1}, made["findings"]["missed-stop"])

    def test_a_baseline_continues_a_run_and_changes_only_what_it_gives(self):
        lines = [facts("a"), line("10:00", "a", "start", V, vcpus=1, os=WIN, tenant="acme", paused=True),
                 line("12:00", "a", "start", V, vcpus=3, baseline=True, tenant="globex"),
                 line("13:00", "a", "stop", V, cause="shutdown")]
        made = report(lines)
        self.assertEqual(("10800", "18000"), (usage(made)["run_seconds"], usage(made)["vcpu_seconds"]))
        self.assertEqual("10800", usage(made)["states"]["paused"])
        self.assertEqual(("7200", "3600"), tuple(usage(made, "tenant", name)["run_seconds"] for name in ("acme", "globex")))

    def test_another_boot_ends_the_runs_at_the_event_before_it(self):
        lines = [facts("a", boot="1"), line("10:00", "a", "start", V, vcpus=1, os=WIN), line("10:30", "a", "heartbeat"),
                 facts("a", "12:00", boot="2"), line("13:00", "a", "heartbeat")]
        self.assertEqual("1800", usage(report(lines))["run_seconds"])
        lines[3] = facts("a", "12:00", boot="1")
        self.assertEqual("10800", usage(report(lines))["run_seconds"])
        lines[0] = facts("a")
        self.assertEqual("10800", usage(report(lines))["run_seconds"])

    def test_a_failed_or_retired_host_ends_its_runs(self):
        for kind in ("host-failed", "host-retired"):
            row = self.run_of(line("10:00", "a", "start", V, vcpus=1, os=WIN), line("11:00", "a", kind))
            self.assertEqual("3600", row["run_seconds"])

    def test_a_stop_with_not_before_counts_to_it(self):
        row = self.run_of(line("10:00", "a", "start", V, vcpus=1, os=WIN),
                          line("12:00", "a", "stop", V, cause="vanished", not_before=at("11:59:59.5")))
        self.assertEqual("7199.5", row["run_seconds"])

    def test_a_saved_vm_is_counted_by_its_holder_until_the_next_start_anywhere(self):
        lines = [facts("a"), facts("b"), line("10:00", "a", "start", V, vcpus=1, os=WIN),
                 line("11:00", "a", "stop", V, cause="saved"), line("14:00", "b", "start", V, vcpus=1, os=WIN),
                 line("15:00", "b", "stop", V, cause="saved"), line("16:00", "b", "heartbeat")]
        made = report(lines)
        self.assertEqual(("10800", "3600"), (usage(made, "host", "a")["states"]["saved"],
                                             usage(made, "host", "a")["run_seconds"]))
        self.assertEqual("32400", usage(made, "host", "b")["states"]["saved"])

    def test_a_standby_counts_nowhere(self):
        row = self.run_of(line("10:00", "a", "start", V, vcpus=1, os=WIN), line("11:00", "a", "role", V, role="standby"),
                          line("14:00", "a", "role", V, role="primary"), line("15:00", "a", "stop", V, cause="shutdown"))
        self.assertEqual(("7200", "7200", "0"), (row["run_seconds"], row["states"]["running"], row["states"]["paused"]))

    def test_one_uuid_on_two_hosts_counts_twice(self):
        made = report([facts("a"), facts("b"), line("10:00", "a", "start", V, vcpus=1, os=WIN),
                       line("11:00", "b", "start", V, vcpus=1, os=WIN), line("12:00", "a", "stop", V, cause="shutdown"),
                       line("12:00", "b", "stop", V, cause="shutdown")])
        self.assertEqual(("10800", 2, "3600"), tuple(usage(made)[k] for k in ("run_seconds", "peak", "peak_seconds")))
        self.assertEqual({"": 1}, made["findings"]["uuid-conflict"])

    def test_one_saved_state_begins_one_machine(self):
        def made(*stops):
            return report([facts("a"), facts("b"), line("10:00", "a", "start", V, vcpus=1, cause="boot"),
                           line("11:00", "a", "stop", V, cause="saved"), line("12:00", "b", "start", V, vcpus=1, cause="restore"),
                           *stops, line("14:00", "a", "start", V, vcpus=1, cause="restore"), line("15:00", "a", "heartbeat")])
        for how in ("saved", "failed"):
            self.assertNotIn("clone", made(line("13:00", "b", "stop", V, cause=how))["findings"])
        self.assertEqual({"a": 1}, made(line("13:00", "b", "stop", V, cause="shutdown"))["findings"]["clone"])
        self.assertEqual({"a": 1}, made()["findings"]["clone"])

    def test_unknown_run_time_grows_by_its_share_and_by_itself(self):
        def made(*lines):
            return report([facts("a"), *lines, line("23:00", "a", "heartbeat")])["growth"]
        known, unknown = line("00:00", "a", "start", V, vcpus=1, os=WIN), "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c99"
        self.assertIsNone(made(known))
        self.assertEqual("0 s (0.00 % of the run time) before 2026-03-01T12:00:00Z, 7200 s (15.38 %) from then on", made(
            known, line("12:00", "a", "start", unknown, vcpus=1), line("14:00", "a", "stop", unknown, cause="shutdown")))
        self.assertIsNone(made(known, line("10:00", "a", "start", unknown, vcpus=1), line("14:00", "a", "stop", unknown, cause="shutdown")))
        self.assertIsNone(made(line("12:00", "a", "start", unknown, vcpus=1)))

    def test_a_second_file_continues_the_host(self):
        first = [facts("a"), line("10:00", "a", "start", V, vcpus=1, os=WIN)]
        second = [line("12:00", "a", "start", V, vcpus=2, baseline=True), line("13:00", "a", "stop", V, cause="shutdown")]
        made = read(first, second).report(parse_stamp(at("00:00")), parse_stamp(at("2T00:00")))
        self.assertEqual(("10800", "14400"), (usage(made)["run_seconds"], usage(made)["vcpu_seconds"]))
        with self.assertRaises(Malformed):
            read(second, first)


class Migrations(unittest.TestCase):
    def made(self, *middle):
        lines = [facts("a"), facts("b"), line("10:00", "a", "start", V, vcpus=1, os=WIN, edition="standard", tenant="acme"),
                 *middle, line("12:00", "b", "stop", V, cause="shutdown"), line("23:00", "a", "heartbeat")]
        return report(lines)

    def row(self, made, *scope):
        return usage(made, *(scope or ("fleet", "fleet")), edition="standard")

    def test_a_joined_overlap_counts_once(self):
        made = self.made(line("11:00", "b", "migrate-in", V, vcpus=1, peer="a"), line("11:01", "a", "migrate-out", V, peer="b"))
        self.assertEqual(("7200", 1), (self.row(made)["run_seconds"], self.row(made)["peak"]))
        self.assertEqual("3600", self.row(made, "host", "a")["run_seconds"])
        self.assertNotIn("left-estate", made["findings"])
        self.assertNotIn("uuid-conflict", made["findings"])

    def test_downtime_is_no_run_time_and_claims_are_inherited(self):
        made = self.made(line("11:00", "a", "migrate-out", V), line("11:00:01", "b", "migrate-in", V, vcpus=1, peer=None))
        self.assertEqual("7199", self.row(made)["run_seconds"])
        self.assertEqual("7199", self.row(made, "tenant", "acme")["run_seconds"])
        self.assertEqual(["a", "b"], made["vms"][0]["hosts"])

    def test_sixty_seconds_and_a_nanosecond_do_not_join(self):
        made = self.made(line("11:00", "b", "migrate-in", V, vcpus=1), line("11:01:00.000000001", "a", "migrate-out", V))
        self.assertEqual(("7260.000000001", 2), (self.row(made)["run_seconds"], self.row(made)["peak"]))
        self.assertEqual(({"a": 1}, {"b": 1}), (made["findings"]["left-estate"], made["findings"]["entered-estate"]))

    def test_peers_that_disagree_do_not_join(self):
        made = self.made(line("11:00", "b", "migrate-in", V, vcpus=1, peer="c"), line("11:01", "a", "migrate-out", V, peer="b"))
        self.assertEqual("7260", self.row(made)["run_seconds"])

    def test_the_nearest_pair_joins(self):
        lines = [facts("a"), facts("b"), facts("c"), line("10:00", "a", "start", V, vcpus=1, os=WIN),
                 line("10:00", "c", "start", V, vcpus=1, os=WIN), line("11:00", "b", "migrate-in", V, vcpus=1, os=WIN),
                 line("11:00:10", "c", "migrate-out", V), line("11:00:30", "a", "migrate-out", V),
                 line("12:00", "b", "stop", V, cause="shutdown")]
        made = report(lines)
        self.assertEqual(("3600", "3630"), tuple(usage(made, "host", h)["run_seconds"] for h in ("c", "a")))


class Claims(unittest.TestCase):
    def rows(self, *lines):
        made = report([facts("a"), facts("b"), *lines, line("23:00", "a", "heartbeat")])
        return [(row["product"], row["edition"], row["run_seconds"], row["tenant"]) for row in made["vms"]], made

    def test_an_os_names_its_edition_and_an_edition_stands_alone(self):
        rows, _ = self.rows(line("10:00", "a", "start", V, vcpus=1, os=WIN, edition="standard"),
                            line("11:00", "a", "os", V, edition="datacenter"), line("12:00", "a", "os", V, os=DEB),
                            line("13:00", "a", "stop", V, cause="shutdown"))
        self.assertEqual([(DEB, "", "3600", ""), (WIN, "datacenter", "3600", ""), (WIN, "standard", "3600", "")], rows)

    def test_a_correction_holds_for_its_span_and_the_earlier_claim_shows_again(self):
        rows, _ = self.rows(line("10:00", "a", "start", V, vcpus=1, os=WIN),
                            line("20:00", "b", "os", V, os=DEB, from_=at("11:00"), to=at("12:00")),
                            line("20:00", "a", "stop", V, cause="shutdown"))
        self.assertEqual([(DEB, "", "3600", ""), (WIN, "", "3600", ""), (WIN, "", "28800", "")], rows)

    def test_of_two_corrections_the_later_recorded_wins_and_a_later_start_wins_over_both(self):
        rows, _ = self.rows(line("10:00", "a", "start", V, vcpus=1, os=WIN, tenant="acme"),
                            line("11:00", "a", "tag", V, tenant="x", from_=at("09:00")),
                            line("12:00", "a", "tag", V, tenant="y", from_=at("10:00"), to=at("16:00")),
                            line("13:00", "a", "stop", V, cause="shutdown"),
                            line("14:00", "a", "start", V, vcpus=1, os=WIN), line("15:00", "a", "stop", V, cause="shutdown"),
                            line("17:00", "a", "start", V, vcpus=1, os=DEB), line("18:00", "a", "stop", V, cause="shutdown"),
                            line("19:00", "a", "start", V, vcpus=1, os=WIN, tenant="z"),
                            line("20:00", "a", "stop", V, cause="shutdown"))
        self.assertEqual([(DEB, "", "3600", "x"), (WIN, "", "14400", "y"), (WIN, "", "3600", "z")], rows)

    def test_a_start_without_claims_is_unclassified_though_it_ran_classified_before(self):
        rows, _ = self.rows(line("10:00", "a", "start", V, vcpus=1, os=WIN), line("11:00", "a", "stop", V, cause="shutdown"),
                            line("12:00", "a", "start", V, vcpus=1), line("13:00", "a", "stop", V, cause="shutdown"))
        self.assertEqual([(WIN, "", "3600", ""), ("unclassified", "", "3600", "")], rows)

    def test_runs_with_one_product_share_a_row_over_a_stop(self):
        _, made = self.rows(line("10:00", "a", "start", V, vcpus=1, os=WIN, name="old", evidence="agent", software=["b"]),
                            line("10:30", "a", "software", V, add=["a"], remove=["b"]),
                            line("11:00", "a", "stop", V, cause="shutdown"),
                            line("12:00", "a", "start", V, vcpus=1, os=WIN, name="new"),
                            line("13:00", "a", "stop", V, cause="shutdown"))
        (row,) = made["vms"]
        self.assertEqual({"vm": V, "name": "new", "tenant": "", "cost_center": "", "product": WIN, "edition": "",
                          "software": ["a", "b"], "evidence": "none", "run_seconds": "7200", "vcpu_seconds": "7200",
                          "hosts": ["a"], "first": at("10:00"), "last": at("13:00")}, row)

    def test_a_tag_on_one_of_two_copies_leaves_the_other(self):
        _, made = self.rows(line("10:00", "a", "start", V, vcpus=1, os=WIN, tenant="acme"),
                            line("10:00", "b", "start", V, vcpus=1, os=WIN, tenant="acme"),
                            line("11:00", "b", "tag", V, tenant="x"), line("12:00", "a", "stop", V, cause="shutdown"),
                            line("12:00", "b", "stop", V, cause="shutdown"))
        self.assertEqual(("10800", "3600"), tuple(usage(made, "tenant", t)["run_seconds"] for t in ("acme", "x")))


class Periods(unittest.TestCase):
    def test_host_facts_apply_by_time(self):
        made = report([line("09:00", "a", "start", V, vcpus=1, os=WIN), facts("a", "10:00", cluster="c1", region="eu"),
                       facts("a", "12:00", region="us"), line("15:00", "a", "stop", V, cause="shutdown")])
        self.assertEqual(("14400", "7200"), tuple(usage(made, "cluster", c)["run_seconds"] for c in ("", "c1")))
        self.assertEqual(("3600", "7200", "10800"), tuple(usage(made, "region", r)["run_seconds"] for r in ("", "eu", "us")))

    def test_coverage_is_powered_less_the_union_of_the_gaps(self):
        made = report([facts("a", "10:00"), line("12:00", "a", "gap", from_=at("09:00"), to=at("11:00"), reason="x"),
                       line("13:00", "a", "gap", from_=at("10:30"), to=at("11:30")), line("13:00", "a", "heartbeat")])
        self.assertEqual([{"host": "a", "powered_seconds": "10800", "metered_seconds": "5400", "unattested_seconds": "5400",
                           "gaps": [{"from": at("10:00"), "to": at("11:00"), "reason": "x"},
                                    {"from": at("10:30"), "to": at("11:30"), "reason": ""}], "coverage": "0.500000"}],
                         made["coverage"])
        made = report([facts("a", "10:00")])
        self.assertEqual((None, "0"), (made["coverage"][0]["coverage"], made["coverage"][0]["powered_seconds"]))

    def test_a_row_without_time_in_the_period_is_left_out(self):
        lines = [facts("a"), line("10:00", "a", "start", V, vcpus=1, os=WIN), line("11:00", "a", "stop", V, cause="shutdown")]
        made = report(lines, "2026-03-02", "2026-03-03")
        self.assertEqual(([], []), (made["usage"], made["vms"]))

    def test_suspended_time_alone_gives_a_usage_row_without_peak(self):
        made = report([facts("a"), line("10:00", "a", "start", V, vcpus=1, os=WIN),
                       line("11:00", "a", "suspend", V, cause="pmsuspended"), line("14:00", "a", "stop", V, cause="shutdown")],
                      "2026-03-01T12:00:00Z", "2026-03-01T16:00:00Z")
        row = usage(made)
        self.assertEqual((0, None, "0", "0", "0.000000", "7200"), tuple(
            row[k] for k in ("peak", "peak_at", "peak_seconds", "run_seconds", "average")) + (row["states"]["suspended"],))
        self.assertEqual([], made["vms"])

    def test_period_texts(self):
        berlin = find_zone("Europe/Berlin")
        self.assertEqual("2026-02-28T23:00:00Z", format_stamp(parse_period("2026-03", berlin)))
        self.assertEqual("2026-03-29T22:00:00Z", format_stamp(parse_period("2026-03-30", berlin)))
        self.assertEqual("2026-03-01T10:00:00.000000001Z",
                         format_stamp(parse_period("2026-03-01T12:00:00.000000001+02:00", berlin)))
        # Midnight does not exist there on that day: the clock goes from 23:59:59 to 01:00.
        self.assertEqual("2018-11-04T03:00:00Z", format_stamp(parse_period("2018-11-04", find_zone("America/Sao_Paulo"))))
        for bad in ("2026-3", "2026-02-30", "2026-03-01T24:00:00Z", "2026-03-01T00:00:60Z", "2026-03-01t00:00:00Z"):
            with self.assertRaises(Malformed):
                parse_period(bad, berlin)

    def test_decimals(self):
        self.assertEqual(["0", "0.125", "5400", "1.000000001"], [seconds_text(n) for n in (0, NS // 8, 5400 * NS, NS + 1)])
        self.assertEqual(["0.000001", "0.000000", "1.625000"], [six_decimals(*pair) for pair in ((1, 2_000_000),
                                                                                               (1, 2_000_001), (13, 8))])


class Histories(unittest.TestCase):
    def test_random_histories_are_valid_and_their_scopes_add_up(self):
        for seed in range(6):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "h.jsonl")
                with open(path, "w", encoding="utf-8") as file:
                    file.writelines(text + "\n" for text in History(seed, 400).make())
                made = Ledgers(read_files([path])).report(parse_stamp("2026-01-20T00:00:00Z"),
                                                          parse_stamp("2026-03-01T00:00:00Z"))
            self.assertTrue(made["usage"] and made["vms"])
            self.assertEqual([], check_sums(made))

    def test_the_same_options_give_the_same_bytes(self):
        self.assertEqual(list(History(7, 300).make()), list(History(7, 300).make()))
        self.assertEqual(5000, len(list(History(7, 5000, profile="bench").make())))

    def test_sums_that_do_not_add_up_are_seen(self):
        made = report([facts("a"), line("10:00", "a", "start", V, vcpus=1, os=WIN),
                       line("11:00", "a", "stop", V, cause="shutdown")])
        self.assertEqual([], check_sums(made))
        usage(made, "host", "a")["run_seconds"] = "3599.999999999"
        self.assertEqual(1, len(check_sums(made)))


STAND_IN = """#!{python}
# A `tally` for the comparison's own test: the calculator itself, with one figure spoilt on demand.
import json, os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, {here!r})
from calc import Ledgers
from events import read_files
from instants import find_zone, parse_period
if sys.argv[1] == "record":
    os.makedirs(sys.argv[2], exist_ok=True)
    for line in open(sys.argv[4], encoding="utf-8"):
        with open(os.path.join(sys.argv[2], json.loads(line)["host"]), "a", encoding="utf-8") as file:
            file.write(line)
else:
    at = sys.argv.index("--from")
    zone = find_zone(sys.argv[at + 5])
    ledgers = Ledgers(read_files(sys.argv[2:at]))
    made = ledgers.report(parse_period(sys.argv[at + 1], zone), parse_period(sys.argv[at + 3], zone))
    made["findings"] = [{{"kind": kind, "text": ("host " + host + ": " if host else "") + str(number) + " times"}}
                        for kind, hosts in ledgers.findings().items() for host, number in hosts.items()]
    made["findings"] += [{{"kind": "unclassified-growing", "text": made["growth"]}}] if made["growth"] else []
    spoil = {spoil!r}
    if spoil == "figure" and made["usage"]:
        made["usage"][0]["peak"] += 1
    elif spoil == "order":
        made["coverage"].reverse()
    elif spoil == "row":
        made["vms"] = made["vms"][1:]
    elif spoil == "finding":
        made["findings"] = made["findings"][1:]
    elif spoil == "exit":
        sys.exit(3)
    json.dump(made, sys.stdout)
"""


class Compare(unittest.TestCase):
    def compared(self, spoil):
        with tempfile.TemporaryDirectory() as folder:
            tally = os.path.join(folder, "tally")
            with open(tally, "w", encoding="utf-8") as file:
                file.write(STAND_IN.format(python=sys.executable, here=os.path.dirname(os.path.abspath(__file__)), spoil=spoil))
            os.chmod(tally, 0o700)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = compare.main([tally, "--seeds", "3", "--events", "150", "--periods", "1", "--claims", "0",
                                     "--period", "2026-01", "2026-04", "UTC"])
        return code, out.getvalue()

    def test_agreement_passes(self):
        self.assertEqual((0, "3 passed, 0 failed\n"), self.compared(None))

    def test_whatever_differs_is_seen_and_so_is_a_failure(self):
        for spoil, text in (("figure", "peak: expected"), ("row", "tally has no such row"), ("order", "in another order"),
                            ("finding", ", tally counts "), ("exit", "exit 3")):
            code, out = self.compared(spoil)
            self.assertEqual(1, code, spoil)
            self.assertIn(text, out)


class Vectors(unittest.TestCase):
    """The timeline's cases of the public licence vectors; their instants are seconds from an arbitrary midnight."""

    def setUp(self):
        path = os.path.join(os.environ.get("TALLY_VECTORS", ""), "licensing.json")
        if not os.path.isfile(path):
            self.skipTest("licensing.json is not there: TALLY_VECTORS names no folder with the public vectors")
        with open(path, encoding="utf-8") as file:
            self.cases = json.load(file)

    def of(self, rule):
        found = [case for case in self.cases if case["rule"] == rule]
        self.assertTrue(found, rule)
        return found

    @staticmethod
    def history(intervals):
        """(begin, end, vcpus) in seconds, one VM each, on one host."""
        events = []
        for number, (begin, end, vcpus) in enumerate(intervals):
            vm = f"00000000-0000-4000-8000-{number:012}"
            events.append((begin, 1, {"event": "start", "vm": vm, "vcpus": vcpus, "os": WIN}))
            events.append((end, 0, {"event": "stop", "vm": vm, "cause": "shutdown"}))
        events.sort(key=lambda event: event[:2])
        base = parse_stamp(at("00:00"))
        return [facts("a")] + [{"time": format_stamp(base + when * NS), "host": "a"} | data for when, _, data in events]

    def test_high_water_mark(self):
        for case in self.of("HWM"):
            spans = [(i, i + 1) for i, number in enumerate(case["input"]["series"]) for _ in range(number)]
            self.assertEqual(case["expect"], peak_of(spans)[0], case["id"])

    def test_high_water_mark_of_intervals(self):
        for case in self.of("HWM_INTERVALS"):
            made = report(self.history([(begin, end, 1) for begin, end in case["input"]["iv"]]))
            self.assertEqual(case["expect"], usage(made)["peak"], case["id"])

    def test_average_of_a_day(self):
        for case in self.of("AVG_CONCURRENT_DAY"):
            row = usage(report(self.history([(begin, end, 1) for begin, end in case["input"]["iv"]])))
            self.assertEqual((f"{case['expect']:.6f}", 3), (row["average"], row["peak"]), case["id"])

    def test_vcpu_hours(self):
        for case in self.of("VCPU_HOURS"):
            segments = case["input"]["seg"]
            lines = self.history([(segments[0][0], segments[-1][1], segments[0][2])])
            base = parse_stamp(at("00:00"))
            lines[2:2] = [{"time": format_stamp(base + begin * NS), "host": "a", "event": "config", "vm": lines[1]["vm"],
                           "vcpus": vcpus} for begin, _, vcpus in segments[1:]]
            self.assertEqual(f"{case['expect'] * 3600}", usage(report(lines))["vcpu_seconds"], case["id"])

    def test_run_seconds_over_a_change_of_the_clock(self):
        for case in self.of("RUN_SECONDS"):
            zone = find_zone(case["input"]["tz"])
            times = []
            for key in ("start", "end"):
                local = datetime.datetime.fromisoformat(case["input"][key].split()[0]).replace(tzinfo=zone)
                times.append(local.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))
            lines = [{"time": times[0], "host": "a", "event": "start", "vm": V, "vcpus": 1, "os": WIN},
                     {"time": times[1], "host": "a", "event": "stop", "vm": V, "cause": "shutdown"}]
            made = report(lines, "2026-10", "2026-11", case["input"]["tz"])
            self.assertEqual(f"{case['expect']}", usage(made)["run_seconds"], case["id"])

    def test_hours_of_a_month(self):
        for case in self.of("MONTH_HOURS"):
            zone = find_zone(case["input"]["tz"])
            year, month = (int(part) for part in case["input"]["month"].split("-"))
            after = f"{year + month // 12}-{month % 12 + 1:02}"
            length = parse_period(after, zone) - parse_period(case["input"]["month"], zone)
            self.assertEqual(round(case["expect"] * 3600) * NS, length, case["id"])


if __name__ == "__main__":
    unittest.main()
