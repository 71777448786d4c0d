"""Order entry between messages and records as one would write it first: generated code and plain Python.

It exists so that the compiled reader and writer have something to agree with that is obviously right. It follows the
contract (`order_entry.proto`) and the layouts of `wavetank.matching.core.commands`, and knows nothing of the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wavetank.matching.core import commands as packed
from wavetank.model.orders import CommandKind, OrderFlag
from wavetank.model.reason import Reason
from wavetank.v1 import order_entry_pb2 as pb
from wavetank.v1 import reason_pb2

ONE_ID = "exactly one of order_id and client_order_id is given"
NO_COMMAND = "a command says one of place, cancel, amend, cancel_all, place_group, mass_quote, cancel_all_after"


class Meaningless(Exception):
    """A command that has no meaning: its sentence, and where it has one of its own the reason."""

    def __init__(self, sentence: str, reason: Reason = Reason.MALFORMED, was: int = 0, allowed: int = 0) -> None:
        super().__init__(sentence)
        self.refusal = pb.Refusal(
            reason=reason_pb2.Reason.ValueType(reason), was=was, allowed=allowed, message=sentence
        )


@dataclass
class PlainRequest:
    """What a request comes to."""

    records: list[bytes] = field(default_factory=list)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    """Per command its first record (-1 if refused) and how many more are its own."""
    refused: dict[int, pb.CommandResult] = field(default_factory=dict)
    asked: int = 0


def _check_place(order: pb.PlaceOrder) -> None:
    if order.side not in {1, 2}:
        raise Meaningless(f"side is {order.side}; 1 buy or 2 sell is allowed")
    if order.order_type not in {1, 2}:
        raise Meaningless(f"order_type is {order.order_type}; 1 limit or 2 market is allowed")
    times = {1, 2, 3, 4} if order.order_type == pb.ORDER_TYPE_LIMIT else {0, 1, 2, 3, 4}
    if order.time_in_force not in times:
        raise Meaningless(f"time_in_force is {order.time_in_force}; 1 GTC, 2 IOC, 3 FOK or 4 GTT is allowed")
    if len(order.client_order_id) > 16:
        raise Meaningless(f"client_order_id has {len(order.client_order_id)} bytes; 16 are allowed")
    if order.self_trade_prevention not in {0, 1, 2, 3}:
        raise Meaningless(f"self_trade_prevention is {order.self_trade_prevention}; 0 to 3 is allowed")
    if order.HasField("trigger"):
        if order.trigger.kind not in {1, 2}:
            raise Meaningless(f"trigger.kind is {order.trigger.kind}; 1 stop or 2 take-profit is allowed")
        if order.trigger.source not in {1, 2, 3}:
            raise Meaningless(f"trigger.source is {order.trigger.source}; 1 mark, 2 last or 3 index is allowed")


def _place(account_id: int, order: pb.PlaceOrder, more_flags: int) -> bytes:
    flags = OrderFlag(more_flags)
    flags |= OrderFlag.POST_ONLY if order.post_only else 0
    flags |= OrderFlag.REDUCE_ONLY if order.reduce_only else 0
    flags |= OrderFlag.POST_ONLY_SLIDE if order.post_only_slide else 0
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
        self_trade_prevention=order.self_trade_prevention,
        display_lots=order.display_lots,
        expire_time_ns=order.expire_time_ns,
        trigger_kind=order.trigger.kind,
        trigger_source=order.trigger.source,
        trigger_price_ticks=order.trigger.price_ticks,
    )


def _check_ids(change: pb.CancelOrder | pb.AmendOrder) -> None:
    if bool(change.order_id) == bool(change.client_order_id):
        raise Meaningless(ONE_ID)
    if len(change.client_order_id) > 16:
        raise Meaningless(f"client_order_id has {len(change.client_order_id)} bytes; 16 are allowed")


def _group(account_id: int, group: pb.PlaceGroup, flags: int) -> list[bytes]:
    if group.kind not in {1, 2, 3}:
        raise Meaningless(f"kind of the group is {group.kind}; 1 one-cancels-other, 2 parent or 3 position is allowed")
    if not 1 <= len(group.orders) <= 8:
        raise Meaningless(f"a group has 1 to 8 orders, not {len(group.orders)}")
    for index, order in enumerate(group.orders):
        try:
            _check_place(order)
        except Meaningless as error:
            raise Meaningless(f"number {index} inside: {error}") from None
    data = packed.group(group.kind, [_place(account_id, order, flags) for order in group.orders])
    return split(data)


def _mass_quote(account_id: int, asked: pb.MassQuote, flags: int) -> list[bytes]:
    if len(asked.quotes) > 200:
        raise Meaningless(f"a mass quote has at most 200 quotes, not {len(asked.quotes)}")
    for index, quote in enumerate(asked.quotes):
        if quote.side not in {1, 2}:
            raise Meaningless(f"number {index} inside: side is {quote.side}; 1 buy or 2 sell is allowed")
    flags |= OrderFlag.POST_ONLY | OrderFlag.QUOTE | (OrderFlag.POST_ONLY_SLIDE if asked.post_only_slide else 0)
    quotes = [
        packed.place(
            account_id=account_id,
            instrument_id=asked.instrument_id,
            side=quote.side,
            size_lots=quote.size_lots,
            price_ticks=quote.price_ticks,
            flags=flags,
        )
        for quote in asked.quotes
    ]
    return split(packed.mass_quote(account_id=account_id, instrument_id=asked.instrument_id, quotes=quotes))


def split(data: bytes) -> list[bytes]:
    """Return packed commands one by one."""
    return [data[at : at + packed.COMMAND_BYTES] for at in range(0, len(data), packed.COMMAND_BYTES)]


def plain_commands(account_id: int, command: pb.Command, flags: int = 0) -> list[bytes]:
    """Return the records of one command.

    Raises:
        Meaningless: it has none.

    """
    kind = command.WhichOneof("command")
    if kind == "place":
        _check_place(command.place)
        return [_place(account_id, command.place, flags)]
    if kind == "cancel":
        _check_ids(command.cancel)
        change = command.cancel
        return [packed.cancel(account_id=account_id, order_id=change.order_id, client_order_id=change.client_order_id)]
    if kind == "amend":
        _check_ids(command.amend)
        return [
            packed.amend(
                account_id=account_id,
                order_id=command.amend.order_id,
                client_order_id=command.amend.client_order_id,
                price_ticks=command.amend.price_ticks,
                size_lots=command.amend.size_lots,
                trigger_price_ticks=command.amend.trigger_price_ticks,
            )
        ]
    if kind == "cancel_all":
        side = command.cancel_all.side
        if side not in {0, 1, 2}:
            raise Meaningless(f"side is {side}; 0 both, 1 buy or 2 sell is allowed")
        return [packed.cancel_all(account_id=account_id, instrument_id=command.cancel_all.instrument_id, side=side)]
    if kind == "place_group":
        return _group(account_id, command.place_group, flags)
    if kind == "mass_quote":
        return _mass_quote(account_id, command.mass_quote, flags)
    if kind == "cancel_all_after":
        milliseconds = command.cancel_all_after.timeout_ms
        if abs(milliseconds) > 9_000_000_000_000:
            sentence = f"{milliseconds} ms is out of range for the dead-man switch; 1000 to 86400000 ms is allowed"
            raise Meaningless(sentence, Reason.TIMEOUT_OUT_OF_RANGE, milliseconds, 86_400_000)
        return [packed.cancel_all_after(account_id=account_id, timeout_ns=milliseconds * 1_000_000)]
    raise Meaningless(NO_COMMAND)


def weight(command: pb.Command) -> int:
    """Return for how many commands one counts."""
    return max(1, len(command.place_group.orders), len(command.mass_quote.quotes))


def plain_request(
    commands: list[pb.Command], account_id: int, flags: int = 0, *, atomic: bool = False, limit: int = 1_000
) -> PlainRequest:
    """Return what the commands of a request come to."""
    request = PlainRequest(asked=sum(weight(command) for command in commands))
    if request.asked > limit:
        return request
    for index, command in enumerate(commands):
        try:
            records = plain_commands(account_id, command, flags)
            if atomic:
                _check_atomic(command)
        except Meaningless as error:
            request.shapes.append((-1, 0))
            request.refused[index] = refused_result(command, error.refusal)
        else:
            request.shapes.append((len(request.records), len(records) - 1))
            request.records += records
    if atomic and commands:
        _close_atomic(request, commands)
    return request


def _check_atomic(command: pb.Command) -> None:
    if command.WhichOneof("command") not in {"place", "cancel", "amend"}:
        raise Meaningless("an atomic batch holds places, cancels and amends only")


def _close_atomic(request: PlainRequest, commands: list[pb.Command]) -> None:
    if not request.refused:
        request.records = split(packed.atomic(request.records))
        request.shapes = [(first + 1, more) for first, more in request.shapes]
        return
    offender = min(request.refused)
    sentence = f"command {offender} of the batch was refused, so none of it was done"
    mate = pb.Refusal(reason=reason_pb2.REASON_BATCH_REFUSED, was=offender, message=sentence)
    request.records = []
    request.shapes = [(-1, 0)] * len(commands)
    request.refused = {
        index: request.refused[index] if index == offender else refused_result(command, mate)
        for index, command in enumerate(commands)
    }


def refused_result(command: pb.Command, refusal: pb.Refusal) -> pb.CommandResult:
    """Return the result of a command that is refused at the door."""
    result = pb.CommandResult(refusal=refusal)
    kind = command.WhichOneof("command")
    if kind == "place":
        result.state = pb.ORDER_STATE_REJECTED
    if kind in {"place", "cancel", "amend"}:
        result.client_order_id = getattr(command, kind).client_order_id
    return result


def plain_result(result: packed.CommandResult, sentence: str) -> pb.CommandResult:
    """Return the engine's result as a message; `sentence` is that of its refusal, if it is one."""
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
        message.refusal.reason = reason_pb2.Reason.ValueType(result.reason)
        message.refusal.was = result.was
        message.refusal.allowed = result.allowed
        message.refusal.message = sentence
    return message


def plain_results(request: PlainRequest, results: list[pb.CommandResult]) -> list[pb.CommandResult]:
    """Return one result per command of a request, from one per record."""
    found = []
    for index, (first, more) in enumerate(request.shapes):
        if first < 0:
            found.append(request.refused[index])
            continue
        head = pb.CommandResult()
        head.CopyFrom(results[first])
        if head.refusal.reason != reason_pb2.REASON_MALFORMED:
            head.results.extend(results[first + 1 : first + 1 + more])
        found.append(head)
    return found


def is_place(record: bytes) -> bool:
    """Tell whether a record places an order."""
    return record[0] == CommandKind.PLACE
