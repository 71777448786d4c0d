"""Instruments: what is traded, in which units, under which limits (UNIT-010 to UNIT-050)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from wavetank.model.events.clearing import InstrumentListed, MarginScalingListed, MarginTierListed
from wavetank.model.invariant import InvariantBroken
from wavetank.model.margin import MarginTable, MarginTier
from wavetank.model.orders import InstrumentState

HOUR_NS = 3_600_000_000_000
MICROS = 1_000_000
"""Micro-dollars per dollar."""

ListingEvent = InstrumentListed | MarginScalingListed | MarginTierListed
"""What lists an instrument, in this order; the last tier completes it."""


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
    scaling_begins_micros: int = 0
    """Open interest, in micro-dollars at mark, from which on initial margin is scaled (MRGN-020)."""
    scaling_full_micros: int = 0
    """Open interest at which all notional is margin; 0 scales nothing."""
    scaled_ppm: int = 0
    """Share in force of what a leverage leaves unmargined; clearing moves it."""

    def __post_init__(self) -> None:
        """Check the order of what margin is scaled between.

        Raises:
            ValueError: scaling does not ascend from 0.

        """
        if not 0 <= self.scaling_begins_micros <= self.scaling_full_micros:
            message = f"scaling ascends from 0: {self.scaling_begins_micros}, {self.scaling_full_micros}"
            raise ValueError(message)

    @cached_property
    def margin(self) -> MarginTable:
        """Margin table of the tiers."""
        return MarginTable(self.tiers)

    @property
    def max_leverage(self) -> int:
        """Leverage of the first tier, and an account's own until it chooses less."""
        return self.tiers[0].max_leverage

    def initial_micros(self, notional_micros: int, leverage: int) -> int:
        """Return the initial margin of a notional at an account's leverage and the present share (MRGN-020)."""
        return self.margin.initial_micros(notional_micros, leverage, self.scaled_ppm)

    def least_initial_micros(self, notional_micros: int) -> int:
        """Return the initial margin of a notional at the largest leverage, whatever the open interest (MRGN-020)."""
        return self.margin.initial_micros(notional_micros, self.max_leverage)

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

    def listing(self) -> tuple[ListingEvent, ...]:
        """Return the events that list this instrument; `Listings` puts them together again."""
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
        if not self.scaling_full_micros:
            return (head, *tiers)
        scaling = MarginScalingListed(
            instrument_id=self.instrument_id,
            account_id=0,
            begins_micros=self.scaling_begins_micros,
            full_micros=self.scaling_full_micros,
            scaled_ppm=self.scaled_ppm,
        )
        return (head, scaling, *tiers)

    @classmethod
    def from_listing(
        cls, head: InstrumentListed, tiers: list[MarginTierListed], scaling: MarginScalingListed | None = None
    ) -> Instrument:
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
            scaling_begins_micros=scaling.begins_micros if scaling is not None else 0,
            scaling_full_micros=scaling.full_micros if scaling is not None else 0,
            scaled_ppm=scaling.scaled_ppm if scaling is not None else 0,
        )


class Listings:
    """Puts instruments together from the events that list them; each is seen whole or not at all."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self._head: InstrumentListed | None = None
        self._scaling: MarginScalingListed | None = None
        self._tiers: list[MarginTierListed] = []

    def take(self, event: ListingEvent) -> Instrument | None:
        """Take in the next event; return the instrument that it completes.

        Raises:
            InvariantBroken: the event does not follow its instrument's listing.

        """
        if isinstance(event, InstrumentListed):
            self._head, self._scaling, self._tiers = event, None, []
            return None
        head = self._head
        if head is None or head.instrument_id != event.instrument_id:
            message = f"a {type(event).__name__} of instrument {event.instrument_id} stands before its listing"
            raise InvariantBroken(message)
        if isinstance(event, MarginScalingListed):
            self._scaling = event
            return None
        self._tiers.append(event)
        if len(self._tiers) < head.tier_count:
            return None
        self._head = None
        return Instrument.from_listing(head, self._tiers, self._scaling)


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
