"""Read a log in order, live or late, and notice whatever is missing (PROTOCOLS 3).

It exists so that each event of another writer is counted exactly once: a reader goes on behind the last entry that
was applied, and each entry must follow it by checksum and by seq. A hole stops the reader with both ids, for no guess
about lost facts is better than stopping. Redis being away is no hole: the reader waits and goes on.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from wavetank.runtime.log_entry import FIELD, LogCorrupt, LogEntry, Position, decode_entry, id_key, log_key
from wavetank.runtime.redis_connection import CommandRefused, ConnectionLost, RedisConnection

if TYPE_CHECKING:
    import redis
    import redis.asyncio

BATCH_ENTRIES = 512
BLOCK_MS = 1_000
BEHIND_SECONDS = 30.0
"""Wall time for which a log may end before a reader's position: a writer appends again after a failover."""

_CONNECT_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5

_REDIS_IS_AWAY = (RedisConnectionError, RedisTimeoutError, ResponseError, ConnectionLost, CommandRefused, OSError)


class LogGap(Exception):
    """An entry does not follow the one read before it."""

    def __init__(self, log: str, after_id: str, found_id: str, why: str) -> None:
        super().__init__(f"log {log}: {found_id} does not follow {after_id}: {why}")
        self.log = log
        self.after_id = after_id
        self.found_id = found_id


class LogTrimmed(LogGap):
    """The entries behind the position were trimmed; only a read model may restart from a snapshot."""


def next_entry(log: str, after: Position, entry_id: str, data: bytes) -> LogEntry:
    """Decode an entry and check that it follows `after`.

    Args:
        log: name of the log, for messages.
        after: the last applied entry.
        entry_id: id in the stream.
        data: the entry's bytes.

    Raises:
        LogCorrupt: the bytes are no entry.
        LogGap: the entry follows another one than `after`.

    """
    entry = decode_entry(data)
    if entry.entry_id != entry_id:
        raise LogCorrupt(f"log {log}: entry {entry_id} says that it is {entry.entry_id}")
    if entry.prev != after.checksum:
        raise LogGap(log, after.entry_id, entry_id, "the chain of checksums is broken")
    if entry.first_seq != after.seq + 1:
        raise LogGap(log, after.entry_id, entry_id, f"its first seq is {entry.first_seq}, {after.seq + 1} was due")
    return entry


