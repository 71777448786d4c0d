"""The commands about pages: which there are, what one says, what one can say, and a page to begin from.

They exist apart from those that run pages, for they answer at once and change nothing but the file that was asked for.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import AsJson
from wavetank.cli.screen import notices, print_json, results
from wavetank.cli.times import show_duration
from wavetank.storms.console import PageName, page_named
from wavetank.storms.measure.catalogue import INSTRUMENT, PERSON, VENUE, WITH_ARGUMENTS
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.kinds import KINDS, terms_of_kind
from wavetank.storms.scenario.library import list_scenarios, text_of
from wavetank.storms.scenario.template import new_scenario


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


def show(
    name: PageName,
    as_json: AsJson = False,
) -> None:
    """Show the page of a scenario.

    Examples:
      wavetank storm show jelly_vault
    """
    scenario = page_named(name)
    if as_json:
        print_json(scenario.model_dump(mode="json", exclude_unset=True))
        return
    results().print(Syntax(text_of(name), "yaml", background_color="default", word_wrap=True))


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
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise CommandFailed(f"{path} cannot be written: {fault.strerror}", code=ExitCode.USAGE) from fault
    results().print(f"wrote [cyan]{path}[/]; run it with [cyan]wavetank storm run {path}[/]")


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
