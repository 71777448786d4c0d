"""What clearing does by a price that is doubted: it liquidates nobody and lends to nobody (ORCL-030, LIQ-010)."""

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.credit import withdrawable_micros
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.model.events.clearing import LiquidationStarted
from wavetank.model.events.matching import MarkApplied
from wavetank.model.validity import EVERYTHING, Tolerances, Validity

DOUBTS = (Validity.STALE, Validity.TOO_UNCERTAIN, Validity.TOO_VOLATILE, Validity.NON_POSITIVE)
WILD = DOUBTS[1:]
ANCIENT = 1
"""Mark time of a line that rests on no price."""


def long_one_btc(tolerances: Tolerances | None = None, dollars: int = 5_000) -> tuple[Scene, int]:
    """Return a scene and an account that is long 1 BTC at 100,000 dollars."""
    scene = Scene(ClearingSettings(tolerances=tolerances or Tolerances()))
    a, maker = scene.open(dollars), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    return scene, a


def mark_time_ns(scene: Scene, account_id: int) -> int:
    return next(line.mark_time_ns for line in scene.core.take_lines() if line.account_id == account_id)


@pytest.mark.spec("ORCL-030", "LIQ-010")
@pytest.mark.parametrize("validity", WILD)
def test_a_wild_print_liquidates_nobody_and_leaves_the_last_mark(validity: Validity) -> None:
    # As on 20 September 2021: 5,402 dollars instead of 100,000.
    scene, a = long_one_btc()
    scene.mark(BTC, 54_020, validity=validity)
    applied = scene.last(MarkApplied)
    assert (applied.mark_price_ticks, applied.index_price_ticks, applied.stale) == (1_000_000, 1_000_000, validity)
    assert scene.all(LiquidationStarted) == []
    assert scene.state.value(scene.account(a)).equity_micros == 5_000 * MICROS
    # The next good price counts again: 96,000 leaves 1,000 against 1,200.
    scene.mark(BTC, 960_000)
    assert scene.account(a).liquidation is not None
    scene.assert_recoverable()


@pytest.mark.spec("ORCL-030", "LIQ-010")
def test_nobody_loses_another_leg_by_a_wild_print() -> None:
    scene, a = long_one_btc(dollars=20_000)
    maker = scene.open(1_000_000)
    scene.mark(ETH, 500_000)
    scene.trade(ETH, a, maker, 10_000, 500_000)
    scene.mark(BTC, 54_020, validity=Validity.TOO_UNCERTAIN)
    scene.mark(ETH, 499_990)
    assert scene.all(LiquidationStarted) == []


@pytest.mark.spec("ORCL-030", "LIQ-010")
@pytest.mark.parametrize("validity", [Validity.TOO_UNCERTAIN, Validity.TOO_VOLATILE])
def test_a_venue_that_asks_nothing_liquidates_by_a_wild_print(validity: Validity) -> None:
    scene, a = long_one_btc(Tolerances(liquidate=EVERYTHING))
    scene.mark(BTC, 54_020, validity=validity)
    assert scene.state.marks[BTC].mark_price_ticks == 54_020
    assert scene.account(a).liquidation is not None
    scene.assert_recoverable()


@pytest.mark.spec("ORCL-030", "LIQ-010")
def test_a_setting_lets_stale_prices_liquidate() -> None:
    # 96,000 leaves 1,000 against 1,200; by default a stale price must be below at its better end.
    scene, a = long_one_btc(Tolerances(liquidate=frozenset({Validity.STALE})))
    scene.mark(BTC, 960_000, stale=True)
    assert scene.account(a).liquidation is not None
    scene, a = long_one_btc(Tolerances(liquidate=frozenset({Validity.STALE})))
    scene.mark(BTC, 960_000, age_ns=3_600 * 10**9)
    assert scene.account(a).liquidation is not None


@pytest.mark.spec("ORCL-030", "MRGN-050")
@pytest.mark.parametrize("validity", DOUBTS)
def test_no_credit_rests_on_a_doubted_price(validity: Validity) -> None:
    scene, a = long_one_btc()
    assert mark_time_ns(scene, a) > ANCIENT
    scene.mark(BTC, 1_000_000, validity=validity)
    assert mark_time_ns(scene, a) == ANCIENT
    scene.mark(BTC, 1_000_000)
    assert mark_time_ns(scene, a) == scene.now_ns


@pytest.mark.spec("ORCL-030", "MRGN-050")
def test_a_setting_lets_credit_rest_on_stale_prices() -> None:
    scene, a = long_one_btc(Tolerances(margin=frozenset({Validity.STALE})))
    scene.mark(BTC, 1_000_000, stale=True)
    assert mark_time_ns(scene, a) == scene.now_ns
    scene.mark(BTC, 1_000_000, validity=Validity.TOO_UNCERTAIN)
    assert mark_time_ns(scene, a) == ANCIENT


@pytest.mark.spec("ORCL-030", "MRGN-060")
def test_gains_at_a_doubted_price_are_not_paid_out() -> None:
    # 50,000 and a gain of 10,000; 11,000 (a tenth of 110,000) must stay.
    scene, a = long_one_btc(dollars=50_000)
    scene.mark(BTC, 1_100_000)
    assert withdrawable_micros(scene.state, scene.account(a)) == 49_000 * MICROS
    scene.mark(BTC, 1_100_000, stale=True)
    assert withdrawable_micros(scene.state, scene.account(a)) == 39_000 * MICROS
    # Losses do count.
    scene.mark(BTC, 900_000, stale=True)
    assert withdrawable_micros(scene.state, scene.account(a)) == 31_000 * MICROS


@pytest.mark.spec("ORCL-030", "LIQ-110")
def test_only_a_price_that_liquidation_tolerates_opens_the_venue() -> None:
    strict, lenient = Scene(), Scene(ClearingSettings(tolerances=Tolerances(liquidate=EVERYTHING)))
    for scene in (strict, lenient):
        scene.mark(BTC, 1_000_000, validity=Validity.TOO_UNCERTAIN)
    assert not strict.is_open()
    assert lenient.is_open()
    assert BTC not in strict.state.marks, "there was no mark before that could stand"
