"""A runner hands a strategy everything in order, sends what it answers, and keeps the records."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

import pytest

from tests.client.scripted_venue import ACCOUNT_ID, ScriptedVenue
from tests.eventually import eventually_async
from wavetank.client import (
    BestBidOffer,
    CommandAnswered,
    Fill,
    PlaceOrder,
    PositionsRead,
    Reconnected,
    Recorder,
    Runner,
    Side,
    Started,
    StrategyCommand,
    StrategyEvent,
    Timer,
    Venue,
    WavetankError,
)
from wavetank.v1 import account_pb2, market_data_pb2, order_entry_pb2


class Watcher:
    """Keeps every event and places one order at the first price."""

    def __init__(self) -> None:
        self.events: list[StrategyEvent] = []

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        self.events.append(event)
        if isinstance(event, BestBidOffer):
            return [PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price=100, client_order_id=b"one")]
        return []

    def has_seen(self, kind: type) -> bool:
        return any(isinstance(event, kind) for event in self.events)


@pytest.fixture
def prepared(scripted: ScriptedVenue) -> ScriptedVenue:
    """Return a peer that has one best bid and offer, and an account long 2 SOL."""
    bbo = market_data_pb2.BestBidOffer(
        bid_price_ticks=999_900, bid_size_lots=10, ask_price_ticks=1_000_100, ask_size_lots=10
    )
    scripted.market_data.plays = [
        [
            market_data_pb2.SubscribeResponse(
                seq=5, updates=[market_data_pb2.MarketUpdate(seq=5, instrument_id=3, bbo=bbo)]
            )
        ]
    ]
    scripted.accounts.plays = [[account_pb2.StreamAccountEventsResponse(seq=1)]]
    scripted.accounts.positions = [account_pb2.Position(instrument_id=3, size_lots=200)]
    return scripted


async def test_a_strategy_is_run_and_recorded(prepared: ScriptedVenue, client: Venue) -> None:
    strategy, recorder = Watcher(), Recorder()
    running = asyncio.create_task(Runner(strategy, client, ["SOL"], telemetry=recorder).run())
    try:
        await eventually_async(lambda: strategy.has_seen(CommandAnswered) and strategy.has_seen(Timer))
        first = strategy.events[0]
        assert isinstance(first, Started)
        assert (first.account_id, first.positions) == (ACCOUNT_ID, {"SOL": Decimal(2)})
        # What the account had in the books was cancelled first.
        assert prepared.orders.requests[0].commands[0].HasField("cancel_all")
        prepared.orders.tell(
            order_entry_pb2.OrderEvent(
                seq=31,
                event_time_ns=77,
                fill=order_entry_pb2.Fill(
                    order_id=200,
                    instrument_id=3,
                    side=1,  # type: ignore[arg-type]
                    price_ticks=1_000_000,
                    size_lots=50,
                    fee_micros=7_500,
                    maker=True,
                ),
            )
        )
        await eventually_async(lambda: strategy.has_seen(Fill))
        await eventually_async(lambda: recorder.fills)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    (fill,) = recorder.fills
    # Bid 99.99 and ask 100.01; long 2 and 0.5 more.
    assert (fill.mid, fill.price, fill.size, fill.fee, fill.maker, fill.position) == (
        Decimal(100),
        Decimal(100),
        Decimal("0.5"),
        Decimal("0.0075"),
        True,
        Decimal("2.5"),
    )
    (latency,) = recorder.latencies
    assert (latency.command, latency.instrument, latency.reason) == ("place", "SOL", "")
    assert latency.acknowledge_ns >= 0
    assert [sample.mid for sample in recorder.samples] == [Decimal(100)]


async def test_after_a_lost_line_positions_are_read_anew(prepared: ScriptedVenue, client: Venue) -> None:
    strategy = Watcher()
    running = asyncio.create_task(Runner(strategy, client, ["SOL"]).run())
    try:
        await eventually_async(lambda: strategy.has_seen(CommandAnswered))
        prepared.accounts.positions = [account_pb2.Position(instrument_id=3, size_lots=-300)]
        prepared.orders.drop()
        await eventually_async(lambda: strategy.has_seen(PositionsRead))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert strategy.has_seen(Reconnected)
    read = next(event for event in strategy.events if isinstance(event, PositionsRead))
    assert read.positions == {"SOL": Decimal(-3)}


async def test_a_runner_says_why_it_cannot_go_on(prepared: ScriptedVenue, client: Venue) -> None:
    prepared.market_data.refuses = True
    with pytest.raises(WavetankError, match="the key is not known"):
        await Runner(Watcher(), client, ["SOL"]).run()


async def test_a_runner_that_was_running_says_why_it_cannot_go_on(prepared: ScriptedVenue, client: Venue) -> None:
    strategy = Watcher()
    running = asyncio.create_task(Runner(strategy, client, ["SOL"]).run())
    await eventually_async(lambda: strategy.has_seen(CommandAnswered))
    prepared.market_data.refuses = True
    prepared.market_data.drop()
    with pytest.raises(WavetankError, match="the key is not known"):
        await asyncio.wait_for(running, 10.0)
