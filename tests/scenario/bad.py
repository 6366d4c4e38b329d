#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind, through the real command line: an exit code, one line that
names the place, and no output. Never a silent zero.

    bad.py TALLY [--helper TALLYD-TPM]
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from scenario import Suite, arguments, check, event, main, write_events

DAY = 86400
RULES = pathlib.Path(__file__).resolve().parents[2] / "rules"
PERIOD = ("--from", "2026-01", "--to", "2026-02")
HELD = "- {product: windows-server-standard, metric: core, quantity: 40, reference: PO-1}\n"
HELD_CSV = "product,metric,quantity,reference\nwindows-server-standard,core,40,PO-1\n"
HEAD = "currency: EUR\nprovider: ACME IT\nbilling_account: {id: acme}\n"
PRICES = HEAD + "skus:\n  - {id: vcpu, meter: vcpu-hour, prices: [{from: 2025-01-01, rate: 0.0125}]}\n"
ROSTER = "- {host: h1}\n- {host: dark}\n"
PACK = """pack: mine
version: "1"
title: Ours
vendor: None
rules:
  - rule: mine/host
    title: A rule
    valid_from: 2020-01-01
    source: {text: a page, read: 2026-11-01}
    product: windows-server
    metric: host-cores
    unit: core
    guests:
      os: [http://microsoft.com/win/2k]
    minimum: {per_socket: 8, per_host: 16}
    vms_per_stack: 2
tests:
  - {rule: mine/host, input: {hosts: [{cores: [6, 6], vms: 2}]}, expect: 16}
"""
MOST_VCPUS = 65536
VMS = [f"6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c{n}" for n in range(11, 18)]
WINDOWS = "http://microsoft.com/win/2k22"


def make(suite):
    suite.env["TALLY_RULES"] = str(RULES)
    suite.estate = suite.scratch / "estate"
    starts = [("h1", WINDOWS, []), ("dark", WINDOWS, ["ibm-websphere-nd", "sql-server-enterprise"]),
              ("dark", "http://redhat.com/rhel/9.0", []), ("dark", "http://suse.com/sles/15", []),
              ("dark", "http://ubuntu.com/ubuntu/24.04", ["oracle-database-enterprise"])]
    history = [event(0, "h1", "host", cores_per_socket=[8, 8], max_sockets=2, cluster="c1", region="eu")]
    history += [event(DAY, host, "start", vm=vm, name="n", vcpus=4, memory_mib=1024, os=os_, edition="standard",
                      **({"software": software} if software else {})) for vm, (host, os_, software) in zip(VMS, starts)]
    history += [event(40 * DAY, h, "heartbeat") for h in ("h1", "dark")]
    suite.must("record", suite.estate, "--from", write_events(suite.scratch / "january.jsonl", history))
    suite.ledgers = [suite.estate / "h1", suite.estate / "dark"]
    # More vCPU-hours than 64 bits of minor units hold at the highest rate.
    big = [event(0, "large", "host", cores_per_socket=[1])]
    big += [event(60, "large", "start", vm=f"00000000-0000-4000-8000-{n:012}", vcpus=MOST_VCPUS, os=WINDOWS,
                  software=["ibm-websphere-nd"]) for n in range(40)]
    big += [event(40 * DAY, "large", "heartbeat")]
    suite.must("record", suite.estate, "--from", write_events(suite.scratch / "large.jsonl", big))
    suite.large = suite.estate / "large"
    suite.given = suite.scratch / "given"
    suite.given.mkdir()
    suite.out = suite.scratch / "out"
    suite.out.mkdir()


def give(suite, name, data):
    path = suite.given / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def refused(suite, what, *options, names, code=2, period=PERIOD, ledgers=None, timeout=120):
    """A report that must not come about: nothing is left where it would have been."""
    with suite.case(what):
        begun = time.monotonic()
        suite.refused("report", *(suite.ledgers if ledgers is None else ledgers), *period, *options, "--format", "json",
                      "-o", suite.out / "report.json", code=code, names=names, timeout=timeout)
        left = sorted(os.listdir(suite.out))
        check(not left, f"left behind: {left}")
        check(time.monotonic() - begun < 20, f"it took {time.monotonic() - begun:.0f} s")
        for name in left:
            (suite.out / name).unlink()


