#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A ledger whose TPM is a real swtpm: resets between checkpoints, deaths in the
middle of a quote, lost answers, sessions that others left. What was acknowledged
stays, the evidence begins again, and `tally verify` holds.

    swtpm.py TALLY TALLYD [--helper TALLYD-TPM]

Each swtpm is started here on a free port of the loopback, and stopped by its pid.
"""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from scenario import History, Suite, Wrong, arguments, check, main, write_events

QUOTE = 0x158
FLAGS = ("--flags", "not-need-init,startup-clear")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Swtpm:
    """One TPM: its state lives as long as the test, its process as long as it is told."""

    def __init__(self, suite, name):
        self.state = suite.scratch / name
        self.state.mkdir()
        self.port, self.process = free_port(), None
        suite.running.append(self)

    def start(self, *flags):
        options = ("--server", f"type=tcp,port={self.port},bindaddr=127.0.0.1", *flags)
        self.process = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}", *options],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    raise Wrong(f"swtpm ended: {self.process.stderr.read()!r}") from None
                time.sleep(0.05)
        raise Wrong("swtpm does not listen")

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process.stderr.close()
            self.process = None

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        return self.start(*FLAGS)

    def ask(self, command):
        with socket.create_connection(("127.0.0.1", self.port), 30) as s:
            s.sendall(command)
            return s.recv(4096)

    def send(self, command):
        """The response code to a command of our own."""
        return struct.unpack(">I", self.ask(command)[6:10])[0]

    def indices(self):
        """NV indices that are defined in it."""
        answer = self.ask(struct.pack(">HIIIII", 0x8001, 22, 0x17a, 1, 0x01000000, 64))
        return struct.unpack(">I", answer[15:19])[0]


class Proxy:
    """Between the meter and swtpm. At the next quote it does what `fault` says."""

    def __init__(self, suite, tpm):
        self.tpm, self.fault, self.met = tpm, None, threading.Event()
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(4)
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        suite.proxies.append(self)

    def serve(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            try:
                with client, socket.create_connection(("127.0.0.1", self.tpm.port), 10) as server:
                    while self.exchange(client, server):
                        pass
            except OSError:
                pass  # either side has gone: the other one is let go, too

    @staticmethod
    def take(s):
        """One command or response, or nothing at the end."""
        data = b""
        while len(data) < 10 or len(data) < struct.unpack(">I", data[2:6])[0]:
            piece = s.recv(4096)
            if not piece:
                return b""
            data += piece
        return data

    def exchange(self, client, server):
        command = self.take(client)
        if not command:
            return False
        fault = self.fault if struct.unpack(">I", command[6:10])[0] == QUOTE else None
        if fault:
            self.fault = None
            self.met.set()
        if fault == "cut":
            return False
        server.sendall(command)
        if fault == "kill":
            self.tpm.process.send_signal(signal.SIGKILL)
            return False
        answer = self.take(server)
        if not answer or fault == "swallow":
            return False
        client.sendall(answer)
        return True


def holds(suite, ledger):
    """The verdict over a fresh export; its rows and the sessions of the ledger."""
    out = suite.scratch / "out"
    suite.must("export", ledger, "--to", out)
    answer = suite.must("verify", out, "--anchor", ledger / "keys/log.vkey", "--json")
    verdict = json.loads(answer.text)
    check(verdict["holds"] and verdict["anchored"] and verdict["class"] == "software (libtpms)", answer.text)
    text = suite.must("verify", out, "--anchor", ledger / "keys/log.vkey").text
    data = (out / "private/evidence").read_bytes()
    shutil.rmtree(out)
    rows = [{"state": data[i + 1], "pcr": data[i + 2]} for i in range(0, len(data), 128)]
    return text, rows


def kinds(suite, ledger, kind):
    lines = suite.must("log", ledger, "--json", "--kind", kind).text.splitlines()
    return [json.loads(line) for line in lines]


def entries(suite, ledger):
    return suite.must("log", ledger, "--json").text.count("\n")


class Estate:
    """A ledger over a swtpm, and events for it."""

    def __init__(self, suite, name, port):
        self.suite, self.top = suite, suite.scratch / name
        self.top.mkdir()
        self.ledger, self.history, self.files = self.top / "h1", History("h1", 11), 0
        suite.must("init", self.ledger, "--tpm", f"swtpm:host=127.0.0.1,port={port}")

    def next(self):
        self.files += 1
        return write_events(self.suite.scratch / f"{self.top.name}-{self.files}.jsonl", self.history.take(5))

    def record(self, code=0):
        return self.suite.must("record", self.top, "--from", self.next(), code=code)


def attempts(suite):
    tpm = Swtpm(suite, "attempts").start(*FLAGS)
    proxy, top = Proxy(suite, tpm), suite.scratch / "attempts-estate"
    top.mkdir()
    transport = f"swtpm:host=127.0.0.1,port={proxy.port}"
    with suite.case("an init that fails leaves at most one index in the TPM, which the next one takes up"):
        for fault in ("cut", "swallow"):
            proxy.fault = fault
            suite.must("init", top / "h1", "--tpm", transport, code=3)
            check(proxy.met.is_set() and not (top / "h1").exists(), "it did not fail")
            check(tpm.indices() == 1, f"{tpm.indices()} indices")
        suite.must("init", top / "h1", "--tpm", transport)
        check(tpm.indices() == 1, f"{tpm.indices()} indices")
        check([p.name for p in top.iterdir()] == ["h1"], "something was left")
        holds(suite, top / "h1")
    with suite.case("two ledgers on one TPM: each holds, and both say that nobody knows whose it is"):
        suite.must("init", top / "h2", "--tpm", transport, "--origin", "example.com/h2")
        check(tpm.indices() == 2, f"{tpm.indices()} indices")
        for name in ("h1", "h2"):
            suite.must("checkpoint", top / name)
            holds(suite, top / name)
            suite.must("export", top / name, "--to", suite.scratch / f"on-one-{name}")
        pins = suite.scratch / "on-one-pins"
        pins.write_bytes(b"".join((top / name / "keys/log.vkey").read_bytes() for name in ("h1", "h2")))
        answer = suite.must("verify", suite.scratch / "on-one-h1", suite.scratch / "on-one-h2", "--anchor", pins)
        check("which of the two is the ledger of its machine" in answer.text, answer.text)


def resets(suite):
    tpm = Swtpm(suite, "plain").start(*FLAGS)
    estate = Estate(suite, "resets", tpm.port)
    with suite.case("a ledger over swtpm is sealed by it, and no PCR is extended unasked"):
        estate.record()
        text, rows = holds(suite, estate.ledger)
        check("no PCR is extended" in text, text)
        check(rows and all(row == {"state": 1, "pcr": 255} for row in rows), str(rows))
        status = json.loads(suite.must("status", estate.ledger, "--json").text)
        check(status["transport"] == f"swtpm:host=127.0.0.1,port={tpm.port}", str(status))
    with suite.case("commands in one TPM session share its statement"):
        estate.record()
        check(len(kinds(suite, estate.ledger, "session-statement")) == 1, "more than one statement")
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suite.case(f"swtpm ended by {how.name} between checkpoints: a new session, and it holds"):
            before = len(kinds(suite, estate.ledger, "session-statement"))
            tpm.restart(how)
            estate.record()
            check(len(kinds(suite, estate.ledger, "session-statement")) == before + 1, "no new statement")
            holds(suite, estate.ledger)
    with suite.case("sessions that somebody left in the TPM are flushed"):
        hmac = struct.pack(">IIH16sHBHH", 0x40000007, 0x40000007, 16, bytes(16), 0, 0, 0x0010, 0x000b)
        command = struct.pack(">HII", 0x8001, 10 + len(hmac), 0x176) + hmac
        codes = [tpm.send(command) for _ in range(5)]
        check(codes[0] == 0 and codes[-1] != 0, f"the TPM is not full: {codes}")
        estate.record()
    with suite.case("without swtpm: exit 3, the place is named, nothing is lost, and it goes on"):
        tpm.stop()
        before = entries(suite, estate.ledger)
        result = suite.refused("record", estate.top, "--from", estate.next(), code=3,
                               names=[f"swtpm at 127.0.0.1 port {tpm.port}"])
        check(entries(suite, estate.ledger) >= before, f"entries are gone: {result}")
        tpm.start(*FLAGS)
        suite.must("checkpoint", estate.ledger)
        holds(suite, estate.ledger)
    tpm.stop()


def faults(suite):
    tpm = Swtpm(suite, "faulty").start(*FLAGS)
    proxy = Proxy(suite, tpm)
    estate = Estate(suite, "faults", proxy.port)
    told = {"cut": "the connection is lost before a quote", "swallow": "the answer to a quote is lost",
            "kill": "swtpm dies in the middle of a quote"}
    for fault, what in told.items():
        with suite.case(f"{what}: nothing is lost, the row is settled, and it holds"):
            estate.record()
            proxy.fault = fault
            proxy.met.clear()
            result = suite.run("record", estate.top, "--from", estate.next())
            check(proxy.met.is_set(), "no quote came")
            check(result.code == 3 and "swtpm at 127.0.0.1" in result.error, str(result))
            before = entries(suite, estate.ledger)
            if fault == "kill":
                tpm.restart(signal.SIGKILL)
            suite.must("checkpoint", estate.ledger)
            check(entries(suite, estate.ledger) >= before, "entries are gone")
            _, rows = holds(suite, estate.ledger)
            # A reset ends the session of the row that was under way.
            lost = sum(row["state"] == 2 for row in rows)
            check(lost == (fault == "kill") and rows[-1]["state"] == 1, str(rows))
    tpm.stop()


def cold(suite):
    tpm = Swtpm(suite, "cold")
    with suite.case("a swtpm that was never powered on: exit 3, and how to do that"):
        tpm.start("--ctrl", f"type=tcp,port={free_port()},bindaddr=127.0.0.1")
        suite.refused("init", suite.scratch / "none", "--tpm", f"swtpm:host=127.0.0.1,port={tpm.port}", code=3,
                      names=["--flags not-need-init,startup-clear"])
        check(not (suite.scratch / "none").exists(), "there is a ledger")
    tpm.stop()
    with suite.case("a swtpm that waits for TPM2_Startup gets it"):
        tpm.start("--flags", "not-need-init")
        suite.must("init", suite.scratch / "warm", "--tpm", f"swtpm:host=127.0.0.1,port={tpm.port}")
        holds(suite, suite.scratch / "warm")
    tpm.stop()


class Agent:
    """tallyd over libvirt's own test driver, which needs no daemon."""

    def __init__(self, suite, ledger, tpm_keys):
        self.config = suite.scratch / "tallyd.yaml"
        self.config.write_text(f"ledger: {ledger}\nlibvirt: {{uri: 'test:///default'}}\n"
                               "heartbeat: {interval: 1s, record: 1s}\ncheckpoint: {interval: 100ms}\n"
                               f"processes: {{unmanaged: false}}\ntpm: {{attest_interval: 0s{tpm_keys}}}\n")
        self.log = open(suite.scratch / "tallyd.log", "ab")
        self.process = subprocess.Popen([suite.tallyd, "-c", self.config], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, env=suite.env)
        suite.agents.append(self)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(120)
        self.log.close()
        return code


