#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The second report calculator.

Reads recorded events and prints what a report must say of them: usage, vms and
coverage in the report's shape; and, for a period that holds all events, how often
a kind of finding must be raised.
Written from the pages alone and for plainness, so that an agreement with the
first calculator means something.
"""

import argparse
import json
import sys

from claims import Register
from counts import Counts
from events import read_files
from findings import count_findings, growth
from instants import Malformed, find_zone, format_stamp, parse_period
from runs import Estate


class Ledgers:
    """Recorded events, read and taken apart once; any number of periods can be asked."""

    def __init__(self, hosts):
        self.estate = Estate(hosts)
        self.register = Register(self.estate)

    def report(self, begin, end):
        if begin >= end:
            raise Malformed("the period is empty")
        counts = Counts(self.estate, self.register, begin, end)
        return {"from": format_stamp(begin), "to": format_stamp(end), "usage": counts.usage(), "vms": counts.vms(),
                "coverage": counts.coverage(), "growth": growth(counts)}

    def findings(self):
        times = [event.time for event in self.estate.events]
        return count_findings(self.estate, Counts(self.estate, self.register, min(times), max(times) + 1))


def main(arguments):
    parser = argparse.ArgumentParser(description="Usage, VMs and coverage of recorded events.")
    parser.add_argument("--from", dest="begin", required=True, metavar="T", help="RFC 3339, a date or a month")
    parser.add_argument("--to", dest="end", required=True, metavar="T")
    parser.add_argument("--tz", default="UTC", metavar="ZONE")
    parser.add_argument("files", nargs="+", metavar="EVENTS.jsonl")
    options = parser.parse_args(arguments)
    try:
        zone = find_zone(options.tz)
        begin, end = parse_period(options.begin, zone), parse_period(options.end, zone)
        ledgers = Ledgers(read_files(options.files))
        report = ledgers.report(begin, end) | {"findings": ledgers.findings()}
    except Malformed as error:
        print(f"calc: {error}", file=sys.stderr)
        return 2
    json.dump(report, sys.stdout, indent=2, sort_keys=True, ensure_ascii=False)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
