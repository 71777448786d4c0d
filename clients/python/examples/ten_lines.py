"""The smallest bot: quotes one cent around the index, and goes on for ever."""

import asyncio

from wavetank.client import CancelAllOrders, Channel, PlaceOrder, Prices, Side, connect


async def main() -> None:
    """Quote SOL on the venue that `wavetank up` started here."""
    async with connect(run_directory=".wavetank") as operator:
        account = await operator.admin.open_account(f"ten lines {operator.now_ns()}", deposit=10_000)
        key = await operator.admin.create_api_key(account.account_id)
        async with connect(operator.directory.clearing, api_key=key.secret_key) as venue:
            sol = venue.instruments["SOL"]
            market = venue.market_data.subscribe([Channel.PRICES], ["SOL"])
            async with market, venue.session(cancel_on_disconnect=True) as session:
                async for event in market:
                    if isinstance(event, Prices) and event.index is not None:
                        bid = sol.round_price(event.index * 9999 / 10_000, up=False)
                        ask = sol.round_price(event.index * 10_001 / 10_000, up=True)
                        await session.batch(
                            [
                                CancelAllOrders(instrument="SOL"),
                                PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price=bid, post_only=True),
                                PlaceOrder(instrument="SOL", side=Side.SELL, size=1, price=ask, post_only=True),
                            ]
                        )


if __name__ == "__main__":
    asyncio.run(main())
