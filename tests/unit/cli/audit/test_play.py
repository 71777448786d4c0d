"""The auditor on twins and resets: what may stand in the log, and what may not (PLAY-020)."""

from dataclasses import replace
from typing import Any

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.cli.audit.play import Play
from wavetank.model.events.clearing import (
    CashCause,
    CashTransferred,
    LeverageChanged,
    MatchingRequested,
    PlayBegan,
    PlayEnded,
)
from wavetank.model.events.matching import MarkApplied
from wavetank.model.orders import CommandKind
from wavetank.model.record import Event


def day() -> list[Event]:
    """Return a log in which an account with two positions gets a twin, which is reset then."""
    scene = Scene()
    source, maker = scene.open(20_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, source, maker, 100_000, 1_000_000)
    scene.trade(ETH, source, maker, -100_000, 400_000)
    scene.core.leverages.change(source, BTC, 10)
    twin = scene.core.play.clone(source, "twin").account_id
    scene.keep()
    scene.transfer_all(twin)
    scene.core.play.reset(twin, 7_000 * MICROS)
    scene.keep()
    scene.cancelled(twin)
    scene.transfer_all(twin)
    return [logged.event for logged in scene.log]


def offences(events: list[Event]) -> int:
    """Return how often the rule of play was broken."""
    findings = Findings()
    ledger = Ledger(findings)
    play = Play(findings, ledger)
    for seq, event in enumerate(events, 1):
        play.before(seq, event)
        ledger.apply(event)
        if isinstance(event, MarkApplied):
            ledger.marks[event.instrument_id] = event.mark_price_ticks
    return findings.broken[Rule.PLAY_020]


def changed(events: list[Event], kind: type, number: int, **fields: Any) -> list[Event]:  # noqa: ANN401 - any field.
    """Return the log with fields of the n-th event of a kind changed."""
    at = [index for index, event in enumerate(events) if isinstance(event, kind)][number]
    return [*events[:at], replace(events[at], **fields), *events[at + 1 :]]  # type: ignore[type-var]


@pytest.mark.spec("PLAY-020", "PLAY-030")
def test_a_twin_and_a_reset_pass() -> None:
    events = day()
    assert offences(events) == 0
    assert [event.amount_micros for event in events if isinstance(event, CashTransferred)] == [
        20_000 * MICROS,
        13_000 * MICROS,
    ]


@pytest.mark.spec("PLAY-020", "PLAY-030")
def test_planted_offences_are_found() -> None:
    events = day()
    asked = [event for event in events if isinstance(event, MatchingRequested)]
    assert [event.command for event in asked] == [CommandKind.TRANSFER] * 2 + [CommandKind.CANCEL_ACCOUNT] + [
        CommandKind.TRANSFER
    ] * 2
    planted = {
        "a leg of the twin is larger": changed(events, MatchingRequested, 0, size_lots=100_001),
        "a leg of the twin is cheaper": changed(events, MatchingRequested, 1, value_micros=0),
        "a leg goes to somebody else": changed(events, MatchingRequested, 0, receiver_account_id=1_001),
        "a leg of the twin is missing": [event for event in events if event is not asked[1]],
        "the twin is richer": changed(events, CashTransferred, 0, amount_micros=20_001 * MICROS),
        "somebody else gives the money": changed(events, CashTransferred, 0, account_id=1_001),
        "the reset leaves lots behind": changed(events, MatchingRequested, 3, size_lots=-99_999),
        "the reset closes beside the mark": changed(events, MatchingRequested, 3, value_micros=-1),
        "the reset leaves too much": changed(events, PlayBegan, 1, cash_micros=6_999 * MICROS),
        "the twin has another leverage": changed(events, LeverageChanged, 1, leverage=11),
        "a twin that nobody asked for": [event for event in events if not isinstance(event, PlayBegan)],
        "it ends twice": [*events, next(event for event in events if isinstance(event, PlayEnded))],
    }
    assert {name: offences(log) > 0 for name, log in planted.items()} == dict.fromkeys(planted, True)
    assert CashCause.PLAY in {event.cause for event in events if isinstance(event, CashTransferred)}
