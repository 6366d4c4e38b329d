# SPDX-License-Identifier: Apache-2.0
"""What the tests with real hypervisors share: a lab (scripts/lab.sh), guests that
are a firmware of 64 KiB (guest.S), the outside truth, the agent, checks that count.

The lab lives in a shell of its own session that tears it down when our end of its
standard input closes, however we end. Every process is ended by its id.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import accounts
import truth

TOP, BUILD = sys.argv[1:3]
ACT, ACTS = 0xFFE0, "idrocsb"  # guest.S: the byte that says what the guest does, and what it may say
TOLD = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d+)\+0000: event 'lifecycle' for domain '(.*)': (\w+)(?: |$)")
SHORT = os.environ.get("TALLY_TEST_SHORT", "") != ""


class Failed(Exception):
    """Something does not hold."""


class Skipped(Exception):
    """This machine cannot run the test."""


def until(seconds, what, true):
    """Waits for a value that is true and gives it."""
    end = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what}: not in {seconds} s")
        time.sleep(0.02)


def run(*args, check=True, **more):
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="backslashreplace", timeout=300, **more)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, args))[:300]}: exit {done.returncode}: {(done.stderr or done.stdout)[-600:]}")
    return done


def tally(*args, **more):
    return run(f"{BUILD}/cli/tally", *args, **more)


def report(ledgers, out):
    """Of yesterday to tomorrow, over all of them."""
    dates = [time.strftime("%Y-%m-%d", time.gmtime(time.time() + d)) for d in (-86400, 86400)]
    tally("report", *ledgers, "--from", dates[0], "--to", dates[1], "--format", "json", "-o", out)
    with open(out, encoding="utf-8") as f:
        return json.load(f)


def new_uuid():
    return str(uuid.uuid4())


def children(pid):
    return run("pgrep", "-P", pid, check=False).stdout.strip()


class Metronome:
    """How late this machine let a process run: no instant can be taken more exactly than that."""

    BEAT = ("import time\nwhile True:\n due = time.time() + 0.005\n time.sleep(0.005)\n"
            " if time.time() - due > 0.005: print(due, time.time() - due, flush=True)")

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as out:
            self.process = subprocess.Popen([sys.executable, "-c", self.BEAT], stdin=subprocess.DEVNULL, stdout=out)

    def late(self, *instants):
        """About these instants, or ever."""
        with open(self.path, encoding="ascii") as f:
            beats = [tuple(map(float, line.split())) for line in f.read().rpartition("\n")[0].split("\n") if line]
        return max([late for due, late in beats if not instants or any(abs(due - at) < 0.3 for at in instants)], default=0.0)

    def end(self):
        self.process.kill()
        self.process.wait()


class Lab:
    """One or two hosts; `sh` runs one line of shell beside lab.sh's functions."""

    def __init__(self, folder, hosts):
        self.folder = folder
        self.lock = threading.Lock()
        os.mkdir(folder)
        read, write = os.pipe()
        script = ('. "$1"; trap "" INT; while IFS= read -r line; do eval "$line" </dev/null >"$2" 2>&1; '
                  f'echo "$?" >&{write}; done; lab_down')
        self.shell = subprocess.Popen(["bash", "-c", script, "lab", f"{TOP}/scripts/lab.sh", f"{folder}.out"],
                                      stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      text=True, pass_fds=[write], start_new_session=True)
        os.close(write)
        self.status = os.fdopen(read)
        with open(f"{BUILD}/tests/integration/guest.rom", "rb") as f:
            rom = bytearray(f.read())
        for act in ACTS:
            rom[ACT] = ord(act)
            with open(f"{folder}/{act}.rom", "wb") as f:
                f.write(rom)
        try:
            self.sh(f"lab_up {folder} {' '.join(hosts)}")
        except Failed:
            self.down()
            raise
        self.hosts = [Host(self, name) for name in hosts]

    def sh(self, line, check=True):
        with self.lock:
            self.shell.stdin.write(line + "\n")
            self.shell.stdin.flush()
            status = self.status.readline().strip()
            with open(f"{self.folder}.out", encoding="utf-8", errors="replace") as f:
                text = f.read().strip()
        if check and status != "0":
            raise Failed(f"{line}: {status}: {text[-600:]}")
        return text

    def down(self):
        self.shell.stdin.close()
        self.shell.wait(120)

    def watch(self):
        return Truth(f"{self.folder}/truth", self.hosts)


