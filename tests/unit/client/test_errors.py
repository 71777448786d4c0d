"""Every refusal of the venue has one class, whether it comes in a result or as the status of a call."""

import inspect

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

import wavetank.client
from wavetank.client import (
    AuthenticationFailed,
    CreditExceeded,
    PermissionDenied,
    PriceOffGrid,
    RateLimited,
    RequestTimedOut,
    VenueUnavailable,
    WavetankError,
    errors,
)
from wavetank.client.errors import CLASS_OF_REASON, call_error, refusal_error
from wavetank.v1 import order_entry_pb2, reason_pb2


def status_error(
    status: grpc.StatusCode, message: str = "", *details: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo
) -> grpc.aio.AioRpcError:
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    rich = status_pb2.Status(code=status.value[0], message=message, details=packed)
    trailing = (
        grpc.aio.Metadata(("grpc-status-details-bin", rich.SerializeToString())) if packed else grpc.aio.Metadata()
    )
    return grpc.aio.AioRpcError(status, grpc.aio.Metadata(), trailing, message)


def test_every_reason_of_the_contract_has_a_class() -> None:
    contract = {number for number in reason_pb2.Reason.values() if number}
    assert contract == set(CLASS_OF_REASON)


def test_every_error_class_is_public() -> None:
    classes = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, WavetankError)
    }
    assert classes <= set(wavetank.client.__all__)


def test_every_public_name_exists() -> None:
    assert [name for name in wavetank.client.__all__ if not hasattr(wavetank.client, name)] == []


def test_a_refusal_in_a_result_keeps_what_was_and_what_was_allowed() -> None:
    refusal = order_entry_pb2.Refusal(
        reason=reason_pb2.REASON_CREDIT_EXCEEDED, was=500, allowed=400, message="needs 500, has 400"
    )
    error = refusal_error(refusal)
    assert type(error) is CreditExceeded
    assert (error.reason, error.code, error.was, error.allowed) == ("CREDIT_EXCEEDED", 300, 500, 400)
    assert str(error) == "needs 500, has 400"


def test_a_reason_newer_than_the_sdk_is_still_an_error() -> None:
    error = refusal_error(order_entry_pb2.Refusal(reason=299))  # type: ignore[arg-type]
    assert type(error) is WavetankError
    assert error.reason == "UNKNOWN_299"


@pytest.mark.parametrize("reason", ["PRICE_OFF_GRID", "REASON_PRICE_OFF_GRID"])
def test_a_status_with_a_reason_becomes_its_class(reason: str) -> None:
    info = error_details_pb2.ErrorInfo(reason=reason, domain="wavetank", metadata={"was": "640005", "allowed": "10"})
    error = call_error(status_error(grpc.StatusCode.INVALID_ARGUMENT, "off the grid", info))
    assert type(error) is PriceOffGrid
    assert (error.code, error.was, error.allowed, error.message) == (200, 640_005, 10, "off the grid")


def test_another_domains_reason_is_not_ours() -> None:
    info = error_details_pb2.ErrorInfo(reason="PRICE_OFF_GRID", domain="example")
    error = call_error(status_error(grpc.StatusCode.PERMISSION_DENIED, "no", info))
    assert type(error) is PermissionDenied
    assert error.code == 0


def test_a_rate_limit_says_when_to_come_back() -> None:
    info = error_details_pb2.ErrorInfo(reason="RATE_LIMITED", domain="wavetank")
    retry = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000))
    error = call_error(status_error(grpc.StatusCode.RESOURCE_EXHAUSTED, "slower", info, retry))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 1.5


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, AuthenticationFailed),
        (grpc.StatusCode.UNAVAILABLE, VenueUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, RequestTimedOut),
        (grpc.StatusCode.UNIMPLEMENTED, WavetankError),
    ],
)
def test_a_status_without_a_reason_is_judged_by_its_code(status: grpc.StatusCode, kind: type[WavetankError]) -> None:
    assert type(call_error(status_error(status, "gone"))) is kind
