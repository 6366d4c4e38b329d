#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The outside truth: QEMU's own events, from a second QMP socket.

usage: qmp_events.py SOCKET OUT
Waits for the socket, connects before libvirt lets the guest run, and writes
one line an event: SECONDS EVENT (QEMU's own time stamp), until QEMU ends.
The first line is "status NAME": it is `prelaunch` where nothing was missed.
"""
import json
import socket
import sys
import time


def connect(path: str) -> socket.socket:
    while True:
        try:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.connect(path)
            return s
        except OSError:
            s.close()
            time.sleep(0.002)


def main() -> None:
    s = connect(sys.argv[1])
    with open(sys.argv[2], "w", encoding="utf-8", buffering=1) as out, s.makefile("rw", encoding="utf-8") as f:
        f.readline()
        for command in ("qmp_capabilities", "query-status"):
            f.write(json.dumps({"execute": command}) + "\n")
            f.flush()
        for line in f:
            message = json.loads(line)
            if isinstance(message.get("return"), dict) and "status" in message["return"]:
                out.write(f"status {message['return']['status']}\n")
            if "event" in message:
                t = message["timestamp"]
                out.write(f"{t['seconds']}.{t['microseconds']:06d} {message['event']}\n")


if __name__ == "__main__":
    main()