def taken(suite, what, *options):
    with suite.case(what):
        return json.loads(suite.must("report", *suite.ledgers, *PERIOD, *options, "--format", "json", "-o", "-").out)
    return None


def deep(levels):
    return "[" * levels + "]" * levels + "\n"


def bombs():
    """Aliases of aliases: a billion texts in a few hundred bytes."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{n}: &{n} [{','.join(['*' + p] * 10)}]" for p, n in zip("abcdefgh", "bcdefghi")]
    return "\n".join(lines) + "\n"


# Whatever a YAML file is for: text before what is good, and the place of what is bad.
YAML = {
    "an anchor": (b"a: &x 1\n", ":1:4: anchors are not taken"),
    "a bomb of aliases": (bombs(), ":1:4: anchors are not taken"),
    "an alias alone": (b"a: *x\n", ":1:4: aliases are not taken"),
    "a merge key": (b"<<: *x\n", ":1:5: aliases are not taken"),
    "a tag": (b"a: !!python/object:os.system x\n", ":1:4: tags are not taken"),
    "a NUL byte": (b"# \x00\n", ":1:3: "),
    "a NUL by escape": (b'a: "\\0"\n', ":1:4: a NUL inside a text"),
    "invalid UTF-8": (b"# good\n# \xff\xfe\n", ":2:3: "),
    "an overlong slash": (b"# \xc0\xaf\n", ":1:3: "),
    "half a surrogate pair": (b"# \xed\xa0\x80\n", ":1:3: "),
    "UTF-16": ("\ufeffa: b\n".encode("utf-16-le"), ":1:"),
    "an escape sequence": (b"# \x1b[2J\n", ":1:3: "),
    "a key that stands twice": (b"zz: 1\nzz: 2\n", ":2:1: doubled key 'zz'"),
    "33 levels": (deep(33), ":1:33: nested too deep"),
    "a million levels": ("[" * 1000000, ":1:33: nested too deep"),
    "a tab as indent": (b"a:\n\t- b\n", ":2:1: "),
    "a second document": (b"---\n", ""),
    "an open bracket": (b"a: [\n", ""),
    "a text alone": (b"", ""),
}
WHOLE = {"a second document": (b"%s---\na: b\n", ":"),
         "an open bracket": (b"a: [\n", ":2:1: "),
         "a text alone": (b"just words\n", ":1:1: "),
         "a number alone": (b"42\n", ":1:1: "),
         "nothing": (b"", ":1:1: "),
         "only a comment": (b"# nothing\n", ":1:1: "),
         "null": (b"null\n", ":1:1: ")}
OPTIONS = {"--entitlements": ("held.yaml", HELD), "--prices": ("prices.yaml", PRICES), "--roster": ("roster.yaml", ROSTER)}


def yaml_of(suite):
    """Each thing that YAML can do wrong, in each file of YAML."""
    for option, (name, good) in OPTIONS.items():
        cases = {what: (text if isinstance(text, bytes) else text.encode(), place)
                 for what, (text, place) in YAML.items() if what not in WHOLE}
        cases |= {what: (text % good.encode() if b"%s" in text else text, place) for what, (text, place) in WHOLE.items()}
        for what, (text, place) in cases.items():
            path = give(suite, name, text)
            refused(suite, f"{option}: {what}", option, path, names=[name + place])
        for what, data in (("more than a mebibyte", good.encode() + b"#" * (1 << 20) + b"\n"),
                           ("a hundred million bytes", b"- a\n" * 25_000_000)):
            refused(suite, f"{option}: {what}", option, give(suite, name, data), names=[name, "more than "])
        plain = taken(suite, f"{option}: as it should be", option, give(suite, name, good))
        for what, data in (("line ends of another system", good.replace("\n", "\r\n").encode()),
                           ("a byte order mark", b"\xef\xbb\xbf" + good.encode())):
            other = taken(suite, f"{option}: {what} are no other words", option, give(suite, name, data))
            with suite.case(f"{option}: {what}: the same positions, findings and charges"):
                check(plain and other, "no report")
                check(all(plain[k] == other[k] for k in ("positions", "findings", "charges")), "they differ")
    give(suite, "held.yaml", HELD)


def packs(suite):
    """The same for packs, by the folder and by `rules check`."""
    folder = suite.scratch / "rules"
    folder.mkdir()
    path = folder / "mine.yaml"
    path.write_text(PACK)
    with suite.case("a pack of one's own is taken"):
        suite.must("rules", "check", path)
        suite.must("report", *suite.ledgers, *PERIOD, "--rules", folder, "-o", "-")
    cases = {what: (text if isinstance(text, bytes) else text.encode(), place)
             for what, (text, place) in YAML.items() if what not in WHOLE}
    cases |= {what: (text % PACK.encode() if b"%s" in text else text, place) for what, (text, place) in WHOLE.items()}
    second = PACK[PACK.index("  - rule:"):PACK.index("tests:")]

    def edited(old, new, text=PACK):
        check(old in text, f"{old!r} is not there")
        return text.replace(old, new, 1).encode()

    def versions(ends, begins):
        first = second.replace("valid_from: 2020-01-01", f"valid_from: 2020-01-01\n    valid_to: {ends}")
        return PACK.replace(second, first + second.replace("2020-01-01", begins)).encode()

    cases |= {
        "an unknown key": (edited("vms_per_stack", "vms_per_stock"), ":16:5: unknown key 'vms_per_stock'"),
        "a key of another metric": (edited("    vms_per_stack: 2", "    sockets_per_unit: 2"), ":16:23: 'sockets_per_unit' means nothing"),
        "a metric that there is not": (edited("host-cores", "host-core"), ":11:13: unknown metric kind 'host-core'"),
        "no source": (edited("    source: {text: a page, read: 2026-11-01}\n", ""), ":6:5: "),
        "a day that is none": (edited("2020-01-01", "2020-02-30"), ":8:17: "),
        "a validity that ends before it begins": (edited("2020-01-01", "2020-01-01\n    valid_to: 2019-12-31"), ":9:15: "),
        "a hole in validity": (versions("2024-01-01", "2024-01-02"), "hole in validity"),
        "an overlap of validities": (versions("2024-01-02", "2024-01-01"), "overlapping validity"),
        "a stack of no VMs": (edited("vms_per_stack: 2", "vms_per_stack: 0"), ":16:20: "),
        "a number that does not fit": (edited("per_host: 16", "per_host: 18446744073709551616"), ":15:40: "),
        "more than a sum of needs can bear": (edited("per_host: 16", "per_host: 1000000001"), ":15:40: 'per_host' must be from"),
        "a negative number": (edited("per_host: 16", "per_host: -16"), ":15:40: "),
        "a window of no days": (edited("vms_per_stack: 2", "window: 0d"), ":16:13: "),
        "a failing case": (edited("expect: 16", "expect: 17"), ":18:74: rule 'mine/host' gives 16, not 17"),
        "a case without a rule": (edited("{rule: mine/host, ", "{rule: mine/vm, "), ":18:12: "),
        "a case before the rule was valid": (edited("{rule: mine/host, ", "{rule: mine/host, at: 2019-12-31, "), ":18:"),
        "a case whose figure does not fit": (edited("cores: [6, 6], vms: 2", "cores: [4000000000], vms: 18446744073709551615"), ":18:"),
    }
    for what, (text, place) in cases.items():
        path.write_bytes(text)
        with suite.case(f"rules check: {what}"):
            suite.refused("rules", "check", path, code=2, names=["mine.yaml", place])
        if "case" not in what:
            refused(suite, f"--rules: {what}", "--rules", folder, names=["mine.yaml", place])
    for what, data in (("more than a mebibyte", b"#" * (1 << 20) + PACK.encode()), ("a hundred million bytes", b"- a\n" * 25_000_000)):
        path.write_bytes(data)
        with suite.case(f"rules check: {what}"):
            suite.refused("rules", "check", path, code=2, names=["mine.yaml", "more than "])
        refused(suite, f"--rules: {what}", "--rules", folder, names=["mine.yaml", "more than "])
    path.write_text(PACK)
    (folder / "other.yaml").write_text(PACK.replace("pack: mine", "pack: other"))
    refused(suite, "--rules: one rule in two packs", "--rules", folder, names=["other.yaml", "mine/host"])
    (folder / "other.yaml").unlink()
    for what, data in (("line ends of another system", PACK.replace("\n", "\r\n").encode()),
                       ("a byte order mark", b"\xef\xbb\xbf" + PACK.encode())):
        path.write_bytes(data)
        with suite.case(f"rules check: {what} are no other words"):
            suite.must("rules", "check", path)


def entitlements(suite):
    row = "- {product: windows-server-standard, metric: core, quantity: 40%s}\n"
    for what, text, place in (
            ("a negative quantity", "- {product: p, metric: m, quantity: -1}\n", ":1:37: 'quantity' must be"),
            ("a quantity of nought", "- {product: p, metric: m, quantity: 0}\n", ":1:37: "),
            ("a quantity that does not fit", "- {product: p, metric: m, quantity: 99999999999999999999}\n", ":1:37: "),
            ("a quantity in binary floating point", "- {product: p, metric: m, quantity: 1e3}\n", ":1:37: "),
            ("no number", "- {product: p, metric: m, quantity: NaN}\n", ":1:37: "),
            ("an end before its begin", row % ", valid_from: 2026-02-01, valid_to: 2026-01-31", ":1:"),
            ("an end at its begin", row % ", valid_from: 2026-02-01, valid_to: 2026-02-01", ":1:"),
            ("a maintenance that ends before it begins", row % ", maintenance_from: 2026-02-01, maintenance_to: 2026-01-01", ":1:"),
            ("a day that is none", row % ", valid_to: 2026-02-29", ":1:76: "),
            ("an unknown right", row % ", rights: [everything]", ":1:75: an unknown right"),
            ("an unknown scope", row % ", scope: moon", ":1:"),
            ("a date of assignment without a host", row % ", assigned_date: 2026-01-01", ":1:"),
            ("one reference twice", row % ", reference: A" + row % ", reference: A", ":2:"),
            ("one key twice", "- {product: p, product: q, metric: m, quantity: 1}\n", ":1:16: doubled key 'product'"),
            ("no quantity", "- {product: p, metric: m}\n", ":1:3: "),
            ("an unknown key", "- {product: p, metric: m, quantity: 1, colour: red}\n", ":1:40: unknown key 'colour'")):
        refused(suite, f"--entitlements: {what}", "--entitlements", give(suite, "held.yaml", text), names=["held.yaml" + place])
    for what, text, place in (
            ("a negative quantity", "product,metric,quantity\np,m,-1\n", ":2:5: 'quantity' must be"),
            ("a quotation mark that stays open", 'product,metric,quantity\np,"m,1\n', ":2:3: "),
            ("a row with a cell too few", "product,metric,quantity\np,m\n", ":2:"),
            ("a row with a cell too many", "product,metric,quantity\np,m,1,2\n", ":2:"),
            ("one column twice", "product,product,metric,quantity\np,p,m,1\n", ":1:9: "),
            ("an unknown column", "product,metric,quantity,colour\np,m,1,red\n", ":1:25: unknown column 'colour'"),
            ("no column of quantities", "product,metric\np,m\n", ":"),
            ("a NUL byte", b"product,metric,quantity\np\x00,m,1\n", ":2:2: "),
            ("invalid UTF-8", b"product,metric,quantity\np\xff,m,1\n", ":2:2: "),
            ("nothing", "", ":1:1: "), ("names alone", "product,metric,quantity\n", ":1:1: "),
            ("an end before its begin", "product,metric,quantity,valid_from,valid_to\np,m,1,2026-02-01,2026-01-31\n", ":2:"),
            ("a thousand columns", ",".join(["product"] * 1000) + "\n", ":1:"),
            ("a hundred million bytes", b"p,m,1\n" * 17_000_000, ": more than ")):
        refused(suite, f"--entitlements in CSV: {what}", "--entitlements", give(suite, "held.csv", text), names=["held.csv" + place])
    plain = taken(suite, "--entitlements in CSV: as it should be", "--entitlements", give(suite, "held.csv", HELD_CSV))
    for what, data in (("line ends of another system", HELD_CSV.replace("\n", "\r\n").encode()),
                       ("a byte order mark", b"\xef\xbb\xbf" + HELD_CSV.encode())):
        other = taken(suite, f"--entitlements in CSV: {what} are no other words", "--entitlements", give(suite, "held.csv", data))
        with suite.case(f"--entitlements in CSV: {what}: the same positions"):
            check(plain and other and plain["positions"] == other["positions"], "they differ")
    made = taken(suite, "an entitlement of a product that there is not is taken",
                 "--entitlements", give(suite, "held.yaml", "- {product: windows-sever, metric: core, quantity: 40}\n"))
    with suite.case("but it counts for nothing, and a finding with its place says so"):
        told = [f["text"] for f in made["findings"] if f["kind"] == "entitlement-unmatched"]
        check(len(told) == 1 and "held.yaml:1" in told[0] and "windows-sever" in told[0], f"{told}")
        check(all(p["entitled"] is None for p in made["positions"]), "it is counted")


def prices(suite):
    sku = "skus: [{id: s, meter: vcpu-hour, prices: [{from: 2025-01-01, rate: %s}]}]\n"
    for what, text, place in (
            ("a price beyond what money holds", HEAD + sku % "1000000001", ":4:68: 'rate' is more than"),
            ("a price that no number holds", HEAD + sku % ("9" * 60), ":4:68: 'rate' is more than"),
            ("too many decimals", HEAD + sku % "0.0000000000001", ":4:68: "),
            ("a negative price", HEAD + sku % "-0.01", ":4:68: 'rate' is negative"),
            ("a price in binary floating point", HEAD + sku % "1e-3", ":4:68: "),
            ("a comma for the point", HEAD + sku % "'0,01'", ":4:68: "),
            ("no SKU", HEAD + "skus: []\n", ":4:7: "),
            ("one SKU twice", HEAD + "skus:\n" + 2 * "  - {id: s, meter: vm-hour, prices: [{from: 2025-01-01, rate: 1}]}\n", ":6:10: "),
            ("a hole between prices", HEAD + "skus:\n  - {id: s, meter: vm-hour, prices: [{from: 2025-01-01, to: 2026-01-10, rate: 1}, "
             "{from: 2026-01-11, rate: 1}]}\n", ":5:90: hole"),
            ("a price that ends before it begins", HEAD + "skus:\n  - {id: s, meter: vm-hour, prices: [{from: 2025-01-01, to: 2024-01-01, "
             "rate: 1}]}\n", ":5:61: 'to' must lie behind"),
            ("a currency that there is not", PRICES.replace("EUR", "EUX"), ":1:11: "),
            ("a rule that there is not", HEAD + "skus:\n  - {id: s, meter: licence-hour, per: vm, product: no/such, prices: "
             "[{from: 2025-01-01, rate: 1}]}\n", ":5:"),
            ("use before the first price", HEAD + sku.replace("2025", "2027") % "1", ":4:8: ")):
        refused(suite, f"--prices: {what}", "--prices", give(suite, "prices.yaml", text), names=["prices.yaml" + place])
    refused(suite, "an invoice that 64 bits of minor units do not hold", "--prices",
            give(suite, "prices.yaml", HEAD + sku % "1000000000"), ledgers=[suite.large], names=["prices.yaml"])


def rosters(suite):
    for what, text, place in (
            ("no host", "- {asset: A1}\n", ":1:3: "), ("a host without a name", "- {host: ''}\n", ":1:10: "),
            ("a day that is none", "- {host: h1, from: 2026-02-30}\n", ":1:20: 'from' must be a day"),
            ("an end before its begin", "- {host: h1, from: 2026-02-01, to: 2026-01-01}\n", ":1:36: "),
            ("lines that overlap", "- {host: h1}\n- {host: h1, from: 2026-01-01}\n", ":2:3: "),
            ("an unknown key", "- {host: h1, rack: 4}\n", ":1:14: unknown key 'rack'"),
            ("texts in place of maps", "[h1, h2]\n", ":1:2: "), ("a map of hosts", "hosts: {h1: yes}\n", ":1:8: ")):
        refused(suite, f"--roster: {what}", "--roster", give(suite, "roster.yaml", text), names=["roster.yaml" + place])


def periods(suite):
    for what, begin, end, names in (
            ("an empty period", "2026-01", "2026-01", ["--to", "the period is empty"]),
            ("an empty period by other words", "2026-01", "2026-01-01T00:00:00Z", ["period is empty"]),
            ("a period of a nanosecond less than none", "2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00Z", ["--to", "0.000000001Z"]),
            ("a period that ends before it begins", "2026-02", "2026-01", ["--to", "2026-01 does not lie behind 2026-02"]),
            ("a month that there is not", "2026-13", "2027-01", ["--from", "2026-13"]),
            ("a day that there is not", "2026-01-01", "2026-02-29", ["--to", "2026-02-29"]),
            ("a year beyond all time", "2026-01", "9999-01", ["--to", "9999-01"]),
            ("a time without a zone", "2026-01-01T00:00:00", "2026-02", ["--from"]),
            ("nothing", "", "2026-02", ["--from"])):
        refused(suite, what, names=names, period=("--from", begin, "--to", end))
    with suite.case("a period of which no ledger tells is no quiet nought"):
        made = json.loads(suite.must("report", *suite.ledgers, "--from", "2025-01", "--to", "2025-02", "--format", "json", "-o", "-").out)
        told = [f["text"] for f in made["findings"] if f["kind"] == "nothing-recorded"]
        check(told == ["2 ledgers, and no others, tell of no time in the period: dark; h1"], f"{made['findings']}")
    for zone in ("Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "europe/berlin", "Europe/Berlin\n", "UTC+25", "right/UTC0"):
        refused(suite, f"the zone {zone!r}", "--tz", zone, names=["--tz"])


def files(suite):
    folder = suite.given / "folder"
    folder.mkdir()
    secret = give(suite, "secret.yaml", HELD)
    secret.chmod(0)
    for option in (*OPTIONS, "--compare"):
        refused(suite, f"{option} with a file that is not there", option, suite.given / "absent.yaml", code=3, names=[option, "absent.yaml"])
        refused(suite, f"{option} with a folder", option, folder, code=3, names=[option, "folder"])
        refused(suite, f"{option} through a file", option, give(suite, "a.yaml", "a") / "b", code=3, names=[option, "a.yaml"])
        if os.geteuid() != 0:
            refused(suite, f"{option} with a file that may not be read", option, secret, code=3, names=[option, "secret.yaml"])
    refused(suite, "--rules with a folder that is not there", "--rules", suite.given / "absent", code=3, names=["absent"])
    refused(suite, "--rules with a file", "--rules", give(suite, "a.yaml", PACK), code=3, names=["a.yaml"])
    refused(suite, "--rules with an empty folder", "--rules", folder, code=3, names=["folder", "no rule pack"])
    if os.geteuid() == 0:
        unreadable(suite, secret)


def unreadable(suite, secret):
    """Root may read all; somebody else may not, where this machine lets us be him."""
    if not shutil.which("setpriv"):
        suite.skip("files that may not be read", "root may read all, and setpriv is not here")
        return
    for path in (suite.scratch, suite.given):
        path.chmod(0o755)
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", suite.tally]
    if subprocess.run([*other, "--help"], capture_output=True, check=False, timeout=60).returncode != 0:
        suite.skip("files that may not be read", "another user may not run the program here")
        return
    with suite.case("a file that may not be read is exit 3 and is named"):
        done = subprocess.run([*other, "rules", "check", secret], capture_output=True, env=suite.env, check=False, timeout=60)
        check(done.returncode == 3 and b"secret.yaml" in done.stderr, f"{done}")


def unknown_host(suite):
    """A host that nobody has described is no host of no cores."""
    made = taken(suite, "a host without facts is reported")
    dark = [p for p in made["positions"] if p["scope"] == "fleet" and p["rule"] in (
        "oracle-database/processor", "rhel/virtual-datacenter", "sles/unlimited", "sql-server-enterprise/host",
        "windows-server-standard/host", "windows-server-datacenter/host", "ibm/pvu-subcapacity")]
    with suite.case("each rule over hosts says for which VM the host is not known, and none says 0"):
        check(len(dark) == 7, f"{[p['rule'] for p in dark]}")
        for p in dark:
            check(any(u["host"] == "dark" and u["why"] == "host without facts" for u in p["unresolved"]), f"{p}")
            check(p["measured"] > 0 and p["high"] >= p["measured"] >= p["low"] > 0, f"{p['rule']}: {p['low']} {p['measured']} {p['high']}")
    with suite.case("a finding names the host"):
        check(any(f["kind"] == "no-host-facts" and "host dark" in f["text"] for f in made["findings"]), f"{made['findings']}")


def body(suite):
    make(suite)
    unknown_host(suite)
    periods(suite)
    files(suite)
    yaml_of(suite)
    packs(suite)
    entitlements(suite)
    prices(suite)
    rosters(suite)


if __name__ == "__main__":
    given = arguments(__doc__.split("\n", 1)[0]).parse_args()
    main(Suite(given.tally, given.helper), body)
