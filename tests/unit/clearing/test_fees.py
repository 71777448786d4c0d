"""Fee rates: what an account traded in fourteen full days, and what it pays for that (FEE-010)."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, MICROS, Scene
from wavetank.clearing.adapters.shard_stream import line_message
from wavetank.clearing.adapters.wire import account_message, event_message
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.fees import DAY_NS, FeeSchedule, FeeTier, MakerRebate
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.cli.audit.fees import FeeRates as AuditedRates
from wavetank.cli.audit.findings import Findings
from wavetank.matching.wire import credit_line
from wavetank.model.events.clearing import (
    FeeDayBegan,
    FeeRatesChanged,
    FeeScheduleSet,
    FeeStepSet,
)
from wavetank.model.fees import NO_OWN_RATE_PPM, NO_OWN_RATES, FeeRates
from wavetank.v1 import account_pb2

MILLION = 1_000_000
"""Lots of BTC worth a million dollars at a price of 1,000,000 ticks: one tick times one lot is a micro-dollar."""
PRICE = 1_000_000


def scene_of(schedule: FeeSchedule | None = None) -> tuple[Scene, int, int, int]:
    """Return a venue and three rich accounts; days begin at multiples of a day, the first one is under way."""
    scene = Scene(ClearingSettings(fees=schedule)) if schedule is not None else Scene()
    a, b, c = (scene.open(10**9) for _ in range(3))
    scene.mark(BTC, PRICE)
    return scene, a, b, c


def to_day(scene: Scene, day: int, *, seconds: int = 0) -> list[FeeRatesChanged]:
    """Let time pass until so many seconds after a day's beginning; return the rates that changed."""
    told = len(scene.all(FeeRatesChanged))
    scene.now_ns = day * DAY_NS + seconds * 1_000_000_000
    scene.core.on_tick(scene.now_ns)
    scene.keep()
    return scene.all(FeeRatesChanged)[told:]


# The schedule: Hyperliquid's, by hand ----------------------------------------------------------


@pytest.mark.spec("FEE-010")
@pytest.mark.parametrize(
    ("dollars", "taker_ppm", "maker_ppm"),
    [
        (0, NO_OWN_RATE_PPM, NO_OWN_RATE_PPM),
        (5_000_000, NO_OWN_RATE_PPM, NO_OWN_RATE_PPM),
        (5_000_001, 400, 120),
        (25_000_001, 350, 80),
        (100_000_001, 300, 40),
        (500_000_000, 300, 40),
        (500_000_001, 280, 0),
        (2_000_000_001, 260, 0),
        (7_000_000_001, 240, 0),
    ],
)
def test_a_tier_begins_above_its_threshold(dollars: int, taker_ppm: int, maker_ppm: int) -> None:
    # 0.040 % is 400 ppm.
    schedule = FeeSchedule()
    assert schedule.rates(schedule.tier_of(dollars * MICROS), 0) == FeeRates(taker_ppm, maker_ppm)


@pytest.mark.spec("FEE-010")
@pytest.mark.parametrize(
    ("maker", "venue", "maker_ppm"),
    [
        # Half a percent of 200 is 1, exactly: not above it.
        (1, 200, NO_OWN_RATE_PPM),
        (1_000_001, 200_000_000, -10),
        # 1.5 % and 3 % of 1,000.
        (15, 1_000, -10),
        (16, 1_000, -20),
        (30, 1_000, -20),
        (31, 1_000, -30),
        (0, 0, NO_OWN_RATE_PPM),
    ],
)
def test_a_rebate_begins_above_its_share_of_what_makers_traded(maker: int, venue: int, maker_ppm: int) -> None:
    schedule = FeeSchedule()
    assert schedule.rates(0, schedule.rebate_of(maker, venue)) == FeeRates(NO_OWN_RATE_PPM, maker_ppm)


@pytest.mark.spec("FEE-010")
def test_a_rebate_takes_the_place_of_the_maker_rate_only_where_it_is_lower() -> None:
    schedule = FeeSchedule()
    # 0.028 % and 0 by volume, -0.002 % by share.
    assert schedule.rates(4, 2) == FeeRates(280, -20)
    dear = FeeSchedule(tiers=(FeeTier(1, 400, -50),), rebates=(MakerRebate(1, -30),))
    assert dear.rates(1, 1) == FeeRates(400, -50)


