"""Ordering policies: in which order, and when, waiting requests reach the engine (MTCH-060).

A venue decides by this more than by its book who is picked off: a maker whose cancel waits behind a taker loses what a
maker on a cancels-first venue keeps. Each policy is a plain unit: requests and venue time in, requests out. The
live shard and the simulator run the same ones, so a bot can be tried under each.

Kept true: every request comes out exactly once, and none before its time; the order follows from arrivals, venue times
and the seed alone.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from enum import IntEnum, StrEnum, auto
from hashlib import blake2b
from typing import Generic, Protocol, TypeVar, assert_never

from wavetank.matching.core.commands import COMMAND_BYTES
from wavetank.model.orders import CommandKind, OrderFlag

Request = TypeVar("Request")

_KIND, _FLAGS, _TRIGGER_KIND = 0, 4, 124
"""Where these stand in a packed command."""


class Urgency(IntEnum):
    """What a request does to those who rest, by the strongest of its commands."""

    NEITHER = 0
    """It neither takes nor cancels: post-only orders, quotes, orders that wait for a trigger."""
    CANCELS = 1
    TAKES = 2
    """At least one command may trade at once: a place that is not post-only, or an amend."""


class Ordering(StrEnum):
    """Names of the policies."""

    ARRIVAL = auto()
    CANCELS_FIRST = auto()
    TAKER_DELAY = auto()
    RANDOM = auto()
    ADVERSARIAL = auto()


def ordering_number(policy: Ordering) -> int:
    """Return the number of a policy in the contract and in the log."""
    return list(Ordering).index(policy) + 1


def urgency_of(commands: bytes) -> Urgency:
    """Return what packed commands do to those who rest.

    Args:
        commands: whole command records, one behind the other.

    """
    strongest = Urgency.NEITHER
    for at in range(0, len(commands), COMMAND_BYTES):
        kind = commands[at + _KIND]
        if kind == CommandKind.AMEND or (
            kind == CommandKind.PLACE
            and not commands[at + _FLAGS] & OrderFlag.POST_ONLY
            and not commands[at + _TRIGGER_KIND]
        ):
            return Urgency.TAKES
        if kind in (CommandKind.CANCEL, CommandKind.CANCEL_ALL):
            strongest = Urgency.CANCELS
    return strongest


class OrderingPolicy(Protocol[Request]):
    """Holds requests until their turn."""

    def add(self, request: Request, commands: bytes, now_ns: int) -> None:
        """Take a request that arrived at a venue time; times never decrease."""

    def due(self, now_ns: int) -> list[Request]:
        """Return, and forget, the requests whose turn has come, in the order in which they are carried out."""

    @property
    def next_due_ns(self) -> int | None:
        """Venue time at which `due` will have something, or None while nothing waits."""


class Arrival(Generic[Request]):
    """First come, first served; nobody waits."""

    def __init__(self) -> None:
        """Begin with nothing waiting."""
        self._waiting: deque[Request] = deque()
        self._arrived_ns = 0

    def add(self, request: Request, commands: bytes, now_ns: int) -> None:
        """Take a request."""
        self._waiting.append(request)
        self._arrived_ns = now_ns

    def due(self, now_ns: int) -> list[Request]:
        """Return all, in the order of their arrival."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    @property
    def next_due_ns(self) -> int | None:
        """Venue time of the last arrival, for nobody waits."""
        return self._arrived_ns if self._waiting else None


class TakerDelay(Generic[Request]):
    """Requests that may trade at once wait a moment; all others go through, so that makers can move first."""

    def __init__(self, delay_ns: int) -> None:
        """Begin with nothing waiting.

        Args:
            delay_ns: venue time that takers wait, at least 0.

        """
        self._delay_ns = delay_ns
        self._arrivals = 0
        self._waiting: list[tuple[int, int, Request]] = []

    def add(self, request: Request, commands: bytes, now_ns: int) -> None:
        """Take a request."""
        delay_ns = self._delay_ns if urgency_of(commands) is Urgency.TAKES else 0
        heapq.heappush(self._waiting, (now_ns + delay_ns, self._arrivals, request))
        self._arrivals += 1

    def due(self, now_ns: int) -> list[Request]:
        """Return those whose delay is over, by the time at which it was over, then by arrival."""
        released = []
        while self._waiting and self._waiting[0][0] <= now_ns:
            released.append(heapq.heappop(self._waiting)[2])
        return released

    @property
    def next_due_ns(self) -> int | None:
        """End of the shortest delay."""
        return self._waiting[0][0] if self._waiting else None


