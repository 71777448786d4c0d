"""The redis.conf that ships, given to a real server: it starts, and is set as the log needs it."""

import subprocess
from pathlib import Path

import pytest
import redis

from tests.eventually import eventually
from tests.k8s.manifests import BASE
from wavetank.runtime.redis_server import find_binary

PASSWORD = "5ec7e7"


def answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_server_accepts_the_configuration(tmp_path: Path) -> None:
    socket = tmp_path / "s"
    # This machine has no volume at /data; a pod has no need of a socket.
    shipped = (BASE / "redis.conf").read_text(encoding="utf-8")
    assert "\ndir /data\n" in shipped
    conf = tmp_path / "redis.conf"
    conf.write_text(shipped.replace("dir /data", f"dir {tmp_path}"), encoding="utf-8")
    arguments = ["--requirepass", PASSWORD, "--port", "0", "--unixsocket", str(socket)]
    command = [str(find_binary()), str(conf), *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        try:
            client = redis.Redis(unix_socket_path=str(socket), password=PASSWORD, decode_responses=True)
            eventually(lambda: answers(client), timeout=20)
            wanted = {
                "appendonly": "yes",
                "appendfsync": "everysec",
                "save": "",
                "maxmemory-policy": "noeviction",
                "maxmemory": "1073741824",
            }
            assert {name: client.config_get(name)[name] for name in wanted} == wanted
            client.xadd("wt:{matching-0}:log", {"e": "x"}, id="1-1")
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(unix_socket_path=str(socket)).ping()
            client.close()
        finally:
            server.terminate()
    assert server.returncode == 0
    assert list((tmp_path / "appendonlydir").glob("*.aof"))
