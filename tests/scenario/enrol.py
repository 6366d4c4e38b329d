#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A host's TPM is enrolled by files. The TPM is a swtpm that swtpm_setup has made,
with certificates of its local authority; OpenSSL and tpm2-tools look at the same.

    enrol.py TALLY TALLYD [--helper TALLYD-TPM] [--credential PROGRAM]
"""

import base64
import json
import os
import re
import shutil
import signal
import struct
import subprocess

from scenario import Suite, Wrong, arguments, check, main
from swtpm import FLAGS, Agent, Estate, Swtpm, attested, kinds, wait_until


def tool(*command, env=None):
    """Somebody else's program, which has to succeed; its output."""
    done = subprocess.run([*map(os.fspath, command)], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          env=dict(os.environ, **(env or {})), timeout=120)
    if done.returncode != 0:
        raise Wrong(f"{command[0]}: exit {done.returncode}: {done.stderr.decode(errors='replace')[:800]}")
    return done.stdout.decode(errors="replace")


class Manufactured(Swtpm):
    """A swtpm whose endorsement keys have certificates of an authority of its own."""

    def __init__(self, suite, name, authority):
        super().__init__(suite, name)
        files = self.state.parent / f"{name}.setup"
        files.mkdir()
        (files / "options").write_text("")
        (files / "ca.conf").write_text(f"statedir = {authority}\nsigningkey = {authority}/signkey.pem\n"
                                       f"issuercert = {authority}/issuercert.pem\ncertserial = {authority}/serial\n")
        (files / "setup.conf").write_text("create_certs_tool=/usr/bin/swtpm_localca\n"
                                          f"create_certs_tool_config={files}/ca.conf\n"
                                          f"create_certs_tool_options={files}/options\n")
        tool("swtpm_setup", "--tpm2", "--tpmstate", self.state, "--create-ek-cert", "--config", files / "setup.conf",
             "--write-ek-cert-files", files, "--logfile", files / "log")
        self.certificates = files

    def transport(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"


class Desk:
    """An enroller: its key, its roots, its register."""

    def __init__(self, suite, name, *roots):
        self.suite, self.top = suite, suite.scratch / name
        self.top.mkdir()
        self.key, self.vkey = self.top / "key", self.top / "vkey"
        self.vkey.write_text(suite.must("enrol", "key", f"{name}.example/enrol", "-o", self.key).text)
        self.register = self.top / "register"
        self.roots = [word for root in roots for word in ("--roots", root)]
        self.count = 0

    def issue(self, ledger, *options, asset="0042", code=0, names=(), new_key=False):
        """The whole way for a ledger; the record's path, or the refusal."""
        self.count += 1
        files = [self.top / f"{self.count}.{kind}" for kind in ("request", "challenge", "response", "record")]
        self.suite.must("enrol", "request", ledger, "--asset", asset, "-o", files[0], *["--new-key"] * new_key)
        self.suite.must("enrol", "challenge", files[0], "--key", self.key, "-o", files[1])
        self.suite.must("enrol", "respond", ledger, files[1], "-o", files[2])
        command = ("enrol", "issue", *files[:3], "--key", self.key, *self.roots, "--register", self.register,
                   "-o", files[3], *options)
        if code:
            return self.suite.refused(*command, code=code, names=names)
        self.told = self.suite.must(*command).error
        return files[3]


def verdict(suite, ledger, *pins, code=0, options=()):
    out = suite.scratch / "out"
    suite.must("export", ledger, "--to", out)
    words = [word for pin in (ledger / "keys/log.vkey", *pins) for word in ("--anchor", pin)]
    answer = suite.must("verify", out, *words, "--json", *options, code=code)
    text = suite.run("verify", out, *words).text
    shutil.rmtree(out)
    return json.loads(answer.text), text


def values(path, key):
    return re.findall(rf"^{key} (.*)$", path.read_text(), re.M)


def enrolment(suite, tpm, authority, desk):
    ledger = suite.scratch / "ledger"
    pins = (desk.vkey, authority / "swtpm-localca-rootca-cert.pem", authority / "issuercert.pem")
    suite.must("init", ledger, "--tpm", tpm.transport())
    with suite.case("a swtpm with certificates is enrolled by four files, and stays a software TPM"):
        record = desk.issue(ledger)
        check("its certificate says that it is a software TPM" in desk.told, desk.told)
        suite.must("enrol", "accept", ledger, record)
        answer, text = verdict(suite, ledger, *pins)
        check(answer["holds"] and answer["anchored"] and answer["class"] == "software (libtpms)", str(answer))
        check("no pinned root" not in text and "counts for nothing" not in text, text)
        entry = kinds(suite, ledger, "enrolment")
        check(len(entry) == 1, str(entry))
    with suite.case("tally log tells the record in words"):
        line = suite.must("log", ledger, "--kind", "enrolment").text
        check("class=software (libtpms) asset=0042 enroller=desk.example/enrol" in line, line)
    with suite.case("hardware is not to be had of it by asking"):
        desk.issue(ledger, "--class", "hardware-certified", code=2, names=["more than its certificates give"])
        desk.issue(ledger, "--class", "hardware-uncertified", code=2, names=["more than its certificates give"])
        answer, _ = verdict(suite, ledger, *pins, code=1, options=("--require", "hardware"))
        check([p["check"] for p in answer["problems"]] == ["require"], str(answer))
    with suite.case("a record of an enroller that is not pinned counts for nothing"):
        answer, text = verdict(suite, ledger)
        check(answer["holds"] and "counts for nothing" in text, text)
    with suite.case("a pinned record anchors its log"):
        out = suite.scratch / "pinned"
        suite.must("export", ledger, "--to", out)
        suite.must("verify", out, "--anchor", record)
        suite.must("verify", out, code=4)
    with suite.case("a folder of pins is as good as its files"):
        folder = suite.scratch / "pins"
        folder.mkdir()
        for path in (ledger / "keys/log.vkey", *pins):
            shutil.copy(path, folder)
        suite.must("verify", out, "--anchor", folder)
    return ledger, record


def succession(error):
    """What a refusal says that is to be confirmed."""
    (confirmed,) = re.findall(r"--succeeds '([^']*)'", error)
    return confirmed


def openssl(suite, authority, record):
    with suite.case("openssl verify agrees on the chain of the record, and refuses another root"):
        chain = [subprocess.run(["base64", "-d"], input=value.encode(), capture_output=True, check=True).stdout
                 for value in values(record, "certificate")]
        check(len(chain) == 2, f"{len(chain)} certificates")
        for i, der in enumerate(chain):
            (suite.scratch / f"{i}.der").write_bytes(der)
            tool("openssl", "x509", "-inform", "DER", "-in", suite.scratch / f"{i}.der", "-out", suite.scratch / f"{i}.pem")
        said = tool("openssl", "verify", "-CAfile", authority / "swtpm-localca-rootca-cert.pem", "-untrusted",
                    suite.scratch / "1.pem", suite.scratch / "0.pem")
        check("OK" in said, said)
        done = subprocess.run(["openssl", "verify", "-CAfile", suite.scratch / "0.pem", suite.scratch / "0.pem"],
                              capture_output=True, check=False)
        check(done.returncode != 0, "its own root")


def hostile(suite, ledger, desk):
    files = {kind: desk.top / f"1.{kind}" for kind in ("request", "challenge", "response", "record")}
    bent = suite.scratch / "bent"
    with suite.case("a request that its log did not sign is refused"):
        bent.write_text(files["request"].read_text().replace("asset 0042", "asset 0043"))
        suite.refused("enrol", "challenge", bent, "--key", desk.key, code=1, names=["signature"])
    with suite.case("a file that is another one is refused with its line"):
        suite.refused("enrol", "challenge", files["record"], "--key", desk.key, code=2, names=[":1:1: no request"])
        suite.refused("enrol", "accept", ledger, files["request"], code=2, names=[":1:1: no record"])
        suite.refused("enrol", "respond", ledger, files["response"], code=2, names=[":1:1: not "])
    with suite.case("a response with another secret is refused"):
        secret = values(files["response"], "secret")[0]
        other = ("B" if secret[0] == "A" else "A") + secret[1:]
        bent.write_text(files["response"].read_text().replace(secret, other))
        suite.refused("enrol", "issue", files["request"], files["challenge"], bent, "--key", desk.key, code=1,
                      names=["secret 1 is not what was sealed"])
    with suite.case("a challenge that was changed, or is another enroller's, is refused"):
        bent.write_text(re.sub(r"time \d{4}", "time 2001", files["challenge"].read_text()))
        suite.refused("enrol", "issue", files["request"], bent, files["response"], "--key", desk.key, code=1,
                      names=["30 days"])
        other = Desk(suite, "other")
        suite.refused("enrol", "issue", *[files[k] for k in ("request", "challenge", "response")], "--key", other.key,
                      code=1, names=["not what was sealed"])
    with suite.case("a credential that was changed opens nothing"):
        sealed = values(files["challenge"], "object")[0]
        bent.write_text(files["challenge"].read_text().replace(sealed, sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]))
        suite.refused("enrol", "respond", ledger, bent, code=3, names=["credential 1 is not for this TPM"])
    with suite.case("a log's key is no enroller's, and a key is made once"):
        suite.refused("enrol", "challenge", files["request"], "--key", ledger / "keys/log.key", code=2,
                      names=["a log's key"])
        suite.refused("enrol", "key", "x", "-o", desk.key, code=3, names=[desk.key])
    with suite.case("wrong use says how"):
        suite.refused("enrol", code=2)
        suite.refused("enrol", "grant", code=2, names=["grant"])
        suite.refused("enrol", "issue", files["request"], code=2, names=["CHALLENGE"])
        suite.refused("enrol", "challenge", files["request"], code=2, names=["--key"])
    with suite.case("an option that a word does not know is refused"):
        for words, option in ((("key", "x"), "--roots"), (("request", ledger), "--key"), (("request", ledger), "--cert"),
                              (("challenge", "x", "--key", "x"), "--asset"), (("respond", ledger, "x"), "--register"),
                              (("issue", "x", "x", "x", "--key", "x"), "--assets"), (("accept", ledger, "x"), "--out"),
                              (("serve", "x", "--key", "x"), "--out")):
            suite.refused("enrol", *words, option, "y", code=2, names=[option])
        suite.refused("enrol", "accept", ledger, "x", "--new-key", code=2, names=["--new-key"])


