"""How far a log may be forgotten, and forgetting it (PROTOCOLS 3).

A log grows without end, but what stands before a snapshot is needed only by readers that have not come so far. So each
consumer of a log registers, with its own snapshots, how far it will never need to go back; and the log's writer trims
to the least of: its previous snapshot, all registered consumers, and what retention keeps. Kept true: a registered
consumer never finds its next entry trimmed; only the present writer trims (a script compares the epoch); nothing is
trimmed unless a retention is set. A reader that registered nowhere may come too late: it stops and says both ids.

    wt:{<log>}:consumers    hash: consumer -> id of the entry it counted last
    wt:{<log>}:marks        list: `<entry id> <venue time ns>`, one for each snapshot, oldest first
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wavetank.runtime.labels import passing
from wavetank.runtime.log_entry import Position, id_key, log_key
from wavetank.runtime.snapshots import SnapshotStore

if TYPE_CHECKING:
    import redis.asyncio

_ENTRIES_AT_ONCE = 1_000
"""Redis does nothing else meanwhile, so a long trim goes in steps."""

# KEYS[1] the log; ARGV: epoch of the writer, the first id that stays, most entries to remove.
_TRIM = """
local told = redis.call('XINFO', 'STREAM', KEYS[1])
for at = 1, #told, 2 do
    if told[at] == 'last-generated-id' and told[at + 1]:match('^%d+') ~= ARGV[1] then
        return -1
    end
end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', ARGV[2], 'LIMIT', ARGV[3])
"""


def consumers_key(log: str) -> str:
    """Return the key under which a log's consumers are registered, in the log's hash slot."""
    return f"wt:{{{log}}}:consumers"


def marks_key(log: str) -> str:
    """Return the key of the places and times that retention goes by, in the log's hash slot."""
    return f"wt:{{{log}}}:marks"


async def register_consumer(
    client: "redis.asyncio.Redis", log: str, consumer: str, position: Position, *, first: bool = False
) -> None:
    """Say that a consumer of a log will never go back behind a position.

    Args:
        client: bytes in and out.
        log: the log that is consumed.
        consumer: name of the consumer, for instance that of its own log.
        position: the last entry that it counted, as of the older of the states it may recover from.
        first: say so only if it never said anything.

    Raises:
        redis.exceptions.RedisError: Redis did not answer.

    """
    if first:
        await client.hsetnx(consumers_key(log), consumer, position.entry_id)
    else:
        await client.hset(consumers_key(log), consumer, position.entry_id)


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What a trim did."""

    entries: int
    first_id: str
    """Entries from this one on stayed, and at most some before it."""
    held_by: str
    """What kept the log from being trimmed further."""


class LogTrimmer:
    """Trims one log on behalf of its writer."""

    def __init__(self, client: "redis.asyncio.Redis", log: str, *, epoch: int, retention_ns: int) -> None:
        """Make the trimmer.

        Args:
            client: bytes in and out.
            log: name of the log.
            epoch: of its writer.
            retention_ns: venue time for which entries are kept at least; 0 keeps all of them.

        """
        self.log = log
        self._client = client
        self._epoch = epoch
        self._retention_ns = retention_ns
        self._snapshots = SnapshotStore(client, log)

    async def mark(self, entry_id: str, now_ns: int) -> None:
        """Note that the log came to an entry at a venue time; retention counts from such places."""
        if self._retention_ns:
            await self._client.rpush(marks_key(self.log), f"{entry_id} {now_ns}")

    async def trim(self, now_ns: int) -> Trimmed | None:
        """Trim as far as is allowed at a venue time; None if nothing may be trimmed.

        Raises:
            redis.exceptions.RedisError: Redis did not answer; what was trimmed until then was allowed.

        """
        if not self._retention_ns:
            return None
        bounds = await self._bounds(now_ns)
        if bounds is None:
            return None
        held_by, first_id = min(bounds.items(), key=lambda bound: id_key(bound[1]))
        entries = 0
        while True:
            removed: Any = await self._client.eval(
                _TRIM, 1, log_key(self.log), str(self._epoch), first_id, str(_ENTRIES_AT_ONCE)
            )
            if removed <= 0:
                break
            passing("during_trim")
            entries += removed
        await self._forget_marks(first_id)
        return Trimmed(entries, first_id, held_by)

    async def _bounds(self, now_ns: int) -> dict[str, str] | None:
        """Return, by who wants it, the entry that must be the first to stay; None if everything must."""
        previous = await self._snapshots.previous_id()
        horizon = now_ns - self._retention_ns
        old = [entry_id for entry_id, time_ns in await self._marks() if time_ns <= horizon]
        if previous is None or not old:
            return None
        registered: Any = await self._client.hgetall(consumers_key(self.log))
        consumers = {f"consumer {name.decode()}": entry_id.decode() for name, entry_id in registered.items()}
        return {"previous snapshot": previous, "retention": old[-1], **consumers}

    async def _marks(self) -> list[tuple[str, int]]:
        told: Any = await self._client.lrange(marks_key(self.log), 0, -1)
        found = [mark.decode().split() for mark in told]
        return [(entry_id, int(time_ns)) for entry_id, time_ns in found]

    async def _forget_marks(self, first_id: str) -> None:
        behind = sum(id_key(entry_id) < id_key(first_id) for entry_id, _ in await self._marks())
        if behind:
            await self._client.ltrim(marks_key(self.log), behind, -1)
