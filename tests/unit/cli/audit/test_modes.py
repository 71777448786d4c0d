"""The auditor's margins by mode: worked out by hand, and against what clearing says of any book (MRGN-030)."""

from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from tests.model.scripted_shard import MICROS, Scene
from wavetank.clearing.core.margin_modes import Correlation, MarginMode
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.cli.audit.counting import Bookings
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.cli.audit.liquidations import Liquidations
from wavetank.cli.audit.mode_changes import ModeChanges
from wavetank.cli.audit.modes import GROSS, GROUP_OFFSET, SCENARIO, Offsets, Ramp
from wavetank.cli.audit.rates import MarginRates
from wavetank.model.events.clearing import (
    Deleveraged,
    GroupCorrelated,
    InstrumentCorrelated,
    LiquidationStepped,
    LiquidationTested,
    MarginModeChanged,
    MarginModeHeld,
)
from wavetank.model.events.matching import CreditApplied, MarkApplied
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.instrument import default_instruments
from wavetank.model.orders import CommandKind, Side

BOOK = {1: 20_000 * MICROS, 2: -36_000 * MICROS, 3: 5_000 * MICROS}
"""Initial margins of long 1.0M BTC, short 0.9M ETH and long 0.1M SOL."""


def offsets(group_ppm: int = 790_000, calm_ppm: int = 200_000) -> Offsets:
    return Offsets(
        groups={"majors": group_ppm},
        instruments={1: ("majors", 950_000), 2: ("majors", 920_000), 3: ("majors", 850_000)},
        scenario_haircut=Ramp(calm_ppm, 600_000, 5_000, 50_000),
    )


@pytest.mark.spec("MRGN-030")
def test_the_worked_book_in_each_mode() -> None:
    assert offsets().margin(GROSS, BOOK, 0) == 61_000 * MICROS
    # c = 0.35: 36 000 + 0.3 x 25 000; c = 0.5: 36 000.
    assert offsets().margin(GROUP_OFFSET, BOOK, 0) == 43_500 * MICROS
    assert offsets(10**6).margin(GROUP_OFFSET, BOOK, 0) == 36_000 * MICROS
    # 7 896 + root(776 361 984) and 9 870 + root(245 003 100).
    assert offsets().margin(SCENARIO, BOOK, 0) // MICROS == 35_759
    assert offsets(calm_ppm=0).margin(SCENARIO, BOOK, 0) // MICROS == 25_522


@pytest.mark.spec("MRGN-030")
def test_a_scenario_meets_the_worst_haircut_in_between() -> None:
    # 8 against -4 of correlation 1: at its worst root(96) = 9.797959, see clearing's own test.
    twins = Offsets(instruments={1: ("", 10**6), 2: ("", 10**6)}, scenario_haircut=Ramp(0, 10**6, 0, 10))
    assert twins.margin(SCENARIO, {1: 8 * MICROS, 2: -4 * MICROS}, 10) == 9_797_959


