"""Logs that the cores wrote pass, whatever happened in them; the audit says what it looked at."""

from typing import Any

import pytest

from tests.unit.cli.audit.scenarios import busy_days, calm_day, random_day, ruinous_day
from tests.unit.cli.audit.venue import audit_batches, audit_entries, encode_logs
from wavetank.clearing.core.settings import STAGE_ORDERS, ClearingSettings
from wavetank.cli.audit.findings import Rule
from wavetank.cli.audit.report import make_report
from wavetank.model.events.clearing import AdlPolicyKind, CashCause, CashTransferred, FeeRatesChanged
from wavetank.model.events.matching import FeeRatesApplied, Traded


def test_a_calm_day_passes_and_is_counted() -> None:
    auditor = audit_entries(encode_logs(calm_day().journal.batches))
    report = make_report(auditor)
    assert [offence.expected for offence in auditor.findings.offences] == []
    assert report.verdict == "audit: ok"
    assert {log.name: log.epoch for log in report.logs} == {"clearing": 1, "matching-0": 1, "oracle": 1}
    # Four of carol's bids, two of bob's amended bid with alice and carol, one of carol's sale with what is left of it.
    assert (report.accounts, report.trades, report.liquidations) == (9, 7, 0)
    # The fund's 1,000 and three times 10,000, less 50.
    assert report.deposits_less_withdrawals_micros == 30_950_000_000


def test_a_day_that_ends_in_a_debt_passes() -> None:
    venue = ruinous_day()
    causes = {
        event.cause for batch in venue.journal.batches for event in batch.events if isinstance(event, CashTransferred)
    }
    assert {CashCause.DEFICIT_FUND, CashCause.DEFICIT_SOCIALISED, CashCause.DEFICIT_DEBT} <= causes
    findings = audit_batches(venue.journal.batches)
    assert [offence.expected for offence in findings.offences] == []
    unchecked = {rule.id for rule in Rule if not findings.checks[rule]}
    # Nothing was withdrawn or transferred, no funding came due, no order was reduce-only but liquidations, no service
    # ran; nothing waited, belonged to a group or was auctioned; nobody chose a leverage, was limited or had collateral,
    # and no operator slowed liquidations or drained the fund.
    assert unchecked == {
        *("INV-040", "MTCH-030", "LIQ-110", "MRGN-020", "MRGN-060", "MRGN-070", "MRGN-080"),
        *("STATE", "ORD-010", "ORD-040", "MTCH-050", "LIQ-030", "LIQ-070"),
    }


@pytest.mark.spec("FEE-010")
def test_days_on_which_rates_change_pass() -> None:
    venue = busy_days()
    alice, bob = 1000, 1001
    told = [event for batch in venue.journal.batches for event in batch.events]
    rates = [(e.account_id, e.taker_fee_ppm, e.maker_fee_ppm) for e in told if isinstance(e, FeeRatesChanged)]
    # 700 lots at 1,000,000 ticks are 700 dollars, all made by alice. After one day nobody has a thousand, but all that
    # was made alice made: a rebate of 20 ppm. After two both have 1,400, and the first tier's 400 ppm. The window holds
    # three days; when it is empty, the rates are the instrument's again.
    assert rates == [
        (alice, 1_000_000, -20),
        (alice, 400, -20),
        (bob, 400, 120),
        (alice, 1_000_000, 1_000_000),
        (bob, 1_000_000, 1_000_000),
    ]
    # Of shard and clearing alike.
    assert rates == [(e.account_id, e.taker_fee_ppm, e.maker_fee_ppm) for e in told if isinstance(e, FeeRatesApplied)]
    fees = [(e.taker_fee_micros, e.maker_fee_micros) for e in told if isinstance(e, Traded)]
    # 700 dollars at 450 and 150 ppm: 315,000 and 105,000 micro-dollars; then at 450 and -20; then at 400 and -20. The
    # last order is filled by halves of 50 dollars: 20,000 and -1,000; then 22,500, and 7,500 for the maker.
    assert fees == [(315_000, 105_000), (315_000, -14_000), (280_000, -14_000), (20_000, -1_000), (22_500, 7_500)]
    findings = audit_batches(venue.journal.batches)
    assert [offence.expected for offence in findings.offences] == []


@pytest.mark.parametrize("seed", range(12))
def test_random_days_pass(seed: int) -> None:
    findings = audit_batches(random_day(seed).journal.batches)
    assert [(seed, offence.rule.id, offence.place, offence.expected) for offence in findings.offences] == []


@pytest.mark.parametrize(
    "settings",
    [
        {"stage_order": STAGE_ORDERS[1]},
        {"partial_enabled": False, "partial_above_micros": 1_000_000_000},
        {"full_enabled": False},
        {"insurance_enabled": False, "vault_enabled": False},
        {"adl_enabled": False, "vault_enabled": False},
        {"socialise_enabled": False, "vault_enabled": False},
        {"adl_policy": AdlPolicyKind.BITMEX, "vault_enabled": False},
        {"adl_policy": AdlPolicyKind.PRO_RATA, "vault_enabled": False},
        {"adl_policy": AdlPolicyKind.MIN_MAX_LEVERAGE, "vault_enabled": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", [2, 4, 8])
def test_random_days_pass_however_the_waterfall_is_set(seed: int, settings: dict[str, Any]) -> None:
    findings = audit_batches(random_day(seed, settings=ClearingSettings(**settings)).journal.batches)
    assert [(offence.rule.id, offence.place, offence.expected) for offence in findings.offences] == []


def test_the_same_logs_are_judged_alike_in_any_order_of_sources() -> None:
    entries = encode_logs(random_day(3).journal.batches)
    turned = dict(reversed(entries.items()))
    assert audit_entries(turned).findings.checks == audit_entries(entries).findings.checks


def test_facts_that_clearing_has_not_counted_yet_are_no_offence() -> None:
    batches = calm_day().journal.batches
    last = max(index for index, batch in enumerate(batches) if batch.log == "clearing")
    while batches[last].log == "clearing" or not batches[last].events:
        last -= 1
    # Clearing stopped before its first booking; the shard and the oracle went on, and count it no further.
    first_fill = next(
        index
        for index, batch in enumerate(batches)
        if batch.log == "clearing" and any(type(event).__name__ == "FillBooked" for event in batch.events)
    )
    kept = batches[:first_fill]
    findings = audit_batches(kept)
    assert findings.is_ok
    assert findings.notes == ["2 facts of the matching log are not counted by clearing yet"]
