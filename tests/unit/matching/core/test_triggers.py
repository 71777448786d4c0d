"""Triggers (ORD-010): orders that wait for a price, and what happens when it comes."""

from __future__ import annotations

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, IOC, MARKET, POST_ONLY, REDUCE_ONLY, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.orders import CancelReason, InstrumentState, OrderState
from wavetank.model.orders import TriggerKind as Kind
from wavetank.model.orders import TriggerSource as Source
from wavetank.model.reason import Reason

pytestmark = pytest.mark.spec("ORD-010")


def stop(price: int, source: int = Source.MARK) -> dict[str, int]:
    return {"trigger_kind": Kind.STOP, "trigger_source": source, "trigger_price_ticks": price}


def take(price: int, source: int = Source.MARK) -> dict[str, int]:
    return {"trigger_kind": Kind.TAKE_PROFIT, "trigger_source": source, "trigger_price_ticks": price}


def test_what_waits_commits_nothing_and_is_not_in_the_book(desk: Desk) -> None:
    placed = desk.place(ALICE, BUY, 100, 1_020, **stop(1_010))
    assert (placed.state, placed.remaining_lots) == (OrderState.UNTRIGGERED, 100)
    accepted = next(desk.of_kind("OrderAccepted"))
    assert (accepted.loss_micros, accepted.margin_price_ticks, accepted.trigger_price_ticks) == (0, 0, 1_010)
    assert desk.engine.committed(ALICE) == 0
    assert desk.engine.bbo(1) == (0, 0, 0, 0)
    assert [order.state for order in desk.engine.open_orders(ALICE)] == [OrderState.UNTRIGGERED]


@pytest.mark.parametrize(
    ("side", "trigger", "short", "reached"),
    [
        (BUY, stop(1_010), 1_000, 1_010),
        (SELL, stop(990), 991, 990),
        (BUY, take(990), 991, 990),
        (SELL, take(1_010), 1_000, 1_010),
    ],
)
def test_each_kind_waits_for_its_side_of_the_price(
    desk: Desk, side: int, trigger: dict[str, int], short: int, reached: int
) -> None:
    order_id = desk.place(ALICE, side, 100, 1_000, **trigger).order_id
    desk.mark(short)
    assert desk.kinds() == ["MarkApplied"]
    desk.mark(reached)
    assert desk.kinds() == ["MarkApplied", "OrderTriggered"]
    fired = next(desk.of_kind("OrderTriggered"))
    assert (fired.order_id, fired.seen_price_ticks, fired.price_ticks, fired.size_lots) == (
        order_id,
        reached,
        1_000,
        100,
    )
    assert desk.engine.open_orders(ALICE)[0].state == OrderState.OPEN


def test_it_runs_like_an_order_placed_then(desk: Desk) -> None:
    desk.place(BOB, SELL, 60, 1_010)
    desk.place(ALICE, BUY, 100, order_type=MARKET, time_in_force=0, client_order_id=b"s", **stop(1_010))
    desk.mark(1_010)
    # The cap is the band of 10 % above the mark: 1,111, on the grid of three figures 1,110.
    assert desk.kinds() == ["MarkApplied", "OrderTriggered", "Traded", "OrderCancelled"]
    assert next(desk.of_kind("OrderTriggered")).price_ticks == 1_110
    assert next(desk.of_kind("OrderCancelled")).reason == CancelReason.IMMEDIATE_REMAINDER
    assert desk.engine.position(ALICE, 1) == 60
    # Sent again it is answered as at first.
    again = desk.place(ALICE, BUY, 100, order_type=MARKET, time_in_force=0, client_order_id=b"s", **stop(1_010))
    assert (again.repeated, again.state, again.filled_lots) == (True, OrderState.UNTRIGGERED, 0)
    assert again.remaining_lots == 100


