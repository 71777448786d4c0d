"""Limits as the auditor follows them, and every way to write them wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import pytest

from tests.unit.cli.audit.venue import USD, Batch, Venue, audit_batches, changed, without
from wavetank.model.events.clearing import GroupCorrelated, GroupLimitSet, OperatorActed, PositionLimitSet
from wavetank.model.events.matching import OrderRejected
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.orders import Side
from wavetank.model.reason import Reason


@cache
def _day() -> tuple[Batch, ...]:
    """Return a day on which limits are set, keep an order out, and are lifted."""
    venue = Venue()
    alice, bob = venue.open("alice", 10_000 * USD), venue.open("bob", 10_000 * USD)
    venue.limit_position(alice, 1_000, 0)
    venue.limit_position(0, 5_000, 900 * USD)
    venue.limit_group(bob, 0, 700 * USD)
    venue.order(alice, Side.SELL, 1_000_000, 1_001)
    venue.order(alice, Side.SELL, 1_000_000, 800)
    # 701 lots at 100,000 dollars are 701 dollars.
    venue.order(bob, Side.BUY, 1_000_000, 701)
    venue.order(bob, Side.BUY, 1_000_000, 700)
    venue.limit_position(0, 0, 0)
    venue.limit_group(bob, 500 * USD, 700 * USD)
    return tuple(venue.journal.batches)


def test_a_day_with_limits_passes_and_they_are_kept() -> None:
    batches = _day()
    assert audit_batches(batches).offences == []
    refused = [event.reason for batch in batches for event in batch.events if isinstance(event, OrderRejected)]
    assert refused == [Reason.POSITION_TOO_LARGE, Reason.GROUP_GROSS_TOO_LARGE]


def copies(batches: Sequence[Batch]) -> list[Batch]:
    return [replace(batch, events=list(batch.events)) for batch in batches]


def swapped() -> list[Batch]:
    """Return the day with limits before the acts that they follow."""
    batches = copies(_day())
    for batch in batches:
        if any(isinstance(event, OperatorActed) for event in batch.events):
            batch.events.reverse()
    return batches


def is_of_group(event: OperatorActed) -> bool:
    return event.instrument_id == 0


PLANTED: dict[str, Callable[[], list[Batch]]] = {
    "limits that nobody signed": lambda: without(copies(_day()), OperatorActed),
    "a group's limit that nobody signed": lambda: without(copies(_day()), OperatorActed, is_of_group),
    "acts without a limit": lambda: without(copies(_day()), PositionLimitSet),
    "a group's act without a limit": lambda: without(copies(_day()), GroupLimitSet),
    "limits before their acts": swapped,
    "another size than was signed": lambda: changed(copies(_day()), PositionLimitSet, size_lots=1_001),
    "another gross than was signed": lambda: changed(copies(_day()), GroupLimitSet, gross_micros=1),
    "another account than was signed": lambda: changed(copies(_day()), PositionLimitSet, account_id=1_001),
    "another instrument than was signed": lambda: changed(copies(_day()), PositionLimitSet, instrument_id=2),
    "a venue account": lambda: changed(
        changed(copies(_day()), PositionLimitSet, account_id=INSURANCE_FUND_ID),
        OperatorActed,
        account_id=INSURANCE_FUND_ID,
    ),
    "a group that is not there": lambda: changed(copies(_day()), GroupLimitSet, group=b"minors"),
    "a group that is there later": lambda: without(copies(_day()), GroupCorrelated),
    "a negative exposure": lambda: changed(copies(_day()), PositionLimitSet, exposure_micros=-1),
    "what stands already": lambda: changed(copies(_day()), GroupLimitSet, net_micros=500 * USD),
}


@pytest.mark.spec("MRGN-070")
@pytest.mark.parametrize("name", PLANTED)
def test_an_offence_is_named(name: str) -> None:
    findings = audit_batches(PLANTED[name]())
    assert "MRGN-070" in {offence.rule.id for offence in findings.offences}
