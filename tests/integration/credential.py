#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tpm2_activatecredential opens our credentials, and our agent's TPM opens those of
tpm2_makecredential; over one swtpm.

    credential.py CREDENTIAL TALLY HELPER
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOOLS = ("swtpm", "tpm2_createek", "tpm2_create", "tpm2_load", "tpm2_activatecredential", "tpm2_makecredential",
         "tpm2_startauthsession", "tpm2_policysecret", "tpm2_readpublic", "tpm2_flushcontext")


def free_ports():
    """Two in a row, for commands and control; where the search begins is left to chance, as tests run beside one another."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as a, socket.socket() as b:
            try:
                a.bind(("127.0.0.1", port))
                b.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


class Place:
    what = "credential"  # the test, in what it says

    def __init__(self, program, tally, helper):
        self.program, self.tally = os.path.abspath(program), os.path.abspath(tally)
        self.dir = Path(tempfile.mkdtemp(prefix=f"tally-{self.what}-"))
        self.port = free_ports()
        self.env = dict(os.environ, TALLY_TPM_HELPER=os.path.abspath(helper),
                        TPM2TOOLS_TCTI=f"swtpm:host=127.0.0.1,port={self.port}")
        (self.dir / "tpm").mkdir()
        self.tpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.dir}/tpm", "--server",
                                     f"type=tcp,port={self.port},bindaddr=127.0.0.1", "--ctrl",
                                     f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1", "--flags",
                                     "not-need-init,startup-clear"], stdin=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return
            except OSError:
                if self.tpm.poll() is not None:
                    raise SystemExit(f"{self.what}: swtpm ended with {self.tpm.returncode}") from None
                time.sleep(0.05)
        raise SystemExit(f"{self.what}: swtpm does not listen")

    def __call__(self, *command, fails=False):
        done = subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env=self.env, cwd=self.dir, timeout=120)
        if (done.returncode != 0) != fails:
            raise SystemExit(f"{self.what}: {' '.join(map(str, command))}: exit {done.returncode}: "
                             f"{done.stderr.decode(errors='replace')[:1500]}")
        return done.stdout.decode(errors="replace")

    def ek_session(self):
        self("tpm2_startauthsession", "--policy-session", "-S", "session")
        self("tpm2_policysecret", "-S", "session", "-c", "e")

    def activate(self, blob, **how):
        self.ek_session()
        self("tpm2_activatecredential", "-c", "ak.ctx", "-C", "ek.ctx", "-i", blob, "-o", "opened", "-P",
             "session:session", **how)
        self("tpm2_flushcontext", "session")
        self("tpm2_flushcontext", "-t")

    def keys(self, algorithm):
        """An endorsement key and an attestation key below it, of tpm2-tools."""
        self("tpm2_createek", "-G", algorithm, "-c", "ek.ctx", "-u", "ek.pub")
        self("tpm2_flushcontext", "-t")  # each tool leaves its objects
        self.ek_session()
        self("tpm2_create", "-C", "ek.ctx", "-P", "session:session", "-G", "ecc256:ecdsa-sha256:null", "-a",
             "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign", "-u", "ak.pub", "-r", "ak.priv")
        self("tpm2_flushcontext", "session")
        self("tpm2_flushcontext", "-t")
        self.ek_session()
        self("tpm2_load", "-C", "ek.ctx", "-P", "session:session", "-u", "ak.pub", "-r", "ak.priv", "-c", "ak.ctx", "-n",
             "ak.name")
        self("tpm2_flushcontext", "session")
        self("tpm2_flushcontext", "-t")

    def ours_for_theirs(self, algorithm):
        """A key that tpm2-tools hold, a credential of ours."""
        self.keys(algorithm)
        name = (self.dir / "ak.name").read_bytes().hex()
        secret = os.urandom(32)
        (self.dir / "secret").write_bytes(secret)
        self(self.program, "make", "ek.pub", name, "secret", "blob")
        self.activate("blob")
        if (self.dir / "opened").read_bytes() != secret:
            raise SystemExit(f"credential: {algorithm}: another secret came out")
        other = name[:-1] + ("0" if name[-1] != "0" else "1")
        self(self.program, "make", "ek.pub", other, "secret", "blob")
        self.activate("blob", fails=True)
        self("tpm2_flushcontext", "-t")
        self("tpm2_flushcontext", "-l")
        print(f"credential: tpm2_activatecredential opens ours for an endorsement key {algorithm}, and none for another name")

    def theirs_for_ours(self):
        """A ledger's own keys, a credential of tpm2_makecredential."""
        self(self.tally, "init", "ledger", "--tpm", f"swtpm:host=127.0.0.1,port={self.port}")
        self(self.tally, "enrol", "request", "ledger", "-o", "request")
        name = self(self.program, "request", "request", "ek.pub").strip()
        secret = os.urandom(32)
        (self.dir / "secret").write_bytes(secret)
        self("tpm2_makecredential", "-T", "none", "-u", "ek.pub", "-s", "secret", "-n", name, "-o", "blob")
        self(self.program, "challenge", "blob", "challenge")
        self(self.tally, "enrol", "respond", "ledger", "challenge", "-o", "response")
        self(self.program, "response", "response", "opened")
        if (self.dir / "opened").read_bytes() != secret:
            raise SystemExit("credential: another secret came out of theirs")
        print("credential: tally enrol respond opens that of tpm2_makecredential")

    def end(self):
        self.tpm.send_signal(signal.SIGKILL)
        self.tpm.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)


def main():
    missing = [name for name in TOOLS if not shutil.which(name)]
    if missing:
        print(f"credential: skipped: {', '.join(missing)} missing (Debian: tpm2-tools, swtpm)")
        raise SystemExit(77)
    place = Place(*sys.argv[1:])
    try:
        place.ours_for_theirs("ecc")
        place.ours_for_theirs("rsa")
        place.theirs_for_ours()
    finally:
        place.end()


if __name__ == "__main__":
    main()
