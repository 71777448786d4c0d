"""What befalls accounts, kept for a while and handed to whoever listens.

The last events that concern accounts are held in memory, so that a listener can resume; one that
reads too slowly is cut with a clear error and delays nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from wavetank.clearing.adapters.wire import event_message
from wavetank.model.events.clearing import AdlRanked, CashTransferred
from wavetank.model.reason import Reason
from wavetank.model.record import RECORD_BYTES, decode, heads, kind_of
from wavetank.runtime.errors import VenueError
from wavetank.v1 import account_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from wavetank.model.record import Event

HELD_EVENTS = 200_000
"""Events held for those who resume, of all accounts together."""
QUEUED_EVENTS = 10_000
"""Events that may wait for one listener."""

Message = account_pb2.StreamAccountEventsResponse

_RANKED = kind_of(AdlRanked)
_CASH = kind_of(CashTransferred)


class _Held(NamedTuple):
    """An event that concerns an account."""

    seq: int
    now_ns: int
    account_id: int
    record: bytes
    ranked: int = 0
    """Of a line of a ranking, how many lines it has."""

    def message(self) -> Message | None:
        """Return what the account is told of it, or None if it is not told."""
        return event_message(self.seq, self.now_ns, decode(self.record), account_id=self.account_id, ranked=self.ranked)


def _ranking_lines(records: bytes, first: int) -> int:
    """Return how many lines the ranking has whose first one is the record `first`: they stand together."""
    lines = 0
    for kind, _ in heads(records[first * RECORD_BYTES :]):
        if kind != _RANKED:
            break
        lines += 1
    return lines


class _Listener:
    """What waits for one stream."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._cut: VenueError | None = None
        self._end: VenueError | None = None

    def offer(self, message: Message) -> None:
        """Queue a message; a listener that does not read is cut, for it must not miss one unknowingly."""
        if self._cut is not None:
            return
        if len(self._waiting) < QUEUED_EVENTS:
            self._waiting.append(message)
        else:
            self._waiting.clear()
            self._cut = VenueError(
                Reason.SUBSCRIBER_TOO_SLOW,
                f"{QUEUED_EVENTS} events waited; resume after the last seq you have",
                allowed=QUEUED_EVENTS,
            )
        self._wake.set()

    def end(self, error: VenueError) -> None:
        """End the stream with this error, behind what waits."""
        self._end = error
        self._wake.set()

    async def messages(self) -> AsyncGenerator[Message, None]:
        """Yield what waits, until the stream is cut or ended."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._cut is not None:
                raise self._cut
            if self._end is not None:
                raise self._end
            self._wake.clear()
            await self._wake.wait()


class AccountEvents:
    """Holds and hands out account events; a sink of committed entries."""

    def __init__(self, last_seq: int) -> None:
        """Begin behind `last_seq`; what came before can no longer be resumed."""
        self._last_seq = last_seq
        self._first_seq = last_seq + 1
        self._held: deque[_Held] = deque()
        self._listeners: dict[int, set[_Listener]] = {}
        self._end: VenueError | None = None

    def stop(self) -> None:
        """End all streams behind what waits, and begin no more."""
        self._end = VenueError(Reason.NOT_READY, "clearing is stopping; resume in a moment")
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.end(self._end)

    def committed(self, first_seq: int, now_ns: int, records: bytes) -> None:
        """Take the records of one committed entry; must not wait.

        Messages are made only for who listens: most events are those of accounts to which nobody does.
        """
        ranking_ends, ranked = 0, 0
        for seq, (kind, account_id) in enumerate(heads(records), first_seq):
            if not account_id:
                continue
            at = (seq - first_seq) * RECORD_BYTES
            record = records[at : at + RECORD_BYTES]
            if kind == _RANKED and seq > ranking_ends:
                ranked = _ranking_lines(records, seq - first_seq)
                ranking_ends = seq + ranked - 1
            self._hold(_Held(seq, now_ns, account_id, record, ranked))
            if kind == _CASH:
                # Cash that moved concerns two.
                moved = decode(record)
                assert isinstance(moved, CashTransferred)
                self._hold(_Held(seq, now_ns, moved.receiver_account_id, record))
        self._last_seq = first_seq + len(records) // RECORD_BYTES - 1

    def _hold(self, held: _Held) -> None:
        if len(self._held) == HELD_EVENTS:
            self._first_seq = self._held.popleft().seq + 1
        self._held.append(held)
        if held.account_id in self._listeners:
            message = held.message()
            for listener in self._listeners[held.account_id]:
                if message is not None:
                    listener.offer(message)

    def last(self, account_id: int, count: int) -> list[tuple[int, int, Event]]:
        """Return the last events of an account, of all if it is 0, oldest first: seq, venue time and event."""
        found: list[tuple[int, int, Event]] = []
        for held in reversed(self._held):
            # Of all accounts, cash that moved is one event, though it concerns two.
            if account_id in {0, held.account_id} and (not found or found[-1][0] != held.seq):
                found.append((held.seq, held.now_ns, decode(held.record)))
                if len(found) == count:
                    break
        return found[::-1]

    async def listen(self, account_id: int, from_seq: int) -> AsyncGenerator[Message, None]:
        """Yield the account's events after `from_seq`, or from now on if that is 0.

        The first message has no event and says from where the stream begins.

        Raises:
            VenueError: RESUME_IMPOSSIBLE, SUBSCRIBER_TOO_SLOW, NOT_READY.

        """
        if self._end is not None:
            raise self._end
        if from_seq and not self._first_seq - 1 <= from_seq <= self._last_seq:
            raise VenueError(
                Reason.RESUME_IMPOSSIBLE,
                f"events {self._first_seq} to {self._last_seq} are held; resuming after {from_seq} is impossible",
                was=from_seq,
                allowed=self._first_seq - 1,
            )
        listener = _Listener()
        missed = [
            held.message() for held in self._held if from_seq and held.account_id == account_id and held.seq > from_seq
        ]
        self._listeners.setdefault(account_id, set()).add(listener)
        try:
            yield Message(seq=from_seq or self._last_seq)
            for message in missed:
                if message is not None:
                    yield message
            async for message in listener.messages():
                yield message
        finally:
            self._listeners[account_id].discard(listener)
            if not self._listeners[account_id]:
                del self._listeners[account_id]
