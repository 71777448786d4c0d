"""A bucket of tokens for each key, counted by hand."""

import pytest

from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.rate_limit import TokenBuckets

SECOND = 1_000_000_000


class Wall:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now_ns = 5 * SECOND

    def __call__(self) -> int:
        return self.now_ns


def test_a_burst_is_granted_and_then_the_rate() -> None:
    wall = Wall()
    buckets = TokenBuckets(rate_per_second=10, burst=3, wall_ns=wall)
    for _ in range(3):
        buckets.take("bot")
    with pytest.raises(VenueError) as caught:
        buckets.take("bot")
    # One token flows in within 1/10 s.
    assert (caught.value.reason, caught.value.retry_after_ms, caught.value.allowed) == (Reason.RATE_LIMITED, 100, 3)
    wall.now_ns += SECOND // 10
    buckets.take("bot")
    with pytest.raises(VenueError):
        buckets.take("bot")


def test_a_refusal_takes_nothing() -> None:
    wall = Wall()
    buckets = TokenBuckets(rate_per_second=10, burst=5, wall_ns=wall)
    buckets.take("bot", 3)
    with pytest.raises(VenueError) as caught:
        buckets.take("bot", 4)
    # 2 are left, 2 more need 2/10 s.
    assert caught.value.retry_after_ms == 200
    buckets.take("bot", 2)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    wall = Wall()
    buckets = TokenBuckets(rate_per_second=10, burst=3, wall_ns=wall)
    buckets.take("bot", 3)
    wall.now_ns += 3_600 * SECOND
    buckets.take("bot", 3)
    with pytest.raises(VenueError):
        buckets.take("bot")
    with pytest.raises(VenueError):
        buckets.take("other", 4)


def test_keys_do_not_share_a_bucket() -> None:
    buckets = TokenBuckets(rate_per_second=1, burst=1, wall_ns=Wall())
    buckets.take("one")
    buckets.take("two")


def test_numbers_must_be_positive() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        TokenBuckets(rate_per_second=0, burst=1)
