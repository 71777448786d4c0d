"""A day that begins on a venue with a past: the past and the day add up to the whole."""

from __future__ import annotations

import pytest

from wavetank.model.events.clearing import FillRole, LiquidationStarted
from wavetank.model.orders import OrderFlag
from wavetank.storms.measure.accounts import Accounts
from wavetank.storms.measure.liquidations import Liquidations
from wavetank.storms.measure.record import Listed, RunRecord
from wavetank.storms.measure.recorder import Entry, Recorder, RunFacts
from wavetank.storms.scenario.library import find
from wavetank.storms.staging.stage import stage

CUT_NS = 684_000_000_000
"""While the first accounts of the crash are being liquidated."""
ADD_UP = (
    "trades.count",
    "refused",
    "liquidations.notional",
    "adl.count",
    "adl.given_up",
    "fund.loss",
    "fund.earned",
    "escalations.count",
)
ADD_UP_OF_PEOPLE = ("pnl", "fills", "volume", "liquidated")


@pytest.fixture(scope="module")
def parts() -> tuple[RunRecord, RunRecord, RunRecord]:
    """Return the records of the whole, of what came before the cut, and of what came behind it."""
    page = find("crash_replay")
    staged = stage(page, seed=page.seed)
    venue, start_ns = staged.venue, staged.venue.schedule.now_ns
    cut_ns = start_ns + CUT_NS
    listed = {
        number: Listed(instrument_id=number, symbol=each.symbol, size_decimals=each.size_decimals)
        for number, each in venue.instruments.items()
    }
    whole, before = (Recorder(members=staged.members, listed=listed, began_ns=start_ns) for _ in range(2))
    behind = Recorder(members=staged.members, listed=listed, began_ns=cut_ns)
    has_begun = False

    def take(entry: Entry) -> None:
        nonlocal has_begun
        whole.take(entry)
        if entry.now_ns < cut_ns:
            before.take(entry)
        elif not has_begun:
            behind.begin()
            has_begun = True
        behind.take(entry)

    venue.observers.append(take)
    venue.run_until(start_ns + page.duration)
    facts, end_ns = RunFacts(scenario="crash_replay"), start_ns + page.duration
    return (
        whole.finish(facts, ended_ns=end_ns),
        before.finish(facts, ended_ns=cut_ns),
        behind.finish(facts, ended_ns=end_ns),
    )


def _number(record: RunRecord, name: str) -> float:
    figure = record.figures[name]
    assert isinstance(figure, int | float)
    return figure


def test_what_is_counted_adds_up(parts: tuple[RunRecord, RunRecord, RunRecord]) -> None:
    whole, before, behind = parts
    people = {name.rpartition(".")[0] for name in whole.figures if name.startswith("role(") and name.endswith(".pnl")}
    names = [*ADD_UP, *(f"{who}.{what}" for who in people for what in ADD_UP_OF_PEOPLE)]
    for name in names:
        assert _number(whole, name) == _number(before, name) + _number(behind, name), name
    # Neither part is empty, or nothing would be shown.
    for part in (before, behind):
        assert _number(part, "liquidations.notional") > 0
        assert _number(part, "trades.count") > 0


def test_the_day_begins_with_what_there_was(parts: tuple[RunRecord, RunRecord, RunRecord]) -> None:
    whole, before, behind = parts
    assert behind.figures["fund.start"] == before.figures["fund.end"]
    assert behind.figures["fund.end"] == whole.figures["fund.end"]
    assert behind.figures["ledger.balanced"]
    assert behind.figures["positions.balanced"]
    for number, track in behind.prices.items():
        assert track.times_ns[0] >= behind.began_ns
        assert track.times_ns == whole.prices[number].times_ns[-len(track.times_ns) :]
    for number, book in behind.books.items():
        assert book.times_ns[0] >= behind.began_ns
        assert book.times_ns == whole.books[number].times_ns[-len(book.times_ns) :]
    started = {case.liquidation_id for case in whole.liquidations if case.began_ns >= behind.began_ns}
    under_way = {
        case.liquidation_id
        for case in whole.liquidations
        if case.began_ns < behind.began_ns and not 0 < case.ended_ns < behind.began_ns
    }
    assert {case.liquidation_id for case in behind.liquidations} == started | under_way


def test_a_liquidation_under_way_has_closed_nothing_of_the_day_yet() -> None:
    account_id, instrument_id = 1_000, 1
    liquidations = Liquidations(Accounts(), {instrument_id: "BTC"})
    liquidations.apply(1, LiquidationStarted(0, account_id, 7, -5, 20, 40, 0, 0, 0, 0))

    def close(trade_id: int, value_micros: int) -> None:
        liquidations.fill(
            instrument_id=instrument_id,
            account_id=account_id,
            trade_id=trade_id,
            value_micros=value_micros,
            role=FillRole.TAKER,
            flags=OrderFlag.LIQUIDATION,
        )

    close(1, 100)
    liquidations.begin()
    assert liquidations.is_under_way(account_id)
    close(2, -30)
    assert [case.closed_micros for case in liquidations.cases.values()] == [30]
    assert liquidations.contagion == {("none", "BTC"): 30}
