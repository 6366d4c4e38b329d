#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Paths that are not what they should be, and ledgers that somebody holds: a clear
error, the exit code of the contract, and nothing changed.

    paths.py TALLY [--helper TALLYD-TPM]
"""

import json
import os
import shutil
import socket
import subprocess
import sys

from scenario import History, Suite, arguments, check, main, write_events

PERIOD = ("--from", "2026-01-01", "--to", "2026-07-01")


def tree(top):
    """Every file's bytes: what must not change. LMDB's table of readers is no content."""
    return {p.relative_to(top): p.read_bytes() for p in sorted(top.rglob("*"))
            if p.is_file() and p.name != "lock.mdb"}


def make(suite):
    suite.estate = suite.scratch / "estate"
    suite.h1 = suite.estate / "h1"
    history = History("h1", 3)
    suite.events = write_events(suite.scratch / "one.jsonl", history.take(60))
    suite.more = write_events(suite.scratch / "two.jsonl", history.take(30))
    suite.must("record", suite.estate, "--from", suite.events)
    suite.export = suite.scratch / "h1.export"
    suite.must("export", suite.h1, "--to", suite.export)
    suite.proof = suite.scratch / "entry.proof"
    suite.proof.write_bytes(suite.must("prove", suite.h1, "3").out)
    suite.pin = suite.h1 / "keys/log.vkey"


def verify_paths(suite):
    scratch = suite.scratch
    files = {"empty": b"", "text": b"hello\n", "binary": bytes(range(256)) * 16, "png": b"\x89PNG\r\n\x1a\n" + bytes(64),
             "tar": b"h1/" + bytes(1021), "events": suite.events.read_bytes(), "array": b"[1,2,3]\n",
             "sqlite": b"SQLite format 3\0" + bytes(4096), "mdb": (suite.h1 / "data.mdb").read_bytes(),
             "long": b"x" * (1 << 20)}
    for name, data in files.items():
        path = scratch / f"foreign.{name}"
        path.write_bytes(data)
        with suite.case(f"verify of a foreign file ({name}) is wrong use, exit 2"):
            suite.refused("verify", path, code=2, names=[path])
    for name, data in (("object", b"{}\n"), ("other", b'{"report":1}\n'), ("torn", b'{"report": {"from": "20')):
        path = scratch / f"foreign.{name}"
        path.write_bytes(data)
        with suite.case(f"verify of JSON that is no report ({name}) is refused, exit 1 or 2"):
            result = suite.run("verify", path)
            check(result.code in (1, 2) and str(path) in result.error + result.text, str(result))
    empty = scratch / "empty.folder"
    empty.mkdir()
    with suite.case("verify of an empty folder is exit 2"):
        suite.refused("verify", empty, code=2, names=[empty])
    with suite.case("verify of a folder of other things is exit 2"):
        (empty / "README").write_text("hello")
        suite.refused("verify", empty, code=2, names=[empty])
    with suite.case("verify of a ledger is exit 2, and says that it wants an export"):
        error = suite.refused("verify", suite.h1, code=2, names=[suite.h1]).error
        check("ledger" in error and "export" in error, error)
    with suite.case("verify of a folder of ledgers is exit 2"):
        suite.refused("verify", suite.estate, code=2, names=[suite.estate])
    with suite.case("verify of a path that is not there is exit 3"):
        suite.refused("verify", scratch / "none", code=3, names=[scratch / "none"])
    with suite.case("verify of a path through a file is exit 3"):
        suite.refused("verify", suite.events / "x", code=3, names=[suite.events / "x"])
    with suite.case("verify of a device is exit 2"):
        suite.refused("verify", "/dev/null", code=2, names=["/dev/null"])
    with suite.case("verify of a pipe is exit 2 and does not wait"):
        os.mkfifo(scratch / "pipe")
        suite.refused("verify", scratch / "pipe", code=2, names=[scratch / "pipe"], timeout=10)
    with suite.case("verify of a symbolic link that leads nowhere is exit 3"):
        os.symlink("nowhere", scratch / "dangling")
        suite.refused("verify", scratch / "dangling", code=3, names=[scratch / "dangling"])
    with suite.case("verify of a symbolic link that leads to itself is exit 3"):
        os.symlink("loop", scratch / "loop")
        suite.refused("verify", scratch / "loop", code=3, names=[scratch / "loop"])
    with suite.case("verify without a path is exit 2"):
        suite.refused("verify", code=2)
    with suite.case("verify with an unknown option is exit 2"):
        check(suite.run("verify", "--nonsense", suite.export).code == 2, "it is not")
    with suite.case("an export of a newer format is refused, and the format file is named"):
        newer = scratch / "newer"
        shutil.copytree(suite.export, newer)
        (newer / "private/format").write_text("tallystick-export 2\n")
        result = suite.run("verify", newer, "--json")
        check(result.code == 1, str(result))
        check({p["file"] for p in json.loads(result.text)["problems"]} == {str(newer / "private/format")}, result.text)
    with suite.case("a proof of a newer format is refused"):
        path = scratch / "newer.proof"
        path.write_bytes(suite.proof.read_bytes().replace(b"@v1", b"@v2", 1))
        check(suite.run("verify", path).code in (1, 2), "it is not")
    with suite.case("--anchor with a folder of other things is exit 2, with the file and its line"):
        other = scratch / "no anchors"
        other.mkdir()
        (other / "a file").write_text("not a key\n")
        suite.refused("verify", suite.export, "--anchor", other, code=2, names=[f"{other}/a file:1"])


def ledger_paths(suite):
    """What every command does with something that is no ledger."""
    scratch = suite.scratch
    commands = {"log": (), "status": (), "checkpoint": (), "prove": ("0",), "export": ("--to", scratch / "out"),
                "report": (*PERIOD, "-o", scratch / "out.txt")}
    broken = scratch / "broken"
    broken.mkdir()
    (broken / "data.mdb").write_bytes(b"no database" * 1000)
    for name, rest in commands.items():
        with suite.case(f"{name} of a path that is not there is exit 3"):
            suite.refused(name, scratch / "none", *rest, code=3, names=[scratch / "none"])
        with suite.case(f"{name} of a file is refused"):
            code = suite.run(name, suite.events, *rest).code
            suite.refused(name, suite.events, *rest, code=code, names=[suite.events])
            check(code in (2, 3), f"exit {code}")
        with suite.case(f"{name} of an empty folder is refused"):
            code = suite.run(name, scratch / "empty.folder", *rest).code
            suite.refused(name, scratch / "empty.folder", *rest, code=code, names=[scratch / "empty.folder"])
            check(code in (2, 3), f"exit {code}")
        with suite.case(f"{name} of a foreign data.mdb is refused"):
            code = suite.run(name, broken, *rest).code
            suite.refused(name, broken, *rest, code=code, names=[broken])
            check(code in (1, 2, 3), f"exit {code}")
        with suite.case(f"{name} without its ledger is exit 2"):
            suite.refused(name, *rest, code=2)
    check(not (scratch / "out").exists() and not (scratch / "out.txt").exists(), "a refused command left something")
    with suite.case("no command has made anything in what is no ledger"):
        check(sorted(p.name for p in (scratch / "empty.folder").iterdir()) == ["README"], "it has")
        check(sorted(p.name for p in broken.iterdir()) [0] == "data.mdb" and
              {p.name for p in broken.iterdir()} <= {"data.mdb", "lock", "lock.mdb"}, "it has")


def targets(suite):
    scratch = suite.scratch
    with suite.case("init where a ledger is refuses, and changes nothing"):
        before = tree(suite.h1)
        suite.refused("init", suite.h1, code=2, names=[suite.h1])
        check(tree(suite.h1) == before, "it has changed something")
    with suite.case("init where a file is refuses"):
        result = suite.run("init", suite.events)
        check(result.code in (2, 3) and str(suite.events) in result.error, str(result))
    with suite.case("init makes the folders above the ledger"):
        suite.must("init", scratch / "made/above/ledger")
    for transport, where in (("device:/dev/tpm0", 8), ("swtpm:host=127.0.0.1", 21), ("nonsense", 1),
                             ("swtpm:host=a b,port=1", 13)):
        with suite.case(f"init --tpm {transport} is exit 2 with the place, and makes nothing"):
            suite.refused("init", scratch / "other", "--tpm", transport, code=2, names=[f"character {where}:"])
            check(not (scratch / "other").exists(), "there is a ledger")
    for origin in ("", "a b", "a+b", "a\nb", "a\u2003b"):
        with suite.case(f"init --origin {origin!r} is exit 2, and makes nothing"):
            suite.refused("init", scratch / "other", "--origin", origin, code=2)
            check(not (scratch / "other").exists(), "there is a ledger")
    with suite.case("export into a folder that holds something refuses, and changes nothing"):
        before = tree(suite.export)
        suite.refused("export", suite.h1, "--to", suite.export, code=2, names=[suite.export])
        check(tree(suite.export) == before, "it has changed something")
    with suite.case("export onto a file refuses"):
        before = suite.events.read_bytes()
        result = suite.run("export", suite.h1, "--to", suite.events)
        check(result.code in (2, 3) and suite.events.read_bytes() == before, str(result))
    with suite.case("export makes the folders above its own"):
        suite.must("export", suite.h1, "--to", scratch / "to/be/made")
        suite.must("verify", scratch / "to/be/made", "--anchor", suite.pin)
    with suite.case("export into an empty folder works"):
        (scratch / "empty.target").mkdir()
        suite.must("export", suite.h1, "--to", scratch / "empty.target")
        suite.must("verify", scratch / "empty.target", "--anchor", suite.pin)
    with suite.case("report onto a folder is refused"):
        result = suite.run("report", suite.h1, *PERIOD, "-o", scratch)
        check(result.code in (2, 3) and str(scratch) in result.error, str(result))
    with suite.case("report below a folder that is not there is exit 3"):
        suite.refused("report", suite.h1, *PERIOD, "-o", scratch / "no/report", code=3, names=["no"])
    for command in (("report", suite.h1, *PERIOD, "-o", "-"), ("report", suite.h1, *PERIOD, "-o", "/dev/full"),
                    ("log", suite.h1), ("log", suite.h1, "--json"), ("status", suite.h1), ("prove", suite.h1, "1"),
                    ("verify", suite.export), ("--help",), ("--version",)):
        with suite.case(f"{command[0]} onto a full device says so, exit 3"), open("/dev/full", "wb") as full:
            result = suite.run(*command, stdout=full)
            check(result.code == 3, str(result))
            check(command[0].startswith("--") or "No space left" in result.error, result.error)
    for period in (("2026-02", "2026-01"), ("2026-01", "2026-01"), ("nonsense", "2026-01"), ("2026-13", "2027-01"),
                   ("2026-02-30", "2026-03"), ("", "2026"), ("2026-01-01T00:00:00", "2026-02")):
        with suite.case(f"report of the period {period} is exit 2"):
            suite.refused("report", suite.h1, "--from", period[0], "--to", period[1], "-o", "-", code=2)
    for zone in ("Europe/Nowhere", "../../etc/passwd", "/etc/localtime", "", "Europe"):
        with suite.case(f"report in the zone {zone!r} is exit 2"):
            suite.refused("report", suite.h1, *PERIOD, "--tz", zone, "-o", "-", code=2)
    with suite.case("report of a ledger and its own export is exit 2: one host's name twice"):
        suite.refused("report", suite.h1, suite.export, *PERIOD, "-o", "-", code=2)
    for index in ("61234", "-1", "x", "18446744073709551616", "1.5", ""):
        with suite.case(f"prove of the index {index!r} is exit 2"):
            suite.refused("prove", "--", suite.h1, index, code=2)
    with suite.case("a command that there is not is exit 2"):
        check(suite.run("nonsense\x1b[31m").code == 2, "it is not")
    with suite.case("hostile characters in a path are escaped in the error"):
        suite.refused("log", scratch / "a\x1b[31m\nb\u202ec", code=3)
        suite.refused("record", scratch / "f", "--from", scratch / "a\x1b[31m\nb\u202ec", code=3)
        suite.refused("verify", scratch / "a\x1b[31m\nb\u202ec", code=3)


def record_paths(suite):
    scratch = suite.scratch
    with suite.case("record of a file that is not there is exit 3"):
        suite.refused("record", suite.estate, "--from", scratch / "none", code=3, names=[scratch / "none"])
    with suite.case("record of a folder is refused"):
        result = suite.run("record", suite.estate, "--from", scratch)
        check(result.code in (2, 3) and str(scratch) in result.error, str(result))
    with suite.case("record of a pipe is refused and does not wait"):
        result = suite.run("record", suite.estate, "--from", scratch / "pipe", timeout=10)
        check(result.code in (2, 3) and "pipe" in result.error, str(result))
    with suite.case("record from - is exit 2"):
        suite.refused("record", suite.estate, "--from", "-", code=2)
    with suite.case("record into a file is refused, and nothing is written"):
        before = suite.events.read_bytes()
        result = suite.run("record", suite.events, "--from", suite.more)
        check(result.code in (2, 3) and suite.events.read_bytes() == before, str(result))
    with suite.case("record where a file stands in the place of a host's ledger is refused"):
        (scratch / "blocked").mkdir()
        (scratch / "blocked/h1").write_text("hello")
        result = suite.run("record", scratch / "blocked", "--from", suite.events)
        check(result.code in (1, 2, 3) and "blocked/h1" in result.error, str(result))
        check((scratch / "blocked/h1").read_text() == "hello", "the file is gone")
    with suite.case("a second import of the same file is refused, and changes nothing"):
        before = tree(suite.h1)
        suite.refused("record", suite.estate, "--from", suite.events, code=2, names=[suite.events])
        check(tree(suite.h1) == before, "it has changed something")
    with suite.case("an import whose times go back behind the last one is refused, and changes nothing"):
        before = tree(suite.h1)
        path = write_events(scratch / "back.jsonl", History("h1", 4).take(5))
        suite.refused("record", suite.estate, "--from", path, code=2, names=[f"{path}:1:"])
        check(tree(suite.h1) == before, "it has changed something")


class Holder:
    """A process that holds a ledger's lock as a writer does."""

    CODE = ("import fcntl, os, sys, time\n"
            "fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)\n"
            "fcntl.flock(fd, fcntl.LOCK_EX)\n"
            "os.ftruncate(fd, 0); os.write(fd, b'%d\\n' % os.getpid())\n"
            "print('held', flush=True); time.sleep(600)\n")

    def __init__(self, ledger):
        self.child = subprocess.Popen([sys.executable, "-c", self.CODE, str(ledger / "lock")], stdout=subprocess.PIPE)
        self.child.stdout.readline()

    def __enter__(self):
        return self.child.pid

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()


