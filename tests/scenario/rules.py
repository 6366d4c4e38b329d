#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tally rules` as a stranger uses it: the packs that come with it, packs of one's
own, and what is wrong with them, with file, line and column.

    rules.py TALLY --rules FOLDER
"""

import os
import re
import shutil
import sys
from pathlib import Path

from scenario import Suite, check

IDS = {
    "windows-server-standard/host", "windows-server-datacenter/host", "windows-server/vm",
    "windows-server-standard/spla-month", "windows-server/payg", "sql-server/vm", "sql-server-enterprise/host",
    "rhel/socket-pairs", "rhel/vm-pairs", "rhel/virtual-datacenter", "sles/sockets-or-vms", "sles/unlimited",
    "ubuntu-pro/host", "ubuntu-pro/vm", "oracle-database/processor", "ibm/pvu-subcapacity", "vmware/cores",
    "windows-client/concurrent",
}


def main():
    where = sys.argv.index("--rules")
    rules = Path(sys.argv[where + 1]).resolve()
    suite = Suite(sys.argv[1])
    suite.env.pop("TALLY_RULES", None)
    own = suite.scratch / "own"
    shutil.copytree(rules, own)

    with suite.case("the packs beside the program list every rule of the design"):
        listed = {line.split()[0] for line in suite.must("rules", "list").text.splitlines()}
        check(listed == IDS, f"{listed ^ IDS}")
    with suite.case("each is shown with its source, the day on which that was read, and its hash"):
        for name in sorted(IDS):
            text = suite.must("rules", "show", name).text
            for key in ("rule", "pack", "sha256", "valid from", "metric", "unit", "source", "read"):
                check(re.search(rf"^{key} +\S", text, re.M), f"{name}: no {key}")
    with suite.case("a pack is shown as it is written"):
        check(suite.must("rules", "show", "rhel").out == (rules / "rhel.yaml").read_bytes(), "other bytes")
    with suite.case("all shipped packs are good"):
        files = sorted(rules.glob("*.yaml"))
        text = suite.must("rules", "check", *files).text
        check(len(text.splitlines()) == len(files) and all(line.endswith("good") for line in text.splitlines()), text)
        check(len(suite.must("rules", "check").text.splitlines()) == len(files), "without a file: the folder")
    with suite.case("--rules and TALLY_RULES name another folder, the option first"):
        small = suite.scratch / "small"
        small.mkdir()
        shutil.copy(rules / "rhel.yaml", small)
        (small / "notes.txt").write_text("no pack\n")
        check(len(suite.must("rules", "list", "--rules", small).text.splitlines()) == 3, "not its three rules")
        suite.env["TALLY_RULES"] = str(small)
        check(len(suite.must("rules", "list").text.splitlines()) == 3, "not its three rules")
        check(len(suite.must("rules", "list", "--rules", own).text.splitlines()) > 3, "not the option")
        suite.env["TALLY_RULES"] = str(suite.scratch / "absent")
        suite.refused("rules", "list", code=3, names=["absent"])
        del suite.env["TALLY_RULES"]
    with suite.case("--help has an example"):
        check("Example:" in suite.must("rules", "--help").text, "none")

    windows = (rules / "windows-server.yaml").read_text()

    def line_of(text, part):
        return text[:text.index(part)].count("\n") + 1

    def refused(name, text, part, column, *said):
        """The pack with that text is refused at the place of `part`."""
        path = suite.scratch / "windows-server.yaml"
        path.write_text(text)
        with suite.case(name):
            suite.refused("rules", "check", path, code=2, names=[f"{path}:{line_of(text, part)}:{column}: ", *said])

    stack = "    vms_per_stack: 2\n"
    broken = windows.replace(stack, "    stack_vm: 2\n", 1)
    refused("an unknown key is refused where it stands", broken, "stack_vm", 5, "unknown key 'stack_vm'")
    broken = windows.replace("    metric: host-cores\n", "    metric: cores\n", 1)
    refused("so is an unknown metric", broken, "metric: cores", 13, "unknown metric kind 'cores'")
    broken = windows.replace("per_socket: 8", "per_socket: eight", 1)
    refused("so is a number that is none", broken, "per_socket: eight", 27, "whole number")
    broken = windows.replace("      read: 2026-11-01\n", "", 1)
    refused("so is a rule without the day on which its source was read", broken, "text: >-", 7, "'read' is missing")
    vmware = (rules / "vmware.yaml").read_text()
    second = vmware.rindex("    valid_from: 2025-04-10")
    for name, date, said in (("a hole in validity", "2025-04-11", "hole in validity"),
                             ("an overlap of validities", "2025-04-09", "overlapping validity"),
                             ("a rule that stands twice", "2023-12-11", "doubled rule")):
        text = vmware[:second] + vmware[second:].replace("2025-04-10", date, 1)
        path = suite.scratch / "vmware.yaml"
        path.write_text(text)
        with suite.case(f"{name} is refused"):
            suite.refused("rules", "check", path, code=2, names=[f"{path}:", said])
    broken = windows.replace("vms: 10}]}, expect: 160", "vms: 10}]}, expect: 161")
    column = windows.splitlines()[line_of(windows, "vms: 10}]}, expect: 160") - 1].index("expect: ") + 9
    refused("a failing case is told with its place", broken, "expect: 161", column, "gives 160, not 161")

    with suite.case("a broken pack stops list and show, too"):
        (own / "windows-server.yaml").write_text(windows.replace(stack, "    stack_vm: 2\n", 1))
        for words in (("list",), ("show", "rhel/vm-pairs"), ("check",)):
            suite.refused("rules", *words, "--rules", own, code=2, names=["unknown key 'stack_vm'"])
        shutil.copy(rules / "windows-server.yaml", own)
    with suite.case("two packs with one rule do not go together"):
        (own / "mine.yaml").write_text((rules / "rhel.yaml").read_text().replace("pack: rhel", "pack: mine"))
        suite.refused("rules", "list", "--rules", own, code=2, names=["rhel/socket-pairs", "mine.yaml"])
        (own / "mine.yaml").unlink()
    with suite.case("a link to a pack is followed"):
        (suite.scratch / "link.yaml").symlink_to(rules / "rhel.yaml")
        suite.must("rules", "check", suite.scratch / "link.yaml")
    with suite.case("what is not there is told"):
        suite.refused("rules", "check", suite.scratch / "none.yaml", code=3, names=["none.yaml"])
        suite.refused("rules", "check", suite.scratch, code=3, names=["a folder"])
        suite.refused("rules", "list", "--rules", suite.scratch / "none", code=3, names=["none"])
        empty = suite.scratch / "empty"
        empty.mkdir()
        suite.refused("rules", "list", "--rules", empty, code=3, names=["no rule pack"])
    with suite.case("more than a mebibyte is no pack"):
        (suite.scratch / "large.yaml").write_bytes(b"#" * ((1 << 20) + 1))
        suite.refused("rules", "check", suite.scratch / "large.yaml", code=2, names=["more than"])
    with suite.case("wrong use is told"):
        for words in ((), ("lists",), ("show",), ("show", "a", "b"), ("show", "no/such"), ("list", "x"),
                      ("list", "--rule"), ("show", "../rhel")):
            suite.refused("rules", *words, code=2)
    if os.geteuid() == 0:
        suite.skip("a pack that may not be read", "root may read all")
    else:
        with suite.case("a pack that may not be read is told"):
            secret = suite.scratch / "secret.yaml"
            secret.write_text(vmware)
            secret.chmod(0)
            suite.refused("rules", "check", secret, code=3, names=["secret.yaml"])
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
