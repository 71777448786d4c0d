"""An agent behind the SDK: what turns the events of a live venue into the view that an agent looks at.

The agents of a simulation and those of a live storm are the very same objects; live, they sit here and are run by
`wavetank.client.Runner` like any strategy. Kept true: the agent sees what the account's own key is told, late by
nothing but the network, and acts on `Timer` alone, so that the same events lead to the same commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from wavetank.client import (
    BestBidOffer,
    CancelAllOrders,
    Fill,
    FillBooked,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    PlaceOrder,
    PositionsRead,
    Prices,
    Reconnected,
    Started,
    StrategyCommand,
    StrategyEvent,
    Timer,
    Trade,
)
from wavetank.client import Instrument as ClientInstrument
from wavetank.client import Order as ClientOrder
from wavetank.client import Side as ClientSide
from wavetank.client import TimeInForce as ClientTimeInForce
from wavetank.client.orders import client_order_id
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import InstrumentState, OrderFlag, Side
from wavetank.storms.agents.agent import Agent, CancelAll, Intent, LiquidationSeen, Order, Told, Top

_MICROS_EXPONENT = 6
_E12_EXPONENT = 12


def as_listed(instrument: ClientInstrument) -> Instrument:
    """Return an instrument of the SDK in the words of the venue, as far as agents read it."""
    return Instrument(
        instrument_id=instrument.instrument_id,
        symbol=instrument.symbol,
        size_decimals=instrument.size_decimals,
        tiers=tuple(
            MarginTier(
                _whole(tier.lower_notional, _MICROS_EXPONENT),
                tier.max_leverage,
                _whole(tier.maintenance_rate or Decimal(0), _MICROS_EXPONENT),
            )
            for tier in instrument.margin_tiers
        ),
        significant_figures=instrument.significant_figures,
        taker_fee_ppm=_whole(instrument.taker_fee_rate, _MICROS_EXPONENT),
        maker_fee_ppm=_whole(instrument.maker_fee_rate, _MICROS_EXPONENT),
        min_notional_micros=_whole(instrument.min_notional, _MICROS_EXPONENT),
        max_order_lots=_whole(instrument.max_order_size, instrument.size_decimals),
        max_position_lots=_whole(instrument.max_position_size, instrument.size_decimals),
        open_interest_cap_lots=_whole(instrument.open_interest_cap, instrument.size_decimals),
        price_band_ppm=_whole(instrument.price_band, _MICROS_EXPONENT),
        impact_notional_micros=_whole(instrument.impact_notional, _MICROS_EXPONENT),
        funding_interval_ns=instrument.funding_interval_ns,
        state=InstrumentState(instrument.state),
    )


_EMPTY = Top()


@dataclass(slots=True)
class _Seen:
    """What was last told of one instrument."""

    instrument: Instrument
    client_instrument: ClientInstrument
    top: Top = _EMPTY
    told: Told | None = None
    foreseen_ticks: int = 0
    position_lots: int = 0
    liquidation: LiquidationSeen | None = None


@dataclass(slots=True)
class _LiveView:
    """The venue as events have told it so far."""

    seen: dict[int, _Seen] = field(default_factory=dict[int, _Seen])
    now_ns: int = 0
    margin_micros: int = 0
    resting: dict[int, tuple[int, Side, int]] = field(default_factory=dict[int, tuple[int, Side, int]])
    """Instrument, side and lots of each own order that rests, by order id."""

    def instrument(self, instrument_id: int) -> Instrument:
        return self.seen[instrument_id].instrument

    def top(self, instrument_id: int) -> Top:
        return self.seen[instrument_id].top

    def told(self, instrument_id: int) -> Told | None:
        return self.seen[instrument_id].told

    def foreseen_index_ticks(self, instrument_id: int) -> int:
        return self.seen[instrument_id].foreseen_ticks

    def position_lots(self, instrument_id: int) -> int:
        return self.seen[instrument_id].position_lots

    def resting_lots(self, instrument_id: int, side: Side) -> int:
        place = (instrument_id, side)
        return sum(lots for at, of, lots in self.resting.values() if (at, of) == place)

    def free_margin_micros(self) -> int:
        return self.margin_micros

    def last_liquidation(self, instrument_id: int) -> LiquidationSeen | None:
        return self.seen[instrument_id].liquidation


class AgentStrategy:
    """Runs an agent as a strategy of the SDK."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._view = _LiveView()
        self._by_symbol: dict[str, _Seen] = {}
        self._prefix = b""
        self._counter = 0
        self._wake_ns = 0

    @property
    def agent(self) -> Agent:
        """The agent."""
        return self._agent

    def foresee(self, symbol: str, index: Decimal | None) -> None:
        """Let the agent know the index that the oracle will publish next, in dollars; None is nothing to know."""
        seen = self._by_symbol.get(symbol)
        if seen is not None:
            seen.foreseen_ticks = _ticks(seen, index)

    def tell_free_margin(self, free_margin: Decimal) -> None:
        """Let the agent know equity less initial margin, in dollars."""
        self._view.margin_micros = _whole(free_margin, _MICROS_EXPONENT)

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        """Return what the agent wants after an event; it looks on `Timer` alone."""
        match event:
            case Started():
                self._start(event)
            case Timer():
                return self._wake(event.event_time_ns)
            case BestBidOffer() | Trade() | Prices():
                self._see_market(event)
            case PositionsRead():
                for symbol, seen in self._by_symbol.items():
                    seen.position_lots = _lots(seen, event.positions.get(symbol, Decimal(0)))
            case FillBooked(order_id=0):
                self._move(event.instrument, event.delta_size)
            case Fill():
                self._move(event.instrument, event.side.sign * event.size)
                self._rest(event.order_id, event.remaining_size)
            case OrderAccepted() | OrderAmended() | OrderCancelled():
                self._follow(event.order)
            case Reconnected():
                self._return(event)
            case _:
                pass
        return []

    def _start(self, event: Started) -> None:
        self._prefix = event.order_id_prefix
        for symbol, instrument in event.instruments.items():
            seen = _Seen(as_listed(instrument), instrument)
            seen.position_lots = _lots(seen, event.positions.get(symbol, Decimal(0)))
            self._by_symbol[symbol] = self._view.seen[instrument.instrument_id] = seen

    def _see_market(self, event: BestBidOffer | Trade | Prices) -> None:
        seen = self._by_symbol.get(event.instrument)
        if seen is None:
            return
        match event:
            case BestBidOffer():
                seen.top = Top(
                    _ticks(seen, event.bid_price),
                    _lots(seen, event.bid_size),
                    _ticks(seen, event.ask_price),
                    _lots(seen, event.ask_size),
                    seen.top.last_price_ticks,
                )
            case Trade():
                price_ticks = _ticks(seen, event.price)
                seen.top = seen.top._replace(last_price_ticks=price_ticks)
                if event.liquidation:
                    side, lots = Side(event.aggressor), _lots(seen, event.size)
                    seen.liquidation = LiquidationSeen(event.event_time_ns, side, price_ticks, lots)
            case Prices():
                seen.told = Told(
                    _ticks(seen, event.index),
                    _ticks(seen, event.mark),
                    event.index_time_ns,
                    _whole(event.funding_rate, _E12_EXPONENT),
                    event.stale,
                )
            case _:
                assert_never(event)

    def _move(self, symbol: str, delta_size: Decimal) -> None:
        seen = self._by_symbol.get(symbol)
        if seen is not None:
            seen.position_lots += _lots(seen, delta_size)

    def _follow(self, order: ClientOrder) -> None:
        seen = self._by_symbol.get(order.instrument)
        if seen is None or not order.state.is_live:
            self._view.resting.pop(order.order_id, None)
            return
        lots = _lots(seen, order.remaining_size)
        self._view.resting[order.order_id] = (seen.instrument.instrument_id, Side(order.side), lots)

    def _rest(self, order_id: int, remaining_size: Decimal) -> None:
        """Take note of what a fill leaves of an order; one that never rested is not known."""
        known = self._view.resting.pop(order_id, None)
        if known is not None and remaining_size:
            instrument_id, side, _ = known
            lots = _lots(self._view.seen[instrument_id], remaining_size)
            self._view.resting[order_id] = (instrument_id, side, lots)

    def _return(self, event: Reconnected) -> None:
        """Take over the orders as the venue holds them; a venue of several shards tells those of one of them."""
        if event.stream == "session":
            self._view.resting.clear()
        for order in (*event.ended_orders, *event.open_orders):
            self._follow(order)

    def _wake(self, now_ns: int) -> list[StrategyCommand]:
        # An agent wakes later than it woke last, so its time never steps back, though that of a venue may.
        if not self._by_symbol or now_ns < self._wake_ns:
            return []
        self._view.now_ns = now_ns
        turn = self._agent.wake(self._view)
        self._wake_ns = turn.wake_ns
        return [self._command(intent) for intent in turn.intents]

    def _command(self, intent: Intent) -> StrategyCommand:
        self._counter += isinstance(intent, Order)
        own = client_order_id(self._prefix, self._counter)
        return command_of(intent, self._view.seen[intent.instrument_id].client_instrument, own)


