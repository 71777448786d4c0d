"""The leverage that an account chooses: what it moves, what refuses it, and what its credit lines say (MRGN-020)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, SOL, Scene
from wavetank.clearing.adapters.wire import leverage_messages, position_messages
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.credit import Line, budget_micros, standings, withdrawable_micros
from wavetank.clearing.core.margin_modes import Correlation, MarginMode, StressRamp
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.standing import LineRow
from wavetank.clearing.core.what_if import Holding, Shock, account_margins, margin_at, shocked_sums, view_of
from wavetank.model.events.clearing import LeverageChanged, LiquidationStarted
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.instrument import default_instruments
from wavetank.model.margin import MarginTier
from wavetank.model.reason import Reason
from wavetank.v1 import account_pb2

PRICE = 1_000_000
"""100 000 dollars of BTC, whose largest leverage is 40."""


def venue(dollars: int = 10_000, settings: ClearingSettings | None = None) -> tuple[Scene, int, int]:
    """Return a venue in which one account is long a BTC against another that is rich."""
    scene = Scene(settings=settings or ClearingSettings(withdrawal_floor_ppm=0))
    holder, other = scene.open(dollars), scene.open(50_000_000)
    scene.mark(BTC, PRICE)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, holder, other, 100_000, PRICE)
    scene.core.take_lines()
    return scene, holder, other


def choose(scene: Scene, account_id: int, instrument_id: int, leverage: int) -> None:
    scene.core.leverages.change(account_id, instrument_id, leverage)
    scene.keep()


def line_of(scene: Scene, account_id: int) -> Line:
    (line,) = (line for line in scene.core.take_lines() if line.account_id == account_id)
    return line


@pytest.mark.spec("MRGN-020")
def test_initial_margin_goes_by_the_choice_and_maintenance_margin_does_not() -> None:
    scene, holder, other = venue()
    value = scene.state.value(scene.account(holder))
    assert (value.initial_micros, value.maintenance_micros) == (2_500 * MICROS, 1_250 * MICROS)
    choose(scene, holder, BTC, 16)
    # 100 000 / 16.
    value = scene.state.value(scene.account(holder))
    assert (value.initial_micros, value.maintenance_micros) == (6_250 * MICROS, 1_250 * MICROS)
    assert withdrawable_micros(scene.state, scene.account(holder)) == 3_750 * MICROS
    assert scene.state.value(scene.account(other)).initial_micros == 2_500 * MICROS
    assert scene.all(LeverageChanged) == [LeverageChanged(BTC, holder, 16, 40)]
    (position,) = position_messages(scene.state, scene.account(holder))
    assert position.leverage == 16
    assert leverage_messages(scene.account(holder)) == [account_pb2.ChosenLeverage(instrument_id=BTC, leverage=16)]
    scene.assert_recoverable()
    scene.assert_recoverable(cut=scene.cuts[-1])


@pytest.mark.spec("MRGN-020", "MRGN-050")
def test_a_line_names_the_leverage_with_a_position_or_without() -> None:
    scene, holder, _ = venue()
    choose(scene, holder, BTC, 16)
    choose(scene, holder, SOL, 3)
    line = line_of(scene, holder)
    # The budget is equity; it is the row by which the shard charges more.
    assert line.budget_micros == 10_000 * MICROS
    assert line.rows == (LineRow(BTC, 100_000, PRICE, 16, 0), LineRow(SOL, 0, 0, 3, 0))
    # A row without a position has no price, so no mark of it makes the line stale.
    assert line.mark_time_ns == scene.state.marks[BTC].index_time_ns
    # Marks of SOL are no news for who holds none.
    scene.mark(SOL, 2_000_000)
    assert [line for line in scene.core.take_lines() if line.account_id == holder] == []


@pytest.mark.spec("MRGN-020", "MRGN-050")
def test_a_line_of_choices_alone_rests_on_no_mark() -> None:
    scene, _, _ = venue()
    flat = scene.open(100)
    choose(scene, flat, ETH, 2)
    line = line_of(scene, flat)
    assert line.rows == (LineRow(ETH, 0, 0, 2, 0),)
    assert line.mark_time_ns == 0


@pytest.mark.spec("MRGN-020")
def test_the_largest_is_followed_again_by_choosing_it() -> None:
    scene, holder, _ = venue()
    choose(scene, holder, BTC, 40)
    assert scene.all(LeverageChanged) == []
    choose(scene, holder, BTC, 20)
    choose(scene, holder, BTC, 20)
    choose(scene, holder, BTC, 40)
    assert [event.leverage for event in scene.all(LeverageChanged)] == [20, 40]
    assert scene.account(holder).leverages == {}
    assert line_of(scene, holder).rows == (LineRow(BTC, 100_000, PRICE, 40, 0),)
    # It is followed when an operator moves it; a choice below stands.
    choose(scene, holder, BTC, 20)
    listed = scene.state.instruments[BTC]
    for largest, found in ((10, 10), (30, 20)):
        for event in replace(listed, tiers=(MarginTier(0, largest),)).listing():
            scene.core._emit(event)
        scene.keep()
        (position,) = position_messages(scene.state, scene.account(holder))
        assert position.leverage == found
        assert scene.state.value(scene.account(holder)).initial_micros == 100_000 * MICROS // found
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-020")
def test_a_choice_above_a_largest_that_was_lowered_can_be_ended() -> None:
    scene, holder, _ = venue()
    choose(scene, holder, BTC, 20)
    listed = scene.state.instruments[BTC]
    for event in replace(listed, tiers=(MarginTier(0, 20),)).listing():
        scene.core._emit(event)
    choose(scene, holder, BTC, 20)
    assert scene.account(holder).leverages == {}


@pytest.mark.spec("MRGN-020")
def test_what_is_refused_changes_nothing() -> None:
    scene, holder, _ = venue()
    change = scene.core.leverages.change
    for leverage in (0, -1, 41):
        with pytest.raises(Refused, match="is 1 to 40") as refusal:
            change(holder, BTC, leverage)
        assert (refusal.value.reason, refusal.value.was, refusal.value.allowed) == (
            Reason.LEVERAGE_REFUSED,
            leverage,
            40,
        )
    # 100 000 / 10 is all that it has; / 9 would be 11 111.111112.
    with pytest.raises(Refused, match="would need") as refusal:
        change(holder, BTC, 9)
    assert (refusal.value.reason, refusal.value.was, refusal.value.allowed) == (
        Reason.LEVERAGE_REFUSED,
        11_111_111_112,
        10_000 * MICROS,
    )
    with pytest.raises(Refused) as refusal:
        change(holder, 99, 1)
    assert refusal.value.reason is Reason.INSTRUMENT_UNKNOWN
    with pytest.raises(Refused) as refusal:
        change(9_999, BTC, 1)
    assert refusal.value.reason is Reason.ACCOUNT_UNKNOWN
    with pytest.raises(Refused) as refusal:
        change(INSURANCE_FUND_ID, BTC, 1)
    assert refusal.value.reason is Reason.ACCOUNT_RESERVED
    assert scene.keep() == []
    choose(scene, holder, BTC, 10)


@pytest.mark.spec("MRGN-020", "MRGN-060")
def test_what_a_withdrawal_holds_covers_no_margin() -> None:
    scene, holder, _ = venue()
    scene.core.bank.withdraw(holder, 5_000 * MICROS, scene.now_ns)
    scene.keep()
    with pytest.raises(Refused) as refusal:
        scene.core.leverages.change(holder, BTC, 19)
    assert (refusal.value.reason, refusal.value.allowed) == (Reason.LEVERAGE_REFUSED, 5_000 * MICROS)
    choose(scene, holder, BTC, 20)


@pytest.mark.spec("MRGN-020")
def test_an_account_in_liquidation_keeps_its_leverage() -> None:
    scene, holder, _ = venue()
    choose(scene, holder, BTC, 20)
    # At 91 000 it has 1 000 of 1 137.5. Its choice liquidated it neither sooner nor later.
    scene.mark(BTC, 912_000)
    assert scene.all(LiquidationStarted) == []
    scene.mark(BTC, 910_000)
    assert [event.account_id for event in scene.all(LiquidationStarted)] == [holder]
    for leverage in (10, 40):
        with pytest.raises(Refused, match="being liquidated") as refusal:
            scene.core.leverages.change(holder, BTC, leverage)
        assert (refusal.value.reason, refusal.value.allowed) == (Reason.LEVERAGE_REFUSED, 20)


@pytest.mark.spec("MRGN-020", "MRGN-030")
def test_no_leverage_makes_a_better_hedge_of_a_leg() -> None:
    # Both move with the market and no haircut, no floor: the scenario mode needs |sum of margins|. Long 1.0 M of BTC is
    # 25 000 at 40x, short 0.9 M of ETH 36 000 at 25x: 11 000. At 20x and 18x both would be 50 000, and seem to need
    # nothing; what they ask for beyond the least, 25 000 and 14 000, comes on top instead.
    settings = ClearingSettings(
        withdrawal_floor_ppm=0,
        scenario_floor_ppm=0,
        scenario_haircut=StressRamp(0, 0),
        correlations={"BTC": Correlation("", 10**6), "ETH": Correlation("", 10**6)},
    )
    scene = Scene(settings=settings)
    holder, other = scene.open(200_000), scene.open(50_000_000)
    for instrument_id, ticks, lots in ((BTC, PRICE, 1_000_000), (ETH, 400_000, -2_250_000)):
        scene.mark(instrument_id, ticks)
        scene.trade(instrument_id, holder, other, lots, ticks)
    scene.core.bank.set_margin_mode(holder, MarginMode.SCENARIO)
    scene.keep()
    account = scene.account(holder)
    assert scene.state.value(account).initial_micros == 11_000 * MICROS
    choose(scene, holder, BTC, 20)
    choose(scene, holder, ETH, 18)
    value = scene.state.value(account)
    assert value.initial_micros == 50_000 * MICROS
    (stand,) = standings(scene.state, account)
    # By the rows the shard charges 100 000, of which the mode relieves as before: of 61 000 less 11 000.
    assert (stand.initial_micros, stand.relief_micros) == (50_000 * MICROS, 50_000 * MICROS)
    (held,) = view_of(scene.state, [account]).holdings
    assert account_margins(view_of(scene.state, [account]), held, ())[0].valuation == value


@pytest.mark.spec("MRGN-020", "MRGN-050")
def test_on_several_shards_a_lower_leverage_only_lowers_lines() -> None:
    core = Clearing(ClearingSettings(), epoch=1)
    core.begin(1, default_instruments(), 0, shards=2, placed={"BTC": 0, "ETH": 1, "SOL": 1})
    scene, holder, _ = venue()
    account_id = core.bank.open_account("alice", 10_000 * MICROS).account_id
    account = core.state.accounts[account_id]
    core.state.take_mark(BTC, scene.state.marks[BTC])
    position = scene.account(holder).positions[BTC]
    core.state.ledger.book(account.row, BTC, position.lots, position.cost_micros, 0)
    core.take_lines()
    before = standings(core.state, account)
    assert [budget_micros(before, shard) for shard in (0, 1)] == [5_000 * MICROS, 5_000 * MICROS]
    core.leverages.change(account_id, BTC, 16)
    core.leverages.change(account_id, ETH, 5)
    after = standings(core.state, account)
    # 6 250 are needed on shard 0, which has 5 000; shard 1 spares the rest, and nobody is given what it loses.
    assert [stand.initial_micros for stand in after] == [6_250 * MICROS, 0]
    assert [budget_micros(after, shard) for shard in (0, 1)] == [5_000 * MICROS, 3_750 * MICROS]
    assert {line.shard: line.rows for line in core.take_lines() if line.account_id == account_id} == {
        0: (LineRow(BTC, 100_000, PRICE, 16, 0),),
        1: (LineRow(ETH, 0, 0, 5, 0),),
    }


@pytest.mark.spec("MRGN-020", "RISK-010")
def test_what_would_be_goes_by_the_choice() -> None:
    scene, holder, _ = venue()
    choose(scene, holder, BTC, 16)
    view = view_of(scene.state, [scene.account(holder)])
    (held,) = view.holdings
    assert held == Holding.of(scene.state, scene.account(holder))
    now = account_margins(view, held, ())[0]
    assert now.valuation == scene.state.value(scene.account(holder))
    assert now.legs[0].initial_micros == 6_250 * MICROS
    shock = Shock(BTC, -40_000)
    # 96 000 / 16.
    assert margin_at(view, held, shock).valuation.initial_micros == 6_000 * MICROS
    assert shocked_sums(held, now.valuation, shock).initial_micros == 6_000 * MICROS


@pytest.mark.spec("MRGN-020", "MRGN-030")
def test_an_isolated_account_names_a_leverage_where_it_trades_alone() -> None:
    scene = Scene()
    account_id = scene.core.bank.open_account("isolated", 1_000 * MICROS, isolated_instrument_id=BTC).account_id
    scene.core.leverages.change(account_id, BTC, 5)
    scene.keep()
    with pytest.raises(Refused) as refusal:
        scene.core.leverages.change(account_id, ETH, 5)
    assert (refusal.value.reason, refusal.value.allowed) == (Reason.ISOLATED_ELSEWHERE, BTC)
