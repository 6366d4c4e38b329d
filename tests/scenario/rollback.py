#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A ledger and its software TPM (libtpms) are put back together, and go on with another
history. Nothing in either history tells; what left the host does: a witness, an earlier
export, or both histories side by side.

    rollback.py TALLY TALLYD [--helper TALLYD-TPM]
"""

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from scenario import Suite, arguments, check, main


class Witness:
    """`tally witness serve` on a free port of the loopback."""

    def __init__(self, suite, vkey):
        (suite.scratch / "logs").write_text(vkey)
        self.process = subprocess.Popen([suite.tally, "witness", "serve", suite.scratch / "witness", "--logs",
                                         suite.scratch / "logs", "--listen", "127.0.0.1:0", "--name", "witness.example/1"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.vkey = self.process.stdout.readline().strip()
        self.url = self.process.stdout.readline().strip().rpartition(" ")[2]

    def ask(self, old, note, proof=()):
        body = f"old {old}\n" + "".join(f"{line}\n" for line in proof) + f"\n{note}"
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body.encode()), timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.process.stdout.close()


class Estate:
    """A ledger with its software TPM, metered by an agent without a hypervisor."""

    def __init__(self, suite, tallyd):
        self.suite, self.tallyd, self.h1 = suite, tallyd, suite.scratch / "h1"
        self.vkey = suite.must("init", self.h1, "--origin", "example.com/h1").text
        self.config = suite.scratch / "tallyd.yaml"
        self.config.write_text(f"ledger: {self.h1}\nlibvirt:\n  uri: qemu+unix:///system?socket={suite.scratch}/none\n"
                               "processes:\n  unmanaged: false\n")

    def anchors(self):
        return self.suite.must("log", self.h1, "--json", "--kind", "anchor").text.count("\n")

    def go_on(self):
        """A session of the TPM with its first anchor, and one at the orderly end."""
        before = self.anchors()
        with (self.suite.scratch / "tallyd.log").open("ab") as log:
            agent = subprocess.Popen([self.tallyd, "-c", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     env=self.suite.env)
        try:
            end = time.monotonic() + 60
            while self.anchors() == before:
                check(time.monotonic() < end and agent.poll() is None, "no anchor is made")
                time.sleep(0.1)
        finally:
            agent.send_signal(signal.SIGTERM)
            code = agent.wait(60)
        check(code == 0 and self.anchors() == before + 2, f"exit {code}, {self.anchors()} anchors, {before} before")

    def export(self, name, *more):
        out = self.suite.scratch / name
        self.suite.must("export", self.h1, "--to", out, *more)
        return out

    def counters(self):
        """What the NV counter is to be, by each intent."""
        lines = self.suite.must("log", self.h1, "--json", "--kind", "anchor-intent").text.splitlines()
        return [json.loads(line)["operations"]["counter"] for line in lines]


def checks(answer):
    return {problem["check"] for problem in json.loads(answer.text)["problems"]}


def verdict(suite, pins, code, *words):
    return suite.must("verify", *words, "--anchor", pins, "--json", code=code)


def body(suite):
    estate = Estate(suite, given.tallyd)
    witness = Witness(suite, estate.vkey)
    try:
        steps(suite, estate, witness)
    finally:
        witness.stop()


def steps(suite, estate, witness):
    pins, saved = suite.scratch / "pins", suite.scratch / "saved"
    pins.write_text(estate.vkey + witness.vkey + "\n")
    with suite.case("a ledger over libtpms goes on after a backup, and a witness signs what it has become"):
        estate.go_on()
        shutil.copytree(estate.h1, saved, ignore=shutil.ignore_patterns("control"))
        estate.go_on()
        first, mirror = estate.export("first"), estate.export("first-mirror", "--public")
        before, note = estate.counters(), (mirror / "checkpoint").read_text()
        status, line = witness.ask(0, note)
        check(status == 200, f"{status} {line}")
        (mirror / "checkpoint").write_text(note + line)
        verdict(suite, pins, 0, first)
        verdict(suite, pins, 0, mirror, "--require", "witness")
    with suite.case("both are put back and go on with another history: by itself it holds"):
        shutil.rmtree(estate.h1)
        shutil.copytree(saved, estate.h1)
        estate.go_on()
        check(estate.counters() == before, f"{estate.counters()}, not {before}: the TPM did not go back")
        second, other = estate.export("second"), estate.export("second-mirror", "--public")
        answer = verdict(suite, pins, 0, second)
        check(json.loads(answer.text)["class"] == "software (libtpms)", answer.text)
        verdict(suite, pins, 0, other)
    with suite.case("the witness signs no second history"):
        forged = (other / "checkpoint").read_text()
        size = note.split("\n")[1]
        check(witness.ask(0, forged) == (409, size + "\n"), "it forgot")
        check(witness.ask(size, forged)[0] in (409, 422), "it signed")
        for path in (second, other):
            check(checks(verdict(suite, pins, 1, path, "--require", "witness")) == {"require"}, "not refused")
    with suite.case("what the witness has signed stands against it"):
        check("tpm-16" in checks(verdict(suite, pins, 1, mirror, other)), "the mirrors agree")
        check("tpm-16" in checks(verdict(suite, pins, 1, mirror, second)), "the export agrees with the mirror")
    with suite.case("one value of the counter over both is the proof of a fork"):
        answer = verdict(suite, pins, 1, first, second)
        check({"tpm-12", "tpm-16"} <= checks(answer) and "proof of a fork" in answer.text, answer.text)
    with suite.case("a TPM restored from a state of before its last anchors: the ledger says so and holds, and no "
                    "value of its counter is used twice"):
        state = estate.h1 / "tpm/state"
        older = state.read_bytes()
        estate.go_on()
        state.write_bytes(b"damaged")
        state.with_name("state.prev").write_bytes(older)
        done = subprocess.run([suite.env.get("TALLY_TPM_HELPER", "tallyd-tpm"), "--state", state.parent, "--restore"],
                              env=suite.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              check=False)
        check(done.returncode == 0, str(done))
        estate.go_on()
        before = estate.counters()
        check(before == sorted(set(before)), str(before))
        answer = verdict(suite, pins, 0, estate.export("restored"))
        check("the TPM was set back" in answer.text, answer.text)
    with suite.case("the TPM put back alone: no value of its counter is used twice, and its clocks tell"):
        shutil.rmtree(estate.h1 / "tpm")
        shutil.copytree(saved / "tpm", estate.h1 / "tpm")
        estate.go_on()
        rising = estate.counters()
        check(rising == sorted(set(rising)) and len(rising) == len(before) + 2, str(rising))
        answer = verdict(suite, pins, 1, estate.export("raised"))
        check(checks(answer) == {"tpm-9"} and "the TPM was set back" in answer.text, answer.text)


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("tallyd", help="the agent")
    given = parser.parse_args()
    main(Suite(given.tally, given.helper), body)
