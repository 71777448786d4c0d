"""Many and long schedules of credit between two shards; the same promise as in `tests/property`."""

from __future__ import annotations

import pytest

from tests.model.credit_schedule import run_batch
from tests.model.hedge_attack import run_attacks
from tests.model.hedged_schedule import run_hedged

BATCH = 500


@pytest.mark.spec("MRGN-050", "MRGN-040")
@pytest.mark.parametrize("batch", range(20))
def test_ten_thousand_schedules_at_a_constant_price(batch: int) -> None:
    first = 100_000 + batch * BATCH
    seen = run_batch(range(first, first + BATCH), 150, prices_move=False)
    assert min(seen["moves"], seen["withdrawals"]) > BATCH // 4


@pytest.mark.spec("MRGN-020", "MRGN-050")
@pytest.mark.parametrize("batch", range(4))
def test_two_thousand_schedules_while_rates_move(batch: int) -> None:
    first = 300_000 + batch * BATCH
    seen = run_batch(range(first, first + BATCH), 150, prices_move=False, rates_move=True)
    assert min(seen["moves"], seen["withdrawals"], seen["leverages"], seen["shares"]) > BATCH // 4


@pytest.mark.spec("MRGN-030", "MRGN-050")
@pytest.mark.parametrize("batch", range(4))
def test_two_thousand_schedules_while_modes_change(batch: int) -> None:
    first = 400_000 + batch * BATCH
    seen = run_hedged(range(first, first + BATCH), 400)
    assert min(seen["moves"], seen["withdrawals"], seen["kept modes"]) > BATCH // 4
    assert min(seen[f"modes: {mode}"] for mode in ("GROSS", "GROUP_OFFSET", "SCENARIO")) > BATCH // 2


@pytest.mark.spec("MRGN-050")
@pytest.mark.parametrize("batch", range(4))
def test_two_thousand_schedules_while_prices_move(batch: int) -> None:
    first = 200_000 + batch * BATCH
    seen = run_batch(range(first, first + BATCH), 150, prices_move=True)
    assert min(seen["moves"], seen["withdrawals"]) > 0


@pytest.mark.spec("MRGN-030", "MRGN-050")
@pytest.mark.parametrize(("fee_ppm", "maintenance_ppm"), [(0, 95_000), (7_777, 95_000), (0, 50_000), (7_777, 50_000)])
def test_a_thousand_attacks_by_hedges_leave_no_debt(fee_ppm: int, maintenance_ppm: int) -> None:
    seen = run_attacks(range(1_000, 2_000), 400, fee_ppm=fee_ppm, maintenance_ppm=maintenance_ppm)
    assert min(seen["closed at a loss"], seen["withdrawals"], seen["opened again"]) > 1_000
