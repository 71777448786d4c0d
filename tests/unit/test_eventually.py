"""The wait that all other tests rely on, tested itself."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.eventually import eventually, eventually_async


def test_the_first_true_value_is_returned() -> None:
    answers: Iterator[int] = iter([0, 0, 7])
    assert eventually(lambda: next(answers)) == 7


def test_a_predicate_that_stays_false_fails_with_its_last_value() -> None:
    with pytest.raises(AssertionError, match=r"last value was \[\]"):
        eventually(list, timeout=0.03)


async def test_other_tasks_run_while_an_async_wait_goes_on() -> None:
    event = asyncio.Event()
    task = asyncio.create_task(_set(event))
    assert await eventually_async(event.is_set)
    await task


async def test_a_coroutine_may_be_the_predicate() -> None:
    answers = iter([False, True])

    async def answer() -> bool:
        return next(answers)

    assert await eventually_async(answer)


async def test_an_async_wait_ends_too() -> None:
    with pytest.raises(AssertionError, match="not true within"):
        await eventually_async(lambda: False, timeout=0.03)


async def _set(event: asyncio.Event) -> None:
    event.set()
