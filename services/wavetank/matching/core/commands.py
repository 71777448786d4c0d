"""Commands and their results as fixed-width records, so that a batch crosses into compiled code as two byte strings.

The layouts are those of `Command` and `Result` in `records.pxd`. Packing checks widths only; whatever the bytes say,
the engine answers with a reason.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from wavetank.model.orders import CancelReason, CommandKind, OrderFlag, OrderType, Side, TimeInForce

COMMAND_BYTES = 96
"""Width of a command record."""

RESULT_BYTES = 72
"""Width of a result record."""

_COMMAND = struct.Struct("<BBBBBBBxiiqq16sqqqqqq")
_RESULT = struct.Struct("<qqqqqqiHBB16s")
assert _COMMAND.size == COMMAND_BYTES
assert _RESULT.size == RESULT_BYTES


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
) -> bytes:
    """Return a command that places an order; `flags` may hold POST_ONLY and REDUCE_ONLY.

    Raises:
        struct.error: a number does not fit its width.

    """
    return _COMMAND.pack(
        CommandKind.PLACE, side, order_type, time_in_force, flags, 0, 0, instrument_id, 0,
        account_id, 0, client_order_id, price_ticks, size_lots, slippage_cap_ppm, 0, 0, 0,
    )  # fmt: skip


def cancel(
    *,
    account_id: int,
    order_id: int = 0,
    client_order_id: bytes = b"",
    cancel_reason: CancelReason | int = CancelReason.REQUESTED,
) -> bytes:
    """Return a command that cancels one order; exactly one of the two ids is given."""
    return _COMMAND.pack(
        CommandKind.CANCEL, 0, 0, 0, 0, 0, cancel_reason, 0, 0,
        account_id, order_id, client_order_id, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip


def amend(
    *, account_id: int, order_id: int = 0, client_order_id: bytes = b"", price_ticks: int = 0, size_lots: int = 0
) -> bytes:
    """Return a command that amends one order: price or size, 0 keeps; the size includes what has been filled."""
    return _COMMAND.pack(
        CommandKind.AMEND, 0, 0, 0, 0, 0, 0, 0, 0,
        account_id, order_id, client_order_id, price_ticks, size_lots, 0, 0, 0, 0,
    )  # fmt: skip


def cancel_all(
    *,
    account_id: int,
    instrument_id: int = 0,
    side: Side | int = 0,
    cancel_reason: CancelReason | int = CancelReason.REQUESTED,
) -> bytes:
    """Return a command that cancels the account's orders, of one instrument and one side unless these are 0."""
    return _COMMAND.pack(
        CommandKind.CANCEL_ALL, side, 0, 0, 0, 0, cancel_reason, instrument_id, 0,
        account_id, 0, b"", 0, 0, 0, 0, 0, 0,
    )  # fmt: skip


def cancel_account(*, request_seq: int, request_number: int, account_id: int) -> bytes:
    """Return clearing's request to cancel all orders of an account (LIQ-030)."""
    return _COMMAND.pack(
        CommandKind.CANCEL_ACCOUNT, 0, 0, 0, 0, 0, 0, 0, request_number,
        account_id, 0, b"", 0, 0, 0, request_seq, 0, 0,
    )  # fmt: skip


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
    return _COMMAND.pack(
        CommandKind.LIQUIDATE, side, 0, 0, 0, 0, 0, instrument_id, request_number,
        account_id, 0, b"", price_ticks, size_lots, 0, request_seq, 0, 0,
    )  # fmt: skip


def transfer(
    *,
    request_seq: int,
    request_number: int,
    giver_account_id: int,
    receiver_account_id: int,
    instrument_id: int,
    giver_delta_lots: int,
    giver_value_micros: int,
    receiver_may_increase: bool = False,
) -> bytes:
    """Return clearing's request to move lots between two accounts at a value (PROTOCOL R1)."""
    return _COMMAND.pack(
        CommandKind.TRANSFER, 0, 0, 0, 0, receiver_may_increase, 0, instrument_id, request_number,
        giver_account_id, 0, b"", 0, giver_delta_lots, 0, request_seq, receiver_account_id, giver_value_micros,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CommandResult:
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
    results = []
    for values in _RESULT.iter_unpack(data):
        order_id, filled, remaining, value, was, allowed, cancelled, reason, state, repeated, client_order_id = values
        results.append(
            CommandResult(
                order_id=order_id,
                filled_lots=filled,
                remaining_lots=remaining,
                filled_value_micros=value,
                was=was,
                allowed=allowed,
                cancelled_orders=cancelled,
                reason=reason,
                state=state,
                repeated=bool(repeated),
                client_order_id=client_order_id.rstrip(b"\0"),
            )
        )
    return results
