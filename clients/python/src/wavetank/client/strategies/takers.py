"""A background flow of takers, so that a venue lives.

Orders arrive at random, in clusters: each arrival makes the next more likely for a while (a Hawkes process; without
excitation a Poisson process). Part of the flow knows where the index is and trades towards it, part runs after the
recent move, the rest is noise that leans against its own position.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from wavetank.client.events import (
    BestBidOffer,
    Fill,
    FillBooked,
    PositionsRead,
    Prices,
    Started,
    StrategyEvent,
    Timer,
)
from wavetank.client.instrument import Instrument
from wavetank.client.orders import PlaceOrder, Side, TimeInForce, client_order_id
from wavetank.client.strategy import StrategyCommand

_BPS = 10_000.0
_SECOND = 1e9
_LARGEST_SIZE_FACTOR = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TakerSettings:
    """What a flow of takers is told; rates are per second of venue time.

    Attributes:
        instrument: symbol.
        mean_size: of an order, in units of the base asset; sizes are log-normal, at most ten times that.
        size_spread: standard deviation of the logarithm of the size.
        max_position: beyond it only orders that reduce are sent.
        rate: arrivals per second without excitation.
        excitation: arrivals that one arrival causes on average; below 1.
        excitation_seconds: for how long an arrival excites.
        informed_share: share of arrivals that trade towards the index.
        informed_gap_bps: smallest gap between index and mid that they trade on.
        momentum_share: share of arrivals that trade in the direction of the recent move.
        momentum_seconds: what is recent.
        slippage_bps: how far through the opposite side an order may trade.
        max_orders: largest number at one timer event.
    """

    instrument: str
    mean_size: Decimal
    max_position: Decimal
    size_spread: float = 0.8
    rate: float = 1.0
    excitation: float = 0.4
    excitation_seconds: float = 2.0
    informed_share: float = 0.25
    informed_gap_bps: float = 2.0
    momentum_share: float = 0.25
    momentum_seconds: float = 10.0
    slippage_bps: float = 20.0
    max_orders: int = 5


class TakerFlow:
    """A flow of takers in one instrument; deterministic in its events and its seed."""

    def __init__(self, settings: TakerSettings, *, seed: int) -> None:
        assert settings.excitation < 1, "a flow that excites itself without bound never ends"
        self.instrument = settings.instrument
        self._settings = settings
        self._random = random.Random(seed)
        self._instrument: Instrument | None = None
        self._prefix = b""
        self._counter = 0
        self._book: BestBidOffer | None = None
        self._index: Decimal | None = None
        self._position = Decimal(0)
        self._excess_rate = 0.0
        self._last_ns = 0
        self._trend = 0.0
        self._slow_mid = 0.0

    def turn(self, seed: int) -> None:
        """Draw from another seed from now on; what was drawn stays."""
        self._random.seed(seed)

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        """Return what to do after an event; orders are sent on `Timer` alone."""
        symbol = self._settings.instrument
        match event:
            case Started():
                self._instrument = event.instruments[symbol]
                self._position = event.positions.get(symbol, Decimal(0))
                self._prefix = event.order_id_prefix
                self._last_ns = event.event_time_ns
            case BestBidOffer(instrument=instrument) if instrument == symbol:
                self._book = event
            case Prices(instrument=instrument) if instrument == symbol:
                self._index = event.index
            case Fill(instrument=instrument) if instrument == symbol:
                self._position += event.side.sign * event.size
            case FillBooked(instrument=instrument, order_id=0) if instrument == symbol:
                self._position += event.delta_size
            case PositionsRead():
                self._position = event.positions.get(symbol, Decimal(0))
            case Timer():
                return self._arrivals(event.event_time_ns)
            case _:
                pass
        return []

    def _arrivals(self, now_ns: int) -> list[StrategyCommand]:
        seconds = max(0.0, (now_ns - self._last_ns) / _SECOND)
        self._last_ns = max(self._last_ns, now_ns)
        settings = self._settings
        self._excess_rate *= math.exp(-seconds / settings.excitation_seconds)
        self._follow_trend(seconds)
        count = min(settings.max_orders, self._poisson((settings.rate + self._excess_rate) * seconds))
        self._excess_rate += count * settings.excitation / settings.excitation_seconds
        orders = [self._order() for _ in range(count)]
        return [order for order in orders if order is not None]

    def _follow_trend(self, seconds: float) -> None:
        mid = float(self._book.mid or 0) if self._book is not None else 0.0
        if not mid:
            return
        if not self._slow_mid:
            self._slow_mid = mid
        self._slow_mid += (mid - self._slow_mid) * (1.0 - math.exp(-seconds / self._settings.momentum_seconds))
        self._trend = mid - self._slow_mid

    def _poisson(self, mean: float) -> int:
        """Return a Poisson number by Knuth's method: arrivals until the product of uniforms falls below e^-mean."""
        limit = math.exp(-mean)
        count, product = 0, self._random.random()
        while product > limit and count < self._settings.max_orders:
            count += 1
            product *= self._random.random()
        return count

    def _order(self) -> PlaceOrder | None:
        settings, instrument = self._settings, self._instrument
        # Every arrival draws the same number of times, so that one that comes to nothing does not change the next.
        side = self._side(self._random.random(), self._random.random())
        spread = settings.size_spread
        factor = min(_LARGEST_SIZE_FACTOR, self._random.lognormvariate(-spread * spread / 2.0, spread))
        if instrument is None or self._book is None:
            return None
        best = self._book.ask_price if side is Side.BUY else self._book.bid_price
        size = instrument.round_size(settings.mean_size * Decimal(repr(factor)))
        if side.sign * self._position >= settings.max_position or best is None:
            return None
        through = Decimal(repr(1.0 + side.sign * settings.slippage_bps / _BPS))
        price = instrument.round_price(best * through, up=side is Side.SELL)
        if size <= 0 or size * price < instrument.min_notional:
            return None
        self._counter += 1
        return PlaceOrder(
            instrument=settings.instrument,
            side=side,
            size=size,
            price=price,
            time_in_force=TimeInForce.IOC,
            client_order_id=client_order_id(self._prefix, self._counter),
        )

    def _side(self, motive: float, coin: float) -> Side:
        settings = self._settings
        mid = self._book.mid if self._book is not None else None
        if motive < settings.informed_share and mid and self._index is not None:
            gap_bps = float(self._index / mid - 1) * _BPS
            if abs(gap_bps) >= settings.informed_gap_bps:
                return Side.BUY if gap_bps > 0 else Side.SELL
        elif motive < settings.informed_share + settings.momentum_share and self._trend:
            return Side.BUY if self._trend > 0 else Side.SELL
        fullness = max(-1.0, min(1.0, float(self._position / settings.max_position)))
        return Side.BUY if coin < 0.5 - 0.25 * fullness else Side.SELL
