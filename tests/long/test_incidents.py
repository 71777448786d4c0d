"""Every shipped page says true on twenty seeds: its outcome does not hang on chance."""

import pytest

from tests.simulation.test_incidents import (
    INCIDENTS,
    SHOCKS,
    SLOW_INGREDIENTS,
    assert_as_said,
    assert_harmless_without,
)

SEEDS = 20

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("name", [*INCIDENTS, *SHOCKS])
def test_a_page_is_as_it_says_on_every_seed(name: str) -> None:
    for seed_after in range(SEEDS):
        assert_as_said(name, seed_after)


@pytest.mark.parametrize(("name", "what"), [each[:2] for each in SLOW_INGREDIENTS])
def test_the_harm_of_a_slower_page_goes_with_what_it_blames(name: str, what: str) -> None:
    assert_harmless_without(name, what)
