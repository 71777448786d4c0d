"""What the matching core tells about itself when asked: plain values, read after a commit, never on the hot path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that is open or waits for something, or is remembered by its client order id."""

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
    accepted_time_ns: int
    cancel_reason: int = 0
    """A `CancelReason`, 0 unless cancelled."""
    display_lots: int = 0
    """Most that an iceberg shows at once, or 0."""
    expire_time_ns: int = 0
    """Venue time at which a GTT order ends, or 0."""
    self_trade_prevention: int = 0
    trigger_kind: int = 0
    """A `TriggerKind`; 0 for an order that ran at once."""
    trigger_source: int = 0
    trigger_price_ticks: int = 0
    group_id: int = 0
    """Order id of its group's first order, or 0."""
    group_kind: int = 0
    refusal: int = 0
    """A `Reason`, where it was cancelled because it was refused when it came to run; else 0."""
    visible_lots: int = 0
    """What the book shows of it; 0 where it does not rest."""


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """What would become of an order now, had it been placed (ORD-050)."""

    reason: int
    """A `Reason`, 0 if it would be accepted."""
    was: int
    allowed: int
    price_ticks: int
    """Limit at which it would run, after sliding or a market order's cap."""
    fill_lots: int
    fill_value_micros: int
    committed_before: int
    """W of R6, micro-dollars."""
    committed_after: int
    """The same with the whole order open."""
    available: int
    """Budget and what is not counted yet (R7), micro-dollars."""


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
