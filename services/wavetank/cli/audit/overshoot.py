"""What victims of auto-deleveraging gave up, against the least that would have closed the same lots (LIQ-080).

Read from the logged rankings alone. All lots of one ranking are closed at one value, so within it nobody could have
been spared by asking somebody else. But a leg may take several rankings, when the shard clips what was asked and marks
move meanwhile, and then the order in time decides the price: the least possible closes all the lots in the cheapest
rankings, each account giving there what it could have given then. Lots closed at mark cost their victims nothing and
stand outside.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from wavetank.cli.audit.cases import DELEVERAGE
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import StepCause
from wavetank.model.record import Event


@dataclass(frozen=True, slots=True)
class Victim:
    """One account that gave up lots for one leg of a liquidation; micro-dollars against the marks of the time."""

    liquidation_id: int
    instrument_id: int
    account_id: int
    lots: int
    """Unsigned."""
    given_up_micros: int
    least_micros: int
    """Its lots' part of the least possible total, rounded down; below 0 where the least would have been a gain."""

    @property
    def overshoot_micros(self) -> int:
        """What it gave up beyond that."""
        return self.given_up_micros - self.least_micros


@dataclass(slots=True)
class _Ranking:
    """One logged ranking of a leg."""

    asked_lots: int = 0
    given_up_micros: int = 0
    could_give: dict[int, int] = field(default_factory=dict)
    """By account: its capacity then, and what it had given for the leg before."""

    @property
    def unit_micros(self) -> Fraction:
        return Fraction(self.given_up_micros, self.asked_lots)


@dataclass(slots=True)
class _Leg:
    rankings: list[_Ranking] = field(default_factory=list)
    at_mark: bool = False
    lots: dict[int, int] = field(default_factory=dict)
    given_up: dict[int, int] = field(default_factory=dict)


class Overshoot:
    """Collects rankings and what came of them; tells at any time what each victim gave up and need not have."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._legs: dict[tuple[int, int], _Leg] = {}

    def take(self, event: Event) -> None:
        """Take the next event of clearing's log."""
        match event:
            case events.LiquidationStepped() if event.stage == DELEVERAGE and event.delta_lots:
                leg = self._legs.setdefault((event.liquidation_id, event.instrument_id), _Leg())
                leg.at_mark = event.cause == StepCause.NO_VICTIM_LEFT
                if not leg.at_mark:
                    leg.rankings.append(_Ranking())
            case events.AdlRanked():
                self._ranked(self._legs.get((event.liquidation_id, event.instrument_id)), event)
            case events.Deleveraged():
                leg_or_none = self._legs.get((event.liquidation_id, event.instrument_id))
                if leg_or_none is not None and not leg_or_none.at_mark:
                    victim = event.account_id
                    lots, given_up = leg_or_none.lots, leg_or_none.given_up
                    lots[victim] = lots.get(victim, 0) + abs(event.delta_lots)
                    given_up[victim] = given_up.get(victim, 0) + event.given_up_micros
            case _:
                return

    @staticmethod
    def _ranked(leg: _Leg | None, event: events.AdlRanked) -> None:
        if leg is None or leg.at_mark or not leg.rankings:
            return
        ranking = leg.rankings[-1]
        ranking.asked_lots += abs(event.delta_lots)
        ranking.given_up_micros += event.given_up_micros if event.delta_lots else 0
        ranking.could_give[event.account_id] = event.capacity_lots + leg.lots.get(event.account_id, 0)

    def victims(self) -> list[Victim]:
        """Return every victim, by liquidation, instrument and account."""
        found = []
        for (liquidation_id, instrument_id), leg in sorted(self._legs.items()):
            total = sum(leg.lots.values())
            if total == 0:
                continue
            least = _least_micros(leg.rankings, total)
            found += [
                Victim(liquidation_id, instrument_id, account, lots, leg.given_up[account], int(least * lots // total))
                for account, lots in sorted(leg.lots.items())
            ]
        return found


def _least_micros(rankings: list[_Ranking], lots: int) -> Fraction:
    """Return the least total for which the rankings could have closed so many lots, cheapest first."""
    total = Fraction(0)
    given: dict[int, int] = {}
    asked = [ranking for ranking in rankings if ranking.asked_lots]
    for ranking in sorted(asked, key=lambda ranking: ranking.unit_micros):
        for account, most in sorted(ranking.could_give.items()):
            part = min(lots, max(0, most - given.get(account, 0)))
            given[account] = given.get(account, 0) + part
            lots -= part
            total += part * ranking.unit_micros
    return total
