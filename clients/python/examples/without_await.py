"""The client without `await`: place an order, read the book, and see what a refusal says."""

import sys
from itertools import islice

from wavetank.client import Client, NoCreditLine, PriceOffGrid, Side


def main() -> None:
    """Trade one order on the venue that `wavetank up` started here."""
    with Client(run_directory=".wavetank") as client:
        account = client.admin.open_account(f"no await {client.now_ns()}", deposit=10_000)
        with client.session(account_id=account.account_id) as session, session.events() as events:
            try:
                session.place("BTC", Side.BUY, "0.001", "60000.55")
            except PriceOffGrid as refused:
                sys.stdout.write(f"{refused}\n")
            index = client.market_data.book("BTC").prices.index
            if index is None:
                sys.stdout.write("there is no price yet\n")
                return
            price = client.instruments["BTC"].round_price(index * 99 / 100, up=False)
            try:
                session.place("BTC", Side.BUY, "0.001", price)
            except NoCreditLine:
                sys.stdout.write("the account is so new that it has no credit line yet: run this again\n")
                return
            session.cancel_all()
            for event in islice(events, 2):
                sys.stdout.write(f"{event}\n")


if __name__ == "__main__":
    main()
