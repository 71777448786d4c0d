"""Calls as locust counts them: timed, named, and judged.

Locust knows nothing of gRPC, so each call reports itself as a request. After a failure the user waits, longer each
time and at most a few seconds: a venue that is down would otherwise be asked thousands of times a second by users that
measure nothing but their own speed.
"""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import gevent
import grpc
from google.protobuf.message import Message
from loadtest.outcomes import (
    AMEND_BUSINESS,
    BUSINESS,
    TALLY,
    RefusedUnexpectedly,
    code_of_error,
    judge,
    reason_name,
    reason_of_error,
)
from locust.env import Environment

from wavetank.v1 import order_entry_pb2

Answer = TypeVar("Answer", bound=Message)

TIMEOUT_SECONDS = 5.0
"""After this a call has failed; a venue that answers later is of no use to a bot."""
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 4.0

CHANNEL_OPTIONS = (
    # Channels to one address share a connection by default; bots are separate processes and have one each.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    # The venue is asked again soon after a restart, not after gRPC's two minutes.
    ("grpc.max_reconnect_backoff_ms", 2_000),
)

_BUSINESS_NAMES = frozenset(reason_name(reason) for reason in BUSINESS)


def authorization(key: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that carries an API key."""
    return (("authorization", f"Bearer {key}"),)


def no_refusals(_answer: Message) -> Iterable[order_entry_pb2.Refusal]:
    """Return nothing: an answer of this kind cannot hold a refusal."""
    return ()


def result_refusal(
    answer: order_entry_pb2.PlaceOrderResponse
    | order_entry_pb2.CancelOrderResponse
    | order_entry_pb2.AmendOrderResponse
    | order_entry_pb2.CancelAllOrdersResponse,
) -> Iterable[order_entry_pb2.Refusal]:
    """Yield the refusal of an answer to one command."""
    if answer.result.HasField("refusal"):
        yield answer.result.refusal


def session_refusals(answer: order_entry_pb2.SessionResponse) -> Iterable[order_entry_pb2.Refusal]:
    """Yield the refusals of an answer to one message of a session."""
    if answer.HasField("refusal"):
        yield answer.refusal
    for result in answer.results:
        if result.HasField("refusal"):
            yield result.refusal


class Calls:
    """One user's calls to one venue."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._pause_seconds = FIRST_PAUSE_SECONDS

    def make(
        self,
        kind: str,
        name: str,
        call: Callable[[], Answer],
        refusals: Callable[[Answer], Iterable[order_entry_pb2.Refusal]] = no_refusals,
    ) -> Answer | None:
        """Make a call, report it to locust, and wait if it failed.

        Args:
            kind: first column of locust's table, for instance `session`.
            name: second column.
            call: makes the call and returns its answer.
            refusals: yields the refusals that an answer holds.

        Returns:
            The answer, also one that holds refusals; nothing when the call failed or was refused as a whole.

        """
        began = time.perf_counter()
        try:
            answer = call()
        except (grpc.RpcError, gevent.Timeout) as error:
            self._end_badly(kind, name, began, error)
            return None
        unexpected: RefusedUnexpectedly | None = None
        for refusal in refusals(answer):
            try:
                judge(refusal, AMEND_BUSINESS if name == "amend" else frozenset())
            except RefusedUnexpectedly as error:
                unexpected = error
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self.report(kind, name, began, answer.ByteSize(), unexpected)
        return answer

    def report(self, kind: str, name: str, began: float, size_bytes: int, error: BaseException | None) -> None:
        """Tell locust of one call; `began` is of `time.perf_counter`."""
        self._environment.events.request.fire(  # type: ignore[no-untyped-call]  # locust's events have no types.
            request_type=kind,
            name=name,
            response_time=(time.perf_counter() - began) * 1_000,
            response_length=size_bytes,
            exception=error,
            context={},
        )

    def wait(self) -> None:
        """Wait after a failure, twice as long as the last time, up to a bound."""
        gevent.sleep(self._pause_seconds)
        self._pause_seconds = min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    def _end_badly(self, kind: str, name: str, began: float, error: BaseException) -> None:
        reason = reason_of_error(error) if isinstance(error, grpc.RpcError) else ""
        refused = reason.removeprefix("REASON_") in _BUSINESS_NAMES
        if refused:
            TALLY[f"refused {reason.removeprefix('REASON_')}"] += 1
        self.report(kind, name, began, 0, None if refused else CallFailed.of(error, reason))
        self.wait()


class CallFailed(Exception):
    """A call did not succeed; worded without ids and times, for locust groups failures by their words."""

    @classmethod
    def of(cls, error: BaseException, reason: str) -> "CallFailed":
        """Return the failure that an error of gRPC, or a wait that was too long, stands for."""
        code = code_of_error(error)
        if code is not None:
            details = getattr(error, "details", str)
            return cls(f"{code.name} {reason or details()}")
        return cls(f"no answer within {TIMEOUT_SECONDS} s" if isinstance(error, gevent.Timeout) else repr(error))
