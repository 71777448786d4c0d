"""Liquidations on their way from the contract's messages to the SDK's values: the public feed, and an account's own."""

from decimal import Decimal

import pytest

from tests.unit.client.instruments import BTC, ETH, SOL
from wavetank.client import (
    CashTransferred,
    Decision,
    DeleveragingRanked,
    EscalationKind,
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
    LiquidationTested,
    MarginMode,
    MarginModeChanged,
    MarginTier,
    PaymentCause,
    PublicCascadeEnded,
    PublicCascadeJoined,
    PublicDeleveraged,
    PublicDeleveragingRanking,
    PublicLiquidationAnswered,
    PublicLiquidationEnded,
    PublicLiquidationStarted,
    PublicLiquidationStepped,
    PublicLiquidationTested,
    PublicPayment,
    PublicRankedAccount,
    WithdrawalHeld,
)
from wavetank.client.account_events import account_event
from wavetank.client.liquidations import public_event
from wavetank.client.wire import Wire
from wavetank.v1 import account_pb2, credit_pb2
from wavetank.v1 import liquidation_feed_pb2 as pb

WIRE = Wire([BTC, ETH, SOL])
# A lot of BTC is 10^-5, a tick a tenth of a dollar.

PUBLIC: list[tuple[dict[str, object], object]] = [
    (
        {"started": pb.PublicLiquidationStarted(liquidation_id=5, account_id=1_000, health_ppm=-1)},
        PublicLiquidationStarted(
            seq=7, event_time_ns=9, liquidation_id=5, account_id=1_000, health=Decimal("-0.000001")
        ),
    ),
    (
        {
            "tested": pb.PublicLiquidationTested(
                liquidation_id=5, account_id=1_000, outcome=account_pb2.LIQUIDATION_OUTCOME_WAITS
            )
        },
        PublicLiquidationTested(
            seq=7, event_time_ns=9, liquidation_id=5, account_id=1_000, health=None, outcome=LiquidationOutcome.WAITS
        ),
    ),
    (
        {
            "stepped": pb.PublicLiquidationStepped(
                liquidation_id=5,
                account_id=1_000,
                instrument_id=1,
                delta_lots=-100_000,
                price_ticks=919_000,
                reserve_micros=1_500_000,
                health_ppm=540_300,
                stage=account_pb2.LIQUIDATION_STAGE_INSURANCE,
                cause=account_pb2.LIQUIDATION_CAUSE_BELOW_BACKSTOP,
            )
        },
        PublicLiquidationStepped(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            account_id=1_000,
            instrument="BTC",
            stage=LiquidationStage.INSURANCE,
            cause=LiquidationCause.BELOW_BACKSTOP,
            delta_size=Decimal(-1),
            price=Decimal(91_900),
            reserve=Decimal("1.5"),
            health=Decimal("0.5403"),
        ),
    ),
    (
        {"stepped": pb.PublicLiquidationStepped(liquidation_id=5, account_id=1_000, stage=1, cause=1)},  # type: ignore[arg-type] # CANCEL, BELOW_MAINTENANCE.
        PublicLiquidationStepped(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            account_id=1_000,
            instrument="",
            stage=LiquidationStage.CANCEL,
            cause=LiquidationCause.BELOW_MAINTENANCE,
            delta_size=Decimal(0),
            price=None,
            reserve=Decimal(0),
            health=None,
        ),
    ),
    (
        {
            "answered": pb.PublicLiquidationAnswered(
                liquidation_id=5, account_id=1_000, instrument_id=1, done_lots=50_000, done_value_micros=47_000_000_000
            )
        },
        PublicLiquidationAnswered(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            account_id=1_000,
            instrument="BTC",
            done_size=Decimal("0.5"),
            done_value=Decimal(47_000),
        ),
    ),
    (
        {
            "ranking": pb.PublicDeleveragingRanking(
                liquidation_id=5,
                instrument_id=1,
                ranked=2,
                lines=[pb.PublicRankedAccount(rank=1, account_id=1_001, delta_lots=-100_000)],
            )
        },
        PublicDeleveragingRanking(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            instrument="BTC",
            ranked=2,
            lines=(PublicRankedAccount(rank=1, account_id=1_001, delta_size=Decimal(-1)),),
        ),
    ),
    (
        {
            "deleveraged": pb.PublicDeleveraged(
                liquidation_id=5,
                account_id=1_001,
                instrument_id=1,
                delta_lots=40_000,
                value_micros=38_000_000_000,
                given_up_micros=400_000_000,
            )
        },
        PublicDeleveraged(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            account_id=1_001,
            instrument="BTC",
            delta_size=Decimal("0.4"),
            value=Decimal(38_000),
            given_up=Decimal(400),
        ),
    ),
    (
        {
            "payment": pb.PublicPayment(
                liquidation_id=5,
                payer_account_id=2,
                receiver_account_id=1_000,
                amount_micros=5_000_000,
                cause=account_pb2.PAYMENT_CAUSE_DEFICIT_FUND,
            )
        },
        PublicPayment(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            payer_account_id=2,
            receiver_account_id=1_000,
            instrument="",
            amount=Decimal(5),
            cause=PaymentCause.DEFICIT_FUND,
        ),
    ),
    (
        {
            "ended": pb.PublicLiquidationEnded(
                liquidation_id=5,
                account_id=1_000,
                health_ppm=1_500_000,
                outcome=account_pb2.LIQUIDATION_OUTCOME_RECOVERED,
            )
        },
        PublicLiquidationEnded(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            account_id=1_000,
            health=Decimal("1.5"),
            outcome=LiquidationOutcome.RECOVERED,
        ),
    ),
    (
        {
            "cascade_joined": pb.PublicCascadeJoined(
                cascade_id=3, liquidation_id=5, account_id=1_000, instrument_id=2, parent_trade_id=88, generation=2
            )
        },
        PublicCascadeJoined(
            seq=7,
            event_time_ns=9,
            cascade_id=3,
            liquidation_id=5,
            account_id=1_000,
            instrument="ETH",
            parent_trade_id=88,
            generation=2,
        ),
    ),
    (
        {
            "cascade_ended": pb.PublicCascadeEnded(
                cascade_id=3,
                began_ns=4,
                notional_micros=500_000_000,
                first_notional_micros=200_000_000,
                multiplier_ppm=2_500_000,
                depth_consumed_ppm=1_300_000,
                peak_gap_ppm=20_000,
                liquidations=9,
                generations=4,
            )
        },
        PublicCascadeEnded(
            seq=7,
            event_time_ns=9,
            cascade_id=3,
            began_ns=4,
            notional=Decimal(500),
            first_notional=Decimal(200),
            multiplier=Decimal("2.5"),
            depth_consumed=Decimal("1.3"),
            peak_gap=Decimal("0.02"),
            liquidations=9,
            generations=4,
        ),
    ),
]

