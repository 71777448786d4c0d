"""A command in words, and as the engine takes it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import cast

from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.model.orders import CommandKind

HEADS = (CommandKind.PLACE_GROUP, CommandKind.MASS_QUOTE, CommandKind.ATOMIC)
"""Kinds whose `count` says how many commands behind them belong to them."""


@dataclass(slots=True, repr=False)
class Ask:
    """A command; the fields that a kind does not use are 0."""

    kind: int
    account_id: int
    instrument_id: int = 0
    side: int = 0
    order_type: int = 0
    time_in_force: int = 0
    flags: int = 0
    order_id: int = 0
    client_order_id: bytes = b""
    price_ticks: int = 0
    size_lots: int = 0
    slippage_cap_ppm: int = 0
    cancel_reason: int = 0
    request: tuple[int, int] = (0, 0)
    receiver_account_id: int = 0
    value_micros: int = 0
    may_increase: int = 0
    """Of a transfer: bit 1 for the receiver, 2 for the giver."""
    self_trade_prevention: int = 0
    display_lots: int = 0
    expire_time_ns: int = 0
    """Of CANCEL_ALL_AFTER the time from now on."""
    trigger_kind: int = 0
    trigger_source: int = 0
    trigger_price_ticks: int = 0
    group_kind: int = 0
    count: int = 0

    def __repr__(self) -> str:
        """Name what is set, as a test would write it."""
        said = {one.name: getattr(self, one.name) for one in fields(self)[1:]}
        named = "".join(f", {name}={value!r}" for name, value in said.items() if value and value != (0, 0))
        return f"Ask(CommandKind.{CommandKind(self.kind).name}{named})"


def packed(ask: Ask) -> bytes:
    """Return a command as the engine takes it."""
    return commands.pack(
        cast(CommandKind, ask.kind),
        side=ask.side,
        order_type=ask.order_type,
        time_in_force=ask.time_in_force,
        flags=ask.flags,
        may_increase=ask.may_increase,
        cancel_reason=ask.cancel_reason,
        self_trade_prevention=ask.self_trade_prevention,
        instrument_id=ask.instrument_id,
        count=ask.count,
        account_id=ask.account_id,
        order_id=ask.order_id,
        client_order_id=ask.client_order_id,
        price_ticks=ask.price_ticks,
        size_lots=ask.size_lots,
        slippage_cap_ppm=ask.slippage_cap_ppm,
        display_lots=ask.display_lots,
        trigger_price_ticks=ask.trigger_price_ticks,
        expire_time_ns=ask.expire_time_ns,
        request_seq=ask.request[0],
        receiver_account_id=ask.receiver_account_id,
        value_micros=ask.value_micros,
        request_number=ask.request[1],
        trigger_kind=ask.trigger_kind,
        trigger_source=ask.trigger_source,
        group_kind=ask.group_kind,
    )


def outcome(
    *,
    order_id: int = 0,
    filled: int = 0,
    remaining: int = 0,
    value: int = 0,
    was: int = 0,
    allowed: int = 0,
    cancelled: int = 0,
    reason: int = 0,
    state: int = 0,
    repeated: bool = False,
    client_order_id: bytes = b"",
) -> CommandResult:
    """Return a result; what is not named is 0."""
    return CommandResult(
        order_id, filled, remaining, value, was, allowed, cancelled, reason, state, repeated, client_order_id
    )
