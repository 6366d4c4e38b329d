# SPDX-License-Identifier: Apache-2.0
"""The files of an export (docs/FORMAT.md, section 8), taken apart and put together
by what the page says, apart from the program's own code."""

import struct

ENTRY = 138
ROW = 128


def files(top):
    """Names of all files, relative, sorted."""
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def bundle_number(name):
    """The number of a tile or bundle from its path: 000, x001/234, 002.p/17."""
    number = 0
    for part in name.split("/")[2:]:
        digits = part.split(".")[0].lstrip("x")
        number = number * 1000 + int(digits)
        if part.endswith(".p"):
            break
    return number


def payload_spans(data):
    """(begin, end) of each payload of a bundle."""
    spans, at = [], 0
    while at < len(data):
        begin, mask = at, data[at]
        at += 1
        for group in range(3):
            if mask >> group & 1:
                at += 16 + 3 + int.from_bytes(data[at + 16:at + 19], "big")
        spans.append((begin, at))
    return spans


def entry_at(name, data, offset):
    """The index of the entry that a byte of this file belongs to, None where a file has none."""
    if name.startswith("tile/entries/"):
        return 256 * bundle_number(name) + offset // ENTRY
    if name.startswith("private/payload/"):
        for i, (begin, end) in enumerate(payload_spans(data)):
            if begin <= offset < end:
                return 256 * bundle_number(name) + i
    return None


def notes(data):
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append(data[at + 4:at + 4 + length])
        at += 4 + length
    return found


def join_notes(items):
    return b"".join(struct.pack(">I", len(note)) + note for note in items)


def rows(data):
    return [data[at:at + ROW] for at in range(0, len(data), ROW)]


def renumber(items):
    return b"".join(row[:4] + struct.pack(">I", i) + row[8:] for i, row in enumerate(items))


def swap(data, first, second):
    """`data` with two of its spans, the first before the second, in each other's place."""
    (a, b), (c, d) = first, second
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]
