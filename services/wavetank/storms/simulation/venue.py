"""A whole venue on a virtual clock: three cores, their logs, and what travels between them.

It exists so that a day can be run a thousand times: the same cores as live, no sockets, no sleeping, one seed. Kept
true: whatever is random is drawn from dice of its own name, so that changing one thing changes nothing else by chance;
the same seed gives the same bytes in every log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.snapshot import state_hash
from wavetank.client.events import StrategyEvent
from wavetank.client.orders import Command
from wavetank.client.strategy import Strategy
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.entry_faults import EntryFault
from wavetank.matching.core.ordering import Ordering, OrderingSettings
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.events import clearing as clearing_events
from wavetank.model.events import matching as matching_events
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.instrument import Instrument
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.model.record import RECORD_BYTES, decode, fields_struct, heads, instruments_in, kind_of
from wavetank.model.validity import Tolerances
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.ports import PriceSource
from wavetank.runtime.errors import VenueError
from wavetank.storms.agents.agent import Agent, Label, Top
from wavetank.storms.dice import Dice
from wavetank.storms.simulation.disturbances import Disturbances
from wavetank.storms.simulation.invariants import Invariants
from wavetank.storms.simulation.journal import Entry, Journal, Keep
from wavetank.storms.simulation.ledger import Asked, ClearingTiming, SimulatedClearing
from wavetank.storms.simulation.link import Delay, Link
from wavetank.storms.simulation.prices import SimulatedOracle
from wavetank.storms.simulation.schedule import Schedule
from wavetank.storms.simulation.seats import AgentSeat, Distance, Door, StrategySeat
from wavetank.storms.simulation.shard import Batch, Change, Input, Move, ShardTiming, SimulatedShard
from wavetank.storms.simulation.tape import Tape
from wavetank.storms.simulation.translation import Translator

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000

_CANCELLED = kind_of(matching_events.OrderCancelled)
_FILL, _HEALTH = kind_of(clearing_events.FillBooked), kind_of(clearing_events.HealthBandChanged)
_FILLED_ORDER = fields_struct(clearing_events.FillBooked, "order_id")
_NO_ORDER = (0,)

ENGINE = EngineSettings(
    credit_ttl_ns=60 * SECOND_NS, stale_after_ns=60 * SECOND_NS, track_levels=False, expected_orders=10_000
)
"""A shard as it is shipped, but for what only many orders need."""
_INSIDE = Delay(MILLISECOND_NS // 2, MILLISECOND_NS // 4)

Service = Literal["matching", "clearing", "oracle"]
Observer = Callable[[Entry], None]
"""Is told of each entry of any log when it is committed."""
AnswerObserver = Callable[[int, Command, int], None]
"""Is told of each answer that reaches a strategy: its account, its command, and how long it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDelays:
    """Delays inside the venue."""

    log: Delay = _INSIDE
    """From the commit of an entry to its arrival at another process."""
    lines: Delay = _INSIDE
    """From clearing to the shard, on its stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings:
    """All that a simulated venue is told."""

    instruments: tuple[Instrument, ...]
    clearing: ClearingSettings = field(default_factory=ClearingSettings)
    engine: EngineSettings = ENGINE
    tolerances: Tolerances = field(default_factory=Tolerances)
    """Of these what fills tolerate is decided by the shard; clearing and the oracle have theirs."""
    oracle: OracleSettings = field(default_factory=OracleSettings)
    fund_micros: int = 1_000_000 * 1_000_000
    vault_micros: int = 0
    start_ns: int = 1_700_000_000 * SECOND_NS
    knows_magic_ids: bool = False
    """Whether client order ids may ask for an outcome (MTCH-065)."""
    ordering: OrderingSettings = field(default_factory=OrderingSettings)
    delays: NetworkDelays = field(default_factory=NetworkDelays)
    shard_timing: ShardTiming = field(default_factory=ShardTiming)
    clearing_timing: ClearingTiming = field(default_factory=ClearingTiming)
    oracle_commit_ns: int = MILLISECOND_NS // 2


class SimulatedVenue:
    """The venue; who takes part is seated, what goes wrong is scheduled, and then time runs."""

    def __init__(
        self,
        settings: VenueSettings,
        sources: Sequence[PriceSource],
        *,
        seed: int,
        keep: Callable[[str], Keep] | None = None,
        foresight: Sequence[PriceSource] = (),
    ) -> None:
        """Open a venue.

        Args:
            settings: of all its parts.
            sources: what the oracle is priced by.
            seed: of everything random.
            keep: gives what keeps the bytes of each log; None keeps none.
            foresight: the first index source of each instrument once more, for those who are let to look ahead.

        """
        self.settings = settings
        self.instruments: dict[int, Instrument] = {each.instrument_id: each for each in settings.instruments}
        self.dice = Dice(seed)
        self.schedule = schedule = Schedule(settings.start_ns)
        self.translator = Translator(list(settings.instruments))
        self.tape = Tape(list(self.instruments))
        self.observers: list[Observer] = []
        self.answer_observers: list[AnswerObserver] = []
        self.invariants = Invariants(self)
        self.disturbances = Disturbances(self, knows_magic_ids=settings.knows_magic_ids)
        self.refusals: list[tuple[int, int, Refused]] = []
        """What was asked and refused: venue time, for which account (0 for the operator), why."""
        self.doors: dict[int, Door] = {}
        """By account."""
        self._strategies: dict[int, StrategySeat] = {}
        self._at_distance: dict[int, list[StrategySeat]] = {}
        """Strategies by the delay of their market data."""
        self._told_ns: dict[int, int] = {}
        """When the newest market data of an account arrives that was made late."""
        self._foresight: dict[str, PriceSource] = {source.symbol: source for source in foresight}
        journals = {
            log: Journal(log, schedule.now_ns, None if keep is None else keep(log))
            for log in ("matching-0", "clearing", "oracle")
        }
        engine = Engine(0, settings.engine)
        core = Clearing(settings.clearing, epoch=1)
        core.begin(schedule.now_ns, list(settings.instruments), settings.fund_micros)
        if settings.vault_micros:
            core.bank.deposit(BACKSTOP_VAULT_ID, settings.vault_micros)
        self.shard = SimulatedShard(
            schedule,
            engine,
            journals["matching-0"],
            timing=settings.shard_timing,
            settings=settings.engine,
            tolerances=settings.tolerances,
            committed=self._matching_committed,
            keeps_inputs=keep is not None,
        )
        for instrument in settings.instruments:
            self.shard.list_instrument(instrument)
        if settings.ordering.policy is not Ordering.ARRIVAL:
            self.reorder(settings.ordering)
        self._to_shard: Link[Input] = self._link("lines", settings.delays.lines, self.shard.take)
        self.clearing = SimulatedClearing(
            schedule,
            core,
            journals["clearing"],
            timing=settings.clearing_timing,
            committed=self._clearing_committed,
            send=self._to_shard.send,
        )
        self.oracle = SimulatedOracle(
            schedule,
            Oracle(settings.oracle),
            journals["oracle"],
            sources,
            instruments=settings.instruments,
            commit_ns=settings.oracle_commit_ns,
            committed=self._oracle_committed,
        )
        log = settings.delays.log
        self._matching_to_clearing: Link[Entry] = self._link("matching to clearing", log, self.clearing.take)
        self._matching_to_oracle: Link[Entry] = self._link("matching to oracle", log, self.oracle.take)
        self._clearing_to_matching: Link[Entry] = self._link("clearing to matching", log, self.shard.take)
        self._oracle_to_clearing: Link[Entry] = self._link("oracle to clearing", log, self.clearing.take)
        self._oracle_to_matching: Link[Entry] = self._link("oracle to matching", log, self.shard.take)

    def _link(self, name: str, delay: Delay, arrive: Callable[[Any], None]) -> Link[Any]:
        return Link(self.schedule, delay, self.dice.spawn(name), arrive)

    # Who takes part

    def open_account(self, name: str, deposit_micros: int, **terms: Any) -> int:  # noqa: ANN401 - as `Bank.open_account`.
        """Open an account before time runs, and return its id."""
        account = self.clearing.core.bank.open_account(name, deposit_micros, **terms)
        return account.account_id

    def open_door(self, account_id: int, distance: Distance) -> Door:
        """Let an account send orders from a distance."""
        dice = self.dice.spawn(f"door {account_id}")
        door = self.doors[account_id] = Door(self, account_id, distance=distance, dice=dice)
        return door

    def seat_agent(self, account_id: int, agent: Agent, *, foresees: bool = False, enter_ns: int = 0) -> None:
        """Seat an agent behind an account's door; it enters at a venue time, at once if that is past."""
        AgentSeat(self, self.doors[account_id], agent, foresees=foresees).enter(enter_ns)

    def seat_strategy(
        self, account_id: int, strategy: Strategy, instrument_ids: Sequence[int], *, label: Label, enter_ns: int = 0
    ) -> None:
        """Seat a strategy behind an account's door."""
        seat = StrategySeat(self, self.doors[account_id], strategy, instrument_ids, label=label)
        self._strategies[account_id] = seat
        self._at_distance.setdefault(self.doors[account_id].distance.market_data_ns, []).append(seat)
        seat.enter(enter_ns)

    # What is asked

    def price_by(self, sources: Sequence[PriceSource], foresight: Sequence[PriceSource]) -> None:
        """Let true prices come from other sources from now on; both as at the beginning."""
        self.oracle.price_by(sources)
        self._foresight = {source.symbol: source for source in foresight}

    def ask_clearing(
        self,
        account_id: int,
        call: Callable[[Clearing, int], Any],
        answer: Callable[[Any], None] | None = None,
    ) -> None:
        """Ask clearing for something; a refusal is noted, and given to `answer` like a result."""

        def answered(result: Any) -> None:  # noqa: ANN401 - what the call returned.
            if isinstance(result, Refused):
                self.refusals.append((self.schedule.now_ns, account_id, result))
            if answer is not None:
                answer(result)

        self.clearing.take(Asked(call, answered))

    def take_batch(self, batch: Batch) -> None:
        """Take a request that has arrived at the door."""
        if self.disturbances.is_quiet:
            self.shard.take(batch)
        else:
            self.disturbances.take(batch)

    def cut_session(self, account_id: int, away_ns: int) -> None:
        """Cut the session of an account, which is back after a while."""
        seat = self._strategies.get(account_id)
        if seat is not None:
            seat.tell_disconnected()
            self.schedule.at(self.schedule.now_ns + away_ns, seat.tell_returned)

    def refuse_at_door(self, batch: Batch, reason: Reason) -> None:
        """Refuse a request as a whole; no log tells of it, so each of its commands is noted."""
        refused = Refused(reason, 0, 0, "refused at the door")
        self.refusals += [(self.schedule.now_ns, batch.account_id, refused)] * batch.count
        if batch.refuse is not None:
            batch.refuse(reason)

    def move_instrument(self, instrument_id: int, state: int) -> None:
        """Bring an instrument into another state (MTCH-050); of one that is settled this is refused, and noted."""

        def refuse() -> None:
            message = f"instrument {instrument_id} is settled, and stays so"
            refused = Refused(Reason.INSTRUMENT_STATE, state, int(InstrumentState.SETTLED), message)
            self.refusals.append((self.schedule.now_ns, 0, refused))

        self.shard.take(Move(instrument_id, state, refuse))

    def reorder(self, ordering: OrderingSettings) -> None:
        """Follow another ordering policy from here on (MTCH-060)."""
        self.shard.take(Change(lambda controls, _now_ns, _seq: controls.set_ordering(ordering)))

    def disturb(self, fault: EntryFault, answer: Callable[[EntryFault | VenueError], None]) -> None:
        """Set a venue fault, its start counted from now on (MTCH-065); `answer` gets it as set, or the refusal."""
        self.shard.take(Change(lambda controls, now_ns, seq: controls.set_fault(fault, now_ns, seq), answer))

    def calm(self, fault_ids: Sequence[int]) -> None:
        """End venue faults, all if none is named."""
        self.shard.take(Change(lambda controls, now_ns, _seq: controls.clear_faults(fault_ids, now_ns)))

    def kill(self, service: Service) -> None:
        """Kill a service: it takes nothing, and what it was about to say is lost."""
        match service:
            case "matching":
                self.shard.kill()
                for seat in self._strategies.values():
                    seat.tell_disconnected()
            case "clearing":
                self.clearing.kill()
            case "oracle":
                self.oracle.kill()

    def restart(self, service: Service) -> None:
        """Bring a killed service back from its snapshot; nothing trades before clearing says so (LIQ-110)."""
        match service:
            case "matching":
                self.shard.restart()
                if not self.clearing.is_down:
                    self.clearing.welcome()
                for seat in self._strategies.values():
                    seat.tell_returned()
            case "clearing":
                self.clearing.restart(self.settings.clearing, list(self.settings.instruments))
            case "oracle":
                self.oracle.restart()

    # Time

    def run_until(self, end_ns: int) -> None:
        """Let time run.

        Raises:
            InvariantBroken: something that must hold does not; the state is left as it was found.

        """
        self.schedule.run_until(end_ns)

    @property
    def state_hash(self) -> str:
        """Hash of the three cores' states, lower-case hex: equal when, and only when, the runs are."""
        digest = blake2b(digest_size=16)
        digest.update(self.shard.engine.state_hash())
        digest.update(state_hash(self.clearing.core.state))
        digest.update(self.oracle.core.state_hash())
        return digest.hexdigest()

    # What participants may know

    def next_index_ticks(self, instrument_id: int) -> int:
        """Return the true index of the oracle's next publication, 0 while nobody could know it."""
        instrument = self.instruments[instrument_id]
        source = self._foresight.get(instrument.symbol)
        if source is None:
            return 0
        newest = source.newest_by(self.oracle.core.next_due_ns(self.schedule.now_ns))
        return 0 if newest is None else instrument.ticks_of_price_micros(newest[1])

    def free_margin_micros(self, account_id: int) -> int:
        """Return equity less initial margin as clearing has counted it."""
        state = self.clearing.core.state
        value = state.value(state.accounts[account_id])
        return value.equity_micros - value.initial_micros

    # What is committed

    def _matching_committed(self, entry: Entry) -> None:
        self.invariants.matching(entry)
        now_ns, tape, engine = self.schedule.now_ns, self.tape, self.shard.engine
        self._matching_to_clearing.send(entry)
        self._matching_to_oracle.send(entry)
        changed = []
        touched = instruments_in(entry.records)
        for instrument_id in self.instruments:
            if instrument_id in touched:
                seen = *engine.bbo(instrument_id), engine.last_price(instrument_id)
                top = tape.note_top(now_ns, instrument_id, seen)
                if top is not None:
                    changed.append((instrument_id, top))
        self._tell_owners(entry)
        if changed and self._strategies:
            self._tell_tops(entry.last_seq, changed)
        for observer in self.observers:
            observer(entry)

    def _tell_owners(self, entry: Entry) -> None:
        now_ns, strategies = self.schedule.now_ns, self._strategies
        own: dict[int, list[StrategyEvent]] = {}
        for seq, trade in entry.trades:
            self.tape.note_trade(now_ns, trade)
            for account_id, is_maker in ((trade.account_id, False), (trade.maker_account_id, True)):
                if account_id in strategies:
                    fill = strategies[account_id].told_fill(seq, now_ns, trade, is_maker=is_maker)
                    own.setdefault(account_id, []).append(fill)
        if _CANCELLED in entry.kinds:
            for at, (kind, account_id) in enumerate(heads(entry.records)):
                if kind == _CANCELLED and account_id in strategies:
                    event = decode(entry.records, at * RECORD_BYTES)
                    told = strategies[account_id].tell_own(entry.first_seq + at, now_ns, event)
                    if told is not None:
                        own.setdefault(account_id, []).append(told)
        for account_id in sorted(own):
            strategies[account_id].send_own(own[account_id])

    def _tell_tops(self, seq: int, changed: list[tuple[int, Top]]) -> None:
        now_ns = self.schedule.now_ns
        tops = {
            instrument_id: self.translator.best_bid_offer(seq, now_ns, instrument_id, top)
            for instrument_id, top in changed
        }
        self._tell_market(tops)

    def _tell_market(self, events: Mapping[int, StrategyEvent]) -> None:
        """Send public events, by instrument, to all who follow it; those at one distance hear them together."""
        if self.shard.controls.faults:
            self._tell_disturbed(events)
            return
        for delay_ns, seats in self._at_distance.items():
            self.schedule.at(self.schedule.now_ns + delay_ns, self._market_arrived, events, seats)

    def _tell_disturbed(self, events: Mapping[int, StrategyEvent]) -> None:
        for delay_ns, seats in self._at_distance.items():
            for seat in seats:
                is_dropped, late_ns = self.disturbances.market(seat.account_id, self.shard.journal.last_seq)
                if not is_dropped:
                    # What one is told keeps its order.
                    arrives_ns = max(self.schedule.now_ns + delay_ns + late_ns, self._told_ns.get(seat.account_id, 0))
                    self._told_ns[seat.account_id] = arrives_ns
                    self.schedule.at(arrives_ns, self._market_arrived, events, (seat,))

    @staticmethod
    def _market_arrived(events: Mapping[int, StrategyEvent], seats: Sequence[StrategySeat]) -> None:
        told: dict[frozenset[int], list[StrategyEvent]] = {}
        for seat in seats:
            wanted = seat.instrument_ids
            if wanted not in told:
                told[wanted] = [event for number, event in events.items() if number in wanted]
            seat.hear(told[wanted])

    def _clearing_committed(self, entry: Entry) -> None:
        self.invariants.clearing(entry)
        self._clearing_to_matching.send(entry)
        strategies = self._strategies
        if strategies:
            own: dict[int, list[StrategyEvent]] = {}
            for at, (kind, account_id) in enumerate(heads(entry.records)):
                if account_id not in strategies:
                    continue
                offset = at * RECORD_BYTES
                # Most were fills of orders, of which the shard's log has told.
                is_transfer = kind == _FILL and _FILLED_ORDER.unpack_from(entry.records, offset) == _NO_ORDER
                if kind == _HEALTH or is_transfer:
                    event = decode(entry.records, offset)
                    told = strategies[account_id].tell_own(entry.first_seq + at, self.schedule.now_ns, event)
                    if told is not None:
                        own.setdefault(account_id, []).append(told)
            for account_id in sorted(own):
                strategies[account_id].send_own(own[account_id])
        for observer in self.observers:
            observer(entry)

    def _oracle_committed(self, entry: Entry) -> None:
        self._oracle_to_clearing.send(entry)
        self._oracle_to_matching.send(entry)
        now_ns, engine = self.schedule.now_ns, self.shard.engine
        noted = self.tape.note_prices(now_ns, entry)
        if noted and self._strategies:
            told = {
                instrument_id: self.translator.prices(
                    self.shard.journal.last_seq,
                    now_ns,
                    instrument_id,
                    prices,
                    last_ticks=engine.last_price(instrument_id),
                    open_interest_lots=engine.open_interest(instrument_id),
                )
                for instrument_id, prices in noted
            }
            self._tell_market(told)
        for observer in self.observers:
            observer(entry)
