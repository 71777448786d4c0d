"""What an index usually is: the average that says whether a print is too far off (ORCL-030).

It exists because a print is judged by what its consumer was told before, not by the truth, which no venue knows. Kept
true: one wild print moves the average by little, because it counts for at most the ratio that would make it doubtful.
"""

from __future__ import annotations

from wavetank.model.validity import PPM
from wavetank.oracle.core.average import Average
from wavetank.oracle.core.settings import OracleSettings


def usual_sampled(settings: OracleSettings, average: Average, index_ticks: int, now_ns: int) -> Average:
    """Return the average after a delivered index; one that is not positive does not count.

    Args:
        settings: time constant, and the ratio at which prints are cut.
        average: before.
        index_ticks: as delivered.
        now_ns: venue time of delivery.

    """
    if index_ticks <= 0:
        return average
    usual, ratio_ppm = average.value(), settings.validity.volatile_ratio_ppm
    if usual is not None and ratio_ppm:
        index_ticks = max(usual * PPM // ratio_ppm, min(usual * ratio_ppm // PPM, index_ticks))
    weight_ns = average.weight_ns(now_ns, settings.publish_interval_ns)
    return average.sampled(index_ticks, weight_ns, settings.volatility_tau_ns, now_ns)
