"""A quoting backstop: shows both sides, wide around the mark, and stays whatever happens.

It is the maker of last resort that a community vault is, with an account of its own; the vault that takes over
positions in the waterfall is the venue's. Kept true: its position stays within its cap, and it cancels only to quote
anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from wavetank.model.instrument import Instrument
from wavetank.model.orders import Side
from wavetank.storms.agents.agent import CancelAll, Intent, Label, Order, Turn, View
from wavetank.storms.agents.settings import SETTINGS, Distance, Interval, Money, Symbols
from wavetank.storms.agents.tickets import ONE_E6, away_ticks, resting, signed
from wavetank.storms.dice import Dice


@dataclass(frozen=True, slots=True, kw_only=True, config=SETTINGS)
class BackstopSettings:
    """What a quoting backstop is told."""

    instruments: Symbols
    """Symbols that it quotes."""
    size_micros: Money
    """Size of each quote, in micro-dollars."""
    max_position_micros: Money
    """Largest position in each instrument, long or short, in micro-dollars."""
    half_spread_ppm: Distance = 5_000
    """Distance of each quote from the mark, in millionths."""
    skew_ppm: Distance = 2_500
    """How far both quotes are moved against the position when it is at its largest, in millionths."""
    renew_ppm: Distance = 500
    """How far a quote may be from where it belongs, in millionths."""
    interval_ns: Interval = 1_000_000_000
    """Between two looks."""


class QuotingBackstop:
    """Quotes wide, within caps, and never pulls."""

    def __init__(self, settings: BackstopSettings, listed: Mapping[str, Instrument], dice: Dice) -> None:
        self._settings = settings
        self._instruments = [listed[symbol] for symbol in settings.instruments]
        self._placed: dict[tuple[int, Side], Order] = {}

    @property
    def label(self) -> Label:
        """Why it trades."""
        return Label.BACKSTOP

    def wake(self, view: View) -> Turn:
        """Bring each quote to where it belongs."""
        intents = [
            intent
            for instrument in self._instruments
            for side in (Side.BUY, Side.SELL)
            for intent in self._quote(view, instrument, side)
        ]
        return Turn(intents, view.now_ns + self._settings.interval_ns)

    def _quote(self, view: View, instrument: Instrument, side: Side) -> list[Intent]:
        wanted = self._wanted(view, instrument, side)
        if wanted is None:
            return []
        place = (instrument.instrument_id, side)
        placed = self._placed.get(place)
        if placed is not None:
            off_ticks = abs(wanted.price_ticks - placed.price_ticks)
            is_near = off_ticks * ONE_E6 <= placed.price_ticks * self._settings.renew_ppm
            # What has traded is quoted again; a quote that only grew or shrank with the price is left.
            if is_near and 2 * view.resting_lots(*place) >= wanted.size_lots:
                return []
        self._placed[place] = wanted
        return [wanted] if placed is None else [CancelAll(*place), wanted]

    def _wanted(self, view: View, instrument: Instrument, side: Side) -> Order | None:
        settings = self._settings
        told = view.told(instrument.instrument_id)
        if told is None or not told.mark_price_ticks:
            return None
        mark_ticks = told.mark_price_ticks
        position_lots = view.position_lots(instrument.instrument_id)
        most_lots = settings.max_position_micros // mark_ticks
        fullness_ppm = max(-ONE_E6, min(ONE_E6, position_lots * ONE_E6 // max(1, most_lots)))
        distance_ppm = settings.half_spread_ppm + signed(side, settings.skew_ppm * fullness_ppm // ONE_E6)
        size_lots = min(settings.size_micros // mark_ticks, most_lots - signed(side, position_lots))
        # It may take at once: a maker of last resort buys what is offered below its bid.
        return resting(view, instrument, side, size_lots, away_ticks(mark_ticks, side, distance_ppm), only=False)
