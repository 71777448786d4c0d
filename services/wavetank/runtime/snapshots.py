"""Snapshots of a service's committed state, beside its log (PROTOCOLS 3).

They exist so that recovery need not read a log from its beginning. A snapshot goes to Redis in pieces, so that no piece
holds up an append for long and none is too large for Redis; it counts only when its last piece is there. Kept true: a
snapshot of an older epoch or seq never replaces a newer one (scripts in the log's own hash slot decide, so a writer
that was thought dead cannot), the last two are kept, one that was never finished goes with the next, and a damaged one
is not used.

    wt:{<log>}:snapshot-index     hash: epoch and seq of the latest; names of `latest`, `previous`, and `staging`, the
                                  one being written; the log's entry id of the two as `latest_id`, `previous_id`
    wt:{<log>}:snapshot:<name>    list: its pieces, in order; the last ends with a BLAKE2b-8 of all
"""

import hashlib
import struct
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from wavetank.runtime.labels import passing
from wavetank.runtime.log_entry import Position

if TYPE_CHECKING:
    import redis.asyncio

CHUNK_BYTES = 262_144
"""Bytes of one piece; Redis, which does one thing at a time, takes some tenths of a millisecond for it."""

_LOADED_CHUNKS = 32
_MAGIC = b"WTS1"
_HEADER = struct.Struct("<4sHHqqq")
"""Magic, version, length of the entry id, epoch of the writer, seq, checksum of the entry."""
_VERSION = 1
_DIGEST_BYTES = 8

# All scripts: KEYS[1] the hash, ARGV[1] the prefix of the lists' keys, ARGV[2] the snapshot's name.
# Epochs and seqs stay below 2^53, up to which Lua's numbers are exact.
_IS_OLDER = """
local epoch, seq = tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
local kept_epoch, kept_seq = tonumber(kept[1] or -1), tonumber(kept[2] or -1)
if epoch < kept_epoch or seq < kept_seq then
    return {0, kept[1], kept[2]}
end
"""
_BEGIN = f"""
{_IS_OLDER}
local unfinished = redis.call('HGET', KEYS[1], 'staging')
if unfinished then
    redis.call('UNLINK', ARGV[1] .. unfinished)
end
redis.call('HSET', KEYS[1], 'staging', ARGV[2])
return {{1}}
"""
_ADD = """
if redis.call('HGET', KEYS[1], 'staging') ~= ARGV[2] then
    return {0, '?', '?'}
end
redis.call('RPUSH', ARGV[1] .. ARGV[2], ARGV[3])
return {1}
"""
_DROP = """
if redis.call('HGET', KEYS[1], 'staging') == ARGV[2] then
    redis.call('HDEL', KEYS[1], 'staging')
    redis.call('UNLINK', ARGV[1] .. ARGV[2])
end
return {1}
"""
_FINISH = f"""
{_IS_OLDER}
local told = redis.call('HMGET', KEYS[1], 'staging', 'latest', 'latest_id', 'previous')
if told[1] ~= ARGV[2] or redis.call('LLEN', ARGV[1] .. ARGV[2]) ~= tonumber(ARGV[5]) then
    return {{0, '?', '?'}}
end
if seq > kept_seq and told[2] then
    if told[4] then
        redis.call('UNLINK', ARGV[1] .. told[4])
    end
    redis.call('HSET', KEYS[1], 'previous', told[2], 'previous_id', told[3])
elseif told[2] then
    redis.call('UNLINK', ARGV[1] .. told[2])
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'seq', ARGV[4], 'latest', ARGV[2], 'latest_id', ARGV[6])
redis.call('HDEL', KEYS[1], 'staging')
return {{1}}
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
    """Return the key of what is known of a log's snapshots, in the log's hash slot."""
    return f"wt:{{{log}}}:snapshot-index"


def snapshot_key(log: str, name: str) -> str:
    """Return the key of one snapshot's pieces, in the log's hash slot."""
    return f"wt:{{{log}}}:snapshot:{name}"


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return a snapshot's bytes: header, entry id, data, and a BLAKE2b-8 of all of it."""
    body = _head(snapshot.epoch, snapshot.position) + snapshot.data
    return body + hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def decode_snapshot(data: bytes) -> Snapshot | None:
    """Return the snapshot that these bytes are, or None if they are damaged or of another version."""
    end = len(data) - _DIGEST_BYTES
    whole = memoryview(data)
    if end < _HEADER.size or hashlib.blake2b(whole[:end], digest_size=_DIGEST_BYTES).digest() != data[end:]:
        return None
    magic, version, id_bytes, epoch, seq, checksum = _HEADER.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        return None
    state_at = _HEADER.size + id_bytes
    entry_id = data[_HEADER.size : state_at].decode()
    return Snapshot(epoch, Position(entry_id, seq, checksum), data[state_at:end])


