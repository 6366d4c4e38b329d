#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exact decimals and ratios against Python's fractions, on random numbers and at the edges."""

import random
import subprocess
import sys
from fractions import Fraction

LARGEST = 2**127 - 1
SCALE = 36


def text(value):
    """The one spelling of a fraction whose decimals end."""
    den, scale = value.denominator, 0
    while den % 10 == 0:
        den //= 10
    while (value * 10**scale).denominator != 1:
        scale += 1
    whole = abs(int(value * 10**scale))
    digits = str(whole).rjust(scale + 1, "0")
    shown = digits[:-scale] + "." + digits[-scale:] if scale else digits
    return "-" + shown if value < 0 else shown


def ends(value):
    den = value.denominator
    for prime in (2, 5):
        while den % prime == 0:
            den //= prime
    return den == 1


def rounded(value, how):
    """To a whole number."""
    sign, size = (-1 if value < 0 else 1), abs(value)
    whole, rest = divmod(size.numerator, size.denominator)
    rest = Fraction(rest, size.denominator)
    up = rest > 0 if how == "up" else rest > Fraction(1, 2) or (
        rest == Fraction(1, 2) and (how == "half-up" or whole % 2))
    return sign * (whole + (1 if up else 0))


def scale_of(value):
    scale = 0
    while (value * 10**scale).denominator != 1:
        scale += 1
    return scale


def fits(value):
    """Whether a decimal holds it."""
    return scale_of(value) <= SCALE and abs(value * 10**scale_of(value)) <= LARGEST


def a_number(rng):
    scale = rng.choice((0, 0, 2, 9, 12, 18, rng.randint(0, SCALE)))
    digits = rng.choice((rng.randint(0, 10**rng.randint(1, 38)), 5 * 10**rng.randint(0, 37), LARGEST, 0, 1))
    return Fraction(min(digits, LARGEST) * rng.choice((1, -1)), 10**scale)


def operation(rng):
    """(the line, what must come of it, whether refusing is allowed, too)"""
    what = rng.choice(("add", "sub", "mul", "cmp", "round", "minor", "ratio", "exact"))
    a, b = a_number(rng), a_number(rng)
    if what in ("add", "sub", "mul", "cmp"):
        result = {"add": a + b, "sub": a - b, "mul": a * b, "cmp": Fraction((a > b) - (a < b))}[what]
        # Both over one scale, or their plain product, must fit on the way.
        scale = max(scale_of(a), scale_of(b))
        way = a.numerator * 0 + abs(a * 10**scale_of(a) * b * 10**scale_of(b)) if what == "mul" else max(
            abs(a * 10**scale), abs(b * 10**scale), abs(result * 10**scale) if what != "cmp" else 0)
        return f"{what} {text(a)} {text(b)}", result, not fits(result), way > LARGEST
    if what == "round":
        n, how = rng.randint(0, 30), rng.choice(("half-up", "half-even", "up"))
        return f"round {text(a)} {n} {how}", Fraction(rounded(a * 10**n, how), 10**n) if scale_of(a) > n else a, False, False
    if what == "minor":
        n = rng.choice((0, 2, 3))
        units = a * 10**n
        bad = units.denominator != 1 or not -2**63 <= units < 2**63
        return f"minor {text(a)} {n}", units, bad, bad
    num = rng.choice((rng.randint(-10**30, 10**30), rng.randint(-10**12, 10**12)))
    den = rng.choice((3600 * 10**9, 3600 * 10**9 * 1024, rng.randint(1, 10**6), 3, 7, 2**20))
    value = Fraction(num, den)
    if what == "exact":
        bad = not ends(value) or not fits(value)
        return f"exact {num} {den}", value, bad, bad
    n, how = rng.randint(0, 12), rng.choice(("half-up", "half-even", "up"))
    result = Fraction(rounded(value * 10**n, how), 10**n)
    return f"ratio {num} {den} {n} {how}", result, False, abs(value.numerator) * 10**n > LARGEST


def main():
    tool, rng = sys.argv[1], random.Random(4711)
    cases = [operation(rng) for _ in range(40000)]
    lines = "".join(case[0] + "\n" for case in cases)
    answers = subprocess.run([tool, "decimal"], input=lines, text=True, capture_output=True, check=True).stdout.split("\n")
    wrong, none = [], 0
    for (line, value, must_refuse, may_refuse), answer in zip(cases, answers):
        none += answer == "none"
        if answer == "none":
            ok = must_refuse or may_refuse
        else:
            ok = not must_refuse and answer == text(value)
        if not ok:
            wrong.append(f"{line}: {answer}, not {'none' if must_refuse else text(value)}")
    for line in wrong[:20]:
        print("FAILED:", line)
    print(f"{len(cases)} operations, {none} of them refused, {len(wrong)} wrong")
    # Both sides of every bound were seen.
    sys.exit(bool(wrong) or not 1000 < none < 30000)


main()
