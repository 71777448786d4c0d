"""Every reason has its place on the wire."""

import grpc
import pytest

from wavetank.model.reason import Reason
from wavetank.runtime.errors import STATUS_CODES, VenueError, status_code


def test_every_reason_has_a_status() -> None:
    assert set(STATUS_CODES) == set(Reason)
    assert grpc.StatusCode.OK not in STATUS_CODES.values()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.MALFORMED, grpc.StatusCode.INVALID_ARGUMENT),
        (Reason.KEY_UNKNOWN, grpc.StatusCode.UNAUTHENTICATED),
        (Reason.SCOPE_MISSING, grpc.StatusCode.PERMISSION_DENIED),
        (Reason.ORDER_UNKNOWN, grpc.StatusCode.NOT_FOUND),
        (Reason.CLIENT_ORDER_ID_REUSED, grpc.StatusCode.ALREADY_EXISTS),
        (Reason.INSTRUMENT_STATE, grpc.StatusCode.FAILED_PRECONDITION),
        (Reason.RATE_LIMITED, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Reason.LOG_UNAVAILABLE, grpc.StatusCode.UNAVAILABLE),
        (Reason.INVARIANT_BROKEN, grpc.StatusCode.INTERNAL),
    ],
)
def test_statuses_are_those_of_the_house(reason: Reason, code: grpc.StatusCode) -> None:
    assert status_code(reason) is code


def test_a_refusal_says_what_it_was_and_what_was_allowed() -> None:
    error = VenueError(Reason.SIZE_OUT_OF_RANGE, "size is 0 lots; 1 to 10 are allowed", was=0, allowed="1..10")
    assert error.metadata == {"was": "0", "allowed": "1..10", "reason_number": "202"}
    assert str(error) == "size is 0 lots; 1 to 10 are allowed"
    assert VenueError(Reason.NOT_READY, "starting").metadata == {"reason_number": "111"}
