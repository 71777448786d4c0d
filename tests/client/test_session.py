"""A session answers in order, survives the loss of its line, and never says more than it knows."""

import asyncio
from decimal import Decimal

import pytest

from tests.client.scripted_venue import ACCOUNT_ID, KEY, ScriptedVenue
from tests.eventually import eventually_async
from wavetank.client import (
    Acknowledgement,
    AuthenticationFailed,
    Backoff,
    CommandAnswered,
    CommandUnresolved,
    CreditExceeded,
    Disconnected,
    Fill,
    OrderState,
    OutcomeUnknown,
    PlaceOrder,
    PriceOffGrid,
    RateLimited,
    RawCommand,
    Reconnected,
    SessionClosed,
    Side,
    Venue,
    VenueUnavailable,
    connect,
)
from wavetank.v1 import order_entry_pb2, reason_pb2


def order_message(order_id: int, *, state: order_entry_pb2.OrderState.ValueType) -> order_entry_pb2.Order:
    return order_entry_pb2.Order(
        order_id=order_id,
        client_order_id=f"order {order_id}".encode(),
        account_id=ACCOUNT_ID,
        instrument_id=3,
        side=1,  # type: ignore[arg-type]
        order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
        time_in_force=order_entry_pb2.TIME_IN_FORCE_GTC,
        price_ticks=1_000_000,
        remaining_lots=100 if state == order_entry_pb2.ORDER_STATE_OPEN else 0,
        state=state,
    )


async def test_an_order_is_placed(scripted: ScriptedVenue, client: Venue) -> None:
    async with client.session(cancel_on_disconnect=True) as session:
        result = await session.place("SOL", Side.BUY, "1.5", "100.05")
    assert (result.state, result.remaining_size) == (OrderState.OPEN, Decimal("1.5"))
    assert scripted.orders.hellos[0].cancel_on_disconnect
    sent = scripted.orders.requests[0].commands[0].place
    assert (sent.price_ticks, sent.size_lots, len(sent.client_order_id)) == (1_000_500, 150, 16)
    assert scripted.orders.half_closed == 1


