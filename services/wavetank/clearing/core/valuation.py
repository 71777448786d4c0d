"""What an account is worth at given marks, what it must hold, and what its legs must yield.

Pure functions over integers. Where a price is the exact ratio of two integers it is returned as a
`Fraction`; it becomes a price only when an order is made of it (UNIT-045).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from wavetank.clearing.core.health import HealthBand
from wavetank.clearing.core.margin_modes import GROSS, Margining, PositionMargin, account_margins
from wavetank.model.money import mul_div_floor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wavetank.model.instrument import Instrument
    from wavetank.model.margin import MarginTable


class LegValue(NamedTuple):
    """One position at a mark; money in micro-dollars."""

    instrument_id: int
    lots: int
    mark_price_ticks: int
    notional_micros: int
    unrealised_micros: int
    maintenance_micros: int
    """Its own, whatever the account's mode relieves it of."""
    initial_micros: int
    """The same, by the account's leverage and open interest."""
    least_initial_micros: int
    """At the instrument's largest leverage, whatever the open interest."""

    @property
    def margin(self) -> PositionMargin:
        """What it must hold alone, as the modes see it."""
        least = self.least_initial_micros
        return PositionMargin(
            self.instrument_id, self.lots > 0, least, self.maintenance_micros, self.initial_micros - least
        )


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Where the bands of health end: equity / maintenance margin (SPEC 6)."""

    warn: Fraction = Fraction(3, 2)
    reduce_only: Fraction = Fraction(6, 5)
    backstop: Fraction = Fraction(2, 3)


DEFAULT_LIMITS = HealthLimits()
_ONE = Fraction(1)
NO_LEVERAGES: Mapping[int, int] = MappingProxyType({})
"""Of an account that has chosen none."""
PRICE_LIMIT_TICKS = 2**31 - 1
NOTIONAL_LIMIT_MICROS = 2**55 - 1


class Valuation(NamedTuple):
    """An account at given marks; money in micro-dollars."""

    equity_micros: int
    maintenance_micros: int
    """By the account's mode (MRGN-030)."""
    initial_micros: int
    """The same."""
    notional_micros: int
    legs: tuple[LegValue, ...]
    limits: HealthLimits = DEFAULT_LIMITS
    margining: Margining = GROSS

    @property
    def legs_maintenance_micros(self) -> int:
        """Sum of the legs' own maintenance margins, by which they share the account's equity (LIQ-035)."""
        return sum(leg.maintenance_micros for leg in self.legs)

    def maintenance_with(self, instrument_id: int, leg_maintenance_micros: int) -> int:
        """Return the account's maintenance margin if one leg's own were another, its side the same."""
        if not self.margining.offsets:
            return self.maintenance_micros - self.leg(instrument_id).maintenance_micros + leg_maintenance_micros
        positions = [
            leg._replace(maintenance_micros=leg_maintenance_micros).margin
            if leg.instrument_id == instrument_id
            else leg.margin
            for leg in self.legs
        ]
        return account_margins(positions, self.margining).maintenance_micros

    def leg(self, instrument_id: int) -> LegValue:
        """Return one position.

        Raises:
            KeyError: the account has no position in the instrument.

        """
        for leg in self.legs:
            if leg.instrument_id == instrument_id:
                return leg
        raise KeyError(instrument_id)

    @property
    def is_below_maintenance(self) -> bool:
        """Whether equity is below the maintenance margin, strictly (SPEC 6)."""
        return self.equity_micros < self.maintenance_micros

    @property
    def is_below_backstop(self) -> bool:
        """Whether health is below the backstop's limit, compared as integers (LIQ-060)."""
        return _is_below(self.limits.backstop, self.equity_micros, self.maintenance_micros)

    @property
    def band(self) -> HealthBand:
        """Band of health (SPEC 6)."""
        return health_band(self.equity_micros, self.maintenance_micros, self.limits)


