"""Everything that a program can be told, as frozen values.

Every event carries the venue's time in nanoseconds, so that a strategy never reads a clock: the same events always
lead it to the same commands. `seq` is the position in the log of the service that tells it. The module is long because
it is the whole list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from typing import TypeAlias

from wavetank.client.errors import WavetankError
from wavetank.client.instrument import Instrument, InstrumentState
from wavetank.client.orders import Command, CommandResult, Order, Side
from wavetank.v1 import account_pb2

# --- Own orders ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """An own order was accepted."""

    seq: int
    event_time_ns: int
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended:
    """An own order was amended; `kept_priority` tells whether it kept its place in the queue."""

    seq: int
    event_time_ns: int
    order: Order
    kept_priority: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    """An own order, or its rest, was cancelled; the order says why."""

    seq: int
    event_time_ns: int
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTriggered:
    """The trigger of an own order fired at `seen_price`, dollars; it runs as the order now says."""

    seq: int
    event_time_ns: int
    order: Order
    seen_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderActivated:
    """The parent of an own order has filled; the order waits for its trigger from now on."""

    seq: int
    event_time_ns: int
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadManMoved:
    """The dead-man switch was armed or renewed (it fires at `deadline_ns`), disarmed, or fired; cancels follow."""

    seq: int
    event_time_ns: int
    deadline_ns: int
    fired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """An own order traded.

    Attributes:
        seq: position in the shard's log.
        event_time_ns: venue time.
        trade_id: the trade.
        order_id: own order.
        client_order_id: its client's id, with trailing zero bytes removed.
        instrument: symbol.
        side: own side.
        price: dollars; that of the resting order.
        size: units of the base asset.
        fee: dollars paid; negative is a rebate.
        maker: whether the own order was resting.
        remaining_size: still open after the fill.
        liquidation: whether the taker was a liquidation order.
    """

    seq: int
    event_time_ns: int
    trade_id: int
    order_id: int
    client_order_id: bytes
    instrument: str
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal
    maker: bool
    remaining_size: Decimal
    liquidation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswered:
    """The venue answered one own command; `sent_ns` and `answered_ns` are of this machine's monotonic clock."""

    event_time_ns: int
    command: Command
    result: CommandResult
    sent_ns: int
    answered_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandUnresolved:
    """One own command got no answer: it may have been carried out or not."""

    event_time_ns: int
    command: Command
    error: WavetankError


# --- Market data -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """A price level: dollars, units of the base asset, and the number of orders; a size of 0 removes it."""

    price: Decimal
    size: Decimal
    orders: int
    price_ticks: int = field(default=0, compare=False, repr=False)
    """The price as the venue counts it; with `size_lots` what a checksum is made of."""
    size_lots: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestBidOffer:
    """Best bid and offer; a side without orders is None."""

    seq: int
    event_time_ns: int
    instrument: str
    bid_price: Decimal | None
    bid_size: Decimal
    ask_price: Decimal | None
    ask_size: Decimal

    @property
    def mid(self) -> Decimal | None:
        """Middle of best bid and offer, or None if a side is empty."""
        if self.bid_price is None or self.ask_price is None:
            return None
        return (self.bid_price + self.ask_price) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSnapshot:
    """A whole book by price level, best first; its checksum is None where it was not told."""

    seq: int
    event_time_ns: int
    instrument: str
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
    checksum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDelta:
    """Levels that changed, with their new sizes.

    Attributes:
        seq: position in the shard's log.
        event_time_ns: venue time.
        instrument: symbol.
        bids: changed bids.
        asks: changed asks.
        previous_seq: seq of the book's last change before this one.
        checksum: of the whole book after this change, None where it was not told.
    """

    seq: int
    event_time_ns: int
    instrument: str
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
    previous_seq: int
    checksum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrder:
    """A resting order as everybody may see it; of an iceberg only what it shows. `own`: of the key's account."""

    order_id: int
    side: Side
    price: Decimal
    size: Decimal
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersSnapshot:
    """All resting orders of an instrument: bids, best level first, each level oldest first; then asks."""

    seq: int
    event_time_ns: int
    instrument: str
    orders: tuple[BookOrder, ...]


