"""A venue in which accounts fall, seen through the SDK and the command line: its feed, their events, its operator."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.client.test_venue import has_credit
from tests.eventually import eventually_async
from tests.venue_fixture import START_SECONDS
from wavetank.clearing.adapters.liquidation_history import FEED_EVENTS, is_public
from wavetank.cli.app import app
from wavetank.cli.logs import CLEARING, entries, happenings, open_logs
from wavetank.cli.price_options import merged, price_choice
from wavetank.cli.venue import VenuePlan, VenueProcess
from wavetank.client import (
    AmountRefused,
    Client,
    Decision,
    Disconnected,
    EscalationKind,
    EscalationUnknown,
    Gap,
    HealthBand,
    LiquidationEnded,
    LiquidationStarted,
    MarginTier,
    PermissionDenied,
    PublicCascadeEnded,
    PublicDeleveragingRanking,
    PublicLiquidationEnded,
    PublicLiquidationStarted,
    PublicLiquidationStepped,
    Reconnected,
    Side,
    TimeInForce,
    Venue,
    VenueUnavailable,
    connect,
)
from wavetank.model.record import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.client import LiquidationEvent, Number, PublicEvent

pytestmark = pytest.mark.timeout(180)

PRICES: dict[str, Number] = {"BTC": 64_000, "ETH": 2_500, "SOL": 150}
WAIT_SECONDS = 30.0


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """Return a venue of this file's own, for its prices fall; its fund has less than it should."""
    settings = {"clearing": {"FUND_LOW_MICROS": str(2_000_000 * 10**6), "CASCADE_WINDOW_NS": str(10**9)}}
    plan = VenuePlan(
        directory=tmp_path_factory.mktemp("venue") / "run",
        settings=merged(price_choice(prices=["push"]).settings, settings),
    )
    with VenueProcess.start(plan, timeout=START_SECONDS) as running:
        yield running


async def pushed(admin: Venue, **moved: Number) -> None:
    """Push prices until every book shows a mark of them."""

    async def shown() -> bool:
        with suppress(VenueUnavailable):
            await admin.admin.push_prices({**PRICES, **moved})
            marks = [(await admin.market_data.book(symbol, depth=1)).prices.mark for symbol in PRICES]
            return None not in marks
        return False

    await eventually_async(shown, timeout=WAIT_SECONDS)


async def opened(admin: Venue, stack: AsyncExitStack, name: str, dollars: int) -> tuple[Venue, int]:
    account = await admin.admin.open_account(name, dollars)
    key = await admin.admin.create_api_key(account.account_id)
    client = await stack.enter_async_context(connect(admin.directory.clearing, api_key=key.secret_key))
    return client, account.account_id


async def bought(buyer: Venue, seller: Venue, symbol: str, size: Number) -> None:
    """Let one buy from the other at the price that is pushed."""
    async with seller.session() as selling, buyer.session() as buying:
        await has_credit(selling)
        await has_credit(buying)
        await selling.place(symbol, Side.SELL, size, PRICES[symbol])
        taken = await buying.place(symbol, Side.BUY, size, PRICES[symbol], time_in_force=TimeInForce.IOC)
        assert taken.filled_size == Decimal(size)


def logged(venue: VenueProcess) -> list[int]:
    """Return the seqs of what clearing's log says of liquidations."""
    kinds = {kind_of(event) for event in FEED_EVENTS}
    with open_logs(venue.directory) as client:
        found = [happenings(CLEARING, entry, kinds) for _, entry in entries(client, CLEARING)]
    return [happening.seq for each in found for happening in each if is_public(happening.event)]


def seqs(events: list[LiquidationEvent]) -> list[int]:
    """Return the seqs of the log's events that these tell."""
    found: list[int] = []
    for event in events:
        if isinstance(event, PublicDeleveragingRanking):
            found += range(event.seq - len(event.lines) + 1, event.seq + 1)
        elif not isinstance(event, Disconnected | Reconnected):
            assert not isinstance(event, Gap), event.cause
            found.append(event.seq)
    return found


