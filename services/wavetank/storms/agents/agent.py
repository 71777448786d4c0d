"""What an agent is: somebody who wakes, looks, and wants something.

Agents are the weather of a storm: takers, arbitrageurs, whales, walls. They are pure like strategies, but they look
when they wake instead of being told of every change, and they count in ticks and lots, so that fifty of them cost a
simulation next to nothing. The same agent runs live behind a strategy that shows it the market it is told of.

Kept true: an agent reads no clock, draws chance only from the dice it was given, and sends nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from wavetank.model.instrument import Instrument
from wavetank.model.money import price_step, round_down_to_grid, round_up_to_grid
from wavetank.model.orders import OrderFlag, Side, TimeInForce

NEVER_NS = 2**63 - 1
"""When an agent that has done all it wanted wakes next."""


class Label(StrEnum):
    """Why somebody trades; the truth about each fill, which a live venue can only guess."""

    MAKER = "maker"
    NOISE = "noise"
    INFORMED = "informed"
    ARBITRAGEUR = "arbitrageur"
    MOMENTUM = "momentum"
    WHALE = "whale"
    WALL = "wall"
    LIQUIDATOR = "liquidator"
    BACKSTOP = "backstop"
    """Quotes wide around the mark and stays, whatever happens."""
    VAULT = "vault"
    """The venue's own backstop vault."""
    LIQUIDATED = "liquidated"
    """Whoever it was, clearing closed the position."""


class Top(NamedTuple):
    """Best bid and ask of a book and its last trade; 0 is none."""

    bid_price_ticks: int = 0
    bid_size_lots: int = 0
    ask_price_ticks: int = 0
    ask_size_lots: int = 0
    last_price_ticks: int = 0


class Told(NamedTuple):
    """Prices as bots are told them."""

    index_price_ticks: int
    mark_price_ticks: int
    index_time_ns: int
    funding_rate_e12: int
    is_stale: bool


class LiquidationSeen(NamedTuple):
    """The newest liquidation order that traded, as the public feed tells it."""

    event_time_ns: int
    side: Side
    """Of the order: a closed long sells."""
    price_ticks: int
    size_lots: int


class View(Protocol):
    """The venue as one agent sees it, late by its own delay."""

    @property
    def now_ns(self) -> int:
        """Venue time."""

    def instrument(self, instrument_id: int) -> Instrument:
        """Return what is listed."""

    def top(self, instrument_id: int) -> Top:
        """Return the top of the book."""

    def told(self, instrument_id: int) -> Told | None:
        """Return the newest prices, or None before the first."""

    def foreseen_index_ticks(self, instrument_id: int) -> int:
        """Return the index that the oracle will publish next; 0 for who is not let to know it."""

    def position_lots(self, instrument_id: int) -> int:
        """Return the own position, signed."""

    def resting_lots(self, instrument_id: int, side: Side) -> int:
        """Return what the own orders on one side of the book still have to trade."""

    def free_margin_micros(self) -> int:
        """Return equity less initial margin as clearing last counted it."""

    def last_liquidation(self, instrument_id: int) -> LiquidationSeen | None:
        """Return the newest liquidation of an instrument, or None."""


class Order(NamedTuple):
    """An order that is wanted; price on the grid, size in whole lots."""

    instrument_id: int
    side: Side
    size_lots: int
    price_ticks: int
    time_in_force: TimeInForce = TimeInForce.GTC
    flags: OrderFlag = OrderFlag.NONE
    client_order_id: bytes = b""
    """Needed by who wants to name it later, or to ask for an outcome; else empty."""


class CancelAll(NamedTuple):
    """The wish to have no orders in an instrument any more, on one side or on both."""

    instrument_id: int
    side: Side | None = None


Intent: TypeAlias = Order | CancelAll


class Turn(NamedTuple):
    """What an agent wants now, in order, and when it will look again."""

    intents: Sequence[Intent]
    wake_ns: int


class Agent(Protocol):
    """Somebody who trades in a storm."""

    @property
    def label(self) -> Label:
        """Why it trades."""

    def wake(self, view: View) -> Turn:
        """Look, and say what is wanted and when to look again, later than now.

        The first time it is woken is when it enters the market.
        """


@dataclass(frozen=True, slots=True)
class OnGrid:
    """Prices of one instrument, moved onto its grid (UNIT-030)."""

    instrument: Instrument

    def step_ticks(self, price_ticks: int) -> int:
        """Return the price step at a price."""
        return price_step(price_ticks, self.instrument.size_decimals, self.instrument.significant_figures)

    def below(self, price_ticks: int) -> int:
        """Return the highest price of the grid that is not above a price, at least one tick."""
        instrument = self.instrument
        return round_down_to_grid(max(1, price_ticks), instrument.size_decimals, instrument.significant_figures)

    def above(self, price_ticks: int) -> int:
        """Return the lowest price of the grid that is not below a price."""
        instrument = self.instrument
        return round_up_to_grid(max(1, price_ticks), instrument.size_decimals, instrument.significant_figures)
