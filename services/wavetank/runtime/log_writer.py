"""The one writer of a log: fenced, chained, one append in flight (PROTOCOLS 3).

It exists so that a service acknowledges only what is in the log, and so that no second process can ever write to it.
Kept true:

- The fence: opening a log closes all older epochs. The last id is moved to the end of the present epoch, so that Redis
  refuses every append of an older writer; then the last entry is read and `EpochStarted` appended behind it.
- An append whose answer did not come is neither committed nor lost until the log has been read again. Its bytes and
  its id stay the same, so sending it twice cannot write it twice.
- What was acknowledged and is missing after a failover is appended again from the retained tail, byte for byte; if
  the tail does not reach that far, the writer stops and names the lost seqs.
- With `replicas` an entry is committed only once so many replicas have it too.

An append costs one round trip to Redis and a turn of the event loop: `commit` sends at once, and goes on in the very
call that brings the answer; `append` is the same for who wants to wait.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Self

import structlog

from wavetank.model.record import RECORD_BYTES
from wavetank.runtime.durability import check_durability
from wavetank.runtime.errors import InvariantBroken
from wavetank.runtime.labels import passing
from wavetank.runtime.log_entry import (
    FIELD,
    LogEntry,
    Position,
    checksum_of,
    encode_entry,
    log_key,
)
from wavetank.runtime.log_fence import is_behind, last_entry, start_epoch
from wavetank.runtime.log_tail import Fenced, RetainedTail, SentEntry, missing_from
from wavetank.runtime.redis_connection import CommandRefused, ConnectionLost, RedisConnection, Reply
from wavetank.runtime.settings import Durability

RETAINED_BYTES = 64 * 1_048_576
"""Bytes of committed entries that a writer keeps, to append them again after a failover."""

APPEND_TIMEOUT_SECONDS = 2.0
OPEN_TIMEOUT_SECONDS = 30.0

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5


class LogUnavailable(Exception):
    """The log could not be opened, or was closed by its own process."""


OnCommitted = Callable[[int], None]
"""Gets the last seq of an entry that was committed; called in the event loop, and must not raise."""


@dataclass(slots=True)
class _Append:
    """An append in flight."""

    sent: SentEntry
    now_ns: int
    on_committed: OnCommitted


class LogWriter:
    """Append to one log; made with `open`.

    A caller appends one entry at a time and must not cancel `append`: a client's patience ends earlier than the
    question whether the entry is in the log. Keep the call in a task, and answer clients from `until_unavailable`.
    """

    def __init__(self, redis_url: str, log: str, *, append_timeout: float, retained_bytes: int, replicas: int) -> None:
        """Use `open`; this alone neither connects nor fences."""
        self.log = log
        self.key = log_key(log)
        self.epoch = 0
        self.position = Position.START
        self.last_now_ns = 0
        self._redis_url = redis_url
        self._append_timeout = append_timeout
        self._tail = RetainedTail(retained_bytes)
        self._replicas = replicas
        self._pending: _Append | None = None
        self._waiter: asyncio.Future[int] | None = None
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._connection: RedisConnection | None = None
        self._resolver: asyncio.Task[None] | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._failure: asyncio.Future[NoReturn] = self._loop.create_future()
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
        replicas: int = 0,
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
            replicas: replicas of Redis that must have an entry before it is committed; Redis's `min-replicas-to-write`
                must be as many.

        Raises:
            DurabilityMissing: Redis does not keep what `durability` promises.
            LogUnavailable: Redis was not reachable in time.
            LogCorrupt: the last entry cannot be read.

        """
        self = cls(redis_url, log, append_timeout=append_timeout, retained_bytes=retained_bytes, replicas=replicas)
        pause = _FIRST_PAUSE_SECONDS
        deadline = asyncio.get_running_loop().time() + open_timeout
        while True:
            connection: RedisConnection | None = None
            try:
                connection = await self._connect()
                async with asyncio.timeout(max(append_timeout, 5.0)):
                    await check_durability(connection, durability, replicas=replicas)
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
                self._tail.add(SentEntry.of(entry, data))
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
        waiter: asyncio.Future[int] = self._loop.create_future()
        self.commit(inputs, records, count, now_ns, waiter.set_result)
        sent = self._last_sent
        self._waiter = waiter
        try:
            await waiter
        except asyncio.CancelledError:
            # Whether it is in the log is for the resolver to find out.
            if self._pending is not None:
                self._pending.on_committed = _forget
            self._lose("the append was cancelled")
            raise
        finally:
            self._waiter = None
        return LogEntry(
            epoch=self.epoch,
            first_seq=sent.first_seq,
            count=count,
            now_ns=now_ns,
            prev=sent.prev,
            checksum=sent.checksum,
            inputs=inputs,
            records=records,
        )

    def commit(self, inputs: bytes, records: bytes, count: int, now_ns: int, on_committed: OnCommitted) -> None:
        """Append one entry, and tell when it is committed, however long that takes; nobody waits for a task.

        `on_committed` is called once, in the turn of the event loop in which the answer comes, never before this
        returns; it may begin the next append. When the writer ends instead, only `watch` says so.

        Args:
            inputs: serialised `Inputs`.
            records: records of the events, at least one.
            count: how many they are.
            now_ns: venue time of the inputs; never less than that of the entry before.
            on_committed: gets the entry's last seq.

        Raises:
            Fenced, LogLost, LogUnavailable, InvariantBroken: see `append`; nothing was sent.

        """
        self._raise_if_ended()
        if self._pending is not None:
            raise InvariantBroken(f"log {self.log}: an append began while {self._pending.sent.entry_id} was in flight")
        if count < 1 or len(records) != count * RECORD_BYTES or now_ns < self.last_now_ns:
            # Without an event an entry would have the id of the next one.
            raise InvariantBroken(
                f"log {self.log}: {count} events in {len(records)} bytes at {now_ns}, after {self.last_now_ns}"
            )
        first_seq, prev, epoch = self.position.seq + 1, self.position.checksum, self.epoch
        data = encode_entry(epoch=epoch, first_seq=first_seq, now_ns=now_ns, prev=prev, inputs=inputs, records=records)
        checksum = checksum_of(data)
        sent = SentEntry(f"{epoch}-{first_seq}", first_seq, first_seq + count - 1, prev, checksum, data)
        self._pending = _Append(sent, now_ns, on_committed)
        if self._connection is not None:
            # Else the resolver sends it.
            self._send(self._connection, sent)
        if self._timer is None:
            self._timer = self._loop.call_later(self._append_timeout, self._check_time)

    async def close(self) -> None:
        """Let go of the connection; the log stays as it is, and an append in flight fails with its outcome unknown."""
        self._closed = True
        self._up.clear()
        self._down.set()
        if self._resolver is not None:
            self._resolver.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._resolver
        if self._timer is not None:
            self._timer.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._end_wait(LogUnavailable(f"log {self.log} was closed after {self.position.entry_id}"))

    def _send(self, connection: RedisConnection, sent: SentEntry) -> None:
        """Send an entry; the answers say whether it is committed."""
        passing("before_append")
        self._sent_at = time.monotonic()
        try:
            connection.send(self._take_answer, b"XADD", self.key, sent.entry_id, FIELD, sent.data)
            if self._replicas:
                connection.send(self._take_replicas, b"WAIT", self._replicas, self._replica_wait_ms)
        except ConnectionLost as error:
            self._lose(str(error))
        passing("during_append")

    def _take_answer(self, reply: Reply) -> None:
        if isinstance(reply, CommandRefused | ConnectionLost):
            # A connection that was given up has no more to say; its append is the resolver's.
            if self._connection is not None:
                self._lose(str(reply))
        elif not self._replicas:
            self._settle()

    def _take_replicas(self, reply: Reply) -> None:
        if self._connection is None:
            return
        if isinstance(reply, int) and reply >= self._replicas:
            self._settle()
        else:
            self._lose(f"only {reply} of {self._replicas} replicas have the entry")

    def _check_time(self) -> None:
        """End the connection whose answer is overdue; one timer for many appends."""
        self._timer = None
        if self._pending is None or self._connection is None:
            return
        left = self._sent_at + self._append_timeout - time.monotonic()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check_time)
        else:
            self._lose(f"no answer within {self._append_timeout} s")

    def _settle(self) -> None:
        """Go on from the append in flight: it is in the log."""
        append = self._pending
        assert append is not None
        passing("after_append")
        self._pending = None
        self._tail.add(append.sent)
        self.position = Position(append.sent.entry_id, append.sent.last_seq, append.sent.checksum)
        self.last_now_ns = append.now_ns
        append.on_committed(append.sent.last_seq)

    @property
    def _replica_wait_ms(self) -> int:
        # Shorter than the time-out of the append, so that the answer still comes.
        return max(1, int(self._append_timeout * 500))

    def _end_wait(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _raise_if_ended(self) -> None:
        if self._failure.done():
            self._failure.result()
        if self._closed:
            raise LogUnavailable(f"log {self.log} was closed after {self.position.entry_id}")

    def _lose(self, cause: str) -> None:
        """Stop using the connection, and find out in the background how the log ends."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
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
                while await self._append_missing(connection) is not self._last_sent:
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
                self._end_wait(error)
                break
            else:
                self._connection = connection
                self._down.clear()
                self._up.set()
                self._logger.info("log_available", last_seq=self._last_sent.last_seq)
                break
        self._resolver = None
        if self._connection is not None and self._pending is not None:
            self._settle()

    @property
    def _last_sent(self) -> SentEntry:
        return self._tail.last if self._pending is None else self._pending.sent

    async def _append_missing(self, connection: RedisConnection) -> SentEntry:
        """Make the log end with what was sent last, and return that.

        Raises:
            Fenced, LogLost: see `missing_from`.
            ConnectionLost, CommandRefused, TimeoutError: Redis is still not well.

        """
        sent = [*self._tail.entries, *([self._pending.sent] if self._pending is not None else [])]
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
        if self._replicas:
            await self._await_replicas(connection, sent[-1])
        return sent[-1]

    async def _await_replicas(self, connection: RedisConnection, last: SentEntry) -> None:
        """Return once enough replicas have the log up to `last`.

        Raises:
            TimeoutError: they are not there yet.

        """
        async with asyncio.timeout(self._append_timeout):
            # WAIT counts replicas that have what this connection wrote; what an earlier one wrote stands before that.
            await connection.execute(b"SET", f"{self.key}:replicated", last.entry_id)
            have = await connection.execute(b"WAIT", self._replicas, self._replica_wait_ms)
        if have < self._replicas:
            raise TimeoutError(f"{have} of {self._replicas} replicas have {last.entry_id}")

    async def _connect(self) -> RedisConnection:
        return await RedisConnection.open(
            self._redis_url, timeout=self._append_timeout, on_lost=self._on_connection_lost
        )

    def _on_connection_lost(self, connection: RedisConnection) -> None:
        # One that is still being tried out is its own attempt's business.
        if connection is self._connection:
            self._lose("the connection was lost")


def _forget(_last_seq: int) -> None:
    """Nobody waits any more."""
