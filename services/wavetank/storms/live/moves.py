"""Moves of the true price, as faults of a running venue's sources: it has no other price that could be moved.

A move multiplies what every source says; what it takes back multiplies again. Kept true: once they are cleared prices
are what the sources say, as they were found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wavetank.oracle.core.faults import FaultKind, FaultTarget
from wavetank.oracle.core.inputs import FaultRequest
from wavetank.oracle.core.rounding import divide_half_even
from wavetank.storms.scenario.steps import Move

ONE_E12 = 10**12


def requests_of(
    move: Move, instrument_ids: Sequence[int], sources: Mapping[int, Sequence[str]]
) -> Iterator[FaultRequest]:
    """Yield the faults that move prices, all to be set when the move begins.

    Args:
        move: as the page says it.
        instrument_ids: whose prices move.
        sources: names of its sources by instrument.

    """
    moves = [(move.by, 0, move.over)]
    if move.recovered:
        # From 1 + by to 1 + by · (1 - recovered), as a factor of what the move has left.
        after_e12 = ONE_E12 + move.by - divide_half_even(move.by * move.recovered, ONE_E12)
        back_e12 = divide_half_even(after_e12 * ONE_E12, ONE_E12 + move.by) - ONE_E12
        moves.append((back_e12, move.over + move.hold, move.recover_over))
    for number in instrument_ids:
        for magnitude_e12, delay_ns, ramp_ns in moves:
            yield FaultRequest(
                kind=FaultKind.SPIKE,
                target=FaultTarget.PRICE,
                instrument_ids=(number,),
                sources=tuple(sources[number]),
                magnitude_e12=magnitude_e12,
                delay_ns=delay_ns,
                ramp_ns=ramp_ns,
            )
