"""Answers written straight to bytes read as the messages that the generated code would have made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.plain_wire import plain_request, plain_result, plain_results
from tests.model.wire_messages import session_requests
from wavetank.matching.adapters.refusals import sentence_of
from wavetank.matching.adapters.wire_reader import Request, read_batch_request, read_session_request, read_unary_request
from wavetank.matching.adapters.wire_writer import (
    session_answer,
    session_events,
    session_opened,
    session_refusal,
    unary_answer,
)
from wavetank.matching.core import commands as packed
from wavetank.model.reason import Reason
from wavetank.v1 import order_entry_pb2 as pb
from wavetank.v1 import reason_pb2

ACCOUNT = 1_000
LIMIT = 50
INT64 = st.one_of(st.sampled_from([0, 1, 127, 128, -1, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1))

RESULTS = st.builds(
    packed._RESULT.pack,
    INT64,
    INT64,
    INT64,
    INT64,
    INT64,
    INT64,
    st.integers(-(2**31), 2**31 - 1),
    st.sampled_from([0, 0, 0, *Reason]),
    st.integers(0, 6),
    st.integers(0, 1),
    st.one_of(st.just(b""), st.binary(max_size=16)),
)


def one(order_id: int, state: int = pb.ORDER_STATE_OPEN, reason: int = 0) -> bytes:
    return packed._RESULT.pack(order_id, 1, 4, 900, 11, 12, 0, reason, state, 0, b"me")


@given(st.data(), session_requests(), INT64, INT64, st.booleans())
def test_an_answer_is_what_the_generated_code_would_write(
    data: st.DataObject, message: pb.SessionRequest, request_id: int, seq: int, provisional: bool
) -> None:
    request = read_session_request(message.SerializeToString(), LIMIT)
    plain = plain_request(list(message.commands), ACCOUNT, atomic=message.atomic, limit=LIMIT)
    results = b"".join(data.draw(st.lists(RESULTS, min_size=request.count, max_size=request.count)))
    wanted = pb.SessionResponse(request_id=request_id, seq=seq, provisional=provisional)
    if plain.asked <= LIMIT:
        each = [
            plain_result(result, sentence_of(result.reason, result.was, result.allowed) if result.reason else "")
            for result in packed.unpack_results(results)
        ]
        wanted.results.extend(plain_results(plain, each))
    written = session_answer(request, request_id, results, seq, provisional=provisional)
    assert pb.SessionResponse.FromString(written) == wanted
    # Nothing is there twice or in vain: the bytes are as many as the generated code writes.
    assert len(written) == wanted.ByteSize()


def test_a_unary_answer_has_one_layout_for_all_calls() -> None:
    order = pb.PlaceOrder(side=1, order_type=pb.ORDER_TYPE_MARKET)  # type: ignore[arg-type] # A number.
    place = read_unary_request(pb.PlaceOrderRequest(order=order).SerializeToString(), 1, LIMIT)
    answer = pb.PlaceOrderResponse.FromString(unary_answer(place, one(8), 5))
    assert (answer.result.order_id, answer.result.client_order_id, answer.seq) == (8, b"me", 5)
    both = pb.SendBatchRequest(commands=[pb.Command(place=order), pb.Command(place=order)])
    batch = read_batch_request(both.SerializeToString(), LIMIT)
    many = pb.SendBatchResponse.FromString(unary_answer(batch, one(8) + one(9), 5))
    assert [result.order_id for result in many.results] == [8, 9]


def test_the_orders_of_a_group_stand_inside_its_result() -> None:
    order = pb.PlaceOrder(side=1, order_type=pb.ORDER_TYPE_MARKET)  # type: ignore[arg-type] # A number.
    group = pb.PlaceGroup(kind=pb.GROUP_KIND_POSITION, orders=[order, order])
    request = read_unary_request(pb.PlaceGroupRequest(group=group).SerializeToString(), 5, LIMIT)
    answer = pb.PlaceGroupResponse.FromString(unary_answer(request, one(8) + one(8) + one(9), 5))
    assert answer.result.order_id == 8
    assert [inner.order_id for inner in answer.result.results] == [8, 9]
    refused = packed._RESULT.pack(0, 0, 0, 0, 0, 0, 0, Reason.MALFORMED, 0, 0, b"")
    answer = pb.PlaceGroupResponse.FromString(unary_answer(request, refused + one(8) + one(9), 5))
    assert (answer.result.refusal.reason, len(answer.result.results)) == (reason_pb2.REASON_MALFORMED, 0)


def test_a_refusal_says_what_it_was_and_what_was_allowed() -> None:
    request = read_unary_request(pb.CancelOrderRequest(cancel=pb.CancelOrder(order_id=1)).SerializeToString(), 2, LIMIT)
    answer = pb.CancelOrderResponse.FromString(unary_answer(request, one(0, 4, Reason.PRICE_OFF_GRID), 5))
    assert (answer.result.refusal.was, answer.result.refusal.allowed) == (11, 12)
    assert answer.result.refusal.message == "price 11 ticks is not on the grid; the step there is 12 ticks"


def test_results_of_another_request_are_not_written() -> None:
    request: Request = read_batch_request(b"", LIMIT)
    with pytest.raises(ValueError, match="are not the results of 0 commands"):
        unary_answer(request, one(8), 5)


@given(INT64, INT64, INT64, st.integers(0, 100_000))
def test_the_first_message_of_a_session(request_id: int, account_id: int, seq: int, most: int) -> None:
    opened = pb.SessionOpened(account_id=account_id, seq=seq, max_commands=most)
    wanted = pb.SessionResponse(request_id=request_id, opened=opened, seq=seq)
    assert pb.SessionResponse.FromString(session_opened(request_id, account_id, seq, most)) == wanted


@given(INT64, st.sampled_from(list(Reason)), INT64, INT64, st.text(max_size=20))
def test_the_refusal_of_a_whole_request(request_id: int, reason: Reason, was: int, allowed: int, text: str) -> None:
    refusal = pb.Refusal(reason=reason_pb2.Reason.ValueType(reason), was=was, allowed=allowed, message=text)
    wanted = pb.SessionResponse(request_id=request_id, refusal=refusal)
    assert pb.SessionResponse.FromString(session_refusal(request_id, reason, was, allowed, text)) == wanted


def test_a_long_answer_makes_room_for_itself() -> None:
    message = pb.SessionRequest(commands=[pb.Command(cancel_all=pb.CancelAllOrders())] * 1_000)
    request = read_session_request(message.SerializeToString(), 1_000)
    answer = pb.SessionResponse.FromString(session_answer(request, 1, one(8, 3, Reason.MALFORMED) * 1_000, 7))
    assert len(answer.results) == 1_000
    assert {result.refusal.message for result in answer.results} == {"the command is malformed"}


def test_events_alone_are_a_message() -> None:
    event = pb.OrderEvent(seq=4, dead_man=pb.DeadManMoved(deadline_ns=9))
    field = pb.SessionResponse(events=[event]).SerializeToString()
    assert pb.SessionResponse.FromString(session_events(field, 4)) == pb.SessionResponse(events=[event], seq=4)
