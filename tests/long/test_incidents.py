"""Every shipped page says true on twenty seeds: its outcome does not hang on chance."""

import pytest

from tests.simulation.test_incidents import INCIDENTS, SHOCKS, assert_as_said

SEEDS = 20


@pytest.mark.parametrize("name", [*INCIDENTS, *SHOCKS])
def test_a_page_is_as_it_says_on_every_seed(name: str) -> None:
    for seed_after in range(SEEDS):
        assert_as_said(name, seed_after)
