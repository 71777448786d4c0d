"""Sources give the price of any time: files what they hold, walks what their seed says."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from wavetank.oracle.adapters.sources.listed import build_sources, terms_of
from wavetank.oracle.adapters.sources.synthetic import Burst, Jumps, Regime, Shock, SyntheticMarket, Walk
from wavetank.oracle.config import OracleServiceSettings
from wavetank.oracle.core.settings import SourceRole
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.settings import SettingsInvalid

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
START = 1_743_699_900 * SECOND


def market(
    seed: int = 7, correlation_e6: int = 900_000, volatility_e6: int = 10_000, **more: object
) -> SyntheticMarket:
    return SyntheticMarket(
        seed=seed,
        walks=[
            Walk(symbol="BTC", start_price_micros=60_000_000_000, volatility_e6=volatility_e6),
            Walk(symbol="ETH", start_price_micros=2_500_000_000, volatility_e6=volatility_e6),
        ],
        correlations_e6={("BTC", "ETH"): correlation_e6},
        step_ns=SECOND,
        start_ns=START,
        **more,  # type: ignore[arg-type] # Shocks, in one test.
    )


def both(made: SyntheticMarket, steps: int) -> tuple[list[float], list[float]]:
    pairs = []
    for step in range(steps + 1):
        bitcoin, ether = (made.price_micros(symbol, START + step * SECOND) for symbol in ("BTC", "ETH"))
        assert bitcoin is not None
        assert ether is not None
        pairs.append((bitcoin[1], ether[1]))
    moves = [(after[0] / before[0] - 1, after[1] / before[1] - 1) for before, after in pairwise(pairs)]
    return [move[0] for move in moves], [move[1] for move in moves]


def test_the_same_seed_gives_the_same_prices_however_they_are_asked_for() -> None:
    one, other = market(), market()
    stepwise = [one.price_micros("BTC", START + step * SECOND) for step in range(2_500)]
    assert stepwise[-1] == other.price_micros("BTC", START + 2_499 * SECOND + 7)
    assert market(seed=8).price_micros("BTC", START + 2_499 * SECOND) != stepwise[-1]


def test_prices_written_down_once_stay_as_they_are() -> None:
    # These are what seed 7 gave when the walk was written; another machine or library must give the same.
    made = market()
    prices = [made.price_micros("BTC", START + step * 1_000 * SECOND) for step in range(4)]
    assert [price and price[1] for price in prices] == [60_000_000_000, 60_190_925_760, 60_568_607_833, 60_188_053_670]


def test_before_the_start_there_is_no_price_and_steps_hold_until_the_next() -> None:
    made = market()
    assert made.price_micros("BTC", START - 1) is None
    assert made.price_micros("BTC", START) == (START, 60_000_000_000)
    first = made.price_micros("BTC", START + SECOND)
    assert first == made.price_micros("BTC", START + 2 * SECOND - 1)


def test_volatility_and_correlation_are_what_was_asked_for() -> None:
    # 1 % an hour is 0.01/60 = 1.667e-4 a second; over 20,000 steps the estimate is within 3 %.
    bitcoin, ether = both(market(), 20_000)
    deviation = (sum(move**2 for move in bitcoin) / len(bitcoin)) ** 0.5
    assert deviation == pytest.approx(0.01 / 60, rel=0.03)
    other = (sum(move**2 for move in ether) / len(ether)) ** 0.5
    shared = sum(one * two for one, two in zip(bitcoin, ether, strict=True)) / len(bitcoin)
    assert shared / (deviation * other) == pytest.approx(0.9, abs=0.02)


def test_correlations_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="BTC, ETH, SOL"):
        SyntheticMarket(
            seed=1,
            walks=[Walk(symbol=symbol, start_price_micros=1, volatility_e6=1) for symbol in ("BTC", "ETH", "SOL")],
            correlations_e6={("BTC", "ETH"): 900_000, ("ETH", "SOL"): 900_000, ("SOL", "BTC"): -900_000},
            step_ns=SECOND,
            start_ns=START,
        )


def test_a_shock_comes_stays_and_is_partly_taken_back() -> None:
    # −12 % over 10 s, held for 5 s, half of it taken back over 20 s.
    shock = Shock(
        after_ns=100 * SECOND,
        move_e12=-120_000_000_000,
        over_ns=10 * SECOND,
        hold_ns=5 * SECOND,
        recovered_e12=500_000_000_000,
        recover_over_ns=20 * SECOND,
        symbols=frozenset({"BTC"}),
    )
    made = market(volatility_e6=0, shocks=[shock])
    seen = []
    for second in (100, 105, 110, 115, 125, 135, 500):
        bitcoin = made.price_micros("BTC", START + second * SECOND)
        assert bitcoin is not None
        seen.append(bitcoin[1] // 1_000_000)
    # 60,000; −6 % is 56,400; −12 % is 52,800; after 10 of 20 s −9 % is 54,600; in the end −6 %.
    assert seen == [60_000, 56_400, 52_800, 52_800, 54_600, 56_400, 56_400]
    assert made.price_micros("ETH", START + 500 * SECOND) == (START + 500 * SECOND, 2_500_000_000)


def settings(sources: object, **more: object) -> OracleServiceSettings:
    text = json.dumps({"sources": sources, "internal_key": "k", **more})
    return OracleServiceSettings(**json.loads(text))


def clock(start_ns: int = START) -> VenueClock:
    return VenueClock(start_ns=start_ns, origin_ns=0, speed_milli=1_000, wall_ns=lambda: 0)


def bars(tmp_path: Path, minutes: int = 60) -> str:
    path = tmp_path / "BTCUSDT_1m.csv"
    rows = [f"{START // SECOND + 60 * minute},100,101,98,{100 + minute}.5,1" for minute in range(minutes)]
    rows = [row.replace(",101,", ",999,") for row in rows]
    path.write_text("timestamp,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return str(path)


def test_a_file_is_replayed_at_its_own_times(tmp_path: Path) -> None:
    listed = settings({"BTC": [{"kind": "file", "path": bars(tmp_path), "weight": 2}]})
    (source,) = build_sources(listed, clock())
    assert (source.symbol, source.name, source.terms.weight) == ("BTC", "file-1", 2)
    # Points of a minute's bar are 15 s apart; the setting of 10 s gives way to twice that.
    assert source.terms.limit_ns == 30 * SECOND
    assert source.newest_by(START + 14 * SECOND) == (START, 100_000_000)
    assert source.newest_by(START + 15 * SECOND) == (START + 15 * SECOND, 98_000_000)
    assert source.newest_by(START + 45 * SECOND) == (START + 45 * SECOND, 100_500_000)
    assert source.newest_by(START - 1) is None


def test_a_recorded_confidence_comes_with_its_price(tmp_path: Path) -> None:
    table = tmp_path / "sure.csv"
    rows = [f"{START + step * SECOND},100,{confidence}\n" for step, confidence in enumerate((7, "", 9))]
    table.write_text("time_ns,price_micros,confidence_micros\n" + "".join(rows))
    (source,) = build_sources(settings({"BTC": [{"kind": "file", "path": str(table)}]}), clock())
    # One that is empty says nothing: 0.
    assert [source.newest_by(START + step * SECOND) for step in range(3)] == [
        (START + step * SECOND, 100, confidence) for step, confidence in enumerate((7, 0, 9))
    ]


def test_a_series_of_a_table_and_a_path_through_bars_are_chosen(tmp_path: Path) -> None:
    table = tmp_path / "day.csv"
    table.write_text(
        "time_ns,price_micros,symbol,source\n"
        + "".join(
            f"{START + step * SECOND},{price + step},{symbol},{source}\n"
            for symbol, source, price in (("BTC", "a", 100), ("BTC", "b", 200), ("XBT", "a", 300))
            for step in range(60)
        )
    )
    listed = settings(
        {
            "BTC": [
                {"kind": "file", "path": str(table), "source": "a"},
                {"kind": "file", "path": str(table), "source": "b", "name": "other"},
                {"kind": "file", "path": str(table), "symbol": "XBT"},
                {"kind": "file", "path": bars(tmp_path), "bars": "high_first"},
                {"kind": "file", "path": bars(tmp_path), "bars": "low_first"},
            ]
        },
        replay_until_ns=START + 30 * SECOND,
    )
    sources = build_sources(listed, clock())
    assert [source.name for source in sources] == ["file-1", "other", "file-3", "file-4", "file-5"]
    assert [source.newest_by(START + 15 * SECOND) for source in sources[:3]] == [
        (START + 15 * SECOND, price + 15) for price in (100, 200, 300)
    ]
    # After a quarter of its minute the bar of 100, 999, 98, 100.5 is at its high, or its low.
    assert [source.newest_by(START + 15 * SECOND) for source in sources[3:]] == [
        (START + 15 * SECOND, 999_000_000),
        (START + 15 * SECOND, 98_000_000),
    ]


def test_a_series_that_is_not_in_the_table_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "day.csv"
    table.write_text(f"time_ns,price_micros,symbol\n{START},1,ETH\n{START + SECOND},1,ETH\n")
    with pytest.raises(SettingsInvalid, match=r"day.csv: holds no series named BTC; name one of ETH \(INSTRUMENT_UNK"):
        build_sources(settings({"BTC": [{"kind": "file", "path": str(table)}]}), clock())


def test_files_must_cover_the_window_and_all_faults_are_said_at_once(tmp_path: Path) -> None:
    sources = {
        "BTC": [{"kind": "file", "path": bars(tmp_path)}],
        "ETH": [{"kind": "file", "path": str(tmp_path / "missing.csv")}],
    }
    with pytest.raises(SettingsInvalid) as caught:
        build_sources(settings(sources, replay_until_ns=START + 2 * HOUR), clock())
    window, missing = str(caught.value).splitlines()
    assert "BTCUSDT_1m.csv: window is" in window
    assert window.endswith("(PRICE_STALE)")
    assert "missing.csv: cannot be read" in missing
    with pytest.raises(SettingsInvalid, match="clock_start_ns is 0"):
        build_sources(settings(sources), clock(0))


def test_an_external_perpetual_and_pushed_prices_have_their_terms(tmp_path: Path) -> None:
    listed = settings(
        {
            "BTC": [
                {"kind": "file", "path": bars(tmp_path), "name": "spot"},
                {"kind": "file", "path": bars(tmp_path), "role": "perp", "name": "perp"},
            ],
            "ETH": [{"kind": "push", "weight": 3}],
        }
    )
    fast = VenueClock(start_ns=START, origin_ns=0, speed_milli=900_000, wall_ns=lambda: 0)
    core = listed.core(fast, terms_of(build_sources(listed, fast)))
    assert core.sources["BTC"]["perp"].role is SourceRole.PERP
    # At 900 times the wall, the floors of 100 ms and 2 s are 90 s and 1,800 s.
    assert core.publish_interval_ns == 90 * SECOND
    assert core.book_limit_ns == core.push["ETH"].limit_ns == 1_800 * SECOND
    assert core.push["ETH"].weight == 3
    assert core.expected_samples(HOUR) == 40
    assert core.sources["ETH"] == {}


def test_the_default_is_a_synthetic_market_of_three() -> None:
    listed = OracleServiceSettings(internal_key="k")
    assert [source.symbol for source in build_sources(listed, clock())] == ["BTC", "ETH", "SOL"]


MARKET: dict[str, object] = {
    "step_ms": 100,
    "correlation": "0.9",
    "jumps": [
        {"per_hour": "30", "mean": "-0.01", "deviation": "0.02", "common": True},
        {"per_hour": "600", "symbols": ["ETH"]},
    ],
    "regimes": [
        {"name": "calm", "mean_ms": 60_000, "next": {"storm": 1}},
        {
            "name": "storm",
            "mean_ms": 10_000,
            "volatility": "5",
            "drift": "-0.5",
            "correlation": "1.1",
            "intensity": "4",
        },
    ],
    "bursts": [
        {},
        {"length_ms": 400, "every_ms": 1_000, "after_ms": 700_000},
        {"length_ms": 500, "every_ms": 9_000, "arrivals": "random", "after_ms": 3_000, "volatility": 3, "intensity": 2},
    ],
}


def test_what_the_settings_say_of_a_market_is_the_market() -> None:
    sources = {
        "BTC": [{"kind": "synthetic", "start_price": "60000", "volatility": "0.01", "drift": "0.2", "seed": 7}],
        "ETH": [{"kind": "synthetic", "start_price": "2500", "volatility": "0.01", "seed": 7}],
    }
    told = build_sources(settings(sources, synthetic=MARKET), clock())
    made = SyntheticMarket(
        seed=7,
        walks=[
            Walk(symbol="BTC", start_price_micros=60_000_000_000, volatility_e6=10_000, drift_e6=200_000),
            Walk(symbol="ETH", start_price_micros=2_500_000_000, volatility_e6=10_000),
        ],
        correlations_e6={("BTC", "ETH"): 900_000},
        step_ns=SECOND // 10,
        start_ns=START,
        jumps=[
            Jumps(per_hour_e6=30_000_000, mean_e6=-10_000, deviation_e6=20_000, are_common=True),
            Jumps(per_hour_e6=600_000_000, mean_e6=0, deviation_e6=10_000, symbols=frozenset({"ETH"})),
        ],
        regimes=[
            Regime(name="calm", mean_ns=60 * SECOND, next_weights={"storm": 1}),
            Regime(
                name="storm",
                mean_ns=10 * SECOND,
                volatility_factor_e6=5_000_000,
                drift_e6=-500_000,
                correlation_factor_e6=1_100_000,
                intensity_factor_e6=4_000_000,
            ),
        ],
        bursts=[
            Burst(length_ns=SECOND // 5, every_ns=30 * SECOND),
            Burst(length_ns=2 * SECOND // 5, every_ns=SECOND, after_ns=700 * SECOND),
            Burst(
                length_ns=SECOND // 2,
                every_ns=9 * SECOND,
                is_random=True,
                after_ns=3 * SECOND,
                volatility_factor_e6=3_000_000,
                intensity_factor_e6=2_000_000,
            ),
        ],
    )
    for second in range(0, 900, 13):
        for source in told:
            now_ns = START + second * SECOND
            assert source.newest_by(now_ns) == made.price_micros(source.symbol, now_ns)


def test_the_examples_of_the_documentation_are_settings() -> None:
    page = (ROOT / "services/wavetank/oracle/README.md").read_text(encoding="utf-8")
    sources, market_settings = (json.loads(part.partition("```")[0]) for part in page.split("```json\n")[1:3])
    listed = settings(sources)
    assert [name for _, name, _ in listed.named_sources()] == ["file-1", "file-2", "synthetic-1"]
    told = OracleServiceSettings.model_validate({"internal_key": "k", "synthetic": market_settings})
    assert len(build_sources(told, clock())) == 3
    assert (len(told.synthetic.regimes), len(told.synthetic.jumps), len(told.synthetic.bursts)) == (3, 2, 1)


def test_jumps_of_an_instrument_belong_to_the_market_of_its_seed() -> None:
    sources = {
        symbol: [{"kind": "synthetic", "start_price": "100", "volatility": "0", "seed": seed}]
        for symbol, seed in (("BTC", 1), ("ETH", 2))
    }
    jumps = [{"per_hour": "3600", "symbols": ["ETH"]}]
    bitcoin, ether = build_sources(settings(sources, synthetic={"jumps": jumps}), clock())
    later = START + 60 * SECOND
    assert bitcoin.newest_by(later) == (later, 100_000_000)
    assert ether.newest_by(later) != (later, 100_000_000)


@pytest.mark.parametrize(
    ("market_settings", "message"),
    [
        ({"jumps": [{"per_hour": "1", "symbols": ["BCT"]}]}, r"jumps\[0\].symbols has BCT; BTC, ETH, SOL are allowed"),
        ({"regimes": [{"name": "calm", "mean_ms": 1}]}, "at least a step"),
        ({"regimes": [{"name": "calm", "mean_ms": 60_000, "correlation": "2"}]}, "times 2.0 in regime calm"),
        ({"regimes": [{"name": "calm", "mean_ms": 60_000, "next": {"storm": 1}}]}, "other regimes"),
    ],
)
def test_markets_that_cannot_be_are_refused_before_anything_starts(
    market_settings: dict[str, object], message: str
) -> None:
    listed = OracleServiceSettings.model_validate({"internal_key": "k", "synthetic": market_settings})
    with pytest.raises(SettingsInvalid, match=message):
        build_sources(listed, clock())


@pytest.mark.parametrize(
    "market_settings",
    [
        {"jumps": [{"per_hour": "-1"}]},
        {"jumps": [{"per_hour": "3601"}]},
        {"jumps": [{"per_hour": "1", "mean": "4"}]},
        {"jumps": [{"per_hour": "1"}] * 17},
        {"regimes": [{"name": "Two words", "mean_ms": 1_000}]},
        {"regimes": [{"name": "calm", "mean_ms": 0}]},
        {"regimes": [{"name": "calm", "mean_ms": 1_000, "next": {"storm": 0}}]},
        {"bursts": [{"length_ms": 30_001}]},
        {"bursts": [{"arrivals": "sometimes"}]},
        {"bursts": [{"volatility": "101"}]},
        {"step_ms": 0},
        {"steps": 1},
    ],
)
def test_wrong_settings_of_a_market_are_refused(market_settings: object) -> None:
    with pytest.raises(ValueError, match="synthetic"):
        OracleServiceSettings.model_validate({"internal_key": "k", "synthetic": market_settings})


@pytest.mark.parametrize(
    "sources",
    [
        {},
        {"BTC": []},
        {"BTC": [{"kind": "file", "path": "x", "role": "perp"}]},
        {"BTC": [{"kind": "push"}, {"kind": "push"}]},
        {"BTC": [{"kind": "oracle"}]},
        {"BTC": [{"kind": "push", "weight": 0}]},
        {"BTC": [{"kind": "push", "mass": 1}]},
        {"BTC": [{"kind": "synthetic", "start_price": "0"}]},
        {"BTC": [{"kind": "file", "path": "x", "name": "longer than a record"}]},
        {"BTC": [{"kind": "file", "path": "x", "name": "one"}, {"kind": "file", "path": "y", "name": "one"}]},
    ],
)
def test_wrong_sources_are_refused(sources: object) -> None:
    with pytest.raises(ValueError, match=r"source|sources"):
        settings(sources)
