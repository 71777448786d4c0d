"""Limits of accounts: each stands behind the act of a person, and is of something that is there (MRGN-070).

What they hold back leaves no trace in clearing's log, so here is judged that nobody limited an account unsigned, and
that nothing was signed and left undone.
"""

from collections.abc import Callable

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.model.events import clearing as events
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.record import Event

_FOLLOWS = {
    events.OperatorAction.SET_POSITION_LIMIT: events.PositionLimitSet,
    events.OperatorAction.SET_GROUP_LIMIT: events.GroupLimitSet,
}


class AccountLimits:
    """Follows limits through clearing's log."""

    def __init__(self, findings: Findings, ledger: Ledger) -> None:
        """Judge by the rebuilt ledger.

        Args:
            findings: where offences go.
            ledger: the accounts, the instruments as listed, and the groups.

        """
        self._findings = findings
        self._ledger = ledger
        self._signed: events.OperatorActed | None = None
        """The act whose limit must be the next event."""
        self._standing: dict[tuple[int | str, int], tuple[int, int]] = {}
        """By instrument or group, and account: both figures."""
        self._handlers: dict[type, Callable[..., None]] = {
            events.PositionLimitSet: self._position_limited,
            events.GroupLimitSet: self._group_limited,
        }

    def before(self, event: Event) -> None:
        """Judge one event of clearing's log before the ledger applies it."""
        signed, self._signed = self._signed, None
        if signed is not None:
            follows = _FOLLOWS[events.OperatorAction(signed.action)]
            self._expect(isinstance(event, follows), f"a {follows.__name__} behind the act of {signed.author!r}")
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event, signed)
        elif isinstance(event, events.OperatorActed) and event.action in _FOLLOWS:
            self._signed = event

    def end_entry(self) -> None:
        """Tell of an act that nothing followed in its entry."""
        signed, self._signed = self._signed, None
        if signed is not None:
            self._expect(False, f"a limit behind the act of {signed.author!r}")

    def _expect(self, holds: bool, expected: str) -> None:
        self._findings.expect(Rule.MRGN_070, holds, expected)

    def _position_limited(self, event: events.PositionLimitSet, signed: events.OperatorActed | None) -> None:
        self._expect(event.instrument_id in self._ledger.terms, f"an instrument {event.instrument_id} listed before")
        said = (event.instrument_id, event.account_id, event.size_lots)
        due = None if signed is None else (signed.instrument_id, signed.account_id, signed.figure)
        self._judge(event.instrument_id, event.account_id, (event.size_lots, event.exposure_micros), due == said, due)

    def _group_limited(self, event: events.GroupLimitSet, signed: events.OperatorActed | None) -> None:
        group = event.group.decode(errors="replace")
        self._expect(group in self._ledger.offsets.groups, f"a group {group} that was there before")
        said = (event.account_id, event.gross_micros)
        due = None if signed is None else (signed.account_id, signed.figure)
        self._judge(group, event.account_id, (event.net_micros, event.gross_micros), due == said, due)

    def _judge(
        self, where: int | str, account_id: int, figures: tuple[int, int], is_signed: bool, due: tuple[int, ...] | None
    ) -> None:
        self._expect(is_signed, f"a limit as an operator signed it, {due or 'and none did'}")
        is_client = account_id >= FIRST_CLIENT_ACCOUNT_ID and account_id in self._ledger.accounts
        self._expect(account_id == 0 or is_client, f"a client {account_id} that was opened before")
        self._expect(min(figures) >= 0, f"limits of 0 or more, not {figures}")
        before = self._standing.get((where, account_id), (0, 0))
        self._expect(figures != before, f"another limit than the one that stands, {before}")
        self._standing[where, account_id] = figures
