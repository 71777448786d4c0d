"""Files of recorded prices, read in whichever of the formats they are and checked as a whole.

- `time,price` rows of a CSV file;
- bars: `timestamp,open,high,low,close,volume`, each bar becoming the points of a path through it;
- raw captures of Binance (`price_captures`) and recordings of LOBSTER (`price_lobster`), of which the best bid and ask
  give a mid;
- the venue's own tables in Parquet or CSV (`price_tables`), which may hold several series.

They exist here because a service that replays files and the command line that chooses among them must read the same
prices. Kept true: prices are whole micro-dollars; a file is refused as a whole, with line, what was found and what is
allowed. Texts may be compressed with gzip.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import numpy as np

from wavetank.runtime.price_captures import read_capture
from wavetank.runtime.price_cells import later_ns, price_micros_of
from wavetank.runtime.price_lobster import read_recording, recording_of
from wavetank.runtime.price_path import (
    MOST_ROWS,
    ONLY,
    SECOND_NS,
    BarInconsistent,
    NotAPriceFile,
    PriceFormat,
    PricePath,
    Series,
    SeriesUnknown,
    WrongColumns,
    checked_path,
)
from wavetank.runtime.price_texts import first_bytes, first_line_of, text_of

POINTS_PER_BAR = 4

_BAR_COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]
_TICK_COLUMNS = (["time", "price"], ["timestamp", "price"])
_TABLE_WORDS = {"time_ns", "price_micros", "confidence_micros", "symbol", "source"}
_PARQUET_MAGIC = b"PAR1"
_ALLOWED = (
    f"{','.join(_BAR_COLUMNS)}, or time,price, or those of the venue's own form (time_ns,price_micros,symbol), "
    "or a capture of `<local ns> <json>` lines is allowed"
)


class BarPath(StrEnum):
    """Which points a bar becomes."""

    NEARER_FIRST = "nearer_first"
    """Open, the extreme nearer to it, the other one, close, at equal steps over the bar's length."""
    LOW_FIRST = "low_first"
    """Open, low, high, close."""
    HIGH_FIRST = "high_first"
    """Open, high, low, close."""
    CLOSE = "close"
    """The close alone, at the bar's end, when it is known."""


def load_path(path: Path, *, series: Series = ONLY, bars: BarPath = BarPath.NEARER_FIRST) -> PricePath:
    """Read the prices of one series of a file.

    Args:
        path: the file.
        series: which, of a table that holds several; a name that is empty means whichever there is.
        bars: which points a bar becomes.

    Raises:
        PriceFileInvalid: the class says what is wrong.

    """
    return one_series(path, load_paths(path, bars=bars), series)


def one_series(path: Path, recordings: Mapping[Series, PricePath], wanted: Series) -> PricePath:
    """Return the one series that has the names that are wanted.

    Args:
        path: the file.
        recordings: what it holds.
        wanted: a name that is empty, there or here, agrees with all.

    Raises:
        SeriesUnknown: none has, or several have.

    """
    found = [
        series
        for series in recordings
        if all(not one or not other or one == other for one, other in zip(series, wanted, strict=True))
    ]
    if len(found) != 1:
        names = ", ".join(str(series) for series in sorted(recordings))
        number = f"{len(found)} series" if found else "no series"
        raise SeriesUnknown(path, 0, f"holds {number} named {wanted}", f"name one of {names}")
    return recordings[found[0]]


def load_paths(path: Path, *, bars: BarPath = BarPath.NEARER_FIRST) -> dict[Series, PricePath]:
    """Read every series of a file in whichever of the formats it is, and check all of it.

    Args:
        path: the file.
        bars: which points a bar becomes.

    Raises:
        PriceFileInvalid: the class says what is wrong.

    """
    recording = recording_of(path)
    if recording is not None:
        return {ONLY: read_recording(recording)}
    if first_bytes(path, len(_PARQUET_MAGIC)) == _PARQUET_MAGIC:
        from wavetank.runtime.price_tables import read_parquet  # noqa: PLC0415 - half a second that few need.

        return read_parquet(path)
    text = text_of(path)
    first_line = text.partition("\n")[0].strip()
    if first_line.partition(" ")[0].isdecimal() and first_line.endswith("}"):
        return {ONLY: read_capture(path, io.StringIO(text))}
    rows = csv.reader(io.StringIO(text))
    next(rows, None)
    columns = _columns_of(first_line)
    if columns == _BAR_COLUMNS:
        return {ONLY: _bars(path, rows, bars)}
    if columns in _TICK_COLUMNS:
        return {ONLY: _ticks(path, rows)}
    if _TABLE_WORDS & set(columns):
        from wavetank.runtime.price_tables import read_csv_table  # noqa: PLC0415 - the same.

        return read_csv_table(path, text)
    raise WrongColumns(path, 1, f"columns are {','.join(columns)[:80] or 'none'}", _ALLOWED)


