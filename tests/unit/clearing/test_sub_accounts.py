"""Sub-accounts: one owner, risk of their own; isolated ones trade a single instrument (MRGN-030, MRGN-060)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.bank import MAX_SUB_ACCOUNTS
from wavetank.clearing.core.credit import Line
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.refusal import Refused
from wavetank.model.events.clearing import (
    AccountOpened,
    CashCause,
    CashTransferred,
    LiquidationStarted,
    MarginModeChanged,
    WithdrawalHeld,
    WithdrawalRefused,
)
from wavetank.model.events.matching import CreditApplied
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.instrument import default_instruments
from wavetank.model.reason import Reason


def sub_account(scene: Scene, parent_id: int, *, dollars: int = 0, isolated: int = 0) -> int:
    """Open a sub-account; return its id."""
    scene.names += 1
    opened = scene.core.bank.open_account(
        f"account-{scene.names}", dollars * MICROS, parent_id=parent_id, isolated_instrument_id=isolated
    )
    scene.keep()
    return opened.account_id


def line_of(scene: Scene, account_id: int) -> Line:
    (line,) = (line for line in scene.core.take_lines() if line.account_id == account_id)
    return line


def acknowledged(line: Line) -> CreditApplied:
    return CreditApplied(
        instrument_id=0,
        account_id=line.account_id,
        line_epoch=line.line_epoch,
        line_number=line.line_number,
        committed_micros=0,
    )


def transfer(scene: Scene, payer: int, receiver: int, dollars: int, committed: int = 0) -> None:
    """Transfer, and let the shard acknowledge with so many dollars committed."""
    scene.core.bank.transfer(payer, receiver, dollars * MICROS)
    scene.keep()
    scene.credit_applied(payer, line_of(scene, payer).line_number, committed * MICROS)


@pytest.mark.spec("MRGN-060")
def test_a_sub_account_belongs_to_its_parent_and_has_none_itself() -> None:
    scene = Scene()
    parent = scene.open(1_000)
    child = sub_account(scene, parent, dollars=10)
    assert scene.last(AccountOpened).parent_account_id == parent
    assert (scene.account(child).owner_id, scene.account(parent).owner_id) == (parent, parent)
    assert scene.state.sub_accounts_of(parent) == [child]
    assert scene.cash(child) == 10 * MICROS
    for parent_id, reason in (
        (child, Reason.SUB_ACCOUNT_REFUSED),
        (9_999, Reason.ACCOUNT_UNKNOWN),
        (INSURANCE_FUND_ID, Reason.ACCOUNT_RESERVED),
    ):
        with pytest.raises(Refused) as refusal:
            scene.core.bank.open_account("another", 0, parent_id=parent_id)
        assert refusal.value.reason is reason
    assert scene.keep() == []
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-060")
def test_an_account_has_a_hundred_sub_accounts_at_most() -> None:
    scene = Scene()
    parent = scene.open(0)
    for _ in range(MAX_SUB_ACCOUNTS):
        sub_account(scene, parent)
    with pytest.raises(Refused) as refusal:
        scene.core.bank.open_account("one-more", 0, parent_id=parent)
    assert (refusal.value.reason, refusal.value.was, refusal.value.allowed) == (Reason.SUB_ACCOUNT_REFUSED, 101, 100)


@pytest.mark.spec("MRGN-060", "INV-010")
def test_a_transfer_arrives_when_the_payers_line_is_lower() -> None:
    scene = Scene()
    parent = scene.open(1_000)
    child = sub_account(scene, parent)
    scene.core.take_lines()
    scene.core.bank.transfer(parent, child, 400 * MICROS)
    scene.keep()
    assert scene.last(WithdrawalHeld).receiver_account_id == child
    assert (scene.cash(parent), scene.cash(child)) == (1_000 * MICROS, 0)
    line = line_of(scene, parent)
    assert (line.budget_micros, line.acknowledge) == (600 * MICROS, True)
    scene.assert_recoverable()
    scene.credit_applied(parent, line.line_number, 0)
    moved = scene.last(CashTransferred)
    assert (moved.account_id, moved.receiver_account_id, moved.cause) == (parent, child, CashCause.OWNER_TRANSFER)
    assert (scene.cash(parent), scene.cash(child)) == (600 * MICROS, 400 * MICROS)
    assert line_of(scene, child).budget_micros == 400 * MICROS
    # Nothing came in or went out of the venue: 1,000 and the fund's million.
    assert scene.state.deposited_micros == 1_001_000 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-060")
def test_what_margin_and_orders_need_is_not_transferred() -> None:
    scene = Scene()
    parent, maker = scene.open(15_000), scene.open(1_000_000)
    child = sub_account(scene, parent)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, parent, maker, 100_000, 1_000_000)
    # A tenth of the notional of 100,000 stays.
    with pytest.raises(Refused) as refusal:
        scene.core.bank.transfer(parent, child, 5_000 * MICROS + 1)
    assert refusal.value.reason is Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN
    # 12,000 are committed on the shard: of 15,000 only 3,000 are free.
    transfer(scene, parent, child, 5_000, committed=12_000)
    assert scene.last(WithdrawalRefused).allowed_micros == 3_000 * MICROS
    assert (scene.cash(parent), scene.cash(child), scene.account(parent).hold) == (15_000 * MICROS, 0, None)
    transfer(scene, parent, child, 3_000, committed=12_000)
    assert (scene.cash(parent), scene.cash(child)) == (12_000 * MICROS, 3_000 * MICROS)


@pytest.mark.spec("MRGN-060")
def test_who_may_transfer_to_whom() -> None:
    scene = Scene()
    parent, stranger = scene.open(1_000), scene.open(1_000)
    first, second = sub_account(scene, parent), sub_account(scene, parent)
    transfer(scene, parent, first, 10)
    transfer(scene, first, second, 10)
    transfer(scene, second, parent, 10)
    assert scene.cash(parent) == 1_000 * MICROS
    bank = scene.core.bank
    for payer, receiver, reason in (
        (parent, parent, Reason.TRANSFER_REFUSED),
        (parent, stranger, Reason.TRANSFER_REFUSED),
        (first, stranger, Reason.TRANSFER_REFUSED),
        (parent, 9_999, Reason.ACCOUNT_UNKNOWN),
        (parent, INSURANCE_FUND_ID, Reason.ACCOUNT_RESERVED),
        (INSURANCE_FUND_ID, parent, Reason.ACCOUNT_RESERVED),
    ):
        with pytest.raises(Refused) as refusal:
            bank.transfer(payer, receiver, 1)
        assert refusal.value.reason is reason, (payer, receiver)
    with pytest.raises(Refused) as refusal:
        bank.transfer(parent, first, 0)
    assert refusal.value.reason is Reason.AMOUNT_OUT_OF_RANGE
    assert scene.keep() == []
    # An admin may.
    bank.transfer(parent, stranger, 100 * MICROS, between_owners=True)
    scene.keep()
    scene.credit_applied(parent, line_of(scene, parent).line_number, 0)
    assert scene.cash(stranger) == 1_100 * MICROS


@pytest.mark.spec("MRGN-060", "LIQ-110")
def test_the_gate_is_for_what_leaves_the_venue() -> None:
    scene = Scene()
    parent = scene.open(1_000)
    child = sub_account(scene, parent)
    scene.state.steering.withdrawals_are_paused = True
    scene.state.gated_until_ns = scene.now_ns + 10**12
    transfer(scene, parent, child, 100)
    assert scene.cash(child) == 100 * MICROS
    with pytest.raises(Refused) as refusal:
        scene.core.bank.withdraw(parent, 1, scene.now_ns)
    assert refusal.value.reason is Reason.WITHDRAWALS_GATED


@pytest.mark.spec("MRGN-060", "LIQ-030")
def test_a_transfer_to_an_account_below_its_margin_lets_it_recover() -> None:
    scene = Scene()
    parent, maker = scene.open(10_000), scene.open(1_000_000)
    child = sub_account(scene, parent, dollars=3_000, isolated=BTC)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, child, maker, 100_000, 1_000_000)
    # 98,000: equity 1,000 against 1,225. The parent is not asked for anything.
    scene.mark(BTC, 980_000)
    assert [event.account_id for event in scene.all(LiquidationStarted)] == [child]
    assert scene.account(parent).liquidation is None
    transfer(scene, parent, child, 5_000)
    scene.cancelled(child)
    assert scene.account(child).liquidation is None
    assert (scene.cash(parent), scene.cash(child)) == (5_000 * MICROS, 8_000 * MICROS)
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-030")
def test_an_isolated_account_trades_one_instrument_from_its_opening_on() -> None:
    scene = Scene()
    parent = scene.open(1_000)
    child = sub_account(scene, parent, isolated=ETH)
    changed = scene.last(MarginModeChanged)
    assert (changed.instrument_id, changed.account_id, changed.mode) == (ETH, child, MarginMode.ISOLATED)
    assert line_of(scene, child).only_instrument_id == ETH
    for account_id, mode in ((child, MarginMode.GROSS), (child, MarginMode.SCENARIO), (parent, MarginMode.ISOLATED)):
        with pytest.raises(Refused) as refusal:
            scene.core.bank.set_margin_mode(account_id, mode)
        assert refusal.value.reason is Reason.MARGIN_MODE_REFUSED
    # It has the mode already.
    scene.core.bank.set_margin_mode(child, MarginMode.ISOLATED)
    with pytest.raises(Refused) as refusal:
        scene.core.bank.open_account("elsewhere", 0, parent_id=parent, isolated_instrument_id=99)
    assert refusal.value.reason is Reason.INSTRUMENT_UNKNOWN
    assert scene.keep() == []
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-050")
def test_the_money_of_an_isolated_account_is_where_it_trades() -> None:
    scene = Scene()
    later = replace(default_instruments()[0], instrument_id=4, symbol="LATER")
    scene.core.begin(scene.now_ns, [later], 0, shards=3, placed={"LATER": 2})
    scene.keep()
    parent = scene.open(900)
    child = sub_account(scene, parent, dollars=30, isolated=4)
    assert [share.cash_micros for share in scene.account(parent).shares] == [300 * MICROS] * 3
    assert [share.cash_micros for share in scene.account(child).shares] == [0, 0, 30 * MICROS]
    # What is transferred to it goes there too, and comes back from there.
    scene.core.bank.transfer(parent, child, 900 * MICROS)
    scene.keep()
    for line in [line for line in scene.core.take_lines() if line.account_id == parent]:
        scene.core.on_matching(scene.now_ns, 1, [acknowledged(line)], line.shard)
    scene.keep()
    assert [share.cash_micros for share in scene.account(parent).shares] == [0, 0, 0]
    assert [share.cash_micros for share in scene.account(child).shares] == [0, 0, 930 * MICROS]
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-030")
def test_what_an_isolated_account_loses_is_its_own() -> None:
    scene = Scene()
    parent, maker = scene.open(100_000), scene.open(1_000_000)
    child = sub_account(scene, parent, dollars=3_000, isolated=BTC)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, child, maker, 100_000, 1_000_000)
    scene.trade(BTC, parent, maker, 10_000, 1_000_000)
    scene.mark(BTC, 960_000)
    scene.cancelled(child)
    # 3,000 - 4,000: bankrupt. The fund's order is filled at 96,000: 1,000 short, which the fund pays.
    scene.filled(child, (maker, 100_000, 960_000))
    assert scene.cash(child) == 0
    assert scene.fund == 999_000 * MICROS
    # The parent lost what its own leg lost, and is asked for nothing else.
    assert scene.cash(parent) == 100_000 * MICROS
    assert scene.account(parent).liquidation is None
    scene.assert_recoverable()