def _is_below(limit: Fraction, equity_micros: int, maintenance_micros: int) -> bool:
    return limit.denominator * equity_micros < limit.numerator * maintenance_micros


def health_band(equity_micros: int, maintenance_micros: int, limits: HealthLimits = DEFAULT_LIMITS) -> HealthBand:
    """Return the band of `equity / maintenance`, compared as integers (SPEC 6)."""
    if equity_micros < 0:
        return HealthBand.BANKRUPT
    bands = (
        (limits.backstop, HealthBand.BACKSTOP),
        (_ONE, HealthBand.LIQUIDATION),
        (limits.reduce_only, HealthBand.REDUCE_ONLY),
        (limits.warn, HealthBand.WARNED),
    )
    for limit, band in bands:
        if _is_below(limit, equity_micros, maintenance_micros):
            return band
    return HealthBand.HEALTHY


def value_account(
    cash_micros: int,
    positions: Iterable[tuple[Instrument, int, int]],
    mark_of: Callable[[int], int],
    limits: HealthLimits = DEFAULT_LIMITS,
    margining: Margining = GROSS,
    leverages: Mapping[int, int] = NO_LEVERAGES,
) -> Valuation:
    """Value an account at marks.

    Args:
        cash_micros: its cash.
        positions: instrument, signed lots and signed cost of each position.
        mark_of: mark price in ticks by instrument id.
        limits: where the bands of its health end.
        margining: its margin mode.
        leverages: by instrument id, those that the account has chosen; the instrument's largest where it has not.

    Source: MRGN-010, MRGN-020, MRGN-030.

    """
    equity = cash_micros
    maintenance = initial = total_notional = 0
    legs = []
    for instrument, lots, cost_micros in positions:
        mark = mark_of(instrument.instrument_id)
        notional = abs(lots) * mark
        unrealised = lots * mark - cost_micros
        leg_maintenance = instrument.margin.maintenance_micros(notional)
        equity += unrealised
        leg_initial = instrument.initial_micros(
            notional, leverages.get(instrument.instrument_id, instrument.max_leverage)
        )
        maintenance += leg_maintenance
        initial += leg_initial
        total_notional += notional
        legs.append(
            LegValue(
                instrument.instrument_id,
                lots,
                mark,
                notional,
                unrealised,
                leg_maintenance,
                leg_initial,
                instrument.least_initial_micros(notional),
            )
        )
    if margining.offsets:
        total = account_margins([leg.margin for leg in legs], margining)
        maintenance, initial = total.maintenance_micros, total.initial_micros
    return Valuation(equity, maintenance, initial, total_notional, tuple(legs), limits, margining)


def bankruptcy_value(
    *,
    closed_lots: int,
    mark_price_ticks: int,
    equity_micros: int,
    relieved_micros: int,
    maintenance_micros: int,
) -> int:
    """Return V, what closing part of a leg must yield so that the account's deficit is shared fairly.

    Args:
        closed_lots: lots closed, with the position's sign.
        mark_price_ticks: mark of the leg.
        equity_micros: E, the account's equity before.
        relieved_micros: own maintenance margin that the leg is relieved of.
        maintenance_micros: MM, the sum of the legs' own maintenance margins before, above 0.

    Returns:
        Proceeds in micro-dollars, positive for a sale: `closed * mark - floor(E * dMM / MM)`.

    Source: LIQ-035. Full closes of all legs, in any order, leave exactly 0.

    """
    share = mul_div_floor(equity_micros, relieved_micros, maintenance_micros)
    return closed_lots * mark_price_ticks - share


def bankruptcy_price(leg: LegValue, equity_micros: int, maintenance_micros: int) -> Fraction:
    """Return the bankruptcy price of a leg in ticks, exact, for show (LIQ-070).

    `mark - side * equity * (MM_leg / MM) / |lots|`.
    """
    side = 1 if leg.lots > 0 else -1
    offset = Fraction(equity_micros * leg.maintenance_micros, maintenance_micros * abs(leg.lots))
    return leg.mark_price_ticks - side * offset


