#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The report's page: what is in its bytes, and what a real browser makes of it."""

import argparse
import json
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from markup import Tools
from pages import HOSTILE, ROOT, Page, flat, hostile, many, small, write_events
from scenario import Suite, check
from tamperings import WAYS, Copy, a_figure_of_usage_is_made_smaller, a_group_is_withheld_and_usage_changed, vkey
from webdriver import Browser, Driver, Missing

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "calc"))
from histories import History  # noqa: E402

PERIOD = ("--from", "2026-01-01", "--to", "2026-01-02")
YEAR = ("--from", "2026-01", "--to", "2027-01")
HELD = ("--entitlements", ROOT / "examples" / "entitlements.yaml")
PRICES = ("--prices", ROOT / "examples" / "prices.yaml")
SHELL_MAX, PAGE_MAX = 200_000, 2_000_000

# Put before a page's own script, or run in it.
HOLD_VERIFY = """
const own = SubtleCrypto.prototype.verify, held = new Promise((go) => { window.letGo = go; });
SubtleCrypto.prototype.verify = async function (...all) { window.verifying = true; await held; return own.apply(this, all); };"""
NO_CRYPTO = "Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined });"
NO_ED25519 = """
const own = SubtleCrypto.prototype.importKey;
SubtleCrypto.prototype.importKey = async function (format, key, how, ...rest) {
  if ((how.name || how) === 'Ed25519') throw new DOMException('Unrecognized name.', 'NotSupportedError');
  return own.call(this, format, key, how, ...rest);
};"""
KEEP_SAVED = """
window.kept = null;
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { blob.text().then((text) => { window.kept = text; }); return make(blob); };
document.getElementById('save').click();"""


def make(suite, name, events, *options):
    """An estate of these events, and its page and JSON report."""
    write_events(suite.scratch / f"{name}.jsonl", events)
    return make_of(suite, name, *options)


def make_of(suite, name, *options):
    """The same of recorded events that lie there."""
    folder = suite.scratch / name
    suite.must("record", folder, "--from", suite.scratch / f"{name}.jsonl")
    ledgers = sorted(folder.iterdir())
    for kind in ("html", "json"):
        suite.must("report", *ledgers, *options, "--format", kind, "-o", suite.scratch / f"{name}.{kind}")
    return Page(suite.scratch / f"{name}.html")


def check_bytes(suite, page, bad):
    with suite.case("a_page_carries_the_report_and_nothing_from_elsewhere"):
        report = json.loads((suite.scratch / "small.json").read_text(encoding="utf-8"))
        check(page.data("report-data") == report, "the block is not the report")
        check(list(page.blocks) == ["report-data", "chart-data", "rule-data", "evidence-data"], list(page.blocks))
        check(not re.search(r"""(?:src|href)\s*=\s*["']?(?!#)[a-z]|url\(|@import|fetch\(|XMLHttp|WebSocket|innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function""",
                            page.shell.replace("http://www.w3.org/2000/svg", "")), "something reaches out, or writes markup")
        check(len(page.shell.encode()) < SHELL_MAX, f"the page without data has {len(page.shell)} bytes")
    with suite.case("the_policy_allows_one_script_and_one_style_by_their_hashes"):
        script, style = page.hashes()
        check(page.policy() == f"default-src 'none'; script-src {script}; style-src {style}; base-uri 'none'; form-action 'none'", page.policy())
    with suite.case("the_same_page_comes_out_again_and_differs_only_in_its_blocks"):
        again = suite.scratch / "again.html"
        suite.must("report", *sorted((suite.scratch / "small").iterdir()), *PERIOD, *HELD, *PRICES, "--format", "html", "-o", again)
        check(again.read_bytes() == page.path.read_bytes(), "another page")
        check(bad.shell == page.shell, "a report changes what is around its blocks")
    with suite.case("a_report_cannot_leave_its_block"):
        for name, block in bad.blocks.items():
            check(not set("<>&\n") & set(block), f"{name} is open")
        names = {row["name"] for row in bad.data("report-data")["vms"]}
        check(names == set(HOSTILE), f"names are lost: {set(HOSTILE) ^ names}")
    with suite.case("the_timeline_and_the_curves_say_what_the_report_says"):
        chart, report = page.data("chart-data"), page.data("report-data")
        peaks = {(c["product"], c["edition"]): max(c["points"][1::2]) for c in chart["curves"]}
        check(peaks == {(u["product"], u["edition"]): u["peak"] for u in report["usage"] if u["scope"] == "fleet" and u["peak"]}, peaks)
        lanes = flat(chart["lanes"])
        peaks = {(n["rule"], n["product"]): max(map(float, n["points"][1::2])) for n in chart["needs"]}
        told = {(p["rule"], p["product"]): float(p["measured"]) for p in report["positions"] if p["scope"] == "fleet"}
        check(peaks[("rhel/vm-pairs", "rhel")] == 1 and peaks[("windows-server/vm", "windows-server")] == 16, peaks)
        check(all(0 < peak <= told[key] for key, peak in peaks.items()), f"{peaks}, {told}")
        for uuid in chart["vms"]:
            ran = sum(lane[3] - lane[2] for lane in lanes if chart["vms"][lane[0]] == uuid and lane[4] < 2)
            told = sum(float(row["run_seconds"]) for row in report["vms"] if row["vm"] == uuid)
            check(abs(ran - told * 1000) <= len(lanes), f"{uuid}: {ran} ms drawn, {told} s reported")


