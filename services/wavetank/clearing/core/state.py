"""Clearing's state: what its own events leave behind, and nothing else.

`State.apply` is the only way in. The live process applies each event as it emits it, recovery
applies the same events from the log, so both end in the same state (PROTOCOL 4). Applying checks
the event against the state: one that does not fit means that the log or the ledger is wrong, and
raises `InvariantBroken`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wavetank.clearing.core.account import Account, Liquidation, PlayUnderWay
from wavetank.clearing.core.applied import HANDLERS
from wavetank.clearing.core.cascades import Cascades
from wavetank.clearing.core.fees import Fees
from wavetank.clearing.core.health import AccountKind
from wavetank.clearing.core.ledger import Ledger
from wavetank.clearing.core.limits import Limits
from wavetank.clearing.core.margin_modes import (
    GROSS,
    OFFSETTING,
    Margining,
    MarginMode,
    OffsetTerms,
    account_margins,
)
from wavetank.clearing.core.valuation import LegValue, Valuation
from wavetank.clearing.core.venue_facts import ApiKey, CollateralBook, Escalation, Mark, Steering, WaterfallTerms
from wavetank.model.events import clearing as events
from wavetank.model.events.matching import BookSampled
from wavetank.model.ids import (
    BACKSTOP_VAULT_ID,
    FIRST_CLIENT_ACCOUNT_ID,
    INSURANCE_FUND_ID,
)
from wavetank.model.instrument import Instrument, Listings
from wavetank.model.invariant import InvariantBroken
from wavetank.model.validity import Action, Validity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.clearing.core.collateral_terms import CollateralTerms
    from wavetank.clearing.core.settings import ClearingSettings
    from wavetank.model.record import Event


class TestInputs(NamedTuple):
    """What an account is tested at (LIQ-010); prices in ticks."""

    marks: dict[int, int]
    """Of its legs, by instrument."""
    indexes: dict[int, int]
    """Of its collateral, by instrument."""
    stale: list[int]
    """Instruments whose price is not valid, ascending."""


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
        self.families: dict[int, list[int]] = {}
        """By account, its sub-accounts in the order of their opening."""
        self.liquidated: dict[int, Account] = {}
        """Those in liquidation, by id; in no order."""
        self.playing: dict[int, Account] = {}
        """Twins that are not whole yet and accounts being reset, by id; in no order."""
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
        self.steering = Steering()
        """What the operator set."""
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
        self.limits = Limits()
        self.collateral = CollateralBook()
        self.deposited_micros = 0
        """Deposits less withdrawals, and what collateral was sold for."""
        self.fees = Fees(self.ledger, self.family_of)
        self.listings = Listings()

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

    def sub_accounts_of(self, account_id: int) -> list[int]:
        """Return the ids of an account's sub-accounts, ascending."""
        return self.families.get(account_id, [])

    def family_of(self, account_id: int) -> list[int]:
        """Return an account's owner and all of that one's sub-accounts, itself among them."""
        owner_id = self.accounts[account_id].owner_id
        return [owner_id, *self.families.get(owner_id, ())]

    def legs(self, account: Account) -> list[tuple[Instrument, int, int]]:
        """Return an account's positions by instrument id: instrument, lots, cost."""
        return [
            (self.instruments[instrument_id], lots, cost)
            for instrument_id, lots, cost in self.ledger.positions(account.row)
        ]

    def value(
        self,
        account: Account,
        marks: dict[int, int] | None = None,
        stress_ppm: int | None = None,
        indexes: dict[int, int] | None = None,
    ) -> Valuation:
        """Value an account at frozen marks, stress, and indexes of its collateral, else at the last ones."""
        counted = None if indexes is None else self.counted_at(account, indexes)
        equity, maintenance, initial, notional, rows = self.ledger.value(account.row, marks or {}, counted)
        legs = tuple([LegValue(*row) for row in rows])
        margining = self.margining(account, stress_ppm)
        if margining.offsets:
            total = account_margins([leg.margin for leg in legs], margining)
            maintenance, initial = total.maintenance_micros, total.initial_micros
        return Valuation(equity, maintenance, initial, notional, legs, self.settings.health, margining)

    def health(
        self,
        account: Account,
        marks: dict[int, int] | None = None,
        stress_ppm: int | None = None,
        indexes: dict[int, int] | None = None,
    ) -> tuple[int, int]:
        """Return an account's equity and maintenance margin; see `value`."""
        if account.margin_mode in OFFSETTING:
            value = self.value(account, marks, stress_ppm, indexes)
            return value.equity_micros, value.maintenance_micros
        counted = None if indexes is None else self.counted_at(account, indexes)
        return self.ledger.health(account.row, marks or {}, counted)

    def counting_collateral(self, account: Account) -> dict[int, int]:
        """Return the lots of an account's collateral by instrument id, ascending, of what can count at all."""
        return {
            key: lots
            for key, lots, _, _ in self.ledger.collateral(account.row)
            if self.collateral.terms_of(key).weight_ppm
        }

    def counted_at(self, account: Account, indexes: dict[int, int]) -> int:
        """Return what an account's collateral counts at frozen indexes; what they do not name counts nothing."""
        return sum(
            self.collateral.terms_of(key).counted(lots, indexes.get(key, 0))
            for key, lots in self.counting_collateral(account).items()
        )

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
        if mark is None or mark.mark_price_ticks <= 0:
            return False
        is_old = now_ns - mark.index_time_ns > self.settings.stale_after_ns
        validity = max(mark.validity, Validity.STALE) if is_old else mark.validity
        return self.settings.tolerances.allows(Action.LIQUIDATE, validity)

    def carries_margin(self, instrument_id: int) -> bool:
        """Tell whether credit may rest on an instrument's mark and index, and gains by them be paid out (ORCL-030)."""
        mark = self.marks.get(instrument_id)
        return mark is not None and self.settings.tolerances.allows(Action.MARGIN, mark.validity)

    def test_inputs(self, account: Account, now_ns: int) -> TestInputs:
        """Return what to test an account at (LIQ-010).

        A stale leg, and collateral by a stale index, stand at the better end of their uncertainty for the account.
        """
        marks = self.ledger.marks_of(account.row)
        indexes = {
            key: self.marks[key].index_price_ticks if key in self.marks else 0
            for key in self.counting_collateral(account)
        }
        stale = [key for key in sorted(marks.keys() | indexes.keys()) if not self.is_valid(key, now_ns)]
        for instrument_id in stale:
            if instrument_id in marks:
                price = marks[instrument_id]
                lots, _ = self.ledger.position(account.row, instrument_id)
                marks[instrument_id] = price + self._doubt(price) if lots > 0 else max(1, price - self._doubt(price))
            if instrument_id in indexes:
                indexes[instrument_id] += self._doubt(indexes[instrument_id])
        return TestInputs(marks, indexes, stale)

    def _doubt(self, price_ticks: int) -> int:
        return price_ticks * self.settings.stale_uncertainty_ppm // 10**6

    def fallen_instruments(self, account: Account) -> list[int]:
        """Return the instruments that an account fell in: those it holds, else where it traded last."""
        last = account.last_instrument_id
        return self.ledger.instruments_of(account.row) or ([last] if last else [])

    def newest_mark_seq(self, account: Account) -> int:
        """Return the seq in the oracle's log of the newest mark of an account's legs and collateral, or 0."""
        held = {*self.ledger.instruments_of(account.row), *self.counting_collateral(account)}
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

    def open_row(self, account_id: int, name: str, kind: AccountKind, parent_id: int = 0) -> Account:
        """Add an account; its row is a new one, unless the ledger has it."""
        row = self.ledger.row_of_account(account_id)
        account = self.accounts[account_id] = Account(self.ledger, row, account_id, name, kind)
        self.names.add(name)
        if parent_id:
            account.parent_id = parent_id
            self.families.setdefault(parent_id, []).append(account_id)
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
        self.watch(account)

    def set_margin_mode(self, account: Account, mode: MarginMode, instrument_id: int = 0) -> None:
        """Margin an account's legs by another mode from now on; an isolated one trades one instrument."""
        account.margin_mode = mode
        account.mode_change = None
        account.isolated_instrument_id = instrument_id
        self.watch(account)

    def play(self, account: Account, under_way: PlayUnderWay | None) -> None:
        """Begin to clone or reset an account, or end it."""
        account.play = under_way
        if under_way is not None:
            self.playing[account.account_id] = account
        else:
            del self.playing[account.account_id]

    def watch(self, account: Account) -> None:
        """Have an account looked at after each fact that concerns it, if the ledger alone cannot tell how it stands."""
        # The ledger knows the sum of the legs' margins alone; what offsets must be looked at one by one.
        self.ledger.watch(account.row, is_watched=account.liquidation is not None or account.margin_mode in OFFSETTING)

    def take_mark(self, instrument_id: int, mark: Mark) -> None:
        """Value positions in an instrument at a mark from now on."""
        self.marks[instrument_id] = mark
        if instrument_id in self.instruments:
            self._price(instrument_id, mark)

    def take_listing(self, instrument: Instrument) -> None:
        """Take over an instrument."""
        self.instruments[instrument.instrument_id] = instrument
        self.ledger.list_instrument(instrument)
        if instrument.instrument_id in self.marks:
            self._price(instrument.instrument_id, self.marks[instrument.instrument_id])

    def _price(self, instrument_id: int, mark: Mark) -> None:
        self.ledger.mark(instrument_id, mark.mark_price_ticks)
        self.ledger.index(instrument_id, mark.index_price_ticks)
        self.ledger.date_price(instrument_id, mark.index_time_ns if self.carries_margin(instrument_id) else None)

    def set_collateral_terms(self, instrument_id: int, terms: CollateralTerms) -> None:
        """Let the base asset of an instrument count by these terms from now on."""
        self.collateral.terms[instrument_id] = terms
        self.ledger.set_collateral(instrument_id, terms.weight_ppm, terms.cap_micros)

    def move_collateral(self, account: Account, instrument_id: int, delta_lots: int, after: int) -> None:
        """Move collateral in or out.

        Raises:
            InvariantBroken: the account has not so much, or not what the event says is left.

        """
        self.collateral.lots[instrument_id] = self.collateral.lots.get(instrument_id, 0) + delta_lots
        left = self.ledger.add_collateral(account.row, instrument_id, delta_lots)
        if left != after:
            message = f"account {account.account_id} has {left} lots of collateral, the event says {after}"
            raise InvariantBroken(message)

    def check_invariants(self) -> None:
        """Check what must hold after every transaction.

        Raises:
            InvariantBroken: money, lots or collateral were made or lost (INV-010, INV-020, MRGN-080).

        """
        if self.ledger.conserved_micros != self.deposited_micros:
            message = (
                f"INV-010: accounts hold {self.ledger.conserved_micros} micro-dollars, "
                f"deposits less withdrawals are {self.deposited_micros}"
            )
            raise InvariantBroken(message)
        self.ledger.check()
        pledged = self.ledger.pledged_lots()
        if pledged != {key: lots for key, lots in self.collateral.lots.items() if lots}:
            message = (
                f"MRGN-080: accounts have collateral {pledged}, what came less what left is {self.collateral.lots}"
            )
            raise InvariantBroken(message)

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
        handler = HANDLERS.get(type(event))
        if handler is None:
            message = f"event {seq} at {now_ns}: {type(event).__name__} is none of clearing's"
            raise InvariantBroken(message)
        handler(self, event, seq, now_ns)

    def known_account(self, account_id: int) -> Account:
        """Return an account that an event names.

        Raises:
            InvariantBroken: there is none.

        """
        account = self.accounts.get(account_id)
        if account is None:
            message = f"account {account_id} does not exist"
            raise InvariantBroken(message)
        return account

    def reserve(self, liquidation: Liquidation, amount_micros: int, instrument_id: int = 0) -> None:
        """Set aside what the order in flight may cost the fund; it is for one instrument until it is answered."""
        if instrument_id:
            liquidation.reserve_instrument_id = instrument_id
        where, change = liquidation.reserve_instrument_id, amount_micros - liquidation.reserve_micros
        if change:
            self.reserved[where] = self.reserved.get(where, 0) + change
        liquidation.reserve_micros = amount_micros

    def known_liquidation(self, account_id: int, liquidation_id: int) -> Liquidation:
        """Return a liquidation that an event names.

        Raises:
            InvariantBroken: the account is in another, or in none.

        """
        liquidation = self.known_account(account_id).liquidation
        if liquidation is None or liquidation.liquidation_id != liquidation_id:
            message = f"account {account_id} is not in liquidation {liquidation_id}"
            raise InvariantBroken(message)
        return liquidation

    def move_cash(self, account: Account, amount_micros: int, after_micros: int, instrument_id: int = 0) -> None:
        """Move cash in the share of an instrument's shard, or parted evenly among all shards if it has none."""
        self.ledger.add_cash(account.row, amount_micros, instrument_id)
        self.check_cash(account, after_micros)

    @staticmethod
    def check_cash(account: Account, after_micros: int) -> None:
        """Compare an account's cash with what an event says is left.

        Raises:
            InvariantBroken: they differ.

        """
        if account.cash_micros != after_micros:
            message = f"account {account.account_id} has cash {account.cash_micros}, the event says {after_micros}"
            raise InvariantBroken(message)
