"""Whether a page makes sense: all that is wrong with it, and the scenario if nothing is.

Kept true: a page is refused for everything at once, in words for the person who wrote it; what passes can be put on
stage as far as a page by itself can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from wavetank.storms.scenario.condition_units import misfits
from wavetank.storms.scenario.condition_words import ConditionMalformed
from wavetank.storms.scenario.conditions import parse
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.faults import choices, shown
from wavetank.storms.scenario.kinds import ACCOUNT, KINDS, terms_of_kind
from wavetank.storms.scenario.page import Loc
from wavetank.storms.scenario.references import dangling
from wavetank.storms.scenario.shape import names_at
from wavetank.storms.scenario.walks import not_walked


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong at a place of a page."""

    loc: Loc
    message: str
    of_key: bool = False
    """Whether it is the key that is wrong."""
    offset: int | None = None
    """Character inside a text, from 0."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a page: it has flaws, or it is a scenario."""

    flaws: tuple[Flaw, ...]
    scenario: Scenario | None


def check(document: object) -> Checked:
    """Return what is wrong with a page; variants are looked at only as far as they can be without applying them.

    Args:
        document: plain values.

    """
    if not isinstance(document, dict):
        return Checked((Flaw((), f"is {shown(document)}; a page is a mapping that begins with `scenario: 1`"),), None)
    flaws: list[Flaw] = []
    scenario = None
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        flaws.extend(_worded(error.errors(include_url=False), document))
    flaws.extend(_of_settings(document))
    flaws.extend(_of_conditions(document))
    if scenario is not None:
        loose = [Flaw(loc, message) for loc, message in dangling(scenario)]
        # Walks of what is not there cannot be judged.
        flaws += loose or [Flaw(loc, message) for loc, message in not_walked(scenario)]
    return Checked(tuple(flaws), None if flaws else scenario)


def _worded(errors: Collection[ErrorDetails], document: object, begin: Loc = ()) -> list[Flaw]:
    """Return pydantic's errors in our words; alternatives of one value become one flaw."""
    found: dict[Loc, Flaw] = {}
    for error in errors:
        loc = _followed((*begin, *error["loc"]), document, is_missing=error["type"] == "missing")
        of_key = error["type"] == "extra_forbidden" or error["loc"][-1:] == ("[key]",)
        message = _message(error, loc, document)
        earlier = found.get(loc)
        if earlier is not None and message not in earlier.message:
            message = f"{earlier.message}; or {message.rpartition('; ')[2]}"
        found[loc] = Flaw(loc, message, of_key)
    return list(found.values())


def _followed(loc: Loc, document: object, *, is_missing: bool) -> Loc:
    """Return a place without the names of alternatives that pydantic puts at its end."""
    value: Any = document
    length = 0
    for part in loc:
        is_field = isinstance(value, dict) and part in value
        is_item = isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)
        if not (is_field or is_item):
            break
        value = value[part]
        length += 1
    return loc[: length + 1] if is_missing else loc[:length]


_WORDINGS: Final = {
    "missing": "is missing; it has no default",
    "model_type": "is {was}; write a mapping: `name: value`, line by line",
    "dict_type": "is {was}; write a mapping: `name: value`, line by line",
    "tuple_type": "is {was}; write a list{unquoted}",
    "string_type": "is {was}; write words{unquoted}",
    "string_pattern_mismatch": "is {was}; it must match {pattern}",
    "int_type": "is {was}; write a whole number",
    "int_parsing": "is {was}; write a whole number",
    "int_from_float": "is {was}; write a whole number",
    "float_type": "is {was}; write a number",
    "float_parsing": "is {was}; write a number",
    "bool_type": "is {was}; write true or false",
    "bool_parsing": "is {was}; write true or false",
    "greater_than_equal": "is {was}; at least {ge} is allowed",
    "less_than_equal": "is {was}; at most {le} is allowed",
}
"""Pydantic's kinds of errors in our words."""


def _message(error: ErrorDetails, loc: Loc, document: object) -> str:
    was, context = shown(error["input"]), error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        return f"is not known; {choices(str(loc[-1]), names_at(loc[:-1], document) or ())}"
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] == "literal_error":
        allowed = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return f"is {was}; {choices(str(error['input']), allowed)}"
    wording = _WORDINGS.get(error["type"])
    if wording is not None:
        return wording.format(was=was, unquoted=_unquoted(error["input"]), **context)
    wanted = error["msg"][:1].lower() + error["msg"][1:]
    return f"is {was}; {wanted.removeprefix('input ')}"


def _unquoted(value: object) -> str:
    if isinstance(value, dict):
        return ", in quotes if they have a colon and a space inside"
    return ""


def _of_settings(document: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield what is wrong with kinds and their settings."""
    cast = document.get("cast")
    for index, role in enumerate(cast if isinstance(cast, list) else ()):
        if not isinstance(role, dict):
            continue
        kind, settings = role.get("kind", ACCOUNT), role.get("settings", {})
        terms = terms_of_kind(kind)
        if terms is None:
            if isinstance(kind, str):
                yield Flaw(("cast", index, "kind"), f"is {shown(kind)}; {choices(kind, [ACCOUNT, *KINDS])}")
        elif kind == ACCOUNT and settings:
            yield Flaw(
                ("cast", index, "settings"), "are of nobody: an account acts by the timeline alone; give it a kind"
            )
        elif isinstance(settings, dict):
            try:
                terms.model_validate(settings)
            except ValidationError as error:
                yield from _worded(error.errors(include_url=False), document, ("cast", index, "settings"))


def _of_conditions(document: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield what is wrong with conditions."""
    texts: list[tuple[Loc, object]] = [(("harm",), document.get("harm") or None)]
    texts += [(("asserts", *loc), text) for loc, text in _items(document.get("asserts"))]
    variants = document.get("variants")
    for name, variant in variants.items() if isinstance(variants, dict) else ():
        if isinstance(variant, dict):
            texts += [(("variants", name, "asserts", *loc), text) for loc, text in _items(variant.get("asserts"))]
    for loc, text in texts:
        if isinstance(text, str):
            try:
                condition = parse(text)
            except ConditionMalformed as fault:
                yield Flaw(loc, fault.message, offset=fault.offset)
            else:
                yield from (Flaw(loc, fault.message, offset=fault.offset) for fault in misfits(condition))


def _items(value: object) -> list[tuple[Loc, object]]:
    return [((index,), item) for index, item in enumerate(value)] if isinstance(value, list) else []
