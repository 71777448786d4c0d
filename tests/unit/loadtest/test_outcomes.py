"""What the load counts as a failure: a wrong bot or a broken call, and nothing that business brings."""

import pytest
from loadtest.outcomes import AMEND_BUSINESS, TALLY, RefusedUnexpectedly, judge, reason_name

from wavetank.v1 import order_entry_pb2, reason_pb2


@pytest.fixture(autouse=True)
def _counted_from_zero() -> None:
    TALLY.clear()


def test_refusal_of_business_is_counted_by_name() -> None:
    judge(order_entry_pb2.Refusal(reason=reason_pb2.REASON_POST_ONLY_WOULD_CROSS))
    judge(order_entry_pb2.Refusal(reason=reason_pb2.REASON_POST_ONLY_WOULD_CROSS))
    assert TALLY == {"refused POST_ONLY_WOULD_CROSS": 2}


@pytest.mark.parametrize(
    "reason",
    [
        reason_pb2.REASON_UNSPECIFIED,
        reason_pb2.REASON_MALFORMED,
        reason_pb2.REASON_PRICE_OFF_GRID,
        reason_pb2.REASON_NOTIONAL_TOO_SMALL,
        reason_pb2.REASON_CLIENT_ORDER_ID_REUSED,
        reason_pb2.REASON_TOO_MANY_OPEN_ORDERS,
        reason_pb2.REASON_INVARIANT_BROKEN,
    ],
)
def test_refusal_of_a_wrong_bot_is_a_failure(reason: reason_pb2.Reason.ValueType) -> None:
    with pytest.raises(RefusedUnexpectedly, match=f"{reason_name(reason)}: off"):
        judge(order_entry_pb2.Refusal(reason=reason, message="off"))


def test_reason_of_a_newer_contract_has_its_number_for_a_name() -> None:
    assert reason_name(999) == "999"


def test_too_small_a_rest_is_business_for_an_amend_alone() -> None:
    refusal = order_entry_pb2.Refusal(reason=reason_pb2.REASON_NOTIONAL_TOO_SMALL)
    judge(refusal, AMEND_BUSINESS)
    with pytest.raises(RefusedUnexpectedly):
        judge(refusal)
