"""Long runs of the twins: many short episodes from one seed, and of a failing one the few inputs that still fail.

An episode is a fresh pair of twins driven by a generator seeded with (seed, episode), so each repeats by itself. A
failing one is cut to its prefix and then made shorter by delta debugging: inputs are plain values that are left out in
ever smaller pieces for as long as some difference remains.

    python -m tests.model.matching_search --seed 7 --episode 12
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from random import Random

from tests.model.matching_inputs import Input, Send
from tests.model.matching_twins import Twins

COMMANDS = 1_000
"""Commands of one episode, at least."""

EVERY = 16
"""Inputs from one comparison of the whole state to the next."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A difference, and how to see it again."""

    seed: int
    episode: int
    inputs: list[Input]
    said: str

    def __str__(self) -> str:
        lines = [f"    {one}" for one in self.inputs]
        return "\n".join(
            [
                f"seed {self.seed}, episode {self.episode}: {self.said}",
                f"the {len(lines)} inputs that are left still differ:",
                *lines,
                f"repeat: python -m tests.model.matching_search --seed {self.seed} --episode {self.episode}",
            ]
        )


def episode(seed: int, number: int, every: int = EVERY) -> Twins | Failure:
    """Run one episode; return its twins, or how they differed."""
    random = Random(f"{seed}/{number}")
    twins = Twins(every)
    try:
        twins.begin(random)
        while twins.commands_sent < COMMANDS:
            twins.random_input(random)
        twins.compare_state()
    except Exception as difference:  # noqa: BLE001 - an exception of either side is a difference too.
        inputs = shortened(list(twins.given))
        return Failure(seed, number, inputs, difference_of(inputs) or told(difference))
    return twins


def difference_of(inputs: Iterable[Input]) -> str:
    """Return what differs when these inputs are given, comparing everything after each; empty if nothing does."""
    twins = Twins()
    try:
        for one in inputs:
            twins.do(one)
    except Exception as difference:  # noqa: BLE001 - as above.
        return told(difference)
    return ""


def told(difference: Exception) -> str:
    """Return what was found, and the comparison that found it."""
    where = traceback.extract_tb(difference.__traceback__)[-1]
    return f"{type(difference).__name__}: {difference}\n    at {where.name}: {where.line}"


def shortened(inputs: list[Input]) -> list[Input]:
    """Return few of the inputs, in order, that still show a difference (delta debugging)."""
    pieces = 2
    while len(inputs) > 1 and pieces <= len(inputs):
        size = -(-len(inputs) // pieces)
        for at in range(0, len(inputs), size):
            fewer = inputs[:at] + inputs[at + size :]
            if difference_of(fewer):
                inputs, pieces = fewer, max(2, pieces - 1)
                break
        else:
            if size == 1:
                break
            pieces = min(len(inputs), 2 * pieces)
    return with_fewer_commands(inputs)


def with_fewer_commands(inputs: list[Input]) -> list[Input]:
    """Leave single commands out of what is sent at once."""
    for index, one in enumerate(inputs):
        if not isinstance(one, Send):
            continue
        asks = one.asks
        at = 0
        while len(asks) > 1 and at < len(asks):
            fewer = asks[:at] + asks[at + 1 :]
            if difference_of([*inputs[:index], Send(fewer), *inputs[index + 1 :]]):
                asks = fewer
            else:
                at += 1
        inputs = [*inputs[:index], Send(asks), *inputs[index + 1 :]]
    return inputs


def several(seed: int, numbers: Sequence[int]) -> tuple[int, Failure | None]:
    """Run episodes until one fails; return how many commands were sent, and the failure."""
    sent = 0
    for number in numbers:
        done = episode(seed, number)
        if isinstance(done, Failure):
            return sent, done
        sent += done.commands_sent
    return sent, None


def search(seed: int, commands: int, processes: int, at_a_time: int = 50) -> tuple[int, Failure | None]:
    """Run episodes on several processors until so many commands were sent, or two answers differed."""
    sent = 0
    begun = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        first = 0
        while sent < commands:
            # A round at a time, so that the last one is not far beyond what was asked for.
            jobs = []
            for _ in range(processes):
                jobs.append(pool.submit(several, seed, range(first, first + at_a_time)))
                first += at_a_time
            for job in jobs:
                done, failure = job.result()
                sent += done
                if failure is not None:
                    return sent, failure
            seconds = time.monotonic() - begun
            sys.stdout.write(f"\r{sent:,} commands in {seconds:,.0f} s, {sent / seconds:,.0f} a second")
            sys.stdout.flush()
    sys.stdout.write("\n")
    return sent, None


def main() -> int:
    parser = argparse.ArgumentParser(description="Send random commands to the engine and to a naive shard.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--episode", type=int, help="run this one only")
    parser.add_argument("--commands", type=int, default=10_000_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    if given.episode is not None:
        done = episode(given.seed, given.episode)
        failure = done if isinstance(done, Failure) else None
    else:
        _, failure = search(given.seed, given.commands, given.processes)
    sys.stdout.write(f"{failure}\n" if failure else "no difference\n")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
