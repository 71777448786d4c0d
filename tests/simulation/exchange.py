"""The whole exchange in one process, on a virtual clock, from one seed.

The three cores run as they do live, each with its own log; what one tells another arrives later, in
the order in which it was sent, after a delay that the seed decides. A handful of accounts trade a
walk of prices that falls hard at times, the oracle fails clearing on purpose, and either process may
be killed and rebuilt from its log at any step. After each step every invariant is checked.
"""

from __future__ import annotations

import random
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from wavetank.clearing.adapters.shard_stream import line_message
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.credit import withdrawable_micros
from wavetank.clearing.core.limits import EVERY_CLIENT, GroupLimit, PositionLimit
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.operator import Author
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.snapshot import state_hash
from wavetank.clearing.core.state import State
from wavetank.matching.core import commands as packed
from wavetank.matching.core.credit import CreditLine
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.ordering import OrderingPolicy, OrderingSettings, ordering_policy
from wavetank.matching.core.settings import EngineSettings
from wavetank.matching.core.told_price import apply_price
from wavetank.matching.wire import credit_line
from wavetank.model.events.clearing import MatchingRequested
from wavetank.model.events.matching import BookSampled, Traded
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.orders import CommandKind, OrderFlag, OrderType, Side, TimeInForce
from wavetank.model.record import RECORD_BYTES, Event, decode_all, encode_all
from wavetank.model.validity import Tolerances
from wavetank.oracle.core.faults import FaultKind, FaultTarget
from wavetank.oracle.core.inputs import FaultRequest, ObservedBook, ObservedPrice
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.core.settings import OracleSettings, SourceTerms

SECOND_NS = 1_000_000_000
DOLLAR = 10**6
ACCOUNTS = 8
MOST_ACCOUNTS = 20
QUIET_STEPS = 100
"""Seconds in which all that is under way must have come to its end."""


@dataclass
class Entry:
    """One committed entry of a log."""

    first_seq: int
    now_ns: int
    records: bytes

    @property
    def events(self) -> list[Event]:
        """Its events."""
        return list(decode_all(self.records))


COLLATERAL = {
    "BTC": CollateralTerms(weight_ppm=900_000),
    "ETH": CollateralTerms(weight_ppm=800_000, cap_micros=3_000 * DOLLAR),
}


@dataclass
class Wire:
    """Messages from one process to another: in order, each after a delay."""

    waiting: deque[tuple[int, Any]] = field(default_factory=deque)
    last_ns: int = 0

    def send(self, now_ns: int, delay_ns: int, message: object) -> None:
        """Send a message; it never overtakes one that was sent before."""
        self.last_ns = max(self.last_ns, now_ns + delay_ns)
        self.waiting.append((self.last_ns, message))

    def due(self, now_ns: int) -> list[Any]:
        """Return what has arrived."""
        arrived = []
        while self.waiting and self.waiting[0][0] <= now_ns:
            arrived.append(self.waiting.popleft()[1])
        return arrived


