#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A host's TPM is enrolled by a server over TLS. The TPM is a swtpm that swtpm_setup
has made, certificates of clients and server come from an authority made here by
OpenSSL; strangers, repeats, deaths in between and greedy clients come as well.

    enroltls.py TALLY TALLYD [--helper TALLYD-TPM]
"""

import http.client
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse

from enrol import Manufactured, succession, tool, values, verdict
from scenario import Suite, Wrong, arguments, check, main
from swtpm import FLAGS, kinds

LIMIT = 3  # seconds that a connection may take, where a case waits for it


class Authority:
    """An authority of X.509 that makes certificates of any time and use."""

    def __init__(self, suite, name):
        self.top = suite.scratch / name
        self.top.mkdir()
        (self.top / "index").write_text("")
        (self.top / "config").write_text(
            "[ca]\ndefault_ca=own\n[own]\n"
            f"database={self.top}/index\nnew_certs_dir={self.top}\nrand_serial=yes\ndefault_md=sha256\nunique_subject=no\n"
            f"policy=any\ncertificate={self.top}/ca.pem\nprivate_key={self.top}/ca.key\n[any]\ncommonName=supplied\n"
            "[req]\ndistinguished_name=none\n[none]\n"
            "[ca_ext]\nbasicConstraints=critical,CA:true\nkeyUsage=keyCertSign\n"
            "[server]\nextendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1\n[client]\nextendedKeyUsage=clientAuth\n")
        self.ca = self.top / "ca.pem"
        tool("openssl", "req", "-x509", "-config", self.top / "config", "-extensions", "ca_ext", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", self.top / "ca.key", "-out",
             self.ca)

    def make(self, name, use, begin="20200101000000Z", end="20400101000000Z"):
        """(certificate, key)"""
        path = self.top / f"{name}.{use}.{end}"
        tool("openssl", "req", "-config", self.top / "config", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", f"/CN={name}", "-keyout", f"{path}.key", "-out", f"{path}.csr")
        tool("openssl", "ca", "-batch", "-notext", "-config", self.top / "config", "-extensions", use, "-startdate", begin,
             "-enddate", end, "-in", f"{path}.csr", "-out", f"{path}.pem")
        return f"{path}.pem", f"{path}.key"


class Server:
    """`tally enrol serve` with a register of its own."""

    def __init__(self, suite, name, authority, *options):
        self.suite, self.top = suite, suite.scratch / name
        self.top.mkdir()
        self.key, self.vkey = self.top / "key", self.top / "vkey"
        self.vkey.write_text(suite.must("enrol", "key", f"{name}.example/enrol", "-o", self.key).text)
        self.register = self.top / "register"
        self.identity = authority.make("127.0.0.1", "server")
        self.authority, self.options, self.process = authority, options, None
        suite.running.append(self)

    def words(self, *more):
        return ("enrol", "serve", self.register, "--key", self.key, "--cert", self.identity[0], "--cert-key", self.identity[1],
                "--ca", self.authority.ca, *self.options, *more)

    def start(self, *more):
        self.log = open(self.top / "log", "ab")
        self.process = subprocess.Popen([self.suite.tally, *map(os.fspath, self.words("--listen", "127.0.0.1:0", *more))],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env=self.suite.env)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        check(ready, "the server says nothing")
        self.vkey_line = self.process.stdout.readline().decode()
        self.url = self.process.stdout.readline().decode().strip()
        if not self.url:
            raise Wrong(f"the server ended: {self.told()}")
        self.port = urllib.parse.urlsplit(self.url).port
        return self

    def stop(self, how=signal.SIGTERM):
        if not self.process:
            return 0
        self.process.send_signal(how)
        code = self.process.wait(60)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return code

    def told(self):
        return (self.top / "log").read_text(errors="replace")

    def records(self):
        return sorted(p.name for p in self.register.glob("*.record"))

    def connect(self, client=None, ca=None):
        context = ssl.create_default_context(cafile=ca or self.authority.ca)
        if client:
            context.load_cert_chain(*client)
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)

    def post(self, client, path, body, chunked=False):
        """(status, text)"""
        connection = self.connect(client)
        try:
            connection.request("POST", path, body, {"Transfer-Encoding": "chunked"} if chunked else {}, encode_chunked=chunked)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def ask(server, ledger, client, *options):
    return ("enrol", "request", ledger, "--server", server.url, "--cert", client[0], "--cert-key", client[1], "--ca",
            server.authority.ca, *options)


def whole(suite, tpm, server, client, chips):
    ledger = suite.scratch / "ledger"
    pins = (server.vkey, chips / "swtpm-localca-rootca-cert.pem", chips / "issuercert.pem")
    suite.must("init", ledger, "--tpm", tpm.transport())
    with suite.case("one command enrols a swtpm over TLS, and the export holds under the enroller's key"):
        check(server.vkey_line == server.vkey.read_text(), server.vkey_line)
        suite.must(*ask(server, ledger, client, "--asset", "0042", "-o", suite.scratch / "copy"))
        check(len(kinds(suite, ledger, "enrolment")) == 1, "no entry")
        check(len(server.records()) == 1, str(server.records()))
        record = server.register / server.records()[0]
        check(record.read_bytes() == (suite.scratch / "copy").read_bytes(), "another record is in the register")
        check(values(record, "asset") == ["0042"], record.read_text())
        answer, text = verdict(suite, ledger, *pins)
        check(answer["holds"] and answer["anchored"] and answer["class"] == "software (libtpms)", str(answer))
        check("counts for nothing" not in text and "no pinned root" not in text, text)
        check("its certificate says that it is a software TPM" in server.told(), server.told())
    with suite.case("enrolled again it is another record, and the log says so"):
        time.sleep(1.1)  # within one second it would be the same one
        suite.must(*ask(server, ledger, client, "--asset", "0042"))
        check(len(server.records()) == 2 and "(enrolled again)" in server.told(), server.told())
        verdict(suite, ledger, *pins)
    return ledger


def strangers(suite, server, ledger, authority, other, client):
    refused = [("without a certificate", None), ("of another authority", other.make("h1", "client")),
               ("that has expired", authority.make("h1", "client", end="20210101000000Z")),
               ("that is not valid yet", authority.make("h1", "client", begin="20390101000000Z", end="20400101000001Z")),
               ("for servers only", authority.make("h1", "server"))]
    body = b"x"
    with suite.case("a client without a certificate of the authority does not get through the handshake"):
        for what, identity in refused:
            try:
                status, said = server.post(identity, "/enrol/v1/request", body)
                raise Wrong(f"a client {what}: {status} {said!r}")
            except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
                pass
        check(server.post(client, "/enrol/v1/request", body)[0] == 400, "one of the authority")
    with suite.case("tally says so, and leaves the ledger as it was"):
        before = len(kinds(suite, ledger, "enrolment"))
        suite.refused(*ask(server, ledger, refused[1][1]), code=3, names=[server.url])
        suite.refused(*ask(server, ledger, refused[2][1]), code=3, names=[server.url])
        check(len(kinds(suite, ledger, "enrolment")) == before, "an entry")
    with suite.case("a server of another authority is not spoken to, whatever the system trusts"):
        words = list(ask(server, ledger, client))
        words[words.index("--ca") + 1] = other.ca
        suite.refused(*words, code=3, names=[server.url, "certificate"])
    with suite.case("plain HTTP is not answered"):
        with socket.create_connection(("127.0.0.1", server.port), 10) as s:
            s.sendall(b"POST /enrol/v1/request HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            try:
                check(b"HTTP/1.1 200" not in s.recv(4096), "it is")
            except ConnectionError:
                pass


def steps(suite, server, ledger, client, number, asset="0042"):
    """The same by hand: (challenge, response) as files' contents; the challenge is open."""
    paths = [suite.scratch / f"{number}.{kind}" for kind in ("request", "challenge", "response")]
    suite.must("enrol", "request", ledger, "--asset", asset, "-o", paths[0])
    status, said = server.post(client, "/enrol/v1/request", paths[0].read_bytes())
    check(status == 200, f"{status} {said!r}")
    paths[1].write_bytes(said)
    suite.must("enrol", "respond", ledger, paths[1], "-o", paths[2])
    return said, paths[2].read_bytes()


