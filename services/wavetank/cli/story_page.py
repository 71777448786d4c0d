"""A story on the screen, or as JSON.

It exists apart from the facts, so that the words can change without the reading. Kept true: every number shown stands
in the story.
"""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from wavetank.cli.logs import Happening
from wavetank.cli.sentences.narrator import Narrator
from wavetank.cli.sentences.oracle import validity_words
from wavetank.cli.story import CONSUMERS, OrderStory, Prices, Queue, Story
from wavetank.cli.times import show_duration, show_instant
from wavetank.model.events.matching import Traded
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.orders import OrderFlag, OrderType, TimeInForce
from wavetank.model.validity import Validity

_NAMES = {
    ConsumerBit.TRUTH: "truth",
    ConsumerBit.CLEARING: "clearing",
    ConsumerBit.MATCHING: "matching",
    ConsumerBit.BOTS: "bots",
}
_E4 = 10_000


def show_story(story: Story, narrator: Narrator, console: Console) -> None:
    """Print a story, a panel for each order."""
    for order in story.orders:
        lines = [line for paragraph in _paragraphs(order, story.prices, narrator) for line in paragraph]
        title = f"order {order.order.order_id}: {reason_of(order, narrator)}"
        console.print(Panel(Text.from_markup("\n".join(lines)), title=escape(title), title_align="left"))


def story_document(story: Story, narrator: Narrator) -> dict[str, Any]:
    """Return a story for JSON."""
    return {"orders": [_order_document(order, story.prices, narrator) for order in story.orders]}


def reason_of(order: OrderStory, narrator: Narrator) -> str:
    """Return in a few words why it was filled, or that it was not."""
    if not order.trades:
        return "never traded"
    if order.order.flags & OrderFlag.LIQUIDATION:
        return "clearing liquidated the account"
    first = order.trades[0].event
    assert isinstance(first, Traded)
    if first.taker_order_id == order.order.order_id:
        return "it took what was there at once"
    taker = narrator.account(first.account_id)
    forced = ", a liquidation," if first.taker_flags & OrderFlag.LIQUIDATION else ""
    return f"it rested, and {taker}{forced} came to its price"


def _paragraphs(order: OrderStory, prices: dict[int, Prices], narrator: Narrator) -> list[list[str]]:
    number = order.order.instrument_id
    paragraphs = [[f"[bold]{escape(_dated(item, narrator))}[/]"] for item in order.asked_by]
    opening = [f"[bold]{escape(_dated(order.accepted, narrator))}[/]"]
    if _rested(order):
        opening.append(f"    in front of it at its price: {_queue_words(order.queue, number, narrator)}")
    opening += _price_lines(prices.get(order.accepted.now_ns), order.accepted.now_ns, number, narrator)
    paragraphs.append(opening)
    for trade, queue in zip(order.trades, order.queues_before_trades, strict=True):
        event = trade.event
        assert isinstance(event, Traded)
        lines = [f"[bold]{escape(_dated(trade, narrator))}[/]"]
        waited = show_duration(trade.now_ns - order.accepted.now_ns)
        if event.maker_order_id == order.order.order_id:
            lines.append(f"    it had rested {waited}; in front of it then: {_queue_words(queue, number, narrator)}")
        lines += _price_lines(prices.get(trade.now_ns), trade.now_ns, number, narrator)
        lines += [_edge_line(order, event, prices.get(trade.now_ns))]
        lines += [
            f"    {escape(narrator.say(booking.event))}"
            for booking in order.bookings
            if getattr(booking.event, "trade_id", 0) == event.trade_id
        ]
        paragraphs.append([line for line in lines if line])
    paragraphs += [[f"[bold]{escape(_dated(item, narrator))}[/]"] for item in order.changes]
    return paragraphs


def _rested(order: OrderStory) -> bool:
    """Whether it stood in the book: only then had it a place in a queue."""
    took_first = any(getattr(trade.event, "taker_order_id", 0) == order.order.order_id for trade in order.trades[:1])
    return order.order.time_in_force == TimeInForce.GTC and order.order.order_type == OrderType.LIMIT and not took_first


