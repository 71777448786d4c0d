"""Messages of clearing as the engine takes them."""

from __future__ import annotations

from wavetank.matching.core import commands as packed
from wavetank.matching.core.credit import CreditLine, CreditRow, GroupLimit, PositionLimit
from wavetank.model.fees import NO_OWN_RATE_PPM, FeeRates
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import LineCharge, LineStatus
from wavetank.v1 import credit_pb2


def credit_line(update: credit_pb2.CreditUpdate) -> CreditLine:
    """Return a credit line.

    Raises:
        InvariantBroken: its status or its charge has no meaning.

    """
    try:
        status, charge = LineStatus(update.status), LineCharge(update.charge)
    except ValueError as error:
        message = f"clearing sent a credit line of status {update.status} and charge {update.charge}"
        raise InvariantBroken(message) from error
    return CreditLine(
        account_id=update.account_id,
        line_epoch=update.line_epoch,
        line_number=update.line_number,
        as_of_seq=update.as_of_seq,
        budget_micros=update.budget_micros,
        elsewhere_micros=update.elsewhere_micros,
        counted_value_micros=update.counted_value_micros,
        counted_fees_micros=update.counted_fees_micros,
        status=status,
        acknowledge=update.acknowledge,
        rows=tuple(
            CreditRow(row.instrument_id, row.position_lots, row.margin_price_ticks, row.leverage, row.scaled_ppm)
            for row in update.rows
        ),
        mark_time_ns=update.mark_time_ns,
        fee_rates=FeeRates(
            update.taker_fee_ppm if update.HasField("taker_fee_ppm") else NO_OWN_RATE_PPM,
            update.maker_fee_ppm if update.HasField("maker_fee_ppm") else NO_OWN_RATE_PPM,
        ),
        charge=charge,
        equity_micros=update.equity_micros,
        only_instrument_id=update.only_instrument_id,
        position_limits=tuple(
            PositionLimit(limit.instrument_id, limit.size_lots, limit.exposure_micros)
            for limit in update.position_limits
        ),
        group_limits=tuple(
            GroupLimit(
                tuple(limit.instrument_ids),
                limit.net_micros,
                limit.gross_micros,
                limit.elsewhere_long_micros,
                limit.elsewhere_short_micros,
            )
            for limit in update.group_limits
        ),
    )


def request_command(message: credit_pb2.ConnectResponse) -> bytes:
    """Return a request of clearing as a packed command.

    Raises:
        InvariantBroken: the message is no request that this program knows.

    """
    kind = message.WhichOneof("message")
    if kind == "cancel_account_orders":
        cancel = message.cancel_account_orders
        return packed.cancel_account(
            request_seq=cancel.request_id.seq, request_number=cancel.request_id.number, account_id=cancel.account_id
        )
    if kind == "liquidation_order":
        order = message.liquidation_order
        return packed.liquidate(
            request_seq=order.request_id.seq,
            request_number=order.request_id.number,
            account_id=order.account_id,
            instrument_id=order.instrument_id,
            side=order.side,
            size_lots=order.size_lots,
            price_ticks=order.price_ticks,
        )
    if kind == "transfer_position":
        transfer = message.transfer_position
        return packed.transfer(
            request_seq=transfer.request_id.seq,
            request_number=transfer.request_id.number,
            giver_account_id=transfer.giver_account_id,
            receiver_account_id=transfer.receiver_account_id,
            instrument_id=transfer.instrument_id,
            giver_delta_lots=transfer.giver_delta_lots,
            giver_value_micros=transfer.giver_value_micros,
            receiver_may_increase=transfer.receiver_may_increase,
            giver_may_increase=transfer.giver_may_increase,
        )
    raise InvariantBroken(f"clearing sent {kind}, which this program does not know")
