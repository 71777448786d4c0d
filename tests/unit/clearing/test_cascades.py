"""Cascades: which liquidation follows which, and what they did together (LIQ-120).

BTC's maintenance margin is notional / 80. Account a is long 0.5 BTC from 100,000 with 1,250: at 98,500 it has 500
against 615.625. Account b is long 0.4 with 1,200: at 98,500 it has 600 against 492.50, at 98,000 400 against 490.
"""

from __future__ import annotations

import pytest

from tests.model.golden_account import golden
from tests.model.scripted_shard import BTC, ETH, MICROS, START_NS, Scene
from wavetank.clearing.core.cascades import multiplier_ppm
from wavetank.clearing.core.settings import SECOND_NS
from wavetank.model.events.clearing import (
    CascadeEnded,
    CascadeJoined,
    LiquidationStarted,
    LiquidationStepped,
    StepCause,
)


def two_longs() -> tuple[Scene, int, int, int]:
    """Return a scene with a, b and the maker of both, whose book shows 200,000 lots on either side."""
    scene = Scene()
    a, b, maker = scene.open(1_250), scene.open(1_200), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 50_000, 1_000_000)
    scene.trade(BTC, b, maker, 40_000, 1_000_000)
    scene.book(BTC, bid=985_000, ask=985_010, impact_bid=984_000, impact_ask=986_000, depth_lots=200_000)
    return scene, a, b, maker


def a_falls_and_trades() -> tuple[Scene, int, int, int]:
    """Return the scene after a was sold at 98,500."""
    scene, a, b, maker = two_longs()
    scene.mark(BTC, 985_000, index_ticks=990_000)
    scene.cancelled(a)
    scene.filled(a, (maker, 50_000, 985_000))
    assert scene.account(a).liquidation is None
    return scene, a, b, maker


def joined(scene: Scene) -> list[tuple[int, int, int, int, int]]:
    """Return account, cascade, generation, instrument and parent trade of every liquidation."""
    return [
        (each.account_id, each.cascade_id, each.generation, each.instrument_id, each.parent_trade_id)
        for each in scene.all(CascadeJoined)
    ]


@pytest.mark.spec("LIQ-120")
def test_who_falls_after_a_liquidations_trade_is_its_next_generation() -> None:
    scene, a, b, maker = a_falls_and_trades()
    trade_id = scene.trades
    scene.mark(BTC, 980_000, index_ticks=990_000)
    assert joined(scene) == [(a, 1, 1, 0, 0), (b, 1, 2, BTC, trade_id)]
    started, link = scene.last(LiquidationStarted), scene.last(CascadeJoined)
    assert (link.liquidation_id, link.mark_seq) == (started.liquidation_id, started.mark_seq)
    scene.cancelled(b)
    scene.filled(b, (maker, 40_000, 980_000))
    # 10 seconds after the last trade it may go on still; after 11 it has ended.
    scene.pass_time(10)
    assert scene.all(CascadeEnded) == []
    scene.assert_recoverable()
    scene.pass_time(1)
    (ended,) = scene.all(CascadeEnded)
    assert (ended.cascade_id, ended.liquidations, ended.generations) == (1, 2, 2)
    # The scene's clock moved a second for each mark: the second one began it.
    assert ended.began_ns == START_NS + 2 * SECOND_NS
    # 0.5 at 98,500 and 0.4 at 98,000: 88,450 / 49,250 = 1.7959390...
    assert (ended.notional_micros, ended.first_notional_micros) == (88_450 * MICROS, 49_250 * MICROS)
    assert ended.multiplier_ppm == 1_795_939
    # A quarter and a fifth of the 200,000 lots; 1,000 dollars of 99,000 between mark and index.
    assert (ended.depth_consumed_ppm, ended.peak_gap_ppm) == (450_000, 10_101)
    assert scene.state.cascades.running == {}
    assert scene.state.cascades.traces == {}
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-120")
def test_who_falls_with_the_same_move_is_of_the_same_generation() -> None:
    scene, a, b, _ = two_longs()
    scene.mark(BTC, 980_000)
    # a has 250 against 612.50 and b 400 against 490: both at once.
    assert joined(scene) == [(a, 1, 1, 0, 0), (b, 1, 1, BTC, 0)]
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-120")
def test_a_move_before_anybody_has_traded_makes_siblings_too() -> None:
    scene, a, b, maker = two_longs()
    scene.mark(BTC, 985_000)
    scene.mark(BTC, 980_000)
    assert joined(scene) == [(a, 1, 1, 0, 0), (b, 1, 1, BTC, 0)]
    # The trades of both are of the first generation, so nothing is multiplied.
    for each, lots in ((a, 50_000), (b, 40_000)):
        scene.cancelled(each)
        if each == b:
            scene.filled(each, (maker, lots, 980_000))
        else:
            # 250 of 612.50 is below two thirds: the vault's, at mark.
            scene.transfer_all(each)
    scene.pass_time(11)
    ended = scene.last(CascadeEnded)
    assert (ended.notional_micros, ended.first_notional_micros) == (88_200 * MICROS, 88_200 * MICROS)
    assert (ended.multiplier_ppm, ended.generations, ended.depth_consumed_ppm) == (1_000_000, 1, 200_000)


