#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Licence cases as whole histories: recorded, reported, and compared with a count by hand.

    cases.py TALLY [--helper TALLYD-TPM] [--vectors FOLDER]

The public cases go this way where their folder is beside the checkout, each with the
number that stands there; always, other sizes and shapes of each with the number that
the formulas below give. These are written out again here, from the rules' words.
"""

import datetime
import json
import pathlib
import random
import shutil

from scenario import Suite, arguments, check, event, main, write_events

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES, VECTORS = ROOT / "rules", ROOT.parent / "shared/vectors"
DAY, HOUR = 86400, 3600
WIN, RHEL, SLES, UBUNTU = ("http://microsoft.com/win/2k22", "http://redhat.com/rhel/9.0", "http://suse.com/sles/15",
                           "http://ubuntu.com/ubuntu/24.04")
# Kinds of metric that no shipped pack needs.
OWN = """pack: own
version: "1"
title: Kinds that only cases need
vendor: None
rules:
  - {rule: own/hybrid, metric: vm-pairs-per-host, valid_from: 2020-01-01, unit: pair, product: rhel, source: {text: a case, read: 2026-11-01},
     guests: {os: [http://redhat.com/rhel/]}, hosts: {os: [http://redhat.com/rhel/]}, vms_per_unit: 2, round: scope, sockets_per_unit: 2}
  - {rule: own/sockets, metric: socket-pairs, valid_from: 2020-01-01, unit: socket, product: rhel, source: {text: a case, read: 2026-11-01},
     guests: {os: [http://redhat.com/rhel/]}, sockets_per_unit: 1, unknown_sockets: 1}
  - {rule: own/tiers, metric: capacity-tiers, of: vms, valid_from: 2020-01-01, unit: rvu, source: {text: a case, read: 2026-11-01},
     guests: {software: [tiers]}, tiers: [{name: a, up_to: 2500, factor: 1.00}, {name: b, up_to: 10000, factor: 0.80},
     {name: c, up_to: 50000, factor: 0.60}, {name: d, up_to: 150000, factor: 0.40}, {name: e, factor: 0.20}]}
  - {rule: own/vcpu-hours, metric: vcpu-hours, valid_from: 2020-01-01, unit: four-vcpu-hour, source: {text: a case, read: 2026-11-01},
     guests: {software: [metered]}, time: {factor: 0.25}, decimals: 2}
  - {rule: own/each, metric: host-cores, valid_from: 2020-01-01, unit: stack, product: windows-server, source: {text: a case, read: 2026-11-01},
     guests: {os: [http://microsoft.com/win/2k]}, minimum: {per_host: 1}, vms_per_stack: 1, window: 90d, aggregation: host-peaks}
tests:
  - {rule: own/hybrid, input: {hosts: [{sockets: 2, own: true, vms: 2}]}, expect: 2}
  - {rule: own/sockets, input: {hosts: [{unknown: true, vms: 1}]}, expect: 1}
  - {rule: own/tiers, input: {vms: [{vcpus: 10}]}, expect: 10}
  - {rule: own/vcpu-hours, input: {vms: [{vcpus: 1, hours: 10}]}, expect: 2.5}
  - {rule: own/each, input: {hosts: [{cores: [1], vms: 3}]}, expect: 3}
"""


def up(n, by):
    return -(-n // by)


def plain(hundredths):
    """A decimal text without noughts at its end."""
    return f"{hundredths // 100}.{hundredths % 100:02}".rstrip("0").rstrip(".")


def windows_cores(cores):
    return max(16, sum(max(8, n) for n in cores))


def tier_units(n):
    units, below = 0, 0
    for end, factor in ((2500, 100), (10000, 80), (50000, 60), (150000, 40), (10**18, 20)):
        units += max(0, min(n, end) - below) * factor
        below = end
    return up(units, 100)


class Estate:
    """Clusters of hosts, each one case; all of it is one report."""

    def __init__(self):
        self.events, self.hosts, self.vms, self.cases = [], 0, 0, []

    def host(self, cluster, cores=(8, 8), **facts):
        self.hosts += 1
        name = f"h{self.hosts}"
        self.events.append(event(0, name, "host", cores_per_socket=list(cores), cluster=cluster, region=cluster, **facts))
        self.events.append(event(25 * DAY, name, "heartbeat"))
        return name

    def dark(self):
        self.hosts += 1
        self.events.append(event(25 * DAY, f"h{self.hosts}", "heartbeat"))
        return f"h{self.hosts}"

    def run(self, host, vcpus=1, os_=None, begin=DAY, end=20 * DAY, vm=None, **keys):
        self.vms += vm is None
        vm = vm or f"00000000-0000-4000-8000-{self.vms:012}"
        self.events.append(event(begin, host, "start", vm=vm, vcpus=vcpus, **({"os": os_} if os_ else {}), **keys))
        if end:
            self.events.append(event(end, host, "stop", vm=vm, cause="shutdown"))
        return vm

    def expect(self, name, rule, scope, id_, measured, **others):
        self.cases.append((name, rule, scope, id_, {"measured": measured, **others}))

    def report(self, suite, *more):
        folder = suite.scratch / f"estate{suite.passed}.{suite.failed}"
        self.events.sort(key=lambda e: e["time"])
        suite.must("record", folder, "--from", write_events(suite.scratch / "events.jsonl", self.events), timeout=600)
        return json.loads(suite.must("report", *sorted(folder.iterdir()), "--from", "2026-01", "--to", "2026-02", "--format", "json",
                                     *more, "-o", "-", timeout=600).out)

    def judge(self, suite, made):
        rows = {(p["rule"], p["scope"], p["id"], p["product"]): p for p in made["positions"]}
        for name, rule, scope, id_, figures in self.cases:
            with suite.case(name):
                found = [p for key, p in rows.items() if key[:3] == (rule, scope, id_) and p["product"] != "sql-server-enterprise"] or \
                    [p for key, p in rows.items() if key[:3] == (rule, scope, id_)]
                check(len(found) == 1, f"{len(found)} positions of {rule} {scope} {id_}")
                is_ = {reading: found[0][reading] for reading in figures}
                check({k: str(v) for k, v in is_.items()} == {k: str(v) for k, v in figures.items()}, f"{is_}, not {figures}")


# Each shape: builds a cluster `c` from an input as the public cases have it, and returns
# (rule, scope, id, the number by hand, further readings).

def std_host(e, c, i):
    h = e.host(c, i["cores_per_cpu"])
    for _ in range(i["peak_vms"]):
        e.run(h, os_=WIN, edition="standard")
    n = windows_cores(i["cores_per_cpu"]) * up(i["peak_vms"], 2)
    return "windows-server-standard/host", "host", h, n, {"low": n, "high": n}


def dc_host(e, c, i):
    h = e.host(c, i["cores_per_cpu"])
    e.run(h, os_=WIN, edition="datacenter")
    return "windows-server-datacenter/host", "host", h, windows_cores(i["cores_per_cpu"]), {}


def per_vm(e, c, i):
    h = e.host(c)
    vcpus = i["vcpus"] if isinstance(i["vcpus"], list) else [i["vcpus"]]
    for n in vcpus:
        e.run(h, n, WIN)
    return "windows-server/vm", "cluster", c, sum(max(8, n) for n in vcpus), {}


def sql_vm(e, c, i):
    e.run(e.host(c), i["vcpus"], software=["sql-server-standard"])
    return "sql-server/vm", "cluster", c, max(4, i["vcpus"]), {}


def sql_host(e, c, i):
    h = e.host(c, i["cores_per_cpu"])
    for _ in range(2):
        e.run(h, software=["sql-server-enterprise"])
    return "sql-server-enterprise/host", "host", h, sum(max(4, n) for n in i["cores_per_cpu"]), {}


def rhel_sockets(e, c, i):
    h = e.host(c, [2] * i["sockets"], os=RHEL)
    return "rhel/socket-pairs", "host", h, up(i["sockets"], 2), {}


def rhel_vms(e, c, i):
    hosts = [e.host(c) for _ in range(3)]
    for k in range(i["vms"]):
        e.run(hosts[k % 3], os_=RHEL)
    return "rhel/vm-pairs", "cluster", c, up(i["vms"], 2), {}


def rhel_hybrid(e, c, i):
    h = e.host(c, [1] * i["sockets"], os=RHEL)
    for _ in range(i["vms"]):
        e.run(h, os_=RHEL)
    return "own/hybrid", "cluster", c, up(i["sockets"], 2) + up(i["vms"], 2), {}


def rhel_vdc(e, c, i):
    for n in i["host_sockets"]:
        e.run(e.host(c, [1] * n), os_=RHEL)
    e.host(c, [1] * 4)  # that runs none
    return "rhel/virtual-datacenter", "cluster", c, sum(up(n, 2) for n in i["host_sockets"]), {}


def swatch(e, c, i):
    h = e.dark()
    e.run(h, os_=RHEL)
    return "own/sockets", "host", h, 1, {}


def sles_vms(e, c, i):
    for n in i["vms_per_host"]:
        h = e.host(c)
        for _ in range(n):
            e.run(h, os_=SLES)
    return "sles/sockets-or-vms", "cluster", c, sum(up(n, 2) for n in i["vms_per_host"]), {}


def sles_sockets(e, c, i):
    e.host(c, [2] * i["sockets"], os=SLES)
    return "sles/sockets-or-vms", "cluster", c, up(i["sockets"], 2), {}


def sles_unlimited(e, c, i):
    h = e.host(c, [2] * i["sockets"])
    for _ in range(5):
        e.run(h, os_=SLES)
    return "sles/unlimited", "host", h, up(i["sockets"], 2), {}


def ubuntu(e, c, i):
    hosts = [e.host(c) for _ in range(i["hosts"])]
    for k in range(i["vms"]):
        e.run(hosts[k % len(hosts)], os_=UBUNTU)
    e.expect(f"{c}: or each of its hosts", "ubuntu-pro/host", "cluster", c, i["hosts"])
    return "ubuntu-pro/vm", "cluster", c, i["vms"], {}


def oracle(e, c, i):
    cpus = {"25": "Ampere Altra", "50": "Intel(R) Xeon(R) Gold", "75": "UltraSPARC T2", "100": "POWER9"}
    for factor, cores in i["cores_by_factor_percent"].items():
        while cores > 0:  # hosts of two sockets with 16 cores, as far as that goes
            own = min(cores, 32)
            e.run(e.host(c, [own] if own < 32 else [16, 16], cpu=cpus[factor]), software=["oracle-database-enterprise"])
            cores -= own
    n = sum(up(cores * int(factor), 100) for factor, cores in i["cores_by_factor_percent"].items())
    return "oracle-database/processor", "cluster", c, n, {"low": n, "high": n}


def pvu(e, c, i):
    known = i["physical_cores"] < 1000000
    sockets = {70: 2, 100: 4, 120: 8}[i["pvu_per_core"]]
    h = e.host(c, [i["physical_cores"]], cpu="Intel Xeon", max_sockets=sockets) if known else e.dark()
    for n in i["vcpus"]:
        e.run(h, n, software=["ibm-websphere-nd"])
    return "ibm/pvu-subcapacity", "host", h, min(sum(i["vcpus"]), i["physical_cores"]) * i["pvu_per_core"], {}


def rvu(e, c, i):
    h, left = e.host(c), i["cores"]
    while left > 0:
        e.run(h, min(left, 50000), software=["tiers"])
        left -= min(left, 50000)
    return "own/tiers", "cluster", c, tier_units(i["cores"]), {}


def vmware(e, c, i):
    for cores in i["hosts"]:
        e.host(c, cores, hypervisor="vmware")
    return "vmware/cores", "cluster", c, sum(max(16, n) for cores in i["hosts"] for n in cores), {}


def spla(e, c, i):
    vm = None
    for k, cores in enumerate(i["hosts_visited"]):
        vm = e.run(e.host(c, cores), os_=WIN, begin=(k + 1) * DAY, end=(k + 1) * DAY + 6 * HOUR, vm=vm)
    return "windows-server-standard/spla-month", "cluster", c, sum(map(windows_cores, i["hosts_visited"])), {}


def payg(e, c, i):
    e.run(e.host(c), i["vcpus"], WIN, end=DAY + i["hours"] * HOUR)
    return "windows-server/payg", "cluster", c, i["vcpus"] * i["hours"], {}


def vcpu_hours(e, c, i):
    e.run(e.host(c), 1, begin=DAY, end=DAY + i["vcpu_hours"] * HOUR, software=["metered"])
    return "own/vcpu-hours", "cluster", c, plain(i["vcpu_hours"] * 25), {}


def maintenance(e, c, i):
    """One host is emptied onto the other for two hours; how many stand where, before and meanwhile."""
    hosts = [e.host(c, cores) for cores in i["hosts"]]
    vms = [e.run(hosts[k], os_=WIN, edition="standard", end=None) for k in (0, 1) for _ in range(i["static"][k])]
    for vm in vms[:i["static"][0]]:
        for begin, here, there in ((5 * DAY, 0, 1), (5 * DAY + 2 * HOUR, 1, 0)):
            e.events.append(event(begin, hosts[here], "migrate-out", vm=vm, peer=hosts[there]))
            e.events.append(event(begin, hosts[there], "migrate-in", vm=vm, peer=hosts[here], vcpus=1))
    each = [windows_cores(cores) for cores in i["hosts"]]
    peaks = [i["static"][0], sum(i["static"])]
    measured = sum(n * up(v, 2) for n, v in zip(each, peaks))
    e.expect(f"{c}: Datacenter does not ask how many", "windows-server-datacenter/host", "cluster", c, sum(each))
    return "windows-server-standard/host", "cluster", c, measured, {"high": sum(n * up(peaks[1], 2) for n in each)}


SHAPES = {
    "WS_STD_HOST": std_host, "WS_DC_HOST": dc_host, "WS_PER_VM": per_vm, "SQL_PER_VM": sql_vm, "SQL_ENT_HOST": sql_host,
    "RHEL_SOCKET_PAIR": rhel_sockets, "RHEL_VM_PAIR": rhel_vms, "RHEL_HYBRID": rhel_hybrid, "RHEL_VDC": rhel_vdc,
    "SWATCH_SOCKETS": swatch, "SLES_1_2_VM": sles_vms, "SLES_1_2_SOCKET": sles_sockets, "SLES_UNLIMITED": sles_unlimited,
    "UBUNTU_PRO": ubuntu, "ORACLE_PROCESSOR": oracle, "IBM_PVU_SUBCAP": pvu, "IBM_RVU_MAPC": rvu, "VMWARE_CORES": vmware,
    "WS_STD_SPLA_MONTH": spla, "WS_PAYG": payg, "REDHAT_VCPU_HOURS": vcpu_hours, "WS_STD_90D_HWM": maintenance}


def variations(pick):
    """Inputs of other sizes and shapes than the public ones."""
    def some(low, high):
        return pick.randint(low, high)

    def cores():
        return [some(1, 40) for _ in range(some(1, 6))]
    for _ in range(2):
        yield "WS_STD_HOST", {"cores_per_cpu": cores(), "peak_vms": some(0, 30)}
        yield "WS_DC_HOST", {"cores_per_cpu": cores()}
        yield "WS_PER_VM", {"vcpus": [some(1, 64) for _ in range(some(1, 6))]}
        yield "SQL_PER_VM", {"vcpus": some(1, 64)}
        yield "SQL_ENT_HOST", {"cores_per_cpu": cores()}
        yield "RHEL_SOCKET_PAIR", {"sockets": some(1, 16)}
        yield "RHEL_VM_PAIR", {"vms": some(1, 31)}
        yield "RHEL_HYBRID", {"sockets": some(1, 9), "vms": some(1, 9)}
        yield "RHEL_VDC", {"host_sockets": [some(1, 9) for _ in range(some(1, 4))]}
        yield "SLES_1_2_VM", {"vms_per_host": [some(1, 7) for _ in range(some(1, 4))]}
        yield "SLES_1_2_SOCKET", {"sockets": some(1, 16)}
        yield "SLES_UNLIMITED", {"sockets": some(1, 16)}
        yield "UBUNTU_PRO", {"hosts": some(1, 4), "vms": some(4, 20)}
        yield "ORACLE_PROCESSOR", {"cores_by_factor_percent": {f: some(1, 70) for f in ("25", "50", "75", "100")}}
        yield "IBM_PVU_SUBCAP", {"vcpus": [some(1, 16) for _ in range(3)], "physical_cores": some(1, 40),
                                 "pvu_per_core": pick.choice((70, 100, 120))}
        yield "IBM_RVU_MAPC", {"cores": some(1, 200000)}
        yield "VMWARE_CORES", {"hosts": [cores() for _ in range(some(1, 3))]}
        yield "WS_STD_SPLA_MONTH", {"hosts_visited": [cores() for _ in range(some(1, 4))]}
        yield "WS_PAYG", {"vcpus": some(1, 32), "hours": some(1, 400)}
        yield "REDHAT_VCPU_HOURS", {"vcpu_hours": some(1, 400)}
        one = cores()
        yield "WS_STD_90D_HWM", {"hosts": [one, one], "static": [some(1, 6), some(1, 6)]}


def add(e, name, rule, i, expected=None):
    position, scope, id_, hand, others = SHAPES[rule](e, name, i)
    expected = hand if expected is None else expected
    e.expect(f"{name}: {rule} of {json.dumps(i)[:90]}: {expected}", position, scope, id_, expected, **others)


def public(suite, path):
    if not path.is_file():
        suite.skip("the public cases", "shared/vectors/licensing.json is not beside the checkout")
        return
    cases = json.loads(path.read_text(encoding="utf-8"))
    e, alone, elsewhere = Estate(), [], []
    for k, case in enumerate(cases):
        rule, i, expected = case["rule"], case["input"], case["expect"]
        if rule == "WS_PAYG":  # in core-hours; the price is the price list's business
            add(e, f"p{k}", rule, i)
        elif rule == "REDHAT_VCPU_HOURS":
            add(e, f"p{k}", rule, i, plain(round(expected * 100)))
        elif rule in SHAPES:
            add(e, f"p{k}", rule, i, expected)
        elif rule == "WS_STD_REACH":
            add(e, f"p{k}", "WS_STD_90D_HWM", {"hosts": i["hosts"], "static": [3, 3]}, 80)
            check(e.cases[-1][-1]["high"] == expected, "the hand's reach is another")
        elif rule in ("WS_PER_VM_CUSTOMER", "WS_HOST_VMS_IN_WINDOW"):
            alone.append(case)
        else:
            elsewhere.append(rule)
    e.judge(suite, e.report(suite))
    with suite.case("what remains are the timeline's own cases"):
        check(len(elsewhere) == 9 and set(elsewhere) == {"HWM", "HWM_INTERVALS", "AVG_CONCURRENT_DAY", "VCPU_HOURS", "RUN_SECONDS",
                                                         "MONTH_HOURS"}, f"{elsewhere}")
    for case in alone:
        (customer if case["rule"] == "WS_PER_VM_CUSTOMER" else window)(suite, case["input"], case["expect"])


def customer(suite, i, expected=None):
    """The minimum is the customer's, who is the whole fleet."""
    e = Estate()
    _, _, c, hand, _ = per_vm(e, "c1", i)
    e.expect(f"{i}: a cluster is not the customer", "windows-server/vm", "cluster", c, hand)
    e.expect(f"{i}: the customer has 16 at least", "windows-server/vm", "fleet", "fleet", max(16, hand) if expected is None else expected)
    e.judge(suite, e.report(suite))


def window(suite, i, expected=None):
    """VMs that stood there at once inside the window: those that left before it did not."""
    days = i["window_days"]
    expected = i["running"] + sum(d < days for d in i["left_days_ago"]) if expected is None else expected
    e = Estate()
    e.hosts = 1
    end = 31 * DAY  # of the report: 2026-02-01
    e.events = [dict(event(0, "h1", "host", cores_per_socket=[1]), time=back(end, i["now_day"]))]
    for k in range(i["running"] + len(i["left_days_ago"])):
        vm = f"00000000-0000-4000-8000-{k:012}"
        e.events.append(dict(event(0, "h1", "start", vm=vm, vcpus=1, os=WIN), time=back(end, i["now_day"])))
        if k >= i["running"]:
            e.events.append(dict(event(0, "h1", "stop", vm=vm, cause="shutdown"), time=back(end, i["left_days_ago"][k - i["running"]])))
    e.events.append(dict(event(0, "h1", "heartbeat"), time=back(end, 0)))
    e.expect(f"{i}: {expected} VMs in the window", "own/each", "host", "h1", expected)
    hand = 16 * up(expected, 2)
    e.expect(f"{i}: so {hand} core licences", "windows-server-standard/host", "host", "h1", hand)
    e.judge(suite, e.report(suite))


def back(end, days):
    """The instant so many days before 2026-01-01 and `end` seconds."""
    at = datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=end - days * DAY)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def others(suite):
    e, pick = Estate(), random.Random(4)
    for k, (rule, i) in enumerate(variations(pick)):
        add(e, f"v{k}", rule, i)
    e.judge(suite, e.report(suite))
    for vcpus in ([1], [15], [3, 3, 20]):
        customer(suite, {"vcpus": vcpus})
    for i in ({"now_day": 200, "running": 2, "left_days_ago": [89, 91, 12], "window_days": 90},
              {"now_day": 95, "running": 1, "left_days_ago": [94, 93], "window_days": 90}):
        window(suite, i)


def body(suite):
    folder = suite.scratch / "rules"
    shutil.copytree(RULES, folder)
    (folder / "own.yaml").write_text(OWN)
    suite.env["TALLY_RULES"] = str(folder)
    suite.must("rules", "check", *sorted(folder.glob("*.yaml")))
    others(suite)
    public(suite, pathlib.Path(suite.vectors) / "licensing.json")


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("--vectors", default=str(VECTORS))
    given = parser.parse_args()
    whole = Suite(given.tally, given.helper)
    whole.vectors = given.vectors
    main(whole, body)
