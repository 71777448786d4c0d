"""Recovery: snapshot plus own events; nothing is decided anew (PROTOCOL 4).

A snapshot is the cursors of the other logs, as they stand in the last entry that it covers, and the
state behind that entry. Entries after it are applied event by event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.snapshot import load
from wavetank.clearing.core.state import State
from wavetank.model.record import decode_all
from wavetank.runtime.log_entry import Position
from wavetank.runtime.recovering import cursors_of, split_cursors
from wavetank.v1 import log_pb2

if TYPE_CHECKING:
    from wavetank.clearing.core.settings import ClearingSettings
    from wavetank.runtime.log_entry import LogEntry

MATCHING_LOG = "matching-"
"""How the log of a matching shard begins; its number follows."""
ORACLE_LOG = "oracle"
CLEARING_LOG = "clearing"


def matching_log(shard: int) -> str:
    """Return the name of a matching shard's log."""
    return f"{MATCHING_LOG}{shard}"


def shard_of_log(log: str) -> int:
    """Return the matching shard whose log this is."""
    return int(log.removeprefix(MATCHING_LOG))


class Recovery:
    """The state, as far as it has been rebuilt."""

    def __init__(self, settings: ClearingSettings, snapshot: bytes | None, shards: int = 1) -> None:
        """Begin with a snapshot's bytes, or with nothing, to follow the logs of so many matching shards.

        Raises:
            SnapshotUnreadable: not a snapshot of this version.

        """
        self.cursors = {matching_log(shard): Position.START for shard in range(shards)} | {ORACLE_LOG: Position.START}
        self.now_ns = 0
        if snapshot is None:
            self.state = State(settings)
            return
        cursors, state = split_cursors(snapshot)
        self.cursors |= cursors
        self.state = load(state, settings)

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
        self.cursors |= cursors_of(log_pb2.Inputs.FromString(entry.inputs).cursors)
        self.state.matching_seqs = [
            self.cursors.get(matching_log(shard), Position.START).seq for shard in range(self.state.shards)
        ]
        self.state.check_invariants()
        self.now_ns = entry.now_ns
