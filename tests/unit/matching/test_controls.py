"""What an administrator changes around the engine: ordering and venue faults, in force, in the log, over restarts."""

from __future__ import annotations

import pytest

from tests.unit.matching.core.desk import ALICE, BOB
from tests.unit.matching.memory_shard import BUY, SECOND, SELL, Shard, WaitingBatch, order, running
from wavetank.matching.controls import IDS_PER_SHARD, Controls
from wavetank.matching.core import commands as packed
from wavetank.matching.core.entry_faults import MAX_ACTIVE_FAULTS, EntryFault
from wavetank.matching.core.ordering import Ordering, OrderingSettings
from wavetank.model.events.matching import OrderingChanged, VenueFaultBegan, VenueFaultEnded
from wavetank.model.orders import OrderState
from wavetank.model.reason import Reason
from wavetank.model.venue_faults import Jitter, VenueFaultKind
from wavetank.runtime.errors import VenueError
from wavetank.runtime.recovering import with_cursors
from wavetank.v1 import log_pb2

BLOCK = SECOND // 10
BY_BLOCKS = OrderingSettings(policy=Ordering.CANCELS_FIRST, block_interval_ns=BLOCK)
BY_ARRIVAL = OrderingSettings()
LATE = EntryFault(
    fault_id=0,
    kind=VenueFaultKind.DELAY,
    account_ids=(ALICE, BOB),
    delay_ns=7,
    jitter_ns=8,
    jitter=Jitter.EXPONENTIAL,
    probability_ppm=9,
    start_ns=10,
    duration_ns=11,
    ramp_ns=12,
    seed=13,
)
CUT = EntryFault(fault_id=0, kind=VenueFaultKind.DISCONNECT)


async def ready(shard: Shard) -> None:
    shard.open()
    await shard.price(1_000)
    shard.line(ALICE)
    shard.line(BOB)
    await shard.settled()


def recorded(shard: Shard) -> log_pb2.RecordedRequest:
    return log_pb2.Inputs.FromString(shard.log.entries[-1].inputs).requests[-1]


@pytest.mark.spec("MTCH-060")
async def test_what_waits_goes_first_by_the_old_policy() -> None:
    # The clock stands still: no block ever ends by itself.
    async with running(ordering=BY_BLOCKS) as shard:
        await ready(shard)
        resting, taker = order(ALICE, SELL, 100, 1_000), order(BOB, BUY, 100, 1_000)
        post_only = WaitingBatch(
            packed.place(account_id=BOB, instrument_id=1, side=BUY, size_lots=1, price_ticks=990, flags=1), 1
        )
        for batch in (resting, taker, post_only):
            shard.service.submit(batch)
        await shard.settled()
        assert not resting.is_done()
        (previous, present), seq = await shard.service.set_ordering(BY_ARRIVAL)
        assert (previous, present) == (BY_BLOCKS, BY_ARRIVAL)
        assert isinstance(shard.log.events()[seq - 1], OrderingChanged)
        await shard.settled()
        assert resting.results is not None
        assert taker.results is not None
        assert post_only.results is not None
        assert taker.results[0].state == OrderState.FILLED
        # By blocks, the post-only order ran first although it came last.
        assert post_only.results[0].order_id < resting.results[0].order_id
        # By arrival nobody waits.
        after = order(BOB, BUY, 1, 1_000)
        shard.service.submit(after)
        await shard.settled()
        assert after.is_done()


@pytest.mark.spec("MTCH-060")
async def test_a_batch_answered_out_of_order_is_answered_once_after_a_switch_back() -> None:
    async with running(ordering=BY_BLOCKS, answer_timeout_seconds=0.3) as shard:
        await ready(shard)
        taker, post_only = order(BOB, BUY, 100, 1_000), order(ALICE, SELL, 1, 1_010)
        post_only.commands = post_only.commands[:4] + b"\x01" + post_only.commands[5:]
        for batch in (taker, post_only):
            shard.service.submit(batch)
        await shard.service.set_ordering(BY_ARRIVAL)
        await shard.settled()
        assert taker.is_done()
        assert post_only.is_done()
        assert not shard.service._in_flight


