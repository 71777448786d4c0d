"""Clearing's state: what its own events leave behind, and nothing else.

`State.apply` is the only way in. The live process applies each event as it emits it, recovery
applies the same events from the log, so both end in the same state (PROTOCOL 4). Applying checks
the event against the state: one that does not fit means that the log or the ledger is wrong, and
raises `InvariantBroken`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from wavetank.clearing.core.health import AccountKind, HealthBand, LiquidationStage
from wavetank.clearing.core.ledger import book_leg, wrap64
from wavetank.clearing.core.margin_modes import (
    GROSS,
    Correlation,
    Margining,
    MarginMode,
    OffsetTerms,
    StressRamp,
)
from wavetank.clearing.core.valuation import Valuation, value_account
from wavetank.model.events import clearing as events
from wavetank.model.events.matching import BookSampled, MarkApplied
from wavetank.model.ids import (
    BACKSTOP_VAULT_ID,
    FEE_ACCOUNT_ID,
    FIRST_CLIENT_ACCOUNT_ID,
    INSURANCE_FUND_ID,
    ROUNDING_ACCOUNT_ID,
)
from wavetank.model.instrument import Instrument
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import LineStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.clearing.core.settings import ClearingSettings
    from wavetank.model.record import Event


@dataclass(slots=True)
class Position:
    """Signed lots and signed cost in one instrument."""

    lots: int
    cost_micros: int


@dataclass(slots=True)
class Hold:
    """A withdrawal that waits for acknowledgements; the shards' parts of it are held in the shares (PROTOCOL R8)."""

    amount_micros: int
    line_epoch: int
    line_number: int


@dataclass(slots=True)
class ShareHold:
    """Part of a share that waits for its shard's acknowledgement (PROTOCOL R8)."""

    amount_micros: int
    least_micros: int
    """With less than this to spare nothing moves to the other shard."""
    line_epoch: int
    line_number: int
    receiver_shard: int
    """Shard that asks for it, or `WITHDRAWAL`."""
    is_confirmed: bool = False
    """The shard has acknowledged; the rest of the withdrawal is waited for."""


@dataclass(slots=True)
class Share:
    """What an account has on one shard (PROTOCOL R3).

    Its cash is parted among the shards: what a trade, a fee or a funding payment moves, it moves in the share of the
    instrument's shard, so that no fill on one shard ever changes what may be committed on another.
    """

    cash_micros: int = 0
    counted_value_micros: int = 0
    """Signed value of all its trades and transfers there, modulo 2^64 (PROTOCOL R2, Q)."""
    counted_fees_micros: int = 0
    """Its fees there, modulo 2^64 (F)."""
    received_ns: int = 0
    """When credit was last moved here from another shard; 0 for never."""
    hold: ShareHold | None = None

    @property
    def waits(self) -> bool:
        """Whether the shard's acknowledgement is waited for."""
        return self.hold is not None and not self.hold.is_confirmed


@dataclass(slots=True)
class Liquidation:
    """Where one account stands in the waterfall."""

    liquidation_id: int
    stage: LiquidationStage = LiquidationStage.CANCEL
    marks: dict[int, int] = field(default_factory=dict)
    """Frozen marks by instrument; a stale leg stands at the better end of its uncertainty."""
    stale: list[int] = field(default_factory=list)
    """Instruments whose mark was stale when frozen; they do not trade."""
    pending: dict[int, events.MatchingRequested] = field(default_factory=dict)
    """Requests sent and not yet answered, by id."""
    mark_seq: int = 0
    """Seq in the oracle's log of the newest of the frozen marks."""
    waits: bool = False
    """Nothing more can be done before a mark newer than the frozen ones."""
    unfilled: bool = False
    """The last order left something unfilled."""
    depth_limited: bool = False
    """An order was cut to the book's depth at these inputs; its share of that depth is used up."""
    fund_paid_micros: int = 0
    """Paid by the insurance fund so far, less what was repaid."""
    reserve_micros: int = 0
    """Set aside by the fund for the order in flight."""
    insured: list[int] = field(default_factory=list)
    """Instruments that went through the book with the fund's reserve at these marks."""
    vault_took: bool = False
    """The backstop vault took legs over, so what cash is left follows them."""
    touched: list[int] = field(default_factory=list)
    """Instruments in which lots were closed, in order of the first close."""
    stress_ppm: int | None = None
    """Stress when inputs were frozen; None before (MRGN-030)."""


