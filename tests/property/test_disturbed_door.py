"""Nothing is done twice and nothing is lost silently, whatever faults befall the door, if clients retry by their ids.

The service, the engine, the sessions and the faults are the real ones; the log is a list. A client sends an order, and
the same again, over a new session if need be, until it is answered. In the end each order stands in the log once, with
the id that its client was told.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.unit.matching.core.desk import ALICE, BOB
from tests.unit.matching.memory_shard import BUY, SELL, Shard, running
from wavetank.matching.adapters.disturbances import Disturbances
from wavetank.matching.adapters.order_entry import OrderEntryServicer
from wavetank.matching.adapters.order_feed import OrderFeeds
from wavetank.matching.adapters.session import OrderSession
from wavetank.matching.adapters.wire_reader import read_session_request
from wavetank.matching.core.entry_faults import EntryFault
from wavetank.matching.metrics import StageMetrics
from wavetank.model.events.matching import OrderAccepted, OrderCancelled
from wavetank.model.venue_faults import LATE_KINDS, MARKET_DATA_KINDS, Jitter, VenueFaultKind
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.rate_limit import TokenBuckets
from wavetank.v1 import instrument_pb2
from wavetank.v1 import order_entry_pb2 as pb

pytestmark = pytest.mark.spec("MTCH-065", "ORD-030")

MS = 1_000_000
PATIENCE_SECONDS = 0.005
ORDERS = 8
KINDS = [kind for kind in VenueFaultKind if kind not in MARKET_DATA_KINDS]


class Client:
    """One account's client, which knows no more than it is told."""

    numbers = itertools.count(1)

    def __init__(self, account_id: int, servicer: OrderEntryServicer, feeds: OrderFeeds) -> None:
        self.account_id = account_id
        self.servicer = servicer
        self.feeds = feeds
        self.answers: dict[int, Callable[[pb.SessionResponse], None]] = {}
        self.request_id = 0
        self.session: OrderSession | None = None

    async def opened(self) -> OrderSession:
        """Open a session as the door does: with the account's orders as committed."""
        session = OrderSession(
            self.account_id,
            next(self.numbers),
            feeds=self.feeds,
            write=self.read,
            committed_seq=lambda: 0,
            unflushed=self.servicer._unflushed,
        )
        await self.servicer._service.ask(
            lambda engine: self.feeds.join(self.account_id, session, engine.open_orders(self.account_id))
        )
        return session

    async def read(self, data: bytes) -> None:
        response = pb.SessionResponse.FromString(data)
        if response.request_id:
            # Every request is answered once.
            self.answers.pop(response.request_id)(response)

    async def until_answered(self, command: pb.Command) -> pb.CommandResult:
        """Send a command again and again until one of the tries is answered, be it an early one that was late."""
        results: list[pb.CommandResult] = []
        news = asyncio.Event()

        def answered(response: pb.SessionResponse) -> None:
            results.extend(response.results)
            if results:
                news.set()

        for attempt in range(200):
            await self.send(command, answered)
            # Who asks too often is cut so often that no answer finds its way: it waits longer each time, up to a bound.
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), PATIENCE_SECONDS * min(attempt + 1, 12))
            if results:
                return results[0]
        raise AssertionError("faults that spare half of all requests cannot hit two hundred tries in a row")

    async def send(self, command: pb.Command, answered: Callable[[pb.SessionResponse], None]) -> None:
        """Send a command once, over a new session if the last one was cut."""
        if self.session is None:
            self.session = await self.opened()
        if self.session.is_closing:
            assert self.session.finished.exception() is not None
            self.session.end()
            self.servicer._all_disturbances.forget(self.session)
            self.feeds.leave(self.account_id, self.session)
            self.session = await self.opened()
        self.request_id += 1
        self.answers[self.request_id] = answered
        message = pb.SessionRequest(request_id=self.request_id, commands=[command]).SerializeToString()
        self.servicer._take(self.session, read_session_request(message, 9))


