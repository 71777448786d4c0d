"""The measuring of simulations runs what it says, and says what it ran."""

from wavetank.storms import bench


def test_a_busy_minute_is_measured_twice_and_is_the_same_both_times() -> None:
    report = bench.busy(1)
    # Five makers, fifty others: what a simulated venue is held to is some two hundred orders a second.
    assert "3 instruments, 5 market makers, 50 others" in report["workload"]
    assert 150 < report["orders_per_s"] < 260
    assert report["checks"] > 10_000
    assert report["ratio"] > 0
    assert report["ratio_measured"] > 0


def test_every_variant_of_the_shock_is_run() -> None:
    report = bench.shock(1, jobs=1)
    assert (report["runs"], report["as_said"]) == (2, 2)
