"""The three formats of recorded prices, read exactly and checked as a whole.

- `time,price` rows of a CSV file;
- bars: `timestamp,open,high,low,close,volume`, each bar becoming open, nearer extreme, other extreme and close at
  equal steps over its length, which follows from the file;
- raw captures of Binance: `<local ns> <json>` lines, of which the best bid and ask give a mid.

Each may be compressed with gzip. They exist here because a service that replays files and the command line that chooses
among them must read the same prices. Kept true: prices are whole micro-dollars, read from their digits and never
through a float; a file is refused as a whole, with line, what was found and what is allowed.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wavetank.model.reason import Reason

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS

POINTS_PER_BAR = 4
LARGEST_MICROS = 10**15
"""A billion dollars for one unit; more is a damaged file."""

CAPTURE_GAP_NS = 10 * SECOND_NS
"""Time without a quote after which a capture has a hole."""

TICK_GAP_NS = MINUTE_NS
TICK_GAP_CADENCES = 10
"""Rows of time and price have a hole after a minute, or ten times their usual distance if that is longer."""

_GZIP_MAGIC = b"\x1f\x8b"
_BAR_COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]
_TICK_COLUMNS = (["time", "price"], ["timestamp", "price"])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NS_BY_DIGITS = {10: SECOND_NS, 13: 1_000_000, 16: 1_000, 19: 1}
_MICROS = Decimal(1_000_000)

Times = npt.NDArray[np.int64]


class PriceFormat(StrEnum):
    """How a file holds its prices."""

    TICKS = "ticks"
    BARS = "bars"
    CAPTURE = "capture"


class PriceFileInvalid(Exception):
    """A file of prices is refused; nothing of it is used."""

    reason = Reason.MALFORMED

    def __init__(self, path: Path, line: int, found: str, allowed: str) -> None:
        """Make the refusal.

        Args:
            path: the file.
            line: number of the line, from 1; 0 for the file as a whole.
            found: what stands there.
            allowed: what may stand there.

        """
        place = f"{path}:{line}" if line else str(path)
        super().__init__(f"{place}: {found}; {allowed}")
        self.path = path
        self.line = line
        self.found = found
        self.allowed = allowed


class NotAPriceFile(PriceFileInvalid):
    """The file cannot be read, or holds no prices."""


class WrongColumns(PriceFileInvalid):
    """The columns, or a cell, are not those of a known format."""


class BarInconsistent(PriceFileInvalid):
    """A bar's high is below, or its low above, one of its prices, or it overlaps the next."""


class PriceNotPositive(PriceFileInvalid):
    """A price is zero, negative, not a number, or beyond all reason."""

    reason = Reason.PRICE_NOT_POSITIVE


class TimesOutOfOrder(PriceFileInvalid):
    """A line is of an earlier time than the one before."""

    reason = Reason.PRICE_OUT_OF_ORDER


class TimesRepeated(PriceFileInvalid):
    """Two lines are of the same time."""

    reason = Reason.PRICE_OUT_OF_ORDER


@dataclass(frozen=True, eq=False)
class PricePath:
    """The prices of one file, by time."""

    path: Path
    format: PriceFormat
    times_ns: Times
    """Strictly rising, since 1970."""
    prices_micros: Times
    """Micro-dollars per unit, positive."""
    cadence_ns: int
    """Usual time between two prices."""
    longest_gap_ns: int
    """Time between two prices beyond which there is a hole."""

    @property
    def first_ns(self) -> int:
        """Time of the first price."""
        return int(self.times_ns[0])

    @property
    def end_ns(self) -> int:
        """Time up to which the last price holds: one usual distance behind it."""
        return int(self.times_ns[-1]) + self.cadence_ns

    @property
    def limit_ns(self) -> int:
        """Age up to which a price of this file is not stale, so that only holes make it so."""
        return max(2 * self.cadence_ns, self.longest_gap_ns)

    @cached_property
    def holes(self) -> tuple[tuple[int, int], ...]:
        """Spans without prices: from the end of the last price before to the first after."""
        steps = np.diff(self.times_ns)
        return tuple(
            (int(self.times_ns[index]) + self.cadence_ns, int(self.times_ns[index + 1]))
            for index in np.flatnonzero(steps > self.longest_gap_ns)
        )

    def newest_by(self, time_ns: int) -> tuple[int, int] | None:
        """Return time and price of the newest point not later than `time_ns`, or None before the first."""
        index = int(np.searchsorted(self.times_ns, time_ns, side="right")) - 1
        return None if index < 0 else (int(self.times_ns[index]), int(self.prices_micros[index]))


