"""What clearing needs from outside, as it needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from wavetank.clearing.core.credit import Line
from wavetank.model.events.clearing import MatchingRequested
from wavetank.runtime.log_entry import LogEntry, Position


class LogPort(Protocol):
    """Clearing's own log."""

    @property
    def last_seq(self) -> int:
        """Seq of the last committed event."""

    @property
    def available(self) -> bool:
        """Whether appends can be expected to succeed."""

    async def append(self, inputs: bytes, records: bytes, count: int, now_ns: int) -> LogEntry:
        """Append one entry and return it once it is committed."""


class ShardLink(Protocol):
    """The open stream to one matching shard; sending never waits."""

    def send_line(self, line: Line) -> None:
        """Send a credit line."""

    def send_request(self, seq: int, request: MatchingRequested) -> None:
        """Send a request, whose id is (seq, 0)."""

    def send_gate(self, *, is_open: bool) -> None:
        """Open or close the shard for new orders."""


class EventSink(Protocol):
    """Somebody who is told of committed events."""

    def committed(self, first_seq: int, now_ns: int, records: bytes) -> None:
        """Take the records of one committed entry; must not wait."""


class SnapshotPort(Protocol):
    """Where snapshots are kept."""

    async def save(self, data: bytes, cursors: Mapping[str, Position]) -> None:
        """Keep a snapshot of the state committed last, and of how far it has counted other logs."""
