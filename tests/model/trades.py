"""A trade as a shard writes it, for tests that drive clearing without a book."""

from wavetank.model.events.matching import Traded
from wavetank.model.orders import OrderFlag, Side


def traded(
    trade_id: int,
    instrument_id: int,
    taker: int,
    maker: int,
    lots: int,
    price_ticks: int,
    *,
    taker_fee: int = 0,
    maker_fee: int = 0,
    liquidation: bool = False,
) -> Traded:
    """Return a trade between two accounts, of signed lots for the taker; fees in micro-dollars."""
    return Traded(
        instrument_id=instrument_id,
        account_id=taker,
        trade_id=trade_id,
        maker_account_id=maker,
        maker_order_id=2 * trade_id,
        taker_order_id=2 * trade_id + 1,
        price_ticks=price_ticks,
        size_lots=abs(lots),
        maker_fee_micros=maker_fee,
        taker_fee_micros=taker_fee,
        maker_remaining_lots=0,
        taker_remaining_lots=0,
        taker_side=int(Side.BUY if lots > 0 else Side.SELL),
        taker_flags=int(OrderFlag.LIQUIDATION | OrderFlag.REDUCE_ONLY) if liquidation else 0,
        auction=0,
    )
