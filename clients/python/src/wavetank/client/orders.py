"""Commands, their results, and orders as the venue holds them.

Commands are values: a strategy returns them, a session sends them, a test compares them. They name instruments by
symbol and hold exact decimals; how they become integers is the business of `wire`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
    GTT = order_entry_pb2.TIME_IN_FORCE_GTT
    """Until its `expire_time_ns`."""


class OrderState(IntEnum):
    """State of an order (ORD-060)."""

    NONE = order_entry_pb2.ORDER_STATE_UNSPECIFIED
    """Of results that are not about one order."""
    OPEN = order_entry_pb2.ORDER_STATE_OPEN
    FILLED = order_entry_pb2.ORDER_STATE_FILLED
    CANCELLED = order_entry_pb2.ORDER_STATE_CANCELLED
    REJECTED = order_entry_pb2.ORDER_STATE_REJECTED
    UNTRIGGERED = order_entry_pb2.ORDER_STATE_UNTRIGGERED
    """Accepted, and waits for its trigger."""
    WAITING = order_entry_pb2.ORDER_STATE_WAITING
    """Accepted, and waits for its parent to fill."""

    @property
    def is_live(self) -> bool:
        """Whether the order can still be cancelled."""
        return self in {OrderState.OPEN, OrderState.UNTRIGGERED, OrderState.WAITING}


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
    EXPIRED = order_entry_pb2.CANCEL_REASON_EXPIRED
    DEAD_MAN = order_entry_pb2.CANCEL_REASON_DEAD_MAN
    GROUP = order_entry_pb2.CANCEL_REASON_GROUP
    PARENT = order_entry_pb2.CANCEL_REASON_PARENT
    TRIGGER_REFUSED = order_entry_pb2.CANCEL_REASON_TRIGGER_REFUSED
    REPLACED = order_entry_pb2.CANCEL_REASON_REPLACED
    SETTLED = order_entry_pb2.CANCEL_REASON_SETTLED
    OVERTAKEN = order_entry_pb2.CANCEL_REASON_OVERTAKEN


class SelfTradePrevention(IntEnum):
    """What an incoming order does when it meets one of its own account (MTCH-020)."""

    DEFAULT = order_entry_pb2.SELF_TRADE_PREVENTION_UNSPECIFIED
    """As `EXPIRE_MAKER`."""
    EXPIRE_MAKER = order_entry_pb2.SELF_TRADE_PREVENTION_EXPIRE_MAKER
    EXPIRE_TAKER = order_entry_pb2.SELF_TRADE_PREVENTION_EXPIRE_TAKER
    EXPIRE_BOTH = order_entry_pb2.SELF_TRADE_PREVENTION_EXPIRE_BOTH


class TriggerKind(IntEnum):
    """Which way a trigger waits for the price (ORD-010)."""

    STOP = order_entry_pb2.TRIGGER_KIND_STOP
    """A buy fires at or above the trigger price, a sell at or below it."""
    TAKE_PROFIT = order_entry_pb2.TRIGGER_KIND_TAKE_PROFIT
    """The other way round."""


class TriggerSource(IntEnum):
    """Which price a trigger watches."""

    MARK = order_entry_pb2.TRIGGER_SOURCE_MARK
    LAST = order_entry_pb2.TRIGGER_SOURCE_LAST
    INDEX = order_entry_pb2.TRIGGER_SOURCE_INDEX


class GroupKind(IntEnum):
    """How the orders of a group depend on one another (ORD-040)."""

    NONE = order_entry_pb2.GROUP_KIND_UNSPECIFIED
    """Of orders without a group."""
    ONE_CANCELS_OTHER = order_entry_pb2.GROUP_KIND_ONE_CANCELS_OTHER
    PARENT = order_entry_pb2.GROUP_KIND_PARENT
    POSITION = order_entry_pb2.GROUP_KIND_POSITION


class Acknowledgement(IntEnum):
    """When a session is answered."""

    LOGGED = order_entry_pb2.ACKNOWLEDGEMENT_LOGGED
    """When the outcome stands in the log, and so outlives a crash."""
    MATCHED = order_entry_pb2.ACKNOWLEDGEMENT_MATCHED
    """As soon as it is matched: the result is `provisional`, and told again as an event when it stands in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Makes an order wait until a price is reached.

    Attributes:
        kind: stop or take-profit.
        price: dollars.
        source: which price it watches.
    """

    kind: TriggerKind
    price: Number
    source: TriggerSource = TriggerSource.MARK


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
        post_only_slide: with post-only, move behind the other side's best instead of being refused.
        display_size: of an iceberg, the most that shows at once; None shows all.
        expire_time_ns: venue time at which a GTT order ends.
        self_trade_prevention: what happens when it meets an order of its own account.
        trigger: what it waits for first.
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
    post_only_slide: bool = False
    display_size: Number | None = None
    expire_time_ns: int = 0
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.DEFAULT
    trigger: Trigger | None = None


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
        trigger_price: new trigger price of an order that waits for it, or None to keep it.
    """

    instrument: str
    order_id: int = 0
    client_order_id: bytes = b""
    price: Number | None = None
    size: Number | None = None
    unchecked: bool = False
    trigger_price: Number | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceGroup:
    """Places several orders of one instrument that know of each other, all or none (ORD-040).

    Attributes:
        kind: how they depend on one another.
        orders: at most 8; of a parent group the parent first.
    """

    kind: GroupKind
    orders: tuple[PlaceOrder, ...]

    @property
    def instrument(self) -> str:
        """Symbol of the orders; empty if there are none."""
        return self.orders[0].instrument if self.orders else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A post-only limit order of a mass quote: side, price in dollars, size that shall be open."""

    side: Side
    price: Number
    size: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class MassQuote:
    """Replaces all own quotes of an instrument; one that is asked for again keeps its place in the queue.

    Attributes:
        instrument: symbol.
        quotes: at most 200; none cancels all.
        post_only_slide: move a quote that would trade one price step back instead of refusing it.
    """

    instrument: str
    quotes: tuple[Quote, ...] = ()
    post_only_slide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAllAfter:
    """Cancels all orders of the account, on each shard, unless it is sent again in time.

    Attributes:
        timeout_ms: venue time from now on, 1,000 to 86,400,000 milliseconds; 0 disarms.
        instrument: always empty, for all instruments are meant.
    """

    timeout_ms: int
    instrument: str = field(default="", init=False)


@dataclass(frozen=True, slots=True)
class RawCommand:
    """A command of the wire, sent as it is: for tests of what the venue refuses.

    Attributes:
        message: the command.
        instrument: symbol whose units the result is read in, or empty.
    """

    message: order_entry_pb2.Command
    instrument: str = ""


Command: TypeAlias = (
    PlaceOrder | AmendOrder | CancelOrder | CancelAllOrders | PlaceGroup | MassQuote | CancelAllAfter | RawCommand
)


def orders_of(command: Command) -> tuple[PlaceOrder, ...]:
    """Return the orders that a command places, but for quotes, which have no ids of the client's."""
    if isinstance(command, PlaceOrder):
        return (command,)
    return command.orders if isinstance(command, PlaceGroup) else ()


