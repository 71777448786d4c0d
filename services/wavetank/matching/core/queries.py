"""What the matching core tells about itself when asked: plain values, read after a commit, never on the hot path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that is open, or remembered by its client order id."""

    order_id: int
    client_order_id: bytes
    account_id: int
    instrument_id: int
    side: int
    order_type: int
    time_in_force: int
    flags: int
    price_ticks: int
    """Limit, or a market order's cap."""
    remaining_lots: int
    """Open lots; of a cancelled order, what was cancelled."""
    filled_lots: int
    filled_value_micros: int
    state: int
    cancel_reason: int
    """A `CancelReason`, 0 unless cancelled."""
    accepted_time_ns: int


@dataclass(frozen=True, slots=True)
class CreditState:
    """How an account stands on this shard (PROTOCOL 2), in micro-dollars."""

    has_line: bool
    status: int
    budget_micros: int
    uncounted_micros: int
    """U of R5: what fills that clearing has not counted yet have gained."""
    committed_micros: int
    """W of R6."""
    value_micros: int
    """Q, as a signed 64-bit number."""
    fees_micros: int
    """F, as a signed 64-bit number."""
    last_fill_seq: int
    open_orders: int
