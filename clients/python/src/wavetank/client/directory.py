"""Where a venue is, what it trades, and what time it is there.

One address is enough: every service answers the directory alike. A venue started by `wavetank up` also leaves its
address and a key of play money in its run directory, so that a program on the same machine needs neither.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wavetank.client.errors import RunDirectoryUnreadable, VenueUnavailable
from wavetank.client.instrument import Instrument
from wavetank.v1 import directory_pb2

_MILLI = 1000


@dataclass(frozen=True, slots=True)
class VenueClock:
    """The clock that every duration of the venue follows: venue time = start + speed × (wall − origin).

    Attributes:
        start_ns: venue time at the origin, nanoseconds since 1970.
        origin_ns: wall time of the origin, nanoseconds since 1970.
        speed_milli: venue seconds per wall second, in thousandths.
    """

    start_ns: int = 0
    origin_ns: int = 0
    speed_milli: int = _MILLI

    def now_ns(self) -> int:
        """Return the venue's time, as this machine's clock reckons it."""
        return self.start_ns + (time.time_ns() - self.origin_ns) * self.speed_milli // _MILLI

    def wall_seconds(self, venue_ns: int) -> float:
        """Return how long a duration of venue time takes here."""
        return venue_ns * _MILLI / (self.speed_milli * 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """What the directory says.

    Attributes:
        instruments: by symbol.
        matching: address of each shard's matching service.
        shard_of: shard by symbol; an instrument that no shard names is traded by shard 0.
        clearing: address of clearing.
        oracle: address of the oracle.
        clock: the venue's clock.
        version: the venue's version.
    """

    instruments: Mapping[str, Instrument]
    matching: Mapping[int, str]
    shard_of: Mapping[str, int]
    clearing: str
    oracle: str
    clock: VenueClock
    version: str

    @classmethod
    def from_wire(cls, message: directory_pb2.GetDirectoryResponse) -> Self:
        """Return the directory of a response.

        Raises:
            VenueUnavailable: a service is not listed yet.
        """
        by_id = {listed.instrument_id: Instrument.from_wire(listed) for listed in message.instruments}
        found: dict[int, str] = {}
        matching: dict[int, str] = {}
        shard_of: dict[str, int] = {}
        for endpoint in message.endpoints:
            if endpoint.service == directory_pb2.SERVICE_KIND_MATCHING:
                matching[endpoint.shard] = endpoint.address
                shard_of |= {by_id[each].symbol: endpoint.shard for each in endpoint.instrument_ids if each in by_id}
            else:
                found[endpoint.service] = endpoint.address
        missing = [
            name
            for name, present in (
                ("matching", bool(matching)),
                ("clearing", directory_pb2.SERVICE_KIND_CLEARING in found),
                ("oracle", directory_pb2.SERVICE_KIND_ORACLE in found),
            )
            if not present
        ]
        if missing:
            raise VenueUnavailable(f"the directory does not list {', '.join(missing)} yet")
        clock = message.clock
        return cls(
            instruments={instrument.symbol: instrument for instrument in by_id.values()},
            matching=matching,
            shard_of=shard_of,
            clearing=found[directory_pb2.SERVICE_KIND_CLEARING],
            oracle=found[directory_pb2.SERVICE_KIND_ORACLE],
            clock=VenueClock(clock.start_ns, clock.origin_ns, clock.speed_milli or _MILLI),
            version=message.version,
        )


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """What `wavetank up` leaves for programs on the same machine.

    Attributes:
        address: of any service.
        play_key: API key of play money, with every scope.
    """

    address: str
    play_key: str

    @classmethod
    def read(cls, directory: str | Path) -> Self:
        """Return what a run directory says.

        Args:
            directory: the one that was given to `wavetank up --dir`, by default `.wavetank`.

        Raises:
            RunDirectoryUnreadable: it holds no readable `venue.json`.
        """
        path = Path(directory) / "venue.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(address=str(content["address"]), play_key=str(content.get("play_key", "")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunDirectoryUnreadable(
                f"{path} does not describe a venue ({error}); start one with `wavetank up --dir {directory}`"
            ) from error
