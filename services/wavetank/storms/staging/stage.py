"""A scenario on stage: a simulated venue with its cast, its timeline and whoever sits at the desk."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from wavetank.storms.measure.record import Member
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.simulation.journal import Keep
from wavetank.storms.simulation.venue import SimulatedVenue
from wavetank.storms.staging.cast import Casting
from wavetank.storms.staging.market import path_plans, shocks_of, venue_settings
from wavetank.storms.staging.person import StandIn
from wavetank.storms.staging.prices import PathPlan, StagedSource, make_paths
from wavetank.storms.staging.timeline import Director, Stage


def stage(
    scenario: Scenario, *, seed: int, keep: Callable[[str], Keep] | None = None
) -> tuple[SimulatedVenue, dict[int, Member]]:
    """Return a venue before its time runs, and who takes part.

    Args:
        scenario: the page, variant and overrides applied.
        seed: of everything random.
        keep: gives what keeps the bytes of each log; None keeps none.

    Raises:
        StagingRefused: the page says what no venue can do.
        SettingsRefused: settings contradict a rule.
        PriceFileInvalid: a file cannot be read.

    """
    settings = venue_settings(scenario)
    plans = path_plans(scenario)
    sources = _sources(scenario, plans, settings.start_ns, seed)
    foresight = _sources(scenario, plans, settings.start_ns, seed)
    firsts = {source.symbol: source for source in reversed(foresight)}
    venue = SimulatedVenue(settings, sources, seed=seed, keep=keep, foresight=list(firsts.values()))
    prices = {}
    for symbol, source in firsts.items():
        newest = source.newest_by(settings.start_ns)
        prices[symbol] = Decimal(0 if newest is None else newest[1]).scaleb(-6)
    casting = Casting(venue, prices)
    for role in scenario.cast:
        casting.cast(role)
    Director(scenario, Stage(venue, casting.accounts))
    StandIn(scenario.person, venue)
    return venue, casting.members


def _sources(scenario: Scenario, plans: list[PathPlan], start_ns: int, seed: int) -> list[StagedSource]:
    market = scenario.market
    paths = make_paths(
        plans,
        shocks_of(scenario),
        seed=seed,
        correlation_e6=market.correlation // 10**6,
        step_ns=market.price_step,
        start_ns=start_ns,
    )
    return [
        StagedSource(plan.symbol, name, terms, paths[plan.symbol])
        for plan in plans
        for name, terms in plan.sources.items()
    ]
