"""The public feed of liquidations, auto-deleveraging and cascades: complete, and from any moment on.

It says what the venue did to whom and why; equity and margin of others leave the venue only as their ratio. A feed that
loses its connection goes on behind the last event it gave, so that nothing is missed and nothing repeated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import grpc.aio

from wavetank.client.connection import Connection
from wavetank.client.errors import call_error
from wavetank.client.events import (
    Disconnected,
    Gap,
    LiquidationCause,
    LiquidationOutcome,
    LiquidationStage,
    PaymentCause,
    Reconnected,
)
from wavetank.client.instrument import dollars, scaled
from wavetank.client.streams import FollowedEvents, Following
from wavetank.client.wire import Wire
from wavetank.v1 import liquidation_feed_pb2, liquidation_feed_pb2_grpc

_PPM = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicLiquidationStarted:
    """An account fell below its maintenance margin; `health` is equity by margin, None without a margin."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    account_id: int
    health: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicLiquidationTested:
    """An account was tested at prices frozen for it, or waits for the next mark."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    account_id: int
    health: Decimal | None
    outcome: LiquidationOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicLiquidationStepped:
    """A stage acted, or was passed over, and why.

    Attributes:
        seq: in clearing's log.
        event_time_ns: venue time.
        liquidation_id: 0 when the backstop vault disposes of what it took.
        account_id: in liquidation, or the vault.
        instrument: symbol, or empty.
        stage: of the waterfall.
        cause: why.
        delta_size: signed change that is aimed at, or 0.
        price: limit of the order, or price of the takeover, or None.
        reserve: what the fund set aside for it, dollars.
        health: before the step; that after it stands in the liquidation's next event.
    """

    seq: int
    event_time_ns: int
    liquidation_id: int
    account_id: int
    instrument: str
    stage: LiquidationStage
    cause: LiquidationCause
    delta_size: Decimal
    price: Decimal | None
    reserve: Decimal
    health: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicLiquidationAnswered:
    """What a step achieved: unsigned size and signed dollars; no instrument for the cancels at the beginning."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    account_id: int
    instrument: str
    done_size: Decimal
    done_value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicRankedAccount:
    """A line of a ranking: `delta_size` is the signed change that is asked, 0 if none is."""

    rank: int
    account_id: int
    delta_size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicDeleveragingRanking:
    """A ranking for auto-deleveraging, or a part of a long one; `ranked` is how many are in all (LIQ-080)."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    instrument: str
    ranked: int
    lines: tuple[PublicRankedAccount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicDeleveraged:
    """An account gave up part of its position; money in dollars."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    account_id: int
    instrument: str
    delta_size: Decimal
    value: Decimal
    given_up: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPayment:
    """The waterfall moved cash, in dollars: fund, vault, winners, or nobody bore a loss."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    payer_account_id: int
    receiver_account_id: int
    instrument: str
    amount: Decimal
    cause: PaymentCause


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicLiquidationEnded:
    """A liquidation ended; `health` is that after it."""

    seq: int
    event_time_ns: int
    liquidation_id: int
    account_id: int
    health: Decimal | None
    outcome: LiquidationOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicCascadeJoined:
    """A liquidation belongs to a cascade, by the trade `parent_trade_id` that it follows, or 0 (LIQ-120)."""

    seq: int
    event_time_ns: int
    cascade_id: int
    liquidation_id: int
    account_id: int
    instrument: str
    parent_trade_id: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicCascadeEnded:
    """A cascade ended (LIQ-120).

    Attributes:
        seq: in clearing's log.
        event_time_ns: venue time.
        cascade_id: from 1 without gaps.
        began_ns: venue time at which it began.
        notional: dollars that its liquidations closed.
        first_notional: the first generation's part of it.
        multiplier: all by the first generation's; 0 when that closed nothing.
        depth_consumed: each fill in the book as a share of the depth it met, summed.
        peak_gap: largest distance of mark and index, of the index.
        liquidations: how many.
        generations: how many.
    """

    seq: int
    event_time_ns: int
    cascade_id: int
    began_ns: int
    notional: Decimal
    first_notional: Decimal
    multiplier: Decimal
    depth_consumed: Decimal
    peak_gap: Decimal
    liquidations: int
    generations: int


PublicEvent: TypeAlias = (
    PublicLiquidationStarted
    | PublicLiquidationTested
    | PublicLiquidationStepped
    | PublicLiquidationAnswered
    | PublicDeleveragingRanking
    | PublicDeleveraged
    | PublicPayment
    | PublicLiquidationEnded
    | PublicCascadeJoined
    | PublicCascadeEnded
)
LiquidationEvent: TypeAlias = PublicEvent | Gap | Disconnected | Reconnected


LiquidationEvents: TypeAlias = FollowedEvents[PublicEvent]
"""The feed from a moment on."""


class Liquidations:
    """Every liquidation of the venue, as anybody with a key may know it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def events(self, instruments: Sequence[str] = (), *, from_seq: int = 0) -> LiquidationEvents:
        """Follow the feed, within `async with` or until `close()`.

        Args:
            instruments: only events in these, and those that are in none, such as beginnings and ends; empty for all.
            from_seq: events after this seq of clearing's log, however long ago; 0 for from now on.
        """
        connection, stub = self._connection, _stub(self._connection)
        numbers = connection.wire.numbers(instruments)
        return FollowedEvents(
            Following(
                name="liquidations",
                connection=connection,
                begin=lambda after_seq: stub.StreamLiquidations(
                    liquidation_feed_pb2.StreamLiquidationsRequest(from_seq=after_seq, instrument_ids=numbers),
                    metadata=connection.metadata,
                ),
                read=lambda message: [each for each in [public_event(message, connection.wire)] if each is not None],
                from_seq=from_seq,
                capacity=4_096,
                instruments=_instruments,
            )
        )

    async def past(self, instruments: Sequence[str] = (), *, from_seq: int = 1) -> AsyncIterator[PublicEvent]:
        """Yield what the feed has told until now, and end.

        Args:
            instruments: as of `events`.
            from_seq: events after this seq of clearing's log; 1 for all.

        Raises:
            ResumeImpossible: the log ends before that seq.
            VenueUnavailable: the connection was lost; go on behind the last seq.
        """
        connection = self._connection
        request = liquidation_feed_pb2.StreamLiquidationsRequest(
            from_seq=from_seq, instrument_ids=connection.wire.numbers(instruments)
        )
        call = _stub(connection).StreamLiquidations(request, metadata=connection.metadata)
        has_begun = False
        try:
            async for message in call:
                await connection.know(_instruments(message))
                event = public_event(message, connection.wire)
                if event is not None:
                    yield event
                elif message.WhichOneof("event") is None and has_begun:
                    return
                has_begun = True
        except grpc.aio.AioRpcError as error:
            raise call_error(error) from error
        finally:
            call.cancel()


