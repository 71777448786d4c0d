"""What every kind of test may ask for."""

from pathlib import Path

import pytest

import wavetank.runtime  # noqa: F401 - before gRPC, as in the services: see there.

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Return the directory of real market data, or skip the test that asks for it.

    The data stands beside the repository, not in it: several sets may be used but not redistributed.
    """
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"real market data is not on this machine: {path} is missing")
    return path
