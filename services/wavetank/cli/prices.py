"""`wavetank prices`: look at a file of prices before it is replayed, and write it in the venue's own form.

It exists so that nobody finds out by a refused start what a file holds, and so that a recording in any known format
becomes a table that may be cut, named and put together with others. Kept true: what is written is read back and
compared before anything is said to be done.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from wavetank.cli.amounts import show_dollars, show_ratio
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import AsJson, instant
from wavetank.cli.price_options import Bars
from wavetank.cli.price_summary import PriceSummary, summary_of
from wavetank.cli.screen import print_json, results
from wavetank.cli.times import show_duration, show_instant
from wavetank.runtime.price_files import BarPath, PriceFileInvalid, PricePath
from wavetank.runtime.price_formats import load_paths
from wavetank.runtime.price_path import Series, cut_path
from wavetank.runtime.price_tables import write_table

app = typer.Typer(add_completion=False, no_args_is_help=True)

MOST_HOLES = 5
"""Shown of one series; `--json` has all."""
_PERCENT_DIGITS_E12 = 10**8

Source = Annotated[Path, typer.Argument(metavar="FILE", help="Any format that the oracle replays.")]


@app.callback()
def prices() -> None:
    """Look at files of prices, and write them as tables.

    Read are `time,price` rows, bars, raw Binance captures, LOBSTER
    recordings, and the venue's own tables in Parquet or CSV; each text
    plain or in gzip.

    Examples:
      wavetank prices show BTCUSDT_1m.csv.gz
      wavetank prices convert spot_btcusdt.gz btc.parquet --symbol BTC
    """


@app.command("show")
def show_prices(file: Source, bars: Bars = BarPath.NEARER_FIRST, as_json: AsJson = False) -> None:
    """Show range, cadence, holes and the worst hour of every series in a file.

    Examples:
      wavetank prices show usdm_btcusdt.gz
      wavetank prices show prices.parquet --json
    """
    recordings = _read(file, bars)
    if as_json:
        print_json({"file": str(file), "series": [_document(*item) for item in sorted(recordings.items())]})
        return
    for series, path in sorted(recordings.items()):
        _show(file, series, path, summary_of(path))


@app.command("convert")
def convert_prices(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    file: Source,
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Ends in .parquet, .csv or .csv.gz.")],
    symbol: Annotated[
        str, typer.Option(metavar="NAME", help="Name the instrument; of several in the file, take this one.")
    ] = "",
    source: Annotated[
        str, typer.Option(metavar="NAME", help="Name the source; of several in the file, take this one.")
    ] = "",
    start: Annotated[
        int | None, typer.Option("--from", parser=instant, metavar="T", help="Leave out what is before, UTC.")
    ] = None,
    until: Annotated[
        int | None, typer.Option("--until", parser=instant, metavar="T", help="Leave out this and what is later.")
    ] = None,
    bars: Bars = BarPath.NEARER_FIRST,
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a file of prices as a table, in Parquet or CSV.

    Examples:
      wavetank prices convert BTCUSDT_1m.csv.gz btc.parquet --symbol BTC
      wavetank prices convert spot_btcusdt.gz btc.csv.gz --source binance
      wavetank prices convert crash.csv cut.parquet --from 2021-04-18
    """
    if target.exists() and not force:
        raise CommandFailed(f"{target} is there already", hint="name another, or use --force", code=ExitCode.USAGE)
    chosen = _chosen(file, _read(file, bars), Series(symbol, source))
    try:
        written = {series: cut_path(path, start, until) for series, path in chosen.items()}
        write_table(target, written)
        _check_written(target, written)
    except PriceFileInvalid as error:
        raise _refused(error) from error
    if as_json:
        print_json({"file": str(target), "series": [_document(*item) for item in sorted(written.items())]})
        return
    points = sum(len(path.times_ns) for path in written.values())
    results().print(f"[green]written:[/] {target}, {points:,} prices of {', '.join(map(str, sorted(written)))}")


