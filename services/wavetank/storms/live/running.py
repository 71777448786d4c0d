"""One live run of a scenario: the page on a venue that runs, from the fitting to the record, and the venue as it was.

Kept true: what the venue is made to do goes through its public doors; a run that is cut short, by whatever, still
leaves the venue as it was found, and says what it could not bring back.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from wavetank.cli.logs import open_logs
from wavetank.cli.run_directory import RunDirectory
from wavetank.client import Prices, Venue, connect
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.model.instrument import Instrument
from wavetank.storms.agents.strategy import as_listed
from wavetank.storms.live.cast import LiveCast
from wavetank.storms.live.fitting import Misfit, misfits
from wavetank.storms.live.hands import LiveHands
from wavetank.storms.live.moves import requests_of
from wavetank.storms.live.person import LiveStandIn
from wavetank.storms.live.recording import record_logs, source_names, trimmed_logs
from wavetank.storms.live.timetable import LiveTimetable
from wavetank.storms.measure.record import Listed, RunRecord
from wavetank.storms.measure.recorder import Recorder, RunFacts
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.terms import given
from wavetank.storms.staging.market import StagingRefused
from wavetank.storms.staging.running import Progress, RunPlan, judge_record
from wavetank.storms.staging.timeline import Director, Stage

if TYPE_CHECKING:
    import redis

_SLICE_SECONDS = 0.25
"""Between two looks at how far a run is."""
_LOGGED_SECONDS = 1.0
"""So long after its end what a run did stands in the logs."""
_FIRST_INDEX_SECONDS = 10.0


class PageUnfit(Exception):
    """A page and the running venue do not fit together; nothing was done."""

    def __init__(self, found: list[Misfit]) -> None:
        """Tell where."""
        super().__init__("\n".join(map(str, found)))
        self.misfits = found

    @property
    def is_final(self) -> bool:
        """Whether the page cannot run there at all."""
        return any(each.is_final for each in self.misfits)


class LogsIncomplete(Exception):
    """The venue's logs no longer begin at their beginning, so a run could not be measured; nothing was done."""


@dataclass(slots=True)
class LiveRun:
    """What came of a live run."""

    record: RunRecord
    left: list[str] = field(default_factory=list[str])
    """What could not be brought back, in words."""
    trouble: list[str] = field(default_factory=list[str])
    """What did not go as the page says: refusals, and who stopped trading."""


def run_live(plan: RunPlan, directory: Path, *, as_is: bool, on_progress: Progress | None = None) -> LiveRun:
    """Run a plan on the venue of a run directory and return what came of it; the venue is left as it was found.

    Args:
        plan: what to run; it keeps no logs, for the venue has its own.
        directory: of a running venue.
        as_is: whether the page runs with the venue's own instruments and settings where it asks for others.
        on_progress: told how far it is.

    Raises:
        PageUnfit: the page cannot run there, or only `as_is`.
        LogsIncomplete: it could not be measured.
        StagingRefused: the page says what no venue can do.
        CommandFailed: no venue runs there.
        WavetankError: the venue refused what every run needs, an account for instance.

    """
    owned = RunDirectory(directory)
    owned.running()
    with open_logs(owned) as logs:
        if trimmed := trimmed_logs(logs):
            raise LogsIncomplete(f"the beginning of {', '.join(trimmed)} was trimmed away")
        return asyncio.run(_run(plan, owned, logs, as_is=as_is, on_progress=on_progress))


async def _run(
    plan: RunPlan, owned: RunDirectory, logs: redis.Redis, *, as_is: bool, on_progress: Progress | None
) -> LiveRun:
    scenario = plan.scenario
    began = time.perf_counter()
    async with connect(run_directory=owned.path) as venue:
        listed = {symbol: as_listed(each) for symbol, each in venue.instruments.items()}
        hands = LiveHands(venue, LiveTimetable(venue), {each.instrument_id: each for each in listed.values()}, owned)
        cast = LiveCast(venue, sessions=hands.sessions)
        following = asyncio.create_task(_follow_indexes(venue, listed, hands.indexes))
        left: list[str] = []
        try:
            indexes = await _first_indexes(scenario, listed, hands)
            found = misfits(scenario, listed, indexes, sources=source_names(logs), can_restart=True)
            if any(each.is_final for each in found) or (found and not as_is):
                raise PageUnfit(found)
            start_ns, ended_ns = await _day(scenario, cast, hands, listed, indexes, logs, on_progress)
        finally:
            following.cancel()
            # Whoever cuts a run short waits for this, and may cut this short too.
            left = [*await hands.leave(), *await cast.leave()]
        trouble = [f"refused: {each.message}" for each in hands.refused] + hands.broken + cast.broken
        await asyncio.sleep(_LOGGED_SECONDS)
        record = _measured(plan, cast, hands, logs, start_ns, ended_ns, time.perf_counter() - began)
    return LiveRun(record, left, trouble)


