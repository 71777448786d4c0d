"""What each figure of a run is: its unit, where it stands in a table, and whether more of it is worse.

It exists so that the terminal, the page and the comparison write a figure alike, and so that a new figure needs one
line here, or none: what the table does not know is told by the suffix of its name, and else shown plainly.

Kept true: showing changes no figure; what is written is rounded for reading, the document keeps what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import TypeGuard, TypeVar

from wavetank.cli.times import show_duration
from wavetank.storms.measure.record import Figure

NOTHING = "–"
"""Stands where a figure has no value."""
_T = TypeVar("_T")
_MICROS = 1_000_000
_SECOND_NS = 1_000_000_000
_PERCENT = 100


class Unit(StrEnum):
    """What a figure counts."""

    MONEY = "money"
    """Micro-dollars, shown as dollars."""
    DURATION = "duration"
    """Nanoseconds."""
    SHARE = "share"
    """A fraction, shown in per cent."""
    BASIS_POINTS = "basis points"
    RATIO = "ratio"
    """Such as health: a plain fraction."""
    LOTS = "lots"
    COUNT = "count"
    PLAIN = "plain"


class Group(StrEnum):
    """Where a figure stands in a table; in this order."""

    INVARIANTS = "what must never break"
    MONEY = "fund, vault and debt"
    LIQUIDATIONS = "liquidations"
    DELEVERAGING = "auto-deleveraging"
    PRICES = "prices"
    BOOKS = "books"
    PEOPLE = "refusals, escalations and decisions"
    OTHER = "other"
    BOTS = "bots"
    ACCOUNTS = "accounts"


class Worse(StrEnum):
    """Which way a figure gets worse for the venue, or for whom it is about."""

    MORE = "more"
    LESS = "less"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a figure by its name."""

    group: Group
    unit: Unit
    worse: Worse = Worse.UNKNOWN


