"""A page becomes a scenario, or a list of what to mend.

Kept true: every fault is told at once, with line, column, field, what it was and what is allowed; a scenario that was
read has variants that can be read, conditions that can be judged, and names that name something.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wavetank.storms.scenario.checking import Checked, Flaw, check
from wavetank.storms.scenario.document import Scenario, Variant
from wavetank.storms.scenario.faults import PageFault, ScenarioInvalid
from wavetank.storms.scenario.overriding import OverrideRefused, loc_of, with_overrides
from wavetank.storms.scenario.page import MAX_BYTES, Loc, Page, read_page


def read_scenario(page: Path | str, *, source: str = "page") -> Scenario:
    """Return the scenario of a page.

    Args:
        page: a file, or the text itself.
        source: what messages call a text.

    Raises:
        ScenarioInvalid: the page is none; `faults` has everything that is wrong with it.
        OSError: the file cannot be opened.

    """
    if isinstance(page, Path):
        with page.open("rb") as file:
            # One byte more than allowed is enough to know.
            content: bytes | str = file.read(MAX_BYTES + 1)
        return _scenario_of(read_page(content, str(page)))
    return _scenario_of(read_page(page, source))


def _scenario_of(page: Page) -> Scenario:
    checked = check(page.document)
    flaws = list(checked.flaws)
    if checked.scenario is not None:
        for name, variant in checked.scenario.variants.items():
            flaws += _of_variant(checked.scenario, name, variant)
    if flaws:
        raise ScenarioInvalid(
            [page.fault(flaw.loc, flaw.message, of_key=flaw.of_key, offset=flaw.offset) for flaw in flaws]
        )
    assert checked.scenario is not None, "a page without flaws is a scenario"
    return checked.scenario


def _of_variant(scenario: Scenario, name: str, variant: Variant) -> list[Flaw]:
    """Return what is wrong with what a variant sets, each at the assignment that brought it."""
    begin: Loc = ("variants", name, "set")
    found = []
    places: dict[Loc, str] = {}
    for key in variant.set:
        try:
            places[loc_of(scenario.written, key)] = key
        except OverrideRefused as fault:
            found.append(Flaw((*begin, key), fault.message, of_key=True))
    if found:
        return found
    for flaw in _changed(scenario, variant.set).flaws:
        loc = next((loc for loc in places if flaw.loc[: len(loc)] == loc), None)
        if loc is None:
            field = ".".join(map(str, flaw.loc))
            found.append(Flaw(begin, f"leaves a page where {field or 'something'} is wrong: {flaw.message}"))
        else:
            inner = ".".join(map(str, flaw.loc[len(loc) :]))
            message = f"{inner}: {flaw.message}" if inner else flaw.message
            # Inside a value that is set the character is known, but not where on the page it stands.
            found.append(Flaw((*begin, places[loc]), message, offset=None if inner else flaw.offset))
    return found


def _changed(scenario: Scenario, overrides: Mapping[str, Any]) -> Checked:
    document = scenario.written
    return check(with_overrides(document, overrides))


def overridden(scenario: Scenario, overrides: Mapping[str, Any]) -> Scenario:
    """Return a scenario with other values at some places of its page.

    Args:
        scenario: as read.
        overrides: as `with_overrides` takes them.

    Raises:
        OverrideRefused: a path leads nowhere.
        ScenarioInvalid: the changed page is no scenario.

    """
    if not overrides:
        return scenario
    checked = _changed(scenario, overrides)
    if checked.scenario is None:
        raise ScenarioInvalid([_told(flaw, overrides) for flaw in checked.flaws])
    return checked.scenario


def _told(flaw: Flaw, overrides: Mapping[str, Any]) -> PageFault:
    source = f"with {', '.join(overrides)} set"
    path = ".".join(map(str, flaw.loc))
    return PageFault(source=source, line=0, column=0, path=path, message=flaw.message)


def variants_of(scenario: Scenario, overrides: Mapping[str, Any] | None = None) -> dict[str, Scenario]:
    """Return the variants of a scenario by name, each a scenario with its values set and its assertions added.

    A scenario without variants is one variant without a name.

    Args:
        scenario: as read; its `variants` stay in each, so that what a variant expects is known.
        overrides: set in each, over what the variant sets.

    Raises:
        OverrideRefused: a path leads nowhere.
        ScenarioInvalid: a changed page is no scenario.

    """
    also = overrides or {}
    if not scenario.variants:
        return {"": overridden(scenario, also)}
    found = {}
    for name, variant in scenario.variants.items():
        changed = overridden(overridden(scenario, variant.set), also)
        if variant.asserts:
            asserts = [*changed.asserts, *variant.asserts]
            changed = overridden(changed, {"asserts": asserts})
        found[name] = changed
    return found
