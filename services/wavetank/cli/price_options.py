"""From the options of `up` to the settings of oracle and clearing: where prices come from, what is listed.

It exists so that a person says `--prices FILE` or `--seed N` and both services agree on what that means. Kept true: a
file with a fault, or a window that it does not cover, is refused before anything is started.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.model.instrument import default_instruments
from wavetank.runtime.price_files import (
    BarPath,
    PriceFile,
    PriceFileInvalid,
    check_window,
    choose_files,
    common_range,
    load_file,
    replay_window,
    source_settings,
)

PUSH = "push"
"""Stands for a path in `--prices BTC=push`: prices come over gRPC."""

SYNTHETIC_MARKET = {"BTC": ("60000", "0.008"), "ETH": ("2500", "0.010"), "SOL": ("150", "0.014")}
"""Where a synthetic path begins, in dollars, and how far it goes in an hour (standard deviation)."""
_UNNAMED_MARKET = ("100", "0.010")

Settings = dict[str, dict[str, str]]

Bars = Annotated[
    BarPath, typer.Option(help="Points of a bar: open, both extremes in some order and close; or its close alone.")
]


@dataclass(frozen=True, slots=True)
class PriceChoice:
    """Where prices come from."""

    settings: Settings = field(default_factory=dict)
    """Service → name of a setting → value."""
    first_ns: int | None = None
    """Venue time at which a new venue begins; None for now."""


def price_choice(
    *,
    prices: Sequence[str] = (),
    seed: int | None = None,
    instruments: Path | None = None,
    start_ns: int | None = None,
    until_ns: int | None = None,
    allow_holes: bool = False,
    bars: BarPath = BarPath.NEARER_FIRST,
) -> PriceChoice:
    """Return what the options mean.

    Args:
        prices: files, directories, `SYMBOL=PATH`, `SYMBOL=push` or `push`; empty for a synthetic path.
        seed: of the synthetic path.
        instruments: file of instruments that clearing lists; None for the built-in ones.
        start_ns: venue time to begin at; None for the worst hour of the files.
        until_ns: venue time at which replay ends; None for the end of the window, or of the files.
        allow_holes: whether files may lack prices inside the window.
        bars: which points a bar becomes.

    Raises:
        CommandFailed: a file is missing, has a fault, or does not cover the window.

    """
    settings: Settings = {}
    if instruments is not None:
        settings["clearing"] = {"INSTRUMENTS_FILE": str(instruments.resolve())}
    symbols = _symbols(instruments)
    pushed = [_pushed_symbols(argument, symbols) for argument in prices]
    named = [argument for argument, push in zip(prices, pushed, strict=True) if push is None]
    sources: dict[str, list[dict[str, str | int]]] = {
        symbol: [{"kind": "push"}] for push in pushed if push is not None for symbol in push
    }
    first_ns: int | None = None
    oracle: dict[str, str] = {}
    if named:
        try:
            files = choose_files(named, symbols)
            first_ns, last_ns = _window(files, start_ns, until_ns, allow_holes=allow_holes, bars=bars)
        except PriceFileInvalid as error:
            raise CommandFailed(str(error), code=ExitCode.USAGE) from error
        for file in files:
            sources.setdefault(file.symbol, []).append(source_settings(file, bars=bars))
        oracle = {"REPLAY_UNTIL_NS": str(last_ns), "ALLOW_HOLES": str(allow_holes).lower()}
    elif seed is not None and not sources:
        sources = {symbol: [_synthetic(symbol, seed)] for symbol in symbols}
    if sources:
        settings["oracle"] = {"REPLAY_UNTIL_NS": "0", **oracle, "SOURCES": json.dumps(sources)}
        if instruments is None:
            # An instrument without a source of prices is not listed.
            settings["clearing"] = {"INSTRUMENTS": json.dumps([symbol for symbol in symbols if symbol in sources])}
    return PriceChoice(settings, first_ns)


def setting_choice(arguments: Sequence[str]) -> Settings:
    """Return the settings that `SERVICE.NAME=VALUE` arguments name.

    Raises:
        CommandFailed: an argument has another shape.

    """
    settings: Settings = {}
    for argument in arguments:
        name, separator, value = argument.partition("=")
        service, dot, setting = name.partition(".")
        if not separator or not dot or service not in {"matching", "clearing", "oracle"}:
            raise CommandFailed(
                f"--set {argument!r} is no setting",
                hint="write SERVICE.NAME=VALUE, for instance --set clearing.vault_enabled=false",
                code=ExitCode.USAGE,
            )
        settings.setdefault(service, {})[setting.upper()] = value
    return settings


def merged(*layers: Settings) -> Settings:
    """Return settings in which later layers have the last word."""
    result: Settings = {}
    for layer in layers:
        for service, settings in layer.items():
            result.setdefault(service, {}).update(settings)
    return result


def _symbols(instruments: Path | None) -> list[str]:
    if instruments is None:
        return [instrument.symbol for instrument in default_instruments()]
    try:
        return [str(item["symbol"]) for item in json.loads(instruments.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CommandFailed(
            f"{instruments} is no file of instruments: {error}",
            hint='a JSON list is allowed, each item with its "symbol"; services/wavetank/clearing/README.md has all',
            code=ExitCode.USAGE,
        ) from error


def _pushed_symbols(argument: str, symbols: Sequence[str]) -> list[str] | None:
    """Return the symbols whose prices an argument says are pushed; None when it names a file."""
    symbol, separator, source = argument.partition("=")
    if argument == PUSH:
        return list(symbols)
    return [symbol] if separator and source == PUSH and symbol in symbols else None


def _synthetic(symbol: str, seed: int) -> dict[str, str | int]:
    start_price, volatility = SYNTHETIC_MARKET.get(symbol, _UNNAMED_MARKET)
    return {"kind": "synthetic", "start_price": start_price, "volatility": volatility, "seed": seed}


def _window(
    files: Sequence[PriceFile], start_ns: int | None, until_ns: int | None, *, allow_holes: bool, bars: BarPath
) -> tuple[int, int]:
    paths = [load_file(file, bars=bars) for file in files]
    if start_ns is None:
        from_ns, to_ns = replay_window(paths)
    else:
        from_ns, to_ns = start_ns, common_range(paths)[1]
    to_ns = until_ns if until_ns is not None else to_ns
    for path in paths:
        check_window(path, from_ns, to_ns, allow_holes=allow_holes)
    return from_ns, to_ns
