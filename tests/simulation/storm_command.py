"""`wavetank storm` as a person types it."""

from __future__ import annotations

from typer.testing import CliRunner

from wavetank.cli.app import app


def storm(*words: str) -> tuple[int, str, str]:
    """Run a command; return its exit code, and what it wrote on standard output and on standard error."""
    result = CliRunner().invoke(app, ["storm", *words])
    return result.exit_code, result.stdout, result.stderr
