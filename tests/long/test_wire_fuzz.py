"""A minute of damaged requests: the reader never reads beyond them, and always agrees with the generated code.

Faster than hypothesis and without its shrinking: the bytes that failed stand in the message.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from tests.model.plain_wire import plain_request
from wavetank.matching.adapters.wire_reader import read_session_request
from wavetank.model.orders import OrderFlag
from wavetank.v1 import order_entry_pb2 as pb

SECONDS = 60.0
ACCOUNT = 1_000
LIMIT = 40
NUMBERS = (0, 1, 2, 3, 4, 5, 16, 17, 127, 128, -1, 2**31 - 1, -(2**31), 2**40)
WIDE = (*NUMBERS, 2**63 - 1, -(2**63), 9_000_000_000_000, 9_000_000_000_001)


def made(dice: random.Random, descriptor: Descriptor, depth: int = 0) -> Message:
    """Return a message with some of its fields set."""
    message = GetMessageClass(descriptor)()
    for field in dice.sample(list(descriptor.fields), dice.randint(0, len(descriptor.fields))):
        for _ in range(dice.choice((1, 1, 2, 9)) if field.is_repeated else 1):
            put(dice, message, field, depth)
    return message


def put(dice: random.Random, message: Message, field: FieldDescriptor, depth: int) -> None:
    """Set a field, or add to it."""
    value: Any
    match field.type:
        case FieldDescriptor.TYPE_MESSAGE:
            assert field.message_type is not None
            value = made(dice, field.message_type, depth + 1)
            holder = getattr(message, field.name)
            (holder.add() if field.is_repeated else holder).CopyFrom(value)
            return
        case FieldDescriptor.TYPE_BOOL:
            value = dice.random() < 0.5
        case FieldDescriptor.TYPE_BYTES:
            value = dice.randbytes(dice.choice((0, 1, 15, 16, 17)))
        case FieldDescriptor.TYPE_ENUM:
            value = dice.choice((1, 1, 2, 2, 3, 0, 4, 5, -1, 2**31 - 1))
        case FieldDescriptor.TYPE_INT32:
            value = max(-(2**31), min(2**31 - 1, dice.choice(NUMBERS)))
        case _:
            value = dice.choice(WIDE)
    setattr(message, field.name, value)


def damaged(dice: random.Random, data: bytes) -> bytes:
    """Change, cut, double or insert something, a few times."""
    bytes_now = bytearray(data)
    for _ in range(dice.choice((0, 1, 1, 2, 5))):
        at = dice.randint(0, len(bytes_now))
        match dice.randint(0, 5):
            case 0:
                bytes_now[at : at + 1] = dice.randbytes(1)
            case 1:
                del bytes_now[at : at + dice.randint(1, 6)]
            case 2:
                bytes_now[at:at] = dice.randbytes(dice.randint(1, 12))
            case 3:
                begin = dice.randint(0, len(bytes_now))
                bytes_now[at:at] = bytes_now[begin : begin + dice.randint(1, 40)]
            case 4:
                # A number written longer than it must be, or beyond its width.
                bytes_now[at:at] = b"\x80" * dice.randint(1, 11) + dice.randbytes(1)
            case _:
                nested = dice.choice((1, 2, 97, 98, 99, 100, 101, 102))
                bytes_now[at:at] = b"\xfb\x3f" * nested + b"\xfc\x3f" * nested
    return bytes(bytes_now)


def check(data: bytes) -> bool:
    """Let both read the bytes and compare; return whether they were a message."""
    try:
        message = pb.SessionRequest.FromString(data)
    except DecodeError:
        with pytest.raises(ValueError, match="is not the one"):
            read_session_request(data, LIMIT)
        return False
    try:
        found = read_session_request(data, LIMIT)
    except ValueError:
        pytest.fail(f"the generated code reads these bytes: {data.hex()}")
    wanted = plain_request(
        list(message.commands), ACCOUNT, OrderFlag.CANCEL_ON_DISCONNECT, atomic=message.atomic, limit=LIMIT
    )
    assert found.asked == wanted.asked, data
    assert (found.request_id, found.has_open) == (message.request_id, message.HasField("open")), data
    if wanted.asked <= LIMIT:
        assert found.commands_for(ACCOUNT, OrderFlag.CANCEL_ON_DISCONNECT) == b"".join(wanted.records), data
        assert found.command_count == len(wanted.shapes), data
    return True


@pytest.mark.timeout(2 * SECONDS + 60)
def test_a_minute_of_damaged_requests(record_property: Callable[[str, object], None]) -> None:
    seed = time.time_ns()
    record_property("seed", seed)
    dice = random.Random(seed)
    read = refused = 0
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        whole = made(dice, pb.SessionRequest.DESCRIPTOR).SerializeToString()
        for _ in range(4):
            if check(damaged(dice, whole)):
                read += 1
            else:
                refused += 1
    # Both kinds were tried, and often.
    assert min(read, refused) > 1_000
