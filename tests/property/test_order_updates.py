"""What is told order by order is what the engine holds: after every input of every kind, in every queue."""

from __future__ import annotations

import struct
from collections import defaultdict
from random import Random

import pytest

from tests.model.matching_inputs import INSTRUMENTS
from tests.model.matching_twins import Twins
from wavetank.matching.adapters.market_encoder import OrderEncoder
from wavetank.v1 import market_data_pb2 as pb

RESTING = struct.Struct("<qqqqqqB7x")
"""An order as the engine packs it: id, account, price, lots shown, lots in all, display, side."""

Queue = tuple[int, int, int]
"""Instrument, side, price."""


class Reader:
    """A reader of order updates, beside the engine whose log it is told."""

    def __init__(self, twins: Twins) -> None:
        self.twins = twins
        self.encoder = OrderEncoder()
        self.queues: dict[Queue, dict[int, int]] = defaultdict(dict)
        self.read = 0
        self.updates = 0

    def follow(self) -> None:
        """Take what the log says since, and compare every queue."""
        for now_ns, first_seq, records in self.twins.log[self.read :]:
            runs, _ = self.encoder.encode(
                records, first_seq, now_ns, trades=True, orders=True, lookup=self.twins.engine.order
            )
            told = [update for run in runs for update in pb.SubscribeResponse.FromString(run[3]).updates]
            assert [update.seq for update in told] == sorted(update.seq for update in told)
            for update in told:
                if update.HasField("order_update"):
                    self.apply(update.instrument_id, update.order_update)
        self.read = len(self.twins.log)
        assert {queue: list(orders.items()) for queue, orders in self.queues.items() if orders} == self.held()

    def apply(self, instrument_id: int, update: pb.OrderUpdate) -> None:
        """Do as a reader does."""
        self.updates += 1
        queue = self.queues[instrument_id, update.side, update.price_ticks]
        if update.kind == pb.ORDER_UPDATE_KIND_ADDED:
            assert update.order_id not in queue
            assert update.size_lots > 0
            queue[update.order_id] = update.size_lots
            return
        before = queue[update.order_id]
        if update.kind == pb.ORDER_UPDATE_KIND_EXECUTED:
            assert before - update.executed_lots == update.size_lots
        if update.size_lots:
            queue[update.order_id] = update.size_lots
        else:
            del queue[update.order_id]

    def held(self) -> dict[Queue, list[tuple[int, int]]]:
        """Return the queues as the engine holds them: order and lots shown, oldest first."""
        found: dict[Queue, list[tuple[int, int]]] = {}
        for instrument in INSTRUMENTS:
            packed = self.twins.engine.resting_orders(instrument.instrument_id)
            for order_id, _, price_ticks, shown, _, _, side in RESTING.iter_unpack(packed):
                found.setdefault((instrument.instrument_id, side, price_ticks), []).append((order_id, shown))
        return found


@pytest.mark.spec("MTCH-070", "MTCH-080")
@pytest.mark.parametrize("seed", range(6))
def test_order_updates_lead_to_the_queues_of_the_engine(seed: int) -> None:
    random = Random(seed)
    # What the twins compare of the whole state is compared elsewhere.
    twins = Twins(every=1_000_000)
    reader = Reader(twins)
    twins.begin(random)
    for _ in range(150):
        twins.random_input(random)
        reader.follow()
    assert reader.updates > 50
