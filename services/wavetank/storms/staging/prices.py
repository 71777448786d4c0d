"""True prices of a scenario: a walk, a file or a straight line, and the moves of the timeline on top.

All sources of an instrument follow one true price until a fault parts them. Kept true: a path is a function of time and
seed, so a second path made alike may be asked ahead of the first: that is how somebody sees the next index.
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
) -> dict[str, TruePath]:
    """Return a true path by symbol; those made of the same arguments agree for ever.

    Raises:
        PriceFileInvalid: a file cannot be read.
        ValueError: no walks have that correlation.

    """
    walking = [plan for plan in plans if plan.file is None]
    market = None
    if walking:
        symbols = [plan.symbol for plan in walking]
        market = SyntheticMarket(
            seed=seed,
            walks=[
                Walk(
                    symbol=plan.symbol,
                    start_price_micros=plan.start_price_micros,
                    volatility_e6=plan.volatility_e6,
                )
                for plan in walking
            ],
            correlations_e6={
                (one, other): correlation_e6 for at, one in enumerate(symbols) for other in symbols[at + 1 :]
            },
            step_ns=step_ns,
            start_ns=start_ns,
            shocks=shocks,
        )
    paths: dict[str, TruePath] = {}
    for plan in plans:
        if plan.file is None:
            assert market is not None, "a plan without a file walks"
            paths[plan.symbol] = WalkPath(market, plan.symbol)
        else:
            own = tuple(shock for shock in shocks if not shock.symbols or plan.symbol in shock.symbols)
            paths[plan.symbol] = ShockedPath(load_path(plan.file), own, start_ns, step_ns)
    return paths