OWN: list[tuple[dict[str, object], object]] = [
    (
        {"withdrawal_held": account_pb2.WithdrawalHeld(amount_micros=5_000_000)},
        WithdrawalHeld(seq=7, event_time_ns=9, amount=Decimal(5)),
    ),
    (
        {
            "liquidation_started": account_pb2.LiquidationStarted(
                liquidation_id=5,
                equity_micros=1_000_000,
                maintenance_margin_micros=2_000_000,
                initial_margin_micros=4_000_000,
            )
        },
        LiquidationStarted(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            equity=Decimal(1),
            maintenance_margin=Decimal(2),
            initial_margin=Decimal(4),
        ),
    ),
    (
        {
            "liquidation_tested": account_pb2.LiquidationTested(
                liquidation_id=5,
                equity_micros=1_000_000,
                maintenance_margin_micros=2_000_000,
                outcome=account_pb2.LIQUIDATION_OUTCOME_CONTINUES,
            )
        },
        LiquidationTested(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            equity=Decimal(1),
            maintenance_margin=Decimal(2),
            outcome=LiquidationOutcome.CONTINUES,
        ),
    ),
    (
        {
            "liquidation_answered": account_pb2.LiquidationAnswered(
                liquidation_id=5, instrument_id=1, done_lots=50_000, done_value_micros=47_000_000_000
            )
        },
        LiquidationAnswered(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            instrument="BTC",
            done_size=Decimal("0.5"),
            done_value=Decimal(47_000),
        ),
    ),
    (
        {
            "liquidation_paused": account_pb2.LiquidationPaused(
                liquidation_id=5, escalation_id=6, escalation_kind=3, deadline_ns=11
            )
        },
        LiquidationPaused(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            escalation_id=6,
            instrument="",
            kind=EscalationKind.DELEVERAGING,
            deadline_ns=11,
        ),
    ),
    (
        {"liquidation_decided": account_pb2.LiquidationDecided(escalation_id=6, decision=2, by_default=True)},
        LiquidationDecided(seq=7, event_time_ns=9, escalation_id=6, decision=Decision.HOLD, by_default=True),
    ),
    (
        {
            "deleveraging_ranked": account_pb2.DeleveragingRanked(
                liquidation_id=5,
                instrument_id=1,
                rank=2,
                ranked=5,
                adl_lights=4,
                delta_lots=40_000,
                given_up_micros=400_000_000,
            )
        },
        DeleveragingRanked(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            instrument="BTC",
            rank=2,
            ranked=5,
            adl_lights=4,
            delta_size=Decimal("0.4"),
            given_up=Decimal(400),
        ),
    ),
    (
        {"margin_mode": account_pb2.MarginModeChanged(margin_mode=account_pb2.MARGIN_MODE_SCENARIO)},
        MarginModeChanged(seq=7, event_time_ns=9, margin_mode=MarginMode.SCENARIO),
    ),
    (
        {"line_status": account_pb2.LineStatusChanged(line_status=credit_pb2.LINE_STATUS_FROZEN)},
        LineStatusChanged(seq=7, event_time_ns=9, line_status=LineStatus.FROZEN),
    ),
    (
        {
            "cash_transferred": account_pb2.CashTransferred(
                amount_micros=-18_000_000,
                other_account_id=1_000,
                cause=account_pb2.PAYMENT_CAUSE_DEFICIT_SOCIALISED,
                liquidation_id=5,
                instrument_id=3,
            )
        },
        CashTransferred(
            seq=7,
            event_time_ns=9,
            amount=Decimal(-18),
            other_account_id=1_000,
            cause=PaymentCause.DEFICIT_SOCIALISED,
            liquidation_id=5,
            instrument="SOL",
        ),
    ),
    (
        {
            "liquidation_ended": account_pb2.LiquidationEnded(
                liquidation_id=5, equity_micros=1_000_000, outcome=account_pb2.LIQUIDATION_OUTCOME_FLAT
            )
        },
        LiquidationEnded(
            seq=7,
            event_time_ns=9,
            liquidation_id=5,
            equity=Decimal(1),
            maintenance_margin=Decimal(0),
            outcome=LiquidationOutcome.FLAT,
        ),
    ),
]