def renewed(suite, tpm, ledger, desk, authority):
    """A new attestation key under the same endorsement key."""
    pins = (desk.vkey, authority / "swtpm-localca-rootca-cert.pem", authority / "issuercert.pem")

    def keys():
        """The attestation keys of the sessions, of those that are known, as records have them."""
        known = {value for path in desk.top.glob("*.record") for value in values(path, "ak")}
        shown = [base64.b64decode(entry["operations"]["statement"]) for entry in kinds(suite, ledger, "session-statement")]
        return [next((ak for ak in known if base64.b64decode(ak) in statement), "unknown") for statement in shown]

    def begin(of):
        """The TPM is started, whatever is new, and what that wrote is attested."""
        suite.must("enrol", "request", of, "-o", suite.scratch / "unused")
        suite.must("checkpoint", of)

    old = keys()[-1]
    if os.geteuid() == 0:  # as an agent's, which root renews
        os.chown(ledger / "tpm", 12345, 23456)
    with suite.case("a new attestation key is enrolled in a session of the old one, and comes with the next"):
        record = desk.issue(ledger, new_key=True)
        check("(enrolled again)" in desk.told, desk.told)
        check(values(record, "ak")[0] != values(desk.top / "1.record", "ak")[0], "the same key")
        begin(ledger)
        check(keys()[-1] == old, "it came before its record")
        suite.must("enrol", "accept", ledger, record)
        begin(ledger)
        check(keys()[-1] != old, "it did not come")
        answer, text = verdict(suite, ledger, *pins)
        check(answer["holds"] and answer["anchored"] and answer["class"] == "software (libtpms)", str(answer))
        check("counts for nothing" not in text, text)
        check(not (ledger / "tpm/ak.next").exists() and not (ledger / "tpm/ak.next.public").exists(), "it still waits")
        check((ledger / "tpm/ak").stat().st_uid == (ledger / "tpm").stat().st_uid, "it is somebody else's")
    with suite.case("who dies between the record and the key gives the record again"):
        record = desk.issue(ledger, new_key=True)
        waiting = [ledger / "tpm" / name for name in ("ak.next", "ak.next.public")]
        for path in waiting:
            shutil.copy(path, suite.scratch)
        before, kept = keys()[-1], (ledger / "tpm/ak").read_bytes()
        suite.must("enrol", "accept", ledger, record)
        for path in waiting:
            shutil.copy(suite.scratch / path.name, path)
        (ledger / "tpm/ak").write_bytes(kept)
        count = len(kinds(suite, ledger, "enrolment"))
        begin(ledger)
        check(keys()[-1] == before, "it came by itself")
        suite.must("enrol", "accept", ledger, record)
        begin(ledger)
        check(keys()[-1] != before, "it did not come")
        check(len(kinds(suite, ledger, "enrolment")) == count, "a second record")
        verdict(suite, ledger, *pins)
    with suite.case("what is left of an older renewal brings no key that nobody enrolled"):
        shutil.copy(suite.scratch / "ak.next.public", ledger / "tpm")  # of the present key, as after a death behind its renaming
        blocked, kept = ledger / "tpm/.ak.next.public.new", (ledger / "tpm/ak").read_bytes()
        blocked.mkdir()
        suite.refused("enrol", "request", ledger, "--new-key", "-o", suite.scratch / "unused", code=3, names=["ak.next.public"])
        blocked.rmdir()
        check((ledger / "tpm/ak.next").exists(), "no key waits")
        suite.must("enrol", "accept", ledger, record)
        check((ledger / "tpm/ak").read_bytes() == kept, "the waiting key took its place")
    with suite.case("a new key that another enroller signs is refused"):
        other = Desk(suite, "rival", *(authority / name for name in ("swtpm-localca-rootca-cert.pem", "issuercert.pem")))
        count = len(kinds(suite, ledger, "enrolment"))
        suite.refused("enrol", "accept", ledger, other.issue(ledger, new_key=True), code=1, names=["not of the enroller"])
        check(len(kinds(suite, ledger, "enrolment")) == count, "a record")
    with suite.case("a new key that nobody enrolled is found"):
        copy = suite.scratch / "unenrolled"
        suite.must("enrol", "request", ledger, "--new-key", "-o", suite.scratch / "unused")
        shutil.copytree(ledger, copy)
        os.rename(copy / "tpm/ak.next", copy / "tpm/ak")
        begin(copy)
        answer, _ = verdict(suite, copy, *pins, code=1)
        check({p["check"] for p in answer["problems"]} == {"tpm-5"}, str(answer))