def repeats(suite, server, ledger, client, second):
    with suite.case("a challenge outlives a server that is killed"):
        _, response = steps(suite, server, ledger, client, "killed")
        server.stop(signal.SIGKILL)
        server.start()
        status, record = server.post(client, "/enrol/v1/response", response)
        check(status == 200 and record.startswith(b"tallystick/enrolment/v1\n"), f"{status} {record!r}")
    with suite.case("the same response again gets the same record and makes no other"):
        before = server.records()
        check(server.post(client, "/enrol/v1/response", response) == (200, record), "another answer")
        check(server.records() == before, "another record")
    with suite.case("a replayed response is worth nothing in another client's hands"):
        status, said = server.post(second, "/enrol/v1/response", response)
        check(status == 403 and b"another client" in said, f"{status} {said!r}")
    with suite.case("a death between a record and the register loses nothing"):
        (name,) = [n for n in server.records() if (server.register / n).read_bytes() == record]
        server.stop(signal.SIGKILL)
        (server.register / name).unlink()
        server.start()
        check((server.register / name).read_bytes() == record, "the record is lost")
        check(server.post(client, "/enrol/v1/response", response) == (200, record), "another answer")
    with suite.case("an answered challenge takes no other response, an unknown one none"):
        secret = response.split(b"secret ")[1]
        other = response.replace(secret, (b"B" if secret[:1] == b"A" else b"A") + secret[1:])
        status, said = server.post(client, "/enrol/v1/response", other)
        check(status == 403 and b"is answered" in said, f"{status} {said!r}")
        named = response.split(b"challenge ")[1][:64]
        status, said = server.post(client, "/enrol/v1/response", response.replace(named, b"0" * 64))
        check(status == 403 and b"no challenge that is open" in said, f"{status} {said!r}")
    with suite.case("a wrong secret is refused, and the right one is still taken"):
        _, response = steps(suite, server, ledger, client, "wrong")
        secret = response.split(b"secret ")[1]
        other = response.replace(secret, (b"B" if secret[:1] == b"A" else b"A") + secret[1:])
        status, said = server.post(client, "/enrol/v1/response", other)
        check(status == 403 and b"not what was sealed" in said, f"{status} {said!r}")
        check(server.post(client, "/enrol/v1/response", response)[0] == 200, "the right one")
    with suite.case("of one client's challenges the oldest give way, of another's none"):
        first, _ = steps(suite, server, ledger, second, "second")
        request = (suite.scratch / "wrong.request").read_bytes()
        for _ in range(20):
            check(server.post(client, "/enrol/v1/request", request)[0] == 200, "a challenge")
        kept = [p for p in (server.register / "open").iterdir() if "\nrecord " not in p.read_text()]
        check(len(kept) == 17, f"{len(kept)} wait")
        status, _ = server.post(second, "/enrol/v1/response", (suite.scratch / "second.response").read_bytes())
        check(status == 200, f"the other client's: {status}")


