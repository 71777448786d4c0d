"""One session over several shards: commands find their shard, and credit that is elsewhere is waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.client.scripted_venue import KEY, SOL, ScriptedVenue
from tests.eventually import eventually_async
from wavetank.client import (
    CommandAnswered,
    CreditElsewhere,
    Disconnected,
    PlaceOrder,
    Reconnected,
    Side,
    Venue,
    VenueUnavailable,
    connect,
)
from wavetank.v1 import instrument_pb2, order_entry_pb2, reason_pb2

ELSEWHERE = order_entry_pb2.Refusal(reason=reason_pb2.REASON_CREDIT_ELSEWHERE, was=9, allowed=5)


@pytest.fixture
async def other() -> AsyncIterator[ScriptedVenue]:
    """Return the second shard, which trades ETH."""
    async with ScriptedVenue() as peer:
        yield peer


@pytest.fixture
async def sharded(scripted: ScriptedVenue, other: ScriptedVenue) -> AsyncIterator[Venue]:
    """Return a client of a venue whose SOL is on one shard and whose ETH is on another."""
    eth = instrument_pb2.Instrument()
    eth.CopyFrom(SOL)
    eth.instrument_id, eth.symbol = 4, "ETH"
    scripted.directory.instruments = [SOL, eth]
    scripted.directory.shards = [(other.address, 4)]
    async with connect(scripted.address, api_key=KEY, timeout=3.0) as venue:
        yield venue


async def test_an_order_whose_credit_is_elsewhere_is_sent_again_with_the_same_id(
    scripted: ScriptedVenue, client: Venue
) -> None:
    scripted.orders.refusals = [ELSEWHERE, ELSEWHERE]
    async with client.session() as session:
        events = session.events(answers=True)
        result = await session.place("SOL", Side.BUY, 1, 100)
        assert result.refusal is None
        answered = await events.next(timeout=2)
        assert isinstance(answered, CommandAnswered)
        assert answered.result == result
        # The two refusals were told to nobody.
        assert events.pending() == 0
    ids = [request.commands[0].place.client_order_id for request in scripted.orders.requests]
    assert len(ids) == 3
    assert len(set(ids)) == 1


async def test_of_a_batch_only_what_was_refused_is_sent_again(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.refusals = [ELSEWHERE]
    async with client.session() as session:
        orders = [PlaceOrder(instrument="SOL", side=Side.BUY, size=size, price=100) for size in (1, 2)]
        results = await session.batch(orders)
    assert [result.remaining_size for result in results] == [1, 2]
    assert [len(request.commands) for request in scripted.orders.requests] == [2, 1]


async def test_it_is_tried_so_often_and_not_at_all_if_switched_off(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.refusals = [ELSEWHERE] * 3
    async with client.session(credit_retries=2) as session:
        with pytest.raises(CreditElsewhere):
            await session.place("SOL", Side.BUY, 1, 100)
    assert len(scripted.orders.requests) == 3
    scripted.orders.refusals = [ELSEWHERE]
    async with client.session(credit_retries=0) as session:
        with pytest.raises(CreditElsewhere):
            await session.place("SOL", Side.BUY, 1, 100)
    assert len(scripted.orders.requests) == 4


async def test_single_calls_try_again_too(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.orders.refusals = [ELSEWHERE]
    assert (await client.orders.place("SOL", Side.BUY, 1, 100)).refusal is None
    first, second = scripted.orders.batches
    assert first.commands[0].place.client_order_id == second.commands[0].place.client_order_id
    scripted.orders.refusals = [ELSEWHERE]
    (result,) = await client.orders.send(
        [PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price=100)], credit_retries=0
    )
    assert isinstance(result.refusal, CreditElsewhere)


async def test_commands_go_to_the_shard_of_their_instrument(
    scripted: ScriptedVenue, other: ScriptedVenue, sharded: Venue
) -> None:
    async with sharded.session() as session:
        orders = [PlaceOrder(instrument=name, side=Side.BUY, size=1, price=100) for name in ("SOL", "ETH", "SOL")]
        results = await session.batch(orders)
        assert [result.refusal for result in results] == [None, None, None]
        assert [len(request.commands) for request in scripted.orders.requests] == [2]
        assert [len(request.commands) for request in other.orders.requests] == [1]
        # The venue's ids begin with the shard, counted from 1.
        await session.cancel(order_id=(2 << 48) | 7)
        assert other.orders.requests[-1].commands[0].cancel.order_id == (2 << 48) | 7
        assert len(scripted.orders.requests) == 1


async def test_cancelling_everything_goes_to_all_shards_and_is_told_once(
    scripted: ScriptedVenue, other: ScriptedVenue, sharded: Venue
) -> None:
    async with sharded.session() as session:
        events = session.events(answers=True)
        await session.cancel_all()
        assert isinstance(await events.next(timeout=2), CommandAnswered)
        assert events.pending() == 0
    assert [peer.orders.requests[0].commands[0].WhichOneof("command") for peer in (scripted, other)] == [
        "cancel_all"
    ] * 2


async def test_one_shard_is_lost_and_the_other_goes_on(
    scripted: ScriptedVenue, other: ScriptedVenue, sharded: Venue
) -> None:
    async with sharded.session() as session:
        events = session.events()
        other.orders.drop()
        lost = await events.next(timeout=2)
        assert isinstance(lost, Disconnected)
        assert lost.stream == "session of shard 1"
        assert (await session.place("SOL", Side.BUY, 1, 100)).refusal is None
        with pytest.raises(VenueUnavailable):
            await session.place("ETH", Side.BUY, 1, 100)
        assert isinstance(await events.next(timeout=5), Reconnected)
        await eventually_async(lambda: session.is_connected)
        assert (await session.place("ETH", Side.BUY, 1, 100)).refusal is None
    assert scripted.orders.half_closed == 1
