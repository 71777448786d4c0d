"""What a move of one instrument forces people to close there and elsewhere (RISK-020).

The pair: cash 10,000, long 1 BTC from 100,000 and short 20 ETH from 4,000. The large one: cash 10,000, long 4 BTC.
Without a book, slippage is the price band, 10 % of the notional; margin relieved per slippage is then 0.125 for BTC
(1/80 over 1/10) and 0.2 for ETH (1/50 over 1/10).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, SOL, Scene
from wavetank.clearing.core.contagion import ContagionRow, ForcedClose, contagion
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.what_if import ALL_TOGETHER, NO_SHOCK, Shock, view_of
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier


def pair() -> Scene:
    """Return a scene with the pair, and a maker on the other side."""
    scene = Scene()
    a, maker = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.trade(ETH, a, maker, -200_000, 400_000)
    return scene


def large(**settings: Any) -> Scene:  # noqa: ANN401 - a setting's value.
    """Return a scene with the large account, and a maker on the other side."""
    scene = Scene(settings=ClearingSettings(**settings))
    a, maker = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 400_000, 1_000_000)
    return scene


def row_of(scene: Scene, shock: Shock) -> ContagionRow:
    now, row = contagion(view_of(scene.state), [shock])
    assert (now.shock, now.closes, now.accounts) == (NO_SHOCK, (), 0)
    return row


@pytest.mark.spec("RISK-020", "LIQ-050")
def test_a_fall_of_btc_sells_ether() -> None:
    # BTC 92,500: equity 2,500, margin 1,156.25 + 1,600, h = 0.91. ETH relieves most per slippage, all 80,000 of it;
    # then 2,500 covers 1,156.25, and BTC itself stays.
    row = row_of(pair(), Shock(BTC, -75_000))
    assert row.closes == (ForcedClose(ETH, 200_000, 80_000 * MICROS, 0),)
    assert (row.accounts, row.elsewhere_micros) == (1, 80_000 * MICROS)


@pytest.mark.spec("RISK-020", "LIQ-050")
def test_the_last_book_decides_the_order_as_if_it_had_moved_with_the_mark() -> None:
    scene = pair()
    # Sold 1 BTC at 99,900 costs 100, bought 20 ETH at 4,100 costs 2,000: 1,156.25 / 92.5 against 1,600 / 2,000.
    scene.book(BTC, bid=999_900, ask=1_000_100, impact_bid=999_000, impact_ask=1_001_000, depth_lots=10**6)
    scene.book(ETH, bid=399_990, ask=400_010, impact_bid=390_000, impact_ask=410_000, depth_lots=10**6)
    row = row_of(scene, Shock(BTC, -75_000))
    # 92,500 dollars of BTC; 2,500 covers the 1,600 of ETH.
    assert row.closes == (ForcedClose(BTC, 100_000, 92_500 * MICROS, 0),)
    assert row.elsewhere_micros == 0


@pytest.mark.spec("RISK-020", "LIQ-050")
def test_slippage_shrinks_with_the_mark_so_that_a_fall_alone_turns_no_order_round() -> None:
    scene = pair()
    # 1 BTC at 99,400 costs 600, and 1,250 / 600 = 2.083; 20 ETH at 4,038.75 cost 775, and 1,600 / 775 = 2.065.
    scene.book(BTC, bid=999_900, ask=1_000_100, impact_bid=994_000, impact_ask=1_006_000, depth_lots=10**6)
    scene.book(ETH, bid=399_990, ask=400_010, impact_bid=396_125, impact_ask=403_875, depth_lots=10**6)
    # At 92,500 the same book costs 555: 1,156.25 / 555 is 2.083 as before, while against 600 it would be 1.927.
    row = row_of(scene, Shock(BTC, -75_000))
    assert row.closes == (ForcedClose(BTC, 100_000, 92_500 * MICROS, 0),)


@pytest.mark.spec("RISK-020", "LIQ-050")
def test_of_two_that_relieve_alike_the_lower_id_goes_first() -> None:
    twins = tuple(
        Instrument(instrument_id=each, symbol=symbol, size_decimals=5, tiers=(MarginTier(0, 40),))
        for each, symbol in ((BTC, "BTC"), (ETH, "TWIN"), (SOL, "SOL"))
    )
    scene = Scene(instruments=twins)
    a, maker = scene.open(2_000), scene.open(10_000_000)
    for each in (BTC, ETH, SOL):
        scene.mark(each, 1_000_000)
    for each in (SOL, ETH, BTC):
        scene.trade(each, a, maker, 30_000, 1_000_000)
    # All at 98,600: 2,000 - 3 x 0.3 x 1,400 = 740 against 3 x 29,580 / 80 = 1,109.25, h = 0.667. Two legs: 739.50.
    row = row_of(scene, Shock(ALL_TOGETHER, -14_000))
    assert row.closes == (ForcedClose(BTC, 30_000, 29_580 * MICROS, 0),)


@pytest.mark.spec("RISK-020", "LIQ-040")
def test_a_slice_rounds_up_to_a_whole_lot() -> None:
    scene = Scene()
    a, maker = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 399_999, 1_000_000)
    # 98,500: a fifth of 399,999 lots is 79,999.8.
    row = row_of(scene, Shock(BTC, -15_000))
    assert row.closes == (ForcedClose(BTC, 80_000, 78_800 * MICROS, 0),)


@pytest.mark.spec("RISK-020")
def test_just_above_the_margin_nothing_is_sold() -> None:
    # The pair at BTC p: 10,000 - 100,000 + p = p / 80 + 1,600 at p = 91,600 x 80 / 79 = 92,759.49: -7.2405 %.
    assert row_of(pair(), Shock(BTC, -72_400)).closes == ()
    assert row_of(pair(), Shock(BTC, -72_410)).closes != ()


@pytest.mark.spec("RISK-020", "LIQ-040")
def test_a_large_position_is_sold_by_a_slice_if_that_is_enough() -> None:
    # 98,500: equity 4,000, margin 394,000 / 80 = 4,925. A fifth less: 315,200 / 80 = 3,940.
    row = row_of(large(), Shock(BTC, -15_000))
    assert row.closes == (ForcedClose(BTC, 80_000, 78_800 * MICROS, 0),)
    assert (row.accounts, row.elsewhere_micros) == (1, 0)


@pytest.mark.spec("RISK-020", "LIQ-040")
def test_what_the_slice_does_not_cure_is_sold_whole() -> None:
    # 98,400: equity 3,600; after the slice 314,880 / 80 = 3,936 is still more.
    row = row_of(large(), Shock(BTC, -16_000))
    assert row.closes == (ForcedClose(BTC, 400_000, 393_600 * MICROS, 0),)


@pytest.mark.spec("RISK-020", "LIQ-040")
def test_slices_follow_the_settings() -> None:
    # Above 500,000 only: 394,000 goes whole at once.
    row = row_of(large(partial_above_micros=500_000 * MICROS), Shock(BTC, -15_000))
    assert row.closes == (ForcedClose(BTC, 400_000, 394_000 * MICROS, 0),)


@pytest.mark.spec("RISK-020", "LIQ-060")
def test_below_the_backstop_everything_goes_and_is_told_apart() -> None:
    # 98,000: equity 2,000, margin 4,900. At 97,000 equity is below zero: -2,000.
    for shock, notional in ((-20_000, 392_000), (-30_000, 388_000)):
        row = row_of(large(), Shock(BTC, shock))
        assert row.closes == (ForcedClose(BTC, 400_000, notional * MICROS, notional * MICROS),)
    # Of the pair both legs: at 85,000 equity is -5,000.
    row = row_of(pair(), Shock(BTC, -150_000))
    assert row.closes == (
        ForcedClose(BTC, 100_000, 85_000 * MICROS, 85_000 * MICROS),
        ForcedClose(ETH, 200_000, 80_000 * MICROS, 80_000 * MICROS),
    )
    assert row.elsewhere_micros == 80_000 * MICROS


@pytest.mark.spec("RISK-020")
def test_all_together_a_hedge_holds() -> None:
    # -10 %: -10,000 and +8,000; 8,000 against 1,125 + 1,440.
    assert row_of(pair(), Shock(ALL_TOGETHER, -100_000)).closes == ()
    # +20 %: +20,000 and -16,000.
    assert row_of(pair(), Shock(ALL_TOGETHER, 200_000)).elsewhere_micros == 0


@pytest.mark.spec("RISK-020")
def test_accounts_add_up_and_the_first_row_is_what_is_below_margin_already() -> None:
    scene = pair()
    maker = scene.account(1_001).account_id
    b = scene.open(10_000)
    scene.trade(BTC, b, maker, 400_000, 1_000_000)
    # 98,500 for all: b is below (4,000 against 4,925), the pair is not (8,500 against 1,231.25 + 1,600).
    scene.mark(BTC, 985_000)
    now, row = contagion(view_of(scene.state), [Shock(ETH, 100_000)])
    assert (now.accounts, now.closes) == (1, (ForcedClose(BTC, 80_000, 78_800 * MICROS, 0),))
    # ETH 4,400: the pair has 500 against 1,231.25 + 1,760, h = 0.17: all of it; b as before.
    assert row.accounts == 2
    assert row.closes == (
        ForcedClose(BTC, 180_000, 177_300 * MICROS, 98_500 * MICROS),
        ForcedClose(ETH, 200_000, 88_000 * MICROS, 88_000 * MICROS),
    )
    assert row.elsewhere_micros == 177_300 * MICROS


@pytest.mark.spec("RISK-020", "LIQ-060")
def test_the_vault_gives_up_its_legs_only_when_it_is_empty() -> None:
    scene = Scene()
    a, maker = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 400_000, 1_000_000)
    # 98,000: h = 0.41, the vault takes 4 BTC at mark and the 2,000 that are left.
    scene.mark(BTC, 980_000)
    scene.cancelled(a)
    scene.transfer_all(a)
    assert scene.lots(BACKSTOP_VAULT_ID, BTC) == 400_000
    assert scene.cash(BACKSTOP_VAULT_ID) == 2_000 * MICROS
    # Its 2,000 bear a fall of 500 each: 97,510 leaves 40, and 97,490 nothing. No margin is asked of it.
    assert row_of(scene, Shock(BTC, -5_000)).closes == ()
    row = row_of(scene, Shock(BTC, -5_200))
    # 980,000 x 0.9948 = 974,904.
    assert row.closes == (ForcedClose(BTC, 400_000, 389_961_600_000, 389_961_600_000),)