def alarms(suite, server, tpm, chips, client):
    tpm.stop()
    with suite.case("another TPM for a known asset is an alarm, and its signed request is kept"):
        stranger = Manufactured(suite, "stranger", chips).start(*FLAGS)
        ledger = suite.scratch / "stranger-ledger"
        suite.must("init", ledger, "--tpm", stranger.transport())
        before = server.records()
        told = suite.refused(*ask(server, ledger, client, "--asset", "0042"), code=1,
                             names=["alarm: the machine is enrolled with another TPM"]).error
        check(str(server.register) not in told and ".record" not in told, told)
        check(server.records() == before and not kinds(suite, ledger, "enrolment"), "a record")
        (kept,) = (server.register / "alarms").iterdir()
        check("tallystick/enrolment-request/v1" in kept.read_text(), "it is not")
        check("alarm: the machine" in server.told() and str(server.register) in server.told(), server.told())
    with suite.case("a succession is not signed where nobody has named the old log"):
        new, old = suite.scratch / "new", suite.scratch / "ledger"
        origin = json.loads(suite.must("status", old, "--json").text)["origin"]
        suite.must("host", "replace", new, "--from", old, "--tpm", stranger.transport())
        refusal = suite.refused(*ask(server, new, client, "--asset", "0042"), code=1, names=["--succeeds", origin])
        server.stop()
        server.start("--succeeds", succession(refusal.error))
        suite.must(*ask(server, new, client, "--asset", "0042"))
        server.stop()
        server.start()
        suite.must(*ask(server, new, client, "--asset", "0042"))
    return stranger, ledger


