"""Instrument states (MTCH-050): what each takes, and what coming into it causes."""

from __future__ import annotations

import pytest

from tests.unit.matching.core.desk import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    FIRST_ID,
    FOK,
    INSTRUMENT,
    IOC,
    POST_ONLY,
    REDUCE_ONLY,
    SELL,
    Desk,
)
from wavetank.matching.core import commands
from wavetank.matching.core.engine import Engine
from wavetank.model.events.matching import InstrumentMoved
from wavetank.model.orders import CancelReason, InstrumentState
from wavetank.model.reason import Reason

pytestmark = pytest.mark.spec("MTCH-050")


def request_liquidation(desk: Desk, account_id: int, side: int, size_lots: int) -> int:
    """Ask for a liquidation as clearing does; return the reason."""
    seq = desk.engine.last_request[0] + 1
    return desk.send(
        commands.liquidate(
            request_seq=seq, request_number=0, account_id=account_id, instrument_id=1, side=side,
            size_lots=size_lots, price_ticks=900 if side == SELL else 1_100,
        )
    )[0].reason  # fmt: skip


def test_a_move_is_an_event_and_the_same_state_is_none(desk: Desk) -> None:
    desk.now = 2_000
    desk.move(InstrumentState.HALTED)
    assert desk.events == [
        InstrumentMoved(
            instrument_id=1,
            account_id=0,
            event_time_ns=2_000,
            state=InstrumentState.HALTED,
            previous_state=InstrumentState.TRADING,
        )
    ]
    desk.move(InstrumentState.HALTED)
    assert desk.events == []
    assert desk.engine.instrument_state(1) == InstrumentState.HALTED


def test_post_only_takes_what_cannot_trade(desk: Desk) -> None:
    ask = desk.place(BOB, SELL, 10, 1_010).order_id
    bid = desk.place(ALICE, BUY, 10, 990).order_id
    desk.move(InstrumentState.POST_ONLY)
    refused = desk.place(ALICE, BUY, 10, 1_000)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.INSTRUMENT_STATE, 4, 1)
    assert desk.place(ALICE, BUY, 10, 1_010, time_in_force=IOC).reason == Reason.INSTRUMENT_STATE
    assert desk.place(ALICE, BUY, 10, 1_000, flags=POST_ONLY).reason == 0
    # In place any order may shrink; in turn it may move up to the other side, not into it.
    assert desk.amend(ALICE, bid, size_lots=5).reason == 0
    assert desk.amend(ALICE, bid, price_ticks=1_000).reason == 0
    refused = desk.amend(ALICE, bid, price_ticks=1_010)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.POST_ONLY_WOULD_CROSS, 1_010, 1_010)
    assert desk.cancel(BOB, ask).reason == 0


def test_post_only_takes_no_liquidation(desk: Desk) -> None:
    desk.give(ALICE, 10)
    desk.move(InstrumentState.POST_ONLY)
    assert request_liquidation(desk, ALICE, SELL, 10) == Reason.INSTRUMENT_STATE
    desk.move(InstrumentState.REDUCE_ONLY)
    assert request_liquidation(desk, ALICE, SELL, 10) == 0


def test_reduce_only_takes_what_shrinks_a_position(desk: Desk) -> None:
    bid = desk.place(BOB, BUY, 20, 990).order_id
    desk.give(ALICE, 10)
    closing = desk.place(ALICE, SELL, 6, 1_020, flags=REDUCE_ONLY).order_id
    desk.move(InstrumentState.REDUCE_ONLY)
    refused = desk.place(ALICE, SELL, 5, 990)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.INSTRUMENT_STATE, 5, 1)
    filled = desk.place(ALICE, SELL, 4, 990, time_in_force=IOC, flags=REDUCE_ONLY)
    assert (filled.reason, filled.filled_lots) == (0, 4)
    assert desk.amend(BOB, bid, size_lots=10).reason == 0
    assert desk.amend(BOB, bid, price_ticks=980).reason == Reason.INSTRUMENT_STATE
    assert desk.amend(BOB, bid, size_lots=11).reason == Reason.INSTRUMENT_STATE
    assert desk.amend(ALICE, closing, price_ticks=1_010).reason == 0


