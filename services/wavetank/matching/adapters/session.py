"""One order session: what waits to be sent, what is in flight, and which orders it placed.

Kept true: every request is answered exactly once (and beforehand provisionally, if the session asked for that), in a
bounded time, also when its client said that it has nothing more to ask; a session that does not read is cut with a
clear error and delays nobody; of a session that asked for it no order outlives it, not even one that was in flight when
it ended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from wavetank.matching.adapters.wire_writer import session_answer, session_events, session_refusal, unary_answer
from wavetank.matching.ports import BatchStage
from wavetank.model.orders import OrderFlag
from wavetank.model.reason import Reason
from wavetank.runtime.eager_writes import EagerWrites
from wavetank.runtime.errors import VenueError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from wavetank.matching.adapters.order_feed import OrderFeeds
    from wavetank.matching.adapters.wire_reader import Request

MAX_WAITING_RESPONSES = 10_000
"""Messages that may wait for one session before it is cut."""
MAX_WAITING_BYTES = 64 * 1_048_576
"""Bytes that these may have together."""
MAX_REQUESTS_IN_FLIGHT = 10_000
"""Requests of one session that may wait for their commit."""

_UNKNOWN_OUTCOME = "the log did not answer in time; the outcome is unknown, ask for the order by its client_order_id"
_WITHDRAWN = "the log did not answer in time; nothing was done, and nothing will be"


def _late(stage: BatchStage) -> VenueError:
    return VenueError(Reason.LOG_UNAVAILABLE, _WITHDRAWN if stage is BatchStage.WITHDRAWN else _UNKNOWN_OUTCOME)


class UnaryBatch:
    """Commands of a unary call."""

    __slots__ = ("answer", "commands", "count", "deadline", "request", "stage", "wants_matched")

    def __init__(self, request: Request, account_id: int) -> None:
        """Wait with commands whose response, as bytes, goes to `answer`."""
        self.request = request
        self.commands = request.commands_for(account_id)
        self.count = request.count
        self.deadline = 0.0
        self.stage = BatchStage.WAITING
        self.wants_matched = False
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def matched(self, results: bytes) -> None:
        """Unary calls are answered once."""

    def done(self, results: bytes, last_seq: int) -> None:
        """Take the packed results, after the commit."""
        if not self.answer.done():
            self.answer.set_result(unary_answer(self.request, results, last_seq))

    def lost(self) -> None:
        """Keep the caller waiting no longer."""
        if not self.answer.done():
            self.answer.set_exception(_late(self.stage))


class SessionBatch:
    """Commands of one request of a session."""

    __slots__ = ("_is_answered", "commands", "count", "deadline", "request", "session", "stage", "wants_matched")

    def __init__(self, session: OrderSession, request: Request) -> None:
        """Wait with the commands of a session's request."""
        self.session = session
        self.request = request
        self.commands = request.commands_for(session.account_id, session.order_flags)
        self.count = request.count
        self.deadline = 0.0
        self.stage = BatchStage.WAITING
        self.wants_matched = session.is_early
        self._is_answered = False

    def matched(self, results: bytes) -> None:
        """Tell the session what will become of its request, unless the log loses it."""
        if not self._is_answered:
            self.session.foretell(self.request, results)

    def done(self, results: bytes, last_seq: int) -> None:
        """Take the packed results, after the commit."""
        self.note(results)
        self.answer(results, last_seq)

    def note(self, results: bytes) -> None:
        """Let the session know what it placed; also when the client was told that the outcome is unknown."""
        if self.session.cancels:
            self.session.placed(self.request, results)

    def answer(self, results: bytes, last_seq: int) -> None:
        """Answer the client."""
        if not self._is_answered:
            self._is_answered = True
            self.session.answer(self.request, results, last_seq)

    def forget(self) -> None:
        """Let the client wait for ever: its answer is lost."""
        if not self._is_answered:
            self._is_answered = True
            self.session.in_flight -= 1
            self.session.flush()

    def lost(self) -> None:
        """Keep the client waiting no longer."""
        self._is_answered = True
        self.session.refuse(self.request.request_id, _late(self.stage))
        self.session.flush()


