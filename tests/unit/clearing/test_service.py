"""The service's loop over a log in memory that commits when the test lets it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from tests.eventually import eventually_async
from tests.unit.matching.memory_shard import MemoryLog
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.service import ClearingService
from wavetank.model.instrument import default_instruments
from wavetank.model.reason import Reason
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.errors import VenueError


async def test_a_deposit_whose_caller_gave_up_before_it_was_taken_is_not_made_when_the_log_is_back() -> None:
    now_ns = time.time_ns()
    core = Clearing(ClearingSettings(), epoch=1)
    core.begin(now_ns, default_instruments(), 0)
    log = MemoryLog()
    clock = VenueClock(start_ns=now_ns, origin_ns=now_ns, speed_milli=1_000)
    service = ClearingService(core, log, clock, cursors={}, tick_seconds=0.01, answer_timeout_seconds=0.2)
    running = asyncio.create_task(service.run())
    try:
        account = await service.request(lambda core, _now_ns: core.bank.open_account("maker", 100))
        log.gate.clear()
        taken = asyncio.create_task(service.request(lambda core, _now_ns: core.bank.deposit(account.account_id, 5)))
        await eventually_async(lambda: log.waiting == 1)
        waiting = asyncio.create_task(service.request(lambda core, _now_ns: core.bank.deposit(account.account_id, 7)))
        for call in (taken, waiting):
            with pytest.raises(VenueError) as refused:
                await call
            assert refused.value.reason == Reason.LOG_UNAVAILABLE
        log.gate.set()
        # 100 at the opening and the 5 that were in the entry on its way; the 7 were never begun.
        assert await service.ask(lambda core: core.state.accounts[account.account_id].cash_micros) == 105
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