@dataclass(slots=True)
class Account:
    """One account of the ledger."""

    account_id: int
    name: str
    kind: AccountKind
    cash_micros: int = 0
    positions: dict[int, Position] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=lambda: [Share()])
    """By shard; their cash adds up to the account's."""
    band: HealthBand = HealthBand.HEALTHY
    line_status: LineStatus = LineStatus.NORMAL
    hold: Hold | None = None
    liquidation: Liquidation | None = None
    last_instrument_id: int = 0
    """Where it traded last; a deficit of an account that closed by itself arose there."""
    cooldown_until_ns: dict[int, int] = field(default_factory=dict)
    """By instrument, until when liquidation orders are for the whole position; a recovery does not end it."""
    margin_mode: MarginMode = MarginMode.GROSS


@dataclass(slots=True)
class Mark:
    """The last mark taken over for an instrument."""

    mark_price_ticks: int
    index_price_ticks: int
    index_time_ns: int
    oracle_seq: int
    is_stale: bool


@dataclass(slots=True)
class ApiKey:
    """An API key: whose it is and what it allows."""

    account_id: int
    secret_sha256: bytes
    scopes: int


def part_evenly(account: Account, amount_micros: int) -> None:
    """Part an amount evenly among an account's shares; what does not divide goes to shard 0."""
    shares = account.shares
    each = amount_micros // len(shares)
    for share in shares:
        share.cash_micros += each
    shares[0].cash_micros += amount_micros - each * len(shares)


def _end_holds(account: Account) -> None:
    account.hold = None
    for share in account.shares:
        if share.hold is not None and share.hold.receiver_shard == events.WITHDRAWAL:
            share.hold = None


