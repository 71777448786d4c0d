"""The same book under several margin modes: what each asks for, and what each would liquidate (RISK-030).

A scheme parts an account into those who stand for themselves, each with its margin mode; the waterfall's test then
goes to each. *Isolated* has one part for each leg, with exactly the initial margin it needs alone as its equity, so
that what it gained or lost until now counts as settled. All others have one part, the account.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING

from wavetank.clearing.core.contagion import forced_closes
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.what_if import NO_SHOCK, Holding, value_held

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wavetank.clearing.core.contagion import ForcedClose
    from wavetank.clearing.core.what_if import Shock, VenueView


class MarginScheme(IntEnum):
    """Margin mode of a comparison; numbers equal those of the wire's `MarginScheme`."""

    CROSS_GROSS = 1
    ISOLATED = 2
    GROUP_OFFSET = 3
    SCENARIO = 4


def whole(holding: Holding, mode: MarginMode) -> tuple[Holding, ...]:
    """Return the account as one part in a mode, if it holds anything."""
    return (replace(holding, margining=replace(holding.margining, mode=mode)),) if holding.legs else ()


def leg_by_leg(holding: Holding) -> tuple[Holding, ...]:
    """Return each leg as an account of its own whose equity at the present mark is its initial margin."""
    parts: list[Holding] = []
    for leg in holding.legs:
        instrument, lots, cost_micros = leg
        mark = holding.marks[instrument.instrument_id]
        leverage = holding.leverages.get(instrument.instrument_id, instrument.max_leverage)
        margin = instrument.initial_micros(abs(lots) * mark, leverage)
        cash = margin - (lots * mark - cost_micros)
        alone = replace(holding, cash_micros=cash, legs=(leg,), marks={instrument.instrument_id: mark}, pledges=())
        parts += whole(alone, MarginMode.ISOLATED)
    return tuple(parts)


SCHEMES: dict[MarginScheme, Callable[[Holding], tuple[Holding, ...]]] = {
    MarginScheme.CROSS_GROSS: partial(whole, mode=MarginMode.GROSS),
    MarginScheme.ISOLATED: leg_by_leg,
    MarginScheme.GROUP_OFFSET: partial(whole, mode=MarginMode.GROUP_OFFSET),
    MarginScheme.SCENARIO: partial(whole, mode=MarginMode.SCENARIO),
}
"""How each parts an account."""


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
    equity = initial = maintenance = deficit = 0
    closes: list[ForcedClose] = []
    for part in SCHEMES[scheme](holding.under(shock)):
        marks = shock.applied(part.marks)
        value = value_held(part, marks, view.settings.health)
        equity += value.equity_micros
        initial += value.initial_micros
        maintenance += value.maintenance_micros
        deficit += max(0, -value.equity_micros)
        closes += forced_closes(view, part, marks)
    return SchemeAt(shock, equity, initial, maintenance, deficit, tuple(closes))


def compare(view: VenueView, holding: Holding, shocks: Sequence[Shock]) -> dict[MarginScheme, list[SchemeAt]]:
    """Return a book under every scheme: now, then after each shock (RISK-030)."""
    return {scheme: [scheme_at(view, holding, scheme, shock) for shock in (NO_SHOCK, *shocks)] for scheme in SCHEMES}
