"""What a simulated door refuses is counted, and how long answers take is measured where they arrive."""

from typing import Any

import pytest

from wavetank.storms.measure.record import Figure
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.staging.running import RunPlan, run_simulated

MILLISECOND_NS = 1_000_000


def figures(*steps: dict[str, Any]) -> dict[str, Figure]:
    """Return the figures of ten seconds with a maker that is far from the venue, and two who act by the timeline."""
    page = {
        "scenario": 1,
        "name": "door",
        "title": "A door",
        "duration": "10s",
        "market": {"instruments": {"BTC": {"price": 60_000, "volatility": "5%"}}},
        "cast": [
            {
                "name": "maker",
                "kind": "market_maker",
                "deposit": "1M",
                "settings": {"size": "9k", "max_position": "500k"},
                "distance": {"orders": "7ms", "answers": "11ms"},
            },
            {"name": "one"},
            {"name": "two"},
        ],
        "timeline": [
            {"at": "3s", "cross": {"buyer": "one", "seller": "two", "instrument": "BTC", "size": 0.5}},
            *steps,
        ],
    }
    return run_simulated(RunPlan(scenario=Scenario.model_validate(page))).figures


def sale(at: str, *, reduce_only: bool) -> dict[str, Any]:
    order = {"who": "one", "instrument": "BTC", "side": "sell", "size": 0.1, "reduce_only": reduce_only}
    return {"at": at, "order": order}


@pytest.mark.spec("MTCH-065")
def test_what_a_disturbed_door_refuses_is_counted_by_reason_and_account() -> None:
    found = figures(
        {"at": "4s", "disturb": {"kind": "reduce_only_rejected", "lasting": "3s"}},
        sale("5s", reduce_only=True),
        sale("5500ms", reduce_only=False),
        sale("6s", reduce_only=True),
        sale("8s", reduce_only=True),
    )
    # Those of 5 s and 6 s; the one between may add to a position, and at 8 s the fault is over.
    assert {name: value for name, value in found.items() if name.startswith("refused")} == {
        "refused": 2,
        "refused(reason: VENUE_OVERLOADED)": 2,
        "refused(who: one)": 2,
        "refused(reason: VENUE_OVERLOADED, who: one)": 2,
    }
    assert (found["account(one).rejections"], found["account(two).rejections"]) == (2, 0)


def test_without_a_fault_the_door_refuses_nothing() -> None:
    assert figures(sale("5s", reduce_only=True))["refused"] == 0


@pytest.mark.parametrize("what", ["ack_latency", "cancel_latency"])
def test_an_answer_takes_both_ways_and_the_commit(what: str) -> None:
    # 7 ms there, half a millisecond for the commit, and as long again if one is under way; 11 ms back.
    found = figures()
    for name in (f"account(maker).{what}", what):
        for percentile in ("p50", "p99"):
            took_ns = found[f"{name}.{percentile}"]
            assert isinstance(took_ns, int)
            assert 18.5 * MILLISECOND_NS <= took_ns <= 19 * MILLISECOND_NS, (name, percentile)
    assert found[f"{what}.p50.BTC"] == found[f"{what}.p50"]
    # By the timeline nobody waits for answers.
    assert found[f"account(one).{what}.p50"] is None


def test_late_answers_are_late_and_lost_ones_are_none() -> None:
    late = figures({"at": "0s", "disturb": {"kind": "ack_delay", "delay": "300ms"}})
    took_ns = late["account(maker).ack_latency.p50"]
    assert isinstance(took_ns, int)
    assert 318.5 * MILLISECOND_NS <= took_ns <= 319.5 * MILLISECOND_NS
    lost = figures({"at": "0s", "disturb": {"kind": "ack_loss"}})
    assert lost["account(maker).ack_latency.p99"] is None
