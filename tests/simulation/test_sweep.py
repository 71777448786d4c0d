"""A short sweep of random days, and of random weather over shipped scenarios; every invariant holds after every step.

A seed that once failed stands in `sweep_regressions.txt`, one trial a line: the seed, and the scenario if there is one.
The command in a failure's message repeats it.
"""

from __future__ import annotations

from copy import copy
from pathlib import Path

import pytest

from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.library import shipped_names
from wavetank.storms.scenario.reading import overridden, read_scenario
from wavetank.storms.sweep import trial as trial_module
from wavetank.storms.sweep.trial import Trial, attempt
from wavetank.storms.sweep.weather import random_page, stormy

REGRESSIONS = Path(__file__).with_name("sweep_regressions.txt")
RANDOM_DAYS = range(1, 13)


def _regressions() -> list[Trial]:
    lines = [line.split() for line in REGRESSIONS.read_text().splitlines() if line and not line.startswith("#")]
    return [Trial(int(words[0]), "".join(words[1:])) for words in lines]


def _attempt(trial: Trial) -> tuple[int, int]:
    outcome = attempt(trial)
    assert not outcome.failure, f"{outcome.failure}\n  {trial.command}"
    return outcome.trades, outcome.liquidations


@pytest.mark.spec("INV-010", "INV-020", "INV-040", "INV-090")
def test_nothing_breaks_on_random_days() -> None:
    found = [_attempt(Trial(seed)) for seed in RANDOM_DAYS]
    # A sweep in which nothing happens shows nothing.
    assert sum(trades for trades, _ in found) > 1_000
    assert sum(liquidations for _, liquidations in found) > 3


@pytest.mark.parametrize("name", shipped_names())
def test_nothing_breaks_when_weather_comes_over_a_shipped_scenario(name: str) -> None:
    _attempt(Trial(1, name))


def test_what_once_failed_does_not_fail_again() -> None:
    for trial in _regressions():
        _attempt(trial)


def test_the_page_of_a_seed_is_always_the_same_and_another_seeds_is_another() -> None:
    assert random_page(7) == random_page(7)
    assert random_page(7) != random_page(8)


def test_a_random_page_can_be_written_down_and_read() -> None:
    for seed in range(1, 60):
        assert Scenario.model_validate(random_page(seed)).seed == seed


def test_on_some_days_prices_jump_burst_or_change_their_kind_and_on_some_they_do_not() -> None:
    markets = [random_page(seed)["market"] for seed in range(1, 60)]
    for name in ("correlation", "jumps", "regimes", "bursts"):
        # Drawn on three days of ten or four: of 59 at least 5 but for one chance in 10,000, and never on 45.
        assert 5 <= sum(name in market for market in markets) <= 45


def test_weather_over_a_scenario_changes_nothing_but_what_it_adds() -> None:
    page = read_scenario(
        "scenario: 1\nname: still\ntitle: Still\nduration: 30s\nmarket: {instruments: {BTC: {}}}\n"
        "cast: [{name: somebody}]\ntimeline: [{at: 1s, deposit: {who: somebody, amount: 5}}]\n"
    )

    changed = stormy(page, 3, 6)
    assert changed.timeline[0] == page.timeline[0]
    assert 1 < len(changed.timeline) <= 7
    assert changed.market == overridden(page, {}).market
    assert changed.seed == 3


def test_an_error_that_no_run_foresees_names_the_command_that_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def divide(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(trial_module, "run_venue", divide)
    with pytest.raises(ZeroDivisionError) as raised:
        attempt(Trial(7, "C1"))
    assert raised.value.__notes__ == ["to repeat it: wavetank storm sweep --seeds 1 --first 7 --over C1"]
    # What comes back from another process is copied so, and brings it along.
    assert copy(raised.value).__notes__ == raised.value.__notes__
