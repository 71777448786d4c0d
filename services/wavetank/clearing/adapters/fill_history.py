"""Fills by account in Redis, so that pages of them can be read without walking the log.

A read model: one Redis stream per account, whose entry ids are the seqs of clearing's log. Writing
an event a second time is refused by Redis itself, so after a restart the writer simply goes on from
the seq that it noted last, and whatever is lost can be rebuilt from the log. The rows of
`LiquidationHistory` are written with them, for the log is followed once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from redis.exceptions import RedisError, ResponseError

from wavetank.clearing.adapters.liquidation_history import LiquidationHistory, row_of
from wavetank.model.events.clearing import FillBooked
from wavetank.model.record import RECORD_BYTES, decode, heads, kind_of
from wavetank.runtime.log_entry import Position
from wavetank.runtime.log_reader import LogReader

if TYPE_CHECKING:
    import redis.asyncio

KEPT_FILLS = 100_000
"""Fills kept per account."""
GATHER_MS = 5
"""Wall time in which fills gather before they are written."""
_CURSOR_KEY = "wt:{clearing}:history-cursor"
_FILL = kind_of(FillBooked)


def fills_key(account_id: int) -> str:
    """Return the key of an account's fills."""
    return f"wt:{{clearing}}:fills:{account_id}"


class FillHistory:
    """Follows clearing's own log and writes fills; answers pages of them."""

    def __init__(self, client: redis.asyncio.Redis, log: str) -> None:
        """Follow `log` on a Redis client of bytes."""
        self._client = client
        self._log = log
        self.liquidations = LiquidationHistory(client)
        self._written_seq = 0
        self._written = asyncio.Condition()
        self._logger = structlog.get_logger().bind(service="clearing")

    async def run(self) -> None:
        """Follow the log for ever, from where the last process stopped."""
        while True:
            try:
                await self._follow(await self._position())
            except RedisError as error:
                self._logger.warning("fill_history_waits", cause=str(error))
                await asyncio.sleep(1.0)

    async def _position(self) -> Position:
        stored: Any = await self._client.hgetall(_CURSOR_KEY)
        if not stored:
            return Position.START
        return Position(stored[b"entry_id"].decode(), int(stored[b"seq"]), int(stored[b"checksum"]))

    async def _follow(self, after: Position) -> None:
        await self._note(after.seq)
        await self.liquidations.written(after.seq)
        async for entry in LogReader(self._client, self._log, after, gather_ms=GATHER_MS).follow():
            pipe: Any = self._client.pipeline(transaction=False)
            for index, (kind, account_id) in enumerate(heads(entry.records)):
                if kind == _FILL:
                    record = entry.records[index * RECORD_BYTES : (index + 1) * RECORD_BYTES]
                    fields = {b"t": entry.now_ns, b"r": record}
                    seq = entry.first_seq + index
                    pipe.xadd(fills_key(account_id), fields, id=f"{seq}-0", maxlen=KEPT_FILLS, approximate=True)
            row = row_of(entry)
            if row is not None:
                self.liquidations.add(pipe, row)
            pipe.hset(
                _CURSOR_KEY,
                mapping={
                    "entry_id": entry.position.entry_id,
                    "seq": entry.position.seq,
                    "checksum": entry.position.checksum,
                },
            )
            for answer in await pipe.execute(raise_on_error=False):
                # What stands there already is refused: it was written before the cursor was noted.
                if isinstance(answer, Exception) and not (
                    isinstance(answer, ResponseError) and "equal or smaller" in str(answer)
                ):
                    raise answer

            await self._note(entry.last_seq)
            await self.liquidations.written(entry.last_seq, row)

    async def _note(self, seq: int) -> None:
        async with self._written:
            self._written_seq = seq
            self._written.notify_all()

    async def caught_up(self, seq: int) -> None:
        """Return once every fill up to a seq of clearing's log can be read."""
        async with self._written:
            await self._written.wait_for(lambda: self._written_seq >= seq)

    async def page(self, account_id: int, before_seq: int, count: int) -> list[tuple[int, int, FillBooked]]:
        """Return up to `count` fills below `before_seq` (0: from the newest): seq, venue time, fill.

        Raises:
            RedisError: Redis did not answer.

        """
        newest = f"({before_seq}-0" if before_seq else "+"
        rows: Any = await self._client.xrevrange(fills_key(account_id), max=newest, min="-", count=count)
        page = []
        for entry_id, fields in rows:
            event = decode(fields[b"r"])
            if isinstance(event, FillBooked):
                page.append((int(entry_id.partition(b"-")[0]), int(fields[b"t"]), event))
        return page
