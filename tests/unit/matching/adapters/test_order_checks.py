"""The dry run's answer as a message."""

import pytest

from wavetank.matching.adapters.order_checks import check_response
from wavetank.matching.core.queries import OrderCheck
from wavetank.model.reason import Reason
from wavetank.v1 import order_entry_pb2 as pb
from wavetank.v1 import reason_pb2


def test_an_order_that_would_be_accepted() -> None:
    check = OrderCheck(0, 0, 0, 900, 5, 4_500, 10, 20, 1_000)
    assert check_response(check, 7) == pb.CheckOrderResponse(
        price_ticks=900,
        fill_lots=5,
        fill_value_micros=4_500,
        committed_before_micros=10,
        committed_after_micros=20,
        available_micros=1_000,
        seq=7,
    )


@pytest.mark.parametrize("reason", [Reason.CREDIT_EXCEEDED, Reason.MALFORMED])
def test_an_order_that_would_be_refused(reason: Reason) -> None:
    answer = check_response(OrderCheck(reason, 50, 40, 0, 0, 0, 10, 10, 40), 7)
    assert answer.refusal.reason == reason_pb2.Reason.ValueType(reason)
    assert (answer.refusal.was, answer.refusal.allowed, answer.committed_after_micros) == (50, 40, 10)
    assert answer.refusal.message