def run(venue: VenueProcess, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["liquidations", *arguments, "--dir", str(venue.directory.path)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.spec("FEED-010", "FEED-020")
async def test_the_feed_misses_nothing_while_clearing_is_killed_and_the_command_shows_it(venue: VenueProcess) -> None:
    heard: list[LiquidationEvent] = []
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connect(venue.address, api_key=venue.play_key))
        await pushed(admin)
        rich, _ = await opened(admin, stack, "rich", 1_000_000)
        # 200 SOL are 30,000 dollars, 12 ETH as many; a twentieth and a twenty-fifth of it is asked for.
        fallers = [await opened(admin, stack, name, 2_000) for name in ("one", "two", "three")]
        for (faller, _), (symbol, size) in zip(fallers, [("SOL", 200), ("SOL", 190), ("ETH", 12)], strict=True):
            await bought(faller, rich, symbol, size)
        feed = await stack.enter_async_context(fallers[0][0].liquidations.events())
        own = await stack.enter_async_context(fallers[0][0].account.events())

        async def read() -> None:
            async for event in feed:
                heard.append(event)  # noqa: PERF401 - the list is looked at meanwhile.

        reading = asyncio.create_task(read())

        def ended(count: int) -> bool:
            return sum(isinstance(event, PublicLiquidationEnded) for event in heard) >= count

        # 200 x (150 - 140.2) = 1,960: 40 dollars are left.
        await pushed(admin, SOL="140.2")
        await eventually_async(lambda: ended(2), timeout=WAIT_SECONDS)
        venue.kill("clearing")
        assert await asyncio.to_thread(venue.wait_ready, "clearing", WAIT_SECONDS, starts=2)
        await pushed(admin, SOL="140.2", ETH=2_335)
        await eventually_async(lambda: ended(3), timeout=WAIT_SECONDS)
        await eventually_async(lambda: isinstance(heard[-1], PublicCascadeEnded), timeout=WAIT_SECONDS)
        reading.cancel()

        assert [type(each) for each in heard if isinstance(each, Disconnected | Reconnected)] == [
            Disconnected,
            Reconnected,
        ]
        assert seqs(heard) == logged(venue)[: len(seqs(heard))]
        begun = [event.account_id for event in heard if isinstance(event, PublicLiquidationStarted)]
        assert sorted(begun) == [account_id for _, account_id in fallers]
        step = next(event for event in heard if isinstance(event, PublicLiquidationStepped) and event.price is not None)
        # 40 dollars less the fee of 30,000 at 4.5 basis points, 13.50; of a fortieth of 28,040, 701.
        assert (step.account_id, step.instrument, step.delta_size, step.price, step.health) == (
            fallers[0][1],
            "SOL",
            Decimal(-200),
            Decimal("140.2"),
            Decimal("0.037803"),
        )

        told = [type(await own.next(timeout=10))]
        while told[-1] is not LiquidationEnded:
            told.append(type(await own.next(timeout=10)))
        assert LiquidationStarted in told

        # The past, as the SDK and the command tell it.
        past: list[PublicEvent] = [event async for event in admin.liquidations.past()]
        assert seqs(list(past)) == logged(venue)
        of_eth = [event async for event in admin.liquidations.past(["ETH"])]
        assert {getattr(event, "instrument", "") for event in of_eth} == {"", "ETH"}
        half = past[len(past) // 2].seq
        assert [event async for event in admin.liquidations.past(from_seq=half)] == past[len(past) // 2 + 1 :]

    documents = json.loads(await asyncio.to_thread(run, venue, "--json"))
    assert [document["seq"] for document in documents] == [event.seq for event in past]
    assert documents[0]["event"] == "LiquidationStarted"
    shown = await asyncio.to_thread(run, venue, "--instrument", "sol", "--from-seq", str(half))
    assert "cascade" in shown
    wrong = CliRunner().invoke(app, ["liquidations", "--instrument", "DOGE", "--dir", str(venue.directory.path)])
    assert (wrong.exit_code, "only BTC, ETH, SOL" in wrong.stderr) == (2, True)


def test_the_command_follows_until_it_is_interrupted(venue: VenueProcess) -> None:
    count = len(json.loads(run(venue, "--json")))
    command = [sys.executable, "-m", "wavetank.cli", "liquidations", "--follow", "--json"]
    with subprocess.Popen([*command, "--dir", str(venue.directory.path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [json.loads(child.stdout.readline()) for _ in range(count)]
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)


async def test_a_position_shows_its_lights(venue: VenueProcess) -> None:
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connect(venue.address, api_key=venue.play_key))
        await pushed(admin)
        long, _ = await opened(admin, stack, "long", 10_000)
        short, _ = await opened(admin, stack, "short", 10_000)
        await bought(long, short, "BTC", "0.1")
        await eventually_async(long.account.positions)
        # One on each side of BTC: the first of one.
        for one in (long, short):
            (plain,) = await one.account.positions()
            (lit,) = await one.account.positions(with_adl_lights=True)
            assert (plain.adl_lights, lit.adl_lights) == (0, 5)


@pytest.mark.spec("LIQ-090", "MRGN-020")
async def test_the_operator_steers_by_the_sdk(venue: VenueProcess) -> None:
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connect(venue.address, api_key=venue.play_key))
        await pushed(admin)
        someone, _ = await opened(admin, stack, "someone", 10_000)
        tiers = [MarginTier(Decimal(0), 15), MarginTier(Decimal(70_000_000), 10, Decimal("0.06"))]
        preview = await admin.admin.preview_margin("SOL", tiers)
        assert preview.previous_tiers == admin.instruments["SOL"].margin_tiers
        assert all(each.new_health_band > HealthBand.HEALTHY for each in preview.affected)
        changed = await admin.admin.change_margin("SOL", tiers, note="stress")
        assert (changed.previous_tiers, changed.seq > preview.seq) == (preview.previous_tiers, True)

        async def is_listed() -> bool:
            return (await admin.refresh()).instruments["SOL"].margin_tiers == tuple(tiers)

        await eventually_async(is_listed)
        # The fund began with a million, less what it paid; the dollars are its own.
        before = await admin.admin.top_up_fund(1, note="spare")
        assert await admin.admin.top_up_fund("2.5", note="more") == before + Decimal("2.5")
        with pytest.raises(AmountRefused):
            await admin.admin.top_up_fund(0, note="nothing")
        assert await admin.admin.pause_withdrawals(note="low") < await admin.admin.resume_withdrawals(note="enough")

        # It has less than the two millions that it should have, so a person is asked.
        (asked,) = [each for each in await admin.escalations.list() if each.kind is EscalationKind.FUND_LOW]
        assert (asked.account_id, asked.instrument, asked.suggested) == (0, "", Decision.GO_ON)
        card = await admin.escalations.get(asked.escalation_id)
        assert card.escalation.escalation_id == asked.escalation_id
        assert card.equity == before + Decimal("2.5")
        assert await admin.escalations.decide(asked.escalation_id, Decision.PAUSE_WITHDRAWALS, note="wait") > 0
        decided = (await admin.escalations.get(asked.escalation_id)).escalation
        assert (decided.decision, decided.note) == (Decision.PAUSE_WITHDRAWALS, "wait")
        await admin.admin.resume_withdrawals(note="enough")
        with pytest.raises(EscalationUnknown):
            await admin.escalations.get(1)
        for refused in (
            someone.escalations.list(),
            someone.admin.pause_withdrawals(note="mine"),
            someone.admin.preview_margin("SOL", tiers),
        ):
            with pytest.raises(PermissionDenied):
                await refused


def test_the_same_without_await(venue: VenueProcess) -> None:
    with Client(venue.address, api_key=venue.play_key) as client:
        past = list(client.liquidations.past())
        with client.liquidations.events(from_seq=1) as events:
            assert [events.next(timeout=10) for _ in past] == past
        assert client.escalations.list() is not None
        assert client.admin.preview_margin("BTC", client.instruments["BTC"].margin_tiers).falling_count == 0