def held(suite):
    before = tree(suite.h1)
    with Holder(suite.h1) as pid:
        for name, rest in (("record", ("--from", suite.more)), ("checkpoint", ())):
            where = suite.estate if name == "record" else suite.h1
            with suite.case(f"{name} into a held ledger is exit 3 and names the holder's pid"):
                suite.refused(name, where, *rest, code=3, names=[pid])
        for name, rest in (("log", ()), ("status", ("--json",)), ("prove", ("5",)), ("export", ("--to", suite.scratch / "held")),
                           ("report", (*PERIOD, "-o", "-"))):
            with suite.case(f"{name} needs no lock"):
                suite.must(name, suite.h1, *rest)
        with suite.case("the export of a held ledger holds"):
            suite.must("verify", suite.scratch / "held", "--anchor", suite.pin)
    with suite.case("the refused have changed nothing"):
        after = tree(suite.h1)
        del before["lock" if "lock" in before else next(p for p in before if p.name == "lock")]
        check({k: v for k, v in after.items() if k.name != "lock"} == before, "they have")
    with suite.case("when the holder is gone, its lock file holds nobody up"):
        suite.must("record", suite.estate, "--from", suite.more)
    with suite.case("a control socket that nobody answers is a clear error, not a wait"):
        with Holder(suite.h1) as pid, socket.socket(socket.AF_UNIX) as control:
            control.bind(str(suite.h1 / "control"))
            result = suite.run("checkpoint", suite.h1, timeout=60)
            check(result.code == 3 and str(pid) in result.error, str(result))
        (suite.h1 / "control").unlink()
    with suite.case("of two records at once into one ledger one goes through, the other is exit 3 or refused as repeated"):
        events = write_events(suite.scratch / "big.jsonl", History("big", 5).take(30000))
        command = [suite.tally, "record", str(suite.scratch / "race"), "--from", str(events)]
        children = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=suite.env) for _ in range(2)]
        ends = [(*child.communicate(timeout=300), child.returncode) for child in children]
        codes = sorted(code for _, _, code in ends)
        check(codes[0] == 0 and codes[1] in (2, 3), f"{ends}")
        count = json.loads(suite.must("status", suite.scratch / "race/big", "--json").text)["size"]
        check(count >= 30002, f"{count} entries")
        suite.must("export", suite.scratch / "race/big", "--to", suite.scratch / "race.export")
        suite.must("verify", suite.scratch / "race.export", "--anchor", suite.scratch / "race/big/keys/log.vkey")
        imports = suite.must("log", suite.scratch / "race/big", "--kind", "import", "--json").text.splitlines()
        check(len(imports) == 1, f"{len(imports)} imports")


def body(suite):
    make(suite)
    verify_paths(suite)
    ledger_paths(suite)
    targets(suite)
    record_paths(suite)
    held(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
