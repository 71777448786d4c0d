"""The venue's own tables of prices: what is written is read back, and a wrong cell is refused with its row."""

import gzip
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from tests.architecture.tree import ROOT
from wavetank.model.reason import Reason
from wavetank.runtime import price_tables, price_texts
from wavetank.runtime.price_formats import load_path, load_paths, named_series
from wavetank.runtime.price_path import (
    ONLY,
    SECOND_NS,
    NotAPriceFile,
    PriceFileInvalid,
    PriceFormat,
    PriceNotPositive,
    Series,
    SeriesUnknown,
    TimesOutOfOrder,
    TimesRepeated,
    WrongColumns,
    checked_path,
    cut_path,
)
from wavetank.runtime.price_tables import write_table

T0 = 1_743_699_900 * SECOND_NS  # 2025-04-03T17:05:00Z
HEADER = "time_ns,price_micros,confidence_micros,symbol,source\n"
ROWS = (
    f"{T0},60000000000,5000000,BTC,one\n"
    f"{T0},2500000000,,ETH,one\n"
    f"{T0 + 1},60000000001,0,BTC,one\n"
    f"{T0 - 7},60000000002,1,BTC,two\n"
    f"{T0 + 1},2500000001,3,ETH,one\n"
    f"{T0 + 9},60000000003,2,BTC,two\n"
)


def written(tmp_path: Path, text: str, name: str = "prices.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def parquet(tmp_path: Path, columns: dict[str, Any]) -> Path:
    path = tmp_path / "prices.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path


def test_one_file_holds_many_instruments_and_sources(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)
    recordings = load_paths(path)
    assert named_series(path) == list(recordings) == [Series("BTC", "one"), Series("BTC", "two"), Series("ETH", "one")]
    first = recordings["BTC", "one"]  # type: ignore[index] # A series is the pair of its names.
    assert first.format is PriceFormat.TABLE
    assert first.times_ns.tolist() == [T0, T0 + 1]
    assert first.prices_micros.tolist() == [60_000_000_000, 60_000_000_001]
    assert first.confidences_micros is not None
    assert first.confidences_micros.tolist() == [5_000_000, 0]
    # An empty cell says nothing about confidence, which is 0.
    ether = load_path(path, series=Series("ETH"))
    assert ether.confidences_micros is not None
    assert ether.confidences_micros.tolist() == [0, 3]


def test_a_series_must_be_named_unless_there_is_one(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)
    assert load_path(path, series=Series("BTC", "two")).times_ns.tolist() == [T0 - 7, T0 + 9]
    for wanted in (ONLY, Series("BTC"), Series("DOGE"), Series(source="one")):
        with pytest.raises(SeriesUnknown, match="name one of BTC/one, BTC/two, ETH/one") as caught:
            load_path(path, series=wanted)
        assert caught.value.reason is Reason.INSTRUMENT_UNKNOWN
    # A file that names nothing holds whatever is wanted.
    nameless = written(tmp_path, f"time_ns,price_micros\n{T0},5\n{T0 + 1},6\n", "nameless.csv")
    assert load_path(nameless, series=Series("BTC", "two")).prices_micros.tolist() == [5, 6]
    assert named_series(nameless) == []


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("time_ns,price_micros", (f"{T0},123456", f"{T0 + SECOND_NS},123458")),
        ("price_micros,time", ("123456,2025-04-03T17:05:00", "123458,2025-04-03T19:05:01+02:00")),
        # Half to even, from the digits.
        ("time,price,source", ("1743699900,0.1234565,x", "1743699901000,0.1234575,x")),
        ("Price , Time_ns", (f"0.123456,{T0}", f"0.123458,{T0 + SECOND_NS}")),
    ],
)
def test_time_and_price_come_in_two_forms_each(tmp_path: Path, columns: str, cells: tuple[str, str]) -> None:
    path = tmp_path / "prices.csv.gz"
    path.write_bytes(gzip.compress("\n".join([columns, *cells, ""]).encode()))
    prices = load_path(path)
    assert prices.times_ns.tolist() == [T0, T0 + SECOND_NS]
    assert prices.prices_micros.tolist() == [123_456, 123_458]
    assert prices.confidences_micros is None


