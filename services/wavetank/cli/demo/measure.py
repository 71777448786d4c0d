"""What happened, by the venue's own logs and ledger: the figures behind every report.

It reads the three logs once, up to the seq at which clearing answered for all accounts, so the two agree or the
residual says by how much not. Kept true: money is integers throughout; nothing is taken from a bot's own memory but
latencies.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import redis

from wavetank.cli.connection import VenueConnection
from wavetank.cli.demo.cases import AdlRow, Case, CaseBook
from wavetank.cli.demo.pnl import ProfitBook, Split
from wavetank.cli.failure import CommandFailed
from wavetank.cli.logs import CLEARING, MATCHING, ORACLE, Happening, entries, happenings, read_names
from wavetank.model.events import clearing as clearing_events
from wavetank.model.events import matching as matching_events
from wavetank.model.events import oracle as oracle_events
from wavetank.model.events.clearing import FillRole
from wavetank.model.events.oracle import ConsumerBit
from wavetank.model.ids import FEE_ACCOUNT_ID, FIRST_CLIENT_ACCOUNT_ID, ROUNDING_ACCOUNT_ID
from wavetank.model.instrument import Instrument
from wavetank.model.orders import OrderFlag
from wavetank.model.record import Event, kind_of
from wavetank.v1 import account_pb2

_PAGE = 1_000
_ORACLE_KINDS = {
    kind_of(oracle_events.PricePublished),
    kind_of(oracle_events.FaultSet),
    kind_of(oracle_events.FaultEnded),
    kind_of(oracle_events.FundingTicked),
    kind_of(oracle_events.SourceStateChanged),
}
_MATCHING_KINDS = {kind_of(matching_events.Traded), kind_of(matching_events.PositionTransferred)}
_CLEARING_KINDS = {
    kind_of(cls)
    for cls in (
        clearing_events.Deposited,
        clearing_events.Withdrawn,
        clearing_events.FillBooked,
        clearing_events.FundingTickBooked,
        clearing_events.FundingBooked,
        clearing_events.CashTransferred,
        clearing_events.LiquidationStarted,
        clearing_events.LiquidationTested,
        clearing_events.LiquidationStepped,
        clearing_events.MatchingRequested,
        clearing_events.MatchingAnswered,
        clearing_events.AdlRanked,
        clearing_events.LiquidationEnded,
        matching_events.MarkApplied,
    )
}


@dataclass(slots=True)
class PriceSeries:
    """Prices of an instrument as published; times rise, prices are ticks."""

    times_ns: list[int] = field(default_factory=list[int])
    index_ticks: list[int] = field(default_factory=list[int])
    mark_ticks: list[int] = field(default_factory=list[int])
    index_time_ns: list[int] = field(default_factory=list[int])

    def append(self, event: oracle_events.PricePublished) -> None:
        """Add a publication."""
        self.times_ns.append(event.event_time_ns)
        self.index_ticks.append(event.index_price_ticks)
        self.mark_ticks.append(event.mark_price_ticks)
        self.index_time_ns.append(event.index_time_ns)

    def index_at(self, time_ns: int) -> int:
        """Return the index in force at a time; before the first publication the first."""
        return self.index_ticks[max(0, bisect_right(self.times_ns, time_ns) - 1)]


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault of one instrument; venue time, an open end is 0."""

    fault_id: int
    kind: int
    target: int
    instrument_id: int
    lag_ns: int
    magnitude_e12: int
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class TradeSeen:
    """A trade, for plots and sums."""

    at_ns: int
    instrument_id: int
    price_ticks: int
    size_lots: int
    is_liquidation: bool


@dataclass(frozen=True, slots=True)
class FundingTick:
    """A funding tick as the oracle gave it."""

    at_ns: int
    instrument_id: int
    tick: int
    rate_e12: int
    is_paid: bool


@dataclass(frozen=True, slots=True)
class PositionSeen:
    """A position at the end."""

    instrument_id: int
    lots: int
    mark_ticks: int


@dataclass(frozen=True, slots=True)
class AccountResult:
    """An account at the end, and where its profit came from; micro-dollars."""

    account_id: int
    name: str
    paid_in_micros: int
    cash_micros: int
    equity_micros: int
    """As clearing answered."""
    positions: tuple[PositionSeen, ...]
    fills: int
    maker_fills: int
    volume_micros: int
    split: Split
    by_instrument: dict[int, Split]

    @property
    def profit_micros(self) -> int:
        """Equity less what was paid in."""
        return self.equity_micros - self.paid_in_micros

    @property
    def residual_micros(self) -> int:
        """What the split does not explain of the ledger's figure: 0, or something is wrong."""
        return self.profit_micros - self.split.total_micros

    @property
    def is_venue(self) -> bool:
        """Whether the account is the venue's own."""
        return self.account_id < FIRST_CLIENT_ACCOUNT_ID


