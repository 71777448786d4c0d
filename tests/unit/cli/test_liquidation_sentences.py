"""The public feed in plain words, as `wavetank liquidations` shows it."""

from decimal import Decimal

import pytest

from wavetank.cli.liquidations import event_document, sentence
from wavetank.client import (
    LiquidationCause,
    LiquidationOutcome,
    LiquidationStage,
    PaymentCause,
    PublicCascadeEnded,
    PublicCascadeJoined,
    PublicDeleveraged,
    PublicDeleveragingRanking,
    PublicEvent,
    PublicLiquidationAnswered,
    PublicLiquidationEnded,
    PublicLiquidationStarted,
    PublicLiquidationStepped,
    PublicLiquidationTested,
    PublicPayment,
    PublicRankedAccount,
)

STEP = PublicLiquidationStepped(
    seq=7, event_time_ns=9, liquidation_id=5, account_id=1_000, instrument="BTC", stage=LiquidationStage.INSURANCE,
    cause=LiquidationCause.BELOW_BACKSTOP, delta_size=Decimal("-0.5"), price=Decimal(91_900),
    reserve=Decimal("1.5"), health=Decimal("0.540300"),
)  # fmt: skip
LINES = tuple(
    PublicRankedAccount(rank=rank, account_id=1_000 + rank, delta_size=Decimal(2 - rank) / 10) for rank in range(1, 8)
)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            PublicLiquidationStarted(seq=7, event_time_ns=9, liquidation_id=5, account_id=1_000, health=Decimal(1)),
            "liquidation 5 of account 1000 began, health 1.000",
        ),
        (
            PublicLiquidationTested(
                seq=7, event_time_ns=9, liquidation_id=5, account_id=1_000, health=None,
                outcome=LiquidationOutcome.WAITS,
            ),
            "liquidation 5: account 1000 tested, no margin to keep: waits",
        ),
        (
            STEP,
            ("liquidation 5, stage insurance, sold 0.5 BTC at 91900 with 1.50 USD of the fund, because below-backstop; "
            "health 0.540"),
        ),
        (
            PublicLiquidationAnswered(
                seq=7, event_time_ns=9, liquidation_id=5, account_id=1_000, instrument="BTC", done_size=Decimal("0.5"),
                done_value=Decimal(-45_950),
            ),
            "liquidation 5: 0.5 BTC closed for 45,950.00 USD",
        ),
        (
            PublicLiquidationAnswered(
                seq=7, event_time_ns=9, liquidation_id=5, account_id=1_000, instrument="", done_size=Decimal(0),
                done_value=Decimal(0),
            ),
            "liquidation 5: orders of account 1000 cancelled",
        ),
        (
            PublicDeleveragingRanking(
                seq=7, event_time_ns=9, liquidation_id=5, instrument="BTC", ranked=1_007, lines=LINES
            ),
            ("liquidation 5 ranks 1,007 for deleveraging in BTC: 1. account 1001 bought 0.1, 2. account 1002 nothing, "
            "3. account 1003 sold 0.1, 4. account 1004 sold 0.2, 5. account 1005 sold 0.3 and 2 more"),
        ),
        (
            PublicDeleveraged(
                seq=7, event_time_ns=9, liquidation_id=5, account_id=1_001, instrument="BTC",
                delta_size=Decimal("0.4"), value=Decimal(38_000), given_up=Decimal(400),
            ),
            "account 1001 was deleveraged for liquidation 5: bought 0.4 BTC for 38,000.00 USD, gave up 400.00 USD",
        ),
        (
            PublicPayment(
                seq=7, event_time_ns=9, liquidation_id=5, payer_account_id=2, receiver_account_id=1_000, instrument="",
                amount=Decimal(2_970), cause=PaymentCause.DEFICIT_FUND,
            ),
            "2,970.00 USD from insurance-fund (2) to account 1000 for liquidation 5: deficit-fund",
        ),
        (
            PublicLiquidationEnded(
                seq=7, event_time_ns=9, liquidation_id=5, account_id=4, health=Decimal(2),
                outcome=LiquidationOutcome.RECOVERED,
            ),
            "liquidation 5 of backstop-vault (4) ended: recovered, health 2.000",
        ),
        (
            PublicCascadeJoined(
                seq=7, event_time_ns=9, cascade_id=3, liquidation_id=5, account_id=1_000, instrument="BTC",
                parent_trade_id=88, generation=2,
            ),
            "liquidation 5 of account 1000 is in cascade 3, generation 2, after trade 88",
        ),
        (
            PublicCascadeEnded(
                seq=7, event_time_ns=9, cascade_id=3, began_ns=4, notional=Decimal(500), first_notional=Decimal(200),
                multiplier=Decimal("2.5"), depth_consumed=Decimal("1.3"), peak_gap=Decimal("0.02"), liquidations=9,
                generations=4,
            ),
            ("cascade 3 ended: 9 liquidations in 4 generations closed 500.00 USD, 2.5 times what the first generation "
            "did, 1.3 of the depth consumed, mark and index at most 0.02 apart"),
        ),
    ],
)  # fmt: skip
def test_an_event_in_plain_words(event: PublicEvent, said: str) -> None:
    assert sentence(event) == said


def test_a_document_has_exact_numbers_and_words() -> None:
    told = event_document(STEP)
    assert [told[key] for key in ("event", "seq", "stage", "cause", "price", "health")] == [
        "LiquidationStepped", 7, "insurance", "below-backstop", Decimal(91_900), Decimal("0.540300"),
    ]  # fmt: skip
