"""Initial margin that grows with a market's open interest (MRGN-020).

It exists because a position that is easy to unwind in a small market is not in one that holds many more like it. Only
new risk pays for that: maintenance margin does not scale, so nobody is liquidated because others traded.

The share moves when clearing takes over a mark, and only by a step or to one of its ends: every change is an event and
a new credit line for all who hold the instrument, so not every mark may be one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.model.events.clearing import OpenInterestScaled

if TYPE_CHECKING:
    from wavetank.clearing.core.state import State
    from wavetank.model.instrument import Instrument

E6 = 10**6
SCALING_STEP_PPM = 10_000
"""The share moves by at least so much, a hundredth, unless it reaches none or all."""


def open_interest_share_ppm(instrument: Instrument, open_interest_micros: int) -> int:
    """Return the share of what a leverage leaves unmargined that open interest asks for, in ppm, rounded up.

    Args:
        instrument: with the open interests between which the share grows; none if it scales nothing.
        open_interest_micros: notional of all long positions in it.

    Source: MRGN-020 (dYdX v4, liquidity tiers): `clamp01((OI - begins) / (full - begins))`.

    """
    begins, full = instrument.scaling_begins_micros, instrument.scaling_full_micros
    if full == 0 or open_interest_micros <= begins:
        return 0
    if open_interest_micros >= full:
        return E6
    return -(-(open_interest_micros - begins) * E6 // (full - begins))


def moves(present_ppm: int, due_ppm: int) -> bool:
    """Tell whether the share in force gives way to the one that open interest asks for at a mark."""
    return abs(due_ppm - present_ppm) >= SCALING_STEP_PPM or (due_ppm != present_ppm and due_ppm in {0, E6})


def changed_share(state: State, instrument_id: int) -> OpenInterestScaled | None:
    """Return the event that moves an instrument's share at its last mark, or None if it stands."""
    instrument = state.instruments[instrument_id]
    if instrument.scaling_full_micros == 0:
        return None
    mark, lots = state.marks[instrument_id].mark_price_ticks, state.ledger.open_interest(instrument_id)
    due_ppm = open_interest_share_ppm(instrument, lots * mark)
    if not moves(instrument.scaled_ppm, due_ppm):
        return None
    return OpenInterestScaled(
        instrument_id=instrument_id,
        account_id=0,
        open_interest_lots=lots,
        mark_price_ticks=mark,
        scaled_ppm=due_ppm,
    )
