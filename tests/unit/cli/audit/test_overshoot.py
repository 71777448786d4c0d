"""What victims gave up, against the least that would have closed the same lots (LIQ-080).

The bankrupt account is long 1 BTC from 100,000 with 5,000 dollars; its fund is off.
"""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, MICROS, Scene
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.cli.audit.overshoot import Overshoot
from wavetank.model.events.clearing import AdlRanked, Deleveraged, LiquidationStepped, StepCause
from wavetank.model.record import Event


def bankrupt() -> tuple[Scene, int, tuple[int, int]]:
    """Return the bankrupt account at 94,000, facing x, who was short 0.6, and y, who was short 0.4."""
    scene = Scene(settings=ClearingSettings(fund_enabled=False))
    a, x, y = scene.open(5_000), scene.open(10_000), scene.open(5_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, x, 60_000, 1_000_000)
    scene.trade(BTC, a, y, 40_000, 1_000_000)
    scene.mark(BTC, 940_000)
    scene.cancelled(a)
    scene.filled(a)
    return scene, a, (x, y)


def report(scene: Scene) -> list[tuple[int, int, int, int, int]]:
    overshoot = Overshoot()
    for logged in scene.log:
        overshoot.take(logged.event)
    return [
        (victim.account_id, victim.lots, victim.given_up_micros, victim.least_micros, victim.overshoot_micros)
        for victim in overshoot.victims()
    ]


@pytest.mark.spec("LIQ-080")
def test_with_one_ranking_nobody_gave_more_than_was_missing() -> None:
    scene, a, (x, y) = bankrupt()
    assert report(scene) == []
    scene.transfer_all(a)
    # It missed 1,000: 600 for 0.6 and 400 for 0.4.
    assert report(scene) == [
        (x, 60_000, 600 * MICROS, 600 * MICROS, 0),
        (y, 40_000, 400 * MICROS, 400 * MICROS, 0),
    ]


def ranking(unit_micros: int, *rows: tuple[int, int, int]) -> list[Event]:
    """Return a step and its ranking: (account, capacity, lots asked) each, every lot at one price against the mark."""
    asked = sum(lots for _, _, lots in rows)
    step = LiquidationStepped(BTC, 1_000, 7, -asked, 0, 0, -1, 1, 0, 6, StepCause.BOOK_EXHAUSTED)
    return [
        step,
        *(
            AdlRanked(BTC, account, 7, 0, -100, capacity, lots, lots * unit_micros, place)
            for place, (account, capacity, lots) in enumerate(rows, start=1)
        ),
    ]


@pytest.mark.spec("LIQ-080")
def test_the_least_possible_closes_in_the_cheapest_rankings() -> None:
    overshoot = Overshoot()
    # 10 lots at 30 of x; the shard moved 8. When the price was back, 12 at 5, of which x could give 2 more.
    for event in (
        *ranking(30, (1_001, 10, 10), (1_002, 50, 0)),
        Deleveraged(BTC, 1_001, 7, 8, 0, 240),
        *ranking(5, (1_002, 9, 9), (1_001, 2, 2)),
        Deleveraged(BTC, 1_002, 7, 9, 0, 45),
        Deleveraged(BTC, 1_001, 7, 2, 0, 10),
    ):
        overshoot.take(event)
    # 19 lots were closed for 295. At 5 each x could have given 2 and the 8 it gave before, y 9: all 19 for 95.
    assert [(each.account_id, each.lots, each.given_up_micros, each.least_micros) for each in overshoot.victims()] == [
        (1_001, 10, 250, 50),
        (1_002, 9, 45, 45),
    ]
    assert [each.overshoot_micros for each in overshoot.victims()] == [200, 0]


@pytest.mark.spec("LIQ-080")
def test_the_least_possible_asks_nobody_for_more_than_he_could_give() -> None:
    overshoot = Overshoot()
    # At 5 each y could give 3 only, x none but the 8 of before; so 1 of the 12 lots costs 30: 55 + 30 = 85.
    for event in (
        *ranking(30, (1_001, 8, 8), (1_002, 50, 1)),
        Deleveraged(BTC, 1_001, 7, 8, 0, 240),
        Deleveraged(BTC, 1_002, 7, 1, 0, 30),
        *ranking(5, (1_002, 2, 2), (1_001, 0, 0)),
        Deleveraged(BTC, 1_002, 7, 3, 0, 15),
    ):
        overshoot.take(event)
    assert [(each.account_id, each.given_up_micros, each.least_micros) for each in overshoot.victims()] == [
        (1_001, 240, 56),  # 85 x 8 / 12
        (1_002, 45, 28),  # 85 x 4 / 12
    ]


@pytest.mark.spec("LIQ-080")
def test_lots_closed_at_mark_stand_outside() -> None:
    # Both are bankrupt themselves on the other side: nobody may give anything but at mark.
    scene = Scene(settings=ClearingSettings(fund_enabled=False))
    a, x, other = scene.open(5_000), scene.open(3_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, x, 100_000, 1_000_000)
    scene.mark(2, 400_000)
    scene.trade(2, x, other, 200_000, 400_000)
    # x gained 6,000 and lost 20 x 600 = 12,000: it is bankrupt as well.
    scene.mark(2, 340_000)
    scene.mark(BTC, 940_000)
    scene.cancelled(a)
    scene.filled(a)
    scene.transfer_all(a)
    assert scene.lots(x, BTC) == 0
    assert report(scene) == []
