"""A profit is split by hand-worked sums, and the parts always add up."""

import random

from wavetank.cli.demo.pnl import ProfitBook, Split

MAKER, TAKER, FUND = 1_000, 1_001, 2
BTC = 1


def test_spread_and_inventory_of_a_round_trip() -> None:
    book = ProfitBook()
    maker = book.holding(MAKER, BTC)
    # Bought 10 lots at 99 while the truth was 100, sold them at 103 while it was 102.
    maker.trade(delta_lots=10, value_micros=990, reference_ticks=100, is_forced=False)
    maker.trade(delta_lots=-10, value_micros=-1_030, reference_ticks=102, is_forced=False)
    # spread: 10 × 100 − 990 = 10, then −10 × 102 + 1,030 = 10; inventory: 10 × (102 − 100) = 20; in all 1,030 − 990.
    assert maker.split == Split(spread_micros=20, inventory_micros=20)
    assert book.of_account(MAKER).total_micros == 40


def test_an_open_position_is_carried_to_the_final_mark() -> None:
    book = ProfitBook()
    book.holding(TAKER, BTC).trade(delta_lots=-4, value_micros=-396, reference_ticks=100, is_forced=False)
    book.close({BTC: 97})
    # Sold 4 at 99, truth 100: spread −4; the truth then falls by 3: −4 × −3 = 12.
    assert book.of_account(TAKER) == Split(spread_micros=-4, inventory_micros=12)


def test_a_forced_fill_is_liquidation_and_not_spread() -> None:
    book = ProfitBook()
    holding = book.holding(TAKER, BTC)
    holding.trade(delta_lots=5, value_micros=500, reference_ticks=100, is_forced=False)
    # Taken over by the vault at a mark of 91 while the truth is 90: 5 × 91 − 5 × 90 better than the truth.
    holding.trade(delta_lots=-5, value_micros=-455, reference_ticks=90, is_forced=True)
    assert book.of_account(TAKER) == Split(inventory_micros=-50, liquidation_micros=5)


def test_cash_of_the_waterfall_leaves_one_and_reaches_the_other() -> None:
    book = ProfitBook()
    book.cash_moved(FUND, TAKER, BTC, 7)
    assert book.of_account(FUND).liquidation_micros == -7
    assert book.of_account(TAKER).liquidation_micros == 7


def test_deposits_and_withdrawals_are_no_profit() -> None:
    book = ProfitBook()
    book.paid_in(MAKER, 1_000)
    book.paid_in(MAKER, -300)
    assert book.paid_in_micros == {MAKER: 700}
    assert book.of_account(MAKER).total_micros == 0


def test_the_parts_are_the_profit_for_any_history() -> None:
    chance = random.Random(5)
    book, cash, lots = ProfitBook(), 0, 0
    for _ in range(500):
        delta, price, truth = chance.randint(-9, 9), chance.randint(90, 110), chance.randint(90, 110)
        book.holding(MAKER, BTC).trade(
            delta_lots=delta, value_micros=delta * price, reference_ticks=truth, is_forced=chance.random() < 0.2
        )
        cash, lots = cash - delta * price, lots + delta
    book.close({BTC: 101})
    assert book.of_account(MAKER).total_micros == cash + lots * 101
