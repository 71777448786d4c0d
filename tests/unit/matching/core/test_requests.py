"""Clearing's requests: carried out once, in order, whatever the gate and the line say."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import CancelReason, LineStatus, OrderFlag, OrderState
from wavetank.model.reason import Reason


def liquidate(desk: Desk, seq: int, side: int, size_lots: int, price_ticks: int) -> CommandResult:
    return desk.send(
        commands.liquidate(
            request_seq=seq,
            request_number=0,
            account_id=ALICE,
            instrument_id=1,
            side=side,
            size_lots=size_lots,
            price_ticks=price_ticks,
        )
    )[0]


def transfer(desk: Desk, seq: int, receiver: int, delta: int, value: int, *, grow: bool = False) -> CommandResult:
    return desk.send(
        commands.transfer(
            request_seq=seq,
            request_number=0,
            giver_account_id=ALICE,
            receiver_account_id=receiver,
            instrument_id=1,
            giver_delta_lots=delta,
            giver_value_micros=value,
            receiver_may_increase=grow,
        )
    )[0]


@pytest.mark.spec("PLAY-020")
def test_a_giver_that_may_grow_gets_lots_although_it_has_none(desk: Desk) -> None:
    desk.engine.set_gate(desk.now, is_open=False)
    desk.drain()
    # Neither has a position; account 6 is not even known here.
    packed = commands.transfer(
        request_seq=9,
        request_number=0,
        giver_account_id=5_000,
        receiver_account_id=6,
        instrument_id=1,
        giver_delta_lots=70,
        giver_value_micros=70_000,
        receiver_may_increase=True,
        giver_may_increase=True,
    )
    moved = desk.send(packed)[0]
    assert (moved.reason, moved.filled_lots, moved.filled_value_micros) == (0, 70, 70_000)
    assert [desk.engine.position(each, 1) for each in (5_000, 6)] == [70, -70]
    # It may grow; the receiver may not here, and has nothing to give back on that side.
    alone = commands.transfer(
        request_seq=10,
        request_number=0,
        giver_account_id=5_000,
        receiver_account_id=6,
        instrument_id=1,
        giver_delta_lots=30,
        giver_value_micros=30_000,
        giver_may_increase=True,
    )
    assert desk.send(alone)[0].reason == Reason.TRANSFER_CLIPPED
    # Nor beyond the bounds of the ledger.
    huge = commands.transfer(
        request_seq=11,
        request_number=0,
        giver_account_id=5_000,
        receiver_account_id=6,
        instrument_id=1,
        giver_delta_lots=1 << 40,
        giver_value_micros=0,
        receiver_may_increase=True,
        giver_may_increase=True,
    )
    assert desk.send(huge)[0].reason in {Reason.AMOUNT_OUT_OF_RANGE, Reason.MALFORMED}


@pytest.mark.spec("LIQ-030")
def test_cancel_account_cancels_all_and_answers(desk: Desk) -> None:
    desk.place(ALICE, BUY, 10, 990)
    desk.place(ALICE, SELL, 10, 1_010)
    desk.line(ALICE, status=LineStatus.FROZEN)
    desk.engine.set_gate(desk.now, is_open=False)
    desk.drain()
    packed = commands.cancel_account(request_seq=7, request_number=1, account_id=ALICE)
    assert desk.send(packed)[0].cancelled_orders == 2
    assert desk.kinds() == ["OrderCancelled", "OrderCancelled", "RequestAnswered"]
    assert next(desk.of_kind("OrderCancelled")).reason == CancelReason.LIQUIDATION
    assert desk.engine.last_request == (7, 1)
    assert desk.send(packed)[0].repeated
    assert desk.events == []


@pytest.mark.spec("LIQ-040", "INV-060")
def test_a_liquidation_is_clipped_to_the_position_and_pays_no_taker_fee(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.line(ALICE, status=LineStatus.FROZEN)
    desk.place(BOB, BUY, 60, 990)
    desk.place(BOB, BUY, 60, 890 + 10)
    result = liquidate(desk, 1, SELL, 500, 1)
    # Clipped to 100 lots, and to the band's edge of 900.
    accepted = next(desk.of_kind("OrderAccepted"))
    assert (accepted.size_lots, accepted.price_ticks, accepted.request_seq) == (100, 900, 1)
    assert accepted.flags == OrderFlag.REDUCE_ONLY | OrderFlag.LIQUIDATION
    assert [trade.taker_fee_micros for trade in desk.of_kind("Traded")] == [0, 0]
    assert (result.state, result.filled_lots) == (OrderState.FILLED, 100)
    answered = desk.events[-1]
    # 60 * 990 + 40 * 900
    assert (answered.done_lots, answered.done_value_micros, answered.reason) == (100, 95_400, 0)  # type: ignore[attr-defined]
    assert desk.engine.position(ALICE, 1) == 0


@pytest.mark.spec("LIQ-040", "MTCH-030")
def test_what_a_liquidation_does_not_find_is_cancelled_and_resting_reduce_only_orders_shrink(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.place(ALICE, SELL, 100, 1_010, flags=OrderFlag.REDUCE_ONLY)
    desk.place(BOB, BUY, 30, 990)
    result = liquidate(desk, 1, SELL, 50, 985)
    assert (result.state, result.filled_lots, result.remaining_lots) == (OrderState.CANCELLED, 30, 20)
    assert desk.kinds() == ["OrderAccepted", "Traded", "OrderAmended", "OrderCancelled", "RequestAnswered"]
    assert [order.remaining_lots for order in desk.engine.open_orders(ALICE)] == [70]


@pytest.mark.spec("INV-060")
def test_a_liquidation_that_would_increase_does_nothing(desk: Desk) -> None:
    desk.give(ALICE, 100)
    assert liquidate(desk, 1, BUY, 10, 1_000).reason == Reason.REDUCE_ONLY_WOULD_INCREASE
    assert desk.kinds() == ["RequestAnswered"]
    assert liquidate(desk, 2, SELL, 0, 1_000).reason == Reason.SIZE_OUT_OF_RANGE


@pytest.mark.spec("LIQ-080", "INV-060")
def test_a_transfer_is_clipped_so_that_neither_side_grows(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.give(BOB, -30)
    result = transfer(desk, 1, BOB, -100, -98_765)
    moved = next(desk.of_kind("PositionTransferred"))
    # 30 of 100 lots: trunc(-98,765 * 30 / 100) = -29,629.
    assert (moved.giver_delta_lots, moved.giver_value_micros, moved.requested_delta_lots) == (-30, -29_629, -100)
    assert (result.filled_lots, result.filled_value_micros) == (30, 29_629)
    assert [desk.engine.position(account_id, 1) for account_id in (ALICE, BOB, CAROL)] == [70, 0, -70]
    assert transfer(desk, 2, BOB, -70, -70_000).reason == Reason.TRANSFER_CLIPPED
    assert transfer(desk, 3, CAROL, 70, 70_000).reason == Reason.TRANSFER_CLIPPED


@pytest.mark.spec("LIQ-060")
def test_the_vault_may_grow_and_needs_no_line(desk: Desk) -> None:
    desk.give(ALICE, 100)
    assert transfer(desk, 1, BACKSTOP_VAULT_ID, -100, -100_000, grow=True).reason == 0
    assert desk.engine.position(BACKSTOP_VAULT_ID, 1) == 100
    vault = desk.engine.credit(BACKSTOP_VAULT_ID)
    assert vault is not None
    assert (vault.value_micros, vault.last_fill_seq) == (100_000, desk.engine.next_seq - 2)
    assert desk.engine.open_interest(1) == 100
