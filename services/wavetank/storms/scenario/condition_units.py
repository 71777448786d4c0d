"""Whether a condition compares like with like: each figure with a value of its own unit.

It exists because a figure is a plain number of micro-dollars or nanoseconds, so that `fund.loss > 1000` would ask for a
thousandth of a dollar and nobody would see it. Kept true: what passes can be judged, whatever the run came to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wavetank.storms.measure import figures as _measured  # noqa: F401 - all figures register themselves.
from wavetank.storms.measure.catalogue import Unit as FigureUnit
from wavetank.storms.measure.catalogue import meaning_of
from wavetank.storms.scenario.condition_words import ConditionMalformed
from wavetank.storms.scenario.conditions import Comparison, Condition, Holds, Not, Unit, Value


@dataclass(frozen=True, slots=True)
class _Written:
    """How values of a figure are written."""

    units: frozenset[Unit]
    what: str
    """What is said of the figure."""
    example: str


_WRITTEN = {
    FigureUnit.MONEY: _Written(frozenset({Unit.MONEY}), "is money", "$1000 or 5M"),
    FigureUnit.DURATION: _Written(frozenset({Unit.DURATION}), "is a duration", "30s or 250ms"),
    FigureUnit.SHARE: _Written(frozenset({Unit.SHARE, Unit.PLAIN}), "is a share", "10% or 0.1"),
    FigureUnit.BPS: _Written(frozenset({Unit.PLAIN}), "counts basis points", "2.5"),
    FigureUnit.RATIO: _Written(frozenset({Unit.PLAIN}), "is a ratio", "1.5"),
    FigureUnit.COUNT: _Written(frozenset({Unit.PLAIN}), "is a count", "3"),
    FigureUnit.TRUTH: _Written(frozenset({Unit.TRUTH}), "is true or false", "true or false"),
    FigureUnit.WORDS: _Written(frozenset({Unit.WORDS}), "is words", '"cancel, partial"'),
}
_NUMBERS = frozenset(FigureUnit) - {FigureUnit.TRUTH, FigureUnit.WORDS}


def misfits(condition: Condition) -> Iterator[ConditionMalformed]:
    """Yield what a condition compares with a value of another unit, from left to right.

    A plain 0 is nothing in every unit of a number, and `none` may be asked of every figure. Of a figure that nothing
    measures nothing is said here.
    """
    match condition:
        case Holds(path):
            meaning = meaning_of(path.name)
            if meaning is not None and meaning.unit is not FigureUnit.TRUTH:
                written = _WRITTEN[meaning.unit]
                yield ConditionMalformed(
                    f"asks whether {path} is true, which {written.what}: compare it with a value, "
                    f"for instance {written.example}",
                    path.offset,
                )
        case Comparison(path, _, value):
            meaning = meaning_of(path.name)
            if meaning is not None and not _fits(meaning.unit, value):
                written = _WRITTEN[meaning.unit]
                yield ConditionMalformed(
                    f"compares {path} with {value}, but it {written.what}: write {_meant(meaning.unit, value)}",
                    value.offset,
                )
        case Not(part):
            yield from misfits(part)
        case _:
            for part in condition.parts:
                yield from misfits(part)


def _fits(unit: FigureUnit, value: Value) -> bool:
    is_zero = value.unit is Unit.PLAIN and value.amount == 0 and unit in _NUMBERS
    return value.unit is Unit.NOTHING or is_zero or value.unit in _WRITTEN[unit].units


def _meant(unit: FigureUnit, value: Value) -> str:
    """Return what to write instead: a plain number with its unit where that says it, else an example."""
    if value.unit is Unit.PLAIN and unit is FigureUnit.MONEY:
        return f"-${value.text[1:]}" if value.text.startswith("-") else f"${value.text}"
    if value.unit is Unit.PLAIN and unit is FigureUnit.DURATION:
        return f"{value.text}s"
    return f"for instance {_WRITTEN[unit].example}"
