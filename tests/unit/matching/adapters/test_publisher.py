"""The publisher of market data: what each message says of its place, and what can be resumed."""

from __future__ import annotations

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, CAROL
from tests.unit.matching.memory_shard import BUY, SELL, Shard, order, running
from wavetank.matching.adapters import publisher as publishing
from wavetank.matching.adapters import subscriber as subscribers
from wavetank.matching.adapters.publisher import MarketData
from wavetank.matching.adapters.subscriber import Subscriber
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import market_data_pb2 as pb

BOOK = frozenset({pb.CHANNEL_BOOK})
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
    shard: Shard, publisher: MarketData, from_seq: int = 0, channels: frozenset[int] = ALL, account_id: int = 0
) -> Subscriber:
    reader = Subscriber(channels, frozenset(), 1_000, account_id)
    await shard.service.ask(lambda engine: publisher.subscribe(engine, reader, from_seq))
    return reader


async def waiting(reader: Subscriber) -> list[pb.MarketUpdate]:
    """Return what waits for a reader now."""
    found: list[pb.MarketUpdate] = []
    while (data := reader.next()) is not None:
        found += pb.SubscribeResponse.FromString(data).updates
    return found


async def told(reader: Subscriber) -> pb.SubscribeResponse:
    """Return what waits for a reader as the one message that it is."""
    data = reader.next()
    assert data is not None
    assert reader.next() is None
    return pb.SubscribeResponse.FromString(data)


def kind_of(update: pb.MarketUpdate) -> str:
    """Return what an update is, by its name in the contract."""
    return update.WhichOneof("update") or ""


async def rest(shard: Shard, *prices: int) -> None:
    """Let Alice offer at some prices, in one cycle."""
    for price in prices:
        shard.service.submit(order(ALICE, SELL, 10, price))
    await shard.settled()


@pytest.mark.spec("MTCH-080")
async def test_each_delta_names_the_change_before_it() -> None:
    async with running() as shard:
        publisher = await published(shard)
        await rest(shard, 1_010)
        reader = await subscribe(shard, publisher, channels=BOOK)
        (snapshot,) = await waiting(reader)
        await rest(shard, 1_020, 1_030)
        (first,) = await waiting(reader)
        shard.service.submit(order(BOB, BUY, 10, 1_010))
        await shard.settled()
        (second,) = await waiting(reader)
        assert [level.price_ticks for level in snapshot.book_snapshot.asks] == [1_010]
        assert first.book_delta.previous_seq == snapshot.seq
        assert [level.price_ticks for level in first.book_delta.asks] == [1_020, 1_030]
        assert second.book_delta.previous_seq == first.seq
        (gone,) = second.book_delta.asks
        assert (gone.price_ticks, gone.size_lots, gone.orders) == (1_010, 0, 0)
        # Two asks are left; the checksum of the book says so as well as that of a snapshot.
        (again,) = await waiting(await subscribe(shard, publisher, channels=BOOK))
        assert second.book_delta.checksum == again.book_snapshot.checksum != 0


async def test_a_trade_has_the_seq_of_its_event() -> None:
    async with running() as shard:
        publisher = await published(shard)
        await rest(shard, 1_010)
        reader = await subscribe(shard, publisher, channels=frozenset({pb.CHANNEL_TRADES}))
        await waiting(reader)
        shard.service.submit(order(BOB, BUY, 4, 1_010))
        await shard.settled()
        (trade,) = await waiting(reader)
        assert trade.seq == shard.log.last_seq
        assert (trade.trade.size_lots, trade.trade.price_ticks, trade.trade.aggressor) == (4, 1_010, BUY)


@pytest.mark.spec("MTCH-080")
async def test_a_commit_is_one_message_and_several_are_one_for_who_is_behind() -> None:
    async with running() as shard:
        publisher = await published(shard)
        await rest(shard, 1_010)
        reader = await subscribe(shard, publisher)
        begun = await told(reader)
        assert [kind_of(update) for update in begun.updates] == ["book_snapshot", "bbo", "prices"]
        shard.service.submit(order(BOB, BUY, 4, 1_010))
        await shard.settled()
        once = await told(reader)
        assert [kind_of(update) for update in once.updates] == ["trade", "book_delta", "bbo"]
        assert once.seq == shard.log.last_seq
        shard.service.submit(order(BOB, BUY, 4, 1_010))
        await rest(shard, 1_000)
        await rest(shard, 1_000)
        twice = await told(reader)
        assert [kind_of(update) for update in twice.updates] == ["trade", "book_delta", "bbo"]
        delta = twice.updates[1].book_delta
        # Three commits in one: 2 lots are left at 1,010, and twice 10 rest before them.
        levels = [(level.price_ticks, level.size_lots, level.orders) for level in delta.asks]
        assert sorted(levels) == [(1_000, 20, 2), (1_010, 2, 1)]
        assert delta.previous_seq == once.updates[1].seq
        assert twice.seq == shard.log.last_seq


