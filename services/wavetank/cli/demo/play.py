"""Runs a demonstration: accounts, bots, storm, and somebody who watches, on one venue until the plan's end.

Everything is done through the SDK over real gRPC, each bot with a key of its own. Kept true: when it returns, or
fails, no bot runs any more, its orders are cancelled and every fault is cleared.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from wavetank.cli.demo.cast import Role, RoleKind
from wavetank.cli.demo.plan import MILLI, SECOND_NS, DemoPlan
from wavetank.cli.demo.storm import Storm
from wavetank.cli.demo.watch import BotView, Watch, Watched
from wavetank.cli.failure import CommandFailed
from wavetank.client import (
    NewApiKey,
    Recorder,
    Runner,
    RunnerSettings,
    Venue,
    WavetankError,
    connect,
)

LOOK_SECONDS = 0.25
"""Wall time between two looks at all accounts."""
FIRST_PRICE_SECONDS = 30.0
SETTLE_SECONDS = 8.0
TIMER_SECONDS = 0.1
SAMPLE_SECONDS = 0.1


async def play(
    plan: DemoPlan, roles: Sequence[Role], directory: Path, watch: Watch, on_look: Callable[[], None]
) -> None:
    """Play a plan on the venue that runs in a directory, to its end.

    Args:
        plan: what happens when.
        roles: who takes part.
        directory: run directory of the venue.
        watch: told of everything.
        on_look: called after each look at the accounts.

    Raises:
        CommandFailed: the venue refuses a bot, or goes away.

    """
    try:
        async with connect(run_directory=directory, timeout=10.0) as admin:
            await _first_prices(admin, plan)
            async with _bots(plan, roles, admin, watch) as ended:
                await _until_end(plan, admin, watch, ended, on_look)
            await _settle(admin)
            watch.see_accounts(admin.now_ns(), [account async for account in admin.admin.list_accounts()])
    except WavetankError as error:
        raise CommandFailed(f"the demonstration ended early: {error}") from error


async def _first_prices(admin: Venue, plan: DemoPlan) -> None:
    """Wait until every instrument has a mark; without one no order is accepted."""
    deadline = asyncio.get_running_loop().time() + FIRST_PRICE_SECONDS
    for instrument in plan.instruments:
        while True:
            await admin.refresh()
            if instrument.symbol in admin.instruments:
                prices = (await admin.market_data.book(instrument.symbol, depth=1)).prices
                if prices.mark is not None and not prices.stale:
                    break
            if asyncio.get_running_loop().time() > deadline:
                raise CommandFailed(f"{instrument.symbol} has no price after {FIRST_PRICE_SECONDS:g} s")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _bots(
    plan: DemoPlan, roles: Sequence[Role], admin: Venue, watch: Watch
) -> AsyncIterator[Callable[[], WavetankError | None]]:
    """Open an account for each role and let its bot trade until the block ends.

    Gives a function that tells why a bot ended by itself, None while all run.
    """
    tasks: list[asyncio.Task[None]] = []
    async with AsyncExitStack() as stack:
        # One after the other: the order of ids is the order of the cast.
        opened = [await _open(admin, role) for role in roles]
        for number, (role, (account_id, key)) in enumerate(zip(roles, opened, strict=True)):
            venue = await stack.enter_async_context(
                connect(admin.directory.matching[0], api_key=key.secret_key, timeout=10.0)
            )
            recorder = Recorder(sample_interval_ns=_venue_ns(plan, SAMPLE_SECONDS))
            bot = BotView(role=role, account_id=account_id, recorder=recorder, deposited=role.deposit)
            watch.bots[role.name] = bot
            strategy = Watched(role.strategy(), watch, bot, sees_market=number == 0)
            own = role.belief.symbol if role.belief is not None else ""
            runner = Runner(
                strategy,
                venue,
                [own] if own else [],
                telemetry=recorder,
                settings=RunnerSettings(timer_interval_ns=_venue_ns(plan, TIMER_SECONDS)),
            )
            tasks.append(asyncio.create_task(runner.run(), name=role.name))
        watch.note("phase", f"{len(tasks)} bots trade, {_count(roles, RoleKind.MAKER)} of them market makers")
        try:
            yield lambda: _first_end(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _open(admin: Venue, role: Role) -> tuple[int, NewApiKey]:
    account = await admin.admin.open_account(role.name, role.deposit)
    return account.account_id, await admin.admin.create_api_key(account.account_id)


def _first_end(tasks: Sequence[asyncio.Task[None]]) -> WavetankError | None:
    for task in tasks:
        if task.done() and not task.cancelled():
            error = task.exception()
            if isinstance(error, WavetankError):
                return error
            if error is not None:
                raise error
    return None


async def _until_end(
    plan: DemoPlan,
    admin: Venue,
    watch: Watch,
    ended: Callable[[], WavetankError | None],
    on_look: Callable[[], None],
) -> None:
    storm = asyncio.create_task(Storm(plan, admin, watch).run(), name="storm")
    try:
        while not storm.done():
            watch.see_time(admin.now_ns())
            watch.see_accounts(admin.now_ns(), [account async for account in admin.admin.list_accounts()])
            on_look()
            error = ended()
            if error is not None:
                raise error
            await asyncio.wait([storm], timeout=LOOK_SECONDS)
        await storm
    finally:
        storm.cancel()
        await asyncio.gather(storm, return_exceptions=True)


async def _settle(admin: Venue) -> None:
    """Wait a moment until clearing has counted what was in flight: until no account changes any more."""
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    before: dict[int, object] = {}
    while asyncio.get_running_loop().time() < deadline:
        now = {account.account_id: account.cash async for account in admin.admin.list_accounts()}
        if now == before:
            return
        before = dict(now)
        await asyncio.sleep(0.3)


def _venue_ns(plan: DemoPlan, wall_seconds: float) -> int:
    return max(1, round(wall_seconds * SECOND_NS) * plan.speed_milli // MILLI)


def _count(roles: Sequence[Role], kind: RoleKind) -> int:
    return sum(role.kind is kind for role in roles)
