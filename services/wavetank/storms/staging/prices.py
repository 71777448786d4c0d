"""True prices of a scenario: a walk, a file or a straight line, and the moves of the timeline on top.

All sources of an instrument follow one true price until a fault parts them. Kept true: a path is a function of time and
seed, so a second path made alike may be asked ahead of the first: that is how somebody sees the next index. A walk that
is turned is the same up to its turn, and from there on moves as one of another seed does, out of the same regime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wavetank.oracle.adapters.sources.synthetic import Shock, SyntheticMarket
from wavetank.oracle.core.rounding import divide_half_even
from wavetank.oracle.core.settings import SourceTerms
from wavetank.runtime.price_cursor import Newest, PriceCursor
from wavetank.runtime.price_path import PricePath
from wavetank.storms.scenario.walks import Held, WalkTerms

ONE_E12 = 10**12


class TruePath(Protocol):
    """The true price of one instrument."""

    def newest_by(self, now_ns: int) -> Newest | None:
        """Return its newest point, or None before the first; times never decrease between calls."""


@dataclass(frozen=True, slots=True)
class WalkPath:
    """A walk of a synthetic market."""

    market: SyntheticMarket
    symbol: str

    def newest_by(self, now_ns: int) -> tuple[int, int] | None:
        """Return time and price of the newest step."""
        return self.market.price_micros(self.symbol, now_ns)


@dataclass(frozen=True, slots=True)
class ShockedPath:
    """A recorded path with the timeline's moves on top, on a grid of steps; a confidence stays the same share of it."""

    prices: PriceCursor
    shocks: tuple[Shock, ...]
    start_ns: int
    step_ns: int

    def newest_by(self, now_ns: int) -> Newest | None:
        """Return the newest point; with moves, at the time of the newest step."""
        newest = self.prices.newest_by(now_ns)
        if newest is None or not self.shocks:
            return newest
        time_ns, price, *confidence = newest
        step_ns = now_ns - (now_ns - self.start_ns) % self.step_ns
        for shock in self.shocks:
            factor_e12 = shock.factor_e12(step_ns - self.start_ns)
            price = divide_half_even(price * factor_e12, ONE_E12)
            confidence = [divide_half_even(micros * factor_e12, ONE_E12) for micros in confidence]
        moved = max(time_ns, step_ns), max(1, price)
        return (*moved, confidence[0]) if confidence else moved


@dataclass(frozen=True, slots=True)
class Turn:
    """Where walks part from themselves."""

    time_ns: int
    """The newest step by then is the last that stays; venue time."""
    seed: int
    """Of what they do from there on."""


class TurnedPath:
    """A walk up to its turn, and then the moves of another, with the timeline's on top."""

    def __init__(
        self, before: SyntheticMarket, after: SyntheticMarket, symbol: str, shocks: tuple[Shock, ...], time_ns: int
    ) -> None:
        """Turn from one walk into another.

        Args:
            before: without shocks.
            after: alike, with another seed.
            symbol: of the walk in both.
            shocks: the timeline's.
            time_ns: of the turn, not before the markets begin.

        """
        held, other = before.price_micros(symbol, time_ns), after.price_micros(symbol, time_ns)
        assert held is not None, "a walk turns while it goes"
        assert other is not None, "a walk turns while it goes"
        self._before, self._after, self._symbol = before, after, symbol
        self._shocks = shocks
        self._time_ns, self._price, self._other_price = held[0], held[1], other[1]

    def newest_by(self, now_ns: int) -> tuple[int, int] | None:
        """Return time and price of the newest step."""
        before = self._before
        if now_ns < self._time_ns + before.step_ns:
            newest = before.price_micros(self._symbol, now_ns)
        else:
            newest = self._after.price_micros(self._symbol, now_ns)
        if newest is None:
            return None
        time_ns, price = newest
        if time_ns > self._time_ns:
            price = divide_half_even(self._price * price, self._other_price)
        for shock in self._shocks:
            price = divide_half_even(price * shock.factor_e12(time_ns - before.start_ns), ONE_E12)
        return time_ns, max(1, price)


@dataclass(frozen=True, slots=True)
class StagedSource:
    """One source of an instrument: the true price under a name."""

    symbol: str
    name: str
    terms: SourceTerms
    path: TruePath

    def newest_by(self, now_ns: int) -> Newest | None:
        """Return its newest point, or None before the first."""
        return self.path.newest_by(now_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPlan:
    """What the true price of one instrument is made of."""

    symbol: str
    prices: PricePath | None
    """As recorded; None for a walk."""
    sources: Mapping[str, SourceTerms]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPlan:
    """What the true prices of a scenario are made of."""

    paths: tuple[PathPlan, ...]
    walks: WalkTerms
    """Of the instruments without a recording."""
    start_ns: int
    """Venue time of the first prices."""


def make_paths(
    plan: MarketPlan, shocks: Sequence[Shock], *, seed: int, turn: Turn | None = None
) -> dict[str, TruePath]:
    """Return a true path by symbol; those made of the same arguments agree for ever.

    Args:
        plan: of the market.
        shocks: the timeline's moves.
        seed: of the walks.
        turn: where the walks part from themselves; a recording stays as it was recorded.

    Raises:
        ValueError: no walks are like this.

    """
    symbols = [walk.symbol for walk in plan.walks.walks]
    paths: dict[str, TruePath] = {}
    if symbols and turn is None:
        walked = plan.walks.market(seed=seed, start_ns=plan.start_ns, shocks=shocks)
        paths = {symbol: WalkPath(walked, symbol) for symbol in symbols}
    elif symbols and turn is not None:
        before = plan.walks.market(seed=seed, start_ns=plan.start_ns)
        held = Held(before.regime_by(turn.time_ns), turn.time_ns)
        after = plan.walks.market(seed=turn.seed, start_ns=plan.start_ns, held=held)
        paths = {symbol: TurnedPath(before, after, symbol, _own(shocks, symbol), turn.time_ns) for symbol in symbols}
    for path in plan.paths:
        if path.prices is not None:
            own = _own(shocks, path.symbol)
            paths[path.symbol] = ShockedPath(path.prices.cursor(), own, plan.start_ns, plan.walks.step_ns)
    return paths


def _own(shocks: Sequence[Shock], symbol: str) -> tuple[Shock, ...]:
    return tuple(shock for shock in shocks if not shock.symbols or symbol in shock.symbols)
