"""Margins and accounts as venues published them, beside those of `test_vectors.py` (MRGN-010, MRGN-020, MRGN-030)."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.model.scripted_shard import MICROS, Scene
from tests.model.worked_cases import CaseFile, assert_close, each, whole
from wavetank.clearing.core.credit import withdrawable_micros
from wavetank.clearing.core.margin_modes import ModeLeg, isolated_micros
from wavetank.clearing.core.open_interest import open_interest_share_ppm
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.valuation import value_account
from wavetank.clearing.core.waterfall.case import Case
from wavetank.clearing.core.waterfall.deleverage import DeleverageStage
from wavetank.clearing.core.waterfall.policies.candidate import Candidate, Score
from wavetank.clearing.core.waterfall.policies.in_turn import allot_in_turn
from wavetank.model.events.clearing import AdlRanked
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTable, MarginTier

if TYPE_CHECKING:
    from collections.abc import Sequence

# Instruments in whole units: a lot is one, a tick a micro-dollar.


def in_units(*tiers: MarginTier) -> Instrument:
    return Instrument(instrument_id=1, symbol="X", size_decimals=0, tiers=tiers)


# Vega


@each("VG-MM-1")
@pytest.mark.spec("MRGN-020")
def test_slippage_and_risk_are_one_rate_of_a_tier(case: CaseFile) -> None:
    given = case["inputs"]
    rate_ppm = whole(given["linear_slippage"], 10**6) + whole(given["risk_factor"], 10**6)
    listed = in_units(MarginTier(0, 1, rate_ppm))
    value = value_account(0, [(listed, given["position"], 0)], lambda _: given["mark"] * MICROS)
    assert_close(Fraction(value.maintenance_micros, MICROS), case["expected"]["maintenance_margin"], case["tolerance"])


@each("VG-ISO-1", "VG-ISO-3")
@pytest.mark.spec("MRGN-020", "MRGN-030")
def test_an_isolated_leg_holds_its_own_rate(case: CaseFile) -> None:
    """The margin factor is the rate that the tier names."""
    given = case["inputs"]
    listed = in_units(MarginTier(0, 1, whole(given["margin_factor"], 10**6)))
    value = value_account(0, [(listed, given["size"], 0)], lambda _: given["price"] * MICROS)
    (margin,) = isolated_micros([ModeLeg(leg.maintenance_micros) for leg in value.legs])
    assert_close(Fraction(margin, MICROS), case["expected"]["margin"], case["tolerance"])


@each("VG-MTM-1")
@pytest.mark.spec("MRGN-010")
def test_what_a_mark_makes_of_two_trades(case: CaseFile) -> None:
    scene = Scene(instruments=(in_units(MarginTier(0, 1)),))
    buyer = scene.open(10_000)
    sellers = []
    for lots, price in case["inputs"]["buyer_trades"]:
        sellers.append(scene.open(10_000))
        scene.trade(1, buyer, sellers[-1], lots, price * MICROS)
    scene.mark(1, case["inputs"]["mark"] * MICROS)
    gains = [scene.state.value(scene.account(holder)).leg(1).unrealised_micros for holder in (buyer, *sellers)]
    expected = case["expected"]
    assert gains == [expected[name] * MICROS for name in ("buyer", "seller_1000", "seller_1010")]


# dYdX


@each("DX-OIMF-1", "DX-OIMF-3", "DX-OIMF-5")
@pytest.mark.spec("MRGN-020")
def test_initial_margin_by_open_interest(case: CaseFile) -> None:
    """Two bases are a leverage of 5; the other is no leverage, but a half and a share of the other half."""
    given = case["inputs"]
    listed = replace(
        in_units(MarginTier(0, 5)),
        scaling_begins_micros=given["oi_lower_cap"],
        scaling_full_micros=given["oi_upper_cap"],
    )
    leverage, share_ppm = 5, open_interest_share_ppm(listed, given["open_interest_notional"])
    if given["base_im_ppm"] != 200_000:
        # 0.567243 = 0.5 + 0.134486 x 0.5
        assert (share_ppm, given["base_im_ppm"]) == (0, 567_243)
        leverage, share_ppm = 2, 134_486
    margin = listed.margin.initial_micros(given["position_notional"], leverage, share_ppm)
    assert margin == case["expected"]["initial_margin"]


# BitMEX


class GivenScores:
    """Ranks by scores from elsewhere."""

    def __init__(self, scores: dict[int, int]) -> None:
        self._scores = scores

    def score(self, candidate: Candidate) -> Score:
        return Score(self._scores[candidate.account_id], 1)

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        return sorted(range(len(candidates)), key=lambda index: -self._scores[candidates[index].account_id])

    def allot(self, ranking: Sequence[Candidate], lots: int) -> list[int]:
        return allot_in_turn(ranking, lots)


@each("BX-ADL-1")
@pytest.mark.spec("LIQ-080")
def test_a_queue_is_served_by_rank_until_the_size_is_covered(case: CaseFile) -> None:
    """The case gives the scores. Its short of 20, sold at 600, is bankrupt at 650 with 1 000 dollars of cash."""
    given = case["inputs"]
    scene = Scene(
        settings=ClearingSettings(vault_enabled=False, fund_enabled=False),
        instruments=(in_units(MarginTier(0, 5, 100_000)),),
    )
    size, bankruptcy = given["liquidated_short"], given["bankruptcy_price"] * MICROS
    short, other = scene.open(1_000), scene.open(1_000_000)
    scene.mark(1, 600 * MICROS)
    names: dict[int, int] = {}
    scores: dict[int, int] = {}
    for long in given["longs"]:
        account_id = scene.open(1_000_000)
        names[account_id], scores[account_id] = long["account"], long["rank_score"]
        scene.trade(1, account_id, other, long["qty"], 600 * MICROS)
    scene.trade(1, other, short, size, 600 * MICROS)
    # At 655 it has lost 1 100 dollars, a hundred more than it had: 5 dollars of each of its 20.
    scene.mark(1, 655 * MICROS)
    account = scene.account(short)
    assert account.liquidation is not None
    scene.cancelled(short)
    account.liquidation.pending.clear()
    before = len(scene.log)
    DeleverageStage(GivenScores(scores)).act(Case(scene.state, account, scene.now_ns, scene.core._emit))
    scene.keep()
    ranked = [logged.event for logged in scene.log[before:] if isinstance(logged.event, AdlRanked)]
    assert [names[line.account_id] for line in ranked] == [2, 5, 4, 1, 6, 3]
    expected = case["expected"]
    assert [[names[line.account_id], -line.delta_lots] for line in ranked if line.delta_lots] == expected["deleveraged"]
    moves = [(request.size_lots, request.value_micros) for _, request in scene.requests(short)]
    assert [value for _, value in moves] == [lots * bankruptcy for lots, _ in moves]
    assert bankruptcy == expected["price"] * MICROS


# Binance's tiers

LARGEST_NOTIONAL = 2**55
"""Of an account in an instrument, in micro-dollars."""
Tier = dict[str, Any]


@cache
def binance_tiers(path: Path) -> dict[str, list[Tier]]:
    return dict(json.loads(gzip.decompress(path.read_bytes())))


@pytest.fixture
def tiers(market_data: Path) -> dict[str, list[Tier]]:
    path = market_data / "margin_tiers" / "binance_leverage_tiers.json.gz"
    if not path.is_file():
        pytest.skip(f"the margin tiers are not on this machine: {path} is missing")
    return binance_tiers(path)


def table_of(tiers: list[Tier]) -> MarginTable:
    """Return our table of a symbol's tiers; `cum` is not told to it."""
    return MarginTable(
        [
            MarginTier(
                whole(tier["info"]["notionalFloor"], MICROS),
                whole(tier["info"]["initialLeverage"], 1),
                whole(tier["info"]["maintMarginRatio"], 10**6),
            )
            for tier in tiers
        ]
    )


