"""Figures are found by their names, or what was meant is told; some are worked out when they are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.storms.measure.logged import BTC, ETH, SECOND_NS, A, B, C, event, records
from wavetank.client.orders import CancelAllOrders, CancelOrder, PlaceOrder, Side
from wavetank.model.events import clearing, matching
from wavetank.model.reason import Reason
from wavetank.storms.measure.catalogue import INSTRUMENT, PERSON, VENUE, meaning_of, names
from wavetank.storms.measure.figures import Figures, FigureUnknown
from wavetank.storms.measure.record import DeleveragingSeen, Figure, Listed, Member, RunRecord, VaultPeak
from wavetank.storms.measure.recorder import Recorder, RunFacts

LISTED = {
    BTC: Listed(instrument_id=BTC, symbol="BTC", size_decimals=5),
    ETH: Listed(instrument_id=ETH, symbol="ETH", size_decimals=4),
}
MEMBERS = {
    A: Member(account_id=A, name="makers.1", role="makers", label=None, is_bot=True),
    B: Member(account_id=B, name="makers.2", role="makers", label=None, is_bot=True),
    C: Member(account_id=C, name="whale", role="whale", label=None),
}


def record(**parts: Any) -> RunRecord:  # noqa: ANN401 - of a record.
    return RunRecord(
        scenario="a",
        title="",
        variant="",
        seed=1,
        mode="sim",
        state_hash="",
        began_ns=0,
        ended_ns=1,
        wall_seconds=0,
        members=MEMBERS,
        listed=LISTED,
        **parts,
    )


class Entry:
    """One entry of a log."""

    def __init__(self, log: str, now_ns: int, *events: object) -> None:
        self.log, self.now_ns, self.first_seq = log, now_ns, 1
        self.records = records(*events)


def measured(*entries: Entry) -> dict[str, Figure]:
    recorder = Recorder(members=MEMBERS, listed=LISTED, began_ns=0)
    for entry in entries:
        recorder.take(entry)
    return recorder.finish(RunFacts(scenario="a"), ended_ns=60 * SECOND_NS).figures


def test_a_figure_is_found_by_its_name() -> None:
    found = Figures(record(figures={"fund.loss": 5, "account(makers.1).pnl": 7, "never": None}))
    assert found.figure("fund.loss", {}) == 5
    assert found.figure("account(makers.1).pnl", {}) == 7
    assert found.figure("never", {}) is None


def test_a_role_of_one_is_an_account_and_the_other_way_round() -> None:
    found = Figures(record(figures={"account(whale).pnl": 7, "role(makers).pnl": 8}))
    assert found.figure("role(whale).pnl", {}) == 7
    assert found.figure("account(makers).pnl", {}) == 8


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("fund.los", "this run has no figure `fund.los`; did you mean `fund.loss`?"),
        ("xxxxxxxx", "this run has no figure `xxxxxxxx`$"),
    ],
)
def test_a_name_that_is_not_known_is_met_with_what_is_near(asked: str, hint: str) -> None:
    with pytest.raises(FigureUnknown, match=hint):
        Figures(record(figures={"fund.loss": 5, "vault.loss_share": 0.1})).figure(asked, {})


def test_what_was_never_seen_of_somebody_is_none_and_of_nobody_unknown() -> None:
    found = Figures(record(figures={}))
    for path in ("account(whale).pnl", "role(makers).markout_1s_bps.noise", "bot.ack_latency.p99"):
        assert found.figure(path, {}) is None
    for path in ("account(stranger).pnl", "account(whale).nonsense", "bot.nonsense"):
        with pytest.raises(FigureUnknown):
            found.figure(path, {})


def test_figures_take_the_arguments_that_they_take() -> None:
    found = Figures(record(figures={"fund.loss": 5}))
    with pytest.raises(FigureUnknown, match=r"`fund\.loss` takes no arguments, not who"):
        found.figure("fund.loss", {"who": "a"})
    with pytest.raises(FigureUnknown, match="`refused` takes `reason:` or `who:`, not whom"):
        found.figure("refused", {"whom": "a"})
    with pytest.raises(FigureUnknown, match="not nothing"):
        found.figure("adl.triggered_before", {})
    with pytest.raises(FigureUnknown, match="a share such as `10%` or an amount such as `5M`, not `lots`"):
        Figures(record(vault_peaks=[PEAKS[1]])).figure("adl.triggered_before", {"vault_loss": "lots"})


PEAKS = [
    VaultPeak(time_ns=1 * SECOND_NS, loss_micros=0, committed_micros=1_000_000_000),
    VaultPeak(time_ns=2 * SECOND_NS, loss_micros=99_000_000, committed_micros=1_000_000_000),
    VaultPeak(time_ns=5 * SECOND_NS, loss_micros=100_000_000, committed_micros=1_000_000_000),
]


def deleveraged(seconds: int) -> DeleveragingSeen:
    return DeleveragingSeen(
        time_ns=seconds * SECOND_NS,
        liquidation_id=1,
        instrument_id=BTC,
        account_id=A,
        delta_lots=-1,
        value_micros=1,
        given_up_micros=0,
    )


@pytest.mark.parametrize(
    ("limit", "at_seconds", "holds"),
    [
        # Of a thousand dollars 100 were lost, at 5 s.
        ("10%", [4], True),
        ("10%", [5], True),
        ("10%", [6], False),
        ("10%", [], False),
        ("11%", [], True),
        ("100", [6], False),
        ("100.000001", [6], True),
        ("$99", [3], False),
        ("0.0001M", [5], True),
    ],
)
def test_deleveraging_comes_before_a_loss_of_the_vault_or_the_loss_never_comes(
    limit: str,
    at_seconds: list[int],
    holds: bool,
) -> None:
    found = Figures(record(vault_peaks=PEAKS, deleveragings=[deleveraged(each) for each in at_seconds]))
    assert found.figure("adl.triggered_before", {"vault_loss": limit}) is holds


def test_refusals_are_told_by_reason_and_by_role_and_name() -> None:
    rejected = [
        event(matching.OrderRejected, account_id=account_id, reason=Reason.OPEN_INTEREST_CAP)
        for account_id in (A, A, B, C)
    ]
    figures = measured(Entry("matching-0", 1, *rejected))
    found = Figures(record(figures=figures))
    assert found.figure("refused", {}) == 4
    for arguments, count in (
        ({"reason": "OPEN_INTEREST_CAP"}, 4),
        ({"who": "makers"}, 3),
        ({"who": "makers.1"}, 2),
        ({"reason": "OPEN_INTEREST_CAP", "who": "whale"}, 1),
        ({"reason": "NO_CREDIT_LINE"}, 0),
    ):
        assert found.figure("refused", arguments) == count, arguments


def sample(instrument_id: int, bid: int, ask: int, bids: int, asks: int) -> matching.BookSampled:
    return event(
        matching.BookSampled,
        instrument_id=instrument_id,
        bid_price_ticks=bid,
        ask_price_ticks=ask,
        bid_depth_lots=bids,
        ask_depth_lots=asks,
    )


@pytest.mark.spec("UNIT-010")
def test_depth_is_money_for_a_tick_times_a_lot_is_a_micro_dollar() -> None:
    # BTC at 60,000 dollars is 600,000 ticks of ten cents; 0.5 BTC is 50,000 lots: 30,000 dollars.
    figures = measured(
        Entry("matching-0", 1, sample(BTC, 0, 600_100, 0, 9)),
        Entry("matching-0", 2, sample(BTC, 600_000, 600_100, 50_000, 90_000)),
        Entry("matching-0", 3, sample(BTC, 600_000, 600_100, 90_000, 80_000)),
        Entry("matching-0", 4, sample(ETH, 25_000, 25_010, 100, 99)),
    )
    # Before both sides were there first nothing counts; of all instruments the thinnest is the worst.
    assert figures["depth.min.BTC"] == 30_000 * 1_000_000
    assert figures["depth.min.ETH"] == 99 * 25_010
    assert figures["depth.min"] == 99 * 25_010
    # 2 x 10,000 x 100 / 1,200,100; the median of two is the lower, and the worst instrument the wider.
    assert figures["spread.median_bps.BTC"] == 2_000_000 / 1_200_100
    assert figures["spread.median_bps"] == 2 * 10_000 * 10 / 50_010


def test_the_bots_are_one_and_a_crowd_is_its_members_together() -> None:
    deposits = [
        event(clearing.Deposited, account_id=account_id, amount_micros=amount, cash_after_micros=amount)
        for account_id, amount in ((A, 100), (B, 20), (C, 3))
    ]
    figures = measured(Entry("clearing", 1, *deposits))
    told = {name: value for name, value in figures.items() if name.endswith(".deposited")}
    assert told == {
        "bot.deposited": 120,
        "role(makers).deposited": 120,
        "account(makers.1).deposited": 100,
        "account(makers.2).deposited": 20,
        "account(whale).deposited": 3,
    }


def test_answers_are_ranked_by_account_and_instrument() -> None:
    recorder = Recorder(members=MEMBERS, listed=LISTED, began_ns=0)
    place = {symbol: PlaceOrder(instrument=symbol, side=Side.BUY, size=1, price=1) for symbol in ("BTC", "ETH")}
    for took_ns in range(1, 101):
        recorder.note_answer(A, place["BTC"], took_ns)
    recorder.note_answer(B, place["ETH"], 7_000)
    recorder.note_answer(A, CancelOrder(instrument="BTC", order_id=1), 40)
    recorder.note_answer(A, CancelAllOrders(), 50)
    deposit = event(clearing.Deposited, account_id=A, amount_micros=1, cash_after_micros=1)
    other = event(clearing.Deposited, account_id=B, amount_micros=1, cash_after_micros=1)
    recorder.take(Entry("clearing", 1, deposit, other))
    figures = recorder.finish(RunFacts(scenario="a"), ended_ns=SECOND_NS).figures
    # Of 1 to 100 the nearest ranks are 50 and 99; with B's one more they are 51 and 100.
    expected: dict[str, Figure] = {
        "account(makers.1).ack_latency.p50": 50,
        "account(makers.1).ack_latency.p99": 99,
        "account(makers.2).ack_latency.p50": 7_000,
        "bot.ack_latency.p50": 51,
        "bot.ack_latency.p99": 100,
        "ack_latency.p99.BTC": 99,
        "ack_latency.p99.ETH": 7_000,
        "ack_latency.p99": 7_000,
        "cancel_latency.p99.BTC": 40,
        "cancel_latency.p99.ETH": None,
        # What is about all instruments is about nobody's in particular.
        "bot.cancel_latency.p99": 50,
        "account(makers.2).cancel_latency.p99": None,
    }
    assert {name: figures[name] for name in expected} == expected


def test_every_figure_can_be_asked_for_and_means_something() -> None:
    known = names(["whale"], ["BTC"])
    assert {"fund.loss", "depth.min", "depth.min.BTC", "bot.pnl", "role(whale).pnl", "refused"} <= known
    for name in known:
        meaning = meaning_of(name)
        assert meaning is not None, name
        assert meaning.text, name
    assert meaning_of("depth.min.BTC") is INSTRUMENT.meanings["depth.min"]
    assert meaning_of("account(a).markout_1s_bps.noise") is PERSON.meanings["markout_1s_bps.noise"]
    assert meaning_of("refused(who: a)") is VENUE.meanings["refused"]
    assert meaning_of("pnl") is None
    assert meaning_of("bot.fund.loss") is None
