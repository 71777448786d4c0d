"""Who may do what: a table."""

import pytest

from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Principal, Scope, principal, require

READER = Principal(1_001, Scope.READ, "reader")
TRADER = Principal(1_001, Scope.READ | Scope.TRADE, "trader")
PARENT = Principal(1_001, Scope.READ | Scope.TRADE, "parent", {1_002})
ADMIN = Principal(0, Scope.ADMIN, "admin")
SERVICE = Principal(0, Scope.INTERNAL, "internal")


@pytest.mark.parametrize(
    ("who", "scope", "account_id", "granted"),
    [
        (READER, Scope.READ, 0, 1_001),
        (READER, Scope.READ, 1_001, 1_001),
        (READER, Scope.READ, None, 0),
        (TRADER, Scope.TRADE, 0, 1_001),
        (PARENT, Scope.TRADE, 1_002, 1_002),
        (PARENT, Scope.READ, 0, 1_001),
        (ADMIN, Scope.ADMIN, None, 0),
        (ADMIN, Scope.READ, 1_002, 1_002),
        (ADMIN, Scope.TRADE, 1_002, 1_002),
        # The insurance fund is an account of the venue: an admin may look at it.
        (ADMIN, Scope.READ, 2, 2),
        (SERVICE, Scope.INTERNAL, None, 0),
        (SERVICE, Scope.READ, 1_002, 1_002),
    ],
)
def test_granted(who: Principal, scope: Scope, account_id: int | None, granted: int) -> None:
    assert require(who, scope, account_id) == granted


@pytest.mark.parametrize(
    ("who", "scope", "account_id", "reason"),
    [
        (READER, Scope.TRADE, 0, Reason.SCOPE_MISSING),
        (READER, Scope.READ, 1_002, Reason.SCOPE_MISSING),
        (READER, Scope.READ, 2, Reason.SCOPE_MISSING),
        (TRADER, Scope.ADMIN, None, Reason.SCOPE_MISSING),
        (TRADER, Scope.TRADE, 1_002, Reason.SCOPE_MISSING),
        (PARENT, Scope.TRADE, 1_003, Reason.SCOPE_MISSING),
        (PARENT, Scope.ADMIN, None, Reason.SCOPE_MISSING),
        (ADMIN, Scope.INTERNAL, None, Reason.SCOPE_MISSING),
        (ADMIN, Scope.READ, 0, Reason.MALFORMED),
        (ADMIN, Scope.TRADE, 4, Reason.ACCOUNT_RESERVED),
        (SERVICE, Scope.TRADE, 4, Reason.ACCOUNT_RESERVED),
    ],
)
def test_refused(who: Principal, scope: Scope, account_id: int | None, reason: Reason) -> None:
    with pytest.raises(VenueError) as caught:
        require(who, scope, account_id)
    assert caught.value.reason is reason


def test_a_call_without_a_key_has_no_principal() -> None:
    with pytest.raises(VenueError) as caught:
        principal()
    assert caught.value.reason is Reason.KEY_UNKNOWN