class Host:
    """A host of the lab. virsh reaches it through its socket; what meters it runs in it."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.folder = f"{lab.folder}/{name}"
        self.names = {}  # of its guests, as libvirt has them
        self.init = lab.sh(f"echo ${{LAB_INIT[{name}]}}")
        self.inside = ["nsenter", "-t", self.init, "-m", "-u", "-n", "-p", "-r", "--"]
        self.uri = lab.sh(f"lab_uri_ro {name}")
        self.address = lab.sh(f"lab_address {name}")
        self.rw = f"qemu+unix:///system?socket={self.folder}/run/libvirt-sock"

    def run(self, *args, **more):
        return run(*self.inside, *args, **more)

    def virsh(self, *args, check=True, uri=None):
        return run("virsh", "-q", "-c", uri or self.rw, *args, check=check).stdout.strip()

    def virsh_inside(self, *args, check=True):
        return self.run("virsh", "-q", *args, check=check)

    def state(self, vm):
        return self.virsh("domstate", vm, check=False)

    def signal_libvirtd(self, name):
        """Sent, and not waited for."""
        with open(f"{self.folder}/run/libvirtd.pid", encoding="utf-8") as f:
            self.run("kill", f"-{name}", f.read().strip())

    def stop_libvirtd(self, name):
        self.lab.sh(f"lab_stop_libvirtd {self.name} {name}")

    def start_libvirtd(self):
        self.lab.sh(f"lab_libvirtd {self.name}")

    def xml(self, name, vm, act="i", memory=16, crash="destroy", disk=None, vcpu="<vcpu>1</vcpu>"):
        """A guest that does what `act` (guest.S) says, as a file; also gives the file."""
        image = (f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>"
                 "<target dev='vda' bus='virtio'/></disk>" if disk else "")
        path = f"{self.folder}/{vm}.xml"
        self.names[vm] = name
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"""<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
 <name>{name}</name><uuid>{vm}</uuid><memory unit='MiB'>{memory}</memory>{vcpu}
 <os><type arch='x86_64' machine='pc'>hvm</type><loader readonly='yes' type='rom'>{self.lab.folder}/{act}.rom</loader></os>
 <features><acpi/></features><on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>{crash}</on_crash>
 <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{image}<controller type='usb' model='none'/>
  <panic model='isa'/><memballoon model='none'/></devices>
 <qemu:commandline><qemu:arg value='-qmp'/><qemu:arg value='unix:/run/libvirt/qmp/{vm},server=on,wait=off'/></qemu:commandline>
</domain>""")
        return path


class Life(tuple):
    """(begin, end). A QEMU that is told to end has ended between its word (end) and its process's end (late)."""


class Truth:
    """truth.py in a process of its own: QEMU's own events, and the ends of its processes."""

    def __init__(self, path, hosts):
        self.path = path
        self.process = subprocess.Popen(
            [sys.executable, f"{TOP}/tests/integration/truth.py", "watch", path, *(f"{h.name}={h.folder}/run/qmp" for h in hosts)],
            stdin=subprocess.DEVNULL)
        until(60, "the witness is ready", lambda: os.path.exists(path))

    def end(self):
        self.process.terminate()
        self.process.wait()

    def events(self, vm=None):
        return [e for e in truth.load(self.path) if vm in (None, e["vm"])]

    def names(self, vm):
        return [e["event"] for e in self.events(vm)]

    def pid(self, vm):
        """Of the VM's youngest QEMU, as seen here."""
        return self.events(vm)[-1]["pid"]

    def runs(self, vm=None, crash=None):
        """crash: on_crash where it is not destroy, by UUID."""
        return [r for r in truth.runs_of(self.events(), crash) if vm in (None, r.vm)]

    def lives(self, vm, crash=None):
        """A Life for each run; None for a beginning that was missed and an end that has not come."""
        exits = {e["pid"]: float(e["t"]) for e in self.events(vm) if e["event"] == "EXIT"}
        out = []
        for r in self.runs(vm, crash):
            life = Life((None if r.how == "unseen" else float(r.begin), None if r.end is None else float(r.end)))
            life.late = exits.get(r.pid, life[1]) if r.why == "host-signal" else life[1]
            out.append(life)
        return out

    def ended(self, vm, times=1):
        until(60, f"{vm}: QEMU ends", lambda: self.names(vm).count("EXIT") >= times)


