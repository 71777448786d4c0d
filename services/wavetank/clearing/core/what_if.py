"""What accounts would be worth, and would have to hold, at other marks than the present ones.

Nothing here changes anything. A question is asked of a `VenueView`, a frozen copy of what it needs, so that a long
answer can be worked out while the ledger goes on. Kept true: at a shock of nothing every number is the ledger's own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wavetank.clearing.core.health import AccountKind
from wavetank.clearing.core.ledger import book_leg
from wavetank.clearing.core.margin_modes import GROSS, Margining
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.valuation import (
    bankruptcy_price,
    health_band,
    liquidation_price,
    offset_liquidation_price,
    value_account,
)
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from fractions import Fraction

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.collateral_terms import CollateralTerms
    from wavetank.clearing.core.health import HealthBand
    from wavetank.clearing.core.settings import ClearingSettings
    from wavetank.clearing.core.state import State
    from wavetank.clearing.core.valuation import HealthLimits, LegValue, Valuation
    from wavetank.model.events.matching import BookSampled
    from wavetank.model.instrument import Instrument

    Valuer = Callable[["Holding", Mapping[int, int], HealthLimits], Valuation]
    """How a holding is valued at marks, by instrument, in ticks."""

E6 = 10**6
ALL_TOGETHER = 0
"""Instead of an instrument's id: every instrument at once."""
USUAL_SHOCKS_PPM = (-300_000, -200_000, -100_000, -50_000, 50_000, 100_000, 200_000, 300_000)
LOWEST_SHOCK_PPM = -990_000
HIGHEST_SHOCK_PPM = 1_000_000
MOST_SHOCKS = 16


@dataclass(frozen=True, slots=True)
class Shock:
    """A move of one instrument's mark, or of all marks at once, by parts per million of itself."""

    instrument_id: int
    """Instrument, or `ALL_TOGETHER`."""
    shock_ppm: int

    def touches(self, instrument_id: int) -> bool:
        """Tell whether an instrument's mark moves."""
        return self.instrument_id in (ALL_TOGETHER, instrument_id)

    def moved(self, mark_price_ticks: int) -> int:
        """Return a mark that moves, in ticks: rounded half to even as every mark is, and at least 1 (RISK-010)."""
        below, rest = divmod(mark_price_ticks * (E6 + self.shock_ppm), E6)
        rounds_up = 2 * rest > E6 or (2 * rest == E6 and below % 2 == 1)
        return max(1, below + rounds_up)

    def applied(self, marks: Mapping[int, int]) -> dict[int, int]:
        """Return marks after the shock, by instrument, in ticks."""
        return {each: self.moved(mark) if self.touches(each) else mark for each, mark in marks.items()}


NO_SHOCK = Shock(ALL_TOGETHER, 0)


@dataclass(frozen=True, slots=True)
class Pledge:
    """Collateral in one asset."""

    instrument_id: int
    lots: int
    index_price_ticks: int
    """Index that it counts by; 0 before there is one."""
    terms: CollateralTerms

    def under(self, shock: Shock) -> Pledge:
        """Return the same after a shock, which takes the index of an instrument with its mark."""
        if not self.index_price_ticks or not shock.touches(self.instrument_id):
            return self
        return replace(self, index_price_ticks=shock.moved(self.index_price_ticks))


