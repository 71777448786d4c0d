"""Edges: at the limit they pay, one tick further they do not."""

from hypothesis import given
from hypothesis import strategies as st

from wavetank.storms.agents.edge import cheapest_sale_ticks, dearest_buy_ticks

PRICES = st.integers(1_000, 2**31 - 1)
COSTS = st.integers(0, 900_000)


@given(fair=PRICES, cost_ppm=COSTS)
def test_a_buy_pays_at_its_limit_and_not_a_tick_above(fair: int, cost_ppm: int) -> None:
    limit = dearest_buy_ticks(fair, cost_ppm)
    assert (fair - limit) * 1_000_000 > limit * cost_ppm
    assert not (fair - limit - 1) * 1_000_000 > (limit + 1) * cost_ppm


@given(fair=PRICES, cost_ppm=COSTS)
def test_a_sale_pays_at_its_limit_and_not_a_tick_below(fair: int, cost_ppm: int) -> None:
    limit = cheapest_sale_ticks(fair, cost_ppm)
    assert (limit - fair) * 1_000_000 > limit * cost_ppm
    assert not (limit - 1 - fair) * 1_000_000 > (limit - 1) * cost_ppm


def test_limits_worked_by_hand() -> None:
    # 1 %: 1,000,000 / 1.01 = 990,099.0099; 1,000,000 / 0.99 = 1,010,101.01.
    assert dearest_buy_ticks(1_000_000, 10_000) == 990_099
    assert cheapest_sale_ticks(1_000_000, 10_000) == 1_010_102
    # Without cost a price that is fair does not pay.
    assert dearest_buy_ticks(1_000_000, 0) == 999_999
    assert cheapest_sale_ticks(1_000_000, 0) == 1_000_001
