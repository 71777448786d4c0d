"""Messages of order entry for hypothesis: every field, every number a field can hold, and bytes that were damaged.

They are made from their descriptors, so that a field that is added to the contract is tried without a word here.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from wavetank.v1 import order_entry_pb2 as pb

_INT64 = st.one_of(
    st.integers(0, 5),
    st.sampled_from([-1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 9_000_000_000_001, 9_000_000_000_000]),
    st.integers(-(2**63), 2**63 - 1),
)
_INT32 = st.one_of(st.integers(0, 5), st.sampled_from([-1, 2**31 - 1, -(2**31)]))
_BYTES = st.one_of(st.just(b""), st.binary(max_size=18))


def _value(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    match field.type:
        case FieldDescriptor.TYPE_INT64:
            return _INT64
        case FieldDescriptor.TYPE_INT32:
            return _INT32
        case FieldDescriptor.TYPE_ENUM:
            # Mostly what is known, so that commands have a meaning often enough.
            assert field.enum_type is not None
            return st.one_of(st.integers(1, max(value.number for value in field.enum_type.values)), _INT32)
        case FieldDescriptor.TYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.TYPE_BYTES:
            return _BYTES
        case FieldDescriptor.TYPE_STRING:
            return st.text(max_size=5)
        case FieldDescriptor.TYPE_MESSAGE:
            assert field.message_type is not None
            return messages(field.message_type)
        case _:
            raise AssertionError(f"{field.full_name} is of a type that no message had before")


@st.composite
def messages(draw: st.DrawFn, descriptor: Any) -> Any:  # noqa: ANN401 - any message of a descriptor.
    """Make a message of a type; any of its fields may be missing, and of a `oneof` only one is there."""
    message = GetMessageClass(descriptor)()
    chosen = {oneof.name: draw(st.sampled_from([None, *oneof.fields])) for oneof in descriptor.oneofs}
    for field in descriptor.fields:
        if field.containing_oneof is not None and chosen[field.containing_oneof.name] is not field:
            continue
        if field.containing_oneof is None and not draw(st.integers(0, 3)):
            continue
        if field.is_repeated:
            for value in draw(st.lists(_value(field), max_size=4)):
                getattr(message, field.name).add().CopyFrom(value)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            getattr(message, field.name).CopyFrom(draw(_value(field)))
        else:
            setattr(message, field.name, draw(_value(field)))
    return message


def session_requests() -> st.SearchStrategy[pb.SessionRequest]:
    """Make requests of a session."""
    return messages(pb.SessionRequest.DESCRIPTOR)


def batch_requests() -> st.SearchStrategy[pb.SendBatchRequest]:
    """Make unary batches."""
    return messages(pb.SendBatchRequest.DESCRIPTOR)


def commands() -> st.SearchStrategy[pb.Command]:
    """Make single commands."""
    return messages(pb.Command.DESCRIPTOR)


UNARY: list[tuple[int, type[Message], str]] = [
    (1, pb.PlaceOrderRequest, "order"),
    (2, pb.CancelOrderRequest, "cancel"),
    (3, pb.AmendOrderRequest, "amend"),
    (4, pb.CancelAllOrdersRequest, "cancel_all"),
    (5, pb.PlaceGroupRequest, "group"),
    (6, pb.MassQuoteRequest, "mass_quote"),
    (7, pb.CancelAllAfterRequest, "cancel_all_after"),
]
"""Number of the command, type of the request, and its field that holds the command."""


@st.composite
def unary_requests(draw: st.DrawFn) -> tuple[int, type[Message], str, bytes]:
    """Make the bytes of a unary request of one command, perhaps damaged."""
    number, kind, name = draw(st.sampled_from(UNARY))
    return number, kind, name, draw(broken(messages(kind.DESCRIPTOR)))


@st.composite
def broken(draw: st.DrawFn, made: st.SearchStrategy[Any]) -> bytes:
    """Make the bytes of a message, in which something may be changed, cut, doubled or put in between."""
    data = bytearray(draw(made).SerializeToString())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del data[at : at + draw(st.integers(1, 4))]
            case 2:
                data[at:at] = draw(st.binary(min_size=1, max_size=12))
            case 3:
                # What stands somewhere else in it: fields that come twice, or where they have no meaning.
                begin = draw(st.integers(0, len(data)))
                data[at:at] = data[begin : begin + draw(st.integers(1, 20))]
            case _:
                # Fields nobody knows, of each wire type: number, eight bytes, length, group, four bytes.
                data[at:at] = draw(
                    st.sampled_from(
                        [
                            b"\xf8\x3f\x05",
                            b"\xf9\x3f" + bytes(8),
                            b"\xfa\x3f\x02ab",
                            b"\xfb\x3f\x08\x01\xfc\x3f",
                            b"\xfd\x3f" + bytes(4),
                        ]
                    )
                )
    return bytes(data)
