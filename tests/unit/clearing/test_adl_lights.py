"""Five lights: where a position stands in the deleveraging ranking of its side (LIQ-080)."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.adapters.wire import position_messages
from wavetank.clearing.core.adl_lights import adl_lights
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.snapshot import dump
from wavetank.model.events.clearing import AdlPolicyKind


def six_shorts(policy: AdlPolicyKind = AdlPolicyKind.HYPERLIQUID) -> tuple[Scene, int, list[int]]:
    """Return six sellers of 0.1 BTC each, every one with more money than the one before, and their buyer."""
    scene = Scene(settings=ClearingSettings(adl_policy=policy))
    buyer = scene.open(1_000_000)
    shorts = [scene.open(dollars) for dollars in (1_000, 2_000, 3_000, 4_000, 5_000, 6_000)]
    scene.mark(BTC, 1_000_000)
    for short in shorts:
        scene.trade(BTC, buyer, short, 10_000, 1_000_000)
    scene.mark(BTC, 990_000)
    return scene, buyer, shorts


@pytest.mark.spec("LIQ-080")
def test_each_side_is_parted_in_fifths_of_its_ranking() -> None:
    scene, buyer, shorts = six_shorts()
    before = dump(scene.state)
    lights = adl_lights(scene.state, BTC)
    # Places 0 to 5 of six: 5 - floor(5 x place / 6); the buyer is alone on his side, and so the first to be met.
    assert [lights[short] for short in shorts] == [5, 5, 4, 3, 2, 1]
    assert lights[buyer] == 5
    assert dump(scene.state) == before


@pytest.mark.spec("LIQ-080")
def test_lights_follow_the_venues_policy() -> None:
    scene, _, shorts = six_shorts(AdlPolicyKind.PRO_RATA)
    # By size: the last, who sells 0.05 more, is met first; the others are alike and stand by id.
    scene.trade(BTC, shorts[0], shorts[5], 5_000, 990_000)
    lights = adl_lights(scene.state, BTC)
    # The first has 0.05 left and is last.
    assert [lights[short] for short in shorts] == [1, 5, 4, 3, 2, 5]


@pytest.mark.spec("LIQ-080")
def test_who_could_not_be_asked_shows_none() -> None:
    scene, _, shorts = six_shorts()
    # 110,000: the first lost 1,000 and has nothing; margins are 137.50.
    scene.mark(BTC, 1_100_000)
    assert shorts[0] not in adl_lights(scene.state, BTC)
    assert adl_lights(scene.state, BTC)[shorts[1]] == 5
    assert adl_lights(scene.state, ETH) == {}


def test_lights_are_told_when_they_are_asked_for() -> None:
    scene, _, shorts = six_shorts()
    account = scene.account(shorts[2])
    assert [each.adl_lights for each in position_messages(scene.state, account)] == [0]
    (shown,) = position_messages(scene.state, account, with_adl_lights=True)
    # 3,000 and 0.1 x 1,000 gained.
    assert (shown.adl_lights, shown.unrealised_micros) == (4, 100 * MICROS)
