"""Durations and instants as a person writes and reads them.

It exists so that every command understands `30s`, `1h30m` and `2025-04-06T18:00` alike. Kept true: the result is a
whole number of nanoseconds, computed exactly; an instant without a zone is UTC.
"""

import re
from datetime import UTC, datetime
from fractions import Fraction

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "sec": SECOND_NS,
    "m": MINUTE_NS,
    "min": MINUTE_NS,
    "h": HOUR_NS,
    "d": DAY_NS,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class TimeMalformed(ValueError):
    """The text is no duration, or no instant; the message shows what is."""


def duration_ns(text: str) -> int:
    """Return a duration such as `30s`, `250ms`, `1h30m` or `2d` in nanoseconds; a bare number is seconds.

    Raises:
        TimeMalformed: the text has another shape.

    """
    wanted = text.strip().lower()
    if _NUMBER.fullmatch(wanted):
        return int(Fraction(wanted) * SECOND_NS)
    position, total = 0, Fraction(0)
    while position < len(wanted):
        part = _PART.match(wanted, position)
        if part is None or part[2] not in _UNITS_NS:
            break
        total += Fraction(part[1]) * _UNITS_NS[part[2]]
        position = part.end()
    if not wanted or position < len(wanted):
        raise TimeMalformed(f"{text!r} is no duration; write for instance 30s, 250ms, 5m, 1h30m or 2d")
    return int(total)


def instant_ns(text: str) -> int:
    """Return an instant such as `2025-04-06T18:00`, in nanoseconds since 1970; without a zone it is UTC.

    Raises:
        TimeMalformed: the text has another shape, or is before 1970.

    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise TimeMalformed(f"{text!r} is no time; write for instance 2025-04-06T18:00 (UTC)") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime.fromtimestamp(0, UTC)
    if since.days < 0:
        raise TimeMalformed(f"{text!r} is before 1970")
    return (since.days * 86_400 + since.seconds) * SECOND_NS + since.microseconds * 1_000


def show_instant(time_ns: int) -> str:
    """Return an instant as `2025-04-06 18:00:00.123`, UTC."""
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest_ns // 1_000_000:03d}"


def show_duration(length_ns: int) -> str:
    """Return a duration as its two largest units, for instance `1h 02m`, `3.25s` or `180ms`."""
    if length_ns < 0:
        return f"-{show_duration(-length_ns)}"
    if length_ns >= DAY_NS:
        return f"{length_ns // DAY_NS}d {length_ns % DAY_NS // HOUR_NS:02d}h"
    if length_ns >= HOUR_NS:
        return f"{length_ns // HOUR_NS}h {length_ns % HOUR_NS // MINUTE_NS:02d}m"
    if length_ns >= MINUTE_NS:
        return f"{length_ns // MINUTE_NS}m {length_ns % MINUTE_NS // SECOND_NS:02d}s"
    if length_ns >= SECOND_NS:
        hundredths = length_ns // (SECOND_NS // 100)
        return f"{hundredths // 100}.{hundredths % 100:02d}s"
    if length_ns >= 1_000_000:  # noqa: PLR2004 - a millisecond.
        return f"{length_ns // 1_000_000}ms"
    return f"{length_ns // 1_000}us"
