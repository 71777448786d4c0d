"""What is seen while the demonstration runs: prices, books, bots, liquidations, faults, latencies.

It exists between the bots, which know nothing of a screen, and the screen, which decides nothing. It is told by the
bots' own events, by what the storm does, and by asking clearing for all accounts now and then; one thread, no locks.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from wavetank.cli.demo.cast import Role
from wavetank.cli.demo.plan import DemoPlan, Phase
from wavetank.client import (
    AccountKind,
    AccountState,
    BestBidOffer,
    Deleveraged,
    Fill,
    FundingPaid,
    LatencyRecord,
    LiquidationEnded,
    LiquidationStage,
    LiquidationStepped,
    Prices,
    Recorder,
    Strategy,
    StrategyCommand,
    StrategyEvent,
    Trade,
)

_POINTS = 2_000
_NOTES = 400
_CLOSELY = 12
"""Notes among which one of the same subject is looked for."""
_BOOK_STAGES = frozenset({LiquidationStage.PARTIAL, LiquidationStage.FULL})


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a line; wall seconds since the watch began."""

    at: float
    venue_ns: int
    kind: str
    """`phase`, `fault`, `money`, `liquidation` or `trouble`."""
    text: str
    subject: str = ""
    """Notes of one subject that follow closely stand for one another; empty for none."""
    times: int = 1
    """How many there were."""


@dataclass(slots=True)
class InstrumentView:
    """What is seen of an instrument."""

    symbol: str
    bid: Decimal | None = None
    ask: Decimal | None = None
    index: Decimal | None = None
    mark: Decimal | None = None
    funding_rate: Decimal = Decimal(0)
    open_interest: Decimal | None = None
    stale: bool = False
    trades: int = 0
    history: deque[float] = field(default_factory=lambda: deque[float](maxlen=_POINTS))
    """Index, one point for each publication."""


@dataclass(frozen=True, slots=True)
class AccountSample:
    """An account at one time, as clearing saw it; dollars."""

    venue_ns: int
    equity: float
    maintenance: float


@dataclass(slots=True)
class BotView:
    """What is seen of a bot."""

    role: Role
    account_id: int
    recorder: Recorder
    deposited: Decimal
    fills: int = 0
    funding: Decimal = Decimal(0)
    state: AccountState | None = None
    stage: LiquidationStage = LiquidationStage.NONE
    has_ended: bool = False
    """Whether a liquidation of it has ended."""
    history: list[AccountSample] = field(default_factory=list[AccountSample])

    @property
    def profit(self) -> Decimal | None:
        """Equity less what was paid in; dollars, None before the first look."""
        return None if self.state is None else self.state.equity - self.deposited


