"""Reading a log entry by entry, and checking that it is whole (PROTOCOLS 3, INV-090).

The services' reader stops at the first fault, as it must; the auditor has to name the fault and what else is wrong, so
it reads by itself and meets the others only in the codec. Memory: one batch of entries, and the checksums of the
entries that another log's cursor may still name.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import redis

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.runtime.log_entry import FIELD, EntryKind, LogCorrupt, LogEntry, decode_entry, id_key, log_key
from wavetank.runtime.log_files import read_log_file

BATCH = 256
REMEMBERED_ENTRIES = 65_536
"""Entries whose checksum is remembered; a cursor that names an older one cannot be compared."""


class LogUnreadable(Exception):
    """A log is not there, or its beginning is missing: nothing can be rebuilt from it."""


class LogsTrimmed(LogUnreadable):
    """The beginning of a log was trimmed away; what stood there cannot be known from what is left."""


class LogSource(Protocol):
    """Where the entries of one log come from."""

    name: str

    def next_entry(self) -> tuple[str, bytes] | None:
        """Return the next entry's id and bytes; None when there is none at present."""


class ListedSource:
    """A log held in memory."""

    def __init__(self, name: str, entries: Iterable[tuple[str, bytes]]) -> None:
        """Hold `entries`, pairs of id and bytes, in order."""
        self.name = name
        self._entries: Iterator[tuple[str, bytes]] = iter(entries)

    def next_entry(self) -> tuple[str, bytes] | None:
        """Return the next entry's id and bytes."""
        return next(self._entries, None)


class FileSource:
    """A log in a file, as a simulated venue writes it."""

    def __init__(self, folder: Path, name: str) -> None:
        """Read the log `name` of a folder from its beginning; the file is opened with the first entry."""
        self.name = name
        self._entries = read_log_file(folder, name)

    def next_entry(self) -> tuple[str, bytes] | None:
        """Return the next entry's id and bytes.

        Raises:
            LogUnreadable: the file cannot be read, or was cut.

        """
        try:
            data = next(self._entries, None)
        except (OSError, LogCorrupt) as fault:
            raise LogUnreadable(str(fault)) from fault
        return None if data is None else (id_of(data), data)


def id_of(data: bytes) -> str:
    """Return the id under which an entry stands in a stream; one that is damaged has none."""
    try:
        return decode_entry(data).entry_id
    except LogCorrupt:
        return "0-0"


class RedisSource:
    """A log in Redis, read in batches; entries appended meanwhile are read as well."""

    def __init__(self, client: "redis.Redis", name: str) -> None:
        """Read the log `name` from its beginning.

        Raises:
            LogUnreadable: there is no such log.

        """
        self.name = name
        self._client = client
        self._key = log_key(name)
        self._after = "-"
        self._batch: list[tuple[bytes, dict[bytes, bytes]]] = []
        # The client's types cover every protocol and decoding; here answers are bytes, and lists of pairs.
        last: Any = client.xrevrange(self._key, count=1)
        if not last:
            raise LogUnreadable(f"log {name} is empty: Redis holds nothing under {self._key}")
        self.last_id: str = last[0][0].decode()
        """Id of the last entry when the audit began."""
        length: Any = client.xlen(self._key)
        self.length: int = length
        first: Any = client.xrange(self._key, count=1)
        self._first_id = first[0][0].decode() if first else self.last_id
        self._first_data: bytes = first[0][1].get(FIELD, b"") if first else b""

    @property
    def trimmed_to(self) -> str:
        """Where the log begins, in words, if what stood before was trimmed; else nothing."""
        try:
            entry = decode_entry(self._first_data)
        except LogCorrupt:
            # Whoever reads it will find that.
            return ""
        return "" if _is_first(entry) else f"log {self.name} begins at {self._first_id} with seq {entry.first_seq}"

    def next_entry(self) -> tuple[str, bytes] | None:
        """Return the next entry's id and bytes."""
        if not self._batch:
            found: Any = self._client.xrange(self._key, min=self._after, max="+", count=BATCH)
            self._batch = list(reversed(found))
            if not self._batch:
                return None
        entry_id, fields = self._batch.pop()
        name = entry_id.decode()
        self._after = f"({name}"
        return name, fields.get(FIELD, b"")


def _is_first(entry: LogEntry) -> bool:
    """Tell whether an entry is the first that its log ever had."""
    return entry.first_seq == 1 and entry.prev == 0


def existing_logs(client: "redis.Redis") -> list[str]:
    """Return the names of the venue's logs that Redis holds."""
    prefix, suffix = log_key("|").split("|")
    names = [key.decode() for key in client.scan_iter(match=f"{prefix}*{suffix}", count=1000)]
    return sorted(name[len(prefix) : -len(suffix)] for name in names)


