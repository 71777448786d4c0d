"""Build the sources that the settings list, and refuse what cannot be replayed before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from wavetank.oracle.adapters.sources.recorded import RecordedSource
from wavetank.oracle.adapters.sources.synthetic import (
    Burst,
    Jumps,
    Regime,
    Shock,
    SyntheticMarket,
    SyntheticSource,
    Walk,
)
from wavetank.oracle.config import (
    MS,
    BurstScript,
    FileSource,
    JumpScript,
    OracleServiceSettings,
    RegimeScript,
    ShockScript,
)
from wavetank.oracle.config import SyntheticSource as SyntheticSettings
from wavetank.oracle.core.settings import SourceRole, SourceTerms
from wavetank.oracle.ports import PriceSource
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.price_files import check_window
from wavetank.runtime.price_formats import BarPath, load_paths, one_series
from wavetank.runtime.price_path import PriceFileInvalid, PricePath, Series
from wavetank.runtime.settings import SettingsInvalid

ONE_E6 = 1_000_000
ONE_E12 = 1_000_000_000_000
DAY_NS = 86_400_000_000_000

_ROLES = {"index": SourceRole.INDEX, "perp": SourceRole.PERP}


def build_sources(settings: OracleServiceSettings, clock: VenueClock) -> list[PriceSource]:
    """Return every source that prices itself; pushed ones do not.

    Args:
        settings: of the oracle.
        clock: its start is where files and walks begin.

    Raises:
        SettingsInvalid: a file cannot be replayed, or correlations contradict each other; all faults at once.

    """
    faults: list[str] = []
    recorded = _recorded(settings, clock, faults)
    synthetic = _synthetic(settings, clock, faults)
    if faults:
        raise SettingsInvalid("\n".join(faults))
    return [*recorded, *synthetic]


def terms_of(sources: Iterable[PriceSource]) -> dict[str, dict[str, SourceTerms]]:
    """Return the terms of sources by symbol and name, as the core's settings want them."""
    terms: dict[str, dict[str, SourceTerms]] = {}
    for source in sources:
        terms.setdefault(source.symbol, {})[source.name] = source.terms
    return terms


def _recorded(settings: OracleServiceSettings, clock: VenueClock, faults: list[str]) -> list[PriceSource]:
    sources: list[PriceSource] = []
    read: dict[tuple[Path, BarPath], dict[Series, PricePath]] = {}
    for symbol, name, source in settings.named_sources():
        if not isinstance(source, FileSource):
            continue
        if clock.start_ns == 0:
            faults.append(
                f"{source.path}: clock_start_ns is 0; the time in the file at which the venue begins is needed"
            )
            continue
        try:
            key = source.path, source.bars
            if key not in read:
                read[key] = load_paths(source.path, bars=source.bars)
            prices = one_series(source.path, read[key], Series(source.symbol or symbol, source.source))
            until_ns = settings.replay_until_ns or prices.end_ns
            check_window(prices, clock.start_ns, until_ns, allow_holes=settings.allow_holes)
        except PriceFileInvalid as fault:
            faults.append(f"{fault} ({fault.reason.name})")
            continue
        limit_ns = max(settings.source_limit_ms * MS, prices.limit_ns)
        terms = SourceTerms(role=_ROLES[source.role], weight=source.weight, limit_ns=limit_ns)
        sources.append(RecordedSource(symbol, name, terms, prices.cursor()))
    return sources


