"""How near a position is to auto-deleveraging: five lights, by its place in the ranking of its side (LIQ-080)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.waterfall.deleverage import may_be_victim
from wavetank.clearing.core.waterfall.policies.candidate import Candidate, rank
from wavetank.clearing.core.waterfall.policies.choice import policy_of

if TYPE_CHECKING:
    from wavetank.clearing.core.state import State

LIGHTS = 5


def lights_of(rank: int, ranked: int) -> int:
    """Return the lights of a place in a ranking, counted from 1."""
    return LIGHTS - LIGHTS * (rank - 1) // ranked


def adl_lights(state: State, instrument_id: int) -> dict[int, int]:
    """Return the lights of every holder of an instrument that could be asked to give now, by account id.

    Of n on a side the k-th shows `5 - floor(5 x (k - 1) / n)`: five lights for the fifth that is met first, one for the
    last. The ranking is that of the venue's policy at the last marks. Who may not be asked, because he is in
    liquidation or below his own margin, is left out.

    Args:
        state: the venue; nothing in it changes.
        instrument_id: the instrument, listed.

    """
    sides: tuple[list[Candidate], list[Candidate]] = ([], [])
    for account in state.holders(instrument_id):
        value = state.value(account)
        if not may_be_victim(account, value):
            continue
        leg = value.leg(instrument_id)
        sides[leg.lots > 0].append(
            Candidate(
                account.account_id,
                leg.lots,
                account.positions[instrument_id].cost_micros,
                leg.mark_price_ticks,
                value.equity_micros,
                abs(leg.lots),
            )
        )
    policy = policy_of(state.settings.adl_policy)
    return {
        candidate.account_id: lights_of(place, len(side))
        for side in sides
        for place, (_, candidate) in enumerate(rank(policy, side), start=1)
    }
