"""Fee rates: each account's, worked out once more from the fills of the log (FEE-010).

What was traded is kept by account and day, and added up from nothing whenever a day begins; shares are fractions. A
shard may come late to rates that clearing granted, but it comes to each account's in their order, and to no others.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import FillRole
from wavetank.model.events.matching import FeeRatesApplied
from wavetank.model.fees import NO_OWN_RATES
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.orders import OrderFlag
from wavetank.model.record import Event

Rates: TypeAlias = tuple[int, int]
"""Taker's and maker's, in ppm."""


@dataclass(slots=True)
class Day:
    """What clients traded from one beginning of a day to the next."""

    first_ns: int
    traded: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """By account: value as taker, value as maker."""


class FeeRates:
    """Judges the rates that clearing grants, and what a shard makes of them."""

    def __init__(self, findings: Findings) -> None:
        """Begin before the first schedule."""
        self._findings = findings
        self._schedule: events.FeeScheduleSet | None = None
        self._tiers: list[events.FeeStepSet] = []
        self._rebates: list[events.FeeStepSet] = []
        self._days: list[Day] = []
        self._today: Day | None = None
        self._began_ns = 0
        self._granted: defaultdict[int, list[Rates]] = defaultdict(lambda: [(NO_OWN_RATES[0], NO_OWN_RATES[1])])
        """All rates that an account ever had, in order."""
        self._owners: dict[int, int] = {}
        """By sub-account, whose it is."""
        self._due: dict[int, events.FeeRatesChanged] = {}
        """Changes that the day which has begun asks for, and that have not come."""

    def apply(self, now_ns: int, event: Event) -> None:
        """Judge an event of clearing's log."""
        match event:
            case events.FeeScheduleSet():
                self._schedule, self._tiers, self._rebates = event, [], []
            case events.FeeStepSet():
                (self._rebates if event.is_rebate else self._tiers).append(event)
            case events.AccountOpened() if event.parent_account_id:
                self._owners[event.account_id] = event.parent_account_id
            case events.FillBooked():
                self._filled(now_ns, event)
            case events.FeeDayBegan():
                self._day_began(now_ns, event)
            case events.FeeRatesChanged():
                self._changed(event)
            case _:
                return

    def end_entry(self) -> None:
        """Check that a day which began changed every rate that it had to."""
        for change in self._due.values():
            self._findings.offend(Rule.FEE_010, f"{change} in the entry in which the day began")
        self._due = {}

    def _filled(self, now_ns: int, event: events.FillBooked) -> None:
        if event.account_id < FIRST_CLIENT_ACCOUNT_ID or event.role == FillRole.TRANSFER:
            return
        makes = event.role == FillRole.MAKER
        if event.flags & OrderFlag.LIQUIDATION and not makes:
            return
        if self._today is None:
            self._today = Day(now_ns)
        self._today.traded[event.account_id][1 if makes else 0] += abs(event.value_micros)
        day_ns = self._schedule.day_ns if self._schedule is not None else 0
        began_ns = max(self._began_ns, self._today.first_ns)
        self._findings.expect(
            Rule.FEE_010,
            day_ns == 0 or now_ns // day_ns <= began_ns // day_ns,
            f"a day of fees begun before this fill: the last began, or saw its first fill, at {began_ns}",
        )

    def _day_began(self, now_ns: int, event: events.FeeDayBegan) -> None:
        expect = self._findings.expect
        schedule = self._schedule
        if schedule is None:
            self._findings.offend(Rule.FEE_010, "a schedule of fees before the first day of it")
            return
        began_ns = now_ns // schedule.day_ns * schedule.day_ns
        window_ns = began_ns - schedule.window_days * schedule.day_ns
        said = (event.began_ns, event.window_began_ns)
        expect(Rule.FEE_010, said == (began_ns, window_ns), f"a day and a window from {(began_ns, window_ns)} on")
        expect(Rule.FEE_010, event.began_ns > self._began_ns, f"a day after that of {self._began_ns}")
        self._began_ns = event.began_ns
        if self._today is not None:
            self._days.append(self._today)
            self._today = None
        self._days = [day for day in self._days if day.first_ns >= event.window_began_ns]
        traded: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        for day in self._days:
            for account_id, (taker, maker) in day.traded.items():
                traded[account_id][0] += taker
                traded[account_id][1] += maker
        venue = sum(maker for _, maker in traded.values())
        expect(
            Rule.FEE_010,
            venue == event.venue_volume_micros,
            f"{venue} traded by makers in the window, not {event.venue_volume_micros}",
        )
        # Who belongs together trades together.
        owned: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        for account_id, (taker, maker) in traded.items():
            owned[self._owners.get(account_id, account_id)][0] += taker
            owned[self._owners.get(account_id, account_id)][1] += maker
        for account_id in traded.keys() | self._granted.keys() | owned.keys() | self._owners.keys():
            taker, maker = owned[self._owners.get(account_id, account_id)]
            self._judge(account_id, taker, maker, venue)

    def _judge(self, account_id: int, taker: int, maker: int, venue: int) -> None:
        """Work out what an account has to pay; a change of it must come."""
        tiers = [tier for tier in self._tiers if taker + maker > tier.above_micros]
        share = Fraction(maker, venue) if venue else Fraction(0)
        rebates = [rebate for rebate in self._rebates if share > Fraction(rebate.above_share_ppm, 10**6)]
        makers = [tier.maker_fee_ppm for tier in tiers[-1:]] + [rebate.maker_fee_ppm for rebate in rebates[-1:]]
        rates = (
            tiers[-1].taker_fee_ppm if tiers else NO_OWN_RATES.taker_fee_ppm,
            min(makers, default=NO_OWN_RATES.maker_fee_ppm),
        )
        if rates != self._granted[account_id][-1]:
            self._due[account_id] = events.FeeRatesChanged(
                0, account_id, *rates, taker + maker, maker, len(tiers), len(rebates)
            )

    def _changed(self, event: events.FeeRatesChanged) -> None:
        due = self._due.pop(event.account_id, None)
        self._findings.expect(Rule.FEE_010, event == due, f"rates that what was traded leads to: {due}")
        self._granted[event.account_id].append((event.taker_fee_ppm, event.maker_fee_ppm))

    def of_shard(self, log: str) -> "ShardRates":
        """Return what judges the rates that the shard of a log applies."""
        return ShardRates(self._findings, log, self._granted)


