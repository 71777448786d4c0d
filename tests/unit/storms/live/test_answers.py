"""What the cast hears of its commands: how long answers took by the venue's time, and what only a door refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from wavetank.client import OutcomeUnknown, StrategyCommand, VenueClock, WavetankError
from wavetank.client.events import CommandAnswered, CommandUnresolved, StrategyEvent, Timer
from wavetank.client.orders import CancelAllOrders, CommandResult
from wavetank.model.reason import Reason
from wavetank.storms.live.answers import Answers, Overheard

COMMAND = CancelAllOrders(instrument="BTC")
ACCOUNT = 1_000


class Scripted:
    """A strategy that keeps what it hears, and wants the same each time."""

    def __init__(self) -> None:
        self.heard: list[StrategyEvent] = []

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        self.heard.append(event)
        return [COMMAND]


def answered(refusal: WavetankError | None = None) -> CommandAnswered:
    """Return an answer that took 250 ns of this machine's clock."""
    result = CommandResult(refusal=refusal)
    return CommandAnswered(event_time_ns=0, command=COMMAND, result=result, sent_ns=1_000, answered_ns=1_250)


def heard(event: StrategyEvent) -> Answers:
    # Venue time runs four times as fast as the wall.
    answers = Answers(VenueClock(speed_milli=4_000))
    strategy = Scripted()
    assert Overheard(strategy, ACCOUNT, answers).on_event(event) == [COMMAND]
    assert strategy.heard == [event]
    return answers


@pytest.mark.parametrize("refusal", [None, WavetankError("no", code=Reason.CREDIT_EXCEEDED)])
def test_an_answer_of_the_book_took_so_much_venue_time_and_its_refusals_stand_in_the_log(
    refusal: WavetankError | None,
) -> None:
    answers = heard(answered(refusal))
    assert answers.answered == [(ACCOUNT, COMMAND, 1_000)]
    assert answers.refused == []


@pytest.mark.parametrize("reason", [Reason.VENUE_OVERLOADED, Reason.RATE_LIMITED])
def test_what_a_door_refused_is_counted_and_is_no_answer_of_the_book(reason: Reason) -> None:
    error = WavetankError("busy", code=reason)
    for event in (answered(error), CommandUnresolved(event_time_ns=0, command=COMMAND, error=error)):
        answers = heard(event)
        assert answers.refused == [(ACCOUNT, reason)]
        assert answers.answered == []


def test_what_got_no_answer_is_neither() -> None:
    lost = CommandUnresolved(event_time_ns=0, command=COMMAND, error=OutcomeUnknown("no answer came"))
    for event in (lost, Timer(event_time_ns=0)):
        answers = heard(event)
        assert (answers.answered, answers.refused) == ([], [])
