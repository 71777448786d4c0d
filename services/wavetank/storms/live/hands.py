"""The doors of a running venue, for a timeline: the SDK's, with the play key.

Kept true: what belongs together goes out in order, one thing behind the other; what is refused is noted and the day
goes on; and for whatever is changed of the venue stands how it was, so that `leave` brings it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from wavetank.cli.run_directory import Restart, RunDirectory
from wavetank.client import (
    Consumer,
    FaultKind,
    FaultTarget,
    Jitter,
    JitterDistribution,
    MarginTier,
    Session,
    Venue,
    VenueFaultKind,
    WavetankError,
)
from wavetank.client import InstrumentState as ClientState
from wavetank.client import Ordering as ClientOrdering
from wavetank.client import OrderingPolicy as ClientPolicy
from wavetank.client.instrument import dollars, scaled
from wavetank.client.shard_session import Results
from wavetank.matching.core.entry_faults import EntryFault
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.model.events.oracle import ConsumerBit
from wavetank.model.instrument import Instrument
from wavetank.model.orders import InstrumentState
from wavetank.oracle.core.inputs import FaultRequest
from wavetank.storms.agents.agent import Intent
from wavetank.storms.agents.strategy import command_of
from wavetank.storms.live.answers import is_of_the_door
from wavetank.storms.live.timetable import LiveTimetable
from wavetank.storms.staging.hands import Parameters

NOTE = "storm"
"""Stands in the log beside whatever the operator does."""
_OPERATOR = 0
_CONSUMERS = {
    ConsumerBit.CLEARING: Consumer.CLEARING,
    ConsumerBit.MATCHING: Consumer.MATCHING,
    ConsumerBit.BOTS: Consumer.BOTS,
}
_ALWAYS_PPM = 10**6


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that the venue refused."""

    time_ns: int
    account_id: int
    reason: int
    """0 where the venue gave none."""
    message: str


