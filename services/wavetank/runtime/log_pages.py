"""Read a long stretch of a log as fast as one process can, for recovery.

Millions of events may stand between a snapshot and the end of a log. So: large pages over a connection of its own, and
the next page is asked for before the present one is worked on, so that Redis prepares it meanwhile. Kept true: each
entry is checked as by any reader (its checksum, the chain, the seqs), and what is missing stops it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import redis

from wavetank.runtime.log_entry import FIELD, LogEntry, Position, log_key
from wavetank.runtime.log_reader import LogGap, LogTrimmed, next_entry

if TYPE_CHECKING:
    from redis.connection import Connection

PAGE_BYTES = 1_048_576
"""Size of a page that is aimed at; it still fits into a processor's cache while it is worked on."""

_FIRST_ENTRIES = 256
_MOST_ENTRIES = 16_384
_LEAST_ENTRIES = 16
_READ_BYTES = 1_048_576
_FIELDS = 2


def read_pages(
    redis_url: str, log: str, after: Position, end: Position, *, page_bytes: int = PAGE_BYTES, timeout: float = 60.0
) -> Iterator[list[LogEntry]]:
    """Yield the entries behind `after` up to the one at `end`, in pages.

    Args:
        redis_url: where Redis is.
        log: name of the log.
        after: the last applied entry.
        end: the last entry that is wanted; it is in the log.
        page_bytes: size of a page that is aimed at.
        timeout: wall seconds for one answer.

    Raises:
        LogGap, LogTrimmed, LogCorrupt: see `LogReader.follow`.
        redis.exceptions.RedisError: Redis did not answer.

    """
    if after.entry_id == end.entry_id:
        return
    # Bytes in and out of one connection of redis-py, below its commands: those make a dictionary of every entry.
    client = redis.Redis.from_url(
        redis_url,
        protocol=2,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_read_size=_READ_BYTES,
    )
    connection: Connection = client.connection_pool.get_connection()
    try:
        position, count = after, _FIRST_ENTRIES
        _ask(connection, log, position.entry_id, end, count)
        while position.entry_id != end.entry_id:
            rows: Any = connection.read_response(disable_decoding=True)
            # The end was read from the same log a moment ago.
            assert rows, f"log {log} ends at {position.entry_id}, before {end.entry_id}"
            last_id = rows[-1][0].decode()
            size = sum(len(row[1][1]) for row in rows)
            count = max(_LEAST_ENTRIES, min(_MOST_ENTRIES, page_bytes * len(rows) // max(1, size)))
            if last_id != end.entry_id:
                _ask(connection, log, last_id, end, count)
            page = []
            for row in rows:
                try:
                    entry = next_entry(log, position, row[0].decode(), _data(row[1]))
                except LogGap as gap:
                    if position is after:
                        raise LogTrimmed(log, gap.after_id, gap.found_id, _TRIMMED) from gap
                    raise
                position = entry.position
                page.append(entry)
            yield page
    finally:
        connection.disconnect()  # type: ignore[no-untyped-call]
        client.close()


_TRIMMED = "what stood between was trimmed, or never belonged to the state that is to be recovered"


def _ask(connection: "Connection", log: str, after_id: str, end: Position, count: int) -> None:
    connection.send_command(  # type: ignore[no-untyped-call]
        "XRANGE", log_key(log), f"({after_id}", end.entry_id, "COUNT", count
    )


def _data(fields: list[bytes]) -> bytes:
    return fields[1] if len(fields) == _FIELDS and fields[0] == FIELD else b""
