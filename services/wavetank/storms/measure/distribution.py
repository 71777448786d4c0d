"""Figures over many seeds: percentiles, and the two that stand for a venue's risk.

The percentile is the nearest rank: of n values in order the P-th percentile is the one at rank `ceil(P × n / 100)`,
counted from 1. It is always a value that was seen, the seed that had it can be run again, and no fraction decides it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypeGuard, TypeVar

from wavetank.storms.measure.record import Figure, RunRecord

Value = TypeVar("Value", int, float)

OVER_SEEDS = ("bad_debt", "liquidations.notional", "adl.notional", "adl.given_up", "fund.loss", "vault.loss")
"""Figures of the venue that seeds are compared by; `time_to_escalate` too."""
OF_PEOPLE = ("min_health", "pnl", "picked_off_share", "quote_uptime", "time_to_flat")
"""Figures of bots and roles that they are compared by."""
VALUE_AT_RISK = {"VaR95": "bad_debt", "LaR95": "liquidations.notional"}
"""Names of 95th percentiles that are known by one."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """One figure over seeds."""

    count: int
    """Seeds that had a value."""
    p5: int | float
    p50: int | float
    p95: int | float
    least: int | float
    most: int | float


def nearest_rank(values: Sequence[Value], percent: int) -> Value | None:
    """Return a percentile of values in any order, or None of none.

    Raises:
        ValueError: the per cent is not within 1 and 100.

    """
    if not 1 <= percent <= 100:  # noqa: PLR2004 - it is a per cent.
        message = f"a percentile lies within 1 and 100, not at {percent}"
        raise ValueError(message)
    if not values:
        return None
    return sorted(values)[-(-percent * len(values) // 100) - 1]


def is_number(value: Figure) -> TypeGuard[int | float]:
    """Tell whether a figure can be ranked."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def distribution(values: Iterable[Figure]) -> Distribution | None:
    """Return how a figure is spread, or None if no seed had a number."""
    known: list[float] = [value for value in values if is_number(value)]
    if not known:
        return None
    ordered = sorted(known)

    def at(percent: int) -> float:
        return ordered[-(-percent * len(ordered) // 100) - 1]

    return Distribution(len(ordered), at(5), at(50), at(95), ordered[0], ordered[-1])


def compared_names(figures: Mapping[str, Figure]) -> list[str]:
    """Return the names that seeds are compared by, of those that a run has: the venue's, then bots' and roles'."""
    of_people = [
        name
        for name in figures
        if name.startswith(("bot.", "role(", "account(")) and name.rpartition(".")[2] in OF_PEOPLE
    ]
    return [name for name in (*OVER_SEEDS, "time_to_escalate") if name in figures] + of_people


def distributions(records: Sequence[RunRecord]) -> dict[str, Distribution]:
    """Return how the figures of several runs of one variant are spread, by name.

    Runs that broke have no say: what broke them may have cut them short.
    """
    whole = [record for record in records if not record.failure]
    names = dict.fromkeys(name for record in whole for name in compared_names(record.figures))
    found = {name: distribution(record.figures.get(name) for record in whole) for name in names}
    return {name: spread for name, spread in found.items() if spread is not None}
