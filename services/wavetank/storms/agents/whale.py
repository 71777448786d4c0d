"""A whale with a schedule: works its way to large positions at set times, in slices, whatever the price.

The leverage of its account is the business of its deposit. Kept true: it never aims past the target in force, and one
slice takes at most its clip, and at most its share of what shows at the other side's best.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from wavetank.model.instrument import Instrument
from wavetank.model.orders import Side
from wavetank.storms.agents.agent import NEVER_NS, Label, Order, Top, Turn, View
from wavetank.storms.agents.settings import (
    SETTINGS,
    Distance,
    Duration,
    Interval,
    Money,
    Share,
    SignedLots,
    SignedMoney,
    Symbol,
)
from wavetank.storms.agents.tickets import ONE_E6, signed, taking, through_ticks
from wavetank.storms.dice import Dice


@dataclass(frozen=True, slots=True, kw_only=True, config=SETTINGS)
class Target:
    """A position to be reached; it holds until the instrument's next one."""

    instrument: Symbol
    """Symbol."""
    after_ns: Duration
    """When the whale begins to work towards it, counted from its entering."""
    lots: SignedLots | None = None
    """Position in lots, negative is short; either this or `micros` is given."""
    micros: SignedMoney | None = None
    """Position in micro-dollars, counted in lots at the price at which the work begins."""

    def __post_init__(self) -> None:
        """Check that size is said in one way.

        Raises:
            ValueError: both or neither of lots and micros are given.

        """
        if (self.lots is None) == (self.micros is None):
            raise ValueError(f"a target is in lots or in micros, one of them: lots {self.lots}, micros {self.micros}")


@dataclass(frozen=True, slots=True, kw_only=True, config=SETTINGS)
class WhaleSettings:
    """What a whale is told."""

    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=256)]
    """Positions to be reached, in any order."""
    clip_micros: Money
    """Largest slice, in micro-dollars."""
    participation_ppm: Share = 0
    """Largest share of the size at the other side's best that a slice takes, in millionths; 0 knows the clip alone."""
    slippage_ppm: Distance = 5_000
    """How far through the other side's best a slice may trade, in millionths."""
    interval_ns: Interval = 1_000_000_000
    """Between two slices."""


class Whale:
    """Works towards the targets of its schedule."""

    def __init__(self, settings: WhaleSettings, listed: Mapping[str, Instrument], dice: Dice) -> None:
        self._settings = settings
        # Later ones stand at the end, and so come into force when those before them are taken off.
        self._waiting = sorted(settings.targets, key=lambda target: target.after_ns)
        self._listed = {target.instrument: listed[target.instrument] for target in self._waiting}
        self._working: dict[str, Target] = {}
        self._entered_ns: int | None = None
        self._counted_lots: dict[str, int] = {}

    @property
    def label(self) -> Label:
        """Why it trades."""
        return Label.WHALE

    def wake(self, view: View) -> Turn:
        """Send a slice towards each target in force, until all are reached."""
        now_ns = view.now_ns
        if self._entered_ns is None:
            self._entered_ns = now_ns
        while self._waiting and self._entered_ns + self._waiting[0].after_ns <= now_ns:
            target = self._waiting.pop(0)
            self._working[target.instrument] = target
            self._counted_lots.pop(target.instrument, None)
        orders = [order for symbol in list(self._working) if (order := self._work(view, symbol)) is not None]
        next_ns = self._entered_ns + self._waiting[0].after_ns if self._waiting else NEVER_NS
        return Turn(orders, min(next_ns, now_ns + self._settings.interval_ns) if self._working else next_ns)

    def _work(self, view: View, symbol: str) -> Order | None:
        """Return the next slice; a target that is reached is worked no more."""
        instrument, settings = self._listed[symbol], self._settings
        top, position_lots = view.top(instrument.instrument_id), view.position_lots(instrument.instrument_id)
        aim_lots = self._aim_lots(symbol, top)
        if aim_lots is None:
            return None
        if aim_lots == position_lots:
            del self._working[symbol]
            return None
        side = Side.BUY if aim_lots > position_lots else Side.SELL
        limit_ticks = through_ticks(top, side, settings.slippage_ppm)
        if not limit_ticks:
            return None
        missing_lots = abs(aim_lots - position_lots)
        # Towards a smaller position of the same direction, or none: the venue lets no such order do more.
        closes = position_lots * signed(side, 1) < 0 <= position_lots * aim_lots
        if not closes and missing_lots * limit_ticks < instrument.min_notional_micros:
            del self._working[symbol]
            return None
        return taking(
            view, instrument, side, min(missing_lots, self._slice_lots(top, side)), limit_ticks, closes=closes
        )

    def _aim_lots(self, symbol: str, top: Top) -> int | None:
        """Return the target in lots, or None as long as no price tells what it is."""
        target = self._working[symbol]
        if target.micros is None:
            return target.lots
        if symbol not in self._counted_lots:
            price_ticks = top.ask_price_ticks if target.micros > 0 else top.bid_price_ticks
            if not price_ticks:
                return None
            lots = abs(target.micros) // price_ticks
            self._counted_lots[symbol] = lots if target.micros > 0 else -lots
        return self._counted_lots[symbol]

    def _slice_lots(self, top: Top, side: Side) -> int:
        settings = self._settings
        price_ticks = top.ask_price_ticks if side is Side.BUY else top.bid_price_ticks
        shown_lots = top.ask_size_lots if side is Side.BUY else top.bid_size_lots
        clip_lots = max(1, settings.clip_micros // price_ticks)
        if not settings.participation_ppm:
            return clip_lots
        return min(clip_lots, max(1, shown_lots * settings.participation_ppm // ONE_E6))
