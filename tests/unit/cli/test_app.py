"""Help comes at once, every command exists or is on its way, and failures end with their exit code."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wavetank.cli.app import COMMANDS, app

# What help must not wait for.
HEAVY = ("grpc", "redis", "numpy", "polars", "bokeh", "wavetank.client", "rich.markdown")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_the_first_page_names_every_command_with_examples_and_exit_codes() -> None:
    code, page = run("--help")
    assert code == 0
    assert all(name in page and entry.summary in page for name, entry in COMMANDS.items())
    assert "Exit codes: 0 done" in page
    assert "wavetank fault set lag BTC" in page


def test_the_first_page_imports_nothing_heavy() -> None:
    text = (
        "import sys\nfrom wavetank.cli.app import app\napp(['--help'], standalone_mode=False)\n"
        f"sys.exit(str([name for name in {HEAVY} if name in sys.modules]))"
    )
    result = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert result.stderr.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_with_an_example(name: str) -> None:
    code, page = run(name, "--help")
    assert code == 0
    assert f"wavetank {name}" in page


def test_a_misspelt_command_gets_a_proposal() -> None:
    code, page = run("demoo")
    assert code == 2
    assert "Did you mean 'demo'?" in page


@pytest.mark.parametrize(
    "command", ["status", "accounts list", "keys list", "fault list", "log", "log why 1", "deposit 1 1", "liquidations"]
)
def test_without_a_venue_every_command_says_how_to_start_one(command: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--dir", str(tmp_path / "none")])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "wavetank up" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "fault set lag BTC",
        "fault set lag BTC --lag soon",
        "fault set spike BTC --lag 3s",
        "fault set freeze BTC --by 1%",
        "fault set flood BTC",
        "up --speed 0",
        "up --speed fast",
        "up --start tomorrow",
        "up --set clearing",
        "up --prices BTC=/nowhere.csv",
        "deposit 1000 lots",
    ],
)
def test_a_wrong_command_line_ends_with_its_code_and_starts_nothing(command: str, tmp_path: Path) -> None:
    directory = tmp_path / "venue"
    result = CliRunner().invoke(app, [*command.split(), "--dir", str(directory)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert not directory.exists()


@pytest.mark.parametrize("command", ["fault", "disturb"])
@pytest.mark.parametrize("chance", ["0%", "100.01%"])
def test_a_chance_of_nothing_is_refused_not_taken_for_always(command: str, chance: str) -> None:
    kind = {"fault": "freeze", "disturb": "throttle"}[command]
    code, page = run(command, "set", kind, "--chance", chance)
    assert code == 2
    assert "a chance is 0.0001% to 100%" in page