class Watch:
    """Gathers what is seen."""

    def __init__(self, plan: DemoPlan, on_note: Callable[[Note], None]) -> None:
        self.plan = plan
        self.began = time.monotonic()
        self.instruments = {each.symbol: InstrumentView(each.symbol) for each in plan.instruments}
        self.bots: dict[str, BotView] = {}
        self.venue_accounts: dict[AccountKind, AccountState] = {}
        self.venue_history: dict[AccountKind, list[AccountSample]] = {}
        self.notes: deque[Note] = deque(maxlen=_NOTES)
        self.active_faults: dict[str, str] = {}
        self.phase: Phase = plan.phases[0]
        self.venue_ns = plan.start_ns
        self._on_note = on_note

    @property
    def commands(self) -> int:
        """Commands that were answered so far."""
        return sum(len(bot.recorder.latencies) for bot in self.bots.values())

    @property
    def fills(self) -> int:
        """Fills of all bots so far; a trade between two of them counts twice."""
        return sum(bot.fills for bot in self.bots.values())

    def recent_latencies(self, newest: int = 200) -> list[LatencyRecord]:
        """Return the newest latencies of every bot."""
        return [record for bot in self.bots.values() for record in bot.recorder.latencies[-newest:]]

    def note(self, kind: str, text: str, *, subject: str = "") -> None:
        """Keep a line, and tell whoever prints lines; of a subject that was told just now only the newest is kept."""
        note = Note(time.monotonic() - self.began, self.venue_ns, kind, text, subject)
        for position in range(len(self.notes) - 1, max(-1, len(self.notes) - 1 - _CLOSELY), -1):
            before = self.notes[position]
            if subject and before.subject == subject:
                self.notes[position] = replace(note, at=before.at, venue_ns=before.venue_ns, times=before.times + 1)
                return
        self.notes.append(note)
        self._on_note(note)

    def see_time(self, venue_ns: int) -> None:
        """Take note of the venue's time, and of a new act."""
        self.venue_ns = venue_ns
        phase = self.plan.phase_at(venue_ns)
        if phase.name is not self.phase.name:
            self.phase = phase
            self.note("phase", f"{phase.name.upper()}: {phase.what}")

    def see_accounts(self, venue_ns: int, accounts: Sequence[AccountState]) -> None:
        """Take note of all accounts."""
        by_id = {account.account_id: account for account in accounts}
        for bot in self.bots.values():
            state = by_id.get(bot.account_id)
            if state is not None:
                bot.state = state
                bot.history.append(_sample(venue_ns, state))
        for account in accounts:
            if account.kind is not AccountKind.CLIENT:
                self.venue_accounts[account.kind] = account
                self.venue_history.setdefault(account.kind, []).append(_sample(venue_ns, account))

    def see_event(self, bot: BotView, event: StrategyEvent) -> None:
        """Take note of what a bot is told."""
        match event:
            case Fill():
                bot.fills += 1
            case FundingPaid():
                bot.funding += event.payment
            case LiquidationStepped():
                self._see_step(bot, event)
            case LiquidationEnded():
                bot.stage, bot.has_ended = LiquidationStage.NONE, True
                self.note("liquidation", f"{bot.role.name}: liquidation ended, equity ${event.equity:,.2f}")
            case Deleveraged():
                self.note(
                    "liquidation",
                    f"{bot.role.name}: deleveraged, loses {abs(event.delta_size).normalize():f} {event.instrument} to "
                    f"another's liquidation; against the mark that costs it ${event.given_up:,.2f}",
                )
            case _:
                pass

    def see_market(self, event: StrategyEvent) -> None:
        """Take note of the market, as one bot sees it."""
        match event:
            case BestBidOffer():
                view = self.instruments[event.instrument]
                view.bid, view.ask = event.bid_price, event.ask_price
            case Trade():
                self.instruments[event.instrument].trades += 1
            case Prices():
                view = self.instruments[event.instrument]
                if event.index is not None and event.index != view.index:
                    view.history.append(float(event.index))
                if event.stale != view.stale:
                    state = "is stale: no source gives a price" if event.stale else "is fresh again"
                    self.note("fault", f"{event.instrument}: its price {state}")
                view.index, view.mark, view.stale = event.index, event.mark, event.stale
                view.funding_rate, view.open_interest = event.funding_rate, event.open_interest
            case _:
                pass

    def _see_step(self, bot: BotView, event: LiquidationStepped) -> None:
        bot.stage = event.stage
        health = event.equity / event.maintenance_margin if event.maintenance_margin else Decimal(0)
        aim = f" {event.delta_size.normalize():+f} {event.instrument}" if event.delta_size else ""
        limit = f" at {event.price.normalize():f}" if event.price is not None else ""
        stage = event.stage.name.lower()
        # Orders in the book are tried again at every mark; one line stands for all of them.
        subject = f"{bot.role.name} in the book" if event.stage in _BOOK_STAGES else ""
        text = f"{bot.role.name}: {stage}{aim}{limit}, health {health:.2f}: {event.explanation}"
        self.note("liquidation", text, subject=subject)


class Watched:
    """A strategy whose events are also seen."""

    def __init__(self, strategy: Strategy, watch: Watch, bot: BotView, *, sees_market: bool) -> None:
        self._strategy = strategy
        self._watch = watch
        self._bot = bot
        self._sees_market = sees_market

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        """Return what the strategy does after an event."""
        self._watch.see_event(self._bot, event)
        if self._sees_market:
            self._watch.see_market(event)
        return self._strategy.on_event(event)


def _sample(venue_ns: int, state: AccountState) -> AccountSample:
    return AccountSample(venue_ns, float(state.equity), float(state.maintenance_margin))
