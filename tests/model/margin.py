"""Fees, losses and margins as the rules write them: one Fraction, one rounding."""

from __future__ import annotations

import math
from fractions import Fraction

from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier

NOTIONAL_BOUND = 2**55 - 1


def tier_of(instrument: Instrument, notional: int) -> tuple[MarginTier, ...]:
    """Return the tiers up to and including the one that a notional falls into."""
    return tuple([tier for tier in instrument.tiers if tier.lower_notional_micros <= notional])


def initial_micros(instrument: Instrument, lots: int, price_ticks: int, leverage: int, scaled_ppm: int) -> int:
    """Return N (base + share (1 - base)), base = 1 / min(leverage, tier's leverage), rounded up once (MRGN-020)."""
    notional = min(abs(lots) * price_ticks, NOTIONAL_BOUND)
    base = Fraction(1, min(leverage, tier_of(instrument, notional)[-1].max_leverage))
    return math.ceil(notional * (base + Fraction(scaled_ppm, 10**6) * (1 - base)))


def maintenance_micros(instrument: Instrument, lots: int, price_ticks: int) -> int:
    """Return the sum over the tiers of (part of N in the tier) * (rate of the tier), rounded up once."""
    notional = min(abs(lots) * price_ticks, NOTIONAL_BOUND)
    tiers = tier_of(instrument, notional)
    total = Fraction(0)
    for tier, following in zip(tiers, [*tiers[1:], None], strict=True):
        rate = Fraction(tier.maintenance_ppm, 10**6) if tier.maintenance_ppm else Fraction(1, 2 * tier.max_leverage)
        upper = notional if following is None else following.lower_notional_micros
        total += (upper - tier.lower_notional_micros) * rate
    return math.ceil(total)


def exact_fee(fills: list[tuple[int, int]]) -> Fraction:
    """Return the unrounded fee of an order's fills, each (value, rate in ppm)."""
    return sum((Fraction(value * rate, 10**6) for value, rate in fills), Fraction(0))
