"""Which instruments clearing lists: built-in ones by symbol, or those of a JSON file."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.margin import MarginTier
from wavetank.model.orders import InstrumentState
from wavetank.runtime.settings import SettingsInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from wavetank.clearing.config import ClearingConfig

# What open interest adds to a rate follows from trading; nobody lists it.
_FIELDS = {field.name for field in fields(Instrument)} - {"scaled_ppm"}
_TIER_FIELDS = set(MarginTier._fields)


def listed_instruments(config: ClearingConfig) -> list[Instrument]:
    """Return the instruments to list.

    Raises:
        SettingsInvalid: a symbol is unknown, or the file is not what the room's README says.

    """
    if config.instruments_file is not None:
        instruments = read_instruments(config.instruments_file)
    else:
        known = {instrument.symbol: instrument for instrument in default_instruments()}
        missing = [symbol for symbol in config.instruments if symbol not in known]
        if missing:
            raise SettingsInvalid(
                f"WAVETANK_CLEARING_INSTRUMENTS: {', '.join(missing)} not built in; {', '.join(known)} are,"
                " others stand in a file (WAVETANK_CLEARING_INSTRUMENTS_FILE)"
            )
        instruments = [known[symbol] for symbol in config.instruments]
    if config.funding_interval_ns is not None:
        interval_ns = config.funding_interval_ns
        instruments = [replace(instrument, funding_interval_ns=interval_ns) for instrument in instruments]
    return instruments


def read_instruments(path: Path) -> list[Instrument]:
    """Return the instruments of a file: a JSON list of objects with the fields of `Instrument`.

    Raises:
        SettingsInvalid: names the file, the entry and the field.

    """
    try:
        rows = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: not a readable JSON file: {error}") from error
    if not isinstance(rows, list) or not rows:
        raise SettingsInvalid(f"{path}: a list of at least one instrument is allowed")
    instruments = [_instrument(path, number, row) for number, row in enumerate(rows, 1)]
    for attribute in ("instrument_id", "symbol"):
        values = [getattr(instrument, attribute) for instrument in instruments]
        if len(set(values)) != len(values):
            raise SettingsInvalid(f"{path}: each {attribute} stands once")
    return instruments


def _instrument(path: Path, number: int, row: Any) -> Instrument:  # noqa: ANN401 - whatever the file holds.
    where = f"{path}: instrument {number}"
    if not isinstance(row, dict):
        raise SettingsInvalid(f"{where}: an object is allowed, not {type(row).__name__}")
    unknown = set(row) - _FIELDS
    if unknown:
        raise SettingsInvalid(f"{where}: unknown field {', '.join(sorted(unknown))}; allowed: {sorted(_FIELDS)}")
    try:
        tiers = tuple(_tier(where, tier) for tier in row["tiers"])
        state = InstrumentState[row.get("state", "TRADING")]
        instrument = Instrument(**{**row, "tiers": tiers, "state": state})
        instrument.margin.maintenance_micros(0)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SettingsInvalid(f"{where}: {type(error).__name__}: {error}") from error
    top_decimals, top_id = 6, 2**31
    if not 0 <= instrument.size_decimals <= top_decimals:
        raise SettingsInvalid(f"{where}: size_decimals is {instrument.size_decimals}; 0 to {top_decimals} is allowed")
    if not 1 <= instrument.instrument_id < top_id:
        raise SettingsInvalid(f"{where}: instrument_id is {instrument.instrument_id}; 1 to {top_id - 1} is allowed")
    return instrument


def _tier(where: str, row: Any) -> MarginTier:  # noqa: ANN401 - whatever the file holds.
    if not isinstance(row, dict) or set(row) - _TIER_FIELDS:
        raise SettingsInvalid(f"{where}: a tier is an object with {sorted(_TIER_FIELDS)}")
    return MarginTier(**row)
