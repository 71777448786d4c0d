"""The contagion of collateral: a fall of what was given closes what was bought with it (RISK-020, MRGN-080)."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.contagion import ForcedClose, contagion
from wavetank.clearing.core.margin_schemes import MarginScheme, compare
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.what_if import NO_SHOCK, Shock, account_margins, margin_at, venue_margins, view_of
from wavetank.model.orders import CommandKind

LONG = 10**6
"""Lots of ETH: 100 ETH, 400,000 dollars, with a margin of 8,000."""


def venue(lots: int = 10_000, terms: CollateralTerms | None = None) -> tuple[Scene, int]:
    """Return a scene with an account without cash, long ETH on so many lots of BTC; each counts 0.9 dollars."""
    scene = Scene(settings=ClearingSettings(collateral={"BTC": terms or CollateralTerms(weight_ppm=900_000)}))
    a, maker = scene.open(0), scene.open(10_000_000)
    # The index is a little above the mark.
    scene.mark(BTC, 999_000, index_ticks=1_000_000)
    scene.mark(ETH, 400_000)
    scene.core.collateral.deposit(a, BTC, lots)
    scene.keep()
    scene.trade(ETH, a, maker, LONG, 400_000)
    return scene, a


@pytest.mark.spec("RISK-020", "MRGN-080")
def test_a_fall_of_collateral_closes_the_leg_that_rests_on_it() -> None:
    scene, a = venue()
    view = view_of(scene.state)
    now, small, large, other = contagion(view, [Shock(BTC, -100_000), Shock(BTC, -200_000), Shock(ETH, -2_000)])
    # 9,000 against 8,000: nothing closes. At a tenth less it is 8,100, still enough.
    assert (now.accounts, small.accounts) == (0, 0)
    # At a fifth less it is 7,200: a fifth of the leg, above 100,000 dollars, goes first, and 6,400 are needed.
    assert large.closes == (ForcedClose(ETH, LONG // 5, 80_000 * MICROS, 0),)
    assert large.elsewhere_micros == 80_000 * MICROS
    # 800 dollars of a fall of ETH itself: 8,200 against 7,984.
    assert other.accounts == 0
    # And so it comes: the same move of the index makes clearing send the order that the matrix told.
    scene.mark(BTC, 799_200, index_ticks=800_000)
    scene.cancelled(a)
    _, request = scene.request(a)
    assert (request.command, request.instrument_id, request.size_lots) == (CommandKind.LIQUIDATE, ETH, LONG // 5)
    assert scene.state.health(scene.account(a)) == (7_200 * MICROS, 8_000 * MICROS)


@pytest.mark.spec("RISK-020", "LIQ-055")
def test_far_below_margin_all_goes_unless_a_cap_hid_what_saves_it() -> None:
    scene, _ = venue()
    (_, row) = contagion(view_of(scene.state), [Shock(BTC, -500_000)])
    assert row.closes == (ForcedClose(ETH, LONG, 400_000 * MICROS, 400_000 * MICROS),)
    # 20,000 lots would count 9,000 then; a cap of 4,500 hides half of it, until it is sold.
    scene, _ = venue(20_000, CollateralTerms(weight_ppm=900_000, cap_micros=4_500 * MICROS))
    (_, row) = contagion(view_of(scene.state), [Shock(BTC, -500_000)])
    assert row.closes == ()


@pytest.mark.spec("RISK-010", "MRGN-080")
def test_an_account_s_grid_moves_its_collateral_too() -> None:
    scene, a = venue()
    (holding,) = view_of(scene.state, [scene.account(a)]).holdings
    view = view_of(scene.state, [scene.account(a)])
    rows = {(row.shock.instrument_id, row.shock.shock_ppm): row for row in account_margins(view, holding, [-100_000])}
    # Now, BTC alone, ETH alone, and both: collateral 9,000 or 8,100, a leg that loses 40,000 or nothing.
    equities = [row.valuation.equity_micros for row in rows.values()]
    assert equities == [9_000 * MICROS, 8_100 * MICROS, -31_000 * MICROS, -31_900 * MICROS]
    assert list(rows) == [(0, 0), (BTC, -100_000), (ETH, -100_000), (0, -100_000)]
    # Without a shock every number is the ledger's.
    assert margin_at(view, holding, NO_SHOCK).valuation == scene.state.value(scene.account(a))


@pytest.mark.spec("RISK-010", "MRGN-080")
def test_all_clients_together_have_their_collateral() -> None:
    scene, _ = venue()
    now, shocked = venue_margins(view_of(scene.state), [Shock(BTC, -200_000)])
    assert now.equity_micros == (10_000_000 + 9_000) * MICROS
    assert shocked.equity_micros == (10_000_000 + 7_200) * MICROS
    assert (now.shortfall_micros, shocked.shortfall_micros) == (0, 800 * MICROS)


@pytest.mark.spec("RISK-030", "MRGN-080")
def test_a_comparison_of_modes_counts_collateral_but_for_isolated_legs() -> None:
    scene, a = venue()
    view = view_of(scene.state, [scene.account(a)])
    found = compare(view, view.holdings[0], [Shock(BTC, -200_000)])
    assert [row.equity_micros for row in found[MarginScheme.CROSS_GROSS]] == [9_000 * MICROS, 7_200 * MICROS]
    # The leg alone has its initial margin, 16,000, and no BTC.
    assert [row.equity_micros for row in found[MarginScheme.ISOLATED]] == [16_000 * MICROS, 16_000 * MICROS]
