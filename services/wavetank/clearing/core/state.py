"""Clearing's state: what its own events leave behind, and nothing else.

`State.apply` is the only way in. The live process applies each event as it emits it, recovery
applies the same events from the log, so both end in the same state (PROTOCOL 4). Applying checks
the event against the state: one that does not fit means that the log or the ledger is wrong, and
raises `InvariantBroken`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from wavetank.clearing.core.cascades import Cascades, Link
from wavetank.clearing.core.fees import Fees
from wavetank.clearing.core.health import AccountKind, HealthBand, LiquidationStage
from wavetank.clearing.core.ledger import Ledger
from wavetank.clearing.core.margin_modes import (
    GROSS,
    Correlation,
    Margining,
    MarginMode,
    OffsetTerms,
    PositionMargin,
    StressRamp,
    account_margins,
)
from wavetank.clearing.core.valuation import LegValue, Valuation
from wavetank.model.events import clearing as events
from wavetank.model.events.matching import BookSampled, MarkApplied
from wavetank.model.ids import (
    BACKSTOP_VAULT_ID,
    FIRST_CLIENT_ACCOUNT_ID,
    INSURANCE_FUND_ID,
    ROUNDING_ACCOUNT_ID,
)
from wavetank.model.instrument import Instrument
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import CommandKind, LineStatus, OrderFlag

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


class Share:
    """What an account has on one shard (PROTOCOL R3).

    Its cash is parted among the shards: what a trade, a fee or a funding payment moves, it moves in the share of the
    instrument's shard, so that no fill on one shard ever changes what may be committed on another.
    """

    __slots__ = ("_ledger", "_row", "_shard", "hold", "received_ns")

    def __init__(self, ledger: Ledger, row: int, shard: int) -> None:
        """Stand for a part of a row of the ledger."""
        self._ledger = ledger
        self._row = row
        self._shard = shard
        self.received_ns = 0
        """When credit was last moved here from another shard; 0 for never."""
        self.hold: ShareHold | None = None

    @property
    def cash_micros(self) -> int:
        """Cash on the shard."""
        return self._ledger.part(self._row, self._shard)[0]

    @property
    def counted_value_micros(self) -> int:
        """Signed value of all its trades and transfers there, modulo 2^64 (PROTOCOL R2, Q)."""
        return self._ledger.part(self._row, self._shard)[1]

    @property
    def counted_fees_micros(self) -> int:
        """Its fees there, modulo 2^64 (F)."""
        return self._ledger.part(self._row, self._shard)[2]

    @property
    def waits(self) -> bool:
        """Whether the shard's acknowledgement is waited for."""
        return self.hold is not None and not self.hold.is_confirmed


@dataclass(slots=True)
class Escalation:
    """What a person is asked about, until it is over (LIQ-090)."""

    escalation_id: int
    kind: events.EscalationKind
    account_id: int
    instrument_id: int
    liquidation_id: int
    """Of a cascade its id."""
    raised_ns: int
    deadline_ns: int
    figure: int
    """Micro-dollars at stake; of a cascade its multiplier in ppm."""
    decision: events.Decision | None = None
    author: str = ""
    """Who decided; empty for the clock."""
    note: str = ""


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
    reserve_instrument_id: int = 0
    """What that order closes, or the last one that had a reserve."""
    insured: list[int] = field(default_factory=list)
    """Instruments that went through the book with the fund's reserve at these marks."""
    vault_took: bool = False
    """The backstop vault took legs over, so what cash is left follows them."""
    touched: list[int] = field(default_factory=list)
    """Instruments in which lots were closed, in order of the first close."""
    cascade_id: int = 0
    generation: int = 0
    """Its place in that cascade (LIQ-120)."""
    decisions: dict[int, int] = field(default_factory=dict)
    """What was decided of each kind of escalation; counts until it ends."""
    asks: int = 0
    """The escalation whose decision it waits for, or 0."""
    stress_ppm: int | None = None
    """Stress when inputs were frozen; None before (MRGN-030)."""


