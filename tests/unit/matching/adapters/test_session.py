"""One order session: every request is answered once, and of its orders none outlives it that should not."""

from __future__ import annotations

import asyncio

import pytest

from tests.eventually import eventually_async
from wavetank.matching.adapters import session as sessions
from wavetank.matching.adapters.order_feed import OrderFeeds
from wavetank.matching.adapters.session import OrderSession, SessionBatch, UnaryBatch
from wavetank.matching.adapters.wire_reader import read_session_request, read_unary_request
from wavetank.matching.core import commands as packed
from wavetank.matching.core.queries import KnownOrder
from wavetank.matching.ports import BatchStage, Committed
from wavetank.model.events import matching as events
from wavetank.model.orders import OrderFlag
from wavetank.model.reason import Reason
from wavetank.model.record import Event, encode_all
from wavetank.runtime.errors import VenueError
from wavetank.v1 import instrument_pb2, reason_pb2
from wavetank.v1 import order_entry_pb2 as pb

ACCOUNT = 1_000
PLACE = pb.Command(
    place=pb.PlaceOrder(
        instrument_id=1,
        side=instrument_pb2.SIDE_BUY,
        order_type=pb.ORDER_TYPE_LIMIT,
        price_ticks=9,
        size_lots=5,
        time_in_force=pb.TIME_IN_FORCE_GTC,
    )
)


class Desk:
    """A session, the stream it writes to, and the orders that it asked to cancel."""

    def __init__(self, *, cancels: bool = True, is_early: bool = False) -> None:
        self.cancelled: list[list[int]] = []
        self.sent: list[pb.SessionResponse] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.unflushed: list[OrderSession] = []
        self.feeds = OrderFeeds()
        self.session = OrderSession(
            ACCOUNT,
            1,
            feeds=self.feeds,
            write=self.write,
            committed_seq=lambda: 11,
            unflushed=self.unflushed,
            cancel=self.cancelled.append if cancels else None,
            is_early=is_early,
            order_flags=OrderFlag.CANCEL_ON_DISCONNECT,
        )
        self.feeds.join(ACCOUNT, self.session, [])

    async def write(self, data: bytes) -> None:
        """Take a message as a stream does, whose client may not read."""
        await self.reads.wait()
        self.sent.append(pb.SessionResponse.FromString(data))

    def send(self, request_id: int = 1) -> SessionBatch:
        self.session.in_flight += 1
        request = read_session_request(
            pb.SessionRequest(request_id=request_id, commands=[PLACE]).SerializeToString(), 9
        )
        return SessionBatch(self.session, request)

    def commit(self, seq: int, *happened: Event) -> None:
        """Let a cycle end with these events, of which the last has this seq."""
        first = seq - len(happened) + 1
        self.feeds.committed(Committed(first, seq, 1, encode_all(happened), [], []))
        self.session.flush()

    async def rest(self) -> list[pb.SessionResponse]:
        self.session.close()
        await asyncio.wait_for(self.session.finished, 5.0)
        return self.sent


def opened(order_id: int) -> bytes:
    return packed._RESULT.pack(order_id, 0, 5, 0, 0, 0, 0, 0, pb.ORDER_STATE_OPEN, 0, b"")


def accepted(order_id: int) -> Event:
    return events.OrderAccepted(1, ACCOUNT, order_id, b"", 9, 5, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0)


def cancelled(order_id: int) -> Event:
    return events.OrderCancelled(1, ACCOUNT, order_id, b"", 9, 5, 1, 1, 0, 0)


def filled(order_id: int, remaining_lots: int) -> Event:
    return events.Traded(1, 7, 1, ACCOUNT, order_id, 99, 9, 1, 0, 0, remaining_lots, 0, 2, 0, 0)


async def test_results_and_their_events_stand_in_one_message() -> None:
    desk = Desk()
    desk.send(5).done(opened(77), 12)
    desk.commit(12, accepted(77))
    # Events of a later cycle come by themselves.
    desk.commit(13, cancelled(77))
    first, second = await desk.rest()
    assert (first.request_id, first.seq, len(first.results), len(first.events)) == (5, 12, 1, 1)
    assert (second.request_id, second.seq, len(second.events)) == (0, 13, 1)


async def test_events_join_only_the_answers_of_their_own_cycle() -> None:
    desk = Desk()
    desk.reads.clear()
    for number, seq in ((5, 12), (6, 13)):
        desk.send(number).done(opened(70 + number), seq)
        desk.commit(seq, accepted(70 + number))
    desk.commit(14, cancelled(75))
    desk.reads.set()
    found = [(message.request_id, message.seq, len(message.events)) for message in await desk.rest()]
    assert found == [(5, 12, 1), (6, 13, 1), (0, 14, 1)]


async def test_what_is_matched_is_told_at_once_and_again_when_committed() -> None:
    desk = Desk(is_early=True)
    batch = desk.send(5)
    assert batch.wants_matched
    batch.matched(opened(77))
    batch.done(opened(77), 12)
    desk.commit(12, accepted(77))
    provisional, final = await desk.rest()
    assert (provisional.request_id, provisional.provisional, provisional.seq) == (5, True, 11)
    assert (final.request_id, final.provisional, final.seq) == (5, False, 12)
    assert provisional.results == final.results
    # Of what happened nothing leaves before the commit.
    assert (len(provisional.events), len(final.events)) == (0, 1)


async def test_a_closed_session_answers_what_is_in_flight_first() -> None:
    desk = Desk()
    batch = desk.send(5)
    desk.session.close(VenueError(Reason.NOT_READY, "the shard is stopping"))
    assert not desk.session.finished.done()
    batch.done(opened(77), 12)
    desk.session.flush()
    with pytest.raises(VenueError) as error:
        await asyncio.wait_for(desk.session.finished, 5.0)
    assert error.value.reason is Reason.NOT_READY
    assert [message.request_id for message in desk.sent] == [5]


