"""A venue without processes: the cores of matching and clearing, joined by logs that are held in memory.

It writes what the services would write, entry by entry and with cursors, so that an audit can be tried on real logs;
a test then changes one event and sees whether the audit notices.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wavetank.clearing.adapters.shard_stream import line_message
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.limits import GroupLimit, PositionLimit
from wavetank.clearing.core.operator import Author
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.cli.audit.auditor import Auditor
from wavetank.cli.audit.findings import Findings
from wavetank.cli.audit.reading import ListedSource
from wavetank.matching.core import commands
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.matching.core.told_price import apply_price
from wavetank.matching.wire import credit_line
from wavetank.model.events.clearing import InstrumentListed, MatchingRequested, OpenInterestScaled
from wavetank.model.events.oracle import EVERYBODY, ConsumerBit, FundingTicked, PricePublished
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import CommandKind, OrderFlag, Side, TimeInForce
from wavetank.model.record import Event, decode_all, encode_all
from wavetank.model.validity import Tolerances, Validity
from wavetank.runtime.log_entry import EntryKind, Position, checksum_of, decode_entry, encode_entry
from wavetank.v1 import log_pb2

SECOND = 1_000_000_000
USD = 1_000_000
START = 1_700_000_000 * SECOND

BTC = Instrument(
    instrument_id=1,
    symbol="BTC",
    size_decimals=5,
    tiers=(MarginTier(0, 40),),
    funding_cap_e12=40_000_000_000,
)
"""One lot is 0.00001 BTC and one tick 0.1 USD, so 100,000 USD are 1,000,000 ticks."""


@dataclass(slots=True)
class Batch:
    """An entry before it is encoded: what a test may change."""

    log: str
    now_ns: int
    events: list[Event]
    cursors: dict[str, int]
    """For each log read, how many of its batches were counted."""


@dataclass(slots=True)
class Journal:
    """The batches of all logs in the order in which they were committed."""

    batches: list[Batch] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def append(self, log: str, now_ns: int, events: Sequence[Event], cursors: dict[str, int]) -> None:
        """Commit one entry."""
        self.batches.append(Batch(log, now_ns, list(events), dict(cursors)))
        self.counts[log] = self.counts.get(log, 0) + 1

    def last_seq(self, log: str) -> int:
        """Return the seq of a log's last event."""
        return sum(len(batch.events) for batch in self.batches if batch.log == log)


def encode_logs(batches: Iterable[Batch]) -> dict[str, list[tuple[str, bytes]]]:
    """Return each log's entries, ids and bytes, as a writer of epoch 1 leaves them."""
    entries: dict[str, list[tuple[str, bytes]]] = {}
    positions: dict[str, list[Position]] = {}
    for name in ("clearing", "matching-0", "oracle"):
        data = encode_entry(
            epoch=1, first_seq=1, now_ns=START, prev=0, inputs=b"", records=b"", kind=EntryKind.EPOCH_STARTED
        )
        entries[name] = [("1-0", data)]
        positions[name] = [Position("1-0", 0, checksum_of(data))]
    for batch in batches:
        inputs = log_pb2.Inputs(now_ns=batch.now_ns)
        for log, count in sorted(batch.cursors.items()):
            at = positions[log][min(count, len(positions[log]) - 1)]
            inputs.cursors.add(log=log, entry_id=at.entry_id, seq=at.seq, checksum=at.checksum)
        before = positions[batch.log][-1]
        data = encode_entry(
            epoch=1,
            first_seq=before.seq + 1,
            now_ns=batch.now_ns,
            prev=before.checksum,
            inputs=inputs.SerializeToString(),
            records=encode_all(batch.events),
        )
        entry = decode_entry(data)
        entries[batch.log].append((entry.entry_id, data))
        positions[batch.log].append(entry.position)
    return entries


def audit_entries(entries: dict[str, list[tuple[str, bytes]]], tolerates: frozenset[Validity] = frozenset()) -> Auditor:
    """Audit encoded logs; the findings are the auditor's."""
    auditor = Auditor([ListedSource(name, listed) for name, listed in entries.items()], Findings(), tolerates=tolerates)
    auditor.read_all()
    auditor.finish()
    return auditor


def audit_batches(batches: Iterable[Batch]) -> Findings:
    """Audit batches and return what was found."""
    return audit_entries(encode_logs(batches)).findings


def changed(
    batches: Sequence[Batch], kind: type, which: Callable[[Any], bool] = lambda _: True, **values: object
) -> list[Batch]:
    """Return the batches with the first event of a kind that `which` accepts changed.

    Values may be functions of the event.
    """
    result = [replace(batch, events=list(batch.events)) for batch in batches]
    for batch in result:
        for index, event in enumerate(batch.events):
            if isinstance(event, kind) and which(event):
                new = {key: value(event) if callable(value) else value for key, value in values.items()}
                batch.events[index] = replace(event, **new)  # type: ignore[type-var] # Every event is a dataclass.
                return result
    raise AssertionError(f"no such {kind.__name__} in the log")


