"""Auto-deleveraging: what is left closes at V against ranked victims (LIQ-080).

The bankrupt account is long 1 BTC from 100,000 with 5,000 dollars. At 94,000 it misses 1,000: V = 95,000.
"""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.model.events.clearing import (
    AdlPolicyKind,
    AdlRanked,
    Deleveraged,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationStepped,
    StepCause,
    WithdrawalsGated,
)
from wavetank.model.orders import CommandKind


def bankrupt(*shorts: tuple[int, int], mark_ticks: int = 940_000) -> tuple[Scene, int, list[int]]:
    """Return the bankrupt account, asked for deleveraging, and its short sellers of (dollars, lots)."""
    scene = Scene(settings=ClearingSettings(fund_enabled=False))
    a = scene.open(5_000)
    victims = [scene.open(dollars) for dollars, _ in shorts]
    scene.mark(BTC, 1_000_000)
    for victim, (_, lots) in zip(victims, shorts, strict=True):
        scene.trade(BTC, a, victim, lots, 1_000_000)
    scene.mark(BTC, mark_ticks)
    scene.cancelled(a)
    scene.filled(a)
    return scene, a, victims


def with_a_bystander(policy: AdlPolicyKind = AdlPolicyKind.HYPERLIQUID) -> tuple[Scene, int, tuple[int, int]]:
    """Return the bankrupt account facing x alone, and y, who is short 0.5 against somebody else."""
    scene = Scene(settings=ClearingSettings(fund_enabled=False, adl_policy=policy))
    a, x, y, other = scene.open(5_000), scene.open(10_000), scene.open(1_000_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, x, 100_000, 1_000_000)
    scene.trade(BTC, other, y, 50_000, 1_000_000)
    scene.mark(BTC, 940_000)
    scene.cancelled(a)
    scene.filled(a)
    return scene, a, (x, y)


@pytest.mark.spec("LIQ-080", "LIQ-035", "INV-050")
def test_victims_close_at_v_in_order_of_profit_times_leverage() -> None:
    # x: short 0.6 with 10,000; equity 13,600, score 60,000 / 13,600 = 4.41.
    # y: short 0.4 with 5,000; equity 7,400, score 40,000 / 7,400 = 5.41: first.
    scene, a, (x, y) = bankrupt((10_000, 60_000), (5_000, 40_000))
    step = scene.last(LiquidationStepped)
    assert (step.stage, step.cause, step.delta_lots) == (
        LiquidationStage.DELEVERAGE,
        StepCause.BOOK_EXHAUSTED,
        -100_000,
    )
    assert step.value_micros == 95_000 * MICROS
    assert [
        (line.rank, line.account_id, line.position_lots, line.delta_lots, line.given_up_micros, line.score_e9)
        for line in scene.all(AdlRanked)
    ] == [
        (1, y, -40_000, 40_000, 400 * MICROS, 5_405_405_405),
        (2, x, -60_000, 60_000, 600 * MICROS, 4_411_764_705),
    ]
    assert [request.receiver_may_increase for _, request in scene.requests(a)] == [0, 0]
    scene.transfer_all(a)
    assert [(given.account_id, given.delta_lots, given.given_up_micros) for given in scene.all(Deleveraged)] == [
        (y, 40_000, 400 * MICROS),
        (x, 60_000, 600 * MICROS),
    ]
    # y bought 0.4 back for 38,000, x 0.6 for 57,000; no fee.
    assert (scene.cash(a), scene.cash(x), scene.cash(y)) == (0, 13_000 * MICROS, 7_000 * MICROS)
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.FLAT
    assert scene.all(WithdrawalsGated) == []
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-080")
def test_the_ranking_is_logged_whole_with_those_who_are_not_needed() -> None:
    scene, _, (x, y) = with_a_bystander()
    assert [(line.account_id, line.delta_lots) for line in scene.all(AdlRanked)] == [(x, 100_000), (y, 0)]
    assert len(scene.requests()) == 1