def _stub(connection: Connection) -> liquidation_feed_pb2_grpc.LiquidationFeedServiceAsyncStub:
    return liquidation_feed_pb2_grpc.LiquidationFeedServiceStub(connection.channel(connection.directory.clearing))


def _instruments(message: liquidation_feed_pb2.StreamLiquidationsResponse) -> list[int]:
    kind = message.WhichOneof("event")
    return [] if kind is None else [int(getattr(getattr(message, kind), "instrument_id", 0))]


def public_event(message: liquidation_feed_pb2.StreamLiquidationsResponse, wire: Wire) -> PublicEvent | None:
    """Return an event of the feed, or None for a message without one and for a kind that is newer than this SDK."""
    seq, time_ns = message.seq, message.event_time_ns
    match message.WhichOneof("event"):
        case "started":
            return PublicLiquidationStarted(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=message.started.liquidation_id,
                account_id=message.started.account_id,
                health=_health(message.started),
            )
        case "tested":
            return PublicLiquidationTested(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=message.tested.liquidation_id,
                account_id=message.tested.account_id,
                health=_health(message.tested),
                outcome=LiquidationOutcome(message.tested.outcome),
            )
        case "stepped":
            return _stepped(message, wire)
        case "answered":
            return PublicLiquidationAnswered(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=message.answered.liquidation_id,
                account_id=message.answered.account_id,
                instrument=wire.symbol(message.answered.instrument_id),
                done_size=_size(message.answered.instrument_id, message.answered.done_lots, wire),
                done_value=dollars(message.answered.done_value_micros),
            )
        case "ended":
            return PublicLiquidationEnded(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=message.ended.liquidation_id,
                account_id=message.ended.account_id,
                health=_health(message.ended),
                outcome=LiquidationOutcome(message.ended.outcome),
            )
        case _:
            return _event_of_others(message, wire)


