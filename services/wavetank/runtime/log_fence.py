"""The fence before a log: how a new epoch shuts out every older writer (PROTOCOLS 3).

Redis refuses an entry whose id is not above the stream's last id. A new writer moves that last id to the end of the
present epoch, so from that moment no older writer can append; only then it reads the last entry, which can no longer
change, and appends the start of its epoch behind it.
"""

from wavetank.runtime.log_entry import FIELD, LogEntry, Position, decode_entry, id_key
from wavetank.runtime.redis_connection import CommandRefused, RedisConnection

_END_OF_EPOCH = 2**64 - 1
_ID_TOO_SMALL = "equal or smaller"
_FENCE_MOVED = "smaller than"
_NO_STREAM = "no such key"


def is_behind(error: CommandRefused) -> bool:
    """Return whether Redis refused an entry because its id is not above the last."""
    return _ID_TOO_SMALL in str(error)


async def last_entry(connection: RedisConnection, key: str) -> LogEntry | None:
    """Return the last entry of the stream at `key`, or None if it has none.

    Raises:
        LogCorrupt: it cannot be read.
        ConnectionLost, CommandRefused: Redis did not tell.

    """
    answer = await connection.execute("XREVRANGE", key, "+", "-", "COUNT", 1)
    return decode_entry(bytes(answer[0][1][1])) if answer else None


async def start_epoch(connection: RedisConnection, key: str, now_ns: int) -> tuple[LogEntry, bytes]:
    """Fence off the present epoch of the stream at `key`, append the start of the next, and return it.

    Args:
        connection: where the stream is.
        key: the stream, which need not exist.
        now_ns: venue time; the entry gets it, or that of the entry before if that is later.

    Raises:
        LogCorrupt: the last entry cannot be read.
        ConnectionLost, CommandRefused: Redis failed; starting anew is safe, for an epoch that was started without our
            learning of it does no harm.

    """
    while True:
        epoch = await _last_epoch(connection, key)
        try:
            await connection.execute("XSETID", key, f"{epoch}-{_END_OF_EPOCH}")
        except CommandRefused as error:
            if _FENCE_MOVED in str(error):
                continue  # Another new writer came first; fence that one off.
            if _NO_STREAM not in str(error):
                raise
        last = await last_entry(connection, key)
        after = Position.START if last is None else last.position
        entry, data = LogEntry.epoch_start(
            epoch=epoch + 1, after=after, now_ns=max(now_ns, 0 if last is None else last.now_ns)
        )
        try:
            await connection.execute("XADD", key, entry.entry_id, FIELD, data)
        except CommandRefused as error:
            if not is_behind(error):
                raise
        else:
            return entry, data


async def _last_epoch(connection: RedisConnection, key: str) -> int:
    """Return the epoch of the last id given out, which may be a fence without an entry."""
    try:
        told = await connection.execute("XINFO", "STREAM", key)
    except CommandRefused as error:
        if _NO_STREAM in str(error):
            return 0
        raise
    facts = dict(zip(told[::2], told[1::2], strict=True))
    return id_key(facts[b"last-generated-id"].decode())[0]
