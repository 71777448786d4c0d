"""The venue's own form of recorded prices: a table in Parquet or CSV that may hold many instruments and sources.

It exists because recordings come in too many shapes to read all of them: whoever has another one writes these columns.
The oracle's README states the form. Kept true: a table is read whole or refused whole, at the first row that is wrong;
what `write_table` writes, `read_parquet` and `read_csv_table` read back to the last nanosecond and micro-dollar.
"""

import csv
import gzip
import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl

from wavetank.runtime.price_cells import price_micros_of, time_ns_of
from wavetank.runtime.price_cursor import Times
from wavetank.runtime.price_path import (
    LARGEST_MICROS,
    MOST_ROWS,
    ONLY,
    NotAPriceFile,
    PriceFormat,
    PriceNotPositive,
    PricePath,
    Series,
    TimesOutOfOrder,
    TimesRepeated,
    WrongColumns,
    checked_path,
)

TIME_COLUMNS = ("time_ns", "time")
PRICE_COLUMNS = ("price_micros", "price")
CONFIDENCE = "confidence_micros"
NAME_COLUMNS = ("symbol", "source")
COLUMNS = (*TIME_COLUMNS, *PRICE_COLUMNS, CONFIDENCE, *NAME_COLUMNS)
ALLOWED = "time_ns or time, price_micros or price, and if wanted confidence_micros, symbol and source are allowed"
LONGEST_NAME = 16

_SUFFIXES = (".parquet", ".csv", ".csv.gz")
_NAME = re.compile(rf"[!-~]{{1,{LONGEST_NAME}}}")
_NAMES = f"1 to {LONGEST_NAME} printable ASCII characters in each row are allowed"
_PRICES = "0.000001 to 1000000000 dollars is allowed"
_FIRST_ROW = 1
_FIRST_LINE = 2
_INTEGERS = "an integer type is allowed"
_MICROS = 1_000_000

Flags = npt.NDArray[np.bool_]


def is_table(columns: Sequence[str]) -> bool:
    """Return whether columns are those of a table: one of time, one of price, and none that is unknown or twice."""
    return (
        len(set(columns)) == len(columns)
        and set(columns) <= set(COLUMNS)
        and len(set(columns) & set(TIME_COLUMNS)) == 1
        and len(set(columns) & set(PRICE_COLUMNS)) == 1
    )


def read_parquet(path: Path) -> dict[Series, PricePath]:
    """Return every series of a table in Parquet.

    Raises:
        PriceFileInvalid: the class says what is wrong.

    """
    try:
        table = pl.scan_parquet(path, glob=False)
        columns = table.collect_schema().names()
        _check_columns(path, 0, columns)
        rows = table.select(pl.len()).collect().item()
        if rows > MOST_ROWS:
            raise NotAPriceFile(path, 0, f"holds {rows} rows", f"up to {MOST_ROWS} are allowed")
        frame = table.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise NotAPriceFile(path, 0, f"cannot be read ({_first_line(error)})", "a Parquet file is allowed") from error
    return _series(path, frame, _FIRST_ROW)


def read_csv_table(path: Path, text: str) -> dict[Series, PricePath]:
    """Return every series of a table in CSV.

    Args:
        path: the file.
        text: what it holds, its columns first.

    Raises:
        PriceFileInvalid: the class says what is wrong.

    """
    header = next(csv.reader([text.partition("\n")[0]]), [])
    columns = [name.strip().lower() for name in header]
    _check_columns(path, 1, columns)
    try:
        frame = pl.read_csv(io.BytesIO(text.encode()), infer_schema=False, new_columns=columns)
    except pl.exceptions.NoDataError:
        frame = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    except pl.exceptions.PolarsError as error:
        line = _ragged_line(text, len(columns))
        found = f"cannot be read ({_first_line(error)})"
        raise WrongColumns(path, line, found, f"{len(columns)} cells in a line are allowed") from error
    if len(frame) > MOST_ROWS:
        raise NotAPriceFile(path, 0, f"holds {len(frame)} rows", f"up to {MOST_ROWS} are allowed")
    return _series(path, frame, _FIRST_LINE)


