"""Withdrawals: what must stay (MRGN-060), and the hold until the shard has acknowledged (PROTOCOL R8)."""

from __future__ import annotations

import dataclasses

import pytest

from tests.model.scripted_shard import BTC, MICROS, Scene
from wavetank.clearing.core.credit import free_margin_micros, withdrawable_micros
from wavetank.clearing.core.refusal import Refused
from wavetank.model.events.clearing import WithdrawalHeld, WithdrawalRefused, Withdrawn
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.instrument import default_instruments
from wavetank.model.reason import Reason


def holding(dollars: int, *, withholds_gains: bool = False) -> tuple[Scene, int]:
    """Return a scene in which an account with so many dollars is long 1 BTC at 100,000."""
    listed = tuple(dataclasses.replace(each, withholds_gains=withholds_gains) for each in default_instruments())
    scene = Scene(instruments=listed)
    a, maker = scene.open(dollars), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    return scene, a


@pytest.mark.spec("MRGN-060")
def test_a_withdrawal_leaves_a_tenth_of_the_notional() -> None:
    # Initial margin is 100,000 / 40 = 2,500, a tenth of the notional 10,000: of 15,000 go 5,000.
    scene, a = holding(15_000)
    assert withdrawable_micros(scene.state, scene.account(a)) == 5_000 * MICROS
    with pytest.raises(Refused) as refusal:
        scene.core.bank.withdraw(a, 5_000 * MICROS + 1, scene.now_ns)
    assert refusal.value.reason is Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN
    assert (refusal.value.was, refusal.value.allowed) == (5_000_000_001, 5_000_000_000)
    assert scene.keep() == []


@pytest.mark.spec("MRGN-060")
def test_gains_can_be_withdrawn_unless_the_instrument_withholds_them() -> None:
    # At 101,000 the account has gained 1,000: equity 16,000 less a tenth of 101,000.
    for withholds, expected in ((False, 5_900), (True, 4_900)):
        scene, a = holding(15_000, withholds_gains=withholds)
        scene.mark(BTC, 1_010_000)
        assert free_margin_micros(scene.state, scene.account(a)) == expected * MICROS
        # A loss counts in full either way: 14,000 less 9,900.
        scene.mark(BTC, 990_000)
        assert free_margin_micros(scene.state, scene.account(a)) == 4_100 * MICROS


@pytest.mark.spec("MRGN-060")
def test_an_account_short_of_margin_withdraws_nothing() -> None:
    scene, a = holding(9_000)
    assert free_margin_micros(scene.state, scene.account(a)) == -1_000 * MICROS
    assert withdrawable_micros(scene.state, scene.account(a)) == 0


def held(scene: Scene, account_id: int, dollars: int) -> int:
    """Ask for a withdrawal; return the number of the line that knows of it."""
    scene.core.bank.withdraw(account_id, dollars * MICROS, scene.now_ns)
    scene.keep()
    (line,) = [line for line in scene.core.take_lines() if line.account_id == account_id]
    assert line.acknowledge
    return line.line_number


@pytest.mark.spec("MRGN-050")
def test_a_withdrawal_is_paid_when_the_shard_has_lowered_the_line() -> None:
    scene, a = holding(15_000)
    scene.core.take_lines()
    number = held(scene, a, 5_000)
    hold = scene.last(WithdrawalHeld)
    assert (hold.line_epoch, scene.cash(a)) == (1, 15_000 * MICROS)
    assert hold.line_number <= number
    scene.assert_recoverable()
    # A second one has to wait for the first.
    with pytest.raises(Refused) as refusal:
        scene.core.bank.withdraw(a, 1, scene.now_ns)
    assert refusal.value.reason is Reason.WITHDRAWAL_PENDING
    # An acknowledgement of an older line says nothing about this hold.
    scene.credit_applied(a, hold.line_number - 1, 0)
    assert scene.all(Withdrawn) == []
    scene.credit_applied(a, number, 2_500 * MICROS)
    assert scene.last(Withdrawn).cash_after_micros == 10_000 * MICROS
    assert scene.cash(a) == 10_000 * MICROS
    # The same acknowledgement again finds no hold.
    scene.credit_applied(a, number, 2_500 * MICROS)
    assert len(scene.all(Withdrawn)) == 1
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-050")
def test_the_line_of_a_hold_is_lower_by_the_hold() -> None:
    scene, a = holding(15_000)
    budgets = {line.account_id: line.budget_micros for line in scene.core.take_lines()}
    assert budgets[a] == 15_000 * MICROS
    scene.core.bank.withdraw(a, 5_000 * MICROS, scene.now_ns)
    (line,) = scene.core.take_lines()
    assert line.budget_micros == 10_000 * MICROS


@pytest.mark.spec("MRGN-050")
def test_a_withdrawal_is_refused_when_orders_commit_the_money() -> None:
    scene, a = holding(15_000)
    number = held(scene, a, 5_000)
    # Open orders and the position commit 12,000 of 15,000 on the shard: only 3,000 are free.
    scene.credit_applied(a, number, 12_000 * MICROS)
    refused = scene.last(WithdrawalRefused)
    assert (refused.allowed_micros, refused.was_held) == (3_000 * MICROS, 1)
    assert refused.reason == Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN
    assert (scene.cash(a), scene.account(a).hold) == (15_000 * MICROS, None)
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-050")
def test_a_withdrawal_is_refused_when_the_mark_moved_meanwhile() -> None:
    scene, a = holding(15_000)
    number = held(scene, a, 5_000)
    # At 99,000: equity 14,000, a tenth of the notional 9,900; 4,100 are free.
    scene.mark(BTC, 990_000)
    scene.credit_applied(a, number, 2_500 * MICROS)
    assert scene.last(WithdrawalRefused).allowed_micros == 4_100 * MICROS


@pytest.mark.spec("MRGN-050")
def test_a_hold_survives_a_restart_and_is_acknowledged_under_the_new_epoch() -> None:
    scene, a = holding(15_000)
    held(scene, a, 5_000)
    scene.restart()
    lines = {line.account_id: line for line in scene.core.take_lines()}
    assert lines[a].acknowledge
    assert lines[a].line_epoch == 2
    scene.credit_applied(a, lines[a].line_number, 2_500 * MICROS, epoch=2)
    assert scene.cash(a) == 10_000 * MICROS


@pytest.mark.spec("LIQ-110", "LIQ-030")
def test_nothing_is_withdrawn_during_a_liquidation() -> None:
    scene, a = holding(5_000)
    scene.mark(BTC, 960_000)
    assert scene.account(a).liquidation is not None
    with pytest.raises(Refused) as refusal:
        scene.core.bank.withdraw(a, 1, scene.now_ns)
    assert refusal.value.reason is Reason.ACCOUNT_FROZEN


@pytest.mark.spec("LIQ-030")
def test_a_hold_ends_when_its_account_is_liquidated_before_the_acknowledgement() -> None:
    scene, a = holding(15_000)
    number = held(scene, a, 5_000)
    # At 86,000: equity 1,000, maintenance 1,075.
    scene.mark(BTC, 860_000)
    scene.credit_applied(a, number, 0)
    assert scene.last(WithdrawalRefused).reason == Reason.WITHDRAWALS_GATED
    assert scene.account(a).hold is None


@pytest.mark.spec("MRGN-060")
def test_nobody_withdraws_for_the_venue() -> None:
    scene = Scene()
    with pytest.raises(Refused) as refusal:
        scene.core.bank.withdraw(INSURANCE_FUND_ID, 1, scene.now_ns)
    assert refusal.value.reason is Reason.ACCOUNT_RESERVED
