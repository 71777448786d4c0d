"""An audit of one venue from end to end, for the command and for whoever else wants the report."""

from collections.abc import Callable, Sequence
from pathlib import Path

import redis
from redis.exceptions import RedisError

from wavetank.cli.audit.agreement import Agreement, Services
from wavetank.cli.audit.auditor import CLEARING, MATCHING_PREFIX, ORACLE, Auditor
from wavetank.cli.audit.findings import Findings
from wavetank.cli.audit.reading import (
    FileSource,
    LogSource,
    LogsTrimmed,
    LogUnreadable,
    RedisSource,
    existing_logs,
)
from wavetank.cli.audit.report import AuditReport, make_report
from wavetank.cli.logs import open_logs
from wavetank.cli.run_directory import RunDirectory
from wavetank.model.validity import Validity
from wavetank.runtime.log_files import log_names

REDIS_SECONDS = 10.0

Doubts = frozenset[Validity]
NO_DOUBTS: Doubts = frozenset()

OnProgress = Callable[[int, int], None]
"""Told after each entry: entries read, and entries there were when the audit began."""


def audit_directory(
    directory: RunDirectory, on_progress: OnProgress | None = None, *, tolerates: Doubts = NO_DOUBTS
) -> AuditReport:
    """Audit the venue of a run directory: its logs, and its services if it runs.

    Args:
        directory: the run directory; of a venue that was ended, the logs it left are opened.
        on_progress: told how far it is.
        tolerates: doubts about a price by which the venue liquidates all the same, as it was set.

    Raises:
        CommandFailed: there is no venue, and none has left logs.
        LogUnreadable: a log is missing, trimmed, or Redis does not answer.

    """
    with open_logs(directory) as client:
        return audit_logs(client, services_of(directory), on_progress, tolerates=tolerates)


def services_of(directory: RunDirectory) -> Services | None:
    """Return where the services of a run directory listen; None when no venue runs there."""
    # Whoever reads the logs of an ended venue owns its directory meanwhile, but publishes no services.
    if directory.owner_pid() is None or not directory.venue_path.exists():
        return None
    venue = directory.running()
    return Services(venue.endpoints["clearing"], tuple(venue.endpoints["matching"]), venue.play_key)


def audit_url(redis_url: str, on_progress: OnProgress | None = None, *, tolerates: Doubts = NO_DOUBTS) -> AuditReport:
    """Audit the logs that a Redis holds.

    Args:
        redis_url: `redis://`, `rediss://` or `unix://`.
        on_progress: told how far it is.
        tolerates: doubts about a price by which the venue liquidates all the same, as it was set.

    Raises:
        LogUnreadable: a log is missing, trimmed, or Redis does not answer.

    """
    try:
        client = redis.Redis.from_url(
            redis_url, protocol=2, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )
    except ValueError as fault:
        raise LogUnreadable(f"{redis_url} is no address of a Redis: {fault}") from fault
    with client:
        return audit_logs(client, None, on_progress, tolerates=tolerates)


def audit_folder(folder: Path, on_progress: OnProgress | None = None, *, tolerates: Doubts = NO_DOUBTS) -> AuditReport:
    """Audit logs that were written into files, as a simulated venue writes them.

    Args:
        folder: holds `clearing.log`, `oracle.log`, and one for each shard.
        on_progress: told how many entries were read.
        tolerates: as of `audit_logs`.

    Raises:
        LogUnreadable: a log is missing or cut.

    """
    names = log_names(folder) if folder.is_dir() else []
    sources = [FileSource(folder, name) for name in wanted_logs(names, str(folder))]
    return audit_sources(sources, on_progress, tolerates=tolerates)


def audit_sources(
    sources: Sequence[LogSource], on_progress: OnProgress | None = None, *, tolerates: Doubts = NO_DOUBTS
) -> AuditReport:
    """Audit logs from beginning to end, wherever they come from; clearing's is read first.

    Raises:
        LogUnreadable: a log cannot be read.

    """
    read = 0

    def on_entry(_log: str) -> None:
        nonlocal read
        read += 1
        if on_progress is not None:
            on_progress(read, 0)

    auditor = Auditor(list(sources), Findings(), on_entry=on_entry, tolerates=tolerates)
    auditor.read_all({})
    auditor.findings.note("no service runs, so their state was not compared")
    auditor.finish()
    return make_report(auditor)


def wanted_logs(names: Sequence[str], where: str) -> list[str]:
    """Return the names of a venue's logs in the order in which they are audited.

    Args:
        names: of the logs that there are.
        where: what holds them, for the refusal.

    Raises:
        LogUnreadable: one is missing.

    """
    missing = {CLEARING, ORACLE} - set(names)
    shards = [name for name in names if name.startswith(MATCHING_PREFIX)]
    if missing or not shards:
        wanted = sorted(missing | (set() if shards else {f"{MATCHING_PREFIX}0"}))
        raise LogUnreadable(f"{where} holds no log of {', '.join(wanted)}; a venue begins them all when it starts")
    # Clearing's end first: whatever it has counted by then stands in the logs whose ends are looked at after it.
    return [CLEARING, *shards, ORACLE]


def audit_logs(
    client: "redis.Redis",
    services: Services | None = None,
    on_progress: OnProgress | None = None,
    *,
    tolerates: Doubts = NO_DOUBTS,
) -> AuditReport:
    """Audit the logs behind a client, and the services that write them where these are known.

    Args:
        client: bytes in and out.
        services: the running services; None to leave them alone.
        on_progress: told how far it is.
        tolerates: doubts about a price by which the venue liquidates all the same, as it was set.

    Raises:
        LogUnreadable: a log is missing, trimmed, or Redis does not answer.

    """
    try:
        return _audit(client, services, on_progress, tolerates)
    except RedisError as fault:
        raise LogUnreadable(f"the Redis that holds the logs does not answer as it should: {fault}") from fault


def _audit(
    client: "redis.Redis", services: Services | None, on_progress: OnProgress | None, tolerates: Doubts
) -> AuditReport:
    sources = [RedisSource(client, name) for name in wanted_logs(existing_logs(client), "this Redis")]
    # Said before anything is read: with a large log that takes minutes.
    trimmed = [source.trimmed_to for source in sources if source.trimmed_to]
    if trimmed:
        raise LogsTrimmed(
            f"{' and '.join(trimmed)}: what stood before was trimmed. Which orders were open there, and what had been"
            " traded, only the services' own snapshots say, and an audit believes none of them: it needs each log from"
            " seq 1"
        )
    total = sum(source.length for source in sources)
    read = 0

    def on_entry(_log: str) -> None:
        nonlocal read
        read += 1
        if on_progress is not None:
            on_progress(read, max(total, read))

    auditor = Auditor(sources, Findings(), on_entry=on_entry, tolerates=tolerates)
    auditor.read_all({source.name: source.last_id for source in sources})
    if services is None:
        auditor.findings.note("no service runs, so their state was not compared")
    else:
        Agreement(auditor, services).compare()
    auditor.finish()
    return make_report(auditor)
