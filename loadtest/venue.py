"""Which venue is loaded, and where its services listen.

One address and one admin key are enough: any service of a venue answers the directory. Both come from the run
directory of `wavetank up`, or from the command line for a venue that runs elsewhere.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from wavetank.v1 import directory_pb2, instrument_pb2


class VenueNotFound(Exception):
    """No venue to load; the message says where one was looked for and what would help."""


@dataclass(frozen=True, slots=True)
class VenueAccess:
    """How to reach a venue: the address of any of its services, and a key of scope admin."""

    address: str
    play_key: str


@dataclass(frozen=True, slots=True)
class Venue:
    """What the directory told: one matching address per instrument, clearing, and the instruments by id."""

    clearing_address: str
    matching_addresses: dict[int, str]
    instruments: dict[int, instrument_pb2.Instrument]


def find_venue(*, host: str | None, play_key: str, run_directory: Path) -> VenueAccess:
    """Return how to reach the venue.

    Args:
        host: `host:port` of any service, or nothing to read the run directory.
        play_key: admin key of the venue at `host`; one that is given is also preferred to the run directory's.
        run_directory: where `wavetank up` wrote `venue.json`.

    Raises:
        VenueNotFound: there is no such file, it is not whole, or a host was given without a key.

    """
    if host:
        if not play_key:
            raise VenueNotFound(f"--host {host} needs --play-key, an admin key of that venue (or WAVETANK_PLAY_KEY)")
        return VenueAccess(host.removeprefix("http://").rstrip("/"), play_key)
    path = run_directory / "venue.json"
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VenueNotFound(
            f"{path} does not exist: start a venue with `wavetank up`, or name one with --dir, or --host and --play-key"
        ) from None
    except ValueError as error:
        raise VenueNotFound(f"{path} is not JSON: {error}") from error
    try:
        return VenueAccess(str(written["address"]), play_key or str(written["play_key"]))
    except (KeyError, TypeError) as error:
        raise VenueNotFound(f"{path} has no {error}; `address` and `play_key` are needed") from error


def read_directory(answer: directory_pb2.GetDirectoryResponse) -> Venue:
    """Return where the services of a venue listen.

    Raises:
        VenueNotFound: clearing, or the shard of an instrument that could be traded, is not in the directory.

    """
    clearing = [one.address for one in answer.endpoints if one.service == directory_pb2.SERVICE_KIND_CLEARING]
    if not clearing:
        raise VenueNotFound("the venue's directory names no clearing service")
    matching = {
        instrument_id: one.address
        for one in answer.endpoints
        if one.service == directory_pb2.SERVICE_KIND_MATCHING
        for instrument_id in one.instrument_ids
    }
    instruments = {
        one.instrument_id: one
        for one in answer.instruments
        if one.instrument_id in matching and one.state == instrument_pb2.INSTRUMENT_STATE_TRADING
    }
    if not instruments:
        raise VenueNotFound("the venue's directory names no instrument that a matching service trades")
    return Venue(clearing[0], matching, instruments)
