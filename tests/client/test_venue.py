"""The client against a venue: real order book, real ledger, real oracle, on this machine."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from tests.eventually import eventually_async
from wavetank.client import (
    AuthenticationFailed,
    BookDelta,
    BookSnapshot,
    CancelReason,
    Channel,
    Client,
    ClientOrderIdReused,
    CollateralConverted,
    CollateralDeposited,
    CollateralRefused,
    CollateralWithdrawn,
    Consumer,
    ConversionCause,
    CreditExceeded,
    Deposited,
    ExposureTooLarge,
    FaucetDry,
    FaultKind,
    Fill,
    FillBooked,
    GroupGrossTooLarge,
    GroupLimit,
    GroupNetTooLarge,
    InstrumentUnknown,
    IsolatedElsewhere,
    LeverageRefused,
    Limits,
    MarginMode,
    MarginModeRefused,
    NoCreditLine,
    OraclePrices,
    OrderAccepted,
    OrderCancelled,
    OrderRefused,
    OrderState,
    OrderUnknown,
    PermissionDenied,
    PlaceOrder,
    PositionTooLarge,
    PostOnlyWouldCross,
    PriceOffGrid,
    Prices,
    PriceStale,
    RawCommand,
    Recorder,
    Runner,
    Scope,
    Session,
    Side,
    SizeOutOfRange,
    Strategy,
    SubAccountRefused,
    Subscription,
    TimeInForce,
    Trade,
    TransferRefused,
    Venue,
    WithdrawalExceedsFreeMargin,
    connect,
)
from wavetank.client.strategies import MarketMaker, MarketMakerSettings, TakerFlow, TakerSettings
from wavetank.v1 import order_entry_pb2

Opener = Callable[[], Awaitable[Venue]]


async def has_credit(session: Session) -> None:
    """Wait until the shard has a credit line for the session's account, and a price that was just pushed."""

    async def probe() -> bool:
        try:
            order = await session.place("BTC", Side.BUY, "0.001", "63000")
        except (NoCreditLine, PriceStale):
            return False
        await session.cancel(order_id=order.order_id)
        return True

    await eventually_async(probe)


async def test_two_accounts_trade_and_both_are_told(trader: Opener) -> None:
    maker, taker = await trader(), await trader()
    async with (
        maker.session() as making,
        taker.session() as taking,
        maker.market_data.subscribe(instruments=["SOL"]) as market,
        maker.account.events() as account,
        making.events() as events,
    ):
        await has_credit(making)
        await has_credit(taking)
        order = await making.place("SOL", Side.BUY, 10, "149", post_only=True)
        taken = await taking.place("SOL", Side.SELL, 4, "149", time_in_force=TimeInForce.IOC)
        assert (taken.state, taken.filled_size, taken.average_price) == (OrderState.FILLED, Decimal(4), Decimal(149))

        seen = [await events.next(timeout=5) for _ in range(4)]
        assert [type(event) for event in seen] == [OrderAccepted, OrderCancelled, OrderAccepted, Fill]
        fill = seen[-1]
        assert isinstance(fill, Fill)
        # 4 × 149 = 596 USD at 150 parts per million: 0.0894.
        assert [fill.side, fill.size, fill.fee, fill.maker] == [Side.BUY, Decimal(4), Decimal("0.0894"), True]
        assert fill.order_id == order.order_id

        told = [await market.next(timeout=5)]
        while not isinstance(told[-1], Trade):
            told.append(await market.next(timeout=5))
        assert told[-1].aggressor is Side.SELL
        await eventually_async(lambda: market.books["SOL"].size_at(Side.BUY, Decimal(149)) == 6)
        assert any(isinstance(event, BookSnapshot) for event in told)
        assert any(isinstance(event, BookDelta) for event in told)

        booked = await account.next(timeout=5)
        while not isinstance(booked, FillBooked):
            booked = await account.next(timeout=5)
        assert (booked.delta_size, booked.value, booked.trade_id) == (Decimal(4), Decimal(596), fill.trade_id)
        (position,) = await maker.account.positions()
        assert (position.instrument, position.size, position.cost) == ("SOL", Decimal(4), Decimal(596))
        assert [each.trade_id async for each in maker.account.fills()] == [fill.trade_id]
        assert await making.cancel_all() == 1