def _dated(happening: Happening, narrator: Narrator) -> str:
    return f"{show_instant(happening.now_ns)}  {narrator.say(happening.event)}"


def _queue_words(queue: Queue, instrument_id: int, narrator: Narrator) -> str:
    if not queue.orders:
        return "nobody"
    orders = "1 order" if queue.orders == 1 else f"{queue.orders} orders"
    return f"{orders}, {narrator.size(instrument_id, queue.lots)} in all"


def _price_lines(prices: Prices | None, now_ns: int, instrument_id: int, narrator: Narrator) -> list[str]:
    """Say what each consumer had been told; those told the same share a line."""
    if prices is None or not prices.told:
        return ["    the oracle had said nothing yet"]
    groups: dict[tuple[int, int, int, int], list[str]] = {}
    for consumer in CONSUMERS:
        told = prices.told.get(consumer)
        if told is not None:
            key = (told.index_price_ticks, told.mark_price_ticks, told.index_time_ns, told.validity)
            groups.setdefault(key, []).append(_NAMES[consumer])
    lines = []
    for (index_ticks, mark_ticks, time_ns, validity), names in groups.items():
        doubt = "" if validity == Validity.VALID else f", {validity_words(validity)}"
        whom = "everybody" if len(names) == len(CONSUMERS) else ", ".join(names)
        lines.append(
            f"    oracle to {whom}: index {narrator.price(instrument_id, index_ticks)}, mark "
            f"{narrator.price(instrument_id, mark_ticks)}, {show_duration(max(0, now_ns - time_ns))} old{doubt}"
        )
    return lines + [f"    [yellow]{escape(narrator.say(fault))}[/]" for fault in prices.faults]


def _edge_line(order: OrderStory, trade: Traded, prices: Prices | None) -> str:
    """Say whether the trade was good or bad for the order, against the true index."""
    truth = prices.told.get(ConsumerBit.TRUTH) if prices is not None else None
    if truth is None or not truth.index_price_ticks:
        return ""
    sign = 1 if order.order.side == 1 else -1
    edge_bp_e2 = sign * (truth.index_price_ticks - trade.price_ticks) * 100 * _E4 // truth.index_price_ticks
    word = "better" if edge_bp_e2 >= 0 else "worse"
    return f"    {abs(edge_bp_e2) / 100:.2f} basis points {word} than the true index"


def _order_document(order: OrderStory, prices: dict[int, Prices], narrator: Narrator) -> dict[str, Any]:
    accepted = order.accepted
    return {
        "order_id": order.order.order_id,
        "account_id": order.order.account_id,
        "reason": reason_of(order, narrator),
        "accepted": _document(accepted, narrator),
        "queue_ahead": {"orders": order.queue.orders, "lots": order.queue.lots},
        "prices_at_acceptance": _prices_document(prices.get(accepted.now_ns)),
        "asked_by": [_document(item, narrator) for item in order.asked_by],
        "trades": [
            _document(trade, narrator)
            | {
                "queue_ahead": {"orders": queue.orders, "lots": queue.lots},
                "prices": _prices_document(prices.get(trade.now_ns)),
            }
            for trade, queue in zip(order.trades, order.queues_before_trades, strict=True)
        ],
        "booked": [_document(item, narrator) for item in order.bookings],
        "changes": [_document(item, narrator) for item in order.changes],
    }


def _document(happening: Happening, narrator: Narrator) -> dict[str, Any]:
    return {
        "log": happening.log,
        "seq": happening.seq,
        "time_ns": happening.now_ns,
        "sentence": narrator.say(happening.event),
    }


def _prices_document(prices: Prices | None) -> dict[str, Any]:
    if prices is None:
        return {}
    return {_NAMES[consumer]: _price_document(told) for consumer, told in prices.told.items()} | {
        "faults": [fault.fault_id for fault in prices.faults]
    }


def _price_document(told: PricePublished) -> dict[str, Any]:
    return {
        "index_price_ticks": told.index_price_ticks,
        "mark_price_ticks": told.mark_price_ticks,
        "index_time_ns": told.index_time_ns,
        "stale": told.stale,
        "validity": Validity(told.validity).name.lower(),
        "confidence_ticks": told.confidence_ticks,
    }
