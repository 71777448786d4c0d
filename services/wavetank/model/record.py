"""Fixed-width records: how an event stands in a log.

Every event of every log is one little-endian record of `RECORD_BYTES` bytes, so that the n-th event
of an entry is found without reading those before it, and so that compiled code writes the same
bytes from a plain struct. The first 16 bytes are alike in all: kind, flags, instrument, account.

Kept true: a kind is never reused, a layout never changes under the same kind, and
`decode(encode(event)) == event`.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

RECORD_BYTES = 128
"""Width of a record, in bytes."""

RECORD_VERSION = 1
"""Version of all layouts together; stands in the header of each log entry."""

E = TypeVar("E")

_HEADER = "<HHiq"
_FORMAT = re.compile(r"\d+s|[a-zA-Z]")
_HEAD_STRUCT = struct.Struct(f"<H2x4xq{RECORD_BYTES - 16}x")


class Event(Protocol):
    """What every event has: the instrument and the account it concerns, 0 for none."""

    @property
    def instrument_id(self) -> int:
        """Instrument, or 0."""

    @property
    def account_id(self) -> int:
        """Account, or 0."""


class _Codec:
    __slots__ = ("cls", "formats", "kind", "pack", "take", "text_fields", "unpack")

    def __init__(self, cls: type[Any], kind: int, layout: str) -> None:
        body = struct.Struct(_HEADER + layout)
        if body.size > RECORD_BYTES:
            message = f"{cls.__name__} needs {body.size} bytes, a record has {RECORD_BYTES}"
            raise ValueError(message)
        self.cls = cls
        self.kind = kind
        names = [field.name for field in fields(cls)]
        self.formats = dict(zip(names, ("i", "q", *_FORMAT.findall(layout)), strict=True))
        self.pack = struct.Struct(f"{_HEADER}{layout}{RECORD_BYTES - body.size}x")
        # Without the kind and what is reserved behind it, of which an event has no fields.
        self.unpack = struct.Struct(f"<4xiq{layout}{RECORD_BYTES - body.size}x")
        self.take = attrgetter(*names)
        self.text_fields = tuple(index for index, field in enumerate(fields(cls)) if field.type in {"bytes", bytes})


_CODEC_BY_KIND: dict[int, _Codec] = {}
_CODEC_BY_CLASS: dict[type[Any], _Codec] = {}


@dataclass_transform(frozen_default=True)
def record(kind: int, layout: str) -> Callable[[type[E]], type[E]]:
    """Make a class the dataclass of an event, and give it its record kind and the `struct` layout of its fields.

    The first two fields are `instrument_id` and `account_id`; `layout` describes the others.
    Bytes fields are padded with zero bytes when written and stripped of them when read.
    Nothing changes an event: the type checker sees to it, for a class that does it at run time is made at a fifth of
    the speed, and events are made by the million.

    Raises:
        ValueError: the kind is taken, or the layout does not fit a record.

    """

    def register(cls: type[E]) -> type[E]:
        if kind in _CODEC_BY_KIND:
            message = f"record kind {kind} is taken by {_CODEC_BY_KIND[kind].cls.__name__}"
            raise ValueError(message)
        event = dataclass(slots=True, unsafe_hash=True)(cls)
        codec = _Codec(event, kind, layout)
        _CODEC_BY_KIND[kind] = codec
        _CODEC_BY_CLASS[event] = codec
        return event

    return register


def kind_of(cls: type[Any]) -> int:
    """Return the record kind of an event class."""
    return _CODEC_BY_CLASS[cls].kind


def fields_struct(cls: type[Any], *names: str) -> struct.Struct:
    """Return the struct that reads some fields of a class's records, for who reads many records and few fields.

    Args:
        cls: an event class.
        names: its fields, in the order in which they stand there; bytes keep their padding.

    Raises:
        ValueError: there is no such field, or the order is another.

    """
    formats = _CODEC_BY_CLASS[cls].formats
    if [name for name in formats if name in names] != list(names):
        message = f"{cls.__name__} has the fields {', '.join(formats)}, not {', '.join(names)} in this order"
        raise ValueError(message)
    # Without alignment a field that is passed over is as many bytes of padding.
    parts = [form if name in names else f"{struct.calcsize(f'<{form}')}x" for name, form in formats.items()]
    body = f"<4x{''.join(parts)}"
    return struct.Struct(f"{body}{RECORD_BYTES - struct.calcsize(body)}x")


def encode(event: Event) -> bytes:
    """Return the event's record, `RECORD_BYTES` long.

    Raises:
        struct.error: a field does not fit its width.

    """
    codec = _CODEC_BY_CLASS[type(event)]
    # Instrument and account are the first two fields of every event, as they are of its record.
    return codec.pack.pack(codec.kind, 0, *codec.take(event))


def encode_all(events: Iterable[Event]) -> bytes:
    """Return the records of several events, one behind the other."""
    return b"".join([encode(event) for event in events])


def decode(data: bytes | memoryview, offset: int = 0) -> Event:
    """Return the event whose record begins at `offset`.

    Raises:
        ValueError: the kind is unknown, or the record is cut short.

    """
    if len(data) - offset < RECORD_BYTES:
        message = f"record cut short: {len(data) - offset} of {RECORD_BYTES} bytes"
        raise ValueError(message)
    kind = data[offset] | data[offset + 1] << 8
    codec = _CODEC_BY_KIND.get(kind)
    if codec is None:
        message = f"unknown record kind {kind}"
        raise ValueError(message)
    values = codec.unpack.unpack_from(data, offset)
    if codec.text_fields:
        stripped = list(values)
        for index in codec.text_fields:
            stripped[index] = stripped[index].rstrip(b"\0")
        values = tuple(stripped)
    event: Event = codec.cls(*values)
    return event


def kinds(data: bytes | memoryview) -> list[int]:
    """Return the kind of each record, without reading the records.

    Raises:
        struct.error: these are not whole records.

    """
    return _column(data, "H", 0)


def instruments_in(data: bytes | memoryview) -> set[int]:
    """Return the instruments that records concern, 0 for none among them, without reading the records.

    Raises:
        struct.error: these are not whole records.

    """
    return set(_column(data, "i", 1))


def _column(data: bytes | memoryview, form: Literal["H", "i"], at: int) -> list[int]:
    """Return one number of each record: its form, and how many of that form stand before it in the record."""
    if len(data) % RECORD_BYTES:
        message = f"{len(data)} bytes are not whole records"
        raise struct.error(message)
    # Little-endian as the machine is, which the compiled code relies on too.
    return memoryview(data).cast(form)[at :: RECORD_BYTES // struct.calcsize(form)].tolist()


def heads(data: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Return an iterator over kind and account of each record, for who wants few of them: it reads no more.

    Raises:
        struct.error: these are not whole records.

    """
    return _HEAD_STRUCT.iter_unpack(data)


def decode_all(data: bytes | memoryview) -> Iterator[Event]:
    """Yield the events of several records, one behind the other.

    Raises:
        ValueError: see `decode`.

    """
    for offset in range(0, len(data), RECORD_BYTES):
        yield decode(data, offset)
