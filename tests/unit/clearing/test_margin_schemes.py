"""One book under several margin modes (RISK-030): cash 10,000, long 1 BTC from 100,000, short 20 ETH from 4,000."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.contagion import ForcedClose
from wavetank.clearing.core.margin_schemes import SCHEMES, MarginScheme, SchemeAt, compare
from wavetank.clearing.core.what_if import ALL_TOGETHER, NO_SHOCK, Holding, Shock, view_of


def compared(*shocks: Shock) -> dict[MarginScheme, list[SchemeAt]]:
    scene = Scene()
    a, maker = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.trade(ETH, a, maker, -200_000, 400_000)
    return compare(view_of(scene.state), Holding.of(scene.state, scene.account(a)), shocks)


@pytest.mark.spec("RISK-030")
def test_both_ask_for_the_same_margin_and_differ_in_what_stands_behind_it() -> None:
    # 100,000 / 40 + 80,000 / 25 = 5,700; half of it is maintenance.
    found = compared()
    assert found.keys() == SCHEMES.keys()
    (cross,) = found[MarginScheme.CROSS_GROSS]
    assert cross == SchemeAt(NO_SHOCK, 10_000 * MICROS, 5_700 * MICROS, 2_850 * MICROS, 0, ())
    (isolated,) = found[MarginScheme.ISOLATED]
    assert isolated == SchemeAt(NO_SHOCK, 5_700 * MICROS, 5_700 * MICROS, 2_850 * MICROS, 0, ())


@pytest.mark.spec("RISK-030")
def test_cross_lets_the_hedge_pay_and_isolated_does_not() -> None:
    # -10 % of both: cross 10,000 - 10,000 + 8,000 against 1,125 + 1,440.
    found = compared(Shock(ALL_TOGETHER, -100_000))
    cross, isolated = (found[scheme][1] for scheme in (MarginScheme.CROSS_GROSS, MarginScheme.ISOLATED))
    assert (cross.equity_micros, cross.maintenance_micros, cross.closes) == (8_000 * MICROS, 2_565 * MICROS, ())
    # Alone BTC has 2,500 - 10,000: gone, 7,500 too little. ETH has 3,200 + 8,000.
    assert (isolated.equity_micros, isolated.deficit_micros) == (3_700 * MICROS, 7_500 * MICROS)
    assert isolated.closes == (ForcedClose(BTC, 100_000, 90_000 * MICROS, 90_000 * MICROS),)


@pytest.mark.spec("RISK-030")
def test_cross_spreads_a_loss_that_isolated_keeps_in_its_leg() -> None:
    # BTC 92,500: cross has 2,500 against 2,756.25 and gives up ETH; alone BTC has 2,500 - 7,500, and ETH all it had.
    found = compared(Shock(BTC, -75_000))
    cross, isolated = (found[scheme][1] for scheme in (MarginScheme.CROSS_GROSS, MarginScheme.ISOLATED))
    assert cross.closes == (ForcedClose(ETH, 200_000, 80_000 * MICROS, 0),)
    assert (cross.deficit_micros, isolated.deficit_micros) == (0, 5_000 * MICROS)
    assert isolated.closes == (ForcedClose(BTC, 100_000, 92_500 * MICROS, 92_500 * MICROS),)


@pytest.mark.spec("RISK-030", "MRGN-030")
def test_offset_modes_ask_for_less_of_the_same_book() -> None:
    found = compared(Shock(BTC, -75_000))
    # 2,500 long and 3,200 short in one group, c = 0.5 x (0.79 - 0.3) / 0.7 = 0.35: 3,200 + 0.3 x 2,500.
    assert found[MarginScheme.GROUP_OFFSET][0].initial_micros == 3_950 * MICROS
    # Of 0.95 and 0.92 a fifth is cut: |1,900 - 2,355.2| + sqrt(2,500^2 x 0.4224 + 3,200^2 x 0.458304) = 3,163.157.
    assert found[MarginScheme.SCENARIO][0].initial_micros // 1_000 == 3_163_157
    # BTC 92,500: equity 2,500 is below the sum 2,756.25, but above 1,600 + 0.3 x 1,156.25 = 1,946.875.
    assert found[MarginScheme.CROSS_GROSS][1].closes != ()
    offset = found[MarginScheme.GROUP_OFFSET][1]
    assert (offset.maintenance_micros, offset.closes) == (1_946_875_000, ())


@pytest.mark.spec("RISK-030")
def test_an_isolated_leg_is_sold_in_the_book_while_its_own_health_allows_it() -> None:
    # BTC 98,600: 2,500 - 1,400 = 1,100 against 98,600 / 80 = 1,232.5, h = 0.89. The account has 8,600.
    found = compared(Shock(BTC, -14_000))
    assert found[MarginScheme.CROSS_GROSS][1].closes == ()
    isolated = found[MarginScheme.ISOLATED][1]
    assert isolated.closes == (ForcedClose(BTC, 100_000, 98_600 * MICROS, 0),)
    assert isolated.deficit_micros == 0


@pytest.mark.spec("RISK-030")
def test_an_account_without_positions_asks_for_nothing() -> None:
    scene = Scene()
    a = scene.open(500)
    found = compare(view_of(scene.state), Holding.of(scene.state, scene.account(a)), [])
    assert [rows[0].initial_micros for rows in found.values()] == [0, 0, 0, 0]
