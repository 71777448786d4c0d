"""The dry run's answer from the core's value to the contract's message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.matching.adapters.refusals import refusal
from wavetank.v1 import order_entry_pb2 as pb

if TYPE_CHECKING:
    from wavetank.matching.core.queries import OrderCheck


def check_response(check: OrderCheck, seq: int) -> pb.CheckOrderResponse:
    """Return what would become of an order, as it looked at `seq`."""
    return pb.CheckOrderResponse(
        refusal=refusal(check.reason, check.was, check.allowed) if check.reason else None,
        price_ticks=check.price_ticks,
        fill_lots=check.fill_lots,
        fill_value_micros=check.fill_value_micros,
        committed_before_micros=check.committed_before,
        committed_after_micros=check.committed_after,
        available_micros=check.available,
        seq=seq,
    )
