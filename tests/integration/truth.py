#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The outside truth: QEMU's own events, taken apart from the agent.

usage: truth.py watch OUT HOST=FOLDER...
       truth.py runs TRUTH [--on-crash NAME=preserve|restart]...
       truth.py compare TRUTH REPORT.json [--host HOST]... [--vm UUID]...
                     [--limit SECONDS] [--fail SECONDS] [--on-crash ...]...

watch: connects to every QMP socket that appears in a host's FOLDER (the file's
name is the VM's), long before libvirt lets the guest run, and writes a JSON
object a line: {"t", "host", "vm", "name", "pid", "event", "data"}; t is QEMU's own
time stamp. SEEN is the first of a process (data.status: prelaunch or inmigrate
where nothing was missed), EXIT the last: when the process had ended, by pidfd. OUT
is there as soon as nothing can be missed; it ends with SIGTERM.

runs: the runs of execution. One begins at RESUME, and ends at the earliest of
SHUTDOWN, GUEST_PANICKED (where a crash destroys the VM, as it does unless
--on-crash says otherwise) and the process's end; at a migration's source at the
STOP of the switch-over. Paused time is in it. A process that waited for a
migration which never came has none.

compare: each VM's run_seconds in the report against the sum of its runs on the
hosts that are named (all). Marks what differs by more than the limit (0.05 s).
Exits 1 where it is more than --fail (the limit), or where either has a VM that the
other has not. A manager tells of an event when it comes to it: on a busy machine
that alone may take longer than the limit.
"""
import argparse
import ctypes
import dataclasses
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from decimal import Decimal

IN_CREATE, IN_MOVED_TO = 0x100, 0x80


class Witness:
    """Writes what all watched QEMUs say, each line at once and whole."""

    def __init__(self, out):
        self.out, self.lock = out, threading.Lock()

    def write(self, t: str, host: str, qemu: dict, event: str, data=None) -> None:
        line = json.dumps({"t": t, "host": host, **qemu, "event": event, "data": data or {}})
        with self.lock:
            self.out.write(line + "\n")

    def follow(self, host: str, path: str) -> None:
        """One QEMU from its first answer to its end."""
        s = connect(path)
        if s is None:
            return
        credentials = s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid = struct.unpack("3i", credentials)[0]  # as seen here, whatever its namespace
        qemu = {"vm": None, "name": os.path.basename(path), "pid": pid}
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            s.close()
            return
        for command in ("qmp_capabilities", "query-uuid", "query-status"):
            s.sendall(json.dumps({"execute": command, "id": command}).encode() + b"\n")
        poll = select.poll()
        poll.register(s, select.POLLIN)
        poll.register(process, select.POLLIN)
        rest, waiting = b"", []
        while True:
            ready = dict(poll.poll())
            exited = time.time() if process in ready else None
            if s.fileno() in ready:
                try:
                    more = s.recv(65536)
                except ConnectionError:
                    more = b""
                if not more:
                    poll.unregister(s)
                *lines, rest = (rest + more).split(b"\n")
                for message in map(json.loads, filter(None, lines)):
                    self.message(host, qemu, message, waiting)
            elif exited is not None:
                self.write(f"{exited:.6f}", host, qemu, "EXIT")
                break
        s.close()
        os.close(process)

    def message(self, host: str, qemu: dict, message: dict, waiting: list) -> None:
        if message.get("id") == "query-uuid":
            qemu["vm"] = message["return"]["UUID"]
        elif message.get("id") == "query-status":
            self.write(f"{time.time():.6f}", host, qemu, "SEEN", {"status": message["return"]["status"]})
            for early in waiting:
                self.message(host, qemu, early, [])
        elif "event" in message and qemu["vm"] is None:
            waiting.append(message)
        elif "event" in message:
            t = message["timestamp"]
            self.write(f"{t['seconds']}.{t['microseconds']:06d}", host, qemu, message["event"], message.get("data"))


def connect(path: str):
    """The file is there a moment before QEMU listens."""
    for _ in range(5000):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            s.connect(path)
            return s
        except FileNotFoundError:
            s.close()
            return None
        except OSError:
            s.close()
            time.sleep(0.001)
    return None


def watch(out_path: str, hosts: dict) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    inotify = libc.inotify_init1(os.O_CLOEXEC)
    folders = {}
    for host, folder in hosts.items():
        descriptor = libc.inotify_add_watch(inotify, os.fsencode(folder), IN_CREATE | IN_MOVED_TO)
        if descriptor < 0:
            sys.exit(f"truth: {folder}: {os.strerror(ctypes.get_errno())}")
        folders[descriptor] = (host, folder)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with open(out_path, "w", encoding="utf-8", buffering=1) as out:
        witness = Witness(out)

        def begin(host: str, path: str) -> None:
            threading.Thread(target=witness.follow, args=(host, path), daemon=True).start()

        for host, folder in hosts.items():
            for name in os.listdir(folder):
                begin(host, os.path.join(folder, name))
        while True:
            data, at = os.read(inotify, 65536), 0
            while at < len(data):
                descriptor, _, _, length = struct.unpack_from("iIII", data, at)
                name = os.fsdecode(data[at + 16 : at + 16 + length].rstrip(b"\0"))
                at += 16 + length
                host, folder = folders[descriptor]
                begin(host, os.path.join(folder, name))


@dataclasses.dataclass
class Run:
    host: str
    vm: str
    name: str
    pid: int
    begin: Decimal
    end: Decimal = None  # None: goes on, as far as was witnessed
    why: str = ""
    how: str = "start"  # or "incoming" (a migration or a restore), "reboot"; "unseen": its beginning was missed
    reboots: int = 0  # by the guest
    pauses: list = dataclasses.field(default_factory=list)  # [begin, end or None]

    def seconds(self) -> Decimal:
        return self.end - self.begin if self.end is not None else None


def load(path: str) -> list:
    with open(path, encoding="utf-8") as f:
        return [json.loads(line, parse_float=Decimal) for line in f]


class Process:
    """The events of one QEMU process, made into runs."""

    def __init__(self, on_crash: str):
        self.on_crash, self.runs, self.run = on_crash, [], None
        self.waits, self.migrating, self.switched, self.first = False, False, None, "start"
        self.reset = Decimal(0)

    def end(self, t: Decimal, why: str) -> None:
        if self.run is not None:
            self.run.end, self.run.why = t, why
            if self.run.pauses and self.run.pauses[-1][1] is None:
                self.run.pauses[-1][1] = t
        self.run = None

    def event(self, e: dict) -> None:
        t, data = Decimal(e["t"]), e["data"]
        handler = getattr(self, "on_" + e["event"].lower(), None)
        if handler is not None:
            handler(t, data, e)

    def on_seen(self, t: Decimal, data: dict, e: dict) -> None:
        self.waits = data["status"] == "inmigrate"
        if data["status"] in ("running", "paused"):
            self.first = "unseen"
            self.on_resume(t, data, e)

    def on_resume(self, t: Decimal, _: dict, e: dict) -> None:
        if self.run is None:
            how = "incoming" if self.waits else self.first
            self.run = Run(e["host"], e["vm"], e["name"], e["pid"], t, how=how)
            self.runs.append(self.run)
            self.waits, self.first = False, "reboot"
        elif self.run.pauses and self.run.pauses[-1][1] is None:
            self.run.pauses[-1][1] = t
        self.migrating, self.switched = False, None

    def on_stop(self, t: Decimal, *_) -> None:
        if self.run is not None:
            self.run.pauses.append([t, None])
            if self.migrating:
                self.switched = t

    def on_migration(self, t: Decimal, data: dict, _: dict) -> None:
        status = data["status"]
        if self.waits or self.run is None:
            return
        if status in ("failed", "cancelled", "cancelling"):
            self.migrating, self.switched = False, None
        elif status in ("completed", "postcopy-active") and self.switched is not None:
            # Stopped first and then written out is a save, which ends with the process.
            self.run.pauses.pop()
            self.end(self.switched, "migrated")
        elif status == "active":
            self.migrating = True

    def on_reset(self, t: Decimal, data: dict, _: dict) -> None:
        if self.run is not None and data.get("guest"):
            self.run.reboots += t - self.reset > 2  # one reboot is two or three resets
            self.reset = t

    def on_shutdown(self, t: Decimal, data: dict, _: dict) -> None:
        self.end(t, "shutdown" if data.get("guest") else data.get("reason", "shutdown"))

    def on_guest_panicked(self, t: Decimal, *_) -> None:
        if self.on_crash == "destroy":
            self.end(t, "crashed")

    def on_exit(self, t: Decimal, *_) -> None:
        self.end(t, "exit")


def runs_of(events: list, on_crash: dict = None) -> list:
    """All runs, by their beginnings. on_crash: what differs from destroy, by VM name."""
    processes = {}
    for e in events:
        key = (e["host"], e["pid"], e["name"])
        if e["event"] == "SEEN" or key not in processes:
            crash = (on_crash or {}).get(e["name"], "destroy")
            processes.setdefault(key, []).append(Process(crash))
        processes[key][-1].event(e)
    found = [run for generations in processes.values() for p in generations for run in p.runs]
    return sorted(found, key=lambda run: run.begin)


def totals(runs: list, hosts: list = None, vms: list = None) -> dict:
    """Seconds by VM; a run that goes on makes it None."""
    sums = {}
    for run in runs:
        if (hosts and run.host not in hosts) or (vms and run.vm not in vms):
            continue
        seconds, before = run.seconds(), sums.get(run.vm, Decimal(0))
        sums[run.vm] = None if seconds is None or before is None else before + seconds
    return sums


def compare(
    runs: list, report: dict, hosts: list, vms: list, limit: Decimal, fail: Decimal = None, out=sys.stdout
) -> bool:
    truth, names, good = totals(runs, hosts, vms), {run.vm: run.name for run in runs}, True
    metered = {}
    for row in report["vms"]:
        if not vms or row["vm"] in vms:
            metered[row["vm"]] = metered.get(row["vm"], Decimal(0)) + Decimal(row["run_seconds"])
            names.setdefault(row["vm"], row["name"])
    if not truth:
        print("truth: no run was witnessed", file=out)
        return False
    for vm in sorted(truth.keys() | metered.keys(), key=lambda vm: names[vm]):
        said, true = metered.get(vm, Decimal(0)), truth.get(vm, Decimal(0))
        unseen = any(run.vm == vm and run.how == "unseen" for run in runs)
        missing = true is None or unseen or (vm not in truth and said > 0) or (vm not in metered and true > 0)
        bad = missing or abs(said - true) > limit
        good = good and not missing and abs(said - true) <= (fail or limit)
        remark = "  its beginning was not witnessed" if unseen else "  DIFFERS" if bad else ""
        shown = "goes on" if true is None else f"{true:.3f} s"
        difference = "" if true is None else f"difference {said - true:+.3f} s"
        print(f"{names[vm]:<12} report {said:>10.3f} s   QEMU {shown:>12}   {difference}{remark}", file=out)
        if bad:
            for run in runs:
                if run.vm == vm:
                    print(f"  {run}", file=out)
    return good


def print_run(run: Run) -> None:
    stamp = lambda t: time.strftime("%H:%M:%S", time.gmtime(int(t))) + f"{t % 1:.3f}"[1:]
    end = "goes on" if run.end is None else f"{stamp(run.end)} {run.seconds():9.3f} s  {run.why}"
    extra = f", {run.reboots} reboot{'s' * (run.reboots != 1)}" if run.reboots else ""
    extra += f", paused {len(run.pauses)}x" if run.pauses else ""
    print(f"{run.name:<12} {run.host:<8} {run.how:<8} {stamp(run.begin)} to {end}{extra}")


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("watch")
    p.add_argument("out")
    p.add_argument("hosts", nargs="+")
    for name in ("runs", "compare"):
        p = commands.add_parser(name)
        p.add_argument("truth")
        p.add_argument("--on-crash", action="append", default=[])
        if name == "compare":
            p.add_argument("report")
            p.add_argument("--host", action="append", default=[])
            p.add_argument("--vm", action="append", default=[])
            p.add_argument("--limit", type=Decimal, default=Decimal("0.05"))
            p.add_argument("--fail", type=Decimal)
    args = parser.parse_args()
    if args.command == "watch":
        watch(args.out, dict(h.split("=", 1) for h in args.hosts))
        return
    runs = runs_of(load(args.truth), dict(c.split("=", 1) for c in args.on_crash))
    if args.command == "runs":
        for run in runs:
            print_run(run)
        return
    with open(args.report, encoding="utf-8") as f:
        report = json.load(f)
    if not compare(runs, report, args.host, args.vm, args.limit, args.fail):
        sys.exit(f"truth: the report and QEMU differ by more than {args.fail or args.limit} s")


if __name__ == "__main__":
    main()
