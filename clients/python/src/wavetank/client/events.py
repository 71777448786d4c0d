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
from wavetank.v1 import account_pb2, credit_pb2, escalation_pb2, oracle_pb2

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


class PriceValidity(IntEnum):
    """How far a price can be trusted; of several doubts the worst, which is the last of these, is said."""

    VALID = oracle_pb2.PRICE_VALIDITY_VALID
    STALE = oracle_pb2.PRICE_VALIDITY_STALE
    TOO_UNCERTAIN = oracle_pb2.PRICE_VALIDITY_TOO_UNCERTAIN
    TOO_VOLATILE = oracle_pb2.PRICE_VALIDITY_TOO_VOLATILE
    NON_POSITIVE = oracle_pb2.PRICE_VALIDITY_NON_POSITIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What drives margin and funding, as delivered to bots.

    Attributes:
        seq: position in the shard's log, or in the oracle's if the oracle told it.
        event_time_ns: venue time.
        instrument: symbol.
        index: index price in dollars, None before the first.
        mark: mark price in dollars, None before the first.
        stale: whether there is any doubt about the mark.
        funding_rate: predicted for the running interval, as a share of notional.
        open_interest: units of the base asset; None if the oracle told it.
        last: price of the last trade in dollars, None before the first.
        index_time_ns: venue time the index is of.
        validity: what the doubt is; None if market data told it.
        confidence: dollars by which the index may be off, either way; None if market data told it.
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
    validity: PriceValidity | None = None
    confidence: Decimal | None = None


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


class MarginMode(IntEnum):
    """How an account's legs are margined together (MRGN-030)."""

    ISOLATED = account_pb2.MARGIN_MODE_ISOLATED
    GROSS = account_pb2.MARGIN_MODE_GROSS
    GROUP_OFFSET = account_pb2.MARGIN_MODE_GROUP_OFFSET
    SCENARIO = account_pb2.MARGIN_MODE_SCENARIO


class LineStatus(IntEnum):
    """Status of an account's credit line: what it may trade (PROTOCOL 2)."""

    NORMAL = credit_pb2.LINE_STATUS_NORMAL
    REDUCE_ONLY = credit_pb2.LINE_STATUS_REDUCE_ONLY
    FROZEN = credit_pb2.LINE_STATUS_FROZEN


class LiquidationOutcome(IntEnum):
    """How a liquidation, or a test within it, ended."""

    NONE = account_pb2.LIQUIDATION_OUTCOME_UNSPECIFIED
    RECOVERED = account_pb2.LIQUIDATION_OUTCOME_RECOVERED
    FLAT = account_pb2.LIQUIDATION_OUTCOME_FLAT
    CONTINUES = account_pb2.LIQUIDATION_OUTCOME_CONTINUES
    WAITS = account_pb2.LIQUIDATION_OUTCOME_WAITS


