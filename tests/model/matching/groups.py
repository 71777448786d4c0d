"""Groups: one order's trade, trigger or end is felt by the others of its group (ORD-040)."""

from __future__ import annotations

from tests.model.matching import running
from tests.model.matching.state import UNTRIGGERED, WAITING, Order, Shard
from wavetank.model.events import matching as events
from wavetank.model.orders import CancelReason, GroupKind


def others_of(shard: Shard, order: Order) -> list[Order]:
    """Return the live orders of an order's group but itself, by order id."""
    return [o for o in shard.orders if order.group_id and o.group_id == order.group_id and o is not order]


def is_parent(order: Order) -> bool:
    return order.group_kind == GroupKind.PARENT and order.order_id == order.group_id


def decided(shard: Shard, order: Order) -> None:
    """Cancel the others: this one has traded, or its trigger has fired. A parent does not rule its children out."""
    if is_parent(order):
        return
    running.cancel_each(shard, others_of(shard, order), CancelReason.GROUP)


def filled(shard: Shard, order: Order) -> None:
    """Wake the children of a parent that has filled."""
    if is_parent(order) and not order.remaining:
        activate(shard, order)


def cancelled(shard: Shard, order: Order) -> None:
    """Wake the children of a parent whose rest was cancelled after a fill; cancel those of any other."""
    if not is_parent(order):
        return
    if order.cancel_reason == CancelReason.IMMEDIATE_REMAINDER and order.filled:
        activate(shard, order)
    else:
        running.cancel_each(shard, others_of(shard, order), CancelReason.PARENT)


def activate(shard: Shard, parent: Order) -> None:
    for child in others_of(shard, parent):
        if child.state == WAITING:
            child.state = UNTRIGGERED
            child.remaining = min(child.remaining, parent.filled)
            shard.emit(
                events.OrderActivated(
                    child.instrument_id, child.account_id, child.order_id, child.ask.client_order_id, child.remaining,
                    child.side,
                )
            )  # fmt: skip
