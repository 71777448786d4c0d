"""Commands from messages to packed records, and results back.

A command that has no meaning is refused here, by itself, and the others of its batch go on; what a
well-formed command asks is for the engine to judge.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wavetank.matching.adapters.refusals import refusal
from wavetank.matching.core import commands as packed
from wavetank.model.orders import CommandKind, OrderFlag
from wavetank.model.reason import Reason
from wavetank.v1 import order_entry_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CLIENT_ORDER_ID_BYTES = 16

_TYPES = {pb.ORDER_TYPE_LIMIT, pb.ORDER_TYPE_MARKET}
_SIDES = {1, 2}
_TOP_ENUM = 3


class Malformed(Exception):
    """A command that has no meaning; carries the sentence."""


def _check_ids(order_id: int, client_order_id: bytes) -> None:
    if bool(order_id) == bool(client_order_id):
        raise Malformed("exactly one of order_id and client_order_id is given")
    if len(client_order_id) > MAX_CLIENT_ORDER_ID_BYTES:
        raise Malformed(_too_long(client_order_id))


def _too_long(client_order_id: bytes) -> str:
    return f"client_order_id has {len(client_order_id)} bytes; {MAX_CLIENT_ORDER_ID_BYTES} are allowed"


def _place(account_id: int, order: pb.PlaceOrder) -> bytes:
    if order.side not in _SIDES:
        raise Malformed(f"side is {order.side}; 1 buy or 2 sell is allowed")
    if order.order_type not in _TYPES:
        raise Malformed(f"order_type is {order.order_type}; 1 limit or 2 market is allowed")
    market = order.order_type == pb.ORDER_TYPE_MARKET
    if not (0 if market else 1) <= order.time_in_force <= _TOP_ENUM:
        raise Malformed(f"time_in_force is {order.time_in_force}; 1 GTC, 2 IOC or 3 FOK is allowed")
    if len(order.client_order_id) > MAX_CLIENT_ORDER_ID_BYTES:
        raise Malformed(_too_long(order.client_order_id))
    flags = (OrderFlag.POST_ONLY if order.post_only else 0) | (OrderFlag.REDUCE_ONLY if order.reduce_only else 0)
    return packed.place(
        account_id=account_id,
        instrument_id=order.instrument_id,
        side=order.side,
        size_lots=order.size_lots,
        price_ticks=order.price_ticks,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        flags=flags,
        client_order_id=order.client_order_id,
        slippage_cap_ppm=order.slippage_cap_ppm,
    )


def pack(account_id: int, command: pb.Command) -> bytes:
    """Return a command as the engine takes it.

    Raises:
        Malformed: it has no meaning.

    """
    kind = command.WhichOneof("command")
    try:
        if kind == "place":
            return _place(account_id, command.place)
        if kind == "cancel":
            _check_ids(command.cancel.order_id, command.cancel.client_order_id)
            return packed.cancel(
                account_id=account_id,
                order_id=command.cancel.order_id,
                client_order_id=command.cancel.client_order_id,
            )
        if kind == "amend":
            _check_ids(command.amend.order_id, command.amend.client_order_id)
            return packed.amend(
                account_id=account_id,
                order_id=command.amend.order_id,
                client_order_id=command.amend.client_order_id,
                price_ticks=command.amend.price_ticks,
                size_lots=command.amend.size_lots,
            )
        if kind == "cancel_all":
            if command.cancel_all.side not in {0, *_SIDES}:
                raise Malformed(f"side is {command.cancel_all.side}; 0 both, 1 buy or 2 sell is allowed")
            return packed.cancel_all(
                account_id=account_id,
                instrument_id=command.cancel_all.instrument_id,
                side=command.cancel_all.side,
            )
    except struct.error as error:
        raise Malformed(f"a number does not fit: {error}") from error
    raise Malformed("a command says one of place, cancel, amend, cancel_all")


class PackedBatch:
    """The commands of one request that have a meaning, and where the others stood."""

    __slots__ = ("commands", "count", "refused")

    def __init__(self, account_id: int, commands: Iterable[pb.Command]) -> None:
        """Pack commands; those without meaning are kept aside with their refusal."""
        good = []
        self.refused: dict[int, pb.CommandResult] = {}
        for index, command in enumerate(commands):
            try:
                good.append(pack(account_id, command))
            except Malformed as error:
                self.refused[index] = _refused(command, str(error))
        self.commands = b"".join(good)
        self.count = len(good)

    def results(self, data: bytes) -> list[pb.CommandResult]:
        """Return one result per command of the request, in order."""
        results = [result_message(result) for result in packed.unpack_results(data)]
        for index in sorted(self.refused):
            results.insert(index, self.refused[index])
        return results

    def resting(self, data: bytes) -> list[int]:
        """Return the ids of the orders that the batch placed and that rest now."""
        return [
            result.order_id
            for index, result in enumerate(packed.unpack_results(data))
            if result.state == pb.ORDER_STATE_OPEN and self.commands[index * packed.COMMAND_BYTES] == CommandKind.PLACE
        ]


def _refused(command: pb.Command, sentence: str) -> pb.CommandResult:
    result = pb.CommandResult(refusal=refusal(Reason.MALFORMED, message=sentence))
    kind = command.WhichOneof("command")
    if kind == "place":
        result.state = pb.ORDER_STATE_REJECTED
    if kind is not None and kind != "cancel_all":
        result.client_order_id = getattr(command, kind).client_order_id
    return result


def result_message(result: packed.CommandResult) -> pb.CommandResult:
    """Return the engine's result as a message."""
    message = pb.CommandResult(
        order_id=result.order_id,
        client_order_id=result.client_order_id,
        state=pb.OrderState.ValueType(result.state),
        filled_lots=result.filled_lots,
        remaining_lots=result.remaining_lots,
        filled_value_micros=result.filled_value_micros,
        cancelled_orders=result.cancelled_orders,
        repeated_answer=result.repeated,
    )
    if result.reason:
        message.refusal.CopyFrom(refusal(result.reason, result.was, result.allowed))
    return message