@dataclass(frozen=True, slots=True)
class Mark:
    """What is remembered of an entry."""

    first_seq: int
    last_seq: int
    checksum: int


class CheckedLog:
    """One log, read in order; every fault of the log itself is an offence against INV-090."""

    def __init__(self, source: LogSource, findings: Findings) -> None:
        """Read from `source` on behalf of an audit."""
        self.name = source.name
        self.entries = 0
        self.events = 0
        self.epoch = 0
        self.now_ns = 0
        self.seq = 0
        """Seq of the last event read."""
        self.entry_id = "0-0"
        self.is_cut = False
        """Nothing more can be read: an entry was damaged."""
        self._source = source
        self._findings = findings
        self._checksum = 0
        self._marks: OrderedDict[str, Mark] = OrderedDict()

    def next_entry(self) -> LogEntry | None:
        """Return the next entry, checked against those before it; None at the end.

        Raises:
            LogsTrimmed: the log's beginning was trimmed away.

        """
        if self.is_cut:
            return None
        found = self._source.next_entry()
        if found is None:
            return None
        stream_id, data = found
        findings = self._findings
        findings.look_at(self.name, stream_id)
        findings.checks[Rule.INV_090] += 1
        try:
            entry = decode_entry(data)
        except LogCorrupt as fault:
            findings.offend(Rule.INV_090, f"an undamaged entry: {fault}; the rest of {self.name} was not read")
            self.is_cut = True
            return None
        if self.entries == 0 and not _is_first(entry):
            raise LogsTrimmed(
                f"log {self.name} begins at {stream_id} with seq {entry.first_seq}: what stood before was trimmed, and"
                " an audit needs the log from seq 1"
            )
        self._check(stream_id, entry)
        self.entries += 1
        self.events += entry.count
        self.epoch = entry.epoch
        self.now_ns = max(self.now_ns, entry.now_ns)
        self.seq = entry.last_seq
        self.entry_id = stream_id
        self._checksum = entry.checksum
        self._marks[stream_id] = Mark(entry.first_seq, entry.last_seq, entry.checksum)
        if len(self._marks) > REMEMBERED_ENTRIES:
            self._marks.popitem(last=False)
        return entry

    def _check(self, stream_id: str, entry: LogEntry) -> None:
        offend = self._findings.offend
        if stream_id != entry.entry_id:
            offend(Rule.INV_090, f"id {entry.entry_id}, as the entry itself says")
        if entry.first_seq != self.seq + 1:
            offend(Rule.INV_090, f"seq {self.seq + 1} after {self.seq}, without a gap; the entry has {entry.first_seq}")
        if entry.prev != self._checksum:
            offend(
                Rule.INV_090, f"an entry chained to {self.entry_id} (checksum {self._checksum}), not to {entry.prev}"
            )
        if entry.now_ns < self.now_ns:
            offend(Rule.INV_090, f"venue time {self.now_ns} ns or later, not {entry.now_ns}")
        if entry.kind is EntryKind.EPOCH_STARTED:
            if entry.epoch <= self.epoch or entry.count:
                offend(Rule.INV_090, f"an empty epoch start above epoch {self.epoch}, not {entry.epoch}")
        elif entry.epoch != self.epoch:
            offend(Rule.INV_090, f"an entry of epoch {self.epoch}, not {entry.epoch}")

    def has_passed(self, entry_id: str) -> bool:
        """Tell whether the log was read up to an entry."""
        return id_key(self.entry_id) >= id_key(entry_id)

    def fault_of_cursor(self, entry_id: str, seq: int, checksum: int) -> str | None:
        """Return what is wrong with a cursor into this log, once the log was read that far.

        A cursor names the entry counted last and the seq counted last.
        """
        if entry_id in {"", "0-0"}:
            return None if seq == 0 else f"a cursor at the start of {self.name} has seq 0, not {seq}"
        mark = self._marks.get(entry_id)
        if mark is None:
            oldest = next(islice(self._marks, 1), None)
            if oldest is not None and id_key(entry_id) < id_key(oldest):
                return None
            return f"a cursor into an entry that {self.name} has; it has no {entry_id}"
        if not mark.first_seq - 1 <= seq <= mark.last_seq:
            return f"a seq from {mark.first_seq - 1} to {mark.last_seq} in {self.name} {entry_id}, not {seq}"
        if checksum not in {mark.checksum, 0}:
            return f"checksum {mark.checksum} of {self.name} {entry_id}, not {checksum}"
        return None
