"""Entry faults: what becomes of a request, as a function of the faults, the time, the account and its number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.matching.core.desk import ALICE, BOB
from wavetank.matching.core import commands as packed
from wavetank.matching.core.draws import draw, exponential
from wavetank.matching.core.entry_faults import (
    UNDISTURBED,
    EntryFault,
    Treatment,
    fault_problem,
    joined,
    market_treatment,
    treatment,
)
from wavetank.model.orders import OrderFlag
from wavetank.model.reason import Reason
from wavetank.model.venue_faults import Jitter, VenueFaultKind

pytestmark = pytest.mark.spec("MTCH-065")

MS = 1_000_000
NOW = 1_000 * MS
BUY = 1
PLACE = packed.place(account_id=ALICE, instrument_id=1, side=BUY, size_lots=5, price_ticks=1_000)
REDUCE = packed.place(
    account_id=ALICE, instrument_id=1, side=BUY, size_lots=5, price_ticks=1_000, flags=OrderFlag.REDUCE_ONLY
)
CANCEL = packed.cancel(account_id=ALICE, order_id=7)
CANCEL_ALL = packed.cancel_all(account_id=ALICE)


def fault(kind: VenueFaultKind, **fields: object) -> EntryFault:
    return replace(EntryFault(fault_id=1, kind=kind), **fields)  # type: ignore[arg-type] # Fields by name.


def treated(*faults: EntryFault, commands: bytes = PLACE, account: int = ALICE, number: int = 1) -> Treatment:
    return treatment(faults, NOW, account, commands, number)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (VenueFaultKind.ACK_LOSS, Treatment(loses_answer=True)),
        (VenueFaultKind.THROTTLE, Treatment(refusal=Reason.RATE_LIMITED)),
        (VenueFaultKind.UNAVAILABLE, Treatment(refusal=Reason.VENUE_OVERLOADED)),
        (VenueFaultKind.DISCONNECT, Treatment(ends_session=True)),
        (VenueFaultKind.CANCEL_LOSS, UNDISTURBED),
        (VenueFaultKind.REDUCE_ONLY_REJECTED, UNDISTURBED),
        (VenueFaultKind.MARKET_DATA_GAP, UNDISTURBED),
    ],
)
def test_each_kind_does_its_own_to_an_order(kind: VenueFaultKind, expected: Treatment) -> None:
    assert treated(fault(kind)) == expected


def test_delays_add_up_and_keep_to_their_side_of_the_commit() -> None:
    late = fault(VenueFaultKind.DELAY, delay_ns=3 * MS)
    later = fault(VenueFaultKind.DELAY, delay_ns=4 * MS, fault_id=2)
    answers = fault(VenueFaultKind.ACK_DELAY, delay_ns=5 * MS, fault_id=3)
    assert treated(late, later, answers) == Treatment(delay_ns=7 * MS, answer_delay_ns=5 * MS)


@pytest.mark.parametrize("commands", [CANCEL, CANCEL_ALL, PLACE + CANCEL, packed.atomic([PLACE, CANCEL])])
def test_a_request_that_cancels_is_lost_whole(commands: bytes) -> None:
    assert treated(fault(VenueFaultKind.CANCEL_LOSS), commands=commands) == Treatment(is_lost=True)


@pytest.mark.parametrize("commands", [REDUCE, PLACE + REDUCE, packed.atomic([PLACE, REDUCE])])
def test_a_request_with_a_reduce_only_order_is_refused_whole(commands: bytes) -> None:
    found = treated(fault(VenueFaultKind.REDUCE_ONLY_REJECTED), commands=commands)
    assert found == Treatment(refusal=Reason.VENUE_OVERLOADED)


def test_a_fault_hits_its_accounts_alone_and_never_the_venue() -> None:
    everybody = fault(VenueFaultKind.THROTTLE)
    alice = replace(everybody, account_ids=(ALICE,))
    refused = Treatment(refusal=Reason.RATE_LIMITED)
    assert treated(alice) == refused
    assert treated(alice, account=BOB) == UNDISTURBED
    assert treated(everybody, account=BOB) == refused
    assert treated(everybody, account=999) == UNDISTURBED
    assert market_treatment([fault(VenueFaultKind.MARKET_DATA_GAP)], NOW, 0, 9) == (False, 0)


def test_a_fault_hits_from_its_start_until_its_end() -> None:
    timed = fault(VenueFaultKind.THROTTLE, start_ns=NOW, duration_ns=10)
    hit = [treatment([timed], at, ALICE, PLACE, 1) != UNDISTURBED for at in (NOW - 1, NOW, NOW + 9, NOW + 10)]
    assert hit == [False, True, True, False]
    assert not timed.is_over(NOW + 9)
    assert timed.is_over(NOW + 10)


def test_a_ramp_brings_delay_and_chance_from_nothing_to_all() -> None:
    late = fault(VenueFaultKind.DELAY, delay_ns=1_000, start_ns=NOW, ramp_ns=400)
    # Nothing at the start, a quarter after a quarter of the ramp, all of it at its end and after.
    delays = [treatment([late], NOW + at, ALICE, PLACE, 1).delay_ns for at in (0, 100, 400, 900)]
    assert delays == [0, 250, 1_000, 1_000]
    chance = fault(VenueFaultKind.THROTTLE, start_ns=NOW, ramp_ns=400)
    hit = [
        sum(treatment([chance], NOW + at, ALICE, PLACE, number) != UNDISTURBED for number in range(4_000))
        for at in (0, 100, 400)
    ]
    # A quarter of 4,000 is 1,000, standard error sqrt(4,000 * 0.25 * 0.75) = 27.
    assert hit[0] == 0
    assert abs(hit[1] - 1_000) < 4 * 27
    assert hit[2] == 4_000


def test_chance_follows_from_seed_fault_account_and_number_alone() -> None:
    chance = fault(VenueFaultKind.ACK_LOSS, probability_ppm=500_000, seed=3)

    def pattern(of: EntryFault, account: int = ALICE) -> list[bool]:
        return [treatment([of], NOW, account, PLACE, number) != UNDISTURBED for number in range(64)]

    assert pattern(chance) == pattern(chance)
    others = [pattern(replace(chance, seed=4)), pattern(replace(chance, fault_id=2)), pattern(chance, BOB)]
    assert pattern(chance) not in others


def test_jitter_is_drawn_apart_from_the_chance() -> None:
    jitter = fault(VenueFaultKind.DELAY, delay_ns=2 * MS, jitter_ns=MS, jitter=Jitter.EXPONENTIAL, seed=9)
    assert treated(jitter, number=5).delay_ns == 2 * MS + exponential(draw(9, 1, ALICE, 5, 1), MS)
    even = replace(jitter, jitter=Jitter.UNIFORM)
    delays = [treated(even, number=number).delay_ns for number in range(500)]
    assert min(delays) >= 2 * MS
    assert max(delays) <= 3 * MS
    assert len(set(delays)) > 490


def test_market_data_is_dropped_before_it_is_delayed() -> None:
    gap = fault(VenueFaultKind.MARKET_DATA_GAP)
    late = fault(VenueFaultKind.MARKET_DATA_DELAY, delay_ns=MS, fault_id=2)
    assert market_treatment([late], NOW, ALICE, 9) == (False, MS)
    assert market_treatment([late, gap], NOW, ALICE, 9) == (True, 0)
    assert market_treatment([fault(VenueFaultKind.THROTTLE)], NOW, ALICE, 9) == (False, 0)


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (fault(VenueFaultKind.DELAY), "delay"),
        (fault(VenueFaultKind.THROTTLE, delay_ns=1), "delay"),
        (fault(VenueFaultKind.DELAY, delay_ns=3_600 * 1_000 * MS + 1), "3600000000000"),
        (fault(VenueFaultKind.DELAY, delay_ns=1, jitter=Jitter.UNIFORM), "jitter"),
        (fault(VenueFaultKind.DELAY, jitter_ns=1), "jitter"),
        (fault(VenueFaultKind.THROTTLE, probability_ppm=1_000_001), "1000001"),
        (fault(VenueFaultKind.THROTTLE, probability_ppm=0), "probability"),
        (fault(VenueFaultKind.THROTTLE, duration_ns=-1), "duration"),
        (fault(VenueFaultKind.THROTTLE, ramp_ns=-1), "ramp"),
        (fault(VenueFaultKind.THROTTLE, seed=2**63), "seed"),
        (fault(VenueFaultKind.THROTTLE, account_ids=(999,)), "999"),
        (fault(VenueFaultKind.THROTTLE, account_ids=tuple(range(1_000, 1_101))), "101"),
    ],
)
def test_what_has_no_meaning_is_told_why(bad: EntryFault, word: str) -> None:
    assert word in (fault_problem(bad) or "")


def test_what_has_a_meaning_has_no_problem() -> None:
    assert fault_problem(fault(VenueFaultKind.THROTTLE, account_ids=(ALICE,))) is None
    assert fault_problem(fault(VenueFaultKind.DELAY, delay_ns=MS, jitter_ns=MS, jitter=Jitter.UNIFORM)) is None


def test_events_of_single_accounts_join_to_faults() -> None:
    parts = [
        fault(VenueFaultKind.THROTTLE, fault_id=7, account_ids=(BOB,)),
        fault(VenueFaultKind.ACK_LOSS, fault_id=3),
        fault(VenueFaultKind.THROTTLE, fault_id=7, account_ids=(ALICE,)),
    ]
    assert [(each.fault_id, each.account_ids) for each in joined(parts)] == [(3, ()), (7, (ALICE, BOB))]
