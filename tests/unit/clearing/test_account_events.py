"""What an account is told of itself: nothing that befalls it is left out, and the receiver of cash is told too."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.model.scripted_shard import BTC, MICROS, Scene
from tests.unit.clearing.test_stage_deficit import short_of_three_thousand
from wavetank.clearing.adapters.account_events import AccountEvents
from wavetank.clearing.adapters.wire import EXPLANATIONS, event_message
from wavetank.clearing.core.adl_lights import adl_lights
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.model.events import clearing as events
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.record import encode_all
from wavetank.runtime.errors import VenueError
from wavetank.v1 import account_pb2 as pb
from wavetank.v1 import credit_pb2

if TYPE_CHECKING:
    from wavetank.model.record import Event

Message = pb.StreamAccountEventsResponse


def commit(account_events: AccountEvents, scene: Scene) -> None:
    """Hand a scene's log over, entry by entry."""
    for begun, cut in zip([0, *scene.cuts], scene.cuts, strict=False):
        entry = scene.log[begun:cut]
        if entry:
            account_events.committed(entry[0].seq, entry[0].now_ns, encode_all([logged.event for logged in entry]))


async def to_the_end(account_events: AccountEvents, account_id: int, from_seq: int) -> list[Message]:
    heard = []
    with suppress(VenueError):
        async for message in account_events.listen(account_id, from_seq):
            heard.append(message)  # noqa: PERF401 - what came before the end counts.
    return heard[1:]


async def told(scene: Scene, account_id: int) -> list[Message]:
    """Return what an account is told of a scene; who listened all along and who comes later are told the same."""
    account_events = AccountEvents(0)
    listening = asyncio.create_task(to_the_end(account_events, account_id, 0))
    await asyncio.sleep(0)
    commit(account_events, scene)
    later = asyncio.create_task(to_the_end(account_events, account_id, scene.log[0].seq))
    await asyncio.sleep(0)
    account_events.stop()
    heard = await listening
    assert await later == heard
    return heard


def names(messages: list[Message]) -> list[str | None]:
    return [message.WhichOneof("event") for message in messages]


def deleveraged_scene(*, escalation_wait_ns: int = 0) -> tuple[Scene, int, int, int, int]:
    """Return a scene, the account it deleverages, its two victims, and the seq before the mark that begins it.

    Long 1 BTC from 100,000 with 5,000; at 94,000 it misses 1,000. Its order fills nothing, so x and y give all.
    """
    scene = Scene(settings=ClearingSettings(fund_enabled=False, escalation_wait_ns=escalation_wait_ns))
    a, x, y = scene.open(5_000), scene.open(10_000), scene.open(5_000)
    scene.mark(BTC, 1_000_000)
    scene.trade(BTC, a, x, 60_000, 1_000_000)
    scene.trade(BTC, a, y, 40_000, 1_000_000)
    seq = scene.log[-1].seq
    scene.mark(BTC, 940_000)
    scene.cancelled(a)
    scene.filled(a)
    return scene, a, x, y, seq


@pytest.mark.spec("FEED-020")
async def test_an_account_in_liquidation_is_told_each_step_from_start_to_end() -> None:
    scene, a, _, _, seq = deleveraged_scene(escalation_wait_ns=2 * SECOND_NS)
    # A person is asked and does not answer: after two seconds it is tested anew, and its order fills nothing again.
    scene.pass_time(3)
    scene.filled(a)
    scene.transfer_all(a)
    heard = [message for message in await told(scene, a) if message.seq > seq]
    assert names(heard) == [
        "liquidation_started", "line_status", "liquidation", "health",
        "liquidation_answered", "liquidation_tested", "liquidation", "liquidation_answered",
        "liquidation_paused", "liquidation_decided",
        "liquidation_tested", "liquidation", "liquidation_answered", "liquidation",
        "fill", "liquidation_answered", "fill", "liquidation_answered", "liquidation_ended", "health", "line_status",
    ]  # fmt: skip
    started, paused, decided = heard[0].liquidation_started, heard[8].liquidation_paused, heard[9].liquidation_decided
    # 5,000 less a loss of 6,000; half a fortieth of 94,000.
    assert (started.equity_micros, started.maintenance_margin_micros) == (-1_000 * MICROS, 1_175 * MICROS)
    assert heard[1].line_status.line_status == credit_pb2.LINE_STATUS_FROZEN
    assert (paused.escalation_kind, paused.escalation_id) == (events.EscalationKind.DELEVERAGING, heard[8].seq)
    assert paused.deadline_ns == heard[8].event_time_ns + 2 * SECOND_NS
    assert (decided.escalation_id, decided.decision, decided.by_default) == (paused.escalation_id, 1, True)
    assert heard[15].liquidation_answered.done_lots + heard[17].liquidation_answered.done_lots == 100_000
    assert heard[18].liquidation_ended.outcome == pb.LIQUIDATION_OUTCOME_FLAT
    assert heard[20].line_status.line_status == credit_pb2.LINE_STATUS_NORMAL