def _read(file: Path, bars: BarPath) -> dict[Series, PricePath]:
    try:
        return load_paths(file, bars=bars)
    except PriceFileInvalid as error:
        raise _refused(error) from error


def _refused(error: PriceFileInvalid) -> CommandFailed:
    return CommandFailed(f"{error} ({error.reason.name})", code=ExitCode.USAGE)


def _chosen(file: Path, recordings: dict[Series, PricePath], wanted: Series) -> dict[Series, PricePath]:
    """Return the series that have the names that are wanted; one that has no name gets it."""
    chosen = {
        Series(*(own or name for own, name in zip(series, wanted, strict=True))): path
        for series, path in recordings.items()
        if all(not own or not name or own == name for own, name in zip(series, wanted, strict=True))
    }
    if not chosen:
        names = ", ".join(map(str, sorted(recordings)))
        raise CommandFailed(f"{file} holds no series named {wanted}", hint=f"name one of {names}", code=ExitCode.USAGE)
    return chosen


def _check_written(target: Path, written: dict[Series, PricePath]) -> None:
    found = load_paths(target)
    assert found.keys() == written.keys(), f"{target} holds {sorted(found)}, {sorted(written)} were written"
    for series, path in written.items():
        assert np.array_equal(found[series].times_ns, path.times_ns), f"times of {series} in {target} differ"
        assert np.array_equal(found[series].prices_micros, path.prices_micros), f"prices of {series} in {target} differ"


def _show(file: Path, series: Series, path: PricePath, summary: PriceSummary) -> None:
    name = f"{file.name} {'/'.join(filter(None, series))}".strip()
    table = Table(title=name, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("format", path.format.value)
    table.add_row("range", f"{show_instant(summary.first_ns)} to {show_instant(summary.end_ns)} UTC")
    table.add_row("points", f"{summary.points:,}")
    distances = f"{show_duration(summary.cadence_ns)} usually, {show_duration(summary.shortest_ns)} at least"
    table.add_row("cadence", distances)
    table.add_row("holes", _show_holes(summary))
    table.add_row("prices", f"{show_dollars(summary.lowest_micros)} to {show_dollars(summary.highest_micros)}")
    if summary.widest_confidence_micros is not None:
        table.add_row("confidence", f"± {show_dollars(summary.widest_confidence_micros)} at most")
    move = show_ratio(summary.worst_move_e12 // _PERCENT_DIGITS_E12 * _PERCENT_DIGITS_E12)
    table.add_row("worst hour", f"{move} from {show_instant(summary.worst_from_ns)}")
    table.add_row("", f"[cyan]{summary.sparkline}[/]")
    results().print(table)


def _show_holes(summary: PriceSummary) -> str:
    if not summary.holes:
        return "none"
    spans = [f"{show_instant(from_ns)} for {show_duration(to_ns - from_ns)}" for from_ns, to_ns in summary.holes]
    more = f", and {len(spans) - MOST_HOLES} more" if len(spans) > MOST_HOLES else ""
    return f"{len(spans)}: {', '.join(spans[:MOST_HOLES])}{more}"


def _document(series: Series, path: PricePath) -> dict[str, Any]:
    summary = summary_of(path)
    return {
        "symbol": series.symbol,
        "source": series.source,
        "format": path.format.value,
        "points": summary.points,
        "first_ns": summary.first_ns,
        "end_ns": summary.end_ns,
        "first": show_instant(summary.first_ns),
        "end": show_instant(summary.end_ns),
        "cadence_ns": summary.cadence_ns,
        "shortest_ns": summary.shortest_ns,
        "holes": [{"from_ns": from_ns, "to_ns": to_ns} for from_ns, to_ns in summary.holes],
        "longest_hole_ns": summary.longest_hole_ns,
        "lowest_micros": summary.lowest_micros,
        "highest_micros": summary.highest_micros,
        "widest_confidence_micros": summary.widest_confidence_micros,
        "worst_hour": {
            "from_ns": summary.worst_from_ns,
            "to_ns": summary.worst_to_ns,
            "move_e12": summary.worst_move_e12,
        },
        "sparkline": summary.sparkline,
    }
