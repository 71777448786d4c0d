"""The short way of plain orders: what it takes for certain, and that it refuses nothing by itself."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, IOC, SELL, Desk
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import OrderState
from wavetank.model.reason import Reason


@pytest.mark.spec("MRGN-040", "MRGN-050")
def test_the_slack_follows_plain_orders_fills_and_cancels_exactly(desk: Desk) -> None:
    desk.line(ALICE, 20_000)
    desk.place(ALICE, BUY, 10, 1_000)
    # The first order of an account in a book goes the long way, which leaves the slack unknown.
    assert desk.engine.slack(ALICE) == 0
    second = desk.place(ALICE, BUY, 10, 1_000)
    # Each needs 10 * 1,000 / 10 and a fee of ceil(10,000 * 450 ppm = 4.5) = 5.
    assert desk.engine.slack(ALICE) == 20_000 - 2 * 1_005
    desk.place(BOB, SELL, 1, 1_050)
    desk.place(BOB, SELL, 10, 1_000, time_in_force=IOC)
    # The first filled: its fee of 5 is released, and ceil(1.5) = 2 was paid.
    assert desk.engine.slack(ALICE) == 17_990 + 5 - 2
    desk.cancel(ALICE, second.order_id)
    # The other's fee is released; its margin of 1,000 is only given back when the sums are settled.
    assert desk.engine.slack(ALICE) == 17_993 + 5
    state = desk.engine.credit(ALICE)
    assert state is not None
    assert state.budget_micros + state.uncounted_micros - state.committed_micros == 18_998


@pytest.mark.spec("MRGN-050")
def test_what_is_not_certain_is_settled_and_then_decided(desk: Desk) -> None:
    # Room for two of 1,005 beside a first one: the third fits only because the second was cancelled.
    desk.line(ALICE, 3_015)
    desk.place(ALICE, BUY, 10, 1_000)
    second = desk.place(ALICE, BUY, 10, 1_000)
    desk.cancel(ALICE, second.order_id)
    assert desk.place(ALICE, BUY, 20, 1_000).reason == 0
    refused = desk.place(ALICE, BUY, 10, 1_000)
    # 30 lots take 3,000, and fees of 5 and ceil(9.0) = 9; ten more 1,005.
    assert (refused.reason, refused.was, refused.allowed) == (Reason.CREDIT_EXCEEDED, 4_019, 3_015)


@pytest.mark.spec("MRGN-050")
def test_a_line_that_was_fresh_is_asked_again_when_its_time_is_over() -> None:
    desk = Desk(settings=EngineSettings(credit_ttl_ns=100))
    desk.place(BOB, SELL, 10, 1_000)
    desk.place(BOB, SELL, 10, 1_000)
    desk.place(ALICE, BUY, 1, 1_000)
    desk.place(ALICE, BUY, 1, 1_000)
    desk.now += 100
    assert desk.place(ALICE, BUY, 1, 1_000).reason == 0
    desk.now += 1
    # The oldest of its fills, which no line counts, is 101 ns old.
    assert desk.place(ALICE, BUY, 1, 1_000).reason == Reason.CREDIT_STALE


@pytest.mark.spec("MRGN-020", "MRGN-050")
def test_beyond_the_first_tier_the_whole_position_has_the_lower_leverage() -> None:
    tiers = (MarginTier(0, 10), MarginTier(30_000, 5))
    desk = Desk(Instrument(instrument_id=1, symbol="ABC", size_decimals=4, tiers=tiers, min_notional_micros=0))
    desk.line(ALICE, 5_000)
    desk.place(ALICE, BUY, 10, 1_000)
    assert desk.place(ALICE, BUY, 19, 1_000).reason == 0
    refused = desk.place(ALICE, BUY, 1, 1_000)
    # 30 * 1,000 / 5, and the fees: ceil(4.5) = 5, ceil(8.55) = 9 and ceil(0.45) = 1.
    assert (refused.reason, refused.was) == (Reason.CREDIT_EXCEEDED, 6_015)


@pytest.mark.spec("MTCH-010", "MTCH-020")
def test_a_plain_order_that_meets_one_that_is_not_goes_on_the_long_way(desk: Desk) -> None:
    desk.place(ALICE, BUY, 2, 990)
    desk.place(ALICE, BUY, 2, 990)
    desk.place(BOB, SELL, 5, 1_000)
    desk.place(ALICE, SELL, 5, 1_000)
    desk.place(BOB, SELL, 5, 1_000)
    result = desk.place(ALICE, BUY, 12, 1_000)
    # 5 of Bob's, its own order expires, and 5 of Bob's again; 2 rest.
    assert (result.filled_lots, result.remaining_lots, result.state) == (10, 2, OrderState.OPEN)
    assert result.filled_value_micros == 10_000
    assert desk.engine.book(1, 5) == ([(1_000, 2, 1), (990, 4, 2)], [])
