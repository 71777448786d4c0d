"""`wavetank storm`: a venue's worst days, simulated a thousand times or driven against a running venue.

It exists so that a day is one word: its page says who takes part, what goes wrong, and what must be true. Exit code 0
says that everything was as the page says, 1 that something was not, 2 that the page or the command is wrong.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.syntax import Syntax
from rich.table import Table

from wavetank.clearing.core.settings import SettingsRefused
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import AsJson
from wavetank.cli.screen import notices, print_json, results
from wavetank.cli.times import show_duration
from wavetank.runtime.price_path import PriceFileInvalid
from wavetank.storms.measure.catalogue import INSTRUMENT, PERSON, VENUE, WITH_ARGUMENTS
from wavetank.storms.measure.record import RunRecord
from wavetank.storms.report.document import DocumentUnreadable, read_document, results_document, write_document
from wavetank.storms.report.page import comparison_page, report_page
from wavetank.storms.report.results import Results, results_of
from wavetank.storms.report.tables import print_comparison, print_results
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.faults import ScenarioInvalid
from wavetank.storms.scenario.kinds import KINDS, terms_of_kind
from wavetank.storms.scenario.library import ScenarioUnknown, find, list_scenarios, text_of
from wavetank.storms.scenario.overriding import OverrideRefused, read_assignments
from wavetank.storms.scenario.reading import overridden, variants_of
from wavetank.storms.scenario.template import new_scenario
from wavetank.storms.staging.market import StagingRefused
from wavetank.storms.staging.running import RunPlan
from wavetank.storms.staging.seeds import run_all
from wavetank.storms.sweep.trial import Trial, attempt_all, outcome_document

app = typer.Typer(add_completion=False, no_args_is_help=True)

DOCUMENT_NAME = "results.json"
PAGE_NAME = "report.html"

_WRONG_PAGE = (ScenarioInvalid, ScenarioUnknown, OverrideRefused, StagingRefused, SettingsRefused, PriceFileInvalid)


@app.callback()
def storm() -> None:
    """Live through a day on which things go wrong, and look at what it cost.

    Examples:
      wavetank storm list
      wavetank storm run C1 --seeds 100 --report c1
      wavetank storm run jelly_vault --set venue.fund=1M
      wavetank storm compare before/results.json after/results.json
    """


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List the scenarios that come with Wavetank.

    Examples:
      wavetank storm list
    """
    scenarios = list_scenarios()
    if as_json:
        print_json([_summary(each) for each in scenarios])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what", "day", "cost", "lasts", "variants"):
        table.add_column(heading, overflow="fold")
    for each in scenarios:
        incident = each.incident
        table.add_row(
            f"[cyan]{each.name}[/]",
            each.title,
            str(incident.day) if incident else "",
            incident.loss if incident else "",
            show_duration(each.duration),
            ", ".join(each.variants),
        )
    results().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A shipped scenario, or a file.")],
    as_json: AsJson = False,
) -> None:
    """Show the page of a scenario.

    Examples:
      wavetank storm show jelly_vault
    """
    scenario = _found(name)
    if as_json:
        print_json(scenario.model_dump(mode="json", exclude_unset=True))
        return
    results().print(Syntax(text_of(name), "yaml", background_color="default", word_wrap=True))


