"""Files are given to instruments by name, and windows of time are found and checked."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from wavetank.model.reason import Reason
from wavetank.runtime.price_files import (
    HOUR_NS,
    BarPath,
    FileRole,
    HoleInWindow,
    NoCommonTime,
    PriceFile,
    UnknownSymbol,
    WindowOutsideFile,
    check_window,
    choose_files,
    common_range,
    load_file,
    load_path,
    replay_window,
    source_settings,
    symbol_of,
    worst_hour,
)
from wavetank.runtime.price_path import MINUTE_NS, PriceFormat, PricePath, Series

SYMBOLS = ("BTC", "ETH", "SOL")
T0 = 500_000 * HOUR_NS


def minutes(prices: list[int], first_minute: int = 0, missing: range = range(0)) -> PricePath:
    """Return a path with one price a minute."""
    kept = [minute for minute in range(len(prices)) if minute not in missing]
    return PricePath(
        path=Path("made.csv"),
        format=PriceFormat.TICKS,
        times_ns=np.asarray([T0 + (first_minute + minute) * MINUTE_NS for minute in kept], dtype=np.int64),
        prices_micros=np.asarray([prices[minute] for minute in kept], dtype=np.int64),
        cadence_ns=MINUTE_NS,
        longest_gap_ns=MINUTE_NS,
    )


TABLE = "time_ns,price_micros,symbol,source\n" + "".join(
    f"{T0 + step},{price + step},{symbol},{source}\n"
    for symbol, source, price in (
        ("BTCUSDT", "one", 100),
        ("BTCUSDT", "two", 200),
        ("BTCUSDT", "perp", 300),
        ("ETH", "one", 400),
        ("DOGE", "one", 500),
    )
    for step in (0, 1)
)


def test_the_series_of_a_table_belong_to_the_instruments_they_name(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(TABLE)
    files = choose_files([str(path)], SYMBOLS)
    assert files == [
        PriceFile("BTC", path, FileRole.INDEX, Series("BTCUSDT", "one")),
        PriceFile("BTC", path, FileRole.INDEX, Series("BTCUSDT", "two")),
        PriceFile("BTC", path, FileRole.PERP, Series("BTCUSDT", "perp")),
        PriceFile("ETH", path, FileRole.INDEX, Series("ETH", "one")),
    ]
    assert [int(load_file(file).prices_micros[0]) for file in files] == [100, 200, 300, 400]
    assert choose_files([f"ETH={path}"], SYMBOLS) == [files[3]]
    assert choose_files([str(tmp_path)], SYMBOLS) == files
    with pytest.raises(UnknownSymbol, match="names none"):
        choose_files([str(path)], ("SOL",))
    # A second file of an instrument is refused, whatever its series are named.
    other = tmp_path / "ETHUSDT.csv"
    other.write_text(TABLE)
    with pytest.raises(UnknownSymbol, match="is the second index file of ETH"):
        choose_files([f"ETH={path}", f"ETH={other}"], SYMBOLS)


def test_a_recording_of_lobster_is_one_file_under_either_name(tmp_path: Path) -> None:
    names = [f"BTC_2012-06-21_34200000_57600000_{kind}_1.csv" for kind in ("message", "orderbook")]
    for name in names:
        (tmp_path / name).write_text("")
    expected = [PriceFile("BTC", tmp_path / names[1])]
    assert choose_files([str(tmp_path)], SYMBOLS) == expected
    assert choose_files([str(tmp_path / name) for name in names], SYMBOLS) == expected


def test_what_the_oracle_is_told_of_a_file_names_what_is_not_the_default() -> None:
    file = PriceFile("BTC", Path("/made.parquet"), FileRole.PERP, Series("BTCUSDT", "perp"))
    assert source_settings(file, bars=BarPath.LOW_FIRST) == {
        "kind": "file",
        "path": "/made.parquet",
        "role": "perp",
        "symbol": "BTCUSDT",
        "source": "perp",
        "bars": "low_first",
    }


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT_5m.csv.gz", "BTC"),
        ("btc-perp-20211231_1m.csv.gz", "BTC"),
        ("SOL.csv", "SOL"),
        ("ETHUSDC.csv", "ETH"),
        ("spot_ethusdt_20240808.gz", "ETH"),
        ("usdm_btcusdt_20240808.gz", "BTC"),
        ("SOLVUSDT.csv", None),
        ("XRPUSDT_5m.csv.gz", None),
        ("notes.csv", None),
    ],
)
def test_a_file_belongs_to_the_instrument_its_name_begins_with(name: str, symbol: str | None) -> None:
    assert symbol_of(name, SYMBOLS) == symbol


def test_files_are_chosen_from_paths_directories_and_names(tmp_path: Path) -> None:
    names = ("spot_btcusdt.gz", "usdm_btcusdt.gz", "cm_btcusd_perp.gz", "XRPUSDT.csv", "README.md", "usdm_ethusdt.gz")
    for name in names:
        (tmp_path / name).write_text("")
    other = tmp_path / "other"
    other.mkdir()
    odd = other / "odd.csv"
    odd.write_text("")
    # The perpetual of an instrument without an index is of no use.
    assert choose_files([str(tmp_path), f"SOL={odd}"], SYMBOLS) == [
        PriceFile("BTC", tmp_path / "spot_btcusdt.gz", FileRole.INDEX),
        PriceFile("BTC", tmp_path / "usdm_btcusdt.gz", FileRole.PERP),
        PriceFile("SOL", odd, FileRole.INDEX),
    ]


@pytest.mark.parametrize(
    "arguments",
    [["{0}/odd.csv"], ["{0}/missing.csv"], ["DOGE={0}/odd.csv"], ["{0}/BTC.csv", "BTC={0}/odd.csv"], ["{0}/empty"], []],
)
def test_files_that_fit_nothing_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "odd.csv").write_text("")
    (tmp_path / "BTC.csv").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnknownSymbol) as caught:
        choose_files([argument.format(tmp_path) for argument in arguments], SYMBOLS)
    assert caught.value.reason is Reason.INSTRUMENT_UNKNOWN


def test_the_common_range_is_what_all_files_cover() -> None:
    assert common_range([minutes([1] * 100), minutes([1] * 100, first_minute=30)]) == (
        T0 + 30 * MINUTE_NS,
        T0 + 100 * MINUTE_NS,
    )


def test_files_that_share_no_time_are_refused_with_their_ranges() -> None:
    with pytest.raises(NoCommonTime) as caught:
        common_range([minutes([1] * 10), minutes([1] * 10, first_minute=10)])
    # T0 is 500,000 hours after 1970: 20,833 days and 8 hours.
    assert "2027-01-15T08:00:00Z to 2027-01-15T08:10:00Z" in str(caught.value)
    assert "2027-01-15T08:10:00Z to 2027-01-15T08:20:00Z" in str(caught.value)


def test_the_worst_hour_is_that_of_the_largest_fall() -> None:
    # 1,000 until minute 200, a fall to 900 by minute 230, a rise to 1,200 (33 %) from minute 400 on.
    prices = [1_000] * 200 + [1_000 - 3 * step for step in range(30)] + [900] * 170 + [1_200] * 200
    start_ns, end_ns = worst_hour([minutes(prices)])
    # The first hour that begins at 1,000 and ends at 900 ends with minute 230.
    assert (start_ns - T0) // MINUTE_NS == 170
    assert end_ns - start_ns == HOUR_NS
    assert replay_window([minutes(prices)]) == (T0 + 140 * MINUTE_NS, T0 + 290 * MINUTE_NS)


def test_prices_that_never_fall_have_a_largest_rise() -> None:
    prices = [1_000] * 300 + [1_100] * 300
    assert (worst_hour([minutes(prices)])[0] - T0) // MINUTE_NS == 240


def test_an_hour_with_a_hole_around_it_is_not_chosen() -> None:
    fall = [1_000] * 200 + [800] * 200 + [790] * 400
    assert (worst_hour([minutes(fall)])[0] - T0) // MINUTE_NS == 140
    holed = minutes(fall, missing=range(150, 155))
    start_minute = (worst_hour([holed])[0] - T0) // MINUTE_NS
    # Half an hour before minute 185 is the end of the hole.
    assert start_minute == 185
    check_window(holed, *replay_window([holed]))


def test_less_than_an_hour_is_taken_whole() -> None:
    assert replay_window([minutes([5] * 20)]) == (T0, T0 + 20 * MINUTE_NS)


def test_windows_are_checked_against_range_and_holes() -> None:
    path = minutes([1] * 100, missing=range(40, 50))
    check_window(path, T0, T0 + 40 * MINUTE_NS)
    check_window(path, T0 + 50 * MINUTE_NS, T0 + 100 * MINUTE_NS)
    check_window(path, T0, T0 + 100 * MINUTE_NS, allow_holes=True)
    with pytest.raises(HoleInWindow, match="2027-01-15T08:40:00Z to 2027-01-15T08:50:00Z"):
        check_window(path, T0, T0 + 41 * MINUTE_NS)
    for wrong in ((T0 - 1, T0 + MINUTE_NS), (T0, T0 + 100 * MINUTE_NS + 1), (T0 + 5, T0 + 5)):
        with pytest.raises(WindowOutsideFile) as caught:
            check_window(path, *wrong, allow_holes=True)
        assert caught.value.reason is Reason.PRICE_STALE


def test_real_files_hold_what_their_notes_say(market_data: Path) -> None:
    folder = market_data / "price_paths"
    if not folder.is_dir():
        pytest.skip(f"price paths are not on this machine: {folder} is missing")
    bitcoin = load_path(folder / "BTCUSDT_1m_2021.csv.gz")
    # Two holes, 04-20 01:59 → 04:30 and 04-25 04:00 → 08:45: from the end of the last bar to the next.
    assert [(to_ns - from_ns) // MINUTE_NS for from_ns, to_ns in bitcoin.holes] == [150, 284]
    assert len(bitcoin.times_ns) == 200_000
    start_ns, _ = worst_hour([bitcoin])
    # 2021-04-18 03:35 and the hour before it.
    assert abs(start_ns - 1_618_713_300 * 1_000_000_000) <= 2 * MINUTE_NS
    ether = load_path(folder / "ETHUSDT_1m_2021.csv.gz")
    with pytest.raises(NoCommonTime):
        common_range([bitcoin, ether])


def test_real_captures_are_read_on_the_exchange_s_clock(market_data: Path) -> None:
    folder = market_data / "binance_l2_2024-08-08"
    if not folder.is_dir():
        pytest.skip(f"captures are not on this machine: {folder} is missing")
    files = choose_files([str(folder)], SYMBOLS)
    assert [(file.symbol, file.role) for file in files] == [
        ("BTC", FileRole.INDEX),
        ("BTC", FileRole.PERP),
        ("ETH", FileRole.INDEX),
        ("ETH", FileRole.PERP),
    ]
    ether = load_path(files[2].path)
    # The first quote: local 1723161254.024619568 without an event time, moved by 1.2724 s.
    assert abs(ether.first_ns - 1_723_161_255_297_000_000) < 2_000_000
    assert int(ether.prices_micros[0]) == 2_683_805_000
    assert ether.holes == ()


def test_a_refusal_of_a_file_travels_between_processes() -> None:
    refused = UnknownSymbol(Path("day.csv"), 3, "DOGE", "BTC is allowed")
    again = pickle.loads(pickle.dumps(refused))  # noqa: S301 - our own.
    assert (type(again), str(again)) == (UnknownSymbol, "day.csv:3: DOGE; BTC is allowed")
    assert (again.path, again.line, again.found, again.allowed) == (Path("day.csv"), 3, "DOGE", "BTC is allowed")