_VENUE: dict[str, Kind] = {
    "ledger": Kind(Group.INVARIANTS, Unit.PLAIN),
    "positions": Kind(Group.INVARIANTS, Unit.PLAIN),
    "waterfall": Kind(Group.INVARIANTS, Unit.PLAIN),
    "bad_debt": Kind(Group.MONEY, Unit.MONEY, Worse.MORE),
    "socialised": Kind(Group.MONEY, Unit.MONEY, Worse.MORE),
    "debt": Kind(Group.MONEY, Unit.MONEY, Worse.MORE),
    "fund": Kind(Group.MONEY, Unit.MONEY, Worse.LESS),
    "fund.loss": Kind(Group.MONEY, Unit.MONEY, Worse.MORE),
    "vault": Kind(Group.MONEY, Unit.MONEY, Worse.LESS),
    "vault.loss": Kind(Group.MONEY, Unit.MONEY, Worse.MORE),
    "vault.loss_share": Kind(Group.MONEY, Unit.SHARE, Worse.MORE),
    "liquidations": Kind(Group.LIQUIDATIONS, Unit.PLAIN),
    "liquidations.count": Kind(Group.LIQUIDATIONS, Unit.COUNT, Worse.MORE),
    "liquidations.notional": Kind(Group.LIQUIDATIONS, Unit.MONEY, Worse.MORE),
    "cascades": Kind(Group.LIQUIDATIONS, Unit.COUNT, Worse.MORE),
    "cascades.multiplier_max": Kind(Group.LIQUIDATIONS, Unit.RATIO, Worse.MORE),
    "adl": Kind(Group.DELEVERAGING, Unit.PLAIN),
    "adl.count": Kind(Group.DELEVERAGING, Unit.COUNT, Worse.MORE),
    "adl.notional": Kind(Group.DELEVERAGING, Unit.MONEY, Worse.MORE),
    "adl.given_up": Kind(Group.DELEVERAGING, Unit.MONEY, Worse.MORE),
    "adl.first_ns": Kind(Group.DELEVERAGING, Unit.DURATION),
    "mark.gap_max": Kind(Group.PRICES, Unit.SHARE, Worse.MORE),
    "index.lag_max": Kind(Group.PRICES, Unit.DURATION, Worse.MORE),
    "spread": Kind(Group.BOOKS, Unit.BASIS_POINTS, Worse.MORE),
    "depth": Kind(Group.BOOKS, Unit.LOTS, Worse.LESS),
    "refused": Kind(Group.PEOPLE, Unit.COUNT),
    "rejections": Kind(Group.PEOPLE, Unit.COUNT),
    "escalations": Kind(Group.PEOPLE, Unit.COUNT),
    "time_to_escalate": Kind(Group.PEOPLE, Unit.DURATION, Worse.MORE),
    "decisions": Kind(Group.PEOPLE, Unit.COUNT),
    "orders.p99_ack": Kind(Group.OTHER, Unit.DURATION, Worse.MORE),
}
"""By the longest beginning of the name, whole parts between points at a time."""
_PERSONAL: dict[str, tuple[Unit, Worse]] = {
    "pnl": (Unit.MONEY, Worse.LESS),
    "min_health": (Unit.RATIO, Worse.LESS),
    "min_equity": (Unit.MONEY, Worse.LESS),
    "end_equity": (Unit.MONEY, Worse.LESS),
    "withdrawn": (Unit.MONEY, Worse.UNKNOWN),
    "deposited": (Unit.MONEY, Worse.UNKNOWN),
    "liquidated": (Unit.MONEY, Worse.MORE),
    "adl": (Unit.MONEY, Worse.MORE),
    "time_to_flat": (Unit.DURATION, Worse.MORE),
    "residual_delta": (Unit.MONEY, Worse.MORE),
    "fills": (Unit.COUNT, Worse.UNKNOWN),
    "volume": (Unit.MONEY, Worse.UNKNOWN),
    "quote_uptime": (Unit.SHARE, Worse.LESS),
    "realised_spread": (Unit.BASIS_POINTS, Worse.LESS),
    "effective_spread": (Unit.BASIS_POINTS, Worse.UNKNOWN),
    "markout": (Unit.BASIS_POINTS, Worse.LESS),
    "markouts": (Unit.BASIS_POINTS, Worse.LESS),
    "picked_off_share": (Unit.SHARE, Worse.MORE),
    "unhedged_ns": (Unit.DURATION, Worse.MORE),
    "rejections": (Unit.COUNT, Worse.MORE),
}
"""Of an account, a role, or the bots, by the measure behind the subject."""
_SUFFIXES: dict[str, Unit] = {
    "_ns": Unit.DURATION,
    "_bps": Unit.BASIS_POINTS,
    "_share": Unit.SHARE,
    "_micros": Unit.MONEY,
    "_lots": Unit.LOTS,
    "_count": Unit.COUNT,
}
KEY_MEASURES = (
    "min_health",
    "pnl",
    "bad_debt",
    "liquidations.notional",
    "adl.notional",
    "picked_off_share",
    "quote_uptime",
    "time_to_flat",
    "time_to_escalate",
    "fund.loss",
    "vault.loss",
)
"""What seeds are compared by first; the rest of the distribution follows in the order of the groups."""
VALUE_AT_RISK = {"bad_debt": "VaR95", "liquidations.notional": "LaR95"}
"""Names by which the 95th percentile of a figure is known."""
_AXES: dict[Unit, tuple[str, float]] = {
    Unit.MONEY: ("dollars", 1 / _MICROS),
    Unit.DURATION: ("seconds", 1 / _SECOND_NS),
    Unit.SHARE: ("per cent", float(_PERCENT)),
    Unit.BASIS_POINTS: ("basis points", 1.0),
    Unit.LOTS: ("lots", 1.0),
}


def split_subject(name: str) -> tuple[str, str]:
    """Return whom a figure is about and what is measured: `account(a).pnl` is of `account(a)`; the venue is nobody."""
    if name.startswith("bot."):
        return "bot", name.removeprefix("bot.")
    for opening in ("account(", "role("):
        subject, closing, measure = name.partition(").")
        if name.startswith(opening) and closing:
            return f"{subject})", measure
    return "", name