@pytest.mark.spec("LIQ-080")
@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        # entry/equity: x 100,000/16,000 = 6.25, y 50,000/1,003,000.
        (AdlPolicyKind.HYPERLIQUID, [100_000, 0]),
        # Gain/entry x notional/equity: x 6 % x 5.875, y 6 % x 0.047.
        (AdlPolicyKind.BITMEX, [100_000, 0]),
        # 100,000 of 150,000 lots: two thirds of each.
        (AdlPolicyKind.PRO_RATA, [66_667, 33_333]),
        # x comes down from 5.875 to nothing before y, at 0.047, is met but for 1 part: 100,000 - L x 16,000 / 0.94
        # + 50,000 - L x 1,003,000 / 0.94 = 100,000 gives L = 0.0461, x 99,214.9, y 785.1.
        (AdlPolicyKind.MIN_MAX_LEVERAGE, [99_215, 785]),
    ],
)
def test_the_policy_is_a_setting(policy: AdlPolicyKind, asked: list[int]) -> None:
    scene, a, (x, y) = with_a_bystander(policy)
    assert [(line.account_id, line.delta_lots) for line in scene.all(AdlRanked)] == list(
        zip((x, y), asked, strict=True)
    )
    scene.transfer_all(a)
    assert (scene.lots(x, BTC), scene.lots(y, BTC)) == (-100_000 + asked[0], -50_000 + asked[1])
    assert scene.cash(a) == 0
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-080")
def test_what_is_clipped_goes_to_the_next() -> None:
    scene, a, (x, y) = with_a_bystander()
    seq, request = scene.request(a)
    # The shard moves 0.3 only: x traded meanwhile.
    scene.shard(scene.traded(BTC, x, y, 70_000, 940_000), *scene.transferred(seq, request, lots=30_000))
    # y now is short 1.2 and takes the rest at its own share of V: 66,500 of 95,000.
    _, request = scene.request(a)
    assert (request.receiver_account_id, request.size_lots, request.value_micros) == (y, -70_000, -66_500 * MICROS)
    scene.transfer_all(a)
    assert scene.cash(a) == 0
    assert scene.lots(y, BTC) == -50_000
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-080")
def test_answers_of_one_deleveraging_may_come_in_any_order() -> None:
    scene, a, (x, y) = bankrupt((10_000, 60_000), (5_000, 40_000))
    first, second = scene.requests(a)
    scene.shard(*scene.transferred(*second))
    assert scene.all(LiquidationEnded) == []
    scene.shard(*scene.transferred(*first))
    assert (scene.cash(a), scene.cash(x), scene.cash(y)) == (0, 13_000 * MICROS, 7_000 * MICROS)
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-080", "UNIT-040")
def test_shares_of_an_odd_value_lose_nothing() -> None:
    # At 93,999.9 the account misses 1,000.10: V = 95,000 whole, of which a third is no whole number.
    scene, a, victims = bankrupt((9_000, 33_333), (9_000, 33_333), (9_000, 33_334), mark_ticks=939_999)
    values = [-request.value_micros for _, request in scene.requests(a)]
    assert sum(values) == 95_000 * MICROS
    # Equal scores for the twins: the lower id first. 95,000 x 0.33333 = 31,666.35.
    assert [request.receiver_account_id for _, request in scene.requests(a)] == [victims[2], victims[0], victims[1]]
    scene.transfer_all(a)
    assert scene.cash(a) == 0
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-080")
def test_a_victim_gives_no_more_than_leaves_its_own_margin() -> None:
    # At 92,000: equity -3,000, margin 1,150, so each lot costs a victim 3 cents and relieves 1.15.
    # x is short 1 BTC; its second leg, long 20 ETH, has lost all but 1,150 + 1,600 + 555 of its equity.
    scene = Scene(settings=ClearingSettings(fund_enabled=False))
    a, x, other = scene.open(5_000), scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, x, 100_000, 1_000_000)
    scene.trade(ETH, x, other, 200_000, 400_000)
    # ETH at 3,250: x has 10,000 + 8,000 - 15,000 = 3,000 at 92,000, margin 1,150 + 1,300: 550 to spare.
    scene.mark(BTC, 920_000)
    scene.mark(ETH, 325_000)
    assert scene.account(x).liquidation is None
    scene.cancelled(a)
    scene.filled(a)
    (line,) = scene.all(AdlRanked)
    # 550 / (0.03 - 0.0115) = 29,729.7 lots, less a hair for rounding in the victim's favour.
    assert line.capacity_lots == 29_729
    assert line.delta_lots == 29_729
    assert scene.last(LiquidationStepped).cause == StepCause.BOOK_EXHAUSTED
    scene.transfer_all(a)
    value = scene.state.value(scene.account(x))
    assert value.equity_micros >= value.maintenance_micros
    # Nobody else is there: the rest closes at mark, which costs x nothing, and the debt is the venue's.
    assert scene.last(LiquidationStepped).cause == StepCause.NO_VICTIM_LEFT
    assert scene.last(AdlRanked).given_up_micros == 0
    scene.transfer_all(a)
    assert scene.account(a).liquidation is None
    assert scene.cash(a) == 0
    assert len(scene.all(WithdrawalsGated)) == 1
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-080")
def test_two_liquidations_leave_their_common_victim_its_margin() -> None:
    # a and b are each long 0.5 BTC with 2,500: at 92,000 each misses 1,500, each lot costs a victim 3 cents.
    scene = Scene()
    a, b, x, other = scene.open(2_500), scene.open(2_500), scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    for each in (a, b):
        scene.trade(BTC, each, x, 50_000, 1_000_000)
    scene.trade(ETH, x, other, 200_000, 400_000)
    scene.mark(BTC, 920_000)
    scene.mark(ETH, 325_000)
    for each in (a, b):
        scene.cancelled(each)
        scene.filled(each)
    # a asks for all it can get; b is told that x has given nearly everything already.
    of_a, of_b = (scene.request(each)[1] for each in (a, b))
    assert of_a.size_lots == -29_729
    assert scene.last(LiquidationStepped).cause == StepCause.NO_VICTIM_LEFT
    assert of_b.value_micros == of_b.size_lots * 920_000
    scene.transfer_all(a)
    scene.transfer_all(b)
    value = scene.state.value(scene.account(x))
    assert value.equity_micros >= value.maintenance_micros
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-080")
def test_accounts_in_distress_are_no_victims() -> None:
    # x has nothing but its gain: with 100 less it would be bankrupt itself. y alone is asked.
    scene = Scene(settings=ClearingSettings(fund_enabled=False))
    a, x, y, other = scene.open(5_000), scene.open(10_000), scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, x, 50_000, 1_000_000)
    scene.trade(BTC, a, y, 50_000, 1_000_000)
    scene.trade(ETH, x, other, 200_000, 400_000)
    # ETH 3,400: x has 10,000 + 3,000 - 12,000 = 1,000 at 94,000, margin 587.50 + 1,360.
    scene.mark(ETH, 340_000)
    scene.mark(BTC, 940_000)
    assert scene.account(x).liquidation is not None
    scene.cancelled(a)
    scene.filled(a)
    assert [line.account_id for line in scene.all(AdlRanked)] == [y]
    assert scene.request(a)[1].size_lots == -50_000
    # y gave all it had; the rest closes at mark with x, although x is in liquidation itself.
    scene.transfer_all(a)
    assert (scene.last(LiquidationStepped).cause, scene.last(AdlRanked).account_id) == (StepCause.NO_VICTIM_LEFT, x)
    scene.transfer_all(a)
    assert scene.lots(x, BTC) == 0
    assert scene.account(x).liquidation is not None
    # x goes its own way when its cancel is answered: 1,000 against 1,360 is for the book, limited by depth or not.
    scene.cancelled(x)
    assert scene.request(x)[1].instrument_id == ETH
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-010", "LIQ-080")
def test_nobody_is_deleveraged_at_a_stale_mark() -> None:
    scene = Scene(settings=ClearingSettings(fund_enabled=False))
    a, x = scene.open(5_000), scene.open(10_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, x, 100_000, 1_000_000)
    # Better end of 89,000 is 93,450: -1,550.
    scene.mark(BTC, 890_000, stale=True)
    scene.cancelled(a)
    step = scene.last(LiquidationStepped)
    assert (step.stage, step.cause) == (LiquidationStage.DELEVERAGE, StepCause.PRICE_STALE)
    assert scene.requests() == []
    scene.mark(BTC, 940_000)
    assert scene.request(a)[1].command == CommandKind.LIQUIDATE
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-080")
def test_a_short_is_deleveraged_against_longs() -> None:
    # Short 1 BTC from 100,000 with 5,000: at 106,000 it misses 1,000 and pays V = 105,000.
    scene = Scene(settings=ClearingSettings(fund_enabled=False))
    a, x = scene.open(5_000), scene.open(10_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, x, a, 100_000, 1_000_000)
    scene.mark(BTC, 1_060_000)
    scene.cancelled(a)
    scene.filled(a)
    (line,) = scene.all(AdlRanked)
    # (106/100) x (106,000 / 16,000) = 7.0225.
    assert (line.delta_lots, line.given_up_micros, line.score_e9) == (-100_000, 1_000 * MICROS, 7_022_500_000)
    scene.transfer_all(a)
    assert (scene.cash(a), scene.cash(x)) == (0, 15_000 * MICROS)
    scene.assert_recoverable()
