"""The schema that editors read is what the venue takes."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from wavetank.storms.scenario.library import shipped_names, text_of
from wavetank.storms.scenario.page import read_page
from wavetank.storms.scenario.schema import SCHEMA, meanings_of, schema, schema_text, write_schema
from wavetank.storms.scenario.template import new_scenario

HEADER = "# yaml-language-server: $schema=schema.json\n"


def faults(document: object) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema())
    return [".".join(map(str, error.path)) for error in validator.iter_errors(document)]


def template() -> dict[str, Any]:
    document: dict[str, Any] = read_page(new_scenario("mine"), "mine.yaml").document
    return document


def test_the_schema_is_fresh(tmp_path: Path) -> None:
    write_schema(tmp_path / "schema.json")
    fresh = (tmp_path / "schema.json").read_text(encoding="utf-8")
    assert fresh == SCHEMA.read_text(encoding="utf-8"), (
        "run `.venv/bin/python -c 'from wavetank.storms.scenario.schema import write_schema; write_schema()'`"
    )
    assert json.loads(fresh) == schema()
    assert schema_text() == fresh


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_page_is_as_the_schema_says_and_names_it(name: str) -> None:
    text = text_of(name)
    assert text.startswith(HEADER)
    assert faults(read_page(text, name).document) == []


def test_the_schema_refuses_what_the_venue_refuses() -> None:
    document = template()
    assert faults(document) == []
    document["cast"][0]["settings"]["half_spred"] = 1
    document["cast"][1]["kind"] = "nobody"
    document["timeline"][0]["at"] = "soon"
    document["heading"] = "x"
    del document["duration"]
    assert sorted(faults(document)) == ["", "", "cast.0.settings", "cast.1.kind", "timeline.0.at"]


def test_meanings_units_and_defaults_stand_in_it_as_a_page_writes_them() -> None:
    definitions = schema()["$defs"]
    assert definitions["DistanceTerms"]["properties"]["orders"]["default"] == "2ms"
    assert definitions["Role"]["properties"]["deposit"]["default"] == "100000"
    assert definitions["Market"]["properties"]["correlation"]["default"] == "80%"
    assert definitions["Step"]["properties"]["at"]["description"] == "Behind the scenario's beginning."
    assert definitions["ClearingTerms"]["properties"]["vault_cap"]["description"].startswith("Largest gross notional")
    assert definitions["MarketMakerTerms"]["properties"]["size"]["description"] == "Of the innermost quote, in dollars."


def test_meanings_are_read_below_fields_and_in_docstrings() -> None:
    class Told:
        """Settings.

        Attributes:
            first: what comes first,
                and goes on.
            second: what comes second.
        """

        first: int = 1
        second: int = 2
        """Said below."""
        third: int = 3

    Told.__dataclass_fields__ = {}  # type: ignore[attr-defined] # Enough of a dataclass to be asked.
    assert meanings_of(Told) == {"first": "What comes first, and goes on.", "second": "Said below."}