def look(suite, browser, page):
    """What has to be so of every page."""
    browser.open(page.path)
    check(browser.wait("return document.documentElement.classList.contains('drawn')"), "it is not drawn")
    complaints = [line for line in browser.console() if "favicon" not in line]
    check(not complaints, complaints)
    wide = browser.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    check(wide[0] <= wide[1], f"wider than its window: {wide}")


def check_overview(suite, browser, page):
    with suite.case("the_overview_says_what_was_asked_and_what_came_out"):
        browser.emulate(width=1280)
        look(suite, browser, page)
        text = " ".join(browser.text("#asked, #overview"))
        for words in ("2026-01-01 00:00:00 UTC to 2026-01-02", "Self-declared", "4 machines", "short of what is held", "imported"):
            check(words in text, f"it does not say {words!r}: {text}")
        ids = browser.run("return [...document.querySelectorAll('main > section')].map(s => s.id)")
        check(ids == ["overview", "check", "coverage", "positions", "curve", "timeline", "cost", "findings", "tables", "made-of"], ids)
    with suite.case("a_gap_is_seen_in_the_strip_of_its_host"):
        said = browser.run("return [...document.querySelectorAll('#coverage svg')].map(s => s.getAttribute('aria-label'))")
        check(any(label.startswith("h3:") and "1 gap" in label for label in said), said)
        check(browser.run("return document.querySelectorAll('#coverage svg .gap').length") == 1, "not one gap is drawn")
    with suite.case("a_migration_is_seen_moving_between_hosts"):
        label = browser.run("return document.querySelector('#timeline svg').getAttribute('aria-label')")
        check("h1 \u2192 h2" in label and "h2 \u2192 h1" in label, label)
        check(browser.run("return document.querySelectorAll('#timeline figure .move').length") == 2, "not two arrows")


def check_use(suite, browser, page):
    with suite.case("every_number_of_a_position_opens_its_rule_instants_hosts_machines_and_entries"):
        look(suite, browser, page)
        numbers = browser.run("return document.querySelectorAll('#positions button.num, #position-table button.num').length")
        check(numbers > 20, f"{numbers} numbers")
        browser.run("document.querySelector('#positions button.num[aria-label*=\"measured of windows-server-standard/host\"]').click()")
        text = browser.text("#why")[0]
        for words in ("windows-server-standard/host", "host-cores", "h1", "web", "entry ", "what ran"):
            check(words in text, f"it does not say {words!r}: {text[:400]}")
    with suite.case("the_keyboard_reaches_opens_and_closes_and_comes_back"):
        browser.press("\ue00c")  # escape
        check(browser.run("return !document.getElementById('why').open"), "it stays open")
        browser.run("document.querySelector('#positions button.num').focus()")
        browser.press("\ue007")  # enter
        check(browser.run("return document.getElementById('why').open"), "enter does not open it")
        browser.press("\ue00c")
        check(browser.run("return document.activeElement === document.querySelector('#positions button.num')"), "the focus is lost")
    with suite.case("tables_are_searched_and_ordered"):
        browser.type("#vm-table-search", "globex")
        check(browser.run("return document.querySelectorAll('#vm-table tbody tr').length") == 1, "not one row")
        browser.run("document.querySelectorAll('#usage-table th button')[3].click()")
        check(browser.run("return document.querySelectorAll('#usage-table th')[3].getAttribute('aria-sort')") == "descending", "not ordered")


