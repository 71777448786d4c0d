"""The same book under several margin modes: what each asks for, and what each would liquidate (RISK-030).

A scheme parts an account into those who stand for themselves and values each of them by its own rule; the waterfall's
test then goes to each. *Cross gross* has one part, the account. *Isolated* has one for each leg, with exactly the
initial margin it needs alone as its equity, so that what it gained or lost until now counts as settled.

`SCHEMES` is the one place where a mode joins: group offset and scenario are an account in one part, valued by their own
margin function in place of `value_gross`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from wavetank.clearing.core.contagion import forced_closes
from wavetank.clearing.core.what_if import NO_SHOCK, Holding, value_gross

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wavetank.clearing.core.contagion import ForcedClose
    from wavetank.clearing.core.what_if import Shock, Valuer, VenueView


class MarginScheme(IntEnum):
    """Margin mode of a comparison; numbers equal those of the wire's `MarginScheme`."""

    CROSS_GROSS = 1
    ISOLATED = 2


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a margin mode parts an account, and how it values a part."""

    parts: Callable[[Holding], tuple[Holding, ...]]
    value_of: Valuer


def whole(holding: Holding) -> tuple[Holding, ...]:
    """Return the account as one part, if it holds anything."""
    return (holding,) if holding.legs else ()


def leg_by_leg(holding: Holding) -> tuple[Holding, ...]:
    """Return each leg as an account of its own whose equity at the present mark is its initial margin."""
    parts = []
    for leg in holding.legs:
        instrument, lots, cost_micros = leg
        mark = holding.marks[instrument.instrument_id]
        margin = instrument.margin.initial_micros(abs(lots) * mark, instrument.max_leverage)
        cash = margin - (lots * mark - cost_micros)
        parts.append(replace(holding, cash_micros=cash, legs=(leg,), marks={instrument.instrument_id: mark}))
    return tuple(parts)


SCHEMES: dict[MarginScheme, Scheme] = {
    MarginScheme.CROSS_GROSS: Scheme(whole, value_gross),
    MarginScheme.ISOLATED: Scheme(leg_by_leg, value_gross),
}
"""Where the offset modes join."""


@dataclass(frozen=True, slots=True)
class SchemeAt:
    """A book under one scheme after a shock; sums over its parts in micro-dollars."""

    shock: Shock
    equity_micros: int
    """Equity of the parts; what the account keeps beside isolated legs does not stand for them."""
    initial_micros: int
    maintenance_micros: int
    deficit_micros: int
    """What parts below zero owe more than they have; nothing else of the account pays for an isolated leg."""
    closes: tuple[ForcedClose, ...]
    """What must be closed, by instrument id."""


def scheme_at(view: VenueView, holding: Holding, scheme: MarginScheme, shock: Shock) -> SchemeAt:
    """Return a book under one scheme after a shock (RISK-030)."""
    rule = SCHEMES[scheme]
    equity = initial = maintenance = deficit = 0
    closes: list[ForcedClose] = []
    for part in rule.parts(holding):
        marks = shock.applied(part.marks)
        value = rule.value_of(part, marks, view.settings.health)
        equity += value.equity_micros
        initial += value.initial_micros
        maintenance += value.maintenance_micros
        deficit += max(0, -value.equity_micros)
        closes += forced_closes(view, part, marks, rule.value_of)
    return SchemeAt(shock, equity, initial, maintenance, deficit, tuple(closes))


def compare(view: VenueView, holding: Holding, shocks: Sequence[Shock]) -> dict[MarginScheme, list[SchemeAt]]:
    """Return a book under every scheme: now, then after each shock (RISK-030)."""
    return {scheme: [scheme_at(view, holding, scheme, shock) for shock in (NO_SHOCK, *shocks)] for scheme in SCHEMES}
