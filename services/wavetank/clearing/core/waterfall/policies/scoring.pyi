"""Python surface of `scoring`."""

from collections.abc import Sequence

from wavetank.clearing.core.waterfall.policies.candidate import Candidate

def score_of(kind: int, candidate: Candidate) -> tuple[int, int]: ...
def order_of(kind: int, candidates: Sequence[Candidate]) -> list[int]: ...
