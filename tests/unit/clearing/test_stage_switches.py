"""Stages that are off or stand elsewhere: they say so, and what the rules do not allow is refused (INV-080)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.model.golden_account import golden
from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.settings import ClearingSettings, SettingsRefused
from wavetank.clearing.core.valuation import HealthLimits
from wavetank.model.events.clearing import (
    AdlPolicyKind,
    CashCause,
    CashTransferred,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationStepped,
    LiquidationTested,
    StepCause,
    WaterfallSet,
)
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import CommandKind

PARTIAL, FULL = LiquidationStage.PARTIAL, LiquidationStage.FULL
BACKSTOP, INSURANCE = LiquidationStage.BACKSTOP, LiquidationStage.INSURANCE
DELEVERAGE, SOCIALISE = LiquidationStage.DELEVERAGE, LiquidationStage.SOCIALISE


def steps(scene: Scene, last: int) -> list[tuple[int, int]]:
    return [(step.stage, step.cause) for step in scene.all(LiquidationStepped)[-last:]]


def fallen(
    dollars: int,
    lots: int,
    mark_ticks: int,
    **settings: Any,  # noqa: ANN401 - a setting's value.
) -> tuple[Scene, int, int]:
    """Return a long from 100,000 after a fall, its orders cancelled, and who sold to it."""
    scene = Scene(settings=ClearingSettings(**settings))
    a, maker = scene.open(dollars), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, lots, 1_000_000)
    scene.mark(BTC, mark_ticks)
    scene.cancelled(a)
    return scene, a, maker


@pytest.mark.spec("INV-080", "LIQ-040")
def test_without_slices_a_large_position_goes_whole() -> None:
    # 4 BTC at 98,700: equity 4,800 against 4,935.
    scene, a, maker = fallen(10_000, 400_000, 987_000, partial_enabled=False)
    assert steps(scene, 2) == [(PARTIAL, StepCause.STAGE_OFF), (FULL, StepCause.LARGE_POSITION_WHOLE)]
    assert scene.request(a)[1].size_lots == 400_000
    assert scene.account(a).cooldown_until_ns == {}
    scene.filled(a)
    # The book is still asked once per mark only.
    assert steps(scene, 1) == [(FULL, StepCause.UNFILLED)]
    scene.mark(BTC, 987_000)
    scene.filled(a, (maker, 400_000, 987_000))
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.FLAT
    scene.assert_recoverable()


@pytest.mark.spec("INV-080", "LIQ-050")
def test_without_the_full_stage_what_is_no_slice_waits() -> None:
    # 0.5 BTC at 98,500: equity 500 against 615.625.
    scene, a, _ = fallen(1_250, 50_000, 985_000, full_enabled=False)
    assert steps(scene, 1) == [(FULL, StepCause.STAGE_OFF)]
    assert scene.requests(a) == []
    assert scene.last(LiquidationTested).outcome == LiquidationOutcome.WAITS
    # Below two thirds it is the vault's: 300 against 613.125 at 98,100.
    scene.mark(BTC, 981_000)
    assert scene.request(a)[1].receiver_account_id == BACKSTOP_VAULT_ID
    scene.assert_recoverable()


@pytest.mark.spec("INV-080", "LIQ-070")
def test_without_the_insurance_stage_the_book_is_left_alone() -> None:
    scene, a, _ = golden(vault_enabled=False, insurance_enabled=False)
    assert steps(scene, 3) == [
        (BACKSTOP, StepCause.VAULT_OFF),
        (INSURANCE, StepCause.STAGE_OFF),
        (DELEVERAGE, StepCause.BOOK_EXHAUSTED),
    ]
    assert {request.command for _, request in scene.requests(a)} == {CommandKind.TRANSFER}
    for _ in range(2):
        scene.transfer_all(a)
    assert (scene.cash(a), scene.account(a).positions) == (0, {})
    scene.assert_recoverable()


@pytest.mark.spec("INV-080", "LIQ-080")
def test_without_deleveraging_what_is_left_waits_for_the_book() -> None:
    # 1 BTC at 94,000 with 5,000: 1,000 are missing.
    scene, a, maker = fallen(5_000, 100_000, 940_000, adl_enabled=False)
    scene.filled(a)
    assert steps(scene, 1) == [(DELEVERAGE, StepCause.STAGE_OFF)]
    assert scene.requests(a) == []
    scene.mark(BTC, 940_000)
    assert scene.request(a)[1].command == CommandKind.LIQUIDATE
    scene.filled(a, (maker, 100_000, 945_000))
    # V is 95,000: the fund paid 500.
    assert (scene.cash(a), scene.fund) == (0, 999_500 * MICROS)
    scene.assert_recoverable()


@pytest.mark.spec("INV-080", "LIQ-100")
def test_without_socialising_a_deficit_is_a_debt_at_once() -> None:
    scene = Scene(settings=ClearingSettings(fund_enabled=False, socialise_enabled=False))
    a, h, s = scene.open(5_000), scene.open(1_000_000), scene.open(1_150)
    winner, s2 = scene.open(100_000), scene.open(1_250)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, h, 100_000, 1_000_000)
    scene.mark(BTC, 920_000)
    # s has exactly its margin and may give nothing; the winner bought 100 below the mark.
    scene.shard(
        scene.traded(BTC, h, s, 100_000, 920_000),
        scene.traded(BTC, winner, s2, 100_000, 919_000),
    )
    scene.cancelled(a)
    scene.filled(a)
    scene.transfer_all(a)
    assert steps(scene, 2) == [(SOCIALISE, StepCause.DEFICIT), (SOCIALISE, StepCause.STAGE_OFF)]
    assert [(moved.cause, moved.amount_micros) for moved in scene.all(CashTransferred)] == [
        (CashCause.DEFICIT_DEBT, 3_000 * MICROS)
    ]
    assert scene.cash(winner) == 100_000 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("INV-080", "LIQ-060", "LIQ-070")
def test_the_fund_may_be_asked_before_the_vault() -> None:
    scene, a, _ = golden(stage_order=(PARTIAL, FULL, INSURANCE, BACKSTOP, DELEVERAGE))
    assert steps(scene, 1) == [(INSURANCE, StepCause.BELOW_BACKSTOP)]
    assert scene.request(a)[1].instrument_id == ETH
    scene.filled(a)
    assert scene.request(a)[1].instrument_id == BTC
    scene.filled(a)
    # Neither leg was sold; the vault takes both at mark, and the 1,500.
    assert steps(scene, 2) == [(BACKSTOP, StepCause.BELOW_BACKSTOP)] * 2
    scene.transfer_all(a)
    assert (scene.cash(a), scene.cash(BACKSTOP_VAULT_ID)) == (0, 1_500 * MICROS)
    scene.assert_recoverable()


@pytest.mark.spec("INV-080")
@pytest.mark.parametrize(
    "settings",
    [
        {"stage_order": (FULL, PARTIAL, BACKSTOP, INSURANCE, DELEVERAGE)},
        {"stage_order": (PARTIAL, FULL, BACKSTOP, DELEVERAGE, INSURANCE)},
        {"stage_order": (PARTIAL, FULL, DELEVERAGE, BACKSTOP, INSURANCE)},
        {"stage_order": (BACKSTOP, PARTIAL, FULL, INSURANCE, DELEVERAGE)},
        {"stage_order": (PARTIAL, FULL, BACKSTOP, INSURANCE)},
        {"stage_order": (PARTIAL, FULL, BACKSTOP, INSURANCE, INSURANCE, DELEVERAGE)},
        {"vault_enabled": False, "insurance_enabled": False, "adl_enabled": False},
    ],
)
def test_no_other_order_is_allowed_and_somebody_must_close_at_last(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsRefused):
        ClearingSettings(**settings)


@pytest.mark.spec("LIQ-040")
def test_a_fillable_price_beyond_bankruptcy_is_refused() -> None:
    # At h = 2/3 a third of the margin is missing: 2 x 1/3 is all that is left, and no more may be given away.
    assert ClearingSettings(spread_to_maintenance=Fraction(2)).spread_to_maintenance == 2
    for spread in (Fraction(2) + Fraction(1, 10**6), Fraction(0), Fraction(-1)):
        with pytest.raises(SettingsRefused):
            ClearingSettings(spread_to_maintenance=spread)


def test_a_limit_that_the_log_cannot_hold_is_refused() -> None:
    spread = Fraction(1, 2**32)
    ClearingSettings(health=HealthLimits(backstop=Fraction(1, 2**31 - 1)), spread_to_maintenance=spread)
    with pytest.raises(SettingsRefused, match="go to 2147483647"):
        ClearingSettings(health=HealthLimits(backstop=Fraction(1, 2**31)), spread_to_maintenance=spread)


@pytest.mark.spec("INV-080", "INV-100")
def test_the_log_says_how_the_waterfall_is_set_when_it_is_set_otherwise() -> None:
    scene = Scene()
    assert scene.all(WaterfallSet) == []
    scene.settings = replace(
        scene.settings,
        stage_order=(PARTIAL, FULL, INSURANCE, BACKSTOP, DELEVERAGE),
        partial_enabled=False,
        socialise_enabled=False,
        adl_policy=AdlPolicyKind.PRO_RATA,
    )
    scene.restart()
    # Stages 2 and 7: 4 + 128.
    assert scene.all(WaterfallSet) == [WaterfallSet(0, 0, 132, 1, AdlPolicyKind.PRO_RATA, 2, 3)]
    scene.restart()
    assert len(scene.all(WaterfallSet)) == 1
    scene.assert_recoverable()
    scene.settings = ClearingSettings()
    scene.restart()
    assert scene.last(WaterfallSet) == WaterfallSet(0, 0, 0, 0, AdlPolicyKind.HYPERLIQUID, 2, 3)
