#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Malformed files of recorded events: exit 2, with file, line and column, and no
ledger has changed. Each class of tally-events(5), each with the well-formed
neighbour that is taken.

    events.py TALLY [--helper TALLYD-TPM]
"""

import json
import re

from scenario import Suite, arguments, check, main

T = '"time":"2026-03-01T10:00:00Z"'
VM = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
HOST = '{"time":"2026-03-01T09:00:00Z","host":"h1","event":"host","cores_per_socket":[8]}'
START = '{"time":"2026-03-01T09:30:00Z","host":"h1","event":"start","vm":"%s","vcpus":2}' % VM


def line(what, rest="", time="2026-03-01T10:00:00Z", host="h1"):
    return f'{{"time":"{time}","host":"{host}","event":"{what}"{"," if rest else ""}{rest}}}'


def vm(what, rest=""):
    return line(what, f'"vm":"{VM}"' + (f",{rest}" if rest else ""))


def start(rest):
    return line("start", f'"vm":"7b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11","vcpus":1{"," if rest else ""}{rest}')


# name: the third line, and the text in it at which the column must stand (None: anywhere in the line).
BAD = {
    "no JSON": ("hello", None),
    "an array": ("[1]", None),
    "a number": ("7", None),
    "a torn object": ('{"time":"2026-03-01T10:00:00Z","host":"h1"', None),
    "something behind the object": (vm("stop", '"cause":"shutdown"') + " x", None),
    "two objects in a line": (vm("suspend") + vm("resume"), None),
    "a comment": ("// hello", None),
    "a blank line": ("", None),
    "a line of blanks": ("   ", None),
    "a byte order mark": ("\ufeff" + vm("suspend"), None),
    "a duplicate key": (vm("stop", '"cause":"shutdown","cause":"saved"'), None),
    "a duplicate key, escaped the second time": (vm("stop", '"cause":"shutdown","c\\u0061use":"saved"'), None),
    "an unknown key": (vm("stop", '"cause":"shutdown","vmm":1'), '"vmm"'),
    "a key of another event": (vm("stop", '"cause":"shutdown","vcpus":1'), '"vcpus"'),
    "a key in capitals": (vm("stop", '"Cause":"shutdown"'), '"Cause"'),
    "an unknown event": (line("begin", f'"vm":"{VM}"'), '"begin"'),
    "an event in capitals": (line("Stop", f'"vm":"{VM}","cause":"shutdown"'), '"Stop"'),
    "the header in the third line": ('{"tally-events":1}', None),
    "no time": (f'{{"host":"h1","event":"suspend","vm":"{VM}"}}', None),
    "no host": (f'{{{T},"event":"suspend","vm":"{VM}"}}', None),
    "no event": (f'{{{T},"host":"h1","vm":"{VM}"}}', None),
    "a time that is a number": (f'{{"time":1,"host":"h1","event":"suspend","vm":"{VM}"}}', "1,"),
    "a time that goes back": (line("heartbeat", time="2026-03-01T09:29:59.999999999Z"), '"2026'),
    "a time of a day that is not": (line("heartbeat", time="2026-02-30T10:00:00Z"), '"2026'),
    "a time of an hour that is not": (line("heartbeat", time="2026-03-02T24:00:00Z"), '"2026'),
    "a time in the second 60": (line("heartbeat", time="2026-06-30T23:59:60Z"), '"2026'),
    "a time with a lower-case t": (line("heartbeat", time="2026-03-02t10:00:00Z"), '"2026'),
    "a time with a lower-case z": (line("heartbeat", time="2026-03-02T10:00:00z"), '"2026'),
    "a time with an offset": (line("heartbeat", time="2026-03-02T10:00:00+01:00"), '"2026'),
    "a time with a blank for T": (line("heartbeat", time="2026-03-02 10:00:00Z"), '"2026'),
    "a time with ten decimals": (line("heartbeat", time="2026-03-02T10:00:00.0000000001Z"), '"2026'),
    "a time with a point and no decimals": (line("heartbeat", time="2026-03-02T10:00:00.Z"), '"2026'),
    "a time with a comma": (line("heartbeat", time="2026-03-02T10:00:00,5Z"), '"2026'),
    "a time without a zone": (line("heartbeat", time="2026-03-02T10:00:00"), '"2026'),
    "a time that is a date": (line("heartbeat", time="2026-03-02"), '"2026'),
    "a time with a NUL behind": (line("heartbeat", time="2026-03-02T10:00:00Z\\u0000"), None),
    "a time before 1970": (line("heartbeat", time="1969-12-31T23:59:59Z", host="h2"), '"1969'),
    "a time in 2262": (line("heartbeat", time="2262-01-01T00:00:00Z"), '"2262'),
    "an empty host": (line("heartbeat", host=""), '""'),
    "a host that begins with a dot": (line("heartbeat", host=".h"), '".h"'),
    "a host ..": (line("heartbeat", host=".."), '".."'),
    "a host with a slash": (line("heartbeat", host="a/b"), '"a/b"'),
    "a host with a blank": (line("heartbeat", host="a b"), '"a b"'),
    "a host in other letters": (line("heartbeat", host="höst"), '"höst"'),
    "a host with a NUL": (line("heartbeat", host="h1\\u0000x"), None),
    "a host of 300 bytes": (line("heartbeat", host="h" * 300), '"hhh'),
    "a host that is a number": (f'{{{T},"host":1,"event":"heartbeat"}}', "1,"),
    "host without cores": (line("host"), None),
    "host with no socket": (line("host", '"cores_per_socket":[]'), "[]"),
    "host with a socket of no core": (line("host", '"cores_per_socket":[0]'), "[0]"),
    "host with a negative socket": (line("host", '"cores_per_socket":[-1]'), "[-1]"),
    "host with half a core": (line("host", '"cores_per_socket":[1.5]'), "[1.5]"),
    "host with cores as text": (line("host", '"cores_per_socket":["8"]'), '["8"]'),
    "host with cores as a number": (line("host", '"cores_per_socket":8'), "8}"),
    "host with an unknown hypervisor": (line("host", '"cores_per_socket":[1],"hypervisor":"kvm"'), '"kvm"'),
    "host with a system that is no URI": (line("host", '"cores_per_socket":[1],"os":"windows"'), '"windows"'),
    "host with software that is no list": (line("host", '"cores_per_socket":[1],"software":"x"'), '"x"'),
    "host with max_sockets 0": (line("host", '"cores_per_socket":[1],"max_sockets":0'), "0}"),
    "start without a VM": (line("start", '"vcpus":1'), None),
    "start without vcpus": (line("start", f'"vm":"{VM}"'), None),
    "start with no vcpu": (line("start", f'"vm":"{VM}","vcpus":0'), "0}"),
    "start with vcpus as text": (line("start", f'"vm":"{VM}","vcpus":"1"'), '"1"'),
    "start with vcpus as 1.0": (line("start", f'"vm":"{VM}","vcpus":1.0'), "1.0"),
    "start with too many vcpus": (line("start", f'"vm":"{VM}","vcpus":4294967297'), "4294967297"),
    "start with a number beyond 64 bits": (line("start", f'"vm":"{VM}","vcpus":18446744073709551617'), None),
    "start with negative memory": (start('"memory_mib":-1'), "-1"),
    "a VM that is no UUID": (line("start", '"vm":"web1","vcpus":1'), '"web1"'),
    "a UUID without its dashes": (line("start", f'"vm":"{VM.replace("-", "")}","vcpus":1'), '"6b1c'),
    "a UUID in braces": (line("start", f'"vm":"{{{VM}}}","vcpus":1'), '"{6b'),
    "a system that is no URI": (start('"os":"windows"'), '"windows"'),
    "an empty system": (start('"os":""'), '""'),
    "an unknown evidence": (start('"evidence":"rumour"'), '"rumour"'),
    "an unknown cause of a start": (start('"cause":"shutdown"'), '"shutdown"'),
    "software that is no list": (start('"software":"x"'), '"x"'),
    "software that is a list of numbers": (start('"software":[1]'), "[1]"),
    "pinned that is text": (start('"pinned":"0-3"'), '"0-3"'),
    "pinned to a negative core": (start('"pinned":[-1]'), "[-1]"),
    "paused that is a number": (start('"paused":1'), "1}"),
    "baseline that is text": (start('"baseline":"true"'), '"true"'),
    "a name that is null": (start('"name":null'), "null"),
    "a name that is an object": (start('"name":{"a":1}'), None),
    "a name with a NUL": (start('"name":"a\\u0000b"'), None),
    "a name of 70,000 bytes": (start(f'"name":"{"x" * 70000}"'), None),
    "a name with half a surrogate pair": (start('"name":"\\ud800"'), None),
    "a name with a raw newline escape missing": (start('"name":"a\tb"'), None),
    "stop without a cause": (vm("stop"), None),
    "stop with an unknown cause": (vm("stop", '"cause":"gone"'), '"gone"'),
    "stop of a VM that does not run": (line("stop", f'"vm":"{VM[:-1]}2","cause":"shutdown"'), None),
    "stop with not_before behind it": (vm("stop", '"cause":"vanished","not_before":"2026-03-01T10:00:01Z"'), None),
    "stop with not_before before its run": (vm("stop", '"cause":"vanished","not_before":"2026-03-01T09:29:59Z"'), None),
    "suspend with an unknown cause": (vm("suspend", '"cause":"tired"'), '"tired"'),
    "suspend of a VM that does not run": (line("suspend", f'"vm":"{VM[:-1]}2"'), None),
    "resume without a VM": (line("resume"), None),
    "config with no vcpu": (vm("config", '"vcpus":0'), "0}"),
    "migrate-in without vcpus": (line("migrate-in", f'"vm":"{VM}"'), None),
    "migrate-out with a negative downtime": (vm("migrate-out", '"downtime_ms":-5'), "-5"),
    "migrate-out with a peer that is a number": (vm("migrate-out", '"peer":5'), "5}"),
    "an os claim that is no URI": (vm("os", '"os":"linux"'), '"linux"'),
    "a correction that ends before it begins": (vm("tag", '"tenant":"x","from":"2026-03-01T08:00:00Z","to":"2026-03-01T07:00:00Z"'), None),
    "software to add that is no list": (vm("software", '"add":"x"'), '"x"'),
    "a role that there is not": (vm("role", '"role":"boss"'), '"boss"'),
    "time-travel with an unknown cause": (vm("time-travel", '"cause":"delorean"'), '"delorean"'),
    "gap without from": (line("gap", '"to":"2026-03-01T09:50:00Z","reason":"x"'), None),
    "gap that ends where it begins": (line("gap", '"from":"2026-03-01T09:50:00Z","to":"2026-03-01T09:50:00Z"'), None),
    "gap that runs backwards": (line("gap", '"from":"2026-03-01T09:51:00Z","to":"2026-03-01T09:50:00Z"'), None),
    "heartbeat with a VM": (line("heartbeat", f'"vm":"{VM}"'), '"vm"'),
    "clock-step with text": (line("clock-step", '"seconds":"a lot"'), None),
    "a deep nest": ("[" * 5000, None),
    "a deep nest in a key": (start('"name":' + "[" * 3000 + "]" * 3000), None),
}

GOOD = {
    "a UUID in capitals": [line("start", f'"vm":"{VM.upper()[:-1]}2","vcpus":1')],
    "nanoseconds": [line("heartbeat", time="2026-03-02T10:00:00.123456789Z")],
    "an event before the host's first host line": [line("heartbeat", host="h9")],
    "an os of null": [start('"os":null')],
    "pinned of null": [start('"pinned":null')],
    "a peer of null": [vm("migrate-out", '"peer":null')],
    "a claim with from of a VM that no longer runs": [
        vm("stop", '"cause":"shutdown"'), vm("tag", '"tenant":"x","from":"2026-03-01T09:40:00Z"')],
    "equal times": [vm("suspend"), vm("resume")],
    "a name with every escape": [start('"name":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"')],
    "blanks between the members": ['  { "time" : "2026-03-01T10:00:00Z" , "host":"h1", "event":"heartbeat" }  '],
}


def refuse(suite, name, data, number, at):
    path = suite.scratch / "bad.jsonl"
    path.write_bytes(data)
    into = suite.scratch / "into"
    with suite.case(f"{name} is refused with its place"):
        error = suite.refused("record", into, "--from", path, code=2).error
        place = re.match(rf"tally: record: {re.escape(str(path))}:(\d+):(\d+): \S", error)
        check(place, f"no file:line:column: {error}")
        check(int(place[1]) == number, f"line {place[1]}, not {number}: {error}")
        bad = data.split(b"\n")[number - 1]
        column = int(place[2])
        check(1 <= column <= len(bad) + 1, f"column {column} lies outside the line: {error}")
        if at is not None:
            check(column == bad.index(at.encode()) + 1, f"column {column}, not {bad.index(at.encode()) + 1}: {error}")
        check(not into.exists(), "something was stored")


def body(suite):
    for name, (bad, at) in BAD.items():
        refuse(suite, name, f"{HOST}\n{START}\n{bad}\n{vm('resume')}\n".encode(), 3, at)
    raw = {"invalid UTF-8": b'"name":"\xff\xfe"', "an overlong form": b'"name":"\xc0\xaf"', "half a character": b'"name":"\xe2\x82"',
           "a surrogate in UTF-8": b'"name":"\xed\xa0\x80"', "a raw control character": b'"name":"a\x01b"', "a raw NUL": b'"name":"a\x00b"'}
    for name, rest in raw.items():
        refuse(suite, name, f"{HOST}\n{START}\n".encode() + start("@").encode().replace(b"@", rest) + b"\n", 3, None)
    refuse(suite, "a newer format", b'{"tally-events":2}\n' + HOST.encode() + b"\n", 1, "2")
    refuse(suite, "a header that is text", b'{"tally-events":"1"}\n' + HOST.encode() + b"\n", 1, '"1"')
    refuse(suite, "a header with more in it", b'{"tally-events":1,"x":2}\n' + HOST.encode() + b"\n", 1, None)
    refuse(suite, "a byte order mark at the begin", b"\xef\xbb\xbf" + HOST.encode() + b"\n", 1, None)
    refuse(suite, "UTF-16", HOST.encode("utf-16"), 1, None)
    refuse(suite, "a blank line at the end", f"{HOST}\n\n".encode(), 2, None)
    refuse(suite, "a torn last line", f"{HOST}\n{START[:-10]}".encode(), 2, None)
    refuse(suite, "a line of two MB", HOST.encode() + b"\n" + start('"name":"' + "x" * (2 << 20) + '"').encode() + b"\n", 2, None)
    with suite.case("an empty file is refused, exit 2"):
        (suite.scratch / "empty.jsonl").write_bytes(b"")
        suite.refused("record", suite.scratch / "into", "--from", suite.scratch / "empty.jsonl", code=2, names=["empty.jsonl"])
    with suite.case("a fault in one host's events keeps the other host's out, too"):
        path = suite.scratch / "two.jsonl"
        path.write_text(f"{HOST}\n{HOST.replace('h1', 'h2')}\n{line('stop', host='h2')}\n")
        suite.refused("record", suite.scratch / "into", "--from", path, code=2)
        check(not (suite.scratch / "into").exists(), "something was stored")
    for i, (name, lines) in enumerate(GOOD.items()):
        with suite.case(f"{name}: is taken"):
            path = suite.scratch / f"good{i}.jsonl"
            path.write_text("\n".join([HOST, START, *lines]) + ("\n" if i % 2 else ""), encoding="utf-8")
            suite.must("record", suite.scratch / f"good{i}", "--from", path)
    with suite.case("a UUID in capitals is written in lower case"):
        vms = {json.loads(entry).get("vm") or json.loads(entry).get("identity", {}).get("vm")
               for entry in suite.must("log", suite.scratch / "good0/h1", "--kind", "started", "--json").text.splitlines()}
        check(vms == {VM, VM[:-1] + "2"}, f"{vms}")


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