class ShardRates:
    """The rates by which one shard charges."""

    def __init__(self, findings: Findings, log: str, granted: dict[int, list[Rates]]) -> None:
        """Expect the shard of a log to apply what `granted` lists by account, in that order."""
        self._findings = findings
        self._log = log
        self._granted = granted
        self._at: defaultdict[int, int] = defaultdict(int)
        self._rates: dict[int, Rates] = {}
        self._applied: deque[tuple[int, int, Rates]] = deque()
        """Seq, account and rates that clearing has not counted yet."""

    def apply(self, seq: int, event: Event) -> None:
        """Take note of an event of the shard's log; whether its rates were granted is known once clearing counts it."""
        if isinstance(event, FeeRatesApplied):
            rates = (event.taker_fee_ppm, event.maker_fee_ppm)
            self._applied.append((seq, event.account_id, rates))
            self._rates[event.account_id] = rates

    def counted(self, upto_seq: int) -> None:
        """Judge what clearing has counted: it granted before what came to be applied."""
        while self._applied and self._applied[0][0] <= upto_seq:
            seq, account_id, rates = self._applied.popleft()
            later = self._granted[account_id][self._at[account_id] :]
            self._findings.expect(
                Rule.FEE_010,
                rates in later,
                f"one of {later}, granted to account {account_id}, applied at {self._log} seq {seq}, not {rates}",
            )
            if rates in later:
                self._at[account_id] += later.index(rates)

    def lower(self, account_id: int, taker_ppm: int, maker_ppm: int) -> Rates:
        """Return what an account pays in an instrument of these rates: the lower of them and its own."""
        own = self._rates.get(account_id, NO_OWN_RATES)
        return min(taker_ppm, own[0]), min(maker_ppm, own[1])
