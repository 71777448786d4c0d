"""An iceberg shows part of itself, and queues anew for each part that it gives (MTCH-010)."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, FOK, IOC, SELL, Desk
from wavetank.matching.core.engine import Engine
from wavetank.model.reason import Reason

pytestmark = pytest.mark.spec("MTCH-010", "ORD-010")


def trades(desk: Desk) -> list[tuple[int, int]]:
    return [(event.maker_order_id, event.size_lots) for event in desk.of_kind("Traded")]


def test_the_book_shows_what_it_shows(desk: Desk) -> None:
    desk.place(BOB, SELL, 100, 1_000, display_lots=30)
    desk.place(CAROL, SELL, 10, 1_000)
    assert desk.engine.book(1, 5)[1] == [(1_000, 40, 2)]
    desk.engine.sample_books(desk.now)
    desk.drain()
    sample = next(desk.of_kind("BookSampled"))
    assert (sample.ask_size_lots, sample.ask_depth_lots) == (40, 40)
    # The impact notional is 150,000: 150 lots at 1,000, of which 40 show.
    assert sample.impact_ask_e6 == 0


def test_when_its_part_is_gone_it_goes_to_the_end_of_the_queue(desk: Desk) -> None:
    iceberg = desk.place(BOB, SELL, 100, 1_000, display_lots=30).order_id
    other = desk.place(CAROL, SELL, 10, 1_000).order_id
    desk.place(ALICE, BUY, 35, 1_000, time_in_force=IOC)
    assert trades(desk) == [(iceberg, 30), (other, 5)]
    assert desk.engine.queue(1, SELL, 1_000) == [other, iceberg]
    # Carol's last 5, and Bob's next 30 of 70.
    assert desk.engine.book(1, 5)[1] == [(1_000, 35, 2)]
    known = desk.engine.order(iceberg)
    assert known is not None
    assert (known.remaining_lots, known.visible_lots, known.display_lots) == (70, 30, 30)


def test_a_taker_comes_around_to_it_again(desk: Desk) -> None:
    iceberg = desk.place(BOB, SELL, 100, 1_000, display_lots=30).order_id
    desk.place(ALICE, BUY, 100, 1_000, time_in_force=IOC)
    assert trades(desk) == [(iceberg, 30), (iceberg, 30), (iceberg, 30), (iceberg, 10)]
    assert desk.engine.book(1, 5)[1] == []


def test_fill_or_kill_counts_what_is_hidden(desk: Desk) -> None:
    desk.place(BOB, SELL, 100, 1_000, display_lots=30)
    assert desk.place(ALICE, BUY, 101, 1_000, time_in_force=FOK).allowed == 100
    assert desk.place(ALICE, BUY, 100, 1_000, time_in_force=FOK).filled_lots == 100


def test_smaller_in_place_it_hides_less_before_it_shows_less(desk: Desk) -> None:
    iceberg = desk.place(BOB, SELL, 100, 1_000, display_lots=30).order_id
    desk.place(CAROL, SELL, 10, 1_000)
    desk.amend(BOB, iceberg, size_lots=50)
    assert desk.engine.book(1, 5)[1] == [(1_000, 40, 2)]
    desk.amend(BOB, iceberg, size_lots=20)
    assert desk.engine.book(1, 5)[1] == [(1_000, 30, 2)]
    assert desk.engine.queue(1, SELL, 1_000)[0] == iceberg


def test_amended_in_turn_it_shows_a_whole_part_again(desk: Desk) -> None:
    iceberg = desk.place(BOB, SELL, 100, 1_000, display_lots=30).order_id
    desk.place(ALICE, BUY, 10, 1_000, time_in_force=IOC)
    assert desk.engine.bbo(1)[3] == 20
    desk.amend(BOB, iceberg, size_lots=120)
    assert desk.engine.bbo(1)[3] == 30


def test_one_that_took_first_shows_a_part_of_its_rest(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_000)
    desk.place(ALICE, BUY, 100, 1_000, display_lots=30)
    assert desk.engine.bbo(1) == (1_000, 30, 0, 0)


def test_credit_counts_all_of_it(desk: Desk) -> None:
    desk.place(ALICE, BUY, 100, 1_000, display_lots=30)
    desk.place(BOB, BUY, 100, 1_000)
    assert desk.engine.committed(ALICE) == desk.engine.committed(BOB)


def test_a_snapshot_keeps_what_it_shows(desk: Desk) -> None:
    iceberg = desk.place(BOB, SELL, 100, 1_000, display_lots=30).order_id
    desk.place(ALICE, BUY, 10, 1_000, time_in_force=IOC)
    restored = Engine.restore(desk.engine.snapshot(), desk.settings)
    assert restored.book(1, 5) == desk.engine.book(1, 5)
    known = restored.order(iceberg)
    assert known is not None
    assert (known.remaining_lots, known.visible_lots) == (90, 20)
    assert restored.state_hash() == desk.engine.state_hash()


def test_it_shows_no_more_than_there_is_and_must_rest(desk: Desk) -> None:
    result = desk.place(BOB, SELL, 20, 1_000, display_lots=30)
    assert (result.reason, result.was, result.allowed) == (Reason.DISPLAY_OUT_OF_RANGE, 30, 20)
    assert desk.place(BOB, SELL, 20, 1_000, display_lots=-1).reason == Reason.MALFORMED
    hidden = desk.place(BOB, SELL, 20, 1_000, display_lots=5, time_in_force=IOC)
    assert hidden.reason == Reason.ORDER_COMBINATION
