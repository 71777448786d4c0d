"""The engine and a naive shard agree on every event, result, queue, sum and position, whatever they are sent."""

from collections.abc import Callable
from random import Random
from types import ModuleType

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.model.matching import BUY, Order, Shard, book, running
from tests.model.matching_inputs import Restart, Send
from tests.model.matching_search import several
from tests.model.matching_twins import Twins


class Twinned(RuleBasedStateMachine):
    """Random inputs, drawn so that a failing sequence shrinks."""

    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins()

    @initialize(random=st.randoms(use_true_random=False))
    def begin(self, random: Random) -> None:
        self.twins.begin(random)

    @rule(random=st.randoms(use_true_random=False))
    def go_on(self, random: Random) -> None:
        self.twins.random_input(random)

    @rule(random=st.randoms(use_true_random=False))
    def trade(self, random: Random) -> None:
        self.twins.do(Send(tuple(self.twins.random_ask(random) for _ in range(3))))

    @rule(way=st.sampled_from(("log", "snapshot", "tail")))
    def restart(self, way: str) -> None:
        self.twins.do(Restart(way))


@pytest.mark.spec("MTCH-010", "MTCH-090")
def test_whatever_is_drawn_both_agree() -> None:
    run_state_machine_as_test(
        Twinned,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.spec(
    "MTCH-010", "MTCH-020", "MTCH-030", "MTCH-040", "MTCH-050", "MTCH-090", "ORD-010", "ORD-020", "ORD-030", "ORD-060",
    "MRGN-040", "MRGN-070", "FEE-010",
)  # fmt: skip
@pytest.mark.parametrize("seed", range(4))
def test_thousands_of_random_commands_are_answered_alike(seed: int) -> None:
    sent, failure = several(seed, range(6))
    assert failure is None, str(failure)
    assert sent >= 6_000


def newest_first(shard: Shard, instrument_id: int, side: int) -> list[Order]:
    resting = [o for o in shard.orders if o.resting and o.instrument_id == instrument_id and o.side == side]
    return sorted(resting, key=lambda o: (-o.price if side == BUY else o.price, -o.priority))


def without_remainder(shard: Shard, order: Order, lots: int, price: int, rate_ppm: int) -> int:
    """Round each fill's fee by itself, as if the part of a micro-dollar that was paid too much were lost."""
    fee = as_the_rule_says(shard, order, lots, price, rate_ppm)
    order.fee_e6 = -(-order.fee_e6 // 10**6) * 10**6
    return fee


as_the_rule_says = running.fill


@pytest.mark.parametrize(
    ("module", "name", "wrong"), [(book, "queue", newest_first), (running, "fill", without_remainder)]
)
def test_a_rule_that_one_of_them_breaks_is_found_and_told_in_a_few_inputs(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, wrong: Callable[..., object]
) -> None:
    monkeypatch.setattr(module, name, wrong)
    _, failure = several(0, range(3))
    assert failure is not None
    # Gate, mark, two lines, two orders, and what a shorter way would have had to be lucky for.
    assert len(failure.inputs) <= 12
    assert f"--seed 0 --episode {failure.episode}" in str(failure)
