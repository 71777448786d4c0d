"""Callers that wait for what the shards must acknowledge first: withdrawals, transfers, changes of margin mode.

The request itself only holds; how it ended is an event of a later entry, and the caller is told then.
"""

from __future__ import annotations

import asyncio
from typing import Any, Generic, TypeAlias, TypeVar

from wavetank.model.events import clearing as events
from wavetank.model.reason import Reason
from wavetank.model.record import RECORD_BYTES, decode, kind_of, kinds
from wavetank.runtime.errors import VenueError

ACKNOWLEDGED_SECONDS = 5.0
"""Wall time that a caller waits for the shards' acknowledgement."""

Paid: TypeAlias = events.Withdrawn | events.CashTransferred
PaymentEnd: TypeAlias = Paid | events.WithdrawalRefused
CollateralEnd: TypeAlias = events.CollateralWithdrawn | events.CollateralRefused
ModeEnd: TypeAlias = events.MarginModeChanged | events.MarginModeKept
E = TypeVar("E")


class Endings(Generic[E]):
    """Waits for the end of what an account has under way; a sink of committed entries."""

    def __init__(self, *kinds: type[Any]) -> None:
        """Wait for nobody yet; events of these kinds end what is waited for."""
        self._kinds = {kind_of(kind) for kind in kinds}
        self._waiting: dict[int, asyncio.Future[E]] = {}

    def expect(self, account_id: int) -> asyncio.Future[E]:
        """Return a future that ends with what the account has under way."""
        future: asyncio.Future[E] = asyncio.get_running_loop().create_future()
        self._waiting[account_id] = future
        return future

    def committed(self, _first_seq: int, _now_ns: int, records: bytes) -> None:
        """Take the records of one committed entry; must not wait."""
        if not self._waiting:
            return
        for index, kind in enumerate(kinds(records)):
            if kind in self._kinds:
                event: Any = decode(records, index * RECORD_BYTES)
                if isinstance(event, events.CashTransferred) and event.cause != events.CashCause.OWNER_TRANSFER:
                    continue
                future = self._waiting.pop(event.account_id, None)
                if future is not None and not future.done():
                    future.set_result(event)


def payments() -> Endings[PaymentEnd]:
    """Return what waits for withdrawals and transfers."""
    return Endings(events.Withdrawn, events.CashTransferred, events.WithdrawalRefused)


def collateral_withdrawals() -> Endings[CollateralEnd]:
    """Return what waits for withdrawals of collateral."""
    return Endings(events.CollateralWithdrawn, events.CollateralRefused)


def play() -> Endings[events.PlayEnded]:
    """Return what waits for twins and resets."""
    return Endings(events.PlayEnded)


def mode_changes() -> Endings[ModeEnd]:
    """Return what waits for changes of margin mode."""
    return Endings(events.MarginModeChanged, events.MarginModeKept)


async def within(waiting: asyncio.Future[E], late: Reason, what: str) -> E:
    """Return how something ended that waits for the shards' acknowledgements.

    Raises:
        VenueError: with reason `late`, it has not ended yet.

    """
    try:
        return await asyncio.wait_for(asyncio.shield(waiting), ACKNOWLEDGED_SECONDS)
    except TimeoutError as error:
        message = f"{what} is held and the shard has not acknowledged it yet; its end comes as an event"
        raise VenueError(late, message) from error
