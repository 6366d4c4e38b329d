#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A VM's run time in a report against QEMU's own events.

usage: compare_truth.py REPORT.json UUID TRUTH [LIMIT-SECONDS]
The truth (qmp_events.py): a run is from RESUME to SHUTDOWN, paused time and all.
Exits 1 where they differ by more than the limit (0.1 s), or where the second
socket came too late to have seen the beginning.
"""
import json
import sys
from decimal import Decimal


def truth_of(path: str) -> Decimal:
    begin, total = None, Decimal(0)
    with open(path, encoding="utf-8") as f:
        lines = [line.split() for line in f]
    if lines[0] != ["status", "prelaunch"]:
        sys.exit(f"compare_truth: QEMU was already {lines[0][1:]} when the witness came")
    for when, event in lines[1:]:
        if event == "RESUME" and begin is None:
            begin = Decimal(when)
        elif event == "SHUTDOWN" and begin is not None:
            total += Decimal(when) - begin
            begin = None
    if begin is not None:
        sys.exit("compare_truth: the guest did not shut down")
    return total


def main() -> None:
    report, uuid, truth_path = sys.argv[1:4]
    limit = Decimal(sys.argv[4] if len(sys.argv) > 4 else "0.1")
    with open(report, encoding="utf-8") as f:
        rows = [row for row in json.load(f)["vms"] if row["vm"] == uuid]
    metered = sum((Decimal(row["run_seconds"]) for row in rows), Decimal(0))
    truth = truth_of(truth_path)
    difference = abs(metered - truth)
    print(f"   report: {metered} s   QEMU: {truth} s   difference: {difference} s")
    if difference > limit:
        with open(truth_path, encoding="utf-8") as f:
            print(f.read(), "".join(f"   {row['first']} to {row['last']}\n" for row in rows))
    if not rows or truth == 0 or difference > limit:
        sys.exit(f"compare_truth: they differ by more than {limit} s")


if __name__ == "__main__":
    main()
