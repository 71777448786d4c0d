"""Changes of margin mode: what an account may change to, and what must be covered first (MRGN-030)."""

from collections.abc import Callable, Mapping

from wavetank.cli.audit.counting import Bookings
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Account, Ledger
from wavetank.cli.audit.modes import GROSS, GROUP_OFFSET, ISOLATED, SCENARIO
from wavetank.model.events import clearing as events
from wavetank.model.record import Event


class ModeChanges:
    """Follows every change of clearing's log."""

    def __init__(self, findings: Findings, ledger: Ledger, shards: Mapping[int, Bookings]) -> None:
        """Judge by the rebuilt ledger and by what each shard has answered, by number."""
        self._findings = findings
        self._ledger = ledger
        self._shards = shards
        self._held: dict[int, events.MarginModeHeld] = {}
        self._handlers: dict[type, Callable[..., None]] = {
            events.MarginModeHeld: self._asked,
            events.MarginModeConfirmed: self._confirmed,
            events.MarginModeKept: self._kept,
            events.MarginModeChanged: self._changed,
        }

    def before(self, event: Event) -> None:
        """Judge an event against the ledger as it stands before the event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _expect(self, holds: bool, expected: str) -> None:
        self._findings.expect(Rule.MRGN_030, holds, expected)

    def _asked(self, event: events.MarginModeHeld) -> None:
        account = self._ledger.account(event.account_id)
        self._expect(
            event.account_id not in self._held and account.mode in {GROUP_OFFSET, SCENARIO},
            f"one change at a time, of an account that leaves an offset mode, not mode {account.mode}",
        )
        self._held[event.account_id] = event

    def _confirmed(self, event: events.MarginModeConfirmed) -> None:
        held = self._held.get(event.account_id)
        self._expect(
            held is not None and self._has_applied(held, event.shard), f"a line of the change applied by {event.shard}"
        )

    def _kept(self, event: events.MarginModeKept) -> None:
        held = self._held.pop(event.account_id, None)
        self._expect(held is not None and held.mode == event.mode, f"a change to mode {event.mode} under way")

    def _changed(self, event: events.MarginModeChanged) -> None:
        account, held = self._ledger.account(event.account_id), self._held.pop(event.account_id, None)
        if event.mode == ISOLATED:
            # An order of it may rest anywhere as soon as it has a line, and that it can get once money is there.
            newest = event.account_id == max(self._ledger.accounts) and account.cash == 0
            self._expect(
                newest and event.instrument_id in self._ledger.terms,
                f"account {event.account_id} isolated as it is opened, to an instrument that is listed",
            )
            return
        self._expect(event.mode in {GROSS, GROUP_OFFSET, SCENARIO}, f"a mode that there is, not {event.mode}")
        self._expect(not account.only_instrument_id, f"account {account.account_id} isolated for good")
        if account.mode == GROSS or not account.holdings:
            # From gross on a mode only relieves, and without a position all are alike.
            return
        if held is None or held.mode != event.mode:
            self._expect(False, f"a change from mode {account.mode} to {event.mode} held before, for it has positions")
            return
        unanswered = [shard for shard in self._shards if not self._has_applied(held, shard)]
        self._expect(not unanswered, f"lines of the change applied by every shard; {unanswered} have not")
        self._expect_covered(account)

    def _expect_covered(self, account: Account) -> None:
        worth = self._ledger.worth(account.account_id, {})
        gross = sum(
            self._ledger.terms[instrument_id].initial(
                abs(leg.lots) * leg.mark, self._ledger.leverage(account, instrument_id)
            )
            for instrument_id, leg in worth.legs.items()
        )
        self._expect(gross <= worth.equity, f"an equity of {gross}, the sum of the legs' margins, not {worth.equity}")

    def _has_applied(self, held: events.MarginModeHeld, shard: int) -> bool:
        bookings = self._shards.get(shard)
        line = (0, 0) if bookings is None else bookings.acknowledged.get(held.account_id, (0, 0))
        return line >= (held.line_epoch, held.line_number)
