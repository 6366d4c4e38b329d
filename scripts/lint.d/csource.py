# SPDX-License-Identifier: Apache-2.0
"""C text for the checks: lists of files, and source without comments and literals."""
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True

ROOT = pathlib.Path(__file__).resolve().parents[2]

TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def files(*patterns):
    """The project's files that match, relative to its root."""
    out = subprocess.run([ROOT / "scripts" / "files", *patterns], check=True, capture_output=True, text=True)
    return out.stdout.splitlines()


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def strip(text):
    """Comments and what stands in quotes become blanks; lines stay where they are."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def report(problems, summary):
    """Prints and exits as a part of lint does."""
    for problem in problems:
        print(problem)
    print(summary)
    sys.exit(1 if problems else 0)
