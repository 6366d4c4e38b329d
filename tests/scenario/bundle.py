#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bundles as a stranger uses them: written, opened with another program, made again from
docs/FORMAT.md alone, superseded, and hostile ones.

    bundle.py TALLY [--helper TALLYD-TPM]
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

from scenario import Suite, arguments, check, event, main, write_events

RULES = Path(__file__).resolve().parent.parent.parent / "rules"
WEB = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
BARE = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c12"
HOUR = 3600
DAY = 24 * HOUR
PRICES = """currency: EUR
provider: ACME IT
billing_account: {id: acme, name: ACME Holding}
skus:
  - {id: vcpu, meter: vcpu-hour, prices: [{from: 2025-01-01, rate: 0.0125}]}
"""
HELD = "- {product: windows-server-standard, metric: core-licences, quantity: 8}\n"


def write(suite, name, text):
    path = suite.scratch / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def make(suite):
    cores = {"cores_per_socket": [8, 8], "cluster": "c1", "region": "eu"}
    history = [
        event(0, "h1", "host", **cores), event(0, "h2", "host", **cores),
        event(DAY, "h1", "start", vm=WEB, name="web", vcpus=4, memory_mib=2048, os="http://microsoft.com/win/2k22",
              edition="standard", tenant="acme"),
        event(2 * DAY, "h1", "migrate-out", vm=WEB, peer="h2"),
        event(2 * DAY, "h2", "migrate-in", vm=WEB, peer="h1", vcpus=4, memory_mib=2048),
        event(3 * DAY, "h2", "stop", vm=WEB, cause="shutdown"),
        event(4 * DAY, "h1", "heartbeat"), event(4 * DAY, "h2", "heartbeat"),
    ]
    history.sort(key=lambda e: e["time"])
    made = suite.must("record", suite.scratch / "estate", "--from", write_events(suite.scratch / "events.jsonl", history))
    suite.pins = write(suite, "pins", made.text)
    suite.ledgers = [suite.scratch / "estate" / "h1", suite.scratch / "estate" / "h2"]
    suite.files = ["--rules", RULES, "--entitlements", write(suite, "my licences (new).yaml", HELD), "--prices",
                   write(suite, "prices.yaml", PRICES), "--roster", write(suite, "roster.yaml", "- {host: h1}\n- {host: h2}\n")]
    suite.period = ["--from", "2026-01", "--to", "2026-02", "--tz", "Europe/Berlin"]


def bundle(suite, name, *options, ledgers=None, code=0):
    out = suite.scratch / name
    suite.must("bundle", *(ledgers or suite.ledgers), *suite.period, *suite.files, *options, "-o", out, code=code)
    return out


def by_format_md(members):
    """The archive of FORMAT.md section 27, written a second time. All numbers are small here."""
    listed = [{"name": n, "sha256": hashlib.sha256(c).hexdigest(), "size": len(c)} for n, c in members]
    manifest = json.dumps({"files": listed, "manifest": 1}, indent=2, sort_keys=True).encode() + b"\n"
    out, directory = b"", b""
    for name, content in [*members, ("manifest.json", manifest)]:
        common = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x21, zlib.crc32(content), len(content), len(content), len(name), 0)
        directory += (struct.pack("<IH", 0x02014B50, 3 << 8 | 20) + common +
                      struct.pack("<HHHII", 0, 0, 0, 0o100600 << 16, len(out)) + name.encode())
        out += struct.pack("<I", 0x04034B50) + common + name.encode() + content
    return out + directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(members) + 1, len(members) + 1, len(directory),
                                         len(out), 0)


def members_of(path):
    with zipfile.ZipFile(path) as z:
        check(z.testzip() is None, "a CRC")
        return [(i.filename, z.read(i)) for i in z.infolist() if i.filename != "manifest.json"]


