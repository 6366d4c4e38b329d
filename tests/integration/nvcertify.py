#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tpm2-tools and our verifier take each other's attestations, over one swtpm: the
certification of the anchors' counter, the time, and quotes.

    nvcertify.py ATTESTED TALLY TALLYD HELPER

What is ours is taken out of an export by docs/FORMAT.md alone, and checked by
tpm2_checkquote and tpm2_verifysignature (quotes: checkquote.sh); what is theirs is checked by the
code of `tally verify`, in ATTESTED.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

import credential
import extract_quote

TOOLS = (*credential.TOOLS, "tpm2_nvcertify", "tpm2_gettime", "tpm2_quote", "tpm2_checkquote", "tpm2_verifysignature",
         "tpm2_loadexternal", "tpm2_createprimary", "tpm2_readclock", "tpm2_nvreadpublic", "tpm2_nvread")
INTENT, ANCHOR = 71, 72


def fail(what):
    raise SystemExit(f"nvcertify: {what}")


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


class Place(credential.Place):
    what = "nvcertify"

    def __init__(self, attested, tally, tallyd, helper):
        self.tallyd = os.path.abspath(tallyd)
        super().__init__(attested, tally, helper)

    def write(self, name, data):
        (self.dir / name).write_bytes(data)

    def read(self, name):
        return (self.dir / name).read_bytes()

    def anchors(self):
        """Makes a ledger with an anchor, and takes that out of its export."""
        self(self.tally, "init", "ledger", "--tpm", f"swtpm:host=127.0.0.1,port={self.port}")
        # An agent over libvirt's own test driver: its session begins with an anchor.
        (self.dir / "tallyd.yaml").write_text(f"ledger: {self.dir}/ledger\nlibvirt: {{uri: 'test:///default'}}\n"
                                              "processes: {unmanaged: false}\n")
        with open(self.dir / "tallyd.log", "wb") as log:
            agent = subprocess.Popen([self.tallyd, "-c", "tallyd.yaml"], cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log)
        try:
            end = time.monotonic() + 60
            while '"kind":"anchor"' not in self(self.tally, "log", "ledger", "--json", "--kind", "anchor").replace(" ", ""):
                if agent.poll() is not None or time.monotonic() > end:
                    fail(f"no anchor: {self.read('tallyd.log')!r}")
                time.sleep(0.2)
        finally:
            agent.terminate()
            agent.wait(60)
        self(self.tally, "export", "ledger", "--to", "export")
        self(self.tally, "verify", "export", "--anchor", "ledger/keys/log.vkey")
        export = self.dir / "export"
        self.statement = extract_quote.statement(export)
        self.counter = list(extract_quote.operations(export, INTENT))[-1][34]
        anchor = list(extract_quote.operations(export, ANCHOR))[-1]
        for name, content in (("nv", anchor[39]), ("time", anchor[41])):
            r = extract_quote.Reader(content)
            if r.number(1) != 1:
                fail(f"version of an attestation: {content[:1]!r}")
            self.write(f"{name}.msg", r.sized(2))
            self.write(f"{name}.sig", r.sized(2))
            if r.left():
                fail("bytes left over behind an attestation")
        self.write("ours.pem", extract_quote.public_key(self.statement[4]).encode())
        self.write("ours.nv", self.statement[19])
        self("tpm2_loadexternal", "-C", "n", "-G", "ecc", "-u", "ours.pem", "-c", "ours.ctx")
        self("tpm2_flushcontext", "-t")

    def digests(self):
        """q of each note of the export."""
        r, found = extract_quote.Reader(self.read("export/private/notes")), set()
        while r.left():
            text = r.sized(4).split(b"\n\n", 1)[0] + b"\n"
            found.add(hashlib.sha256(b"tally/checkpoint/v1\0" + text).hexdigest())
        return found

    def ours_for_theirs(self):
        """What the ledger's TPM has attested, before tpm2-tools."""
        name = "000b" + hashlib.sha256(self.statement[19]).hexdigest()
        index = "0x" + self.statement[19][:4].hex()
        for what, kind in (("nv", "8014"), ("time", "8019")):
            message = self.read(f"{what}.msg")
            # TPMS_ATTEST begins: magic, type, qualified signer, extraData; tpm2_print knows quotes only.
            r = extract_quote.Reader(message)
            begins, _, q = r.take(6).hex(), r.sized(2), r.sized(2).hex()
            if begins != "ff544347" + kind or q not in self.digests():
                fail(f"{what}: {begins}, extraData {q}")
            verify = ("tpm2_verifysignature", "-c", "ours.ctx", "-g", "sha256", "-s", f"{what}.sig", "-m")
            self(*verify, f"{what}.msg")
            checkquote = ("tpm2_checkquote", "-u", "ours.pem", "-m", f"{what}.msg", "-s", f"{what}.sig", "-g", "sha256", "-q")
            self(*checkquote, q)
            self(*checkquote, "00" * 32, fails=True)
            self.write("bent.msg", flip(message, len(message) - 1))
            self("tpm2_flushcontext", "-t")
            self(*verify, "bent.msg", fails=True)
            self("tpm2_flushcontext", "-t")
        if name not in self("tpm2_nvreadpublic", index) or bytes.fromhex(name) not in self.read("nv.msg"):
            fail(f"index {index} has not the name {name}, or another one is certified")
        self("tpm2_nvread", "-C", "o", index, "-s", 8, "-o", "value")
        value = int.from_bytes(self.read("value"), "big")
        if value != self.counter or self.read("nv.msg")[-8:] != self.read("value"):
            fail(f"the counter is {value} for tpm2_nvread, {self.counter} in the anchor")
        print("nvcertify: tpm2_checkquote, tpm2_verifysignature and tpm2_nvread agree with an anchor's certification and time")

    def checked(self, kind, q, *last, ak="ak.pub", refused=None):
        """Our verifier over theirs: what it reads, or that it refuses by that check."""
        counts = dict(re.findall(r"(reset_count|restart_count): (\d+)", self("tpm2_readclock")))
        done = subprocess.run([self.program, kind, q, counts["reset_count"], counts["restart_count"], "ek.pub", ak,
                               f"{kind}.msg", f"{kind}.sig", *last], cwd=self.dir, capture_output=True, text=True,
                              check=False, timeout=60)
        if refused is None and done.returncode != 0 or refused is not None and f"check {refused}:" not in done.stderr:
            fail(f"{kind}, wanted {refused or 'good'}: exit {done.returncode} {done.stderr}")
        return done.stdout.strip()

    def theirs_for_ours(self):
        """The same counter, the time and the PCRs, attested by a key that tpm2-tools hold."""
        self.keys("ecc")
        q, other = os.urandom(32).hex(), os.urandom(32).hex()
        index = "0x" + self.statement[19][:4].hex()
        self("tpm2_nvcertify", "-C", "ak.ctx", "-c", "o", "-g", "sha256", "-s", "ecdsa", "-q", q, "--size", 8, "--offset", 0,
             "--attestation", "counter.msg", "-o", "counter.sig", index)
        self("tpm2_gettime", "-c", "ak.ctx", "-g", "sha256", "-s", "ecdsa", "-q", q, "--attestation", "time.msg", "-o", "time.sig")
        self("tpm2_quote", "-c", "ak.ctx", "-l", "sha256:0,1,2,3,4,5,6,7", "-g", "sha256", "--scheme", "ecdsa", "-q", q,
             "-m", "quote.msg", "-s", "quote.sig", "-o", "pcrs", "-F", "values")
        self("tpm2_flushcontext", "-t")
        if int(self.checked("counter", q, "ours.nv")) != self.counter:
            fail("another value of the counter")
        self.checked("time", q)
        self.checked("quote", q, "pcrs")
        # And what must not pass: another q, another index, a flipped value, a kind for another.
        for kind, last in (("counter", ["ours.nv"]), ("time", []), ("quote", ["pcrs"])):
            self.checked(kind, other, *last, refused=7)
            message = self.read(f"{kind}.msg")
            self.write(f"{kind}.msg", flip(message, len(message) - 1))
            self.checked(kind, q, *last, refused=4)
            self.write(f"{kind}.msg", message)
        self.write("other.nv", flip(self.statement[19], 3))
        self.checked("counter", q, "other.nv", refused=12)
        shutil.copy(self.dir / "time.msg", self.dir / "counter.msg")
        shutil.copy(self.dir / "time.sig", self.dir / "counter.sig")
        self.checked("counter", q, "ours.nv", refused=3)
        print("nvcertify: the verifier takes tpm2_nvcertify's of our counter, tpm2_gettime's and tpm2_quote's, and none that "
              "was changed")

    def outsiders(self):
        """Keys that tpm2-tools make for nobody's good: of the owner, and an unrestricted one."""
        q = os.urandom(32).hex()
        index = "0x" + self.statement[19][:4].hex()
        self("tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", "primary.ctx")
        self("tpm2_flushcontext", "-t")
        good = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign"
        for attributes, refused in ((good, 6), (good.replace("restricted|", ""), 5)):
            self("tpm2_create", "-C", "primary.ctx", "-G", "ecc256:ecdsa-sha256:null", "-a", attributes, "-u", "owner.pub",
                 "-r", "owner.priv", "-c", "owner.ctx")
            self("tpm2_flushcontext", "-t")
            self("tpm2_nvcertify", "-C", "owner.ctx", "-c", "o", "-g", "sha256", "-s", "ecdsa", "-q", q, "--size", 8,
                 "--offset", 0, "--attestation", "counter.msg", "-o", "counter.sig", index)
            self("tpm2_flushcontext", "-t")
            self.checked("counter", q, "ours.nv", ak="owner.pub", refused=refused)
        print("nvcertify: a key of the owner's hierarchy is refused by check 6, an unrestricted one by check 5")


def main():
    missing = [name for name in TOOLS if not shutil.which(name)]
    if missing:
        print(f"nvcertify: skipped: {', '.join(missing)} missing (Debian: tpm2-tools, swtpm)")
        raise SystemExit(77)
    place = Place(*sys.argv[1:])
    try:
        place.anchors()
        place.ours_for_theirs()
        place.theirs_for_ours()
        place.outsiders()
    finally:
        place.end()


if __name__ == "__main__":
    main()
