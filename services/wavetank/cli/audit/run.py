"""An audit of one venue from end to end, for the command and for whoever else wants the report."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.exceptions import RedisError

from wavetank.cli.audit.agreement import Agreement, Services
from wavetank.cli.audit.auditor import CLEARING, MATCHING_PREFIX, ORACLE, Auditor
from wavetank.cli.audit.findings import Findings
from wavetank.cli.audit.reading import LogUnreadable, RedisSource, existing_logs
from wavetank.cli.audit.report import AuditReport, make_report

REDIS_SECONDS = 10.0
VENUE_FILE = "venue.json"

Progress = Callable[[int, int], None]
"""Told after each entry: entries read, and entries there were when the audit began."""


@dataclass(frozen=True, slots=True)
class Venue:
    """Where a venue's logs and services are."""

    redis_url: str
    services: Services | None


def find_venue(directory: Path, redis_url: str | None) -> Venue:
    """Return the venue that a run directory describes, or the logs that a URL names.

    Raises:
        LogUnreadable: neither says where the logs are.

    """
    path = directory / VENUE_FILE
    if not path.exists():
        if redis_url is None:
            raise LogUnreadable(
                f"{path} does not exist, so no venue runs from there; start one with `wavetank up`, name another"
                " directory with --dir, or the logs themselves with --redis-url"
            )
        return Venue(redis_url, None)
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        endpoints = described["endpoints"]
        services = Services(endpoints["clearing"], tuple(endpoints["matching"]), described["play_key"])
        own_url: str = described["redis_url"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise LogUnreadable(f"{path} cannot be read ({fault!r}); start the venue anew with `wavetank up`") from fault
    if redis_url is not None and redis_url != own_url:
        # Another Redis holds another venue's logs, or a copy that the running services do not write.
        return Venue(redis_url, None)
    return Venue(own_url, services)


def audit_venue(venue: Venue, on_progress: Progress | None = None) -> AuditReport:
    """Audit a venue's logs, and its services where they are known.

    Args:
        venue: where they are.
        on_progress: told how far it is.

    Raises:
        LogUnreadable: a log is missing, trimmed, or Redis does not answer.

    """
    client = redis.Redis.from_url(
        venue.redis_url,
        protocol=2,
        decode_responses=False,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
    )
    try:
        with client:
            return _audit(client, venue.services, on_progress)
    except RedisError as fault:
        raise LogUnreadable(
            f"Redis does not answer as it should ({fault}); the logs are kept there, so start the venue with"
            " `wavetank up`, or name its Redis with --redis-url"
        ) from fault


def _audit(client: "redis.Redis", services: Services | None, on_progress: Progress | None) -> AuditReport:
    names = existing_logs(client)
    missing = {CLEARING, ORACLE} - set(names)
    shards = [name for name in names if name.startswith(MATCHING_PREFIX)]
    if missing or not shards:
        wanted = sorted(missing) or [f"{MATCHING_PREFIX}0"]
        raise LogUnreadable(f"this Redis holds no log {', '.join(wanted)}; a venue writes all of them when it starts")
    # Clearing's end first: whatever it has counted by then stands in the logs whose ends are looked at after it.
    sources = [RedisSource(client, name) for name in (CLEARING, *shards, ORACLE)]
    total = sum(source.length for source in sources)
    read = 0

    def on_entry(_log: str) -> None:
        nonlocal read
        read += 1
        if on_progress is not None:
            on_progress(read, max(total, read))

    auditor = Auditor(sources, Findings(), on_entry=on_entry)
    auditor.read_all({source.name: source.last_id for source in sources})
    if services is None:
        auditor.findings.note("no services are known, so their state was not compared")
    else:
        Agreement(auditor, services).compare()
    auditor.finish()
    return make_report(auditor)
