"""A page on a venue that runs: it agrees with the same page simulated, and leaves the venue as it was found."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.eventually import eventually_async
from tests.venue_fixture import start_venue
from wavetank.cli.logs import open_logs
from wavetank.cli.venue import VenueProcess
from wavetank.client import InstrumentState, Ordering, OrderingPolicy, Venue, connect
from wavetank.storms.live.recording import record_logs
from wavetank.storms.live.running import PageUnfit, run_live
from wavetank.storms.measure.record import RunRecord
from wavetank.storms.measure.recorder import Recorder
from wavetank.storms.scenario.reading import read_scenario
from wavetank.storms.staging.running import Run, RunPlan

pytestmark = pytest.mark.timeout(180)

LEDGER = """
scenario: 1
name: ledger
title: Trades at known prices, and money that moves
duration: 13s
market:
  instruments:
    BTC: {price: PRICE, volatility: 0%}
cast:
  - {name: a, deposit: 50k}
  - {name: b, deposit: 50k}
  - {name: c, deposit: 1k}
timeline:
  - {at: 2s, order: {who: b, instrument: BTC, side: sell, size: 2, price: PRICE}}
  - {at: 3s, order: {who: a, instrument: BTC, side: buy, size: 1.5, price: PRICE}}
  - {at: 4s, cancel: {who: b, instrument: BTC}}
  - {at: 5s, order: {who: a, instrument: BTC, side: sell, size: 0.5, price: ABOVE}}
  - {at: 6s, order: {who: b, instrument: BTC, side: buy, size: 0.5, price: ABOVE, time_in_force: ioc}}
  - {at: 7s, transfer: {who: a, to: c, amount: 750.25}}
  - {at: 8s, deposit: {who: b, amount: 12.5}}
  - {at: 9s, withdraw: {who: b, amount: 100}}
  - {at: 10s, fund: {top_up: 1234}}
  - {at: 11s, order: {who: c, instrument: BTC, side: buy, size: 100, price: PRICE}}
asserts: [ledger.balanced, positions.balanced]
"""

TURBULENT = """
scenario: 1
name: turbulent
title: Everything that can be undone
duration: 12s
market:
  instruments:
    BTC: {}
    ETH: {}
cast:
  - {name: maker, kind: market_maker, deposit: 1M, settings: {size: 9k, max_position: 450k, half_spread_bps: 4}}
  - {name: noise, kind: noise, deposit: 100k, settings: {interval: 500ms, mean: 3k, max_position: 60k}}
  - {name: one, deposit: 100k}
  - {name: two, deposit: 100k}
timeline:
  - {at: 1s, cross: {buyer: one, seller: two, instrument: BTC, size: 0.5}}
  - {at: 2s, ordering: {policy: random, block_interval: 20ms, seed: 3}}
  - {at: 2s, fault: {kind: lag, lag: 1s, consumers: [clearing], name: late}}
  - {at: 2s, disturb: {kind: delay, delay: 5ms, who: [maker], name: slow}}
  - {at: 2s, pace: {delay: 50ms}}
  - {at: 3s, fund: {top_up: 500}}
  - {at: 3s, withdrawals: {paused: true}}
  - {at: 3s, move: {by: -1%, over: 1s}}
  - {at: 4s, instruments: {state: post_only, instruments: [ETH]}}
  - {at: 4s, parameters: {instrument: ETH, tiers: [{leverage: 7}], funding_interval: 30m, position_limit: 1M}}
  - {at: 4s, group_limit: {group: majors, net: 5M, gross: 10M}}
  - {at: 5s, order: {who: one, instrument: BTC, side: buy, size: 0.1, slippage: 0.1%}}
"""

QUIET = """
scenario: 1
name: quiet
title: Nobody does anything
duration: 4s
market:
  instruments:
    BTC: {}
cast:
  - {name: one, deposit: 10k}
"""

DOOR = """
scenario: 1
name: door
title: Who wants to get out is turned away
duration: 10s
market:
  instruments:
    BTC: {}
cast:
  - {name: maker, kind: market_maker, deposit: 1M, settings: {size: 9k, max_position: 450k, half_spread_bps: 4}}
  - {name: one, deposit: 100k}
  - {name: two, deposit: 100k}
