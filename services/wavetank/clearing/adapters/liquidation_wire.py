"""Rows of the liquidation history as messages of the public feed.

Kept true (FEED-010): each event is told, and of a client's money nothing but what he lost to others or they to him:
equity and margin leave as their ratio, a ranking without what it was reckoned from, and a step without the bankruptcy
value, from which equity can be told.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from wavetank.model.events import clearing as events
from wavetank.model.record import RECORD_BYTES, decode, kind_of, kinds
from wavetank.v1 import account_pb2, liquidation_feed_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.clearing.adapters.liquidation_history import Row
    from wavetank.model.record import Event

Message = liquidation_feed_pb2.StreamLiquidationsResponse

RANKING_LINES = 1_000
"""Lines of a ranking in one message: it stays far below what any client of gRPC takes, and is made in milliseconds."""

_RANKED = kind_of(events.AdlRanked)
_PPM = 10**6


def health_ppm(equity_micros: int, maintenance_micros: int) -> int | None:
    """Return equity by maintenance margin in ppm, rounded down; None without a margin."""
    return equity_micros * _PPM // maintenance_micros if maintenance_micros else None


def feed_messages(row: Row, after_seq: int) -> Iterator[Message]:
    """Yield what a row says behind a seq, in order; each message is made when it is asked for."""
    found = kinds(row.records)
    index = 0
    while index < len(found):
        end = index + 1
        if found[index] == _RANKED:
            # The lines of a ranking stand together.
            while end < len(found) and found[end] == _RANKED:
                end += 1
            yield from _rankings(row, index, end, after_seq)
        elif row.seqs[index] > after_seq:
            yield feed_message(row.seqs[index], row.now_ns, decode(row.records, index * RECORD_BYTES))
        index = end


def _rankings(row: Row, begin: int, end: int, after_seq: int) -> Iterator[Message]:
    """Yield a ranking, the records from `begin` up to `end`, in parts; one that was begun goes on behind the seq."""
    for start in range(bisect_right(row.seqs, after_seq, begin, end), end, RANKING_LINES):
        lines = [decode(row.records, index * RECORD_BYTES) for index in range(start, min(end, start + RANKING_LINES))]
        yield Message(
            seq=row.seqs[start + len(lines) - 1],
            event_time_ns=row.now_ns,
            ranking=_ranking([line for line in lines if isinstance(line, events.AdlRanked)], end - begin),
        )


def _ranking(lines: list[events.AdlRanked], ranked: int) -> liquidation_feed_pb2.PublicDeleveragingRanking:
    return liquidation_feed_pb2.PublicDeleveragingRanking(
        liquidation_id=lines[0].liquidation_id,
        instrument_id=lines[0].instrument_id,
        ranked=ranked,
        lines=[
            liquidation_feed_pb2.PublicRankedAccount(
                rank=line.rank, account_id=line.account_id, delta_lots=line.delta_lots
            )
            for line in lines
        ],
    )


def feed_message(seq: int, time_ns: int, event: Event) -> Message:
    """Return what everybody is told of an event that is no line of a ranking.

    Raises:
        TypeError: the feed does not tell of such events.

    """
    message = Message(seq=seq, event_time_ns=time_ns)
    match event:
        case events.LiquidationStarted():
            message.started.CopyFrom(
                liquidation_feed_pb2.PublicLiquidationStarted(
                    liquidation_id=event.liquidation_id,
                    account_id=event.account_id,
                    health_ppm=health_ppm(event.equity_micros, event.maintenance_margin_micros),
                )
            )
        case events.LiquidationTested():
            message.tested.CopyFrom(
                liquidation_feed_pb2.PublicLiquidationTested(
                    liquidation_id=event.liquidation_id,
                    account_id=event.account_id,
                    health_ppm=health_ppm(event.equity_micros, event.maintenance_margin_micros),
                    outcome=account_pb2.LiquidationOutcome.ValueType(event.outcome),
                )
            )
        case events.LiquidationStepped():
            message.stepped.CopyFrom(_stepped(event))
        case events.MatchingAnswered():
            message.answered.CopyFrom(
                liquidation_feed_pb2.PublicLiquidationAnswered(
                    liquidation_id=event.liquidation_id,
                    account_id=event.account_id,
                    instrument_id=event.instrument_id,
                    done_lots=event.done_lots,
                    done_value_micros=event.done_value_micros,
                )
            )
        case events.LiquidationEnded():
            message.ended.CopyFrom(
                liquidation_feed_pb2.PublicLiquidationEnded(
                    liquidation_id=event.liquidation_id,
                    account_id=event.account_id,
                    health_ppm=health_ppm(event.equity_micros, event.maintenance_margin_micros),
                    outcome=account_pb2.LiquidationOutcome.ValueType(event.outcome),
                )
            )
        case _:
            _tell_of_others(message, event)
    return message


def _stepped(event: events.LiquidationStepped) -> liquidation_feed_pb2.PublicLiquidationStepped:
    return liquidation_feed_pb2.PublicLiquidationStepped(
        liquidation_id=event.liquidation_id,
        account_id=event.account_id,
        instrument_id=event.instrument_id,
        stage=account_pb2.LiquidationStage.ValueType(event.stage),
        cause=account_pb2.LiquidationCause.ValueType(event.cause),
        delta_lots=event.delta_lots,
        price_ticks=event.price_ticks,
        reserve_micros=event.reserve_micros,
        health_ppm=health_ppm(event.equity_micros, event.maintenance_margin_micros),
    )


def _tell_of_others(message: Message, event: Event) -> None:
    match event:
        case events.Deleveraged():
            message.deleveraged.CopyFrom(
                liquidation_feed_pb2.PublicDeleveraged(
                    liquidation_id=event.liquidation_id,
                    account_id=event.account_id,
                    instrument_id=event.instrument_id,
                    delta_lots=event.delta_lots,
                    value_micros=event.value_micros,
                    given_up_micros=event.given_up_micros,
                )
            )
        case events.CashTransferred():
            message.payment.CopyFrom(
                liquidation_feed_pb2.PublicPayment(
                    liquidation_id=event.liquidation_id,
                    payer_account_id=event.account_id,
                    receiver_account_id=event.receiver_account_id,
                    instrument_id=event.instrument_id,
                    amount_micros=event.amount_micros,
                    cause=account_pb2.PaymentCause.ValueType(event.cause),
                )
            )
        case events.CascadeJoined():
            message.cascade_joined.CopyFrom(
                liquidation_feed_pb2.PublicCascadeJoined(
                    cascade_id=event.cascade_id,
                    liquidation_id=event.liquidation_id,
                    account_id=event.account_id,
                    instrument_id=event.instrument_id,
                    parent_trade_id=event.parent_trade_id,
                    generation=event.generation,
                )
            )
        case events.CascadeEnded():
            message.cascade_ended.CopyFrom(
                liquidation_feed_pb2.PublicCascadeEnded(
                    cascade_id=event.cascade_id,
                    began_ns=event.began_ns,
                    notional_micros=event.notional_micros,
                    first_notional_micros=event.first_notional_micros,
                    multiplier_ppm=event.multiplier_ppm,
                    depth_consumed_ppm=event.depth_consumed_ppm,
                    peak_gap_ppm=event.peak_gap_ppm,
                    liquidations=event.liquidations,
                    generations=event.generations,
                )
            )
        case _:
            message_text = f"the feed does not tell of {type(event).__name__}"
            raise TypeError(message_text)


def instrument_of(message: Message) -> int:
    """Return the instrument that a message is about, or 0."""
    kind = message.WhichOneof("event")
    return 0 if kind is None else int(getattr(getattr(message, kind), "instrument_id", 0))
