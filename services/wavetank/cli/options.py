"""Options that several commands share, worded once."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from wavetank.cli.amounts import AmountMalformed, dollars_to_micros, ratio_e12
from wavetank.cli.run_directory import DEFAULT_DIRECTORY
from wavetank.cli.times import TimeMalformed, duration_ns, instant_ns


def parsed_by(parse: Callable[[str], int]) -> Callable[[str | int], int]:
    """Return a parser for typer, whose complaint is shown with the option it belongs to."""

    def parse_option(text: str | int) -> int:
        # Typer passes a default through the parser too.
        if isinstance(text, int):
            return text
        try:
            return parse(text)
        except (TimeMalformed, AmountMalformed) as error:
            raise typer.BadParameter(str(error)) from error

    return parse_option


duration = parsed_by(duration_ns)
instant = parsed_by(instant_ns)
dollars = parsed_by(dollars_to_micros)
ratio = parsed_by(ratio_e12)

Directory = Annotated[Path, typer.Option("--dir", metavar="DIR", help="The venue's run directory.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]
Note = Annotated[str, typer.Option("--note", metavar="WHY", help="Why, in a few words; it stands in the log.")]

DIRECTORY = DEFAULT_DIRECTORY