def kind_of(name: str) -> Kind:
    """Return what is known of a figure by its name."""
    subject, measure = split_subject(name)
    plain, _, _ = measure.partition("(")
    if not subject:
        known = _longest(_VENUE, plain)
        return Kind(Group.OTHER, _by_suffix(plain)) if known is None else _sharpened(known, plain)
    group = Group.BOTS if subject == "bot" else Group.ACCOUNTS
    personal = _longest(_PERSONAL, plain)
    if personal is None:
        return Kind(group, _by_suffix(plain))
    return Kind(group, *personal)


def show_figure(name: str, value: Figure) -> str:
    """Return a figure as a person reads it: dollars, per cent, a duration."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case _:
            return _number(kind_of(name).unit, value)


def show_difference(name: str, first: Figure, second: Figure) -> str:
    """Return how the second value differs from the first, signed; `=` for none."""
    if first == second and isinstance(first, bool) == isinstance(second, bool):
        return "="
    if not is_number(first) or not is_number(second):
        return "≠"
    difference = second - first
    shown = _number(kind_of(name).unit, difference)
    return shown if shown.startswith("-") else f"+{shown}"


def is_worse(name: str, first: Figure, second: Figure) -> bool | None:
    """Return whether the second value is worse than the first; None where that is not known, or nothing changed."""
    worse = kind_of(name).worse
    if isinstance(first, bool) and isinstance(second, bool) and first != second:
        return first if kind_of(name).group is Group.INVARIANTS else None
    if worse is Worse.UNKNOWN or not is_number(first) or not is_number(second) or first == second:
        return None
    return (second > first) == (worse is Worse.MORE)


def is_number(value: Figure) -> TypeGuard[int | float]:
    """Return whether a figure can be ranked: a whole number or a finite fraction, no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def axis_of(name: str) -> tuple[str, float]:
    """Return the label of an axis for a figure, and by what its values are multiplied there."""
    return _AXES.get(kind_of(name).unit, ("", 1.0))


def in_order(names: list[str]) -> list[str]:
    """Return names by group, venue before bots before accounts; inside a group as the table has them, then by name."""
    groups, order = list(Group), [*_VENUE, *_PERSONAL]
    places = {name: place for place, name in enumerate(order)}

    def key(name: str) -> tuple[int, str, int, str]:
        subject, measure = split_subject(name)
        plain, _, _ = measure.partition("(")
        known = _longest({each: each for each in places}, plain)
        return groups.index(kind_of(name).group), subject, len(order) if known is None else places[known], name

    return sorted(names, key=key)


def is_key(name: str) -> bool:
    """Return whether seeds are compared by a figure first; of single accounts none is."""
    subject, measure = split_subject(name)
    return measure in KEY_MEASURES and not subject.startswith("account(")


def _longest(table: dict[str, _T], name: str) -> _T | None:
    """Return what a table has for the longest beginning of a name, whole parts between points at a time."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        known = table.get(".".join(parts[:length]))
        if known is not None:
            return known
    return table.get(_stem(parts[0]))


def _stem(part: str) -> str:
    # `markout_1s_bps` is a markout; the unit behind it stays with the suffix.
    stem, _, _ = part.partition("_")
    return stem if stem == "markout" else part.removesuffix("_bps").removesuffix("_ns")


def _by_suffix(name: str) -> Unit:
    return next((unit for suffix, unit in _SUFFIXES.items() if name.endswith(suffix)), Unit.PLAIN)


def _sharpened(known: Kind, name: str) -> Kind:
    """Return what is known of a family, with the unit that the name itself ends with."""
    unit = _by_suffix(name)
    return known if name in _VENUE or unit is Unit.PLAIN else Kind(known.group, unit)


def _number(unit: Unit, value: float) -> str:
    if not isfinite(value):
        return "∞" if value > 0 else "-∞" if value < 0 else NOTHING
    match unit:
        case Unit.MONEY:
            return f"{'-' if value < 0 else ''}${abs(value) / _MICROS:,.2f}"
        case Unit.DURATION:
            return show_duration(round(value))
        case Unit.SHARE:
            return f"{value * _PERCENT:.2f}%"
        case Unit.BASIS_POINTS:
            return f"{value:.2f} bp"
        case Unit.RATIO:
            return f"{value:.3f}"
        case _:
            return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
