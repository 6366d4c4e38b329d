# SPDX-License-Identifier: Apache-2.0
"""What others say of the page's markup and of who can use it: html-validate and axe-core, by
npm, in versions that the lock file pins. How a browser writes attributes without a value when
it is asked for what it drew is not ours: that one rule is off."""

import json
import shutil
import subprocess
from pathlib import Path

from webdriver import Missing

HERE = Path(__file__).resolve().parent / "npm"
RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(arguments[0] || document, {resultTypes: ['violations']}).then(
  (result) => done(result.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.failureSummary}`).join('; ')}`)),
  (error) => done([String(error)]));
"""


class Tools:
    """The packages, put into a folder of the build by their lock file; there for the next time."""

    def __init__(self, folder):
        if not shutil.which("npm") or not shutil.which("node"):
            raise Missing("npm is not installed")
        self.folder = Path(folder)
        lock = (HERE / "package-lock.json").read_bytes()
        done = self.folder / "installed.json"
        if done.is_file() and done.read_bytes() == lock:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, self.folder / name)
        made = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"], cwd=self.folder,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False)
        if made.returncode:
            raise Missing(f"npm does not get the packages: {made.stderr.strip().splitlines()[-1:]}")
        done.write_bytes(lock)

    def html_validate(self, *files):
        """What is wrong with the files' markup."""
        program = self.folder / "node_modules" / "html-validate" / "bin" / "html-validate.mjs"
        told = self.folder / "told.json"  # a pipe would be cut off at the program's end
        told.unlink(missing_ok=True)
        out = subprocess.run(["node", program, "--config", HERE / "htmlvalidate.json", "--formatter", f"json={told}", *files],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        if out.returncode not in (0, 1) or not told.is_file():
            return [f"html-validate: exit {out.returncode}: {out.stderr[:400]}"]
        return sorted({f"{Path(file['filePath']).name}: {m['ruleId']}: {m['message']} {m.get('selector')}"
                       for file in json.loads(told.read_text(encoding="utf-8")) for m in file["messages"]})

    def axe(self, browser, part=None):
        """What keeps somebody from using the page as it stands in the browser."""
        browser.run((self.folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
        return browser.call("POST", "/execute/async", {"script": RUN_AXE, "args": [part]})
