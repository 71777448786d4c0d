"""An account's margin mode: what it owes, may commit and withdraw, and how it is liquidated (MRGN-030).

The account is long 1.0M dollars of BTC at 50x, short 0.9M of ETH at 25x and long 0.1M of SOL at 20x: initial margins of
20 000, 36 000 and 5 000, maintenance margins of half of that. With c = 0.35 the group needs 43 500 instead of 61 000.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, SOL, Scene
from wavetank.clearing.adapters.wire import position_messages
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.credit import Line, budget_micros, standings, withdrawable_micros
from wavetank.clearing.core.margin_modes import Correlation, MarginMode, StressRamp
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.snapshot import dump, load
from wavetank.clearing.core.waterfall.case import Case
from wavetank.clearing.core.waterfall.deleverage import Promise, capacity_lots, loss_bound
from wavetank.model.events.clearing import (
    GroupCorrelated,
    HaircutsSet,
    InstrumentCorrelated,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationStepped,
    MarginModeChanged,
    MarginModeConfirmed,
    MarginModeKept,
)
from wavetank.model.events.matching import CreditApplied
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.invariant import InvariantBroken
from wavetank.model.margin import MarginTier
from wavetank.model.orders import CommandKind, LineCharge
from wavetank.model.reason import Reason

BTC_50, ETH_25, SOL_20 = (
    replace(listed, tiers=(MarginTier(0, leverage),), shard=0)
    for listed, leverage in zip(default_instruments(), (50, 25, 20), strict=True)
)
PRICES = {BTC: 1_000_000, ETH: 400_000, SOL: 2_000_000}
"""100 000, 4 000 and 200 dollars."""
LOTS = {BTC: 1_000_000, ETH: -2_250_000, SOL: 50_000}
"""10 BTC, 225 ETH and 500 SOL."""


def hedged(dollars: int = 50_000, settings: ClearingSettings | None = None) -> tuple[Scene, int]:
    """Return a venue and the account, gross so far; everybody else is rich."""
    scene = Scene(settings=settings or ClearingSettings(withdrawal_floor_ppm=0), instruments=(BTC_50, ETH_25, SOL_20))
    holder, other = scene.open(dollars), scene.open(50_000_000)
    for instrument_id, ticks in PRICES.items():
        scene.mark(instrument_id, ticks)
        scene.trade(instrument_id, holder, other, LOTS[instrument_id], ticks)
    return scene, holder


def choose(scene: Scene, account_id: int, mode: MarginMode) -> None:
    scene.core.bank.set_margin_mode(account_id, mode)
    scene.keep()


def line_of(scene: Scene, account_id: int) -> Line:
    (line,) = (line for line in scene.core.take_lines() if line.account_id == account_id)
    return line


@pytest.mark.spec("MRGN-030")
@pytest.mark.parametrize(
    ("mode", "initial", "maintenance"),
    [
        (MarginMode.GROSS, "61000", "30500"),
        (MarginMode.GROUP_OFFSET, "43500", "21750"),
        (MarginMode.SCENARIO, "35759.273", "17879.637"),
    ],
)
def test_both_margins_go_by_the_mode(mode: MarginMode, initial: str, maintenance: str) -> None:
    scene, holder = hedged()
    choose(scene, holder, mode)
    value = scene.state.value(scene.account(holder))
    assert round(Fraction(value.initial_micros, MICROS), 3) == Fraction(initial)
    assert round(Fraction(value.maintenance_micros, MICROS), 3) == Fraction(maintenance)
    # Each leg's own margin stays what it is.
    assert [leg.maintenance_micros for leg in value.legs] == [10_000 * MICROS, 18_000 * MICROS, 2_500 * MICROS]
    # What closing legs may lose is what is there, in every mode.
    assert line_of(scene, holder).equity_micros == 50_000 * MICROS


@pytest.mark.spec("MRGN-030", "MRGN-050", "MRGN-060")
def test_relief_can_be_committed_and_withdrawn() -> None:
    scene, holder = hedged()
    account = scene.account(holder)
    line = line_of(scene, holder)
    assert (line.budget_micros, line.charge) == (50_000 * MICROS, LineCharge.GROSS)
    assert withdrawable_micros(scene.state, account) == 0
    choose(scene, holder, MarginMode.GROUP_OFFSET)
    line = line_of(scene, holder)
    # 50 000 - 43 500 + 61 000: the shard charges 61 000 of it at once, and 6 500 are left.
    assert (line.budget_micros, line.charge) == (67_500 * MICROS, LineCharge.GROUP_OFFSET)
    assert withdrawable_micros(scene.state, account) == 6_500 * MICROS
    scene.core.bank.withdraw(holder, 6_000 * MICROS, scene.now_ns)
    scene.keep()
    lowered = line_of(scene, holder)
    assert (lowered.budget_micros, lowered.acknowledge) == (61_500 * MICROS, True)
    scene.credit_applied(holder, lowered.line_number, 61_000 * MICROS)
    assert scene.cash(holder) == 44_000 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-030", "MRGN-050")
def test_a_withdrawal_that_open_orders_need_is_refused_in_an_offset_mode_too() -> None:
    scene, holder = hedged()
    choose(scene, holder, MarginMode.SCENARIO)
    scene.core.bank.withdraw(holder, 14_000 * MICROS, scene.now_ns)
    scene.keep()
    line = line_of(scene, holder)
    assert line.charge == LineCharge.SCENARIO
    # 50 000 - 14 000 - 35 759.27 + 61 000 = 61 240.73 are left, an order commits 500 beside the 61 000.
    scene.credit_applied(holder, line.line_number, 61_500 * MICROS)
    assert scene.cash(holder) == 50_000 * MICROS


@pytest.mark.spec("MRGN-030")
def test_who_may_change_the_mode_and_when() -> None:
    scene, holder = hedged()
    bank = scene.core.bank
    with pytest.raises(Refused) as refusal:
        bank.set_margin_mode(holder, MarginMode.ISOLATED)
    assert refusal.value.reason is Reason.MARGIN_MODE_REFUSED
    with pytest.raises(Refused) as refusal:
        bank.set_margin_mode(INSURANCE_FUND_ID, MarginMode.SCENARIO)
    assert refusal.value.reason is Reason.ACCOUNT_RESERVED
    with pytest.raises(Refused) as refusal:
        bank.set_margin_mode(9_999, MarginMode.SCENARIO)
    assert refusal.value.reason is Reason.ACCOUNT_UNKNOWN
    # From gross on at any time, and the same again is no event.
    choose(scene, holder, MarginMode.SCENARIO)
    choose(scene, holder, MarginMode.SCENARIO)
    assert [event.mode for event in scene.all(MarginModeChanged)] == [MarginMode.SCENARIO]
    # Without the relief its legs need 61 000 and it has 50 000.
    for mode in (MarginMode.GROSS, MarginMode.GROUP_OFFSET):
        with pytest.raises(Refused) as refusal:
            bank.set_margin_mode(holder, mode)
        assert refusal.value.reason is Reason.MARGIN_MODE_REFUSED
        assert (refusal.value.was, refusal.value.allowed) == (61_000 * MICROS, 50_000 * MICROS)
    flat = scene.open(100)
    choose(scene, flat, MarginMode.SCENARIO)
    choose(scene, flat, MarginMode.GROUP_OFFSET)
    choose(scene, flat, MarginMode.GROSS)
    assert scene.account(flat).margin_mode is MarginMode.GROSS
    scene.assert_recoverable()


def leaving(dollars: int = 70_000) -> tuple[Scene, int, Line]:
    """Return a venue, an account that has asked to leave its offset mode with positions, and the line of that."""
    scene, holder = hedged(dollars)
    choose(scene, holder, MarginMode.GROUP_OFFSET)
    scene.core.take_lines()
    choose(scene, holder, MarginMode.GROSS)
    return scene, holder, line_of(scene, holder)


@pytest.mark.spec("MRGN-030", "MRGN-050")
def test_an_offset_mode_is_left_when_the_shard_covers_the_sum_of_the_margins() -> None:
    scene, holder, line = leaving()
    # The line is gross at once: 70 000, of which the positions commit 61 000. Health goes by the old mode still.
    assert (line.budget_micros, line.charge, line.acknowledge) == (70_000 * MICROS, LineCharge.GROSS, True)
    assert scene.state.value(scene.account(holder)).initial_micros == 43_500 * MICROS
    for call in (
        lambda: scene.core.bank.set_margin_mode(holder, MarginMode.SCENARIO),
        lambda: scene.core.bank.withdraw(holder, 1, scene.now_ns),
    ):
        with pytest.raises(Refused):
            call()
    scene.assert_recoverable()
    # An acknowledgement of the line before says nothing of this one.
    scene.credit_applied(holder, line.line_number - 1, 0)
    assert scene.account(holder).margin_mode is MarginMode.GROUP_OFFSET
    scene.credit_applied(holder, line.line_number, 70_000 * MICROS)
    assert scene.account(holder).margin_mode is MarginMode.GROSS
    assert scene.state.value(scene.account(holder)).initial_micros == 61_000 * MICROS
    assert not line_of(scene, holder).acknowledge
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-030", "MRGN-050")
def test_a_mode_is_kept_when_orders_commit_what_it_needs() -> None:
    scene, holder, line = leaving()
    scene.credit_applied(holder, line.line_number, 70_000 * MICROS + 1)
    kept = scene.last(MarginModeKept)
    assert (kept.mode, kept.reason) == (MarginMode.GROSS, Reason.MARGIN_MODE_REFUSED)
    assert scene.account(holder).margin_mode is MarginMode.GROUP_OFFSET
    # 70 000 - 43 500 + 61 000: the relief is back.
    assert line_of(scene, holder).budget_micros == 87_500 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-030")
def test_a_mode_is_kept_when_the_mark_took_the_margin_meanwhile() -> None:
    scene, holder, line = leaving(62_000)
    # BTC falls by a hundredth: 10 000 lost, 52 000 left of the 60 800 that are needed.
    scene.mark(BTC, 990_000)
    scene.credit_applied(holder, line.line_number, 0)
    assert scene.last(MarginModeKept).account_id == holder
    assert scene.account(holder).margin_mode is MarginMode.GROUP_OFFSET


@pytest.mark.spec("MRGN-030", "LIQ-030")
def test_a_liquidation_ends_a_change_of_mode() -> None:
    scene, holder, line = leaving(62_000)
    # 45 000 lost: 17 000 are below the 21 300 of the old mode.
    scene.mark(BTC, 955_000)
    assert scene.account(holder).liquidation is not None
    scene.credit_applied(holder, line.line_number, 0)
    assert scene.last(MarginModeKept).reason == Reason.ACCOUNT_FROZEN
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-030", "INV-100")
def test_a_change_of_mode_survives_a_restart() -> None:
    scene, holder, _ = leaving()
    scene.restart()
    line = line_of(scene, holder)
    assert (line.charge, line.acknowledge, line.line_epoch) == (LineCharge.GROSS, True, 2)
    scene.credit_applied(holder, line.line_number, 0, epoch=2)
    assert scene.account(holder).margin_mode is MarginMode.GROSS


@pytest.mark.spec("MRGN-030", "MRGN-050")
def test_an_account_that_is_flat_by_now_leaves_an_offset_mode_by_acknowledgement_too() -> None:
    scene, holder = hedged()
    choose(scene, holder, MarginMode.GROUP_OFFSET)
    for instrument_id, ticks in PRICES.items():
        scene.trade(instrument_id, holder, holder + 1, -LOTS[instrument_id], ticks)
    scene.core.take_lines()
    # Its shard may open both legs again under the line before, which knows them.
    choose(scene, holder, MarginMode.GROSS)
    assert scene.account(holder).margin_mode is MarginMode.GROUP_OFFSET
    scene.credit_applied(holder, line_of(scene, holder).line_number, 0)
    assert scene.account(holder).margin_mode is MarginMode.GROSS


@pytest.mark.spec("MRGN-030")
def test_every_shard_must_cover_a_change_of_mode() -> None:
    scene, holder = hedged(100_000)
    scene.core.begin(scene.now_ns, [], 0, shards=2)
    choose(scene, holder, MarginMode.SCENARIO)
    scene.core.take_lines()
    choose(scene, holder, MarginMode.GROUP_OFFSET)
    lines = {line.shard: line for line in scene.core.take_lines() if line.account_id == holder}
    for shard, expected in ((1, MarginMode.SCENARIO), (0, MarginMode.GROUP_OFFSET)):
        fact = CreditApplied(0, holder, 1, lines[shard].line_number, 0)
        scene.core.on_matching(scene.now_ns, scene.state.matching_seqs[shard] + 1, [fact], shard)
        scene.keep()
        assert scene.account(holder).margin_mode is expected
    assert [event.shard for event in scene.all(MarginModeConfirmed)] == [1]
    assert dump(load(dump(scene.state), scene.settings)) == dump(scene.state)


@pytest.mark.spec("MRGN-030")
def test_an_account_in_liquidation_keeps_its_mode() -> None:
    scene, holder = hedged()
    scene.mark(BTC, 970_000)
    assert scene.account(holder).liquidation is not None
    with pytest.raises(Refused) as refusal:
        scene.core.bank.set_margin_mode(holder, MarginMode.SCENARIO)
    assert refusal.value.reason is Reason.ACCOUNT_FROZEN


# Terms


@pytest.mark.spec("MRGN-030")
def test_terms_stand_in_the_log_and_change_with_the_settings() -> None:
    scene, _ = hedged()
    assert [(event.group, event.correlation_ppm) for event in scene.all(GroupCorrelated)] == [(b"majors", 790_000)]
    assert [(event.instrument_id, event.correlation_ppm) for event in scene.all(InstrumentCorrelated)] == [
        (BTC, 950_000),
        (ETH, 920_000),
        (SOL, 850_000),
    ]
    # The haircuts are those that hold without a word.
    assert scene.all(HaircutsSet) == []
    scene.settings = replace(
        scene.settings,
        correlations={"BTC": Correlation("coins", 900_000), "ETH": Correlation("majors", 920_000)},
        groups_ppm={"coins": 500_000, "majors": 790_000},
        scenario_haircut=StressRamp(100_000, 200_000),
    )
    before = len(scene.log)
    scene.restart()
    written = [logged.event for logged in scene.log[before:]]
    assert [type(event) for event in written[:4]] == [
        HaircutsSet,
        GroupCorrelated,
        InstrumentCorrelated,
        InstrumentCorrelated,
    ]
    terms = scene.state.offset_terms
    assert terms.instruments == {
        BTC: Correlation("coins", 900_000),
        ETH: Correlation("majors", 920_000),
        SOL: Correlation("", 0),
    }
    assert terms.scenario_haircut == StressRamp(100_000, 200_000)
    assert load(dump(scene.state), scene.settings).offset_terms == terms
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-030")
def test_an_instrument_of_a_group_that_is_not_there_breaks_the_log() -> None:
    scene, _ = hedged()
    event = InstrumentCorrelated(instrument_id=BTC, account_id=0, group=b"memes", correlation_ppm=1)
    with pytest.raises(InvariantBroken, match="group memes that is not there"):
        scene.state.apply(event, 1_000, scene.now_ns)


# Stress


@pytest.mark.spec("MRGN-030")
def test_a_mark_that_leaves_its_index_tightens_the_margin() -> None:
    scene, holder = hedged()
    choose(scene, holder, MarginMode.GROUP_OFFSET)
    account = scene.account(holder)
    assert scene.state.stress_ppm(account) == 0
    # 200 dollars against an index of 195 are 25 642 ppm, of a ramp from 5 000 to 50 000: 45.87 % of a half, so 229 356
    # are cut off 790 000: 1 - 2c = 1 - (0.79 x 0.770644 - 0.3) / 0.7 = 0.558845, and 36 000 + 25 000 x that.
    scene.mark(SOL, 2_000_000, index_ticks=1_950_000)
    assert scene.state.stress_ppm(account) == 25_642
    assert round(Fraction(scene.state.value(account).initial_micros, MICROS), 1) == Fraction("49971.1")
    # Who is gross does not notice.
    other = scene.account(holder + 1)
    assert scene.state.value(other).initial_micros == 61_000 * MICROS


@pytest.mark.spec("MRGN-030", "LIQ-010")
def test_stress_is_frozen_with_the_marks() -> None:
    scene, holder = hedged(46_000)
    choose(scene, holder, MarginMode.GROUP_OFFSET)
    # BTC falls by 2.5 %: 21 000 are left. Its margin is 9 750: 18 000 + 0.3 x 12 250 = 21 675 are needed.
    scene.mark(BTC, 975_000)
    scene.cancelled(holder)
    account = scene.account(holder)
    assert account.liquidation is not None
    assert account.liquidation.stress_ppm == 0
    scene.mark(SOL, 2_000_000, index_ticks=1_950_000)
    case = Case(scene.state, account, scene.now_ns, scene.core._emit)
    assert case.value().maintenance_micros == 21_675 * MICROS
    assert scene.state.value(account).maintenance_micros > 21_675 * MICROS
    scene.assert_recoverable()


# Liquidation


@pytest.mark.spec("MRGN-030", "LIQ-035")
def test_a_book_order_gives_away_no_more_than_its_share_of_what_the_mode_asks() -> None:
    # BTC 98 000 and ETH 4 056: 47 301 - 20 000 - 12 600 = 14 701. Own margins are 9 800, 18 252 and 2 500, together
    # 30 552; the group needs 18 252 + 0.3 x 12 300 = 21 942, so h = 0.67.
    scene, holder = hedged(47_301)
    choose(scene, holder, MarginMode.GROUP_OFFSET)
    scene.mark(BTC, 990_000)
    scene.mark(ETH, 405_600)
    scene.mark(BTC, 980_000)
    scene.cancelled(holder)
    step = scene.last(LiquidationStepped)
    assert (step.instrument_id, step.delta_lots) == (SOL, -50_000)
    assert (step.equity_micros, step.maintenance_margin_micros) == (14_701 * MICROS, 21_942 * MICROS)
    # V = 100 000 - floor(14 701 x 2 500 / 30 552) = 100 000 - 1 202.949070.
    assert step.value_micros == 98_797_050_930
    # 200 - 0.330006 x 1.5 x (21 942 / 30 552) x 5 = 198.2225: above V. All of 1.5 would be 197.525, and below.
    _, request = scene.request(holder)
    assert request.price_ticks == 1_982_300
    assert request.price_ticks * request.size_lots > step.value_micros


@pytest.mark.spec("MRGN-030", "LIQ-035", "INV-010")
@pytest.mark.parametrize("mode", [MarginMode.GROUP_OFFSET, MarginMode.SCENARIO])
def test_closing_all_legs_at_their_values_leaves_nothing(mode: MarginMode) -> None:
    settings = ClearingSettings(vault_enabled=False, fund_enabled=False)
    scene, holder = hedged(50_000, settings)
    choose(scene, holder, mode)
    # BTC falls to 94 000 while ETH stays: 10 000 are missing.
    scene.mark(BTC, 940_000)
    scene.cancelled(holder)
    while scene.account(holder).liquidation is not None:
        if scene.requests(holder)[0][1].command == CommandKind.LIQUIDATE:
            scene.filled(holder)
        else:
            scene.transfer_all(holder)
    assert scene.account(holder).positions == {}
    assert scene.cash(holder) == 0
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.FLAT
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-030", "LIQ-080")
def test_a_victim_is_told_what_its_lots_cost_by_the_shares_of_the_legs() -> None:
    scene, holder = hedged(50_000, ClearingSettings(vault_enabled=False, fund_enabled=False))
    choose(scene, holder, MarginMode.GROUP_OFFSET)
    scene.mark(BTC, 940_000)
    scene.cancelled(holder)
    case = Case(scene.state, scene.account(holder), scene.now_ns, scene.core._emit)
    value = case.value()
    # 10 000 are missing; BTC has 9 400 of 29 900 in own margins: 3 143.812709..., and never less than that.
    bound = loss_bound(case, value, value.leg(BTC))(1_000_000)
    assert 3_143_812_710 <= bound <= 3_143_812_720


def in_units(instrument_id: int, symbol: str) -> Instrument:
    return Instrument(instrument_id=instrument_id, symbol=symbol, size_decimals=0, tiers=(MarginTier(0, 5, 100_000),))


@pytest.mark.spec("MRGN-030", "LIQ-080")
def test_a_victim_keeps_the_margin_of_its_mode() -> None:
    # Short 10 X and long 10 Y at 100 dollars, own margins of 10 % are 100 each. Fully correlated, the victim needs 100.
    settings = ClearingSettings(
        correlations={"X": Correlation("g", 0), "Y": Correlation("g", 0)}, groups_ppm={"g": 10**6}
    )
    scene = Scene(settings=settings, instruments=(in_units(1, "X"), in_units(2, "Y")))
    victim, bankrupt, other = scene.open(120), scene.open(1_000), scene.open(1_000_000)
    for instrument_id in (1, 2):
        scene.mark(instrument_id, 100 * MICROS)
    choose(scene, victim, MarginMode.GROUP_OFFSET)
    scene.trade(1, bankrupt, victim, 10, 100 * MICROS)
    scene.trade(2, victim, other, 10, 100 * MICROS)
    account = scene.account(bankrupt)
    scene.core.waterfall.start(account, scene.now_ns)
    scene.keep()
    case = Case(scene.state, account, scene.now_ns, scene.core._emit)
    leg = scene.state.value(account).leg(1)
    # Each lot costs it 5 of its 120 dollars. Its Y alone needs 100, so 4 lots may go; a sum of legs would need
    # 200 and allow none at all.
    taken = capacity_lots(case, scene.account(victim), leg, lambda lots: lots * 5 * MICROS)
    assert taken == 4
    # While another liquidation asks it for something, its hedge may vanish: nothing is asked.
    assert capacity_lots(case, scene.account(victim), leg, lambda _: 0, Promise(0, 0)) == 0


# Liquidation price


@pytest.mark.spec("MRGN-030", "UNIT-045")
def test_the_liquidation_price_knows_what_offsets_a_leg() -> None:
    # Short 10 X and long 10 Y at 100, fully correlated, with 120 dollars. X at p has a margin of p beside Y's 100:
    # 120 - 10 (p - 100) = p above 100, so p = 1 120 / 11 = 101.818181...
    # Y below 100 has less than X's 100: 120 - 10 (100 - p) = 100, so p = 98.
    settings = ClearingSettings(
        correlations={"X": Correlation("g", 0), "Y": Correlation("g", 0)}, groups_ppm={"g": 10**6}
    )
    scene = Scene(settings=settings, instruments=(in_units(1, "X"), in_units(2, "Y")))
    holder, other = scene.open(120), scene.open(1_000_000)
    for instrument_id in (1, 2):
        scene.mark(instrument_id, 100 * MICROS)
    choose(scene, holder, MarginMode.GROUP_OFFSET)
    scene.trade(1, holder, other, -10, 100 * MICROS)
    scene.trade(2, holder, other, 10, 100 * MICROS)
    shown = [message.liquidation_price for message in position_messages(scene.state, scene.account(holder))]
    assert shown == ["101.81818100", "98.00000000"]


@pytest.mark.spec("MRGN-030", "UNIT-045")
def test_alone_a_leg_is_liquidated_where_it_is_in_gross_mode() -> None:
    scene = Scene()
    holder, rich, other = scene.open(10_000), scene.open(200_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    choose(scene, holder, MarginMode.SCENARIO)
    choose(scene, rich, MarginMode.SCENARIO)
    scene.trade(BTC, holder, other, 100_000, 1_000_000)
    scene.trade(BTC, rich, other, 100_000, 1_000_000)
    # 10 000 - (100 000 - p) = p / 80: p = 90 000 x 80 / 79 = 91 139.24, and the tick above.
    (message,) = position_messages(scene.state, scene.account(holder))
    assert message.liquidation_price == "91139.30000000"
    # Its own money pays for the coin down to a price of 0.
    (message,) = position_messages(scene.state, scene.account(rich))
    assert message.liquidation_price == ""


# Several shards


@pytest.mark.spec("MRGN-030", "MRGN-050")
def test_legs_of_one_shard_offset_each_other_in_its_line() -> None:
    core = Clearing(ClearingSettings(), epoch=1)
    placed = {"BTC": 0, "ETH": 0, "SOL": 1}
    core.begin(1, (BTC_50, ETH_25, SOL_20), 0, shards=2, placed=placed)
    scene, _ = hedged()
    account_id = core.bank.open_account("alice", 50_000 * MICROS).account_id
    account = core.state.accounts[account_id]
    for instrument_id, mark in scene.state.marks.items():
        core.state.take_mark(instrument_id, mark)
    for instrument_id, position in scene.account(scene.core.state.next_account_id - 2).positions.items():
        core.state.ledger.book(account.row, instrument_id, position.lots, position.cost_micros, 0)
    core.bank.set_margin_mode(account_id, MarginMode.GROUP_OFFSET)
    first, second = standings(core.state, account)
    # BTC and ETH on shard 0: 36 000 + 0.3 x 20 000 = 42 000 of 56 000. SOL alone on shard 1 has no relief.
    assert (first.initial_micros, first.relief_micros) == (42_000 * MICROS, 14_000 * MICROS)
    assert (second.initial_micros, second.relief_micros) == (5_000 * MICROS, 0)
    # The whole account would be relieved of 17 500; no more than that is ever given.
    whole = core.state.value(account)
    assert first.relief_micros + second.relief_micros <= 61_000 * MICROS - whole.initial_micros
    # Half of 50 000 is on each shard, and shard 1 spares its own 5 000. Shard 0 lacks 17 000 of its 42 000.
    stand = [first, second]
    assert budget_micros(stand, 0) == (25_000 + 14_000) * MICROS
    assert budget_micros(stand, 1) == (25_000 - 17_000) * MICROS
    # With 300 000 on either shard, shard 0 says 60 000 are committed: 14 000 of it is what its legs are relieved of.
    core.bank.deposit(account_id, 550_000 * MICROS)
    core.lines.note_committed(account_id, 0, 60_000 * MICROS)
    assert core.lines.spare_micros(account, standings(core.state, account), 0) == (300_000 - 46_000) * MICROS
