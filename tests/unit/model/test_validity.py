"""The validity ladder: the worst doubt is said, and each action tolerates what its setting names (ORCL-030)."""

import pytest

from wavetank.model.validity import EVERYTHING, Action, Tolerances, Validity, ValidityTerms, judged

TERMS = ValidityTerms()


def judge(price: int, average: int | None = None, confidence: int = 0, *, stale: bool = False) -> Validity:
    return judged(TERMS, price_ticks=price, average_ticks=average, confidence_ticks=confidence, is_stale=stale)


@pytest.mark.spec("ORCL-030")
@pytest.mark.parametrize(
    ("price", "average", "confidence", "stale", "validity"),
    [
        (10_000, None, 0, False, Validity.VALID),
        # Five times its average is still believed, and a fifth; a tick beyond is not.
        (50_000, 10_000, 0, False, Validity.VALID),
        (50_001, 10_000, 0, False, Validity.TOO_VOLATILE),
        (2_000, 10_000, 0, False, Validity.VALID),
        (1_999, 10_000, 0, False, Validity.TOO_VOLATILE),
        # 2 % of 10,000 is 200.
        (10_000, 10_000, 200, False, Validity.VALID),
        (10_000, 10_000, 201, False, Validity.TOO_UNCERTAIN),
        (10_000, 10_000, 0, True, Validity.STALE),
        (0, 10_000, 0, False, Validity.NON_POSITIVE),
        (-5, 10_000, 0, False, Validity.NON_POSITIVE),
        # Of several doubts the worst.
        (-5, 10_000, 9_000, True, Validity.NON_POSITIVE),
        (60_000, 10_000, 9_000, True, Validity.TOO_VOLATILE),
        (10_000, 10_000, 9_000, True, Validity.TOO_UNCERTAIN),
    ],
)
def test_the_worst_doubt_is_said(
    price: int, average: int | None, confidence: int, stale: bool, validity: Validity
) -> None:
    assert judge(price, average, confidence, stale=stale) is validity


@pytest.mark.spec("ORCL-030")
def test_a_doubt_can_be_switched_off() -> None:
    terms = ValidityTerms(volatile_ratio_ppm=0, uncertain_ppm=0)
    assert judged(terms, price_ticks=1, average_ticks=10**9, confidence_ticks=10**9, is_stale=False) is Validity.VALID


@pytest.mark.spec("ORCL-030")
def test_by_default_only_funding_tolerates_anything_and_that_is_a_stale_index() -> None:
    tolerances = Tolerances()
    tolerated = {
        (action, validity) for action in Action for validity in Validity if tolerances.allows(action, validity)
    }
    assert tolerated == {(action, Validity.VALID) for action in Action} | {(Action.FUNDING, Validity.STALE)}


@pytest.mark.spec("ORCL-030")
def test_a_setting_lets_one_action_tolerate_everything() -> None:
    tolerances = Tolerances(liquidate=EVERYTHING)
    assert all(tolerances.allows(Action.LIQUIDATE, validity) for validity in Validity)
    assert not tolerances.allows(Action.MARGIN, Validity.STALE)
    assert tolerances.allows(Action.MARGIN, Validity.VALID)
