"""Events of prices, instruments, keys and the controls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wavetank.clearing.core.account import ModeChange
from wavetank.clearing.core.applied.registry import applies
from wavetank.clearing.core.ledger import NO_CHOICE
from wavetank.clearing.core.limits import GroupLimit, PositionLimit
from wavetank.clearing.core.margin_modes import Correlation, MarginMode, StressRamp
from wavetank.clearing.core.venue_facts import ApiKey, Mark
from wavetank.model.events import clearing as events
from wavetank.model.events.matching import BookSampled, MarkApplied
from wavetank.model.invariant import InvariantBroken
from wavetank.model.validity import Validity

if TYPE_CHECKING:
    from wavetank.clearing.core.state import State
    from wavetank.model.instrument import ListingEvent
    from wavetank.model.record import Event


@applies(MarkApplied)
def _(state: State, event: MarkApplied, _seq: int, _now_ns: int) -> None:
    state.cascades.mark(event.instrument_id, event.mark_price_ticks, event.index_price_ticks)
    mark = Mark(
        event.mark_price_ticks,
        event.index_price_ticks,
        event.index_time_ns,
        event.oracle_seq,
        Validity(event.stale),
    )
    state.take_mark(event.instrument_id, mark)


@applies(BookSampled)
def _(state: State, event: BookSampled, _seq: int, _now_ns: int) -> None:
    state.books[event.instrument_id] = event


@applies(events.AdlRanked, events.Deleveraged)
def _(_state: State, _event: Event, _seq: int, _now_ns: int) -> None:
    # Told for the record: the legs they speak of come by their own events.
    return


@applies(events.WithdrawalsGated)
def _(state: State, event: events.WithdrawalsGated, _seq: int, _now_ns: int) -> None:
    state.gated_until_ns = event.until_ns


@applies(events.InstrumentListed, events.MarginScalingListed, events.MarginTierListed)
def _(state: State, event: ListingEvent, _seq: int, _now_ns: int) -> None:
    listed = state.listings.take(event)
    if listed is not None:
        state.take_listing(listed)


@applies(events.OpenInterestScaled)
def _(state: State, event: events.OpenInterestScaled, seq: int, _now_ns: int) -> None:
    held = state.ledger.open_interest(event.instrument_id)
    if event.open_interest_lots != held:
        message = f"event {seq}: open interest is {held} lots, the event says {event.open_interest_lots}"
        raise InvariantBroken(message)
    state.take_listing(replace(state.instruments[event.instrument_id], scaled_ppm=event.scaled_ppm))


@applies(events.LeverageChanged)
def _(state: State, event: events.LeverageChanged, _seq: int, _now_ns: int) -> None:
    account = state.known_account(event.account_id)
    largest = state.instruments[event.instrument_id].max_leverage
    # Who goes back to the largest follows it from then on, as at the beginning.
    chosen = event.leverage if event.leverage < largest else NO_CHOICE
    state.ledger.choose(account.row, event.instrument_id, chosen)


@applies(events.ApiKeyCreated)
def _(state: State, event: events.ApiKeyCreated, _seq: int, _now_ns: int) -> None:
    state.api_keys[event.key_id.decode()] = ApiKey(event.account_id, event.secret_sha256.ljust(32, b"\0"), event.scopes)


@applies(events.ApiKeyRevoked)
def _(state: State, event: events.ApiKeyRevoked, _seq: int, _now_ns: int) -> None:
    state.api_keys.pop(event.key_id.decode(), None)


@applies(events.VenueGateMoved)
def _(state: State, event: events.VenueGateMoved, _seq: int, _now_ns: int) -> None:
    state.venue_is_open = bool(event.is_open)


@applies(events.OperatorActed)
def _(state: State, event: events.OperatorActed, _seq: int, _now_ns: int) -> None:
    if event.action == events.OperatorAction.PAUSE_WITHDRAWALS:
        state.steering.withdrawals_are_paused = True
    elif event.action == events.OperatorAction.RESUME_WITHDRAWALS:
        state.steering.withdrawals_are_paused = False


@applies(events.MarginModeChanged)
def _(state: State, event: events.MarginModeChanged, _seq: int, _now_ns: int) -> None:
    state.set_margin_mode(state.known_account(event.account_id), MarginMode(event.mode), event.instrument_id)


@applies(events.MarginModeHeld)
def _(state: State, event: events.MarginModeHeld, _seq: int, _now_ns: int) -> None:
    account = state.known_account(event.account_id)
    account.mode_change = ModeChange(MarginMode(event.mode), event.line_epoch, event.line_number)


@applies(events.MarginModeConfirmed)
def _(state: State, event: events.MarginModeConfirmed, seq: int, _now_ns: int) -> None:
    change = state.known_account(event.account_id).mode_change
    if change is None:
        message = f"event {seq}: account {event.account_id} changes no mode"
        raise InvariantBroken(message)
    change.confirmed.append(event.shard)


@applies(events.MarginModeKept)
def _(state: State, event: events.MarginModeKept, _seq: int, _now_ns: int) -> None:
    state.known_account(event.account_id).mode_change = None


@applies(events.GroupCorrelated)
def _(state: State, event: events.GroupCorrelated, _seq: int, _now_ns: int) -> None:
    groups = {**state.offset_terms.groups_ppm, event.group.decode(): event.correlation_ppm}
    state.offset_terms = replace(state.offset_terms, groups_ppm=groups)


@applies(events.InstrumentCorrelated)
def _(state: State, event: events.InstrumentCorrelated, seq: int, _now_ns: int) -> None:
    offset = Correlation(event.group.decode(), event.correlation_ppm)
    if offset.group and offset.group not in state.offset_terms.groups_ppm:
        message = f"event {seq}: instrument {event.instrument_id} joins a group {offset.group} that is not there"
        raise InvariantBroken(message)
    instruments = {**state.offset_terms.instruments, event.instrument_id: offset}
    state.offset_terms = replace(state.offset_terms, instruments=instruments)


@applies(events.HaircutsSet)
def _(state: State, event: events.HaircutsSet, _seq: int, _now_ns: int) -> None:
    state.offset_terms = replace(
        state.offset_terms,
        group_haircut=StressRamp(
            event.group_calm_ppm, event.group_largest_ppm, event.group_begins_ppm, event.group_full_ppm
        ),
        scenario_haircut=StressRamp(
            event.scenario_calm_ppm, event.scenario_largest_ppm, event.scenario_begins_ppm, event.scenario_full_ppm
        ),
        floor_ppm=event.floor_ppm,
    )


@applies(events.PositionLimitSet)
def _(state: State, event: events.PositionLimitSet, seq: int, _now_ns: int) -> None:
    if event.instrument_id not in state.instruments:
        message = f"event {seq}: a limit in instrument {event.instrument_id}, which is not listed"
        raise InvariantBroken(message)
    limit = PositionLimit(event.size_lots, event.exposure_micros)
    state.limits.set_position(event.instrument_id, event.account_id, limit)


@applies(events.GroupLimitSet)
def _(state: State, event: events.GroupLimitSet, seq: int, _now_ns: int) -> None:
    group = event.group.decode()
    if group not in state.offset_terms.groups_ppm:
        message = f"event {seq}: a limit in a group {group} that is not there"
        raise InvariantBroken(message)
    state.limits.set_group(group, event.account_id, GroupLimit(event.net_micros, event.gross_micros))
