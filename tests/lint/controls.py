#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The check of docs/CONTROLS.md and docs/THREATS.md can fail: each planted fault is found, in its line.

    controls.py SOURCE-FOLDER BUILD-FOLDER
"""
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOP, BUILD = map(pathlib.Path, sys.argv[1:3])
PART = TOP / "scripts" / "lint.d" / "controls"
sys.path.insert(0, str(PART.parent))
loader = importlib.machinery.SourceFileLoader("controls", str(PART))
controls = importlib.util.module_from_spec(importlib.util.spec_from_loader("controls", loader))
loader.exec_module(controls)

passed = failed = 0


def holds(what, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"ok: {what}" if ok else f"FAILED: {what}: {detail}")


def judge(controls_text, threats_text):
    with tempfile.TemporaryDirectory(prefix="tally-controls-") as folder:
        pages = [pathlib.Path(folder) / name for name in ("CONTROLS.md", "THREATS.md")]
        for page, text in zip(pages, (controls_text, threats_text)):
            page.write_text(text, encoding="utf-8")
        done = subprocess.run([PART, BUILD, "1", *pages], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def planted(text, threats):
    """What is done to the pages, and what has to be said then."""
    case = "`test:base csv: "
    rows = [
        ("a program that is none", text + "| x | y | `test:base cvs` |\n", threats, "no test base cvs"),
        ("a case that is none", text + f"| x | y | {case}there_is_no_such_case` |\n", threats, "base csv has no case there_is_no"),
        ("a case of another program", text + f"| x | y | {case}the_real_clock_reads_both_times_of_this_moment` |\n", threats, "no case"),
        ("a helper that is no case", text + "| x | y | `test:net witness: set_up` |\n", threats, "no case set_up"),
        ("a line without a test", text + "| AU-99 | what nobody shows | soon |\n", threats, "a line without its test"),
        ("a word that claims too much", text + "\nThis is certified.\n", threats, "'certified' claims too much"),
        ("a case that is none, in the other page", text, threats + "\n`test:base csv: nothing_at_all`\n", "THREATS.md:"),
    ]
    for control in controls.CONTROLS:
        without = "\n".join(line.replace(control, "") for line in text.splitlines())
        rows.append((f"{control} left out", without, threats, f"says nothing of {control}"))
    return rows


def main():
    text = (TOP / "docs" / "CONTROLS.md").read_text(encoding="utf-8")
    threats = (TOP / "docs" / "THREATS.md").read_text(encoding="utf-8")
    code, said = judge(text, threats)
    holds("the pages as they are pass", code == 0, said)
    programs = controls.programs_of(BUILD)
    for number, (what, ours, theirs, words) in enumerate(planted(text, threats)):
        if number < 2:  # the program itself, as lint runs it
            code, said = judge(ours, theirs)
            holds(f"{what} is told, with exit 1", code == 1 and words in said, said)
        else:
            said = controls.check("CONTROLS.md", ours, programs, controls.CONTROLS) + controls.check("THREATS.md", theirs, programs)
            holds(f"{what} is told", any(words in line for line in said), said)
    files = {pathlib.Path("a.c"): controls.csource.strip("/* a_case(void **s) a_case */\nint a_case;\n")}
    holds("a case in a comment is none", not controls.has_case(files, "a_case"))
    files = {pathlib.Path("a.py"): "with suite.case('it holds'):\n    pass  # it fails\n"}
    holds("a script's case stands in quotes", controls.has_case(files, "it holds") and not controls.has_case(files, "it fails"))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