class LogReader:
    """Read one log from a position; `position` moves on with each entry handed out."""

    def __init__(
        self,
        client: "redis.asyncio.Redis",
        log: str,
        after: Position = Position.START,
        *,
        batch_entries: int = BATCH_ENTRIES,
        block_ms: int = BLOCK_MS,
        gather_ms: int = 0,
        behind_seconds: float = BEHIND_SECONDS,
    ) -> None:
        """Make a reader; nothing is read yet.

        Args:
            client: bytes in and out (`redis_client`); its socket time-out is longer than `block_ms`.
            log: name of the log, which need not exist yet.
            after: the last entry that was applied.
            batch_entries: most entries of one read.
            block_ms: wall milliseconds that one read waits for news.
            gather_ms: wall milliseconds after news in which more may gather before the next read, so that a reader that
                need not know at once does not wake, and take the processor from its writer, at each entry.
            behind_seconds: see `BEHIND_SECONDS`.

        """
        self.log = log
        self.position = after
        self._client = client
        self._key = log_key(log)
        self._batch_entries = batch_entries
        self._block_ms = block_ms
        self._gather_seconds = gather_ms / 1_000
        self._behind_seconds = behind_seconds
        self._behind_since: float | None = None
        self._connection: RedisConnection | None = None
        """On which `follow` waits."""
        self._logger = structlog.get_logger().bind(log=log)

    async def read_available(self) -> list[LogEntry]:
        """Return the next entries that are there now, at most `batch_entries`; none at the end of the log.

        Raises:
            LogGap, LogTrimmed, LogCorrupt: see `follow`.
            redis.exceptions.RedisError: Redis did not answer; nothing was skipped.

        """
        rows: Any = await self._client.xrange(self._key, min=f"({self.position.entry_id}", count=self._batch_entries)
        return [await self._take(row) for row in rows]

    async def follow(self) -> AsyncGenerator[LogEntry, None]:
        """Yield each entry behind the position, and go on for ever.

        Raises:
            LogGap: an entry is missing, or the log ended before the position for too long.
            LogTrimmed: the entries behind the position were trimmed.
            LogCorrupt: an entry is damaged, or of another version.

        """
        try:
            pause = 0.0
            while True:
                try:
                    rows = await self._read_blocking()
                    if not rows:
                        await self._check_not_behind()
                        _end_if_cancelled()
                except _REDIS_IS_AWAY as error:
                    # Also a server that still loads its data answers with an error.
                    if not pause:
                        self._logger.warning("log_reader_waits", cause=str(error), after=self.position.entry_id)
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS) or _FIRST_PAUSE_SECONDS
                    await asyncio.sleep(pause)
                    continue
                if pause:
                    self._logger.info("log_reader_resumed", after=self.position.entry_id)
                    pause = 0.0
                for row in rows:
                    yield await self._take(row)
                if rows and self._gather_seconds:
                    await asyncio.sleep(self._gather_seconds)
        finally:
            self._disconnect()

    async def _read_blocking(self) -> list[Any]:
        connection = self._connection
        if connection is None:
            connection = self._connection = await RedisConnection.beside(self._client, timeout=_CONNECT_SECONDS)
        command = (b"XREAD", b"COUNT", self._batch_entries, b"BLOCK", self._block_ms, b"STREAMS")
        try:
            async with asyncio.timeout(self._block_ms / 1_000 + _CONNECT_SECONDS):
                answer = await connection.execute(*command, self._key, self.position.entry_id)
        except (ConnectionLost, TimeoutError):
            self._disconnect()
            raise
        # Fields stand in a row as Redis sends them: names and values in turn.
        return [(row[0], dict(zip(row[1][::2], row[1][1::2], strict=True))) for row in answer[0][1]] if answer else []

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _take(self, row: Any) -> LogEntry:  # noqa: ANN401 - an entry id and its fields, as redis-py returns them.
        entry_id, data = row[0].decode(), row[1].get(FIELD, b"")
        try:
            entry = next_entry(self.log, self.position, entry_id, data)
        except LogGap as gap:
            await self._raise_if_trimmed(gap)
            raise
        self.position = entry.position
        self._behind_since = None
        return entry

    async def _raise_if_trimmed(self, gap: LogGap) -> None:
        try:
            first: Any = await self._client.xrange(self._key, count=1)
        except RedisError:
            return
        if first and id_key(first[0][0].decode()) > id_key(self.position.entry_id):
            raise LogTrimmed(self.log, gap.after_id, first[0][0].decode(), "what stood between was trimmed") from None

    async def _check_not_behind(self) -> None:
        """Notice a log that lost its end: its new entries would stand before the position and never be seen."""
        last: Any = await self._client.xrevrange(self._key, count=1)
        last_id = last[0][0].decode() if last else "0-0"
        if id_key(last_id) >= id_key(self.position.entry_id):
            self._behind_since = None
            return
        now = asyncio.get_running_loop().time()
        if self._behind_since is None:
            self._behind_since = now
            self._logger.warning("log_behind_reader", last=last_id, position=self.position.entry_id)
        elif now - self._behind_since > self._behind_seconds:
            raise LogGap(self.log, self.position.entry_id, last_id, "the log ends before the position")


def _end_if_cancelled() -> None:
    """Be cancelled after all: the client uses `asyncio.wait_for`, which before Python 3.12 may swallow a cancellation.

    It does when what it waits for is done in the same turn; who waits for the end of this task would wait for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def read_log(
    client: "redis.Redis", log: str, after: Position = Position.START, *, batch_entries: int = BATCH_ENTRIES
) -> Iterator[LogEntry]:
    """Yield the entries behind `after` up to the present end; for the auditor and the command line.

    Args:
        client: bytes in and out.
        log: name of the log.
        after: the last applied entry.
        batch_entries: most entries of one read.

    Raises:
        LogGap, LogTrimmed, LogCorrupt: see `LogReader.follow`.

    """
    key = log_key(log)
    position = after
    while True:
        rows: Any = client.xrange(key, min=f"({position.entry_id}", count=batch_entries)
        if not rows:
            return
        for row in rows:
            entry_id = row[0].decode()
            try:
                entry = next_entry(log, position, entry_id, row[1].get(FIELD, b""))
            except LogGap as gap:
                first: Any = client.xrange(key, count=1)
                if position == after and first and id_key(first[0][0].decode()) > id_key(after.entry_id):
                    raise LogTrimmed(log, after.entry_id, entry_id, "what stood between was trimmed") from gap
                raise
            position = entry.position
            yield entry
