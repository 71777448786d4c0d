"""The desk: who was refused what, what a person was asked, and who decided."""

from __future__ import annotations

from tests.unit.storms.measure.logged import BTC, SECOND_NS, A, B, event
from wavetank.model.events import clearing, matching
from wavetank.model.events.clearing import EscalationKind
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.storms.measure.desk import Desk, Refusal
from wavetank.storms.measure.record import Span


def test_refusals_are_counted_by_who_and_why_in_and_outside_of_logs() -> None:
    desk = Desk({})
    rejected = event(matching.OrderRejected, account_id=A, reason=Reason.OPEN_INTEREST_CAP)
    for told in (
        rejected,
        rejected,
        event(matching.OrderRejected, account_id=B, reason=Reason.OPEN_INTEREST_CAP),
        event(clearing.WithdrawalRefused, account_id=A, reason=Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN),
    ):
        desk.apply(1, 0, told)
    desk.refuse(A, Reason.VENUE_OVERLOADED)
    desk.refuse(A, 99_999)
    assert desk.refusals == {
        Refusal(A, "OPEN_INTEREST_CAP"): 2,
        Refusal(B, "OPEN_INTEREST_CAP"): 1,
        Refusal(A, "WITHDRAWAL_EXCEEDS_FREE_MARGIN"): 1,
        Refusal(A, "VENUE_OVERLOADED"): 1,
        # A reason of a newer venue is told by its number.
        Refusal(A, "99999"): 1,
    }


def raised(kind: EscalationKind) -> clearing.EscalationRaised:
    return event(clearing.EscalationRaised, kind=kind)


def test_the_time_to_the_first_question_is_from_the_first_doubt() -> None:
    desk = Desk({})
    desk.doubt(3 * SECOND_NS)
    desk.doubt(5 * SECOND_NS)
    unasked = desk.time_to_escalate_ns
    assert unasked is None
    desk.apply(10, 7 * SECOND_NS, raised(EscalationKind.DELEVERAGING))
    desk.apply(20, 9 * SECOND_NS, raised(EscalationKind.FUND_LOW))
    assert (desk.escalations, desk.time_to_escalate_ns) == (2, 4 * SECOND_NS)


def test_a_question_without_a_doubt_before_it_took_no_time() -> None:
    desk = Desk({})
    desk.apply(10, 7 * SECOND_NS, raised(EscalationKind.FUND_LOW))
    desk.doubt(8 * SECOND_NS)
    assert desk.time_to_escalate_ns == 0


def test_a_question_is_open_until_somebody_or_the_clock_decides_or_it_has_no_object() -> None:
    desk = Desk({})
    for seq in (10, 20, 30, 40, 41):
        desk.apply(seq, seq, raised(EscalationKind.DELEVERAGING))
    desk.apply(50, 50, event(clearing.EscalationDecided, escalation_id=20, by_default=1))
    desk.apply(51, 51, event(clearing.EscalationDecided, escalation_id=10, by_default=0))
    desk.apply(52, 52, event(clearing.EscalationEnded, escalation_id=30))
    desk.apply(53, 53, event(clearing.EscalationDecided, escalation_id=40, by_default=1))
    assert (desk.by_person, desk.by_default) == (1, 2)
    spans = [(span.began_ns, span.ended_ns) for span in desk.spans]
    assert spans == [(10, 51), (20, 50), (30, 52), (40, 53), (41, 0)]
    assert {span.what for span in desk.spans} == {"deleveraging"}


def test_states_and_the_gate_are_spans_until_the_next() -> None:
    desk = Desk({BTC: "BTC"})
    for now_ns, state in ((1, InstrumentState.HALTED), (4, InstrumentState.POST_ONLY), (9, InstrumentState.TRADING)):
        desk.apply(0, now_ns, event(matching.InstrumentMoved, instrument_id=BTC, state=state))
    desk.apply(0, 10, event(matching.GateMoved, is_open=0))
    desk.apply(0, 12, event(matching.GateMoved, is_open=1))
    assert desk.spans == [
        Span(kind="state", what="halted BTC", began_ns=1, ended_ns=4),
        Span(kind="state", what="post only BTC", began_ns=4, ended_ns=9),
        Span(kind="gate", what="closed", began_ns=10, ended_ns=12),
    ]
