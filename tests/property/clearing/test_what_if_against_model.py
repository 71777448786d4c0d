"""Any books under any shock: what-if, contagion and comparison against a model in Fractions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.naive_what_if import PaperAccount, PaperVenue
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.contagion import contagion, forced_closes
from wavetank.clearing.core.health import AccountKind
from wavetank.clearing.core.margin_schemes import MarginScheme, compare
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.valuation import value_account
from wavetank.clearing.core.what_if import Holding, Pledge, Shock, VenueView, margin_at, venue_margins
from wavetank.model.events.matching import BookSampled
from wavetank.model.instrument import MICROS, Instrument
from wavetank.model.margin import MarginTier

INSTRUMENTS = {
    1: Instrument(instrument_id=1, symbol="BTC", size_decimals=5, tiers=(MarginTier(0, 40),)),
    2: Instrument(
        instrument_id=2,
        symbol="ETH",
        size_decimals=4,
        # Boundaries in reach: a close moves a position into a lower tier.
        tiers=(MarginTier(0, 25), MarginTier(50_000 * MICROS, 10), MarginTier(200_000 * MICROS, 4, 150_000)),
    ),
    3: Instrument(
        instrument_id=3,
        symbol="SOL",
        size_decimals=2,
        tiers=(MarginTier(0, 20),),
        price_band_ppm=50_000,
        scaling_full_micros=1,
        scaled_ppm=123_457,
    ),
}
MARKS = {1: st.integers(900_000, 1_100_000), 2: st.integers(300_000, 500_000), 3: st.integers(1, 2_000_000)}
SHOCKS = st.one_of(st.integers(-990_000, 1_000_000), st.integers(-60_000, 60_000), st.just(0))


HEALTH = st.one_of(st.integers(667, 999), st.integers(-300, 2_000))
"""In thousandths, after the shock: mostly where accounts are sold in the book."""


@dataclass(frozen=True)
class Case:
    """A venue, and a shock of it."""

    paper: PaperVenue
    target: int
    ppm: int

    @property
    def shock(self) -> Shock:
        return Shock(self.target, self.ppm)

    @property
    def marks(self) -> dict[int, int]:
        return self.paper.shocked(self.target, self.ppm)

    @property
    def index(self) -> dict[int, int]:
        return self.paper.shocked(self.target, self.ppm, self.paper.index)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw accounts with legs of up to 300,000 dollars whose health after the shock is worth a look."""
    marks = {each: draw(strategy) for each, strategy in MARKS.items()}
    impact = {}
    for each, mark in marks.items():
        bid = draw(st.sampled_from([0, max(1, mark * 999 // 1_000), max(1, mark * 95 // 100)]))
        ask = draw(st.sampled_from([0, mark * 1_001 // 1_000 + 1, mark * 105 // 100 + 1, max(1, mark - 1)]))
        impact[each] = (bid, ask)
    paper = PaperVenue(
        INSTRUMENTS,
        marks,
        impact,
        [],
        large=draw(st.sampled_from([50_000, 100_000])) * MICROS,
        slice_share=Fraction(draw(st.sampled_from([200_000, 333_333])), 10**6),
        index={each: max(1, mark * draw(st.integers(990, 1_010)) // 1_000) for each, mark in marks.items()},
        weight={1: Fraction(900_000, 10**6), 2: Fraction(333_333, 10**6)},
        cap={1: 10**15, 2: draw(st.sampled_from([10**9, 10**15]))},
    )
    case = Case(paper, draw(st.sampled_from([0, 1, 2, 3])), draw(SHOCKS))
    for _ in range(draw(st.integers(1, 5))):
        account = PaperAccount(0)
        for each in draw(st.lists(st.sampled_from([1, 2, 3]), unique=True, max_size=3)):
            lots = max(1, draw(st.integers(1, 300_000)) * MICROS // marks[each])
            account.lots[each] = draw(st.sampled_from([1, -1])) * lots
            account.cost[each] = account.lots[each] * marks[each] + draw(st.integers(-(10**9), 10**9))
            if draw(st.booleans()):
                account.leverages[each] = draw(st.integers(1, 25))
        for asset in draw(st.lists(st.sampled_from([1, 2]), unique=True, max_size=2)):
            account.collateral[asset] = max(1, draw(st.integers(1, 20_000)) * MICROS // marks[asset])
        needed = paper.maintenance(account.lots, case.marks)
        account.cash = needed * draw(HEALTH) // 1_000 - paper.equity(account, case.marks, case.index)
        paper.accounts.append(account)
    return case


def view_of(paper: PaperVenue) -> VenueView:
    """Return the same venue in clearing's words."""
    books = {
        each: BookSampled(
            instrument_id=each,
            account_id=0,
            bid_price_ticks=0,
            bid_size_lots=0,
            ask_price_ticks=0,
            ask_size_lots=0,
            last_price_ticks=0,
            impact_bid_e6=bid * 10**6,
            impact_ask_e6=ask * 10**6,
            bid_depth_lots=0,
            ask_depth_lots=0,
            open_interest_lots=0,
            sample_time_ns=0,
        )
        for each, (bid, ask) in paper.impact.items()
    }
    return VenueView(
        tuple(
            Holding(
                1_000 + index,
                AccountKind.CLIENT,
                account.cash,
                tuple((INSTRUMENTS[each], account.lots[each], account.cost[each]) for each in sorted(account.lots)),
                {each: paper.marks[each] for each in sorted(account.lots)},
                leverages=account.leverages,
                pledges=tuple(
                    Pledge(
                        asset,
                        lots,
                        paper.index[asset],
                        CollateralTerms(weight_ppm=int(paper.weight[asset] * 10**6), cap_micros=paper.cap[asset]),
                    )
                    for asset, lots in sorted(account.collateral.items())
                ),
            )
            for index, account in enumerate(paper.accounts)
        ),
        INSTRUMENTS,
        books,
        ClearingSettings(
            partial_above_micros=paper.large,
            partial_slice_ppm=paper.slice_share.numerator * 10**6 // paper.slice_share.denominator,
        ),
    )


@pytest.mark.spec("RISK-010")
@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_margins_after_any_shock(case: Case) -> None:
    paper, view, marks = case.paper, view_of(case.paper), case.marks
    equity = maintenance = shortfall = deficit = 0
    for holding, account in zip(view.holdings, paper.accounts, strict=True):
        found = margin_at(view, holding, case.shock)
        own, needed = paper.equity(account, marks, case.index), paper.maintenance(account.lots, marks)
        assert found.valuation.equity_micros == own
        assert found.valuation.maintenance_micros == needed
        assert found.valuation.initial_micros == paper.initial(account, marks)
        assert found.valuation.notional_micros == sum(abs(account.lots[each]) * marks[each] for each in account.lots)
        equity, maintenance = equity + own, maintenance + needed
        shortfall, deficit = shortfall + max(0, needed - own), deficit + max(0, -own)
        for leg in found.legs:
            # Closing the leg at its bankruptcy price takes exactly its share of the equity.
            given_up = leg.value.lots * (leg.value.mark_price_ticks - leg.bankruptcy_price)
            assert given_up * needed == own * leg.value.maintenance_micros
    _, row = venue_margins(view, [case.shock])
    assert (row.equity_micros, row.maintenance_micros) == (equity, maintenance)
    assert (row.shortfall_micros, row.deficit_micros) == (shortfall, deficit)


@pytest.mark.spec("RISK-010", "UNIT-045")
@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_at_its_liquidation_price_an_account_meets_its_margin(case: Case) -> None:
    view = view_of(case.paper)
    for holding in view.holdings:
        for leg in margin_at(view, holding, Shock(0, 0)).legs:
            price = leg.liquidation_price
            if price is None or leg.value.lots * price > 10**15:
                continue
            # The two whole ticks around it lie on two sides of the margin, but for the rounding of the margin itself.
            for ticks, sign in ((int(price), -1), (int(price) + 1, 1)):
                at = max(1, ticks)
                marks = {**holding.marks, leg.value.instrument_id: at}
                value = value_account(holding.cash_micros + holding.counted_micros, holding.legs, marks.__getitem__)
                spare = value.equity_micros - value.maintenance_micros
                side = 1 if leg.value.lots > 0 else -1
                assert sign * side * spare >= -3 or ticks < 1


@pytest.mark.spec("RISK-020")
@settings(max_examples=300, deadline=None)
@given(case=cases())
def test_contagion_of_any_venue(case: Case) -> None:
    paper, view, marks = case.paper, view_of(case.paper), case.marks
    lots: dict[int, int] = {}
    taken: dict[int, int] = {}
    forced = 0
    for holding, account in zip(view.holdings, paper.accounts, strict=True):
        expected = paper.closes(account, marks, case.index)
        found = forced_closes(view, holding.under(case.shock), case.shock.applied(holding.marks))
        assert {close.instrument_id: close.size_lots for close in found} == {
            each: sum(parts) for each, parts in expected.items()
        }
        for each, (sold, gone) in expected.items():
            # Nobody closes more than he has.
            assert 0 < sold + gone <= abs(account.lots[each])
            lots[each] = lots.get(each, 0) + sold + gone
            taken[each] = taken.get(each, 0) + gone
        forced += bool(expected)
    _, row = contagion(view, [case.shock])
    assert row.accounts == forced
    assert [close.instrument_id for close in row.closes] == sorted(lots)
    for close in row.closes:
        mark = marks[close.instrument_id]
        assert close.size_lots == lots[close.instrument_id]
        assert close.notional_micros == lots[close.instrument_id] * mark
        assert close.backstop_micros == taken[close.instrument_id] * mark
    elsewhere = sum(count * marks[each] for each, count in lots.items() if each != case.target) if case.target else 0
    assert row.elsewhere_micros == elsewhere


@pytest.mark.spec("RISK-030")
@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_isolated_is_one_account_for_each_leg(case: Case) -> None:
    paper, view, marks = case.paper, view_of(case.paper), case.marks
    for holding, account in zip(view.holdings, paper.accounts, strict=True):
        found = compare(view, holding, [case.shock])[MarginScheme.ISOLATED][1]
        alone = []
        for each, lots in account.lots.items():
            part = PaperAccount(0, {each: lots}, {each: lots * paper.marks[each]}, account.leverages)
            part.cash = paper.initial(part, paper.marks)
            alone.append(part)
        assert found.equity_micros == sum(paper.equity(part, marks, case.index) for part in alone)
        assert found.initial_micros == sum(paper.initial(part, marks) for part in alone)
        assert found.maintenance_micros == sum(paper.maintenance(part.lots, marks) for part in alone)
        assert found.deficit_micros == sum(max(0, -paper.equity(part, marks, case.index)) for part in alone)
        closes = [pair for part in alone for pair in paper.closes(part, marks, case.index).items()]
        assert [(close.instrument_id, close.size_lots) for close in found.closes] == sorted(
            (each, sum(parts)) for each, parts in closes
        )
