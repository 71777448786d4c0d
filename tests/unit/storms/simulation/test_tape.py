"""The tape: what was known when."""

from __future__ import annotations

from wavetank.storms.agents.agent import Top
from wavetank.storms.simulation.tape import LONGEST_DELAY_NS, Tape, Track

SECOND_NS = 1_000_000_000


def test_a_track_tells_what_held_at_a_time() -> None:
    track: Track[str] = Track()
    assert track.at(5) is None
    track.add(10, "a")
    track.add(20, "b")
    assert [track.at(time) for time in (9, 10, 19, 20, 99)] == [None, "a", "a", "b", "b"]
    assert track.newest == "b"


def test_a_track_forgets_only_what_nobody_may_still_see() -> None:
    track: Track[int] = Track()
    step_ns = SECOND_NS // 100
    for number in range(20_000):
        track.add(number * step_ns, number)
    newest_ns = 19_999 * step_ns
    # The last second of what the slowest may see, checked point by point.
    for back in range(LONGEST_DELAY_NS // step_ns):
        assert track.at(newest_ns - back * step_ns) == 19_999 - back


def test_the_tape_notes_a_top_only_when_it_changes() -> None:
    tape = Tape([1])
    top = Top(100, 5, 101, 5, 100)
    assert tape.note_top(10, 1, (100, 5, 101, 5, 100)) == top
    assert tape.note_top(20, 1, (100, 5, 101, 5, 100)) is None
    assert tape.note_top(30, 1, (100, 4, 101, 5, 100)) is not None
    assert tape.tops[1].at(25) == top
