"""The ledger's arithmetic: one way to book a leg, one way to add money.

Every change of a position, whether by trade, transfer or liquidation, is a leg
`(delta lots, signed value)` booked by `book_leg`. Cost is kept beside cash, so a leg that opens
moves no cash, and what a close realises is the exact difference between what came in and what the
closed share had cost; rounding stays in the cost until the position is flat.
"""

from __future__ import annotations

from dataclasses import dataclass

from wavetank.model.money import mul_div_trunc


@dataclass(frozen=True, slots=True)
class Leg:
    """A booked leg: the position and the profit that it leaves behind."""

    lots: int
    cost_micros: int
    realised_micros: int


def book_leg(lots: int, cost_micros: int, delta_lots: int, value_micros: int) -> Leg:
    """Book a leg onto a position.

    Args:
        lots: signed position before.
        cost_micros: signed cost before.
        delta_lots: signed change, not 0.
        value_micros: signed value of the change, positive for a buy.

    Returns:
        The position after, and what was realised; cash grows by that.

    Source: PROTOCOL 1. `cash - cost` changes by exactly `-value_micros`, whatever is realised.

    """
    if lots == 0 or (lots > 0) == (delta_lots > 0):
        return Leg(lots + delta_lots, cost_micros + value_micros, 0)
    closed = min(abs(lots), abs(delta_lots))
    closing_value = value_micros if closed == abs(delta_lots) else mul_div_trunc(value_micros, closed, abs(delta_lots))
    removed = cost_micros if closed == abs(lots) else mul_div_trunc(cost_micros, closed, abs(lots))
    return Leg(
        lots + delta_lots,
        cost_micros - removed + (value_micros - closing_value),
        -closing_value - removed,
    )


_WRAP = 1 << 64


def wrap64(value: int) -> int:
    """Return a running sum modulo 2^64, as a signed 64-bit number.

    The shard and clearing compare their sums of values and fees in this form (PROTOCOL R5).
    """
    value &= _WRAP - 1
    return value - _WRAP if value >= _WRAP >> 1 else value


def funding_payment(lots: int, index_price_ticks: int, funding_rate_e12: int) -> int:
    """Return what a holder receives of a funding tick, in micro-dollars; negative is paid.

    The payer's amount rounds up and the receiver's down, which is the floor of the signed amount
    received (FUND-030).
    """
    return -lots * index_price_ticks * funding_rate_e12 // 10**12
