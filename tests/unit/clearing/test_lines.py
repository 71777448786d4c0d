"""Credit lines: what each account may commit on the shard (PROTOCOL 2)."""

from __future__ import annotations

from dataclasses import astuple, fields

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.adapters.shard_stream import line_message
from wavetank.clearing.core.credit import Line
from wavetank.clearing.core.standing import LineRow
from wavetank.matching.core.credit import CreditLine
from wavetank.matching.wire import credit_line
from wavetank.model.orders import LineStatus


def lines(scene: Scene) -> dict[int, Line]:
    return {line.account_id: line for line in scene.core.take_lines()}


@pytest.mark.spec("MRGN-050")
def test_a_line_says_what_was_counted_and_up_to_where() -> None:
    scene = Scene()
    a, b = scene.open(10_000), scene.open(20_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.core.take_lines()
    scene.trade(BTC, a, b, 3, 1_000_000, taker_fee=1_350, maker_fee=450)
    scene.trade(ETH, b, a, 5, 400_010, taker_fee=901, maker_fee=301)
    scene.mark(BTC, 1_000_010)
    line = lines(scene)[a]
    # Q: +3 x 1,000,000 - 5 x 400,010; F: 1,350 + 301. Equity: 10,000 dollars - F + 3 x 10 + 5 x 10.
    assert line == Line(
        account_id=a,
        line_epoch=1,
        line_number=line.line_number,
        as_of_seq=2,
        budget_micros=10_000 * MICROS - 1_651 + 80,
        counted_value_micros=999_950,
        counted_fees_micros=1_651,
        status=LineStatus.NORMAL,
        acknowledge=False,
        rows=(LineRow(BTC, 3, 1_000_010, 40, 0), LineRow(ETH, -5, 400_000, 25, 0)),
        # The older of the two marks.
        mark_time_ns=scene.state.marks[ETH].index_time_ns,
        equity_micros=10_000 * MICROS - 1_651 + 80,
    )


@pytest.mark.spec("MRGN-050")
def test_a_shard_reads_a_line_as_it_was_sent() -> None:
    scene = Scene()
    a, b = scene.open(10_000), scene.open(20_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, b, 3, 1_000_000, taker_fee=1_350, maker_fee=450)
    line = lines(scene)[a]
    read = credit_line(line_message(line))
    sent = {field.name: getattr(line, field.name) for field in fields(CreditLine)}
    assert {name: getattr(read, name) for name in sent} | {"rows": sent["rows"]} == sent
    assert [astuple(row) for row in read.rows] == [tuple(row) for row in line.rows]
    assert read.equity_micros == 10_000 * MICROS - 1_350
    # Of one that does not say what is there, nothing may be lost.
    silent = line_message(line)
    silent.ClearField("equity_micros")
    assert credit_line(silent).equity_micros == 0


@pytest.mark.spec("MRGN-050")
def test_lowered_lines_leave_first() -> None:
    scene = Scene()
    a, b = scene.open(10_000), scene.open(20_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, b, 1_000, 1_000_000)
    scene.core.take_lines()
    # The long gains when the mark rises, the short loses; and the other way round.
    scene.mark(BTC, 1_010_000)
    assert [line.account_id for line in scene.core.take_lines()] == [b, a]
    scene.mark(BTC, 990_000)
    assert [line.account_id for line in scene.core.take_lines()] == [a, b]


@pytest.mark.spec("MRGN-050")
def test_numbers_rise_within_an_epoch_and_epochs_with_every_start() -> None:
    scene = Scene()
    a = scene.open(1)
    first = lines(scene)[a]
    scene.core.bank.deposit(a, 1)
    second = lines(scene)[a]
    assert (second.line_epoch, second.line_number) > (first.line_epoch, first.line_number)
    # Who was not touched needs no line.
    assert lines(scene) == {}
    scene.keep()
    scene.restart()
    third = lines(scene)[a]
    assert third.line_epoch == 2
    assert (third.line_epoch, third.line_number) > (second.line_epoch, second.line_number)


@pytest.mark.spec("MRGN-050")
def test_cash_that_moves_between_accounts_touches_both_lines() -> None:
    scene = Scene()
    a, maker = scene.open(5_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.trade(BTC, a, maker, -100_000, 940_000)
    scene.core.take_lines()
    scene.cancelled(a)
    # The insurance fund covered the deficit of 1,000.
    sent = lines(scene)
    assert sent[2].budget_micros == 999_000 * MICROS
    assert sent[a].budget_micros == 0
    assert sent[a].status is LineStatus.NORMAL


@pytest.mark.spec("MRGN-050")
def test_every_account_gets_a_line_when_a_shard_says_hello() -> None:
    scene = Scene()
    scene.open(1)
    scene.core.take_lines()
    scene.core.lines.touch_all()
    assert sorted(lines(scene)) == [1, 2, 3, 4, 5, 6, 1_000]
