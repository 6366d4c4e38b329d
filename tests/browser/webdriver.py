# SPDX-License-Identifier: Apache-2.0
"""A browser without a screen, driven by WebDriver: JSON over HTTP to a chromedriver on
loopback that is started here and ended by its process id. Nothing but Python's own."""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Missing(Exception):
    """What is not on this machine."""


class Failed(Exception):
    """What WebDriver refused."""


def find_programs():
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    for name, path in zip(("chromium", "chromedriver"), found):
        if not path:
            raise Missing(f"{name} is not installed")
    return found


class Driver:
    """The chromedriver process, and its port, which it chooses by itself."""

    def __init__(self, scratch):
        self.chromium, program = find_programs()
        self.scratch = str(scratch)
        self.env = dict(os.environ, HOME=self.scratch, XDG_CONFIG_HOME=self.scratch, XDG_CACHE_HOME=self.scratch,
                        TMPDIR=self.scratch, LC_ALL="C.UTF-8")
        self.process = subprocess.Popen([program, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=self.env, start_new_session=True, text=True)
        self.port = self._read_port()

    def _read_port(self):
        for line in self.process.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                return int(found[1])
        raise Missing("chromedriver does not start")

    def call(self, method, path, body=None, timeout=120):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(answer, dict) and "error" in answer:
            raise Failed(f"{answer['error']}: {answer.get('message', '')[:600]}")
        return answer

    def close(self):
        """Browsers first; they are children of the driver's own group."""
        self.process.stdout.close()
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        except ProcessLookupError:
            self.process.wait()


class Browser:
    """One window."""

    def __init__(self, driver, width=1280, height=900, dark=False):
        self.driver = driver
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
                     "--proxy-server=127.0.0.1:9", "--force-color-profile=srgb", f"--window-size={width},{height}"]
        if dark:
            arguments.append("--force-dark-mode")
        options = {"binary": driver.chromium, "args": arguments}
        answer = driver.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.path = f"/session/{answer['sessionId']}"
        self.version = answer["capabilities"]["browserVersion"]
        self.call("POST", "/timeouts", {"script": 120000, "pageLoad": 120000})

    def call(self, method, path, body=None):
        return self.driver.call(method, self.path + path, body)

    def close(self):
        self.call("DELETE", "")

    def open(self, file):
        self.call("POST", "/url", {"url": "file://" + os.path.abspath(file)})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, seconds=60):
        """Until the script's answer is true; returns it."""
        end = time.monotonic() + seconds
        while True:
            answer = self.run(script)
            if answer or time.monotonic() > end:
                return answer
            time.sleep(0.05)

    def verified(self, seconds=60):
        return self.wait("return document.documentElement.getAttribute('data-verified')", seconds)

    def text(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)

    def click(self, selector):
        element = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{element[ELEMENT]}/click", {})

    def type(self, selector, text):
        element = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{element[ELEMENT]}/value", {"text": text})

    def press(self, *keys):
        """Keys to whatever has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def emulate(self, **how):
        """Screen and colours: width, height, dark, media."""
        if "width" in how:
            self.cdp("Emulation.setDeviceMetricsOverride", {"width": how["width"], "height": how.get("height", 900),
                                                            "deviceScaleFactor": 1, "mobile": how["width"] < 600})
        self.cdp("Emulation.setEmulatedMedia", {"media": how.get("media", ""), "features": [
            {"name": "prefers-color-scheme", "value": "dark" if how.get("dark") else "light"}]})

    def cdp(self, command, parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    @contextlib.contextmanager
    def before(self, script):
        """Every page that is opened meanwhile begins with this script."""
        number = self.cdp("Page.addScriptToEvaluateOnNewDocument", {"source": script})["identifier"]
        try:
            yield
        finally:
            self.cdp("Page.removeScriptToEvaluateOnNewDocument", {"identifier": number})

    def console(self):
        """What the browser complained about since it was asked last."""
        return [f"{line['level']}: {line['message']}" for line in self.call("POST", "/se/log", {"type": "browser"})]

    def picture(self, path, whole=False):
        parameters = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            size = self.cdp("Page.getLayoutMetrics", {})["cssContentSize"]
            parameters["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 12000), "scale": 1}
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.cdp("Page.captureScreenshot", parameters)["data"]))

    def pdf(self):
        return base64.b64decode(self.call("POST", "/print", {"page": {"width": 21.0, "height": 29.7},
                                                            "margin": {"top": 0, "bottom": 0, "left": 0, "right": 0}}))
