"""What the engine shows of a book: samples, changed levels, questions."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, SELL, Desk


@pytest.mark.spec("FUND-010")
def test_impact_price_takes_the_last_level_in_part(desk: Desk) -> None:
    desk.place(ALICE, BUY, 100, 1_000)
    desk.place(ALICE, BUY, 100, 900)
    desk.place(BOB, SELL, 100, 1_010)
    desk.engine.sample_books(desk.now)
    desk.drain()
    sample = next(desk.of_kind("BookSampled"))
    # 150,000: 100 lots at 1000, and 50,000 / 900 = 55.5556 lots; 150,000 / 155.5556 = 964.285714...
    assert sample.impact_bid_e6 == 964_285_714
    # The asks hold 101,000 only.
    assert sample.impact_ask_e6 == 0
    # Within 1 % of 1000: 990 to 1010.
    assert (sample.bid_depth_lots, sample.ask_depth_lots) == (100, 100)
    assert (sample.bid_price_ticks, sample.ask_price_ticks, sample.sample_time_ns) == (1_000, 1_010, desk.now)


@pytest.mark.spec("FUND-010")
def test_impact_price_is_exact_where_one_level_is_enough(desk: Desk) -> None:
    desk.place(BOB, SELL, 150, 1_000)
    desk.engine.sample_books(desk.now)
    desk.drain()
    assert next(desk.of_kind("BookSampled")).impact_ask_e6 == 1_000_000_000


def test_level_updates_tell_each_changed_level_once(desk: Desk) -> None:
    desk.place(ALICE, BUY, 10, 990)
    desk.place(ALICE, BUY, 15, 990)
    order_id = desk.place(ALICE, SELL, 5, 1_010).order_id
    desk.cancel(ALICE, order_id)
    assert desk.engine.drain_level_updates() == [(1, BUY, 990, 25, 2), (1, SELL, 1_010, 0, 0)]
    assert desk.engine.drain_level_updates() == []
    desk.place(BOB, SELL, 25, 990)
    assert desk.engine.drain_level_updates() == [(1, BUY, 990, 0, 0)]
