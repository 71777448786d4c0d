"""Magic client order ids: an order that is made to end as its id says, by the book's own means."""

from __future__ import annotations

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, Desk
from wavetank.matching.core import commands as packed
from wavetank.matching.core.entry_faults import UNDISTURBED, Treatment
from wavetank.matching.core.magic_ids import LATE_ANSWER_NS, outcome_of, under_spell
from wavetank.model.orders import OrderFlag, OrderState, TimeInForce
from wavetank.model.reason import Reason

pytestmark = pytest.mark.spec("MTCH-065")

BUY, SELL = 1, 2


def place(client_order_id: bytes, size_lots: int = 5, **fields: int) -> bytes:
    return packed.place(
        account_id=ALICE,
        instrument_id=1,
        side=BUY,
        size_lots=size_lots,
        price_ticks=1_000,
        client_order_id=client_order_id,
        **fields,
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (b"~late:1", Treatment(answer_delay_ns=LATE_ANSWER_NS)),
        (b"~lost:1", Treatment(loses_answer=True)),
        (b"~down:1", Treatment(refusal=Reason.VENUE_OVERLOADED)),
        (b"~throttle:12345", Treatment(refusal=Reason.RATE_LIMITED)),
        (b"~cut:", Treatment(ends_session=True)),
    ],
)
def test_a_word_brings_about_its_outcome_and_leaves_the_order(word: bytes, expected: Treatment) -> None:
    assert under_spell(place(word)) == (place(word), expected)


@pytest.mark.parametrize("plain", [b"", b"reject:1", b"~reject", b"~unheard:1", b"x~lost:1"])
def test_other_ids_mean_nothing(plain: bytes) -> None:
    assert outcome_of(plain) is None
    assert under_spell(place(plain)) == (place(plain), UNDISTURBED)


def test_only_orders_are_under_a_spell() -> None:
    cancel = packed.cancel(account_id=ALICE, client_order_id=b"~lost:1")
    assert under_spell(cancel) == (cancel, UNDISTURBED)


def test_of_several_orders_each_ends_by_its_own_word() -> None:
    commands, found = under_spell(place(b"plain") + place(b"~reject:1") + place(b"~partial:1", 7) + place(b"~lost:1"))
    # Half of 7, rounded up, is 4.
    assert commands == (
        place(b"plain")
        + place(b"~reject:1", 0)
        + place(b"~partial:1", 4, time_in_force=TimeInForce.IOC)
        + place(b"~lost:1")
    )
    assert found == Treatment(loses_answer=True)


def test_a_partial_order_keeps_what_its_kind_demands() -> None:
    post_only = {"flags": OrderFlag.POST_ONLY}
    assert under_spell(place(b"~partial:1", 6, **post_only))[0] == place(b"~partial:1", 3, **post_only)
    timed = place(b"~partial:2", 6, time_in_force=TimeInForce.GTT, expire_time_ns=99, display_lots=2)
    assert under_spell(timed)[0] == place(b"~partial:2", 3, time_in_force=TimeInForce.IOC)
    stop = {"trigger_kind": 1, "trigger_source": 1, "trigger_price_ticks": 1_100}
    assert under_spell(place(b"~partial:3", 6, **stop))[0] == place(b"~partial:3", 3, **stop)


def test_the_book_refuses_and_fills_as_the_words_say() -> None:
    desk = Desk()
    desk.mark(1_000)
    desk.line(ALICE)
    desk.line(BOB)
    desk.place(BOB, SELL, 100, 1_000)

    def answer(commands: bytes) -> packed.CommandResult:
        return desk.send(under_spell(commands)[0])[0]

    refused = answer(place(b"~reject:1", 10))
    assert (refused.state, refused.reason) == (OrderState.REJECTED, Reason.SIZE_OUT_OF_RANGE)
    filled = answer(place(b"~partial:1", 11))
    # Six of eleven, and no more although a hundred are there.
    assert (filled.state, filled.filled_lots, filled.remaining_lots) == (OrderState.FILLED, 6, 0)
    # The same order again is known, with the same answer (ORD-030).
    again = answer(place(b"~partial:1", 11))
    assert (again.order_id, again.filled_lots, again.repeated) == (filled.order_id, 6, True)
