"""The engine and a naive shard agree on every event, result, queue, sum and position, whatever they are sent."""

from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

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
    "MRGN-040", "FEE-010",
)  # fmt: skip
@pytest.mark.parametrize("seed", range(4))
def test_thousands_of_random_commands_are_answered_alike(seed: int) -> None:
    sent, failure = several(seed, range(6))
    assert failure is None, str(failure)
    assert sent >= 6_000
