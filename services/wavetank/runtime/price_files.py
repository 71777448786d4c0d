"""Choose files of prices, and the window of time in which to replay them.

It exists because the command line chooses and the oracle replays: both must agree on which file belongs to which
instrument, what time the files share, and that no window has a hole that nobody allowed. Kept true: every refusal is an
exception that names the file, what was found and what is allowed, before anything is started.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import numpy as np

from wavetank.model.reason import Reason
from wavetank.runtime.price_cells import time_ns_of
from wavetank.runtime.price_formats import BarPath, load_path, named_series
from wavetank.runtime.price_lobster import recording_of
from wavetank.runtime.price_path import MINUTE_NS, ONLY, SECOND_NS, PriceFileInvalid, PricePath, Series

HOUR_NS = 60 * MINUTE_NS
BEFORE_WORST_HOUR_NS = HOUR_NS // 2
AFTER_WORST_HOUR_NS = HOUR_NS

__all__ = [
    "BarPath",
    "FileRole",
    "HoleInWindow",
    "NoCommonTime",
    "PriceFile",
    "PriceFileInvalid",
    "PricePath",
    "UnknownSymbol",
    "WindowOutsideFile",
    "check_window",
    "choose_files",
    "common_range",
    "load_file",
    "load_path",
    "replay_window",
    "source_settings",
    "time_ns_of",
    "worst_hour",
]

# What may follow a symbol in a file's name: a quote currency, a word of the trade, or no letter.
_AFTER_SYMBOL = re.compile(r"(?:USDT|USDC|USD|PERP)?(?:[^A-Z0-9]|$)", re.IGNORECASE)
_PREFIXES = re.compile(r"^(spot|usdm|cm)_", re.IGNORECASE)
_SUFFIXES = (".csv", ".csv.gz", ".gz", ".parquet")
_PERP = "perp"
"""Name of a source in a table that is an external perpetual."""


class FileRole(StrEnum):
    """What the oracle uses a file for."""

    INDEX = "index"
    PERP = "perp"
    """External perpetual: the third term of the mark."""


class UnknownSymbol(PriceFileInvalid):
    """No instrument's symbol begins the file's name, or two files claim one instrument."""

    reason = Reason.INSTRUMENT_UNKNOWN


class HoleInWindow(PriceFileInvalid):
    """The window holds a time without prices."""

    reason = Reason.PRICE_STALE


class WindowOutsideFile(PriceFileInvalid):
    """The window reaches beyond the file, or holds no time at all."""

    reason = Reason.PRICE_STALE


class NoCommonTime(PriceFileInvalid):
    """The files share no time."""

    reason = Reason.PRICE_STALE


@dataclass(frozen=True, slots=True)
class PriceFile:
    """A file, or one series of it, chosen for an instrument."""

    symbol: str
    path: Path
    role: FileRole = FileRole.INDEX
    series: Series = ONLY


def load_file(file: PriceFile, *, bars: BarPath = BarPath.NEARER_FIRST) -> PricePath:
    """Read the prices of a file that was chosen.

    Raises:
        PriceFileInvalid: the class says what is wrong.

    """
    return load_path(file.path, series=file.series, bars=bars)


def source_settings(file: PriceFile, *, bars: BarPath = BarPath.NEARER_FIRST) -> dict[str, str | int]:
    """Return what the oracle is told of a file, as an item of its `SOURCES`."""
    settings: dict[str, str | int] = {"kind": "file", "path": str(file.path.resolve()), "role": file.role.value}
    settings |= {name: value for name, value in file.series._asdict().items() if value}
    return settings if bars is BarPath.NEARER_FIRST else {**settings, "bars": bars.value}


def choose_files(arguments: Iterable[str], symbols: Sequence[str]) -> list[PriceFile]:
    """Return which file belongs to which instrument.

    A file belongs to the instrument its name begins with, behind `spot_` (index) or `usdm_` (external perpetual) if it
    is a capture; of a table that names instruments each series belongs to its own, as an external perpetual if its
    source is named `perp`. Of a directory, files of other instruments and of inverse contracts (`cm_`) are left out.

    Args:
        arguments: paths of files or directories, or `SYMBOL=PATH`.
        symbols: of the instruments that the venue can list.

    Raises:
        PriceFileInvalid: a file does not exist, belongs to no instrument, or to one that has a file already.

    """
    chosen: dict[tuple[str, FileRole], list[PriceFile]] = {}
    for argument in arguments:
        for file in _named_by(argument, symbols):
            known = chosen.setdefault((file.symbol, file.role), [])
            if any(other.path != file.path for other in known):
                message = f"is the second {file.role} file of {file.symbol}, after {known[0].path}"
                raise UnknownSymbol(file.path, 0, message, "one is allowed; name the one that is meant")
            if file not in known:
                known.append(file)
    indexed = {symbol for symbol, role in chosen if role is FileRole.INDEX}
    if not indexed:
        raise UnknownSymbol(Path(), 0, "no file gives an index", "a file of spot prices or of bars is needed")
    return [file for key in sorted(chosen) if key[0] in indexed for file in chosen[key]]


def _named_by(argument: str, symbols: Sequence[str]) -> list[PriceFile]:
    """Return what one argument names."""
    symbol, separator, named = argument.partition("=")
    path = Path(named if separator else argument)
    listed = f"instruments: {', '.join(symbols)}"
    if path.is_dir():
        found = [file for file in _in_directory(path, symbols) if not separator or file.symbol == symbol]
        if not found:
            raise UnknownSymbol(path, 0, "no file of an instrument is here", listed)
        return found
    if separator and symbol not in symbols:
        raise UnknownSymbol(path, 0, f"instrument {symbol} is unknown", listed)
    if not path.is_file():
        raise UnknownSymbol(path, 0, "no such file or directory", "a file, a directory or SYMBOL=PATH is allowed")
    found = _of_file(path, symbols, symbol if separator else None)
    if not found:
        refused = "its name begins with no instrument, and it names none"
        raise UnknownSymbol(path, 0, refused, f"use SYMBOL=PATH with one of {', '.join(symbols)}")
    return found


def _in_directory(path: Path, symbols: Sequence[str]) -> list[PriceFile]:
    found: list[PriceFile] = []
    for file in sorted(path.iterdir()):
        if file.name.lower().endswith(_SUFFIXES) and not file.name.lower().startswith("cm_"):
            # A recording of LOBSTER is two files, and both name it.
            found.extend(item for item in _of_file(file, symbols, None) if item not in found)
    return found


def _of_file(path: Path, symbols: Sequence[str], symbol: str | None) -> list[PriceFile]:
    """Return the series of a file that belong to instruments, or to one that was named."""
    recording = recording_of(path)
    if recording is not None:
        path = recording.book
    by_name = symbol or symbol_of(path.name, symbols)
    found = []
    for series in named_series(path) or [ONLY]:
        owner = symbol_of(series.symbol, [symbol] if symbol else symbols) if series.symbol else by_name
        if owner is not None:
            role = FileRole.PERP if series.source.lower() == _PERP else _role(path.name)
            found.append(PriceFile(owner, path, role, series))
    return found


def _role(name: str) -> FileRole:
    return FileRole.PERP if name.lower().startswith("usdm_") else FileRole.INDEX


def symbol_of(name: str, symbols: Sequence[str]) -> str | None:
    """Return the instrument that a file's name begins with (`BTCUSDT_5m.csv.gz` is BTC), or None."""
    bare = _PREFIXES.sub("", name)
    for symbol in sorted(symbols, key=len, reverse=True):
        rest = bare[len(symbol) :]
        if bare[: len(symbol)].upper() == symbol.upper() and _AFTER_SYMBOL.match(rest):
            return symbol
    return None


