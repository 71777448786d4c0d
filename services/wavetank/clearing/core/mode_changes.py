"""Changes of how an account's legs are margined together, and when they come into force (MRGN-030, PROTOCOL R8).

From gross on a mode only relieves, so no credit line is lowered by it, and to an account that never traded all modes
are alike: both change at once. An account that leaves an offset mode may need more from then on, while orders and fills
under its old line are on their way, even where clearing counts no position any more. So its line goes out as if it were
gross, under which no mode asks for more; each shard acknowledges it and says what is committed; and only if that is
covered everywhere does the mode change. Health goes by the old mode until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.credit import Lines, budget_micros, standings
from wavetank.clearing.core.margin_modes import OFFSETTING, MarginMode
from wavetank.clearing.core.refusal import Refused
from wavetank.model.events import clearing as events
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.state import State
    from wavetank.model.events.matching import CreditApplied
    from wavetank.model.record import Event


class ModeChanges:
    """Changes the margin modes of clients' accounts."""

    def __init__(self, state: State, emit: Callable[[Event], int], lines: Lines) -> None:
        """Change modes of `state` through `emit`."""
        self._state = state
        self._emit = emit
        self._lines = lines

    def ask(self, account: Account, mode: MarginMode) -> None:
        """Change an account's mode, at once if that lowers no line, else when every shard has acknowledged.

        Raises:
            Refused: ACCOUNT_FROZEN, MARGIN_MODE_REFUSED, WITHDRAWAL_PENDING.

        """
        if MarginMode.ISOLATED in {mode, account.margin_mode} and mode != account.margin_mode:
            message = (
                "an account is isolated from its opening on, or never: open a sub-account for the instrument"
                if mode == MarginMode.ISOLATED
                else f"the account trades instrument {account.isolated_instrument_id} alone, for good"
            )
            raise Refused(Reason.MARGIN_MODE_REFUSED, int(mode), int(account.margin_mode), message)
        if account.liquidation is not None or account.play is not None:
            message = "the account is being liquidated, cloned or reset"
            raise Refused(Reason.ACCOUNT_FROZEN, 1, 0, message)
        if account.mode_change is not None:
            message = f"a change to {account.mode_change.mode.name} is under way; try again in a moment"
            raise Refused(Reason.MARGIN_MODE_REFUSED, int(mode), int(account.mode_change.mode), message)
        if mode == account.margin_mode:
            return
        if account.margin_mode not in OFFSETTING or account.last_instrument_id == 0:
            self._emit(events.MarginModeChanged(instrument_id=0, account_id=account.account_id, mode=int(mode)))
            return
        if account.hold is not None:
            message = "a withdrawal or transfer of the account is waiting; try again when it has ended"
            raise Refused(Reason.WITHDRAWAL_PENDING, 1, 0, message)
        missing = self._missing_micros(account)
        if missing > 0:
            value = self._state.value(account)
            message = (
                f"leaving mode {account.margin_mode.name} with positions needs the sum of their initial margins, "
                f"{missing} micro-dollars more than the account's equity"
            )
            raise Refused(Reason.MARGIN_MODE_REFUSED, value.equity_micros + missing, value.equity_micros, message)
        self._emit(
            events.MarginModeHeld(
                instrument_id=0,
                account_id=account.account_id,
                line_epoch=self._lines.epoch,
                line_number=self._lines.next_number,
                mode=int(mode),
            )
        )

    def acknowledged(self, account: Account, shard: int, fact: CreditApplied) -> None:
        """Go on with a change, now that a shard has applied a line and said what is committed under it."""
        change = account.mode_change
        if (
            change is None
            or shard in change.confirmed
            or (fact.line_epoch, fact.line_number) < (change.line_epoch, change.line_number)
        ):
            return
        covered = fact.committed_micros <= budget_micros(standings(self._state, account), shard)
        if account.liquidation is not None or not covered or self._missing_micros(account) > 0:
            reason = Reason.ACCOUNT_FROZEN if account.liquidation is not None else Reason.MARGIN_MODE_REFUSED
            self._emit(
                events.MarginModeKept(
                    instrument_id=0, account_id=account.account_id, mode=int(change.mode), reason=int(reason)
                )
            )
        elif len(change.confirmed) + 1 < self._state.shards:
            self._emit(events.MarginModeConfirmed(instrument_id=0, account_id=account.account_id, shard=shard))
        else:
            self._emit(events.MarginModeChanged(instrument_id=0, account_id=account.account_id, mode=int(change.mode)))

    def _missing_micros(self, account: Account) -> int:
        """Return by how much the sum of the legs' initial margins exceeds the account's equity."""
        equity, _, initial, _, _ = self._state.ledger.value(account.row, {})
        return int(initial - equity)
