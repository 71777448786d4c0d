"""Bursts of a synthetic market: fractions of a second in which prices move ten times as far.

They exist because a quote that is safe for a second is not safe for these 200 ms. Kept true: a step that a burst covers
in part moves with the variance of both parts, so that bursts carry the same weight at steps of any length.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np

from wavetank.oracle.adapters.sources.chances import Drawn, Whole, chance_within, draws, stream

ONE_E6 = 1_000_000
ONE_E12 = 1_000_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Short spans of large moves; times are venue time behind the start."""

    length_ns: int
    every_ns: int
    """Time from begin to begin, or its mean."""
    is_random: bool = False
    """Whether bursts begin at random (Poisson; with a step, and those that overlap are one), or at equal distances."""
    after_ns: int = 0
    """When the first one begins; random ones begin no earlier."""
    volatility_factor_e6: int = 10 * ONE_E6
    """Of the deviation, in millionths."""
    intensity_factor_e6: int = 10 * ONE_E6
    """Of the intensity of jumps, in millionths."""


class BurstWindows:
    """How much of each step of a market one kind of bursts covers, block by block."""

    def __init__(self, *, seed: int, number: int, burst: Burst, step_ns: int) -> None:
        """Begin before the first step.

        Args:
            seed: of the market.
            number: which kind of bursts of the market this is, from 0.
            burst: what it is like.
            step_ns: venue time of a step.

        Raises:
            ValueError: it is longer than its distance, or has no length.

        """
        if not 0 < burst.length_ns <= burst.every_ns:
            found = f"bursts are {burst.length_ns} ns long, every {burst.every_ns} ns"
            raise ValueError(f"{found}; a length from 1 ns up to the distance is allowed")
        self._burst = burst
        self._step_ns = step_ns
        self._step = 0
        # Steps after which nothing of a burst is left; before the first, the last one was so long ago.
        self._over = burst.length_ns // step_ns + 1
        self._begun = -self._over
        self._chance = chance_within(step_ns, burst.every_ns)
        self._draws = stream(seed, Drawn.BURSTS, number)

    def block(self, steps: int) -> tuple[Whole, Whole]:
        """Return by what deviation and intensity of each of the next steps are multiplied, in millionths."""
        begins_ns = (self._step + np.arange(steps + 1, dtype=np.int64)) * self._step_ns
        covered_ns = self._random_ns(begins_ns) if self._burst.is_random else np.diff(self._periodic_ns(begins_ns))
        self._step += steps
        # Few spans differ, so that whole numbers of any size cost nothing here.
        spans_ns, where = np.unique(covered_ns, return_inverse=True)
        deviations_e6 = [self._deviation_e6(span_ns) for span_ns in spans_ns.tolist()]
        intensities_e6 = [self._intensity_e6(span_ns) for span_ns in spans_ns.tolist()]
        return np.asarray(deviations_e6, dtype=np.int64)[where], np.asarray(intensities_e6, dtype=np.int64)[where]

    def _periodic_ns(self, times_ns: Whole) -> Whole:
        """Return how long bursts have lasted in all, up to some times."""
        numbers, rests_ns = np.divmod(np.maximum(times_ns - self._burst.after_ns, 0), self._burst.every_ns)
        lasted_ns: Whole = numbers * self._burst.length_ns + np.minimum(rests_ns, self._burst.length_ns)
        return lasted_ns

    def _random_ns(self, begins_ns: Whole) -> Whole:
        steps = np.arange(self._step, self._step + len(begins_ns) - 1, dtype=np.int64)
        begin = (draws(self._draws, len(steps)) < self._chance) & (begins_ns[:-1] >= self._burst.after_ns)
        last = np.maximum.accumulate(np.where(begin, steps, self._begun))
        self._begun = int(last[-1])
        since_ns = np.minimum(steps - last, self._over) * self._step_ns
        covered_ns: Whole = np.clip(self._burst.length_ns - since_ns, 0, self._step_ns)
        return covered_ns

    def _deviation_e6(self, covered_ns: int) -> int:
        # Variances of the parts add up: 1 − share + share·factor².
        more_e12 = self._burst.volatility_factor_e6**2 - ONE_E12
        return isqrt(ONE_E12 + covered_ns * more_e12 // self._step_ns)

    def _intensity_e6(self, covered_ns: int) -> int:
        return ONE_E6 + covered_ns * (self._burst.intensity_factor_e6 - ONE_E6) // self._step_ns
