"""The storm: what is done to the oracle, and when, over its control rpc while everybody trades.

It exists apart from the bots, which learn of it only by what it does to prices, margin and funding. Kept true: every
fault that was set is cleared again, also when the demonstration ends early.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from wavetank.cli.demo.cast import Belief, top_up_dollars
from wavetank.cli.demo.plan import DemoPlan
from wavetank.cli.demo.watch import BotView, Watch
from wavetank.cli.times import show_duration
from wavetank.client import (
    Consumer,
    FaultKind,
    FaultTarget,
    Venue,
    WavetankError,
)

_LAG, _FUNDING = "oracle lag", "funding spike"


class Storm:
    """Carries out a plan's schedule."""

    def __init__(self, plan: DemoPlan, admin: Venue, watch: Watch) -> None:
        self._plan = plan
        self._admin = admin
        self._watch = watch

    async def run(self) -> None:
        """Carry out the schedule from now to its end; what is already past is done at once."""
        schedule = self._plan.schedule
        await self._until(schedule.first_top_up)
        await self._top_up(in_first_fall=True)
        await self._until(schedule.funding_spike)
        async with self._funding_spike():
            await self._until(schedule.top_up)
            await self._top_up(in_first_fall=False)
            await self._until(schedule.lag_on)
            async with self._lag():
                await self._until(schedule.lag_off)
            await self._until(schedule.funding_calm)
        await self._until(schedule.end)

    async def _until(self, wall_seconds: float) -> None:
        left_ns = self._plan.venue_ns(wall_seconds) - self._admin.now_ns()
        await asyncio.sleep(max(0.0, self._admin.directory.clock.wall_seconds(left_ns)))

    @asynccontextmanager
    async def _funding_spike(self) -> AsyncIterator[None]:
        spike = self._plan.funding_spike
        fault = await self._admin.admin.set_fault(FaultKind.SPIKE, target=FaultTarget.FUNDING, magnitude=spike)
        self._began(_FUNDING, f"{spike * 100:+.2f} % an interval, longs pay")
        try:
            yield
        finally:
            await self._clear(_FUNDING, fault.fault_id)

    @asynccontextmanager
    async def _lag(self) -> AsyncIterator[None]:
        lag_ns = self._plan.venue_duration_ns(self._plan.schedule.lag)
        fault = await self._admin.admin.set_fault(
            FaultKind.LAG, consumers=[Consumer.CLEARING], lag=timedelta(microseconds=lag_ns // 1_000)
        )
        self._began(_LAG, f"clearing sees prices {show_duration(lag_ns)} late")
        try:
            yield
        finally:
            await self._clear(_LAG, fault.fault_id)

    async def _clear(self, name: str, fault_id: int) -> None:
        await self._admin.admin.clear_faults([fault_id])
        self._watch.active_faults.pop(name, None)
        self._watch.note("fault", f"{name} ends")

    def _began(self, name: str, what: str) -> None:
        self._watch.active_faults[name] = what
        self._watch.note("fault", f"{name}: {what}")

    async def _top_up(self, *, in_first_fall: bool) -> None:
        await asyncio.gather(
            *(
                self._top_up_one(bot, bot.role.belief)
                for bot in self._watch.bots.values()
                if bot.role.belief is not None and bot.role.belief.in_first_fall == in_first_fall
            )
        )

    async def _top_up_one(self, bot: BotView, belief: Belief) -> None:
        known = self._plan.instrument(belief.symbol)
        account = self._admin.account.of(bot.account_id)
        try:
            state, positions = await account.get(), await account.positions()
            position = next((each for each in positions if each.instrument == belief.symbol), None)
            if position is None or position.mark is None or state.equity <= state.maintenance_margin:
                return
            amount = top_up_dollars(
                belief,
                self._admin.instruments[belief.symbol],
                crash=known.first_fall if belief.in_first_fall else known.crash,
                size=position.size,
                mark=position.mark,
                equity=state.equity,
            )
            if amount <= 0:
                return
            await account.deposit(amount)
        except WavetankError as error:
            self._watch.note("trouble", f"{bot.role.name} could not add collateral: {error}")
            return
        bot.deposited += amount
        self._watch.note("money", f"{bot.role.name} adds ${amount:,.2f} of collateral")
