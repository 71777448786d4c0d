"""Between two lines the engine never lets an account risk more than its margin mode allows (PROTOCOL 2, offset modes).

Engine and clearing both run: clearing's mode says what the positions and open orders of a random book would need, in
the worst of all fills; the engine says what it charges under a line that knows only the positions before.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest

from wavetank.clearing.core.margin_modes import (
    Correlation,
    Margining,
    MarginMode,
    Margins,
    OffsetTerms,
    PositionMargin,
    account_margins,
)
from wavetank.matching.core import commands
from wavetank.matching.core.credit import CreditLine, CreditRow
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import LineCharge, OrderFlag, Side, TimeInForce
from wavetank.model.reason import Reason

HOLDER, OTHER = 1000, 1001
PRICE = 1_000
MODES = {MarginMode.GROUP_OFFSET: LineCharge.GROUP_OFFSET, MarginMode.SCENARIO: LineCharge.SCENARIO}
# A second tier, so that margin jumps; no fees and orders at the mark, so that what is charged is margin alone.
INSTRUMENTS = tuple(
    Instrument(
        instrument_id=instrument_id,
        symbol=symbol,
        size_decimals=4,
        tiers=(MarginTier(0, leverage), MarginTier(60_000, leverage // 2)),
        significant_figures=0,
        taker_fee_ppm=0,
        maker_fee_ppm=0,
        min_notional_micros=0,
        price_band_ppm=500_000,
    )
    for instrument_id, symbol, leverage in ((1, "AAA", 50), (2, "BBB", 25), (3, "CCC", 10))
)


def terms_of(random: Random) -> OffsetTerms:
    return OffsetTerms(
        instruments={
            each.instrument_id: Correlation(random.choice(("", "g", "g", "h")), random.randint(0, 10**6))
            for each in INSTRUMENTS
        },
        groups_ppm={name: random.choice((10**6, 790_000, random.randint(0, 10**6))) for name in "gh"},
    )


Rates = dict[int, tuple[int, int]]
"""By instrument, the account's leverage and what open interest asks for."""
LEAST: Rates = {each.instrument_id: (each.max_leverage, 0) for each in INSTRUMENTS}


