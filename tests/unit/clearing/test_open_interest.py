"""Initial margin that grows with open interest: when the share moves, and what it does to whom (MRGN-020)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.model.scripted_shard import BTC, MICROS, Scene
from wavetank.clearing.adapters.instruments_file import read_instruments
from wavetank.clearing.core.open_interest import moves, open_interest_share_ppm
from wavetank.clearing.core.standing import LineRow
from wavetank.model.events.clearing import LiquidationStarted, MarginScalingListed, OpenInterestScaled
from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.invariant import InvariantBroken
from wavetank.runtime.settings import SettingsInvalid

if TYPE_CHECKING:
    from pathlib import Path

MILLION = 10**6 * MICROS
BTC_LISTED, ETH_LISTED, _ = default_instruments()
SCALED = replace(BTC_LISTED, scaling_begins_micros=25 * MILLION, scaling_full_micros=50 * MILLION)
PRICE = 1_000_000
"""100 000 dollars; a BTC of margin at 40x is 2 500 dollars."""


def traded(btc: int, instrument: Instrument = SCALED, dollars: int = 2_000_000) -> tuple[Scene, int, int]:
    """Return a venue in which one account holds so many BTC against another, at the price."""
    scene = Scene(instruments=(instrument, ETH_LISTED))
    long, short = scene.open(dollars), scene.open(100_000_000)
    scene.mark(BTC, PRICE)
    scene.trade(BTC, long, short, btc * 100_000, PRICE)
    return scene, long, short


@pytest.mark.spec("MRGN-020")
@pytest.mark.parametrize(
    ("open_interest", "share_ppm"),
    [
        (0, 0),
        (25 * MILLION, 0),
        # Half-way between 25 M and 50 M.
        (37_500_000 * MICROS, 500_000),
        # One micro-dollar above: any part of a millionth counts whole.
        (25 * MILLION + 1, 1),
        (50 * MILLION - 1, 1_000_000),
        (50 * MILLION, 1_000_000),
        (80 * MILLION, 1_000_000),
    ],
)
def test_the_share_rises_from_one_open_interest_to_the_other(open_interest: int, share_ppm: int) -> None:
    assert open_interest_share_ppm(SCALED, open_interest) == share_ppm


@pytest.mark.spec("MRGN-020")
def test_scaling_may_be_off_or_a_step() -> None:
    assert open_interest_share_ppm(BTC_LISTED, 10**15) == 0
    step = replace(BTC_LISTED, scaling_begins_micros=7, scaling_full_micros=7)
    assert [open_interest_share_ppm(step, held) for held in (7, 8)] == [0, 1_000_000]


@pytest.mark.spec("MRGN-020")
@pytest.mark.parametrize(
    ("present", "due", "does"),
    [
        (0, 9_999, False),
        (0, 10_000, True),
        (500_000, 509_999, False),
        (500_000, 490_000, True),
        # An end is always reached, and what left it by less than a step comes back to it.
        (3, 0, True),
        (999_990, 1_000_000, True),
        (1_000_000, 990_001, False),
        (0, 0, False),
        (1_000_000, 1_000_000, False),
    ],
)
def test_the_share_moves_by_a_step_or_to_an_end(present: int, due: int, does: bool) -> None:
    assert moves(present, due) is does


@pytest.mark.spec("MRGN-020")
def test_the_next_mark_moves_the_share_and_only_initial_margin_follows() -> None:
    scene, long, _ = traded(300)
    before = scene.state.value(scene.account(long))
    # 300 BTC are 30 M: the trade alone moves nothing.
    assert scene.all(OpenInterestScaled) == []
    told = scene.mark(BTC, PRICE)
    # (30 M - 25 M) / 25 M = 20 %.
    assert told[1] == OpenInterestScaled(BTC, 0, 30_000_000, PRICE, 200_000)
    after = scene.state.value(scene.account(long))
    # 1/40 + 0.2 x 39/40 = 0.22 of 30 M.
    assert (before.initial_micros, after.initial_micros) == (750_000 * MICROS, 6_600_000 * MICROS)
    assert after.maintenance_micros == before.maintenance_micros == 375_000 * MICROS
    # It has 2 M and would need 6.6: nobody is liquidated for that, and its line carries the share.
    assert scene.all(LiquidationStarted) == []
    (line,) = (line for line in scene.core.take_lines() if line.account_id == long)
    assert line.rows == (LineRow(BTC, 30_000_000, PRICE, 40, 200_000),)
    assert line.budget_micros == 2_000_000 * MICROS
    scene.assert_recoverable()
    scene.assert_recoverable(cut=scene.cuts[-2])
    scene.restart()
    assert scene.state.instruments[BTC].scaled_ppm == 200_000


@pytest.mark.spec("MRGN-020")
def test_a_mark_alone_moves_the_share_by_steps() -> None:
    scene, _, _ = traded(300)
    scene.mark(BTC, PRICE)
    # 0.8 % more is 30.24 M: 20.96 %, less than a hundredth more. 0.9 % is 21.08 %.
    assert OpenInterestScaled not in {type(event) for event in scene.mark(BTC, 1_008_000)}
    assert scene.mark(BTC, 1_009_000)[1] == OpenInterestScaled(BTC, 0, 30_000_000, 1_009_000, 210_800)
    # 24.9 M of open interest asks for nothing.
    assert scene.mark(BTC, 830_000)[1] == OpenInterestScaled(BTC, 0, 30_000_000, 830_000, 0)
    assert OpenInterestScaled not in {type(event) for event in scene.mark(BTC, 830_000)}


@pytest.mark.spec("MRGN-020")
def test_open_interest_is_the_long_side_whoever_holds_it() -> None:
    scene, long, short = traded(300)
    third = scene.open(100_000_000)
    # The long sells 100 on to a third, who then flips with the short: 300 stay 300, then 250 short of 550 bought.
    scene.trade(BTC, third, long, 10_000_000, PRICE)
    assert scene.state.ledger.open_interest(BTC) == 30_000_000
    scene.trade(BTC, third, short, -35_000_000, PRICE)
    # Long: 200 of the first. The short bought 35 of its 30 back and is long 5, the third is short 25.
    assert scene.lots(long, BTC) == 20_000_000
    assert (scene.lots(third, BTC), scene.lots(short, BTC)) == (-25_000_000, 5_000_000)
    assert scene.state.ledger.open_interest(BTC) == 25_000_000
    assert scene.recovered(cut=scene.cuts[-1]).ledger.open_interest(BTC) == 25_000_000


@pytest.mark.spec("MRGN-020")
def test_instruments_of_the_venue_scale_nothing_by_themselves() -> None:
    scene, _, _ = traded(300, BTC_LISTED)
    scene.mark(BTC, PRICE)
    assert scene.all(OpenInterestScaled) == []
    assert scene.all(MarginScalingListed) == []


@pytest.mark.spec("MRGN-020", "MRGN-060")
def test_less_may_be_withdrawn_where_open_interest_asks_for_more() -> None:
    scene, long, _ = traded(300, dollars=8_000_000)
    scene.mark(BTC, PRICE)
    with pytest.raises(Exception, match="at most 1400000000000 micro-dollars"):
        scene.core.bank.withdraw(long, 1_400_001 * MICROS, scene.now_ns)
    scene.core.bank.withdraw(long, 1_400_000 * MICROS, scene.now_ns)


@pytest.mark.spec("MRGN-020")
def test_new_tiers_keep_the_share() -> None:
    scene, long, _ = traded(300)
    scene.mark(BTC, PRICE)
    listed = scene.state.instruments[BTC]
    for event in replace(listed, tiers=(listed.tiers[0]._replace(max_leverage=20),)).listing():
        scene.core._emit(event)
    scene.keep()
    assert scene.last(MarginScalingListed) == MarginScalingListed(BTC, 0, 25 * MILLION, 50 * MILLION, 200_000)
    # 1/20 + 0.2 x 19/20 = 0.24.
    assert scene.state.value(scene.account(long)).initial_micros == 7_200_000 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-020")
def test_a_file_of_instruments_lists_scaling_and_no_share(tmp_path: Path) -> None:
    row = {
        "instrument_id": 7,
        "symbol": "SOL",
        "size_decimals": 2,
        "tiers": [{"lower_notional_micros": 0, "max_leverage": 5}],
    }
    path = tmp_path / "instruments.json"

    def listed(**fields: int) -> Instrument:
        path.write_text(json.dumps([row | fields]))
        (instrument,) = read_instruments(path)
        return instrument

    assert listed().scaling_full_micros == 0
    scaled = listed(scaling_begins_micros=3, scaling_full_micros=9)
    assert (scaled.scaling_begins_micros, scaled.scaling_full_micros, scaled.scaled_ppm) == (3, 9, 0)
    with pytest.raises(SettingsInvalid, match="scaling ascends from 0"):
        listed(scaling_begins_micros=3)
    with pytest.raises(SettingsInvalid, match="unknown field scaled_ppm"):
        listed(scaled_ppm=1)


def test_an_event_that_says_another_open_interest_is_refused() -> None:
    scene, _, _ = traded(300)
    with pytest.raises(InvariantBroken, match="open interest is 30000000 lots, the event says 1"):
        scene.state.apply(OpenInterestScaled(BTC, 0, 1, PRICE, 1), 1_000, scene.now_ns)