@pytest.mark.parametrize(
    "columns",
    [
        {"time_ns": [T0, T0 + SECOND_NS], "price_micros": [61_837_635_000, 61_837_640_000]},
        {"time_ns": pl.Series([T0, T0 + SECOND_NS], dtype=pl.UInt64), "price": [61837.635, 61837.64]},
        {
            "time": pl.Series([T0 // 1_000_000, T0 // 1_000_000 + 1_000]).cast(pl.Datetime("ms")),
            "price": [Decimal("61837.635"), Decimal("61837.640")],
        },
        {
            "time": [datetime(2025, 4, 3, 17, 5, second, tzinfo=UTC) for second in (0, 1)],
            "price": ["61837.635", "61837.64"],
            "symbol": pl.Series(["BTC", "BTC"], dtype=pl.Categorical),
        },
    ],
)
def test_parquet_columns_may_have_several_types(tmp_path: Path, columns: dict[str, Any]) -> None:
    prices = load_path(parquet(tmp_path, columns))
    assert prices.times_ns.tolist() == [T0, T0 + SECOND_NS]
    assert prices.prices_micros.tolist() == [61_837_635_000, 61_837_640_000]


recordings = st.dictionaries(
    st.builds(Series, st.sampled_from(["BTC", "ETH", "a!~"]), st.sampled_from(["x", "16-characters-ok"])),
    st.tuples(
        st.lists(st.integers(0, 2**63 - 1), min_size=2, max_size=9, unique=True).map(sorted),
        st.lists(st.tuples(st.integers(1, 10**15), st.integers(0, 10**15)), min_size=9, max_size=9),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(recordings, st.sampled_from(["prices.parquet", "prices.csv", "prices.csv.gz"]))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[Series, tuple[Any, Any, bool]], name: str
) -> None:
    path = tmp_path_factory.mktemp("tables") / name
    write_table(
        path,
        {
            series: checked_path(
                path,
                PriceFormat.TICKS,
                times_ns,
                [price for price, _ in values[: len(times_ns)]],
                confidences_micros=np.asarray([sure for _, sure in values[: len(times_ns)]]) if is_sure else None,
            )
            for series, (times_ns, values, is_sure) in drawn.items()
        },
    )
    found = load_paths(path)
    assert found.keys() == drawn.keys()
    for series, (times_ns, values, is_sure) in drawn.items():
        assert found[series].times_ns.tolist() == times_ns
        assert found[series].prices_micros.tolist() == [price for price, _ in values[: len(times_ns)]]
        sure = found[series].confidences_micros
        if any(is_sure for _, _, is_sure in drawn.values()):
            assert sure is not None
            assert sure.tolist() == [sure if is_sure else 0 for _, sure in values[: len(times_ns)]]
        else:
            assert sure is None
    assert os.listdir(path.parent) == [name]  # noqa: PTH208 - nothing else is left behind.


@pytest.mark.parametrize(
    ("text", "error", "line", "found"),
    [
        ("time_ns,price_micros,venue\n", WrongColumns, 1, "time_ns,price_micros,venue"),
        ("time_ns,time,price_micros\n", WrongColumns, 1, "time_ns,time,price_micros"),
        ("time_ns,symbol\n", WrongColumns, 1, "time_ns,symbol"),
        ("time_ns,price,price_micros\n", WrongColumns, 1, "price,price_micros"),
        ("time_ns,price_micros,source,source\n", WrongColumns, 1, "source,source"),
        (HEADER, NotAPriceFile, 0, "no rows"),
        (HEADER + f"{T0},1,1,BTC,a\n", NotAPriceFile, 0, "1 times"),
        (HEADER + ROWS + f"{T0 + 2},1,1,BTC,one,more\n", WrongColumns, 8, "cannot be read"),
        (HEADER + ROWS + f"{T0 + 2},1,1,BTC\n", WrongColumns, 8, "source is None"),
        (HEADER + ROWS + f"{T0 + 2},1,1,BITCOIN-PERPETUAL,one\n", WrongColumns, 8, "BITCOIN-PERPETUAL"),
        (HEADER + ROWS + f"{T0 + 2},1,1,B C,one\n", WrongColumns, 8, "'B C'"),
        (HEADER + ROWS + f"{T0 + 1},1,1,BTC,one\n", TimesRepeated, 8, f"{T0 + 1} of BTC/one"),
        (HEADER + ROWS + f"{T0 - 9},1,1,BTC,one\n", TimesOutOfOrder, 8, f"{T0 - 9} of BTC/one"),
        (HEADER + ROWS + "soon,1,1,BTC,one\n", WrongColumns, 8, "'soon'"),
        (HEADER + ROWS + "-1,1,1,BTC,three\n", WrongColumns, 8, "time_ns is '-1'"),
        (HEADER + ROWS + f"{2**63},1,1,BTC,one\n", WrongColumns, 8, str(2**63)),
        (HEADER + ROWS + f"{T0 + 2},1.5,1,BTC,one\n", WrongColumns, 8, "'1.5'"),
        (HEADER + ROWS + f"{T0 + 2},,1,BTC,one\n", WrongColumns, 8, "price_micros is None"),
        (HEADER + ROWS + f"{T0 + 2},0,1,BTC,one\n", PriceNotPositive, 8, "price_micros is '0'"),
        (HEADER + ROWS + f"{T0 + 2},{10**15 + 1},1,BTC,one\n", PriceNotPositive, 8, str(10**15 + 1)),
        (HEADER + ROWS + f"{T0 + 2},1,-1,BTC,one\n", WrongColumns, 8, "confidence_micros is '-1'"),
        (HEADER + ROWS + "\n", WrongColumns, 8, "time_ns is None"),
        ("time,price,symbol\nnoon,1,BTC\n", WrongColumns, 2, "'noon'"),
        ("time,price,symbol\n1743699900,,BTC\n", WrongColumns, 2, "price is ''"),
        ("time,price,symbol\n1743699900,-5,BTC\n", PriceNotPositive, 2, "-5"),
    ],
)
def test_a_bad_table_in_csv_is_refused(
    tmp_path: Path, text: str, error: type[PriceFileInvalid], line: int, found: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(error) as caught:
        load_path(path)
    assert (caught.value.path, caught.value.line) == (path, line)
    assert found in caught.value.found
    assert caught.value.allowed


@pytest.mark.parametrize(
    ("columns", "error", "row", "found"),
    [
        ({"time_ns": [1, 2], "price": [1.0, 2.0], "volume": [1, 2]}, WrongColumns, 0, "volume"),
        ({"time_ns": [1.0, 2.0], "price": [1.0, 2.0]}, WrongColumns, 0, "time_ns is Float64"),
        ({"time": [1, 2], "price": [1.0, 2.0]}, WrongColumns, 0, "time is Int64"),
        ({"time_ns": [1, 2], "price": pl.Series([1, 2], dtype=pl.Float32)}, WrongColumns, 0, "price is Float32"),
        ({"time_ns": [1, 2], "price_micros": [1, 2], "symbol": [7, 7]}, WrongColumns, 0, "symbol is Int64"),
        ({"time_ns": [1, None], "price_micros": [1, 2]}, WrongColumns, 2, "time_ns is None"),
        ({"time_ns": [1, 2], "price": [1.0, None]}, PriceNotPositive, 2, "price is None"),
        ({"time_ns": [1, 2], "price": [1.0, float("nan")]}, PriceNotPositive, 2, "price is nan"),
        ({"time_ns": [1, 2], "price": [1.0, float("inf")]}, PriceNotPositive, 2, "price is inf"),
        ({"time_ns": [1, 2], "price": [1.0, 4e-7]}, PriceNotPositive, 2, "price is 4e-07"),
        ({"time_ns": [1, 2], "price_micros": [1, 2], "symbol": ["B", None]}, WrongColumns, 2, "symbol is None"),
        ({"time_ns": [2, 2], "price_micros": [1, 2]}, TimesRepeated, 2, "time 2 of the only one"),
        ({"time_ns": [], "price_micros": []}, NotAPriceFile, 0, "no rows"),
    ],
)
def test_a_bad_table_in_parquet_is_refused(
    tmp_path: Path, columns: dict[str, Any], error: type[PriceFileInvalid], row: int, found: str
) -> None:
    path = parquet(tmp_path, columns)
    with pytest.raises(error) as caught:
        load_path(path)
    assert (caught.value.path, caught.value.line) == (path, row)
    assert found in caught.value.found


def test_what_is_cut_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = parquet(tmp_path, {"time_ns": [1, 2, 3], "price_micros": [1, 2, 3]})
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole.read_bytes()[:-9])
    with pytest.raises(NotAPriceFile, match="cannot be read"):
        load_path(cut)
    text = written(tmp_path, "time_ns,price_micros\n1,1\n2,2\n3,3\n")
    monkeypatch.setattr(price_tables, "MOST_ROWS", 2)
    for path in (whole, text):
        with pytest.raises(NotAPriceFile, match="holds 3 rows; up to 2 are allowed"):
            load_path(path)
    monkeypatch.setattr(price_texts, "LARGEST_TEXT_BYTES", 20)
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(text.read_bytes()))
    with pytest.raises(NotAPriceFile, match="more than 20 bytes of text"):
        load_path(packed)
    monkeypatch.setattr(price_texts, "LARGEST_FILE_BYTES", 30)
    with pytest.raises(NotAPriceFile, match="up to 30 bytes are allowed"):
        load_path(text)


def test_names_that_no_table_may_hold_are_not_written(tmp_path: Path) -> None:
    prices = checked_path(tmp_path, PriceFormat.TICKS, [1, 2], [1, 2])
    for path, named in (
        (tmp_path / "prices.txt", {ONLY: prices}),
        (tmp_path / "prices.csv", {Series("two words"): prices}),
        (tmp_path / "prices.csv", {Series("BTC"): prices, Series("BTC", "x"): prices}),
        (tmp_path / "none" / "prices.csv", {ONLY: prices}),
        (tmp_path / "none" / "prices.parquet", {ONLY: prices}),
    ):
        with pytest.raises(PriceFileInvalid):
            write_table(path, named)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    prices = checked_path(tmp_path, PriceFormat.TICKS, [1, 2], [1, 2])
    folder = tmp_path / "prices.csv"
    folder.mkdir()
    with pytest.raises(NotAPriceFile, match="cannot be written"):
        write_table(folder, {ONLY: prices})
    assert list(tmp_path.iterdir()) == [folder]


def test_a_part_of_the_time_keeps_its_confidences(tmp_path: Path) -> None:
    path = written(tmp_path, "time_ns,price_micros,confidence_micros\n1,10,5\n2,11,6\n3,12,7\n4,13,8\n")
    part = cut_path(load_path(path), 2, 4)
    assert part.confidences_micros is not None
    assert (part.times_ns.tolist(), part.prices_micros.tolist()) == ([2, 3], [11, 12])
    assert part.confidences_micros.tolist() == [6, 7]


def test_the_example_of_the_documentation_is_a_table(tmp_path: Path) -> None:
    page = (ROOT / "services/wavetank/oracle/README.md").read_text(encoding="utf-8")
    example = page.partition("```csv\n")[2].partition("```")[0]
    found = load_paths(written(tmp_path, example))
    assert {series: path.prices_micros.tolist() for series, path in found.items()} == {
        Series("BTC", "perp"): [60_012_500_000, 60_013_000_000],
        Series("BTC", "spot"): [60_000_000_000, 60_001_000_000],
        Series("ETH", "spot"): [2_500_010_000, 2_499_980_000],
    }
