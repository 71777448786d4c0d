"""Own order events as one would write them first: message objects in a dictionary.

It exists so that the compiled table of own orders has something to agree with that is obviously right.
"""

from __future__ import annotations

from wavetank.matching.core.queries import KnownOrder
from wavetank.model.events import matching as events
from wavetank.model.orders import GroupKind, OrderFlag, OrderState
from wavetank.v1 import order_entry_pb2 as pb


def order_message(order: KnownOrder) -> pb.Order:
    """Return an order as the engine knows it."""
    return _order(order, order.flags, order.state, order.remaining_lots, order.accepted_time_ns)


def _order(
    order: KnownOrder | events.OrderAccepted, flags: int, state: int, remaining_lots: int, accepted_time_ns: int
) -> pb.Order:
    message = pb.Order(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        side=order.side,  # type: ignore[arg-type] # The wire takes the number.
        order_type=order.order_type,  # type: ignore[arg-type] # The same.
        time_in_force=order.time_in_force,  # type: ignore[arg-type] # The same.
        post_only=bool(flags & OrderFlag.POST_ONLY),
        reduce_only=bool(flags & OrderFlag.REDUCE_ONLY),
        post_only_slide=bool(flags & OrderFlag.POST_ONLY_SLIDE),
        quote=bool(flags & OrderFlag.QUOTE),
        cancel_on_disconnect=bool(flags & OrderFlag.CANCEL_ON_DISCONNECT),
        price_ticks=order.price_ticks,
        remaining_lots=remaining_lots,
        state=state,  # type: ignore[arg-type] # The same.
        accepted_time_ns=accepted_time_ns,
        display_lots=order.display_lots,
        expire_time_ns=order.expire_time_ns,
        self_trade_prevention=order.self_trade_prevention,  # type: ignore[arg-type] # The same.
        group_id=order.group_id,
        group_kind=order.group_kind,  # type: ignore[arg-type] # The same.
    )
    if order.trigger_kind:
        message.trigger.kind = order.trigger_kind  # type: ignore[assignment] # The same.
        message.trigger.source = order.trigger_source  # type: ignore[assignment] # The same.
        message.trigger.price_ticks = order.trigger_price_ticks
    if isinstance(order, KnownOrder):
        message.filled_lots = order.filled_lots
        message.filled_value_micros = order.filled_value_micros
        message.cancel_reason = order.cancel_reason  # type: ignore[assignment] # The same.
        message.refusal = order.refusal  # type: ignore[assignment] # The same.
    return message


class PlainOrders:
    """The open orders of followed accounts, and what is told of them."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[int, pb.Order]] = {}

    def committed(self, cycle: list[object], first_seq: int, now_ns: int) -> dict[int, list[pb.OrderEvent]]:
        """Return what each followed account is told of the events of a cycle."""
        told: dict[int, list[pb.OrderEvent]] = {}
        for seq, event in enumerate(cycle, first_seq):
            for account_id, message in self._messages(event, now_ns):
                message.seq, message.event_time_ns = seq, now_ns
                told.setdefault(account_id, []).append(message)
        return told

    def _messages(self, event: object, now_ns: int) -> list[tuple[int, pb.OrderEvent]]:
        if isinstance(event, events.Traded):
            sides = (
                (False, event.account_id, event.taker_order_id, event.taker_remaining_lots, event.taker_fee_micros),
                (
                    True,
                    event.maker_account_id,
                    event.maker_order_id,
                    event.maker_remaining_lots,
                    event.maker_fee_micros,
                ),
            )
            return [(side[1], self._fill(event, *side)) for side in sides if side[1] in self.orders]
        account_id = getattr(event, "account_id", 0)
        orders = self.orders.get(account_id)
        message = pb.OrderEvent()
        if orders is None:
            return []
        if isinstance(event, events.OrderAccepted):
            state = OrderState.OPEN
            if event.trigger_kind:
                waits = event.group_kind == GroupKind.PARENT and event.group_id != event.order_id
                state = OrderState.WAITING if waits else OrderState.UNTRIGGERED
            order = orders[event.order_id] = _order(event, event.flags, state, event.size_lots, now_ns)
            message.accepted.order.CopyFrom(order)
        elif isinstance(event, events.OrderCancelled):
            order = orders.pop(event.order_id)
            order.state = pb.ORDER_STATE_CANCELLED
            order.remaining_lots = event.remaining_lots
            order.cancel_reason = event.reason  # type: ignore[assignment] # The wire takes the number.
            order.refusal = event.refusal  # type: ignore[assignment] # The same.
            message.cancelled.order.CopyFrom(order)
        elif isinstance(event, events.OrderAmended):
            order = orders[event.order_id]
            order.price_ticks, order.remaining_lots = event.price_ticks, event.remaining_lots
            if order.HasField("trigger"):
                order.trigger.price_ticks = event.trigger_price_ticks
            message.amended.order.CopyFrom(order)
            message.amended.kept_priority = bool(event.kept_priority)
        elif isinstance(event, events.OrderTriggered):
            order = orders[event.order_id]
            order.price_ticks, order.remaining_lots = event.price_ticks, event.size_lots
            order.state = pb.ORDER_STATE_OPEN
            message.triggered.order.CopyFrom(order)
            message.triggered.seen_price_ticks = event.seen_price_ticks
        elif isinstance(event, events.OrderActivated):
            order = orders[event.order_id]
            order.remaining_lots = event.size_lots
            order.state = pb.ORDER_STATE_UNTRIGGERED
            message.activated.order.CopyFrom(order)
        elif isinstance(event, events.DeadManMoved):
            message.dead_man.deadline_ns = event.deadline_ns
            message.dead_man.fired = bool(event.fired)
            message.dead_man.SetInParent()
        else:
            return []
        return [(account_id, message)]

    def _fill(
        self, trade: events.Traded, maker: bool, account_id: int, order_id: int, remaining_lots: int, fee_micros: int
    ) -> pb.OrderEvent:
        order = self.orders[account_id][order_id]
        order.remaining_lots = remaining_lots
        order.filled_lots += trade.size_lots
        order.filled_value_micros += trade.size_lots * trade.price_ticks
        if remaining_lots == 0:
            del self.orders[account_id][order_id]
        return pb.OrderEvent(
            fill=pb.Fill(
                trade_id=trade.trade_id,
                order_id=order_id,
                client_order_id=order.client_order_id,
                instrument_id=trade.instrument_id,
                side=order.side,
                price_ticks=trade.price_ticks,
                size_lots=trade.size_lots,
                fee_micros=fee_micros,
                maker=maker,
                remaining_lots=remaining_lots,
                liquidation=bool(trade.taker_flags & OrderFlag.LIQUIDATION),
            )
        )
