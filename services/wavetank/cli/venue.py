"""A venue as child processes: Redis, clearing, oracle and matching, supervised, in a run directory.

It exists so that `up`, `demo`, `bench` and the tests start the very same venue. Kept true:

- `start` returns when every service says that it is healthy and every shard shows what the oracle has published, and
  leaves nothing behind when that does not come about.
- Nothing outlives the owner, not even when it is killed: each child asks the kernel for a signal at its death.
- Services are ended from the door inwards: matching stops taking orders and commits what is in flight, clearing and
  oracle follow, Redis goes last, so nothing acknowledged is lost.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.exceptions import RedisError

from wavetank.cli.children import Child, ChildFailed, RedisChild, ServiceChild
from wavetank.cli.connection import is_healthy
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.first_prices import wait_for_first_prices
from wavetank.cli.logs import CLEARING, MATCHING, ORACLE, last_entry, logs_of, matching_log
from wavetank.cli.ports import ReservedAddresses
from wavetank.cli.price_options import Settings, merged
from wavetank.cli.run_directory import DEFAULT_DIRECTORY, RunDirectory, VenueFile
from wavetank.cli.supervisor import ChildState, Notice, RestartPolicy, Supervisor
from wavetank.cli.venue_clock import REAL_TIME_MILLI, ClockSettings, clock_settings

START_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class VenuePlan:
    """What venue to run."""

    directory: Path = DEFAULT_DIRECTORY
    redis_url: str = ""
    """A Redis that somebody else runs; empty for the bundled one."""
    redis_server: Path | None = None
    """Another binary than the bundled one."""
    durability: str = "everysec"
    speed_milli: int | None = None
    """Venue seconds per wall second, in thousandths; None for the venue's own from its first start, or real time."""
    start_ns: int | None = None
    """Venue time at which to begin; None for now, or where the logs end."""
    first_ns: int | None = None
    """Venue time at which a new venue begins when `start_ns` is None; None for now."""
    settings: Settings = field(default_factory=dict)
    """More settings by service (`matching`, `clearing`, `oracle`): name without prefix → value."""
    shards: int | None = None
    """Matching shards; None for the venue's own from its first start, or one."""
    restart: bool = True
    """Whether services that die are started again."""
    restarts: RestartPolicy | None = None
    """When they are; None for the usual pauses and limits."""
    log_level: str = "info"