@pytest.mark.spec("MTCH-070")
async def test_own_orders_and_their_places_are_told(trader: Opener) -> None:
    first, second = await trader(), await trader()
    channels = [Channel.ORDERS, Channel.QUEUE_POSITION, Channel.STATUS]
    async with (
        first.session() as one,
        second.session() as two,
        second.market_data.subscribe(channels, ["SOL"]) as market,
    ):
        await has_credit(one)
        await has_credit(two)
        reading = asyncio.create_task(read_on(market))
        ahead = await one.place("SOL", Side.BUY, 3, "148.01")
        own = await two.place("SOL", Side.BUY, 5, "148.01")
        await eventually_async(lambda: own.order_id in market.queue_positions)
        place = market.queue_positions[own.order_id]
        assert (place.size_ahead, place.orders_ahead, place.price) == (Decimal(3), 1, Decimal("148.01"))
        queue = market.order_books["SOL"].queue(Side.BUY, Decimal("148.01"))
        assert [(order.order_id, order.size, order.own) for order in queue] == [
            (ahead.order_id, Decimal(3), False),
            (own.order_id, Decimal(5), True),
        ]
        assert market.order_books["SOL"].position(own.order_id) == (Decimal(3), 1)
        # A smaller order keeps its place, and less stands before the own one; then nothing does.
        await one.amend("SOL", order_id=ahead.order_id, size=2)
        await eventually_async(lambda: market.queue_positions[own.order_id].size_ahead == 2)
        await one.cancel(order_id=ahead.order_id)
        await eventually_async(lambda: market.queue_positions[own.order_id].orders_ahead == 0)
        await two.cancel(order_id=own.order_id)
        await eventually_async(lambda: own.order_id not in market.queue_positions)
        assert market.order_books["SOL"].queue(Side.BUY, Decimal("148.01")) == ()
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def read_on(market: Subscription) -> None:
    """Read events until cancelled, so that what the subscription keeps is up to date."""
    async for _ in market:
        pass


async def test_amending_down_keeps_what_was_filled(trader: Opener) -> None:
    maker, taker = await trader(), await trader()
    async with maker.session() as making, taker.session() as taking:
        await has_credit(making)
        await has_credit(taking)
        order = await making.place("SOL", Side.SELL, 10, "151")
        await taking.place("SOL", Side.BUY, 4, "151", time_in_force=TimeInForce.IOC)
        amended = await making.amend("SOL", order_id=order.order_id, size=8)
        assert (amended.filled_size, amended.remaining_size) == (Decimal(4), Decimal(4))
        cancelled = await making.cancel(client_order_id=order.client_order_id)
        assert (cancelled.state, cancelled.remaining_size) == (OrderState.CANCELLED, Decimal(4))
        known = await maker.orders.get(client_order_id=order.client_order_id)
        assert (known.state, known.cancel_reason) == (OrderState.CANCELLED, CancelReason.REQUESTED)