class OrderUpdateKind(IntEnum):
    """What befell a resting order."""

    ADDED = 1
    """It rests now, behind all others at its price; so does an iceberg that shows its next part."""
    CHANGED = 2
    """It became smaller and kept its place."""
    REMOVED = 3
    """It left without trading."""
    EXECUTED = 4
    """It traded, and kept its place if something of it is left there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUpdate:
    """One change of one resting order.

    Attributes:
        seq: position in the shard's log.
        event_time_ns: venue time.
        instrument: symbol.
        kind: what befell it.
        order_id: the order.
        side: its side.
        price: its limit, dollars.
        size: what it shows now; 0 if it no longer stands at its place.
        executed_size: of an execution, what traded.
        trade_id: of an execution, the trade; else 0.
        own: whether it is of the key's own account.
    """

    seq: int
    event_time_ns: int
    instrument: str
    kind: OrderUpdateKind
    order_id: int
    side: Side
    price: Decimal
    size: Decimal
    executed_size: Decimal
    trade_id: int
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentStatus:
    """State of an instrument (MTCH-050).

    Attributes:
        seq: position in the shard's log.
        event_time_ns: venue time.
        instrument: symbol.
        state: what its book accepts.
        indicative_price: in an auction, where it would uncross now, dollars; None if the book is not crossed.
        indicative_size: what would trade there.
        indicative_surplus: buying less selling size there.
    """

    seq: int
    event_time_ns: int
    instrument: str
    state: InstrumentState
    indicative_price: Decimal | None
    indicative_size: Decimal
    indicative_surplus: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePosition:
    """Where an own order stands in its queue (MTCH-070).

    Attributes:
        seq: position in the shard's log.
        event_time_ns: venue time.
        instrument: symbol.
        order_id: the order.
        side: its side, None when it has left.
        price: its limit, dollars.
        size_ahead: visible size at its price that trades before it does.
        orders_ahead: orders at its price before it.
        has_left: True when it no longer rests.
    """

    seq: int
    event_time_ns: int
    instrument: str
    order_id: int
    side: Side | None
    price: Decimal
    size_ahead: Decimal
    orders_ahead: int
    has_left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A trade of anybody; `aggressor` is the taker's side, in an auction that of the newer order."""

    seq: int
    event_time_ns: int
    instrument: str
    trade_id: int
    price: Decimal
    size: Decimal
    aggressor: Side
    liquidation: bool
    auction: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What drives margin and funding, as delivered to bots.

    Attributes:
        seq: position in the shard's log, or in the oracle's if the oracle told it.
        event_time_ns: venue time.
        instrument: symbol.
        index: index price in dollars, None before the first.
        mark: mark price in dollars, None before the first.
        stale: whether the mark is stale.
        funding_rate: predicted for the running interval, as a share of notional.
        open_interest: units of the base asset; None if the oracle told it.
        last: price of the last trade in dollars, None before the first.
        index_time_ns: venue time the index is of.
    """

    seq: int
    event_time_ns: int
    instrument: str
    index: Decimal | None
    mark: Decimal | None
    stale: bool
    funding_rate: Decimal
    open_interest: Decimal | None
    last: Decimal | None
    index_time_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Messages were missed for good; snapshots follow where there are any.

    Attributes:
        event_time_ns: venue time, as this machine reckons it.
        stream: `market data`, `prices` or `account`.
        after_seq: last seq that was read.
        cause: why.
    """

    event_time_ns: int
    stream: str
    after_seq: int
    cause: str


# --- Account ---------------------------------------------------------------------------------------------------------


class HealthBand(IntEnum):
    """Band of an account's health, equity / maintenance margin (SPEC 6)."""

    NONE = account_pb2.HEALTH_BAND_UNSPECIFIED
    HEALTHY = account_pb2.HEALTH_BAND_HEALTHY
    WARNED = account_pb2.HEALTH_BAND_WARNED
    REDUCE_ONLY = account_pb2.HEALTH_BAND_REDUCE_ONLY
    LIQUIDATION = account_pb2.HEALTH_BAND_LIQUIDATION
    BACKSTOP = account_pb2.HEALTH_BAND_BACKSTOP
    BANKRUPT = account_pb2.HEALTH_BAND_BANKRUPT


class LiquidationStage(IntEnum):
    """Stage of the waterfall (SPEC 6)."""

    NONE = account_pb2.LIQUIDATION_STAGE_UNSPECIFIED
    CANCEL = account_pb2.LIQUIDATION_STAGE_CANCEL
    PARTIAL = account_pb2.LIQUIDATION_STAGE_PARTIAL
    FULL = account_pb2.LIQUIDATION_STAGE_FULL
    BACKSTOP = account_pb2.LIQUIDATION_STAGE_BACKSTOP
    INSURANCE = account_pb2.LIQUIDATION_STAGE_INSURANCE
    DELEVERAGE = account_pb2.LIQUIDATION_STAGE_DELEVERAGE
    SOCIALISE = account_pb2.LIQUIDATION_STAGE_SOCIALISE