@app.command()
def run(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    name: Annotated[str, typer.Argument(metavar="NAME", help="A shipped scenario, or a file.")],
    sim: Annotated[bool, typer.Option("--sim", help="Simulate, on a virtual clock.")] = True,
    seeds: Annotated[int, typer.Option(min=1, max=100_000, help="How many seeds, from the page's own on.")] = 1,
    jobs: Annotated[int, typer.Option(min=0, help="Processes at one time; 0 for one per core.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the page; again for more.")
    ] = None,
    variants: Annotated[
        list[str] | None, typer.Option("--variant", metavar="NAME", help="Only this variant; again for more.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write results.json and report.html there.")
    ] = None,
    logs: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the logs of each run, for an audit.")] = None,
    every_figure: Annotated[bool, typer.Option("--all", help="Show every figure that was measured.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a scenario, every variant of it, once or over many seeds.

    Examples:
      wavetank storm run C1 --sim --seeds 100
      wavetank storm run jelly_vault --variant as_it_was --report jelly
      wavetank storm run C3 --set seed=7 --set venue.clearing.vault_cap=1M --logs day
    """
    del sim  # The word may be said; there is no other way yet.
    try:
        plans = _plans(_found(name), read_assignments(set_ or []), variants or [], seeds, logs)
        records = _simulated(plans, jobs or os.cpu_count() or 1)
    except _WRONG_PAGE as fault:
        raise CommandFailed(
            str(fault), hint=f"`wavetank storm show {name}` shows the page", code=ExitCode.USAGE
        ) from fault
    found = results_of(records)
    if report is not None:
        _write(report, found, records)
    if as_json:
        print_json(results_document(found))
    else:
        print_results(found, results(), every_figure=every_figure)
        if report is not None:
            notices().print(f"the report stands in [cyan]{report / PAGE_NAME}[/]")
    if not found.ok:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A results.json, or the folder of a report.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page that shows both.")] = None,
    every_figure: Annotated[bool, typer.Option("--all", help="Show every figure that was measured.")] = False,
    as_json: AsJson = False,
) -> None:
    """Lay two results beside each other.

    Examples:
      wavetank storm compare before after
    """
    try:
        one, other = (read_document(path / DOCUMENT_NAME if path.is_dir() else path) for path in (first, second))
    except DocumentUnreadable as fault:
        hint = "`wavetank storm run NAME --report DIR` writes one"
        raise CommandFailed(str(fault), hint=hint, code=ExitCode.USAGE) from fault
    if report is not None:
        report.write_text(comparison_page(one, other), encoding="utf-8")
    if as_json:
        print_json({"a": results_document(one), "b": results_document(other)})
    else:
        print_comparison(one, other, results(), every_figure=every_figure)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the scenario: small letters, digits, underscores.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; else NAME.yaml here.")] = None,
) -> None:
    """Write a page to begin from: it runs as it is, and says what can be changed.

    Examples:
      wavetank storm new my_day && wavetank storm run my_day.yaml
    """
    path = out or Path(f"{name}.yaml")
    if path.exists():
        raise CommandFailed(f"{path} is there already", hint="--out names another file", code=ExitCode.USAGE)
    try:
        text = new_scenario(name)
    except ValueError as fault:
        raise CommandFailed(str(fault), code=ExitCode.USAGE) from fault
    path.write_text(text, encoding="utf-8")
    results().print(f"wrote [cyan]{path}[/]; run it with [cyan]wavetank storm run {path}[/]")


@app.command()
def figures(as_json: AsJson = False) -> None:
    """List what is measured of a run, and so what a page can assert.

    Examples:
      wavetank storm figures
    """
    meanings = [
        (prefix + meaning.name, meaning)
        for prefix, catalogue in (("", VENUE), ("", INSTRUMENT), ("", WITH_ARGUMENTS), ("bot.", PERSON))
        for meaning in catalogue.meanings.values()
    ]
    if as_json:
        print_json([{"name": name, "unit": each.unit.value, "meaning": each.text} for name, each in meanings])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("figure", "unit", "what it is"):
        table.add_column(heading, overflow="fold")
    for name, each in meanings:
        table.add_row(f"[cyan]{name}[/]", each.unit.value, escape(each.text))
    results().print(table)
    notices().print("an instrument's own stands as NAME.SYMBOL; a person's behind bot., account(NAME). and role(NAME).")


@app.command()
def kinds(as_json: AsJson = False) -> None:
    """List who can be cast, and what each can be told.

    Examples:
      wavetank storm kinds
    """
    listed = {kind: sorted(terms.model_fields) for kind in KINDS if (terms := terms_of_kind(kind)) is not None}
    if as_json:
        print_json(listed)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("kind")
    table.add_column("settings", overflow="fold")
    table.add_row("[cyan]account[/]", "none: it acts by the timeline alone")
    for kind, settings in listed.items():
        table.add_row(f"[cyan]{kind}[/]", ", ".join(settings))
    results().print(table)


@app.command()
def sweep(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 100,
    first: Annotated[int, typer.Option(min=0, help="The first one.")] = 1,
    over: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Let the weather come over this scenario; again for more.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="Begin no trial after so long; 0 ends with the seeds.")] = 0,
    jobs: Annotated[int, typer.Option(min=0, help="Processes at one time; 0 for one per core.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Run random days until something breaks: every invariant after every step, an audit after every day.

    Ends with 0 if nothing broke; else each broken day is named with the command that repeats it.

    Examples:
      wavetank storm sweep --seeds 500
      wavetank storm sweep --over C1 --over calm --minutes 10
    """
    trials = [Trial(seed, name) for seed in range(first, first + seeds) for name in over or [""]]
    with _progress("sweeping") as progress:
        task = progress.add_task("days", total=len(trials))
        try:
            outcomes = attempt_all(trials, jobs or os.cpu_count() or 1, minutes * 60, lambda _: progress.advance(task))
        except _WRONG_PAGE as fault:
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


def _summary(scenario: Scenario) -> dict[str, Any]:
    incident = scenario.incident
    return {
        "name": scenario.name,
        "title": scenario.title,
        "day": str(incident.day) if incident else None,
        "venue": incident.venue if incident else None,
        "loss": incident.loss if incident else None,
        "duration_ns": scenario.duration,
        "variants": list(scenario.variants),
        "tags": list(scenario.tags),
    }


def _found(name: str) -> Scenario:
    try:
        return find(name)
    except (ScenarioUnknown, ScenarioInvalid) as fault:
        raise CommandFailed(str(fault), hint="`wavetank storm list` names them all", code=ExitCode.USAGE) from fault


def _plans(
    scenario: Scenario, overrides: dict[str, object], wanted: Sequence[str], seeds: int, logs: Path | None
) -> list[RunPlan]:
    """Return a plan for each variant and seed, seeds innermost."""
    variants = variants_of(scenario, overrides)
    unknown = [name for name in wanted if name not in variants]
    if unknown:
        known = ", ".join(name for name in variants if name) or "none"
        raise CommandFailed(f"{scenario.name} has no variant {unknown[0]!r}; it has: {known}", code=ExitCode.USAGE)
    plans = []
    for name, variant in variants.items():
        if wanted and name not in wanted:
            continue
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


def _progress(what: str) -> Progress:
    return Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=notices(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _simulated(plans: list[RunPlan], jobs: int) -> list[RunRecord]:
    with _progress("simulating") as progress:
        task = progress.add_task("runs", total=len(plans))
        return run_all(plans, jobs, lambda _: progress.advance(task))


def _write(folder: Path, found: Results, records: Sequence[RunRecord]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_document(found, folder / DOCUMENT_NAME)
        page = report_page(found, [record for record in records if record.prices])
        (folder / PAGE_NAME).write_text(page, encoding="utf-8")
    except OSError as fault:
        raise CommandFailed(f"the report cannot be written: {fault}", code=ExitCode.USAGE) from fault
