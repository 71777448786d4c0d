"""Terms that change while an instrument is listed: by an event with its author, and for everybody who follows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.scripted_shard import BTC, Scene
from wavetank.clearing.core.bank import Refused
from wavetank.model.events.clearing import FundingIntervalSet, InstrumentListed, MarginTierListed
from wavetank.model.reason import Reason

HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000


@pytest.mark.spec("FUND-020")
def test_a_funding_interval_is_set_by_an_event_with_its_author_and_listed_anew() -> None:
    scene = Scene()
    before = scene.state.instruments[BTC]
    previous = scene.core.terms.set_funding_interval(BTC, 10 * MINUTE_NS, account_id=1, key_id="ab12")
    told = scene.keep()
    assert previous == HOUR_NS
    assert told[0] == FundingIntervalSet(BTC, 1, HOUR_NS, 10 * MINUTE_NS, b"ab12")
    assert [type(event) for event in told[1:]] == [InstrumentListed] + [MarginTierListed] * len(before.tiers)
    after = scene.state.instruments[BTC]
    # All else stays: tiers, limits, the shard.
    assert after == replace(before, funding_interval_ns=10 * MINUTE_NS)
    scene.assert_recoverable()
    # The same again changes nothing, and a restart keeps it whatever the settings list.
    scene.core.terms.set_funding_interval(BTC, 10 * MINUTE_NS, account_id=1, key_id="ab12")
    assert scene.keep() == []
    scene.restart()
    assert scene.state.instruments[BTC].funding_interval_ns == 10 * MINUTE_NS


@pytest.mark.spec("FUND-020")
@pytest.mark.parametrize(
    ("instrument_id", "interval_ns", "reason"),
    [
        (99, HOUR_NS, Reason.INSTRUMENT_UNKNOWN),
        (BTC, 999_999_999, Reason.MALFORMED),
        (BTC, 24 * HOUR_NS + 1, Reason.MALFORMED),
        (BTC, -1, Reason.MALFORMED),
    ],
)
def test_an_interval_that_cannot_be_is_refused(instrument_id: int, interval_ns: int, reason: Reason) -> None:
    scene = Scene()
    with pytest.raises(Refused) as refused:
        scene.core.terms.set_funding_interval(instrument_id, interval_ns, account_id=0, key_id="")
    assert refused.value.reason == reason
    assert scene.keep() == []
