"""`python -m wavetank.matching.bench`: how fast the engine is, with a stated workload of 24-byte records.

It runs the real engine: accounts with credit lines, margin, the self-trade rule, 128-byte events out. Buys and sells
are given to accounts of their own, so no account owns two sides and the rule, which stays on, finds nothing to do.
Three passes, each on a new engine: one that is timed as a whole, one whose commands are timed singly, and one that
counts what the events say. Commands are packed outside the timed stretches, as they arrive packed in the service.

Kept true: the figures come with the workload, the batch and the accounts they were measured with.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavetank.matching import stopwatch
from wavetank.matching.core import commands
from wavetank.matching.core.credit import CreditLine
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.events.matching import Traded
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import CommandKind, OrderType, Side, TimeInForce
from wavetank.model.record import RECORD_BYTES, kind_of

ADD, CANCEL, IMMEDIATE = 0, 1, 2
KINDS = {ADD: "place", CANCEL: "cancel", IMMEDIATE: "ioc"}
"""Types of operation in the records, and the names of their latencies."""

FIRST_ACCOUNT = 1_000
FIRST_ORDER_ID = 1 << 48
MARK_TICKS = 100_000
AMPLE_MICROS = 2**61
STRETCH = 2_000
"""Commands that are packed at once before they are timed: few enough to be near, as just received ones are."""

RESTING_ORDERS = 1_000_000
"""Orders that `--memory` leaves resting."""

Table = np.ndarray[Any, Any]

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
    "names": ["kind", "price", "size"], "formats": ["<u2", "<i8", "<i8"], "offsets": [0, 48, 56],
    "itemsize": RECORD_BYTES,
})  # fmt: skip


class WorkloadUnfit(Exception):
    """The file is no workload that this engine can run; the message says why."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A file of operations as packed commands."""

    name: str
    packed: Table
    types: Table
    """ADD, CANCEL or IMMEDIATE, one for each command."""
    opening: int
    """Commands at the beginning that are not timed."""
    accounts: int
    """Accounts of each side."""

    def batches(self, size: int) -> Iterator[list[bytes]]:
        """Yield the timed commands as batches of `size`, a stretch at a time."""
        stretch = max(size, STRETCH - STRETCH % size)
        for start in range(self.opening, len(self.packed), stretch):
            rows = self.packed[start : start + stretch]
            yield [rows[at : at + size].tobytes() for at in range(0, len(rows), size)]


def read_workload(path: Path, opening: int, accounts: int) -> Workload:
    """Read a file of 24-byte records, plain or gzipped.

    Raises:
        WorkloadUnfit: it is not such a file, or names orders that it never placed.

    """
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    if not raw or len(raw) % OPERATION.itemsize:
        raise WorkloadUnfit(f"{path}: {len(raw)} bytes are no records of {OPERATION.itemsize}")
    operations = np.frombuffer(raw, dtype=OPERATION)
    if operations["type"].max() > IMMEDIATE or operations["side"].max() > 1:
        raise WorkloadUnfit(f"{path}: a type is 0 to {IMMEDIATE} and a side 0 or 1")
    if not 0 <= opening < len(operations):
        raise WorkloadUnfit(f"{path}: {opening} of {len(operations)} operations leave nothing to time")
    return Workload(path.name, _pack(operations, accounts), operations["type"], opening, accounts)


def _pack(operations: Table, accounts: int) -> Table:
    """Return the operations as commands; what is cancelled is named by the order id that the engine will give it."""
    places = operations["type"] != CANCEL
    packed = np.zeros(len(operations), dtype=COMMAND)
    packed["kind"] = np.where(places, CommandKind.PLACE, CommandKind.CANCEL)
    packed["side"] = np.where(places, np.where(operations["side"] == 0, Side.BUY, Side.SELL), 0)
    packed["order_type"] = np.where(places, OrderType.LIMIT, 0)
    immediate = operations["type"] == IMMEDIATE
    packed["tif"] = np.where(places, np.where(immediate, TimeInForce.IOC, TimeInForce.GTC), 0)
    packed["instrument"] = places
    packed["price"] = np.where(places, operations["price"], 0)
    packed["size"] = np.where(places, operations["qty"], 0)
    # Every place is accepted, so the n-th gets the n-th order id.
    order_ids = np.zeros(int(operations["id"].max()) + 1, dtype=np.int64)
    order_ids[operations["id"][places]] = FIRST_ORDER_ID + np.cumsum(places)[places]
    packed["order"] = np.where(places, 0, order_ids[operations["id"]])
    if not packed["order"][~places].all():
        raise WorkloadUnfit("a cancel names an order that was never placed")
    # Orders go round the accounts of their side.
    owners = np.zeros(len(order_ids), dtype=np.int64)
    first = np.where(operations["side"] == 0, FIRST_ACCOUNT, FIRST_ACCOUNT + accounts)
    owners[operations["id"][places]] = first[places] + np.cumsum(places)[places] % accounts
    packed["account"] = owners[operations["id"]]
    return packed


def open_engine(accounts: int) -> Engine:
    """Return an engine with one instrument, a mark and ample credit for the accounts of both sides."""
    engine = Engine(0, EngineSettings(max_open_orders=2 * RESTING_ORDERS))
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
    engine.apply_mark(1, 1, MARK_TICKS, MARK_TICKS, 1, 1, stale=False)
    for account_id in range(FIRST_ACCOUNT, FIRST_ACCOUNT + 2 * accounts):
        line = CreditLine(account_id=account_id, line_epoch=1, line_number=1, as_of_seq=0, budget_micros=AMPLE_MICROS)
        engine.apply_credit(1, line)
    engine.drain_events()
    return engine


