"""One order session: every request is answered once, and of its orders none outlives it that should not."""

from __future__ import annotations

import pytest

from wavetank.matching.adapters import session as sessions
from wavetank.matching.adapters.commands import PackedBatch
from wavetank.matching.adapters.session import OrderSession, SessionBatch
from wavetank.matching.core import commands as packed
from wavetank.matching.ports import BatchStage
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import instrument_pb2, reason_pb2
from wavetank.v1 import order_entry_pb2 as pb

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
    """A session and the orders that it asked to cancel."""

    def __init__(self, *, cancels: bool = True) -> None:
        self.cancelled: list[list[int]] = []
        self.session = OrderSession(1_000, cancels=cancels, cancel=self.cancelled.append)

    def send(self, request_id: int = 1) -> SessionBatch:
        self.session.in_flight += 1
        return SessionBatch(self.session, request_id, PackedBatch(1_000, [PLACE]))

    async def rest(self) -> list[pb.SessionResponse]:
        self.session.close()
        return [response async for response in self.session.responses()]


def opened(order_id: int) -> bytes:
    return packed._RESULT.pack(order_id, 0, 5, 0, 0, 0, 0, 0, pb.ORDER_STATE_OPEN, 0, b"")


def cancelled(order_id: int) -> pb.OrderEvent:
    return pb.OrderEvent(seq=9, cancelled=pb.OrderCancelled(order=pb.Order(order_id=order_id)))


def filled(order_id: int, remaining_lots: int) -> pb.OrderEvent:
    return pb.OrderEvent(seq=9, fill=pb.Fill(order_id=order_id, remaining_lots=remaining_lots))


async def test_results_and_their_events_stand_in_one_message() -> None:
    desk = Desk()
    desk.send(5).done(opened(77), 12)
    desk.session.order_events([cancelled(70)], 12)
    # Events of a later cycle come by themselves.
    desk.session.order_events([cancelled(71)], 13)
    first, second = await desk.rest()
    assert (first.request_id, first.seq, len(first.results), len(first.events)) == (5, 12, 1, 1)
    assert (second.request_id, second.seq, len(second.events)) == (0, 13, 1)


async def test_a_closed_session_answers_what_is_in_flight_first() -> None:
    desk = Desk()
    batch = desk.send(5)
    desk.session.close(VenueError(Reason.NOT_READY, "the shard is stopping"))
    responses = aiter(desk.session.responses())
    batch.done(opened(77), 12)
    assert (await anext(responses)).request_id == 5
    with pytest.raises(VenueError) as error:
        await anext(responses)
    assert error.value.reason is Reason.NOT_READY


async def test_an_outcome_that_is_unknown_is_told_once() -> None:
    desk = Desk()
    batch = desk.send()
    batch.stage = BatchStage.TAKEN
    batch.lost()
    batch.done(opened(77), 12)
    (response,) = await desk.rest()
    assert response.refusal.reason == reason_pb2.REASON_LOG_UNAVAILABLE
    assert "the outcome is unknown" in response.refusal.message
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


def test_at_its_end_the_orders_that_still_rest_are_cancelled() -> None:
    desk = Desk()
    for order_id in (4, 2, 3, 1):
        desk.send().done(opened(order_id), 12)
    desk.session.order_events([cancelled(4), filled(3, 0), filled(2, 1)], 13)
    desk.session.end()
    assert desk.cancelled == [[1, 2]]


def test_an_order_that_rests_after_the_end_is_cancelled_too() -> None:
    desk = Desk()
    batch = desk.send()
    desk.session.end()
    assert desk.cancelled == []
    batch.done(opened(8), 12)
    assert desk.cancelled == [[8]]


def test_orders_stay_unless_the_session_asked_otherwise() -> None:
    desk = Desk(cancels=False)
    desk.send().done(opened(8), 12)
    desk.session.end()
    assert desk.cancelled == []


async def test_a_session_that_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_WAITING_RESPONSES", 3)
    desk = Desk()
    for request_id in range(1, 5):
        desk.send(request_id).done(opened(request_id), 12)
    with pytest.raises(VenueError) as error:
        await anext(aiter(desk.session.responses()))
    assert (error.value.reason, error.value.allowed) == (Reason.SUBSCRIBER_TOO_SLOW, 3)
    desk.session.end()
    assert desk.cancelled == [[1, 2, 3, 4]]
