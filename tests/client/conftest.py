"""What the tests of the client talk to: a scripted peer, or a venue."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.client.scripted_venue import KEY, ScriptedVenue
from tests.eventually import eventually
from tests.venue_fixture import COLLATERAL
from wavetank.cli.price_options import merged, price_choice
from wavetank.cli.venue import VenuePlan, VenueProcess
from wavetank.client import Backoff, Client, InstrumentUnknown, Number, Venue, connect

PRICES: dict[str, Number] = {"BTC": 64_000, "ETH": "2500.5", "SOL": 150}


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


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the run directory of a real venue whose prices are pushed; every test opens accounts of its own."""
    plan = VenuePlan(
        directory=tmp_path_factory.mktemp("venue") / "run",
        durability="memory",
        settings=merged(price_choice(prices=["push"]).settings, COLLATERAL),
    )
    with VenueProcess.start(plan) as venue:
        eventually(lambda: _has_prices(venue.directory.path))
        yield venue.directory.path


def _has_prices(path: Path) -> bool:
    """Push prices, and tell whether the services know the instruments: each learns of them by clearing's log."""
    with Client(run_directory=path) as client:
        try:
            client.admin.push_prices(PRICES)
            return all(client.market_data.book(symbol).prices.mark is not None for symbol in PRICES)
        except InstrumentUnknown:
            return False


@pytest.fixture
async def operator(run_directory: Path) -> AsyncIterator[Venue]:
    """Return the real venue with its key of play money, after prices were pushed for every instrument."""
    async with connect(run_directory=run_directory) as venue:
        await venue.admin.push_prices(PRICES)
        yield venue


@pytest.fixture
async def trader(operator: Venue) -> AsyncIterator[Callable[[], Awaitable[Venue]]]:
    """Return a function that opens a funded account and connects with a key of its own."""
    opened: list[Venue] = []

    async def open_one() -> Venue:
        account = await operator.admin.open_account(f"trader {secrets.token_hex(8)}", 100_000)
        key = await operator.admin.create_api_key(account.account_id)
        # Any service's address will do.
        opened.append(await connect(operator.directory.clearing, api_key=key.secret_key))
        return opened[-1]

    yield open_one
    for venue in opened:
        await venue.close()
