"""The audit itself: reads the logs in the order of cause and lets each part judge what it knows.

Logs are written side by side, and each entry says how far its writer had counted the others. So before an entry is
judged the logs it had counted are read that far; clearing's log, which counts all the others, leads. A cursor that
names what its log does not hold, or what can only have come later, is an offence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from wavetank.cli.audit.collateral import Collateral
from wavetank.cli.audit.counting import Bookings, FundingTicks, Prices
from wavetank.cli.audit.escalations import Escalations
from wavetank.cli.audit.fees import FeeRates, ShardRates
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.cli.audit.limits import AccountLimits
from wavetank.cli.audit.liquidations import Liquidations
from wavetank.cli.audit.margins import Terms
from wavetank.cli.audit.mode_changes import ModeChanges
from wavetank.cli.audit.order_flow import OrderBooks
from wavetank.cli.audit.play import Play
from wavetank.cli.audit.rates import MarginRates
from wavetank.cli.audit.reading import CheckedLog, LogSource
from wavetank.cli.audit.shares import Shares
from wavetank.cli.audit.steering import Steering
from wavetank.cli.audit.withdrawals import Withdrawals
from wavetank.model.events import clearing as clearing_events
from wavetank.model.events.matching import BookSampled, MarkApplied, OrderAccepted, RequestAnswered
from wavetank.model.events.oracle import ConsumerBit
from wavetank.model.record import RECORD_BYTES, Event, decode
from wavetank.model.validity import Validity
from wavetank.runtime.log_entry import LogEntry, id_key
from wavetank.v1 import log_pb2

CLEARING = "clearing"
ORACLE = "oracle"
MATCHING_PREFIX = "matching-"


@dataclass(slots=True)
class Shard:
    """What is rebuilt from one matching log."""

    books: OrderBooks
    bookings: Bookings
    prices: Prices
    rates: ShardRates


class Auditor:
    """Audits one venue.

    `advance` may be called again and again while the venue runs; `finish` is called once, at the end.
    """

    def __init__(
        self,
        sources: Iterable[LogSource],
        findings: Findings,
        *,
        on_entry: Callable[[str], None] | None = None,
        tolerates: frozenset[Validity] = frozenset(),
    ) -> None:
        """Audit the logs that `sources` hold: clearing, oracle and one per matching shard.

        Args:
            sources: the logs.
            findings: where checks and offences go.
            on_entry: told the log's name after each entry.
            tolerates: doubts about a price by which the venue liquidates all the same, as it was set (ORCL-030).

        """
        self.findings = findings
        self.logs = {source.name: CheckedLog(source, findings) for source in sources}
        self.ledger = Ledger(findings)
        self.liquidations = Liquidations(findings, self.ledger, tolerates)
        self._fees = FeeRates(findings)
        self.shards = {name: self._shard_of(name) for name in self.logs if name.startswith(MATCHING_PREFIX)}
        self._escalations = Escalations(findings)
        self._margin_rates = MarginRates(findings, self.ledger, self.liquidations.cases)
        self._limits = AccountLimits(findings, self.ledger)
        self._steering = Steering(findings, self.ledger)
        self._withdrawals = Withdrawals(findings, self.ledger, self.liquidations.cases)
        bookings = {int(name.removeprefix(MATCHING_PREFIX)): shard.bookings for name, shard in self.shards.items()}
        self._play = Play(findings, self.ledger)
        self._collateral = Collateral(
            findings,
            self.ledger,
            self.liquidations.cases,
            self._play.busy,
            self.liquidations.is_doubted,
            lambda: self.liquidations.terms.backstop,
        )
        self._modes = ModeChanges(findings, self.ledger, bookings)
        self._shares = Shares(findings, self.ledger, bookings)
        self._prices = Prices(findings, CLEARING, ConsumerBit.CLEARING, each=True)
        self._ticks = FundingTicks(findings)
        self._on_entry = on_entry
        self._reading: set[str] = set()
        self._applied = dict.fromkeys(self.logs, 0)
        self._cursors: dict[tuple[str, str], tuple[int, tuple[int, int]]] = {}
        self._handlers: Mapping[type, Callable[..., None]] = {
            clearing_events.FillBooked: self._on_fill_booked,
            clearing_events.MatchingAnswered: self._on_answer_counted,
            clearing_events.FundingTickBooked: self._prices.ticked,
            BookSampled: self._on_sample_counted,
            MarkApplied: self._prices.applied,
        }

    def _shard_of(self, log: str) -> Shard:
        rates = self._fees.of_shard(log)
        return Shard(
            OrderBooks(self.findings, self._terms, self.liquidations.requests.get, rates),
            Bookings(self.findings, log),
            Prices(self.findings, log, ConsumerBit.MATCHING, each=False),
            rates,
        )

    # Reading in the order of cause

    def applied_seq(self, log: str) -> int:
        """Return the seq of the last event of a log that was judged."""
        return self._applied[log]

    def advance(self, log: str, *, to_id: str = "", to_seq: int = 0) -> bool:
        """Judge a log's entries up to an id or a seq, or to its present end if neither is given.

        Returns:
            Whether the log goes that far.

        """
        read = self.logs[log]
        while not ((to_id and read.has_passed(to_id)) or (to_seq and self._applied[log] >= to_seq)):
            if log in self._reading:
                return False
            self._reading.add(log)
            try:
                entry = read.next_entry()
                if entry is None:
                    return not (to_id or to_seq)
                self._judge(log, entry)
            finally:
                self._reading.discard(log)
        return True

    def _judge(self, log: str, entry: LogEntry) -> None:
        findings = self.findings
        place = (log, entry.entry_id)
        findings.look_at(*place)
        self._count_cursors(log, entry, place)
        apply = self._apply_of(log)
        for index in range(entry.count):
            seq = entry.first_seq + index
            try:
                event = decode(entry.records, index * RECORD_BYTES)
            except ValueError as fault:
                findings.look_at(*place, seq)
                findings.offend(Rule.INV_090, f"a record that this software knows: {fault}")
                continue
            findings.look_at(*place, seq, event)
            apply(log, seq, entry.now_ns, event)
        self._applied[log] = max(self._applied[log], entry.last_seq)
        findings.look_at(*place)
        self._end_entry(log)
        if self._on_entry is not None:
            self._on_entry(log)

    def _apply_of(self, log: str) -> Callable[[str, int, int, Event], None]:
        if log in self.shards:
            return self._apply_matching
        return self._apply_clearing if log == CLEARING else self._apply_oracle

    def _count_cursors(self, log: str, entry: LogEntry, place: tuple[str, str]) -> None:
        findings = self.findings
        try:
            cursors = log_pb2.Inputs.FromString(entry.inputs).cursors
        except DecodeError as fault:
            findings.offend(Rule.INV_090, f"inputs that can be read: {fault}")
            return
        for cursor in cursors:
            findings.checks[Rule.INV_090] += 1
            if cursor.log not in self.logs:
                findings.offend(Rule.INV_090, f"a cursor into a log of the venue, not {cursor.log!r}")
                continue
            try:
                position = (cursor.seq, id_key(cursor.entry_id or "0-0"))
            except ValueError:
                findings.offend(Rule.INV_090, f"a cursor that names an entry, not {cursor.entry_id!r}")
                continue
            known = self._cursors.get((log, cursor.log), (0, (0, 0)))
            if position < known:
                findings.offend(
                    Rule.INV_090, f"a cursor into {cursor.log} at seq {known[0]} or later, not {cursor.seq}"
                )
                continue
            self._cursors[log, cursor.log] = position
            reached = self.advance(cursor.log, to_id=cursor.entry_id) if cursor.entry_id else True
            findings.look_at(*place)
            fault_found = self.logs[cursor.log].fault_of_cursor(cursor.entry_id, cursor.seq, cursor.checksum)
            if not reached:
                findings.offend(
                    Rule.INV_090, f"a cursor into what {cursor.log} held before; it has no {cursor.entry_id}"
                )
            elif fault_found is not None:
                findings.offend(Rule.INV_090, fault_found)
            else:
                self._counted(log, cursor.log, cursor.seq)

    def _counted(self, log: str, other: str, seq: int) -> None:
        if other == ORACLE:
            if log == CLEARING:
                self._prices.counted_seq = seq
            elif log in self.shards:
                self.shards[log].prices.counted_seq = seq
        elif log == CLEARING and other in self.shards:
            self.shards[other].bookings.counted_seq = seq
            self.shards[other].rates.counted(seq)

    # One event

    def _terms(self, instrument_id: int) -> Terms | None:
        return self.ledger.terms.get(instrument_id)

    def _apply_clearing(self, log: str, seq: int, now_ns: int, event: Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
        self.liquidations.before(seq, now_ns, event)
        self._escalations.before(seq, now_ns, event)
        self._withdrawals.before(now_ns, event)
        self._modes.before(event)
        self._play.before(seq, event)
        self._margin_rates.before(event)
        self._collateral.before(now_ns, event)
        self._limits.before(event)
        self._steering.before(now_ns, event)
        self.ledger.apply(event)
        self._shares.apply(event)
        self._fees.apply(now_ns, event)

    def _apply_oracle(self, log: str, seq: int, now_ns: int, event: Event) -> None:
        self._ticks.happened(event)
        self._prices.happened(seq, event)
        for shard in self.shards.values():
            shard.prices.happened(seq, event)

    def _apply_matching(self, log: str, seq: int, now_ns: int, event: Event) -> None:
        shard = self.shards[log]
        self._read_causes(log, seq, event)
        if isinstance(event, MarkApplied):
            shard.prices.applied(event)
        shard.bookings.happened(seq, event)
        shard.rates.apply(seq, event)
        shard.books.apply(event)

    def _read_causes(self, log: str, seq: int, event: Event) -> None:
        """Read on in the logs that an event names by itself: listings and requests come to a shard by other ways."""
        place = self.findings.place
        if isinstance(event, OrderAccepted | RequestAnswered) and event.request_seq > self._applied[CLEARING]:
            self.advance(CLEARING, to_seq=event.request_seq)
        elif isinstance(event, MarkApplied) and event.oracle_seq > self._applied[ORACLE]:
            self.advance(ORACLE, to_seq=event.oracle_seq)
        elif isinstance(event, OrderAccepted):
            seen = -1
            while self._terms(event.instrument_id) is None and seen != self._applied[CLEARING]:
                seen = self._applied[CLEARING]
                if CLEARING in self._reading or not self.advance(CLEARING, to_seq=seen + 1):
                    break
        else:
            return
        self.findings.look_at(*place)

    def _on_fill_booked(self, event: clearing_events.FillBooked) -> None:
        self._bookings_of(event.matching_seq, event.trade_id).booked(event)

    def _bookings_of(self, seq: int, trade_id: int = 0) -> Bookings:
        """Return the shard that a counted fact is of: ids of trades begin with its number, other facts are sought."""
        named = self.shards.get(f"{MATCHING_PREFIX}{(trade_id >> 48) - 1}")
        if named is not None:
            return named.bookings
        for shard in self.shards.values():
            if shard.bookings.is_next(seq):
                return shard.bookings
        return next(iter(self.shards.values())).bookings

    def _on_answer_counted(self, event: clearing_events.MatchingAnswered) -> None:
        self._bookings_of(event.matching_seq).answered(event)

    def _on_sample_counted(self, event: BookSampled) -> None:
        for shard in self.shards.values():
            if shard.bookings.has_sample(event):
                shard.bookings.sampled(event)
                return
        next(iter(self.shards.values())).bookings.sampled(event)

    def _end_entry(self, log: str) -> None:
        if log in self.shards:
            self.shards[log].books.end_entry()
            self.shards[log].prices.end_entry()
        elif log == CLEARING:
            for shard in self.shards.values():
                shard.bookings.end_entry()
            self._prices.end_entry(set(self.ledger.terms))
            self.liquidations.end_entry()
            self.ledger.end_entry()
            self._collateral.end_entry()
            self._fees.end_entry()
            self._margin_rates.end_entry()
            self._limits.end_entry()

    # The end

    def read_all(self, goals: Mapping[str, str] | None = None) -> None:
        """Read every log, clearing first, to its end or to a given entry id."""
        for log in sorted(self.logs, key=lambda name: (name != CLEARING, name)):
            self.advance(log, to_id=(goals or {}).get(log, ""))

    def finish(self) -> None:
        """Check what can be said at the end alone: both sides count every account alike."""
        findings = self.findings
        findings.look_at(CLEARING, self.logs[CLEARING].entry_id)
        self.ledger.finish()
        self._shares.finish()
        for account in self.ledger.accounts.values():
            self._check_tally(account.account_id)
        if self.liquidations.unjudged:
            findings.note(
                f"{self.liquidations.unjudged} values of liquidations were not judged: a mark may have been stale, and"
                " how far it is then bent is a setting of the venue"
            )
        waiting = sum(len(shard.bookings.waiting) for shard in self.shards.values())
        if waiting:
            findings.note(f"{waiting} facts of the matching log are not counted by clearing yet")

    def _check_tally(self, account_id: int) -> None:
        """Compare positions, Q and F of an account as traded and as booked (PROTOCOL R4)."""
        account = self.ledger.accounts[account_id]
        value = fees = 0
        lots: dict[int, int] = {}
        for shard in self.shards.values():
            tally = shard.books.tallies.get(account_id)
            if tally is not None:
                value += tally.value
                fees += tally.fees
                for instrument_id, traded in tally.lots.items():
                    lots[instrument_id] = lots.get(instrument_id, 0) + traded
            for instrument_id, delta, worth, fee in shard.bookings.uncounted(account_id):
                value -= worth
                fees -= fee
                lots[instrument_id] = lots.get(instrument_id, 0) - delta
        traded_lots = {key: held for key, held in lots.items() if held}
        booked = {key: holding.lots for key, holding in account.holdings.items()}
        self.findings.expect(
            Rule.INV_090,
            (traded_lots, value, fees) == (booked, account.value, account.fees),
            f"account {account_id} counted alike: traded lots {traded_lots}, value {value}, fees {fees};"
            f" booked {booked}, {account.value}, {account.fees}",
        )
