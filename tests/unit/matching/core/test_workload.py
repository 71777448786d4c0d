"""A million operations of a public workload end with the trades, the volume and the book that its README states."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wavetank.matching.core import commands
from wavetank.matching.core.credit import CreditLine
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import CommandKind

OPERATION = np.dtype(
    [("type", "u1"), ("side", "u1"), ("pad", "<u2"), ("qty", "<u4"), ("price", "<i8"), ("id", "<u4"), ("end", "<u4")]
)
COMMAND = np.dtype({
    "names": ["kind", "side", "order_type", "tif", "instrument", "account", "order", "price", "size"],
    "formats": ["u1", "u1", "u1", "u1", "<i4", "<i8", "<i8", "<i8", "<i8"],
    "offsets": [0, 1, 2, 3, 8, 16, 24, 48, 56],
    "itemsize": commands.COMMAND_BYTES,
})  # fmt: skip
TRADE = np.dtype({
    "names": ["kind", "price", "size"], "formats": ["<u2", "<i8", "<i8"], "offsets": [0, 48, 56], "itemsize": 128,
})  # fmt: skip
BUYER, SELLER = 1000, 1001
ADD, CANCEL, IOC = 0, 1, 2


def read_commands(path: Path) -> np.ndarray[Any, Any]:
    """Return the workload as commands; buys are one account's and sells another's, so that nobody meets himself."""
    raw = np.frombuffer(gzip.decompress(path.read_bytes()), dtype=OPERATION)
    packed = np.zeros(len(raw), dtype=COMMAND)
    places = raw["type"] != CANCEL
    packed["kind"] = np.where(places, CommandKind.PLACE, CommandKind.CANCEL)
    packed["side"] = np.where(places, raw["side"] + 1, 0)
    packed["order_type"] = places
    packed["tif"] = np.where(places, np.where(raw["type"] == IOC, 2, 1), 0)
    packed["instrument"] = places
    packed["price"] = np.where(places, raw["price"], 0)
    packed["size"] = np.where(places, raw["qty"], 0)
    # Every place is accepted, so the n-th gets the n-th order id.
    order_ids = np.zeros(int(raw["id"].max()) + 1, dtype=np.int64)
    order_ids[raw["id"][places]] = (1 << 48) + np.cumsum(places)[places]
    owners = np.zeros(len(order_ids), dtype=np.int64)
    owners[raw["id"][places]] = np.where(raw["side"][places] == 0, BUYER, SELLER)
    packed["order"] = np.where(places, 0, order_ids[raw["id"]])
    packed["account"] = owners[raw["id"]]
    return packed


@pytest.mark.spec("MTCH-010")
def test_the_book_operations_end_as_stated(market_data: Path) -> None:
    packed = read_commands(market_data / "workloads" / "book_ops_v1.bin.gz")
    engine = Engine(0, EngineSettings(max_open_orders=1_000_000, track_levels=False))
    engine.list_instrument(
        Instrument(
            instrument_id=1,
            symbol="OPS",
            size_decimals=0,
            tiers=(MarginTier(0, 50),),
            significant_figures=0,
            min_notional_micros=0,
            price_band_ppm=10**9,
        )
    )
    engine.set_gate(1, is_open=True)
    engine.apply_mark(1, 1, 100_000, 100_000, 1, 1, stale=False)
    for account_id in (BUYER, SELLER):
        engine.apply_credit(
            1, CreditLine(account_id=account_id, line_epoch=1, line_number=1, as_of_seq=0, budget_micros=2**61)
        )
    engine.drain_events()
    trades = volume = value = 0
    for start in range(0, len(packed), 10_000):
        batch = packed[start : start + 10_000]
        events = np.frombuffer(engine.apply_commands(2, batch.tobytes(), len(batch)), dtype=TRADE)
        traded = events[events["kind"] == 103]
        trades += len(traded)
        volume += int(traded["size"].sum())
        value += int((traded["size"] * traded["price"]).sum())
    resting = sum(count for side in engine.book(1, 10_000) for _, _, count in side)
    assert (trades, volume, value, resting) == (296_571, 7_579_734, 757_813_035_842, 10_220)
