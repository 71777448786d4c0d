"""A link between two simulated processes: messages arrive late, and in the order in which they were sent.

Streams and logs keep order, so a message never overtakes another of its link; those of different links do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from wavetank.storms.dice import Dice
from wavetank.storms.simulation.schedule import Schedule

Message = TypeVar("Message")


@dataclass(frozen=True, slots=True)
class Delay:
    """A delay: a constant part, and one that is exponential; venue nanoseconds."""

    constant_ns: int
    jitter_ns: int = 0
    """Mean of the exponential part."""

    def drawn_ns(self, dice: Dice) -> int:
        """Return one delay."""
        return self.constant_ns + dice.exponential(self.jitter_ns) if self.jitter_ns else self.constant_ns


class Link(Generic[Message]):
    """Carries messages to one receiver."""

    __slots__ = ("_arrive", "_dice", "_last_ns", "_schedule", "delay", "is_cut")

    def __init__(self, schedule: Schedule, delay: Delay, dice: Dice, arrive: Callable[[Message], None]) -> None:
        """Carry messages to `arrive`.

        Args:
            schedule: the clock.
            delay: of each message.
            dice: for the delay's random part.
            arrive: takes a message when it arrives.

        """
        self.delay = delay
        self.is_cut = False
        self._schedule = schedule
        self._dice = dice
        self._arrive = arrive
        self._last_ns = 0

    def send(self, message: Message) -> None:
        """Send a message; over a cut link it is lost."""
        if self.is_cut:
            return
        arrives_ns = self._schedule.now_ns + self.delay.drawn_ns(self._dice)
        if arrives_ns > self._last_ns:  # noqa: PLR1730 - as `Schedule.at`.
            self._last_ns = arrives_ns
        self._schedule.at(self._last_ns, self._arrive, message)
