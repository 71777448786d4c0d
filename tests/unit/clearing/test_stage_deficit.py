"""The end of a liquidation: fund, then winners, then a named debt (LIQ-100); and the gate (LIQ-110).

The bankrupt account is long 1 BTC from 100,000 with 5,000 dollars. At 92,000 it misses 3,000. Its only counterparty
has exactly its maintenance margin, so that it can give up nothing and the position closes at mark.
"""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import SECOND_NS
from wavetank.model.events.clearing import (
    CashCause,
    CashTransferred,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationStepped,
    StepCause,
    WithdrawalsGated,
)
from wavetank.model.ids import DEBT_ACCOUNT_ID, INSURANCE_FUND_ID
from wavetank.model.reason import Reason


def short_of_three_thousand(fund_micros: int) -> tuple[Scene, int, int, int, int]:
    """Return the scene, the account just closed at mark, two winners of 60 and 40, a bystander with a gain in ETH."""
    scene = Scene(fund_micros=fund_micros)
    a, h = scene.open(5_000), scene.open(1_000_000)
    s, s2 = scene.open(1_150), scene.open(1_250)
    winner, other = scene.open(100_000), scene.open(100_000)
    bystander, rich = scene.open(100_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, h, 100_000, 1_000_000)
    scene.trade(ETH, bystander, rich, 10_000, 390_000)
    scene.mark(BTC, 920_000)
    # Now h hands its short to s at the mark; the winners bought from s2 100 dollars below it.
    scene.shard(
        scene.traded(BTC, h, s, 100_000, 920_000),
        scene.traded(BTC, winner, s2, 60_000, 919_000),
        scene.traded(BTC, other, s2, 40_000, 919_000),
    )
    # s: 1,150 = 92,000 / 80; s2: 1,250 - 100.
    assert scene.account(s).liquidation is None
    assert scene.account(s2).liquidation is None
    scene.cancelled(a)
    scene.filled(a)
    assert scene.last(LiquidationStepped).cause == StepCause.NO_VICTIM_LEFT
    scene.transfer_all(a)
    return scene, a, winner, other, bystander


def moves(scene: Scene) -> list[tuple[int, int, int]]:
    return [(moved.cause, moved.account_id, moved.amount_micros) for moved in scene.all(CashTransferred)]


@pytest.mark.spec("LIQ-100", "INV-080", "INV-070")
def test_the_fund_pays_first_and_winners_bear_the_rest_in_proportion() -> None:
    # 30 of 3,000 are missing beyond the fund; winners of 60 and 40 keep 42 and 28.
    scene, a, winner, other, bystander = short_of_three_thousand(2_970 * MICROS)
    step = scene.last(LiquidationStepped)
    assert (step.stage, step.cause, step.value_micros) == (
        LiquidationStage.SOCIALISE,
        StepCause.DEFICIT,
        3_000 * MICROS,
    )
    assert moves(scene) == [
        (CashCause.DEFICIT_FUND, INSURANCE_FUND_ID, 2_970 * MICROS),
        (CashCause.DEFICIT_SOCIALISED, winner, 18 * MICROS),
        (CashCause.DEFICIT_SOCIALISED, other, 12 * MICROS),
    ]
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.FLAT
    assert (scene.cash(a), scene.fund, scene.cash(DEBT_ACCOUNT_ID)) == (0, 0, 0)
    # A gain in another instrument, and those who hold nothing, bear nothing.
    assert scene.cash(bystander) == 100_000 * MICROS
    assert {account.account_id for account in scene.state.accounts.values() if account.cash_micros < 0} == set()
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-100")
def test_what_winners_cannot_bear_is_a_named_debt() -> None:
    scene, a, winner, other, _ = short_of_three_thousand(0)
    assert moves(scene) == [
        (CashCause.DEFICIT_SOCIALISED, winner, 60 * MICROS),
        (CashCause.DEFICIT_SOCIALISED, other, 40 * MICROS),
        (CashCause.DEFICIT_DEBT, DEBT_ACCOUNT_ID, 2_900 * MICROS),
    ]
    assert (scene.cash(a), scene.cash(DEBT_ACCOUNT_ID)) == (0, -2_900 * MICROS)
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-100")
def test_a_fund_that_is_rich_enough_leaves_winners_alone() -> None:
    scene, _, winner, _, _ = short_of_three_thousand(10_000 * MICROS)
    assert moves(scene) == [(CashCause.DEFICIT_FUND, INSURANCE_FUND_ID, 3_000 * MICROS)]
    assert scene.cash(winner) == 100_000 * MICROS


@pytest.mark.spec("LIQ-110")
def test_a_deficit_gates_withdrawals_for_a_while() -> None:
    scene, _, winner, _, bystander = short_of_three_thousand(2_970 * MICROS)
    assert scene.last(WithdrawalsGated).until_ns == scene.now_ns + 300 * SECOND_NS
    with pytest.raises(Refused) as refusal:
        scene.core.bank.withdraw(winner, MICROS, scene.now_ns)
    assert refusal.value.reason is Reason.WITHDRAWALS_GATED
    scene.pass_time(299)
    with pytest.raises(Refused):
        scene.core.bank.withdraw(winner, MICROS, scene.now_ns)
    scene.pass_time(1)
    assert scene.last(WithdrawalsGated).until_ns == 0
    scene.core.bank.withdraw(bystander, MICROS, scene.now_ns)
    scene.keep()
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-110")
def test_a_hold_that_meets_the_gate_is_returned() -> None:
    scene = Scene(fund_micros=0)
    a, maker, saver = scene.open(5_000), scene.open(1_000_000), scene.open(10)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.core.bank.withdraw(saver, MICROS, scene.now_ns)
    scene.keep()
    (line,) = [line for line in scene.core.take_lines() if line.account_id == saver]
    # The account sells its position itself at 94,000, far below its money: flat, with -1,000.
    scene.trade(BTC, a, maker, -100_000, 940_000)
    scene.cancelled(a)
    assert scene.cash(a) == 0
    scene.credit_applied(saver, line.line_number, 0)
    assert scene.cash(saver) == 10 * MICROS
    assert scene.account(saver).hold is None


@pytest.mark.spec("LIQ-100")
def test_an_account_that_is_flat_and_negative_is_settled_at_once() -> None:
    scene = Scene()
    a, maker = scene.open(5_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.trade(BTC, a, maker, -100_000, 940_000)
    assert scene.account(a).liquidation is not None
    scene.cancelled(a)
    assert moves(scene) == [(CashCause.DEFICIT_FUND, INSURANCE_FUND_ID, 1_000 * MICROS)]
    assert (scene.cash(a), scene.account(a).liquidation) == (0, None)
    scene.assert_recoverable()
