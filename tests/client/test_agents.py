"""Agents of a storm live: they trade with each other over the SDK, and the venue refuses nothing that they write."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tests.client.conftest import PRICES
from tests.eventually import eventually_async
from wavetank.client import CommandAnswered, Fill, Runner, StrategyCommand, StrategyEvent, Venue
from wavetank.storms.agents.casting import make_agent
from wavetank.storms.agents.strategy import AgentStrategy, as_listed
from wavetank.storms.dice import Dice

DOLLAR = 1_000_000


class Watched:
    """An agent's strategy, and what the venue told it."""

    def __init__(self, strategy: AgentStrategy) -> None:
        self.strategy = strategy
        self.fills: list[Fill] = []
        self.answers: list[CommandAnswered] = []

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        if isinstance(event, Fill):
            self.fills.append(event)
        elif isinstance(event, CommandAnswered):
            self.answers.append(event)
        return self.strategy.on_event(event)


async def test_a_crowd_trades_with_a_backstop(operator: Venue, trader: Callable[[], Awaitable[Venue]]) -> None:
    listed = [as_listed(each) for each in operator.instruments.values()]
    maker = make_agent(
        "backstop",
        {
            "instruments": ["ETH"],
            "size_micros": 5_000 * DOLLAR,
            "max_position_micros": 50_000 * DOLLAR,
            "half_spread_ppm": 1_000,
            "interval_ns": 500_000_000,
        },
        listed,
        Dice(1, "maker"),
    )
    crowd = make_agent(
        "noise",
        {"instruments": ["ETH"], "interval_ns": 100_000_000, "mean_micros": 200 * DOLLAR, "passive_ppm": 200_000},
        listed,
        Dice(1, "crowd"),
    )
    players = [Watched(AgentStrategy(agent)) for agent in (maker, crowd)]
    running = [asyncio.create_task(Runner(each, await trader(), ["ETH"]).run()) for each in players]

    async def have_traded() -> bool:
        # Prices are pushed by hand here, and go stale without.
        await operator.admin.push_prices(PRICES)
        return any(task.done() for task in running) or all(len(player.fills) >= 5 for player in players)

    try:
        await eventually_async(have_traded, timeout=30.0)
        assert not any(task.done() for task in running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    refused = [each.result.refusal for player in players for each in player.answers if each.result.refusal is not None]
    assert refused == []
