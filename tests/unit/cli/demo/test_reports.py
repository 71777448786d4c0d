"""Every report says the same, in a shape that programs can rely on, and stands by itself."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from tests.unit.cli.demo.finished import finished
from wavetank.cli.demo.live import screen, sparkline
from wavetank.cli.demo.report_html import report_page
from wavetank.cli.demo.report_json import report_document
from wavetank.cli.demo.summary import print_summary
from wavetank.cli.demo.write import write_report
from wavetank.cli.failure import CommandFailed

KEYS = {
    "format_version",
    "ok",
    "title",
    "plan",
    "totals",
    "accounts",
    "liquidations",
    "deleveraging",
    "insurance_fund",
    "funding_ticks",
    "faults",
    "latencies",
    "oracle",
    "health",
    "happenings",
    "audit",
}


def test_the_json_report_has_these_parts_and_nothing_that_json_cannot_hold() -> None:
    document = report_document(finished())
    assert set(document) == KEYS
    # Tuples become lists, and nothing else changes.
    assert json.dumps(json.loads(json.dumps(document))) == json.dumps(document)


def test_an_account_in_the_json_report() -> None:
    account = report_document(finished())["accounts"][1]
    parts = {
        "spread_micros": 2,
        "inventory_micros": -22,
        "funding_micros": 0,
        "fees_micros": -1,
        "liquidation_micros": 0,
        "total_micros": -21,
    }
    assert account["name"] == "whale"
    assert account["kind"] == "believer"
    assert account["pnl"] == parts
    assert account["pnl_by_instrument"] == {"BTC": parts}
    assert account["profit_micros"] == -21
    assert account["residual_micros"] == 0
    assert account["positions"] == {"BTC": "0.00002"}


def test_a_liquidation_in_the_json_report() -> None:
    document = report_document(finished())
    case = document["liquidations"][0]
    assert (case["account"], case["outcome"], case["stages"]) == ("whale", "flat", ["insurance"])
    step = case["steps"][0]
    assert step["reason"] == "equity negative"
    # 200 lots of 10^-5 BTC; 599,000 ticks of ten cents.
    assert (step["delta_size"], step["limit_price"], step["done_size"]) == ("-0.002", "59900", "0.0015")
    assert step["health"] == -0.5
    assert case["cash"] == [
        {
            "time_ns": case["began_ns"],
            "cause": "fund top up",
            "from": "insurance-fund",
            "to": "whale",
            "amount_micros": 40,
        }
    ]
    assert document["deleveraging"][0]["rank"] == 1
    assert document["insurance_fund"] == {
        "before_micros": 1_000,
        "after_micros": 1_000,
        "received_micros": 0,
        "paid_micros": 40,
    }


def test_the_lag_is_in_the_json_report() -> None:
    btc = report_document(finished())["oracle"]["BTC"]
    assert btc["ticks_per_dollar"] == 10
    assert btc["true"]["index_price_ticks"][10] == 590_000
    # What clearing was told is three steps behind.
    assert btc["delivered_to_clearing"]["index_price_ticks"][10] == 593_000


@pytest.mark.parametrize(
    ("audit_ok", "with_case", "ok"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_ok_asks_for_the_audit_and_for_the_scripted_liquidation(audit_ok: bool, with_case: bool, ok: bool) -> None:
    assert report_document(finished(audit_ok=audit_ok, with_case=with_case))["ok"] is ok


def test_the_page_stands_by_itself() -> None:
    page = report_page(finished())
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    for heading in ("Prices", "Liquidations, stage by stage", "Auto-deleveraging", "Latency", "Audit"):
        assert f"<h2>{heading}" in page
    assert "audit: ok" in page
    assert page.count("data-root-id") >= 7


def test_names_are_escaped_on_the_page() -> None:
    page = report_page(finished(name="<b>bold</b>"))
    assert "<b>bold</b>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_both_forms_are_written(tmp_path: Path) -> None:
    written = write_report(finished(), tmp_path / "new" / "report")
    assert json.loads(written.json.read_text(encoding="utf-8"))["ok"] is True
    assert written.html.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_directory_that_cannot_be_written_to_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="ascii")
    with pytest.raises(CommandFailed, match="cannot be written to"):
        write_report(finished(), tmp_path / "taken")


def test_the_summary_tells_accounts_stages_and_latencies() -> None:
    output = io.StringIO()
    print_summary(finished(), Console(file=output, width=160))
    text = output.getvalue()
    for words in ("whale", "insurance", "equity negative", "fund top up $0.00 insurance-fund → whale", "whole: event"):
        assert words in text


@pytest.mark.parametrize("width", [80, 160])
def test_the_screen_fits_narrow_and_wide(width: int) -> None:
    outcome = finished()
    output = io.StringIO()
    console = Console(file=output, width=width, height=36)
    console.print(screen(outcome.plan, outcome.watch, console.size))
    text = output.getvalue()
    assert text.count("\n") <= 36
    for words in ("CALM", "maker-tight", "BTC", "oracle lag: clearing sees prices"):
        assert words in text


def test_a_sparkline_rises_with_its_values() -> None:
    assert sparkline([]) == ""
    assert sparkline([1.0, 1.0]) == "▄▄"
    assert sparkline([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]) == "▁▂▃▄▅▆▇█"
    assert len(sparkline([float(value) for value in range(500)], width=20)) == 20
