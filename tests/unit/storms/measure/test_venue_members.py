"""Whatever account the venue opens for itself has a name on a page and in a report."""

from tests.model.scripted_shard import Scene
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.storms.measure.venue_members import TOLD_OF, VENUE_MEMBERS


def test_every_account_of_the_venue_is_a_member() -> None:
    opened = [key for key in Scene().state.accounts if key < FIRST_CLIENT_ACCOUNT_ID]
    assert sorted(VENUE_MEMBERS) == sorted(opened)
    assert all(key == member.account_id for key, member in VENUE_MEMBERS.items())


def test_figures_are_told_of_fees_fund_and_vault() -> None:
    assert TOLD_OF == ("fees", "fund", "vault")
