"""Trades in columns, and what they were worth to who made them.

An hour has half a million trades, and what each was worth is known only later, when the true index has moved on. So
all are kept, in 64 bytes each, and judged together when the run is over; what a page shows of them is a sample.

Sums are whole numbers and exact; only the quotients at the end are fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import OrderFlag
from wavetank.storms.agents.agent import Label
from wavetank.storms.measure.record import Member, PriceTrack, TradeSeen

_ROW = Struct("<qqqqqqqiBB2x")
_COLUMNS = np.dtype(
    {
        "names": ["time", "price", "lots", "taker", "maker", "fee", "mid_doubled", "instrument", "buys", "liquidates"],
        "formats": ["<i8"] * 7 + ["<i4", "u1", "u1"],
        "itemsize": _ROW.size,
    }
)
_LIQUIDATION = int(OrderFlag.LIQUIDATION)
BPS = 10_000
OTHER = "other"
"""Label of counterparties that have none."""
Whole = NDArray[np.int64]
Rows = NDArray[np.void]


@dataclass(slots=True)
class Judged:
    """What a maker's fills came to against some counterparties; money in micro-dollars."""

    fills: int = 0
    picked_off: int = 0
    """Fills whose true index, a while later, had gone against the maker by more than the fee."""
    judged: int = 0
    """Fills of which that can be said: the run went on for so long."""
    earned_micros: int = 0
    """Σ of distances between price and mid before the trade, in the maker's favour, times lots, doubled."""
    mid_value_micros: int = 0
    """Σ mid × lots of those fills, doubled too: half a tick is a whole there."""
    realised_micros: int = 0
    """Σ of distances between price and the true index a while later, times lots, doubled."""
    realised_value_micros: int = 0
    """Σ mid × lots of those fills, doubled."""
    markouts: dict[int, tuple[int, int]] | None = None
    """By horizon in nanoseconds: Σ distance × lots, and Σ price × lots."""

    def add(self, other: Judged) -> None:
        """Count the fills of another too."""
        self.fills += other.fills
        self.picked_off += other.picked_off
        self.judged += other.judged
        self.earned_micros += other.earned_micros
        self.mid_value_micros += other.mid_value_micros
        self.realised_micros += other.realised_micros
        self.realised_value_micros += other.realised_value_micros
        mine = {} if self.markouts is None else self.markouts
        for horizon, (gained, value) in (other.markouts or {}).items():
            before = mine.get(horizon, (0, 0))
            mine[horizon] = (before[0] + gained, before[1] + value)
        self.markouts = mine