def check_looks(suite, browser, page, bad):
    with suite.case("it_fits_a_telephone_in_the_light_and_in_the_dark"):
        paper = {}
        for dark in (False, True):
            browser.emulate(width=390, height=844, dark=dark)
            look(suite, browser, page)
            paper[dark] = browser.run("return getComputedStyle(document.body).backgroundColor")
        check(paper[False] == "rgb(255, 255, 255)" and paper[True] != paper[False], paper)
    with suite.case("it_prints_on_a4_with_its_tables"):
        browser.emulate(width=1280)
        look(suite, browser, page)
        pdf = browser.pdf()
        check(pdf.startswith(b"%PDF-") and 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 20, f"{len(pdf)} bytes")
    with suite.case("hostile_names_stay_text"):
        look(suite, browser, bad)
        title = browser.run("return document.title")
        check(title.startswith("Tallystick report"), title)
        check(browser.run("return document.querySelectorAll('main script, main img, main iframe, main b, svg svg').length") == 0, "markup came of a name")
        text = "".join(browser.text("#vm-table"))
        for name in HOSTILE:
            shown = re.sub(r"[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", lambda c: f"\u2039U+{ord(c[0]):04X}\u203a", name)
            check(shown in text, f"not shown: {shown!r}")
        check(not re.search("[\u202a-\u202e\u2066-\u2069\u200b\ufeff]", browser.run("return document.body.innerText")), "a mark of direction is raw")


def said(browser, kind=""):
    return browser.text(f"#check li{kind}")


def press_pin(browser, *lines):
    browser.run("document.getElementById('pins').value = arguments[0]; document.getElementById('pin').click()", "\n".join(lines))


def check_self(suite, browser, page, bad):
    with suite.case("a_good_report_checks_itself_and_says_what_nothing_anchors"):
        browser.open(page.path)
        check(browser.verified() == "unanchored", f"{browser.verified()}: {said(browser)}")
        text = " ".join(said(browser))
        for words in ("log's key signed (Ed25519)", "hash to the roots that were signed", "signed by a TPM too (P-256)", "worked out again here", "Not worked out here, whatever came out above: positions", "tally verify"):
            check(words in text, f"it does not say {words!r}: {text}")
        check(not said(browser, ".no"), said(browser, ".no"))
    with suite.case("pinned_keys_anchor_it_and_a_wrong_one_refutes_it"):
        keys = [row["vkey"] for row in page.data("evidence-data")["ledgers"]]

        def pin(*lines):
            browser.run("document.documentElement.removeAttribute('data-verified')")
            press_pin(browser, *lines)
            return browser.verified()
        check(pin("# pinned", *keys) == "holds", said(browser))
        check(pin(keys[0]) == "unanchored", said(browser))
        name = keys[0].split("+")[0]
        check(pin(vkey(name, bytes(range(32))), *keys[1:]) == "fails", said(browser))
        check("signed with another key than the one that you pasted" in " ".join(said(browser, ".no")), said(browser))
        check(pin("nonsense") == "unanchored" and "Not taken: nonsense" in " ".join(browser.text("#check p")), browser.text("#check p"))
    with suite.case("an_entry_behind_a_number_is_shown_with_what_it_says"):
        browser.run("document.querySelector('#positions button.num').click()")
        browser.run("document.querySelector('#why table button.num').click()")
        check(re.search(r"Kind(started|migrated-in|host-facts)", browser.text("#why")[0]), browser.text("#why")[0][:300])
        browser.run("document.getElementById('why').close()")
    with suite.case("the_json_that_the_page_saves_is_the_report_byte_for_byte"):
        for name, one in (("small", page), ("hostile", bad)):
            browser.open(one.path)
            browser.run(KEEP_SAVED)
            check(browser.wait("return window.kept") == (suite.scratch / f"{name}.json").read_text(encoding="utf-8"), f"{name}: another text")


