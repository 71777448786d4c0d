"""A large shard to recover: builds its log and snapshot with the real engine, and recovers from them as a restart does.

It exists for `wavetank bench recovery`, which may not import a core, and runs it as a child process:

    python -m wavetank.matching.recovery_load build URL ORDERS EVENTS
    python -m wavetank.matching.recovery_load recover URL

Each line of output is JSON: `{"done": share, "what": words}` while it works, and last the figures. Kept true: nothing
is written that the live service would not write, and by the same code; a seed decides every order.

The workload: one instrument, one account for every thousand orders, each order with a client's id. First the resting
orders, evenly over 1,000 price levels on each side of the mark; then the snapshot; then, while it is being written, the
events of the tail: of 100 commands 45 place a resting order, 45 cancel one, 10 take from the best prices.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import TYPE_CHECKING

import uvloop

from wavetank.matching.core import commands
from wavetank.matching.core.commands import RESULT_BYTES
from wavetank.matching.core.credit import CreditLine
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.matching.recovery import CLEARING_LOG, ORACLE_LOG, recover
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import Side, TimeInForce
from wavetank.model.record import RECORD_BYTES
from wavetank.runtime.log_entry import Position
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.logs import set_up_logs
from wavetank.runtime.recovering import cursor_messages, with_cursors
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.settings import Durability, LogLevel
from wavetank.runtime.snapshot_keeper import SnapshotKeeper
from wavetank.runtime.snapshots import snapshots_key
from wavetank.v1 import log_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20_120_621
LOG = "matching-0"
MARK_TICKS = 100_000
LEVELS = 1_000
COMMANDS_PER_ENTRY = 100
ORDERS_PER_ACCOUNT = 1_000
FIRST_ACCOUNT = 1_000

SETTINGS = EngineSettings(max_open_orders=100_000)
INSTRUMENT = Instrument(
    instrument_id=1,
    symbol="LOAD",
    size_decimals=2,
    tiers=(MarginTier(0, 10),),
    significant_figures=6,
    min_notional_micros=1,
    max_order_lots=1_000_000,
    max_position_lots=1_000_000_000,
    open_interest_cap_lots=1_000_000_000_000,
    price_band_ppm=500_000,
    impact_notional_micros=1_000_000,
)
_CURSORS = {ORACLE_LOG: Position.START, CLEARING_LOG: Position.START}
_NS_PER_ENTRY = 1_000_000
_PERMILLE_PLACED = 450
_PERMILLE_CANCELLED = 900

Progress = "Callable[[float, str], None]"


class Load:
    """An engine, its log, and orders to send."""

    def __init__(self, log: LogWriter, orders: int) -> None:
        """Begin with an empty shard whose accounts are good for any order.

        Args:
            log: a log without events.
            orders: resting orders that are to come.

        """
        self.engine = Engine(0, SETTINGS)
        self.slowest_append_seconds = 0.0
        self._log = log
        self._accounts = max(10, orders // ORDERS_PER_ACCOUNT)
        self._random = random.Random(SEED).random
        self._now_ns = log.last_now_ns + 1
        self._placed = 0
        self._open: list[tuple[int, int]] = []
        self.engine.list_instrument(INSTRUMENT)
        self.engine.set_gate(self._now_ns, is_open=True)
        self.engine.apply_mark(self._now_ns, 1, MARK_TICKS, MARK_TICKS, self._now_ns, 1, stale=False)
        for account_id in range(FIRST_ACCOUNT, FIRST_ACCOUNT + self._accounts):
            line = CreditLine(
                account_id=account_id,
                line_epoch=1,
                line_number=1,
                as_of_seq=0,
                # A hundred million dollars, a fraction of what fits into an int64.
                budget_micros=10**14,
                mark_time_ns=self._now_ns,
            )
            self.engine.apply_credit(self._now_ns, line)

    async def begin(self) -> None:
        """Commit what the beginning caused."""
        await self._commit(self.engine.drain_events())

    async def place(self, count: int, progress: Callable[[float], None]) -> None:
        """Place resting orders."""
        while self._placed < count:
            await self._send([self._resting() for _ in range(min(COMMANDS_PER_ENTRY, count - self._placed))])
            progress(self._placed / count)

    async def trade(self, events: int, progress: Callable[[float], None]) -> int:
        """Send a mixture until so many events were caused; return how many entries they are."""
        first, entries = self.engine.next_seq, 0
        while (caused := self.engine.next_seq - first) < events:
            await self._send([self._any() for _ in range(COMMANDS_PER_ENTRY)])
            entries += 1
            progress(caused / events)
        return entries

    def _below(self, limit: int) -> int:
        """Return a number from 0 on, below `limit`; `randrange` takes several times as long."""
        return int(self._random() * limit)

    def _account(self) -> int:
        return FIRST_ACCOUNT + self._below(self._accounts)

    def _side(self) -> Side:
        return Side.BUY if self._below(2) else Side.SELL

    def _order(self, account_id: int, side: Side, price_ticks: int, time_in_force: TimeInForce) -> bytes:
        self._placed += 1
        return commands.place(
            account_id=account_id,
            instrument_id=1,
            side=side,
            size_lots=1 + self._below(100),
            price_ticks=price_ticks,
            time_in_force=time_in_force,
            client_order_id=b"%015d" % self._placed,
        )

    def _resting(self) -> tuple[int, bytes]:
        side = self._side()
        distance = 1 + self._below(LEVELS)
        price = MARK_TICKS - distance if side is Side.BUY else MARK_TICKS + distance
        account_id = self._account()
        return account_id, self._order(account_id, side, price, TimeInForce.GTC)

    def _any(self) -> tuple[int, bytes]:
        draw = self._below(1_000)
        if draw < _PERMILLE_PLACED or not self._open:
            return self._resting()
        if draw < _PERMILLE_CANCELLED:
            index = self._below(len(self._open))
            self._open[index], self._open[-1] = self._open[-1], self._open[index]
            order_id, account_id = self._open.pop()
            return 0, commands.cancel(account_id=account_id, order_id=order_id)
        side = self._side()
        price = MARK_TICKS + LEVELS if side is Side.BUY else MARK_TICKS - LEVELS
        return 0, self._order(self._account(), side, price, TimeInForce.IOC)

    async def _send(self, batch: list[tuple[int, bytes]]) -> None:
        """Send commands, each with its account if its order is to rest."""
        self._now_ns += _NS_PER_ENTRY
        events = self.engine.apply_commands(self._now_ns, b"".join([packed for _, packed in batch]), len(batch))
        results = self.engine.results
        self.engine.drain_level_updates()
        for index, (account_id, _) in enumerate(batch):
            if account_id:
                at = index * RESULT_BYTES
                self._open.append((int.from_bytes(results[at : at + 8], "little"), account_id))
        await self._commit(events)

    async def _commit(self, events: bytes) -> None:
        inputs = log_pb2.Inputs(now_ns=self._now_ns, cursors=cursor_messages(_CURSORS)).SerializeToString()
        began = time.perf_counter()
        await self._log.append(inputs, events, len(events) // RECORD_BYTES, self._now_ns)
        self.slowest_append_seconds = max(self.slowest_append_seconds, time.perf_counter() - began)


def tell(done: float, what: str) -> None:
    """Write a line of progress."""
    sys.stdout.write(json.dumps({"done": round(done, 3), "what": what}) + "\n")
    sys.stdout.flush()


class Teller:
    """Tells of progress now and then."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told = 0.0

    def __call__(self, done: float) -> None:
        """Tell, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._told > 0.2:  # noqa: PLR2004 - often enough for a bar on a screen.
            self._told = now
            tell(done, self._what)


async def build(redis_url: str, orders: int, events: int) -> dict[str, object]:
    """Build a shard's log and snapshot in an empty Redis; return what was measured meanwhile."""
    log = await LogWriter.open(redis_url, LOG, durability=Durability.MEMORY)
    client = redis_client(redis_url)
    keeper = SnapshotKeeper(client, log)
    load = Load(log, orders)
    await load.begin()
    await load.place(orders, Teller("placing orders"))
    slowest_before, load.slowest_append_seconds = load.slowest_append_seconds, 0.0
    began = time.perf_counter()
    keeper.start(lambda: with_cursors(load.engine.snapshot(), _CURSORS), _CURSORS)
    stop_seconds = time.perf_counter() - began
    saved_seconds = 0.0

    async def note_end() -> None:
        nonlocal saved_seconds
        await keeper.settle()
        saved_seconds = time.perf_counter() - began

    noting = asyncio.create_task(note_end())
    entries = await load.trade(events, Teller("trading")) if events else 0
    await noting
    snapshot_seq = int((await client.hget(snapshots_key(LOG), "seq")) or 0)
    figures: dict[str, object] = {
        "orders": orders,
        "events": load.engine.next_seq - 1 - snapshot_seq,
        "entries": entries,
        "stop_ms": round(1_000 * stop_seconds, 1),
        "snapshot_ms": round(1_000 * saved_seconds),
        "slowest_append_before_ms": round(1_000 * slowest_before, 1),
        "slowest_append_meanwhile_ms": round(1_000 * load.slowest_append_seconds, 1),
        "state_hash": load.engine.state_hash().hex(),
    }
    await log.close()
    await client.aclose()
    return figures


async def restart(redis_url: str) -> dict[str, object]:
    """Do what a restarted shard does until it could serve; return how long that took."""
    began, worked = time.perf_counter(), time.process_time()
    log = await LogWriter.open(redis_url, LOG, durability=Durability.MEMORY)
    recovery = await recover(redis_url, 0, SETTINGS, (), log.position)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - worked
    # From here on the shard could serve; the hash is for the comparison alone.
    tell(1.0, "comparing the states")
    await log.close()
    return {
        "recovery_s": round(seconds, 3),
        "recovery_cpu_s": round(cpu_seconds, 3),
        "snapshot_s": round(recovery.snapshot_seconds, 3),
        "tail_s": round(recovery.tail_seconds, 3),
        "last_seq": recovery.engine.next_seq - 1,
        "state_hash": recovery.engine.state_hash().hex(),
    }


def main(arguments: list[str]) -> None:
    """Run what the arguments name and print its figures."""
    set_up_logs("recovery_load", level=LogLevel.WARNING)
    what, redis_url, *numbers = arguments
    if what == "build":
        figures = uvloop.run(build(redis_url, *(int(number) for number in numbers)))
    else:
        figures = uvloop.run(restart(redis_url))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