def opened(workload: Workload) -> Engine:
    """Return an engine that has done the opening."""
    engine = open_engine(workload.accounts)
    head = workload.packed[: workload.opening]
    engine.apply_commands(2, head.tobytes(), len(head))
    engine.drain_level_updates()
    return engine


def timed_ns(workload: Workload, batch: int) -> int:
    """Return the nanoseconds in which the engine takes the commands behind the opening, batch by batch."""
    engine = opened(workload)
    apply_commands = engine.apply_commands
    total = 0
    for batches in workload.batches(batch):
        counts = [len(data) // commands.COMMAND_BYTES for data in batches]
        began = time.perf_counter_ns()
        for data, count in zip(batches, counts, strict=True):
            apply_commands(2, data, count)
        total += time.perf_counter_ns() - began
        engine.drain_level_updates()
    return total


def latencies_ns(workload: Workload, batch: int) -> dict[str, dict[str, int]]:
    """Return p50, p99 and p99.9 of each kind of command inside the engine, each with one reading of the clock in it."""
    engine = opened(workload)
    taken: list[bytes] = []
    for batches in workload.batches(batch):
        taken += [stopwatch.time_commands(engine, 2, data, len(data) // commands.COMMAND_BYTES) for data in batches]
        engine.drain_level_updates()
    times = np.frombuffer(b"".join(taken), dtype=np.int64)
    types = workload.types[workload.opening :]
    found = {}
    for kind, name in KINDS.items():
        own = np.sort(times[types == kind])
        if len(own):
            found[name] = {
                "p50": int(own[len(own) * 50 // 100]),
                "p99": int(own[len(own) * 99 // 100]),
                "p999": int(own[len(own) * 999 // 1000]),
            }
    return found


def counted(workload: Workload) -> dict[str, int]:
    """Return what the events of the timed commands say, and what is left: trades, volume, Σ price × qty, resting."""
    engine = opened(workload)
    trades = volume = value = 0
    for batches in workload.batches(STRETCH):
        for data in batches:
            count = len(data) // commands.COMMAND_BYTES
            events = np.frombuffer(engine.apply_commands(2, data, count), dtype=TRADE)
            traded = events[events["kind"] == kind_of(Traded)]
            trades += len(traded)
            volume += int(traded["size"].sum())
            value += int((traded["size"] * traded["price"]).sum())
    resting = sum(count for side in engine.book(1, 1 << 40) for _, _, count in side)
    held = stopwatch.order_bytes(engine)
    return {
        "trades": trades,
        "volume": volume,
        "price_qty": value,
        "resting": resting,
        "bytes_per_order": held // max(resting, 1),
    }


def resting_memory(accounts: int) -> dict[str, int]:
    """Leave a million orders resting on a thousand levels; return bytes per order by the slabs, and by the process."""
    engine = open_engine(accounts)
    packed = np.zeros(10_000, dtype=COMMAND)
    packed["kind"], packed["side"], packed["order_type"], packed["tif"] = CommandKind.PLACE, Side.BUY, 1, 1
    packed["instrument"], packed["size"] = 1, 1
    packed["account"] = FIRST_ACCOUNT + np.arange(len(packed)) % accounts
    packed["price"] = MARK_TICKS - 1 - np.arange(len(packed)) % 1_000
    data = packed.tobytes()
    engine.apply_commands(2, data, len(packed))
    before = resident_bytes()
    for _ in range(RESTING_ORDERS // len(packed)):
        engine.apply_commands(2, data, len(packed))
    grown = resident_bytes() - before
    resting = RESTING_ORDERS + len(packed)
    return {
        "resting": resting,
        "slab_bytes_per_order": stopwatch.order_bytes(engine) // resting,
        "rss_bytes_per_order": grown // RESTING_ORDERS,
    }


def resident_bytes() -> int:
    """Return the process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def measure(workload: Workload, batch: int, runs: int) -> dict[str, Any]:
    """Measure a workload; the time is that of the best of `runs`, for others use the machine too."""
    operations = len(workload.packed) - workload.opening
    times = []
    for run in range(runs):
        times.append(timed_ns(workload, batch))
        _say(f"run {run + 1} of {runs}: {times[-1] // operations} ns per operation")
    best = min(times)
    _say("timing each command")
    latency = latencies_ns(workload, batch)
    _say("counting what the events say")
    return {
        "workload": workload.name,
        "operations": operations,
        "opening": workload.opening,
        "batch": batch,
        "accounts": 2 * workload.accounts,
        "runs": runs,
        "ops_per_s": operations * 1_000_000_000 // best,
        "ns_per_op": round(best / operations, 1),
        "ns_per_op_median": round(sorted(times)[len(times) // 2] / operations, 1),
        "ns_per_op_worst": round(max(times) / operations, 1),
        "latency_ns": latency,
        "clock_ns": stopwatch.clock_cost_ns(100_000),
        **counted(workload),
    }


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    """Measure as the command line says; print one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m wavetank.matching.bench", description=__doc__)
    parser.add_argument("--workload", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--opening", type=int, default=10_000)
    parser.add_argument("--accounts", type=int, default=1_000, help="of each side")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    try:
        workload = read_workload(given.workload, given.opening, given.accounts)
    except (OSError, EOFError, gzip.BadGzipFile, WorkloadUnfit) as error:
        _say(f"error: {error}")
        return 2
    report = measure(workload, given.batch, given.runs)
    if given.memory:
        _say("leaving a million orders to rest")
        report["memory"] = resting_memory(given.accounts)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
