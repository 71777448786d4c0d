"""The publisher of market data: what each message says of its place, and what can be resumed."""

from __future__ import annotations

import pytest

from tests.unit.matching.core.desk import ALICE, BOB
from tests.unit.matching.memory_shard import BUY, SELL, Shard, order, running
from wavetank.matching.adapters import market_data
from wavetank.matching.adapters.market_data import MarketData
from wavetank.matching.adapters.subscriber import Subscriber
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import market_data_pb2 as pb

ALL = frozenset({pb.CHANNEL_BBO, pb.CHANNEL_BOOK, pb.CHANNEL_TRADES, pb.CHANNEL_PRICES})


async def published(shard: Shard) -> MarketData:
    """Return a publisher behind a shard in which Alice and Bob may trade."""
    publisher = MarketData(shard.service)
    shard.service.tell(publisher)
    shard.open()
    await shard.price(1_000)
    shard.line(ALICE)
    shard.line(BOB)
    await shard.settled()
    return publisher


async def subscribe(
    shard: Shard, publisher: MarketData, from_seq: int = 0, channels: frozenset[int] = ALL
) -> Subscriber:
    reader = Subscriber(channels, frozenset(), 1_000)
    await shard.service.ask(lambda engine: publisher.subscribe(engine, reader, from_seq))
    return reader


async def waiting(reader: Subscriber) -> list[pb.SubscribeResponse]:
    """Return what waits for a reader now."""
    found = []
    while (message := reader._next()) is not None:
        found.append(pb.SubscribeResponse.FromString(message.data))
    return found


async def rest(shard: Shard, *prices: int) -> None:
    """Let Alice offer at some prices, in one cycle."""
    for price in prices:
        shard.service.submit(order(ALICE, SELL, 10, price))
    await shard.settled()


@pytest.mark.spec("MTCH-080")
async def test_each_delta_names_the_message_before_it() -> None:
    async with running() as shard:
        publisher = await published(shard)
        await rest(shard, 1_010)
        reader = await subscribe(shard, publisher, channels=frozenset({pb.CHANNEL_BOOK}))
        await rest(shard, 1_020, 1_030)
        shard.service.submit(order(BOB, BUY, 10, 1_010))
        await shard.settled()
        snapshot, first, second = await waiting(reader)
        # The snapshot stands for the delta before it: seq of the first order's event.
        assert [level.price_ticks for level in snapshot.book_snapshot.asks] == [1_010]
        assert first.book_delta.previous_seq == snapshot.seq
        assert [level.price_ticks for level in first.book_delta.asks] == [1_020, 1_030]
        assert second.book_delta.previous_seq == first.seq
        (gone,) = second.book_delta.asks
        assert (gone.price_ticks, gone.size_lots, gone.orders) == (1_010, 0, 0)


async def test_a_trade_has_the_seq_of_its_event() -> None:
    async with running() as shard:
        publisher = await published(shard)
        await rest(shard, 1_010)
        reader = await subscribe(shard, publisher, channels=frozenset({pb.CHANNEL_TRADES}))
        shard.service.submit(order(BOB, BUY, 4, 1_010))
        await shard.settled()
        (trade,) = await waiting(reader)
        assert trade.seq == shard.log.last_seq
        assert (trade.trade.size_lots, trade.trade.price_ticks, trade.trade.aggressor) == (4, 1_010, BUY)


async def test_who_resumes_gets_what_came_after_and_the_present_best_prices() -> None:
    async with running() as shard:
        publisher = await published(shard)
        await rest(shard, 1_010)
        seen = shard.log.last_seq
        await rest(shard, 1_020)
        await rest(shard, 1_030)
        reader = await subscribe(shard, publisher, seen)
        messages = await waiting(reader)
        assert [message.WhichOneof("update") for message in messages] == ["book_delta", "book_delta", "bbo", "prices"]
        assert messages[0].book_delta.previous_seq == seen
        # Nothing is missing for who has seen everything.
        assert [
            m.WhichOneof("update") for m in await waiting(await subscribe(shard, publisher, shard.log.last_seq))
        ] == [
            "bbo",
            "prices",
        ]


async def test_what_is_no_longer_held_cannot_be_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_data, "HELD_MESSAGES", 2)
    async with running() as shard:
        publisher = await published(shard)
        seqs = []
        for price in (1_010, 1_020, 1_030, 1_040):
            await rest(shard, price)
            seqs.append(shard.log.last_seq)
        # Held are the deltas of the last two orders: who has seen the second can go on, who has only the first cannot.
        reader = await subscribe(shard, publisher, seqs[1], frozenset({pb.CHANNEL_BOOK}))
        assert [message.seq for message in await waiting(reader)] == seqs[2:]
        for impossible in (seqs[0], seqs[3] + 1):
            with pytest.raises(VenueError) as error:
                await subscribe(shard, publisher, impossible)
            assert error.value.reason is Reason.RESUME_IMPOSSIBLE
            assert error.value.allowed == seqs[1]


async def test_at_its_end_it_ends_all_and_begins_no_more() -> None:
    async with running() as shard:
        publisher = await published(shard)
        reader = await subscribe(shard, publisher, channels=frozenset({pb.CHANNEL_TRADES}))
        publisher.stop()
        with pytest.raises(VenueError) as error:
            await anext(aiter(reader.messages()))
        assert error.value.reason is Reason.NOT_READY
        with pytest.raises(VenueError):
            await subscribe(shard, publisher)
