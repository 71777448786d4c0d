"""`wavetank storm`: a venue's worst days, simulated a thousand times or driven against a running venue.

It exists so that a day is one word: its page says who takes part, what goes wrong, and what must be true. Exit code 0
says that everything was as the page says, 1 that something was not, 2 that the page or the command is wrong.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import DIRECTORY, AsJson, Directory
from wavetank.cli.screen import notices, print_json, results
from wavetank.storms.console import (
    DOCUMENT_NAME,
    PAGE_NAME,
    WRONG_PAGE,
    EveryFigure,
    Jobs,
    Logs,
    PageName,
    Report,
    jobs_of,
    make_folders,
    page_named,
    progress,
    wanted_variants,
    write_report,
)
from wavetank.storms.fork_command import fork
from wavetank.storms.live_command import run_plans
from wavetank.storms.measure.record import RunRecord
from wavetank.storms.page_commands import figures, kinds, list_command, new, show
from wavetank.storms.report.document import DocumentUnreadable, read_document, results_document
from wavetank.storms.report.page import comparison_page, report_page
from wavetank.storms.report.results import Results, results_of, variant_name
from wavetank.storms.report.tables import print_comparison, print_results
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.overriding import read_assignments
from wavetank.storms.scenario.reading import overridden
from wavetank.storms.staging.running import RunPlan
from wavetank.storms.staging.seeds import run_all
from wavetank.storms.sweep.trial import Trial, attempt_all, outcome_document

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def storm() -> None:
    """Live through a day on which things go wrong, and look at what it cost.

    Examples:
      wavetank storm list
      wavetank storm run C1 --seeds 100 --report c1
      wavetank storm run jelly_vault --set venue.fund=1M
      wavetank storm fork day.yaml --at 60s --add '{fund: {top_up: 1M}}'
      wavetank storm compare before/results.json after/results.json
    """


app.command("list")(list_command)
app.command()(show)


@app.command()
def run(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    name: PageName,
    live: Annotated[
        bool, typer.Option("--live/--sim", help="On the running venue, in its time; or simulated, on a virtual clock.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, max=100_000, help="How many seeds, from the page's own on.")] = 1,
    jobs: Jobs = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the page; again for more.")
    ] = None,
    variants: Annotated[
        list[str] | None, typer.Option("--variant", metavar="NAME", help="Only this variant; again for more.")
    ] = None,
    report: Report = None,
    logs: Logs = None,
    every_figure: EveryFigure = False,
    as_is: Annotated[
        bool,
        typer.Option("--as-is", help="Live: with what the venue has where the page differs."),
    ] = False,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Run a scenario, every variant of it, once or over many seeds.

    Live, the page's people open accounts and trade over the network, its
    faults are set and its decisions made through the venue's own doors. When
    it is over, or is cut short, the venue is as it was found. What a running
    venue cannot have, such as other settings, is said before anything is done.

    Examples:
      wavetank storm run C1 --sim --seeds 100
      wavetank storm run jelly_vault --variant as_it_was --report jelly
      wavetank storm run C3 --set seed=7 --set venue.clearing.vault_cap=1M --logs day
      wavetank storm run oracle_lag --set market.instruments.BTC.file=spot_btcusdt.gz
      wavetank storm run calm --live --set duration=1m
    """
    if live and logs is not None:
        raise CommandFailed("a running venue keeps logs of its own", hint="leave out --logs", code=ExitCode.USAGE)
    try:
        plans = _plans(page_named(name), read_assignments(set_ or []), variants or [], seeds, logs)
        make_folders(report, logs)
        records = run_plans(plans, directory, as_is=as_is) if live else _simulated(plans, jobs_of(jobs))
    except WRONG_PAGE as fault:
        raise CommandFailed(
            str(fault), hint=f"`wavetank storm show {name}` shows the page", code=ExitCode.USAGE
        ) from fault
    where = [*(["--as-is"] if as_is else []), *(["--dir", str(directory)] if directory != DIRECTORY else [])]
    _say_what_repeats(records, name, set_ or [], where if live else [])
    found = results_of(records)
    if report is not None:
        write_report(report, found, report_page(found, [record for record in records if record.prices]))
    if as_json:
        print_json(results_document(found))
    else:
        print_results(found, results(), every_figure=every_figure)
        if report is not None:
            notices().print(f"the report stands in [cyan]{report / PAGE_NAME}[/]")
    if not found.ok:
        raise typer.Exit(ExitCode.FAILED)


app.command()(fork)


