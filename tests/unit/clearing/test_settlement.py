"""Settlement: every position is closed at one price, exactly, whatever happens meanwhile (MTCH-050)."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.operator import Author
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.snapshot import dump, load
from wavetank.model.events.clearing import (
    Deleveraged,
    InstrumentListed,
    LiquidationEnded,
    MatchingRequested,
    OperatorActed,
    OperatorAction,
    SettlementBegan,
    SettlementEnded,
)
from wavetank.model.ids import DEBT_ACCOUNT_ID, INSURANCE_FUND_ID
from wavetank.model.orders import CommandKind, InstrumentState, Side
from wavetank.model.reason import Reason

pytestmark = pytest.mark.spec("MTCH-050")

ANN = Author("k-ann", "delisted")


def crowd() -> tuple[Scene, list[int]]:
    """Return two longs, of 3 and 4 lots, and two shorts, of 5 and 2, from 1,000,000 and 1,000,007 ticks."""
    scene = Scene()
    accounts = [scene.open(1_000) for _ in range(4)]
    a, b, c, d = accounts
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, c, 3, 1_000_000)
    scene.trade(BTC, b, c, 2, 1_000_007)
    scene.trade(BTC, b, d, 2, 1_000_007)
    return scene, accounts


def settle(scene: Scene, price_ticks: int, instrument_id: int = BTC) -> None:
    scene.core.operator.settle_instrument(instrument_id, price_ticks, ANN)
    scene.keep()


def answer_all(scene: Scene, lots: int | None = None) -> None:
    """Carry out each transfer, or so many lots of it."""
    for seq, request in scene.requests():
        scene.shard(*scene.transferred(seq, request, lots=lots))


def test_longs_close_against_shorts_by_account_id_to_the_micro_dollar() -> None:
    scene, (a, b, c, d) = crowd()
    settle(scene, 900_001)
    asked = [
        (each.account_id, each.receiver_account_id, each.size_lots, each.value_micros)
        for each in scene.all(MatchingRequested)
    ]
    # Three of a's against c's five, two of b's against what is left of c, two against d; each at lots x 900,001.
    assert asked == [(a, c, -3, -2_700_003), (b, c, -2, -1_800_002), (b, d, -2, -1_800_002)]
    acted = scene.last(OperatorActed)
    assert (acted.action, acted.figure, acted.instrument_id) == (OperatorAction.SETTLE_INSTRUMENT, 900_001, BTC)
    assert scene.last(InstrumentListed).state == InstrumentState.SETTLED
    answer_all(scene)
    assert scene.last(SettlementEnded) == SettlementEnded(BTC, 0, 900_001)
    # a lost 3 x 99,999 and b 4 x 100,006; c gained 3 x 99,999 + 2 x 100,006 and d 2 x 100,006.
    cash = [scene.cash(account) - 1_000 * MICROS for account in (a, b, c, d)]
    assert cash == [-299_997, -400_024, 500_009, 200_012]
    assert sum(cash) == 0
    assert not any(scene.lots(account, BTC) for account in (a, b, c, d))
    scene.assert_recoverable()


def test_what_the_shard_clips_is_asked_for_again() -> None:
    scene, (a, b, c, d) = crowd()
    settle(scene, 900_000)
    answer_all(scene, lots=1)
    # One lot of each went: two of a's and two of b's are left, against three of c's and one of d's.
    assert not scene.all(SettlementEnded)
    asked = [(request.account_id, request.receiver_account_id, request.size_lots) for _, request in scene.requests()]
    assert asked == [(a, c, -2), (b, c, -1), (b, d, -1)]
    answer_all(scene)
    assert len(scene.all(SettlementEnded)) == 1


def test_a_trade_on_its_way_is_settled_with_the_rest() -> None:
    scene, (a, b, c, _) = crowd()
    settle(scene, 900_000)
    # The shard had not read the listing yet: a sells one lot to c, and the request for three of a's is clipped to two.
    scene.trade(BTC, a, c, -1, 1_000_000)
    first, *others = scene.requests()
    scene.shard(*scene.transferred(*first, lots=2))
    for seq, request in others:
        scene.shard(*scene.transferred(seq, request))
    assert len(scene.all(SettlementEnded)) == 1
    assert scene.lots(a, BTC) == scene.lots(b, BTC) == scene.lots(c, BTC) == 0


def test_a_restart_sends_again_what_was_not_answered_and_ends_once() -> None:
    scene, accounts = crowd()
    settle(scene, 900_000)
    asked = scene.requests()
    scene.shard(*scene.transferred(*asked[0]))
    scene.assert_recoverable(cut=len(scene.log) - 1)
    scene.restart()
    assert scene.requests() == asked[1:]
    answer_all(scene)
    assert len(scene.all(SettlementEnded)) == 1
    assert not any(scene.lots(account, BTC) for account in accounts)


def test_a_snapshot_holds_a_settlement_under_way() -> None:
    scene, _ = crowd()
    settle(scene, 900_000)
    loaded = load(dump(scene.state), scene.settings)
    assert loaded.steering.settlements == scene.state.steering.settlements
    assert len(loaded.steering.settlements[BTC].pending) == 3


def test_who_cannot_pay_goes_the_way_of_a_deficit() -> None:
    scene = Scene(fund_micros=30 * MICROS)
    a, b = scene.open(500), scene.open(1_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, b, 1_000, 1_000_000)
    # At 400,000 ticks a loses 600 of 500 dollars: the fund's 30 go first, nobody holds BTC with a gain, 70 are debt.
    settle(scene, 400_000)
    answer_all(scene)
    scene.cancelled(a)
    assert scene.last(LiquidationEnded).account_id == a
    assert (scene.cash(a), scene.cash(b)) == (0, 1_600 * MICROS)
    assert (scene.cash(INSURANCE_FUND_ID), scene.cash(DEBT_ACCOUNT_ID)) == (0, -70 * MICROS)
    scene.assert_recoverable()


def test_an_account_in_liquidation_is_closed_like_the_others() -> None:
    scene = Scene()
    a, b = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, b, 400_000, 1_000_000)
    scene.mark(BTC, 985_000)
    scene.cancelled(a)
    seq, order = scene.request(a)
    assert order.command == CommandKind.LIQUIDATE
    settle(scene, 985_000)
    # The order in the book comes back empty, for the shard trades it no more; the transfer closes all.
    scene.shard(scene.answered(seq, order))
    (transfer,) = [each for each in scene.requests() if each[1].command == CommandKind.TRANSFER]
    assert (transfer[1].size_lots, transfer[1].side) == (-400_000, Side.SELL)
    scene.shard(*scene.transferred(*transfer))
    assert len(scene.all(SettlementEnded)) == 1
    scene.mark(ETH, 100_000)
    assert scene.account(a).liquidation is None
    # 10,000 less 4 x 1,500.
    assert scene.cash(a) == 4_000 * MICROS


def test_an_instrument_that_nobody_holds_is_settled_at_once() -> None:
    scene = Scene()
    settle(scene, 7)
    assert (len(scene.all(SettlementBegan)), len(scene.all(SettlementEnded))) == (1, 1)
    assert scene.all(MatchingRequested) == []
    with pytest.raises(Refused) as again:
        settle(scene, 7)
    assert again.value.reason == Reason.INSTRUMENT_STATE


def test_what_cannot_be_settled_changes_nothing() -> None:
    scene, _ = crowd()
    # The largest position has 5 lots: 2^55 div 5 is far above the largest price.
    for instrument_id, price, reason in (
        (9, 1, Reason.INSTRUMENT_UNKNOWN),
        (BTC, 0, Reason.PRICE_OUT_OF_RANGE),
        (BTC, 2**31, Reason.PRICE_OUT_OF_RANGE),
    ):
        with pytest.raises(Refused) as refused:
            settle(scene, price, instrument_id)
        assert refused.value.reason == reason
    with pytest.raises(Refused):
        scene.core.operator.settle_instrument(BTC, 1, Author("k-ann", ""))
    assert scene.keep() == []


def test_a_price_at_which_a_position_outgrows_the_ledger_is_refused() -> None:
    scene = Scene()
    a, b = scene.open(10_000_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, b, 100_000_000, 1_000_000)
    # 10^8 lots: 2^55 div 10^8 is 360,287,970 ticks.
    with pytest.raises(Refused) as refused:
        settle(scene, 360_287_971)
    assert refused.value.allowed == 360_287_970


def test_whose_settlement_meets_a_deleveraging_is_no_victim_of_it() -> None:
    # Long 1 BTC from 100,000 with 5,000 dollars, against x; at 94,000 it is bankrupt, and x is asked to give.
    scene = Scene(settings=ClearingSettings(fund_enabled=False))
    a, x = scene.open(5_000), scene.open(10_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, x, 100_000, 1_000_000)
    scene.mark(BTC, 940_000)
    scene.cancelled(a)
    scene.filled(a)
    ((asked_seq, asked),) = scene.requests(a)
    assert asked.command == CommandKind.TRANSFER
    settle(scene, 940_000)
    (transfer,) = [each for each in scene.requests() if each[1].price_ticks]
    # The settlement comes first and closes all; what the deleveraging asked for is clipped to nothing.
    scene.shard(*scene.transferred(*transfer))
    assert scene.all(Deleveraged) == []
    scene.shard(*scene.transferred(asked_seq, asked, lots=0))
    assert len(scene.all(SettlementEnded)) == 1
    # 10,000 and 6,000 of gain for x; the 1,000 that a lacks are a debt.
    assert (scene.cash(x), scene.cash(a)) == (16_000 * MICROS, 0)
    scene.assert_recoverable()
