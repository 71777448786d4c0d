"""Bringing the terms of the offset modes into the log (MRGN-030).

Correlations and haircuts are settings, but margins follow from them: who reads the log alone must be able to work out
every margin. So clearing compares its settings with the terms that stand when it begins, and writes what differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.margin_modes import NO_OFFSET
from wavetank.model.events.clearing import GroupCorrelated, HaircutsSet, InstrumentCorrelated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.clearing.core.state import State
    from wavetank.model.record import Event


def changed_terms(state: State) -> Iterator[Event]:
    """Yield the events that bring the terms of `state` to what its settings say, groups before their instruments."""
    settings, terms = state.settings, state.offset_terms
    group, scenario = settings.group_haircut, settings.scenario_haircut
    if (group, scenario, settings.scenario_floor_ppm) != (
        terms.group_haircut,
        terms.scenario_haircut,
        terms.floor_ppm,
    ):
        yield HaircutsSet(
            instrument_id=0,
            account_id=0,
            group_calm_ppm=group.calm_ppm,
            group_largest_ppm=group.largest_ppm,
            group_begins_ppm=group.begins_ppm,
            group_full_ppm=group.full_ppm,
            scenario_calm_ppm=scenario.calm_ppm,
            scenario_largest_ppm=scenario.largest_ppm,
            scenario_begins_ppm=scenario.begins_ppm,
            scenario_full_ppm=scenario.full_ppm,
            floor_ppm=settings.scenario_floor_ppm,
        )
    for name, correlation_ppm in sorted(settings.groups_ppm.items()):
        if terms.groups_ppm.get(name) != correlation_ppm:
            yield GroupCorrelated(instrument_id=0, account_id=0, group=name.encode(), correlation_ppm=correlation_ppm)
    for instrument_id, instrument in sorted(state.instruments.items()):
        wanted = settings.correlations.get(instrument.symbol, NO_OFFSET)
        if terms.instruments.get(instrument_id, NO_OFFSET) != wanted:
            yield InstrumentCorrelated(
                instrument_id=instrument_id,
                account_id=0,
                group=wanted.group.encode(),
                correlation_ppm=wanted.correlation_ppm,
            )
