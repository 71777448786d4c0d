"""Ten million random commands, of every kind, to the engine and to a naive shard, without a difference."""

import os
import secrets

import pytest

from tests.model.matching_search import search

COMMANDS = 10_000_000


@pytest.mark.timeout(0)
@pytest.mark.spec("MTCH-010", "MTCH-090", "ORD-010", "ORD-020", "ORD-060")
def test_ten_million_random_commands_are_answered_alike() -> None:
    seed = secrets.randbelow(2**31)
    print(f"python -m tests.model.matching_search --seed {seed} --commands {COMMANDS}")  # noqa: T201 - to repeat it.
    sent, failure = search(seed, COMMANDS, os.cpu_count() or 1)
    assert failure is None, str(failure)
    assert sent >= COMMANDS
