"""A momentum follower: buys what rises and sells what falls, and so adds fuel to a cascade.

Kept true: its averages are whole numbers, the same on every machine; it holds at most its size; after a stop it stays
out until the move that stopped it is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass

from pydantic.dataclasses import dataclass

from wavetank.model.instrument import Instrument
from wavetank.model.orders import Side
from wavetank.storms.agents.agent import Label, Order, Turn, View
from wavetank.storms.agents.settings import SETTINGS, Distance, Interval, Money, Symbols
from wavetank.storms.agents.tickets import ONE_E6, closing, mid_ticks_doubled, signed, taking, through_ticks
from wavetank.storms.dice import Dice


@dataclass(frozen=True, slots=True, kw_only=True, config=SETTINGS)
class MomentumSettings:
    """What a momentum follower is told."""

    instruments: Symbols
    """Symbols that it trades."""
    size_micros: Money
    """Position that it takes in each instrument, in micro-dollars."""
    clip_micros: Money
    """Largest order on the way in, in micro-dollars."""
    fast_ns: Interval = 5_000_000_000
    """Time constant of the fast average of the mid."""
    slow_ns: Interval = 30_000_000_000
    """Time constant of the slow average."""
    enter_ppm: Distance = 500
    """It enters when the fast average is further than this from the slow one, in millionths of the slow one."""
    stop_ppm: Distance = 10_000
    """It stops when the mid is further than this behind the mid at which it entered, in millionths; 0 never stops."""
    slippage_ppm: Distance = 2_000
    """How far through the other side's best it may trade, in millionths."""
    interval_ns: Interval = 500_000_000
    """Between two looks, each of which is a sample of the averages."""


@plain_dataclass(slots=True)
class _Trend:
    """What is remembered of one instrument; averages in millionths of half a tick."""

    fast_e6: int
    slow_e6: int
    direction: int = 0
    """1 while it wants to be long, -1 short, 0 flat."""
    target_lots: int = 0
    entered_doubled: int = 0
    stopped: int = 0
    """Direction in which it was stopped, until the averages have crossed."""


class MomentumFollower:
    """Enters in the direction of a move, leaves when the averages cross or the stop is reached."""

    def __init__(self, settings: MomentumSettings, listed: Mapping[str, Instrument], dice: Dice) -> None:
        self._settings = settings
        self._instruments = [listed[symbol] for symbol in settings.instruments]
        self._trends: dict[int, _Trend] = {}

    @property
    def label(self) -> Label:
        """Why it trades."""
        return Label.MOMENTUM

    def wake(self, view: View) -> Turn:
        """Take a sample of each mid and follow its trend."""
        orders = [order for instrument in self._instruments if (order := self._look(view, instrument)) is not None]
        return Turn(orders, view.now_ns + self._settings.interval_ns)

    def _look(self, view: View, instrument: Instrument) -> Order | None:
        mid_doubled = mid_ticks_doubled(view.top(instrument.instrument_id))
        if not mid_doubled:
            return None
        trend = self._trends.get(instrument.instrument_id)
        if trend is None:
            trend = self._trends[instrument.instrument_id] = _Trend(mid_doubled * ONE_E6, mid_doubled * ONE_E6)
        self._sample(trend, mid_doubled)
        self._judge(trend, mid_doubled)
        return self._pursue(view, instrument, trend)

    def _sample(self, trend: _Trend, mid_doubled: int) -> None:
        settings = self._settings
        mid_e6, step_ns = mid_doubled * ONE_E6, settings.interval_ns
        trend.fast_e6 += (mid_e6 - trend.fast_e6) * step_ns // max(settings.fast_ns, step_ns)
        trend.slow_e6 += (mid_e6 - trend.slow_e6) * step_ns // max(settings.slow_ns, step_ns)

    def _judge(self, trend: _Trend, mid_doubled: int) -> None:
        """Decide which way to be."""
        settings = self._settings
        lead_e6 = trend.fast_e6 - trend.slow_e6
        if lead_e6 * trend.stopped <= 0:
            trend.stopped = 0
        if trend.direction:
            lost_doubled = (trend.entered_doubled - mid_doubled) * trend.direction
            if settings.stop_ppm and lost_doubled * ONE_E6 > trend.entered_doubled * settings.stop_ppm:
                trend.stopped, trend.direction = trend.direction, 0
            elif lead_e6 * trend.direction <= 0:
                trend.direction = 0
        if trend.direction or trend.stopped or abs(lead_e6) * ONE_E6 <= trend.slow_e6 * settings.enter_ppm:
            return
        trend.direction = 1 if lead_e6 > 0 else -1
        trend.entered_doubled = mid_doubled
        trend.target_lots = trend.direction * (2 * settings.size_micros // mid_doubled)

    def _pursue(self, view: View, instrument: Instrument, trend: _Trend) -> Order | None:
        """Return the order that brings the position nearer to what the direction asks for."""
        settings = self._settings
        position_lots = view.position_lots(instrument.instrument_id)
        if position_lots * trend.direction <= 0 and position_lots:
            return closing(view, instrument, settings.slippage_ppm)
        if not trend.direction:
            return None
        side = Side.BUY if trend.direction > 0 else Side.SELL
        limit_ticks = through_ticks(view.top(instrument.instrument_id), side, settings.slippage_ppm)
        if not limit_ticks:
            return None
        size_lots = min(signed(side, trend.target_lots - position_lots), settings.clip_micros // limit_ticks)
        return taking(view, instrument, side, size_lots, limit_ticks)
