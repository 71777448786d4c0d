"""Chances of things that arrive at random, as whole numbers to compare raw draws with.

It exists so that whether a jump, a burst or a change of regime happens in a step is decided by comparing integers: the
probabilities come from an exponential that is rounded correctly, and the draws are a generator's raw bits. Kept true:
the same seed decides alike on every machine, for no library's floating mathematics has a part in it.
"""

from __future__ import annotations

from decimal import Context, Decimal
from enum import IntEnum

import numpy as np
import numpy.typing as npt

DRAW_BITS = 62
"""A draw is a whole number below 2 to this power, so that a threshold fits into 64 bits with its sign."""

ALL = 1 << DRAW_BITS
ONE_E12 = 1_000_000_000_000

MOST_ARRIVALS = 100
"""Mean number of arrivals in one step; more are no single events."""

_CONTEXT = Context(prec=40)

Whole = npt.NDArray[np.int64]


class Drawn(IntEnum):
    """What is drawn; each has generators of its own, and none disturbs the walks or another."""

    JUMP_ARRIVALS = 1
    JUMP_ACCEPTANCES = 2
    JUMP_SIZES = 3
    REGIMES = 4
    BURSTS = 5


def stream(seed: int, drawn: Drawn, number: int = 0) -> np.random.PCG64:
    """Return the generator of what is drawn.

    Args:
        seed: of the market.
        drawn: what it is.
        number: which of its kind, from 0.

    """
    return np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(drawn, number)))


def draws(generator: np.random.PCG64, count: int) -> Whole:
    """Return so many draws below `ALL`, each as likely as any other."""
    return (generator.random_raw(count) >> np.uint64(64 - DRAW_BITS)).astype(np.int64)


def exponential(numerator: int, denominator: int) -> Decimal:
    """Return e to the power of a fraction, rounded correctly to forty digits."""
    return _CONTEXT.exp(_CONTEXT.divide(Decimal(numerator), Decimal(denominator)))


def exponential_e12(exponent_e12: int) -> int:
    """Return e to the power of so many 10^-12, in 10^-12, rounded to the nearest."""
    return int(_CONTEXT.to_integral_value(_CONTEXT.multiply(exponential(exponent_e12, ONE_E12), Decimal(ONE_E12))))


def chance_within(span_ns: int, mean_ns: int) -> int:
    """Return the threshold below which a draw means that something happens within a span.

    Args:
        span_ns: the span.
        mean_ns: mean time until it happens, exponentially distributed.

    """
    return int((1 - exponential(-span_ns, mean_ns)) * ALL)


def arrival_thresholds(mean_numerator: int, mean_denominator: int) -> Whole:
    """Return the thresholds of a Poisson number: a draw is as many arrivals as thresholds are not above it.

    Args:
        mean_numerator: of the mean number of arrivals.
        mean_denominator: of it.

    Raises:
        ValueError: the mean is above `MOST_ARRIVALS`.

    """
    mean = _CONTEXT.divide(Decimal(mean_numerator), Decimal(mean_denominator))
    if mean > MOST_ARRIVALS:
        raise ValueError(f"a step has {mean:.1f} jumps in the mean; at most {MOST_ARRIVALS} are allowed")
    weight = exponential(-mean_numerator, mean_denominator)
    thresholds: list[int] = []
    total = Decimal(0)
    number = 0
    # Beyond the mean the weights fall; the rest below one part of the draws is never drawn.
    while number <= mean or int(weight * ALL) > 0:
        total = _CONTEXT.add(total, weight)
        thresholds.append(min(ALL, int(total * ALL)))
        number += 1
        weight = _CONTEXT.divide(_CONTEXT.multiply(weight, mean), Decimal(number))
    thresholds[-1] = ALL
    return np.asarray(thresholds, dtype=np.int64)