@dataclass(frozen=True, slots=True)
class Holding:
    """An account as it stands; money in micro-dollars."""

    account_id: int
    kind: AccountKind
    cash_micros: int
    legs: tuple[tuple[Instrument, int, int], ...]
    """Instrument, signed lots and signed cost of each position, by instrument id."""
    marks: Mapping[int, int]
    """Mark in ticks at which each of them stands now."""
    margining: Margining = GROSS
    """How its legs are margined together, at the present stress: an index is taken to move with its mark."""
    leverages: Mapping[int, int] = field(default_factory=dict)
    """By instrument, those that it has chosen; what open interest adds to the rates stays as it is."""
    pledges: tuple[Pledge, ...] = ()
    """Its collateral beside cash, by instrument id."""

    @classmethod
    def of(cls, state: State, account: Account) -> Holding:
        """Return an account of the ledger at the last marks."""
        legs = tuple(state.legs(account))
        marks = {leg[0].instrument_id: state.mark_ticks(account, leg[0].instrument_id) for leg in legs}
        margining = Margining(account.margin_mode, state.offset_terms, state.stress_ppm(account))
        pledges = tuple(
            Pledge(
                key,
                lots,
                state.marks[key].index_price_ticks if key in state.marks else 0,
                state.collateral.terms_of(key),
            )
            for key, lots in state.counting_collateral(account).items()
        )
        return cls(
            account.account_id,
            account.kind,
            account.cash_micros,
            legs,
            marks,
            margining,
            account.leverages,
            pledges,
        )

    @property
    def counted_micros(self) -> int:
        """What its collateral counts (MRGN-080)."""
        return sum(pledge.terms.counted(pledge.lots, pledge.index_price_ticks) for pledge in self.pledges)

    @property
    def instrument_ids(self) -> list[int]:
        """Instruments whose price moves it, ascending: of its positions, and of its collateral."""
        return sorted({*self.marks, *(pledge.instrument_id for pledge in self.pledges)})

    def under(self, shock: Shock) -> Holding:
        """Return the holding after a shock of what its collateral counts; marks are given where it is valued."""
        if not self.pledges:
            return self
        return replace(self, pledges=tuple([pledge.under(shock) for pledge in self.pledges]))

    def converted(self) -> Holding:
        """Return the holding after all of its collateral was sold (LIQ-055)."""
        yielded = sum(pledge.terms.worth(pledge.lots, pledge.index_price_ticks) for pledge in self.pledges)
        return replace(self, cash_micros=self.cash_micros + yielded, pledges=())

    def closed(self, instrument_id: int, lots: int, mark_price_ticks: int) -> Holding:
        """Return the holding after `lots` (unsigned, at most the position) of a leg were closed at a mark.

        Source: the ledger's own booking (PROTOCOL 1), so equity at these marks stays as it is.
        """
        cash, legs = self.cash_micros, []
        for instrument, held, cost in self.legs:
            if instrument.instrument_id != instrument_id:
                legs.append((instrument, held, cost))
                continue
            delta = -lots if held > 0 else lots
            leg = book_leg(held, cost, delta, delta * mark_price_ticks)
            cash += leg.realised_micros
            if leg.lots:
                legs.append((instrument, leg.lots, leg.cost_micros))
        return replace(self, cash_micros=cash, legs=tuple(legs))


@dataclass(frozen=True, slots=True)
class VenueView:
    """What a what-if needs of the ledger, at one seq; nothing of it changes any more."""

    holdings: tuple[Holding, ...]
    """By account id."""
    instruments: Mapping[int, Instrument]
    books: Mapping[int, BookSampled]
    """Last sample of each book."""
    settings: ClearingSettings


def view_of(state: State, accounts: Iterable[Account] | None = None) -> VenueView:
    """Return a view of some accounts, else of all that may be liquidated: clients, and the backstop vault."""
    if accounts is None:
        kinds = {AccountKind.CLIENT, AccountKind.BACKSTOP_VAULT}
        accounts = (account for _, account in sorted(state.accounts.items()) if account.kind in kinds)
    holdings = tuple(Holding.of(state, account) for account in accounts)
    return VenueView(holdings, dict(state.instruments), dict(state.books), state.settings)


def value_held(holding: Holding, marks: Mapping[int, int], limits: HealthLimits) -> Valuation:
    """Value a holding in its own mode (MRGN-030); its collateral counts as it stands there."""
    # Where nothing offsets, the terms do not matter.
    margining = holding.margining if holding.margining.offsets else GROSS
    cash = holding.cash_micros + holding.counted_micros
    return value_account(cash, holding.legs, marks.__getitem__, limits, margining, holding.leverages)


