"""Stages in their order: logs of one liquidation, written by hand, that the rules allow or forbid.

Health is equity over maintenance margin; below 2/3 the book is over (LIQ-040), until a fill brings it back.
"""

from __future__ import annotations

import pytest

from tests.model.golden_account import golden
from tests.model.scripted_shard import BTC, ETH
from wavetank.clearing.core.health import LiquidationStage
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import LiquidationOutcome, StepCause
from wavetank.model.record import Event
from wavetank.storms.measure.accounts import Accounts
from wavetank.storms.measure.liquidations import Liquidations

CANCEL, PARTIAL, FULL, BACKSTOP, INSURANCE, DELEVERAGE, SOCIALISE = LiquidationStage
A, CASE = 1_000, 7


def step(
    stage: LiquidationStage, instrument_id: int = BTC, *, health: tuple[int, int] = (80, 100), cause: int = 0
) -> events.LiquidationStepped:
    """Return a step at a health of so much equity against so much margin."""
    equity, maintenance = health
    return events.LiquidationStepped(
        instrument_id=instrument_id,
        account_id=A,
        liquidation_id=CASE,
        delta_lots=-1,
        price_ticks=0,
        value_micros=0,
        equity_micros=equity,
        maintenance_margin_micros=maintenance,
        reserve_micros=0,
        stage=stage,
        cause=cause or StepCause.SMALL_POSITION_WHOLE,
    )


def frozen(outcome: LiquidationOutcome = LiquidationOutcome.CONTINUES) -> events.LiquidationTested:
    return events.LiquidationTested(
        instrument_id=0,
        account_id=A,
        liquidation_id=CASE,
        equity_micros=80,
        maintenance_margin_micros=100,
        mark_seq=1,
        funding_seq=0,
        book_seq=1,
        outcome=outcome,
    )


def begun(liquidation_id: int = CASE) -> events.LiquidationStarted:
    return events.LiquidationStarted(
        instrument_id=0,
        account_id=A,
        liquidation_id=liquidation_id,
        equity_micros=80,
        maintenance_margin_micros=100,
        initial_margin_micros=200,
        mark_seq=1,
        funding_seq=0,
        book_seq=1,
        matching_seq=1,
    )


FUND_FIRST = events.WaterfallSet(
    instrument_id=0,
    account_id=0,
    stages_off=0,
    insurance_first=1,
    adl_policy=1,
    backstop_numerator=2,
    backstop_denominator=3,
)
WAITS = frozen(LiquidationOutcome.WAITS)
BEGINNING = (step(CANCEL, 0), frozen())
LOW, RISEN = (50, 100), (75, 100)
"""Below two thirds, and above again."""


def in_order(*log: Event) -> bool:
    measured = Liquidations(Accounts(), {})
    for event in (begun(), *log):
        measured.apply(0, event)
    return measured.in_order


@pytest.mark.parametrize(
    "log",
    [
        pytest.param([step(PARTIAL), step(FULL)], id="a slice, and the rest in its cooldown"),
        pytest.param([step(FULL, ETH), step(PARTIAL, BTC)], id="a small position whole, then a slice of a large one"),
        pytest.param([step(PARTIAL), WAITS, frozen(), step(PARTIAL)], id="a slice, a test, a slice again"),
        pytest.param([step(FULL), WAITS, frozen(), step(PARTIAL)], id="whole, and a slice once the cooldown is over"),
        pytest.param(
            [step(FULL, health=RISEN), step(BACKSTOP, health=LOW), step(BACKSTOP, ETH, health=LOW)],
            id="the book, then the vault for every leg",
        ),
        pytest.param(
            [step(INSURANCE, health=LOW), step(FULL, ETH, health=RISEN)],
            id="a fill with the fund behind it brings the account back to the book",
        ),
        pytest.param(
            [step(INSURANCE, health=LOW), WAITS, frozen(), step(BACKSTOP, health=LOW)],
            id="the vault is asked again at the next mark",
        ),
        pytest.param(
            [step(INSURANCE, health=LOW), step(INSURANCE, ETH, health=LOW), step(DELEVERAGE, health=LOW)],
            id="the fund for every leg, then winners",
        ),
        pytest.param(
            [step(DELEVERAGE, health=LOW), step(BACKSTOP, ETH, health=LOW)],
            id="without the fund the vault has room behind a deleveraging",
        ),
        pytest.param(
            [FUND_FIRST, step(INSURANCE, health=LOW), step(BACKSTOP, health=LOW)],
            id="the fund before the vault, as set",
        ),
        pytest.param(
            [step(DELEVERAGE, health=(-5, 100)), step(SOCIALISE, 0, health=(-5, 0))], id="a deficit is shared last"
        ),
        pytest.param(
            [
                step(INSURANCE, health=LOW),
                step(PARTIAL, health=RISEN, cause=StepCause.UNFILLED),
                WAITS,
                frozen(),
                step(FULL, health=RISEN),
            ],
            id="a stage that is passed over does nothing",
        ),
        pytest.param(
            [step(FULL, cause=StepCause.DEPTH_LIMITED), step(FULL), step(PARTIAL, cause=StepCause.DEPTH_LIMITED)],
            id="what the depth allows is told before an order, and where no other follows",
        ),
    ],
)
@pytest.mark.spec("INV-080", "LIQ-030", "LIQ-040")
def test_what_the_rules_allow_is_in_order(log: list[Event]) -> None:
    assert in_order(*BEGINNING, *log)


