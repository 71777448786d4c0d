"""What a timeline can do to a venue, whichever it is: a simulated one, or one that runs.

It exists so that a timeline is carried out by the same director on both. Kept true: whatever is asked is asked and no
answer is waited for; what is refused is noted, and the day goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wavetank.matching.core.entry_faults import EntryFault
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import InstrumentState
from wavetank.oracle.core.inputs import FaultRequest
from wavetank.storms.agents.agent import Intent

ALL = None
"""An amount: whatever may go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What changes of an instrument; what is None or empty stays."""

    tiers: Sequence[MarginTier] = ()
    funding_interval_ns: int | None = None
    position_limit_micros: int | None = None
    """Largest notional of every client."""


class Timetable(Protocol):
    """Venue time, and what is to happen when."""

    @property
    def now_ns(self) -> int:
        """The venue's time."""

    def at(self, time_ns: int, call: Callable[..., None], *args: object) -> None:
        """Have something happen at a time."""

    def reserve(self, count: int) -> range:
        """Return places in the order of scheduling, kept free for what is scheduled later."""

    def at_place(self, place: int, time_ns: int, call: Callable[..., None], *args: object) -> None:
        """Have something happen at a time, in a reserved place."""

    def withdraw(self, places: range) -> None:
        """Let nothing happen of what waits in reserved places."""


class Hands(Protocol):
    """The doors of a venue, and what a timeline must know of it; money in micro-dollars, times in venue nanoseconds."""

    @property
    def schedule(self) -> Timetable:
        """The venue's time."""

    @property
    def instruments(self) -> Mapping[int, Instrument]:
        """What is listed, by number."""

    def index_ticks(self, instrument_id: int) -> int:
        """Return the index as bots are told it, 0 before the first."""

    def with_position(self, account_id: int, instrument_id: int, then: Callable[[int], None]) -> None:
        """Call with an account's position in an instrument, in lots."""

    # Accounts

    def send(self, account_id: int, intents: Sequence[Intent]) -> None:
        """Send orders and cancels of an account."""

    def deposit(self, account_id: int, amount_micros: int) -> None:
        """Let an account bring money."""

    def withdraw(self, account_id: int, amount_micros: int | None) -> None:
        """Let an account ask for money, or for `ALL`."""

    def transfer(self, account_id: int, receiver_id: int, amount_micros: int | None) -> None:
        """Let an account pay another, some amount or `ALL`."""

    def pledge(self, account_id: int, instrument_id: int, lots: int) -> None:
        """Let an account bring a base asset as collateral; negative takes it back."""

    # What goes wrong

    def set_fault(self, name: str, request: FaultRequest) -> None:
        """Break the oracle, under a name."""

    def clear_faults(self, names: Sequence[str]) -> None:
        """End the oracle's faults of some names; of none, all."""

    def disturb(self, name: str, fault: EntryFault) -> None:
        """Break the door or the network, under a name."""

    def calm(self, names: Sequence[str]) -> None:
        """End disturbances of some names; of none, all."""

    def reorder(self, ordering: OrderingSettings) -> None:
        """Let waiting requests run in another order."""

    def move_instrument(self, instrument_id: int, state: InstrumentState) -> None:
        """Bring an instrument into another state (MTCH-050)."""

    def restart(self, service: str, down_ns: int) -> None:
        """Kill a service, and bring it back after a while."""

    # The operator

    def pause_withdrawals(self, *, paused: bool) -> None:
        """Pay nobody out, or pay again."""

    def top_up_fund(self, amount_micros: int) -> None:
        """Put money into the insurance fund."""

    def drain_fund(self, amount_micros: int) -> None:
        """Take money out of the insurance fund; 0 takes all."""

    def slow_liquidations(self, pace_ns: int) -> None:
        """Let each step of a liquidation wait for so long."""

    def settle_instrument(self, instrument_id: int, price_ticks: int) -> None:
        """End an instrument at a price, for good."""

    def change_parameters(self, instrument_id: int, parameters: Parameters) -> None:
        """Change an instrument while it trades."""

    def limit_group(self, group: str, net_micros: int, gross_micros: int) -> None:
        """Limit what each client may come to in a correlation group; 0 is no limit."""
