"""The same page with some words changed: by `--set`, by a variant.

It exists so that a question such as "and with a larger vault?" is one word on the command line and not a copy of a
page. Kept true: what is changed is the page as it was written, and the result is read like any page, with the same
checks; the page it began with stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from wavetank.storms.scenario.faults import choices, shown
from wavetank.storms.scenario.page import Loc, read_value
from wavetank.storms.scenario.shape import names_at

MAX_OVERRIDES = 200
_UNTOUCHABLE = frozenset({"scenario", "variants"})


class OverrideRefused(ValueError):
    """A path leads nowhere; the message names it, where it ends, and what is there instead."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


def with_overrides(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page with other values at some places; what lies between and is not on the page yet is put there.

    Args:
        document: plain values, as written.
        overrides: values by dotted path. An item of a list is named by its index or by its `name`:
            `timeline.2.fault.lag`, `cast.makers.count`.

    Raises:
        OverrideRefused: a path leads nowhere.

    """
    changed = deepcopy(dict(document))
    for key, value in overrides.items():
        *way, last = loc_of(changed, key)
        inside: Any = changed
        for part in way:
            if isinstance(inside, dict) and inside.get(part) is None:
                inside[part] = {}
            inside = inside[part]
        inside[last] = deepcopy(value)
    return changed


def loc_of(document: Mapping[str, Any], key: str) -> Loc:
    """Return the place that a dotted path means on a page; its last steps need not be there yet.

    Raises:
        OverrideRefused: there is no such place.

    """
    value: Any = document
    loc: Loc = ()
    for word in key.split("."):
        if isinstance(value, list):
            index = _index(key, loc, value, word)
            value, loc = value[index], (*loc, index)
        else:
            name = _field(key, loc, document, value, word)
            value, loc = (value or {}).get(name), (*loc, name)
    return loc


def _index(key: str, loc: Loc, items: list[Any], word: str) -> int:
    names = [item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]
    if word in names:
        return next(index for index, item in enumerate(items) if isinstance(item, dict) and item.get("name") == word)
    if word.isdecimal() and len(word) < len(str(10**9)) and int(word) < len(items):
        return int(word)
    allowed = choices(word, names) if names and not word.isdecimal() else _indices(len(items))
    raise OverrideRefused(key, f"{_shown_loc(loc)} has no item {shown(word)}; {allowed}")


def _indices(count: int) -> str:
    if not count:
        return "it has none; write the whole list instead"
    return "allowed: 0" if count == 1 else f"allowed: 0 to {count - 1}"


def _field(key: str, loc: Loc, document: Mapping[str, Any], value: Any, word: str) -> str:  # noqa: ANN401 - a page's.
    if value is not None and not isinstance(value, dict):
        raise OverrideRefused(key, f"{_shown_loc(loc)} is {shown(value)}, which has nothing inside")
    if not word:
        raise OverrideRefused(key, "a path is words with dots between, for instance venue.clearing.vault_cap")
    if not loc and word in _UNTOUCHABLE:
        raise OverrideRefused(key, f"{word} is what it is; anything else of the page can be set")
    allowed = names_at(loc, document)
    if allowed is not None and word not in allowed:
        raise OverrideRefused(key, f"{_shown_loc(loc)} has no {shown(word)}; {choices(word, allowed)}")
    return word


def _shown_loc(loc: Loc) -> str:
    return ".".join(map(str, loc)) or "a scenario"


def read_assignments(texts: Iterable[str]) -> dict[str, Any]:
    """Return what `--set key=value` says, the values read as on a page.

    Args:
        texts: each a dotted path, `=` and a value; of two for the same path the last holds.

    Raises:
        OverrideRefused: one has another shape, or there are too many.
        ScenarioInvalid: a value is no YAML.

    """
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key:
            raise OverrideRefused(text, "is no assignment; write key=value, for instance venue.clearing.vault_cap=5M")
        found[key] = read_value(value, f"--set {key}")
    if len(found) > MAX_OVERRIDES:
        raise OverrideRefused("--set", f"is given {len(found)} times; at most {MAX_OVERRIDES}")
    return found