# What is asked


def chosen_shocks(asked: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes of a grid, ascending, in ppm; the usual ones if none are asked for (RISK-010).

    Raises:
        Refused: MALFORMED: there are too many, or one is 0, too far, or named twice.

    """
    if len(asked) > MOST_SHOCKS:
        raise Refused(Reason.MALFORMED, len(asked), MOST_SHOCKS, f"{len(asked)} shocks; {MOST_SHOCKS} are allowed")
    for size in asked:
        if size == 0 or not LOWEST_SHOCK_PPM <= size <= HIGHEST_SHOCK_PPM:
            allowed = HIGHEST_SHOCK_PPM if size > 0 else LOWEST_SHOCK_PPM
            message = f"a shock of {size} ppm; {LOWEST_SHOCK_PPM} to {HIGHEST_SHOCK_PPM}, but for 0, is allowed"
            raise Refused(Reason.MALFORMED, size, allowed, message)
    if len(set(asked)) < len(asked):
        raise Refused(Reason.MALFORMED, len(asked), len(set(asked)), "a shock is named twice")
    return tuple(sorted(asked)) or USUAL_SHOCKS_PPM


def chosen_instruments(listed: Collection[int], asked: Collection[int]) -> list[int]:
    """Return the ids of the instruments to shock, ascending; all that are listed if none are asked for.

    Raises:
        Refused: INSTRUMENT_UNKNOWN.

    """
    for instrument_id in asked:
        if instrument_id not in listed:
            message = f"instrument {instrument_id} is not listed"
            raise Refused(Reason.INSTRUMENT_UNKNOWN, instrument_id, 0, message)
    return sorted(set(asked) or listed)


def grid(instrument_ids: Iterable[int], sizes_ppm: Sequence[int]) -> list[Shock]:
    """Return each instrument alone at each size, and all together at the end."""
    rows = [*instrument_ids, ALL_TOGETHER]
    return [Shock(instrument_id, size) for instrument_id in rows for size in sizes_ppm]


# What is answered


@dataclass(frozen=True, slots=True)
class LegRisk:
    """One position of an account at some marks; money in micro-dollars, prices in ticks, exact (UNIT-045)."""

    value: LegValue
    cost_micros: int
    initial_micros: int
    bankruptcy_price: Fraction
    """Price that leaves the leg its share of the account's equity (LIQ-070)."""
    liquidation_price: Fraction | None
    """Price at which the account's equity meets its maintenance margin, all else equal; None if there is none."""


@dataclass(frozen=True, slots=True)
class MarginAt:
    """An account after a shock."""

    shock: Shock
    valuation: Valuation
    legs: tuple[LegRisk, ...]


def margin_at(view: VenueView, holding: Holding, shock: Shock) -> MarginAt:
    """Return an account's margin and each leg's prices after a shock (RISK-010)."""
    valuation = value_held(holding.under(shock), shock.applied(holding.marks), view.settings.health)
    legs = []
    for (instrument, _, cost_micros), value in zip(holding.legs, valuation.legs, strict=True):
        if valuation.margining.offsets:
            price = offset_liquidation_price(valuation, value, instrument.margin)
        else:
            others = valuation.maintenance_micros - value.maintenance_micros
            price = liquidation_price(value, valuation.equity_micros, others, instrument.margin)
        legs.append(
            LegRisk(
                value,
                cost_micros,
                value.initial_micros,
                bankruptcy_price(value, valuation.equity_micros, valuation.legs_maintenance_micros),
                price,
            )
        )
    return MarginAt(shock, valuation, tuple(legs))


def account_margins(view: VenueView, holding: Holding, sizes_ppm: Sequence[int]) -> list[MarginAt]:
    """Return an account's margin now, then under a grid over the instruments that move it (RISK-010)."""
    shocks = grid(holding.instrument_ids, sizes_ppm) if holding.instrument_ids else []
    return [margin_at(view, holding, shock) for shock in (NO_SHOCK, *shocks)]


@dataclass(frozen=True, slots=True)
class VenueMarginAt:
    """All clients together after a shock; money in micro-dollars."""

    shock: Shock
    equity_micros: int
    initial_micros: int
    maintenance_micros: int
    notional_micros: int
    """Sum over all positions, long and short."""
    shortfall_micros: int
    """What those below their maintenance margin lack to it."""
    deficit_micros: int
    """What those below zero owe more than they have."""
    bands: Mapping[HealthBand, int]
    """Accounts with positions by band of health."""


@dataclass(frozen=True, slots=True)
class MarginSums:
    """A holding's margin in sums; micro-dollars."""

    equity_micros: int
    initial_micros: int
    maintenance_micros: int
    notional_micros: int

    @property
    def is_below_maintenance(self) -> bool:
        """Whether equity is below the maintenance margin, strictly."""
        return self.equity_micros < self.maintenance_micros


def shocked_sums(holding: Holding, present: Valuation, shock: Shock) -> MarginSums:
    """Return what `value_held` would say of a holding after a shock.

    In the gross mode margins only add up, so whatever does not move counts as it is in `present`. A venue is walked
    through once for each shock, and most of it does not move.
    """
    if holding.margining.offsets:
        value = value_held(holding.under(shock), shock.applied(holding.marks), present.limits)
        return MarginSums(value.equity_micros, value.initial_micros, value.maintenance_micros, value.notional_micros)
    equity, maintenance = present.equity_micros, present.maintenance_micros
    if holding.pledges:
        equity += holding.under(shock).counted_micros - holding.counted_micros
    initial, notional = present.initial_micros, present.notional_micros
    for (instrument, lots, _), now in zip(holding.legs, present.legs, strict=True):
        if shock.touches(now.instrument_id):
            mark = shock.moved(now.mark_price_ticks)
            moved = abs(lots) * mark
            leverage = holding.leverages.get(now.instrument_id, instrument.max_leverage)
            equity += lots * (mark - now.mark_price_ticks)
            maintenance += instrument.margin.maintenance_micros(moved) - now.maintenance_micros
            initial += instrument.initial_micros(moved, leverage) - now.initial_micros
            notional += moved - now.notional_micros
    return MarginSums(equity, initial, maintenance, notional)


def venue_margins(view: VenueView, shocks: Sequence[Shock]) -> list[VenueMarginAt]:
    """Return the clients' margins now, then after each shock (RISK-010)."""
    clients = [holding for holding in view.holdings if holding.kind == AccountKind.CLIENT]
    present = [value_held(holding, holding.marks, view.settings.health) for holding in clients]
    return [
        _summed(view, shock, clients, [shocked_sums(*each, shock) for each in zip(clients, present, strict=True)])
        for shock in (NO_SHOCK, *shocks)
    ]


def _summed(view: VenueView, shock: Shock, clients: Sequence[Holding], sums: Sequence[MarginSums]) -> VenueMarginAt:
    limits = view.settings.health
    return VenueMarginAt(
        shock,
        equity_micros=sum(each.equity_micros for each in sums),
        initial_micros=sum(each.initial_micros for each in sums),
        maintenance_micros=sum(each.maintenance_micros for each in sums),
        notional_micros=sum(each.notional_micros for each in sums),
        shortfall_micros=sum(max(0, each.maintenance_micros - each.equity_micros) for each in sums),
        deficit_micros=sum(max(0, -each.equity_micros) for each in sums),
        bands=Counter(
            health_band(each.equity_micros, each.maintenance_micros, limits)
            for holding, each in zip(clients, sums, strict=True)
            if holding.legs
        ),
    )
