"""Subscribers get the last prices, resume where they were, and are cut off when they sleep."""

import pytest

from wavetank.model.events.oracle import EVERYBODY, ConsumerBit, PricePublished
from wavetank.model.reason import Reason
from wavetank.oracle.feed import PriceFeed
from wavetank.runtime.errors import VenueError

BOTS, CLEARING = ConsumerBit.BOTS, ConsumerBit.CLEARING


def price(ticks: int, instrument_id: int = 1, consumers: int = EVERYBODY) -> PricePublished:
    return PricePublished(instrument_id, 0, ticks, ticks, ticks, ticks, 0, consumers, 0)


def feed(retained_prices: int = 100, backlog: int = 10) -> PriceFeed:
    made = PriceFeed(retained_prices=retained_prices, backlog=backlog, begins_after_seq=50)
    made.add(52, price(1))
    made.add(53, price(2, instrument_id=2))
    made.add(55, price(3, consumers=EVERYBODY & ~CLEARING))
    made.advance(56)
    return made


async def taken(made: PriceFeed, count: int, consumer: ConsumerBit = BOTS, from_seq: int = 0, *ids: int) -> list[int]:
    stream = made.subscribe(consumer, ids, from_seq)
    seqs = [(await anext(stream)).seq for _ in range(count)]
    await stream.aclose()
    return seqs


async def test_the_last_price_of_each_instrument_comes_first() -> None:
    made = feed()
    assert await taken(made, 2) == [53, 55]
    # Clearing did not get the newest.
    assert await taken(made, 2, CLEARING) == [52, 53]
    assert await taken(made, 1, BOTS, 0, 2) == [53]


async def test_resuming_goes_on_behind_a_seq() -> None:
    made = feed()
    assert await taken(made, 2, BOTS, 52) == [53, 55]
    assert await taken(made, 3, BOTS, 50) == [52, 53, 55]


@pytest.mark.parametrize("from_seq", [1, 49, 57])
async def test_what_is_not_kept_cannot_be_resumed(from_seq: int) -> None:
    with pytest.raises(VenueError) as caught:
        await taken(feed(), 1, BOTS, from_seq)
    assert (caught.value.reason, caught.value.allowed) == (Reason.RESUME_IMPOSSIBLE, "50..56")


async def test_old_prices_are_dropped_and_can_no_more_be_resumed() -> None:
    made = feed(retained_prices=2)
    with pytest.raises(VenueError):
        await taken(made, 1, BOTS, 51)
    assert await taken(made, 2, BOTS, 52) == [53, 55]


async def test_new_prices_reach_those_who_wait() -> None:
    made = feed()
    stream = made.subscribe(BOTS, (), 55)
    made.add(57, price(4, consumers=CLEARING))
    first = anext(stream)
    # The generator starts with the first wait, so what came before it is read from what is kept.
    made.add(58, price(5))
    assert (await first).seq == 58
    made.add(59, price(6))
    assert (await anext(stream)).seq == 59
    await stream.aclose()


async def test_who_does_not_take_prices_is_cut_off() -> None:
    made = feed(backlog=3)
    stream = made.subscribe(BOTS, (), 0)
    assert (await anext(stream)).seq == 53
    for seq in range(60, 64):
        made.add(seq, price(seq))
    with pytest.raises(VenueError) as caught:
        await anext(stream)
    assert caught.value.reason is Reason.SUBSCRIBER_TOO_SLOW
