"""The venue's own accounts as a page and a report name them.

The log has names of its own for them (`wavetank.model.ids`); that a page says `account(vault)` is decided here.
"""

from wavetank.model.ids import (
    BACKSTOP_VAULT_ID,
    DEBT_ACCOUNT_ID,
    FEE_ACCOUNT_ID,
    HOUSE_ACCOUNT_ID,
    INSURANCE_FUND_ID,
    ROUNDING_ACCOUNT_ID,
)
from wavetank.storms.agents.agent import Label
from wavetank.storms.measure.record import Member

UNTOLD = "venue"
"""Role of those of whom no figures are told."""
VENUE_MEMBERS = {
    member.account_id: member
    for member in (
        Member(account_id=FEE_ACCOUNT_ID, name="fees", role="fees", label=None),
        Member(account_id=INSURANCE_FUND_ID, name="fund", role="fund", label=None),
        Member(account_id=ROUNDING_ACCOUNT_ID, name="rounding", role=UNTOLD, label=None),
        Member(account_id=BACKSTOP_VAULT_ID, name="vault", role="vault", label=Label.VAULT),
        Member(account_id=DEBT_ACCOUNT_ID, name="debt", role=UNTOLD, label=None),
        Member(account_id=HOUSE_ACCOUNT_ID, name="house", role=UNTOLD, label=None),
    )
}
"""By account id."""
TOLD_OF = tuple(member.name for member in VENUE_MEMBERS.values() if member.role != UNTOLD)
"""Names of those of whom figures are told as of anybody."""
