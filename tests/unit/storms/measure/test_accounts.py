"""Accounts by their log: money to the micro-dollar, and equity and health as the rules work them out."""

from __future__ import annotations

import pytest

from tests.unit.storms.measure.logged import BTC, ETH, MICROS, A, B, event
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import CashCause, FillRole
from wavetank.model.ids import BACKSTOP_VAULT_ID, FEE_ACCOUNT_ID
from wavetank.model.instrument import default_instruments
from wavetank.storms.measure.accounts import Accounts


def with_cash(**dollars: int) -> Accounts:
    """Return accounts of which a and b have brought so many dollars; BTC and ETH are listed."""
    accounts = Accounts()
    accounts.instruments = {each.instrument_id: each for each in default_instruments()}
    for account_id, amount in zip((A, B), dollars.values(), strict=False):
        micros = amount * MICROS
        accounts.apply(event(events.Deposited, account_id=account_id, amount_micros=micros, cash_after_micros=micros))
    return accounts


def trade(accounts: Accounts, *, taker_fee: int = 5, taker_cash: int = 999_995, maker_cash: int = 999_999) -> None:
    """A buys 10 lots at 100 ticks of B, a dollar each in cash, for fees of 5 and 1 micro-dollars."""
    accounts.fill(BTC, A, 1_000, taker_fee, 10, 1_000, taker_cash, FillRole.TAKER)
    accounts.fill(BTC, B, -1_000, 1, -10, -1_000, maker_cash, FillRole.MAKER)


@pytest.mark.spec("INV-010", "INV-020")
def test_what_all_have_is_what_came_in_and_fees_are_somebodys() -> None:
    accounts = with_cash(a=1, b=1)
    trade(accounts)
    accounts.end_entry()
    # 999,995 - 1,000 and 999,999 + 1,000, and 6 in the fee account.
    assert accounts.total_micros == accounts.paid_in_micros == 2 * MICROS
    assert accounts.holders[FEE_ACCOUNT_ID].cash_micros == 6
    assert (accounts.is_balanced, accounts.is_matched) == (True, True)
    assert (accounts.holders[A].fills, accounts.holders[A].volume_micros) == (1, 1_000)


def test_a_transfer_of_a_position_is_no_fill() -> None:
    accounts = with_cash(a=1, b=1)
    trade(accounts)
    accounts.fill(BTC, A, -1_000, 0, 0, 0, 999_995, FillRole.TRANSFER)
    assert (accounts.holders[A].fills, accounts.holders[A].volume_micros) == (1, 1_000)
    assert not accounts.holders[A].legs


@pytest.mark.spec("INV-010")
def test_a_micro_dollar_from_nowhere_is_seen_and_stays_seen() -> None:
    accounts = with_cash(a=1, b=1)
    trade(accounts, taker_cash=999_996)
    accounts.end_entry()
    accounts.apply(event(events.Withdrawn, account_id=A, amount_micros=0, cash_after_micros=999_995))
    accounts.end_entry()
    assert accounts.total_micros == accounts.paid_in_micros
    assert (accounts.is_balanced, accounts.is_matched) == (False, True)


@pytest.mark.spec("INV-020")
def test_a_position_without_its_other_side_is_seen_at_the_end_of_the_entry() -> None:
    accounts = with_cash(a=1, b=1)
    accounts.fill(BTC, A, 1_000, 0, 10, 1_000, MICROS, FillRole.TAKER)
    assert accounts.is_matched
    accounts.end_entry()
    assert not accounts.is_matched


def golden() -> Accounts:
    """Return the worked account of the rules: 10,000 dollars, long 1 BTC from 100,000, short 20 ETH from 4,000."""
    accounts = with_cash(a=10_000)
    cash = 10_000 * MICROS
    accounts.fill(BTC, A, 100_000 * MICROS, 0, 100_000, 100_000 * MICROS, cash, FillRole.TAKER)
    accounts.fill(ETH, A, -80_000 * MICROS, 0, -200_000, -80_000 * MICROS, cash, FillRole.TAKER)
    return accounts


