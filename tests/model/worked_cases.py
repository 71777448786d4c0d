"""The collection of numbers that venues published or were observed to use, and how a test asks for one.

It exists so that files of several topics run the cases by the same ids and to each case's own tolerance.
"""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CaseFile = dict[str, Any]


@cache
def _cases(path: Path) -> dict[str, CaseFile]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return {case["id"]: case for case in content["cases"]}


def cases(market_data: Path) -> dict[str, CaseFile]:
    """Return every case by id, or skip the test where the collection is missing."""
    path = market_data / "vectors" / "numeric_cases.json"
    if not path.is_file():
        pytest.skip(f"the worked numbers are not on this machine: {path} is missing")
    return _cases(path)


def each(*ids: str) -> pytest.MarkDecorator:
    """Run a test once for each of these cases; it takes the case as `case`."""
    return pytest.mark.parametrize("case", ids, indirect=True)


def assert_close(found: Fraction, expected: str | int, tolerance: dict[str, Any]) -> None:
    """Assert that a number is the expected one, to the case's tolerance."""
    wanted = Fraction(Decimal(str(expected)))
    if "rel" in tolerance:
        assert abs(found - wanted) <= abs(wanted) * Fraction(tolerance["rel"])
    else:
        assert abs(found - wanted) <= Fraction(str(tolerance["abs"]))


def whole(text: str | int, scale: int) -> int:
    """Return a number times a scale, which must be whole."""
    value = Decimal(text) * scale
    assert value == int(value), f"{text} is no whole number of 1/{scale}"
    return int(value)
