"""Reading a venue's logs from the command line: forwards, backwards, and as they grow.

It exists so that `status` and `log` look at the facts themselves, not at what a service says of them. Kept true: the
venue need not run; the logs of one that was ended are read from its data by a Redis started for that purpose.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.run_directory import RunDirectory
from wavetank.model.events.clearing import AccountOpened, InstrumentListed, MarginScalingListed, MarginTierListed
from wavetank.model.instrument import Instrument, Listings
from wavetank.model.record import RECORD_BYTES, Event, decode, kind_of, kinds
from wavetank.runtime.log_entry import FIELD, LogEntry, decode_entry, log_key
from wavetank.runtime.redis_server import RedisServerFailed, start_redis

MATCHING_PREFIX = "matching-"
MATCHING = f"{MATCHING_PREFIX}0"
"""The first matching shard, which every venue has."""
CLEARING = "clearing"
ORACLE = "oracle"
_ORDER_BITS = 48

_PAGE = 256
_LISTING_KINDS = {kind_of(cls) for cls in (AccountOpened, InstrumentListed, MarginScalingListed, MarginTierListed)}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event where it stands."""

    log: str
    seq: int
    epoch: int
    now_ns: int
    """Venue time of the entry."""
    event: Event

    @property
    def order_key(self) -> tuple[int, int, int]:
        """Order across logs: by venue time; at the same time prices, then trades, then money."""
        place = 1 if self.log.startswith(MATCHING_PREFIX) else (0 if self.log == ORACLE else 2)
        return (self.now_ns, place, self.seq)


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called."""

    instruments: dict[int, Instrument]
    accounts: dict[int, str]

    def instrument_id(self, symbol: str) -> int:
        """Return the id of a symbol, in any case.

        Raises:
            CommandFailed: nothing is listed under it.

        """
        for instrument in self.instruments.values():
            if instrument.symbol.upper() == symbol.upper():
                return instrument.instrument_id
        listed = ", ".join(instrument.symbol for instrument in self.instruments.values())
        raise CommandFailed(f"no instrument {symbol!r}", hint=f"listed are: {listed or 'none'}", code=ExitCode.USAGE)


@contextlib.contextmanager
def open_logs(directory: RunDirectory) -> Iterator["redis.Redis"]:
    """Give a client of the Redis that holds the venue's logs; starts one if the venue does not run.

    Raises:
        CommandFailed: there is no venue, and no data of one.

    """
    with contextlib.ExitStack() as stack:
        if directory.owner_pid() is not None:
            url = directory.running().redis_url
        elif (directory.redis / "appendonlydir").is_dir():
            stack.enter_context(directory.claim())
            try:
                url = stack.enter_context(start_redis(directory.redis)).url
            except RedisServerFailed as error:
                raise CommandFailed(f"the logs in {directory.redis} cannot be opened: {error}") from error
        else:
            raise CommandFailed(
                f"no venue runs in {directory.path}, and none has left logs there",
                hint="start one with `wavetank up`, or name the directory of yours with `--dir`",
                code=ExitCode.NO_VENUE,
            )
        yield stack.enter_context(redis.Redis.from_url(url, protocol=2))


def matching_log(shard: int) -> str:
    """Return the name of a matching shard's log."""
    return f"{MATCHING_PREFIX}{shard}"


def log_of_id(number: int) -> str:
    """Return the log of the shard that gave an order or a trade its id: ids begin with the shard, counted from 1."""
    return matching_log(max(0, (number >> _ORDER_BITS) - 1))


def matching_logs(client: "redis.Redis") -> list[str]:
    """Return the logs of the matching shards, the first always among them."""
    shards = 1
    while client.exists(log_key(matching_log(shards))):
        shards += 1
    return [matching_log(shard) for shard in range(shards)]


def logs_of(client: "redis.Redis") -> list[str]:
    """Return the names of all logs of the venue."""
    return [*matching_logs(client), CLEARING, ORACLE]


def entries(client: "redis.Redis", log: str, after_id: str = "0-0") -> Iterator[tuple[str, LogEntry]]:
    """Yield the entries behind an id up to the present end, each with its id."""
    while rows := _rows(client.xrange(log_key(log), min=f"({after_id}", count=_PAGE)):
        yield from rows
        after_id = rows[-1][0]


def entries_backwards(client: "redis.Redis", log: str) -> Iterator[LogEntry]:
    """Yield the entries from the present end back to the first."""
    before = "+"
    while rows := _rows(client.xrevrange(log_key(log), max=before, count=_PAGE)):
        for _, entry in rows:
            yield entry
        before = f"({rows[-1][0]}"


def last_entry(client: "redis.Redis", log: str) -> LogEntry | None:
    """Return the last entry of a log; None when it has none."""
    rows = _rows(client.xrevrange(log_key(log), count=1))
    return rows[0][1] if rows else None


def beginnings(client: "redis.Redis") -> dict[str, LogEntry]:
    """Return the first entry of each log whose beginning was trimmed, by name."""
    first = {log: _rows(client.xrange(log_key(log), count=1)) for log in logs_of(client)}
    return {log: rows[0][1] for log, rows in first.items() if rows and (rows[0][1].prev or rows[0][1].first_seq > 1)}


def wait_for_entries(
    client: "redis.Redis", after: dict[str, str], block_ms: int = 1_000
) -> list[tuple[str, str, LogEntry]]:
    """Return what was appended behind the ids given by log, waiting a while for it: log, id, entry."""
    answer: Any = client.xread({log_key(log): entry_id for log, entry_id in after.items()}, block=block_ms)
    by_key = {log_key(log).encode(): log for log in after}
    return [(by_key[key], entry_id, entry) for key, rows in answer or [] for entry_id, entry in _rows(rows)]


def happenings(log: str, entry: LogEntry, wanted: set[int] | None = None) -> Iterator[Happening]:
    """Yield the events of an entry, or those of some kinds alone."""
    for index, kind in enumerate(kinds(entry.records)):
        if wanted is None or kind in wanted:
            event = decode(entry.records, index * RECORD_BYTES)
            yield Happening(log, entry.first_seq + index, entry.epoch, entry.now_ns, event)


def read_names(client: "redis.Redis") -> Names:
    """Return what instruments and accounts are called, as clearing's log says."""
    listings = Listings()
    instruments: dict[int, Instrument] = {}
    accounts: dict[int, str] = {}
    for _, entry in entries(client, CLEARING):
        for happening in happenings(CLEARING, entry, _LISTING_KINDS):
            match happening.event:
                case InstrumentListed() | MarginScalingListed() | MarginTierListed() as event:
                    listed = listings.take(event)
                    if listed is not None:
                        instruments[listed.instrument_id] = listed
                case AccountOpened(account_id=number, name=name):
                    accounts[number] = name.decode(errors="replace")
                case _:
                    pass
    return Names(instruments, accounts)


def _rows(answer: Any) -> list[tuple[str, LogEntry]]:  # noqa: ANN401 - as redis-py returns a range of a stream.
    return [(entry_id.decode(), decode_entry(fields[FIELD])) for entry_id, fields in answer]
