"""`kill -9` of clearing in the middle of liquidations: each is completed once, and the money adds up.

Clearing and matching are told that BTC fell, by a fault of the oracle, so far that one account after the other is for
the book, for the vault, and for the fund and the other side. Each time clearing is killed as soon as the liquidation
stands in its log, and once more when a stage has asked for something. The small version of this test, at every moment
instead of at some, is `property/clearing/test_killed_in_each_stage.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import grpc.aio
import pytest
import redis

from tests.eventually import eventually_async
from tests.integration.callers import BTC, BUY, DOLLAR, SELL, Caller, bearer, calling, on_grid, place
from tests.venue_fixture import SEED, START_SECONDS
from wavetank.clearing.config import ClearingConfig
from wavetank.clearing.core.snapshot import state_hash
from wavetank.clearing.recovery import Recovery
from wavetank.cli.audit.run import audit_directory
from wavetank.cli.price_options import price_choice
from wavetank.cli.supervisor import RestartPolicy
from wavetank.cli.venue import VenuePlan, VenueProcess
from wavetank.model.events.clearing import LiquidationEnded, LiquidationStarted, LiquidationStepped
from wavetank.model.record import Event, decode_all
from wavetank.runtime.log_entry import LogEntry
from wavetank.runtime.log_reader import read_log
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.redis_server import start_redis
from wavetank.runtime.snapshots import SnapshotStore
from wavetank.v1 import oracle_control_pb2, oracle_control_pb2_grpc, oracle_pb2
from wavetank.v1 import order_entry_pb2 as pb

LOG = "clearing"
LOTS = 10_000
"""0.1 BTC: about 6,000 dollars, of which 75 are the maintenance margin."""
DEPOSIT = 250 * DOLLAR
READY_SECONDS = 40.0
FULL, BACKSTOP, INSURANCE = 3, 4, 5

pytestmark = pytest.mark.timeout(170)


def log_entries(redis_url: str) -> list[LogEntry]:
    with redis.Redis.from_url(redis_url) as client:
        return list(read_log(client, LOG))


def found(redis_url: str, accepts: Callable[[Event], bool]) -> list[Event]:
    return [event for entry in log_entries(redis_url) for event in decode_all(entry.records) if accepts(event)]


def is_own(account_id: int, kind: type, event: Event) -> bool:
    return isinstance(event, kind) and event.account_id == account_id


def has_asked(account_id: int, stage: int, event: Event) -> bool:
    if not isinstance(event, LiquidationStepped) or event.account_id != account_id:
        return False
    return event.stage == stage and event.delta_lots != 0


class Killer:
    """Kills clearing when something stands in its log."""

    def __init__(self, venue: VenueProcess) -> None:
        self._venue = venue
        self._starts = 1

    async def seen(self, accepts: Callable[[Event], bool]) -> None:
        """Wait until such an event stands in the log."""
        await eventually_async(lambda: asyncio.to_thread(found, self._venue.redis_url, accepts), timeout=READY_SECONDS)

    async def kill_when(self, accepts: Callable[[Event], bool]) -> None:
        await self.seen(accepts)
        self._venue.kill(LOG)
        self._starts += 1
        starts = self._starts
        assert await asyncio.to_thread(self._venue.wait_ready, LOG, READY_SECONDS, starts=starts), (
            "it did not come back"
        )


@asynccontextmanager
async def fallen(venue: VenueProcess, percent_e12: int) -> AsyncIterator[None]:
    """Tell clearing and matching that BTC is so much lower, as a share of 10^-12, for as long as this lasts."""
    fault = oracle_control_pb2.Fault(
        kind=oracle_control_pb2.FAULT_KIND_SPIKE,
        target=oracle_control_pb2.FAULT_TARGET_PRICE,
        instrument_ids=[BTC],
        consumers=[oracle_pb2.CONSUMER_CLEARING, oracle_pb2.CONSUMER_MATCHING],
        magnitude_e12=-percent_e12,
    )
    async with grpc.aio.insecure_channel(venue.file.endpoints["oracle"]) as channel:
        control = oracle_control_pb2_grpc.OracleControlServiceStub(channel)
        admin = bearer(venue.play_key)
        await control.SetFault(oracle_control_pb2.SetFaultRequest(fault=fault), metadata=admin)
        yield
        await control.ClearFaults(oracle_control_pb2.ClearFaultsRequest(), metadata=admin)


async def goes_long(trader: Caller, maker: Caller) -> None:
    """Let a trader buy 0.1 BTC of the maker at the mark, and leave nothing in the book."""
    price = on_grid(await trader.mark_ticks())

    async def trades() -> bool:
        # After a start the shard waits for prices and credit lines.
        offered = await maker.place(place(SELL, LOTS, price))
        if offered.state != pb.ORDER_STATE_OPEN:
            return False
        taken = await trader.place(place(BUY, LOTS, price, time_in_force=pb.TIME_IN_FORCE_IOC))
        if taken.filled_lots == LOTS:
            return True
        await maker.ask(
            maker.orders.CancelOrder, pb.CancelOrderRequest(cancel=pb.CancelOrder(order_id=offered.order_id))
        )
        return False

    await eventually_async(trades, timeout=READY_SECONDS)


@pytest.mark.spec("INV-090", "INV-100", "LIQ-030")
async def test_a_killed_clearing_completes_each_liquidation_once(tmp_path: Path) -> None:
    plan = VenuePlan(
        directory=tmp_path,
        settings=price_choice(seed=SEED).settings,
        restarts=RestartPolicy(limit=1_000, longest_pause_seconds=0.1),
    )
    venue = await asyncio.to_thread(VenueProcess.start, plan, timeout=START_SECONDS)
    try:
        killer = Killer(venue)
        async with calling(venue) as admin:
            maker = await admin.trader("maker")
            victims = []
            # Equity after fees is about 247 of 6,000: at 3.1 % lower 61 against 73, at 3.8 % 19, at 5 % below zero.
            for percent, stage in ((31, FULL), (38, BACKSTOP), (50, INSURANCE)):
                victim = await admin.trader(f"victim-{percent}", DEPOSIT)
                await goes_long(victim, maker)
                account_id = victim.account_id
                victims.append(account_id)

                async with fallen(venue, percent * 10**9):
                    await killer.kill_when(partial(is_own, account_id, LiquidationStarted))
                    await killer.kill_when(partial(has_asked, account_id, stage))
                    if stage != FULL:
                        await killer.seen(partial(is_own, account_id, LiquidationEnded))
                # Nobody bids, so what is for the book waits; when the price is back the account is let go.
                await killer.seen(partial(is_own, account_id, LiquidationEnded))
            report = await asyncio.to_thread(audit_directory, venue.directory)
            assert report.ok, report.offences
        events = await asyncio.to_thread(found, venue.redis_url, lambda _: True)
        # The first account is let go with its position, and the vault holds the second's: a later fall takes them too.
        started = [event for event in events if isinstance(event, LiquidationStarted)]
        assert set(victims) <= {event.account_id for event in started}
        ended = sorted(event.liquidation_id for event in events if isinstance(event, LiquidationEnded))
        assert ended == [event.liquidation_id for event in started]
        assert len(set(ended)) == len(ended)
        assert report.victims
    finally:
        await asyncio.to_thread(venue.stop)
    # The last snapshot is the state of the process that was killed six times; a replay from nothing is its twin.
    with start_redis(venue.directory.redis) as server:
        entries = await asyncio.to_thread(log_entries, server.url)
        client = redis_client(server.url)
        snapshots = await SnapshotStore(client, LOG).load_all()
        await client.aclose()
    assert entries[-1].epoch == 7
    settings = ClearingConfig.model_construct().core_settings()
    twin, last = Recovery(settings, None), Recovery(settings, snapshots[0].data)
    for entry in entries:
        twin.apply(entry)
        if entry.first_seq > snapshots[0].position.seq:
            last.apply(entry)
    # It may have counted entries behind its last event that moved nothing; no log tells, and they are counted again.
    assert all(had >= told for had, told in zip(last.state.matching_seqs, twin.state.matching_seqs, strict=True))
    last.state.matching_seqs = list(twin.state.matching_seqs)
    assert state_hash(last.state) == state_hash(twin.state)