def command_of(intent: Intent, instrument: ClientInstrument, order_id: bytes) -> StrategyCommand:
    """Return what is wanted as the SDK takes it.

    Args:
        intent: an order, or the wish to have none.
        instrument: of the intent, as the SDK knows it.
        order_id: client order id of an order that names none itself; empty lets the session make one.

    """
    match intent:
        case Order():
            return PlaceOrder(
                instrument=instrument.symbol,
                side=ClientSide(intent.side),
                size=instrument.size(intent.size_lots),
                price=instrument.price(intent.price_ticks),
                time_in_force=ClientTimeInForce(intent.time_in_force),
                post_only=OrderFlag.POST_ONLY in intent.flags,
                reduce_only=OrderFlag.REDUCE_ONLY in intent.flags,
                client_order_id=intent.client_order_id or order_id,
            )
        case CancelAll():
            side = None if intent.side is None else ClientSide(intent.side)
            return CancelAllOrders(instrument=instrument.symbol, side=side)
        case _:
            assert_never(intent)


def _ticks(seen: _Seen, price: Decimal | None) -> int:
    return 0 if price is None else seen.client_instrument.price_ticks(price, on_grid=False)


def _lots(seen: _Seen, size: Decimal) -> int:
    return _whole(size, seen.client_instrument.size_decimals)


def _whole(value: Decimal, exponent: int) -> int:
    """Return a decimal in units of 10^-exponent; the venue's numbers are whole in theirs."""
    return int(value.scaleb(exponent))
