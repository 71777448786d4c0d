"""What the tests of the client talk to: a scripted peer, or a venue."""

from collections.abc import AsyncIterator

import pytest

from tests.client.scripted_venue import KEY, ScriptedVenue
from wavetank.client import Backoff, Venue, connect


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedVenue]:
    """Return a peer that does what the test tells it."""
    async with ScriptedVenue() as peer:
        yield peer


@pytest.fixture
async def client(scripted: ScriptedVenue) -> AsyncIterator[Venue]:
    """Return a client of the scripted peer that is impatient to be back."""
    backoff = Backoff(first=0.01, longest=0.05)
    async with connect(scripted.address, api_key=KEY, timeout=3.0, backoff=backoff) as venue:
        yield venue
