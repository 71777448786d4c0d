"""What collateral counts, what selling it yields, and its terms in the log (MRGN-080).

A collateral asset is the base asset of a listed instrument, in that instrument's lots, so lots x index is its exact
value in micro-dollars. Terms are settings, but equity follows from them: who reads the log alone must be able to work
it out, so what differs from the log is written there at each start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wavetank.clearing.core.ledger import counted_micros
from wavetank.model.events.clearing import CollateralLoanSet, CollateralTermsSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.clearing.core.state import State
    from wavetank.model.record import Event

E6 = 10**6
MOST_COUNTED_MICROS = 10**15
"""Most that a cap may let one asset count in one account, so that equity fits 64 bits (UNIT-020)."""
MOST_LOTS = 2**31 - 1
"""Most lots of one asset in one account, as of an order (UNIT-020)."""
_WHOLE_MICROS = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralTerms:
    """How one asset counts.

    Raises:
        ValueError: a share above the whole, or an amount out of its range.

    """

    weight_ppm: int
    """Share of its value that counts: 10^6 less the haircut."""
    cap_micros: int = MOST_COUNTED_MICROS
    """Most that counts in one account."""
    venue_cap_lots: int = MOST_LOTS
    """Most lots of all accounts together; more is refused at the door."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 <= self.weight_ppm <= E6:
            message = f"a weight lies within 0 and 10^6, not at {self.weight_ppm}"
            raise ValueError(message)
        if not 0 <= self.cap_micros <= MOST_COUNTED_MICROS or not 0 <= self.venue_cap_lots < _WHOLE_MICROS:
            message = f"a cap of {self.cap_micros} micro-dollars and {self.venue_cap_lots} lots is out of range"
            raise ValueError(message)

    def counted(self, lots: int, index_price_ticks: int) -> int:
        """Return what lots count at an index, in micro-dollars, rounded down."""
        return counted_micros(lots, index_price_ticks, self.weight_ppm, self.cap_micros)

    def worth(self, lots: int, index_price_ticks: int) -> int:
        """Return the same without the cap: what they fetch outside the venue."""
        return counted_micros(lots, index_price_ticks, self.weight_ppm, _WHOLE_MICROS)

    def proceeds(self, lots: int, sold: int, index_price_ticks: int) -> int:
        """Return what selling part of some lots yields: what all are worth less what the rest is (LIQ-055).

        Whatever the parts, all of them together yield what the whole is worth. So a sale lowers what counts by what it
        yields, where the cap does not bind, and else by less.
        """
        return self.worth(lots, index_price_ticks) - self.worth(lots - sold, index_price_ticks)

    def lots_for(self, lots: int, amount_micros: int, index_price_ticks: int) -> int:
        """Return the fewest of some lots that yield an amount above 0, or all of them if they do not."""
        kept = self.worth(lots, index_price_ticks) - amount_micros
        if kept < 0 or self.weight_ppm == 0:
            return lots
        # The most lots whose worth, rounded down, is at most what is kept.
        return lots - min(lots, ((kept + 1) * E6 - 1) // (index_price_ticks * self.weight_ppm))


NO_COLLATERAL = CollateralTerms(weight_ppm=0, cap_micros=0, venue_cap_lots=0)
"""Of an asset that no terms name."""


def changed_collateral_terms(state: State) -> Iterator[Event]:
    """Yield the events that bring the terms of `state` to what its settings say, by instrument id."""
    settings = state.settings
    if not settings.collateral and not state.collateral.terms:
        return
    if settings.collateral_loan_micros != state.collateral.loan_micros:
        yield CollateralLoanSet(instrument_id=0, account_id=0, limit_micros=settings.collateral_loan_micros)
    for instrument_id, instrument in sorted(state.instruments.items()):
        wanted = settings.collateral.get(instrument.symbol, NO_COLLATERAL)
        if state.collateral.terms.get(instrument_id, NO_COLLATERAL) != wanted:
            yield CollateralTermsSet(
                instrument_id=instrument_id,
                account_id=0,
                weight_ppm=wanted.weight_ppm,
                cap_micros=wanted.cap_micros,
                venue_cap_lots=wanted.venue_cap_lots,
            )