def test_a_price_that_has_come_already_is_refused(desk: Desk) -> None:
    refused = desk.place(ALICE, BUY, 100, 1_020, **stop(1_000))
    assert (refused.reason, refused.was, refused.allowed) == (Reason.TRIGGER_PRICE_PASSED, 1_000, 1_000)
    # Nothing has traded yet, so nobody knows a last price, and it may still come.
    assert desk.place(ALICE, BUY, 100, 1_020, **stop(1_000, Source.LAST)).reason == 0


def test_the_last_price_is_watched_through_trades_and_fires_on(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_010)
    desk.place(BOB, SELL, 10, 1_020)
    desk.place(BOB, SELL, 10, 1_030)
    first = desk.place(ALICE, BUY, 10, 1_020, **stop(1_010, Source.LAST)).order_id
    second = desk.place(CAROL, BUY, 10, 1_030, **stop(1_020, Source.LAST)).order_id
    desk.place(CAROL, BUY, 10, 1_010, time_in_force=IOC)
    # Carol's trade at 1,010 fires Alice's, whose trade at 1,020 fires Carol's second.
    assert [event.order_id for event in desk.of_kind("OrderTriggered")] == [first, second]
    assert [event.price_ticks for event in desk.of_kind("Traded")] == [1_010, 1_020, 1_030]


def test_of_several_the_lowest_order_id_fires_first(desk: Desk) -> None:
    ids = [desk.place(ALICE, BUY, 10, 1_000, **stop(price)).order_id for price in (1_030, 1_010, 1_020)]
    desk.mark(1_030)
    assert [event.order_id for event in desk.of_kind("OrderTriggered")] == ids


def test_what_an_earlier_one_took_back_waits_again(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_010)
    desk.place(BOB, BUY, 10, 1_000)
    first = desk.place(ALICE, SELL, 10, 1_000, **take(1_010, Source.LAST)).order_id
    second = desk.place(CAROL, SELL, 10, 1_000, **take(1_010, Source.LAST)).order_id
    desk.place(CAROL, BUY, 10, 1_010, time_in_force=IOC)
    # Alice's sell trades at 1,000, so the last price is below Carol's 1,010 when her turn comes.
    assert [event.order_id for event in desk.of_kind("OrderTriggered")] == [first]
    assert desk.engine.order(order_id=second).state == OrderState.UNTRIGGERED  # type: ignore[union-attr]


def test_a_stale_mark_fires_nothing_until_it_is_fresh(desk: Desk) -> None:
    desk.place(ALICE, BUY, 10, 1_000, **stop(1_010))
    desk.mark(1_020, stale=True)
    assert desk.kinds() == ["MarkApplied"]
    desk.mark(1_020)
    assert desk.kinds() == ["MarkApplied", "OrderTriggered"]


def test_a_mark_that_grew_old_fires_nothing_when_the_gate_opens() -> None:
    desk = Desk(settings=EngineSettings(stale_after_ns=100))
    desk.place(ALICE, BUY, 10, 1_000, **stop(1_010))
    desk.engine.set_gate(desk.now, is_open=False)
    desk.mark(1_020)
    desk.now += 101
    desk.engine.set_gate(desk.now, is_open=True)
    desk.drain()
    assert desk.kinds() == ["GateMoved"]
    desk.mark(1_020)
    assert desk.kinds() == ["MarkApplied", "OrderTriggered"]


def test_neither_gate_nor_auction_lets_them_fire(desk: Desk) -> None:
    desk.place(ALICE, BUY, 10, 1_000, **stop(1_010))
    desk.engine.set_gate(desk.now, is_open=False)
    desk.mark(1_020)
    assert "OrderTriggered" not in desk.kinds()
    desk.move(InstrumentState.AUCTION)
    desk.engine.set_gate(desk.now, is_open=True)
    desk.drain()
    assert desk.kinds() == ["GateMoved"]
    desk.move(InstrumentState.TRADING)
    assert desk.kinds() == ["InstrumentMoved", "OrderTriggered"]


