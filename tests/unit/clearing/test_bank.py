"""Accounts, deposits and keys: what is refused changes nothing."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import MICROS, Scene
from wavetank.clearing.core.bank import MAX_AMOUNT_MICROS
from wavetank.clearing.core.health import AccountKind
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.snapshot import SNAPSHOT_VERSION, SnapshotUnreadable, dump, load, state_hash
from wavetank.model.events.clearing import Deposited
from wavetank.model.ids import BACKSTOP_VAULT_ID, DEBT_ACCOUNT_ID, HOUSE_ACCOUNT_ID, INSURANCE_FUND_ID
from wavetank.model.reason import Reason


def test_the_venue_opens_its_own_accounts_once() -> None:
    scene = Scene(fund_micros=77)
    assert {key: account.kind for key, account in scene.state.accounts.items()} == {
        1: AccountKind.FEES,
        INSURANCE_FUND_ID: AccountKind.INSURANCE_FUND,
        3: AccountKind.ROUNDING,
        BACKSTOP_VAULT_ID: AccountKind.BACKSTOP_VAULT,
        DEBT_ACCOUNT_ID: AccountKind.DEBT,
        HOUSE_ACCOUNT_ID: AccountKind.HOUSE,
    }
    assert scene.fund == 77
    scene.core.begin(scene.now_ns, scene.instruments, 77)
    assert scene.keep() == []


def test_accounts_are_numbered_from_a_thousand() -> None:
    scene = Scene()
    assert [scene.open(0), scene.open(1), scene.open(2)] == [1_000, 1_001, 1_002]
    assert scene.cash(1_002) == 2 * MICROS
    scene.assert_recoverable()


@pytest.mark.parametrize("name", ["", "x" * 33, "a\nb", "é" * 17])
def test_a_name_that_cannot_be_kept_is_refused(name: str) -> None:
    scene = Scene()
    with pytest.raises(Refused) as refusal:
        scene.core.bank.open_account(name, 1)
    assert (refusal.value.reason, refusal.value.allowed) == (Reason.MALFORMED, 32)
    assert scene.keep() == []


def test_a_taken_name_is_refused() -> None:
    scene = Scene()
    scene.open(1)
    with pytest.raises(Refused) as refusal:
        scene.core.bank.open_account("account-1", 1)
    assert refusal.value.reason is Reason.NAME_TAKEN
    assert scene.keep() == []


@pytest.mark.parametrize("amount", [0, -1, MAX_AMOUNT_MICROS + 1])
def test_an_amount_out_of_range_is_refused(amount: int) -> None:
    scene = Scene()
    a = scene.open(1)
    with pytest.raises(Refused) as deposit:
        scene.core.bank.deposit(a, amount)
    with pytest.raises(Refused) as withdrawal:
        scene.core.bank.withdraw(a, amount, scene.now_ns)
    for refusal in (deposit, withdrawal):
        assert refusal.value.reason is Reason.AMOUNT_OUT_OF_RANGE
        assert (refusal.value.was, refusal.value.allowed) == (amount, 10**15)
    if amount:
        with pytest.raises(Refused):
            scene.core.bank.open_account("new", amount)
    assert scene.keep() == []


def test_an_account_holds_no_more_than_the_ledger_keeps() -> None:
    scene = Scene()
    a = scene.open(0)
    for _ in range(1_000):
        scene.core.bank.deposit(a, MAX_AMOUNT_MICROS)
    scene.keep()
    with pytest.raises(Refused) as refusal:
        scene.core.bank.deposit(a, 1)
    assert (refusal.value.was, refusal.value.allowed) == (10**18 + 1, 10**18)
    assert scene.keep() == []


def test_an_unknown_account_is_refused_everywhere() -> None:
    bank = Scene().core.bank
    with pytest.raises(Refused) as deposit:
        bank.deposit(4_711, 1)
    with pytest.raises(Refused) as withdrawal:
        bank.withdraw(4_711, 1, 0)
    with pytest.raises(Refused) as key:
        bank.create_api_key(4_711, key_id="k", secret_sha256=bytes(32), scopes=1)
    assert {refusal.value.reason for refusal in (deposit, withdrawal, key)} == {Reason.ACCOUNT_UNKNOWN}


@pytest.mark.spec("INV-010")
def test_a_deposit_is_counted_on_both_sides() -> None:
    scene = Scene(fund_micros=0)
    a = scene.open(5)
    scene.core.bank.deposit(a, 7)
    scene.keep()
    assert scene.last(Deposited).cash_after_micros == 5_000_007
    assert scene.state.deposited_micros == scene.state.ledger.conserved_micros == 5_000_007


def test_keys_are_kept_by_hash_and_end_when_revoked() -> None:
    scene = Scene()
    a = scene.open(1)
    bank = scene.core.bank
    # A hash may end in zero bytes, which a record strips.
    secret = bytes(range(1, 32)) + b"\0"
    bank.create_api_key(a, key_id="k1", secret_sha256=secret, scopes=3)
    bank.create_api_key(0, key_id="admin", secret_sha256=bytes(32), scopes=7)
    scene.keep()
    assert scene.state.api_keys["k1"].secret_sha256 == secret
    scene.assert_recoverable()
    with pytest.raises(Refused) as taken:
        bank.create_api_key(a, key_id="k1", secret_sha256=secret, scopes=1)
    assert taken.value.reason is Reason.NAME_TAKEN
    with pytest.raises(Refused) as reserved:
        bank.create_api_key(INSURANCE_FUND_ID, key_id="k2", secret_sha256=secret, scopes=1)
    assert reserved.value.reason is Reason.ACCOUNT_RESERVED
    bank.revoke_api_key("k1")
    with pytest.raises(Refused) as gone:
        bank.revoke_api_key("k1")
    assert gone.value.reason is Reason.KEY_NOT_FOUND
    scene.keep()
    assert list(scene.state.api_keys) == ["admin"]
    scene.assert_recoverable()


@pytest.mark.spec("INV-100")
def test_snapshots_are_read_back_or_refused() -> None:
    scene = Scene()
    scene.open(5)
    data = dump(scene.state)
    assert state_hash(load(data, scene.settings)) == state_hash(scene.state)
    older = data.replace(f'"version":{SNAPSHOT_VERSION}'.encode(), b'"version":1')
    for broken in (b"", b"[]", b"{}", older):
        with pytest.raises(SnapshotUnreadable):
            load(broken, scene.settings)
