#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes a checkpoint's quote out of an export, for tpm2_checkquote.

    extract_quote.py EXPORT OUT

Written from docs/FORMAT.md alone: sections 1, 3, 5, 6 and 8. It checks nothing
but the shapes; that is the point of handing the parts to somebody else's tool.
OUT gets ak.pem, quote.msg, quote.sig, and nonce (hex of q).

`tpm2_nvcertify.py` takes anchors out with the same reader.
"""
import base64
import hashlib
import pathlib
import sys

STATEMENT = 70
# SubjectPublicKeyInfo of an uncompressed point on P-256, up to the point.
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            sys.exit("extract_quote: cut")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def sized(self, n):
        return self.take(self.number(n))

    def left(self):
        return self.at < len(self.data)


def varint(r):
    value = shift = 0
    while True:
        byte = r.take(1)[0]
        value |= (byte & 0x7f) << shift
        if byte < 0x80:
            return value
        shift += 7


def fields(message):
    """The fields of a Protocol Buffers message, by number: bytes, or an integer."""
    r, found = Reader(message), {}
    while r.left():
        tag = varint(r)
        kind = tag & 7
        if kind == 2:
            found[tag >> 3] = r.take(varint(r))
        elif kind == 0:
            found[tag >> 3] = varint(r)
        else:
            r.take(8 if kind == 1 else 4)
    return found


def operations(export, kind):
    """Group 3 of the entries of a kind, as fields, in the order of the log."""
    tiles = export / "tile/entries"
    for path in sorted(tiles.rglob("*")):
        if not path.is_file():
            continue
        entries = Reader(path.read_bytes())
        payloads = Reader((export / "private/payload" / path.relative_to(tiles)).read_bytes())
        while entries.left():
            record = entries.sized(2)
            mask = payloads.number(1)
            groups = {}
            for k in range(3):
                if mask >> k & 1:
                    payloads.take(16)
                    groups[k] = payloads.take(payloads.number(3))
            if record[1] == kind:
                yield fields(groups[2])


def statement(export):
    """The fields of the newest session statement."""
    return fields(list(operations(export, STATEMENT))[-1][17])


def public_key(ak_public):
    """PEM of a TPMT_PUBLIC on P-256."""
    point = Reader(ak_public[-68:])
    der = SPKI + b"\x04" + point.sized(2) + point.sized(2)
    pem = base64.encodebytes(der).decode().replace("\n", "")
    lines = [pem[i:i + 64] for i in range(0, len(pem), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def evidence(notes, ak_public):
    """The newest note that this key attested: its text and its blob."""
    found = None
    r = Reader(notes)
    while r.left():
        text, signatures = r.sized(4).decode().split("\n\n", 1)
        text += "\n"
        origin = text.split("\n", 1)[0]
        key = hashlib.sha256(origin.encode() + b"\n\xfftallystick/evidence/v1\0" + ak_public).digest()[:4]
        for line in signatures.splitlines():
            name, content = line.removeprefix("\u2014 ").rsplit(" ", 1)
            content = base64.b64decode(content, validate=True)
            if name == origin and content[:4] == key:
                found = text, content[4:]
    if not found:
        sys.exit("extract_quote: no attested note")
    return found


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    export, out = map(pathlib.Path, sys.argv[1:])
    ak_public = statement(export)[4]
    text, blob = evidence((export / "private/notes").read_bytes(), ak_public)

    r = Reader(blob)
    assert r.number(1) == 1
    for _ in range(r.number(1)):
        r.take(33)
    (out / "quote.msg").write_bytes(r.sized(2))
    (out / "quote.sig").write_bytes(r.sized(2))
    assert not r.left()

    (out / "ak.pem").write_text(public_key(ak_public))
    (out / "nonce").write_text(hashlib.sha256(b"tally/checkpoint/v1\0" + text.encode()).hexdigest())


if __name__ == "__main__":
    main()
