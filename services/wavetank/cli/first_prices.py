"""Waiting until every shard shows what the oracle has published.

It exists because services are healthy one by one: the oracle serves once it has published, and a shard that serves may
not have read that yet. Who is told that a venue is up finds every instrument at its shard, and a mark wherever the
oracle has one; an instrument whose prices are pushed has none before the first push.
"""

import time
from collections.abc import Callable

import redis

from wavetank.cli.connection import VenueConnection
from wavetank.cli.failure import CommandFailed
from wavetank.cli.logs import ORACLE, entries_backwards
from wavetank.cli.run_directory import VenueFile
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.record import decode_all
from wavetank.v1 import directory_pb2, market_data_pb2

_POLL_SECONDS = 0.02


def wait_for_first_prices(venue: VenueFile, *, timeout: float, still_wanted: Callable[[], bool]) -> None:
    """Return when each shard knows its instruments and shows a mark of those that the oracle has priced.

    Args:
        venue: where the services are; all of them are healthy.
        timeout: wall seconds.
        still_wanted: asked again and again; what it ends by returning False is no failure of this wait.

    Raises:
        CommandFailed: an instrument is still missing when time is up.
        RedisError: Redis does not answer.

    """
    deadline = time.monotonic() + timeout
    with VenueConnection(venue) as connection, redis.Redis.from_url(venue.redis_url, protocol=2) as client:
        while missing := _missing(connection, _priced(client)):
            if not still_wanted():
                return
            if time.monotonic() >= deadline:
                raise CommandFailed(f"no price within {timeout:g} seconds: {', '.join(missing)}")
            time.sleep(_POLL_SECONDS)


def _priced(client: "redis.Redis") -> set[int]:
    """Return the instruments that the oracle has priced for bots since its last start."""
    priced: set[int] = set()
    epoch = None
    for entry in entries_backwards(client, ORACLE):
        if epoch is not None and entry.epoch != epoch:
            break
        epoch = entry.epoch
        priced |= {
            event.instrument_id
            for event in decode_all(entry.records)
            if isinstance(event, PricePublished) and event.consumers & ConsumerBit.BOTS and event.mark_price_ticks > 0
        }
    return priced


def _missing(connection: VenueConnection, priced: set[int]) -> list[str]:
    """Return the symbols that their shards do not know, or show no mark of though there is one."""
    listed = connection.call(connection.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).instruments
    missing = []
    for instrument in listed:
        request = market_data_pb2.GetBookRequest(instrument_id=instrument.instrument_id, depth=1)
        try:
            market_data = connection.market_data_of(instrument.instrument_id)
            prices = connection.call(market_data.GetBook, request).prices
        except CommandFailed:
            missing.append(instrument.symbol)
            continue
        if instrument.instrument_id in priced and prices.mark_price_ticks <= 0:
            missing.append(instrument.symbol)
    return missing
