"""What befalls accounts, kept for a while and handed to whoever listens.

The last events that concern accounts are held in memory, so that a listener can resume; one that
reads too slowly is cut with a clear error and delays nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from wavetank.clearing.adapters.wire import event_message
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import account_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from wavetank.model.record import Event

HELD_EVENTS = 200_000
"""Events held for those who resume, of all accounts together."""
QUEUED_EVENTS = 10_000
"""Events that may wait for one listener."""

Message = account_pb2.StreamAccountEventsResponse


class AccountEvents:
    """Holds and hands out account events; a sink of committed entries."""

    def __init__(self, last_seq: int) -> None:
        """Begin behind `last_seq`; what came before can no longer be resumed."""
        self._last_seq = last_seq
        self._first_seq = last_seq + 1
        self._held: deque[tuple[int, Message]] = deque()
        self._listeners: dict[int, set[asyncio.Queue[Message]]] = {}

    def committed(self, first_seq: int, now_ns: int, events: Sequence[Event]) -> None:
        """Take the events of one committed entry; must not wait."""
        for seq, event in enumerate(events, first_seq):
            message = event_message(seq, now_ns, event) if event.account_id else None
            if message is None:
                continue
            if len(self._held) == HELD_EVENTS:
                self._first_seq = self._held.popleft()[1].seq + 1
            self._held.append((event.account_id, message))
            for listener in self._listeners.get(event.account_id, ()):
                # A full queue is noticed by its own listener, which is then cut.
                if not listener.full():
                    listener.put_nowait(message)
        self._last_seq = first_seq + len(events) - 1

    async def listen(self, account_id: int, from_seq: int) -> AsyncGenerator[Message, None]:
        """Yield the account's events after `from_seq`, or from now on if that is 0.

        The first message has no event and says from where the stream begins.

        Raises:
            VenueError: RESUME_IMPOSSIBLE, SUBSCRIBER_TOO_SLOW.

        """
        if from_seq and not self._first_seq - 1 <= from_seq <= self._last_seq:
            raise VenueError(
                Reason.RESUME_IMPOSSIBLE,
                f"events {self._first_seq} to {self._last_seq} are held; resuming after {from_seq} is impossible",
                was=from_seq,
                allowed=self._first_seq - 1,
            )
        queue: asyncio.Queue[Message] = asyncio.Queue(QUEUED_EVENTS)
        missed = [
            message for owner, message in self._held if from_seq and owner == account_id and message.seq > from_seq
        ]
        self._listeners.setdefault(account_id, set()).add(queue)
        try:
            yield Message(seq=from_seq or self._last_seq)
            for message in missed:
                yield message
            while True:
                yield await queue.get()
                if queue.full():
                    raise VenueError(
                        Reason.SUBSCRIBER_TOO_SLOW,
                        f"{QUEUED_EVENTS} events waited; resume after the last seq you have",
                        allowed=QUEUED_EVENTS,
                    )
        finally:
            self._listeners[account_id].discard(queue)
            if not self._listeners[account_id]:
                del self._listeners[account_id]
