"""Nobody leaves a debt by closing hedges at a loss to an accomplice, however late lines are (PROTOCOL R7).

`tests/model/hedge_attack.py` says what is tried, `tests/long` tries it far more often. The maintenance rate is half the
initial one, as usual, or nearly as large, so that there is little between what one may lose and what one has.
"""

from __future__ import annotations

import pytest

from tests.model.hedge_attack import run_attacks

SEEDS = 50
STEPS = 400


@pytest.mark.spec("MRGN-030", "MRGN-050")
@pytest.mark.parametrize(("fee_ppm", "maintenance_ppm"), [(0, 95_000), (7_777, 95_000), (0, 50_000)])
def test_who_closes_hedges_at_a_loss_to_an_accomplice_owes_nothing(fee_ppm: int, maintenance_ppm: int) -> None:
    seen = run_attacks(range(SEEDS), STEPS, fee_ppm=fee_ppm, maintenance_ppm=maintenance_ppm)
    assert min(seen["closed at a loss"], seen["withdrawals"], seen["opened again"]) > SEEDS
    assert seen["liquidated"] < SEEDS // 5
