"""A dry run says what would become of an order, and changes nothing (ORD-050)."""

from typing import Any

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, IOC, POST_ONLY, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.queries import OrderCheck
from wavetank.model.orders import OrderFlag
from wavetank.model.reason import Reason

pytestmark = pytest.mark.spec("ORD-050")


def check(desk: Desk, **fields: Any) -> OrderCheck:  # noqa: ANN401 - any property of an order.
    before = desk.engine.state_hash()
    said = desk.engine.check_place(desk.now, commands.place(account_id=ALICE, instrument_id=1, **fields))
    assert desk.engine.state_hash() == before
    assert desk.engine.drain_events() == b""
    return said


def test_it_tells_the_fills_and_what_would_be_committed(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_000)
    desk.place(BOB, SELL, 20, 1_010, display_lots=5)
    said = check(desk, side=BUY, size_lots=25, price_ticks=1_010)
    # 10 at 1,000 and 15 at 1,010, hidden ones too.
    assert (said.reason, said.price_ticks, said.fill_lots, said.fill_value_micros) == (0, 1_010, 25, 25_150)
    # Margin of 25 lots at 1,000 and tenfold leverage: 2,500. Filling at 1,010 loses 25 x 10, and pays 450 ppm of
    # 25,250, which is 11.4, so 12.
    assert (said.committed_before, said.committed_after, said.available) == (0, 2_762, 10**9)
    desk.place(ALICE, BUY, 25, 1_010, time_in_force=IOC)
    assert [event.loss_micros for event in desk.of_kind("OrderAccepted")] == [262]


def test_what_it_says_is_what_then_happens_to_a_sliding_order(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_010)
    flags = POST_ONLY | OrderFlag.POST_ONLY_SLIDE
    said = check(desk, side=BUY, size_lots=10, price_ticks=1_020, flags=flags)
    assert (said.price_ticks, said.fill_lots) == (1_000, 0)


def test_a_refusal_tells_why(desk: Desk) -> None:
    said = check(desk, side=BUY, size_lots=10, price_ticks=1_200)
    assert (said.reason, said.was, said.allowed) == (Reason.OUTSIDE_PRICE_BAND, 1_200, 1_100)
    assert (said.committed_after, said.price_ticks) == (0, 0)


def test_a_known_client_order_id_counts(desk: Desk) -> None:
    desk.place(ALICE, BUY, 10, 990, client_order_id=b"one")
    same = check(desk, side=BUY, size_lots=10, price_ticks=990, client_order_id=b"one")
    other = check(desk, side=BUY, size_lots=11, price_ticks=990, client_order_id=b"one")
    assert (same.reason, other.reason) == (0, Reason.CLIENT_ORDER_ID_REUSED)


def test_no_timer_fires_for_it(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_000, time_in_force=4, expire_time_ns=2_000)
    order = commands.place(account_id=ALICE, instrument_id=1, side=BUY, size_lots=10, price_ticks=1_000)
    assert desk.engine.check_place(3_000, order).fill_lots == 10
    assert desk.engine.now_ns == 1_000


def test_only_a_place_can_be_checked(desk: Desk) -> None:
    with pytest.raises(ValueError, match="not one PLACE"):
        desk.engine.check_place(desk.now, commands.cancel_all(account_id=ALICE))
