"""Python surface of `link`."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from wavetank.storms.dice import Dice
from wavetank.storms.simulation.schedule import Schedule

Message = TypeVar("Message")

class Delay(NamedTuple):
    constant_ns: int
    jitter_ns: int = 0

class Link(Generic[Message]):
    def __init__(self, schedule: Schedule, delay: Delay, dice: Dice, arrive: Callable[[Message], None]) -> None: ...
    def send(self, message: Message) -> None: ...
