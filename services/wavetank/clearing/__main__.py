"""The clearing process: opens its log, recovers, follows the other logs, and serves."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import sys

import structlog

from wavetank.clearing.adapters.account import AccountServicer
from wavetank.clearing.adapters.account_events import AccountEvents
from wavetank.clearing.adapters.api_key import ApiKeyServicer
from wavetank.clearing.adapters.escalation import EscalationServicer
from wavetank.clearing.adapters.fill_history import FillHistory
from wavetank.clearing.adapters.instruments_file import listed_instruments
from wavetank.clearing.adapters.liquidation_feed import LiquidationFeedServicer
from wavetank.clearing.adapters.operator import OperatorServicer
from wavetank.clearing.adapters.risk import RiskServicer
from wavetank.clearing.adapters.shard_stream import CreditServicer
from wavetank.clearing.config import ClearingConfig
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.recovery import CLEARING_LOG, Recovery
from wavetank.clearing.service import ClearingService
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.directory import DirectoryServicer, endpoints_of
from wavetank.runtime.grpc_server import GrpcServer
from wavetank.runtime.log_entry import Position
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.metrics import RpcMetrics, serve_metrics
from wavetank.runtime.principal import Scope
from wavetank.runtime.process import Process, run
from wavetank.runtime.recovering import entries_up_to, hand_on
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.registry import Registry
from wavetank.runtime.snapshot_keeper import SnapshotKeeper
from wavetank.runtime.snapshots import SnapshotStore
from wavetank.v1 import (
    account_pb2_grpc,
    api_key_pb2_grpc,
    credit_pb2_grpc,
    escalation_pb2_grpc,
    liquidation_feed_pb2_grpc,
    operator_pb2_grpc,
    risk_pb2_grpc,
)

GATHER_MS = 5
"""Wall time in which facts gather: an account gets at most one line in it (PROTOCOL R12), and the shard, whose every
entry would else wake this process, has the processor."""


async def recover(config: ClearingConfig, log: LogWriter) -> Recovery:
    """Return the state at the log's end: the last snapshot, and the entries after it."""
    client = redis_client(config.redis_url)
    try:
        snapshot = await SnapshotStore(client, CLEARING_LOG).load_latest()
        recovery = Recovery(config.core_settings(), snapshot.data if snapshot is not None else None, config.shards)
        after = snapshot.position if snapshot is not None else Position.START
        reader = LogReader(client, CLEARING_LOG, after)
        async for entry in entries_up_to(reader, log.position):
            recovery.apply(entry)
        return recovery
    finally:
        await client.aclose()


def bootstrap(core: Clearing, config: ClearingConfig) -> None:
    """Record the first key, which has every scope, unless it is there."""
    if config.bootstrap_key is None:
        return
    key_id, _, secret = config.bootstrap_key.get_secret_value().partition(".")
    if key_id not in core.state.api_keys:
        core.bank.create_api_key(
            0,
            key_id=key_id,
            secret_sha256=hashlib.sha256(secret.encode()).digest(),
            scopes=int(Scope.READ | Scope.TRADE | Scope.ADMIN),
        )


def _add_desk(
    server: GrpcServer, service: ClearingService, account_events: AccountEvents, fills: FillHistory, clock: VenueClock
) -> None:
    """Serve what people watch and steer the venue by."""
    server.add(
        liquidation_feed_pb2_grpc.add_LiquidationFeedServiceServicer_to_server,
        LiquidationFeedServicer(service, fills.liquidations),
        "wavetank.v1.LiquidationFeedService",
    )
    server.add(risk_pb2_grpc.add_RiskServiceServicer_to_server, RiskServicer(service), "wavetank.v1.RiskService")
    server.add(
        operator_pb2_grpc.add_OperatorServiceServicer_to_server,
        OperatorServicer(service),
        "wavetank.v1.OperatorService",
    )
    server.add(
        escalation_pb2_grpc.add_EscalationServiceServicer_to_server,
        EscalationServicer(service, account_events, clock),
        "wavetank.v1.EscalationService",
    )


async def _end_streams(account_events: AccountEvents, fills: FillHistory, credit: CreditServicer) -> None:
    """End what would last as long as the server's grace."""
    account_events.stop()
    await fills.liquidations.end()
    credit.stop()


