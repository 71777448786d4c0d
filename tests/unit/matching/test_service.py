"""The service's cycle: what it commits, what it shows and when, and what it does while the log cannot be written."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.eventually import eventually_async
from tests.unit.matching.core.desk import ALICE, BOB, INSTRUMENT
from tests.unit.matching.memory_shard import BUY, SECOND, SELL, MemoryLog, Shard, WaitingBatch, order, running
from wavetank.matching import service as services
from wavetank.matching.core import commands as packed
from wavetank.matching.core.settings import EngineSettings
from wavetank.matching.ports import BatchStage
from wavetank.matching.recovery import ORACLE_LOG, Recovery
from wavetank.model.events.matching import (
    BookSampled,
    GateMoved,
    MarkApplied,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    Traded,
)
from wavetank.model.events.oracle import ConsumerBit
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import CancelReason, OrderFlag, OrderState, TimeInForce
from wavetank.model.reason import Reason
from wavetank.model.validity import Tolerances, Validity
from wavetank.runtime.errors import VenueError
from wavetank.runtime.recovering import with_cursors
from wavetank.v1 import credit_pb2, log_pb2


async def ready(shard: Shard) -> None:
    """Let Alice and Bob trade at a mark of 1,000 ticks."""
    shard.open()
    await shard.price(1_000)
    shard.line(ALICE)
    shard.line(BOB)
    await shard.settled()


async def test_what_comes_while_an_entry_is_committed_is_the_next_one() -> None:
    async with running() as shard:
        await ready(shard)
        shard.service.submit(order(ALICE, SELL, 10, 1_020))
        entries = len(shard.log.entries)
        batches = [order(ALICE, SELL, 100, 1_000), order(BOB, BUY, 40, 1_000), order(BOB, BUY, 30, 990)]
        for batch in batches:
            shard.service.submit(batch)
        await shard.settled()
        # The first one was on its way at once; the three others share the next entry.
        assert len(shard.log.entries) == entries + 2
        kinds = [type(event) for event in shard.log.events()][-4:]
        assert kinds == [OrderAccepted, OrderAccepted, Traded, OrderAccepted]
        # Each got its own results, and the seq that covers them all.
        states = [batch.results[0].state for batch in batches if batch.results]
        assert states == [OrderState.OPEN, OrderState.FILLED, OrderState.OPEN]
        assert {batch.last_seq for batch in batches} == {shard.log.last_seq}


async def test_nothing_is_shown_before_it_is_committed() -> None:
    async with running() as shard:
        await ready(shard)
        shown = len(shard.shown)
        shard.log.gate.clear()
        batch = order(ALICE, SELL, 100, 1_000)
        shard.service.submit(batch)
        await eventually_async(lambda: shard.log.waiting == 1)
        question = asyncio.ensure_future(shard.service.ask(lambda engine: len(engine.open_orders(ALICE))))
        second = order(ALICE, SELL, 50, 1_000)
        shard.service.submit(second)
        for _ in range(20):
            await asyncio.sleep(0)
        # The engine has the first order, but nobody can tell; the second gathers for the next entry.
        assert not batch.is_done()
        assert len(shard.shown) == shown
        assert not question.done()
        assert second.stage is BatchStage.WAITING
        shard.log.gate.set()
        await shard.settled()
        assert batch.is_done()
        assert second.is_done()
        assert await question == 2


async def test_who_wants_it_is_told_before_the_commit_what_was_matched() -> None:
    async with running() as shard:
        await ready(shard)
        shard.log.gate.clear()
        batch = order(ALICE, SELL, 100, 1_000)
        batch.wants_matched = True
        other = order(BOB, BUY, 40, 990)
        shown = len(shard.shown)
        shard.service.submit(batch)
        shard.service.submit(other)
        # The second waits for the commit of the first, and so is not matched yet.
        assert batch.foretold is not None
        assert batch.foretold[0].state == OrderState.OPEN
        assert (batch.results, other.foretold, len(shard.shown)) == (None, None, shown)
        shard.log.gate.set()
        await shard.settled()
        assert batch.results == batch.foretold
        assert other.results is not None
        assert other.foretold is None


@pytest.mark.spec("LIQ-110")
async def test_after_a_restart_the_gate_is_closed_first() -> None:
    async with running() as shard:
        await ready(shard)
        assert shard.engine.is_open
    async with running(shard.log) as again:
        batch = order(ALICE, SELL, 100, 1_000)
        again.service.submit(batch)
        await again.settled()
        assert not again.engine.is_open
        assert batch.results is not None
        assert batch.results[0].reason in {Reason.NOT_READY, Reason.NO_CREDIT_LINE}
        moves = [event.is_open for event in again.log.events() if isinstance(event, GateMoved)]
        assert moves == [1, 0]


async def test_every_fact_is_counted_once_whatever_is_lost() -> None:
    async with running() as shard:
        await ready(shard)
        # A price for clearing alone causes no event here, so it is not written with its own entry.
        await shard.price(1_010, consumers=ConsumerBit.CLEARING)
        await shard.settled()
        silent = shard.oracle
        entries = len(shard.log.entries)
        inputs = log_pb2.Inputs.FromString(shard.log.entries[-1].inputs)
        assert {cursor.log: cursor.seq for cursor in inputs.cursors}[ORACLE_LOG] == silent.seq - 1
        # The next entry carries it.
        await shard.price(1_020)
        await shard.settled()
        assert len(shard.log.entries) == entries + 1
    recovery = Recovery(0, EngineSettings(), None)
    recovery.list_instruments([INSTRUMENT])
    for entry in shard.log.entries:
        recovery.apply(entry)
    assert recovery.cursors[ORACLE_LOG] == shard.oracle
    assert recovery.engine.mark(1)[0] == 1_020
    assert recovery.engine.state_hash() == shard.engine.state_hash()
    marks = [event.oracle_seq for event in shard.log.events() if isinstance(event, MarkApplied)]
    assert marks == [1, 3]


@pytest.mark.spec("MTCH-090")
async def test_a_snapshot_and_its_tail_are_as_good_as_the_whole_log() -> None:
    async with running() as shard:
        await ready(shard)
        shard.service.submit(order(ALICE, SELL, 100, 1_000))
        await shard.settled()
        snapshot = await shard.service.ask(lambda engine: with_cursors(engine.snapshot(), {ORACLE_LOG: shard.oracle}))
        covered = len(shard.log.entries)
        shard.service.submit(order(BOB, BUY, 60, 1_000))
        await shard.price(1_005)
        await shard.settled()
        recovery = Recovery(0, EngineSettings(), snapshot)
        for entry in shard.log.entries[covered:]:
            recovery.apply(entry)
        assert recovery.engine.state_hash() == shard.engine.state_hash()
        assert recovery.cursors[ORACLE_LOG] == shard.oracle


@pytest.mark.spec("ORCL-030", "MTCH-040")
@pytest.mark.parametrize("validity", list(Validity)[1:])
async def test_by_a_doubted_price_only_reducing_orders_are_taken_unless_fills_tolerate_it(validity: Validity) -> None:
    async with running() as shard:
        await ready(shard)
        await shard.price(1_000, validity=validity)
        shard.service.submit(order(ALICE, SELL, 10, 1_000))
        await shard.settled()
        assert [event.reason for event in shard.log.events() if isinstance(event, OrderRejected)] == [
            Reason.PRICE_STALE
        ]
    async with running(tolerances=Tolerances(fill=frozenset({validity}))) as shard:
        await ready(shard)
        await shard.price(1_000, validity=validity)
        shard.service.submit(order(ALICE, SELL, 10, 1_000))
        await shard.settled()
        assert isinstance(list(shard.log.events())[-1], OrderAccepted)


@pytest.mark.spec("ORCL-030", "MTCH-040")
@pytest.mark.parametrize("ticks", [0, -7])
@pytest.mark.parametrize("validity", [Validity.NON_POSITIVE, Validity.VALID])
async def test_a_price_that_is_not_positive_leaves_the_last_one_not_trusted(ticks: int, validity: Validity) -> None:
    async with running() as shard:
        await ready(shard)
        await shard.price(ticks, validity=validity)
        await shard.settled()
        assert shard.engine.mark(1) == (1_000, 1_000, True)
        # Bots are told what the oracle says.
        assert shard.shown[-1].prices[-1].mark_price_ticks == ticks
        await shard.price(1_010)
        await shard.settled()
        assert shard.engine.mark(1) == (1_010, 1_010, False)


async def test_a_price_that_is_none_before_the_first_is_passed_over() -> None:
    async with running() as shard:
        shard.open()
        await shard.price(0, validity=Validity.NON_POSITIVE)
        await shard.settled()
        assert shard.engine.mark(1) == (0, 0, False)


async def test_a_price_before_its_listing_is_passed_over() -> None:
    async with running() as shard:
        await ready(shard)
        await shard.price(77, instrument_id=9)
        await shard.price(1_001)
        await shard.settled()
        told = [price.instrument_id for cycle in shard.shown for price in cycle.prices]
        assert set(told) == {1}


async def test_credit_and_requests_are_recorded_with_what_they_caused() -> None:
    async with running() as shard:
        await ready(shard)
        request = credit_pb2.CancelAccountOrders(request_id=credit_pb2.RequestId(seq=5, number=0), account_id=ALICE)
        shard.service.from_clearing(credit_pb2.ConnectResponse(cancel_account_orders=request))
        await shard.settled()
        kinds = [
            recorded.WhichOneof("request")
            for entry in shard.log.entries
            for recorded in log_pb2.Inputs.FromString(entry.inputs).requests
        ]
        assert kinds.count("credit_update") == 2
        assert kinds[-1] == "cancel_account_orders"
        assert shard.engine.last_request == (5, 0)


async def test_who_waits_too_long_is_told_whether_anything_was_done() -> None:
    async with running(answer_timeout_seconds=0.05) as shard:
        await ready(shard)
        shard.log.gate.clear()
        taken, waiting = order(ALICE, SELL, 100, 1_000), order(ALICE, SELL, 50, 1_000)
        shard.service.submit(taken)
        await eventually_async(lambda: shard.log.waiting == 1)
        shard.service.submit(waiting)
        await eventually_async(lambda: waiting.lost_as is not None)
        assert (taken.lost_as, waiting.lost_as) == (BatchStage.TAKEN, BatchStage.WITHDRAWN)
        shard.log.gate.set()
        await shard.settled()
        # The first one is in the book after all; the second was taken back, and the next one is not in its way.
        assert [known.remaining_lots for known in shard.engine.open_orders(ALICE)] == [100]
        assert waiting.results is None
        after = order(ALICE, SELL, 70, 1_000)
        shard.service.submit(after)
        await shard.settled()
        assert after.results is not None
        assert after.lost_as is None


async def test_a_question_has_a_bound_too() -> None:
    async with running(answer_timeout_seconds=0.05) as shard:
        await ready(shard)
        shard.log.gate.clear()
        shard.service.submit(order(ALICE, SELL, 100, 1_000))
        with pytest.raises(VenueError) as error:
            await shard.service.ask(lambda engine: engine.next_seq)
        assert error.value.reason is Reason.LOG_UNAVAILABLE


async def test_without_a_log_nothing_is_taken() -> None:
    async with running() as shard:
        await ready(shard)
        shard.log.available = False
        with pytest.raises(VenueError) as error:
            shard.service.submit(order(ALICE, SELL, 100, 1_000))
        assert error.value.reason is Reason.LOG_UNAVAILABLE
        shard.log.available = True
        shard.service.stop()
        with pytest.raises(VenueError) as error:
            shard.service.submit(order(ALICE, SELL, 100, 1_000))
        assert error.value.reason is Reason.NOT_READY


async def test_what_stands_in_the_inbox_is_done_before_the_end() -> None:
    async with running() as shard:
        await ready(shard)
        batch = order(ALICE, SELL, 100, 1_000)
        shard.service.submit(batch)
        shard.service.stop()
        await eventually_async(batch.is_done)


async def test_a_question_that_fails_concerns_its_asker_alone() -> None:
    async with running() as shard:
        await ready(shard)
        with pytest.raises(ValueError, match="instrument 99 is not listed here"):
            await shard.service.ask(lambda engine: engine.bbo(99))
        await shard.settled()


async def test_an_input_that_does_not_fit_ends_the_shard_with_nothing_committed() -> None:
    log = MemoryLog()
    async with running(log) as shard:
        await ready(shard)
        entries = len(log.entries)
        # Clearing has counted more than was ever written (R4).
        update = credit_pb2.CreditUpdate(
            account_id=ALICE,
            line_epoch=2,
            as_of_seq=999,
            status=credit_pb2.LINE_STATUS_NORMAL,
            charge=credit_pb2.LINE_CHARGE_GROSS,
        )
        shard.service.submit(order(ALICE, SELL, 100, 1_000))
        shard.service.from_clearing(credit_pb2.ConnectResponse(credit_update=update))
        batch = order(ALICE, SELL, 50, 1_000)
        shard.service.submit(batch)
        with pytest.raises(InvariantBroken, match="does not fit"):
            await asyncio.wait_for(shard.running, 5.0)
        # The order came first and was committed; of the line nothing was.
        assert len(log.entries) == entries + 1
        assert batch.results is None


async def test_the_length_of_an_entry_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_COMMANDS_PER_CYCLE", 3)
    async with running() as shard:
        await ready(shard)
        entries = len(shard.log.entries)
        one = order(ALICE, SELL, 10, 1_000)
        batches = [WaitingBatch(one.commands * 2, 2) for _ in range(5)]
        for batch in batches:
            shard.service.submit(batch)
        await shard.settled()
        # The first batch of two is on its way at once; of the others two of two are four, which is enough.
        assert [entry.count for entry in shard.log.entries[entries:]] == [2, 4, 4]
        assert all(batch.results and len(batch.results) == 2 for batch in batches)


async def test_books_are_sampled_at_their_time() -> None:
    now = [SECOND]
    async with running(wall_ns=lambda: now[0]) as shard:
        await shard.settled()
        assert sum(isinstance(event, BookSampled) for event in shard.log.events()) == 1
        await shard.settled()
        assert sum(isinstance(event, BookSampled) for event in shard.log.events()) == 1
        now[0] += 1_000 * SECOND
        await shard.settled()
        samples = [event.sample_time_ns for event in shard.log.events() if isinstance(event, BookSampled)]
        assert samples == [SECOND, 1_001 * SECOND]


@pytest.mark.spec("ORD-020")
async def test_orders_that_were_to_end_with_their_session_end_with_the_process() -> None:
    def marked(price_ticks: int, flags: OrderFlag) -> WaitingBatch:
        command = packed.place(
            account_id=ALICE, instrument_id=1, side=SELL, size_lots=100, price_ticks=price_ticks, flags=flags
        )
        return WaitingBatch(command, 1)

    async with running() as shard:
        await ready(shard)
        for price_ticks, flags in ((1_010, OrderFlag.CANCEL_ON_DISCONNECT), (1_020, OrderFlag.NONE)):
            shard.service.submit(marked(price_ticks, flags))
        await shard.settled()
        assert len(shard.engine.open_orders(ALICE)) == 2
    async with running(shard.log) as again:
        await again.settled()
        # No session is left that could have placed the first one.
        assert [known.price_ticks for known in again.engine.open_orders(ALICE)] == [1_020]
        cancelled = [event.reason for event in again.log.events() if isinstance(event, OrderCancelled)]
        assert cancelled == [CancelReason.DISCONNECTED]


@pytest.mark.spec("ORD-010")
async def test_time_alone_ends_an_order() -> None:
    async with running(wall_ns=time.monotonic_ns) as shard:
        await ready(shard)
        soon = shard.service.now_ns + SECOND // 20
        command = packed.place(
            account_id=ALICE,
            instrument_id=1,
            side=SELL,
            size_lots=100,
            price_ticks=1_010,
            time_in_force=TimeInForce.GTT,
            expire_time_ns=soon,
        )
        batch = WaitingBatch(command, 1)
        shard.service.submit(batch)
        await eventually_async(batch.is_done)
        assert batch.results is not None
        assert batch.results[0].state == OrderState.OPEN

        def has_ended() -> bool:
            return any(isinstance(event, OrderCancelled) for event in shard.log.events())

        await eventually_async(has_ended)
        assert shard.service.now_ns >= soon
