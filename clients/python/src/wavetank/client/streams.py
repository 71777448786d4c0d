"""Streams of events that survive the loss of their connection.

A subscription goes on from the last seq it has read. Where the venue no longer holds what was missed, the program is
told so by a `Gap` and gets a fresh beginning; it is never left to believe that it has seen everything.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Generic, Protocol, Self, TypeVar

import grpc.aio

from wavetank.client.connection import Connection, is_lasting
from wavetank.client.errors import EventsOverrun, ResumeImpossible, VenueUnavailable, WavetankError, call_error
from wavetank.client.events import Disconnected, Gap, Reconnected

Event = TypeVar("Event")


class _Message(Protocol):
    @property
    def seq(self) -> int: ...


Message = TypeVar("Message", bound=_Message)
Told_co = TypeVar("Told_co", covariant=True)


class _Call(Protocol[Told_co]):
    def __aiter__(self) -> AsyncIterator[Told_co]: ...

    def cancel(self) -> bool: ...


class EventStream(Generic[Event]):
    """Events in order, for one reader; begins with the first event after it was made.

    Iterate over it, or ask for one event with `next()`, which may be given up by a time-out without harm.
    """

    def __init__(self, capacity: int, on_close: Callable[[EventStream[Event]], None] | None = None) -> None:
        self._events: deque[Event] = deque()
        self._capacity = capacity
        self._on_close = on_close
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._error: WavetankError | None = None
        self._ended = False
        self._put = 0
        self._given = 0
        self._marks: deque[tuple[int, Callable[[], None]]] = deque()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        self._taken.set()
        event = self._events.popleft()
        self._given += 1
        self._pass_marks()
        return event

    def mark(self, passed: Callable[[], None]) -> None:
        """Call `passed` once the reader has been given every event up to here."""
        self._marks.append((self._put, passed))
        self._pass_marks()

    def _pass_marks(self) -> None:
        while self._marks and self._marks[0][0] <= self._given:
            self._marks.popleft()[1]()

    async def next(self, timeout: float | None = None) -> Event:
        """Return the next event.

        Args:
            timeout: wall seconds to wait at most, None for ever.

        Raises:
            TimeoutError: none came in time.
            StopAsyncIteration: the stream is closed.
            WavetankError: the stream cannot go on, for instance because the key was revoked.
        """
        async with asyncio.timeout(timeout):
            return await self.__anext__()

    def pending(self) -> int:
        """Return how many events wait to be read."""
        return len(self._events)

    def offer(self, event: Event) -> None:
        """Append an event; if the reader is too slow, the stream ends with `EventsOverrun`."""
        if self._ended or self._error is not None:
            return
        if len(self._events) >= self._capacity:
            self.fail(EventsOverrun(f"more than {self._capacity} events wait to be read; later ones are dropped"))
            return
        self._events.append(event)
        self._put += 1
        self._arrived.set()

    async def put(self, event: Event) -> None:
        """Append an event, and wait while the reader is behind."""
        while len(self._events) >= self._capacity and not self._ended:
            self._taken.clear()
            await self._taken.wait()
        self.offer(event)

    def fail(self, error: WavetankError) -> None:
        """End the stream with an error, after the events that wait."""
        self._error = self._error or error
        self._arrived.set()

    def end(self) -> None:
        """End the stream, after the events that wait."""
        self._ended = True
        self._arrived.set()
        self._taken.set()

    async def close(self) -> None:
        """Stop reading."""
        self.end()
        if self._on_close is not None:
            self._on_close(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class BeginAnew(Exception):
    """The reader needs a fresh beginning; the text says why."""


class Following(Generic[Message, Event]):
    """Follows one stream of the venue for as long as it is wanted, over any number of connections.

    Args:
        name: of the stream, for `Disconnected`, `Reconnected` and `Gap`.
        connection: to the venue.
        begin: opens the call that goes on after a seq; 0 begins anew.
        read: turns a message into events; may raise `BeginAnew`.
        from_seq: seq after which to begin.
        capacity: events that may wait for the reader; then the venue waits, and cuts a reader that stays slow.
        instruments: tells the instrument ids that a message names; 0 is none.
        events: where the events go, None for a stream of its own; several may share one.
    """

    def __init__(
        self,
        *,
        name: str,
        connection: Connection,
        begin: Callable[[int], _Call[Message]],
        read: Callable[[Message], Iterable[Event]],
        from_seq: int,
        capacity: int,
        instruments: Callable[[Message], Iterable[int]],
        events: EventStream[Event | Gap | Disconnected | Reconnected] | None = None,
    ) -> None:
        self._instruments = instruments
        self.events: EventStream[Event | Gap | Disconnected | Reconnected] = events or EventStream(capacity)
        self._name = name
        self._connection = connection
        self._begin = begin
        self._read = read
        self._last_seq = from_seq
        self._given_seq = from_seq
        self._lost = False
        self._attempt = 0
        self._failing_since: float | None = None
        self._begun = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"wavetank {name}")

    @property
    def last_seq(self) -> int:
        """Seq up to which the reader was given everything; give it as `from_seq` to go on here later."""
        return self._given_seq

    async def begun(self) -> None:
        """Wait until the first message has come, or until it is known that none will."""
        await self._begun.wait()

    async def close(self) -> None:
        """Stop."""
        self.events.end()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while True:
                try:
                    await self._follow_once()
                except ResumeImpossible as error:
                    await self._begin_anew(error.message)
                except BeginAnew as request:
                    await self._begin_anew(str(request))
                except WavetankError as error:
                    if is_lasting(error) or self._is_given_up():
                        raise
                    await self._disconnected(error)
                    await asyncio.sleep(self._connection.backoff.seconds(self._attempt))
                    self._attempt += 1
        except WavetankError as error:
            self.events.fail(error)
        finally:
            self._begun.set()

    async def _follow_once(self) -> None:
        call = self._begin(self._last_seq)
        try:
            async for message in call:
                await self._take(message)
        except grpc.aio.AioRpcError as error:
            raise call_error(error) from error
        finally:
            call.cancel()
        raise VenueUnavailable("the venue ended the stream")

    async def _take(self, message: Message) -> None:
        self._attempt = 0
        self._failing_since = None
        if self._lost:
            self._lost = False
            now_ns = self._connection.directory.clock.now_ns()
            await self.events.put(Reconnected(event_time_ns=now_ns, stream=self._name))
        await self._connection.know(self._instruments(message))
        events = self._read(message)
        self._last_seq = seq = max(self._last_seq, message.seq)
        self._begun.set()
        for event in events:
            await self.events.put(event)
        self.events.mark(lambda: self._give(seq))

    def _give(self, seq: int) -> None:
        self._given_seq = seq

    async def _begin_anew(self, cause: str) -> None:
        now_ns = self._connection.directory.clock.now_ns()
        await self.events.put(Gap(event_time_ns=now_ns, stream=self._name, after_seq=self._last_seq, cause=cause))
        self._last_seq = 0
        await asyncio.sleep(self._connection.backoff.seconds(self._attempt))
        self._attempt += 1

    async def _disconnected(self, error: WavetankError) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        if not self._lost:
            self._lost = True
            now_ns = self._connection.directory.clock.now_ns()
            await self.events.put(Disconnected(event_time_ns=now_ns, stream=self._name, cause=error.message))

    def _is_given_up(self) -> bool:
        limit = self._connection.backoff.give_up_after
        return limit is not None and self._failing_since is not None and time.monotonic() - self._failing_since >= limit


class FollowedEvents(Generic[Event]):
    """Events of one stream in order, over any number of connections; iterate, or ask with `next(timeout)`.

    `async with` enters its block when the stream has begun: what happens within the block is told.
    """

    def __init__(self, following: Following[Any, Event]) -> None:
        self._following = following

    @property
    def last_seq(self) -> int:
        """Seq up to which the reader was given everything; give it as `from_seq` to go on here later."""
        return self._following.last_seq

    def __aiter__(self) -> AsyncIterator[Event | Gap | Disconnected | Reconnected]:
        return aiter(self._following.events)

    async def next(self, timeout: float | None = None) -> Event | Gap | Disconnected | Reconnected:
        """Return the next event, as `EventStream.next` does."""
        return await self._following.events.next(timeout)

    async def close(self) -> None:
        """Stop reading."""
        await self._following.close()

    async def __aenter__(self) -> Self:
        await self._following.begun()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