async def main(config: ClearingConfig, process: Process) -> None:
    """Run clearing until the process is asked to stop."""
    logger = structlog.get_logger()
    clock = config.venue_clock()
    log = await LogWriter.open(
        config.redis_url,
        CLEARING_LOG,
        durability=config.durability,
        replicas=config.replicas,
        now_ns=clock.now_ns(),
        append_timeout=config.append_timeout_ms / 1_000,
    )
    recovery = await recover(config, log)
    # What was recovered stays; looking through it for garbage would stop the venue for longer the more accounts it has.
    gc.freeze()
    instruments = listed_instruments(config)
    known = [*recovery.state.instruments.values(), *instruments]
    config.check_venue(recovery.state.shards, {instrument.symbol for instrument in known})
    clock.advance_to(max(log.last_now_ns, recovery.now_ns))
    core = Clearing(config.core_settings(), epoch=log.epoch, state=recovery.state, last_seq=log.last_seq)
    logger.info("recovered", last_seq=log.last_seq, accounts=len(core.state.accounts), epoch=log.epoch)
    core.begin(
        clock.now_ns(),
        instruments,
        config.fund_deposit_micros,
        shards=config.shards,
        placed=config.shard_of,
    )
    bootstrap(core, config)

    service = ClearingService(
        core,
        log,
        clock,
        cursors=recovery.cursors,
        tick_seconds=config.tick_ms / 1_000,
        answer_timeout_seconds=config.answer_timeout_ms / 1_000,
    )
    client = redis_client(config.redis_url)
    # No retention: accounts, keys and instruments are rebuilt from clearing's log, so it is never trimmed.
    snapshots = SnapshotKeeper(client, log)
    await snapshots.register(recovery.cursors)
    service.keep_snapshots(snapshots, config.snapshot_every_events)
    registry = Registry(internal_key=config.internal_key.get_secret_value())
    account_events = AccountEvents(log.last_seq)
    service.tell(account_events)
    fills = FillHistory(redis_client(config.redis_url), CLEARING_LOG)

    server = GrpcServer(
        identifier=registry,
        directory=DirectoryServicer(
            clock=clock,
            instruments=registry.instruments.values,
            endpoints=lambda instruments: endpoints_of(config, instruments),
        ),
        on_broken=process.fail,
        max_message_bytes=config.max_message_bytes,
        metrics=RpcMetrics("clearing"),
    )
    server.add(
        account_pb2_grpc.add_AccountServiceServicer_to_server,
        AccountServicer(service, fills, account_events, registry=registry, client_deposits=config.client_deposits),
        "wavetank.v1.AccountService",
    )
    server.add(
        api_key_pb2_grpc.add_ApiKeyServiceServicer_to_server, ApiKeyServicer(service), "wavetank.v1.ApiKeyService"
    )
    _add_desk(server, service, account_events, fills, clock)
    credit = CreditServicer(service)
    server.add(credit_pb2_grpc.add_CreditServiceServicer_to_server, credit, "wavetank.v1.CreditService")
    stop_metrics = serve_metrics(config.metrics_port)
    async with asyncio.TaskGroup() as tasks:
        background = [
            tasks.create_task(log.watch()),
            tasks.create_task(
                registry.follow(LogReader(redis_client(config.redis_url), CLEARING_LOG, gather_ms=GATHER_MS))
            ),
            tasks.create_task(fills.run()),
        ]
        facts = [
            tasks.create_task(hand_on(config.redis_url, name, after, service.fact, gather_ms=GATHER_MS))
            for name, after in recovery.cursors.items()
        ]
        loop = tasks.create_task(service.run())
        await registry.ready()
        address = await server.start(config.listen)
        await server.set_serving(serving=True)
        logger.info("serving", address=address)
        await process.until_stopping()
        # Callers in flight are answered while the loop still runs; then the loop ends with a snapshot.
        await _end_streams(account_events, fills, credit)
        await server.stop(config.drain_timeout_ms / 1_000)
        service.stop()
        # What the shard did last is counted too, unless that takes long; the rest is counted after the next start.
        await asyncio.wait([loop], timeout=config.drain_timeout_ms / 1_000)
        for task in facts:
            task.cancel()
        await loop
        for task in background:
            task.cancel()
    stop_metrics()
    await log.close()
    await client.aclose()


if __name__ == "__main__":
    sys.exit(run("clearing", ClearingConfig, main))
