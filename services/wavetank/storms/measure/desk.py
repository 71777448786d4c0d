"""The desk: what was refused, what a person was asked, and what was decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from wavetank.model.events import clearing as clearing_events
from wavetank.model.events import matching as matching_events
from wavetank.model.events.clearing import EscalationKind
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.model.record import Event
from wavetank.storms.measure.record import Span


@dataclass(frozen=True, slots=True)
class Refusal:
    """A kind of refusal: who was refused what reason."""

    account_id: int
    reason: str


class Desk:
    """Follows refusals, escalations, gates and states of instruments."""

    def __init__(self, symbols: dict[int, str]) -> None:
        """Begin with nothing asked.

        Args:
            symbols: by instrument.

        """
        self.refusals: dict[Refusal, int] = {}
        """How often."""
        self.escalations = 0
        self.by_person = 0
        self.by_default = 0
        self.first_doubt_ns: int | None = None
        """When the first liquidation started, or clearing was first told a stale price."""
        self.first_escalation_ns: int | None = None
        self.spans: list[Span] = []
        self._symbols = symbols
        self._open: dict[tuple[str, int], int] = {}
        """Where a span that goes on stands, by kind and id."""
        self.handlers: dict[type, Callable[..., None]] = {
            matching_events.OrderRejected: self._refused,
            clearing_events.WithdrawalRefused: self._refused,
            clearing_events.CollateralRefused: self._refused,
            clearing_events.MarginModeKept: self._refused,
            matching_events.InstrumentMoved: self._moved,
            matching_events.GateMoved: self._gated,
            clearing_events.EscalationRaised: self._raised,
            clearing_events.EscalationDecided: self._decided,
            clearing_events.EscalationEnded: self._ended,
        }
        """By class: seq, venue time and event."""

    def begin(self) -> None:
        """Begin to measure here: what is closed, halted or asked still is."""
        goes_on = {key: self.spans[at] for key, at in self._open.items()}
        self.spans = list(goes_on.values())
        self._open = {key: at for at, key in enumerate(goes_on)}
        self.refusals.clear()
        self.escalations = self.by_person = self.by_default = 0
        self.first_doubt_ns = self.first_escalation_ns = None

    def apply(self, seq: int, now_ns: int, event: Event) -> None:
        """Take over an event."""
        self.handlers[type(event)](seq, now_ns, event)

    def refuse(self, account_id: int, reason: int) -> None:
        """Count a refusal; of those that stand in no log the runner tells."""
        try:
            name = Reason(reason).name
        except ValueError:
            name = str(reason)
        key = Refusal(account_id, name)
        self.refusals[key] = self.refusals.get(key, 0) + 1

    def doubt(self, now_ns: int) -> None:
        """Note something that a person might be asked about."""
        if self.first_doubt_ns is None:
            self.first_doubt_ns = now_ns

    @property
    def time_to_escalate_ns(self) -> int | None:
        """From the first doubt to the first escalation; None while nobody was asked."""
        if self.first_escalation_ns is None:
            return None
        return max(0, self.first_escalation_ns - (self.first_doubt_ns or self.first_escalation_ns))

    def _refused(self, _seq: int, _now_ns: int, event: matching_events.OrderRejected) -> None:
        self.refuse(event.account_id, event.reason)

    def _moved(self, _seq: int, now_ns: int, event: matching_events.InstrumentMoved) -> None:
        self._close("state", event.instrument_id, now_ns)
        if event.state != InstrumentState.TRADING:
            word = InstrumentState(event.state).name.lower().replace("_", " ")
            symbol = self._symbols.get(event.instrument_id, "")
            self._begin("state", event.instrument_id, f"{word} {symbol}".strip(), now_ns)

    def _gated(self, _seq: int, now_ns: int, event: matching_events.GateMoved) -> None:
        self._close("gate", 0, now_ns)
        if not event.is_open:
            self._begin("gate", 0, "closed", now_ns)

    def _raised(self, seq: int, now_ns: int, event: clearing_events.EscalationRaised) -> None:
        self.escalations += 1
        if self.first_escalation_ns is None:
            self.first_escalation_ns = now_ns
        self._begin("escalation", seq, EscalationKind(event.kind).name.lower().replace("_", " "), now_ns)

    def _decided(self, _seq: int, now_ns: int, event: clearing_events.EscalationDecided) -> None:
        if event.by_default:
            self.by_default += 1
        else:
            self.by_person += 1
        self._close("escalation", event.escalation_id, now_ns)

    def _ended(self, _seq: int, now_ns: int, event: clearing_events.EscalationEnded) -> None:
        self._close("escalation", event.escalation_id, now_ns)

    def _begin(self, kind: str, key: int, what: str, now_ns: int) -> None:
        self._open[kind, key] = len(self.spans)
        self.spans.append(Span(kind=kind, what=what, began_ns=now_ns, ended_ns=0))

    def _close(self, kind: str, key: int, now_ns: int) -> None:
        at = self._open.pop((kind, key), None)
        if at is not None:
            self.spans[at] = replace(self.spans[at], ended_ns=now_ns)
