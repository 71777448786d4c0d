"""What a shard needs from outside, as it needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from wavetank.model.events.oracle import PricePublished
from wavetank.runtime.log_entry import Position

LevelUpdate = tuple[int, int, int, int, int]
"""A changed price level: instrument, side, price ticks, lots now, orders now."""


class LogPort(Protocol):
    """The shard's own log."""

    @property
    def last_seq(self) -> int:
        """Seq of the last committed event."""

    @property
    def available(self) -> bool:
        """Whether appends can be expected to succeed."""

    def commit(
        self, inputs: bytes, records: bytes, count: int, now_ns: int, on_committed: Callable[[int], None]
    ) -> None:
        """Append one entry, and tell its last seq once it is committed; never before this returns."""


@dataclass(slots=True)
class Committed:
    """What one cycle did, now that it may be shown."""

    first_seq: int
    """Seq of the first record; one after the last seq if there are none."""
    last_seq: int
    now_ns: int
    records: bytes
    levels: list[LevelUpdate]
    prices: list[PricePublished]
    """Prices delivered to bots in this cycle."""


class CommitSink(Protocol):
    """Somebody who is told of each cycle after its commit; must not wait."""

    def committed(self, cycle: Committed) -> None:
        """Take what the cycle did."""


class SnapshotPort(Protocol):
    """Where snapshots are kept."""

    async def save(self, data: bytes, cursors: Mapping[str, Position]) -> None:
        """Keep a snapshot of the state committed last, if that can be done; it only makes recovery shorter."""

    def start(self, state: Callable[[], bytes], cursors: Mapping[str, Position]) -> bool:
        """Begin to keep one without waiting for it: `state` is called in a copy of the process as it is now."""


class BatchStage(Enum):
    """How far a batch has come."""

    WAITING = auto()
    TAKEN = auto()
    """The engine has its commands; nobody can take them back."""
    WITHDRAWN = auto()
    """Its caller was told that nothing was done, and nothing will be."""


class Batch(Protocol):
    """Commands that wait for their results."""

    commands: bytes
    count: int
    deadline: float
    """When the caller is no longer kept waiting, in the loop's time."""
    stage: BatchStage
    wants_matched: bool
    """Whether its caller is also told what was matched, before that is committed."""

    def matched(self, results: bytes) -> None:
        """Take the packed results before the commit: a crash may undo them."""

    def done(self, results: bytes, last_seq: int) -> None:
        """Take the packed results, after the commit."""

    def lost(self) -> None:
        """Learn that the log did not answer in time: `stage` says whether nothing was done or the outcome is unknown.

        The results of a batch that was taken may still come.
        """
