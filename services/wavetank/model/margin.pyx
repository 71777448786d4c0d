"""Margin by tiers, exact: one table for the engine's credit check and for clearing (MRGN-020).

A tier's maintenance rate is 1 / (2 * max_leverage) unless it names its own, a whole number of
parts per million. All rates of a table are brought to one denominator, so that
`MM = ceil((N * a - b) / D)` is taken once for the whole expression and is continuous at each tier
boundary.
"""

from math import lcm
from typing import NamedTuple

from libc.stdint cimport int64_t

from wavetank.model.money cimport int128


class MarginTier(NamedTuple):
    """From `lower_notional_micros` on: at most `max_leverage`, or its own maintenance rate."""

    lower_notional_micros: int
    max_leverage: int
    maintenance_ppm: int = 0


cdef class MarginTable:
    """The tiers of one instrument.

    Args:
        tiers: ascending by `lower_notional_micros`, the first at 0, 1 to 16 of them.

    Attributes:
        lines: per tier `(lower_notional_micros, a, b)`, so that MM(N) = ceil((N * a - b) / denominator).

    Raises:
        ValueError: the tiers are empty, too many, out of order, without leverage, or with more maintenance margin than
            initial margin.

    """

    def __init__(self, tiers):
        if not 1 <= len(tiers) <= MAX_TIERS:
            raise ValueError(f"an instrument has 1 to {MAX_TIERS} margin tiers, not {len(tiers)}")
        if tiers[0].lower_notional_micros != 0:
            raise ValueError("the first margin tier begins at notional 0")
        denominator = lcm(*(10**6 if tier.maintenance_ppm else 2 * max(1, tier.max_leverage) for tier in tiers))
        self.tiers.count = <int>len(tiers)
        self.tiers.denominator = denominator
        lines = []
        previous_rate = deduction = 0
        previous_lower = -1
        cdef int index
        for index, tier in enumerate(tiers):
            if tier.max_leverage < 1 or tier.maintenance_ppm < 0:
                raise ValueError("a margin tier has a leverage of at least 1 and no negative rate")
            if tier.lower_notional_micros <= previous_lower:
                raise ValueError("margin tiers ascend by notional")
            if tier.maintenance_ppm:
                rate = tier.maintenance_ppm * denominator // 10**6
            else:
                rate = denominator // (2 * tier.max_leverage)
            # The first tier begins at 0, so its deduction is 0 whatever its rate.
            lower = tier.lower_notional_micros
            deduction += lower * (rate - previous_rate)
            # What credit just opened must not be below maintenance, and what closes it must not lose more than it has.
            at_begin = rate * lower - deduction
            if rate * tier.max_leverage > denominator or at_begin * tier.max_leverage > lower * denominator:
                raise ValueError(f"in the margin tier from {lower} on maintenance would exceed the initial margin")
            previous_rate = rate
            previous_lower = lower
            lines.append((lower, rate, deduction))
            self.tiers.lower[index] = lower
            self.tiers.leverage[index] = tier.max_leverage
            self.tiers.numerator[index] = rate
            self.tiers.deduction[index] = (
                <int128><int64_t>(deduction >> 62) * (<int128>1 << 62) + <int64_t>(deduction & (2**62 - 1))
            )
        self.lines = tuple(lines)

    @property
    def denominator(self):
        """Common denominator D of the table's rates."""
        return self.tiers.denominator

    cpdef int64_t maintenance_micros(self, int64_t notional_micros) noexcept:
        """Return the maintenance margin of a position's notional, rounded up once (MRGN-020)."""
        return maintenance_of(&self.tiers, notional_micros)

    cpdef int64_t initial_micros(self, int64_t notional_micros, int64_t leverage, int64_t scaled_ppm=0) noexcept:
        """Return the initial margin of a position's notional, rounded up once (MRGN-020).

        Args:
            notional_micros: the position's notional.
            leverage: the account's own; the tier's applies where it is lower.
            scaled_ppm: share of what the leverage leaves unmargined that open interest asks for, 0 to 10^6.

        Source: MRGN-020 (dYdX v4, liquidity tiers): `N * (base + share * (1 - base))` with `base = 1 / leverage`.

        """
        return initial_of(&self.tiers, notional_micros, leverage, scaled_ppm)
