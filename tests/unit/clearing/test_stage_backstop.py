"""The backstop vault: it takes a whole account over at mark, and unwinds what it took (LIQ-060)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.model.golden_account import golden
from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.model.events.clearing import (
    CashCause,
    CashTransferred,
    Deleveraged,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationStarted,
    LiquidationStepped,
    StepCause,
    WithdrawalsGated,
)
from wavetank.model.ids import BACKSTOP_VAULT_ID, INSURANCE_FUND_ID
from wavetank.model.orders import CommandKind, LineStatus, Side


@pytest.mark.spec("LIQ-060", "INV-080")
def test_the_vault_takes_all_legs_at_mark_and_then_all_cash() -> None:
    scene, a, _ = golden()
    steps = scene.all(LiquidationStepped)[-2:]
    assert [(step.stage, step.cause) for step in steps] == [
        (LiquidationStage.BACKSTOP, StepCause.BELOW_BACKSTOP),
        (LiquidationStage.BACKSTOP, StepCause.BELOW_BACKSTOP),
    ]
    assert [(step.delta_lots, step.value_micros) for step in steps] == [
        (-100_000, 92_500 * MICROS),
        (200_000, -81_000 * MICROS),
    ]
    for _, request in scene.requests(a):
        assert (request.receiver_account_id, request.receiver_may_increase) == (BACKSTOP_VAULT_ID, 1)
    scene.transfer_all(a)
    assert scene.last(CashTransferred).cause == CashCause.BACKSTOP
    assert scene.last(CashTransferred).amount_micros == 1_500 * MICROS
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.FLAT
    assert (scene.cash(a), scene.account(a).positions) == (0, {})
    vault = scene.account(BACKSTOP_VAULT_ID)
    assert {key: (held.lots, held.cost_micros) for key, held in vault.positions.items()} == {
        BTC: (100_000, 92_500 * MICROS),
        ETH: (-200_000, -81_000 * MICROS),
    }
    assert vault.cash_micros == 1_500 * MICROS
    assert vault.line_status is LineStatus.FROZEN
    assert scene.account(a).line_status is LineStatus.NORMAL
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-060")
@pytest.mark.parametrize("first", [0, 1])
def test_answers_in_either_order_end_at_exactly_nothing(first: int) -> None:
    scene, a, _ = golden()
    both = scene.requests(a)
    for seq, request in (both[first], both[1 - first]):
        assert scene.account(a).liquidation is not None
        scene.shard(*scene.transferred(seq, request))
    assert (scene.cash(a), scene.account(a).positions) == (0, {})
    assert scene.cash(BACKSTOP_VAULT_ID) == 1_500 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-060")
def test_a_transfer_that_was_clipped_is_asked_again_at_the_next_mark() -> None:
    scene, a, _ = golden()
    scene.shard(*[fact for seq, request in scene.requests(a) for fact in scene.transferred(seq, request, lots=0)])
    # The shard cannot, for whatever reason: clearing does not ask again and again at the same marks.
    assert scene.requests(a) == []
    assert scene.last(LiquidationStepped).cause == StepCause.UNFILLED
    scene.mark(BTC, 925_000)
    scene.transfer_all(a)
    assert (scene.cash(a), scene.account(a).positions) == (0, {})
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-060", "LIQ-070")
@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"vault_enabled": False}, StepCause.VAULT_OFF),
        # 92,500 + 81,000 are 173,500 of notional.
        ({"vault_cap_micros": 173_499_999_999}, StepCause.VAULT_CAP),
    ],
)
def test_a_vault_that_may_not_passes_on_to_the_fund(settings: dict[str, Any], cause: StepCause) -> None:
    scene, a, _ = golden(**settings)
    passed, tried = scene.all(LiquidationStepped)[-2:]
    assert (passed.stage, passed.cause) == (LiquidationStage.BACKSTOP, cause)
    assert (tried.stage, tried.cause) == (LiquidationStage.INSURANCE, StepCause.BELOW_BACKSTOP)
    assert scene.request(a)[1].command == CommandKind.LIQUIDATE
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-060")
def test_the_cap_admits_exactly_what_it_says() -> None:
    scene, a, _ = golden(vault_cap_micros=173_500 * MICROS)
    assert {request.command for _, request in scene.requests(a)} == {CommandKind.TRANSFER}


@pytest.mark.spec("LIQ-060")
def test_what_is_on_its_way_to_the_vault_counts_towards_its_cap() -> None:
    # Two accounts of 100,000 at 96,000 each; the cap admits one.
    scene = Scene(settings=ClearingSettings(vault_cap_micros=150_000 * MICROS))
    a, b, maker = scene.open(4_500), scene.open(4_500), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    for each in (a, b):
        scene.trade(BTC, each, maker, 100_000, 1_000_000)
    scene.mark(BTC, 960_000)  # equity 500 against 1,200
    scene.cancelled(a)
    scene.cancelled(b)
    assert scene.request(a)[1].command == CommandKind.TRANSFER
    assert scene.request(b)[1].command == CommandKind.LIQUIDATE
    assert StepCause.VAULT_CAP in {step.cause for step in scene.all(LiquidationStepped) if step.account_id == b}


@pytest.mark.spec("LIQ-010", "LIQ-060")
def test_the_vault_takes_nothing_at_a_stale_mark() -> None:
    scene = Scene()
    a, maker = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.trade(ETH, a, maker, -200_000, 400_000)
    # ETH stale at 4,250: its better end is 4,037.50, a loss of 750; BTC 92,000: equity 1,250 against 1,150 + 1,615.
    scene.mark(ETH, 425_000, stale=True)
    scene.mark(BTC, 920_000)
    scene.cancelled(a)
    assert scene.last(LiquidationStepped).cause == StepCause.PRICE_STALE
    assert scene.requests(a) == []
    scene.mark(ETH, 405_000)
    assert {request.command for _, request in scene.requests(a)} == {CommandKind.TRANSFER}
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-060", "LIQ-080")
def test_an_account_closed_by_others_keeps_its_cash_from_the_vault() -> None:
    # While a waits for the vault at a stale mark, somebody else's deleveraging takes its position at mark.
    scene = Scene()
    a, b = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, b, 100_000, 1_000_000)
    scene.mark(BTC, 870_000, stale=True)  # better end 91,350: 1,350 against 1,141.875: not yet
    assert scene.account(a).liquidation is None
    scene.mark(BTC, 860_000, stale=True)  # better end 90,300: 300 against 1,128.75
    scene.cancelled(a)
    assert scene.last(LiquidationStepped).stage == LiquidationStage.BACKSTOP
    scene.trade(BTC, b, a, 100_000, 920_000)
    assert scene.account(a).liquidation is None
    assert scene.cash(a) == 2_000 * MICROS
    assert scene.cash(BACKSTOP_VAULT_ID) == 0


def vault_of_golden() -> tuple[Scene, int]:
    scene, a, maker = golden()
    scene.transfer_all(a)
    return scene, maker


@pytest.mark.spec("LIQ-060")
def test_the_vault_sells_step_by_step_into_the_book() -> None:
    scene, maker = vault_of_golden()
    # Without a book there is nothing to sell into.
    scene.pass_time(1)
    assert scene.requests() == []
    scene.book(BTC, bid=924_990, ask=925_010, impact_bid=924_900, impact_ask=925_100, depth_lots=300_000)
    scene.pass_time(1)
    seq, request = scene.request(BACKSTOP_VAULT_ID)
    # A tenth of the depth, 30,000 lots, is less than half of 100,000; the limit is 10 % below the mark.
    assert (request.command, request.side, request.size_lots) == (CommandKind.LIQUIDATE, Side.SELL, 30_000)
    assert (request.price_ticks, request.liquidation_id) == (832_500, 0)
    assert scene.last(LiquidationStepped).cause == StepCause.VAULT_DISPOSAL
    # One at a time, and not before the next step is due.
    scene.pass_time(20)
    assert scene.requests() == [(seq, request)]
    fund = scene.fund
    scene.filled(BACKSTOP_VAULT_ID, (maker, 30_000, 924_000))
    # 0.3 x (92,400 - 92,500): the vault bears it, and owes the fund nothing for its disposals.
    assert scene.cash(BACKSTOP_VAULT_ID) == 1_470 * MICROS
    assert scene.fund == fund
    scene.pass_time(1)
    assert scene.request(BACKSTOP_VAULT_ID)[1].size_lots == 30_000
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-060")
def test_a_short_of_the_vault_is_bought_back() -> None:
    scene, _ = vault_of_golden()
    scene.book(ETH, bid=404_990, ask=405_010, impact_bid=404_900, impact_ask=405_100, depth_lots=10**7)
    scene.pass_time(1)
    _, request = scene.request(BACKSTOP_VAULT_ID)
    assert (request.side, request.size_lots, request.price_ticks) == (Side.BUY, 100_000, 445_500)


@pytest.mark.spec("LIQ-060", "LIQ-010")
def test_the_vault_does_not_trade_on_a_stale_mark() -> None:
    scene, _ = vault_of_golden()
    scene.book(BTC, bid=924_990, ask=925_010, impact_bid=924_900, impact_ask=925_100, depth_lots=300_000)
    scene.mark(BTC, 925_000, stale=True)
    scene.pass_time(20)
    assert scene.requests() == []


@pytest.mark.spec("LIQ-060", "LIQ-080")
def test_a_vault_below_zero_gives_its_legs_to_its_counterparties() -> None:
    scene, maker = vault_of_golden()
    # 90,900: 1,500 - 1,600 = -100.
    scene.mark(BTC, 909_000)
    assert scene.last(LiquidationStarted).account_id == BACKSTOP_VAULT_ID
    scene.cancelled(BACKSTOP_VAULT_ID)
    seen = []
    while scene.requests(BACKSTOP_VAULT_ID):
        seen.append(scene.last(LiquidationStepped).cause)
        scene.transfer_all(BACKSTOP_VAULT_ID)
    assert seen == [StepCause.BOOK_EXHAUSTED, StepCause.BOOK_EXHAUSTED]
    # All that was missing was borne by the other side, in shares of the margin; nothing came from the fund.
    assert sum(given.given_up_micros for given in scene.all(Deleveraged)) == 100 * MICROS
    vault = scene.account(BACKSTOP_VAULT_ID)
    assert (vault.cash_micros, vault.positions, vault.liquidation) == (0, {}, None)
    assert scene.fund == 1_000_000 * MICROS
    assert scene.lots(maker, BTC) == scene.lots(maker, ETH) == 0
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-060", "LIQ-080")
def test_a_disposal_that_fills_while_the_vault_is_taken_apart_is_no_liquidation_fill() -> None:
    scene, maker = vault_of_golden()
    scene.book(BTC, bid=924_990, ask=925_010, impact_bid=924_900, impact_ask=925_100, depth_lots=300_000)
    scene.pass_time(1)
    seq, request = scene.request(BACKSTOP_VAULT_ID)
    scene.mark(BTC, 909_000)
    fund = scene.fund
    scene.shard(
        scene.traded(BTC, BACKSTOP_VAULT_ID, maker, -30_000, 920_000, liquidation=True),
        scene.answered(seq, request, 30_000, 30_000 * 920_000),
    )
    # 0.3 x (92,000 - 92,500) = -150, all the vault's own.
    assert scene.cash(BACKSTOP_VAULT_ID) == 1_350 * MICROS
    assert scene.fund == fund
    # 1,350 + 0.7 x (90,900 - 92,500) = 230: by the time its orders are cancelled it is whole again.
    scene.cancelled(BACKSTOP_VAULT_ID)
    assert scene.last(LiquidationEnded).outcome == LiquidationOutcome.RECOVERED
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-060", "LIQ-100", "INV-080")
def test_a_vault_that_ends_flat_and_short_is_a_deficit() -> None:
    scene = Scene(settings=ClearingSettings(vault_fraction_ppm=1_000_000, vault_depth_share_ppm=1_000_000))
    a, maker = scene.open(4_500), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.mark(BTC, 960_000)  # 500 against 1,200
    scene.cancelled(a)
    scene.transfer_all(a)
    scene.book(BTC, bid=959_990, ask=960_010, impact_bid=959_900, impact_ask=960_100, depth_lots=10**7)
    scene.pass_time(1)
    seq, request = scene.request(BACKSTOP_VAULT_ID)
    # Sold whole at 95,000: 500 - 1,000.
    scene.shard(
        scene.traded(BTC, BACKSTOP_VAULT_ID, maker, -100_000, 950_000, liquidation=True),
        scene.answered(seq, request, 100_000, 100_000 * 950_000),
    )
    assert scene.cash(BACKSTOP_VAULT_ID) == -500 * MICROS
    scene.cancelled(BACKSTOP_VAULT_ID)
    paid = scene.last(CashTransferred)
    assert (paid.cause, paid.account_id, paid.amount_micros) == (
        CashCause.DEFICIT_FUND,
        INSURANCE_FUND_ID,
        500 * MICROS,
    )
    assert scene.cash(BACKSTOP_VAULT_ID) == 0
    assert len(scene.all(WithdrawalsGated)) == 1
    scene.assert_recoverable()
