"""The doors of a simulated venue, for a timeline.

Orders arrive at the shard, requests at clearing, faults at the oracle, as they would in a venue that runs; what is
refused is noted as a live one would be told it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.credit import withdrawable_micros
from wavetank.clearing.core.limits import EVERY_CLIENT, GroupLimit, PositionLimit
from wavetank.clearing.core.operator import Author
from wavetank.clearing.core.refusal import Refused
from wavetank.matching.core.entry_faults import EntryFault
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.model.events.oracle import FaultSet
from wavetank.model.instrument import Instrument
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.oracle.core.inputs import FaultRequest
from wavetank.runtime.errors import VenueError
from wavetank.storms.agents.agent import Intent
from wavetank.storms.simulation.schedule import Schedule
from wavetank.storms.simulation.venue import Service, SimulatedVenue
from wavetank.storms.staging.hands import Parameters

_AUTHOR = Author("storm", "timeline")


class SimulatedHands:
    """Does to a simulated venue what a timeline says."""

    def __init__(self, venue: SimulatedVenue) -> None:
        """Stand at the doors of a venue."""
        self._venue = venue
        self._faults: dict[str, list[int]] = {}
        self._disturbances: dict[str, list[int]] = {}

    @property
    def schedule(self) -> Schedule:
        """The venue's time."""
        return self._venue.schedule

    @property
    def instruments(self) -> Mapping[int, Instrument]:
        """What is listed, by number."""
        return self._venue.instruments

    def index_ticks(self, instrument_id: int) -> int:
        """Return the index as bots are told it, 0 before the first."""
        told = self._venue.tape.told[instrument_id].newest
        return 0 if told is None else told.index_price_ticks

    def with_position(self, account_id: int, instrument_id: int, then: Callable[[int], None]) -> None:
        """Call with an account's position in an instrument, in lots."""
        then(self._venue.shard.engine.position(account_id, instrument_id))

    # Accounts

    def send(self, account_id: int, intents: Sequence[Intent]) -> None:
        """Send orders and cancels of an account."""
        self._venue.doors[account_id].send_intents(intents)

    def deposit(self, account_id: int, amount_micros: int) -> None:
        """Let an account bring money."""
        self._venue.ask_clearing(account_id, lambda core, _: core.bank.deposit(account_id, amount_micros))

    def withdraw(self, account_id: int, amount_micros: int | None) -> None:
        """Let an account ask for money, or for all that may go."""

        def ask(core: Clearing, now_ns: int) -> int:
            micros = _amount(amount_micros, account_id, core)
            core.bank.withdraw(account_id, micros, now_ns)
            return micros

        self._venue.ask_clearing(account_id, ask)

    def transfer(self, account_id: int, receiver_id: int, amount_micros: int | None) -> None:
        """Let an account pay another."""

        def ask(core: Clearing, _now_ns: int) -> int:
            micros = _amount(amount_micros, account_id, core)
            core.bank.transfer(account_id, receiver_id, micros, between_owners=True)
            return micros

        self._venue.ask_clearing(account_id, ask)

    def pledge(self, account_id: int, instrument_id: int, lots: int) -> None:
        """Let an account bring a base asset as collateral; negative takes it back."""

        def ask(core: Clearing, now_ns: int) -> None:
            if lots >= 0:
                core.collateral.deposit(account_id, instrument_id, lots)
            else:
                core.collateral.withdraw(account_id, instrument_id, -lots, now_ns)

        self._venue.ask_clearing(account_id, ask)

    # What goes wrong

    def set_fault(self, name: str, request: FaultRequest) -> None:
        """Break the oracle, under a name."""
        decided = self._venue.oracle.ask(lambda core, now_ns: core.handle_fault(now_ns, request))
        if isinstance(decided, list):
            ids = {event.fault_id for event in decided if isinstance(event, FaultSet)}
            self._faults.setdefault(name, []).extend(sorted(ids))
        else:
            self._refused(decided.reason, decided.message)

    def clear_faults(self, names: Sequence[str]) -> None:
        """End the oracle's faults of some names; of none, all."""
        ids = [number for name in names for number in self._faults.pop(name, [])]
        if ids or not names:
            self._venue.oracle.ask(lambda core, now_ns: core.handle_clear(now_ns, ids))

    def disturb(self, name: str, fault: EntryFault) -> None:
        """Break the door or the network, under a name."""

        def answer(made: EntryFault | VenueError) -> None:
            if isinstance(made, EntryFault):
                self._disturbances.setdefault(name, []).append(made.fault_id)
            else:
                self._refused(made.reason, str(made))

        self._venue.disturb(fault, answer)

    def calm(self, names: Sequence[str]) -> None:
        """End disturbances of some names; of none, all."""
        active = {fault.fault_id for fault in self._venue.shard.controls.active(self._venue.schedule.now_ns)}
        named = [number for name in names for number in self._disturbances.pop(name, [])]
        # One that has ended by itself needs no calming.
        ids = [number for number in named if number in active]
        if ids or not names:
            self._venue.calm(ids)

    def reorder(self, ordering: OrderingSettings) -> None:
        """Let waiting requests run in another order."""
        self._venue.reorder(ordering)

    def move_instrument(self, instrument_id: int, state: InstrumentState) -> None:
        """Bring an instrument into another state (MTCH-050)."""
        self._venue.move_instrument(instrument_id, state)

    def restart(self, service: str, down_ns: int) -> None:
        """Kill a service, and bring it back after a while."""
        named = cast("Service", service)
        self._venue.kill(named)
        self._venue.schedule.at(self._venue.schedule.now_ns + down_ns, self._venue.restart, named)

    # The operator

    def pause_withdrawals(self, *, paused: bool) -> None:
        """Pay nobody out, or pay again."""
        self._operate(lambda core, _: core.operator.pause_withdrawals(_AUTHOR, paused=paused))

    def top_up_fund(self, amount_micros: int) -> None:
        """Put money into the insurance fund."""
        self._operate(lambda core, _: core.operator.top_up_fund(amount_micros, _AUTHOR))

    def drain_fund(self, amount_micros: int) -> None:
        """Take money out of the insurance fund; 0 takes all."""
        self._operate(lambda core, _: core.operator.drain_fund(amount_micros, _AUTHOR))

    def slow_liquidations(self, pace_ns: int) -> None:
        """Let each step of a liquidation wait for so long."""
        self._operate(lambda core, _: core.operator.slow_liquidations(pace_ns, _AUTHOR))

    def settle_instrument(self, instrument_id: int, price_ticks: int) -> None:
        """End an instrument at a price, for good."""
        self._operate(lambda core, _: core.operator.settle_instrument(instrument_id, price_ticks, _AUTHOR))

    def change_parameters(self, instrument_id: int, parameters: Parameters) -> None:
        """Change an instrument while it trades."""
        self._operate(partial(_change_parameters, instrument_id, parameters))

    def limit_group(self, group: str, net_micros: int, gross_micros: int) -> None:
        """Limit what each client may come to in a correlation group; 0 is no limit."""
        limit = GroupLimit(net_micros, gross_micros)
        self._operate(lambda core, _: core.operator.set_group_limit(group, EVERY_CLIENT, limit, _AUTHOR))

    def _operate(self, call: Callable[[Clearing, int], Any]) -> None:
        self._venue.ask_clearing(0, call)

    def _refused(self, reason: int, message: str) -> None:
        refused = Refused(Reason(reason), 0, 0, message)
        self._venue.refusals.append((self._venue.schedule.now_ns, 0, refused))


def _amount(amount_micros: int | None, account_id: int, core: Clearing) -> int:
    if amount_micros is not None:
        return amount_micros
    allowed = withdrawable_micros(core.state, core.bank.client(account_id))
    if not allowed:
        message = "nothing can be withdrawn now"
        raise Refused(Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN, 0, 0, message)
    return allowed


def _change_parameters(instrument_id: int, parameters: Parameters, core: Clearing, _now_ns: int) -> None:
    operator = core.operator
    if parameters.tiers:
        operator.change_margin(instrument_id, list(parameters.tiers), _AUTHOR)
    if parameters.funding_interval_ns is not None:
        operator.set_funding_interval(instrument_id, parameters.funding_interval_ns, _AUTHOR)
    if parameters.position_limit_micros is not None:
        limit = PositionLimit(0, parameters.position_limit_micros)
        operator.set_position_limit(instrument_id, EVERY_CLIENT, limit, _AUTHOR)