def check_early(suite, browser, bad):
    """Keys that somebody pastes while the check runs: it is held where it has read its one ledger's key, and nothing else."""
    keys = [row["vkey"] for row in bad.data("evidence-data")["ledgers"]]
    wrong = vkey(keys[0].split("+")[0], bytes(range(32)))

    def early(path, key):
        browser.open(path)
        check(browser.wait("return window.verifying"), "it verifies nothing")
        press_pin(browser, key)
        check(browser.wait("return /taken/.test(document.getElementById('check').lastElementChild.lastElementChild.textContent)"), "not taken")
        check(browser.run("return document.documentElement.getAttribute('data-verified')") is None, "a verdict before the check ended")
        check("Checking" in browser.text("#check p")[0], browser.text("#check p"))
        browser.run("window.letGo()")
        return browser.verified()

    with suite.case("keys_that_are_pasted_early_wait_for_the_end_of_the_check"), browser.before(HOLD_VERIFY):
        check(early(bad.path, keys[0]) == "holds", said(browser))
    with suite.case("a_wrong_key_that_is_pasted_early_hides_nothing_from_the_check"), browser.before(HOLD_VERIFY):
        changed = Copy(bad)
        a_figure_of_usage_is_made_smaller(changed)
        check(early(changed.write(suite.scratch / "early.html").path, wrong) == "fails", said(browser))
        browser.run("document.documentElement.removeAttribute('data-verified')")
        press_pin(browser, *keys)
        check(browser.verified() == "fails", f"{browser.verified()}: {said(browser)}")
        check("The report says run_seconds" in " ".join(said(browser, ".no")), said(browser))


def check_without_crypto(suite, browser, page):
    with suite.case("without_webcrypto_the_page_says_so_and_refutes_nothing"), browser.before(NO_CRYPTO):
        browser.open(page.path)
        check(browser.verified() == "unanchored", said(browser))
        check("no WebCrypto" in " ".join(said(browser)) and "Not wholly checked" in browser.text("#check p")[0], said(browser))
        press_pin(browser, page.data("evidence-data")["ledgers"][0]["vkey"])
        check(browser.wait("return /no WebCrypto/.test(document.getElementById('check').lastElementChild.lastElementChild.textContent)"), browser.text("#check p"))
        check(browser.verified() == "unanchored", said(browser))


def check_without_ed25519(suite, browser, page):
    """The true keys, pasted, beside signatures that nobody made."""
    forged, keys = Copy(page), [row["vkey"] for row in page.data("evidence-data")["ledgers"]]
    forged.forge_signatures()
    forged.write(suite.scratch / "forged.html")
    with suite.case("where_a_browser_knows_no_ed25519_pasted_keys_anchor_nothing"), browser.before(NO_ED25519):
        browser.open(suite.scratch / "forged.html")
        check(browser.verified() == "unanchored", said(browser))
        press_pin(browser, *keys)
        check(browser.wait("return /taken/.test(document.getElementById('check').lastElementChild.lastElementChild.textContent)"), "not taken")
        check(browser.verified() == "unanchored" and "Not wholly checked" in browser.text("#check p")[0], said(browser))
        everything, green = " ".join(browser.text("main")), " ".join(said(browser, ".ok"))
        check(not any(words in green for words in ("Ed25519", "were signed", "signed by a TPM too", "pasted")), green)
        check("igned by a key that you pasted" not in everything and "igned by the keys that you pasted" not in everything, everything[:2000])
        check("keys that you pasted could not be checked" in " ".join(said(browser, ".part")), said(browser))
        classes = set(browser.run("return [...document.querySelectorAll('#coverage-table tbody tr')].map(r => r.cells[1].textContent)"))
        check(classes == {"not checked"}, classes)
        check("Not checked here" in browser.text("#overview")[0], browser.text("#overview"))
    with suite.case("keys_that_are_taken_back_or_refuted_leave_no_word_of_theirs"):
        browser.open(page.path)
        before = browser.verified() and browser.run("return document.querySelector('#overview .cards').lastElementChild.textContent")
        for lines in ([], [vkey(keys[0].split("+")[0], bytes(range(32)))]):
            for pasted, holds in ((keys, True), (lines, False)):
                browser.run("document.documentElement.removeAttribute('data-verified')")
                press_pin(browser, *pasted)
                check((browser.verified() == "holds") == holds, said(browser))
                card = browser.run("return document.querySelector('#overview .cards').lastElementChild.textContent")
                check(("Signed by the keys" in card) == holds and (holds or card == before), card)


