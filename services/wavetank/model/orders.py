"""Orders in numbers: sides, types, states and flags as every core and every record writes them.

The numbers equal those of the wire contract (`wavetank.v1`), so that adapters translate nothing;
an architecture test compares them.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Side(IntEnum):
    """Side of an order or of a fill."""

    BUY = 1
    SELL = 2


class OrderType(IntEnum):
    """Kind of an order (ORD-010)."""

    LIMIT = 1
    MARKET = 2


class TimeInForce(IntEnum):
    """How long an order lives (ORD-010)."""

    GTC = 1
    IOC = 2
    FOK = 3


class OrderState(IntEnum):
    """State of an order; all but OPEN are terminal (ORD-060)."""

    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    REJECTED = 4


class OrderFlag(IntFlag):
    """What is special about an order."""

    NONE = 0
    POST_ONLY = 1
    REDUCE_ONLY = 2
    LIQUIDATION = 4


class CancelReason(IntEnum):
    """Why an accepted order, or its rest, was cancelled."""

    REQUESTED = 1
    IMMEDIATE_REMAINDER = 2
    SELF_TRADE = 3
    REDUCE_ONLY = 4
    LIQUIDATION = 5
    DISCONNECTED = 6


class CommandKind(IntEnum):
    """What a command asks of the engine."""

    PLACE = 1
    CANCEL = 2
    AMEND = 3
    CANCEL_ALL = 4
    LIQUIDATE = 5
    CANCEL_ACCOUNT = 6
    TRANSFER = 7


class LineStatus(IntEnum):
    """Status of a credit line (PROTOCOL R7)."""

    NORMAL = 1
    REDUCE_ONLY = 2
    FROZEN = 3


class InstrumentState(IntEnum):
    """What an instrument's book accepts at present (MTCH-050)."""

    TRADING = 1
    CANCEL_ONLY = 2
    HALTED = 3