@pytest.mark.parametrize(
    "log",
    [
        pytest.param([step(FULL), step(PARTIAL)], id="a slice of a position that was to go whole"),
        pytest.param([step(BACKSTOP, health=LOW), step(FULL, health=RISEN)], id="the book behind the vault, one leg"),
        pytest.param([step(INSURANCE, health=LOW), step(FULL, ETH, health=LOW)], id="the book at the same health"),
        pytest.param(
            [step(INSURANCE, health=LOW), step(FULL, ETH, health=(99, 200))], id="the book at a health that has fallen"
        ),
        pytest.param([step(INSURANCE, health=LOW), step(BACKSTOP, ETH, health=LOW)], id="the vault behind the fund"),
        pytest.param([step(DELEVERAGE, health=LOW), step(INSURANCE, ETH, health=LOW)], id="winners before the fund"),
        pytest.param(
            [FUND_FIRST, step(BACKSTOP, health=LOW), step(INSURANCE, ETH, health=LOW)],
            id="the vault first, against the setting",
        ),
        pytest.param([WAITS, step(FULL)], id="a stage while the case waits"),
        pytest.param([step(CANCEL, 0)], id="cancels twice"),
        pytest.param([step(SOCIALISE, 0), step(DELEVERAGE)], id="a stage behind the sharing of a deficit"),
    ],
)
@pytest.mark.spec("INV-080", "LIQ-030", "LIQ-040")
def test_what_the_rules_forbid_is_not(log: list[Event]) -> None:
    assert not in_order(*BEGINNING, *log)


@pytest.mark.spec("INV-080", "LIQ-030")
def test_nothing_acts_before_orders_are_cancelled_and_inputs_are_frozen() -> None:
    assert not in_order(frozen(), step(FULL))
    assert not in_order(step(CANCEL, 0), step(FULL))


@pytest.mark.spec("INV-080")
def test_one_liquidation_out_of_order_is_enough_and_stays_so() -> None:
    measured = Liquidations(Accounts(), {})
    for event in (begun(), *BEGINNING, step(FULL), step(PARTIAL), frozen(), step(PARTIAL), begun(8)):
        measured.apply(0, event)
    assert not measured.in_order


@pytest.mark.spec("INV-080", "LIQ-070")
def test_an_account_that_a_good_fill_brings_back_to_the_book_is_in_order() -> None:
    # Clearing's own log. Without a vault, the golden account: equity 1,500 against 2,776.25. 20 ETH are bought for
    # 81,000, 875.281404 better than V, of which the fund takes 0.5 % of 81,000 = 405: 1,095 against 1,156.25 are left,
    # which is 0.947 and the book's.
    scene, a, maker = golden(vault_enabled=False)
    scene.filled(a, (maker, 200_000, 405_000))
    measured = Liquidations(Accounts(), {})
    acted = []
    for logged in scene.log:
        if type(logged.event) in measured.handlers:
            measured.apply(logged.now_ns, logged.event)
        if isinstance(logged.event, events.LiquidationStepped) and logged.event.delta_lots:
            acted.append((logged.event.stage, logged.event.instrument_id))
    assert acted == [(INSURANCE, ETH), (FULL, BTC)]
    assert measured.in_order