timeline:
  - {at: 1s, cross: {buyer: one, seller: two, instrument: BTC, size: 0.5}}
  - {at: 2s, disturb: {kind: reduce_only_rejected, who: [one], lasting: 4s}}
  - {at: 3s, repeat: 2, every: 1s, order: {who: one, instrument: BTC, side: sell, size: 0.5, reduce_only: true}}
  - {at: 7s, order: {who: one, instrument: BTC, side: sell, size: 0.1, reduce_only: true}}
asserts:
  - "refused(reason: VENUE_OVERLOADED, who: one) == 2"
  - account(one).rejections == 2
  - role(maker).ack_latency.p50 > 0
  - role(maker).ack_latency.p99 < 5s
"""


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[VenueProcess]:
    """Return a venue of the test's own, four times as fast as the wall."""
    with start_venue(tmp_path, speed_milli=4_000) as running:
        yield running


async def index_of(venue: VenueProcess, symbol: str) -> Decimal:
    async with connect(run_directory=venue.directory.path) as client, client.prices(instruments=[symbol]) as prices:
        index = getattr(await prices.next(), "index", None)
        assert isinstance(index, Decimal)
        return index


def books(recorder: Recorder, record: RunRecord) -> dict[str, Any]:
    """Return cash, positions and their cost of everybody who was cast, and what was brought and taken, by name."""
    holders = recorder.accounts.holders
    return {
        member.name: (
            holders[account_id].cash_micros,
            {number: (leg.lots, leg.cost_micros) for number, leg in holders[account_id].legs.items()},
        )
        for account_id, member in record.members.items()
        if account_id in holders and member.role in {"a", "b", "c"}
    }


async def test_live_and_simulated_agree_on_the_ledger_to_the_micro_dollar(venue: VenueProcess) -> None:
    price = (await index_of(venue, "BTC")).quantize(Decimal(1))
    page = read_scenario(LEDGER.replace("PRICE", str(price)).replace("ABOVE", str(price + 10)))
    plan = RunPlan(scenario=page)
    before = {each.name: each.cash async for each in _accounts(venue)}

    simulated = Run(page)
    simulated.let_time_run(page.duration)
    told = simulated.record(plan)
    expected = books(simulated._recorder, told)

    ran = await _in_thread(plan, venue, as_is=False)
    assert (ran.left, told.ok, ran.record.ok) == ([], True, True)
    assert ran.record.mode == "live"
    recorder = Recorder(
        members=ran.record.members,
        listed=ran.record.listed,
        began_ns=ran.record.began_ns,
    )
    with open_logs(venue.directory) as logs:
        record_logs(logs, recorder, ran.record.ended_ns)
    found = books(recorder, ran.record)
    assert found == expected
    # Worked by hand: a has 1.5 - 0.5 = 1 BTC, b owes it, c's order was too large for its money.
    btc = next(each for each in ran.record.listed.values() if each.symbol == "BTC")
    positions = {name: [leg[0] for leg in legs.values()] for name, (_, legs) in found.items()}
    assert positions == {"a": [10**btc.size_decimals], "b": [-(10**btc.size_decimals)], "c": []}
    assert found["c"][0] == 1_750_250_000
    # The fund was topped up, and what was added is taken out again.
    after = {each.name: each.cash async for each in _accounts(venue)}
    assert after["insurance-fund"] == before["insurance-fund"]


