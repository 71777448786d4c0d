"""What can be measured: each figure's name, unit and formula, beside the function that works it out.

It exists so that a figure is told in one place: the function's docstring is its meaning in the README's table, and what
a scenario may assert is what stands here. Figures of a person stand behind `bot.`, `account(NAME).` or `role(NAME).`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
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

_SUBJECT = re.compile(r"(?P<subject>bot|(?:account|role)\([^)]*\))\.(?P<measure>.+)")


def split_subject(name: str) -> tuple[str, str]:
    """Return whom a figure is about and what is measured: `account(a).pnl` is of `account(a)`; the venue is nobody."""
    found = _SUBJECT.fullmatch(name)
    return (found["subject"], found["measure"]) if found is not None else ("", name)


def families(name: str) -> Iterator[Meaning]:
    """Yield what is measured under a figure's name and under its beginnings, the longest first.

    Behind the name of what is measured there may be a symbol, a label or arguments: `spread.median_bps.BTC`,
    `markout_1s_bps.noise`, `refused(who: a)`. A name that nothing measures yields nothing, or what it begins with.
    """
    subject, measure = split_subject(name)
    catalogues = (PERSON,) if subject else (VENUE, INSTRUMENT, WITH_ARGUMENTS)
    beginning = measure.partition("(")[0]
    while beginning:
        yield from (each.meanings[beginning] for each in catalogues if beginning in each.meanings)
        beginning = beginning.rpartition(".")[0]


def meaning_of(name: str) -> Meaning | None:
    """Return what a figure means by its name, or None of what nothing measures."""
    return next(families(name), None)


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
