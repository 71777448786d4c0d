"""What `--prices`, `--seed` and `--instruments` mean to oracle and clearing."""

import json
from pathlib import Path

import pytest

from wavetank.cli.failure import CommandFailed
from wavetank.cli.price_options import merged, price_choice, setting_choice
from wavetank.runtime.price_files import BarPath

HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000
FIRST_NS = 1_700_000_000_000_000_000 // MINUTE_NS * MINUTE_NS


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """Return three hours of SOL by the minute; the second hour falls."""
    path = tmp_path / "SOLUSDT_1m.csv"
    seconds = FIRST_NS // 1_000_000_000
    rows = [f"{seconds + 60 * minute},{200 - max(0, min(minute - 60, 60)) / 2}" for minute in range(180)]
    path.write_text("\n".join(["time,price", *rows]) + "\n")
    return path


def test_a_seed_draws_every_instrument_from_one_market() -> None:
    choice = price_choice(seed=11)
    sources = json.loads(choice.settings["oracle"]["SOURCES"])
    assert {symbol: [source["seed"] for source in items] for symbol, items in sources.items()} == {
        "BTC": [11],
        "ETH": [11],
        "SOL": [11],
    }
    assert choice.first_ns is None


def test_nothing_given_leaves_the_services_their_defaults() -> None:
    assert price_choice().settings == {}


def test_an_instrument_without_a_file_is_not_listed(prices: Path) -> None:
    choice = price_choice(prices=[str(prices)])
    assert json.loads(choice.settings["clearing"]["INSTRUMENTS"]) == ["SOL"]
    sources = json.loads(choice.settings["oracle"]["SOURCES"])
    assert sources == {"SOL": [{"kind": "file", "path": str(prices), "role": "index"}]}


def test_a_table_prices_every_instrument_it_names_by_all_its_sources(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    rows = [
        f"{FIRST_NS + minute * MINUTE_NS},{price},{symbol},{source}"
        for symbol, source, price in (("BTC", "a", 60_000), ("BTC", "b", 60_001), ("ETH", "a", 2_500))
        for minute in range(60)
    ]
    path.write_text("\n".join(["time_ns,price,symbol,source", *rows]) + "\n")
    choice = price_choice(prices=[str(path)], bars=BarPath.CLOSE)
    made = {"kind": "file", "path": str(path), "role": "index", "bars": "close"}
    assert json.loads(choice.settings["oracle"]["SOURCES"]) == {
        "BTC": [{**made, "symbol": "BTC", "source": "a"}, {**made, "symbol": "BTC", "source": "b"}],
        "ETH": [{**made, "symbol": "ETH", "source": "a"}],
    }
    assert json.loads(choice.settings["clearing"]["INSTRUMENTS"]) == ["BTC", "ETH"]


def test_a_start_and_an_end_choose_the_window(prices: Path) -> None:
    choice = price_choice(prices=[str(prices)], start_ns=FIRST_NS + HOUR_NS, until_ns=FIRST_NS + 2 * HOUR_NS)
    assert choice.first_ns == FIRST_NS + HOUR_NS
    assert choice.settings["oracle"]["REPLAY_UNTIL_NS"] == str(FIRST_NS + 2 * HOUR_NS)


def test_without_a_start_the_worst_hour_is_chosen_with_half_an_hour_before(prices: Path) -> None:
    # The fall begins after the first hour, so the window does half an hour earlier.
    assert price_choice(prices=[str(prices)]).first_ns == FIRST_NS + HOUR_NS // 2


def test_pushed_prices_need_no_file() -> None:
    everything = json.loads(price_choice(prices=["push"]).settings["oracle"]["SOURCES"])
    assert everything == {symbol: [{"kind": "push"}] for symbol in ("BTC", "ETH", "SOL")}
    one = price_choice(prices=["ETH=push"]).settings
    assert (json.loads(one["oracle"]["SOURCES"]), json.loads(one["clearing"]["INSTRUMENTS"])) == (
        {"ETH": [{"kind": "push"}]},
        ["ETH"],
    )


def test_a_window_outside_the_file_is_refused(prices: Path) -> None:
    with pytest.raises(CommandFailed, match="is allowed"):
        price_choice(prices=[str(prices)], start_ns=FIRST_NS - HOUR_NS)


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="no such file"):
        price_choice(prices=[str(tmp_path / "BTCUSDT.csv")])


def test_a_file_of_instruments_names_what_is_priced(tmp_path: Path) -> None:
    path = tmp_path / "instruments.json"
    path.write_text(json.dumps([{"symbol": "DOGE"}]))
    settings = price_choice(seed=1, instruments=path).settings
    assert settings["clearing"] == {"INSTRUMENTS_FILE": str(path)}
    assert list(json.loads(settings["oracle"]["SOURCES"])) == ["DOGE"]


def test_a_broken_file_of_instruments_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "instruments.json"
    path.write_text("{}}")
    with pytest.raises(CommandFailed, match="no file of instruments"):
        price_choice(instruments=path)


def test_other_settings_are_named_by_service() -> None:
    assert setting_choice(["clearing.vault_enabled=false", "oracle.max_faults=3"]) == {
        "clearing": {"VAULT_ENABLED": "false"},
        "oracle": {"MAX_FAULTS": "3"},
    }


@pytest.mark.parametrize("argument", ["vault=1", "clearing.vault", "redis.port=1"])
def test_what_is_no_setting_is_refused(argument: str) -> None:
    with pytest.raises(CommandFailed, match="is no setting"):
        setting_choice([argument])


def test_later_settings_have_the_last_word() -> None:
    assert merged({"oracle": {"A": "1", "B": "1"}}, {"oracle": {"B": "2"}, "clearing": {"C": "3"}}) == {
        "oracle": {"A": "1", "B": "2"},
        "clearing": {"C": "3"},
    }
