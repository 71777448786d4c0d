"""Does this Redis keep what we promise? Asked once, before anything is acknowledged (PROTOCOLS 3).

A log on a server that evicts keys, or that keeps no file although the venue promises one, is a promise that nobody
can keep; so the process refuses to start and says what to do. Managed services often forbid CONFIG; there the
operator answers for it, and a warning says so.
"""

import structlog

from wavetank.runtime.redis_connection import CommandRefused, RedisConnection
from wavetank.runtime.settings import Durability

_FSYNC = {Durability.EVERYSEC: (b"everysec", b"always"), Durability.ALWAYS: (b"always",)}
# Refusals that say nothing of whether CONFIG is forbidden.
_NOT_NOW = ("LOADING", "BUSY", "MASTERDOWN", "NOAUTH")


class DurabilityMissing(Exception):
    """Redis is not set up for what the venue promises; the message says what to do."""


async def check_durability(connection: RedisConnection, durability: Durability, *, replicas: int = 0) -> None:
    """Compare Redis's settings with what is promised.

    Args:
        connection: to Redis.
        durability: what its files must keep.
        replicas: how many replicas must have an entry before it is acknowledged.

    Raises:
        DurabilityMissing: Redis may evict keys, or keeps less than `durability` or `replicas` promise.
        CommandRefused: Redis still loads, or wants a login.
        ConnectionLost: Redis went away meanwhile.

    """
    try:
        policy = await _setting(connection, "maxmemory-policy")
        append_only = await _setting(connection, "appendonly")
        fsync = await _setting(connection, "appendfsync")
        wanted = await _setting(connection, "min-replicas-to-write")
    except CommandRefused as error:
        if str(error).startswith(_NOT_NOW):
            raise
        structlog.get_logger().warning("durability_unchecked", durability=durability.value, answer=str(error))
        return
    if policy != b"noeviction":
        raise DurabilityMissing(
            f"Redis has maxmemory-policy {policy.decode()} and may drop the log; only noeviction is allowed:"
            " run `CONFIG SET maxmemory-policy noeviction` and put it into its configuration"
        )
    if int(wanted or 0) < replicas:
        raise DurabilityMissing(
            f"Redis has min-replicas-to-write {int(wanted or 0)}, but entries were promised to stand on {replicas}"
            f" replicas: run `CONFIG SET min-replicas-to-write {replicas}` and put it into its configuration"
        )
    if durability is Durability.MEMORY:
        return
    if append_only != b"yes" or fsync not in _FSYNC[durability]:
        raise DurabilityMissing(
            f"Redis has appendonly {append_only.decode()} and appendfsync {fsync.decode()}, but durability"
            f" `{durability.value}` was promised: run `CONFIG SET appendonly yes` and"
            f" `CONFIG SET appendfsync {durability.value}` and put both into its configuration,"
            " or set durability to what this Redis keeps"
        )


async def _setting(connection: RedisConnection, name: str) -> bytes:
    answer = await connection.execute("CONFIG", "GET", name)
    return bytes(answer[1]) if len(answer) > 1 else b""