class Bystander:
    """Another client of a host's libvirtd, which is none of ours: when it is told what QEMU said.
    libvirt's events carry no time, so nobody who listens to them knows an instant better."""

    SAID = {"RESUME": "Resumed", "STOP": "Suspended", "SHUTDOWN": "Shutdown", "GUEST_PANICKED": "Crashed", "SUSPEND": "PMSuspended"}

    def __init__(self, host, path):
        self.host, self.path, self.over = host, path, threading.Event()
        self.process = None
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        """It ends with its libvirtd, and begins with the next."""
        with open(self.path, "wb") as out:
            while not self.over.wait(0.1):
                self.process = subprocess.Popen(
                    ["stdbuf", "-oL", "virsh", "-q", "-c", self.host.rw, "event", "--event", "lifecycle", "--loop", "--timestamp"],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC0"})
                while self.process.poll() is None and not self.over.wait(0.1):
                    pass
                self.process.kill()
                self.process.wait()

    def end(self):
        self.over.set()
        self.thread.join()

    def told(self):
        """(instant, name, what), to the millisecond, in order."""
        out = []
        with open(self.path, encoding="utf-8", errors="replace") as f:
            for line in f:
                said = TOLD.match(line)
                if said:
                    out.append((accounts.seconds(f"{said[1]}T{said[2]}Z"), said[3], said[4]))
        return out

    def late(self, witness, instants):
        """By how much what QEMU said about these instants came late."""
        told, worst = self.told(), 0.0
        for event in witness.events():
            at = float(event["t"])
            if event["host"] != self.host.name or event["event"] not in self.SAID or not any(abs(at - i) < 0.3 for i in instants):
                continue
            name = self.host.names.get(event["vm"])
            came = next((t for t, of, what in told if of == name and what == self.SAID[event["event"]] and t >= at - 0.002), at)
            if came - at <= accounts.MANAGER:
                worst = max(worst, came - at)
        return worst


class Agent:
    """A ledger and the agent that writes it, in a host of the lab."""

    def __init__(self, folder, host, init=(), user=None, heartbeat="{interval: 1s, record: 5s}", more="", programs=None, uri=None):
        self.folder = folder
        self.host = host
        self.ledger = f"{folder}/ledger"
        self.log = f"{folder}/log"
        self.process = self.pid = None
        self.user = user
        self.programs = programs or BUILD
        os.mkdir(folder)
        self.config = f"{folder}/tallyd.yaml"
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"ledger: {self.ledger}\nhost: {{name: {os.path.basename(folder)}}}\nlibvirt: {{uri: \"{uri or host.uri}\"}}\n"
                    f"heartbeat: {heartbeat}\n{more}")
        if user is not None:
            os.chown(folder, user, user)
        made = host.run(*self.as_user(), f"{self.programs}/cli/tally", "init", *init, self.ledger)
        self.vkey = f"{folder}/pinned"
        with open(self.vkey, "w", encoding="utf-8") as f:
            f.write(made.stdout)

    def as_user(self):
        if self.user is None:
            return []
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", "--no-new-privs"]

    def connections(self):
        if not os.path.exists(self.log):
            return 0
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read().count("connected: ")

    def start(self, wait=60):
        before = self.connections()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.host.inside, *self.as_user(), f"{self.programs}/agent/tallyd", "-c", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # nsenter stays in between, and passes no signal on.
        self.pid = int(until(30, "nsenter has forked", lambda: children(self.process.pid) or self.process.poll() is not None and "0"))
        if wait:
            until(wait, "the agent connects", lambda: self.connections() > before)

    def kill(self):
        self.signal(signal.SIGKILL)
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
        self.process.wait(60)
        self.process = None

    def signal(self, number):
        if self.pid and self.process.poll() is None:
            os.kill(self.pid, number)
            if number == signal.SIGCONT:
                os.kill(self.process.pid, number)  # nsenter stops with what it runs

    def stop(self):
        """In order; whatever else it exits with is a failure."""
        self.signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.process = None
        if status != 0:
            raise Failed(f"tallyd exits {status}")

    def end(self):
        if self.process is not None:
            self.kill()

    def events(self):
        """The ledger's entries as they are listed."""
        return [json.loads(line) for line in tally("log", self.ledger, "--json").stdout.split("\n") if line]

    def report(self):
        return report([self.ledger], f"{self.folder}/report.json")

    def verify(self):
        """Report, export, verify against the pinned key; gives the verdict's text."""
        self.report()
        export = f"{self.folder}/export"
        shutil.rmtree(export, ignore_errors=True)
        tally("export", self.ledger, "--to", export)
        return tally("verify", f"{self.folder}/report.json", export, "--anchor", self.vkey, check=False)


