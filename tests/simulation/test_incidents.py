"""Every shipped page says true: as it was, the harm appears, as it should be, it does not, and what is asserted holds.

Its pair of variants on its own seed here; all variants, on twenty seeds, in the long run, and there what takes longest.
"""

from __future__ import annotations

from collections.abc import Sequence

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
LONG = frozenset({"hl_cancel_race", "C2", "C3", "C4", "C5", "C6"})
"""Pages that take several seconds; C1 stands for the shocks."""
PAIR = ("as_it_was", "as_it_should_be")

INGREDIENTS = (
    ("bitmex_313", "flood", {"timeline.1.disturb.lasting": "1ms"}),
    ("luna_floor", "paused", {"timeline.1.fault.lasting": "1ms"}),
    ("luna_floor", "worthless coins", {"timeline.3.collateral.size": "1"}),
    ("aster_hardcode", "sweep", {"timeline.3.repeat": 1}),
    ("whale_withdraw", "withdrawal", {"timeline.2.withdraw.amount": "1"}),
)
"""Pages, what is taken away of each, and how: as it was otherwise, and the harm is gone."""
SLOW_INGREDIENTS = (
    ("usde_local_book", "makers out", {"timeline.3.cancel.instrument": "BTC", "timeline.4.disturb.lasting": "1ms"}),
    ("usde_local_book", "fall of Bitcoin", {"timeline.1.move.by": "0%"}),
    ("C1", "funding", {"timeline.0.fault.lasting": "1ms"}),
    ("C1", "late clearing", {"timeline.1.fault.lag": "0s"}),
    ("C1", "fall", {"timeline.2.move.by": "0%"}),
    ("C4", "makers gone", {"timeline.0.cancel.who": "noise", "timeline.1.disturb.lasting": "1ms"}),
    ("C5", "drained fund", {"timeline.0.fund.drain": "1"}),
    ("C5", "restart", {"timeline.1.restart.down": "1ms"}),
)
"""The same, of pages that take longer."""


def test_the_library_holds_every_incident_and_every_compound_shock() -> None:
    names = {scenario.name for scenario in list_scenarios()}
    assert names >= {*INCIDENTS, *SHOCKS}


def assert_as_said(name: str, seed_after: int, variants: Sequence[str] = ()) -> None:
    """Run variants of a page, all if none is named, on a seed so far behind its own; see that all is as it says."""
    page = find(name)
    known = variants_of(page)
    for variant in variants or known:
        scenario = known[variant]
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


@pytest.mark.parametrize("name", [name for name in (*INCIDENTS, *SHOCKS) if name not in LONG])
def test_a_page_is_as_it_says(name: str) -> None:
    assert_as_said(name, 0, PAIR)


def assert_harmless_without(name: str, what: str) -> None:
    """Run a page as it was but for one ingredient, and see that the harm was that ingredient's."""
    [overrides] = [each[2] for each in (*INGREDIENTS, *SLOW_INGREDIENTS) if each[:2] == (name, what)]
    scenario = variants_of(find(name), overrides)["as_it_was"]
    record = run_simulated(RunPlan(scenario=scenario, variant="as_it_was", expected_harm=False, keeps_series=False))
    assert not record.failure
    assert record.harm is False, f"{record.asserted}"


@pytest.mark.parametrize(("name", "what"), [each[:2] for each in INGREDIENTS])
def test_the_harm_of_a_page_goes_with_what_it_blames(name: str, what: str) -> None:
    assert_harmless_without(name, what)