@pytest.mark.spec("MRGN-010", "MRGN-020")
def test_equity_and_margin_are_those_of_the_worked_account() -> None:
    accounts = golden()
    holder = accounts.holders[A]
    # Before its first mark a position stands at its entry: 100,000 / 80 and 80,000 / 50 of margin.
    assert accounts.value(holder) == (10_000 * MICROS, (1_250 + 1_600) * MICROS)
    accounts.mark(BTC, 925_000, 925_000)
    accounts.mark(ETH, 405_000, 405_000)
    # 10,000 - 7,500 - 1,000; 92,500 / 80 and 81,000 / 50.
    assert accounts.value(holder) == (1_500 * MICROS, 2_776_250_000)


def test_the_least_of_equity_and_health_at_any_mark_is_kept() -> None:
    accounts = golden()
    holder = accounts.holders[A]
    for btc in (1_000_000, 925_000, 1_010_000):
        accounts.mark(BTC, btc, btc)
        accounts.mark(ETH, 405_000, 405_000)
        accounts.value_all()
    assert holder.min_equity_micros == 1_500 * MICROS
    assert holder.min_health == 1_500 / 2_776.25
    # 10,000 + 1,000 - 1,000 at the last one.
    assert holder.equity_micros == 10_000 * MICROS


def test_who_never_held_a_position_has_an_equity_and_no_health() -> None:
    accounts = with_cash(a=7)
    accounts.value_all()
    assert (accounts.holders[A].min_equity_micros, accounts.holders[A].min_health) == (7 * MICROS, None)


@pytest.mark.parametrize(
    ("cause", "paid_in", "received", "handed"),
    [
        # Owners move their own money: it is no profit of whom it reaches.
        (CashCause.OWNER_TRANSFER, 6, 4, 0),
        (CashCause.PLAY, 6, 4, 0),
        (CashCause.BACKSTOP, 10, 0, 4),
        (CashCause.FUND_TOP_UP, 10, 0, 0),
    ],
)
def test_money_that_moves_counts_as_brought_only_if_owners_moved_it(
    cause: CashCause, paid_in: int, received: int, handed: int
) -> None:
    accounts = with_cash(a=10)
    accounts.apply(
        event(
            events.CashTransferred,
            account_id=A,
            receiver_account_id=BACKSTOP_VAULT_ID,
            amount_micros=4 * MICROS,
            payer_cash_after_micros=6 * MICROS,
            receiver_cash_after_micros=4 * MICROS,
            cause=cause,
        )
    )
    accounts.end_entry()
    vault = accounts.holders[BACKSTOP_VAULT_ID]
    assert accounts.holders[A].paid_in_micros == paid_in * MICROS
    assert (vault.paid_in_micros, vault.handed_micros) == (received * MICROS, handed * MICROS)
    assert accounts.is_balanced


@pytest.mark.spec("MRGN-080")
def test_collateral_counts_by_its_weight_up_to_its_cap() -> None:
    accounts = with_cash(a=0)
    accounts.apply(event(events.CollateralTermsSet, instrument_id=ETH, weight_ppm=900_000, cap_micros=40_000))
    accounts.apply(event(events.CollateralDeposited, instrument_id=ETH, account_id=A, size_lots=100, lots_after=100))
    holder = accounts.holders[A]
    # There is no index yet, so it counts nothing; then 100 x 333 x 0.9, and what it counted first was brought.
    assert accounts.value(holder)[0] == 0
    accounts.mark(ETH, 333, 333)
    accounts.value_all()
    assert (holder.equity_micros, holder.paid_in_micros) == (29_970, 29_970)
    accounts.mark(ETH, 500, 500)
    accounts.value_all()
    # 45,000 are more than the cap.
    assert (holder.equity_micros, holder.paid_in_micros) == (40_000, 29_970)


def test_legs_hedge_each_other_within_their_group() -> None:
    accounts = golden()
    accounts.mark(BTC, 925_000, 925_000)
    accounts.mark(ETH, 405_000, 405_000)
    holder = accounts.holders[A]
    # 92,500 long against 81,000 short; of two groups nothing is set against anything.
    assert accounts.net_delta_micros(holder) == (11_500 * MICROS, 173_500 * MICROS)
    accounts.apply(event(events.InstrumentCorrelated, instrument_id=BTC, group=b"majors", correlation_ppm=0))
    assert accounts.net_delta_micros(holder) == (173_500 * MICROS, 173_500 * MICROS)
