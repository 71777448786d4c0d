"""Placing single orders, and how a command is answered (ORD-020, ORD-030)."""

from __future__ import annotations

from tests.model.matching import acceptance, credit, running
from tests.model.matching.commands import Ask, outcome
from tests.model.matching.state import IOC, MARKET, Order, Shard, refuse_if
from wavetank.matching.core.commands import CommandResult
from wavetank.model.events import matching as events
from wavetank.model.orders import CommandKind, OrderState
from wavetank.model.reason import Reason


def result(order: Order, *, repeated: bool = False) -> CommandResult:
    """Return an order's result as it stands, or, repeated, as its place was answered."""
    now = (order.filled, order.remaining, order.value, order.state)
    filled, remaining, value, state = order.answer if repeated else now
    return outcome(
        order_id=order.order_id, filled=filled, remaining=remaining, value=value, state=state, repeated=repeated,
        client_order_id=order.ask.client_order_id,
    )  # fmt: skip


def rejected(ask: Ask, reason: int, was: int = 0, allowed: int = 0) -> CommandResult:
    """Return the result of a refused command."""
    return outcome(
        order_id=ask.order_id, was=was, allowed=allowed, reason=reason, client_order_id=ask.client_order_id,
        state=OrderState.REJECTED if ask.kind == CommandKind.PLACE else 0,
    )  # fmt: skip


def emit_rejected(shard: Shard, ask: Ask, reason: int, was: int = 0, allowed: int = 0) -> CommandResult:
    shard.emit(
        events.OrderRejected(
            ask.instrument_id, ask.account_id, ask.order_id, ask.client_order_id, ask.price_ticks, ask.size_lots,
            was, allowed, reason, ask.kind, ask.side, ask.order_type, ask.time_in_force, ask.flags,
        )
    )  # fmt: skip
    return rejected(ask, reason, was, allowed)


def emit_accepted(shard: Shard, order: Order, request: tuple[int, int] = (0, 0)) -> None:
    ask = order.ask
    shard.emit(
        events.OrderAccepted(
            order.instrument_id, order.account_id, order.order_id, ask.client_order_id, order.price, order.remaining,
            0 if order.liquidates or not order.margin_price else credit.loss(shard, order), order.margin_price,
            ask.slippage_cap_ppm, request[0], ask.expire_time_ns, order.group_id, request[1],
            order.price if order.liquidates else ask.price_ticks, ask.display_lots, order.trigger_price, order.side,
            ask.order_type, order.time_in_force, order.flags, order.self_trade, ask.trigger_kind, ask.trigger_source,
            order.group_kind,
        )
    )  # fmt: skip


# Place -----------------------------------------------------------------------------------------


def known(shard: Shard, ask: Ask) -> Order | None:
    """Return the account's order that has the client order id, open or remembered."""
    account = shard.accounts.get(ask.account_id)
    if account is None or not ask.client_order_id:
        return None
    candidates = [*shard.own(ask.account_id), *account.remembered]
    return next((o for o in candidates if o.ask.client_order_id == ask.client_order_id), None)


def body(ask: Ask) -> tuple[int, ...]:
    """Return what two places with one client order id must have in common."""
    return (
        ask.instrument_id, ask.side, ask.order_type, ask.flags, ask.price_ticks, ask.size_lots, ask.slippage_cap_ppm,
        ask.time_in_force or (IOC if ask.order_type == MARKET else 0), ask.self_trade_prevention or 1,
        ask.display_lots, ask.expire_time_ns, ask.trigger_kind, ask.trigger_source, ask.trigger_price_ticks,
    )  # fmt: skip


def place(shard: Shard, ask: Ask, *, quote: bool = False) -> CommandResult:
    found = known(shard, ask)
    if found is not None:
        drafted = found.order_id in (shard.drafted or ())
        refuse_if(body(ask) != body(found.ask), Reason.CLIENT_ORDER_ID_REUSED, 0 if drafted else found.order_id)
        return result(found, repeated=True)
    order = acceptance.accepted(shard, ask, quote=quote)
    admit(shard, order)
    return carry_through(shard, order)


def admit(shard: Shard, order: Order) -> None:
    """Bring an accepted order into being."""
    order.order_id = shard.new_order_id()
    shard.orders = [*shard.orders, order]
    if shard.drafted is not None:
        shard.drafted.add(order.order_id)
    emit_accepted(shard, order)


def carry_through(shard: Shard, order: Order) -> CommandResult:
    """Run an admitted order if it need not wait; fix the answer."""
    if not order.waits:
        running.run(shard, order)
    order.answer = (order.filled, order.remaining, order.value, order.state)
    return result(order)