def fillable_price(
    leg: LegValue,
    equity_micros: int,
    maintenance_micros: int,
    *,
    spread_to_maintenance: Fraction,
    bankruptcy_adjustment: Fraction = Fraction(1),
) -> Fraction:
    """Return the worst price in ticks, exact, at which a liquidation order may fill (LIQ-040).

    `mark - side * ABR * spread * MM_leg / |lots|` with `ABR = clamp(BA * (1 - equity / MM), 0, 1)`.

    Args:
        leg: the position to close.
        equity_micros: the account's equity.
        maintenance_micros: the account's maintenance margin, above 0.
        spread_to_maintenance: SMMR, the share of the leg's margin that may be given away.
        bankruptcy_adjustment: BA.

    """
    side = 1 if leg.lots > 0 else -1
    shortage = bankruptcy_adjustment * (1 - Fraction(equity_micros, maintenance_micros))
    shortage = min(Fraction(1), max(Fraction(0), shortage))
    offset = shortage * spread_to_maintenance * Fraction(leg.maintenance_micros, abs(leg.lots))
    return leg.mark_price_ticks - side * offset


def liquidation_price(
    leg: LegValue, equity_micros: int, other_maintenance_micros: int, table: MarginTable
) -> Fraction | None:
    """Return the price in ticks, exact, at which equity meets maintenance margin, all else equal.

    Args:
        leg: the position that moves.
        equity_micros: the account's equity at the present marks.
        other_maintenance_micros: maintenance margin of its other positions.
        table: margin table of the leg's instrument.

    Returns:
        The price, or None when no positive price does it.

    Source: Hyperliquid docs, liquidations; `mark - side * (equity - MM) / size / (1 - mmr * side)`,
    solved within each margin tier, because the tier at that price is what counts (UNIT-045).

    """
    size = abs(leg.lots)
    at_zero = equity_micros - leg.lots * leg.mark_price_ticks
    lines = table.lines
    candidates = []
    for index, (lower, rate, deduction) in enumerate(lines):
        slope = leg.lots - Fraction(size * rate, table.denominator)
        if slope == 0:
            continue
        level = other_maintenance_micros - Fraction(deduction, table.denominator) - at_zero
        price = Fraction(level, slope)
        upper = lines[index + 1][0] if index + 1 < len(lines) else None
        notional = size * price
        if price > 0 and notional >= lower and (upper is None or notional < upper):
            candidates.append(price)
    if not candidates:
        return None
    # Coming from the mark, a long meets the highest such price first and a short the lowest.
    return max(candidates) if leg.lots > 0 else min(candidates)


def offset_liquidation_price(value: Valuation, leg: LegValue, table: MarginTable) -> Fraction | None:
    """Return the last price in whole ticks at which equity meets the margin of an offset mode, all else equal.

    Legs that offset each other leave no closed form, so the tick is found by halving, from the mark in the direction in
    which the leg loses.

    Args:
        value: the account at the present marks.
        leg: the position that moves.
        table: margin table of the leg's instrument.

    Returns:
        The price, or None when no price does it or the account is below its margin already.

    Source: UNIT-045, MRGN-030.

    """

    def is_met(price_ticks: int) -> bool:
        own = table.maintenance_micros(abs(leg.lots) * price_ticks)
        equity = value.equity_micros + leg.lots * (price_ticks - leg.mark_price_ticks)
        return equity >= value.maintenance_with(leg.instrument_id, own)

    met = leg.mark_price_ticks
    missed = 0 if leg.lots > 0 else min(PRICE_LIMIT_TICKS, NOTIONAL_LIMIT_MICROS // abs(leg.lots))
    if not is_met(met) or is_met(missed):
        return None
    while abs(met - missed) > 1:
        middle = (met + missed) // 2
        met, missed = (middle, missed) if is_met(middle) else (met, middle)
    return Fraction(met)
