"""Initial margin that grows with a market's open interest (MRGN-020).

It exists because a position that is easy to unwind in a small market is not in one that holds many more like it. Only
new risk pays for that: maintenance margin does not scale, so nobody is liquidated because others traded.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class OpenInterestCaps:
    """Between which open interests, in micro-dollars of notional, initial margin grows from its base to the whole.

    An upper cap of 0 turns it off.

    Raises:
        ValueError: a cap is negative, or the lower is above the upper.

    """

    lower_micros: int = 0
    upper_micros: int = 0

    def __post_init__(self) -> None:
        """Check the order."""
        if not 0 <= self.lower_micros <= self.upper_micros:
            message = f"open interest caps ascend from 0: {self.lower_micros}, {self.upper_micros}"
            raise ValueError(message)


def open_interest_share(open_interest_micros: int, caps: OpenInterestCaps) -> Fraction:
    """Return `clamp01((OI - lower) / (upper - lower))`, exact; 0 when scaling is off (MRGN-020)."""
    if caps.upper_micros == 0 or open_interest_micros <= caps.lower_micros:
        return Fraction(0)
    if open_interest_micros >= caps.upper_micros:
        return Fraction(1)
    return Fraction(open_interest_micros - caps.lower_micros, caps.upper_micros - caps.lower_micros)


def scaled_initial_micros(
    notional_micros: int, base_rate: Fraction, open_interest_micros: int, caps: OpenInterestCaps
) -> int:
    """Return a position's initial margin at the instrument's open interest, rounded up once.

    Args:
        notional_micros: the position's notional.
        base_rate: initial margin over notional before scaling, `1 / leverage`; 0 to 1.
        open_interest_micros: notional of all long positions in the instrument.
        caps: between which open interests the rate grows.

    Source: MRGN-020 (dYdX v4, liquidity tiers): `N * (base + clamp01((OI - lower) / (upper - lower)) * (1 - base))`.

    """
    rate = base_rate + open_interest_share(open_interest_micros, caps) * (1 - base_rate)
    return -(-notional_micros * rate.numerator // rate.denominator)