def write_table(path: Path, recordings: Mapping[Series, PricePath]) -> None:
    """Write series as one table; it appears as a whole, in place of what stood there.

    Args:
        path: ends in `.parquet`, `.csv` or `.csv.gz`, which says how.
        recordings: at least one; named if there are several.

    Raises:
        NotAPriceFile: the name ends otherwise, or the file cannot be written.
        WrongColumns: a name is none that a table may hold, or some series have one and others do not.

    """
    if not path.name.endswith(_SUFFIXES):
        raise NotAPriceFile(path, 0, f"is named {path.name}", f"a name that ends in {', '.join(_SUFFIXES)} is allowed")
    needless = [] if any(prices.confidences_micros is not None for prices in recordings.values()) else [CONFIDENCE]
    for column in NAME_COLUMNS:
        names = [getattr(series, column) for series in sorted(recordings)]
        if not any(names):
            needless.append(column)
        elif not all(_NAME.fullmatch(name) for name in names):
            raise WrongColumns(path, 0, f"column {column} would hold {', '.join(map(repr, names))}", _NAMES)
    frame = pl.concat([_frame(series, recordings[series]) for series in sorted(recordings)]).drop(needless)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as target:
            _write(frame, path, target)
        partial.replace(path)
    except OSError as error:
        raise NotAPriceFile(path, 0, f"cannot be written ({error})", "a place to write is allowed") from error
    finally:
        partial.unlink(missing_ok=True)


def _write(frame: pl.DataFrame, path: Path, target: BinaryIO) -> None:
    if path.name.endswith(".parquet"):
        frame.write_parquet(target)
    elif path.name.endswith(".gz"):
        # No time of writing inside: the same prices are the same bytes.
        target.write(gzip.compress(frame.write_csv().encode(), mtime=0))
    else:
        frame.write_csv(target)


def _frame(series: Series, prices: PricePath) -> pl.DataFrame:
    confidences = prices.confidences_micros
    return pl.DataFrame(
        {
            "time_ns": prices.times_ns,
            "price_micros": prices.prices_micros,
            CONFIDENCE: np.zeros_like(prices.times_ns) if confidences is None else confidences,
        }
    ).with_columns(
        pl.lit(series.symbol).alias("symbol"),
        pl.lit(series.source).alias("source"),
    )


def _check_columns(path: Path, line: int, columns: Sequence[str]) -> None:
    if not is_table(columns):
        raise WrongColumns(path, line, f"columns are {','.join(columns)[:80] or 'none'}", ALLOWED)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _ragged_line(text: str, cells: int) -> int:
    """Return the first line with more cells than there are columns, 0 if that is not the fault."""
    try:
        return next((line for line, row in enumerate(csv.reader(io.StringIO(text)), 1) if len(row) > cells), 0)
    except csv.Error:
        return 0


def _series(path: Path, frame: pl.DataFrame, first: int) -> dict[Series, PricePath]:
    """Return the series of a frame; `first` is the number of its first row."""
    if not len(frame):
        raise NotAPriceFile(path, 0, "holds no rows", "at least two of each series are allowed")
    table = _Table(path, frame, first)
    times_ns, prices_micros, confidences_micros = table.times_ns(), table.prices_micros(), table.confidences_micros()
    recordings: dict[Series, PricePath] = {}
    for series, rows in table.rows_of_series():
        table.check_order(series, times_ns, rows)
        recordings[series] = checked_path(
            path,
            PriceFormat.TABLE,
            times_ns[rows],
            prices_micros[rows],
            confidences_micros=None if confidences_micros is None else confidences_micros[rows],
        )
    return recordings


