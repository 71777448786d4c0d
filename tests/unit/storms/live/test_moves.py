"""A move of the true price comes to the same through faults as on a simulated path, once it has ended."""

from wavetank.oracle.core.faults import FaultKind
from wavetank.storms.live.moves import requests_of
from wavetank.storms.scenario.steps import Move

SECOND_NS = 10**9
E12 = 10**12


def test_a_move_is_a_spike_of_every_source_of_every_instrument() -> None:
    move = Move.model_validate({"by": "-6%", "over": "3s"})
    found = list(requests_of(move, [1, 2], {1: ("a", "b"), 2: ("c",)}))
    assert [(each.instrument_ids, each.sources) for each in found] == [((1,), ("a", "b")), ((2,), ("c",))]
    assert {(each.kind, each.magnitude_e12, each.delay_ns, each.ramp_ns, each.duration_ns) for each in found} == {
        (FaultKind.SPIKE, -6 * E12 // 100, 0, 3 * SECOND_NS, 0)
    }


def test_what_a_move_takes_back_multiplies_what_it_has_left() -> None:
    move = Move.model_validate({"by": "-6%", "over": "3s", "hold": "4s", "recovered": "0.5", "recover_over": "2s"})
    down, back = requests_of(move, [1], {1: ("a",)})
    assert (down.delay_ns, back.delay_ns, back.ramp_ns) == (0, 7 * SECOND_NS, 2 * SECOND_NS)
    # 0.94 · (1 + x) = 0.97, half of the fall.
    assert abs((E12 + down.magnitude_e12) * (E12 + back.magnitude_e12) // E12 - 97 * E12 // 100) <= 1
