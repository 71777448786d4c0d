"""Who trades by themselves, by the word of a page, and what they can be told.

It exists so that a page, the schema and the command line say the same of a role's settings. Kept true: every field of
a kind's settings can be written, in the units of a page; what a role says elsewhere, which instruments, is not among
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import create_model

from wavetank.client.strategies import DirectionalSettings, MarketMakerSettings, TakerSettings
from wavetank.storms.agents.casting import AGENT_KINDS
from wavetank.storms.scenario.quantities import Money
from wavetank.storms.scenario.terms import Terms, kind_of, written_name

ACCOUNT = "account"
"""Who acts by the timeline alone, and has no settings."""

KINDS: Final[Mapping[str, type[Any]]] = {
    "directional": DirectionalSettings,
    "market_maker": MarketMakerSettings,
    "taker_flow": TakerSettings,
    **{word: kind.settings for word, kind in AGENT_KINDS.items()},
}
"""Settings of every kind of role, by its word."""

IN_DOLLARS: Final[Mapping[type[Any], frozenset[str]]] = {
    MarketMakerSettings: frozenset({"size", "max_position"}),
    TakerSettings: frozenset({"mean_size", "max_position"}),
}
"""Fields in units of the base asset, which a page says in dollars: a crowd trades instruments of unlike prices."""

_MADE: Final[dict[tuple[type[Any], bool], type[Terms]]] = {}
"""A model is made once: two of the same name would be two definitions in a schema."""

_SAID_BY_THE_ROLE = frozenset({"instrument", "instruments"})


def terms_of_kind(kind: object) -> type[Terms] | None:
    """Return what a role of a kind can be told, or None if there is no such kind."""
    if kind == ACCOUNT or kind is None:
        return Terms
    return settings_terms(KINDS[kind], is_whole=True) if isinstance(kind, str) and kind in KINDS else None


def settings_terms(settings: type[Any], *, is_whole: bool = False) -> type[Terms]:
    """Return a model of settings as a page writes them; every field may be left out.

    Args:
        settings: the dataclass.
        is_whole: whether it is all of a role's settings rather than a part of them; the role then names instruments.

    """
    if (settings, is_whole) not in _MADE:
        _MADE[settings, is_whole] = _made(settings, is_whole=is_whole)
    return _MADE[settings, is_whole]


def _made(settings: type[Any], *, is_whole: bool) -> type[Terms]:
    hints = get_type_hints(settings, include_extras=True)
    written: dict[str, Any] = {}
    for field in fields(settings):
        if is_whole and field.name in _SAID_BY_THE_ROLE:
            continue
        if field.name in IN_DOLLARS.get(settings, ()):
            kind: Any = Money
        else:
            kind = _kind(field.name, hints[field.name])
        # Of two fields that differ by their unit alone the last has the short name, as where they are counted.
        earlier = written.pop(written_name(field.name), None)
        if earlier is not None:
            written[earlier[0]] = (earlier[0], int)
        written[written_name(field.name)] = (field.name, kind)
    wanted: dict[str, Any] = {name: (kind | None, None) for name, (_, kind) in written.items()}
    return create_model(f"{settings.__name__.removesuffix('Settings')}Terms", __base__=Terms, **wanted)


def _kind(name: str, hint: Any) -> Any:  # noqa: ANN401 - types, as `typing` has them.
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        # Its bounds are in the dataclass's unit; whoever makes the settings checks them.
        return _kind(name, arguments[0])
    if origin in {Union, UnionType}:
        return _kind(name, next(each for each in arguments if each is not type(None)))
    if origin is tuple:
        return tuple.__class_getitem__((_kind(name, arguments[0]), ...))
    if origin is Literal:
        return hint
    if isinstance(hint, type) and is_dataclass(hint):
        return settings_terms(hint)
    return kind_of(name, hint) or Any


def inner_settings(settings: type[Any]) -> list[type[Any]]:
    """Return a settings dataclass and those that its fields are made of."""
    found = [settings]
    pending = list(get_type_hints(settings).values())
    while pending:
        hint = pending.pop()
        pending.extend(get_args(hint))
        if isinstance(hint, type) and is_dataclass(hint) and hint not in found:
            found.append(hint)
            pending.extend(get_type_hints(hint).values())
    return found
