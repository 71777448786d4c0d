"""`wavetank status`: the venue at a glance.

It exists so that the first question of every trouble has one answer: which service lives, how far behind it reads, what
the prices are, and what has been broken on purpose. Exit code 0 says that everything is healthy, 1 that something is
not, 3 that no venue runs.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import redis
import typer
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from wavetank.cli.amounts import show_price, show_ratio, show_size
from wavetank.cli.connection import VenueConnection, is_healthy
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.fault import describe_fault
from wavetank.cli.logs import CLEARING, MATCHING_PREFIX, ORACLE, entries_backwards, last_entry, matching_log
from wavetank.cli.options import DIRECTORY, AsJson, Directory
from wavetank.cli.run_directory import RunDirectory, VenueFile
from wavetank.cli.screen import print_json, results
from wavetank.cli.times import show_duration, show_instant
from wavetank.v1 import account_pb2, directory_pb2, instrument_pb2, market_data_pb2, oracle_control_pb2
from wavetank.v1.log_pb2 import Inputs

app = typer.Typer(add_completion=False)

_LOOK_BACK = 64
"""Entries searched for a cursor; a writer that wrote this many without one is not reading that log."""
_ACCOUNT_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service."""

    name: str
    pid: int
    address: str
    healthy: bool
    epoch: int = 0
    seq: int = 0
    behind: dict[str, int] = field(default_factory=dict)
    """Events of each log it reads that its last entry had not counted."""


@dataclass(frozen=True, slots=True)
class InstrumentStatus:
    """One instrument; prices and sizes in dollars and units, empty for none."""

    symbol: str
    index: str
    mark: str
    stale: bool
    bid: str
    ask: str
    open_interest: str
    funding: str
    """Rate predicted for the running interval, as a percentage; positive when longs pay."""


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """All of it."""

    directory: str
    pid: int
    venue_time: str
    healthy: bool
    services: list[ServiceStatus]
    instruments: list[InstrumentStatus]
    accounts: int | None
    faults: list[str]
    redis: dict[str, Any]
    troubles: list[str]


@app.command()
def status(directory: Directory = DIRECTORY, as_json: AsJson = False) -> None:
    """Services, instruments, prices, faults at a glance.

    Ends with 0 when everything is healthy, 1 when something is not, 3 when no
    venue runs.

    Examples:
      wavetank status
      wavetank status --dir crash --json
    """
    run_directory = RunDirectory(directory)
    venue = run_directory.running()
    seen = look_at(run_directory, venue)
    if as_json:
        print_json(asdict(seen))
    else:
        _show(seen, results())
    if not seen.healthy:
        raise typer.Exit(ExitCode.FAILED)


def look_at(run_directory: RunDirectory, venue: VenueFile) -> VenueStatus:
    """Ask every service and every log; what does not answer is named, not fatal."""
    troubles: list[str] = []
    venue_ns = 0
    redis_facts: dict[str, Any] = {}
    shards = [matching_log(shard) for shard in range(len(venue.endpoints["matching"]))]
    logs = [*shards, CLEARING, ORACLE]
    reads = {CLEARING: [*shards, ORACLE], ORACLE: [*shards, CLEARING]} | {shard: [CLEARING, ORACLE] for shard in shards}
    services = [ServiceStatus(name, venue.pids.get(name, 0), _address(venue, name), healthy=False) for name in logs]
    services = [
        ServiceStatus(service.name, service.pid, service.address, healthy=is_healthy(service.address))
        for service in services
    ]
    try:
        with redis.Redis.from_url(venue.redis_url, protocol=2, socket_timeout=5.0) as client:
            redis_facts = _redis_facts(client)
            ends = {log: last_entry(client, log) for log in logs}
            venue_ns = max((entry.now_ns for entry in ends.values() if entry is not None), default=0)
            seqs = {log: entry.last_seq for log, entry in ends.items() if entry is not None}
            services = [
                _with_log(client, service, seqs, ends[service.name], reads[service.name]) for service in services
            ]
    except RedisError as error:
        troubles.append(f"redis does not answer: {error}")
    troubles += [f"{service.name} is not healthy" for service in services if not service.healthy]
    instruments: list[InstrumentStatus] = []
    faults: list[str] = []
    accounts: int | None = None
    with VenueConnection(venue) as connection:
        try:
            listed = connection.call(connection.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).instruments
            symbols = {instrument.instrument_id: instrument.symbol for instrument in listed}
            instruments = [_instrument_status(connection, instrument) for instrument in listed]
            accounts = count_accounts(connection)
            active = connection.call(connection.faults.ListFaults, oracle_control_pb2.ListFaultsRequest()).faults
            faults = [describe_fault(fault, symbols) for fault in active]
        except CommandFailed as failure:
            troubles.append(failure.message)
    return VenueStatus(
        directory=str(run_directory.path),
        pid=venue.pid,
        venue_time=show_instant(venue_ns),
        healthy=not troubles,
        services=services,
        instruments=instruments,
        accounts=accounts,
        faults=faults,
        redis=redis_facts,
        troubles=troubles,
    )


