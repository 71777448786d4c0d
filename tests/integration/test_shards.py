"""Two shards, one account: credit follows the orders, survives kills on either side, and is never spent twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Self

import pytest

from tests.eventually import eventually_async
from tests.venue_fixture import start_venue
from wavetank.cli.audit.run import audit_directory
from wavetank.cli.failure import CommandFailed
from wavetank.cli.logs import CLEARING, entries, happenings, open_logs
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.status import look_at
from wavetank.client import (
    CreditElsewhere,
    CreditExceeded,
    NoCreditLine,
    OutcomeUnknown,
    Side,
    TimeInForce,
    Venue,
    VenueUnavailable,
    WithdrawalExceedsFreeMargin,
    WithdrawalPending,
    connect,
)
from wavetank.model.events.clearing import ShareMoved, Withdrawn

if TYPE_CHECKING:
    from pathlib import Path

    from wavetank.cli.venue import VenueProcess
    from wavetank.client import CommandResult, Session

# Its waits for killed processes may last `READY_SECONDS` each.
pytestmark = pytest.mark.timeout(180)

READY_SECONDS = 60.0
DEPOSIT = 10_000


@dataclass
class Trader:
    """An account, its client, and its session on both shards."""

    client: Venue
    session: Session

    @classmethod
    async def open(cls, venue: VenueProcess, name: str, stack: AsyncExitStack, *, credit_retries: int = 6) -> Self:
        """Open an account with a key of its own."""
        admin = await stack.enter_async_context(connect(venue.address, api_key=venue.play_key))
        account = await admin.admin.open_account(name, DEPOSIT)
        key = await admin.admin.create_api_key(account.account_id)
        client = await stack.enter_async_context(connect(venue.address, api_key=key.secret_key))
        return cls(client, await stack.enter_async_context(client.session(credit_retries=credit_retries)))

    async def mark(self, symbol: str) -> Decimal:
        """Return the mark; a shard that was started again has none before the oracle publishes the next time."""

        async def shown() -> Decimal | None:
            return (await self.client.market_data.book(symbol, depth=1)).prices.mark

        found = await eventually_async(shown, timeout=READY_SECONDS)
        assert found is not None
        return found

    async def bid(self, symbol: str, dollars: int) -> CommandResult:
        """Rest a bid of about so many dollars 3 % below the mark."""
        listed = self.client.instruments[symbol]
        mark = await self.mark(symbol)
        price = listed.round_price(mark * Decimal("0.97"), up=False)
        return await self.session.place(symbol, Side.BUY, listed.round_size(Decimal(dollars) / mark), price)

    async def bid_when_back(self, symbol: str, dollars: int) -> CommandResult:
        """Rest a bid as soon as the venue takes it again."""

        async def placed() -> CommandResult | None:
            # The shard that gives the credit may be coming back too.
            with suppress(VenueUnavailable, NoCreditLine, CreditElsewhere):
                return await self.bid(symbol, dollars)
            return None

        found = await eventually_async(placed, timeout=READY_SECONDS)
        assert found is not None
        return found

    async def trade_with(self, other: Trader, symbol: str, dollars: int) -> None:
        """Buy at the mark from another trader."""
        listed = self.client.instruments[symbol]
        mark = await self.mark(symbol)
        price = listed.round_price(mark, up=False)
        size = listed.round_size(Decimal(dollars) / mark)
        await other.session.place(symbol, Side.SELL, size, price)
        bought = await self.session.place(symbol, Side.BUY, size, price, time_in_force=TimeInForce.IOC)
        assert bought.filled_size == size


def _events_of_clearing(directory: Path) -> list[object]:
    with open_logs(RunDirectory(directory)) as client:
        return [happening.event for _, entry in entries(client, CLEARING) for happening in happenings(CLEARING, entry)]


@pytest.fixture
def venue(tmp_path: Path) -> VenueProcess:
    """Return a directory's venue of two shards, running."""
    return start_venue(tmp_path / "venue", shards=2)


