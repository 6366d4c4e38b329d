#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever is changed in an export, a public mirror, a proof or a report is found,
and the file and the entry that it was done to are named.

    tamper.py TALLY [--helper TALLYD-TPM] [--positions 2000] [--seed 1]
"""

import base64
import hashlib
import json
import os
import random
import shutil

import exportfiles as ef
from scenario import History, Suite, arguments, check, main, write_events

PERIOD = ("--from", "2026-01-01", "--to", "2026-07-01")


def verify(suite, *paths, anchors=("h1", "h2")):
    """(exit code, the JSON answer or None)"""
    options = [part for name in anchors for part in ("--anchor", suite.pins / name)]
    result = suite.run("verify", "--json", *paths, *options)
    try:
        return result, json.loads(result.text)
    except ValueError:
        return result, None


def found(suite, top, name, paths=None, entry=None, also=(), **options):
    """Why the damage to `name` in `top` is not found as it should be, else None."""
    result, answer = verify(suite, *(paths or [top]), **options)
    if result.code != 1:
        return f"exit {result.code}, not 1: {result.text or result.error}"
    if answer is None or answer["holds"] is not False:
        return f"does not say that it does not hold: {result.text or result.error}"
    file = str(top / name) if name else str(top)
    files = {problem["file"] for problem in answer["problems"]}
    right = [problem for problem in answer["problems"] if problem["file"] == file]
    if not right:
        return f"{file} is not named: {answer['problems'][:3]}"
    if files - {file, os.path.dirname(file)} - {str(top / other) for other in also}:
        return f"other files are named, too: {[p for p in answer['problems'] if p['file'] != file][:3]}"
    entries = {problem["entry"] for problem in right if problem.get("entry") is not None}
    # A payload with a wrong length hides those behind it: the first that is named is the one.
    if entry is not None and min(entries, default=None) != entry:
        return f"entry {entry} is not the one that is named: {sorted(entries)[:5]} {right[:2]}"
    return None


def holds(suite, *paths, code=0, **options):
    result, answer = verify(suite, *paths, **options)
    check(result.code == code, f"exit {result.code}, not {code}: {result.text or result.error}")
    check(answer["holds"] is True and answer["anchored"] is (code == 0) and answer["problems"] == [], result.text)
    return answer


class Changed:
    """Other bytes in a file, for the time of a `with`."""

    def __init__(self, path, data):
        self.path, self.data = path, data

    def __enter__(self):
        self.before = self.path.read_bytes()
        with open(self.path, "r+b") as file:
            file.write(self.data)
            file.truncate()

    def __exit__(self, *_):
        with open(self.path, "r+b") as file:
            file.write(self.before)
            file.truncate()


class Copy:
    """A copy of a folder, for the time of a `with`."""

    count = 0

    def __init__(self, suite, top):
        Copy.count += 1
        self.top, self.copy = top, suite.scratch / f"copy{Copy.count}"

    def __enter__(self):
        shutil.copytree(self.top, self.copy, symlinks=True)
        return self.copy

    def __exit__(self, *_):
        shutil.rmtree(self.copy)


def make_ledgers(suite):
    """Two hosts, h1 with more than two full tiles and several notes, and all that is made of them."""
    one, two = History("h1", 1), History("h2", 1)
    ledgers, suite.pins = suite.scratch / "estate", suite.scratch / "pins"
    suite.pins.mkdir()
    for part, (n, m) in enumerate(((260, 40), (200, 30), (90, 0), (70, 25))):
        events = sorted(one.take(n) + two.take(m), key=lambda e: e["time"])
        suite.must("record", ledgers, "--from", write_events(suite.scratch / f"{part}.jsonl", events))
        suite.must("checkpoint", ledgers / "h1")
        if part == 1:
            suite.must("report", ledgers / "h1", ledgers / "h2", *PERIOD, "--format", "json", "-o", suite.scratch / "old.json")
    for host in ("h1", "h2"):
        status = json.loads(suite.must("status", ledgers / host, "--json").text)
        (suite.pins / host).write_text(f"# {host}\n{status['vkey']}\n", encoding="utf-8")
        suite.must("export", ledgers / host, "--to", suite.scratch / f"{host}.export")
        suite.must("export", ledgers / host, "--to", suite.scratch / f"{host}.public", "--public")
    return ledgers


# -- a flipped bit -------------------------------------------------------------

def spread(rng, top, positions):
    """`positions` bits over all files: half of them evenly, half by size; none twice."""
    names = ef.files(top)
    bits = {name: 8 * (top / name).stat().st_size for name in names}
    even = max(3, positions // (2 * len(names)))
    chosen = {name: set(rng.sample(range(bits[name]), min(bits[name], even))) for name in names}
    while sum(map(len, chosen.values())) < min(positions, sum(bits.values())):
        name = rng.choices(names, [bits[n] for n in names])[0]
        chosen[name].add(rng.randrange(bits[name]))
    return chosen


def flip(suite, rng, top, positions, what, paths=None):
    """Every file a case, with every one of its positions."""
    chosen = spread(rng, top, positions)
    # Where a row names another note than the one that stands there, either may be the wrong one.
    pairs = {"private/evidence": ("private/notes",)}
    total = sum(map(len, chosen.values()))
    for name, bits in chosen.items():
        path, wrong = top / name, []
        data = path.read_bytes()
        for bit in sorted(bits):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            with Changed(path, changed):
                why = found(suite, top, name, paths, ef.entry_at(name, data, bit // 8), pairs.get(name, ()))
            if why:
                wrong.append(f"byte {bit // 8} bit {bit % 8}: {why}")
        suite.note(not wrong, f"{what}: each of {len(bits)} flipped bits of {name} is found",
                   f"{len(wrong)} are not; " + "; ".join(wrong[:4]))
    suite.flipped += total
    print(f"   {what}: {total} positions in {len(chosen)} files", flush=True)


def flip_file(suite, rng, path, positions, what, paths, unknown=()):
    """The same for a single file; a flip in `unknown` may make it unrecognisable."""
    data, wrong = path.read_bytes(), []
    for bit in sorted(rng.sample(range(8 * len(data)), min(positions, 8 * len(data)))):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with Changed(path, changed):
            why = found(suite, path, "", paths)
            if why and bit // 8 in unknown and suite.run("verify", *paths).code == 2:
                why = None
        if why:
            wrong.append(f"byte {bit // 8} bit {bit % 8}: {why}")
        suite.flipped += 1
    suite.note(not wrong, f"{what}: each of {positions} flipped bits is found", f"{len(wrong)} are not; " + "; ".join(wrong[:4]))


# -- whole files ---------------------------------------------------------------

def change_files(suite, top, what):
    for name in ef.files(top):
        path = top / name
        data = path.read_bytes()
        for how, changed in (("without its last byte", data[:-1]), ("cut to nothing", b""),
                             ("cut in half", data[:len(data) // 2]), ("with a byte behind", data + b"\0"),
                             ("with a newline behind", data + b"\n"), ("doubled", data + data)):
            with suite.case(f"{what}: {name} {how} is found"), Changed(path, changed):
                why = found(suite, top, name)
                check(not why, why)
        for how, make in (("removed", None), ("a symbolic link", os.symlink), ("a folder", lambda _, p: os.mkdir(p)),
                          ("a pipe", lambda _, p: os.mkfifo(p))):
            with suite.case(f"{what}: {name} {how} is found"), Copy(suite, top) as copy:
                os.rename(copy / name, suite.scratch / "aside")
                if make:
                    make(suite.scratch / "aside", copy / name)
                why = found(suite, copy, name)
                check(not why, why)


def other_ledger(suite, top, other, what):
    """Each file of another ledger's export in the place of ours."""
    theirs = ef.files(other)
    for name in ef.files(top):
        base = name.split(".p/")[0].rsplit("/", 1)[0]
        fit = [t for t in theirs if t == name] or [t for t in theirs if t.split(".p/")[0].rsplit("/", 1)[0] == base]
        data = (other / fit[0]).read_bytes() if fit else b""
        if not data or data == (top / name).read_bytes():
            continue
        with suite.case(f"{what}: {name} of another ledger is found"), Changed(top / name, data):
            # Of checkpoint and vkey either may be the foreign one.
            result, answer = verify(suite, top)
            check(result.code == 1, f"exit {result.code}: {result.text or result.error}")
            right = {str(top / n) for n in (("checkpoint", "vkey") if name in ("checkpoint", "vkey") else (name,))}
            check(right & {p["file"] for p in answer["problems"]}, f"{answer['problems'][:3]}")


