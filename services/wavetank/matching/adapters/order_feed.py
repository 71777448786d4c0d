"""Own order events: what befalls the orders of an account, for its open sessions.

A feed exists while an account has a session. It begins with the account's open orders as committed,
so that a fill can be told with the client's own id and side, and follows every cycle after that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wavetank.model.events import matching as events
from wavetank.model.orders import OrderFlag, OrderState
from wavetank.model.record import RECORD_BYTES, decode, kind_of, kinds
from wavetank.v1 import instrument_pb2
from wavetank.v1 import order_entry_pb2 as pb

if TYPE_CHECKING:
    from wavetank.matching.core.queries import KnownOrder
    from wavetank.matching.ports import Committed

_KINDS = {kind_of(cls) for cls in (events.OrderAccepted, events.Traded, events.OrderCancelled, events.OrderAmended)}


class Listener(Protocol):
    """Somebody who is told of the events of one account; must not wait."""

    def order_events(self, messages: list[pb.OrderEvent], last_seq: int) -> None:
        """Take the account's events of one cycle."""


def order_message(order: KnownOrder) -> pb.Order:
    """Return an order as the engine knows it."""
    return pb.Order(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        side=instrument_pb2.Side.ValueType(order.side),
        order_type=pb.OrderType.ValueType(order.order_type),
        time_in_force=pb.TimeInForce.ValueType(order.time_in_force),
        post_only=bool(order.flags & OrderFlag.POST_ONLY),
        reduce_only=bool(order.flags & OrderFlag.REDUCE_ONLY),
        price_ticks=order.price_ticks,
        remaining_lots=order.remaining_lots,
        filled_lots=order.filled_lots,
        filled_value_micros=order.filled_value_micros,
        state=pb.OrderState.ValueType(order.state),
        cancel_reason=pb.CancelReason.ValueType(order.cancel_reason),
        accepted_time_ns=order.accepted_time_ns,
    )


@dataclass(slots=True)
class _AccountFeed:
    orders: dict[int, pb.Order]
    listeners: list[Listener]


class OrderFeeds:
    """The feeds of all accounts that have a session; a sink of committed cycles."""

    def __init__(self) -> None:
        """Begin without sessions."""
        self._feeds: dict[int, _AccountFeed] = {}

    def join(self, account_id: int, listener: Listener, open_orders: list[KnownOrder]) -> None:
        """Tell a listener of an account's events from now on; called between two cycles."""
        feed = self._feeds.get(account_id)
        if feed is None:
            orders = {order.order_id: order_message(order) for order in open_orders}
            feed = self._feeds[account_id] = _AccountFeed(orders, [])
        feed.listeners.append(listener)

    def leave(self, account_id: int, listener: Listener) -> None:
        """Tell a listener no more."""
        feed = self._feeds.get(account_id)
        if feed is None or listener not in feed.listeners:
            return
        feed.listeners.remove(listener)
        if not feed.listeners:
            del self._feeds[account_id]

    def committed(self, cycle: Committed) -> None:
        """Tell every listener what the cycle did to its account's orders."""
        if not self._feeds or not cycle.records:
            return
        told: dict[int, list[pb.OrderEvent]] = {}
        for index, kind in enumerate(kinds(cycle.records)):
            if kind in _KINDS:
                event = decode(cycle.records, index * RECORD_BYTES)
                self._tell(event, cycle.first_seq + index, cycle.now_ns, told)
        for account_id, messages in told.items():
            for listener in self._feeds[account_id].listeners:
                listener.order_events(messages, cycle.last_seq)

    def _tell(self, event: object, seq: int, now_ns: int, told: dict[int, list[pb.OrderEvent]]) -> None:
        if isinstance(event, events.Traded):
            self._tell_fill(event, seq, now_ns, told, maker=False)
            self._tell_fill(event, seq, now_ns, told, maker=True)
            return
        if not isinstance(event, events.OrderAccepted | events.OrderCancelled | events.OrderAmended):
            return
        feed = self._feeds.get(event.account_id)
        if feed is None:
            return
        message = pb.OrderEvent(seq=seq, event_time_ns=now_ns)
        if isinstance(event, events.OrderAccepted):
            order = feed.orders[event.order_id] = _accepted(event, now_ns)
            message.accepted.order.CopyFrom(order)
        elif isinstance(event, events.OrderAmended):
            order = feed.orders[event.order_id]
            order.price_ticks = event.price_ticks
            order.remaining_lots = event.remaining_lots
            message.amended.order.CopyFrom(order)
            message.amended.kept_priority = bool(event.kept_priority)
        else:
            order = feed.orders.pop(event.order_id)
            order.state = pb.ORDER_STATE_CANCELLED
            order.cancel_reason = pb.CancelReason.ValueType(event.reason)
            message.cancelled.order.CopyFrom(order)
        told.setdefault(event.account_id, []).append(message)

    def _tell_fill(
        self, trade: events.Traded, seq: int, now_ns: int, told: dict[int, list[pb.OrderEvent]], *, maker: bool
    ) -> None:
        account_id = trade.maker_account_id if maker else trade.account_id
        feed = self._feeds.get(account_id)
        if feed is None:
            return
        order_id = trade.maker_order_id if maker else trade.taker_order_id
        order = feed.orders[order_id]
        remaining = trade.maker_remaining_lots if maker else trade.taker_remaining_lots
        order.remaining_lots = remaining
        order.filled_lots += trade.size_lots
        order.filled_value_micros += trade.size_lots * trade.price_ticks
        if remaining == 0:
            order.state = pb.ORDER_STATE_FILLED
            del feed.orders[order_id]
        message = pb.OrderEvent(
            seq=seq,
            event_time_ns=now_ns,
            fill=pb.Fill(
                trade_id=trade.trade_id,
                order_id=order_id,
                client_order_id=order.client_order_id,
                instrument_id=trade.instrument_id,
                side=order.side,
                price_ticks=trade.price_ticks,
                size_lots=trade.size_lots,
                fee_micros=trade.maker_fee_micros if maker else trade.taker_fee_micros,
                maker=maker,
                remaining_lots=remaining,
                liquidation=bool(trade.taker_flags & OrderFlag.LIQUIDATION),
            ),
        )
        told.setdefault(account_id, []).append(message)


def _accepted(event: events.OrderAccepted, now_ns: int) -> pb.Order:
    return pb.Order(
        order_id=event.order_id,
        client_order_id=event.client_order_id,
        account_id=event.account_id,
        instrument_id=event.instrument_id,
        side=instrument_pb2.Side.ValueType(event.side),
        order_type=pb.OrderType.ValueType(event.order_type),
        time_in_force=pb.TimeInForce.ValueType(event.time_in_force),
        post_only=bool(event.flags & OrderFlag.POST_ONLY),
        reduce_only=bool(event.flags & OrderFlag.REDUCE_ONLY),
        price_ticks=event.price_ticks,
        remaining_lots=event.size_lots,
        state=pb.OrderState.ValueType(OrderState.OPEN),
        accepted_time_ns=now_ns,
    )
