#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes log.txt: entries, trees, proofs and notes of docs/FORMAT.md.

Written from the formats alone, with hashlib and RFC 8032's arithmetic, so that
it shares no code with what it tests. Prints to standard output:

    python3 tests/vectors/make.py > tests/vectors/log.txt

A line is a word and its values in hex, or in decimal where they are numbers.
"""
import base64
import hashlib
import struct


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# RFC 8032, section 5.1, the slow way.
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    x1, y1 = a
    x2, y2 = b
    t = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P,
            (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P)


def multiply(n, point):
    out = (0, 1)
    while n:
        if n & 1:
            out = add(out, point)
        point = add(point, point)
        n >>= 1
    return out


def base_point():
    y = 4 * pow(5, P - 2, P) % P
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (P - x if x & 1 else x, y)


B = base_point()


def encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def secret(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return a, h[32:]


def public(seed):
    return encode(multiply(secret(seed)[0], B))


def sign(seed, message):
    a, prefix = secret(seed)
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % Q
    point = encode(multiply(r, B))
    k = int.from_bytes(hashlib.sha512(point + public(seed) + message).digest(), "little") % Q
    return point + ((r + k * a) % Q).to_bytes(32, "little")


# RFC 6962, section 2.1.
def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root(leaves):
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha(b"\x01", root(leaves[:k]), root(leaves[k:]))


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path(m, leaves[:k]) + [root(leaves[k:])]
    return path(m - k, leaves[k:]) + [root(leaves[:k])]


def subproof(m, leaves, whole):
    if m == len(leaves):
        return [] if whole else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], whole) + [root(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [root(leaves[:k])]


def line(word, *values):
    print(word, *(v.hex() if isinstance(v, bytes) and v else "-" if isinstance(v, bytes) else v for v in values))


def entry(index):
    """An entry with groups of every length around a hash's block."""
    seed = hashlib.md5(b"seed %d" % index).digest()
    groups = [b"m" * (index * 7 % 130), b"" if index % 3 == 0 else b"identity %d" % index, b"o" * (index * 40)]
    kind, flags, boot, wall, uptime = 1 + index % 76, index % 2, 1 + index // 10, 1772359200000000000 + index, index * 10**9
    salts = hashlib.blake2b(b"", key=seed, digest_size=48).digest()
    record = struct.pack(">BBHIQQQQ", 1, kind, flags, boot, index, wall, uptime, 0)
    for k in range(3):
        record += sha(bytes([0x11 + k]), salts[16 * k:16 * k + 16], groups[k])
    line("entry", kind, flags, boot, index, wall, uptime, seed, *groups, salts, record, sha(b"\x00", record))
    return sha(b"\x00", record)


def key_id(name, rest):
    return sha(name + b"\n" + rest)[:4]


def note_line(name, identifier, signature):
    return "— ".encode() + name + b" " + base64.b64encode(identifier + signature) + b"\n"


def notes(leaves):
    name, seed = b"example.com/tally/vectors", bytes(range(32))
    key = b"\x01" + public(seed)
    identifier = key_id(name, key)
    line("vkey", name + b"+" + identifier.hex().encode() + b"+" + base64.b64encode(key))
    line("private", b"PRIVATE+KEY+" + name + b"+" + identifier.hex().encode() + b"+" + base64.b64encode(b"\x01" + seed) + b"\n")
    witness, other = b"witness.example.com", bytes(range(32, 64))
    witness_key = b"\x04" + public(other)
    witness_id = key_id(witness, witness_key)
    line("witness", witness + b"+" + witness_id.hex().encode() + b"+" + base64.b64encode(witness_key))
    ak = bytes.fromhex("0023000b00050472") + bytes(80)
    evidence_id = key_id(name, b"\xfftallystick/evidence/v1\x00" + ak)
    line("evidence-id", name, ak, evidence_id)
    for size in (1, 7, len(leaves)):
        text = name + b"\n%d\n" % size + base64.b64encode(root(leaves[:size])) + b"\n"
        note = text + b"\n" + note_line(name, identifier, sign(seed, text))
        time = 1772359200 + size
        cosigned = b"cosignature/v1\ntime %d\n" % time + text
        line("note", size, root(leaves[:size]), text, note,
             note + note_line(name, evidence_id, b"blob") +
             note_line(witness, witness_id, struct.pack(">Q", time) + sign(other, cosigned)))
    return note


def proof(index, leaves, record, note):
    text = b"c2sp.org/tlog-proof@v1\nextra " + base64.b64encode(record) + b"\nindex %d\n" % index
    for h in path(index, leaves):
        text += base64.b64encode(h) + b"\n"
    line("tlog-proof", index, record, text + b"\n" + note)


def main():
    print("# Made by make.py; do not edit.")
    leaves = [entry(i) for i in range(21)]
    for size in range(len(leaves) + 1):
        line("root", size, root(leaves[:size]))
    for size in (1, 2, 5, 8, 13, 21):
        for index in range(size):
            line("inclusion", index, size, b"".join(path(index, leaves[:size])))
        for old in range(1, size + 1):
            line("consistency", old, size, b"".join(subproof(old, leaves[:size], True)))
    note = notes(leaves)
    proof(13, leaves, b"any bytes", note)
    for level, n, width, text in ((0, 0, 256, "tile/0/000"), (3, 1234067, 5, "tile/3/x001/x234/067.p/5"),
                                  (-1, 999, 255, "tile/entries/999.p/255"), (-1, 1000, 256, "tile/entries/x001/000"),
                                  (-2, 1000000, 1, "x001/x000/000.p/1"), (63, 2**64 - 1, 256, "tile/63/x018/x446/x744/x073/x709/x551/615")):
        print("tile", level, n, width, text)


if __name__ == "__main__":
    main()
