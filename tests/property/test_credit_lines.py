"""The same dollar is never committed twice, however late, lost or disordered the credit lines are (PROTOCOL 2).

One engine against a stand-in for clearing that only counts: it reads the engine's log when it pleases, sends lines that
arrive in any order or never, pays withdrawals after their acknowledgement, and either side restarts at any moment.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random

import pytest

from wavetank.matching.core import commands
from wavetank.matching.core.credit import CreditLine, CreditRow
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.events.matching import CreditApplied, Traded
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import LineStatus, OrderFlag, Side, TimeInForce
from wavetank.model.record import decode_all

SETTINGS = EngineSettings(credit_ttl_ns=10**6)
CLIENTS = (1000, 1001, 1002)
PRICE = 100
# Wide limits, high fees and a second tier: what is tested is credit, not the limits.
INSTRUMENTS = tuple(
    Instrument(
        instrument_id=instrument_id,
        symbol=symbol,
        size_decimals=4,
        tiers=(MarginTier(0, 10), MarginTier(5_000, 4)),
        significant_figures=0,
        taker_fee_ppm=7_777,
        maker_fee_ppm=maker_fee_ppm,
        min_notional_micros=0,
        price_band_ppm=500_000,
    )
    for instrument_id, symbol, maker_fee_ppm in ((1, "AAA", 7_777), (2, "BBB", -1_234))
)


@dataclass
class Count:
    """What the stand-in knows of an account."""

    deposits: int = 0
    withdrawals: int = 0
    held: dict[tuple[int, int], int] = field(default_factory=dict)
    """Amount held by the line that asked for the acknowledgement."""
    positions: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    value: int = 0
    fees: int = 0

    def equity(self, prices: dict[int, int]) -> int:
        worth = sum(prices[instrument_id] * lots for instrument_id, lots in self.positions.items())
        return self.deposits - self.withdrawals + worth - self.value - self.fees


Rates = dict[int, tuple[int, int]]
"""By instrument, an account's leverage and what open interest asks for."""


def random_rates(random: Random) -> Rates:
    if random.random() < 0.5:
        return {each.instrument_id: (0, 0) for each in INSTRUMENTS}
    return {
        each.instrument_id: (random.choice((0, 0, 1, 2, 3, 5, 10)), random.choice((0, 0, 0, 12_345, 400_000, 10**6)))
        for each in INSTRUMENTS
    }


