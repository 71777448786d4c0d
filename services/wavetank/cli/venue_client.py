"""The SDK's client of a running venue, for commands that show what it gives.

It exists so that a command which needs more than single calls, such as a stream that survives, is a client like any
other. Kept true: what the client raises ends a command as a refusal over `connection` does.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from wavetank.cli.connection import HINTS
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.run_directory import VenueFile
from wavetank.client import Client, InstrumentUnknown, VenueUnavailable, WavetankError


@contextmanager
def venue_client(venue: VenueFile) -> Iterator[Client]:
    """Give the client of a venue, with its play key.

    Raises:
        CommandFailed: the venue refused, or does not answer.

    """
    try:
        with Client(venue.endpoints["clearing"], api_key=venue.play_key) as client:
            yield client
    except WavetankError as error:
        code = ExitCode.REFUSED
        if isinstance(error, InstrumentUnknown):
            code = ExitCode.USAGE
        elif isinstance(error, VenueUnavailable):
            code = ExitCode.FAILED
        named = f" ({error.reason})" if error.reason else ""
        raise CommandFailed(f"{error.message}{named}", hint=HINTS.get(error.reason, ""), code=code) from error
