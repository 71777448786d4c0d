"""How each figure of a run is shown: by its unit, in its place, and whether more of it is worse.

It exists so that the terminal, the page and the comparison write a figure alike. What a figure counts is told where it
is measured; one that is not measured any more, read from an old document, is told by the suffix of its name, and else
shown plainly.

Kept true: showing changes no figure; what is written is rounded for reading, the document keeps what was measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from wavetank.cli.times import show_duration
from wavetank.storms.measure import figures as _measured  # noqa: F401 - all figures register themselves.
from wavetank.storms.measure.catalogue import (
    INSTRUMENT,
    PERSON,
    VENUE,
    WITH_ARGUMENTS,
    Unit,
    families,
    meaning_of,
    split_subject,
)
from wavetank.storms.measure.distribution import OF_PEOPLE, OVER_SEEDS, is_number
from wavetank.storms.measure.record import Figure
from wavetank.storms.measure.venue_members import TOLD_OF

NOTHING = "–"
"""Stands where a figure has no value."""
_MICROS = 1_000_000
_SECOND_NS = 1_000_000_000
_PERCENT = 100


class Group(StrEnum):
    """Where a figure stands in a table; in this order."""

    INVARIANTS = "what must never break"
    MONEY = "fund, vault and debt"
    LIQUIDATIONS = "liquidations"
    DELEVERAGING = "auto-deleveraging"
    PRICES = "prices"
    BOOKS = "books and trades"
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


_GROUPS: dict[str, Group] = {
    "ledger": Group.INVARIANTS,
    "positions": Group.INVARIANTS,
    "waterfall": Group.INVARIANTS,
    "bad_debt": Group.MONEY,
    "socialised": Group.MONEY,
    "debt": Group.MONEY,
    "fund": Group.MONEY,
    "vault": Group.MONEY,
    "liquidations": Group.LIQUIDATIONS,
    "cascades": Group.LIQUIDATIONS,
    "adl": Group.DELEVERAGING,
    "mark": Group.PRICES,
    "index": Group.PRICES,
    "spread": Group.BOOKS,
    "depth": Group.BOOKS,
    "trades": Group.BOOKS,
    "ack_latency": Group.BOOKS,
    "cancel_latency": Group.BOOKS,
    "refused": Group.PEOPLE,
    "escalations": Group.PEOPLE,
    "time_to_escalate": Group.PEOPLE,
    "decisions": Group.PEOPLE,
}
"""Of the venue's figures, by the first part of the name."""
_MORE_IS_WORSE = frozenset(
    (
        "bad_debt",
        "socialised",
        "debt",
        "fund.loss",
        "fund.drained",
        "vault.loss",
        "vault.loss_share",
        "liquidations.count",
        "liquidations.notional",
        "cascades.count",
        "cascades.generations_max",
        "cascades.multiplier_max",
        "adl.count",
        "adl.notional",
        "adl.given_up",
        "mark.gap_max",
        "index.gap_max",
        "index.gap_mean",
        "index.lag_max",
        "spread.median_bps",
        "time_to_escalate",
        "liquidated",
        "adl",
        "given_up",
        "time_to_flat",
        "residual_delta",
        "unhedged_ns",
        "picked_off_share",
        "rejections",
        "ack_latency.p50",
        "ack_latency.p99",
        "cancel_latency.p50",
        "cancel_latency.p99",
    )
)
_LESS_IS_WORSE = frozenset(
    (
        "fund.min",
        "fund.end",
        "vault.min_equity",
        "vault.end_equity",
        "depth.min",
        "pnl",
        "end_equity",
        "min_equity",
        "min_health",
        "quote_uptime",
        "realised_spread_bps",
        "markout_100ms_bps",
        "markout_1s_bps",
        "markout_10s_bps",
    )
)
_SUFFIXES: dict[str, Unit] = {
    "_ns": Unit.DURATION,
    "_bps": Unit.BPS,
    "_share": Unit.SHARE,
    "_micros": Unit.MONEY,
    "_count": Unit.COUNT,
}
KEY_MEASURES = (*OF_PEOPLE, *OVER_SEEDS, "time_to_escalate")
"""What seeds are compared by first; the rest of the distribution follows in the order of the groups."""
_AXES: dict[Unit, tuple[str, float]] = {
    Unit.MONEY: ("dollars", 1 / _MICROS),
    Unit.DURATION: ("seconds", 1 / _SECOND_NS),
    Unit.SHARE: ("per cent", float(_PERCENT)),
    Unit.BPS: ("basis points", 1.0),
}
_OF_OTHERS = frozenset((*OF_PEOPLE, "withdrawn", "liquidated", "adl"))
_OF_A_CROWD = re.compile(r".*\.[0-9]+")


