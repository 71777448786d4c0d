"""What an account has on each shard: how it is parted, asked for, and moved (PROTOCOL R3, R8, R9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.scripted_shard import BTC, ETH
from tests.unit.clearing.two_shards import TwoShards
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.credit import Line
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.snapshot import dump, load, state_hash
from wavetank.model.events.clearing import ShareHeld, ShareMoved, WithdrawalRefused, Withdrawn
from wavetank.model.events.matching import CreditApplied, OrderCancelled, OrderRejected
from wavetank.model.instrument import default_instruments
from wavetank.model.reason import Reason

DWELL_NS = 100
SETTINGS = ClearingSettings(share_dwell_ns=DWELL_NS)


class Desk:
    """Clearing with two shards and one account of 1,001 micro-dollars."""

    def __init__(self) -> None:
        self.core = Clearing(SETTINGS, epoch=1)
        self.core.begin(1, default_instruments(), 0, shards=2)
        self.account = self.core.bank.open_account("alice", 1_001).account_id
        self.seqs = [0, 0]
        self.now = 1
        self.core.take_events()
        self.lines = self.take()

    def take(self) -> dict[int, Line]:
        """Return the account's new lines by shard."""
        return {line.shard: line for line in self.core.take_lines() if line.account_id == self.account}

    def count(self, shard: int, fact: OrderRejected | CreditApplied | OrderCancelled) -> None:
        """Let clearing count one fact of a shard."""
        self.seqs[shard] += 1
        self.core.on_matching(self.now, self.seqs[shard], [fact], shard)

    def refuse(self, shard: int, was: int) -> None:
        """Let a shard refuse an order for what it would commit."""
        self.count(
            shard,
            OrderRejected(
                instrument_id=1, account_id=self.account, order_id=0, client_order_id=b"", price_ticks=0, size_lots=0,
                was=was, allowed=0, reason=int(Reason.CREDIT_ELSEWHERE), command=1, side=1, order_type=1,
                time_in_force=1, flags=0,
            ),
        )  # fmt: skip

    def acknowledge(self, shard: int, line: Line, committed: int) -> None:
        """Let a shard say that it has applied a line."""
        assert line.acknowledge
        self.count(shard, CreditApplied(0, self.account, line.line_epoch, line.line_number, committed))

    @property
    def shares(self) -> list[int]:
        """What the account has on each shard."""
        return [share.cash_micros for share in self.core.state.accounts[self.account].shares]


@pytest.fixture
def desk() -> Desk:
    """Return clearing with two shards."""
    return Desk()


@pytest.mark.spec("MRGN-050")
def test_what_comes_in_is_parted_evenly_and_each_line_tells_what_the_other_can_spare(desk: Desk) -> None:
    # 1001 = 500 + 500 and 1, which goes to shard 0.
    assert desk.shares == [501, 500]
    assert {shard: (line.budget_micros, line.elsewhere_micros) for shard, line in desk.lines.items()} == {
        0: (501, 500),
        1: (500, 501),
    }
    # New instruments go where fewest are: BTC 0, ETH 1, SOL 0.
    assert [instrument.shard for instrument in desk.core.state.instruments.values()] == [0, 1, 0]


@pytest.mark.spec("MRGN-050")
def test_a_share_is_lowered_first_and_raised_elsewhere_when_the_shard_has_answered(desk: Desk) -> None:
    desk.refuse(1, 700)
    # Needed are 700 - 500 = 200 of 501; half of the other 301 comes along: 350.
    lines = desk.take()
    assert (lines[0].budget_micros, lines[0].acknowledge) == (151, True)
    # Shard 1 is told nothing: 151 there and 350 on their way are the 501 that it knows of.
    assert set(lines) == {0}
    assert desk.shares == [501, 500]
    desk.acknowledge(0, lines[0], committed=100)
    assert desk.shares == [151, 850]
    assert desk.take()[1].budget_micros == 850


@pytest.mark.spec("MRGN-050")
def test_what_is_committed_stays_and_less_than_is_needed_does_not_move(desk: Desk) -> None:
    desk.refuse(1, 700)
    # 501 - 280 = 221 are free: the 200 needed, and half of 21.
    desk.acknowledge(0, desk.take()[0], committed=280)
    assert desk.shares == [291, 710]
    desk.now += DWELL_NS
    desk.refuse(1, 800)
    # Shard 0 has said 280, so at most 11 are there; 90 are needed, and nobody is asked.
    assert not any(isinstance(event, ShareHeld) for event in desk.core.take_events()[-1:])
    desk.count(0, OrderCancelled(0, desk.account, 1, b"", 1, 1, 1, 1, 0, 0))
    desk.refuse(1, 800)
    # An order ended there: it is asked, and answers that all but 20 is committed still.
    desk.acknowledge(0, desk.take()[0], committed=271)
    moved = [event for event in desk.core.take_events() if isinstance(event, ShareMoved)]
    assert [event.amount_micros for event in moved] == [0]
    assert desk.shares == [291, 710]


@pytest.mark.spec("MRGN-050")
def test_who_was_given_credit_gives_none_away_for_a_while(desk: Desk) -> None:
    desk.refuse(1, 700)
    desk.acknowledge(0, desk.take()[0], committed=0)
    desk.now += DWELL_NS - 1
    desk.refuse(0, 300)
    assert not any(line.acknowledge for line in desk.take().values())
    desk.now += 1
    desk.refuse(0, 300)
    # Needed are 300 - 151 = 149 of 850; half of the other 701 comes along: 499.
    line = desk.take()[1]
    assert (line.acknowledge, line.budget_micros) == (True, 351)


