"""Own order events: each account hears of its orders, with its own ids, in order of seq."""

from __future__ import annotations

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, SELL, Desk
from wavetank.matching.adapters.order_feed import OrderFeeds
from wavetank.matching.ports import Committed
from wavetank.model.record import encode_all
from wavetank.v1 import order_entry_pb2 as pb


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[pb.OrderEvent] = []
        self.seqs: list[int] = []

    def order_events(self, events: bytes, last_seq: int) -> None:
        self.told += pb.SessionResponse.FromString(events).events
        self.seqs.append(last_seq)

    def kinds(self) -> list[str | None]:
        return [message.WhichOneof("event") for message in self.told]


class Feeds:
    """Feeds behind a desk: what the desk does is told as one cycle."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.feeds = OrderFeeds()

    def join(self, account_id: int) -> Listener:
        listener = Listener()
        self.feeds.join(account_id, listener, self.desk.engine.open_orders(account_id))
        return listener

    def publish(self) -> None:
        last = self.desk.engine.next_seq - 1
        events = self.desk.events
        self.feeds.committed(Committed(last - len(events) + 1, last, self.desk.now, encode_all(events), [], []))


def test_an_order_is_followed_from_its_acceptance_to_its_end(desk: Desk) -> None:
    feeds = Feeds(desk)
    alice = feeds.join(ALICE)
    order_id = desk.place(ALICE, BUY, 100, 990, client_order_id=b"mine").order_id
    feeds.publish()
    desk.amend(ALICE, order_id, size_lots=80)
    feeds.publish()
    desk.place(BOB, SELL, 30, 990)
    feeds.publish()
    desk.cancel(ALICE, order_id)
    feeds.publish()
    assert alice.kinds() == ["accepted", "amended", "fill", "cancelled"]
    accepted, amended, fill, cancelled = alice.told
    assert (accepted.accepted.order.remaining_lots, accepted.accepted.order.client_order_id) == (100, b"mine")
    assert (amended.amended.order.remaining_lots, amended.amended.kept_priority) == (80, True)
    assert (fill.fill.size_lots, fill.fill.remaining_lots, fill.fill.maker) == (30, 50, True)
    assert (fill.fill.client_order_id, fill.fill.side, fill.fill.price_ticks) == (b"mine", BUY, 990)
    # 30 lots at 990 ticks are 29,700 micro-dollars, and a maker pays 150 ppm of it, 4.455, rounded up.
    assert fill.fill.fee_micros == 5
    ended = cancelled.cancelled.order
    assert (ended.filled_lots, ended.filled_value_micros, ended.remaining_lots) == (30, 29_700, 50)
    assert (ended.state, ended.cancel_reason) == (pb.ORDER_STATE_CANCELLED, pb.CANCEL_REASON_REQUESTED)
    seqs = [message.seq for message in alice.told]
    assert seqs == sorted(seqs)
    assert alice.seqs[-1] == desk.engine.next_seq - 1


def test_both_sides_of_a_trade_hear_of_it_and_nobody_else(desk: Desk) -> None:
    feeds = Feeds(desk)
    alice, bob, carol = (feeds.join(account_id) for account_id in (ALICE, BOB, CAROL))
    desk.place(ALICE, SELL, 100, 1_000)
    feeds.publish()
    desk.place(BOB, BUY, 100, 1_000, client_order_id=b"taker")
    feeds.publish()
    assert alice.kinds() == ["accepted", "fill"]
    assert bob.kinds() == ["accepted", "fill"]
    assert carol.kinds() == []
    assert (alice.told[1].fill.maker, bob.told[1].fill.maker) == (True, False)
    assert alice.told[1].fill.trade_id == bob.told[1].fill.trade_id
    assert alice.told[1].seq == bob.told[1].seq


def test_who_joins_later_hears_of_orders_from_before(desk: Desk) -> None:
    order_id = desk.place(ALICE, SELL, 100, 1_000, client_order_id=b"old").order_id
    feeds = Feeds(desk)
    alice = feeds.join(ALICE)
    desk.place(BOB, BUY, 40, 1_000)
    feeds.publish()
    (fill,) = alice.told
    assert (fill.fill.order_id, fill.fill.client_order_id, fill.fill.remaining_lots) == (order_id, b"old", 60)


def test_all_sessions_of_an_account_hear_until_they_leave(desk: Desk) -> None:
    feeds = Feeds(desk)
    first, second = feeds.join(ALICE), feeds.join(ALICE)
    desk.place(ALICE, SELL, 100, 1_000)
    feeds.publish()
    feeds.feeds.leave(ALICE, first)
    feeds.feeds.leave(ALICE, first)
    desk.place(ALICE, SELL, 100, 1_010)
    feeds.publish()
    assert (len(first.told), len(second.told)) == (1, 2)
    feeds.feeds.leave(ALICE, second)
    desk.place(ALICE, SELL, 100, 1_020)
    feeds.publish()
    assert len(second.told) == 2


def test_the_rest_of_an_order_that_takes_at_once_is_told_as_cancelled(desk: Desk) -> None:
    feeds = Feeds(desk)
    alice = feeds.join(ALICE)
    desk.place(BOB, SELL, 40, 1_000)
    desk.place(ALICE, BUY, 100, 1_000, time_in_force=2)
    feeds.publish()
    assert alice.kinds() == ["accepted", "fill", "cancelled"]
    assert alice.told[2].cancelled.order.remaining_lots == 60
    assert alice.told[2].cancelled.order.cancel_reason == pb.CANCEL_REASON_IMMEDIATE_REMAINDER
