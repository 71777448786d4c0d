"""Instrument states as the service takes them (MTCH-050): from an administrator, and from a changed listing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, INSTRUMENT
from tests.unit.matching.memory_shard import BUY, SECOND, SELL, Shard, entry_after, order, running
from wavetank.matching.recovery import CLEARING_LOG
from wavetank.model.events.matching import AuctionUncrossed, InstrumentMoved, Traded
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.model.record import encode_all
from wavetank.runtime.errors import VenueError
from wavetank.runtime.log_entry import Position
from wavetank.v1 import instrument_pb2, log_pb2, matching_control_pb2

pytestmark = pytest.mark.spec("MTCH-050")


def request(state: InstrumentState, instrument_id: int = 1) -> matching_control_pb2.SetInstrumentStateRequest:
    return matching_control_pb2.SetInstrumentStateRequest(
        instrument_id=instrument_id, state=instrument_pb2.InstrumentState.ValueType(state)
    )


async def ready(shard: Shard) -> None:
    shard.open()
    await shard.price(1_000)
    shard.line(ALICE)
    shard.line(BOB)
    await shard.settled()


async def test_an_administrator_opens_a_book_by_an_auction() -> None:
    async with running() as shard:
        await ready(shard)
        assert await shard.service.move(request(InstrumentState.AUCTION)) == (
            InstrumentState.TRADING, shard.log.last_seq,
        )  # fmt: skip
        shard.service.submit(order(ALICE, BUY, 100, 1_010))
        shard.service.submit(order(BOB, SELL, 100, 990))
        previous, seq = await shard.service.move(request(InstrumentState.TRADING))
        assert (previous, seq) == (InstrumentState.AUCTION, shard.log.last_seq)
        assert [type(event) for event in shard.log.events()][-3:] == [InstrumentMoved, AuctionUncrossed, Traded]
        # The entry tells what caused it.
        inputs = log_pb2.Inputs.FromString(shard.log.entries[-1].inputs)
        assert int(inputs.requests[-1].set_instrument_state.state) == InstrumentState.TRADING


async def test_what_cannot_be_is_refused() -> None:
    async with running() as shard:
        await ready(shard)
        with pytest.raises(VenueError) as unknown:
            await shard.service.move(request(InstrumentState.HALTED, instrument_id=7))
        assert unknown.value.reason == Reason.INSTRUMENT_UNKNOWN
        await shard.service.move(request(InstrumentState.SETTLED))
        with pytest.raises(VenueError) as settled:
            await shard.service.move(request(InstrumentState.TRADING))
        assert settled.value.reason == Reason.INSTRUMENT_STATE


async def test_a_changed_listing_moves_the_instrument() -> None:
    async with running() as shard:
        await ready(shard)
        halted = replace(INSTRUMENT, state=InstrumentState.HALTED)
        entry = entry_after(Position.START, encode_all(halted.listing()), SECOND)
        await shard.service.fact(CLEARING_LOG, entry)
        await shard.settled()
        assert shard.engine.instrument_state(1) == InstrumentState.HALTED
        moved = shard.log.events()[-1]
        assert isinstance(moved, InstrumentMoved)
        assert moved.state == InstrumentState.HALTED
