"""Instruments: what is traded, in which units, under which limits (UNIT-010 to UNIT-050)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from wavetank.model.events.clearing import InstrumentListed, MarginTierListed
from wavetank.model.margin import MarginTable, MarginTier
from wavetank.model.orders import InstrumentState

HOUR_NS = 3_600_000_000_000
MICROS = 1_000_000
"""Micro-dollars per dollar."""


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """An instrument as listed; units as in `InstrumentListed`.

    One lot is 10^-size_decimals of the base asset and one tick 10^-(6-size_decimals) USD, so one
    tick times one lot is one micro-dollar in every instrument (UNIT-010).
    """

    instrument_id: int
    symbol: str
    size_decimals: int
    tiers: tuple[MarginTier, ...]
    significant_figures: int = 5
    taker_fee_ppm: int = 450
    maker_fee_ppm: int = 150
    min_notional_micros: int = 10 * MICROS
    max_order_lots: int = 2**31 - 1
    max_position_lots: int = 2**38
    open_interest_cap_lots: int = 2**39
    price_band_ppm: int = 100_000
    impact_notional_micros: int = 20_000 * MICROS
    funding_interval_ns: int = HOUR_NS
    funding_cap_e12: int = 40_000_000_000
    state: InstrumentState = field(default=InstrumentState.TRADING)
    withholds_gains: bool = False
    """Withdrawals ignore unrealised gains in it (MRGN-060)."""
    shard: int = 0
    """Matching shard that trades it; clearing assigns it when it lists the instrument, and it stays there."""

    @cached_property
    def margin(self) -> MarginTable:
        """Margin table of the tiers."""
        return MarginTable(self.tiers)

    @property
    def max_leverage(self) -> int:
        """Leverage of the first tier, and an account's own until it chooses less."""
        return self.tiers[0].max_leverage

    @property
    def ticks_per_dollar(self) -> int:
        """Ticks in one dollar of price."""
        return int(10 ** (6 - self.size_decimals))

    def ticks_of_price_micros(self, price_micros: int) -> int:
        """Return a price per unit of the base asset in ticks, rounded half to even."""
        scale = int(10**self.size_decimals)
        quotient, rest = divmod(price_micros, scale)
        doubled = 2 * rest
        if doubled > scale or (doubled == scale and quotient % 2 == 1):
            quotient += 1
        return quotient

    def listing(self) -> tuple[InstrumentListed | MarginTierListed, ...]:
        """Return the events that list this instrument."""
        head = InstrumentListed(
            instrument_id=self.instrument_id,
            account_id=0,
            symbol=self.symbol.encode(),
            taker_fee_ppm=self.taker_fee_ppm,
            maker_fee_ppm=self.maker_fee_ppm,
            min_notional_micros=self.min_notional_micros,
            max_order_lots=self.max_order_lots,
            max_position_lots=self.max_position_lots,
            open_interest_cap_lots=self.open_interest_cap_lots,
            price_band_ppm=self.price_band_ppm,
            impact_notional_micros=self.impact_notional_micros,
            funding_interval_ns=self.funding_interval_ns,
            funding_cap_e12=self.funding_cap_e12,
            size_decimals=self.size_decimals,
            significant_figures=self.significant_figures,
            tier_count=len(self.tiers),
            state=int(self.state),
            withholds_gains=int(self.withholds_gains),
            shard=self.shard,
        )
        tiers = tuple(
            MarginTierListed(
                instrument_id=self.instrument_id,
                account_id=0,
                lower_notional_micros=tier.lower_notional_micros,
                maintenance_ppm=tier.maintenance_ppm,
                max_leverage=tier.max_leverage,
                tier=index,
            )
            for index, tier in enumerate(self.tiers)
        )
        return (head, *tiers)

    @classmethod
    def from_listing(cls, head: InstrumentListed, tiers: list[MarginTierListed]) -> Instrument:
        """Return the instrument that these events list."""
        return cls(
            instrument_id=head.instrument_id,
            symbol=head.symbol.decode(),
            size_decimals=head.size_decimals,
            tiers=tuple(
                MarginTier(tier.lower_notional_micros, tier.max_leverage, tier.maintenance_ppm)
                for tier in sorted(tiers, key=lambda tier: tier.tier)
            ),
            significant_figures=head.significant_figures,
            taker_fee_ppm=head.taker_fee_ppm,
            maker_fee_ppm=head.maker_fee_ppm,
            min_notional_micros=head.min_notional_micros,
            max_order_lots=head.max_order_lots,
            max_position_lots=head.max_position_lots,
            open_interest_cap_lots=head.open_interest_cap_lots,
            price_band_ppm=head.price_band_ppm,
            impact_notional_micros=head.impact_notional_micros,
            funding_interval_ns=head.funding_interval_ns,
            funding_cap_e12=head.funding_cap_e12,
            state=InstrumentState(head.state),
            withholds_gains=bool(head.withholds_gains),
            shard=head.shard,
        )


def default_instruments() -> tuple[Instrument, ...]:
    """Return BTC, ETH and SOL with the tiers that Hyperliquid publishes for them."""
    return (
        Instrument(
            instrument_id=1,
            symbol="BTC",
            size_decimals=5,
            tiers=(MarginTier(0, 40), MarginTier(150_000_000 * MICROS, 20)),
        ),
        Instrument(
            instrument_id=2,
            symbol="ETH",
            size_decimals=4,
            tiers=(MarginTier(0, 25), MarginTier(100_000_000 * MICROS, 15)),
        ),
        Instrument(
            instrument_id=3,
            symbol="SOL",
            size_decimals=2,
            tiers=(MarginTier(0, 20), MarginTier(70_000_000 * MICROS, 10)),
            impact_notional_micros=6_000 * MICROS,
        ),
    )
