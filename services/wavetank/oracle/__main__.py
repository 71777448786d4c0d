"""Start the oracle: build what it is made of, and plug it together."""

from __future__ import annotations

import asyncio
import sys

import structlog

from wavetank.oracle.adapters.books import follow_books
from wavetank.oracle.adapters.grpc_services import OracleControlServicer, OracleServicer
from wavetank.oracle.adapters.sources.listed import build_sources, terms_of
from wavetank.oracle.config import OracleServiceSettings
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.feed import PriceFeed
from wavetank.oracle.recovery import Memory, recover
from wavetank.oracle.service import OracleService
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.directory import DirectoryServicer, endpoints_of
from wavetank.runtime.grpc_server import GrpcServer
from wavetank.runtime.log_entry import Position
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.metrics import RpcMetrics, serve_metrics
from wavetank.runtime.process import Process, run
from wavetank.runtime.recovering import entries_up_to
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.registry import Registry
from wavetank.runtime.snapshot_keeper import SnapshotKeeper
from wavetank.runtime.snapshots import SnapshotStore
from wavetank.v1 import oracle_control_pb2_grpc, oracle_pb2_grpc

LOG = "oracle"
CLEARING_LOG = "clearing"
MS_PER_SECOND = 1_000
NS_PER_SECOND = 1_000_000_000
GATHER_MS = 20
"""Wall time in which the shard's entries gather: book samples are far rarer, and every order would wake the oracle."""


async def main(settings: OracleServiceSettings, process: Process) -> None:
    """Run the oracle until the process is asked to stop.

    Raises:
        SettingsInvalid: a source cannot be built; nothing was started.

    """
    clock = settings.venue_clock()
    # Files are read and checked before anything is opened, in a thread, for they may be long.
    sources = await asyncio.to_thread(build_sources, settings, clock)
    core = settings.core(clock, terms_of(sources))
    client = redis_client(settings.redis_url)
    writer = await LogWriter.open(
        settings.redis_url,
        LOG,
        durability=settings.durability,
        replicas=settings.replicas,
        now_ns=clock.now_ns(),
        append_timeout=settings.append_timeout_ms / MS_PER_SECOND,
    )
    try:
        store = SnapshotStore(client, LOG)
        memory, feed = await _recover(settings, core, store, LogReader(client, LOG), writer)
        clock.advance_to(max(memory.last_now_ns, writer.last_now_ns))
        memory.last_now_ns = max(memory.last_now_ns, writer.last_now_ns)
        snapshots = SnapshotKeeper(client, writer, retention_ns=settings.log_retention_s * NS_PER_SECOND)
        # Until it has read the logs of the books, nothing of them may be trimmed.
        await snapshots.register(dict.fromkeys(settings.book_logs, Position.START) | memory.cursors)
        service = OracleService(
            memory=memory,
            settings=core,
            log=writer,
            snapshots=snapshots,
            feed=feed,
            clock=clock,
            sources=sources,
            snapshot_entries=settings.snapshot_entries,
        )
        registry = Registry(internal_key=settings.internal_key.get_secret_value())
        books = [
            LogReader(client, log, memory.cursors.get(log, Position.START), gather_ms=GATHER_MS)
            for log in settings.book_logs
        ]
        server = _server(settings, clock, service, registry, process)
        stop_metrics = serve_metrics(settings.metrics_port)
        try:
            await _serve(settings, process, writer, service, registry, server, books, LogReader(client, CLEARING_LOG))
        finally:
            stop_metrics()
    finally:
        await writer.close()
        await client.aclose()


async def _recover(
    settings: OracleServiceSettings, core: OracleSettings, store: SnapshotStore, reader: LogReader, writer: LogWriter
) -> tuple[Memory, PriceFeed]:
    snapshot = await store.load_latest()
    if snapshot is None:
        memory = Memory(Oracle(core))
    else:
        memory = Memory.from_bytes(core, snapshot.data)
        reader.position = snapshot.position
    feed = PriceFeed(
        retained_prices=settings.retained_prices,
        backlog=settings.subscriber_backlog,
        begins_after_seq=reader.position.seq,
    )
    entries = await recover(memory, entries_up_to(reader, writer.position), feed)
    structlog.get_logger().info(
        "oracle_recovered", entries=entries, last_seq=writer.last_seq, state_hash=memory.oracle.state_hash().hex()[:16]
    )
    return memory, feed


def _server(
    settings: OracleServiceSettings, clock: VenueClock, service: OracleService, registry: Registry, process: Process
) -> GrpcServer:
    server = GrpcServer(
        identifier=registry,
        directory=DirectoryServicer(
            clock=clock,
            instruments=registry.instruments.values,
            endpoints=lambda instruments: endpoints_of(settings, instruments),
        ),
        on_broken=process.fail,
        max_message_bytes=settings.max_message_bytes,
        metrics=RpcMetrics(LOG),
    )
    server.add(
        oracle_pb2_grpc.add_OracleServiceServicer_to_server,
        OracleServicer(service, registry),
        "wavetank.v1.OracleService",
    )
    server.add(
        oracle_control_pb2_grpc.add_OracleControlServiceServicer_to_server,
        OracleControlServicer(service),
        "wavetank.v1.OracleControlService",
    )
    return server


async def _serve(
    settings: OracleServiceSettings,
    process: Process,
    writer: LogWriter,
    service: OracleService,
    registry: Registry,
    server: GrpcServer,
    books: list[LogReader],
    listings: LogReader,
) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(writer.watch(), name="watch the log"),
            group.create_task(registry.follow(listings), name="follow listings"),
            *(group.create_task(follow_books(each, service), name=f"follow books of {each.log}") for each in books),
            group.create_task(service.run(registry.instruments.values), name="publish"),
        ]
        address = await server.start(settings.listen)
        structlog.get_logger().info("listening", address=address)
        await registry.listed()
        # Whoever is told that the oracle serves finds what is listed priced.
        await service.publish(registry.instruments.values())
        await server.set_serving(serving=True)
        await process.until_stopping()
        await server.stop(settings.drain_timeout_ms / MS_PER_SECOND)
        # The step in flight is committed before the log is let go.
        await service.stop(settings.drain_timeout_ms / MS_PER_SECOND)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    sys.exit(run(LOG, OracleServiceSettings, main))