class TradeColumns:
    """Every trade of a run, in order."""

    def __init__(self) -> None:
        """Begin with none."""
        self._rows = bytearray()

    def clear(self) -> None:
        """Forget them."""
        self._rows.clear()

    def __len__(self) -> int:
        """Return how many there were."""
        return len(self._rows) // _ROW.size

    def add(  # noqa: PLR0913, PLR0917 - a row has this many columns, and one is added for each trade.
        self,
        time_ns: int,
        instrument_id: int,
        price_ticks: int,
        size_lots: int,
        taker_id: int,
        maker_id: int,
        maker_fee_micros: int,
        mid_doubled_ticks: int,
        taker_is_buyer: bool,  # noqa: FBT001 - twenty thousand trades a minute come by position.
        taker_flags: int,
    ) -> None:
        """Keep a trade."""
        self._rows += _ROW.pack(
            time_ns,
            price_ticks,
            size_lots,
            taker_id,
            maker_id,
            maker_fee_micros,
            mid_doubled_ticks,
            instrument_id,
            taker_is_buyer,
            taker_flags & _LIQUIDATION != 0,
        )

    @property
    def rows(self) -> Rows:
        """The trades as they stand now, by column."""
        return np.frombuffer(bytes(self._rows), _COLUMNS)

    def sample(self, prices: Mapping[int, PriceTrack], *, liquidations: int, others: int) -> list[TradeSeen]:
        """Return the trades that a page shows: every k-th of a kind, with the smallest k that keeps within a number.

        Args:
            prices: by instrument, what it was truly worth.
            liquidations: most trades of liquidation orders.
            others: most of all others.

        """
        rows = self.rows
        liquidates = rows["liquidates"] != 0
        kept = np.concatenate(
            [_every(np.flatnonzero(liquidates), liquidations), _every(np.flatnonzero(~liquidates), others)]
        )
        kept.sort()
        chosen = rows[kept]
        truths = _truths(chosen, prices, 0)[0]
        return [
            TradeSeen(
                time_ns=int(row["time"]),
                instrument_id=int(row["instrument"]),
                price_ticks=int(row["price"]),
                size_lots=int(row["lots"]),
                taker_id=int(row["taker"]),
                maker_id=int(row["maker"]),
                taker_is_buyer=bool(row["buys"]),
                is_liquidation=bool(row["liquidates"]),
                true_index_ticks=int(truth),
            )
            for row, truth in zip(chosen, truths, strict=True)
        ]

    def judge(
        self,
        prices: Mapping[int, PriceTrack],
        members: Mapping[int, Member],
        *,
        ended_ns: int,
        markout_ns: int,
        horizons_ns: tuple[int, ...],
    ) -> dict[tuple[int, str], Judged]:
        """Return what each maker's fills came to, by account and label of the counterparty.

        Args:
            prices: by instrument, what it was truly worth.
            members: who takes part, with why.
            ended_ns: venue time up to which the true index is known.
            markout_ns: how much later a fill is judged.
            horizons_ns: how much later it is marked out.

        Source: telemetry as in the README's table; the later price is the true index as published last by then.

        """
        rows = self.rows
        if not len(rows):
            return {}
        names, named = _labels(rows, members)
        makers, which = np.unique(rows["maker"], return_inverse=True)
        group = which * len(names) + named
        judged: dict[tuple[int, str], Judged] = {}
        sums = _Sums(group, len(makers) * len(names))
        toward = np.where(rows["buys"] != 0, 1, -1)  # To the taker: a maker gains where a buyer paid more.
        price, lots = rows["price"], rows["lots"]
        fills = sums.count(None)
        has_mid = rows["mid_doubled"] > 0
        # Half a tick is half a micro-dollar per lot: doubled sums stay whole.
        earned = sums.of(toward * (2 * price - rows["mid_doubled"]) * lots, has_mid)
        mid_value = sums.of(rows["mid_doubled"] * lots, has_mid)
        truth, known = _truths(rows, prices, markout_ns, ended_ns)
        gained = toward * (price - truth) * lots
        picked = sums.count(known & (gained < -np.abs(rows["fee"])))
        counted = sums.count(known)
        realised = sums.of(2 * gained, known & has_mid)
        realised_value = sums.of(rows["mid_doubled"] * lots, known & has_mid)
        markouts = []
        for horizon in horizons_ns:
            truth, known = _truths(rows, prices, horizon, ended_ns)
            markouts.append((horizon, sums.of(toward * (price - truth) * lots, known), sums.of(price * lots, known)))
        for at in np.flatnonzero(fills):
            maker, name = divmod(int(at), len(names))
            judged[int(makers[maker]), names[name]] = Judged(
                fills=int(fills[at]),
                picked_off=int(picked[at]),
                judged=int(counted[at]),
                earned_micros=int(earned[at]),
                mid_value_micros=int(mid_value[at]),
                realised_micros=int(realised[at]),
                realised_value_micros=int(realised_value[at]),
                markouts={horizon: (int(gain[at]), int(value[at])) for horizon, gain, value in markouts},
            )
        return judged


class _Sums:
    """Sums by group, in whole numbers."""

    def __init__(self, group: Whole, groups: int) -> None:
        self._group = group
        self._groups = groups

    def of(self, values: Whole, where: NDArray[np.bool_]) -> Whole:
        sums = np.zeros(self._groups, np.int64)
        np.add.at(sums, self._group[where], values[where])
        return sums

    def count(self, where: NDArray[np.bool_] | None) -> Whole:
        group = self._group if where is None else self._group[where]
        return np.bincount(group, minlength=self._groups)


def _labels(rows: Rows, members: Mapping[int, Member]) -> tuple[list[str], Whole]:
    """Return the labels there are, and which of them each taker has.

    Whoever it was, clearing's orders are `liquidated`; but the vault's are its own.
    """
    takers, which = np.unique(rows["taker"], return_inverse=True)
    known = [members.get(int(taker)) for taker in takers]
    words = [str(member.label) if member is not None and member.label is not None else OTHER for member in known]
    names = sorted({*words, str(Label.LIQUIDATED)})
    numbers = np.array([names.index(word) for word in words], np.int64)
    forced = (rows["liquidates"] != 0) & (rows["taker"] != BACKSTOP_VAULT_ID)
    return names, np.where(forced, names.index(str(Label.LIQUIDATED)), numbers[which])


def _every(positions: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    step = max(1, -(-len(positions) // most))
    return positions[::step]


def _truths(
    rows: Rows, prices: Mapping[int, PriceTrack], later_ns: int, ended_ns: int | None = None
) -> tuple[Whole, NDArray[np.bool_]]:
    """Return the true index some time after each trade, and whether it is known: published, and the run that long."""
    truths = np.zeros(len(rows), np.int64)
    times = rows["time"] + later_ns
    for instrument_id, track in prices.items():
        here = np.flatnonzero(rows["instrument"] == instrument_id)
        at = np.searchsorted(np.array(track.times_ns, np.int64), times[here], side="right") - 1
        truths[here] = np.where(at >= 0, np.array(track.true_index_ticks, np.int64)[at], 0)
    known = truths > 0
    if ended_ns is not None:
        known &= times <= ended_ns
    return truths, known
