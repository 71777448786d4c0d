"""The examples run as they stand in the repository."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.eventually import eventually
from wavetank.client import Client, Consumer

EXAMPLES = ROOT / "clients" / "python" / "examples"


@pytest.fixture
def beside_the_venue(run_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory in which `.wavetank` is the run directory of a venue that has prices."""
    (tmp_path / ".wavetank").symlink_to(run_directory)
    monkeypatch.chdir(tmp_path)
    with Client(run_directory=run_directory) as client:
        client.admin.push_prices({"BTC": 64_000, "ETH": "2500.5", "SOL": 150})
    return run_directory


def test_break_the_oracle(beside_the_venue: Path) -> None:
    runpy.run_path(str(EXAMPLES / "break_the_oracle.py"))
    with Client(run_directory=beside_the_venue) as client:
        (fault,) = client.admin.list_faults()
        assert (fault.consumers, fault.lag_ns) == ((Consumer.CLEARING,), 30_000_000_000)
        client.admin.clear_faults()


def test_without_await(beside_the_venue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "without_await.py"), run_name="__main__")
    assert "the nearest allowed are 60000.0 and 60001.0" in capsys.readouterr().out


@pytest.mark.parametrize("example", ["ten_lines.py", "market_maker.py"])
def test_bots_quote(example: str, beside_the_venue: Path) -> None:
    with Client(run_directory=beside_the_venue) as client:
        before = {account.account_id for account in client.admin.list_accounts()}
        bot = subprocess.Popen([sys.executable, EXAMPLES / example], env=os.environ.copy())
        try:

            def is_quoting() -> bool:
                # Prices are pushed by hand here, and the bot waits for the next one.
                client.admin.push_prices({"BTC": 64_000, "ETH": "2500.5", "SOL": 150})
                opened = [each.account_id for each in client.admin.list_accounts() if each.account_id not in before]
                return any(client.orders.of(account_id).list_open("SOL") for account_id in opened)

            eventually(is_quoting, timeout=30)
            assert bot.poll() is None
        finally:
            bot.terminate()
            bot.wait(timeout=10)
