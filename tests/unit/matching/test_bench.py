"""The measuring runs the workload that it says it runs: what it counts is what a person counts."""

import gzip
import struct
from pathlib import Path

import pytest

from wavetank.matching import bench, stopwatch
from wavetank.matching.core import commands

ADD, CANCEL, IOC = 0, 1, 2
BUY, SELL = 0, 1
# Two opening orders, then seven operations.
OPERATIONS = [
    (ADD, BUY, 10, 99_990, 1),
    (ADD, SELL, 10, 100_010, 2),
    (ADD, SELL, 4, 99_990, 3),  # Sells 4 to order 1, of which 6 remain.
    (ADD, BUY, 5, 99_980, 4),
    (CANCEL, BUY, 0, 0, 4),
    (IOC, BUY, 12, 100_020, 5),  # Buys the 10 of order 2; 2 are cancelled.
    (ADD, SELL, 7, 99_990, 6),  # Sells 6 to order 1; 1 rests.
    (ADD, BUY, 3, 99_970, 7),
    (IOC, SELL, 1, 99_999, 8),  # Meets nothing at or above 99,999.
]


def write(path: Path) -> Path:
    data = b"".join(
        struct.pack("<BBHIqII", kind, side, 0, lots, price, identity, 0)
        for kind, side, lots, price, identity in OPERATIONS
    )
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["small.bin", "small.bin.gz"])
@pytest.mark.parametrize("accounts", [1, 3])
def test_it_counts_what_a_person_counts(tmp_path: Path, name: str, accounts: int) -> None:
    workload = bench.read_workload(write(tmp_path / name), opening=2, accounts=accounts)
    report = bench.measure(workload, batch=3, runs=2)
    # 4 at 99,990, 10 at 100,010, 6 at 99,990; orders 6 and 7 rest.
    assert report["trades"] == 3
    assert report["volume"] == 20
    assert report["price_qty"] == 10 * 99_990 + 10 * 100_010
    assert report["resting"] == 2
    assert (report["operations"], report["opening"], report["batch"]) == (7, 2, 3)
    assert report["accounts"] == 2 * accounts
    assert report["ops_per_s"] > 0
    assert {kind: sorted(times) for kind, times in report["latency_ns"].items()} == {
        "place": ["p50", "p99", "p999"],
        "cancel": ["p50", "p99", "p999"],
        "ioc": ["p50", "p99", "p999"],
    }


def test_every_cancel_finds_its_order(tmp_path: Path) -> None:
    workload = bench.read_workload(write(tmp_path / "small.bin"), opening=0, accounts=2)
    engine = bench.open_engine(2)
    engine.apply_commands(2, workload.packed.tobytes(), len(workload.packed))
    reasons = [result.reason for result in commands.unpack_results(engine.results)]
    assert reasons == [0] * 9


def test_timed_singly_the_commands_do_the_same(tmp_path: Path) -> None:
    workload = bench.read_workload(write(tmp_path / "small.bin"), opening=0, accounts=2)
    data = workload.packed.tobytes()
    whole, single = bench.open_engine(2), bench.open_engine(2)
    whole.apply_commands(2, data, 9)
    assert len(stopwatch.time_commands(single, 2, data, 9)) == 9 * 8
    assert single.state_hash() == whole.state_hash()
    with pytest.raises(ValueError, match="are not 8 commands"):
        stopwatch.time_commands(single, 2, data, 8)


@pytest.mark.parametrize(
    ("data", "opening"),
    [
        (b"", 0),
        (b"\0" * 23, 0),
        (struct.pack("<BBHIqII", 3, 0, 0, 1, 1, 1, 0), 0),
        (struct.pack("<BBHIqII", 0, 2, 0, 1, 1, 1, 0), 0),
        (struct.pack("<BBHIqII", 1, 0, 0, 1, 1, 1, 0), 0),
        (struct.pack("<BBHIqII", 0, 0, 0, 1, 1, 1, 0), 1),
    ],
)
def test_what_is_no_workload_is_refused(tmp_path: Path, data: bytes, opening: int) -> None:
    path = tmp_path / "workload"
    path.write_bytes(data)
    with pytest.raises(bench.WorkloadUnfit):
        bench.read_workload(path, opening=opening, accounts=1)


def test_the_book_operations_end_as_stated(market_data: Path) -> None:
    path = market_data / "workloads" / "book_ops_v1.bin.gz"
    workload = bench.read_workload(path, opening=10_000, accounts=1_000)
    counted = bench.counted(workload)
    memory = counted.pop("bytes_per_order")
    assert counted == {"trades": 296_571, "volume": 7_579_734, "price_qty": 757_813_035_842, "resting": 10_220}
    assert memory <= 160
