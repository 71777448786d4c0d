"""What a person wants to know of recorded prices before replaying them: range, cadence, holes, the worst hour.

It exists apart from the command that shows it so that it can be tested by numbers. Kept true: the numbers are those
that the oracle will replay by; only the sparkline is a sketch.
"""

from dataclasses import dataclass

import numpy as np

from wavetank.runtime.price_files import PricePath, worst_hour

ONE_E12 = 1_000_000_000_000
SPARK_CELLS = 60
_BLOCKS = "▁▂▃▄▅▆▇█"
_NOTHING = " "


@dataclass(frozen=True, slots=True)
class PriceSummary:
    """What one series of a file comes to."""

    points: int
    first_ns: int
    end_ns: int
    """Up to which the last price holds."""
    cadence_ns: int
    """Usual distance of two prices."""
    shortest_ns: int
    """The least distance."""
    holes: tuple[tuple[int, int], ...]
    lowest_micros: int
    highest_micros: int
    widest_confidence_micros: int | None
    """None if the file says nothing of confidence."""
    worst_from_ns: int
    worst_to_ns: int
    worst_move_e12: int
    """From the begin of the worst hour to its end, in parts of 10^12."""
    sparkline: str

    @property
    def longest_hole_ns(self) -> int:
        """Length of the longest hole, 0 without one."""
        return max((to_ns - from_ns for from_ns, to_ns in self.holes), default=0)


def summary_of(prices: PricePath) -> PriceSummary:
    """Return what a series comes to."""
    worst_from_ns, worst_to_ns = worst_hour([prices])
    before, after = prices.newest_by(worst_from_ns), prices.newest_by(worst_to_ns)
    assert before is not None, "the worst hour begins within the file"
    assert after is not None, "the worst hour ends within the file"
    confidences = prices.confidences_micros
    return PriceSummary(
        points=len(prices.times_ns),
        first_ns=prices.first_ns,
        end_ns=prices.end_ns,
        cadence_ns=prices.cadence_ns,
        shortest_ns=int(np.diff(prices.times_ns).min()),
        holes=prices.holes,
        lowest_micros=int(prices.prices_micros.min()),
        highest_micros=int(prices.prices_micros.max()),
        widest_confidence_micros=None if confidences is None else int(confidences.max()),
        worst_from_ns=worst_from_ns,
        worst_to_ns=worst_to_ns,
        worst_move_e12=after[1] * ONE_E12 // before[1] - ONE_E12,
        sparkline=sparkline_of(prices),
    )


def sparkline_of(prices: PricePath, cells: int = SPARK_CELLS) -> str:
    """Return a line of blocks, lowest price to highest; each is the last price of its span of time, blank in a hole.

    Args:
        prices: of a file.
        cells: how many blocks.

    """
    length_ns = prices.end_ns - prices.first_ns
    lowest, highest = int(prices.prices_micros.min()), int(prices.prices_micros.max())
    line = []
    for cell in range(cells):
        from_ns = prices.first_ns + length_ns * cell // cells
        to_ns = prices.first_ns + length_ns * (cell + 1) // cells
        newest = prices.newest_by(max(from_ns, to_ns - 1))
        assert newest is not None, "every span ends behind the first price"
        if any(hole_from_ns <= from_ns and to_ns <= hole_to_ns for hole_from_ns, hole_to_ns in prices.holes):
            line.append(_NOTHING)
        else:
            line.append(_BLOCKS[(newest[1] - lowest) * (len(_BLOCKS) - 1) // max(1, highest - lowest)])
    return "".join(line)
