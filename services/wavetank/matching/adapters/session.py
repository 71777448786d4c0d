"""One order session: what waits to be sent, what is in flight, and which orders it placed.

Kept true: every request is answered exactly once, in a bounded time; a session that does not read is
cut with a clear error and delays nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from wavetank.matching.adapters.refusals import refusal
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import order_entry_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wavetank.matching.adapters.commands import PackedBatch

MAX_WAITING_RESPONSES = 10_000
"""Messages that may wait for one session before it is cut."""
MAX_REQUESTS_IN_FLIGHT = 10_000
"""Requests of one session that may wait for their commit."""

_UNKNOWN_OUTCOME = "the log did not answer in time; the outcome is unknown, ask for the order by its client_order_id"


class UnaryBatch:
    """Commands of a unary call."""

    __slots__ = ("answer", "commands", "count", "deadline")

    def __init__(self, batch: PackedBatch) -> None:
        """Wait with commands whose results go to `answer`."""
        self.commands = batch.commands
        self.count = batch.count
        self.deadline = 0.0
        self.answer: asyncio.Future[tuple[bytes, int]] = asyncio.get_running_loop().create_future()

    def done(self, results: bytes, last_seq: int) -> None:
        """Take the packed results, after the commit."""
        if not self.answer.done():
            self.answer.set_result((results, last_seq))

    def lost(self) -> None:
        """Tell the caller that the outcome is unknown."""
        if not self.answer.done():
            self.answer.set_exception(VenueError(Reason.LOG_UNAVAILABLE, _UNKNOWN_OUTCOME))


class SessionBatch:
    """Commands of one request of a session."""

    __slots__ = ("commands", "count", "deadline", "packed", "request_id", "session")

    def __init__(self, session: OrderSession, request_id: int, batch: PackedBatch) -> None:
        """Wait with the commands of a session's request."""
        self.session: OrderSession | None = session
        self.request_id = request_id
        self.packed = batch
        self.commands = batch.commands
        self.count = batch.count
        self.deadline = 0.0

    def done(self, results: bytes, last_seq: int) -> None:
        """Take the packed results, after the commit."""
        if self.session is not None:
            self.session.answer(self.request_id, self.packed.results(results), last_seq)
            self.session = None

    def lost(self) -> None:
        """Tell the caller that the outcome is unknown."""
        if self.session is not None:
            self.session.refuse(self.request_id, VenueError(Reason.LOG_UNAVAILABLE, _UNKNOWN_OUTCOME))
            self.session = None


class OrderSession:
    """One open stream: what waits to be sent, and which orders it placed."""

    def __init__(self, account_id: int, *, cancels: bool) -> None:
        """Open for an account; `cancels` remembers orders for cancel-on-disconnect."""
        self.account_id = account_id
        self.cancels = cancels
        self.placed: set[int] = set()
        self.in_flight = 0
        self._waiting: deque[pb.SessionResponse] = deque()
        self._wake = asyncio.Event()
        self._end: VenueError | None = None
        self._closed = False

    def send(self, response: pb.SessionResponse) -> None:
        """Queue a response; a session that does not read is cut."""
        if len(self._waiting) >= MAX_WAITING_RESPONSES:
            self._end = VenueError(
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
        if self.cancels:
            self.placed.update(result.order_id for result in results if result.state == pb.ORDER_STATE_OPEN)
        self.send(pb.SessionResponse(request_id=request_id, results=results, seq=last_seq))

    def refuse(self, request_id: int, error: VenueError) -> None:
        """Send the refusal of a whole request."""
        self.in_flight -= 1
        was = error.was if isinstance(error.was, int) else 0
        allowed = error.allowed if isinstance(error.allowed, int) else 0
        self.send(pb.SessionResponse(request_id=request_id, refusal=refusal(error.reason, was, allowed, error.message)))

    def order_events(self, messages: list[pb.OrderEvent], last_seq: int) -> None:
        """Send own order events; those of a request stand in the message of its results."""
        if self._waiting and self._waiting[-1].seq == last_seq and self._waiting[-1].results:
            self._waiting[-1].events.extend(messages)
            self._wake.set()
        else:
            self.send(pb.SessionResponse(events=messages, seq=last_seq))

    def close(self, error: VenueError | None = None) -> None:
        """End the stream behind what waits."""
        self._end = self._end or error
        self._closed = True
        self._wake.set()

    async def responses(self) -> AsyncIterator[pb.SessionResponse]:
        """Yield what waits, until the session is closed or cut.

        Raises:
            VenueError: SUBSCRIBER_TOO_SLOW, or what the session was closed with.

        """
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._end is not None:
                raise self._end
            if self._closed:
                return
            self._wake.clear()
            await self._wake.wait()