class VenueProcess:
    """A running venue; made with `start`, ended with `stop` or as a context manager."""

    def __init__(self, plan: VenuePlan, observe: Callable[[Notice], None] | None) -> None:
        self.directory = RunDirectory(plan.directory)
        self._plan = plan
        self._observe = observe or (lambda _: None)
        self._clock: ClockSettings | None = None
        self._published: VenueFile | None = None
        self._redis: RedisChild | None = None
        self._own_time = False
        self._stack = contextlib.ExitStack()
        self._shards = [matching_log(shard) for shard in range(self._shard_count())]
        names = [*self._shards, CLEARING, ORACLE]
        self._reserved = ReservedAddresses(2 * len(names))
        addresses = self._reserved.addresses
        self._addresses = dict(zip(names, addresses[: len(names)], strict=True))
        self._metrics = dict(zip(names, addresses[len(names) :], strict=True))
        self._supervisor = Supervisor(
            self._stages(),
            stop_order=(*self._shards, CLEARING, ORACLE),
            policy=plan.restarts or RestartPolicy(enabled=plan.restart),
            observe=self._noticed,
            asked=self.directory.take_restarts,
        )

    @classmethod
    def start(
        cls,
        plan: VenuePlan,
        *,
        observe: Callable[[Notice], None] | None = None,
        timeout: float = START_SECONDS,
    ) -> Self:
        """Start a venue and return it when all of it is healthy, and priced as far as the oracle has prices.

        Args:
            plan: what to run.
            observe: told, in another thread, whenever a service moves to another state.
            timeout: wall seconds for all of it.

        Raises:
            CommandFailed: the directory has an owner, or a service did not start; nothing is left behind.

        """
        venue = cls(plan, observe)
        with contextlib.ExitStack() as stack:
            stack.enter_context(venue._reserved)
            stack.enter_context(venue.directory.claim())
            # Nobody waits any more for what a former owner was asked.
            venue.directory.take_restarts()
            venue._remember()
            deadline = time.monotonic() + timeout
            try:
                venue._supervisor.start(timeout)
                venue._wait_for_prices(deadline)
            except ChildFailed as error:
                venue._supervisor.stop()
                raise CommandFailed(
                    f"the venue did not start: {error}",
                    hint=f"the services' own words are in {venue.directory.logs}",
                ) from error
            except BaseException:
                venue._supervisor.stop()
                raise
            venue._published = venue._described()
            venue.directory.write_venue(venue._published)
            venue._stack = stack.pop_all()
        return venue

    @property
    def file(self) -> VenueFile:
        """What `venue.json` says."""
        assert self._published is not None, "a venue that was started is published"
        return self._published

    @property
    def address(self) -> str:
        """One address that answers the directory."""
        return self._addresses[MATCHING]

    @property
    def play_key(self) -> str:
        """The administrator's key."""
        return self.directory.keys().play_key

    @property
    def redis_url(self) -> str:
        """Where the logs are."""
        return self._redis.url if self._redis is not None else self._plan.redis_url

    def stop(self) -> None:
        """End the venue in order, what is in flight first; returns when all of it is gone."""
        self._published = None
        self.directory.venue_path.unlink(missing_ok=True)
        self._supervisor.stop()
        self._stack.close()

    def change(self, room: str, settings: Mapping[str, str]) -> None:
        """Change settings of a service from its next start on; name without prefix → value."""
        self._plan = replace(self._plan, settings=merged(self._plan.settings, {room: dict(settings)}))

    def kill(self, name: str) -> None:
        """Kill one service as a crash would; it is restarted unless the plan says otherwise."""
        self._supervisor.kill(name)

    def kill_all(self) -> None:
        """Kill everything at once; `stop` is still due."""
        self._supervisor.kill_all()

    def starts(self, name: str) -> int:
        """Return how often a service was started."""
        return self._supervisor.starts(name)

    def wait_ready(self, name: str, timeout: float, *, starts: int = 1) -> bool:
        """Wait until a service is healthy that was started at least `starts` times; False when time ran out."""
        return self._supervisor.wait_ready(name, timeout, starts=starts)

    def wait(self, timeout: float | None = None) -> ChildFailed | None:
        """Wait until the supervisor gave up on a service, and return why; None when `timeout` passed."""
        return self._supervisor.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _stages(self) -> list[list[Child]]:
        stages: list[list[Child]] = []
        if not self._plan.redis_url:
            self._redis = RedisChild(
                self.directory.redis, binary=self._plan.redis_server, durability=self._plan.durability
            )
            stages.append([self._redis])
        stages.append([self._service(name) for name in (CLEARING, ORACLE, *self._shards)])
        return stages

    def _service(self, name: str) -> ServiceChild:
        room = name.partition("-")[0]
        address = self._addresses[name]
        return ServiceChild(
            name,
            [sys.executable, "-m", f"wavetank.{room}"],
            log=self.directory.logs / f"{name}.log",
            is_ready=lambda: is_healthy(address),
            environment=lambda: self._environment(name, room),
        )

    def _environment(self, name: str, room: str) -> dict[str, str]:
        """Return a service's variables; called at each of its starts, when Redis has its address."""
        clock = self._clock_now()
        keys = self.directory.keys()
        settings = {
            "REDIS_URL": self.redis_url,
            "DURABILITY": self._plan.durability,
            "LISTEN": self._addresses[name],
            "MATCHING_ADDRESSES": json.dumps([self._addresses[shard] for shard in self._shards]),
            "CLEARING_ADDRESS": self._addresses[CLEARING],
            "ORACLE_ADDRESS": self._addresses[ORACLE],
            "CLOCK_START_NS": str(clock.start_ns),
            "CLOCK_ORIGIN_NS": str(clock.origin_ns),
            "CLOCK_SPEED_MILLI": str(clock.speed_milli),
            "INTERNAL_KEY": keys.internal_key,
            "METRICS_PORT": self._metrics[name].rpartition(":")[2],
            "DIE_WITH_PARENT": "true",
            "LOG_LEVEL": self._plan.log_level,
        }
        if name == CLEARING:
            settings["BOOTSTRAP_KEY"] = keys.play_key
        elif name in self._shards:
            settings["SHARD"] = str(self._shards.index(name))
        settings |= self._plan.settings.get(room, {})
        prefix = f"WAVETANK_{room.upper()}_"
        return {**os.environ, **{f"{prefix}{setting}": value for setting, value in settings.items()}}

    def _shard_count(self) -> int:
        """Return how many matching shards run.

        Raises:
            CommandFailed: fewer than the venue had; what its accounts have there cannot be left behind.

        """
        before = int(self.directory.saved_settings().get("shards", 1))
        wanted = self._plan.shards or before
        if wanted < before:
            raise CommandFailed(
                f"this venue has {before} matching shards, and {wanted} cannot carry on what they hold",
                hint=f"start it with `--shards {before}`, or a new venue with `--dir ELSEWHERE`",
                code=ExitCode.USAGE,
            )
        return wanted

    def _remember(self) -> None:
        """Let what the first start was told be that of later ones that are told nothing else."""
        plan, saved = self._plan, self.directory.saved_settings()
        speed = plan.speed_milli or int(saved.get("speed_milli", REAL_TIME_MILLI))
        settings = merged(saved.get("services", {}), plan.settings)
        given = (plan.start_ns, plan.first_ns)
        self._own_time = bool(saved.get("own_time")) or speed != REAL_TIME_MILLI or any(x is not None for x in given)
        self._plan = replace(plan, speed_milli=speed, settings=settings)
        self.directory.save_settings(
            {"speed_milli": speed, "own_time": self._own_time, "services": settings, "shards": len(self._shards)}
        )

    def _clock_now(self) -> ClockSettings:
        if self._clock is None:
            try:
                self._clock = clock_settings(
                    last_ns=last_venue_time_ns(self.redis_url),
                    wall_ns=time.time_ns(),
                    speed_milli=self._plan.speed_milli or REAL_TIME_MILLI,
                    start_ns=self._plan.start_ns,
                    first_ns=self._plan.first_ns,
                    own_time=self._own_time,
                )
            except RedisError as error:
                raise ChildFailed(f"Redis does not answer: {error}") from error
            except CommandFailed as error:
                raise ChildFailed(f"{error.message}; {error.hint}") from error
        return self._clock

    def _wait_for_prices(self, deadline: float) -> None:
        """Wait until a monotonic time for every shard to show what the oracle has published.

        Raises:
            ChildFailed: it did not, or a service died meanwhile and is not started again.

        """
        try:
            wait_for_first_prices(
                self._described(),
                timeout=max(0.0, deadline - time.monotonic()),
                still_wanted=lambda: self._supervisor.wait(0.0) is None,
            )
        except (CommandFailed, RedisError) as error:
            raise ChildFailed(str(error)) from error
        failure = self._supervisor.wait(0.0)
        if failure is not None:
            raise failure

    def _described(self) -> VenueFile:
        """Return what `venue.json` is to say."""
        assert self._clock is not None, "services were started with a clock"
        return VenueFile(
            pid=os.getpid(),
            address=self.address,
            endpoints={
                "matching": [self._addresses[shard] for shard in self._shards],
                "clearing": self._addresses[CLEARING],
                "oracle": self._addresses[ORACLE],
            },
            redis_url=self.redis_url,
            pids=self._supervisor.pids,
            play_key=self.play_key,
            clock=asdict(self._clock),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            metrics=dict(self._metrics),
            durability=self._plan.durability,
        )

    def _noticed(self, notice: Notice) -> None:
        published = self._published
        if published is not None and notice.state in {ChildState.READY, ChildState.DIED, ChildState.STARTING}:
            self._published = replace(published, pids=self._supervisor.pids)
            self.directory.write_venue(self._published)
        self._observe(notice)


def last_venue_time_ns(redis_url: str) -> int:
    """Return the venue time at which the venue's logs end; 0 when there are none.

    Raises:
        RedisError: Redis does not answer.

    """
    with redis.Redis.from_url(redis_url, protocol=2, socket_timeout=10.0) as client:
        ends = [last_entry(client, log) for log in logs_of(client)]
    return max((entry.now_ns for entry in ends if entry is not None), default=0)
