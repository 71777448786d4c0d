"""The virtual clock: what happens next, and when.

It exists so that a simulated hour takes seconds: time jumps from one happening to the next. Kept true: time never
goes back; of two happenings at one time the one that was scheduled first comes first, so a run is one sequence. Places
in that order can be reserved: what is scheduled into one later comes where it would have come, had it been known.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
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
        due_ns = time_ns if time_ns > self.now_ns else self.now_ns  # noqa: FURB136 - `max` takes as long as the rest.
        heappush(self._heap, (due_ns, self._count, call, args))

    def reserve(self, count: int) -> range:
        """Return places in the order of scheduling, kept free for what is scheduled later."""
        places = range(self._count + 1, self._count + 1 + count)
        self._count += count
        return places

    def at_place(self, place: int, time_ns: int, call: Callable[..., None], *args: object) -> None:
        """Have something happen at a time as if it had been scheduled when its place was reserved.

        Args:
            place: a reserved one that nothing waits in.
            time_ns: when; not before now.
            call: what happens.
            args: with what.

        """
        assert time_ns >= self.now_ns, f"what was to happen at {time_ns} comes too late at {self.now_ns}"
        heappush(self._heap, (time_ns, place, call, args))

    def withdraw(self, places: range) -> None:
        """Let nothing happen of what waits in reserved places."""
        self._heap[:] = [each for each in self._heap if each[1] not in places]
        heapify(self._heap)

    def run_until(self, end_ns: int) -> None:
        """Let happen all that comes up to and at a time, which is now then."""
        heap = self._heap
        while heap and heap[0][0] <= end_ns:
            self.now_ns, _, call, args = heappop(heap)
            self.happened += 1
            call(*args)
        self.now_ns = max(self.now_ns, end_ns)