async def test_many_requests_are_under_way_at_once(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.is_answering = False
    async with client.session() as session:
        waiting = [
            session.submit([PlaceOrder(instrument="SOL", side=Side.BUY, size=number, price=100)])
            for number in range(1, 21)
        ]
        await eventually_async(lambda: len(scripted.orders.requests) == 20)
        assert not any(each.done() for each in waiting)
        for request in scripted.orders.requests:
            scripted.orders.answer(request)
        results = await asyncio.gather(*waiting)
        assert [result[0].remaining_size for result in results] == [Decimal(number) for number in range(1, 21)]
        ids = {request.commands[0].place.client_order_id for request in scripted.orders.requests}
        assert len(ids) == 20


async def test_a_refusal_is_raised_and_the_session_goes_on(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.refusals = [
        order_entry_pb2.Refusal(reason=reason_pb2.REASON_CREDIT_EXCEEDED, was=5, allowed=4, message="too much")
    ]
    async with client.session() as session:
        with pytest.raises(CreditExceeded, match="too much"):
            await session.place("SOL", Side.BUY, 1, 100)
        assert (await session.place("SOL", Side.BUY, 1, 100)).refusal is None


async def test_a_batch_keeps_its_refusals_in_its_results(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.refusals = [order_entry_pb2.Refusal(reason=reason_pb2.REASON_PRICE_OFF_GRID)]
    async with client.session() as session:
        order = PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price=100)
        first, second = await session.batch([order, order])
    assert isinstance(first.refusal, PriceOffGrid)
    assert second.refusal is None


async def test_what_cannot_be_exact_is_refused_before_it_is_sent(scripted: ScriptedVenue, client: Venue) -> None:
    async with client.session() as session:
        with pytest.raises(PriceOffGrid):
            await session.place("SOL", Side.BUY, 1, "100.005")
        with pytest.raises(TypeError, match="float"):
            await session.place("SOL", Side.BUY, 1, 100.5)  # type: ignore[arg-type]
        assert scripted.orders.requests == []
        raw = order_entry_pb2.Command(place=order_entry_pb2.PlaceOrder(instrument_id=3, price_ticks=1_000_050))
        await session.batch([RawCommand(raw)])
    assert scripted.orders.requests[0].commands[0] == raw


async def test_an_overdue_answer_leaves_the_outcome_unknown_and_is_told_when_it_comes(
    scripted: ScriptedVenue, client: Venue
) -> None:
    scripted.orders.is_answering = False
    async with client.session(timeout=0.2) as session:
        events = session.events(answers=True)
        with pytest.raises(OutcomeUnknown, match="client_order_id") as caught:
            await session.place("SOL", Side.BUY, 1, 100, client_order_id=b"mine")
        assert caught.value.client_order_ids == (b"mine",)
        assert isinstance(await events.next(timeout=2), CommandUnresolved)
        scripted.orders.answer(scripted.orders.requests[0])
        late = await events.next(timeout=2)
        assert isinstance(late, CommandAnswered)
        assert late.result.client_order_id == b"mine"


async def test_when_the_log_does_not_answer_the_outcome_is_unknown(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.whole_refusal = order_entry_pb2.Refusal(
        reason=reason_pb2.REASON_LOG_UNAVAILABLE, message="the log did not answer in time"
    )
    async with client.session() as session:
        events = session.events(answers=True)
        with pytest.raises(OutcomeUnknown, match="the log did not answer") as caught:
            await session.place("SOL", Side.BUY, 1, 100, client_order_id=b"mine")
        assert caught.value.reason == "LOG_UNAVAILABLE"
        assert caught.value.client_order_ids == (b"mine",)
        assert isinstance(await events.next(timeout=2), CommandUnresolved)


async def test_a_request_that_is_refused_whole(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.whole_refusal = order_entry_pb2.Refusal(reason=reason_pb2.REASON_RATE_LIMITED, message="slower")
    async with client.session() as session:
        with pytest.raises(RateLimited, match="slower"):
            await session.place("SOL", Side.BUY, 1, 100)


async def test_a_lost_line_is_restored_and_orders_are_read_again(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.open_orders = [
        order_message(order_id, state=order_entry_pb2.ORDER_STATE_OPEN) for order_id in (1, 2)
    ]
    async with client.session() as session:
        events = session.events()
        assert [order.order_id for order in session.open_orders] == [1, 2]
        # While the line is down, order 1 is filled.
        scripted.orders.open_orders = [order_message(2, state=order_entry_pb2.ORDER_STATE_OPEN)]
        scripted.orders.ended_orders = [order_message(1, state=order_entry_pb2.ORDER_STATE_FILLED)]
        scripted.orders.is_answering = False
        waiting = session.submit([PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price=100)])
        await eventually_async(lambda: len(scripted.orders.requests) == 1)
        scripted.orders.is_answering = True
        scripted.orders.drop()
        with pytest.raises(OutcomeUnknown):
            await waiting
        lost = await events.next(timeout=5)
        assert isinstance(lost, Disconnected)
        assert lost.cause == "the line was dropped"
        back = await events.next(timeout=5)
        assert isinstance(back, Reconnected)
        assert [order.order_id for order in back.open_orders] == [2]
        assert [(order.order_id, order.state) for order in back.ended_orders] == [(1, OrderState.FILLED)]
        # What was under way was not sent again.
        assert len(scripted.orders.requests) == 1
        await session.place("SOL", Side.BUY, 1, 100)
        assert len(scripted.orders.hellos) == 2


async def test_while_the_venue_is_away_nothing_is_sent(scripted: ScriptedVenue, client: Venue) -> None:
    async with client.session() as session:
        events = session.events()
        address = scripted.address
        await scripted.stop()
        assert isinstance(await events.next(timeout=5), Disconnected)
        with pytest.raises(VenueUnavailable, match="nothing was sent"):
            await session.place("SOL", Side.BUY, 1, 100)
        await scripted.start(address)
        assert isinstance(await events.next(timeout=10), Reconnected)
        await session.place("SOL", Side.BUY, 1, 100)


async def test_own_events_keep_the_open_orders_up_to_date(scripted: ScriptedVenue, client: Venue) -> None:
    async with client.session() as session, session.events() as events:
        order = order_message(5, state=order_entry_pb2.ORDER_STATE_OPEN)
        scripted.orders.tell(
            order_entry_pb2.OrderEvent(seq=31, accepted=order_entry_pb2.OrderAccepted(order=order)),
            order_entry_pb2.OrderEvent(
                seq=32,
                fill=order_entry_pb2.Fill(
                    order_id=5,
                    instrument_id=3,
                    side=1,  # type: ignore[arg-type]
                    price_ticks=1_000_000,
                    size_lots=40,
                    remaining_lots=60,
                ),
            ),
        )
        await events.next(timeout=5)
        assert isinstance(await events.next(timeout=5), Fill)
        (known,) = session.open_orders
        # 0.4 at 100 USD.
        assert [known.remaining_size, known.filled_size, known.filled_value] == [Decimal("0.6"), Decimal("0.4"), 40]


async def test_a_wrong_key_is_not_tried_again(scripted: ScriptedVenue) -> None:
    async with connect(scripted.address, api_key="wrong", timeout=2.0) as venue:
        with pytest.raises(AuthenticationFailed):
            async with venue.session():
                pass


async def test_a_closed_session_sends_nothing(client: Venue) -> None:
    async with client.session() as session:
        pass
    with pytest.raises(SessionClosed):
        await session.place("SOL", Side.BUY, 1, 100)


async def test_nobody_at_the_address_is_said_in_time() -> None:
    with pytest.raises(VenueUnavailable):
        await connect("127.0.0.1:1", api_key=KEY, timeout=0.5, backoff=Backoff(first=0.05))


async def test_a_single_order_is_sent_again_under_the_same_id(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.batch_failures = 2
    result = await client.orders.place("SOL", Side.BUY, 1, 100)
    assert result.order_id == 1
    ids = [batch.commands[0].place.client_order_id for batch in scripted.orders.batches]
    assert len(ids) == 3
    assert len(set(ids)) == 1


async def test_a_single_cancel_is_not_sent_again(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.batch_failures = 1
    with pytest.raises(OutcomeUnknown):
        await client.orders.cancel_all("SOL")
    assert len(scripted.orders.batches) == 1


async def test_what_is_matched_is_told_provisionally_and_again_when_logged(
    scripted: ScriptedVenue, client: Venue
) -> None:
    scripted.orders.is_answering = False
    async with client.session(acknowledgement=Acknowledgement.MATCHED) as session:
        assert scripted.orders.hellos[0].acknowledgement == order_entry_pb2.ACKNOWLEDGEMENT_MATCHED
        events = session.events(answers=True)
        waiting = session.submit([PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price=100)])
        await eventually_async(lambda: len(scripted.orders.requests) == 1)
        scripted.orders.foretell(scripted.orders.requests[0])
        (result,) = await waiting
        assert (result.state, result.provisional) == (OrderState.OPEN, True)
        scripted.orders.answer(scripted.orders.requests[0])
        final = await events.next(3.0)
        assert isinstance(final, CommandAnswered)
        assert (final.result.order_id, final.result.provisional) == (result.order_id, False)


async def test_a_provisional_answer_that_was_never_logged_is_told_as_unresolved(
    scripted: ScriptedVenue, client: Venue
) -> None:
    scripted.orders.is_answering = False
    async with client.session(acknowledgement=Acknowledgement.MATCHED) as session:
        events = session.events(answers=True)
        waiting = session.submit([PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price=100)])
        await eventually_async(lambda: len(scripted.orders.requests) == 1)
        scripted.orders.foretell(scripted.orders.requests[0])
        assert (await waiting)[0].provisional
        scripted.orders.drop()
        assert isinstance(await events.next(3.0), CommandUnresolved)


async def test_an_atomic_batch_says_so(scripted: ScriptedVenue, client: Venue) -> None:
    async with client.session() as session:
        order = PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price=100)
        assert len(await session.batch([order, order], atomic=True)) == 2
        await session.batch([order])
    assert [request.atomic for request in scripted.orders.requests] == [True, False]
