"""Records: every event survives its way through the log, and its bytes are those of a plain struct."""

from __future__ import annotations

import struct
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavetank.model.events import clearing, matching, oracle
from wavetank.model.record import (
    RECORD_BYTES,
    Event,
    decode,
    decode_all,
    encode,
    encode_all,
    fields_struct,
    instruments_in,
    kind_of,
    kinds,
    record,
)

EVENT_CLASSES = sorted(
    {
        value
        for module in (clearing, matching, oracle)
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "__dataclass_fields__")
    },
    key=kind_of,
)


def test_every_kind_stands_in_the_range_of_its_log() -> None:
    first_of = {matching.__name__: 100, clearing.__name__: 200, oracle.__name__: 300}
    for cls in EVENT_CLASSES:
        first = first_of[cls.__module__]
        assert first < kind_of(cls) < first + 100


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)
@settings(max_examples=5)
@given(data=st.data())
def test_what_is_written_is_read_again(cls: type, data: st.DataObject) -> None:
    values = {
        field.name: b"text" if field.type in {"bytes", bytes} else data.draw(st.integers(0, 100))
        for field in fields(cls)
    }
    event = cls(**values)
    written = encode(event)
    assert len(written) == RECORD_BYTES
    assert decode(written) == event


def test_a_record_is_a_plain_little_endian_struct() -> None:
    event = matching.CreditApplied(7, 1_000, 3, 4, -5)
    # kind 107, flags 0, instrument, account, then three int64 and zero bytes up to 128.
    assert encode(event) == struct.pack("<HHiqqqq", 107, 0, 7, 1_000, 3, 4, -5).ljust(128, b"\0")


def test_several_records_stand_one_behind_the_other() -> None:
    events: list[Event] = [matching.GateMoved(0, 0, 1), clearing.Deposited(0, 1_000, 5, 5)]
    written = encode_all(events)
    assert kinds(written) == [111, 202]
    assert list(decode_all(written)) == events


def test_the_instruments_of_records_are_read_alone() -> None:
    written = encode_all([matching.CreditApplied(number, 1_000, 3, 4, -5) for number in (7, 0, 2**31 - 1, 7)])
    assert instruments_in(written) == {0, 7, 2**31 - 1}
    assert instruments_in(b"") == set()
    with pytest.raises(struct.error):
        instruments_in(written[:-1])


def test_bytes_are_padded_when_written_and_stripped_when_read() -> None:
    event = clearing.AccountOpened(0, 1_000, b"maker", 1)
    assert encode(event)[16:48] == b"maker".ljust(32, b"\0")
    assert decode(encode(event)) == event


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(ValueError, match="cut short"):
        decode(b"\0" * 127)
    with pytest.raises(ValueError, match="unknown record kind 9"):
        decode(struct.pack("<H", 9).ljust(128, b"\0"))


def test_a_kind_is_given_once_and_a_layout_must_fit() -> None:
    class Written:
        instrument_id: int
        account_id: int
        text: bytes

    with pytest.raises(ValueError, match="taken by GateMoved"):
        record(111, "112s")(Written)
    with pytest.raises(ValueError, match="a record has 128"):
        record(199, "120s")(Written)


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)
def test_any_field_can_be_read_alone(cls: type) -> None:
    names = [field.name for field in fields(cls)]
    event = cls(**{name: b"text" if fields(cls)[at].type in {"bytes", bytes} else at for at, name in enumerate(names)})
    for name in names:
        (value,) = fields_struct(cls, name).unpack(encode(event))
        assert (value.rstrip(b"\0") if isinstance(value, bytes) else value) == getattr(event, name)


def test_fields_are_read_in_their_own_order() -> None:
    with pytest.raises(ValueError, match="not amount_micros, account_id in this order"):
        fields_struct(clearing.Deposited, "amount_micros", "account_id")
    with pytest.raises(ValueError, match="not cash in this order"):
        fields_struct(clearing.Deposited, "cash")
