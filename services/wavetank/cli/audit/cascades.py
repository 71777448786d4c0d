"""Cascades, followed by their own account of themselves: who follows whom, and what they closed together (LIQ-120).

The window in which a liquidation follows another is a setting of the venue and in no log, so whether a link was due is
not judged; whether it is possible is, and every sum is made anew.
"""

from dataclasses import dataclass, field

from wavetank.cli.audit.cases import Case
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.model.events import clearing as events
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import CommandKind, OrderFlag
from wavetank.model.record import Event

PPM = 10**6


@dataclass(slots=True)
class _Cascade:
    generations: set[int] = field(default_factory=set)
    """Those that a liquidation was of."""
    trades: dict[int, int] = field(default_factory=dict)
    """Generation by trade of its liquidations in the book."""
    liquidations: int = 0
    under_way: int = 0
    notional: int = 0
    first_notional: int = 0


class CascadeSums:
    """Follows every cascade of clearing's log."""

    def __init__(self, findings: Findings, cases: dict[int, Case]) -> None:
        """Judge by the liquidations that are under way, by account."""
        self._findings = findings
        self._cases = cases
        self._last_id = 0
        self._cascades: dict[int, _Cascade] = {}
        self._of: dict[int, tuple[int, int]] = {}
        """Cascade and generation, by account in liquidation."""

    def take(self, event: Event) -> None:
        """Take the next event, before it changes anything."""
        match event:
            case events.CascadeJoined():
                self._joined(event)
            case events.CascadeEnded():
                self._ended(event)
            case events.FillBooked() if event.account_id in self._of:
                self._filled(event)
            case events.LiquidationEnded():
                cascade_id, _ = self._of.pop(event.account_id, (0, 0))
                if cascade_id in self._cascades:
                    self._cascades[cascade_id].under_way -= 1
            case _:
                return

    def _expect(self, holds: bool, expected: str) -> None:
        self._findings.expect(Rule.LIQ_120, holds, expected)

    def _joined(self, event: events.CascadeJoined) -> None:
        case = self._cases.get(event.account_id)
        is_under_way = case is not None and case.liquidation_id == event.liquidation_id
        self._expect(is_under_way, "a liquidation that has begun")
        if event.cascade_id == self._last_id + 1:
            self._last_id = event.cascade_id
            self._cascades[event.cascade_id] = _Cascade()
            self._expect(
                (event.generation, event.instrument_id, event.parent_trade_id) == (1, 0, 0),
                "a first generation that follows nobody, for it begins the cascade",
            )
        elif event.cascade_id not in self._cascades:
            self._expect(False, f"a cascade that is running, or the next, {self._last_id + 1}")
            return
        else:
            cascade = self._cascades[event.cascade_id]
            follows = cascade.trades.get(event.parent_trade_id, 0) + 1
            is_possible = (
                follows == event.generation if event.parent_trade_id else event.generation in cascade.generations
            )
            self._expect(is_possible, "the generation after that of the trade it follows, or that of a sibling")
        cascade = self._cascades[event.cascade_id]
        cascade.generations.add(event.generation)
        cascade.liquidations += 1
        cascade.under_way += 1
        self._of[event.account_id] = (event.cascade_id, event.generation)

    def _filled(self, event: events.FillBooked) -> None:
        cascade_id, generation = self._of[event.account_id]
        cascade, case = self._cascades.get(cascade_id), self._cases.get(event.account_id)
        if cascade is None or case is None:
            return
        # A disposal that a vault had under way is none of its liquidation's, which asks for transfers alone.
        is_order = event.role == events.FillRole.TAKER and bool(event.flags & OrderFlag.LIQUIDATION)
        is_trade = is_order and event.account_id != BACKSTOP_VAULT_ID
        is_transfer = event.role == events.FillRole.TRANSFER and any(
            request.command == CommandKind.TRANSFER and request.instrument_id == event.instrument_id
            for request in case.pending.values()
        )
        if is_trade:
            cascade.trades[event.trade_id] = generation
        if is_trade or is_transfer:
            cascade.notional += abs(event.value_micros)
            cascade.first_notional += abs(event.value_micros) if generation == 1 else 0

    def _ended(self, event: events.CascadeEnded) -> None:
        cascade = self._cascades.pop(event.cascade_id, None)
        if cascade is None:
            self._expect(False, "a cascade that is running")
            return
        self._expect(cascade.under_way == 0, f"no liquidation of it under way, not {cascade.under_way}")
        first = cascade.first_notional
        due = (
            cascade.liquidations,
            max(cascade.generations),
            cascade.notional,
            first,
            cascade.notional * PPM // first if first else 0,
        )
        said = (
            event.liquidations,
            event.generations,
            event.notional_micros,
            event.first_notional_micros,
            event.multiplier_ppm,
        )
        self._expect(said == due, f"liquidations, generations, notional, the first's and multiplier {due}, not {said}")
