"""A believer: builds one large levered position and holds it, whatever happens.

It is the account that a shock takes apart, so that a demonstration has somebody to liquidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from wavetank.client.errors import CreditRefused
from wavetank.client.events import (
    BestBidOffer,
    CommandAnswered,
    CommandUnresolved,
    Fill,
    FillBooked,
    HealthBand,
    HealthBandChanged,
    PositionsRead,
    Started,
    StrategyEvent,
    Timer,
)
from wavetank.client.instrument import Instrument
from wavetank.client.orders import PlaceOrder, Side, TimeInForce, client_order_id
from wavetank.client.strategy import StrategyCommand

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionalSettings:
    """What a believer is told.

    Attributes:
        instrument: symbol.
        side: what it believes in.
        target_notional: dollars it wants to hold.
        order_notional: dollars of one order; halved when credit does not carry it, down to the smallest order.
        interval_ns: venue time between two orders.
        slippage_bps: how far through the opposite side an order may trade.
    """

    instrument: str
    side: Side
    target_notional: Decimal
    order_notional: Decimal
    interval_ns: int = 1_000_000_000
    slippage_bps: Decimal = Decimal(30)


class Directional:
    """Builds a position by orders that trade at once, and stops for good when its account is warned."""

    def __init__(self, settings: DirectionalSettings) -> None:
        self.instrument = settings.instrument
        self._settings = settings
        self._instrument: Instrument | None = None
        self._prefix = b""
        self._counter = 0
        self._book: BestBidOffer | None = None
        self._position = Decimal(0)
        self._order_notional = settings.order_notional
        self._next_order_ns = 0
        self._under_way = b""
        self._is_done = False

    @property
    def position(self) -> Decimal:
        """Signed position, as this strategy has counted it."""
        return self._position

    @property
    def is_done(self) -> bool:
        """Whether it has what it wants, or cannot get more."""
        return self._is_done

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        """Return what to do after an event; orders are sent on `Timer` alone."""
        symbol = self._settings.instrument
        match event:
            case Started():
                self._instrument = event.instruments[symbol]
                self._position = event.positions.get(symbol, Decimal(0))
                self._prefix = event.order_id_prefix
            case BestBidOffer(instrument=instrument) if instrument == symbol:
                self._book = event
            case Fill(instrument=instrument) if instrument == symbol:
                self._position += event.side.sign * event.size
            case FillBooked(instrument=instrument, order_id=0) if instrument == symbol:
                self._position += event.delta_size
            case PositionsRead():
                self._position = event.positions.get(symbol, Decimal(0))
            case HealthBandChanged() if event.current is not HealthBand.HEALTHY:
                self._is_done = True
            case CommandAnswered() | CommandUnresolved():
                self._on_answer(event)
            case Timer():
                return self._build(event.event_time_ns)
            case _:
                pass
        return []

    def _on_answer(self, event: CommandAnswered | CommandUnresolved) -> None:
        command = event.command
        if not isinstance(command, PlaceOrder) or command.client_order_id != self._under_way:
            return
        self._under_way = b""
        if isinstance(event, CommandAnswered) and isinstance(event.result.refusal, CreditRefused):
            self._order_notional /= 2

    def _build(self, now_ns: int) -> list[StrategyCommand]:
        settings, instrument, book = self._settings, self._instrument, self._book
        if self._is_done or self._under_way or instrument is None or book is None or now_ns < self._next_order_ns:
            return []
        best = book.ask_price if settings.side is Side.BUY else book.bid_price
        if best is None:
            return []
        missing = settings.target_notional - settings.side.sign * self._position * best
        notional = min(missing, self._order_notional)
        if notional < max(instrument.min_notional, Decimal(1)):
            self._is_done = True
            return []
        price = instrument.round_price(
            best * (1 + settings.side.sign * settings.slippage_bps / _BPS), up=settings.side is Side.SELL
        )
        size = instrument.round_size(notional / best)
        if size * price < instrument.min_notional:
            self._is_done = True
            return []
        self._counter += 1
        self._under_way = client_order_id(self._prefix, self._counter)
        self._next_order_ns = now_ns + settings.interval_ns
        return [
            PlaceOrder(
                instrument=settings.instrument,
                side=settings.side,
                size=size,
                price=price,
                time_in_force=TimeInForce.IOC,
                client_order_id=self._under_way,
            )
        ]