async def test_a_session_ends_behind_its_last_message() -> None:
    desk = Desk()
    desk.reads.clear()
    desk.send(5).done(opened(77), 12)
    desk.session.flush()
    desk.session.close()
    assert not desk.session.finished.done()
    desk.reads.set()
    await asyncio.wait_for(desk.session.finished, 5.0)
    assert [message.request_id for message in desk.sent] == [5]


async def test_an_outcome_that_is_unknown_is_told_once() -> None:
    desk = Desk(is_early=True)
    batch = desk.send()
    batch.stage = BatchStage.TAKEN
    batch.lost()
    batch.matched(opened(77))
    batch.done(opened(77), 12)
    desk.commit(12, accepted(77))
    response, event = await desk.rest()
    assert response.refusal.reason == reason_pb2.REASON_LOG_UNAVAILABLE
    assert "the outcome is unknown" in response.refusal.message
    assert event.events[0].accepted.order.order_id == 77
    assert desk.session.in_flight == 0
    # It rests all the same, and so does not outlive the session.
    desk.session.end()
    assert desk.cancelled == [[77]]


async def test_what_was_never_taken_is_told_to_be_undone() -> None:
    desk = Desk()
    batch = desk.send()
    batch.stage = BatchStage.WITHDRAWN
    batch.lost()
    (response,) = await desk.rest()
    assert "nothing was done" in response.refusal.message


async def test_at_its_end_the_orders_that_still_rest_are_cancelled() -> None:
    desk = Desk()
    for order_id in (4, 2, 3, 1):
        desk.send().done(opened(order_id), 12)
        desk.commit(12, accepted(order_id))
    desk.commit(14, cancelled(4), filled(3, 0), filled(2, 1))
    desk.session.end()
    assert desk.cancelled == [[1, 2]]


async def test_orders_of_the_account_that_another_placed_stay() -> None:
    desk = Desk()
    desk.commit(12, accepted(5))
    desk.session.end()
    assert desk.cancelled == []


async def test_an_order_that_rests_after_the_end_is_cancelled_too() -> None:
    desk = Desk()
    batch = desk.send()
    desk.session.end()
    assert desk.cancelled == []
    batch.done(opened(8), 12)
    assert desk.cancelled == [[8]]


async def test_orders_stay_unless_the_session_asked_otherwise() -> None:
    desk = Desk(cancels=False)
    desk.send().done(opened(8), 12)
    desk.commit(12, accepted(8))
    desk.session.end()
    assert desk.cancelled == []


async def test_a_session_that_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_WAITING_RESPONSES", 3)
    desk = Desk()
    desk.reads.clear()
    for request_id in range(1, 6):
        desk.send(request_id).done(opened(request_id), 12)
        desk.commit(12, accepted(request_id))
    # One message is on its way, three wait, and one more is too many.
    with pytest.raises(VenueError) as error:
        await asyncio.wait_for(desk.session.finished, 5.0)
    assert (error.value.reason, error.value.allowed) == (Reason.SUBSCRIBER_TOO_SLOW, 3)
    desk.session.end()
    assert desk.cancelled == [[1, 2, 3, 4, 5]]


async def test_the_bytes_that_wait_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_WAITING_BYTES", 100)
    desk = Desk()
    desk.reads.clear()
    for size in (90, 90, 90, 90):
        desk.session.send(bytes(size))
        desk.session.flush()
    with pytest.raises(VenueError) as error:
        await asyncio.wait_for(desk.session.finished, 5.0)
    assert error.value.reason is Reason.SUBSCRIBER_TOO_SLOW


async def test_a_client_that_has_left_ends_its_session() -> None:
    desk = Desk()

    async def broken(_data: bytes) -> None:
        raise ConnectionError("the client has left")

    desk.session._writes._write = broken
    desk.send().done(opened(8), 12)
    desk.session.flush()
    assert desk.session.finished.done()
    desk.session.send(b"more")
    desk.session.flush()
    assert desk.session.finished.result() is None


async def test_a_unary_caller_is_answered_or_told_that_it_was_lost() -> None:
    asked = pb.PlaceOrderRequest(order=PLACE.place).SerializeToString()
    batch = UnaryBatch(read_unary_request(asked, 1, 9), ACCOUNT)
    assert batch.commands == packed.place(account_id=ACCOUNT, instrument_id=1, side=1, price_ticks=9, size_lots=5)
    batch.done(opened(8), 12)
    batch.lost()
    answer = pb.PlaceOrderResponse.FromString(await batch.answer)
    assert (answer.result.order_id, answer.seq) == (8, 12)
    late = UnaryBatch(read_unary_request(asked, 1, 9), ACCOUNT)
    late.stage = BatchStage.TAKEN
    late.lost()
    late.done(opened(8), 12)
    with pytest.raises(VenueError, match="the outcome is unknown"):
        await late.answer


async def test_a_session_knows_the_orders_from_before_it() -> None:
    desk = Desk()
    known = KnownOrder(70, b"old", ACCOUNT, 1, 1, 1, 1, 0, 9, 5, 0, 0, 1, 0, 1)
    desk.feeds.leave(ACCOUNT, desk.session)
    desk.feeds.join(ACCOUNT, desk.session, [known])
    desk.commit(12, cancelled(70))
    await eventually_async(lambda: len(desk.sent) == 1)
    assert desk.sent[0].events[0].cancelled.order.client_order_id == b"old"
