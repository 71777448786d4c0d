"""Files of prices are read exactly, and a bad one is refused with line, what was found and what is allowed."""

import gzip
from pathlib import Path

import pytest

from wavetank.model.reason import Reason
from wavetank.runtime.price_formats import (
    SECOND_NS,
    BarInconsistent,
    NotAPriceFile,
    PriceFileInvalid,
    PriceFormat,
    PriceNotPositive,
    TimesOutOfOrder,
    TimesRepeated,
    WrongColumns,
    load_path,
    points_of_bar,
    time_ns_of,
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