async def _day(
    scenario: Scenario,
    cast: LiveCast,
    hands: LiveHands,
    listed: Mapping[str, Instrument],
    indexes: Mapping[str, Decimal],
    logs: redis.Redis,
    on_progress: Progress | None,
) -> tuple[int, int]:
    """Let the page's day pass; return when it began and ended, venue time."""
    timetable = hands.schedule
    await cast.open(scenario, listed, indexes, f"storm-{secrets.token_hex(3)}")
    if "ordering" in scenario.venue.model_fields_set:
        hands.reorder(OrderingSettings(**given(scenario.venue.ordering, OrderingSettings)))
    stand_in = LiveStandIn(scenario.person, hands.venue)
    async with cast.trading():
        start_ns = timetable.now_ns
        Director(scenario, Stage(hands, cast.accounts))
        _plan_moves(scenario, hands, listed, source_names(logs), start_ns)
        stand_in.sit_down(timetable, start_ns)
        watching = asyncio.create_task(stand_in.watch())
        try:
            while (passed_ns := timetable.now_ns - start_ns) < scenario.duration:
                if on_progress is not None:
                    on_progress(passed_ns / scenario.duration)
                left = hands.venue.directory.clock.wall_seconds(scenario.duration - passed_ns)
                await asyncio.sleep(min(_SLICE_SECONDS, left))
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        if on_progress is not None:
            on_progress(1.0)
        return start_ns, start_ns + scenario.duration


def _plan_moves(
    scenario: Scenario,
    hands: LiveHands,
    listed: Mapping[str, Instrument],
    sources: Mapping[int, tuple[str, ...]],
    start_ns: int,
) -> None:
    """Plan the moves of the true price, as faults of the sources."""
    for number, step in enumerate(scenario.timeline):
        if step.move is None:
            continue
        symbols = step.move.instruments or tuple(scenario.market.instruments)
        numbers = [listed[symbol].instrument_id for symbol in symbols]
        silent = [symbol for symbol in symbols if listed[symbol].instrument_id not in sources]
        if silent:
            raise StagingRefused(f"timeline.{number}.move: no source of {', '.join(silent)} has said a price yet")
        for turn in range(step.repeat):
            for request in requests_of(step.move, numbers, sources):
                at_ns = start_ns + step.at + turn * step.every
                hands.schedule.at(at_ns, hands.set_fault, f"move {number}", request)


async def _follow_indexes(venue: Venue, listed: Mapping[str, Instrument], indexes: dict[int, int]) -> None:
    """Keep the index of each instrument, as bots are told it, until cancelled."""
    async with venue.prices() as prices:
        async for told in prices:
            _note_index(told, listed, indexes)


def _note_index(told: object, listed: Mapping[str, Instrument], indexes: dict[int, int]) -> None:
    if isinstance(told, Prices) and told.index is not None and told.instrument in listed:
        instrument = listed[told.instrument]
        indexes[instrument.instrument_id] = int(told.index.scaleb(6 - instrument.size_decimals))


async def _first_indexes(scenario: Scenario, listed: Mapping[str, Instrument], hands: LiveHands) -> dict[str, Decimal]:
    """Return the index of each instrument of the page, in dollars; wait a while for the first ones.

    Raises:
        StagingRefused: none has come.

    """
    wanted = {symbol: listed[symbol] for symbol in scenario.market.instruments if symbol in listed}
    with suppress(TimeoutError):
        async with asyncio.timeout(_FIRST_INDEX_SECONDS), hands.venue.prices(instruments=list(wanted)) as prices:
            while any(each.instrument_id not in hands.indexes for each in wanted.values()):
                _note_index(await prices.next(), listed, hands.indexes)
    missing = [symbol for symbol, each in wanted.items() if each.instrument_id not in hands.indexes]
    if missing:
        raise StagingRefused(f"the oracle has no price of {', '.join(missing)}")
    return {
        symbol: Decimal(hands.indexes[each.instrument_id]).scaleb(each.size_decimals - 6)
        for symbol, each in wanted.items()
    }


def _measured(
    plan: RunPlan,
    cast: LiveCast,
    hands: LiveHands,
    logs: redis.Redis,
    start_ns: int,
    ended_ns: int,
    wall_seconds: float,
) -> RunRecord:
    recorder = Recorder(
        members=cast.members,
        listed={
            number: Listed(instrument_id=number, symbol=each.symbol, size_decimals=each.size_decimals)
            for number, each in hands.instruments.items()
        },
        began_ns=start_ns,
    )
    record_logs(logs, recorder, ended_ns)
    for refused in hands.refused:
        recorder.note_refusal(refused.account_id, refused.reason)
    for account_id, reason in cast.answers.refused:
        recorder.note_refusal(account_id, reason)
    for account_id, command, took_ns in cast.answers.answered:
        recorder.note_answer(account_id, command, took_ns)
    facts = RunFacts(
        scenario=plan.scenario.name,
        title=plan.scenario.title,
        variant=plan.variant,
        seed=plan.scenario.seed,
        mode="live",
        state_hash="",
        wall_seconds=wall_seconds,
    )
    record = recorder.finish(facts, ended_ns=ended_ns)
    judge_record(record, plan.scenario, plan.expected_harm)
    if not plan.keeps_series:
        record.drop_series()
    return record
