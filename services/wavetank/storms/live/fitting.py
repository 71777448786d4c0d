"""Whether a page fits the venue that runs, and where it does not.

It exists because a running venue has its own instruments and settings: a page that asks for others would run, and mean
something else. Kept true: nothing has been done to the venue when a page is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from wavetank.model.instrument import Instrument
from wavetank.storms.scenario.document import DistanceTerms, Scenario
from wavetank.storms.scenario.steps import Step
from wavetank.storms.staging.market import instruments_of

_OF_PATHS = {"price", "volatility", "file", "series", "begin", "sources"}
"""What a page says of true prices: a running venue has its own."""
_OF_WALKS = {"correlation", "correlations", "jumps", "regimes", "bursts"}
"""What a page says of how true prices move by themselves."""
_OF_INSTRUMENTS = {
    "size_decimals": "size_decimals",
    "tiers": "tiers",
    "taker_fee": "taker_fee_ppm",
    "maker_fee": "maker_fee_ppm",
    "price_band": "price_band_ppm",
    "max_order": "max_order_lots",
    "max_position": "max_position_lots",
    "open_interest_cap": "open_interest_cap_lots",
    "impact_notional": "impact_notional_micros",
    "funding_interval": "funding_interval_ns",
}
"""Terms of a page that a running venue tells, and the fields that hold them."""
_FAR = Decimal("0.02")
"""So far, as a share, a price of the page may be from the venue's before prices in dollars mean something else."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Where a page and a running venue do not fit together."""

    place: str
    """Dotted path of the page."""
    why: str
    is_final: bool = False
    """Whether the page cannot run there at all; else it can, with what the venue has."""

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.place}: {self.why}"


def misfits(
    scenario: Scenario,
    listed: Mapping[str, Instrument],
    indexes: Mapping[str, Decimal],
    *,
    sources: Mapping[int, Sequence[str]],
    can_restart: bool,
) -> list[Misfit]:
    """Return where a page does not fit a running venue.

    Args:
        scenario: the page, variant and overrides applied.
        listed: the venue's instruments by symbol.
        indexes: dollars per unit by symbol, as bots are told them.
        sources: names of the sources of each instrument, by its number.
        can_restart: whether its services can be restarted from here.

    """
    return [
        *_of_market(scenario, listed),
        *_of_venue(scenario),
        *_of_cast(scenario),
        *_of_sources(scenario, {each.symbol: sources.get(each.instrument_id, ()) for each in listed.values()}),
        *_of_timeline(scenario, indexes, can_restart=can_restart),
    ]


def _of_market(scenario: Scenario, listed: Mapping[str, Instrument]) -> Iterator[Misfit]:
    for name in sorted(scenario.market.model_fields_set & _OF_WALKS):
        yield Misfit(f"market.{name}", "a running venue has prices of its own")
    wanted = {each.symbol: each for each in instruments_of(scenario)}
    for symbol, terms in scenario.market.instruments.items():
        place = f"market.instruments.{symbol}"
        known = listed.get(symbol)
        if known is None:
            yield Misfit(place, f"the venue does not list it; it lists {', '.join(listed)}", is_final=True)
            continue
        for name in sorted(terms.model_fields_set - _OF_PATHS):
            field = _OF_INSTRUMENTS.get(name)
            if field is None:
                yield Misfit(f"{place}.{name}", "a running venue does not tell, so it may be otherwise there")
            elif getattr(wanted[symbol], field) != getattr(known, field):
                was = getattr(known, field)
                yield Misfit(f"{place}.{name}", f"the venue has {was}, the page wants {getattr(wanted[symbol], field)}")
        if terms.file:
            yield Misfit(f"{place}.file", "a running venue has prices of its own")


def _of_venue(scenario: Scenario) -> Iterator[Misfit]:
    for name in sorted(scenario.venue.model_fields_set - {"ordering"}):
        said = getattr(scenario.venue, name)
        inner = sorted(said.model_fields_set) if hasattr(said, "model_fields_set") else []
        for each in inner or [""]:
            place = f"venue.{name}.{each}" if each else f"venue.{name}"
            yield Misfit(place, "a setting of the venue, which was made when it was started")


def _of_cast(scenario: Scenario) -> Iterator[Misfit]:
    for role in scenario.cast:
        if role.sees_next_index:
            yield Misfit(f"cast.{role.name}.sees_next_index", "nobody sees ahead of a venue that runs")
        if role.distance != DistanceTerms():
            yield Misfit(f"cast.{role.name}.distance", "everybody is as far away as this process is")


def _of_sources(scenario: Scenario, sources: Mapping[str, Sequence[str]]) -> Iterator[Misfit]:
    for number, step in enumerate(scenario.timeline):
        if step.fault is None:
            continue
        for symbol in step.fault.instruments or scenario.market.instruments:
            strangers = [name for name in step.fault.sources if name not in sources.get(symbol, step.fault.sources)]
            if strangers:
                known = ", ".join(sources[symbol]) or "none yet"
                yield Misfit(
                    f"timeline.{number}.fault.sources",
                    f"{symbol} has no source {', '.join(strangers)} in the venue; it has {known}",
                )


def _of_timeline(scenario: Scenario, indexes: Mapping[str, Decimal], *, can_restart: bool) -> Iterator[Misfit]:
    is_priced = False
    for number, step in enumerate(scenario.timeline):
        place = f"timeline.{number}.{step.verb}"
        if step.settle is not None:
            yield Misfit(place, "an instrument that was settled cannot be left as it was found", is_final=True)
        elif step.restart is not None and not can_restart:
            yield Misfit(place, "services restart in a run directory alone; name the venue's by --dir", is_final=True)
        is_priced = is_priced or _has_price(step)
    if not is_priced:
        return
    for symbol, terms in scenario.market.instruments.items():
        index = indexes.get(symbol)
        if terms.price is not None and index and abs(index - terms.price) > _FAR * terms.price:
            yield Misfit(
                f"market.instruments.{symbol}.price",
                f"the timeline has prices in dollars that were written for {terms.price}; the index is {index}",
                is_final=True,
            )


def _has_price(step: Step) -> bool:
    """Return whether a step says a price in dollars."""
    fault = step.fault
    return (
        (step.order is not None and step.order.price is not None)
        or (step.cross is not None and step.cross.price is not None)
        or (fault is not None and any(each is not None for each in (fault.price, fault.least, fault.most)))
    )
