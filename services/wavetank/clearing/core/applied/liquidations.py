"""Events of health, of the waterfall, and of who decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.account import Liquidation
from wavetank.clearing.core.applied.registry import applies
from wavetank.clearing.core.health import HealthBand, LiquidationStage
from wavetank.clearing.core.settlement import is_of_settlement
from wavetank.clearing.core.venue_facts import Escalation, Settling, WaterfallTerms
from wavetank.model.events import clearing as events
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import LineStatus
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from wavetank.clearing.core.state import State


@applies(events.HealthBandChanged)
def _(state: State, event: events.HealthBandChanged, _seq: int, _now_ns: int) -> None:
    state.ledger.set_band(state.known_account(event.account_id).row, HealthBand(event.current))


@applies(events.LineStatusChanged)
def _(state: State, event: events.LineStatusChanged, _seq: int, _now_ns: int) -> None:
    state.known_account(event.account_id).line_status = LineStatus(event.status)


@applies(events.LiquidationStarted)
def _(state: State, event: events.LiquidationStarted, _seq: int, _now_ns: int) -> None:
    account = state.known_account(event.account_id)
    if account.liquidation is not None:
        message = f"account {event.account_id} is in liquidation already"
        raise InvariantBroken(message)
    liquidation = Liquidation(event.liquidation_id)
    if account.is_flat and account.last_instrument_id:
        liquidation.touched.append(account.last_instrument_id)
    state.liquidate(account, liquidation)


@applies(events.LiquidationTested)
def _(state: State, event: events.LiquidationTested, _seq: int, now_ns: int) -> None:
    account = state.known_account(event.account_id)
    liquidation = state.known_liquidation(event.account_id, event.liquidation_id)
    liquidation.waits = event.outcome == events.LiquidationOutcome.WAITS
    if not liquidation.waits:
        liquidation.mark_seq = event.mark_seq
        liquidation.marks, liquidation.indexes, liquidation.stale = state.test_inputs(account, now_ns)
        liquidation.stress_ppm = state.stress_ppm(account)
        liquidation.insured = []
        liquidation.unfilled = False
        liquidation.depth_limited = False


@applies(events.LiquidationStepped)
def _(state: State, event: events.LiquidationStepped, _seq: int, now_ns: int) -> None:
    account = state.known_account(event.account_id)
    liquidation = account.liquidation
    if liquidation is None:
        return
    liquidation.stage = LiquidationStage(event.stage)
    liquidation.stepped_ns = now_ns
    instrument_id = event.instrument_id
    if event.cause == events.StepCause.LARGE_POSITION_FIRST_SLICE:
        until_ns = now_ns + state.settings.partial_cooldown_ns
        account.cooldown_until_ns[instrument_id] = until_ns
    if event.cause == events.StepCause.DEPTH_LIMITED:
        liquidation.depth_limited = True
    if liquidation.stage == LiquidationStage.INSURANCE:
        state.reserve(liquidation, event.reserve_micros, instrument_id)
        if instrument_id and instrument_id not in liquidation.insured:
            liquidation.insured.append(instrument_id)


@applies(events.MatchingRequested)
def _(state: State, event: events.MatchingRequested, seq: int, now_ns: int) -> None:
    play = state.known_account(event.account_id).play
    if is_of_settlement(event):
        state.steering.settlements[event.instrument_id].pending[seq] = event
    elif play is not None and event.liquidation_id == 0:
        play.pending[seq] = event
    elif event.liquidation_id == 0:
        state.vault_pending[seq] = event
        step_ns = now_ns + state.settings.vault_step_ns
        state.vault_next_step_ns[event.instrument_id] = step_ns
    else:
        state.known_liquidation(event.account_id, event.liquidation_id).pending[seq] = event
        if event.receiver_account_id == BACKSTOP_VAULT_ID:
            state.handed_micros += abs(event.value_micros)


@applies(events.MatchingAnswered)
def _(state: State, event: events.MatchingAnswered, _seq: int, _now_ns: int) -> None:
    settling = state.steering.settlements.get(event.instrument_id)
    if settling is not None and settling.pending.pop(event.request_seq, None) is not None:
        return
    play = state.known_account(event.account_id).play
    if play is not None and event.request_seq in play.pending:
        del play.pending[event.request_seq]
        # What was clipped is asked for again as long as there is something left of it.
        if event.reason not in {0, Reason.TRANSFER_CLIPPED}:
            play.reason = event.reason
        return
    if event.liquidation_id == 0:
        del state.vault_pending[event.request_seq]
        return
    liquidation = state.known_liquidation(event.account_id, event.liquidation_id)
    request = liquidation.pending.pop(event.request_seq)
    if request.receiver_account_id == BACKSTOP_VAULT_ID:
        state.handed_micros -= abs(request.value_micros)
    state.reserve(liquidation, 0)
    liquidation.unfilled = event.done_lots < abs(request.size_lots)
    if request.receiver_account_id == BACKSTOP_VAULT_ID and event.done_lots and request.receiver_may_increase:
        liquidation.vault_took = True


@applies(events.WaterfallSet)
def _(state: State, event: events.WaterfallSet, _seq: int, _now_ns: int) -> None:
    state.waterfall = WaterfallTerms(
        event.stages_off,
        event.insurance_first,
        event.adl_policy,
        event.backstop.numerator,
        event.backstop.denominator,
    )


@applies(events.CascadeJoined)
def _(state: State, event: events.CascadeJoined, _seq: int, now_ns: int) -> None:
    liquidation = state.known_liquidation(event.account_id, event.liquidation_id)
    liquidation.cascade_id, liquidation.generation = event.cascade_id, event.generation
    instruments = state.fallen_instruments(state.known_account(event.account_id))
    window_ns = state.settings.cascade_window_ns
    state.cascades.join(event.cascade_id, event.generation, instruments, now_ns, window_ns)
    for instrument_id in instruments:
        mark = state.marks.get(instrument_id)
        if mark is not None:
            state.cascades.mark(instrument_id, mark.mark_price_ticks, mark.index_price_ticks)


@applies(events.CascadeEnded)
def _(state: State, event: events.CascadeEnded, _seq: int, _now_ns: int) -> None:
    state.cascades.end(event.cascade_id)


@applies(events.LiquidationEnded)
def _(state: State, event: events.LiquidationEnded, _seq: int, now_ns: int) -> None:
    liquidation = state.known_liquidation(event.account_id, event.liquidation_id)
    if liquidation.cascade_id:
        state.cascades.leave(liquidation.cascade_id, now_ns)
    state.reserve(liquidation, 0)
    account = state.liquidated.pop(event.account_id)
    account.liquidation = None
    state.watch(account)


@applies(events.EscalationRaised)
def _(state: State, event: events.EscalationRaised, seq: int, now_ns: int) -> None:
    state.escalations[seq] = Escalation(
        seq,
        events.EscalationKind(event.kind),
        event.account_id,
        event.instrument_id,
        event.liquidation_id,
        now_ns,
        event.deadline_ns,
        event.figure,
    )
    if event.account_id:
        state.known_liquidation(event.account_id, event.liquidation_id).asks = seq


@applies(events.EscalationDecided)
def _(state: State, event: events.EscalationDecided, seq: int, _now_ns: int) -> None:
    escalation = state.escalations.get(event.escalation_id)
    if escalation is None:
        message = f"event {seq}: escalation {event.escalation_id} is decided and was not raised"
        raise InvariantBroken(message)
    escalation.decision = events.Decision(event.decision)
    escalation.author, escalation.note = event.author.decode(), event.note.decode()
    if event.account_id:
        liquidation = state.known_liquidation(event.account_id, escalation.liquidation_id)
        liquidation.decisions[int(escalation.kind)] = event.decision
        if liquidation.asks == event.escalation_id:
            liquidation.asks = 0


@applies(events.EscalationEnded)
def _(state: State, event: events.EscalationEnded, _seq: int, _now_ns: int) -> None:
    state.escalations.pop(event.escalation_id, None)


@applies(events.LiquidationPaceSet)
def _(state: State, event: events.LiquidationPaceSet, _seq: int, _now_ns: int) -> None:
    state.steering.liquidation_pace_ns = event.pace_ns


@applies(events.SettlementBegan)
def _(state: State, event: events.SettlementBegan, seq: int, _now_ns: int) -> None:
    if event.instrument_id in state.steering.settlements:
        message = f"event {seq}: instrument {event.instrument_id} is being settled already"
        raise InvariantBroken(message)
    state.steering.settlements[event.instrument_id] = Settling(event.price_ticks)


@applies(events.SettlementEnded)
def _(state: State, event: events.SettlementEnded, seq: int, _now_ns: int) -> None:
    settling = state.steering.settlements.pop(event.instrument_id, None)
    held = state.ledger.open_interest(event.instrument_id)
    if settling is None or settling.pending or held:
        message = f"event {seq}: the settlement of instrument {event.instrument_id} ends with {held} lots open"
        raise InvariantBroken(message)
