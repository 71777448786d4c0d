"""The insurance fund: one more try in the book with a reserve behind it (LIQ-070).

The golden account again, with the vault off: equity 1,500, margin 2,776.25 of which 1,156.25 for 1 BTC at 92,500 and
1,620 for -20 ETH at 4,050. ETH relieves more margin per dollar of band, so it goes first. Its V is
-81,000 - 1,500 x 1,620 / 2,776.25 = -81,875.281404 (the account may pay that much for it).
"""

from __future__ import annotations

import pytest

from tests.model.golden_account import golden
from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.model.events.clearing import (
    CashCause,
    CashTransferred,
    FillBooked,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationStepped,
    StepCause,
)
from wavetank.model.ids import INSURANCE_FUND_ID

ETH_V = -81_875_281_404


@pytest.mark.spec("LIQ-070", "LIQ-035")
def test_the_order_may_lose_no_more_than_the_reserve() -> None:
    scene, _, _ = golden(fund_micros=100 * MICROS, vault_enabled=False)
    step = scene.last(LiquidationStepped)
    assert (step.stage, step.delta_lots, step.value_micros) == (LiquidationStage.INSURANCE, 200_000, ETH_V)
    # (81,875.281404 + 100) / 20 = 4,098.764..., down to the step of 10 cents.
    assert step.price_ticks == 409_870
    # At that limit 20 x 4,098.70 - 81,875.281404 can be lost, and no more is reserved.
    assert step.reserve_micros == 98_718_596
    assert scene.state.fund_available(BTC, scene.now_ns) == 1_281_404
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-070", "INV-080", "INV-050")
def test_a_worse_fill_is_topped_up_and_a_better_one_pays_in() -> None:
    scene, a, maker = golden(vault_enabled=False)
    before = scene.fund
    scene.filled(a, (maker, 200_000, 410_000))
    # Paid 82,000: 124.718596 worse than V, from the fund, in the same entry as the fill.
    kinds = [type(logged.event) for logged in scene.log]
    at = kinds.index(CashTransferred)
    assert kinds[at - 2 : at] == [FillBooked, FillBooked]
    top_up = scene.last(CashTransferred)
    assert (top_up.cause, top_up.amount_micros) == (CashCause.FUND_TOP_UP, 124_718_596)
    # What is left is V's share for BTC: V = 92,500 - 624.718596.
    step = scene.last(LiquidationStepped)
    assert (step.equity_micros, step.value_micros) == (624_718_596, 91_875_281_404)
    # Sold at 92,300: the gain of 424.718596 is less than 0.5 % of 92,300 and goes to the fund.
    scene.filled(a, (maker, 100_000, 923_000))
    fee = scene.last(CashTransferred)
    assert (fee.cause, fee.amount_micros) == (CashCause.LIQUIDATION_FEE, 424_718_596)
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.FLAT
    assert scene.cash(a) == 0
    assert scene.fund - before == 300 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-070")
def test_cash_that_is_left_repays_what_the_fund_paid() -> None:
    scene, a, maker = golden(vault_enabled=False)
    before = scene.fund
    scene.filled(a, (maker, 200_000, 410_000))
    # At 95,000: gain 3,124.718596, fee 0.5 % of 95,000 = 475; 2,649.718596 left, 124.718596 repaid.
    scene.filled(a, (maker, 100_000, 950_000))
    assert [(moved.cause, moved.amount_micros) for moved in scene.all(CashTransferred)] == [
        (CashCause.FUND_TOP_UP, 124_718_596),
        (CashCause.LIQUIDATION_FEE, 475 * MICROS),
        (CashCause.FUND_REPAYMENT, 124_718_596),
    ]
    assert scene.cash(a) == 2_525 * MICROS
    assert scene.fund - before == 475 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-070")
def test_several_fills_share_one_reserve() -> None:
    scene, a, maker = golden(fund_micros=100 * MICROS, vault_enabled=False)
    # Both at the limit: together they cost what was reserved, to a micro-dollar of rounding.
    scene.filled(a, (maker, 70_000, 409_870), (maker, 130_000, 409_870))
    paid = [moved.amount_micros for moved in scene.all(CashTransferred)]
    assert sum(paid) == 98_718_596
    assert scene.fund == 1_281_404
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-070")
def test_the_fund_pays_no_more_than_its_cap_in_a_window() -> None:
    scene, a, maker = golden(vault_enabled=False, fund_cap_micros=200 * MICROS)
    assert scene.state.fund_available(ETH, scene.now_ns) <= 200 * MICROS
    scene.filled(a, (maker, 200_000, 410_000))
    # 124.718596 of 200 is spent in ETH. In BTC nothing is spent, but the order in flight sells at 91,676 or better,
    # and its V is 91,875.281404: 199.281404 are set aside.
    assert scene.state.fund_available(ETH, scene.now_ns) == 75_281_404
    assert scene.request(a)[1].reserve_micros == 199_281_404
    assert scene.state.fund_available(BTC, scene.now_ns) == 718_596
    window = scene.settings.fund_window_ns
    assert scene.state.fund_available(ETH, scene.now_ns + window - SECOND_NS) == 75_281_404
    assert scene.state.fund_available(ETH, scene.now_ns + window) == 200 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-070")
