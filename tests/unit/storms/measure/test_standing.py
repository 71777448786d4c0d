"""Stories of accounts: from trouble to flat, what is left of a hedge, and the worst of the vault."""

from __future__ import annotations

import pytest

from tests.unit.storms.measure.logged import BTC, ETH, MICROS, SECOND_NS, A, event
from wavetank.clearing.core.health import HealthBand
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import CashCause, FillRole
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.storms.measure.accounts import Accounts
from wavetank.storms.measure.record import DeleveragingSeen
from wavetank.storms.measure.standing import Sampler, Standing

WARNED, HEALTHY, LIQUIDATION = HealthBand.WARNED, HealthBand.HEALTHY, HealthBand.LIQUIDATION


def holding(*legs: tuple[int, int]) -> Accounts:
    """Return accounts of which A holds lots of instruments, with marks of 100 ticks."""
    accounts = Accounts()
    for instrument_id, lots in legs:
        accounts.fill(instrument_id, A, 100 * lots, 0, lots, 100 * lots, 0, FillRole.TAKER)
        accounts.mark(instrument_id, 100, 100)
    return accounts


def told(*story: tuple[int, HealthBand | None]) -> Standing:
    """Return the standing of A behind bands at seconds; None is flat."""
    standing = Standing(holding((BTC, 10)))
    for seconds, band in story:
        if band is None:
            standing.flat(seconds * SECOND_NS, A)
        else:
            standing.band(seconds * SECOND_NS, A, band)
    return standing


@pytest.mark.parametrize(
    ("story", "is_liquidated", "seconds"),
    [
        pytest.param([], False, None, id="never in trouble"),
        pytest.param([(10, WARNED), (25, None)], False, 15, id="warned, then flat"),
        pytest.param([(10, WARNED), (20, LIQUIDATION), (25, None)], False, 15, id="from the first of it"),
        pytest.param([(10, WARNED), (12, HEALTHY), (20, WARNED), (23, None)], False, 3, id="healthy in between"),
        pytest.param([(10, WARNED), (18, None), (30, WARNED), (32, None)], False, 8, id="the longest way"),
        pytest.param([(10, WARNED)], False, None, id="warned, and not flat"),
        pytest.param([(10, WARNED), (12, HEALTHY)], False, None, id="out of it with its position"),
        pytest.param([(10, LIQUIDATION)], True, 50, id="in liquidation until the end"),
        pytest.param([(10, WARNED), (15, None)], True, 5, id="flat before the end"),
        pytest.param([(5, None)], False, None, id="flat without trouble"),
    ],
)
def test_the_way_to_flat_begins_with_trouble(
    story: list[tuple[int, HealthBand | None]], is_liquidated: bool, seconds: int | None
) -> None:
    standing = told(*story)
    found = standing.time_to_flat_ns(A, is_liquidated=is_liquidated, ended_ns=60 * SECOND_NS)
    assert found == (None if seconds is None else seconds * SECOND_NS)


def test_who_holds_nothing_is_on_no_way_to_flat() -> None:
    standing = Standing(Accounts())
    standing.band(10 * SECOND_NS, A, WARNED)
    standing.flat(20 * SECOND_NS, A)
    assert standing.time_to_flat_ns(A, is_liquidated=False, ended_ns=60 * SECOND_NS) is None


def deleveraging() -> DeleveragingSeen:
    return DeleveragingSeen(
        time_ns=0,
        liquidation_id=1,
        instrument_id=BTC,
        account_id=A,
        delta_lots=-10,
        value_micros=0,
        given_up_micros=0,
    )


