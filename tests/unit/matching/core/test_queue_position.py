"""An order's owner may ask how much stands before it at its price (MTCH-070)."""

import struct

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, SELL, Desk

pytestmark = pytest.mark.spec("MTCH-070")


def test_it_counts_what_shows_ahead_at_its_price(desk: Desk) -> None:
    first = desk.place(BOB, BUY, 100, 990, display_lots=30).order_id
    second = desk.place(CAROL, BUY, 7, 990).order_id
    third = desk.place(ALICE, BUY, 5, 990).order_id
    better = desk.place(ALICE, BUY, 5, 995).order_id
    assert desk.engine.queue_position(first) == (0, 0)
    assert desk.engine.queue_position(second) == (30, 1)
    assert desk.engine.queue_position(third) == (37, 2)
    assert desk.engine.queue_position(better) == (0, 0)
    desk.cancel(CAROL, second)
    assert desk.engine.queue_position(third) == (30, 1)
    assert desk.engine.queue_position(second) is None


def test_a_book_can_be_read_order_by_order(desk: Desk) -> None:
    iceberg = desk.place(BOB, BUY, 100, 990, display_lots=30).order_id
    best = desk.place(ALICE, BUY, 5, 995).order_id
    ask = desk.place(CAROL, SELL, 7, 1_010).order_id
    assert list(struct.iter_unpack("<qqqqqqB7x", desk.engine.resting_orders(1))) == [
        (best, ALICE, 995, 5, 5, 0, BUY),
        (iceberg, BOB, 990, 30, 100, 30, BUY),
        (ask, CAROL, 1_010, 7, 7, 0, SELL),
    ]