@pytest.mark.spec("MRGN-020")
def test_deductions_of_349_symbols_are_those_published(tiers: dict[str, list[Tier]]) -> None:
    assert len(tiers) == 349
    compared = 0
    for symbol, published in tiers.items():
        table = table_of(published)
        for tier, (_, _, deduction) in zip(published, table.lines, strict=True):
            wanted = whole(tier["info"]["cum"], MICROS)
            assert Fraction(deduction, table.denominator) == wanted, f"{symbol}, tier {tier['tier']}"
            compared += 1
    assert compared == 2_805


@pytest.mark.spec("MRGN-020")
def test_maintenance_margins_of_349_symbols_are_those_published(tiers: dict[str, list[Tier]]) -> None:
    """Binance's is `notional x rate - cum`; a micro-dollar of notional is the least that can be held."""
    for symbol, published in tiers.items():
        table = table_of(published)
        for tier in published:
            info = tier["info"]
            lower, upper = (whole(info[name], MICROS) for name in ("notionalFloor", "notionalCap"))
            # Some last tiers are open; a notional is not.
            upper = min(upper, LARGEST_NOTIONAL)
            rate_ppm, cum = whole(info["maintMarginRatio"], 10**6), whole(info["cum"], MICROS)
            for notional in (lower, lower + 1, (lower + upper) // 2, upper - 1):
                wanted = -(-(notional * rate_ppm - cum * 10**6) // 10**6)
                assert table.maintenance_micros(notional) == wanted, f"{symbol}, {notional} micro-dollars"


@pytest.mark.spec("MRGN-020")
def test_maintenance_margin_is_continuous_at_every_boundary(tiers: dict[str, list[Tier]]) -> None:
    boundaries = 0
    for symbol, published in tiers.items():
        table = table_of(published)
        for index, (below, above) in enumerate(pairwise(published), start=1):
            assert below["info"]["notionalCap"] == above["info"]["notionalFloor"], symbol
            boundary = whole(above["info"]["notionalFloor"], MICROS)
            # One micro-dollar of notional more never asks for more than one of margin more, from either side.
            left, at, right = (table.maintenance_micros(boundary + step) for step in (-1, 0, 1))
            assert left <= at <= left + 1, f"{symbol} at {boundary}"
            assert at <= right <= at + 1, f"{symbol} at {boundary}"
            # Both lines meet there, exactly.
            (_, rate, deduction), (_, next_rate, next_deduction) = table.lines[index - 1 : index + 1]
            assert boundary * rate - deduction == boundary * next_rate - next_deduction, f"{symbol} at {boundary}"
            boundaries += 1
    assert boundaries == 2_805 - 349


# An account of Hyperliquid whose money is borrowed against its position


@pytest.mark.spec("MRGN-010", "MRGN-060")
def test_an_account_with_less_cash_than_its_position_cost(market_data: Path) -> None:
    path = market_data / "venue_payloads" / "hyperliquid" / "http_clearinghouse_state_negative_total_raw_usd.json"
    if not path.is_file():
        pytest.skip(f"recorded accounts are not on this machine: {path} is missing")
    recorded = json.loads(path.read_text(encoding="utf-8"))
    money = {name: whole(text, MICROS) for name, text in recorded["crossMarginSummary"].items()}

    # 963.798764 of 24 094.9691 is a 25th. 25 lots at 963.798764 are worth 24 094.9691; bought at 974.357529 they cost
    # 24 358.938225, which is 2 000 dollars of cash and the 22 358.938225 that are recorded as missing.
    scene = Scene(settings=ClearingSettings(withdrawal_floor_ppm=0), instruments=(in_units(MarginTier(0, 25)),))
    holder, other = scene.open(2_000), scene.open(100_000)
    scene.trade(1, holder, other, 25, 974_357_529)
    scene.mark(1, 963_798_764)
    account = scene.account(holder)
    value = scene.state.value(account)
    assert value.notional_micros == money["totalNtlPos"]
    assert account.cash_micros - account.positions[1].cost_micros == money["totalRawUsd"]
    assert value.equity_micros == money["accountValue"] == money["totalNtlPos"] + money["totalRawUsd"]
    assert value.initial_micros == money["totalMarginUsed"]
    assert withdrawable_micros(scene.state, account) == whole(recorded["withdrawable"], MICROS)
    assert whole(recorded["withdrawable"], MICROS) == money["accountValue"] - money["totalMarginUsed"]
