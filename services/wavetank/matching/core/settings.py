"""Settings of the matching core: plain values, so that the live service and the simulator give it the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What may differ between two venues while the rules stay the same.

    All durations are venue time. Recovery needs the settings that the log was written under.
    """

    credit_ttl_ns: int = 10_000_000_000
    """Age at which a credit line is stale (PROTOCOL R11)."""
    stale_after_ns: int = 0
    """Age of its index at which a mark is stale, whatever was told of it (ORCL-030); 0 for never."""
    remembered_client_ids: int = 100_000
    """Ended client order ids that are remembered per account (ORD-030)."""
    max_open_orders: int = 5_000
    """Resting orders per account."""
    max_instruments: int = 128
    """Instruments in which an account may have a position or open orders (PROTOCOL 1)."""
    depth_band_ppm: int = 10_000
    """Distance from the mark within which a book sample counts depth."""
    track_levels: bool = True
    """Whether changed price levels are gathered for `drain_level_updates`."""
    expected_orders: int = 1_000_000
    """Orders that room is set aside for at once: memory is used only as they come. More than these move the slab."""
