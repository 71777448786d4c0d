"""Escalations: nothing is done while a person is asked, no clock decides too soon, no decision lacks its author."""

from dataclasses import dataclass

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.model.events import clearing as events
from wavetank.model.record import Event

OFFERED = {
    events.EscalationKind.PRICE_STALE: {events.Decision.HOLD, events.Decision.GO_ON},
    events.EscalationKind.SLICE_EXCEEDS_DEPTH: {events.Decision.GO_ON, events.Decision.WHOLE, events.Decision.HOLD},
    events.EscalationKind.DELEVERAGING: {events.Decision.GO_ON, events.Decision.HOLD},
    events.EscalationKind.FUND_LOW: {events.Decision.GO_ON, events.Decision.PAUSE_WITHDRAWALS},
    events.EscalationKind.CASCADE: {events.Decision.GO_ON, events.Decision.PAUSE_WITHDRAWALS},
}


@dataclass(slots=True)
class _Asked:
    raised: events.EscalationRaised
    is_open: bool = True


class Escalations:
    """Follows every escalation of clearing's log (LIQ-090)."""

    def __init__(self, findings: Findings) -> None:
        """Follow from the log's beginning."""
        self._findings = findings
        self._asked: dict[int, _Asked] = {}

    def before(self, seq: int, now_ns: int, event: Event) -> None:
        """Judge one event of clearing's log."""
        match event:
            case events.EscalationRaised():
                self._raised(seq, now_ns, event)
            case events.EscalationDecided():
                self._decided(now_ns, event)
            case events.EscalationEnded():
                self._expect(self._asked.pop(event.escalation_id, None) is not None, "the end of what was raised")
            case events.LiquidationStepped() | events.MatchingRequested() if event.liquidation_id:
                waits = [each for each in self._asked.values() if each.is_open and each.raised.account_id]
                asked = {(each.raised.account_id, each.raised.liquidation_id) for each in waits}
                self._expect(
                    (event.account_id, event.liquidation_id) not in asked, "nothing done while a person is asked"
                )
            case _:
                pass

    def _expect(self, holds: bool, expected: str) -> None:
        self._findings.expect(Rule.LIQ_090, holds, expected)

    def _raised(self, seq: int, now_ns: int, event: events.EscalationRaised) -> None:
        about = (event.account_id, event.liquidation_id, event.kind)
        known = {
            (each.raised.account_id, each.raised.liquidation_id, each.raised.kind) for each in self._asked.values()
        }
        self._expect(about not in known, "a matter asked about once")
        self._expect(event.deadline_ns >= now_ns, f"a deadline no earlier than {now_ns}")
        self._asked[seq] = _Asked(event)

    def _decided(self, now_ns: int, event: events.EscalationDecided) -> None:
        asked = self._asked.get(event.escalation_id)
        self._expect(asked is not None, "a decision of what was raised and is not over")
        if asked is None:
            return
        raised, asked.is_open = asked.raised, False
        offered = OFFERED[events.EscalationKind(raised.kind)]
        self._expect(event.decision in offered, f"one of {sorted(each.name for each in offered)}")
        if event.by_default:
            self._expect(now_ns >= raised.deadline_ns, f"the clock waiting until {raised.deadline_ns}")
        else:
            self._expect(bool(event.author) and bool(event.note), "an author and a reason")