@pytest.mark.spec("LIQ-120")
@pytest.mark.parametrize(("seconds", "cascade", "generation"), [(9, 1, 2), (10, 2, 1)])
def test_after_the_window_a_new_cascade_begins(seconds: int, cascade: int, generation: int) -> None:
    scene, _, b, _ = a_falls_and_trades()
    # The mark itself comes one second later.
    scene.now_ns += seconds * SECOND_NS
    scene.mark(BTC, 980_000)
    assert joined(scene)[-1][:3] == (b, cascade, generation)
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-120")
def test_a_fall_in_another_instrument_is_another_cascade() -> None:
    scene, a, b, maker = two_longs()
    c, both = scene.open(1_000), scene.open(2_000)
    scene.mark(ETH, 400_000)
    # c: 10 ETH from 4,000 with 1,000, margin notional / 50; both: 10 ETH and 0.1 BTC with 2,000.
    scene.trade(ETH, c, maker, 100_000, 400_000)
    scene.trade(ETH, both, maker, 100_000, 400_000)
    scene.trade(BTC, both, maker, 10_000, 1_000_000)
    scene.mark(BTC, 985_000)
    scene.cancelled(a)
    scene.filled(a, (maker, 50_000, 985_000))
    trade_id = scene.trades
    # ETH 3,960: c has 600 against 792. both has 2,000 - 150 - 400 against 792 + 123.125.
    scene.mark(ETH, 396_000)
    assert joined(scene) == [(a, 1, 1, 0, 0), (c, 2, 1, 0, 0)]
    # ETH 3,900: both has 850 against 780 + 123.125; its newest trace is c's start, but c has not traded.
    scene.mark(ETH, 390_000)
    assert joined(scene)[-1] == (both, 2, 1, ETH, 0)
    # a's trade in BTC is older; b follows that.
    scene.mark(BTC, 980_000)
    assert joined(scene)[-1] == (b, 1, 2, BTC, trade_id)
    scene.assert_recoverable(scene.cuts[-3])


@pytest.mark.spec("LIQ-120")
def test_what_a_vault_takes_counts_at_mark_and_consumes_no_depth() -> None:
    scene, a, _ = golden()
    scene.transfer_all(a)
    scene.pass_time(11)
    ended = scene.last(CascadeEnded)
    assert (ended.notional_micros, ended.multiplier_ppm) == (173_500 * MICROS, 1_000_000)
    assert (ended.depth_consumed_ppm, ended.liquidations) == (0, 1)
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-120")
def test_a_liquidation_that_waits_keeps_its_cascade_running() -> None:
    scene, a, _, _ = two_longs()
    scene.mark(BTC, 985_000)
    scene.cancelled(a)
    scene.filled(a)
    assert scene.last(LiquidationStepped).cause == StepCause.UNFILLED
    scene.pass_time(100)
    assert scene.all(CascadeEnded) == []
    # The price comes back: nothing was closed, and nothing is divided by it.
    scene.mark(BTC, 1_000_000)
    scene.pass_time(11)
    ended = scene.last(CascadeEnded)
    assert (ended.notional_micros, ended.multiplier_ppm, ended.liquidations) == (0, 0, 1)


@pytest.mark.spec("LIQ-120")
def test_what_its_orders_met_before_they_were_cancelled_is_no_liquidation() -> None:
    scene, a, b, _ = two_longs()
    scene.mark(BTC, 985_000)
    # b takes a's last resting order before the cancel is answered.
    scene.trade(BTC, b, a, 1_000, 985_000)
    assert scene.state.cascades.running[1].notional_micros == 0
    assert scene.state.cascades.traces[BTC].trade_id == 0


@pytest.mark.spec("LIQ-120")
def test_the_multiplier_rounds_down() -> None:
    assert multiplier_ppm(200, 300) == 666_666
    assert multiplier_ppm(5, 0) == 0
