"""The directory, answered alike by every service: one address is enough to find the whole venue."""

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version

from wavetank.model.instrument import Instrument
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.settings import ServiceSettings
from wavetank.v1 import directory_pb2, directory_pb2_grpc, instrument_pb2


def instrument_to_wire(instrument: Instrument) -> instrument_pb2.Instrument:
    """Return an instrument as the contract shows it."""
    return instrument_pb2.Instrument(
        instrument_id=instrument.instrument_id,
        symbol=instrument.symbol,
        size_decimals=instrument.size_decimals,
        significant_figures=instrument.significant_figures,
        margin_tiers=[
            instrument_pb2.MarginTier(
                lower_notional_micros=tier.lower_notional_micros,
                max_leverage=tier.max_leverage,
                maintenance_margin_ppm=tier.maintenance_ppm,
            )
            for tier in instrument.tiers
        ],
        taker_fee_ppm=instrument.taker_fee_ppm,
        maker_fee_ppm=instrument.maker_fee_ppm,
        min_notional_micros=instrument.min_notional_micros,
        max_order_lots=instrument.max_order_lots,
        max_position_lots=instrument.max_position_lots,
        open_interest_cap_lots=instrument.open_interest_cap_lots,
        price_band_ppm=instrument.price_band_ppm,
        impact_notional_micros=instrument.impact_notional_micros,
        funding_interval_ns=instrument.funding_interval_ns,
        state=int(instrument.state),  # type: ignore[arg-type] # The numbers of both enums are equal.
        scaling_begins_micros=instrument.scaling_begins_micros,
        scaling_full_micros=instrument.scaling_full_micros,
        scaled_ppm=instrument.scaled_ppm,
    )


def endpoints_of(settings: ServiceSettings, instruments: Sequence[Instrument]) -> list[directory_pb2.Endpoint]:
    """Return where the services listen, as the settings say.

    Args:
        settings: addresses of all services.
        instruments: what is listed; clearing has recorded which shard trades each.

    """
    matching = [
        directory_pb2.Endpoint(
            service=directory_pb2.SERVICE_KIND_MATCHING,
            address=address,
            shard=shard,
            instrument_ids=[listed.instrument_id for listed in instruments if listed.shard == shard],
        )
        for shard, address in enumerate(settings.matching_addresses)
    ]
    others = [
        directory_pb2.Endpoint(service=service, address=address)
        for service, address in (
            (directory_pb2.SERVICE_KIND_CLEARING, settings.clearing_address),
            (directory_pb2.SERVICE_KIND_ORACLE, settings.oracle_address),
        )
        if address
    ]
    return matching + others


class DirectoryServicer(directory_pb2_grpc.DirectoryServiceServicer):
    """Answer where everything is."""

    def __init__(
        self,
        *,
        clock: VenueClock,
        instruments: Callable[[], Iterable[Instrument]],
        endpoints: Callable[[Sequence[Instrument]], Sequence[directory_pb2.Endpoint]],
    ) -> None:
        """Make the servicer.

        Args:
            clock: the venue's clock.
            instruments: what is listed now.
            endpoints: where the services listen, given what is listed (`endpoints_of`).

        """
        self._clock = clock
        self._instruments = instruments
        self._endpoints = endpoints
        self._version = version("wavetank")

    async def GetDirectory(  # noqa: N802 - the contract names it.
        self, request: directory_pb2.GetDirectoryRequest, context: object
    ) -> directory_pb2.GetDirectoryResponse:
        """List instruments by id, services and the clock."""
        instruments = sorted(self._instruments(), key=lambda instrument: instrument.instrument_id)
        return directory_pb2.GetDirectoryResponse(
            instruments=[instrument_to_wire(instrument) for instrument in instruments],
            endpoints=self._endpoints(instruments),
            clock=directory_pb2.VenueClock(
                start_ns=self._clock.start_ns, origin_ns=self._clock.origin_ns, speed_milli=self._clock.speed_milli
            ),
            version=self._version,
        )
