"""Each policy lets requests through in its own order, and none before its time (MTCH-060)."""

from functools import partial

import pytest

from wavetank.matching.core import commands
from wavetank.matching.core.ordering import (
    Ordering,
    OrderingPolicy,
    OrderingSettings,
    Urgency,
    ordering_policy,
    urgency_of,
)
from wavetank.model.orders import OrderFlag, TimeInForce, TriggerKind, TriggerSource

MS = 1_000_000


place = partial(commands.place, account_id=1, instrument_id=1, side=1, size_lots=1, price_ticks=100)

TAKE = place(time_in_force=TimeInForce.IOC)
REST = place()
POST = place(flags=OrderFlag.POST_ONLY)
STOP = place(trigger_kind=TriggerKind.STOP, trigger_source=TriggerSource.MARK, trigger_price_ticks=90)
CANCEL = commands.cancel(account_id=1, order_id=7)
CANCEL_ALL = commands.cancel_all(account_id=1)
AMEND = commands.amend(account_id=1, order_id=7, price_ticks=101)


@pytest.mark.parametrize(
    ("request_bytes", "urgency"),
    [
        (TAKE, Urgency.TAKES),
        # A good-till-cancelled limit may cross: only post-only is sure not to take.
        (REST, Urgency.TAKES),
        (AMEND, Urgency.TAKES),
        (POST, Urgency.NEITHER),
        (STOP, Urgency.NEITHER),
        (CANCEL, Urgency.CANCELS),
        (CANCEL_ALL, Urgency.CANCELS),
        # The strongest command of a request decides.
        (CANCEL + POST, Urgency.CANCELS),
        (POST + CANCEL + TAKE, Urgency.TAKES),
        (commands.atomic([CANCEL, POST]), Urgency.CANCELS),
        (commands.mass_quote(account_id=1, instrument_id=1, quotes=[POST]), Urgency.NEITHER),
    ],
)
def test_a_request_is_as_urgent_as_its_strongest_command(request_bytes: bytes, urgency: Urgency) -> None:
    assert urgency_of(request_bytes) is urgency


ARRIVALS = [("take", TAKE), ("cancel", CANCEL), ("post", POST), ("take again", REST), ("cancel again", CANCEL_ALL)]


def policy(name: Ordering, **changes: int) -> OrderingPolicy[str]:
    return ordering_policy(OrderingSettings(policy=name, block_interval_ns=100 * MS, taker_delay_ns=3 * MS, **changes))


def arrive(held: OrderingPolicy[str], first_ns: int = 1_010 * MS) -> None:
    """Let the five requests arrive one millisecond apart."""
    for index, (name, packed) in enumerate(ARRIVALS):
        held.add(name, packed, first_ns + index * MS)


@pytest.mark.spec("MTCH-060")
def test_by_arrival_nobody_waits() -> None:
    held = policy(Ordering.ARRIVAL)
    arrive(held)
    # The time of the last arrival, which is now.
    assert held.next_due_ns == 1_014 * MS
    assert held.due(1_014 * MS) == ["take", "cancel", "post", "take again", "cancel again"]
    assert held.due(1_014 * MS) == []


@pytest.mark.spec("MTCH-060")
def test_cancels_first_lets_makers_out_before_takers_at_the_end_of_the_block() -> None:
    held = policy(Ordering.CANCELS_FIRST)
    arrive(held)
    # Blocks end at multiples of 100 ms.
    assert held.next_due_ns == 1_100 * MS
    assert held.due(1_100 * MS - 1) == []
    assert held.due(1_100 * MS) == ["post", "cancel", "cancel again", "take", "take again"]
    assert held.next_due_ns is None


@pytest.mark.spec("MTCH-060")
def test_the_adversary_lets_takers_in_before_any_cancel() -> None:
    held = policy(Ordering.ADVERSARIAL)
    arrive(held)
    assert held.due(1_100 * MS) == ["take", "take again", "post", "cancel", "cancel again"]


@pytest.mark.spec("MTCH-060")
def test_a_request_at_the_end_of_a_block_belongs_to_the_next() -> None:
    held = policy(Ordering.CANCELS_FIRST)
    held.add("late cancel", CANCEL, 1_100 * MS)
    held.add("take", TAKE, 1_100 * MS)
    held.add("next", CANCEL, 1_200 * MS)
    assert held.due(1_199 * MS) == []
    # Fetched too late, the earlier block still comes first.
    assert held.due(1_300 * MS) == ["late cancel", "take", "next"]


@pytest.mark.spec("MTCH-060")
def test_only_takers_are_delayed() -> None:
    held = policy(Ordering.TAKER_DELAY)
    arrive(held)
    # At 1014 ms: the first taker came at 1010 and waits until 1013, the second came at 1013 and waits until 1016.
    # By the time at which each may go: cancel 1011, post 1012, take 1013, cancel again 1014.
    assert held.due(1_014 * MS) == ["cancel", "post", "take", "cancel again"]
    assert held.next_due_ns == 1_016 * MS
    assert held.due(1_016 * MS - 1) == []
    assert held.due(1_016 * MS) == ["take again"]


@pytest.mark.spec("MTCH-060")
def test_a_seed_decides_the_random_order() -> None:
    def block(seed: int) -> list[str]:
        held = policy(Ordering.RANDOM, seed=seed)
        arrive(held)
        return held.due(1_100 * MS)

    names = sorted(name for name, _ in ARRIVALS)
    orders = {tuple(block(seed)) for seed in range(200)}
    assert block(7) == block(7)
    assert all(sorted(order) == names for order in orders)
    # Of 120 possible orders 200 fair draws show about 97 (120 * (1 - (119/120)^200)).
    assert 80 <= len(orders) <= 112


def test_each_request_comes_out_once_whatever_the_policy() -> None:
    for name in Ordering:
        held = policy(name)
        sent = []
        came = []
        for index in range(500):
            packed = (TAKE, CANCEL, POST)[index % 3]
            held.add(str(index), packed, index * 7 * MS)
            sent.append(str(index))
            came += held.due(index * 7 * MS)
        came += held.due(500 * 7 * MS + 1_000 * MS)
        assert sorted(came) == sorted(sent)
        assert held.next_due_ns is None
