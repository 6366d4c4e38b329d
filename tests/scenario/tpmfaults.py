#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A TPM that puts commands off, refuses one, loses its helper at any of them, or has
another user: a ledger over a real swtpm, with somebody in between who does that.

    tpmfaults.py TALLY TALLYD [--helper TALLYD-TPM]
"""

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import swtpm
from scenario import Suite, Wrong, arguments, check, main

QUOTE = 0x158
NOT_YET = {"RETRY": 0x922, "YIELDED": 0x908, "TESTING": 0x90A, "NV_RATE": 0x920}
LOCKOUT = 0x921
TOOLS = ("tpm2_createprimary", "tpm2_create", "tpm2_startauthsession", "tpm2_flushcontext", "tpm2_getcap")


def helper_of(ledger):
    """The pid of the helper that holds this ledger's TPM."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"tallyd-tpm") and os.fsencode(f"{ledger}/tpm") in words:
            return int(pid)
    raise Wrong("no helper runs")


class Between(swtpm.Proxy):
    """At a command of that code: so many times another answer, or the helper dies before or after it."""

    code, refuse, times, ledger, after, seen = 0, 0, 0, None, False, None

    def exchange(self, client, server):
        command = self.take(client)
        if not command:
            return False
        code = struct.unpack(">I", command[6:10])[0]
        if self.seen is not None:
            self.seen.append(code)
        ours = code == self.code and self.times > 0
        if ours:
            self.times -= 1
            if self.refuse:
                client.sendall(struct.pack(">HII", 0x8001, 10, self.refuse))
                return True
            if not self.after:
                os.kill(helper_of(self.ledger), signal.SIGKILL)
                return False
        server.sendall(command)
        answer = self.take(server)
        if ours:
            os.kill(helper_of(self.ledger), signal.SIGKILL)
            return False
        if not answer:
            return False
        client.sendall(answer)
        return True


def answers(suite):
    tpm = swtpm.Swtpm(suite, "answers").start(*swtpm.FLAGS)
    between = Between(suite, tpm)
    estate = swtpm.Estate(suite, "answers-estate", between.port)
    estate.record()
    between.code = QUOTE
    for name, code in NOT_YET.items():
        with suite.case(f"a TPM that answers {name} is asked again, and nobody hears of it"):
            between.refuse, between.times = code, 3
            estate.record()
            check(between.times == 0, "it was not asked again")
            _, rows = swtpm.holds(suite, estate.ledger)
            check(all(row["state"] == 1 for row in rows), str(rows))
    with suite.case("a TPM in lockout: exit 3 with its code, nothing is lost, and the evidence goes on"):
        between.refuse, between.times = LOCKOUT, 1
        result = suite.run("record", estate.top, "--from", estate.next())
        check(result.code == 3 and "0x921" in result.error, str(result))
        before = swtpm.entries(suite, estate.ledger)
        suite.must("checkpoint", estate.ledger)
        check(swtpm.entries(suite, estate.ledger) >= before, "entries are gone")
        _, rows = swtpm.holds(suite, estate.ledger)
        check(rows[-1]["state"] == 1, str(rows))
    tpm.stop()


def deaths(suite):
    tpm = swtpm.Swtpm(suite, "deaths").start(*swtpm.FLAGS)
    between = Between(suite, tpm)
    estate = swtpm.Estate(suite, "deaths-estate", between.port)
    between.ledger = estate.ledger
    between.seen = []
    estate.record()  # every command of a start, a session's begin and its checkpoints
    steps, between.seen = list(dict.fromkeys(between.seen)), None
    with suite.case("a start, a session and its checkpoints are some commands"):
        check(QUOTE in steps and len(steps) >= 6, str([hex(step) for step in steps]))
    for code in steps:
        for after in (False, True):
            with suite.case(f"the helper is killed {'behind' if after else 'before'} command {code:#x}: nothing is "
                            "lost, what was begun is finished, and it holds"):
                tpm.restart()
                between.code, between.refuse, between.times, between.after = code, 0, 1, after
                file = estate.next()
                result = suite.run("record", estate.top, "--from", file)
                check(between.times == 0, f"it did not come: {result}")
                check(result.code in (0, 3), str(result))
                before = swtpm.entries(suite, estate.ledger)
                again = suite.run("record", estate.top, "--from", file)  # 2 where it was all there
                check(again.code in (0, 2), str(again))
                suite.must("checkpoint", estate.ledger)
                check(swtpm.entries(suite, estate.ledger) >= before, "entries are gone")
                _, rows = swtpm.holds(suite, estate.ledger)
                check(rows[-1]["state"] == 1, str(rows))
    tpm.stop()


