"""Files of prices are read exactly, and a bad one is refused with line, what was found and what is allowed."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from wavetank.model.reason import Reason
from wavetank.runtime import price_formats
from wavetank.runtime.price_cells import time_ns_of
from wavetank.runtime.price_formats import BarPath, load_path, points_of_bar
from wavetank.runtime.price_path import (
    SECOND_NS,
    BarInconsistent,
    NotAPriceFile,
    PriceFileInvalid,
    PriceFormat,
    PriceNotPositive,
    TimesOutOfOrder,
    TimesRepeated,
    WrongColumns,
    cut_path,
)

BARS = "timestamp,open,high,low,close,volume\n"
TICKS = "time,price\n"
T0 = 1_743_699_900 * SECOND_NS  # 2025-04-03T17:05:00Z


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "BTCUSDT.csv"
    path.write_text(text)
    return path


def test_a_bar_becomes_open_nearer_extreme_other_extreme_close() -> None:
    # The high is 2 away from the open, the low 5.
    assert points_of_bar(100, 102, 95, 101) == (100, 102, 95, 101)
    assert points_of_bar(100, 109, 95, 101) == (100, 95, 109, 101)
    # As near: the low first.
    assert points_of_bar(100, 105, 95, 101) == (100, 95, 105, 101)


def test_bars_are_spread_over_their_length(tmp_path: Path) -> None:
    text = BARS + (
        "2025-04-03 17:05:00+00:00,81794.8,81998.1,81785.2,81804.9,317.956\n"
        "2025-04-03 17:10:00+00:00,81804.9,81898.3,81714.5,81800.3,128.285\n"
        "2025-04-03 17:15:00+00:00,81800.3,81900.0,81736.0,81814.0,215.208\n"
    )
    prices = load_path(written(tmp_path, text))
    assert prices.format is PriceFormat.BARS
    # 300 s / 4 = 75 s. The low is nearer to the first open (9.6 against 203.3).
    assert [int(time_ns) - T0 for time_ns in prices.times_ns[:5]] == [step * 75 * SECOND_NS for step in range(5)]
    assert [int(price) for price in prices.prices_micros[:5]] == [
        81_794_800_000,
        81_785_200_000,
        81_998_100_000,
        81_804_900_000,
        81_804_900_000,
    ]
    assert (prices.first_ns, prices.end_ns, prices.cadence_ns) == (T0, T0 + 900 * SECOND_NS, 75 * SECOND_NS)
    assert prices.limit_ns == 150 * SECOND_NS
    assert prices.holes == ()


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        # Open 100, high 101, low 90, close 95; then 95, 99, 94, 98. Sixty seconds long, in four steps.
        (BarPath.NEARER_FIRST, [(0, 100), (15, 101), (30, 90), (45, 95), (60, 95), (75, 94), (90, 99), (105, 98)]),
        (BarPath.LOW_FIRST, [(0, 100), (15, 90), (30, 101), (45, 95), (60, 95), (75, 94), (90, 99), (105, 98)]),
        (BarPath.HIGH_FIRST, [(0, 100), (15, 101), (30, 90), (45, 95), (60, 95), (75, 99), (90, 94), (105, 98)]),
        # A close is known when its bar ends.
        (BarPath.CLOSE, [(60, 95), (120, 98)]),
    ],
)
def test_a_bar_becomes_the_path_that_is_chosen(tmp_path: Path, bars: BarPath, expected: list[tuple[int, int]]) -> None:
    seconds = T0 // SECOND_NS
    path = written(tmp_path, BARS + f"{seconds},100,101,90,95,1\n{seconds + 60},95,99,94,98,1\n")
    prices = load_path(path, bars=bars)
    assert prices.times_ns.tolist() == [T0 + second * SECOND_NS for second, _ in expected]
    assert prices.prices_micros.tolist() == [price * 1_000_000 for _, price in expected]
    assert prices.end_ns == T0 + (180 if bars is BarPath.CLOSE else 120) * SECOND_NS
    assert prices.holes == ()


def test_missing_closes_are_a_hole_too(tmp_path: Path) -> None:
    rows = [f"{T0 // SECOND_NS + 60 * minute},1,1,1,1,1" for minute in (0, 1, 2, 6, 7)]
    prices = load_path(written(tmp_path, BARS + "\n".join(rows) + "\n"), bars=BarPath.CLOSE)
    # The close of minute 2 holds from 3 to 4; the next one is known at 7.
    assert prices.holes == ((T0 + 240 * SECOND_NS, T0 + 420 * SECOND_NS),)


def test_missing_bars_are_a_hole(tmp_path: Path) -> None:
    rows = [f"{T0 // SECOND_NS + 60 * minute},1,1,1,1,1" for minute in (0, 1, 2, 6, 7)]
    prices = load_path(written(tmp_path, BARS + "\n".join(rows) + "\n"))
    assert prices.holes == ((T0 + 180 * SECOND_NS, T0 + 360 * SECOND_NS),)


def test_rows_of_time_and_price_in_gzip(tmp_path: Path) -> None:
    path = tmp_path / "prices.bin"
    path.write_bytes(gzip.compress(b"time,price\n2025-04-03T17:05:00,0.1234565\n2025-04-03T17:05:01.5Z,0.1234575\n"))
    prices = load_path(path)
    assert prices.format is PriceFormat.TICKS
    # Millionths of a dollar, half to even: 123456.5 and 123457.5.
    assert [int(price) for price in prices.prices_micros] == [123_456, 123_458]
    assert [int(time_ns) - T0 for time_ns in prices.times_ns] == [0, 1_500_000_000]
    assert prices.newest_by(T0 - 1) is None
    assert prices.newest_by(T0 + SECOND_NS) == (T0, 123_456)
    assert prices.longest_gap_ns == 60 * SECOND_NS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-04-03 17:05:00", T0),
        ("2025-04-03T19:05:00+02:00", T0),
        ("1743699900", T0),
        ("1743699900000", T0),
        ("1743699900000000", T0),
        ("1743699900000000001", T0 + 1),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert time_ns_of(text) == expected


CAPTURE = (
    # Local time, 1,272 ms behind the exchange: 1723161254.000 against E = 1723161255.272.
    '1723161254000000000 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255272,"p":"1","q":"1"}}\n'
    '1723161254100000000 {"stream":"btcusdt@bookTicker","data":{"u":1,"b":"61837.63000000","a":"61837.64000000"}}\n'
    '1723161254150000000 {"lastUpdateId":5,"bids":[["1","1"]],"asks":[]}\n'
    '1723161254200000000 {"stream":"btcusdt@bookTicker","data":{"E":1723161255470,"b":"61837.60","a":"61837.70"}}\n'
    '1723161254300000000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255572}}\n'
    '1723161254400000000 {"stream":"btcusdt@bookTicker","data":{"u":2,"b":"61837.00","a":"61838.00"}}\n'
)


def test_a_capture_gives_mids_at_the_exchange_s_time(tmp_path: Path) -> None:
    prices = load_path(written(tmp_path, CAPTURE))
    assert prices.format is PriceFormat.CAPTURE
    # Offsets are 1,272, 1,270 and 1,272 ms: the median is 1,272. The second quote has its own event time.
    assert [int(time_ns) for time_ns in prices.times_ns] == [
        1_723_161_255_372_000_000,
        1_723_161_255_470_000_000,
        1_723_161_255_672_000_000,
    ]
    # 61,837.635; 61,837.65; 61,837.5.
    assert [int(price) for price in prices.prices_micros] == [61_837_635_000, 61_837_650_000, 61_837_500_000]


@pytest.mark.parametrize(
    ("text", "error", "line", "reason"),
    [
        ("", WrongColumns, 1, Reason.MALFORMED),
        ("open,high\n1,2\n", WrongColumns, 1, Reason.MALFORMED),
        (TICKS, NotAPriceFile, 0, Reason.MALFORMED),
        (TICKS + "1743699900,1\n", NotAPriceFile, 0, Reason.MALFORMED),
        (TICKS + "1743699900,1\n1743699901\n", WrongColumns, 3, Reason.MALFORMED),
        (TICKS + "1743699900,1\nlater,2\n", WrongColumns, 3, Reason.MALFORMED),
        (TICKS + "1743699900,1\n17436999,2\n", WrongColumns, 3, Reason.MALFORMED),
        (TICKS + "1743699900,one\n", WrongColumns, 2, Reason.MALFORMED),
        (TICKS + "1743699900,0\n", PriceNotPositive, 2, Reason.PRICE_NOT_POSITIVE),
        (TICKS + "1743699900,-1\n", PriceNotPositive, 2, Reason.PRICE_NOT_POSITIVE),
        (TICKS + "1743699900,nan\n", PriceNotPositive, 2, Reason.PRICE_NOT_POSITIVE),
        (TICKS + "1743699900,inf\n", PriceNotPositive, 2, Reason.PRICE_NOT_POSITIVE),
        (TICKS + "1743699900,0.0000001\n", PriceNotPositive, 2, Reason.PRICE_NOT_POSITIVE),
        (TICKS + "1743699900,1e30\n", PriceNotPositive, 2, Reason.PRICE_NOT_POSITIVE),
        (TICKS + "1743699901,1\n1743699900,2\n", TimesOutOfOrder, 3, Reason.PRICE_OUT_OF_ORDER),
        (TICKS + "1743699901,1\n1743699901,2\n", TimesRepeated, 3, Reason.PRICE_OUT_OF_ORDER),
        (BARS + "1743699900,2,1,1,2,0\n", BarInconsistent, 2, Reason.MALFORMED),
        (BARS + "1743699900,2,3,2.5,2,0\n", BarInconsistent, 2, Reason.MALFORMED),
        (BARS + "1743699900,2,3,1,NaN,0\n", PriceNotPositive, 2, Reason.PRICE_NOT_POSITIVE),
        (
            BARS + "".join(f"17436999{second},1,1,1,1,0\n" for second in ("00", "10", "20", "25")),
            BarInconsistent,
            5,
            Reason.MALFORMED,
        ),
        (CAPTURE + "1723161254000000000 {}\n", TimesOutOfOrder, 7, Reason.PRICE_OUT_OF_ORDER),
        (CAPTURE + "1723161255000000000 {\n", WrongColumns, 7, Reason.MALFORMED),
        (CAPTURE + "nonsense {}\n", WrongColumns, 7, Reason.MALFORMED),
        (CAPTURE.replace("61837.60", "0"), PriceNotPositive, 4, Reason.PRICE_NOT_POSITIVE),
        (CAPTURE.replace("bookTicker", "trade"), NotAPriceFile, 0, Reason.MALFORMED),
    ],
)
def test_a_bad_file_is_refused(
    tmp_path: Path, text: str, error: type[PriceFileInvalid], line: int, reason: Reason
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(error) as caught:
        load_path(path)
    assert (caught.value.path, caught.value.line, caught.value.reason) == (path, line, reason)
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert caught.value.found
    assert caught.value.allowed


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(b"time,price\n" * 100)[:-9])
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (cut, binary, tmp_path / "missing.csv", tmp_path):
        with pytest.raises(NotAPriceFile):
            load_path(path)


def test_a_file_with_too_many_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_formats, "MOST_ROWS", 2)
    ticks = written(tmp_path, TICKS + "1743699900,1\n1743699901,1\n1743699902,1\n")
    with pytest.raises(NotAPriceFile, match="more than 2 rows") as caught:
        load_path(ticks)
    assert caught.value.line == 4


@pytest.mark.parametrize(
    ("name", "hour", "low", "lowest_close"),
    [
        # 03:35: open 52,674.66, high 52,806.67, low 50,931.30, close 51,573.99.
        ("BTCUSDT_1m_2021", "2021-04-18T03:00", 50_931_300_000, 51_573_990_000),
        # 15:09: open 3,105.82, high 3,167.08, low 3,005.00, close 3,038.17.
        ("ETHUSDT_1m_2021", "2021-09-07T15:00", 3_005_000_000, 3_038_170_000),
    ],
)
def test_the_low_of_a_real_crash_is_reached_by_every_path_but_the_closes(
    market_data: Path, name: str, hour: str, low: int, lowest_close: int
) -> None:
    path = market_data / "price_paths" / f"{name}.csv.gz"
    from_ns = time_ns_of(hour)
    lowest = {
        bars: int(cut_path(load_path(path, bars=bars), from_ns, from_ns + 3_600 * SECOND_NS).prices_micros.min())
        for bars in BarPath
    }
    assert lowest == {
        BarPath.NEARER_FIRST: low,
        BarPath.LOW_FIRST: low,
        BarPath.HIGH_FIRST: low,
        BarPath.CLOSE: lowest_close,
    }


@pytest.mark.parametrize("name", ["spot_btcusdt", "spot_ethusdt", "usdm_btcusdt", "usdm_ethusdt"])
def test_real_captures_keep_what_happens_within_a_second(market_data: Path, name: str) -> None:
    path = market_data / "binance_l2_2024-08-08" / f"{name}_20240808.gz"
    lines = [line for line in gzip.decompress(path.read_bytes()).decode().splitlines() if "@bookTicker" in line]
    prices = load_path(path)
    # Every quote is there: of the spot market all, of perpetuals those of different milliseconds.
    events = {time[1] for time in (re.search(r'"E":(\d+)', line) for line in lines) if time}
    assert len(prices.times_ns) == len(events or lines)
    # Six minutes with more than forty quotes in a second of the mean; a lag of 250 ms is told from none.
    assert len(prices.times_ns) / ((prices.end_ns - prices.first_ns) / SECOND_NS) > 40
    now = prices.times_ns[len(prices.times_ns) // 2 :]
    lagged = np.searchsorted(prices.times_ns, now - SECOND_NS // 4, side="right") - 1
    assert (prices.prices_micros[lagged] != prices.prices_micros[len(prices.times_ns) // 2 :]).mean() > 0.2
