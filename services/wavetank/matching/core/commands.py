"""Commands and their results as fixed-width records, so that a batch crosses into compiled code as two byte strings.

The layouts are those of `Command` and `Result` in `records.pxd`. Packing checks widths only; whatever the bytes say,
the engine answers with a reason.
"""

from __future__ import annotations

import struct
from enum import IntFlag
from typing import NamedTuple

from wavetank.model.orders import (
    CancelReason,
    CommandKind,
    GroupKind,
    OrderFlag,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerKind,
    TriggerSource,
)

COMMAND_BYTES = 128
"""Width of a command record."""

RESULT_BYTES = 72
"""Width of a result record."""


class MayIncrease(IntFlag):
    """Whose position a transfer may make larger or flip; bits of a command record."""

    RECEIVER = 1
    GIVER = 2


_COMMAND = struct.Struct("<BBBBBBBBiiqq16sqqqqqqqqqiBBBx")
_RESULT = struct.Struct("<qqqqqqiHBB16s")
assert _COMMAND.size == COMMAND_BYTES
assert _RESULT.size == RESULT_BYTES


def pack(  # noqa: PLR0913 - a command has this many properties; each kind names those it uses.
    kind: CommandKind,
    *,
    side: int = 0,
    order_type: int = 0,
    time_in_force: int = 0,
    flags: int = 0,
    may_increase: int = 0,
    cancel_reason: int = 0,
    self_trade_prevention: int = 0,
    instrument_id: int = 0,
    count: int = 0,
    account_id: int = 0,
    order_id: int = 0,
    client_order_id: bytes = b"",
    price_ticks: int = 0,
    size_lots: int = 0,
    slippage_cap_ppm: int = 0,
    display_lots: int = 0,
    trigger_price_ticks: int = 0,
    expire_time_ns: int = 0,
    request_seq: int = 0,
    receiver_account_id: int = 0,
    value_micros: int = 0,
    request_number: int = 0,
    trigger_kind: int = 0,
    trigger_source: int = 0,
    group_kind: int = 0,
) -> bytes:
    """Return one command record.

    Raises:
        struct.error: a number does not fit its width.

    """
    return _COMMAND.pack(
        kind, side, order_type, time_in_force, flags, may_increase, cancel_reason, self_trade_prevention,
        instrument_id, count, account_id, order_id, client_order_id, price_ticks, size_lots, slippage_cap_ppm,
        display_lots, trigger_price_ticks, expire_time_ns, request_seq, receiver_account_id, value_micros,
        request_number, trigger_kind, trigger_source, group_kind,
    )  # fmt: skip


def place(  # noqa: PLR0913 - an order has this many properties.
    *,
    account_id: int,
    instrument_id: int,
    side: Side | int,
    size_lots: int,
    price_ticks: int = 0,
    order_type: OrderType | int = OrderType.LIMIT,
    time_in_force: TimeInForce | int = TimeInForce.GTC,
    flags: OrderFlag | int = OrderFlag.NONE,
    client_order_id: bytes = b"",
    slippage_cap_ppm: int = 0,
    self_trade_prevention: SelfTradePrevention | int = 0,
    display_lots: int = 0,
    expire_time_ns: int = 0,
    trigger_kind: TriggerKind | int = 0,
    trigger_source: TriggerSource | int = 0,
    trigger_price_ticks: int = 0,
) -> bytes:
    """Return a command that places an order; of the flags all but LIQUIDATION may be set.

    Raises:
        struct.error: a number does not fit its width.

    """
    # As `pack` would, without handing sixteen names on: this is what is asked most.
    return _COMMAND.pack(
        CommandKind.PLACE, side, order_type, time_in_force, flags, 0, 0, self_trade_prevention,
        instrument_id, 0, account_id, 0, client_order_id, price_ticks, size_lots, slippage_cap_ppm,
        display_lots, trigger_price_ticks, expire_time_ns, 0, 0, 0, 0, trigger_kind, trigger_source, 0,
    )  # fmt: skip


def cancel(
    *,
    account_id: int,
    order_id: int = 0,
    client_order_id: bytes = b"",
    cancel_reason: CancelReason | int = CancelReason.REQUESTED,
) -> bytes:
    """Return a command that cancels one order; exactly one of the two ids is given."""
    return pack(
        CommandKind.CANCEL,
        account_id=account_id,
        order_id=order_id,
        client_order_id=client_order_id,
        cancel_reason=cancel_reason,
    )


def amend(
    *,
    account_id: int,
    order_id: int = 0,
    client_order_id: bytes = b"",
    price_ticks: int = 0,
    size_lots: int = 0,
    trigger_price_ticks: int = 0,
) -> bytes:
    """Return a command that amends one order: what is 0 stays; the size includes what has been filled."""
    return pack(
        CommandKind.AMEND,
        account_id=account_id,
        order_id=order_id,
        client_order_id=client_order_id,
        price_ticks=price_ticks,
        size_lots=size_lots,
        trigger_price_ticks=trigger_price_ticks,
    )


