"""Which names may stand where on a page, asked of the models.

It exists so that a misspelt field is met with the one that was meant, on a page as in `--set`. Kept true: the models
alone say what may be written; here nothing is listed a second time.
"""

from __future__ import annotations

from collections.abc import Collection
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.kinds import terms_of_kind
from wavetank.storms.scenario.page import Loc


def names_at(loc: Loc, document: object, model: type[BaseModel] = Scenario) -> Collection[str] | None:
    """Return the fields that a value may have.

    Args:
        loc: the way to the value.
        document: plain values around it, for what its fields are may depend on a word beside it: a role's settings
            are those of its kind.
        model: of the document.

    Returns:
        the names; None where any name may stand, or none because the value is no mapping.

    """
    hint: Any = model
    value = document
    for part in loc:
        hint = _below(hint, part, value)
        value = _item(value, part)
        if hint is None:
            return None
    fields = _model_in(hint)
    return None if fields is None else list(fields.model_fields)


def _below(hint: Any, part: str | int, value: object) -> Any:  # noqa: ANN401 - types, as `typing` has them.
    """Return the type of an item of something, or None if it is not known."""
    for kind in _kinds(hint):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if part == "settings" and "kind" in kind.model_fields:
                return terms_of_kind(_item(value, "kind"))
            field = kind.model_fields.get(str(part))
            if field is not None:
                return field.annotation
        elif get_origin(kind) is tuple and isinstance(part, int):
            return get_args(kind)[0]
        elif get_origin(kind) is dict:
            return get_args(kind)[1]
    return None


def _model_in(hint: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type.
    return next((kind for kind in _kinds(hint) if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _kinds(hint: Any) -> list[Any]:  # noqa: ANN401 - a type.
    """Return the members of a union, without what annotates them."""
    if get_origin(hint) is Annotated:
        return _kinds(get_args(hint)[0])
    if get_origin(hint) in {Union, UnionType}:
        return [kind for member in get_args(hint) for kind in _kinds(member)]
    return [hint]


def _item(value: object, part: str | int) -> object:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