def named_series(path: Path) -> list[Series]:
    """Return the series of a table that names them, in order; none for a file that holds one without a name.

    Raises:
        PriceFileInvalid: the file cannot be read, or is a table with a fault.

    """
    is_parquet = first_bytes(path, len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    if not is_parquet and not {"symbol", "source"} & set(_columns_of(first_line_of(path))):
        return []
    return sorted(series for series in load_paths(path) if any(series))


def _columns_of(first_line: str) -> list[str]:
    return [name.strip().lower() for name in next(csv.reader([first_line]), [])]


def _ticks(path: Path, rows: Iterable[list[str]]) -> PricePath:
    times: list[int] = []
    prices: list[int] = []
    for line, row in enumerate(rows, start=2):
        _check_rows(path, line)
        if len(row) != len(_TICK_COLUMNS[0]):
            raise WrongColumns(path, line, f"line has {len(row)} cells", "time and price are allowed")
        times.append(later_ns(path, line, row[0], times[-1] if times else None))
        prices.append(price_micros_of(path, line, row[1]))
    return checked_path(path, PriceFormat.TICKS, times, prices)


def _bars(path: Path, rows: Iterable[list[str]], form: BarPath) -> PricePath:
    starts: list[int] = []
    bars: list[tuple[int, int, int, int]] = []
    for line, row in enumerate(rows, start=2):
        _check_rows(path, line)
        if len(row) != len(_BAR_COLUMNS):
            raise WrongColumns(path, line, f"line has {len(row)} cells", f"{','.join(_BAR_COLUMNS)} are allowed")
        starts.append(later_ns(path, line, row[0], starts[-1] if starts else None))
        opened, high, low, closed = (price_micros_of(path, line, cell) for cell in row[1:5])
        if high < max(opened, closed, low) or low > min(opened, closed):
            found = f"bar is open {row[1]}, high {row[2]}, low {row[3]}, close {row[4]}"
            raise BarInconsistent(path, line, found, "low <= open, close <= high is allowed")
        bars.append((opened, high, low, closed))
    length_ns = _bar_length_ns(path, starts)
    if form is BarPath.CLOSE:
        times = [start + length_ns for start in starts]
        return checked_path(
            path, PriceFormat.BARS, times, [bar[3] for bar in bars], gap_ns=length_ns, cadence_ns=length_ns
        )
    step_ns = length_ns // POINTS_PER_BAR
    times = [start + point * step_ns for start in starts for point in range(POINTS_PER_BAR)]
    prices = [price for bar in bars for price in points_of_bar(*bar, form=form)]
    # Rounding leaves the last step of a bar up to three nanoseconds longer.
    return checked_path(path, PriceFormat.BARS, times, prices, gap_ns=step_ns + POINTS_PER_BAR, cadence_ns=step_ns)


def _bar_length_ns(path: Path, starts: list[int]) -> int:
    """Return the length that most bars have; none may overlap the next."""
    if len(starts) < 2:  # noqa: PLR2004 (a length has two ends)
        raise NotAPriceFile(path, 0, f"holds {len(starts)} bars", "at least two are allowed")
    steps, counts = np.unique(np.diff(starts), return_counts=True)
    length_ns = int(steps[np.argmax(counts)])
    for line, (start, after) in enumerate(pairwise(starts), start=3):
        if after - start < length_ns:
            found = f"bar begins {(after - start) // SECOND_NS} s after the one above"
            raise BarInconsistent(path, line, found, f"bars of this file are {length_ns // SECOND_NS} s long")
    return length_ns


def points_of_bar(
    opened: int, high: int, low: int, closed: int, *, form: BarPath = BarPath.NEARER_FIRST
) -> tuple[int, int, int, int]:
    """Return a bar's four points: open, one extreme, the other one, close; of two as near the low comes first."""
    is_high_first = form is BarPath.HIGH_FIRST or (form is BarPath.NEARER_FIRST and high - opened < opened - low)
    return (opened, high, low, closed) if is_high_first else (opened, low, high, closed)


def _check_rows(path: Path, line: int) -> None:
    if line - 1 > MOST_ROWS:
        raise NotAPriceFile(path, line, f"holds more than {MOST_ROWS} rows", "up to that are allowed")
