"""Twins and resets: a twin begins as what its source was, a reset account ends flat; the house takes the other side."""

from collections.abc import Callable, Container
from dataclasses import dataclass, field

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import CashCause, ConversionCause, PlayKind
from wavetank.model.ids import HOUSE_ACCOUNT_ID
from wavetank.model.orders import CommandKind
from wavetank.model.record import Event


@dataclass(slots=True)
class _UnderWay:
    """One twin or reset."""

    began: events.PlayBegan
    cash_due: int = 0
    legs_due: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Lots and value by instrument, that a twin has still to ask for."""
    collateral_due: dict[int, int] = field(default_factory=dict)
    """Lots of collateral by asset, that a twin has still to get."""
    pending: set[int] = field(default_factory=set)
    """Requests without an answer."""


class Play:
    """Follows every twin and reset of clearing's log."""

    def __init__(self, findings: Findings, ledger: Ledger) -> None:
        """Judge by the rebuilt ledger."""
        self._findings = findings
        self._ledger = ledger
        self._under_way: dict[int, _UnderWay] = {}
        self._seq = 0
        self._handlers: dict[type, Callable[..., None]] = {
            events.PlayBegan: self._began,
            events.PlayEnded: self._ended,
            events.CashTransferred: self._settled,
            events.MatchingRequested: self._requested,
            events.MatchingAnswered: self._answered,
            events.LiquidationStarted: self._liquidated,
            events.CollateralDeposited: self._given,
            events.CollateralConverted: self._sold,
        }

    @property
    def busy(self) -> Container[int]:
        """Accounts that are cloned or reset."""
        return self._under_way

    def before(self, seq: int, event: Event) -> None:
        """Judge an event against the ledger as it stands before the event."""
        self._seq = seq
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _expect(self, holds: bool, expected: str) -> None:
        self._findings.expect(Rule.PLAY_020, holds, expected)

    def _began(self, event: events.PlayBegan) -> None:
        self._expect(event.account_id not in self._under_way, "one twin or reset of an account at a time")
        play = self._under_way[event.account_id] = _UnderWay(event)
        if event.kind == PlayKind.CLONE:
            source, twin = self._ledger.account(event.source_account_id), self._ledger.account(event.account_id)
            self._expect(
                twin.mode == source.mode and twin.owner_id == source.owner_id, "a twin of the same mode and owner"
            )
            leverages = [
                {key: self._ledger.leverage(account, key) for key in source.leverages.keys() | twin.leverages.keys()}
                for account in (source, twin)
            ]
            self._expect(leverages[0] == leverages[1], f"a twin of the same leverages, {leverages[0]}")
            play.cash_due = source.cash
            play.collateral_due = {key: source.collateral[key] for key in self._ledger.counting(source)}
            play.legs_due = {key: (held.lots, held.cost) for key, held in source.holdings.items()}

    def _settled(self, event: events.CashTransferred) -> None:
        if event.cause != CashCause.PLAY:
            return
        house_pays = event.account_id == HOUSE_ACCOUNT_ID
        account_id = event.receiver_account_id if house_pays else event.account_id
        self._expect(HOUSE_ACCOUNT_ID in {event.account_id, event.receiver_account_id}, "the house on the other side")
        play = self._under_way.get(account_id)
        if play is None:
            self._expect(False, f"a twin or a reset of account {account_id} under way")
            return
        due = play.cash_due
        if play.began.kind == PlayKind.RESET:
            due = play.began.cash_micros - self._ledger.account(account_id).cash
        said = event.amount_micros if house_pays else -event.amount_micros
        self._expect(said == due, f"{due} from the house, not {said}")
        play.cash_due = 0

    def _requested(self, event: events.MatchingRequested) -> None:
        play = self._under_way.get(event.account_id)
        if event.liquidation_id or play is None or event.price_ticks:
            # One with a price settles an instrument; `steering` judges it.
            return
        play.pending.add(self._seq)
        if event.command == CommandKind.CANCEL_ACCOUNT:
            return
        self._expect(event.receiver_account_id == HOUSE_ACCOUNT_ID, "the house on the other side")
        due = self._due(play, event)
        said = (event.size_lots, event.value_micros)
        self._expect(said == due, f"lots and value {due}, not {said}")

    def _due(self, play: _UnderWay, event: events.MatchingRequested) -> tuple[int, int]:
        if play.began.kind == PlayKind.CLONE:
            return play.legs_due.pop(event.instrument_id, (0, 0))
        held = self._ledger.account(event.account_id).holdings.get(event.instrument_id)
        if held is None:
            return 0, 0
        mark = self._ledger.marks.get(event.instrument_id) or max(1, abs(held.cost) // abs(held.lots))
        return -held.lots, -held.lots * mark

    def _given(self, event: events.CollateralDeposited) -> None:
        play = self._under_way.get(event.account_id)
        if play is not None:
            due = play.collateral_due.pop(event.instrument_id, 0)
            self._expect(event.size_lots == due, f"{due} lots of collateral for a twin, not {event.size_lots}")

    def _sold(self, event: events.CollateralConverted) -> None:
        play = self._under_way.get(event.account_id)
        is_reset = play is not None and play.began.kind == PlayKind.RESET
        if is_reset or event.cause == ConversionCause.RESET:
            self._expect(
                is_reset and event.cause == ConversionCause.RESET and event.lots_after == 0,
                "all collateral of an account that is reset sold, and for that alone",
            )

    def _answered(self, event: events.MatchingAnswered) -> None:
        play = self._under_way.get(event.account_id)
        if play is not None:
            play.pending.discard(event.request_seq)

    def _liquidated(self, event: events.LiquidationStarted) -> None:
        self._expect(event.account_id not in self._under_way, "no liquidation of an account that is cloned or reset")

    def _ended(self, event: events.PlayEnded) -> None:
        play = self._under_way.pop(event.account_id, None)
        if play is None:
            self._expect(False, f"a twin or a reset of account {event.account_id} under way")
            return
        left = (len(play.pending), play.cash_due, len(play.legs_due), len(play.collateral_due))
        self._expect(
            left == (0, 0, 0, 0), f"everything asked for and answered; {left} requests, money, legs and assets are left"
        )
        account = self._ledger.account(event.account_id)
        if play.began.kind == PlayKind.RESET and not event.reason:
            due = play.began.cash_micros
            is_new = not account.holdings and not account.collateral and account.cash == due
            self._expect(is_new, f"a flat account with {due} in cash")
