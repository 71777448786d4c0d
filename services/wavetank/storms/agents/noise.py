"""Noise takers: a crowd that trades for reasons of its own, in clusters, so that a venue lives.

One agent is the crowd of one or more instruments. Most of it takes at once; a share rests behind the best for a while.
Kept true: arrivals, sizes and moods depend on the dice alone, so that a market that goes another way meets the same
crowd; and the crowd's position stays within its bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from wavetank.model.instrument import Instrument
from wavetank.model.orders import Side, TimeInForce
from wavetank.storms.agents.agent import CancelAll, Intent, Label, Order, Turn, View
from wavetank.storms.agents.arrivals import Arrivals
from wavetank.storms.agents.settings import SETTINGS, Distance, Interval, Money, Share, Spread, Symbols
from wavetank.storms.agents.tickets import BUY, ONE_E6, SELL, away_ticks, resting, signed, taking, through_ticks
from wavetank.storms.dice import Dice

_MOST_INTENTS = 16
_GTC = TimeInForce.GTC


@dataclass(frozen=True, slots=True, kw_only=True, config=SETTINGS)
class NoiseSettings:
    """What noise takers are told; rates and sizes are those of each instrument."""

    instruments: Symbols
    """Symbols that they trade."""
    interval_ns: Interval = 1_000_000_000
    """Mean time between two arrivals that no other arrival caused."""
    excitation_ppm: Annotated[Share, Field(le=950_000)] = 400_000
    """Arrivals that one arrival causes on average, in millionths."""
    excitation_ns: Interval = 2_000_000_000
    """Mean time after which it causes them."""
    mean_micros: Money = 2_000_000_000
    """Mean size of an order, in micro-dollars; sizes are log-normal."""
    spread_e6: Spread = 800_000
    """Standard deviation of the logarithm of the size, in millionths."""
    slippage_ppm: Distance = 2_000
    """How far through the other side's best an order may trade, in millionths."""
    passive_ppm: Share = 0
    """Share of arrivals that rest instead, in millionths."""
    passive_distance_ppm: Distance = 300
    """Mean distance behind the best at which they rest, in millionths."""
    passive_ns: Interval = 10_000_000_000
    """Mean time after which what rests on a side is cancelled."""
    max_position_micros: Money = 100_000_000_000
    """Largest position in each instrument, long or short, in micro-dollars."""
    lean_ppm: Annotated[Share, Field(le=500_000)] = 250_000
    """How much likelier than a half the side that reduces is at the largest position, in millionths."""


class _Crowd:
    """Those who trade one instrument."""

    def __init__(self, settings: NoiseSettings, instrument: Instrument, dice: Dice, begin_ns: int) -> None:
        self._settings = settings
        self._instrument = instrument
        self._moods = dice.spawn("moods")
        self._patience = dice.spawn("patience")
        self._arrivals = Arrivals(
            settings.interval_ns,
            settings.excitation_ppm,
            settings.excitation_ns,
            dice.spawn("arrivals"),
            begin_ns,
        )
        self._cancels_ns: dict[Side, int] = {}
        self.next_ns = self._arrivals.next_ns
        """When somebody arrives or leaves next."""

    def act(self, view: View, now_ns: int) -> list[Intent]:
        """Return what those want who have arrived or lost patience by now."""
        left = [side for side, cancel_ns in self._cancels_ns.items() if cancel_ns <= now_ns]
        for side in left:
            del self._cancels_ns[side]
        intents: list[Intent] = [CancelAll(self._instrument.instrument_id, side) for side in left]
        wanted_lots: dict[Side, int] = {}
        while self._arrivals.next_ns <= now_ns:
            self._arrivals.take()
            order = self._arrive(view, wanted_lots)
            # A crowd that could not look for long does not come all at once.
            if order is None or len(intents) >= _MOST_INTENTS:
                continue
            intents.append(order)
            wanted_lots[order.side] = wanted_lots.get(order.side, 0) + order.size_lots
            if order.time_in_force is _GTC and order.side not in self._cancels_ns:
                self._cancels_ns[order.side] = now_ns + self._patience.exponential(self._settings.passive_ns)
        self.next_ns = min([self._arrivals.next_ns, *self._cancels_ns.values()])
        return intents

    def _arrive(self, view: View, wanted_lots: Mapping[Side, int]) -> Order | None:
        """Return what an arrival wants beyond what others who came with it want."""
        settings, instrument, moods = self._settings, self._instrument, self._moods
        # Every arrival draws the same number of times, so that one that comes to nothing does not change the next.
        coin_ppm = moods.below(ONE_E6)
        size_micros = moods.log_normal(settings.mean_micros, settings.spread_e6)
        is_passive = moods.chance(settings.passive_ppm)
        distance_ppm = moods.exponential(settings.passive_distance_ppm)
        top = view.top(instrument.instrument_id)
        price_ticks = top.bid_price_ticks or top.ask_price_ticks
        if not price_ticks:
            return None
        position_lots = view.position_lots(instrument.instrument_id)
        most_lots = settings.max_position_micros // price_ticks
        fullness_ppm = position_lots * ONE_E6 // max(1, most_lots)
        fullness_ppm = max(-ONE_E6, min(ONE_E6, fullness_ppm))
        side = BUY if coin_ppm < ONE_E6 // 2 - settings.lean_ppm * fullness_ppm // ONE_E6 else SELL
        room_lots = most_lots - signed(side, position_lots) - wanted_lots.get(side, 0)
        room_lots -= view.resting_lots(instrument.instrument_id, side)
        size_lots = min(size_micros // price_ticks, room_lots)
        if not is_passive:
            return taking(view, instrument, side, size_lots, through_ticks(top, side, settings.slippage_ppm))
        best_ticks = top.bid_price_ticks if side is BUY else top.ask_price_ticks
        price_ticks = away_ticks(best_ticks, side, distance_ppm)
        return resting(view, instrument, side, size_lots, price_ticks)


class NoiseTakers:
    """The crowds of some instruments."""

    def __init__(self, settings: NoiseSettings, listed: Mapping[str, Instrument], dice: Dice) -> None:
        self._settings = settings
        self._listed = {symbol: listed[symbol] for symbol in settings.instruments}
        self._dice = dice
        self._crowds: list[_Crowd] | None = None

    @property
    def label(self) -> Label:
        """Why it trades."""
        return Label.NOISE

    def wake(self, view: View) -> Turn:
        """Let come and go who is due."""
        now_ns = view.now_ns
        if self._crowds is None:
            self._crowds = [
                _Crowd(self._settings, instrument, self._dice.spawn(symbol), now_ns)
                for symbol, instrument in self._listed.items()
            ]
        intents: list[Intent] = []
        for crowd in self._crowds:
            if crowd.next_ns <= now_ns:
                intents += crowd.act(view, now_ns)
        return Turn(intents, min([crowd.next_ns for crowd in self._crowds]))