class OrderSession:
    """One open stream: what waits to be sent, and which orders it placed."""

    def __init__(  # noqa: PLR0913 - a session stands between this many.
        self,
        account_id: int,
        number: int,
        *,
        feeds: OrderFeeds,
        write: Callable[[bytes], Coroutine[Any, Any, None]],
        committed_seq: Callable[[], int],
        unflushed: list[OrderSession],
        cancel: Callable[[list[int]], None] | None = None,
        is_early: bool = False,
        order_flags: OrderFlag = OrderFlag.NONE,
    ) -> None:
        """Open for an account.

        Args:
            account_id: the account traded for.
            number: of this session, not 0; no other of this process has it.
            feeds: where the account's orders are known.
            write: writes a message to the stream.
            committed_seq: tells the last committed seq.
            unflushed: gets this session when it has something to send; whoever takes it from there calls `flush`.
            cancel: cancels orders by id, for a session whose open orders are cancelled when it ends.
            is_early: whether it is also answered as soon as its commands are matched.
            order_flags: marks that its orders get.

        """
        self.account_id = account_id
        self.number = number
        self.cancels = cancel is not None
        self.is_early = is_early
        self.order_flags = order_flags
        self.in_flight = 0
        self.is_closing = False
        """Whether nothing more is taken; what is in flight is still answered."""
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when nothing more will be sent; fails with what the stream is to end with."""
        self._feeds = feeds
        self._committed_seq = committed_seq
        self._unflushed = unflushed
        self._is_unflushed = False
        self._cancel = cancel
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._writes = EagerWrites(write, self._take, self._gone)
        self._last_is_answer_of = -1
        """Seq that the last message in the queue covers, if it holds results: events of that cycle join them."""
        self._unowned: list[tuple[Request, bytes]] = []
        self._error: VenueError | None = None
        self._ended = False

    # Out

    def flush(self) -> None:
        """Begin to send what waits; called when a cycle has said all that it has to say."""
        self._is_unflushed = False
        self._own()
        self._writes.begin()

    def answer(self, request: Request, results: bytes, last_seq: int) -> None:
        """Put the results of a request into the queue."""
        self.in_flight -= 1
        self.send(session_answer(request, request.request_id, results, last_seq))
        self._last_is_answer_of = last_seq

    def foretell(self, request: Request, results: bytes) -> None:
        """Send provisional results of a request at once."""
        self.send(session_answer(request, request.request_id, results, self._committed_seq(), provisional=True))
        self.flush()

    def refuse(self, request_id: int, error: VenueError) -> None:
        """Put the refusal of a whole request into the queue."""
        self.in_flight -= 1
        was = error.was if isinstance(error.was, int) else 0
        allowed = error.allowed if isinstance(error.allowed, int) else 0
        self.send(session_refusal(request_id, error.reason, was, allowed, error.message))

    def order_events(self, events: bytes, last_seq: int) -> None:
        """Put own order events into the queue; those of a request stand in the message of its results."""
        if self._waiting and self._last_is_answer_of == last_seq:
            # Two messages one behind the other are, to whoever reads them, one with the fields of both.
            self._waiting[-1] += events
            self._waiting_bytes += len(events)
            self._last_is_answer_of = -1
        else:
            self.send(session_events(events, last_seq))

    def send(self, response: bytes) -> None:
        """Put a message into the queue; a session that does not read is cut."""
        if self._ended or self.finished.done():
            return
        self._last_is_answer_of = -1
        if len(self._waiting) >= MAX_WAITING_RESPONSES or self._waiting_bytes >= MAX_WAITING_BYTES:
            cut = VenueError(
                Reason.SUBSCRIBER_TOO_SLOW,
                f"{len(self._waiting)} responses wait to be read; open a new session and ask for your orders",
                allowed=MAX_WAITING_RESPONSES,
            )
            self._waiting.clear()
            self.finished.set_exception(cut)
        else:
            self._waiting.append(response)
            self._waiting_bytes += len(response)
            self._mark()

    def _mark(self) -> None:
        if not self._is_unflushed:
            self._is_unflushed = True
            self._unflushed.append(self)

    def _take(self) -> bytes | None:
        if not self._waiting:
            # The stream is free, and nothing is left for it.
            self._finish_if_idle()
            return None
        response = self._waiting.popleft()
        self._waiting_bytes -= len(response)
        return response

    def _gone(self, _error: BaseException) -> None:
        """Learn that the stream takes nothing more: its client has left, which the reading side tells better."""
        self._waiting.clear()
        if not self.finished.done():
            self.finished.set_result(None)

    # Orders of its own

    def placed(self, request: Request, results: bytes) -> None:
        """Remember which orders the session placed; cancel them if it has ended meanwhile."""
        if not self._ended:
            self._unowned.append((request, results))
            self._mark()
        elif self._cancel is not None and (order_ids := request.resting(results)):
            self._cancel(order_ids)

    def _own(self) -> None:
        for request, results in self._unowned:
            self._feeds.own_orders.adopt(self.account_id, self.number, request, results)
        self._unowned.clear()

    # The end

    def close(self, error: VenueError | None = None) -> None:
        """Take nothing more, and end the stream behind the answers to what is in flight."""
        self._error = self._error or error
        self.is_closing = True
        self._writes.begin()

    def cut(self, error: VenueError) -> None:
        """End the stream at once, as a connection that breaks: what is in flight is not answered."""
        self.is_closing = True
        self._waiting.clear()
        if not self.finished.done():
            self.finished.set_exception(error)

    def _finish_if_idle(self) -> None:
        if not self.is_closing or self.in_flight > 0 or self.finished.done():
            return
        if self._error is not None:
            self.finished.set_exception(self._error)
        else:
            self.finished.set_result(None)

    def end(self) -> None:
        """Cancel what the session placed, if it asked for that; called once, when the stream is gone."""
        self._own()
        self._ended = True
        if self._cancel is not None and (order_ids := self._feeds.own_orders.owned(self.account_id, self.number)):
            self._cancel(order_ids)