def listed(suite, ledger, authority, client, second):
    assets = suite.scratch / "assets"
    assets.write_text("# of this site\n0043\th1\n0044\n")
    server = Server(suite, "listed", authority, "--assets", assets).start()
    with suite.case("with a list of machines only these are enrolled, and by their own client"):
        suite.refused(*ask(server, ledger, client), code=1, names=["names no asset"])
        suite.refused(*ask(server, ledger, client, "--asset", "0042"), code=1, names=["0042 is not in"])
        suite.refused(*ask(server, ledger, second, "--asset", "0043"), code=1, names=["0043 is another client's"])
        suite.must(*ask(server, ledger, client, "--asset", "0043"))
    with suite.case("a second server on one register is refused, and so is issue by files"):
        suite.refused(*server.words("--listen", "127.0.0.1:0"), code=3, names=["another enroller"])
    check(server.stop() == 0, "the server did not end in good order")
    with suite.case("a list that is none is refused with its place"):
        for text, place in (("0043\n\x01\n", ":2:1: "), ("a\na\n", ":2:1: the same"), ("ab\t\n", ":1:4: ")):
            assets.write_text(text)
            suite.refused(*server.words(), code=2, names=[f"{assets}{place}"])


def greedy(suite, server, client):
    big = b"x" * ((1 << 17) + 1)
    with suite.case("a body that is too long is refused, said or unsaid"):
        status, _ = server.post(client, "/enrol/v1/request", big)
        check(status == 413, f"said: {status}")
        status, _ = server.post(client, "/enrol/v1/request", iter([big[:1000]] * 140), chunked=True)
        check(status == 413, f"unsaid: {status}")
        status, _ = server.post(client, "/enrol/v1/request", b"")
        check(status == 400, f"none: {status}")
    with suite.case("other paths and methods are refused"):
        check(server.post(client, "/enrol/v1/../key", b"x")[0] == 404, "a path")
        connection = server.connect(client)
        connection.request("GET", "/enrol/v1/request")
        check(connection.getresponse().status == 405, "GET")
        connection.close()
    with suite.case("no more than eight connections come from one address"):
        for attempt in range(3):  # where this machine stands still for seconds the idle ones are ended
            time.sleep(0.3)  # until the one before is closed
            held = [socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(8)]
            try:
                time.sleep(0.3)
                status, _ = server.post(client, "/enrol/v1/request", b"")
                check(attempt < 2, f"a ninth one: {status}")
            except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
                break
            finally:
                for one in held:
                    one.close()
    server.stop()
    server.start("--timeout", str(LIMIT))
    with suite.case("a slow client is ended in the handshake, in its headers and in its body, and holds up nobody"):
        raw = socket.create_connection(("127.0.0.1", server.port), 30)
        context = ssl.create_default_context(cafile=server.authority.ca)
        context.load_cert_chain(*client)
        slow = []
        for begin in (b"POST /enrol/v1/req", b"POST /enrol/v1/request HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"):
            one = context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 30), server_hostname="127.0.0.1")
            one.sendall(begin)
            slow.append(one)
        began, alive = time.monotonic(), {raw, *slow}
        check(server.post(client, "/enrol/v1/request", b"")[0] == 400, "another client waits")
        check(time.monotonic() - began < 2, "another client waits for long")
        while alive and time.monotonic() - began < 4 * LIMIT:
            for one in list(alive):
                try:
                    one.sendall(b"\x16" if one is raw else b"x")
                    readable, _, _ = select.select([one], [], [], 0)
                    if readable and not one.recv(4096):
                        alive.discard(one)
                except OSError:
                    alive.discard(one)
            time.sleep(0.2)
        check(not alive, f"{len(alive)} connections are open after {4 * LIMIT} s")
        for one in (raw, *slow):
            one.close()
    server.stop()


