#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real helper is killed by SIGKILL before and behind each TPM command of an anchor,
over a real swtpm, so between each two of its steps: the intent, its checkpoint, the
increment, the certification, the time, the entry, the checkpoint over that. Each
next start goes on where it stands; the counter moves once, and `tally verify` holds.

    anchorkills.py TALLY TALLYD [--helper TALLYD-TPM]
"""

import os
import shutil
import signal
import socket
import struct

import swtpm
import tpmfaults
from scenario import Suite, arguments, check, main

QUOTE, NV_READ, INCREMENT, CERTIFY, GET_TIME = 0x158, 0x14E, 0x134, 0x184, 0x14C
NAMES = {QUOTE: "the quote", NV_READ: "the reading of the counter", INCREMENT: "the increment",
         CERTIFY: "the certification", GET_TIME: "the time"}


# In the order of FORMAT.md section 6: the n-th of that code in a command that goes on from the step before.
# The first reading of the counter is the start's, which tries its auth.
BEGIN = [(NV_READ, 2, False), (NV_READ, 2, True), (QUOTE, 1, False), (QUOTE, 1, True)]  # before the intent
STEPS = [(QUOTE, 2, False, "the intent is written"), (QUOTE, 1, True, "its note is quoted, the row is not written"),
         (NV_READ, 2, False, "its note is attested"), (INCREMENT, 1, False, "the counter is read"),
         (INCREMENT, 1, True, "the counter is incremented"), (CERTIFY, 1, False, "it is known to be incremented"),
         (CERTIFY, 1, True, "the counter is certified"), (GET_TIME, 1, False, "the certification is known"),
         (GET_TIME, 1, True, "the time is told"), (QUOTE, 1, False, "the anchor's entry is written"),
         (QUOTE, 1, True, "the entry's note is quoted")]


class Counted(tpmfaults.Between):
    """Kills at the `skip`-th command of the code, and counts what reached the TPM."""

    skip, increments = 0, 0

    def exchange(self, client, server):
        peeked = self.peek(client)
        if peeked is None:
            return False
        skipped = peeked == self.code and self.skip > 0
        dies = peeked == self.code and self.times > 0 and not skipped
        if peeked == INCREMENT and not (dies and not self.after):
            self.increments += 1
        if not skipped:
            return super().exchange(client, server)
        # Only within a command that is waited for: behind its last one `times` is somebody else's.
        self.skip -= 1
        held, self.times = self.times, 0
        goes_on = super().exchange(client, server)
        self.times = held
        return goes_on

    @staticmethod
    def peek(client):
        """The code of the command that comes next, or nothing at the end."""
        head = client.recv(10, socket.MSG_PEEK | socket.MSG_WAITALL)
        return struct.unpack(">I", head[6:10])[0] if len(head) == 10 else None


class Ledger:
    def __init__(self, suite, name):
        self.suite = suite
        self.tpm = swtpm.Swtpm(suite, name).start(*swtpm.FLAGS)
        self.between = Counted(suite, self.tpm)
        self.estate = swtpm.Estate(suite, f"{name}-estate", self.between.port)
        self.path = self.between.ledger = self.estate.ledger
        self.between.increments = 0

    def unseal(self):
        """Entries that no note covers, so that `tally checkpoint` has one to make, and an anchor."""
        b = self.between
        b.code, b.refuse, b.skip, b.times = QUOTE, tpmfaults.LOCKOUT, 0, 1
        self.estate.record(code=3)
        b.refuse = 0

    def die(self, code, nth, after):
        b = self.between
        b.code, b.skip, b.after, b.times = code, nth - 1, after, 1
        before = swtpm.entries(self.suite, self.path)
        result = self.suite.run("checkpoint", self.path)
        check(b.times == 0, f"it did not come: exit {result.code} {result.error}")
        check(result.code == 3 and "tallyd-tpm" in result.error, str(result))
        check(swtpm.entries(self.suite, self.path) >= before, "entries are gone")

    def anchors(self):
        return swtpm.kinds(self.suite, self.path, "anchor-intent"), swtpm.kinds(self.suite, self.path, "anchor")


def steps(suite, name, reset):
    """Dies at one step after the other of the same anchor; between two of them the TPM is reset, or is not."""
    ledger = Ledger(suite, name)
    how = ", and the TPM is reset" if reset else ""
    for code, nth, after in BEGIN if not reset else ():
        with suite.case(f"the helper is killed {'behind' if after else 'before'} {NAMES[code]}, where no intent is: no anchor "
                        "is begun"):
            if (code, after) != (QUOTE, True):  # which goes on from the one before
                ledger.unseal()
            ledger.die(code, nth, after)
            check(ledger.anchors() == ([], []), str(ledger.anchors()))
    if reset:
        ledger.unseal()
    for code, nth, after, where in STEPS:
        with suite.case(f"the helper is killed when {where}{how}: one intent, no entry twice, and it holds"):
            # A reset begins a session, whose statement has a quote of its own, and so has the note over that.
            more = (0 if not reset or code != QUOTE or where == STEPS[0][3] else 2 if where == STEPS[-2][3] else 1)
            ledger.die(code, nth + more, after)
            intents, ends = ledger.anchors()
            check(len(intents) == 1 and len(ends) == (where in (STEPS[-2][3], STEPS[-1][3])), f"{intents} {ends}")
            if reset:
                ledger.tpm.restart()
    with suite.case(f"the anchor that was killed at each step{how} is ended once: its counter moved by one, and the evidence "
                    "goes on"):
        suite.must("checkpoint", ledger.path)
        text, rows = swtpm.holds(suite, ledger.path)
        intents, ends = ledger.anchors()
        made = 1 + reset  # the newest session has one, too
        check(len(intents) == len(ends) == made and all("detail" not in end["operations"] for end in ends), f"{intents} {ends}")
        check(ledger.between.increments == made, f"{ledger.between.increments} increments")
        check(rows[-1]["state"] == 1, str(rows))
        lost = sum(row["state"] == 2 for row in rows)
        check((lost > 0) == reset and "counter" not in text, f"{rows} {text}")
    ledger.tpm.stop()


def agent(suite):
    ledger = Ledger(suite, "agent")
    b = ledger.between
    with suite.case("an agent's helper is killed behind the increment, and then the agent: entries come in before, evidence "
                    "behind, and the anchor is ended once"):
        b.code, b.skip, b.after, b.times = INCREMENT, 0, True, 1
        running = swtpm.Agent(suite, ledger.path, "")
        swtpm.wait_until("a death", lambda: b.times == 0)
        held = swtpm.entries(suite, ledger.path)
        swtpm.wait_until("entries", lambda: swtpm.entries(suite, ledger.path) > held)
        running.stop(signal.SIGKILL)  # which leaves a TPM that has failed alone for ten seconds; the next one does not
        running = swtpm.Agent(suite, ledger.path, "")
        swtpm.wait_until("evidence of them", lambda: swtpm.attested(suite, ledger.path) > held)
        check(running.stop() == 0, f"tallyd ended with {running.process.returncode}")
        swtpm.holds(suite, ledger.path)
        intents, ends = ledger.anchors()
        check(len(ends) == len(intents) and all("detail" not in end["operations"] for end in ends), f"{intents} {ends}")
        check(b.increments == len(intents), f"{b.increments} increments, {len(intents)} intents")
    ledger.tpm.stop()


def body(suite):
    suite.running, suite.proxies, suite.agents = [], [], []
    try:
        steps(suite, "session", False)
        steps(suite, "resets", True)
        agent(suite)
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
        print("skipped: anchors that are killed: swtpm is not installed (package swtpm)")
        scenario.end()
        raise SystemExit(77)
    main(scenario, body)
