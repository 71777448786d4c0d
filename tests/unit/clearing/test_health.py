"""Margins by tier, bands of health, and prices that may or may not be used."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, START_NS, Scene
from wavetank.clearing.core.health import HealthBand
from wavetank.clearing.core.settings import SECOND_NS
from wavetank.clearing.core.valuation import health_band, value_account
from wavetank.model.events.clearing import HealthBandChanged, LiquidationStarted, VenueGateMoved
from wavetank.model.events.matching import MarkApplied
from wavetank.model.events.oracle import ConsumerBit
from wavetank.model.instrument import default_instruments
from wavetank.model.orders import LineStatus

BTC_LISTED, ETH_LISTED, _ = default_instruments()


@pytest.mark.spec("MRGN-010", "MRGN-020")
def test_an_account_is_worth_its_cash_and_what_its_legs_gained() -> None:
    value = value_account(
        1_000 * MICROS,
        [(BTC_LISTED, 100_000, 100_000 * 1_000_000), (ETH_LISTED, -10_000, -10_000 * 400_000)],
        {BTC: 1_010_000, ETH: 390_000}.__getitem__,
    )
    # +1,000 on the BTC, +100 on the short ETH.
    assert value.equity_micros == 2_100 * MICROS
    # 101,000 / 80 + 3,900 / 50; initial 101,000 / 40 + 3,900 / 25.
    assert value.maintenance_micros == 1_340_500_000
    assert value.initial_micros == 2_681 * MICROS
    assert value.notional_micros == 104_900 * MICROS


@pytest.mark.spec("MRGN-020")
def test_a_large_position_pays_the_second_tier_on_what_is_above_it() -> None:
    # BTC: 40x up to 150 million, then 20x. 160 million: 150 / 80 + 10 / 40 = 2.125 million.
    assert BTC_LISTED.margin.maintenance_micros(160_000_000 * MICROS) == 2_125_000 * MICROS
    assert BTC_LISTED.margin.maintenance_micros(150_000_000 * MICROS) == 1_875_000 * MICROS
    # Initial margin is the whole at the tier's leverage.
    assert BTC_LISTED.margin.initial_micros(160_000_000 * MICROS, 40) == 8_000_000 * MICROS


@pytest.mark.spec("LIQ-020")
@pytest.mark.parametrize(
    ("equity", "band"),
    [
        (1_500, HealthBand.HEALTHY),
        (1_499, HealthBand.WARNED),
        (1_200, HealthBand.WARNED),
        (1_199, HealthBand.REDUCE_ONLY),
        (1_000, HealthBand.REDUCE_ONLY),
        (999, HealthBand.LIQUIDATION),
        (667, HealthBand.LIQUIDATION),
        (666, HealthBand.BACKSTOP),
        (0, HealthBand.BACKSTOP),
        (-1, HealthBand.BANKRUPT),
    ],
)
def test_bands_begin_exactly_where_they_are_said_to(equity: int, band: HealthBand) -> None:
    # 2/3 of 1,000 is 666.67: 667 is above it, 666 below.
    assert health_band(equity, 1_000) == band


def test_an_empty_account_is_healthy_and_a_negative_one_bankrupt() -> None:
    assert health_band(0, 0) == HealthBand.HEALTHY
    assert health_band(-1, 0) == HealthBand.BANKRUPT


def long_one_btc(dollars: int) -> tuple[Scene, int]:
    scene = Scene()
    a, maker = scene.open(dollars), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    return scene, a


@pytest.mark.spec("LIQ-020")
def test_falling_health_is_told_and_makes_the_line_reduce_only() -> None:
    # Cash 5,000, long 1 BTC from 100,000. MM is mark / 80.
    scene, a = long_one_btc(5_000)
    seen = []
    # 97,000: 2,000 / 1,212.5; 96,800: 1,800 / 1,210 = 1.4876; 96,400: 1,400 / 1,205 = 1.16; back to 97,000.
    for ticks in (970_000, 968_000, 964_000, 970_000):
        scene.mark(BTC, ticks)
        seen.append((scene.account(a).band, scene.account(a).line_status))
    assert seen == [
        (HealthBand.HEALTHY, LineStatus.NORMAL),
        (HealthBand.WARNED, LineStatus.NORMAL),
        (HealthBand.REDUCE_ONLY, LineStatus.REDUCE_ONLY),
        (HealthBand.HEALTHY, LineStatus.NORMAL),
    ]
    first = scene.all(HealthBandChanged)[0]
    assert (first.equity_micros, first.maintenance_margin_micros) == (1_800 * MICROS, 1_210 * MICROS)
    assert (first.previous, first.current) == (HealthBand.HEALTHY, HealthBand.WARNED)
    assert scene.all(LiquidationStarted) == []
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-030")
def test_an_account_exactly_at_its_margin_is_left_alone() -> None:
    # 5,000 + x - 100,000 = x / 80 at x = 96,202.53...; at 96,202.6 it holds 1,202.6 against 1,202.5325.
    scene, a = long_one_btc(5_000)
    scene.mark(BTC, 962_026)
    assert scene.account(a).liquidation is None
    # One tick of 10 cents less: 1,202.5 against 1,202.53125.
    scene.mark(BTC, 962_025)
    assert scene.account(a).liquidation is not None


@pytest.mark.spec("LIQ-010", "ORCL-030")
def test_a_stale_leg_is_liquidated_only_when_its_better_end_is_below() -> None:
    # Stale at 96,000: at most 100,800, equity 5,800. The last mark alone (equity 1,000) is not enough.
    scene, a = long_one_btc(5_000)
    scene.mark(BTC, 960_000, stale=True)
    assert scene.account(a).liquidation is None
    assert scene.account(a).line_status is LineStatus.REDUCE_ONLY
    # Stale at 91,000: at most 95,550, equity 550 against 1,194.375.
    scene.mark(BTC, 910_000, stale=True)
    assert scene.account(a).liquidation is not None


@pytest.mark.spec("LIQ-010", "ORCL-030")
def test_a_mark_whose_index_is_old_is_stale() -> None:
    scene, a = long_one_btc(5_000)
    scene.mark(BTC, 960_000, age_ns=61 * SECOND_NS)
    assert scene.account(a).liquidation is None
    scene.mark(BTC, 960_000, age_ns=60 * SECOND_NS)
    assert scene.account(a).liquidation is not None


@pytest.mark.spec("ORCL-030")
def test_a_price_that_is_not_positive_is_no_price() -> None:
    scene, a = long_one_btc(5_000)
    scene.mark(BTC, 0)
    applied = scene.last(MarkApplied)
    # 4 is Validity.NON_POSITIVE.
    assert (applied.mark_price_ticks, applied.index_price_ticks, applied.stale) == (1_000_000, 1_000_000, 4)
    assert not scene.state.is_valid(BTC, scene.now_ns)
    assert scene.account(a).liquidation is None
    scene.mark(ETH, -1)
    assert ETH not in scene.state.marks
    scene.assert_recoverable()


@pytest.mark.spec("ORCL-030")
def test_prices_for_others_are_not_clearings() -> None:
    scene, a = long_one_btc(5_000)
    scene.mark(BTC, 900_000, consumers=int(ConsumerBit.MATCHING | ConsumerBit.BOTS | ConsumerBit.TRUTH))
    assert scene.state.marks[BTC].mark_price_ticks == 1_000_000
    assert scene.account(a).liquidation is None


@pytest.mark.spec("ORCL-030", "LIQ-010")
def test_a_position_that_clearing_has_no_mark_for_stands_at_its_entry() -> None:
    # The shard may have read the oracle's log further than clearing.
    scene = Scene()
    a, b = scene.open(1_000), scene.open(1_000)
    scene.trade(BTC, a, b, 1_001, 1_000_001)
    value = scene.state.value(scene.account(a))
    assert (value.equity_micros, value.legs[0].mark_price_ticks) == (1_000 * MICROS, 1_000_001)
    assert not scene.state.is_valid(BTC, scene.now_ns)
    rows = {line.account_id: line.rows for line in scene.core.take_lines()}
    assert rows[a][0].margin_price_ticks == 1_000_001
    scene.mark(BTC, 1_000_000)
    assert scene.state.is_valid(BTC, scene.now_ns)
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-110")
def test_the_venue_opens_with_the_first_fresh_price() -> None:
    scene = Scene()
    assert not scene.is_open()
    scene.mark(BTC, 1_000_000, stale=True)
    assert not scene.is_open()
    scene.mark(BTC, 1_000_000)
    assert scene.is_open()
    assert len(scene.all(VenueGateMoved)) == 1


@pytest.mark.spec("LIQ-110")
def test_after_a_restart_nothing_trades_until_every_held_price_is_fresh_and_margins_are_swept() -> None:
    scene = Scene()
    a, maker = scene.open(6_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.trade(ETH, a, maker, 10_000, 400_000)
    assert scene.is_open()
    scene.restart()
    assert not scene.is_open()
    scene.mark(ETH, 400_000)
    assert not scene.is_open()
    # While clearing was away BTC fell to 95,000: equity 1,000 against 1,187.5 + 80.
    events = scene.mark(BTC, 950_000)
    assert scene.is_open()
    kinds = [type(event).__name__ for event in events]
    assert kinds.index("LiquidationStarted") < kinds.index("VenueGateMoved")
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-110")
def test_a_feed_that_comes_back_with_what_it_knew_before_opens_nothing() -> None:
    scene = Scene()
    a, maker = scene.open(6_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.restart()
    # Marks may be a minute old (LIQ-010): this one says that it is valid, and is a second too old to be believed.
    scene.mark(BTC, 1_000_000, age_ns=61 * SECOND_NS)
    assert not scene.is_open()
    scene.mark(BTC, 1_000_000, age_ns=59 * SECOND_NS)
    assert scene.is_open()


def test_time_begins_where_the_scene_says() -> None:
    assert Scene().now_ns == START_NS
