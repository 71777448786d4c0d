"""What the engine shows of a book: samples, changed levels, questions."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, INSTRUMENT, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.engine import Engine


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


def test_levels_change_untold_while_nobody_asked_for_them(desk: Desk) -> None:
    desk.place(ALICE, BUY, 10, 990)
    desk.engine.track_levels = False
    desk.place(ALICE, BUY, 15, 990)
    assert desk.engine.drain_level_updates() == []
    # Asked for again, they are told from then on, also one that had changed and was not told.
    desk.engine.track_levels = True
    assert desk.engine.drain_level_updates() == []
    desk.place(ALICE, BUY, 2, 990)
    assert desk.engine.drain_level_updates() == [(1, BUY, 990, 27, 3)]


def test_what_is_replayed_is_not_told_as_a_change() -> None:
    desk = Desk()
    records = desk.engine.apply_commands(
        desk.now, commands.place(account_id=ALICE, instrument_id=1, side=BUY, size_lots=10, price_ticks=990), 1
    )
    copy = Engine(0, desk.settings)
    copy.list_instrument(INSTRUMENT)
    # Its gate and its mark come first: GateMoved and MarkApplied are seq 1 and 2.
    copy.set_gate(desk.now, is_open=True)
    copy.apply_mark(desk.now, 1, 1_000, 1_000, desk.now, 1, False)
    copy.drain_events()
    copy.replay(records, 3, desk.now)
    assert copy.bbo(1) == (990, 10, 0, 0)
    assert copy.drain_level_updates() == []
    assert copy.track_levels
