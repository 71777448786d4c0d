"""What the timeline of a scenario does to a simulated venue.

Each step is carried out at its time through the doors that a live venue has: orders arrive at the shard, requests at
clearing, faults at the oracle. What is refused is noted, as it would be live, and the day goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, assert_never

from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.credit import withdrawable_micros
from wavetank.clearing.core.limits import EVERY_CLIENT, PositionLimit
from wavetank.clearing.core.operator import Author
from wavetank.clearing.core.refusal import Refused
from wavetank.matching.core.entry_faults import EntryFault, fault_problem
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.model.events.oracle import ConsumerBit, FaultSet
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import InstrumentState, OrderFlag, Side, TimeInForce
from wavetank.model.reason import Reason
from wavetank.model.venue_faults import Jitter, VenueFaultKind
from wavetank.oracle.core.faults import FaultKind, FaultTarget, JitterDistribution
from wavetank.oracle.core.inputs import FaultRequest
from wavetank.runtime.errors import VenueError
from wavetank.storms.agents.agent import CancelAll, Intent, OnGrid, Order
from wavetank.storms.scenario import steps
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.terms import given
from wavetank.storms.simulation.venue import SimulatedVenue
from wavetank.storms.staging.market import StagingRefused, lots_of, ticks_of, whole

ONE_E12 = 10**12
_E6 = 10**6
_MOST_HAPPENINGS = 10**12
"""Of one timeline; more than its models allow."""
_TAKER_BEHIND_NS = 20_000_000
"""For so long the resting order of a wash trade is in the book before the other takes it."""
_AUTHOR = Author("storm", "timeline")


@dataclass(frozen=True, slots=True)
class Stage:
    """A venue and those who act in it, by role and by name."""

    venue: SimulatedVenue
    members: Mapping[str, Sequence[int]]
    """Accounts by role, and by the name of one of a crowd, such as `makers.3`."""

    def accounts(self, who: str) -> Sequence[int]:
        """Return the accounts of somebody.

        Raises:
            StagingRefused: nobody of the cast is called that.

        """
        if who not in self.members:
            raise StagingRefused(f"nobody of the cast is called {who!r}; there are: {', '.join(sorted(self.members))}")
        return self.members[who]

    def instrument(self, symbol: str) -> Instrument:
        """Return an instrument.

        Raises:
            StagingRefused: none has that symbol.

        """
        for instrument in self.venue.instruments.values():
            if instrument.symbol == symbol:
                return instrument
        known = ", ".join(each.symbol for each in self.venue.instruments.values())
        raise StagingRefused(f"no instrument is called {symbol!r}; there are: {known}")

    def numbers(self, symbols: Sequence[str]) -> tuple[int, ...]:
        """Return the numbers of instruments; of none, all."""
        if not symbols:
            return tuple(self.venue.instruments)
        return tuple(self.instrument(symbol).instrument_id for symbol in symbols)

    def index_ticks(self, instrument: Instrument) -> int:
        """Return the index as bots are told it, 0 before the first."""
        told = self.venue.tape.told[instrument.instrument_id].newest
        return 0 if told is None else told.index_price_ticks


class Director:
    """Carries out a timeline."""

    def __init__(self, scenario: Scenario, stage: Stage) -> None:
        """Check a timeline against its cast, and schedule it.

        Raises:
            StagingRefused: a step names somebody or something that is not there, or an amount that is not exact.

        """
        self._stage = stage
        self._venue = stage.venue
        self._faults: dict[str, list[int]] = {}
        self._disturbances: dict[str, list[int]] = {}
        self._start_ns = stage.venue.schedule.now_ns
        self._places = stage.venue.schedule.reserve(_MOST_HAPPENINGS)
        self._arrange(scenario, after_ns=self._start_ns - 1)

    def follow(self, scenario: Scenario) -> None:
        """Carry out what another timeline has later than now; what has begun goes on.

        Raises:
            StagingRefused: as at the beginning.

        """
        schedule = self._venue.schedule
        schedule.withdraw(self._places)
        self._arrange(scenario, after_ns=schedule.now_ns)

    def _arrange(self, scenario: Scenario, *, after_ns: int) -> None:
        schedule, places = self._venue.schedule, iter(self._places)
        for number, step in enumerate(scenario.timeline):
            if step.move is not None:
                # A move is part of the true price from the beginning.
                self._stage.numbers(step.move.instruments)
                continue
            try:
                act = self._act(step)
            except StagingRefused as fault:
                raise StagingRefused(f"timeline.{number}.{step.verb}: {fault}") from fault
            for turn in range(step.repeat):
                # Each has its place, also what is past, so that what is to come stands where it would have stood.
                place, time_ns = next(places), self._start_ns + step.at + turn * step.every
                if time_ns > after_ns:
                    schedule.at_place(place, time_ns, act)

    def _act(self, step: steps.Step) -> Callable[[], None]:  # noqa: PLR0911 - one case for each verb.
        """Return what a step does; all that can be checked now is."""
        said: Any = getattr(step, step.verb)
        match said:
            case steps.Order():
                return self._order(said)
            case steps.Cross():
                return self._cross(said)
            case steps.Close():
                instrument = self._stage.instrument(said.instrument)
                return partial(self._close, self._stage.accounts(said.who), instrument, said.slippage)
            case steps.Cancel():
                numbers = self._stage.numbers((said.instrument,) if said.instrument else ())
                intents = [CancelAll(number) for number in numbers]
                return partial(self._send, self._stage.accounts(said.who), intents)
            case steps.Deposit() | steps.Withdraw() | steps.Transfer() | steps.Collateral():
                return self._money(said)
            case steps.Fault():
                return partial(self._fault, said, self._request(said))
            case steps.Mend():
                return partial(self._mend, said) if step.mend is not None else partial(self._calm, said)
            case steps.Disturb():
                return partial(self._disturb, said, self._entry_fault(said))
            case steps.Instruments():
                numbers, state = self._stage.numbers(said.instruments), InstrumentState[said.state.upper()]
                return partial(self._move_instruments, numbers, state)
            case steps.Restart():
                return partial(self._restart, said)
            case steps.Settle() | steps.Fund() | steps.Withdrawals() | steps.Pace() | steps.Parameters():
                return self._operate(said)
            case _:
                ordering = OrderingSettings(**given(said, OrderingSettings))
                return partial(self._venue.reorder, ordering)

    # Orders

    def _order(self, said: steps.Order) -> Callable[[], None]:
        instrument = self._stage.instrument(said.instrument)
        accounts = self._stage.accounts(said.who)
        lots = None if said.size is None else lots_of(instrument, said.size)
        ticks = None if said.price is None else ticks_of(instrument, said.price)
        return partial(self._place, said, instrument, accounts, lots, ticks)

    def _place(
        self, said: steps.Order, instrument: Instrument, accounts: Sequence[int], lots: int | None, ticks: int | None
    ) -> None:
        index = self._stage.index_ticks(instrument)
        side = Side.BUY if said.side == "buy" else Side.SELL
        if ticks is None:
            ticks, in_force = _through(instrument, index, side, said.slippage), TimeInForce.IOC
        else:
            in_force = TimeInForce[said.time_in_force.upper()]
        if lots is None:
            assert said.notional is not None, "the model sees to one of both"
            lots = said.notional // max(1, index)
        flags = OrderFlag.REDUCE_ONLY * said.reduce_only | OrderFlag.POST_ONLY * said.post_only
        if lots > 0 and ticks > 0:
            client_id = said.client_order_id.encode()
            order = Order(instrument.instrument_id, side, lots, ticks, in_force, OrderFlag(flags), client_id)
            self._send(accounts, [order])

    def _cross(self, said: steps.Cross) -> Callable[[], None]:
        instrument = self._stage.instrument(said.instrument)
        buyers, sellers = self._stage.accounts(said.buyer), self._stage.accounts(said.seller)
        lots = lots_of(instrument, said.size)
        ticks = None if said.price is None else ticks_of(instrument, said.price)

        def begin() -> None:
            now_ns = self._venue.schedule.now_ns
            for clip in range(said.clips):
                part = lots * (clip + 1) // said.clips - lots * clip // said.clips
                self._venue.schedule.at(now_ns + said.over * clip // said.clips, trade, part)

        def trade(part: int) -> None:
            price = OnGrid(instrument).below(ticks or self._stage.index_ticks(instrument))
            if part and price:
                number = instrument.instrument_id
                self._send(sellers, [Order(number, Side.SELL, part, price)])
                self._venue.schedule.at(
                    self._venue.schedule.now_ns + _TAKER_BEHIND_NS,
                    self._send,
                    buyers,
                    [Order(number, Side.BUY, part, price, TimeInForce.IOC)],
                )

        return begin

    def _close(self, accounts: Sequence[int], instrument: Instrument, slippage: int) -> None:
        for account_id in accounts:
            lots = self._venue.shard.engine.position(account_id, instrument.instrument_id)
            if lots:
                side = Side.SELL if lots > 0 else Side.BUY
                price = _through(instrument, self._stage.index_ticks(instrument), side, slippage)
                order = Order(instrument.instrument_id, side, abs(lots), price, TimeInForce.IOC, OrderFlag.REDUCE_ONLY)
                self._send((account_id,), [order])

    def _send(self, accounts: Sequence[int], intents: Sequence[Intent]) -> None:
        for account_id in accounts:
            self._venue.doors[account_id].send_intents(intents)

    # Money

    def _money(self, said: steps.Deposit | steps.Withdraw | steps.Transfer | steps.Collateral) -> Callable[[], None]:
        accounts = self._stage.accounts(said.who)
        call: Callable[[int, Clearing, int], object]
        match said:
            case steps.Deposit():
                call = partial(_deposit, said.amount)
            case steps.Withdraw():
                call = partial(_withdraw, said.amount)
            case steps.Transfer():
                call = partial(_transfer, self._stage.accounts(said.to)[0], said.amount)
            case steps.Collateral():
                instrument = self._stage.instrument(said.instrument)
                call = partial(_collateral, instrument.instrument_id, lots_of(instrument, said.size))
            case _:
                assert_never(said)

        def ask() -> None:
            for account_id in accounts:
                self._venue.ask_clearing(account_id, partial(call, account_id))

        return ask

    # Faults

    def _request(self, said: steps.Fault) -> FaultRequest:
        # A bias of sources is a spike of theirs.
        kind = FaultKind.SPIKE if said.kind == "bias" else FaultKind[said.kind.upper()]
        consumers = 0
        for consumer in said.consumers:
            consumers |= ConsumerBit[consumer.upper()]
        return FaultRequest(
            kind=kind,
            target=FaultTarget[said.target.upper()],
            instrument_ids=self._stage.numbers(said.instruments),
            consumers=consumers,
            sources=said.sources,
            source_count=said.count,
            lag_ns=said.lag,
            jitter_ns=said.jitter,
            distribution=JitterDistribution[said.distribution.upper()] if said.jitter else None,
            magnitude_e12=said.by,
            price_micros=_micros_of(said.least if said.price is None else said.price),
            upper_price_micros=_micros_of(said.most),
            exponent=said.exponent,
            duration_ns=said.lasting,
            ramp_ns=said.ramp,
            probability_ppm=0 if said.probability == ONE_E12 else said.probability // _E6,
            seed=said.seed,
        )

    def _fault(self, said: steps.Fault, request: FaultRequest) -> None:
        decided = self._venue.oracle.ask(lambda core, now_ns: core.handle_fault(now_ns, request))
        if isinstance(decided, list):
            ids = {event.fault_id for event in decided if isinstance(event, FaultSet)}
            self._faults.setdefault(said.name, []).extend(sorted(ids))
        else:
            refused = Refused(decided.reason, 0, 0, decided.message)
            self._venue.refusals.append((self._venue.schedule.now_ns, 0, refused))

    def _mend(self, said: steps.Mend) -> None:
        ids = [number for name in said.names for number in self._faults.pop(name, [])]
        if ids or not said.names:
            self._venue.oracle.ask(lambda core, now_ns: core.handle_clear(now_ns, ids))

    def _entry_fault(self, said: steps.Disturb) -> EntryFault:
        """Return a venue fault as the shard takes it.

        Raises:
            StagingRefused: it has no meaning.

        """
        fault = EntryFault(
            fault_id=0,
            kind=VenueFaultKind[said.kind.upper()],
            account_ids=tuple(sorted({each for who in said.who for each in self._stage.accounts(who)})),
            delay_ns=said.delay,
            jitter_ns=said.jitter,
            jitter=Jitter.EXPONENTIAL if said.jitter else Jitter.NONE,
            probability_ppm=said.probability // _E6,
            duration_ns=said.lasting,
            ramp_ns=said.ramp,
            seed=said.seed,
        )
        problem = fault_problem(fault)
        if problem is not None:
            raise StagingRefused(problem)
        return fault

    def _disturb(self, said: steps.Disturb, fault: EntryFault) -> None:
        def answer(made: EntryFault | VenueError) -> None:
            if isinstance(made, EntryFault):
                self._disturbances.setdefault(said.name, []).append(made.fault_id)
            else:
                refused = Refused(made.reason, 0, 0, str(made))
                self._venue.refusals.append((self._venue.schedule.now_ns, 0, refused))

        self._venue.disturb(fault, answer)

    def _calm(self, said: steps.Mend) -> None:
        active = {fault.fault_id for fault in self._venue.shard.controls.active(self._venue.schedule.now_ns)}
        named = [number for name in said.names for number in self._disturbances.pop(name, [])]
        # One that has ended by itself needs no calming.
        ids = [number for number in named if number in active]
        if ids or not said.names:
            self._venue.calm(ids)

    # The venue

    def _move_instruments(self, numbers: Sequence[int], state: InstrumentState) -> None:
        for number in numbers:
            self._venue.move_instrument(number, state)

    def _restart(self, said: steps.Restart) -> None:
        self._venue.kill(said.service)
        self._venue.schedule.at(self._venue.schedule.now_ns + said.down, self._venue.restart, said.service)

    def _operate(
        self, said: steps.Settle | steps.Fund | steps.Withdrawals | steps.Pace | steps.Parameters
    ) -> Callable[[], None]:
        call: Callable[[Clearing, int], object]
        match said:
            case steps.Withdrawals():
                paused = said.paused
                call = lambda core, _: core.operator.pause_withdrawals(_AUTHOR, paused=paused)  # noqa: E731
            case steps.Fund() if said.top_up is not None:
                amount = said.top_up
                call = lambda core, _: core.operator.top_up_fund(amount, _AUTHOR)  # noqa: E731
            case steps.Fund():
                drained = said.drain if isinstance(said.drain, int) else 0
                call = lambda core, _: core.operator.drain_fund(drained, _AUTHOR)  # noqa: E731
            case steps.Pace():
                pace_ns = said.delay
                call = lambda core, _: core.operator.slow_liquidations(pace_ns, _AUTHOR)  # noqa: E731
            case steps.Settle():
                instrument = self._stage.instrument(said.instrument)
                number, ticks = instrument.instrument_id, ticks_of(instrument, said.price)
                call = lambda core, _: core.operator.settle_instrument(number, ticks, _AUTHOR)  # noqa: E731
            case steps.Parameters():
                call = partial(_change_parameters, said, self._stage.instrument(said.instrument).instrument_id)
            case _:
                assert_never(said)
        return lambda: self._venue.ask_clearing(0, call)


def _through(instrument: Instrument, index_ticks: int, side: Side, slippage_e12: int) -> int:
    """Return a limit so far through the index, on the grid inside it; 0 before there is an index."""
    if index_ticks <= 0:
        return 0
    away = index_ticks * slippage_e12 // ONE_E12
    grid = OnGrid(instrument)
    return grid.below(index_ticks + away) if side is Side.BUY else grid.above(index_ticks - away)


def _micros_of(price: Decimal | None) -> int:
    return 0 if price is None else whole(price.scaleb(6), f"a price of {price} dollars in micro-dollars")


def _deposit(amount: int, account_id: int, core: Clearing, _now_ns: int) -> None:
    core.bank.deposit(account_id, amount)


def _withdraw(amount: int | str, account_id: int, core: Clearing, now_ns: int) -> int:
    micros = _amount(amount, account_id, core)
    core.bank.withdraw(account_id, micros, now_ns)
    return micros


def _transfer(to_id: int, amount: int | str, account_id: int, core: Clearing, _now_ns: int) -> int:
    micros = _amount(amount, account_id, core)
    core.bank.transfer(account_id, to_id, micros, between_owners=True)
    return micros


def _amount(amount: int | str, account_id: int, core: Clearing) -> int:
    if isinstance(amount, int):
        return amount
    allowed = withdrawable_micros(core.state, core.bank.client(account_id))
    if not allowed:
        message = "nothing can be withdrawn now"
        raise Refused(Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN, 0, 0, message)
    return allowed


def _collateral(instrument_id: int, lots: int, account_id: int, core: Clearing, now_ns: int) -> None:
    if lots >= 0:
        core.collateral.deposit(account_id, instrument_id, lots)
    else:
        core.collateral.withdraw(account_id, instrument_id, -lots, now_ns)


def _change_parameters(said: steps.Parameters, instrument_id: int, core: Clearing, _now_ns: int) -> None:
    if said.tiers:
        tiers = [
            MarginTier(tier.above, tier.leverage, 0 if tier.maintenance is None else tier.maintenance // _E6)
            for tier in said.tiers
        ]
        core.operator.change_margin(instrument_id, tiers, _AUTHOR)
    if said.funding_interval is not None:
        core.operator.set_funding_interval(instrument_id, said.funding_interval, _AUTHOR)
    if said.position_limit is not None:
        limit = PositionLimit(0, said.position_limit)
        core.operator.set_position_limit(instrument_id, EVERY_CLIENT, limit, _AUTHOR)
