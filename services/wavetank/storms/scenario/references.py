"""Names on a page that name nothing: an order of somebody who is not in the cast, a figure that nothing measures.

It exists so that a slip of the pen is met when a page is read, at its line, and not a minute into a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wavetank.clearing.core.settings import ClearingSettings
from wavetank.storms.measure import figures as _measured  # noqa: F401 - all figures register themselves.
from wavetank.storms.measure.catalogue import names
from wavetank.storms.measure.venue_members import TOLD_OF
from wavetank.storms.scenario.conditions import parse, paths_of
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.faults import choices, shown
from wavetank.storms.scenario.page import Loc
from wavetank.storms.scenario.quantities import write_duration

_PEOPLE = ("who", "to", "buyer", "seller")
_MARKETS = ("instrument", "instruments")
_SUBJECT = re.compile(r"(?:account|role)\(([^)]*)\)")


def dangling(scenario: Scenario) -> Iterator[tuple[Loc, str]]:
    """Yield the place of each name that names nothing, and what to write instead."""
    symbols = list(scenario.market.instruments)
    people = _people(scenario)
    groups = _groups(scenario)
    for index, role in enumerate(scenario.cast):
        loc: Loc = ("cast", index)
        yield from _unknown((*loc, "instruments"), role.instruments, symbols, "is traded")
        yield from (
            ((*loc, "collateral", symbol), _nothing(symbol, symbols, "is traded"))
            for symbol in role.collateral
            if symbol not in symbols
        )
    yield from _of_walks(scenario, symbols)
    for index, step in enumerate(scenario.timeline):
        if step.at + (step.repeat - 1) * step.every > scenario.duration:
            last = write_duration(step.at + (step.repeat - 1) * step.every)
            yield (("timeline", index, "at"), f"comes to {last}, behind the end at {write_duration(scenario.duration)}")
        said = getattr(step, step.verb)
        for name in type(said).model_fields:
            loc = ("timeline", index, step.verb, name)
            if name in _PEOPLE:
                yield from _unknown(loc, getattr(said, name), people, "is in the cast")
            elif name in _MARKETS:
                yield from _unknown(loc, getattr(said, name), symbols, "is traded")
            elif name == "group":
                yield from _unknown(loc, getattr(said, name), groups, "is a correlation group")
        yield from _ended(scenario, index)
    yield from _of_conditions(scenario, [*people, *TOLD_OF], symbols)


def _groups(scenario: Scenario) -> list[str]:
    """Return the correlation groups that there are: those of the shipped venue, and those that the page names."""
    named = [each.correlation_group for each in scenario.market.instruments.values() if each.correlation_group]
    return list(dict.fromkeys([*ClearingSettings().groups_ppm, *named]))


def _of_walks(scenario: Scenario, symbols: Sequence[str]) -> Iterator[tuple[Loc, str]]:
    market = scenario.market
    for pair in market.correlations:
        one, other = pair.split(",")
        loc: Loc = ("market", "correlations", pair)
        yield from ((loc, _nothing(symbol, symbols, "is traded")) for symbol in (one, other) if symbol not in symbols)
        if one == other:
            yield loc, "is of one instrument; write two"
        elif f"{other},{one}" in market.correlations and one > other:
            yield loc, f"is {other},{one} once more; write one of them"
    for index, jumps in enumerate(market.jumps):
        yield from _unknown(("market", "jumps", index, "instruments"), jumps.instruments, symbols, "is traded")
    names = [regime.name for regime in market.regimes]
    for index, regime in enumerate(market.regimes):
        loc = ("market", "regimes", index)
        if regime.name in names[:index]:
            yield (*loc, "name"), f"is {regime.name} once more; each name may stand once"
        others = [name for name in names if name != regime.name]
        yield from (
            ((*loc, "next", name), _nothing(name, others, "can follow")) for name in regime.next if name not in others
        )


def _ended(scenario: Scenario, index: int) -> Iterator[tuple[Loc, str]]:
    """Yield what a step ends that no step begins."""
    for verb, begun in (("mend", "fault"), ("calm", "disturb")):
        said = getattr(scenario.timeline[index], verb)
        if said is not None:
            names = [getattr(step, begun).name for step in scenario.timeline if getattr(step, begun) is not None]
            loc: Loc = ("timeline", index, verb, "names")
            yield from _unknown(loc, said.names, [name for name in names if name], "begins")


def _people(scenario: Scenario) -> list[str]:
    members = [role.name for role in scenario.cast]
    for role in scenario.cast:
        if role.count > 1:
            members += [f"{role.name}.{number}" for number in range(1, role.count + 1)]
    return members


def _unknown(
    loc: Loc, said: str | Sequence[str] | None, allowed: Sequence[str], what: str
) -> Iterator[tuple[Loc, str]]:
    if isinstance(said, str):
        if said not in allowed:
            yield loc, _nothing(said, allowed, what)
        return
    for index, word in enumerate(said or ()):
        if word not in allowed:
            yield (*loc, index), _nothing(word, allowed, what)


def _nothing(word: str, allowed: Sequence[str], what: str) -> str:
    return f"is {shown(word)}, and nothing of that name {what}; {choices(word, allowed)}"


def _of_conditions(scenario: Scenario, people: Sequence[str], symbols: Sequence[str]) -> Iterator[tuple[Loc, str]]:
    texts: list[tuple[Loc, str]] = [(("harm",), scenario.harm)] if scenario.harm else []
    texts += [(("asserts", index), text) for index, text in enumerate(scenario.asserts)]
    for name, variant in scenario.variants.items():
        texts += [(("variants", name, "asserts", index), text) for index, text in enumerate(variant.asserts)]
    for loc, text in texts:
        try:
            paths = list(paths_of(parse(text)))
        except ValueError:
            # Told where conditions are read.
            continue
        for path in paths:
            subject = _SUBJECT.match(path.name)
            if subject is not None and subject[1] not in people:
                yield loc, f"asks for {path}, and nobody of that name is in the cast; {choices(subject[1], people)}"
                continue
            measured = names([] if subject is None else [subject[1]], symbols)
            if path.name not in measured:
                yield loc, f"asks for {path}, which nothing measures; {choices(path.name, measured)}"
