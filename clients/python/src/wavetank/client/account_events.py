"""What befalls an account, from the wire: each message of its stream as an event of the SDK."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from wavetank.client.errors import CLASS_OF_REASON, WavetankError
from wavetank.client.events import (
    CashTransferred,
    CollateralConverted,
    CollateralDeposited,
    CollateralWithdrawalRefused,
    CollateralWithdrawn,
    ConversionCause,
    Decision,
    Deleveraged,
    DeleveragingRanked,
    Deposited,
    EscalationKind,
    FeeRatesChanged,
    FillBooked,
    FundingPaid,
    HealthBand,
    HealthBandChanged,
    LineStatus,
    LineStatusChanged,
    LiquidationAnswered,
    LiquidationCause,
    LiquidationDecided,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationPaused,
    LiquidationStage,
    LiquidationStarted,
    LiquidationStepped,
    LiquidationTested,
    MarginMode,
    MarginModeChanged,
    PaymentCause,
    WithdrawalHeld,
    WithdrawalRefused,
    Withdrawn,
)
from wavetank.client.instrument import dollars, scaled
from wavetank.client.wire import Wire
from wavetank.v1 import account_pb2, reason_pb2

AccountMessageEvent: TypeAlias = (
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
)


def account_event(message: account_pb2.StreamAccountEventsResponse, wire: Wire) -> AccountMessageEvent | None:
    """Return an account event, or None for the first message and for a kind that is newer than this SDK."""
    seq, time_ns = message.seq, message.event_time_ns
    match message.WhichOneof("event"):
        case "fill":
            return fill_booked(message.fill, seq, time_ns, wire)
        case "deposited":
            return Deposited(seq=seq, event_time_ns=time_ns, amount=dollars(message.deposited.amount_micros))
        case "withdrawn":
            return Withdrawn(seq=seq, event_time_ns=time_ns, amount=dollars(message.withdrawn.amount_micros))
        case "withdrawal_refused":
            refused = message.withdrawal_refused
            return WithdrawalRefused(
                seq=seq,
                event_time_ns=time_ns,
                amount=dollars(refused.amount_micros),
                allowed=dollars(refused.allowed_micros),
                reason=_reason_name(refused.reason),
            )
        case "funding":
            funding = message.funding
            return FundingPaid(
                seq=seq,
                event_time_ns=time_ns,
                instrument=wire.symbol(funding.instrument_id),
                tick=funding.tick,
                funding_rate=scaled(funding.funding_rate_e12, -12),
                payment=dollars(funding.payment_micros),
            )
        case "fee_rates":
            fees = message.fee_rates
            return FeeRatesChanged(
                seq=seq,
                event_time_ns=time_ns,
                taker_fee=scaled(fees.taker_fee_ppm, -6) if fees.HasField("taker_fee_ppm") else None,
                maker_fee=scaled(fees.maker_fee_ppm, -6) if fees.HasField("maker_fee_ppm") else None,
                volume=dollars(fees.volume_micros),
                maker_volume=dollars(fees.maker_volume_micros),
            )
        case "collateral_deposited" | "collateral_withdrawn" | "collateral_converted" | "collateral_refused":
            return _collateral_event(message, wire)
        case _:
            return _health_event(message, wire)


def _collateral_event(message: account_pb2.StreamAccountEventsResponse, wire: Wire) -> AccountMessageEvent | None:
    seq, time_ns = message.seq, message.event_time_ns
    match message.WhichOneof("event"):
        case "collateral_deposited":
            came = message.collateral_deposited
            instrument = wire.numbered(came.instrument_id)
            return CollateralDeposited(
                seq=seq, event_time_ns=time_ns, instrument=instrument.symbol, size=instrument.size(came.size_lots)
            )
        case "collateral_withdrawn":
            left = message.collateral_withdrawn
            instrument = wire.numbered(left.instrument_id)
            return CollateralWithdrawn(
                seq=seq, event_time_ns=time_ns, instrument=instrument.symbol, size=instrument.size(left.size_lots)
            )
        case "collateral_converted":
            sold = message.collateral_converted
            instrument = wire.numbered(sold.instrument_id)
            return CollateralConverted(
                seq=seq,
                event_time_ns=time_ns,
                instrument=instrument.symbol,
                size=instrument.size(sold.size_lots),
                amount=dollars(sold.amount_micros),
                index=instrument.price(sold.index_price_ticks),
                liquidation_id=sold.liquidation_id,
                cause=ConversionCause(sold.cause),
            )
        case "collateral_refused":
            refused = message.collateral_refused
            instrument = wire.numbered(refused.instrument_id)
            return CollateralWithdrawalRefused(
                seq=seq,
                event_time_ns=time_ns,
                instrument=instrument.symbol,
                size=instrument.size(refused.size_lots),
                allowed=dollars(refused.allowed_micros),
                reason=_reason_name(refused.reason),
            )
        case _:
            return None


def _health_event(message: account_pb2.StreamAccountEventsResponse, wire: Wire) -> AccountMessageEvent | None:
    seq, time_ns = message.seq, message.event_time_ns
    match message.WhichOneof("event"):
        case "health":
            health = message.health
            return HealthBandChanged(
                seq=seq,
                event_time_ns=time_ns,
                previous=HealthBand(health.previous),
                current=HealthBand(health.current),
                equity=dollars(health.equity_micros),
                maintenance_margin=dollars(health.maintenance_margin_micros),
            )
        case "liquidation":
            return _liquidation_stepped(message, wire)
        case "deleveraged":
            deleveraged = message.deleveraged
            instrument = wire.numbered(deleveraged.instrument_id)
            return Deleveraged(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=deleveraged.liquidation_id,
                instrument=instrument.symbol,
                delta_size=instrument.size(deleveraged.delta_lots),
                value=dollars(deleveraged.value_micros),
                given_up=dollars(deleveraged.given_up_micros),
            )
        case "liquidation_ended":
            ended = message.liquidation_ended
            return LiquidationEnded(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=ended.liquidation_id,
                equity=dollars(ended.equity_micros),
                maintenance_margin=dollars(ended.maintenance_margin_micros),
                outcome=LiquidationOutcome(ended.outcome),
            )
        case _:
            return _progress_event(message, wire)


def _progress_event(message: account_pb2.StreamAccountEventsResponse, wire: Wire) -> AccountMessageEvent | None:
    seq, time_ns = message.seq, message.event_time_ns
    match message.WhichOneof("event"):
        case "liquidation_started":
            started = message.liquidation_started
            return LiquidationStarted(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=started.liquidation_id,
                equity=dollars(started.equity_micros),
                maintenance_margin=dollars(started.maintenance_margin_micros),
                initial_margin=dollars(started.initial_margin_micros),
            )
        case "liquidation_tested":
            tested = message.liquidation_tested
            return LiquidationTested(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=tested.liquidation_id,
                equity=dollars(tested.equity_micros),
                maintenance_margin=dollars(tested.maintenance_margin_micros),
                outcome=LiquidationOutcome(tested.outcome),
            )
        case "liquidation_answered":
            answered = message.liquidation_answered
            number = answered.instrument_id
            return LiquidationAnswered(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=answered.liquidation_id,
                instrument=wire.symbol(number),
                done_size=wire.numbered(number).size(answered.done_lots) if number else Decimal(0),
                done_value=dollars(answered.done_value_micros),
            )
        case "liquidation_paused":
            paused = message.liquidation_paused
            return LiquidationPaused(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=paused.liquidation_id,
                escalation_id=paused.escalation_id,
                instrument=wire.symbol(paused.instrument_id),
                kind=EscalationKind(paused.escalation_kind),
                deadline_ns=paused.deadline_ns,
            )
        case "liquidation_decided":
            decided = message.liquidation_decided
            return LiquidationDecided(
                seq=seq,
                event_time_ns=time_ns,
                escalation_id=decided.escalation_id,
                decision=Decision(decided.decision),
                by_default=decided.by_default,
            )
        case "deleveraging_ranked":
            ranked = message.deleveraging_ranked
            instrument = wire.numbered(ranked.instrument_id)
            return DeleveragingRanked(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=ranked.liquidation_id,
                instrument=instrument.symbol,
                rank=ranked.rank,
                ranked=ranked.ranked,
                adl_lights=ranked.adl_lights,
                delta_size=instrument.size(ranked.delta_lots),
                given_up=dollars(ranked.given_up_micros),
            )
        case _:
            return _standing_event(message, wire)


def _standing_event(message: account_pb2.StreamAccountEventsResponse, wire: Wire) -> AccountMessageEvent | None:
    seq, time_ns = message.seq, message.event_time_ns
    match message.WhichOneof("event"):
        case "withdrawal_held":
            return WithdrawalHeld(seq=seq, event_time_ns=time_ns, amount=dollars(message.withdrawal_held.amount_micros))
        case "margin_mode":
            mode = MarginMode(message.margin_mode.margin_mode)
            return MarginModeChanged(seq=seq, event_time_ns=time_ns, margin_mode=mode)
        case "line_status":
            status = LineStatus(message.line_status.line_status)
            return LineStatusChanged(seq=seq, event_time_ns=time_ns, line_status=status)
        case "cash_transferred":
            moved = message.cash_transferred
            return CashTransferred(
                seq=seq,
                event_time_ns=time_ns,
                amount=dollars(moved.amount_micros),
                other_account_id=moved.other_account_id,
                cause=PaymentCause(moved.cause),
                liquidation_id=moved.liquidation_id,
                instrument=wire.symbol(moved.instrument_id),
            )
        case _:
            return None


def _liquidation_stepped(message: account_pb2.StreamAccountEventsResponse, wire: Wire) -> LiquidationStepped:
    step = message.liquidation
    instrument = wire.numbered(step.instrument_id) if step.instrument_id else None
    return LiquidationStepped(
        seq=message.seq,
        event_time_ns=message.event_time_ns,
        liquidation_id=step.liquidation_id,
        stage=LiquidationStage(step.stage),
        instrument=instrument.symbol if instrument else "",
        delta_size=instrument.size(step.delta_lots) if instrument else Decimal(0),
        price=instrument.price(step.price_ticks) if instrument and step.price_ticks else None,
        equity=dollars(step.equity_micros),
        maintenance_margin=dollars(step.maintenance_margin_micros),
        explanation=step.explanation,
        cause=LiquidationCause(step.cause),
    )


def instruments_of(message: account_pb2.StreamAccountEventsResponse) -> list[int]:
    """Return the instrument ids that a message names; 0 is none."""
    kind = message.WhichOneof("event")
    return [] if kind is None else [int(getattr(getattr(message, kind), "instrument_id", 0))]


def fill_booked(fill: account_pb2.BookedFill, seq: int, event_time_ns: int, wire: Wire) -> FillBooked:
    """Return a fill as clearing booked it."""
    instrument = wire.numbered(fill.instrument_id)
    return FillBooked(
        seq=seq,
        event_time_ns=event_time_ns,
        instrument=instrument.symbol,
        trade_id=fill.trade_id,
        order_id=fill.order_id,
        delta_size=instrument.size(fill.delta_lots),
        value=dollars(fill.value_micros),
        fee=dollars(fill.fee_micros),
        realised=dollars(fill.realised_micros),
        maker=fill.maker,
        liquidation=fill.liquidation,
    )


def _reason_name(reason: reason_pb2.Reason.ValueType) -> str:
    return CLASS_OF_REASON.get(reason, WavetankError)("", code=reason).reason
