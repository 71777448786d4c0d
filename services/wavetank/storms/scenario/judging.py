"""Whether a condition holds of a run, and what was seen.

Figures are plain data: money in micro-dollars, times in nanoseconds, shares as fractions. A value is brought into the
unit of its figure, never the other way round, so that a whole number is compared exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import eq, ge, gt, le, lt, ne
from typing import Final, Protocol, assert_never

from wavetank.cli.amounts import show_dollars
from wavetank.storms.measure.record import Figure
from wavetank.storms.scenario.conditions import (
    ORDERED,
    Comparison,
    Condition,
    Either,
    Every,
    Holds,
    Not,
    Operator,
    Path,
    Unit,
    Value,
)
from wavetank.storms.scenario.quantities import write_duration


class Figures(Protocol):
    """Where figures come from."""

    def figure(self, path: str, arguments: Mapping[str, str]) -> Figure:
        """Return a figure.

        Args:
            path: its name, for instance `account(attacker).pnl`.
            arguments: as the condition writes them, for instance `vault_loss` and `10%`.

        Raises:
            LookupError: there is none of that name.

        """


class ConditionUnfit(ValueError):
    """A condition asks of a figure what it cannot be: of words whether they are more than 3, for instance."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a condition."""

    holds: bool
    seen: str
    """Every figure that it names and what that was, in the units of the condition."""


_COMPARES: Final = {
    Operator.LESS: lt,
    Operator.AT_MOST: le,
    Operator.MORE: gt,
    Operator.AT_LEAST: ge,
    Operator.EQUAL: eq,
    Operator.UNEQUAL: ne,
}


def judge(condition: Condition, figures: Figures) -> Verdict:
    """Return whether a condition holds, looking at every figure that it names.

    A figure that is none is unequal to every value, and neither more nor less than any.

    Args:
        condition: as parsed.
        figures: of the run.

    Raises:
        ConditionUnfit: a figure is of another kind than the condition takes it for.
        LookupError: a figure is not known.

    """
    seen: dict[str, None] = {}
    holds = _holds(condition, figures, seen)
    return Verdict(holds, "; ".join(seen))


def _holds(condition: Condition, figures: Figures, seen: dict[str, None]) -> bool:
    match condition:
        case Holds(path):
            figure = _look(path, figures)
            seen[f"{path} is {_shown(figure, Unit.TRUTH)}"] = None
            if figure is not None and not isinstance(figure, bool):
                raise ConditionUnfit(
                    f"{path} is {_shown(figure, Unit.PLAIN)}, not true or false; compare it with a value"
                )
            return bool(figure)
        case Comparison(path, operator, value):
            figure = _look(path, figures)
            seen[f"{path} is {_shown(figure, value.unit)}"] = None
            return _compares(path, figure, operator, value)
        case Not(part):
            return not _holds(part, figures, seen)
        case Every(parts):
            return all(_each(parts, figures, seen))
        case Either(parts):
            return any(_each(parts, figures, seen))
        case _:
            assert_never(condition)


def _each(parts: Sequence[Condition], figures: Figures, seen: dict[str, None]) -> list[bool]:
    # Every figure is looked at, whatever those before it say.
    return [_holds(part, figures, seen) for part in parts]


def _look(path: Path, figures: Figures) -> Figure:
    return figures.figure(path.name, dict(path.arguments))


def _compares(path: Path, figure: Figure, operator: Operator, value: Value) -> bool:
    if figure is None or value.unit is Unit.NOTHING:
        is_same = figure is None and value.unit is Unit.NOTHING
        return operator not in ORDERED and is_same == (operator is Operator.EQUAL)
    if isinstance(figure, str) or value.unit is Unit.WORDS:
        if not (isinstance(figure, str) and value.unit is Unit.WORDS):
            raise _unfit(path, figure, value)
        return bool(_COMPARES[operator](figure, value.words))
    if isinstance(figure, bool) or value.unit is Unit.TRUTH:
        if not (isinstance(figure, bool) and value.unit is Unit.TRUTH):
            raise _unfit(path, figure, value)
        return bool(_COMPARES[operator](figure, bool(value.amount)))
    # A float that stands for 10 % is equal to the float of 10 %, not to a tenth.
    amount = float(value.amount) if isinstance(figure, float) else value.amount
    return bool(_COMPARES[operator](figure, amount))


def _unfit(path: Path, figure: Figure, value: Value) -> ConditionUnfit:
    return ConditionUnfit(f"{path} is {_shown(figure, Unit.PLAIN)}, which cannot be compared with {value}")


def _shown(figure: Figure, unit: Unit) -> str:
    if figure is None:
        return "none"
    if isinstance(figure, bool):
        return "true" if figure else "false"
    if isinstance(figure, str):
        return f'"{figure}"'
    if not isfinite(figure):
        return str(figure)
    if unit is Unit.MONEY:
        return f"{show_dollars(round(figure))} dollars"
    if unit is Unit.DURATION:
        whole = round(figure)
        return f"{'-' if whole < 0 else ''}{write_duration(abs(whole))}"
    if unit is Unit.SHARE:
        return f"{float(figure) * 100:.6g}%"
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.6g}"
