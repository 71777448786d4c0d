"""What `bench wire` measures against: a venue's services, accounts with deposits, an order far from trading.

It exists so that `wire` holds the measurement alone.
"""

import asyncio
import os
import time
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from typing import Any, Self

import grpc

from wavetank.cli.connection import CALL_SECONDS, bearer
from wavetank.cli.failure import CommandFailed
from wavetank.cli.run_directory import VenueFile
from wavetank.model.money import round_down_to_grid
from wavetank.v1 import (
    account_pb2,
    account_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    instrument_pb2,
    market_data_pb2,
    market_data_pb2_grpc,
    order_entry_pb2,
    order_entry_pb2_grpc,
)

NO_LIMIT = 1 << 40
STAGES = ("decode", "engine", "append", "publish")
DEPOSIT_MICROS = 1_000_000 * 1_000_000
_FAR_PPM = 950_000
"""The order's price, as a share of the mark: inside the price band, far from trading."""
_NOTIONAL_MICROS = 20 * 1_000_000
_PRICE_SECONDS = 15.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Target:
    """Where to measure."""

    address: str
    """An address that answers the directory."""
    key: str
    pids: dict[str, int] = field(default_factory=dict)
    """Processes of the venue on this machine, by name."""
    metrics: dict[str, str] = field(default_factory=dict)
    durability: str = "unknown"
    most_per_turn: int = 30_000
    """Commands of one account in one turn: what a venue's usual limits allow again in the next round."""

    @classmethod
    def of(cls, venue: VenueFile, *, unlimited: bool = False) -> "Target":
        """Return where a venue of this machine is; `unlimited` if it was started without the usual limits."""
        target = cls(venue.address, venue.play_key, venue.pids, venue.metrics, venue.durability)
        return replace(target, most_per_turn=NO_LIMIT) if unlimited else target


class MeasuredVenue:
    """The venue's questions that come before the measurement."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._metadata = bearer(target.key)
        self._instrument = instrument_pb2.Instrument()
        self.matching = ""

    async def __aenter__(self) -> Self:
        self._directory = grpc.aio.insecure_channel(self._target.address)
        stub: Any = directory_pb2_grpc.DirectoryServiceStub(self._directory)
        self._known = await stub.GetDirectory(directory_pb2.GetDirectoryRequest(), timeout=CALL_SECONDS)
        endpoints = {endpoint.service: endpoint.address for endpoint in self._known.endpoints}
        shards = [end for end in self._known.endpoints if end.service == directory_pb2.SERVICE_KIND_MATCHING]
        first = next((end for end in shards if end.shard == 0), None)
        if first is None or directory_pb2.SERVICE_KIND_CLEARING not in endpoints:
            raise CommandFailed(f"{self._target.address} knows no shard 0 and no clearing")
        self.matching = first.address
        self._listed = [each for each in self._known.instruments if each.instrument_id in set(first.instrument_ids)]
        self._shard = grpc.aio.insecure_channel(self.matching)
        self._clearing = grpc.aio.insecure_channel(endpoints[directory_pb2.SERVICE_KIND_CLEARING])
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in (self._directory, self._shard, self._clearing):
            await channel.close()

    async def fresh_account(self) -> int:
        """Open an account and return its id once the shard takes its orders."""
        stub: Any = account_pb2_grpc.AccountServiceStub(self._clearing)
        request = account_pb2.OpenAccountRequest(name=f"bench-{os.urandom(4).hex()}", deposit_micros=DEPOSIT_MICROS)
        opened = await stub.OpenAccount(request, metadata=self._metadata, timeout=CALL_SECONDS)
        account_id: int = opened.account.account_id
        orders: Any = order_entry_pb2_grpc.OrderEntryServiceStub(self._shard)
        order = await self.far_order()
        ends = time.monotonic() + _PRICE_SECONDS
        while True:
            placed = await orders.PlaceOrder(
                order_entry_pb2.PlaceOrderRequest(account_id=account_id, order=order),
                metadata=self._metadata,
                timeout=CALL_SECONDS,
            )
            if placed.result.state == order_entry_pb2.ORDER_STATE_OPEN:
                break
            if time.monotonic() >= ends:
                raise CommandFailed(f"the venue refuses orders: {placed.result.refusal.message}")
            await asyncio.sleep(_POLL_SECONDS)
        everything = order_entry_pb2.CancelAllOrdersRequest(account_id=account_id)
        await orders.CancelAllOrders(everything, metadata=self._metadata, timeout=CALL_SECONDS)
        return account_id

    async def far_order(self) -> order_entry_pb2.PlaceOrder:
        """Return an order far below the mark of the first instrument that has one."""
        stub: Any = market_data_pb2_grpc.MarketDataServiceStub(self._shard)
        ends = time.monotonic() + _PRICE_SECONDS
        while True:
            for instrument in self._listed:
                request = market_data_pb2.GetBookRequest(instrument_id=instrument.instrument_id, depth=1)
                book = await stub.GetBook(request, metadata=self._metadata, timeout=CALL_SECONDS)
                if book.prices.mark_price_ticks:
                    return _order(instrument, book.prices.mark_price_ticks)
            if time.monotonic() >= ends:
                raise CommandFailed("no instrument has a price yet", hint="`wavetank status` says what the oracle says")
            await asyncio.sleep(_POLL_SECONDS)


def _order(instrument: instrument_pb2.Instrument, mark_ticks: int) -> order_entry_pb2.PlaceOrder:
    far = mark_ticks * _FAR_PPM // 1_000_000
    price_ticks = round_down_to_grid(far, instrument.size_decimals, instrument.significant_figures)
    return order_entry_pb2.PlaceOrder(
        instrument_id=instrument.instrument_id,
        side=instrument_pb2.SIDE_BUY,
        order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
        time_in_force=order_entry_pb2.TIME_IN_FORCE_GTC,
        price_ticks=price_ticks,
        size_lots=max(1, _NOTIONAL_MICROS // price_ticks),
        post_only=True,
    )


def stage_sums(target: Target) -> dict[str, tuple[float, float]]:
    """Return sum (seconds) and count of each stage, as matching's metrics page says; zeros without one."""
    page = _metrics_page(target.metrics.get("matching-0", ""))
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if line and not line.startswith("#"))
    return {
        stage: tuple(float(values.get(f"wavetank_matching_{stage}_seconds_{what}", 0)) for what in ("sum", "count"))  # type: ignore[misc] # Two of them.
        for stage in STAGES
    }


def _metrics_page(address: str) -> str:
    if not address:
        return ""
    connection = HTTPConnection(address, timeout=5.0)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()