@dataclass(slots=True)
class Measured:
    """Everything that was measured."""

    instruments: dict[int, Instrument]
    seq: int
    """Of clearing's log, for which accounts and logs agree."""
    accounts: list[AccountResult] = field(default_factory=list[AccountResult])
    truth: dict[int, PriceSeries] = field(default_factory=dict[int, PriceSeries])
    clearing: dict[int, PriceSeries] = field(default_factory=dict[int, PriceSeries])
    """What clearing was told."""
    faults: list[FaultSpan] = field(default_factory=list[FaultSpan])
    funding: list[FundingTick] = field(default_factory=list[FundingTick])
    stale_sources: int = 0
    """How often a source of prices went stale."""
    trades: list[TradeSeen] = field(default_factory=list[TradeSeen])
    cases: list[Case] = field(default_factory=list[Case])
    ranking: list[AdlRow] = field(default_factory=list[AdlRow])

    @property
    def names(self) -> dict[int, str]:
        """Names of accounts by id."""
        return {account.account_id: account.name for account in self.accounts}

    def account(self, account_id: int) -> AccountResult:
        """Return one account."""
        return next(account for account in self.accounts if account.account_id == account_id)


def measure(connection: VenueConnection, client: "redis.Redis") -> Measured:
    """Measure a venue that still runs.

    Args:
        connection: with the administrator's key.
        client: of the Redis that holds its logs.

    Raises:
        CommandFailed: the venue does not answer.

    """
    ledger = connection.call(connection.accounts.ListAccounts, account_pb2.ListAccountsRequest(page_size=_PAGE))
    measured = Measured(read_names(client).instruments, ledger.seq)
    for happening in _read(client, ORACLE, _ORACLE_KINDS):
        _take_oracle(measured, happening.now_ns, happening.event)
    at_ns: dict[int, int] = {}
    for happening in _read(client, MATCHING, _MATCHING_KINDS):
        at_ns[happening.seq] = happening.now_ns
        if isinstance(happening.event, matching_events.Traded):
            measured.trades.append(_trade(happening.now_ns, happening.event))
    bookings = Bookings(measured, at_ns)
    for happening in _read(client, CLEARING, _CLEARING_KINDS):
        if happening.seq > ledger.seq:
            break
        bookings.take(happening.seq, happening.now_ns, happening.event)
    bookings.close(ledger.accounts)
    return measured


