"""Venue time of a running venue, as a timetable: what is to happen then, happens in this process's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wavetank.client import Venue


class LiveTimetable:
    """Calls at venue times, as this machine's clock reckons them."""

    def __init__(self, venue: Venue) -> None:
        """Follow the clock of a venue."""
        self._venue = venue
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._count = 0

    @property
    def now_ns(self) -> int:
        """The venue's time."""
        return self._venue.now_ns()

    def at(self, time_ns: int, call: Callable[..., None], *args: object) -> None:
        """Have something happen at a time; what lies in the past happens soon."""
        self.at_place(self.reserve(1)[0], time_ns, call, *args)

    def reserve(self, count: int) -> range:
        """Return names for what is scheduled later."""
        places = range(self._count, self._count + count)
        self._count += count
        return places

    def at_place(self, place: int, time_ns: int, call: Callable[..., None], *args: object) -> None:
        """Have something happen at a time, under a reserved name."""
        seconds = self._venue.directory.clock.wall_seconds(max(0, time_ns - self.now_ns))
        self._timers[place] = asyncio.get_running_loop().call_later(seconds, self._happen, place, call, args)

    def withdraw(self, places: range) -> None:
        """Let nothing happen of what waits under these names."""
        for place in [each for each in self._timers if each in places]:
            self._timers.pop(place).cancel()

    def end(self) -> None:
        """Let nothing happen any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _happen(self, place: int, call: Callable[..., None], args: tuple[object, ...]) -> None:
        del self._timers[place]
        call(*args)
