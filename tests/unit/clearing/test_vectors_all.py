"""Every worked case is accounted for: run by a test of its id, or left out for a reason that stands here."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tests.model.worked_cases import cases
from tests.unit.clearing import test_vectors, test_vectors_funding, test_vectors_margin

LEFT_OUT = {
    "VG-TWAP-1": "marks here are medians with exponential averages (ORCL-020), none is time-weighted",
    "VG-FRATE-1": "a rate is divided among intervals, never scaled up: the case's 2.5 is no whole divisor",
    "VG-MFUND-1": "maintenance margin holds nothing for funding to come (MRGN-020); what is due is paid by the hour",
    "VG-MFUND-3": "as VG-MFUND-1",
    "VG-MFUND-5": "as VG-MFUND-1",
    "VG-MM-2": "orders are charged in the engine at a leverage (MRGN-040); the case's 35 % is no whole leverage",
    "DX-TAIL-1": "premium samples are averaged, none is trimmed (FUND-010)",
    "DX-TAIL-3": "as DX-TAIL-1",
    "DX-FCLAMP-1": "the cap of a rate is a setting of the instrument (FUND-020), it does not follow from its margins",
    "DX-FCLAMP-3": "as DX-FCLAMP-1",
    "DX-FE2E-1": "its index is cut to whole millionths before anybody pays; here a rate keeps 12 decimals, so"
    " payments of 3.86 dollars differ by less than a cent; premium and payment are run apart, by DX-PREM and DX-FIDX",
    "DR-SHORT-1": "a first slice is a set share of a position (LIQ-040), not what covers the margin's shortage",
    "DR-SHORT-3": "as DR-SHORT-1",
    "DR-SHORT-5": "as DR-SHORT-1",
    "DR-IFFEE-1": "the fund's fee is a share of the fill within its gain (LIQ-070), not of what margin is left",
    "DR-IFFEE-3": "as DR-IFFEE-1",
    "BX-PERP-1": "contracts are linear: a tick times a lot is a micro-dollar (UNIT-010); the case's are inverse",
}


def ids_run(module: ModuleType) -> Iterator[str]:
    """Yield the ids that the tests of a module are parametrised with."""
    for name, function in vars(module).items():
        if name.startswith("test_"):
            for mark in getattr(function, "pytestmark", []):
                if mark.name == "parametrize" and mark.args[0] == "case":
                    yield from mark.args[1]


def test_all_88_cases_are_run_or_left_out(market_data: Path) -> None:
    run = Counter(
        key for module in (test_vectors, test_vectors_funding, test_vectors_margin) for key in ids_run(module)
    )
    known = cases(market_data)
    assert len(known) == 88
    assert {key for key, times in run.items() if times > 1} == set()
    assert run.keys() & LEFT_OUT.keys() == set()
    assert run.keys() | LEFT_OUT.keys() == known.keys()
    assert (len(run), len(LEFT_OUT)) == (71, 17)
    # A reason that refers to another's refers to one that stands.
    assert {reason[3:] for reason in LEFT_OUT.values() if reason.startswith("as ")} <= LEFT_OUT.keys()
