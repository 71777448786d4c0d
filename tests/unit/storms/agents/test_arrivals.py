"""Arrivals: a Hawkes process has its mean rate, the clusters of its theory, and children when they are due."""

from statistics import fmean

from wavetank.storms.agents.arrivals import Arrivals
from wavetank.storms.dice import Dice

SECOND_NS = 1_000_000_000


def times_until(arrivals: Arrivals, end_ns: int) -> list[int]:
    found: list[int] = []
    while arrivals.next_ns < end_ns:
        found.append(arrivals.take())
    return found


def test_the_mean_rate_is_base_by_one_less_excitation() -> None:
    # Base 1 per second, each arrival causes 0.5, a second later on average; 20,000 seconds, beginning without a past:
    # 20,000 / 0.5 - 0.5 / 0.5² = 39,998 expected, deviation sqrt(20,000 / 0.5³) = 400.
    arrivals = Arrivals(SECOND_NS, 500_000, SECOND_NS, Dice(1), 0)
    count = len(times_until(arrivals, 20_000 * SECOND_NS))
    assert abs(count - 39_998) < 4 * 400


def test_without_excitation_it_is_a_poisson_process() -> None:
    times = times_until(Arrivals(SECOND_NS, 0, SECOND_NS, Dice(2), 0), 10_000 * SECOND_NS)
    assert abs(len(times) - 10_000) < 4 * 100
    counts = [0] * 1_000
    for time_ns in times:
        counts[time_ns // (10 * SECOND_NS)] += 1
    # Variance equals the mean of 10 in windows of ten seconds; that of the sample variance is about 2 · 10² / 1,000.
    mean = fmean(counts)
    assert abs(fmean((count - mean) ** 2 for count in counts) - 10) < 4 * 0.47


def test_clusters_are_those_of_a_branching_process() -> None:
    # Immigrants 10,000 seconds apart: what is nearer than 100 seconds is of one cluster, but for one in a hundred.
    times = times_until(Arrivals(10_000 * SECOND_NS, 500_000, SECOND_NS, Dice(3), 0), 40_000_000 * SECOND_NS)
    clusters: list[list[int]] = []
    for time_ns in times:
        if clusters and time_ns - clusters[-1][-1] < 100 * SECOND_NS:
            clusters[-1].append(time_ns)
        else:
            clusters.append([time_ns])
    number = len(clusters)
    assert abs(number - 4_000) < 4 * 63 + 40
    # Borel: alone e^-0.5 = 0.6065, two 0.5 · e^-1 = 0.1839; deviations sqrt(p (1 - p) / 4,000) = 0.0077 and 0.0061.
    # Of those that stand alone one in a hundred is joined by the next immigrant.
    assert abs(sum(len(cluster) == 1 for cluster in clusters) / number - 0.6065) < 4 * 0.0077 + 0.012
    pairs = [cluster for cluster in clusters if len(cluster) == 2]
    assert abs(len(pairs) / number - 0.1839) < 4 * 0.0061 + 0.01
    # The child of a pair comes an exponential second later; some 700 of them: 0.038. Immigrants taken for children are
    # left out by looking at the median, ln 2 = 0.693, deviation 1 / sqrt(700) = 0.038.
    gaps = sorted(later - earlier for earlier, later in pairs)
    assert abs(gaps[len(gaps) // 2] / SECOND_NS - 0.693) < 4 * 0.038 + 0.05


def test_times_never_go_back_and_begin_when_asked() -> None:
    arrivals = Arrivals(SECOND_NS, 900_000, SECOND_NS, Dice(4), 50 * SECOND_NS)
    times = times_until(arrivals, 500 * SECOND_NS)
    assert times == sorted(times)
    assert times[0] >= 50 * SECOND_NS
    assert arrivals.next_ns >= 500 * SECOND_NS
