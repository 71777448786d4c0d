"""Averages that forget: exponential moving averages over uneven steps, in integers.

They exist for the mark price (ORCL-020): `num ← num·e^(−t/τ) + x·t`, `den ← den·e^(−t/τ) + t`, value `num/den`. The
exponential is a Taylor series on scaled whole numbers, because what enters the state hash may use no libm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from wavetank.oracle.core.rounding import divide_half_even

EXPONENTIAL_BITS = 64
"""`exp_minus` counts in units of 2^-64."""

_WORKING_BITS = 128
LN2_E128 = 235865763225513294137944142764154484399
"""ln 2 · 2^128, rounded down."""

_FRACTION_BITS = 32
"""Sums of an average count in units of 2^-32 nanoseconds (times the unit of its values)."""


@lru_cache(maxsize=256)
def exp_minus(numerator: int, denominator: int) -> int:
    """Return `e^(−numerator/denominator) · 2^64`, off by less than one unit.

    The argument is halved out: with `x = n·ln 2 + r`, `e^−x = e^−r / 2^n`, and the alternating series of `e^−r`
    ends when its next term is below 2^-128. Results are kept, for steps of a clock are few.

    Args:
        numerator: 0 or more.
        denominator: positive.

    """
    assert numerator >= 0, f"exponent was {-numerator}, must not be positive"
    assert denominator > 0, f"denominator was {denominator}, must be positive"
    halvings, rest = divmod((numerator << _WORKING_BITS) // denominator, LN2_E128)
    if halvings > EXPONENTIAL_BITS + 1:
        return 0
    total = term = 1 << _WORKING_BITS
    order = 0
    while term:
        order += 1
        term = (term * rest >> _WORKING_BITS) // order
        total += -term if order % 2 else term
    shift = _WORKING_BITS - EXPONENTIAL_BITS + halvings
    return (total + (1 << (shift - 1))) >> shift


@dataclass(frozen=True, slots=True)
class Average:
    """An exponential moving average: its two sums, scaled by 2^32."""

    weighted_sum: int = 0
    weight_sum: int = 0
    time_ns: int = 0
    """Venue time of the last sample; 0 before the first."""

    def sampled(self, value: int, weight_ns: int, tau_ns: int, now_ns: int) -> Average:
        """Return the average after one more sample.

        Args:
            value: the sample.
            weight_ns: time it stands for, the `t` of the rule; 0 changes nothing.
            tau_ns: time constant.
            now_ns: venue time of the sample.

        """
        if weight_ns == 0:
            return self
        kept = exp_minus(weight_ns, tau_ns)
        return Average(
            weighted_sum=_scaled(self.weighted_sum, kept) + (value * weight_ns << _FRACTION_BITS),
            weight_sum=_scaled(self.weight_sum, kept) + (weight_ns << _FRACTION_BITS),
            time_ns=now_ns,
        )

    def weight_ns(self, now_ns: int, first_ns: int) -> int:
        """Return the weight of a sample taken now: the time since the last, or `first_ns` for the first."""
        return now_ns - self.time_ns if self.weight_sum else first_ns

    def value(self) -> int | None:
        """Return the average rounded half to even, or None before the first sample."""
        return divide_half_even(self.weighted_sum, self.weight_sum) if self.weight_sum else None


def _scaled(amount: int, factor: int) -> int:
    return (amount * factor + (1 << (EXPONENTIAL_BITS - 1))) >> EXPONENTIAL_BITS
