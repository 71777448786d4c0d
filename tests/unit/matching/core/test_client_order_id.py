"""Client order ids: the same id with the same body gets the same answer, with another body a refusal (ORD-030)."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, SELL, Desk
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.orders import OrderState
from wavetank.model.reason import Reason


@pytest.mark.spec("ORD-030")
def test_a_repeated_place_gets_its_first_answer_and_no_second_order(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_000)
    first = desk.place(ALICE, BUY, 30, 1_000, client_order_id=b"one")
    desk.place(BOB, SELL, 5, 1_000)
    again = desk.place(ALICE, BUY, 30, 1_000, client_order_id=b"one")
    assert desk.events == []
    assert again.repeated
    assert (again.order_id, again.state, again.filled_lots, again.remaining_lots, again.filled_value_micros) == (
        first.order_id, OrderState.OPEN, 10, 20, 10_000,
    )  # fmt: skip
    assert desk.engine.book(1, 5) == ([(1_000, 15, 1)], [])


@pytest.mark.spec("ORD-030")
def test_another_body_is_refused_while_the_order_lives_and_after(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 30, 1_000, client_order_id=b"one").order_id
    for _ in range(2):
        refused = desk.place(ALICE, BUY, 31, 1_000, client_order_id=b"one")
        assert (refused.reason, refused.was) == (Reason.CLIENT_ORDER_ID_REUSED, order_id)
        assert desk.place(BOB, BUY, 31, 990, client_order_id=b"one").order_id != order_id
        desk.cancel(ALICE, order_id)
    assert desk.place(ALICE, BUY, 30, 1_000, client_order_id=b"one").state == OrderState.OPEN


@pytest.mark.spec("ORD-030")
def test_a_refused_place_is_not_remembered(desk: Desk) -> None:
    assert desk.place(ALICE, BUY, 0, 1_000, client_order_id=b"one").reason == Reason.SIZE_OUT_OF_RANGE
    assert not desk.place(ALICE, BUY, 10, 1_000, client_order_id=b"one").repeated


@pytest.mark.spec("ORD-030")
def test_ids_are_padded_with_zero_bytes_and_the_oldest_are_forgotten() -> None:
    desk = Desk(settings=EngineSettings(remembered_client_ids=2))
    for client_order_id in (b"a", b"b", b"c"):
        desk.place(ALICE, BUY, 10, 1_000, client_order_id=client_order_id)
        desk.cancel(ALICE, client_order_id=client_order_id)
    assert desk.place(ALICE, BUY, 10, 1_000, client_order_id=b"b\0\0").repeated
    assert not desk.place(ALICE, BUY, 10, 1_000, client_order_id=b"a").repeated
    known = desk.engine.order(account_id=ALICE, client_order_id=b"c")
    assert known is not None
    assert (known.state, known.remaining_lots) == (OrderState.CANCELLED, 10)


@pytest.mark.spec("ORD-030")
def test_ids_are_known_after_a_restart(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 30, 1_000, client_order_id=b"one").order_id
    desk.engine = type(desk.engine).restore(desk.engine.snapshot(), desk.settings)
    again = desk.place(ALICE, BUY, 30, 1_000, client_order_id=b"one")
    assert (again.repeated, again.order_id) == (True, order_id)
    assert desk.cancel(ALICE, client_order_id=b"one").order_id == order_id


@pytest.mark.spec("ORD-030")
def test_a_remembered_order_is_found_by_either_id_also_after_a_restart_and_forgotten_by_both() -> None:
    desk = Desk(settings=EngineSettings(remembered_client_ids=1))
    first = desk.place(ALICE, BUY, 10, 1_000, client_order_id=b"a").order_id
    desk.cancel(ALICE, client_order_id=b"a")
    known = desk.engine.order(first)
    assert known is not None
    assert (known.client_order_id, known.state) == (b"a", OrderState.CANCELLED)
    second = desk.place(ALICE, BUY, 10, 1_000, client_order_id=b"b").order_id
    desk.cancel(ALICE, order_id=second)
    desk.engine = type(desk.engine).restore(desk.engine.snapshot(), desk.settings)
    assert desk.engine.order(first) is None
    assert desk.engine.order(second) is not None
