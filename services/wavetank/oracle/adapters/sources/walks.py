"""Walks of several instruments, drawn together in blocks of steps.

They exist apart from the market that is asked for prices so that drawing goes forward only, always in whole blocks:
then what a step draws cannot depend on who asked for what. Kept true: normal draws are rounded to millionths, and from
there on all is integers; moves of a block are computed as arrays and give, to the last micro-dollar, what whole numbers
of any size would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from wavetank.oracle.adapters.sources.bursts import Burst, BurstWindows
from wavetank.oracle.adapters.sources.chances import Whole
from wavetank.oracle.adapters.sources.jumps import JumpArrivals, Jumps
from wavetank.oracle.adapters.sources.regimes import Regime, RegimeChain
from wavetank.oracle.core.rounding import divide_half_even

ONE_E3 = 1_000
ONE_E6 = 1_000_000
ONE_E12 = 1_000_000_000_000
HOUR_NS = 3_600_000_000_000
BLOCK_STEPS = 1_024

MOST_WALKS = 64
LARGEST_FACTOR_E6 = 10_000 * ONE_E6
"""By which a regime and bursts together may multiply deviations, or intensities."""
LARGEST_DEVIATION_E12 = 5 * ONE_E12
"""Of a step: that of a day for a price which moves by its own size in an hour. Beyond it arrays would overflow."""

_NARROWEST = 1_000
"""A walk ends at a thousandth, or a thousandfold, of its start: further away it means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How one instrument moves."""

    symbol: str
    start_price_micros: int
    volatility_e6: int
    """Standard deviation of an hour, in millionths of the price."""
    drift_e6: int = 0
    """Mean move of an hour, in millionths of the price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTerms:
    """All that decides the walks of a market."""

    seed: int
    walks: tuple[Walk, ...]
    correlations_e6: Mapping[tuple[str, str], int]
    """Of pairs of symbols in either order, in millionths; 0 for a pair that is not here."""
    step_ns: int
    jumps: tuple[Jumps, ...]
    regimes: tuple[Regime, ...]
    """At least one; the market begins in the first."""
    bursts: tuple[Burst, ...]
    first_regime_ns: int = 0
    """Time from the start before which the first regime is not left."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive steps of all walks."""

    number: int
    """From 0; its first step is this times `BLOCK_STEPS`."""
    prices: list[list[int]]
    """By walk and step, in micro-dollars."""
    regimes: Whole
    """By step, which one moves the price from there to the next."""


