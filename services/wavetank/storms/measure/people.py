"""Whose figures they are: accounts, the roles they play, and the bots under test.

A person is an account, or several as one: sums are added, the worst health is the worst of all, shares are of all their
fills together. So a crowd of fifty has figures like anybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from wavetank.storms.measure.catalogue import PERSON, Unit
from wavetank.storms.measure.distribution import nearest_rank
from wavetank.storms.measure.record import Figure, Member
from wavetank.storms.measure.trades import BPS, Judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wavetank.storms.measure.recorder import Recorder

Number = TypeVar("Number", int, float)
LABELS = ("informed", "arbitrageur", "momentum", "noise", "whale", "liquidated", "maker", "other")
"""Counterparties whose markouts stand apart."""


@dataclass(slots=True)
class Person:
    """What is known of an account, or of several; money in micro-dollars, times in nanoseconds."""

    equity_micros: int = 0
    paid_in_micros: int = 0
    deposited_micros: int = 0
    withdrawn_micros: int = 0
    min_health: float | None = None
    min_equity_micros: int | None = None
    liquidated_micros: int = 0
    deleveraged_micros: int = 0
    given_up_micros: int = 0
    time_to_flat_ns: int | None = None
    residual_micros: int | None = None
    unhedged_ns: int | None = None
    fills: int = 0
    volume_micros: int = 0
    quoted: int = 0
    samples: int = 0
    rejections: int = 0
    order_answers_ns: list[int] = field(default_factory=list[int])
    """How long each answer to an order took."""
    cancel_answers_ns: list[int] = field(default_factory=list[int])
    judged: dict[str, Judged] = field(default_factory=dict)
    """By label of the counterparty."""

    def add(self, other: Person) -> None:
        """Count another account too."""
        self.equity_micros += other.equity_micros
        self.paid_in_micros += other.paid_in_micros
        self.deposited_micros += other.deposited_micros
        self.withdrawn_micros += other.withdrawn_micros
        self.min_health = _least(self.min_health, other.min_health)
        self.min_equity_micros = _least(self.min_equity_micros, other.min_equity_micros)
        self.liquidated_micros += other.liquidated_micros
        self.deleveraged_micros += other.deleveraged_micros
        self.given_up_micros += other.given_up_micros
        self.time_to_flat_ns = _most(self.time_to_flat_ns, other.time_to_flat_ns)
        self.residual_micros = _most(self.residual_micros, other.residual_micros)
        self.unhedged_ns = _most(self.unhedged_ns, other.unhedged_ns)
        self.fills += other.fills
        self.volume_micros += other.volume_micros
        self.quoted += other.quoted
        self.samples += other.samples
        self.rejections += other.rejections
        self.order_answers_ns += other.order_answers_ns
        self.cancel_answers_ns += other.cancel_answers_ns
        for label, judged in other.judged.items():
            self.judged.setdefault(label, Judged()).add(judged)

    def against(self, label: str | None = None) -> Judged:
        """Return what its resting orders' fills came to against one label, or against all."""
        whole = Judged()
        for name, judged in self.judged.items():
            if label in {None, name}:
                whole.add(judged)
        return whole


def _least(first: Number | None, second: Number | None) -> Number | None:
    return min((each for each in (first, second) if each is not None), default=None)


def _most(first: Number | None, second: Number | None) -> Number | None:
    return max((each for each in (first, second) if each is not None), default=None)


