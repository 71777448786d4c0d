"""The auditor on sub-accounts, isolated ones, and transfers: what may stand in the log, and what may not (MRGN-060)."""

from dataclasses import replace

import pytest

from tests.model.scripted_shard import BTC, MICROS, Scene
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.cli.audit.mode_changes import ModeChanges
from wavetank.cli.audit.withdrawals import Withdrawals
from wavetank.model.events.clearing import (
    AccountOpened,
    CashTransferred,
    FillBooked,
    MarginModeChanged,
    WithdrawalHeld,
    WithdrawalRefused,
)
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.record import Event


def day() -> tuple[list[Event], int, int]:
    """Return a log in which an account gives its sub-account 400 dollars; and the two."""
    scene = Scene()
    parent, other = scene.open(1_000), scene.open(1_000_000)
    child = scene.core.bank.open_account("child", 0, parent_id=parent, isolated_instrument_id=BTC).account_id
    scene.keep()
    scene.core.bank.transfer(parent, child, 400 * MICROS)
    scene.keep()
    scene.credit_applied(parent, scene.last(WithdrawalHeld).line_number, 0)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, child, other, 100, 1_000_000)
    return [logged.event for logged in scene.log], parent, child


def broken_rules(events: list[Event], *, in_liquidation: tuple[int, ...] = ()) -> set[Rule]:
    findings = Findings()
    ledger = Ledger(findings)
    withdrawals = Withdrawals(findings, ledger, in_liquidation)
    modes = ModeChanges(findings, ledger, {})
    for event in events:
        withdrawals.before(0, event)
        modes.before(event)
        ledger.apply(event)
    ledger.end_entry()
    return set(findings.broken)


def changed(events: list[Event], kind: type, **fields: int) -> list[Event]:
    """Return the log with fields of the last event of a kind changed."""
    at = max(index for index, event in enumerate(events) if isinstance(event, kind))
    return [*events[:at], replace(events[at], **fields), *events[at + 1 :]]  # type: ignore[type-var]


@pytest.mark.spec("MRGN-060", "MRGN-030")
def test_a_transfer_to_an_isolated_sub_account_passes() -> None:
    events, _, _ = day()
    assert broken_rules(events) == set()


@pytest.mark.spec("MRGN-060")
def test_a_transfer_is_what_was_held() -> None:
    events, _, _ = day()
    (held,) = (event for event in events if isinstance(event, WithdrawalHeld))
    (moved,) = (event for event in events if isinstance(event, CashTransferred))
    assert Rule.MRGN_060 in broken_rules([event for event in events if event is not held])
    assert broken_rules(changed(events, WithdrawalHeld, receiver_account_id=1_001)) == {Rule.MRGN_060}
    assert broken_rules(changed(events, WithdrawalHeld, amount_micros=399 * MICROS)) == {Rule.MRGN_060}
    ended = WithdrawalRefused(0, moved.account_id, 1, 0, 0, 1)
    at = events.index(moved)
    assert broken_rules([*events[:at], ended, *events[at:]]) == {Rule.MRGN_060}


@pytest.mark.spec("MRGN-060", "INV-050")
def test_a_transfer_is_booked_on_both_sides_and_between_clients() -> None:
    events, parent, _ = day()
    (moved,) = (event for event in events if isinstance(event, CashTransferred))
    wrong = moved.receiver_cash_after_micros + 1
    assert Rule.INV_050 in broken_rules(changed(events, CashTransferred, receiver_cash_after_micros=wrong))
    assert Rule.MRGN_060 in broken_rules(changed(events, CashTransferred, receiver_account_id=INSURANCE_FUND_ID))
    assert broken_rules(events, in_liquidation=(parent,)) == {Rule.LIQ_110}


@pytest.mark.spec("MRGN-060")
def test_a_sub_account_has_a_parent_that_is_none_itself() -> None:
    events, _, child = day()
    for parent in (9_999, child, INSURANCE_FUND_ID):
        assert broken_rules([*events, AccountOpened(0, 1_500, b"orphan", 1, parent)]) == {Rule.MRGN_060}


@pytest.mark.spec("MRGN-030")
def test_what_is_isolated_is_so_from_its_opening_on_and_trades_nothing_else() -> None:
    events, parent, child = day()
    assert broken_rules([*events, MarginModeChanged(BTC, parent, 1)]) == {Rule.MRGN_030}
    assert broken_rules([*events, MarginModeChanged(0, child, 2)]) == {Rule.MRGN_030}
    assert Rule.MRGN_030 in broken_rules(changed(events, MarginModeChanged, instrument_id=99))
    booked = [
        index for index, event in enumerate(events) if isinstance(event, FillBooked) and event.account_id == child
    ]
    other = replace(events[booked[0]], instrument_id=2)  # type: ignore[type-var]
    assert Rule.MRGN_030 in broken_rules([*events[: booked[0]], other, *events[booked[0] + 1 :]])