async def test_who_resumes_gets_what_came_after_and_the_present_best_prices() -> None:
    async with running() as shard:
        publisher = await published(shard)
        await subscribe(shard, publisher)
        await rest(shard, 1_010)
        seen = shard.log.last_seq
        await rest(shard, 1_020)
        await rest(shard, 1_030)
        messages = await waiting(await subscribe(shard, publisher, seen))
        assert [kind_of(message) for message in messages] == ["book_delta", "book_delta", "bbo", "prices"]
        assert messages[0].book_delta.previous_seq == seen
        # Nothing is missing for who has seen everything.
        present = await waiting(await subscribe(shard, publisher, shard.log.last_seq))
        assert [kind_of(message) for message in present] == ["bbo", "prices"]


@pytest.mark.spec("MTCH-080")
@pytest.mark.parametrize("channel", [pb.CHANNEL_BOOK, pb.CHANNEL_TRADES, pb.CHANNEL_ORDERS])
async def test_every_channel_of_history_can_be_resumed(channel: int) -> None:
    async with running() as shard:
        publisher = await published(shard)
        reader = await subscribe(shard, publisher, channels=frozenset({channel}))
        await waiting(reader)
        seen = []
        for price in (1_010, 1_020, 1_030):
            await rest(shard, price)
            shard.service.submit(order(BOB, BUY, 4, price))
            await shard.settled()
            seen.append(shard.log.last_seq)
        whole = await waiting(reader)
        # It loses its line, and somebody else's order comes meanwhile.
        publisher.unsubscribe(reader)
        await rest(shard, 1_040)
        resumed = await waiting(await subscribe(shard, publisher, seen[1], frozenset({channel})))
        missed = [update for update in whole if update.seq > seen[1]] if channel != pb.CHANNEL_BOOK else []
        assert resumed[: len(missed)] == missed
        assert all(update.seq > seen[1] for update in resumed)


@pytest.mark.parametrize("channel", [pb.CHANNEL_BBO, pb.CHANNEL_PRICES, pb.CHANNEL_STATUS, pb.CHANNEL_QUEUE_POSITION])
async def test_who_resumes_a_state_gets_the_present_one(channel: int) -> None:
    async with running() as shard:
        publisher = await published(shard)
        await rest(shard, 1_010)
        begun = await waiting(await subscribe(shard, publisher, 0, frozenset({channel}), ALICE))
        resumed = await waiting(await subscribe(shard, publisher, shard.log.last_seq - 1, frozenset({channel}), ALICE))
        assert begun == resumed != []


async def test_what_is_no_longer_held_cannot_be_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "HELD_UPDATES", 2)
    async with running() as shard:
        publisher = await published(shard)
        await subscribe(shard, publisher, channels=BOOK)
        seqs = []
        for price in (1_010, 1_020, 1_030, 1_040):
            await rest(shard, price)
            seqs.append(shard.log.last_seq)
        # Held are the deltas of the last two orders: who has seen the second can go on, who has only the first cannot.
        reader = await subscribe(shard, publisher, seqs[1], BOOK)
        assert [message.seq for message in await waiting(reader)] == seqs[2:]
        for impossible in (seqs[0], seqs[3] + 1):
            with pytest.raises(VenueError) as error:
                await subscribe(shard, publisher, impossible)
            assert (error.value.reason, error.value.was) == (Reason.RESUME_IMPOSSIBLE, impossible)
        with pytest.raises(VenueError) as error:
            await subscribe(shard, publisher, seqs[0], BOOK)
        assert error.value.allowed == seqs[1]


async def test_a_channel_that_nobody_reads_is_told_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "HELD_UPDATES", 3)
    async with running() as shard:
        publisher = await published(shard)
        reader = await subscribe(shard, publisher, channels=BOOK)
        publisher.unsubscribe(reader)
        left = shard.log.last_seq
        await rest(shard, 1_010)
        # For a while it is still told, so that who lost its line can go on.
        publisher.unsubscribe(await subscribe(shard, publisher, left, BOOK))
        for _ in range(5):
            await rest(shard, 1_010)
        with pytest.raises(VenueError) as error:
            await subscribe(shard, publisher, left, BOOK)
        assert error.value.reason is Reason.RESUME_IMPOSSIBLE
        assert error.value.allowed == shard.log.last_seq