def is_folded(name: str) -> bool:
    """Return whether a figure is shown only when every one is asked for.

    So are those of a member of a crowd and of the venue's own accounts, counts of refusals by who was refused, and of
    everybody but the bots all that seeds are not compared by.
    """
    subject, measure = split_subject(name)
    if not subject or subject == "bot":
        return "who: " in name
    who = subject.partition("(")[2].removesuffix(")")
    return _OF_A_CROWD.fullmatch(who) is not None or who in TOLD_OF or measure not in _OF_OTHERS


def kind_of(name: str) -> Kind:
    """Return what is known of a figure by its name."""
    subject, measure = split_subject(name)
    if subject:
        group = Group.BOTS if subject == "bot" else Group.ACCOUNTS
    else:
        group = _GROUPS.get(re.split(r"[.(]", measure, maxsplit=1)[0], Group.OTHER)
    meaning = meaning_of(name)
    # Of the venue `adl` alone is not measured, and tells nothing of `adl.first_ns`.
    related = {each.name for each in families(name)}
    worse = Worse.MORE if related & _MORE_IS_WORSE else Worse.LESS if related & _LESS_IS_WORSE else Worse.UNKNOWN
    return Kind(group, meaning.unit if meaning is not None else _by_suffix(measure.partition("(")[0]), worse)


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


def axis_of(name: str) -> tuple[str, float]:
    """Return the label of an axis for a figure, and by what its values are multiplied there."""
    return _AXES.get(kind_of(name).unit, ("", 1.0))


def in_order(names: list[str]) -> list[str]:
    """Return names by group, venue before bots before accounts; inside a group as they are measured, then by name."""
    groups = list(Group)
    measured = [*VENUE.meanings, *INSTRUMENT.meanings, *WITH_ARGUMENTS.meanings, *PERSON.meanings]
    places = {name: place for place, name in reversed(list(enumerate(measured)))}

    def key(name: str) -> tuple[int, str, int, str]:
        subject, measure = split_subject(name)
        plain = measure.partition("(")[0]
        while plain not in places and "." in plain:
            plain = plain.rpartition(".")[0]
        return groups.index(kind_of(name).group), subject, places.get(plain, len(places)), name

    return sorted(names, key=key)


def shown_names(runs: Sequence[Mapping[str, Figure]], *, every_figure: bool = False) -> list[str]:
    """Return the names of the figures to show of runs, in order.

    Args:
        runs: the figures of each.
        every_figure: also what is folded away, and what has no value in any of them.

    """
    names = in_order(list(dict.fromkeys(name for figures in runs for name in figures)))
    if every_figure:
        return names
    return [
        name
        for name in names
        if not is_folded(name)
        and (not split_subject(name)[0] or any(figures.get(name) is not None for figures in runs))
    ]


def is_key(name: str) -> bool:
    """Return whether seeds are compared by a figure first; of what is folded away none is."""
    return split_subject(name)[1] in KEY_MEASURES and not is_folded(name)


def _by_suffix(name: str) -> Unit:
    return next((unit for suffix, unit in _SUFFIXES.items() if name.endswith(suffix)), Unit.WORDS)


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
        case Unit.BPS:
            return f"{value:.2f} bp"
        case Unit.RATIO:
            return f"{value:.3f}"
        case _:
            return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
