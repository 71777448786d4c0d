"""A dead-man switch cancels all orders of an account that stopped renewing it (ORD-020)."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.matching.core.engine import Engine
from wavetank.model.events.matching import DeadManMoved
from wavetank.model.orders import CancelReason, InstrumentState
from wavetank.model.reason import Reason

SECOND_NS = 10**9
pytestmark = pytest.mark.spec("ORD-020")


def arm(desk: Desk, timeout_ns: int) -> CommandResult:
    return desk.send(commands.cancel_all_after(account_id=ALICE, timeout_ns=timeout_ns))[0]


def test_it_fires_at_its_time_whatever_the_instrument_state(desk: Desk) -> None:
    first = desk.place(ALICE, SELL, 10, 1_010).order_id
    second = desk.place(ALICE, BUY, 10, 990).order_id
    desk.place(BOB, BUY, 10, 980)
    arm(desk, SECOND_NS)
    assert desk.events == [DeadManMoved(0, ALICE, 1_000 + SECOND_NS, 0)]
    desk.relist(state=InstrumentState.HALTED)
    desk.engine.advance(999 + SECOND_NS)
    desk.drain()
    assert desk.events == []
    desk.engine.advance(1_000 + SECOND_NS)
    desk.drain()
    assert desk.events[0] == DeadManMoved(0, ALICE, 0, 1)
    assert [(event.order_id, event.reason) for event in desk.of_kind("OrderCancelled")] == [
        (first, CancelReason.DEAD_MAN),
        (second, CancelReason.DEAD_MAN),
    ]
    assert desk.engine.next_deadline_ns == 0
    assert len(desk.engine.open_orders(BOB)) == 1


def test_each_renewal_puts_it_off(desk: Desk) -> None:
    desk.place(ALICE, BUY, 10, 990)
    arm(desk, SECOND_NS)
    desk.now += SECOND_NS // 2
    arm(desk, SECOND_NS)
    # Armed at 1,000 + 0.5 s for a second more.
    assert desk.engine.next_deadline_ns == 1_000 + 3 * SECOND_NS // 2
    desk.engine.advance(1_000 + SECOND_NS)
    assert len(desk.engine.open_orders(ALICE)) == 1


def test_disarmed_it_does_not_fire_and_off_it_stays_silent(desk: Desk) -> None:
    arm(desk, SECOND_NS)
    arm(desk, 0)
    assert desk.events == [DeadManMoved(0, ALICE, 0, 0)]
    assert desk.engine.next_deadline_ns == 0
    assert arm(desk, 0).reason == 0
    assert desk.events == []


def test_a_snapshot_keeps_it(desk: Desk) -> None:
    arm(desk, SECOND_NS)
    restored = Engine.restore(desk.engine.snapshot(), desk.settings)
    assert restored.next_deadline_ns == 1_000 + SECOND_NS
    assert restored.state_hash() == desk.engine.state_hash()


@pytest.mark.parametrize(
    ("timeout_ns", "was", "allowed"),
    # In milliseconds: a second to a day.
    [(SECOND_NS - 1, 999, 1_000), (86_401 * SECOND_NS, 86_401_000, 86_400_000), (-1, -1, 1_000)],
)
def test_a_timeout_is_a_second_to_a_day(desk: Desk, timeout_ns: int, was: int, allowed: int) -> None:
    result = arm(desk, timeout_ns)
    assert (result.reason, result.was, result.allowed) == (Reason.TIMEOUT_OUT_OF_RANGE, was, allowed)
    assert arm(desk, 86_400 * SECOND_NS).reason == 0
