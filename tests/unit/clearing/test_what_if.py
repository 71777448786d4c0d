"""Margins at other marks: the worked account of the rules, and the venue's sum (RISK-010).

The worked account: cash 10,000; long 1 BTC from 100,000, mark 92,500; short 20 ETH from 4,000, mark 4,050.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.model.golden_account import golden
from tests.model.scripted_shard import BTC, ETH, MICROS, SOL, Scene
from wavetank.clearing.adapters.wire import shown
from wavetank.clearing.core.health import AccountKind, HealthBand
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.snapshot import dump
from wavetank.clearing.core.what_if import (
    ALL_TOGETHER,
    NO_SHOCK,
    USUAL_SHOCKS_PPM,
    Holding,
    Shock,
    account_margins,
    chosen_instruments,
    chosen_shocks,
    grid,
    margin_at,
    venue_margins,
    view_of,
)
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.reason import Reason


def holding_of(scene: Scene, account_id: int) -> Holding:
    return Holding.of(scene.state, scene.account(account_id))


def dollars(price_ticks: Fraction | None, ticks_per_dollar: int) -> str:
    assert price_ticks is not None
    return shown(price_ticks / ticks_per_dollar)


@pytest.mark.spec("RISK-010", "UNIT-045")
def test_the_worked_account_now() -> None:
    scene, a, _ = golden()
    now = margin_at(view_of(scene.state), holding_of(scene, a), NO_SHOCK)
    value = now.valuation
    # 10,000 - 7,500 - 1,000; 92,500 / 80 + 81,000 / 50; 92,500 / 40 + 81,000 / 25.
    assert value.equity_micros == 1_500 * MICROS
    assert value.maintenance_micros == 2_776_250_000
    assert value.initial_micros == 5_552_500_000
    assert value.notional_micros == 173_500 * MICROS
    # 1,500 / 2,776.25 = 0.5403.
    assert value.band is HealthBand.BACKSTOP
    btc, eth = now.legs
    assert (btc.value.mark_price_ticks, btc.value.notional_micros) == (925_000, 92_500 * MICROS)
    assert (btc.value.unrealised_micros, btc.cost_micros) == (-7_500 * MICROS, 100_000 * MICROS)
    assert (btc.value.maintenance_micros, btc.initial_micros) == (1_156_250_000, 2_312_500_000)
    assert (eth.value.unrealised_micros, eth.value.maintenance_micros) == (-1_000 * MICROS, 1_620 * MICROS)
    # 92,500 - 1,500 x 1,156.25 / 2,776.25; 4,050 + 1,500 x 1,620 / 2,776.25 / 20.
    assert dollars(btc.bankruptcy_price, 10) == "91875.28140477"
    assert dollars(eth.bankruptcy_price, 100) == "4093.76407024"
    # (1,620 + 91,000) / (1 - 1/80) with 1,500 - 92,500 = -91,000 at price 0.
    assert dollars(btc.liquidation_price, 10) == "93792.40506329"
    # 1,500 + 81,000 - 1,156.25 = 81,343.75 over 20 x (1 + 1/50).
    assert dollars(eth.liquidation_price, 100) == "3987.43872549"


@pytest.mark.spec("RISK-010")
def test_the_worked_account_under_shocks() -> None:
    scene, a, _ = golden()
    rows = account_margins(view_of(scene.state), holding_of(scene, a), (-100_000, 50_000))
    assert [(row.shock.instrument_id, row.shock.shock_ppm) for row in rows] == [
        (ALL_TOGETHER, 0),
        (BTC, -100_000),
        (BTC, 50_000),
        (ETH, -100_000),
        (ETH, 50_000),
        (ALL_TOGETHER, -100_000),
        (ALL_TOGETHER, 50_000),
    ]
    told = [(row.valuation.equity_micros, row.valuation.maintenance_micros, row.valuation.band) for row in rows]
    assert told == [
        (1_500_000_000, 2_776_250_000, HealthBand.BACKSTOP),
        # BTC 83,250: 1,500 - 9,250; 83,250 / 80 + 1,620.
        (-7_750_000_000, 2_660_625_000, HealthBand.BANKRUPT),
        # BTC 97,125: 1,500 + 4,625; 97,125 / 80 + 1,620.
        (6_125_000_000, 2_834_062_500, HealthBand.HEALTHY),
        # ETH 3,645: 1,500 + 20 x 405; 1,156.25 + 72,900 / 50.
        (9_600_000_000, 2_614_250_000, HealthBand.HEALTHY),
        # ETH 4,252.50: 1,500 - 20 x 202.50; 1,156.25 + 85,050 / 50.
        (-2_550_000_000, 2_857_250_000, HealthBand.BANKRUPT),
        # 1,500 - 9,250 + 8,100; 1,040.625 + 1,458.
        (350_000_000, 2_498_625_000, HealthBand.BACKSTOP),
        # 1,500 + 4,625 - 4,050; 1,214.0625 + 1,701: h = 0.71.
        (2_075_000_000, 2_915_062_500, HealthBand.LIQUIDATION),
    ]
    # The legs' prices go with the shock: at 97,125 the BTC leg still meets its margin at the same price.
    assert dollars(rows[2].legs[0].liquidation_price, 10) == "93792.40506329"
    assert rows[2].legs[0].value.mark_price_ticks == 971_250


@pytest.mark.spec("RISK-010")
def test_a_question_changes_nothing_and_its_view_does_not_move() -> None:
    scene, a, _ = golden()
    before = dump(scene.state)
    view = view_of(scene.state)
    account_margins(view, holding_of(scene, a), USUAL_SHOCKS_PPM)
    assert dump(scene.state) == before
    first = margin_at(view, view.holdings[1], NO_SHOCK)
    assert view.holdings[1].account_id == a
    scene.mark(BTC, 930_000)
    scene.transfer_all(a)
    assert margin_at(view, view.holdings[1], NO_SHOCK) == first
    assert first.valuation.equity_micros == 1_500 * MICROS


@pytest.mark.spec("RISK-010")
def test_without_a_shock_every_number_is_the_ledgers_own() -> None:
    scene, _, _ = golden()
    view = view_of(scene.state)
    assert [holding.account_id for holding in view.holdings] == [
        key
        for key, account in sorted(scene.state.accounts.items())
        if account.kind in {AccountKind.CLIENT, AccountKind.BACKSTOP_VAULT}
    ]
    for holding in view.holdings:
        account = scene.state.accounts[holding.account_id]
        assert margin_at(view, holding, NO_SHOCK).valuation == scene.state.value(account)
    assert view.holdings[0].account_id == BACKSTOP_VAULT_ID


@pytest.mark.spec("RISK-010")
def test_a_shocked_mark_rounds_half_to_even_and_stays_a_price() -> None:
    # 5 x 1.1 = 5.5 to 6 and 45 x 1.1 = 49.5 to 50, 25 x 1.1 = 27.5 to 28, 15 x 1.5 = 22.5 to 22; 3 x 0.01 is no price.
    marks = {BTC: 5, ETH: 45, SOL: 25}
    assert Shock(ALL_TOGETHER, 100_000).applied(marks) == {BTC: 6, ETH: 50, SOL: 28}
    assert Shock(ETH, 500_000).applied({BTC: 5, ETH: 15}) == {BTC: 5, ETH: 22}
    assert Shock(BTC, -990_000).applied({BTC: 3, ETH: 45}) == {BTC: 1, ETH: 45}


@pytest.mark.spec("RISK-010")
def test_an_account_without_positions_is_healthy_under_everything() -> None:
    scene = Scene()
    a = scene.open(500)
    (now,) = account_margins(view_of(scene.state), holding_of(scene, a), USUAL_SHOCKS_PPM)
    assert (now.valuation.equity_micros, now.valuation.maintenance_micros) == (500 * MICROS, 0)
    assert (now.valuation.band, now.legs) == (HealthBand.HEALTHY, ())


@pytest.mark.spec("RISK-010")
def test_the_venue_adds_its_clients_up() -> None:
    scene = Scene()
    a, b, maker = scene.open(10_000), scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.trade(ETH, a, maker, -200_000, 400_000)
    scene.trade(BTC, b, maker, 400_000, 1_000_000)
    view = view_of(scene.state)
    now, down = venue_margins(view, [Shock(BTC, -75_000)])
    # All that was paid in; 2 x 5 BTC and 2 x 20 ETH: 1,000,000 / 80 + 160,000 / 50.
    assert now.equity_micros == 10_020_000 * MICROS
    assert (now.notional_micros, now.maintenance_micros) == (1_160_000 * MICROS, 15_700 * MICROS)
    assert (now.shortfall_micros, now.deficit_micros) == (0, 0)
    assert now.bands == {HealthBand.HEALTHY: 3}
    # At 92,500 a has 2,500 against 2,756.25 and b 10,000 - 30,000 against 370,000 / 80 = 4,625; nothing is lost in sum.
    assert down.equity_micros == now.equity_micros
    assert down.shortfall_micros == (256_250_000 + 24_625_000_000)
    assert down.deficit_micros == 20_000 * MICROS
    assert down.bands == {HealthBand.LIQUIDATION: 1, HealthBand.BANKRUPT: 1, HealthBand.HEALTHY: 1}


@pytest.mark.spec("RISK-010")
def test_the_venues_own_positions_are_nobodys_risk() -> None:
    scene, a, maker = golden()
    # The vault takes both legs at mark, and the 1,500 that are left; the maker has the other side.
    scene.transfer_all(a)
    view = view_of(scene.state)
    (now,) = venue_margins(view, [])
    assert view.holdings[0].kind is AccountKind.BACKSTOP_VAULT
    assert len(view.holdings[0].legs) == 2
    assert now.notional_micros == 173_500 * MICROS
    assert now.equity_micros == scene.state.value(scene.account(maker)).equity_micros
    assert now.bands == {HealthBand.HEALTHY: 1}


@pytest.mark.spec("RISK-010")
def test_the_usual_grid_and_one_of_ones_own() -> None:
    assert chosen_shocks([]) == (-300_000, -200_000, -100_000, -50_000, 50_000, 100_000, 200_000, 300_000)
    assert chosen_shocks([20_000, -990_000, 1_000_000]) == (-990_000, 20_000, 1_000_000)
    assert grid([BTC, SOL], (-10, 10)) == [
        Shock(BTC, -10),
        Shock(BTC, 10),
        Shock(SOL, -10),
        Shock(SOL, 10),
        Shock(ALL_TOGETHER, -10),
        Shock(ALL_TOGETHER, 10),
    ]
    listed = Scene().state.instruments
    assert chosen_instruments(listed, []) == [BTC, ETH, SOL]
    assert chosen_instruments(listed, [SOL, BTC, SOL]) == [BTC, SOL]


@pytest.mark.spec("RISK-010")
@pytest.mark.parametrize(
    ("asked", "was", "allowed"),
    [
        ([50_000, 0], 0, -990_000),
        ([-990_001], -990_001, -990_000),
        ([1_000_001], 1_000_001, 1_000_000),
        (list(range(1, 18)), 17, 16),
        ([5, 6, 5], 3, 2),
    ],
)
def test_a_grid_outside_its_bounds_is_refused(asked: list[int], was: int, allowed: int) -> None:
    with pytest.raises(Refused) as refused:
        chosen_shocks(asked)
    assert (refused.value.reason, refused.value.was, refused.value.allowed) == (Reason.MALFORMED, was, allowed)


@pytest.mark.spec("RISK-010")
def test_an_instrument_that_is_not_listed_cannot_be_shocked() -> None:
    with pytest.raises(Refused) as refused:
        chosen_instruments(Scene().state.instruments, [BTC, 9])
    assert (refused.value.reason, refused.value.was) == (Reason.INSTRUMENT_UNKNOWN, 9)
