#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Missing and damaged files of the software TPM, and of the log's key: a clear error
that names the file; the ledger keeps what it has and can be read.

    tpmstate.py TALLY [--helper TALLYD-TPM]
"""

import json
import os
import random
import shutil
import subprocess

from scenario import History, Suite, arguments, check, main, write_events

PERIOD = ("--from", "2026-01-01", "--to", "2026-07-01")
FILES = ("tpm/state", "tpm/state.prev", "tpm/ak", "tpm/state.key", "keys/log.key")


def make(suite):
    history = History("h1", 7)
    suite.estate, suite.h1 = suite.scratch / "estate", suite.scratch / "estate/h1"
    for part in range(2):
        suite.must("record", suite.estate, "--from", write_events(suite.scratch / f"{part}.jsonl", history.take(30)))
    suite.next = write_events(suite.scratch / "next.jsonl", history.take(10))
    suite.log = suite.must("log", suite.h1, "--json").out
    suite.report = suite.must("report", suite.h1, *PERIOD, "--format", "json", "-o", "-").out
    suite.must("record", suite.scratch / "other", "--from",
               write_events(suite.scratch / "other.jsonl", History("h1", 8).take(5)))


class Damaged:
    """A copy of the estate in which one file is damaged."""

    def __init__(self, suite, name, how, data):
        self.top = suite.scratch / "damaged"
        self.path, self.data = self.top / "h1" / name, data
        self.source = suite.estate

    def __enter__(self):
        shutil.copytree(self.source, self.top)
        if self.data is None:
            self.path.unlink()
        else:
            self.path.write_bytes(self.data)
        return self.top

    def __exit__(self, *_):
        shutil.rmtree(self.top)


def damages(suite, name):
    data = (suite.h1 / name).read_bytes()
    rng = random.Random(name)
    yield "missing", None
    yield "empty", b""
    yield "cut by a byte", data[:-1]
    yield "cut in half", data[:len(data) // 2]
    yield "longer by a byte", data + b"\0"
    yield "of zeros", bytes(len(data))
    yield "of another ledger", (suite.scratch / "other/h1" / name).read_bytes()
    for _ in range(12):
        bit = rng.randrange(8 * len(data))
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield f"flipped in byte {bit // 8} bit {bit % 8}", bytes(changed)


def nothing_lost(suite, ledger):
    check(suite.must("log", ledger, "--json", "--to", str(suite.log.count(b"\n"))).out == suite.log, "the log is another")
    check(suite.must("report", ledger, *PERIOD, "--format", "json", "-o", "-").out == suite.report, "the report is another")
    suite.must("status", ledger, "--json")
    out = suite.scratch / "out"
    suite.must("export", ledger, "--to", out)
    suite.must("verify", out, "--anchor", suite.h1 / "keys/log.vkey")
    shutil.rmtree(out)


def clear(suite, result, name):
    check(result.code in (1, 3), f"exit {result.code}: {result}")
    lines = result.error.splitlines()
    check(len(lines) == 1 and lines[0].startswith("tally: "), f"not one line: {result.error!r}")
    check(os.path.basename(name) in lines[0], f"{name} is not named: {lines[0]}")


def body(suite):
    make(suite)
    with suite.case("the estate is well before"):
        nothing_lost(suite, suite.h1)
    for name in FILES:
        # Only `state` is read; `state.prev` is for the operator's hands.
        spare = name == "tpm/state.prev"
        for how, data in damages(suite, name):
            if name == "keys/log.key" and how == "cut by a byte":
                continue  # the newline at its end
            with suite.case(f"{name} {how}: " + ("the TPM does not need it" if spare else "a clear error, nothing lost")), \
                    Damaged(suite, name, how, data) as top:
                nothing_lost(suite, top / "h1")
                result = suite.run("record", top, "--from", suite.next)
                if spare:
                    check(result.code == 0, str(result))
                    continue
                clear(suite, result, name)
                nothing_lost(suite, top / "h1")
                # The file put back: all goes on.
                shutil.copy2(suite.h1 / name, top / "h1" / name)
                suite.must("record", top, "--from", suite.next)
                suite.must("export", top / "h1", "--to", suite.scratch / "after")
                suite.must("verify", suite.scratch / "after", "--anchor", suite.h1 / "keys/log.vkey")
                shutil.rmtree(suite.scratch / "after")
    with suite.case("without the whole tpm folder: a clear error, nothing lost"), Damaged(suite, "tpm/ak", "", None) as top:
        shutil.rmtree(top / "h1/tpm")
        clear(suite, suite.run("record", top, "--from", suite.next), "tpm")
        nothing_lost(suite, top / "h1")
        check(not (top / "h1/tpm/state").exists(), "a new TPM was made in silence")
    with suite.case("without the keys folder: a clear error, nothing lost"), Damaged(suite, "keys/log.key", "", None) as top:
        shutil.rmtree(top / "h1/keys")
        clear(suite, suite.run("record", top, "--from", suite.next), "keys")
        nothing_lost(suite, top / "h1")
    for helper, why in ((suite.scratch / "none", "is not there"), (suite.scratch / "dumb", "ends at once"),
                        (suite.scratch / "mad", "answers nonsense")):
        with suite.case(f"a TPM helper that {why}: a clear error, nothing lost"):
            for name, what in (("dumb", "exit 1"), ("mad", "exec head -c 4096 /dev/zero >&0")):
                (suite.scratch / name).write_text(f"#!/bin/sh\n{what}\n")
                (suite.scratch / name).chmod(0o755)
            before = suite.env.get("TALLY_TPM_HELPER")
            suite.env["TALLY_TPM_HELPER"] = str(helper)
            shutil.copytree(suite.estate, suite.scratch / "copy")
            result = suite.run("record", suite.scratch / "copy", "--from", suite.next, timeout=60)
            if before is None:
                del suite.env["TALLY_TPM_HELPER"]
            else:
                suite.env["TALLY_TPM_HELPER"] = before
            check(result.code == 3 and len(result.error.splitlines()) == 1, str(result))
            nothing_lost(suite, suite.scratch / "copy/h1")
            suite.must("record", suite.scratch / "copy", "--from", suite.next)
            shutil.rmtree(suite.scratch / "copy")
    with suite.case("from the state before, the evidence goes on and holds, even where a session's begin is what is lost"), \
            Damaged(suite, "tpm/state.prev", "", (suite.h1 / "tpm/state").read_bytes()) as top:
        before = (suite.h1 / "tpm/state").read_bytes()
        suite.must("record", top, "--from", suite.next)
        (top / "h1/tpm/state").write_bytes(b"TALLYTPM")
        (top / "h1/tpm/state.prev").write_bytes(before)
        helper = [suite.env.get("TALLY_TPM_HELPER", "tallyd-tpm"), "--state", str(top / "h1/tpm"), "--restore"]
        done = subprocess.run(helper, capture_output=True, text=True, timeout=60)
        check(done.returncode == 0 and "an unclean stop" in done.stderr, str(done))
        again = subprocess.run(helper, capture_output=True, text=True, timeout=60)
        check(again.returncode == 2 and "nothing is restored" in again.stderr, str(again))
        claims = suite.scratch / "claims.csv"
        claims.write_text("vm,tenant,reason\n11111111-2222-3333-4444-555555555555,acme,known\n")
        suite.must("map", top / "h1", "--from", claims, "--unknown-ok")
        suite.must("export", top / "h1", "--to", suite.scratch / "restored")
        told = suite.must("verify", suite.scratch / "restored", "--anchor", suite.h1 / "keys/log.vkey").text
        check("unclean stops: 1" in told, told)
    with suite.case("an older state put back shows: rows, quotes and resets still agree, or it is refused"), \
            Damaged(suite, "tpm/state", "", (suite.h1 / "tpm/state.prev").read_bytes()) as top:
        result = suite.run("record", top, "--from", suite.next)
        check(result.code in (0, 1, 3), str(result))
        nothing_lost(suite, top / "h1") if result.code else None
        suite.must("export", top / "h1", "--to", suite.scratch / "back")
        answer = suite.run("verify", suite.scratch / "back", "--anchor", suite.h1 / "keys/log.vkey", "--json")
        check(answer.code in (0, 1) and json.loads(answer.text), str(answer))


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
