#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tally witness serve` as an operator runs it, and `tallyd` whose checkpoints it cosigns.

    witness.py TALLY TALLYD
"""
import atexit
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

TALLY, TALLYD = sys.argv[1:3]


def tally(*words):
    return subprocess.run([TALLY, *words], capture_output=True, text=True, timeout=60)


def begin(words, **pipes):
    """A process that is gone when this one is, whatever fails."""
    process = subprocess.Popen(words, text=True, **pipes)
    atexit.register(process.kill)
    return process


class Witness:
    def __init__(self, folder, logs, *more):
        self.process = begin([TALLY, "witness", "serve", str(folder), "--logs", str(logs), "--listen", "127.0.0.1:0",
                              *more], stdout=subprocess.PIPE)
        self.vkey = self.process.stdout.readline().strip()
        self.url = self.process.stdout.readline().strip().rpartition(" ")[2]

    def ask(self, old, note):
        body = f"old {old}\n\n{note}".encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body), timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def end(self, how):
        self.process.send_signal(how)
        return self.process.wait(timeout=20)


def serve(scratch):
    """Its key, its memory, its refusals."""
    ledger, folder, logs = scratch / "ledger", scratch / "witness", scratch / "logs"
    made = tally("init", str(ledger), "--origin", "example.com/h1")
    assert made.returncode == 0, made.stderr
    logs.write_text(made.stdout)
    note = tally("checkpoint", str(ledger)).stdout
    size = note.split("\n")[1]

    absent = tally("witness", "serve", str(folder), "--logs", str(logs))
    assert absent.returncode == 3, absent
    witness = Witness(folder, logs, "--name", "witness.example.com/1")
    assert witness.vkey.startswith("witness.example.com/1+"), witness.vkey
    status, line = witness.ask(0, note)
    assert status == 200 and line.startswith("\N{EM DASH} witness.example.com/1 "), (status, line)
    twice = tally("witness", "serve", str(folder), "--logs", str(logs))
    assert twice.returncode == 3 and "another witness runs here" in twice.stderr, twice
    vkey = witness.vkey
    assert witness.end(signal.SIGKILL) == -signal.SIGKILL

    witness = Witness(folder, logs)
    assert witness.vkey == vkey
    assert witness.ask(0, note) == (409, size + "\n")
    assert witness.ask(size, note)[0] == 200
    assert witness.end(signal.SIGTERM) == 0

    again = tally("witness", "serve", str(folder), "--logs", str(logs), "--name", "another")
    assert again.returncode == 2 and "has a witness's key already" in again.stderr, again
    os.unlink(folder / "state")
    lost = tally("witness", "serve", str(folder), "--logs", str(logs))
    assert lost.returncode == 1 and "forgotten" in lost.stderr, lost
    logs.write_text("no key\n")
    bad = tally("witness", "serve", str(folder), "--logs", str(logs))
    assert bad.returncode == 2 and ":1:1: " in bad.stderr, bad


CLAIM = "vm,tenant,reason\n11111111-2222-3333-4444-55555555555{},acme,known\n"


def claim(scratch, ledger, digit):
    """An operator's command that appends and signs without an agent."""
    file = scratch / f"claim{digit}.csv"
    file.write_text(CLAIM.format(digit))
    return tally("map", str(ledger), "--from", str(file), "--unknown-ok")


class Meter:
    """A tallyd without a hypervisor: it records that, and signs."""

    def __init__(self, scratch, ledger):
        config = scratch / "tallyd.yaml"
        config.write_text(f"ledger: {ledger}\nlibvirt:\n  uri: qemu+unix:///system?socket={scratch}/none\n"
                          f"witness:\n  policy: {scratch}/policy\n  interval: 1s\nprocesses:\n  unmanaged: false\n")
        self.ledger = ledger
        self.process = begin([TALLYD, "-c", str(config)], stderr=subprocess.PIPE)
        time.sleep(1)  # who asks before it listens waits five seconds

    def until(self, wanted):
        for _ in range(300):
            answer = tally("status", str(self.ledger), "--json")
            status = json.loads(answer.stdout) if answer.returncode == 0 else {}
            if status and wanted(status):
                return status
            time.sleep(0.1)
        raise AssertionError((answer, self.process.poll()))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, said
        return said