class LiquidationCause(IntEnum):
    """Why a stage of the waterfall acted or was passed over."""

    NONE = account_pb2.LIQUIDATION_CAUSE_UNSPECIFIED
    BELOW_MAINTENANCE = account_pb2.LIQUIDATION_CAUSE_BELOW_MAINTENANCE
    LARGE_POSITION_FIRST_SLICE = account_pb2.LIQUIDATION_CAUSE_LARGE_POSITION_FIRST_SLICE
    COOLDOWN_WHOLE_POSITION = account_pb2.LIQUIDATION_CAUSE_COOLDOWN_WHOLE_POSITION
    SMALL_POSITION_WHOLE = account_pb2.LIQUIDATION_CAUSE_SMALL_POSITION_WHOLE
    DEPTH_LIMITED = account_pb2.LIQUIDATION_CAUSE_DEPTH_LIMITED
    BELOW_BACKSTOP = account_pb2.LIQUIDATION_CAUSE_BELOW_BACKSTOP
    VAULT_OFF = account_pb2.LIQUIDATION_CAUSE_VAULT_OFF
    VAULT_CAP = account_pb2.LIQUIDATION_CAUSE_VAULT_CAP
    EQUITY_NEGATIVE = account_pb2.LIQUIDATION_CAUSE_EQUITY_NEGATIVE
    BOOK_EXHAUSTED = account_pb2.LIQUIDATION_CAUSE_BOOK_EXHAUSTED
    NO_VICTIM_LEFT = account_pb2.LIQUIDATION_CAUSE_NO_VICTIM_LEFT
    PRICE_STALE = account_pb2.LIQUIDATION_CAUSE_PRICE_STALE
    UNFILLED = account_pb2.LIQUIDATION_CAUSE_UNFILLED
    DEFICIT = account_pb2.LIQUIDATION_CAUSE_DEFICIT
    VAULT_DISPOSAL = account_pb2.LIQUIDATION_CAUSE_VAULT_DISPOSAL
    COOLDOWN_WAIT = account_pb2.LIQUIDATION_CAUSE_COOLDOWN_WAIT
    STAGE_OFF = account_pb2.LIQUIDATION_CAUSE_STAGE_OFF
    LARGE_POSITION_WHOLE = account_pb2.LIQUIDATION_CAUSE_LARGE_POSITION_WHOLE
    HELD = account_pb2.LIQUIDATION_CAUSE_HELD


class PaymentCause(IntEnum):
    """Why cash moved from one account to another."""

    LIQUIDATION_FEE = account_pb2.PAYMENT_CAUSE_LIQUIDATION_FEE
    FUND_TOP_UP = account_pb2.PAYMENT_CAUSE_FUND_TOP_UP
    FUND_REPAYMENT = account_pb2.PAYMENT_CAUSE_FUND_REPAYMENT
    BACKSTOP = account_pb2.PAYMENT_CAUSE_BACKSTOP
    DEFICIT_FUND = account_pb2.PAYMENT_CAUSE_DEFICIT_FUND
    DEFICIT_SOCIALISED = account_pb2.PAYMENT_CAUSE_DEFICIT_SOCIALISED
    DEFICIT_DEBT = account_pb2.PAYMENT_CAUSE_DEFICIT_DEBT
    OWNER_TRANSFER = account_pb2.PAYMENT_CAUSE_OWNER_TRANSFER
    PLAY = account_pb2.PAYMENT_CAUSE_PLAY


class EscalationKind(IntEnum):
    """What a person is asked about (LIQ-090)."""

    PRICE_STALE = escalation_pb2.ESCALATION_KIND_PRICE_STALE
    SLICE_EXCEEDS_DEPTH = escalation_pb2.ESCALATION_KIND_SLICE_EXCEEDS_DEPTH
    DELEVERAGING = escalation_pb2.ESCALATION_KIND_DELEVERAGING
    FUND_LOW = escalation_pb2.ESCALATION_KIND_FUND_LOW
    CASCADE = escalation_pb2.ESCALATION_KIND_CASCADE


class Decision(IntEnum):
    """What can be decided of an escalation (LIQ-090)."""

    GO_ON = escalation_pb2.DECISION_GO_ON
    HOLD = escalation_pb2.DECISION_HOLD
    WHOLE = escalation_pb2.DECISION_WHOLE
    PAUSE_WITHDRAWALS = escalation_pb2.DECISION_PAUSE_WITHDRAWALS


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


