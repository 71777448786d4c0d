"""Refusals in words: every reason has a sentence of its own."""

import string

import pytest

from wavetank.matching.adapters.refusals import _SENTENCES, refusal
from wavetank.model.reason import Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_sentence(reason: Reason) -> None:
    message = refusal(reason, 4_711, 815)
    assert int(message.reason) == int(reason)
    assert (message.was, message.allowed) == (4_711, 815)
    assert message.message != reason.name
    assert "{" not in message.message
    fields = {name for _, name, _, _ in string.Formatter().parse(_SENTENCES[reason]) if name}
    assert fields <= {"was", "allowed"}


def test_no_two_reasons_say_the_same() -> None:
    assert len(set(_SENTENCES.values())) == len(_SENTENCES)


def test_a_sentence_of_its_own_takes_the_place_of_the_usual_one() -> None:
    assert refusal(Reason.MALFORMED, message="no side").message == "no side"
