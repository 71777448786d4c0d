"""A liquidator: stands by with capital, and bids below the mark when somebody is being closed.

On 12 March 2020 most of them were out, and collateral went for nothing; `offline_ppm` is that. Kept true: it bids only
against liquidations that it has seen in the public feed, never with more than its budget, and reduces near the mark
afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from wavetank.model.instrument import Instrument
from wavetank.model.orders import Side
from wavetank.storms.agents.agent import CancelAll, Intent, Label, LiquidationSeen, Order, Turn, View
from wavetank.storms.agents.settings import SETTINGS, Distance, Duration, Interval, Money, Share, Symbols
from wavetank.storms.agents.tickets import away_ticks, opposite, resting, signed, taking
from wavetank.storms.dice import Dice


@dataclass(frozen=True, slots=True, kw_only=True, config=SETTINGS)
class LiquidatorSettings:
    """What a liquidator is told."""

    instruments: Symbols
    """Symbols that it trades."""
    budget_micros: Money
    """Largest position in each instrument, long or short, in micro-dollars."""
    discount_ppm: Distance = 10_000
    """How far below the mark it bids for a closed long, or above it offers for a closed short, in millionths."""
    stand_ns: Duration = 5_000_000_000
    """How long its bid stands after the last liquidation that it saw."""
    unwind_ppm: Distance = 1_000
    """How far on the wrong side of the mark it may reduce afterwards, in millionths."""
    offline_ppm: Share = 0
    """Share of its looks at which it is out and does nothing, in millionths."""
    interval_ns: Interval = 500_000_000
    """Between two looks."""


class Liquidator:
    """Takes over what is being closed at a discount, and sells it near the mark."""

    def __init__(self, settings: LiquidatorSettings, listed: Mapping[str, Instrument], dice: Dice) -> None:
        self._settings = settings
        self._instruments = [listed[symbol] for symbol in settings.instruments]
        self._outages = dice.spawn("outages")
        self._standing: dict[int, Order] = {}

    @property
    def label(self) -> Label:
        """Why it trades."""
        return Label.LIQUIDATOR

    def wake(self, view: View) -> Turn:
        """Bid, hold or unwind, unless it is out."""
        wake_ns = view.now_ns + self._settings.interval_ns
        if self._outages.chance(self._settings.offline_ppm):
            return Turn((), wake_ns)
        return Turn([intent for instrument in self._instruments for intent in self._look(view, instrument)], wake_ns)

    def _look(self, view: View, instrument: Instrument) -> list[Intent]:
        seen = view.last_liquidation(instrument.instrument_id)
        if seen is not None and view.now_ns - seen.event_time_ns < self._settings.stand_ns:
            return self._stand(view, instrument, seen)
        intents: list[Intent] = []
        if self._standing.pop(instrument.instrument_id, None) is not None:
            intents.append(CancelAll(instrument.instrument_id))
        order = self._unwinding(view, instrument)
        return intents if order is None else [*intents, order]

    def _stand(self, view: View, instrument: Instrument, seen: LiquidationSeen) -> list[Intent]:
        """Return what brings the bid to where it belongs; nothing if it stands there."""
        side = opposite(seen.side)
        told = view.told(instrument.instrument_id)
        if told is None or not told.mark_price_ticks:
            return []
        price_ticks = away_ticks(told.mark_price_ticks, side, self._settings.discount_ppm)
        held_lots = signed(side, view.position_lots(instrument.instrument_id))
        room_lots = self._settings.budget_micros // told.mark_price_ticks - held_lots
        # It may take at once: a seller who has come below its bid already is who it waits for.
        order = resting(view, instrument, side, room_lots, price_ticks, only=False)
        before = self._standing.get(instrument.instrument_id)
        if order == before:
            return []
        if order is None:
            del self._standing[instrument.instrument_id]
            return [CancelAll(instrument.instrument_id)]
        self._standing[instrument.instrument_id] = order
        return [order] if before is None else [CancelAll(instrument.instrument_id), order]

    def _unwinding(self, view: View, instrument: Instrument) -> Order | None:
        position_lots = view.position_lots(instrument.instrument_id)
        told = view.told(instrument.instrument_id)
        if not position_lots or told is None or told.is_stale:
            return None
        side = Side.SELL if position_lots > 0 else Side.BUY
        limit_ticks = away_ticks(told.mark_price_ticks, side, -self._settings.unwind_ppm)
        return taking(view, instrument, side, abs(position_lots), limit_ticks, closes=True)
