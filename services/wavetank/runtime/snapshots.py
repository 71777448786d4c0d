"""Snapshots of a service's committed state, beside its log (PROTOCOLS 3).

They exist so that recovery need not read a log from its beginning. Kept true: a snapshot of an older epoch or seq never
replaces a newer one (a script in the log's own hash slot decides, so a writer that was thought dead cannot), the last
two are kept, and a damaged one is not used.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from wavetank.runtime.log_entry import Position

if TYPE_CHECKING:
    import redis.asyncio

_MAGIC = b"WTS1"
_HEADER = struct.Struct("<4sHHqqq")
"""Magic, version, length of the entry id, epoch of the writer, seq, checksum of the entry."""
_VERSION = 1
_DIGEST_BYTES = 8

# Epochs and seqs stay below 2^53, up to which Lua's numbers are exact.
_SAVE = """
local epoch, seq = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
local kept_epoch, kept_seq = tonumber(kept[1] or -1), tonumber(kept[2] or -1)
if epoch < kept_epoch or seq < kept_seq then
    return {0, kept[1], kept[2]}
end
if seq > kept_seq and kept_seq >= 0 then
    redis.call('HSET', KEYS[1], 'previous', redis.call('HGET', KEYS[1], 'latest'))
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', ARGV[2], 'latest', ARGV[3])
return {1, ARGV[1], ARGV[2]}
"""


class SnapshotRefused(Exception):
    """A newer snapshot exists; another writer has taken over, or this one lost its log."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Committed state at a position of the log."""

    epoch: int
    """Epoch of the writer that saved it."""
    position: Position
    data: bytes


def snapshots_key(log: str) -> str:
    """Return the key of a log's snapshots, in the log's hash slot."""
    return f"wt:{{{log}}}:snapshots"


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return a snapshot's bytes: header, entry id, data, and a BLAKE2b-8 of all of it."""
    entry_id = snapshot.position.entry_id.encode()
    header = _HEADER.pack(
        _MAGIC, _VERSION, len(entry_id), snapshot.epoch, snapshot.position.seq, snapshot.position.checksum
    )
    body = b"".join((header, entry_id, snapshot.data))
    return body + hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def decode_snapshot(data: bytes) -> Snapshot | None:
    """Return the snapshot that these bytes are, or None if they are damaged or of another version."""
    end = len(data) - _DIGEST_BYTES
    if end < _HEADER.size or hashlib.blake2b(data[:end], digest_size=_DIGEST_BYTES).digest() != data[end:]:
        return None
    magic, version, id_bytes, epoch, seq, checksum = _HEADER.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        return None
    state_at = _HEADER.size + id_bytes
    entry_id = data[_HEADER.size : state_at].decode()
    return Snapshot(epoch, Position(entry_id, seq, checksum), data[state_at:end])


class SnapshotStore:
    """Save and load the snapshots of one log."""

    def __init__(self, client: "redis.asyncio.Redis", log: str) -> None:
        """Make the store.

        Args:
            client: bytes in and out (`redis_client`).
            log: name of the log.

        """
        self.log = log
        self._client = client
        self._key = snapshots_key(log)
        self._logger = structlog.get_logger().bind(log=log)

    async def save(self, epoch: int, position: Position, data: bytes) -> None:
        """Keep a snapshot of committed state; the one before stays as a second.

        Args:
            epoch: the writer's epoch.
            position: last entry that the state has counted.
            data: the state.

        Raises:
            SnapshotRefused: one of a newer epoch or seq exists.
            redis.exceptions.RedisError: Redis did not answer; saving again is safe.

        """
        blob = encode_snapshot(Snapshot(epoch, position, data))
        answer: Any = await self._client.eval(_SAVE, 1, self._key, str(epoch), str(position.seq), blob)
        if not answer[0]:
            raise SnapshotRefused(
                f"log {self.log}: a snapshot of epoch {epoch}, seq {position.seq} was refused;"
                f" epoch {int(answer[1])}, seq {int(answer[2])} is kept"
            )

    async def load_latest(self) -> Snapshot | None:
        """Return the newest snapshot that is whole, or None.

        Raises:
            redis.exceptions.RedisError: Redis did not answer.

        """
        blobs: Any = await self._client.hmget(self._key, ["latest", "previous"])
        for name, blob in zip(("latest", "previous"), blobs, strict=True):
            if blob is None:
                continue
            snapshot = decode_snapshot(bytes(blob))
            if snapshot is not None:
                return snapshot
            self._logger.warning("snapshot_damaged", which=name, size_bytes=len(blob))
        return None