@pytest.mark.spec("MRGN-050")
def test_demands_that_are_met_already_or_under_way_move_nothing_more(desk: Desk) -> None:
    desk.refuse(1, 700)
    desk.refuse(1, 701)
    held = [event for event in desk.core.take_events() if isinstance(event, ShareHeld)]
    assert len(held) == 1
    desk.acknowledge(0, desk.take()[0], committed=0)
    desk.core.take_events()
    desk.refuse(1, 850)
    assert not desk.core.take_events()


@pytest.mark.spec("MRGN-050")
def test_a_withdrawal_waits_for_every_shard_that_gives_a_part(desk: Desk) -> None:
    desk.core.bank.withdraw(desk.account, 600, desk.now)
    # Shard 0 has most: 501 from it, 99 from shard 1.
    lines = desk.take()
    assert {shard: line.budget_micros for shard, line in lines.items()} == {0: 0, 1: 401}
    with pytest.raises(Refused) as refused:
        desk.core.bank.withdraw(desk.account, 1, desk.now)
    assert refused.value.reason == Reason.WITHDRAWAL_PENDING
    desk.acknowledge(1, lines[1], committed=0)
    assert desk.core.state.accounts[desk.account].cash_micros == 1_001
    assert load(dump(desk.core.state), SETTINGS).accounts[desk.account].shares[1].hold is not None
    assert state_hash(load(dump(desk.core.state), SETTINGS)) == state_hash(desk.core.state)
    desk.acknowledge(0, lines[0], committed=0)
    assert desk.core.state.accounts[desk.account].cash_micros == 401
    assert desk.shares == [0, 401]


@pytest.mark.spec("MRGN-050", "MRGN-060")
@pytest.mark.parametrize(("committed", "end"), [(60, Withdrawn), (150, WithdrawalRefused)])
def test_what_one_shard_has_committed_is_taken_from_another_if_it_has_it(desk: Desk, committed: int, end: type) -> None:
    desk.core.bank.withdraw(desk.account, 450, desk.now)
    lines = desk.take()
    # All 450 are asked of shard 0, which has 501 and says that 401 are committed: 100 are free, 350 are missing.
    desk.acknowledge(0, lines[0], committed=401)
    lines = desk.take()
    assert (lines[1].budget_micros, lines[1].acknowledge) == (150, True)
    desk.acknowledge(1, lines[1], committed=committed + 100 if end is WithdrawalRefused else committed)
    assert any(isinstance(event, end) for event in desk.core.take_events())
    assert desk.core.state.accounts[desk.account].hold is None
    assert desk.shares == ([401, 150] if end is Withdrawn else [501, 500])


@pytest.mark.spec("MRGN-050")
def test_a_hold_is_asked_for_again_after_a_restart(desk: Desk) -> None:
    desk.refuse(1, 700)
    before = desk.take()[0]
    state = load(dump(desk.core.state), SETTINGS)
    again = Clearing(SETTINGS, epoch=2, state=state, last_seq=desk.core.last_seq)
    again.begin(desk.now, [], 0, shards=2)
    (line,) = [line for line in again.take_lines() if line.account_id == desk.account and line.shard == 0]
    assert (line.line_epoch, line.acknowledge, line.budget_micros) == (2, True, before.budget_micros)
    # The acknowledgement of the old line is as good: it knew of the hold.
    again.on_matching(2, 2, [replace(CreditApplied(0, desk.account, 1, before.line_number, 0))], 0)
    assert [share.cash_micros for share in again.state.accounts[desk.account].shares] == [151, 850]


def fallen(mode: MarginMode, mark: int) -> dict[int, int]:
    """Return by shard the equity that lines name, when BTC has fallen from 1,000 to a mark."""
    two = TwoShards(6_000)
    two.core.bank.set_margin_mode(two.a, mode)
    two.trade(BTC, 100, 1_000)
    two.trade(ETH, -100, 400)
    assert {shard: line.equity_micros for shard, line in two.lines().items()} == {0: 3_000, 1: 3_000}
    two.mark(BTC, mark)
    sent = {0: 3_000, 1: 3_000} | {shard: line.equity_micros for shard, line in two.lines().items()}
    return dict(sorted(sent.items()))


@pytest.mark.spec("MRGN-050")
def test_a_line_names_the_equity_behind_the_positions_of_its_shard() -> None:
    # 100 x 5 lost, and what is left carries the initial margin of 99,500 / 40: each shard stands for itself.
    for mode in (MarginMode.GROSS, MarginMode.GROUP_OFFSET):
        assert fallen(mode, 995) == {0: 2_500, 1: 3_000}
    # 3,500 of 3,000 lost: 500 are owed on shard 0, and come off what may be lost on the other.
    assert fallen(MarginMode.GROUP_OFFSET, 965) == {0: -500, 1: 2_500}
    # By the sum of the margins, 96,500 / 80 and 40,000 / 50, that is 1,207 and 800, what is left in all, 2,500, stands
    # behind both legs alike: 1,503 of it behind the first.
    assert fallen(MarginMode.GROSS, 965) == {0: 1_503, 1: 3_000}
    # 1,800 are left, less than 1,198 and 800: of each leg's margin the same part may be lost.
    assert fallen(MarginMode.GROSS, 958) == {0: 1_079, 1: 720}
