"""A demonstration on recorded prices: which files, which window, how fast, and where the lag hurts most.

It exists so that a person's own data is refused with a clear word before anything starts, and so that faults are set
where the file moves most. Kept true: the price moves are the file's own; nothing is added to them.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from wavetank.cli.demo.plan import (
    MILLI,
    SECOND_NS,
    DemoPlan,
    InstrumentPlan,
    Schedule,
    funding_interval_ns,
    premium_samples,
)
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.times import show_instant
from wavetank.model.instrument import default_instruments
from wavetank.runtime.price_files import (
    FileRole,
    PriceFile,
    PriceFileInvalid,
    PricePath,
    check_window,
    choose_files,
    common_range,
    load_file,
    replay_window,
    source_settings,
)
from wavetank.runtime.price_path import PriceFormat

WALL_SECONDS = 62.0
"""How long the window lasts on the wall."""
LEAD_SECONDS = 9.0
"""Wall time before the window in which services start and bots connect, where the files reach so far back."""
LAG_SECONDS = 4.0
CALM_SECONDS = 16.0
"""At least this long on the wall nothing is broken, so that positions can build."""
REST_SECONDS = 16.0
"""And as long after the lag."""
SEARCH_STEP_SECONDS = 0.25
PUBLISH_WALL_NS = SECOND_NS // 10
THINNED_STEP_WALL_NS = SECOND_NS // 20
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Recording:
    """A file chosen for an instrument, read."""

    file: PriceFile
    prices: PricePath


@dataclass(frozen=True, slots=True)
class Window:
    """What to replay; venue time."""

    from_ns: int
    to_ns: int


def read_recordings(arguments: Sequence[str]) -> list[Recording]:
    """Read the files that `--prices` names.

    Args:
        arguments: each one or more paths, directories or `SYMBOL=PATH`, separated by commas.

    Raises:
        CommandFailed: a file is missing, belongs to no instrument, or has a fault; usage.

    """
    named = [part for argument in arguments for part in argument.split(",") if part]
    symbols = [instrument.symbol for instrument in default_instruments()]
    try:
        return [Recording(file, load_file(file)) for file in choose_files(named, symbols)]
    except PriceFileInvalid as error:
        raise refused(error) from error


def choose_window(
    recordings: Sequence[Recording], from_ns: int | None, to_ns: int | None, *, allow_holes: bool
) -> Window:
    """Return the window to replay: the worst hour that all files share and its surroundings, or what was asked for.

    Raises:
        CommandFailed: the files share no time, do not cover the window, or have a hole in it; usage.

    """
    paths = [recording.prices for recording in recordings]
    try:
        if from_ns is None and to_ns is None:
            window = Window(*replay_window(paths))
        else:
            first_ns, end_ns = common_range(paths)
            window = Window(first_ns if from_ns is None else from_ns, end_ns if to_ns is None else to_ns)
        for path in paths:
            check_window(path, window.from_ns, window.to_ns, allow_holes=allow_holes)
    except PriceFileInvalid as error:
        raise refused(error) from error
    return window


def refused(error: PriceFileInvalid) -> CommandFailed:
    """Return a refusal of a file as the failure of a command."""
    return CommandFailed(f"{error} ({error.reason.name})", code=ExitCode.USAGE)


def replay_plan(
    recordings: Sequence[Recording], window: Window, *, seed: int, allow_holes: bool, directory: Path
) -> DemoPlan:
    """Return the plan of a demonstration on recorded prices.

    Args:
        recordings: at least one gives an index.
        window: that all of them cover.
        seed: of the takers.
        allow_holes: whether sources may be stale for a time.
        directory: where thinned captures are written when the venue starts.

    """
    speed_milli = max(1, round((window.to_ns - window.from_ns) * MILLI / (WALL_SECONDS * SECOND_NS)))
    lead_ns = _lead_ns(recordings, window, round(LEAD_SECONDS * SECOND_NS) * speed_milli // MILLI)
    start_ns = window.from_ns - lead_ns
    schedule = _schedule(recordings, start_ns, window, speed_milli)
    publish_ms = max(1, min(1_000, speed_milli // 10))
    interval_ns = funding_interval_ns(speed_milli)
    lag_ns = round(schedule.lag * SECOND_NS) * speed_milli // MILLI
    # Of several sources of one instrument the first stands for it; all of them make its index.
    first = {
        recording.file.symbol: recording for recording in reversed(recordings) if recording.file.role is FileRole.INDEX
    }
    indexed = [recording for recording in recordings if recording is first.get(recording.file.symbol)]
    span = f"{show_instant(window.from_ns)[:-4]} to {show_instant(window.to_ns)[:-4]}"
    return DemoPlan(
        title=f"recorded prices, {span}",
        seed=seed,
        is_scripted=False,
        speed_milli=speed_milli,
        start_ns=start_ns,
        window_ns=(window.from_ns, window.to_ns),
        schedule=schedule,
        instruments=tuple(_instrument(recording, start_ns, schedule, speed_milli) for recording in indexed),
        funding_interval_ns=interval_ns,
        funding_spike=Decimal("0.004"),
        fund_dollars=Decimal(15_000),
        settings={
            "oracle": {
                "SOURCES": json.dumps(_sources(recordings, directory, allow_holes=allow_holes)),
                "REPLAY_UNTIL_NS": str(window.to_ns),
                "ALLOW_HOLES": str(allow_holes).lower(),
                "PUBLISH_INTERVAL_MS": str(publish_ms),
                "PREMIUM_SAMPLES": str(premium_samples(interval_ns, speed_milli, publish_ms * 1_000_000)),
                "MAX_LAG_MS": "86400000",
            },
            "clearing": {
                "INSTRUMENTS": json.dumps([recording.file.symbol for recording in indexed]),
                "FUNDING_INTERVAL_NS": str(interval_ns),
                "FUND_DEPOSIT_MICROS": str(15_000 * 10**6),
                "STALE_AFTER_NS": str(max(60 * SECOND_NS, 2 * lag_ns)),
            },
        },
    )


def write_thinned(recordings: Sequence[Recording], plan: DemoPlan, directory: Path, *, allow_holes: bool) -> None:
    """Write the window of each capture as a small file, which the oracle reads at once.

    A capture has hundreds of quotes a second and takes seconds to read; the oracle looks at it ten times a second.
    """
    for recording in recordings:
        if not _is_thinned(recording, allow_holes=allow_holes):
            continue
        directory.mkdir(parents=True, exist_ok=True)
        step_ns = max(1, THINNED_STEP_WALL_NS * plan.speed_milli // MILLI)
        prices = recording.prices
        times = prices.times_ns
        # The last quote of each step, and whatever stands at the very begin.
        first = max(0, int(np.searchsorted(times, plan.start_ns, side="right")) - 1)
        last = int(np.searchsorted(times, plan.window_ns[1], side="left"))
        steps = times[first:last] // step_ns
        kept = np.flatnonzero(np.append(np.diff(steps) > 0, True)) + first
        kept = np.unique(np.concatenate(([first], kept, [min(last, len(times) - 1)])))
        with thinned_path(recording, directory).open("w", encoding="ascii", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(["time", "price"])
            for index in kept:
                micros = int(prices.prices_micros[index])
                writer.writerow([int(times[index]), f"{micros // _MICROS}.{micros % _MICROS:06d}"])


def thinned_path(recording: Recording, directory: Path) -> Path:
    """Return where the small file of a capture is."""
    return directory / f"{recording.file.symbol}_{recording.file.role.value}.csv"


def _is_thinned(recording: Recording, *, allow_holes: bool) -> bool:
    # Where a hole is allowed the file itself is replayed, for only it knows how long a gap is a hole.
    return recording.prices.format is PriceFormat.CAPTURE and not allow_holes


def _sources(
    recordings: Sequence[Recording], directory: Path, *, allow_holes: bool
) -> dict[str, list[dict[str, str | int]]]:
    sources: dict[str, list[dict[str, str | int]]] = {}
    for recording in recordings:
        file = recording.file
        if _is_thinned(recording, allow_holes=allow_holes):
            file = PriceFile(file.symbol, thinned_path(recording, directory), file.role)
        sources.setdefault(file.symbol, []).append(source_settings(file))
    return sources


def _lead_ns(recordings: Sequence[Recording], window: Window, wanted_ns: int) -> int:
    """Return how far before the window all files reach without a hole, at most what is wanted."""
    lead_ns = wanted_ns
    for recording in recordings:
        lead_ns = min(lead_ns, window.from_ns - recording.prices.first_ns)
        for hole_from_ns, hole_to_ns in recording.prices.holes:
            if hole_from_ns < window.from_ns and hole_to_ns > window.from_ns - lead_ns:
                lead_ns = max(0, window.from_ns - hole_to_ns)
    return max(0, lead_ns)


def _schedule(recordings: Sequence[Recording], start_ns: int, window: Window, speed_milli: int) -> Schedule:
    """Return the schedule with the lag where the index prices fall most, or move most if they never fall."""
    end = (window.to_ns - start_ns) * MILLI / speed_milli / SECOND_NS
    paths = [recording.prices for recording in recordings if recording.file.role is FileRole.INDEX]
    begins = (window.from_ns - start_ns) * MILLI / speed_milli / SECOND_NS
    candidates = np.arange(max(begins, LEAD_SECONDS) + CALM_SECONDS, end - REST_SECONDS, SEARCH_STEP_SECONDS)
    moves = sum(
        _prices_at(path, start_ns, candidates + LAG_SECONDS, speed_milli)
        / _prices_at(path, start_ns, candidates, speed_milli)
        - 1.0
        for path in paths
    )
    worst = np.argmin(moves) if np.min(moves) < 0 else np.argmax(moves)
    lag_on = float(candidates[worst])
    lag_off = lag_on + LAG_SECONDS
    return Schedule(
        first_top_up=lag_on - 6.0,
        funding_spike=lag_on - 6.0,
        top_up=lag_on - 1.0,
        lag_on=lag_on,
        lag_off=lag_off,
        lag=LAG_SECONDS + 0.5,
        funding_calm=lag_off + 7.0,
        recovery=lag_off + 8.0,
        end=end,
    )


def _prices_at(
    path: PricePath, start_ns: int, wall_seconds: np.ndarray[tuple[int], np.dtype[np.float64]], speed_milli: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    times = start_ns + (wall_seconds * SECOND_NS * speed_milli / MILLI).astype(np.int64)
    found = np.clip(np.searchsorted(path.times_ns, times, side="right") - 1, 0, None)
    prices: np.ndarray[tuple[int], np.dtype[np.float64]] = path.prices_micros[found].astype(np.float64)
    return prices


def _instrument(recording: Recording, start_ns: int, schedule: Schedule, speed_milli: int) -> InstrumentPlan:
    prices = recording.prices
    moments = np.array([0.0, schedule.top_up, schedule.lag_off])
    start, before, after = (float(price) for price in _prices_at(prices, start_ns, moments, speed_milli))
    steps = _prices_at(prices, start_ns, np.arange(0.0, schedule.end, 0.1), speed_milli)
    crash = after / before - 1.0
    until = _prices_at(prices, start_ns, np.arange(0.0, schedule.top_up, SEARCH_STEP_SECONDS), speed_milli)
    adverse = 1.0 - float(np.min(until)) / start if crash <= 0 else float(np.max(until)) / start - 1.0
    step_bps = float(np.mean(np.abs(np.diff(np.log(steps))))) * 10_000.0
    return InstrumentPlan(
        symbol=recording.file.symbol,
        start_price=Decimal(round(start)) / _MICROS,
        first_fall=Decimal(0),
        crash=Decimal(repr(round(crash, 6))),
        adverse=Decimal(repr(round(max(0.0, adverse), 6))),
        step_bps=step_bps,
        origin=recording.file.path.name,
    )
