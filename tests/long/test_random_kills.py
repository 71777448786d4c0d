"""Two hundred random kills of the matching process under load."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.integration.kill_storm import check, storming

KILLS = 200
SEED = 20_260_901


@pytest.mark.timeout(3_600)
@pytest.mark.spec("INV-110")
async def test_two_hundred_random_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    settings = {"SNAPSHOT_EVERY_EVENTS": "400", "LOG_RETENTION_S": "20"}
    async with storming(tmp_path, settings) as storm:
        for _ in range(KILLS):
            if chance.random() < 0.8:
                await storm.trades(chance.randint(1, 60))
            # Else it is killed while it still recovers, or before it took its first order.
            await asyncio.sleep(chance.uniform(0.0, 0.2))
            await storm.kill()
        await storm.trades(100)
    entries = await check(storm)
    assert entries[-1].epoch == KILLS + 1
    assert len(storm.noted.placed) > 10 * KILLS
    assert len(storm.noted.sent_again) > KILLS // 4
    # Some of what was sent again had been done before its answer was lost.
    assert storm.noted.repeated > 0
