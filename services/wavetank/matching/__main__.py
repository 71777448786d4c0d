"""The matching process: opens its log, recovers, follows the other logs and clearing, and serves."""

from __future__ import annotations

import asyncio
import sys

import structlog

from wavetank.matching.adapters import control, market_data, order_entry
from wavetank.matching.adapters.clearing_stream import ClearingStream
from wavetank.matching.adapters.disturbances import Disturbances
from wavetank.matching.adapters.order_feed import OrderFeeds
from wavetank.matching.adapters.publisher import MarketData
from wavetank.matching.config import SECOND_NS, MatchingConfig
from wavetank.matching.controls import Controls
from wavetank.matching.metrics import StageMetrics
from wavetank.matching.recovery import CLEARING_LOG, recover
from wavetank.matching.service import MatchingService
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.directory import DirectoryServicer, endpoints_of
from wavetank.runtime.grpc_server import GrpcServer
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.metrics import RpcMetrics, serve_metrics
from wavetank.runtime.process import Process, run
from wavetank.runtime.rate_limit import TokenBuckets
from wavetank.runtime.recovering import hand_on
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.registry import Registry
from wavetank.runtime.snapshot_keeper import SnapshotKeeper
from wavetank.v1 import matching_control_pb2_grpc, venue_control_pb2_grpc

GATHER_MS = 2
"""Wall time in which news of other logs gather: an order in flight has the processor meanwhile."""


def _disturb(
    config: MatchingConfig,
    controls: Controls,
    disturbances: Disturbances,
    orders: order_entry.OrderEntryServicer,
    published: MarketData,
) -> None:
    """Let the doors of orders and market data be disturbed whenever faults are set, and by magic ids."""

    def disturb() -> None:
        orders.disturb()
        published.disturb(disturbances)

    controls.watch(disturb)
    if controls.faults or config.magic_client_ids:
        disturb()


def _serve_controls(config: MatchingConfig, server: GrpcServer, service: MatchingService, clock: VenueClock) -> None:
    """Add the doors of administrators."""
    server.add(
        matching_control_pb2_grpc.add_MatchingControlServiceServicer_to_server,
        control.MatchingControlServicer(service, config.ordering_settings(), clock),
        control.SERVICE,
    )
    server.add(
        venue_control_pb2_grpc.add_VenueFaultServiceServicer_to_server,
        control.VenueFaultServicer(service),
        control.FAULT_SERVICE,
    )


async def main(config: MatchingConfig, process: Process) -> None:
    """Run the shard until the process is asked to stop."""
    logger = structlog.get_logger()
    clock = config.venue_clock()
    registry = Registry(internal_key=config.internal_key.get_secret_value())
    log = await LogWriter.open(
        config.redis_url,
        config.log,
        durability=config.durability,
        replicas=config.replicas,
        now_ns=clock.now_ns(),
        append_timeout=config.append_timeout_ms / 1_000,
    )
    async with asyncio.TaskGroup() as tasks:
        background = [
            tasks.create_task(log.watch()),
            tasks.create_task(
                registry.follow(LogReader(redis_client(config.redis_url), CLEARING_LOG, gather_ms=GATHER_MS))
            ),
        ]
        # A price that comes before its instrument is passed over, so the shard of a new venue waits for the listings.
        await registry.listed()
        recovery = await recover(
            config.redis_url,
            config.shard,
            config.engine_settings(),
            registry.instruments.values(),
            log.position,
            config.ordering_settings(),
        )
        engine = recovery.engine
        clock.advance_to(max(log.last_now_ns, engine.now_ns))
        logger.info(
            "recovered",
            last_seq=log.last_seq,
            instruments=len(engine.instruments()),
            epoch=log.epoch,
            snapshot_ms=round(1_000 * recovery.snapshot_seconds),
            tail_ms=round(1_000 * recovery.tail_seconds),
        )
        metrics = StageMetrics()
        service = MatchingService(
            engine,
            log,
            clock,
            cursors=recovery.cursors,
            sample_interval_ns=config.sample_interval_ns(),
            answer_timeout_seconds=config.answer_timeout_ms / 1_000,
            metrics=metrics,
            controls=recovery.controls,
            tolerances=config.tolerances(),
        )
        client = redis_client(config.redis_url)
        snapshots = SnapshotKeeper(client, log, retention_ns=config.log_retention_s * SECOND_NS)
        await snapshots.register(recovery.cursors)
        service.keep_snapshots(snapshots, config.snapshot_every_events)
        feeds = OrderFeeds()
        published = MarketData(service)
        service.tell(published)
        server = GrpcServer(
            identifier=registry,
            directory=DirectoryServicer(
                clock=clock,
                instruments=registry.instruments.values,
                endpoints=lambda instruments: endpoints_of(config, instruments),
            ),
            on_broken=process.fail,
            max_message_bytes=config.max_message_bytes,
            metrics=RpcMetrics("matching"),
        )
        disturbances = Disturbances(recovery.controls, clock, service.submit, knows_magic_ids=config.magic_client_ids)
        orders = order_entry.OrderEntryServicer(
            service,
            feeds,
            registry,
            max_commands=config.max_commands,
            max_message_bytes=config.max_message_bytes,
            rate_limit=TokenBuckets(rate_per_second=config.commands_per_second, burst=config.commands_burst),
            metrics=metrics,
            disturbances=disturbances,
        )
        _disturb(config, recovery.controls, disturbances, orders, published)
        service.tell(feeds, with_answers=True)
        service.tell(orders, with_answers=True)
        server.add(order_entry.add_to_server, orders, order_entry.SERVICE)
        server.add(
            market_data.add_to_server,
            market_data.MarketDataServicer(service, published, backlog=config.subscriber_backlog),
            "wavetank.v1.MarketDataService",
        )
        _serve_controls(config, server, service, clock)
        stop_metrics = serve_metrics(config.metrics_port)
        stream = ClearingStream(
            service,
            clock,
            address=config.clearing_address,
            internal_key=config.internal_key.get_secret_value(),
            shard=config.shard,
            epoch=log.epoch,
            heartbeat_seconds=config.heartbeat_ms / 1_000,
        )
        background.append(tasks.create_task(service.expire()))
        inputs = [
            *(
                tasks.create_task(hand_on(config.redis_url, name, after, service.fact, gather_ms=GATHER_MS))
                for name, after in recovery.cursors.items()
            ),
            tasks.create_task(stream.run()),
        ]
        loop = tasks.create_task(service.run())
        address = await server.start(config.listen)
        await server.set_serving(serving=True)
        logger.info("serving", address=address)
        await process.until_stopping()
        # Streams would last as long as the grace, and facts as long as others write. Callers in flight are answered
        # while the loop still runs; then the loop ends with a snapshot.
        orders.stop()
        published.stop()
        for task in inputs:
            task.cancel()
        await server.stop(config.drain_timeout_ms / 1_000)
        service.stop()
        await loop
        for task in background:
            task.cancel()
    stop_metrics()
    await snapshots.close()
    await log.close()
    await client.aclose()


if __name__ == "__main__":
    sys.exit(run("matching", MatchingConfig, main))