def whole(suite):
    suite.bundle = bundle(suite, "january.zip")
    members = dict(members_of(suite.bundle))
    with suite.case("a bundle holds with the pins, and without them nothing anchors it"):
        said = suite.must("verify", suite.bundle, "--anchor", suite.pins).text
        check(said.endswith("it holds\n") and "january.zip: bundle, anchored" in said, said)
        suite.must("verify", suite.bundle, code=4)
    with suite.case("it holds the report in every format, entries, notes, evidence, rules and inputs"):
        wanted = ["bundle.json", "inputs/entitlements/my_licences__new_.yaml", "inputs/prices/prices.yaml",
                  "inputs/roster/roster.yaml", "ledgers/0/private/notes", "ledgers/0/private/evidence", "ledgers/1/checkpoint",
                  "report/report.csv", "report/report.focus.csv", "report/report.focus.csv.metadata.json", "report/report.json",
                  "report/report.rum.xml", "report/report.txt", "report/report.html", "rules/windows-server.yaml"]
        check(all(w in members for w in wanted), f"{sorted(members)}")
        about = json.loads(members["bundle.json"])
        check(about["timezone"] == "Europe/Berlin" and about["from"] == "2025-12-31T23:00:00Z" and about["strict"] is False, f"{about}")
    with suite.case("its report is the one that tally report writes"):
        out = suite.scratch / "report.json"
        suite.must("report", *suite.ledgers, *suite.period, *suite.files, "--format", "json", "-o", out)
        check(out.read_bytes() == members["report/report.json"], "report.json")
        suite.must("report", *suite.ledgers, *suite.period, *suite.files, "-o", out)
        check(out.read_bytes() == members["report/report.txt"], "report.txt")
    with suite.case("the same ledgers give the same bytes, in any order, and from their exports"):
        check(bundle(suite, "again.zip", ledgers=suite.ledgers[::-1]).read_bytes() == suite.bundle.read_bytes(), "order")
        exports = [suite.scratch / "export" / x.name for x in suite.ledgers]
        for ledger, export in zip(suite.ledgers, exports):
            suite.must("export", ledger, "--to", export)
        check(bundle(suite, "again.zip", ledgers=exports).read_bytes() == suite.bundle.read_bytes(), "exports")
        check(suite.bundle.stat().st_mode & 0o777 == 0o600, "others may read it")
        check(not list(suite.scratch.glob("*.zip.*")), "something is left behind")
    with suite.case("its bytes are those that FORMAT.md makes of its members"):
        check(by_format_md(sorted(members.items())) == suite.bundle.read_bytes(), "bytes")
    with suite.case("unpacked by another program, a ledger of it is an export"):
        with zipfile.ZipFile(suite.bundle) as z:
            z.extractall(suite.scratch / "unpacked")
        suite.must("verify", suite.scratch / "unpacked" / "ledgers" / "1", "--anchor", suite.pins)
    with suite.case("what lacks is told under --strict, in the bundle too"):
        out = suite.scratch / "strict.zip"
        said = suite.refused("bundle", *suite.ledgers, *suite.period, *suite.files, "--strict", "-o", out, code=1, names=["24 core short"])
        told = suite.must("verify", out, "--anchor", suite.pins).text
        check("24 core short" in told and "24 core short" in json.loads(dict(members_of(out))["bundle.json"])["lacks"], said)


def superseded(suite):
    old = suite.scratch / "old.json"
    first_held = write(suite, "before/held.yaml", HELD.replace("8", "4"))
    suite.must("report", *suite.ledgers, *suite.period, "--rules", RULES, "--entitlements", first_held, "--format", "json", "-o", old)
    with suite.case("a report that supersedes another one takes it along, with its inputs"):
        out = bundle(suite, "second.zip", "--compare", old, "--with", first_held)
        suite.must("verify", out, "--anchor", suite.pins)
        check("inputs/old/old.json" in dict(members_of(out)), "old.json")
    with suite.case("without them it does not hold"):
        out = bundle(suite, "second.zip", "--compare", old)
        said = suite.must("verify", out, "--anchor", suite.pins, code=1).text
        check("held.yaml" in said, said)