def cancel_all(
    *,
    account_id: int,
    instrument_id: int = 0,
    side: Side | int = 0,
    cancel_reason: CancelReason | int = CancelReason.REQUESTED,
) -> bytes:
    """Return a command that cancels the account's orders, of one instrument and one side unless these are 0."""
    return pack(
        CommandKind.CANCEL_ALL,
        account_id=account_id,
        instrument_id=instrument_id,
        side=side,
        cancel_reason=cancel_reason,
    )


def cancel_all_after(*, account_id: int, timeout_ns: int) -> bytes:
    """Return a command that arms, renews or (0) disarms the account's dead-man switch."""
    return pack(CommandKind.CANCEL_ALL_AFTER, account_id=account_id, expire_time_ns=timeout_ns)


def cancel_disconnected() -> bytes:
    """Return the command of a restarted shard: cancel what was to end with its session."""
    return pack(CommandKind.CANCEL_DISCONNECTED)


def group(kind: GroupKind | int, orders: list[bytes]) -> bytes:
    """Return the commands that place a group of orders: one more record than orders."""
    return pack(CommandKind.PLACE_GROUP, group_kind=kind, count=len(orders)) + b"".join(orders)


def mass_quote(*, account_id: int, instrument_id: int, quotes: list[bytes]) -> bytes:
    """Return the commands that replace the account's quotes of an instrument: one more record than quotes.

    Each quote is a `place` of a limit GTC with the flags POST_ONLY and QUOTE, with or without POST_ONLY_SLIDE.
    """
    head = pack(CommandKind.MASS_QUOTE, account_id=account_id, instrument_id=instrument_id, count=len(quotes))
    return head + b"".join(quotes)


def atomic(commands: list[bytes]) -> bytes:
    """Return the commands of an atomic batch of places, cancels and amends: one more record than commands."""
    return pack(CommandKind.ATOMIC, count=len(commands)) + b"".join(commands)


def cancel_account(*, request_seq: int, request_number: int, account_id: int) -> bytes:
    """Return clearing's request to cancel all orders of an account (LIQ-030)."""
    return pack(
        CommandKind.CANCEL_ACCOUNT, account_id=account_id, request_seq=request_seq, request_number=request_number
    )


def liquidate(
    *,
    request_seq: int,
    request_number: int,
    account_id: int,
    instrument_id: int,
    side: Side | int,
    size_lots: int,
    price_ticks: int,
) -> bytes:
    """Return clearing's request to close part of a position in the book (LIQ-040)."""
    return pack(
        CommandKind.LIQUIDATE,
        account_id=account_id,
        instrument_id=instrument_id,
        side=side,
        size_lots=size_lots,
        price_ticks=price_ticks,
        request_seq=request_seq,
        request_number=request_number,
    )


def transfer(  # noqa: PLR0913 - a transfer has this many properties.
    *,
    request_seq: int,
    request_number: int,
    giver_account_id: int,
    receiver_account_id: int,
    instrument_id: int,
    giver_delta_lots: int,
    giver_value_micros: int,
    receiver_may_increase: bool = False,
    giver_may_increase: bool = False,
) -> bytes:
    """Return clearing's request to move lots between two accounts at a value (PROTOCOL R1)."""
    return pack(
        CommandKind.TRANSFER,
        account_id=giver_account_id,
        instrument_id=instrument_id,
        size_lots=giver_delta_lots,
        receiver_account_id=receiver_account_id,
        value_micros=giver_value_micros,
        may_increase=MayIncrease.RECEIVER * receiver_may_increase | MayIncrease.GIVER * giver_may_increase,
        request_seq=request_seq,
        request_number=request_number,
    )


class CommandResult(NamedTuple):
    """What became of one command; the fields of the wire's CommandResult."""

    order_id: int
    filled_lots: int
    remaining_lots: int
    """Still open; after a cancel, what was cancelled."""
    filled_value_micros: int
    was: int
    allowed: int
    cancelled_orders: int
    reason: int
    """A `Reason`, 0 if the command was carried out; of a request, why nothing was done."""
    state: int
    """An `OrderState`; 0 where no order is concerned."""
    repeated: bool
    """The answer repeats an earlier one: the client order id or the request's id is known (ORD-030)."""
    client_order_id: bytes


def unpack_results(data: bytes | memoryview) -> list[CommandResult]:
    """Return the results of a batch, one per command, in order."""
    return [
        CommandResult._make((*numbers, bool(repeated), client_order_id.rstrip(b"\0")))
        for *numbers, repeated, client_order_id in _RESULT.iter_unpack(data)
    ]