def common_range(paths: Sequence[PricePath]) -> tuple[int, int]:
    """Return the time that all files share, from and to.

    Raises:
        NoCommonTime: there is none; the message has each file's range.

    """
    from_ns = max(path.first_ns for path in paths)
    to_ns = min(path.end_ns for path in paths)
    if from_ns >= to_ns:
        ranges = ", ".join(f"{path.path.name} {_range(path.first_ns, path.end_ns)}" for path in paths)
        raise NoCommonTime(paths[0].path, 0, f"the files share no time: {ranges}", "files of one time are allowed")
    return from_ns, to_ns


def worst_hour(paths: Sequence[PricePath]) -> tuple[int, int]:
    """Return the hour with the largest fall, averaged over the files; of prices that never fall, the largest rise.

    Hours begin on whole minutes after the common start; of equal ones the first is returned. Those whose
    surroundings (half an hour before to one hour after) have a hole are taken only if all have.

    Args:
        paths: files that share some time; if that is less than an hour, all of it is returned.

    Raises:
        NoCommonTime: see `common_range`.

    """
    from_ns, to_ns = common_range(paths)
    if to_ns - from_ns <= HOUR_NS:
        return from_ns, to_ns
    minutes = np.arange(from_ns, to_ns, MINUTE_NS, dtype=np.int64)
    hour = HOUR_NS // MINUTE_NS
    moves = np.zeros(len(minutes) - hour)
    is_bad = np.zeros(len(minutes), dtype=np.int64)
    for path in paths:
        prices = path.prices_micros[np.searchsorted(path.times_ns, minutes, side="right") - 1]
        moves += prices[hour:] / prices[:-hour] - 1
        for hole_from_ns, hole_to_ns in path.holes:
            is_bad |= (minutes >= hole_from_ns - MINUTE_NS) & (minutes < hole_to_ns)
    before, after = BEFORE_WORST_HOUR_NS // MINUTE_NS, AFTER_WORST_HOUR_NS // MINUTE_NS
    bad_until = np.concatenate(([0], np.cumsum(is_bad)))
    starts = np.arange(len(moves))
    reach_from = np.maximum(starts - before, 0)
    reach_to = np.minimum(starts + hour + after, len(minutes))
    is_whole = bad_until[reach_to] == bad_until[reach_from]
    candidates = np.flatnonzero(is_whole) if is_whole.any() else starts
    badness = -moves[candidates]
    if badness.max() <= 0:
        badness = np.abs(badness)
    start_ns = int(minutes[candidates[np.argmax(badness)]])
    return start_ns, start_ns + HOUR_NS


