"""What the timeline of a scenario does to a venue: each step at its time, through the doors that every venue has.

It exists once, for venues that are simulated and for those that run: `hands` are what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, assert_never

from wavetank.matching.core.entry_faults import EntryFault, fault_problem
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.model.events.oracle import ConsumerBit
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import InstrumentState, OrderFlag, Side, TimeInForce
from wavetank.model.venue_faults import Jitter, VenueFaultKind
from wavetank.oracle.core.faults import FaultKind, FaultTarget, JitterDistribution
from wavetank.oracle.core.inputs import FaultRequest
from wavetank.storms.agents.agent import CancelAll, Intent, OnGrid, Order
from wavetank.storms.scenario import steps
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.terms import given
from wavetank.storms.staging.hands import ALL, Hands, Parameters
from wavetank.storms.staging.market import StagingRefused, lots_of, ticks_of, whole

ONE_E12 = 10**12
_E6 = 10**6
_MOST_HAPPENINGS = 10**12
"""Of one timeline; more than its models allow."""
_TAKER_BEHIND_NS = 20_000_000
"""For so long the resting order of a wash trade is in the book before the other takes it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A venue and those who act in it, by role and by name."""

    hands: Hands
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
        for instrument in self.hands.instruments.values():
            if instrument.symbol == symbol:
                return instrument
        known = ", ".join(each.symbol for each in self.hands.instruments.values())
        raise StagingRefused(f"no instrument is called {symbol!r}; there are: {known}")

    def numbers(self, symbols: Sequence[str]) -> tuple[int, ...]:
        """Return the numbers of instruments; of none, all."""
        if not symbols:
            return tuple(self.hands.instruments)
        return tuple(self.instrument(symbol).instrument_id for symbol in symbols)

    def index_ticks(self, instrument: Instrument) -> int:
        """Return the index as bots are told it, 0 before the first."""
        return self.hands.index_ticks(instrument.instrument_id)


class Director:
    """Carries out a timeline."""

    def __init__(self, scenario: Scenario, stage: Stage) -> None:
        """Check a timeline against its cast, and schedule it.

        Raises:
            StagingRefused: a step names somebody or something that is not there, or an amount that is not exact.

        """
        self._stage = stage
        self._hands = stage.hands
        self._start_ns = stage.hands.schedule.now_ns
        self._places = stage.hands.schedule.reserve(_MOST_HAPPENINGS)
        self._arrange(scenario, after_ns=self._start_ns - 1)

    def follow(self, scenario: Scenario) -> None:
        """Carry out what another timeline has later than now; what has begun goes on.

        Raises:
            StagingRefused: as at the beginning.

        """
        schedule = self._hands.schedule
        schedule.withdraw(self._places)
        self._arrange(scenario, after_ns=schedule.now_ns)

    def _arrange(self, scenario: Scenario, *, after_ns: int) -> None:
        schedule, places = self._hands.schedule, iter(self._places)
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
                return partial(self._hands.set_fault, said.name, self._request(said))
            case steps.Mend():
                return partial(self._hands.clear_faults if step.mend is not None else self._hands.calm, said.names)
            case steps.Disturb():
                return partial(self._hands.disturb, said.name, self._entry_fault(said))
            case steps.Instruments():
                numbers, state = self._stage.numbers(said.instruments), InstrumentState[said.state.upper()]
                return partial(self._move_instruments, numbers, state)
            case steps.Restart():
                return partial(self._hands.restart, said.service, said.down)
            case (
                steps.Settle()
                | steps.Fund()
                | steps.Withdrawals()
                | steps.Pace()
                | steps.Parameters()
                | steps.GroupLimit()
            ):
                return self._operate(said)
            case _:
                ordering = OrderingSettings(**given(said, OrderingSettings))
                return partial(self._hands.reorder, ordering)

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
            now_ns = self._hands.schedule.now_ns
            for clip in range(said.clips):
                part = lots * (clip + 1) // said.clips - lots * clip // said.clips
                self._hands.schedule.at(now_ns + said.over * clip // said.clips, trade, part)

        def trade(part: int) -> None:
            price = OnGrid(instrument).below(ticks or self._stage.index_ticks(instrument))
            if part and price:
                number = instrument.instrument_id
                self._send(sellers, [Order(number, Side.SELL, part, price)])
                self._hands.schedule.at(
                    self._hands.schedule.now_ns + _TAKER_BEHIND_NS,
                    self._send,
                    buyers,
                    [Order(number, Side.BUY, part, price, TimeInForce.IOC)],
                )

        return begin

    def _close(self, accounts: Sequence[int], instrument: Instrument, slippage: int) -> None:
        number = instrument.instrument_id

        def close(account_id: int, lots: int) -> None:
            if lots:
                side = Side.SELL if lots > 0 else Side.BUY
                price = _through(instrument, self._stage.index_ticks(instrument), side, slippage)
                order = Order(number, side, abs(lots), price, TimeInForce.IOC, OrderFlag.REDUCE_ONLY)
                self._send((account_id,), [order])

        for account_id in accounts:
            self._hands.with_position(account_id, number, partial(close, account_id))

    def _send(self, accounts: Sequence[int], intents: Sequence[Intent]) -> None:
        for account_id in accounts:
            self._hands.send(account_id, intents)

    # Money

    def _money(self, said: steps.Deposit | steps.Withdraw | steps.Transfer | steps.Collateral) -> Callable[[], None]:
        accounts, hands = self._stage.accounts(said.who), self._hands
        ask: Callable[[int], None]
        match said:
            case steps.Deposit():
                brought = said.amount
                ask = lambda account_id: hands.deposit(account_id, brought)  # noqa: E731
            case steps.Withdraw():
                wanted = _amount(said.amount)
                ask = lambda account_id: hands.withdraw(account_id, wanted)  # noqa: E731
            case steps.Transfer():
                receiver_id, amount = self._stage.accounts(said.to)[0], _amount(said.amount)
                ask = lambda account_id: hands.transfer(account_id, receiver_id, amount)  # noqa: E731
            case steps.Collateral():
                instrument = self._stage.instrument(said.instrument)
                number, lots = instrument.instrument_id, lots_of(instrument, said.size)
                ask = lambda account_id: hands.pledge(account_id, number, lots)  # noqa: E731
            case _:
                assert_never(said)

        def ask_all() -> None:
            for account_id in accounts:
                ask(account_id)

        return ask_all

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

    # The venue

    def _move_instruments(self, numbers: Sequence[int], state: InstrumentState) -> None:
        for number in numbers:
            self._hands.move_instrument(number, state)

    def _operate(
        self,
        said: steps.Settle | steps.Fund | steps.Withdrawals | steps.Pace | steps.Parameters | steps.GroupLimit,
    ) -> Callable[[], None]:
        hands = self._hands
        match said:
            case steps.Withdrawals():
                return partial(hands.pause_withdrawals, paused=said.paused)
            case steps.Fund() if said.top_up is not None:
                return partial(hands.top_up_fund, said.top_up)
            case steps.Fund():
                return partial(hands.drain_fund, said.drain if isinstance(said.drain, int) else 0)
            case steps.Pace():
                return partial(hands.slow_liquidations, said.delay)
            case steps.Settle():
                instrument = self._stage.instrument(said.instrument)
                return partial(hands.settle_instrument, instrument.instrument_id, ticks_of(instrument, said.price))
            case steps.Parameters():
                tiers = [
                    MarginTier(tier.above, tier.leverage, 0 if tier.maintenance is None else tier.maintenance // _E6)
                    for tier in said.tiers
                ]
                parameters = Parameters(
                    tiers=tiers, funding_interval_ns=said.funding_interval, position_limit_micros=said.position_limit
                )
                number = self._stage.instrument(said.instrument).instrument_id
                return partial(hands.change_parameters, number, parameters)
            case steps.GroupLimit():
                return partial(hands.limit_group, said.group, said.net, said.gross)
            case _:
                assert_never(said)


def _through(instrument: Instrument, index_ticks: int, side: Side, slippage_e12: int) -> int:
    """Return a limit so far through the index, on the grid inside it; 0 before there is an index."""
    if index_ticks <= 0:
        return 0
    away = index_ticks * slippage_e12 // ONE_E12
    grid = OnGrid(instrument)
    return grid.below(index_ticks + away) if side is Side.BUY else grid.above(index_ticks - away)


def _micros_of(price: Decimal | None) -> int:
    return 0 if price is None else whole(price.scaleb(6), f"a price of {price} dollars in micro-dollars")


def _amount(said: int | str) -> int | None:
    return said if isinstance(said, int) else ALL