async def test_a_run_that_is_cut_short_leaves_the_venue_as_it_was_found(venue: VenueProcess) -> None:
    class CutShort(Exception):
        pass

    def cut(share: float) -> None:
        if share > 0.8:
            raise CutShort

    async with connect(run_directory=venue.directory.path) as client:
        before = await _state(client)
        found = await client.doors.set_ordering(Ordering(policy=OrderingPolicy.ARRIVAL))
        whole = await _in_thread(RunPlan(scenario=read_scenario(TURBULENT)), venue, as_is=False)
        assert (whole.trouble, whole.left) == ([], [])
        assert whole.record.figures["trades.count"] > 1
        with pytest.raises(CutShort):
            await _in_thread(RunPlan(scenario=read_scenario(TURBULENT)), venue, as_is=False, on_progress=cut)
        await client.refresh()
        assert await _state(client) == before
        assert await client.doors.set_ordering(Ordering(policy=OrderingPolicy.ARRIVAL)) == found
        assert not await client.admin.slow_liquidations(timedelta(0), note="as it was")
        assert not await client.admin.list_faults()
        assert not await client.doors.list_faults()
        # Withdrawals go through again, and nobody of the cast has anything left.
        async for account in client.admin.list_accounts():
            if account.name.startswith("storm-"):
                assert account.cash == account.equity == 0
                assert not await client.account.of(account.account_id).positions()
                assert not await client.admin.list_api_keys(account.account_id)
        payee = await client.admin.open_account("payee", 10)
        assert await client.account.of(payee.account_id).withdraw(5) == 5

        async def priced() -> bool:
            return (await client.market_data.book("BTC")).prices.mark is not None

        await eventually_async(priced)
    # What happened on the days before is no part of this one.
    quiet = (await _in_thread(RunPlan(scenario=read_scenario(QUIET)), venue, as_is=False)).record
    assert [quiet.figures[name] for name in ("trades.count", "role(others).fills", "role(others).withdrawn")] == [0] * 3
    assert quiet.figures["account(one).deposited"] == 10_000_000_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_run_that_is_told_to_end_takes_its_faults_along(
    venue: VenueProcess, tmp_path: Path, number: signal.Signals
) -> None:
    page = tmp_path / "turbulent.yaml"
    page.write_text(TURBULENT.replace("duration: 12s", "duration: 5m"), encoding="utf-8")
    command = [sys.executable, "-m", "wavetank.cli", "storm", "run", str(page), "--live"]
    async with connect(run_directory=venue.directory.path) as client:
        running = await asyncio.create_subprocess_exec(*command, "--dir", str(venue.directory.path))
        try:

            async def is_disturbed() -> bool:
                return bool(await client.admin.list_faults() and await client.doors.list_faults())

            await eventually_async(is_disturbed, timeout=60)
            running.send_signal(number)
            assert await asyncio.wait_for(running.wait(), 60) == 130
        finally:
            if running.returncode is None:
                running.kill()
        assert not await client.admin.list_faults()
        assert not await client.doors.list_faults()


async def test_what_the_door_refuses_and_how_long_answers_take_is_known_live_as_simulated(venue: VenueProcess) -> None:
    plan = RunPlan(scenario=read_scenario(DOOR))
    simulated = Run(plan.scenario)
    simulated.let_time_run(plan.scenario.duration)
    ran = await _in_thread(plan, venue, as_is=False)
    for record in (simulated.record(plan), ran.record):
        assert [each for each in record.asserted if not each.holds] == []
        assert record.figures["refused(reason: VENUE_OVERLOADED)"] == 2
    assert len(ran.trouble) == 2
    assert ran.left == []


async def test_a_page_that_does_not_fit_is_refused_before_anything_is_done(venue: VenueProcess) -> None:
    page = read_scenario(TURBULENT.replace("cast:", "venue: {fund: 1M}\ncast:"))
    async with connect(run_directory=venue.directory.path) as client:
        before = [each.name async for each in client.admin.list_accounts()]
        with pytest.raises(PageUnfit, match=r"venue\.fund") as unfit:
            await _in_thread(RunPlan(scenario=page), venue, as_is=False)
        assert not unfit.value.is_final
        assert [each.name async for each in client.admin.list_accounts()] == before


async def _state(client: Venue) -> dict[str, Any]:
    """Return what a page may change of a venue, but for its doors."""
    fund = next(each.cash for each in [every async for every in client.admin.list_accounts()] if "fund" in each.name)
    return {
        "states": {symbol: each.state for symbol, each in client.instruments.items()},
        "trading": all(each.state is InstrumentState.TRADING for each in client.instruments.values()),
        "tiers": {symbol: each.margin_tiers for symbol, each in client.instruments.items()},
        "funding": {symbol: each.funding_interval_ns for symbol, each in client.instruments.items()},
        "limits": await client.admin.list_limits(),
        "fund": fund,
    }


async def _accounts(venue: VenueProcess) -> Any:  # noqa: ANN401 - an iterator of accounts.
    async with connect(run_directory=venue.directory.path) as client:
        async for account in client.admin.list_accounts():
            yield account


async def _in_thread(plan: RunPlan, venue: VenueProcess, **options: Any) -> Any:  # noqa: ANN401 - as `run_live`.
    """Run a plan as the command does, in an event loop of its own."""
    return await asyncio.to_thread(lambda: run_live(plan, venue.directory.path, **options))
