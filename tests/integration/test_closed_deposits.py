"""A venue that lets only its operator make money: every door that could make some is closed to clients (PLAY-010)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wavetank.cli.price_options import merged, price_choice
from wavetank.cli.venue import VenuePlan, VenueProcess
from wavetank.client import FaucetDry, PermissionDenied, connect

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)


@pytest.mark.spec("PLAY-010")
async def test_clients_have_the_faucet_and_nothing_else(tmp_path: Path) -> None:
    closed = {"clearing": {"CLIENT_DEPOSITS": "false", "FAUCET_MICROS": "5000000000"}}
    settings = merged(price_choice(prices=["push"]).settings, closed)
    with VenueProcess.start(VenuePlan(directory=tmp_path / "venue", settings=settings), timeout=90.0) as venue:
        async with connect(run_directory=venue.directory.path) as operator:
            account = await operator.admin.open_account("client", 0)
            key = await operator.admin.create_api_key(account.account_id)
            async with connect(operator.directory.clearing, api_key=key.secret_key) as client:
                child = await client.account.open_sub_account("child")
                for makes_money in (
                    client.account.deposit(1),
                    client.account.open_sub_account("rich", deposit=1),
                    client.account.clone("twin"),
                    client.account.reset(1),
                ):
                    with pytest.raises(PermissionDenied):
                        await makes_money
                assert await client.account.draw_faucet() == 5_000
                # Once for all accounts of an owner.
                with pytest.raises(FaucetDry):
                    await client.account.of(child.account_id).draw_faucet()
                assert await client.account.transfer(child.account_id, 2_000) == 3_000
            # The operator may do all of it.
            own = operator.account.of(account.account_id)
            assert await own.deposit(1) == 3_001
            assert (await own.clone("twin")).cash == 3_001
            assert (await own.reset(7)).cash == 7
