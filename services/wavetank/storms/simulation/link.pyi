"""Python surface of `link`."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from wavetank.storms.dice import Dice
from wavetank.storms.simulation.schedule import Schedule

_Message = TypeVar("_Message")

class Delay(NamedTuple):
    constant_ns: int
    jitter_ns: int = 0

class Link(Generic[_Message]):
    def __init__(self, schedule: Schedule, delay: Delay, dice: Dice, arrive: Callable[[_Message], None]) -> None: ...
    def send(self, message: _Message) -> None: ...