class State:
    """Everything clearing knows, in terms of the rules."""

    def __init__(self, settings: ClearingSettings) -> None:
        """Begin with nothing."""
        self.settings = settings
        self.accounts: dict[int, Account] = {}
        self.instruments: dict[int, Instrument] = {}
        self.marks: dict[int, Mark] = {}
        self.books: dict[int, BookSampled] = {}
        self.api_keys: dict[str, ApiKey] = {}
        self.funding_ticks: dict[int, int] = {}
        self.funding_seq = 0
        self.shards = 1
        """Matching shards that trade; numbered from 0."""
        self.matching_seqs = [0]
        """By shard, seq of its log up to which it was counted."""
        self.next_account_id = FIRST_CLIENT_ACCOUNT_ID
        self.gated_until_ns = 0
        self.venue_is_open = False
        self.fund_payments: dict[int, list[tuple[int, int]]] = {}
        """What the fund paid lately: by instrument, (venue time, amount)."""
        self.vault_pending: dict[int, events.MatchingRequested] = {}
        self.vault_next_step_ns: dict[int, int] = {}
        self.offset_terms = OffsetTerms()
        """Correlations and haircuts of the offset modes."""
        self.deposited_micros = 0
        """Deposits less withdrawals."""
        self.conserved_micros = 0
        """Sum over all accounts of cash less cost; equals `deposited_micros` (INV-010)."""
        self.total_lots: dict[int, int] = {}
        """Sum of all positions by instrument; 0 after every transaction (INV-020)."""
        self.total_cost_micros: dict[int, int] = {}
        self._listing: events.InstrumentListed | None = None
        self._tiers: list[events.MarginTierListed] = []

    # Questions

    @property
    def matching_seq(self) -> int:
        """Facts of the matching logs counted so far, of all shards together."""
        return sum(self.matching_seqs)

    def shard_of(self, instrument_id: int) -> int:
        """Return the shard that trades an instrument."""
        return self.instruments[instrument_id].shard

    def holders(self, instrument_id: int) -> Iterator[Account]:
        """Yield the accounts with a position in an instrument, by id."""
        for account_id in sorted(self.accounts):
            account = self.accounts[account_id]
            if instrument_id in account.positions:
                yield account

    def legs(self, account: Account) -> list[tuple[Instrument, int, int]]:
        """Return an account's positions by instrument id: instrument, lots, cost."""
        return [
            (self.instruments[instrument_id], position.lots, position.cost_micros)
            for instrument_id, position in sorted(account.positions.items())
        ]

    def value(self, account: Account, marks: dict[int, int] | None = None, stress_ppm: int | None = None) -> Valuation:
        """Value an account at frozen marks and stress, else at the last ones."""

        def mark_of(instrument_id: int) -> int:
            if marks is not None and instrument_id in marks:
                return marks[instrument_id]
            return self.mark_ticks(account, instrument_id)

        margining = self.margining(account, stress_ppm)
        return value_account(account.cash_micros, self.legs(account), mark_of, self.settings.health, margining)

    def margining(self, account: Account, stress_ppm: int | None = None) -> Margining:
        """Return how an account's legs are margined together, at a frozen stress, else at the last (MRGN-030)."""
        if account.margin_mode == MarginMode.GROSS:
            return GROSS
        stress = self.stress_ppm(account) if stress_ppm is None else stress_ppm
        return Margining(account.margin_mode, self.offset_terms, stress)

    def stress_ppm(self, account: Account) -> int:
        """Return the widest gap between mark and index among an account's instruments, in ppm of the index, rounded up.

        A mark that runs away from its index is what breaks the correlations that the offset modes rest on (MRGN-030).
        """
        marks = [self.marks[key] for key in account.positions if key in self.marks]
        gaps = ((abs(mark.mark_price_ticks - mark.index_price_ticks), mark.index_price_ticks) for mark in marks)
        return max((-(-gap * 10**6 // index) for gap, index in gaps), default=0)

    def mark_ticks(self, account: Account, instrument_id: int) -> int:
        """Return the mark at which one of an account's positions is valued.

        The shard may trade before the first mark has been delivered to clearing, since each reads
        the oracle's log for itself; until then a position stands at its entry, and is not valid.
        """
        mark = self.marks.get(instrument_id)
        if mark is not None:
            return mark.mark_price_ticks
        position = account.positions[instrument_id]
        return max(1, abs(position.cost_micros) // abs(position.lots))

    def is_valid(self, instrument_id: int, now_ns: int) -> bool:
        """Tell whether an instrument's mark may be used to liquidate (ORCL-030, LIQ-010)."""
        mark = self.marks.get(instrument_id)
        return (
            mark is not None
            and mark.mark_price_ticks > 0
            and not mark.is_stale
            and now_ns - mark.index_time_ns <= self.settings.stale_after_ns
        )

    def testing_marks(self, account: Account, now_ns: int) -> tuple[dict[int, int], list[int]]:
        """Return the marks to test an account at, and which of its legs are stale (LIQ-010).

        A stale leg stands at the better end of its uncertainty for the account.
        """
        marks: dict[int, int] = {}
        stale = []
        for instrument_id, position in sorted(account.positions.items()):
            price = self.mark_ticks(account, instrument_id)
            if not self.is_valid(instrument_id, now_ns):
                stale.append(instrument_id)
                margin = price * self.settings.stale_uncertainty_ppm // 10**6
                price = price + margin if position.lots > 0 else max(1, price - margin)
            marks[instrument_id] = price
        return marks, stale

    def newest_mark_seq(self, account: Account) -> int:
        """Return the seq in the oracle's log of the newest mark of an account's legs, or 0."""
        return max((self.marks[key].oracle_seq for key in account.positions if key in self.marks), default=0)

    def fund_available(self, instrument_id: int, now_ns: int) -> int:
        """Return what the insurance fund may pay for an instrument now (LIQ-070)."""
        settings = self.settings
        if not settings.fund_enabled:
            return 0
        reserved = sum(
            account.liquidation.reserve_micros for account in self.accounts.values() if account.liquidation is not None
        )
        spent = sum(
            amount
            for time_ns, amount in self.fund_payments.get(instrument_id, ())
            if now_ns - time_ns < settings.fund_window_ns
        )
        fund = self.accounts[INSURANCE_FUND_ID].cash_micros
        return max(0, min(fund - reserved, settings.fund_cap_micros - spent))

    def check_invariants(self) -> None:
        """Check what must hold after every transaction.

        Raises:
            InvariantBroken: money or lots were made or lost (INV-010, INV-020).

        """
        if self.conserved_micros != self.deposited_micros:
            message = (
                f"INV-010: accounts hold {self.conserved_micros} micro-dollars, "
                f"deposits less withdrawals are {self.deposited_micros}"
            )
            raise InvariantBroken(message)
        for instrument_id, lots in self.total_lots.items():
            if lots:
                message = f"INV-020: positions in instrument {instrument_id} sum to {lots} lots"
                raise InvariantBroken(message)

    # Events

    @singledispatchmethod
    def apply(self, event: Event, seq: int, now_ns: int) -> None:
        """Apply one event.

        Args:
            event: the event.
            seq: its position in clearing's log.
            now_ns: venue time of its entry.

        Raises:
            InvariantBroken: the event contradicts the state.

        """
        message = f"event {seq} at {now_ns}: {type(event).__name__} is none of clearing's"
        raise InvariantBroken(message)

    def _account(self, account_id: int) -> Account:
        account = self.accounts.get(account_id)
        if account is None:
            message = f"account {account_id} does not exist"
            raise InvariantBroken(message)
        return account

    def _liquidation(self, account_id: int, liquidation_id: int) -> Liquidation:
        liquidation = self._account(account_id).liquidation
        if liquidation is None or liquidation.liquidation_id != liquidation_id:
            message = f"account {account_id} is not in liquidation {liquidation_id}"
            raise InvariantBroken(message)
        return liquidation

    def _move_cash(self, account: Account, amount_micros: int, after_micros: int, instrument_id: int = 0) -> None:
        """Move cash in the share of an instrument's shard, or parted evenly among all shards if it has none."""
        if instrument_id:
            account.shares[self.shard_of(instrument_id)].cash_micros += amount_micros
        else:
            part_evenly(account, amount_micros)
        self._add_cash(account, amount_micros, after_micros)

    def _add_cash(self, account: Account, amount_micros: int, after_micros: int) -> None:
        account.cash_micros += amount_micros
        self.conserved_micros += amount_micros
        if account.cash_micros != after_micros:
            message = f"account {account.account_id} has cash {account.cash_micros}, the event says {after_micros}"
            raise InvariantBroken(message)

    @apply.register
    def _(self, event: events.AccountOpened, _seq: int, _now_ns: int) -> None:
        account = Account(event.account_id, event.name.decode(), AccountKind(event.account_kind))
        account.shares = [Share() for _ in range(self.shards)]
        self.accounts[event.account_id] = account
        if event.account_id >= self.next_account_id:
            self.next_account_id = event.account_id + 1

    @apply.register
    def _(self, event: events.Deposited, _seq: int, _now_ns: int) -> None:
        self.deposited_micros += event.amount_micros
        self._move_cash(self._account(event.account_id), event.amount_micros, event.cash_after_micros)

    @apply.register
    def _(self, event: events.WithdrawalHeld, _seq: int, _now_ns: int) -> None:
        self._account(event.account_id).hold = Hold(event.amount_micros, event.line_epoch, event.line_number)

    @apply.register
    def _(self, event: events.Withdrawn, _seq: int, _now_ns: int) -> None:
        account = self._account(event.account_id)
        self.deposited_micros -= event.amount_micros
        unheld = event.amount_micros
        for share in account.shares:
            if share.hold is not None and share.hold.receiver_shard == events.WITHDRAWAL:
                share.cash_micros -= share.hold.amount_micros
                unheld -= share.hold.amount_micros
        part_evenly(account, -unheld)
        _end_holds(account)
        self._add_cash(account, -event.amount_micros, event.cash_after_micros)

    @apply.register
    def _(self, event: events.WithdrawalRefused, _seq: int, _now_ns: int) -> None:
        if event.was_held:
            _end_holds(self._account(event.account_id))

    @apply.register
    def _(self, event: events.ShardOpened, seq: int, _now_ns: int) -> None:
        if event.shard != self.shards:
            message = f"event {seq}: shard {event.shard} opens, the next is {self.shards}"
            raise InvariantBroken(message)
        self.shards += 1
        self.matching_seqs.append(0)
        for account in self.accounts.values():
            account.shares.append(Share())

    @apply.register
    def _(self, event: events.ShareHeld, seq: int, _now_ns: int) -> None:
        share = self._account(event.account_id).shares[event.shard]
        if share.hold is not None:
            message = f"event {seq}: account {event.account_id} has a hold on shard {event.shard} already"
            raise InvariantBroken(message)
        share.hold = ShareHold(
            event.amount_micros, event.least_micros, event.line_epoch, event.line_number, event.receiver_shard
        )

    @apply.register
    def _(self, event: events.ShareConfirmed, _seq: int, _now_ns: int) -> None:
        hold = self._hold(event.account_id, event.shard)
        hold.amount_micros = event.amount_micros
        hold.is_confirmed = True

    @apply.register
    def _(self, event: events.ShareMoved, seq: int, now_ns: int) -> None:
        hold = self._hold(event.account_id, event.shard)
        shares = self._account(event.account_id).shares
        giver, receiver = shares[event.shard], shares[event.receiver_shard]
        giver.hold = None
        giver.cash_micros -= event.amount_micros
        receiver.cash_micros += event.amount_micros
        if event.amount_micros:
            receiver.received_ns = now_ns
        moved = (hold.receiver_shard, giver.cash_micros, receiver.cash_micros)
        said = (event.receiver_shard, event.giver_cash_after_micros, event.receiver_cash_after_micros)
        if moved != said or not 0 <= event.amount_micros <= hold.amount_micros:
            message = f"event {seq} says {event}, the shares say {moved} with {hold.amount_micros} held"
            raise InvariantBroken(message)

    def _hold(self, account_id: int, shard: int) -> ShareHold:
        hold = self._account(account_id).shares[shard].hold
        if hold is None:
            message = f"account {account_id} has nothing held on shard {shard}"
            raise InvariantBroken(message)
        return hold

    @apply.register
    def _(self, event: events.FillBooked, seq: int, _now_ns: int) -> None:
        account = self._account(event.account_id)
        position = account.positions.get(event.instrument_id) or Position(0, 0)
        before = position.cost_micros
        leg = book_leg(position.lots, before, event.delta_lots, event.value_micros)
        booked = (leg.lots, leg.cost_micros, leg.realised_micros)
        if booked != (event.lots_after, event.cost_after_micros, event.realised_micros):
            message = f"event {seq} books {event}, the ledger says {leg}"
            raise InvariantBroken(message)
        if leg.lots:
            account.positions[event.instrument_id] = Position(leg.lots, leg.cost_micros)
        else:
            account.positions.pop(event.instrument_id, None)
        realised = leg.realised_micros - event.fee_micros
        self._move_cash(account, realised, event.cash_after_micros, event.instrument_id)
        fees = self._account(FEE_ACCOUNT_ID)
        self._move_cash(fees, event.fee_micros, fees.cash_micros + event.fee_micros)
        self.conserved_micros -= leg.cost_micros - before
        totals, costs = self.total_lots, self.total_cost_micros
        totals[event.instrument_id] = totals.get(event.instrument_id, 0) + event.delta_lots
        costs[event.instrument_id] = costs.get(event.instrument_id, 0) + leg.cost_micros - before
        account.last_instrument_id = event.instrument_id
        share = account.shares[self.shard_of(event.instrument_id)]
        share.counted_value_micros = wrap64(share.counted_value_micros + event.value_micros)
        share.counted_fees_micros = wrap64(share.counted_fees_micros + event.fee_micros)
        liquidation = account.liquidation
        if liquidation is not None and event.instrument_id not in liquidation.touched:
            liquidation.touched.append(event.instrument_id)

    @apply.register
    def _(self, event: MarkApplied, _seq: int, _now_ns: int) -> None:
        self.marks[event.instrument_id] = Mark(
            event.mark_price_ticks,
            event.index_price_ticks,
            event.index_time_ns,
            event.oracle_seq,
            bool(event.stale),
        )

    @apply.register
    def _(self, event: BookSampled, _seq: int, _now_ns: int) -> None:
        self.books[event.instrument_id] = event

    @apply.register
    def _(self, event: events.FundingTickBooked, seq: int, _now_ns: int) -> None:
        expected = self.funding_ticks.get(event.instrument_id, 0) + 1
        if event.tick != expected:
            message = f"event {seq}: funding tick {event.tick} follows {expected - 1}"
            raise InvariantBroken(message)
        self.funding_ticks[event.instrument_id] = event.tick
        self.funding_seq = event.oracle_seq
        rounding = self._account(ROUNDING_ACCOUNT_ID)
        self._move_cash(rounding, event.rounding_micros, rounding.cash_micros + event.rounding_micros)

    @apply.register
    def _(self, event: events.FundingBooked, _seq: int, _now_ns: int) -> None:
        account = self._account(event.account_id)
        self._move_cash(account, event.payment_micros, event.cash_after_micros, event.instrument_id)

    @apply.register
    def _(self, event: events.CashTransferred, _seq: int, now_ns: int) -> None:
        payer = self._account(event.account_id)
        receiver = self._account(event.receiver_account_id)
        self._move_cash(payer, -event.amount_micros, event.payer_cash_after_micros, event.instrument_id)
        self._move_cash(receiver, event.amount_micros, event.receiver_cash_after_micros, event.instrument_id)
        if event.cause in {events.CashCause.FUND_TOP_UP, events.CashCause.DEFICIT_FUND}:
            liquidation = self._liquidation(receiver.account_id, event.liquidation_id)
            liquidation.fund_paid_micros += event.amount_micros
            liquidation.reserve_micros = max(0, liquidation.reserve_micros - event.amount_micros)
            window = self.settings.fund_window_ns
            recent = self.fund_payments.get(event.instrument_id, [])
            self.fund_payments[event.instrument_id] = [
                payment for payment in recent if now_ns - payment[0] < window
            ] + [(now_ns, event.amount_micros)]
        elif event.cause == events.CashCause.FUND_REPAYMENT:
            liquidation = self._liquidation(payer.account_id, event.liquidation_id)
            liquidation.fund_paid_micros -= event.amount_micros

    @apply.register
    def _(self, event: events.HealthBandChanged, _seq: int, _now_ns: int) -> None:
        self._account(event.account_id).band = HealthBand(event.current)

    @apply.register
    def _(self, event: events.LineStatusChanged, _seq: int, _now_ns: int) -> None:
        self._account(event.account_id).line_status = LineStatus(event.status)

    @apply.register
    def _(self, event: events.LiquidationStarted, _seq: int, _now_ns: int) -> None:
        account = self._account(event.account_id)
        if account.liquidation is not None:
            message = f"account {event.account_id} is in liquidation already"
            raise InvariantBroken(message)
        account.liquidation = Liquidation(event.liquidation_id)
        if not account.positions and account.last_instrument_id:
            account.liquidation.touched.append(account.last_instrument_id)

    @apply.register
    def _(self, event: events.LiquidationTested, _seq: int, now_ns: int) -> None:
        account = self._account(event.account_id)
        liquidation = self._liquidation(event.account_id, event.liquidation_id)
        liquidation.waits = event.outcome == events.LiquidationOutcome.WAITS
        if not liquidation.waits:
            liquidation.mark_seq = event.mark_seq
            liquidation.marks, liquidation.stale = self.testing_marks(account, now_ns)
            liquidation.stress_ppm = self.stress_ppm(account)
            liquidation.insured = []
            liquidation.unfilled = False
            liquidation.depth_limited = False

    @apply.register
    def _(self, event: events.LiquidationStepped, _seq: int, now_ns: int) -> None:
        account = self._account(event.account_id)
        liquidation = account.liquidation
        if liquidation is None:
            return
        liquidation.stage = LiquidationStage(event.stage)
        instrument_id = event.instrument_id
        if event.cause == events.StepCause.LARGE_POSITION_FIRST_SLICE:
            until_ns = now_ns + self.settings.partial_cooldown_ns
            account.cooldown_until_ns[instrument_id] = until_ns
        if event.cause == events.StepCause.DEPTH_LIMITED:
            liquidation.depth_limited = True
        if liquidation.stage == LiquidationStage.INSURANCE:
            liquidation.reserve_micros = event.reserve_micros
            if instrument_id not in liquidation.insured:
                liquidation.insured.append(instrument_id)

    @apply.register
    def _(self, event: events.MatchingRequested, seq: int, now_ns: int) -> None:
        if event.liquidation_id == 0:
            self.vault_pending[seq] = event
            step_ns = now_ns + self.settings.vault_step_ns
            self.vault_next_step_ns[event.instrument_id] = step_ns
        else:
            self._liquidation(event.account_id, event.liquidation_id).pending[seq] = event

    @apply.register
    def _(self, event: events.MatchingAnswered, _seq: int, _now_ns: int) -> None:
        if event.liquidation_id == 0:
            del self.vault_pending[event.request_seq]
            return
        liquidation = self._liquidation(event.account_id, event.liquidation_id)
        request = liquidation.pending.pop(event.request_seq)
        liquidation.reserve_micros = 0
        liquidation.unfilled = event.done_lots < abs(request.size_lots)
        if request.receiver_account_id == BACKSTOP_VAULT_ID and event.done_lots and request.receiver_may_increase:
            liquidation.vault_took = True

    @apply.register(events.AdlRanked)
    @apply.register(events.Deleveraged)
    def _(self, _event: Event, _seq: int, _now_ns: int) -> None:
        # Told for the record: the legs they speak of are booked by their own events.
        return

    @apply.register
    def _(self, event: events.LiquidationEnded, _seq: int, _now_ns: int) -> None:
        self._liquidation(event.account_id, event.liquidation_id)
        self._account(event.account_id).liquidation = None

    @apply.register
    def _(self, event: events.WithdrawalsGated, _seq: int, _now_ns: int) -> None:
        self.gated_until_ns = event.until_ns

    @apply.register
    def _(self, event: events.InstrumentListed, _seq: int, _now_ns: int) -> None:
        self._listing = event
        self._tiers = []

    @apply.register
    def _(self, event: events.MarginTierListed, seq: int, _now_ns: int) -> None:
        head = self._listing
        if head is None or head.instrument_id != event.instrument_id:
            message = f"event {seq}: a margin tier without its instrument"
            raise InvariantBroken(message)
        self._tiers.append(event)
        if len(self._tiers) == head.tier_count:
            self.instruments[head.instrument_id] = Instrument.from_listing(head, self._tiers)
            self._listing = None

    @apply.register
    def _(self, event: events.ApiKeyCreated, _seq: int, _now_ns: int) -> None:
        self.api_keys[event.key_id.decode()] = ApiKey(
            event.account_id, event.secret_sha256.ljust(32, b"\0"), event.scopes
        )

    @apply.register
    def _(self, event: events.ApiKeyRevoked, _seq: int, _now_ns: int) -> None:
        self.api_keys.pop(event.key_id.decode(), None)

    @apply.register
    def _(self, event: events.VenueGateMoved, _seq: int, _now_ns: int) -> None:
        self.venue_is_open = bool(event.is_open)

    @apply.register
    def _(self, event: events.MarginModeChanged, _seq: int, _now_ns: int) -> None:
        self._account(event.account_id).margin_mode = MarginMode(event.mode)

    @apply.register
    def _(self, event: events.GroupCorrelated, _seq: int, _now_ns: int) -> None:
        groups = {**self.offset_terms.groups_ppm, event.group.decode(): event.correlation_ppm}
        self.offset_terms = replace(self.offset_terms, groups_ppm=groups)

    @apply.register
    def _(self, event: events.InstrumentCorrelated, seq: int, _now_ns: int) -> None:
        offset = Correlation(event.group.decode(), event.correlation_ppm)
        if offset.group and offset.group not in self.offset_terms.groups_ppm:
            message = f"event {seq}: instrument {event.instrument_id} joins a group {offset.group} that is not there"
            raise InvariantBroken(message)
        instruments = {**self.offset_terms.instruments, event.instrument_id: offset}
        self.offset_terms = replace(self.offset_terms, instruments=instruments)

    @apply.register
    def _(self, event: events.HaircutsSet, _seq: int, _now_ns: int) -> None:
        self.offset_terms = replace(
            self.offset_terms,
            group_haircut=StressRamp(
                event.group_calm_ppm, event.group_largest_ppm, event.group_begins_ppm, event.group_full_ppm
            ),
            scenario_haircut=StressRamp(
                event.scenario_calm_ppm, event.scenario_largest_ppm, event.scenario_begins_ppm, event.scenario_full_ppm
            ),
            floor_ppm=event.floor_ppm,
        )
