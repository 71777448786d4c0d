"""Play money: the faucet, twins, and accounts that begin anew; the house is on the other side (PLAY-010, 020, 030)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, START_NS, Scene
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.play import Play
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.model.events.clearing import (
    AccountOpened,
    FaucetDrawn,
    LiquidationStarted,
    PlayBegan,
    PlayEnded,
    PlayKind,
    WithdrawalHeld,
    WithdrawalRefused,
)
from wavetank.model.ids import HOUSE_ACCOUNT_ID
from wavetank.model.orders import CommandKind, LineStatus
from wavetank.model.reason import Reason


def invested(dollars: int = 20_000) -> tuple[Scene, int]:
    """Return a scene in which an account is long 1 BTC at 100,000 and short 10 ETH at 4,000, marked 500 dollars up."""
    scene = Scene()
    holder, maker = scene.open(dollars), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, holder, maker, 100_000, 1_000_000)
    scene.trade(ETH, holder, maker, -100_000, 400_000)
    scene.mark(BTC, 1_005_000)
    return scene, holder


def clone(scene: Scene, source_id: int, name: str = "twin") -> int:
    twin = scene.core.play.clone(source_id, name)
    scene.keep()
    return twin.account_id


@pytest.mark.spec("PLAY-010")
def test_the_faucet_fills_up_to_its_amount_once_per_interval() -> None:
    scene = Scene(settings=ClearingSettings(faucet_micros=1_000 * MICROS, faucet_interval_ns=60 * SECOND_NS))
    account = scene.open(300)
    assert scene.core.play.draw_faucet(account, scene.now_ns) == 700 * MICROS
    scene.keep()
    assert (scene.cash(account), scene.last(FaucetDrawn).drawn_ns) == (1_000 * MICROS, START_NS)
    assert scene.state.deposited_micros == 1_001_000 * MICROS
    scene.assert_recoverable()
    scene.state.ledger.add_cash(scene.account(account).row, -400 * MICROS, 0)
    with pytest.raises(Refused) as refusal:
        scene.core.play.draw_faucet(account, scene.now_ns + 60 * SECOND_NS - 1)
    assert (refusal.value.reason, refusal.value.allowed) == (Reason.FAUCET_DRY, START_NS + 60 * SECOND_NS)
    assert scene.core.play.draw_faucet(account, scene.now_ns + 60 * SECOND_NS) == 400 * MICROS
    rich = scene.open(1_000)
    with pytest.raises(Refused) as refusal:
        scene.core.play.draw_faucet(rich, scene.now_ns)
    assert (refusal.value.reason, refusal.value.was) == (Reason.FAUCET_DRY, 1_000 * MICROS)


@pytest.mark.spec("PLAY-020", "INV-010", "INV-020")
def test_a_twin_is_what_its_source_is_and_the_house_the_opposite() -> None:
    scene, source = invested()
    scene.core.bank.set_margin_mode(source, MarginMode.SCENARIO)
    scene.core.leverages.change(source, BTC, 20)
    twin = clone(scene, source)
    assert scene.account(twin).margin_mode is MarginMode.SCENARIO
    assert scene.account(twin).leverages == {BTC: 20}
    # While it is made it changes none.
    with pytest.raises(Refused) as refusal:
        scene.core.leverages.change(twin, BTC, 10)
    assert refusal.value.reason is Reason.LEVERAGE_REFUSED
    assert scene.all(AccountOpened)[-1].parent_account_id == source
    # Frozen until its positions are there.
    assert scene.account(twin).line_status is LineStatus.FROZEN
    requests = scene.requests(twin)
    assert [(request.instrument_id, request.size_lots, request.value_micros) for _, request in requests] == [
        (BTC, 100_000, 100_000 * MICROS),
        (ETH, -100_000, -40_000 * MICROS),
    ]
    assert {(request.giver_may_increase, request.receiver_may_increase) for _, request in requests} == {(1, 1)}
    scene.assert_recoverable()
    scene.transfer_all(twin)
    assert scene.account(twin).positions == scene.account(source).positions
    assert scene.cash(twin) == scene.cash(source)
    one, other = (scene.state.value(scene.account(each)) for each in (source, twin))
    assert one == other
    assert scene.account(twin).line_status is LineStatus.NORMAL
    assert scene.all(PlayEnded)[-1].account_id == twin
    assert [scene.lots(HOUSE_ACCOUNT_ID, each) for each in (BTC, ETH)] == [-100_000, 100_000]
    # It gave 20,000 and nothing came in.
    assert scene.cash(HOUSE_ACCOUNT_ID) == -20_000 * MICROS
    assert scene.state.deposited_micros == 11_020_000 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("PLAY-020")
def test_a_twin_of_an_account_in_debt_owes_the_house() -> None:
    scene, source = invested(3_000)
    # 2,000 of gains that are realised lie in no cash: the account took them out, so its cash is below zero.
    scene.state.ledger.add_cash(scene.account(source).row, -3_400 * MICROS, 0)
    scene.state.deposited_micros -= 3_400 * MICROS
    twin = clone(scene, source)
    scene.transfer_all(twin)
    assert scene.cash(twin) == -400 * MICROS
    assert scene.cash(HOUSE_ACCOUNT_ID) == 400 * MICROS


@pytest.mark.spec("PLAY-020")
def test_a_flat_account_has_a_twin_at_once() -> None:
    scene = Scene()
    source = scene.open(500)
    twin = clone(scene, source)
    assert (scene.cash(twin), scene.account(twin).play) == (500 * MICROS, None)
    # The twin of a twin belongs to the same owner.
    second = clone(scene, twin, "second")
    assert scene.state.sub_accounts_of(source) == [twin, second]
    scene.pass_time(1)
    assert scene.account(twin).line_status is LineStatus.NORMAL
    scene.assert_recoverable()


@pytest.mark.spec("PLAY-020", "LIQ-030")
def test_a_twin_is_not_liquidated_before_it_is_whole() -> None:
    scene, source = invested()
    twin = clone(scene, source)
    (first, request), (second, later) = scene.requests(twin)
    scene.shard(*scene.transferred(first, request))
    # BTC falls by a fifth: 20,000 - 20,000 for both. The twin's short ETH is on its way.
    scene.mark(BTC, 800_000)
    assert [event.account_id for event in scene.all(LiquidationStarted)] == [source]
    scene.shard(*scene.transferred(second, later))
    assert [event.account_id for event in scene.all(LiquidationStarted)] == [source, twin]
    scene.assert_recoverable()


@pytest.mark.spec("PLAY-030", "INV-010")
def test_a_reset_ends_flat_with_the_cash_that_was_asked_for() -> None:
    scene, account = invested()
    scene.core.play.reset(account, 50_000 * MICROS)
    scene.keep()
    assert scene.account(account).line_status is LineStatus.FROZEN
    assert scene.request(account)[1].command == CommandKind.CANCEL_ACCOUNT
    scene.assert_recoverable()
    scene.cancelled(account)
    # At the marks: 1 BTC at 100,500 and 10 ETH at 4,000.
    assert [(request.size_lots, request.value_micros) for _, request in scene.requests(account)] == [
        (-100_000, -100_500 * MICROS),
        (100_000, 40_000 * MICROS),
    ]
    scene.transfer_all(account)
    assert (scene.account(account).positions, scene.cash(account)) == ({}, 50_000 * MICROS)
    # 20,500 were there; the house gave the rest and holds the positions.
    assert scene.cash(HOUSE_ACCOUNT_ID) == -29_500 * MICROS
    assert scene.lots(HOUSE_ACCOUNT_ID, BTC) == 100_000
    assert scene.account(account).line_status is LineStatus.NORMAL
    scene.assert_recoverable()


@pytest.mark.spec("PLAY-030")
def test_what_was_clipped_is_asked_for_again() -> None:
    scene, account = invested()
    scene.core.play.reset(account, 0)
    scene.keep()
    scene.cancelled(account)
    (first, request), (second, later) = scene.requests(account)
    scene.shard(*scene.transferred(first, request, lots=40_000), *scene.transferred(second, later))
    assert [request.size_lots for _, request in scene.requests(account)] == [-60_000]
    scene.transfer_all(account)
    assert (scene.cash(account), scene.account(account).is_flat) == (0, True)


@pytest.mark.spec("PLAY-030", "INV-090")
def test_a_reset_goes_on_after_a_restart() -> None:
    scene, account = invested()
    scene.core.play.reset(account, 1_000 * MICROS)
    scene.keep()
    scene.restart()
    scene.cancelled(account)
    scene.restart()
    scene.transfer_all(account)
    assert scene.cash(account) == 1_000 * MICROS
    assert len(scene.all(PlayEnded)) == 1


def refusable(play: Play, account_id: int) -> tuple[Callable[[], object], ...]:
    return lambda: play.clone(account_id, "twin"), lambda: play.reset(account_id, 0)


@pytest.mark.spec("PLAY-020", "PLAY-030")
def test_who_is_neither_cloned_nor_reset() -> None:
    scene, account = invested()
    play, bank = scene.core.play, scene.core.bank
    bank.withdraw(account, MICROS, scene.now_ns)
    for call in refusable(play, account):
        with pytest.raises(Refused) as refusal:
            call()
        assert refusal.value.reason is Reason.WITHDRAWAL_PENDING
    scene, account = invested()
    play, bank = scene.core.play, scene.core.bank
    play.reset(account, 0)
    for call in (
        *refusable(play, account),
        lambda: bank.withdraw(account, 1, scene.now_ns),
        lambda: bank.set_margin_mode(account, MarginMode.SCENARIO),
        lambda: play.draw_faucet(account, scene.now_ns),
    ):
        with pytest.raises(Refused) as refusal:
            call()
        assert refusal.value.reason is Reason.ACCOUNT_FROZEN
    for call in refusable(play, HOUSE_ACCOUNT_ID):
        with pytest.raises(Refused) as refusal:
            call()
        assert refusal.value.reason is Reason.ACCOUNT_RESERVED
    other = scene.open(1)
    with pytest.raises(Refused) as refusal:
        play.reset(other, -1)
    assert refusal.value.reason is Reason.AMOUNT_OUT_OF_RANGE
    with pytest.raises(Refused) as refusal:
        play.clone(other, "account-1")
    assert refusal.value.reason is Reason.NAME_TAKEN
    assert [began.kind for began in scene.all(PlayBegan)] == [PlayKind.RESET]


@pytest.mark.spec("PLAY-020")
def test_a_venue_of_before_the_house_gets_one() -> None:
    scene = Scene()
    without = replace(scene.settings)
    old = [logged for logged in scene.log if getattr(logged.event, "account_id", 0) != HOUSE_ACCOUNT_ID]
    scene.settings, scene.log = without, old
    scene.restart()
    assert scene.all(AccountOpened)[-1].account_id == HOUSE_ACCOUNT_ID
    # The fund is endowed once.
    assert scene.fund == 1_000_000 * MICROS


@pytest.mark.spec("PLAY-010")
def test_an_owner_draws_once_for_all_accounts() -> None:
    scene = Scene(settings=ClearingSettings(faucet_micros=1_000 * MICROS, faucet_interval_ns=60 * SECOND_NS))
    owner = scene.open(0)
    child = scene.core.bank.open_account("child", 0, parent_id=owner).account_id
    scene.core.play.draw_faucet(child, scene.now_ns)
    scene.keep()
    for account_id in (owner, child):
        with pytest.raises(Refused) as refusal:
            scene.core.play.draw_faucet(account_id, scene.now_ns)
        assert refusal.value.reason is Reason.FAUCET_DRY
    scene.assert_recoverable()


@pytest.mark.spec("PLAY-020", "PLAY-030")
def test_the_house_owes_no_more_than_the_ledger_keeps() -> None:
    scene = Scene()
    rich = scene.open(0)
    for _ in range(1_000):
        scene.core.bank.deposit(rich, 10**15)
    scene.keep()
    for number in range(4):
        clone(scene, rich, f"twin-{number}")
    for call in refusable(scene.core.play, rich)[:1]:
        with pytest.raises(Refused) as refusal:
            call()
        assert refusal.value.reason is Reason.AMOUNT_OUT_OF_RANGE
    # Taking money back is always possible.
    scene.core.play.reset(rich, 0)


@pytest.mark.spec("PLAY-020")
def test_a_twin_that_a_shard_refuses_goes_back_to_the_house() -> None:
    scene, source = invested()
    twin = clone(scene, source)
    for seq, request in scene.requests(twin):
        refused = replace(scene.answered(seq, request), reason=int(Reason.AMOUNT_OUT_OF_RANGE))
        scene.shard(refused)
    assert scene.last(PlayEnded).reason == Reason.AMOUNT_OUT_OF_RANGE
    assert scene.last(PlayBegan).kind == PlayKind.RESET
    scene.assert_recoverable()
    scene.cancelled(twin)
    assert (scene.cash(twin), scene.account(twin).play) == (0, None)
    assert scene.cash(HOUSE_ACCOUNT_ID) == 0


@pytest.mark.spec("PLAY-030")
def test_a_reset_that_a_shard_refuses_ends_and_leaves_the_account_as_it_is() -> None:
    scene, account = invested()
    scene.core.play.reset(account, 0)
    scene.keep()
    scene.cancelled(account)
    for seq, request in scene.requests(account):
        scene.shard(replace(scene.answered(seq, request), reason=int(Reason.AMOUNT_OUT_OF_RANGE)))
    assert scene.requests(account) == []
    assert (scene.account(account).play, scene.cash(account)) == (None, 20_000 * MICROS)
    assert scene.account(account).line_status is LineStatus.NORMAL
    scene.assert_recoverable()


@pytest.mark.spec("PLAY-030", "MRGN-060")
def test_what_is_on_its_way_to_an_account_that_is_reset_stays_with_the_payer() -> None:
    scene = Scene()
    payer = scene.open(100)
    child = scene.core.bank.open_account("child", 50 * MICROS, parent_id=payer).account_id
    scene.core.bank.transfer(payer, child, 30 * MICROS)
    scene.keep()
    number = scene.last(WithdrawalHeld).line_number
    scene.core.play.reset(child, 7 * MICROS)
    scene.keep()
    scene.credit_applied(payer, number, 0)
    assert scene.last(WithdrawalRefused).reason == Reason.ACCOUNT_FROZEN
    for call in (
        lambda: scene.core.bank.transfer(payer, child, 1),
        lambda: scene.core.bank.deposit(child, 1),
    ):
        with pytest.raises(Refused):
            call()
    scene.cancelled(child)
    assert (scene.cash(payer), scene.cash(child)) == (100 * MICROS, 7 * MICROS)
    scene.assert_recoverable()
