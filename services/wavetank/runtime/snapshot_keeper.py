"""When snapshots are written, and what follows from each: consumers are registered, and the log may be trimmed.

A small state is written in place (`save`); a large one by a copy of the process (`start`), so that nobody waits for it.
Kept true: one snapshot is written at a time; what a snapshot covers was committed when it began; a state that was
written is not written again; a snapshot that fails costs only a longer recovery; a copy does not outlive the keeper.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from wavetank.runtime.forking import ForkedState, ForkFailed
from wavetank.runtime.log_entry import Position
from wavetank.runtime.snapshots import SnapshotRefused, SnapshotStore
from wavetank.runtime.trimming import LogTrimmer, register_consumer

if TYPE_CHECKING:
    import redis.asyncio

    from wavetank.runtime.log_writer import LogWriter

_NO_CURSORS: Mapping[str, Position] = {}


class SnapshotKeeper:
    """Writes the snapshots of one writer, as of its last committed entry."""

    def __init__(self, client: "redis.asyncio.Redis", writer: "LogWriter", *, retention_ns: int = 0) -> None:
        """Make the keeper.

        Args:
            client: bytes in and out (`redis_client`).
            writer: of the log that the state belongs to.
            retention_ns: venue time for which the log is kept at least; 0 never trims it.

        """
        self._client = client
        self._writer = writer
        self._store = SnapshotStore(client, writer.log)
        self._trimmer = LogTrimmer(client, writer.log, epoch=writer.epoch, retention_ns=retention_ns)
        self._copy: ForkedState | None = None
        self._task: asyncio.Task[None] | None = None
        self._saved = Position.START
        """Where the newest snapshot stands that is known to be whole."""
        self._saved_cursors: dict[str, Position] | None = None
        self._logger = structlog.get_logger().bind(log=writer.log)

    async def register(self, cursors: Mapping[str, Position]) -> None:
        """Register with the logs that this writer consumes, if it never did; once, after recovery.

        Raises:
            redis.exceptions.RedisError: Redis did not answer.

        """
        for log, position in cursors.items():
            await register_consumer(self._client, log, self._writer.log, position, first=True)

    async def save(self, data: bytes, cursors: Mapping[str, Position] = _NO_CURSORS) -> None:
        """Write a snapshot of the state committed last, unless there is one, waiting for one that is being written.

        Redis not answering costs only a longer recovery.

        Args:
            data: the state.
            cursors: how far it has counted other logs, by name.

        Raises:
            SnapshotRefused: a newer one exists, so another writer has taken over.

        """
        await self.settle()
        writer = self._writer
        position, now_ns = writer.position, writer.last_now_ns
        if position == self._saved:
            return
        try:
            await self._store.save(writer.epoch, position, data)
            self._saved = position
            await self._follow_up(position, now_ns, dict(cursors))
        except RedisError as error:
            self._logger.warning("snapshot_not_saved", cause=str(error))

    def start(self, state: Callable[[], bytes], cursors: Mapping[str, Position] = _NO_CURSORS) -> bool:
        """Begin to write a snapshot of the state committed last, and return at once; False if one is being written.

        Args:
            state: called in a copy of this process; sees everything as it is now, and may touch nothing but memory.
            cursors: how far the state has counted other logs, by name.

        """
        if self._task is not None:
            return False
        try:
            self._copy = ForkedState.start(state)
        except OSError as error:
            self._logger.warning("snapshot_not_saved", cause=str(error))
            return False
        writer = self._writer
        self._task = asyncio.create_task(
            self._write(self._copy, writer.position, writer.last_now_ns, dict(cursors)), name=f"snapshot {writer.log}"
        )
        return True

    async def settle(self) -> None:
        """Return once no snapshot is being written."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def close(self) -> None:
        """End a snapshot that is being written; what there is of it is not used."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _write(self, copy: ForkedState, position: Position, now_ns: int, cursors: dict[str, Position]) -> None:
        began = asyncio.get_running_loop().time()
        try:
            size = await self._store.save_chunks(self._writer.epoch, position, copy.chunks())
            self._saved = position
            taken = asyncio.get_running_loop().time() - began
            self._logger.info(
                "snapshot_saved",
                seq=position.seq,
                size_bytes=size,
                stop_ms=round(copy.stop_seconds * 1_000, 1),
                taken_ms=round(taken * 1_000),
            )
            await self._follow_up(position, now_ns, cursors)
        except (RedisError, ForkFailed, SnapshotRefused) as error:
            # Who refuses it will refuse the next append too, and that ends the process.
            self._logger.warning("snapshot_not_saved", cause=str(error))
        finally:
            copy.end()
            self._copy = None
            self._task = None

    async def _follow_up(self, position: Position, now_ns: int, cursors: dict[str, Position]) -> None:
        # The latest snapshot may turn out to be damaged, so others keep what the one before it needs.
        if self._saved_cursors is not None:
            for log, counted in self._saved_cursors.items():
                await register_consumer(self._client, log, self._writer.log, counted)
        self._saved_cursors = cursors
        await self._trimmer.mark(position.entry_id, now_ns)
        trimmed = await self._trimmer.trim(now_ns)
        if trimmed is not None and trimmed.entries:
            self._logger.info(
                "log_trimmed", entries=trimmed.entries, first_id=trimmed.first_id, held_by=trimmed.held_by
            )
