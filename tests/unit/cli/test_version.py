"""`wavetank --version` says which venue this is."""

from typer.testing import CliRunner

from wavetank.cli.app import app


def test_the_installed_version_is_shown() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, "wavetank 0.1.0\n")
