"""The oracle's memory: committed state beside its cursors, and how it comes back after a restart (PROTOCOL 4).

It exists so that a restarted oracle is the one that was stopped: the last snapshot, then its own events, each applied
once; then it reads on in the other logs from where its entries say that it was.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from wavetank.model.events.oracle import PricePublished
from wavetank.model.record import decode_all
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.core.state import SnapshotUnreadable
from wavetank.oracle.feed import PriceFeed
from wavetank.runtime.log_entry import LogEntry, Position
from wavetank.runtime.recovering import cursor_messages, cursors_of
from wavetank.v1 import log_pb2


@dataclass(slots=True)
class Memory:
    """State as of an entry of the own log, and how far other logs were counted for it."""

    oracle: Oracle
    cursors: dict[str, Position] = field(default_factory=dict)
    last_now_ns: int = 0

    def inputs(self, now_ns: int) -> bytes:
        """Return the inputs of an entry: time and cursors; what was asked, its events say in full."""
        return log_pb2.Inputs(now_ns=now_ns, cursors=cursor_messages(self.cursors)).SerializeToString()

    def to_bytes(self) -> bytes:
        """Return cursors and state, for a snapshot."""
        head = {
            "now_ns": self.last_now_ns,
            "cursors": {
                log: [position.entry_id, position.seq, position.checksum] for log, position in self.cursors.items()
            },
        }
        return json.dumps(head, sort_keys=True).encode() + b"\n" + self.oracle.snapshot()

    @classmethod
    def from_bytes(cls, settings: OracleSettings, data: bytes) -> Memory:
        """Return the memory of a snapshot.

        Raises:
            SnapshotUnreadable: the bytes are no snapshot of this version.

        """
        head, _, state = data.partition(b"\n")
        try:
            told = json.loads(head)
            cursors = {log: Position(*position) for log, position in told["cursors"].items()}
            now_ns = int(told["now_ns"])
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotUnreadable(f"a snapshot of {len(data)} bytes has no cursors: {error!r}") from error
        return cls(Oracle.restore(settings, state), cursors, now_ns)

    def apply(self, entry: LogEntry, feed: PriceFeed) -> None:
        """Take in an entry of the own log."""
        for seq, event in enumerate(decode_all(entry.records), start=entry.first_seq):
            self.oracle.apply(event)
            if isinstance(event, PricePublished):
                feed.add(seq, event)
        self.cursors |= cursors_of(log_pb2.Inputs.FromString(entry.inputs).cursors)
        self.last_now_ns = max(self.last_now_ns, entry.now_ns)
        feed.advance(entry.last_seq)


async def recover(memory: Memory, entries: AsyncIterable[LogEntry], feed: PriceFeed) -> int:
    """Apply the entries behind a snapshot; return how many they were."""
    count = 0
    async for entry in entries:
        memory.apply(entry, feed)
        count += 1
    return count
