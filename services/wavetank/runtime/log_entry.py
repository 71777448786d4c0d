"""The bytes of a log entry: header, inputs, records, checksum (PROTOCOLS 3 and 4).

An entry is one committed batch and stands under the field `e` of one stream entry. Writers, readers,
recovery and the auditor all meet in these bytes, so the codec is pure and stands alone:

    offset  0  magic b"WTL1"
            4  u16 version of the records, u16 kind (0 batch, 1 epoch started)
            8  i64 epoch
           16  i64 first_seq: seq of the first record; of an epoch start, the next seq to be used
           24  i32 count of records, i32 length of the inputs
           32  i64 prev: checksum of the entry before, 0 for the first of a log
           40  i64 now_ns: venue time of the inputs
           48  inputs (serialised `wavetank.v1.Inputs`), then count × 128 bytes of records
          end  i64 checksum: BLAKE2b-8 of everything before it

Kept true: all integers are little-endian; `decode_entry(encode_entry(...))` gives back what went in; an entry
with one changed bit is refused; the chain runs through epoch starts as through batches, though they take no seq.
"""

import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, NamedTuple, Self

from wavetank.model.record import RECORD_BYTES, RECORD_VERSION

MAGIC = b"WTL1"
FIELD = b"e"
"""Field of the stream entry that holds the bytes."""

_HEADER = struct.Struct("<4sHHqqiiqq")
_CHECKSUM = struct.Struct("<q")


class LogCorrupt(Exception):
    """The bytes are no log entry of this version, or were damaged."""


class EntryKind(IntEnum):
    """What an entry is."""

    BATCH = 0
    EPOCH_STARTED = 1


def log_key(log: str) -> str:
    """Return the stream's key; the hash tag keeps a log, its snapshots and its scripts in one slot."""
    return f"wt:{{{log}}}:log"


def id_key(entry_id: str) -> tuple[int, int]:
    """Return an entry id `<epoch>-<first_seq>` as numbers that compare as Redis compares ids.

    Raises:
        ValueError: the id has another shape.

    """
    epoch, _, first_seq = entry_id.partition("-")
    return int(epoch), int(first_seq)


class _Position(NamedTuple):
    entry_id: str
    seq: int
    checksum: int


class Position(_Position):
    """How far a log was read: id of the last applied entry, seq of its last event, its checksum.

    A tuple, for each append and each recovered entry makes one, and a frozen dataclass costs five times as much.
    """

    __slots__ = ()

    START: ClassVar["Position"]


Position.START = Position("0-0", 0, 0)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a log, decoded; record `i` has seq `first_seq + i`."""

    epoch: int
    first_seq: int
    count: int
    now_ns: int
    prev: int
    checksum: int
    inputs: bytes
    records: bytes
    kind: EntryKind = EntryKind.BATCH

    @property
    def entry_id(self) -> str:
        """Id in the stream; an epoch start takes no seq and stands before the first of its epoch."""
        return f"{self.epoch}-{0 if self.kind is EntryKind.EPOCH_STARTED else self.first_seq}"

    @property
    def last_seq(self) -> int:
        """Seq of the last record; of an epoch start, the last seq before it."""
        return self.first_seq + self.count - 1

    @property
    def position(self) -> Position:
        """Where a reader stands that has applied this entry."""
        return Position(self.entry_id, self.last_seq, self.checksum)

    @classmethod
    def epoch_start(cls, *, epoch: int, after: Position, now_ns: int) -> tuple[Self, bytes]:
        """Return the entry that opens an epoch behind `after`, and its bytes."""
        data = encode_entry(
            epoch=epoch,
            first_seq=after.seq + 1,
            now_ns=now_ns,
            prev=after.checksum,
            inputs=b"",
            records=b"",
            kind=EntryKind.EPOCH_STARTED,
        )
        entry = cls(
            epoch=epoch,
            first_seq=after.seq + 1,
            count=0,
            now_ns=now_ns,
            prev=after.checksum,
            checksum=checksum_of(data),
            inputs=b"",
            records=b"",
            kind=EntryKind.EPOCH_STARTED,
        )
        return entry, data


def encode_entry(
    *,
    epoch: int,
    first_seq: int,
    now_ns: int,
    prev: int,
    inputs: bytes,
    records: bytes,
    kind: EntryKind = EntryKind.BATCH,
) -> bytes:
    """Return the bytes of an entry, checksum included.

    Args:
        epoch: the writer's epoch.
        first_seq: seq of the first record.
        now_ns: venue time of the inputs.
        prev: checksum of the entry before.
        inputs: serialised `Inputs`.
        records: whole records, one behind the other.
        kind: batch or epoch start.

    Raises:
        ValueError: `records` is not a whole number of records.
        struct.error: a number does not fit its width.

    """
    count, rest = divmod(len(records), RECORD_BYTES)
    if rest:
        raise ValueError(f"records are {len(records)} bytes; a multiple of {RECORD_BYTES} is allowed")
    header = _HEADER.pack(MAGIC, RECORD_VERSION, kind, epoch, first_seq, count, len(inputs), prev, now_ns)
    checksum = hashlib.blake2b(header + inputs, digest_size=_CHECKSUM.size)
    checksum.update(records)
    # Joined once: the records of a long entry are not copied twice.
    return b"".join((header, inputs, records, checksum.digest()))


def checksum_of(data: bytes) -> int:
    """Return the checksum that stands at the end of an entry's bytes."""
    checksum: int = _CHECKSUM.unpack_from(data, len(data) - _CHECKSUM.size)[0]
    return checksum


def decode_entry(data: bytes) -> LogEntry:
    """Return the entry that these bytes are.

    Raises:
        LogCorrupt: magic, version, lengths, kind or checksum do not fit.

    """
    if len(data) < _HEADER.size + _CHECKSUM.size:
        raise LogCorrupt(f"entry is {len(data)} bytes; at least {_HEADER.size + _CHECKSUM.size} are needed")
    magic, version, kind, epoch, first_seq, count, inputs_bytes, prev, now_ns = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise LogCorrupt(f"entry begins with {magic!r}; {MAGIC!r} was expected")
    if version != RECORD_VERSION:
        raise LogCorrupt(f"entry has record version {version}; this software reads version {RECORD_VERSION}")
    end = len(data) - _CHECKSUM.size
    if hashlib.blake2b(memoryview(data)[:end], digest_size=8).digest() != data[end:]:
        raise LogCorrupt(f"entry {epoch}-{first_seq} does not fit its checksum")
    records_at = _HEADER.size + inputs_bytes
    if inputs_bytes < 0 or count < 0 or end - records_at != count * RECORD_BYTES:
        raise LogCorrupt(
            f"entry {epoch}-{first_seq} is {len(data)} bytes; its header says {count} records and"
            f" {inputs_bytes} bytes of inputs"
        )
    try:
        entry_kind = EntryKind(kind)
    except ValueError:
        raise LogCorrupt(f"entry {epoch}-{first_seq} is of kind {kind}; 0 and 1 are known") from None
    return LogEntry(
        epoch=epoch,
        first_seq=first_seq,
        count=count,
        now_ns=now_ns,
        prev=prev,
        checksum=checksum_of(data),
        inputs=data[_HEADER.size : records_at],
        records=data[records_at:end],
        kind=entry_kind,
    )