@dataclass(slots=True)
class LiveHands:
    """Does to a running venue what a timeline says, and undoes it."""

    venue: Venue
    schedule: LiveTimetable
    instruments: Mapping[int, Instrument]
    directory: RunDirectory | None
    """Of the venue, where its services can be restarted."""
    sessions: dict[int, Session] = field(default_factory=dict[int, Session])
    """Of accounts that act by the timeline."""
    indexes: dict[int, int] = field(default_factory=dict[int, int])
    """In ticks, as bots are told them."""
    refused: list[Noted] = field(default_factory=list[Noted])
    broken: list[str] = field(default_factory=list[str])
    """Requests that came to nothing by a fault of this program's own, in words."""
    _running: dict[int, asyncio.Task[None]] = field(default_factory=dict[int, "asyncio.Task[None]"])
    """The last request of each account, and of the operator."""
    _faults: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    _disturbances: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    _undo: dict[str, Callable[[], Awaitable[object]]] = field(
        default_factory=dict[str, "Callable[[], Awaitable[object]]"]
    )
    """How what was changed is brought back, by what it is; the first change of each knows how it was."""

    def index_ticks(self, instrument_id: int) -> int:
        """Return the index as bots are told it, 0 before the first."""
        return self.indexes.get(instrument_id, 0)

    def with_position(self, account_id: int, instrument_id: int, then: Callable[[int], None]) -> None:
        """Call with an account's position in an instrument, in lots."""

        async def ask() -> None:
            symbol = self.instruments[instrument_id].symbol
            sizes = {each.instrument: each.size for each in await self.venue.account.of(account_id).positions()}
            then(int(sizes.get(symbol, Decimal(0)).scaleb(self.instruments[instrument_id].size_decimals)))

        self._do(account_id, ask())

    # Accounts

    def send(self, account_id: int, intents: Sequence[Intent]) -> None:
        """Send orders and cancels of an account."""
        session = self.sessions[account_id]
        named = {each.instrument_id: each for each in self.venue.instruments.values()}
        commands = [command_of(intent, named[intent.instrument_id], b"") for intent in intents]
        try:
            session.submit(commands).add_done_callback(partial(self._answered, account_id, len(commands)))
        except WavetankError as error:
            self._note(account_id, error)

    def deposit(self, account_id: int, amount_micros: int) -> None:
        """Let an account bring money."""
        self._do(account_id, self.venue.account.of(account_id).deposit(dollars(amount_micros)))

    def withdraw(self, account_id: int, amount_micros: int | None) -> None:
        """Let an account ask for money, or for all that may go."""

        async def ask() -> None:
            account = self.venue.account.of(account_id)
            await account.withdraw(await self._amount(account_id, amount_micros))

        self._do(account_id, ask())

    def transfer(self, account_id: int, receiver_id: int, amount_micros: int | None) -> None:
        """Let an account pay another."""

        async def ask() -> None:
            account = self.venue.account.of(account_id)
            await account.transfer(receiver_id, await self._amount(account_id, amount_micros))

        self._do(account_id, ask())

    def pledge(self, account_id: int, instrument_id: int, lots: int) -> None:
        """Let an account bring a base asset as collateral; negative takes it back."""
        account, listed = self.venue.account.of(account_id), self.instruments[instrument_id]
        size = scaled(abs(lots), -listed.size_decimals)
        ask = account.deposit_collateral if lots >= 0 else account.withdraw_collateral
        self._do(account_id, ask(listed.symbol, size))

    async def _amount(self, account_id: int, amount_micros: int | None) -> Decimal:
        if amount_micros is not None:
            return dollars(amount_micros)
        return (await self.venue.account.of(account_id).get()).withdrawable

    # What goes wrong

    def set_fault(self, name: str, request: FaultRequest) -> None:
        """Break the oracle, under a name."""

        async def ask() -> None:
            assert request.kind is not None, "a timeline names a kind"
            assert request.target is not None, "a timeline names a target"
            fault = await self.venue.admin.set_fault(
                FaultKind(int(request.kind)),
                target=FaultTarget(int(request.target)),
                instruments=[self.instruments[each].symbol for each in request.instrument_ids],
                consumers=[consumer for bit, consumer in _CONSUMERS.items() if request.consumers & bit],
                sources=request.sources,
                source_count=request.source_count,
                lag=_time(request.lag_ns),
                jitter=_time(request.jitter_ns),
                distribution=None if request.distribution is None else JitterDistribution(int(request.distribution)),
                magnitude=scaled(request.magnitude_e12, -12),
                price=dollars(request.price_micros),
                upper_price=dollars(request.upper_price_micros),
                exponent=request.exponent,
                delay=_time(request.delay_ns),
                duration=_time(request.duration_ns),
                ramp=_time(request.ramp_ns),
                probability=scaled(request.probability_ppm or _ALWAYS_PPM, -6),
                seed=request.seed,
            )
            self._faults.setdefault(name, []).append(fault.fault_id)

        self._do(_OPERATOR, ask())

    def clear_faults(self, names: Sequence[str]) -> None:
        """End the oracle's faults of some names; of none, all that the timeline has set."""
        self._do(_OPERATOR, self._clear_faults(names or list(self._faults)))

    async def _clear_faults(self, names: Sequence[str]) -> None:
        named = {number for name in names for number in self._faults.pop(name, [])}
        ids = [fault.fault_id for fault in await self.venue.admin.list_faults() if fault.fault_id in named]
        if ids:
            await self.venue.admin.clear_faults(ids)

    def disturb(self, name: str, fault: EntryFault) -> None:
        """Break the door or the network, under a name."""

        async def ask() -> None:
            made = await self.venue.doors.set_fault(
                VenueFaultKind(int(fault.kind)),
                account_ids=fault.account_ids,
                delay=_time(fault.delay_ns),
                jitter=_time(fault.jitter_ns),
                jitter_kind=Jitter(int(fault.jitter)) if fault.jitter_ns else Jitter.UNIFORM,
                probability=scaled(fault.probability_ppm, -6),
                duration=_time(fault.duration_ns),
                ramp=_time(fault.ramp_ns),
                seed=fault.seed,
            )
            self._disturbances.setdefault(name, []).extend(each.fault_id for each in made)

        self._do(_OPERATOR, ask())

    def calm(self, names: Sequence[str]) -> None:
        """End disturbances of some names; of none, all that the timeline has set."""
        self._do(_OPERATOR, self._calm(names or list(self._disturbances)))

    async def _calm(self, names: Sequence[str]) -> None:
        named = {number for name in names for number in self._disturbances.pop(name, [])}
        ids = [fault.fault_id for fault in await self.venue.doors.list_faults() if fault.fault_id in named]
        if ids:
            await self.venue.doors.clear_faults(ids)

    def reorder(self, ordering: OrderingSettings) -> None:
        """Let waiting requests run in another order."""

        async def ask() -> None:
            doors = self.venue.doors
            before = await doors.set_ordering(
                ClientOrdering(
                    policy=ClientPolicy[ordering.policy.name],
                    block_interval_ns=ordering.block_interval_ns,
                    taker_delay_ns=ordering.taker_delay_ns,
                    seed=ordering.seed,
                )
            )
            self._undo.setdefault("ordering", lambda: doors.set_ordering(before[0]))

        self._do(_OPERATOR, ask())

    def move_instrument(self, instrument_id: int, state: InstrumentState) -> None:
        """Bring an instrument into another state (MTCH-050)."""
        admin, symbol = self.venue.admin, self.instruments[instrument_id].symbol

        async def ask() -> None:
            before = await admin.set_instrument_state(symbol, ClientState(int(state)))
            self._undo.setdefault(f"state of {symbol}", lambda: admin.set_instrument_state(symbol, before))

        self._do(_OPERATOR, ask())

    def restart(self, service: str, down_ns: int) -> None:
        """Kill a service, of matching every shard, and bring it back after a while."""
        assert self.directory is not None, "a page that restarts does not fit a venue without a directory"
        down = self.venue.directory.clock.wall_seconds(down_ns)
        names = self.directory.running().pids
        for name in names:
            if name == service or name.startswith(f"{service}-"):
                self.directory.ask_restart(Restart(name=name, down_seconds=down, kill=True))

    # The operator

    def pause_withdrawals(self, *, paused: bool) -> None:
        """Pay nobody out, or pay again."""
        admin = self.venue.admin
        self._do(_OPERATOR, (admin.pause_withdrawals if paused else admin.resume_withdrawals)(note=NOTE))
        if paused:
            self._undo.setdefault("withdrawals", lambda: admin.resume_withdrawals(note=NOTE))

    def top_up_fund(self, amount_micros: int) -> None:
        """Put money into the insurance fund."""
        admin, amount = self.venue.admin, dollars(amount_micros)

        async def ask() -> None:
            await admin.top_up_fund(amount, note=NOTE)
            self._undo[f"fund {len(self._undo)}"] = lambda: admin.drain_fund(amount, note=NOTE)

        self._do(_OPERATOR, ask())

    def drain_fund(self, amount_micros: int) -> None:
        """Take money out of the insurance fund; 0 takes all."""
        admin = self.venue.admin

        async def ask() -> None:
            drained = await admin.drain_fund(dollars(amount_micros), note=NOTE)
            if drained:
                self._undo[f"fund {len(self._undo)}"] = lambda: admin.restore_fund(drained, note=NOTE)

        self._do(_OPERATOR, ask())

    def slow_liquidations(self, pace_ns: int) -> None:
        """Let each step of a liquidation wait for so long."""
        admin = self.venue.admin

        async def ask() -> None:
            before = await admin.slow_liquidations(_time(pace_ns), note=NOTE)
            self._undo.setdefault("pace", lambda: admin.slow_liquidations(before, note=NOTE))

        self._do(_OPERATOR, ask())

    def settle_instrument(self, instrument_id: int, price_ticks: int) -> None:
        """Never: a page that settles does not fit a running venue."""
        raise AssertionError(f"instrument {instrument_id} was to be settled at {price_ticks}, which cannot be undone")

    def change_parameters(self, instrument_id: int, parameters: Parameters) -> None:
        """Change an instrument while it trades."""
        admin, symbol = self.venue.admin, self.instruments[instrument_id].symbol

        async def ask() -> None:
            if parameters.tiers:
                before = self.venue.instruments[symbol].margin_tiers
                tiers = [
                    MarginTier(
                        lower_notional=dollars(tier.lower_notional_micros),
                        max_leverage=tier.max_leverage,
                        maintenance_rate=scaled(tier.maintenance_ppm, -6) if tier.maintenance_ppm else None,
                    )
                    for tier in parameters.tiers
                ]
                await admin.change_margin(symbol, tiers, note=NOTE)
                self._undo.setdefault(f"tiers of {symbol}", lambda: admin.change_margin(symbol, before, note=NOTE))
            if parameters.funding_interval_ns is not None:
                interval_ns = self.venue.instruments[symbol].funding_interval_ns
                await admin.set_funding_interval(symbol, parameters.funding_interval_ns, note=NOTE)
                self._undo.setdefault(
                    f"funding of {symbol}", lambda: admin.set_funding_interval(symbol, interval_ns, note=NOTE)
                )
            if parameters.position_limit_micros is not None:
                await self._limit(symbol, parameters.position_limit_micros)

        self._do(_OPERATOR, ask())

    def limit_group(self, group: str, net_micros: int, gross_micros: int) -> None:
        """Limit what each client may come to in a correlation group; 0 is no limit."""
        admin = self.venue.admin

        async def ask() -> None:
            standing = [
                each for each in (await admin.list_limits()).groups if each.group == group and not each.account_id
            ]
            net, gross = (standing[0].net, standing[0].gross) if standing else (Decimal(0), Decimal(0))
            await admin.set_group_limit(group, net=dollars(net_micros), gross=dollars(gross_micros), note=NOTE)
            self._undo.setdefault(
                f"limit of {group}", lambda: admin.set_group_limit(group, net=net, gross=gross, note=NOTE)
            )

        self._do(_OPERATOR, ask())

    async def _limit(self, symbol: str, exposure_micros: int) -> None:
        admin = self.venue.admin
        standing = [
            each for each in (await admin.list_limits()).positions if each.symbol == symbol and not each.account_id
        ]
        size, exposure = (standing[0].size, standing[0].exposure) if standing else (Decimal(0), Decimal(0))
        await admin.set_position_limit(symbol, exposure=dollars(exposure_micros), note=NOTE)
        self._undo.setdefault(
            f"limit of {symbol}", lambda: admin.set_position_limit(symbol, size=size, exposure=exposure, note=NOTE)
        )

    # The end

    async def leave(self) -> list[str]:
        """Bring back what was changed of the venue; return what could not be, in words."""
        self.schedule.end()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        left = []
        ending: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("faults of the oracle", lambda: self._clear_faults(list(self._faults))),
            ("disturbances", lambda: self._calm(list(self._disturbances))),
            *reversed(self._undo.items()),
        ]
        for what, undo in ending:
            try:
                await undo()
            except WavetankError as error:
                left.append(f"{what}: {error}")
        return left

    def _do(self, account_id: int, request: Coroutine[Any, Any, object]) -> None:
        """Send a request behind the one before it of the same account, of the operator under 0."""
        before = self._running.get(account_id)

        async def ask() -> None:
            if before is not None:
                await asyncio.wait([before])
            try:
                await request
            except WavetankError as error:
                self._note(account_id, error)
            except Exception as error:  # noqa: BLE001 - whatever it is, the day goes on, and it is told in the end.
                self.broken.append(repr(error))

        self._running[account_id] = asyncio.create_task(ask())

    def _answered(self, account_id: int, commands: int, done: asyncio.Future[Results]) -> None:
        """Note what the door refused, once for each command; whatever else became of them stands in the shard's log."""
        error = None if done.cancelled() else done.exception()
        if isinstance(error, WavetankError) and is_of_the_door(error):
            for _ in range(commands):
                self._note(account_id, error)

    def _note(self, account_id: int, error: WavetankError) -> None:
        self.refused.append(Noted(self.schedule.now_ns, account_id, error.code, str(error)))


def _time(venue_ns: int) -> timedelta:
    """Return a duration as the SDK takes it: whole microseconds, rounded up."""
    return timedelta(microseconds=-(-venue_ns // 1_000))
