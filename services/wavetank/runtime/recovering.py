"""How a writer of a log comes back: its last snapshot, its own entries after it, and where it stood in other logs.

Every service recovers alike, so the habit stands here once: cursors of other logs as the log records them, snapshots
that carry them beside the state, the entries up to the log's end, and going on in another log from a cursor.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TypeVar

from wavetank.runtime.log_entry import LogEntry, Position
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.redis_connection import redis_client
from wavetank.v1 import log_pb2

Cursors = dict[str, Position]
"""How far other logs have been counted, by name."""

_LENGTH_BYTES = 4

_Data = TypeVar("_Data", bytes, memoryview)


def cursor_messages(cursors: Cursors) -> list[log_pb2.Cursor]:
    """Return cursors as the log records them, by name."""
    return [
        log_pb2.Cursor(log=log, entry_id=at.entry_id, seq=at.seq, checksum=at.checksum)
        for log, at in sorted(cursors.items())
    ]


def cursors_of(messages: Iterable[log_pb2.Cursor]) -> Cursors:
    """Return the cursors that the log recorded."""
    return {message.log: Position(message.entry_id, message.seq, message.checksum) for message in messages}


def with_cursors(state: bytes, cursors: Cursors, standing: Iterable[log_pb2.RecordedRequest] = ()) -> bytes:
    """Return a snapshot's bytes: cursors, then the state as of them.

    Args:
        state: of the core.
        cursors: how far other logs have been counted in it.
        standing: requests that are still in force and stand nowhere in the state.

    """
    head = log_pb2.Inputs(cursors=cursor_messages(cursors), requests=standing).SerializeToString()
    return len(head).to_bytes(_LENGTH_BYTES, "little") + head + state


def split_cursors(data: _Data) -> tuple[Cursors, _Data]:
    """Return the two parts of what `with_cursors` wrote; of a view, the state as a view."""
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    return cursors_of(log_pb2.Inputs.FromString(bytes(data[_LENGTH_BYTES:end])).cursors), data[end:]


def standing_requests(data: bytes | memoryview) -> list[log_pb2.RecordedRequest]:
    """Return the requests that were in force when `with_cursors` wrote a snapshot."""
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    return list(log_pb2.Inputs.FromString(bytes(data[_LENGTH_BYTES:end])).requests)


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


async def hand_on(
    redis_url: str, log: str, after: Position, take: Callable[[str, LogEntry], Awaitable[None]], *, gather_ms: int
) -> None:
    """Hand each entry of another log behind `after` to `take`, for ever; run it as a task.

    Args:
        redis_url: where Redis is.
        log: name of the log.
        after: the last entry that was counted.
        take: gets the log's name and the entry; may wait.
        gather_ms: see `LogReader`.

    Raises:
        LogGap, LogTrimmed, LogCorrupt: see `LogReader.follow`.

    """
    client = redis_client(redis_url)
    try:
        async with aclosing(LogReader(client, log, after, gather_ms=gather_ms).follow()) as following:
            async for entry in following:
                await take(log, entry)
    finally:
        await client.aclose()
