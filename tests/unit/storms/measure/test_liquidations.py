"""Liquidations by their log: what each closed and who paid, how they belong together, and what hurt most."""

from __future__ import annotations

import pytest

from tests.unit.storms.measure.logged import BTC, ETH, SECOND_NS, SOL, A, B, C, event
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import CashCause, FillRole, LiquidationOutcome, StepCause
from wavetank.model.ids import (
    BACKSTOP_VAULT_ID,
    DEBT_ACCOUNT_ID,
    FIRST_CLIENT_ACCOUNT_ID,
    HOUSE_ACCOUNT_ID,
    INSURANCE_FUND_ID,
)
from wavetank.model.orders import OrderFlag
from wavetank.storms.measure.accounts import Accounts
from wavetank.storms.measure.liquidations import NOTHING_MOVED, Liquidations

SYMBOLS = {BTC: "BTC", ETH: "ETH", SOL: "SOL"}
FORCED = int(OrderFlag.LIQUIDATION)


def started(measured: Liquidations, number: int, account_id: int) -> None:
    measured.apply(
        number * SECOND_NS,
        event(
            events.LiquidationStarted,
            account_id=account_id,
            liquidation_id=number,
            equity_micros=80,
            maintenance_margin_micros=100,
        ),
    )


def joined(measured: Liquidations, number: int, cascade: int, generation: int, instrument: int, trade: int) -> None:
    measured.apply(
        0,
        event(
            events.CascadeJoined,
            liquidation_id=number,
            cascade_id=cascade,
            generation=generation,
            instrument_id=instrument,
            parent_trade_id=trade,
        ),
    )


def fill(
    measured: Liquidations,
    account_id: int,
    value: int,
    *,
    instrument: int = BTC,
    trade: int = 1,
    role: FillRole = FillRole.TAKER,
    flags: int = FORCED,
) -> None:
    measured.fill(
        instrument_id=instrument, account_id=account_id, trade_id=trade, value_micros=value, role=role, flags=flags
    )


def test_a_liquidation_closes_what_its_orders_and_transfers_close_while_it_goes_on() -> None:
    measured = Liquidations(Accounts(), SYMBOLS)
    fill(measured, A, 5)
    started(measured, 1, A)
    fill(measured, A, -700)
    fill(measured, A, 90, role=FillRole.TRANSFER, flags=0)
    # Its own orders, met before they are cancelled; and another account's.
    fill(measured, A, 11, flags=0)
    fill(measured, A, 13, role=FillRole.MAKER)
    fill(measured, B, 17)
    ended = event(events.LiquidationEnded, account_id=A, liquidation_id=1, outcome=LiquidationOutcome.FLAT)
    measured.apply(9 * SECOND_NS, ended)
    fill(measured, A, 19)
    case = measured.cases[1].seen
    assert (case.closed_micros, case.outcome) == (790, "flat")
    assert (case.began_ns, case.ended_ns) == (1 * SECOND_NS, 9 * SECOND_NS)
    assert not measured.is_under_way(A)


@pytest.mark.spec("LIQ-120")
def test_a_cascade_is_a_tree_of_liquidations_by_the_trades_that_moved_the_mark() -> None:
    measured = Liquidations(Accounts(), SYMBOLS)
    # 1 closes 100; its trade 7 in BTC takes 2 along, which closes 150, and whose trade 8 takes 3 along: 50. 4 is alone.
    for number, account_id, value, cascade, generation, parent_trade in (
        (1, A, 100, 1, 1, 0),
        (2, B, 150, 1, 2, 7),
        (3, C, 50, 1, 3, 8),
        (4, C + 1, 20, 2, 1, 0),
    ):
        started(measured, number, account_id)
        joined(measured, number, cascade, generation, BTC if parent_trade else 0, parent_trade)
        fill(measured, account_id, value, trade=6 + number)
    assert [case.parent_id for case in measured.cases.values()] == [0, 1, 2, 0]
    assert measured.generations() == 3
    # 300 / 100, and 20 / 20.
    assert sorted(measured.multipliers()) == [1.0, 3.0]


def test_a_trade_of_the_same_number_in_another_instrument_is_another_trade() -> None:
    measured = Liquidations(Accounts(), SYMBOLS)
    started(measured, 1, A)
    fill(measured, A, 100, instrument=BTC, trade=7)
    started(measured, 2, B)
    joined(measured, 2, 1, 2, ETH, 7)
    assert measured.cases[2].parent_id == 0


def test_a_cascade_whose_first_generation_closed_nothing_has_no_multiplier() -> None:
    measured = Liquidations(Accounts(), SYMBOLS)
    started(measured, 1, A)
    joined(measured, 1, 1, 1, 0, 0)
    assert list(measured.multipliers()) == []


