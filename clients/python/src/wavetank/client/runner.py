"""A runner: what stands between a pure strategy and a venue.

It turns market data, own orders, what befalls the account, and the passing of venue time into one sequence of events,
hands each to the strategy, and sends what it answers without waiting for the results, which come back as events. It
decides nothing. An optional `Telemetry` is told of fills, latencies and prices.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from wavetank.client.account import Account
from wavetank.client.errors import WavetankError
from wavetank.client.events import (
    AccountEvent,
    BestBidOffer,
    CommandAnswered,
    CommandUnresolved,
    Fill,
    FillBooked,
    MarketEvent,
    PositionsRead,
    Prices,
    Reconnected,
    SessionEvent,
    Started,
    StrategyEvent,
    Timer,
)
from wavetank.client.market_data import Channel
from wavetank.client.orders import AmendOrder, CancelAllOrders, CancelOrder, Command, PlaceOrder
from wavetank.client.session import Session
from wavetank.client.strategy import Strategy, StrategyCommand
from wavetank.client.telemetry import FillRecord, LatencyRecord, PriceSample, Telemetry
from wavetank.client.venue import Venue

_REMEMBERED_DECISIONS = 4_096


@dataclass(slots=True)
class _Seen:
    """What was last seen of an instrument."""

    mid: Decimal | None = None
    index: Decimal | None = None
    mark: Decimal | None = None
    funding_rate: Decimal = Decimal(0)
    stale: bool = False
    position: Decimal = Decimal(0)


@dataclass(slots=True)
class _Inbox:
    """Events of all sources in order of arrival, with the moment at which each arrived."""

    events: deque[tuple[int, StrategyEvent]] = field(default_factory=deque[tuple[int, StrategyEvent]])
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: StrategyEvent) -> None:
        self.events.append((time.perf_counter_ns(), event))
        self.arrived.set()

    async def take(self) -> tuple[int, StrategyEvent]:
        while not self.events:
            self.arrived.clear()
            await self.arrived.wait()
        return self.events.popleft()


class _Source(Protocol):
    async def next(self) -> MarketEvent | SessionEvent | AccountEvent: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """How a runner treats its venue.

    Attributes:
        timer_interval_ns: venue time between two `Timer` events.
        channels: of the market data.
        cancel_on_disconnect: cancel the strategy's orders when its session ends.
        cancel_first: cancel what the account has in the books, of which the strategy knows nothing.
    """

    timer_interval_ns: int = 100_000_000
    channels: tuple[Channel, ...] = (Channel.BBO, Channel.TRADES, Channel.PRICES)
    cancel_on_disconnect: bool = True
    cancel_first: bool = True


class Runner:
    """Runs one strategy for one account of a venue.

    Args:
        strategy: the strategy; several together as `Ensemble`.
        venue: connected; closed by whoever connected it.
        instruments: symbols whose market data the strategy gets, empty for all.
        telemetry: who is told of fills, latencies and prices.
        account_id: account to trade for, 0 for the key's own.
        settings: how to treat the venue.
    """

    def __init__(
        self,
        strategy: Strategy,
        venue: Venue,
        instruments: Sequence[str] = (),
        *,
        telemetry: Telemetry | None = None,
        account_id: int = 0,
        settings: RunnerSettings | None = None,
    ) -> None:
        self._strategy = strategy
        self._venue = venue
        self._instruments = tuple(instruments) or tuple(venue.instruments)
        self._telemetry = telemetry
        self._account_id = account_id
        self._settings = settings or RunnerSettings()
        self._inbox = _Inbox()
        self._seen: dict[str, _Seen] = {}
        self._decisions: dict[Command, tuple[int, int]] = {}
        self.events_handled = 0
        self.commands_sent = 0

    async def run(self) -> None:
        """Run until cancelled.

        Raises:
            WavetankError: the session or a stream cannot go on, for instance because the key was revoked.
        """
        account = self._venue.account.of(self._account_id) if self._account_id else self._venue.account
        async with (
            self._venue.session(
                cancel_on_disconnect=self._settings.cancel_on_disconnect, account_id=self._account_id
            ) as session,
            session.events(answers=True) as own,
            account.events() as befalls,
            self._venue.market_data.subscribe(self._settings.channels, self._instruments) as market,
        ):
            if self._settings.cancel_first:
                await session.cancel_all()
            positions = await self._read_positions(account)
            self._inbox.put(
                Started(
                    event_time_ns=self._venue.now_ns(),
                    account_id=session.account_id,
                    instruments={symbol: self._venue.instruments[symbol] for symbol in self._instruments},
                    positions=positions,
                    order_id_prefix=secrets.token_bytes(8),
                )
            )
            try:
                async with asyncio.TaskGroup() as tasks:
                    for source in (own, befalls, market):
                        tasks.create_task(self._pump(source))
                    tasks.create_task(self._tick())
                    tasks.create_task(self._decide(session, account))
            except BaseExceptionGroup as errors:
                refused, others = errors.split(WavetankError)
                if refused is None or others is not None:
                    raise
                # One of them says why; the others were only taken along. `except*` would wrap it in a group again.
                raise _first(refused) from None

    async def _pump(self, source: _Source) -> None:
        try:
            while True:
                self._inbox.put(await source.next())
        except StopAsyncIteration:
            return

    async def _tick(self) -> None:
        pause = self._venue.directory.clock.wall_seconds(self._settings.timer_interval_ns)
        while True:
            await asyncio.sleep(pause)
            self._inbox.put(Timer(event_time_ns=self._venue.now_ns()))

    async def _read_positions(self, account: Account) -> dict[str, Decimal]:
        positions = {position.instrument: position.size for position in await account.positions()}
        for symbol in self._seen.keys() | positions.keys():
            self._of(symbol).position = positions.get(symbol, Decimal(0))
        return positions

    async def _decide(self, session: Session, account: Account) -> None:
        while True:
            arrived_ns, event = await self._inbox.take()
            if isinstance(event, Reconnected) and not event.stream.startswith("market data"):
                # Fills were missed; the strategy learns the positions together with the return.
                self._inbox.put(
                    PositionsRead(event_time_ns=self._venue.now_ns(), positions=await self._read_positions(account))
                )
            self._note(event)
            commands = self._strategy.on_event(event)
            self.events_handled += 1
            if commands:
                decided_ns = time.perf_counter_ns()
                for start in range(0, len(commands), max(1, session.max_commands)):
                    self._send(session, commands[start : start + max(1, session.max_commands)], arrived_ns, decided_ns)

    def _send(self, session: Session, commands: Sequence[StrategyCommand], arrived_ns: int, decided_ns: int) -> None:
        if self._telemetry is not None:
            for command in commands:
                self._decisions[command] = (arrived_ns, decided_ns)
            while len(self._decisions) > _REMEMBERED_DECISIONS:
                del self._decisions[next(iter(self._decisions))]
        try:
            # What became of them comes back as events.
            _ = session.submit(commands)
            self.commands_sent += len(commands)
        except WavetankError as error:
            now_ns = self._venue.now_ns()
            for command in commands:
                self._inbox.put(CommandUnresolved(event_time_ns=now_ns, command=command, error=error))

    # --- Telemetry ---------------------------------------------------------------------------------------------------

    def _of(self, symbol: str) -> _Seen:
        return self._seen.setdefault(symbol, _Seen())

    def _note(self, event: StrategyEvent) -> None:
        match event:
            case BestBidOffer():
                self._of(event.instrument).mid = event.mid
                self._sample(event.event_time_ns, event.instrument)
            case Prices():
                seen = self._of(event.instrument)
                seen.index, seen.mark, seen.stale = event.index, event.mark, event.stale
                seen.funding_rate = event.funding_rate
                self._sample(event.event_time_ns, event.instrument)
            case Fill():
                seen = self._of(event.instrument)
                seen.position += event.side.sign * event.size
                self._note_fill(event, seen)
            case FillBooked() if event.order_id == 0:
                # Transfers pass the session by.
                self._of(event.instrument).position += event.delta_size
            case CommandAnswered():
                self._note_latency(event)
            case _:
                pass

    def _sample(self, event_time_ns: int, symbol: str) -> None:
        if self._telemetry is not None:
            seen = self._of(symbol)
            self._telemetry.on_prices(
                PriceSample(
                    event_time_ns=event_time_ns,
                    instrument=symbol,
                    mid=seen.mid,
                    index=seen.index,
                    mark=seen.mark,
                    funding_rate=seen.funding_rate,
                    stale=seen.stale,
                )
            )

    def _note_fill(self, fill: Fill, seen: _Seen) -> None:
        if self._telemetry is not None:
            self._telemetry.on_fill(
                FillRecord(
                    event_time_ns=fill.event_time_ns,
                    instrument=fill.instrument,
                    side=fill.side,
                    price=fill.price,
                    size=fill.size,
                    fee=fill.fee,
                    maker=fill.maker,
                    liquidation=fill.liquidation,
                    trade_id=fill.trade_id,
                    order_id=fill.order_id,
                    mid=seen.mid,
                    index=seen.index,
                    mark=seen.mark,
                    stale=seen.stale,
                    position=seen.position,
                )
            )

    def _note_latency(self, event: CommandAnswered) -> None:
        decision = self._decisions.pop(event.command, None)
        if self._telemetry is None or decision is None:
            return
        arrived_ns, decided_ns = decision
        refusal = event.result.refusal
        self._telemetry.on_latency(
            LatencyRecord(
                event_time_ns=event.event_time_ns,
                instrument=event.command.instrument,
                command=_word(event.command),
                decide_ns=decided_ns - arrived_ns,
                send_ns=event.sent_ns - decided_ns,
                acknowledge_ns=event.answered_ns - event.sent_ns,
                reason=refusal.reason if refusal is not None else "",
            )
        )


def _word(command: Command) -> str:
    match command:
        case PlaceOrder():
            return "place"
        case AmendOrder():
            return "amend"
        case CancelOrder():
            return "cancel"
        case CancelAllOrders():
            return "cancel_all"
        case _:
            return "raw"


def _first(errors: BaseExceptionGroup[WavetankError]) -> WavetankError:
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
