# SPDX-License-Identifier: Apache-2.0
"""Time and decimals of the second calculator.

An instant is an integer: nanoseconds since 1970-01-01T00:00:00Z. A span is a
difference of two of them. Nothing here ever touches binary floating point.
"""

import datetime
import re
import zoneinfo

NS = 1_000_000_000
EPOCH = datetime.date(1970, 1, 1).toordinal()
STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


class Malformed(ValueError):
    """An input that the contract refuses."""


def parse_stamp(text, offsets=False):
    """RFC 3339 to an instant; recorded events are UTC only, so offsets are opt-in."""
    match = STAMP.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise Malformed(f"not an RFC 3339 time: {text!r}")
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    zone = match[8]
    if zone != "Z" and not offsets:
        raise Malformed(f"not UTC: {text!r}")
    if hour > 23 or minute > 59 or second > 59:
        raise Malformed(f"no such time of day: {text!r}")
    try:
        days = datetime.date(year, month, day).toordinal() - EPOCH
    except ValueError as error:
        raise Malformed(f"{error}: {text!r}") from None
    seconds = days * 86400 + hour * 3600 + minute * 60 + second
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            raise Malformed(f"no such offset: {text!r}")
        shift = hours * 3600 + minutes * 60
        seconds += -shift if zone[0] == "+" else shift
    return seconds * NS + int((match[7] or "").ljust(9, "0"))


def format_stamp(instant):
    """RFC 3339 UTC with as many decimals as needed."""
    seconds, nanos = divmod(instant, NS)
    days, rest = divmod(seconds, 86400)
    date = datetime.date.fromordinal(days + EPOCH)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{date.year:04}-{date.month:02}-{date.day:02}T{clock}{fraction}Z"


def seconds_text(nanos):
    """Nanoseconds as an exact decimal number of seconds."""
    whole, part = divmod(nanos, NS)
    return f"{whole}" + (f".{part:09}".rstrip("0") if part else "")


def six_decimals(numerator, denominator):
    """numerator / denominator, not negative, to six decimals, a half goes up."""
    millionths = (2 * numerator * 1_000_000 + denominator) // (2 * denominator)
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06}"


def _utc_seconds(moment):
    delta = moment.astimezone(datetime.timezone.utc).replace(tzinfo=None) - datetime.datetime(1970, 1, 1)
    return delta.days * 86400 + delta.seconds


def _local(seconds, zone):
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.astimezone(zone).replace(tzinfo=None)


def first_instant(date, zone):
    """The first instant whose local date is `date` (or comes after it, where the zone skips it)."""
    midnight = datetime.datetime(date.year, date.month, date.day)
    guesses = sorted(_utc_seconds(midnight.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    for guess in guesses:
        if _local(guess, zone).replace(fold=0) == midnight:
            return guess * NS
    # Midnight is skipped: the clock jumps over it somewhere between the two guesses.
    low, high = guesses
    while high - low > 1:
        middle = (low + high) // 2
        if _local(middle, zone) < midnight:
            low = middle
        else:
            high = middle
    return high * NS


def parse_period(text, zone):
    """RFC 3339, a date, or a month: an instant."""
    match = re.fullmatch(r"(\d{4})-(\d\d)(?:-(\d\d))?", text)
    if not match:
        return parse_stamp(text, offsets=True)
    try:
        date = datetime.date(int(match[1]), int(match[2]), int(match[3] or "1"))
    except ValueError as error:
        raise Malformed(f"{error}: {text!r}") from None
    return first_instant(date, zone)


def find_zone(name):
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise Malformed(f"no such time zone: {name!r}") from None
