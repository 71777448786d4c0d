"""Recovery: snapshot plus own events; nothing is decided anew (PROTOCOL 4).

A snapshot is the cursors of the other logs, as they stand in the last entry that it covers, and the
state behind that entry. Entries after it are applied event by event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.snapshot import dump, load
from wavetank.clearing.core.state import State
from wavetank.model.record import decode_all
from wavetank.runtime.log_entry import Position
from wavetank.v1 import log_pb2

if TYPE_CHECKING:
    from wavetank.clearing.core.settings import ClearingSettings
    from wavetank.runtime.log_entry import LogEntry

MATCHING_LOG = "matching-0"
ORACLE_LOG = "oracle"
CLEARING_LOG = "clearing"


def cursor(log: str, position: Position) -> log_pb2.Cursor:
    """Return a position as the log records it."""
    return log_pb2.Cursor(log=log, entry_id=position.entry_id, seq=position.seq, checksum=position.checksum)


def encode_snapshot(state: State, cursors: dict[str, Position]) -> bytes:
    """Return state and cursors as bytes."""
    inputs = log_pb2.Inputs(cursors=[cursor(log, at) for log, at in sorted(cursors.items())])
    head = inputs.SerializeToString()
    return len(head).to_bytes(4, "little") + head + dump(state)


class Recovery:
    """The state, as far as it has been rebuilt."""

    def __init__(self, settings: ClearingSettings, snapshot: bytes | None) -> None:
        """Begin with a snapshot's bytes, or with nothing.

        Raises:
            SnapshotUnreadable: not a snapshot of this version.

        """
        self.cursors = {MATCHING_LOG: Position.START, ORACLE_LOG: Position.START}
        self.now_ns = 0
        self.last_seq = 0
        if snapshot is None:
            self.state = State(settings)
            return
        size = int.from_bytes(snapshot[:4], "little")
        self._take_cursors(snapshot[4 : 4 + size])
        self.state = load(snapshot[4 + size :], settings)

    def _take_cursors(self, inputs: bytes) -> None:
        for taken in log_pb2.Inputs.FromString(inputs).cursors:
            self.cursors[taken.log] = Position(taken.entry_id, taken.seq, taken.checksum)

    def apply(self, entry: LogEntry) -> None:
        """Apply one entry of clearing's own log.

        Raises:
            InvariantBroken: it contradicts the state.

        """
        if entry.count == 0:
            return
        # Requests carry the seq of the event that they were caused by, hence the order: events first.
        for seq, event in enumerate(decode_all(entry.records), entry.first_seq):
            self.state.apply(event, seq, entry.now_ns)
        self._take_cursors(entry.inputs)
        self.state.matching_seq = self.cursors[MATCHING_LOG].seq
        self.state.check_invariants()
        self.now_ns = entry.now_ns
        self.last_seq = entry.last_seq
