"""What the tests of clearing share."""

from pathlib import Path

import pytest

from tests.model.worked_cases import CaseFile, cases


@pytest.fixture
def case(request: pytest.FixtureRequest, market_data: Path) -> CaseFile:
    """Return the worked case that `each` names."""
    return cases(market_data)[request.param]
