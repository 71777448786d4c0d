"""A scenario on stage: a simulated venue with its cast, its timeline and whoever sits at the desk.

Kept true: what is on stage can turn to another page in the middle of a run. What has happened stays, what is under way
goes on, and what the other page has later happens as if it had been said from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from wavetank.storms.dice import Dice
from wavetank.storms.measure.record import Member
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.simulation.journal import Keep
from wavetank.storms.simulation.venue import SimulatedVenue
from wavetank.storms.staging.cast import Casting
from wavetank.storms.staging.market import market_plan, shocks_of, venue_settings
from wavetank.storms.staging.person import StandIn
from wavetank.storms.staging.prices import MarketPlan, StagedSource, TruePath, Turn, make_paths
from wavetank.storms.staging.simulated_hands import SimulatedHands
from wavetank.storms.staging.timeline import Director, Stage


@dataclass(slots=True)
class Staged:
    """What is on stage."""

    scenario: Scenario
    """The page that is followed."""
    seed: int
    """Of everything random, until the dice are turned."""
    venue: SimulatedVenue
    casting: Casting
    director: Director
    stand_in: StandIn
    plan: MarketPlan
    paths: Mapping[str, TruePath]
    foresight: Mapping[str, TruePath]
    """The same paths once more, asked ahead of time."""

    @property
    def members(self) -> dict[int, Member]:
        """Who takes part, by account."""
        return self.casting.members

    def follow(self, scenario: Scenario, *, seed: int | None = None) -> None:
        """Follow another page from now on.

        Args:
            scenario: the same page up to now, with other steps or another person from here on.
            seed: of all dice thrown from here on; None leaves them as they are.

        Raises:
            StagingRefused: the page says what no venue can do.

        """
        venue = self.venue
        if seed is not None:
            venue.dice.turn(seed)
            self.casting.turn()
        turn = (
            None
            if seed is None
            else Turn(next_prices_ns(venue), Dice(self.seed, f"walks turned to {seed}").below(2**63))
        )
        self.paths, self.foresight = (
            make_paths(self.plan, shocks_of(scenario), seed=self.seed, turn=turn) for _ in range(2)
        )
        venue.price_by(_sources(self.plan, self.paths), _firsts(_sources(self.plan, self.foresight)))
        self.director.follow(scenario)
        if scenario.person != self.scenario.person:
            self.stand_in.follow(scenario.person)
        self.scenario = scenario


def next_prices_ns(venue: SimulatedVenue) -> int:
    """Return the venue time of the oracle's next regular publication: so far ahead somebody may have seen prices."""
    interval_ns = venue.settings.oracle.publish_interval_ns
    return (venue.schedule.now_ns // interval_ns + 1) * interval_ns


def stage(scenario: Scenario, *, seed: int, keep: Callable[[str], Keep] | None = None) -> Staged:
    """Put a scenario on stage, before its time runs.

    Args:
        scenario: the page, variant and overrides applied.
        seed: of everything random.
        keep: gives what keeps the bytes of each log; None keeps none.

    Raises:
        StagingRefused: the page says what no venue can do.
        SettingsRefused: settings contradict a rule.
        PriceFileInvalid: a file cannot be read.

    """
    plan = market_plan(scenario)
    settings = venue_settings(scenario, plan)
    paths, foresight = (make_paths(plan, shocks_of(scenario), seed=seed) for _ in range(2))
    firsts = _firsts(_sources(plan, foresight))
    venue = SimulatedVenue(settings, _sources(plan, paths), seed=seed, keep=keep, foresight=firsts)
    prices = {}
    for source in firsts:
        newest = source.newest_by(settings.start_ns)
        prices[source.symbol] = Decimal(0 if newest is None else newest[1]).scaleb(-6)
    casting = Casting(venue, prices)
    for role in scenario.cast:
        casting.cast(role)
    return Staged(
        scenario=scenario,
        seed=seed,
        venue=venue,
        casting=casting,
        director=Director(scenario, Stage(SimulatedHands(venue), casting.accounts)),
        stand_in=StandIn(scenario.person, venue),
        plan=plan,
        paths=paths,
        foresight=foresight,
    )


def _sources(plan: MarketPlan, paths: Mapping[str, TruePath]) -> list[StagedSource]:
    return [
        StagedSource(path.symbol, name, terms, paths[path.symbol])
        for path in plan.paths
        for name, terms in path.sources.items()
    ]


def _firsts(sources: list[StagedSource]) -> list[StagedSource]:
    """Return the first source of each instrument."""
    return list({source.symbol: source for source in reversed(sources)}.values())
