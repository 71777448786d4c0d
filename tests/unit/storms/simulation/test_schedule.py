"""The virtual clock: order of happenings, and the time they see."""

from __future__ import annotations

from wavetank.storms.simulation.schedule import Schedule


def test_happenings_come_in_order_of_time_and_those_of_one_time_in_order_of_scheduling() -> None:
    schedule = Schedule(100)
    seen: list[object] = []

    def note(name: str) -> None:
        seen.append((schedule.now_ns, name))

    schedule.at(300, note, "late")
    schedule.at(200, note, "first")
    schedule.at(200, note, "second")
    schedule.run_until(250)
    assert seen == [(200, "first"), (200, "second")]
    assert schedule.now_ns == 250
    schedule.run_until(300)
    assert seen[2:] == [(300, "late")]


def test_what_is_scheduled_for_the_past_happens_now_and_behind_what_was_to_happen_now() -> None:
    schedule = Schedule(100)
    seen: list[object] = []

    def first() -> None:
        schedule.at(50, seen.append, "late")

    schedule.at(100, first)
    schedule.at(100, seen.append, "on time")
    schedule.run_until(100)
    assert seen == ["on time", "late"]
    assert schedule.now_ns == 100


def test_a_happening_at_the_very_end_still_happens() -> None:
    schedule = Schedule(0)
    seen: list[object] = []
    schedule.at(10, seen.append, 1)
    schedule.at(11, seen.append, 2)
    schedule.run_until(10)
    assert seen == [1]


def test_what_takes_a_reserved_place_comes_where_it_would_have_come() -> None:
    schedule = Schedule(0)
    seen: list[object] = []
    schedule.at(10, seen.append, "before")
    places = schedule.reserve(2)
    schedule.at(10, seen.append, "after")
    schedule.at_place(places[1], 10, seen.append, "second place")
    schedule.at_place(places[0], 10, seen.append, "first place")
    schedule.run_until(10)
    assert seen == ["before", "first place", "second place", "after"]


def test_what_is_withdrawn_does_not_happen_and_its_places_are_free_again() -> None:
    schedule = Schedule(0)
    seen: list[object] = []
    places = schedule.reserve(2)
    for time_ns in (30, 10, 20):
        schedule.at(time_ns, seen.append, time_ns)
    schedule.at_place(places[0], 15, seen.append, "old")
    schedule.at_place(places[1], 25, seen.append, "old")
    schedule.withdraw(places)
    schedule.at_place(places[0], 25, seen.append, "new")
    schedule.run_until(30)
    assert seen == [10, 20, "new", 30]
