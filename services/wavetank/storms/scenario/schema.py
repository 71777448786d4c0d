"""The schema of pages, for editors that complete and check while somebody writes.

It exists so that the field that is meant is one keystroke away. Kept true: it is written from the models, so that what
an editor takes the venue takes; names, units, defaults and meanings stand in it as a page writes them.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel

from wavetank.clearing.core.settings import ClearingSettings
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.matching.core.settings import EngineSettings
from wavetank.oracle.core.settings import OracleSettings
from wavetank.storms.scenario.document import Role, Scenario
from wavetank.storms.scenario.kinds import ACCOUNT, IN_DOLLARS, KINDS, inner_settings, terms_of_kind
from wavetank.storms.scenario.quantities import Written
from wavetank.storms.scenario.terms import written_name

SCHEMA = Path(__file__).parents[1] / "scenarios" / "schema.json"
"""Where it is committed, beside the pages that name it."""

_SETTINGS: Final = (ClearingSettings, EngineSettings, OracleSettings, OrderingSettings)
_ATTRIBUTE = re.compile(r"^ {4}(\w+): ([^\n]+(?:\n {5,}[^\n]+)*)", re.MULTILINE)


def schema() -> dict[str, Any]:
    """Return the JSON schema of a scenario."""
    models: dict[str, type[BaseModel]] = {model.__name__: model for model in _models(Scenario)}
    made: dict[str, Any] = Scenario.model_json_schema()
    definitions: dict[str, Any] = made["$defs"]
    dataclasses = {f"{each.__name__.removesuffix('Settings')}Terms": each for each in _SETTINGS}
    for kind, settings in sorted(KINDS.items()):
        terms = terms_of_kind(kind)
        assert terms is not None, "a kind has terms"
        own = terms.model_json_schema()
        definitions |= own.pop("$defs", {}) | {terms.__name__: own}
        models |= {model.__name__: model for model in _models(terms)}
        dataclasses |= {f"{each.__name__.removesuffix('Settings')}Terms": each for each in inner_settings(settings)}
    for name, model in models.items():
        _tell_defaults(made if model is Scenario else definitions[name], model)
    for name, settings in dataclasses.items():
        _tell_meanings(definitions[name], settings)
    _tell_kinds(definitions[Role.__name__])
    _tidy(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A storm of Wavetank"} | {
        key: value for key, value in made.items() if key != "title"
    }


def schema_text() -> str:
    """Return the schema as its file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def write_schema(path: Path = SCHEMA) -> None:
    """Write the schema where it is committed."""
    path.write_text(schema_text(), encoding="utf-8")


def _models(model: type[BaseModel], found: dict[type[BaseModel], None] | None = None) -> Iterator[type[BaseModel]]:
    """Yield a model and all that stand inside it."""
    met = {} if found is None else found
    if model in met:
        return
    met[model] = None
    yield model
    pending = [field.annotation for field in model.model_fields.values()]
    while pending:
        hint = pending.pop()
        pending.extend(get_args(hint))
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            yield from _models(hint, met)


def _tell_defaults(definition: dict[str, Any], model: type[BaseModel]) -> None:
    """Put defaults in the words of a page: `2ms`, not 2000000."""
    for name, field in model.model_fields.items():
        told = definition["properties"][name]
        default = told.get("default")
        if default is None or default == "" or isinstance(default, dict | list):
            told.pop("default", None)
        elif isinstance(default, int) and not isinstance(default, bool):
            marks = [mark for mark in field.metadata if isinstance(mark, Written)]
            marks += [
                mark for hint in get_args(field.annotation) for mark in get_args(hint) if isinstance(mark, Written)
            ]
            told["default"] = marks[0].write(default) if marks else default


def _tell_meanings(definition: dict[str, Any], settings: type[Any]) -> None:
    """Give the fields of a settings dataclass the meanings that the dataclass tells."""
    for name, meaning in meanings_of(settings).items():
        told = definition["properties"].get(written_name(name))
        if told is not None:
            in_dollars = name in IN_DOLLARS.get(settings, ())
            told["description"] = meaning.replace("in units of the base asset", "in dollars") if in_dollars else meaning


def meanings_of(settings: type[Any]) -> dict[str, str]:
    """Return what a dataclass says of its fields: below each, or in its docstring under `Attributes:`."""
    assert is_dataclass(settings), f"{settings} has fields"
    listed = inspect.cleandoc(settings.__doc__ or "").partition("Attributes:")[2]
    found = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(listed)}
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(tree, ast.ClassDef), "a dataclass is a class"
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            found[field.target.id] = " ".join(below.value.value.split())
    return {name: f"{text[:1].upper()}{text[1:]}" for name, text in found.items()}


def _tell_kinds(role: dict[str, Any]) -> None:
    """Let the kind of a role decide what its settings may be."""
    role["properties"]["kind"]["enum"] = [ACCOUNT, *sorted(KINDS)]
    role["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"properties": {"settings": {"$ref": f"#/$defs/{terms.__name__}"}}},
        }
        for kind in sorted(KINDS)
        if (terms := terms_of_kind(kind)) is not None
    ]


def _tidy(value: Any) -> None:  # noqa: ANN401 - JSON.
    """Take out what says nothing: generated titles, and that what may be left out may be written as nothing."""
    if isinstance(value, dict):
        kinds = [kind for kind in value.get("anyOf", ()) if kind != {"type": "null"}]
        if len(kinds) == 1:
            del value["anyOf"]
            value |= kinds[0] | value
        if isinstance(value.get("title"), str):
            del value["title"]
        for key, below in value.items():
            # A field may itself be called title.
            if key == "properties" and isinstance(below, Mapping):
                for field in below.values():
                    _tidy(field)
            else:
                _tidy(below)
    elif isinstance(value, list):
        for each in value:
            _tidy(each)
