"""The recorder: entries of a venue's logs in, the record of the run out.

It exists so that a simulated run and a live one are measured by the same means: it takes what stands in the logs, and
what doors and senders tell where no log can. Kept true: it writes to nothing but itself, so a run with a recorder is
the run without it; what it reads of an entry is what it needs, field by field, for it stands beside every order of a
simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wavetank.clearing.core.health import HealthBand
from wavetank.client.orders import Command
from wavetank.model.events import clearing as clearing_events
from wavetank.model.events import matching as matching_events
from wavetank.model.record import RECORD_BYTES, decode, fields_struct, kind_of, kinds
from wavetank.storms.agents.agent import Label
from wavetank.storms.measure.accounts import Accounts
from wavetank.storms.measure.acknowledgements import Acknowledgements
from wavetank.storms.measure.desk import Desk
from wavetank.storms.measure.figures import measure
from wavetank.storms.measure.liquidations import Liquidations
from wavetank.storms.measure.prices import Prices
from wavetank.storms.measure.quotes import Quotes
from wavetank.storms.measure.record import BookTrack, DeleveragingSeen, Listed, Member, RunRecord
from wavetank.storms.measure.standing import Sampler, Standing
from wavetank.storms.measure.trades import TradeColumns
from wavetank.storms.measure.venue_members import VENUE_MEMBERS

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
_FILL = fields_struct(
    clearing_events.FillBooked,
    "instrument_id",
    "account_id",
    "trade_id",
    "value_micros",
    "fee_micros",
    "lots_after",
    "cost_after_micros",
    "cash_after_micros",
    "role",
    "flags",
)
_MARK = fields_struct(matching_events.MarkApplied, "instrument_id", "mark_price_ticks", "index_price_ticks", "stale")
_FILLED, _MARKED = kind_of(clearing_events.FillBooked), kind_of(matching_events.MarkApplied)


class Entry(Protocol):
    """One committed entry of a log; record `i` has seq `first_seq + i`."""

    @property
    def log(self) -> str:
        """Name of the log."""

    @property
    def first_seq(self) -> int:
        """Seq of the first record."""

    @property
    def now_ns(self) -> int:
        """Venue time of its inputs."""

    @property
    def records(self) -> bytes:
        """The records, one behind the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """How a run is measured."""

    markout_ns: int = SECOND_NS
    """How much later a fill is judged: whether it was picked off, and what spread it realised."""
    horizons_ns: tuple[int, ...] = (100 * MILLISECOND_NS, SECOND_NS, 10 * SECOND_NS)
    """How much later fills are marked out."""
    quote_band_bps: int = 50
    """How far from the mid a quote may be to count as quoting."""
    sample_interval_ns: int = SECOND_NS
    """Least time between rows of an account's track, to begin with."""
    most_rows: int = 4_096
    """Of an account's track."""
    most_trades: int = 20_000
    """Trades in the record, of liquidations and of others each; figures count all."""
    most_named: int = 10
    """Accounts of a role that have figures of their own; those of a larger crowd have their role's alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What no log says of a run."""

    scenario: str
    title: str = ""
    variant: str = ""
    seed: int = 0
    mode: str = "sim"
    state_hash: str = ""
    wall_seconds: float = 0.0