def load_path(path: Path) -> PricePath:
    """Read a file of prices in whichever of the formats it is, and check all of it.

    Raises:
        PriceFileInvalid: the class says what is wrong.

    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == _GZIP_MAGIC else data).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise NotAPriceFile(path, 0, f"cannot be read ({error})", "text, plain or gzip, is allowed") from error
    first_line = text.partition("\n")[0].strip()
    if first_line.partition(" ")[0].isdecimal() and first_line.endswith("}"):
        return _capture(path, io.StringIO(text))
    rows = csv.reader(io.StringIO(text))
    columns = [name.strip().lower() for name in next(rows, [])]
    if columns == _BAR_COLUMNS:
        return _bars(path, rows)
    if columns in _TICK_COLUMNS:
        return _ticks(path, rows)
    raise WrongColumns(
        path,
        1,
        f"columns are {','.join(columns)[:80] or 'none'}",
        f"{','.join(_BAR_COLUMNS)}, or time,price, or a capture of `<local ns> <json>` lines is allowed",
    )


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


def _price_micros(path: Path, line: int, text: str) -> int:
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


def _time_ns(path: Path, line: int, text: str, before_ns: int | None) -> int:
    try:
        time_ns = time_ns_of(text)
    except (ValueError, OverflowError) as error:
        raise WrongColumns(path, line, f"time is {text!r}", f"a time is allowed ({error})") from None
    if before_ns is not None and time_ns == before_ns:
        raise TimesRepeated(path, line, f"time {text} stands twice", "each time may stand once")
    if before_ns is not None and time_ns < before_ns:
        raise TimesOutOfOrder(path, line, f"time {text} is before that of the line above", "times must rise")
    return time_ns


def _ticks(path: Path, rows: Iterable[list[str]]) -> PricePath:
    times: list[int] = []
    prices: list[int] = []
    for line, row in enumerate(rows, start=2):
        if len(row) != len(_TICK_COLUMNS[0]):
            raise WrongColumns(path, line, f"line has {len(row)} cells", "time and price are allowed")
        times.append(_time_ns(path, line, row[0], times[-1] if times else None))
        prices.append(_price_micros(path, line, row[1]))
    cadence_ns = int(np.median(np.diff(_rising(path, times))))
    gap_ns = max(TICK_GAP_NS, TICK_GAP_CADENCES * cadence_ns)
    return _path(path, PriceFormat.TICKS, times, prices, cadence_ns, gap_ns)


def _bars(path: Path, rows: Iterable[list[str]]) -> PricePath:
    starts: list[int] = []
    bars: list[tuple[int, int, int, int]] = []
    for line, row in enumerate(rows, start=2):
        if len(row) != len(_BAR_COLUMNS):
            raise WrongColumns(path, line, f"line has {len(row)} cells", f"{','.join(_BAR_COLUMNS)} are allowed")
        starts.append(_time_ns(path, line, row[0], starts[-1] if starts else None))
        opened, high, low, closed = (_price_micros(path, line, cell) for cell in row[1:5])
        if high < max(opened, closed, low) or low > min(opened, closed):
            found = f"bar is open {row[1]}, high {row[2]}, low {row[3]}, close {row[4]}"
            raise BarInconsistent(path, line, found, "low <= open, close <= high is allowed")
        bars.append((opened, high, low, closed))
    steps, counts = np.unique(np.diff(_rising(path, starts)), return_counts=True)
    length_ns = int(steps[np.argmax(counts)])
    for line, (start, after) in enumerate(pairwise(starts), start=3):
        if after - start < length_ns:
            found = f"bar begins {(after - start) // SECOND_NS} s after the one above"
            raise BarInconsistent(path, line, found, f"bars of this file are {length_ns // SECOND_NS} s long")
    step_ns = length_ns // POINTS_PER_BAR
    times = [start + point * step_ns for start in starts for point in range(POINTS_PER_BAR)]
    prices = [price for bar in bars for price in points_of_bar(*bar)]
    # Rounding leaves the last step of a bar up to three nanoseconds longer.
    return _path(path, PriceFormat.BARS, times, prices, step_ns, step_ns + POINTS_PER_BAR)


def points_of_bar(opened: int, high: int, low: int, closed: int) -> tuple[int, int, int, int]:
    """Return a bar's four points: open, the extreme nearer to it (the low of two as near), the other one, close."""
    nearer, other = (high, low) if high - opened < opened - low else (low, high)
    return opened, nearer, other, closed


