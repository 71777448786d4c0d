"""What an operator steers, as the auditor follows it through logs of the cores, and every way to write it wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.unit.cli.audit.venue import USD, Batch, Venue, audit_batches, changed, without
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.cli.audit.findings import Rule
from wavetank.model.events.clearing import (
    CashCause,
    CashTransferred,
    InstrumentListed,
    LiquidationPaceSet,
    LiquidationStepped,
    MatchingRequested,
    OperatorActed,
    OperatorAction,
    SettlementBegan,
    SettlementEnded,
)
from wavetank.model.orders import CommandKind, InstrumentState, Side

BUY, SELL = Side.BUY, Side.SELL
SECOND = 1_000_000_000


@cache
def _day() -> tuple[Batch, ...]:
    """Return a day on which liquidations are slow, the fund is dry and full again, and BTC ends at a price."""
    venue = Venue(ClearingSettings(vault_enabled=False), fund=1_000 * USD)
    alice, bob, carol = (venue.open(name, 10_000 * USD) for name in ("alice", "bob", "carol"))
    weak = venue.open("weak", 300 * USD)
    venue.order(alice, SELL, 1_000_000, 10_000)
    venue.order(weak, BUY, 1_000_000, 10_000)
    venue.order(bob, BUY, 1_000_000, 700)
    venue.order(carol, SELL, 1_000_000, 700)
    venue.drain(0)
    venue.slow(3 * SECOND)
    # Weak has 10,000 lots from 1,000,000 ticks and paid 4.5 dollars; at 980,000 equity is 95.5 of a margin of 122.5.
    venue.order(bob, BUY, 980_000, 3_000)
    venue.price(980_000)
    for _ in range(4):
        venue.later(1)
    venue.order(bob, BUY, 979_000, 30_000)
    venue.price(979_000)
    for _ in range(4):
        venue.later(1)
    venue.slow(0)
    venue.restore(400 * USD)
    venue.restore(0)
    # An order that rests is cancelled by the shard when it reads that the instrument is settled.
    venue.order(carol, SELL, 1_010_000, 5)
    venue.settle(970_000)
    return tuple(venue.journal.batches)


def told(kind: type, batches: tuple[Batch, ...] | None = None) -> list[Any]:
    return [event for batch in batches or _day() for event in batch.events if isinstance(event, kind)]


def test_the_day_passes_and_everything_of_it_happened() -> None:
    findings = audit_batches(_day())
    assert [offence.expected for offence in findings.offences] == []
    for rule in (Rule.LIQ_030, Rule.LIQ_070, Rule.MTCH_050, Rule.INV_010, Rule.INV_020, Rule.INV_030):
        assert findings.checks[rule], rule
    causes = [event.cause for event in told(CashTransferred)]
    assert causes.count(CashCause.FUND_DRAINED) == 1
    assert causes.count(CashCause.FUND_RESTORED) == 2
    assert len(told(SettlementEnded)) == 1
    # Two steps at least: the cancel, and an order three seconds later.
    steps = [
        (batch.now_ns, event.stage)
        for batch in _day()
        for event in batch.events
        if isinstance(event, LiquidationStepped) and event.liquidation_id
    ]
    assert len({now for now, _ in steps}) >= 2
    times = sorted({now for now, _ in steps})
    assert all(later - earlier >= 3 * SECOND for earlier, later in itertools.pairwise(times))


def is_fund(cause: CashCause) -> Callable[[CashTransferred], bool]:
    return lambda event: event.cause == cause


def is_act(action: OperatorAction) -> Callable[[OperatorActed], bool]:
    return lambda event: event.action == action


def is_settling(event: MatchingRequested) -> bool:
    return event.command == CommandKind.TRANSFER and event.price_ticks > 0


def is_settled(event: InstrumentListed) -> bool:
    return event.state == InstrumentState.SETTLED


def earlier_step() -> list[Batch]:
    """Return the day with a step a second too early."""
    batches = [Batch(batch.log, batch.now_ns, list(batch.events), batch.cursors) for batch in _day()]
    seen = 0
    for batch in batches:
        if any(isinstance(event, LiquidationStepped) and event.liquidation_id for event in batch.events):
            seen += 1
            if seen == 2:
                batch.now_ns -= SECOND
    return batches


@pytest.mark.parametrize(
    ("rule", "batches"),
    [
        (Rule.LIQ_070, lambda: changed(_day(), OperatorActed, is_act(OperatorAction.DRAIN_FUND), figure=7)),
        (Rule.LIQ_070, lambda: without(_day(), OperatorActed, is_act(OperatorAction.RESTORE_FUND))),
        (
            Rule.LIQ_070,
            lambda: changed(_day(), CashTransferred, is_fund(CashCause.FUND_DRAINED), receiver_account_id=3),
        ),
        (
            Rule.LIQ_070,
            lambda: changed(_day(), CashTransferred, is_fund(CashCause.FUND_RESTORED), amount_micros=2_000 * USD),
        ),
        (Rule.LIQ_030, lambda: without(_day(), OperatorActed, is_act(OperatorAction.SLOW_LIQUIDATIONS))),
        (Rule.LIQ_030, lambda: changed(_day(), LiquidationPaceSet, pace_ns=4 * SECOND)),
        (Rule.LIQ_030, earlier_step),
        (Rule.MTCH_050, lambda: without(_day(), OperatorActed, is_act(OperatorAction.SETTLE_INSTRUMENT))),
        (Rule.MTCH_050, lambda: without(_day(), SettlementBegan)),
        (Rule.MTCH_050, lambda: without(_day(), InstrumentListed, is_settled)),
        (Rule.MTCH_050, lambda: changed(_day(), MatchingRequested, is_settling, value_micros=-1)),
        (Rule.MTCH_050, lambda: changed(_day(), MatchingRequested, is_settling, price_ticks=970_001)),
        (Rule.MTCH_050, lambda: changed(_day(), MatchingRequested, is_settling, receiver_account_id=1001)),
        (Rule.MTCH_050, lambda: changed(_day(), SettlementEnded, price_ticks=1)),
    ],
    ids=[
        "another amount is signed",
        "a restoring unsigned",
        "money to another account",
        "more than was drained",
        "a pace unsigned",
        "another pace",
        "a step too early",
        "a settlement unsigned",
        "no settlement",
        "no listing",
        "another value",
        "another price",
        "a receiver who is long",
        "the end of another",
    ],
)
def test_what_is_written_wrong_is_found(rule: Rule, batches: Callable[[], list[Batch]]) -> None:
    assert rule in {offence.rule for offence in audit_batches(batches()).offences}


def test_a_settlement_that_ends_too_early_is_found() -> None:
    batches = list(_day())
    (ended,) = told(SettlementEnded)
    early = [Batch(batch.log, batch.now_ns, list(batch.events), batch.cursors) for batch in batches]
    for batch in early:
        if any(isinstance(event, SettlementBegan) for event in batch.events):
            batch.events.append(ended)
    assert Rule.MTCH_050 in {offence.rule for offence in audit_batches(early).offences}
