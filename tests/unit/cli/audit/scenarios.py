"""Three days at the venue: a calm one, one that ends in a loss nobody can bear alone, and any number of random ones."""

import random

from tests.unit.cli.audit.venue import USD, Venue
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.fees import FeeSchedule, FeeTier, MakerRebate
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.matching.core import commands
from wavetank.model.events.oracle import ConsumerBit
from wavetank.model.orders import OrderFlag, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL

SHORT_DAYS = FeeSchedule(
    tiers=(FeeTier(1_000 * USD, 400, 120), FeeTier(20_000 * USD, 300, 0), FeeTier(100_000 * USD, 250, -5)),
    rebates=(MakerRebate(100_000, -10), MakerRebate(250_000, -20)),
    window_days=3,
    day_ns=10 * SECOND_NS,
)
"""Fees of a venue where ten seconds are a day, and a thousand dollars a volume."""


def calm_day() -> Venue:
    """Two makers, a taker: queue priority, amends, a self-trade, reduce-only orders, funding, a withdrawal."""
    venue = Venue()
    alice, bob, carol = (venue.open(name, 10_000 * USD) for name in ("alice", "bob", "carol"))
    venue.order(alice, SELL, 1_001_000, 300)
    venue.order(bob, SELL, 1_001_000, 300)
    venue.order(bob, SELL, 1_002_000, 300)
    venue.order(alice, BUY, 999_000, 500)
    venue.sample()
    # Takes alice's 300 first, then 100 of bob's at the same price.
    venue.order(carol, BUY, 1_001_500, 400, time_in_force=TimeInForce.IOC)
    # Takes the rest of bob's and a part of the next level, in two trades; 7 lots round the fees up.
    venue.order(carol, BUY, 1_002_000, 207)
    venue.funding(100_000_007)
    # alice's own bid at 999,000 expires instead of trading with her.
    venue.order(alice, SELL, 999_000, 20)
    venue.order(carol, SELL, 1_003_000, 100, flags=OrderFlag.REDUCE_ONLY)
    venue.order(carol, SELL, 999_000, 17, flags=OrderFlag.REDUCE_ONLY)
    venue.order(bob, BUY, 998_000, 900)
    venue.send(commands.amend(account_id=bob, order_id=(1 << 48) + 10, size_lots=800))
    venue.send(commands.amend(account_id=bob, order_id=(1 << 48) + 10, price_ticks=999_000))
    venue.order(carol, SELL, 999_000, 50, time_in_force=TimeInForce.IOC)
    # Meets nothing, and may not rest.
    venue.order(carol, BUY, 1_001_000, 10, time_in_force=TimeInForce.IOC)
    venue.price(1_004_000)
    venue.funding(-55_555_555, index=1_004_000)
    venue.withdraw(carol, 50 * USD)
    venue.sample()
    return venue


def ruinous_day() -> Venue:
    """Clearing learns of a fall too late: a fund that is too small, auto-deleveraging, a socialised loss, a debt."""
    venue = Venue(ClearingSettings(vault_enabled=False), fund=5 * USD)
    rich = venue.open("rich", 100_000 * USD)
    winner = venue.open("winner", 1_000 * USD)
    ruined = venue.open("ruined", 310 * USD)
    late = venue.open("late", 250 * USD)
    bear = venue.open("bear", 1_000 * USD)
    # Sold high: a gain that a loss may be taken from.
    venue.price(1_050_000)
    venue.order(rich, BUY, 1_050_000, 500)
    venue.order(bear, SELL, 1_050_000, 500)
    venue.price(950_000)
    venue.order(rich, SELL, 950_000, 1_000)
    venue.order(winner, BUY, 950_000, 1_000)
    venue.price(1_000_000)
    venue.order(rich, SELL, 1_000_000, 10_000)
    venue.order(ruined, BUY, 1_000_000, 10_000)
    # Matching and the bots see the fall at once, clearing does not.
    venue.price(900_000, consumers=int(ConsumerBit.TRUTH | ConsumerBit.MATCHING | ConsumerBit.BOTS))
    venue.order(late, SELL, 900_000, 9_000)
    venue.order(rich, BUY, 900_000, 11_000)
    venue.price(900_000)
    venue.price(899_000)
    venue.later(1)
    return venue


TAKES_BTC = ClearingSettings(
    collateral={"BTC": CollateralTerms(weight_ppm=900_000, cap_micros=20_000 * USD, venue_cap_lots=100_000)},
    collateral_loan_micros=100 * USD,
)
"""A lot of BTC counts 0.9 dollars at 1,000,000 ticks."""