class Exchange:
    """Everything, and the dice."""

    def __init__(
        self, seed: int, ordering: OrderingSettings | None = None, *, modes: bool = False, collateral: bool = False
    ) -> None:
        """Open an exchange whose every move follows from `seed`; orders run as an ordering policy says.

        With `modes` accounts change their margin mode and leverage now and then, are limited, and open isolated ones;
        with `collateral` they bring BTC and ETH, take them back and sell them. Both have dice of their own.
        """
        self.mode_dice = random.Random(seed) if modes else None
        self.collateral_dice = random.Random(seed) if collateral else None
        self.ordering: OrderingPolicy[bytes] = ordering_policy(ordering or OrderingSettings())
        self.random = random.Random(seed)
        self.now_ns = 1_000 * SECOND_NS
        self.instruments = {instrument.instrument_id: instrument for instrument in default_instruments()}
        self.true_micros = {1: 60_000 * DOLLAR, 2: 2_500 * DOLLAR, 3: 150 * DOLLAR}
        self.clearing_settings = ClearingSettings(
            vault_cap_micros=self.random.choice([0, 200_000, 50_000_000]) * DOLLAR,
            fund_cap_micros=self.random.choice([0, 1_000, 1_000_000]) * DOLLAR,
            partial_above_micros=50_000 * DOLLAR,
            collateral=COLLATERAL if collateral else {},
            collateral_loan_micros=20 * DOLLAR,
        )
        self.engine_settings = EngineSettings(credit_ttl_ns=60 * SECOND_NS, max_open_orders=40)
        self.engine = Engine(0, self.engine_settings)
        self.clearing = Clearing(self.clearing_settings, epoch=1)
        self.oracle = Oracle(
            OracleSettings(
                sources={i.symbol: {"walk": SourceTerms(limit_ns=5 * SECOND_NS)} for i in self.instruments.values()},
                premium_samples=10,
            )
        )
        self.matching_log: list[Entry] = []
        self.clearing_log: list[Entry] = []
        self.oracle_seq = 0
        self.epoch = 1
        self.to_clearing = Wire()
        self.to_matching = Wire()
        self.to_oracle = Wire()
        self.trades = 0
        self.liquidation_trades = 0
        self._carried = b""
        for instrument in self.instruments.values():
            self.engine.list_instrument(instrument)
        self.clearing.begin(self.now_ns, self._listed(), 20_000 * DOLLAR)
        self.accounts = [
            self.clearing.bank.open_account(
                f"account {number}", self.random.choice([2_000, 10_000, 50_000]) * DOLLAR
            ).account_id
            for number in range(ACCOUNTS)
        ]
        self._commit_clearing()

    def _listed(self) -> list[Instrument]:
        return list(self.instruments.values())

    def _delay(self) -> int:
        return self.random.choice([0, 1_000_000, 50_000_000, 700_000_000])

    # One step

    def step(self) -> None:
        """Let a little time pass and something happen; then check everything."""
        self.now_ns += self.random.choice([1, 1_000_000, 100_000_000, SECOND_NS])
        self._move_prices()
        action = self.random.random()
        if action < 0.02:
            self._break_oracle()
        elif action < 0.04:
            self._move_money()
        elif action < 0.05:
            self.restart_matching()
        elif action < 0.06:
            self.restart_clearing()
        if self.mode_dice is not None and self.mode_dice.random() < 0.1:
            self._change_mode(self.mode_dice)
        if self.collateral_dice is not None and self.collateral_dice.random() < 0.15:
            self._move_collateral(self.collateral_dice)
        self._run_oracle()
        self._run_matching([self._command() for _ in range(self.random.randrange(4))])
        self._run_clearing()
        self.check()

    def settle(self) -> None:
        """Let everything that is under way arrive, without new orders."""
        for _ in range(60):
            self.now_ns += SECOND_NS // 2
            self._run_oracle()
            self._run_matching([])
            self._run_clearing()
            self.check()
        # An account whose legs the book does not take is tried again at each new mark, so rest comes when the oracle
        # falls silent and the last answer has been counted.
        for _ in range(QUIET_STEPS):
            self.now_ns += SECOND_NS
            self._run_matching([])
            self._run_clearing()
            self.check()
            if self._is_at_rest():
                return
        raise AssertionError(f"something was still under way after {QUIET_STEPS} s without news")

    def _is_at_rest(self) -> bool:
        """Tell whether nothing is on its way but the gate, and no request is unanswered."""
        to_matching = [message for _, message in self.to_matching.waiting if not isinstance(message, bool)]
        return not (to_matching or self.to_clearing.waiting or self.clearing.unanswered_requests())

    def _move_prices(self) -> None:
        shock = self.random.random() < 0.004
        for instrument_id in self.true_micros:
            basis_points = self.random.randrange(-15, 16)
            if shock:
                basis_points = self.random.choice([-1_500, -900, -500, 500, 900])
            price = self.true_micros[instrument_id]
            self.true_micros[instrument_id] = max(DOLLAR * 10, price + price * basis_points // 10_000)

    def _break_oracle(self) -> None:
        kind = self.random.choice([FaultKind.LAG, FaultKind.FREEZE, FaultKind.SPIKE])
        request = FaultRequest(
            kind=kind,
            target=FaultTarget.PRICE,
            instrument_ids=(self.random.choice([1, 2, 3]),),
            consumers=int(self.random.choice([ConsumerBit.CLEARING, ConsumerBit.MATCHING])),
            lag_ns=10 * SECOND_NS if kind is FaultKind.LAG else 0,
            magnitude_e12=self.random.choice([-30, 30]) * 10**9 if kind is FaultKind.SPIKE else 0,
            duration_ns=20 * SECOND_NS,
        )
        decided = self.oracle.handle_fault(self.now_ns, request)
        if isinstance(decided, list):
            self._publish(decided)

    def _change_mode(self, dice: random.Random) -> None:
        """Change how an account is margined, or how far it may go."""
        account_id, instrument_id = dice.choice(self.accounts), dice.choice([1, 2, 3])
        desk, author = self.clearing.operator, Author("k-desk", "drawn")
        with suppress(Refused):
            match dice.randrange(8):
                case 0:
                    self.clearing.leverages.change(account_id, instrument_id, dice.choice([1, 3, 10, 20]))
                case 1:
                    limit = PositionLimit(0, dice.choice([0, 20_000, 200_000]) * DOLLAR)
                    desk.set_position_limit(instrument_id, dice.choice([account_id, EVERY_CLIENT]), limit, author)
                case 2:
                    group = GroupLimit(dice.choice([0, 50_000]) * DOLLAR, dice.choice([0, 300_000]) * DOLLAR)
                    desk.set_group_limit("majors", account_id, group, author)
                case 3 if len(self.accounts) < MOST_ACCOUNTS:
                    isolated = self.clearing.bank.open_account(
                        f"isolated-{len(self.accounts)}",
                        5_000 * DOLLAR,
                        parent_id=self.clearing.state.accounts[account_id].owner_id,
                        isolated_instrument_id=instrument_id,
                    )
                    self.accounts.append(isolated.account_id)
                case _:
                    mode = dice.choice([MarginMode.GROSS, MarginMode.GROUP_OFFSET, MarginMode.SCENARIO])
                    self.clearing.bank.set_margin_mode(account_id, mode)
        self._commit_clearing()

    def _move_collateral(self, dice: random.Random) -> None:
        account_id, asset, counter = dice.choice(self.accounts), dice.choice([1, 2]), self.clearing.collateral
        lots = dice.choice([100, 5_000]) if asset == 1 else dice.choice([500, 20_000])
        with suppress(Refused):
            match dice.randrange(5):
                case 0 | 1:
                    counter.deposit(account_id, asset, lots)
                case 2:
                    counter.withdraw(account_id, asset, lots, self.now_ns)
                case 3:
                    # All the dollars that may go, so that what comes next is owed.
                    amount = withdrawable_micros(self.clearing.state, self.clearing.state.accounts[account_id])
                    self.clearing.bank.withdraw(account_id, amount, self.now_ns)
                case _:
                    counter.convert(account_id, asset, lots, self.now_ns)
        self._commit_clearing()

    def _move_money(self) -> None:
        account_id = self.random.choice(self.accounts)
        amount = self.random.choice([1, 300 * DOLLAR, 5_000 * DOLLAR])
        choice = self.random.random()
        try:
            if choice < 0.4:
                self.clearing.bank.deposit(account_id, self.random.choice([1, 500 * DOLLAR]))
            elif choice < 0.75:
                self.clearing.bank.withdraw(account_id, amount, self.now_ns)
            elif choice < 0.93:
                receiver = self.random.choice(self.accounts)
                self.clearing.bank.transfer(account_id, receiver, amount, between_owners=True)
            elif choice < 0.96:
                self.clearing.play.reset(account_id, 20_000 * DOLLAR)
            elif choice < 0.99:
                self.accounts.append(self.clearing.play.clone(account_id, f"twin-{len(self.accounts)}").account_id)
            else:
                self.clearing.play.draw_faucet(account_id, self.now_ns)
        except Refused:
            return

    def _command(self) -> bytes:
        dice = self.random
        account_id = dice.choice(self.accounts)
        instrument = self.instruments[dice.choice([1, 2, 3])]
        if dice.random() < 0.1:
            return packed.cancel_all(account_id=account_id, instrument_id=instrument.instrument_id)
        mark = instrument.ticks_of_price_micros(self.true_micros[instrument.instrument_id])
        distance = dice.randrange(-30, 31)
        price = mark + mark * distance // 10_000
        step = 10 ** (6 - instrument.size_decimals)
        dollars = dice.choice([500, 5_000, 40_000, 120_000])
        return packed.place(
            account_id=account_id,
            instrument_id=instrument.instrument_id,
            side=dice.choice([Side.BUY, Side.SELL]),
            size_lots=max(1, dollars * DOLLAR // mark),
            price_ticks=price - price % step,
            order_type=OrderType.LIMIT,
            time_in_force=dice.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC]),
            flags=dice.choice([OrderFlag.NONE, OrderFlag.NONE, OrderFlag.REDUCE_ONLY]),
        )

    # The three processes

    def _run_oracle(self) -> None:
        self.oracle.handle_listing(self.now_ns, self._listed())
        prices = [
            ObservedPrice(instrument_id, "walk", price, self.now_ns)
            for instrument_id, price in self.true_micros.items()
        ]
        books = [message for message in self.to_oracle.due(self.now_ns) if isinstance(message, ObservedBook)]
        newest = {book.sample.instrument_id: book for book in books}
        self._publish(self.oracle.handle_observations(self.now_ns, prices, list(newest.values())))

    def _publish(self, events: list[Event]) -> None:
        if not events:
            return
        first = self.oracle_seq + 1
        self.oracle_seq += len(events)
        entry = Entry(first, self.now_ns, encode_all(events))
        self.to_clearing.send(self.now_ns, self._delay(), ("oracle", entry))
        self.to_matching.send(self.now_ns, self._delay(), entry)

    def _run_matching(self, orders: list[bytes]) -> None:
        engine = self.engine
        chunks = [self._carried]
        self._carried = b""
        chunks += [self._obey(message) for message in self.to_matching.due(self.now_ns)]
        for order in orders:
            self.ordering.add(order, order, self.now_ns)
        orders = self.ordering.due(self.now_ns)
        if orders:
            chunks.append(engine.apply_commands(self.now_ns, b"".join(orders), len(orders)))
        if self.random.random() < 0.3:
            engine.sample_books(self.now_ns)
            chunks.append(engine.drain_events())
        engine.drain_level_updates()
        records = b"".join(chunks)
        if not records:
            return
        first = (
            self.matching_log[-1].first_seq + len(self.matching_log[-1].records) // RECORD_BYTES
            if (self.matching_log)
            else 1
        )
        entry = Entry(first, self.now_ns, records)
        self.matching_log.append(entry)
        self.to_clearing.send(self.now_ns, self._delay(), ("matching", entry))
        for seq, event in enumerate(entry.events, entry.first_seq):
            if isinstance(event, BookSampled):
                self.to_oracle.send(self.now_ns, self._delay(), ObservedBook(event, seq))
            elif isinstance(event, Traded):
                self.trades += 1
                self.liquidation_trades += bool(event.taker_flags & OrderFlag.LIQUIDATION)

    def _obey(self, message: object) -> bytes:
        engine = self.engine
        if isinstance(message, Entry):
            for seq, price in enumerate(message.events, message.first_seq):
                if isinstance(price, PricePublished) and price.consumers & ConsumerBit.MATCHING:
                    apply_price(engine, Tolerances(), price, seq, self.now_ns)
        elif isinstance(message, CreditLine):
            engine.apply_credit(self.now_ns, message)
        elif isinstance(message, bool):
            if engine.is_open != message:
                engine.set_gate(self.now_ns, is_open=message)
        elif isinstance(message, tuple):
            return engine.apply_commands(self.now_ns, _request(*message), 1)
        return engine.drain_events()

    def _run_clearing(self) -> None:
        for log, entry in self.to_clearing.due(self.now_ns):
            if log == "oracle":
                self.clearing.on_oracle(self.now_ns, entry.first_seq, entry.events)
            else:
                self.clearing.on_matching(self.now_ns, entry.first_seq, entry.events)
        self.clearing.on_tick(self.now_ns)
        self._commit_clearing()
        for line in self.clearing.take_lines():
            self._tell_matching(credit_line(line_message(line)))
        for request in self.clearing.take_requests():
            self._tell_matching(request)
        self._tell_matching(self.clearing.state.venue_is_open)

    def _tell_matching(self, message: object) -> None:
        self.to_matching.send(self.now_ns, self._delay(), message)

    def _commit_clearing(self) -> None:
        records = self.clearing.take_records()
        if records:
            first = self.clearing.last_seq - len(records) // RECORD_BYTES + 1
            self.clearing_log.append(Entry(first, self.now_ns, records))

    # Kills

    def restart_matching(self) -> None:
        """Kill the shard and rebuild it from its own events; what was on its way to it is lost."""
        never_stopped = self.engine.state_hash()
        self.engine = Engine(0, self.engine_settings)
        for instrument in self.instruments.values():
            self.engine.list_instrument(instrument)
        for entry in self.matching_log:
            self.engine.replay(entry.records, entry.first_seq, entry.now_ns)
        assert self.engine.state_hash() == never_stopped, "MTCH-090: a rebuilt shard differs"
        if self.engine.is_open:
            self.engine.set_gate(self.now_ns, is_open=False)
            self._carried = self.engine.drain_events()
        lost = [message for _, message in self.to_matching.waiting]
        self.to_matching = Wire(deque(), self.now_ns)
        for message in lost:
            if isinstance(message, Entry):
                # A log is read on from where the shard stood, so its entries are not lost.
                self.to_matching.send(self.now_ns, self._delay(), message)
        self._welcome()

    def restart_clearing(self) -> None:
        """Kill clearing and rebuild it from its own events; what it had counted stays counted."""
        state = State(self.clearing_settings)
        seq = 0
        for entry in self.clearing_log:
            for seq, event in enumerate(entry.events, entry.first_seq):
                state.apply(event, seq, entry.now_ns)
        state.matching_seqs = list(self.clearing.state.matching_seqs)
        state.funding_seq = self.clearing.state.funding_seq
        never_stopped = self.clearing.state
        if self.clearing.last_seq == seq:
            assert state_hash(state) == state_hash(never_stopped), "INV-100: a rebuilt ledger differs"
        else:
            # Money moved by a request of this very step was never committed, so nobody was told.
            assert seq < self.clearing.last_seq
        self.epoch += 1
        self.clearing = Clearing(self.clearing_settings, epoch=self.epoch, state=state, last_seq=seq)
        self.clearing.begin(self.now_ns, self._listed(), 0)
        kept = [message for _, message in self.to_matching.waiting if isinstance(message, Entry)]
        self.to_matching = Wire(deque(), self.now_ns)
        for message in kept:
            self.to_matching.send(self.now_ns, self._delay(), message)
        self._welcome()

    def _welcome(self) -> None:
        self.clearing.lines.touch_all()
        self.clearing.take_requests()
        for request in self.clearing.unanswered_requests():
            self._tell_matching(request)

    # What must hold

    def check(self) -> None:
        """Check every invariant that the present state can show."""
        self.clearing.state.check_invariants()
        state = self.clearing.state
        for instrument_id in self.instruments:
            positions = [self.engine.position(account, instrument_id) for account in self.engine.accounts()]
            assert sum(positions) == 0, "INV-020: the shard's positions do not sum to zero"
            assert self.engine.open_interest(instrument_id) == sum(lots for lots in positions if lots > 0)
            bid, _, ask, _ = self.engine.bbo(instrument_id)
            assert not bid or not ask or bid < ask, "MTCH-010: the book is crossed"
            costs = sum(
                account.positions[instrument_id].cost_micros
                for account in state.accounts.values()
                if instrument_id in account.positions
            )
            assert costs == state.ledger.total_cost_micros()[instrument_id]
        for account in state.accounts.values():
            for position in account.positions.values():
                assert position.lots, "a flat position is kept"

    def digest(self) -> tuple[bytes, bytes, bytes]:
        """Return the state hashes of the three cores."""
        return self.engine.state_hash(), state_hash(self.clearing.state), self.oracle.state_hash()


def _request(seq: int, request: MatchingRequested) -> bytes:
    if request.command == CommandKind.CANCEL_ACCOUNT:
        return packed.cancel_account(request_seq=seq, request_number=0, account_id=request.account_id)
    if request.command == CommandKind.LIQUIDATE:
        return packed.liquidate(
            request_seq=seq,
            request_number=0,
            account_id=request.account_id,
            instrument_id=request.instrument_id,
            side=request.side,
            size_lots=request.size_lots,
            price_ticks=request.price_ticks,
        )
    return packed.transfer(
        request_seq=seq,
        request_number=0,
        giver_account_id=request.account_id,
        receiver_account_id=request.receiver_account_id,
        instrument_id=request.instrument_id,
        giver_delta_lots=request.size_lots,
        giver_value_micros=request.value_micros,
        receiver_may_increase=bool(request.receiver_may_increase),
        giver_may_increase=bool(request.giver_may_increase),
    )