class Bookings:
    """Follows clearing's log, and closes with the ledger's own figures."""

    def __init__(self, measured: Measured, trade_time_ns: dict[int, int]) -> None:
        """Follow for `measured`; trades are looked up by their seq in the shard's log."""
        self._measured = measured
        self._trade_time_ns = trade_time_ns
        self._book = ProfitBook()
        self._cases = CaseBook()
        self._marks: dict[int, int] = {}
        self._fills: dict[int, list[int]] = {}

    def take(self, seq: int, at_ns: int, event: Event) -> None:
        """Take over an event of clearing's log."""
        match event:
            case matching_events.MarkApplied():
                self._marks[event.instrument_id] = event.mark_price_ticks
            case clearing_events.FillBooked():
                self._fill(event)
            case clearing_events.FundingBooked():
                self._book.holding(event.account_id, event.instrument_id).split.funding_micros += event.payment_micros
            case clearing_events.FundingTickBooked():
                rounding = self._book.holding(ROUNDING_ACCOUNT_ID, event.instrument_id)
                rounding.split.funding_micros += event.rounding_micros
            case clearing_events.Deposited():
                self._book.paid_in(event.account_id, event.amount_micros)
            case clearing_events.Withdrawn():
                self._book.paid_in(event.account_id, -event.amount_micros)
            case clearing_events.CashTransferred():
                self._book.cash_moved(
                    event.account_id, event.receiver_account_id, event.instrument_id, event.amount_micros
                )
                self._cases.take(seq, at_ns, event)
            case _:
                self._cases.take(seq, at_ns, event)

    def _fill(self, event: clearing_events.FillBooked) -> None:
        number = event.instrument_id
        holding = self._book.holding(event.account_id, number)
        is_transfer = event.role == FillRole.TRANSFER
        is_forced = is_transfer or (event.role == FillRole.TAKER and bool(event.flags & OrderFlag.LIQUIDATION))
        holding.trade(
            delta_lots=event.delta_lots,
            value_micros=event.value_micros,
            reference_ticks=self._measured.truth[number].index_at(self._trade_time_ns[event.matching_seq]),
            is_forced=is_forced,
        )
        holding.split.fees_micros -= event.fee_micros
        self._book.holding(FEE_ACCOUNT_ID, number).split.fees_micros += event.fee_micros
        if not is_transfer:
            counts = self._fills.setdefault(event.account_id, [0, 0, 0])
            counts[0] += 1
            counts[1] += event.role == FillRole.MAKER
            counts[2] += abs(event.value_micros)

    def close(self, accounts: Iterable[account_pb2.Account]) -> None:
        """Close with the accounts as clearing answered for them."""
        self._book.close(self._marks)
        for account in accounts:
            self._measured.accounts.append(self._result(account))
        self._measured.cases = sorted(self._cases.cases.values(), key=lambda case: case.began_ns)
        self._measured.ranking = self._cases.ranking

    def _result(self, account: account_pb2.Account) -> AccountResult:
        own = {
            number: holding for (owner, number), holding in self._book.holdings.items() if owner == account.account_id
        }
        fills, maker_fills, volume = self._fills.get(account.account_id, (0, 0, 0))
        return AccountResult(
            account_id=account.account_id,
            name=account.name,
            paid_in_micros=self._book.paid_in_micros.get(account.account_id, 0),
            cash_micros=account.cash_micros,
            equity_micros=account.equity_micros,
            positions=tuple(
                PositionSeen(number, holding.lots, self._marks[number])
                for number, holding in sorted(own.items())
                if holding.lots
            ),
            fills=fills,
            maker_fills=maker_fills,
            volume_micros=volume,
            split=self._book.of_account(account.account_id),
            by_instrument={number: holding.split for number, holding in sorted(own.items()) if number},
        )


def _read(client: "redis.Redis", log: str, wanted: set[int]) -> Iterator[Happening]:
    for _, entry in entries(client, log):
        yield from happenings(log, entry, wanted)


def _take_oracle(measured: Measured, now_ns: int, event: Event) -> None:
    match event:
        case oracle_events.PricePublished():
            if event.consumers & ConsumerBit.TRUTH:
                measured.truth.setdefault(event.instrument_id, PriceSeries()).append(event)
            if event.consumers & ConsumerBit.CLEARING:
                measured.clearing.setdefault(event.instrument_id, PriceSeries()).append(event)
        case oracle_events.FaultSet():
            measured.faults.append(
                FaultSpan(
                    event.fault_id,
                    event.kind,
                    event.target,
                    event.instrument_id,
                    event.lag_ns,
                    event.magnitude_e12,
                    event.start_time_ns,
                    0,
                )
            )
        case oracle_events.FaultEnded():
            measured.faults = [_ended(fault, event, now_ns) for fault in measured.faults]
        case oracle_events.FundingTicked():
            measured.funding.append(
                FundingTick(now_ns, event.instrument_id, event.tick, event.funding_rate_e12, bool(event.is_paid))
            )
        case oracle_events.SourceStateChanged():
            measured.stale_sources += event.standing == oracle_events.SourceStanding.STALE
        case _:
            pass


def _ended(fault: FaultSpan, event: oracle_events.FaultEnded, now_ns: int) -> FaultSpan:
    if (fault.fault_id, fault.instrument_id) != (event.fault_id, event.instrument_id) or fault.to_ns:
        return fault
    return FaultSpan(
        fault.fault_id,
        fault.kind,
        fault.target,
        fault.instrument_id,
        fault.lag_ns,
        fault.magnitude_e12,
        fault.from_ns,
        now_ns,
    )


def _trade(now_ns: int, event: matching_events.Traded) -> TradeSeen:
    return TradeSeen(
        now_ns,
        event.instrument_id,
        event.price_ticks,
        event.size_lots,
        bool(event.taker_flags & OrderFlag.LIQUIDATION),
    )


def check_tied(measured: Measured) -> None:
    """Refuse figures that the ledger does not bear out.

    Raises:
        CommandFailed: an account's split does not add up to clearing's figure.

    """
    for account in measured.accounts:
        if account.residual_micros:
            raise CommandFailed(
                f"the profit of {account.name} ({account.account_id}) is {account.profit_micros} micro-dollars by the "
                f"ledger and {account.split.total_micros} by its parts; {account.residual_micros} are not explained",
                hint="`wavetank audit` on the kept run directory says which log disagrees",
            )
