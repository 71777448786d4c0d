"""Two writers of one shard's log: the older one can neither write nor acknowledge anything more, and ends."""

from contextlib import suppress
from pathlib import Path

import grpc
import grpc.aio
import pytest
import redis

from tests.eventually import eventually_async
from tests.integration.callers import BTC, BUY, DOLLAR, calling, on_grid, place
from tests.venue_fixture import SEED, START_SECONDS
from wavetank.cli.price_options import price_choice
from wavetank.cli.supervisor import ChildState, Notice
from wavetank.cli.venue import VenuePlan, VenueProcess
from wavetank.model.events import matching
from wavetank.model.record import decode_all
from wavetank.runtime.log_reader import read_log
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.process import ExitCode

LOG = "matching-0"


@pytest.mark.timeout(120)
@pytest.mark.spec("INV-110")
async def test_a_shard_whose_log_another_writer_took_over_acknowledges_nothing_and_ends(tmp_path: Path) -> None:
    notices: list[Notice] = []
    plan = VenuePlan(directory=tmp_path, settings=price_choice(seed=SEED).settings, restart=False)
    with VenueProcess.start(plan, observe=notices.append, timeout=START_SECONDS) as venue:
        async with calling(venue) as admin:
            bot = await admin.trader("bot")
            mark = await bot.mark_ticks(BTC)
            price = on_grid(mark * 97 // 100)
            size = 20 * DOLLAR // price + 1
            first = await bot.place(place(BUY, size, price, client_order_id=b"before"))
            assert first.order_id

            # A second process that believes to be the shard, for instance after a pod was moved.
            second = await LogWriter.open(venue.redis_url, LOG)
            assert second.epoch == 2
            ends_at = second.last_seq
            with suppress(grpc.aio.AioRpcError):
                answer = await bot.place(place(BUY, size, price, client_order_id=b"after"))
                raise AssertionError(f"acknowledged by a writer that was fenced: {answer}")

            def has_ended() -> bool:
                return any(notice.name == LOG and notice.state is ChildState.DIED for notice in notices)

            await eventually_async(has_ended, timeout=20.0)
            (died,) = [notice for notice in notices if notice.name == LOG and notice.state is ChildState.DIED]
            assert f"code {int(ExitCode.FENCED)}" in died.detail

            # Nothing of the first writer stands behind the fence, and the second goes on from there.
            entry = await second.append(b"", bytes(128), 1, second.last_now_ns + 1)
            assert entry.first_seq == ends_at + 1
            await second.close()
        with redis.Redis.from_url(venue.redis_url) as client:
            entries = list(read_log(client, LOG))
    placed = {
        event.client_order_id
        for entry in entries[:-1]
        for event in decode_all(entry.records)
        if isinstance(event, matching.OrderAccepted)
    }
    assert b"before" in placed
    assert b"after" not in placed
    assert [entry.epoch for entry in entries[-2:]] == [2, 2]
