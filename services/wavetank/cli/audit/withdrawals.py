"""Money that leaves an account: held before, and never out of one in liquidation; `shares` looks at shards.

What leaves the venue does not while withdrawals are gated or paused (LIQ-110); what goes to another account may
(MRGN-060).
"""

from collections.abc import Callable, Container

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.model.events import clearing as events
from wavetank.model.record import Event


class Withdrawals:
    """Follows every withdrawal of clearing's log."""

    def __init__(self, findings: Findings, ledger: Ledger, in_liquidation: Container[int]) -> None:
        """Judge by the rebuilt ledger.

        Args:
            findings: where offences go.
            ledger: the accounts.
            in_liquidation: accounts that are being liquidated.

        """
        self._findings = findings
        self._ledger = ledger
        self._in_liquidation = in_liquidation
        self._gated_until_ns = 0
        self._are_paused = False
        self._now_ns = 0
        self._handlers: dict[type, Callable[..., None]] = {
            events.WithdrawalsGated: self._gated,
            events.OperatorActed: self._steered,
            events.WithdrawalHeld: self._held,
            events.Withdrawn: self._withdrawn,
            events.CashTransferred: self._transferred,
            events.WithdrawalRefused: self._refused,
            events.CollateralHeld: self._collateral_held,
            events.CollateralWithdrawn: self._collateral_withdrawn,
            events.CollateralRefused: self._collateral_refused,
        }

    def before(self, now_ns: int, event: Event) -> None:
        """Judge an event against the ledger as it stands before the event."""
        self._now_ns = now_ns
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _expect(self, holds: bool, expected: str, rule: Rule = Rule.LIQ_110) -> None:
        self._findings.expect(rule, holds, expected)

    def _expect_free(self, account_id: int, receiver_id: int = 0) -> None:
        if receiver_id == 0:
            self._expect(self._now_ns >= self._gated_until_ns, "no withdrawal while they are gated")
            self._expect(not self._are_paused, "no withdrawal while the operator has paused them")
        self._expect(account_id not in self._in_liquidation, "no money out of an account in liquidation")

    def _gated(self, event: events.WithdrawalsGated) -> None:
        self._gated_until_ns = event.until_ns

    def _steered(self, event: events.OperatorActed) -> None:
        if event.action == events.OperatorAction.PAUSE_WITHDRAWALS:
            self._are_paused = True
        elif event.action == events.OperatorAction.RESUME_WITHDRAWALS:
            self._are_paused = False

    def _held(self, event: events.WithdrawalHeld) -> None:
        account = self._ledger.account(event.account_id)
        self._expect_free(event.account_id, event.receiver_account_id)
        self._expect(account.held is None, "one withdrawal of an account at a time")
        worth = self._ledger.worth(event.account_id, {})
        left = worth.equity - event.amount_micros
        self._expect(left >= worth.initial, f"an initial margin of {worth.initial} left, not {left}")
        counted = self._ledger.counted(account)
        self._findings.expect(
            Rule.MRGN_080, left >= counted, f"no loan on collateral: {counted} left at least, not {left}"
        )
        account.held = event

    def _withdrawn(self, event: events.Withdrawn) -> None:
        account = self._ledger.account(event.account_id)
        held, account.held = account.held, None
        self._expect_free(event.account_id)
        due = None
        if isinstance(held, events.WithdrawalHeld) and not held.receiver_account_id:
            due = held.amount_micros
        self._expect(due == event.amount_micros, f"the amount held before, {due}")

    def _transferred(self, event: events.CashTransferred) -> None:
        if event.cause != events.CashCause.OWNER_TRANSFER:
            return
        account = self._ledger.account(event.account_id)
        held, account.held = account.held, None
        self._expect_free(event.account_id, event.receiver_account_id)
        due = (0, 0)
        if isinstance(held, events.WithdrawalHeld):
            due = (held.receiver_account_id, held.amount_micros)
        self._expect(
            due == (event.receiver_account_id, event.amount_micros),
            f"receiver and amount as held before, {due}",
            Rule.MRGN_060,
        )

    def _refused(self, event: events.WithdrawalRefused) -> None:
        if event.was_held:
            self._ledger.account(event.account_id).held = None

    def _collateral_held(self, event: events.CollateralHeld) -> None:
        account = self._ledger.account(event.account_id)
        self._expect_free(event.account_id)
        self._expect(account.held is None, "one withdrawal of an account at a time")
        worth, counted = self._ledger.worth(event.account_id, {}), self._ledger.counted(account)
        held = account.collateral.get(event.instrument_id, 0)
        self._expect(0 < event.size_lots <= held, f"at most the {held} lots that are there, not {event.size_lots}")
        account.collateral[event.instrument_id] = held - event.size_lots
        left = worth.equity - counted + self._ledger.counted(account)
        account.collateral[event.instrument_id] = held
        self._expect(left >= worth.initial, f"an initial margin of {worth.initial} left, not {left}")
        account.held = event

    def _collateral_withdrawn(self, event: events.CollateralWithdrawn) -> None:
        account = self._ledger.account(event.account_id)
        held, account.held = account.held, None
        self._expect_free(event.account_id)
        due = (held.instrument_id, held.size_lots) if isinstance(held, events.CollateralHeld) else None
        self._expect(due == (event.instrument_id, event.size_lots), f"the asset and lots held before, {due}")

    def _collateral_refused(self, event: events.CollateralRefused) -> None:
        self._ledger.account(event.account_id).held = None
