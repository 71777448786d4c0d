"""Short simulations from many seeds: invariants after each step, recovery, determinism.

A seed that fails is added to `regressions.txt`, which is run every time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.exchange import Exchange
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.matching.core.ordering import Ordering, OrderingSettings
from wavetank.model.events.clearing import (
    CollateralConverted,
    CollateralWithdrawn,
    ConversionCause,
    LiquidationEnded,
    LiquidationStepped,
)

STEPS = 400
SEEDS = range(1, 13)
REGRESSIONS = [int(line) for line in Path(__file__).with_name("regressions.txt").read_text().split()]


def _run(seed: int, steps: int = STEPS) -> Exchange:
    exchange = Exchange(seed)
    for _ in range(steps):
        exchange.step()
    return exchange


@pytest.mark.spec("INV-010")
@pytest.mark.spec("INV-020")
@pytest.mark.parametrize("seed", [*SEEDS, *REGRESSIONS])
def test_invariants_hold_after_every_step_and_both_ledgers_agree_at_rest(seed: int) -> None:
    exchange = _run(seed)
    exchange.settle()
    assert exchange.trades > 0
    state = exchange.clearing.state
    assert state.matching_seq == exchange.engine.next_seq - 1
    for account_id in exchange.engine.accounts():
        for instrument_id in exchange.instruments:
            counted = state.accounts[account_id].positions.get(instrument_id)
            assert exchange.engine.position(account_id, instrument_id) == (counted.lots if counted else 0)
    assert not exchange.clearing.unanswered_requests()
    # Who is still in the waterfall waits for the next mark.
    in_flight = [account.liquidation for account in state.accounts.values() if account.liquidation is not None]
    assert all(each.waits and not each.pending for each in in_flight)


@pytest.mark.spec("MTCH-060")
@pytest.mark.parametrize(
    "policy", [Ordering.CANCELS_FIRST, Ordering.TAKER_DELAY, Ordering.RANDOM, Ordering.ADVERSARIAL]
)
def test_invariants_hold_under_every_ordering_policy(policy: Ordering) -> None:
    exchange = Exchange(5, OrderingSettings(policy=policy, block_interval_ns=2_000_000_000, seed=5))
    for _ in range(STEPS // 2):
        exchange.step()
    exchange.settle()
    assert exchange.trades > 0


@pytest.mark.spec("MRGN-030")
@pytest.mark.parametrize("seed", range(1, 7))
def test_invariants_hold_while_accounts_change_their_margin_mode(seed: int) -> None:
    exchange = Exchange(seed, modes=True)
    offsets = 0
    for _ in range(STEPS):
        exchange.step()
        offsets += sum(account.margin_mode != MarginMode.GROSS for account in exchange.clearing.state.accounts.values())
    exchange.settle()
    assert exchange.trades > 0
    assert offsets > STEPS
    assert not exchange.clearing.unanswered_requests()


@pytest.mark.spec("MRGN-080", "LIQ-055")
def test_invariants_hold_while_collateral_comes_falls_and_is_sold() -> None:
    sold: set[int] = set()
    left = 0
    for seed in range(1, 9):
        exchange = Exchange(seed, collateral=True)
        for _ in range(STEPS):
            exchange.step()
        exchange.settle()
        assert not exchange.clearing.unanswered_requests()
        for event in [event for entry in exchange.clearing_log for event in entry.events]:
            if isinstance(event, CollateralConverted):
                sold.add(event.cause)
            left += isinstance(event, CollateralWithdrawn)
    assert sold >= {ConversionCause.REQUESTED, ConversionCause.LIQUIDATED, ConversionCause.LOAN_LIMIT}
    assert left > 0


@pytest.mark.spec("INV-100")
def test_the_same_seed_gives_the_same_states_and_another_seed_others() -> None:
    first, again, other = _run(3).digest(), _run(3).digest(), _run(4).digest()
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_the_waterfall_is_reached_in_every_one_of_its_stages() -> None:
    stages: set[int] = set()
    ended = 0
    for seed in SEEDS:
        exchange = _run(seed)
        for entry in exchange.clearing_log:
            for event in entry.events:
                if isinstance(event, LiquidationStepped):
                    stages.add(event.stage)
                ended += isinstance(event, LiquidationEnded)
    # Cancel, partial, full, backstop, insurance, deleverage: 1 to 6.
    assert stages >= {1, 2, 3, 4, 5, 6}
    assert ended > len(SEEDS)
