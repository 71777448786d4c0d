"""The stages' times as Prometheus reads them."""

from prometheus_client import CollectorRegistry, generate_latest

from wavetank.matching.metrics import StageMetrics


def test_each_stage_is_a_histogram() -> None:
    registry = CollectorRegistry()
    metrics = StageMetrics(registry)
    metrics.decoded(0.000_002)
    metrics.cycle(0.000_001, 0.3, 100.0)
    metrics.cycle(0.000_001, 0.3, 0.1)
    lines = dict(line.rsplit(" ", 1) for line in generate_latest(registry).decode().splitlines() if line[0] != "#")
    assert lines['wavetank_matching_decode_seconds_bucket{le="1e-06"}'] == "0.0"
    assert lines['wavetank_matching_decode_seconds_bucket{le="2.5e-06"}'] == "1.0"
    # A time equal to a bound is within it.
    assert lines['wavetank_matching_engine_seconds_bucket{le="1e-06"}'] == "2.0"
    assert lines['wavetank_matching_publish_seconds_bucket{le="0.75"}'] == "1.0"
    assert lines['wavetank_matching_publish_seconds_bucket{le="+Inf"}'] == "2.0"
    assert (lines["wavetank_matching_append_seconds_count"], lines["wavetank_matching_append_seconds_sum"]) == (
        "2.0",
        "0.6",
    )