def people(recorder: Recorder, members: Mapping[int, Member], *, ended_ns: int) -> dict[int, Person]:
    """Return everybody by account.

    Args:
        recorder: with everything taken.
        members: everybody who is known.
        ended_ns: venue time of the end.

    """
    settings, liquidations, standing = recorder.settings, recorder.liquidations, recorder.standing
    found = {account_id: Person() for account_id in recorder.accounts.holders}
    for account_id, person in found.items():
        holder = recorder.accounts.holders[account_id]
        person.equity_micros, person.paid_in_micros = holder.equity_micros, holder.paid_in_micros
        person.deposited_micros, person.withdrawn_micros = holder.deposited_micros, holder.withdrawn_micros
        person.min_health, person.min_equity_micros = holder.min_health, holder.min_equity_micros
        person.fills, person.volume_micros = holder.fills, holder.volume_micros
        person.order_answers_ns = recorder.acknowledgements.of_account(account_id, cancels=False)
        person.cancel_answers_ns = recorder.acknowledgements.of_account(account_id, cancels=True)
        person.time_to_flat_ns = standing.time_to_flat_ns(
            account_id, is_liquidated=liquidations.is_under_way(account_id), ended_ns=ended_ns
        )
        hedge = standing.hedges.get(account_id)
        if hedge is not None:
            person.residual_micros = hedge.residual_micros
            person.unhedged_ns = hedge.unhedged_ns if hedge.was_hedged else None
    for case in liquidations.cases.values():
        found[case.account_id].liquidated_micros += case.closed_micros
    for each in liquidations.deleveragings:
        found[each.account_id].deleveraged_micros += abs(each.value_micros)
        found[each.account_id].given_up_micros += each.given_up_micros
    for refusal, count in recorder.desk.refusals.items():
        found.setdefault(refusal.account_id, Person()).rejections += count
    for quotes in recorder.shards.values():
        for (account_id, _), uptime in quotes.uptimes.items():
            found[account_id].quoted += uptime.quoted
            found[account_id].samples += uptime.samples
    judged = recorder.trades.judge(
        recorder.prices.tracks,
        members,
        ended_ns=ended_ns,
        markout_ns=settings.markout_ns,
        horizons_ns=settings.horizons_ns,
    )
    for (account_id, label), fills in judged.items():
        found[account_id].judged[label] = fills
    return found


def together(persons: Iterable[Person]) -> Person:
    """Return several as one."""
    whole = Person()
    for person in persons:
        whole.add(person)
    return whole


def quotient(part: float, whole: float, times: int = 1) -> float | None:
    """Return a part of a whole, or None of nothing."""
    return times * part / whole if whole else None


# Figures


@PERSON.of("pnl", Unit.MONEY)
def pnl(person: Person) -> Figure:
    """Equity at the end less what was paid in: deposits less withdrawals, and collateral as it counted when it came."""
    return person.equity_micros - person.paid_in_micros


@PERSON.of("end_equity", Unit.MONEY)
def end_equity(person: Person) -> Figure:
    """`cash + Σ (lots × mark − cost)` and what collateral counts, at the last marks told to clearing."""
    return person.equity_micros


@PERSON.of("min_equity", Unit.MONEY)
def min_equity(person: Person) -> Figure:
    """Least equity at any mark; of several accounts the least of one."""
    return person.min_equity_micros


@PERSON.of("min_health", Unit.RATIO)
def min_health(person: Person) -> Figure:
    """Least equity / maintenance margin at any mark and at each change of its band; none without a position."""
    return person.min_health


@PERSON.of("deposited", Unit.MONEY)
def deposited(person: Person) -> Figure:
    """Cash that its owner brought, from outside or from another account."""
    return person.deposited_micros


@PERSON.of("withdrawn", Unit.MONEY)
def withdrawn(person: Person) -> Figure:
    """Cash that its owner took out, to the outside or to another account."""
    return person.withdrawn_micros


@PERSON.of("liquidated", Unit.MONEY)
def liquidated(person: Person) -> Figure:
    """Notional that its liquidations closed: in the book, handed to the vault, or deleveraged, at booked values."""
    return person.liquidated_micros


@PERSON.of("adl", Unit.MONEY)
def deleveraged(person: Person) -> Figure:
    """Notional of its positions that auto-deleveraging closed, at the values they were booked at."""
    return person.deleveraged_micros


@PERSON.of("given_up", Unit.MONEY)
def given_up(person: Person) -> Figure:
    """What those closes cost it against the mark."""
    return person.given_up_micros


@PERSON.of("time_to_flat", Unit.DURATION)
def time_to_flat(person: Person) -> Figure:
    """Longest way from a first warning or liquidation to no position; one in liquidation at the end counts until then.

    None of who was never in trouble, or came out of it with its positions.
    """
    return person.time_to_flat_ns


@PERSON.of("residual_delta", Unit.MONEY)
def residual_delta(person: Person) -> Figure:
    """Largest `Σ over groups |Σ lots × mark|` right after a deleveraging; instruments of no group are one group."""
    return person.residual_micros