def witnessed(status):
    return status["agent"] and status["agent"]["witness"] and status["agent"]["witness"]["size"] > 0


def meter(scratch):
    """Cosigned, exported, verified; then an older copy is put back."""
    ledger, logs, older = scratch / "metered", scratch / "list", scratch / "older"
    vkey = tally("init", str(ledger), "--origin", "example.com/metered").stdout
    logs.write_text(vkey)
    witness = Witness(scratch / "second", logs, "--name", "witness.example.com/2")
    policy = scratch / "policy"
    policy.write_text(f"log {vkey}witness w {witness.vkey} {witness.url.removesuffix('add-checkpoint')}\nquorum w\n")
    agent = Meter(scratch, ledger)
    agent.until(witnessed)
    agent.stop()
    shutil.copytree(ledger, older, ignore=shutil.ignore_patterns("control"))
    agent = Meter(scratch, ledger)
    agent.until(witnessed)
    agent.stop()
    # Without an agent the command asks, before it signs and behind it.
    done = claim(scratch, ledger, 1)
    assert done.returncode == 0, done
    note = tally("checkpoint", str(ledger)).stdout
    assert "\N{EM DASH} witness.example.com/2 " in note, (note, done)
    assert tally("checkpoint", str(ledger)).stdout == note  # a receipt by itself is no reason
    last = json.loads(tally("log", str(ledger), "--json").stdout.splitlines()[-1])
    assert last["kind"] == "receipt", last

    export = scratch / "export"
    assert tally("export", str(ledger), "--to", str(export)).returncode == 0
    answer = tally("verify", str(export), "--anchor", str(policy), "--require", "witness", "--json")
    verdict = json.loads(answer.stdout)
    assert answer.returncode == 0 and verdict["holds"], answer
    assert len(verdict["witnessed"]) == 1 and verdict["witnessed"][0]["since"], verdict
    pinned = scratch / "pinned"
    pinned.write_text(vkey)
    assert tally("verify", str(export), "--anchor", str(pinned), "--require", "witness").returncode == 1

    shutil.rmtree(ledger)
    shutil.copytree(older, ledger)
    refused = claim(scratch, ledger, 2)
    assert refused.returncode == 1 and "this ledger is an older copy" in refused.stderr, refused
    head = json.loads(tally("status", str(ledger), "--json").stdout)
    assert head["closed"] and head["checkpoint_size"] < int(note.split("\n")[1]), head

    # Nor is the old note printed as if nothing were the matter, where it covers everything.
    shutil.rmtree(ledger)
    shutil.copytree(older, ledger)
    refused = tally("checkpoint", str(ledger))
    assert refused.returncode == 1 and "this ledger is an older copy" in refused.stderr, refused
    assert refused.stdout == "", refused

    shutil.rmtree(ledger)
    shutil.copytree(older, ledger)
    before = json.loads(tally("status", str(ledger), "--json").stdout)
    agent = Meter(scratch, ledger)
    status = agent.until(lambda s: s["agent"] and s["agent"]["closed"])
    assert "this ledger is an older copy" in status["agent"]["closed"], status
    assert "signs no more" in agent.stop()
    after = json.loads(tally("status", str(ledger), "--json").stdout)
    assert after["closed"] and after["checkpoint_size"] == before["checkpoint_size"], after
    assert after["size"] > before["size"], after
    refused = tally("checkpoint", str(ledger))
    assert refused.returncode == 1 and "closed for signing" in refused.stderr, refused
    assert witness.end(signal.SIGTERM) == 0

    # A witness that is away stops nobody, and that is said.
    shutil.rmtree(ledger)
    shutil.copytree(older, ledger)
    alone = claim(scratch, ledger, 3)
    assert alone.returncode == 0 and "no quorum of witnesses" in alone.stderr, alone


with tempfile.TemporaryDirectory() as name:
    serve(pathlib.Path(name))
    meter(pathlib.Path(name))