class SnapshotStore:
    """Save and load the snapshots of one log."""

    def __init__(self, client: "redis.asyncio.Redis", log: str, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        """Make the store.

        Args:
            client: bytes in and out (`redis_client`).
            log: name of the log.
            chunk_bytes: see `CHUNK_BYTES`.

        """
        self.log = log
        self._client = client
        self._key = snapshots_key(log)
        self._prefix = snapshot_key(log, "")
        self._chunk_bytes = chunk_bytes
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
        await self.save_chunks(epoch, position, _once(data))

    async def save_chunks(self, epoch: int, position: Position, chunks: AsyncIterable[bytes]) -> int:
        """Keep a snapshot whose data comes in pieces of any size; return its bytes.

        If the pieces end with an exception, the snapshot is dropped, and the exception goes on.

        Raises:
            SnapshotRefused, redis.exceptions.RedisError: see `save`.

        """
        name = f"{epoch}-{position.seq}-{uuid.uuid4().hex[:8]}"
        place = (str(epoch), str(position.seq))
        await self._call(_BEGIN, name, *place, why=place)
        try:
            count, size = 0, 0
            digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
            async for piece in _resized(_framed(epoch, position, chunks, digest), self._chunk_bytes):
                await self._call(_ADD, name, piece, why=place)
                count, size = count + 1, size + len(piece)
                if count == 1:
                    passing("during_snapshot")
            await self._call(_FINISH, name, *place, str(count), position.entry_id, why=place)
        except SnapshotRefused:
            raise
        except BaseException:
            # If not even this reaches Redis, the next snapshot clears it away.
            await self._client.eval(_DROP, 1, self._key, self._prefix, name)
            raise
        return size

    async def load_latest(self) -> Snapshot | None:
        """Return the newest snapshot that is whole, or None.

        Raises:
            redis.exceptions.RedisError: Redis did not answer.

        """
        snapshots = self._load_whole()
        try:
            return await anext(snapshots, None)
        finally:
            await snapshots.aclose()

    async def load_all(self) -> list[Snapshot]:
        """Return the snapshots that are whole, newest first.

        Raises:
            redis.exceptions.RedisError: Redis did not answer.

        """
        return [snapshot async for snapshot in self._load_whole()]

    async def previous_id(self) -> str | None:
        """Return the id of the entry that the second newest snapshot counts last; None if there are not two."""
        told: Any = await self._client.hget(self._key, "previous_id")
        return None if told is None else told.decode()

    async def _load_whole(self) -> AsyncGenerator[Snapshot, None]:
        names: Any = await self._client.hmget(self._key, ["latest", "previous"])
        for which, name in zip(("latest", "previous"), names, strict=True):
            if name is None:
                continue
            data = await self._load(self._prefix + name.decode())
            snapshot = decode_snapshot(data)
            if snapshot is not None:
                yield snapshot
            else:
                self._logger.warning("snapshot_damaged", which=which, size_bytes=len(data))

    async def _load(self, key: str) -> bytes:
        pieces: list[bytes] = []
        while True:
            found: Any = await self._client.lrange(key, len(pieces), len(pieces) + _LOADED_CHUNKS - 1)
            if not found:
                return b"".join(pieces)
            pieces += found

    async def _call(self, script: str, name: str, *arguments: str | bytes, why: tuple[str, str]) -> None:
        answer: Any = await self._client.eval(script, 1, self._key, self._prefix, name, *arguments)
        if not answer[0]:
            raise SnapshotRefused(
                f"log {self.log}: a snapshot of epoch {why[0]}, seq {why[1]} was refused;"
                f" epoch {answer[1].decode()}, seq {answer[2].decode()} is kept, or another writer began one"
            )


def _head(epoch: int, position: Position) -> bytes:
    entry_id = position.entry_id.encode()
    return _HEADER.pack(_MAGIC, _VERSION, len(entry_id), epoch, position.seq, position.checksum) + entry_id


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _framed(
    epoch: int, position: Position, chunks: AsyncIterable[bytes], digest: "hashlib.blake2b"
) -> AsyncIterator[bytes]:
    """Yield a snapshot's header, its data and its checksum."""
    head = _head(epoch, position)
    digest.update(head)
    yield head
    async for chunk in chunks:
        digest.update(chunk)
        yield chunk
    yield digest.digest()


async def _resized(pieces: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """Yield the same bytes in pieces of `size`; the last is what is left."""
    waiting: list[bytes] = []
    length = 0
    async for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= size:
            whole = memoryview(b"".join(waiting))
            for at in range(0, length - size + 1, size):
                yield bytes(whole[at : at + size])
            rest = bytes(whole[length - length % size :])
            waiting, length = [rest], len(rest)
    if length:
        yield b"".join(waiting)