def others(suite, tpm, ledger, desk, authority):
    """The same machine with another TPM; the same TPM for another log."""
    with suite.case("a second ledger on an enrolled TPM is an alarm"):
        second = suite.scratch / "second"
        suite.must("init", second, "--tpm", tpm.transport(), "--origin", "example.com/second")
        desk.issue(second, asset="0043", code=1, names=["alarm: the TPM is enrolled for another log"])
    with suite.case("an enrolled log that comes with another key is an alarm"):
        twin = suite.scratch / "twin"
        origin = json.loads(suite.must("status", ledger, "--json").text)["origin"]
        suite.must("init", twin, "--tpm", tpm.transport(), "--origin", origin)
        desk.issue(twin, code=1, names=["alarm: the log is enrolled with another key"])
    tpm.stop()
    with suite.case("another TPM for a known machine is an alarm"):
        stranger = Manufactured(suite, "stranger", authority).start(*FLAGS)
        third = suite.scratch / "third"
        suite.must("init", third, "--tpm", stranger.transport())
        desk.issue(third, code=1, names=["alarm: the machine is enrolled with another TPM"])
    with suite.case("another TPM cannot answer for the first one"):
        suite.refused("enrol", "respond", third, desk.top / "1.challenge", code=3, names=["not for this TPM"])
    with suite.case("a record that does not fit to the ledger is refused, not stored"):
        suite.refused("enrol", "accept", third, desk.top / "1.record", code=1, names=["of another log"])
    return stranger


