#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tallyd` whose checkpoints an authority stamps: `openssl ts` behind a small server, with a CA of its own.

    timestamp.py TALLY TALLYD
"""
import atexit
import base64
import hashlib
import http.server
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

TALLY, TALLYD = sys.argv[1:3]

CONFIG = """
[tsa]
default_tsa = it
[it]
serial = {0}/serial
crypto_device = builtin
signer_cert = {0}/tsa.pem
certs = {0}/ca.pem
signer_key = {0}/tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256
accuracy = secs:1, millisecs:500
ess_cert_id_alg = sha256
"""


def run(*words, code=0):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60)
    assert code is None or done.returncode == code, done
    return done


class Authority:
    """A root, a certificate for timestamps, and an HTTP server that runs `openssl ts -reply`."""

    def __init__(self, folder, name):
        folder.mkdir()
        self.folder, self.root, self.away, self.asked = folder, folder / "ca.pem", False, 0
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            folder / "ca.key", "-out", self.root, "-days", "30", "-subj", f"/CN={name} root",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            folder / "tsa.key", "-out", folder / "tsa.csr", "-subj", f"/CN={name}")
        extensions = folder / "extensions"
        extensions.write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
        run("openssl", "x509", "-req", "-in", folder / "tsa.csr", "-CA", self.root, "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", extensions, "-out", folder / "tsa.pem")
        (folder / "serial").write_text("01\n")
        (folder / "ts.cnf").write_text(CONFIG.format(folder))
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.asked += 1
                if authority.away or self.headers["Content-Type"] != "application/timestamp-query":
                    self.send_error(503)
                    return
                reply = authority.reply(query)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/tsr"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reply(self, query):
        asked, answered = self.folder / "query.tsq", self.folder / "reply.tsr"
        asked.write_bytes(query)
        run("openssl", "ts", "-reply", "-config", self.folder / "ts.cnf", "-queryfile", asked, "-out", answered)
        return answered.read_bytes()

    def end(self):
        self.server.shutdown()
        self.server.server_close()


class Meter:
    """A tallyd without a hypervisor: it records that, and signs."""

    def __init__(self, scratch, ledger, urls, roots):
        config = scratch / "tallyd.yaml"
        config.write_text(f"ledger: {ledger}\nlibvirt:\n  uri: qemu+unix:///system?socket={scratch}/none\n"
                          f"timestamps:\n  urls: [{', '.join(urls)}]\n  roots: {roots}\n  interval: 1s\n"
                          "processes:\n  unmanaged: false\n")
        run(TALLYD, "-n", "-c", config)
        self.ledger = ledger
        self.process = subprocess.Popen([TALLYD, "-c", str(config)], text=True, stderr=subprocess.PIPE)
        atexit.register(self.process.kill)

    def note(self):
        """A note behind the newest receipt, which by itself is no reason for one."""
        run(TALLY, "checkpoint", self.ledger)

    def until(self, wanted):
        for _ in range(300):
            answer = run(TALLY, "status", self.ledger, "--json", code=None)
            stamp = (json.loads(answer.stdout).get("agent") or {}).get("timestamp") if answer.returncode == 0 else None
            if stamp and wanted(stamp):
                return stamp
            time.sleep(0.1)
        raise AssertionError((answer, self.process.poll()))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, said


def receipts(ledger):
    lines = run(TALLY, "log", ledger, "--kind", "receipt", "--json").stdout.splitlines()
    return [json.loads(line) for line in lines]


def find(value, key):
    """The value of a key, wherever it stands."""
    if isinstance(value, dict):
        return value[key] if key in value else next((f for v in value.values() if (f := find(v, key)) is not None), None)
    return None


def agree(scratch, ledger, origin, root, other):
    """`openssl ts -verify` says of each stored token what we say of it."""
    found = 0
    for entry in receipts(ledger):
        token, note = scratch / "token.der", scratch / "note"
        token.write_bytes(base64.b64decode(find(entry, "timestamp")))
        hashed = find(entry, "receipt_root")
        raw = bytes.fromhex(hashed) if len(hashed) == 64 else base64.b64decode(hashed)
        note.write_bytes(f"{origin}\n{find(entry, 'receipt_size')}\n{base64.b64encode(raw).decode()}\n".encode())
        words = ["openssl", "ts", "-verify", "-token_in", "-in", token, "-data", note, "-CAfile"]
        assert "Verification: OK" in run(*words, root).stdout
        run(*words, other, code=1)
        text = run("openssl", "ts", "-reply", "-token_in", "-in", token, "-token_out", "-text").stdout
        digest = hashlib.sha256(note.read_bytes()).hexdigest()
        assert "Policy OID: 1.3.6.1.4.1.32473.1" in text and digest[:16] in text.replace(" ", ""), text
        found += 1
    return found


def main(scratch):
    ledger, origin = scratch / "ledger", "example.com/stamped"
    vkey = run(TALLY, "init", ledger, "--origin", origin).stdout
    dead, good = Authority(scratch / "dead", "Dead Clock"), Authority(scratch / "good", "Good Clock")
    dead.away = True
    agent = Meter(scratch, ledger, [dead.url, good.url], good.root)
    first = agent.until(lambda s: s["size"] > 0)
    assert dead.asked > 0 and first["failure"] is None, first
    agent.note()
    agent.until(lambda s: s["size"] > first["size"])
    good.away = True
    agent.note()
    away = agent.until(lambda s: s["failure"])
    assert "answers 503" in away["failure"] and away["owed"] > 0, away
    good.away = False  # and five or ten seconds later it is made up for
    agent.until(lambda s: s["size"] >= away["owed"])
    agent.stop()
    good.end()
    dead.end()

    export, pins, others = scratch / "export", scratch / "pins", scratch / "others"
    run(TALLY, "export", ledger, "--to", export)
    pins.write_text(vkey + "roots timestamp\n" + good.root.read_text())
    others.write_text(vkey + "roots timestamp\n" + dead.root.read_text())
    verdict = json.loads(run(TALLY, "verify", export, "--anchor", pins, "--require", "timestamp", "--json").stdout)
    assert verdict["holds"] and verdict["anchored"], verdict
    stamped, = verdict["timestamped"]
    assert stamped["authority"] == "Good Clock" and stamped["since"] < stamped["by"], stamped
    assert stamped["from"] < stamped["entries"], stamped
    told = run(TALLY, "verify", export, "--anchor", pins).stdout
    assert "a timestamp of a pinned authority (Good Clock, policy 1.3.6.1.4.1.32473.1) covers" in told, told
    stranger = run(TALLY, "verify", export, "--anchor", others, "--require", "timestamp", code=1).stdout
    assert "no timestamp of a pinned authority covers it [require]" in stranger, stranger
    assert "of no pinned authority" in stranger, stranger
    assert agree(scratch, ledger, origin, good.root, dead.root) >= 3

    mirror = scratch / "mirror"
    run(TALLY, "export", ledger, "--to", mirror, "--public")
    run(TALLY, "verify", mirror, "--anchor", pins)
    run(TALLY, "verify", mirror, "--anchor", pins, "--require", "timestamp", code=1)
    bad = scratch / "bad.yaml"
    bad.write_text(f"ledger: {ledger}\ntimestamps:\n  urls: ['http://me:secret@127.0.0.1/']\n")
    refused = run(TALLYD, "-n", "-c", bad, code=2)
    assert "URL number 1" in refused.stderr and "secret" not in refused.stderr, refused


with tempfile.TemporaryDirectory() as name:
    main(pathlib.Path(name))
