"""Who is calling, and whether they may.

Every service asks the same two questions of a call; they stand here once, so that the same key is allowed the same
things at every door. Kept true: a key acts for its own account and that one's sub-accounts unless it has scope `admin`;
nobody acts as the venue's own accounts.
"""

from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntFlag

from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError


class Scope(IntFlag):
    """What a key allows; the first three are the bits of `ApiKeyCreated.scopes`."""

    READ = 1
    """Read market data and the own account."""
    TRADE = 2
    """Place orders, move play money."""
    ADMIN = 4
    """Everything, for every account."""
    INTERNAL = 8
    """Only the services of the venue have it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a key."""

    account_id: int
    """Account the key acts for; 0 for none."""
    scopes: Scope
    key_id: str
    """Public part of the key; safe to log."""
    sub_accounts: Collection[int] = field(default=(), compare=False)
    """Sub-accounts of the account, as many as are known at any time."""


current_principal: ContextVar[Principal | None] = ContextVar("current_principal", default=None)
"""Set by the gRPC door for the task of each call."""


def principal(context: object = None) -> Principal:  # noqa: ARG001 - a call reads well with it.
    """Return who makes the present call.

    Args:
        context: the servicer's context; unused, for the call's own task knows, but it makes a call read well.

    Raises:
        VenueError: the call needs no key, or is none (KEY_UNKNOWN).

    """
    found = current_principal.get()
    if found is None:
        raise VenueError(Reason.KEY_UNKNOWN, "this call needs an API key: metadata `authorization: Bearer <key>`")
    return found


def require(who: Principal, scope: Scope, account_id: int | None = None) -> int:
    """Check that a principal may do something, and return the account it may do it for.

    Args:
        who: the principal.
        scope: what the call needs; `ADMIN` has `READ` and `TRADE` too, `INTERNAL` has all.
        account_id: the account the call names; 0 for the key's own; None if the call is about no account.

    Returns:
        The account; 0 if the call is about none.

    Raises:
        VenueError: the scope is missing or the account is another's (SCOPE_MISSING), the key has no account of its
            own and none was named (MALFORMED), or trading for an account of the venue (ACCOUNT_RESERVED).

    """
    # An admin may do for everybody what anybody may do for himself, but it is no service of the venue.
    everything = bool(who.scopes & Scope.INTERNAL) or (bool(who.scopes & Scope.ADMIN) and scope is not Scope.INTERNAL)
    if not everything and not who.scopes & scope:
        raise VenueError(
            Reason.SCOPE_MISSING,
            f"key {who.key_id} has scopes {_names(who.scopes)}; {_names(scope)} is needed",
            was=_names(who.scopes),
            allowed=_names(scope),
        )
    if account_id is None:
        return 0
    wanted = account_id or who.account_id
    if wanted == 0:
        raise VenueError(Reason.MALFORMED, f"key {who.key_id} has no account of its own; name an account_id")
    if wanted != who.account_id and wanted not in who.sub_accounts and not everything:
        raise VenueError(
            Reason.SCOPE_MISSING,
            f"key {who.key_id} belongs to account {who.account_id}; account {wanted} is none of its sub-accounts and"
            " needs scope admin",
            was=wanted,
            allowed=who.account_id,
        )
    if scope is Scope.TRADE and wanted < FIRST_CLIENT_ACCOUNT_ID:
        raise VenueError(
            Reason.ACCOUNT_RESERVED,
            f"account {wanted} belongs to the venue; accounts from {FIRST_CLIENT_ACCOUNT_ID} on can trade",
            was=wanted,
            allowed=FIRST_CLIENT_ACCOUNT_ID,
        )
    return wanted


def _names(scopes: Scope) -> str:
    return "+".join(str(scope.name).lower() for scope in Scope if scope in scopes) or "none"
