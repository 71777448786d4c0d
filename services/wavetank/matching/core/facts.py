"""What a shard makes of the facts of other logs: what is listed, and what it is told of prices.

It exists once, because the live shard and the simulated one must act alike. Kept true: a listing is acted on when it is
whole; one whose state changed moves the instrument, unless that is settled; a price of what is not listed yet is passed
over, for the next one comes soon.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wavetank.matching.core.told_price import apply_price
from wavetank.model.events.clearing import InstrumentListed, MarginScalingListed, MarginTierListed, OpenInterestScaled
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.instrument import Instrument, Listings
from wavetank.model.orders import InstrumentState
from wavetank.model.record import RECORD_BYTES, decode, kind_of, kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wavetank.matching.core.engine import Engine
    from wavetank.model.validity import Tolerances

_WANTED = {
    kind_of(cls)
    for cls in (PricePublished, InstrumentListed, MarginScalingListed, MarginTierListed, OpenInterestScaled)
}


class Facts:
    """Applies to an engine what the oracle and clearing have committed."""

    def __init__(self, engine: Engine, tolerances: Tolerances) -> None:
        """Begin with what the engine lists.

        Args:
            engine: new, or as recovered.
            tolerances: of these by what doubt about a price orders are filled all the same (ORCL-030).

        """
        self._engine = engine
        self._tolerances = tolerances
        self._listings = Listings()
        self._listed = {instrument.instrument_id: instrument for instrument in engine.instruments()}

    @property
    def listed(self) -> Mapping[int, Instrument]:
        """What is traded here, by number."""
        return self._listed

    def take(self, now_ns: int, first_seq: int, records: bytes) -> list[PricePublished]:
        """Apply an entry of another log; return the prices in it that bots are told.

        Args:
            now_ns: venue time.
            first_seq: seq of the first record.
            records: one behind the other.

        """
        told: list[PricePublished] = []
        found = kinds(records)
        if _WANTED.isdisjoint(found):
            return told
        for at, kind in enumerate(found):
            if kind not in _WANTED:
                continue
            match decode(records, at * RECORD_BYTES):
                case PricePublished() as price if price.instrument_id in self._listed:
                    if price.consumers & ConsumerBit.BOTS:
                        told.append(price)
                    if price.consumers & ConsumerBit.MATCHING:
                        apply_price(self._engine, self._tolerances, price, first_seq + at, now_ns)
                case OpenInterestScaled() as scaled if scaled.instrument_id in self._listed:
                    self.list_instrument(replace(self._listed[scaled.instrument_id], scaled_ppm=scaled.scaled_ppm))
                case InstrumentListed() | MarginScalingListed() | MarginTierListed() as part:
                    listed = self._listings.take(part)
                    if listed is not None and listed.shard == self._engine.shard:
                        self._take_listing(listed, now_ns)
                case _:
                    pass
        return told

    def list_instrument(self, instrument: Instrument) -> None:
        """Take over a listing, its state left as it is."""
        self._engine.list_instrument(instrument)
        self._listed[instrument.instrument_id] = instrument

    def _take_listing(self, instrument: Instrument, now_ns: int) -> None:
        number = instrument.instrument_id
        before = self._listed.get(number)
        if (
            before is not None
            and before.state != instrument.state
            and self._engine.instrument_state(number) != InstrumentState.SETTLED
        ):
            self._engine.set_instrument_state(now_ns, number, instrument.state)
        self.list_instrument(instrument)
