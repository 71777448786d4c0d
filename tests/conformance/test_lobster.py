"""A day of real orders through the engine ends every row with the best prices and sizes that the exchange had."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conformance.lobster import DELETED, EXECUTED, HIDDEN, Message, OutOfTurn, Replay, read
from wavetank.model.orders import Side

SWEPT = "another execution of the same instant is of the older order: one taker swept both"
VANISHED = "the older order is never named again: it was cancelled out of sight"


@pytest.mark.spec("MTCH-010")
def test_a_day_of_nasdaq_orders(market_data: Path) -> None:
    messages = list(read(market_data / "lobster_amzn_2012-06-21"))
    assert len(messages) == 57_515
    assert sum(message.kind == HIDDEN for message in messages) == 2_445
    replay = Replay()
    replay.open(messages[0])
    emptied = 0
    for message in messages[1:]:
        is_aligned = replay.apply(message)
        emptied += is_aligned
        # The untouched side, and the other unless it had to be aligned, is what the engine made of it.
        for side in (Side.BUY, Side.SELL):
            assert replay.best(side) == message.best[side], message
    # Of all rows but the first, which is the opening book: 57,514 = 13,953 + 43,561.
    assert (emptied, len(messages) - 1 - emptied) == (13_953, 43_561)
    causes = [cause_of(each, messages) for each in replay.out_of_turn]
    report = [f"{emptied} rows emptied a level; alignments and comparisons:"]
    report += [f"{count:8} {name}" for name, count in sorted(replay.counts.items())]
    for each, cause in zip(replay.out_of_turn, causes, strict=True):
        report.append(f"row {each.message.number}: order {each.message.order} before {each.made_by}; {cause}")
    sys.stdout.write("\n".join(["", *report, ""]))
    # Of 4,841 executions at levels whose queue is known, all but 7 are of the order that stood first.
    assert replay.counts["makers compared"] == 4_841
    assert (causes.count(SWEPT), causes.count(VANISHED), len(causes)) == (5, 2, 7)


def cause_of(found: OutOfTurn, messages: Sequence[Message]) -> str:
    """Return why the file names another order than the one that stood first.

    Raises:
        AssertionError: it cannot be explained.

    """
    at = found.message
    older = found.made_by[0]
    named = [each for each in messages if each.order == older]
    # The order that the engine has in front did come first, and at this price.
    assert named[0].number < next(each.number for each in messages if each.order == at.order)
    assert (named[0].side, named[0].price) == (at.side, at.price)
    later = [each for each in named if each.number > at.number]
    if not later:
        # Another price was best in between, so that it could be cancelled out of sight; at the best price it could not.
        between = messages[named[0].number : at.number]
        assert any(each.best[at.side][0] != at.price for each in between)
        assert all(each.kind not in (EXECUTED, DELETED) for each in named)
        return VANISHED
    # The file lists the executions of one sweep in an order of its own.
    assert (later[0].number, later[0].kind, later[0].time) == (at.number + 1, EXECUTED, at.time)
    return SWEPT