def with_ids(command: Command, new_id: Callable[[], bytes]) -> Command:
    """Return a command whose orders all have client order ids; those that lack one get a new one."""
    if isinstance(command, PlaceOrder):
        return command if command.client_order_id else replace(command, client_order_id=new_id())
    if isinstance(command, PlaceGroup):
        orders = (each if each.client_order_id else replace(each, client_order_id=new_id()) for each in command.orders)
        return replace(command, orders=tuple(orders))
    return command


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
        cancelled_orders: orders cancelled, for cancel all and mass quotes.
        repeated_answer: whether the answer repeats that of an earlier command with the same client order id.
        seq: position in the shard's log that covers it.
        results: one per order of a group or quote of a mass quote, in order.
        provisional: whether a crash of the venue may still undo it; the final result follows as an event.
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
    results: tuple[CommandResult, ...] = ()
    provisional: bool = False

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
        post_only_slide: whether it slides instead of being refused.
        display_size: of an iceberg, the most that shows at once.
        expire_time_ns: venue time at which it ends, or 0.
        self_trade_prevention: what happens when it meets an order of its own account.
        trigger: what it waits for, or waited for.
        group_id: order id of its group's first order, or 0.
        group_kind: its group's kind.
        quote: whether it is a quote of a mass quote.
        cancel_on_disconnect: whether it ends with the session that placed it.
        refusal_reason: number of the reason for which it was refused when its trigger fired or its batch ran, or 0.
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
    post_only_slide: bool = False
    display_size: Decimal | None = None
    expire_time_ns: int = 0
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.DEFAULT
    trigger: Trigger | None = None
    group_id: int = 0
    group_kind: GroupKind = GroupKind.NONE
    quote: bool = False
    cancel_on_disconnect: bool = False
    refusal_reason: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCheck:
    """What would become of an order now (ORD-050).

    Attributes:
        refusal: why it would be refused, or None.
        price: limit at which it would run, dollars; None if it would not run at once.
        fill_size: what it would fill at once.
        fill_value: dollars of that.
        committed_before: dollars that the account commits on the shard.
        committed_after: dollars with the whole order open.
        available: dollars that it may commit there.
        seq: position in the shard's log at which it looked so.
    """

    refusal: WavetankError | None
    price: Decimal | None
    fill_size: Decimal
    fill_value: Decimal
    committed_before: Decimal
    committed_after: Decimal
    available: Decimal
    seq: int
