#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tally record` is killed at random moments and repeated until it completes: the
ledgers then hold what an undisturbed run holds, and verify holds.

    kills.py TALLY [--helper TALLYD-TPM] [--kills 100] [--seed 1]
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time

from scenario import History, Suite, Wrong, arguments, check, main, write_events

PERIOD = ("--from", "2026-01-01", "--to", "2026-07-01")
HOSTS = ("h1", "h2", "h3")
# What belongs to the append, the ledger's own keys, or the session, not to what was recorded.
OWN = {"index", "wall", "uptime", "boot", "seed", "salts", "record", "commitments"}
CONTENT_KINDS = {"ledger-begin", "session-statement"}


def content(suite, ledger):
    """The recorded entries in their order, without instants of the append, salts and indices."""
    found = []
    for line in suite.must("log", ledger, "--json").text.splitlines():
        entry = json.loads(line)
        if entry["kind"] not in CONTENT_KINDS:
            found.append({key: value for key, value in entry.items() if key not in OWN})
    return found


def figures(suite, estate):
    """A report, but for what names the ledgers' own keys and sizes."""
    report = json.loads(suite.must("report", *(estate / host for host in HOSTS), *PERIOD, "--format", "json", "-o", "-").text)
    return {key: report[key] for key in ("usage", "vms", "coverage")}


def helpers_of(pid):
    """Processes whose parent is this one."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(name))
            except (OSError, ValueError, IndexError):
                pass
    return found


def left_over(suite):
    """TPM helpers of this test that nobody parents any more."""
    mark = f"TALLY_SCENARIO={suite.scratch}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if mark in file.read().split(b"\0"):
                        found.append(int(name))
            except OSError:
                pass
    return found


class Killed:
    """One run of record, killed after `delay` seconds unless it is faster."""

    def __init__(self, suite, estate, events, delay, helper_only=False):
        with subprocess.Popen([suite.tally, "record", estate, "--from", events], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, env=suite.env) as child:
            try:
                child.wait(delay)
            except subprocess.TimeoutExpired:
                if helper_only:
                    for pid in helpers_of(child.pid):
                        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                            os.kill(pid, signal.SIGKILL)
                else:
                    child.kill()
            _, error = child.communicate(timeout=120)
        self.code, self.error = child.returncode, error.decode("utf-8", "replace")


def acknowledged(suite, estate):
    """How many entries each ledger shows to a reader; 0 where it is not there yet."""
    sizes = {}
    for host in HOSTS:
        result = suite.run("status", estate / host, "--json") if (estate / host / "data.mdb").exists() else None
        sizes[host] = json.loads(result.text)["size"] if result and result.code == 0 else 0
    return sizes


def trial(suite, number, moments, whole, helper_only=False):
    estate = suite.scratch / "killed"
    shutil.rmtree(estate, ignore_errors=True)
    sizes = dict.fromkeys(HOSTS, 0)
    for moment in moments:
        run = Killed(suite, estate, suite.events, moment, helper_only)
        if helper_only:
            check(run.code in (0, 2, 3), f"exit {run.code}: {run.error}")
            check(run.code == 0 or run.error.startswith("tally: record: "), run.error)
        else:
            check(run.code in (0, 2, -signal.SIGKILL), f"exit {run.code} after {moment:.3f} s: {run.error}")
        now = acknowledged(suite, estate)
        check(all(now[host] >= sizes[host] for host in HOSTS), f"{sizes} became {now}")
        sizes = now
        suite.ended[run.code] = suite.ended.get(run.code, 0) + 1
    last = suite.run("record", estate, "--from", suite.events)
    # Where the last moment came behind the end, the file is in already, and that is said.
    check(last.code == 0 or last.code == 2 and "imported before" in last.error, f"{last}")
    for host in HOSTS:
        check(content(suite, estate / host) == whole[host], f"{host} holds something else")
    check(figures(suite, estate) == whole["figures"], "the report is another")
    for host in HOSTS:
        out = suite.scratch / "killed.export"
        shutil.rmtree(out, ignore_errors=True)
        suite.must("export", estate / host, "--to", out)
        suite.must("verify", out, "--anchor", estate / host / "keys/log.vkey")


def body(suite):
    options = suite.options
    suite.env["TALLY_SCENARIO"] = str(suite.scratch)
    suite.ended = {}
    rng = random.Random(options.seed)
    histories = [History(host, 20) for host in HOSTS]
    events = sorted((e for history in histories for e in history.take(options.events)), key=lambda e: e["time"])
    suite.events = write_events(suite.scratch / "events.jsonl", events)
    estate = suite.scratch / "whole"
    begin = time.monotonic()
    suite.must("record", estate, "--from", suite.events)
    span = time.monotonic() - begin
    whole = {host: content(suite, estate / host) for host in HOSTS}
    whole["figures"] = figures(suite, estate)
    check(all(len(whole[host]) == options.events + 1 for host in HOSTS), "not one import and all events a host")
    print(f"   {len(events)} events of {len(HOSTS)} hosts in {span:.2f} s undisturbed", flush=True)
    wrong = []
    for number in range(options.kills):
        moments = [rng.uniform(0, 1.05 * span) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        try:
            trial(suite, number, moments, whole)
        except Wrong as why:
            wrong.append(f"trial {number}, killed after {', '.join(f'{m:.4f}' for m in moments)} s: {why}")
    suite.note(not wrong, f"record killed in {options.kills} trials ({suite.ended}) ends as an undisturbed one",
               f"{len(wrong)} do not: " + "; ".join(wrong[:5]))
    wrong, suite.ended = [], {}
    for number in range(options.kills // 5):
        moments = [rng.uniform(0, span) for _ in range(2)]
        try:
            trial(suite, number, moments, whole, helper_only=True)
        except Wrong as why:
            wrong.append(f"trial {number}, after {', '.join(f'{m:.4f}' for m in moments)} s: {why}")
    suite.note(not wrong, f"record whose TPM helper is killed in {options.kills // 5} trials ({suite.ended}) ends as an undisturbed one",
               f"{len(wrong)} do not: " + "; ".join(wrong[:5]))
    with suite.case("no TPM helper outlives the record that started it"):
        deadline = time.monotonic() + 10
        while left_over(suite) and time.monotonic() < deadline:
            time.sleep(0.1)
        check(not left_over(suite), f"{left_over(suite)}")


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--events", type=int, default=3000, help="for each of the three hosts")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    made = Suite(given.tally, given.helper)
    made.options = given
    main(made, body)