def both_hold(suite, desk, authority, *ledgers):
    """Exports of two ledgers, verified together."""
    words = ["--anchor", desk.vkey, "--anchor", authority / "swtpm-localca-rootca-cert.pem"]
    outs = []
    for ledger in ledgers:
        outs.append(suite.scratch / f"{ledger.name}.out")
        shutil.rmtree(outs[-1], ignore_errors=True)
        suite.must("export", ledger, "--to", outs[-1])
        words += ["--anchor", ledger / "keys/log.vkey"]
    suite.must("verify", *outs, *words)
    return outs, words


def successions(suite, tpm, stranger, ledger, desk, authority):
    old = suite.scratch / "old.out"
    suite.must("export", ledger, "--to", old)
    with suite.case("a replaced TPM: the new ledger succeeds the old one, is enrolled, and both hold"):
        new = suite.scratch / "new"
        replaced = suite.must("host", "replace", new, "--from", ledger, "--tpm", stranger.transport()).error
        origin = json.loads(suite.must("status", ledger, "--json").text)["origin"]
        said = succession(desk.issue(new, code=1, names=["--succeeds", origin]).error)
        check(f"It succeeds '{said}'\n" == replaced, replaced)
        desk.issue(new, "--succeeds", origin, code=2, names=["ORIGIN SIZE ROOT"])
        for other in (said.replace(origin, "example.com/other"), said.replace(" ", " 1", 1), said[:-1] + "ab"[said[-1] == "a"]):
            desk.issue(new, "--succeeds", other, code=1, names=["--succeeds", origin])
        suite.must("enrol", "accept", new, desk.issue(new, "--succeeds", said))
        desk.issue(new)  # confirmed it stays so
        begin = kinds(suite, new, "ledger-begin")[0]["operations"]
        check(begin["prev_origin"] == origin, str(begin))
        record = desk.top / f"{desk.count}.record"
        told = "It succeeds log {} with {} entries and the root {}\n".format(
            *[values(record, f"prev_{key}")[0] for key in ("origin", "size", "root")])
        check(told in desk.told, f"{told!r} is not in {desk.told!r}")
        outs, words = both_hold(suite, desk, authority, ledger, new)
    with suite.case("a copy of the old ledger that says something else there is found"):
        suite.must("verify", outs[1], old, *words)
        other = suite.scratch / "fork"
        shutil.copytree(outs[0], other)
        data = bytearray((other / "checkpoint").read_bytes())
        data[-10] ^= 1
        (other / "checkpoint").write_bytes(data)
        suite.must("verify", outs[1], other, *words, code=1)
    stranger.stop()
    tpm.start(*FLAGS)
    with suite.case("a lost disk: the same TPM with a new attestation key is enrolled again behind the checkpoint"):
        again = suite.scratch / "again"
        suite.refused("host", "replace", again, "--from", old / "checkpoint", "--tpm", tpm.transport(), code=2,
                      names=["--vkey"])
        suite.refused("host", "replace", again, "--from", old / "checkpoint", "--vkey", new / "keys/log.vkey", "--tpm",
                      tpm.transport(), code=1, names=["not signed by"])
        suite.refused("host", "replace", again, "--from", old / "checkpoint", "--vkey", ledger / "keys/log.vkey", "--tpm",
                      tpm.transport(), code=2, names=["--origin"])
        for kept in (ledger, old):
            suite.refused("host", "replace", again, "--from", kept, "--vkey", new / "keys/log.vkey", "--tpm", tpm.transport(),
                          "--origin", "example.com/again", code=1, names=["--vkey"])
        for kept in (ledger, old):
            made = suite.scratch / f"of-{kept.name}"
            suite.must("host", "replace", made, "--from", kept, "--vkey", ledger / "keys/log.vkey", "--origin", "example.com/made")
        suite.must("host", "replace", again, "--from", old / "checkpoint", "--vkey", ledger / "keys/log.vkey", "--tpm",
                   tpm.transport(), "--origin", "example.com/again")
        desk.issue(again, code=1, names=["alarm: another log succeeds the old one"])
        desk.register = suite.scratch / "before"  # as it was before the TPM was replaced
        desk.register.mkdir()
        shutil.copy(desk.top / "1.record", desk.register)
        said = succession(desk.issue(again, code=1).error)
        suite.must("enrol", "accept", again, desk.issue(again, "--succeeds", said))
        both_hold(suite, desk, authority, ledger, again)
    with suite.case("two successors of one log are a problem"):
        outs, words = both_hold(suite, desk, authority, again)
        answer = suite.must("verify", suite.scratch / "new.out", *outs, *words, "--json", code=1)
        check([p["check"] for p in json.loads(answer.text)["problems"]] == ["tpm-14"], answer.text)
    with suite.case("a ledger that succeeds a successor is no alarm either"):
        last = suite.scratch / "last"
        suite.must("host", "replace", last, "--from", again, "--tpm", tpm.transport(), "--origin", "example.com/last")
        said = succession(desk.issue(last, code=1, names=["example.com/again"]).error)
        suite.must("enrol", "accept", last, desk.issue(last, "--succeeds", said))
        both_hold(suite, desk, authority, ledger, again, last)
    with suite.case("wrong use of host says how"):
        suite.refused("host", code=2)
        suite.refused("host", "retire", code=2, names=["retire"])
        suite.refused("host", "replace", again, code=2, names=["--from"])
        suite.refused("host", "replace", again, "--from", suite.scratch / "none", code=3, names=["none"])
    tpm.stop()


