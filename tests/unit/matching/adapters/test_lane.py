"""A lane: what is late passes late, and keeps its order."""

from __future__ import annotations

from functools import partial

import pytest

from tests.eventually import eventually_async
from wavetank.matching.adapters.lane import Lane

pytestmark = pytest.mark.spec("MTCH-065")

MS = 1_000_000


async def test_what_is_not_late_passes_at_once() -> None:
    lane, done = Lane(), list[int]()
    lane.put(0, partial(done.append, 1))
    assert done == [1]
    assert lane.is_empty


async def test_nothing_overtakes_what_came_earlier() -> None:
    lane, done = Lane(), list[int]()
    lane.put(30 * MS, partial(done.append, 1))
    lane.put(0, partial(done.append, 2))
    lane.put(1 * MS, partial(done.append, 3))
    assert not done
    await eventually_async(lambda: len(done) == 3)
    assert done == [1, 2, 3]
    assert lane.is_empty


async def test_a_release_lets_all_pass_in_order() -> None:
    lane, done = Lane(), list[int]()
    for number in range(3):
        lane.put(3_600_000 * MS, partial(done.append, number))
    lane.release()
    assert done == [0, 1, 2]
    lane.put(0, partial(done.append, 9))
    assert done[-1] == 9