def test_without_a_fund_the_order_is_limited_by_v_itself() -> None:
    scene, _, _ = golden(vault_enabled=False, fund_enabled=False)
    step = scene.last(LiquidationStepped)
    # 81,875.281404 / 20 = 4,093.764..., down to 10 cents.
    assert (step.price_ticks, step.reserve_micros) == (409_370, 0)


@pytest.mark.spec("LIQ-070")
def test_two_liquidations_never_reserve_the_same_dollar() -> None:
    # Each is long 1 BTC with 1,000 missing at 94,000: V = 95,000. The fund has 1,500.
    scene = Scene(settings=ClearingSettings(vault_enabled=False), fund_micros=1_500 * MICROS)
    a, b, maker = scene.open(5_000), scene.open(5_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    for each in (a, b):
        scene.trade(BTC, each, maker, 100_000, 1_000_000)
    scene.mark(BTC, 940_000)
    scene.cancelled(a)
    # Down to 93,500 if the fund gives all: it is inside the band, so all of it is reserved.
    assert (scene.request(a)[1].price_ticks, scene.request(a)[1].reserve_micros) == (935_000, 1_500 * MICROS)
    scene.cancelled(b)
    assert (scene.request(b)[1].price_ticks, scene.request(b)[1].reserve_micros) == (950_000, 0)
    # The first sells at 94,500 and gives back what it did not need.
    scene.filled(a, (maker, 100_000, 945_000))
    assert scene.fund == 1_000 * MICROS
    assert scene.state.fund_available(BTC, scene.now_ns) == 1_000 * MICROS
    assert scene.cash(a) == 0
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-070", "INV-080")
def test_two_liquidations_share_the_cap_of_their_instrument() -> None:
    # Each misses 1,000 at 94,000 and asks for 1,500 of the cap; the fund itself has a million.
    settings = ClearingSettings(vault_enabled=False, fund_cap_micros=1_500 * MICROS)
    scene = Scene(settings=settings)
    a, b, maker = scene.open(5_000), scene.open(5_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    for each in (a, b):
        scene.trade(BTC, each, maker, 100_000, 1_000_000)
    scene.mark(BTC, 940_000)
    scene.cancelled(a)
    scene.cancelled(b)
    assert (scene.request(a)[1].reserve_micros, scene.request(b)[1].reserve_micros) == (1_500 * MICROS, 0)
    # What is set aside for BTC takes nothing of ETH's cap.
    assert scene.state.fund_available(ETH, scene.now_ns) == 1_500 * MICROS
    # The first sells at 94,500: 500 are spent of the cap, the other 1,000 are free again.
    scene.filled(a, (maker, 100_000, 945_000))
    assert scene.state.fund_available(BTC, scene.now_ns) == 1_000 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-070", "INV-080")
def test_what_the_band_makes_impossible_stays_free_for_others() -> None:
    # V = 95,000; the band ends at 84,600: no more than 10,400 can be lost of a million.
    scene = Scene(settings=ClearingSettings(vault_enabled=False))
    a, maker = scene.open(5_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.mark(BTC, 940_000)
    scene.cancelled(a)
    step = scene.last(LiquidationStepped)
    assert (step.cause, step.price_ticks) == (StepCause.EQUITY_NEGATIVE, 846_000)
    assert step.reserve_micros == 10_400 * MICROS
    assert scene.state.fund_available(BTC, scene.now_ns) == 989_600 * MICROS


@pytest.mark.spec("LIQ-070")
def test_a_reserve_is_free_again_when_nothing_was_filled() -> None:
    scene, a, _ = golden(vault_enabled=False)
    assert scene.state.fund_available(BTC, scene.now_ns) < 1_000_000 * MICROS
    scene.filled(a)
    # The other leg is tried next, with a reserve of its own.
    step = scene.last(LiquidationStepped)
    assert (step.stage, step.instrument_id) == (LiquidationStage.INSURANCE, BTC)
    scene.filled(a)
    assert scene.last(LiquidationStepped).stage == LiquidationStage.DELEVERAGE
    assert scene.state.fund_available(BTC, scene.now_ns) == 1_000_000 * MICROS
    assert scene.cash(INSURANCE_FUND_ID) == 1_000_000 * MICROS
    scene.assert_recoverable()