def replay_window(paths: Sequence[PricePath]) -> tuple[int, int]:
    """Return the worst hour with half an hour before and one hour after, as far as all files reach."""
    from_ns, to_ns = common_range(paths)
    hour_from_ns, hour_to_ns = worst_hour(paths)
    return max(from_ns, hour_from_ns - BEFORE_WORST_HOUR_NS), min(to_ns, hour_to_ns + AFTER_WORST_HOUR_NS)


def check_window(path: PricePath, from_ns: int, to_ns: int, *, allow_holes: bool = False) -> None:
    """Check that a file covers a window.

    Args:
        path: the file's prices.
        from_ns: begin of the window.
        to_ns: its end.
        allow_holes: a hole inside is no fault; its source goes stale for that time.

    Raises:
        WindowOutsideFile: the window reaches beyond the file, or is empty.
        HoleInWindow: there is a hole in it.

    """
    if from_ns >= to_ns or from_ns < path.first_ns or to_ns > path.end_ns:
        raise WindowOutsideFile(
            path.path, 0, f"window is {_range(from_ns, to_ns)}", f"{_range(path.first_ns, path.end_ns)} is allowed"
        )
    for hole_from_ns, hole_to_ns in path.holes:
        if not allow_holes and hole_from_ns < to_ns and hole_to_ns > from_ns:
            found = f"no prices in {_range(hole_from_ns, hole_to_ns)}, inside the window {_range(from_ns, to_ns)}"
            raise HoleInWindow(path.path, 0, found, "choose another window, or allow holes")


def _range(from_ns: int, to_ns: int) -> str:
    return f"{_moment(from_ns)} to {_moment(to_ns)}"


def _moment(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // SECOND_NS, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