@dataclass(slots=True)
class Recorder:
    """Measures one run."""

    members: Mapping[int, Member]
    """Who takes part; others whom the log tells of are added without a label."""
    listed: Mapping[int, Listed]
    began_ns: int
    """Venue time at which the run begins; what the fund had then is what it starts with."""
    settings: RecorderSettings = RecorderSettings()
    accounts: Accounts = field(init=False, default_factory=Accounts)
    trades: TradeColumns = field(init=False, default_factory=TradeColumns)
    books: dict[int, BookTrack] = field(init=False, default_factory=dict)
    shards: dict[str, Quotes] = field(init=False, default_factory=dict)
    prices: Prices = field(init=False)
    liquidations: Liquidations = field(init=False)
    standing: Standing = field(init=False)
    desk: Desk = field(init=False)
    acknowledgements: Acknowledgements = field(init=False, default_factory=Acknowledgements)
    funds: list[int] = field(init=False, default_factory=list)
    """What the insurance fund had: after the entries up to the beginning, and after each that changed it since."""
    _sampler: Sampler = field(init=False)
    _quoters: frozenset[int] = field(init=False)
    _clearing: dict[int, tuple[Callable[..., None], ...]] = field(init=False)
    _matching: dict[int, Callable[..., None]] = field(init=False)

    def __post_init__(self) -> None:
        """Connect the parts."""
        symbols = {key: each.symbol for key, each in self.listed.items()}
        settings = self.settings
        self.prices = Prices(symbols)
        self.liquidations = Liquidations(self.accounts, symbols)
        self.standing = Standing(self.accounts)
        self.desk = Desk(symbols)
        self._sampler = Sampler(self.accounts, interval_ns=settings.sample_interval_ns, most_rows=settings.most_rows)
        self._quoters = frozenset(
            key for key, member in self.members.items() if member.is_bot or member.label is Label.MAKER
        )
        self._matching = {
            kind_of(cls): handler for cls, handler in self.desk.handlers.items() if cls.__module__.endswith("matching")
        }
        self._clearing = self._handlers()

    def _handlers(self) -> dict[int, tuple[Callable[..., None], ...]]:
        """Return who wants an event of clearing's log, by kind: money first, so that the others see what it left."""
        found: dict[type, list[Callable[..., None]]] = {}
        for cls in self.accounts.classes:
            found.setdefault(cls, []).append(lambda _seq, _now_ns, event: self.accounts.apply(event))
        for cls in self.liquidations.handlers:
            found.setdefault(cls, []).append(lambda _seq, now_ns, event: self.liquidations.apply(now_ns, event))
        for cls in self.desk.handlers:
            if not cls.__module__.endswith("matching"):
                found.setdefault(cls, []).append(self.desk.apply)
        found.setdefault(clearing_events.HealthBandChanged, []).append(self._band)
        found.setdefault(clearing_events.LiquidationStarted, []).append(self._started)
        found.setdefault(clearing_events.LiquidationEnded, []).append(self._ended)
        return {kind_of(cls): tuple(handlers) for cls, handlers in found.items()}

    def begin(self) -> None:
        """Begin the day here, on a venue that has run before.

        Everybody stands as he does: positions, orders, faults and liquidations that are under way go on. What had
        happened is no part of what is measured: what an account was worth is what its owner brought.
        """
        self.accounts.begin()
        self.trades.clear()
        self.books.clear()
        self.prices.begin()
        self.liquidations.begin()
        self.standing.begin()
        self.desk.begin()
        self._sampler.begin()

    # What is committed

    def take(self, entry: Entry) -> None:
        """Take over an entry of any log, in the order in which they were committed."""
        if entry.log == "oracle":
            self.prices.take(entry.now_ns, entry.records)
        elif entry.log == "clearing":
            self._take_clearing(entry)
        else:
            self._take_matching(entry)

    def note_refusal(self, account_id: int, reason: int) -> None:
        """Count a refusal that stands in no log: a call, or a command, that a service refused at its door."""
        self.desk.refuse(account_id, reason)

    def note_answer(self, account_id: int, command: Command, took_ns: int) -> None:
        """Count the answer to a command, and the venue time from its leaving the sender to the answer reaching it."""
        self.acknowledgements.note(account_id, command, took_ns)

    def _take_matching(self, entry: Entry) -> None:
        quotes = self.shards.get(entry.log)
        if quotes is None:
            quotes = self.shards[entry.log] = Quotes(
                quoters=self._quoters,
                band_bps=self.settings.quote_band_bps,
                trades=self.trades,
                books=self.books,
            )
        now_ns, records = entry.now_ns, entry.records
        handlers, others = quotes.handlers, self._matching
        for at, kind in enumerate(kinds(records)):
            handler = handlers.get(kind)
            if handler is not None:
                handler(now_ns, records, at * RECORD_BYTES)
            elif kind in others:
                others[kind](entry.first_seq + at, now_ns, decode(records, at * RECORD_BYTES))
        quotes.settle()

    def _take_clearing(self, entry: Entry) -> None:
        now_ns, records, handlers = entry.now_ns, entry.records, self._clearing
        is_marked = False
        deleveraged = len(self.liquidations.deleveragings)
        for at, kind in enumerate(kinds(records)):
            if kind == _FILLED:
                self._fill(now_ns, records, at * RECORD_BYTES)
            elif kind == _MARKED:
                self._mark(now_ns, records, at * RECORD_BYTES)
                is_marked = True
            elif kind in handlers:
                event = decode(records, at * RECORD_BYTES)
                for handler in handlers[kind]:
                    handler(entry.first_seq + at, now_ns, event)
        self.accounts.end_entry()
        if is_marked:
            self.accounts.value_all()
            self.standing.marked(now_ns)
            self._sampler.sample(now_ns)
        seen: list[DeleveragingSeen] = self.liquidations.deleveragings[deleveraged:]
        if seen:
            self.standing.deleveraged(now_ns, seen)
        self._look_at_fund(now_ns)

    def _fill(self, now_ns: int, records: bytes, offset: int) -> None:
        instrument_id, account_id, trade_id, value, fee, lots, cost, cash, role, flags = _FILL.unpack_from(
            records, offset
        )
        self.accounts.fill(instrument_id, account_id, value, fee, lots, cost, cash, role)
        if not lots and not self.accounts.holders[account_id].legs:
            self.standing.flat(now_ns, account_id)
        if self.liquidations.is_under_way(account_id):
            self.liquidations.fill(
                instrument_id=instrument_id,
                account_id=account_id,
                trade_id=trade_id,
                value_micros=value,
                role=role,
                flags=flags,
            )

    def _mark(self, now_ns: int, records: bytes, offset: int) -> None:
        instrument_id, mark, index, stale = _MARK.unpack_from(records, offset)
        self.accounts.mark(instrument_id, mark, index)
        if stale:
            self.desk.doubt(now_ns)

    def _band(self, _seq: int, now_ns: int, event: clearing_events.HealthBandChanged) -> None:
        self.accounts.value_now(event.account_id)
        self.standing.band(now_ns, event.account_id, event.current)

    def _started(self, _seq: int, now_ns: int, event: clearing_events.LiquidationStarted) -> None:
        self.accounts.value_now(event.account_id)
        self.desk.doubt(now_ns)
        self.standing.band(now_ns, event.account_id, HealthBand.LIQUIDATION)

    def _ended(self, _seq: int, _now_ns: int, event: clearing_events.LiquidationEnded) -> None:
        self.accounts.value_now(event.account_id)

    def _look_at_fund(self, now_ns: int) -> None:
        fund, funds = self.accounts.fund_micros, self.funds
        if not funds:
            funds.append(fund)
        elif now_ns <= self.began_ns:
            funds[0] = fund
        elif fund != funds[-1]:
            funds.append(fund)

    # The end

    def finish(self, facts: RunFacts, *, ended_ns: int) -> RunRecord:
        """Return the record of the run; the recorder has done its work then.

        Args:
            facts: what no log says.
            ended_ns: venue time at which the run ended.

        """
        self.accounts.value_all()
        self.standing.finish(ended_ns)
        settings = self.settings
        record = RunRecord(
            scenario=facts.scenario,
            title=facts.title,
            variant=facts.variant,
            seed=facts.seed,
            mode=facts.mode,
            state_hash=facts.state_hash,
            began_ns=self.began_ns,
            ended_ns=ended_ns,
            wall_seconds=facts.wall_seconds,
            members=self._everybody(),
            listed=dict(self.listed),
            prices=self.prices.tracks,
            books=self.books,
            accounts=self._sampler.tracks,
            trades=self.trades.sample(
                self.prices.tracks, liquidations=settings.most_trades, others=settings.most_trades
            ),
            liquidations=[case.seen for case in self.liquidations.cases.values()],
            deleveragings=self.liquidations.deleveragings,
            vault_peaks=self.standing.vault_peaks,
            spans=sorted([*self.prices.spans, *self.desk.spans], key=lambda span: span.began_ns),
            contagion=self.liquidations.contagion,
        )
        record.figures = measure(self, record)
        return record

    def _everybody(self) -> dict[int, Member]:
        members = {**VENUE_MEMBERS, **self.members}
        for holder in self.accounts.by_id():
            account_id = holder.account_id
            if account_id not in members:
                name = holder.name or str(account_id)
                members[account_id] = Member(account_id=account_id, name=name, role="others", label=None)
        return members
