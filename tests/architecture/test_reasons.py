"""The reasons that a core gives and those on the wire are one list.

The words of the trade import nothing, so the list stands twice; this test keeps it one.
"""

import importlib.util

import pytest

from wavetank.v1 import reason_pb2

PREFIX = "REASON_"
STAGES = {100, 200, 300, 400, 500, 900}


def reason_offences(words: dict[str, int], wire: dict[str, int]) -> list[str]:
    """Return the reasons in which two lists differ, by name or by number."""
    return sorted(f"{name}={number}" for name, number in words.items() ^ wire.items())


def wire_reasons() -> dict[str, int]:
    """Return the contract's reasons without their prefix; zero is never sent, so the words have no name for it."""
    return {name.removeprefix(PREFIX): number for name, number in reason_pb2.Reason.items() if number}


def test_words_and_wire_give_the_same_reasons() -> None:
    if importlib.util.find_spec("wavetank.model.reason") is None:
        pytest.skip("the words of the trade have no reasons yet")
    reasons = importlib.import_module("wavetank.model.reason").Reason
    assert reason_offences({reason.name: reason.value for reason in reasons}, wire_reasons()) == []


def test_every_reason_belongs_to_a_stage() -> None:
    assert {number // 100 * 100 for number in wire_reasons().values()} <= STAGES


def test_a_reason_that_differs_is_caught() -> None:
    assert reason_offences({"MALFORMED": 100, "HALTED": 201}, {"MALFORMED": 100, "HALTED": 202}) == [
        "HALTED=201",
        "HALTED=202",
    ]
