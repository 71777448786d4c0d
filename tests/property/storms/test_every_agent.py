"""What holds for every agent, whatever the market does: its orders are allowed, its time goes on, its acts repeat."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.client import instruments as sdk
from tests.unit.storms.agents.scripted_view import BTC, DOLLAR, LISTED, SECOND_NS, SOL, ScriptedView
from wavetank.model.instrument import Instrument
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import NEVER_NS, Agent, CancelAll, Intent, LiquidationSeen, Turn
from wavetank.storms.agents.casting import AGENT_KINDS, make_agent
from wavetank.storms.dice import Dice

# Small enough orders for the bound to be felt.
TIGHT = tuple(replace(each, max_order_lots=40_000) for each in LISTED.values())
BOTH = ["SOL", "BTC"]
BUSY: dict[str, dict[str, object]] = {
    "arbitrageur": {"instruments": BOTH, "clip_micros": 900_000 * DOLLAR, "max_position_micros": 3_000_000 * DOLLAR},
    "backstop": {"instruments": BOTH, "size_micros": 900_000 * DOLLAR, "max_position_micros": 3_000_000 * DOLLAR},
    "informed": {"instruments": BOTH, "clip_micros": 900_000 * DOLLAR, "max_position_micros": 3_000_000 * DOLLAR},
    "liquidator": {"instruments": BOTH, "budget_micros": 900_000 * DOLLAR, "offline_ppm": 300_000},
    "momentum": {"instruments": BOTH, "size_micros": 900_000 * DOLLAR, "clip_micros": 90_000 * DOLLAR},
    "noise": {"instruments": BOTH, "mean_micros": 900 * DOLLAR, "spread_e6": 3_000_000, "passive_ppm": 500_000},
    "wall": {"instrument": "SOL", "side": "buy", "notional_micros": 900_000 * DOLLAR, "pull_ppm": 3_000},
    "whale": {
        "targets": [
            {"instrument": "SOL", "after_ns": 0, "micros": 900_000 * DOLLAR},
            {"instrument": "BTC", "after_ns": 0, "lots": 123},
            {"instrument": "SOL", "after_ns": 5 * SECOND_NS, "lots": -7_777},
        ],
        "clip_micros": 90_000 * DOLLAR,
    },
}


class Weather:
    """A market that dice make: it jumps, empties, goes stale, and gives some of what is wanted."""

    def __init__(self, seed: int) -> None:
        self.dice = Dice(seed, "weather")
        self.view = ScriptedView()
        self.mids = {SOL.instrument_id: 1_000_000, BTC.instrument_id: 640_000}

    def blow(self) -> None:
        dice, view = self.dice, self.view
        for instrument in (SOL, BTC):
            number = instrument.instrument_id
            self.mids[number] = max(20_000, self.mids[number] * dice.between(980_000, 1_020_000) // 1_000_000)
            mid, half = self.mids[number], dice.between(1, 2_000)
            sides = dice.below(10)
            view.quote(
                mid - half if sides else 0,
                mid + half if sides != 1 else 0,
                dice.between(1, 90_000),
                instrument=instrument,
            )
            mark, index = mid + dice.between(-9_000, 9_000), mid + dice.between(-9_000, 9_000)
            if dice.chance(900_000):
                view.tell(mark, index, instrument=instrument, stale=dice.chance(100_000))
            view.foreseen[number] = max(0, mid + dice.between(-9_000, 9_000)) if dice.chance(800_000) else 0
            if dice.chance(300_000):
                side = dice.choice((Side.BUY, Side.SELL))
                view.liquidations[number] = LiquidationSeen(view.now_ns, side, mid, 10)

    def answer(self, intents: Sequence[Intent]) -> None:
        self.view.carry_out(intent for intent in intents if self.dice.chance(700_000))
        for place, lots in list(self.view.resting.items()):
            if self.dice.chance(200_000):
                number, side = place
                self.view.hold(
                    self.view.position_lots(number) + (lots if side is Side.BUY else -lots),
                    self.view.instrument(number),
                )
                del self.view.resting[place]


def agent_of(kind: str, seed: int) -> Agent:
    return make_agent(kind, BUSY[kind], TIGHT, Dice(seed, "agent"))


def live(agent: Agent, weather: Weather, looks: int) -> list[Turn]:
    turns: list[Turn] = []
    for _ in range(looks):
        weather.blow()
        turn = agent.wake(weather.view)
        assert turn.wake_ns > weather.view.now_ns
        check(turn.intents, weather.view)
        turns.append(turn)
        weather.answer(turn.intents)
        weather.view.now_ns = turn.wake_ns if turn.wake_ns < NEVER_NS else weather.view.now_ns + SECOND_NS
    return turns


def check(intents: Sequence[Intent], view: ScriptedView) -> None:
    """Say by the SDK's own reckoning whether the venue would accept these."""
    for intent in intents:
        if isinstance(intent, CancelAll):
            continue
        instrument: Instrument = {each.instrument_id: each for each in TIGHT}[intent.instrument_id]
        client = {"SOL": sdk.SOL, "BTC": sdk.BTC}[instrument.symbol]
        # The SDK raises what is off the grid or out of range.
        assert client.price_ticks(client.price(intent.price_ticks)) == intent.price_ticks
        assert client.size_lots(client.size(intent.size_lots)) == intent.size_lots
        assert intent.size_lots <= 40_000
        told = view.told(intent.instrument_id)
        assert told is not None
        # The band is 10 % around the mark.
        assert 10 * abs(intent.price_ticks - told.mark_price_ticks) <= told.mark_price_ticks
        if intent.flags & OrderFlag.REDUCE_ONLY:
            position = view.position_lots(intent.instrument_id)
            assert intent.size_lots <= (position if intent.side is Side.SELL else -position)
        else:
            assert intent.size_lots * intent.price_ticks >= 10 * DOLLAR
            assert not told.is_stale
        assert not (intent.flags & OrderFlag.POST_ONLY and intent.time_in_force is TimeInForce.IOC)


@pytest.mark.spec("UNIT-020", "UNIT-030", "MTCH-040")
@pytest.mark.parametrize("kind", sorted(AGENT_KINDS))
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_it_sends_is_allowed_and_its_time_goes_on(kind: str, seed: int) -> None:
    live(agent_of(kind, seed), Weather(seed), 40)


@pytest.mark.parametrize("kind", sorted(AGENT_KINDS))
def test_it_acts_in_such_weather(kind: str) -> None:
    # Else what is said above would be said of nothing.
    turns = [turn for seed in range(10) for turn in live(agent_of(kind, seed), Weather(seed), 40)]
    assert sum(bool(turn.intents) for turn in turns) >= 20


@pytest.mark.spec("INV-100")
@pytest.mark.parametrize("kind", sorted(AGENT_KINDS))
def test_the_same_seed_and_market_lead_to_the_same_acts(kind: str) -> None:
    assert live(agent_of(kind, 3), Weather(5), 200) == live(agent_of(kind, 3), Weather(5), 200)


@pytest.mark.spec("INV-100")
@pytest.mark.parametrize("kind", sorted(AGENT_KINDS))
def test_a_copy_goes_on_as_the_original_does(kind: str) -> None:
    agent, weather = agent_of(kind, 4), Weather(6)
    live(agent, weather, 50)
    forked_agent, forked_weather = deepcopy((agent, weather))
    assert live(agent, weather, 100) == live(forked_agent, forked_weather, 100)
