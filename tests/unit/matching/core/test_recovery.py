"""Recovery: own events or a snapshot, at every cut, and then as if never stopped."""

from random import Random

import pytest

from tests.model.matching import packed
from tests.model.matching_twins import Twins
from tests.unit.matching.core.desk import ALICE, BUY, Desk
from wavetank.matching.core.engine import Engine
from wavetank.model.record import RECORD_BYTES


@pytest.mark.spec("MTCH-090", "INV-100")
@pytest.mark.parametrize("seed", [3, 4])
def test_recovered_at_every_cut_the_same_inputs_give_the_same_bytes(seed: int) -> None:
    random = Random(seed)
    twins = Twins()
    twins.begin(random)
    begun = twins.engine.next_seq
    inputs: list[tuple[int, bytes, int, bytes]] = []
    for _ in range(60):
        twins.now += random.randint(0, 2)
        asks = [twins.random_ask(random) for _ in range(3)]
        twins.send(asks)
        inputs.append((twins.now, b"".join(packed(ask) for ask in asks), 3, b""))
    prefix = [entry for entry in twins.log if entry[1] < begun]
    lines = {account_id: twins.model.accounts[account_id].line for account_id in twins.model.accounts}
    # The never-stopped engine, driven once more from the start, with its state noted at every cut.
    settings = twins.model.settings

    def fresh() -> Engine:
        engine = Engine(0, settings)
        for instrument in twins.engine.instruments():
            engine.list_instrument(instrument)
        return engine

    def give_lines(engine: Engine, now: int) -> None:
        for line in lines.values():
            assert line is not None
            if not engine.accounts() or line.account_id not in engine.accounts():
                engine.apply_credit(now, line)

    whole = fresh()
    for now, first_seq, records in prefix:
        whole.replay(records, first_seq, now)
    log = list(prefix)
    give_lines(whole, prefix[-1][0])
    for now, batch, count, _ in inputs:
        first_seq = whole.next_seq
        records = whole.apply_commands(now, batch, count)
        if records:
            log.append((now, first_seq, records))
        replayed = fresh()
        for then, seq, entry in log:
            replayed.replay(entry, seq, then)
        restored = Engine.restore(whole.snapshot(), settings)
        assert replayed.state_hash() == restored.state_hash() == whole.state_hash()
        assert replayed.snapshot() == restored.snapshot()


def test_replay_refuses_what_does_not_follow(desk: Desk) -> None:
    engine = desk.recovered([])
    with pytest.raises(ValueError, match="do not follow"):
        engine.replay(b"\0" * RECORD_BYTES, 2, 1)
    with pytest.raises(ValueError, match="whole number"):
        engine.replay(b"\0" * 3, 1, 1)
    with pytest.raises(ValueError, match="does not fit"):
        engine.replay(b"\0" * RECORD_BYTES, 1, 1)


def test_a_damaged_snapshot_is_refused(desk: Desk) -> None:
    desk.place(ALICE, BUY, 10, 990, client_order_id=b"x")
    data = desk.engine.snapshot()
    for position in range(0, len(data), 37):
        damaged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(ValueError, match="snapshot"):
            Engine.restore(damaged, desk.settings)
    for length in (0, 3, 20, len(data) - 1):
        with pytest.raises(ValueError, match="snapshot"):
            Engine.restore(data[:length], desk.settings)


@pytest.mark.spec("INV-100")
def test_the_state_hash_knows_the_queue_and_not_the_lines(desk: Desk) -> None:
    before = desk.engine.state_hash()
    desk.line(ALICE, 5)
    assert desk.engine.state_hash() == before
    desk.place(ALICE, BUY, 10, 990)
    assert desk.engine.state_hash() != before
