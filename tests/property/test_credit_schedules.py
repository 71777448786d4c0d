"""The same dollar is never committed twice on two shards, whatever is late, lost, cut or killed (PROTOCOL 2).

`tests/model/credit_schedule.py` says what may happen. Short schedules try much that is different, long ones come to
what takes several steps: a hold that ends, and the next one while answers to the first are still on their way.
`tests/long` has many more, and two such schedules are written out below.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.model.credit_schedule import INSTRUMENTS, NUMBERS, PRICE, SHARDS, Schedule, run_batch
from tests.model.hedged_schedule import run_hedged
from wavetank.clearing.core.credit import budget_micros, standings
from wavetank.matching.core import commands
from wavetank.model.orders import Side, TimeInForce
from wavetank.model.reason import Reason
from wavetank.model.record import decode_all

STEPS = 50
BATCH = 200
LONG_STEPS = 150
LONG_BATCH = 75


@pytest.mark.spec("MRGN-050", "MRGN-040")
@pytest.mark.parametrize(
    ("first", "count", "steps"),
    [
        *((batch * BATCH, BATCH, STEPS) for batch in range(4)),
        *((800 + batch * LONG_BATCH, LONG_BATCH, LONG_STEPS) for batch in range(4)),
    ],
)
def test_at_a_constant_price_equity_covers_what_both_shards_have_committed(first: int, count: int, steps: int) -> None:
    seen = run_batch(range(first, first + count), steps, prices_move=False)
    # A schedule in which nothing happens proves nothing.
    assert min(seen["accepted"], seen["moves"], seen["withdrawals"], seen["clearing restarts"]) > 0
    assert min(seen["CREDIT_ELSEWHERE"], seen["shard restarts"], seen["stray lines"], seen["cut streams"]) > 0
    assert seen["fee rates"] > count // 4


@pytest.mark.spec("MRGN-020", "MRGN-050")
def test_while_rates_move_equity_covers_what_is_committed_at_the_least_of_them() -> None:
    seen = run_batch(range(20_000, 20_000 + LONG_BATCH), LONG_STEPS, prices_move=False, rates_move=True)
    assert min(seen["accepted"], seen["moves"], seen["withdrawals"], seen["clearing restarts"]) > 0
    assert min(seen["leverages"], seen["shares"]) > LONG_BATCH // 2
    assert seen["refused leverages"] > 0


@pytest.mark.spec("MRGN-050")
@pytest.mark.parametrize("batch", range(2))
def test_while_prices_move_every_acceptance_is_within_the_line_of_its_shard(batch: int) -> None:
    seen = run_batch(range(10_000 + batch * BATCH, 10_000 + (batch + 1) * BATCH), STEPS, prices_move=True)
    assert min(seen["accepted"], seen["moves"], seen["withdrawals"]) > 0


@pytest.mark.spec("MRGN-080", "MRGN-050")
@pytest.mark.parametrize("batch", range(3))
def test_collateral_is_committed_once_and_leaves_only_when_its_shard_knows(batch: int) -> None:
    seeds = range(20_000 + batch * LONG_BATCH, 20_000 + (batch + 1) * LONG_BATCH)
    seen = run_batch(seeds, LONG_STEPS, prices_move=False, collateral=True)
    assert min(seen["accepted"], seen["collateral withdrawn"], seen["collateral converted"], seen["moves"]) > 0
    assert seen["collateral refused: CREDIT_ELSEWHERE"] > 0


@pytest.mark.spec("MRGN-030", "MRGN-050")
@pytest.mark.parametrize("batch", range(2))
def test_while_modes_change_equity_covers_what_the_positions_need_in_theirs(batch: int) -> None:
    seeds = range(30_000 + batch * LONG_BATCH, 30_000 + (batch + 1) * LONG_BATCH)
    # It takes many steps until hedges have grown so far that they need their relief.
    seen = run_hedged(seeds, 400)
    assert min(seen["accepted"], seen["moves"], seen["withdrawals"], seen["kept modes"]) > LONG_BATCH // 4
    assert min(seen[f"modes: {mode}"] for mode in ("GROSS", "GROUP_OFFSET", "SCENARIO")) > LONG_BATCH // 2


class Scene(Schedule):
    """Two shards whose every message a test lets through, and one client with 20,000, half of it on either shard."""

    def __init__(self) -> None:
        super().__init__(Random(1), clients=1, deposits=(20_000,))
        self.settle()
        (self.client,) = self.clients

    def withdraw(self, amount: int) -> None:
        """Ask for money; a line that asks for an acknowledgement sets out."""
        self.clearing.bank.withdraw(self.client, amount, self.now)
        self._commit()

    def deposit(self, amount: int) -> None:
        """Pay in; every line of the account sets out anew."""
        self.clearing.bank.deposit(self.client, amount)
        self._commit()

    def deliver_to(self, shard: int) -> None:
        """Let everything arrive that is on its way to a shard."""
        self._deliver_all(shard)

    def buy(self, shard: int, lots: int) -> int:
        """Rest a bid at the price; return why it was refused, or 0."""
        packed = commands.place(
            account_id=self.client,
            instrument_id=NUMBERS[shard][0],
            side=Side.BUY,
            size_lots=lots,
            price_ticks=PRICE,
            time_in_force=TimeInForce.GTC,
        )
        self._note(shard, self.engines[shard].apply_commands(self.now, packed, 1))
        self.engines[shard].drain_level_updates()
        return commands.unpack_results(self.engines[shard].results)[0].reason

    def count_next(self, shard: int) -> list[str]:
        """Let clearing count the next entry of a shard; return what stands in it."""
        first, _, records = self.shard_logs[shard][self.counted[shard]]
        events = list(decode_all(records))
        self.counted[shard] += 1
        self.clearing.on_matching(self.now, first, events, shard)
        self._commit()
        return [type(event).__name__ for event in events]


@pytest.fixture
def late_answer() -> Scene:
    """Return a scene whose shard 0 has acknowledged a hold twice; the first answer ended it, the second is to come."""
    scene = Scene()
    # The shards have 10,000 each, so the lower one gives; of 3 paid in it gets 2, and both have 10,001.
    scene.withdraw(1)
    scene.deposit(3)
    scene.deliver_to(0)
    scene.deliver_to(1)
    assert scene.count_next(0) == ["CreditApplied"]
    assert scene.seen["withdrawals"] == 1
    account = scene.clearing.state.accounts[scene.client]
    assert [share.cash_micros for share in account.shares] == [10_001, 10_001]
    return scene


@pytest.mark.spec("MRGN-050")
def test_an_answer_to_an_older_line_pays_no_withdrawal(late_answer: Scene) -> None:
    scene = late_answer
    # The hold on shard 0 for all that it has; its line is on its way when the client spends what it had before.
    scene.withdraw(10_001)
    # 900 lots at 100: margin 9,000, and a fee of 700 at most.
    assert [scene.buy(shard, 900) for shard in range(SHARDS)] == [0, 0]
    # What the shard had committed when it answered the line before, which was nothing.
    assert scene.count_next(0) == ["CreditApplied"]
    assert scene.seen["withdrawals"] == 1
    scene.check()
    scene.settle()
    scene.check()
    assert scene.seen["withdrawals"] == 1
    assert scene.clearing.state.accounts[scene.client].hold is None


@pytest.mark.spec("MRGN-050")
def test_an_answer_to_an_older_line_moves_no_credit(late_answer: Scene) -> None:
    scene = late_answer
    # 999 lots: margin 9,990, and a fee of 777. That is more than shard 1 has, and less than both.
    assert scene.buy(1, 999) == Reason.CREDIT_ELSEWHERE
    scene.count_next(1)
    held = scene.clearing.state.accounts[scene.client].shares[0].hold
    assert held is not None
    assert held.receiver_shard == 1
    assert scene.buy(0, 900) == 0
    assert scene.count_next(0) == ["CreditApplied"]
    assert scene.clearing.state.accounts[scene.client].shares[0].hold == held
    scene.deliver_to(1)
    assert scene.buy(1, 999) == Reason.CREDIT_ELSEWHERE
    scene.settle()
    scene.check()
    assert scene.clearing.state.accounts[scene.client].shares[0].hold is None


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
        for shard, (engine, own) in enumerate(zip(schedule.engines, stand, strict=True)):
            credit = engine.credit(client)
            assert credit is not None
            assert credit.value_micros % 2**64 == own.counted_value_micros % 2**64
            assert credit.fees_micros % 2**64 == own.counted_fees_micros % 2**64
            assert credit.budget_micros == budget_micros(stand, shard)
    for instrument in INSTRUMENTS:
        for client in schedule.clients:
            counted = state.accounts[client].positions.get(instrument.instrument_id)
            traded = schedule.engines[instrument.shard].position(client, instrument.instrument_id)
            assert traded == (counted.lots if counted is not None else 0)
    assert len(schedule.engines) == SHARDS