class Test:
    """The frame: scratch, checks, and everything ended at the end."""

    def __init__(self):
        self.passed = self.failed = 0
        self.ends = []
        self.witness, self.bystanders = None, []
        self.folder = tempfile.mkdtemp(prefix="tl.")
        os.chmod(self.folder, 0o755)
        self.metronome = Metronome(f"{self.folder}/metronome")
        self.ends.append(self.metronome.end)

    def holds(self, what, true, why=""):
        if not true:
            raise Failed(f"{what}{': ' if why else ''}{why}")
        self.passed += 1
        print(f"ok: {what}", flush=True)

    def also(self, what, true, why=""):
        """What does not hold ends the test, but after the others were looked at."""
        if true:
            self.holds(what, True)
        else:
            self.failed += 1
            print(f"FAILED: {what}{': ' if why else ''}{why}", flush=True)

    def within(self, *instants):
        """What these instants may be told wrong by: 50 ms, and what the machine or libvirt was late by."""
        return 0.05 + max([self.metronome.late(*instants)] + [b.late(self.witness, instants) for b in self.bystanders])

    def lab(self, *hosts):
        for program in ("libvirtd", "virtlogd", "qemu-system-x86_64", "unshare", "virsh"):
            if shutil.which(program) is None:
                raise Skipped(f"{program} is not installed")
        lab = Lab(f"{self.folder}/lab", hosts or ["host-a"])
        self.ends.append(lab.down)
        witness = lab.watch()
        self.ends.append(witness.end)
        self.witness = witness
        for host in lab.hosts:
            self.bystanders.append(Bystander(host, f"{self.folder}/bystander.{host.name}"))
            self.ends.append(self.bystanders[-1].end)
        return (*lab.hosts, witness)

    def agent(self, host, folder=None, **more):
        agent = Agent(f"{self.folder}/{folder or host.name}", host, **more)
        self.ends.append(agent.end)
        return agent

    def verified(self, agent, who=""):
        verdict = agent.verify()
        self.holds(f"the ledger{who} verifies against the pinned key",
                   verdict.returncode == 0 and "it holds" in verdict.stdout.split("\n"), verdict.stdout + verdict.stderr)

    def logs(self):
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if name == "log":
                    with open(f"{folder}/{name}", encoding="utf-8", errors="replace") as f:
                        print("".join(f"log: {line}" for line in f.readlines()[-60:]), file=sys.stderr)

    def main(self, body):
        status = 0
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            if os.geteuid() != 0:
                raise Skipped("needs root, to start a private libvirtd")
            if run("unshare", "-m", "-u", "-n", "true", check=False).returncode != 0:
                raise Skipped("no namespaces here")
            body(self)
            if self.failed > 0:
                status = 1
                self.logs()
            print(f"   this machine was late by up to {self.metronome.late() * 1000:.1f} ms")
            print(f"{self.passed} passed, {self.failed} failed")
        except Skipped as why:
            status = 77
            print(f"skipped: {why}\n0 passed, 0 failed, 1 skipped")
        except Failed as why:
            status = 1
            print(f"FAILED: {why}")
            self.logs()
            print(f"{self.passed} passed, {self.failed + 1} failed")
        finally:
            for end in reversed(self.ends):
                try:
                    end()
                except Exception as why:  # the others are ended all the same
                    status = status or 1
                    print(f"at the end: {why}", file=sys.stderr)
            if os.environ.get("TALLY_TEST_KEEP"):
                print(f"kept: {self.folder}", file=sys.stderr)
            else:
                shutil.rmtree(self.folder, ignore_errors=True)
        sys.exit(status)
