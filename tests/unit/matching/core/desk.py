"""A shard with one instrument at a mark of 1,000 ticks, and short words for what tests do with it.

100 ticks are a dollar. Fees are 450 and 150 ppm, so 100 lots at 1,000 cost the taker 45 and the maker 15 micro-dollars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.matching.core.credit import CreditLine, CreditRow
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.events import matching as _events  # noqa: F401 - registers the records that are read here.
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.record import Event, decode_all

ALICE, BOB, CAROL = 1000, 1001, 1002
BUY, SELL = 1, 2
MARKET = 2
IOC, FOK = 2, 3
POST_ONLY, REDUCE_ONLY = 1, 2
FIRST_ID = 1 << 48

INSTRUMENT = Instrument(
    instrument_id=1,
    symbol="ABC",
    size_decimals=4,
    tiers=(MarginTier(0, 10),),
    significant_figures=3,
    min_notional_micros=1_000,
    max_order_lots=5_000,
    max_position_lots=8_000,
    open_interest_cap_lots=10_000,
    price_band_ppm=100_000,
    impact_notional_micros=150_000,
)


class Desk:
    """An engine that is open, with Alice, Bob and Carol good for a thousand dollars each."""

    def __init__(self, instrument: Instrument = INSTRUMENT, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self.engine = Engine(0, self.settings)
        self.now = 1_000
        self.lines = 0
        self.events: list[Event] = []
        self.engine.list_instrument(instrument)
        self.engine.set_gate(self.now, is_open=True)
        self.mark(1_000)
        for account_id in (ALICE, BOB, CAROL):
            self.line(account_id)
        self.events = []

    def mark(self, mark_ticks: int, *, stale: bool = False, instrument_id: int = 1) -> None:
        self.engine.apply_mark(self.now, instrument_id, mark_ticks, mark_ticks, self.now, 1, stale)
        self.drain()

    def relist(self, **changes: Any) -> None:  # noqa: ANN401 - any field of an instrument.
        self.engine.list_instrument(replace(self.engine.instruments()[0], **changes))

    def move(self, state: int, *, instrument_id: int = 1) -> None:
        """Bring the instrument into another state."""
        self.engine.set_instrument_state(self.now, instrument_id, state)
        self.drain()

    def line(self, account_id: int, budget_micros: int = 10**9, *rows: CreditRow, **fields: Any) -> bool:  # noqa: ANN401
        """Send a line that counts everything, unless told otherwise."""
        self.lines += 1
        state = self.engine.credit(account_id)
        position = self.engine.position(account_id, 1)
        defaults: dict[str, Any] = {
            "line_epoch": 1,
            "line_number": self.lines,
            "as_of_seq": self.engine.next_seq - 1,
            "counted_value_micros": state.value_micros if state else 0,
            "counted_fees_micros": state.fees_micros if state else 0,
            "rows": rows or ((CreditRow(1, position, 1_000, 0),) if position else ()),
            "mark_time_ns": self.now if rows or position else 0,
            "equity_micros": 10**9,
        }
        applied = self.engine.apply_credit(
            self.now, CreditLine(account_id=account_id, budget_micros=budget_micros, **(defaults | fields))
        )
        self.drain()
        return applied

    def drain(self) -> None:
        self.events = list(decode_all(self.engine.drain_events()))

    def send(self, *packed: bytes) -> list[CommandResult]:
        """Send commands; their events stand in `events`."""
        self.events = list(decode_all(self.engine.apply_commands(self.now, b"".join(packed), len(packed))))
        return commands.unpack_results(self.engine.results)

    def place(self, account_id: int, side: int, size_lots: int, price_ticks: int = 0, **fields: Any) -> CommandResult:  # noqa: ANN401
        return self.send(
            commands.place(
                account_id=account_id,
                instrument_id=fields.pop("instrument_id", 1),
                side=side,
                size_lots=size_lots,
                price_ticks=price_ticks,
                **fields,
            )
        )[0]

    def market(self, account_id: int, side: int, size_lots: int, **fields: Any) -> CommandResult:  # noqa: ANN401
        return self.place(account_id, side, size_lots, order_type=MARKET, time_in_force=0, **fields)

    def cancel(self, account_id: int, order_id: int = 0, client_order_id: bytes = b"") -> CommandResult:
        return self.send(commands.cancel(account_id=account_id, order_id=order_id, client_order_id=client_order_id))[0]

    def amend(self, account_id: int, order_id: int, price_ticks: int = 0, size_lots: int = 0) -> CommandResult:
        return self.send(
            commands.amend(account_id=account_id, order_id=order_id, price_ticks=price_ticks, size_lots=size_lots)
        )[0]

    def give(self, account_id: int, lots: int) -> None:
        """Give an account a position at the mark, with Carol on the other side and everything counted."""
        self.place(CAROL, SELL if lots > 0 else BUY, abs(lots), 1_000)
        self.place(account_id, BUY if lots > 0 else SELL, abs(lots), 1_000, time_in_force=IOC)
        for counted in (account_id, CAROL):
            self.line(counted)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def of_kind(self, name: str) -> Iterator[Any]:
        return (event for event in self.events if type(event).__name__ == name)

    def recovered(self, log: list[tuple[int, int, bytes]]) -> Engine:
        """Return an engine that has replayed entries of (now, first seq, records)."""
        engine = Engine(0, self.settings)
        for instrument in self.engine.instruments():
            engine.list_instrument(instrument)
        for now, first_seq, records in log:
            engine.replay(records, first_seq, now)
        return engine
