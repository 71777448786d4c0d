"""An adversarial schedule of credit between two shards: real cores, and nothing on time (PROTOCOL 2).

Each process has its log, and what one tells another travels as it does live: entries of a log are read in order, when
the reader pleases; lines and requests go through one stream per shard, in order, until it is cut. Lines that were on
their way then may still arrive, at any later time, for nothing in the rules forbids it. Either side is killed at any
moment, also after it decided and before that was committed, and comes back from its log or a snapshot.

`check` is the promise: at a constant price no account ever has more committed on both shards than it owns. Where the
rates move, as accounts choose other leverages and open interest asks for more, it is made at the least rates: what is
asked beyond them only refuses, and no dollar of it goes to anybody else (MRGN-020).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from wavetank.clearing.adapters.shard_stream import line_message, request_message
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.fees import FeeSchedule, FeeTier
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.snapshot import dump, load, state_hash
from wavetank.clearing.core.state import State
from wavetank.matching.core import commands
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.matching.wire import credit_line, request_command
from wavetank.model.events.clearing import (
    CollateralConverted,
    CollateralDeposited,
    CollateralRefused,
    CollateralWithdrawn,
    Deposited,
    FeeRatesChanged,
    OpenInterestScaled,
    ShareMoved,
    Withdrawn,
)
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.model.reason import Reason
from wavetank.model.record import RECORD_BYTES, decode_all, encode_all
from wavetank.v1 import credit_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.model.record import Event

SHARDS = 2
PRICE = 100
ENGINE = EngineSettings(credit_ttl_ns=10**6)
# Days pass all the time, and rates fall and never rise again: they follow what was traded since the beginning.
FEES = FeeSchedule(
    tiers=(FeeTier(2_000, 7_000, 4_000), FeeTier(20_000, 3_333, 0), FeeTier(100_000, 2_000, -1_500)),
    rebates=(),
    window_days=366,
    day_ns=10,
)
CLEARING = ClearingSettings(share_dwell_ns=4, stale_after_ns=10**9, vault_step_ns=50, fees=FEES)
# At 100 a lot of AAA counts 90 and is credit on shard 0, one of BBB 50 on shard 1.
WITH_COLLATERAL = replace(
    CLEARING,
    collateral={
        "AAA": CollateralTerms(weight_ppm=900_000),
        "BBB": CollateralTerms(weight_ppm=500_000, cap_micros=3_000),
    },
    collateral_loan_micros=300,
)
# Wide limits, high fees and a second tier: what is tested is credit, not the limits.
INSTRUMENTS = tuple(
    Instrument(
        instrument_id=number,
        symbol=symbol,
        size_decimals=4,
        tiers=(MarginTier(0, 10), MarginTier(100_000, 4)),
        significant_figures=0,
        taker_fee_ppm=7_777,
        maker_fee_ppm=maker_fee_ppm,
        min_notional_micros=0,
        price_band_ppm=500_000,
        shard=shard,
    )
    for number, symbol, maker_fee_ppm, shard in ((1, "AAA", 7_777, 0), (2, "BBB", -1_234, 1), (3, "CCC", 0, 0))
)
# Each position of the schedules moves the share.
SCALED = tuple(replace(each, scaling_begins_micros=1_000, scaling_full_micros=100_000) for each in INSTRUMENTS)
NUMBERS = tuple([each.instrument_id for each in INSTRUMENTS if each.shard == shard] for shard in range(SHARDS))
PLACED = {instrument.symbol: instrument.shard for instrument in INSTRUMENTS}


class Schedule:
    """Two engines, clearing, their logs, and what is on its way between them."""

    sender_changes = 0.3
    """How often a command is another account's than the one before."""

    def __init__(
        self,
        random: Random,
        *,
        prices_move: bool = False,
        rates_move: bool = False,
        clients: int = 3,
        deposits: tuple[int, ...] = (2_000, 20_000),
        collateral: bool = False,
        settings: ClearingSettings = CLEARING,
        instruments: tuple[Instrument, ...] = INSTRUMENTS,
    ) -> None:
        # What is of collateral has dice of its own, so that the other schedules stay what they are.
        self.dice = Random(clients) if collateral else None
        self.settings = WITH_COLLATERAL if collateral else settings
        self.lots: Counter[tuple[int, int]] = Counter()
        """Collateral by account and asset."""
        self.indexes = dict.fromkeys((1, 2, 3), PRICE)
        self.random = random
        self.prices_move = prices_move
        self.rates_move = rates_move
        self.instruments = SCALED if rates_move else instruments
        self.shares_ppm: dict[int, int] = {}
        """What each shard knows of what open interest asks for, by instrument."""
        self.news: list[OpenInterestScaled] = []
        """What no shard has read of it yet."""
        self.prices_moved = False
        self.now = 1
        self.seen: Counter[str] = Counter()
        self.prices = dict.fromkeys((1, 2, 3), PRICE)
        self.shard_logs: list[list[tuple[int, int, bytes]]] = [[] for _ in range(SHARDS)]
        self.clearing_log: list[tuple[int, int, bytes, list[int]]] = []
        self.counted = [0] * SHARDS
        self.streams: list[deque[credit_pb2.ConnectResponse]] = [deque() for _ in range(SHARDS)]
        self.stray: list[list[credit_pb2.ConnectResponse]] = [[] for _ in range(SHARDS)]
        self.gates: list[bool | None] = [None] * SHARDS
        self.greeted = set(range(SHARDS))
        self.oracle_seq = 0
        self.paid_in: Counter[int] = Counter()
        self.engines = [self._new_engine(shard) for shard in range(SHARDS)]
        self.clearing = Clearing(self.settings, epoch=1)
        self.epoch = 1
        self.clearing.begin(self.now, self.instruments, 10**6, shards=SHARDS, placed=PLACED)
        self.clients = [
            self.clearing.bank.open_account(f"client {number}", random.choice(deposits)).account_id
            for number in range(clients)
        ]
        self.last = (self.clients[0], 0, Side.BUY)
        self.publish()
        for shard in range(SHARDS):
            self._deliver_all(shard)

    def _new_engine(self, shard: int) -> Engine:
        engine = Engine(shard, ENGINE)
        for instrument in self.instruments:
            if instrument.shard == shard:
                share_ppm = self.shares_ppm.get(instrument.instrument_id, 0)
                engine.list_instrument(replace(instrument, scaled_ppm=share_ppm))
        return engine

    # Prices ------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Let the oracle say its prices to both shards and to clearing."""
        events = []
        for number, price in self.prices.items():
            index = self.indexes[number] if self.dice is not None else price
            self.oracle_seq += 1
            events.append(
                PricePublished(
                    instrument_id=number, account_id=0, index_price_ticks=index, mark_price_ticks=price,
                    index_time_ns=self.now, event_time_ns=self.now, funding_rate_e12=0,
                    consumers=int(ConsumerBit.CLEARING | ConsumerBit.MATCHING), validity=0,
                )
            )  # fmt: skip
            shard = INSTRUMENTS[number - 1].shard
            self.engines[shard].apply_mark(self.now, number, price, index, self.now, self.oracle_seq, stale=False)
            self._note(shard, self.engines[shard].drain_events())
        self.clearing.on_oracle(self.now, self.oracle_seq - len(events) + 1, events)
        self._commit()

    def raise_index(self, dice: Random) -> None:
        """Let the index of an asset rise, marks standing still: what is held of it must not leave for free."""
        self.indexes[dice.choice((1, 2))] += dice.randint(1, 20)
        self.publish()

    def move_price(self) -> None:
        """Move one price; both sides hear of it at once, so that losses are the only news."""
        number = self.random.choice((1, 2, 3))
        self.prices[number] = max(60, self.prices[number] + self.random.randint(-6, 6))
        self.prices_moved = True
        self.publish()

    # Rates -------------------------------------------------------------------------------------

    def move_rate(self) -> None:
        """Let an account choose a leverage, or the same prices come again, or a shard read what they did."""
        roll = self.random.random()
        if roll < 0.4:
            try:
                self.clearing.leverages.change(
                    self.random.choice(self.clients), self.random.choice((1, 2, 3)), self.random.choice((1, 2, 5, 10))
                )
            except Refused:
                self.seen["refused leverages"] += 1
                return
            self.seen["leverages"] += 1
            self._commit()
        elif roll < 0.8:
            self.publish()
        else:
            self.read_news()

    def read_news(self) -> None:
        """Let each shard read clearing's log on, for what open interest asks for."""
        for event in self.news:
            self.shares_ppm[event.instrument_id] = event.scaled_ppm
            instrument = self.instruments[event.instrument_id - 1]
            self.engines[instrument.shard].list_instrument(replace(instrument, scaled_ppm=event.scaled_ppm))
        self.news.clear()

    # The shards --------------------------------------------------------------------------------

    def _note(self, shard: int, records: bytes) -> None:
        if records:
            log = self.shard_logs[shard]
            first = log[-1][0] + len(log[-1][2]) // RECORD_BYTES if log else 1
            log.append((first, self.now, records))

    def _apply(self, shard: int, message: credit_pb2.ConnectResponse) -> None:
        engine = self.engines[shard]
        kind = message.WhichOneof("message")
        records = b""
        if kind == "credit_update":
            engine.apply_credit(self.now, credit_line(message.credit_update))
        elif kind == "venue_gate":
            engine.set_gate(self.now, is_open=message.venue_gate.open)
        else:
            records = engine.apply_commands(self.now, request_command(message), 1)
        self._note(shard, records + engine.drain_events())
        engine.drain_level_updates()

    def _deliver_all(self, shard: int) -> None:
        while self.streams[shard]:
            self._apply(shard, self.streams[shard].popleft())

    def deliver(self) -> None:
        """Let some of what is on its way arrive, or a line of a stream that was cut long ago."""
        shard = self.random.randrange(SHARDS)
        strays = self.stray[shard]
        if strays and self.random.random() < 0.2:
            self._apply(shard, strays.pop(self.random.randrange(len(strays))))
            self.seen["stray lines"] += 1
            return
        for _ in range(self.random.randint(1, 8)):
            if self.streams[shard]:
                self._apply(shard, self.streams[shard].popleft())

    def cut(self, shard: int) -> None:
        """Cut a stream: requests on it are lost, lines may come late; the shard says hello again."""
        lines = [message for message in self.streams[shard] if message.WhichOneof("message") == "credit_update"]
        self.stray[shard] = (self.stray[shard] + lines)[-50:]
        self.streams[shard].clear()
        self.greeted.add(shard)
        self.seen["cut streams"] += 1

    def restart_shard(self, shard: int) -> None:
        """Kill a shard; it comes back from its snapshot or its log, has no lines, and says hello."""
        before = self.engines[shard].state_hash()
        if self.random.random() < 0.5:
            self.engines[shard] = Engine.restore(self.engines[shard].snapshot(), ENGINE)
        else:
            self._rebuild_shard(shard)
            assert self.engines[shard].state_hash() == before, "a rebuilt shard differs"
        self._close_gate(shard)

    def kill_shard_before_commit(self, shard: int) -> None:
        """Kill a shard that has carried out a command and told nobody."""
        self._command(shard, is_committed=False)
        self._rebuild_shard(shard)
        self._close_gate(shard)

    def _rebuild_shard(self, shard: int) -> None:
        engine = self._new_engine(shard)
        for first, now, records in self.shard_logs[shard]:
            engine.replay(records, first, now)
        self.engines[shard] = engine

    def _close_gate(self, shard: int) -> None:
        self.engines[shard].set_gate(self.now, is_open=False)
        self._note(shard, self.engines[shard].drain_events())
        self.cut(shard)
        self.seen["shard restarts"] += 1

    # Clearing ----------------------------------------------------------------------------------

    def count(self) -> None:
        """Let clearing read a shard's log on, entry by entry."""
        shard = self.random.randrange(SHARDS)
        ends = len(self.shard_logs[shard])
        upto = self.random.randint(self.counted[shard], ends)
        for first, _, records in self.shard_logs[shard][self.counted[shard] : upto]:
            self.clearing.on_matching(self.now, first, list(decode_all(records)), shard)
        self.counted[shard] = upto
        self._commit()

    def _commit(self) -> None:
        """Commit what clearing decided, and only then let anything leave (PROTOCOL R10)."""
        core = self.clearing
        core.on_tick(self.now)
        events = core.take_events()
        if events:
            first = core.last_seq - len(events) + 1
            self.clearing_log.append((first, self.now, encode_all(events), list(self.counted)))
            for event in events:
                self._book(event)
        requests = core.take_requests()
        for shard in sorted(self.greeted):
            self.gates[shard] = None
            core.lines.touch_all(shard)
            requests = [each for each in requests if each[1].shard != shard]
            requests += [each for each in core.unanswered_requests() if each[1].shard == shard]
        self.greeted.clear()
        for line in core.take_lines():
            self.streams[line.shard].append(credit_pb2.ConnectResponse(credit_update=line_message(line)))
        for seq, request in requests:
            self.streams[request.shard].append(request_message(seq, request))
        is_open = core.state.venue_is_open
        for shard in range(SHARDS):
            if self.gates[shard] != is_open:
                self.gates[shard] = is_open
                self.streams[shard].append(credit_pb2.ConnectResponse(venue_gate=credit_pb2.VenueGate(open=is_open)))

    def _book(self, event: Event) -> None:
        match event:
            case Deposited():
                self.paid_in[event.account_id] += event.amount_micros
            case Withdrawn():
                self.paid_in[event.account_id] -= event.amount_micros
                self.seen["withdrawals"] += 1
            case CollateralDeposited():
                self.lots[event.account_id, event.instrument_id] += event.size_lots
            case CollateralWithdrawn():
                self.lots[event.account_id, event.instrument_id] -= event.size_lots
                self.seen["collateral withdrawn"] += 1
            case CollateralConverted():
                self.lots[event.account_id, event.instrument_id] -= event.size_lots
                self.paid_in[event.account_id] += event.amount_micros
                self.seen["collateral converted"] += 1
            case CollateralRefused():
                self.seen[f"collateral refused: {Reason(event.reason).name}"] += 1
            case ShareMoved():
                self.seen["moves" if event.amount_micros else "returned moves"] += 1
            case FeeRatesChanged():
                self.seen["fee rates"] += 1
            case OpenInterestScaled():
                self.news.append(event)
                self.seen["shares"] += 1
            case _:
                pass

    def restart_clearing(self) -> None:
        """Kill clearing; it comes back from its log, or a snapshot, and greets both shards anew."""
        alive = self.clearing.state
        if self.random.random() < 0.3:
            self._recover(load(dump(alive), self.settings))
        else:
            rebuilt = self._state_of_log()
            # Entries that it counted behind its last event, and that moved nothing, are counted again.
            alive.matching_seqs = list(rebuilt.matching_seqs)
            assert state_hash(rebuilt) == state_hash(alive), "a rebuilt ledger differs"
            self._recover(rebuilt)
        self._welcome_all()

    def kill_clearing_before_commit(self) -> None:
        """Kill clearing when it has counted entries and decided, and told nobody."""
        for shard in range(SHARDS):
            for first, _, records in self.shard_logs[shard][self.counted[shard] :]:
                self.clearing.on_matching(self.now, first, list(decode_all(records)), shard)
        self._recover(self._state_of_log())
        self._welcome_all()

    def _state_of_log(self) -> State:
        state = State(self.settings)
        for first, now, records, counted in self.clearing_log:
            for seq, event in enumerate(decode_all(records), first):
                state.apply(event, seq, now)
            state.matching_seqs = [
                log[upto - 1][0] + len(log[upto - 1][2]) // RECORD_BYTES - 1 if upto else 0
                for log, upto in zip(self.shard_logs, counted, strict=True)
            ]
        for shard, log in enumerate(self.shard_logs):
            self.counted[shard] = self.clearing_log[-1][3][shard]
            assert self.counted[shard] <= len(log)
        return state

    def _recover(self, state: State) -> None:
        last = self.clearing_log[-1]
        self.epoch += 1
        self.clearing = Clearing(
            self.settings, epoch=self.epoch, state=state, last_seq=last[0] + len(last[2]) // RECORD_BYTES - 1
        )
        self.clearing.begin(self.now, self.instruments, 0, shards=SHARDS)
        self.seen["clearing restarts"] += 1

    def _welcome_all(self) -> None:
        for shard in range(SHARDS):
            self.cut(shard)
        self._commit()
        if self.random.random() < 0.9:
            self.publish()

    def move_money(self) -> None:
        """Pay in, or ask for money."""
        account_id = self.random.choice(self.clients)
        if self.random.random() < 0.15:
            self.clearing.bank.deposit(account_id, self.random.randint(1, 500))
        else:
            try:
                self.clearing.bank.withdraw(account_id, self.random.randint(1, 8_000), self.now)
            except Refused:
                return
        self._commit()

    def move_collateral(self, dice: Random) -> None:
        """Give, take back or sell collateral, or let an index rise."""
        account_id, asset, counter = dice.choice(self.clients), dice.choice((1, 2)), self.clearing.collateral
        roll = dice.random()
        try:
            if roll < 0.1:
                self.raise_index(dice)
            elif roll < 0.3:
                counter.deposit(account_id, asset, dice.randint(1, 100))
            elif roll < 0.9:
                counter.withdraw(account_id, asset, dice.randint(1, 60), self.now)
            else:
                counter.convert(account_id, asset, dice.randint(1, 20), self.now)
        except Refused:
            return
        self._commit()

    # Commands ----------------------------------------------------------------------------------

    def command(self) -> None:
        """Let a client send something to a shard; every acceptance stays within the line."""
        shard = self._shard()
        before = {client: self.slack(shard, client) for client in self.clients}
        sender = self._command(shard)
        for client, slack in before.items():
            if slack is not None and (client == sender or not self.prices_moved):
                after = self.slack(shard, client)
                assert after is not None
                assert after >= min(slack, 0), f"account {client} commits {-after} more than its line on shard {shard}"

    def _shard(self) -> int:
        """Return the shard of the next command."""
        return self.random.randrange(SHARDS)

    def slack(self, shard: int, account_id: int) -> int | None:
        """Return budget + U - W, or None without a line."""
        credit = self.engines[shard].credit(account_id)
        if credit is None or not credit.has_line:
            return None
        return credit.budget_micros + credit.uncounted_micros - credit.committed_micros

    def _command(self, shard: int, *, is_committed: bool = True) -> int:
        random, engine = self.random, self.engines[shard]
        account_id, number, side = self._who(shard)
        position = engine.position(account_id, number)
        reduces = position != 0 and random.random() < 0.2
        if reduces:
            side = Side.SELL if position > 0 else Side.BUY
        price = self.prices[number] + self._shift()
        lots = random.randint(1, abs(position)) if reduces else self._wish(shard, account_id, side, price, number)
        open_orders = engine.open_orders(account_id)
        roll = random.random()
        if open_orders and roll < 0.12:
            order = random.choice(open_orders)
            packed = commands.amend(account_id=account_id, order_id=order.order_id, price_ticks=price, size_lots=lots)
        elif open_orders and roll < 0.22:
            packed = commands.cancel(account_id=account_id, order_id=random.choice(open_orders).order_id)
        else:
            packed = commands.place(
                account_id=account_id, instrument_id=number, side=side, size_lots=lots, price_ticks=price,
                time_in_force=self._time_in_force(reduces=reduces),
                flags=OrderFlag.REDUCE_ONLY if reduces else OrderFlag.NONE,
            )  # fmt: skip
        records = engine.apply_commands(self.now, packed, 1)
        engine.drain_level_updates()
        if is_committed:
            self._note(shard, records)
            reason = commands.unpack_results(engine.results)[0].reason
            self.seen["accepted" if reason == 0 else Reason(reason).name] += 1
        return account_id

    def _shift(self) -> int:
        """Return by how many ticks a price is above the mark."""
        return self.random.randint(-12, 12)

    def _time_in_force(self, *, reduces: bool) -> TimeInForce:
        del reduces
        return self.random.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC))

    def _who(self, shard: int) -> tuple[int, int, Side]:
        """Return account, instrument and side: often the same account again, so that it is torn on all sides."""
        account_id, number, side = self.last
        if self.random.random() < self.sender_changes:
            account_id = self.random.choice(self.clients)
        if number in NUMBERS[shard] and self.random.random() < 0.6:
            side = Side.SELL if side == Side.BUY else Side.BUY
        else:
            number = self.random.choice(NUMBERS[shard])
            side = self.random.choice((Side.BUY, Side.SELL))
        self.last = (account_id, number, side)
        return self.last

    def _wish(self, shard: int, account_id: int, side: Side, price: int, number: int) -> int:
        """Return a size: often the largest that the line may carry, so that a small mistake is one too many."""
        slack = self.slack(shard, account_id)
        if slack is None or slack <= 0 or self.random.random() < 0.3:
            return self.random.choice((5, 30, 60, 120))
        worse = (price - self.prices[number]) * (1 if side == Side.BUY else -1)
        # Margin at the first tier, the loss beyond the mark, and a fee of below one tick per lot.
        most = slack // (self.prices[number] // 10 + max(0, worse) + 1)
        return max(1, self._part(most))

    def _part(self, most: int) -> int:
        """Return how much of the largest size is asked for."""
        return most

    # The schedule ------------------------------------------------------------------------------

    def step(self) -> None:
        """Let one thing happen."""
        random = self.random
        self.now += random.randint(0, 2)
        if self._step_aside():
            return
        roll = random.random()
        if roll < 0.54:
            self.command()
        elif roll < 0.69:
            self.count()
        elif roll < 0.88:
            self.deliver()
        elif roll < 0.94:
            self.move_money()
        elif roll < 0.96 and self.prices_move:
            self.move_price()
        elif roll < 0.96 and self.rates_move:
            self.move_rate()
        elif roll < 0.97:
            self.cut(random.randrange(SHARDS))
            self._commit()
        elif roll < 0.98:
            self.restart_shard(random.randrange(SHARDS))
        elif roll < 0.985:
            self.kill_shard_before_commit(random.randrange(SHARDS))
        elif roll < 0.995:
            self.restart_clearing()
        else:
            self.kill_clearing_before_commit()

    def _step_aside(self) -> bool:
        """Let what has dice of its own happen, if they say so."""
        if self.dice is not None and self.dice.random() < 0.15:
            self.move_collateral(self.dice)
            return True
        return False

    def settle(self) -> None:
        """Let everything arrive that is under way, without new commands."""
        for _ in range(30):
            self.now += 1
            self._commit()
            for shard in range(SHARDS):
                self._deliver_all(shard)
                for first, _, records in self.shard_logs[shard][self.counted[shard] :]:
                    self.clearing.on_matching(self.now, first, list(decode_all(records)), shard)
                self.counted[shard] = len(self.shard_logs[shard])
            # An entry has one time, so what was counted is committed before it moves on.
            self._commit()

    def equity(self, account_id: int) -> int:
        """Return deposits - withdrawals + the sum over shards of (P * pos - Q - F), counted or not."""
        worth = self.paid_in[account_id]
        for (owner, asset), lots in self.lots.items():
            if owner == account_id:
                # AAA counts nine tenths, BBB half and at most 3,000.
                index = self.indexes[asset]
                worth += lots * index * 9 // 10 if asset == 1 else min(3_000, lots * index // 2)
        for engine, numbers in zip(self.engines, NUMBERS, strict=True):
            credit = engine.credit(account_id)
            if credit is not None:
                worth -= credit.value_micros + credit.fees_micros
                for number in numbers:
                    worth += self.prices[number] * engine.position(account_id, number)
        return worth

    def check(self) -> None:
        """Check that nobody has committed more than it owns; true while prices stand still."""
        engines = [self._without_lines(shard) for shard in range(SHARDS)] if self.rates_move else self.engines
        for client in self.clients:
            committed = sum(engine.committed(client) for engine in engines)
            owned = self.equity(client)
            assert owned >= committed, f"account {client} owns {owned} and has committed {committed}"

    def _without_lines(self, shard: int) -> Engine:
        """Return a copy of a shard that charges the least rates: it has no lines, and no share."""
        copy = Engine.restore(self.engines[shard].snapshot(), ENGINE)
        for instrument in self.instruments:
            if instrument.shard == shard:
                copy.list_instrument(instrument)
        return copy


def run(seeds: range, steps: int, schedule_of: Callable[[int], Schedule], *, is_checked: bool = True) -> Counter[str]:
    """Run the schedule of each seed, checked after every step, and return how often what happened."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        schedule = schedule_of(seed)
        try:
            for _ in range(steps):
                schedule.step()
                if is_checked:
                    schedule.check()
        except AssertionError as fault:
            raise AssertionError(f"seed {seed}: {fault}") from fault
        seen += schedule.seen
    return seen


def run_batch(
    seeds: range, steps: int, *, prices_move: bool, rates_move: bool = False, collateral: bool = False
) -> Counter[str]:
    """Run one schedule per seed, two or three clients each, and return how often what happened."""

    def schedule_of(seed: int) -> Schedule:
        schedule = Schedule(
            Random(seed),
            prices_move=prices_move,
            rates_move=rates_move,
            clients=2 + seed % 2,
            deposits=(100, 2_000) if collateral else (2_000, 20_000),
            collateral=collateral,
        )
        if collateral:
            schedule.dice = Random(seed + 10**6)
        return schedule

    return run(seeds, steps, schedule_of, is_checked=not prices_move)
