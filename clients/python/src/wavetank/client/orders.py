"""Commands, their results, and orders as the venue holds them.

Commands are values: a strategy returns them, a session sends them, a test compares them. They name instruments by
symbol and hold exact decimals; how they become integers is the business of `wire`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import TypeAlias

from wavetank.client.errors import WavetankError
from wavetank.client.instrument import Number
from wavetank.v1 import instrument_pb2, order_entry_pb2


def client_order_id(prefix: bytes, number: int) -> bytes:
    """Return a client order id of 16 bytes.

    The last byte is never zero, so that the id is the same with or without the zero bytes that the venue pads with.

    Args:
        prefix: 8 bytes that nobody else uses for this account.
        number: counts from 0.
    """
    return prefix + number.to_bytes(7, "big") + b"\1"


class Side(IntEnum):
    """Side of an order or of a fill."""

    BUY = instrument_pb2.SIDE_BUY
    SELL = instrument_pb2.SIDE_SELL

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(IntEnum):
    """Kind of an order (ORD-010)."""

    LIMIT = order_entry_pb2.ORDER_TYPE_LIMIT
    MARKET = order_entry_pb2.ORDER_TYPE_MARKET


class TimeInForce(IntEnum):
    """How long an order lives (ORD-010)."""

    NONE = order_entry_pb2.TIME_IN_FORCE_UNSPECIFIED
    """Of market orders, which need none."""
    GTC = order_entry_pb2.TIME_IN_FORCE_GTC
    IOC = order_entry_pb2.TIME_IN_FORCE_IOC
    FOK = order_entry_pb2.TIME_IN_FORCE_FOK


class OrderState(IntEnum):
    """State of an order (ORD-060)."""

    NONE = order_entry_pb2.ORDER_STATE_UNSPECIFIED
    """Of results that are not about one order."""
    OPEN = order_entry_pb2.ORDER_STATE_OPEN
    FILLED = order_entry_pb2.ORDER_STATE_FILLED
    CANCELLED = order_entry_pb2.ORDER_STATE_CANCELLED
    REJECTED = order_entry_pb2.ORDER_STATE_REJECTED


class CancelReason(IntEnum):
    """Why an accepted order, or its rest, was cancelled."""

    NONE = order_entry_pb2.CANCEL_REASON_UNSPECIFIED
    """It was not."""
    REQUESTED = order_entry_pb2.CANCEL_REASON_REQUESTED
    IMMEDIATE_REMAINDER = order_entry_pb2.CANCEL_REASON_IMMEDIATE_REMAINDER
    SELF_TRADE = order_entry_pb2.CANCEL_REASON_SELF_TRADE
    REDUCE_ONLY = order_entry_pb2.CANCEL_REASON_REDUCE_ONLY
    LIQUIDATION = order_entry_pb2.CANCEL_REASON_LIQUIDATION
    DISCONNECTED = order_entry_pb2.CANCEL_REASON_DISCONNECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """Places an order.

    Attributes:
        instrument: symbol.
        side: buy or sell.
        size: units of the base asset.
        price: limit in dollars; None makes a market order.
        time_in_force: of a limit order.
        post_only: rest or be refused, never take.
        reduce_only: never increase or flip the position.
        client_order_id: at most 16 bytes; empty lets the session make a unique one, which makes a retry safe.
        slippage_cap: furthest from the mark that a market order may trade, as a share; None takes the price band.
        unchecked: send price and size even if off the grid or out of range, so that the venue refuses them.
    """

    instrument: str
    side: Side
    size: Number
    price: Number | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    client_order_id: bytes = b""
    slippage_cap: Number | None = None
    unchecked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendOrder:
    """Changes price or size of an order; exactly one id is given.

    A smaller size keeps the place in the queue; another price or a larger size loses it.

    Attributes:
        instrument: symbol; its units are those of price and size.
        order_id: the venue's id, or 0.
        client_order_id: the client's id, or empty.
        price: new limit, or None to keep it.
        size: new size including what has been filled, or None to keep it.
        unchecked: as for `PlaceOrder`.
    """

    instrument: str
    order_id: int = 0
    client_order_id: bytes = b""
    price: Number | None = None
    size: Number | None = None
    unchecked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Cancels an order; exactly one id is given.

    Attributes:
        instrument: symbol; the units of the result, and empty if they do not matter.
        order_id: the venue's id, or 0.
        client_order_id: the client's id, or empty.
    """

    instrument: str = ""
    order_id: int = 0
    client_order_id: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAllOrders:
    """Cancels all open orders of the account that match.

    Attributes:
        instrument: symbol, or empty for all.
        side: one side, or None for both.
    """

    instrument: str = ""
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class RawCommand:
    """A command of the wire, sent as it is: for tests of what the venue refuses.

    Attributes:
        message: the command.
        instrument: symbol whose units the result is read in, or empty.
    """

    message: order_entry_pb2.Command
    instrument: str = ""


Command: TypeAlias = PlaceOrder | AmendOrder | CancelOrder | CancelAllOrders | RawCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What became of one command.

    Attributes:
        refusal: why it was refused, or None; nothing changed then.
        order_id: the order placed, cancelled or amended; 0 for cancel all.
        client_order_id: its client's id.
        state: its state after the command.
        filled_size: filled so far.
        remaining_size: still open; after a cancel, what was cancelled.
        filled_value: dollars traded so far.
        cancelled_orders: orders cancelled, for cancel all.
        repeated_answer: whether the answer repeats that of an earlier command with the same client order id.
        seq: position in the shard's log that covers it.
    """

    refusal: WavetankError | None = None
    order_id: int = 0
    client_order_id: bytes = b""
    state: OrderState = OrderState.NONE
    filled_size: Decimal = Decimal(0)
    remaining_size: Decimal = Decimal(0)
    filled_value: Decimal = Decimal(0)
    cancelled_orders: int = 0
    repeated_answer: bool = False
    seq: int = 0

    @property
    def average_price(self) -> Decimal | None:
        """Average price of what was filled, rounded as the decimal context says; None without fills."""
        return self.filled_value / self.filled_size if self.filled_size else None

    def accepted(self) -> CommandResult:
        """Return the result, or raise why it was refused.

        Raises:
            WavetankError: the class of the reason, for instance `CreditExceeded`.
        """
        if self.refusal is not None:
            raise self.refusal
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the venue holds it.

    Attributes:
        order_id: the venue's id.
        client_order_id: the client's id, with trailing zero bytes removed.
        account_id: owner.
        instrument: symbol.
        side: buy or sell.
        order_type: limit or market.
        time_in_force: how long it lives.
        post_only: whether it may only rest.
        reduce_only: whether it may only reduce.
        price: limit, or a market order's cap; dollars.
        remaining_size: open.
        filled_size: filled.
        filled_value: dollars traded.
        state: open, filled, cancelled or rejected.
        cancel_reason: why it was cancelled, if it was.
        accepted_time_ns: venue time of acceptance.
    """

    order_id: int
    client_order_id: bytes
    account_id: int
    instrument: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    price: Decimal
    remaining_size: Decimal
    filled_size: Decimal
    filled_value: Decimal
    state: OrderState
    cancel_reason: CancelReason
    accepted_time_ns: int