@pytest.mark.spec("MTCH-060")
async def test_a_switch_is_told_and_stands_over_a_restart_whatever_the_settings_say() -> None:
    async with running() as shard:
        await ready(shard)
        await shard.service.set_ordering(BY_BLOCKS)
        told = shard.log.events()[-1]
        assert told == OrderingChanged(0, 0, BLOCK, BY_BLOCKS.taker_delay_ns, 0, 2)
        assert recorded(shard).set_ordering.ordering.block_interval_ns == BLOCK
        events = len(shard.log.events())
        # What is so already is no event.
        assert (await shard.service.set_ordering(BY_BLOCKS))[0] == (BY_BLOCKS, BY_BLOCKS)
        assert len(shard.log.events()) == events
        log, state_hash = shard.log, shard.engine.state_hash()
    async with running(log, ordering=OrderingSettings(policy=Ordering.ADVERSARIAL)) as again:
        assert again.engine.state_hash() == state_hash
        assert again.service.controls.ordering == BY_BLOCKS


@pytest.mark.spec("MTCH-065")
async def test_a_fault_is_told_for_each_account_and_stands_over_a_restart() -> None:
    async with running() as shard:
        await ready(shard)
        next_seq = shard.engine.next_seq
        fault, seq = await shard.service.set_fault(LATE)
        assert (fault.fault_id, fault.start_ns, seq) == (next_seq, SECOND + 10, shard.log.last_seq)
        told = shard.log.events()[-2:]
        assert told == [
            VenueFaultBegan(0, account, next_seq, 7, 8, SECOND + 10, 11, 12, 13, 9, 1, 2) for account in (ALICE, BOB)
        ]
        assert recorded(shard).set_venue_fault.fault.fault_id == next_seq
        everywhere, _ = await shard.service.set_fault(CUT)
        log = shard.log
    async with running(log) as again:
        assert list(again.service.controls.faults) == [fault, everywhere]
        assert await again.service.clear_faults([fault.fault_id]) == ([fault.fault_id], log.last_seq)
        await again.settled()
        assert VenueFaultEnded(0, 0, fault.fault_id) in log.events()
        assert any(
            request.clear_venue_faults.fault_ids == [fault.fault_id]
            for request in log_pb2.Inputs.FromString(log.entries[-1].inputs).requests
        )
        assert list(again.service.controls.faults) == [everywhere]
    async with running(log) as last:
        assert last.service.controls.faults == (everywhere,)


@pytest.mark.spec("MTCH-065")
async def test_a_snapshot_holds_what_stands() -> None:
    async with running() as shard:
        await ready(shard)
        fault, _ = await shard.service.set_fault(CUT)
        await shard.service.set_ordering(BY_BLOCKS)
        snapshot = shard.service._state()
    async with running(snapshot=snapshot) as again:
        assert again.service.controls.faults == (fault,)
        assert again.service.controls.ordering == BY_BLOCKS
        # What no administrator ever set stands nowhere.
        bare = with_cursors(again.engine.snapshot(), {})
    async with running(snapshot=bare) as plain:
        assert plain.service.controls.faults == ()


@pytest.mark.spec("MTCH-065")
async def test_what_cannot_be_set_or_cleared_changes_nothing() -> None:
    async with running() as shard:
        await ready(shard)
        fault, seq = await shard.service.set_fault(CUT)
        with pytest.raises(VenueError) as unknown:
            await shard.service.clear_faults([fault.fault_id, 99])
        assert unknown.value.reason == Reason.FAULT_UNKNOWN
        assert shard.log.last_seq == seq
        for _ in range(MAX_ACTIVE_FAULTS - 1):
            await shard.service.set_fault(CUT)
        with pytest.raises(VenueError) as many:
            await shard.service.set_fault(CUT)
        assert (many.value.reason, many.value.was) == (Reason.TOO_MANY_FAULTS, MAX_ACTIVE_FAULTS)
        ended, _ = await shard.service.clear_faults([])
        assert len(ended) == MAX_ACTIVE_FAULTS
        assert await shard.service.clear_faults([]) == ([], shard.log.last_seq)


@pytest.mark.spec("MTCH-065")
def test_ids_tell_the_shard_and_what_is_over_makes_room() -> None:
    controls = Controls(2, BY_ARRIVAL)
    brief = EntryFault(fault_id=0, kind=VenueFaultKind.THROTTLE, duration_ns=5)
    assert controls.set_fault(brief, 100, 41).answer.fault_id == 2 * IDS_PER_SHARD + 41
    assert len(controls.active(104)) == 1
    assert controls.active(105) == ()
    assert controls.standing(105) == []
    assert controls.set_fault(brief, 105, 42).answer.start_ns == 105
    assert [fault.fault_id % IDS_PER_SHARD for fault in controls.faults] == [42]