class WalkDrawing:
    """The walks of a market, from the first step on."""

    def __init__(self, terms: MarketTerms) -> None:
        """Begin at the start prices.

        Raises:
            ValueError: the terms contradict each other or are too large; the message says what is allowed.

        """
        self._terms = terms
        self._symbols = [walk.symbol for walk in terms.walks]
        _check(terms)
        self._normals = np.random.Generator(np.random.PCG64(terms.seed))
        self._mixtures = [_mixture(self._symbols, terms.correlations_e6, regime) for regime in terms.regimes]
        # Steps are independent, so that their deviation is the hour's times the root of the share of an hour.
        root_e6 = isqrt(terms.step_ns * ONE_E12 // HOUR_NS)
        self._deviations_e12 = [walk.volatility_e6 * root_e6 for walk in terms.walks]
        if max(self._deviations_e12, default=0) > LARGEST_DEVIATION_E12:
            largest = max(self._deviations_e12) // (ONE_E12 // 100)
            raise ValueError(f"the deviation of a step is {largest} % of the price; up to 500 % is allowed")
        self._drifts_e12 = [
            [
                divide_half_even((walk.drift_e6 + regime.drift_e6) * ONE_E6 * terms.step_ns, HOUR_NS)
                for walk in terms.walks
            ]
            for regime in terms.regimes
        ]
        self._chain = RegimeChain(
            seed=terms.seed,
            regimes=terms.regimes,
            step_ns=terms.step_ns,
            held_steps=terms.first_regime_ns // terms.step_ns,
        )
        self._bursts = [
            BurstWindows(seed=terms.seed, number=number, burst=burst, step_ns=terms.step_ns)
            for number, burst in enumerate(terms.bursts)
        ]
        self._volatilities_e6 = np.asarray([regime.volatility_factor_e6 for regime in terms.regimes], dtype=np.int64)
        self._intensities_e6 = np.asarray([regime.intensity_factor_e6 for regime in terms.regimes], dtype=np.int64)
        self._jumps = [
            JumpArrivals(
                seed=terms.seed,
                number=number,
                jumps=jumps,
                symbols=self._symbols,
                step_ns=terms.step_ns,
                largest_factor_e6=_largest_intensity_e6(terms),
            )
            for number, jumps in enumerate(terms.jumps)
        ]
        self._prices = [walk.start_price_micros for walk in terms.walks]
        self._number = 0

    def next_block(self) -> Block:
        """Return the next steps."""
        regimes = self._chain.block(BLOCK_STEPS)
        deviations_e6, intensities_e6 = self._volatilities_e6[regimes], self._intensities_e6[regimes]
        for windows in self._bursts:
            deviation_e6, intensity_e6 = windows.block(BLOCK_STEPS)
            deviations_e6 = deviations_e6 * deviation_e6 // ONE_E6
            intensities_e6 = intensities_e6 * intensity_e6 // ONE_E6
        moves_e12 = self._moves_e12(regimes, deviations_e6)
        for arrivals in self._jumps:
            for step, position, factor_e12 in arrivals.block(intensities_e6):
                jumped_e12 = (ONE_E12 + moves_e12[position][step]) * factor_e12
                moves_e12[position][step] = divide_half_even(jumped_e12, ONE_E12) - ONE_E12
        prices = []
        for position, walk in enumerate(self._terms.walks):
            start = walk.start_price_micros
            lowest, highest = max(start // _NARROWEST, 1), start * _NARROWEST
            walked = _walked(self._prices[position], moves_e12[position], lowest, highest)
            self._prices[position] = walked.pop()
            prices.append(walked)
        block = Block(self._number, prices, regimes)
        self._number += 1
        return block

    def _moves_e12(self, regimes: Whole, factors_e6: Whole) -> list[list[int]]:
        """Return by how much each walk moves in each step, before jumps."""
        shape = (len(regimes), len(self._symbols))
        normals_e6 = np.rint(self._normals.standard_normal(shape) * ONE_E6).astype(np.int64)
        moves: list[list[int]] = []
        for position, deviation_e12 in enumerate(self._deviations_e12):
            mixed_e12 = np.zeros(len(regimes), dtype=np.int64)
            drifts_e12 = np.zeros(len(regimes), dtype=np.int64)
            for regime, mixture_e6 in enumerate(self._mixtures):
                within = regimes == regime
                mixed_e12[within] = normals_e6[within] @ mixture_e6[position]
                drifts_e12[within] = self._drifts_e12[regime][position]
            scaled_e12 = mixed_e12 // ONE_E3 * factors_e6 // ONE_E3
            moved_e12 = _product_e12(np.where(factors_e6 == ONE_E6, mixed_e12, scaled_e12), deviation_e12)
            moves.append((moved_e12 + drifts_e12).tolist())
        return moves


def _check(terms: MarketTerms) -> None:
    if not 0 < len(terms.walks) <= MOST_WALKS:
        raise ValueError(f"a market has {len(terms.walks)} walks; 1 to {MOST_WALKS} are allowed")
    if terms.step_ns < 1:
        raise ValueError(f"a step is {terms.step_ns} ns long; at least 1 ns is allowed")
    largest_e6 = max(_largest_intensity_e6(terms), _largest_volatility_e6(terms))
    if largest_e6 > LARGEST_FACTOR_E6:
        found = f"regimes and bursts together multiply by up to {largest_e6 // ONE_E6}"
        raise ValueError(f"{found}; up to {LARGEST_FACTOR_E6 // ONE_E6} is allowed")
    known = {walk.symbol for walk in terms.walks}
    for jumps in terms.jumps:
        if not jumps.symbols <= known:
            found = f"jumps are of {', '.join(sorted(jumps.symbols))}"
            raise ValueError(f"{found}; the market's own are allowed: {', '.join(sorted(known))}")


def _largest_intensity_e6(terms: MarketTerms) -> int:
    return _largest_e6(
        [regime.intensity_factor_e6 for regime in terms.regimes], [burst.intensity_factor_e6 for burst in terms.bursts]
    )


def _largest_volatility_e6(terms: MarketTerms) -> int:
    return _largest_e6(
        [regime.volatility_factor_e6 for regime in terms.regimes],
        [burst.volatility_factor_e6 for burst in terms.bursts],
    )


def _largest_e6(regimes_e6: Sequence[int], bursts_e6: Sequence[int]) -> int:
    """Return what the largest factor of a regime comes to when all bursts overlap, in millionths."""
    largest_e6 = max(regimes_e6)
    for burst_e6 in bursts_e6:
        largest_e6 = largest_e6 * max(ONE_E6, burst_e6) // ONE_E6
    return largest_e6


def _product_e12(mixed_e12: Whole, deviation_e12: int) -> Whole:
    """Return `mixed · deviation / 10^12`, half to even, from parts that fit 64 bits."""
    high, low = np.divmod(mixed_e12, ONE_E6)
    deviation_high, deviation_low = divmod(deviation_e12, ONE_E6)
    lowest = low * deviation_low
    middle = high * deviation_low + low * deviation_high + lowest // ONE_E6
    rest = middle % ONE_E6 * ONE_E6 + lowest % ONE_E6
    quotient = high * deviation_high + middle // ONE_E6
    half = ONE_E12 // 2
    product_e12: Whole = quotient + ((rest > half) | ((rest == half) & (quotient % 2 == 1)))
    return product_e12


def _walked(price: int, moves_e12: Sequence[int], lowest: int, highest: int) -> list[int]:
    """Return a price and what it becomes move by move, each half to even and within its bounds."""
    prices = [price]
    half = ONE_E12 // 2
    for move_e12 in moves_e12:
        # Written out instead of called: this line is most of what a step costs.
        price, rest = divmod(price * (ONE_E12 + move_e12), ONE_E12)
        if rest > half or (rest == half and price & 1):
            price += 1
        if price < lowest:
            price = lowest
        elif price > highest:
            price = highest
        prices.append(price)
    return prices


def _mixture(symbols: Sequence[str], correlations_e6: Mapping[tuple[str, str], int], regime: Regime) -> Whole:
    """Return how much of each independent draw enters each walk, in millionths: Cholesky's triangle."""
    matrix = np.eye(len(symbols))
    for row, one in enumerate(symbols):
        for column, other in enumerate(symbols[:row]):
            named_e6 = correlations_e6.get((one, other), correlations_e6.get((other, one), 0))
            shared = named_e6 * regime.correlation_factor_e6 // ONE_E6 / ONE_E6
            matrix[row, column] = matrix[column, row] = shared
    try:
        triangle = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        named = ", ".join(f"{one} and {other} {each / ONE_E6}" for (one, other), each in correlations_e6.items())
        found = f"no walks of {', '.join(symbols)} have these correlations: {named}"
        factor = f", times {regime.correlation_factor_e6 / ONE_E6} in regime {regime.name}"
        raise ValueError(found + (factor if regime.correlation_factor_e6 != ONE_E6 else "")) from None
    mixture_e6: Whole = np.rint(triangle * ONE_E6).astype(np.int64)
    return mixture_e6
