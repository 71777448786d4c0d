"""Prices and sizes of the load: what a venue accepts must be what the users send, or they measure refusals."""

import pytest
from loadtest.prices import crossing_price, lots_of_notional, price_step, quotes_around, round_down, round_up

from wavetank.v1 import instrument_pb2

BTC = instrument_pb2.Instrument(
    instrument_id=1,
    symbol="BTC",
    size_decimals=5,
    significant_figures=5,
    min_notional_micros=10_000_000,
    max_order_lots=2**31 - 1,
    price_band_ppm=100_000,
)
SOL = instrument_pb2.Instrument(
    instrument_id=3,
    symbol="SOL",
    size_decimals=2,
    significant_figures=5,
    min_notional_micros=10_000_000,
    max_order_lots=2**31 - 1,
    price_band_ppm=100_000,
)


@pytest.mark.parametrize(
    ("instrument", "price_ticks", "step"),
    [
        # BTC: a tick is $0.1. $9,999.9 has 5 figures; $60,000.0 has 6, and whole dollars (10 ticks) are on the grid.
        (BTC, 99_999, 1),
        (BTC, 600_000, 10),
        # $123,456.7: 7 digits less 5 figures would be 100 ticks, but whole dollars are always on the grid.
        (BTC, 1_234_567, 10),
        # SOL: a tick is $0.0001. $150.0000 has 7 digits: 10^(7-5) ticks, one cent.
        (SOL, 1_500_000, 100),
        # $9.9998 has 5 figures.
        (SOL, 99_998, 1),
    ],
)
@pytest.mark.spec("UNIT-030")
def test_step_of_the_grid(instrument: instrument_pb2.Instrument, price_ticks: int, step: int) -> None:
    assert price_step(instrument, price_ticks) == step


@pytest.mark.spec("UNIT-030")
def test_no_limit_of_figures_makes_every_tick_a_price() -> None:
    free = instrument_pb2.Instrument(size_decimals=5, significant_figures=0)
    assert price_step(free, 1_234_567) == 1


@pytest.mark.spec("UNIT-030")
def test_prices_are_rounded_to_the_grid() -> None:
    assert round_down(BTC, 600_019) == 600_010
    assert round_up(BTC, 600_011) == 600_020
    assert round_up(BTC, 600_010) == 600_010
    # 99,999 is the last price of five figures; the next is 100,000, where steps of 10 begin.
    assert round_up(BTC, 99_999) == 99_999
    assert round_up(BTC, 100_001) == 100_010


@pytest.mark.spec("UNIT-010")
def test_size_is_worth_the_notional_at_least() -> None:
    # $100 at $60,000: 100,000,000 / 600,000 = 166.67, rounded up to 167 lots of 10^-5 BTC.
    assert lots_of_notional(BTC, 600_000, 100_000_000) == 167
    # Never below the smallest order, $10, with a tenth to spare: 11,000,000 / 600,000 = 18.3.
    assert lots_of_notional(BTC, 600_000, 0) == 19
    # Never above the largest.
    small = instrument_pb2.Instrument(max_order_lots=5)
    assert lots_of_notional(small, 1, 1_000) == 5


def test_quotes_stand_on_the_grid_around_the_middle() -> None:
    # 0.1 % of 600,003 ticks is 600: 599,403 down to 599,400, and 600,603 up to 600,610.
    pair = quotes_around(BTC, 600_003, 1_000)
    assert (pair.bid_ticks, pair.ask_ticks) == (599_400, 600_610)


def test_quotes_never_meet() -> None:
    pair = quotes_around(BTC, 600_000, 0)
    assert (pair.bid_ticks, pair.ask_ticks) == (600_000, 600_010)


@pytest.mark.spec("MTCH-040")
def test_distances_are_held_inside_the_band() -> None:
    # The band is 10 %, half of it 5 %: 600,000 - 30,000.
    assert quotes_around(BTC, 600_000, 900_000).bid_ticks == 570_000
    assert crossing_price(BTC, 600_000, instrument_pb2.SIDE_BUY, 900_000) == 630_000


def test_crossing_price_reaches_over_the_mark_and_no_further() -> None:
    # 0.3 % of 600,003 ticks is 1,800: up to 601,803, down to the grid 601,800; down to 598,203, up to 598,210.
    assert crossing_price(BTC, 600_003, instrument_pb2.SIDE_BUY, 3_000) == 601_800
    assert crossing_price(BTC, 600_003, instrument_pb2.SIDE_SELL, 3_000) == 598_210