def passwords(suite, authority, desk):
    """Both hierarchies have a password, as an operator may set them."""
    tpm = Manufactured(suite, "guarded", authority).start(*FLAGS)
    secret, wrong = suite.scratch / "secret", suite.scratch / "wrong"
    secret.write_text("open sesame\n")
    wrong.write_text("open barley\n")
    for hierarchy in (0x4000000b, 0x40000001):
        auth = struct.pack(">IHBH", 0x40000009, 0, 0, 0)
        tail = struct.pack(">II", hierarchy, len(auth)) + auth + struct.pack(">H", 11) + b"open sesame"
        code = tpm.send(struct.pack(">HII", 0x8002, 10 + len(tail), 0x129) + tail)
        check(code == 0, f"TPM2_HierarchyChangeAuth: {code:#x}")
    ledger = suite.scratch / "guarded-ledger"
    given = ("--endorsement-password", secret, "--owner-password", secret)
    with suite.case("a TPM whose hierarchies have passwords needs them, and is enrolled with them"):
        suite.refused("init", ledger, "--tpm", tpm.transport(), code=3, names=["endorsement key"])
        suite.refused("init", ledger, "--tpm", tpm.transport(), "--endorsement-password", wrong, code=3,
                      names=["endorsement key"])
        suite.must("init", ledger, "--tpm", tpm.transport(), *given)
        modes = {(ledger / "tpm" / f"{name}.password").stat().st_mode & 0o777 for name in ("endorsement", "owner")}
        check(modes == {0o600}, str(modes))
        suite.must("enrol", "accept", ledger, desk.issue(ledger, asset="0099"))
        tpm.restart()
        suite.must("checkpoint", ledger)
        both_hold(suite, desk, authority, ledger)
    with suite.case("an agent takes the passwords from the files of its configuration, and none that others can read"):
        for name in ("endorsement", "owner"):
            (ledger / "tpm" / f"{name}.password").unlink()
        keys = "".join(f", {name}_password_file: {secret}" for name in ("endorsement", "owner"))
        secret.chmod(0o644)
        check(Agent(suite, ledger, keys).process.wait(60) == 2, "it starts")
        check(not (ledger / "tpm/owner.password").exists(), "it is copied")
        secret.chmod(0o600)
        running = Agent(suite, ledger, keys)
        wait_until("evidence", lambda: attested(suite, ledger) > 0)
        check(running.stop() == 0, "tallyd")
    with suite.case("a password that no TPM takes is refused by its name, and no wrong one locks the TPM"):
        wrong.write_text("x" * 33)
        suite.refused("init", suite.scratch / "none", "--tpm", tpm.transport(), "--endorsement-password", wrong, code=2,
                      names=["endorsement.password"])
        check(not (suite.scratch / "none").exists(), "there is a ledger")
        wrong.write_text("guess\n")
        for _ in range(4):
            suite.refused("init", suite.scratch / "none", "--tpm", tpm.transport(), "--endorsement-password", wrong, code=3)
        suite.must("checkpoint", ledger)
    tpm.stop()


