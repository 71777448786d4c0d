"""What a shard makes of a price that it is told (ORCL-030).

It exists once, because the live shard and the simulated one must act alike. Kept true: a price that is none leaves the
last one standing, and what fills do not tolerate is applied as stale, by which only what reduces risk is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.model.validity import Action, Tolerances, Validity

if TYPE_CHECKING:
    from wavetank.matching.core.engine import Engine
    from wavetank.model.events.oracle import PricePublished


def apply_price(engine: Engine, tolerances: Tolerances, price: PricePublished, seq: int, now_ns: int) -> None:
    """Act by a price as far as it is trusted; one that is not positive, before the first, is passed over.

    Args:
        engine: whose mark it is.
        tolerances: of these what fills tolerate.
        price: as the oracle delivered it to matching.
        seq: of the oracle's log.
        now_ns: venue time.

    """
    mark_ticks, index_ticks, validity = price.mark_price_ticks, price.index_price_ticks, Validity(price.validity)
    if mark_ticks <= 0 or index_ticks <= 0:
        validity = Validity.NON_POSITIVE
        mark_ticks, index_ticks, _ = engine.mark(price.instrument_id)
        if mark_ticks == 0:
            return
    engine.apply_mark(
        now_ns,
        price.instrument_id,
        mark_ticks,
        index_ticks,
        price.index_time_ns,
        seq,
        stale=not tolerances.allows(Action.FILL, validity),
    )