def hostile(suite):
    members = sorted(dict(members_of(suite.bundle)).items())

    def refused(name, content, *words):
        path = suite.scratch / "hostile.zip"
        path.write_bytes(content)
        with suite.case(name):
            said = suite.must("verify", path, "--anchor", suite.pins, code=1, timeout=30).text
            check(all(w in said for w in words), said[:600])

    def packed(method, extra=()):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as z:
            for name, content in [*members, *extra]:
                z.writestr(name, content)
        return file.getvalue()

    refused("a compressed archive is refused by what it is", packed(zipfile.ZIP_DEFLATED), "compressed", "[bundle]")
    refused("a bomb is refused before anything of it is read", packed(zipfile.ZIP_DEFLATED, [("zeros", bytes(1 << 26))]),
            "compressed")
    refused("a stored archive of another program is refused", packed(zipfile.ZIP_STORED), "[bundle]")
    link = zipfile.ZipInfo("a-link")
    link.external_attr = 0o120777 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr(link, "/etc/passwd")
    refused("a symbolic link is refused", file.getvalue(), "a symbolic link")
    refused("a name that leads away is refused", by_format_md([("../x", b"x")]), "is no name of a member")
    refused("an empty archive is refused", by_format_md([]), "report/report.json: not there")
    forged = dict(members)
    forged["ledgers/0/vkey"], forged["ledgers/1/vkey"] = forged["ledgers/1/vkey"], forged["ledgers/0/vkey"]
    refused("ledgers whose keys were swapped are refused", by_format_md(sorted(forged.items())), "ledgers/0")
    swapped = {n.replace("ledgers/0/", "ledgers/2/"): c for n, c in members}
    refused("a ledger that is not numbered on is refused", by_format_md(sorted(swapped.items())), "not numbered from 0 on")
    lists = {**dict(members), "report/report.json": dict(members)["report/report.json"].replace(b'"web"', b'"bew"')}
    refused("a report that says something else is refused", by_format_md(sorted(lists.items())), "report.json", "[report]")


