"""Clearing is killed at every moment of every stage and of a funding tick, and ends where one never stopped does.

Each history is run once without a kill, and then once for every moment at which its clearing may die: before an entry
is committed, behind that, and behind its requests. An entry is appended whole or not at all, so a kill between two of
its events loses it like one before its first. The shard and the oracle live on. Each stage must be completed
exactly once: the state hash at the end is the twin's, and so is the number of events of each kind, but for the gate
that a start closes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.model.killable_clearing import Moment, World
from tests.model.scripted_shard import BTC, ETH, MICROS
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.settings import SECOND_NS, STAGE_ORDERS, ClearingSettings
from wavetank.clearing.core.snapshot import state_hash
from wavetank.model.events.clearing import (
    AdlPolicyKind,
    CascadeEnded,
    CashCause,
    CashTransferred,
    CollateralConverted,
    FundingBooked,
    FundingTickBooked,
    LiquidationEnded,
    LiquidationStepped,
    PlayEnded,
    StepCause,
    VenueGateMoved,
    WithdrawalsGated,
)
from wavetank.model.events.matching import BookSampled
from wavetank.model.events.oracle import EVERYBODY, FundingTicked, PricePublished

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.model.record import Event


class History(NamedTuple):
    """What happens: settings and fund, and the rest as a function of a world."""

    settings: ClearingSettings
    fund_dollars: int
    happen: Callable[[World], None]
    last: dict[str, int]
    """The last marks; published once more at the end."""
    stages: set[LiquidationStage]
    """Those that must have been met, so that the history tests what it says."""


def opened(world: World, *dollars: int) -> list[int]:
    """Open accounts, each with so many dollars."""
    found = [
        world.core.bank.open_account(f"account-{number}", each * MICROS).account_id
        for number, each in enumerate(dollars)
    ]
    world.run()
    return found


def marks(world: World, **ticks: int) -> None:
    """Publish marks one second later, in one entry, and let clearing work."""
    world.now_ns += SECOND_NS
    ids = {"btc": BTC, "eth": ETH}
    world.oracle.append(
        PricePublished(ids[name], 0, price, price, world.now_ns, world.now_ns, 0, EVERYBODY, 0)
        for name, price in ticks.items()
    )
    world.run()


def trades(world: World, *each: tuple[int, int, int, int, int]) -> None:
    """Trade: instrument, taker, maker, signed lots, price."""
    world.matching.append([world.shard.trade(*one) for one in each])
    world.run()


def settle(world: World, **ticks: int) -> None:
    """Let everything come to an end; at last without a kill, with fresh prices so that the gate is open."""
    for _ in range(3):
        world.now_ns += 20 * SECOND_NS
        world.run()
    world.armed = False
    marks(world, **ticks)


# The histories. BTC's maintenance margin is notional / 80, ETH's / 50.


def book_stages(world: World) -> None:
    a, maker = opened(world, 10_000, 10_000_000)
    marks(world, btc=1_000_000)
    trades(world, (BTC, a, maker, 400_000, 1_000_000))
    world.armed = True
    # 98,400: 3,600 against 4,920. A fifth is sold; of the rest a part, and at the next mark the rest.
    world.shard.fills = [[(maker, 80_000, 984_000)], [(maker, 100_000, 984_000)], [(maker, 220_000, 983_500)]]
    marks(world, btc=984_000)
    marks(world, btc=983_500)


def backstop(world: World) -> None:
    a, maker = opened(world, 10_000, 10_000_000)
    marks(world, btc=1_000_000, eth=400_000)
    trades(world, (BTC, a, maker, 100_000, 1_000_000), (ETH, a, maker, -200_000, 400_000))
    world.armed = True
    # Nothing goes over at first, and everything at the next mark; then the vault sells a part of what it took.
    world.shard.clips = [0, 0]
    world.shard.disposals = [(maker, 920_000), (maker, 410_000), (maker, 920_000)]
    marks(world, btc=925_000, eth=405_000)
    marks(world, btc=925_000, eth=405_000)
    world.matching.append([_sample(BTC, 925_000, world.now_ns), _sample(ETH, 405_000, world.now_ns)])
    world.run()


def vault_below_zero(world: World) -> None:
    a, maker = opened(world, 10_000, 10_000_000)
    marks(world, btc=1_000_000, eth=400_000)
    trades(world, (BTC, a, maker, 100_000, 1_000_000), (ETH, a, maker, -200_000, 400_000))
    world.armed = True
    marks(world, btc=925_000, eth=405_000)
    # 1 BTC fell by 2,500 since the vault took it with 1,500: the other side takes its legs, a part at first.
    world.shard.clips = [30_000]
    marks(world, btc=900_000)


def _sample(instrument_id: int, price: int, now_ns: int) -> Event:
    ends = (price - 10, 10**6, price + 10, 10**6, price, price * 10**6, price * 10**6, 10**6, 10**6)
    return BookSampled(instrument_id, 0, *ends, 0, now_ns)


def insurance(world: World) -> None:
    a, maker = opened(world, 10_000, 10_000_000)
    marks(world, btc=1_000_000, eth=400_000)
    trades(world, (BTC, a, maker, 100_000, 1_000_000), (ETH, a, maker, -200_000, 400_000))
    world.armed = True
    # ETH is bought worse than its value, in two fills, and BTC sold better: top-up, fee, repayment.
    world.shard.fills = [[(maker, 70_000, 410_000), (maker, 130_000, 410_000)], [(maker, 100_000, 950_000)]]
    marks(world, btc=925_000, eth=405_000)


def deleverage(world: World) -> None:
    a, x, y, other = opened(world, 5_000, 10_000, 1_000_000, 1_000_000)
    marks(world, btc=1_000_000)
    trades(world, (BTC, a, x, 100_000, 1_000_000), (BTC, other, y, 50_000, 1_000_000))
    world.armed = True
    # The first transfer is clipped, so the rest is ranked and asked for again.
    world.shard.clips = [30_000]
    marks(world, btc=940_000)


def deficit(world: World) -> None:
    a, h, s, s2, winner, other = opened(world, 5_000, 1_000_000, 1_150, 1_250, 100_000, 100_000)
    marks(world, btc=1_000_000)
    trades(world, (BTC, a, h, 100_000, 1_000_000))
    # Clearing learns of the fall, and then of trades at it: s has exactly its margin, and gives nothing.
    world.armed = True
    world.oracle.append([PricePublished(BTC, 0, 920_000, 920_000, world.now_ns, world.now_ns, 0, EVERYBODY, 0)])
    world.matching.append(
        [
            world.shard.trade(BTC, h, s, 100_000, 920_000),
            world.shard.trade(BTC, winner, s2, 60_000, 919_000),
            world.shard.trade(BTC, other, s2, 40_000, 919_000),
        ]
    )
    world.run()
    # The gate is lifted.
    for seconds in (1, 300):
        world.now_ns += seconds * SECOND_NS
        world.run()


def funding(world: World) -> None:
    a, b, maker = opened(world, 1_250, 1_200, 10_000_000)
    marks(world, btc=1_000_000)
    trades(world, (BTC, a, maker, 50_000, 1_000_000), (BTC, b, maker, 40_000, 1_000_000))
    world.armed = True
    world.shard.fills = [[(maker, 50_000, 990_000)], [(maker, 40_000, 990_000)]]
    marks(world, btc=990_000)
    # a has 750 against 618.75, b 800 against 495. A tick of 0.3 % takes 148.50 and 118.80: a falls, b stays.
    world.oracle.append([FundingTicked(BTC, 0, 1, 3 * 10**9, 990_000, 0, world.now_ns, 720, 720, 1)])
    world.run()
    # The next two are read at once: one is not paid, and the other lets b fall.
    world.oracle.append(
        [
            FundingTicked(BTC, 0, 2, 3 * 10**9, 990_000, 0, world.now_ns, 9, 720, 0),
            FundingTicked(BTC, 0, 3, 6 * 10**9, 990_000, 0, world.now_ns, 720, 720, 1),
        ]
    )
    world.run()


def collateral(world: World) -> None:
    a, maker = opened(world, 2_000, 10_000_000)
    marks(world, btc=1_000_000, eth=400_000)
    # 1 ETH counts nine tenths of 4,000 beside the cash.
    world.core.bank.collateral.deposit(a, ETH, 10_000)
    world.run()
    trades(world, (BTC, a, maker, 100_000, 1_000_000))
    world.armed = True
    # 95,500: 1,100 against 1,193.75, and nothing is filled. 94,800: 400 against 1,185, so the ETH is sold, and the
    # vault takes the leg over with what cash is left.
    marks(world, btc=955_000, eth=400_000)
    marks(world, btc=948_000, eth=400_000)


def twin_and_reset(world: World) -> None:
    a, maker = opened(world, 10_000, 10_000_000)
    marks(world, btc=1_000_000, eth=400_000)
    trades(world, (BTC, a, maker, 50_000, 1_000_000), (ETH, a, maker, -20_000, 400_000))
    world.armed = True
    world.ask(lambda core: core.play.clone(a, "twin"))
    # The first transfer of the reset is clipped, so the rest is asked for again.
    world.shard.clips = [30_000]
    world.ask(lambda core: core.play.reset(a, 7_000 * MICROS))


ETH_COUNTS = CollateralTerms(weight_ppm=900_000, cap_micros=10**13, venue_cap_lots=10**9)
PLAIN = ClearingSettings()
NO_VAULT = ClearingSettings(vault_enabled=False)
NO_HELP = ClearingSettings(vault_enabled=False, fund_enabled=False)

PARTIAL, FULL, BACKSTOP = LiquidationStage.PARTIAL, LiquidationStage.FULL, LiquidationStage.BACKSTOP
INSURANCE, DELEVERAGE, SOCIALISE = LiquidationStage.INSURANCE, LiquidationStage.DELEVERAGE, LiquidationStage.SOCIALISE

HISTORIES = {
    "book stages": History(PLAIN, 1_000_000, book_stages, {"btc": 983_500}, {PARTIAL, FULL}),
    "backstop": History(PLAIN, 1_000_000, backstop, {"btc": 925_000, "eth": 405_000}, {BACKSTOP}),
    "vault below zero": History(
        PLAIN, 1_000_000, vault_below_zero, {"btc": 900_000, "eth": 405_000}, {BACKSTOP, DELEVERAGE}
    ),
    "fund before vault": History(
        ClearingSettings(stage_order=STAGE_ORDERS[1]),
        1_000_000,
        backstop,
        {"btc": 925_000, "eth": 405_000},
        {INSURANCE, BACKSTOP},
    ),
    "insurance": History(NO_VAULT, 1_000_000, insurance, {"btc": 925_000, "eth": 405_000}, {INSURANCE}),
    "deleverage": History(NO_HELP, 0, deleverage, {"btc": 940_000}, {DELEVERAGE}),
    "deleverage pro rata": History(
        ClearingSettings(vault_enabled=False, fund_enabled=False, adl_policy=AdlPolicyKind.PRO_RATA),
        0,
        deleverage,
        {"btc": 940_000},
        {DELEVERAGE},
    ),
    "deficit": History(NO_VAULT, 2_970, deficit, {"btc": 920_000}, {DELEVERAGE, SOCIALISE}),
    "debt": History(NO_VAULT, 10, deficit, {"btc": 920_000}, {DELEVERAGE, SOCIALISE}),
    "collateral": History(
        ClearingSettings(collateral={"ETH": ETH_COUNTS}),
        1_000_000,
        collateral,
        {"btc": 948_000, "eth": 400_000},
        {BACKSTOP},
    ),
    "twin and reset": History(PLAIN, 1_000_000, twin_and_reset, {"btc": 1_000_000, "eth": 400_000}, set()),
    "funding tick": History(PLAIN, 1_000_000, funding, {"btc": 990_000}, {FULL}),
}


def run(history: History, kills: frozenset[int] = frozenset(), snapshot_every: int = 0) -> World:
    world = World(history.settings, history.fund_dollars * MICROS, kills=kills, snapshot_every=snapshot_every)
    world.run()
    history.happen(world)
    settle(world, **history.last)
    return world


def told(world: World) -> Counter[str]:
    """Return how often each kind of event stands in the log, but for the gate."""
    return Counter(type(event).__name__ for event in world.events if not isinstance(event, VenueGateMoved))


@pytest.mark.parametrize("name", HISTORIES)
def test_the_histories_are_what_they_say(name: str) -> None:
    history = HISTORIES[name]
    world = run(history)
    steps = [event for event in world.events if isinstance(event, LiquidationStepped)]
    assert history.stages <= {step.stage for step in steps if step.delta_lots or step.cause == StepCause.DEFICIT}
    # Everything has come to an end, so that no id of a liquidation or a request is left in the state.
    assert world.core.unanswered_requests() == []
    assert all(account.liquidation is None for account in world.core.state.accounts.values())
    assert any(isinstance(event, CascadeEnded) for event in world.events) == bool(history.stages)
    assert world.core.state.cascades.running == {}
    assert world.core.state.venue_is_open


def test_the_histories_move_money_in_every_way() -> None:
    events = [event for history in HISTORIES.values() for event in run(history).events]
    causes = {event.cause for event in events if isinstance(event, CashTransferred)}
    # Nobody transfers anything himself, and no operator drains the fund.
    assert causes == set(CashCause) - {CashCause.OWNER_TRANSFER, CashCause.FUND_DRAINED, CashCause.FUND_RESTORED}
    kinds = {FundingBooked, FundingTickBooked, LiquidationEnded, WithdrawalsGated, CollateralConverted, PlayEnded}
    assert {type(event) for event in events} >= kinds


@pytest.mark.spec("INV-100", "INV-090", "LIQ-030")
@pytest.mark.parametrize("name", HISTORIES)
def test_a_kill_at_any_moment_changes_nothing_in_the_end(name: str) -> None:
    history = HISTORIES[name]
    twin = run(history)
    assert set(twin.moments) == set(Moment)
    for moment in range(len(twin.moments)):
        killed = run(history, frozenset({moment}))
        where = f"killed at moment {moment}, {twin.moments[moment]}"
        assert killed.deaths == 1, where
        assert told(killed) == told(twin), where
        assert state_hash(killed.core.state) == state_hash(twin.core.state), where


@pytest.mark.spec("INV-100", "INV-090")
@pytest.mark.parametrize("name", HISTORIES)
def test_a_clearing_that_dies_again_while_it_comes_back_from_a_snapshot_changes_nothing(name: str) -> None:
    history = HISTORIES[name]
    twin = run(history)
    for moment in range(len(twin.moments)):
        killed = run(history, frozenset({moment, moment + 1, moment + 3}), snapshot_every=3)
        assert killed.deaths >= 2
        assert told(killed) == told(twin), moment
        assert state_hash(killed.core.state) == state_hash(twin.core.state), moment
