#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, one that is read-only, and a database with flipped bytes: a
clear error, nothing acknowledged is lost, and no wrong result in silence.

    disk.py TALLY [--helper TALLYD-TPM] [--damages 120]
"""

import json
import os
import random
import shutil
import subprocess

from scenario import SANITIZER, History, Suite, arguments, check, main, write_events

PERIOD = ("--from", "2026-01-01", "--to", "2026-07-01")
MEBI = 1 << 20
EVENTS = 30000


def small(suite, name, kind, mebi):
    """A small file system of its own, or None."""
    where = suite.scratch / name
    if kind == "tmpfs":
        return where if suite.mount(where, "-t", "tmpfs", "-o", f"size={mebi}m", "tmpfs") else None
    image = suite.scratch / f"{name}.img"
    with open(image, "wb") as file:
        file.truncate(mebi * MEBI)
    made = shutil.which("mkfs.ext4", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not made or subprocess.run([made, "-q", "-F", "-m", "0", image], capture_output=True, check=False).returncode != 0:
        return None
    return where if suite.mount(where, "-o", "loop", image) else None


def fill(path, leave):
    """Takes what is free but for `leave` bytes."""
    free = os.statvfs(path.parent)
    size = free.f_bavail * free.f_frsize - leave
    with open(path, "wb") as file:
        while size > 0:
            try:
                size -= file.write(bytes(min(size, 65536)))
            except OSError:
                break


def events_of(suite, ledger):
    """What was recorded, without the instant of the append."""
    found = []
    for line in suite.must("log", ledger, "--json").text.splitlines():
        entry = json.loads(line)
        found.append((entry["kind"], json.dumps({k: v for k, v in entry.items() if isinstance(v, dict)}, sort_keys=True)))
    return found


def full(suite, kind, leave):
    name = f"{kind}, {leave >> 10} KiB left"
    where = small(suite, f"{kind}{leave}", kind, 48)
    if where is None:
        suite.skip(f"a full disk ({name})", "a small file system cannot be mounted here (root and mount are needed)")
        return
    estate, ledger = where / "estate", where / "estate/h1"
    history = History("h1", 9)
    first = write_events(suite.scratch / "first.jsonl", history.take(50))
    suite.must("record", estate, "--from", first)
    second = write_events(suite.scratch / "second.jsonl", history.take(EVENTS))
    pin = (suite.scratch / f"{kind}.pin")
    pin.write_bytes((ledger / "keys/log.vkey").read_bytes())
    before = events_of(suite, ledger)
    fill(where / "ballast", leave)

    with suite.case(f"full disk ({name}): record says so, exit 3"):
        result = suite.refused("record", estate, "--from", second, code=3, names=["No space left"])
        result = suite.refused("record", estate, "--from", second, code=3, names=["No space left"])
        check("h1" in result.error, result.error)
    with suite.case(f"full disk ({name}): everything that was acknowledged is there"):
        after = events_of(suite, ledger)
        check(after[:len(before)] == before, "the first import is not whole")
    with suite.case(f"full disk ({name}): status and report work"):
        suite.must("status", ledger, "--json")
        suite.must("report", ledger, *PERIOD, "--format", "json", "-o", "-")
    with suite.case(f"full disk ({name}): an export made elsewhere holds"):
        suite.must("export", ledger, "--to", suite.scratch / "elsewhere")
        suite.must("verify", suite.scratch / "elsewhere", "--anchor", pin)
        shutil.rmtree(suite.scratch / "elsewhere")
    with suite.case(f"full disk ({name}): checkpoint either works or says so"):
        if suite.run("checkpoint", ledger).code != 0:
            suite.refused("checkpoint", ledger, code=3, names=["No space left"])
    with suite.case(f"full disk ({name}): init says so, and leaves nothing that is half a ledger"):
        fill(where / "more", 0)
        suite.refused("init", where / "new", code=3, names=["No space left"])
        (where / "more").unlink()
        (where / "ballast").unlink()
        suite.must("init", where / "new")
        fill(where / "ballast", leave)
    with suite.case(f"full disk ({name}): an export onto it says so, exit 3"):
        fill(where / "more", 0)
        suite.refused("export", ledger, "--to", where / "out", code=3, names=["No space left"])
        (where / "more").unlink()
    with suite.case(f"full disk ({name}): a report onto it says so and leaves no half of it"):
        fill(where / "more", 0)
        result = suite.run("report", ledger, *PERIOD, "--format", "json", "-o", where / "report.json")
        check(result.code in (0, 3), str(result))
        check(result.code == 0 or not (where / "report.json").exists(), "there is half a report")
        (where / "more").unlink()
    with suite.case(f"full disk ({name}): when there is space again, the repeat goes on and is whole"):
        (where / "ballast").unlink()
        suite.must("record", estate, "--from", second)
        kinds = [kind for kind, _ in events_of(suite, ledger)]
        check(kinds.count("import") == 2, f"{kinds.count('import')} imports")
        lines = [json.loads(line) for line in suite.must("log", ledger, "--json").text.splitlines()]
        check(sum(bool(line.get("imported")) for line in lines if line["kind"] != "import") == EVENTS + 50, "not all events")
        suite.must("export", ledger, "--to", suite.scratch / "after")
        suite.must("verify", suite.scratch / "after", "--anchor", pin)
        shutil.rmtree(suite.scratch / "after")
    suite.unmount(where)


def read_only(suite):
    where = small(suite, "readonly", "ext4", 24)
    if where is None:
        suite.skip("a read-only disk", "a small file system cannot be mounted here (root and mount are needed)")
        return
    history = History("h1", 10)
    suite.must("record", where / "estate", "--from", write_events(suite.scratch / "ro.jsonl", history.take(300)))
    more = write_events(suite.scratch / "ro2.jsonl", history.take(10))
    ledger = where / "estate/h1"
    commands = {"log": ("--json",), "status": ("--json",), "prove": ("7",), "report": (*PERIOD, "--format", "json", "-o", "-")}
    usual = {name: suite.must(name, ledger, *rest).out for name, rest in commands.items()}
    (ledger / "lock.mdb").unlink()
    subprocess.run(["mount", "-o", "remount,ro", os.fspath(where)], check=True)
    for name, rest in commands.items():
        with suite.case(f"on a read-only disk, without lock.mdb, {name} says what it always says"):
            check(suite.must(name, ledger, *rest).out == usual[name], "it says something else")
    with suite.case("on a read-only disk export works, and the export holds"):
        suite.must("export", ledger, "--to", suite.scratch / "ro.export")
        suite.must("verify", suite.scratch / "ro.export", "--anchor", ledger / "keys/log.vkey")
    for name, where_to, rest in (("record", where / "estate", ("--from", more)), ("checkpoint", ledger, ()),
                                 ("init", where / "new", ()), ("export", ledger, ("--to", where / "out"))):
        with suite.case(f"on a read-only disk {name} says so, exit 3"):
            suite.refused(name, where_to, *rest, code=3, names=["Read-only file system"])
    suite.unmount(where)


def damaged(suite, count):
    """Flipped bytes in data.mdb: each command is right, or says that the ledger is damaged."""
    history = History("h1", 11)
    estate = suite.scratch / "whole"
    for part in range(3):
        suite.must("record", estate, "--from", write_events(suite.scratch / f"whole{part}.jsonl", history.take(150)))
    next_file = write_events(suite.scratch / "whole.next.jsonl", history.take(20))
    pin = estate / "h1/keys/log.vkey"
    top = suite.scratch / "damaged"
    shutil.copytree(estate, top)
    ledger, data = top / "h1", (estate / "h1/data.mdb").read_bytes()
    commands = {"log": ("--json",), "report": (*PERIOD, "--format", "json", "-o", "-"), "prove": ("100",), "status": ("--json",)}
    usual = {name: suite.must(name, ledger, *rest).out for name, rest in commands.items()}

    def once(what, changed):
        """Texts of what went wrong."""
        wrong, outcome = [], set()
        for name, rest in {**commands, "export": ("--to", suite.scratch / "d.export"), "record": ("--from", next_file)}.items():
            (ledger / "data.mdb").write_bytes(changed)
            done = subprocess.run([suite.tally, name, top if name == "record" else ledger, *rest], stdin=subprocess.DEVNULL,
                                  capture_output=True, env=suite.env, timeout=120, check=False)
            error = done.stderr.decode("utf-8", "replace")
            if done.returncode < 0 or done.returncode == 99 or any(mark in error for mark in SANITIZER):
                wrong.append(f"{what}: {name}: ends by a signal, {done.returncode}: {error[:300]}")
            elif done.returncode == 0:
                outcome.add("right")
                if name in usual and done.stdout != usual[name]:
                    wrong.append(f"{what}: {name}: exit 0 with another result")
                if name in ("export", "record"):
                    if name == "record":
                        subprocess.run([suite.tally, "export", ledger, "--to", suite.scratch / "d.export"], env=suite.env,
                                       capture_output=True, check=False)
                    checked = subprocess.run([suite.tally, "verify", suite.scratch / "d.export", "--anchor", pin], env=suite.env,
                                             capture_output=True, check=False)
                    # What a quote says is for the verifier to judge: damage of it is found there.
                    judged = checked.returncode == 1 and (b"private/notes" in checked.stdout or b"private/evidence" in checked.stdout)
                    if checked.returncode != 0 and name == "export" and not judged:
                        wrong.append(f"{what}: {name}: exit 0, but verify says {checked.stdout[:300]}{checked.stderr[:300]}")
            elif done.returncode not in (1, 3) or not error.startswith(f"tally: {name}: ") or error.count("\n") != 1:
                wrong.append(f"{what}: {name}: exit {done.returncode}: {error[:300]}")
            else:
                outcome.add("refused")
            shutil.rmtree(suite.scratch / "d.export", ignore_errors=True)
        return wrong, outcome

    rng = random.Random(12)
    wrong, refused = [], 0
    for _ in range(count):
        # Half of the damage where the pages' headers and pointers are.
        at = rng.randrange(len(data) // 4096) * 4096 + rng.randrange(64) if rng.random() < 0.5 else rng.randrange(len(data))
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        found, outcome = once(f"byte {at}", changed)
        wrong += found
        refused += "refused" in outcome
    suite.note(not wrong, f"{count} flipped bits of data.mdb: right, or a clear error, never a signal ({refused} refused)",
               f"{len(wrong)} wrong: " + "; ".join(wrong[:6]))
    for what, changed in (("empty", b""), ("cut to a page", data[:4096]), ("cut by a page", data[:-4096]), ("cut in half", data[:len(data) // 2]),
                          ("cut inside a page", data[:-1000]), ("of zeros", bytes(len(data))),
                          ("with its second half of zeros", data[:len(data) // 2] + bytes(len(data) - len(data) // 2)),
                          ("random behind the heads", data[:8192] + rng.randbytes(len(data) - 8192))):
        found, outcome = once(what, changed)
        suite.note(not found, f"data.mdb {what}: right, or a clear error, never a signal", "; ".join(found[:4]))


def body(suite):
    full(suite, "ext4", 300 << 10)
    full(suite, "tmpfs", 1200 << 10)
    full(suite, "tmpfs", 0)
    read_only(suite)
    damaged(suite, suite.options.damages)


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("--damages", type=int, default=120)
    given = parser.parse_args()
    made = Suite(given.tally, given.helper)
    made.options = given
    main(made, body)