class Account:
    """One account; its money and its positions stand in a row of the ledger."""

    __slots__ = (
        "_ledger",
        "account_id",
        "cooldown_until_ns",
        "hold",
        "kind",
        "line_status",
        "liquidation",
        "margin_mode",
        "name",
        "row",
        "shares",
    )

    def __init__(self, ledger: Ledger, row: int, account_id: int, name: str, kind: AccountKind) -> None:
        """Stand for a row of the ledger."""
        self._ledger = ledger
        self.row = row
        self.account_id = account_id
        self.name = name
        self.kind = kind
        self.shares = [Share(ledger, row, shard) for shard in range(ledger.shards)]
        """By shard; their cash adds up to the account's."""
        self.line_status = LineStatus.NORMAL
        self.hold: Hold | None = None
        self.liquidation: Liquidation | None = None
        self.margin_mode = MarginMode.GROSS
        self.cooldown_until_ns: dict[int, int] = {}
        """By instrument, until when liquidation orders are for the whole position; a recovery does not end it."""

    @property
    def cash_micros(self) -> int:
        """Cash on all shards together."""
        return self._ledger.cash(self.row)

    @property
    def positions(self) -> dict[int, Position]:
        """Its positions by instrument id, ascending, as they are now."""
        return {key: Position(lots, cost) for key, lots, cost in self._ledger.positions(self.row)}

    @property
    def is_flat(self) -> bool:
        """Whether it has no position."""
        return not self._ledger.position_count(self.row)

    @property
    def band(self) -> HealthBand:
        """Band that was told last."""
        return HealthBand(self._ledger.band(self.row))

    @property
    def last_instrument_id(self) -> int:
        """Where it traded last, or 0; a deficit of an account that closed by itself arose there."""
        return self._ledger.last_instrument_id(self.row)


@dataclass(slots=True)
class Mark:
    """The last mark taken over for an instrument."""

    mark_price_ticks: int
    index_price_ticks: int
    index_time_ns: int
    oracle_seq: int
    is_stale: bool


@dataclass(frozen=True, slots=True)
class WaterfallTerms:
    """How the waterfall is set; see `WaterfallSet`."""

    stages_off: int = 0
    insurance_first: int = 0
    adl_policy: int = events.AdlPolicyKind.HYPERLIQUID

    @classmethod
    def of(cls, settings: ClearingSettings) -> WaterfallTerms:
        """Return the terms that settings ask for."""
        return cls(settings.stages_off, int(settings.insurance_first), int(settings.adl_policy))


@dataclass(slots=True)
class ApiKey:
    """An API key: whose it is and what it allows."""

    account_id: int
    secret_sha256: bytes
    scopes: int


def _end_holds(account: Account) -> None:
    account.hold = None
    for share in account.shares:
        if share.hold is not None and share.hold.receiver_shard == events.WITHDRAWAL:
            share.hold = None


OFFSETTING = frozenset({MarginMode.GROUP_OFFSET, MarginMode.SCENARIO})

_Handler = Callable[["State", Any, int, int], None]
_APPLIES: dict[type, _Handler] = {}


def _applies(*kinds: type) -> Callable[[_Handler], _Handler]:
    """Let a method apply events of these kinds."""

    def note(handler: _Handler) -> _Handler:
        _APPLIES.update(dict.fromkeys(kinds, handler))
        return handler

    return note


