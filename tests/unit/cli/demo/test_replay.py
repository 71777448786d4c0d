"""Files of prices: which is whose, which window, and every fault refused with a clear word before anything starts."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wavetank.cli.app import app
from wavetank.cli.demo.replay import choose_window, read_recordings, replay_plan, thinned_path, write_thinned
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.runtime.price_files import load_path

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
BEGIN_S = 1_700_000_000
BEGIN_NS = BEGIN_S * SECOND_NS
BEGIN = "2023-11-14T22:13:20"


def write_ticks(path: Path, prices: list[str], *, begin_s: int = BEGIN_S, step_s: int = 10) -> Path:
    rows = [f"{begin_s + step_s * position},{price}" for position, price in enumerate(prices)]
    path.write_text("\n".join(["time,price", *rows, ""]), encoding="ascii")
    return path


def steady(count: int, price: str = "50000") -> list[str]:
    return [price] * count


def test_a_file_belongs_to_the_instrument_its_name_begins_with(tmp_path: Path) -> None:
    btc = write_ticks(tmp_path / "BTCUSDT_1m.csv", steady(100))
    other = write_ticks(tmp_path / "prices.csv", steady(100, "3000"))
    found = read_recordings([f"{btc},ETH={other}"])
    assert [(recording.file.symbol, recording.file.path) for recording in found] == [("BTC", btc), ("ETH", other)]


def test_an_instrument_without_a_file_is_not_listed(tmp_path: Path) -> None:
    found = read_recordings([str(write_ticks(tmp_path / "BTCUSDT_1m.csv", steady(1_000)))])
    window = choose_window(found, None, None, allow_holes=False)
    plan = replay_plan(found, window, seed=1, allow_holes=False, directory=tmp_path / "run")
    assert json.loads(plan.settings["clearing"]["INSTRUMENTS"]) == ["BTC"]
    assert [instrument.symbol for instrument in plan.instruments] == ["BTC"]
    assert not plan.is_scripted


def test_the_lag_is_set_where_the_file_falls_most(tmp_path: Path) -> None:
    # 6,200 s in 10 s steps, replayed in 62 s: 100 venue seconds per second. The price falls by 5 % at 3,000 s.
    prices = [*steady(300), *steady(321, "47500")]
    found = read_recordings([str(write_ticks(tmp_path / "BTC.csv", prices))])
    window = choose_window(found, BEGIN_NS, BEGIN_NS + 6_200 * SECOND_NS, allow_holes=False)
    plan = replay_plan(found, window, seed=1, allow_holes=False, directory=tmp_path / "run")
    assert plan.speed_milli == 100_000
    assert plan.start_ns == BEGIN_NS  # The file begins there, so there is no lead.
    schedule = plan.schedule
    assert schedule.lag_on <= 30.0 <= schedule.lag_off
    assert plan.instruments[0].crash == Decimal("-0.05")
    assert plan.wall_seconds(plan.window_ns[1]) == pytest.approx(62.0)
    assert schedule.end == pytest.approx(62.0)


def test_the_venue_starts_before_the_window_where_the_file_reaches_back(tmp_path: Path) -> None:
    found = read_recordings([str(write_ticks(tmp_path / "BTC.csv", steady(2_000)))])
    from_ns = BEGIN_NS + 10_000 * SECOND_NS
    window = choose_window(found, from_ns, from_ns + 6_200 * SECOND_NS, allow_holes=False)
    plan = replay_plan(found, window, seed=1, allow_holes=False, directory=tmp_path / "run")
    # Nine seconds of the wall at 100 venue seconds per second.
    assert plan.start_ns == from_ns - 900 * SECOND_NS


def test_files_that_share_no_time_are_refused_with_each_ones_range(tmp_path: Path) -> None:
    early = write_ticks(tmp_path / "BTCUSDT.csv", steady(100))
    late = write_ticks(tmp_path / "ETHUSDT.csv", steady(100, "3000"), begin_s=BEGIN_S + 86_400)
    with pytest.raises(CommandFailed, match="share no time") as refused:
        choose_window(read_recordings([f"{early},{late}"]), None, None, allow_holes=False)
    assert "BTCUSDT.csv 2023-11-14T22:13:20Z" in refused.value.message
    assert "ETHUSDT.csv 2023-11-15T22:13:20Z" in refused.value.message
    assert refused.value.code is ExitCode.USAGE


FAULTS = {
    "disorder": ["time,price", f"{BEGIN_S + 10},1", f"{BEGIN_S},1"],
    "repeated": ["time,price", f"{BEGIN_S},1", f"{BEGIN_S},1"],
    "zero": ["time,price", f"{BEGIN_S},1", f"{BEGIN_S + 1},0"],
    "negative": ["time,price", f"{BEGIN_S},1", f"{BEGIN_S + 1},-5"],
    "columns": ["when,what", "1,2"],
}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("disorder", "PRICE_OUT_OF_ORDER"),
        ("repeated", "PRICE_OUT_OF_ORDER"),
        ("zero", "PRICE_NOT_POSITIVE"),
        ("negative", "PRICE_NOT_POSITIVE"),
        ("columns", "MALFORMED"),
    ],
)
def test_a_file_with_a_fault_is_refused_before_anything_starts(
    fault: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "BTC.csv").write_text("\n".join(FAULTS[fault]), encoding="ascii")
    result = CliRunner().invoke(app, ["demo", "--prices", "BTC.csv"])
    assert result.exit_code == 2
    assert reason in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["BTC.csv"]


def test_a_hole_in_the_window_is_refused_unless_it_is_allowed(tmp_path: Path) -> None:
    rows = [f"{BEGIN_S + 10 * position},50000" for position in range(800) if not 300 <= position < 400]
    (tmp_path / "BTC.csv").write_text("\n".join(["time,price", *rows, ""]), encoding="ascii")
    found = read_recordings([str(tmp_path / "BTC.csv")])
    end_ns = BEGIN_NS + 7_900 * SECOND_NS
    with pytest.raises(CommandFailed, match="no prices in 2023-11-14T23:03:20Z to 2023-11-14T23:20:00Z"):
        choose_window(found, BEGIN_NS, end_ns, allow_holes=False)
    assert choose_window(found, BEGIN_NS, end_ns, allow_holes=True).to_ns == end_ns


def test_a_window_that_the_file_does_not_cover_is_refused(tmp_path: Path) -> None:
    found = read_recordings([str(write_ticks(tmp_path / "BTC.csv", steady(100)))])
    with pytest.raises(CommandFailed, match="2023-11-14T22:13:20Z to 2023-11-14T22:30:00Z is allowed"):
        choose_window(found, BEGIN_NS - MINUTE_NS, None, allow_holes=False)
    with pytest.raises(CommandFailed, match="is allowed"):
        choose_window(found, BEGIN_NS + 5 * MINUTE_NS, BEGIN_NS + 4 * MINUTE_NS, allow_holes=False)


@pytest.mark.parametrize("argument", ["nowhere.csv", "DOGE=BTC.csv", "notes.csv"])
def test_what_belongs_to_no_instrument_is_refused(
    argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_ticks(tmp_path / "BTC.csv", steady(10))
    write_ticks(tmp_path / "notes.csv", steady(10))
    with pytest.raises(CommandFailed) as refused:
        read_recordings([argument])
    assert refused.value.code is ExitCode.USAGE


def test_a_window_without_files_is_wrong_usage() -> None:
    result = CliRunner().invoke(app, ["demo", "--from", BEGIN])
    assert result.exit_code == 2
    assert "--prices" in result.stderr


def test_a_capture_is_thinned_to_what_the_oracle_looks_at(tmp_path: Path) -> None:
    # 700 s of quotes, ten a second; the price is 50,000 and a cent more with each quote.
    lines = [
        f"{BEGIN_NS + position * 100_000_000} "
        + json.dumps(
            {
                "stream": "btcusdt@bookTicker",
                "data": {"b": f"{50_000 + position / 100:.2f}", "a": f"{50_000 + position / 100:.2f}"},
            }
        )
        for position in range(7_000)
    ]
    capture = tmp_path / "spot_btcusdt.gz"
    capture.write_text("\n".join(lines), encoding="ascii")
    found = read_recordings([str(capture)])
    window = choose_window(found, BEGIN_NS, BEGIN_NS + 620 * SECOND_NS, allow_holes=False)
    plan = replay_plan(found, window, seed=1, allow_holes=False, directory=tmp_path / "run")
    write_thinned(found, plan, tmp_path / "run", allow_holes=False)
    # Ten venue seconds per second, looked at twenty times a second: one quote in half a second.
    thin = load_path(thinned_path(found[0], tmp_path / "run"))
    assert thin.first_ns <= plan.start_ns
    assert thin.end_ns >= window.to_ns
    assert 1_240 <= len(thin.times_ns) <= 1_243
    assert json.loads(plan.settings["oracle"]["SOURCES"])["BTC"][0]["path"].endswith("run/BTC_index.csv")
    # Where it looks it sees what the capture holds, at most half a second old.
    time_ns = BEGIN_NS + 300 * SECOND_NS
    seen, held = thin.newest_by(time_ns), found[0].prices.newest_by(time_ns)
    assert seen is not None
    assert held is not None
    assert held[0] - seen[0] < SECOND_NS // 2
