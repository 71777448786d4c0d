"""A fork is what it says: one past, and from there on each branch the run of its own page.

What is compared are bytes: the logs of a branch with those of its page run whole, from the beginning.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from wavetank.clearing.core.booking import Booking
from wavetank.cli.audit.run import audit_folder
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.record import decode_all
from wavetank.runtime.log_entry import decode_entry
from wavetank.runtime.log_files import log_names, read_log_file
from wavetank.storms.forking import growing
from wavetank.storms.forking.earlier import ForkRefused, check_change
from wavetank.storms.forking.growing import Branch, ForkPlan, Grown, grow
from wavetank.storms.scenario.reading import overridden, read_scenario
from wavetank.storms.staging.running import RunPlan, run_simulated

if TYPE_CHECKING:
    from pathlib import Path

    from wavetank.model.events.oracle import FundingTicked
    from wavetank.storms.measure.record import RunRecord
    from wavetank.storms.scenario.document import Scenario

SECOND_NS = 1_000_000_000
AT_NS = 16_500_000_000
"""Between two publications of the oracle, so that somebody has seen a price that is to come."""
PAGE = """\
scenario: 1
name: short_fork
title: Half a minute in which somebody is asked
duration: 30s
market:
  instruments:
    BTC: {price: 60000, volatility: 2%, funding_interval: 10s}
    ETH: {price: 2500, volatility: 2%, funding_interval: 10s}
venue:
  fund: 1k
  clearing: {vault_cap: 0, escalation_wait: 6s}
cast:
  - {name: makers, kind: market_maker, count: 2, deposit: 500k, is_bot: true, settings: {size: 9k, max_position: 200k}}
  - {name: takers, kind: taker_flow, deposit: 500k, settings: {mean_size: 3k, max_position: 100k}}
  - {name: noise, kind: noise, count: 4, deposit: 100k, settings: {interval: 500ms}}
  - {name: seer, kind: informed, deposit: 100k, sees_next_index: true, instruments: [ETH],
     settings: {clip: 2k, max_position: 20k}}
  - {name: long, deposit: 10k}
  - {name: short, deposit: 1M}
timeline:
  - {at: 3s, cross: {buyer: long, seller: short, instrument: BTC, size: 3}}
  - {at: 8s, fault: {kind: lag, lag: 5s, consumers: [clearing], lasting: 12s, name: late}}
  - {at: 14s, restart: {service: clearing, down: 3s}}
  - {at: 16500ms, disturb: {kind: throttle, who: [noise], probability: 50%, lasting: 4s}}
  - {at: 17s, move: {by: -20%, over: 2s, instruments: [BTC]}}
  - {at: 20s, restart: {service: matching, down: 2s}}
  - {at: 24s, withdraw: {who: makers.1}}
