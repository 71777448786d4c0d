"""Fees: what each account traded of late, and the rates that follow from it (FEE-010).

A fill belongs to the UTC day of venue time in which it was counted. At the first input of a new day the days of the
window, fourteen full ones, are added up, and whoever passed a threshold, or fell behind one, gets other rates for the
day: by its own volume, and for resting orders by its share of all that makers traded. Until then nobody's rates move,
so an account knows in the morning what it pays all day.

An account and its sub-accounts trade together: each has the rates that all of them earn.

The rates are the account's own. What an order is charged is the lower of them and the instrument's.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import asdict, dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from wavetank.model.events.clearing import (
    FeeDayBegan,
    FeeRatesChanged,
    FeeScheduleSet,
    FeeStepSet,
    FillRole,
)
from wavetank.model.fees import LARGEST_FEE_PPM, NO_OWN_RATE_PPM, NO_OWN_RATES, FeeRates
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import OrderFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wavetank.clearing.core.ledger import Ledger
    from wavetank.model.events.clearing import FillBooked
    from wavetank.model.record import Event

PPM = 1_000_000
DAY_NS = 86_400 * 1_000_000_000
MICROS = 1_000_000
MOST_DAYS = 366
MOST_TIERS = 100


# Plain numbers: flags of Python's own kind take longer to compare than all else there is to do for a fill.
_TAKER, _TRANSFER = int(FillRole.TAKER), int(FillRole.TRANSFER)
_LIQUIDATION = int(OrderFlag.LIQUIDATION)


class FeeTier(NamedTuple):
    """Rates of an account that traded more than a threshold in the window."""

    above_micros: int
    taker_fee_ppm: int
    maker_fee_ppm: int


class MakerRebate(NamedTuple):
    """Maker rate of an account whose resting orders had more than a share of all that makers traded in the window."""

    above_share_ppm: int
    maker_fee_ppm: int


VENUE_TIERS = (
    FeeTier(5_000_000 * MICROS, 400, 120),
    FeeTier(25_000_000 * MICROS, 350, 80),
    FeeTier(100_000_000 * MICROS, 300, 40),
    FeeTier(500_000_000 * MICROS, 280, 0),
    FeeTier(2_000_000_000 * MICROS, 260, 0),
    FeeTier(7_000_000_000 * MICROS, 240, 0),
)
"""Hyperliquid's schedule for perpetual futures; below the first tier the instrument's rates apply."""
VENUE_REBATES = (MakerRebate(5_000, -10), MakerRebate(15_000, -20), MakerRebate(30_000, -30))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """Tiers and rebates, from the lowest threshold up; the instrument's rates are what everybody begins with."""

    tiers: tuple[FeeTier, ...] = VENUE_TIERS
    rebates: tuple[MakerRebate, ...] = VENUE_REBATES
    window_days: int = 14
    day_ns: int = DAY_NS
    """How long a day lasts, so that minutes can stand for days."""

    def __post_init__(self) -> None:
        """Check the schedule.

        Raises:
            ValueError: thresholds do not rise, a rate rises with them or is out of range, or makers could be paid more
                than takers pay.

        """
        thresholds = [tier.above_micros for tier in self.tiers]
        shares = [rebate.above_share_ppm for rebate in self.rebates]
        rates = (
            [tier.taker_fee_ppm for tier in self.tiers],
            [tier.maker_fee_ppm for tier in self.tiers],
            [rebate.maker_fee_ppm for rebate in self.rebates],
        )
        if any(steps != sorted(set(steps)) or min(steps, default=0) < 0 for steps in (thresholds, shares)):
            raise ValueError("thresholds of fee tiers and rebates must not be negative, and must rise")
        if any(steps != sorted(steps, reverse=True) for steps in rates):
            raise ValueError("a higher fee tier or rebate must not cost more than the one below it")
        least = min(rates[0], default=0)
        makers = (*rates[1], *rates[2])
        if not 0 <= least <= max(rates[0], default=0) <= LARGEST_FEE_PPM or min(makers, default=0) < -LARGEST_FEE_PPM:
            raise ValueError(f"taker rates must be 0 to {LARGEST_FEE_PPM} ppm, rebates at most {LARGEST_FEE_PPM}")
        if any(tier.maker_fee_ppm > tier.taker_fee_ppm for tier in self.tiers) or max(rates[2], default=0) > least:
            raise ValueError("a maker rate must not exceed the taker rate beside it")
        if self.tiers and least + min(makers) < 0:
            raise ValueError("a rebate must not exceed the lowest taker rate, or trading with oneself would pay")
        if not 1 <= self.window_days <= MOST_DAYS or self.day_ns < 1 or max(map(len, rates)) > MOST_TIERS:
            raise ValueError(
                f"a fee window must have 1 to {MOST_DAYS} days that last, a schedule {MOST_TIERS} tiers at most"
            )

    def listing(self) -> list[Event]:
        """Return the events that set the schedule."""
        return [
            FeeScheduleSet(0, 0, self.day_ns, self.window_days, len(self.tiers), len(self.rebates)),
            *(FeeStepSet(0, 0, tier[0], 0, *tier[1:], number, 0) for number, tier in enumerate(self.tiers, 1)),
            *(
                FeeStepSet(0, 0, 0, share_ppm, NO_OWN_RATE_PPM, maker_ppm, number, 1)
                for number, (share_ppm, maker_ppm) in enumerate(self.rebates, 1)
            ),
        ]

    def tier_of(self, volume_micros: int) -> int:
        """Return which tier a window's volume leads to: 1 is the first above the base, 0 none."""
        return bisect_left(self.tiers, volume_micros, key=itemgetter(0))

    def rebate_of(self, maker_micros: int, venue_micros: int) -> int:
        """Return which rebate a maker's part of all that makers traded leads to; 0 none."""
        if not maker_micros:
            return 0
        # A share is above a whole number of millionths if, rounded up to one, it is: so the comparison is exact.
        return bisect_left(self.rebates, -(-maker_micros * PPM // venue_micros), key=itemgetter(0))

    def rates(self, tier: int, rebate: int) -> FeeRates:
        """Return the rates of a tier and a rebate; a rebate takes the place of a dearer maker rate."""
        rates = NO_OWN_RATES if tier == 0 else FeeRates(*self.tiers[tier - 1][1:])
        if rebate == 0:
            return rates
        return FeeRates(rates.taker_fee_ppm, min(rates.maker_fee_ppm, self.rebates[rebate - 1].maker_fee_ppm))


class Traded(NamedTuple):
    """What an account traded, by how its orders met the others; micro-dollars."""

    taker_micros: int
    maker_micros: int


class _Day(NamedTuple):
    """A day that is over: accounts by id and what each traded, side by side. A window keeps many of these."""

    accounts: array[int]
    taker: array[int]
    maker: array[int]

    def rows(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.accounts, self.taker, self.maker, strict=True)


@dataclass(slots=True)
class Fees:
    """What accounts traded in the window and today, and whose rates are its own."""

    ledger: Ledger
    """Keeps what each account traded today."""
    family_of: Callable[[int], Sequence[int]]
    """Tells who belongs to one owner with an account, itself included: their volumes count together."""
    schedule: FeeSchedule | None = None
    """By which rates are found when a day begins; None before the venue has begun."""
    rates: dict[int, FeeRates] = field(default_factory=dict)
    """By account; who is not in it pays the instrument's."""
    _today_since_ns: int = 0
    """Venue time of today's first fill."""
    _day_began_ns: int = 0
    """When the last day began that an event tells of."""
    _quiet_until_ns: int = field(default=0, compare=False)
    """Until when no day is to be told of, as far as is known: it is asked at every input."""
    _days: dict[int, _Day] = field(default_factory=dict)
    """Days of the window, by the venue time of their first fill."""
    _window: dict[int, list[int]] = field(default_factory=dict)
    """Sums over them."""
    _head: FeeScheduleSet | None = None
    """A schedule that is being set, until its last step has come."""
    _steps: list[FeeStepSet] = field(default_factory=list)

    # Questions

    def rates_of(self, account_id: int) -> FeeRates:
        """Return an account's own rates."""
        return self.rates.get(account_id, NO_OWN_RATES)

    def traded(self, account_id: int) -> Traded:
        """Return what an account and its family traded in the window, today left out."""
        sums = [self._window.get(member, (0, 0)) for member in self.family_of(account_id)]
        return Traded(sum(taker for taker, _ in sums), sum(maker for _, maker in sums))

    def traded_today(self, account_id: int) -> Traded:
        """Return what an account and its family traded since the window ended."""
        sums = [self.ledger.traded(self.ledger.row_of_account(member)) for member in self.family_of(account_id)]
        return Traded(sum(taker for taker, _ in sums), sum(maker for _, maker in sums))

    @property
    def venue_micros(self) -> int:
        """What all makers together traded in the window: every trade once."""
        return sum(maker for _, maker in self._window.values())

    def day_to_begin(self, now_ns: int) -> FeeDayBegan | None:
        """Return the day that has to be told of at `now_ns`; none while nothing was traded in the window."""
        schedule = self.schedule
        if schedule is None or now_ns < self._quiet_until_ns or not (self.ledger.has_traded or self._days):
            return None
        began_ns = now_ns - now_ns % schedule.day_ns
        if began_ns <= max(self._today_since_ns if self.ledger.has_traded else 0, self._day_began_ns):
            self._quiet_until_ns = began_ns + schedule.day_ns
            return None
        window_began_ns = began_ns - schedule.window_days * schedule.day_ns
        return FeeDayBegan(0, 0, began_ns, window_began_ns, self._volume_from(window_began_ns))

    # Changes

    def scheduled(self, event: FeeScheduleSet | FeeStepSet) -> None:
        """Take a part of a schedule over; once it is whole it is the one to go by.

        Raises:
            InvariantBroken: the part belongs to none.

        """
        if isinstance(event, FeeScheduleSet):
            self._head, self._steps = event, []
        else:
            self._steps.append(event)
        head = self._head
        if head is None:
            message = f"{event} belongs to no schedule"
            raise InvariantBroken(message)
        if len(self._steps) == head.tier_count + head.rebate_count:
            tiers = [step for step in self._steps if not step.is_rebate]
            rebates = [step for step in self._steps if step.is_rebate]
            self.schedule = FeeSchedule(
                tiers=tuple(FeeTier(step.above_micros, step.taker_fee_ppm, step.maker_fee_ppm) for step in tiers),
                rebates=tuple(MakerRebate(step.above_share_ppm, step.maker_fee_ppm) for step in rebates),
                window_days=head.window_days,
                day_ns=head.day_ns,
            )
            self._head, self._steps = None, []
            self._quiet_until_ns = 0

    def count(self, event: FillBooked, now_ns: int) -> None:
        """Count a fill of a client's order; what a liquidation takes and what is transferred counts for nobody."""
        account_id, role = event.account_id, event.role
        if account_id < FIRST_CLIENT_ACCOUNT_ID or role == _TRANSFER or (role == _TAKER and event.flags & _LIQUIDATION):
            return
        if not self.ledger.has_traded:
            self.trades_from(now_ns)
        value, row = abs(event.value_micros), self.ledger.row_of_account(account_id)
        is_taker = role == _TAKER
        self.ledger.add_traded(row, value if is_taker else 0, 0 if is_taker else value)

    def trades_from(self, now_ns: int) -> None:
        """Note when today's first fill came."""
        self._today_since_ns = now_ns

    def began(self, event: FeeDayBegan) -> None:
        """Let a day begin: what was today joins the window, and what is too old leaves it.

        Raises:
            InvariantBroken: the day does not come after the last, or the window holds another volume.

        """
        if event.began_ns <= self._day_began_ns:
            message = f"a fee day begins at {event.began_ns}, after that of {self._day_began_ns}"
            raise InvariantBroken(message)
        self._day_began_ns = event.began_ns
        if self.ledger.has_traded:
            columns = zip(*self.ledger.take_traded(), strict=True)
            self._keep(self._today_since_ns, _Day(*(array("q", column) for column in columns)))
        for since_ns in [key for key in self._days if key < event.window_began_ns]:
            self._forget(self._days.pop(since_ns))
        if self.venue_micros != event.venue_volume_micros:
            message = f"the fee window holds {self.venue_micros}, the event says {event.venue_volume_micros}"
            raise InvariantBroken(message)

    def _keep(self, since_ns: int, day: _Day) -> None:
        self._days[since_ns] = day
        for account_id, taker, maker in day.rows():
            sums = self._window.setdefault(account_id, [0, 0])
            sums[0] += taker
            sums[1] += maker

    def _forget(self, day: _Day) -> None:
        for account_id, taker, maker in day.rows():
            sums = self._window[account_id]
            sums[0] -= taker
            sums[1] -= maker
            if sums == [0, 0]:
                del self._window[account_id]

    def _volume_from(self, window_began_ns: int) -> int:
        """Return what makers traded in a window that begins then and ends with today."""
        kept = sum(sum(day.maker) for since_ns, day in self._days.items() if since_ns >= window_began_ns)
        return kept + (
            sum(maker for _, _, maker in self.ledger.all_traded()) if self._today_since_ns >= window_began_ns else 0
        )

    def changed(self, event: FeeRatesChanged) -> None:
        """Take over an account's rates.

        Raises:
            InvariantBroken: the account traded something else in the window.

        """
        traded = self.traded(event.account_id)
        if (sum(traded), traded.maker_micros) != (event.volume_micros, event.maker_volume_micros):
            message = f"account {event.account_id} traded {traded} in the window, the event says {event}"
            raise InvariantBroken(message)
        rates = FeeRates(event.taker_fee_ppm, event.maker_fee_ppm)
        if rates == NO_OWN_RATES:
            self.rates.pop(event.account_id, None)
        else:
            self.rates[event.account_id] = rates

    # Decisions

    def reviews(self) -> Iterator[FeeRatesChanged]:
        """Yield the changes of rates that the window asks for, by account id."""
        schedule = self.schedule
        assert schedule is not None, "a day begins by a schedule"
        venue = self.venue_micros
        own = self.rates
        members = {member for account_id in self._window.keys() | own.keys() for member in self.family_of(account_id)}
        for account_id in sorted(members):
            taker, maker = self.traded(account_id)
            tier, rebate = schedule.tier_of(taker + maker), schedule.rebate_of(maker, venue)
            rates = NO_OWN_RATES if tier == rebate == 0 else schedule.rates(tier, rebate)
            if rates != own.get(account_id, NO_OWN_RATES):
                yield FeeRatesChanged(
                    instrument_id=0,
                    account_id=account_id,
                    taker_fee_ppm=rates.taker_fee_ppm,
                    maker_fee_ppm=rates.maker_fee_ppm,
                    volume_micros=taker + maker,
                    maker_volume_micros=maker,
                    tier=tier,
                    rebate=rebate,
                )

    # Snapshots

    def dump(self) -> dict[str, Any]:
        """Return the state in terms of JSON."""
        return {
            "schedule": asdict(self.schedule) if self.schedule is not None else None,
            "rates": {str(key): list(rates) for key, rates in self.rates.items()},
            "today": self.ledger.all_traded(),
            "today_since_ns": self._today_since_ns,
            "day_began_ns": self._day_began_ns,
            "days": {
                str(since_ns): [list(day.accounts), list(day.taker), list(day.maker)]
                for since_ns, day in self._days.items()
            },
        }

    @classmethod
    def load(cls, fields: dict[str, Any], ledger: Ledger, family_of: Callable[[int], Sequence[int]]) -> Fees:
        """Return what `dump` wrote; the ledger, which has the accounts, gets what they traded today."""
        schedule = fields["schedule"]
        for account_id, taker, maker in fields["today"]:
            ledger.add_traded(ledger.row_of_account(account_id), taker, maker)
        fees = cls(
            ledger,
            family_of,
            FeeSchedule(
                tiers=tuple(FeeTier(*tier) for tier in schedule["tiers"]),
                rebates=tuple(MakerRebate(*rebate) for rebate in schedule["rebates"]),
                window_days=schedule["window_days"],
                day_ns=schedule["day_ns"],
            )
            if schedule is not None
            else None,
            {int(key): FeeRates(*rates) for key, rates in fields["rates"].items()},
            fields["today_since_ns"],
            fields["day_began_ns"],
        )
        for since_ns, columns in sorted(fields["days"].items(), key=lambda entry: int(entry[0])):
            fees._keep(int(since_ns), _Day(*(array("q", column) for column in columns)))
        return fees