def wrong(suite, server, ledger, client, authority, other):
    with suite.case("wrong use and files that do not fit are told before anything is opened"):
        suite.refused("enrol", "request", ledger, "--server", "http://127.0.0.1:1", "--cert", "a", "--cert-key", "b", "--ca",
                      "c", code=2, names=["https"])
        suite.refused("enrol", "request", ledger, "--server", "https://127.0.0.1:1", code=2, names=["--cert"])
        suite.refused("enrol", "serve", server.register, code=2, names=["--key"])
        suite.refused("enrol", "serve", server.register, "--key", server.key, code=2, names=["--cert"])
        words = list(server.words())
        suite.refused(*words, "--class", "best", code=2, names=["best"])
        suite.refused(*words, "--timeout", "0", code=2, names=["--timeout"])
        suite.refused(*words, "--listen", "localhost:1", code=2, names=["localhost:1"])
        words[words.index("--cert-key") + 1] = client[1]
        suite.refused(*words, code=2, names=[client[1], "no certificate with its key"])
        words = list(server.words())
        words[words.index("--ca") + 1] = server.key
        suite.refused(*words, code=2, names=[f"{server.key}: no certificate of an authority"])
    with suite.case("where nobody listens the ledger stays as it was"):
        before = len(kinds(suite, ledger, "enrolment"))
        suite.refused(*ask(server, ledger, client), code=3, names=["Failed to connect"])
        check(len(kinds(suite, ledger, "enrolment")) == before, "an entry")


def body(suite):
    suite.running, suite.proxies, suite.agents = [], [], []
    chips = suite.scratch / "chips"
    chips.mkdir()
    try:
        authority, other = Authority(suite, "hosts"), Authority(suite, "others")
        client, second = authority.make("h1", "client"), authority.make("h2", "client")
        tpm = Manufactured(suite, "made", chips).start(*FLAGS)
        server = Server(suite, "desk", authority, "--roots", chips / "swtpm-localca-rootca-cert.pem", "--roots",
                        chips / "issuercert.pem").start()
        ledger = whole(suite, tpm, server, client, chips)
        strangers(suite, server, ledger, authority, other, client)
        repeats(suite, server, ledger, client, second)
        stranger, ledger = alarms(suite, server, tpm, chips, client)
        listed(suite, ledger, authority, client, second)
        greedy(suite, server, client)
        wrong(suite, server, ledger, client, authority, other)
        stranger.stop()
    finally:
        if suite.failed:
            print(server.told()[-4000:])
        for one in suite.running:
            one.stop(signal.SIGKILL)


if __name__ == "__main__":
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("tallyd", help="the agent")
    given = parser.parse_args()
    scenario = Suite(given.tally, given.helper)
    missing = [name for name in ("swtpm", "swtpm_setup", "swtpm_localca", "certtool", "openssl") if not shutil.which(name)]
    if missing:
        print(f"skipped: enrolment over TLS: {', '.join(missing)} missing (packages swtpm-tools, gnutls-bin, openssl)")
        scenario.end()
        raise SystemExit(77)
    main(scenario, body)
