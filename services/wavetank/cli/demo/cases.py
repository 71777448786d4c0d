"""Liquidations as a person reads them: one case for each, its steps in order, each with its reason.

It exists because the log tells requests, answers, cash and tests as separate facts of several accounts at once; a case
puts together what belongs together. Nothing here is judged; that is the audit's work.
"""

from dataclasses import dataclass, field

from wavetank.cli.sentences.clearing import STAGES
from wavetank.cli.sentences.words import named
from wavetank.model.events import clearing as events
from wavetank.model.record import Event


@dataclass(slots=True)
class Step:
    """One step of a stage; money in micro-dollars."""

    at_ns: int
    stage: str
    cause: str
    instrument_id: int
    delta_lots: int
    """Signed; what the stage aimed at."""
    price_ticks: int
    """Limit, or 0."""
    value_micros: int
    equity_micros: int
    maintenance_micros: int
    reserve_micros: int
    done_lots: int = 0
    """What the shard did of it, unsigned."""
    done_value_micros: int = 0

    @property
    def health(self) -> float | None:
        """Equity over maintenance margin before the step; None without a position."""
        return self.equity_micros / self.maintenance_micros if self.maintenance_micros else None


@dataclass(frozen=True, slots=True)
class CashMove:
    """Cash that a liquidation moved."""

    at_ns: int
    cause: str
    payer_id: int
    receiver_id: int
    amount_micros: int


@dataclass(frozen=True, slots=True)
class AdlRow:
    """One line of a deleveraging ranking."""

    at_ns: int
    liquidation_id: int
    instrument_id: int
    rank: int
    account_id: int
    score_e9: int
    position_lots: int
    capacity_lots: int
    delta_lots: int
    given_up_micros: int


@dataclass(slots=True)
class Case:
    """One liquidation of one account."""

    liquidation_id: int
    account_id: int
    began_ns: int
    equity_micros: int
    maintenance_micros: int
    steps: list[Step] = field(default_factory=list[Step])
    cash: list[CashMove] = field(default_factory=list[CashMove])
    ended_ns: int = 0
    """0 while it goes on."""
    outcome: str = "goes on"
    equity_after_micros: int = 0

    @property
    def stages(self) -> list[str]:
        """Stages that it passed, in order of the first time."""
        return list(dict.fromkeys(step.stage for step in self.steps))


class CaseBook:
    """Gathers cases from clearing's events, in order of the log."""

    def __init__(self) -> None:
        self.cases: dict[int, Case] = {}
        """By id of the liquidation."""
        self.ranking: list[AdlRow] = []
        self._asked: dict[int, Step] = {}

    def take(self, seq: int, at_ns: int, event: Event) -> None:
        """Take over an event, if it belongs to a liquidation."""
        match event:
            case events.LiquidationStarted():
                self.cases[event.liquidation_id] = Case(
                    event.liquidation_id,
                    event.account_id,
                    at_ns,
                    event.equity_micros,
                    event.maintenance_margin_micros,
                )
            case events.LiquidationStepped() if event.liquidation_id in self.cases:
                self.cases[event.liquidation_id].steps.append(_step(at_ns, event))
            case events.MatchingRequested() if event.liquidation_id in self.cases:
                self._requested(seq, event)
            case events.MatchingAnswered() if event.request_seq in self._asked:
                step = self._asked.pop(event.request_seq)
                step.done_lots += event.done_lots
                step.done_value_micros += abs(event.done_value_micros)
            case events.AdlRanked():
                self.ranking.append(_ranked(at_ns, event))
            case events.CashTransferred() if event.liquidation_id in self.cases:
                cause = named(event.cause, events.CashCause)
                move = CashMove(at_ns, cause, event.account_id, event.receiver_account_id, event.amount_micros)
                self.cases[event.liquidation_id].cash.append(move)
            case events.LiquidationEnded() if event.liquidation_id in self.cases:
                case = self.cases[event.liquidation_id]
                case.ended_ns = at_ns
                case.outcome = named(event.outcome, events.LiquidationOutcome)
                case.equity_after_micros = event.equity_micros
            case _:
                pass

    def _requested(self, seq: int, event: events.MatchingRequested) -> None:
        steps = self.cases[event.liquidation_id].steps
        # Legs are stepped one by one and asked for one by one; the newest step of the leg is the one asked for.
        for step in reversed(steps):
            if event.instrument_id in {0, step.instrument_id}:
                self._asked[seq] = step
                return


def _step(at_ns: int, event: events.LiquidationStepped) -> Step:
    return Step(
        at_ns=at_ns,
        stage=named(event.stage, STAGES),
        cause=named(event.cause, events.StepCause),
        instrument_id=event.instrument_id,
        delta_lots=event.delta_lots,
        price_ticks=event.price_ticks,
        value_micros=event.value_micros,
        equity_micros=event.equity_micros,
        maintenance_micros=event.maintenance_margin_micros,
        reserve_micros=event.reserve_micros,
    )


def _ranked(at_ns: int, event: events.AdlRanked) -> AdlRow:
    return AdlRow(
        at_ns,
        event.liquidation_id,
        event.instrument_id,
        event.rank,
        event.account_id,
        event.score_e9,
        event.position_lots,
        event.capacity_lots,
        event.delta_lots,
        event.given_up_micros,
    )
