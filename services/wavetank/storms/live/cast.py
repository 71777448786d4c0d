"""The cast of a scenario at a running venue: accounts with keys of their own, and who trades behind each.

Kept true: whoever trades does so through the SDK over the network, as a stranger's bot would; when the day is over
nobody trades any more, every account of the cast is flat and empty, and its key is no key any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from wavetank.client import AccountState, MarginMode, Runner, Session, Strategy, Venue, WavetankError, connect
from wavetank.client.instrument import dollars
from wavetank.model.instrument import Instrument
from wavetank.storms.agents.casting import CastingRefused
from wavetank.storms.agents.strategy import AgentStrategy
from wavetank.storms.dice import Dice
from wavetank.storms.live.answers import Answers, Overheard
from wavetank.storms.measure.record import Member
from wavetank.storms.measure.venue_members import VENUE_MEMBERS
from wavetank.storms.scenario.document import Role, Scenario
from wavetank.storms.staging.cast import Actor, actor_of
from wavetank.storms.staging.market import StagingRefused

_RETURN_SECONDS = 5.0
"""How long an account that is being liquidated is waited for, at the end."""
_RETRY_SECONDS = 0.25
_MARGIN_SECONDS = 1.0


@dataclass(slots=True)
class _Seat:
    """Somebody of the cast."""

    role: Role
    account: AccountState
    key_id: str
    venue: Venue
    """Connected by its own key."""
    actor: Actor
    symbols: Sequence[str]


@dataclass(slots=True)
class LiveCast:
    """Everybody who takes part."""

    venue: Venue
    """With the play key."""
    seats: list[_Seat] = field(default_factory=list[_Seat])
    sessions: dict[int, Session] = field(default_factory=dict[int, Session])
    """Of those who act by the timeline, by account."""
    members: dict[int, Member] = field(default_factory=lambda: dict(VENUE_MEMBERS))
    accounts: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """By role, and by the name of one of a crowd."""
    answers: Answers = field(init=False)
    """To those who trade by themselves."""
    _trading: dict[int, asyncio.Task[None]] = field(default_factory=dict[int, "asyncio.Task[None]"])
    """By account."""

    def __post_init__(self) -> None:
        """Listen by the venue's clock."""
        self.answers = Answers(self.venue.directory.clock)

    async def open(
        self, scenario: Scenario, listed: Mapping[str, Instrument], prices: Mapping[str, Decimal], run: str
    ) -> None:
        """Open the accounts of everybody, and connect them.

        Args:
            scenario: the page.
            listed: the venue's instruments by symbol.
            prices: dollars per unit by symbol.
            run: begins the name of each account, so that no two runs open the same.

        Raises:
            StagingRefused: a kind, a setting or an instrument is not known.
            WavetankError: the venue refused.

        """
        dice = Dice(scenario.seed)
        acting = _named_by(scenario)
        known = [listed[symbol] for symbol in scenario.market.instruments]
        for role in scenario.cast:
            for number in range(1, role.count + 1):
                name = role.name if role.count == 1 else f"{role.name}.{number}"
                instruments = [listed[symbol] for symbol in role.instruments] or known
                try:
                    actor = actor_of(role, instruments, known, prices, dice.spawn(f"agent {name}"))
                except (CastingRefused, ValueError) as fault:
                    raise StagingRefused(f"cast.{role.name}: {fault}") from fault
                seat = await self._open(f"{run}.{name}", role, actor, [each.symbol for each in instruments])
                account_id = seat.account.account_id
                self.accounts.setdefault(role.name, []).append(account_id)
                if role.count > 1:
                    self.accounts[name] = [account_id]
                self.members[account_id] = Member(
                    account_id=account_id, name=name, role=role.name, label=actor.label, is_bot=role.is_bot
                )
                if name in acting or role.name in acting:
                    self.sessions[account_id] = seat.venue.session()

    async def _open(self, name: str, role: Role, actor: Actor, symbols: Sequence[str]) -> _Seat:
        admin = self.venue.admin
        account = await admin.open_account(name, dollars(role.deposit))
        own = self.venue.account.of(account.account_id)
        for symbol, size in role.collateral.items():
            await own.deposit_collateral(symbol, size)
        if role.margin_mode != "gross":
            await own.set_margin_mode(MarginMode[role.margin_mode.upper()])
        if role.leverage:
            for symbol in symbols:
                most = max(tier.max_leverage for tier in self.venue.instruments[symbol].margin_tiers)
                await own.set_leverage(symbol, min(role.leverage, most))
        key = await admin.create_api_key(account.account_id)
        connected = await connect(self.venue.directory.clearing, api_key=key.secret_key)
        seat = _Seat(role, account, key.api_key.key_id, connected, actor, symbols)
        self.seats.append(seat)
        return seat

    @asynccontextmanager
    async def trading(self) -> AsyncIterator[None]:
        """Let everybody trade who trades by himself, and hold the sessions of the others open."""
        try:
            for session in self.sessions.values():
                await session.__aenter__()
            for seat in self.seats:
                strategy = seat.actor.strategy if seat.actor.agent is None else AgentStrategy(seat.actor.agent)
                if strategy is not None:
                    self._trading[seat.account.account_id] = asyncio.create_task(self._trade(seat, strategy))
            yield
        finally:
            for task in self._trading.values():
                task.cancel()
            await asyncio.gather(*self._trading.values(), return_exceptions=True)
            for session in self.sessions.values():
                await session.close()

    @property
    def broken(self) -> list[str]:
        """Who has stopped trading by himself, and why."""
        return [
            f"{self.members[account_id].name} stopped trading: {error!r}"
            for account_id, task in self._trading.items()
            if task.done() and not task.cancelled() and (error := task.exception()) is not None
        ]

    async def _trade(self, seat: _Seat, strategy: Strategy) -> None:
        await asyncio.sleep(self.venue.directory.clock.wall_seconds(seat.role.enters))
        async with asyncio.TaskGroup() as tasks:
            overheard = Overheard(strategy, seat.account.account_id, self.answers)
            tasks.create_task(Runner(overheard, seat.venue, seat.symbols).run())
            if isinstance(strategy, AgentStrategy):
                tasks.create_task(self._tell_margin(seat, strategy))

    async def _tell_margin(self, seat: _Seat, strategy: AgentStrategy) -> None:
        """Tell an agent what it may still risk, once a second."""
        while True:
            state = await seat.venue.account.get()
            strategy.tell_free_margin(state.equity - state.initial_margin)
            await asyncio.sleep(_MARGIN_SECONDS)

    async def leave(self) -> list[str]:
        """Make every account flat and empty and end its key; return what could not be, in words."""
        left = []
        for seat in self.seats:
            try:
                await self._empty(seat)
                await self.venue.admin.revoke_api_key(seat.key_id)
            except WavetankError as error:
                left.append(f"account {seat.account.account_id} of {seat.role.name}: {error}")
            await seat.venue.close()
        return left

    async def _empty(self, seat: _Seat) -> None:
        """Bring an account to nothing; one that is being liquidated is asked again for a while."""
        account = self.venue.account.of(seat.account.account_id)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _RETURN_SECONDS
        while True:
            try:
                await account.reset(0)
                for each in await account.collateral():
                    await account.withdraw_collateral(each.instrument, each.size)
            except WavetankError:
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return


def _named_by(scenario: Scenario) -> set[str]:
    """Return who sends orders in the timeline, by the names that it gives them."""
    named: set[str] = set()
    for step in scenario.timeline:
        for said in (step.order, step.close, step.cancel):
            if said is not None:
                named.add(said.who)
        if step.cross is not None:
            named |= {step.cross.buyer, step.cross.seller}
    return named
