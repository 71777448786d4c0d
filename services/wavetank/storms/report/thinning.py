"""Which points of a long series are drawn: few enough for a screen, and every extreme among them.

It exists because a page has to stay small while a spike of one sample is what the reader came for. Kept true: the
first and the last point stay, so do the smallest and the largest of each stretch, and a gap stays a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

MOST_POINTS = 2_000
"""Of one series, where nothing else is asked for."""


def kept(values: Sequence[float], most: int = MOST_POINTS) -> list[int]:
    """Return which points to draw, ascending.

    Args:
        values: the series; not-a-number is a gap.
        most: about how many, at least 8; gaps may add to it.

    """
    count = len(values)
    if count <= most:
        return list(range(count))
    return _extremes(values, max(most // 4, 1))


def kept_of_all(series: Sequence[Sequence[float]], most: int = MOST_POINTS) -> list[int]:
    """Return which points to draw of series that share their times: what any of them needs.

    Args:
        series: all of the same length.
        most: about how many points in time, at least 8; series that move apart add to it.

    """
    if not series or len(series[0]) <= most:
        return list(range(len(series[0]) if series else 0))
    # Prices of one instrument have their extremes at about the same time, so that most of these are the same.
    return sorted({place for values in series for place in _extremes(values, max(most // 4, 1))})


def _extremes(values: Sequence[float], stretches: int) -> list[int]:
    count = len(values)
    chosen = {0, count - 1}
    for stretch in range(stretches):
        begin, end = stretch * count // stretches, (stretch + 1) * count // stretches
        known = [place for place in range(begin, end) if not isnan(values[place])]
        if len(known) < end - begin:
            # The first and the last of the stretch tell where the gap is, to the width of a pixel or so.
            chosen |= {begin, end - 1}
        if known:
            chosen.add(min(known, key=values.__getitem__))
            chosen.add(max(known, key=values.__getitem__))
    return sorted(chosen)
