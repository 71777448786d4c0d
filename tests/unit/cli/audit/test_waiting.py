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
from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, SELL, Desk
from wavetank.cli.audit.fees import FeeRates
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.margins import Terms
from wavetank.cli.audit.order_flow import OrderBooks
from wavetank.model.events import matching as events
from wavetank.model.events.clearing import InstrumentListed
from wavetank.model.margin import MarginTier
from wavetank.model.orders import InstrumentState
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
    rates = FeeRates(findings).of_shard("matching-0")
    books = OrderBooks(findings, terms_of, lambda _: None, rates)
    for number, entry in enumerate(day):
        for event in entry:
            findings.look_at("matching-0", str(number), 0, event)
            rates.apply(0, event)
            books.apply(event)
        books.end_entry()
    return findings


@pytest.mark.parametrize("seed", range(3))
def test_an_honest_day_passes(seed: int) -> None:
    findings = audit(entries(seed))
    assert [offence for offence in findings.offences if offence.rule in FLOW] == []
    assert all(findings.checks[rule] for rule in FLOW)


def changed(kind: type, change: Callable[[Any], Event | None]) -> Findings:
    """Audit a day in which the first event of a kind that the change touches is another, or is missing."""
    for source in (*map(entries, range(3)), auction_day()):
        day = [list(entry) for entry in source]
        for entry in day:
            for at, event in enumerate(entry):
                if isinstance(event, kind) and change(event) is not event:
                    other = change(event)
                    entry[at : at + 1] = [] if other is None else [other]
                    return audit(tuple(map(tuple, day)))
    raise AssertionError(f"no {kind.__name__}")


def auction_day() -> tuple[tuple[Event, ...], ...]:
    """Return a day that begins with an auction, one side of it an iceberg, and ends settled."""
    desk = Desk(replace(INSTRUMENTS[0], significant_figures=3, size_decimals=4, tiers=(MarginTier(0, 10),)))
    day: list[tuple[Event, ...]] = []
    desk.mark(1_000)
    day.append(tuple(desk.events))
    desk.move(InstrumentState.AUCTION)
    day.append(tuple(desk.events))
    for account_id, side, price, display in ((ALICE, BUY, 1_010, 5), (BOB, BUY, 1_000, 0), (CAROL, SELL, 990, 0)):
        desk.place(account_id, side, 20, price, display_lots=display)
        day.append(tuple(desk.events))
    desk.move(InstrumentState.TRADING)
    day.append(tuple(desk.events))
    desk.move(InstrumentState.SETTLED)
    day.append(tuple(desk.events))
    return tuple(day)


def test_an_honest_auction_passes() -> None:
    findings = audit(auction_day())
    assert findings.offences == []
    assert findings.checks[Rule.MTCH_050] > 4


@pytest.mark.parametrize(
    ("kind", "change", "rule"),
    [
        pytest.param(
            events.OrderTriggered,
            lambda e: replace(e, seen_price_ticks=e.seen_price_ticks + 1),
            Rule.ORD_010,
            id="seen",
        ),
        pytest.param(
            events.OrderTriggered,
            lambda e: replace(e, size_lots=e.size_lots + 10_000),
            Rule.ORD_010,
            id="triggered size",
        ),
        pytest.param(
            events.OrderAccepted,
            lambda e: replace(e, loss_micros=1) if e.trigger_kind else e,
            Rule.ORD_010,
            id="charged",
        ),
        pytest.param(
            events.OrderActivated,
            lambda e: replace(e, size_lots=e.size_lots + 10_000),
            Rule.ORD_040,
            id="activated size",
        ),
        pytest.param(events.OrderCancelled, lambda e: None if e.reason == 9 else e, Rule.ORD_040, id="mate left"),
        pytest.param(
            events.AuctionUncrossed, lambda e: replace(e, matched_lots=e.matched_lots + 1), Rule.MTCH_050, id="matched"
        ),
        pytest.param(
            events.Traded,
            lambda e: replace(e, price_ticks=e.price_ticks + 1) if e.auction else e,
            Rule.MTCH_050,
            id="auction price",
        ),
        pytest.param(events.OrderCancelled, lambda e: None if e.reason == 13 else e, Rule.MTCH_050, id="order left"),
    ],
)
def test_an_offence_is_named(kind: type, change: Callable[[Any], Event | None], rule: Rule) -> None:
    assert changed(kind, change).broken[rule]
