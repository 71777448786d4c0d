"""The logs of a simulated venue: the bytes that a live one would commit.

They exist so that what reads a venue's logs reads a simulation's: the auditor, the reports, `wavetank log`. Kept true:
entries are chained and numbered as PROTOCOL 3 says, so the last checksum stands for the whole log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import cast

from wavetank.model.events.matching import Traded
from wavetank.model.record import RECORD_BYTES, Event, decode, decode_all, kind_of, kinds
from wavetank.runtime.log_entry import LogEntry, Position, checksum_of, encode_entry
from wavetank.runtime.recovering import cursor_messages
from wavetank.v1 import log_pb2

_TRADED = {kind_of(Traded)}


@dataclass(slots=True)
class Entry:
    """One committed entry; record `i` has seq `first_seq + i`."""

    log: str
    first_seq: int
    now_ns: int
    records: bytes
    position: Position
    _events: list[Event] | None = None
    _kinds: Sequence[int] | None = None
    _trades: Sequence[tuple[int, Traded]] | None = None

    @property
    def last_seq(self) -> int:
        """Seq of the last record."""
        return self.first_seq + len(self.records) // RECORD_BYTES - 1

    @property
    def kinds(self) -> Sequence[int]:
        """Kind of each record."""
        if self._kinds is None:
            self._kinds = kinds(self.records)
        return self._kinds

    def picked(self, wanted: AbstractSet[int]) -> Sequence[tuple[int, Event]]:
        """Return the events of some kinds, each with its seq; the others are not read."""
        kinds = self.kinds
        if wanted.isdisjoint(kinds):
            return ()
        return [
            (self.first_seq + at, decode(self.records, at * RECORD_BYTES))
            for at, kind in enumerate(kinds)
            if kind in wanted
        ]

    @property
    def trades(self) -> Sequence[tuple[int, Traded]]:
        """Its trades, each with its seq; read once."""
        if self._trades is None:
            self._trades = cast("Sequence[tuple[int, Traded]]", self.picked(_TRADED))
        return self._trades

    @property
    def events(self) -> list[Event]:
        """What its records say; read once, however many look."""
        if self._events is None:
            self._events = list(decode_all(self.records))
        return self._events


Keep = Callable[[bytes], None]
"""Takes the bytes of each entry, in order."""


class Journal:
    """One log, written; whether its bytes are kept is its reader's choice."""

    def __init__(self, log: str, now_ns: int, keep: Keep | None = None) -> None:
        """Open a log with its first epoch.

        Args:
            log: its name.
            now_ns: venue time.
            keep: who wants the bytes; None if nobody does.

        """
        self.log = log
        self.epoch = 0
        self.last_seq = 0
        self._position = Position.START
        self._keep = keep
        self.open_epoch(now_ns)

    @property
    def position(self) -> Position:
        """Where a reader of the whole log stands."""
        return self._position

    def open_epoch(self, now_ns: int) -> None:
        """Begin the next epoch, as a process that starts does."""
        self.epoch += 1
        entry, data = LogEntry.epoch_start(epoch=self.epoch, after=self._position, now_ns=now_ns)
        self._position = entry.position
        if self._keep is not None:
            self._keep(data)

    def append(
        self,
        now_ns: int,
        records: bytes,
        cursors: Mapping[str, Position],
        requests: list[log_pb2.RecordedRequest] | None = None,
    ) -> Entry:
        """Commit records as one entry.

        Args:
            now_ns: venue time of the inputs.
            records: one or more records.
            cursors: how far other logs were counted.
            requests: inputs that no record carries.

        """
        first_seq = self.last_seq + 1
        if self._keep is None:
            # Nobody reads the bytes, so none are made; who compares such runs compares states.
            self.last_seq += len(records) // RECORD_BYTES
            self._position = Position(f"{self.epoch}-{first_seq}", self.last_seq, 0)
            return Entry(self.log, first_seq, now_ns, records, self._position)
        inputs = log_pb2.Inputs(now_ns=now_ns, cursors=cursor_messages(dict(cursors)), requests=requests)
        data = encode_entry(
            epoch=self.epoch,
            first_seq=first_seq,
            now_ns=now_ns,
            prev=self._position.checksum,
            inputs=inputs.SerializeToString(deterministic=True),
            records=records,
        )
        self.last_seq += len(records) // RECORD_BYTES
        self._position = Position(f"{self.epoch}-{first_seq}", self.last_seq, checksum_of(data))
        self._keep(data)
        return Entry(self.log, first_seq, now_ns, records, self._position)