@pytest.mark.spec("MTCH-070")
async def test_own_orders_are_marked_and_their_places_told() -> None:
    async with running() as shard:
        publisher = await published(shard)
        shard.line(CAROL)
        shard.service.submit(order(BOB, SELL, 7, 1_010))
        shard.service.submit(order(ALICE, SELL, 10, 1_010))
        await shard.settled()
        channels = frozenset({pb.CHANNEL_ORDERS, pb.CHANNEL_QUEUE_POSITION})
        alice = await subscribe(shard, publisher, channels=channels, account_id=ALICE)
        carol = await subscribe(shard, publisher, channels=channels, account_id=CAROL)
        begun = await told(alice)
        snapshot, place = begun.updates
        assert [each.size_lots for each in snapshot.orders_snapshot.orders] == [7, 10]
        own = snapshot.orders_snapshot.orders[1].order_id
        assert list(begun.own_order_ids) == [own]
        assert places([place]) == [(own, 7, 1)]
        assert not (await told(carol)).own_order_ids
        # 3 of Bob's 7 trade, and another order of Alice's comes behind: 4 stand before the first, 14 before the second.
        shard.service.submit(order(CAROL, BUY, 3, 1_010))
        shard.service.submit(order(ALICE, SELL, 1, 1_010))
        await shard.settled()
        message = await told(alice)
        (second,) = message.own_order_ids
        executed, added, *positions = message.updates
        assert (executed.order_update.executed_lots, executed.order_update.size_lots) == (3, 4)
        assert added.order_update.kind == pb.ORDER_UPDATE_KIND_ADDED
        assert sorted(places(positions)) == [(own, 4, 1), (second, 14, 2)]
        assert [kind_of(update) for update in await waiting(carol)] == ["order_update", "order_update"]
        # Somewhere else something happens, and no place is told; then all is bought.
        shard.service.submit(order(BOB, SELL, 1, 1_020))
        await shard.settled()
        assert [kind_of(update) for update in await waiting(alice)] == ["order_update"]
        shard.service.submit(order(CAROL, BUY, 15, 1_010))
        await shard.settled()
        left = [update.queue_position for update in await waiting(alice) if kind_of(update) == "queue_position"]
        assert sorted((each.order_id, each.has_left) for each in left) == [(own, True), (second, True)]


def places(updates: list[pb.MarketUpdate]) -> list[tuple[int, int, int]]:
    """Return (order, lots ahead, orders ahead) of each."""
    told = [update.queue_position for update in updates]
    return [(each.order_id, each.lots_ahead, each.orders_ahead) for each in told]


async def test_without_readers_nothing_is_made() -> None:
    async with running() as shard:
        publisher = await published(shard)
        await rest(shard, 1_010)
        assert not publisher._held


async def test_a_quiet_reader_is_told_how_far_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribers, "QUIET_SEQS", 3)
    async with running() as shard:
        publisher = await published(shard)
        await subscribe(shard, publisher, channels=BOOK)
        quiet = await subscribe(shard, publisher, channels=frozenset({pb.CHANNEL_TRADES}))
        await told(quiet)
        await rest(shard, 1_010)
        assert quiet.next() is None
        for price in (1_020, 1_030, 1_040):
            await rest(shard, price)
        message = await told(quiet)
        assert (message.seq, len(message.updates)) == (shard.log.last_seq, 0)


async def test_a_long_snapshot_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "PART_ENTRIES", 2)
    monkeypatch.setattr(subscribers, "MESSAGE_BYTES", 60)
    async with running() as shard:
        publisher = await published(shard)
        await rest(shard, 1_010, 1_020, 1_030)
        reader = await subscribe(shard, publisher, channels=frozenset({pb.CHANNEL_BOOK, pb.CHANNEL_ORDERS}))
        messages = []
        while (data := reader.next()) is not None:
            messages.append(pb.SubscribeResponse.FromString(data))
        # Only who has read the last of them has been told everything.
        assert [message.seq for message in messages] == [0, 0, 0, shard.log.last_seq]
        parts = [update for message in messages for update in message.updates]
        books = [part.book_snapshot for part in parts if kind_of(part) == "book_snapshot"]
        assert [(len(each.asks), each.more, each.continued) for each in books] == [(2, True, False), (1, False, True)]
        assert [bool(each.checksum) for each in books] == [False, True]
        orders = [part.orders_snapshot for part in parts if kind_of(part) == "orders_snapshot"]
        assert [(len(each.orders), each.more, each.continued) for each in orders] == [
            (2, True, False),
            (1, False, True),
        ]


async def test_at_its_end_it_ends_all_and_begins_no_more() -> None:
    async with running() as shard:
        publisher = await published(shard)
        reader = await subscribe(shard, publisher, channels=frozenset({pb.CHANNEL_TRADES}))
        await waiting(reader)
        publisher.stop()
        with pytest.raises(VenueError) as error:
            await anext(aiter(reader.messages()))
        assert error.value.reason is Reason.NOT_READY
        with pytest.raises(VenueError):
            await subscribe(shard, publisher)
