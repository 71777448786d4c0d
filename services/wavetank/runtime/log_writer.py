"""The one writer of a log: fenced, chained, one append in flight (PROTOCOLS 3).

It exists so that a service acknowledges only what is in the log, and so that no second process can ever write to it.
Kept true:

- The fence: opening a log closes all older epochs. The last id is moved to the end of the present epoch, so that Redis
  refuses every append of an older writer; then the last entry is read and `EpochStarted` appended behind it.
- An append whose answer did not come is neither committed nor lost until the log has been read again. Its bytes and
  its id stay the same, so sending it twice cannot write it twice.
- What was acknowledged and is missing after a failover is appended again from the retained tail, byte for byte; if
  the tail does not reach that far, the writer stops and names the lost seqs.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, Self

import structlog

from wavetank.model.record import RECORD_BYTES
from wavetank.runtime.durability import check_durability
from wavetank.runtime.errors import InvariantBroken
from wavetank.runtime.log_entry import (
    FIELD,
    LogEntry,
    Position,
    checksum_of,
    encode_entry,
    id_key,
    log_key,
)
from wavetank.runtime.log_fence import is_behind, last_entry, start_epoch
from wavetank.runtime.redis_connection import CommandRefused, ConnectionLost, RedisConnection
from wavetank.runtime.settings import Durability

RETAINED_BYTES = 64 * 1_048_576
"""Bytes of committed entries that a writer keeps, to append them again after a failover."""

APPEND_TIMEOUT_SECONDS = 2.0
OPEN_TIMEOUT_SECONDS = 30.0

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5


class Fenced(Exception):
    """Another writer has taken over the log; this process must end."""


class LogLost(Exception):
    """Redis lost acknowledged entries that can not be appended again; the message names their seqs."""


class LogUnavailable(Exception):
    """The log could not be opened, or was closed by its own process."""


@dataclass(frozen=True, slots=True)
class SentEntry:
    """Bytes of an entry as they were sent, and what finds its place in the chain."""

    entry_id: str
    first_seq: int
    last_seq: int
    prev: int
    checksum: int
    data: bytes


def missing_from(log: str, sent: Sequence[SentEntry], last: LogEntry | None) -> Sequence[SentEntry]:
    """Return those of `sent` that stand behind the log's last entry, and so must be appended (again).

    Args:
        log: name of the log, for messages.
        sent: what this writer sent, oldest first: the retained tail and what is in flight.
        last: last entry of the log, or None if the log is empty.

    Raises:
        LogLost: the log ends before the first of `sent`, and not where that follows.
        Fenced: the log ends with an entry that this writer did not send.

    """
    last_checksum = 0 if last is None else last.checksum
    if last is not None and sent[-1].checksum == last_checksum and sent[-1].entry_id == last.entry_id:
        return ()
    for index, entry in enumerate(sent):
        if entry.prev == last_checksum and (last is None or id_key(last.entry_id) < id_key(entry.entry_id)):
            return sent[index:]
    if last is None or id_key(last.entry_id) < id_key(sent[0].entry_id):
        first_lost = 1 if last is None else last.last_seq + 1
        raise LogLost(
            f"log {log} ends with {'nothing' if last is None else last.entry_id}; acknowledged seqs {first_lost} to"
            f" {sent[0].first_seq - 1} are lost, and those kept to append again begin only with {sent[0].first_seq}"
        )
    raise Fenced(f"log {log} ends with {last.entry_id}, which this writer of {sent[-1].entry_id} did not append")


class LogWriter:
    """Append to one log; made with `open`.

    A caller appends one entry at a time and must not cancel `append`: a client's patience ends earlier than the
    question whether the entry is in the log. Keep the call in a task, and answer clients from `until_unavailable`.
    """

    def __init__(self, redis_url: str, log: str, *, append_timeout: float, retained_bytes: int) -> None:
        """Use `open`; this alone neither connects nor fences."""
        self.log = log
        self.key = log_key(log)
        self.epoch = 0
        self.position = Position.START
        self.last_now_ns = 0
        self._redis_url = redis_url
        self._append_timeout = append_timeout
        self._retained_bytes = retained_bytes
        self._tail: deque[SentEntry] = deque()
        self._tail_bytes = 0
        self._pending: SentEntry | None = None
        self._connection: RedisConnection | None = None
        self._resolver: asyncio.Task[None] | None = None
        self._closed = False
        self._settled = asyncio.Event()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._failure: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        # A failure that nobody watches still surfaces in the next append.
        self._failure.add_done_callback(lambda future: None if future.cancelled() else future.exception())
        self._logger = structlog.get_logger().bind(log=log)

    @classmethod
    async def open(
        cls,
        redis_url: str,
        log: str,
        *,
        durability: Durability = Durability.EVERYSEC,
        now_ns: int = 0,
        append_timeout: float = APPEND_TIMEOUT_SECONDS,
        open_timeout: float = OPEN_TIMEOUT_SECONDS,
        retained_bytes: int = RETAINED_BYTES,
    ) -> Self:
        """Fence off every older writer of the log, and return the writer of a new epoch.

        After this the log ends with the entry at `position`; recovery reads up to it.

        Args:
            redis_url: where Redis is.
            log: name of the log, for instance `matching-0`.
            durability: what Redis must keep.
            now_ns: venue time; the epoch's start gets it, or the last entry's if that is later.
            append_timeout: wall seconds after which an answer counts as lost.
            open_timeout: wall seconds for Redis to be reachable and loaded.
            retained_bytes: bytes of committed entries kept for a failover; the last entry is always kept.

        Raises:
            DurabilityMissing: Redis does not keep what `durability` promises.
            LogUnavailable: Redis was not reachable in time.
            LogCorrupt: the last entry cannot be read.

        """
        self = cls(redis_url, log, append_timeout=append_timeout, retained_bytes=retained_bytes)
        pause = _FIRST_PAUSE_SECONDS
        deadline = asyncio.get_running_loop().time() + open_timeout
        while True:
            connection: RedisConnection | None = None
            try:
                connection = await self._connect()
                async with asyncio.timeout(max(append_timeout, 5.0)):
                    await check_durability(connection, durability)
                    entry, data = await start_epoch(connection, self.key, now_ns)
            except (ConnectionLost, CommandRefused, TimeoutError) as error:
                # An epoch that was started without our learning of it does no harm: the next one follows it.
                if connection is not None:
                    connection.close()
                if asyncio.get_running_loop().time() + pause >= deadline:
                    raise LogUnavailable(f"log {log} could not be opened within {open_timeout} s: {error}") from error
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            except BaseException:
                if connection is not None:
                    connection.close()
                raise
            else:
                self.epoch, self.position, self.last_now_ns = entry.epoch, entry.position, entry.now_ns
                self._retain(_sent(entry, data))
                self._connection = connection
                self._up.set()
                self._logger.info("log_opened", epoch=self.epoch, last_seq=self.last_seq)
                return self

    @property
    def last_seq(self) -> int:
        """Seq of the last committed event."""
        return self.position.seq

    @property
    def available(self) -> bool:
        """Whether appends can be expected to succeed; new commands are refused while it is false."""
        return self._up.is_set()

    async def until_available(self) -> None:
        """Return once the log can be written."""
        await self._up.wait()

    async def until_unavailable(self) -> None:
        """Return once the outcome of an append is unknown, or Redis is known to be gone."""
        await self._down.wait()

    async def watch(self) -> NoReturn:
        """Raise what ends this writer for good, when it happens.

        Raises:
            Fenced: another writer took over.
            LogLost: acknowledged entries are gone.

        """
        await asyncio.shield(self._failure)
        raise AssertionError("a writer's failure has no result")

    async def append(self, inputs: bytes, records: bytes, count: int, now_ns: int) -> LogEntry:
        """Append one entry and return it once it is committed, however long that takes.

        Args:
            inputs: serialised `Inputs`.
            records: records of the events, at least one.
            count: how many they are.
            now_ns: venue time of the inputs; never less than that of the entry before.

        Raises:
            Fenced: another writer took over; nothing was appended.
            LogLost: Redis lost entries that were acknowledged.
            LogUnavailable: the writer was closed.
            InvariantBroken: the entry is empty, time ran back, or another append is in flight.

        """
        self._raise_if_ended()
        if self._pending is not None:
            raise InvariantBroken(f"log {self.log}: an append began while {self._pending.entry_id} was in flight")
        if count < 1 or len(records) != count * RECORD_BYTES or now_ns < self.last_now_ns:
            # Without an event an entry would have the id of the next one.
            raise InvariantBroken(
                f"log {self.log}: {count} events in {len(records)} bytes at {now_ns}, after {self.last_now_ns}"
            )
        first_seq, prev = self.position.seq + 1, self.position.checksum
        data = encode_entry(
            epoch=self.epoch, first_seq=first_seq, now_ns=now_ns, prev=prev, inputs=inputs, records=records
        )
        entry = LogEntry(
            epoch=self.epoch,
            first_seq=first_seq,
            count=count,
            now_ns=now_ns,
            prev=prev,
            checksum=checksum_of(data),
            inputs=inputs,
            records=records,
        )
        await self._commit(_sent(entry, data))
        self.position = entry.position
        self.last_now_ns = now_ns
        return entry

    async def close(self) -> None:
        """Let go of the connection; the log stays as it is, and an append in flight fails with its outcome unknown."""
        self._closed = True
        self._up.clear()
        self._down.set()
        if self._resolver is not None:
            self._resolver.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._resolver
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._settled.set()

    async def _commit(self, sent: SentEntry) -> None:
        self._pending = sent
        self._settled.clear()
        connection = self._connection
        if connection is not None:
            # A timer that ends the connection costs a fraction of a time-out around each wait.
            timer = asyncio.get_running_loop().call_later(
                self._append_timeout, connection.close, f"no answer within {self._append_timeout} s"
            )
            try:
                await connection.execute(b"XADD", self.key, sent.entry_id, FIELD, sent.data)
            except (ConnectionLost, CommandRefused) as error:
                self._lose(str(error))
            except BaseException:
                # Cancelled: whether it is in the log is for the resolver to find out.
                self._lose("the append was cancelled")
                raise
            else:
                self._retain(sent)
                return
            finally:
                timer.cancel()
        await self._settled.wait()
        self._raise_if_ended()

    def _raise_if_ended(self) -> None:
        if self._failure.done():
            self._failure.result()
        if self._closed:
            raise LogUnavailable(f"log {self.log} was closed after {self.position.entry_id}")

    def _retain(self, sent: SentEntry) -> None:
        self._pending = None
        self._tail.append(sent)
        self._tail_bytes += len(sent.data)
        while self._tail_bytes > self._retained_bytes and len(self._tail) > 1:
            self._tail_bytes -= len(self._tail.popleft().data)

    def _lose(self, cause: str) -> None:
        """Stop using the connection, and find out in the background how the log ends."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._resolver is not None or self._failure.done() or self._closed:
            return
        self._up.clear()
        self._down.set()
        self._logger.warning("log_unavailable", cause=cause, last_seq=self.last_seq)
        self._resolver = asyncio.create_task(self._resolve(), name=f"resolve {self.log}")

    async def _resolve(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            connection: RedisConnection | None = None
            try:
                connection = await self._connect()
                # An append that began meanwhile was not among those that were looked at.
                while await self._append_missing(connection) is not (self._pending or self._tail[-1]):
                    pass
            except (ConnectionLost, CommandRefused, TimeoutError):
                if connection is not None:
                    connection.close()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            except BaseException as error:
                if connection is not None:
                    connection.close()
                if not isinstance(error, Exception):
                    raise
                # Whatever it is, it ends this writer; `watch` and `append` raise it.
                self._logger.error("log_failed", cause=str(error), kind=type(error).__name__)  # noqa: TRY400
                self._failure.set_exception(error)
                break
            else:
                self._connection = connection
                if self._pending is not None:
                    self._retain(self._pending)
                self._down.clear()
                self._up.set()
                self._logger.info("log_available", last_seq=self._tail[-1].last_seq)
                break
        self._resolver = None
        self._settled.set()

    async def _append_missing(self, connection: RedisConnection) -> SentEntry:
        """Make the log end with what was sent last, and return that.

        Raises:
            Fenced, LogLost: see `missing_from`.
            ConnectionLost, CommandRefused, TimeoutError: Redis is still not well.

        """
        sent = [*self._tail, *([self._pending] if self._pending is not None else [])]
        async with asyncio.timeout(self._append_timeout):
            last = await last_entry(connection, self.key)
        for entry in missing_from(self.log, sent, last):
            try:
                async with asyncio.timeout(self._append_timeout):
                    await connection.execute(b"XADD", self.key, entry.entry_id, FIELD, entry.data)
            except CommandRefused as error:
                if not is_behind(error):
                    raise
                # Either the first attempt arrived late after all, or a new writer has raised its fence.
                async with asyncio.timeout(self._append_timeout):
                    last = await last_entry(connection, self.key)
                if last is None or last.checksum != entry.checksum:
                    raise Fenced(f"log {self.log} refuses {entry.entry_id}: another writer has taken it over") from None
        return sent[-1]

    async def _connect(self) -> RedisConnection:
        return await RedisConnection.open(
            self._redis_url, timeout=self._append_timeout, on_lost=self._on_connection_lost
        )

    def _on_connection_lost(self, connection: RedisConnection) -> None:
        # One that is still being tried out is its own attempt's business.
        if connection is self._connection:
            self._lose("the connection was lost")


def _sent(entry: LogEntry, data: bytes) -> SentEntry:
    return SentEntry(entry.entry_id, entry.first_seq, entry.last_seq, entry.prev, entry.checksum, data)