def test_a_hedge_that_deleveraging_takes_away_is_timed_until_it_stands_again() -> None:
    accounts = holding((BTC, 1_000), (ETH, -950))
    standing = Standing(accounts)
    # 5,000 of 195,000 are open, which is less than a tenth.
    standing.marked(10 * SECOND_NS)
    accounts.fill(BTC, A, -40_000, 0, 600, 60_000, 0, FillRole.TRANSFER)
    standing.deleveraged(12 * SECOND_NS, [deleveraging()])
    accounts.fill(BTC, A, -10_000, 0, 500, 50_000, 0, FillRole.TRANSFER)
    standing.deleveraged(13 * SECOND_NS, [deleveraging()])
    standing.marked(15 * SECOND_NS)
    hedge = standing.hedges[A]
    # 50,000 against 95,000.
    assert (hedge.was_hedged, hedge.residual_micros, hedge.unhedged_ns) == (True, 45_000, 0)
    accounts.fill(ETH, A, 45_000, 0, -500, -50_000, 0, FillRole.TAKER)
    standing.marked(20 * SECOND_NS)
    standing.finish(60 * SECOND_NS)
    assert hedge.unhedged_ns == 8 * SECOND_NS


def test_a_hedge_that_never_comes_back_is_missing_until_the_end() -> None:
    accounts = holding((BTC, 1_000), (ETH, -1_000))
    standing = Standing(accounts)
    standing.marked(10 * SECOND_NS)
    accounts.fill(BTC, A, -100_000, 0, 0, 0, 0, FillRole.TRANSFER)
    standing.deleveraged(12 * SECOND_NS, [deleveraging()])
    standing.finish(60 * SECOND_NS)
    assert standing.hedges[A].unhedged_ns == 48 * SECOND_NS


def test_who_was_not_hedged_before_is_not_unhedged_by_deleveraging() -> None:
    accounts = holding((BTC, 1_000), (ETH, -500))
    standing = Standing(accounts)
    standing.marked(10 * SECOND_NS)
    accounts.fill(BTC, A, -30_000, 0, 700, 70_000, 0, FillRole.TRANSFER)
    standing.deleveraged(12 * SECOND_NS, [deleveraging()])
    standing.finish(60 * SECOND_NS)
    hedge = standing.hedges[A]
    # 70,000 against 50,000 is no hedge, but there was none to lose.
    assert (hedge.was_hedged, hedge.residual_micros, hedge.unhedged_ns) == (False, 20_000, 0)


def test_the_worst_of_the_vault_is_what_it_was_given_less_what_it_is_worth() -> None:
    accounts = Accounts()
    standing = Standing(accounts)
    vault = accounts.holder(BACKSTOP_VAULT_ID)
    accounts.apply(
        event(
            events.Deposited,
            account_id=BACKSTOP_VAULT_ID,
            amount_micros=100 * MICROS,
            cash_after_micros=100 * MICROS,
        )
    )

    def at(seconds: int, equity: int) -> None:
        vault.equity_micros = equity * MICROS
        standing.marked(seconds * SECOND_NS)

    at(1, 100)
    at(2, 70)
    at(3, 90)
    # The rest of an account that it takes over is given to it too: 20 more.
    accounts.apply(
        event(
            events.CashTransferred,
            account_id=A,
            receiver_account_id=BACKSTOP_VAULT_ID,
            amount_micros=20 * MICROS,
            payer_cash_after_micros=0,
            receiver_cash_after_micros=120 * MICROS,
            cause=CashCause.BACKSTOP,
        )
    )
    at(4, 110)
    at(5, -30)
    peaks = [(peak.time_ns // SECOND_NS, peak.loss_micros, peak.committed_micros) for peak in standing.vault_peaks]
    assert peaks == [
        (1, 0, 100 * MICROS),
        (2, 30 * MICROS, 100 * MICROS),
        (4, 30 * MICROS, 120 * MICROS),
        (5, 150 * MICROS, 120 * MICROS),
    ]


def test_tracks_are_thinned_by_halves_and_keep_the_newest_row() -> None:
    accounts = holding((BTC, 10))
    sampler = Sampler(accounts, interval_ns=SECOND_NS, most_rows=4)
    for tenth in range(51):
        sampler.sample(tenth * SECOND_NS // 10)
    # A row a second until the fourth at 3 s, when every second one goes; then one in two seconds.
    assert [time_ns / SECOND_NS for time_ns in sampler.tracks[A].times_ns] == [1, 3, 4]
