"""A fresh desk for every test."""

import pytest

from tests.unit.matching.core.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()
