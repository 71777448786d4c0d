"""The record of a live storm, from the venue's logs: the means by which a simulated one is measured.

Kept true: the logs are read from their beginning, for what everybody has stands nowhere else; but what happened before
the day is no part of it, and what came behind its end is not read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from wavetank.cli.logs import ORACLE, beginnings, entries, entries_backwards, logs_of
from wavetank.model.events.oracle import SourcePriced
from wavetank.model.record import decode_all

if TYPE_CHECKING:
    import redis

    from wavetank.storms.measure.recorder import Recorder

_LOOKED_AT = 50
"""Entries of the oracle's log in which every source has spoken."""


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """An entry of a log, as the recorder takes it."""

    log: str
    first_seq: int
    now_ns: int
    records: bytes


def trimmed_logs(client: redis.Redis) -> list[str]:
    """Return the logs whose beginning is gone."""
    return sorted(beginnings(client))


def source_names(client: redis.Redis) -> dict[int, tuple[str, ...]]:
    """Return the names of the sources of each instrument, as the oracle's log tells them."""
    found: dict[int, set[str]] = {}
    for at, entry in enumerate(entries_backwards(client, ORACLE)):
        if at >= _LOOKED_AT:
            break
        for event in decode_all(entry.records):
            if isinstance(event, SourcePriced):
                found.setdefault(event.instrument_id, set()).add(event.source.decode())
    return {number: tuple(sorted(names)) for number, names in found.items()}


def record_logs(client: redis.Redis, recorder: Recorder, ended_ns: int) -> None:
    """Give a recorder all that the logs hold up to the end of a storm, in the order of venue time.

    Args:
        client: of the venue's Redis.
        recorder: new.
        ended_ns: venue time.

    """
    streams = [_entries(client, log, ended_ns) for log in logs_of(client)]
    has_begun = False
    for entry in heapq.merge(*streams, key=attrgetter("now_ns")):
        if not has_begun and entry.now_ns >= recorder.began_ns:
            recorder.begin()
            has_begun = True
        recorder.take(entry)


def _entries(client: redis.Redis, log: str, ended_ns: int) -> Iterator[LoggedEntry]:
    for _, entry in entries(client, log):
        if entry.now_ns > ended_ns:
            return
        if entry.records:
            yield LoggedEntry(log, entry.first_seq, entry.now_ns, bytes(entry.records))