class BlockOrder(Protocol):
    """Ranks the requests of one block: the lower goes first; of two equal ones, that which came first."""

    def __call__(self, urgency: Urgency, arrival: int) -> bytes | int:
        """Return the rank of a request by what it does and its number of arrival since the start."""


@dataclass(frozen=True, slots=True)
class Shuffled:
    """Ranks by a keyed hash of the arrival: as good as a shuffle, and the same on every machine."""

    seed: int

    def __call__(self, urgency: Urgency, arrival: int) -> bytes:
        """Return the rank."""
        return blake2b(arrival.to_bytes(8, "little"), digest_size=8, key=self.seed.to_bytes(8, "little")).digest()


@dataclass(frozen=True, slots=True)
class Ranked:
    """Ranks by what a request does; of equals, the first to arrive goes first."""

    ranking: tuple[Urgency, Urgency, Urgency]

    def __call__(self, urgency: Urgency, arrival: int) -> int:
        """Return the rank."""
        return self.ranking.index(urgency)


CANCELS_FIRST = Ranked((Urgency.NEITHER, Urgency.CANCELS, Urgency.TAKES))
"""As Hyperliquid orders a block: what does not take, then cancels, then takers."""

TAKERS_FIRST = Ranked((Urgency.TAKES, Urgency.NEITHER, Urgency.CANCELS))
"""The adversary's: every cancel comes too late."""


class Blocks(Generic[Request]):
    """Requests gather until the end of a block interval, then all run in the block's order."""

    def __init__(self, interval_ns: int, order: BlockOrder) -> None:
        """Begin with nothing waiting.

        Args:
            interval_ns: length of a block in venue time, at least 1; blocks end at its multiples.
            order: ranks the requests of a block.

        """
        self._interval_ns = interval_ns
        self._order = order
        self._arrivals = 0
        # By block end, then rank, then arrival: a block that was not fetched in time still comes before the next.
        self._waiting: list[tuple[int, bytes | int, int, Request]] = []

    def add(self, request: Request, commands: bytes, now_ns: int) -> None:
        """Take a request."""
        end_ns = (now_ns // self._interval_ns + 1) * self._interval_ns
        rank = self._order(urgency_of(commands), self._arrivals)
        heapq.heappush(self._waiting, (end_ns, rank, self._arrivals, request))
        self._arrivals += 1

    def due(self, now_ns: int) -> list[Request]:
        """Return the requests of the blocks that have ended."""
        released = []
        while self._waiting and self._waiting[0][0] <= now_ns:
            released.append(heapq.heappop(self._waiting)[3])
        return released

    @property
    def next_due_ns(self) -> int | None:
        """End of the earliest block in which something waits."""
        return self._waiting[0][0] if self._waiting else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderingSettings:
    """Which policy a shard follows, and its measures."""

    policy: Ordering = Ordering.ARRIVAL
    block_interval_ns: int = 100_000_000
    """Of the policies that gather blocks, venue time."""
    taker_delay_ns: int = 3_000_000
    """Of `taker_delay`, venue time."""
    seed: int = 0
    """Of `random`, 0 to 2^63 - 1."""


def ordering_policy(settings: OrderingSettings) -> OrderingPolicy[Request]:
    """Return a policy with nothing waiting."""
    match settings.policy:
        case Ordering.ARRIVAL:
            return Arrival()
        case Ordering.CANCELS_FIRST:
            return Blocks(settings.block_interval_ns, CANCELS_FIRST)
        case Ordering.TAKER_DELAY:
            return TakerDelay(settings.taker_delay_ns)
        case Ordering.RANDOM:
            return Blocks(settings.block_interval_ns, Shuffled(settings.seed))
        case Ordering.ADVERSARIAL:
            return Blocks(settings.block_interval_ns, TAKERS_FIRST)
        case _:
            assert_never(settings.policy)