def check_tampering(suite, browser, page):
    told = {}
    for change, sentence in WAYS.items():
        with suite.case(f"tampering_is_refused_where_{change.__name__}"):
            bad = Copy(page)
            change(bad)
            browser.open(bad.write(suite.scratch / "tampered.html").path)
            check(browser.verified() == "fails", f"{browser.verified()}: {said(browser)}")
            text = " ".join(said(browser, ".no"))
            check(re.search(sentence.replace("(", r"\("), text), f"it says: {text}")
            told[change.__name__] = text
    with suite.case("each_way_of_tampering_has_its_own_sentence"):
        check(len(set(told.values())) == len(WAYS), told)
    with suite.case("what_a_withheld_group_keeps_from_being_compared_does_not_hold"):
        bad = Copy(page)
        a_group_is_withheld_and_usage_changed(bad)
        browser.open(bad.write(suite.scratch / "withheld.html").path)
        check(browser.verified() == "unanchored", said(browser))
        browser.run("document.documentElement.removeAttribute('data-verified')")
        press_pin(browser, *[row["vkey"] for row in page.data("evidence-data")["ledgers"]])
        check(browser.verified() == "unanchored", f"{browser.verified()}: {said(browser)}")
        check("Not wholly checked" in browser.text("#check p")[0] and "are not compared with the entries" in " ".join(said(browser, ".part")), said(browser))


def check_too_much(suite, browser, page):
    with suite.case("with_too_much_evidence_the_page_points_to_the_bundle"):
        bare = Copy(page)
        bare.evidence["complete"] = False
        for ledger in bare.evidence["ledgers"]:
            ledger["bundles"] = []
        browser.open(bare.write(suite.scratch / "bare.html").path)
        check(browser.verified() == "unanchored" and "too much evidence for one file" in " ".join(said(browser)), said(browser))
        check("Not wholly checked" in browser.text("#check p")[0], browser.text("#check p"))


def check_attested(suite, browser, page):
    with suite.case("what_a_tpm_says_of_a_host_is_shown_and_is_unknown_where_none_speaks"):
        told = Copy(page)
        row = next(row for row in told.report["coverage"] if row["host"] == "h2")
        row["attested"] = {"boots": 3, "clock_sets": 0, "intervals": [{"from": "2026-01-01T04:00:00Z", "to": "2026-01-01T09:30:00Z"}], "metered_seconds": "16200", "powered_seconds": "19800",
                           "resolution_seconds": "61.5", "suspends": 1, "unattested_seconds": "3600", "unclean_stops": 2, "unlogged_boots": 1}
        browser.emulate(width=1280)
        look(suite, browser, told.write(suite.scratch / "attested.html"))
        check(browser.verified() == "unanchored", said(browser))
        rows = browser.run("return [...document.querySelectorAll('#coverage-table tbody tr')].map(r => [...r.cells].map(c => c.textContent))")
        check([[row[1], *row[7:]] for row in rows if row[0] == "h2"] == [["self-declared", "5.5 h", "4.5 h", "1.0 h", "0.017 h", "3", "1", "0", "1", "2"]], rows)
        check([row[7:] for row in rows if row[0] == "h1"] == [["unknown"] * 9], rows)
        check("The TPMs of 1 host" in browser.text("#overview")[0] and "unknown" in browser.text("#overview")[0], browser.text("#overview"))
        browser.run("[...document.querySelectorAll('#coverage .strip button.num')].find(b => /h2/.test(b.getAttribute('aria-label'))).click()")
        text = browser.text("#why")[0]
        check("Boots unlogged1" in text and "2026-01-01 09:30:00 UTC" in text and "61.5 s" in text, text)
        browser.run("document.getElementById('why').close()")
        press_pin(browser, *[row["vkey"] for row in page.data("evidence-data")["ledgers"]])
        check(browser.wait("return document.querySelector('#coverage-table tbody tr').cells[1].textContent === 'software (libtpms), or better'"), browser.text("#coverage-table tbody"))
        check("Signed by the keys" in browser.text("#overview")[0], browser.text("#overview"))


