"""A spoofed wall: a large resting order that is shown to be believed, and pulled before it is met.

It lends a market depth that is not there (POPCAT, November 2025). Kept true: its orders never trade on arrival, and
once pulled it never comes back.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from wavetank.model.instrument import Instrument
from wavetank.model.orders import Side
from wavetank.storms.agents.agent import NEVER_NS, CancelAll, Label, Order, Turn, View
from wavetank.storms.agents.settings import SETTINGS, SIDES, Distance, Duration, Interval, Money, SideWord, Symbol
from wavetank.storms.agents.tickets import ONE_E6, away_ticks, mid_ticks_doubled, resting
from wavetank.storms.dice import Dice

_MOST_ORDERS = 20


@dataclass(frozen=True, slots=True, kw_only=True, config=SETTINGS)
class WallSettings:
    """What a spoofer is told."""

    instrument: Symbol
    """Symbol."""
    side: SideWord
    """`buy` for a wall of bids, `sell` for one of asks."""
    notional_micros: Money
    """Its size, in micro-dollars; several orders where one cannot be so large."""
    distance_ppm: Distance = 10_000
    """How far from the mid it stands, in millionths."""
    renew_ppm: Distance = 2_000
    """How far the mid moves before it is placed anew, in millionths."""
    retreats: bool = False
    """Whether it also follows a price that comes nearer; without, it waits there until it is pulled."""
    pull_ppm: Distance = 0
    """It is pulled for good when the mid is as near as this, in millionths; 0 looks at the time alone."""
    pull_after_ns: Duration = 0
    """It is pulled for good so long after it entered; 0 never."""
    interval_ns: Interval = 250_000_000
    """Between two looks."""


class SpoofedWall:
    """Shows size that it does not mean to trade."""

    def __init__(self, settings: WallSettings, listed: Mapping[str, Instrument], dice: Dice) -> None:
        self._settings = settings
        self._side = SIDES[settings.side]
        self._instrument = listed[settings.instrument]
        self._pull_ns: int | None = None
        self._placed_ticks = 0
        self._placed_lots = 0
        self._mid_doubled = 0

    @property
    def label(self) -> Label:
        """Why it trades."""
        return Label.WALL

    def wake(self, view: View) -> Turn:
        """Pull the wall, place it anew, or leave it."""
        settings, now_ns = self._settings, view.now_ns
        if self._pull_ns is None:
            self._pull_ns = now_ns + settings.pull_after_ns if settings.pull_after_ns else NEVER_NS
        mid_doubled = mid_ticks_doubled(view.top(self._instrument.instrument_id))
        if now_ns >= self._pull_ns or self._is_met(mid_doubled):
            return Turn([CancelAll(self._instrument.instrument_id, self._side)], NEVER_NS)
        wake_ns = min(self._pull_ns, now_ns + settings.interval_ns)
        if not mid_doubled or not self._is_due(view, mid_doubled):
            return Turn((), wake_ns)
        orders = self._orders(view, mid_doubled)
        if not orders:
            return Turn((), wake_ns)
        self._placed_ticks = orders[0].price_ticks
        self._placed_lots = sum(order.size_lots for order in orders)
        self._mid_doubled = mid_doubled
        # What stands there goes in the same turn, so that the wall is never shown twice.
        return Turn([CancelAll(self._instrument.instrument_id, self._side), *orders], wake_ns)

    def _is_met(self, mid_doubled: int) -> bool:
        """Return whether the price has come within the distance at which the wall is pulled, or past it."""
        if not self._placed_ticks or not self._settings.pull_ppm or not mid_doubled:
            return False
        gap_doubled = mid_doubled - 2 * self._placed_ticks
        if self._side is Side.SELL:
            gap_doubled = -gap_doubled
        return gap_doubled * ONE_E6 <= mid_doubled * self._settings.pull_ppm

    def _is_due(self, view: View, mid_doubled: int) -> bool:
        """Return whether the wall is not there, was eaten into, or stands too far from where it belongs."""
        if not self._placed_ticks:
            return True
        if view.resting_lots(self._instrument.instrument_id, self._side) < self._placed_lots:
            return True
        moved_doubled = mid_doubled - self._mid_doubled
        if self._side is Side.SELL:
            moved_doubled = -moved_doubled
        if moved_doubled < 0 and not self._settings.retreats:
            return False
        return abs(moved_doubled) * ONE_E6 > self._mid_doubled * self._settings.renew_ppm

    def _orders(self, view: View, mid_doubled: int) -> list[Order]:
        distance_ppm = self._settings.distance_ppm
        price_doubled = away_ticks(mid_doubled, self._side, distance_ppm)
        price_ticks = price_doubled // 2 if self._side is Side.BUY else -(-price_doubled // 2)
        if self._placed_ticks and not self._settings.retreats:
            keep = max if self._side is Side.BUY else min
            price_ticks = keep(price_ticks, self._placed_ticks)
        left_lots = self._settings.notional_micros // max(1, price_ticks)
        orders: list[Order] = []
        while len(orders) < _MOST_ORDERS:
            order = resting(view, self._instrument, self._side, left_lots, price_ticks)
            if order is None:
                break
            orders.append(order)
            left_lots -= order.size_lots
        return orders
