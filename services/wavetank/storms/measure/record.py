"""The record of one run: what is measured, for tables, plots, assertions and comparisons.

It exists so that measuring and showing know nothing of each other, and so that a live run and a simulated one are shown
alike: both write the same logs, and this is made of logs. It is plain data: it travels between processes as it is.

Money is micro-dollars, prices are ticks, sizes are lots, times are venue nanoseconds; shares are plain fractions, for
nothing is computed from them any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from wavetank.storms.agents.agent import Label

Figure: TypeAlias = int | float | bool | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who took part."""

    account_id: int
    name: str
    role: str
    """Name of the role in the scenario's cast; the venue's own accounts have theirs."""
    label: Label | None
    """Why it trades, None for who does not trade by itself."""
    is_bot: bool = False
    """Whether it was under test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An instrument, as far as a reader of figures needs it."""

    instrument_id: int
    symbol: str
    size_decimals: int


@dataclass(slots=True)
class PriceTrack:
    """Prices of one instrument, one row per publication of the oracle."""

    times_ns: list[int] = field(default_factory=list)
    true_index_ticks: list[int] = field(default_factory=list)
    """As the sources really are."""
    clearing_index_ticks: list[int] = field(default_factory=list)
    """As clearing was told."""
    clearing_mark_ticks: list[int] = field(default_factory=list)
    index_age_ns: list[int] = field(default_factory=list)
    """Of what clearing was told."""
    is_valid: list[bool] = field(default_factory=list)
    """Whether clearing was told that the price may be used."""


@dataclass(slots=True)
class BookTrack:
    """The book of one instrument, one row per sample of the shard."""

    times_ns: list[int] = field(default_factory=list)
    bid_ticks: list[int] = field(default_factory=list)
    """0 where the side is empty; so with the ask."""
    ask_ticks: list[int] = field(default_factory=list)
    bid_depth_lots: list[int] = field(default_factory=list)
    """Inside the depth band around the mark."""
    ask_depth_lots: list[int] = field(default_factory=list)
    open_interest_lots: list[int] = field(default_factory=list)


@dataclass(slots=True)
class AccountTrack:
    """An account over time, one row per sampling interval."""

    times_ns: list[int] = field(default_factory=list)
    equity_micros: list[int] = field(default_factory=list)
    maintenance_micros: list[int] = field(default_factory=list)
    cash_micros: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSeen:
    """A trade, with what only the venue knows: who it was, and what the instrument was truly worth."""

    time_ns: int
    instrument_id: int
    price_ticks: int
    size_lots: int
    taker_id: int
    maker_id: int
    taker_is_buyer: bool
    is_liquidation: bool
    true_index_ticks: int
    """At that time; 0 while unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationSeen:
    """One liquidation from beginning to end."""

    liquidation_id: int
    cascade_id: int
    parent_liquidation_id: int
    """The one whose trade moved the mark; 0 for the first of a cascade."""
    account_id: int
    began_ns: int
    ended_ns: int
    """0 while it goes on."""
    equity_micros: int
    """When it began; so with the margin."""
    maintenance_micros: int
    stages: tuple[str, ...]
    """Names of the stages in the order in which they acted."""
    closed_micros: int
    """Notional closed in the book, transferred or deleveraged, at the value it was booked at, unsigned."""
    fund_micros: int
    """What the fund paid for it, top-ups and deficits, less what it repaid."""
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleveragingSeen:
    """A victim of auto-deleveraging."""

    time_ns: int
    liquidation_id: int
    instrument_id: int
    account_id: int
    delta_lots: int
    value_micros: int
    given_up_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPeak:
    """The worst that had become of the backstop vault by a time."""

    time_ns: int
    loss_micros: int
    """Largest so far: what it was given less its equity at mark."""
    committed_micros: int
    """Most so far that it was given: by its owner, and as the rest of accounts that it took over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that began and ended: a fault, a disturbance, a halt, a restart, an escalation."""

    kind: str
    what: str
    began_ns: int
    ended_ns: int
    """0 while it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """A condition of the scenario and what became of it."""

    text: str
    holds: bool
    seen: str
    """What it was, in words: the value that was compared."""


@dataclass(slots=True, kw_only=True)
class RunRecord:
    """One run."""

    scenario: str
    title: str
    variant: str
    seed: int
    mode: str
    """`sim` or `live`."""
    state_hash: str
    began_ns: int
    ended_ns: int
    wall_seconds: float
    members: dict[int, Member]
    listed: dict[int, Listed]
    prices: dict[int, PriceTrack] = field(default_factory=dict)
    books: dict[int, BookTrack] = field(default_factory=dict)
    accounts: dict[int, AccountTrack] = field(default_factory=dict)
    trades: list[TradeSeen] = field(default_factory=list)
    """A sample, in order: liquidations' trades and others, each kind thinned evenly. Figures count every trade."""
    liquidations: list[LiquidationSeen] = field(default_factory=list)
    deleveragings: list[DeleveragingSeen] = field(default_factory=list)
    vault_peaks: list[VaultPeak] = field(default_factory=list)
    """A row whenever it had become worse, or more was committed."""
    spans: list[Span] = field(default_factory=list)
    contagion: dict[tuple[str, str], int] = field(default_factory=dict)
    """Micro-dollars force-sold of the second symbol while the first one's move was what hurt most."""
    figures: dict[str, Figure] = field(default_factory=dict)
    """By name; those that a scenario can assert, a table shows, and seeds are compared by."""
    asserted: list[Asserted] = field(default_factory=list)
    harm: bool | None = None
    """Whether the scenario's harm appeared; None where it names none."""
    expected_harm: bool | None = None
    """Whether the variant expects it."""
    failure: str = ""
    """What broke the run: an invariant, an error; empty when nothing did."""
    command: str = ""
    """What repeats it, where scenario, variant and seed alone do not say it."""

    def drop_series(self) -> None:
        """Forget what only plots need; the figures stay."""
        self.prices, self.books, self.accounts = {}, {}, {}
        self.trades, self.contagion = [], {}

    @property
    def ok(self) -> bool:
        """Whether everything held that the scenario asserts, and the harm is as the variant expects it."""
        return (
            not self.failure
            and all(each.holds for each in self.asserted)
            and (self.expected_harm is None or self.harm == self.expected_harm)
        )
