"""One subscriber of market data: what waits for it, made into one message when it can read again.

Kept true: trades and order changes are told one and all, in order, and who lets them pile up is cut with a clear error;
of states only the last one is told. A book is a state: the deltas of commits that a reader is behind become one, with
the last size of each level, the first `previous_seq` and the last checksum. Whatever a reader does or does not, it
costs the shard no more than these bounded queues.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wavetank.matching.adapters.market_encoder import book_delta, response
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import market_data_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from wavetank.matching.ports import LevelUpdate

IN_TURN = frozenset({pb.CHANNEL_TRADES, pb.CHANNEL_ORDERS})
"""Channels of which every update is told."""
MESSAGE_BYTES = 1 << 20
"""Length beyond which the beginning of a subscription is told in several messages."""

QUIET_SEQS = 16_384
"""Seqs after which a reader for whom nothing happened is told how far it has come, so that it can resume."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A change of a book, as needed to make one of several."""

    now_ns: int
    levels: list[LevelUpdate]
    previous_seq: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Update:
    """Encoded updates of one channel and instrument, shared by all who want them."""

    seq: int
    """Of the last event of their commit."""
    channel: int
    instrument_id: int
    count: int
    data: bytes
    delta: Delta | None = None
    """Of the BOOK channel."""
    account_id: int = 0
    """The only account that may see it; 0 for all."""
    order_id: int = 0
    """Of the QUEUE_POSITION channel."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the beginning of a subscription."""

    data: bytes
    seq: int = 0
    """Who has read all parts up to this one has been told everything up to this seq; 0 while that is not so."""
    own: list[int] = field(default_factory=list)
    """Own orders among those that it adds."""


Added = tuple[int, int, int]
"""An order that was added to a book: account, instrument, order."""


class Subscriber:
    """What waits for one stream."""

    def __init__(
        self, channels: frozenset[int], instrument_ids: frozenset[int], backlog: int, account_id: int = 0
    ) -> None:
        """Wait for these channels of these instruments, of all if none is named.

        Args:
            channels: channels wanted.
            instrument_ids: instruments wanted.
            backlog: updates of trades and orders that may wait.
            account_id: account whose orders are marked as own, 0 for none.

        """
        self.channels = channels
        self.instrument_ids = instrument_ids
        self.account_id = account_id
        self._backlog = backlog
        self._opening: deque[bytes] = deque()
        self._queue: list[Update] = []
        self._queued = 0
        self._deltas: dict[int, Update] = {}
        """By instrument, the one delta that waits."""
        self._behind: dict[int, dict[tuple[int, int], LevelUpdate]] = {}
        """By instrument, the levels of a delta that several have become."""
        self._latest: dict[tuple[int, int, int], Update] = {}
        self._own: list[int] = []
        self._seq = self._told = 0
        self._wake = asyncio.Event()
        self._cut: VenueError | None = None
        self._end: VenueError | None = None

    def open(self, seq: int, parts: Iterable[Part]) -> None:
        """Begin with what stands at `seq`, or what happened up to it."""
        chunks: list[bytes] = []
        own: list[int] = []
        length = told = 0
        for part in parts:
            if length and length + len(part.data) > MESSAGE_BYTES:
                self._opening.append(response(told, chunks, own))
                chunks, own, length = [], [], 0
            chunks.append(part.data)
            own += part.own
            length += len(part.data)
            told = part.seq
        self._opening.append(response(seq, chunks, own))
        self._seq = self._told = seq
        self._wake.set()

    def take(self, seq: int, updates: Iterable[Update], added: Iterable[Added] = ()) -> None:
        """Queue what this subscription wants of a commit."""
        if self._cut is not None:
            return
        self._seq = seq
        for update in updates:
            if self.wants(update):
                self._put(update)
        self._own += self.own(added)
        if seq - self._told > QUIET_SEQS:
            self._wake.set()
        if self._queued > self._backlog or len(self._latest) > self._backlog:
            self._give_up()

    def own(self, added: Iterable[Added]) -> list[int]:
        """Return those of the added orders that are this subscriber's own."""
        if not self.account_id or pb.CHANNEL_ORDERS not in self.channels:
            return []
        return [
            order_id
            for account_id, instrument_id, order_id in added
            if account_id == self.account_id and (not self.instrument_ids or instrument_id in self.instrument_ids)
        ]

    def wants(self, update: Update) -> bool:
        """Tell whether an update belongs to this subscription."""
        return (
            update.channel in self.channels
            and (not self.instrument_ids or update.instrument_id in self.instrument_ids)
            and update.account_id in (0, self.account_id)
        )

    def _put(self, update: Update) -> None:
        if update.channel in IN_TURN:
            self._queue.append(update)
            self._queued += update.count
        elif update.delta is not None:
            waiting = self._deltas.get(update.instrument_id)
            self._deltas[update.instrument_id] = (
                update if waiting is None else self._merged(waiting, update, update.delta)
            )
        else:
            self._latest[update.channel, update.instrument_id, update.order_id] = update
        self._wake.set()

    def _merged(self, waiting: Update, update: Update, delta: Delta) -> Update:
        """Return one delta for two; it is encoded when it is read."""
        assert waiting.delta is not None, "only deltas wait in this place"
        levels = self._behind.get(update.instrument_id)
        if levels is None:
            levels = self._behind[update.instrument_id] = {level[1:3]: level for level in waiting.delta.levels}
        for level in delta.levels:
            levels[level[1:3]] = level
        whole = Delta(delta.now_ns, [], waiting.delta.previous_seq, delta.checksum)
        return Update(update.seq, update.channel, update.instrument_id, 1, b"", whole)

    def _give_up(self) -> None:
        for waiting in (self._opening, self._queue, self._deltas, self._behind, self._latest, self._own):
            waiting.clear()
        self._cut = VenueError(
            Reason.SUBSCRIBER_TOO_SLOW,
            f"more than {self._backlog} updates wait to be read; subscribe again, and ask for less",
            allowed=self._backlog,
        )
        self._wake.set()

    def end(self, error: VenueError) -> None:
        """End the stream with this error, behind what waits."""
        self._end = error
        self._wake.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield what waits, as encoded `SubscribeResponse`s, until the stream is cut or ended.

        Raises:
            VenueError: SUBSCRIBER_TOO_SLOW, or what the stream was ended with.

        """
        while True:
            while (message := self.next()) is not None:
                yield message
            if self._cut is not None:
                raise self._cut
            if self._end is not None:
                raise self._end
            self._wake.clear()
            await self._wake.wait()

    def next(self) -> bytes | None:
        """Return all that waits as one message, or None; a long beginning comes in several."""
        if self._opening:
            return self._opening.popleft()
        is_quiet = self._seq - self._told > QUIET_SEQS
        if not (self._queue or self._deltas or self._latest or is_quiet) or self._cut is not None:
            return None
        chunks = [update.data for update in self._queue]
        for update in self._deltas.values():
            levels = self._behind.get(update.instrument_id)
            delta = update.delta
            if levels is not None and delta is not None:
                chunks.append(
                    book_delta(
                        update.instrument_id,
                        update.seq,
                        delta.now_ns,
                        levels.values(),
                        delta.previous_seq,
                        delta.checksum,
                    )
                )
            else:
                chunks.append(update.data)
        chunks += [update.data for update in self._latest.values()]
        message = response(self._seq, chunks, self._own)
        for waiting in (self._queue, self._deltas, self._behind, self._latest, self._own):
            waiting.clear()
        self._queued = 0
        self._told = self._seq
        return message
