"""Settlement: an instrument is ended at a price, and every position in it is closed there, for good (MTCH-050).

It exists because venues delist what they can no longer price, at a price that somebody chooses, and what that choice
costs whom is worth knowing beforehand.
The listing says that it is settled, so its shard cancels all its orders and trades it no more. Its longs are closed
against its shorts, both by account id, at `lots × price`, which needs no rounding. What still trades until the shard
has read the listing only makes a request smaller: it is clipped, and what is left is asked for again.
Kept true: the legs of each transfer sum to zero, so no money and no lot is made or lost; when SettlementEnded is told,
nobody holds the instrument.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wavetank.clearing.core.refusal import Refused
from wavetank.model.events import clearing as events
from wavetank.model.orders import CommandKind, InstrumentState, Side
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.state import State
    from wavetank.model.record import Event

LARGEST_PRICE_TICKS = 2**31 - 1
LARGEST_VALUE_MICROS = 2**55
"""Of one position at the price (PROTOCOL 1)."""


def is_of_settlement(request: events.MatchingRequested) -> bool:
    """Tell whether a request closes positions of a settlement: no other transfer names a price."""
    return request.command == CommandKind.TRANSFER and request.liquidation_id == 0 and request.price_ticks > 0


class Settlements:
    """Ends instruments."""

    def __init__(self, state: State, emit: Callable[[Event], int]) -> None:
        """End instruments of `state` through `emit`."""
        self._state = state
        self._emit = emit

    def check(self, instrument_id: int, price_ticks: int) -> None:
        """Check that an instrument can be settled at a price.

        Raises:
            Refused: INSTRUMENT_UNKNOWN; INSTRUMENT_STATE: it is settled already; PRICE_OUT_OF_RANGE: no price, or one
                at which a position would be worth more than the ledger keeps.

        """
        state = self._state
        instrument = state.instruments.get(instrument_id)
        if instrument is None:
            message = f"instrument {instrument_id} is not listed"
            raise Refused(Reason.INSTRUMENT_UNKNOWN, instrument_id, 0, message)
        if instrument.state == InstrumentState.SETTLED:
            message = f"instrument {instrument_id} is settled already, or is being settled"
            raise Refused(Reason.INSTRUMENT_STATE, InstrumentState.SETTLED, 0, message)
        largest = max(
            (abs(state.ledger.position(account.row, instrument_id)[0]) for account in state.holders(instrument_id)),
            default=1,
        )
        allowed = min(LARGEST_PRICE_TICKS, LARGEST_VALUE_MICROS // largest)
        if not 1 <= price_ticks <= allowed:
            message = f"a settlement price is 1 to {allowed} ticks, not {price_ticks}"
            raise Refused(Reason.PRICE_OUT_OF_RANGE, price_ticks, allowed, message)

    def begin(self, instrument_id: int, price_ticks: int) -> None:
        """End an instrument that was checked."""
        self._emit(events.SettlementBegan(instrument_id=instrument_id, account_id=0, price_ticks=price_ticks))
        for event in replace(self._state.instruments[instrument_id], state=InstrumentState.SETTLED).listing():
            self._emit(event)
        self.go_on(instrument_id)

    def go_on(self, instrument_id: int) -> None:
        """Ask for what is left, or end it, if nothing is waited for."""
        settling = self._state.steering.settlements.get(instrument_id)
        if settling is None or settling.pending:
            return
        holdings = [
            [account.account_id, self._state.ledger.position(account.row, instrument_id)[0]]
            for account in self._state.holders(instrument_id)
        ]
        if not holdings:
            self._emit(
                events.SettlementEnded(instrument_id=instrument_id, account_id=0, price_ticks=settling.price_ticks)
            )
            return
        longs = [each for each in holdings if each[1] > 0]
        shorts = [each for each in holdings if each[1] < 0]
        while longs:
            giver, receiver = longs[0], shorts[0]
            lots = min(giver[1], -receiver[1])
            self._close(instrument_id, giver[0], receiver[0], lots, settling.price_ticks)
            giver[1] -= lots
            receiver[1] += lots
            if not giver[1]:
                longs.pop(0)
            if not receiver[1]:
                shorts.pop(0)

    def _close(self, instrument_id: int, giver_id: int, receiver_id: int, lots: int, price_ticks: int) -> None:
        """Ask the shard to close lots of a long against a short, at the price."""
        self._emit(
            events.MatchingRequested(
                instrument_id=instrument_id,
                account_id=giver_id,
                liquidation_id=0,
                size_lots=-lots,
                price_ticks=price_ticks,
                value_micros=-lots * price_ticks,
                receiver_account_id=receiver_id,
                reserve_micros=0,
                command=int(CommandKind.TRANSFER),
                side=int(Side.SELL),
                receiver_may_increase=0,
                shard=self._state.shard_of(instrument_id),
            )
        )
