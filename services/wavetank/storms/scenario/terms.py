"""A settings dataclass as a scenario writes it.

It exists so that everything that can be set is settable in a scenario, under its own name, and stays so: the model is
made from the dataclass. `partial_cooldown_ns: int` is written `partial_cooldown: 30s`, `vault_cap_micros: int` is
`vault_cap: 5M`, `slippage_ppm: int` is `slippage: 20bp`; what has no unit is written as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from wavetank.storms.scenario.quantities import Amount, Duration, Money, Ratio

_E6, _E12 = 10**6, 10**12

_SUFFIXES: dict[str, tuple[Any, int]] = {
    "_ns": (Duration, 1),
    "_micros": (Money, 1),
    "_ppm": (Ratio, _E12 // _E6),
    "_e6": (Ratio, _E12 // _E6),
    "_e12": (Ratio, 1),
}
"""Suffix of a field, what is written, and by what the written number is divided."""


class Terms(BaseModel):
    """Terms of something; what is not written stays as it is by default."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def written_name(name: str) -> str:
    """Return how a field is written in a scenario."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def terms_of(settings: type[Any], *, leave_out: frozenset[str] = frozenset(), module: str = "") -> type[Terms]:
    """Return a model whose optional fields are those of a settings dataclass that a scenario can write.

    Args:
        settings: the dataclass; its integers say their unit by their suffix.
        leave_out: fields that a scenario says elsewhere.
        module: which keeps the model under its name, `ClearingTerms` for `ClearingSettings`, `IndexRules` for
            `IndexTerms`.

    """
    wanted: dict[str, Any] = {}
    for field in fields(settings):
        if field.name in leave_out:
            continue
        kind = kind_of(field.name, _hint(settings, field))
        if kind is not None:
            wanted[written_name(field.name)] = (kind | None, None)
    known = settings.__name__
    name = (
        f"{known.removesuffix('Terms')}Rules" if known.endswith("Terms") else f"{known.removesuffix('Settings')}Terms"
    )
    # Where it is kept under this name, so that a page can travel to another process.
    return create_model(name, __base__=Terms, __module__=module or __name__, **wanted)


def _hint(settings: type[Any], field: Field[Any]) -> Any:  # noqa: ANN401 - a type.
    """Return the type of a field, or None if it is named for the checker alone: such a one cannot be written."""
    if not isinstance(field.type, str):
        return field.type
    try:
        return eval(field.type, vars(sys.modules[settings.__module__]))  # noqa: S307 - our own source says it.
    except NameError:
        return None


def kind_of(name: str, hint: Any) -> Any:  # noqa: ANN401 - a type, as `typing` has it.
    """Return the type of a field as a page writes it, or None if a page cannot write such a thing.

    Args:
        name: of the field, its unit last.
        hint: type of the field.

    """
    for suffix, (kind, _) in _SUFFIXES.items():
        if name.endswith(suffix) and hint is int:
            return kind
    if hint in {bool, int, str, float}:
        return hint
    if hint is Fraction or getattr(hint, "__name__", "") == "Decimal":
        return Amount
    if isinstance(hint, type) and issubclass(hint, Enum):
        # By name, for the numbers of an enum mean nothing to a reader.
        return _names(hint)
    return None


def _names(kind: type[Enum]) -> Any:  # noqa: ANN401 - a type.
    return Literal[tuple(member.name.lower() for member in kind)]


def given(terms: Terms | None, settings: type[Any]) -> dict[str, Any]:
    """Return what terms say, as arguments of the settings dataclass.

    Args:
        terms: made by `terms_of(settings)`, or None.
        settings: the dataclass.

    """
    if terms is None:
        return {}
    said: Mapping[str, Any] = terms.model_dump(exclude_none=True)
    arguments: dict[str, Any] = {}
    for field in fields(settings):
        written = written_name(field.name)
        if written in said:
            arguments[field.name] = _value(field.name, _hint(settings, field), said[written])
    return arguments


def _value(name: str, hint: Any, value: Any) -> Any:  # noqa: ANN401 - a field's.
    for suffix, (_, divisor) in _SUFFIXES.items():
        if name.endswith(suffix) and hint is int:
            return value // divisor
    if hint is Fraction:
        return Fraction(value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(member for member in hint if member.name.lower() == value)
    return value


def required(settings: type[Any]) -> list[str]:
    """Return the fields of a settings dataclass that have no default, as written."""
    return [
        written_name(field.name)
        for field in fields(settings)
        if field.default is MISSING and field.default_factory is MISSING
    ]


def counted(settings: type[Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as their dataclass counts them, from what a scenario says; what it does not know stays as said.

    `mean: 3k` becomes `mean_micros: 3000000000` where the dataclass has such a field; lists of dataclasses are counted
    item by item. What is unknown is refused by whoever makes the settings, who knows what is allowed.

    Args:
        settings: the dataclass.
        said: fields as written.

    Raises:
        ValueError: a quantity has another shape; the message names the field.

    """
    by_name = {written_name(field.name): field.name for field in fields(settings)}
    inner = _inner(settings)
    found: dict[str, Any] = {}
    for written, value in said.items():
        name = by_name.get(written, written)
        if name in inner and isinstance(value, list | tuple):
            found[name] = tuple(counted(inner[name], each) if isinstance(each, Mapping) else each for each in value)
        else:
            found[name] = _counted(name, written, value)
    return found


def _counted(name: str, written: str, value: Any) -> Any:  # noqa: ANN401 - a field's.
    for suffix, (kind, divisor) in _SUFFIXES.items():
        # A page may also say it in the dataclass's own words.
        if name.endswith(suffix) and name != written:
            try:
                number: int = TypeAdapter(kind).validate_python(value)
            except ValidationError as error:
                raise ValueError(f"{written}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
            return number // divisor
    return tuple(value) if isinstance(value, list) else value


def _inner(settings: type[Any]) -> dict[str, type[Any]]:
    """Return the dataclasses that fields hold tuples of."""
    found: dict[str, type[Any]] = {}
    for field in fields(settings):
        pending = [_hint(settings, field)]
        while pending:
            hint = pending.pop()
            if is_dataclass(hint) and isinstance(hint, type):
                found[field.name] = hint
            pending.extend(get_args(hint))
    return found