async def test_refusals_have_their_classes(trader: Opener) -> None:
    venue = await trader()
    async with venue.session() as session:
        await has_credit(session)
        off_grid = PlaceOrder(instrument="SOL", side=Side.BUY, size=1, price="149.005", unchecked=True)
        nothing = PlaceOrder(instrument="SOL", side=Side.BUY, size=0, price="149", unchecked=True)
        unlisted = RawCommand(
            order_entry_pb2.Command(
                place=order_entry_pb2.PlaceOrder(
                    instrument_id=99,
                    side=1,  # type: ignore[arg-type]
                    order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
                    time_in_force=order_entry_pb2.TIME_IN_FORCE_GTC,
                    price_ticks=1,
                    size_lots=1,
                )
            )
        )
        results = await session.batch([off_grid, nothing, unlisted])
        assert [type(result.refusal) for result in results] == [PriceOffGrid, SizeOutOfRange, InstrumentUnknown]
        with pytest.raises(CreditExceeded):
            await session.place("SOL", Side.BUY, 1_000_000, 149)
        with pytest.raises(OrderUnknown):
            await session.cancel(client_order_id=b"never placed")
        await session.place("SOL", Side.BUY, 1, 140, client_order_id=b"twice")
        with pytest.raises(ClientOrderIdReused):
            await session.place("SOL", Side.BUY, 2, 140, client_order_id=b"twice")
        again = await session.place("SOL", Side.BUY, 1, 140, client_order_id=b"twice")
        assert again.repeated_answer
        assert await session.cancel_all() == 1
        await session.place("SOL", Side.SELL, 1, "150")
        with pytest.raises(PostOnlyWouldCross):
            await session.place("SOL", Side.BUY, 1, "150", post_only=True)
        await session.cancel_all()
    with pytest.raises(WithdrawalExceedsFreeMargin):
        await venue.account.withdraw(100_001)
    with pytest.raises(PermissionDenied):
        await venue.admin.open_account("not allowed")