def test_reduce_only_is_clipped_or_ends(desk: Desk) -> None:
    desk.give(ALICE, 40)
    desk.place(ALICE, SELL, 100, 990, flags=REDUCE_ONLY, **stop(990))
    other = desk.place(ALICE, SELL, 100, 990, flags=REDUCE_ONLY, **stop(990)).order_id
    desk.mark(990)
    # The first takes all 40; the second finds nothing to close.
    assert desk.kinds() == ["MarkApplied", "OrderTriggered", "OrderCancelled"]
    assert next(desk.of_kind("OrderTriggered")).size_lots == 40
    ended = next(desk.of_kind("OrderCancelled"))
    assert (ended.order_id, ended.reason, ended.refusal, ended.remaining_lots) == (
        other, CancelReason.TRIGGER_REFUSED, Reason.REDUCE_ONLY_WOULD_INCREASE, 100,
    )  # fmt: skip


def test_what_is_refused_when_it_fires_says_why(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 100, 1_000, client_order_id=b"x", **stop(1_010)).order_id
    desk.move(InstrumentState.POST_ONLY)
    desk.mark(1_010)
    assert desk.kinds() == ["MarkApplied", "OrderCancelled"]
    known = desk.engine.order(order_id=order_id)
    assert known is not None
    assert (known.cancel_reason, known.refusal) == (CancelReason.TRIGGER_REFUSED, Reason.INSTRUMENT_STATE)
    assert desk.place(ALICE, BUY, 10, 990, flags=POST_ONLY, **stop(1_020)).reason == 0
    desk.mark(1_020)
    assert desk.kinds() == ["MarkApplied", "OrderTriggered"]


def test_an_order_that_waits_is_amended_and_cancelled(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 100, 1_000, client_order_id=b"y", **stop(1_050)).order_id
    amended = desk.send(commands.amend(account_id=ALICE, order_id=order_id, size_lots=150, trigger_price_ticks=1_010))[
        0
    ]
    assert (amended.reason, amended.state, amended.remaining_lots) == (0, OrderState.UNTRIGGERED, 150)
    event = next(desk.of_kind("OrderAmended"))
    assert (event.kept_priority, event.loss_micros, event.trigger_price_ticks) == (1, 0, 1_010)
    passed = desk.send(commands.amend(account_id=ALICE, order_id=order_id, trigger_price_ticks=1_000))[0]
    assert passed.reason == Reason.TRIGGER_PRICE_PASSED
    # The body of a repeated place is the one first asked for.
    assert desk.place(ALICE, BUY, 100, 1_000, client_order_id=b"y", **stop(1_050)).repeated
    desk.mark(1_010)
    assert next(desk.of_kind("OrderTriggered")).size_lots == 150
    resting = desk.send(commands.amend(account_id=ALICE, order_id=order_id, trigger_price_ticks=1_040))[0]
    assert resting.reason == Reason.ORDER_COMBINATION
    assert desk.cancel(ALICE, order_id).state == OrderState.CANCELLED


@pytest.mark.spec("MTCH-090")
def test_replay_and_snapshot_keep_what_waits(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_010)
    desk.place(ALICE, BUY, 10, 1_010, client_order_id=b"z", **stop(1_010))
    desk.place(ALICE, BUY, 10, 1_010, **stop(1_020, Source.LAST))
    restored = Engine.restore(desk.engine.snapshot(), desk.settings)
    replayed = Engine.restore(desk.engine.snapshot(), desk.settings)
    assert restored.state_hash() == desk.engine.state_hash()
    first_seq = desk.engine.next_seq
    desk.engine.apply_mark(desk.now, 1, 1_010, 1_010, desk.now, 2, stale=False)
    events = desk.engine.drain_events()
    replayed.replay(events, first_seq, desk.now)
    assert replayed.state_hash() == desk.engine.state_hash()
