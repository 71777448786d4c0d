"""Clearing's loop without processes, so that it can be killed at any moment of it and started again from its log.

The loop is the service's: take what the other logs hold, decide, commit events and cursors as one entry, and only then
let requests leave. The shard keeps its own log and its memory of requests when clearing dies: it gives a known request
its first answer, which stands in its log already. A killed process loses everything but the committed entries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from tests.model.trades import traded
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.clearing.core.snapshot import dump
from wavetank.clearing.recovery import ORACLE_LOG, Recovery, matching_log
from wavetank.model.events.matching import PositionTransferred, RequestAnswered, Traded
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.instrument import default_instruments
from wavetank.model.orders import CommandKind, Side
from wavetank.model.record import decode_all, encode_all
from wavetank.runtime.log_entry import LogEntry, Position
from wavetank.runtime.recovering import cursor_messages, with_cursors
from wavetank.v1 import log_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wavetank.model.events.clearing import MatchingRequested
    from wavetank.model.record import Event

MATCHING_LOG = matching_log(0)


class Moment(Enum):
    """Where in its loop the process is killed."""

    BEFORE_COMMIT = 1
    """What was decided is lost."""
    AFTER_COMMIT = 2
    """It is in the log, and nothing has left."""
    AFTER_REQUESTS = 3
    """Requests have left; their answers have not been read."""


class Killed(Exception):
    """The process is gone."""


@dataclass
class FactLog:
    """The log of another service, kept through every death of clearing."""

    name: str
    entries: list[tuple[int, list[Event]]] = field(default_factory=list)
    """Seq of the first event, and the events."""
    last_seq: int = 0

    def append(self, facts: Iterable[Event]) -> None:
        events = list(facts)
        self.entries.append((self.last_seq + 1, events))
        self.last_seq += len(events)

    def after(self, seq: int) -> list[tuple[int, list[Event]]]:
        return [entry for entry in self.entries if entry[0] + len(entry[1]) - 1 > seq]


@dataclass
class Shard:
    """A shard that follows a script: what it does next depends on the order of new requests alone."""

    log: FactLog
    fills: list[list[tuple[int, int, int]]] = field(default_factory=list)
    """For each order of a liquidation in turn, its fills: maker, lots, price; when the list is used up, none."""
    clips: list[int | None] = field(default_factory=list)
    """For each transfer in turn, the lots it moves at most; None, and later ones: all."""
    disposals: list[tuple[int, int]] = field(default_factory=list)
    """For each order of the vault in turn, maker and price of a fill of all of it; later ones fill nothing."""
    known: set[int] = field(default_factory=set)
    trades: int = 0

    def ask(self, seq: int, request: MatchingRequested) -> None:
        """Take a request; a known one has its answer in the log already."""
        if seq in self.known:
            return
        self.known.add(seq)
        if request.command == CommandKind.CANCEL_ACCOUNT:
            self.log.append([self._answer(seq, request, 0, 0)])
        elif request.command == CommandKind.TRANSFER:
            self._transfer(seq, request)
        else:
            if request.account_id == BACKSTOP_VAULT_ID:
                script = [(*self.disposals.pop(0), request.size_lots)] if self.disposals else []
                fills = [(maker, lots, price) for maker, price, lots in script]
            else:
                fills = self.fills.pop(0) if self.fills else []
            self._fill(seq, request, fills)

    def _answer(self, seq: int, request: MatchingRequested, lots: int, value: int) -> RequestAnswered:
        return RequestAnswered(
            instrument_id=request.instrument_id,
            account_id=request.account_id,
            request_seq=seq,
            done_lots=lots,
            done_value_micros=value,
            request_number=0,
            command=request.command,
            reason=0,
        )

    def _transfer(self, seq: int, request: MatchingRequested) -> None:
        clip = self.clips.pop(0) if self.clips else None
        asked = abs(request.size_lots)
        moved = asked if clip is None else min(clip, asked)
        sign = 1 if request.size_lots > 0 else -1
        value = abs(request.value_micros) * moved // asked
        facts: list[Event] = []
        if moved:
            facts.append(
                PositionTransferred(
                    instrument_id=request.instrument_id,
                    account_id=request.account_id,
                    receiver_account_id=request.receiver_account_id,
                    giver_delta_lots=sign * moved,
                    giver_value_micros=value if request.value_micros >= 0 else -value,
                    requested_delta_lots=request.size_lots,
                    request_seq=seq,
                    request_number=0,
                )
            )
        self.log.append([*facts, self._answer(seq, request, moved, value)])

    def _fill(self, seq: int, request: MatchingRequested, fills: list[tuple[int, int, int]]) -> None:
        is_buy = request.side == Side.BUY
        for _, _, price in fills:
            assert price <= request.price_ticks if is_buy else price >= request.price_ticks, (price, request)
        facts: list[Event] = [
            self.trade(request.instrument_id, request.account_id, maker, lots if is_buy else -lots, price, True)
            for maker, lots, price in fills
        ]
        done = sum(lots for _, lots, _ in fills)
        assert done <= request.size_lots
        self.log.append([*facts, self._answer(seq, request, done, sum(lots * price for _, lots, price in fills))])

    def trade(
        self, instrument_id: int, taker: int, maker: int, lots: int, price: int, is_liquidation: bool = False
    ) -> Traded:
        """Return a trade of signed lots for the taker."""
        self.trades += 1
        return traded(self.trades, instrument_id, taker, maker, lots, price, liquidation=is_liquidation)


@dataclass
class World:
    """A venue whose clearing can be killed."""

    settings: ClearingSettings = field(default_factory=ClearingSettings)
    fund_micros: int = 0
    now_ns: int = 1_000 * SECOND_NS
    kills: frozenset[int] = frozenset()
    """At which moments, counted over the whole run, the process is killed."""
    snapshot_every: int = 0
    """Entries between two snapshots; 0 for none."""
    moments: list[Moment] = field(default_factory=list)
    """Those passed so far; counted only while `armed`."""
    armed: bool = False
    entries: list[LogEntry] = field(default_factory=list)
    snapshot: bytes | None = None
    snapshot_seq: int = 0
    epoch: int = 0
    deaths: int = 0

    def __post_init__(self) -> None:
        self.matching, self.oracle = FactLog(MATCHING_LOG), FactLog(ORACLE_LOG)
        self.shard = Shard(self.matching)
        self.start()

    @property
    def events(self) -> list[Event]:
        """Every committed event."""
        return [event for entry in self.entries for event in decode_all(entry.records)]

    def start(self) -> None:
        """Start clearing from its log."""
        recovery = Recovery(self.settings, self.snapshot)
        for entry in self.entries:
            if entry.first_seq > self.snapshot_seq:
                recovery.apply(entry)
        self.epoch += 1
        self.counted = {name: recovery.cursors[name].seq for name in (MATCHING_LOG, ORACLE_LOG)}
        last_seq = self.entries[-1].last_seq if self.entries else 0
        self.core = Clearing(self.settings, epoch=self.epoch, state=recovery.state, last_seq=last_seq)
        self.core.begin(self.now_ns, default_instruments(), self.fund_micros)
        self.is_new = True

    def run(self) -> None:
        """Let clearing work until there is nothing to do; start it again whenever it is killed."""
        while True:
            try:
                while self._cycle():
                    pass
            except Killed:
                self.deaths += 1
                self.start()
            else:
                return

    def ask(self, call: Callable[[Clearing], object]) -> None:
        """Let somebody ask for something, again if clearing was killed before it stood in the log; then let it work."""
        before = len(self.entries)
        while len(self.entries) == before:
            try:
                call(self.core)
                self._cycle()
            except Killed:
                self.deaths += 1
                self.start()
        self.run()

    def _cycle(self) -> bool:
        """Take one entry of another log, or all when the process is new and catches up; return whether more waits."""
        waiting = self._waiting()
        taken = waiting if self.is_new else waiting[:1]
        for log, (first_seq, facts) in taken:
            if log is self.oracle:
                self.core.on_oracle(self.now_ns, first_seq, facts)
            else:
                self.core.on_matching(self.now_ns, first_seq, facts)
            self.counted[log.name] = first_seq + len(facts) - 1
        self.core.on_tick(self.now_ns)
        self._commit()
        requests = self.core.take_requests()
        if self.is_new:
            requests = self.core.unanswered_requests()
            self.is_new = False
        for seq, request in requests:
            self.shard.ask(seq, request)
        self._pass(Moment.AFTER_REQUESTS)
        return bool(self._waiting())

    def _waiting(self) -> list[tuple[FactLog, tuple[int, list[Event]]]]:
        return [(log, entry) for log in (self.oracle, self.matching) for entry in log.after(self.counted[log.name])]

    def _commit(self) -> None:
        events = self.core.take_events()
        if not events:
            return
        self._pass(Moment.BEFORE_COMMIT)
        cursors = {name: Position(f"1-{seq}", seq, 0) for name, seq in self.counted.items()}
        inputs = log_pb2.Inputs(now_ns=self.now_ns, cursors=cursor_messages(cursors)).SerializeToString()
        first_seq = self.core.last_seq - len(events) + 1
        self.entries.append(LogEntry(self.epoch, first_seq, len(events), self.now_ns, 0, 0, inputs, encode_all(events)))
        if self.snapshot_every and len(self.entries) % self.snapshot_every == 0:
            self.snapshot, self.snapshot_seq = with_cursors(dump(self.core.state), cursors), self.core.last_seq
        self._pass(Moment.AFTER_COMMIT)

    def _pass(self, moment: Moment) -> None:
        if not self.armed:
            return
        self.moments.append(moment)
        if len(self.moments) - 1 in self.kills:
            raise Killed(moment)