@pytest.mark.spec("MRGN-030")
@pytest.mark.parametrize("seed", range(60))
def test_clearing_and_the_auditor_agree_on_any_book(seed: int) -> None:
    random = Random(seed)
    mode = random.choice((MarginMode.GROUP_OFFSET, MarginMode.SCENARIO))
    settings = ClearingSettings(
        correlations={
            symbol: Correlation(random.choice(("", "g", "h")), random.randint(0, 10**6)) for symbol in ("BTC", "ETH")
        },
        groups_ppm={name: random.randint(0, 10**6) for name in "gh"},
    )
    btc, *others = default_instruments()
    # A million lots at the price are a million dollars.
    full = random.randint(100_000, 10**6) * MICROS
    scaled = replace(btc, scaling_begins_micros=random.randint(0, full), scaling_full_micros=full)
    scene = Scene(settings=settings, instruments=(scaled, *others))
    holder, other = scene.open(10_000_000), scene.open(10_000_000)
    if random.random() < 0.8:
        scene.core.bank.set_margin_mode(holder, mode)
        scene.keep()
    for instrument_id, ticks in ((1, 1_000_000), (2, 400_000), (3, 2_000_000)):
        scene.mark(instrument_id, ticks, index_ticks=ticks + random.choice((0, random.randint(-ticks, ticks) // 20)))
        if random.random() < 0.9:
            scene.trade(instrument_id, holder, other, random.choice((1, -1)) * random.randint(1, 10**6), ticks)
    for account_id in (holder, other):
        # What one or the other has not the equity for is not chosen.
        with suppress(Refused):
            scene.core.leverages.change(account_id, random.choice((1, 2)), random.randint(1, 25))
    scene.mark(1, 1_000_000)
    findings = Findings()
    ledger = Ledger(findings)
    rates = MarginRates(findings, ledger, ())
    for logged in scene.log:
        rates.before(logged.event)
        ledger.apply(logged.event)
        if isinstance(logged.event, MarkApplied):
            ledger.marks[logged.event.instrument_id] = logged.event.mark_price_ticks
            ledger.indexes[logged.event.instrument_id] = logged.event.index_price_ticks
    rates.end_entry()
    assert findings.offences == []
    for account_id in (holder, other):
        value, worth = scene.state.value(scene.account(account_id)), ledger.worth(account_id, {})
        assert (worth.equity, worth.maintenance, worth.initial) == (
            value.equity_micros,
            value.maintenance_micros,
            value.initial_micros,
        )
        assert worth.own_maintenance == value.legs_maintenance_micros


@pytest.mark.spec("MRGN-030")
def test_what_the_log_may_not_say_is_named() -> None:
    scene = Scene()
    holder, other = scene.open(1_000), scene.open(1_000)
    scene.core.bank.set_margin_mode(holder, MarginMode.SCENARIO)
    scene.mark(1, 1_000_000)
    scene.trade(1, holder, other, 100, 1_000_000)
    findings = Findings()
    ledger = Ledger(findings)
    modes = ModeChanges(findings, ledger, {})
    for logged in scene.log:
        modes.before(logged.event)
        ledger.apply(logged.event)
    assert findings.offences == []
    # A position, and another mode than gross before; a mode that is none; a group before it was there.
    modes.before(MarginModeChanged(instrument_id=0, account_id=holder, mode=GROSS))
    modes.before(MarginModeChanged(instrument_id=0, account_id=other, mode=9))
    ledger.apply(InstrumentCorrelated(instrument_id=1, account_id=0, group=b"memes", correlation_ppm=5))
    assert [offence.rule for offence in findings.offences] == [Rule.MRGN_030] * 3
    ledger.apply(GroupCorrelated(instrument_id=0, account_id=0, group=b"memes", correlation_ppm=5))
    ledger.apply(InstrumentCorrelated(instrument_id=1, account_id=0, group=b"memes", correlation_ppm=5))
    assert len(findings.offences) == 3


@pytest.mark.spec("MRGN-030")
def test_an_offset_mode_is_left_only_after_the_shard_answered_and_with_equity() -> None:
    def judged(dollars: int, *, answered: bool = True) -> list[Rule]:
        scene = Scene()
        holder, other = scene.open(dollars), scene.open(1_000_000)
        scene.core.bank.set_margin_mode(holder, MarginMode.SCENARIO)
        scene.mark(1, 1_000_000)
        # A BTC of 100 000 dollars needs 2 500.
        scene.trade(1, holder, other, 100_000, 1_000_000)
        findings = Findings()
        ledger = Ledger(findings)
        bookings = Bookings(findings, "matching-0")
        modes = ModeChanges(findings, ledger, {0: bookings})
        for logged in scene.log:
            modes.before(logged.event)
            ledger.apply(logged.event)
        ledger.marks[1] = 1_000_000
        modes.before(MarginModeHeld(instrument_id=0, account_id=holder, line_epoch=1, line_number=7, mode=GROSS))
        bookings.happened(9, CreditApplied(0, holder, 1, 7 if answered else 6, 0))
        modes.before(MarginModeChanged(instrument_id=0, account_id=holder, mode=GROSS))
        return [offence.rule for offence in findings.offences]

    assert judged(2_500) == []
    assert judged(2_499) == [Rule.MRGN_030]
    assert judged(2_500, answered=False) == [Rule.MRGN_030]


def random_liquidations(seed: int) -> Scene:
    """Return a venue whose accounts have modes of their own, after prices have torn some of them down."""
    random = Random(seed)
    scene = Scene(
        settings=ClearingSettings(vault_enabled=random.random() < 0.3, fund_enabled=random.random() < 0.5),
        fund_micros=random.choice((1_000, 1_000_000)) * MICROS,
    )
    prices = {1: 1_000_000, 2: 400_000, 3: 2_000_000}
    for instrument_id, ticks in prices.items():
        scene.mark(instrument_id, ticks)
    accounts = [scene.open(random.choice((3_000, 10_000, 40_000))) for _ in range(6)]
    rich = scene.open(50_000_000)
    for account_id in accounts:
        scene.core.bank.set_margin_mode(account_id, random.choice(list(MarginMode)[1:]))
        scene.keep()
    for account_id in accounts:
        other = random.choice([each for each in (*accounts, rich) if each != account_id])
        sign = random.choice((1, -1))
        for instrument_id, ticks in prices.items():
            if random.random() < 0.8:
                lots = sign * random.randint(1, scene.cash(account_id) * 12 // ticks)
                scene.trade(instrument_id, account_id, other, lots, ticks)
            sign = -sign
    for _ in range(25):
        instrument_id = random.choice(list(prices))
        moved = prices[instrument_id] * random.randint(930, 1_075) // 1_000
        prices[instrument_id] = moved
        scene.mark(instrument_id, moved, index_ticks=moved + random.choice((0, moved // 50, -moved // 30)))
        for _ in range(60):
            if not scene.requests():
                break
            seq, request = scene.requests()[0]
            if request.command == CommandKind.CANCEL_ACCOUNT:
                scene.shard(scene.answered(seq, request))
            elif request.command == CommandKind.TRANSFER:
                scene.shard(*scene.transferred(seq, request))
            else:
                done = random.choice((0, request.size_lots, -(-request.size_lots // 2)))
                sign = 1 if request.side == Side.BUY else -1
                fills = [
                    scene.traded(
                        request.instrument_id,
                        request.account_id,
                        rich,
                        sign * done,
                        request.price_ticks,
                        liquidation=True,
                    )
                ]
                answer = scene.answered(seq, request, done, done * request.price_ticks)
                scene.shard(*(fills if done else []), answer)
    return scene


def judged(scene: Scene) -> tuple[Findings, Liquidations]:
    """Let the auditor follow every liquidation of a log."""
    findings = Findings()
    ledger = Ledger(findings)
    liquidations = Liquidations(findings, ledger)
    for logged in scene.log:
        liquidations.before(logged.seq, logged.now_ns, logged.event)
        ledger.apply(logged.event)
    return findings, liquidations


@pytest.mark.spec("MRGN-030", "LIQ-035", "LIQ-080")
@pytest.mark.parametrize("seed", range(40))
def test_liquidations_in_every_mode_pass(seed: int) -> None:
    findings, _ = judged(random_liquidations(seed))
    assert [(offence.rule, offence.expected) for offence in findings.offences] == []


@pytest.mark.spec("MRGN-030", "LIQ-035")
def test_liquidations_of_legs_that_offset_each_other_are_met_and_judged() -> None:
    modes: set[MarginMode] = set()
    victims: set[MarginMode] = set()
    for seed in range(40):
        scene = random_liquidations(seed)
        for event in scene.all(LiquidationStepped):
            if event.account_id >= FIRST_CLIENT_ACCOUNT_ID:
                modes.add(scene.account(event.account_id).margin_mode)
        victims |= {scene.account(event.account_id).margin_mode for event in scene.all(Deleveraged)}
    assert modes == {MarginMode.GROSS, MarginMode.GROUP_OFFSET, MarginMode.SCENARIO}
    assert victims & {MarginMode.GROUP_OFFSET, MarginMode.SCENARIO}


@pytest.mark.spec("MRGN-030", "LIQ-035")
def test_a_margin_that_forgets_the_mode_is_named() -> None:
    for seed in range(40):
        scene = random_liquidations(seed)
        for at, logged in enumerate(scene.log):
            event = logged.event
            if isinstance(event, LiquidationTested) and scene.account(event.account_id).margin_mode != MarginMode.GROSS:
                wrong = replace(event, maintenance_margin_micros=event.maintenance_margin_micros + 1)
                scene.log[at] = replace(logged, event=wrong)
                findings, _ = judged(scene)
                assert Rule.LIQ_035 in {offence.rule for offence in findings.offences}
                return
    raise AssertionError("no account in an offset mode was tested")
