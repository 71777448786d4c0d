"""One subscriber of market data: what waits for it, in order of seq.

Books and trades stand in a queue; a subscriber that lets them pile up is cut with a clear error and
delays nobody. Of best prices and instrument prices only the last one counts, so a newer one takes the
place of one that still waits. Kept true: seqs never go back, so the last one seen says what was seen.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import market_data_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CONFLATED = {pb.CHANNEL_BBO, pb.CHANNEL_PRICES}


@dataclass(frozen=True, slots=True)
class Message:
    """An encoded `SubscribeResponse`, and whom it concerns."""

    seq: int
    channel: int
    instrument_id: int
    data: bytes


class Subscriber:
    """What waits for one stream."""

    def __init__(self, channels: frozenset[int], instrument_ids: frozenset[int], backlog: int) -> None:
        """Wait for these channels of these instruments, of all if none is named.

        Args:
            channels: channels wanted.
            instrument_ids: instruments wanted.
            backlog: messages of books and trades that may wait.

        """
        self.instrument_ids = instrument_ids
        self._backlog = backlog
        self._channels = channels
        self._queue: deque[Message] = deque()
        self._latest: dict[tuple[int, int], Message] = {}
        """The last message of each conflated channel and instrument that was not read, in order of seq."""
        self._wake = asyncio.Event()
        self._cut: VenueError | None = None
        self._end: VenueError | None = None

    def offer(self, message: Message) -> None:
        """Queue a message if it belongs to this subscription; one of a conflated channel replaces the last."""
        if self._cut is not None or message.channel not in self._channels:
            return
        if self.instrument_ids and message.instrument_id not in self.instrument_ids:
            return
        if message.channel in _CONFLATED:
            key = (message.channel, message.instrument_id)
            self._latest.pop(key, None)
            self._latest[key] = message
        elif len(self._queue) < self._backlog:
            self._queue.append(message)
        else:
            self._queue.clear()
            self._latest.clear()
            self._cut = VenueError(
                Reason.SUBSCRIBER_TOO_SLOW,
                f"{self._backlog} messages wait to be read; subscribe again, and ask for less",
                allowed=self._backlog,
            )
        self._wake.set()

    def end(self, error: VenueError) -> None:
        """End the stream with this error, behind what waits."""
        self._end = error
        self._wake.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield what waits, until the stream is cut or ended.

        Raises:
            VenueError: SUBSCRIBER_TOO_SLOW, or what the stream was ended with.

        """
        while True:
            while (message := self._next()) is not None:
                yield message.data
            if self._cut is not None:
                raise self._cut
            if self._end is not None:
                raise self._end
            self._wake.clear()
            await self._wake.wait()

    def _next(self) -> Message | None:
        if not self._latest:
            return self._queue.popleft() if self._queue else None
        key = next(iter(self._latest))
        # At one seq the book and the trade come first.
        if self._queue and self._queue[0].seq <= self._latest[key].seq:
            return self._queue.popleft()
        return self._latest.pop(key)
