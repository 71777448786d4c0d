"""LOBSTER recordings: the best levels of a book of NASDAQ after each message; their mid is the price.

They exist here because they record a whole book, order by order. A recording is two files of one day, named
`TICKER_DATE_START_END_message_LEVEL.csv` and the same with `orderbook`, with or without a line of column names. Kept
true: the n-th row of the book is the state after the n-th message; prices are dollars times 10^4, so that a mid is a
whole number of micro-dollars; times are seconds after midnight in New York, of the day in the name; of rows that share
a time the last counts; rows with an empty side say nothing.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from wavetank.runtime.price_path import (
    LARGEST_MICROS,
    SECOND_NS,
    PriceFormat,
    PriceNotPositive,
    PricePath,
    TimesOutOfOrder,
    WrongColumns,
    checked_path,
)
from wavetank.runtime.price_texts import text_of

HALF_UNIT_MICROS = 50
"""Half of a ten-thousandth of a dollar: what bid and ask each add to a mid."""

EMPTY = 9_999_999_999
"""Stands for the price of a level that is empty: positive for an ask, negative for a bid."""

_MESSAGE_CELLS = 6
_LEVEL_CELLS = 4
_NAME = re.compile(
    r"^(?P<begin>[A-Z][A-Z.]*_(?P<day>\d{4}-\d\d-\d\d)_\d+_\d+_)(?:message|orderbook)(?P<end>_\d+\.csv(?:\.gz)?)$"
)
_TIME = re.compile(r"^(\d{1,5})(?:\.(\d{1,9})\d*)?$")


class Recording(NamedTuple):
    """The two files of a recording, and its day."""

    messages: Path
    book: Path
    day: str


def recording_of(path: Path) -> Recording | None:
    """Return the recording that a file belongs to by its name; None for a file of another format."""
    name = _NAME.match(path.name)
    if name is None:
        return None
    messages, book = (path.with_name(f"{name['begin']}{kind}{name['end']}") for kind in ("message", "orderbook"))
    return Recording(messages, book, name["day"])


def read_recording(recording: Recording) -> PricePath:
    """Return the mids of a recording's best levels.

    Raises:
        PriceFileInvalid: the class says what is wrong.

    """
    midnight_ns = _midnight_ns(recording)
    times: list[int] = []
    prices: list[int] = []
    messages, book = _rows(recording.messages, "Time"), _rows(recording.book, "BestAsk")
    for message, state in zip_longest(messages, book):
        if message is None or state is None:
            path, line = (recording.book, state[0]) if message is None else (recording.messages, message[0])
            raise WrongColumns(path, line, "the other file ends before this row", "as many rows in both are allowed")
        time_ns = midnight_ns + _since_midnight_ns(recording.messages, *message)
        if times and time_ns < times[-1]:
            found = f"time {message[1][0]} is before that of the line above"
            raise TimesOutOfOrder(recording.messages, message[0], found, "times must not fall")
        mid_micros = _mid_micros(recording.book, *state)
        if mid_micros is None:
            continue
        if times and time_ns == times[-1]:
            prices[-1] = mid_micros
        else:
            times.append(time_ns)
            prices.append(mid_micros)
    return checked_path(recording.book, PriceFormat.LOBSTER, times, prices)


def _midnight_ns(recording: Recording) -> int:
    try:
        day = date.fromisoformat(recording.day)
    except ValueError:
        found = f"its name says {recording.day}"
        raise WrongColumns(recording.book, 0, found, "a day such as 2012-06-21 is allowed") from None
    midnight = datetime(day.year, day.month, day.day, 4 if _is_summer_time(day) else 5, tzinfo=UTC)
    return int(midnight.timestamp()) * SECOND_NS


def _is_summer_time(day: date) -> bool:
    """Return whether New York is four hours behind UTC by day, not five, by its law since 2007.

    Written out, for a machine may have no table of time zones. The clocks change on Sundays, when no book is recorded.
    """
    return _sunday(day.year, 3, 2) <= day < _sunday(day.year, 11, 1)


def _sunday(year: int, month: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))


def _rows(path: Path, first_column: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of each line but that of column names."""
    for line, row in enumerate(csv.reader(io.StringIO(text_of(path))), start=1):
        if line > 1 or not row or row[0].strip() != first_column:
            yield line, row


def _since_midnight_ns(path: Path, line: int, row: list[str]) -> int:
    if len(row) != _MESSAGE_CELLS:
        found = f"line has {len(row)} cells"
        raise WrongColumns(path, line, found, "time, type, order id, size, price and direction are allowed")
    time = _TIME.match(row[0].strip())
    if time is None:
        raise WrongColumns(
            path, line, f"time is {row[0]!r}", "seconds after midnight, such as 34200.01746, are allowed"
        )
    return int(time[1]) * SECOND_NS + int((time[2] or "").ljust(9, "0"))


def _mid_micros(path: Path, line: int, row: list[str]) -> int | None:
    """Return the mid of the best levels, None if one is empty."""
    if not row or len(row) % _LEVEL_CELLS:
        found = f"line has {len(row)} cells"
        raise WrongColumns(path, line, found, "ask price, ask size, bid price and bid size of each level are allowed")
    try:
        ask, bid = int(row[0]), int(row[2])
    except ValueError:
        found = f"prices are {row[0]!r} and {row[2]!r}"
        raise WrongColumns(path, line, found, "whole ten-thousandths of a dollar are allowed") from None
    if abs(ask) == EMPTY or abs(bid) == EMPTY:
        return None
    mid_micros = (ask + bid) * HALF_UNIT_MICROS
    if not 0 < bid <= ask or mid_micros > LARGEST_MICROS:
        raise PriceNotPositive(path, line, f"ask is {ask} and bid {bid}", "0 < bid <= ask is allowed")
    return mid_micros
