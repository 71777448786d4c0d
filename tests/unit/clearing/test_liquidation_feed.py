"""What everybody is told of liquidations: each event of the log, and of nobody's money more than he lost (FEED-010)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.model.scripted_shard import BTC, MICROS, Scene
from wavetank.clearing.adapters.liquidation_history import FEED_EVENTS, Row, row_of
from wavetank.clearing.adapters.liquidation_wire import (
    RANKING_LINES,
    Message,
    feed_message,
    feed_messages,
    health_ppm,
    instrument_of,
)
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.model.events import clearing as events
from wavetank.model.ids import BACKSTOP_VAULT_ID, INSURANCE_FUND_ID
from wavetank.model.record import encode_all
from wavetank.runtime.log_entry import LogEntry
from wavetank.v1 import account_pb2
from wavetank.v1 import liquidation_feed_pb2 as pb

if TYPE_CHECKING:
    from wavetank.model.record import Event


def ranking(count: int) -> list[events.AdlRanked]:
    """Return a ranking of so many lines, whose every figure that tells of equity is 8,888,888."""
    return [
        events.AdlRanked(
            instrument_id=BTC, account_id=2_000 + rank, liquidation_id=5, score_e9=8_888_888, position_lots=8_888_888,
            capacity_lots=8_888_888, delta_lots=rank % 3, given_up_micros=8_888_888, rank=rank,
        )
        for rank in range(1, count + 1)
    ]  # fmt: skip


def step(**fields: int) -> events.LiquidationStepped:
    usual = {
        "instrument_id": BTC, "account_id": 1_000, "liquidation_id": 5, "delta_lots": -7, "price_ticks": 940_000,
        "value_micros": 6, "equity_micros": 2 * MICROS, "maintenance_margin_micros": 3 * MICROS, "reserve_micros": 4,
        "stage": 5, "cause": 8,
    }  # fmt: skip
    return events.LiquidationStepped(**(usual | fields))


def row(*told: object, first_seq: int = 11) -> Row:
    records = encode_all(told)  # type: ignore[arg-type] # Events.
    return Row(99, tuple(range(first_seq, first_seq + len(told))), records)


@pytest.mark.spec("FEED-010")
@pytest.mark.parametrize(
    ("equity", "maintenance", "ppm"),
    # Rounded down, also below zero: -1/3 is -333,333.3 ppm; no margin, no health.
    [(2, 3, 666_666), (-1, 3, -333_334), (3, 3, 1_000_000), (0, 3, 0), (-5, 0, None)],
)
def test_health_leaves_as_a_ratio(equity: int, maintenance: int, ppm: int | None) -> None:
    assert health_ppm(equity, maintenance) == ppm


@pytest.mark.spec("FEED-010")
@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            events.LiquidationStarted(0, 1_000, 5, 2 * MICROS, 3 * MICROS, 6 * MICROS, 1, 2, 3, 4),
            {"started": pb.PublicLiquidationStarted(liquidation_id=5, account_id=1_000, health_ppm=666_666)},
        ),
        (
            events.LiquidationTested(0, 1_000, 5, 2 * MICROS, 3 * MICROS, 1, 2, 3, 4),
            {
                "tested": pb.PublicLiquidationTested(
                    liquidation_id=5, account_id=1_000, health_ppm=666_666,
                    outcome=account_pb2.LIQUIDATION_OUTCOME_WAITS,
                )
            },
        ),
        (
            step(),
            {
                "stepped": pb.PublicLiquidationStepped(
                    liquidation_id=5, account_id=1_000, instrument_id=BTC, delta_lots=-7, price_ticks=940_000,
                    reserve_micros=4, health_ppm=666_666,
                    stage=account_pb2.LIQUIDATION_STAGE_INSURANCE, cause=account_pb2.LIQUIDATION_CAUSE_VAULT_CAP,
                )
            },
        ),
        (
            events.MatchingAnswered(BTC, 1_000, 5, 12, 34, 7, 658, 0, 0),
            {
                "answered": pb.PublicLiquidationAnswered(
                    liquidation_id=5, account_id=1_000, instrument_id=BTC, done_lots=7, done_value_micros=658
                )
            },
        ),
        (
            events.Deleveraged(BTC, 1_001, 5, -7, -650, 8),
            {
                "deleveraged": pb.PublicDeleveraged(
                    liquidation_id=5, account_id=1_001, instrument_id=BTC, delta_lots=-7, value_micros=-650,
                    given_up_micros=8,
                )
            },
        ),
        (
            # What the two sides have afterwards, 111 and 222, is nobody's business.
            events.CashTransferred(BTC, INSURANCE_FUND_ID, 1_000, 9, 5, 111, 222, 5),
            {
                "payment": pb.PublicPayment(
                    liquidation_id=5, payer_account_id=INSURANCE_FUND_ID, receiver_account_id=1_000,
                    instrument_id=BTC, amount_micros=9, cause=account_pb2.PAYMENT_CAUSE_DEFICIT_FUND,
                )
            },
        ),
        (
            events.LiquidationEnded(0, 1_000, 5, 3 * MICROS, 2 * MICROS, 1),
            {
                "ended": pb.PublicLiquidationEnded(
                    liquidation_id=5, account_id=1_000, health_ppm=1_500_000,
                    outcome=account_pb2.LIQUIDATION_OUTCOME_RECOVERED,
                )
            },
        ),
        (
            events.CascadeJoined(BTC, 1_000, 5, 3, 77, 88, 2),
            {
                "cascade_joined": pb.PublicCascadeJoined(
                    cascade_id=3, liquidation_id=5, account_id=1_000, instrument_id=BTC, parent_trade_id=88,
                    generation=2,
                )
            },
        ),
        (
            events.CascadeEnded(0, 0, 3, 44, 500, 200, 2_500_000, 1_300_000, 20_000, 9, 4),
            {
                "cascade_ended": pb.PublicCascadeEnded(
                    cascade_id=3, began_ns=44, notional_micros=500, first_notional_micros=200,
                    multiplier_ppm=2_500_000, depth_consumed_ppm=1_300_000, peak_gap_ppm=20_000, liquidations=9,
                    generations=4,
                )
            },
        ),
    ],
)  # fmt: skip
def test_each_event_is_told(event: object, told: dict[str, object]) -> None:
    assert type(event) in FEED_EVENTS
    assert feed_message(7, 9, event) == pb.StreamLiquidationsResponse(seq=7, event_time_ns=9, **told)  # type: ignore[arg-type]


@pytest.mark.spec("FEED-010")
def test_every_kind_has_its_message_and_no_other_event_has() -> None:
    kinds = pb.StreamLiquidationsResponse.DESCRIPTOR.oneofs_by_name["event"].fields
    assert len(kinds) == len(FEED_EVENTS)
    with pytest.raises(TypeError, match="Deposited"):
        feed_message(1, 1, events.Deposited(0, 1_000, 5, 5))


@pytest.mark.spec("FEED-010")
def test_a_ranking_is_told_whole_in_parts_and_without_what_it_rests_on() -> None:
    lines = ranking(RANKING_LINES + 2)
    told = list(feed_messages(row(step(), *lines, step()), 0))
    # The steps have seqs 11 and 1,014; the lines 12 to 1,013, of which the first thousand end at 1,011.
    assert [message.seq for message in told] == [11, 1_011, 1_013, 1_014]
    parts = [message.ranking for message in told[1:3]]
    assert [(part.ranked, part.liquidation_id, part.instrument_id) for part in parts] == [(1_002, 5, BTC)] * 2
    assert [(line.rank, line.account_id, line.delta_lots) for part in parts for line in part.lines] == [
        (line.rank, line.account_id, line.delta_lots) for line in lines
    ]
    assert "8888888" not in str(parts)


@pytest.mark.spec("FEED-010")
@pytest.mark.parametrize("after_seq", [0, 11, 12, 500, 1_010, 1_011, 1_012, 1_013, 1_014])
def test_going_on_behind_any_seq_misses_and_repeats_no_line(after_seq: int) -> None:
    whole = row(step(), *ranking(RANKING_LINES + 2), step())
    told = list(feed_messages(whole, after_seq))
    assert sum(len(message.ranking.lines) or 1 for message in told) == len([s for s in whole.seqs if s > after_seq])
    assert all(message.seq > after_seq for message in told)


def test_two_rankings_with_a_step_between_them_stay_two() -> None:
    told = list(feed_messages(row(*ranking(2), step(), *ranking(3)), 0))
    assert [(message.seq, message.ranking.ranked) for message in told] == [(12, 2), (13, 0), (16, 3)]


def test_a_message_knows_its_instrument() -> None:
    assert instrument_of(Message(seq=4)) == 0
    assert instrument_of(feed_message(1, 1, step())) == BTC
    assert instrument_of(feed_message(1, 1, events.LiquidationEnded(0, 1_000, 5, 3, 2, 1))) == 0


@pytest.mark.spec("FEED-010")
def test_a_row_holds_what_the_log_says_of_liquidations_and_nothing_else() -> None:
    # Bankrupt at 94,000: frozen, cancelled, an order that nobody fills, then deleveraged.
    scene = Scene(settings=ClearingSettings(fund_enabled=False))
    a, x, y = scene.open(5_000), scene.open(10_000), scene.open(5_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, x, 60_000, 1_000_000)
    scene.trade(BTC, a, y, 40_000, 1_000_000)
    scene.mark(BTC, 940_000)
    scene.cancelled(a)
    scene.filled(a)
    scene.transfer_all(a)
    scene.pass_time(60)
    records = encode_all([logged.event for logged in scene.log])
    found = row_of(LogEntry(1, scene.log[0].seq, len(scene.log), 5, 0, 0, b"", records))
    assert found is not None
    expected = [logged.seq for logged in scene.log if isinstance(logged.event, FEED_EVENTS)]
    assert list(found.seqs) == expected
    kinds = [message.WhichOneof("event") for message in feed_messages(found, 0)]
    # Steps that cancel, that send an order with nothing of the fund behind it, that deleverage.
    assert kinds == [
        "started", "cascade_joined", "stepped", "answered", "tested", "stepped", "answered", "stepped",
        "ranking", "deleveraged", "answered", "deleveraged", "answered", "ended", "cascade_ended",
    ]  # fmt: skip
    assert row_of(LogEntry(1, 1, 1, 5, 0, 0, b"", encode_all([events.Deposited(0, 1_000, 5, 5)]))) is None


@pytest.mark.spec("FEED-010")
def test_what_owners_and_play_money_move_among_themselves_is_told_to_nobody_else() -> None:
    private: list[Event] = [
        events.CashTransferred(0, 1_000, 1_001, 9, 0, 111, 222, events.CashCause.OWNER_TRANSFER),
        events.CashTransferred(0, 6, 1_001, 9, 0, 111, 222, events.CashCause.PLAY),
        events.MatchingAnswered(BTC, 1_000, 0, 12, 34, 7, 658, 0, 0),
    ]
    public: list[Event] = [
        # A disposal of the vault's belongs to no liquidation either.
        events.MatchingAnswered(BTC, BACKSTOP_VAULT_ID, 0, 12, 34, 7, 658, 0, 0),
        events.CashTransferred(BTC, 1_001, 1_000, 9, 5, 111, 222, events.CashCause.DEFICIT_SOCIALISED),
    ]
    assert row_of(LogEntry(1, 1, 3, 5, 0, 0, b"", encode_all(private))) is None
    found = row_of(LogEntry(1, 1, 5, 5, 0, 0, b"", encode_all([*private, *public])))
    assert found is not None
    assert found.seqs == (4, 5)