def rates_of(random: Random) -> Rates:
    return {
        each.instrument_id: (
            random.choice((each.max_leverage, each.max_leverage // 2, random.randint(1, each.max_leverage))),
            random.choice((0, 0, random.randint(1, 10**6))),
        )
        for each in INSTRUMENTS
    }


def needed(lots: dict[int, int], margining: Margining, rates: Rates = LEAST) -> int:
    """Return the initial margin of positions in a mode."""
    return margins(lots, margining, rates).initial_micros


def margins(lots: dict[int, int], margining: Margining, rates: Rates = LEAST) -> Margins:
    """Return both margins of positions in a mode."""
    positions = []
    for each in INSTRUMENTS:
        notional = abs(lots[each.instrument_id]) * PRICE
        least = each.margin.initial_micros(notional, each.max_leverage)
        asked = each.margin.initial_micros(notional, *rates[each.instrument_id])
        kept = each.margin.maintenance_micros(notional)
        positions.append(PositionMargin(each.instrument_id, lots[each.instrument_id] > 0, least, kept, asked - least))
    return account_margins(positions, margining)


class Book:
    """An engine in which the holder has positions that a line counts, and then trades on under it."""

    def __init__(
        self,
        random: Random,
        charge: LineCharge,
        relief: int,
        counted: dict[int, int],
        rates: Rates = LEAST,
        *,
        # Wide enough for all that is tried, where what matters is how much is charged.
        equity: int = 2**40,
    ) -> None:
        self.random = random
        self.rates = rates
        self.equity = equity
        self.engine = Engine(0, EngineSettings(credit_ttl_ns=10**18))
        for each in INSTRUMENTS:
            self.engine.list_instrument(each)
            self.engine.apply_mark(1, each.instrument_id, PRICE, PRICE, 1, 1, stale=False)
        self.engine.set_gate(1, is_open=True)
        self.numbers = 0
        for account_id in (HOLDER, OTHER):
            self.line(account_id, 2**50, {}, LineCharge.GROSS)
        for instrument_id, lots in counted.items():
            self.fill(instrument_id, lots)
        self.line(HOLDER, equity + relief, counted, charge)
        self.line(OTHER, 2**50, {key: -lots for key, lots in counted.items()}, LineCharge.GROSS)
        self.relief = relief

    def line(self, account_id: int, budget: int, counted: dict[int, int], charge: LineCharge) -> None:
        self.numbers += 1
        state = self.engine.credit(account_id)
        self.engine.apply_credit(
            1,
            CreditLine(
                account_id=account_id,
                line_epoch=1,
                line_number=self.numbers,
                as_of_seq=self.engine.next_seq - 1,
                budget_micros=budget,
                counted_value_micros=state.value_micros if state else 0,
                counted_fees_micros=state.fees_micros if state else 0,
                rows=tuple(
                    CreditRow(key, lots, PRICE, *(self.rates[key] if account_id == HOLDER else LEAST[key]))
                    for key, lots in counted.items()
                ),
                mark_time_ns=1,
                charge=charge,
                equity_micros=self.equity if account_id == HOLDER else 2**40,
            ),
        )

    def place(self, account_id: int, instrument_id: int, lots: int, price: int, tif: TimeInForce) -> None:
        assert self.send(account_id, instrument_id, lots, price, tif) == 0

    def send(
        self,
        account_id: int,
        instrument_id: int,
        lots: int,
        price: int,
        tif: TimeInForce,
        flags: OrderFlag = OrderFlag.NONE,
    ) -> int:
        """Let an account place an order; return why it was refused, or 0."""
        packed = commands.place(
            account_id=account_id,
            instrument_id=instrument_id,
            side=Side.BUY if lots > 0 else Side.SELL,
            size_lots=abs(lots),
            price_ticks=price,
            time_in_force=tif,
            flags=flags,
        )
        self.engine.drain_events()
        self.engine.apply_commands(1, packed, 1)
        (result,) = commands.unpack_results(self.engine.results)
        return result.reason

    def close(self, instrument_id: int, lots: int, shift: int) -> bool:
        """Let the holder close lots at a price so much worse than the mark; tell whether that was taken."""
        side = 1 if lots > 0 else -1
        self.place(OTHER, instrument_id, -lots, PRICE + side * shift, TimeInForce.GTC)
        reason = self.send(
            HOLDER, instrument_id, lots, PRICE + side * shift, TimeInForce.IOC, flags=OrderFlag.REDUCE_ONLY
        )
        for order in self.engine.open_orders(OTHER):
            self.engine.apply_commands(1, commands.cancel(account_id=OTHER, order_id=order.order_id), 1)
        return reason == 0

    def fill(self, instrument_id: int, lots: int) -> None:
        """Let the holder trade at the mark."""
        if lots:
            self.place(OTHER, instrument_id, -lots, PRICE, TimeInForce.GTC)
            self.place(HOLDER, instrument_id, lots, PRICE, TimeInForce.IOC)

    def rest(self, instrument_id: int, lots: int) -> None:
        """Let an order of the holder rest, a tick better for it than the mark, so that its loss is 0."""
        self.place(HOLDER, instrument_id, lots, PRICE - 1 if lots > 0 else PRICE + 1, TimeInForce.GTC)

    def charged(self) -> int:
        credit = self.engine.credit(HOLDER)
        assert credit is not None
        return credit.committed_micros


def amounts(random: Random) -> dict[int, int]:
    return {each.instrument_id: random.choice((0, random.randint(-120, 120))) for each in INSTRUMENTS}


def outcomes(lots: dict[int, int], orders: dict[int, list[int]]) -> Iterator[dict[int, int]]:
    """Yield the positions after every set of whole fills of the open orders."""
    by_instrument = []
    for instrument_id, position in lots.items():
        ends = {position}
        for order in orders[instrument_id]:
            ends |= {end + order for end in ends}
        by_instrument.append(sorted(ends))
    for one in product(*by_instrument):
        yield dict(zip(lots, one, strict=True))


@pytest.mark.spec("MRGN-030", "MRGN-050")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(150))
def test_what_is_charged_covers_every_outcome(mode: MarginMode, seed: int) -> None:
    random = Random(f"{mode}{seed}")
    margining = Margining(mode, terms_of(random), random.choice((0, 20_000, 50_000)))
    counted = amounts(random)
    rates = rates_of(random)
    gross = needed(counted, Margining(), rates)
    relief = gross - needed(counted, margining, rates)
    book = Book(random, MODES[mode], relief, counted, rates)
    # As counted the engine charges the sum of the margins, so that budget less charge is equity less margin, exactly.
    assert book.charged() == gross
    lots = dict(counted)
    for instrument_id, change in amounts(random).items():
        if random.random() < 0.6:
            book.fill(instrument_id, change)
            lots[instrument_id] += change
    orders = {
        each.instrument_id: [random.randint(-90, 90) or 1 for _ in range(random.randint(0, 2))] for each in INSTRUMENTS
    }
    for instrument_id, sizes in orders.items():
        for size in sizes:
            book.rest(instrument_id, size)
    worst = max(needed(end, margining, rates) for end in outcomes(lots, orders))
    assert book.charged() - relief >= worst


@pytest.mark.spec("MRGN-030", "MRGN-050")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(100))
def test_who_closes_hedged_legs_at_the_worst_prices_that_are_taken_owes_nothing(mode: MarginMode, seed: int) -> None:
    random = Random(f"close{mode}{seed}")
    margining = Margining(mode, terms_of(random), random.choice((0, 20_000, 50_000)))
    counted = amounts(random)
    whole, of_mode = margins(counted, Margining()), margins(counted, margining)
    # As low as can be before the account is liquidated: over its budget, so that only R7's exception lets it trade.
    equity = of_mode.maintenance_micros
    relief = whole.initial_micros - of_mode.initial_micros
    book = Book(random, MODES[mode], relief, counted, equity=equity)
    closed = 0
    for _ in range(20):
        lots = {key: book.engine.position(HOLDER, key) for key in counted}
        open_legs = [key for key, size in lots.items() if size]
        if not open_legs:
            break
        key = random.choice(open_legs)
        size = random.choice((lots[key], random.randint(1, abs(lots[key])) * (1 if lots[key] > 0 else -1)))
        for shift in range(45, 0, -1):
            if book.close(key, -size, shift):
                equity -= abs(size) * shift
                closed += 1
                break
        assert equity >= 0
    # Who has next to nothing may not lose a tick.
    assert closed or equity < 100


