# SPDX-License-Identifier: Apache-2.0
"""Reports to look at: estates of recorded events, and a page taken apart."""

import base64
import hashlib
import json
import re
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
from scenario import event  # noqa: E402

WINDOWS, RHEL = "http://microsoft.com/win/2k22", "http://redhat.com/rhel/9.2"
HOUR, DAY = 3600, 86400
BLOCK = re.compile(r'<script type="application/json" id="([a-z-]+)">([^<>&]*)</script>\n')

# What somebody could put into a name so that a page does something else than show it.
HOSTILE = [
    "<script>document.title='owned'</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>", "'; alert(1); //", "<!-- <script>", "]]></script>", "&lt;b&gt;&amp;", "javascript:alert(1)",
    "\u202egnp.exe", "\u2066left\u2069right", "a\u200bb\u200dc", "bell\x07 esc\x1b[31m", "del\x7fete", "tab\there\nline", "\u0085\u2028\u2029",
    "${7*7}{{7*7}}", "__proto__", "constructor", "\ufeff\u00ad", "A" * 250, "\u0645\u0631\u062d\u0628\u0627 123 abc", "\\u003cscript\\u003e",
]


def vm(number):
    return f"b1c2c1de-{number:04x}-4000-8000-{number:012x}"


def host(name, seconds=0, **more):
    return event(seconds, name, "host", **({"cores_per_socket": [8, 8], "max_sockets": 2, "threads_per_core": 2,
                                            "cpu": "Intel(R) Xeon(R) Gold 6326", "cluster": "c1", "region": "eu", "boot": "1"} | more))


def start(seconds, where, number, what="start", **more):
    keys = {"name": f"vm{number}", "vcpus": 4, "memory_mib": 4096, "os": WINDOWS, "edition": "standard",
            "evidence": "operator", "tenant": "acme", "cost_center": "cc1"} | more
    return event(seconds, where, what, vm=vm(number), **keys)


def small():
    """Three hosts, one day: moves, a pause, a gap, a machine of which nothing is known."""
    return [host("h1", cores_per_socket=[16, 16]), host("h2", cores_per_socket=[16, 16]), host("h3", cluster="c2", region="us"),
            start(2 * HOUR, "h1", 1, name="web"), start(2 * HOUR, "h1", 2, name="db", os=RHEL, edition=None, cost_center="cc2"),
            start(3 * HOUR, "h2", 3, name="mail", tenant="globex"), start(4 * HOUR, "h3", 4, name="unknown", os=None, edition=None),
            event(5 * HOUR, "h1", "migrate-out", vm=vm(1), peer="h2"),
            event(5 * HOUR + 1, "h2", "migrate-in", vm=vm(1), vcpus=4, peer="h1", downtime_ms=200),
            event(6 * HOUR, "h1", "suspend", vm=vm(2)), event(7 * HOUR, "h1", "resume", vm=vm(2)),
            event(9 * HOUR, "h3", "gap", from_="2026-01-01T08:00:00Z", to="2026-01-01T08:45:00Z", reason="agent down"),
            event(10 * HOUR, "h2", "migrate-out", vm=vm(1), peer="h1"),
            event(10 * HOUR + 1, "h1", "migrate-in", vm=vm(1), vcpus=4, peer="h2", downtime_ms=200),
            event(12 * HOUR, "h2", "stop", vm=vm(3), cause="saved"), event(20 * HOUR, "h1", "stop", vm=vm(2), cause="shutdown"),
            *[event(23 * HOUR, name, "heartbeat") for name in ("h1", "h2", "h3")]]


def hostile():
    """One host, and a machine for each name."""
    return [host("h1"), *[start(HOUR + i, "h1", i + 1, name=name, tenant=name, cost_center=name[::-1], edition=name, environment=name)
                          for i, name in enumerate(HOSTILE)], event(22 * HOUR, "h1", "heartbeat")]