class _Table:
    """The cells of a table, checked column by column."""

    def __init__(self, path: Path, frame: pl.DataFrame, first: int) -> None:
        self._path = path
        self._frame = frame
        self._first = first

    def times_ns(self) -> Times:
        if "time_ns" in self._frame.columns:
            times_ns = self._integers("time_ns")
            self._refuse(times_ns < 0, "time_ns", "a time since 1970 is allowed")
            return times_ns
        column = self._frame["time"]
        if isinstance(column.dtype, pl.Datetime):
            self._refuse(column.is_null().to_numpy(), "time", "a time in each row is allowed")
            return column.dt.epoch("ns").to_numpy()
        if column.dtype != pl.String:
            raise WrongColumns(self._path, 0, f"column time is {column.dtype}", "Datetime or text is allowed")
        return self._texts(
            "time", lambda _line, text: time_ns_of(text), "ISO 8601, or whole s, ms, µs or ns are allowed"
        )

    def prices_micros(self) -> Times:
        if "price_micros" in self._frame.columns:
            prices_micros = self._integers("price_micros")
        else:
            column = self._frame["price"]
            if column.dtype == pl.Float64:
                # A double holds fifteen digits: the nearest millionth is the one that was meant.
                dollars = column.fill_null(0).to_numpy()
                self._refuse(~(np.abs(dollars) <= LARGEST_MICROS // _MICROS), "price", _PRICES, PriceNotPositive)
                prices_micros = np.rint(dollars * _MICROS).astype(np.int64)
            elif column.dtype.is_integer() or column.dtype.is_decimal() or column.dtype == pl.String:
                read = column.cast(pl.String)
                return self._texts("price", lambda line, text: price_micros_of(self._path, line, text), _PRICES, read)
            else:
                allowed = "Float64, Decimal, an integer type or text is allowed"
                raise WrongColumns(self._path, 0, f"column price is {column.dtype}", allowed)
        is_wrong = (prices_micros <= 0) | (prices_micros > LARGEST_MICROS)
        self._refuse(
            is_wrong, PRICE_COLUMNS[0] if "price_micros" in self._frame else "price", _PRICES, PriceNotPositive
        )
        return prices_micros

    def confidences_micros(self) -> Times | None:
        if CONFIDENCE not in self._frame.columns:
            return None
        # An empty cell says nothing about confidence, as 0 does.
        confidences_micros = self._integers(CONFIDENCE, empty="0")
        is_wrong = (confidences_micros < 0) | (confidences_micros > LARGEST_MICROS)
        self._refuse(is_wrong, CONFIDENCE, f"0 to {LARGEST_MICROS} is allowed")
        return confidences_micros

    def rows_of_series(self) -> list[tuple[Series, Times]]:
        names = [name for name in NAME_COLUMNS if name in self._frame.columns]
        if not names:
            return [(ONLY, np.arange(len(self._frame)))]
        for name in names:
            column = self._frame[name]
            if not isinstance(column.dtype, pl.String | pl.Categorical | pl.Enum):
                raise WrongColumns(self._path, 0, f"column {name} is {column.dtype}", "text is allowed")
            is_name = column.cast(pl.String).str.contains(rf"^(?:{_NAME.pattern})$").fill_null(value=False)
            self._refuse(~is_name.to_numpy(), name, _NAMES)
        groups = self._frame.select(pl.col(names).cast(pl.String)).with_row_index("row").group_by(names)
        found = groups.agg("row").sort(names)
        return [
            (Series(**dict(zip(names, key, strict=True))), np.asarray(rows, dtype=np.int64))
            for *key, rows in found.select(*names, "row").iter_rows()
        ]

    def check_order(self, series: Series, times_ns: Times, rows: Times) -> None:
        steps = np.diff(times_ns[rows])
        for row in np.flatnonzero(steps <= 0)[:1].tolist():
            line = self._first + int(rows[row + 1])
            found = f"time {times_ns[rows[row + 1]]} of {series}"
            if steps[row] == 0:
                raise TimesRepeated(self._path, line, f"{found} stands twice", "each time may stand once in a series")
            found = f"{found} is before {times_ns[rows[row]]}, the one above"
            raise TimesOutOfOrder(self._path, line, found, "times must rise in each series")

    def _integers(self, name: str, empty: str = "") -> Times:
        column = self._frame[name]
        if not column.dtype.is_integer() and column.dtype != pl.String:
            raise WrongColumns(self._path, 0, f"column {name} is {column.dtype}", _INTEGERS)
        whole = column.cast(pl.String).fill_null(empty).cast(pl.Int64, strict=False)
        self._refuse(whole.is_null().to_numpy(), name, "a whole number of 64 bits is allowed")
        return whole.to_numpy()

    def _texts(
        self, name: str, parse: Callable[[int, str], int], allowed: str, column: pl.Series | None = None
    ) -> Times:
        texts = self._frame[name] if column is None else column
        values = np.empty(len(texts), dtype=np.int64)
        for row, text in enumerate(texts):
            try:
                values[row] = parse(self._first + row, text or "")
            except (ValueError, OverflowError):
                raise WrongColumns(self._path, self._first + row, f"{name} is {text!r}", allowed) from None
        return values

    def _refuse(
        self, is_wrong: Flags, name: str, allowed: str, error: type[WrongColumns | PriceNotPositive] = WrongColumns
    ) -> None:
        for row in np.flatnonzero(is_wrong)[:1].tolist():
            raise error(self._path, self._first + row, f"{name} is {self._frame[name][row]!r}", allowed)
