"""A way through recorded prices that goes forward: the newest of them by a time, found at once.

It exists because a simulator asks thousands of times in a second of the wall, each time a little later. Kept true: the
answer is a function of the time alone; going forward costs a comparison until the next price, and nothing is made anew
while one holds; going back, or far ahead, costs a search.
"""

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
Newest = tuple[int, int] | tuple[int, int, int]
"""Time and price of a point, and its confidence where the recording has them; micro-dollars per unit."""

_NEVER_NS = 1 << 63
"""Later than any time of 64 bits."""


class PriceCursor:
    """The prices of two arrays, by time."""

    __slots__ = ("_confidences_micros", "_from_ns", "_index", "_newest", "_prices_micros", "_times_ns", "_until_ns")

    def __init__(self, times_ns: Times, prices_micros: Times, confidences_micros: Times | None = None) -> None:
        """Begin before the first price.

        Args:
            times_ns: strictly rising.
            prices_micros: one for each.
            confidences_micros: one for each, 0 for none; None for a recording without.

        """
        assert len(times_ns) == len(prices_micros), f"{len(times_ns)} times, but {len(prices_micros)} prices"
        self._confidences_micros = None
        if confidences_micros is not None:
            told = len(confidences_micros)
            assert told == len(times_ns), f"{len(times_ns)} times, but {told} confidences"
            self._confidences_micros = np.ascontiguousarray(confidences_micros, dtype=np.int64).data
        self._newest: Newest | None = None
        # Views of the arrays hand out whole numbers of Python, several times as fast as the arrays do.
        self._times_ns = np.ascontiguousarray(times_ns, dtype=np.int64).data
        self._prices_micros = np.ascontiguousarray(prices_micros, dtype=np.int64).data
        self._hold(-1)

    def newest_by(self, now_ns: int) -> Newest | None:
        """Return the newest point not later than `now_ns`, or None before the first."""
        if not self._from_ns <= now_ns < self._until_ns:
            self._seek(now_ns)
        return self._newest

    def _seek(self, now_ns: int) -> None:
        times_ns = self._times_ns
        if now_ns < self._from_ns:
            self._hold(bisect_right(times_ns, now_ns) - 1)
            return
        # Most steps are short: double the span until it is far enough, then search within.
        low, span = self._index + 1, 1
        while low + span < len(times_ns) and times_ns[low + span] <= now_ns:
            low, span = low + span, 2 * span
        self._hold(bisect_right(times_ns, now_ns, low, min(low + span, len(times_ns))) - 1)

    def _hold(self, index: int) -> None:
        self._index = index
        following = index + 1
        self._until_ns = self._times_ns[following] if following < len(self._times_ns) else _NEVER_NS
        if index < 0:
            self._from_ns = -_NEVER_NS
            self._newest = None
            return
        self._from_ns = self._times_ns[index]
        if self._confidences_micros is None:
            self._newest = (self._from_ns, self._prices_micros[index])
        else:
            self._newest = (self._from_ns, self._prices_micros[index], self._confidences_micros[index])