def check_left_out(suite, browser, page):
    with suite.case("a_page_that_leaves_lines_out_gives_their_sums_and_says_where_they_are"):
        less, sums = Copy(page), {}
        for line in less.report["charges"]:
            key = (line["invoice"], line["tenant"], line["cost_center"])
            row = sums.setdefault(key, {"billed": "0", "cost_center": key[2], "currency": line["currency"], "invoice": key[0], "lines": 0, "tenant": key[1]})
            row["billed"], row["lines"] = str(Decimal(row["billed"]) + Decimal(line["billed"])), row["lines"] + 1
        browser.open(page.path)
        whole = browser.text("#cost .strip")
        less.chart["sums"], less.report["charges"] = list(sums.values()), []
        rows = len(less.report["vms"])
        less.chart["left_out"], less.report["vms"] = {"because": 7, "charges": 12, "vms": rows}, []
        for row in less.report["positions"]:
            if row["scope"] != "fleet":
                row["because"] = row["excluded"] = row["unresolved"] = []
        look(suite, browser, less.write(suite.scratch / "less.html"))
        check(browser.text("#cost .strip") == whole and len(whole) > 2, f"{browser.text('#cost .strip')}, not {whole}")
        said_there = " ".join(browser.text("#made-of"))
        check("12 lines of charges" in said_there and "7 items behind" in said_there and f"{rows} rows of machines" in said_there and "tally bundle" in said_there, said_there)
        browser.run("[...document.querySelectorAll('#position-table tr')].find((r) => /host/.test(r.textContent) && r.querySelector('td button.num')).querySelector('td button.num').click()")
        check("no room for them in this page" in browser.text("#why")[0], browser.text("#why"))
        check(not browser.run("return document.getElementById('save')"), "it saves a report that is not whole")
        check(browser.verified() == "unanchored", said(browser))
        check("Usage, the coverage" in " ".join(said(browser, ".ok")) and "the rows of machines" in " ".join(said(browser, ".part")), said(browser))


def check_random(suite, browser):
    with suite.case("random_histories_come_to_the_same_totals_in_the_page"):
        for seed in (31, 32, 34):
            name = f"random{seed}"
            lines = History(seed, 80 if seed % 2 else 300, hosts=3 - seed % 2, vms=12 - seed % 2 * 10).make()
            (suite.scratch / f"{name}.jsonl").write_text("".join(line.rstrip("\n") + "\n" for line in lines), encoding="utf-8")
            page = make_of(suite, name, "--from", "2026-02-01T07:00:00.123Z", "--to", "2026-04")
            browser.open(page.path)
            check(browser.verified() == "unanchored" and "worked out again here" in " ".join(said(browser)), f"seed {seed}: {said(browser)}")


def check_live(suite, browser, sim):
    """Histories of agents, made by the simulation: some have corners that the page leaves to the verifier."""
    with suite.case("simulated_live_histories_come_to_the_same_totals_in_the_page"):
        whole = 0
        for seed in ("21", "23", "24"):
            told = subprocess.run([sim, "--seed", seed, "--keep"], env=dict(suite.env, TMPDIR=str(suite.scratch)), capture_output=True, text=True, check=True).stdout
            kept = Path(re.search(r"^kept: (\S+)", told, re.M)[1])
            try:
                page = suite.scratch / "live.html"
                suite.must("report", *sorted((kept / f"seed-{seed}").iterdir()), "--from", "2026-03-01T10:00:00Z", "--to", "2026-03-04", "--format", "html", "-o", page)
                browser.open(page)
                check(browser.verified() == "unanchored", f"seed {seed}: {said(browser)}")
                whole += "worked out again here" in " ".join(said(browser))
            finally:
                shutil.rmtree(kept)
        check(whole >= 2, f"only {whole} were worked out")


