"""Collateral in a liquidation: kept while the book can help, sold before anybody else is asked (LIQ-055)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.account import Liquidation
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.operator import Author
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.model.events.clearing import (
    CashCause,
    CashTransferred,
    CollateralConverted,
    ConversionCause,
    Decision,
    EscalationKind,
    EscalationRaised,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationStepped,
    StepCause,
)
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import CommandKind
from wavetank.model.reason import Reason

TERMS = CollateralTerms(weight_ppm=900_000)
LONG = 10**6
"""Lots of ETH: 100 ETH, at 4,000 dollars 400,000."""


def venue(lots: int = 10_000, *, cash: int = 0, **settings: Any) -> tuple[Scene, int, int]:  # noqa: ANN401 - whatever a setting is.
    """Return a scene in which an account with so many lots of BTC is long 100 ETH; each lot counts 0.9 dollars.

    Margin is 1/50 of the notional: 8,000 dollars of 400,000.
    """
    given: dict[str, Any] = {"collateral": {"BTC": TERMS}, "collateral_loan_micros": 10**14, **settings}
    scene = Scene(settings=ClearingSettings(**given))
    a, maker = scene.open(cash), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.core.collateral.deposit(a, BTC, lots)
    scene.keep()
    scene.trade(ETH, a, maker, LONG, 400_000)
    return scene, a, maker


def liquidation_of(scene: Scene, account_id: int) -> Liquidation:
    liquidation = scene.account(account_id).liquidation
    assert liquidation is not None
    return liquidation


def health(scene: Scene, account_id: int) -> tuple[int, int]:
    return scene.state.health(scene.account(account_id))


@pytest.mark.spec("LIQ-055", "LIQ-030", "MRGN-080")
def test_an_index_that_falls_liquidates_a_leg_whose_mark_stands() -> None:
    scene, a, _ = venue()
    assert health(scene, a) == (9_000 * MICROS, 8_000 * MICROS)
    scene.mark(BTC, 1_000_000, index_ticks=900_000)
    assert health(scene, a) == (8_100 * MICROS, 8_000 * MICROS)
    assert scene.account(a).liquidation is None
    # 7,200 are below 8,000 and above two thirds of it.
    scene.mark(BTC, 1_000_000, index_ticks=800_000)
    assert scene.account(a).liquidation is not None
    scene.cancelled(a)
    _, request = scene.request(a)
    assert (request.command, request.instrument_id) == (CommandKind.LIQUIDATE, ETH)
    # In the book it closes with its collateral in place.
    assert scene.all(CollateralConverted) == []
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-055", "LIQ-035")
def test_who_closes_in_the_book_and_ends_flat_has_just_enough_sold() -> None:
    scene, a, maker = venue(partial_enabled=False)
    scene.mark(BTC, 800_000)
    scene.cancelled(a)
    _, request = scene.request(a)
    # Health is 0.9, so the fillable price is 0.1 x 1.5 of the margin, 1,200 dollars, below the mark, on the grid.
    assert (request.size_lots, request.price_ticks) == (LONG, 398_800)
    scene.filled(a, (maker, LONG, 398_800))
    ended = scene.last(LiquidationEnded)
    assert ended.outcome == LiquidationOutcome.FLAT
    # The fill lost 1,200 dollars; it was better than bankruptcy by 7,200 - 1,200 = 6,000, of which half a percent of
    # 398,800, 1,994, is the fund's. 3,194 are owed, and lots yield 0.72 dollars: 4,437 of them 3,194.64.
    sale = scene.last(CollateralConverted)
    assert (sale.size_lots, sale.index_price_ticks, sale.cause) == (4_437, 800_000, ConversionCause.OWED)
    assert (scene.cash(a), scene.account(a).collateral[BTC].lots) == (640_000, 5_563)
    scene.state.check_invariants()
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-055", "LIQ-060", "INV-080")
def test_below_the_backstop_all_is_sold_before_the_vault_takes_over() -> None:
    scene, a, _ = venue()
    scene.mark(BTC, 1_000_000, index_ticks=500_000)
    before = health(scene, a)
    assert before == (4_500 * MICROS, 8_000 * MICROS)
    scene.cancelled(a)
    sale = scene.last(CollateralConverted)
    assert (sale.size_lots, sale.amount_micros, sale.cause) == (10_000, 4_500 * MICROS, ConversionCause.LIQUIDATED)
    assert sale.liquidation_id == liquidation_of(scene, a).liquidation_id
    # Equity and health are what they were, and now it is all cash.
    assert health(scene, a) == before
    assert (scene.cash(a), scene.account(a).collateral) == (4_500 * MICROS, {})
    assert scene.last(LiquidationStepped).stage == LiquidationStage.BACKSTOP
    scene.assert_recoverable()
    scene.transfer_all(a)
    paid = scene.last(CashTransferred)
    assert (paid.cause, paid.amount_micros) == (CashCause.BACKSTOP, 4_500 * MICROS)
    assert (scene.cash(a), scene.account(a).is_flat) == (0, True)
    assert scene.cash(BACKSTOP_VAULT_ID) == 4_500 * MICROS
    scene.state.check_invariants()


@pytest.mark.spec("LIQ-055", "LIQ-070", "LIQ-100")
def test_the_fund_is_asked_for_what_is_missing_without_collateral_alone() -> None:
    scene, a, maker = venue()
    fund = scene.fund
    # The leg loses 10,000, the collateral is worth 9,000: 1,000 are missing.
    scene.mark(ETH, 390_000)
    scene.cancelled(a)
    assert scene.last(CollateralConverted).amount_micros == 9_000 * MICROS
    assert scene.last(LiquidationStepped).stage == LiquidationStage.INSURANCE
    assert scene.cash(a) == 9_000 * MICROS
    scene.filled(a, (maker, LONG, 390_000))
    assert scene.account(a).liquidation is None
    assert (scene.cash(a), scene.fund) == (0, fund - 1_000 * MICROS)
    scene.state.check_invariants()
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-055", "LIQ-035", "LIQ-080")
def test_closing_all_legs_at_their_values_and_converting_all_leaves_exactly_nothing() -> None:
    scene, a, maker = venue(9_999, vault_enabled=False, insurance_enabled=False)
    # Odd numbers, and a second leg.
    scene.trade(BTC, a, maker, 12_345, 1_000_000)
    scene.mark(ETH, 389_977)
    scene.mark(BTC, 999_983, index_ticks=999_937)
    scene.cancelled(a)
    sale = scene.last(CollateralConverted)
    assert sale.amount_micros == 9_999 * 999_937 * 9 // 10
    scene.transfer_all(a)
    while scene.requests(a):
        scene.transfer_all(a)
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.FLAT
    assert (scene.cash(a), scene.account(a).collateral) == (0, {})
    scene.state.check_invariants()


@pytest.mark.spec("LIQ-055")
def test_what_a_cap_kept_from_counting_may_save_the_account() -> None:
    capped = {"BTC": CollateralTerms(weight_ppm=900_000, cap_micros=9_000 * MICROS)}
    scene, a, _ = venue(40_000, collateral=capped)
    # 36,000 dollars of collateral of which 9,000 count; the leg loses 10,000.
    scene.mark(ETH, 390_000)
    assert health(scene, a) == (-1_000 * MICROS, 7_800 * MICROS)
    scene.cancelled(a)
    assert scene.last(CollateralConverted).amount_micros == 36_000 * MICROS
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.RECOVERED
    assert health(scene, a) == (26_000 * MICROS, 7_800 * MICROS)


@pytest.mark.spec("LIQ-055", "LIQ-010")
def test_a_stale_index_stands_at_its_better_end_and_sells_nothing() -> None:
    scene, a, _ = venue()
    # 9,000 x 0.85 = 7,650 and at the better end of five percent 8,032.5: not below 8,000.
    scene.mark(BTC, 1_000_000, index_ticks=850_000, stale=True)
    assert health(scene, a)[0] == 7_650 * MICROS
    assert scene.account(a).liquidation is None
    # 5,000 at the better end are 5,250, below two thirds: it is taken, and then waits for a price.
    scene.mark(BTC, 1_000_000, index_ticks=555_556, stale=True)
    scene.cancelled(a)
    liquidation = liquidation_of(scene, a)
    assert (liquidation.indexes, liquidation.stale, liquidation.waits) == ({BTC: 583_333}, [BTC], True)
    step = scene.last(LiquidationStepped)
    assert (step.cause, step.equity_micros) == (StepCause.PRICE_STALE, 583_333 * 9_000)
    assert (scene.all(CollateralConverted), scene.requests(a)) == ([], [])
    scene.assert_recoverable()
    # A price of the leg is news as well, but not what is waited for.
    scene.mark(ETH, 400_000)
    assert scene.all(CollateralConverted) == []
    scene.mark(BTC, 1_000_000, index_ticks=555_556)
    assert scene.last(CollateralConverted).index_price_ticks == 555_556
    assert scene.requests(a) != []


@pytest.mark.spec("LIQ-055", "LIQ-010", "LIQ-100")
def test_a_flat_account_below_zero_waits_for_the_price_of_its_collateral() -> None:
    scene, a, maker = venue(1_000)
    # 1,000 lots count 900 dollars. The leg is closed at a loss of 1,000 while the index is stale.
    scene.mark(BTC, 1_000_000, stale=True)
    scene.trade(ETH, a, maker, -LONG, 399_000)
    scene.cancelled(a)
    liquidation = liquidation_of(scene, a)
    assert (liquidation.waits, scene.cash(a)) == (True, -1_000 * MICROS)
    # Another price is not what it waits for.
    scene.mark(ETH, 399_000)
    assert scene.account(a).liquidation is liquidation
    fund = scene.fund
    scene.mark(BTC, 1_000_000)
    assert scene.account(a).liquidation is None
    assert (scene.cash(a), scene.fund, scene.account(a).collateral) == (0, fund - 100 * MICROS, {})
    scene.state.check_invariants()
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-055", "MRGN-080")
def test_no_collateral_comes_or_leaves_during_a_liquidation() -> None:
    scene, a, _ = venue()
    scene.mark(BTC, 800_000)
    counter = scene.core.collateral
    for call in (
        lambda: counter.deposit(a, BTC, 1),
        lambda: counter.withdraw(a, BTC, 1, scene.now_ns),
        lambda: counter.convert(a, BTC, 1, scene.now_ns),
    ):
        with pytest.raises(Refused) as refusal:
            call()
        assert refusal.value.reason is Reason.ACCOUNT_FROZEN
    assert scene.keep() == []


@pytest.mark.spec("LIQ-055", "LIQ-010")
def test_the_index_is_frozen_with_the_marks() -> None:
    scene, a, _ = venue()
    scene.mark(BTC, 1_000_000, index_ticks=800_000)
    scene.cancelled(a)
    # An order is under way; the index falls to nearly nothing, and the inputs stay.
    scene.mark(BTC, 1_000_000, index_ticks=10_000)
    seq, request = scene.request(a)
    scene.shard(scene.answered(seq, request))
    (step,) = [each for each in scene.all(LiquidationStepped) if each.cause == StepCause.UNFILLED]
    assert step.equity_micros == 7_200 * MICROS
    # It waits for nothing, for there is a newer price: inputs are frozen anew, and 90 dollars are left of 9,000.
    scene.assert_recoverable()
    sale = scene.last(CollateralConverted)
    assert (sale.index_price_ticks, sale.amount_micros) == (10_000, 90 * MICROS)


@pytest.mark.spec("LIQ-055", "LIQ-090")
def test_a_person_may_let_collateral_be_sold_at_a_stale_index() -> None:
    scene, a, _ = venue(escalation_wait_ns=60 * SECOND_NS)
    scene.mark(BTC, 1_000_000, index_ticks=500_000, stale=True)
    scene.cancelled(a)
    raised = scene.last(EscalationRaised)
    assert raised.kind == EscalationKind.PRICE_STALE
    (escalation_id,) = scene.state.escalations
    scene.core.decide(scene.now_ns, escalation_id, Decision.GO_ON, Author("ab12", "the feed is late, not wrong"))
    scene.keep()
    assert scene.last(CollateralConverted).index_price_ticks == 525_000
    assert scene.last(LiquidationStepped).stage == LiquidationStage.BACKSTOP


@pytest.mark.spec("LIQ-055", "UNIT-040")
@pytest.mark.parametrize("index", [800_000, 500_000, 10_000])
def test_ten_times_the_account_is_ten_times_the_outcome(index: int) -> None:
    outcomes = []
    for times in (1, 10):
        scene = Scene(
            settings=ClearingSettings(
                collateral={"BTC": TERMS}, partial_enabled=False, vault_enabled=False, collateral_loan_micros=10**14
            )
        )
        a, maker = scene.open(0), scene.open(100_000_000)
        scene.mark(BTC, 1_000_000)
        scene.mark(ETH, 400_000)
        scene.core.collateral.deposit(a, BTC, times * 10_000)
        scene.trade(ETH, a, maker, times * LONG // 10, 400_000)
        scene.core.collateral.convert(a, BTC, times * 9_000, scene.now_ns)
        scene.keep()
        scene.mark(BTC, 1_000_000, index_ticks=index)
        scene.mark(ETH, 318_000)
        scene.cancelled(a)
        _, request = scene.request(a)
        scene.filled(a, (maker, request.size_lots, request.price_ticks))
        sold = sum(each.size_lots for each in scene.all(CollateralConverted) if each.liquidation_id)
        outcomes.append((request.price_ticks, request.size_lots, health(scene, a)[0], scene.fund - 10**12, sold))
    (price, lots, equity, fund, sold), larger = outcomes
    assert larger[:4] == (price, 10 * lots, 10 * equity, 10 * fund)
    # Just enough is whole lots, rounded up.
    assert 10 * (sold - 1) < larger[4] <= 10 * sold


@pytest.mark.spec("LIQ-055", "MRGN-080")
def test_what_is_taken_no_more_is_neither_waited_for_nor_sold() -> None:
    scene, a, _ = venue(cash=9_000)
    scene.settings = ClearingSettings()
    scene.restart()
    scene.mark(BTC, 1_000_000)
    scene.mark(BTC, 1_000_000, stale=True)
    # 9,000 less a loss of 5,000, below two thirds of 7,900.
    scene.mark(ETH, 395_000)
    scene.cancelled(a)
    assert scene.last(LiquidationStepped).stage == LiquidationStage.BACKSTOP
    assert scene.all(CollateralConverted) == []
    scene.transfer_all(a)
    assert scene.account(a).liquidation is None
    # It is the account's still, and may leave.
    assert scene.account(a).collateral[BTC].lots == 10_000
    scene.assert_recoverable()
