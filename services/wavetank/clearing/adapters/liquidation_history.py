"""What clearing's log says of liquidations, in Redis, so that anybody can be told of it from any seq on.

A read model beside that of the fills, written by the same follower of the log: a Redis stream with a row for each entry
that holds such events. It exists so that the public feed is complete: rows are kept as long as the log, and outlast
this process. Its readers ask for the next rows when they have room for them, so that one who is slow costs nothing and
keeps nobody waiting; the loop that decides and commits knows nothing of them.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from wavetank.model.events import clearing as events
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.record import RECORD_BYTES, decode, heads, kind_of

if TYPE_CHECKING:
    import redis.asyncio

    from wavetank.model.record import Event
    from wavetank.runtime.log_entry import LogEntry

LIQUIDATIONS_KEY = "wt:{clearing}:liquidations"
FEED_EVENTS = (
    events.LiquidationStarted,
    events.CascadeJoined,
    events.LiquidationTested,
    events.LiquidationStepped,
    events.MatchingAnswered,
    events.AdlRanked,
    events.Deleveraged,
    events.CashTransferred,
    events.LiquidationEnded,
    events.CascadeEnded,
)
"""What the feed tells: all of these that `is_public`, and nothing else (FEED-010)."""
PAGE_ROWS = 16
HELD_BYTES = 1_000_000
"""Records of the newest rows that are also held here, for those who read along."""

_FEED_KINDS = frozenset(kind_of(event) for event in FEED_EVENTS)
_MAY_BE_PRIVATE = frozenset({kind_of(events.CashTransferred), kind_of(events.MatchingAnswered)})


class Row(NamedTuple):
    """What one entry of the log says of liquidations."""

    now_ns: int
    seqs: tuple[int, ...]
    """Of each record."""
    records: bytes

    @property
    def last_seq(self) -> int:
        """Seq of the last record."""
        return self.seqs[-1]


def is_public(event: Event) -> bool:
    """Return whether the feed tells of an event: what owners and play money do among themselves is their own."""
    if isinstance(event, events.CashTransferred):
        return event.liquidation_id != 0
    if isinstance(event, events.MatchingAnswered):
        return event.liquidation_id != 0 or event.account_id == BACKSTOP_VAULT_ID
    return isinstance(event, FEED_EVENTS)


def row_of(entry: LogEntry) -> Row | None:
    """Return what an entry says of liquidations, or None if it says nothing of them."""
    records = entry.records
    found = [
        index
        for index, (kind, _) in enumerate(heads(records))
        if kind in _FEED_KINDS and (kind not in _MAY_BE_PRIVATE or is_public(decode(records, index * RECORD_BYTES)))
    ]
    if not found:
        return None
    told = b"".join(records[index * RECORD_BYTES : (index + 1) * RECORD_BYTES] for index in found)
    return Row(entry.now_ns, tuple(entry.first_seq + index for index in found), told)


class LiquidationHistory:
    """Rows by seq; the follower of the log writes, streams read."""

    def __init__(self, client: redis.asyncio.Redis, *, held_bytes: int = HELD_BYTES) -> None:
        """Keep rows on a Redis client of bytes, and the newest of them here too."""
        self._client = client
        self._held_bytes = held_bytes
        self._told_seq = 0
        self._told = asyncio.Condition()
        self._newest: deque[Row] = deque()
        self._newest_bytes = 0
        self._newest_after = 0
        """Every row behind this seq is held here."""
        self._ends = False

    # Written by the follower

    def add(self, pipe: Any, row: Row) -> None:  # noqa: ANN401 - redis-py's pipeline.
        """Queue a row's writing; one that stands there already is refused by Redis."""
        fields = {b"t": row.now_ns, b"s": struct.pack(f"<{len(row.seqs)}q", *row.seqs), b"r": row.records}
        pipe.xadd(LIQUIDATIONS_KEY, fields, id=f"{row.last_seq}-0")

    async def written(self, seq: int, row: Row | None = None) -> None:
        """Let readers know that everything up to a seq of the log stands here, its last row included.

        After Redis was away the follower goes on from where it noted, so it may say again what it said.
        """
        if seq <= self._told_seq:
            return
        if row is not None:
            self._newest.append(row)
            self._newest_bytes += len(row.records)
            while self._newest_bytes > self._held_bytes:
                dropped = self._newest.popleft()
                self._newest_bytes -= len(dropped.records)
                self._newest_after = dropped.last_seq
        elif not self._newest:
            self._newest_after = seq
        async with self._told:
            self._told_seq = seq
            self._told.notify_all()

    # Read by streams

    @property
    def told_seq(self) -> int:
        """Seq of clearing's log up to which everything stands here."""
        return self._told_seq

    @property
    def ends(self) -> bool:
        """Whether this process is about to end."""
        return self._ends

    async def end(self) -> None:
        """Wake everybody who waits, for good."""
        async with self._told:
            self._ends = True
            self._told.notify_all()

    async def told_beyond(self, seq: int) -> None:
        """Return once more than what was told up to `seq` may stand here, or the process is about to end."""
        async with self._told:
            await self._told.wait_for(lambda: self._ends or self._told_seq > seq)

    async def rows_after(self, seq: int) -> list[Row]:
        """Return the next rows with events behind `seq`, oldest first, a page of them at most.

        Raises:
            RedisError: Redis did not answer.

        """
        if seq >= self._newest_after:
            # Nearly every reader is near the end.
            newer = list(takewhile(lambda row: row.last_seq > seq, reversed(self._newest)))
            return newer[::-1][:PAGE_ROWS]
        found: Any = await self._client.xrange(LIQUIDATIONS_KEY, min=f"{seq + 1}-0", count=PAGE_ROWS)
        return [
            Row(int(fields[b"t"]), struct.unpack(f"<{len(fields[b's']) // 8}q", fields[b"s"]), fields[b"r"])
            for _, fields in found
        ]
