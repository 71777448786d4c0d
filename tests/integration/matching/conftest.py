"""The venue that the tests of the matching service share, and callers of it with accounts of their own."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.integration.callers import Caller, calling
from tests.venue_fixture import venue
from wavetank.cli.venue import VenueProcess

__all__ = ["venue"]

_NUMBERS = itertools.count(1)

Trader = Callable[[], Awaitable[Caller]]


@pytest.fixture
async def admin(venue: VenueProcess) -> AsyncIterator[Caller]:
    """Return a caller with the administrator's key."""
    async with calling(venue) as caller:
        yield caller


@pytest.fixture
def new_trader(admin: Caller) -> Trader:
    """Return what makes a caller with a new account of a million dollars."""
    return lambda: admin.trader(f"matching-{next(_NUMBERS)}")
