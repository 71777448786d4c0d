"""True prices of a scenario: a walk, a file or a straight line, and the moves of the timeline on top.

All sources of an instrument follow one true price until a fault parts them. Kept true: a path is a function of time and
seed, so a second path made alike may be asked ahead of the first: that is how somebody sees the next index. A walk that
is turned is the same up to its turn, and from there on moves as one of another seed does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wavetank.oracle.adapters.sources.synthetic import Shock, SyntheticMarket, Walk
from wavetank.oracle.core.rounding import divide_half_even
from wavetank.oracle.core.settings import SourceTerms
from wavetank.runtime.price_formats import load_path
from wavetank.runtime.price_path import PricePath

ONE_E12 = 10**12


class TruePath(Protocol):
    """The true price of one instrument."""

    def newest_by(self, now_ns: int) -> tuple[int, int] | None:
        """Return time and price (micro-dollars per unit) of its newest point; times never decrease between calls."""


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
    """A recorded path with the timeline's moves on top, on a grid of steps."""

    prices: PricePath
    shocks: tuple[Shock, ...]
    start_ns: int
    step_ns: int

    def newest_by(self, now_ns: int) -> tuple[int, int] | None:
        """Return time and price of the newest point; while the moves are under way, of the newest step."""
        newest = self.prices.newest_by(now_ns)
        if newest is None or not self.shocks:
            return newest
        time_ns, price = newest
        step_ns = now_ns - (now_ns - self.start_ns) % self.step_ns
        for shock in self.shocks:
            price = divide_half_even(price * shock.factor_e12(step_ns - self.start_ns), ONE_E12)
        return max(time_ns, step_ns), max(1, price)


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

    def newest_by(self, now_ns: int) -> tuple[int, int] | None:
        """Return time and price of its newest point, or None before the first."""
        return self.path.newest_by(now_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPlan:
    """What the true price of one instrument is made of."""

    symbol: str
    start_price_micros: int
    """Of a walk."""
    volatility_e6: int
    file: Path | None
    sources: Mapping[str, SourceTerms]


def make_paths(
    plans: Sequence[PathPlan],
    shocks: Sequence[Shock],
    *,
    seed: int,
    correlation_e6: int,
    step_ns: int,
    start_ns: int,
    recorded: Mapping[str, PricePath] | None = None,
    turn: Turn | None = None,
) -> dict[str, TruePath]:
    """Return a true path by symbol; those made of the same arguments agree for ever.

    Args:
        plans: of all instruments.
        shocks: the timeline's moves.
        seed: of the walks.
        correlation_e6: of each two of them.
        step_ns: venue time between two prices of a walk.
        start_ns: venue time at which they begin.
        recorded: what files hold, by symbol, where they have been read already.
        turn: where the walks part from themselves; a recording stays as it was recorded.

    Raises:
        PriceFileInvalid: a file cannot be read.
        ValueError: no walks have that correlation.

    """
    walking = [plan for plan in plans if plan.file is None]

    def market(seed: int, shocks: Sequence[Shock]) -> SyntheticMarket:
        symbols = [plan.symbol for plan in walking]
        walks = [
            Walk(symbol=plan.symbol, start_price_micros=plan.start_price_micros, volatility_e6=plan.volatility_e6)
            for plan in walking
        ]
        pairs = [(one, other) for at, one in enumerate(symbols) for other in symbols[at + 1 :]]
        return SyntheticMarket(
            seed=seed,
            walks=walks,
            correlations_e6=dict.fromkeys(pairs, correlation_e6),
            step_ns=step_ns,
            start_ns=start_ns,
            shocks=shocks,
        )

    paths: dict[str, TruePath] = {}
    if walking and turn is None:
        walked = market(seed, shocks)
        paths = {plan.symbol: WalkPath(walked, plan.symbol) for plan in walking}
    elif walking and turn is not None:
        before, after = market(seed, ()), market(turn.seed, ())
        paths = {
            plan.symbol: TurnedPath(before, after, plan.symbol, _own(shocks, plan.symbol), turn.time_ns)
            for plan in walking
        }
    for plan in plans:
        if plan.file is not None:
            known = (recorded or {}).get(plan.symbol)
            prices = load_path(plan.file) if known is None else known
            paths[plan.symbol] = ShockedPath(prices, _own(shocks, plan.symbol), start_ns, step_ns)
    return paths


def _own(shocks: Sequence[Shock], symbol: str) -> tuple[Shock, ...]:
    return tuple(shock for shock in shocks if not shock.symbols or symbol in shock.symbols)
