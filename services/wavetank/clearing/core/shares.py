"""Moving credit between shards: on demand, and never before the giver has let it go (PROTOCOL R8, R9).

The rules: what comes in is parted evenly. An order that its shard's share does not carry, while others have it to
spare, is refused for now, and that refusal is the demand. The shards with most to spare give first; one that covers the
rest of the need gives half of what would remain to it as well, so that the next orders find credit on either side. A
shard that was given credit gives none away for a while, so that two shards do not pass it back and forth. What turns
out to be committed is returned: either what is needed moves, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.credit import Lines, budget_micros, standings
from wavetank.clearing.core.health import AccountKind
from wavetank.model.events.clearing import ShareHeld, ShareMoved
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.standing import Standing
    from wavetank.clearing.core.state import State
    from wavetank.model.events.matching import CreditApplied, OrderRejected
    from wavetank.model.record import Event


class Shares:
    """Moves parts of an account's equity from one shard to another."""

    def __init__(self, state: State, emit: Callable[[Event], int], lines: Lines) -> None:
        """Move shares of `state` through `emit`."""
        self._state = state
        self._emit = emit
        self._lines = lines

    def demanded(self, fact: OrderRejected, shard: int, now_ns: int) -> None:
        """Ask other shards for what an order was refused for on this one, if they can spare it."""
        account = self._state.accounts.get(fact.account_id)
        if (
            fact.reason != Reason.CREDIT_ELSEWHERE
            or account is None
            or account.kind != AccountKind.CLIENT
            or account.liquidation is not None
            or any(share.hold is not None and share.hold.receiver_shard == shard for share in account.shares)
        ):
            return
        # Whatever the order saw of the line, its shard may have been given more since.
        self._lines.touch(account.account_id)
        stand = standings(self._state, account)
        need = fact.was - budget_micros(stand, shard)
        if need > 0:
            self._ask(account, self._givers(account, stand, shard, now_ns), need, shard)

    def ask(self, account: Account, need: int, shard: int, now_ns: int) -> None:
        """Ask other shards for an amount, if they can spare it (PROTOCOL R9)."""
        self._ask(account, self._givers(account, standings(self._state, account), shard, now_ns), need, shard)

    def _givers(self, account: Account, stand: list[Standing], receiver: int, now_ns: int) -> list[tuple[int, int]]:
        """Return who can give and how much, most first, ties to the lower shard."""
        dwell_ns = self._state.settings.share_dwell_ns
        spare = [
            (self._lines.spare_micros(account, stand, shard), shard)
            for shard, share in enumerate(account.shares)
            if shard != receiver and (share.received_ns == 0 or now_ns - share.received_ns >= dwell_ns)
        ]
        return sorted(((amount, shard) for amount, shard in spare if amount > 0), key=lambda pair: (-pair[0], pair[1]))

    def _ask(self, account: Account, givers: list[tuple[int, int]], need: int, receiver: int) -> None:
        if sum(amount for amount, _ in givers) < need:
            return
        for spare, shard in givers:
            least = min(spare, need)
            self._emit(
                ShareHeld(
                    instrument_id=0,
                    account_id=account.account_id,
                    amount_micros=least + (spare - least) // 2,
                    least_micros=least,
                    line_epoch=self._lines.epoch,
                    line_number=self._lines.next_number,
                    shard=shard,
                    receiver_shard=receiver,
                )
            )
            need -= least
            if need == 0:
                return

    def acknowledged(self, account: Account, shard: int, fact: CreditApplied) -> None:
        """Hand on what was held on a shard, now that it has applied a line without it and said what is committed."""
        hold = account.shares[shard].hold
        assert hold is not None, "an acknowledgement is told of a hold"
        stand = standings(self._state, account)
        # A third shard may need of this one's share; what the receiver needs is what it asks for.
        third = sum(other.hole_micros for at, other in enumerate(stand) if at not in {shard, hold.receiver_shard})
        free = stand[shard].credit_micros - third + hold.amount_micros - fact.committed_micros
        moved = hold.amount_micros
        if free < moved:
            moved = hold.least_micros + (free - hold.least_micros) // 2 if free >= hold.least_micros else 0
        giver, receiver = account.shares[shard], account.shares[hold.receiver_shard]
        self._emit(
            ShareMoved(
                instrument_id=0,
                account_id=account.account_id,
                amount_micros=moved,
                giver_cash_after_micros=giver.cash_micros - moved,
                receiver_cash_after_micros=receiver.cash_micros + moved,
                shard=shard,
                receiver_shard=hold.receiver_shard,
            )
        )