@app.command()
def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A results.json, the folder of a report, or NAME[:VARIANT].")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    seeds: Annotated[int, typer.Option(min=1, max=100_000, help="How many seeds of a page that is run.")] = 1,
    jobs: Jobs = 0,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page that shows both.")] = None,
    every_figure: EveryFigure = False,
    as_json: AsJson = False,
) -> None:
    """Lay two results beside each other, of documents or of pages that are run for it.

    Of pages that are run the report draws the first seed of each variant over time; a document holds no times.

    Examples:
      wavetank storm compare before after
      wavetank storm compare C1:as_it_was C1:as_it_should_be --seeds 20 --report c1.html
      wavetank storm compare before my_day.yaml
    """
    names = (first, second)
    try:
        read = {text: read_document(path) for text in names if (path := _document_at(text)) is not None}
        plans = {text: _plans_named(text, seeds) for text in names if text not in read}
        records = _simulated([plan for each in plans.values() for plan in each], jobs_of(jobs)) if plans else []
    except DocumentUnreadable as fault:
        hint = "`wavetank storm run NAME --report DIR` writes one"
        raise CommandFailed(str(fault), hint=hint, code=ExitCode.USAGE) from fault
    except WRONG_PAGE as fault:
        raise CommandFailed(str(fault), hint="`wavetank storm show NAME` shows a page", code=ExitCode.USAGE) from fault
    run: dict[str, list[RunRecord]] = {}
    for text, wanted in plans.items():
        run[text], records = records[: len(wanted)], records[len(wanted) :]
    one, other = (read[text] if text in read else results_of(run[text]) for text in names)
    if report is not None:
        drawn = [
            (f"{letter}: {variant_name(record.variant)}", record)
            for letter, text in zip("AB", names, strict=True)
            for record in run.get(text, [])
            if record.prices
        ]
        _write_comparison(report, one, other, drawn)
    if as_json:
        print_json({"a": results_document(one), "b": results_document(other)})
    else:
        print_comparison(one, other, results(), every_figure=every_figure)


@app.command()
def sweep(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 100,
    first: Annotated[int, typer.Option(min=0, help="The first one.")] = 1,
    over: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Let the weather come over this scenario; again for more.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="Begin no trial after so long; 0 ends with the seeds.")] = 0,
    jobs: Jobs = 0,
    as_json: AsJson = False,
) -> None:
    """Run random days until something breaks: every invariant after every step, an audit after every day.

    Ends with 0 if nothing broke; else each broken day is named with the command that repeats it.

    Examples:
      wavetank storm sweep --seeds 500
      wavetank storm sweep --over C1 --over calm --minutes 10
    """
    trials = [Trial(seed, name) for seed in range(first, first + seeds) for name in over or [""]]
    with progress("sweeping") as bar:
        task = bar.add_task("days", total=len(trials))
        try:
            outcomes = attempt_all(trials, jobs_of(jobs), minutes * 60, lambda _: bar.advance(task))
        except WRONG_PAGE as fault:
            raise CommandFailed(str(fault), hint="`wavetank storm list` names them all", code=ExitCode.USAGE) from fault
    broken = [outcome for outcome in outcomes if outcome.failure]
    if as_json:
        print_json([outcome_document(outcome) for outcome in outcomes])
    else:
        trades, liquidations = sum(each.trades for each in outcomes), sum(each.liquidations for each in outcomes)
        results().print(f"{len(outcomes)} days, {trades:,} trades, {liquidations:,} liquidations")
        for outcome in broken:
            results().print(f"[red]broken[/]: {escape(outcome.failure)}\n  [cyan]{outcome.trial.command}[/]")
    if broken:
        raise typer.Exit(ExitCode.FAILED)


app.command()(new)
app.command()(figures)
app.command()(kinds)


def _document_at(text: str) -> Path | None:
    """Return where a document stands, None for what is the name of a page."""
    path = Path(text)
    if path.is_dir():
        return path / DOCUMENT_NAME
    return path if path.suffix == ".json" else None


def _plans_named(text: str, seeds: int) -> list[RunPlan]:
    """Return the plans of a page that is named, `NAME` or `NAME:VARIANT`."""
    name, _, variant = text.partition(":")
    return _plans(page_named(name), {}, [variant] if variant else [], seeds, None)


def _write_comparison(path: Path, one: Results, other: Results, records: Sequence[tuple[str, RunRecord]]) -> None:
    try:
        path.write_text(comparison_page(one, other, records), encoding="utf-8")
    except OSError as fault:
        raise CommandFailed(f"the report cannot be written: {fault}", code=ExitCode.USAGE) from fault
    notices().print(f"the report stands in [cyan]{path}[/]")


def _plans(
    scenario: Scenario, overrides: dict[str, object], wanted: Sequence[str], seeds: int, logs: Path | None
) -> list[RunPlan]:
    """Return a plan for each variant and seed, seeds innermost."""
    variants = wanted_variants(scenario, overrides, list(wanted))
    plans = []
    for name, variant in variants.items():
        expected = scenario.variants[name].harm if name in scenario.variants else None
        for number in range(seeds):
            seed = variant.seed + number
            plans.append(
                RunPlan(
                    scenario=overridden(variant, {"seed": seed}),
                    variant=name,
                    expected_harm=expected,
                    logs=None if logs is None else logs / (name or "run") / str(seed),
                    keeps_series=number == 0,
                )
            )
    return plans


def _say_what_repeats(records: Sequence[RunRecord], name: str, assignments: Sequence[str], where: list[str]) -> None:
    """Leave in each record the command that repeats it, where scenario, variant and seed alone do not say it.

    Args:
        records: of one command.
        name: of the page, as it was typed.
        assignments: other values of the page.
        where: options that a live run needs besides.

    """
    for record in records:
        if name == record.scenario and not assignments and not where:
            continue
        variant = ["--variant", record.variant] if record.variant else []
        # Of two values for one place the last holds.
        values = [word for text in (*assignments, f"seed={record.seed}") for word in ("--set", text)]
        record.command = shlex.join(["wavetank", "storm", "run", name, f"--{record.mode}", *where, *variant, *values])


def _simulated(plans: list[RunPlan], jobs: int) -> list[RunRecord]:
    with progress("simulating") as bar:
        task = bar.add_task("runs", total=len(plans))
        return run_all(plans, jobs, lambda _: bar.advance(task))