def place(name: bytes, side: int, price_ticks: int) -> pb.Command:
    return pb.Command(
        place=pb.PlaceOrder(
            instrument_id=1,
            side=instrument_pb2.Side.ValueType(side),
            order_type=pb.ORDER_TYPE_LIMIT,
            price_ticks=price_ticks,
            size_lots=5,
            time_in_force=pb.TIME_IN_FORCE_GTC,
            client_order_id=name,
        )
    )


def drawn_faults(random: Random) -> list[EntryFault]:
    """Return a few faults, each of which spares half of all requests at least."""
    faults = []
    for kind in random.sample(KINDS, random.randint(1, 4)):
        fields: dict[str, Any] = {}
        if kind in LATE_KINDS:
            fields = {"delay_ns": random.randint(1, 10) * MS, "jitter_ns": random.randint(1, 5) * MS}
            fields["jitter"] = random.choice([Jitter.UNIFORM, Jitter.EXPONENTIAL])
        account_ids = random.choice([(), (ALICE,), (ALICE, BOB)])
        chance = random.randint(1, 500_000)
        faults.append(
            EntryFault(
                fault_id=0, kind=kind, account_ids=account_ids, probability_ppm=chance, seed=random.getrandbits(60),
                **fields,
            )
        )  # fmt: skip
    return faults


async def trade(client: Client, random: Random) -> dict[bytes, int]:
    """Place orders, and cancel every third; return the ids that the client was told, by its own."""
    told: dict[bytes, int] = {}
    for number in range(ORDERS):
        name = f"{client.account_id}-{number}".encode()
        side = BUY if client.account_id == ALICE else SELL
        result = await client.until_answered(place(name, side, 10 * random.randint(99, 101)))
        assert not result.HasField("refusal"), result.refusal
        told[name] = result.order_id
        if number % 3 == 0:
            await client.until_answered(pb.Command(cancel=pb.CancelOrder(client_order_id=name)))
    return told


async def run(seed: int) -> None:
    random = Random(seed)
    async with running() as shard:
        servicer, feeds = door_of(shard)
        shard.open()
        await shard.price(1_000)
        for account_id in (ALICE, BOB):
            shard.line(account_id)
        await shard.settled()
        for fault in drawn_faults(random):
            await shard.service.set_fault(fault)
        clients = [Client(account_id, servicer, feeds) for account_id in (ALICE, BOB)]
        running_clients = [trade(client, Random(seed + client.account_id)) for client in clients]
        told = {name: order_id for found in await asyncio.gather(*running_clients) for name, order_id in found.items()}
        await shard.service.clear_faults([])
        servicer._all_disturbances.release()
        await shard.settled()
        accepted = [event for event in shard.log.events() if isinstance(event, OrderAccepted)]
        assert sorted(event.client_order_id for event in accepted) == sorted(told), f"seed {seed}"
        assert {event.client_order_id: event.order_id for event in accepted} == told, f"seed {seed}"
        ended = [event.order_id for event in shard.log.events() if isinstance(event, OrderCancelled)]
        assert len(ended) == len(set(ended))
        # With the faults over and nothing late, the door asks its one question again.
        await clients[0].until_answered(pb.Command(cancel=pb.CancelOrder(order_id=1)))
        assert servicer._disturbances is None
        for client in clients:
            assert client.session is not None
            client.session.finished.cancel()


def door_of(shard: Shard) -> tuple[OrderEntryServicer, OrderFeeds]:
    feeds = OrderFeeds()
    clock = VenueClock(start_ns=0, origin_ns=0, speed_milli=1_000)
    servicer = OrderEntryServicer(
        shard.service,
        feeds,
        None,  # type: ignore[arg-type] # Keys are judged before a session is opened, and these are open.
        max_commands=9,
        max_message_bytes=1 << 20,
        rate_limit=TokenBuckets(rate_per_second=10**6, burst=10**6),
        metrics=StageMetrics(CollectorRegistry()),
        disturbances=Disturbances(shard.service.controls, clock, shard.service.submit, knows_magic_ids=False),
    )
    shard.service.controls.watch(servicer.disturb)
    shard.service.tell(feeds, with_answers=True)
    shard.service.tell(servicer, with_answers=True)
    return servicer, feeds


@settings(max_examples=20, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_no_order_is_done_twice_or_lost_silently(seed: int) -> None:
    asyncio.run(run(seed))
