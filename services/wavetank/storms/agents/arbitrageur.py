"""A latency arbitrageur: is told the index sooner than others, and picks off the quotes that have not moved yet.

How much sooner is its view's business: it reads the very index that everybody reads, with less delay. Kept true: it
takes only where the edge exceeds its threshold and the fees of going in and out, and it never takes on a stale index.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from wavetank.model.instrument import Instrument
from wavetank.storms.agents.agent import Label, Order, Told, Top, Turn, View
from wavetank.storms.agents.edge import pick
from wavetank.storms.agents.settings import SETTINGS, Distance, Interval, Money, Symbols
from wavetank.storms.agents.tickets import ONE_E6, closing
from wavetank.storms.dice import Dice


@dataclass(frozen=True, slots=True, kw_only=True, config=SETTINGS)
class ArbitrageurSettings:
    """What a latency arbitrageur is told."""

    instruments: Symbols
    """Symbols that it trades."""
    clip_micros: Money
    """Largest order on the way in, in micro-dollars."""
    max_position_micros: Money
    """Largest position in each instrument, long or short, in micro-dollars."""
    threshold_ppm: Distance = 100
    """What an edge must exceed beyond the fees of going in and out, in millionths of the price."""
    flat_ppm: Distance = 50
    """It closes when the price to close at is within so many millionths of the index, or past it."""
    slippage_ppm: Distance = 1_000
    """How far through the other side's best it closes, in millionths."""
    interval_ns: Interval = 50_000_000
    """Between two looks."""


class Arbitrageur:
    """Takes quotes that the index has left behind, and flattens when the book has caught up."""

    def __init__(self, settings: ArbitrageurSettings, listed: Mapping[str, Instrument], dice: Dice) -> None:
        self._settings = settings
        self._instruments = [listed[symbol] for symbol in settings.instruments]

    @property
    def label(self) -> Label:
        """Why it trades."""
        return Label.ARBITRAGEUR

    def wake(self, view: View) -> Turn:
        """Compare each book with the index."""
        orders = [order for instrument in self._instruments if (order := self._look(view, instrument)) is not None]
        return Turn(orders, view.now_ns + self._settings.interval_ns)

    def _look(self, view: View, instrument: Instrument) -> Order | None:
        settings = self._settings
        told = view.told(instrument.instrument_id)
        if told is None or told.is_stale or not told.index_price_ticks:
            return None
        cost_ppm = settings.threshold_ppm + 2 * instrument.taker_fee_ppm
        order = pick(
            view,
            instrument,
            told.index_price_ticks,
            cost_ppm,
            settings.clip_micros,
            settings.max_position_micros,
        )
        if order is not None:
            return order
        position_lots = view.position_lots(instrument.instrument_id)
        if position_lots and self._is_caught_up(view.top(instrument.instrument_id), position_lots, told):
            return closing(view, instrument, settings.slippage_ppm)
        return None

    def _is_caught_up(self, top: Top, position_lots: int, told: Told) -> bool:
        """Return whether the price to close a position at has come within reach of the index, or past it."""
        index_ticks = told.index_price_ticks
        gap_ticks = index_ticks - top.bid_price_ticks if position_lots > 0 else top.ask_price_ticks - index_ticks
        return gap_ticks * ONE_E6 <= index_ticks * self._settings.flat_ppm
