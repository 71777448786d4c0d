"""What the audit holds against escalations: events that were good, each made wrong in one way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wavetank.cli.audit.escalations import Escalations
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.model.events.clearing import (
    Decision,
    EscalationDecided,
    EscalationEnded,
    EscalationKind,
    EscalationRaised,
    LiquidationStepped,
    StepCause,
)
from wavetank.model.record import Event

ACCOUNT, LIQUIDATION = 1_000, 40
RAISED = EscalationRaised(1, ACCOUNT, LIQUIDATION, 500, 10**9, EscalationKind.DELEVERAGING)
DECIDED = EscalationDecided(1, ACCOUNT, 50, b"k-ann", b"seen", Decision.HOLD, 0)
CLOCK = EscalationDecided(1, ACCOUNT, 50, b"", b"", Decision.GO_ON, 1)
STEPPED = LiquidationStepped(1, ACCOUNT, LIQUIDATION, -5, 0, 0, 0, 0, 0, 6, StepCause.BOOK_EXHAUSTED)
ENDED = EscalationEnded(0, ACCOUNT, 50)
# Seq, venue time, event.
Log = list[tuple[int, int, Event]]
GOOD: Log = [(50, 400, RAISED), (51, 450, DECIDED), (52, 450, STEPPED), (53, 460, ENDED)]


def offences(log: Log) -> int:
    findings = Findings()
    audit = Escalations(findings)
    for seq, now_ns, event in log:
        audit.before(seq, now_ns, event)
    assert findings.checks[Rule.LIQ_090]
    return len(findings.offences)


@pytest.mark.spec("LIQ-090")
def test_a_good_log_is_good() -> None:
    assert offences(GOOD) == 0
    assert offences([(50, 400, RAISED), (51, 500, CLOCK), (52, 500, STEPPED)]) == 0


@pytest.mark.spec("LIQ-090")
@pytest.mark.parametrize(
    "log",
    [
        [(50, 400, RAISED), (51, 450, STEPPED)],
        [(50, 400, RAISED), (51, 499, CLOCK)],
        [(50, 400, RAISED), (51, 450, replace(DECIDED, author=b""))],
        [(50, 400, RAISED), (51, 450, replace(DECIDED, note=b""))],
        [(50, 400, RAISED), (51, 450, replace(DECIDED, decision=Decision.WHOLE))],
        [(50, 400, RAISED), (51, 450, replace(DECIDED, escalation_id=49))],
        [(50, 400, RAISED), (51, 410, DECIDED), (52, 420, RAISED)],
        [(50, 400, replace(RAISED, deadline_ns=399))],
        [(53, 460, ENDED)],
    ],
)
def test_each_fault_is_found(log: Log) -> None:
    assert offences(log) == 1
