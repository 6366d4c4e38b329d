# SPDX-License-Identifier: Apache-2.0
"""Reads recorded events (version 1) into one list a host.

The line checks are those that keep the calculator honest about its input; the
full list of refusals belongs to `tally record`.
"""

import json
import re

from instants import Malformed, parse_stamp

COMMON = {"time", "host", "event"}
CLAIMS = {"os", "edition", "evidence", "tenant", "cost_center", "environment", "software"}
START = CLAIMS | {"vm", "name", "vcpus", "memory_mib", "pinned", "cause", "paused", "baseline"}
CORRECTION = {"vm", "evidence", "from", "to", "reason", "by"}
KEYS = {
    "host": {"cores_per_socket", "max_sockets", "threads_per_core", "cpu", "model", "cluster", "region", "site",
             "hypervisor", "os", "edition", "software", "boot", "partitioning"},
    "host-retired": {"reason"}, "host-failed": {"reason"},
    "start": START,
    "stop": {"vm", "cause", "not_before"},
    "suspend": {"vm", "cause"}, "resume": {"vm", "cause"}, "reboot": {"vm", "cause"},
    "config": {"vm", "vcpus", "memory_mib", "name", "pinned"},
    "migrate-out": {"vm", "peer", "downtime_ms"},
    "migrate-in": START | {"peer", "downtime_ms"},
    "os": CORRECTION | {"os", "edition"},
    "software": CORRECTION | {"add", "remove"},
    "tag": CORRECTION | {"tenant", "cost_center", "environment"},
    "role": {"vm", "role", "of"},
    "time-travel": {"vm", "cause"},
    "heartbeat": set(),
    "gap": {"from", "to", "reason"},
    "agent-start": {"version"}, "agent-stop": set(), "clock-step": {"seconds"},
}
REQUIRED = {"host": {"cores_per_socket"}, "start": {"vm", "vcpus"}, "migrate-in": {"vm", "vcpus"},
            "stop": {"vm", "cause"}, "gap": {"from", "to"}}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HOST = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Event:
    """One line. `order` is the total order of a report: time, host name, place in the host's own ledger."""

    def __init__(self, data, place):
        self.data = data
        self.place = place
        self.time = parse_stamp(data["time"])
        self.host = data["host"]
        self.kind = data["event"]
        self.vm = data.get("vm")
        self.order = None

    def has(self, key):
        return key in self.data

    def get(self, key, absent=None):
        return self.data.get(key, absent)

    def instant(self, key):
        return parse_stamp(self.data[key]) if key in self.data else None


def _no_duplicates(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key stands twice")
    return found


def _check(data):
    if not COMMON <= data.keys():
        raise Malformed("time, host and event are required")
    kind = data["event"]
    if kind not in KEYS:
        raise Malformed(f"unknown event {kind!r}")
    unknown = data.keys() - COMMON - KEYS[kind]
    if unknown:
        raise Malformed(f"unknown keys {sorted(unknown)}")
    required = REQUIRED.get(kind, {"vm"} if "vm" in KEYS[kind] else set())
    if not required <= data.keys():
        raise Malformed(f"required: {sorted(required)}")
    if not isinstance(data["host"], str) or not HOST.fullmatch(data["host"]):
        raise Malformed("host name")
    for key in ("vm", "of"):
        if key in data:
            data[key] = data[key].lower()
            if not UUID.fullmatch(data[key]):
                raise Malformed("not a UUID")


def read_line(line, place):
    try:
        data = json.loads(line, object_pairs_hook=_no_duplicates)
        if not isinstance(data, dict):
            raise Malformed("not an object")
        _check(data)
        return Event(data, place)
    except ValueError as error:
        raise Malformed(f"{place}: {error}") from None


def read_files(paths):
    """{host: [Event]}; several files of a host are its imports, in the order given."""
    hosts = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file.read().split("\n"), 1):
                if line == "" or (number == 1 and line.replace(" ", "") == '{"tally-events":1}'):
                    continue
                event = read_line(line, f"{path}:{number}")
                own = hosts.setdefault(event.host, [])
                if own and event.time < own[-1].time:
                    raise Malformed(f"{event.place}: time goes back")
                event.order = (event.time, event.host, len(own))
                own.append(event)
    return hosts