def check_markup(suite, browser, page, bad, folder):
    try:
        tools = Tools(folder)
    except Missing as why:
        suite.skip("the page under html-validate and axe-core", str(why))
        return
    with suite.case("html_validate_finds_no_error_in_the_page_and_in_what_it_draws"):
        files = []
        for name, one in (("small", page), ("hostile", bad)):
            browser.emulate(width=1280)
            look(suite, browser, one)
            browser.verified()
            drawn = suite.scratch / f"{name}-drawn.html"
            drawn.write_text("<!DOCTYPE html>\n" + browser.run("return document.documentElement.outerHTML"), encoding="utf-8")
            files += [one.path, drawn]
        wrong = tools.html_validate(*files)
        check(not wrong, "\n".join(wrong[:12]))
    with suite.case("axe_core_finds_nothing_that_keeps_somebody_out"):
        for how in ({"width": 1280}, {"width": 390, "dark": True}):
            browser.emulate(**how)
            look(suite, browser, page)
            browser.verified()
            wrong = tools.axe(browser)
            check(not wrong, f"{how}: " + "\n".join(wrong[:12]))
        browser.run("document.querySelector('#positions button.num').click()")
        wrong = tools.axe(browser, "#why")
        check(not wrong, "an answer: " + "\n".join(wrong[:12]))


def check_many(suite, browser):
    with suite.case("two_hundred_machines_on_fifty_hosts_over_a_year_stay_quick_and_small"):
        page = make(suite, "many", many(50, 200, 365, 16), *YEAR, *PRICES)
        check(page.size() < PAGE_MAX // 2, f"{page.size()} bytes")
        check(page.data("report-data") == json.loads((suite.scratch / "many.json").read_text(encoding="utf-8")), "the packed block is not the report")
        check(page.data("chart-data")["left_out"] == {"because": 0, "charges": 0, "vms": 0} and page.data("chart-data")["gap"] == 0, "it leaves something out")
        look(suite, browser, page)
        took = browser.run("return performance.getEntriesByName('drawn')[0].startTime - performance.getEntriesByType('navigation')[0].responseEnd")
        check(0 < took < 15000, f"{took} ms to draw it")
        took = browser.run("const t = performance.now(); const s = document.getElementById('vm-table-search'); s.value = 'app-19'; "
                           "s.dispatchEvent(new Event('input')); document.body.getBoundingClientRect(); return performance.now() - t")
        check(took < 3000, f"{took} ms to search")
        check(browser.verified() == "unanchored" and "worked out again here" in " ".join(said(browser)), said(browser))
    with suite.case("a_curve_of_too_many_changes_is_compared_by_its_parts"):
        chart = page.data("chart-data")
        next(curve for curve in chart["curves"] if not curve["exact"])["points"][501] += 1
        browser.open(page.put("chart-data", chart, suite.scratch / "higher.html").path)
        check(browser.verified() == "fails" and re.search("The curve of .* is another", " ".join(said(browser, ".no"))), said(browser))


def check_browser(suite, page, bad, options):
    try:
        driver = Driver(suite.scratch)
    except Missing as why:
        suite.skip("the page in a browser", str(why))
        return
    try:
        browser = Browser(driver)
        check_overview(suite, browser, page)
        check_use(suite, browser, page)
        check_looks(suite, browser, page, bad)
        check_self(suite, browser, page, bad)
        check_early(suite, browser, bad)
        check_without_crypto(suite, browser, page)
        check_without_ed25519(suite, browser, page)
        check_tampering(suite, browser, page)
        check_too_much(suite, browser, page)
        check_left_out(suite, browser, page)
        check_attested(suite, browser, page)
        check_random(suite, browser)
        if options.sim:
            check_live(suite, browser, options.sim)
        check_many(suite, browser)
        check_markup(suite, browser, page, bad, options.npm or suite.scratch / "npm")
        browser.close()
    finally:
        driver.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tally")
    parser.add_argument("--helper")
    parser.add_argument("--sim", help="the simulation, for live histories")
    parser.add_argument("--npm", help="the folder for packages by npm")
    parser.add_argument("--no-browser", action="store_true", help="only what is in the bytes")
    options = parser.parse_args()
    suite = Suite(options.tally, options.helper)
    try:
        page = make(suite, "small", small(), *PERIOD, *HELD, *PRICES)
        bad = make(suite, "hostile", hostile(), *PERIOD)
        check_bytes(suite, page, bad)
        if not options.no_browser:
            check_browser(suite, page, bad, options)
    finally:
        code = suite.end()
    return code


sys.exit(main())
