# SPDX-License-Identifier: Apache-2.0
"""What the scenario tests share: cases and their count, running `tally`, a scratch
folder, and histories of recorded events.

A command that ends by a signal, or with a report of a sanitizer, is a failed case
of its own, whatever the case at hand expects.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import traceback
import uuid
from pathlib import Path

SANITIZER = ("AddressSanitizer", "LeakSanitizer", "UndefinedBehaviorSanitizer", "runtime error:", "DEADLYSIGNAL")


class Result:
    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    @property
    def error(self):
        return self.err.decode("utf-8", "replace")

    def __str__(self):
        shown = self.error.strip()[:600] or self.text.strip()[:600]
        return f"tally {' '.join(map(str, self.command))}: exit {self.code}: {shown}"


class Suite:
    """The cases of one program. `with suite.case("a sentence"):` is one case."""

    def __init__(self, tally, helper=None):
        self.tally = os.path.abspath(tally)
        self.passed = self.failed = self.skipped = 0
        self.scratch = Path(tempfile.mkdtemp(prefix="tally-scenario-"))
        self.env = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC")
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            self.env[name] = ":".join(filter(None, (self.env.get(name), "exitcode=99")))
        if helper:
            self.env["TALLY_TPM_HELPER"] = os.path.abspath(helper)
        self.mounts = []

    def note(self, ok, name, detail=""):
        if ok:
            self.passed += 1
            print(f"ok: {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED: {name}" + (f": {detail}" if detail else ""), flush=True)
        return ok

    def skip(self, name, why):
        self.skipped += 1
        print(f"skipped: {name}: {why}", flush=True)

    def case(self, name):
        return Case(self, name)

    def run(self, *command, timeout=120, cwd=None, stdout=subprocess.PIPE):
        """One `tally` command. Signals and sanitizers are failures by themselves."""
        try:
            done = subprocess.run([self.tally, *map(os.fspath, command)], stdin=subprocess.DEVNULL, stdout=stdout,
                                  stderr=subprocess.PIPE, env=self.env, timeout=timeout, cwd=cwd, check=False)
        except subprocess.TimeoutExpired:
            self.note(False, "a command comes to an end", f"tally {' '.join(map(str, command))}: {timeout} s")
            return Result(command, -1000, b"", b"time-out")
        result = Result(command, done.returncode, done.stdout or b"", done.stderr)
        if done.returncode < 0 or done.returncode == 99 or any(mark in result.error for mark in SANITIZER):
            self.note(False, "no command ends by a signal or a sanitizer", str(result) + "\n" + result.error[:4000])
        return result

    def must(self, *command, code=0, **options):
        """A command that has to end so; else the case ends here."""
        result = self.run(*command, **options)
        if result.code != code:
            raise Wrong(f"expected exit {code}: {result}")
        return result

    def refused(self, *command, code, names=(), **options):
        """A clear error: the exit code, one line, outermost first, naming what it must."""
        result = self.must(*command, code=code, **options)
        lines = result.error.splitlines()
        if len(lines) != 1 or not lines[0].startswith(f"tally: {command[0]}: "):
            raise Wrong(f"not one line that begins with 'tally: {command[0]}: ': {result.error!r}")
        for name in names:
            if str(name) not in lines[0]:
                raise Wrong(f"does not name {str(name)!r}: {lines[0]}")
        if unprintable(result.err.rstrip(b"\n")):
            raise Wrong(f"raw control characters in the error: {result.err!r}")
        return result

    def mount(self, where, *options):
        """Mounts for the time of the test; False where this machine does not let us."""
        where.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0 or not shutil.which("mount"):
            return False
        if subprocess.run(["mount", *map(os.fspath, options), os.fspath(where)], capture_output=True,
                          check=False).returncode != 0:
            return False
        self.mounts.append(where)
        return True

    def unmount(self, where):
        subprocess.run(["umount", os.fspath(where)], check=True)
        self.mounts.remove(where)

    def end(self):
        for where in list(reversed(self.mounts)):
            subprocess.run(["umount", "-l", os.fspath(where)], check=False)
        shutil.rmtree(self.scratch, ignore_errors=True)
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else ""))
        return 1 if self.failed or not self.passed else 0


class Wrong(Exception):
    """Why a case fails."""


class Case:
    def __init__(self, suite, name):
        self.suite, self.name = suite, name

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None:
            self.suite.note(True, self.name)
        elif isinstance(error, Wrong):
            self.suite.note(False, self.name, str(error))
        elif isinstance(error, Exception):
            self.suite.note(False, self.name, "".join(traceback.format_exception(error)))
        else:
            return False
        return True


def check(condition, why):
    if not condition:
        raise Wrong(why)


def unprintable(data):
    """What must not reach a terminal: controls but newline, and the marks that turn its direction."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return [str(error)]
    return [c for c in text if (ord(c) < 32 and c != "\n") or 0x7f <= ord(c) < 0xa0 or c in "\u061c\u200e\u200f\u2028\u2029"
            or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069"]


def stamp(seconds):
    """RFC 3339 of whole seconds after 2026-01-01."""
    days, rest = divmod(seconds, 86400)
    month, day = 1, days + 1
    for length in (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31):
        if day <= length:
            break
        month, day = month + 1, day - length
    return f"2026-{month:02}-{day:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def event(seconds, host, what, **keys):
    keys = {name.rstrip("_"): value for name, value in keys.items()}
    return {"time": stamp(seconds), "host": host, "event": what, **keys}


class History:
    """An endless, well-formed history of one host; the same for the same seed."""

    def __init__(self, host, seed):
        self.host, self.random = host, random.Random(f"{host}/{seed}")
        self.now, self.running, self.boot = 0, {}, 1
        self.first = True

    def take(self, count):
        return [self.next() for _ in range(count)]

    def next(self):
        pick = self.random
        self.now += pick.randrange(1, 900)
        if self.first:
            self.first = False
            return event(self.now, self.host, "host", cores_per_socket=[8, 8], max_sockets=2, threads_per_core=2,
                         cpu="Xeon", cluster="c1", region="eu", hypervisor="qemu", boot="1")
        what = pick.choice(("start", "start", "stop", "suspend", "resume", "config", "tag", "heartbeat", "software"))
        if what == "heartbeat":
            return event(self.now, self.host, what)
        if what == "start" or not self.running:
            return self.start()
        vm = pick.choice(sorted(self.running))
        if what == "stop":
            del self.running[vm]
            return event(self.now, self.host, what, vm=vm, cause=pick.choice(("shutdown", "destroyed", "saved")))
        if what == "config":
            return event(self.now, self.host, what, vm=vm, vcpus=pick.randrange(1, 17))
        if what == "tag":
            return event(self.now, self.host, what, vm=vm, tenant=pick.choice(("acme", "bolt")), cost_center="cc1")
        if what == "software":
            return event(self.now, self.host, what, vm=vm, add=["sql-server"])
        return event(self.now, self.host, what, vm=vm)

    def start(self):
        vm = str(uuid.UUID(int=self.random.getrandbits(128)))
        self.running[vm] = True
        return event(self.now, self.host, "start", vm=vm, name=f"vm{len(self.running)}", vcpus=self.random.randrange(1, 9),
                     memory_mib=4096, os="http://microsoft.com/win/2k22", edition="standard", evidence="operator",
                     tenant="acme", cost_center="cc2", environment="production")


def write_events(path, events):
    path.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in events), encoding="utf-8")
    return path


def arguments(about):
    """TALLY and the TPM helper, as the build hands them over."""
    import argparse
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("tally", help="the program")
    parser.add_argument("--helper", help="tallyd-tpm")
    return parser


def main(suite, body):
    try:
        body(suite)
    except Wrong as why:
        suite.note(False, "the scenario could be set up", str(why))
    except Exception:
        suite.note(False, "the scenario ran to its end", traceback.format_exc())
    sys.exit(suite.end())
