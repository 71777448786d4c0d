"""Raw captures of Binance: `<local ns> <json>` lines, of which the best bid and ask give a mid.

They exist because half of what a lag of 250 ms does is gone from prices by the second. Kept true: every quote counts,
at the exchange's own time; of those that share one (a time of the exchange is in whole milliseconds) the last.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from wavetank.runtime.price_cells import price_micros_of
from wavetank.runtime.price_path import (
    SECOND_NS,
    NotAPriceFile,
    PriceFormat,
    PricePath,
    TimesOutOfOrder,
    WrongColumns,
    checked_path,
)

CAPTURE_GAP_NS = 10 * SECOND_NS
"""Time without a quote after which a capture has a hole."""


def read_capture(path: Path, lines: Iterable[str]) -> PricePath:
    """Return the mids of a capture's best bid and ask, each at the exchange's own time.

    The recorder's clock is not the exchange's. Where a quote has no event time, its local time is moved by the median
    difference between the two, measured over all lines of the file that have both.

    Raises:
        PriceFileInvalid: the class says what is wrong.

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
    return checked_path(path, PriceFormat.CAPTURE, times, prices, gap_ns=CAPTURE_GAP_NS)


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
    bid = price_micros_of(path, line, str(data.get("b")))
    ask = price_micros_of(path, line, str(data.get("a")))
    return (bid + ask + (bid + ask) // 2 % 2) // 2