def agent(suite, tpm, ledger, desk, first):
    tpm.start(*FLAGS)
    desk.register = suite.scratch / "agent"
    record = desk.issue(ledger)
    with suite.case("an older record is refused, and the newest one is stored once"):
        suite.must("enrol", "accept", ledger, record)
        before = len(kinds(suite, ledger, "enrolment"))
        suite.must("enrol", "accept", ledger, record)
        check(len(kinds(suite, ledger, "enrolment")) == before, "a second entry")
        suite.refused("enrol", "accept", ledger, first, code=1, names=["older than the ledger's newest record"])
    with suite.case("where an agent holds the ledger it stores the record, once"):
        record = desk.issue(ledger, asset="0044")
        before = len(kinds(suite, ledger, "enrolment"))
        running = Agent(suite, ledger, "")
        wait_until("an agent", lambda: json.loads(suite.must("status", ledger, "--json").text)["agent"])
        suite.must("enrol", "accept", ledger, record)
        check(len(kinds(suite, ledger, "enrolment")) == before + 1, "no entry")
        suite.must("enrol", "accept", ledger, record)
        check(len(kinds(suite, ledger, "enrolment")) == before + 1, "a second entry")
        suite.refused("enrol", "accept", ledger, first, code=1, names=["older than the ledger's newest record"])
        suite.refused("enrol", "request", ledger, code=3)
        check(running.stop() == 0, "tallyd")
    tpm.stop()


