"""`wavetank log` reads a log whose beginning was trimmed, and says where it begins."""

from pathlib import Path

import redis
from typer.testing import CliRunner

from tests.unit.cli.audit.scenarios import calm_day
from tests.unit.cli.audit.venue import encode_logs
from wavetank.cli.app import app
from wavetank.runtime.log_entry import FIELD, log_key
from wavetank.runtime.redis_server import start_redis


def test_a_trimmed_log_is_read_from_where_it_begins(tmp_path: Path) -> None:
    with start_redis(tmp_path / "redis") as server, redis.Redis.from_url(server.url, protocol=2) as client:
        for name, entries in encode_logs(calm_day().journal.batches).items():
            for entry_id, data in entries:
                client.xadd(log_key(name), {FIELD: data}, id=entry_id)
        client.xtrim(log_key("matching-0"), minid="1-3", approximate=False)
    result = CliRunner().invoke(app, ["log", "--last", "0", "--all", "--dir", str(tmp_path)])
    assert result.exit_code == 0, result.stderr
    assert "matching-0 begins with seq 3 (1-3); what was before is trimmed" in result.stderr
    # The other logs are whole, and nothing is said of them.
    assert result.stderr.count("begins with") == 1
    first = next(line for line in result.stdout.splitlines() if "matching" in line)
    assert first.split("matching")[1].split()[0] == "3"
