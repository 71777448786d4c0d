"""The engine and the naive shard side by side: one input to both, and everything compared behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from tests.model.matching import Ask, NaiveShard
from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.matching.core.credit import CreditLine, CreditRow
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.events.matching import OrderRejected
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import CommandKind, InstrumentState, LineStatus
from wavetank.model.reason import Reason
from wavetank.model.record import Event, decode_all

CLIENTS = (1000, 1001, 1002, 1003)
SETTINGS = EngineSettings(credit_ttl_ns=30, remembered_client_ids=3, max_open_orders=6, depth_band_ppm=50_000)

# A hundred ticks a dollar and two figures: from 100 ticks on the step is 10. Small numbers, so that every limit, every
# rounding and both margin tiers are met often.
INSTRUMENTS = (
    Instrument(
        instrument_id=1,
        symbol="AAA",
        size_decimals=4,
        tiers=(MarginTier(0, 10), MarginTier(3_000, 4)),
        significant_figures=2,
        min_notional_micros=150,
        max_order_lots=50,
        max_position_lots=70,
        open_interest_cap_lots=60,
        price_band_ppm=200_000,
        impact_notional_micros=1_700,
    ),
    Instrument(
        instrument_id=2,
        symbol="BBB",
        size_decimals=2,
        tiers=(MarginTier(0, 3), MarginTier(1_000, 2, 400_000)),
        significant_figures=0,
        taker_fee_ppm=2_500,
        maker_fee_ppm=-700,
        min_notional_micros=0,
        price_band_ppm=500_000,
        impact_notional_micros=333,
    ),
)


def packed(ask: Ask) -> bytes:
    """Return a naive command as the engine takes it."""
    match ask.kind:
        case CommandKind.PLACE:
            return commands.place(
                account_id=ask.account_id, instrument_id=ask.instrument_id, side=ask.side, size_lots=ask.size_lots,
                price_ticks=ask.price_ticks, order_type=ask.order_type, time_in_force=ask.time_in_force,
                flags=ask.flags, client_order_id=ask.client_order_id, slippage_cap_ppm=ask.slippage_cap_ppm,
            )  # fmt: skip
        case CommandKind.CANCEL:
            return commands.cancel(
                account_id=ask.account_id, order_id=ask.order_id, client_order_id=ask.client_order_id,
                cancel_reason=ask.cancel_reason,
            )  # fmt: skip
        case CommandKind.AMEND:
            return commands.amend(
                account_id=ask.account_id, order_id=ask.order_id, client_order_id=ask.client_order_id,
                price_ticks=ask.price_ticks, size_lots=ask.size_lots,
            )  # fmt: skip
        case CommandKind.CANCEL_ALL:
            return commands.cancel_all(
                account_id=ask.account_id, instrument_id=ask.instrument_id, side=ask.side,
                cancel_reason=ask.cancel_reason,
            )  # fmt: skip
        case CommandKind.CANCEL_ACCOUNT:
            return commands.cancel_account(
                request_seq=ask.request[0], request_number=ask.request[1], account_id=ask.account_id
            )
        case CommandKind.LIQUIDATE:
            return commands.liquidate(
                request_seq=ask.request[0], request_number=ask.request[1], account_id=ask.account_id,
                instrument_id=ask.instrument_id, side=ask.side, size_lots=ask.size_lots, price_ticks=ask.price_ticks,
            )  # fmt: skip
        case _:
            return commands.transfer(
                request_seq=ask.request[0], request_number=ask.request[1], giver_account_id=ask.account_id,
                receiver_account_id=ask.receiver_account_id, instrument_id=ask.instrument_id,
                giver_delta_lots=ask.size_lots, giver_value_micros=ask.value_micros,
                receiver_may_increase=ask.receiver_may_increase,
            )  # fmt: skip


def without_age(event: Event | CommandResult) -> Event | CommandResult:
    """Blank the age in a CREDIT_STALE refusal: of what is long past the engine knows only that it is."""
    if isinstance(event, OrderRejected | CommandResult) and event.reason == Reason.CREDIT_STALE:
        assert event.was > event.allowed
        return replace(event, was=0)
    return event


class Twins:
    """Drives both; any difference is an AssertionError."""

    def __init__(self) -> None:
        self.engine = Engine(0, SETTINGS)
        self.model = NaiveShard(0, SETTINGS)
        self.now = 1
        self.log: list[tuple[int, int, bytes]] = []
        self.lines_sent = 2
        self.requests_sent = 0
        for instrument in INSTRUMENTS:
            self.list_instrument(instrument)

    # Inputs ------------------------------------------------------------------------------------

    def list_instrument(self, instrument: Instrument) -> None:
        self.engine.list_instrument(instrument)
        self.model.list_instrument(instrument)

    def mark(self, instrument_id: int, mark: int, *, stale: bool = False) -> None:
        self.engine.apply_mark(self.now, instrument_id, mark, mark, self.now, self.engine.next_seq, stale)
        self.model.apply_mark(self.now, instrument_id, mark, stale=stale, oracle_seq=self.model.next_seq)
        self.compare_drained()

    def gate(self, *, is_open: bool) -> None:
        self.engine.set_gate(self.now, is_open)
        self.model.set_gate(self.now, is_open=is_open)
        self.compare_drained()

    def sample(self) -> None:
        self.engine.sample_books(self.now)
        self.model.sample(self.now)
        self.compare_drained()

    def line(self, line: CreditLine) -> None:
        assert self.engine.apply_credit(self.now, line) == self.model.apply_credit(self.now, line)
        self.compare_drained()

    def send(self, asks: list[Ask]) -> list[CommandResult]:
        first_seq = self.engine.next_seq
        records = self.engine.apply_commands(self.now, b"".join(packed(ask) for ask in asks), len(asks))
        self.note(first_seq, records)
        ends: list[int] = []
        expected: list[CommandResult] = []
        count = 0
        emitted: list[Event] = []
        for ask in asks:
            expected += self.model.apply(self.now, [ask])
            emitted += self.model.take()
            count = len(emitted)
            ends.append(count)
        self.compare_events(records, emitted)
        results = commands.unpack_results(self.engine.results)
        for one, other in zip(results, expected, strict=True):
            assert without_age(one) == without_age(other), (one, other)
        assert list(self.engine.command_ends) == ends
        self.compare_state()
        return results

    def restart(self, *, from_snapshot: bool) -> None:
        """Replace the engine by one recovered from its snapshot, or from all of its log."""
        before = self.engine.state_hash()
        if from_snapshot:
            recovered = Engine.restore(self.engine.snapshot(), SETTINGS)
        else:
            recovered = Engine(0, SETTINGS)
            for instrument in self.engine.instruments():
                recovered.list_instrument(instrument)
            for now, first_seq, records in self.log:
                recovered.replay(records, first_seq, now)
        assert recovered.state_hash() == before
        self.engine = recovered
        self.model.restart()
        self.compare_state()

    # Comparison --------------------------------------------------------------------------------

    def note(self, first_seq: int, records: bytes) -> None:
        if records:
            self.log.append((self.now, first_seq, records))

    def compare_drained(self) -> None:
        first_seq = self.model.next_seq - len(self.model.emitted)
        records = self.engine.drain_events()
        self.note(first_seq, records)
        self.compare_events(records, self.model.take())
        self.compare_state()

    def compare_events(self, records: bytes, expected: Iterable[Event]) -> None:
        found, wanted = list(decode_all(records)), list(expected)
        for one, other in zip(found, wanted, strict=False):
            assert without_age(one) == without_age(other), (one, other)
        assert len(found) == len(wanted), (found, wanted)
        assert self.engine.next_seq == self.model.next_seq

    def compare_state(self) -> None:
        for instrument_id in self.model.instruments:
            for side, levels in zip((1, 2), self.engine.book(instrument_id, 1_000), strict=True):
                queue = [
                    (price, order_id)
                    for price, _, _ in levels
                    for order_id in self.engine.queue(instrument_id, side, price)
                ]
                resting = self.model.side_of_book(instrument_id, side)
                assert queue == [(order.price, order.order_id) for order in resting]
                sums = [
                    (
                        price,
                        sum(o.remaining for o in resting if o.price == price),
                        len([o for o in resting if o.price == price]),
                    )
                    for price in dict.fromkeys(order.price for order in resting)
                ]
                assert levels == sums
            assert self.engine.open_interest(instrument_id) == self.model.open_interest(instrument_id)
        for account_id, account in self.model.accounts.items():
            self.compare_account(account_id)
            for order in account.remembered:
                known = self.engine.order(account_id=account_id, client_order_id=order.ask.client_order_id)
                assert known is not None
                assert (known.order_id, known.state, known.cancel_reason) == (
                    order.order_id, order.state, order.cancel_reason,
                )  # fmt: skip

    def compare_account(self, account_id: int) -> None:
        account = self.model.accounts[account_id]
        assert [
            (o.order_id, o.remaining_lots, o.filled_lots, o.filled_value_micros)
            for o in self.engine.open_orders(account_id)
        ] == [(o.order_id, o.remaining, o.filled, o.value) for o in self.model.own(account_id)]
        for instrument_id in self.model.instruments:
            position = self.model.position(account_id, instrument_id)
            assert self.engine.position(account_id, instrument_id) == position
        assert self.engine.committed(account_id) == self.model.committed(account_id)
        credit = self.engine.credit(account_id)
        if credit is None:
            # A recovered engine does not know an account that only ever had a line.
            assert account.line is None
            assert not account.history
            return
        assert (credit.value_micros, credit.fees_micros) == (account.value, account.fees)
        assert credit.last_fill_seq == account.last_fill_seq
        assert credit.has_line == (account.line is not None)
        if account.line is not None:
            assert credit.uncounted_micros == self.model.uncounted(account_id)

    # Random inputs -----------------------------------------------------------------------------

    def random_line(self, random: Random, account_id: int) -> CreditLine:
        """Return a true line: what a ledger that had counted up to some seq would send."""
        account = self.model.accounts.get(account_id)
        history = account.history if account else []
        last = self.engine.next_seq - 1
        as_of = last if random.random() < 0.8 else random.randint(max(0, last - 12), last)
        counted = [entry for entry in history if entry[0] <= as_of]
        self.lines_sent += 1
        rows = []
        for instrument_id in self.model.instruments:
            position = sum(lots for _, of, lots, _, _ in counted if of == instrument_id)
            mark = self.model.marks.get(instrument_id, (100, False))[0]
            if position or (random.random() < 0.5):
                price = max(1, mark + random.randint(-3, 3))
                rows.append(CreditRow(instrument_id, position, price, random.choice((0, 1, 3, 20))))
        age = 0 if random.random() < 0.95 else random.randint(0, 20)
        return CreditLine(
            account_id=account_id,
            line_epoch=1,
            line_number=self.lines_sent - (2 if random.random() < 0.1 else 0),
            as_of_seq=as_of,
            budget_micros=random.choice((600, 4_000, 10**6, 10**9, 10**9)),
            elsewhere_micros=(0, 600, 10**5)[self.lines_sent % 3],
            counted_value_micros=sum(entry[3] for entry in counted),
            counted_fees_micros=sum(entry[4] for entry in counted),
            status=random.choice((*[LineStatus.NORMAL] * 20, LineStatus.REDUCE_ONLY, LineStatus.FROZEN)),
            acknowledge=random.random() < 0.2,
            rows=tuple(rows),
            mark_time_ns=self.now - age,
        )

    def random_ask(self, random: Random) -> Ask:
        account_id = random.choice(CLIENTS) if random.random() < 0.98 else 9_999
        own = self.model.own(account_id) if account_id in self.model.accounts else []
        roll = random.random()
        if roll < 0.86:
            return self.random_place(random, account_id)
        if roll < 0.88:
            return Ask(
                CommandKind.CANCEL_ALL, account_id, instrument_id=random.choice((0, 1, 2, 7)),
                side=random.choice((0, 1, 2)), cancel_reason=random.choice((0, 1, 6)),
            )  # fmt: skip
        order = random.choice(own) if own and random.random() < 0.9 else None
        order_id = order.order_id if order else random.randint(0, 9)
        client_id = order.ask.client_order_id if order else b""
        if order and client_id:
            order_id, client_id = (order_id, b"") if random.random() < 0.5 else (0, client_id)
        if roll < 0.93:
            return Ask(CommandKind.CANCEL, account_id, order_id=order_id, client_order_id=client_id)
        price, size = 0, 0
        if random.random() < 0.6:
            price = self.random_price(random, order.instrument_id if order else 1)
        if random.random() < 0.7:
            size = max(0, (order.filled + order.remaining if order else 5) + random.randint(-12, 8))
        return Ask(
            CommandKind.AMEND, account_id, order_id=order_id, client_order_id=client_id, price_ticks=price,
            size_lots=size,
        )  # fmt: skip

    def random_price(self, random: Random, instrument_id: int) -> int:
        mark = self.model.marks.get(instrument_id, (100, False))[0]
        price = mark + random.randint(-mark // 12 - 1, mark // 12 + 1)
        if instrument_id == 1 and price >= 100 and random.random() < 0.9:
            price -= price % 10
        return price if random.random() < 0.99 else random.choice((0, -5, 2**31, 2**31 - 1, mark * 3))

    def random_place(self, random: Random, account_id: int) -> Ask:
        instrument_id = random.choice((1, 1, 2)) if random.random() < 0.98 else 9
        market = random.random() < 0.12
        tif = random.choice((1, 1, 1, 1, 1, 1, 2, 3))
        flags = random.choice((0, 0, 0, 0, 0, 0, 1, 2, 2, 3))
        if random.random() < 0.9:
            # Mostly bodies that fit together.
            tif = random.choice((0, 2, 3)) if market else tif
            flags &= ~1 if market or tif != 1 else 3
        position = self.model.position(account_id, instrument_id)
        side = random.choice((1, 2))
        lots = random.randint(1, 25)
        if flags & 2 and not position and random.random() < 0.9:
            flags &= ~2
        if flags & 2 and position:
            side = 2 if position > 0 else 1
            lots = random.randint(1, abs(position) + 1)
        return Ask(
            CommandKind.PLACE, account_id, instrument_id, side if random.random() < 0.99 else 3,
            2 if market else 1, tif, flags,
            client_order_id=random.choice((b"", b"", b"", b"a", b"%d" % random.randint(0, 999))),
            price_ticks=0 if market and random.random() < 0.97 else self.random_price(random, instrument_id),
            size_lots=lots if random.random() < 0.97 else random.choice((0, -1, 51, 2**31, 2**40)),
            slippage_cap_ppm=random.choice((0, 50_000, 900_000)) if market else int(random.random() < 0.01),
        )  # fmt: skip

    def random_request(self, random: Random) -> Ask:
        self.requests_sent += 1
        known = [*CLIENTS, BACKSTOP_VAULT_ID]
        holders = [a for a in known if self.model.position(a, 1) or self.model.position(a, 2)]
        account_id = random.choice(holders if holders and random.random() < 0.9 else known)
        instrument_id = next((i for i in (1, 2) if self.model.position(account_id, i)), random.choice((1, 2, 9)))
        position = self.model.position(account_id, instrument_id)
        request = (self.requests_sent - int(random.random() < 0.1), random.randint(0, 1))
        roll = random.random()
        if roll < 0.2:
            return Ask(CommandKind.CANCEL_ACCOUNT, account_id, request=request)
        if roll < 0.6:
            side = (2 if position > 0 else 1) if random.random() < 0.9 else 1
            price = (
                random.choice((1, 10**6, 2**31)) if random.random() < 0.4 else self.random_price(random, instrument_id)
            )
            return Ask(
                CommandKind.LIQUIDATE, account_id, instrument_id, side, request=request,
                size_lots=random.choice((0, 1, 7, 500, 2**33)), price_ticks=price,
            )  # fmt: skip
        opposite = [a for a in known if self.model.position(a, instrument_id) * position < 0]
        receiver = random.choice(opposite if opposite and random.random() < 0.7 else known)
        return Ask(
            CommandKind.TRANSFER, account_id, instrument_id, request=request,
            size_lots=-position + random.randint(-3, 3), value_micros=random.randint(-5_000, 5_000),
            receiver_account_id=receiver, receiver_may_increase=random.random() < 0.5,
        )  # fmt: skip

    def random_input(self, random: Random) -> None:
        """Give both one random input."""
        if random.random() < 0.2:
            self.now += random.randint(1, 4)
        closed = not self.model.is_open
        halted = [i for i in self.model.instruments.values() if i.state != InstrumentState.TRADING]
        if (closed or halted) and random.random() < 0.3:
            self.gate(is_open=True)
            for instrument in halted:
                self.list_instrument(replace(instrument, state=InstrumentState.TRADING))
        roll = random.random()
        if roll < 0.7:
            self.send([self.random_ask(random) for _ in range(random.randint(1, 4))])
        elif roll < 0.85:
            self.line(self.random_line(random, random.choice(CLIENTS)))
        elif roll < 0.90:
            instrument_id = random.choice((1, 2))
            mark = self.model.marks.get(instrument_id, (100, False))[0]
            mark = max(40, min(400, mark + random.randint(-8, 8)))
            self.mark(instrument_id, mark, stale=random.random() < 0.1)
        elif roll < 0.94:
            self.send([self.random_request(random)])
        elif roll < 0.955:
            self.gate(is_open=random.random() < 0.8)
        elif roll < 0.97:
            instrument = self.model.instruments[random.choice((1, 2))]
            state = random.choice((*[InstrumentState.TRADING] * 4, InstrumentState.CANCEL_ONLY, InstrumentState.HALTED))
            self.list_instrument(replace(instrument, state=state))
        elif roll < 0.98:
            self.sample()
        else:
            self.restart(from_snapshot=random.random() < 0.5)
            for account_id in CLIENTS[: random.randint(2, 4)]:
                self.line(self.random_line(random, account_id))

    def begin(self, random: Random) -> None:
        """Open for trading, with marks and lines."""
        self.gate(is_open=True)
        for instrument_id in (1, 2):
            self.mark(instrument_id, 100)
        for account_id in CLIENTS:
            self.line(self.random_line(random, account_id))