asserts: [ledger.balanced]
"""

CHANGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a step at the very time": {"timeline.3.disturb.probability": "100%"},
    "a move of the true price": {"timeline.4.move.by": "-8%"},
    "a step that comes earlier": {"timeline.5.at": "18s"},
    "a step that is left out": {"timeline.6.at": "29999ms"},
    "a longer day": {"duration": "33s"},
    # Nobody has been asked before the price fell, so who would have answered has not mattered.
    "somebody at the desk": {"person.policy": "after", "person.after": "2s", "person.choose": "go_on"},
    "a script": {"person.policy": "scripted", "person.scripted": [{"at": "25s", "choose": "hold"}]},
}
ADDED: dict[str, dict[str, Any]] = {
    "mended": {"at": "16500ms", "mend": {"names": ["late"]}},
    "a rescue": {"at": "18s", "fund": {"top_up": "1M"}},
    "another move": {"at": "17s", "move": {"by": "10%", "instruments": ["ETH"]}},
    "shuffled": {"at": "16500ms", "ordering": {"policy": "random", "block_interval": "50ms", "seed": 3}},
}


def _trunk() -> Scenario:
    return read_scenario(PAGE)


def _pages() -> dict[str, Scenario]:
    trunk = _trunk()
    pages = {name: overridden(trunk, change) for name, change in CHANGES.items()}
    steps = trunk.written["timeline"]
    pages |= {name: overridden(trunk, {"timeline": [*steps, step]}) for name, step in ADDED.items()}
    return pages


def _grown(folder: Path | None, branches: dict[str, tuple[Scenario, int | None]], *, jobs: int = 2) -> Grown:
    def plan(name: str, page: Scenario) -> RunPlan:
        return RunPlan(scenario=page, variant=name, logs=None if folder is None else folder / name)

    return grow(
        ForkPlan(
            at_ns=AT_NS,
            trunk=Branch(run=plan("trunk", _trunk())),
            branches=tuple(Branch(run=plan(name, page), seed=seed) for name, (page, seed) in branches.items()),
            logs=folder,
        ),
        jobs,
    )


def _hashes(folder: Path) -> dict[str, str]:
    return {name: sha256((folder / f"{name}.log").read_bytes()).hexdigest() for name in log_names(folder)}


def _until_fork(folder: Path) -> dict[str, list[bytes]]:
    """Return the entries of each log whose inputs are older than the fork."""
    found = {}
    for name in log_names(folder):
        entries = list(read_log_file(folder, name))
        began_ns = decode_entry(entries[0]).now_ns
        found[name] = [data for data in entries if decode_entry(data).now_ns < began_ns + AT_NS]
        assert 15 < len(found[name]) < len(entries)
    return found


def _true_prices(folder: Path) -> dict[int, list[int]]:
    """Return the true index of each instrument by the time of its publication, behind the beginning."""
    entries = [decode_entry(data) for data in read_log_file(folder, "oracle")]
    found: dict[int, list[int]] = {}
    for entry in entries:
        for event in decode_all(entry.records):
            if isinstance(event, PricePublished) and event.consumers & ConsumerBit.MATCHING:
                found.setdefault(entry.now_ns - entries[0].now_ns, []).append(event.index_price_ticks)
    return found


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Grown]:
    """Return the logs of every branch by its name, and what became of all."""
    folder = tmp_path_factory.mktemp("forks")
    branches: dict[str, tuple[Scenario, int | None]] = {name: (page, None) for name, page in _pages().items()}
    branches |= {f"dice {seed}": (_trunk(), seed) for seed in (1, 2)}
    return folder, _grown(folder, branches)


@pytest.mark.spec("INV-100")
def test_the_trunk_and_a_branch_without_a_change_are_the_run_that_was_never_forked(
    forked: tuple[Path, Grown], tmp_path: Path
) -> None:
    folder, grown = forked
    whole = run_simulated(RunPlan(scenario=_trunk(), variant="trunk", logs=tmp_path))
    assert whole.ok, whole.failure
    trunk, unchanged = grown.records[0], grown.records[1]
    assert (trunk.variant, unchanged.variant) == ("trunk", "nothing")
    assert _hashes(folder / "trunk") == _hashes(folder / "nothing") == _hashes(tmp_path)
    assert trunk.state_hash == unchanged.state_hash == whole.state_hash
    assert trunk.figures == unchanged.figures == whole.figures


@pytest.mark.spec("INV-100")
@pytest.mark.parametrize("name", [*CHANGES, *ADDED])
def test_a_branch_is_the_run_of_its_page_from_the_beginning(
    forked: tuple[Path, Grown], tmp_path: Path, name: str
) -> None:
    folder, grown = forked
    page = _pages()[name]
    check_change(_trunk(), page, AT_NS)
    whole = run_simulated(RunPlan(scenario=page, variant=name, logs=tmp_path))
    branch = _record(grown, name)
    assert branch.failure == whole.failure == ""
    assert _hashes(folder / name) == _hashes(tmp_path)
    assert branch.figures == whole.figures
    assert branch.asserted == whole.asserted
    if name != "nothing":
        assert _hashes(folder / name) != _hashes(folder / "trunk")


def test_other_dice_leave_what_was_before_and_differ_from_there_on(forked: tuple[Path, Grown]) -> None:
    folder, grown = forked
    before = _until_fork(folder / "trunk")
    ends = {_record(grown, name).state_hash for name in ("trunk", "dice 1", "dice 2")}
    assert len(ends) == 3
    for name in ("dice 1", "dice 2"):
        assert _until_fork(folder / name) == before
        # The seer had seen what comes next, and it came; then prices, takers and delays are others in every log.
        seen, others = _true_prices(folder / name), _true_prices(folder / "trunk")
        assert seen[17 * SECOND_NS] == others[17 * SECOND_NS]
        assert seen[18 * SECOND_NS] != others[18 * SECOND_NS]
        other, trunk = _hashes(folder / name), _hashes(folder / "trunk")
        assert all(other[log] != trunk[log] for log in trunk)
        assert _record(grown, name).seed == int(name.removeprefix("dice "))


def test_the_auditor_finds_nothing_in_the_logs_of_a_branch(forked: tuple[Path, Grown]) -> None:
    for name in ("trunk", "dice 1", "a rescue"):
        report = audit_folder(forked[0] / name)
        assert report.ok, report.as_json()
        assert report.trades > 50


@pytest.mark.spec("INV-100")
def test_branches_come_out_alike_one_by_one_and_together_with_logs_and_without(forked: tuple[Path, Grown]) -> None:
    names = ["a move of the true price", "somebody at the desk"]
    branches: dict[str, tuple[Scenario, int | None]] = {name: (_pages()[name], None) for name in names}
    branches["dice 1"] = (_trunk(), 1)
    for jobs in (1, 4):
        again = _grown(None, branches, jobs=jobs)
        assert again.state_hash == forked[1].state_hash
        assert [each.variant for each in again.records] == ["trunk", *branches]
        for each in again.records:
            assert each.figures == _record(forked[1], each.variant).figures


def test_nothing_of_the_way_to_the_fork_stays_behind(forked: tuple[Path, Grown]) -> None:
    names = {path.name for path in forked[0].iterdir()}
    assert names == {"trunk", *CHANGES, *ADDED, "dice 1", "dice 2"}


def test_a_page_that_cannot_be_put_on_stage_is_refused_before_time_runs(tmp_path: Path) -> None:
    # A tick of BTC is a tenth of a cent, which only who stages the page knows.
    steps = [*_trunk().written["timeline"], {"at": "20s", "settle": {"instrument": "BTC", "price": "0.00001234567"}}]
    page = overridden(_trunk(), {"timeline": steps})
    with pytest.raises(ForkRefused, match=r"timeline\.7\.settle: a price of"):
        _grown(tmp_path, {"wrong": (page, None)})
    assert list(tmp_path.iterdir()) == []


def test_a_recording_stays_as_it_was_recorded_and_moves_come_on_top(tmp_path: Path) -> None:
    # Written and read by a library that has threads, none of which a copy of the process has.
    file = tmp_path / "btc.parquet"
    begin_ns, seconds = 1_700_000_000 * SECOND_NS, range(40)
    prices = [60_000_000_000 + (-1) ** second * second * 1_000_000 for second in seconds]
    pl.DataFrame(
        {"time_ns": [begin_ns + second * SECOND_NS for second in seconds], "price_micros": prices}
    ).write_parquet(file)
    trunk = overridden(
        _trunk(), {"market.instruments.BTC": {"file": str(file), "funding_interval": "10s"}, "timeline.3.at": "17s"}
    )
    moved = overridden(trunk, {"timeline.4.move.by": "10%", "timeline.4.move.over": "1s"})
    plans = {
        name: RunPlan(scenario=page, variant=name, logs=tmp_path / name)
        for name, page in (("trunk", trunk), ("moved", moved), ("dice 1", trunk))
    }
    branches = (Branch(run=plans["moved"]), Branch(run=plans["dice 1"], seed=1))
    grow(ForkPlan(at_ns=AT_NS, trunk=Branch(run=plans["trunk"]), branches=branches, logs=tmp_path), 2)
    for name, page in (("trunk", trunk), ("moved", moved)):
        run_simulated(RunPlan(scenario=page, logs=tmp_path / "whole"))
        assert _hashes(tmp_path / name) == _hashes(tmp_path / "whole")
    ticks = {name: _true_prices(tmp_path / name) for name in plans}
    # A tick of BTC is ten cents. At 16 s a move by -20 % or 10 % has not begun, at 19 s it is whole.
    at_19_s = prices[19] // 100_000
    for name, expected in (("trunk", at_19_s * 8 // 10), ("moved", at_19_s * 11 // 10), ("dice 1", at_19_s * 8 // 10)):
        assert ticks[name][16 * SECOND_NS][0] == prices[16] // 100_000
        assert abs(ticks[name][19 * SECOND_NS][0] - expected) <= 1
    assert ticks["dice 1"][19 * SECOND_NS][1] != ticks["trunk"][19 * SECOND_NS][1]


def test_a_trunk_that_breaks_before_the_fork_is_all_that_becomes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    book_once = Booking.funding_tick

    def book_twice(self: Booking, fact: FundingTicked, seq: int) -> list[int]:
        book_once(self, fact, seq)
        return book_once(self, fact, seq)

    monkeypatch.setattr(Booking, "funding_tick", book_twice)
    # In this process, where the bug is planted; at ten seconds funding is paid, and so it never comes to a fork.
    trunk = Branch(run=RunPlan(scenario=_trunk(), variant="trunk"), command="wavetank storm run short_fork.yaml")
    other = Branch(run=RunPlan(scenario=_trunk(), variant="other"))
    shares: list[float] = []
    grown = growing._Trunk(ForkPlan(at_ns=AT_NS, trunk=trunk, branches=(other,)), 1, shares.append, None).grow()
    (record,) = grown.records
    assert "funding tick" in record.failure
    assert (record.variant, record.command, grown.state_hash) == ("trunk", "wavetank storm run short_fork.yaml", "")
    # Of 16.5 + 2 x 13.5 s in all, 10 have passed: 23 %.
    assert 0.2 < max(shares) < 0.25


def _record(grown: Grown, name: str) -> RunRecord:
    return next(each for each in grown.records if each.variant == name)
