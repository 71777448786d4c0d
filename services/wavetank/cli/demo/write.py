"""Writes a report into a directory: `report.html` for people, `report.json` for programs."""

import json
from dataclasses import dataclass
from pathlib import Path

from wavetank.cli.demo.outcome import Outcome
from wavetank.cli.demo.report_html import report_page
from wavetank.cli.demo.report_json import report_document
from wavetank.cli.failure import CommandFailed


@dataclass(frozen=True, slots=True)
class Written:
    """Where a report is."""

    html: Path
    json: Path


def write_report(outcome: Outcome, directory: Path) -> Written:
    """Write both forms of a report.

    Raises:
        CommandFailed: the directory cannot be written to.

    """
    written = Written(directory / "report.html", directory / "report.json")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        written.json.write_text(json.dumps(report_document(outcome), separators=(",", ":")) + "\n", encoding="utf-8")
        written.html.write_text(report_page(outcome), encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"the report cannot be written to {directory}: {error}") from error
    return written
