"""What is seen: acts, stale prices, and one line for an order that is tried again and again."""

from decimal import Decimal

from wavetank.cli.demo.cast import cast
from wavetank.cli.demo.plan import PhaseName
from wavetank.cli.demo.synthetic import SCHEDULE, synthetic_plan
from wavetank.cli.demo.watch import BotView, Note, Watch
from wavetank.client import LiquidationStage, LiquidationStepped, Prices, Recorder

PLAN = synthetic_plan(7, now_ns=1_700_000_040_000_000_000)


def watching() -> tuple[Watch, list[Note]]:
    told: list[Note] = []
    return Watch(PLAN, told.append), told


def prices(index: str, *, stale: bool) -> Prices:
    return Prices(
        seq=1,
        event_time_ns=PLAN.start_ns,
        instrument="BTC",
        index=Decimal(index),
        mark=Decimal(index),
        stale=stale,
        funding_rate=Decimal(0),
        open_interest=Decimal(0),
        last=None,
        index_time_ns=PLAN.start_ns,
    )


def stepped(stage: LiquidationStage, why: str) -> LiquidationStepped:
    return LiquidationStepped(
        seq=1,
        event_time_ns=PLAN.start_ns,
        liquidation_id=1,
        stage=stage,
        instrument="BTC",
        delta_size=Decimal("-0.5"),
        price=Decimal(50_000),
        equity=Decimal(900),
        maintenance_margin=Decimal(1_000),
        explanation=why,
    )


def test_a_new_act_is_told_once() -> None:
    watch, told = watching()
    watch.see_time(PLAN.venue_ns(SCHEDULE.funding_spike + 1))
    watch.see_time(PLAN.venue_ns(SCHEDULE.funding_spike + 2))
    assert [note.kind for note in told] == ["phase"]
    assert watch.phase.name is PhaseName.SHOCK


def test_a_price_that_goes_stale_says_so_and_so_does_its_return() -> None:
    watch, told = watching()
    for index, stale in (("50000", False), ("50000", True), ("50000", True), ("50001", False)):
        watch.see_market(prices(index, stale=stale))
    assert [note.text for note in told] == [
        "BTC: its price is stale: no source gives a price",
        "BTC: its price is fresh again",
    ]
    # Only what changes is a point of the sparkline.
    assert list(watch.instruments["BTC"].history) == [50_000.0, 50_001.0]


def test_an_order_that_is_tried_again_is_one_line() -> None:
    watch, told = watching()
    role = cast(PLAN)[-1]
    bot = BotView(role=role, account_id=1_000, recorder=Recorder(), deposited=role.deposit)
    watch.see_event(bot, stepped(LiquidationStage.CANCEL, "below"))
    for _ in range(5):
        watch.see_event(bot, stepped(LiquidationStage.PARTIAL, "first"))
        watch.see_event(bot, stepped(LiquidationStage.FULL, "whole"))
    watch.see_event(bot, stepped(LiquidationStage.BACKSTOP, "below two thirds"))
    assert [note.times for note in watch.notes] == [1, 10, 1]
    assert watch.notes[1].text == f"{role.name}: full -0.5 BTC at 50000, health 0.90: whole"
    # Who prints lines is told of the first of them alone.
    assert len(told) == 3
