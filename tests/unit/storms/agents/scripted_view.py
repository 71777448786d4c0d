"""A venue that a test writes by hand, as one agent sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.orders import Side, TimeInForce
from wavetank.storms.agents.agent import CancelAll, Intent, LiquidationSeen, Order, Told, Top

BTC, ETH, SOL = default_instruments()
LISTED = {instrument.symbol: instrument for instrument in (BTC, ETH, SOL)}
SECOND_NS = 1_000_000_000
DOLLAR = 1_000_000


@dataclass
class ScriptedView:
    """What a test says; prices in ticks, sizes in lots, by instrument id."""

    now_ns: int = SECOND_NS
    tops: dict[int, Top] = field(default_factory=dict[int, Top])
    tolds: dict[int, Told] = field(default_factory=dict[int, Told])
    foreseen: dict[int, int] = field(default_factory=dict[int, int])
    positions: dict[int, int] = field(default_factory=dict[int, int])
    resting: dict[tuple[int, Side], int] = field(default_factory=dict[tuple[int, Side], int])
    liquidations: dict[int, LiquidationSeen] = field(default_factory=dict[int, LiquidationSeen])

    def instrument(self, instrument_id: int) -> Instrument:
        return {each.instrument_id: each for each in LISTED.values()}[instrument_id]

    def top(self, instrument_id: int) -> Top:
        return self.tops.get(instrument_id, Top())

    def told(self, instrument_id: int) -> Told | None:
        return self.tolds.get(instrument_id)

    def foreseen_index_ticks(self, instrument_id: int) -> int:
        return self.foreseen.get(instrument_id, 0)

    def position_lots(self, instrument_id: int) -> int:
        return self.positions.get(instrument_id, 0)

    def resting_lots(self, instrument_id: int, side: Side) -> int:
        return self.resting.get((instrument_id, side), 0)

    def free_margin_micros(self) -> int:
        return 0

    def last_liquidation(self, instrument_id: int) -> LiquidationSeen | None:
        return self.liquidations.get(instrument_id)

    # --- What a test does to it --------------------------------------------------------------------------------------

    def quote(
        self, bid_ticks: int, ask_ticks: int, size_lots: int = 100_000, *, instrument: Instrument = SOL
    ) -> ScriptedView:
        """Set both sides of the book; a price of 0 empties the side."""
        self.tops[instrument.instrument_id] = Top(
            bid_ticks, size_lots if bid_ticks else 0, ask_ticks, size_lots if ask_ticks else 0, 0
        )
        return self

    def tell(
        self, mark_ticks: int, index_ticks: int | None = None, *, instrument: Instrument = SOL, stale: bool = False
    ) -> ScriptedView:
        """Set mark and index; the index is the mark unless said."""
        self.tolds[instrument.instrument_id] = Told(
            mark_ticks if index_ticks is None else index_ticks, mark_ticks, self.now_ns, 0, stale
        )
        return self

    def hold(self, lots: int, instrument: Instrument = SOL) -> ScriptedView:
        """Set the position."""
        self.positions[instrument.instrument_id] = lots
        return self

    def carry_out(self, intents: Iterable[Intent]) -> None:
        """Trade whole what trades at once, let rest what rests, and cancel what is cancelled."""
        for intent in intents:
            if isinstance(intent, CancelAll):
                for side in (Side.BUY, Side.SELL) if intent.side is None else (intent.side,):
                    self.resting.pop((intent.instrument_id, side), None)
            elif intent.time_in_force is TimeInForce.IOC:
                moved = intent.size_lots if intent.side is Side.BUY else -intent.size_lots
                self.positions[intent.instrument_id] = self.position_lots(intent.instrument_id) + moved
            else:
                place = (intent.instrument_id, intent.side)
                self.resting[place] = self.resting.get(place, 0) + intent.size_lots


def sol_market(mid_ticks: int = 1_000_000, half_spread_ticks: int = 100) -> ScriptedView:
    """Return SOL at $100, a cent wide on each side, unless said: a tick is $0.0001 and the price step a cent."""
    return ScriptedView().quote(mid_ticks - half_spread_ticks, mid_ticks + half_spread_ticks).tell(mid_ticks)


def only_order(intents: Iterable[Intent]) -> Order:
    """Return the one intent, which is an order."""
    (order,) = intents
    assert isinstance(order, Order)
    return order
