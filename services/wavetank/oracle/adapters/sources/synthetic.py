"""Correlated synthetic prices from a seed, with scripted shocks on top.

They exist so that a venue needs no data: a random walk per instrument, steps correlated, and moves that happen when a
script says so. Kept true: the same seed and settings give the same prices on every machine, however often they are
asked for; randomness is rounded to whole millionths at the door, and all that follows is integers.

A walk is a product of its steps, so a price needs all those before it: asking far behind the start takes about two
seconds per million steps and instrument, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from wavetank.oracle.core.rounding import divide_half_even
from wavetank.oracle.core.settings import SourceTerms

ONE_E6 = 1_000_000
ONE_E12 = 1_000_000_000_000
HOUR_NS = 3_600_000_000_000
BLOCK_STEPS = 1_024

_NARROWEST = 1_000
"""A walk ends at a thousandth, or a thousandfold, of its start: further away it means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """A scripted move: it comes, stays, and is partly taken back; times are venue time behind the start."""

    after_ns: int
    move_e12: int
    """-120_000_000_000 is a fall by 12 %."""
    over_ns: int
    hold_ns: int = 0
    recovered_e12: int = 0
    """Share of the move that is taken back in the end."""
    recover_over_ns: int = 0
    symbols: frozenset[str] = frozenset()
    """Empty for all."""

    def factor_e12(self, elapsed_ns: int) -> int:
        """Return what prices are multiplied by, a straight line between the corners of the script."""
        down_ns = elapsed_ns - self.after_ns
        if down_ns <= 0:
            return ONE_E12
        if down_ns < self.over_ns:
            return ONE_E12 + divide_half_even(self.move_e12 * down_ns, self.over_ns)
        back_ns = down_ns - self.over_ns - self.hold_ns
        back_e12 = divide_half_even(-self.move_e12 * self.recovered_e12, ONE_E12)
        if back_ns <= 0:
            back_e12 = 0
        elif back_ns < self.recover_over_ns:
            back_e12 = divide_half_even(back_e12 * back_ns, self.recover_over_ns)
        return ONE_E12 + self.move_e12 + back_e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How one instrument moves."""

    symbol: str
    start_price_micros: int
    volatility_e6: int
    """Standard deviation of an hour, in millionths of the price."""


class SyntheticMarket:
    """The walks of several instruments, drawn together."""

    def __init__(
        self,
        *,
        seed: int,
        walks: Sequence[Walk],
        correlations_e6: Mapping[tuple[str, str], int],
        step_ns: int,
        start_ns: int,
        shocks: Sequence[Shock] = (),
    ) -> None:
        """Make the market; prices are drawn when they are asked for.

        Args:
            seed: of the random numbers.
            walks: one per instrument.
            correlations_e6: of pairs of symbols in either order, in millionths; 0 for a pair that is not here.
            step_ns: venue time between two prices.
            start_ns: venue time of the first.
            shocks: scripted moves; those that overlap multiply.

        Raises:
            ValueError: no set of walks has such correlations.

        """
        self.walks = tuple(walks)
        self.step_ns = step_ns
        self.start_ns = start_ns
        self.shocks = tuple(shocks)
        self._generator = np.random.Generator(np.random.PCG64(seed))
        self._mixture_e6 = _mixture([walk.symbol for walk in walks], correlations_e6)
        # Steps are independent, so that their deviation is the hour's times the root of the share of an hour.
        root_e6 = isqrt(step_ns * ONE_E12 // HOUR_NS)
        self._deviations_e12 = [walk.volatility_e6 * root_e6 for walk in walks]
        self._prices = [walk.start_price_micros for walk in walks]
        self._step = 0
        self._block: list[list[int]] = []
        self._used = 0

    def price_micros(self, symbol: str, now_ns: int) -> tuple[int, int] | None:
        """Return time and price of the newest step not later than `now_ns`; None before the start.

        Args:
            symbol: one of the walks'.
            now_ns: venue time; a time before an earlier one's gives that one's step.

        """
        if now_ns < self.start_ns:
            return None
        wanted = (now_ns - self.start_ns) // self.step_ns
        while self._step < wanted:
            self._walk()
        position = next(index for index, walk in enumerate(self.walks) if walk.symbol == symbol)
        elapsed_ns = self._step * self.step_ns
        price = self._prices[position]
        for shock in self.shocks:
            if not shock.symbols or symbol in shock.symbols:
                price = divide_half_even(price * shock.factor_e12(elapsed_ns), ONE_E12)
        return self.start_ns + elapsed_ns, max(1, price)

    def _walk(self) -> None:
        if self._used == len(self._block):
            normals = np.rint(self._generator.standard_normal((BLOCK_STEPS, len(self.walks))) * ONE_E6)
            self._block = normals.astype(np.int64).tolist()
            self._used = 0
        draws_e6 = self._block[self._used]
        self._used += 1
        self._step += 1
        for position, walk in enumerate(self.walks):
            mixed_e12 = sum(share * draw for share, draw in zip(self._mixture_e6[position], draws_e6, strict=True))
            move_e12 = divide_half_even(self._deviations_e12[position] * mixed_e12, ONE_E12)
            price = divide_half_even(self._prices[position] * (ONE_E12 + move_e12), ONE_E12)
            start = walk.start_price_micros
            self._prices[position] = max(start // _NARROWEST, 1, min(start * _NARROWEST, price))


def _mixture(symbols: Sequence[str], correlations_e6: Mapping[tuple[str, str], int]) -> list[list[int]]:
    """Return how much of each independent draw enters each walk, in millionths: Cholesky's triangle."""
    matrix = np.eye(len(symbols))
    for row, one in enumerate(symbols):
        for column, other in enumerate(symbols[:row]):
            shared = correlations_e6.get((one, other), correlations_e6.get((other, one), 0)) / ONE_E6
            matrix[row, column] = matrix[column, row] = shared
    try:
        triangle = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise ValueError(f"no walks of {', '.join(symbols)} have these correlations: {correlations_e6}") from None
    return [[int(share) for share in row] for row in np.rint(triangle * ONE_E6)]


@dataclass(frozen=True, slots=True)
class SyntheticSource:
    """One instrument of a synthetic market."""

    symbol: str
    name: str
    terms: SourceTerms
    market: SyntheticMarket

    def newest_by(self, now_ns: int) -> tuple[int, int] | None:
        """Return time and price of the newest step not later than `now_ns`, or None before the start."""
        return self.market.price_micros(self.symbol, now_ns)
