"""Contagion: what a move of one instrument would force people to sell, there and elsewhere.

Pooled collateral carries a loss from one instrument into the others: an account that fell below its margin closes
whatever relieves it best. `forced_closes` is the rule for one account, `contagion` its sum over the venue.

The rule (RISK-020). The marks move by the shock, and with each the index by which collateral counts; they stay there.
Every account is walked through the waterfall's own
tests and order, with these simplifications, so that the answer needs no book and no time:

1. An account with h >= 1 closes nothing. Below 1 and not below the backstop's limit it closes in the book, one leg
   after the other in LIQ-050's order, until h >= 1: of a leg above the notional of LIQ-040 first a slice, once, then
   what is left of it; of a smaller one all. The book takes every close, whole, at the shocked mark, so equity stays and
   margin is relieved.
2. Below the backstop's limit (2/3), or once the walk comes there, all legs that are left go: the vault, the fund or the
   other side must take them. That part is told apart.
   Before that its collateral is sold (LIQ-055); what a cap kept from counting may save it.
3. The backstop vault has no margin to keep: it gives up all legs when its equity is below zero.
4. Expected slippage, which decides the order, is that of the last book samples, moved with the mark.
5. All marks count as valid, orders rest nowhere, cooldowns of earlier slices are forgotten, and what is sold moves no
   price: this is the first round of a cascade, not its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wavetank.clearing.core.health import AccountKind
from wavetank.clearing.core.waterfall.book_order import E6, most_relief, slippage_micros
from wavetank.clearing.core.what_if import (
    ALL_TOGETHER,
    NO_SHOCK,
    Holding,
    MarginSums,
    Shock,
    VenueView,
    shocked_sums,
    value_held,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wavetank.clearing.core.valuation import LegValue, Valuation


@dataclass(frozen=True, slots=True)
class ForcedClose:
    """What must be closed of one instrument, at the shocked mark."""

    instrument_id: int
    size_lots: int
    """Unsigned; longs and shorts together."""
    notional_micros: int
    backstop_micros: int
    """The part of the notional that the vault, the fund or the other side must take."""


def forced_closes(view: VenueView, holding: Holding, marks: Mapping[int, int]) -> tuple[ForcedClose, ...]:
    """Return what one account must close at marks, by instrument id (RISK-020; the rule stands above).

    Args:
        view: settings and books.
        holding: the account, its collateral at the indexes that go with the marks.
        marks: of its legs, in ticks.

    """
    limits = view.settings.health
    left = holding
    value = value_held(left, marks, limits)
    in_book: dict[int, int] = {}
    whole: dict[int, int] = {}
    while value.legs and _is_distressed(holding, value):
        if left.pledges and value.is_below_backstop:
            left = left.converted()
            value = value_held(left, marks, limits)
            continue
        if holding.kind == AccountKind.BACKSTOP_VAULT or value.is_below_backstop:
            whole = {leg.instrument_id: abs(leg.lots) for leg in value.legs}
            break
        leg = most_relief(value.legs, lambda leg: _slippage(view, holding, leg))
        # There is one: the account has legs.
        assert leg is not None
        lots = abs(leg.lots)
        if leg.instrument_id not in in_book and leg.notional_micros > view.settings.partial_above_micros:
            lots = -(-lots * view.settings.partial_slice_ppm // E6)
        in_book[leg.instrument_id] = in_book.get(leg.instrument_id, 0) + lots
        left = left.closed(leg.instrument_id, lots, leg.mark_price_ticks)
        value = value_held(left, marks, limits)
    return tuple(
        ForcedClose(
            instrument_id,
            in_book.get(instrument_id, 0) + whole.get(instrument_id, 0),
            (in_book.get(instrument_id, 0) + whole.get(instrument_id, 0)) * marks[instrument_id],
            whole.get(instrument_id, 0) * marks[instrument_id],
        )
        for instrument_id in sorted(in_book.keys() | whole.keys())
    )


def _is_distressed(holding: Holding, value: Valuation | MarginSums) -> bool:
    if holding.kind == AccountKind.BACKSTOP_VAULT:
        return value.equity_micros < 0
    return value.is_below_maintenance


def _slippage(view: VenueView, holding: Holding, leg: LegValue) -> int:
    """Return the expected slippage of a leg in a book that moved with its mark."""
    present = holding.marks[leg.instrument_id]
    here = leg._replace(mark_price_ticks=present)
    slippage = slippage_micros(here, view.books.get(leg.instrument_id), view.instruments[leg.instrument_id])
    return max(1, slippage * leg.mark_price_ticks // present)


@dataclass(frozen=True, slots=True)
class ContagionRow:
    """What one shock forces the whole venue to close."""

    shock: Shock
    accounts: int
    """Accounts that must close something."""
    closes: tuple[ForcedClose, ...]
    """By instrument id; instruments of which nothing must be closed are left out."""

    @property
    def elsewhere_micros(self) -> int:
        """Notional closed in instruments other than the shocked one; 0 when all are shocked."""
        if self.shock.instrument_id == ALL_TOGETHER:
            return 0
        return sum(close.notional_micros for close in self.closes if not self.shock.touches(close.instrument_id))


def contagion(view: VenueView, shocks: Sequence[Shock]) -> list[ContagionRow]:
    """Return what must be closed without any shock, then after each (RISK-020).

    Who is below margin at the present marks stands in every row; the first one tells how much that is.
    """
    holdings = [holding for holding in view.holdings if holding.legs]
    present = [value_held(holding, holding.marks, view.settings.health) for holding in holdings]
    return [
        _summed(shock, [_closes_after(view, *each, shock) for each in zip(holdings, present, strict=True)])
        for shock in (NO_SHOCK, *shocks)
    ]


def _closes_after(view: VenueView, holding: Holding, present: Valuation, shock: Shock) -> tuple[ForcedClose, ...]:
    # Most accounts close nothing, and their sums say so at once.
    if not _is_distressed(holding, shocked_sums(holding, present, shock)):
        return ()
    return forced_closes(view, holding.under(shock), shock.applied(holding.marks))


def _summed(shock: Shock, closes_of: Sequence[tuple[ForcedClose, ...]]) -> ContagionRow:
    sums: dict[int, ForcedClose] = {}
    for closes in closes_of:
        for close in closes:
            before = sums.get(close.instrument_id)
            sums[close.instrument_id] = (
                close
                if before is None
                else ForcedClose(
                    close.instrument_id,
                    before.size_lots + close.size_lots,
                    before.notional_micros + close.notional_micros,
                    before.backstop_micros + close.backstop_micros,
                )
            )
    return ContagionRow(shock, sum(map(bool, closes_of)), tuple(sums[key] for key in sorted(sums)))
