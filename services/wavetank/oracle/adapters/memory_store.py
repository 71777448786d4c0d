"""Where the oracle's memory is kept: snapshots beside its log, and the entries behind the last one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog
from redis.exceptions import RedisError

from wavetank.runtime.log_entry import LogEntry, Position
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.snapshots import SnapshotStore


class SnapshotKeeper:
    """Save state as of the writer's last committed entry."""

    def __init__(self, store: SnapshotStore, writer: LogWriter) -> None:
        self._store = store
        self._writer = writer
        self._logger = structlog.get_logger()

    async def save(self, data: bytes) -> None:
        """Keep a snapshot; Redis not answering costs only a longer recovery.

        Raises:
            SnapshotRefused: a newer one exists, so another writer has taken over.

        """
        try:
            await self._store.save(self._writer.epoch, self._writer.position, data)
        except RedisError as error:
            self._logger.warning("snapshot_not_saved", cause=str(error))


async def entries_up_to(reader: LogReader, end: Position) -> AsyncIterator[LogEntry]:
    """Yield the entries behind a reader's position, up to and including the one at `end`.

    Raises:
        LogGap, LogCorrupt: see `LogReader.read_available`.

    """
    while reader.position.entry_id != end.entry_id:
        batch = await reader.read_available()
        # The end was read from the same log a moment ago.
        assert batch, f"log {reader.log} ends at {reader.position.entry_id}, before {end.entry_id}"
        for entry in batch:
            yield entry