def count_accounts(connection: VenueConnection) -> int:
    """Return how many accounts there are."""
    count, after = 0, 0
    while True:
        request = account_pb2.ListAccountsRequest(after_account_id=after, page_size=_ACCOUNT_PAGE)
        page = connection.call(connection.accounts.ListAccounts, request).accounts
        count += len(page)
        if len(page) < _ACCOUNT_PAGE:
            return count
        after = page[-1].account_id


def _address(venue: VenueFile, name: str) -> str:
    room, _, shard = name.partition("-")
    listed = venue.endpoints[room]
    return str(listed[int(shard)] if name.startswith(MATCHING_PREFIX) else listed)


def _redis_facts(client: "redis.Redis") -> dict[str, Any]:
    facts: Any = client.info()
    return {
        "version": facts.get("valkey_version") or facts.get("redis_version"),
        "used_memory": facts.get("used_memory_human"),
        "append_only_file": bool(facts.get("aof_enabled")),
        "append_only_bytes": facts.get("aof_current_size", 0),
    }


def _with_log(
    client: "redis.Redis",
    service: ServiceStatus,
    seqs: dict[str, int],
    end: Any,  # noqa: ANN401 - an entry or None.
    reads: list[str],
) -> ServiceStatus:
    if end is None:
        return service
    counted: dict[str, int] = {}
    for index, entry in enumerate(entries_backwards(client, service.name)):
        if index >= _LOOK_BACK or len(counted) == len(reads):
            break
        for cursor in Inputs.FromString(entry.inputs).cursors:
            counted.setdefault(cursor.log, cursor.seq)
    behind = {log: max(0, seqs[log] - counted[log]) for log in reads if log in counted and log in seqs}
    return ServiceStatus(service.name, service.pid, service.address, service.healthy, end.epoch, end.last_seq, behind)


def _instrument_status(connection: VenueConnection, instrument: instrument_pb2.Instrument) -> InstrumentStatus:
    request = market_data_pb2.GetBookRequest(instrument_id=instrument.instrument_id, depth=1)
    answer = connection.call(connection.market_data_of(instrument.instrument_id).GetBook, request)
    prices, decimals = answer.prices, instrument.size_decimals

    def price(ticks: int) -> str:
        return show_price(ticks, decimals) if ticks else ""

    def level(levels: Any) -> str:  # noqa: ANN401 - a repeated field.
        return f"{show_size(levels[0].size_lots, decimals)} @ {price(levels[0].price_ticks)}" if levels else ""

    return InstrumentStatus(
        symbol=instrument.symbol,
        index=price(prices.index_price_ticks),
        mark=price(prices.mark_price_ticks),
        stale=prices.stale,
        bid=level(answer.book.bids),
        ask=level(answer.book.asks),
        open_interest=show_size(prices.open_interest_lots, decimals),
        funding=f"{show_ratio(prices.funding_rate_e12)} per {show_duration(instrument.funding_interval_ns)}",
    )


def _show(seen: VenueStatus, console: Console) -> None:
    services = Table(title=f"venue in {seen.directory}, {seen.venue_time}", title_justify="left")
    for heading in ("service", "pid", "address", "health", "epoch", "seq", "behind"):
        services.add_column(heading, justify="right" if heading in {"pid", "epoch", "seq"} else "left")
    for service in seen.services:
        health = "[green]healthy[/]" if service.healthy else "[red]not healthy[/]"
        behind = ", ".join(f"{log} {count}" for log, count in service.behind.items())
        pid = str(service.pid) if service.pid else "[red]gone[/]"
        services.add_row(service.name, pid, service.address, health, str(service.epoch), str(service.seq), behind)
    console.print(services)
    prices = Table(title="instruments", title_justify="left")
    for heading in ("symbol", "index", "mark", "bid", "ask", "open interest", "predicted funding"):
        prices.add_column(heading, justify="left" if heading == "symbol" else "right")
    for row in seen.instruments:
        mark = f"{row.mark} [red]stale[/]" if row.stale else row.mark
        prices.add_row(row.symbol, row.index, mark, row.bid, row.ask, row.open_interest, row.funding)
    console.print(prices)
    accounts = "unknown" if seen.accounts is None else str(seen.accounts)
    kept = "append-only file on" if seen.redis.get("append_only_file") else "no append-only file"
    console.print(f"accounts: {accounts}   redis: {seen.redis.get('used_memory', 'unknown')}, {kept}")
    console.print(f"faults: {len(seen.faults) or 'none'}")
    for fault in seen.faults:
        console.print(f"  [yellow]{fault}[/]")
    for trouble in seen.troubles:
        console.print(f"[red]trouble:[/] {trouble}")
