"""The engine and a naive shard agree on every event, result, queue, sum and position, whatever they are sent."""

from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

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
        self.twins.send([self.twins.random_ask(random) for _ in range(3)])

    @rule(from_snapshot=st.booleans())
    def restart(self, from_snapshot: bool) -> None:
        self.twins.restart(from_snapshot=from_snapshot)


@pytest.mark.spec("MTCH-010", "MTCH-090")
def test_whatever_is_drawn_both_agree() -> None:
    run_state_machine_as_test(
        Twinned,
        settings=settings(
            max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.spec(
    "MTCH-010", "MTCH-020", "MTCH-030", "MTCH-040", "MTCH-090", "ORD-030", "ORD-060", "MRGN-040", "FEE-010"
)
# 561 once found a liquidation limit whose grid price lies beyond the largest price.
@pytest.mark.parametrize("seed", [*range(11), 561])
def test_long_random_runs_agree(seed: int) -> None:
    random = Random(seed)
    twins = Twins()
    twins.begin(random)
    for _ in range(400):
        twins.random_input(random)
