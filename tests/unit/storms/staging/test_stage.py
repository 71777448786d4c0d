"""What is on stage turns to another page, or to other dice, from one moment on."""

from typing import Any

import pytest

from wavetank.model.events.matching import Traded
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.simulation.journal import Entry
from wavetank.storms.staging.stage import Staged, next_prices_ns, stage

SECOND_NS = 1_000_000_000
TURN_NS = 6 * SECOND_NS


def page(*steps: dict[str, Any], **venue: Any) -> Scenario:  # noqa: ANN401 - what a page says.
    """Return a page on which nothing is left to chance but what takers of the SDK want."""
    return Scenario.model_validate(
        {
            "scenario": 1,
            "name": "still",
            "title": "Still water",
            "duration": "12s",
            "market": {"instruments": {"BTC": {"price": 60_000, "volatility": 0}}},
            "venue": {"log_jitter": 0, **venue},
            "cast": [
                {
                    "name": "maker",
                    "kind": "market_maker",
                    "deposit": "1M",
                    "settings": {"size": "9k", "max_position": "500k"},
                },
                {
                    "name": "takers",
                    "kind": "taker_flow",
                    "deposit": "1M",
                    "settings": {"mean_size": "1k", "max_position": "100k", "rate": 5},
                },
                {"name": "account"},
            ],
            "timeline": list(steps),
        }
    )


class Played:
    """A page that is played to its end, and turns to another on the way."""

    def __init__(self, scenario: Scenario, *, turn: Scenario | None = None, seed: int | None = None) -> None:
        self.staged: Staged = stage(scenario, seed=1)
        venue = self.staged.venue
        self._start_ns = venue.schedule.now_ns
        self.trades: list[tuple[int, int, int]] = []
        """When, at which price, and how much."""
        venue.observers.append(self._look)
        if turn is not None:
            venue.run_until(self._start_ns + TURN_NS)
            self.staged.follow(turn, seed=seed)
        venue.run_until(self._start_ns + scenario.duration)

    def _look(self, entry: Entry) -> None:
        for event in entry.events if entry.log == "matching-0" else ():
            if isinstance(event, Traded):
                self.trades.append((entry.now_ns - self._start_ns, event.price_ticks, event.size_lots))

    @property
    def before(self) -> list[tuple[int, int, int]]:
        return [trade for trade in self.trades if trade[0] <= TURN_NS]


def test_a_page_that_turns_to_itself_stays_as_it_is() -> None:
    assert Played(page(), turn=page()).trades == Played(page()).trades


def test_takers_of_the_sdk_draw_from_the_dice_that_were_turned() -> None:
    trunk, one, other = Played(page()), Played(page(), turn=page(), seed=1), Played(page(), turn=page(), seed=2)
    assert len(trunk.before) > 10
    assert one.before == other.before == trunk.before
    assert len({tuple(played.trades) for played in (trunk, one, other)}) == 3
    assert Played(page(), turn=page(), seed=1).trades == one.trades


def test_a_step_that_has_happened_does_not_happen_again_and_one_to_come_is_the_other_pages() -> None:
    deposits = [{"at": at, "deposit": {"who": "account", "amount": amount}} for at, amount in (("6s", 3), ("8s", 50))]
    others = [{"at": at, "deposit": {"who": "account", "amount": amount}} for at, amount in (("6s", 4), ("9s", 700))]
    played = Played(page(*deposits), turn=page(*others))
    state = played.staged.venue.clearing.core.state
    (account_id,) = played.staged.casting.accounts["account"]
    # 100,000 at the beginning, 3 at the very moment of the turn, which had come, and 700 of the other page.
    assert state.accounts[account_id].cash_micros == 100_703 * 10**6


@pytest.mark.parametrize(("after_ms", "expected_ms"), [(0, 700), (699, 700), (700, 1_400)])
def test_prices_are_settled_up_to_the_next_publication(after_ms: int, expected_ms: int) -> None:
    # The beginning lies 400 ms into a stretch of 700 ms, so 300 ms on is where they begin anew.
    venue = stage(page(oracle={"publish_interval": "700ms"}), seed=1).venue
    began_ns = venue.schedule.now_ns
    venue.run_until(began_ns + (300 + after_ms) * 1_000_000)
    assert next_prices_ns(venue) - began_ns == (300 + expected_ms) * 1_000_000