def many(hosts, vms, days, changes):
    """Machines that move, stop and start through a year."""
    events = [host(f"node-{n:02}", cluster=f"c{n // 10}") for n in range(hosts)]
    for n in range(vms):
        here, now = n % hosts, n * 61
        events.append(start(now, f"node-{here:02}", n + 1, name=f"app-{n:03}", os=WINDOWS if n % 3 else RHEL, edition="standard" if n % 3 else None,
                            tenant=f"tenant-{n % 7}", cost_center=f"cc{n % 11}"))
        for k in range(1, changes):
            now = n * 61 + k * (days - 2) * DAY // changes
            there = here // 10 * 10 + (here + k) % min(10, hosts)
            if there == here or there >= hosts:
                continue
            events += [event(now, f"node-{here:02}", "migrate-out", vm=vm(n + 1), peer=f"node-{there:02}"),
                       event(now + 1, f"node-{there:02}", "migrate-in", vm=vm(n + 1), vcpus=4, peer=f"node-{here:02}")]
            here = there
    events += [event(days * DAY - HOUR, f"node-{n:02}", "heartbeat") for n in range(hosts)]
    return sorted(events, key=lambda e: e["time"])


def write_events(path, events):
    with open(path, "w", encoding="utf-8") as file:
        for line in events:
            file.write(json.dumps({key: value for key, value in line.items() if value is not None or key == "os"}, ensure_ascii=False) + "\n")


def flat(columns):
    """A page's lanes as rows: VM, host, from, to, state, entry, product."""
    rows, vm_, reached = [], 0, 0
    for step, after, length, *rest in zip(*(columns[key] for key in ("vm", "after", "length", "host", "state", "entry", "product"))):
        reached = 0 if step else reached
        vm_, begin = vm_ + step, reached + after
        reached = begin + length
        rows.append([vm_, rest[0], begin, reached, *rest[1:]])
    return rows


def by_columns(rows):
    """The same back."""
    columns, vm_, reached = {key: [] for key in ("after", "entry", "host", "length", "product", "state", "vm")}, 0, 0
    for row in rows:
        reached = 0 if row[0] != vm_ else reached
        told = {"vm": row[0] - vm_, "host": row[1], "after": row[2] - reached, "length": row[3] - row[2], "state": row[4], "entry": row[5], "product": row[6]}
        vm_, reached = row[0], row[3]
        for key, value in told.items():
            columns[key].append(value)
    return columns


class Page:
    """A page as bytes: its blocks, and what is around them."""

    def __init__(self, path):
        self.path = Path(path)
        self.html = self.path.read_text(encoding="utf-8")
        self.blocks = {found[1]: found[2] for found in BLOCK.finditer(self.html)}
        self.shell = BLOCK.sub("", self.html)

    def data(self, name):
        value = json.loads(self.blocks[name])
        if isinstance(value, str):
            value = json.loads(zlib.decompress(base64.b64decode(value, validate=True), -15))
        return value

    def size(self):
        """Bytes but for the evidence."""
        return len(self.html.encode()) - len(self.blocks["evidence-data"].encode())

    def put(self, name, value, path):
        """The same page with another block, written as the program writes it."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for char in "<>&":
            text = text.replace(char, f"\\u{ord(char):04x}")
        begin = self.html.index(f'id="{name}">') + len(f'id="{name}">')
        Path(path).write_text(self.html[:begin] + text + self.html[begin + len(self.blocks[name]):], encoding="utf-8")
        return Page(path)

    def policy(self):
        return re.search(r'Content-Security-Policy" content="([^"]*)"', self.shell)[1]

    def hashes(self):
        """What the policy allows, and what stands there, by its SHA-256."""
        def of(tag):
            inner = re.search(rf"<{tag}>(.*?)</{tag}>", self.shell, re.S)[1]
            return "'sha256-" + base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode() + "'"
        return of("script"), of("style")
