"""Regimes of a synthetic market: calm, storm, slow decline, each for a random time, one after the other.

They exist because markets are not of one kind all day, and a bot that is tuned to one kind meets the other. Kept true:
a Markov chain in continuous time, looked at when a step begins, so that a holding time is exponential on the grid of
steps; the first regime named is the one at the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from wavetank.oracle.adapters.sources.chances import ALL, Drawn, Whole, chance_within, draws, stream

ONE_E6 = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How a market is for a while."""

    name: str
    mean_ns: int
    """Mean time until another one follows, exponentially distributed."""
    volatility_factor_e6: int = ONE_E6
    """Of every walk's deviation, in millionths."""
    drift_e6: int = 0
    """Of an hour, added to every walk's, in millionths of the price."""
    correlation_factor_e6: int = ONE_E6
    """Of every pair's correlation, in millionths."""
    intensity_factor_e6: int = ONE_E6
    """Of the intensity of jumps, in millionths."""
    next_weights: Mapping[str, int] = field(default_factory=dict)
    """How likely each other regime follows, as weights; empty for all others alike."""


class RegimeChain:
    """Which regime each step of a market belongs to, block by block."""

    def __init__(self, *, seed: int, regimes: Sequence[Regime], step_ns: int, held_steps: int = 0) -> None:
        """Begin in the first regime.

        Args:
            seed: of the market.
            regimes: at least one; a single one lasts for ever.
            step_ns: venue time of a step.
            held_steps: how many steps there are before the first regime can be left.

        Raises:
            ValueError: two have one name, one leads to an unknown one or to itself, or lasts less than a step.

        """
        names = [regime.name for regime in regimes]
        if len(set(names)) < len(names):
            raise ValueError(f"regimes are named {', '.join(names)}; each name may stand once")
        self._leave = [0] * len(regimes)
        self._next: list[tuple[list[int], Whole]] = []
        for index, regime in enumerate(regimes):
            if regime.mean_ns < step_ns:
                found = f"regime {regime.name} lasts {regime.mean_ns} ns in the mean"
                raise ValueError(f"{found}; at least a step of {step_ns} ns is allowed")
            others = [name for name in names if name != regime.name]
            weights = dict(regime.next_weights) or dict.fromkeys(others, 1)
            if not set(weights) <= set(others) or any(weight < 1 for weight in weights.values()):
                found = f"regime {regime.name} is followed by {weights}"
                raise ValueError(f"{found}; other regimes ({', '.join(others)}) with weights from 1 are allowed")
            if weights:
                self._leave[index] = chance_within(step_ns, regime.mean_ns)
            shares = np.cumsum(list(weights.values())).tolist()
            bounds = [ALL * share // shares[-1] for share in shares]
            self._next.append(([names.index(name) for name in weights], np.asarray(bounds, dtype=np.int64)))
        self._draws = stream(seed, Drawn.REGIMES)
        self._present = 0
        self._held_steps = held_steps

    def block(self, steps: int) -> Whole:
        """Return the index of the regime of each of the next steps."""
        drawn = draws(self._draws, 2 * steps).reshape(steps, 2)
        held = min(self._held_steps, steps)
        self._held_steps -= held
        # No draw is as large, and a step that draws nothing would change what later ones draw.
        drawn[:held, 0] = ALL
        indices = np.empty(steps, dtype=np.int64)
        first = 0
        while first < steps:
            leaving = np.flatnonzero(drawn[first:, 0] < self._leave[self._present])
            # The step in which it is left is still its own.
            end = first + int(leaving[0]) + 1 if len(leaving) else steps
            indices[first:end] = self._present
            if len(leaving):
                followers, bounds = self._next[self._present]
                self._present = followers[int(np.searchsorted(bounds, drawn[end - 1, 1], side="right"))]
            first = end
        return indices
