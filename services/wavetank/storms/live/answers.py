"""What the cast of a live run is told of its commands and no log tells: how long answers took, what a door refused.

It exists because a simulated venue notes both where they happen, and a live one answers for them to its clients alone.
Kept true: a refusal that stands in a shard's log is not counted here once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wavetank.client import Strategy, StrategyCommand, VenueClock, WavetankError
from wavetank.client.events import CommandAnswered, CommandUnresolved, StrategyEvent
from wavetank.client.orders import Command
from wavetank.model.reason import Reason

_AT_THE_DOOR = frozenset({Reason.RATE_LIMITED, Reason.VENUE_OVERLOADED})
"""Why a shard refuses whole requests before its book; it gives an order of the book no such reason."""
_MILLI = 1_000


def is_of_the_door(error: WavetankError) -> bool:
    """Tell whether a request was refused as a whole before it came to a book, so that no log tells of it."""
    return error.code in _AT_THE_DOOR


@dataclass(slots=True)
class Answers:
    """What was heard, for a recorder to take over when the run is over."""

    clock: VenueClock
    answered: list[tuple[int, Command, int]] = field(default_factory=list[tuple[int, Command, int]])
    """Account, command, and the venue time that its answer took: the SDK's clocks are the wall's."""
    refused: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Account and reason, one for each command that a door refused."""

    def hear(self, account_id: int, event: StrategyEvent) -> None:
        """Note what an event says of an own command."""
        error = None
        if isinstance(event, CommandAnswered):
            error = event.result.refusal
            took_ns = (event.answered_ns - event.sent_ns) * self.clock.speed_milli // _MILLI
            if error is None or not is_of_the_door(error):
                self.answered.append((account_id, event.command, took_ns))
        elif isinstance(event, CommandUnresolved):
            error = event.error
        if error is not None and is_of_the_door(error):
            self.refused.append((account_id, error.code))


@dataclass(frozen=True, slots=True)
class Overheard:
    """A strategy whose answers are noted before it is told of them."""

    strategy: Strategy
    account_id: int
    answers: Answers

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        """Note what the event says of a command, and return what the strategy does."""
        self.answers.hear(self.account_id, event)
        return self.strategy.on_event(event)
