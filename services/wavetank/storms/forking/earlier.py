"""What a branch may not change: all that would have mattered before the fork.

It exists because a branch begins in the state in which the trunk is. Kept true: what passes here leaves everything
before the fork as it was, to the byte, so that the branch is the run of its page from the beginning; only a person and
dice may be others from the fork on without having been so before. What is refused is named, with its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.quantities import write_duration
from wavetank.storms.scenario.steps import Step
from wavetank.storms.staging.market import market_plan, venue_settings

_FREE = frozenset({"title", "about", "incident", "harm", "asserts", "variants", "tags"})
"""Fields that say how a run is told and judged, not what happens in it."""
_LOOKED_AT = frozenset({"timeline", "person", "duration"})
"""Fields of which a part lies behind the fork."""
_ANEW = "fork earlier, or run the page anew"


class ForkRefused(ValueError):
    """A fork is not possible; the message says what is in the way and what is allowed."""


def check_fork(trunk: Scenario, at_ns: int) -> None:
    """See whether a run can be forked at a time.

    Args:
        trunk: its page.
        at_ns: of the fork, venue time behind the beginning.

    Raises:
        ForkRefused: it cannot.

    """
    if not 0 < at_ns < trunk.duration:
        told, most = write_duration(at_ns), write_duration(trunk.duration)
        raise ForkRefused(f"{trunk.name} lasts {most}, and cannot be forked at {told}; allowed: between 0s and {most}")


def check_change(trunk: Scenario, branch: Scenario, at_ns: int) -> None:
    """See whether a branch leaves everything before the fork as it was.

    Args:
        trunk: the page up to the fork.
        branch: the page from there on.
        at_ns: of the fork, venue time behind the beginning; what happens then happens in the branch.

    Raises:
        ForkRefused: it does not; the message names all that is in the way.

    """
    found = [*_of_the_beginning(trunk, branch, at_ns), *_of_timeline(trunk, branch, at_ns)]
    found += _of_person(trunk, branch, at_ns)
    if branch.duration <= at_ns:
        found.append(f"duration is {write_duration(branch.duration)}, and the fork at {write_duration(at_ns)}")
    if found:
        raise ForkRefused("; ".join(found))


def foreseen_ns(scenario: Scenario, at_ns: int) -> int:
    """Return from when on true prices may be others, venue time behind the beginning.

    Who sees the next index has seen, just before the fork, the one that is published next.
    """
    if not any(role.sees_next_index for role in scenario.cast):
        return at_ns
    plan = market_plan(scenario)
    interval_ns, start_ns = venue_settings(scenario, plan).oracle.publish_interval_ns, plan.start_ns
    return ((start_ns + at_ns - 1) // interval_ns + 1) * interval_ns - start_ns


def _of_the_beginning(trunk: Scenario, branch: Scenario, at_ns: int) -> Iterator[str]:
    for name in Scenario.model_fields:
        if name in _FREE or name in _LOOKED_AT:
            continue
        one, other = getattr(trunk, name), getattr(branch, name)
        if one == other:
            continue
        # By name, so that it reads as on a page.
        plain = [trunk.model_dump()[name], branch.model_dump()[name]]
        path = _first_difference(name, plain[0], plain[1])
        yield f"{path} holds from the beginning, before {write_duration(at_ns)}; run the page anew"


def _first_difference(path: str, one: Any, other: Any) -> str:  # noqa: ANN401 - plain values of a page.
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        key = next(key for key in [*one, *other] if key not in one or key not in other or one[key] != other[key])
        return _first_difference(f"{path}.{key}", one.get(key), other.get(key))
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        for number, (mine, theirs) in enumerate(zip_longest(one, other)):
            if mine != theirs:
                either = mine if isinstance(mine, Mapping) else theirs
                word = either.get("name", number) if isinstance(either, Mapping) else number
                return _first_difference(f"{path}.{word}", mine, theirs)
    return path


def _of_timeline(trunk: Scenario, branch: Scenario, at_ns: int) -> Iterator[str]:
    moves_ns = foreseen_ns(trunk, at_ns)
    for of_price, limit_ns in ((False, at_ns), (True, moves_ns)):
        mine, theirs = (_before(each, limit_ns, of_price=of_price) for each in (trunk, branch))
        for one, other in zip_longest(mine, theirs):
            if one is not None and other is not None and (one[0], one[2]) == (other[0], other[2]):
                continue
            assert one is not None or other is not None, "one of both is longer"
            # What comes first is in the way; of two at one time the branch's, for that is the one that was asked for.
            first = min((each for each in (other, one) if each is not None), key=lambda each: each[0])
            yield _told(first[1], branch if first is other else trunk, first[0], at_ns, limit_ns)
            break


def _before(scenario: Scenario, limit_ns: int, *, of_price: bool) -> list[tuple[int, int, dict[str, Any]]]:
    """Return what happens before a time, in order: when, by which step, and what."""
    found = []
    for number, step in enumerate(scenario.timeline):
        if (step.move is not None) != of_price:
            continue
        what = step.model_dump(exclude={"at", "repeat", "every", "note"})
        for turn in range(step.repeat):
            time_ns = step.at + turn * step.every
            if time_ns >= limit_ns:
                break
            found.append((time_ns, number, what))
    return sorted(found, key=lambda each: each[0])


def _told(number: int, scenario: Scenario, time_ns: int, at_ns: int, limit_ns: int) -> str:
    step: Step = scenario.timeline[number]
    begins = f"timeline.{number}.{step.verb} begins at {write_duration(time_ns)}"
    if time_ns < at_ns:
        return f"{begins}, before {write_duration(at_ns)}; {_ANEW}"
    seers = ", ".join(role.name for role in scenario.cast if role.sees_next_index)
    known, fork = write_duration(limit_ns), write_duration(at_ns)
    return f"{begins}, and before {fork} {seers} knew the prices up to {known}; let it begin then, or {_ANEW}"


def _of_person(trunk: Scenario, branch: Scenario, at_ns: int) -> Iterator[str]:
    if branch.person == trunk.person or branch.person.policy != "scripted":
        return
    known = trunk.person.scripted if trunk.person.policy == "scripted" else ()
    for number, each in enumerate(branch.person.scripted):
        if each.at < at_ns and each not in known:
            time, fork = write_duration(each.at), write_duration(at_ns)
            yield f"person.scripted.{number} decides at {time}, before {fork}; {_ANEW}"
