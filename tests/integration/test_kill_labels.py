"""`kill -9` at every labelled point of the commit path: nothing acknowledged is missing, nothing happened twice."""

from pathlib import Path

import pytest

from tests.integration.kill_storm import LOG, check, storming
from wavetank.runtime.labels import LABELS

pytestmark = pytest.mark.timeout(180)

SETTINGS = {
    # As often as the setting allows, so that each life has snapshots, and trims behind them.
    "SNAPSHOT_EVERY_EVENTS": "100",
    "LOG_RETENTION_S": "3",
}
PASSINGS = {"before_append": 40, "during_append": 41, "after_append": 42, "during_snapshot": 2, "during_trim": 1}
"""How often a label is passed before the process dies at it."""


def test_every_label_is_killed_at() -> None:
    assert tuple(PASSINGS) == LABELS


@pytest.mark.spec("INV-110")
@pytest.mark.parametrize("label", LABELS)
async def test_a_kill_at_a_label_loses_nothing_and_repeats_nothing(tmp_path: Path, label: str) -> None:
    async with storming(tmp_path, {**SETTINGS, "KILL_AT": f"{label}:{PASSINGS[label]}"}) as storm:
        # Of its first two lives each ends at the label; the third is not told to die, and takes what was sent again.
        await storm.comes_back()
        storm.venue.change("matching", {"KILL_AT": ""})
        await storm.comes_back()
        assert storm.venue.starts(LOG) == 3
        await storm.trades(30)
    entries = await check(storm)
    # Each life is an epoch.
    assert entries[-1].epoch == 3
    if label == "during_append":
        # The bytes were on their way, so some orders were there already when they were sent again.
        assert storm.noted.sent_again
