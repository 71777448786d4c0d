"""The reader of requests and the generated code agree on every message, well-formed or not."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import example, given
from hypothesis import strategies as st

from tests.model.plain_wire import plain_request
from tests.model.wire_messages import batch_requests, broken, commands, session_requests, unary_requests
from wavetank.matching.adapters.wire_reader import Request, read_batch_request, read_session_request, read_unary_request
from wavetank.matching.core import commands as packed
from wavetank.model.orders import CommandKind, OrderFlag
from wavetank.v1 import order_entry_pb2 as pb

ACCOUNT = 1_000
LIMIT = 50


def placing(**changes: object) -> pb.Command:
    fields: dict[str, object] = {
        "instrument_id": 1,
        "side": 1,
        "order_type": pb.ORDER_TYPE_LIMIT,
        "price_ticks": 900,
        "size_lots": 5,
        "time_in_force": pb.TIME_IN_FORCE_GTC,
    }
    return pb.Command(place=pb.PlaceOrder(**(fields | changes)))  # type: ignore[arg-type] # Any field.


CANCEL = pb.Command(cancel=pb.CancelOrder(order_id=7))


def read(*asked: pb.Command, atomic: bool = False) -> Request:
    return read_session_request(pb.SessionRequest(commands=asked, atomic=atomic).SerializeToString(), LIMIT)


def check_session(data: bytes) -> None:
    """Let both read the bytes, and compare."""
    try:
        message = pb.SessionRequest.FromString(data)
    except DecodeError:
        with pytest.raises(ValueError, match="is not the one that this method takes"):
            read_session_request(data, LIMIT)
        return
    found = read_session_request(data, LIMIT)
    wanted = plain_request(
        list(message.commands), ACCOUNT, OrderFlag.CANCEL_ON_DISCONNECT, atomic=message.atomic, limit=LIMIT
    )
    assert (found.request_id, found.has_open, found.atomic) == (
        message.request_id,
        message.HasField("open"),
        message.atomic,
    )
    assert (found.account_id, found.open_cancels_on_disconnect, found.open_acknowledgement) == (
        message.open.account_id,
        message.open.cancel_on_disconnect,
        message.open.acknowledgement,
    )
    assert found.asked == wanted.asked
    if wanted.asked <= LIMIT:
        assert found.commands_for(ACCOUNT, OrderFlag.CANCEL_ON_DISCONNECT) == b"".join(wanted.records)
        assert (found.count, found.command_count) == (len(wanted.records), len(wanted.shapes))


@given(session_requests())
def test_what_the_generated_code_writes_is_read_as_it_reads_it(message: pb.SessionRequest) -> None:
    check_session(message.SerializeToString())


@given(broken(session_requests()))
@example(b"\x1a\x80")
@example(b"\x08" + b"\x80" * 9 + b"\x7f")
@example(b"\x08" + b"\x80" * 10 + b"\x01")
@example(b"\x88\x80\x80\x80\x00\x01")
@example(b"\x88\x80\x80\x80\x80\x00\x01")
@example(b"\xf8\xff\xff\xff\x1f\x01")
@example(b"\x00\x01")
@example(b"\x0c")
@example(b"\x1b\x1c")
@example(b"\x1b\x24")
@example(b"\x2b" * 99 + b"\x2c" * 99)
@example(b"\x2b" * 100 + b"\x2c" * 100)
@example(b"\x2b" * 101 + b"\x2c" * 101)
@example(b"\x1a\xc6\x01" + b"\x7b" * 99 + b"\x7c" * 99)
@example(b"\x1a\xc8\x01" + b"\x7b" * 100 + b"\x7c" * 100)
def test_whatever_the_bytes_both_read_the_same_or_both_refuse(data: bytes) -> None:
    check_session(data)


@given(st.binary(max_size=200))
def test_noise_is_read_alike(data: bytes) -> None:
    check_session(data)


@given(broken(batch_requests()))
def test_batches_are_read_alike(data: bytes) -> None:
    try:
        message = pb.SendBatchRequest.FromString(data)
    except DecodeError:
        with pytest.raises(ValueError, match="is not the one"):
            read_batch_request(data, LIMIT)
        return
    found = read_batch_request(data, LIMIT)
    wanted = plain_request(list(message.commands), ACCOUNT, atomic=message.atomic, limit=LIMIT)
    assert (found.account_id, found.asked) == (message.account_id, wanted.asked)
    if wanted.asked <= LIMIT:
        assert found.commands_for(ACCOUNT) == b"".join(wanted.records)


@given(unary_requests())
def test_unary_requests_are_read_alike(asked: tuple[int, type[Message], str, bytes]) -> None:
    number, kind, name, data = asked
    try:
        message: Any = kind.FromString(data)
    except DecodeError:
        with pytest.raises(ValueError, match="is not the one"):
            read_unary_request(data, number, LIMIT)
        return
    found = read_unary_request(data, number, LIMIT)
    command = pb.Command()
    member = next(field.name for field in pb.Command.DESCRIPTOR.fields if field.number == number)
    getattr(command, member).CopyFrom(getattr(message, name))
    wanted = plain_request([command], ACCOUNT, limit=LIMIT)
    assert (found.account_id, found.asked) == (message.account_id, wanted.asked)
    if wanted.asked <= LIMIT:
        assert found.commands_for(ACCOUNT) == b"".join(wanted.records)


@given(st.lists(commands(), min_size=1, max_size=4), st.lists(commands(), min_size=1, max_size=4))
def test_messages_that_stand_twice_are_merged(first: list[pb.Command], second: list[pb.Command]) -> None:
    # A command whose bytes are those of two: what its `oneof` says last stands, merged with itself.
    data = b"".join(command.SerializeToString() for command in (*first, *second))
    check_session(pb.SessionRequest(request_id=1).SerializeToString() + b"\x1a" + _varint(len(data)) + data)


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def test_every_kind_of_command_is_packed() -> None:
    request = read(
        placing(),
        CANCEL,
        pb.Command(amend=pb.AmendOrder(client_order_id=b"me", size_lots=3)),
        pb.Command(cancel_all=pb.CancelAllOrders(instrument_id=2, side=1)),  # type: ignore[arg-type] # A number.
        pb.Command(place_group=pb.PlaceGroup(kind=pb.GROUP_KIND_ONE_CANCELS_OTHER, orders=[placing().place] * 2)),
        pb.Command(
            mass_quote=pb.MassQuote(instrument_id=2, quotes=[pb.Quote(side=1, price_ticks=9, size_lots=3)])  # type: ignore[arg-type] # A number.
        ),
        pb.Command(cancel_all_after=pb.CancelAllAfter(timeout_ms=5_000)),
    )
    data = request.commands_for(ACCOUNT)
    kinds = [data[at] for at in range(0, len(data), packed.COMMAND_BYTES)]
    assert kinds == [
        CommandKind.PLACE,
        CommandKind.CANCEL,
        CommandKind.AMEND,
        CommandKind.CANCEL_ALL,
        CommandKind.PLACE_GROUP,
        CommandKind.PLACE,
        CommandKind.PLACE,
        CommandKind.MASS_QUOTE,
        CommandKind.PLACE,
        CommandKind.CANCEL_ALL_AFTER,
    ]
    # Two of the group and one quote; the others count once.
    assert (request.asked, request.command_count, request.count) == (8, 7, 10)
    assert data[-packed.COMMAND_BYTES :] == packed.cancel_all_after(account_id=ACCOUNT, timeout_ns=5_000_000_000)


def test_an_atomic_batch_has_a_head() -> None:
    request = read(placing(), CANCEL, atomic=True)
    place = packed.place(account_id=ACCOUNT, instrument_id=1, side=1, size_lots=5, price_ticks=900)
    cancel = packed.cancel(account_id=ACCOUNT, order_id=7)
    assert request.commands_for(ACCOUNT) == packed.atomic([place, cancel])


def test_only_so_many_commands_are_kept() -> None:
    request = read(*[placing()] * (LIMIT + 1))
    assert (request.asked, request.command_count) == (LIMIT + 1, LIMIT)
    quotes = pb.MassQuote(quotes=[pb.Quote()] * LIMIT)
    assert read(pb.Command(mass_quote=quotes), CANCEL).asked == LIMIT + 1


def test_orders_of_a_session_can_be_marked() -> None:
    data = read(placing(post_only=True), CANCEL).commands_for(ACCOUNT, OrderFlag.CANCEL_ON_DISCONNECT)
    assert data[4] == OrderFlag.POST_ONLY | OrderFlag.CANCEL_ON_DISCONNECT
    assert data[packed.COMMAND_BYTES + 4] == 0


def test_only_orders_that_a_request_placed_rest_for_its_session() -> None:
    request = read(pb.Command(amend=pb.AmendOrder(order_id=5, size_lots=3)), pb.Command(), placing(), placing())
    states = [(5, pb.ORDER_STATE_OPEN), (8, pb.ORDER_STATE_OPEN), (9, pb.ORDER_STATE_FILLED)]
    data = b"".join(packed._RESULT.pack(number, 0, 4, 0, 0, 0, 0, 0, state, 0, b"") for number, state in states)
    assert request.resting(data) == [8]
    with pytest.raises(ValueError, match="are not the results of 3 commands"):
        request.resting(data[1:])


@pytest.mark.parametrize("field", [0, 8, -1])
def test_an_unknown_command_cannot_be_asked_for(field: int) -> None:
    with pytest.raises(ValueError, match="is unknown"):
        read_unary_request(b"", field, LIMIT)


# Field 1023 as a group: around an eight-byte field of number 0, around a varint of it, and around a group of it.
@pytest.mark.parametrize("inside", ["01 0102030405060708", "00 03", "03 00 01 04"])
def test_within_a_group_that_means_nothing_any_number_will_do(inside: str) -> None:
    data = bytes.fromhex(f"08 05 fb3f {inside} fc3f")
    assert pb.SessionRequest.FromString(data).request_id == 5
    assert read_session_request(data, LIMIT).request_id == 5
    # Outside of groups there is no field of number 0.
    check_session(bytes.fromhex(f"08 05 {inside}"))


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_message_cut_short_is_refused_or_read_alike(cut: int) -> None:
    data = pb.SessionRequest(request_id=5, commands=[placing(client_order_id=b"me"), CANCEL]).SerializeToString()
    check_session(data[:-cut])


def test_every_place_where_a_byte_can_change_is_read_alike() -> None:
    data = pb.SessionRequest(
        request_id=300, open=pb.SessionOpen(account_id=-1), commands=[placing(client_order_id=b"me"), CANCEL]
    ).SerializeToString()
    for at, value in itertools.product(range(len(data)), range(256)):
        check_session(data[:at] + bytes([value]) + data[at + 1 :])
