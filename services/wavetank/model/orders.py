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
    GTT = 4


class OrderState(IntEnum):
    """State of an order; FILLED, CANCELLED and REJECTED are terminal (ORD-060)."""

    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    REJECTED = 4
    UNTRIGGERED = 5
    """Accepted, and waits for its trigger."""
    WAITING = 6
    """Accepted, and waits for its parent to fill."""


class OrderFlag(IntFlag):
    """What is special about an order."""

    NONE = 0
    POST_ONLY = 1
    REDUCE_ONLY = 2
    LIQUIDATION = 4
    POST_ONLY_SLIDE = 8
    QUOTE = 16
    CANCEL_ON_DISCONNECT = 32


class SelfTradePrevention(IntEnum):
    """What an incoming order does when it meets one of its own account (MTCH-020)."""

    EXPIRE_MAKER = 1
    EXPIRE_TAKER = 2
    EXPIRE_BOTH = 3


class TriggerKind(IntEnum):
    """Which way a trigger waits: a stop for a worse price, a take-profit for a better one (ORD-010)."""

    STOP = 1
    TAKE_PROFIT = 2


class TriggerSource(IntEnum):
    """Which price a trigger watches."""

    MARK = 1
    LAST = 2
    INDEX = 3


class GroupKind(IntEnum):
    """How the orders of a group depend on one another (ORD-040)."""

    ONE_CANCELS_OTHER = 1
    PARENT = 2
    POSITION = 3


class CancelReason(IntEnum):
    """Why an accepted order, or its rest, was cancelled."""

    REQUESTED = 1
    IMMEDIATE_REMAINDER = 2
    SELF_TRADE = 3
    REDUCE_ONLY = 4
    LIQUIDATION = 5
    DISCONNECTED = 6
    EXPIRED = 7
    DEAD_MAN = 8
    GROUP = 9
    PARENT = 10
    TRIGGER_REFUSED = 11
    REPLACED = 12
    SETTLED = 13
    OVERTAKEN = 14


class CommandKind(IntEnum):
    """What a command asks of the engine."""

    PLACE = 1
    CANCEL = 2
    AMEND = 3
    CANCEL_ALL = 4
    LIQUIDATE = 5
    CANCEL_ACCOUNT = 6
    TRANSFER = 7
    CANCEL_ALL_AFTER = 8
    PLACE_GROUP = 9
    """The next `count` commands are the places of one group."""
    MASS_QUOTE = 10
    """The next `count` commands are the places of its quotes."""
    ATOMIC = 11
    """The next `count` commands, places, cancels and amends, are accepted together or not at all."""
    CANCEL_DISCONNECTED = 12
    """Cancels every order that was to end with its session, of all accounts: after a restart no session is left."""


class LineStatus(IntEnum):
    """Status of a credit line (PROTOCOL R7)."""

    NORMAL = 1
    REDUCE_ONLY = 2
    FROZEN = 3


class LineCharge(IntEnum):
    """How a shard charges a position that is no longer the one its credit line counts (PROTOCOL 2, offset modes)."""

    GROSS = 1
    """By its own margin."""
    GROUP_OFFSET = 2
    """As gross, but what shrank releases nothing, and what changed sides stands beside what it was."""
    SCENARIO = 3
    """By the margin counted, and more by however the position changed."""


class InstrumentState(IntEnum):
    """What an instrument's book accepts at present (MTCH-050)."""

    TRADING = 1
    CANCEL_ONLY = 2
    HALTED = 3
    POST_ONLY = 4
    REDUCE_ONLY = 5
    AUCTION = 6
    SETTLED = 7
