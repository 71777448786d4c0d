"""A market maker and takers on three instruments, until Ctrl-C; then what the maker's fills were worth."""

import asyncio
import sys
from contextlib import suppress
from decimal import Decimal

from wavetank.client import Ensemble, Recorder, Runner, Side, Strategy, Venue, connect
from wavetank.client.strategies import MarketMaker, MarketMakerSettings, TakerFlow, TakerSettings

SIZES = {"BTC": Decimal("0.02"), "ETH": Decimal("0.5"), "SOL": Decimal(8)}


async def open_account(operator: Venue, name: str) -> Venue:
    """Return a connection of a new account with a million of play money."""
    account = await operator.admin.open_account(f"{name} {operator.now_ns()}", deposit=1_000_000)
    key = await operator.admin.create_api_key(account.account_id)
    return await connect(operator.directory.clearing, api_key=key.secret_key)


async def main() -> None:
    """Trade on the venue that `wavetank up` started here."""
    recorder = Recorder()
    makers: list[Strategy] = [
        MarketMaker(MarketMakerSettings(instrument=symbol, size=size, max_position=size * 20))
        for symbol, size in SIZES.items()
    ]
    takers: list[Strategy] = [
        TakerFlow(TakerSettings(instrument=symbol, mean_size=size / 2, max_position=size * 20), seed=number)
        for number, (symbol, size) in enumerate(SIZES.items())
    ]
    async with connect(run_directory=".wavetank") as operator:
        making, taking = await open_account(operator, "maker"), await open_account(operator, "takers")
        with suppress(asyncio.CancelledError):
            async with making, taking, asyncio.TaskGroup() as tasks:
                tasks.create_task(Runner(Ensemble(makers), making, list(SIZES), telemetry=recorder).run())
                tasks.create_task(Runner(Ensemble(takers), taking, list(SIZES)).run())
    for fill in recorder.fills:
        if fill.mid is not None:
            edge = (fill.mid - fill.price if fill.side is Side.BUY else fill.price - fill.mid) * fill.size - fill.fee
            sys.stdout.write(f"{fill.instrument} {fill.side.name} {fill.size} at {fill.price}: {edge:+.6f} USD\n")


if __name__ == "__main__":
    asyncio.run(main())
