"""What will happen in a demonstration, and when: speed, window, phases, faults, how far prices will fall.

It exists so that everything later (settings of the services, leverage of the believers, faults, plots) follows from one
value that is made before anything starts. Kept true: moments are venue time, made from wall seconds by the speed alone;
who will be liquidated follows from the move that the plan knows, so it does not hang on luck or on a seed.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from wavetank.cli.price_options import Settings

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
MILLI = 1_000


class PhaseName(StrEnum):
    """The acts of a demonstration."""

    CALM = "calm"
    SHOCK = "shock"
    AFTERMATH = "aftermath"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Phase:
    """One act; venue time."""

    name: PhaseName
    from_ns: int
    to_ns: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When what is done, in wall seconds behind the origin of the venue's clock."""

    first_top_up: float
    """Who is to fall with the first step adds collateral: too little, as the plan knows."""
    funding_spike: float
    top_up: float
    """The same for the steepest move."""
    lag_on: float
    lag_off: float
    lag: float
    """By how much clearing's prices are late."""
    funding_calm: float
    recovery: float
    end: float

    def __post_init__(self) -> None:
        steps = (
            self.first_top_up,
            self.funding_spike,
            self.top_up,
            self.lag_on,
            self.lag_off,
            self.funding_calm,
            self.end,
        )
        assert all(before <= after for before, after in pairwise(steps)), "a schedule goes forwards"
        assert self.lag_off <= self.recovery <= self.end, "recovery comes last"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentPlan:
    """What the plan knows of an instrument."""

    symbol: str
    start_price: Decimal
    """Dollars, about."""
    first_fall: Decimal
    """Move from the first top-up to the pause before the second; 0 where the plan scripts none."""
    crash: Decimal
    """Move of the mark from the top-up to the moment at which clearing sees the truth again: -0.09 is a fall by 9 %."""
    adverse: Decimal
    """Furthest that prices go against whom the crash will hurt, until the top-up; a share, at least 0."""
    step_bps: float
    """Usual size of a move between two published prices, in basis points."""
    origin: str
    """Where its prices come from, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """A demonstration from beginning to end."""

    title: str
    seed: int
    is_scripted: bool
    """Whether the fall is the plan's own, and somebody must be liquidated."""
    speed_milli: int
    start_ns: int
    """Venue time at the origin of the clock."""
    window_ns: tuple[int, int]
    """The part of venue time that the demonstration is about."""
    schedule: Schedule
    instruments: tuple[InstrumentPlan, ...]
    funding_interval_ns: int
    funding_spike: Decimal
    """Added to the funding rate, per interval."""
    fund_dollars: Decimal
    """What the insurance fund begins with."""
    settings: Settings

    def venue_ns(self, wall_seconds: float) -> int:
        """Return the venue time of a moment, in wall seconds behind the origin."""
        return self.start_ns + self.venue_duration_ns(wall_seconds)

    def venue_duration_ns(self, wall_seconds: float) -> int:
        """Return how much venue time passes in some wall seconds."""
        return round(wall_seconds * SECOND_NS) * self.speed_milli // MILLI

    def wall_seconds(self, venue_ns: int) -> float:
        """Return a venue time in wall seconds behind the origin."""
        return (venue_ns - self.start_ns) * MILLI / self.speed_milli / SECOND_NS

    @property
    def speed(self) -> float:
        """Venue seconds per wall second."""
        return self.speed_milli / MILLI

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The acts in order, without gaps."""
        plan = self.schedule
        falls = "prices fall" if self.is_scripted else "the files' steepest move"
        acts = (
            (PhaseName.CALM, None, plan.funding_spike, "bots quote, positions build"),
            (PhaseName.SHOCK, plan.funding_spike, plan.lag_off, f"{falls}, clearing lags, funding spikes"),
            (PhaseName.AFTERMATH, plan.lag_off, plan.recovery, "clearing sees the truth at once"),
            (PhaseName.RECOVERY, plan.recovery, plan.end, "the vault unwinds, quotes return"),
        )
        return tuple(
            Phase(name, self.start_ns if begin is None else self.venue_ns(begin), self.venue_ns(end), what)
            for name, begin, end, what in acts
        )

    def phase_at(self, venue_ns: int) -> Phase:
        """Return the act at a venue time; after the end the last."""
        return next((phase for phase in self.phases if venue_ns < phase.to_ns), self.phases[-1])

    def instrument(self, symbol: str) -> InstrumentPlan:
        """Return what is known of an instrument."""
        return next(instrument for instrument in self.instruments if instrument.symbol == symbol)


def funding_interval_ns(speed_milli: int, *, wall_seconds: float = 8.0) -> int:
    """Return a funding interval that a person sees pass: an hour if it fits, else what stands for one.

    Args:
        speed_milli: venue seconds per wall second, in thousandths.
        wall_seconds: the interval lasts about this long on the wall; an hour that passes faster is taken as it is.

    """
    wanted_ns = round(wall_seconds * SECOND_NS) * speed_milli // MILLI
    choices = [
        HOUR_NS,
        *(minutes * MINUTE_NS for minutes in (30, 20, 15, 10, 5, 2, 1)),
        *(seconds * SECOND_NS for seconds in (30, 10, 5, 2, 1)),
    ]
    return next((choice for choice in choices if choice <= wanted_ns * 3 // 2), choices[-1])


def premium_samples(interval_ns: int, speed_milli: int, publish_interval_ns: int) -> int:
    """Return how many premium samples an interval should have: one for each published price, at most 720.

    The oracle samples with its prices, and these come at most ten times a second on the wall; asked for more it would
    find fewer than half, and pay nothing (FUND-020).
    """
    floor_ns = SECOND_NS // 10 * speed_milli // MILLI
    return max(1, min(720, interval_ns // max(2 * publish_interval_ns, 2 * floor_ns, 1)))
