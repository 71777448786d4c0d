"""Correlated synthetic prices from a seed: walks with jumps, regimes and bursts, and scripted shocks on top.

They exist so that a venue needs no data: a random walk per instrument, steps correlated, and moves that happen at
random or when a script says so. Kept true: the same seed and settings give the same prices on every machine, in
whatever order and however often they are asked for; randomness is rounded to whole millionths at the door, and all that
follows is integers. Jumps, regimes and bursts have draws of their own: without them a walk is what it always was.

A walk is a product of its steps, so a price needs all those before it: asking far behind the start takes about a second
per million steps of three instruments, once. Asking for a time some thousand steps before the newest walks anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wavetank.oracle.adapters.sources.bursts import Burst
from wavetank.oracle.adapters.sources.jumps import Jumps
from wavetank.oracle.adapters.sources.regimes import Regime
from wavetank.oracle.adapters.sources.walks import BLOCK_STEPS, Block, MarketTerms, Walk, WalkDrawing
from wavetank.oracle.core.rounding import divide_half_even
from wavetank.oracle.core.settings import SourceTerms

__all__ = ["Burst", "Jumps", "Regime", "Shock", "SyntheticMarket", "SyntheticSource", "Walk"]

ONE_E12 = 1_000_000_000_000


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


class SyntheticMarket:
    """The walks of several instruments, drawn together."""

    def __init__(  # noqa: PLR0913 - a market is named by all that decides it, each with its default.
        self,
        *,
        seed: int,
        walks: Sequence[Walk],
        correlations_e6: Mapping[tuple[str, str], int],
        step_ns: int,
        start_ns: int,
        shocks: Sequence[Shock] = (),
        jumps: Sequence[Jumps] = (),
        regimes: Sequence[Regime] = (),
        bursts: Sequence[Burst] = (),
        first_regime_until_ns: int = 0,
    ) -> None:
        """Make the market; prices are drawn when they are asked for.

        Args:
            seed: of the random numbers.
            walks: one per instrument.
            correlations_e6: of pairs of symbols in either order, in millionths; 0 for a pair that is not here.
            step_ns: venue time between two prices.
            start_ns: venue time of the first.
            shocks: scripted moves; those that overlap multiply.
            jumps: kinds of jumps; all of them arrive.
            regimes: the market begins in the first; empty for one that never changes.
            bursts: kinds of bursts; the factors of those that overlap multiply.
            first_regime_until_ns: venue time before which the first regime is not left.

        Raises:
            ValueError: no set of walks has such correlations, or the message says what is too large, and what is
                allowed.

        """
        self.walks = tuple(walks)
        self.step_ns = step_ns
        self.start_ns = start_ns
        self._terms = MarketTerms(
            seed=seed,
            walks=self.walks,
            correlations_e6=correlations_e6,
            step_ns=step_ns,
            jumps=tuple(jumps),
            regimes=tuple(regimes) or (Regime(name="only", mean_ns=step_ns),),
            bursts=tuple(bursts),
            first_regime_ns=max(0, first_regime_until_ns - start_ns),
        )
        self._positions = {walk.symbol: position for position, walk in enumerate(self.walks)}
        self._shocks = [
            [shock for shock in shocks if not shock.symbols or walk.symbol in shock.symbols] for walk in self.walks
        ]
        self._begin()

    def price_micros(self, symbol: str, now_ns: int) -> tuple[int, int] | None:
        """Return time and price of the newest step not later than `now_ns`; None before the start.

        Args:
            symbol: one of the walks'.
            now_ns: venue time; going on from the time of the call before is cheap, going far back is not.

        """
        if now_ns < self.start_ns:
            return None
        step = (now_ns - self.start_ns) // self.step_ns
        elapsed_ns = step * self.step_ns
        position = self._positions[symbol]
        price = self._block_of(step).prices[position][step % BLOCK_STEPS]
        for shock in self._shocks[position]:
            price = divide_half_even(price * shock.factor_e12(elapsed_ns), ONE_E12)
        return self.start_ns + elapsed_ns, max(1, price)

    def regime_by(self, now_ns: int) -> str:
        """Return the name of the regime of the step that `now_ns` falls into; of the first before the start."""
        step = max(0, now_ns - self.start_ns) // self.step_ns
        return self._terms.regimes[int(self._block_of(step).regimes[step % BLOCK_STEPS])].name

    def _begin(self) -> None:
        self._drawing = WalkDrawing(self._terms)
        # The newest two, so that instruments may be asked for at times that lie a little apart.
        self._blocks: deque[Block] = deque(maxlen=2)

    def _block_of(self, step: int) -> Block:
        wanted = step // BLOCK_STEPS
        if self._blocks and wanted < self._blocks[0].number:
            self._begin()
        while not self._blocks or self._blocks[-1].number < wanted:
            self._blocks.append(self._drawing.next_block())
        return self._blocks[wanted - self._blocks[-1].number - 1]


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
