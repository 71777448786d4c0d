"""What can be measured: each figure's name, unit and formula, beside the function that works it out.

It exists so that a figure is told in one place: the function's docstring is its meaning in the README's table, and what
a scenario may assert is what stands here. Figures of a person stand behind `bot.`, `account(NAME).` or `role(NAME).`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from inspect import cleandoc
from typing import TYPE_CHECKING, TypeVar

from wavetank.storms.measure.record import Figure

if TYPE_CHECKING:
    from wavetank.storms.measure.people import Person
    from wavetank.storms.measure.recorder import Recorder


class Unit(StrEnum):
    """What a figure counts."""

    MONEY = "micro-dollars"
    DURATION = "nanoseconds"
    SHARE = "fraction"
    """0.1 is ten per cent."""
    BPS = "basis points"
    RATIO = "ratio"
    COUNT = "count"
    TRUTH = "yes or no"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One figure, as it is documented."""

    name: str
    unit: Unit
    text: str


Worked = TypeVar("Worked", bound=Callable[..., object])
OfVenue = Callable[["Recorder"], Figure]
OfInstrument = Callable[["Recorder", int], Figure]
OfPerson = Callable[["Person"], Figure]


class Catalogue:
    """The figures of one kind, in the order of their table."""

    def __init__(self) -> None:
        """Begin empty."""
        self.meanings: dict[str, Meaning] = {}
        self.functions: dict[str, Callable[..., Figure]] = {}

    def of(self, name: str, unit: Unit) -> Callable[[Worked], Worked]:
        """Let the decorated function work out a figure; its docstring says how."""

        def register(function: Worked) -> Worked:
            assert name not in self.meanings, f"{name} is measured twice"
            self.meanings[name] = Meaning(name, unit, " ".join(cleandoc(function.__doc__ or "").split()))
            self.functions[name] = function  # type: ignore[assignment]
            return function

        return register


VENUE = Catalogue()
"""Of the venue."""
INSTRUMENT = Catalogue()
"""Of each instrument, as `NAME.SYMBOL`; the worst of all stands as `NAME`."""
PERSON = Catalogue()
"""Of an account, a role or the bots under test."""
WITH_ARGUMENTS = Catalogue()
"""Worked out when they are asked for."""


def names(people: Iterable[str], symbols: Iterable[str]) -> frozenset[str]:
    """Return the names that a condition may use without arguments.

    Args:
        people: names of roles and of single accounts.
        symbols: of the instruments.

    """
    subjects = ["bot"]
    for name in people:
        subjects += [f"account({name})", f"role({name})"]
    return frozenset(
        {*VENUE.meanings, *INSTRUMENT.meanings, *WITH_ARGUMENTS.meanings}
        | {f"{name}.{symbol}" for name in INSTRUMENT.meanings for symbol in symbols}
        | {f"{subject}.{name}" for subject in subjects for name in PERSON.meanings}
    )
