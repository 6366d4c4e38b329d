#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the host's root does to a TPM by tpm2-tools, in front of the whole program, over a
real swtpm: an older copy of the ledger is brought back, the ledger's PCR is extended, the
counter is undefined and defined again, the TPM is cleared. Who finds it, and by what.

    tpmroot.py TALLY TALLYD [--helper TALLYD-TPM]
"""

import os
import shutil
import signal
import subprocess

import swtpm
import tpmfaults
from scenario import Suite, arguments, check, main

TOOLS = ("tpm2_pcrextend", "tpm2_nvundefine", "tpm2_nvdefine", "tpm2_nvincrement", "tpm2_nvreadpublic", "tpm2_clear")
COUNTER = "authread|authwrite|ownerread|no_da|nt=counter"


class Host:
    """A ledger over a swtpm that tpm2-tools reach, too, whenever no agent runs."""

    def __init__(self, suite, name):
        self.suite, self.port = suite, tpmfaults.free_pair()
        self.tpm = swtpm.Swtpm(suite, name)
        self.tpm.port = self.port
        self.flags = (*swtpm.FLAGS, "--ctrl", f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1")
        self.tpm.start(*self.flags)
        self.env = dict(suite.env, TPM2TOOLS_TCTI=f"swtpm:host=127.0.0.1,port={self.port}")
        self.ledger = suite.scratch / f"{name}-ledger"
        suite.must("init", self.ledger, "--tpm", f"swtpm:host=127.0.0.1,port={self.port}")

    def tool(self, *words):
        done = subprocess.run([str(w) for w in words], cwd=self.suite.scratch, env=self.env, capture_output=True, text=True,
                              timeout=60, check=False)
        check(done.returncode == 0, f"{words}: {done}")
        return done.stdout

    def run_agent(self, until=None):
        """From its start to its orderly stop, which makes an anchor; entries come in meanwhile."""
        held = swtpm.entries(self.suite, self.ledger)
        agent = swtpm.Agent(self.suite, self.ledger, ", ledger_pcr: 15")
        swtpm.wait_until("entries", lambda: swtpm.entries(self.suite, self.ledger) > held + 1)
        swtpm.wait_until("what it is to do", until or (lambda: swtpm.attested(self.suite, self.ledger) > held))
        return agent.stop()

    def attested(self):
        """Rows that are done."""
        out = self.suite.scratch / "rows"
        self.suite.must("export", self.ledger, "--to", out)
        data = (out / "private/evidence").read_bytes()
        shutil.rmtree(out)
        return sum(data[i + 1] == 1 for i in range(0, len(data), 128))

    def anchors(self):
        return [e["operations"] for e in swtpm.kinds(self.suite, self.ledger, "anchor")]

    def index(self):
        return self.tool("tpm2_nvreadpublic").split(":", 1)[0].strip()

    def verify(self, code, *others):
        out = self.suite.scratch / "out"
        self.suite.must("export", self.ledger, "--to", out)
        answer = self.suite.must("verify", out, *others, "--anchor", self.ledger / "keys/log.vkey", code=code)
        shutil.rmtree(out)
        return answer.text


def copies(suite):
    host = Host(suite, "copies")
    with suite.case("a PCR of the ledger that somebody extends by tpm2_pcrextend: a foreign row, told, and the evidence goes on"):
        check(host.run_agent() == 0 and len(host.anchors()) > 0, "no anchor")
        host.tool("tpm2_pcrextend", "15:sha256=" + "11" * 32)
        check(host.run_agent() == 0, "tallyd failed")
        check("somebody else extended PCR 15" in host.verify(0), "it is not told")
    newer, older = suite.scratch / "newer", suite.scratch / "older"
    with suite.case("an older copy of the ledger before a TPM that went on: it is closed for signing, and goes on recording"):
        shutil.copytree(host.ledger, older, ignore=shutil.ignore_patterns("control"))
        check(host.run_agent() == 0, "tallyd failed")
        host.ledger.rename(newer)
        older.rename(host.ledger)
        before = swtpm.entries(suite, host.ledger)
        check(host.run_agent() == 0, "tallyd failed")
        status = suite.must("status", host.ledger).text
        check("CLOSED for good" in status and "this is an older copy of the ledger" in status, status)
        suite.refused("checkpoint", host.ledger, code=1, names=["closed for signing"])
        check(swtpm.entries(suite, host.ledger) > before, "no entry came in")
    with suite.case("the copy and what was there before it: two histories, whichever is shown first"):
        out = suite.scratch / "out-newer"
        suite.must("export", newer, "--to", out)
        check("tpm-16" in host.verify(1, out), "it is not told")
    host.tpm.stop()


def counters(suite):
    host = Host(suite, "counters")
    check(host.run_agent() == 0 and len(host.anchors()) > 0, "no anchor")
    index = host.index()
    with suite.case("another counter of the same index, which tpm2_nvdefine made: no anchor is made by it, and it is found"):
        made = len(host.anchors())
        host.tool("tpm2_nvundefine", "-C", "o", index)
        host.tool("tpm2_nvdefine", "-C", "o", "-s", 8, "-a", COUNTER, "-p", "stranger", index)
        for _ in range(3):
            host.tool("tpm2_nvincrement", "-C", index, "-P", "stranger", index)
        check(host.run_agent() == 0, "tallyd failed")
        check(all("certification" not in anchor for anchor in host.anchors()[made:]), "an anchor by a stranger's counter")
        log = (suite.scratch / "tallyd.log").read_text()
        check("no NV counter for anchors: its auth is not ours" in log, log[-1500:])
        text = host.verify(1)
        check("names no NV counter; there was one before [tpm-12]" in text, text)
    with suite.case("a counter that is undefined: the anchors tell the time alone"):
        made = len(host.anchors())
        host.tool("tpm2_nvundefine", "-C", "o", index)
        check(host.run_agent() == 0, "tallyd failed")
        new = host.anchors()[made:]
        check(new and all("certification" not in anchor and "tpm_time" in anchor for anchor in new), str(new))
    with suite.case("a TPM that tpm2_clear has cleared: entries come in without evidence, and no command has any to give"):
        host.tool("tpm2_clear")
        before, size = swtpm.entries(suite, host.ledger), host.attested()
        check(host.run_agent(lambda: True) == 0, "tallyd failed")
        check(swtpm.entries(suite, host.ledger) > before and host.attested() == size, "it is attested")
        suite.refused("checkpoint", host.ledger, code=3, names=["not a key of this TPM (cleared, replaced, or another state)"])
    host.tpm.stop()


def body(suite):
    suite.running, suite.proxies, suite.agents = [], [], []
    try:
        copies(suite)
        counters(suite)
    finally:
        for one in suite.agents:
            if one.process.poll() is None:
                one.stop(signal.SIGKILL)
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
    missing = [tool for tool in ("swtpm", *TOOLS) if not shutil.which(tool)]
    if missing:
        print(f"skipped: what root does to a TPM: {', '.join(missing)} not installed (packages swtpm, tpm2-tools)")
        scenario.end()
        raise SystemExit(77)
    main(scenario, body)