@dataclass(frozen=True, slots=True, kw_only=True)
class FillBooked:
    """Clearing booked a fill, or a transfer, whose trade_id and order_id are 0.

    Attributes:
        seq: position in clearing's log.
        event_time_ns: venue time.
        instrument: symbol.
        trade_id: the trade.
        order_id: own order.
        delta_size: signed change of the position.
        value: signed dollars, positive for a buy.
        fee: dollars paid.
        realised: profit or loss realised, dollars.
        maker: whether the own order was resting.
        liquidation: whether it belongs to a liquidation.
    """

    seq: int
    event_time_ns: int
    instrument: str
    trade_id: int
    order_id: int
    delta_size: Decimal
    value: Decimal
    fee: Decimal
    realised: Decimal
    maker: bool
    liquidation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited:
    """Money came in, in dollars."""

    seq: int
    event_time_ns: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Money went out, in dollars."""

    seq: int
    event_time_ns: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRefused:
    """A withdrawal was refused; `reason` is the name of the venue's reason."""

    seq: int
    event_time_ns: int
    amount: Decimal
    allowed: Decimal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPaid:
    """A funding payment (FUND-030): `payment` in dollars was received, or paid if it is negative."""

    seq: int
    event_time_ns: int
    instrument: str
    tick: int
    funding_rate: Decimal
    payment: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthBandChanged:
    """The account's health moved to another band; money in dollars."""

    seq: int
    event_time_ns: int
    previous: HealthBand
    current: HealthBand
    equity: Decimal
    maintenance_margin: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationStepped:
    """One step of the account's liquidation, and why.

    Attributes:
        seq: position in clearing's log.
        event_time_ns: venue time.
        liquidation_id: the liquidation.
        stage: stage of the waterfall.
        instrument: symbol, or empty.
        delta_size: signed size to close, or 0.
        price: limit or bankruptcy price in dollars, or None.
        equity: before, dollars.
        maintenance_margin: before, dollars.
        explanation: one sentence.
    """

    seq: int
    event_time_ns: int
    liquidation_id: int
    stage: LiquidationStage
    instrument: str
    delta_size: Decimal
    price: Decimal | None
    equity: Decimal
    maintenance_margin: Decimal
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleveraged:
    """The account gave up part of a position to close somebody else's (LIQ-080); money in dollars."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    instrument: str
    delta_size: Decimal
    value: Decimal
    given_up: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationEnded:
    """The account's liquidation ended; money in dollars, after it."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    equity: Decimal
    maintenance_margin: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRatesChanged:
    """The account pays other rates for trading from here on (FEE-010).

    Attributes:
        seq: in clearing's log.
        event_time_ns: venue time.
        taker_fee: its own, as a share of value; None where the instrument's applies. The lower of the two is charged.
        maker_fee: as above; negative is paid to it.
        volume: what it traded in the fee window, dollars.
        maker_volume: what of that its resting orders traded.
    """

    seq: int
    event_time_ns: int
    taker_fee: Decimal | None
    maker_fee: Decimal | None
    volume: Decimal
    maker_volume: Decimal


# --- Connection and time ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """A stream was lost; this SDK is connecting anew.

    Attributes:
        event_time_ns: venue time, as this machine reckons it.
        stream: `session`, `market data`, `prices` or `account`.
        cause: why.
    """

    event_time_ns: int
    stream: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnected:
    """A stream is back.

    Attributes:
        event_time_ns: venue time, as this machine reckons it.
        stream: as in `Disconnected`.
        open_orders: of a session: the account's orders as the venue holds them now.
        ended_orders: of a session: orders that were open before and are not any more, in their last state.
    """

    event_time_ns: int
    stream: str
    open_orders: tuple[Order, ...] = ()
    ended_orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """First event of a strategy.

    Attributes:
        event_time_ns: venue time.
        account_id: account traded for.
        instruments: by symbol.
        positions: signed size by symbol; flat ones may be absent.
        order_id_prefix: 8 bytes, unique to this run: client order ids made of it and a counter are unique.
    """

    event_time_ns: int
    account_id: int
    instruments: Mapping[str, Instrument]
    positions: Mapping[str, Decimal]
    order_id_prefix: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsRead:
    """The account's positions were read anew, because events were missed; signed size by symbol, flat ones absent."""

    event_time_ns: int
    positions: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Venue time has come this far."""

    event_time_ns: int


SessionEvent: TypeAlias = (
    OrderAccepted
    | OrderAmended
    | OrderCancelled
    | OrderTriggered
    | OrderActivated
    | DeadManMoved
    | Fill
    | CommandAnswered
    | CommandUnresolved
    | Disconnected
    | Reconnected
)
MarketEvent: TypeAlias = (
    BestBidOffer
    | BookSnapshot
    | BookDelta
    | Trade
    | Prices
    | OrdersSnapshot
    | OrderUpdate
    | InstrumentStatus
    | QueuePosition
    | Gap
    | Disconnected
    | Reconnected
)
AccountEvent: TypeAlias = (
    FillBooked
    | Deposited
    | Withdrawn
    | WithdrawalRefused
    | FundingPaid
    | HealthBandChanged
    | LiquidationStepped
    | Deleveraged
    | LiquidationEnded
    | FeeRatesChanged
    | Gap
    | Disconnected
    | Reconnected
)
StrategyEvent: TypeAlias = SessionEvent | MarketEvent | AccountEvent | Started | PositionsRead | Timer
