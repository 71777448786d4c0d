"""Prices that are doubted, as the auditor sees them (ORCL-030, INV-090)."""

import pytest

from tests.unit.cli.audit.scenarios import BUY, SELL, TAKES_BTC
from tests.unit.cli.audit.venue import USD, Venue, audit_batches, audit_entries, changed, encode_logs
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.cli.audit.findings import Findings
from wavetank.model.events.clearing import CollateralConverted, LiquidationStarted
from wavetank.model.events.matching import MarkApplied
from wavetank.model.validity import EVERYTHING, Tolerances, Validity

WILD = (Validity.TOO_UNCERTAIN, Validity.TOO_VOLATILE)


def wild_day(validity: Validity, mark: int = 54_020, settings: ClearingSettings | None = None) -> Venue:
    """Return a venue on which a price is doubted while somebody is long 1,000 dollars with 100 of his own."""
    venue = Venue(settings, fund=1_000 * USD)
    rich, poor = venue.open("rich", 100_000 * USD), venue.open("poor", 100 * USD)
    venue.order(rich, SELL, 1_000_000, 1_000)
    venue.order(poor, BUY, 1_000_000, 1_000)
    venue.order(rich, BUY, 900_000, 5_000)
    venue.price(mark, validity=validity)
    venue.later(1)
    venue.price(1_000_000)
    return venue


def broken(findings: Findings) -> set[str]:
    return {rule.id for rule in findings.broken}


def liquidations(venue: Venue) -> int:
    return sum(isinstance(event, LiquidationStarted) for batch in venue.journal.batches for event in batch.events)


@pytest.mark.spec("ORCL-030", "INV-090")
@pytest.mark.parametrize(("validity", "mark"), [*((each, 54_020) for each in WILD), (Validity.NON_POSITIVE, -7)])
def test_a_wild_print_that_liquidates_nobody_passes(validity: Validity, mark: int) -> None:
    venue = wild_day(validity, mark)
    assert liquidations(venue) == 0
    assert audit_batches(venue.journal.batches).offences == []


@pytest.mark.spec("ORCL-030", "INV-090")
def test_a_doubt_that_is_not_the_oracles_is_found() -> None:
    batches = wild_day(Validity.TOO_UNCERTAIN).journal.batches
    for wrong in (Validity.VALID, Validity.STALE, Validity.TOO_VOLATILE):
        told = changed(batches, MarkApplied, lambda event: event.stale == Validity.TOO_UNCERTAIN, stale=int(wrong))
        assert "INV-090" in broken(audit_batches(told)), wrong
    # A price that nobody doubts is not passed over, and none that is none is applied.
    moved = changed(batches, MarkApplied, lambda event: event.stale == Validity.TOO_UNCERTAIN, mark_price_ticks=999_999)
    assert "INV-090" in broken(audit_batches(moved))
    batches = wild_day(Validity.NON_POSITIVE, -7).journal.batches
    applied = changed(batches, MarkApplied, lambda event: event.stale == Validity.NON_POSITIVE, mark_price_ticks=-7)
    assert "INV-090" in broken(audit_batches(applied))


@pytest.mark.spec("ORCL-030", "INV-080")
def test_a_liquidation_by_a_doubted_price_is_judged_in_full_where_the_venue_tolerates_it() -> None:
    # At 905,000 the 1,000 dollars are 905: less than 5 of the 100 are left, and 1.25 % of 905 are 11.31.
    venue = wild_day(Validity.TOO_UNCERTAIN, 905_000, ClearingSettings(tolerances=Tolerances(liquidate=EVERYTHING)))
    assert liquidations(venue) == 1
    entries = encode_logs(venue.journal.batches)
    strict, told = audit_entries(entries), audit_entries(entries, EVERYTHING)
    assert (strict.findings.offences, told.findings.offences) == ([], [])
    assert strict.liquidations.unjudged > 0
    assert told.liquidations.unjudged == 0


@pytest.mark.spec("ORCL-030", "LIQ-055")
def test_collateral_sold_at_a_doubted_index_is_an_offence_unless_the_venue_tolerates_it() -> None:
    stale = frozenset({Validity.STALE})
    settings = ClearingSettings(
        collateral=TAKES_BTC.collateral,
        collateral_loan_micros=TAKES_BTC.collateral_loan_micros,
        tolerances=Tolerances(liquidate=stale),
    )
    venue = Venue(settings, fund=1_000 * USD)
    alice = venue.open("alice", 100 * USD)
    venue.give(alice, 5_000)
    venue.price(1_000_000, validity=Validity.STALE)
    venue.convert(alice, 1_000)
    assert any(isinstance(event, CollateralConverted) for batch in venue.journal.batches for event in batch.events)
    entries = encode_logs(venue.journal.batches)
    assert broken(audit_entries(entries).findings) == {"LIQ-055"}
    assert audit_entries(entries, stale).findings.offences == []
