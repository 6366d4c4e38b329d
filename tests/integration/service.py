#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears of tallyd, and what it answers over its socket.

    service.py TALLY TALLYD TALLYD_TPM

The manager is libvirt's test driver: no daemon, no guest. Conditions are waited
for, never times.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

tally, tallyd, helper = sys.argv[1:4]
passed = 0


def holds(what, good):
    global passed
    if not good:
        print(f"FAILED: {what}\n{passed} passed, 1 failed")
        sys.exit(1)
    passed += 1
    print(f"ok: {what}")


def ask(ledger, op):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(f"{ledger}/control")
        s.sendall(json.dumps({"op": op}).encode() + b"\n")
        return json.loads(s.makefile().readline())


def hear(channel, wanted):
    """Every message up to one that begins so; a minute is more than enough."""
    heard = []
    while not any(line.startswith(wanted) for line in heard):
        heard += channel.recv(4096).decode().splitlines()
    return heard


def run(folder, uri):
    ledger = f"{folder}/ledger"
    with open(f"{folder}/tallyd.yaml", "w", encoding="utf-8") as f:
        f.write(f"ledger: {ledger}\nlibvirt:\n  uri: {uri}\n")
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.settimeout(60)
    if os.path.exists(f"{folder}/notify"):
        os.unlink(f"{folder}/notify")
    channel.bind(f"{folder}/notify")
    env = dict(os.environ, NOTIFY_SOCKET=f"{folder}/notify", WATCHDOG_USEC="2000000",
               TALLY_TPM_HELPER=helper)
    env.pop("WATCHDOG_PID", None)
    return ledger, channel, subprocess.Popen([tallyd, "-c", f"{folder}/tallyd.yaml"], env=env)


def stop(agent, channel):
    agent.send_signal(signal.SIGTERM)
    heard = hear(channel, "STOPPING=1")
    return heard, agent.wait(60)


def connected(folder):
    ledger, channel, agent = run(folder, "test:///default")
    try:
        hear(channel, "READY=1")
        hear(channel, "STATUS=connected; 1 VMs")
        holds("it is ready, and says what it does", True)
        hear(channel, "WATCHDOG=1")
        hear(channel, "WATCHDOG=1")
        holds("the watchdog is fed", True)
        note = ask(ledger, "checkpoint")
        holds("a checkpoint is attested", note["ok"] and note["attested"])
        status = ask(ledger, "status")
        holds("the status has the same note", status["attested"]["note"] == note["note"] and
              status["connected"] and status["running"] == 1 and status["gap"] is None and
              status["evidence"] == "on" and status["pid"] == agent.pid and status["lost"] == 0)
        _, code = stop(agent, channel)
        holds("it says that it stops, and does", code == 0)
    finally:
        agent.kill()
        agent.wait()
        channel.close()


def not_connected(folder):
    """A manager that is not there is a gap on record: the service is ready all the same."""
    ledger, channel, agent = run(folder, f"qemu+unix:///system?socket={folder}/nobody")
    try:
        hear(channel, "READY=1")
        hear(channel, "STATUS=not connected; a gap since ")
        status = ask(ledger, "status")
        holds("without a manager it is ready, and tells the gap",
              not status["connected"] and status["gap"]["reason"] == "connection lost")
        _, code = stop(agent, channel)
        holds("it stops without one too", code == 0)
    finally:
        agent.kill()
        agent.wait()
        channel.close()


def main():
    folder = tempfile.mkdtemp(prefix="tally-service.")
    try:
        subprocess.run([tally, "init", f"{folder}/ledger"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, TALLY_TPM_HELPER=helper))
        connected(folder)
        not_connected(folder)
        log = subprocess.run([tally, "log", f"{folder}/ledger"], check=True, capture_output=True,
                             text=True).stdout
        holds("the ledger has both runs, each stopped in order",
              log.count(" agent-start ") == 2 and log.count(" agent-stop ") == 2 and
              log.count(" gap-begin ") == 1)
    finally:
        shutil.rmtree(folder)
    print(f"{passed} passed, 0 failed")


main()