class ConversionCause(IntEnum):
    """Why collateral was converted into cash (LIQ-055)."""

    REQUESTED = account_pb2.CONVERSION_CAUSE_REQUESTED
    LIQUIDATED = account_pb2.CONVERSION_CAUSE_LIQUIDATED
    OWED = account_pb2.CONVERSION_CAUSE_OWED
    LOAN_LIMIT = account_pb2.CONVERSION_CAUSE_LOAN_LIMIT
    RESET = account_pb2.CONVERSION_CAUSE_RESET


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralDeposited:
    """Collateral came in: `size` units of the base asset of `instrument` (MRGN-080)."""

    seq: int
    event_time_ns: int
    instrument: str
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralWithdrawn:
    """Collateral went out."""

    seq: int
    event_time_ns: int
    instrument: str
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralConverted:
    """Collateral was sold outside the venue (LIQ-055).

    Attributes:
        seq: in clearing's log.
        event_time_ns: venue time.
        instrument: symbol of the instrument whose base asset it is.
        size: units sold.
        amount: dollars that came in.
        index: index that it was sold by, dollars.
        liquidation_id: the liquidation it was sold in, or 0.
        cause: why.
    """

    seq: int
    event_time_ns: int
    instrument: str
    size: Decimal
    amount: Decimal
    index: Decimal
    liquidation_id: int
    cause: ConversionCause


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralWithdrawalRefused:
    """A withdrawal of collateral was refused; `allowed` is what might have left, by what it counts, in dollars."""

    seq: int
    event_time_ns: int
    instrument: str
    size: Decimal
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
        cause: the same as a value.
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
    cause: LiquidationCause = LiquidationCause.NONE


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
    outcome: LiquidationOutcome = LiquidationOutcome.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationStarted:
    """The account fell below its maintenance margin: it is frozen, its orders are cancelled; money in dollars, then."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    equity: Decimal
    maintenance_margin: Decimal
    initial_margin: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationTested:
    """The account was tested at prices frozen for it, or waits for the next mark; money in dollars."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    equity: Decimal
    maintenance_margin: Decimal
    outcome: LiquidationOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationAnswered:
    """What a step achieved: unsigned size and signed dollars; no instrument for the cancels at the beginning."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    instrument: str
    done_size: Decimal
    done_value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationPaused:
    """The account's liquidation waits for a person; at `deadline_ns` it goes on by itself (LIQ-090)."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    escalation_id: int
    instrument: str
    kind: EscalationKind
    deadline_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationDecided:
    """It was decided, by a person or by the clock, how the account's liquidation goes on (LIQ-090)."""

    seq: int
    event_time_ns: int
    escalation_id: int
    decision: Decision
    by_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleveragingRanked:
    """The account stands in a ranking for auto-deleveraging (LIQ-080).

    Attributes:
        seq: position in clearing's log.
        event_time_ns: venue time.
        liquidation_id: the liquidation that it serves.
        instrument: symbol.
        rank: its place, from 1.
        ranked: how many are ranked.
        adl_lights: that its place shows: 5 for the fifth that is met first, 1 for the last.
        delta_size: signed change that is asked, 0 if none is.
        given_up: what the change would cost it against the mark, dollars.
    """

    seq: int
    event_time_ns: int
    liquidation_id: int
    instrument: str
    rank: int
    ranked: int
    adl_lights: int
    delta_size: Decimal
    given_up: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CashTransferred:
    """Cash moved to the account from another one; from there to another where `amount`, in dollars, is negative."""

    seq: int
    event_time_ns: int
    amount: Decimal
    other_account_id: int
    cause: PaymentCause
    liquidation_id: int
    instrument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalHeld:
    """A withdrawal, in dollars, waits for the shards that give a part of it."""

    seq: int
    event_time_ns: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginModeChanged:
    """The account's legs are margined together in another way from here on (MRGN-030)."""

    seq: int
    event_time_ns: int
    margin_mode: MarginMode


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStatusChanged:
    """The status of the account's credit line changed: what it may trade."""

    seq: int
    event_time_ns: int
    line_status: LineStatus


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
        stream: `session`, `market data`, `prices`, `account` or `liquidations`.
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
    | WithdrawalHeld
    | LiquidationStarted
    | LiquidationTested
    | LiquidationAnswered
    | LiquidationPaused
    | LiquidationDecided
    | DeleveragingRanked
    | MarginModeChanged
    | LineStatusChanged
    | CashTransferred
    | CollateralDeposited
    | CollateralWithdrawn
    | CollateralConverted
    | CollateralWithdrawalRefused
    | Gap
    | Disconnected
    | Reconnected
)
StrategyEvent: TypeAlias = SessionEvent | MarketEvent | AccountEvent | Started | PositionsRead | Timer
