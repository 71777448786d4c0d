"""The operator's controls: each leaves its author and what it changed in one entry, or changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.health import HealthBand
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.operator import Affected, Author
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import SECOND_NS
from wavetank.model.events.clearing import (
    Deposited,
    InstrumentListed,
    LiquidationPaceSet,
    LiquidationStarted,
    MarginTierListed,
    OperatorActed,
    OperatorAction,
    WithdrawalHeld,
    WithdrawalRefused,
)
from wavetank.model.ids import HOUSE_ACCOUNT_ID, INSURANCE_FUND_ID
from wavetank.model.margin import MarginTier
from wavetank.model.orders import CommandKind
from wavetank.model.reason import Reason

ANN = Author("k-ann", "stress")
HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000
TIGHT = [MarginTier(0, 5), MarginTier(150_000_000 * MICROS, 2)]


def crowd() -> tuple[Scene, list[int]]:
    """Return three accounts long 1 BTC at 100,000 dollars, with 9, 11 and 16 thousand; a maker sold it to them."""
    scene = Scene()
    accounts = [scene.open(dollars) for dollars in (9_000, 11_000, 16_000)]
    maker = scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    for account_id in accounts:
        scene.trade(BTC, account_id, maker, 100_000, 1_000_000)
    return scene, accounts


@pytest.mark.spec("MRGN-020")
def test_a_preview_tells_who_would_fall_and_changes_nothing() -> None:
    scene, (a, b, c) = crowd()
    # 100,000 at 1/80 needs 1,250; at 1/10 it needs 10,000: 9,000 falls, 11,000 is below 1.2, 16,000 is above 1.5 still.
    change = scene.core.operator.preview_margin(BTC, TIGHT)
    assert change.affected == (
        Affected(a, 9_000 * MICROS, 1_250 * MICROS, 10_000 * MICROS, HealthBand.HEALTHY, HealthBand.LIQUIDATION),
        Affected(b, 11_000 * MICROS, 1_250 * MICROS, 10_000 * MICROS, HealthBand.HEALTHY, HealthBand.REDUCE_ONLY),
    )
    assert change.falling == 1
    assert c not in {each.account_id for each in change.affected}
    assert change.previous == scene.instruments[0].tiers
    assert scene.keep() == []


@pytest.mark.spec("MRGN-020", "LIQ-030")
def test_new_tiers_count_at_once_and_whom_they_hit_is_liquidated() -> None:
    scene, (a, b, c) = crowd()
    scene.core.operator.change_margin(BTC, TIGHT, ANN)
    said = scene.keep()
    assert said[0] == OperatorActed(BTC, 0, b"k-ann", b"stress", 0, OperatorAction.CHANGE_MARGIN)
    assert [type(event) for event in said[1:4]] == [InstrumentListed, MarginTierListed, MarginTierListed]
    assert [event.account_id for event in said if isinstance(event, LiquidationStarted)] == [a]
    assert scene.account(b).band is HealthBand.REDUCE_ONLY
    assert scene.account(c).band is HealthBand.HEALTHY
    assert scene.state.value(scene.account(c)).maintenance_micros == 10_000 * MICROS
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-030")
def test_a_preview_knows_what_legs_relieve_each_other_of() -> None:
    # Long 1 BTC at 100,000 and short 25 ETH at 4,000: 1,250 and 2,000. In a group with c = 0.35 that is 2,000 + 0.3 x
    # 1,250 = 2,375. With a leverage of 5 BTC alone needs 10,000: 10,000 + 0.3 x 2,000 = 10,600, above 10,500.
    scene = Scene()
    a, maker = scene.open(10_500), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.core.bank.set_margin_mode(a, MarginMode.GROUP_OFFSET)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.trade(ETH, a, maker, -250_000, 400_000)
    (each,) = scene.core.operator.preview_margin(BTC, TIGHT).affected
    assert (each.account_id, each.maintenance_micros, each.new_maintenance_micros) == (
        a,
        2_375 * MICROS,
        10_600 * MICROS,
    )
    assert each.falls


def test_bad_tiers_an_unknown_instrument_and_a_missing_reason_are_refused() -> None:
    scene, _ = crowd()
    operator = scene.core.operator
    cases = [
        (99, TIGHT, ANN, Reason.INSTRUMENT_UNKNOWN),
        (BTC, [], ANN, Reason.MALFORMED),
        (BTC, [MarginTier(5, 10)], ANN, Reason.MALFORMED),
        (BTC, [MarginTier(0, 1_001)], ANN, Reason.MALFORMED),
        (BTC, [MarginTier(0, 0)], ANN, Reason.MALFORMED),
        (BTC, TIGHT, Author("k-ann", ""), Reason.MALFORMED),
        (BTC, TIGHT, Author("k-ann", "x" * 65), Reason.MALFORMED),
        (BTC, TIGHT, Author("k-ann", "two\nlines"), Reason.MALFORMED),
    ]
    for instrument_id, tiers, author, reason in cases:
        with pytest.raises(Refused) as refusal:
            operator.change_margin(instrument_id, tiers, author)
        assert refusal.value.reason is reason
    assert scene.keep() == []


@pytest.mark.spec("LIQ-110")
def test_paused_withdrawals_are_refused_also_those_that_were_held() -> None:
    scene = Scene()
    a = scene.open(1_000)
    scene.mark(ETH, 400_000)
    scene.core.bank.withdraw(a, 100 * MICROS, scene.now_ns)
    scene.keep()
    number = scene.last(WithdrawalHeld).line_number
    scene.core.operator.pause_withdrawals(ANN, paused=True)
    scene.keep()
    scene.credit_applied(a, number, 0)
    assert scene.last(WithdrawalRefused).reason == Reason.WITHDRAWALS_GATED
    assert scene.cash(a) == 1_000 * MICROS
    with pytest.raises(Refused, match="operator has paused"):
        scene.core.bank.withdraw(a, 1, scene.now_ns)
    scene.assert_recoverable()
    scene.core.operator.pause_withdrawals(ANN, paused=False)
    scene.core.bank.withdraw(a, 1, scene.now_ns)


@pytest.mark.spec("INV-010")
def test_a_top_up_is_a_deposit_with_an_author() -> None:
    scene = Scene(fund_micros=5)
    assert scene.core.operator.top_up_fund(7, ANN) == 12
    said = scene.keep()
    assert [type(event) for event in said] == [OperatorActed, Deposited]
    assert said[1].account_id == INSURANCE_FUND_ID
    for amount in (0, -1, 10**15 + 1):
        with pytest.raises(Refused) as refusal:
            scene.core.operator.top_up_fund(amount, ANN)
        assert refusal.value.reason is Reason.AMOUNT_OUT_OF_RANGE
    assert scene.keep() == []
    scene.assert_recoverable()


@pytest.mark.spec("FUND-020")
def test_a_funding_interval_is_set_by_an_event_with_its_author_and_listed_anew() -> None:
    scene = Scene()
    before = scene.state.instruments[BTC]
    previous = scene.core.operator.set_funding_interval(BTC, 10 * MINUTE_NS, ANN)
    told = scene.keep()
    assert previous == HOUR_NS
    assert told[0] == OperatorActed(BTC, 0, b"k-ann", b"stress", 10 * MINUTE_NS, OperatorAction.SET_FUNDING_INTERVAL)
    assert [type(event) for event in told[1:]] == [InstrumentListed] + [MarginTierListed] * len(before.tiers)
    after = scene.state.instruments[BTC]
    # All else stays: tiers, limits, the shard.
    assert after == replace(before, funding_interval_ns=10 * MINUTE_NS)
    scene.assert_recoverable()
    # The same again changes nothing, and a restart keeps it whatever the settings list.
    scene.core.operator.set_funding_interval(BTC, 10 * MINUTE_NS, ANN)
    assert scene.keep() == []
    scene.restart()
    assert scene.state.instruments[BTC].funding_interval_ns == 10 * MINUTE_NS


@pytest.mark.spec("FUND-020")
@pytest.mark.parametrize(
    ("instrument_id", "interval_ns", "reason"),
    [
        (99, HOUR_NS, Reason.INSTRUMENT_UNKNOWN),
        (BTC, 999_999_999, Reason.MALFORMED),
        (BTC, 24 * HOUR_NS + 1, Reason.MALFORMED),
        (BTC, -1, Reason.MALFORMED),
    ],
)
def test_an_interval_that_cannot_be_is_refused(instrument_id: int, interval_ns: int, reason: Reason) -> None:
    scene = Scene()
    with pytest.raises(Refused) as refused:
        scene.core.operator.set_funding_interval(instrument_id, interval_ns, ANN)
    assert refused.value.reason == reason
    assert scene.keep() == []


@pytest.mark.spec("INV-100")
def test_what_a_request_leads_to_happens_at_the_time_of_its_entry() -> None:
    scene = Scene()
    holder, maker = scene.open(3_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, holder, maker, 100_000, 1_000_000)
    # Three seconds after the last fact: the cascade begins now, and replay must find it beginning then.
    scene.now_ns += 3_000_000_000
    scene.core.advance_to(scene.now_ns)
    scene.core.operator.change_margin(BTC, (MarginTier(0, 5),), Author("k-desk", "stress"))
    scene.keep()
    assert scene.account(holder).liquidation is not None
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-070")
def test_the_fund_is_drained_to_the_house_and_comes_back_exactly() -> None:
    scene, _ = crowd()
    before, house = scene.fund, scene.cash(HOUSE_ACCOUNT_ID)
    assert scene.core.operator.drain_fund(400_000 * MICROS, ANN) == 400_000 * MICROS
    said = scene.keep()
    assert said[0] == OperatorActed(
        0, INSURANCE_FUND_ID, b"k-ann", b"stress", 400_000 * MICROS, OperatorAction.DRAIN_FUND
    )
    # The fund begins with a million dollars.
    assert (scene.fund, scene.cash(HOUSE_ACCOUNT_ID) - house) == (600_000 * MICROS, 400_000 * MICROS)
    # All that is left, then all that was taken.
    assert scene.core.operator.drain_fund(0, ANN) == 600_000 * MICROS
    assert scene.fund == 0
    scene.keep()
    scene.assert_recoverable(cut=len(scene.log) - 1)
    assert scene.core.operator.restore_fund(1, ANN) == 1
    assert scene.core.operator.restore_fund(0, ANN) == 1_000_000 * MICROS - 1
    scene.keep()
    assert (scene.fund, scene.cash(HOUSE_ACCOUNT_ID), scene.state.steering.drained_micros) == (before, house, 0)
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-070")
def test_no_more_is_drained_than_is_there_nor_restored_than_was_drained() -> None:
    scene, _ = crowd()
    for call, amount, allowed in (
        (scene.core.operator.drain_fund, 1_000_001 * MICROS, 1_000_000 * MICROS),
        (scene.core.operator.drain_fund, -1, 1_000_000 * MICROS),
        (scene.core.operator.restore_fund, 1, 0),
        (scene.core.operator.restore_fund, 0, 0),
    ):
        with pytest.raises(Refused) as refused:
            call(amount, ANN)
        assert (refused.value.reason, refused.value.allowed) == (Reason.AMOUNT_OUT_OF_RANGE, allowed)
    # What an order in flight may cost is not taken from under it.
    scene.state.reserved[BTC] = 999_999 * MICROS
    assert scene.core.operator.drain_fund(0, ANN) == MICROS
    scene.state.reserved.clear()


@pytest.mark.spec("LIQ-030")
def test_a_pace_parts_the_steps_of_a_liquidation_and_its_end_lets_them_go_on() -> None:
    # Long 4 BTC from 100,000 with 10,000: at 98,500 equity is 4,000, the margin 4,925.
    scene = Scene()
    a, maker = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 400_000, 1_000_000)
    assert scene.core.operator.slow_liquidations(5 * SECOND_NS, ANN) == 0
    acted, paced = scene.keep()
    assert acted == OperatorActed(0, 0, b"k-ann", b"stress", 5 * SECOND_NS, OperatorAction.SLOW_LIQUIDATIONS)
    assert paced == LiquidationPaceSet(0, 0, 5 * SECOND_NS)
    scene.mark(BTC, 985_000)
    began_ns = scene.now_ns
    scene.cancelled(a)
    # Its orders are cancelled; the order that closes 20 % waits until five seconds after that step.
    assert scene.requests(a) == []
    scene.assert_recoverable(cut=len(scene.log) - 2)
    while scene.now_ns < began_ns + 4 * SECOND_NS:
        scene.pass_time(1)
        assert scene.requests(a) == []
    scene.pass_time(1)
    seq, order = scene.request(a)
    assert order.size_lots == 80_000
    # The next one would wait as long; without a pace it goes on with the next tick.
    scene.shard(scene.answered(seq, order))
    scene.mark(BTC, 984_900)
    scene.pass_time(1)
    assert scene.requests(a) == []
    assert scene.core.operator.slow_liquidations(0, ANN) == 5 * SECOND_NS
    scene.keep()
    scene.pass_time(0)
    assert scene.request(a)[1].command == CommandKind.LIQUIDATE
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-030")
def test_who_recovers_meanwhile_is_let_go_at_once() -> None:
    scene = Scene()
    a, maker = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 400_000, 1_000_000)
    scene.core.operator.slow_liquidations(60 * SECOND_NS, ANN)
    scene.mark(BTC, 985_000)
    scene.mark(BTC, 1_000_000)
    scene.cancelled(a)
    assert scene.account(a).liquidation is None


@pytest.mark.spec("LIQ-030")
def test_a_pace_is_at_most_a_day_and_the_same_changes_nothing() -> None:
    scene, _ = crowd()
    for pace_ns in (-1, 86_400 * SECOND_NS + 1):
        with pytest.raises(Refused) as refused:
            scene.core.operator.slow_liquidations(pace_ns, ANN)
        assert refused.value.reason == Reason.MALFORMED
    assert scene.core.operator.slow_liquidations(0, ANN) == 0
    assert scene.keep() == []
