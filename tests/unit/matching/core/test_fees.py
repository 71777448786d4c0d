"""Fees are those of the order as a whole: splitting a trade changes nothing (PROTOCOL 1.4)."""

from dataclasses import replace

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, INSTRUMENT, SELL, Desk


@pytest.mark.spec("FEE-010", "UNIT-040")
def test_ten_fills_of_one_lot_cost_what_one_fill_of_ten_does(desk: Desk) -> None:
    for _ in range(10):
        desk.place(BOB, SELL, 1, 1_000)
    desk.place(ALICE, BUY, 10, 1_000)
    trades = list(desk.of_kind("Traded"))
    # 1,000 * 450 ppm = 0.45 each; cumulated and rounded up: 1, 1, 2, 2, 3, 3, 4, 4, 5, 5.
    assert [trade.taker_fee_micros for trade in trades] == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]
    # Each maker order is its own: 0.15, rounded up.
    assert [trade.maker_fee_micros for trade in trades] == [1] * 10
    desk.place(CAROL, SELL, 10, 1_000)
    desk.place(ALICE, BUY, 10, 1_000)
    trade = next(desk.of_kind("Traded"))
    assert (trade.taker_fee_micros, trade.maker_fee_micros) == (5, 2)


@pytest.mark.spec("FEE-010", "UNIT-040")
def test_an_order_that_takes_and_then_rests_is_rounded_up_once(desk: Desk) -> None:
    desk.place(BOB, SELL, 1, 1_000)
    order_id = desk.place(ALICE, BUY, 3, 1_000).order_id
    assert next(desk.of_kind("Traded")).taker_fee_micros == 1
    fees = []
    for _ in range(2):
        desk.place(BOB, SELL, 1, 1_000)
        fees.append(next(desk.of_kind("Traded")).maker_fee_micros)
    # 0.45 + 0.15 + 0.15 = 0.75: the first micro-dollar has paid for all.
    assert fees == [0, 0]
    assert desk.engine.order(order_id) is None


@pytest.mark.spec("FEE-010", "UNIT-040")
def test_a_rebate_rounds_down() -> None:
    desk = Desk(replace(INSTRUMENT, maker_fee_ppm=-250))
    desk.place(BOB, SELL, 10, 1_000)
    fees = []
    for _ in range(5):
        desk.place(ALICE, BUY, 2, 1_000)
        fees.append(next(desk.of_kind("Traded")).maker_fee_micros)
    # 2,000 * 250 ppm = 0.5 each; cumulated and rounded down: 0, 1, 1, 2, 2.
    assert fees == [0, -1, 0, -1, 0]
