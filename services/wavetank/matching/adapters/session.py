"""One order session: what waits to be sent, what is in flight, and which orders it placed.

Kept true: every request is answered exactly once, in a bounded time, also when its client said that it
has nothing more to ask; a session that does not read is cut with a clear error and delays nobody; of a
session that asked for it no order outlives it, not even one that was in flight when it ended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from wavetank.matching.adapters.refusals import refusal
from wavetank.matching.ports import BatchStage
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import order_entry_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from wavetank.matching.adapters.commands import PackedBatch

MAX_WAITING_RESPONSES = 10_000
"""Messages that may wait for one session before it is cut."""
MAX_REQUESTS_IN_FLIGHT = 10_000
"""Requests of one session that may wait for their commit."""

_UNKNOWN_OUTCOME = "the log did not answer in time; the outcome is unknown, ask for the order by its client_order_id"
_WITHDRAWN = "the log did not answer in time; nothing was done, and nothing will be"


def _late(stage: BatchStage) -> VenueError:
    return VenueError(Reason.LOG_UNAVAILABLE, _WITHDRAWN if stage is BatchStage.WITHDRAWN else _UNKNOWN_OUTCOME)


class UnaryBatch:
    """Commands of a unary call."""

    __slots__ = ("answer", "commands", "count", "deadline", "stage")

    def __init__(self, batch: PackedBatch) -> None:
        """Wait with commands whose results go to `answer`."""
        self.commands = batch.commands
        self.count = batch.count
        self.deadline = 0.0
        self.stage = BatchStage.WAITING
        self.answer: asyncio.Future[tuple[bytes, int]] = asyncio.get_running_loop().create_future()

    def done(self, results: bytes, last_seq: int) -> None:
        """Take the packed results, after the commit."""
        if not self.answer.done():
            self.answer.set_result((results, last_seq))

    def lost(self) -> None:
        """Keep the caller waiting no longer."""
        if not self.answer.done():
            self.answer.set_exception(_late(self.stage))


class SessionBatch:
    """Commands of one request of a session."""

    __slots__ = ("_is_answered", "commands", "count", "deadline", "packed", "request_id", "session", "stage")

    def __init__(self, session: OrderSession, request_id: int, batch: PackedBatch) -> None:
        """Wait with the commands of a session's request."""
        self.session = session
        self.request_id = request_id
        self.packed = batch
        self.commands = batch.commands
        self.count = batch.count
        self.deadline = 0.0
        self.stage = BatchStage.WAITING
        self._is_answered = False

    def done(self, results: bytes, last_seq: int) -> None:
        """Take the packed results, after the commit."""
        if self.session.cancels:
            # Also when the client was told that the outcome is unknown.
            self.session.rested(self.packed.resting(results))
        if not self._is_answered:
            self._is_answered = True
            self.session.answer(self.request_id, self.packed.results(results), last_seq)

    def lost(self) -> None:
        """Keep the client waiting no longer."""
        self._is_answered = True
        self.session.refuse(self.request_id, _late(self.stage))


class OrderSession:
    """One open stream: what waits to be sent, and which orders it placed."""

    def __init__(self, account_id: int, *, cancels: bool, cancel: Callable[[list[int]], None]) -> None:
        """Open for an account.

        Args:
            account_id: the account traded for.
            cancels: whether the session's open orders are cancelled when it ends.
            cancel: cancels orders by id, in that case.

        """
        self.account_id = account_id
        self.cancels = cancels
        self.in_flight = 0
        self._cancel = cancel
        self._placed: set[int] = set()
        self._waiting: deque[pb.SessionResponse] = deque()
        self._wake = asyncio.Event()
        self._cut: VenueError | None = None
        self._end: VenueError | None = None
        self.is_closing = False
        """Whether nothing more is taken; what is in flight is still answered."""
        self._ended = False

    def rested(self, order_ids: Iterable[int]) -> None:
        """Remember orders that the session placed and that rest; cancel them if it has ended meanwhile."""
        order_ids = list(order_ids)
        if not self._ended:
            self._placed.update(order_ids)
        elif order_ids:
            self._cancel(order_ids)

    def end(self) -> None:
        """Cancel what the session placed, if it asked for that; called once, when the stream is gone."""
        self._ended = True
        if self._placed:
            self._cancel(sorted(self._placed))
            self._placed.clear()

    def send(self, response: pb.SessionResponse) -> None:
        """Queue a response; a session that does not read is cut."""
        if self._cut is not None or self._ended:
            return
        if len(self._waiting) >= MAX_WAITING_RESPONSES:
            self._waiting.clear()
            self._cut = VenueError(
                Reason.SUBSCRIBER_TOO_SLOW,
                f"{MAX_WAITING_RESPONSES} responses wait to be read; open a new session and ask for your orders",
                allowed=MAX_WAITING_RESPONSES,
            )
        else:
            self._waiting.append(response)
        self._wake.set()

    def answer(self, request_id: int, results: list[pb.CommandResult], last_seq: int) -> None:
        """Send the results of a request."""
        self.in_flight -= 1
        self.send(pb.SessionResponse(request_id=request_id, results=results, seq=last_seq))

    def refuse(self, request_id: int, error: VenueError) -> None:
        """Send the refusal of a whole request."""
        self.in_flight -= 1
        was = error.was if isinstance(error.was, int) else 0
        allowed = error.allowed if isinstance(error.allowed, int) else 0
        self.send(pb.SessionResponse(request_id=request_id, refusal=refusal(error.reason, was, allowed, error.message)))

    def order_events(self, messages: list[pb.OrderEvent], last_seq: int) -> None:
        """Send own order events; those of a request stand in the message of its results."""
        if self.cancels:
            self._forget_ended(messages)
        if self._waiting and self._waiting[-1].seq == last_seq and self._waiting[-1].results:
            self._waiting[-1].events.extend(messages)
            self._wake.set()
        else:
            self.send(pb.SessionResponse(events=messages, seq=last_seq))

    def _forget_ended(self, messages: list[pb.OrderEvent]) -> None:
        for message in messages:
            if message.HasField("cancelled"):
                self._placed.discard(message.cancelled.order.order_id)
            elif message.HasField("fill") and message.fill.remaining_lots == 0:
                self._placed.discard(message.fill.order_id)

    def close(self, error: VenueError | None = None) -> None:
        """Take nothing more, and end the stream behind the answers to what is in flight."""
        self._end = self._end or error
        self.is_closing = True
        self._wake.set()

    async def responses(self) -> AsyncIterator[pb.SessionResponse]:
        """Yield what waits, until the session is closed or cut.

        Raises:
            VenueError: SUBSCRIBER_TOO_SLOW, or what the session was closed with.

        """
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._cut is not None:
                raise self._cut
            if self.is_closing and self.in_flight <= 0:
                if self._end is not None:
                    raise self._end
                return
            self._wake.clear()
            await self._wake.wait()