class Shared:
    """One swtpm for several at once, a command of each at a time, and no resource manager."""

    def __init__(self, suite, tpm, port):
        self.tpm, self.port, self.lock = tpm, port, threading.Lock()
        self.upstream = socket.create_connection(("127.0.0.1", tpm.port), 10)
        self.listening = socket.socket()
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listening.bind(("127.0.0.1", port))
        self.listening.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()
        suite.proxies.append(self)

    def serve(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(client,), daemon=True).start()

    def one(self, client):
        with client:
            while command := swtpm.Proxy.take(client):
                with self.lock:
                    self.upstream.sendall(command)
                    answer = swtpm.Proxy.take(self.upstream)
                try:
                    client.sendall(answer)
                except OSError:
                    return


def free_pair():
    """Two ports in a row: for commands, and for the control socket that the tools want behind it."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as a, socket.socket() as b:
            try:
                a.bind(("127.0.0.1", port))
                b.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


def others(suite):
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        print(f"skipped: another user of the TPM: {', '.join(missing)} not installed (package tpm2-tools)")
        return
    port = free_pair()
    tpm = swtpm.Swtpm(suite, "others").start(*swtpm.FLAGS, "--ctrl", f"type=tcp,port={port + 1},bindaddr=127.0.0.1")
    shared = Shared(suite, tpm, port)
    ledger = suite.scratch / "others-ledger"
    suite.must("init", ledger, "--tpm", f"swtpm:host=127.0.0.1,port={port}")
    env = dict(suite.env, TPM2TOOLS_TCTI=f"swtpm:host=127.0.0.1,port={port}")

    def tool(*words, code=0):
        done = subprocess.run([str(w) for w in words], cwd=suite.scratch, env=env, capture_output=True, text=True,
                              timeout=60)
        check(code is None or done.returncode == code, f"{words}: {done}")

    def goes_on(what, seconds=90):
        covered = swtpm.attested(suite, ledger)
        swtpm.wait_until(what, lambda: swtpm.attested(suite, ledger) > covered, seconds)

    running = swtpm.Agent(suite, ledger, "")
    with suite.case("another user makes objects and sessions in the same TPM: the evidence goes on"):
        swtpm.wait_until("evidence", lambda: swtpm.attested(suite, ledger) > 0)
        tool("tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", "primary.ctx")
        tool("tpm2_startauthsession", "-S", "session.ctx", "--policy-session")
        goes_on("evidence beside a session of another")
        tool("tpm2_flushcontext", "session.ctx")
        tool("tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", "second.ctx", code=None)
        goes_on("evidence in a TPM that is full")
        held = swtpm.entries(suite, ledger)
    with suite.case("another user flushes all that is loaded, our key too: entries go on, and the evidence comes back"):
        tool("tpm2_flushcontext", "-t")
        swtpm.wait_until("entries", lambda: swtpm.entries(suite, ledger) > held)
        goes_on("evidence with the key loaded again")
        check(running.stop() == 0, f"tallyd ended with {running.process.returncode}")
        swtpm.holds(suite, ledger)
    shared.upstream.close()
    tpm.stop()


def body(suite):
    suite.running, suite.proxies, suite.agents = [], [], []
    try:
        answers(suite)
        deaths(suite)
        others(suite)
    finally:
        for one in suite.agents:
            if one.process.poll() is None:
                one.stop(signal.SIGKILL)
        for one in suite.proxies:
            one.listening.close()
        for one in suite.running:
            one.stop(signal.SIGKILL)
        if suite.failed and (suite.scratch / "tallyd.log").exists():
            print((suite.scratch / "tallyd.log").read_text(errors="replace")[-4000:])


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("tallyd", help="the agent")
    given = parser.parse_args()
    scenario = Suite(given.tally, given.helper)
    scenario.tallyd = os.path.abspath(given.tallyd)
    if not shutil.which("swtpm"):
        print("skipped: faults of a TPM: swtpm is not installed (package swtpm)")
        scenario.end()
        raise SystemExit(77)
    main(scenario, body)
