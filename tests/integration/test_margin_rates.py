"""A real venue whose margin grows with open interest: what clearing decides reaches the shard, also one that died."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.eventually import eventually_async
from wavetank.cli.audit.run import audit_directory
from wavetank.cli.price_options import price_choice
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.venue import VenuePlan, VenueProcess
from wavetank.client import (
    CreditExceeded,
    CreditStale,
    NoCreditLine,
    NoReferencePrice,
    Side,
    TimeInForce,
    Venue,
    VenueUnavailable,
    connect,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

READY_SECONDS = 60.0
SOL = {
    "instrument_id": 1,
    "symbol": "SOL",
    "size_decimals": 2,
    "tiers": [{"lower_notional_micros": 0, "max_leverage": 20}],
    "impact_notional_micros": 6_000_000_000,
    # From 5,000 to 25,000 dollars of open interest.
    "scaling_begins_micros": 5_000_000_000,
    "scaling_full_micros": 25_000_000_000,
}


@pytest.fixture
def venue(tmp_path: Path) -> VenueProcess:
    """Return a venue of one instrument, whose price is pushed, running."""
    listed = tmp_path / "instruments.json"
    listed.write_text(json.dumps([SOL]))
    settings = price_choice(prices=["push"], instruments=listed).settings
    return VenueProcess.start(VenuePlan(directory=tmp_path / "venue", settings=settings), timeout=90.0)


async def opened(admin: Venue, stack: AsyncExitStack, name: str) -> Venue:
    """Open an account with 100,000 dollars and a client of its own."""
    account = await admin.admin.open_account(name, 100_000)
    key = await admin.admin.create_api_key(account.account_id)
    return await stack.enter_async_context(connect(admin.directory.clearing, api_key=key.secret_key))


async def reason_for(trader: Venue, size: int) -> str:
    """Try to buy so much at the mark, where nobody sells; return why it is refused, or nothing."""
    try:
        async with trader.session() as session:
            await session.place("SOL", Side.BUY, size, 150, time_in_force=TimeInForce.IOC)
    except (CreditExceeded, CreditStale, NoCreditLine, NoReferencePrice, VenueUnavailable) as refusal:
        return type(refusal).__name__
    return ""


@pytest.mark.spec("MRGN-020", "MRGN-040")
async def test_a_share_of_open_interest_reaches_the_shard_and_survives_it(venue: VenueProcess, tmp_path: Path) -> None:
    with venue:
        async with AsyncExitStack() as stack:
            admin = await stack.enter_async_context(connect(venue.address, api_key=venue.play_key))

            async def priced() -> bool:
                await admin.admin.push_prices({"SOL": 150})
                return (await admin.market_data.book("SOL")).prices.mark == 150

            await eventually_async(priced, timeout=READY_SECONDS)
            alice, bob, carol = [await opened(admin, stack, name) for name in ("alice", "bob", "carol")]

            async def takes(size: int, reason: str) -> None:
                async def seen() -> bool:
                    await admin.admin.push_prices({"SOL": 150})
                    return await reason_for(carol, size) == reason

                await eventually_async(seen, timeout=READY_SECONDS)

            # 2,000 SOL are 300,000 dollars: 15,000 at 20x.
            await takes(2_000, "")
            async with alice.session() as seller, bob.session() as buyer:
                await seller.place("SOL", Side.SELL, 100, 150)
                bought = await buyer.place("SOL", Side.BUY, 100, 150)
                assert bought.filled_size == 100
            # 15,000 dollars of open interest are half-way: 1/20 + 0.5 x 19/20 = 52.5 % of 300,000 are too much for
            # carol, who has no position and so no row; of 1,200 SOL they are 94,500.
            await takes(2_000, "CreditExceeded")
            await takes(1_200, "")
            async with connect(venue.address, api_key=venue.play_key) as again:
                assert again.instruments["SOL"].scaled == Decimal("0.5")
                assert again.instruments["SOL"].scaling_full == 25_000
            assert (await bob.account.get()).initial_margin == 7_875
            # A chosen leverage counts without a position: at 1x 1,200 SOL are 180,000 dollars.
            await carol.account.set_leverage("SOL", 1)
            await takes(1_200, "CreditExceeded")
            await carol.account.set_leverage("SOL", 20)
            await takes(1_200, "")

            venue.kill("matching-0")
            await takes(1_200, "")
            await takes(2_000, "CreditExceeded")
            venue.kill("clearing")
            await takes(1_200, "")
            await takes(2_000, "CreditExceeded")
        report = audit_directory(RunDirectory(tmp_path / "venue"))
        assert [offence.expected for offence in report.offences] == []
