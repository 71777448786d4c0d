"""Mass quotes: all own quotes of an instrument are replaced, and those that may stay keep their place (ORD-020)."""

from __future__ import annotations

from tests.model.matching import batches, book, placing, running
from tests.model.matching.commands import Ask, outcome
from tests.model.matching.state import (
    CANCEL_ON_DISCONNECT,
    GTC,
    LIMIT,
    POST_ONLY,
    POST_ONLY_SLIDE,
    QUOTE,
    Order,
    Refused,
    Shard,
    refuse_if,
)
from wavetank.matching.core.commands import CommandResult
from wavetank.model.orders import CancelReason, CommandKind, InstrumentState
from wavetank.model.reason import Reason

MOST = 200
NEEDED = POST_ONLY | QUOTE
ALLOWED = NEEDED | POST_ONLY_SLIDE | CANCEL_ON_DISCONNECT
QUOTED_IN = (InstrumentState.TRADING, InstrumentState.POST_ONLY, InstrumentState.AUCTION)
CLEARED_IN = (InstrumentState.CANCEL_ONLY, InstrumentState.REDUCE_ONLY)


def is_quote(ask: Ask, head: Ask) -> bool:
    return (
        ask.kind == CommandKind.PLACE
        and (ask.account_id, ask.instrument_id) == (head.account_id, head.instrument_id)
        and (ask.order_type, ask.time_in_force, ask.client_order_id) == (LIMIT, GTC, b"")
        and ask.flags & NEEDED == NEEDED
        and not ask.flags & ~ALLOWED
        and not (ask.display_lots or ask.expire_time_ns or ask.slippage_cap_ppm)
        and not (ask.trigger_kind or ask.trigger_source or ask.trigger_price_ticks)
    )


def mass_quote(shard: Shard, head: Ask, asks: list[Ask]) -> list[CommandResult]:
    if head.count < 0 or len(asks) > MOST or not all(is_quote(ask, head) for ask in asks):
        return batches.malformed(shard, head, asks)
    try:
        check_head(shard, head)
    except Refused as why:
        refused = placing.emit_rejected(shard, head, why.reason, why.was, why.allowed)
        return [refused, *(placing.rejected(ask, Reason.BATCH_REFUSED) for ask in asks)]
    own = [
        order
        for order in shard.own(head.account_id)
        if order.instrument_id == head.instrument_id and order.flags & QUOTE
    ]
    claimed: dict[int, Order] = {}
    for order in own:
        claim(shard, order, asks, claimed)
    kept = list(claimed.values())
    cancelled = running.cancel_each(shard, [order for order in own if order not in kept], CancelReason.REPLACED)
    results = [outcome(cancelled=cancelled)]
    for index, ask in enumerate(asks):
        try:
            results.append(
                placing.result(claimed[index]) if index in claimed else placing.place(shard, ask, quote=True)
            )
        except Refused as why:
            results.append(placing.emit_rejected(shard, ask, why.reason, why.was, why.allowed))
    return results


def check_head(shard: Shard, head: Ask) -> None:
    refuse_if(head.instrument_id not in shard.instruments, Reason.INSTRUMENT_UNKNOWN, head.instrument_id)
    state = shard.states[head.instrument_id]
    fits = state in QUOTED_IN or (state in CLEARED_IN and head.count == 0)
    refuse_if(not fits, Reason.INSTRUMENT_STATE, state, InstrumentState.TRADING)


def claim(shard: Shard, order: Order, asks: list[Ask], claimed: dict[int, Order]) -> None:
    """Let an order stand for the first quote that wants no more than it has, if there is one."""
    for index, ask in enumerate(asks):
        if (
            index not in claimed
            and (ask.side, ask.price_ticks) == (order.side, order.price)
            and 1 <= ask.size_lots <= order.remaining
        ):
            claimed[index] = order
            previous = order.remaining
            if ask.size_lots < previous:
                book.shrink(order, ask.size_lots)
                running.emit_amended(shard, order, order.price, previous, kept=True)
            return
