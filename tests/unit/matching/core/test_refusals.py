"""Every refusal has one reason, says what it was and what was allowed, and changes nothing (ORD-060)."""

import struct
from typing import Any

import pytest

from tests.unit.matching.core.desk import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    FOK,
    INSTRUMENT,
    IOC,
    MARKET,
    POST_ONLY,
    REDUCE_ONLY,
    SELL,
    Desk,
)
from wavetank.matching.core import commands
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.orders import InstrumentState, OrderState
from wavetank.model.reason import Reason

R = Reason
BODIES: list[tuple[dict[str, Any], Reason, int, int]] = [
    ({"instrument_id": 9}, R.INSTRUMENT_UNKNOWN, 9, 0),
    ({"side": 3}, R.MALFORMED, 0, 0),
    ({"order_type": 0}, R.MALFORMED, 0, 0),
    ({"time_in_force": 0}, R.MALFORMED, 0, 0),
    ({"time_in_force": 9}, R.MALFORMED, 0, 0),
    ({"flags": 4}, R.MALFORMED, 0, 0),
    ({"order_type": MARKET, "price_ticks": 0, "time_in_force": IOC, "slippage_cap_ppm": -1}, R.MALFORMED, 0, 0),
    ({"order_type": MARKET, "time_in_force": IOC}, R.ORDER_COMBINATION, 0, 0),
    ({"order_type": MARKET, "price_ticks": 0}, R.ORDER_COMBINATION, 0, 0),
    ({"slippage_cap_ppm": 1}, R.ORDER_COMBINATION, 0, 0),
    ({"flags": POST_ONLY, "time_in_force": FOK}, R.ORDER_COMBINATION, 0, 0),
    ({"price_ticks": 0}, R.PRICE_OUT_OF_RANGE, 0, 2**31 - 1),
    ({"price_ticks": -(2**63)}, R.PRICE_OUT_OF_RANGE, -(2**63), 2**31 - 1),
    ({"price_ticks": 2**31}, R.PRICE_OUT_OF_RANGE, 2**31, 2**31 - 1),
    # Three figures: from 1000 ticks on the step is 10.
    ({"price_ticks": 1_005}, R.PRICE_OFF_GRID, 1_005, 10),
    # The band is 900 to 1100.
    ({"price_ticks": 1_110}, R.OUTSIDE_PRICE_BAND, 1_110, 1_100),
    ({"price_ticks": 899}, R.OUTSIDE_PRICE_BAND, 899, 900),
    ({"size_lots": 0}, R.SIZE_OUT_OF_RANGE, 0, 2**31 - 1),
    ({"size_lots": -5}, R.SIZE_OUT_OF_RANGE, -5, 2**31 - 1),
    ({"size_lots": 2**63 - 1}, R.SIZE_OUT_OF_RANGE, 2**63 - 1, 2**31 - 1),
    ({"size_lots": 5_001}, R.ORDER_TOO_LARGE, 5_001, 5_000),
    # 1 lot at 990 is 990 micro-dollars.
    ({"size_lots": 1, "price_ticks": 990}, R.NOTIONAL_TOO_SMALL, 990, 1_000),
    ({"flags": REDUCE_ONLY}, R.REDUCE_ONLY_WOULD_INCREASE, 10, 0),
]


@pytest.mark.spec("ORD-060", "UNIT-020", "UNIT-030", "MTCH-040")
@pytest.mark.parametrize(("body", "reason", "was", "allowed"), BODIES)
def test_a_bad_order_is_refused_and_changes_nothing(
    desk: Desk, body: dict[str, Any], reason: Reason, was: int, allowed: int
) -> None:
    before = desk.engine.state_hash(), desk.engine.credit(ALICE)
    fields = {"side": BUY, "size_lots": 10, "price_ticks": 1_000} | body
    result = desk.place(ALICE, **fields)
    assert (result.reason, result.was, result.allowed, result.state) == (reason, was, allowed, OrderState.REJECTED)
    assert desk.kinds() == ["OrderRejected"]
    rejected = next(desk.of_kind("OrderRejected"))
    assert (rejected.reason, rejected.was, rejected.allowed) == (reason, was, allowed)
    assert desk.engine.credit(ALICE) == before[1]
    assert desk.engine.open_orders(ALICE) == []


