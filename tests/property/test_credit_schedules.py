"""The same dollar is never committed twice on two shards, whatever is late, lost, cut or killed (PROTOCOL 2).

`tests/model/credit_schedule.py` says what may happen; here are two thousand short schedules, and `tests/long` has more.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.model.credit_schedule import INSTRUMENTS, SHARDS, Schedule, run_batch
from wavetank.clearing.core.credit import budget_micros, standings

STEPS = 50
BATCH = 200


@pytest.mark.spec("MRGN-050", "MRGN-040")
@pytest.mark.parametrize("batch", range(8))
def test_at_a_constant_price_equity_covers_what_both_shards_have_committed(batch: int) -> None:
    seen = run_batch(range(batch * BATCH, (batch + 1) * BATCH), STEPS, prices_move=False)
    # A schedule in which nothing happens proves nothing.
    assert min(seen["accepted"], seen["moves"], seen["withdrawals"], seen["clearing restarts"]) > 0
    assert min(seen["CREDIT_ELSEWHERE"], seen["shard restarts"], seen["stray lines"], seen["cut streams"]) > 0


@pytest.mark.spec("MRGN-050")
@pytest.mark.parametrize("batch", range(2))
def test_while_prices_move_every_acceptance_is_within_the_line_of_its_shard(batch: int) -> None:
    seen = run_batch(range(10_000 + batch * BATCH, 10_000 + (batch + 1) * BATCH), STEPS, prices_move=True)
    assert min(seen["accepted"], seen["moves"], seen["withdrawals"]) > 0


@pytest.mark.spec("MRGN-050", "INV-090", "INV-100")
@pytest.mark.parametrize("seed", range(20))
def test_when_all_has_arrived_holds_have_ended_and_both_sides_count_alike(seed: int) -> None:
    schedule = Schedule(Random(seed))
    for _ in range(150):
        schedule.step()
    schedule.settle()
    state = schedule.clearing.state
    state.check_invariants()
    for client in schedule.clients:
        account = state.accounts[client]
        assert account.hold is None
        assert all(share.hold is None for share in account.shares)
        assert sum(share.cash_micros for share in account.shares) == account.cash_micros
        stand = standings(state, account)
        assert sum(own.equity_micros for own in stand) == state.value(account).equity_micros == schedule.equity(client)
        for shard, (engine, share) in enumerate(zip(schedule.engines, account.shares, strict=True)):
            credit = engine.credit(client)
            assert credit is not None
            assert credit.value_micros % 2**64 == share.counted_value_micros % 2**64
            assert credit.fees_micros % 2**64 == share.counted_fees_micros % 2**64
            assert credit.budget_micros == budget_micros(stand, shard)
    for instrument in INSTRUMENTS:
        for client in schedule.clients:
            counted = state.accounts[client].positions.get(instrument.instrument_id)
            traded = schedule.engines[instrument.shard].position(client, instrument.instrument_id)
            assert traded == (counted.lots if counted is not None else 0)
    assert len(schedule.engines) == SHARDS