@pytest.mark.parametrize(
    "parts",
    [
        {"tiers": (FeeTier(5, 400, 100), FeeTier(5, 300, 100))},
        {"tiers": (FeeTier(5, 300, 100), FeeTier(6, 400, 100))},
        {"tiers": (FeeTier(5, 100, 101),), "rebates": ()},
        {"tiers": (FeeTier(5, 100_001, 100),)},
        {"tiers": (FeeTier(5, 100, 20),), "rebates": (MakerRebate(5, -101),)},
        {"rebates": (MakerRebate(5, -10), MakerRebate(6, -5))},
        {"tiers": (FeeTier(-1, 400, 100),)},
        {"window_days": 0},
        {"day_ns": 0},
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(parts: dict[str, tuple[FeeTier, ...]]) -> None:
    with pytest.raises(ValueError, match=r"must|at least one day"):
        FeeSchedule(**parts)  # type: ignore[arg-type]


# Days ------------------------------------------------------------------------------------------


@pytest.mark.spec("FEE-010")
def test_rates_change_when_the_day_of_the_volume_is_over() -> None:
    scene, a, b, c = scene_of()
    scene.trade(BTC, a, b, 4 * MILLION, PRICE)
    scene.trade(BTC, b, a, 2 * MILLION, PRICE)
    scene.trade(BTC, c, a, 1, PRICE)
    assert to_day(scene, 0, seconds=86_399) == []
    assert scene.state.fees.rates_of(a) == NO_OWN_RATES
    # a traded 4 million taking and 2 million making, b the reverse: 6 million each, and c one lot, a dollar.
    # Makers: 6,000,001 dollars, of which b 4,000,000 (66 %), a 2,000,001 (33 %), c none.
    volume_a, volume_b = 6_000_001 * MICROS, 6_000_000 * MICROS
    assert to_day(scene, 1) == [
        FeeRatesChanged(0, a, 400, -30, volume_a, 2_000_001 * MICROS, tier=1, rebate=3),
        FeeRatesChanged(0, b, 400, -30, volume_b, 4_000_000 * MICROS, tier=1, rebate=3),
    ]
    assert scene.last(FeeDayBegan) == FeeDayBegan(0, 0, DAY_NS, -13 * DAY_NS, 6_000_001 * MICROS)
    assert scene.state.fees.rates_of(c) == NO_OWN_RATES
    # Nothing more happens on that day, and the next one changes nothing.
    assert to_day(scene, 1, seconds=3_600) == []
    assert to_day(scene, 2) == []
    scene.assert_recoverable()


@pytest.mark.spec("FEE-010")
def test_a_volume_counts_for_fourteen_full_days() -> None:
    scene, a, b, _ = scene_of(FeeSchedule(rebates=()))
    scene.trade(BTC, a, b, 6 * MILLION, PRICE)
    assert [change.taker_fee_ppm for change in to_day(scene, 1)] == [400, 400]
    # The fourteen days before day 14 are 0 to 13; those before day 15 no longer hold day 0.
    assert to_day(scene, 14, seconds=86_399) == []
    assert to_day(scene, 15) == [
        FeeRatesChanged(0, a, NO_OWN_RATE_PPM, NO_OWN_RATE_PPM, 0, 0, tier=0, rebate=0),
        FeeRatesChanged(0, b, NO_OWN_RATE_PPM, NO_OWN_RATE_PPM, 0, 0, tier=0, rebate=0),
    ]
    # With an empty window there is no day to tell of.
    days = len(scene.all(FeeDayBegan))
    to_day(scene, 40)
    assert len(scene.all(FeeDayBegan)) == days
    scene.assert_recoverable()


@pytest.mark.spec("FEE-010")
def test_days_that_nobody_saw_pass_are_made_up_for_at_once() -> None:
    scene, a, b, _ = scene_of(FeeSchedule(rebates=()))
    scene.trade(BTC, a, b, 3 * MILLION, PRICE)
    to_day(scene, 3)
    scene.trade(BTC, a, b, 3 * MILLION, PRICE)
    # Days 2 to 15 count on day 16, so only the second three million: below the first tier, as before.
    assert to_day(scene, 16) == []
    assert scene.state.fees.traded(a) == (3 * MILLION * PRICE, 0)
    assert scene.last(FeeDayBegan).venue_volume_micros == 3_000_000 * MICROS
    scene.assert_recoverable(scene.cuts[-2])


@pytest.mark.spec("FEE-010")
def test_the_first_fill_of_a_day_counts_for_that_day() -> None:
    scene, a, b, _ = scene_of(FeeSchedule(rebates=()))
    scene.trade(BTC, a, b, 3 * MILLION, PRICE)
    scene.now_ns = DAY_NS
    scene.trade(BTC, a, b, 3 * MILLION, PRICE)
    # No tick came between: the day was closed by the entry that brought the fill, before the fill.
    assert scene.state.fees.traded(a) == (3 * MILLION * PRICE, 0)
    assert scene.state.fees.traded_today(a) == (3 * MILLION * PRICE, 0)
    assert [change.tier for change in to_day(scene, 2)] == [1, 1]
    scene.assert_recoverable(scene.cuts[-2])


@pytest.mark.spec("FEE-010")
def test_a_day_may_be_set_shorter() -> None:
    minute_ns = 60 * 1_000_000_000
    scene, a, b, _ = scene_of(FeeSchedule(rebates=(), day_ns=minute_ns))
    scene.trade(BTC, a, b, 6 * MILLION, PRICE)
    scene.pass_time(60)
    assert [change.account_id for change in scene.all(FeeRatesChanged)] == [a, b]
    # A restart with whole days goes on with what was counted.
    scene.settings = ClearingSettings(fees=FeeSchedule(rebates=()))
    scene.restart()
    assert scene.state.fees.rates_of(a) == FeeRates(400, 120)
    assert to_day(scene, 14) == []
    assert [change.tier for change in to_day(scene, 15)] == [0, 0]


# What counts -----------------------------------------------------------------------------------


@pytest.mark.spec("FEE-010")
def test_what_a_liquidation_takes_earns_no_tier_but_what_its_makers_trade_does() -> None:
    scene, a, b, _ = scene_of(FeeSchedule(rebates=()))
    scene.trade(BTC, a, b, 100, PRICE)
    scene.shard(scene.traded(BTC, a, b, -100, PRICE, liquidation=True))
    fees = scene.state.fees
    assert fees.traded_today(a) == (100 * PRICE, 0)
    assert fees.traded_today(b) == (0, 200 * PRICE)


@pytest.mark.spec("FEE-010")
def test_the_log_says_by_which_schedule_rates_go() -> None:
    scene, *_ = scene_of()
    assert scene.last(FeeScheduleSet) == FeeScheduleSet(0, 0, DAY_NS, 14, 6, 3)
    steps = scene.all(FeeStepSet)
    assert (len(steps), steps[0]) == (9, FeeStepSet(0, 0, 5_000_000 * MICROS, 0, 400, 120, 1, 0))
    assert steps[8] == FeeStepSet(0, 0, 0, 30_000, NO_OWN_RATE_PPM, -30, 3, 1)
    # The same one again is no news; another one is, and no tiers at all are a schedule too.
    scene.restart()
    assert len(scene.all(FeeScheduleSet)) == 1
    scene.settings = ClearingSettings(fees=FeeSchedule(tiers=(), rebates=(), window_days=2))
    scene.restart()
    assert scene.last(FeeScheduleSet) == FeeScheduleSet(0, 0, DAY_NS, 2, 0, 0)
    assert scene.state.fees.schedule == FeeSchedule(tiers=(), rebates=(), window_days=2)
    scene.assert_recoverable()


# Lines -----------------------------------------------------------------------------------------


@pytest.mark.spec("FEE-010")
def test_the_line_carries_the_accounts_rates() -> None:
    scene, a, b, c = scene_of()
    scene.trade(BTC, a, b, 6 * MILLION, PRICE)
    lines = {line.account_id: line for line in scene.core.take_lines()}
    assert lines[a].fee_rates == NO_OWN_RATES
    to_day(scene, 1)
    lines = {line.account_id: line for line in scene.core.take_lines()}
    assert c not in lines
    assert lines[a].fee_rates == FeeRates(400, 120)
    # All that makers traded was b's.
    assert lines[b].fee_rates == FeeRates(400, -30)


@pytest.mark.spec("FEE-010")
def test_a_rate_of_the_accounts_own_is_on_the_wire_and_the_instruments_is_not() -> None:
    scene, a, b, _ = scene_of()
    scene.trade(BTC, a, b, 2 * MILLION, PRICE)
    to_day(scene, 1)
    scene.trade(BTC, a, b, 1, PRICE)
    told = {line.account_id: line_message(line) for line in scene.core.take_lines()}
    # Two million are below the first tier, but b made all that was made.
    assert not told[a].HasField("taker_fee_ppm")
    assert not told[b].HasField("taker_fee_ppm")
    assert told[b].maker_fee_ppm == -30
    assert credit_line(told[a]).fee_rates == NO_OWN_RATES
    assert credit_line(told[b]).fee_rates == FeeRates(NO_OWN_RATE_PPM, -30)
    assert account_message(scene.state, scene.account(b)).fees == account_pb2.AccountFees(
        maker_fee_ppm=-30, volume_micros=2 * MILLION * PRICE, maker_volume_micros=2 * MILLION * PRICE,
        today_volume_micros=PRICE,
    )  # fmt: skip
    message = event_message(7, 9, scene.last(FeeRatesChanged))
    assert message == account_pb2.StreamAccountEventsResponse(
        seq=7, event_time_ns=9,
        fee_rates=account_pb2.FeeRatesChanged(
            maker_fee_ppm=-30, volume_micros=2 * MILLION * PRICE, maker_volume_micros=2 * MILLION * PRICE
        ),
    )  # fmt: skip


@pytest.mark.spec("FEE-010", "MRGN-050")
def test_other_rates_are_news_for_every_shard() -> None:
    scene, a, b, _ = scene_of(FeeSchedule(rebates=()))
    scene.core = Clearing(scene.settings, epoch=1)
    # BTC is on shard 0, ETH on shard 1, where nobody trades.
    scene.core.begin(scene.now_ns, scene.instruments, 0, shards=2)
    a, b = (scene.core.bank.open_account(name, 10**15).account_id for name in ("a", "b"))
    scene.oracle_seq = scene.matching_seq = 0
    scene.mark(BTC, PRICE)
    scene.trade(BTC, a, b, 6 * MILLION, PRICE)
    scene.core.take_lines()
    # Flat again: a line to shard 1 has no rows and says nothing new but the rates.
    scene.trade(BTC, b, a, 6 * MILLION, PRICE)
    scene.core.take_lines()
    to_day(scene, 1)
    lines = {(line.account_id, line.shard): line.fee_rates for line in scene.core.take_lines()}
    assert lines == dict.fromkeys(((a, 0), (a, 1), (b, 0), (b, 1)), FeeRates(400, 120))


@pytest.mark.spec("FEE-010")
def test_the_accounts_of_an_owner_trade_together() -> None:
    scene, a, b, _ = scene_of()
    to_day(scene, 10, seconds=1)
    child = scene.core.bank.open_account("child", 10**9 * MICROS, parent_id=a).account_id
    idle = scene.core.bank.open_account("idle", 0, parent_id=a).account_id
    # 3 and 2.1 million dollars: together above the 5 of the first tier, apart not. b makes all of it.
    scene.trade(BTC, a, b, 3 * MILLION, PRICE)
    scene.trade(BTC, child, b, 2 * MILLION + 100_000, PRICE)
    changes = {change.account_id: change for change in to_day(scene, 11)}
    assert sorted(changes) == [a, b, child, idle]
    for account_id in (a, child, idle):
        change = changes[account_id]
        assert (change.taker_fee_ppm, change.volume_micros) == (400, 5_100_000 * MICROS)
    # The maker's whole share is b's alone.
    assert changes[b].maker_fee_ppm == -30
    scene.assert_recoverable()
    findings = Findings()
    fees = AuditedRates(findings)
    for logged in scene.log:
        fees.apply(logged.now_ns, logged.event)
    fees.end_entry()
    assert findings.offences == []
    # Two weeks later all of them are back at the base.
    assert {change.account_id for change in to_day(scene, 25)} == {a, b, child, idle}
