"""Clearing's events and accounts as messages of the contract."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from wavetank.clearing.core.adl_lights import adl_lights, lights_of
from wavetank.clearing.core.credit import withdrawable_micros
from wavetank.clearing.core.leverage import leverage_of
from wavetank.clearing.core.valuation import liquidation_price, offset_liquidation_price
from wavetank.model.events import clearing as events
from wavetank.model.fees import NO_OWN_RATE_PPM
from wavetank.v1 import account_pb2, credit_pb2, reason_pb2

if TYPE_CHECKING:
    from fractions import Fraction

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.state import State
    from wavetank.model.record import Event

EXPLANATIONS: dict[int, str] = {
    events.StepCause.BELOW_MAINTENANCE: "equity is below the maintenance margin",
    events.StepCause.LARGE_POSITION_FIRST_SLICE: "a large position is closed by a first slice",
    events.StepCause.COOLDOWN_WHOLE_POSITION: "soon after a slice the whole position is closed",
    events.StepCause.SMALL_POSITION_WHOLE: "the position that relieves most margin is closed whole",
    events.StepCause.DEPTH_LIMITED: "the order is limited by the depth of the book",
    events.StepCause.BELOW_BACKSTOP: "health is below two thirds",
    events.StepCause.VAULT_OFF: "the backstop vault is off",
    events.StepCause.VAULT_CAP: "the backstop vault has no room",
    events.StepCause.EQUITY_NEGATIVE: "equity is below zero",
    events.StepCause.BOOK_EXHAUSTED: "the book could not take the position",
    events.StepCause.NO_VICTIM_LEFT: "nobody on the other side can give more, the rest closes at mark",
    events.StepCause.PRICE_STALE: "a price is stale, so this must wait",
    events.StepCause.UNFILLED: "the order was not filled whole, so the next mark is awaited",
    events.StepCause.DEFICIT: "the account is flat and owes money",
    events.StepCause.VAULT_DISPOSAL: "the backstop vault disposes of a part",
    events.StepCause.COOLDOWN_WAIT: "soon after a slice the next one must wait",
    events.StepCause.STAGE_OFF: "this stage is switched off",
    events.StepCause.LARGE_POSITION_WHOLE: "slices are switched off, so the whole position is closed",
    events.StepCause.HELD: "a person decided to do nothing before the next mark",
}


def account_message(state: State, account: Account) -> account_pb2.Account:
    """Return an account at the last marks."""
    value = state.value(account)
    return account_pb2.Account(
        account_id=account.account_id,
        name=account.name,
        kind=account_pb2.AccountKind.ValueType(account.kind),
        cash_micros=account.cash_micros,
        equity_micros=value.equity_micros,
        initial_margin_micros=value.initial_micros,
        maintenance_margin_micros=value.maintenance_micros,
        withdrawable_micros=withdrawable_micros(state, account),
        health_band=account_pb2.HealthBand.ValueType(account.band),
        held_micros=account.hold.amount_micros if account.hold is not None else 0,
        fees=_fees_message(state, account.account_id),
        margin_mode=account_pb2.MarginMode.ValueType(account.margin_mode),
        collateral=[
            account_pb2.Collateral(
                instrument_id=instrument_id,
                size_lots=each.lots,
                held_lots=each.held_lots,
                counted_micros=each.counted_micros,
            )
            for instrument_id, each in account.collateral.items()
        ],
        counted_micros=account.counted_micros,
        parent_account_id=account.parent_id,
        isolated_instrument_id=account.isolated_instrument_id,
    )


def own_rate(rate_ppm: int) -> int | None:
    """Return a rate of an account's own as it stands on the wire: absent where the instrument's applies."""
    return None if rate_ppm == NO_OWN_RATE_PPM else rate_ppm


def _fees_message(state: State, account_id: int) -> account_pb2.AccountFees:
    rates, traded = state.fees.rates_of(account_id), state.fees.traded(account_id)
    return account_pb2.AccountFees(
        taker_fee_ppm=own_rate(rates.taker_fee_ppm),
        maker_fee_ppm=own_rate(rates.maker_fee_ppm),
        volume_micros=sum(traded),
        maker_volume_micros=traded.maker_micros,
        today_volume_micros=sum(state.fees.traded_today(account_id)),
    )


def position_messages(state: State, account: Account, *, with_adl_lights: bool = False) -> list[account_pb2.Position]:
    """Return an account's positions at the last marks, by instrument id; their lights rank all holders."""
    value = state.value(account)
    messages = []
    for leg in value.legs:
        instrument = state.instruments[leg.instrument_id]
        if value.margining.offsets:
            price = offset_liquidation_price(value, leg, instrument.margin)
        else:
            others = value.maintenance_micros - leg.maintenance_micros
            price = liquidation_price(leg, value.equity_micros, others, instrument.margin)
        lights = adl_lights(state, leg.instrument_id).get(account.account_id, 0) if with_adl_lights else 0
        messages.append(
            account_pb2.Position(
                instrument_id=leg.instrument_id,
                size_lots=leg.lots,
                cost_micros=account.positions[leg.instrument_id].cost_micros,
                mark_price_ticks=leg.mark_price_ticks,
                unrealised_micros=leg.unrealised_micros,
                maintenance_margin_micros=leg.maintenance_micros,
                liquidation_price="" if price is None else shown(price / instrument.ticks_per_dollar),
                adl_lights=lights,
                leverage=leverage_of(account, instrument),
            )
        )
    return messages