def _event_of_others(message: liquidation_feed_pb2.StreamLiquidationsResponse, wire: Wire) -> PublicEvent | None:
    seq, time_ns = message.seq, message.event_time_ns
    match message.WhichOneof("event"):
        case "ranking":
            number = message.ranking.instrument_id
            return PublicDeleveragingRanking(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=message.ranking.liquidation_id,
                instrument=wire.symbol(number),
                ranked=message.ranking.ranked,
                lines=tuple(
                    PublicRankedAccount(
                        rank=line.rank, account_id=line.account_id, delta_size=_size(number, line.delta_lots, wire)
                    )
                    for line in message.ranking.lines
                ),
            )
        case "deleveraged":
            given = message.deleveraged
            return PublicDeleveraged(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=given.liquidation_id,
                account_id=given.account_id,
                instrument=wire.symbol(given.instrument_id),
                delta_size=_size(given.instrument_id, given.delta_lots, wire),
                value=dollars(given.value_micros),
                given_up=dollars(given.given_up_micros),
            )
        case "payment":
            payment = message.payment
            return PublicPayment(
                seq=seq,
                event_time_ns=time_ns,
                liquidation_id=payment.liquidation_id,
                payer_account_id=payment.payer_account_id,
                receiver_account_id=payment.receiver_account_id,
                instrument=wire.symbol(payment.instrument_id),
                amount=dollars(payment.amount_micros),
                cause=PaymentCause(payment.cause),
            )
        case "cascade_joined":
            joined = message.cascade_joined
            return PublicCascadeJoined(
                seq=seq,
                event_time_ns=time_ns,
                cascade_id=joined.cascade_id,
                liquidation_id=joined.liquidation_id,
                account_id=joined.account_id,
                instrument=wire.symbol(joined.instrument_id),
                parent_trade_id=joined.parent_trade_id,
                generation=joined.generation,
            )
        case "cascade_ended":
            ended = message.cascade_ended
            return PublicCascadeEnded(
                seq=seq,
                event_time_ns=time_ns,
                cascade_id=ended.cascade_id,
                began_ns=ended.began_ns,
                notional=dollars(ended.notional_micros),
                first_notional=dollars(ended.first_notional_micros),
                multiplier=scaled(ended.multiplier_ppm, -_PPM),
                depth_consumed=scaled(ended.depth_consumed_ppm, -_PPM),
                peak_gap=scaled(ended.peak_gap_ppm, -_PPM),
                liquidations=ended.liquidations,
                generations=ended.generations,
            )
        case _:
            return None


def _stepped(message: liquidation_feed_pb2.StreamLiquidationsResponse, wire: Wire) -> PublicLiquidationStepped:
    step = message.stepped
    instrument = wire.numbered(step.instrument_id) if step.instrument_id else None
    return PublicLiquidationStepped(
        seq=message.seq,
        event_time_ns=message.event_time_ns,
        liquidation_id=step.liquidation_id,
        account_id=step.account_id,
        instrument=instrument.symbol if instrument else "",
        stage=LiquidationStage(step.stage),
        cause=LiquidationCause(step.cause),
        delta_size=instrument.size(step.delta_lots) if instrument else Decimal(0),
        price=instrument.price(step.price_ticks) if instrument and step.price_ticks else None,
        reserve=dollars(step.reserve_micros),
        health=_health(step),
    )


def _size(instrument_id: int, lots: int, wire: Wire) -> Decimal:
    return wire.numbered(instrument_id).size(lots) if instrument_id else Decimal(0)


def _health(
    message: liquidation_feed_pb2.PublicLiquidationStarted
    | liquidation_feed_pb2.PublicLiquidationTested
    | liquidation_feed_pb2.PublicLiquidationStepped
    | liquidation_feed_pb2.PublicLiquidationEnded,
) -> Decimal | None:
    return scaled(message.health_ppm, -_PPM) if message.HasField("health_ppm") else None