def body(suite):
    suite.running, suite.proxies, suite.agents = [], [], []
    authority = suite.scratch / "authority"
    authority.mkdir()
    try:
        tpm = Manufactured(suite, "made", authority).start(*FLAGS)
        desk = Desk(suite, "desk", authority / "swtpm-localca-rootca-cert.pem", authority / "issuercert.pem")
        ledger, record = enrolment(suite, tpm, authority, desk)
        openssl(suite, authority, record)
        hostile(suite, ledger, desk)
        renewed(suite, tpm, ledger, desk, authority)
        stranger = others(suite, tpm, ledger, desk, authority)
        successions(suite, tpm, stranger, ledger, desk, authority)
        passwords(suite, authority, desk)
        agent(suite, tpm, ledger, desk, record)
    finally:
        for one in suite.agents:
            if one.process.poll() is None:
                one.stop(signal.SIGKILL)
        for one in suite.running:
            one.stop(signal.SIGKILL)


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("tallyd", help="the agent")
    given = parser.parse_args()
    scenario = Suite(given.tally, given.helper)
    scenario.tallyd = os.path.abspath(given.tallyd)
    missing = [name for name in ("swtpm", "swtpm_setup", "swtpm_localca", "certtool", "openssl") if not shutil.which(name)]
    if missing:
        print(f"skipped: enrolment over swtpm: {', '.join(missing)} missing (packages swtpm-tools, gnutls-bin, openssl)")
        scenario.end()
        raise SystemExit(77)
    main(scenario, body)