def wait_until(what, condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"{what}: not in {seconds} s")
        time.sleep(0.2)


def attested(suite, ledger):
    """How many entries the newest checkpoint with evidence covers, by the agent's word."""
    agents = json.loads(suite.must("status", ledger, "--json").text)["agent"]
    return agents["attested"]["size"] if agents and agents["attested"] else 0


def agent(suite):
    tpm = Swtpm(suite, "agent").start(*FLAGS)
    ledger = suite.scratch / "agent-ledger"
    suite.must("init", ledger, "--tpm", f"swtpm:host=127.0.0.1,port={tpm.port}")

    def statements():
        return len(kinds(suite, ledger, "session-statement"))

    with suite.case("tpm.ledger_pcr: the agent's checkpoints extend it, over resets of the TPM"):
        running = Agent(suite, ledger, ", ledger_pcr: 15")
        wait_until("a session with that PCR", lambda: statements() == 2)
        for number, how in ((3, signal.SIGTERM), (4, signal.SIGKILL)):
            time.sleep(1.5)  # so that some checkpoints fall into the session
            tpm.restart(how)
            wait_until("a session after a reset", lambda: statements() == number)
        time.sleep(1.5)
        check(running.stop() == 0, f"tallyd ended with {running.process.returncode}")
        text, rows = holds(suite, ledger)
        check([row["pcr"] for row in rows].count(15) >= 3, str(rows))
        check(all(row["pcr"] in (15, 255) for row in rows) and rows[-1] == {"state": 1, "pcr": 15}, str(rows))
        check("somebody else" not in text, text)
    with suite.case("tally goes on with the PCR that the agent had"):
        before = statements()
        suite.must("checkpoint", ledger)
        check(statements() == before, "a statement of its own")
        _, rows = holds(suite, ledger)
        check(rows[-1]["pcr"] == 15, str(rows))
    with suite.case("without the key the agent's next session extends none"):
        running = Agent(suite, ledger, "")
        wait_until("a session without that PCR", lambda: statements() > before)
    with suite.case("a swtpm that hangs delays no entry, and when it goes on so does the evidence"):
        tpm.process.send_signal(signal.SIGSTOP)
        held = entries(suite, ledger)
        wait_until("entries without a TPM", lambda: entries(suite, ledger) >= held + 3, 60)
        tpm.process.send_signal(signal.SIGCONT)
        wait_until("evidence of newer entries", lambda: attested(suite, ledger) > held + 3)
    with suite.case("the agent stops in order, and its last checkpoint is attested by the boot PCRs alone"):
        check(running.stop() == 0, f"tallyd ended with {running.process.returncode}")
        _, rows = holds(suite, ledger)
        check(rows[-1] == {"state": 1, "pcr": 255}, str(rows))
    tpm.stop()


def body(suite):
    suite.running, suite.proxies, suite.agents = [], [], []
    try:
        attempts(suite)
        resets(suite)
        faults(suite)
        cold(suite)
        agent(suite)
    finally:
        for one in suite.agents:
            if one.process.poll() is None:
                one.stop(signal.SIGKILL)
        for one in suite.proxies:
            one.listening.close()
        for one in suite.running:
            one.stop(signal.SIGKILL)
        if suite.failed:
            print((suite.scratch / "tallyd.log").read_text(errors="replace")[-4000:])


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("tallyd", help="the agent")
    given = parser.parse_args()
    scenario = Suite(given.tally, given.helper)
    scenario.tallyd = os.path.abspath(given.tallyd)
    if not shutil.which("swtpm"):
        print("skipped: a ledger over swtpm: swtpm is not installed (package swtpm)")
        scenario.end()
        raise SystemExit(77)
    main(scenario, body)