def licensor(suite):
    both = {"cores_per_socket": [8, 8], "cluster": "c1", "region": "eu"}
    secret = "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c99"
    history = [
        event(0, "m1", "host", **both, site="bunker7", model="crayon"),
        event(0, "m1", "start", vm=BARE, name="bare", vcpus=2, os="http://microsoft.com/win/2k22"),
        event(HOUR, "m1", "start", vm=secret, name="topsecret", vcpus=2, os="http://redhat.com/rhel/9", tenant="hushhush"),
        event(2 * HOUR, "m1", "start", vm=WEB, name="web", vcpus=4, os="http://microsoft.com/win/2k22", edition="standard"),
        event(20 * HOUR, "m1", "stop", vm=WEB, cause="shutdown"),
        event(21 * HOUR, "m1", "stop", vm=secret, cause="shutdown"),
        event(21 * HOUR, "m1", "stop", vm=BARE, cause="shutdown"),
        event(22 * HOUR, "m1", "heartbeat"),
    ]
    estate = suite.scratch / "mixed"
    pins = write(suite, "mixed.pins", suite.must(
        "record", estate, "--from", write_events(suite.scratch / "mixed.jsonl", history)).text)
    out = suite.scratch / "microsoft.zip"
    some = [estate / "m1", *suite.period, "--rules", RULES]
    suite.must("bundle", *some, "--for", "microsoft", "-o", out)
    members = dict(members_of(out))
    with suite.case("a licensor's bundle holds, and says what it cannot show"):
        said = suite.must("verify", out, "--anchor", pins).text
        check("for microsoft" in said and "commitments only" in said and "needs the streams" in said, said)
        told = json.loads(suite.must("verify", out, "--anchor", pins, "--json").text)
        check(any("commitments only" in r for r in told["remarks"]) and all(f"remark: {r}\n" in said for r in told["remarks"]), f"{told}")
        about = json.loads(members["bundle.json"])
        check(about["for"] == "microsoft" and "word of whoever made this" in about["completeness"], f"{about}")
    with suite.case("nothing in it tells of other vendors' products, by name, tenant, UUID or rule"):
        for word in (b"topsecret", b"hushhush", b"rhel", b"redhat", b"bunker7", b"crayon", b"mixed.jsonl", bytes.fromhex(secret.replace("-", "")), secret.encode()):
            check(all(word not in c for n, c in members.items()), f"{word}: {[n for n, c in members.items() if word in c]}")
        check(b"web" in b"".join(c for n, c in members.items() if "payload" in n), "web is not there")
        check({n for n in members if n.startswith("rules/")} == {"rules/sql-server.yaml", "rules/windows-client.yaml",
                                                                "rules/windows-server.yaml"}, "rules")
    with suite.case("its figures are those of the whole report, without the worst reading, prices and entitlements"):
        whole = suite.scratch / "whole.json"
        suite.must("report", *some, "--format", "json", "-o", whole)
        want = {(p["rule"], p["scope"], p["id"]): p["measured"] for p in json.loads(whole.read_text())["positions"]
                if p["rule"].startswith("windows-server")}
        made = json.loads(members["report/report.json"])
        got = {(p["rule"], p["scope"], p["id"]): p["measured"] for p in made["positions"]}
        check(want and all(got[k] == v for k, v in want.items()), f"{got} {want}")
        check(all(p["high"] is None and p["entitled"] is None for p in made["positions"]) and not made["charges"], "high")
        check([(v["name"], v["run_seconds"]) for v in made["vms"]] == [("web", str(18 * HOUR)), ("bare", str(21 * HOUR))], f"{made['vms']}")
        check(all(p["unresolved"] is None for p in made["positions"]), "who counts in the worst reading alone")
        check(b" 1\n" not in b"\n".join(x for x in members["report/report.txt"].split(b"\n") if b"fleet " in x), "report.txt")
    with suite.case("the worst reading is told where it is asked for"):
        suite.must("bundle", *some, "--for", "Microsoft", "--high", "-o", out)
        made = json.loads(dict(members_of(out))["report/report.json"])
        check(made["report"]["for"] == {"high": True, "licensor": "Microsoft"}, f"{made['report']}")
        check(all(p["high"] is not None for p in made["positions"]), "high")
        check(any([v["name"] for v in p["unresolved"]] == ["bare"] for p in made["positions"]), "unresolved")
        suite.must("verify", out, "--anchor", pins)
    with suite.case("an entry that is withheld from what was disclosed changes the report"):
        name = next(n for n in members if "payload" in n)
        forged = {**members, name: members[name][:1] + members[name][1:]}
        cut = members[name].index(b"web")
        forged[name] = members[name][:cut] + b"bew" + members[name][cut + 3:]
        (suite.scratch / "hostile.zip").write_bytes(by_format_md(sorted(forged.items())))
        said = suite.must("verify", suite.scratch / "hostile.zip", "--anchor", pins, code=1).text
        check("[payload]" in said, said[:400])
    with suite.case("what tells of everybody goes into no licensor's bundle: an earlier report, and what one was made from"):
        none = suite.scratch / "none.zip"
        suite.refused("bundle", *some, "--for", "microsoft", "--compare", whole, "-o", none, code=2, names=["--compare", "--for"])
        suite.refused("bundle", *some, "--for", "microsoft", "--with", whole, "-o", none, code=2, names=["--with", "--for"])
        check(not none.exists(), "it was written")
    with suite.case("a vendor without packs, an export, and --high alone are wrong use"):
        suite.refused("bundle", *some, "--for", "nobody", "-o", out, code=2, names=["--for", "nobody", "Microsoft"])
        suite.refused("bundle", *some, "--high", "-o", out, code=2, names=["--high"])
        suite.must("export", estate / "m1", "--to", suite.scratch / "m1.export")
        suite.refused("bundle", suite.scratch / "m1.export", *suite.period, "--rules", RULES, "--for", "microsoft", "-o", out, code=2,
                      names=["an export"])


def refused_use(suite):
    some = [*suite.ledgers, *suite.period, *suite.files]
    with suite.case("wrong use is exit 2, and writes nothing"):
        suite.refused("bundle", *some, code=2, names=["-o FILE"])
        suite.refused("bundle", *some, "-o", "-", code=2, names=["a bundle is a file"])
        suite.refused("bundle", *suite.ledgers, "-o", suite.scratch / "x.zip", code=2, names=["--from T"])
        suite.refused("bundle", *some, "--with", suite.scratch / "absent", "-o", suite.scratch / "x.zip", code=3, names=["--with"])
        suite.refused("bundle", *some, "-o", suite.scratch / "no" / "x.zip", code=3, names=["no/x.zip"])
        check(not list(suite.scratch.glob("x.zip*")), "something was written")


def body(suite):
    make(suite)
    whole(suite)
    superseded(suite)
    hostile(suite)
    licensor(suite)
    refused_use(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
