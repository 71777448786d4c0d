"""Markouts of makers by who traded with them: what a fill was worth a little later, against the truth.

It exists because only the venue knows who a counterparty was and what the instrument was truly worth; a bot that is
picked off sees neither. Kept true: a markout is s × (f(t + h) - p) / p in basis points, weighted by size, where s is +1
for a maker that bought, p its price and f the true index; fills whose later truth lies behind the end of the run, or is
unknown, do not count.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass

from wavetank.storms.agents.agent import Label
from wavetank.storms.measure.record import PriceTrack, RunRecord, TradeSeen

HORIZONS_NS = {"100 ms": 100_000_000, "1 s": 1_000_000_000, "10 s": 10_000_000_000}
UNLABELLED = "unlabelled"
"""Counterparties that do not trade by themselves."""
_E4 = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Markout:
    """What makers got from counterparties of a label."""

    label: str
    horizon: str
    fills: int
    notional_micros: int
    markout_bps: float


def markouts(record: RunRecord, makers: Collection[int] | None = None) -> list[Markout]:
    """Return the markouts by counterparty label, the worst at one second first, and horizon.

    Args:
        record: the run; of the trades that it keeps.
        makers: whose fills count; None for everybody's.

    """
    sums: dict[tuple[str, str], list[int | float]] = {}
    for trade in record.trades:
        if makers is not None and trade.maker_id not in makers:
            continue
        label = _label(record, trade)
        for horizon, horizon_ns in HORIZONS_NS.items():
            later = _true_index(record, trade.instrument_id, trade.time_ns + horizon_ns)
            if not later:
                continue
            side = -1 if trade.taker_is_buyer else 1
            notional = trade.price_ticks * trade.size_lots
            total = sums.setdefault((label, horizon), [0, 0, 0.0])
            total[0] += 1
            total[1] += notional
            # Weighted by size times price, so that instruments can be summed.
            total[2] += side * (later - trade.price_ticks) / trade.price_ticks * _E4 * notional
    found = [
        Markout(
            label=label,
            horizon=horizon,
            fills=int(fills),
            notional_micros=int(notional),
            markout_bps=weighted / notional if notional else 0.0,
        )
        for (label, horizon), (fills, notional, weighted) in sums.items()
    ]
    harm = {each.label: each.markout_bps for each in found if each.horizon == "1 s"}
    horizons = list(HORIZONS_NS)
    return sorted(found, key=lambda each: (harm.get(each.label, 0.0), each.label, horizons.index(each.horizon)))


def bots_of(record: RunRecord) -> set[int]:
    """Return the accounts under test."""
    return {number for number, member in record.members.items() if member.is_bot}


def _label(record: RunRecord, trade: TradeSeen) -> str:
    if trade.is_liquidation:
        return Label.LIQUIDATED
    member = record.members.get(trade.taker_id)
    return member.label if member is not None and member.label is not None else UNLABELLED


def _true_index(record: RunRecord, instrument_id: int, time_ns: int) -> int:
    """Return the true index in force at a time; 0 where it is unknown."""
    track = record.prices.get(instrument_id, PriceTrack())
    if time_ns > record.ended_ns:
        return 0
    place = bisect_right(track.times_ns, time_ns) - 1
    return track.true_index_ticks[place] if place >= 0 else 0
