"""A lane: what is late passes when its time has come, and never before what came earlier."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS_PER_NS = 1e-9


class Lane:
    """Things that are done late, in the order in which they came."""

    def __init__(self) -> None:
        """Begin empty."""
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def put(self, delay_ns: int, do: Callable[[], None]) -> None:
        """Do something after a wall time, or behind what waits already if that takes longer."""
        if not self._waiting and delay_ns <= 0:
            do()
            return
        due = self._loop.time() + delay_ns * _SECONDS_PER_NS
        # One that is due before those ahead of it waits for them, for only the first is looked at.
        self._waiting.append((due, do))
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._pass)

    def release(self) -> None:
        """Do at once all that waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            self._waiting.popleft()[1]()

    def _pass(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            self._waiting.popleft()[1]()
        if self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._pass)
