"""Weather: a random page of a scenario from a seed, or a scenario with random faults on top.

It exists because the worst days are those that nobody wrote down. Kept true: the same seed gives the same page, which
is an ordinary one: it can be printed, changed and run like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, get_args

from wavetank.storms.dice import Dice
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.steps import Disturb, Step

_SYMBOLS = ("BTC", "ETH", "SOL")
_PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(2_500), "SOL": Decimal(150)}
_MODES = ("gross", "gross", "group_offset", "scenario")
_KINDS = ("noise", "momentum", "arbitrageur", "informed", "liquidator", "backstop", "wall")

_SETTLES_PPM = 20_000
"""Chance of a step to end an instrument."""

Draw = Callable[[Dice, "Sky"], dict[str, Any]]


class Sky:
    """What a random step may name."""

    def __init__(self, symbols: list[str], people: list[str], prices: Mapping[str, Decimal]) -> None:
        """Name these instruments and these people of the cast.

        Args:
            symbols: of the instruments.
            people: names of roles.
            prices: dollars per unit, as far as the page says them.

        """
        self.symbols = symbols
        self.people = people
        self.prices = prices

    def some(self, dice: Dice) -> list[str]:
        """Return one of the instruments, or all."""
        return [dice.choice(self.symbols)] if dice.chance(700_000) else []


def random_page(seed: int) -> dict[str, Any]:
    """Return a page of about a minute in which anything may happen."""
    dice = Dice(seed, "weather")
    symbols = list(_SYMBOLS[: dice.between(1, 3)])
    cast = _cast(dice, symbols)
    sky = Sky(symbols, [role["name"] for role in cast], {symbol: _PRICES[symbol] for symbol in symbols})
    page: dict[str, Any] = {
        "scenario": 1,
        "name": f"weather_{seed}",
        "title": f"Random weather of seed {seed}",
        "seed": seed,
        "duration": f"{dice.between(25, 60)}s",
        "market": {
            "instruments": {
                symbol: {
                    "price": f"{_PRICES[symbol]:f}",
                    "volatility": f"{dice.choice([0, 1, 2, 5, 10])}%",
                    "funding_interval": f"{dice.choice([5, 10, 30])}s",
                    "sources": [{"name": f"spot{number}"} for number in range(dice.choice([1, 1, 3]))],
                    "collateral_weight": f"{dice.choice([70, 90])}%",
                    "withholds_gains": dice.chance(300_000),
                }
                for symbol in symbols
            }
        },
        "venue": _venue(dice),
        "cast": cast,
        "timeline": random_steps(dice, sky, dice.between(3, 12), 25),
        "person": {"policy": dice.choice(["absent", "after"]), "after": "2s", "choose": dice.choice(["go_on", "hold"])},
        "asserts": ["ledger.balanced", "positions.balanced"],
    }
    page["market"] |= _walks(Dice(seed, "weather of prices"), symbols, page["venue"]["oracle"]["publish_interval"])
    return page


def _walks(dice: Dice, symbols: list[str], published: str) -> dict[str, Any]:
    """Return how prices move by themselves; a burst is as long as the time between two publications, or longer."""
    walks: dict[str, Any] = {}
    if dice.chance(300_000):
        walks["correlation"] = f"{dice.choice([0, 50, 95])}%"
    if dice.chance(400_000):
        walks["jumps"] = [
            {
                "per_hour": dice.choice([60, 300, 1_200]),
                "mean": f"{dice.choice([-100, 0, 50])}bp",
                "deviation": f"{dice.choice([10, 100, 500])}bp",
                "common": dice.chance(400_000),
                "instruments": [dice.choice(symbols)] if dice.chance(300_000) else [],
            }
            for _ in range(dice.between(1, 2))
        ]
    if dice.chance(300_000):
        walks["regimes"] = [
            {"name": "calm", "lasting": f"{dice.choice([2, 10])}s", "next": {"storm": 2, "slump": 1}},
            {"name": "storm", "lasting": "5s", "volatility": dice.choice([3, 8]), "correlation": 1.05, "intensity": 5},
            {"name": "slump", "lasting": "8s", "volatility": 1.5, "drift": f"{dice.choice([-100, -20, 40])}%"},
        ]
    if dice.chance(400_000):
        walks["bursts"] = [
            {
                "every": f"{dice.choice([3, 10])}s",
                "lasting": dice.choice([published, published, "2s"]),
                "arrivals": dice.choice(["periodic", "random"]),
                "after": f"{dice.choice([0, 5])}s",
                "volatility": dice.choice([3, 10, 20]),
                "intensity": dice.choice([1, 10]),
            }
        ]
    return walks


def _venue(dice: Dice) -> dict[str, Any]:
    return {
        "fund": dice.choice(["0", "5k", "100k", "1M"]),
        "vault": dice.choice(["0", "0", "50k"]),
        "insurance_before_backstop": dice.chance(300_000),
        "clearing": {
            "vault_cap": dice.choice(["0", "100k", "50M"]),
            "partial_above": dice.choice(["10k", "100k"]),
            "partial_cooldown": dice.choice(["2s", "30s"]),
            "adl_policy": dice.choice(["hyperliquid", "bitmex", "pro_rata", "min_max_leverage"]),
            "escalation_wait": dice.choice(["0s", "0s", "3s"]),
            "vault_enabled": dice.chance(800_000),
            "fund_enabled": dice.chance(800_000),
            "vault_step": "3s",
        },
        "ordering": {"policy": dice.choice(["arrival", "arrival", "cancels_first", "random", "taker_delay"])},
        "oracle": {"publish_interval": dice.choice(["1s", "1s", "250ms"])},
        "log_jitter": dice.choice(["0s", "1ms", "50ms"]),
    }


def _cast(dice: Dice, symbols: list[str]) -> list[dict[str, Any]]:
    cast: list[dict[str, Any]] = [
        {
            "name": "makers",
            "kind": "market_maker",
            "count": dice.between(1, 3),
            "deposit": dice.choice(["50k", "500k"]),
            "is_bot": True,
            "margin_mode": dice.choice(_MODES),
            "settings": {"size": dice.choice(["3k", "20k"]), "max_position": "200k", "requote_interval": "500ms"},
        },
        {
            "name": "noise",
            "kind": "noise",
            "count": dice.between(2, 6),
            "deposit": "40k",
            "settings": {"interval": "1s"},
        },
    ]
    needed = {
        "momentum": {"size": "10k", "clip": "10k"},
        "arbitrageur": {"clip": "10k", "max_position": "100k"},
        "informed": {"clip": "10k", "max_position": "100k"},
        "liquidator": {"budget": "50k", "offline": "20%"},
        "backstop": {"size": "5k", "max_position": "30k"},
        "wall": {"instrument": symbols[0], "notional": "25k", "side": "buy"},
    }
    for number in range(dice.between(0, 3)):
        kind = dice.choice(_KINDS)
        role = {"name": f"other{number}", "kind": kind, "deposit": "30k", "sees_next_index": kind == "informed"}
        cast.append(role | {"settings": needed.get(kind, {"interval": "2s"})})
    for number in range(dice.between(1, 3)):
        symbol = dice.choice(symbols)
        side = dice.choice([1, -1])
        micros = side * dice.choice([100, 300, 800]) * 10**9
        cast.append(
            {
                "name": f"gambler{number}",
                "kind": "whale",
                "instruments": [symbol],
                "deposit": dice.choice(["8k", "20k", "60k"]),
                "margin_mode": dice.choice(_MODES),
                "settings": {
                    "clip": "50k",
                    "slippage": "2%",
                    "targets": [{"instrument": symbol, "after": "1s", "micros": micros}],
                },
            }
        )
    cast.append({"name": "idle", "deposit": "25k", "collateral": {symbols[0]: "0.1"}})
    return cast


def random_steps(dice: Dice, sky: Sky, count: int, until_seconds: int) -> list[dict[str, Any]]:
    """Return random steps of a timeline, in order of time.

    Args:
        dice: decide.
        sky: what they may name.
        count: how many.
        until_seconds: the last is before this.

    """
    steps = []
    verbs = [verb for verb in _STEPS if verb != "settle"]
    for _ in range(count):
        # What is settled never trades again, so most days are without.
        verb = "settle" if sky.prices and dice.chance(_SETTLES_PPM) else dice.choice(verbs)
        steps.append({"at": f"{dice.between(3_000, until_seconds * 1_000)}ms", verb: _STEPS[verb](dice, sky)})
    return sorted(steps, key=lambda step: int(step["at"].removesuffix("ms")))


def _move(dice: Dice, sky: Sky) -> dict[str, Any]:
    return {
        "by": f"{dice.choice([-25, -12, -8, -4, 4, 8, 15])}%",
        "over": f"{dice.choice([1, 3, 10])}s",
        "instruments": sky.some(dice),
        "recovered": dice.choice(["0", "0.5", "1"]),
        "recover_over": "5s",
    }


def _fault(dice: Dice, sky: Sky) -> dict[str, Any]:
    kind = dice.choice(["lag", "freeze", "spike", "drift", "decimal", "hardcode", "widen", "censor", "congestion"])
    fault: dict[str, Any] = {
        "kind": kind,
        "instruments": sky.some(dice),
        "consumers": dice.choice([["clearing"], ["matching"], ["bots"], []]),
        "lasting": f"{dice.choice([2, 8])}s",
        "probability": dice.choice(["100%", "50%"]),
        "seed": dice.below(1_000),
    }
    more: dict[str, dict[str, Any]] = {
        "lag": {"lag": f"{dice.choice([500, 5_000])}ms"},
        "spike": {"by": f"{dice.choice([-20, -5, 5, 20])}%"},
        "drift": {"by": f"{dice.choice([-15, 15])}%", "ramp": "3s"},
        "decimal": {"exponent": dice.choice([-2, 1])},
        "hardcode": {"price": dice.choice([0, 1, 100])},
        "widen": {"by": "5%"},
        "censor": {"by": "1%"},
    }
    return fault | more.get(kind, {})


def _disturb(dice: Dice, sky: Sky) -> dict[str, Any]:
    kind = dice.choice(list(get_args(Disturb.model_fields["kind"].annotation)))
    disturbance: dict[str, Any] = {
        "kind": kind,
        "who": [dice.choice(sky.people)] if dice.chance(500_000) else [],
        "probability": f"{dice.choice([5, 50, 100])}%",
        "lasting": f"{dice.choice([1, 5])}s",
        "seed": dice.below(1_000),
    }
    return disturbance | ({"delay": "20ms", "jitter": "100ms"} if kind.endswith("delay") else {})


def _order(dice: Dice, sky: Sky) -> dict[str, Any]:
    return {
        "who": dice.choice(sky.people),
        "instrument": dice.choice(sky.symbols),
        "side": dice.choice(["buy", "sell"]),
        "notional": dice.choice(["5k", "50k", "300k"]),
        "slippage": dice.choice(["1%", "10%"]),
        "reduce_only": dice.chance(200_000),
    }


def _cross(dice: Dice, sky: Sky) -> dict[str, Any]:
    buyer, seller = dice.choice(sky.people), dice.choice(sky.people)
    clips = dice.between(1, 3)
    return {"buyer": buyer, "seller": seller, "instrument": dice.choice(sky.symbols), "size": 1, "clips": clips}


def _settle(dice: Dice, sky: Sky) -> dict[str, Any]:
    symbol = dice.choice(list(sky.prices))
    return {"instrument": symbol, "price": f"{sky.prices[symbol]:f}"}


def _parameters(dice: Dice, sky: Sky) -> dict[str, Any]:
    change: dict[str, Any] = dice.choice(
        [{"funding_interval": "7s"}, {"position_limit": "50k"}, {"tiers": [{"leverage": 10}]}]
    )
    return {"instrument": dice.choice(sky.symbols)} | change


_STEPS: dict[str, Draw] = {
    "move": _move,
    "fault": _fault,
    "disturb": _disturb,
    "restart": lambda dice, _: {"service": dice.choice(["matching", "clearing", "oracle"]), "down": "1500ms"},
    "instruments": lambda dice, sky: {
        "state": dice.choice(["halted", "reduce_only", "post_only", "trading", "cancel_only"]),
        "instruments": sky.some(dice),
    },
    "ordering": lambda dice, _: {"policy": dice.choice(["arrival", "cancels_first", "random", "adversarial"])},
    "withdraw": lambda dice, sky: {"who": dice.choice(sky.people)},
    "deposit": lambda dice, sky: {"who": dice.choice(sky.people), "amount": "5k"},
    "transfer": lambda dice, sky: {"who": dice.choice(sky.people), "to": "idle", "amount": "1k"},
    "withdrawals": lambda dice, _: {"paused": dice.chance(500_000)},
    "fund": lambda dice, _: dice.choice([{"drain": "all"}, {"top_up": "10k"}]),
    "pace": lambda dice, _: {"delay": dice.choice(["0s", "1s"])},
    "parameters": _parameters,
    "group_limit": lambda dice, _: {"group": "majors", "net": dice.choice(["0", "100k"]), "gross": "500k"},
    "order": _order,
    "cross": _cross,
    "close": lambda dice, sky: {"who": dice.choice(sky.people), "instrument": dice.choice(sky.symbols)},
    "cancel": lambda dice, sky: {"who": dice.choice(sky.people)},
    "collateral": lambda dice, sky: {
        "who": dice.choice(sky.people),
        "instrument": dice.choice(sky.symbols),
        "size": dice.choice([1, -1]),
    },
    "settle": _settle,
}


def stormy(scenario: Scenario, seed: int, steps: int) -> Scenario:
    """Return a scenario with another seed and random steps on top, and only what must hold on any day.

    Args:
        scenario: the page.
        seed: of the run, and of the steps.
        steps: how many are added.

    """
    dice = Dice(seed, f"weather over {scenario.name}")
    instruments = scenario.market.instruments
    prices = {symbol: terms.price for symbol, terms in instruments.items() if terms.price is not None}
    sky = Sky(list(instruments), [role.name for role in scenario.cast], prices)
    until = max(4, scenario.duration // 10**9 - 2)
    added = random_steps(dice, sky, steps, until)
    people = {role.name for role in scenario.cast}
    return scenario.model_copy(
        update={
            "seed": seed,
            "harm": "",
            "asserts": ("ledger.balanced", "positions.balanced"),
            "variants": {},
            "timeline": (
                *scenario.timeline,
                *(Step.model_validate(step) for step in added if "transfer" not in step or "idle" in people),
            ),
        }
    )
