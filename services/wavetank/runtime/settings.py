"""Settings: what every service is told from outside, read once.

Each service has one frozen class in its `config.py` that extends `ServiceSettings` with what is its own and names
its prefix with `environment("matching")`; nobody else reads the environment. All faults are reported at once, each
with the name of its variable, so that a person fixes a deployment in one go. Secrets are never printed.
"""

import os
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from wavetank.runtime.clock import VenueClock
from wavetank.runtime.labels import label_and_count

_TOP_PORT = 65_535
_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


class SettingsInvalid(Exception):
    """One or more settings are wrong; the message has one line for each."""


class Durability(StrEnum):
    """What an acknowledgement survives (PROTOCOLS 3)."""

    MEMORY = "memory"
    """Any kill of our own processes."""
    EVERYSEC = "everysec"
    """That too; and all but the last second or two when Redis or the machine dies."""
    ALWAYS = "always"
    """That too; and Redis or the machine dying, on one Redis. A failover only with `replicas`."""


class LogFormat(StrEnum):
    """How log lines are written."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least severe line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def environment(service: str) -> SettingsConfigDict:
    """Return the configuration of a service's settings class: `WAVETANK_<SERVICE>_`, frozen, nothing unknown."""
    return SettingsConfigDict(
        env_prefix=f"WAVETANK_{service.upper()}_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of `host:port`; an IPv6 host stands in brackets, which are taken off.

    Raises:
        ValueError: the address has another shape.

    """
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > _TOP_PORT:
        raise ValueError(f"address is {address!r}; host:port with a port of 0 to {_TOP_PORT} is allowed")
    return host.removeprefix("[").removesuffix("]"), int(port)


class ServiceSettings(BaseSettings):
    """What all services are told alike; a service's own class adds the rest."""

    model_config = environment("service")

    redis_url: Annotated[str, Field(repr=False)] = "redis://127.0.0.1:6379/0"
    """Where Redis is; may hold a password, hence is not printed."""
    durability: Durability = Durability.EVERYSEC
    replicas: Annotated[int, Field(ge=0, le=9)] = 0
    """Replicas of Redis that must have an entry before it is acknowledged; its `min-replicas-to-write` must be as
    many."""
    append_timeout_ms: Annotated[int, Field(ge=10, le=60_000)] = 2_000
    """Wall time after which an append without an answer counts as lost."""
    listen: str = "127.0.0.1:0"
    """Address of the gRPC door; port 0 takes a free one."""
    advertised_address: str = ""
    """What the directory says instead of `listen`, for instance a DNS name; empty for the bound address."""
    matching_addresses: tuple[str, ...] = ()
    """Addresses of the matching shards, in order of the shard; a JSON list in the environment."""
    clearing_address: str = ""
    oracle_address: str = ""
    clock_start_ns: Annotated[int, Field(ge=0)] = 0
    clock_origin_ns: Annotated[int, Field(ge=0)] = 0
    clock_speed_milli: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1_000
    internal_key: SecretStr
    """Shared by the services of one venue; gives scope `internal`."""
    max_message_bytes: Annotated[int, Field(ge=1_024, le=256 * 1_048_576)] = 1_048_576
    """Longest message that the gRPC door accepts."""
    drain_timeout_ms: Annotated[int, Field(ge=0, le=600_000)] = 5_000
    """Wall time that calls in flight are given when the process ends."""
    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.JSON
    metrics_port: Annotated[int, Field(ge=0, le=_TOP_PORT)] = 0
    """Port of the metrics page; 0 for none."""
    die_with_parent: bool = False
    """End when the process that started this one ends, even if it was killed (Linux)."""
    kill_at: str = ""
    """For crash tests alone: `label:n` kills the process as `kill -9` does at the n-th passing of a label of the commit
    path (`wavetank.runtime.labels`)."""

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        if not value.startswith(_REDIS_SCHEMES):
            # The value itself may hold a password.
            raise ValueError(f"a URL beginning with {', '.join(_REDIS_SCHEMES)} is allowed")
        return value

    @field_validator("listen", "advertised_address", "clearing_address", "oracle_address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        if value:
            host_and_port(value)
        return value

    @field_validator("matching_addresses")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            host_and_port(address)
        return value

    @field_validator("internal_key")
    @classmethod
    def _check_internal_key(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            raise ValueError("an empty key would let everybody in")
        return value

    @field_validator("kill_at")
    @classmethod
    def _check_kill_at(cls, value: str) -> str:
        if value:
            label_and_count(value)
        return value

    @classmethod
    def load(cls) -> Self:
        """Return the settings as the environment gives them.

        Raises:
            SettingsInvalid: names every variable that is missing, wrong or unknown.

        """
        prefix = cls.model_config.get("env_prefix", "")
        known = {f"{prefix}{name}".upper() for name in cls.model_fields}
        # A misspelt variable would otherwise leave its default in force, and nobody would know.
        faults = [
            f"{name}: no such setting"
            for name in sorted(os.environ)
            if name.startswith(prefix) and name.partition("__")[0] not in known
        ]
        settings: Self | None = None
        try:
            settings = cls()
        except ValidationError as error:
            faults += [
                f"{prefix}{'__'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
        if settings is None or faults:
            raise SettingsInvalid("\n".join(faults))
        return settings

    def venue_clock(self) -> VenueClock:
        """Return the clock that all services of the venue share."""
        return VenueClock(
            start_ns=self.clock_start_ns,
            origin_ns=self.clock_origin_ns,
            speed_milli=self.clock_speed_milli,
        )
