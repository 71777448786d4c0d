"""The shards' doors, broken on purpose: venue faults, and in which order requests run; needs scope `admin`.

A bot is tried against late requests, lost answers and vanished cancels with the same few lines on any number of shards:
each of them gets what is set here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum

import grpc.aio

from wavetank.client.connection import Connection
from wavetank.client.faults import nanoseconds
from wavetank.client.instrument import Number, decimal_of, scaled
from wavetank.v1 import (
    matching_control_pb2,
    matching_control_pb2_grpc,
    venue_control_pb2,
    venue_control_pb2_grpc,
)

_PPM = 6
_FAULTS_PER_SHARD = 10**12
_EVERY_TIME = 1


class VenueFaultKind(IntEnum):
    """What goes wrong between a client and a shard."""

    DELAY = venue_control_pb2.VENUE_FAULT_KIND_DELAY
    """Requests arrive late; those of one session keep their order."""
    ACK_LOSS = venue_control_pb2.VENUE_FAULT_KIND_ACK_LOSS
    """A request is carried out, and its answer never comes."""
    ACK_DELAY = venue_control_pb2.VENUE_FAULT_KIND_ACK_DELAY
    """A request is carried out at once, and its answer comes late."""
    THROTTLE = venue_control_pb2.VENUE_FAULT_KIND_THROTTLE
    """A request is refused: `RateLimited`."""
    UNAVAILABLE = venue_control_pb2.VENUE_FAULT_KIND_UNAVAILABLE
    """A request is refused: `VenueOverloaded`."""
    CANCEL_LOSS = venue_control_pb2.VENUE_FAULT_KIND_CANCEL_LOSS
    """A request that cancels never arrives."""
    REDUCE_ONLY_REJECTED = venue_control_pb2.VENUE_FAULT_KIND_REDUCE_ONLY_REJECTED
    """A request with a reduce-only order is refused: `VenueOverloaded`."""
    DISCONNECT = venue_control_pb2.VENUE_FAULT_KIND_DISCONNECT
    """A request ends its session."""
    MARKET_DATA_GAP = venue_control_pb2.VENUE_FAULT_KIND_MARKET_DATA_GAP
    """The market data of a commit is not told."""
    MARKET_DATA_DELAY = venue_control_pb2.VENUE_FAULT_KIND_MARKET_DATA_DELAY
    """The market data of a commit is told late."""


class Jitter(IntEnum):
    """How a delay varies beside its constant part."""

    NONE = venue_control_pb2.JITTER_KIND_UNSPECIFIED
    UNIFORM = venue_control_pb2.JITTER_KIND_UNIFORM
    EXPONENTIAL = venue_control_pb2.JITTER_KIND_EXPONENTIAL


class OrderingPolicy(IntEnum):
    """In which order waiting requests run (MTCH-060)."""

    ARRIVAL = matching_control_pb2.ORDERING_POLICY_ARRIVAL
    CANCELS_FIRST = matching_control_pb2.ORDERING_POLICY_CANCELS_FIRST
    TAKER_DELAY = matching_control_pb2.ORDERING_POLICY_TAKER_DELAY
    RANDOM = matching_control_pb2.ORDERING_POLICY_RANDOM
    ADVERSARIAL = matching_control_pb2.ORDERING_POLICY_ADVERSARIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFault:
    """A fault of one shard's door; times are venue time in nanoseconds.

    Attributes:
        fault_id: given by the shard.
        kind: what goes wrong.
        account_ids: whom it hits, empty for all clients.
        delay_ns: constant part of a delay.
        jitter_ns: size of its varying part.
        jitter: how that varies.
        probability: that it hits a request, or a commit's market data.
        start_time_ns: when it begins.
        duration_ns: how long it lasts, 0 until cleared.
        ramp_ns: how long it grows.
        seed: decides what it hits.
    """

    fault_id: int
    kind: VenueFaultKind
    account_ids: tuple[int, ...]
    delay_ns: int
    jitter_ns: int
    jitter: Jitter
    probability: Decimal
    start_time_ns: int
    duration_ns: int
    ramp_ns: int
    seed: int

    @property
    def shard(self) -> int:
        """Shard whose door it breaks."""
        return self.fault_id // _FAULTS_PER_SHARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """A policy with its measures, venue time in nanoseconds.

    Attributes:
        policy: in which order waiting requests run.
        block_interval_ns: length of a block, 0 for the shard's own setting.
        taker_delay_ns: how long takers wait, 0 for the shard's own setting.
        seed: of `RANDOM`.
    """

    policy: OrderingPolicy
    block_interval_ns: int = 0
    taker_delay_ns: int = 0
    seed: int = 0


class Doors:
    """The doors of all shards."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def set_fault(  # noqa: PLR0913 - a fault has this many properties.
        self,
        kind: VenueFaultKind,
        *,
        account_ids: Sequence[int] = (),
        delay: timedelta = timedelta(),
        jitter: timedelta = timedelta(),
        jitter_kind: Jitter = Jitter.UNIFORM,
        probability: Number = _EVERY_TIME,
        start: timedelta = timedelta(),
        duration: timedelta = timedelta(),
        ramp: timedelta = timedelta(),
        seed: int = 0,
    ) -> tuple[VenueFault, ...]:
        """Break the doors, and return the fault of each shard.

        Args:
            kind: what goes wrong.
            account_ids: whom it hits, at most 100; empty for all clients.
            delay: venue time, of the kinds that delay.
            jitter: size of the delay's varying part.
            jitter_kind: how that varies.
            probability: that it hits a request, or a commit's market data; above 0, at most 1.
            start: venue time from now on until it begins.
            duration: venue time it lasts; none lasts until it is cleared.
            ramp: venue time over which delay and probability grow from nothing to all.
            seed: decides what it hits.

        Raises:
            FaultMalformed: kind and sizes do not fit.
            TooManyFaults: 100 faults are set.
        """
        ppm = decimal_of(probability, "a probability").scaleb(_PPM)
        if ppm != int(ppm) or ppm <= 0:
            raise ValueError(f"a probability is above 0 and has at most {_PPM} decimals, not {probability}")
        fault = venue_control_pb2.VenueFault(
            kind=kind.value,
            account_ids=account_ids,
            delay_ns=nanoseconds(delay),
            jitter_ns=nanoseconds(jitter),
            jitter=jitter_kind.value if jitter else Jitter.NONE.value,
            probability_ppm=int(ppm),
            starts_in_ns=nanoseconds(start),
            duration_ns=nanoseconds(duration),
            ramp_ns=nanoseconds(ramp),
            seed=seed,
        )
        request = venue_control_pb2.SetVenueFaultRequest(fault=fault)
        return tuple([
            _fault((await self._connection.change(stub.SetVenueFault, request)).fault) for stub in self._stubs()
        ])  # fmt: skip

    async def clear_faults(self, fault_ids: Sequence[int] = ()) -> tuple[int, ...]:
        """End faults, or all, and return the ids of those that were ended.

        Raises:
            FaultUnknown: no fault with such an id is set.
        """
        ended: list[int] = []
        for shard, stub in enumerate(self._stubs()):
            own = [each for each in fault_ids if each // _FAULTS_PER_SHARD == shard]
            if own or not fault_ids:
                request = venue_control_pb2.ClearVenueFaultsRequest(fault_ids=own)
                ended += (await self._connection.change(stub.ClearVenueFaults, request)).fault_ids
        return tuple(ended)

    async def list_faults(self) -> tuple[VenueFault, ...]:
        """Return the faults whose time is not over, by id."""
        request = venue_control_pb2.ListVenueFaultsRequest()
        found = [(await self._connection.ask(stub.ListVenueFaults, request)).faults for stub in self._stubs()]
        return tuple(_fault(fault) for faults in found for fault in faults)

    async def set_ordering(self, ordering: Ordering) -> tuple[Ordering, ...]:
        """Let waiting requests run in another order from now on; return the one before, by shard."""
        request = matching_control_pb2.SetOrderingRequest(
            ordering=matching_control_pb2.Ordering(
                policy=ordering.policy.value,
                block_interval_ns=ordering.block_interval_ns,
                taker_delay_ns=ordering.taker_delay_ns,
                seed=ordering.seed,
            )
        )
        stubs = [matching_control_pb2_grpc.MatchingControlServiceStub(channel) for channel in self._channels()]
        before = [(await self._connection.change(stub.SetOrdering, request)).previous for stub in stubs]
        return tuple(
            Ordering(
                policy=OrderingPolicy(each.policy),
                block_interval_ns=each.block_interval_ns,
                taker_delay_ns=each.taker_delay_ns,
                seed=each.seed,
            )
            for each in before
        )

    def _channels(self) -> list[grpc.aio.Channel]:
        shards = self._connection.directory.matching
        return [self._connection.channel(shards[shard]) for shard in sorted(shards)]

    def _stubs(self) -> list[venue_control_pb2_grpc.VenueFaultServiceAsyncStub]:
        return [venue_control_pb2_grpc.VenueFaultServiceStub(channel) for channel in self._channels()]


def _fault(message: venue_control_pb2.VenueFault) -> VenueFault:
    return VenueFault(
        fault_id=message.fault_id,
        kind=VenueFaultKind(message.kind),
        account_ids=tuple(message.account_ids),
        delay_ns=message.delay_ns,
        jitter_ns=message.jitter_ns,
        jitter=Jitter(message.jitter),
        probability=scaled(message.probability_ppm, -_PPM),
        start_time_ns=message.start_time_ns,
        duration_ns=message.duration_ns,
        ramp_ns=message.ramp_ns,
        seed=message.seed,
    )