async def test_keys_and_scopes(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    account = await venue.account.get()
    reading = await operator.admin.create_api_key(account.account_id, [Scope.READ])
    async with connect(operator.directory.oracle, api_key=reading.secret_key) as reader:

        async def is_known() -> bool:
            try:
                return await reader.orders.list_open() == ()
            except AuthenticationFailed:
                # Matching learns of a key by clearing's log.
                return False

        await eventually_async(is_known)
        with pytest.raises(PermissionDenied):
            async with reader.session():
                pass
        await operator.admin.revoke_api_key(reading.api_key.key_id)

        async def is_refused() -> bool:
            try:
                await reader.account.get()
            except AuthenticationFailed:
                return True
            return False

        await eventually_async(is_refused)


async def test_money_in_and_out(trader: Opener) -> None:
    venue = await trader()
    async with venue.account.events() as events:
        assert await venue.account.deposit("0.000001") == Decimal("100000.000001")
        deposited = await events.next(timeout=5)
        assert isinstance(deposited, Deposited)
        assert deposited.amount == Decimal("0.000001")
        assert await venue.account.withdraw("100000.000001") == 0


async def test_a_sub_account_trades_with_the_key_of_its_parent(trader: Opener) -> None:
    venue, other = await trader(), await trader()
    own = await venue.account.get()
    child = await venue.account.open_sub_account(f"{own.name}-sol", isolated="SOL")
    assert (child.parent_id, child.margin_mode) == (own.account_id, MarginMode.ISOLATED)
    assert child.cash == 0
    assert [state.account_id for state in await venue.account.sub_accounts()] == [child.account_id]
    assert await venue.account.transfer(child.account_id, 40_000) == 60_000
    sub_account = venue.account.of(child.account_id)
    assert (await sub_account.get()).cash == 40_000
    async with venue.session(account_id=child.account_id) as session, other.session() as seller:

        async def is_isolated() -> bool:
            try:
                await session.place("BTC", Side.BUY, "0.001", "63000")
            except NoCreditLine:
                return False
            except IsolatedElsewhere:
                return True
            return False

        await eventually_async(is_isolated)
        await has_credit(seller)
        await seller.place("SOL", Side.SELL, 2, "150.2")
        await session.place("SOL", Side.BUY, 2, "150.2")

        async def is_long() -> bool:
            return [position.size for position in await sub_account.positions()] == [2]

        await eventually_async(is_long)
        assert await venue.account.positions() == ()
        # A tenth of the notional stays with the position.
        with pytest.raises(WithdrawalExceedsFreeMargin):
            await sub_account.transfer(own.account_id, 39_990)
        assert await sub_account.transfer(own.account_id, 30_000) < 10_000
        # Closed again, so that nothing is left in the book.
        await seller.place("SOL", Side.BUY, 2, "150.1")
        await session.place("SOL", Side.SELL, 2, "150.1")
    # It is nobody else's, and owns nothing itself.
    with pytest.raises(PermissionDenied):
        await other.account.of(child.account_id).get()
    with pytest.raises(TransferRefused):
        await venue.account.transfer((await other.account.get()).account_id, 1)
    with pytest.raises(SubAccountRefused):
        await sub_account.open_sub_account("grandchild")


async def test_a_twin_and_a_reset(trader: Opener) -> None:
    venue, other = await trader(), await trader()
    async with venue.session() as buyer, other.session() as seller:
        await has_credit(buyer)
        await has_credit(seller)
        await seller.place("SOL", Side.SELL, 3, "150.2")
        await buyer.place("SOL", Side.BUY, 3, "150.2")

        async def is_long() -> bool:
            return [position.size for position in await venue.account.positions()] == [3]

        await eventually_async(is_long)
        resting = await buyer.place("SOL", Side.BUY, 1, "140")
        own = await venue.account.get()
        twin = await venue.account.clone(f"{own.name}-twin")
        assert (twin.parent_id, twin.cash) == (own.account_id, own.cash)
        assert await venue.account.of(twin.account_id).positions() == await venue.account.positions()
        # The twin trades for itself, at once.
        async with venue.session(account_id=twin.account_id) as trading:
            await has_credit(trading)
        again = await venue.account.of(twin.account_id).reset(5_000)
        assert again.cash == again.equity == 5_000
        anew = await venue.account.reset(70_000)
        assert anew.cash == anew.equity == 70_000
        assert (await venue.orders.get(order_id=resting.order_id)).cancel_reason is CancelReason.LIQUIDATION
    assert await venue.account.draw_faucet() == 30_000
    with pytest.raises(FaucetDry):
        await venue.account.draw_faucet()
    # So that nobody holds anything for the tests that follow.
    await other.account.reset(100_000)


async def test_margin_modes(trader: Opener) -> None:
    venue, other = await trader(), await trader()
    assert (await venue.account.get()).margin_mode is MarginMode.GROSS
    assert (await venue.account.set_margin_mode(MarginMode.SCENARIO)).margin_mode is MarginMode.SCENARIO
    with pytest.raises(MarginModeRefused):
        await venue.account.set_margin_mode(MarginMode.ISOLATED)
    async with venue.session() as buyer, other.session() as seller:
        await has_credit(buyer)
        await has_credit(seller)
        await seller.place("SOL", Side.SELL, 1, "150.2")
        await buyer.place("SOL", Side.BUY, 1, "150.2")

        async def is_long() -> bool:
            return [position.size for position in await venue.account.positions()] == [1]

        await eventually_async(is_long)
        # The shard must have applied a line without relief before the mode is left; then it may come back at once.
        assert (await venue.account.set_margin_mode(MarginMode.GROSS)).margin_mode is MarginMode.GROSS
        assert (await venue.account.set_margin_mode(MarginMode.SCENARIO)).margin_mode is MarginMode.SCENARIO
        # The shard still takes what the line covers, by the charge of the mode.
        await seller.place("SOL", Side.BUY, 1, "150.1")
        await buyer.place("SOL", Side.SELL, 1, "150.1")

        async def is_flat() -> bool:
            return await venue.account.positions() == ()

        await eventually_async(is_flat)
    assert (await venue.account.set_margin_mode(MarginMode.GROSS)).margin_mode is MarginMode.GROSS


async def test_leverages(trader: Opener) -> None:
    venue, other = await trader(), await trader()
    assert await venue.account.leverages() == {}
    assert await venue.account.set_leverage("SOL", 2) == {"SOL": 2}
    for leverage in (0, 21):
        with pytest.raises(LeverageRefused):
            await venue.account.set_leverage("SOL", leverage)
    with pytest.raises(InstrumentUnknown):
        await venue.account.set_leverage("DOGE", 2)
    async with venue.session() as buyer, other.session() as seller:
        await has_credit(buyer)
        await has_credit(seller)
        # 1,000 SOL are 150,200 dollars. At the largest leverage, 20, 7,510 of its 100,000 would do.
        await venue.account.set_leverage("SOL", 1)

        async def is_refused() -> bool:
            try:
                await buyer.place("SOL", Side.BUY, 1_000, "150.2", time_in_force=TimeInForce.IOC)
            except CreditExceeded:
                return True
            return False

        await eventually_async(is_refused)
        await seller.place("SOL", Side.SELL, 1, "150.2")
        await buyer.place("SOL", Side.BUY, 1, "150.2")

        async def is_long() -> bool:
            return [(each.size, each.leverage) for each in await venue.account.positions()] == [(Decimal(1), 1)]

        await eventually_async(is_long)
        # Of about 150 dollars of notional, whatever the mark is by now.
        state = await venue.account.get()
        assert Decimal(100) < state.initial_margin < Decimal(200)
        # Who goes back to the largest follows it again.
        assert await venue.account.set_leverage("SOL", 20) == {}
        await seller.place("SOL", Side.BUY, 1, "150.1")
        await buyer.place("SOL", Side.SELL, 1, "150.1")


async def test_collateral(trader: Opener) -> None:
    venue = await trader()
    cash = (await venue.account.get()).cash
    async with venue.account.events() as happened:
        (given,) = await venue.account.deposit_collateral("BTC", "0.5")
        # Nine tenths of half a BTC at 64,000.
        assert (given.instrument, given.size) == ("BTC", Decimal("0.5"))
        assert [given.held, given.counted] == [0, 28_800]
        state = await venue.account.get()
        assert [state.counted_collateral, state.equity] == [28_800, cash + 28_800]
        assert state.withdrawable == cash
        assert await venue.account.convert_collateral("BTC", "0.1") == 5_760
        (left,) = await venue.account.withdraw_collateral("BTC", "0.3")
        assert [left.size, left.counted] == [Decimal("0.1"), 5_760]
        assert await venue.account.collateral() == (left,)
        told = [await happened.next(10.0) for _ in range(3)]
    came, sold, gone = told
    assert isinstance(came, CollateralDeposited)
    assert isinstance(sold, CollateralConverted)
    assert isinstance(gone, CollateralWithdrawn)
    assert (came.size, sold.size, gone.size) == (Decimal("0.5"), Decimal("0.1"), Decimal("0.3"))
    assert [sold.amount, sold.index, sold.cause] == [5_760, 64_000, ConversionCause.REQUESTED]
    with pytest.raises(CollateralRefused):
        await venue.account.deposit_collateral("SOL", 1)
    with pytest.raises(CollateralRefused):
        await venue.account.withdraw_collateral("BTC", 1)


async def test_cancel_on_disconnect(trader: Opener) -> None:
    venue = await trader()
    async with venue.session(cancel_on_disconnect=True) as session:
        await has_credit(session)
        order = await session.place("SOL", Side.BUY, 1, 140)

    async def is_cancelled() -> bool:
        known = await venue.orders.get(client_order_id=order.client_order_id)
        return known.cancel_reason is CancelReason.DISCONNECTED

    await eventually_async(is_cancelled)


async def test_a_funding_interval_is_set_and_set_back(operator: Venue) -> None:
    before_ns = await operator.admin.set_funding_interval("SOL", 600_000_000_000, note="faster")
    assert await operator.admin.set_funding_interval("SOL", before_ns, note="as before") == 600_000_000_000


async def test_limits_refuse_by_their_own_errors_and_are_lifted(operator: Venue, trader: Opener) -> None:
    venue = await trader()
    account_id = (await venue.account.get()).account_id
    async with venue.session() as session:
        await has_credit(session)

        async def refused(kind: type[OrderRefused]) -> None:
            async def is_refused() -> bool:
                try:
                    await session.place("SOL", Side.BUY, 1, 140, time_in_force=TimeInForce.IOC)
                except OrderRefused as error:
                    return type(error) is kind
                return False

            await eventually_async(is_refused)

        await operator.admin.set_position_limit("SOL", account_id, size="0.5", exposure=10_000, note="large")
        await refused(PositionTooLarge)
        await operator.admin.set_position_limit("SOL", account_id, exposure=100, note="large")
        await refused(ExposureTooLarge)
        await operator.admin.set_position_limit("SOL", account_id, note="over")
        await operator.admin.set_group_limit("majors", account_id, net=100, gross=200, note="one-sided")
        await refused(GroupNetTooLarge)
        await operator.admin.set_group_limit("majors", account_id, gross=100, note="large")
        await refused(GroupGrossTooLarge)
        own = GroupLimit(group="majors", account_id=account_id, net=Decimal(0), gross=Decimal(100))
        assert await operator.admin.list_limits() == Limits(positions=(), groups=(own,), group_names=("majors",))
        await operator.admin.set_group_limit("majors", account_id, note="over")

        async def is_taken() -> bool:
            try:
                await session.place("SOL", Side.BUY, 1, 140, time_in_force=TimeInForce.IOC)
            except OrderRefused:
                return False
            return True

        await eventually_async(is_taken)


async def test_a_fault_deceives_one_consumer_alone(operator: Venue) -> None:
    fault = await operator.admin.set_fault(
        FaultKind.SPIKE, instruments=["BTC"], consumers=[Consumer.BOTS], magnitude="0.05"
    )
    try:
        assert fault in await operator.admin.list_faults()
        async with (
            operator.prices(Consumer.BOTS, ["BTC"]) as deceived,
            operator.prices(Consumer.TRUTH, ["BTC"]) as truth,
        ):
            await operator.admin.push_prices({"BTC": 64_000})
            # 64,000 × 1.05.
            await eventually_async(lambda: _is_index(deceived, Decimal(67_200)))
            assert await _is_index(truth, Decimal(64_000))
    finally:
        assert await operator.admin.clear_faults([fault.fault_id]) == (fault.fault_id,)


async def _is_index(stream: OraclePrices, expected: Decimal) -> bool:
    event = await stream.next(timeout=5)
    return isinstance(event, Prices) and event.index == expected


async def test_strategies_make_a_market(trader: Opener) -> None:
    maker, taker = await trader(), await trader()
    async with maker.session() as making, taker.session() as taking:
        await has_credit(making)
        await has_credit(taking)
    recorder = Recorder()
    quoting: Strategy = MarketMaker(MarketMakerSettings(instrument="ETH", size=Decimal("0.2"), max_position=Decimal(4)))
    flow: Strategy = TakerFlow(
        TakerSettings(instrument="ETH", mean_size=Decimal("0.1"), max_position=Decimal(3), rate=20.0), seed=1
    )
    running = [
        asyncio.create_task(Runner(quoting, maker, ["ETH"], telemetry=recorder).run()),
        asyncio.create_task(Runner(flow, taker, ["ETH"]).run()),
    ]
    try:
        await eventually_async(lambda: len(recorder.fills) >= 5, timeout=30)
    finally:
        for each in running:
            each.cancel()
        for each in running:
            with suppress(asyncio.CancelledError):
                await each
    assert all(fill.maker and fill.instrument == "ETH" for fill in recorder.fills)
    assert all(fill.index == Decimal("2500.5") for fill in recorder.fills)
    assert {latency.command for latency in recorder.latencies} >= {"place"}
    # Ending a session cancels what it left in the book.
    await eventually_async(lambda: _is_empty(maker))


async def _is_empty(venue: Venue) -> bool:
    return not await venue.orders.list_open()


def test_without_await(run_directory: Path) -> None:
    with Client(run_directory=run_directory) as client:
        client.admin.push_prices({"SOL": 150})
        account = client.admin.open_account("without await", 1_000)
        assert account in list(client.admin.list_accounts())
        with (
            client.market_data.subscribe([Channel.PRICES], ["SOL"]) as market,
            client.session(account_id=account.account_id) as session,
        ):
            assert session.account_id == account.account_id
            assert market.next(timeout=5).event_time_ns > 0
