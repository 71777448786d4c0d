"""Clearing's requests: each is carried out once, in the order of their ids (LIQ-030 to LIQ-080)."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from tests.model.matching import book, placing, running
from tests.model.matching.acceptance import as_asked
from tests.model.matching.commands import Ask, outcome
from tests.model.matching.state import (
    BUY,
    IOC,
    LIMIT,
    LIQUIDATION,
    MAX_LOTS,
    MAX_PRICE,
    REDUCE_ONLY,
    SELL,
    Account,
    Refused,
    Shard,
    refuse_if,
)
from wavetank.matching.core.commands import CommandResult
from wavetank.model.events import matching as events
from wavetank.model.orders import CancelReason, CommandKind, InstrumentState
from wavetank.model.reason import Reason


def carry_out(shard: Shard, ask: Ask) -> CommandResult:
    if ask.request <= shard.request:
        return outcome(repeated=True)
    handlers: dict[int, Callable[[Shard, Ask], CommandResult]] = {
        CommandKind.LIQUIDATE: liquidate,
        CommandKind.TRANSFER: transfer,
        CommandKind.CANCEL_ACCOUNT: cancel_account,
    }
    try:
        result = handlers[ask.kind](shard, ask)
    except Refused as refused:
        result = outcome(reason=refused.reason)
    shard.request = ask.request
    shard.emit(
        events.RequestAnswered(
            ask.instrument_id, ask.account_id, ask.request[0], result.filled_lots, result.filled_value_micros,
            ask.request[1], ask.kind, result.reason,
        )
    )  # fmt: skip
    return result


def cancel_account(shard: Shard, ask: Ask) -> CommandResult:
    return outcome(cancelled=running.cancel_each(shard, shard.own(ask.account_id), CancelReason.LIQUIDATION))


def liquidate(shard: Shard, ask: Ask) -> CommandResult:
    refuse_if(ask.instrument_id not in shard.instruments, Reason.INSTRUMENT_UNKNOWN)
    refuse_if(ask.side not in (BUY, SELL), Reason.MALFORMED)
    works = shard.states[ask.instrument_id] in (InstrumentState.TRADING, InstrumentState.REDUCE_ONLY)
    refuse_if(not works, Reason.INSTRUMENT_STATE)
    refuse_if(ask.size_lots < 1, Reason.SIZE_OUT_OF_RANGE)
    refuse_if(ask.instrument_id not in shard.marks, Reason.NO_REFERENCE_PRICE)
    closable = shard.closable(ask.account_id, ask.instrument_id, ask.side)
    refuse_if(closable == 0, Reason.REDUCE_ONLY_WOULD_INCREASE)
    edge = book.band_edge(shard, ask.instrument_id, ask.side, shard.instruments[ask.instrument_id].price_band_ppm)
    if ask.side == BUY:
        refuse_if(ask.price_ticks < 1, Reason.PRICE_OUT_OF_RANGE)
        price = min(ask.price_ticks, edge)
    else:
        refuse_if(ask.price_ticks > MAX_PRICE, Reason.PRICE_OUT_OF_RANGE)
        price = max(ask.price_ticks, edge)
    price = book.on_grid(shard, ask.instrument_id, ask.side, price)
    refuse_if(price > MAX_PRICE, Reason.PRICE_OUT_OF_RANGE)
    order = as_asked(
        shard,
        Ask(
            ask.kind, ask.account_id, ask.instrument_id, ask.side, LIMIT, IOC,
            REDUCE_ONLY | LIQUIDATION, price_ticks=price,
            size_lots=min(closable, ask.size_lots, MAX_LOTS),
        ),
    )  # fmt: skip
    order.margin_price = shard.marks[ask.instrument_id][0]
    order.order_id = shard.new_order_id()
    shard.orders = [*shard.orders, order]
    placing.emit_accepted(shard, order, ask.request)
    return placing.carry_through(shard, order)


def transfer(shard: Shard, ask: Ask) -> CommandResult:
    refuse_if(ask.instrument_id not in shard.instruments, Reason.INSTRUMENT_UNKNOWN)
    refuse_if(ask.account_id == ask.receiver_account_id, Reason.MALFORMED)
    giver = shard.position(ask.account_id, ask.instrument_id)
    receiver = shard.position(ask.receiver_account_id, ask.instrument_id)
    sign = 1 if ask.size_lots > 0 else -1
    lots = abs(ask.size_lots)
    if not ask.may_increase & 2:
        lots = min(lots, abs(giver) if sign * giver < 0 else 0)
    if not ask.may_increase & 1:
        lots = min(lots, abs(receiver) if sign * receiver > 0 else 0)
    refuse_if(lots == 0, Reason.TRANSFER_CLIPPED)
    delta = lots if ask.size_lots > 0 else -lots
    # Towards zero, as a closing leg is split.
    value = math.trunc(Fraction(ask.value_micros * delta, ask.size_lots))
    shard.accounts.setdefault(ask.account_id, Account())
    shard.accounts.setdefault(ask.receiver_account_id, Account())
    running.move(shard, ask.account_id, ask.instrument_id, delta, value, 0)
    running.move(shard, ask.receiver_account_id, ask.instrument_id, -delta, -value, 0)
    shard.emit(
        events.PositionTransferred(
            ask.instrument_id, ask.account_id, ask.receiver_account_id, delta, value, ask.size_lots, *ask.request
        )
    )
    running.trim(shard, ask.account_id, ask.instrument_id)
    running.trim(shard, ask.receiver_account_id, ask.instrument_id)
    return outcome(filled=lots, value=abs(value))
