"""The arithmetic everything else is made of: legs, shares, haircuts, rounding."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.ledger import Leg, book_leg, funding_payment, wrap64
from wavetank.clearing.core.waterfall.backstop import disposal_lots
from wavetank.clearing.core.waterfall.deficit import haircut
from wavetank.clearing.core.waterfall.policies.ranking import split_value
from wavetank.model.events.clearing import Deposited, FillBooked, FundingBooked, FundingTickBooked
from wavetank.model.events.oracle import FundingTicked
from wavetank.model.ids import FEE_ACCOUNT_ID, ROUNDING_ACCOUNT_ID
from wavetank.model.invariant import InvariantBroken


@pytest.mark.spec("INV-050")
def test_worked_check_of_the_ledger() -> None:
    # Buys 1 @100 and 2 @101, cost 302; sells 1 @110 (removed trunc(302/3) = 100, +10),
    # 1 @110 (removed trunc(202/2) = 101, +9), 1 @90 (removed the rest, 101: -11). Cash 8, cost 0.
    lots = cost = cash = 0
    booked = []
    for delta, price in ((1, 100), (2, 101), (-1, 110), (-1, 110), (-1, 90)):
        leg = book_leg(lots, cost, delta, delta * price)
        lots, cost, cash = leg.lots, leg.cost_micros, cash + leg.realised_micros
        booked.append((lots, cost, leg.realised_micros))
    assert booked == [(1, 100, 0), (3, 302, 0), (2, 202, 10), (1, 101, 9), (0, 0, -11)]
    assert cash == 8


@pytest.mark.spec("INV-050")
@pytest.mark.parametrize(
    ("lots", "cost", "delta", "value", "expected"),
    [
        # A long of 3 at 302 sells 5 for 500: closes 3 for trunc(500 x 3/5) = 300 (-2), opens a short of 2 for 200.
        (3, 302, -5, -500, Leg(-2, -200, -2)),
        # The same with a value that does not divide: trunc(-502 x 3/5) = -301, and -201 opens the short.
        (3, 302, -5, -502, Leg(-2, -201, -1)),
        # A short of 3 that cost -302 buys 1 for 90: removed trunc(-302/3) = -100, so +10.
        (-3, -302, 1, 90, Leg(-2, -202, 10)),
        # A short of 3 buys 5 for 500: closes 3 for 300 (+2), opens a long of 2 for 200.
        (-3, -302, 5, 500, Leg(2, 200, 2)),
        # A transfer at bankruptcy value may be worth less than nothing: the long pays to be rid of it.
        (1, 100, -1, 5, Leg(0, 0, -105)),
        # A small part of a large cost: trunc(-7 x 1/3) = -2 towards zero, not -3.
        (-3, -7, 1, 0, Leg(-2, -5, 2)),
    ],
)
def test_a_close_realises_the_exact_difference(lots: int, cost: int, delta: int, value: int, expected: Leg) -> None:
    leg = book_leg(lots, cost, delta, value)
    assert leg == expected
    # Whatever is realised, cash - cost moves by exactly -value.
    assert leg.realised_micros - (leg.cost_micros - cost) == -value


def test_products_of_large_amounts_do_not_wrap() -> None:
    # 2^55 micros x (2^40 - 1) lots needs 95 bits; a third of the lots carries a third of the cost.
    lots = 3 * (2**38)
    leg = book_leg(lots, 2**55, -(2**38), 0)
    assert (leg.lots, leg.realised_micros) == (2**39, -(2**55 // 3))


def test_running_sums_wrap_at_64_bits() -> None:
    assert wrap64(2**63 - 1) == 2**63 - 1
    assert wrap64(2**63) == -(2**63)
    assert wrap64(-(2**63) - 1) == 2**63 - 1


@pytest.mark.spec("LIQ-035")
@pytest.mark.parametrize(
    ("total", "lots", "parts", "expected"),
    [
        (100, 3, [1, 1, 1], [33, 33, 34]),
        (-100, 3, [1, 1, 1], [-34, -33, -33]),
        (95_000, 100, [40, 60], [38_000, 57_000]),
        (7, 10, [0, 10], [0, 7]),
    ],
)
def test_a_split_value_loses_nothing(total: int, lots: int, parts: list[int], expected: list[int]) -> None:
    assert split_value(total, lots, parts) == expected
    assert sum(expected) == total


@pytest.mark.spec("LIQ-100")
@pytest.mark.parametrize(
    ("gains", "missing", "expected"),
    [
        # 70 of 100 were collected: 30 are missing, winners of 60 and 40 keep 42 and 28.
        ([60, 40], 30, [18, 12]),
        # 10 x 1/3 each is 3; the one left goes to the first of equal remainders.
        ([5, 5, 5], 10, [4, 3, 3]),
        # Remainders of 7 x 3/10 and 7 x 7/10: 2.1 and 4.9; the larger remainder pays the odd one.
        ([3, 7], 7, [2, 5]),
        # Nobody gives more than his gain.
        ([60, 40], 500, [60, 40]),
        ([], 5, []),
        ([60, 40], 0, [0, 0]),
    ],
)
def test_haircut_is_in_proportion_to_gains(gains: list[int], missing: int, expected: list[int]) -> None:
    assert haircut(gains, missing) == expected


@pytest.mark.spec("LIQ-060")
def test_disposal_halves_and_ends() -> None:
    # 280 lots: half is 140 but 1 % of 10,000 is 100; half of 180; half of 90; below 50 all of it.
    lots, steps = 280, []
    while lots:
        step = disposal_lots(lots, fraction_ppm=500_000, full_below_lots=50, depth_lots=10_000, depth_share_ppm=10_000)
        steps.append(step)
        lots -= step
    assert steps == [100, 90, 45, 45]


@pytest.mark.spec("LIQ-060")
def test_disposal_rounds_up_and_never_stops_at_nothing() -> None:
    assert disposal_lots(51, fraction_ppm=500_000, full_below_lots=50, depth_lots=10**6, depth_share_ppm=10_000) == 26
    assert disposal_lots(51, fraction_ppm=500_000, full_below_lots=50, depth_lots=1, depth_share_ppm=10_000) == 1


@pytest.mark.spec("FUND-030")
def test_payer_owes_the_ceiling_and_receiver_gets_the_floor() -> None:
    # 3 lots x 1,000,001 ticks at 0.000 000 5 is 1.5000015 micro-dollars.
    assert funding_payment(3, 1_000_001, 500_000) == -2
    assert funding_payment(-3, 1_000_001, 500_000) == 1
    assert funding_payment(3, 1_000_001, -500_000) == 1
    assert funding_payment(-3, 1_000_001, -500_000) == -2
    assert funding_payment(3, 1_000_000, 10**6) == -3


@pytest.mark.spec("FUND-030", "INV-040")
def test_a_funding_tick_sums_to_zero_with_the_rounding_account() -> None:
    scene = Scene()
    a, b, c = (scene.open(10_000) for _ in range(3))
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, c, 1, 1_000_000)
    scene.trade(BTC, b, c, 2, 1_000_000)
    scene.funding(BTC, 500_000, 1_000_001)
    # Exactly 0.5000005 and 1.000001 are owed, 1.5000015 is due: 1 and 2 are paid, 1 is received, 2 stay.
    assert [(booked.account_id, booked.payment_micros) for booked in scene.all(FundingBooked)] == [
        (a, -1),
        (b, -2),
        (c, 1),
    ]
    tick = scene.last(FundingTickBooked)
    assert (tick.tick, tick.rounding_micros, tick.payers, tick.receivers) == (1, 2, 2, 1)
    assert scene.cash(ROUNDING_ACCOUNT_ID) == 2
    scene.assert_recoverable()


@pytest.mark.spec("FUND-030")
def test_an_unpaid_tick_is_counted_and_moves_nothing() -> None:
    scene = Scene()
    a, b = scene.open(10_000), scene.open(10_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, b, 1_000, 1_000_000)
    scene.funding(BTC, 10**9, 1_000_000, paid=False)
    assert scene.all(FundingBooked) == []
    assert scene.last(FundingTickBooked).funding_rate_e12 == 0
    assert scene.state.funding_ticks == {BTC: 1}
    # 1,000 lots are a hundredth of a coin: 1,000 dollars x 0.1 % is one dollar.
    scene.funding(BTC, 10**9, 1_000_000)
    assert (scene.cash(a), scene.cash(b)) == (9_999 * MICROS, 10_001 * MICROS)


@pytest.mark.spec("FUND-030")
def test_a_missing_funding_tick_stops_clearing() -> None:
    scene = Scene()
    scene.mark(BTC, 1_000_000)
    scene.funding(BTC, 1, 1_000_000)
    scene.ticks[BTC] += 1
    with pytest.raises(InvariantBroken, match="funding tick 3 follows 1"):
        scene.funding(BTC, 1, 1_000_000)


@pytest.mark.spec("INV-090", "FUND-030")
def test_facts_that_were_counted_before_are_passed_over() -> None:
    scene = Scene()
    a, b = scene.open(10_000), scene.open(10_000)
    scene.mark(BTC, 1_000_000)
    trade = scene.traded(BTC, a, b, 5, 1_000_000)
    scene.shard(trade)
    scene.funding(BTC, 10**9, 1_000_000)
    before = scene.core.last_seq
    scene.core.on_matching(scene.now_ns, 1, [trade])
    tick = FundingTicked(
        instrument_id=BTC,
        account_id=0,
        tick=1,
        funding_rate_e12=10**9,
        index_price_ticks=1_000_000,
        premium_e12=0,
        due_time_ns=0,
        samples=1,
        expected_samples=1,
        is_paid=1,
    )
    scene.core.on_oracle(scene.now_ns, scene.oracle_seq, [tick])
    assert scene.core.last_seq == before
    assert scene.lots(a, BTC) == 5


@pytest.mark.spec("FEE-010", "INV-010")
def test_fees_land_in_the_fee_account_and_rebates_leave_it() -> None:
    scene = Scene()
    a, b = scene.open(10_000), scene.open(10_000)
    scene.mark(ETH, 400_000)
    scene.trade(ETH, a, b, 10_000, 400_000, taker_fee=1_800_000, maker_fee=-400_000)
    assert scene.cash(FEE_ACCOUNT_ID) == 1_400_000
    assert (scene.cash(a), scene.cash(b)) == (9_998_200_000, 10_000_400_000)
    taker, maker = scene.all(FillBooked)
    assert (taker.fee_micros, maker.fee_micros) == (1_800_000, -400_000)
    assert scene.state.ledger.conserved_micros == scene.state.deposited_micros
    scene.assert_recoverable()


@pytest.mark.spec("INV-010", "INV-020")
def test_a_planted_leak_stops_clearing() -> None:
    scene = Scene()
    a = scene.open(10_000)
    leaky = Deposited(instrument_id=0, account_id=a, amount_micros=5, cash_after_micros=scene.cash(a) + 4)
    with pytest.raises(InvariantBroken, match="the event says"):
        scene.recovered().apply(leaky, 1, 0)
    ledger, row = scene.state.ledger, scene.account(a).row
    ledger.add_total(row, 1)
    with pytest.raises(InvariantBroken, match="INV-010"):
        scene.state.check_invariants()
    ledger.add_total(row, -1)
    scene.state.check_invariants()
    # Half a trade: a lot bought of nobody.
    ledger.book(row, BTC, 1, 0, 0)
    with pytest.raises(InvariantBroken, match="INV-020"):
        scene.state.check_invariants()


def test_a_trade_of_an_account_nobody_opened_stops_clearing() -> None:
    scene = Scene()
    a = scene.open(10_000)
    scene.mark(BTC, 1_000_000)
    with pytest.raises(InvariantBroken, match="does not exist"):
        scene.trade(BTC, a, 4_711, 1, 1_000_000)
