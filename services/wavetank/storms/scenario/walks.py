"""The walks of a page, as the oracle's synthetic market takes them.

They are counted here, beside the page, so that correlations that no walks have and bursts that nobody could see are met
when a page is read. Kept true: an instrument with a file does not walk, and whatever a page says of walks leaves it as
it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from wavetank.oracle.adapters.sources.synthetic import Burst, Jumps, Regime, Shock, SyntheticMarket, Walk
from wavetank.oracle.core.settings import OracleSettings
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.market import BurstTerms, InstrumentTerms, JumpTerms, Market, RegimeTerms
from wavetank.storms.scenario.page import Loc
from wavetank.storms.scenario.quantities import write_duration
from wavetank.storms.scenario.terms import given

_E6 = 10**6
_SHIPPED_PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(2_500), "SOL": Decimal(150)}
_SHIPPED_VOLATILITY_E6 = {"BTC": 8_000, "ETH": 10_000, "SOL": 14_000}
_OTHERS_VOLATILITY_E6 = 20_000


class Held(NamedTuple):
    """The regime that a market begins in instead of the first, and does not leave before a time."""

    regime: str
    until_ns: int
    """Venue time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkTerms:
    """All that a page says of its walks; a seed makes a market of it."""

    walks: tuple[Walk, ...]
    correlations_e6: dict[tuple[str, str], int]
    step_ns: int
    jumps: tuple[Jumps, ...] = ()
    regimes: tuple[Regime, ...] = ()
    bursts: tuple[Burst, ...] = ()

    def market(
        self, *, seed: int, start_ns: int, shocks: Sequence[Shock] = (), held: Held | None = None
    ) -> SyntheticMarket:
        """Return the market of a seed.

        Args:
            seed: of all draws.
            start_ns: venue time of the first price.
            shocks: the timeline's moves.
            held: in which regime it begins, and for how long at least; None for the first.

        Raises:
            ValueError: no walks are like this; the message says what is allowed.

        """
        regimes = self.regimes
        if held is not None:
            regimes = tuple(sorted(regimes, key=lambda regime: regime.name != held.regime))
        return SyntheticMarket(
            seed=seed,
            walks=self.walks,
            correlations_e6=self.correlations_e6,
            step_ns=self.step_ns,
            start_ns=start_ns,
            shocks=shocks,
            jumps=self.jumps,
            regimes=regimes,
            bursts=self.bursts,
            first_regime_until_ns=start_ns if held is None else held.until_ns,
        )


def start_price(symbol: str, terms: InstrumentTerms) -> Decimal | None:
    """Return the price that an instrument begins at, None if neither the page nor the shipped venue has one."""
    return terms.price or _SHIPPED_PRICES.get(symbol)


def walk_terms(market: Market) -> WalkTerms:
    """Return the walks of a page; none for a page of recorded prices."""
    walking = {symbol: terms for symbol, terms in market.instruments.items() if not terms.file}
    symbols = list(walking)
    named = {frozenset(pair.split(",")): correlation for pair, correlation in market.correlations.items()}
    return WalkTerms(
        walks=tuple(_walk(symbol, terms) for symbol, terms in walking.items()),
        correlations_e6={
            (one, other): named.get(frozenset((one, other)), market.correlation) // _E6
            for at, one in enumerate(symbols)
            for other in symbols[at + 1 :]
        },
        step_ns=market.price_step,
        jumps=tuple(_jumps(terms, symbols) for terms in market.jumps),
        regimes=tuple(_regime(terms) for terms in market.regimes),
        bursts=tuple(_burst(terms) for terms in market.bursts),
    )


def not_walked(scenario: Scenario) -> Iterator[tuple[Loc, str]]:
    """Yield the place of what no walks can do, or nobody could see of them, and what is allowed."""
    terms = walk_terms(scenario.market)
    if not terms.walks:
        return
    brief = [index for index, regime in enumerate(terms.regimes) if regime.mean_ns < terms.step_ns]
    for index in brief:
        told = write_duration(terms.regimes[index].mean_ns), write_duration(terms.step_ns)
        yield (
            ("market", "regimes", index, "lasting"),
            f"is {told[0]}; at least market.price_step, {told[1]}, is allowed",
        )
    if not brief:
        # However they are drawn: a seed and a beginning have no part in what is possible.
        try:
            terms.market(seed=0, start_ns=0)
        except ValueError as fault:
            yield ("market",), str(fault)
    published_ns = OracleSettings(**given(scenario.venue.oracle, OracleSettings)).publish_interval_ns
    for index, burst in enumerate(terms.bursts):
        for name, interval_ns in (
            ("venue.oracle.publish_interval", published_ns),
            ("market.price_step", terms.step_ns),
        ):
            if burst.length_ns < interval_ns:
                told = write_duration(burst.length_ns), write_duration(interval_ns)
                yield (
                    ("market", "bursts", index, "lasting"),
                    f"is {told[0]}, which nobody could see; at least {name}, {told[1]}, is allowed",
                )


def _walk(symbol: str, terms: InstrumentTerms) -> Walk:
    usual_e6 = _SHIPPED_VOLATILITY_E6.get(symbol, _OTHERS_VOLATILITY_E6)
    return Walk(
        symbol=symbol,
        start_price_micros=int((start_price(symbol, terms) or Decimal(0)).scaleb(6)),
        volatility_e6=usual_e6 if terms.volatility is None else terms.volatility // _E6,
    )


def _jumps(terms: JumpTerms, walking: Sequence[str]) -> Jumps:
    own = frozenset(terms.instruments) & frozenset(walking)
    jumps = Jumps(
        per_hour_e6=int(terms.per_hour.scaleb(6)),
        mean_e6=terms.mean // _E6,
        deviation_e6=terms.deviation // _E6,
        are_common=terms.common,
        symbols=own,
    )
    # Of recorded instruments alone: it stays in its place, and nothing comes of it.
    return jumps if own or not terms.instruments else replace(jumps, per_hour_e6=0)


def _regime(terms: RegimeTerms) -> Regime:
    return Regime(
        name=terms.name,
        mean_ns=terms.lasting,
        volatility_factor_e6=int(terms.volatility.scaleb(6)),
        drift_e6=terms.drift // _E6,
        correlation_factor_e6=int(terms.correlation.scaleb(6)),
        intensity_factor_e6=int(terms.intensity.scaleb(6)),
        next_weights=terms.next,
    )


def _burst(terms: BurstTerms) -> Burst:
    return Burst(
        length_ns=terms.lasting,
        every_ns=terms.every,
        is_random=terms.arrivals == "random",
        after_ns=terms.after,
        volatility_factor_e6=int(terms.volatility.scaleb(6)),
        intensity_factor_e6=int(terms.intensity.scaleb(6)),
    )
