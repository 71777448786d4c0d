"""Links between simulated processes: late, and in order."""

from __future__ import annotations

from typing import Any

from wavetank.storms.dice import Dice
from wavetank.storms.simulation.link import Delay, Link
from wavetank.storms.simulation.schedule import Schedule


def _sent(delay: Delay, seed: int, count: int = 200) -> list[tuple[int, int]]:
    schedule = Schedule(0)
    arrived: list[Any] = []
    link: Link[int] = Link(schedule, delay, Dice(seed), lambda number: arrived.append((schedule.now_ns, number)))
    for number in range(count):
        schedule.at(number * 10, link.send, number)
    schedule.run_until(10**9)
    return arrived


def test_a_constant_delay_is_added_to_each_message() -> None:
    assert _sent(Delay(7), 1, 3) == [(7, 0), (17, 1), (27, 2)]


def test_a_message_never_overtakes_another_however_the_delays_fall() -> None:
    # With a mean of ten intervals most messages would overtake some other.
    arrived = _sent(Delay(0, 100), 2)
    assert [number for _, number in arrived] == list(range(200))
    times = [time for time, _ in arrived]
    assert times == sorted(times)
    assert len(set(times)) > 10


def test_the_seed_decides_the_delays() -> None:
    assert _sent(Delay(0, 1_000), 2) == _sent(Delay(0, 1_000), 2)
    assert _sent(Delay(0, 1_000), 2) != _sent(Delay(0, 1_000), 3)
