"""Jumps of synthetic prices, after Merton (1976): they arrive at random and multiply the price by e^z, z normal.

They exist because a walk of small steps has no gaps, and gaps are what liquidates. Kept true: arrivals are a Poisson
process whose intensity follows regimes and bursts by thinning; a jump's size is rounded to millionths of the logarithm,
and its factor is that number's exponential, rounded correctly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wavetank.oracle.adapters.sources.chances import (
    ALL,
    Drawn,
    Whole,
    arrival_thresholds,
    draws,
    exponential_e12,
    stream,
)

ONE_E6 = 1_000_000
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Jumps:
    """How often prices jump, and how far; nothing is added to the drift to make up for it."""

    per_hour_e6: int
    """Mean number in an hour, in millionths; of each instrument, unless they jump together."""
    mean_e6: int
    """Mean of a jump's logarithm, in millionths: -20_000 is about -2 %."""
    deviation_e6: int
    """Standard deviation of the logarithm, in millionths."""
    are_common: bool = False
    """Whether the instruments jump at one time and by one factor, or each by itself."""
    symbols: frozenset[str] = frozenset()
    """Which instruments jump; empty for all."""


class JumpArrivals:
    """One kind of jumps over the steps of a market, block by block."""

    def __init__(
        self, *, seed: int, number: int, jumps: Jumps, symbols: Sequence[str], step_ns: int, largest_factor_e6: int
    ) -> None:
        """Begin before the first step.

        Args:
            seed: of the market.
            number: which kind of jumps of the market this is, from 0.
            jumps: what arrives.
            symbols: of the market, in the order of its walks.
            step_ns: venue time of a step.
            largest_factor_e6: by which intensities are multiplied at most, in millionths.

        Raises:
            ValueError: a step has too many jumps.

        """
        members = [index for index, symbol in enumerate(symbols) if not jumps.symbols or symbol in jumps.symbols]
        # Each group has arrivals of its own: all instruments that jump, or one of them.
        self._groups = [members] if jumps.are_common else [[member] for member in members]
        self._jumps = jumps
        self._largest_factor_e6 = max(1, largest_factor_e6)
        self._thresholds = arrival_thresholds(
            jumps.per_hour_e6 * largest_factor_e6 * step_ns, ONE_E6 * ONE_E6 * HOUR_NS
        )
        self._arrivals = stream(seed, Drawn.JUMP_ARRIVALS, number)
        self._acceptances = stream(seed, Drawn.JUMP_ACCEPTANCES, number)
        self._sizes = np.random.Generator(stream(seed, Drawn.JUMP_SIZES, number))

    def block(self, factors_e6: Whole) -> Iterator[tuple[int, int, int]]:
        """Yield the jumps of the next steps: step within the block, position of the instrument, factor in 10^-12.

        Args:
            factors_e6: by which the intensity of each step is multiplied, in millionths.

        """
        shape = (len(factors_e6), len(self._groups))
        drawn = draws(self._arrivals, shape[0] * shape[1]).reshape(shape)
        numbers = np.searchsorted(self._thresholds, drawn, side="right")
        steps, groups = np.nonzero(numbers)
        repeats = numbers[steps, groups]
        # The candidates are as many as at the largest intensity; this step's intensity says how many of them come.
        accepted = draws(self._acceptances, int(repeats.sum()))
        sizes_e6 = np.rint(self._sizes.standard_normal(len(accepted)) * ONE_E6).astype(np.int64)
        candidates = zip(
            np.repeat(steps, repeats).tolist(),
            np.repeat(groups, repeats).tolist(),
            accepted.tolist(),
            sizes_e6.tolist(),
            strict=True,
        )
        chances = [ALL * factor_e6 // self._largest_factor_e6 for factor_e6 in factors_e6.tolist()]
        for step, group, draw, size_e6 in candidates:
            if draw < chances[step]:
                factor_e12 = exponential_e12(self._jumps.mean_e6 * ONE_E6 + self._jumps.deviation_e6 * size_e6)
                for position in self._groups[group]:
                    yield step, position, factor_e12
