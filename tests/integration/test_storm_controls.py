"""What a storm does to a running venue from outside: services restarted, the fund drained, an instrument settled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.eventually import eventually, eventually_async
from tests.venue_fixture import start_venue
from wavetank.cli.app import app
from wavetank.cli.failure import ExitCode
from wavetank.cli.run_directory import Restart
from wavetank.cli.venue import VenueProcess
from wavetank.client import InstrumentState, InstrumentStateForbids, Session, Side, Venue, WavetankError, connect

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[VenueProcess]:
    """Return a venue of the test's own: its services come and go, and an instrument of it ends."""
    with start_venue(tmp_path) as running:
        yield running


def told(venue: VenueProcess, *arguments: str) -> Any:  # noqa: ANN401 - whatever JSON can hold.
    result = CliRunner().invoke(app, [*arguments, "--dir", str(venue.directory.path), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def trader(operator: Venue, name: str) -> Venue:
    account = await operator.admin.open_account(name, 100_000)
    key = await operator.admin.create_api_key(account.account_id)
    return await connect(operator.directory.clearing, api_key=key.secret_key)


async def is_placed(session: Session, side: Side, size: int, price: Decimal) -> bool:
    """Place an order that rests or trades, once the gate is open and the account has credit."""
    try:
        await session.place("SOL", side, size, price)
    except WavetankError:
        return False
    return True


async def traded(operator: Venue, long: Venue, short: Venue, size: int) -> None:
    """Let one buy from the other, at a price between the bands."""
    mark = (await operator.market_data.book("SOL")).prices.mark
    assert mark is not None
    price = mark.quantize(Decimal(1))
    async with long.session() as buying, short.session() as selling:
        await eventually_async(lambda: is_placed(buying, Side.BUY, size, price), timeout=30.0)
        await eventually_async(lambda: is_placed(selling, Side.SELL, size, price), timeout=30.0)


@pytest.mark.spec("LIQ-110")
def test_services_restart_on_request_and_trading_goes_on(venue: VenueProcess) -> None:
    before = dict(venue.file.pids)
    for name in ("matching-0", "clearing"):
        done = told(venue, "restart", name)
        assert (done["service"], done["previous_pid"]) == (name, before[name])
        assert venue.file.pids[name] == done["pid"] != before[name]
    away = told(venue, "restart", "oracle", "--down", "1s", "--kill")
    assert away["seconds"] >= 1.0
    # None of this was a death: the supervisor would give up after a few.
    for _ in range(5):
        told(venue, "restart", "oracle")
    refused = CliRunner().invoke(app, ["restart", "nobody", "--dir", str(venue.directory.path)])
    assert refused.exit_code == ExitCode.USAGE


@pytest.mark.spec("LIQ-110")
async def test_after_a_restart_with_a_stale_oracle_nothing_trades_until_it_is_back(venue: VenueProcess) -> None:
    async with connect(run_directory=venue.directory.path) as operator:
        one, two = await trader(operator, "one"), await trader(operator, "two")
        await traded(operator, one, two, 2)
        venue.directory.ask_restart(_away("oracle", 8.0))
        eventually(lambda: "oracle" not in venue.file.pids)
        venue.directory.ask_restart(_away("clearing", 0.0))
        assert venue.wait_ready("clearing", 60.0, starts=2)
        async with one.session() as session:
            # Clearing holds SOL and has no price of it since its start, so the gate is closed.
            with pytest.raises(WavetankError):
                await session.place("SOL", Side.BUY, 1, 1)
            assert "oracle" not in venue.file.pids
            assert venue.wait_ready("oracle", 60.0, starts=2)
            mark = (await operator.market_data.book("SOL")).prices.mark
            assert mark is not None
            price = (mark * Decimal("0.97")).quantize(Decimal(1))
            await eventually_async(lambda: is_placed(session, Side.BUY, 1, price), timeout=30.0)
        await one.close()
        await two.close()
    assert told(venue, "audit")["ok"]


def _away(name: str, seconds: float) -> Restart:
    return Restart(name=name, down_seconds=seconds)


@pytest.mark.spec("MTCH-050", "LIQ-070")
async def test_an_instrument_is_settled_at_a_price_over_the_real_shard(venue: VenueProcess) -> None:
    async with connect(run_directory=venue.directory.path) as operator:
        one, two = await trader(operator, "one"), await trader(operator, "two")
        await traded(operator, one, two, 10)
        async with two.session() as session:
            mark = (await operator.market_data.book("SOL")).prices.mark
            assert mark is not None
            # An order that rests is cancelled by the shard when it reads that the instrument is settled.
            price = (mark * Decimal("0.97")).quantize(Decimal(1))
            await eventually_async(lambda: is_placed(session, Side.BUY, 1, price), timeout=30.0)

        async def is_counted() -> bool:
            return all([await each.account.positions() for each in (one, two)])

        # A trade and its fee are booked together.
        await eventually_async(is_counted)
        cash = [(await each.account.get()).cash for each in (one, two)]
        (position,) = await one.account.positions()
        drained = await operator.admin.drain_fund(note="storm")
        assert drained > 0
        await operator.admin.settle_instrument("SOL", price, note="delisted")

        async def is_flat() -> bool:
            return not await one.account.positions() and not await two.account.positions()

        await eventually_async(is_flat, timeout=30.0)
        # What the long side lost against its entry the short side gained, to the micro-dollar.
        after = [(await each.account.get()).cash for each in (one, two)]
        moved = [later - earlier for later, earlier in zip(after, cash, strict=True)]
        assert moved[0] == 10 * price - position.cost
        assert sum(moved) == 0
        assert await two.orders.list_open() == ()
        async with one.session() as session:
            with pytest.raises(InstrumentStateForbids):
                await session.place("SOL", Side.BUY, 1, price)
        with pytest.raises(InstrumentStateForbids):
            await operator.admin.set_instrument_state("SOL", InstrumentState.TRADING)
        assert await operator.admin.restore_fund(note="over") == drained
        await one.close()
        await two.close()
    assert told(venue, "audit")["ok"]
