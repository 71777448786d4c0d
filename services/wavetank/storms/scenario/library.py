"""The shipped scenarios, by name.

Kept true: a shipped page is named as the scenario on it, and every one can be read.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.faults import choices, shown
from wavetank.storms.scenario.reading import read_scenario

SHELF = files("wavetank.storms") / "scenarios"
"""Where the pages are, and `schema.json` beside them."""
_SUFFIXES = (".yaml", ".yml")


class ScenarioUnknown(LookupError):
    """No scenario has that name, and no file either; the message names those that are near."""

    def __str__(self) -> str:
        return str(self.args[0])


def shipped_names() -> list[str]:
    """Return the names of the shipped scenarios, in order."""
    return sorted(page.name.removesuffix(".yaml") for page in SHELF.iterdir() if page.name.endswith(".yaml"))


def list_scenarios() -> list[Scenario]:
    """Return the shipped scenarios, in the order of their names.

    Raises:
        ScenarioInvalid: one cannot be read.

    """
    return [_shipped(name) for name in shipped_names()]


def find(name_or_path: str) -> Scenario:
    """Return a scenario: the shipped one of that name, or that of a file.

    Args:
        name_or_path: for instance `calm`, or `storms/mine.yaml`; what has a slash or ends in .yaml is a file.

    Raises:
        ScenarioUnknown: there is neither.
        ScenarioInvalid: it cannot be read.

    """
    if "/" in name_or_path or name_or_path.endswith(_SUFFIXES):
        path = Path(name_or_path)
        if not path.is_file():
            raise ScenarioUnknown(f"no file is at {shown(name_or_path)}; write a name of a shipped scenario, or a file")
        return read_scenario(path)
    names = shipped_names()
    matching = [name for name in names if name.casefold() == name_or_path.casefold()]
    if not matching:
        raise ScenarioUnknown(f"no scenario is called {shown(name_or_path)}; {choices(name_or_path, names)}")
    return _shipped(matching[0])


def text_of(name_or_path: str) -> str:
    """Return the text of a page that `find` finds.

    Raises:
        ScenarioUnknown: there is neither a shipped scenario of that name nor a file.

    """
    if "/" in name_or_path or name_or_path.endswith(_SUFFIXES):
        return Path(name_or_path).read_text(encoding="utf-8")
    return (SHELF / f"{find(name_or_path).name}.yaml").read_text(encoding="utf-8")


def _shipped(name: str) -> Scenario:
    with as_file(SHELF / f"{name}.yaml") as path:
        return read_scenario(path)
