"""Recovery: snapshot plus own events; the engine decides nothing anew (PROTOCOL 4)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from wavetank.matching.controls import Controls
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.runtime.log_entry import Position
from wavetank.runtime.log_pages import read_pages
from wavetank.runtime.recovering import Cursors, cursors_of, split_cursors, standing_requests
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.snapshots import SnapshotStore
from wavetank.v1 import log_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wavetank.matching.core.settings import EngineSettings
    from wavetank.model.instrument import Instrument
    from wavetank.runtime.log_entry import LogEntry

ORACLE_LOG = "oracle"
CLEARING_LOG = "clearing"

_SNAPSHOT_SECONDS = 60.0
"""Wall time that Redis is given for a piece of a snapshot."""


class Recovery:
    """The engine, as far as it has been rebuilt."""

    snapshot_seconds = 0.0
    """Wall time that the snapshot took, from Redis to the engine."""
    tail_seconds = 0.0
    """Wall time that the entries behind it took."""

    def __init__(
        self, shard: int, settings: EngineSettings, snapshot: bytes | None, ordering: OrderingSettings | None = None
    ) -> None:
        """Begin with a snapshot's bytes, or with an empty engine; ordered as given until somebody set it otherwise.

        Raises:
            ValueError: the snapshot is damaged, or of another version or shard.

        """
        self._cursors = {ORACLE_LOG: Position.START, CLEARING_LOG: Position.START}
        self._last_inputs = b""
        self.controls = Controls(shard, ordering or OrderingSettings())
        if snapshot is None:
            self.engine = Engine(shard, settings)
            return
        # A view: of a large shard the bytes are many.
        cursors, state = split_cursors(memoryview(snapshot))
        self._cursors |= cursors
        self.engine = Engine.restore(state, settings)
        self.controls.restore(standing_requests(snapshot))

    @property
    def cursors(self) -> Cursors:
        """How far the other logs have been counted."""
        return self._cursors | cursors_of(log_pb2.Inputs.FromString(self._last_inputs).cursors)

    def list_instruments(self, instruments: Iterable[Instrument]) -> None:
        """List what clearing has listed here by now: the shard's own events name instruments only by id."""
        for instrument in instruments:
            if instrument.shard == self.engine.shard:
                self.engine.list_instrument(instrument)

    def apply(self, entry: LogEntry) -> None:
        """Apply one entry of the shard's own log.

        Raises:
            ValueError: it does not follow the state.

        """
        if entry.count:
            self.engine.replay(entry.records, entry.first_seq, entry.now_ns)
            self.controls.replay(self.engine.drain_notes())
            # Each entry records all cursors, so only those of the last are read.
            self._last_inputs = entry.inputs


async def recover(
    redis_url: str,
    shard: int,
    settings: EngineSettings,
    instruments: Iterable[Instrument],
    end: Position,
    ordering: OrderingSettings | None = None,
) -> Recovery:
    """Return the engine as of an entry of the shard's log: the last snapshot, and the entries after it.

    Args:
        redis_url: where Redis is.
        shard: index of the shard.
        settings: those that the log was written under.
        instruments: what clearing has listed by now.
        end: last entry of the log.
        ordering: what the settings say of it, for a shard of which nobody said otherwise.

    Raises:
        LogGap, LogTrimmed, LogCorrupt: the log cannot be read.
        ValueError: the snapshot or an event does not fit.
        redis.exceptions.RedisError: Redis did not answer.

    """
    log = f"matching-{shard}"
    began = time.perf_counter()
    client = redis_client(redis_url, socket_timeout=_SNAPSHOT_SECONDS)
    try:
        snapshot = await SnapshotStore(client, log).load_latest()
    finally:
        await client.aclose()
    recovery = Recovery(shard, settings, snapshot.data if snapshot is not None else None, ordering)
    recovery.list_instruments(instruments)
    after = snapshot.position if snapshot is not None else Position.START
    # Of a large shard it is as large as the engine, and no longer needed.
    del snapshot
    loaded = time.perf_counter()
    for page in read_pages(redis_url, log, after, end):
        for entry in page:
            recovery.apply(entry)
        # The registry follows clearing's log meanwhile, and a second Ctrl-C is heard.
        await asyncio.sleep(0)
    recovery.snapshot_seconds = loaded - began
    recovery.tail_seconds = time.perf_counter() - loaded
    return recovery
