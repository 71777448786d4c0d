"""`python -m wavetank.clearing.bench`: how fast clearing's core is, with a stated number of accounts.

It runs the real core: every account opened, funded and traded into its positions by facts like those of the logs, every
decision an event with its record. Beside the sweep of all accounts stands a plain numpy pass over the same numbers.
Kept true: the figures come with the workload they were measured with; each is the best of several runs, for others use
the machine too; what the two passes find is compared.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.settings import MICROS, SECOND_NS, ClearingSettings
from wavetank.clearing.core.snapshot import dump, load
from wavetank.clearing.core.waterfall.policies.candidate import Candidate
from wavetank.clearing.core.waterfall.policies.choice import policy_of
from wavetank.model.events.clearing import AdlPolicyKind
from wavetank.model.events.matching import BookSampled, RequestAnswered, Traded
from wavetank.model.events.oracle import EVERYBODY, PricePublished
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import CommandKind, Side
from wavetank.model.record import RECORD_BYTES, encode_all, kind_of

LEGS = 8
MARK_TICKS = 1_000_000
LOTS = 100
"""Of each leg at first: 100 dollars of notional."""
TRADES_PER_ENTRY = 100
ENTRIES_PER_CYCLE = 20
"""What comes in while clearing's own last entry is being appended."""
RUNS = 5
RANKED = 100_000
"""Positions ranked for auto-deleveraging."""

Table = np.ndarray[Any, Any]

TRADE = np.dtype({
    "names": ["kind", "instrument", "account", "trade", "maker", "price", "size", "maker_fee", "taker_fee", "side"],
    "formats": ["<u2", "<i4", "<i8", "<i8", "<i8", "<i8", "<i8", "<i8", "<i8", "u1"],
    "offsets": [0, 4, 8, 16, 24, 48, 56, 64, 72, 96],
    "itemsize": RECORD_BYTES,
})  # fmt: skip


def instruments() -> tuple[Instrument, ...]:
    """Return the instruments, with two margin tiers each."""
    return tuple(
        Instrument(
            instrument_id=number,
            symbol=f"BENCH{number}",
            size_decimals=2,
            tiers=(MarginTier(0, 40), MarginTier(500 * MICROS, 20)),
        )
        for number in range(1, LEGS + 1)
    )


class Venue:
    """Clearing's core with accounts that hold a position in every instrument."""

    def __init__(self, accounts: int, cash_micros: Sequence[int]) -> None:
        """Open an even number of accounts, with cash in turns; each odd one trades with the one before it."""
        self.accounts = accounts
        self.core = Clearing(ClearingSettings(), epoch=1)
        self.now_ns = SECOND_NS
        self.oracle_seq = 0
        self.matching_seq = 0
        self.core.begin(self.now_ns, instruments(), 10**6 * MICROS)
        for number in range(1, LEGS + 1):
            self.mark(number, MARK_TICKS)
        for number in range(accounts):
            self.core.bank.open_account(f"bench-{number}", cash_micros[number % len(cash_micros)])
        for number in range(1, LEGS + 1):
            makers = FIRST_CLIENT_ACCOUNT_ID + np.arange(0, accounts, 2)
            # Who buys one instrument sells the next.
            self.trade(number, makers + 1, makers, LOTS, Side.BUY if number % 2 else Side.SELL)
        self.settle()
        # As the process does once it has recovered: what is there stays, and is not looked through for garbage.
        gc.collect()
        gc.freeze()

    def settle(self) -> None:
        """Take and drop what would leave."""
        self.core.take_records()
        self.core.take_requests()
        self.core.take_lines()

    def price(self, instrument_id: int, ticks: int) -> PricePublished:
        """Return a published price."""
        return PricePublished(
            instrument_id=instrument_id,
            account_id=0,
            index_price_ticks=ticks,
            mark_price_ticks=ticks,
            index_time_ns=self.now_ns,
            event_time_ns=self.now_ns,
            funding_rate_e12=0,
            consumers=EVERYBODY,
            validity=0,
        )

    def mark(self, instrument_id: int, ticks: int) -> None:
        """Let the oracle publish a mark."""
        self.oracle_seq += 1
        self.core.on_oracle(self.now_ns, self.oracle_seq, [self.price(instrument_id, ticks)])

    def count(self, records: bytes) -> None:
        """Count an entry of the shard."""
        self.core.count_records(self.now_ns, self.matching_seq + 1, records)
        self.matching_seq += len(records) // RECORD_BYTES

    def trade(self, instrument_id: int, takers: Table, makers: Table, lots: int, side: Side) -> None:
        """Let each taker trade with its maker at the mark."""
        self.count(trades(np.full(len(takers), instrument_id), takers, makers, lots, side).tobytes())