@pytest.mark.parametrize(("told", "expected"), PUBLIC)
def test_each_event_of_the_feed(told: dict[str, object], expected: object) -> None:
    message = pb.StreamLiquidationsResponse(seq=7, event_time_ns=9, **told)  # type: ignore[arg-type] # One of the kinds.
    assert public_event(message, WIRE) == expected


def test_the_feed_has_no_other_kind() -> None:
    kinds = {field.name for field in pb.StreamLiquidationsResponse.DESCRIPTOR.oneofs_by_name["event"].fields}
    assert {name for told, _ in PUBLIC for name in told} == kinds
    assert public_event(pb.StreamLiquidationsResponse(seq=7), WIRE) is None


@pytest.mark.parametrize(("told", "expected"), OWN)
def test_each_event_of_an_account(told: dict[str, object], expected: object) -> None:
    message = account_pb2.StreamAccountEventsResponse(seq=7, event_time_ns=9, **told)  # type: ignore[arg-type] # The same.
    assert account_event(message, WIRE) == expected


def test_the_values_of_the_contract_are_all_known() -> None:
    for ours, theirs in (
        (LiquidationCause, account_pb2.LiquidationCause),
        (LiquidationOutcome, account_pb2.LiquidationOutcome),
        (PaymentCause, account_pb2.PaymentCause),
        (LineStatus, credit_pb2.LineStatus),
    ):
        assert {int(each) for each in ours} | {0} == set(theirs.values())


def test_a_tier_goes_there_and_back() -> None:
    tier = MarginTier(Decimal(3_000_000_000), 10, Decimal("0.06"))
    message = tier.to_wire()
    assert (message.lower_notional_micros, message.maintenance_margin_ppm) == (3 * 10**15, 60_000)
    assert MarginTier.from_wire(message) == tier
    with pytest.raises(ValueError, match="millionths"):
        MarginTier(Decimal(0), 10, Decimal("0.0600001")).to_wire()