@pytest.mark.spec("MRGN-030", "MRGN-050")
@pytest.mark.parametrize("mode", MODES)
def test_what_was_closed_at_a_loss_over_budget_is_not_opened_again(mode: MarginMode) -> None:
    terms = OffsetTerms(instruments={key: Correlation("g", 10**6) for key in (1, 2, 3)}, groups_ppm={"g": 10**6})
    margining = Margining(mode, terms)
    counted = {1: 0, 2: 50, 3: -50}
    equity = needed(counted, margining)
    relief = needed(counted, Margining()) - equity
    book = Book(Random(0), MODES[mode], relief, counted, equity=equity)
    # CCC is closed at a loss of 40 each, 2,000 in all. No offset mode is charged less for that, so that what comes back
    # is charged no more; it would be closed again, and again.
    assert book.close(3, 50, 40)
    charged = book.charged()
    book.place(OTHER, 3, 50, PRICE, TimeInForce.GTC)
    assert book.send(HOLDER, 3, -50, PRICE, TimeInForce.IOC) == Reason.CREDIT_EXCEEDED
    assert book.charged() == charged
    # Not even a lot of it, nor by an order that rests.
    assert book.send(HOLDER, 3, -1, PRICE, TimeInForce.GTC) == Reason.CREDIT_EXCEEDED


@pytest.mark.spec("MRGN-030")
def test_a_group_leg_that_changes_sides_is_charged_for_both() -> None:
    # Both instruments offset each other fully. Long 100 AAA at 2 % (50 x, notional 100 000 is in the second tier, 25 x:
    # 4 000) against short 40 BBB at 4 % (40 000: 1 600): 4 000 are needed, 1 600 relieved.
    terms = OffsetTerms(instruments={1: Correlation("g", 0), 2: Correlation("g", 0)}, groups_ppm={"g": 10**6})
    margining = Margining(MarginMode.GROUP_OFFSET, terms)
    counted = {1: 100, 2: -40, 3: 0}
    assert needed(counted, margining) == 4_000
    book = Book(Random(0), LineCharge.GROUP_OFFSET, 1_600, counted)
    assert book.charged() == 5_600
    # Half of AAA is sold: 50 x 1 000 / 50 = 1 000 would be its margin, but nothing is released.
    book.fill(1, -50)
    assert book.charged() == 5_600
    # It ends 50 short, 1 000 beside the 4 000 that it was: 6 600 less 1 600 relieved; 2 600 are needed.
    book.fill(1, -100)
    assert book.charged() == 6_600
    assert needed({1: -50, 2: -40, 3: 0}, margining) == 2_600


@pytest.mark.spec("MRGN-030")
def test_a_scenario_leg_is_charged_for_the_way_it_went() -> None:
    counted = {1: 100, 2: -40, 3: 0}
    book = Book(Random(0), LineCharge.SCENARIO, 0, counted)
    assert book.charged() == 5_600
    # From a margin of 4 000 to 1 000: 4 000 + 1.4143 x 3 000 = 8 242.9, and BBB's 1 600.
    book.fill(1, -50)
    assert book.charged() == 9_843
    # To 1 000 on the other side: 4 000 + 1.4143 x 5 000 = 11 071.5.
    book.fill(1, -100)
    assert book.charged() == 12_672
    # An order to buy back 150 could bring AAA home, but not below what it is now charged.
    book.rest(1, 150)
    assert book.charged() == 12_672
