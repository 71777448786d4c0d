"""Encoded market data: the generated code reads it, and it leads to the books that the engine holds."""

from __future__ import annotations

import random
import struct
from collections import defaultdict
from dataclasses import fields, replace
from typing import Any

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, INSTRUMENT, IOC, POST_ONLY, REDUCE_ONLY, SELL, Desk
from wavetank.matching.adapters import market_encoder
from wavetank.matching.adapters.market_encoder import BookMirror, OrderEncoder
from wavetank.matching.core import commands
from wavetank.model.events.matching import OrderAccepted, OrderCancelled, OrderTriggered, Traded
from wavetank.model.orders import CancelReason
from wavetank.model.record import Event, encode_all
from wavetank.v1 import market_data_pb2 as pb

LARGE = (1 << 40) - 1


def parsed(*chunks: bytes) -> list[pb.MarketUpdate]:
    """Return encoded updates as the generated code reads them."""
    return list(pb.SubscribeResponse.FromString(b"".join(chunks)).updates)


def test_messages_of_state_are_those_of_the_contract() -> None:
    head: dict[str, Any] = {"seq": 300, "event_time_ns": 1 << 60, "instrument_id": 7}
    bids, asks = [(100, 5, 1), (99, LARGE, 70_000)], [(101, 7, 2)]
    (snapshot,) = parsed(market_encoder.book_snapshot(7, 300, 1 << 60, bids, asks, -5, True, True))
    rows = {
        name: [pb.PriceLevel(price_ticks=p, size_lots=s, orders=n) for p, s, n in side]
        for name, side in (("bids", bids), ("asks", asks))
    }
    assert snapshot == pb.MarketUpdate(
        **head, book_snapshot=pb.BookSnapshot(**rows, checksum=-5, more=True, continued=True)
    )
    levels = [(7, BUY, 100, 5, 1), (7, BUY, 99, LARGE, 70_000), (7, SELL, 101, 7, 2)]
    (delta,) = parsed(market_encoder.book_delta(7, 300, 1 << 60, levels, 299, 1 << 62))
    assert delta == pb.MarketUpdate(**head, book_delta=pb.BookDelta(**rows, previous_seq=299, checksum=1 << 62))
    (bbo,) = parsed(market_encoder.best_bid_offer(7, 300, 1 << 60, (100, 5, 0, 0)))
    assert bbo == pb.MarketUpdate(**head, bbo=pb.BestBidOffer(bid_price_ticks=100, bid_size_lots=5))
    # Orders 8 to 10 as the engine packs them, 7 of 70 lots shown; the part is the one in the middle, Alice's.
    packed = b"".join(struct.pack("<qqqqqqB7x", number, ALICE, 101, 7, 70, 7, SELL) for number in (8, 9, 10))
    data, own = market_encoder.orders_snapshot(7, 300, 1 << 60, packed, 1, 2, ALICE)
    order = pb.BookOrder(order_id=9, side=SELL, price_ticks=101, size_lots=7)  # type: ignore[arg-type]
    assert parsed(data) == [
        pb.MarketUpdate(**head, orders_snapshot=pb.OrdersSnapshot(orders=[order], more=True, continued=True))
    ]
    assert own == [9]
    assert market_encoder.orders_snapshot(7, 300, 1 << 60, packed, 0, 3, BOB)[1] == []
    stands, left = parsed(
        market_encoder.queue_position(7, 300, 1 << 60, 9, SELL, 101, 12, 3),
        market_encoder.queue_position(7, 300, 1 << 60, 9, 0, 0, 0, 0),
    )
    assert stands.queue_position == pb.QueuePosition(
        order_id=9,
        side=SELL,  # type: ignore[arg-type]
        price_ticks=101,
        lots_ahead=12,
        orders_ahead=3,
    )
    assert left.queue_position == pb.QueuePosition(order_id=9, has_left=True)
    update = pb.MarketUpdate(seq=1, prices=pb.InstrumentPrices(stale=True))
    response = market_encoder.response(5, [market_encoder.wrapped(update.SerializeToString())], [1 << 48, 3])
    assert pb.SubscribeResponse.FromString(response) == pb.SubscribeResponse(
        seq=5, updates=[update], own_order_ids=[1 << 48, 3]
    )


