"""The client without `await` is the same client."""

import asyncio
import inspect
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.client.scripted_venue import KEY, ScriptedVenue
from wavetank.client import (
    Channel,
    Client,
    OrderState,
    PlaceOrder,
    RunDirectoryUnreadable,
    Side,
    Trade,
    Venue,
    VenueUnavailable,
    blocking,
    connect,
)
from wavetank.client.account import Account
from wavetank.client.admin import Admin
from wavetank.client.doors import Doors
from wavetank.client.escalations import Escalations
from wavetank.client.liquidations import Liquidations
from wavetank.client.market_data import MarketData
from wavetank.client.order_entry import Orders
from wavetank.client.risk import Risk
from wavetank.client.session import Session
from wavetank.v1 import account_pb2, market_data_pb2


@pytest.fixture
def peer() -> Iterator[ScriptedVenue]:
    """Return a scripted peer in a thread of its own, as a venue is a process of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    venue = ScriptedVenue()
    asyncio.run_coroutine_threadsafe(venue.start("127.0.0.1:0"), loop).result()
    yield venue
    asyncio.run_coroutine_threadsafe(venue.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_orders_and_events(peer: ScriptedVenue) -> None:
    with Client(peer.address, api_key=KEY) as client, client.session() as session:
        result = session.place("SOL", Side.BUY, "1.5", "100.05")
        assert (result.state, result.remaining_size) == (OrderState.OPEN, Decimal("1.5"))
        order = PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price=100)
        waiting = [session.submit([order]) for _ in range(3)]
        assert [len(each.result(timeout=5)) for each in waiting] == [1, 1, 1]
        assert session.is_connected


def test_subscriptions_and_pages(peer: ScriptedVenue) -> None:
    peer.market_data.plays = [
        [
            market_data_pb2.SubscribeResponse(
                seq=5,
                updates=[
                    market_data_pb2.MarketUpdate(
                        seq=5,
                        instrument_id=3,
                        trade=market_data_pb2.PublicTrade(price_ticks=1_000_000, size_lots=1, aggressor=1),  # type: ignore[arg-type]
                    )
                ],
            )
        ]
    ]
    peer.accounts.fills = [account_pb2.BookedFill(seq=seq, instrument_id=3) for seq in (3, 2, 1)]
    with Client(peer.address, api_key=KEY) as client:
        with client.market_data.subscribe([Channel.TRADES]) as market:
            assert isinstance(market.next(timeout=5), Trade)
            with pytest.raises(TimeoutError):
                market.next(timeout=0.05)
        assert [fill.seq for fill in client.account.fills()] == [3, 2, 1]


@pytest.mark.parametrize(
    ("inner", "twin"),
    [
        (Orders, blocking.BlockingOrders),
        (Account, blocking.BlockingAccount),
        (Admin, blocking.BlockingAdmin),
        (Doors, blocking.BlockingDoors),
        (Escalations, blocking.BlockingEscalations),
        (Risk, blocking.BlockingRisk),
        (Liquidations, blocking.BlockingLiquidations),
        (MarketData, blocking.BlockingMarketData),
        (Session, blocking.BlockingSession),
        (Venue, blocking.Client),
    ],
)
def test_both_know_the_same_methods(inner: type, twin: type) -> None:
    def public(kind: type) -> set[str]:
        return {
            name for name, value in vars(kind).items() if not name.startswith("_") and callable(getattr(kind, name))
        }

    helpers = {"open_at", "max_commands", "loop", "inner"}
    offered = {name for name in vars(twin) if not name.startswith("_")}
    assert public(inner) - offered - helpers == set()
    assert inspect.isclass(twin)


def test_a_run_directory_leads_to_its_venue(peer: ScriptedVenue, tmp_path: Path) -> None:
    (tmp_path / "venue.json").write_text(json.dumps({"address": peer.address, "play_key": KEY}))
    with Client(run_directory=tmp_path) as client, client.session() as session:
        assert session.account_id == 1000
        assert set(client.instruments) == {"SOL"}


@pytest.mark.parametrize("content", [None, "not json", "[]", '{"pid": 1}'])
def test_a_run_directory_without_a_venue_says_so(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "venue.json").write_text(content)
    with pytest.raises(RunDirectoryUnreadable, match="wavetank up --dir"):
        _ = connect(run_directory=tmp_path)


def test_an_address_or_a_run_directory() -> None:
    with pytest.raises(ValueError, match="one of both"):
        _ = connect()
    with pytest.raises(ValueError, match="one of both"):
        _ = connect("127.0.0.1:1", run_directory=".")


def test_nobody_at_the_address_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(VenueUnavailable):
        Client("127.0.0.1:1", timeout=0.3)
    assert threading.active_count() <= before + 1
