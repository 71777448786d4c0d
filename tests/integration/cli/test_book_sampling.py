"""Looks at random moments see the book while it is known, and count the moments at which it is not."""

import asyncio
import json
from fractions import Fraction
from pathlib import Path

import pytest

from tests.client.scripted_venue import KEY, ScriptedVenue
from tests.eventually import eventually_async
from wavetank.cli.book_sampling import sample_books
from wavetank.cli.failure import CommandFailed
from wavetank.cli.impact import ImpactCurve, Taking
from wavetank.v1 import market_data_pb2

SNAPSHOT = market_data_pb2.SubscribeResponse(
    seq=5,
    updates=[
        market_data_pb2.MarketUpdate(
            seq=5,
            instrument_id=3,
            # The book whose checksum market_data.proto works out.
            book_snapshot=market_data_pb2.BookSnapshot(
                bids=[market_data_pb2.PriceLevel(price_ticks=100, size_lots=5, orders=1)],
                asks=[market_data_pb2.PriceLevel(price_ticks=101, size_lots=7, orders=2)],
                checksum=811086456700739479,
            ),
        )
    ],
)


async def test_a_book_that_is_not_known_is_counted_and_not_looked_at(tmp_path: Path) -> None:
    async with ScriptedVenue() as peer:
        peer.market_data.plays = [[SNAPSHOT]]
        (tmp_path / "venue.json").write_text(json.dumps({"address": peer.address, "play_key": KEY}))
        curve = ImpactCurve([(Taking.SELL, 5), (Taking.BUY, 8)])
        # Two looks at once, and two when the venue has been gone for long.
        looking = asyncio.create_task(sample_books(tmp_path, {"SOL": curve}, [0.0, 0.01, 3.0, 3.1]))
        await eventually_async(lambda: curve.points()[0].samples == 2)
        await peer.stop()
        assert await looking == 2
        sell, buy = curve.points()
        assert (sell.samples, sell.too_thin, sell.mean_ticks) == (2, 0, Fraction(1, 2))
        assert (buy.samples, buy.too_thin) == (2, 2)


async def test_a_venue_that_is_away_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "venue.json").write_text(json.dumps({"address": "127.0.0.1:1", "play_key": KEY}))
    with pytest.raises(CommandFailed, match="the books cannot be read"):
        await sample_books(tmp_path, {"SOL": ImpactCurve([(Taking.SELL, 1)])}, [0.0])