def leverage_messages(account: Account) -> list[account_pb2.ChosenLeverage]:
    """Return the leverages that an account has chosen, by instrument id."""
    return [
        account_pb2.ChosenLeverage(instrument_id=instrument_id, leverage=leverage)
        for instrument_id, leverage in account.leverages.items()
    ]


def shown(ratio: Fraction) -> str:
    """Return an exact ratio as a decimal with 8 digits (UNIT-045)."""
    exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
    return str(exact.quantize(Decimal("0.00000001"), ROUND_HALF_EVEN))


def fill_message(seq: int, time_ns: int, fill: events.FillBooked) -> account_pb2.BookedFill:
    """Return a booked fill."""
    return account_pb2.BookedFill(
        seq=seq,
        event_time_ns=time_ns,
        instrument_id=fill.instrument_id,
        trade_id=fill.trade_id,
        order_id=fill.order_id,
        delta_lots=fill.delta_lots,
        value_micros=fill.value_micros,
        fee_micros=fill.fee_micros,
        realised_micros=fill.realised_micros,
        maker=fill.role == events.FillRole.MAKER,
        liquidation=bool(fill.flags),
    )


def event_message(
    seq: int, time_ns: int, event: Event, *, account_id: int = 0, ranked: int = 0
) -> account_pb2.StreamAccountEventsResponse | None:
    """Return what an account is told of an event, or None if it is not told.

    Args:
        seq: of the event.
        time_ns: venue time of its entry.
        event: the event.
        account_id: who is told; 0 for the account that the event names first.
        ranked: of a line of a ranking, how many lines it has.

    """
    message = account_pb2.StreamAccountEventsResponse(seq=seq, event_time_ns=time_ns)
    match event:
        case events.FillBooked():
            message.fill.CopyFrom(fill_message(seq, time_ns, event))
        case events.Deposited() | events.FaucetDrawn():
            message.deposited.amount_micros = event.amount_micros
        case events.Withdrawn():
            message.withdrawn.amount_micros = event.amount_micros
        case events.WithdrawalRefused():
            message.withdrawal_refused.amount_micros = event.amount_micros
            message.withdrawal_refused.allowed_micros = event.allowed_micros
            message.withdrawal_refused.reason = reason_pb2.Reason.ValueType(event.reason)
        case events.FundingBooked():
            message.funding.instrument_id = event.instrument_id
            message.funding.tick = event.tick
            message.funding.funding_rate_e12 = event.funding_rate_e12
            message.funding.payment_micros = event.payment_micros
        case events.WithdrawalHeld():
            message.withdrawal_held.amount_micros = event.amount_micros
        case events.MarginModeChanged():
            message.margin_mode.margin_mode = account_pb2.MarginMode.ValueType(event.mode)
        case events.LineStatusChanged():
            message.line_status.line_status = credit_pb2.LineStatus.ValueType(event.status)
        case events.AdlRanked():
            message.deleveraging_ranked.CopyFrom(_ranked(event, ranked))
        case events.CashTransferred():
            is_paid = account_id in {0, event.account_id}
            message.cash_transferred.CopyFrom(
                account_pb2.CashTransferred(
                    amount_micros=-event.amount_micros if is_paid else event.amount_micros,
                    other_account_id=event.receiver_account_id if is_paid else event.account_id,
                    cause=account_pb2.PaymentCause.ValueType(event.cause),
                    liquidation_id=event.liquidation_id,
                    instrument_id=event.instrument_id,
                )
            )
        case events.FeeRatesChanged():
            message.fee_rates.CopyFrom(
                account_pb2.FeeRatesChanged(
                    taker_fee_ppm=own_rate(event.taker_fee_ppm),
                    maker_fee_ppm=own_rate(event.maker_fee_ppm),
                    volume_micros=event.volume_micros,
                    maker_volume_micros=event.maker_volume_micros,
                )
            )
        case _:
            is_told = _tell_of_health(message, event) or _tell_of_collateral(message, event)
            return message if is_told else None
    return message


