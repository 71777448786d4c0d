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
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.valuation import health_band
from wavetank.model.events.clearing import OperatorActed, OperatorAction
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.margin import MarginTable
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wavetank.clearing.core.bank import Bank
    from wavetank.clearing.core.state import State
    from wavetank.model.instrument import Instrument
    from wavetank.model.margin import MarginTier
    from wavetank.model.record import Event

MAX_NOTE_BYTES = 64
MAX_LEVERAGE = 1_000
SHORTEST_INTERVAL_NS = 1_000_000_000
LONGEST_INTERVAL_NS = 86_400 * 1_000_000_000


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

    def __init__(self, state: State, emit: Callable[[Event], int], bank: Bank, review: Callable[[int], None]) -> None:
        """Move the controls of `state` through `emit`.

        Args:
            state: what is steered.
            emit: applies an event and returns its seq.
            bank: takes the fund's deposits.
            review: looks at all holders of an instrument.

        """
        self._state = state
        self._emit = emit
        self._bank = bank
        self._review = review

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
