"""Every shipped page says true: as it was, the harm appears, as it should be, it does not, and what is asserted holds.

On its own seed here, on twenty in the long run; a page whose outcome hung on its seed would be found.
"""

from __future__ import annotations

import pytest

from wavetank.storms.scenario.library import find, list_scenarios
from wavetank.storms.scenario.reading import overridden, variants_of
from wavetank.storms.staging.running import RunPlan, run_simulated

INCIDENTS = (
    "mango_collateral_pump",
    "dydx_yfi",
    "jelly_vault",
    "whale_withdraw",
    "popcat_wall",
    "xpl_premarket",
    "aster_hardcode",
    "black_thursday",
    "bitmex_313",
    "deribit_index",
    "pyth_decimals",
    "luna_floor",
    "levana_lag",
    "usde_local_book",
    "adl_1010",
    "dydx_1010_restart",
    "hl_cancel_race",
)
SHOCKS = ("C1", "C2", "C3", "C4", "C5", "C6")


def test_the_library_holds_every_incident_and_every_compound_shock() -> None:
    names = {scenario.name for scenario in list_scenarios()}
    assert names >= {*INCIDENTS, *SHOCKS}


def assert_as_said(name: str, seed_after: int) -> None:
    """Run every variant of a page on a seed so far behind its own, and see that all is as it says."""
    page = find(name)
    for variant, scenario in variants_of(page).items():
        seeded = overridden(scenario, {"seed": str(page.seed + seed_after)})
        expected = page.variants[variant].harm
        record = run_simulated(RunPlan(scenario=seeded, variant=variant, expected_harm=expected, keeps_series=False))
        assert record.ok, f"{variant}: {record.failure or record.asserted}, harm {record.harm}"


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_is_a_pair_that_teaches_something(name: str) -> None:
    page = find(name)
    assert page.harm
    assert page.incident is not None or name == "hl_cancel_race"
    assert page.variants["as_it_was"].harm is True
    assert page.variants["as_it_should_be"].harm is False


@pytest.mark.parametrize("name", [*INCIDENTS, *SHOCKS])
def test_a_page_is_as_it_says(name: str) -> None:
    assert_as_said(name, 0)