@pytest.mark.spec("FEED-020", "LIQ-080")
async def test_a_victim_is_told_its_place_and_its_lights_before_it_gives() -> None:
    scene, a, x, y, _ = deleveraged_scene()
    lights = adl_lights(scene.state, BTC)
    scene.transfer_all(a)
    # y gains more for its equity: first of two, and x second: 5 - floor(5 x 1 / 2).
    assert lights == {y: 5, x: 3}
    for victim, rank, lots, cost in ((y, 1, 40_000, 400), (x, 2, 60_000, 600)):
        heard = await told(scene, victim)
        (ranked,) = [message.deleveraging_ranked for message in heard if message.HasField("deleveraging_ranked")]
        assert ranked == pb.DeleveragingRanked(
            liquidation_id=ranked.liquidation_id, instrument_id=BTC, rank=rank, ranked=2, adl_lights=lights[victim],
            delta_lots=lots, given_up_micros=cost * MICROS,
        )  # fmt: skip
        order = [name for name in names(heard) if name in {"deleveraging_ranked", "deleveraged"}]
        assert order == ["deleveraging_ranked", "deleveraged"]


@pytest.mark.spec("FEED-020", "LIQ-100")
async def test_both_sides_are_told_why_cash_moved() -> None:
    # Of the 3,000 that are missing the fund has 2,970; winners of 60 and 40 bear 18 and 12.
    scene, a, winner, other, _ = short_of_three_thousand(2_970 * MICROS)
    liquidation_id = scene.last(events.LiquidationEnded).liquidation_id

    async def moved(account_id: int) -> list[tuple[int, int, int]]:
        cash = [message.cash_transferred for message in await told(scene, account_id) if message.cash_transferred.cause]
        assert {each.liquidation_id for each in cash} == {liquidation_id}
        return [(each.amount_micros // MICROS, each.other_account_id, each.cause) for each in cash]

    fund, socialised = events.CashCause.DEFICIT_FUND, events.CashCause.DEFICIT_SOCIALISED
    assert await moved(a) == [(2_970, INSURANCE_FUND_ID, fund), (18, winner, socialised), (12, other, socialised)]
    assert await moved(winner) == [(-18, a, socialised)]
    assert await moved(INSURANCE_FUND_ID) == [(-2_970, a, fund)]


def test_cash_that_moved_is_one_event_among_the_last_of_the_venue() -> None:
    scene, *_ = short_of_three_thousand(2_970 * MICROS)
    account_events = AccountEvents(0)
    commit(account_events, scene)
    moved = [event for _, _, event in account_events.last(0, 100) if isinstance(event, events.CashTransferred)]
    assert moved == scene.all(events.CashTransferred)


@pytest.mark.spec("FEED-020")
async def test_held_withdrawals_and_other_margin_modes_are_told() -> None:
    scene = Scene()
    a = scene.open(1_000)
    scene.core.bank.set_margin_mode(a, MarginMode.SCENARIO)
    scene.core.bank.withdraw(a, 5 * MICROS, scene.now_ns)
    scene.keep()
    heard = await told(scene, a)
    assert names(heard) == ["deposited", "margin_mode", "withdrawal_held"]
    assert heard[1].margin_mode.margin_mode == pb.MARGIN_MODE_SCENARIO
    assert heard[2].withdrawal_held.amount_micros == 5 * MICROS


@pytest.mark.spec("FEED-020")
def test_every_kind_of_event_that_concerns_an_account_is_told_or_left_out_on_purpose() -> None:
    concerning: set[Event] = {
        events.WithdrawalHeld(0, 1, 1, 1, 1), events.LiquidationStarted(0, 1, *[0] * 8),
        events.LiquidationTested(0, 1, *[0] * 7), events.MatchingAnswered(0, 1, 5, *[0] * 6),
        events.EscalationRaised(0, 1, *[0] * 4), events.EscalationDecided(0, 1, 1, b"", b"", 1, 1),
        events.AdlRanked(0, 1, *[1] * 7), events.MarginModeChanged(0, 1, 2), events.LineStatusChanged(0, 1, 1),
        events.CashTransferred(0, 1, *[0] * 6), events.Deposited(0, 1, 1, 1), events.Withdrawn(0, 1, 1, 1),
        events.WithdrawalRefused(0, 1, 1, 1, 0, 0), events.FillBooked(0, 1, *[0] * 12),
        events.FundingBooked(0, 1, *[0] * 5), events.HealthBandChanged(0, 1, 0, 0, 1, 2),
        events.LiquidationStepped(0, 1, *[0] * 9), events.Deleveraged(0, 1, *[0] * 4),
        events.LiquidationEnded(0, 1, *[0] * 4), events.FeeRatesChanged(0, 1, *[0] * 6),
    }  # fmt: skip
    told_kinds = set()
    for event in concerning:
        message = event_message(1, 1, event, account_id=1, ranked=1)
        assert message is not None, event
        told_kinds.add(message.WhichOneof("event"))
    assert len(told_kinds) == len(concerning)
    # How it comes to what is told already: requests to the shard, shares of credit, the cascade, the end of a question.
    assert event_message(1, 1, events.ShareMoved(0, 1, *[0] * 5)) is None
    assert event_message(1, 1, events.EscalationEnded(0, 1, 1)) is None
    assert event_message(1, 1, events.MatchingAnswered(0, 1, *[0] * 7)) is None
    # What the faucet gives is money that came in.
    drawn = event_message(1, 1, events.FaucetDrawn(0, 1, 7, 8, 9))
    assert drawn is not None
    assert drawn.deposited.amount_micros == 7


def test_every_cause_has_its_sentence() -> None:
    assert set(EXPLANATIONS) == set(events.StepCause)