def without(batches: Sequence[Batch], kind: type, which: Callable[[Any], bool] = lambda _: True) -> list[Batch]:
    """Return the batches without the first such event."""
    result = [replace(batch, events=list(batch.events)) for batch in batches]
    for batch in result:
        for index, event in enumerate(batch.events):
            if isinstance(event, kind) and which(event):
                del batch.events[index]
                return result
    raise AssertionError(f"no such {kind.__name__} in the log")


class Venue:
    """Both cores and their logs; every call commits what it caused and lets the other core count it."""

    def __init__(
        self, settings: ClearingSettings | None = None, *, fund: int = 1_000 * USD, instrument: Instrument = BTC
    ) -> None:
        """Open a venue that lists BTC, priced at 1,000,000 ticks."""
        self.journal = Journal()
        self.now = START
        self.engine = Engine(0, EngineSettings(credit_ttl_ns=10**18))
        self.engine.list_instrument(instrument)
        self.clearing = Clearing(settings or ClearingSettings(), epoch=1)
        self.tick_number = 0
        self._counted = 0
        self.clearing.begin(self.now, [instrument], fund)
        self._commit_clearing()
        self.price(1_000_000)

    # Clearing

    def open(self, name: str, deposit: int) -> int:
        """Open an account with a deposit in micro-dollars."""
        account = self.clearing.bank.open_account(name, deposit)
        self._commit_clearing()
        return account.account_id

    def set_funding_interval(self, interval_ns: int) -> None:
        """Set how often funding is paid."""
        self.clearing.operator.set_funding_interval(1, interval_ns, Author("ab12", "faster"))
        self._commit_clearing()

    def slow(self, pace_ns: int) -> None:
        """Set the pace of liquidations."""
        self.clearing.operator.slow_liquidations(pace_ns, Author("ab12", "slowly"))
        self._commit_clearing()

    def drain(self, amount: int) -> None:
        """Take money out of the fund."""
        self.clearing.operator.drain_fund(amount, Author("ab12", "dry"))
        self._commit_clearing()

    def restore(self, amount: int) -> None:
        """Put money back into the fund."""
        self.clearing.operator.restore_fund(amount, Author("ab12", "over"))
        self._commit_clearing()

    def settle(self, price: int) -> None:
        """Settle BTC at a price."""
        self.clearing.operator.settle_instrument(1, price, Author("ab12", "delisted"))
        self._commit_clearing()

    def limit_position(self, account_id: int, size_lots: int, exposure_micros: int) -> None:
        """Limit what an account, or every client, may come to in BTC."""
        limit = PositionLimit(size_lots, exposure_micros)
        self.clearing.operator.set_position_limit(1, account_id, limit, Author("ab12", "too large"))
        self._commit_clearing()

    def limit_group(self, account_id: int, net_micros: int, gross_micros: int) -> None:
        """Limit what an account, or every client, may come to in the majors."""
        limit = GroupLimit(net_micros, gross_micros)
        self.clearing.operator.set_group_limit("majors", account_id, limit, Author("ab12", "one-sided"))
        self._commit_clearing()

    def choose_leverage(self, account_id: int, leverage: int) -> None:
        """Choose an account's leverage in BTC."""
        self.clearing.leverages.change(account_id, 1, leverage)
        self._commit_clearing()

    def withdraw(self, account_id: int, amount: int) -> None:
        """Hold a withdrawal; it is paid once the shard has answered."""
        self.clearing.bank.withdraw(account_id, amount, self.now)
        self._commit_clearing()

    def give(self, account_id: int, lots: int) -> None:
        """Give BTC as collateral."""
        self.clearing.collateral.deposit(account_id, 1, lots)
        self._commit_clearing()

    def take_back(self, account_id: int, lots: int) -> None:
        """Hold collateral; it leaves once the shard has answered."""
        self.clearing.collateral.withdraw(account_id, 1, lots, self.now)
        self._commit_clearing()

    def convert(self, account_id: int, lots: int) -> None:
        """Sell collateral."""
        self.clearing.collateral.convert(account_id, 1, lots, self.now)
        self._commit_clearing()

    def later(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds * SECOND
        self.clearing.on_tick(self.now)
        self._commit_clearing()

    def _cursors(self, *logs: str) -> dict[str, int]:
        return {log: self.journal.counts.get(log, 0) for log in logs}

    def _commit_clearing(self) -> None:
        """Commit what clearing did, send lines and requests, and count the answers, until nothing happens."""
        while True:
            events = self.clearing.take_events()
            if events:
                self.journal.append(
                    "clearing", self.now, events, {**self._cursors("oracle"), "matching-0": self._counted}
                )
            for event in events:
                if isinstance(event, OpenInterestScaled):
                    (listed,) = self.engine.instruments()
                    self.engine.list_instrument(replace(listed, scaled_ppm=event.scaled_ppm))
                if isinstance(event, InstrumentListed) and event.state != self.engine.instrument_state(1):
                    self.engine.set_instrument_state(self.now, 1, event.state)
            for line in self.clearing.take_lines():
                self.engine.apply_credit(self.now, credit_line(line_message(line)))
            self.engine.set_gate(self.now, self.clearing.state.venue_is_open)
            records = self.engine.drain_events()
            for seq, request in self.clearing.take_requests():
                records += self.engine.apply_commands(self.now, _command(seq, request), 1)
            if not records:
                return
            self._commit_matching(records)

    # Matching

    def send(self, command: bytes) -> None:
        """Carry out a command and let clearing count what it caused."""
        self._commit_matching(self.engine.apply_commands(self.now, command, 1))
        self._commit_clearing()

    def order(
        self,
        account_id: int,
        side: Side,
        price: int,
        lots: int,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        flags: OrderFlag = OrderFlag.NONE,
    ) -> None:
        """Place an order."""
        self.send(
            commands.place(
                account_id=account_id,
                instrument_id=1,
                side=side,
                price_ticks=price,
                size_lots=lots,
                time_in_force=time_in_force,
                flags=flags,
            )
        )

    def sample(self) -> None:
        """Sample the book."""
        self.engine.sample_books(self.now)
        self._commit_matching(self.engine.drain_events())
        self._commit_clearing()

    def _commit_matching(self, records: bytes) -> None:
        events = list(decode_all(records))
        if not events:
            return
        first_seq = self.journal.last_seq("matching-0") + 1
        self.journal.append("matching-0", self.now, events, self._cursors("oracle", "clearing"))
        self._counted += 1
        self.clearing.on_matching(self.now, first_seq, events)

    # Oracle

    def price(self, mark: int, index: int = 0, consumers: int = EVERYBODY, validity: Validity = Validity.VALID) -> None:
        """Publish a mark, a second later."""
        self.now += SECOND
        seq = self.journal.last_seq("oracle") + 1
        price = PricePublished(
            instrument_id=1,
            account_id=0,
            index_price_ticks=index or mark,
            mark_price_ticks=mark,
            index_time_ns=self.now,
            event_time_ns=self.now,
            funding_rate_e12=0,
            consumers=consumers,
            validity=int(validity),
        )
        self.journal.append("oracle", self.now, [price], {})
        if consumers & ConsumerBit.MATCHING:
            apply_price(self.engine, Tolerances(), price, seq, self.now)
        records = self.engine.drain_events()
        self.clearing.on_oracle(self.now, seq, [price])
        # Clearing writes first here, so that its entry does not count the shard's.
        self._commit_clearing_only()
        self._commit_matching(records)
        self._commit_clearing()

    def _commit_clearing_only(self) -> None:
        events = self.clearing.take_events()
        if events:
            self.journal.append("clearing", self.now, events, {**self._cursors("oracle"), "matching-0": self._counted})

    def funding(self, rate_e12: int, index: int = 1_000_000) -> None:
        """Let a funding interval end."""
        self.tick_number += 1
        seq = self.journal.last_seq("oracle") + 1
        tick = FundingTicked(
            instrument_id=1,
            account_id=0,
            tick=self.tick_number,
            funding_rate_e12=rate_e12,
            index_price_ticks=index,
            premium_e12=0,
            due_time_ns=self.now,
            samples=720,
            expected_samples=720,
            is_paid=1,
        )
        self.journal.append("oracle", self.now, [tick], {})
        self.clearing.on_oracle(self.now, seq, [tick])
        self._commit_clearing()


def _command(seq: int, request: MatchingRequested) -> bytes:
    if request.command == CommandKind.CANCEL_ACCOUNT:
        return commands.cancel_account(request_seq=seq, request_number=0, account_id=request.account_id)
    if request.command == CommandKind.LIQUIDATE:
        return commands.liquidate(
            request_seq=seq,
            request_number=0,
            account_id=request.account_id,
            instrument_id=request.instrument_id,
            side=request.side,
            size_lots=request.size_lots,
            price_ticks=request.price_ticks,
        )
    return commands.transfer(
        request_seq=seq,
        request_number=0,
        giver_account_id=request.account_id,
        receiver_account_id=request.receiver_account_id,
        instrument_id=request.instrument_id,
        giver_delta_lots=request.size_lots,
        giver_value_micros=request.value_micros,
        receiver_may_increase=bool(request.receiver_may_increase),
        giver_may_increase=bool(request.giver_may_increase),
    )
