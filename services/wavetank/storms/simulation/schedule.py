"""The virtual clock: what happens next, and when.

It exists so that a simulated hour takes seconds: time jumps from one happening to the next. Kept true: time never
goes back; of two happenings at one time the one that was scheduled first comes first, so a run is one sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Schedule:
    """Happenings in order of time; `now_ns` is the venue's time."""

    __slots__ = ("_count", "_heap", "happened", "now_ns")

    def __init__(self, start_ns: int) -> None:
        """Begin at a venue time, with nothing to come."""
        self.now_ns = start_ns
        self.happened = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, time_ns: int, call: Callable[..., None], *args: object) -> None:
        """Have something happen at a time; what lies in the past happens now, behind what was to happen now."""
        self._count += 1
        heappush(self._heap, (max(self.now_ns, time_ns), self._count, call, args))

    def run_until(self, end_ns: int) -> None:
        """Let happen all that comes up to and at a time, which is now then."""
        heap = self._heap
        while heap and heap[0][0] <= end_ns:
            self.now_ns, _, call, args = heappop(heap)
            self.happened += 1
            call(*args)
        self.now_ns = max(self.now_ns, end_ns)
