"""The stages that come first: cancel, then close in the book while 2/3 <= h < 1 (LIQ-030 to LIQ-050).

The large account holds 10,000 dollars and is long 4 BTC from 100,000; its maintenance margin is notional / 80.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.clearing.core.valuation import LegValue, bankruptcy_price, fillable_price
from wavetank.model.events.clearing import (
    CashCause,
    CashTransferred,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationStarted,
    LiquidationStepped,
    LiquidationTested,
    MatchingRequested,
    StepCause,
)
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import CommandKind, LineStatus, Side


def long_btc(dollars: int, lots: int, **settings: Any) -> tuple[Scene, int, int]:  # noqa: ANN401 - a setting's value.
    """Return a scene in which an account is long BTC from 100,000, and the maker of it."""
    scene = Scene(settings=ClearingSettings(**settings))
    a, maker = scene.open(dollars), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, lots, 1_000_000)
    return scene, a, maker


def below(mark_ticks: int, lots: int = 400_000, **settings: Any) -> tuple[Scene, int, int]:  # noqa: ANN401
    """Return the large account after a fall, its orders cancelled."""
    scene, a, maker = long_btc(10_000, lots, **settings)
    scene.mark(BTC, mark_ticks)
    scene.cancelled(a)
    return scene, a, maker


@pytest.mark.spec("LIQ-030")
def test_first_the_account_is_frozen_and_its_orders_are_cancelled() -> None:
    scene, a, _ = long_btc(10_000, 400_000)
    scene.core.take_lines()
    # 98,700: equity 10,000 - 4 x 1,300 = 4,800, margin 394,800 / 80 = 4,935.
    scene.mark(BTC, 987_000)
    started = scene.last(LiquidationStarted)
    assert (started.equity_micros, started.maintenance_margin_micros) == (4_800 * MICROS, 4_935 * MICROS)
    assert (started.mark_seq, started.book_seq) == (2, 1)
    _, request = scene.request(a)
    assert request.command == CommandKind.CANCEL_ACCOUNT
    lines = {line.account_id: line.status for line in scene.core.take_lines()}
    assert lines[a] is LineStatus.FROZEN
    # Nothing is decided before the answer has been counted, whatever the marks do.
    scene.mark(BTC, 980_000)
    assert scene.request(a)[1] == request
    assert scene.all(LiquidationTested) == []
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-030", "LIQ-020")
def test_an_account_that_recovered_while_its_orders_were_cancelled_is_let_go() -> None:
    scene, a, _ = long_btc(10_000, 400_000)
    scene.mark(BTC, 987_000)
    # 98,800: 5,200 against 4,940, h = 1.05: still reduce-only.
    scene.mark(BTC, 988_000)
    scene.cancelled(a)
    assert scene.last(LiquidationTested).outcome == LiquidationOutcome.RECOVERED
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.RECOVERED
    assert scene.account(a).liquidation is None
    assert scene.account(a).line_status is LineStatus.REDUCE_ONLY
    assert scene.lots(a, BTC) == 400_000
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-040", "LIQ-035")
def test_a_large_position_is_closed_by_a_fifth_first() -> None:
    scene, a, maker = below(987_000)
    step = scene.last(LiquidationStepped)
    assert (step.stage, step.cause) == (LiquidationStage.PARTIAL, StepCause.LARGE_POSITION_FIRST_SLICE)
    assert step.delta_lots == -80_000
    # ABR = 135 / 4,935; 1.5 x 135 / 4 = 50.625 below the mark: 98,649.375, up to the dollar 98,650.
    assert step.price_ticks == 986_500
    # V of 0.8 BTC: 78,960 less a fifth of the equity, 960.
    assert step.value_micros == 78_000 * MICROS
    seq, request = scene.request(a)
    assert (request.command, request.side, request.size_lots, request.price_ticks) == (
        CommandKind.LIQUIDATE,
        Side.SELL,
        80_000,
        986_500,
    )
    assert [logged.seq for logged in scene.log if isinstance(logged.event, MatchingRequested)][-1] == seq
    # Filled at 98,690: 952 more than V, of which the fund takes 0.5 % of 78,952 = 394.76.
    scene.filled(a, (maker, 80_000, 986_900))
    fee = scene.last(CashTransferred)
    assert (fee.cause, fee.amount_micros) == (CashCause.LIQUIDATION_FEE, 394_760_000)
    # 4,800 - 8 - 394.76 = 4,397.24 against 3.2 x 98,700 / 80 = 3,948.
    ended = scene.last(LiquidationEnded)
    assert (ended.outcome, ended.equity_micros) == (LiquidationOutcome.RECOVERED, 4_397_240_000)
    assert ended.maintenance_margin_micros == 3_948 * MICROS
    assert scene.fund == 1_000_394_760_000
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-040", "UNIT-040")
def test_a_slice_rounds_up_to_a_whole_lot() -> None:
    scene, _, _ = below(987_000, lots=400_001)
    # A fifth of 400,001 is 80,000.2.
    assert scene.last(LiquidationStepped).delta_lots == -80_001


@pytest.mark.spec("LIQ-040", "LIQ-050")
def test_after_a_slice_the_whole_position_follows_within_thirty_seconds() -> None:
    # 98,400: equity 3,600 against 4,920, h = 0.73.
    scene, a, maker = below(984_000)
    scene.filled(a, (maker, 80_000, 984_000))
    # V = 78,720 - 720, so the gain is 720, the fee 393.60; 3,206.40 against 3,936 is still below.
    step = scene.last(LiquidationStepped)
    assert (step.stage, step.cause) == (LiquidationStage.FULL, StepCause.COOLDOWN_WHOLE_POSITION)
    assert step.equity_micros == 3_206_400_000
    # 98,400 - 1.5 x 729.6 / 3.2 = 98,058; V = 314,880 - 3,206.40.
    assert (step.delta_lots, step.price_ticks, step.value_micros) == (-320_000, 980_580, 311_673_600_000)
    scene.filled(a, (maker, 320_000, 984_000))
    # Fee 0.5 % of 314,880 = 1,574.40; 10,000 - 6,400 - 393.60 - 1,574.40 = 1,632 are left to the account.
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.FLAT
    assert scene.cash(a) == 1_632 * MICROS
    assert scene.fund == 1_000_000 * MICROS + 1_968 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-040")
def test_a_recovery_does_not_end_the_thirty_seconds() -> None:
    scene, a, maker = below(987_000)
    scene.filled(a, (maker, 80_000, 986_900))
    assert scene.account(a).liquidation is None
    # 98,500: 4,397.24 - 3.2 x 200 = 3,757.24 against 3,940; the slice was 1 second ago.
    scene.mark(BTC, 985_000)
    scene.cancelled(a)
    assert scene.last(LiquidationStepped).cause == StepCause.COOLDOWN_WHOLE_POSITION
    assert scene.request(a)[1].size_lots == 320_000
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-040")
def test_after_thirty_seconds_another_slice_is_taken() -> None:
    scene, a, maker = below(987_000)
    scene.filled(a, (maker, 80_000, 986_900))
    scene.pass_time(29)
    scene.mark(BTC, 985_000)
    scene.cancelled(a)
    assert scene.last(LiquidationStepped).cause == StepCause.LARGE_POSITION_FIRST_SLICE
    assert scene.request(a)[1].size_lots == 64_000


@pytest.mark.spec("LIQ-040")
def test_the_thirty_seconds_may_be_set_to_wait() -> None:
    scene, a, maker = below(984_000, cooldown_waits=True)
    scene.filled(a, (maker, 80_000, 984_000))
    assert scene.last(LiquidationStepped).cause == StepCause.COOLDOWN_WAIT
    assert scene.requests(a) == []
    scene.pass_time(30)
    scene.mark(BTC, 984_000)
    assert scene.request(a)[1].size_lots == 64_000


@pytest.mark.spec("LIQ-040")
def test_what_is_unfilled_is_tried_again_at_the_next_mark_and_not_before() -> None:
    scene, a, maker = below(984_000)
    b = scene.open(1_000_000)
    scene.filled(a)
    assert scene.last(LiquidationStepped).cause == StepCause.UNFILLED
    assert scene.last(LiquidationTested).outcome == LiquidationOutcome.WAITS
    # Neither the answer itself, nor others' trades, nor funding, nor another instrument's mark wake it.
    scene.trade(BTC, b, maker, 1_000, 984_000)
    scene.funding(BTC, 1_000, 984_000)
    scene.mark(ETH, 400_000)
    scene.pass_time(5)
    assert scene.requests(a) == []
    scene.mark(BTC, 984_000)
    assert scene.request(a)[1].command == CommandKind.LIQUIDATE
    # Neither fund nor victims were asked.
    assert scene.fund == 1_000_000 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-040")
def test_a_waiting_account_whose_price_came_back_is_let_go() -> None:
    scene, a, _ = below(984_000)
    scene.filled(a)
    scene.mark(BTC, 995_000)
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.RECOVERED
    assert scene.account(a).line_status is LineStatus.NORMAL


@pytest.mark.spec("LIQ-040")
def test_an_order_takes_no_more_than_its_share_of_the_depth() -> None:
    scene, a, maker = long_btc(10_000, 400_000)
    scene.book(BTC, bid=999_990, ask=1_000_010, impact_bid=999_900, impact_ask=1_000_100, depth_lots=100_001)
    scene.mark(BTC, 987_000)
    scene.cancelled(a)
    # Half of 100,001 lots, rounded down; a fifth of the position would have been 80,000.
    assert [(step.cause, step.delta_lots) for step in scene.all(LiquidationStepped)[-2:]] == [
        (StepCause.DEPTH_LIMITED, -80_000),
        (StepCause.LARGE_POSITION_FIRST_SLICE, -50_000),
    ]
    assert scene.request(a)[1].size_lots == 50_000
    # Filled at 98,650: 4,800 - 25 less a fee of 0.5 % of 49,325 against 3.5 x 98,700 / 80 = 4,318.125: recovered.
    scene.filled(a, (maker, 50_000, 986_500))
    assert scene.account(a).liquidation is None
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-040")
def test_depth_that_was_used_is_not_asked_for_again_before_the_next_mark() -> None:
    scene, a, maker = long_btc(10_000, 400_000)
    scene.book(BTC, bid=999_990, ask=1_000_010, impact_bid=999_900, impact_ask=1_000_100, depth_lots=2)
    scene.mark(BTC, 984_000)
    scene.cancelled(a)
    for _ in range(3):
        assert scene.request(a)[1].size_lots == 1
        scene.filled(a, (maker, 1, 984_000))
        # Everything asked for was filled, and still the book gets time.
        assert scene.last(LiquidationStepped).cause == StepCause.DEPTH_LIMITED
        assert scene.requests(a) == []
        scene.assert_recoverable()
        scene.mark(BTC, 984_000)
    assert scene.lots(a, BTC) == 399_997


@pytest.mark.spec("LIQ-050")
def test_a_small_position_goes_whole() -> None:
    # 0.5 BTC, 1,250 dollars: at 98,500 equity 500 against 615.625.
    scene, a, maker = long_btc(1_250, 50_000)
    scene.mark(BTC, 985_000)
    scene.cancelled(a)
    step = scene.last(LiquidationStepped)
    assert (step.stage, step.cause) == (LiquidationStage.FULL, StepCause.SMALL_POSITION_WHOLE)
    assert step.delta_lots == -50_000
    # Several fills, each settled with the fund by its own share of V.
    scene.filled(a, (maker, 20_000, 985_000), (maker, 30_000, 984_900))
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.FLAT
    # First: gain 500 x 2/5 = 200, fee 0.5 % of 19,700 = 98.50; equity 401.50.
    # Second: proceeds 29,547, V = 29,550 - 401.50, gain 398.50, fee 0.5 % of 29,547 = 147.735.
    fees = [moved.amount_micros for moved in scene.all(CashTransferred)]
    assert fees == [98_500_000, 147_735_000]
    # 1,250 - 300 - 453 - 98.50 - 147.735.
    assert scene.cash(a) == 250_765_000
    scene.assert_recoverable()


def two_legs() -> tuple[Scene, int, int]:
    """Cash 5,000; long 0.5 BTC from 100,000 and 10 ETH from 4,000."""
    scene = Scene()
    a, maker = scene.open(5_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, maker, 50_000, 1_000_000)
    scene.trade(ETH, a, maker, 100_000, 400_000)
    return scene, a, maker


def fall(scene: Scene, account_id: int) -> None:
    """BTC 98,000 and ETH 3,730: equity 1,300 against 612.50 + 746."""
    scene.mark(BTC, 980_000)
    scene.mark(ETH, 373_000)
    scene.cancelled(account_id)


@pytest.mark.spec("LIQ-050")
@pytest.mark.parametrize(
    ("btc_impact", "eth_impact", "first"),
    [
        # Slippage 0.5 x 10 = 5 for 612.50 of margin, 10 x 1 = 10 for 746: 122.5 a dollar against 74.6.
        (979_900, 372_900, BTC),
        # 0.5 x 100 = 50 against 10: 12.25 a dollar against 74.6.
        (979_000, 372_900, ETH),
    ],
)
def test_the_leg_that_relieves_most_per_slippage_goes_first(btc_impact: int, eth_impact: int, first: int) -> None:
    scene, a, maker = two_legs()
    for instrument_id, impact in ((BTC, btc_impact), (ETH, eth_impact)):
        scene.book(instrument_id, bid=impact, ask=impact, impact_bid=impact, impact_ask=impact, depth_lots=10**6)
    fall(scene, a)
    assert scene.request(a)[1].instrument_id == first
    # Counted before the next decision: closing the first leg at its mark lets the account go.
    mark = {BTC: 980_000, ETH: 373_000}[first]
    scene.filled(a, (maker, {BTC: 50_000, ETH: 100_000}[first], mark))
    assert scene.account(a).liquidation is None
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-050")
def test_a_book_too_thin_to_tell_counts_as_the_whole_band() -> None:
    # Slippage is 10 % of the notional either way: 1.25 % of it is relieved in BTC, 2 % in ETH.
    scene, a, _ = two_legs()
    fall(scene, a)
    assert scene.request(a)[1].instrument_id == ETH


@pytest.mark.spec("LIQ-010")
def test_only_legs_with_valid_marks_trade() -> None:
    scene, a, maker = two_legs()
    # ETH stale at 3,500: its better end is 3,675. BTC 97,500: 5,000 - 1,250 - 3,250 = 500 against 609.375 + 735.
    scene.mark(ETH, 350_000, stale=True)
    scene.mark(BTC, 982_000)
    assert scene.account(a).liquidation is not None
    scene.cancelled(a)
    # At 98,200: 850 against 613.75 + 735, h = 0.63: too low for the book, and the vault needs every mark.
    assert scene.last(LiquidationStepped).cause == StepCause.PRICE_STALE
    assert scene.requests(a) == []
    # At 98,500: 1,000 against 615.625 + 735, h = 0.74: the valid leg is sold.
    scene.mark(BTC, 985_000)
    assert scene.request(a)[1].instrument_id == BTC
    scene.filled(a, (maker, 50_000, 985_000))
    # 1,000 less a fee of 246.25 against 735: recovered at the better end.
    assert scene.account(a).liquidation is None
    assert scene.lots(a, ETH) == 100_000
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-010")
def test_an_account_of_stale_legs_only_waits() -> None:
    scene, a, _ = long_btc(5_000, 100_000)
    # Better end of 91,500 is 96,075: 1,075 against 1,200.9375, h = 0.9.
    scene.mark(BTC, 915_000, stale=True)
    scene.cancelled(a)
    step = scene.last(LiquidationStepped)
    assert (step.stage, step.cause) == (LiquidationStage.PARTIAL, StepCause.PRICE_STALE)
    assert step.equity_micros == 1_075 * MICROS
    scene.mark(BTC, 915_000, stale=True)
    assert scene.requests(a) == []
    # The price is good again: 96,050 leaves 1,050 against 1,200.625.
    scene.mark(BTC, 960_500)
    assert scene.request(a)[1].command == CommandKind.LIQUIDATE
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-030")
def test_decisions_stand_on_the_marks_that_were_frozen() -> None:
    scene, a, maker = below(984_000)
    # While the slice is in flight the mark falls; the next decision is still taken at 98,400.
    scene.mark(BTC, 970_000)
    scene.filled(a, (maker, 80_000, 984_000))
    step = scene.last(LiquidationStepped)
    assert (step.cause, step.equity_micros) == (StepCause.COOLDOWN_WHOLE_POSITION, 3_206_400_000)
    # Nothing of it filled: now the newer mark counts. 3,206.40 - 3.2 x 1,400 is below zero.
    scene.filled(a)
    assert scene.last(LiquidationStepped).cause == StepCause.EQUITY_NEGATIVE
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-030", "FUND-030")
def test_funding_paid_while_frozen_counts_in_the_next_decision() -> None:
    scene, a, maker = below(984_000)
    # 0.01 % of 4 x 98,400 = 39.36 is paid out of 3,600.
    scene.funding(BTC, 10**8, 984_000)
    assert scene.cash(a) == 10_000 * MICROS - 39_360_000
    scene.filled(a, (maker, 80_000, 984_000))
    # 3,560.64; gain a fifth of it, 712.128, fee 393.60.
    assert scene.last(LiquidationStepped).equity_micros == 3_167_040_000
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-030")
def test_a_deposit_can_end_a_liquidation() -> None:
    scene, a, _ = below(984_000)
    scene.filled(a)
    scene.core.bank.deposit(a, 10_000 * MICROS)
    scene.keep()
    scene.mark(BTC, 984_000)
    assert scene.account(a).liquidation is None


@pytest.mark.spec("INV-060")
def test_a_liquidation_fill_that_increases_stops_clearing() -> None:
    scene, a, maker = below(984_000)
    with pytest.raises(InvariantBroken, match="INV-060"):
        scene.shard(scene.traded(BTC, a, maker, 1, 984_000, liquidation=True))
    scene, a, maker = below(984_000)
    with pytest.raises(InvariantBroken, match="INV-060"):
        scene.shard(scene.traded(BTC, a, maker, -400_001, 984_000, liquidation=True))


@pytest.mark.spec("INV-090")
def test_an_answer_that_was_counted_or_never_asked_for_is_ignored() -> None:
    scene, a, maker = below(984_000)
    seq, request = scene.request(a)
    scene.filled(a, (maker, 80_000, 984_000))
    before = scene.core.last_seq
    scene.shard(scene.answered(seq, request, 80_000, 1), scene.answered(999_999, request))
    assert scene.core.last_seq == before


@pytest.mark.spec("INV-090", "INV-100")
def test_a_request_without_an_answer_is_sent_again_after_a_restart() -> None:
    scene, a, maker = below(984_000)
    seq, request = scene.request(a)
    scene.restart()
    assert scene.core.unanswered_requests() == [(seq, request)]
    scene.filled(a, (maker, 80_000, 984_000))
    assert scene.last(LiquidationStepped).cause == StepCause.COOLDOWN_WHOLE_POSITION


@pytest.mark.spec("LIQ-040")
def test_a_short_is_bought_back_from_above() -> None:
    # Short 1 BTC from 100,000 with 3,000: at 102,000 equity 1,000 against 1,275; h = 0.78. 102,000 > 100,000: a slice.
    scene = Scene()
    a, maker = scene.open(3_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, -100_000, 1_000_000)
    scene.mark(BTC, 1_020_000)
    scene.cancelled(a)
    step = scene.last(LiquidationStepped)
    # 102,000 + 1.5 x 275 = 102,412.50, down to the whole dollar, which is always on the grid.
    assert (step.delta_lots, step.price_ticks) == (20_000, 1_024_120)
    # Paying V = 20,400 + 200 leaves h as it was.
    assert step.value_micros == -20_600 * MICROS
    scene.filled(a, (maker, 20_000, 1_022_000))
    # Paid 20,440: 160 better than V; fee 0.5 % of 20,440 = 102.20. 1,000 - 40 - 102.20 against 1,020.
    assert scene.last(LiquidationStepped).equity_micros == 857_800_000
    scene.assert_recoverable()


def test_settings_are_in_venue_seconds() -> None:
    assert ClearingSettings().partial_cooldown_ns == 30 * SECOND_NS


@pytest.mark.spec("LIQ-040", "LIQ-070")
@pytest.mark.parametrize(
    ("dollars", "inside"),
    [
        # Margin 1,000 for 1 BTC at 80,000. The limit is 1.5 x (1,000 - E) below the mark, bankruptcy E below it.
        (667, True),  # 499.50 and 667
        (601, True),  # 598.50 and 601
        (600, True),  # both 600
        (599, False),  # 601.50 and 599
    ],
)
def test_the_fillable_price_is_inside_bankruptcy_down_to_a_health_of_three_fifths(dollars: int, inside: bool) -> None:
    leg = LegValue(BTC, 100_000, 800_000, 80_000 * MICROS, 0, 1_000 * MICROS, 2_000 * MICROS, 2_000 * MICROS)
    equity, maintenance = dollars * MICROS, 1_000 * MICROS
    limit = fillable_price(leg, equity, maintenance, spread_to_maintenance=ClearingSettings().spread_to_maintenance)
    assert (limit >= bankruptcy_price(leg, equity, maintenance)) is inside
