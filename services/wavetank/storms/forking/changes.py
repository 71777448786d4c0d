"""What is other in a branch: one thing, as a person says it on the command line.

It exists so that "and had somebody been at the desk?" is one word. Kept true: a change makes a page of the trunk's page
by the means of `--set`, so that it is read with the same checks; its words on the command line are what repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.faults import ScenarioInvalid, shown
from wavetank.storms.scenario.overriding import OverrideRefused, read_assignments
from wavetank.storms.scenario.page import read_value
from wavetank.storms.scenario.quantities import write_duration
from wavetank.storms.scenario.reading import overridden

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is other from the fork on."""

    name: str
    words: tuple[str, ...]
    """Of the command line, which say it again."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Values by dotted path, as `with_overrides` takes them."""
    steps: tuple[Mapping[str, Any], ...] = ()
    """Added to the timeline, as a page writes them."""

    def applied_to(self, trunk: Scenario) -> Scenario:
        """Return the trunk's page with this change.

        Raises:
            OverrideRefused: a path leads nowhere.
            ScenarioInvalid: the changed page is no scenario.

        """
        changed = overridden(trunk, self.overrides)
        if not self.steps:
            return changed
        try:
            return overridden(changed, {"timeline": [*changed.written.get("timeline", []), *self.steps]})
        except ScenarioInvalid as fault:
            raise ScenarioInvalid([replace(each, source="with --add") for each in fault.faults]) from None


def value_set(text: str) -> Change:
    """Return the change that `--set KEY=VALUE` says.

    Raises:
        OverrideRefused: it is no assignment.
        ScenarioInvalid: the value is no YAML.

    """
    return Change(name=_name(text), words=("--set", text), overrides=read_assignments([text]))


def step_added(text: str, at_ns: int) -> Change:
    """Return the change that `--add STEP` says; a step that names no time happens at the fork.

    Args:
        text: a step as a page writes it.
        at_ns: of the fork, venue time behind the beginning.

    Raises:
        OverrideRefused: it is no step.
        ScenarioInvalid: it is no YAML.

    """
    said = read_value(text, "--add")
    if not isinstance(said, dict):
        example = "{fund: {top_up: 1M}}"
        raise OverrideRefused("--add", f"is {shown(said)}, which is no step; write for instance '{example}'")
    step = {"at": write_duration(at_ns)} | said
    return Change(name=_name(f"add {_bare(text)}"), words=("--add", text), steps=(step,))


def person_set(text: str) -> Change:
    """Return the change that `--person POLICY` says: `absent`, `scripted`, `after=5s` or `after=5s,choose=whole`.

    Raises:
        OverrideRefused: it has another shape.

    """
    first, *others = [word.strip() for word in text.split(",")]
    said: dict[str, Any] = {"person.policy": first.partition("=")[0].strip()}
    for word in [first, *others] if "=" in first else others:
        key, equals, value = word.partition("=")
        if not equals:
            raise OverrideRefused(
                "--person", f"is {shown(text)}; write absent, scripted, after=5s, or both with choose="
            )
        said[f"person.{key.strip()}"] = value.strip()
    return Change(name=_name(f"person {text}"), words=("--person", text), overrides=said)


def joined(changes: Sequence[Change]) -> Change:
    """Return several changes as one."""
    return Change(
        name=_name(" and ".join(change.name for change in changes)),
        words=tuple(word for change in changes for word in change.words),
        overrides={key: value for change in changes for key, value in change.overrides.items()},
        steps=tuple(step for change in changes for step in change.steps),
    )


def twice(names: Iterable[str]) -> list[str]:
    """Return the names that are there more than once."""
    found = list(names)
    return sorted({name for name in found if found.count(name) > 1})


def _bare(text: str) -> str:
    whole = text.strip()
    return whole[1:-1].strip() if whole.startswith("{") and whole.endswith("}") else whole


def _name(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"