class Schedule:
    """An engine, its log, the counting stand-in, and the messages on their way.

    Each account has rates of its own, the same all the time, or with `rates_move` others in every line.
    """

    def __init__(self, random: Random, *, rates_move: bool = False) -> None:
        self.random = random
        self.rates_move = rates_move
        self.rates = {account_id: random_rates(random) for account_id in CLIENTS}
        self.now = 1
        self.log: list[tuple[int, int, bytes]] = []
        self.events: list[object] = []
        self.counted = 0
        self.epoch = self.sent = 1
        self.counts = {account_id: Count(deposits=random.choice((2_000, 20_000))) for account_id in CLIENTS}
        self.flying: list[CreditLine] = []
        self.prices = {1: PRICE, 2: PRICE}
        self.prices_moved = False
        self.paid = self.accepted = self.refused = 0
        self.engine = Engine(0, SETTINGS)
        for instrument in INSTRUMENTS:
            self.engine.list_instrument(instrument)
        self.engine.set_gate(self.now, is_open=True)
        for instrument_id in self.prices:
            self.mark(instrument_id, PRICE)

    def note(self, records: bytes) -> None:
        if records:
            self.log.append((len(self.events) + 1, self.now, records))
            self.events += decode_all(records)

    def mark(self, instrument_id: int, price: int) -> None:
        self.prices_moved |= price != self.prices[instrument_id]
        self.prices[instrument_id] = price
        self.engine.apply_mark(self.now, instrument_id, price, price, self.now, 1, stale=False)
        self.note(self.engine.drain_events())

    # Clearing ----------------------------------------------------------------------------------

    def count(self, upto: int) -> None:
        """Read the log on; pay or return what was held when its acknowledgement is met."""
        while self.counted < upto:
            match self.events[self.counted]:
                case Traded() as trade:
                    sign = 1 if trade.taker_side == Side.BUY else -1
                    for account_id, lots, fee in (
                        (trade.account_id, sign * trade.size_lots, trade.taker_fee_micros),
                        (trade.maker_account_id, -sign * trade.size_lots, trade.maker_fee_micros),
                    ):
                        count = self.counts[account_id]
                        count.positions[trade.instrument_id] += lots
                        count.value += lots * trade.price_ticks
                        count.fees += fee
                case CreditApplied() as applied:
                    self.settle(applied)
                case _:
                    pass
            self.counted += 1

    def settle(self, applied: CreditApplied) -> None:
        count = self.counts[applied.account_id]
        number = (applied.line_epoch, applied.line_number)
        if number in count.held:
            free = count.equity(self.prices) - sum(count.held.values())
            amount = count.held.pop(number)
            if applied.committed_micros <= free:
                count.withdrawals += amount
                self.paid += 1

    def send_line(self, account_id: int, *, hold: int = 0, rates: Rates | None = None) -> None:
        count = self.counts[account_id]
        if rates is None:
            rates = random_rates(self.random) if self.rates_move else self.rates[account_id]
        self.sent += 1
        if hold:
            count.held[self.epoch, self.sent] = hold
        self.flying.append(
            CreditLine(
                account_id=account_id,
                line_epoch=self.epoch,
                line_number=self.sent,
                as_of_seq=self.counted,
                budget_micros=count.equity(self.prices) - sum(count.held.values()),
                counted_value_micros=count.value,
                counted_fees_micros=count.fees,
                status=self.random.choice((*[LineStatus.NORMAL] * 9, LineStatus.REDUCE_ONLY)),
                acknowledge=bool(hold),
                rows=tuple(
                    CreditRow(instrument_id, count.positions[instrument_id], price, *rates[instrument_id])
                    for instrument_id, price in self.prices.items()
                ),
                mark_time_ns=self.now,
            )
        )

    def restart_clearing(self) -> None:
        """Begin a new epoch; pending holds are asked for again (R10)."""
        self.epoch += 1
        for account_id, count in self.counts.items():
            held = sum(count.held.values())
            count.held.clear()
            self.send_line(account_id, hold=held)

    # Matching ----------------------------------------------------------------------------------

    def restart_matching(self) -> None:
        if self.random.random() < 0.5:
            self.engine = Engine.restore(self.engine.snapshot(), SETTINGS)
            return
        recovered = Engine(0, SETTINGS)
        for instrument in INSTRUMENTS:
            recovered.list_instrument(instrument)
        for first_seq, now, records in self.log:
            recovered.replay(records, first_seq, now)
        assert recovered.state_hash() == self.engine.state_hash()
        self.engine = recovered

    def deliver(self) -> None:
        line = self.flying.pop(self.random.randrange(len(self.flying)))
        if self.random.random() < 0.8:
            self.engine.apply_credit(self.now, line)
            self.note(self.engine.drain_events())

    def slack(self, account_id: int) -> int:
        """Return budget + U - W."""
        credit = self.engine.credit(account_id)
        assert credit is not None
        return credit.budget_micros + credit.uncounted_micros - credit.committed_micros

    def command(self) -> None:
        random = self.random
        account_id = random.choice(CLIENTS)
        known = [a for a in CLIENTS if (credit := self.engine.credit(a)) and credit.has_line]
        before = {a: self.slack(a) for a in known}
        open_orders = self.engine.open_orders(account_id)
        instrument_id = random.choice((1, 2))
        price = self.prices[instrument_id] + random.randint(-12, 12)
        position = self.engine.position(account_id, instrument_id)
        reduce_only = position != 0 and random.random() < 0.35
        side = (Side.SELL if position > 0 else Side.BUY) if reduce_only else random.choice((Side.BUY, Side.SELL))
        lots = random.randint(1, abs(position)) if reduce_only else random.randint(1, 60)
        roll = random.random()
        if open_orders and roll < 0.12:
            order = random.choice(open_orders)
            packed = commands.amend(account_id=account_id, order_id=order.order_id, price_ticks=price, size_lots=lots)
        elif open_orders and roll < 0.2:
            packed = commands.cancel(account_id=account_id, order_id=random.choice(open_orders).order_id)
        else:
            packed = commands.place(
                account_id=account_id, instrument_id=instrument_id, side=side, size_lots=lots, price_ticks=price,
                time_in_force=random.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC)),
                flags=OrderFlag.REDUCE_ONLY if reduce_only else OrderFlag.NONE,
            )  # fmt: skip
        self.note(self.engine.apply_commands(self.now, packed, 1))
        result = commands.unpack_results(self.engine.results)[0]
        self.accepted += result.reason == 0
        self.refused += result.reason != 0
        # W <= budget + U at each acceptance, and still when it has run. While the price stays what it was, nobody's
        # shortfall grows by another's command either: the loss of each order was charged at that price.
        for other, slack in before.items():
            if other == account_id or not self.prices_moved:
                assert self.slack(other) >= min(slack, 0)

    def squeeze(self) -> None:
        """Commit all that a line carries at the least rates, let the next ask for more, and give margin for a loss."""
        random, account_id = self.random, self.random.choice(CLIENTS)
        instrument_id, side = random.choice((1, 2)), random.choice((Side.BUY, Side.SELL))
        self.count(len(self.events))
        for rates in (None, {1: (random.choice((1, 2)), 0), 2: (0, random.choice((500_000, 10**6)))}):
            self.send_line(account_id, rates=rates or dict.fromkeys((1, 2), (0, 0)))
            self.engine.apply_credit(self.now, self.flying.pop())
            self.note(self.engine.drain_events())
            if rates is None:
                # A tenth of the price is margin, and a fee of below one tick per lot; off the mark nothing is lost.
                lots = self.slack(account_id) // 11
                price = self.prices[instrument_id] + (-1 if side == Side.BUY else 1)
                if lots < 1:
                    return
                packed = commands.place(
                    account_id=account_id, instrument_id=instrument_id, side=side, size_lots=lots, price_ticks=price
                )
                self.note(self.engine.apply_commands(self.now, packed, 1))
        for order in self.engine.open_orders(account_id):
            price = self.prices[order.instrument_id] + (12 if order.side == Side.BUY else -12)
            lots = order.filled_lots + max(1, order.remaining_lots * random.randint(5, 9) // 10)
            packed = commands.amend(account_id=account_id, order_id=order.order_id, price_ticks=price, size_lots=lots)
            self.note(self.engine.apply_commands(self.now, packed, 1))

    # The schedule ------------------------------------------------------------------------------

    def step(self) -> None:
        random = self.random
        self.now += random.randint(0, 2)
        if self.rates_move and random.random() < 0.03:
            self.squeeze()
        roll = random.random()
        if roll < 0.6:
            self.command()
        elif roll < 0.7:
            self.count(random.randint(self.counted, len(self.events)))
        elif roll < 0.8:
            account_id = random.choice(CLIENTS)
            wish = random.randint(1, 3_000) if random.random() < 0.4 else 0
            self.send_line(account_id, hold=wish if wish < self.counts[account_id].deposits else 0)
        elif roll < 0.97:
            if self.flying:
                self.deliver()
        elif roll < 0.98:
            self.restart_clearing()
        elif roll < 0.99:
            self.restart_matching()
        else:
            self.counts[random.choice(CLIENTS)].deposits += 1_000

    def true_equity(self, account_id: int) -> int:
        """Return deposits - withdrawals + (P * pos - Q - F) of the engine, counted or not."""
        count = self.counts[account_id]
        credit = self.engine.credit(account_id)
        if credit is None:
            return count.deposits - count.withdrawals
        worth = sum(price * self.engine.position(account_id, i) for i, price in self.prices.items())
        return count.deposits - count.withdrawals + worth - credit.value_micros - credit.fees_micros

    def least_committed(self) -> dict[int, int]:
        """Return what each account would commit if no line asked for more than the instruments do."""
        without_lines = Engine.restore(self.engine.snapshot(), SETTINGS)
        return {account_id: without_lines.committed(account_id) for account_id in CLIENTS}


@pytest.mark.spec("MRGN-020", "MRGN-050")
@pytest.mark.parametrize("seed", range(200, 212))
def test_while_rates_move_equity_covers_what_is_committed_at_the_least_of_them(seed: int) -> None:
    schedule = Schedule(Random(seed), rates_move=True)
    for _ in range(600):
        schedule.step()
        for account_id, committed in schedule.least_committed().items():
            assert schedule.true_equity(account_id) >= committed
    assert schedule.accepted > 10


@pytest.mark.spec("MRGN-050", "MRGN-040")
@pytest.mark.parametrize("seed", range(12))
def test_at_a_constant_price_equity_covers_what_is_committed_at_every_instant(seed: int) -> None:
    schedule = Schedule(Random(seed))
    for _ in range(600):
        schedule.step()
        for account_id in CLIENTS:
            assert schedule.true_equity(account_id) >= schedule.engine.committed(account_id)
    assert schedule.accepted > 10


@pytest.mark.spec("MRGN-050")
@pytest.mark.parametrize("seed", range(100, 106))
def test_while_prices_move_every_acceptance_is_within_budget_and_uncounted_fills(seed: int) -> None:
    schedule = Schedule(Random(seed))
    for _ in range(600):
        if schedule.random.random() < 0.1:
            instrument_id = schedule.random.choice((1, 2))
            schedule.mark(instrument_id, max(50, schedule.prices[instrument_id] + schedule.random.randint(-4, 4)))
        schedule.step()
    assert schedule.accepted > 10


@pytest.mark.spec("MRGN-050")
def test_the_schedules_pay_withdrawals() -> None:
    paid = 0
    for seed in range(5):
        schedule = Schedule(Random(seed))
        for _ in range(600):
            schedule.step()
        paid += schedule.paid
    assert paid > 20
