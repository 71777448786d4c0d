"""LiquidationFeedService: every liquidation of the venue, to everybody, complete and from any seq on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc
from redis.exceptions import RedisError

from wavetank.clearing.adapters.liquidation_wire import Message, feed_messages, instrument_of
from wavetank.clearing.core.refusal import Refused
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import principal
from wavetank.v1 import liquidation_feed_pb2, liquidation_feed_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from wavetank.clearing.adapters.liquidation_history import LiquidationHistory
    from wavetank.clearing.core.clearing import Clearing
    from wavetank.clearing.service import ClearingService

Context = grpc.aio.ServicerContext[Any, Any]

PATIENCE_SECONDS = 10.0
"""Wall time for which a listener may leave a message unread before it is cut."""
HISTORY_SECONDS = 2.0
"""Wall time that a stream waits for what was committed last to stand in the history."""


class LiquidationFeedServicer(liquidation_feed_pb2_grpc.LiquidationFeedServiceServicer):
    """Serves the feed."""

    def __init__(
        self, service: ClearingService, history: LiquidationHistory, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Serve what `history` holds; `service` tells where the log ends."""
        self._service = service
        self._history = history
        self._patience_seconds = patience_seconds

    async def StreamLiquidations(  # noqa: N802 - the contract's name.
        self, request: liquidation_feed_pb2.StreamLiquidationsRequest, context: Context
    ) -> AsyncIterator[Message]:
        """Stream liquidations, of all instruments or of some."""
        principal(context)
        wanted = frozenset(request.instrument_ids)

        def call(core: Clearing) -> int:
            unknown = sorted(wanted - core.state.instruments.keys())
            if unknown:
                raise Refused(Reason.INSTRUMENT_UNKNOWN, unknown[0], 0, f"there is no instrument {unknown[0]}")
            return core.last_seq

        last_seq: int = await self._service.ask(call)
        if not 0 <= request.from_seq <= last_seq:
            raise VenueError(
                Reason.RESUME_IMPOSSIBLE,
                f"the log ends at {last_seq}; resuming after {request.from_seq} is impossible",
                was=request.from_seq,
                allowed=last_seq,
            )
        try:
            async with asyncio.timeout(HISTORY_SECONDS):
                await self._history.told_beyond(last_seq - 1)
            async with aclosing(self._listen(request.from_seq or last_seq)) as messages:
                async for message in messages:
                    if not wanted or instrument_of(message) in {0, *wanted}:
                        began = asyncio.get_running_loop().time()
                        yield message
                        self._check_patience(asyncio.get_running_loop().time() - began)
        except (RedisError, TimeoutError) as error:
            raise VenueError(Reason.LOG_UNAVAILABLE, "the history cannot be read now; try again") from error

    async def _listen(self, after_seq: int) -> AsyncGenerator[Message, None]:
        """Yield what is told behind a seq, without end; the two messages without an event say where the past ends.

        Raises:
            VenueError: NOT_READY, when this process ends.
            RedisError: Redis did not answer.

        """
        yield Message(seq=after_seq)
        in_the_past = True
        while not self._history.ends:
            told_seq = self._history.told_seq
            rows = await self._history.rows_after(after_seq)
            for row in rows:
                for message in feed_messages(row, after_seq):
                    yield message
                after_seq = row.last_seq
            if rows:
                # What a listener does not want is passed over without waiting for him; others have their turn too.
                await asyncio.sleep(0)
                continue
            after_seq = max(after_seq, told_seq)
            if in_the_past:
                in_the_past = False
                yield Message(seq=after_seq)
            await self._history.told_beyond(after_seq)
        raise VenueError(Reason.NOT_READY, "clearing is stopping; resume in a moment")

    def _check_patience(self, waited_seconds: float) -> None:
        # Nothing is kept for a listener, so it misses nothing by being cut: it is told that it is late.
        if waited_seconds > self._patience_seconds:
            raise VenueError(
                Reason.SUBSCRIBER_TOO_SLOW,
                f"a message was left unread for {waited_seconds:.0f} seconds; resume after the last seq you have",
                was=f"{waited_seconds:.1f}",
                allowed=f"{self._patience_seconds:.1f}",
            )
