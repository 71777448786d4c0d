"""An informed trader: knows what the oracle will publish next, and takes the quotes that do not.

It is the counterparty that a slow oracle feeds (Levana, December 2023): whoever quotes by the index as told loses to
whoever sees the next one. Kept true: it takes only where the edge, after the fees of going in and out, exceeds its
threshold.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from wavetank.model.instrument import Instrument
from wavetank.storms.agents.agent import Label, Order, Turn, View
from wavetank.storms.agents.edge import pick
from wavetank.storms.agents.settings import SETTINGS, Distance, Duration, Interval, Money, Symbols
from wavetank.storms.agents.tickets import closing
from wavetank.storms.dice import Dice


@dataclass(frozen=True, slots=True, kw_only=True, config=SETTINGS)
class InformedSettings:
    """What an informed trader is told."""

    instruments: Symbols
    """Symbols that it trades."""
    clip_micros: Money
    """Largest order on the way in, in micro-dollars."""
    max_position_micros: Money
    """Largest position in each instrument, long or short, in micro-dollars."""
    threshold_ppm: Distance = 200
    """What an edge must exceed beyond the fees of going in and out, in millionths of the price."""
    hold_ns: Duration = 2_000_000_000
    """How long after its last order it closes, unless there is something to take again."""
    slippage_ppm: Distance = 2_000
    """How far through the other side's best it closes, in millionths."""
    interval_ns: Interval = 200_000_000
    """Between two looks."""


class InformedTrader:
    """Takes quotes that the next index proves wrong, and closes once everybody has seen it."""

    def __init__(self, settings: InformedSettings, listed: Mapping[str, Instrument], dice: Dice) -> None:
        self._settings = settings
        self._instruments = [listed[symbol] for symbol in settings.instruments]
        self._taken_ns: dict[int, int] = {}

    @property
    def label(self) -> Label:
        """Why it trades."""
        return Label.INFORMED

    def wake(self, view: View) -> Turn:
        """Compare each book with the index to come."""
        orders = [order for instrument in self._instruments if (order := self._look(view, instrument)) is not None]
        return Turn(orders, view.now_ns + self._settings.interval_ns)

    def _look(self, view: View, instrument: Instrument) -> Order | None:
        settings, now_ns = self._settings, view.now_ns
        order = None
        fair_ticks = view.foreseen_index_ticks(instrument.instrument_id)
        if fair_ticks > 0:
            cost_ppm = settings.threshold_ppm + 2 * instrument.taker_fee_ppm
            order = pick(view, instrument, fair_ticks, cost_ppm, settings.clip_micros, settings.max_position_micros)
        if order is not None:
            self._taken_ns[instrument.instrument_id] = now_ns
            return order
        taken_ns = self._taken_ns.get(instrument.instrument_id)
        if taken_ns is not None and now_ns - taken_ns < settings.hold_ns:
            return None
        return closing(view, instrument, settings.slippage_ppm)
