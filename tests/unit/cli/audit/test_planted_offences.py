"""Each invariant, broken on purpose in a log that was good: the audit names the rule and the place."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

from tests.unit.cli.audit.scenarios import busy_days, calm_day, random_day, ruinous_day
from tests.unit.cli.audit.venue import Batch, audit_batches, audit_entries, changed, encode_logs, without
from wavetank.clearing.core.settings import STAGE_ORDERS, ClearingSettings
from wavetank.clearing.core.valuation import HealthLimits
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.model.events import clearing as c
from wavetank.model.events import matching as m
from wavetank.model.events import oracle as o
from wavetank.model.events.clearing import CashCause
from wavetank.model.orders import CancelReason, CommandKind, OrderFlag
from wavetank.model.record import Event
from wavetank.runtime.log_entry import decode_entry, encode_entry

Plant = Callable[[list[Batch]], list[Batch]]

FIRST_ORDER = (1 << 48) + 1
ALICE, BOB, CAROL = 1000, 1001, 1002
RICH, WINNER, LATE = 1000, 1001, 1003


@cache
def _calm() -> tuple[Batch, ...]:
    return tuple(calm_day().journal.batches)


@cache
def _busy() -> tuple[Batch, ...]:
    return tuple(busy_days().journal.batches)


@cache
def _ruinous() -> tuple[Batch, ...]:
    return tuple(ruinous_day().journal.batches)


def copies(batches: tuple[Batch, ...]) -> list[Batch]:
    return [replace(batch, events=list(batch.events), cursors=dict(batch.cursors)) for batch in batches]


def rules_of(findings: Findings) -> set[str]:
    return {rule.id for rule in findings.broken}


def is_rebate(event: c.FeeRatesChanged) -> bool:
    return event.rebate > 0


def repeat(batches: list[Batch], kind: type[Event]) -> list[Batch]:
    """Write the first batch that holds such an event a second time."""
    for index, batch in enumerate(batches):
        if any(isinstance(event, kind) for event in batch.events):
            return [*batches[: index + 1], replace(batch, events=list(batch.events)), *batches[index + 1 :]]
    raise AssertionError(kind)


def insert_before(batches: list[Batch], kind: type[Event], event: Event) -> list[Batch]:
    for batch in batches:
        for index, found in enumerate(batch.events):
            if isinstance(found, kind):
                batch.events.insert(index, event)
                return batches
    raise AssertionError(kind)


def lose_fill(batches: list[Batch]) -> list[Batch]:
    """Drop both legs of the last trade of a batch."""
    for batch in reversed(batches):
        fills = [event for event in batch.events if isinstance(event, c.FillBooked)]
        if fills:
            batch.events = [event for event in batch.events if event not in fills[-2:]]
            return batches
    raise AssertionError


def forget_cursor(batches: list[Batch], count: int) -> list[Batch]:
    for batch in batches:
        if any(isinstance(event, c.FillBooked) for event in batch.events):
            batch.cursors["matching-0"] = count
            return batches
    raise AssertionError


def cash_up(event: c.FillBooked) -> int:
    return event.cash_after_micros + 1


def is_last_trade(event: c.FillBooked) -> bool:
    return event.trade_id == FIRST_ORDER + 6


def is_liquidation(event: m.OrderAccepted) -> bool:
    return bool(event.flags & OrderFlag.LIQUIDATION)


def caused_by(cause: CashCause) -> Callable[[c.CashTransferred], bool]:
    return lambda event: event.cause == cause


def is_transfer(event: c.MatchingRequested) -> bool:
    return event.command == CommandKind.TRANSFER


def is_liquidate(event: c.MatchingRequested) -> bool:
    return event.command == CommandKind.LIQUIDATE


CALM: dict[str, tuple[Rule, Plant]] = {
    "one micro-dollar appears in a fill": (
        Rule.INV_010,
        lambda b: changed(b, c.FillBooked, is_last_trade, cash_after_micros=cash_up),
    ),
    "one micro-dollar appears in a deposit": (
        Rule.INV_010,
        lambda b: changed(b, c.Deposited, cash_after_micros=lambda e: e.cash_after_micros + 1),
    ),
    "one leg of a trade is missing": (Rule.INV_020, lambda b: without(b, c.FillBooked, is_last_trade)),
    "open interest is off by one": (
        Rule.INV_020,
        lambda b: changed(
            b, m.BookSampled, lambda e: e.open_interest_lots > 0, open_interest_lots=lambda e: e.open_interest_lots + 1
        ),
    ),
    "cost is off by one": (
        Rule.INV_030,
        lambda b: changed(b, c.FillBooked, is_last_trade, cost_after_micros=lambda e: e.cost_after_micros + 1),
    ),
    "a funding tick is booked twice": (Rule.INV_040, lambda b: repeat(b, c.FundingTickBooked)),
    "a funding payment is one too high": (
        Rule.INV_040,
        lambda b: changed(
            b,
            c.FundingBooked,
            payment_micros=lambda e: e.payment_micros + 1,
            cash_after_micros=lambda e: e.cash_after_micros + 1,
        ),
    ),
    "a holder is left out of a funding tick": (Rule.INV_040, lambda b: without(b, c.FundingBooked)),
    "a funding tick is not booked": (
        Rule.INV_040,
        lambda b: [batch for batch in b if not any(isinstance(event, c.FundingTickBooked) for event in batch.events)],
    ),
    "a funding rate is not the oracle's": (
        Rule.INV_040,
        lambda b: changed(b, o.FundingTicked, funding_rate_e12=100_000_008),
    ),
    "a booking has another fee than the trade": (
        Rule.INV_050,
        lambda b: changed(b, c.FillBooked, fee_micros=lambda e: e.fee_micros + 1),
    ),
    "a realised profit is off by one": (
        Rule.INV_050,
        lambda b: changed(b, c.FillBooked, realised_micros=lambda e: e.realised_micros + 1),
    ),
    "a fill is lost": (Rule.INV_090, lose_fill),
    "a fill is booked twice": (Rule.INV_090, lambda b: repeat(b, c.FillBooked)),
    "the cursor is missing": (Rule.INV_090, lambda b: forget_cursor(b, 0)),
    "the cursor is too short": (Rule.INV_090, lambda b: forget_cursor(b, 3)),
    "a mark is not the oracle's": (Rule.INV_090, lambda b: changed(b, m.MarkApplied, mark_price_ticks=1_000_001)),
    "a price is not applied": (Rule.INV_090, lambda b: without(b, m.MarkApplied, lambda e: e.oracle_seq == 3)),
    "a price is applied twice": (
        Rule.INV_090,
        lambda b: changed(b, m.MarkApplied, lambda e: e.oracle_seq == 3, oracle_seq=1),
    ),
    "a sample is invented": (
        Rule.INV_090,
        lambda b: without(b, m.BookSampled),
    ),
    "venue time goes back": (
        Rule.INV_090,
        lambda b: [*b[:-1], replace(b[-1], now_ns=b[-1].now_ns - 10**10)],
    ),
    "a trade is one tick off the resting price": (
        Rule.MTCH_010,
        lambda b: changed(b, m.Traded, price_ticks=lambda e: e.price_ticks + 100),
    ),
    "a better price was passed over": (
        Rule.MTCH_010,
        lambda b: changed(b, m.OrderAccepted, lambda e: e.order_id == FIRST_ORDER + 2, price_ticks=1_000_500),
    ),
    "an older order was passed over": (
        Rule.MTCH_010,
        # Both makers rest at one price; the first trade names the younger.
        lambda b: changed(b, m.Traded, maker_order_id=FIRST_ORDER + 1, maker_account_id=BOB),
    ),
    "an order rests although it crosses": (
        Rule.MTCH_010,
        lambda b: changed(b, m.OrderAccepted, lambda e: e.order_id == FIRST_ORDER + 3, price_ticks=1_001_000),
    ),
    "a sample shows another best bid": (
        Rule.MTCH_010,
        lambda b: changed(b, m.BookSampled, bid_size_lots=lambda e: e.bid_size_lots + 1),
    ),
    "an account trades with itself": (Rule.MTCH_020, lambda b: changed(b, m.Traded, maker_account_id=CAROL)),
    "a self-trade cancel without a reason": (
        Rule.MTCH_020,
        # alice's bid expires before bob's sale, which could have traded with it.
        lambda b: changed(b, m.OrderAccepted, lambda e: e.order_id == FIRST_ORDER + 6, account_id=BOB),
    ),
    "a reduce-only order increases": (
        Rule.MTCH_030,
        lambda b: changed(b, m.OrderAccepted, lambda e: e.order_id == FIRST_ORDER + 4, flags=OrderFlag.REDUCE_ONLY),
    ),
    "an order has no end": (
        Rule.ORD_060,
        lambda b: without(b, m.OrderCancelled, lambda e: e.reason == CancelReason.IMMEDIATE_REMAINDER),
    ),
    "an order ends twice": (Rule.ORD_060, lambda b: repeat(b, m.OrderCancelled)),
    "remaining lots do not add up": (
        Rule.ORD_060,
        lambda b: changed(b, m.Traded, maker_remaining_lots=lambda e: e.maker_remaining_lots + 1),
    ),
    "an order id is used again": (
        Rule.ORD_060,
        lambda b: changed(b, m.OrderAccepted, lambda e: e.order_id == FIRST_ORDER + 2, order_id=FIRST_ORDER + 1),
    ),
    "a maker's fee is off by one": (
        Rule.FEE_010,
        lambda b: changed(b, m.Traded, maker_fee_micros=lambda e: e.maker_fee_micros + 1),
    ),
    "a taker's fee is off by one": (
        Rule.FEE_010,
        lambda b: changed(b, m.Traded, taker_fee_micros=lambda e: e.taker_fee_micros - 1),
    ),
    "a withdrawal leaves while they are gated": (
        Rule.LIQ_110,
        lambda b: insert_before(b, c.WithdrawalHeld, c.WithdrawalsGated(0, 0, 10**19 // 2)),
    ),
    "a withdrawal leaves before the shard answered": (Rule.LIQ_110, lambda b: without(b, m.CreditApplied)),
    "a withdrawal is paid that no shard holds": (Rule.MRGN_050, lambda b: without(b, c.ShareHeld)),
}  # fmt: skip

RUINOUS: dict[str, tuple[Rule, Plant]] = {
    "a liquidation order is larger than asked": (
        Rule.INV_060,
        lambda b: changed(b, m.OrderAccepted, is_liquidation, size_lots=lambda e: e.size_lots + 1),
    ),
    "a liquidation order has a worse limit than asked": (
        Rule.INV_060,
        lambda b: changed(b, m.OrderAccepted, is_liquidation, price_ticks=lambda e: e.price_ticks + 10),
    ),
    "a liquidation order is for the wrong side": (
        Rule.INV_060,
        lambda b: changed(b, c.MatchingRequested, is_liquidate, side=2),
    ),
    "a transfer flips its victim": (
        Rule.INV_060,
        lambda b: changed(
            b, m.PositionTransferred, giver_delta_lots=lambda e: e.giver_delta_lots * 10, requested_delta_lots=1
        ),
    ),
    "a victim may grow": (
        Rule.INV_060,
        lambda b: changed(b, c.MatchingRequested, is_transfer, receiver_may_increase=1),
    ),
    "somebody without the instrument pays a loss": (
        Rule.INV_070,
        lambda b: changed(b, c.CashTransferred, caused_by(CashCause.DEFICIT_SOCIALISED), account_id=WINNER),
    ),
    "a winner pays one too much": (
        Rule.INV_070,
        lambda b: changed(
            b, c.CashTransferred, caused_by(CashCause.DEFICIT_SOCIALISED), amount_micros=lambda e: e.amount_micros + 1
        ),
    ),
    "winners pay before the fund": (
        Rule.INV_080,
        lambda b: without(b, c.CashTransferred, caused_by(CashCause.DEFICIT_FUND)),
    ),
    "the vault pays for another": (
        Rule.INV_080,
        lambda b: changed(b, c.CashTransferred, caused_by(CashCause.DEFICIT_FUND), account_id=4),
    ),
    "auto-deleveraging comes before the fund": (
        Rule.INV_080,
        lambda b: without(b, c.LiquidationStepped, lambda e: e.stage == 5),
    ),
    "a sound account is liquidated": (
        Rule.INV_080,
        lambda b: changed(b, c.LiquidationStarted, account_id=RICH),
    ),
    "a test comes before the cancels are answered": (Rule.INV_080, lambda b: without(b, c.MatchingAnswered)),
    "the whole deficit is not gated": (Rule.LIQ_110, lambda b: without(b, c.WithdrawalsGated)),
    "an answer is counted with other lots": (
        Rule.INV_090,
        lambda b: changed(b, c.MatchingAnswered, lambda e: e.done_lots > 0, done_lots=lambda e: e.done_lots - 1),
    ),
    "a request is answered twice": (
        Rule.INV_090,
        lambda b: repeat(b, m.RequestAnswered),
    ),
    "a bankruptcy value is off by one": (
        Rule.LIQ_035,
        lambda b: changed(b, c.LiquidationStepped, lambda e: e.stage == 6, value_micros=lambda e: e.value_micros + 1),
    ),
    "a share of a split is off by one": (
        Rule.LIQ_035,
        lambda b: changed(b, c.MatchingRequested, is_transfer, value_micros=lambda e: e.value_micros + 1),
    ),
    "an equity is off by one": (
        Rule.LIQ_035,
        lambda b: changed(b, c.LiquidationTested, equity_micros=lambda e: e.equity_micros + 1),
    ),
}


BUSY: dict[str, Plant] = {
    "a rate is not that of the tier": lambda b: changed(b, c.FeeRatesChanged, taker_fee_ppm=399),
    "a rebate is not that of the share": lambda b: changed(b, c.FeeRatesChanged, is_rebate, maker_fee_ppm=-21),
    "a volume is off by one": lambda b: changed(b, c.FeeRatesChanged, volume_micros=lambda e: e.volume_micros + 1),
    "a rate is not changed": lambda b: without(b, c.FeeRatesChanged, lambda e: e.account_id == BOB),
    "a rate is changed without need": lambda b: insert_before(
        b, c.FeeRatesChanged, c.FeeRatesChanged(0, 1, 1, 1, 0, 0, 0, 0)
    ),
    "a day begins late": lambda b: changed(b, c.FeeDayBegan, began_ns=lambda e: e.began_ns + 1),
    "a day is passed over": lambda b: without(b, c.FeeDayBegan),
    "a window is longer": lambda b: changed(b, c.FeeDayBegan, window_began_ns=lambda e: e.window_began_ns - 10**10),
    "makers traded something else": lambda b: changed(b, c.FeeDayBegan, venue_volume_micros=1),
    "a threshold is another": lambda b: changed(b, c.FeeStepSet, above_micros=10**10),
    "a share is another": lambda b: changed(
        b, c.FeeStepSet, lambda e: e.above_share_ppm == 250_000, above_share_ppm=10**6
    ),
    "a shard charges what was never granted": lambda b: changed(b, m.FeeRatesApplied, taker_fee_ppm=1),
    "a shard charges what it was not told to": lambda b: without(b, m.FeeRatesApplied, lambda e: e.account_id == BOB),
}


@pytest.mark.spec("FEE-010")
@pytest.mark.parametrize("name", BUSY)
def test_an_offence_against_the_fees_is_named(name: str) -> None:
    findings = audit_batches(BUSY[name](copies(_busy())))
    assert Rule.FEE_010.id in rules_of(findings)


@pytest.mark.spec("INV-040")
def test_a_funding_interval_that_nobody_set_is_named() -> None:
    findings = audit_batches(without(copies(_busy()), c.OperatorActed))
    assert Rule.INV_040.id in rules_of(findings)


@pytest.mark.spec("INV-040")
def test_a_funding_interval_other_than_was_set_is_named() -> None:
    findings = audit_batches(changed(copies(_busy()), c.OperatorActed, figure=60 * 10**9))
    assert Rule.INV_040.id in rules_of(findings)


@pytest.mark.spec("INV-010", "INV-020", "INV-030", "INV-040", "INV-050", "INV-090")
@pytest.mark.parametrize("name", CALM)
def test_an_offence_of_a_calm_day_is_named(name: str) -> None:
    rule, plant = CALM[name]
    findings = audit_batches(plant(copies(_calm())))
    assert rule.id in rules_of(findings)


@pytest.mark.spec("INV-060", "INV-070", "INV-080")
@pytest.mark.parametrize("name", RUINOUS)
def test_an_offence_of_a_ruinous_day_is_named(name: str) -> None:
    rule, plant = RUINOUS[name]
    findings = audit_batches(plant(copies(_ruinous())))
    assert rule.id in rules_of(findings)


def test_the_first_offence_says_where_what_and_what_was_expected() -> None:
    batches = changed(copies(_calm()), m.Traded, maker_fee_micros=lambda event: event.maker_fee_micros + 1)
    first = audit_batches(batches).offences[0]
    # 300 lots at 1,001,000 ticks are 300,300,000 micro-dollars; 150 ppm of that are 45,045.
    assert (first.rule, first.log, first.entry_id, first.seq) == (Rule.FEE_010, "matching-0", "1-8", 9)
    assert first.expected == f"a fee of 45045 for order {FIRST_ORDER} at 150 ppm, not 45046"
    assert first.event.startswith("Traded(instrument_id=1, account_id=1002, trade_id=")


def test_an_imbalance_is_told_once() -> None:
    batches = changed(copies(_calm()), c.Deposited, cash_after_micros=lambda event: event.cash_after_micros + 1)
    findings = audit_batches(batches)
    assert (findings.broken[Rule.INV_010], findings.broken[Rule.INV_050]) == (1, 1)


def test_a_top_up_that_is_missing_is_named() -> None:
    seed = next(seed for seed in range(100) if _has_top_up(seed))
    batches = without(list(random_day(seed).journal.batches), c.CashTransferred, caused_by(CashCause.FUND_TOP_UP))
    assert "INV-080" in rules_of(audit_batches(batches))


def _has_top_up(seed: int) -> bool:
    return any(
        isinstance(event, c.CashTransferred) and event.cause == CashCause.FUND_TOP_UP
        for batch in random_day(seed).journal.batches
        for event in batch.events
    )


# Faults of a log itself


def damaged(change: Callable[[list[tuple[str, bytes]]], None]) -> Findings:
    entries = encode_logs(copies(_calm()))
    change(entries["matching-0"])
    return audit_entries(entries).findings


def test_a_changed_bit_is_named() -> None:
    def flip(entries: list[tuple[str, bytes]]) -> None:
        entry_id, data = entries[5]
        entries[5] = (entry_id, data[:100] + bytes([data[100] ^ 1]) + data[101:])

    first = damaged(flip).offences[0]
    assert (first.rule, first.log) == (Rule.INV_090, "matching-0")
    assert "checksum" in first.expected


def test_a_missing_entry_is_named_by_seq_and_by_chain() -> None:
    def drop(entries: list[tuple[str, bytes]]) -> None:
        del entries[5]

    findings = damaged(drop)
    texts = [offence.expected for offence in findings.offences]
    assert any(text.startswith("seq 5 after 4, without a gap") for text in texts)
    assert any(text.startswith("an entry chained to 1-4") for text in texts)


def test_a_rewritten_entry_breaks_the_chain() -> None:
    def rewrite(entries: list[tuple[str, bytes]]) -> None:
        entry = decode_entry(entries[5][1])
        data = encode_entry(
            epoch=entry.epoch,
            first_seq=entry.first_seq,
            now_ns=entry.now_ns + 1,
            prev=entry.prev,
            inputs=entry.inputs,
            records=entry.records,
        )
        entries[5] = (entries[5][0], data)

    texts = [offence.expected for offence in damaged(rewrite).offences]
    assert any(text.startswith("an entry chained to 1-5") for text in texts)


def test_an_entry_of_an_old_epoch_is_named() -> None:
    def age(entries: list[tuple[str, bytes]]) -> None:
        entry = decode_entry(entries[-1][1])
        data = encode_entry(
            epoch=0,
            first_seq=entry.first_seq,
            now_ns=entry.now_ns,
            prev=entry.prev,
            inputs=entry.inputs,
            records=entry.records,
        )
        entries[-1] = (f"0-{entry.first_seq}", data)

    assert "INV-090" in rules_of(damaged(age))


def test_a_log_that_ends_before_what_clearing_has_counted_is_named() -> None:
    def cut(entries: list[tuple[str, bytes]]) -> None:
        del entries[8:]

    findings = damaged(cut)
    assert any("a cursor into what matching-0 held before" in offence.expected for offence in findings.offences)


def test_a_stage_that_acts_although_it_is_off_or_says_so_although_it_is_on_is_named() -> None:
    settings = ClearingSettings(vault_enabled=False, insurance_enabled=False)
    batches = random_day(2, settings=settings).journal.batches
    # Insurance is 5, deleveraging 6; both act or pass, and the vault passes with a word of its own.
    assert rules_of(audit_batches(changed(batches, c.WaterfallSet, stages_off=1 << 4))) == {"INV-080"}
    assert rules_of(audit_batches(changed(batches, c.WaterfallSet, stages_off=(1 << 4) + (1 << 5) + (1 << 6)))) == {
        "INV-080"
    }


def test_a_vault_that_is_asked_before_the_fund_against_the_set_order_is_named() -> None:
    batches = random_day(2, settings=ClearingSettings(stage_order=STAGE_ORDERS[1])).journal.batches
    assert audit_batches(batches).is_ok
    # Without the word that the fund comes first, its orders come before the vault was asked.
    assert rules_of(audit_batches(changed(batches, c.WaterfallSet, insurance_first=0))) == {"INV-080"}
    # With that word and without the fund's first try, the vault does.
    tried = without(batches, c.LiquidationStepped, lambda event: event.stage == 5)
    assert "INV-080" in rules_of(audit_batches(tried))


def test_a_book_that_is_used_below_the_set_health_or_left_above_it_is_named() -> None:
    settings = ClearingSettings(health=HealthLimits(backstop=Fraction(1, 2)), spread_to_maintenance=Fraction(1))
    batches = random_day(8, settings=settings).journal.batches
    assert audit_batches(batches).is_ok
    # Without the word that the book is used down to 1/2, its orders come below 2/3.
    for said in (0, 2):
        assert rules_of(
            audit_batches(
                changed(batches, c.WaterfallSet, backstop_numerator=said, backstop_denominator=said and said + 1)
            )
        ) == {"INV-080"}
    # And with the word that it is used down to a tenth, others act above that.
    assert "INV-080" in rules_of(
        audit_batches(changed(batches, c.WaterfallSet, backstop_numerator=1, backstop_denominator=10))
    )


def long_day() -> list[Batch]:
    """Return a random day with liquidations, after which enough time passes for every cascade to end."""
    venue = random_day(8)
    for _ in range(3):
        venue.later(20)
    return venue.journal.batches


@pytest.mark.spec("LIQ-120")
def test_cascades_pass_as_they_are() -> None:
    findings = audit_batches(long_day())
    assert findings.is_ok
    assert findings.checks[Rule.LIQ_120] > 4


@pytest.mark.spec("LIQ-120")
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (c.CascadeJoined, {"cascade_id": 7}),
        (c.CascadeJoined, {"generation": 2}),
        (c.CascadeJoined, {"parent_trade_id": 5}),
        (c.CascadeJoined, {"liquidation_id": 1}),
        (c.CascadeEnded, {"cascade_id": 7}),
        (c.CascadeEnded, {"notional_micros": lambda event: event.notional_micros + 1}),
        (c.CascadeEnded, {"first_notional_micros": lambda event: event.first_notional_micros + 1}),
        (c.CascadeEnded, {"multiplier_ppm": lambda event: event.multiplier_ppm - 1}),
        (c.CascadeEnded, {"liquidations": lambda event: event.liquidations + 1}),
        (c.CascadeEnded, {"generations": 9}),
    ],
)
def test_a_cascade_that_does_not_add_up_is_named(kind: type, values: dict[str, Any]) -> None:
    assert rules_of(audit_batches(changed(long_day(), kind, **values))) == {"LIQ-120"}


@pytest.mark.spec("LIQ-120")
def test_a_cascade_that_ends_too_early_is_named() -> None:
    batches = long_day()
    ended = next(event for batch in batches for event in batch.events if isinstance(event, c.CascadeEnded))
    planted = insert_before(copies(tuple(without(batches, c.CascadeEnded))), c.LiquidationEnded, ended)
    assert "LIQ-120" in rules_of(audit_batches(planted))


@cache
def _levelled() -> tuple[Batch, ...]:
    """Return a day on which the most levered of several victims come down to one level."""
    settings = ClearingSettings(vault_enabled=False, adl_policy=c.AdlPolicyKind.MIN_MAX_LEVERAGE)
    return tuple(random_day(4, settings=settings).journal.batches)


@pytest.mark.spec("LIQ-080")
def test_rankings_pass_under_the_policy_that_the_log_names_alone() -> None:
    batches = copies(_levelled())
    findings = audit_batches(batches)
    assert findings.is_ok
    assert findings.checks[Rule.LIQ_080] >= 6
    for policy in set(c.AdlPolicyKind) - {c.AdlPolicyKind.MIN_MAX_LEVERAGE}:
        assert rules_of(audit_batches(changed(batches, c.WaterfallSet, adl_policy=int(policy)))) == {"LIQ-080"}


@pytest.mark.spec("LIQ-080")
@pytest.mark.parametrize(
    "values",
    [
        {"rank": lambda event: event.rank + 1},
        {"score_e9": lambda event: event.score_e9 + 1},
        {"account_id": lambda event: event.account_id + 1},
        {"delta_lots": lambda event: event.delta_lots - (1 if event.delta_lots > 0 else -1)},
    ],
)
def test_a_line_of_a_ranking_that_is_not_due_is_named(values: dict[str, Any]) -> None:
    planted = changed(copies(_levelled()), c.AdlRanked, lambda event: bool(event.delta_lots), **values)
    assert "LIQ-080" in rules_of(audit_batches(planted))


@pytest.mark.spec("LIQ-080")
def test_a_victim_that_was_left_out_is_named() -> None:
    assert "LIQ-080" in rules_of(audit_batches(without(copies(_levelled()), c.AdlRanked)))
