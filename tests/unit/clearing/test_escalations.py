"""Escalations: a liquidation asks where the rules let a person decide, waits no longer than it may, and goes on."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, MICROS, Scene
from wavetank.clearing.core.escalation import card_of
from wavetank.clearing.core.operator import Author
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.model.events.clearing import (
    AdlRanked,
    Decision,
    EscalationDecided,
    EscalationEnded,
    EscalationKind,
    EscalationRaised,
    LiquidationEnded,
    LiquidationStepped,
    MatchingRequested,
    OperatorActed,
    StepCause,
)
from wavetank.model.orders import CommandKind
from wavetank.model.reason import Reason

ANN = Author("k-ann", "looked at it")
WAIT_NS = 10 * SECOND_NS
ASKING = ClearingSettings(escalation_wait_ns=WAIT_NS, vault_enabled=False, insurance_enabled=False)


def bankrupt(settings: ClearingSettings = ASKING) -> tuple[Scene, int, int]:
    """Return a scene in which an account long 1 BTC from 100,000 with 3,000 dollars fell to 96,000, and its maker."""
    scene = Scene(settings=settings)
    a, maker = scene.open(3_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.mark(BTC, 960_000)
    scene.cancelled(a)
    return scene, a, maker


def the_card(scene: Scene) -> int:
    """Return the id of the only escalation."""
    (escalation_id,) = scene.state.escalations
    return escalation_id


@pytest.mark.spec("LIQ-090", "LIQ-080")
def test_nobody_is_deleveraged_before_a_person_could_decide() -> None:
    scene, a, _ = bankrupt()
    raised = scene.last(EscalationRaised)
    assert (raised.account_id, raised.kind) == (a, EscalationKind.DELEVERAGING)
    assert raised.deadline_ns == scene.now_ns + WAIT_NS
    assert raised.figure == 96_000 * MICROS
    assert not scene.requests(a)
    # Marks come and go meanwhile; the clock decides at the deadline and not before.
    scene.mark(BTC, 959_000)
    scene.pass_time(8)
    assert not scene.all(EscalationDecided)
    scene.pass_time(1)
    decided = scene.last(EscalationDecided)
    assert (decided.decision, decided.by_default, decided.author) == (Decision.GO_ON, 1, b"")
    # It goes on from inputs frozen anew: at 95,900 all is closed against the maker.
    assert scene.last(AdlRanked).delta_lots == 100_000
    _, request = scene.request(a)
    assert request.command == CommandKind.TRANSFER
    scene.assert_recoverable()
    scene.transfer_all(a)
    assert scene.all(EscalationEnded)
    assert scene.last(LiquidationEnded).account_id == a
    assert scene.state.escalations == {}


@pytest.mark.spec("LIQ-090")
def test_a_person_lets_it_go_on_at_once() -> None:
    scene, a, _ = bankrupt()
    scene.core.decide(scene.now_ns, the_card(scene), Decision.GO_ON, ANN)
    scene.keep()
    decided = scene.last(EscalationDecided)
    assert (decided.author, decided.note, decided.by_default) == (b"k-ann", b"looked at it", 0)
    assert scene.request(a)[1].command == CommandKind.TRANSFER
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-090")
def test_what_is_held_is_held_at_every_mark_until_somebody_undoes_it() -> None:
    scene, a, _ = bankrupt()
    card = the_card(scene)
    scene.core.decide(scene.now_ns, card, Decision.HOLD, ANN)
    scene.keep()
    assert scene.last(LiquidationStepped).cause == StepCause.HELD
    for ticks in (955_000, 950_000):
        scene.mark(BTC, ticks)
        assert not scene.requests(a)
    # It asks about a matter once.
    assert len(scene.all(EscalationRaised)) == 1
    scene.assert_recoverable()
    scene.core.decide(scene.now_ns, card, Decision.GO_ON, ANN)
    scene.keep()
    assert scene.request(a)[1].command == CommandKind.TRANSFER
    # At 95,000 with 3,000 of its own it lacks 2,000, which the maker gives up.
    assert scene.last(AdlRanked).given_up_micros == 2_000 * MICROS


@pytest.mark.spec("LIQ-090")
def test_a_recovery_meanwhile_ends_it_without_a_victim() -> None:
    scene, a, _ = bankrupt()
    scene.mark(BTC, 1_000_000)
    scene.pass_time(20)
    assert scene.last(LiquidationEnded).account_id == a
    assert not scene.all(AdlRanked)
    assert scene.account(a).liquidation is None
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-010", "LIQ-090")
def test_a_person_may_vouch_for_a_stale_price() -> None:
    scene = Scene(settings=ASKING)
    a, maker = scene.open(3_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    # Stale at 91,000: at the better end of five per cent, 95,550, it has lost 4,450 of 3,000.
    scene.mark(BTC, 910_000, stale=True)
    scene.cancelled(a)
    assert scene.last(EscalationRaised).kind == EscalationKind.PRICE_STALE
    card = the_card(scene)
    scene.core.decide(scene.now_ns, card, Decision.GO_ON, ANN)
    scene.keep()
    # The next doubt is another matter, and asked about on its own.
    assert scene.last(EscalationRaised).kind == EscalationKind.DELEVERAGING
    scene.pass_time(11)
    assert scene.request(a)[1].command == CommandKind.TRANSFER
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-010", "LIQ-090")
def test_without_a_person_a_stale_price_is_waited_out() -> None:
    scene = Scene(settings=ASKING)
    a, maker = scene.open(3_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.mark(BTC, 910_000, stale=True)
    scene.cancelled(a)
    scene.pass_time(11)
    assert scene.last(EscalationDecided).decision == Decision.HOLD
    assert scene.last(LiquidationStepped).cause == StepCause.PRICE_STALE
    assert not scene.requests(a)


@pytest.mark.spec("LIQ-040", "LIQ-090")
@pytest.mark.parametrize(
    ("decision", "lots"), [(Decision.GO_ON, 20_000), (Decision.WHOLE, 100_000), (Decision.HOLD, 0)]
)
def test_how_much_a_thin_book_is_given_can_be_decided(decision: Decision, lots: int) -> None:
    scene = Scene(settings=ClearingSettings(escalation_wait_ns=WAIT_NS, partial_above_micros=10**15))
    a, maker = scene.open(3_000), scene.open(1_000_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.book(BTC, bid=979_000, ask=981_000, impact_bid=978_000, impact_ask=982_000, depth_lots=40_000)
    # Equity 1,000 of 1,225: the book first. 40,000 lots of depth, of which half may be taken.
    scene.mark(BTC, 980_000)
    scene.cancelled(a)
    raised = scene.last(EscalationRaised)
    assert (raised.kind, raised.instrument_id) == (EscalationKind.SLICE_EXCEEDS_DEPTH, BTC)
    scene.core.decide(scene.now_ns, the_card(scene), decision, ANN)
    scene.keep()
    assert sum(request.size_lots for _, request in scene.requests(a)) == lots
    scene.assert_recoverable()


@pytest.mark.spec("LIQ-090", "LIQ-110")
def test_a_low_fund_is_told_once_and_withdrawals_can_be_paused() -> None:
    scene = Scene(settings=ClearingSettings(escalation_wait_ns=WAIT_NS, fund_low_micros=100), fund_micros=99)
    scene.mark(BTC, 1_000_000)
    scene.mark(BTC, 1_000_001)
    raised = scene.last(EscalationRaised)
    assert (raised.kind, raised.figure, raised.account_id) == (EscalationKind.FUND_LOW, 99, 0)
    assert len(scene.all(EscalationRaised)) == 1
    scene.core.decide(scene.now_ns, the_card(scene), Decision.PAUSE_WITHDRAWALS, ANN)
    scene.keep()
    assert scene.state.steering.withdrawals_are_paused
    assert scene.last(OperatorActed).author == b"k-ann"
    scene.core.operator.top_up_fund(1, ANN)
    scene.mark(BTC, 1_000_002)
    assert scene.state.escalations == {}
    scene.assert_recoverable()


def test_what_is_not_offered_unknown_or_without_a_reason_is_refused() -> None:
    scene, _, _ = bankrupt()
    card = the_card(scene)
    cases = [
        (card, Decision.WHOLE, ANN, Reason.DECISION_NOT_OFFERED),
        (card + 1, Decision.GO_ON, ANN, Reason.ESCALATION_UNKNOWN),
        (card, Decision.GO_ON, Author("k-ann", ""), Reason.MALFORMED),
    ]
    for escalation_id, decision, author, reason in cases:
        with pytest.raises(Refused) as refusal:
            scene.core.decide(scene.now_ns, escalation_id, decision, author)
        assert refusal.value.reason is reason
    assert scene.keep() == []


@pytest.mark.spec("LIQ-090")
def test_a_card_shows_what_a_decision_needs() -> None:
    scene, _, _ = bankrupt()
    card = card_of(scene.state, scene.state.escalations[the_card(scene)])
    # 3,000 less 4,000; 1/80 of 96,000. Two per cent of 96,000 further down it has 1,920 less, and so on.
    assert (card.exposure_micros, card.equity_micros) == (96_000 * MICROS, -1_000 * MICROS)
    assert card.maintenance_micros == 1_200 * MICROS
    assert [(each.shock_ppm, each.equity_micros // MICROS) for each in card.shocks] == [
        (20_000, -2_920),
        (50_000, -5_800),
        (100_000, -10_600),
    ]
    assert card.offered == (Decision.GO_ON, Decision.HOLD)


@pytest.mark.spec("LIQ-090", "INV-100")
def test_a_restart_forgets_neither_the_question_nor_the_deadline() -> None:
    scene, a, _ = bankrupt()
    scene.restart()
    scene.mark(BTC, 960_000)
    assert not scene.requests(a)
    scene.pass_time(11)
    assert scene.last(EscalationDecided).by_default == 1
    assert [type(request) for _, request in scene.requests(a)] == [MatchingRequested]
