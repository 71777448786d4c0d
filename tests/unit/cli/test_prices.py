"""`wavetank prices`: what a file holds, and the same as a table."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from wavetank.cli.app import app
from wavetank.cli.price_summary import sparkline_of, summary_of
from wavetank.runtime.price_files import load_path
from wavetank.runtime.price_formats import load_paths
from wavetank.runtime.price_path import Series

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
T0 = 1_743_699_600 * SECOND_NS  # 2025-04-03T17:00:00Z


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    """Return three hours by the minute: 200 dollars, in the second hour down to 170; ten minutes are missing."""
    path = tmp_path / "SOLUSDT_1m.csv"
    rows = [
        f"{T0 // SECOND_NS + 60 * minute},{200 - max(0, min(minute - 60, 60)) / 2}"
        for minute in range(180)
        if not 150 < minute <= 160
    ]
    path.write_text("\n".join(["time,price", *rows]) + "\n")
    return path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["prices", *arguments])
    return result.exit_code, result.output


def shown(*arguments: str) -> dict[str, Any]:
    code, output = run(*arguments, "--json")
    assert code == 0, output
    document: dict[str, Any] = json.loads(output)
    return document


def test_what_a_file_holds_is_shown_by_numbers(ticks: Path) -> None:
    (series,) = shown("show", str(ticks))["series"]
    line, worst = series.pop("sparkline"), series.pop("worst_hour")
    assert series == {
        "symbol": "",
        "source": "",
        "format": "ticks",
        "points": 170,
        "first_ns": T0,
        "end_ns": T0 + 180 * MINUTE_NS,
        "first": "2025-04-03 17:00:00.000",
        "end": "2025-04-03 20:00:00.000",
        "cadence_ns": MINUTE_NS,
        "shortest_ns": MINUTE_NS,
        # A minute apart, ten minutes would be a hole; from the end of minute 150 to 161 it is eleven.
        "holes": [{"from_ns": T0 + 151 * MINUTE_NS, "to_ns": T0 + 161 * MINUTE_NS}],
        "longest_hole_ns": 10 * MINUTE_NS,
        "lowest_micros": 170_000_000,
        "highest_micros": 200_000_000,
        "widest_confidence_micros": None,
    }
    # The second hour falls most, but with an hour after it reaches into the hole. The last that does not is that from
    # minute 30, with the hour behind it up to minute 150: 200 − 30/2 = 185 dollars, −7.5 %.
    assert worst == {"from_ns": T0 + 30 * MINUTE_NS, "to_ns": T0 + 90 * MINUTE_NS, "move_e12": -75_000_000_000}
    # Sixty cells of three minutes: high in the first hour, low in the last, blank where the hole covers a whole cell.
    assert (line[0], line[19], line[45], line[-1]) == ("█", "█", "▁", "▁")
    assert [cell for cell, block in enumerate(line) if block == " "] == [51, 52]


def test_the_worst_hour_has_its_move(tmp_path: Path) -> None:
    path = tmp_path / "SOL.csv"
    rows = [f"{T0 // SECOND_NS + 60 * minute},{200 - max(0, min(minute - 60, 60)) / 2}" for minute in range(300)]
    path.write_text("\n".join(["time,price", *rows]) + "\n")
    summary = summary_of(load_path(path))
    assert (summary.worst_from_ns, summary.worst_to_ns) == (T0 + 60 * MINUTE_NS, T0 + 120 * MINUTE_NS)
    # 170/200 − 1 = −15 %.
    assert summary.worst_move_e12 == -150_000_000_000


def test_a_price_that_stands_still_is_a_flat_line(tmp_path: Path) -> None:
    path = tmp_path / "SOL.csv"
    path.write_text("time,price\n1743699600,5\n1743699601,5\n1743699602,5\n")
    assert sparkline_of(load_path(path), 4) == "▁▁▁▁"


def test_a_file_for_people_says_the_same(ticks: Path) -> None:
    code, output = run("show", str(ticks))
    assert code == 0
    for words in (
        "2025-04-03 17:00:00.000",
        "1m 00s usually",
        "1: 2025-04-03 19:31:00.000 for 10m 00s",
        "170.00 to 200.00",
    ):
        assert words in output


@pytest.mark.parametrize("name", ["sol.parquet", "sol.csv", "sol.csv.gz"])
def test_a_file_becomes_a_named_table_with_the_same_prices(ticks: Path, name: str) -> None:
    target = ticks.with_name(name)
    code, output = run("convert", str(ticks), str(target), "--symbol", "SOL", "--source", "spot")
    assert (code, "170 prices of SOL/spot" in output) == (0, True)
    before, after = load_path(ticks), load_paths(target)[Series("SOL", "spot")]
    assert after.times_ns.tolist() == before.times_ns.tolist()
    assert after.prices_micros.tolist() == before.prices_micros.tolist()


def test_a_part_of_a_series_is_cut_out(ticks: Path) -> None:
    table = ticks.with_name("two.csv")
    rows = [
        f"{T0 + step * MINUTE_NS},{price + step},{symbol}"
        for symbol, price in (("A", 100), ("B", 200))
        for step in range(9)
    ]
    table.write_text("\n".join(["time_ns,price_micros,symbol", *rows]) + "\n")
    target = ticks.with_name("part.csv")
    times = ("--from", "2025-04-03T17:02", "--until", "2025-04-03T17:05")
    document = shown("convert", str(table), str(target), "--symbol", "B", *times)
    assert [(series["symbol"], series["points"]) for series in document["series"]] == [("B", 3)]
    assert target.read_text() == "time_ns,price_micros,symbol\n" + "".join(
        f"{T0 + step * MINUTE_NS},{200 + step},B\n" for step in (2, 3, 4)
    )
    # Without a name both are taken.
    both = shown("convert", str(table), str(target), *times, "--force")
    assert [series["symbol"] for series in both["series"]] == ["A", "B"]


def test_a_bar_is_written_as_the_path_that_is_chosen(tmp_path: Path) -> None:
    bars = tmp_path / "BTC.csv"
    bars.write_text("timestamp,open,high,low,close,volume\n1743699600,5,9,1,4,0\n1743699660,4,4,4,4,0\n")
    target = tmp_path / "btc.csv"
    assert run("convert", str(bars), str(target), "--bars", "high_first")[0] == 0
    assert load_path(target).prices_micros.tolist()[:4] == [5_000_000, 9_000_000, 1_000_000, 4_000_000]


def test_what_cannot_be_done_is_refused_and_changes_nothing(ticks: Path) -> None:
    there = ticks.with_name("there.csv")
    there.write_text("mine")
    source = str(ticks)
    for arguments, words in (
        (("convert", source, str(there)), "is there already"),
        (("convert", source, str(ticks.with_name("sol.txt"))), "a name that ends in"),
        (("convert", source, str(ticks.with_name("sol.csv")), "--symbol", "two words"), "printable ASCII"),
        (("convert", source, str(ticks.with_name("sol.csv")), "--until", "2025-04-03T17:01"), "holds 1 times"),
        (("convert", str(there), str(ticks.with_name("sol.csv"))), "there.csv:1: columns are mine"),
        (("show", str(ticks.with_name("none.csv"))), "none.csv: cannot be read"),
    ):
        code, output = run(*arguments)
        assert (code, words in output) == (2, True), output
    assert there.read_text() == "mine"
    assert sorted(path.name for path in ticks.parent.iterdir()) == ["SOLUSDT_1m.csv", "there.csv"]


def test_a_series_that_is_not_there_is_refused(ticks: Path) -> None:
    table, target = ticks.with_name("sol.parquet"), ticks.with_name("other.parquet")
    assert run("convert", str(ticks), str(table), "--symbol", "SOL")[0] == 0
    code, output = run("convert", str(table), str(target), "--symbol", "BTC")
    assert (code, "holds no series named BTC" in output, "name one of SOL" in output) == (2, True, True)
    assert not target.exists()
