"""Collateral other than dollars: what counts, how it comes and leaves, and that it is never twice the same dollar."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, SOL, Scene
from wavetank.clearing.core.collateral_terms import MOST_LOTS, CollateralTerms
from wavetank.clearing.core.credit import free_margin_micros, standings, withdrawable_micros
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.model.events.clearing import (
    CollateralConverted,
    CollateralDeposited,
    CollateralHeld,
    CollateralLoanSet,
    CollateralRefused,
    CollateralTermsSet,
    CollateralWithdrawn,
    ConversionCause,
    ShareMoved,
    Withdrawn,
)
from wavetank.model.events.matching import CreditApplied
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.instrument import default_instruments
from wavetank.model.invariant import InvariantBroken
from wavetank.model.reason import Reason

WHOLE_BTC = 100_000
"""Lots."""
TERMS = CollateralTerms(weight_ppm=900_000, cap_micros=500_000 * MICROS, venue_cap_lots=20 * WHOLE_BTC)


def venue(dollars: int = 0, *, loan: int = 10_000, shards: int = 1, **terms: CollateralTerms) -> tuple[Scene, int, int]:
    """Return a scene that takes BTC at 90 % as collateral, an account with so many dollars, and a rich one."""
    scene = Scene(settings=ClearingSettings(collateral={"BTC": TERMS, **terms}, collateral_loan_micros=loan * MICROS))
    if shards > 1:
        scene = two_shards(scene.settings)
    a, maker = scene.open(dollars), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 40_000)
    return scene, a, maker


def two_shards(settings: ClearingSettings) -> Scene:
    """Return a scene whose BTC trades on shard 0 and ETH on shard 1."""
    scene = Scene(settings=settings, instruments=())
    scene.core.begin(scene.now_ns, default_instruments(), 0, shards=2, placed={"BTC": 0, "ETH": 1, "SOL": 0})
    scene.keep()
    return scene


def give(scene: Scene, account_id: int, lots: int, instrument_id: int = BTC) -> None:
    scene.core.collateral.deposit(account_id, instrument_id, lots)
    scene.keep()


def equity(scene: Scene, account_id: int) -> int:
    value = scene.state.value(scene.account(account_id))
    assert scene.state.health(scene.account(account_id)) == (value.equity_micros, value.maintenance_micros)
    return value.equity_micros


# What counts


@pytest.mark.spec("MRGN-080")
@pytest.mark.parametrize(
    ("lots", "index", "weight_ppm", "cap", "expected"),
    [
        # 1 BTC at 100,000 dollars, haircut 10 %.
        (WHOLE_BTC, 1_000_000, 900_000, 10**15, 90_000 * MICROS),
        (WHOLE_BTC, 1_000_000, 900_000, 80_000 * MICROS, 80_000 * MICROS),
        # 3 lots at 7 ticks are 21 micro-dollars, a third of them 6.99…: rounded down.
        (3, 7, 333_333, 10**15, 6),
        (0, 1_000_000, 900_000, 10**15, 0),
        (WHOLE_BTC, 0, 900_000, 10**15, 0),
        # The most lots at the highest index are above 2^61: nothing wraps, and the cap stands.
        (MOST_LOTS, 2**31 - 1, 1_000_000, 10**15, 10**15),
    ],
)
def test_collateral_counts_its_value_at_index_less_a_haircut_up_to_a_cap(
    lots: int, index: int, weight_ppm: int, cap: int, expected: int
) -> None:
    assert CollateralTerms(weight_ppm=weight_ppm, cap_micros=cap).counted(lots, index) == expected


@pytest.mark.spec("MRGN-080")
def test_terms_out_of_range_are_refused() -> None:
    for wrong in ({"weight_ppm": 1_000_001}, {"weight_ppm": -1}, {"weight_ppm": 1, "cap_micros": 10**15 + 1}):
        with pytest.raises(ValueError, match=r"range|within"):
            CollateralTerms(**wrong)


@pytest.mark.spec("MRGN-080", "LIQ-055")
@pytest.mark.parametrize(("index", "weight_ppm"), [(1_000_000, 900_000), (7, 333_333), (999_983, 123_457), (1, 1)])
def test_parts_sold_one_after_the_other_yield_what_the_whole_yields(index: int, weight_ppm: int) -> None:
    terms = CollateralTerms(weight_ppm=weight_ppm)
    total, left = 0, 1_000
    for part in (1, 13, 486, 500):
        total += terms.proceeds(left, part, index)
        left -= part
    assert (left, total) == (0, 1_000 * index * weight_ppm // 10**6)


@pytest.mark.spec("LIQ-055")
@pytest.mark.parametrize(("index", "weight_ppm"), [(1_000_000, 900_000), (7, 333_333), (3, 999_999), (1, 1)])
def test_the_fewest_lots_are_sold_that_yield_what_is_owed(index: int, weight_ppm: int) -> None:
    terms = CollateralTerms(weight_ppm=weight_ppm)
    for lots in (1, 5, 100):
        for amount in range(1, 700):
            sold = terms.lots_for(lots, amount, index)
            enough = [count for count in range(1, lots + 1) if terms.proceeds(lots, count, index) >= amount]
            assert sold == (enough[0] if enough else lots)


@pytest.mark.spec("MRGN-080", "MRGN-010")
def test_equity_counts_collateral_and_follows_its_index_not_its_mark() -> None:
    scene, a, _ = venue(1_000)
    give(scene, a, WHOLE_BTC // 2)
    assert equity(scene, a) == 46_000 * MICROS
    # The index falls by a tenth, the mark does not: half a BTC counts 40,500.
    scene.mark(BTC, 1_000_000, index_ticks=900_000)
    assert equity(scene, a) == 41_500 * MICROS
    assert scene.account(a).counted_micros == 40_500 * MICROS
    assert scene.cash(a) == 1_000 * MICROS
    # ETH is not taken: its price says nothing about the account.
    scene.mark(ETH, 80_000)
    assert equity(scene, a) == 41_500 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-080")
def test_no_more_counts_than_the_cap_of_an_account() -> None:
    scene, a, _ = venue()
    # 10 BTC at 90 % would be 900,000.
    give(scene, a, 10 * WHOLE_BTC)
    assert equity(scene, a) == 500_000 * MICROS
    # At 50,000 dollars they are 450,000, below the cap.
    scene.mark(BTC, 500_000)
    assert equity(scene, a) == 450_000 * MICROS


@pytest.mark.spec("MRGN-080")
def test_terms_stand_in_the_log_before_anything_rests_on_them_and_change_at_a_start() -> None:
    scene, a, _ = venue()
    (terms,) = scene.all(CollateralTermsSet)
    assert (terms.instrument_id, terms.weight_ppm, terms.cap_micros, terms.venue_cap_lots) == (
        BTC,
        900_000,
        500_000_000_000,
        2_000_000,
    )
    assert [event.limit_micros for event in scene.all(CollateralLoanSet)] == [10_000 * MICROS]
    give(scene, a, WHOLE_BTC)
    scene.settings = ClearingSettings(collateral={"BTC": CollateralTerms(weight_ppm=500_000)})
    scene.restart()
    assert equity(scene, a) == 50_000 * MICROS
    scene.assert_recoverable()
    # Who is taken no more counts nothing, and may still leave.
    scene.settings = ClearingSettings()
    scene.restart()
    assert scene.last(CollateralTermsSet).weight_ppm == 0
    assert equity(scene, a) == 0
    assert scene.account(a).collateral[BTC].lots == WHOLE_BTC
    with pytest.raises(Refused) as refusal:
        scene.core.collateral.deposit(a, BTC, 1)
    assert refusal.value.reason is Reason.COLLATERAL_REFUSED


@pytest.mark.spec("MRGN-080")
def test_a_venue_without_collateral_says_nothing_of_it() -> None:
    assert Scene().all(CollateralLoanSet) == []
    assert Scene().all(CollateralTermsSet) == []


# What comes


@pytest.mark.spec("MRGN-080")
def test_what_is_not_taken_is_refused_and_changes_nothing() -> None:
    scene, a, maker = venue()
    give(scene, maker, 19 * WHOLE_BTC)
    cases = [
        (a, ETH, 1, Reason.COLLATERAL_REFUSED, 0),
        (a, 99, 1, Reason.INSTRUMENT_UNKNOWN, 0),
        (a, BTC, 0, Reason.AMOUNT_OUT_OF_RANGE, MOST_LOTS),
        (a, BTC, MOST_LOTS + 1, Reason.AMOUNT_OUT_OF_RANGE, MOST_LOTS),
        # 20 BTC are the venue's cap, and 19 are here.
        (a, BTC, WHOLE_BTC + 1, Reason.COLLATERAL_REFUSED, WHOLE_BTC),
        (INSURANCE_FUND_ID, BTC, 1, Reason.ACCOUNT_RESERVED, 1_000),
        (999_999, BTC, 1, Reason.ACCOUNT_UNKNOWN, 0),
    ]
    for account_id, instrument_id, lots, reason, allowed in cases:
        with pytest.raises(Refused) as refusal:
            scene.core.collateral.deposit(account_id, instrument_id, lots)
        assert (refusal.value.reason, refusal.value.allowed) == (reason, allowed)
        assert scene.keep() == []
    give(scene, a, WHOLE_BTC)
    assert scene.last(CollateralDeposited).lots_after == WHOLE_BTC
    assert scene.state.collateral.lots == {BTC: 20 * WHOLE_BTC}


@pytest.mark.spec("MRGN-080")
def test_collateral_that_came_from_nowhere_stops_clearing() -> None:
    scene, a, _ = venue()
    give(scene, a, 10)
    scene.state.ledger.add_collateral(scene.account(a).row, BTC, 1)
    with pytest.raises(InvariantBroken, match="MRGN-080"):
        scene.state.check_invariants()


# Credit


@pytest.mark.spec("MRGN-080", "MRGN-050")
def test_collateral_is_credit_on_the_shard_of_its_instrument_alone() -> None:
    scene, a, _ = venue(1_000, shards=2)
    give(scene, a, WHOLE_BTC)
    stand = standings(scene.state, scene.account(a))
    assert [each.equity_micros for each in stand] == [90_500 * MICROS, 500 * MICROS]
    assert sum(each.equity_micros for each in stand) == equity(scene, a)
    scene.mark(BTC, 1_000_000, index_ticks=500_000)
    lines = {line.shard: line.budget_micros for line in scene.core.take_lines() if line.account_id == a}
    assert lines == {0: 45_500 * MICROS, 1: 500 * MICROS}


@pytest.mark.spec("MRGN-080", "MRGN-060")
def test_no_withdrawal_of_cash_turns_collateral_into_a_loan() -> None:
    scene, a, maker = venue(20_000)
    give(scene, a, WHOLE_BTC)
    # Nothing held: the cash may go, and no more.
    assert withdrawable_micros(scene.state, scene.account(a)) == 20_000 * MICROS
    # 10,000 of 110,000 must stay; the collateral carries that, so all cash may go. At a loss of 1,000 it is 19,000.
    scene.trade(BTC, a, maker, WHOLE_BTC, 1_000_000)
    assert free_margin_micros(scene.state, scene.account(a)) == 20_000 * MICROS
    scene.mark(BTC, 990_000, index_ticks=1_000_000)
    assert free_margin_micros(scene.state, scene.account(a)) == 19_000 * MICROS
    # When the collateral falls to 5,000, a tenth of the notional is more than it: 24,000 - 9,900.
    scene.mark(BTC, 990_000, index_ticks=55_556)
    assert free_margin_micros(scene.state, scene.account(a)) == 19_000 * MICROS + 5_000_040_000 - 9_900 * MICROS


def held(scene: Scene, account_id: int, lots: int) -> int:
    """Ask for collateral back; return the number of the line that knows of it."""
    scene.core.take_lines()
    scene.core.collateral.withdraw(account_id, BTC, lots, scene.now_ns)
    scene.keep()
    line = next(line for line in scene.core.take_lines() if line.account_id == account_id and line.shard == 0)
    assert line.acknowledge
    assert line.line_number >= scene.last(CollateralHeld).line_number
    return line.line_number


@pytest.mark.spec("MRGN-080", "MRGN-050")
def test_collateral_leaves_when_the_shard_has_a_line_without_it() -> None:
    scene, a, maker = venue()
    give(scene, a, WHOLE_BTC)
    scene.trade(BTC, a, maker, WHOLE_BTC // 2, 1_000_000)
    # 90,000 count, 5,000 must stay: 0.94444 BTC may go, which count 84,999.6.
    with pytest.raises(Refused) as refusal:
        scene.core.collateral.withdraw(a, BTC, 94_445, scene.now_ns)
    assert (refusal.value.reason, refusal.value.was) == (Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN, 85_000_500_000)
    assert refusal.value.allowed == 85_000 * MICROS
    number = held(scene, a, 94_444)
    # From here on no credit rests on it, whatever its index; equity has it still.
    assert standings(scene.state, scene.account(a))[0].credit_micros == 5_000_400_000
    assert equity(scene, a) == 90_000 * MICROS
    scene.mark(BTC, 1_000_000, index_ticks=2_000_000)
    assert standings(scene.state, scene.account(a))[0].credit_micros == 10_000_800_000
    scene.mark(BTC, 1_000_000)
    scene.assert_recoverable()
    with pytest.raises(Refused) as refusal:
        scene.core.bank.withdraw(a, 1, scene.now_ns)
    assert refusal.value.reason is Reason.WITHDRAWAL_PENDING
    scene.credit_applied(a, number, 1_250 * MICROS)
    assert scene.last(CollateralWithdrawn).lots_after == 5_556
    assert scene.account(a).collateral[BTC].held_lots == 0
    assert equity(scene, a) == 5_000_400_000
    scene.assert_recoverable()
    assert scene.state.collateral.lots == {BTC: 5_556}


@pytest.mark.spec("MRGN-080", "MRGN-050")
def test_collateral_that_orders_rest_on_stays() -> None:
    scene, a, _ = venue()
    give(scene, a, WHOLE_BTC)
    number = held(scene, a, WHOLE_BTC // 2)
    # 45,000 are left on the shard, orders commit 60,000.
    scene.credit_applied(a, number, 60_000 * MICROS)
    refused = scene.last(CollateralRefused)
    assert (refused.allowed_micros, refused.reason) == (30_000 * MICROS, Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN)
    assert scene.account(a).hold is None
    assert standings(scene.state, scene.account(a))[0].credit_micros == 90_000 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-080", "MRGN-050")
def test_collateral_is_refused_when_its_index_fell_meanwhile() -> None:
    scene, a, maker = venue()
    give(scene, a, WHOLE_BTC)
    scene.trade(ETH, a, maker, 10**5, 40_000)
    number = held(scene, a, 90_000)
    # At 4,000 dollars all of it counts 3,600, and the tenth BTC that stays 360: less than the tenth of 4,000 dollars.
    scene.mark(BTC, 40_000)
    scene.credit_applied(a, number, 0)
    assert scene.last(CollateralRefused).reason == Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN
    assert scene.account(a).collateral[BTC].lots == WHOLE_BTC


@pytest.mark.spec("MRGN-080", "LIQ-110")
def test_collateral_does_not_leave_while_withdrawals_are_gated() -> None:
    scene, a, _ = venue()
    give(scene, a, WHOLE_BTC)
    number = held(scene, a, 10)
    scene.state.steering.withdrawals_are_paused = True
    scene.credit_applied(a, number, 0)
    assert scene.last(CollateralRefused).reason == Reason.WITHDRAWALS_GATED
    with pytest.raises(Refused) as refusal:
        scene.core.collateral.withdraw(a, BTC, 10, scene.now_ns)
    assert refusal.value.reason is Reason.WITHDRAWALS_GATED


@pytest.mark.spec("MRGN-080")
def test_nobody_withdraws_what_is_not_there() -> None:
    scene, a, _ = venue()
    give(scene, a, 10)
    for lots in (0, 11):
        with pytest.raises(Refused) as refusal:
            scene.core.collateral.withdraw(a, BTC, lots, scene.now_ns)
        assert (refusal.value.reason, refusal.value.allowed) == (Reason.COLLATERAL_REFUSED, 10)
    assert scene.keep() == []


@pytest.mark.spec("MRGN-080", "MRGN-050")
def test_collateral_whose_shard_lent_the_credit_out_waits_for_it_to_come_back() -> None:
    scene, a, _ = venue(10_000, shards=2)
    give(scene, a, WHOLE_BTC // 10)
    # 5,000 in cash on each shard, 9,000 of collateral on shard 0. Orders there commit 8,000.
    number = held(scene, a, WHOLE_BTC // 10)
    scene.credit_applied(a, number, 8_000 * MICROS)
    refused = scene.last(CollateralRefused)
    assert refused.reason == Reason.CREDIT_ELSEWHERE
    # Shard 1 was asked for the 3,000 that are missing, and gives half of its rest as well: 3,000 + 1,000.
    line = next(line for line in scene.core.take_lines() if line.account_id == a and line.shard == 1)
    scene.core.on_matching(
        scene.now_ns,
        1,
        [CreditApplied(instrument_id=0, account_id=a, line_epoch=1, line_number=line.line_number, committed_micros=0)],
        1,
    )
    scene.keep()
    assert scene.last(ShareMoved).amount_micros == 4_000 * MICROS
    number = held(scene, a, WHOLE_BTC // 10)
    scene.credit_applied(a, number, 8_000 * MICROS)
    assert scene.last(CollateralWithdrawn).lots_after == 0
    assert scene.account(a).collateral == {}


@pytest.mark.spec("MRGN-080", "LIQ-055")
def test_what_is_owed_comes_before_a_withdrawal_that_waits() -> None:
    scene, a, maker = venue(20_000, loan=0)
    give(scene, a, 1_000)
    scene.trade(ETH, a, maker, 1, 40_000)
    number = held(scene, a, 1_000)
    # 9 dollars more than there is: ten of the held lots are sold.
    scene.trade(ETH, a, maker, 1, 40_000, taker_fee=20_009 * MICROS)
    assert scene.last(CollateralConverted).size_lots == 10
    assert standings(scene.state, scene.account(a))[0].equity_micros == scene.cash(a) == 0
    scene.assert_recoverable()
    scene.credit_applied(a, number, 0)
    assert scene.last(CollateralRefused).reason == Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN
    assert equity(scene, a) == 891 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-080", "LIQ-110")
def test_nothing_trades_after_a_start_before_collateral_has_a_price() -> None:
    scene, a, _ = venue()
    give(scene, a, 1)
    scene.restart()
    scene.mark(ETH, 40_000)
    assert not scene.is_open()
    scene.mark(BTC, 1_000_000)
    assert scene.is_open()


# Sold on request, or because too much is owed


@pytest.mark.spec("LIQ-055", "INV-010")
def test_who_asks_sells_at_the_weighted_index_and_nothing_else_changes() -> None:
    scene, a, maker = venue(100)
    give(scene, a, WHOLE_BTC)
    scene.trade(ETH, a, maker, 1_000, 40_000)
    before = (scene.state.health(scene.account(a)), standings(scene.state, scene.account(a))[0].credit_micros)
    scene.core.collateral.convert(a, BTC, 33_333, scene.now_ns)
    scene.keep()
    event = scene.last(CollateralConverted)
    # 0.33333 BTC x 100,000 x 0.9.
    assert (event.amount_micros, event.lots_after, event.cause) == (29_999_700_000, 66_667, ConversionCause.REQUESTED)
    assert scene.cash(a) == 30_099_700_000
    assert (scene.state.health(scene.account(a)), standings(scene.state, scene.account(a))[0].credit_micros) == before
    scene.state.check_invariants()
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-055", "MRGN-050")
def test_what_a_sale_yields_stays_on_the_shard_where_the_collateral_counted() -> None:
    scene, a, _ = venue(1_000, shards=2)
    give(scene, a, WHOLE_BTC)
    scene.core.take_lines()
    scene.core.collateral.convert(a, BTC, WHOLE_BTC, scene.now_ns)
    scene.keep()
    assert [share.cash_micros for share in scene.account(a).shares] == [90_500 * MICROS, 500 * MICROS]
    # Lines are what they were, so nothing is said.
    assert [line for line in scene.core.take_lines() if line.account_id == a] == []


@pytest.mark.spec("MRGN-080", "LIQ-010")
def test_a_line_is_as_old_as_the_index_that_it_rests_on() -> None:
    scene, a, maker = venue()
    give(scene, a, WHOLE_BTC)
    scene.trade(ETH, a, maker, 1_000, 40_000)
    priced_ns = scene.state.marks[BTC].index_time_ns
    scene.now_ns += 5 * SECOND_NS
    scene.mark(ETH, 40_000)
    times = {line.account_id: line.mark_time_ns for line in scene.core.take_lines()}
    assert times[a] == priced_ns
    assert times[maker] == scene.state.marks[ETH].index_time_ns > priced_ns


@pytest.mark.spec("LIQ-055")
def test_a_sale_is_at_the_weighted_index_also_above_the_cap() -> None:
    scene, a, _ = venue()
    give(scene, a, 10 * WHOLE_BTC)
    scene.core.collateral.convert(a, BTC, WHOLE_BTC, scene.now_ns)
    scene.keep()
    # The other nine count 500,000 still: equity gains what did not count before.
    assert equity(scene, a) == 590_000 * MICROS


@pytest.mark.spec("LIQ-055")
def test_what_cannot_be_sold_is_refused() -> None:
    scene, a, _ = venue()
    give(scene, a, 10)
    with pytest.raises(Refused) as refusal:
        scene.core.collateral.convert(a, BTC, 11, scene.now_ns)
    assert refusal.value.reason is Reason.COLLATERAL_REFUSED
    with pytest.raises(Refused) as refusal:
        scene.core.collateral.convert(a, SOL, 1, scene.now_ns)
    assert refusal.value.reason is Reason.COLLATERAL_REFUSED
    scene.mark(BTC, 1_000_000, stale=True)
    with pytest.raises(Refused) as refusal:
        scene.core.collateral.convert(a, BTC, 1, scene.now_ns)
    assert refusal.value.reason is Reason.PRICE_STALE
    assert scene.keep() == []


@pytest.mark.spec("MRGN-080", "LIQ-055")
def test_who_owes_more_than_he_may_has_just_enough_sold() -> None:
    scene, a, maker = venue(0, loan=1_000)
    give(scene, a, WHOLE_BTC)
    scene.trade(ETH, a, maker, 100_000, 40_000)
    # Half is closed at a loss of 9 dollars, and a fee takes 991: that much may be owed.
    scene.mark(ETH, 39_820)
    scene.trade(ETH, a, maker, -50_000, 39_820)
    assert scene.cash(a) == -9 * MICROS
    scene.trade(ETH, a, maker, 1, 40_000, taker_fee=991 * MICROS)
    assert scene.cash(a) == -1_000 * MICROS
    assert scene.all(CollateralConverted) == []
    # One micro-dollar more, and the account owes nothing: 1,000.000001 dollars are 1,112 lots of 0.9 dollars each.
    scene.trade(ETH, a, maker, 1, 40_000, taker_fee=1)
    event = scene.last(CollateralConverted)
    assert (event.size_lots, event.amount_micros, event.cause) == (1_112, 1_000_800_000, ConversionCause.LOAN_LIMIT)
    assert scene.cash(a) == 799_999
    assert scene.account(a).liquidation is None
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-080", "LIQ-055", "LIQ-100")
def test_who_is_flat_and_owes_cash_has_just_enough_sold_and_is_not_liquidated() -> None:
    scene, a, maker = venue()
    give(scene, a, WHOLE_BTC)
    scene.trade(ETH, a, maker, 100_000, 40_000)
    scene.mark(ETH, 39_000)
    # 100,000 lots at 1,000 ticks less: 100 dollars.
    scene.trade(ETH, a, maker, -100_000, 39_000)
    event = scene.last(CollateralConverted)
    # 112 lots of 0.9 dollars.
    assert (event.size_lots, event.cause, scene.cash(a)) == (112, ConversionCause.OWED, 800_000)
    assert scene.account(a).liquidation is None
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-010", "LIQ-055")
def test_who_owes_cash_keeps_collateral_while_its_index_is_stale() -> None:
    scene, a, maker = venue()
    give(scene, a, WHOLE_BTC)
    scene.trade(ETH, a, maker, 100_000, 40_000)
    scene.mark(BTC, 1_000_000, stale=True)
    scene.trade(ETH, a, maker, -100_000, 39_000)
    assert scene.cash(a) == -100 * MICROS
    assert (scene.all(CollateralConverted), scene.account(a).liquidation) == ([], None)
    scene.mark(BTC, 1_000_000)
    assert scene.cash(a) == 800_000


@pytest.mark.spec("LIQ-055")
def test_assets_are_sold_in_the_order_of_their_instruments() -> None:
    scene, a, maker = venue(ETH=CollateralTerms(weight_ppm=800_000))
    give(scene, a, 10_000, ETH)
    give(scene, a, 100)
    scene.trade(BTC, a, maker, 1, 1_000_000)
    # 91 dollars are owed: 100 lots of BTC yield 90, and of ETH 32 lots of 0.032 dollars one more.
    scene.trade(BTC, a, maker, -1, 1_000_000, taker_fee=91 * MICROS)
    assert [(event.instrument_id, event.size_lots) for event in scene.all(CollateralConverted)] == [
        (BTC, 100),
        (ETH, 32),
    ]
    assert scene.cash(a) == 24_000


# Play money


@pytest.mark.spec("PLAY-020", "MRGN-080")
def test_a_twin_has_the_collateral_of_its_source_if_the_venue_takes_it_once_more() -> None:
    scene, a, maker = venue(100)
    give(scene, a, 10 * WHOLE_BTC)
    scene.trade(ETH, a, maker, 1_000, 40_000)
    twin = scene.core.play.clone(a, "twin").account_id
    scene.keep()
    scene.assert_recoverable()
    scene.transfer_all(twin)
    assert scene.state.value(scene.account(twin)) == scene.state.value(scene.account(a))
    assert scene.account(twin).collateral == scene.account(a).collateral
    # Twenty BTC are the most that the venue takes.
    with pytest.raises(Refused) as refusal:
        scene.core.play.clone(a, "third")
    assert (refusal.value.reason, refusal.value.allowed) == (Reason.COLLATERAL_REFUSED, 0)
    assert scene.keep() == []
    scene.state.check_invariants()


@pytest.mark.spec("PLAY-030", "INV-010", "MRGN-080")
def test_a_reset_leaves_no_collateral() -> None:
    scene, a, maker = venue(100, ETH=CollateralTerms(weight_ppm=500_000))
    give(scene, a, WHOLE_BTC)
    give(scene, a, 100, ETH)
    scene.trade(ETH, a, maker, 1_000, 40_000)
    scene.mark(BTC, 1_000_000, stale=True)
    scene.core.play.reset(a, 500 * MICROS)
    scene.keep()
    scene.cancelled(a)
    scene.transfer_all(a)
    assert (scene.cash(a), scene.account(a).collateral, scene.account(a).play) == (500 * MICROS, {}, None)
    assert [(e.instrument_id, e.amount_micros, e.cause) for e in scene.all(CollateralConverted)] == [
        (BTC, 90_000 * MICROS, ConversionCause.RESET),
        (ETH, 2 * MICROS, ConversionCause.RESET),
    ]
    scene.state.check_invariants()
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-080", "MRGN-030")
def test_an_isolated_account_has_dollars_alone() -> None:
    scene, a, _ = venue()
    alone = scene.core.bank.open_account("alone", 0, parent_id=a, isolated_instrument_id=BTC).account_id
    scene.keep()
    with pytest.raises(Refused) as refusal:
        scene.core.collateral.deposit(alone, BTC, 1)
    assert refusal.value.reason is Reason.COLLATERAL_REFUSED


@pytest.mark.spec("MRGN-060", "MRGN-080")
def test_no_transfer_between_accounts_turns_collateral_into_a_loan() -> None:
    scene, a, maker = venue(100)
    give(scene, a, WHOLE_BTC)
    with pytest.raises(Refused) as refusal:
        scene.core.bank.transfer(a, maker, 100 * MICROS + 1, between_owners=True)
    assert refusal.value.allowed == 100 * MICROS


@pytest.mark.spec("MRGN-080", "MRGN-050")
def test_what_came_while_lots_were_held_and_sold_does_not_leave_with_them() -> None:
    scene, a, maker = venue(20_000, loan=0)
    give(scene, a, 1_000)
    scene.trade(ETH, a, maker, 1, 40_000)
    held(scene, a, 1_000)
    # A fee takes all cash and 899 dollars more: 999 of the held lots are sold. Then 1,000 others come, and are credit.
    scene.trade(ETH, a, maker, 1, 40_000, taker_fee=20_899 * MICROS)
    give(scene, a, 1_000)
    line = next(line for line in scene.core.take_lines() if line.account_id == a)
    scene.credit_applied(a, line.line_number, line.budget_micros)
    assert scene.all(CollateralWithdrawn) == []
    assert scene.last(CollateralRefused).account_id == a
    assert standings(scene.state, scene.account(a))[0].credit_micros >= line.budget_micros
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-050", "MRGN-080")
@pytest.mark.parametrize("as_cash", [False, True])
def test_nothing_is_paid_that_another_shards_positions_need(as_cash: bool) -> None:
    # 5,000 dollars on each shard; 50,000 of ETH on shard 1 fall by 11 %, so that it is at -500 and needs 1,780 more.
    scene, a, maker = venue(10_000, shards=2)
    scene.core.on_matching(scene.now_ns, 1, [scene.traded(ETH, a, maker, 1_250_000, 40_000)], 1)
    scene.keep()
    scene.mark(ETH, 35_600)
    give(scene, a, 10_000)
    if as_cash:
        scene.core.collateral.convert(a, BTC, 10_000, scene.now_ns)
        scene.core.bank.withdraw(a, 9_000 * MICROS, scene.now_ns)
        scene.keep()
        number = next(line for line in scene.core.take_lines() if (line.account_id, line.shard) == (a, 0)).line_number
    else:
        number = held(scene, a, 10_000)
    # The line says 2,720; orders that were accepted before commit 5,000.
    scene.credit_applied(a, number, 5_000 * MICROS)
    assert scene.all(Withdrawn) == []
    assert scene.all(CollateralWithdrawn) == []
