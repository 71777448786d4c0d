"""A venue of clearing's core alone: the test says what the shard and the oracle would have written.

It exists so that a test can drive the waterfall through answers a real book gives only now and then: an order that
fills in part, a transfer that was clipped, two answers in one entry. Facts are handed over one entry at a time, as the
logs would; every event the core emits goes through its record and back before it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tests.model.trades import traded
from wavetank.clearing.core.account import Account
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.clearing.core.snapshot import dump, load
from wavetank.clearing.core.state import State
from wavetank.model.events.clearing import MatchingRequested
from wavetank.model.events.matching import (
    BookSampled,
    CreditApplied,
    PositionTransferred,
    RequestAnswered,
    Traded,
)
from wavetank.model.events.oracle import EVERYBODY, FundingTicked, PricePublished
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID, INSURANCE_FUND_ID
from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.orders import CommandKind, Side
from wavetank.model.record import decode, encode
from wavetank.model.validity import Validity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wavetank.model.record import Event

MICROS = 1_000_000
BTC, ETH, SOL = 1, 2, 3
START_NS = 1_000 * SECOND_NS

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Logged:
    """One event of clearing's log: its seq, the venue time of its entry, itself."""

    seq: int
    now_ns: int
    event: Event


@dataclass
class Scene:
    """Clearing's core, and what its two sources have told it so far."""

    settings: ClearingSettings = field(default_factory=ClearingSettings)
    instruments: tuple[Instrument, ...] = field(default_factory=default_instruments)
    fund_micros: int = 1_000_000 * MICROS
    now_ns: int = START_NS
    log: list[Logged] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """Lengths of the log at which an entry ended."""
    matching_seq: int = 0
    oracle_seq: int = 0
    trades: int = 0
    names: int = 0
    epoch: int = 1
    ticks: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.core = Clearing(self.settings, epoch=self.epoch)
        self.core.begin(self.now_ns, self.instruments, self.fund_micros)
        self.keep()

    # What the core has said

    @property
    def state(self) -> State:
        return self.core.state

    def keep(self) -> list[Event]:
        """Take the core's events over as one entry, each through its record; return them."""
        first = self.core.last_seq + 1
        taken = self.core.take_events()
        first -= len(taken)
        for seq, event in enumerate(taken, first):
            copy = decode(encode(event))
            assert encode(copy) == encode(event), f"the record of {event} reads back as {copy}"
            self.log.append(Logged(seq, self.now_ns, copy))
        self.cuts.append(len(self.log))
        return taken

    def all(self, kind: type[Kind]) -> list[Kind]:
        """Return every event of a kind so far, in order."""
        return [logged.event for logged in self.log if isinstance(logged.event, kind)]

    def last(self, kind: type[Kind]) -> Kind:
        return self.all(kind)[-1]

    def requests(self, account_id: int | None = None) -> list[tuple[int, MatchingRequested]]:
        """Return requests without an answer, in order of id; of one account, or of all."""
        return [
            (seq, request)
            for seq, request in self.core.unanswered_requests()
            if account_id is None or request.account_id == account_id
        ]

    def request(self, account_id: int) -> tuple[int, MatchingRequested]:
        """Return the only request of an account."""
        (only,) = self.requests(account_id)
        return only

    def account(self, account_id: int) -> Account:
        return self.state.accounts[account_id]

    def lots(self, account_id: int, instrument_id: int) -> int:
        position = self.account(account_id).positions.get(instrument_id)
        return position.lots if position is not None else 0

    def cash(self, account_id: int) -> int:
        return self.account(account_id).cash_micros

    def is_open(self) -> bool:
        return self.state.venue_is_open

    @property
    def fund(self) -> int:
        return self.cash(INSURANCE_FUND_ID)

    def recovered(self, cut: int = 0) -> State:
        """Return the state that the log alone rebuilds, with the cursor its last entry would carry.

        At `cut`, an entry's end, the state goes through a snapshot: what stands behind it must suffice.
        """
        state = State(self.settings)
        for position, logged in enumerate(self.log):
            if position and position == cut:
                state = load(dump(state), self.settings)
            state.apply(logged.event, logged.seq, logged.now_ns)
        state.matching_seqs = list(self.state.matching_seqs)
        return state

    def assert_recoverable(self, cut: int = 0) -> None:
        """Assert that log and snapshot both lead to the very state that the core has."""
        live = dump(self.state)
        assert dump(self.recovered(cut)) == live
        assert dump(load(live, self.settings)) == live

    def restart(self) -> None:
        """Kill clearing, and let a new process go on from the log."""
        self.epoch += 1
        self.core = Clearing(
            self.settings, epoch=self.epoch, state=self.recovered(), last_seq=self.log[-1].seq if self.log else 0
        )
        self.core.begin(self.now_ns, self.instruments, self.fund_micros)
        self.keep()

    # What people do

    def open(self, dollars: int) -> int:
        """Open an account with so many dollars; return its id."""
        self.names += 1
        account = self.core.bank.open_account(f"account-{self.names}", dollars * MICROS)
        self.keep()
        return account.account_id

    def pass_time(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND_NS
        self.core.on_tick(self.now_ns)
        self.keep()

    # What the oracle writes

    def mark(
        self,
        instrument_id: int,
        ticks: int,
        *,
        index_ticks: int | None = None,
        stale: bool = False,
        validity: Validity = Validity.VALID,
        age_ns: int = 0,
        consumers: int = EVERYBODY,
    ) -> list[Event]:
        """Publish a mark one second later; return what clearing says."""
        self.now_ns += SECOND_NS
        return self.oracle(
            PricePublished(
                instrument_id=instrument_id,
                account_id=0,
                index_price_ticks=ticks if index_ticks is None else index_ticks,
                mark_price_ticks=ticks,
                index_time_ns=self.now_ns - age_ns,
                event_time_ns=self.now_ns,
                funding_rate_e12=0,
                consumers=consumers,
                validity=int(Validity.STALE if stale else validity),
            )
        )

    def oracle(self, *facts: Event) -> list[Event]:
        """Hand over one entry of the oracle's log."""
        first = self.oracle_seq + 1
        self.oracle_seq += len(facts)
        self.core.on_oracle(self.now_ns, first, facts)
        return self.keep()

    def funding(self, instrument_id: int, rate_e12: int, index_ticks: int, *, paid: bool = True) -> list[Event]:
        """Write the next funding tick of an instrument."""
        tick = self.ticks.get(instrument_id, 0) + 1
        self.ticks[instrument_id] = tick
        return self.oracle(
            FundingTicked(
                instrument_id=instrument_id,
                account_id=0,
                tick=tick,
                funding_rate_e12=rate_e12,
                index_price_ticks=index_ticks,
                premium_e12=0,
                due_time_ns=self.now_ns,
                samples=720,
                expected_samples=720,
                is_paid=int(paid),
            )
        )

    # What the shard writes

    def shard(self, *facts: Event) -> list[Event]:
        """Hand over one entry of the shard's log."""
        first = self.matching_seq + 1
        self.matching_seq += len(facts)
        self.core.on_matching(self.now_ns, first, facts)
        return self.keep()

    def traded(
        self,
        instrument_id: int,
        taker: int,
        maker: int,
        lots: int,
        price_ticks: int,
        *,
        taker_fee: int = 0,
        maker_fee: int = 0,
        liquidation: bool = False,
    ) -> Traded:
        """Return a trade of signed lots for the taker."""
        self.trades += 1
        return traded(
            self.trades,
            instrument_id,
            taker,
            maker,
            lots,
            price_ticks,
            taker_fee=taker_fee,
            maker_fee=maker_fee,
            liquidation=liquidation,
        )

    def trade(
        self, instrument_id: int, taker: int, maker: int, lots: int, price_ticks: int, **fees: int
    ) -> list[Event]:
        return self.shard(
            self.traded(
                instrument_id,
                taker,
                maker,
                lots,
                price_ticks,
                taker_fee=fees.get("taker_fee", 0),
                maker_fee=fees.get("maker_fee", 0),
            )
        )

    def answered(
        self, seq: int, request: MatchingRequested, done_lots: int = 0, done_value: int = 0
    ) -> RequestAnswered:
        return RequestAnswered(
            instrument_id=request.instrument_id,
            account_id=request.account_id,
            request_seq=seq,
            done_lots=done_lots,
            done_value_micros=done_value,
            request_number=0,
            command=request.command,
            reason=0,
        )

    def cancelled(self, account_id: int) -> list[Event]:
        """Answer an account's cancel request."""
        seq, request = self.request(account_id)
        assert request.command == CommandKind.CANCEL_ACCOUNT
        return self.shard(self.answered(seq, request))

    def filled(self, account_id: int, *fills: tuple[int, int, int]) -> list[Event]:
        """Answer an account's order in the book: (maker, lots unsigned, price) each, in one entry."""
        seq, request = self.request(account_id)
        assert request.command == CommandKind.LIQUIDATE
        sign = 1 if request.side == Side.BUY else -1
        facts: list[Event] = []
        done = value = 0
        for maker, lots, price in fills:
            inside = price <= request.price_ticks if sign > 0 else price >= request.price_ticks
            assert inside, f"a fill at {price} is outside the limit {request.price_ticks}"
            facts.append(self.traded(request.instrument_id, account_id, maker, sign * lots, price, liquidation=True))
            done += lots
            value += lots * price
        assert done <= request.size_lots
        return self.shard(*facts, self.answered(seq, request, done, value))

    def transferred(self, seq: int, request: MatchingRequested, *, lots: int | None = None) -> Sequence[Event]:
        """Return the facts of a transfer, of all that was asked or of fewer lots (unsigned)."""
        moved = abs(request.size_lots) if lots is None else lots
        if moved == 0:
            return [self.answered(seq, request)]
        sign = 1 if request.size_lots > 0 else -1
        scaled = abs(request.value_micros) * moved // abs(request.size_lots)
        value = scaled if request.value_micros >= 0 else -scaled
        return [
            PositionTransferred(
                instrument_id=request.instrument_id,
                account_id=request.account_id,
                receiver_account_id=request.receiver_account_id,
                giver_delta_lots=sign * moved,
                giver_value_micros=value,
                requested_delta_lots=request.size_lots,
                request_seq=seq,
                request_number=0,
            ),
            self.answered(seq, request, moved, scaled),
        ]

    def transfer_all(self, account_id: int) -> list[Event]:
        """Carry out every transfer an account asked for, in one entry."""
        facts: list[Event] = []
        for seq, request in self.requests(account_id):
            assert request.command == CommandKind.TRANSFER
            facts.extend(self.transferred(seq, request))
        return self.shard(*facts)

    def credit_applied(self, account_id: int, line_number: int, committed_micros: int, epoch: int = 0) -> list[Event]:
        """Let the shard acknowledge a line, of the present epoch unless another is named."""
        return self.shard(
            CreditApplied(
                instrument_id=0,
                account_id=account_id,
                line_epoch=epoch or self.epoch,
                line_number=line_number,
                committed_micros=committed_micros,
            )
        )

    def book(
        self, instrument_id: int, *, bid: int, ask: int, impact_bid: int, impact_ask: int, depth_lots: int
    ) -> list[Event]:
        """Sample a book: best prices, impact prices in ticks, lots on each side."""
        return self.shard(
            BookSampled(
                instrument_id=instrument_id,
                account_id=0,
                bid_price_ticks=bid,
                bid_size_lots=depth_lots,
                ask_price_ticks=ask,
                ask_size_lots=depth_lots,
                last_price_ticks=bid,
                impact_bid_e6=impact_bid * 10**6,
                impact_ask_e6=impact_ask * 10**6,
                bid_depth_lots=depth_lots,
                ask_depth_lots=depth_lots,
                open_interest_lots=0,
                sample_time_ns=self.now_ns,
            )
        )


def clients(scene: Scene) -> list[Account]:
    """Return the clients' accounts, by id."""
    return [account for key, account in sorted(scene.state.accounts.items()) if key >= FIRST_CLIENT_ACCOUNT_ID]