def _tell_of_collateral(message: account_pb2.StreamAccountEventsResponse, event: Event) -> bool:
    """Write what an event says of collateral into a message; return whether it says anything."""
    match event:
        case events.CollateralDeposited():
            message.collateral_deposited.instrument_id = event.instrument_id
            message.collateral_deposited.size_lots = event.size_lots
        case events.CollateralWithdrawn():
            message.collateral_withdrawn.instrument_id = event.instrument_id
            message.collateral_withdrawn.size_lots = event.size_lots
        case events.CollateralConverted():
            message.collateral_converted.instrument_id = event.instrument_id
            message.collateral_converted.size_lots = event.size_lots
            message.collateral_converted.amount_micros = event.amount_micros
            message.collateral_converted.index_price_ticks = event.index_price_ticks
            message.collateral_converted.liquidation_id = event.liquidation_id
            message.collateral_converted.cause = account_pb2.ConversionCause.ValueType(event.cause)
        case events.CollateralRefused():
            message.collateral_refused.instrument_id = event.instrument_id
            message.collateral_refused.size_lots = event.size_lots
            message.collateral_refused.allowed_micros = event.allowed_micros
            message.collateral_refused.reason = reason_pb2.Reason.ValueType(event.reason)
        case _:
            return False
    return True


def _ranked(event: events.AdlRanked, ranked: int) -> account_pb2.DeleveragingRanked:
    return account_pb2.DeleveragingRanked(
        liquidation_id=event.liquidation_id,
        instrument_id=event.instrument_id,
        rank=event.rank,
        ranked=ranked,
        adl_lights=lights_of(event.rank, ranked),
        delta_lots=event.delta_lots,
        given_up_micros=event.given_up_micros,
    )


def _tell_of_health(message: account_pb2.StreamAccountEventsResponse, event: Event) -> bool:
    """Tell an account of its health and of liquidations; return whether the event is about these and is told."""
    match event:
        case events.HealthBandChanged():
            message.health.previous = account_pb2.HealthBand.ValueType(event.previous)
            message.health.current = account_pb2.HealthBand.ValueType(event.current)
            message.health.equity_micros = event.equity_micros
            message.health.maintenance_margin_micros = event.maintenance_margin_micros
        case events.Deleveraged():
            message.deleveraged.liquidation_id = event.liquidation_id
            message.deleveraged.instrument_id = event.instrument_id
            message.deleveraged.delta_lots = event.delta_lots
            message.deleveraged.value_micros = event.value_micros
            message.deleveraged.given_up_micros = event.given_up_micros
        case events.LiquidationStarted():
            message.liquidation_started.liquidation_id = event.liquidation_id
            message.liquidation_started.equity_micros = event.equity_micros
            message.liquidation_started.maintenance_margin_micros = event.maintenance_margin_micros
            message.liquidation_started.initial_margin_micros = event.initial_margin_micros
        case events.LiquidationTested():
            message.liquidation_tested.liquidation_id = event.liquidation_id
            message.liquidation_tested.equity_micros = event.equity_micros
            message.liquidation_tested.maintenance_margin_micros = event.maintenance_margin_micros
            message.liquidation_tested.outcome = account_pb2.LiquidationOutcome.ValueType(event.outcome)
        case events.LiquidationStepped():
            _step(message.liquidation, event)
        case events.MatchingAnswered() if event.liquidation_id:
            message.liquidation_answered.liquidation_id = event.liquidation_id
            message.liquidation_answered.instrument_id = event.instrument_id
            message.liquidation_answered.done_lots = event.done_lots
            message.liquidation_answered.done_value_micros = event.done_value_micros
            message.liquidation_answered.reason = reason_pb2.Reason.ValueType(event.reason)
        case events.EscalationRaised():
            message.liquidation_paused.liquidation_id = event.liquidation_id
            message.liquidation_paused.escalation_id = message.seq
            message.liquidation_paused.instrument_id = event.instrument_id
            message.liquidation_paused.escalation_kind = event.kind
            message.liquidation_paused.deadline_ns = event.deadline_ns
        case events.EscalationDecided():
            message.liquidation_decided.escalation_id = event.escalation_id
            message.liquidation_decided.decision = event.decision
            message.liquidation_decided.by_default = bool(event.by_default)
        case events.LiquidationEnded():
            message.liquidation_ended.liquidation_id = event.liquidation_id
            message.liquidation_ended.equity_micros = event.equity_micros
            message.liquidation_ended.maintenance_margin_micros = event.maintenance_margin_micros
            message.liquidation_ended.outcome = account_pb2.LiquidationOutcome.ValueType(event.outcome)
        case _:
            return False
    return True


def _step(message: account_pb2.LiquidationStepped, event: events.LiquidationStepped) -> None:
    message.liquidation_id = event.liquidation_id
    message.stage = account_pb2.LiquidationStage.ValueType(event.stage)
    message.instrument_id = event.instrument_id
    message.delta_lots = event.delta_lots
    message.price_ticks = event.price_ticks
    message.equity_micros = event.equity_micros
    message.maintenance_margin_micros = event.maintenance_margin_micros
    message.explanation = EXPLANATIONS.get(event.cause, "")
    message.cause = account_pb2.LiquidationCause.ValueType(event.cause)