@pytest.mark.spec("MTCH-080")
def test_a_checksum_is_that_of_the_contract() -> None:
    mirror = BookMirror()
    assert mirror.checksum == 0
    mirror.load([(100, 5, 1)], [(101, 7, 2)])
    # The number in market_data.proto, made there with whole numbers of any length.
    assert mirror.checksum == 811_086_456_700_739_479
    # What changes is told once, and a way back is no change.
    changed = mirror.apply([(1, BUY, 100, 9, 2), (1, SELL, 101, 7, 2), (1, BUY, 99, 1, 1), (1, BUY, 99, 0, 0)])
    assert {level[1:3]: level[3] for level in changed} == {(BUY, 100): 9, (BUY, 99): 0}
    mirror.apply([(1, BUY, 100, 5, 1)])
    assert mirror.checksum == 811_086_456_700_739_479
    mirror.apply([(1, BUY, 100, 0, 0), (1, SELL, 101, 0, 0)])
    assert mirror.checksum == 0


class Queues:
    """What a reader of order updates knows."""

    def __init__(self) -> None:
        self.levels: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)

    def apply(self, update: pb.OrderUpdate) -> None:
        queue = self.levels[update.side, update.price_ticks]
        if update.kind == pb.ORDER_UPDATE_KIND_ADDED:
            assert update.order_id not in queue
            assert update.size_lots > 0
            queue[update.order_id] = update.size_lots
            return
        before = queue.pop(update.order_id) if update.size_lots == 0 else queue[update.order_id]
        if update.kind == pb.ORDER_UPDATE_KIND_EXECUTED:
            assert before - update.executed_lots == update.size_lots
        if update.size_lots:
            queue[update.order_id] = update.size_lots

    def told(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        return {level: list(queue.items()) for level, queue in self.levels.items() if queue}


def held(desk: Desk) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return the queues as the engine holds them."""
    found = {}
    for side, levels in zip((BUY, SELL), desk.engine.book(1, 1_000), strict=True):
        for price_ticks, _, _ in levels:
            orders = [desk.engine.order(order_id) for order_id in desk.engine.queue(1, side, price_ticks)]
            found[side, price_ticks] = [(order.order_id, order.visible_lots) for order in orders if order is not None]
    return found


@pytest.mark.spec("MTCH-070", "MTCH-080")
@pytest.mark.parametrize("seed", range(10))
def test_random_commands_lead_to_the_books_of_the_engine(seed: int) -> None:
    """Every commit of up to 30 commands, with amends, self-trades and reduce-only orders that shrink."""
    rng = random.Random(seed)
    desk = Desk(replace(INSTRUMENT, max_position_lots=LARGE, open_interest_cap_lots=1 << 60))
    for account_id in (ALICE, BOB, CAROL):
        desk.line(account_id, 1 << 50)
    encoder, mirror, queues = OrderEncoder(), BookMirror(), Queues()
    levels: dict[tuple[int, int], tuple[int, int]] = {}
    live: list[tuple[int, int]] = []
    for _ in range(60):
        batch = [random_command(rng, live) for _ in range(rng.randint(1, 30))]
        first_seq = desk.engine.next_seq
        records = desk.engine.apply_commands(desk.now, b"".join(batch), len(batch))
        results = commands.unpack_results(desk.engine.results)
        live += [
            (int.from_bytes(command[16:24], "little"), result.order_id)
            for command, result in zip(batch, results, strict=True)
            if command[0] == 1 and result.reason == 0
        ]
        runs, added = encoder.encode(records, first_seq, 9, trades=True, orders=True, lookup=desk.engine.order)
        updates = parsed(*[data for _, _, _, data in runs])
        assert [each.seq for each in updates] == sorted(each.seq for each in updates)
        assert all(first_seq <= each.seq < desk.engine.next_seq for each in updates)
        assert sum(count for _, _, count, _ in runs) == len(updates)
        told = [each.order_update for each in updates if each.HasField("order_update")]
        for each in told:
            queues.apply(each)
        assert queues.told() == held(desk)
        assert encoder.orders() == sum(len(queue) for queue in queues.told().values())
        assert [order_id for _, _, order_id in added] == [
            each.order_id for each in told if each.kind == pb.ORDER_UPDATE_KIND_ADDED
        ]
        # Every trade is told as such, and as the execution of its maker.
        trades = [each.trade for each in updates if each.HasField("trade")]
        executed = [each for each in told if each.kind == pb.ORDER_UPDATE_KIND_EXECUTED]
        assert [(each.trade_id, each.size_lots) for each in trades] == [
            (each.trade_id, each.executed_lots) for each in executed
        ]
        for _, side, price, lots, orders in mirror.apply(desk.engine.drain_level_updates()):
            levels[side, price] = (lots, orders)
        whole = BookMirror()
        bids, asks = desk.engine.book(1, 1_000)
        whole.load(bids, asks)
        assert mirror.checksum == whole.checksum
        assert {key: level for key, level in levels.items() if level[0]} == {
            (side, price): (lots, orders) for side, rows in ((BUY, bids), (SELL, asks)) for price, lots, orders in rows
        }


def random_command(rng: random.Random, live: list[tuple[int, int]]) -> bytes:
    """Return a command that may mean something, mostly near the mark."""
    kind = rng.random()
    side = rng.choice((BUY, SELL))
    price = 10 * (100 + rng.randint(-5, 5))
    if kind < 0.3 and live:
        account_id, order_id = live.pop(rng.randrange(len(live)))
        return commands.cancel(account_id=account_id, order_id=order_id)
    if kind < 0.45 and live:
        account_id, order_id = rng.choice(live)
        return commands.amend(
            account_id=account_id,
            order_id=order_id,
            price_ticks=rng.choice((0, price)),
            size_lots=rng.choice((0, 1, 5, 40)),
        )
    return commands.place(
        account_id=rng.choice((ALICE, BOB, CAROL)),
        instrument_id=1,
        side=side,
        size_lots=rng.randint(1, 50),
        price_ticks=price,
        time_in_force=IOC if kind > 0.9 else 1,
        flags=0 if kind > 0.85 else rng.choice((0, 0, POST_ONLY, REDUCE_ONLY)),
    )


# What the engine says of orders that show a part, wait, or stand in a group, as it says it.


def nothing(event: type[Any]) -> dict[str, Any]:
    """Return the fields of an event, all zero."""
    return {field.name: 0 for field in fields(event)}


def accepted(order_id: int, **others: int) -> OrderAccepted:
    """Return the acceptance of a sell of 10 lots at 100."""
    values = nothing(OrderAccepted) | {
        "instrument_id": 1,
        "account_id": ALICE,
        "price_ticks": 100,
        "size_lots": 10,
        "side": SELL,
        "order_type": 1,
        "time_in_force": 1,
    }
    return OrderAccepted(**(values | {"order_id": order_id, "client_order_id": b""} | others))


def traded(maker: int, taker: int, lots: int, left: int, **others: int) -> Traded:
    """Return a trade at 100 that leaves `left` lots of the maker's, and nothing of the taker's."""
    values = nothing(Traded) | {"instrument_id": 1, "price_ticks": 100, "taker_side": BUY}
    own = {"maker_order_id": maker, "taker_order_id": taker, "size_lots": lots, "maker_remaining_lots": left}
    return Traded(**(values | own | others))


def cancelled(order_id: int, reason: CancelReason) -> OrderCancelled:
    values = nothing(OrderCancelled) | {"instrument_id": 1, "account_id": ALICE}
    return OrderCancelled(**(values | {"order_id": order_id, "client_order_id": b"", "reason": reason}))


def told_of(encoder: OrderEncoder, *events: Event) -> list[tuple[str, int, int, int]]:
    """Return (kind, order, lots shown, lots executed) of each update that events lead to."""
    runs, _ = encoder.encode(encode_all(events), 1, 9, trades=False, orders=True, lookup=lambda _: None)
    updates = [each.order_update for each in parsed(*[data for _, _, _, data in runs])]
    names = {kind: name.removeprefix("ORDER_UPDATE_KIND_") for name, kind in pb.OrderUpdateKind.items()}
    return [(names[each.kind], each.order_id, each.size_lots, each.executed_lots) for each in updates]


@pytest.mark.spec("MTCH-080")
def test_what_an_iceberg_hides_is_never_told() -> None:
    encoder = OrderEncoder()
    assert told_of(encoder, accepted(1, display_lots=4)) == [("ADDED", 1, 4, 0)]
    # 10 lots: 4 shown trade in two steps, 4 more come to the end, then the last 2.
    assert told_of(encoder, traded(1, 9, 3, 7)) == [("EXECUTED", 1, 1, 3)]
    assert told_of(encoder, traded(1, 9, 1, 6)) == [("EXECUTED", 1, 0, 1), ("ADDED", 1, 4, 0)]
    assert told_of(encoder, traded(1, 9, 4, 2)) == [("EXECUTED", 1, 0, 4), ("ADDED", 1, 2, 0)]
    assert told_of(encoder, traded(1, 9, 2, 0)) == [("EXECUTED", 1, 0, 2)]
    assert encoder.orders() == 0


def test_an_order_that_waits_for_its_trigger_is_not_told_of() -> None:
    encoder = OrderEncoder()
    assert told_of(encoder, accepted(1, trigger_kind=1), accepted(2, trigger_kind=1)) == []
    assert told_of(encoder, cancelled(2, CancelReason.REQUESTED)) == []
    fired = OrderTriggered(
        instrument_id=1,
        account_id=ALICE,
        order_id=1,
        client_order_id=b"",
        price_ticks=101,
        size_lots=6,
        loss_micros=0,
        margin_price_ticks=0,
        seen_price_ticks=101,
        side=SELL,
    )
    assert told_of(encoder, fired) == [("ADDED", 1, 6, 0)]


def test_orders_of_a_group_come_to_rest_in_turn() -> None:
    encoder = OrderEncoder()
    told_of(encoder, accepted(1))
    # Both are accepted, then the first trades and takes the second along before that has ever rested.
    first, second = (accepted(number, group_id=2, group_kind=1, side=BUY) for number in (2, 3))
    trade = replace(traded(1, 2, 4, 6), taker_remaining_lots=6)
    assert told_of(encoder, first, second, trade, cancelled(3, CancelReason.GROUP)) == [
        ("EXECUTED", 1, 6, 4),
        ("ADDED", 2, 6, 0),
    ]


def test_an_auction_executes_both_orders() -> None:
    encoder = OrderEncoder()
    told_of(encoder, accepted(1), accepted(2, side=BUY, price_ticks=103))
    trade = replace(traded(1, 2, 10, 0), auction=1)
    assert told_of(encoder, trade) == [("EXECUTED", 1, 0, 10), ("EXECUTED", 2, 0, 10)]


def test_an_order_that_is_cancelled_by_the_next_command_did_rest() -> None:
    assert told_of(OrderEncoder(), accepted(1), cancelled(1, CancelReason.REQUESTED)) == [
        ("ADDED", 1, 10, 0),
        ("REMOVED", 1, 0, 0),
    ]
    assert told_of(OrderEncoder(), accepted(1), cancelled(1, CancelReason.SELF_TRADE)) == []
