"""Order entry as clients see it: sessions and their unary twins over real gRPC, against a real venue."""

import asyncio

import grpc
import grpc.aio
import pytest

from tests.eventually import eventually_async
from tests.integration.callers import BTC, BUY, SELL, SOL, Caller, Session, on_grid, place, refused
from tests.integration.matching.conftest import Trader
from wavetank.v1 import api_key_pb2, reason_pb2
from wavetank.v1 import order_entry_pb2 as pb

LOTS = 100
"""Of SOL, one whole: far above the least notional of 10 dollars."""


async def bid_of(caller: Caller, percent: int = 97) -> int:
    """Return a price of SOL on the grid, that much of the mark."""
    return on_grid(await caller.mark_ticks(SOL) * percent // 100)


def sol(side: int, price_ticks: int, size_lots: int = LOTS, client_order_id: bytes = b"") -> pb.PlaceOrder:
    return place(side, size_lots, price_ticks, instrument_id=SOL, client_order_id=client_order_id)


async def test_an_order_lives_through_a_session(new_trader: Trader) -> None:
    trader = await new_trader()
    price = await bid_of(trader)
    session = await Session.open(trader)
    assert session.opened.account_id == trader.account_id
    assert session.opened.max_commands == 1_000

    response = await session.do(pb.Command(place=sol(BUY, price, client_order_id=b"mine")))
    placed = response.results[0]
    assert (placed.state, placed.remaining_lots, placed.client_order_id) == (pb.ORDER_STATE_OPEN, LOTS, b"mine")
    # Its event stands in the same message, at or before the seq that covers the answer.
    event = response.events[0]
    assert event.accepted.order.order_id == placed.order_id
    assert session.opened.seq < event.seq <= response.seq

    response = await session.do(pb.Command(amend=pb.AmendOrder(client_order_id=b"mine", size_lots=LOTS - 40)))
    assert (response.results[0].state, response.results[0].remaining_lots) == (pb.ORDER_STATE_OPEN, 60)
    assert response.events[0].amended.kept_priority

    response = await session.do(pb.Command(cancel=pb.CancelOrder(order_id=placed.order_id)))
    assert (response.results[0].state, response.results[0].remaining_lots) == (pb.ORDER_STATE_CANCELLED, 60)
    assert response.events[0].cancelled.order.cancel_reason == pb.CANCEL_REASON_REQUESTED
    assert await trader.open_orders() == []
    await session.close()


async def test_the_unary_twins_do_the_same(new_trader: Trader) -> None:
    trader = await new_trader()
    price = await bid_of(trader)
    placed = await trader.place(sol(BUY, price, client_order_id=b"one"))
    amended = await trader.ask(
        trader.orders.AmendOrder,
        pb.AmendOrderRequest(amend=pb.AmendOrder(order_id=placed.order_id, size_lots=LOTS - 1)),
    )
    assert amended.result.remaining_lots == 99
    found = await trader.ask(trader.orders.GetOrder, pb.GetOrderRequest(order_id=placed.order_id))
    assert (found.order.remaining_lots, found.order.client_order_id) == (99, b"one")
    cancelled = await trader.ask(
        trader.orders.CancelOrder, pb.CancelOrderRequest(cancel=pb.CancelOrder(client_order_id=b"one"))
    )
    assert cancelled.result.state == pb.ORDER_STATE_CANCELLED
    assert cancelled.seq > amended.seq
    # Ended, it is still known by the client's own id.
    found = await trader.ask(trader.orders.GetOrder, pb.GetOrderRequest(client_order_id=b"one"))
    assert found.order.state == pb.ORDER_STATE_CANCELLED


async def test_the_commands_of_a_batch_succeed_or_fail_by_themselves(new_trader: Trader) -> None:
    trader = await new_trader()
    price = await bid_of(trader)
    answer = await trader.ask(
        trader.orders.SendBatch,
        pb.SendBatchRequest(
            commands=[
                pb.Command(place=sol(BUY, price)),
                pb.Command(),  # Says nothing.
                pb.Command(place=sol(BUY, price, size_lots=0)),
                pb.Command(cancel=pb.CancelOrder(order_id=12_345)),
                pb.Command(place=sol(SELL, on_grid(price * 106 // 100))),
            ]
        ),
    )
    assert [result.refusal.reason for result in answer.results] == [
        0,
        reason_pb2.REASON_MALFORMED,
        reason_pb2.REASON_SIZE_OUT_OF_RANGE,
        reason_pb2.REASON_ORDER_UNKNOWN,
        0,
    ]
    assert [order.order_id for order in await trader.open_orders()] == [
        answer.results[0].order_id,
        answer.results[4].order_id,
    ]


async def test_cancel_all_takes_what_its_filter_names(new_trader: Trader) -> None:
    trader = await new_trader()
    bid = await bid_of(trader)
    ask = on_grid(bid * 106 // 100)
    far_btc = on_grid(await trader.mark_ticks(BTC) * 97 // 100)
    for order in (sol(BUY, bid), sol(BUY, bid), sol(SELL, ask), place(BUY, 100, far_btc)):
        assert (await trader.place(order)).state == pb.ORDER_STATE_OPEN

    async def cancel_all(**fields: int) -> int:
        answer = await trader.ask(
            trader.orders.CancelAllOrders,
            pb.CancelAllOrdersRequest(cancel_all=pb.CancelAllOrders(**fields)),  # type: ignore[arg-type] # Numbers.
        )
        return int(answer.result.cancelled_orders)

    assert await cancel_all(instrument_id=SOL, side=BUY) == 2
    assert await cancel_all(instrument_id=BTC) == 1
    assert await cancel_all() == 1
    assert await cancel_all() == 0


@pytest.mark.spec("ORD-030")
async def test_the_same_client_order_id_gets_the_same_answer(new_trader: Trader) -> None:
    trader = await new_trader()
    order = sol(BUY, await bid_of(trader), client_order_id=b"again")
    first = await trader.place(order)
    session = await Session.open(trader)
    again = await session.place(order)
    assert again.repeated_answer
    assert (again.order_id, again.state) == (first.order_id, pb.ORDER_STATE_OPEN)
    assert len(await trader.open_orders()) == 1
    await session.close()


async def test_maker_and_taker_hear_of_their_trade(new_trader: Trader) -> None:
    maker, taker = await new_trader(), await new_trader()
    makers, takers = await Session.open(maker), await Session.open(taker)
    price = await bid_of(maker, 100)
    resting = await makers.place(sol(SELL, price, client_order_id=b"maker"))
    assert resting.state == pb.ORDER_STATE_OPEN
    response = await takers.do(pb.Command(place=sol(BUY, price, size_lots=30, client_order_id=b"taker")))
    result = response.results[0]
    # 30 lots at the price; a tick times a lot is a micro-dollar.
    assert (result.state, result.filled_lots, result.filled_value_micros) == (
        pb.ORDER_STATE_FILLED,
        30,
        30 * price,
    )
    own = next(event.fill for event in response.events if event.HasField("fill"))
    assert (own.client_order_id, own.maker, own.size_lots, own.side) == (b"taker", False, 30, BUY)

    def told() -> list[pb.Fill]:
        return [event.fill for event in makers.events if event.HasField("fill")]

    (fill,) = await eventually_async(told)
    assert (fill.client_order_id, fill.maker, fill.size_lots, fill.remaining_lots) == (b"maker", True, 30, 70)
    assert fill.trade_id == own.trade_id
    seqs = [event.seq for event in makers.events]
    assert seqs == sorted(seqs)
    await makers.close()
    await takers.close()


async def test_requests_are_answered_in_their_order_and_before_the_stream_ends(new_trader: Trader) -> None:
    trader = await new_trader()
    price = await bid_of(trader)
    call = trader.orders.Session(metadata=trader.metadata)
    await call.write(pb.SessionRequest(request_id=77, open=pb.SessionOpen()))
    for number in range(1, 51):
        await call.write(
            pb.SessionRequest(request_id=number, commands=[pb.Command(place=sol(BUY, price, size_lots=20 + number))])
        )
    # It has nothing more to ask, but wants its answers.
    await call.done_writing()
    answered = [response.request_id async for response in call if response.request_id]
    assert answered == [77, *range(1, 51)]
    assert await call.code() is grpc.StatusCode.OK
    assert len(await trader.open_orders()) == 50


async def test_orders_of_a_session_that_asked_for_it_do_not_outlive_it(new_trader: Trader) -> None:
    trader = await new_trader()
    price = await bid_of(trader)
    stays = await trader.place(sol(BUY, price))
    session = await Session.open(trader, cancel_on_disconnect=True)
    placed = await session.place(sol(BUY, price))
    # An amended order is still that of whoever placed it.
    await session.do(pb.Command(amend=pb.AmendOrder(order_id=stays.order_id, size_lots=LOTS - 1)))
    watching = await Session.open(trader)
    # The last of these is in flight when the client is gone; a quick venue may have answered the first ones.
    for _ in range(10):
        sent = await session.send(*[pb.Command(place=sol(BUY, price)) for _ in range(10)])
        if not sent.done():
            break
    assert not sent.done()
    await session.close()

    async def is_alone() -> bool:
        return [order.order_id for order in await trader.open_orders()] == [stays.order_id]

    def cancelled() -> dict[int, int]:
        return {
            event.cancelled.order.order_id: event.cancelled.order.cancel_reason
            for event in watching.events
            if event.HasField("cancelled")
        }

    await eventually_async(is_alone)
    # The other session is told on a stream of its own, perhaps a moment later.
    await eventually_async(lambda: placed.order_id in cancelled())
    assert cancelled()[placed.order_id] == pb.CANCEL_REASON_DISCONNECTED
    assert stays.order_id not in cancelled()
    await watching.close()


async def test_a_session_begins_with_open_and_has_one(new_trader: Trader) -> None:
    trader = await new_trader()
    call = trader.orders.Session(metadata=trader.metadata)
    await call.write(pb.SessionRequest(request_id=1, commands=[pb.Command()]))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        _ = [response async for response in call]
    assert (refused(error.value).code, refused(error.value).reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")

    session = await Session.open(trader)
    await session.call.write(pb.SessionRequest(request_id=5, open=pb.SessionOpen()))
    answer = await session.do(pb.Command(cancel_all=pb.CancelAllOrders()))
    assert answer.results[0].cancelled_orders == 0
    await session.close()


async def test_a_revoked_key_ends_its_session(admin: Caller, new_trader: Trader) -> None:
    trader = await new_trader()
    session = await Session.open(trader)
    key_id = trader.key.partition(".")[0]
    await admin.ask(admin.keys.RevokeApiKey, api_key_pb2.RevokeApiKeyRequest(key_id=key_id))

    async def has_ended() -> bool:
        try:
            await session.do(pb.Command(cancel_all=pb.CancelAllOrders()), timeout=1.0)
        except (ConnectionError, TimeoutError):
            return session.ended is not None
        return False

    await eventually_async(has_ended)
    assert session.ended is not None
    assert refused(session.ended).reason == "KEY_UNKNOWN"


async def test_a_session_sees_only_its_own_account(new_trader: Trader) -> None:
    one, other = await new_trader(), await new_trader()
    call = one.orders.Session(metadata=one.metadata)
    await call.write(pb.SessionRequest(open=pb.SessionOpen(account_id=other.account_id)))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        _ = [response async for response in call]
    assert refused(error.value).reason == "SCOPE_MISSING"
    placed = await other.place(sol(BUY, await bid_of(other)))
    refusal = await one.refusal_of(one.orders.GetOrder, pb.GetOrderRequest(order_id=placed.order_id))
    assert refusal.reason == "ORDER_UNKNOWN"
    result = await one.ask(
        one.orders.CancelOrder, pb.CancelOrderRequest(cancel=pb.CancelOrder(order_id=placed.order_id))
    )
    assert result.result.refusal.reason == reason_pb2.REASON_ORDER_UNKNOWN


async def test_many_sessions_of_one_account_trade_at_once(new_trader: Trader) -> None:
    trader = await new_trader()
    price = await bid_of(trader)
    sessions = [await Session.open(trader) for _ in range(4)]
    answers = await asyncio.gather(*(session.place(sol(BUY, price)) for session in sessions for _ in range(10)))
    assert len({answer.order_id for answer in answers}) == 40

    def heard() -> bool:
        # Each session hears of the orders of all.
        return all(
            {event.accepted.order.order_id for event in session.events if event.HasField("accepted")}
            >= {answer.order_id for answer in answers}
            for session in sessions
        )

    await eventually_async(heard)
    for session in sessions:
        await session.close()


@pytest.mark.spec("INV-110")
async def test_a_session_may_be_answered_before_the_log(new_trader: Trader) -> None:
    trader = await new_trader()
    price = await bid_of(trader)
    call = trader.orders.Session(metadata=trader.metadata)
    opening = pb.SessionOpen(acknowledgement=pb.ACKNOWLEDGEMENT_MATCHED)
    await call.write(pb.SessionRequest(request_id=1, open=opening))
    await call.write(pb.SessionRequest(request_id=2, commands=[pb.Command(place=sol(BUY, price))]))
    await call.done_writing()
    opened, provisional, final = [response async for response in call]
    assert (opened.request_id, opened.provisional) == (1, False)
    assert (provisional.request_id, provisional.provisional, len(provisional.events)) == (2, True, 0)
    assert (final.request_id, final.provisional) == (2, False)
    assert final.results == provisional.results
    # It is told only then, at a seq that the provisional answer could not know.
    assert final.events[0].accepted.order.order_id == provisional.results[0].order_id
    assert final.seq > provisional.seq


async def test_an_unknown_acknowledgement_is_refused(new_trader: Trader) -> None:
    trader = await new_trader()
    call = trader.orders.Session(metadata=trader.metadata)
    await call.write(pb.SessionRequest(open=pb.SessionOpen(acknowledgement=9)))  # type: ignore[arg-type] # A number.
    with pytest.raises(grpc.aio.AioRpcError) as error:
        _ = [response async for response in call]
    assert refused(error.value).message.startswith("acknowledgement is 9;")


async def test_an_atomic_batch_is_accepted_whole_or_not_at_all(new_trader: Trader) -> None:
    trader = await new_trader()
    price = await bid_of(trader)
    good, bad = pb.Command(place=sol(BUY, price)), pb.Command(place=sol(BUY, price, size_lots=0))

    async def send(*commands: pb.Command) -> list[int]:
        request = pb.SendBatchRequest(commands=commands, atomic=True)
        return [result.refusal.reason for result in (await trader.ask(trader.orders.SendBatch, request)).results]

    assert await send(good, bad) == [reason_pb2.REASON_BATCH_REFUSED, reason_pb2.REASON_SIZE_OUT_OF_RANGE]
    # What has no meaning at all is refused at the door, and its mates with it.
    assert await send(good, pb.Command()) == [reason_pb2.REASON_BATCH_REFUSED, reason_pb2.REASON_MALFORMED]
    assert await trader.open_orders() == []
    assert await send(good, good) == [0, 0]
    assert len(await trader.open_orders()) == 2


async def test_a_group_and_a_mass_quote_tell_each_of_their_orders(new_trader: Trader) -> None:
    trader = await new_trader()
    bid = await bid_of(trader)
    ask = on_grid(bid * 106 // 100)
    group = pb.PlaceGroup(kind=pb.GROUP_KIND_ONE_CANCELS_OTHER, orders=[sol(BUY, bid), sol(SELL, ask)])
    placed = (await trader.ask(trader.orders.PlaceGroup, pb.PlaceGroupRequest(group=group))).result
    assert [inner.state for inner in placed.results] == [pb.ORDER_STATE_OPEN] * 2
    orders = await trader.open_orders()
    assert {(order.group_id, order.group_kind) for order in orders} == {
        (placed.results[0].order_id, pb.GROUP_KIND_ONE_CANCELS_OTHER)
    }
    quotes = [pb.Quote(side=side, price_ticks=price, size_lots=LOTS) for side, price in ((BUY, bid), (SELL, ask))]  # type: ignore[arg-type] # Numbers.
    asked = pb.MassQuoteRequest(mass_quote=pb.MassQuote(instrument_id=SOL, quotes=quotes))
    quoted = (await trader.ask(trader.orders.MassQuote, asked)).result
    assert [inner.state for inner in quoted.results] == [pb.ORDER_STATE_OPEN] * 2
    again = (await trader.ask(trader.orders.MassQuote, asked)).result
    # The same quotes keep their place.
    assert [inner.order_id for inner in again.results] == [inner.order_id for inner in quoted.results]
    assert sum(order.quote for order in await trader.open_orders()) == 2


async def test_an_order_can_be_tried_without_placing_it(new_trader: Trader) -> None:
    trader = await new_trader()
    price = await bid_of(trader)

    async def check(order: pb.PlaceOrder) -> pb.CheckOrderResponse:
        answer: pb.CheckOrderResponse = await trader.ask(trader.orders.CheckOrder, pb.CheckOrderRequest(order=order))
        return answer

    fine = await check(sol(BUY, price))
    assert (fine.HasField("refusal"), fine.price_ticks, fine.fill_lots) == (False, price, 0)
    assert fine.committed_after_micros > fine.committed_before_micros == 0
    assert fine.available_micros > fine.committed_after_micros
    assert (await check(sol(BUY, price, size_lots=0))).refusal.reason == reason_pb2.REASON_SIZE_OUT_OF_RANGE
    assert (await check(pb.PlaceOrder())).refusal.reason == reason_pb2.REASON_MALFORMED
    assert await trader.open_orders() == []


async def test_the_dead_man_switch_cancels_all(new_trader: Trader) -> None:
    trader = await new_trader()
    session = await Session.open(trader)
    await session.place(sol(BUY, await bid_of(trader)))
    response = await session.do(pb.Command(cancel_all_after=pb.CancelAllAfter(timeout_ms=1_000)))
    assert response.events[0].dead_man.deadline_ns > 0

    async def is_empty() -> bool:
        return await trader.open_orders() == []

    await eventually_async(is_empty)
    # Nothing but time has passed.
    fired = next(event.dead_man for event in session.events if event.dead_man.fired)
    assert fired.deadline_ns == 0
    cancelled = [event.cancelled.order.cancel_reason for event in session.events if event.HasField("cancelled")]
    assert cancelled == [pb.CANCEL_REASON_DEAD_MAN]
    refused_one = await session.do(pb.Command(cancel_all_after=pb.CancelAllAfter(timeout_ms=5)))
    assert refused_one.results[0].refusal.reason == reason_pb2.REASON_TIMEOUT_OUT_OF_RANGE
    await session.close()


async def test_orders_inside_groups_and_quotes_count_as_commands(new_trader: Trader) -> None:
    trader = await new_trader()
    quotes = pb.MassQuote(instrument_id=SOL, quotes=[pb.Quote()] * 199)
    refusal = await trader.refusal_of(
        trader.orders.SendBatch, pb.SendBatchRequest(commands=[pb.Command(mass_quote=quotes)] * 6)
    )
    # Six times 199 are 1,194.
    assert (refusal.reason, refusal.was, refusal.allowed) == ("BATCH_TOO_LARGE", "1194", "1000")
