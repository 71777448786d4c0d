"""Timers: orders that expire, and the dead-man switch (ORD-010, ORD-020)."""

from __future__ import annotations

from tests.model.matching import running
from tests.model.matching.commands import Ask, outcome
from tests.model.matching.state import CANCEL_ON_DISCONNECT, Account, Shard, refuse_if
from wavetank.matching.core.commands import CommandResult
from wavetank.model.events import matching as events
from wavetank.model.orders import CancelReason
from wavetank.model.reason import Reason

SECOND_NS = 10**9
MILLISECOND_NS = 10**6
EXPIRY, DEAD_MAN = 0, 1


def deadlines(shard: Shard) -> list[tuple[int, int, int]]:
    """Return every timer as (time, what, order or account id), in the order in which they fire."""
    expiries = [(o.ask.expire_time_ns, EXPIRY, o.order_id) for o in shard.orders if o.ask.expire_time_ns]
    switches = [(a.deadline, DEAD_MAN, account_id) for account_id, a in shard.accounts.items() if a.deadline]
    return sorted([*expiries, *switches])


def next_deadline(shard: Shard) -> int:
    return deadlines(shard)[0][0] if deadlines(shard) else 0


def enter(shard: Shard, now: int) -> None:
    """Begin an input: what was due at its time happens first."""
    shard.now = now
    while deadlines(shard) and deadlines(shard)[0][0] <= now:
        _, what, number = deadlines(shard)[0]
        if what == EXPIRY:
            running.cancel(shard, next(o for o in shard.orders if o.order_id == number), CancelReason.EXPIRED)
        else:
            shard.accounts[number].deadline = 0
            shard.emit(events.DeadManMoved(0, number, 0, 1))
            running.cancel_each(shard, shard.own(number), CancelReason.DEAD_MAN)


def cancel_all_after(shard: Shard, ask: Ask) -> CommandResult:
    """Arm, renew or disarm the account's switch."""
    timeout = ask.expire_time_ns
    shown = timeout // MILLISECOND_NS
    refuse_if(timeout != 0 and timeout < SECOND_NS, Reason.TIMEOUT_OUT_OF_RANGE, shown, 1_000)
    refuse_if(timeout > 86_400 * SECOND_NS, Reason.TIMEOUT_OUT_OF_RANGE, shown, 86_400_000)
    account = shard.accounts.setdefault(ask.account_id, Account())
    if timeout or account.deadline:
        account.deadline = shard.now + timeout if timeout else 0
        shard.emit(events.DeadManMoved(0, ask.account_id, account.deadline, 0))
    return outcome()


def cancel_disconnected(shard: Shard) -> CommandResult:
    """Cancel, of all accounts, what was to end with its session."""
    leaving = [o for o in shard.orders if o.flags & CANCEL_ON_DISCONNECT]
    return outcome(cancelled=running.cancel_each(shard, leaving, CancelReason.DISCONNECTED))
