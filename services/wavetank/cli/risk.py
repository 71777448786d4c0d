"""`wavetank risk`: what would be, for an account and for the venue.

It exists because a margin is a promise about prices that have not come yet: how far an account is from its end, whom a
fall of one instrument forces to sell another, what a margin mode is worth, what it costs to get out. Clearing answers
all but the last; that is measured here, on the live books.
"""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

import typer

from wavetank.cli.amounts import AmountMalformed, ratio_e12
from wavetank.cli.book_sampling import random_arrivals, sample_books
from wavetank.cli.connection import VenueConnection
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.impact import ExpectedImpact, ImpactCurve, Taking
from wavetank.cli.options import DIRECTORY, AsJson, Directory, parsed_by
from wavetank.cli.risk_pages import (
    impact_document,
    message_document,
    show_account,
    show_comparison,
    show_contagion,
    show_impact,
    show_venue,
)
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import notices, print_json, results
from wavetank.v1 import account_pb2, directory_pb2, instrument_pb2, market_data_pb2, risk_pb2

app = typer.Typer(add_completion=False, no_args_is_help=True)

_MICROS = 1_000_000
_USUAL_NOTIONALS = (10_000 * _MICROS, 100_000 * _MICROS, 1_000_000 * _MICROS)
"""Sizes of an impact curve, if none are named, by what they are worth at the mark."""
_USUAL_SHARES = (10, 4, 2, 1)
"""An account's position is unwound by a tenth, a quarter, half and whole."""
_VENUE_SECONDS = 120.0
"""A venue of many thousand accounts is walked through once for each shock."""
_LONGEST_SECONDS = 3_600.0
_MOST_PER_SECOND = 1_000.0


def shock_ppm(text: str) -> int:
    """Return a move such as `-10%` in parts per million.

    Raises:
        AmountMalformed: the text has another shape, or is finer than a part per million.

    """
    ppm, rest = divmod(ratio_e12(text), 10**6)
    if rest:
        raise AmountMalformed(f"{text!r} is finer than a part per million; write for instance -10%, 0.05 or 25bp")
    return ppm


Account = Annotated[
    int, typer.Argument(metavar="ACCOUNT", help="The account's id; `wavetank accounts list` shows them.")
]
Shocks = Annotated[
    list[int] | None,
    typer.Option(
        "--shock",
        parser=parsed_by(shock_ppm),
        metavar="RATIO",
        help="A move of the marks: -10%, 25bp; again for more, at most 16. Else 5, 10, 20 and 30 % both ways.",
        show_default=False,
    ),
]
Instruments = Annotated[
    list[str] | None, typer.Option("--instrument", metavar="SYMBOL", help="Shock only this; again for more. Else all.")
]
Seconds = Annotated[float, typer.Option(min=0.1, max=_LONGEST_SECONDS, help="Wall seconds to watch the books.")]
PerSecond = Annotated[float, typer.Option(min=0.1, max=_MOST_PER_SECOND, help="Looks in a second, on average.")]
Seed = Annotated[int, typer.Option(help="Of the random moments.")]


@app.callback()
def risk() -> None:
    """Margins under shocks, contagion, margin modes, and what it costs to get out.

    Examples:
      wavetank risk account 1000
      wavetank risk contagion --shock -10%
      wavetank risk compare 1000 --shock -20% --shock 20%
      wavetank risk unwind 1000 --seconds 30
    """


