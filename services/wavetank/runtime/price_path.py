"""The prices of one recording by time, and the ways in which a file of prices is refused.

They exist apart from the formats because all of these read into the same two arrays and refuse in the same words. Kept
true: times rise strictly, prices are positive whole micro-dollars, and a refusal names the file, the line (of Parquet
the row), what was found and what is allowed.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from wavetank.model.reason import Reason
from wavetank.runtime.price_cursor import PriceCursor, Times

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS

LARGEST_MICROS = 10**15
"""A billion dollars for one unit; more is a damaged file."""

LARGEST_FILE_BYTES = 1 << 30
LARGEST_TEXT_BYTES = 1 << 30
"""Of a text when it is unpacked."""
MOST_ROWS = 20_000_000

TICK_GAP_NS = MINUTE_NS
TICK_GAP_CADENCES = 10
"""Rows of time and price have a hole after a minute, or ten times their usual distance if that is longer."""


class PriceFormat(StrEnum):
    """How a file holds its prices."""

    TICKS = "ticks"
    BARS = "bars"
    CAPTURE = "capture"
    LOBSTER = "lobster"
    TABLE = "table"


class Series(NamedTuple):
    """Which of several recordings in one file: a table may hold instruments and sources side by side."""

    symbol: str = ""
    source: str = ""

    def __str__(self) -> str:
        """Return both, as far as they are named."""
        return "/".join(name for name in self if name) or "the only one"


ONLY = Series()
"""The one series of a file that names none; as a wish, whichever there is."""


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

    def __reduce__(self) -> tuple[type[Self], tuple[Path, int, str, str]]:
        # An exception is copied by its arguments, and it travels from worker processes.
        return type(self), (self.path, self.line, self.found, self.allowed)


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


class SeriesUnknown(PriceFileInvalid):
    """A table holds no series of that name, or several."""

    reason = Reason.INSTRUMENT_UNKNOWN


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
    confidences_micros: Times | None = None
    """Plus or minus, 0 for none; None if the file has no such column."""

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

    def cursor(self) -> PriceCursor:
        """Return a way through the prices that goes forward."""
        return PriceCursor(self.times_ns, self.prices_micros, self.confidences_micros)

    def newest_by(self, time_ns: int) -> tuple[int, int] | None:
        """Return time and price of the newest point not later than `time_ns`, or None before the first."""
        index = int(np.searchsorted(self.times_ns, time_ns, side="right")) - 1
        return None if index < 0 else (int(self.times_ns[index]), int(self.prices_micros[index]))


def checked_path(
    path: Path,
    form: PriceFormat,
    times_ns: list[int] | Times,
    prices_micros: list[int] | Times,
    *,
    gap_ns: int = 0,
    cadence_ns: int = 0,
    confidences_micros: Times | None = None,
) -> PricePath:
    """Return prices that were read, with their cadence.

    Args:
        path: the file.
        form: how it holds them.
        times_ns: strictly rising.
        prices_micros: positive.
        gap_ns: distance beyond which there is a hole; 0 for that of rows of time and price.
        cadence_ns: usual distance; 0 for the median of all.
        confidences_micros: of each price; None for none.

    Raises:
        NotAPriceFile: there are fewer than two times.

    """
    times = np.asarray(times_ns, dtype=np.int64)
    if len(times) < 2:  # noqa: PLR2004 (a distance has two ends)
        raise NotAPriceFile(path, 0, f"holds {len(times)} times", "at least two are allowed")
    cadence_ns = cadence_ns or max(1, int(np.median(np.diff(times))))
    return PricePath(
        path=path,
        format=form,
        times_ns=times,
        prices_micros=np.asarray(prices_micros, dtype=np.int64),
        cadence_ns=cadence_ns,
        longest_gap_ns=gap_ns or max(TICK_GAP_NS, TICK_GAP_CADENCES * cadence_ns),
        confidences_micros=confidences_micros,
    )


def cut_path(prices: PricePath, from_ns: int | None, until_ns: int | None) -> PricePath:
    """Return the prices of a part of the time; cadence and holes stay those of the whole.

    Args:
        prices: of a file.
        from_ns: time of the first that is kept; None for the first there is.
        until_ns: time of the first that is not; None to keep all.

    Raises:
        NotAPriceFile: fewer than two prices are left.

    """
    first = 0 if from_ns is None else int(np.searchsorted(prices.times_ns, from_ns))
    end = len(prices.times_ns) if until_ns is None else int(np.searchsorted(prices.times_ns, until_ns))
    confidences = prices.confidences_micros
    return checked_path(
        prices.path,
        prices.format,
        prices.times_ns[first:end],
        prices.prices_micros[first:end],
        gap_ns=prices.longest_gap_ns,
        cadence_ns=prices.cadence_ns,
        confidences_micros=None if confidences is None else confidences[first:end],
    )