def day_of_collateral() -> Venue:
    """Collateral that is given, taken back and sold: on request, of who owes too much, is flat, or far below margin."""
    venue = Venue(TAKES_BTC, fund=1_000_000 * USD)
    alice, bob = venue.open("alice", 100 * USD), venue.open("bob", 1_000_000 * USD)
    owing, debtor, poor = (venue.open(name, 0) for name in ("owing", "debtor", "poor"))
    venue.give(alice, 5_000)
    venue.take_back(alice, 1_000)
    # Orders commit what is left: this one is refused by what the shard says.
    venue.order(alice, BUY, 999_000, 100_000)
    venue.take_back(alice, 3_900)
    venue.convert(alice, 500)
    venue.send(commands.cancel_all(account_id=alice))
    for account in (owing, debtor, poor):
        venue.give(account, 1_000)
    venue.order(bob, SELL, 1_000_000, 50_000)
    venue.order(owing, BUY, 1_000_000, 5_000)
    venue.order(debtor, BUY, 1_000_000, 11_000)
    venue.order(poor, BUY, 1_000_000, 20_000)
    venue.price(990_000)
    venue.order(bob, BUY, 990_000, 50_000)
    # 50 dollars are lost and owed, and nothing is held; then 105 of an account that holds a rest.
    venue.order(owing, SELL, 990_000, 5_000)
    venue.order(debtor, SELL, 990_000, 10_500)
    venue.sample()
    venue.price(960_000)
    venue.price(950_000)
    venue.later(1)
    return venue


def busy_days() -> Venue:
    """Days of ten seconds: volumes that earn a tier and a rebate, and lose both again."""
    venue = Venue(ClearingSettings(fees=SHORT_DAYS))
    alice, bob = (venue.open(name, 100_000 * USD) for name in ("alice", "bob"))
    for _ in range(3):
        venue.order(alice, SELL, 1_000_000, 700)
        venue.order(bob, BUY, 1_000_000, 700)
        venue.later(10)
    # An order that rests while its account's rates change.
    venue.order(alice, SELL, 1_000_000, 100)
    venue.later(10)
    venue.order(bob, BUY, 1_000_000, 50)
    venue.set_funding_interval(600 * SECOND_NS)
    venue.later(60)
    venue.order(bob, BUY, 1_000_000, 50)
    venue.sample()
    return venue


def random_day(seed: int, steps: int = 250, settings: ClearingSettings | None = None) -> Venue:
    """Eight accounts of all sizes, orders of all kinds, jumps of the price; what happens is the seed's."""
    rng = random.Random(seed)
    venue = Venue(
        settings or ClearingSettings(vault_enabled=seed % 2 == 0, fees=SHORT_DAYS if seed % 3 else FeeSchedule()),
        fund=rng.choice([1, 10, 1_000, 100_000]) * USD,
    )
    accounts = [venue.open(f"account {number}", rng.choice([300, 2_000, 20_000, 10**6]) * USD) for number in range(8)]
    mark = 1_000_000
    for _ in range(steps):
        dice = rng.randrange(100)
        if dice < 10:
            mark = max(50_000, mark * rng.randrange(960, 1_041) // 1_000)
            venue.price(mark)
        elif dice < 12:
            venue.funding(rng.randrange(-(10**9), 10**9), mark)
        elif dice < 15:
            venue.sample()
        elif dice < 17:
            venue.later(rng.randrange(1, 10))
        elif dice < 20:
            try:
                venue.withdraw(rng.choice(accounts), rng.randrange(1, 200 * USD))
            except Refused:
                continue
        elif dice < 29 and venue.clearing.state.settings.collateral:
            move = rng.choice([venue.give, venue.give, venue.take_back, venue.convert])
            try:
                move(rng.choice(accounts), rng.randrange(1, 3_000))
            except Refused:
                continue
        elif dice < 25:
            venue.send(commands.cancel_all(account_id=rng.choice(accounts)))
        else:
            venue.order(
                rng.choice(accounts),
                rng.choice([BUY, SELL]),
                mark * rng.randrange(985, 1_016) // 100_000 * 100,
                rng.randrange(20, 20_000),
                time_in_force=rng.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC]),
                flags=rng.choice([OrderFlag.NONE, OrderFlag.NONE, OrderFlag.NONE, OrderFlag.REDUCE_ONLY]),
            )
    return venue