def test_halted_leaves_everything_as_it_is_but_for_clearing(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 10, 990).order_id
    desk.move(InstrumentState.HALTED)
    assert desk.place(ALICE, BUY, 10, 990, flags=POST_ONLY).reason == Reason.INSTRUMENT_STATE
    assert desk.amend(ALICE, order_id, size_lots=5).reason == Reason.INSTRUMENT_STATE
    assert desk.cancel(ALICE, order_id).reason == Reason.INSTRUMENT_STATE
    result = desk.send(commands.cancel_account(request_seq=1, request_number=0, account_id=ALICE))[0]
    assert result.cancelled_orders == 1


def test_settled_cancels_all_orders_by_id_and_stays(desk: Desk) -> None:
    placed = [
        desk.place(account, side, 10, price).order_id
        for account, side, price in (
            (CAROL, BUY, 980), (ALICE, SELL, 1_020), (BOB, BUY, 990), (CAROL, SELL, 1_010),
        )
    ]  # fmt: skip
    desk.move(InstrumentState.SETTLED)
    assert desk.kinds() == ["InstrumentMoved", *["OrderCancelled"] * 4]
    assert (
        [event.order_id for event in desk.of_kind("OrderCancelled")] == placed == [FIRST_ID + n for n in (1, 2, 3, 4)]
    )
    assert {event.reason for event in desk.of_kind("OrderCancelled")} == {CancelReason.SETTLED}
    assert desk.place(ALICE, BUY, 10, 990).reason == Reason.INSTRUMENT_STATE
    with pytest.raises(ValueError, match="settled, for good"):
        desk.move(InstrumentState.TRADING)
    desk.move(InstrumentState.SETTLED)
    assert desk.events == []


@pytest.mark.parametrize("state", [0, 8])
def test_a_state_that_is_none_is_refused(desk: Desk, state: int) -> None:
    with pytest.raises(ValueError, match=f"there is no state {state}"):
        desk.move(state)
    with pytest.raises(ValueError, match="instrument 2 is not listed here"):
        desk.move(InstrumentState.HALTED, instrument_id=2)


def test_an_auction_takes_orders_that_rest_only(desk: Desk) -> None:
    desk.move(InstrumentState.AUCTION)
    assert desk.place(ALICE, BUY, 10, 1_000, time_in_force=IOC).reason == Reason.INSTRUMENT_STATE
    assert desk.place(ALICE, BUY, 10, 1_000, time_in_force=FOK).reason == Reason.INSTRUMENT_STATE
    assert desk.place(ALICE, BUY, 10, 1_000, flags=POST_ONLY).reason == Reason.INSTRUMENT_STATE
    assert desk.market(ALICE, BUY, 10).reason == Reason.INSTRUMENT_STATE
    assert desk.place(ALICE, BUY, 10, 1_010).filled_lots == 0
    assert desk.place(BOB, SELL, 10, 990).filled_lots == 0
    assert desk.engine.bbo(1) == (1_010, 10, 990, 10)


def test_a_listing_does_not_undo_a_move(desk: Desk) -> None:
    desk.move(InstrumentState.CANCEL_ONLY)
    desk.relist(price_band_ppm=50_000)
    assert desk.engine.instrument_state(1) == InstrumentState.CANCEL_ONLY


def test_replay_and_snapshot_keep_the_state(desk: Desk) -> None:
    desk = Desk(INSTRUMENT)
    desk.move(InstrumentState.AUCTION)
    restored = Engine.restore(desk.engine.snapshot(), desk.settings)
    assert restored.instrument_state(1) == InstrumentState.AUCTION
    assert restored.state_hash() == desk.engine.state_hash()
