"""A post-only order that may slide takes the best price that does not cross (ORD-010)."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, POST_ONLY, SELL, Desk
from wavetank.model.orders import OrderFlag, OrderState
from wavetank.model.reason import Reason

SLIDE = POST_ONLY | OrderFlag.POST_ONLY_SLIDE
pytestmark = pytest.mark.spec("ORD-010")


def test_a_buy_slides_below_the_best_ask(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_010)
    result = desk.place(ALICE, BUY, 100, 1_020, flags=SLIDE)
    accepted = next(desk.of_kind("OrderAccepted"))
    # Three figures: from 1,000 ticks on the grid is 10, so below 1,010 comes 1,000.
    assert (accepted.price_ticks, accepted.asked_price_ticks) == (1_000, 1_020)
    # At the mark nothing is lost but the fee of 100 x 1,000 at 450 ppm.
    assert (accepted.loss_micros, result.state) == (45, OrderState.OPEN)
    assert desk.engine.bbo(1) == (1_000, 100, 1_010, 10)


def test_below_a_thousand_ticks_the_next_price_is_one_tick_away(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 995)
    desk.place(ALICE, BUY, 10, 1_000, flags=SLIDE)
    assert desk.engine.bbo(1)[0] == 994


def test_a_sell_slides_above_the_best_bid(desk: Desk) -> None:
    desk.place(BOB, BUY, 10, 1_000)
    desk.place(ALICE, SELL, 10, 990, flags=SLIDE)
    assert desk.engine.bbo(1)[2] == 1_010


def test_one_that_does_not_cross_stays_where_it_is(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_010)
    desk.place(ALICE, BUY, 10, 980, flags=SLIDE)
    assert desk.engine.bbo(1)[0] == 980


def test_where_no_price_is_left_in_the_band_it_is_refused(desk: Desk) -> None:
    # The band ends at 1,100, and above the bid at 1,100 the next price is 1,110.
    desk.place(BOB, BUY, 10, 1_100)
    result = desk.place(ALICE, SELL, 10, 1_090, flags=SLIDE)
    assert (result.reason, result.was, result.allowed) == (Reason.POST_ONLY_WOULD_CROSS, 1_090, 1_100)


def test_an_amendment_slides_as_well(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_010)
    order_id = desk.place(ALICE, BUY, 10, 980, flags=SLIDE).order_id
    assert desk.amend(ALICE, order_id, price_ticks=1_050).reason == 0
    amended = next(desk.of_kind("OrderAmended"))
    assert (amended.price_ticks, amended.kept_priority) == (1_000, 0)


def test_the_price_asked_for_is_the_body_of_its_client_order_id(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_010)
    first = desk.place(ALICE, BUY, 10, 1_020, flags=SLIDE, client_order_id=b"one")
    again = desk.place(ALICE, BUY, 10, 1_020, flags=SLIDE, client_order_id=b"one")
    assert (again.repeated, again.order_id) == (True, first.order_id)


def test_sliding_goes_with_post_only(desk: Desk) -> None:
    flags = OrderFlag.POST_ONLY_SLIDE
    assert desk.place(ALICE, BUY, 10, 1_000, flags=flags).reason == Reason.ORDER_COMBINATION