class State:
    """Everything clearing knows, in terms of the rules."""

    def __init__(self, settings: ClearingSettings) -> None:
        """Begin with nothing."""
        self.settings = settings
        limits = settings.health
        self.ledger = Ledger([(x.numerator, x.denominator) for x in (limits.warn, limits.reduce_only, limits.backstop)])
        self.accounts: dict[int, Account] = {}
        """By id, ascending."""
        self.names: set[str] = set()
        """Of the accounts."""
        self.liquidated: dict[int, Account] = {}
        """Those in liquidation, by id; in no order."""
        self.reserved: dict[int, int] = {}
        """What the insurance fund has set aside for orders in flight, by instrument."""
        self.handed_micros = 0
        """Value at mark of the legs that the backstop vault was asked to take over and has not yet."""
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
        self.escalations: dict[int, Escalation] = {}
        """By id: those that are open, and those decided whose matter is not over."""
        self.withdrawals_are_paused = False
        """By the operator."""
        self.venue_is_open = False
        self.fund_payments: dict[int, list[tuple[int, int]]] = {}
        """What the fund paid lately: by instrument, (venue time, amount)."""
        self.vault_pending: dict[int, events.MatchingRequested] = {}
        self.vault_next_step_ns: dict[int, int] = {}
        self.cascades = Cascades()
        self.waterfall = WaterfallTerms()
        """How the waterfall is set, as the log says."""
        self.offset_terms = OffsetTerms()
        """Correlations and haircuts of the offset modes."""
        self.deposited_micros = 0
        """Deposits less withdrawals."""
        self.fees = Fees(self.ledger)
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
        for account_id in self.ledger.holders(instrument_id):
            yield self.accounts[account_id]

    def legs(self, account: Account) -> list[tuple[Instrument, int, int]]:
        """Return an account's positions by instrument id: instrument, lots, cost."""
        return [
            (self.instruments[instrument_id], lots, cost)
            for instrument_id, lots, cost in self.ledger.positions(account.row)
        ]

    def value(self, account: Account, marks: dict[int, int] | None = None, stress_ppm: int | None = None) -> Valuation:
        """Value an account at frozen marks and stress, else at the last ones."""
        equity, maintenance, initial, notional, rows = self.ledger.value(account.row, marks or {})
        legs = tuple([LegValue(*row) for row in rows])
        margining = self.margining(account, stress_ppm)
        if margining.offsets:
            total = account_margins([self._margin_of(leg) for leg in legs], margining)
            maintenance, initial = total.maintenance_micros, total.initial_micros
        return Valuation(equity, maintenance, initial, notional, legs, self.settings.health, margining)

    def _margin_of(self, leg: LegValue) -> PositionMargin:
        instrument = self.instruments[leg.instrument_id]
        initial = instrument.margin.initial_micros(leg.notional_micros, instrument.max_leverage)
        return PositionMargin(leg.instrument_id, leg.lots > 0, initial, leg.maintenance_micros)

    def health(
        self, account: Account, marks: dict[int, int] | None = None, stress_ppm: int | None = None
    ) -> tuple[int, int]:
        """Return an account's equity and maintenance margin at frozen marks and stress, else at the last ones."""
        if account.margin_mode in OFFSETTING:
            value = self.value(account, marks, stress_ppm)
            return value.equity_micros, value.maintenance_micros
        return self.ledger.health(account.row, marks or {})

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
        marks = [self.marks[key] for key in self.ledger.instruments_of(account.row) if key in self.marks]
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
        lots, cost = self.ledger.position(account.row, instrument_id)
        return max(1, abs(cost) // abs(lots))

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
        marks = self.ledger.marks_of(account.row)
        stale = [instrument_id for instrument_id in marks if not self.is_valid(instrument_id, now_ns)]
        for instrument_id in stale:
            price = marks[instrument_id]
            margin = price * self.settings.stale_uncertainty_ppm // 10**6
            lots, _ = self.ledger.position(account.row, instrument_id)
            marks[instrument_id] = price + margin if lots > 0 else max(1, price - margin)
        return marks, stale

    def fallen_instruments(self, account: Account) -> list[int]:
        """Return the instruments that an account fell in: those it holds, else where it traded last."""
        last = account.last_instrument_id
        return self.ledger.instruments_of(account.row) or ([last] if last else [])

    def newest_mark_seq(self, account: Account) -> int:
        """Return the seq in the oracle's log of the newest mark of an account's legs, or 0."""
        held = self.ledger.instruments_of(account.row)
        return max([self.marks[key].oracle_seq for key in held if key in self.marks], default=0)

    def fund_available(self, instrument_id: int, now_ns: int) -> int:
        """Return what the insurance fund may pay for an instrument now (LIQ-070)."""
        settings = self.settings
        if not settings.fund_enabled:
            return 0
        spent = sum(
            amount
            for time_ns, amount in self.fund_payments.get(instrument_id, ())
            if now_ns - time_ns < settings.fund_window_ns
        )
        fund = self.accounts[INSURANCE_FUND_ID].cash_micros
        reserved_here = self.reserved.get(instrument_id, 0)
        return max(0, min(fund - self.reserved_micros, settings.fund_cap_micros - spent - reserved_here))

    @property
    def reserved_micros(self) -> int:
        """What the insurance fund has set aside for orders in flight."""
        return sum(self.reserved.values())

    def open_row(self, account_id: int, name: str, kind: AccountKind) -> Account:
        """Add an account; its row is a new one, unless the ledger has it."""
        row = self.ledger.row_of_account(account_id)
        account = self.accounts[account_id] = Account(self.ledger, row, account_id, name, kind)
        self.names.add(name)
        return account

    def liquidate(self, account: Account, liquidation: Liquidation) -> None:
        """Put an account into liquidation."""
        account.liquidation = liquidation
        where = liquidation.reserve_instrument_id
        self.reserved[where] = self.reserved.get(where, 0) + liquidation.reserve_micros
        self.handed_micros += sum(
            abs(request.value_micros)
            for request in liquidation.pending.values()
            if request.receiver_account_id == BACKSTOP_VAULT_ID
        )
        self.liquidated[account.account_id] = account
        self._watch(account)

    def set_margin_mode(self, account: Account, mode: MarginMode) -> None:
        """Margin an account's legs by another mode from now on."""
        account.margin_mode = mode
        self._watch(account)

    def _watch(self, account: Account) -> None:
        # The ledger knows the sum of the legs' margins alone; what offsets must be looked at one by one.
        self.ledger.watch(account.row, is_watched=account.liquidation is not None or account.margin_mode in OFFSETTING)

    def take_mark(self, instrument_id: int, mark: Mark) -> None:
        """Value positions in an instrument at a mark from now on."""
        self.marks[instrument_id] = mark
        if instrument_id in self.instruments:
            self.ledger.mark(instrument_id, mark.mark_price_ticks)

    def take_listing(self, instrument: Instrument) -> None:
        """Take over an instrument."""
        self.instruments[instrument.instrument_id] = instrument
        self.ledger.list_instrument(instrument)
        if instrument.instrument_id in self.marks:
            self.ledger.mark(instrument.instrument_id, self.marks[instrument.instrument_id].mark_price_ticks)

    def check_invariants(self) -> None:
        """Check what must hold after every transaction.

        Raises:
            InvariantBroken: money or lots were made or lost (INV-010, INV-020).

        """
        if self.ledger.conserved_micros != self.deposited_micros:
            message = (
                f"INV-010: accounts hold {self.ledger.conserved_micros} micro-dollars, "
                f"deposits less withdrawals are {self.deposited_micros}"
            )
            raise InvariantBroken(message)
        self.ledger.check()

    # Events

    def apply(self, event: Event, seq: int, now_ns: int) -> None:
        """Apply one event.

        Args:
            event: the event.
            seq: its position in clearing's log.
            now_ns: venue time of its entry.

        Raises:
            InvariantBroken: the event contradicts the state.

        """
        handler = _APPLIES.get(type(event))
        if handler is None:
            message = f"event {seq} at {now_ns}: {type(event).__name__} is none of clearing's"
            raise InvariantBroken(message)
        handler(self, event, seq, now_ns)

    def _account(self, account_id: int) -> Account:
        account = self.accounts.get(account_id)
        if account is None:
            message = f"account {account_id} does not exist"
            raise InvariantBroken(message)
        return account

    def _reserve(self, liquidation: Liquidation, amount_micros: int, instrument_id: int = 0) -> None:
        """Set aside what the order in flight may cost the fund; it is for one instrument until it is answered."""
        if instrument_id:
            liquidation.reserve_instrument_id = instrument_id
        where, change = liquidation.reserve_instrument_id, amount_micros - liquidation.reserve_micros
        if change:
            self.reserved[where] = self.reserved.get(where, 0) + change
        liquidation.reserve_micros = amount_micros

    def _liquidation(self, account_id: int, liquidation_id: int) -> Liquidation:
        liquidation = self._account(account_id).liquidation
        if liquidation is None or liquidation.liquidation_id != liquidation_id:
            message = f"account {account_id} is not in liquidation {liquidation_id}"
            raise InvariantBroken(message)
        return liquidation

    def _move_cash(self, account: Account, amount_micros: int, after_micros: int, instrument_id: int = 0) -> None:
        """Move cash in the share of an instrument's shard, or parted evenly among all shards if it has none."""
        self.ledger.add_cash(account.row, amount_micros, instrument_id)
        self._check_cash(account, after_micros)

    @staticmethod
    def _check_cash(account: Account, after_micros: int) -> None:
        if account.cash_micros != after_micros:
            message = f"account {account.account_id} has cash {account.cash_micros}, the event says {after_micros}"
            raise InvariantBroken(message)

    @_applies(events.AccountOpened)
    def _(self, event: events.AccountOpened, _seq: int, _now_ns: int) -> None:
        self.open_row(event.account_id, event.name.decode(), AccountKind(event.account_kind))
        if event.account_id >= self.next_account_id:
            self.next_account_id = event.account_id + 1

    @_applies(events.Deposited)
    def _(self, event: events.Deposited, _seq: int, _now_ns: int) -> None:
        self.deposited_micros += event.amount_micros
        self._move_cash(self._account(event.account_id), event.amount_micros, event.cash_after_micros)

    @_applies(events.WithdrawalHeld)
    def _(self, event: events.WithdrawalHeld, _seq: int, _now_ns: int) -> None:
        self._account(event.account_id).hold = Hold(event.amount_micros, event.line_epoch, event.line_number)

    @_applies(events.Withdrawn)
    def _(self, event: events.Withdrawn, _seq: int, _now_ns: int) -> None:
        account = self._account(event.account_id)
        self.deposited_micros -= event.amount_micros
        unheld = event.amount_micros
        for shard, share in enumerate(account.shares):
            if share.hold is not None and share.hold.receiver_shard == events.WITHDRAWAL:
                self.ledger.add_part(account.row, shard, -share.hold.amount_micros)
                unheld -= share.hold.amount_micros
        self.ledger.add_parts_evenly(account.row, -unheld)
        _end_holds(account)
        self.ledger.add_total(account.row, -event.amount_micros)
        self._check_cash(account, event.cash_after_micros)

    @_applies(events.WithdrawalRefused)
    def _(self, event: events.WithdrawalRefused, _seq: int, _now_ns: int) -> None:
        if event.was_held:
            _end_holds(self._account(event.account_id))

    @_applies(events.ShardOpened)
    def _(self, event: events.ShardOpened, seq: int, _now_ns: int) -> None:
        if event.shard != self.shards:
            message = f"event {seq}: shard {event.shard} opens, the next is {self.shards}"
            raise InvariantBroken(message)
        self.shards += 1
        self.matching_seqs.append(0)
        self.ledger.add_shard()
        for account in self.accounts.values():
            account.shares.append(Share(self.ledger, account.row, event.shard))

    @_applies(events.ShareHeld)
    def _(self, event: events.ShareHeld, seq: int, _now_ns: int) -> None:
        share = self._account(event.account_id).shares[event.shard]
        if share.hold is not None:
            message = f"event {seq}: account {event.account_id} has a hold on shard {event.shard} already"
            raise InvariantBroken(message)
        share.hold = ShareHold(
            event.amount_micros, event.least_micros, event.line_epoch, event.line_number, event.receiver_shard
        )

    @_applies(events.ShareConfirmed)
    def _(self, event: events.ShareConfirmed, _seq: int, _now_ns: int) -> None:
        hold = self._hold(event.account_id, event.shard)
        hold.amount_micros = event.amount_micros
        hold.is_confirmed = True

    @_applies(events.ShareMoved)
    def _(self, event: events.ShareMoved, seq: int, now_ns: int) -> None:
        hold = self._hold(event.account_id, event.shard)
        account = self._account(event.account_id)
        giver, receiver = account.shares[event.shard], account.shares[event.receiver_shard]
        giver.hold = None
        self.ledger.add_part(account.row, event.shard, -event.amount_micros)
        self.ledger.add_part(account.row, event.receiver_shard, event.amount_micros)
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

    @_applies(events.FillBooked)
    def _(self, event: events.FillBooked, seq: int, now_ns: int) -> None:
        account = self._account(event.account_id)
        leg = self.ledger.book(account.row, event.instrument_id, event.delta_lots, event.value_micros, event.fee_micros)
        booked = (leg.lots, leg.cost_micros, leg.realised_micros)
        if booked != (event.lots_after, event.cost_after_micros, event.realised_micros):
            message = f"event {seq} books {event}, the ledger says {leg}"
            raise InvariantBroken(message)
        self._check_cash(account, event.cash_after_micros)
        self.fees.count(event, now_ns)
        liquidation = account.liquidation
        if liquidation is not None:
            if event.instrument_id not in liquidation.touched:
                liquidation.touched.append(event.instrument_id)
            if liquidation.cascade_id:
                self._count_in_cascade(event, liquidation, now_ns)

    def _count_in_cascade(self, event: events.FillBooked, liquidation: Liquidation, now_ns: int) -> None:
        """Count a fill that a liquidation asked for; what its orders met before they were cancelled is none.

        Nor is a disposal that the vault had under way: its own liquidation asks for transfers alone.
        """
        cascade_id, generation = liquidation.cascade_id, liquidation.generation
        is_order = event.role == events.FillRole.TAKER and bool(event.flags & OrderFlag.LIQUIDATION)
        is_trade = is_order and event.account_id != BACKSTOP_VAULT_ID
        is_transfer = event.role == events.FillRole.TRANSFER and any(
            request.command == CommandKind.TRANSFER and request.instrument_id == event.instrument_id
            for request in liquidation.pending.values()
        )
        if is_trade or is_transfer:
            self.cascades.close(cascade_id, generation, event.value_micros, now_ns)
        if is_trade:
            book = self.books.get(event.instrument_id)
            depth = 0 if book is None else (book.ask_depth_lots if event.delta_lots > 0 else book.bid_depth_lots)
            link = Link(cascade_id, generation, event.instrument_id, event.trade_id)
            self.cascades.trade(link, abs(event.delta_lots), depth, now_ns)

    @_applies(MarkApplied)
    def _(self, event: MarkApplied, _seq: int, _now_ns: int) -> None:
        self.cascades.mark(event.instrument_id, event.mark_price_ticks, event.index_price_ticks)
        mark = Mark(
            event.mark_price_ticks,
            event.index_price_ticks,
            event.index_time_ns,
            event.oracle_seq,
            bool(event.stale),
        )
        self.take_mark(event.instrument_id, mark)

    @_applies(BookSampled)
    def _(self, event: BookSampled, _seq: int, _now_ns: int) -> None:
        self.books[event.instrument_id] = event

    @_applies(events.FundingTickBooked)
    def _(self, event: events.FundingTickBooked, seq: int, _now_ns: int) -> None:
        expected = self.funding_ticks.get(event.instrument_id, 0) + 1
        if event.tick != expected:
            message = f"event {seq}: funding tick {event.tick} follows {expected - 1}"
            raise InvariantBroken(message)
        self.funding_ticks[event.instrument_id] = event.tick
        self.funding_seq = event.oracle_seq
        rounding = self._account(ROUNDING_ACCOUNT_ID)
        self._move_cash(rounding, event.rounding_micros, rounding.cash_micros + event.rounding_micros)

    @_applies(events.FundingBooked)
    def _(self, event: events.FundingBooked, _seq: int, _now_ns: int) -> None:
        account = self._account(event.account_id)
        self._move_cash(account, event.payment_micros, event.cash_after_micros, event.instrument_id)

    @_applies(events.CashTransferred)
    def _(self, event: events.CashTransferred, _seq: int, now_ns: int) -> None:
        payer = self._account(event.account_id)
        receiver = self._account(event.receiver_account_id)
        self._move_cash(payer, -event.amount_micros, event.payer_cash_after_micros, event.instrument_id)
        self._move_cash(receiver, event.amount_micros, event.receiver_cash_after_micros, event.instrument_id)
        if event.cause in {events.CashCause.FUND_TOP_UP, events.CashCause.DEFICIT_FUND}:
            liquidation = self._liquidation(receiver.account_id, event.liquidation_id)
            liquidation.fund_paid_micros += event.amount_micros
            self._reserve(liquidation, max(0, liquidation.reserve_micros - event.amount_micros))
            window = self.settings.fund_window_ns
            recent = self.fund_payments.get(event.instrument_id, [])
            self.fund_payments[event.instrument_id] = [
                payment for payment in recent if now_ns - payment[0] < window
            ] + [(now_ns, event.amount_micros)]
        elif event.cause == events.CashCause.FUND_REPAYMENT:
            liquidation = self._liquidation(payer.account_id, event.liquidation_id)
            liquidation.fund_paid_micros -= event.amount_micros

    @_applies(events.HealthBandChanged)
    def _(self, event: events.HealthBandChanged, _seq: int, _now_ns: int) -> None:
        self.ledger.set_band(self._account(event.account_id).row, HealthBand(event.current))

    @_applies(events.LineStatusChanged)
    def _(self, event: events.LineStatusChanged, _seq: int, _now_ns: int) -> None:
        self._account(event.account_id).line_status = LineStatus(event.status)

    @_applies(events.LiquidationStarted)
    def _(self, event: events.LiquidationStarted, _seq: int, _now_ns: int) -> None:
        account = self._account(event.account_id)
        if account.liquidation is not None:
            message = f"account {event.account_id} is in liquidation already"
            raise InvariantBroken(message)
        liquidation = Liquidation(event.liquidation_id)
        if account.is_flat and account.last_instrument_id:
            liquidation.touched.append(account.last_instrument_id)
        self.liquidate(account, liquidation)

    @_applies(events.LiquidationTested)
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

    @_applies(events.LiquidationStepped)
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
            self._reserve(liquidation, event.reserve_micros, instrument_id)
            if instrument_id and instrument_id not in liquidation.insured:
                liquidation.insured.append(instrument_id)

    @_applies(events.MatchingRequested)
    def _(self, event: events.MatchingRequested, seq: int, now_ns: int) -> None:
        if event.liquidation_id == 0:
            self.vault_pending[seq] = event
            step_ns = now_ns + self.settings.vault_step_ns
            self.vault_next_step_ns[event.instrument_id] = step_ns
        else:
            self._liquidation(event.account_id, event.liquidation_id).pending[seq] = event
            if event.receiver_account_id == BACKSTOP_VAULT_ID:
                self.handed_micros += abs(event.value_micros)

    @_applies(events.MatchingAnswered)
    def _(self, event: events.MatchingAnswered, _seq: int, _now_ns: int) -> None:
        if event.liquidation_id == 0:
            del self.vault_pending[event.request_seq]
            return
        liquidation = self._liquidation(event.account_id, event.liquidation_id)
        request = liquidation.pending.pop(event.request_seq)
        if request.receiver_account_id == BACKSTOP_VAULT_ID:
            self.handed_micros -= abs(request.value_micros)
        self._reserve(liquidation, 0)
        liquidation.unfilled = event.done_lots < abs(request.size_lots)
        if request.receiver_account_id == BACKSTOP_VAULT_ID and event.done_lots and request.receiver_may_increase:
            liquidation.vault_took = True

    @_applies(events.AdlRanked, events.Deleveraged, events.FundingIntervalSet)
    def _(self, _event: Event, _seq: int, _now_ns: int) -> None:
        # Told for the record: the legs and the listing they speak of come by their own events.
        return

    @_applies(events.WaterfallSet)
    def _(self, event: events.WaterfallSet, _seq: int, _now_ns: int) -> None:
        self.waterfall = WaterfallTerms(event.stages_off, event.insurance_first, event.adl_policy)

    @_applies(events.CascadeJoined)
    def _(self, event: events.CascadeJoined, _seq: int, now_ns: int) -> None:
        liquidation = self._liquidation(event.account_id, event.liquidation_id)
        liquidation.cascade_id, liquidation.generation = event.cascade_id, event.generation
        instruments = self.fallen_instruments(self._account(event.account_id))
        window_ns = self.settings.cascade_window_ns
        self.cascades.join(event.cascade_id, event.generation, instruments, now_ns, window_ns)
        for instrument_id in instruments:
            mark = self.marks.get(instrument_id)
            if mark is not None:
                self.cascades.mark(instrument_id, mark.mark_price_ticks, mark.index_price_ticks)

    @_applies(events.CascadeEnded)
    def _(self, event: events.CascadeEnded, _seq: int, _now_ns: int) -> None:
        self.cascades.end(event.cascade_id)

    @_applies(events.LiquidationEnded)
    def _(self, event: events.LiquidationEnded, _seq: int, now_ns: int) -> None:
        liquidation = self._liquidation(event.account_id, event.liquidation_id)
        if liquidation.cascade_id:
            self.cascades.leave(liquidation.cascade_id, now_ns)
        self._reserve(liquidation, 0)
        account = self.liquidated.pop(event.account_id)
        account.liquidation = None
        self._watch(account)

    @_applies(events.WithdrawalsGated)
    def _(self, event: events.WithdrawalsGated, _seq: int, _now_ns: int) -> None:
        self.gated_until_ns = event.until_ns

    @_applies(events.InstrumentListed)
    def _(self, event: events.InstrumentListed, _seq: int, _now_ns: int) -> None:
        self._listing = event
        self._tiers = []

    @_applies(events.MarginTierListed)
    def _(self, event: events.MarginTierListed, seq: int, _now_ns: int) -> None:
        head = self._listing
        if head is None or head.instrument_id != event.instrument_id:
            message = f"event {seq}: a margin tier without its instrument"
            raise InvariantBroken(message)
        self._tiers.append(event)
        if len(self._tiers) == head.tier_count:
            self.take_listing(Instrument.from_listing(head, self._tiers))
            self._listing = None

    @_applies(events.ApiKeyCreated)
    def _(self, event: events.ApiKeyCreated, _seq: int, _now_ns: int) -> None:
        self.api_keys[event.key_id.decode()] = ApiKey(
            event.account_id, event.secret_sha256.ljust(32, b"\0"), event.scopes
        )

    @_applies(events.ApiKeyRevoked)
    def _(self, event: events.ApiKeyRevoked, _seq: int, _now_ns: int) -> None:
        self.api_keys.pop(event.key_id.decode(), None)

    @_applies(events.VenueGateMoved)
    def _(self, event: events.VenueGateMoved, _seq: int, _now_ns: int) -> None:
        self.venue_is_open = bool(event.is_open)

    @_applies(events.OperatorActed)
    def _(self, event: events.OperatorActed, _seq: int, _now_ns: int) -> None:
        if event.action == events.OperatorAction.PAUSE_WITHDRAWALS:
            self.withdrawals_are_paused = True
        elif event.action == events.OperatorAction.RESUME_WITHDRAWALS:
            self.withdrawals_are_paused = False

    @_applies(events.EscalationRaised)
    def _(self, event: events.EscalationRaised, seq: int, now_ns: int) -> None:
        self.escalations[seq] = Escalation(
            seq,
            events.EscalationKind(event.kind),
            event.account_id,
            event.instrument_id,
            event.liquidation_id,
            now_ns,
            event.deadline_ns,
            event.figure,
        )
        if event.account_id:
            self._liquidation(event.account_id, event.liquidation_id).asks = seq

    @_applies(events.EscalationDecided)
    def _(self, event: events.EscalationDecided, seq: int, _now_ns: int) -> None:
        escalation = self.escalations.get(event.escalation_id)
        if escalation is None:
            message = f"event {seq}: escalation {event.escalation_id} is decided and was not raised"
            raise InvariantBroken(message)
        escalation.decision = events.Decision(event.decision)
        escalation.author, escalation.note = event.author.decode(), event.note.decode()
        if event.account_id:
            liquidation = self._liquidation(event.account_id, escalation.liquidation_id)
            liquidation.decisions[int(escalation.kind)] = event.decision
            if liquidation.asks == event.escalation_id:
                liquidation.asks = 0

    @_applies(events.EscalationEnded)
    def _(self, event: events.EscalationEnded, _seq: int, _now_ns: int) -> None:
        self.escalations.pop(event.escalation_id, None)

    @_applies(events.FeeScheduleSet, events.FeeStepSet)
    def _(self, event: events.FeeScheduleSet | events.FeeStepSet, _seq: int, _now_ns: int) -> None:
        self.fees.scheduled(event)

    @_applies(events.FeeDayBegan)
    def _(self, event: events.FeeDayBegan, _seq: int, _now_ns: int) -> None:
        self.fees.began(event)

    @_applies(events.FeeRatesChanged)
    def _(self, event: events.FeeRatesChanged, _seq: int, _now_ns: int) -> None:
        self._account(event.account_id)
        self.fees.changed(event)

    @_applies(events.MarginModeChanged)
    def _(self, event: events.MarginModeChanged, _seq: int, _now_ns: int) -> None:
        self.set_margin_mode(self._account(event.account_id), MarginMode(event.mode))

    @_applies(events.GroupCorrelated)
    def _(self, event: events.GroupCorrelated, _seq: int, _now_ns: int) -> None:
        groups = {**self.offset_terms.groups_ppm, event.group.decode(): event.correlation_ppm}
        self.offset_terms = replace(self.offset_terms, groups_ppm=groups)

    @_applies(events.InstrumentCorrelated)
    def _(self, event: events.InstrumentCorrelated, seq: int, _now_ns: int) -> None:
        offset = Correlation(event.group.decode(), event.correlation_ppm)
        if offset.group and offset.group not in self.offset_terms.groups_ppm:
            message = f"event {seq}: instrument {event.instrument_id} joins a group {offset.group} that is not there"
            raise InvariantBroken(message)
        instruments = {**self.offset_terms.instruments, event.instrument_id: offset}
        self.offset_terms = replace(self.offset_terms, instruments=instruments)

    @_applies(events.HaircutsSet)
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
