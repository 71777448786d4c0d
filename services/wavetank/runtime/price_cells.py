"""Cells of files of prices, read exactly: a time in nanoseconds, a price in micro-dollars.

They exist so that every format understands the same times and refuses the same prices. Kept true: numbers are read from
their digits and never through a float.
"""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path

from wavetank.runtime.price_path import (
    LARGEST_MICROS,
    SECOND_NS,
    PriceNotPositive,
    TimesOutOfOrder,
    TimesRepeated,
    WrongColumns,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NS_BY_DIGITS = {10: SECOND_NS, 13: 1_000_000, 16: 1_000, 19: 1}
_MICROS = Decimal(1_000_000)


def time_ns_of(text: str) -> int:
    """Return a time since 1970 in nanoseconds: ISO 8601 (UTC unless it says otherwise), or whole s, ms, µs or ns.

    Raises:
        ValueError: the text is no time.

    """
    text = text.strip()
    if text.isdecimal():
        if len(text) not in _NS_BY_DIGITS:
            raise ValueError(f"{text} has {len(text)} digits; 10 (s), 13 (ms), 16 (µs) or 19 (ns) are allowed")
        return int(text) * _NS_BY_DIGITS[len(text)]
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def price_micros_of(path: Path, line: int, text: str) -> int:
    """Return a price in micro-dollars, half to even.

    Raises:
        WrongColumns: the text is no number.
        PriceNotPositive: the price is zero, negative, or beyond all reason.

    """
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise WrongColumns(path, line, f"price is {text!r}", "a decimal number is allowed") from None
    if not price.is_finite() or not 0 < price <= LARGEST_MICROS:
        raise PriceNotPositive(path, line, f"price is {text}", "a positive number is allowed")
    micros = int((price * _MICROS).to_integral_value(ROUND_HALF_EVEN))
    if not 0 < micros <= LARGEST_MICROS:
        raise PriceNotPositive(path, line, f"price is {text}", "0.000001 to 1000000000 is allowed")
    return micros


def later_ns(path: Path, line: int, text: str, before_ns: int | None) -> int:
    """Return a time, checked against that of the line above; None for the first.

    Raises:
        WrongColumns: the text is no time.
        TimesRepeated: it stands twice.
        TimesOutOfOrder: it is earlier.

    """
    try:
        time_ns = time_ns_of(text)
    except (ValueError, OverflowError) as error:
        raise WrongColumns(path, line, f"time is {text!r}", f"a time is allowed ({error})") from None
    if before_ns is not None and time_ns == before_ns:
        raise TimesRepeated(path, line, f"time {text} stands twice", "each time may stand once")
    if before_ns is not None and time_ns < before_ns:
        raise TimesOutOfOrder(path, line, f"time {text} is before that of the line above", "times must rise")
    return time_ns