def trades(instrument_ids: Table, takers: Table, makers: Table, lots: int, side: Side | Table) -> Table:
    """Return records of trades at the mark."""
    records = np.zeros(len(takers), dtype=TRADE)
    records["kind"] = kind_of(Traded)
    records["instrument"], records["account"], records["maker"] = instrument_ids, takers, makers
    records["trade"] = np.arange(1, len(takers) + 1)
    records["price"], records["size"] = MARK_TICKS, lots
    records["maker_fee"], records["taker_fee"] = 150, 450
    records["side"] = side
    return records


def best_ms(runs: int, call: Callable[[], object]) -> float:
    """Return the shortest time of a call, in milliseconds."""
    return min(_timed_ms(call) for _ in range(runs))


def _timed_ms(call: Callable[[], object]) -> float:
    started = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - started) / 1e6


def revalue(venue: Venue) -> dict[str, Any]:
    """Time a mark that moves: every account valued anew, over all its legs, and those in need found."""
    ledger = venue.core.state.ledger
    ids = [account_id for account_id in venue.core.state.accounts if account_id >= FIRST_CLIENT_ACCOUNT_ID]
    rows = [ledger.row_of_account(account_id) for account_id in ids]
    held = np.array([ledger.positions(row) for row in rows], dtype=np.int64)
    cash = np.array([ledger.cash(row) for row in rows], dtype=np.int64)
    lots, cost = np.ascontiguousarray(held[:, :, 1]), np.ascontiguousarray(held[:, :, 2])
    marks = np.full(LEGS, MARK_TICKS, dtype=np.int64)
    # Half an account's equity away, so that some are found: the mark of the first instrument falls by a fifth.
    marks[0] = MARK_TICKS * 4 // 5
    lower, first, second = 500 * MICROS, 80, 40

    def numpy_pass() -> Table:
        value = lots * marks
        notional = np.abs(value)
        equity = cash + (value - cost).sum(axis=1)
        tiered = notional * 2 - lower
        maintenance = np.where(notional < lower, -(-notional // first), -(-tiered // (2 * second))).sum(axis=1)
        below: Table = equity < maintenance
        return below

    ledger.mark(1, int(marks[0]))
    # A holder is told of his band once he was looked at; here nobody is, so those above 1 are left out.
    found = [
        account_id
        for account_id in ledger.sweep(1)
        if (health := ledger.health(ledger.row_of_account(account_id), {}))[0] < health[1]
    ]
    if found != [account_id for account_id, below in zip(ids, numpy_pass(), strict=True) if below]:
        raise AssertionError("the sweep and the numpy pass find different accounts")

    def sweep() -> None:
        ledger.mark(1, int(marks[0]))
        ledger.sweep(1)

    report = {"revalue_ms": best_ms(RUNS, sweep), "numpy_pass_ms": best_ms(RUNS, numpy_pass), "below": len(found)}
    ledger.mark(1, MARK_TICKS)
    ledger.take_touched()
    return report


def fills(venue: Venue, count: int) -> dict[str, Any]:
    """Time trades counted from the log, in cycles as the service has them, with their records and the credit lines."""
    draw = np.random.default_rng(1)
    # Only the traders of the day trade; the others hold.
    active = min(venue.accounts, 200) // 2
    pairs = 2 * draw.integers(0, active, count)
    flips = draw.integers(0, 2, count)
    records = trades(
        draw.integers(1, LEGS + 1, count),
        FIRST_CLIENT_ACCOUNT_ID + pairs + flips,
        FIRST_CLIENT_ACCOUNT_ID + pairs + 1 - flips,
        1,
        draw.integers(1, 3, count),
    )
    entries = [records[at : at + TRADES_PER_ENTRY].tobytes() for at in range(0, count, TRADES_PER_ENTRY)]
    lines = 0
    booking_ns = 0
    started = time.perf_counter_ns()
    for at in range(0, len(entries), ENTRIES_PER_CYCLE):
        began = time.perf_counter_ns()
        for entry in entries[at : at + ENTRIES_PER_CYCLE]:
            venue.count(entry)
        venue.core.take_records()
        booking_ns += time.perf_counter_ns() - began
        lines += len(venue.core.take_lines())
    taken_ns = time.perf_counter_ns() - started
    return {
        "fills_per_s": round(2 * count / taken_ns * 1e9),
        "trades_per_s": round(count / taken_ns * 1e9),
        "fills_per_s_without_lines": round(2 * count / booking_ns * 1e9),
        "us_per_line": round((taken_ns - booking_ns) / lines / 1e3, 1),
    }


def waterfall(accounts: int) -> dict[str, Any]:
    """Time the decisions on accounts that fall below maintenance at one mark, up to their first orders or transfers."""
    # 8 legs of 100 dollars each need 10 dollars of maintenance; who is long the first loses 12 of them, and is left
    # with 8, 6 or -1: closed in the book, given to the vault, or closed with the fund behind it.
    venue = Venue(2 * accounts, [20 * MICROS, 20 * MICROS, 18 * MICROS, 18 * MICROS, 11 * MICROS, 11 * MICROS])
    core = venue.core
    venue.count(encode_all(_book(number) for number in range(1, LEGS + 1)))
    venue.settle()

    def fall() -> None:
        venue.mark(1, MARK_TICKS * 88 // 100)
        core.take_records()

    starting_ms = _timed_ms(fall)
    requests = core.take_requests()
    answers = encode_all(
        RequestAnswered(
            instrument_id=0,
            account_id=request.account_id,
            request_seq=seq,
            done_lots=0,
            done_value_micros=0,
            request_number=0,
            command=request.command,
            reason=0,
        )
        for seq, request in requests
        if request.command == CommandKind.CANCEL_ACCOUNT
    )

    def answer() -> None:
        venue.count(answers)
        core.take_records()

    deciding_ms = _timed_ms(answer)
    return {
        "waterfall_ms": starting_ms + deciding_ms,
        "waterfall_start_ms": starting_ms,
        "waterfall_decide_ms": deciding_ms,
        "waterfall_accounts": len(requests),
        "waterfall_requests": len(core.take_requests()),
    }


def _book(instrument_id: int) -> BookSampled:
    return BookSampled(
        instrument_id=instrument_id,
        account_id=0,
        bid_price_ticks=MARK_TICKS - 100,
        bid_size_lots=10**6,
        ask_price_ticks=MARK_TICKS + 100,
        ask_size_lots=10**6,
        last_price_ticks=MARK_TICKS,
        impact_bid_e6=(MARK_TICKS - 1_000) * 10**6,
        impact_ask_e6=(MARK_TICKS + 1_000) * 10**6,
        bid_depth_lots=10**9,
        ask_depth_lots=10**9,
        open_interest_lots=10**6,
        sample_time_ns=SECOND_NS,
    )


def rank(count: int) -> dict[str, Any]:
    """Time the order in which auto-deleveraging meets so many positions, by the policy that takes longest."""
    draw = np.random.default_rng(1)
    columns = (
        np.arange(count),
        draw.integers(1, 10**6, count),
        draw.integers(10**9, 10**12, count),
        np.full(count, MARK_TICKS),
        draw.integers(1, 10**11, count),
        draw.integers(0, 10**6, count),
    )
    candidates = [Candidate(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    policies = [policy_of(kind) for kind in AdlPolicyKind]
    return {"adl_rank_ms": max(best_ms(RUNS, partial(policy.order, candidates)) for policy in policies)}


def start(venue: Venue) -> dict[str, Any]:
    """Time a start from a snapshot of all accounts."""
    data = dump(venue.core.state)
    settings = venue.core.state.settings
    return {"start_s": round(best_ms(3, lambda: load(data, settings)) / 1e3, 3), "snapshot_bytes": len(data)}


def resident_bytes() -> int:
    """Return the process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def measure(accounts: int, distressed: int, count: int) -> dict[str, Any]:
    """Measure everything, and say with what."""
    before = resident_bytes()
    _say(f"opening {accounts:,} accounts")
    venue = Venue(accounts, [40 * MICROS, 15 * MICROS, 1_000 * MICROS, 40 * MICROS])
    grown = resident_bytes() - before
    report: dict[str, Any] = {"accounts": accounts, "legs": LEGS, "bytes_per_account": grown // accounts}
    for name, step in _steps(venue, distressed, count):
        _say(name)
        report |= step()
    report = {name: round(value, 2) if isinstance(value, float) else value for name, value in report.items()}
    report["workload"] = (
        f"{accounts:,} accounts with a position in each of {LEGS} instruments of two margin tiers. Revaluing: one mark"
        " moves, all legs of all accounts are valued, beside a numpy pass over the same arrays. Fills:"
        f" {count:,} trades among 200 accounts, {TRADES_PER_ENTRY} an entry, {ENTRIES_PER_CYCLE} entries a cycle,"
        f" records and credit lines included. Waterfall: {distressed:,} accounts below maintenance at one mark, from"
        f" there to their first orders or transfers, records included. Ranking: {RANKED:,} positions by their"
        " exact scores, by the slowest of the four policies"
    )
    return report


def _steps(venue: Venue, distressed: int, count: int) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    yield "revaluing", lambda: revalue(venue)
    yield "starting from a snapshot", lambda: start(venue)
    yield "ranking for auto-deleveraging", lambda: rank(RANKED)
    yield "counting fills", lambda: fills(venue, count)
    yield "deciding on accounts in distress", lambda: waterfall(distressed)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    """Measure as the command line says; print one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m wavetank.clearing.bench", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--distressed", type=int, default=5_000)
    parser.add_argument("--trades", type=int, default=200_000)
    given = parser.parse_args()
    sys.stdout.write(json.dumps(measure(given.accounts, given.distressed, given.trades)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
