"""A whole venue for tests: real services as child processes, a synthetic path of prices, in a directory of its own.

Import `venue` into a conftest to share one venue among the tests below it; a test that kills, fills or restarts makes
its own with `start_venue`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wavetank.cli.price_options import Settings, merged, price_choice
from wavetank.cli.venue import VenuePlan, VenueProcess

SEED = 7
COLLATERAL: Settings = {"clearing": {"COLLATERAL": '{"BTC": {"weight": "0.9", "venue_cap_lots": 1000000}}'}}
"""Up to 10 BTC count nine tenths of their index."""
START_SECONDS = 90.0
"""Wall seconds: a test machine may be busy with others."""


def start_venue(
    directory: Path,
    *,
    seed: int = SEED,
    speed_milli: int | None = None,
    settings: Settings | None = None,
    shards: int | None = None,
    restart: bool = True,
) -> VenueProcess:
    """Start a venue and return it once it is healthy; stop it, or use it as a context manager.

    Args:
        directory: its run directory; a venue that ran there before goes on.
        seed: of the synthetic path.
        speed_milli: venue seconds per wall second, in thousandths.
        settings: more settings by service.
        shards: matching shards.
        restart: whether services that die are started again.

    """
    plan = VenuePlan(
        directory=directory,
        speed_milli=speed_milli,
        settings=merged(price_choice(seed=seed).settings, settings or {}),
        shards=shards,
        restart=restart,
    )
    return VenueProcess.start(plan, timeout=START_SECONDS)


@pytest.fixture(scope="session")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """Return a running venue that all tests of the run share; they open accounts of their own."""
    with start_venue(tmp_path_factory.mktemp("venue"), settings=COLLATERAL) as running:
        yield running
