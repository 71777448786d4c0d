"""Leverages and shares of open interest as the auditor works them out again, and every way to write them wrong."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import pytest

from tests.unit.cli.audit.venue import BTC, USD, Batch, Venue, audit_batches, changed, without
from wavetank.cli.audit.margins import Terms
from wavetank.cli.audit.rates import share_of
from wavetank.model.events.clearing import (
    InstrumentListed,
    LeverageChanged,
    LiquidationStarted,
    MarginScalingListed,
    OpenInterestScaled,
)
from wavetank.model.orders import Side

SCALED = replace(BTC, scaling_begins_micros=1_000 * USD, scaling_full_micros=6_000 * USD)


@cache
def _day() -> tuple[Batch, ...]:
    """Return a day with three shares, three leverages, new funding, a withdrawal, and a liquidation at the end."""
    venue = Venue(instrument=SCALED)
    alice, bob = venue.open("alice", 10_000 * USD), venue.open("bob", 1_000 * USD)
    venue.choose_leverage(alice, 7)
    # 0.02 BTC at 100,000 dollars: 2,000 of open interest is a fifth of the way from 1,000 to 6,000.
    venue.order(alice, Side.SELL, 1_000_000, 2_000)
    venue.order(bob, Side.BUY, 1_000_000, 2_000)
    venue.price(1_000_000)
    # 300 lots more; bob has 1,000 dollars and needs 1/40 + 0.2 x 39/40 of 2,000, 440: at a leverage of 5 it is 720.
    venue.choose_leverage(bob, 5)
    venue.price(1_001_000)
    venue.order(alice, Side.SELL, 1_001_000, 300)
    venue.order(bob, Side.BUY, 1_001_000, 300)
    venue.set_funding_interval(60 * 10**9)
    venue.price(1_002_000)
    venue.choose_leverage(bob, 20)
    venue.withdraw(alice, 5 * USD)
    venue.order(alice, Side.BUY, 600_000, 2_300)
    venue.price(550_000)
    return tuple(venue.journal.batches)


def test_a_day_of_moving_rates_passes_and_is_counted() -> None:
    batches = _day()
    findings = audit_batches(batches)
    assert findings.offences == []
    events = [event for batch in batches for event in batch.events]
    # 2,000 of 5,000 dollars; then 2,300 lots at 100,200 dollars are 2,304.6; then nothing.
    shares = [event.scaled_ppm for event in events if isinstance(event, OpenInterestScaled)]
    assert shares == [200_000, 260_920, 53_000]
    assert [event.leverage for event in events if isinstance(event, LeverageChanged)] == [7, 5, 20]
    assert any(isinstance(event, LiquidationStarted) for event in events)


def copies(batches: Sequence[Batch]) -> list[Batch]:
    return [replace(batch, events=list(batch.events)) for batch in batches]


def inserted(kind: type, event: object) -> list[Batch]:
    """Return the day with an event behind the last of a kind."""
    batches = copies(_day())
    batch = next(batch for batch in reversed(batches) if any(isinstance(each, kind) for each in batch.events))
    at = max(index for index, each in enumerate(batch.events) if isinstance(each, kind))
    batch.events.insert(at + 1, event)  # type: ignore[arg-type] # Every event is a dataclass.
    return batches


def is_second(event: OpenInterestScaled) -> bool:
    return event.scaled_ppm == 260_920


PLANTED: dict[str, Callable[[], list[Batch]]] = {
    "a share a millionth too low": lambda: changed(_day(), OpenInterestScaled, is_second, scaled_ppm=260_919),
    "open interest that nobody holds": lambda: changed(_day(), OpenInterestScaled, open_interest_lots=2_001),
    "a mark that is not the last": lambda: changed(_day(), OpenInterestScaled, is_second, mark_price_ticks=1_001_000),
    "a share that should have moved": lambda: without(_day(), OpenInterestScaled, is_second),
    "a share that moves without need": lambda: inserted(
        LeverageChanged, OpenInterestScaled(1, 0, 2_300, 1_002_000, 260_920)
    ),
    "a listing with another share": lambda: changed(
        _day(), MarginScalingListed, lambda event: event.scaled_ppm > 0, scaled_ppm=0
    ),
    "a listing with another scaling": lambda: changed(
        _day(), MarginScalingListed, lambda event: event.scaled_ppm > 0, full_micros=7_000 * USD
    ),
    "a leverage above the largest": lambda: changed(_day(), LeverageChanged, leverage=BTC.max_leverage + 1),
    "a leverage of nothing": lambda: changed(_day(), LeverageChanged, leverage=0),
    "another leverage before": lambda: changed(_day(), LeverageChanged, previous=19),
    # 2,000 dollars need 2,000 then, and bob has half of it.
    "a leverage that is not covered": lambda: changed(
        _day(), LeverageChanged, lambda event: event.leverage == 5, leverage=1
    ),
    "a leverage in liquidation": lambda: inserted(LiquidationStarted, LeverageChanged(1, 1_001, 20, 20)),
}


@pytest.mark.spec("MRGN-020")
@pytest.mark.parametrize("name", PLANTED)
def test_an_offence_is_named(name: str) -> None:
    findings = audit_batches(PLANTED[name]())
    assert "MRGN-020" in {offence.rule.id for offence in findings.offences}


@pytest.mark.spec("MRGN-020")
def test_a_share_is_rounded_up() -> None:
    head, *_ = SCALED.listing()
    assert isinstance(head, InstrumentListed)
    terms = Terms(head, begins=0, full=3)
    assert [share_of(terms, held) for held in range(5)] == [0, 333_334, 666_667, 1_000_000, 1_000_000]