def extra_files(suite, top, what, folders):
    for folder in folders:
        for extra in ("README", "000.bak", "999", ".hidden"):
            name = f"{folder}/{extra}"
            with suite.case(f"{what}: {name}, which does not belong there, is found"), Copy(suite, top) as copy:
                (copy / name).write_bytes(b"x")
                why = found(suite, copy, name)
                check(not why, why)
        with suite.case(f"{what}: an extra folder under {folder}/ is found"), Copy(suite, top) as copy:
            (copy / folder / "x000").mkdir()
            check(verify(suite, copy)[0].code == 1, "it is not")
    with suite.case(f"{what}: other names at the top are ignored"), Copy(suite, top) as copy:
        (copy / "index.html").write_bytes(b"hello")
        holds(suite, copy)


def narrower(suite, top, what):
    """A narrower partial tile of a tile that is there must be a prefix of it."""
    for name in [n for n in ef.files(top) if ".p/" in n]:
        data = (top / name).read_bytes()
        stem, width = name.rsplit("/", 1)
        if int(width) < 2:
            continue
        less = int(width) - 1
        if name.startswith("private/payload/"):
            cut = ef.payload_spans(data)[less][0]
        else:
            cut = less * (len(data) // int(width))
        with suite.case(f"{what}: a narrower {name} is no problem"), Copy(suite, top) as copy:
            (copy / stem / str(less)).write_bytes(data[:cut])
            holds(suite, copy)
        with suite.case(f"{what}: a narrower {name} that is no prefix is found"), Copy(suite, top) as copy:
            (copy / stem / str(less)).write_bytes(bytes([data[0] ^ 1]) + data[1:cut])
            why = found(suite, copy, f"{stem}/{less}")
            check(not why, why)
        with suite.case(f"{what}: a wider {name} is found"), Copy(suite, top) as copy:
            (copy / stem / str(int(width) + 1)).write_bytes(data + data[-(len(data) // int(width)):])
            check(verify(suite, copy)[0].code == 1, "it is not")


# -- what only an attacker does ------------------------------------------------

def swaps(suite, top):
    for name in [n for n in ef.files(top) if n.startswith("tile/entries/")]:
        data = (top / name).read_bytes()
        for a, b in ((0, 1), (3, len(data) // ef.ENTRY - 1)):
            spans = [(i * ef.ENTRY, (i + 1) * ef.ENTRY) for i in (a, b)]
            with suite.case(f"entries {a} and {b} of {name} in each other's place are found"), \
                    Changed(top / name, ef.swap(data, *spans)):
                swapped(suite, top, name, {a, b})
    for name in [n for n in ef.files(top) if n.startswith("private/payload/")]:
        data = (top / name).read_bytes()
        spans = ef.payload_spans(data)
        for a, b in ((1, 2), (2, len(spans) - 1)):
            with suite.case(f"payloads {a} and {b} of {name} in each other's place are found"), \
                    Changed(top / name, ef.swap(data, spans[a], spans[b])):
                swapped(suite, top, name, {a, b})
    names = [n for n in ef.files(top) if n.startswith("tile/entries/") and ".p/" not in n]
    if len(names) > 1:
        a, b = ((top / n).read_bytes() for n in names[:2])
        with suite.case("two bundles in each other's place are found"), Changed(top / names[0], b), Changed(top / names[1], a):
            check(verify(suite, top)[0].code == 1, "they are not")


def swapped(suite, top, name, places):
    result, answer = verify(suite, top)
    check(result.code == 1, f"exit {result.code}: {result.text}")
    named = {p["entry"] for p in answer["problems"] if p["file"] == str(top / name)}
    first = 256 * ef.bundle_number(name)
    check(named == {first + place for place in places}, f"named are {sorted(named)}: {answer['problems'][:3]}")
    check({p["file"] for p in answer["problems"]} == {str(top / name)}, f"{answer['problems'][:3]}")


def notes_and_rows(suite, top):
    notes = ef.notes((top / "private/notes").read_bytes())
    rows = ef.rows((top / "private/evidence").read_bytes())
    check(len(notes) >= 5 and len(rows) >= 5, f"{len(notes)} notes and {len(rows)} rows")
    middle = len(notes) // 2

    def changed(text, name, data, also=(), **more):
        with suite.case(text), Changed(top / name, data):
            why = found(suite, top, name, also=also, **more)
            check(not why, why)

    both = ("private/notes", "private/evidence", "checkpoint")
    for what, at in (("first", 0), ("middle", middle), ("last", len(notes) - 1)):
        changed(f"the {what} note removed is found", "private/notes",
                ef.join_notes(notes[:at] + notes[at + 1:]), both)
    for what, at in (("first", 0), ("middle", len(rows) // 2), ("last", len(rows) - 1)):
        changed(f"the {what} row removed is found", "private/evidence", b"".join(rows[:at] + rows[at + 1:]), both)
        changed(f"the {what} row removed and the others numbered anew is found", "private/evidence",
                ef.renumber(rows[:at] + rows[at + 1:]), both)
    changed("two notes in each other's place are found", "private/notes",
            ef.join_notes(notes[:middle] + [notes[middle + 1], notes[middle]] + notes[middle + 2:]), both)
    changed("a note twice is found", "private/notes", ef.join_notes(notes + notes[-1:]), both)
    changed("two rows in each other's place are found", "private/evidence",
            ef.renumber(rows[:2] + [rows[3], rows[2]] + rows[4:]), both)
    changed("a row twice is found", "private/evidence", ef.renumber(rows + rows[-1:]), both)
    for state in (0, 2, 3):
        one = rows[:]
        one[2] = one[2][:1] + bytes([state]) + one[2][2:]
        changed(f"a row whose state is made {state} is found", "private/evidence", b"".join(one), both)

    def strip(note):
        """Without its evidence line."""
        lines = note.split(b"\n")
        return b"\n".join(lines[:5] + [b""])
    for what, at in (("first", 0), ("middle", middle), ("last", len(notes) - 1)):
        changed(f"the {what} note without its evidence line is found", "private/notes",
                ef.join_notes(notes[:at] + [strip(notes[at])] + notes[at + 1:]), both)
    changed("two notes with each other's evidence line are found", "private/notes", ef.join_notes(
        notes[:1] + [strip(notes[1])[:-0 or None] + notes[2].split(b"\n")[5] + b"\n",
                     strip(notes[2])[:-0 or None] + notes[1].split(b"\n")[5] + b"\n"] + notes[3:]), both)

    def without(what, at):
        """A note with its row, renumbered everywhere, as if it had never been."""
        kept = []
        for row in rows:
            sequence = int.from_bytes(row[8:16], "big")
            if sequence != at:
                kept.append(row[:8] + (sequence - (sequence > at)).to_bytes(8, "big") + row[16:])
        with suite.case(f"the {what} note removed with its row is found"), \
                Changed(top / "private/notes", ef.join_notes(notes[:at] + notes[at + 1:])), \
                Changed(top / "private/evidence", ef.renumber(kept)):
            result, answer = verify(suite, top)
            check(result.code == 1, f"exit {result.code}: {result.text}")
            check({p["file"] for p in answer["problems"]} <= {str(top / n) for n in both}, f"{answer['problems'][:3]}")
    # Behind the first note of a session comes a second one, whose row begins where the removed one ended.
    statements = [row[16:24] for row in rows]
    for at in range(len(rows) - 1):
        if statements[at] == statements[at + 1]:
            without("first of a session's", int.from_bytes(rows[at][8:16], "big"))
            break
    without("last", len(notes) - 1)


def vkey(name, key):
    body = b"\x01" + key
    number = hashlib.sha256(name.encode() + b"\n" + body).digest()[:4].hex()
    return f"{name}+{number}+{base64.b64encode(body).decode()}\n"


def anchors(suite, top, ledgers):
    origin = (top / "checkpoint").read_text(encoding="utf-8").split("\n")[0]
    right = (top / "vkey").read_text(encoding="utf-8")
    twin = suite.scratch / "twin"
    suite.must("init", twin, "--origin", origin)
    forged = json.loads(suite.must("status", twin, "--json").text)["vkey"] + "\n"
    check(forged != right, "two ledgers have one key")
    pins = {"twin": forged, "both": forged + right, "torn": right[:-5] + "\n", "empty": "# nothing\n\n",
            "binary": "\x00\x01\x02", "short": vkey(origin, b"\x05" * 31), "h1.crlf": right.replace("\n", "\r\n")}
    for name, text in pins.items():
        (suite.pins / name).write_text(text, encoding="utf-8", newline="")

    with suite.case("with the pinned key it holds and is anchored"):
        check(holds(suite, top, anchors=("h1",))["class"] == "software (libtpms)", "the class is another")
    with suite.case("without an anchor it is consistent, exit 4, self-declared"):
        check(holds(suite, top, code=4, anchors=())["class"] == "self-declared", "the class is another")
    with suite.case("with an anchor of another origin it is consistent, exit 4"):
        holds(suite, top, code=4, anchors=("h2",))
    with suite.case("with an anchor file that pins nothing it is consistent, exit 4"):
        holds(suite, top, code=4, anchors=("empty",))
    with suite.case("with the key of a forger under this origin it does not hold"):
        result, answer = verify(suite, top, anchors=("twin",))
        check(result.code == 1 and "anchor" in {p["check"] for p in answer["problems"]}, result.text or result.error)
    for name in ("torn", "binary", "short"):
        with suite.case(f"an anchor that is malformed ({name}) is wrong use, exit 2"):
            suite.refused("verify", top, "--anchor", suite.pins / name, code=2, names=[suite.pins / name])
    with suite.case("an anchor that is not there is exit 3"):
        suite.refused("verify", top, "--anchor", suite.pins / "none", code=3, names=[suite.pins / "none"])
    with suite.case("a forged vkey file does not hold, pinned or not"), Changed(top / "vkey", forged.encode()):
        why = found(suite, top, "vkey", anchors=("h1",))
        check(not why, why)
        check(verify(suite, top, anchors=())[0].code == 1, "without a pinned key it does")
        # Whoever pins the forger's key is told that the checkpoint is not its.
        why = found(suite, top, "checkpoint", anchors=("twin",))
        check(not why, why)
    with suite.case("a vkey file of another origin does not hold, pinned or not"), \
            Changed(top / "vkey", (suite.scratch / "h2.export/vkey").read_bytes()):
        for pins in (("h1",), ()):
            why = found(suite, top, "vkey", anchors=pins, also=("checkpoint", "private/notes"))
            check(not why, f"{pins}: {why}")
    with suite.case("another ledger's export under this ledger's anchor is exit 4, never 0"):
        holds(suite, suite.scratch / "h2.export", code=4, anchors=("h1",))
    with suite.case("a whole history made again by somebody else under this origin does not hold"):
        suite.must("checkpoint", twin)
        suite.must("export", twin, "--to", suite.scratch / "twin.export")
        holds(suite, suite.scratch / "twin.export", anchors=("twin",))
        result, answer = verify(suite, suite.scratch / "twin.export", anchors=("h1",))
        check(result.code == 1 and "anchor" in {p["check"] for p in answer["problems"]}, result.text or result.error)
    with suite.case("of two exports one that does not hold is enough"), Copy(suite, top) as copy:
        (copy / "private/format").write_bytes(b"tallystick-export 2\n")
        result, answer = verify(suite, suite.scratch / "h2.export", copy)
        check(result.code == 1, f"exit {result.code}")
        check({p["file"] for p in answer["problems"]} == {str(copy / "private/format")}, result.text)
    with suite.case("of two exports both must be anchored"):
        holds(suite, suite.scratch / "h2.export", top, code=4, anchors=("h1",))
    with suite.case("a mirror of the other ledger put under this one's private/ does not hold"), Copy(suite, top) as copy:
        shutil.rmtree(copy / "private")
        shutil.copytree(suite.scratch / "h2.export/private", copy / "private")
        check(verify(suite, copy)[0].code == 1, "it does")


# -- the run of it -------------------------------------------------------------

def proofs(suite, rng, ledgers, size):
    path = suite.scratch / "entry.proof"
    for index in (0, 1, 255, 256, size - 1):
        path.write_bytes(suite.must("prove", ledgers / "h1", str(index)).out)
        with suite.case(f"the proof of entry {index} holds, and only with its anchor"):
            holds(suite, path, anchors=("h1",))
            holds(suite, path, code=4, anchors=("h2",))
            holds(suite, path, code=4, anchors=())
    first = path.read_bytes().index(b"\n")
    path.write_bytes(suite.must("prove", ledgers / "h1", "300").out)
    flip_file(suite, rng, path, 400, "a proof", [path], range(first + 1))
    data = path.read_bytes()
    lines = data.split(b"\n")
    other = suite.must("prove", ledgers / "h1", "301").out.split(b"\n")
    alien = suite.must("prove", ledgers / "h2", "30").out.split(b"\n")
    blank = lines.index(b"")
    changes = {
        "without its last byte": data[:-1], "with a byte behind": data + b"\n", "cut in half": data[:len(data) // 2],
        "without its first hash": b"\n".join(lines[:3] + lines[4:]),
        "with a hash too many": b"\n".join(lines[:3] + [lines[3]] + lines[3:]),
        "with two hashes swapped": b"\n".join(lines[:3] + [lines[4], lines[3]] + lines[5:]),
        "with another index": b"\n".join(lines[:2] + [other[2]] + lines[3:]),
        "with another record": b"\n".join(lines[:1] + [other[1]] + lines[2:]),
        "without its record": b"\n".join(lines[:1] + lines[2:]),
        "with another ledger's checkpoint": b"\n".join(lines[:blank] + alien[alien.index(b""):]),
        "with an index with a leading zero": data.replace(b"index 3", b"index 03"),
    }
    for how, changed in changes.items():
        with suite.case(f"a proof {how} is found"), Changed(path, changed):
            why = found(suite, path, "")
            check(not why, why)


def reports(suite, rng, ledgers):
    paths = [suite.scratch / "h1.export", suite.scratch / "h2.export"]
    report = suite.scratch / "report.json"
    suite.must("report", *paths, *PERIOD, "--format", "json", "-o", report)
    everything = [report, *paths]
    with suite.case("a report with its exports holds"):
        holds(suite, *everything)
    with suite.case("the report of the ledgers is the report of their exports, byte for byte"):
        same = suite.must("report", ledgers / "h1", ledgers / "h2", *PERIOD, "--format", "json", "-o", "-").out
        check(same == report.read_bytes(), "they differ")
    flip_file(suite, rng, report, 400, "a report with its exports", everything, range(1))
    data = report.read_bytes()
    text = json.loads(data)
    check(text["usage"] and text["vms"], "the report is empty")
    for how, changed in (("without its last byte", data[:-1]), ("with a newline behind", data + b"\n"),
                         ("cut in half", data[:len(data) // 2]),
                         ("with another figure", data.replace(b'"peak": ', b'"peak": 1', 1)),
                         ("without a row", json.dumps({**text, "vms": text["vms"][1:]}, indent=2, sort_keys=True).encode() + b"\n"),
                         ("in another layout", json.dumps(text, sort_keys=True).encode() + b"\n")):
        with suite.case(f"a report {how} is found"), Changed(report, changed):
            why = found(suite, report, "", everything)
            check(not why, why)
    with suite.case("a report without one of its exports does not hold"):
        result, _ = verify(suite, report, paths[0])
        check(result.code == 1, f"exit {result.code}: {result.text or result.error}")
    with suite.case("a report with an export that has changed does not hold, and the export is named"):
        path = paths[0] / "private/payload/000"
        changed = bytearray(path.read_bytes())
        changed[1000] ^= 1
        with Changed(path, changed):
            result, answer = verify(suite, *everything)
        check(result.code == 1 and str(path) in {p["file"] for p in answer["problems"]}, result.text or result.error)
    old = suite.scratch / "old.json"
    data = old.read_bytes()
    with suite.case("a report of an older state holds with newer exports: its entries are still theirs"):
        check(json.loads(data)["evidence"]["ledgers"][0]["size"] < text["evidence"]["ledgers"][0]["size"], "it is no older one")
        holds(suite, old, *paths)
    with suite.case("a report of an older state with a changed figure is found"), \
            Changed(old, data.replace(b'"vcpu_seconds": "', b'"vcpu_seconds": "1', 1)):
        why = found(suite, old, "", [old, *paths])
        check(not why, why)


def body(suite):
    options = suite.options
    rng = random.Random(options.seed)
    suite.flipped = 0
    ledgers = make_ledgers(suite)
    top, public = suite.scratch / "h1.export", suite.scratch / "h1.public"
    size = int((top / "checkpoint").read_text(encoding="utf-8").split("\n")[1])
    print(f"   h1: {size} entries, {len(ef.files(top))} files", flush=True)
    with suite.case("untouched it holds: both exports, both mirrors"):
        check(size > 620, f"only {size} entries")
        holds(suite, top, suite.scratch / "h2.export", public, suite.scratch / "h2.public")
    with suite.case("a mirror holds only what is public"):
        check(not (public / "private").exists(), "private/ is there")
        check([n for n in ef.files(top) if not n.startswith("private/")] == ef.files(public), "other files")
        check(all((top / n).read_bytes() == (public / n).read_bytes() for n in ef.files(public)), "other bytes")
    with suite.case("private/ is for its owner only"):
        modes = {p: p.stat().st_mode & 0o777 for p in (top / "private").rglob("*")}
        check((top / "private").stat().st_mode & 0o777 == 0o700, "the folder is not 0700")
        check(all(m == (0o700 if p.is_dir() else 0o600) for p, m in modes.items()), f"{modes}")
    anchors(suite, top, ledgers)
    notes_and_rows(suite, top)
    swaps(suite, top)
    for what, where, other in (("an export", top, "h2.export"), ("a mirror", public, "h2.public")):
        change_files(suite, where, what)
        other_ledger(suite, where, suite.scratch / other, what)
        folders = ["tile", "tile/0", "tile/entries"] + (["private", "private/payload"] if where is top else [])
        extra_files(suite, where, what, folders)
        narrower(suite, where, what)
    proofs(suite, rng, ledgers, size)
    reports(suite, rng, ledgers)
    flip(suite, rng, top, options.positions, "an export")
    flip(suite, rng, public, options.positions // 4, "a mirror")
    with suite.case("put right again, it holds"):
        holds(suite, top, public)
    print(f"   {suite.flipped} bits were flipped", flush=True)


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("--positions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    made = Suite(given.tally, given.helper)
    made.options = given
    main(made, body)
