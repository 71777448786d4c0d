"""The operator's controls: what a person may change while the venue runs, and what is written about it.

It exists because a venue under stress is steered by hand: margins are raised, withdrawals paused, the fund topped up,
funding quickened.
Kept true: each control moves by an event that names its author, in the same entry as what it changed; what is refused
changes nothing; a change of margins can be looked at before it is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wavetank.clearing.core.health import HealthBand
from wavetank.clearing.core.limits import EVERY_CLIENT
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.valuation import health_band
from wavetank.model.events.clearing import (
    CashCause,
    CashTransferred,
    GroupLimitSet,
    LiquidationPaceSet,
    OperatorActed,
    OperatorAction,
    PositionLimitSet,
)
from wavetank.model.ids import HOUSE_ACCOUNT_ID, INSURANCE_FUND_ID
from wavetank.model.margin import MarginTable
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wavetank.clearing.core.bank import Bank
    from wavetank.clearing.core.limits import GroupLimit, PositionLimit
    from wavetank.clearing.core.settlement import Settlements
    from wavetank.clearing.core.state import State
    from wavetank.model.instrument import Instrument
    from wavetank.model.margin import MarginTier
    from wavetank.model.record import Event

MAX_NOTE_BYTES = 64
MAX_LEVERAGE = 1_000
SHORTEST_INTERVAL_NS = 1_000_000_000
LONGEST_INTERVAL_NS = 86_400 * 1_000_000_000
LONGEST_PACE_NS = 86_400 * 1_000_000_000
LARGEST_LIMIT_LOTS = 2**40
LARGEST_LIMIT_MICROS = 2**62


@dataclass(frozen=True, slots=True)
class Author:
    """Who moves a control, and why."""

    key_id: str
    """Public part of the key."""
    note: str


@dataclass(frozen=True, slots=True)
class Affected:
    """An account that new margins would bring into a worse band, at the last marks; micro-dollars."""

    account_id: int
    equity_micros: int
    maintenance_micros: int
    """Before."""
    new_maintenance_micros: int
    band: HealthBand
    new_band: HealthBand

    @property
    def falls(self) -> bool:
        """Whether it would be liquidated and is not now."""
        return self.new_band >= HealthBand.LIQUIDATION > self.band


@dataclass(frozen=True, slots=True)
class MarginChange:
    """What new tiers of an instrument mean, in place of the present ones."""

    previous: tuple[MarginTier, ...]
    affected: tuple[Affected, ...]
    """Those that fall first, then by falling shortfall, ties to the lower id."""

    @property
    def falling(self) -> int:
        """How many accounts would be liquidated and are not now."""
        return sum(each.falls for each in self.affected)


class Operator:
    """Moves the controls."""

    def __init__(
        self,
        state: State,
        emit: Callable[[Event], int],
        bank: Bank,
        review: Callable[[int], None],
        settlements: Settlements,
    ) -> None:
        """Move the controls of `state` through `emit`.

        Args:
            state: what is steered.
            emit: applies an event and returns its seq.
            bank: takes the fund's deposits.
            review: looks at all holders of an instrument.
            settlements: ends instruments.

        """
        self._state = state
        self._emit = emit
        self._bank = bank
        self._review = review
        self._settlements = settlements

    def preview_margin(self, instrument_id: int, tiers: Sequence[MarginTier]) -> MarginChange:
        """Return what new margin tiers would do to those who hold the instrument, and change nothing.

        Raises:
            Refused: INSTRUMENT_UNKNOWN, MALFORMED.

        """
        instrument, table = self._checked(instrument_id, tiers)
        state = self._state
        limits = state.settings.health
        affected = []
        for account_id, equity, gross, with_tiers in state.ledger.with_table(instrument_id, table):
            before, after = gross, with_tiers
            account = state.accounts[account_id]
            if state.margining(account).offsets:
                value = state.value(account)
                own = value.leg(instrument_id).maintenance_micros + with_tiers - gross
                before, after = value.maintenance_micros, value.maintenance_with(instrument_id, own)
            band, new_band = health_band(equity, before, limits), health_band(equity, after, limits)
            if new_band > band:
                affected.append(Affected(account_id, equity, before, after, band, new_band))
        affected.sort(
            key=lambda each: (not each.falls, each.equity_micros - each.new_maintenance_micros, each.account_id)
        )
        return MarginChange(instrument.tiers, tuple(affected))

    def change_margin(self, instrument_id: int, tiers: Sequence[MarginTier], author: Author) -> MarginChange:
        """Put new margin tiers into force at once; whom they bring below maintenance is liquidated (LIQ-030).

        Raises:
            Refused: INSTRUMENT_UNKNOWN, MALFORMED.

        """
        note = checked_note(author)
        change = self.preview_margin(instrument_id, tiers)
        instrument = self._state.instruments[instrument_id]
        self._act(OperatorAction.CHANGE_MARGIN, author, note, instrument_id=instrument_id)
        for event in replace(instrument, tiers=tuple(tiers)).listing():
            self._emit(event)
        self._review(instrument_id)
        return change

    def pause_withdrawals(self, author: Author, *, paused: bool) -> None:
        """Pay nobody out from now on, or again; what is held already is refused when its turn comes (LIQ-110).

        Raises:
            Refused: MALFORMED.

        """
        note = checked_note(author)
        self._act(OperatorAction.PAUSE_WITHDRAWALS if paused else OperatorAction.RESUME_WITHDRAWALS, author, note)

    def top_up_fund(self, amount_micros: int, author: Author) -> int:
        """Give the insurance fund money; return what it has now.

        Raises:
            Refused: AMOUNT_OUT_OF_RANGE, MALFORMED.

        """
        note = checked_note(author)
        self._bank.check_deposit(INSURANCE_FUND_ID, amount_micros)
        self._act(OperatorAction.TOP_UP_FUND, author, note, account_id=INSURANCE_FUND_ID, figure=amount_micros)
        return self._bank.deposit(INSURANCE_FUND_ID, amount_micros).cash_micros

    def drain_fund(self, amount_micros: int, author: Author) -> int:
        """Take money out of the insurance fund, to the house, and return how much (LIQ-070).

        Args:
            amount_micros: 0 takes all that is not reserved for orders in flight.
            author: who, and why.

        Raises:
            Refused: AMOUNT_OUT_OF_RANGE: the fund has not so much to give; MALFORMED.

        """
        fund = self._state.accounts[INSURANCE_FUND_ID]
        available = max(0, fund.cash_micros - self._state.reserved_micros)
        return self._move_fund(amount_micros, available, OperatorAction.DRAIN_FUND, author)

    def restore_fund(self, amount_micros: int, author: Author) -> int:
        """Put what was drained back into the insurance fund, and return how much (LIQ-070).

        Args:
            amount_micros: 0 puts back all of it.
            author: who, and why.

        Raises:
            Refused: AMOUNT_OUT_OF_RANGE: not so much was drained; MALFORMED.

        """
        return self._move_fund(amount_micros, self._state.steering.drained_micros, OperatorAction.RESTORE_FUND, author)

    def _move_fund(self, amount_micros: int, available: int, action: OperatorAction, author: Author) -> int:
        note = checked_note(author)
        amount = amount_micros or available
        if not 1 <= amount <= available:
            verb = "taken out of the fund" if action == OperatorAction.DRAIN_FUND else "put back"
            message = f"{available} micro-dollars can be {verb}, not {amount_micros}"
            raise Refused(Reason.AMOUNT_OUT_OF_RANGE, amount_micros, available, message)
        self._act(action, author, note, account_id=INSURANCE_FUND_ID, figure=amount)
        fund, house = self._state.accounts[INSURANCE_FUND_ID], self._state.accounts[HOUSE_ACCOUNT_ID]
        is_drain = action == OperatorAction.DRAIN_FUND
        payer, receiver = (fund, house) if is_drain else (house, fund)
        self._emit(
            CashTransferred(
                instrument_id=0,
                account_id=payer.account_id,
                receiver_account_id=receiver.account_id,
                amount_micros=amount,
                liquidation_id=0,
                payer_cash_after_micros=payer.cash_micros - amount,
                receiver_cash_after_micros=receiver.cash_micros + amount,
                cause=int(CashCause.FUND_DRAINED if is_drain else CashCause.FUND_RESTORED),
            )
        )
        return amount

    def slow_liquidations(self, pace_ns: int, author: Author) -> int:
        """Let each step of a liquidation wait for the one before it; the pace there is changes nothing (LIQ-030).

        Args:
            pace_ns: venue time, at most a day; 0 is at once.
            author: who, and why.

        Returns:
            The pace before, in nanoseconds.

        Raises:
            Refused: MALFORMED.

        """
        note = checked_note(author)
        if not 0 <= pace_ns <= LONGEST_PACE_NS:
            message = f"a pace of {pace_ns} ns; 0 to {LONGEST_PACE_NS} is allowed"
            raise Refused(Reason.MALFORMED, pace_ns, LONGEST_PACE_NS, message)
        before = self._state.steering.liquidation_pace_ns or 0
        if pace_ns != before:
            self._act(OperatorAction.SLOW_LIQUIDATIONS, author, note, figure=pace_ns)
            self._emit(LiquidationPaceSet(instrument_id=0, account_id=0, pace_ns=pace_ns))
        return before

    def settle_instrument(self, instrument_id: int, price_ticks: int, author: Author) -> None:
        """End an instrument: its orders are cancelled and every position is closed at a price, for good (MTCH-050).

        Raises:
            Refused: INSTRUMENT_UNKNOWN, INSTRUMENT_STATE, PRICE_OUT_OF_RANGE, MALFORMED.

        """
        note = checked_note(author)
        self._settlements.check(instrument_id, price_ticks)
        self._act(OperatorAction.SETTLE_INSTRUMENT, author, note, instrument_id=instrument_id, figure=price_ticks)
        self._settlements.begin(instrument_id, price_ticks)

    def set_funding_interval(self, instrument_id: int, interval_ns: int, author: Author) -> int:
        """Set the time between two funding payments; that which it has changes nothing (FUND-020).

        Args:
            instrument_id: the instrument.
            interval_ns: venue time, a second to a day.
            author: who, and why.

        Returns:
            The interval before, in nanoseconds.

        Raises:
            Refused: INSTRUMENT_UNKNOWN, MALFORMED.

        """
        note = checked_note(author)
        instrument = self._listed(instrument_id)
        if not SHORTEST_INTERVAL_NS <= interval_ns <= LONGEST_INTERVAL_NS:
            message = (
                f"a funding interval of {interval_ns} ns; {SHORTEST_INTERVAL_NS} to {LONGEST_INTERVAL_NS} is allowed"
            )
            raise Refused(Reason.MALFORMED, interval_ns, LONGEST_INTERVAL_NS, message)
        if interval_ns != instrument.funding_interval_ns:
            self._act(
                OperatorAction.SET_FUNDING_INTERVAL, author, note, instrument_id=instrument_id, figure=interval_ns
            )
            for event in replace(instrument, funding_interval_ns=interval_ns).listing():
                self._emit(event)
        return instrument.funding_interval_ns

    def set_position_limit(
        self, instrument_id: int, account_id: int, limit: PositionLimit, author: Author
    ) -> PositionLimit:
        """Limit what an account may come to in an instrument; what stands there already changes nothing (MRGN-070).

        Args:
            instrument_id: the instrument.
            account_id: the account, or `EVERY_CLIENT` that has no limit of its own there.
            limit: takes the place of the one before as a whole; zeros lift it.
            author: who, and why.

        Returns:
            The limit before.

        Raises:
            Refused: INSTRUMENT_UNKNOWN, ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, AMOUNT_OUT_OF_RANGE, MALFORMED.

        """
        note = checked_note(author)
        self._listed(instrument_id)
        self._check_limited(account_id)
        _check_limit(limit.size_lots, LARGEST_LIMIT_LOTS)
        _check_limit(limit.exposure_micros, LARGEST_LIMIT_MICROS)
        before = self._state.limits.position(instrument_id, account_id)
        if limit != before:
            where = {"instrument_id": instrument_id, "account_id": account_id}
            self._act(OperatorAction.SET_POSITION_LIMIT, author, note, figure=limit.size_lots, **where)
            self._emit(PositionLimitSet(**where, **limit._asdict()))
            self._touch_limited(account_id)
        return before

    def set_group_limit(self, group: str, account_id: int, limit: GroupLimit, author: Author) -> GroupLimit:
        """Limit what an account may come to in a correlation group; as `set_position_limit`.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, AMOUNT_OUT_OF_RANGE; MALFORMED: the note, or there is no such
                group.

        """
        note = checked_note(author)
        groups = self._state.offset_terms.groups_ppm
        if group not in groups:
            message = f"there is no correlation group {group!r}; there are: {', '.join(sorted(groups)) or 'none'}"
            raise Refused(Reason.MALFORMED, 0, 0, message)
        self._check_limited(account_id)
        _check_limit(limit.net_micros, LARGEST_LIMIT_MICROS)
        _check_limit(limit.gross_micros, LARGEST_LIMIT_MICROS)
        before = self._state.limits.group(group, account_id)
        if limit != before:
            self._act(OperatorAction.SET_GROUP_LIMIT, author, note, account_id=account_id, figure=limit.gross_micros)
            self._emit(GroupLimitSet(instrument_id=0, account_id=account_id, group=group.encode(), **limit._asdict()))
            self._touch_limited(account_id)
        return before

    def _check_limited(self, account_id: int) -> None:
        if account_id != EVERY_CLIENT:
            self._bank.client(account_id)

    def _touch_limited(self, account_id: int) -> None:
        """Have the lines go out that say it; an event of one account has that done already."""
        if account_id == EVERY_CLIENT:
            self._state.ledger.touch_all()

    def _listed(self, instrument_id: int) -> Instrument:
        instrument = self._state.instruments.get(instrument_id)
        if instrument is None:
            message = f"instrument {instrument_id} is not listed"
            raise Refused(Reason.INSTRUMENT_UNKNOWN, instrument_id, 0, message)
        return instrument

    def _checked(self, instrument_id: int, tiers: Sequence[MarginTier]) -> tuple[Instrument, MarginTable]:
        instrument = self._listed(instrument_id)
        highest = max((tier.max_leverage for tier in tiers), default=1)
        if highest > MAX_LEVERAGE:
            message = f"a leverage is at most {MAX_LEVERAGE}, not {highest}"
            raise Refused(Reason.MALFORMED, highest, MAX_LEVERAGE, message)
        try:
            return instrument, MarginTable(tiers)
        except ValueError as error:
            raise Refused(Reason.MALFORMED, len(tiers), 0, str(error)) from error

    def _act(
        self,
        action: OperatorAction,
        author: Author,
        note: bytes,
        *,
        instrument_id: int = 0,
        account_id: int = 0,
        figure: int = 0,
    ) -> None:
        self._emit(
            OperatorActed(
                instrument_id=instrument_id,
                account_id=account_id,
                author=author.key_id.encode(),
                note=note,
                figure=figure,
                action=int(action),
            )
        )


def _check_limit(figure: int, largest: int) -> None:
    if not 0 <= figure <= largest:
        message = f"a limit is 0, for none, to {largest}, not {figure}"
        raise Refused(Reason.AMOUNT_OUT_OF_RANGE, figure, largest, message)


def checked_note(author: Author) -> bytes:
    """Return why a person did something, as it stands in the log.

    Raises:
        Refused: MALFORMED.

    """
    note = author.note.encode()
    if not 1 <= len(note) <= MAX_NOTE_BYTES or not author.note.isprintable():
        message = f"a note says why in 1 to {MAX_NOTE_BYTES} printable bytes, this one has {len(note)}"
        raise Refused(Reason.MALFORMED, len(note), MAX_NOTE_BYTES, message)
    return note