@app.command("account")
def account_risk(
    account: Account,
    shocks: Shocks = None,
    legs: Annotated[bool, typer.Option("--legs", help="With --json: positions under each shock too.")] = False,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Show an account's margin, each position's prices, and its health under shocks.

    Bankruptcy price: closing there takes the position's share of the equity.
    Liquidation price: there equity meets maintenance margin, all else equal.

    Examples:
      wavetank risk account 1000
      wavetank risk account 1000 --shock -7.5% --shock 15% --json --legs
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        listed = listed_instruments(connection)
        request = risk_pb2.GetAccountRiskRequest(account_id=account, shocks_ppm=shocks or (), with_shocked_legs=legs)
        answer = connection.call(connection.risk.GetAccountRisk, request)
    if as_json:
        print_json(message_document(answer, listed))
    else:
        show_account(answer, listed, results())


@app.command("compare")
def compare(account: Account, shocks: Shocks = None, directory: Directory = DIRECTORY, as_json: AsJson = False) -> None:
    """Compare an account's book under several margin modes.

    Cross stands with all its equity for all its positions; isolated stands
    for each position with the initial margin that it needs alone.

    Examples:
      wavetank risk compare 1000 --shock -10%
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        listed = listed_instruments(connection)
        request = risk_pb2.CompareMarginRequest(account_id=account, shocks_ppm=shocks or ())
        answer = connection.call(connection.risk.CompareMargin, request)
    if as_json:
        print_json(message_document(answer, listed))
    else:
        show_comparison(answer, listed, results())


@app.command("venue")
def venue_risk(
    shocks: Shocks = None, instruments: Instruments = None, directory: Directory = DIRECTORY, as_json: AsJson = False
) -> None:
    """Show all clients together: who would be below margin, and by how much.

    Examples:
      wavetank risk venue --instrument BTC --shock -10% --shock -20%
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        listed = listed_instruments(connection)
        request = risk_pb2.GetVenueRiskRequest(shocks_ppm=shocks or (), instrument_ids=_ids(instruments, listed))
        answer = connection.call(connection.risk.GetVenueRisk, request, timeout=_VENUE_SECONDS)
    if as_json:
        print_json(message_document(answer, listed))
    else:
        show_venue(answer, listed, results())


@app.command("contagion")
def contagion(
    shocks: Shocks = None, instruments: Instruments = None, directory: Directory = DIRECTORY, as_json: AsJson = False
) -> None:
    """Show what a move of one instrument forces accounts to close, there and elsewhere.

    Rows: what moves. Columns: notional that must be closed. Accounts below
    their margin close, at the moved marks, the position that relieves most
    margin per slippage first, until they are above it; below two thirds of
    it everything goes, to the vault, the fund or the other side. The book
    takes all of it and no price moves further: the first round of a cascade.

    Examples:
      wavetank risk contagion --shock -10%
      wavetank risk contagion --instrument BTC --json
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        listed = listed_instruments(connection)
        request = risk_pb2.GetContagionRequest(shocks_ppm=shocks or (), instrument_ids=_ids(instruments, listed))
        answer = connection.call(connection.risk.GetContagion, request, timeout=_VENUE_SECONDS)
    if as_json:
        print_json(message_document(answer, listed))
    else:
        show_contagion(answer, listed, results())


@app.command("impact")
def impact(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which book.")],
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", metavar="UNITS", help="A size in coins; again for more. Else 10k, 100k and 1m dollars."),
    ] = None,
    seconds: Seconds = 10.0,
    per_second: PerSecond = 20.0,
    seed: Seed = 1,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Measure what market orders cost against mid, at random moments of the live book.

    A book too thin for a size, or without a mid, is in no mean; the share of
    such moments stands beside it. Hidden sizes are not seen.

    Examples:
      wavetank risk impact BTC --size 0.5 --size 5 --seconds 30
    """
    running = RunDirectory(directory)
    with VenueConnection(running.running()) as connection:
        listed = listed_instruments(connection)
        (instrument_id,) = _ids([symbol], listed)
        instrument = listed[instrument_id]
        lots = [_lots(size, instrument) for size in sizes or ()] or _usual_lots(connection, instrument)
    orders = [(taking, size) for taking in Taking for size in lots]
    points, unknown = _measure(running, {instrument.symbol: orders}, seconds, per_second, seed)
    if as_json:
        print_json(impact_document(points, unknown, listed.values()))
    else:
        show_impact(points, unknown, listed.values(), results())


@app.command("unwind")
def unwind(
    account: Account,
    seconds: Seconds = 10.0,
    per_second: PerSecond = 20.0,
    seed: Seed = 1,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Measure what it would cost an account to close its positions by market orders.

    A tenth, a quarter, half and all of each position, against mid, at random
    moments of the live books.

    Examples:
      wavetank risk unwind 1000 --seconds 30 --per-second 50
    """
    running = RunDirectory(directory)
    with VenueConnection(running.running()) as connection:
        listed = listed_instruments(connection)
        request = account_pb2.ListPositionsRequest(account_id=account)
        held = connection.call(connection.accounts.ListPositions, request).positions
    orders = {}
    for position in held:
        taking = Taking.SELL if position.size_lots > 0 else Taking.BUY
        # Rounded up, so that the curve of a single lot has a point.
        sizes = sorted({-(-abs(position.size_lots) // share) for share in _USUAL_SHARES})
        orders[listed[position.instrument_id].symbol] = [(taking, size) for size in sizes]
    points, unknown = _measure(running, orders, seconds, per_second, seed) if orders else ({}, 0)
    if as_json:
        print_json(impact_document(points, unknown, listed.values()))
    elif orders:
        show_impact(points, unknown, listed.values(), results())
    else:
        results().print(f"account {account} has no positions")


def listed_instruments(connection: VenueConnection) -> dict[int, instrument_pb2.Instrument]:
    """Return the listed instruments by id."""
    found = connection.call(connection.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).instruments
    return {instrument.instrument_id: instrument for instrument in found}


def _ids(symbols: Sequence[str] | None, listed: Mapping[int, instrument_pb2.Instrument]) -> list[int]:
    by_symbol = {instrument.symbol.upper(): instrument_id for instrument_id, instrument in listed.items()}
    for symbol in symbols or ():
        if symbol.upper() not in by_symbol:
            raise CommandFailed(
                f"no instrument {symbol!r}",
                hint=f"listed are: {', '.join(instrument.symbol for instrument in listed.values()) or 'none'}",
                code=ExitCode.USAGE,
            )
    return [by_symbol[symbol.upper()] for symbol in symbols or ()]


def _lots(text: str, instrument: instrument_pb2.Instrument) -> int:
    try:
        lots = Decimal(text.replace(",", "").replace("_", "")).scaleb(instrument.size_decimals)
        is_size = lots == lots.to_integral_value() and 1 <= lots < 2**40
    except ArithmeticError:
        is_size = False
    if not is_size:
        raise CommandFailed(
            f"{text!r} is no size of {instrument.symbol}",
            hint=f"a size is above 0, with at most {instrument.size_decimals} decimals",
            code=ExitCode.USAGE,
        )
    return int(lots)


def _usual_lots(connection: VenueConnection, instrument: instrument_pb2.Instrument) -> list[int]:
    request = market_data_pb2.GetBookRequest(instrument_id=instrument.instrument_id, depth=1)
    mark = connection.call(connection.market_data_of(instrument.instrument_id).GetBook, request).prices.mark_price_ticks
    if mark == 0:
        raise CommandFailed(f"{instrument.symbol} has no mark yet", hint="name sizes with --size, or try again")
    return sorted({max(1, notional // mark) for notional in _USUAL_NOTIONALS})


def _measure(
    running: RunDirectory,
    orders: Mapping[str, Sequence[tuple[Taking, int]]],
    seconds: float,
    per_second: float,
    seed: int,
) -> tuple[dict[str, list[ExpectedImpact]], int]:
    moments = random_arrivals(seed, per_second=per_second, seconds=seconds)
    curves = {symbol: ImpactCurve(points) for symbol, points in orders.items()}
    with notices().status(f"looking at {', '.join(curves)} for {seconds:g} s"):
        unknown = asyncio.run(sample_books(running.path, curves, moments))
    return {symbol: curve.points() for symbol, curve in curves.items()}, unknown