def _synthetic(settings: OracleServiceSettings, clock: VenueClock, faults: list[str]) -> list[PriceSource]:
    by_seed: dict[int, list[tuple[str, str, SyntheticSettings]]] = {}
    for symbol, name, source in settings.named_sources():
        if isinstance(source, SyntheticSettings):
            by_seed.setdefault(source.seed, []).append((symbol, name, source))
    for number, script in enumerate(settings.synthetic.jumps):
        unknown = sorted(set(script.symbols) - set(settings.sources))
        if unknown:
            listed = ", ".join(settings.sources)
            faults.append(f"synthetic.jumps[{number}].symbols has {', '.join(unknown)}; {listed} are allowed")
    step_ns = settings.synthetic.step_ms * MS
    limit_ns = max(settings.source_limit_ms * MS, 2 * step_ns)
    # Without a start of its own a venue's clock is the wall's, and the walks begin on this day.
    start_ns = clock.start_ns or clock.now_ns() // DAY_NS * DAY_NS
    sources: list[PriceSource] = []
    for seed, members in sorted(by_seed.items()):
        symbols = [symbol for symbol, _, _ in members]
        try:
            market = SyntheticMarket(
                seed=seed,
                walks=[
                    Walk(
                        symbol=symbol,
                        start_price_micros=int(source.start_price * ONE_E6),
                        volatility_e6=int(source.volatility * ONE_E6),
                        drift_e6=int(source.drift * ONE_E6),
                    )
                    for symbol, _, source in members
                ],
                correlations_e6=_correlations_e6(settings, symbols),
                step_ns=step_ns,
                start_ns=start_ns,
                shocks=[_shock(script) for script in settings.synthetic.shocks],
                jumps=[_jumps(script, symbols) for script in settings.synthetic.jumps],
                regimes=[_regime(script) for script in settings.synthetic.regimes],
                bursts=[_burst(script) for script in settings.synthetic.bursts],
            )
        except ValueError as fault:
            faults.append(str(fault))
            continue
        for symbol, name, source in members:
            sources.append(SyntheticSource(symbol, name, SourceTerms(weight=source.weight, limit_ns=limit_ns), market))
    return sources


def _correlations_e6(settings: OracleServiceSettings, symbols: list[str]) -> dict[tuple[str, str], int]:
    named: dict[tuple[str, str], Decimal] = {}
    for pair, correlation in settings.synthetic.correlations.items():
        one, _, other = pair.partition(",")
        named[one.strip(), other.strip()] = named[other.strip(), one.strip()] = correlation
    return {
        (one, other): int(named.get((one, other), settings.synthetic.correlation) * ONE_E6)
        for position, one in enumerate(symbols)
        for other in symbols[:position]
    }


def _shock(script: ShockScript) -> Shock:
    return Shock(
        after_ns=script.after_ms * MS,
        move_e12=int(script.move * ONE_E12),
        over_ns=script.over_ms * MS,
        hold_ns=script.hold_ms * MS,
        recovered_e12=int(script.recovered * ONE_E12),
        recover_over_ns=script.recover_over_ms * MS,
        symbols=frozenset(script.symbols),
    )


def _jumps(script: JumpScript, symbols: list[str]) -> Jumps:
    # Sources of different seeds are markets of their own; each has its share of the instruments that jump.
    own = frozenset(script.symbols) & frozenset(symbols)
    per_hour = script.per_hour if own or not script.symbols else Decimal(0)
    return Jumps(
        per_hour_e6=int(per_hour * ONE_E6),
        mean_e6=int(script.mean * ONE_E6),
        deviation_e6=int(script.deviation * ONE_E6),
        are_common=script.common,
        symbols=own,
    )


def _regime(script: RegimeScript) -> Regime:
    return Regime(
        name=script.name,
        mean_ns=script.mean_ms * MS,
        volatility_factor_e6=int(script.volatility * ONE_E6),
        drift_e6=int(script.drift * ONE_E6),
        correlation_factor_e6=int(script.correlation * ONE_E6),
        intensity_factor_e6=int(script.intensity * ONE_E6),
        next_weights=script.next,
    )


def _burst(script: BurstScript) -> Burst:
    return Burst(
        length_ns=script.length_ms * MS,
        every_ns=script.every_ms * MS,
        is_random=script.arrivals == "random",
        after_ns=script.after_ms * MS,
        volatility_factor_e6=int(script.volatility * ONE_E6),
        intensity_factor_e6=int(script.intensity * ONE_E6),
    )
