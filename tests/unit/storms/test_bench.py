"""The measuring of simulations runs what it says; the busy minute has a test among those that take long."""

from wavetank.storms import bench


def test_every_variant_of_the_shock_is_run() -> None:
    report = bench.shock(1, jobs=1)
    assert (report["runs"], report["as_said"]) == (2, 2)
