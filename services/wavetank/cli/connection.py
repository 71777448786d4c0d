"""Calls to a running venue: channels with the key, refusals as sentences.

It exists so that no command builds metadata or reads a status by hand. Kept true: what the venue refuses is shown with
its numbered reason, what it was and what was allowed; a service that is away is named with its address.
"""

from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped] # It ships no types.

from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.run_directory import VenueFile
from wavetank.v1 import (
    account_pb2_grpc,
    api_key_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    escalation_pb2_grpc,
    instrument_pb2,
    market_data_pb2_grpc,
    matching_control_pb2_grpc,
    operator_pb2_grpc,
    oracle_control_pb2_grpc,
    order_entry_pb2_grpc,
    risk_pb2_grpc,
    venue_control_pb2_grpc,
)

CALL_SECONDS = 10.0
HEALTH_SECONDS = 1.0

HINTS = {
    "KEY_UNKNOWN": "make a key with `wavetank keys create`; without one the venue's play key is used",
    "SCOPE_MISSING": "`wavetank keys list` shows what each key may do",
    "ACCOUNT_UNKNOWN": "`wavetank accounts list` shows the accounts, `wavetank accounts open NAME` opens one",
    "KEY_NOT_FOUND": "`wavetank keys list` shows the keys",
    "ESCALATION_UNKNOWN": "`wavetank escalations list` shows what can be decided",
    "DECISION_NOT_OFFERED": "`wavetank escalations show ID` shows what it offers",
    "FAULT_UNKNOWN": "`wavetank fault list` and `wavetank disturb list` show the active faults",
    "UNAVAILABLE": "it may be starting again; `wavetank status` shows how the services are",
    "DEADLINE_EXCEEDED": "it may be starting again; `wavetank status` shows how the services are",
}
"""What to do next, by the venue's reason, or by the status when it gave none."""

Request_contra = TypeVar("Request_contra", contravariant=True)
Response_co = TypeVar("Response_co", covariant=True)


class UnaryCall(Protocol[Request_contra, Response_co]):
    """A method of a generated stub."""

    def __call__(
        self,
        request: Request_contra,
        timeout: float | None = None,
        metadata: Any = None,  # noqa: ANN401 - as grpcio has it.
    ) -> Response_co:
        """Call it."""


class VenueConnection:
    """Stubs of a running venue's services; also a context manager."""

    def __init__(self, venue: VenueFile, key: str = "") -> None:
        """Connect lazily.

        Args:
            venue: where the services are.
            key: API key; empty for the venue's play key.

        """
        self._metadata = bearer(key or venue.play_key)
        self._shards = [grpc.insecure_channel(address) for address in venue.endpoints["matching"]]
        self._channels = {
            "clearing": grpc.insecure_channel(venue.endpoints["clearing"]),
            "oracle": grpc.insecure_channel(venue.endpoints["oracle"]),
        }
        self._shard_of: dict[int, int] = {}
        # Every service answers the directory; clearing is there whichever shard is not.
        self.directory = directory_pb2_grpc.DirectoryServiceStub(self._channels["clearing"])
        self.orders = order_entry_pb2_grpc.OrderEntryServiceStub(self._shards[0])
        self.market_data = market_data_pb2_grpc.MarketDataServiceStub(self._shards[0])
        self.accounts = account_pb2_grpc.AccountServiceStub(self._channels["clearing"])
        self.keys = api_key_pb2_grpc.ApiKeyServiceStub(self._channels["clearing"])
        self.operator = operator_pb2_grpc.OperatorServiceStub(self._channels["clearing"])
        self.escalations = escalation_pb2_grpc.EscalationServiceStub(self._channels["clearing"])
        self.risk = risk_pb2_grpc.RiskServiceStub(self._channels["clearing"])
        self.faults = oracle_control_pb2_grpc.OracleControlServiceStub(self._channels["oracle"])

    @property
    def doors(self) -> list[venue_control_pb2_grpc.VenueFaultServiceStub]:
        """The venue faults of each shard, by its index."""
        return [venue_control_pb2_grpc.VenueFaultServiceStub(shard) for shard in self._shards]

    @property
    def controls(self) -> list[matching_control_pb2_grpc.MatchingControlServiceStub]:
        """The control of each shard, by its index."""
        return [matching_control_pb2_grpc.MatchingControlServiceStub(shard) for shard in self._shards]

    def instrument(self, symbol: str) -> instrument_pb2.Instrument:
        """Return an instrument by its symbol, in capitals or not.

        Raises:
            CommandFailed: no such instrument is listed, or the directory cannot be read.

        """
        listed = self.call(self.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).instruments
        for one in listed:
            if one.symbol.upper() == symbol.upper():
                return one
        raise CommandFailed(
            f"no instrument {symbol!r}",
            hint=f"listed are: {', '.join(one.symbol for one in listed) or 'none'}",
            code=ExitCode.USAGE,
        )

    def market_data_of(self, instrument_id: int) -> market_data_pb2_grpc.MarketDataServiceStub:
        """Return the market data of the shard that trades an instrument.

        Raises:
            CommandFailed: the directory cannot be read.

        """
        return market_data_pb2_grpc.MarketDataServiceStub(self._shard_that_trades(instrument_id))

    def control_of(self, instrument_id: int) -> matching_control_pb2_grpc.MatchingControlServiceStub:
        """Return the control of the shard that trades an instrument.

        Raises:
            CommandFailed: the directory cannot be read.

        """
        return matching_control_pb2_grpc.MatchingControlServiceStub(self._shard_that_trades(instrument_id))

    def _shard_that_trades(self, instrument_id: int) -> grpc.Channel:
        if instrument_id not in self._shard_of:
            found = self.call(self.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).endpoints
            self._shard_of |= {number: endpoint.shard for endpoint in found for number in endpoint.instrument_ids}
        return self._shards[self._shard_of.get(instrument_id, 0)]

    def call(
        self,
        method: UnaryCall[Request_contra, Response_co],
        request: Request_contra,
        timeout: float = CALL_SECONDS,
    ) -> Response_co:
        """Call a method with the key.

        Raises:
            CommandFailed: the venue refused, or does not answer.

        """
        try:
            return method(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise refusal(error) from error

    def close(self) -> None:
        """Close the channels."""
        for channel in (*self._shards, *self._channels.values()):
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that carries an API key."""
    return (("authorization", f"Bearer {key}"),)


def is_healthy(address: str, timeout: float = HEALTH_SECONDS) -> bool:
    """Whether the service at an address says that it serves."""
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def refusal(error: grpc.RpcError) -> CommandFailed:
    """Return a failed call as a sentence, with the venue's numbered reason if it gave one."""
    # Every error that a call raises is also that call; grpcio's types do not say so.
    call: Any = error
    code: grpc.StatusCode = call.code()
    message = call.details() or code.name
    reason = _reason(call.trailing_metadata() or ())
    return CommandFailed(
        f"{message} ({reason or code.name})",
        hint=HINTS.get(reason or code.name, ""),
        code=ExitCode.FAILED if code is grpc.StatusCode.UNAVAILABLE and not reason else ExitCode.REFUSED,
    )


def _reason(trailing_metadata: Any) -> str:  # noqa: ANN401 - grpcio's metadata: pairs of a name and a value.
    status = status_pb2.Status()
    for name, value in trailing_metadata:
        if name == "grpc-status-details-bin":
            status.ParseFromString(value)
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            return str(info.reason)
    return ""
