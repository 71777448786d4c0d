"""Venue faults over real gRPC, as a program with the SDK meets them: each kind, and how it gets over it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.eventually import eventually_async
from wavetank.client import (
    Channel,
    CommandResult,
    FaultMalformed,
    FaultUnknown,
    Gap,
    Jitter,
    MarketEvent,
    Ordering,
    OrderingPolicy,
    OrderState,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Session,
    Side,
    Venue,
    VenueFaultKind,
    VenueOverloaded,
    VenueUnavailable,
)

pytestmark = pytest.mark.spec("MTCH-065")

Opener = Callable[[], Awaitable[Venue]]
PRICE = Decimal(140)
"""Below the market: it rests."""


@asynccontextmanager
async def broken(operator: Venue, kind: VenueFaultKind, trader: Venue, **fields: Any) -> AsyncIterator[None]:  # noqa: ANN401
    """Break the door for one trader while the block lasts."""
    account_id = (await trader.account.get()).account_id
    faults = await operator.doors.set_fault(kind, account_ids=[account_id], **fields)
    try:
        yield
    finally:
        await operator.doors.clear_faults([fault.fault_id for fault in faults])


async def bid(session: Session, name: bytes = b"", **fields: Any) -> CommandResult:  # noqa: ANN401 - of `place`.
    return await session.place("SOL", Side.BUY, 1, PRICE, client_order_id=name, **fields)


@asynccontextmanager
async def trading(venue: Venue, timeout: float = 5.0, **fields: Any) -> AsyncIterator[Session]:  # noqa: ANN401
    """Open a session whose account has credit."""
    async with venue.session(timeout=timeout, **fields) as session:

        async def has_credit() -> bool:
            try:
                await bid(session)
            except Exception:  # noqa: BLE001 - whatever it lacks, it comes in a moment.
                return False
            return True

        await eventually_async(has_credit)
        await session.cancel_all()
        yield session


async def test_a_lost_answer_is_an_unknown_outcome_that_the_client_id_resolves(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue, timeout=1.0) as session:
        async with broken(operator, VenueFaultKind.ACK_LOSS, venue):
            with pytest.raises(OutcomeUnknown) as unknown:
                await bid(session, b"lost")
            assert unknown.value.client_order_ids == (b"lost",)
        # It was carried out, and the same order again gets the first answer, not a second order (ORD-030).
        known = await venue.orders.get(client_order_id=b"lost")
        again = await bid(session, b"lost")
        assert again.order_id == known.order_id
        assert len(await venue.orders.list_open()) == 1


async def test_a_call_whose_answer_is_lost_ends_by_the_patience_of_its_client(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue):
        pass
    account_id = (await venue.account.get()).account_id
    faults = await operator.doors.set_fault(VenueFaultKind.ACK_LOSS, account_ids=[account_id])
    try:
        with pytest.raises(OutcomeUnknown):
            async with asyncio.timeout(20.0):
                await venue.orders.place("SOL", Side.BUY, 1, PRICE, client_order_id=b"call")
    finally:
        await operator.doors.clear_faults([fault.fault_id for fault in faults])
    assert (await venue.orders.get(client_order_id=b"call")).state is OrderState.OPEN


async def test_late_requests_keep_their_order_and_those_after_the_fault_wait_behind(
    operator: Venue, trader: Opener
) -> None:
    venue = await trader()
    async with trading(venue) as session:
        began = time.monotonic()
        async with broken(operator, VenueFaultKind.DELAY, venue, delay=timedelta(seconds=1)):
            placed = asyncio.ensure_future(bid(session, b"late"))
            await asyncio.sleep(0)
            await operator.doors.list_faults()
        # The fault is over, but the cancel was sent after the order and must not overtake it.
        cancelled = await session.cancel(client_order_id=b"late")
        assert time.monotonic() - began >= 0.9
        assert (await placed).state is OrderState.OPEN
        assert cancelled.state is OrderState.CANCELLED


async def test_late_answers_come_in_order_and_after_the_order_is_in_the_book(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue) as session:
        async with broken(operator, VenueFaultKind.ACK_DELAY, venue, delay=timedelta(seconds=1)):
            answers = [asyncio.ensure_future(bid(session, name)) for name in (b"one", b"two")]
            await eventually_async(lambda: _is_open(venue, b"two"))
            assert not any(answer.done() for answer in answers)
            one, two = await asyncio.gather(*answers)
        assert one.order_id < two.order_id


async def _is_open(venue: Venue, name: bytes) -> bool:
    return name in {order.client_order_id for order in await venue.orders.list_open()}


async def test_throttling_says_when_to_try_again(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue) as session, broken(operator, VenueFaultKind.THROTTLE, venue):
        with pytest.raises(RateLimited):
            await bid(session)
        with pytest.raises(RateLimited) as throttled:
            await venue.orders.place("SOL", Side.BUY, 1, PRICE)
        # RetryInfo of one second.
        assert throttled.value.retry_after == 1.0
        assert await venue.orders.list_open() == ()


async def test_an_unavailable_venue_has_done_nothing(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue) as session:
        async with broken(operator, VenueFaultKind.UNAVAILABLE, venue):
            with pytest.raises(VenueOverloaded):
                await bid(session, b"down")
        assert not await _is_open(venue, b"down")
        # The id was not used up: the same one with another body is taken.
        assert (await session.place("SOL", Side.BUY, 2, PRICE, client_order_id=b"down")).state is OrderState.OPEN


async def test_cancels_vanish_while_orders_go_through(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue, timeout=1.0) as session, broken(operator, VenueFaultKind.CANCEL_LOSS, venue):
        placed = await bid(session, b"stays")
        with pytest.raises(OutcomeUnknown):
            await session.cancel(order_id=placed.order_id)
        assert await _is_open(venue, b"stays")


async def test_reduce_only_orders_are_refused_and_others_are_not(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue) as session, broken(operator, VenueFaultKind.REDUCE_ONLY_REJECTED, venue):
        assert (await bid(session)).state is OrderState.OPEN
        with pytest.raises(VenueOverloaded):
            await bid(session, reduce_only=True)


async def test_a_cut_session_comes_back_and_tells_what_is_open(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue) as session:
        placed = await bid(session, b"before")
        async with broken(operator, VenueFaultKind.DISCONNECT, venue):
            with pytest.raises((OutcomeUnknown, VenueUnavailable)):
                await bid(session, b"cut")
        await eventually_async(lambda: session.is_connected)
        assert not await _is_open(venue, b"cut")
        assert [order.order_id for order in await venue.orders.list_open()] == [placed.order_id]


async def test_a_cut_session_takes_its_orders_along_if_it_said_so(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue, cancel_on_disconnect=True) as session:
        await bid(session, b"goes")
        async with broken(operator, VenueFaultKind.DISCONNECT, venue):
            with pytest.raises((OutcomeUnknown, VenueUnavailable)):
                await bid(session, b"cut")

            async def is_empty() -> bool:
                return not await venue.orders.list_open()

            await eventually_async(is_empty)


async def test_a_gap_in_market_data_is_told_and_got_over(operator: Venue, trader: Opener) -> None:
    venue, maker = await trader(), await trader()
    async with trading(maker) as session, venue.market_data.subscribe([Channel.BOOK], ["SOL"]) as market:
        await market.next(timeout=5)
        async with broken(operator, VenueFaultKind.MARKET_DATA_GAP, venue):
            await bid(session, b"unseen")
        told: list[MarketEvent] = []
        await session.place("SOL", Side.BUY, 1, PRICE - 1)
        while not any(isinstance(event, Gap) for event in told):
            # The delta behind the gap does not follow from what was told before it.
            told.append(await market.next(timeout=5))

        def is_whole() -> bool:
            levels = {level.price for level in market.books["SOL"].bids()}
            return {PRICE, PRICE - 1} <= levels

        async def is_recovered() -> bool:
            await market.next(timeout=5)
            return is_whole()

        if not is_whole():
            await eventually_async(is_recovered)


async def test_faults_are_listed_as_they_were_set_and_cleared(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    account_id = (await venue.account.get()).account_id
    (fault,) = await operator.doors.set_fault(
        VenueFaultKind.DELAY,
        account_ids=[account_id],
        delay=timedelta(milliseconds=50),
        jitter=timedelta(milliseconds=20),
        jitter_kind=Jitter.EXPONENTIAL,
        probability="0.05",
        start=timedelta(hours=1),
        duration=timedelta(minutes=2),
        ramp=timedelta(seconds=30),
        seed=7,
    )
    assert (fault.shard, fault.kind, fault.account_ids) == (0, VenueFaultKind.DELAY, (account_id,))
    assert (fault.delay_ns, fault.jitter_ns, fault.jitter) == (50_000_000, 20_000_000, Jitter.EXPONENTIAL)
    assert (fault.probability, fault.duration_ns, fault.ramp_ns) == (Decimal("0.05"), 120 * 10**9, 30 * 10**9)
    assert fault in await operator.doors.list_faults()
    assert await operator.doors.clear_faults([fault.fault_id]) == (fault.fault_id,)
    assert fault not in await operator.doors.list_faults()
    with pytest.raises(FaultUnknown):
        await operator.doors.clear_faults([fault.fault_id])


async def test_what_has_no_meaning_and_who_has_no_right_is_refused(operator: Venue, trader: Opener) -> None:
    with pytest.raises(FaultMalformed, match="a delay"):
        await operator.doors.set_fault(VenueFaultKind.DELAY)
    with pytest.raises(FaultMalformed, match="no client"):
        await operator.doors.set_fault(VenueFaultKind.THROTTLE, account_ids=[4])
    venue = await trader()
    for call in (
        venue.doors.set_fault(VenueFaultKind.THROTTLE),
        venue.doors.clear_faults(),
        venue.doors.list_faults(),
        venue.doors.set_ordering(Ordering(policy=OrderingPolicy.ARRIVAL)),
    ):
        with pytest.raises(PermissionDenied):
            await call


@pytest.mark.spec("MTCH-060")
async def test_the_ordering_is_switched_and_switched_back(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    async with trading(venue) as session:
        wanted = Ordering(policy=OrderingPolicy.CANCELS_FIRST, block_interval_ns=300_000_000)
        (before,) = await operator.doors.set_ordering(wanted)
        try:
            began = time.monotonic()
            for _ in range(4):
                await bid(session)
            # Each waits for the end of its block, so four need three whole blocks at least.
            assert time.monotonic() - began > 0.85
        finally:
            (was,) = await operator.doors.set_ordering(before)
        assert (was.policy, was.block_interval_ns) == (OrderingPolicy.CANCELS_FIRST, 300_000_000)
        assert before.policy is OrderingPolicy.ARRIVAL