@pytest.mark.spec("MRGN-050", "INV-110")
async def test_credit_moves_between_two_shards_and_survives_kills(venue: VenueProcess, tmp_path: Path) -> None:
    directory = tmp_path / "venue"
    with venue:
        async with AsyncExitStack() as stack:
            alice = await Trader.open(venue, "alice", stack)
            # Whoever is told that the venue is up finds a mark on every shard.
            assert all([(await alice.client.market_data.book(each)).prices.mark for each in alice.client.instruments])
            # Clearing has recorded where each instrument is traded: fewest first, so BTC 0, ETH 1, SOL 0.
            assert dict(alice.client.directory.shard_of) == {"BTC": 0, "ETH": 1, "SOL": 0}
            bob = await Trader.open(venue, "bob", stack, credit_retries=0)
            await bob.bid_when_back("SOL", 100)
            await alice.bid_when_back("SOL", 100)
            await alice.bid_when_back("ETH", 100)
            await bob.bid_when_back("ETH", 100)
            await alice.trade_with(bob, "SOL", 5_000)
            await alice.trade_with(bob, "ETH", 5_000)

            async def holds_both() -> bool:
                return {each.instrument for each in await alice.client.account.positions()} == {"SOL", "ETH"}

            await eventually_async(holds_both)
            assert {order.instrument for order in alice.session.open_orders} == {"SOL", "ETH"}

            # Each has 5,000 dollars on either shard. 160,000 dollars of ETH at 25 times need 6,400 of margin.
            with pytest.raises(CreditElsewhere):
                await bob.bid("ETH", 160_000)
            drained = await alice.bid("ETH", 160_000)
            with pytest.raises(CreditExceeded):
                await alice.bid("ETH", 400_000)
            # What was refused for now only has asked for the credit, so that a later try finds it.
            await eventually_async(lambda: _accepted(bob, "ETH", 160_000))

            cash = (await alice.client.account.get()).cash
            assert await alice.client.account.withdraw(500) == cash - 500
            with pytest.raises(WithdrawalExceedsFreeMargin):
                await alice.client.account.withdraw(5_000)

            venue.kill("matching-1")
            # The other shard trades on.
            assert (await alice.bid("BTC", 1_000)).order_id
            assert await asyncio.to_thread(venue.wait_ready, "matching-1", READY_SECONDS, starts=2)
            await alice.bid_when_back("ETH", 100)
            assert drained.order_id in {order.order_id for order in alice.session.open_orders}

            venue.kill("clearing")
            assert await asyncio.to_thread(venue.wait_ready, "clearing", READY_SECONDS, starts=2)
            await alice.session.cancel(order_id=drained.order_id)
            # 300,000 dollars of BTC at 40 times need 7,500: now the credit goes back to shard 0.
            await alice.bid_when_back("BTC", 300_000)
            await _withdrawn(alice, 100)
            # Cancelling everything goes to both shards: bids of SOL, BTC twice, ETH twice.
            assert await alice.session.cancel_all() == 5
            seen = await asyncio.to_thread(look_at, RunDirectory(directory), venue.file)
            assert [service.name for service in seen.services] == ["matching-0", "matching-1", "clearing", "oracle"]
            assert seen.healthy, seen.troubles
        report = await asyncio.to_thread(audit_directory, RunDirectory(directory))
        assert report.ok, report.as_json()
        told = await asyncio.to_thread(_events_of_clearing, directory)
    moves = [event for event in told if isinstance(event, ShareMoved) and event.amount_micros]
    assert {(event.shard, event.receiver_shard) for event in moves} == {(0, 1), (1, 0)}
    assert sum(isinstance(event, Withdrawn) for event in told) == 2
    with pytest.raises(CommandFailed, match="2 matching shards"):
        start_venue(directory, shards=1)
    # Told nothing, it is the venue of two shards that it was.
    with start_venue(directory) as again:
        assert len(again.file.endpoints["matching"]) == 2


async def _accepted(trader: Trader, symbol: str, dollars: int) -> bool:
    with suppress(CreditElsewhere):
        return bool((await trader.bid(symbol, dollars)).order_id)
    return False


async def _withdrawn(trader: Trader, dollars: int) -> None:
    cash = (await trader.client.account.get()).cash

    async def paid() -> bool:
        with suppress(VenueUnavailable, OutcomeUnknown, WithdrawalPending):
            await trader.client.account.withdraw(dollars)
        return (await trader.client.account.get()).cash == cash - dollars

    await eventually_async(paid, timeout=READY_SECONDS)
