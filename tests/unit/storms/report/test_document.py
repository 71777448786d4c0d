"""The document keeps results whole: what is read is what was written, and nothing else is read."""

import json
from pathlib import Path

import pytest

from tests.unit.storms.report.finished_run import DOLLAR, HASH, finished_run
from wavetank.storms.report.document import DocumentUnreadable, read_document, results_document, write_document
from wavetank.storms.report.results import Results, results_of


def two_variants() -> Results:
    return results_of(
        finished_run(seed=seed, variant=variant, holds=variant == "better", harm=variant == "better")
        for variant in ("as_it_was", "better")
        for seed in (3, 1)
    )


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    results = two_variants()
    write_document(results, tmp_path / "results.json")
    read = read_document(tmp_path / "results.json")
    assert read == results
    first = read.variants["as_it_was"].seeds[0].figures
    # Equality would let a truth pass for a number, and 9 for 9.0.
    assert [type(first[name]) for name in ("ledger.balanced", "fund.loss", "bot.min_health")] == [bool, int, float]


def test_the_shape_of_the_document() -> None:
    document = results_document(two_variants())
    assert list(document) == ["schema_version", "scenario", "title", "mode", "ok", "variants"]
    assert (document["scenario"], document["mode"], document["ok"]) == ("fall", "sim", False)
    variant = document["variants"]["as_it_was"]
    assert [seed["seed"] for seed in variant["seeds"]] == [1, 3]
    seed = variant["seeds"][0]
    assert (seed["state_hash"], seed["ok"], seed["failure"]) == (HASH, False, "")
    assert seed["figures"]["fund.loss"] == DOLLAR
    assert seed["asserted"][1] == {"text": "waterfall.no_cross_vault_draw", "holds": False, "seen": "no"}
    # Of two seeds the first is P5 and P50: half of all do not exceed it.
    assert variant["distribution"]["fund.loss"] == {"p5": DOLLAR, "p50": DOLLAR, "p95": 3 * DOLLAR}


def test_the_order_in_which_figures_were_measured_does_not_show() -> None:
    run, other = finished_run(), finished_run()
    other.figures = dict(reversed(other.figures.items()))
    assert json.dumps(results_document(results_of([run]))) == json.dumps(results_document(results_of([other])))


def test_a_hash_is_lower_case() -> None:
    run = finished_run()
    run.state_hash = "ABCD"
    assert results_document(results_of([run]))["variants"][""]["seeds"][0]["state_hash"] == "abcd"


def test_what_json_cannot_hold_is_null(tmp_path: Path) -> None:
    run = finished_run()
    run.figures |= {"bot.min_health": float("inf")}
    write_document(results_of([run]), tmp_path / "results.json")
    assert read_document(tmp_path / "results.json").variants[""].seeds[0].figures["bot.min_health"] is None


def changed(path: Path, **changes: object) -> Path:
    document = results_document(two_variants()) | changes
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_file_that_is_no_document_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    with pytest.raises(DocumentUnreadable, match=r"other\.json cannot be read: No such file"):
        read_document(path)
    for text, fault in (("{", "is no JSON"), ("[]", "schema_version None"), ('{"a": NaN}', "NaN is no number")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DocumentUnreadable, match=fault):
            read_document(path)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"schema_version": 2}, "schema_version 2; documents of version 1 can be read"),
        ({"schema_version": True}, "schema_version True"),
        ({"mode": "dream"}, "mode: Input should be 'sim' or 'live'"),
        ({"extra": 1}, "extra: Extra inputs are not permitted"),
        ({"variants": {"": {"ok": True, "seeds": [], "distribution": {"a": {"p5": "1"}}}}}, "distribution.a.p5"),
    ],
)
def test_another_shape_is_refused_by_its_place(tmp_path: Path, changes: dict[str, object], fault: str) -> None:
    with pytest.raises(DocumentUnreadable, match=fault):
        read_document(changed(tmp_path / "results.json", **changes))
