"""Margin modes, worked out a second time: the least whole amount that a rule allows, found by trying (MRGN-030).

The services take a square root; here an amount is compared with it by squares, in fractions, so nothing is rounded
before the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from wavetank.model.events import clearing as events

PPM = 1_000_000
ISOLATED, GROSS, GROUP_OFFSET, SCENARIO = 1, 2, 3, 4
"""Numbers of the modes that an account can have."""


@dataclass(slots=True)
class Ramp:
    """A haircut that rises with stress, in ppm."""

    calm: int
    largest: int
    begins: int
    full: int

    def at(self, stress: int) -> int:
        """Return the haircut at a stress, rounded up."""
        way = Fraction(min(max(stress, self.begins), self.full) - self.begins, self.full - self.begins)
        return ceil(self.calm + way * (self.largest - self.calm))


@dataclass(slots=True)
class Offsets:
    """What the log says of correlations and haircuts."""

    groups: dict[str, int] = field(default_factory=dict)
    instruments: dict[int, tuple[str, int]] = field(default_factory=dict)
    group_haircut: Ramp = field(default_factory=lambda: Ramp(0, 500_000, 5_000, 50_000))
    scenario_haircut: Ramp = field(default_factory=lambda: Ramp(200_000, 600_000, 5_000, 50_000))
    floor: int = 300_000

    def set_haircuts(self, event: events.HaircutsSet) -> None:
        """Take over new haircuts."""
        self.group_haircut = Ramp(
            event.group_calm_ppm, event.group_largest_ppm, event.group_begins_ppm, event.group_full_ppm
        )
        self.scenario_haircut = Ramp(
            event.scenario_calm_ppm, event.scenario_largest_ppm, event.scenario_begins_ppm, event.scenario_full_ppm
        )
        self.floor = event.floor_ppm

    def margin(self, mode: int, margins: dict[int, int], stress: int) -> int:
        """Return an account's margin from its legs' own, by instrument id, negative for shorts."""
        if mode == GROUP_OFFSET:
            return ceil(self._group_offset(margins, Fraction(self.group_haircut.at(stress), PPM)))
        if mode == SCENARIO:
            return self._scenario(margins, stress)
        return sum(map(abs, margins.values()))

    def _of(self, instrument_id: int) -> tuple[str, int]:
        return self.instruments.get(instrument_id, ("", 0))

    def _group_offset(self, margins: dict[int, int], haircut: Fraction) -> Fraction:
        total = Fraction(0)
        by_group: dict[str, list[int]] = {}
        for instrument_id, margin in margins.items():
            # Who is in no group is a group alone.
            by_group.setdefault(self._of(instrument_id)[0] or str(instrument_id), []).append(margin)
        for group, legs in by_group.items():
            long, short = sum(leg for leg in legs if leg > 0), -sum(leg for leg in legs if leg < 0)
            stressed = Fraction(self.groups.get(group, 0), PPM) * (1 - haircut)
            c = Fraction(1, 2) * max(Fraction(0), stressed - Fraction(3, 10)) / Fraction(7, 10)
            total += max(long, short) + (1 - 2 * c) * min(long, short)
        return total

    def _scenario(self, margins: dict[int, int], stress: int) -> int:
        gross, net = sum(map(abs, margins.values())), abs(sum(margins.values()))
        weights = {key: Fraction(self._of(key)[1], PPM) for key in margins}
        shared = abs(sum((margin * weights[key] for key, margin in margins.items()), Fraction(0)))
        squares = Fraction(sum(margin**2 for margin in margins.values()))
        common = sum(((margin * weights[key]) ** 2 for key, margin in margins.items()), Fraction(0))
        most, least = (1 - Fraction(cut, PPM) for cut in (self.scenario_haircut.calm, self.scenario_haircut.at(stress)))

        def covers_at(amount: int, kept: Fraction) -> bool:
            # kept x shared + root(squares - kept^2 x common) <= amount
            rest = amount - kept * shared
            return rest >= 0 and rest**2 >= squares - kept**2 * common

        def covers(amount: int) -> bool:
            if not (covers_at(amount, most) and covers_at(amount, least)):
                return False
            peak, scale = shared**2 * squares, common**2 + shared**2 * common
            is_between = least**2 * scale < peak < most**2 * scale
            return not is_between or amount**2 * common >= squares * (shared**2 + common)

        floor = max(net, ceil(Fraction(self.floor, PPM) * gross))
        return least_whole(covers, floor, gross)


def least_whole(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the least whole number from `low` on that passes, or `high` if none below it does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return high