@PERSON.of("unhedged_ns", Unit.DURATION)
def unhedged(person: Person) -> Figure:
    """Time after its first deleveraging during which that sum was over a tenth of gross notional; it was not before."""
    return person.unhedged_ns


@PERSON.of("fills", Unit.COUNT)
def fills(person: Person) -> Figure:
    """Fills in the book, taking and making; a transfer is none."""
    return person.fills


@PERSON.of("volume", Unit.MONEY)
def volume(person: Person) -> Figure:
    """Notional of those fills."""
    return person.volume_micros


@PERSON.of("picked_off_share", Unit.SHARE)
def picked_off_share(person: Person) -> Figure:
    """Share of maker fills with `s × (f(t + h) − p) × lots < −|fee|`; s is +1 for a buy, f the true index, h 1 s."""
    judged = person.against()
    return quotient(judged.picked_off, judged.judged)


@PERSON.of("quote_uptime", Unit.SHARE)
def quote_uptime(person: Person) -> Figure:
    """Share of book samples, from its first resting order on, with a bid and an ask of its within 50 bps of the mid."""
    return quotient(person.quoted, person.samples)


@PERSON.of("effective_spread_bps", Unit.BPS)
def effective_spread(person: Person) -> Figure:
    """`2 × Σ s × (p − m) × lots / Σ m × lots` over maker fills; s is +1 where the taker bought, m the mid before."""
    judged = person.against()
    return quotient(2 * judged.earned_micros, judged.mid_value_micros, BPS)


@PERSON.of("realised_spread_bps", Unit.BPS)
def realised_spread(person: Person) -> Figure:
    """`2 × Σ s × (p − f(t + h)) × lots / Σ m × lots`, likewise, with h = 1 s."""
    judged = person.against()
    return quotient(2 * judged.realised_micros, judged.realised_value_micros, BPS)


@PERSON.of("rejections", Unit.COUNT)
def rejections(person: Person) -> Figure:
    """Commands and withdrawals refused."""
    return person.rejections


@PERSON.of("ack_latency.p50", Unit.DURATION)
def ack_latency_median(person: Person) -> Figure:
    """Median time from an order or amendment leaving its sender to the answer reaching it; what is lost has none.

    None of simulated agents, who wait for no answer, and of strangers to a live run, of whose clocks nobody knows.
    """
    return nearest_rank(person.order_answers_ns, 50)


@PERSON.of("ack_latency.p99", Unit.DURATION)
def ack_latency_worst(person: Person) -> Figure:
    """99th percentile of the same, by nearest rank."""
    return nearest_rank(person.order_answers_ns, 99)


@PERSON.of("cancel_latency.p50", Unit.DURATION)
def cancel_latency_median(person: Person) -> Figure:
    """Median of the same, of cancels."""
    return nearest_rank(person.cancel_answers_ns, 50)


@PERSON.of("cancel_latency.p99", Unit.DURATION)
def cancel_latency_worst(person: Person) -> Figure:
    """99th percentile of the same, of cancels."""
    return nearest_rank(person.cancel_answers_ns, 99)


_HORIZONS = {"100ms": 100_000_000, "1s": 1_000_000_000, "10s": 10_000_000_000}


def _markout(horizon_ns: int, label: str | None) -> Callable[[Person], Figure]:
    return partial(_marked_out, horizon_ns=horizon_ns, label=label)


def _marked_out(person: Person, *, horizon_ns: int, label: str | None) -> Figure:
    gained, value = (person.against(label).markouts or {}).get(horizon_ns, (0, 0))
    return quotient(gained, value, BPS)


for _word, _horizon_ns in _HORIZONS.items():
    for _label in (None, *LABELS):
        _function = _markout(_horizon_ns, _label)
        _who = "" if _label is None else f", where the counterparty was {_label}"
        _function.__doc__ = f"`Σ s × (f(t + {_word}) − p) × lots / Σ p × lots` over maker fills{_who}."
        PERSON.of(f"markout_{_word}_bps" + ("" if _label is None else f".{_label}"), Unit.BPS)(_function)