def held(*legs: tuple[int, int, int, int]) -> Accounts:
    """Return accounts of which A holds lots, each with the mark when it was sound, and now."""
    accounts = Accounts()
    for instrument_id, lots, _, now in legs:
        accounts.fill(instrument_id, A, 0, 0, lots, 0, 0, FillRole.TAKER)
        accounts.mark(instrument_id, now, now)
    accounts.holder(A).calm_marks = {instrument_id: calm for instrument_id, _, calm, _ in legs}
    return accounts


@pytest.mark.parametrize(
    ("legs", "hurt"),
    [
        # BTC lost 10 x 20, SOL 5 x 30.
        ([(BTC, 10, 100, 80), (SOL, 5, 100, 70)], "BTC"),
        # A short loses where the price rises: 10 x 20 against 5 x 50.
        ([(BTC, 10, 100, 80), (SOL, -5, 100, 150)], "SOL"),
        ([(BTC, 10, 100, 130)], NOTHING_MOVED),
    ],
)
def test_what_is_sold_by_force_is_put_down_to_the_leg_that_lost_most(
    legs: list[tuple[int, int, int, int]], hurt: str
) -> None:
    measured = Liquidations(held(*legs), SYMBOLS)
    started(measured, 1, A)
    fill(measured, A, 300, instrument=ETH)
    fill(measured, A, -200, instrument=ETH, role=FillRole.TRANSFER, flags=0)
    fill(measured, A, 50, instrument=BTC)
    assert measured.contagion == {(hurt, "ETH"): 500, (hurt, "BTC"): 50}


def test_the_fund_is_billed_for_a_liquidation_what_it_paid_less_what_came_back() -> None:
    measured = Liquidations(Accounts(), SYMBOLS)
    started(measured, 1, A)
    for cause, amount in (
        (CashCause.FUND_TOP_UP, 100),
        (CashCause.DEFICIT_FUND, 30),
        (CashCause.FUND_REPAYMENT, 40),
        (CashCause.LIQUIDATION_FEE, 5),
        (CashCause.DEFICIT_DEBT, 7),
    ):
        measured.apply(0, event(events.CashTransferred, liquidation_id=1, amount_micros=amount, cause=cause))
    assert measured.cases[1].fund_micros == 90
    assert measured.paid[CashCause.FUND_TOP_UP] == 100
    assert measured.paid[CashCause.BACKSTOP] == 0


@pytest.mark.spec("INV-080")
@pytest.mark.parametrize(
    ("payer", "receiver", "cause", "is_apart"),
    [
        (A, BACKSTOP_VAULT_ID, CashCause.BACKSTOP, True),
        (INSURANCE_FUND_ID, BACKSTOP_VAULT_ID, CashCause.FUND_TOP_UP, True),
        (BACKSTOP_VAULT_ID, INSURANCE_FUND_ID, CashCause.FUND_REPAYMENT, True),
        (BACKSTOP_VAULT_ID, A, CashCause.DEFICIT_SOCIALISED, True),
        (DEBT_ACCOUNT_ID, BACKSTOP_VAULT_ID, CashCause.DEFICIT_DEBT, True),
        (BACKSTOP_VAULT_ID, A, CashCause.DEFICIT_FUND, False),
        (BACKSTOP_VAULT_ID, A, CashCause.OWNER_TRANSFER, False),
        (HOUSE_ACCOUNT_ID, BACKSTOP_VAULT_ID, CashCause.PLAY, False),
        (A, FIRST_CLIENT_ACCOUNT_ID + 5, CashCause.OWNER_TRANSFER, True),
    ],
)
def test_the_vault_pays_for_no_other_and_nobody_makes_up_for_it(
    payer: int,
    receiver: int,
    cause: CashCause,
    is_apart: bool,
) -> None:
    measured = Liquidations(Accounts(), SYMBOLS)
    measured.apply(
        0, event(events.CashTransferred, account_id=payer, receiver_account_id=receiver, amount_micros=1, cause=cause)
    )
    assert measured.vault_is_apart is is_apart


def test_stages_are_told_once_each_as_they_acted_first() -> None:
    measured = Liquidations(Accounts(), SYMBOLS)
    started(measured, 1, A)
    for stage, cause in (
        (1, StepCause.BELOW_MAINTENANCE),
        (4, StepCause.VAULT_CAP),
        (5, StepCause.BELOW_BACKSTOP),
        (3, StepCause.SMALL_POSITION_WHOLE),
        (5, StepCause.BELOW_BACKSTOP),
    ):
        measured.apply(0, event(events.LiquidationStepped, liquidation_id=1, stage=stage, cause=cause))
    # The vault was passed over.
    assert measured.cases[1].seen.stages == ("cancel", "insurance", "full")
