"""Wait for something that another process or task is about to make true.

It exists so that no test sleeps for a guessed time: a test says what it waits for and how long at most, and goes on
the moment it holds.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

Value = TypeVar("Value")

# Short enough that a test loses nothing by asking, long enough to leave the processor to what is waited for.
PAUSE_SECONDS = 0.01


def eventually(predicate: Callable[[], Value], timeout: float = 10.0) -> Value:
    """Return the first true value of a predicate.

    Args:
        predicate: asked again and again; may return any value, of which a true one ends the wait.
        timeout: wall seconds after which the wait has failed.

    Raises:
        AssertionError: the predicate was still false; the message holds its last value.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(_failure(predicate, timeout, value))
        time.sleep(PAUSE_SECONDS)


@overload
async def eventually_async(predicate: Callable[[], Awaitable[Value]], timeout: float = 10.0) -> Value: ...
@overload
async def eventually_async(predicate: Callable[[], Value], timeout: float = 10.0) -> Value: ...
async def eventually_async(predicate: Callable[[], object], timeout: float = 10.0) -> object:
    """Return the first true value of a predicate, and let other tasks run meanwhile.

    Args:
        predicate: asked again and again, awaited if it returns an awaitable.
        timeout: wall seconds after which the wait has failed; also for one answer of the predicate.

    Raises:
        AssertionError: the predicate was still false; the message holds its last value.
        TimeoutError: the predicate itself did not answer in time.
    """
    deadline = time.monotonic() + timeout
    async with asyncio.timeout(timeout + 1.0):
        while True:
            answer = predicate()
            value = await answer if inspect.isawaitable(answer) else answer
            if value:
                return value
            if time.monotonic() >= deadline:
                raise AssertionError(_failure(predicate, timeout, value))
            await asyncio.sleep(PAUSE_SECONDS)


def _failure(predicate: Callable[[], object], timeout: float, value: object) -> str:
    name = getattr(predicate, "__qualname__", repr(predicate))
    return f"{name} was not true within {timeout} s; its last value was {value!r}"
