"""How an account stands on one shard: what the ledger knows of it there, in the terms of its credit line (PROTOCOL R2).

It exists apart from the lines, because the ledger makes these by the thousand and the lines are made of them.
"""

from __future__ import annotations

from typing import NamedTuple


class LineRow(NamedTuple):
    """One instrument of a line: the counted position and what its margin is charged at."""

    instrument_id: int
    position_lots: int
    margin_price_ticks: int
    """0 where there is no position: the row then only names the leverage that the account has chosen."""
    leverage: int
    scaled_ppm: int
    """What open interest adds to the rate (MRGN-020); the shard's latest where there is no position."""


class Standing(NamedTuple):
    """How an account stands on one shard; micro-dollars, sums modulo 2^64."""

    equity_micros: int
    """Its share, its collateral and the unrealised gains of its positions there, less what is held."""
    initial_micros: int
    """Initial margin of those positions, less what the account's mode relieves it of."""
    rows: tuple[LineRow, ...]
    """By instrument id."""
    counted_value_micros: int
    """Signed value of all its trades and transfers there (Q)."""
    counted_fees_micros: int
    """Its fees there (F)."""
    price_time_ns: int
    """Venue time of the oldest index on which credit rests there; 0 if it rests on no price."""
    relief_micros: int = 0
    """What its positions there need less than the sum of their margins, by which the shard charges them."""

    @property
    def credit_micros(self) -> int:
        """What may be committed there in the shard's terms, which know no relief: `equity - IM + sum of M`."""
        return self.equity_micros + self.relief_micros

    @property
    def hole_micros(self) -> int:
        """What its positions there need beyond its share; another shard must not commit this."""
        return max(0, self.initial_micros - self.equity_micros)