def test_an_account_without_a_line_may_only_cancel(desk: Desk) -> None:
    assert desk.place(7_777, BUY, 10, 1_000).reason == R.NO_CREDIT_LINE
    assert desk.cancel(7_777, order_id=5).reason == R.ORDER_UNKNOWN
    assert desk.send(commands.cancel_all(account_id=7_777))[0].reason == 0


def test_without_a_mark_there_is_no_reference_price() -> None:
    desk = Desk()
    desk.engine.list_instrument(
        type(INSTRUMENT)(instrument_id=2, symbol="XYZ", size_decimals=4, tiers=INSTRUMENT.tiers)
    )
    assert desk.place(ALICE, BUY, 10, 1_000, instrument_id=2).reason == R.NO_REFERENCE_PRICE
    assert desk.market(ALICE, BUY, 10, instrument_id=2).reason == R.NO_REFERENCE_PRICE


def test_a_stale_mark_refuses_all_but_reducing_orders(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.mark(1_000, stale=True)
    assert desk.place(ALICE, BUY, 10, 1_000).reason == R.PRICE_STALE
    assert desk.place(ALICE, SELL, 10, 1_000).reason == R.PRICE_STALE
    assert desk.place(ALICE, SELL, 10, 1_000, flags=REDUCE_ONLY).reason == 0
    desk.mark(1_000)
    assert desk.place(BOB, BUY, 10, 990).reason == 0


@pytest.mark.spec("ORCL-030")
def test_a_mark_grows_stale_when_nothing_new_comes() -> None:
    desk = Desk(settings=EngineSettings(stale_after_ns=100))
    desk.give(ALICE, 100)
    desk.now += 100
    # Alice has traded here before, Bob has not: a plain order takes a shorter way than a first one.
    assert [desk.place(who, BUY, 10, 990).reason for who in (ALICE, BOB)] == [0, 0]
    desk.now += 1
    for engine in (desk.engine, Engine.restore(desk.engine.snapshot(), desk.settings)):
        desk.engine = engine
        desk.line(ALICE)
        desk.line(BOB)
        assert [desk.place(who, BUY, 10, 990).reason for who in (ALICE, BOB)] == [R.PRICE_STALE] * 2
        assert engine.mark(1) == (1_000, 1_000, True)
        assert desk.place(ALICE, SELL, 10, 1_000, flags=REDUCE_ONLY).reason == 0
    desk.mark(1_000)
    assert desk.place(ALICE, BUY, 10, 990).reason == 0


@pytest.mark.spec("LIQ-110")
def test_a_closed_gate_lets_cancels_through_only(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 10, 1_000).order_id
    desk.engine.set_gate(desk.now, is_open=False)
    desk.drain()
    assert desk.place(ALICE, BUY, 10, 1_000).reason == R.NOT_READY
    assert desk.amend(ALICE, order_id, size_lots=5).reason == R.NOT_READY
    assert desk.cancel(ALICE, order_id).state == OrderState.CANCELLED


@pytest.mark.spec("MTCH-050")
def test_cancel_only_takes_cancels_and_halted_takes_nothing(desk: Desk) -> None:
    first = desk.place(ALICE, BUY, 10, 1_000).order_id
    desk.place(ALICE, BUY, 10, 999)
    desk.move(InstrumentState.CANCEL_ONLY)
    refused = desk.place(ALICE, BUY, 10, 1_000)
    assert (refused.reason, refused.was, refused.allowed) == (R.INSTRUMENT_STATE, 2, 1)
    assert desk.amend(ALICE, first, size_lots=5).reason == R.INSTRUMENT_STATE
    assert desk.cancel(ALICE, first).reason == 0
    desk.move(InstrumentState.HALTED)
    assert desk.cancel(ALICE, first + 1).reason == R.INSTRUMENT_STATE
    assert desk.send(commands.cancel_all(account_id=ALICE))[0].cancelled_orders == 0
    desk.move(InstrumentState.TRADING)
    assert desk.send(commands.cancel_all(account_id=ALICE))[0].cancelled_orders == 1


@pytest.mark.spec("MRGN-070")
def test_position_and_open_interest_have_their_own_limits(desk: Desk) -> None:
    desk.place(ALICE, BUY, 5_000, 990)
    refused = desk.place(ALICE, BUY, 3_001, 990)
    assert (refused.reason, refused.was, refused.allowed) == (R.POSITION_TOO_LARGE, 8_001, 8_000)
    desk.send(commands.cancel_all(account_id=ALICE))
    desk.give(ALICE, 5_000)
    desk.give(BOB, 3_000)
    # 8,000 lots are open; Alice may add 2,000, not 2,001.
    refused = desk.place(ALICE, BUY, 2_001, 990)
    assert (refused.reason, refused.was, refused.allowed) == (R.OPEN_INTEREST_CAP, 10_001, 10_000)
    assert desk.place(ALICE, BUY, 2_000, 990).reason == 0
    assert desk.place(ALICE, SELL, 3_000, 1_010).reason == 0


@pytest.mark.spec("MRGN-070")
def test_open_orders_and_instruments_are_counted() -> None:
    desk = Desk(settings=EngineSettings(max_open_orders=2, max_instruments=1))
    desk.place(ALICE, BUY, 10, 990)
    desk.place(ALICE, BUY, 10, 990)
    refused = desk.place(ALICE, BUY, 10, 990)
    assert (refused.reason, refused.was, refused.allowed) == (R.TOO_MANY_OPEN_ORDERS, 3, 2)
    assert desk.place(ALICE, BUY, 10, 990, time_in_force=IOC).state == OrderState.CANCELLED
    desk.engine.list_instrument(
        type(INSTRUMENT)(instrument_id=2, symbol="XYZ", size_decimals=0, tiers=INSTRUMENT.tiers)
    )
    desk.mark(10**7, instrument_id=2)
    refused = desk.place(ALICE, BUY, 1, 10**7, instrument_id=2, time_in_force=IOC)
    assert (refused.reason, refused.was, refused.allowed) == (R.TOO_MANY_INSTRUMENTS, 2, 1)


@pytest.mark.spec("UNIT-020")
def test_no_order_may_reach_the_bounds_of_the_arithmetic() -> None:
    wide = type(INSTRUMENT)(
        instrument_id=1, symbol="BIG", size_decimals=4, tiers=INSTRUMENT.tiers, significant_figures=0,
        max_position_lots=2**40 - 1, open_interest_cap_lots=2**41,
    )  # fmt: skip
    desk = Desk(wide)
    desk.mark(2**24)
    for account_id in (ALICE, BOB):
        desk.line(account_id, 2**62)
    # 2^31 - 1 lots at 2^24 ticks are just below 2^55 micro-dollars; one more order is beyond.
    assert desk.place(ALICE, BUY, 2**31 - 1, 2**24).reason == 0
    refused = desk.place(ALICE, BUY, 2, 2**24)
    assert (refused.reason, refused.was, refused.allowed) == (R.AMOUNT_OUT_OF_RANGE, (2**31 + 1) * 2**24, 2**55 - 1)


@pytest.mark.spec("ORD-060")
def test_any_bytes_are_answered(desk: Desk) -> None:
    results = desk.send(
        *[bytes([kind]) + b"\xff" * (commands.COMMAND_BYTES - 1) for kind in range(256)],
        *[bytes([kind]) * commands.COMMAND_BYTES for kind in range(256)],
    )
    assert len(results) == 512
    assert desk.engine.next_seq > 1
    with pytest.raises(ValueError, match="are not 1 commands"):
        desk.engine.apply_commands(desk.now, b"\0" * (commands.COMMAND_BYTES - 1), 1)
    with pytest.raises(struct.error):
        commands.place(account_id=2**63, instrument_id=1, side=1, size_lots=1)


def test_time_never_goes_back(desk: Desk) -> None:
    with pytest.raises(ValueError, match="time went back"):
        desk.engine.apply_commands(desk.now - 1, b"", 0)


def test_events_that_wait_come_before_commands(desk: Desk) -> None:
    desk.engine.sample_books(desk.now)
    with pytest.raises(RuntimeError, match="drain the events"):
        desk.engine.apply_commands(desk.now, b"", 0)


@pytest.mark.parametrize("mark", [0, -1, 2**31])
def test_a_mark_out_of_range_is_an_error(desk: Desk, mark: int) -> None:
    with pytest.raises(ValueError, match="mark"):
        desk.engine.apply_mark(desk.now, 1, mark, 1, 1, 1, stale=False)


def test_a_listing_cannot_change_what_open_orders_rest_on(desk: Desk) -> None:
    with pytest.raises(ValueError, match="taker_fee_ppm"):
        desk.relist(taker_fee_ppm=500)
    assert desk.engine.instruments()[0].taker_fee_ppm == 450
    assert CAROL in desk.engine.accounts()
