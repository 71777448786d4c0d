"""The market of a scenario as settings of the cores.

Kept true: what a page does not say is as in the shipped venue; what it says in dollars and units is exact in ticks and
lots, or refused.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.margin_modes import Correlation
from wavetank.clearing.core.settings import STAGE_ORDERS, ClearingSettings
from wavetank.clearing.core.valuation import HealthLimits
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.validity import Action, Doubt, Tolerances, ValidityTerms, tolerated
from wavetank.oracle.adapters.sources.synthetic import Shock
from wavetank.oracle.core.funding import FundingTerms
from wavetank.oracle.core.index import IndexTerms
from wavetank.oracle.core.settings import OracleSettings, SourceTerms
from wavetank.runtime.price_files import check_window
from wavetank.runtime.price_formats import load_path
from wavetank.runtime.price_path import PricePath, Series, SeriesUnknown
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.market import InstrumentTerms, ToleranceTerms
from wavetank.storms.scenario.market import SourceTerms as WrittenSource
from wavetank.storms.scenario.terms import given
from wavetank.storms.scenario.walks import start_price, walk_terms
from wavetank.storms.simulation.link import Delay
from wavetank.storms.simulation.venue import ENGINE, NetworkDelays, VenueSettings
from wavetank.storms.staging.prices import MarketPlan, PathPlan

START_NS = 1_700_000_000 * 10**9
"""When a scenario without files begins; any moment would do, as long as it is the same one."""

_E6 = 10**6
_LEAST_TICKS = 1_000
"""UNIT-015."""


class StagingRefused(ValueError):
    """A page says something that no venue can do; the message names it and what is allowed."""


def whole(value: Decimal, what: str) -> int:
    """Return a number that must be whole.

    Raises:
        StagingRefused: it is not.

    """
    if value != value.to_integral_value():
        raise StagingRefused(f"{what} is {value}, which is no whole number of the venue's units")
    return int(value)


def lots_of(instrument: Instrument, size: Decimal) -> int:
    """Return a size in lots, exactly."""
    return whole(size.scaleb(instrument.size_decimals), f"a size of {size} {instrument.symbol} in lots")


def ticks_of(instrument: Instrument, price: Decimal) -> int:
    """Return a price in ticks, exactly."""
    return whole(
        price.scaleb(6 - instrument.size_decimals), f"a price of {price} dollars of {instrument.symbol} in ticks"
    )


def instruments_of(scenario: Scenario) -> tuple[Instrument, ...]:
    """Return the instruments of a scenario, numbered in the order in which it names them.

    Raises:
        StagingRefused: a price is too low for its units (UNIT-015), or not exact in them.

    """
    shipped = {each.symbol: each for each in default_instruments()}
    listed = []
    for number, (symbol, terms) in enumerate(scenario.market.instruments.items(), start=1):
        like = shipped.get(symbol, shipped["BTC"])
        listed.append(_instrument(replace(like, instrument_id=number, symbol=symbol), terms))
    return tuple(listed)


def _instrument(like: Instrument, terms: InstrumentTerms) -> Instrument:
    decimals = like.size_decimals if terms.size_decimals is None else terms.size_decimals
    changes: dict[str, object] = {"size_decimals": decimals}
    if terms.tiers:
        changes["tiers"] = tuple(tier.listed() for tier in terms.tiers)
    for name, ratio in (
        ("taker_fee_ppm", terms.taker_fee),
        ("maker_fee_ppm", terms.maker_fee),
        ("price_band_ppm", terms.price_band),
    ):
        if ratio is not None:
            changes[name] = ratio // _E6
    for name, size in (
        ("max_order_lots", terms.max_order),
        ("max_position_lots", terms.max_position),
        ("open_interest_cap_lots", terms.open_interest_cap),
    ):
        if size is not None:
            changes[name] = whole(size.scaleb(decimals), f"{name} of {like.symbol}")
    as_written: dict[str, object] = {
        "impact_notional_micros": terms.impact_notional,
        "funding_interval_ns": terms.funding_interval,
        "funding_cap_e12": terms.funding_cap,
        "withholds_gains": terms.withholds_gains,
        "scaling_begins_micros": terms.scaling_begins,
        "scaling_full_micros": terms.scaling_full,
    }
    changes |= {name: value for name, value in as_written.items() if value is not None}
    instrument = replace(like, **changes)  # type: ignore[arg-type] # Names and types are those of the fields above.
    price = start_price(like.symbol, terms)
    if price is not None and not terms.file:
        _check_ticks(instrument, price)
    return instrument


def _check_ticks(instrument: Instrument, price: Decimal) -> None:
    decimals = instrument.size_decimals
    ticks = price.scaleb(6 - decimals)
    if ticks < _LEAST_TICKS:
        raise StagingRefused(
            f"{instrument.symbol} at {price} dollars is {ticks} ticks; at least {_LEAST_TICKS} are "
            f"needed (UNIT-015): with size_decimals below {decimals}, or per thousand units"
        )


def market_plan(scenario: Scenario) -> MarketPlan:
    """Return what the true prices are made of; files are read.

    It begins where the last of its files does, or at a moment that is always the same.

    Raises:
        StagingRefused: an instrument has neither a price nor a file, or a recorded price is too low for its units.
        PriceFileInvalid: a file cannot be read, or ends before the scenario does.

    """
    plans, begins = [], []
    for symbol, terms in scenario.market.instruments.items():
        prices = _recorded(symbol, terms)
        if prices is None:
            price = start_price(symbol, terms)
            if price is None:
                raise StagingRefused(f"market.instruments.{symbol} has neither a price nor a file")
            whole(price.scaleb(6), f"the price of {symbol}")
        if terms.begin is not None:
            begins.append(terms.begin)
        elif prices is not None:
            begins.append(prices.first_ns)
        sources = {source.name: _source(source, prices) for source in terms.sources}
        plans.append(PathPlan(symbol=symbol, prices=prices, sources=sources))
    start_ns = max(begins, default=START_NS)
    instruments = {each.symbol: each for each in instruments_of(scenario)}
    for plan in plans:
        if plan.prices is not None:
            check_window(plan.prices, start_ns, start_ns + scenario.duration, allow_holes=True)
            first = plan.prices.newest_by(start_ns)
            assert first is not None, "the window begins within the file"
            _check_ticks(instruments[plan.symbol], Decimal(first[1]).scaleb(-6))
    return MarketPlan(paths=tuple(plans), walks=walk_terms(scenario.market), start_ns=start_ns)


def _recorded(symbol: str, terms: InstrumentTerms) -> PricePath | None:
    if not terms.file:
        return None
    wanted, _, source = terms.series.partition("/")
    try:
        return load_path(Path(terms.file), series=Series(wanted or symbol, source))
    except SeriesUnknown as fault:
        raise StagingRefused(f"market.instruments.{symbol}.series: {fault}") from None


def _source(terms: WrittenSource, prices: PricePath | None) -> SourceTerms:
    usual = SourceTerms(weight=terms.weight)
    if terms.limit is not None:
        return replace(usual, limit_ns=terms.limit)
    return usual if prices is None else replace(usual, limit_ns=max(usual.limit_ns, prices.limit_ns))


def shocks_of(scenario: Scenario) -> list[Shock]:
    """Return the moves of the timeline as the walks take them."""
    shocks = []
    instruments = scenario.market.instruments
    for step in scenario.timeline:
        if step.move is None:
            continue
        moved = frozenset(step.move.instruments)
        if step.move.spares_recorded:
            moved = frozenset(symbol for symbol in moved or instruments if not instruments[symbol].file)
            if not moved:
                continue
        for turn in range(step.repeat):
            move = step.move
            shocks.append(
                Shock(
                    after_ns=step.at + turn * step.every,
                    move_e12=move.by,
                    over_ns=max(1, move.over),
                    hold_ns=move.hold,
                    recovered_e12=move.recovered,
                    recover_over_ns=move.recover_over,
                    symbols=moved,
                )
            )
    return shocks


def venue_settings(scenario: Scenario, plan: MarketPlan) -> VenueSettings:
    """Return the settings of the simulated venue of a scenario.

    Args:
        scenario: the page.
        plan: of its market.

    Raises:
        StagingRefused: the page says what no venue can do.
        SettingsRefused: clearing's settings contradict a rule.

    """
    terms = scenario.venue
    sources = {path.symbol: path.sources for path in plan.paths}
    funding = FundingTerms()
    if terms.funding.interest is not None:
        funding = replace(funding, interest_e12=terms.funding.interest)
    if terms.funding.clamp is not None:
        funding = replace(funding, clamp_e12=terms.funding.clamp)
    tolerances = tolerances_of(terms.tolerates)
    engine = replace(ENGINE, **given(terms.matching, EngineSettings))
    return VenueSettings(
        instruments=instruments_of(scenario),
        tolerances=tolerances,
        clearing=_clearing(scenario),
        engine=replace(engine, stale_after_ns=tolerances.age_limit_ns(Action.FILL, engine.stale_after_ns)),
        oracle=OracleSettings(
            sources=sources,
            funding=funding,
            index=IndexTerms(**given(terms.index, IndexTerms)),
            validity=ValidityTerms(**given(terms.validity, ValidityTerms)),
            tolerances=tolerances,
            **given(terms.oracle, OracleSettings),
        ),
        fund_micros=terms.fund,
        vault_micros=terms.vault,
        knows_magic_ids=terms.magic_client_ids,
        start_ns=plan.start_ns,
        delays=NetworkDelays(
            log=Delay(terms.log_delay, terms.log_jitter), lines=Delay(terms.log_delay, terms.log_jitter)
        ),
        ordering=OrderingSettings(**given(terms.ordering, OrderingSettings)),
    )


def tolerances_of(terms: ToleranceTerms) -> Tolerances:
    """Return what each action tolerates of prices."""
    said: dict[str, tuple[Doubt, ...]] = terms.model_dump(exclude_none=True)
    return replace(Tolerances(), **{action: tolerated(doubts) for action, doubts in said.items()})


def _clearing(scenario: Scenario) -> ClearingSettings:
    terms = scenario.venue
    usual = ClearingSettings()
    limits = {
        name: Fraction(value)
        for name, value in (
            ("warn", terms.warn_health),
            ("reduce_only", terms.reduce_only_health),
            ("backstop", terms.backstop_health),
        )
        if value is not None
    }
    correlations = dict(usual.correlations)
    groups = dict(usual.groups_ppm)
    collateral: dict[str, CollateralTerms] = {}
    for symbol, instrument in scenario.market.instruments.items():
        if instrument.correlation_group or instrument.correlation is not None:
            known = correlations.get(symbol, Correlation("", 0))
            correlations[symbol] = Correlation(
                instrument.correlation_group or known.group,
                known.correlation_ppm if instrument.correlation is None else instrument.correlation // _E6,
            )
            groups.setdefault(correlations[symbol].group, 0)
        if instrument.collateral_weight is not None:
            cap = {} if instrument.collateral_cap is None else {"cap_micros": instrument.collateral_cap}
            collateral[symbol] = CollateralTerms(weight_ppm=instrument.collateral_weight // _E6, **cap)
    if terms.group_correlation is not None:
        groups = dict.fromkeys(groups, terms.group_correlation // _E6)
    return replace(
        usual,
        tolerances=tolerances_of(terms.tolerates),
        health=replace(usual.health, **limits) if limits else HealthLimits(),
        stage_order=STAGE_ORDERS[1] if terms.insurance_before_backstop else STAGE_ORDERS[0],
        correlations={symbol: each for symbol, each in correlations.items() if symbol in scenario.market.instruments},
        groups_ppm=groups,
        collateral=collateral,
        **given(terms.clearing, ClearingSettings),
    )
