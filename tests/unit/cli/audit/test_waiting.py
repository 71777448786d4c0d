"""Triggers, groups, icebergs, states and auctions: an honest shard passes, and what breaks a rule is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from tests.model.matching_inputs import INSTRUMENTS
from tests.model.matching_twins import Twins
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.margins import Terms
from wavetank.cli.audit.order_flow import OrderBooks
from wavetank.model.events import matching as events
from wavetank.model.events.clearing import InstrumentListed
from wavetank.model.record import Event, decode_all

# Clearing's requests are not in this log, so what they asked for cannot be checked.
FLOW = {Rule.MTCH_010, Rule.MTCH_020, Rule.MTCH_030, Rule.MTCH_050, Rule.ORD_010, Rule.ORD_040, Rule.ORD_060}


@cache
def entries(seed: int) -> tuple[tuple[Event, ...], ...]:
    """Return the entries of a random day with every kind of order."""
    random = Random(f"audit/{seed}")
    twins = Twins(every=10**9)
    twins.begin(random)
    while twins.commands_sent < 1_500:
        twins.random_input(random)
    return tuple(tuple(decode_all(records)) for _, _, records in twins.log)


def terms_of(instrument_id: int) -> Terms:
    head, *tiers = next(one for one in INSTRUMENTS if one.instrument_id == instrument_id).listing()
    assert isinstance(head, InstrumentListed)
    terms = Terms(head)
    for tier in tiers:
        terms.add_tier(tier)  # type: ignore[arg-type]
    return terms


def audit(day: tuple[tuple[Event, ...], ...]) -> Findings:
    findings = Findings()
    books = OrderBooks(findings, terms_of, lambda _: None)
    for number, entry in enumerate(day):
        for event in entry:
            findings.look_at("matching-0", str(number), 0, event)
            books.apply(event)
        books.end_entry()
    return findings


@pytest.mark.parametrize("seed", range(3))
def test_an_honest_day_passes(seed: int) -> None:
    findings = audit(entries(seed))
    assert [offence for offence in findings.offences if offence.rule in FLOW] == []
    assert all(findings.checks[rule] for rule in FLOW)


def changed(kind: type, change: Callable[[Any], Event | None]) -> Findings:
    """Audit a day in which the first event of a kind is another, or is missing."""
    day = [list(entry) for seed in range(3) for entry in entries(seed)[: 0 if seed else None]]
    for entry in day:
        for at, event in enumerate(entry):
            if isinstance(event, kind):
                other = change(event)
                if other is event:
                    continue
                entry[at : at + 1] = [] if other is None else [other]
                return audit(tuple(map(tuple, day)))
    raise AssertionError(f"no {kind.__name__}")


@pytest.mark.parametrize(
    ("kind", "change", "rule"),
    [
        (events.OrderTriggered, lambda e: replace(e, seen_price_ticks=e.seen_price_ticks + 1), Rule.ORD_010),
        (events.OrderTriggered, lambda e: replace(e, size_lots=e.size_lots + 10_000), Rule.ORD_010),
        (events.OrderAccepted, lambda e: replace(e, loss_micros=1) if e.trigger_kind else e, Rule.ORD_010),
        (events.OrderActivated, lambda e: replace(e, size_lots=e.size_lots + 10_000), Rule.ORD_040),
        (events.OrderCancelled, lambda e: None if e.reason == 9 else e, Rule.ORD_040),
        (events.AuctionUncrossed, lambda e: replace(e, matched_lots=e.matched_lots + 1), Rule.MTCH_050),
        (events.Traded, lambda e: replace(e, price_ticks=e.price_ticks + 1) if e.auction else e, Rule.MTCH_050),
        (events.OrderCancelled, lambda e: None if e.reason == 13 else e, Rule.MTCH_050),
    ],
)
def test_an_offence_is_named(kind: type, change: Callable[[Any], Event | None], rule: Rule) -> None:
    assert changed(kind, change).broken[rule]
