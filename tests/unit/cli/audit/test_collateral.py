"""Collateral in the audit: good days pass, and every wrong amount, cause and order is found."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

from tests.model.scripted_shard import BTC, START_NS, Scene
from tests.unit.cli.audit.scenarios import TAKES_BTC, day_of_collateral, random_day
from tests.unit.cli.audit.venue import USD, Batch, audit_batches, changed, without
from wavetank.cli.audit.collateral import Collateral
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.cli.audit.play import Play
from wavetank.model.events import clearing as c
from wavetank.model.events import matching as m
from wavetank.model.events.clearing import ConversionCause
from wavetank.model.record import Event

Plant = Callable[[list[Batch]], list[Batch]]


@cache
def _day() -> tuple[Batch, ...]:
    return tuple(day_of_collateral().journal.batches)


def copies() -> list[Batch]:
    return [replace(batch, events=list(batch.events), cursors=dict(batch.cursors)) for batch in _day()]


def all_of(kind: type) -> list[Any]:
    return [event for batch in _day() for event in batch.events if isinstance(event, kind)]


def checked(findings: Findings) -> list[str]:
    return [offence.expected for offence in findings.offences]


@pytest.mark.spec("MRGN-080", "LIQ-055", "INV-010")
def test_a_day_of_collateral_passes() -> None:
    assert {event.cause for event in all_of(c.CollateralConverted)} == set(ConversionCause) - {ConversionCause.RESET}
    assert len(all_of(c.CollateralWithdrawn)) == len(all_of(c.CollateralRefused)) == 1
    findings = audit_batches(copies())
    assert checked(findings) == []
    assert findings.checks[Rule.MRGN_080] > 0
    assert findings.checks[Rule.LIQ_055] > 0


@pytest.mark.spec("MRGN-080", "LIQ-055")
@pytest.mark.parametrize("seed", range(6))
def test_any_day_with_collateral_passes(seed: int) -> None:
    venue = random_day(seed, settings=replace(TAKES_BTC, vault_enabled=seed % 2 == 0))
    assert any(isinstance(e, c.CollateralDeposited) for batch in venue.journal.batches for e in batch.events)
    assert checked(audit_batches(venue.journal.batches)) == []


def is_for(cause: ConversionCause) -> Callable[[c.CollateralConverted], bool]:
    return lambda event: event.cause == cause


def one_more(event: Any) -> int:  # noqa: ANN401 - any event with an amount.
    return int(event.amount_micros) + 1


def sold_later(batches: list[Batch]) -> list[Batch]:
    """Sell what a liquidation sells behind the step that asks others."""
    result = []
    for batch in batches:
        sale = [
            e for e in batch.events if isinstance(e, c.CollateralConverted) and e.cause == ConversionCause.LIQUIDATED
        ]
        rest = [e for e in batch.events if e not in sale]
        result.append(replace(batch, events=[*rest, *sale]))
    return result


PLANTS: dict[str, tuple[Rule, Plant]] = {
    "a sale yields one micro-dollar more": (
        Rule.LIQ_055,
        lambda b: changed(b, c.CollateralConverted, amount_micros=one_more),
    ),
    "the cash of a sale does not arrive": (
        Rule.INV_050,
        lambda b: changed(b, c.CollateralConverted, cash_after_micros=lambda e: e.cash_after_micros - 1),
    ),
    "a sale goes by another index": (
        Rule.LIQ_055,
        lambda b: changed(b, c.CollateralConverted, index_price_ticks=lambda e: e.index_price_ticks + 1),
    ),
    "a liquidation sells by another index than the frozen one": (
        Rule.LIQ_055,
        lambda b: changed(
            b,
            c.CollateralConverted,
            is_for(ConversionCause.LIQUIDATED),
            index_price_ticks=lambda e: e.index_price_ticks - 1,
            amount_micros=lambda e: e.size_lots * (e.index_price_ticks - 1) * 9 // 10,
        ),
    ),
    "more is sold than is owed": (
        Rule.LIQ_055,
        lambda b: changed(
            b,
            c.CollateralConverted,
            is_for(ConversionCause.OWED),
            size_lots=lambda e: e.size_lots + 1,
            lots_after=lambda e: e.lots_after - 1,
            amount_micros=lambda e: e.amount_micros + e.index_price_ticks * 9 // 10,
        ),
    ),
    "a sale names a debt that is within the limit": (
        Rule.LIQ_055,
        lambda b: changed(b, c.CollateralLoanSet, limit_micros=10**12),
    ),
    "a sale is called asked for amid a liquidation": (
        Rule.LIQ_055,
        lambda b: changed(
            b,
            c.CollateralConverted,
            is_for(ConversionCause.LIQUIDATED),
            cause=int(ConversionCause.REQUESTED),
        ),
    ),
    "others are asked while there is collateral": (Rule.LIQ_055, sold_later),
    "who is flat and owes keeps his collateral": (
        Rule.LIQ_055,
        lambda b: without(b, c.CollateralConverted, is_for(ConversionCause.OWED)),
    ),
    "lots appear": (Rule.MRGN_080, lambda b: changed(b, c.CollateralDeposited, lots_after=lambda e: e.lots_after + 1)),
    "lots stay that left": (
        Rule.MRGN_080,
        lambda b: changed(b, c.CollateralWithdrawn, lots_after=lambda e: e.lots_after + 1),
    ),
    "an asset counts more than the terms say": (
        Rule.LIQ_035,
        lambda b: changed(b, c.CollateralTermsSet, weight_ppm=800_000),
    ),
    "more is taken than the venue's cap": (
        Rule.MRGN_080,
        lambda b: changed(b, c.CollateralTermsSet, venue_cap_lots=4_999),
    ),
    "collateral leaves that was not held": (Rule.LIQ_110, lambda b: without(b, c.CollateralHeld)),
    "collateral leaves before the shard answered": (Rule.LIQ_110, lambda b: without(b, m.CreditApplied)),
    "collateral leaves without a hold on its shard": (Rule.MRGN_050, lambda b: without(b, c.ShareHeld)),
    "collateral comes that nobody gave": (Rule.MRGN_080, lambda b: without(b, c.CollateralDeposited)),
}


@pytest.mark.spec("MRGN-080", "LIQ-055")
@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_offence_is_found(name: str) -> None:
    rule, plant = PLANTS[name]
    findings = audit_batches(plant(copies()))
    assert rule.id in {each.id for each in findings.broken}, checked(findings)


def play_day() -> list[Event]:
    """Return a log in which an account with collateral, in debt, gets a twin, which is reset then at a stale index."""
    scene = Scene(settings=TAKES_BTC)
    source, maker = scene.open(0), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.core.collateral.deposit(source, BTC, 1_000)
    scene.keep()
    scene.trade(BTC, source, maker, 1_000, 1_000_000, taker_fee=50 * USD)
    twin = scene.core.play.clone(source, "twin").account_id
    scene.keep()
    scene.transfer_all(twin)
    scene.mark(BTC, 1_000_000, stale=True)
    scene.core.play.reset(twin, 7 * USD)
    scene.keep()
    scene.cancelled(twin)
    scene.transfer_all(twin)
    return [logged.event for logged in scene.log]


def rules_broken(events: list[Event]) -> set[str]:
    """Return which rules of collateral and play a log breaks."""
    findings = Findings()
    ledger = Ledger(findings)
    play = Play(findings, ledger)
    collateral = Collateral(findings, ledger, {}, play.busy, lambda mark: bool(mark.stale), lambda: Fraction(2, 3))
    for seq, event in enumerate(events, 1):
        play.before(seq, event)
        collateral.before(START_NS, event)
        ledger.apply(event)
        if isinstance(event, m.MarkApplied):
            ledger.marks[event.instrument_id] = event.mark_price_ticks
            ledger.indexes[event.instrument_id] = event.index_price_ticks
        collateral.end_entry()
    return {rule.id for rule in findings.broken} & {"MRGN-080", "LIQ-055", "PLAY-020"}


@pytest.mark.spec("PLAY-020", "PLAY-030", "MRGN-080")
def test_a_twin_with_collateral_and_its_reset_pass() -> None:
    events = play_day()
    assert [e.cause for e in events if isinstance(e, c.CollateralConverted)] == [ConversionCause.RESET]
    assert rules_broken(events) == set()


@pytest.mark.spec("PLAY-020", "LIQ-055")
def test_what_is_wrong_with_the_collateral_of_a_twin_or_a_reset_is_found() -> None:
    events = play_day()
    given = [e for e in events if isinstance(e, c.CollateralDeposited)][1]
    (sold,) = [e for e in events if isinstance(e, c.CollateralConverted)]
    # The twin gets none, or another amount; the reset sells nothing, on request, or at another index.
    assert "PLAY-020" in rules_broken([e for e in events if e is not given])
    assert "PLAY-020" in rules_broken([replace(e, size_lots=999, lots_after=999) if e is given else e for e in events])
    assert "PLAY-020" in rules_broken([e for e in events if e is not sold])
    for wrong in (replace(sold, cause=int(ConversionCause.REQUESTED)), replace(sold, index_price_ticks=999_999)):
        assert "LIQ-055" in rules_broken([wrong if e is sold else e for e in events])
