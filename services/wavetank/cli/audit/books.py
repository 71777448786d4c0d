"""Order books in plain dictionaries: orders by price, in order of arrival; positions as traded."""

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass

from wavetank.model.orders import Side


@dataclass(slots=True)
class Order:
    """An order that lives."""

    order_id: int
    account_id: int
    instrument_id: int
    side: int
    price: int
    remaining: int
    flags: int
    may_rest: bool
    request_seq: int = 0
    rated_value: int = 0
    """Σ rate × value over its fills; its fees so far are the ceiling of a millionth of this."""
    filled: int = 0
    filled_value: int = 0
    display: int = 0
    """Most that an iceberg shows at once, or 0."""
    visible: int = 0
    """What it shows of its remaining lots."""
    waits: bool = False
    """Whether it has not run yet: for its trigger, or for its parent."""
    waits_for_parent: bool = False
    trigger_kind: int = 0
    trigger_source: int = 0
    trigger_price: int = 0
    group_id: int = 0
    group_kind: int = 0
    self_trade: int = 0

    def show(self) -> None:
        """Show as much as it may: it comes to the end of its queue."""
        self.visible = min(self.display, self.remaining) if self.display else self.remaining

    def shrink(self, remaining: int) -> None:
        """Become smaller in place: what is hidden goes first."""
        self.remaining = remaining
        self.visible = min(self.visible, remaining)


class BookSide:
    """One side of a book."""

    __slots__ = ("best_is_high", "levels", "prices")

    def __init__(self, *, best_is_high: bool) -> None:
        """Begin empty; bids are best when high, asks when low."""
        self.best_is_high = best_is_high
        self.prices: list[int] = []
        self.levels: dict[int, dict[int, Order]] = {}

    def add(self, order: Order) -> None:
        """Rest an order behind those at its price."""
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = {}
            insort(self.prices, order.price)
        level[order.order_id] = order
        order.show()

    def show_next(self, order: Order) -> None:
        """Put an iceberg that shows nothing any more behind the others at its price."""
        level = self.levels[order.price]
        del level[order.order_id]
        level[order.order_id] = order
        order.show()

    def lots_at(self, price: int) -> int:
        """Return all lots, hidden ones too, that would trade at a price."""
        return sum(
            order.remaining
            for limit, level in self.levels.items()
            if (limit >= price if self.best_is_high else limit <= price)
            for order in level.values()
        )

    def holds(self, order: Order) -> bool:
        """Whether an order rests here."""
        return order.order_id in self.levels.get(order.price, {})

    def remove(self, order: Order) -> None:
        """Take an order out."""
        level = self.levels[order.price]
        del level[order.order_id]
        if not level:
            del self.levels[order.price]
            del self.prices[bisect_left(self.prices, order.price)]

    def best_price(self) -> int:
        """Return the best price, 0 when empty."""
        if not self.prices:
            return 0
        return self.prices[-1] if self.best_is_high else self.prices[0]

    def first(self) -> Order | None:
        """Return the oldest order at the best price."""
        return next(iter(self.levels[self.best_price()].values())) if self.prices else None

    def depth(self, count: int) -> list[tuple[int, int, int]]:
        """Return up to `count` levels, best first: price, lots, orders."""
        prices = self.prices[::-1] if self.best_is_high else self.prices
        return [
            (price, sum(order.visible for order in self.levels[price].values()), len(self.levels[price]))
            for price in prices[:count]
        ]


class Book:
    """Both sides of one instrument, and what was traded last."""

    __slots__ = ("index", "last_price", "long_lots", "mark", "sides", "state")

    def __init__(self) -> None:
        """Begin empty."""
        self.sides = {
            int(Side.BUY): BookSide(best_is_high=True),
            int(Side.SELL): BookSide(best_is_high=False),
        }
        self.last_price = 0
        self.mark = 0
        self.index = 0
        self.state = 0
        """An `InstrumentState`, 0 before it was moved."""
        self.long_lots = 0
        """Open interest: lots of the long side."""


class Tally:
    """What one account has traded on the shard: positions, Q and F (PROTOCOL R2)."""

    __slots__ = ("fees", "lots", "value")

    def __init__(self) -> None:
        """Begin flat."""
        self.lots: defaultdict[int, int] = defaultdict(int)
        self.value = 0
        self.fees = 0


def opposite(side: int) -> int:
    """Return the other side."""
    return int(Side.SELL if side == Side.BUY else Side.BUY)