def _capture(path: Path, lines: Iterable[str]) -> PricePath:
    """Read best bid and ask of a capture, each at the exchange's own time.

    The recorder's clock is not the exchange's. Where a quote has no event time, its local time is moved by the median
    difference between the two, measured over all lines of the file that have both.
    """
    quotes: list[tuple[int, int | None, int]] = []
    offsets: list[int] = []
    before_ns = 0
    for line, local_ns, message in _capture_lines(path, lines):
        if local_ns < before_ns:
            found = f"local time {local_ns} is before that of the line above"
            raise TimesOutOfOrder(path, line, found, "times must rise")
        before_ns = local_ns
        data = message.get("data")
        if not isinstance(data, dict):
            continue  # A snapshot of the book, fetched once over REST.
        event_ns = data["E"] * 1_000_000 if isinstance(data.get("E"), int) else None
        if event_ns is not None:
            offsets.append(event_ns - local_ns)
        if str(message.get("stream", "")).endswith("@bookTicker"):
            quotes.append((local_ns, event_ns, _mid_micros(path, line, data)))
    if not quotes:
        raise NotAPriceFile(path, 0, "no line is of the stream bookTicker", "a capture with quotes is allowed")
    offset_ns = int(np.median(np.asarray(offsets, dtype=np.int64))) if offsets else 0
    times: list[int] = []
    prices: list[int] = []
    for local_ns, event_ns, mid_micros in quotes:
        time_ns = local_ns + offset_ns if event_ns is None else event_ns
        # Quotes of one millisecond, or behind it by the jitter of the offset, replace the one before.
        if times and time_ns <= times[-1]:
            prices[-1] = mid_micros
        else:
            times.append(time_ns)
            prices.append(mid_micros)
    cadence_ns = max(1, int(np.median(np.diff(_rising(path, times)))))
    return _path(path, PriceFormat.CAPTURE, times, prices, cadence_ns, CAPTURE_GAP_NS)


def _capture_lines(path: Path, lines: Iterable[str]) -> Iterator[tuple[int, int, dict[str, object]]]:
    for line, text in enumerate(lines, start=1):
        local, _, body = text.strip().partition(" ")
        try:
            message = json.loads(body)
            yield line, int(local), dict(message)
        except (ValueError, TypeError):
            found = f"line is {text.strip()[:60]!r}"
            raise WrongColumns(path, line, found, "`<local ns> <json>` is allowed") from None


def _mid_micros(path: Path, line: int, data: dict[str, object]) -> int:
    bid = _price_micros(path, line, str(data.get("b")))
    ask = _price_micros(path, line, str(data.get("a")))
    return (bid + ask + (bid + ask) // 2 % 2) // 2


def _rising(path: Path, times: list[int]) -> Times:
    if len(times) < 2:  # noqa: PLR2004 (a distance has two ends)
        raise NotAPriceFile(path, 0, f"holds {len(times)} times", "at least two are allowed")
    return np.asarray(times, dtype=np.int64)


def _path(
    path: Path, form: PriceFormat, times: list[int], prices: list[int], cadence_ns: int, gap_ns: int
) -> PricePath:
    return PricePath(
        path=path,
        format=form,
        times_ns=np.asarray(times, dtype=np.int64),
        prices_micros=np.asarray(prices, dtype=np.int64),
        cadence_ns=cadence_ns,
        longest_gap_ns=gap_ns,
    )
