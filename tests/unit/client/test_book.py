"""A book holds what its messages say, and says when it has missed one."""

from decimal import Decimal

from wavetank.client import Book, BookDelta, BookSnapshot, PriceLevel, Side


def level(price: str, size: str, orders: int = 1) -> PriceLevel:
    return PriceLevel(Decimal(price), Decimal(size), orders)


def snapshot(seq: int = 10) -> BookSnapshot:
    return BookSnapshot(
        seq=seq,
        event_time_ns=1,
        instrument="SOL",
        bids=(level("150.00", "5"), level("149.99", "7")),
        asks=(level("150.02", "15"), level("150.03", "1")),
    )


def delta(
    seq: int, previous_seq: int, *, bids: tuple[PriceLevel, ...] = (), asks: tuple[PriceLevel, ...] = ()
) -> BookDelta:
    return BookDelta(seq=seq, event_time_ns=2, instrument="SOL", bids=bids, asks=asks, previous_seq=previous_seq)


def test_a_snapshot_fills_the_book() -> None:
    book = Book("SOL")
    assert book.apply(snapshot())
    assert book.best_bid == level("150.00", "5")
    assert book.best_ask == level("150.02", "15")
    assert book.mid == Decimal("150.01")
    # (150.00 × 15 + 150.02 × 5) / 20 = (2250 + 750.10) / 20 = 150.005
    assert book.microprice == Decimal("150.005")
    assert book.seq == 10


def test_deltas_add_change_and_remove_levels() -> None:
    book = Book("SOL")
    book.apply(snapshot())
    assert book.apply(delta(12, 10, bids=(level("150.00", "0", 0), level("150.01", "2"))))
    assert book.apply(delta(13, 12, asks=(level("150.02", "3"), level("150.05", "9"))))
    assert [each.price for each in book.bids()] == [Decimal("150.01"), Decimal("149.99")]
    assert [(each.price, each.size) for each in book.asks(2)] == [
        (Decimal("150.02"), Decimal(3)),
        (Decimal("150.03"), Decimal(1)),
    ]
    assert book.size_at(Side.SELL, Decimal("150.05")) == 9
    assert book.size_at(Side.BUY, Decimal("150.00")) == 0


def test_removing_a_level_that_is_not_there_changes_nothing() -> None:
    book = Book("SOL")
    book.apply(snapshot())
    book.apply(delta(11, 10, bids=(level("140.00", "0", 0),)))
    assert len(book.bids()) == 2


def test_a_delta_that_does_not_follow_empties_the_book() -> None:
    book = Book("SOL")
    book.apply(snapshot())
    assert not book.apply(delta(15, 14, bids=(level("151", "1"),)))
    assert book.best_bid is None
    assert book.mid is None
    assert not book.apply(delta(16, 15))
    assert book.apply(snapshot(20))
    assert book.best_bid == level("150.00", "5")
